"""The pages of promises, modes, rules and glossaries: tried before they are saved, undone, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from features.decisions import PolicyState
from serving.connections import Mode
from serving.storage.policies import OffSwitchKind
from tests.oversight_desk import arrived, state, trained_desk
from tests.review_desk import MODEL, START, Desk, Page, targets

CATEGORY = "/review/policy/helpdesk/category"
RULES = "/review/rules"
GLOSSARY = "/review/policy/helpdesk/glossary"
RANSOMWARE = {
    "connection": "helpdesk",
    "version": "0",
    "name": "ransomware",
    "words": "ransomware\n랜섬웨어",
    "force-group": "security",
    "never": "*",
}


@pytest.fixture(scope="module")
def shared(sample_bundle: Path, tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Iterator[Desk]:
    """A service with a model that lasts for the module; what a test sets stays, on a target of its own."""
    with trained_desk(sample_bundle, tmp_path_factory.mktemp("policy"), password_hash=password_hash) as opened:
        sure = targets("network", 0.99)
        for number in range(1, 9):
            body = "랜섬웨어에 감염됐습니다" if number == 1 else "vpn drops every few minutes"
            arrived(opened.storage, number, at=START - timedelta(days=number), body=body, said=sure)
        arrived(opened.storage, 9, at=START - timedelta(days=31), body="랜섬웨어", said=sure)
        yield opened


def _key(target: str) -> dict[str, str]:
    return {"model": MODEL.name, "connection": "helpdesk", "target": target}


def test_a_promise_tells_beforehand_what_it_buys(shared: Desk) -> None:
    """In tickets a week, per class and language, drawn; what the evidence does not show is said in a sentence."""
    browser = shared.browser("minji")
    loose = browser.page(f"{CATEGORY}?error=45&mode=autofill")
    assert "a week," in loose.text
    assert "run unattended, at most" in loose.text
    assert "Of 8 tickets of the last 30 days, 0 ran unattended. With the change it would be 8." in loose.text
    assert "By predicted label" in loose.text
    assert loose.html.count('class="drawing"') == 2
    strict = browser.page(f"{CATEGORY}?error=1&mode=autofill")
    assert "No promise of at most 1 % wrong" in strict.text
    korean = browser.page(f"{CATEGORY}?error=1&mode=autofill&language=ko").text
    assert "신뢰도 95 %에서 오류 1 % 이하라는 약속을 할 수 없습니다" in korean
    assert "No promise" not in korean
    assert shared.storage.policies.promises.current(**_key("category")) is None, "to look is to set nothing"


def test_a_promise_and_a_mode_are_saved_and_undone(shared: Desk) -> None:
    """What was tried is in force once it is saved; undo sets what stood before, and both stand in the history."""
    browser, policies = shared.browser("minji"), shared.storage.policies
    path = "/review/policy/helpdesk/kind"
    chosen = {"do": "save", "error": "45", "mode": "autofill", "version-promise": "0", "version-mode": "0"}
    assert browser.send(path, **chosen).status_code == 303
    record, mode = (
        policies.promises.current(**_key("kind")),
        policies.modes.current(connection="helpdesk", target="kind"),
    )
    assert record is not None
    assert mode is not None
    assert (record.largest_error, mode.mode) == (0.45, Mode.AUTOFILL)
    assert browser.send(path, **chosen).status_code == 409, "another page that shows an older version saves nothing"
    page = browser.page(path)
    assert "At most 45 % wrong" in page.text
    assert "Minji" in page.text
    assert browser.send(path, do="undo", kind="promise", version="1").status_code == 303
    assert browser.send(path, do="undo", kind="promise", version="1").status_code == 409
    assert browser.send(path, do="undo", kind="mode", version="1").status_code == 303
    undone = policies.promises.current(**_key("kind"))
    assert undone is not None
    assert undone.largest_error is None
    again = policies.modes.current(connection="helpdesk", target="kind")
    assert again is not None
    assert again.mode is Mode.MONITOR
    assert "taken back" in browser.page(path).text


def test_after_a_fallback_it_is_resumed_with_a_reason(shared: Desk) -> None:
    """The page says why it fell back; without a reason nothing is resumed."""
    states = shared.storage.policies.states
    browser, path = shared.browser("adam"), "/review/policy/helpdesk/group"
    states.set(state("group", PolicyState.FALLEN_BACK, at=shared.clock() + timedelta(days=900)))
    assert "Of 80 audits 9 were wrong" in browser.page(path).text
    assert browser.send(path, **{"do": "resume", "because": " ", "version-state": "1"}).status_code == 422
    assert browser.send(path, **{"do": "resume", "because": "mended", "version-state": "1"}).status_code == 303
    resumed = states.current(**_key("group"))
    assert resumed is not None
    assert (resumed.state, resumed.because) == (PolicyState.RUNNING, "mended")
    assert browser.send(path, **{"do": "off", "because": "x", "version-state": "1"}).status_code == 409


@pytest.mark.parametrize(
    "query", ["error=many&mode=autofill", "error=80&mode=autofill", "error=-1&mode=autofill", "error=nan&mode=off"]
)
def test_a_share_that_is_none_is_refused_in_words(shared: Desk, query: str) -> None:
    """What cannot be promised is said; the form comes back."""
    reply = shared.browser("minji").get(f"{CATEGORY}?{query}")
    assert reply.status_code == 422
    assert 'id="problem"' in reply.text


def test_a_rule_is_tried_on_the_last_30_days_then_saved_and_undone(shared: Desk) -> None:
    """The numbers are those of the tickets that said so within 30 days; trying saves nothing."""
    browser, rules = shared.browser("minji"), shared.storage.policies.rules
    tried = browser.send(RULES, do="try", **RANSOMWARE)
    assert "Tried on 8 tickets of the last 30 days." in tried.text
    assert 'ransomware</th><td class="num">1</td>' in tried.text
    assert rules.current(connection="helpdesk") is None
    form = Page(tried.text)
    saved = {name: form.field(name) for name in ("connection", "version", "do")}
    written = dict(form.forms["save-form"])["rules"]
    assert browser.send(RULES, **saved, rules=written, note="asked for by security").status_code == 303
    assert browser.send(RULES, **{**saved, "do": "save", "version": "0"}, rules=written).status_code == 409
    page = browser.page(f"{RULES}?connection=helpdesk")
    assert "asked for by security" in page.text
    assert "never unattended: everything" in page.text
    assert "ransomware" in browser.page(f"{RULES}?connection=helpdesk&rule=ransomware").ids["rule-name"]["value"]
    assert browser.send(RULES, connection="helpdesk", do="undo", version="1").status_code == 303
    current = rules.current(connection="helpdesk")
    assert current is not None
    assert current.rules == []


@pytest.mark.parametrize(
    "changes", [{"words": ""}, {"name": ""}, {"begins_at": "soon"}, {"force-group": "", "never": ""}]
)
def test_a_rule_that_is_none_comes_back_as_it_was_typed(shared: Desk, changes: dict[str, str]) -> None:
    """What is wrong is said, and nothing that was typed is lost."""
    reply = shared.browser("minji").send(RULES, do="try", **{**RANSOMWARE, **changes})
    assert reply.status_code == 422
    assert 'id="problem"' in reply.text
    assert changes.get("words", "랜섬웨어") in reply.text


@pytest.mark.parametrize("rules", ["", "{}", "[1]", "not json", '[{"name": "x"}]'])
def test_rules_that_did_not_come_from_the_page_are_refused(shared: Desk, rules: str) -> None:
    """What a form carries is checked again when it is saved."""
    reply = shared.browser("minji").send(RULES, connection="", do="save", rules=rules, version="0")
    assert reply.status_code == 422


def test_an_off_switch_is_tried_switched_and_switched_on_again(shared: Desk) -> None:
    """One version after the other, each by somebody."""
    browser, switches = shared.browser("minji"), shared.storage.policies.off_switches
    named = {"connection": "helpdesk", "kind": "requester", "value": "Board"}
    assert "Switch off Requester “Board”" in browser.send(RULES, do="try_switch", **named).text
    assert switches.all_current(connection="helpdesk") == []
    assert browser.send(RULES, do="switch_off", version="0", **named).status_code == 303
    assert browser.send(RULES, do="switch_off", version="0", **named).status_code == 409
    assert "off since" in browser.page(f"{RULES}?connection=helpdesk").text
    assert browser.send(RULES, do="switch_on", version="1", **named).status_code == 303
    current = switches.current(connection="helpdesk", kind=OffSwitchKind.REQUESTER.value, value="Board")
    assert current is not None
    assert not current.is_off


def test_a_glossary_is_tried_saved_and_undone(shared: Desk) -> None:
    """The page says how many tickets a spelling would have reached."""
    browser, glossaries = shared.browser("minji"), shared.storage.policies.glossaries
    entries = "Tunnel = vpn, 브이피엔"
    assert "Of 8 tickets of the last 30 days, 7 contain" in browser.send(GLOSSARY, do="try", entries=entries).text
    assert glossaries.current(connection="helpdesk") is None
    assert browser.send(GLOSSARY, do="save", entries=entries, version="0", note="first").status_code == 303
    kept = glossaries.current(connection="helpdesk")
    assert kept is not None
    assert kept.entries == [{"canonical": "Tunnel", "variants": ["vpn", "브이피엔"]}]
    assert browser.send(GLOSSARY, do="save", entries=entries, version="0").status_code == 409
    assert browser.send(GLOSSARY, do="try", entries="no equals sign").status_code == 422
    assert browser.send(GLOSSARY, do="undo", version="1").status_code == 303
    undone = glossaries.current(connection="helpdesk")
    assert undone is not None
    assert undone.entries == []


@pytest.mark.parametrize("path", ["/review/policy", CATEGORY, "/review/policy/-/category", RULES, GLOSSARY])
def test_every_role_may_look(shared: Desk, path: str) -> None:
    """A data scientist sees the same and no form; a stranger is sent to the sign-in."""
    for who in ("minji", "hana", "adam"):
        assert 'id="read-only"' not in shared.browser(who).page(path).html
    reader = shared.browser("dana").page(path)
    assert 'id="read-only"' in reader.html
    guarded = [name for name, fields in reader.forms.items() if "csrf" in dict(fields)]
    assert guarded == ["/review/sign-out"], "she may try a promise, which sets nothing"
    assert shared.browser().get(path).status_code == 303


@pytest.mark.parametrize("path", [CATEGORY, RULES, GLOSSARY])
def test_only_leads_and_administrators_change_anything(shared: Desk, path: str) -> None:
    """Neither a data scientist, nor a stranger, nor a form of another session sets anything."""
    lead = shared.browser("minji")
    for who in ("minji", "hana", "adam"):
        assert shared.browser(who).send(path, connection="helpdesk", do="nothing").status_code == 200
    assert shared.browser("dana").send(path, connection="helpdesk", do="save").status_code == 403
    assert shared.browser().post(path, {"do": "save"}).status_code == 401
    assert lead.post(path, {"do": "save"}).status_code == 403
    assert lead.post(path, {"do": "save", "csrf": "guessed"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/review/policy/other/category", "/review/policy/helpdesk/colour", "/review/rules?connection=other",
     "/review/rules?connection=helpdesk&rule=none", "/review/policy/other/glossary"],
)  # fmt: skip
def test_what_there_is_not_is_not_found(shared: Desk, path: str) -> None:
    """A connection, target or rule that there is not has no page."""
    assert shared.browser("minji").get(path).status_code == 404


def test_without_a_model_the_page_says_so(desk: Desk) -> None:
    """As long as no model is loaded nothing can be promised, and the page stands all the same."""
    assert "is not loaded yet" in desk.browser("minji").page("/review/policy").text
    assert desk.browser("minji").get(CATEGORY).status_code == 404
