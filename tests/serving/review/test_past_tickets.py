"""The tickets on which a change is tried: those of 30 days, read in parts, and what is said where not all were."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serving.review import past_tickets
from serving.review.past_tickets import PastTickets
from tests.oversight_desk import arrived
from tests.review_desk import START, Desk

RULE = {"connection": "helpdesk", "version": "0", "name": "vpn", "words": "vpn", "force-group": "network-ops"}
ENTRIES = "Tunnel = vpn"


def fill(desk: Desk, number_of_tickets: int) -> None:
    """Let tickets arrive, several in one moment, and one more that is too old."""
    for number in range(number_of_tickets):
        arrived(desk.storage, number, at=START - timedelta(days=number // 3), body="vpn drops")
    arrived(desk.storage, 999, at=START - timedelta(days=31), body="vpn drops")


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
def test_every_ticket_of_30_days_is_found_in_whatever_parts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """None is lost or there twice where one part ends and the next begins."""
    monkeypatch.setattr(past_tickets, "_AT_ONCE", at_once)
    fill(desk, 10)
    past = PastTickets(desk.storage, clock=desk.clock).of("helpdesk")
    assert sorted(one.ticket.id for one in past.tickets) == sorted(f"D-{number}" for number in range(10))
    assert (past.looked_at, past.arrived, past.is_cut) == (10, 10, False)


def test_the_newest_state_of_a_ticket_tells(desk: Desk) -> None:
    """A ticket that arrived again is one ticket, as it was answered last."""
    arrived(desk.storage, 1, at=START - timedelta(days=2), body="printer")
    arrived(desk.storage, 1, at=START - timedelta(days=1), body="vpn drops", key="again")
    past = PastTickets(desk.storage, clock=desk.clock).of("helpdesk")
    assert [one.ticket.body for one in past.tickets] == ["vpn drops"]
    assert past.looked_at == 2


def test_what_a_bound_left_out_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are looked at, and the pages say how many of how many."""
    fill(desk, 10)
    past = PastTickets(desk.storage, clock=desk.clock, most_deliveries=4).of("helpdesk")
    assert {one.ticket.id for one in past.tickets} > {"D-0", "D-1", "D-2"}
    assert (past.looked_at, past.arrived, past.is_cut) == (4, 10, True)
    browser = desk.browser("minji")
    whole = browser.send("/review/rules", do="try", **RULE).text
    assert "Tried on 10 tickets" in whole
    assert "were looked at" not in whole
    monkeypatch.setattr(PastTickets, "of", lambda *_: past)
    cut = "Of the 10 deliveries of the last 30 days the newest 4 were looked at."
    assert cut in browser.send("/review/rules", do="try", **RULE).text
    assert cut in browser.send("/review/policy/helpdesk/glossary", do="try", entries=ENTRIES).text


def test_callers_of_the_api_have_no_past(desk: Desk) -> None:
    """What no connection brought is not kept."""
    assert PastTickets(desk.storage, clock=desk.clock).of("") == past_tickets.Past()
