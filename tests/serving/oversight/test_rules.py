"""Rules of a site: when they hold, what they force, what they forbid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import SettingsError
from features.tickets import Requester, Ticket
from serving.oversight.rules import Rule, SiteRules, When, apply_rules, contains_any
from serving.oversight.rules_preview import PastTicket, preview
from serving.oversight.written_rules import read_rules, write_rule
from serving.storage.policies import OffSwitch, OffSwitchKind

NOW = datetime(2026, 5, 14, 9, tzinfo=UTC)
RANSOMWARE = Rule("ransomware", When(words=("랜섬웨어", "ransomware")), force={"group": "security"})
LEAVERS = Rule("leavers", When(words=("퇴사", "leaver")), never_unattended=("*",))


def target(label: str = "network", decision: str = "autofill") -> dict[str, Any]:
    """A target of an answer."""
    return {
        "label": label,
        "probability": 0.97,
        "decision": decision,
        "because": "at or above the threshold 0.90",
        "alternatives": [{"label": "security", "probability": 0.03}],
        "reasons": [{"text": "VPN", "weight": 1.0}],
    }


def ruled(text: str, *rules: Rule, switches: tuple[OffSwitch, ...] = (), **ticket: Any) -> dict[str, Any]:
    """The targets of an answer as rules leave them."""
    answer = {"targets": {"category": target(), "group": target("desk")}}
    asked = Ticket(subject=text, **ticket)
    targets = apply_rules(answer, asked, SiteRules(rules, switches), now=NOW)["targets"]
    assert answer["targets"]["group"] == target("desk"), "the answer that came in is not changed"
    assert isinstance(targets, dict)
    return targets


def test_forced_label_is_no_probability() -> None:
    """A forced label runs unattended under the rule's name, without a probability or reasons of the model's."""
    group = ruled("PC가 랜섬웨어에 걸렸어요", RANSOMWARE)["group"]
    assert (group["label"], group["probability"], group["decision"], group["rule"]) == (
        "security",
        None,
        "autofill",
        "ransomware",
    )
    assert group["alternatives"] == [{"label": "desk", "probability": 0.97}]
    assert group["reasons"] == []


def test_rule_that_does_not_hold_leaves_the_answer_alone() -> None:
    """Without its words a rule does nothing."""
    assert ruled("VPN이 끊겨요", RANSOMWARE, LEAVERS) == {"category": target(), "group": target("desk")}


def test_forbidding_is_stronger_than_forcing() -> None:
    """Where one rule forces and another forbids, the forced label is suggested."""
    group = ruled("퇴사자 PC 랜섬웨어", RANSOMWARE, LEAVERS)["group"]
    assert (group["label"], group["decision"], group["rule"]) == ("security", "suggest", "ransomware")
    assert "leavers" in group["because"]


def test_first_rule_wins() -> None:
    """Of two rules that force one target, the first stands."""
    other = Rule("other", When(words=("랜섬웨어",)), force={"group": "desk-2"})
    assert ruled("랜섬웨어", RANSOMWARE, other)["group"]["rule"] == "ransomware"
    assert ruled("랜섬웨어", other, RANSOMWARE)["group"]["rule"] == "other"


@pytest.mark.parametrize(
    ("text", "word", "is_there"),
    [
        ("HR 문의", "hr", True),
        ("through the door", "hr", False),
        ("VPN이 안돼요", "vpn", True),
        ("개인정보유출이 의심됩니다", "정보유출", True),
        ("데이터  \n유출", "데이터 유출", True),
        ("랜섬\u200b웨어", "랜섬웨어", True),
        ("ＶＰＮ", "vpn", True),
        ("chr hr", "hr", True),
    ],
)
def test_words_are_found_as_people_write_them(text: str, word: str, *, is_there: bool) -> None:
    """A Latin word counts as a whole, a Korean one with whatever is written onto it; spelling of signs is one."""
    assert contains_any(text, [word]) is is_there


@given(before=st.text(max_size=20), after=st.text(max_size=20))
def test_korean_word_is_found_anywhere(before: str, after: str) -> None:
    """Whatever stands around it, a Korean word set apart by spaces is found, and no text breaks the search."""
    assert contains_any(f"{before} 랜섬웨어 {after}", ["랜섬웨어"])


def test_rule_holds_in_its_window_alone() -> None:
    """A maintenance window begins at its first moment and ends before its last."""
    when = When(begins_at=NOW, ends_at=NOW + timedelta(hours=1))
    held = [when.fits(Ticket(), now=NOW + timedelta(minutes=minutes)) for minutes in (-1, 0, 59, 60)]
    assert held == [False, True, True, False]


def test_every_stated_part_must_fit() -> None:
    """Requester, channel and attribute are compared without regard to case, and all that are stated must fit."""
    when = When(requesters=("CEO@example.com",), channels=("Mail",), attributes={"site": ("Seoul", "부산")})
    fitting = Ticket(channel="mail", requester=Requester(email="ceo@example.com"), attributes={"site": "seoul"})
    assert when.fits(fitting, now=NOW)
    assert not when.fits(Ticket(channel="mail", requester=Requester(email="ceo@example.com")), now=NOW)


@pytest.mark.parametrize(
    ("kind", "value", "is_off"),
    [
        (OffSwitchKind.CATEGORY, "Network", True),
        (OffSwitchKind.GROUP, "desk", True),
        (OffSwitchKind.REQUESTER, "vip@example.com", True),
        (OffSwitchKind.REQUESTER, "else@example.com", False),
    ],
)
def test_off_switch_stops_every_target(kind: OffSwitchKind, value: str, *, is_off: bool) -> None:
    """Nothing of a ticket runs unattended where its category, group or requester is switched off."""
    switch = OffSwitch("desk", kind, value, "kim", NOW)
    targets = ruled("VPN", switches=(switch,), requester=Requester(email="VIP@example.com"))
    assert {given["decision"] for given in targets.values()} == {"suggest" if is_off else "autofill"}


def test_written_rules_are_read_again() -> None:
    """A rule written as JSON and read again is the same."""
    rules = (RANSOMWARE, LEAVERS, Rule("window", When(begins_at=NOW, attributes={"a": ("b",)}), {"tier": "2"}))
    assert read_rules([write_rule(rule) for rule in rules]) == rules


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"name": "a", "when": {}, "force": {"group": "b"}}, "for no ticket"),
        ({"name": "a", "when": {"words": ["x"]}}, "neither forces"),
        ({"name": "a", "when": {"words": ["x"]}, "force": {"grup": "b"}}, "no target 'grup'"),
        ({"name": "a", "when": {"words": ["x"]}, "force": {"*": "b"}}, "no target"),
        ({"name": "", "when": {"words": ["x"]}, "force": {"group": "b"}}, "name"),
        ({"name": "a", "when": {"words": "x"}, "force": {"group": "b"}}, "words"),
    ],
)
def test_rule_that_makes_no_sense_is_refused(written: dict[str, Any], said: str) -> None:
    """A rule that would hold always, does nothing or names no target is refused with its place and the reason."""
    with pytest.raises(SettingsError, match=r"^Rule 1 cannot be used") as refused:
        read_rules([written])
    assert said in str(refused.value)


def test_preview_counts_what_would_have_been_otherwise() -> None:
    """Before a rule is saved, past tickets tell for how many it holds and what it would have changed."""
    answer = {"targets": {"category": target(), "group": target("desk", "suggest")}}
    texts = ("랜섬웨어 감염", "퇴사자 권한", "VPN")
    past = [PastTicket(Ticket(subject=text), answer, NOW) for text in texts]
    seen = preview(SiteRules((RANSOMWARE, LEAVERS)), past)
    assert (seen.tickets, seen.holding) == (3, {"ransomware": 1, "leavers": 1})
    assert (seen.relabelled, seen.held_back, seen.let_run) == (1, 1, 1)
