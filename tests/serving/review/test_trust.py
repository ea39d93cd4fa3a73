"""The page of trust as a browser gets it: figures, the tickets behind them, and who is told what."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.decisions import PolicyState
from features.live_error import LiveError
from serving.review.drawings import Band, Bar, error_over_time, shares_by_part, shares_by_week
from serving.review.trust_drawings import exact
from serving.storage.intake import SetBy
from tests.oversight_desk import alert, audit, closed, promise, ran, state, told, trained_desk
from tests.review_desk import START, Desk, item_id, make_audit, make_item

_DAY = timedelta(days=1)
PAGES = ("/review/trust", "/review/trust.csv", "/review/trust/tickets?kind=audits&target=group")


def test_a_promise_is_shown_against_what_audits_found(desk: Desk) -> None:
    """The error, its interval and the verdict are those of the test that is valid at any time of looking."""
    desk.storage.policies.promises.set(promise("group"))
    for number in range(1, 41):
        audit(desk.storage, number, given="service-desk" if number % 8 == 0 else "network-ops", at=START + _DAY)
    desk.clock.move(days=2)
    page = desk.browser("minji").page("/review/trust")
    low, high = LiveError(0.05).seen(wrong=5, right=35).interval
    assert f"5 of 40 audits wrong: {exact(5 / 40)}, between {exact(low)} to {exact(high)}" in page.text
    assert "At most 5 % wrong" in page.text
    assert "promised 5 %" in page.text
    assert page.html.count('class="drawing"') >= 2
    assert page.html.count("<table>") >= page.html.count('class="drawing"'), "each drawing has its table"


def test_a_broken_promise_is_called_broken(desk: Desk) -> None:
    """What fell back still shows the audits that it fell back for, and why."""
    desk.storage.policies.promises.set(promise("group"))
    for number in range(1, 31):
        audit(desk.storage, number, given="service-desk" if number % 2 else "network-ops", at=START + _DAY)
    desk.storage.policies.states.set(state("group", PolicyState.FALLEN_BACK, at=START + 2 * _DAY))
    desk.clock.move(days=3)
    page = desk.browser("minji").page("/review/trust")
    assert "Audits show the promise broken" in page.text
    assert "fallen back to suggestions" in page.text
    assert "15 of 30 audits wrong" in page.text


def test_misroutes_come_from_audits_and_closings_with_an_example(desk: Desk) -> None:
    """What audits found and what people moved add up, each with a ticket to open."""
    desk.storage.policies.promises.set(promise("group"))
    audit(desk.storage, 1, given="service-desk")
    for number in (2, 3):
        desk.storage.outcomes.unattended.record_all([ran(make_item(number))])
        closed(desk.storage, f"HD-{number}", group="workplace")
    desk.storage.outcomes.unattended.record_all([ran(make_item(4)), ran(make_item(5))])
    closed(desk.storage, "HD-4", group="network-ops", by=SetBy.US)
    page = desk.browser("minji").page("/review/trust")
    assert page.html.index("workplace") < page.html.index("service-desk")
    assert f"/review/items/{item_id(1)}" in page.html
    assert "/review/tickets/helpdesk/HD-3" in page.html
    assert "Of 3 tickets that were routed unattended and are closed, people moved 2" in page.text


def misrouted(desk: Desk, number: int, *, to: str) -> None:
    """Let a ticket be routed unattended and moved by a person."""
    desk.storage.outcomes.unattended.record_all([ran(make_item(number))])
    closed(desk.storage, f"HD-{number}", group=to)


def costs(desk: Desk) -> dict[str, float]:
    """Return the minutes of the misroutes by the right group, in their order on the page."""
    table = list(csv.reader(io.StringIO(desk.browser("minji").get("/review/trust.csv").text.lstrip("\ufeff"))))
    minutes = {row[4]: float(row[6]) for row in table if (row[0], row[5]) == ("misroute", "minutes") and row[4]}
    html = desk.browser("minji").page("/review/trust").html
    assert sorted(minutes, key=lambda group: html.index(f"<td>{group}</td>")) == list(minutes)
    return minutes


def test_the_costliest_misroutes_come_first(desk: Desk) -> None:
    """One that lost half a day goes before three that were put right at once; what is not told costs the mean."""
    for number, group in ((1, "workplace"), (2, "workplace"), (3, "workplace"), (4, "payroll"), (5, "sap")):
        misrouted(desk, number, to=group)
    audit(desk.storage, 6, given="service-desk")
    for ticket, minutes in ((1, 5), (2, 10), (3, 15), (4, 300)):
        told(desk.storage, f"told-{ticket}", at=START, ticket_id=f"HD-{ticket}", minutes_to_right_group=minutes)
    told(desk.storage, "told-5", at=START, ticket_id="HD-5", reassignments=3)
    assert costs(desk) == {"payroll": 300, "sap": 3 * 82.5, "service-desk": 82.5, "workplace": 30}
    page = desk.browser("minji").page("/review/trust")
    assert "82 for each move: the mean of the misrouted tickets" in page.text
    assert "payroll 300 0 1" in page.text


def test_without_a_word_from_the_helpdesk_a_misroute_costs_what_is_stated(desk: Desk) -> None:
    """The default is told on the page, and the most frequent is then the costliest."""
    for number, group in ((1, "payroll"), (2, "workplace"), (3, "workplace")):
        misrouted(desk, number, to=group)
    told(desk.storage, "elsewhere", at=START, minutes_to_right_group=5)
    assert costs(desk) == {"workplace": 120, "payroll": 60}
    assert (
        "Where the helpdesk does not tell them, 60 for each move." in desk.browser("minji").page("/review/trust").text
    )
    assert "옮길 때마다 60분" in desk.browser("minji").page("/review/trust?language=ko").text


def test_the_promise_on_urgent_tickets_is_shown_against_its_audits(desk: Desk) -> None:
    """Its share, interval and verdict stand beside those of the error; the file has them too."""
    made = replace(promise("priority", 0.2), largest_understated=0.1, urgent_labels=("urgent",))
    desk.storage.policies.promises.set(made)
    page = desk.browser("minji").page("/review/trust")
    assert "No audit has found an urgent ticket yet." in page.text
    for number in range(1, 31):
        suggested = "low" if number % 2 else "urgent"
        audit(desk.storage, number, given="urgent", target="priority", suggested=suggested, at=START + _DAY)
    desk.clock.move(days=2)
    low, high = LiveError(0.1).seen(wrong=15, right=15).interval
    browser = desk.browser("minji")
    page = browser.page("/review/trust")
    shown = f"15 of 30 urgent tickets put lower unattended: 50 %, between {exact(low)} to {exact(high)}"
    assert shown in page.text
    assert "at most 10 % of urgent" in page.text
    assert page.text.count("Audits show the promise broken") == 2
    assert "더 낮게 매겨진 긴급한 문의" in browser.page("/review/trust?language=ko").text
    assert "audited_urgent,helpdesk,priority," in browser.get("/review/trust.csv").text


def test_the_way_to_the_right_group_is_told_before_and_since(desk: Desk) -> None:
    """What helpdesks tell is parted at the first ticket that was routed unattended."""
    desk.storage.policies.promises.set(promise("group"))
    desk.storage.outcomes.unattended.record_all([ran(make_item(1))])
    told(desk.storage, "a", at=START - 3 * _DAY, reassignments=3, minutes_to_right_group=90)
    told(desk.storage, "b", at=START - 2 * _DAY, reassignments=1)
    told(desk.storage, "c", at=START + _DAY, reassignments=0, minutes_to_right_group=4)
    desk.clock.move(days=2)
    table = list(csv.reader(io.StringIO(desk.browser("minji").get("/review/trust.csv").text.lstrip("\ufeff"))))
    figures = {(row[3], row[5]): row[6] for row in table if row[0] == "routing"}
    assert (figures["before", "reassignments"], figures["before", "minutes_to_right_group"]) == ("2.0", "90.0")
    assert (figures["since", "tickets"], figures["since", "reassignments"]) == ("1", "0.0")


def test_one_click_leads_from_a_figure_to_its_tickets(desk: Desk) -> None:
    """The tickets of a cell are those that it counts."""
    desk.storage.policies.promises.set(promise("group"))
    audit(desk.storage, 1, given="service-desk")
    audit(desk.storage, 2, given="network-ops")
    audit(desk.storage, 3, given="service-desk", language="ko")
    browser = desk.browser("minji")
    tickets = "/review/trust/tickets?kind=audits&target=group"
    assert f"{tickets.replace('&', '&amp;')}" in browser.page("/review/trust").html.replace(
        "connection=helpdesk&amp;", ""
    )
    shown = browser.page(f"{tickets}&only=different&ticket_language=en")
    assert f"/review/items/{item_id(1)}" in shown.html
    assert item_id(2) not in shown.html
    assert item_id(3) not in shown.html
    assert "HD-1" in browser.page("/review/trust/tickets?kind=unattended&target=group").text


def test_nothing_tells_of_an_audit_that_waits_for_the_visitor(desk: Desk) -> None:
    """A second lead is not told what the first one found, nor what was suggested, before she has answered."""
    desk.storage.policies.promises.set(promise("group"))
    audit(desk.storage, 1, given="service-desk", wanted=2)
    desk.storage.outcomes.unattended.record_all([ran(make_item(2, is_audit=True))])
    desk.add(make_audit(2))
    second, first = desk.browser("sora"), desk.browser("minji")
    for kind in ("audits", "unattended"):
        path = f"/review/trust/tickets?kind={kind}&target=group"
        assert "HD-1<" not in second.page(path).html
        assert "HD-2<" not in first.page(path).html
        assert "HD-1<" in first.page(path).html
    assert item_id(1) not in second.page("/review/trust").html
    assert item_id(1) in first.page("/review/trust").html


def test_tickets_of_a_restricted_group_are_for_nobody_outside(desk: Desk) -> None:
    """Neither as an example nor behind a figure: only who belongs to the group is led to its tickets."""
    desk.storage.policies.promises.set(promise("group"))
    audit(desk.storage, 1, given="payroll", suggested="people-ops", group="people-ops")
    desk.storage.outcomes.unattended.record_all([ran(make_item(2, group="people-ops"), label="people-ops")])
    closed(desk.storage, "HD-2", group="payroll")
    paths = ["/review/trust", *(f"/review/trust/tickets?kind={kind}&target=group" for kind in ("audits", "unattended"))]
    paths += ["/review/trust/tickets?kind=moved&suggested=people-ops&given=payroll"]
    paths += ["/review/trust/tickets?kind=label&target=group&given=payroll"]
    inside, outside = desk.browser("hana"), desk.browser("minji")
    for path in paths:
        html = outside.page(path).html
        assert item_id(1) not in html, path
        assert "HD-1<" not in html, path
        assert "HD-2" not in html, path
    assert "HD-1<" in inside.page(paths[1]).html


def test_no_figure_is_by_person(desk: Desk) -> None:
    """Neither the page nor the file names who answered, asked or changed anything."""
    desk.storage.policies.promises.set(promise("group"))
    audit(desk.storage, 1, given="service-desk", leads=2, wanted=2)
    told(desk.storage, "a", at=START, group="service-desk")
    browser = desk.browser("adam")
    shown = browser.page("/review/trust").html + browser.get("/review/trust.csv").text
    for name in ("Minji", "Sora", "minji", "agent-17", item_id(9000)):
        assert name not in shown
    assert "1 of 1: 100 %" in browser.page("/review/trust").text


def test_labels_that_the_model_does_not_know_are_named(sample_bundle: Path, tmp_path: Path, password_hash: str) -> None:
    """What people give and the model has never seen is listed with how often."""
    with trained_desk(sample_bundle, tmp_path, password_hash=password_hash) as desk:
        closed(desk.storage, "HD-1", category="quantum")
        closed(desk.storage, "HD-2", category="Quantum-2", by=SetBy.US)
        told(desk.storage, "a", at=START, category="quantum", reassignments=2)
        page = desk.browser("minji").page("/review/trust")
    assert "quantum 2" in page.text
    assert "Quantum-2" not in page.text


def test_a_spreadsheet_takes_no_label_for_a_formula(desk: Desk) -> None:
    """A label that begins like a formula is a text in the file."""
    desk.storage.policies.promises.set(promise("group"))
    audit(desk.storage, 1, given="=HYPERLINK(1)", suggested="+cmd")
    reply = desk.browser("minji").get("/review/trust.csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    cells = [cell for row in csv.reader(io.StringIO(reply.text)) for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_what_people_write_is_never_markup(desk: Desk) -> None:
    """A label with markup in it is shown as it is, in drawings too."""
    evil = '"><script>alert(1)</script>'
    desk.storage.policies.promises.set(promise("group"))
    audit(desk.storage, 1, given=evil, suggested=evil[::-1])
    audit(desk.storage, 2, given="a", suggested=evil)
    page = desk.browser("minji").page("/review/trust")
    assert "alert(1)" in page.html
    assert "<script>alert" not in page.html


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("who", ["minji", "hana", "dana", "adam", ""])
def test_every_role_may_look_and_nobody_else(desk: Desk, path: str, who: str) -> None:
    """Figures are for whoever is signed in; a stranger is sent to the sign-in."""
    reply = desk.browser(who).get(path)
    assert reply.status_code == (200 if who else 303)
    if not who:
        assert reply.headers["location"].startswith("/review/sign-in")


@pytest.mark.parametrize("query", ["kind=nothing", "", "kind=audits&week=soon", "kind=audits&connection=other"])
def test_no_figure_is_no_page(desk: Desk, query: str) -> None:
    """An address that names no figure, or a connection that there is not, finds nothing."""
    assert desk.browser("minji").get(f"/review/trust/tickets?{query}").status_code == 404


def test_both_languages_say_it(desk: Desk) -> None:
    """The page is in the language of whoever looks."""
    desk.storage.policies.promises.set(promise("group"))
    audit(desk.storage, 1, given="service-desk")
    browser = desk.browser("minji")
    assert "감사에서 드러난 오류" in browser.page("/review/trust?language=ko").text
    assert "Audited error" in browser.page("/review/trust?language=en").text


def test_an_alert_stands_on_every_page_until_somebody_has_seen_it(desk: Desk) -> None:
    """Whoever looks sees it, in their language; who may change policies acknowledges it, once and on the record."""
    desk.storage.policies.alerts.raise_alert(alert())
    data_scientist, lead = desk.browser("dana"), desk.browser("minji")
    for path in ("/review", "/review/trust", "/review/policy", "/review/rules"):
        assert "Audits found the promise broken." in data_scientist.page(path).text
    assert "감사에서 약속이 깨졌습니다." in data_scientist.page("/review?language=ko").text
    assert data_scientist.send("/review/alerts", alert="breach:1").status_code == 403
    assert desk.browser().post("/review/alerts", {"alert": "breach:1"}).status_code == 401
    assert lead.post("/review/alerts", {"alert": "breach:1"}).status_code == 403, "without the token of the session"
    assert lead.send("/review/alerts", alert="breach:1").status_code == 303
    assert "promise broken" not in lead.page("/review").text
    seen = desk.storage.policies.alerts.find("breach:1")
    assert seen is not None
    assert seen.acknowledged_by == item_id(9000)


_SHARES = st.floats(0, 1, allow_nan=False)


@given(st.lists(st.tuples(_SHARES, _SHARES, _SHARES), max_size=40), st.none() | _SHARES, st.text(max_size=30))
@settings(max_examples=40, deadline=None)
def test_any_figures_can_be_drawn(told: list[tuple[float, float, float]], promised: float | None, name: str) -> None:
    """Whatever the shares and names, a drawing is one image inside of which nothing stands that is no number."""
    points = [Band(place, *sorted((low, value, high))) for place, (low, value, high) in enumerate(told)]
    bars = [Bar(name, value, name) for _, value, _ in told]
    for drawn in (
        error_over_time(points, promised=promised, title=name, begin=name, end=name, percent=exact, promise_name=name),
        shares_by_week(bars, title=name, percent=exact),
        shares_by_part(bars, title=name),
    ):
        assert drawn.startswith("<svg ")
        assert drawn.count("<svg") == 1
        assert "nan" not in drawn.replace(name, "")
        assert 'style="' not in drawn
