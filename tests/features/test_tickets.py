"""The ticket: a value that nobody can change, empty where the helpdesk said nothing."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from features.tickets import Requester, Ticket


def test_all_of_a_ticket_may_be_absent() -> None:
    """A ticket of which nothing is known holds empty texts and no date, and nobody's requester."""
    ticket = Ticket()
    stated = {each.name: getattr(ticket, each.name) for each in fields(Ticket)}
    assert stated.pop("created_at") is None
    assert stated.pop("requester") == Requester("", "", "", {})
    assert stated.pop("attributes") == {}
    assert set(stated.values()) == {""}


def test_tickets_share_no_attributes() -> None:
    """Each ticket has attributes of its own."""
    assert Ticket().attributes is not Ticket().attributes
    assert Requester().attributes is not Requester().attributes


def test_a_ticket_cannot_be_changed() -> None:
    """A ticket is a value: what several threads score stays what it was."""
    ticket = Ticket(subject="vpn")
    with pytest.raises(FrozenInstanceError):
        ticket.subject = "mail"  # type: ignore[misc]  # that it is refused is what is tested
