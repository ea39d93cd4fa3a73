"""Tickets that no delivery told of are taken in, against a simulated helpdesk and a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from serving.storage.sql import open_storage
from serving.sweep import Swept, sweep
from tests.connected_helpdesk import Connected, now
from tests.simulated_helpdesks.tickets import Author
from tests.simulated_helpdesks.zendesk import SimulatedZendesk


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[Connected]:
    storage = open_storage(f"sqlite:///{tmp_path / 'triage.db'}")
    with SimulatedZendesk().running() as simulated:
        connected = Connected.to(simulated, storage=storage, folder=tmp_path)
        yield connected
        connected.close()


def _sweep(connected: Connected) -> Swept:
    return sweep(
        connected.connection,
        helpdesk=connected.helpdesk,
        deliveries=connected.storage.deliveries,
        since=now() - timedelta(hours=24),
        clock=now,
    )


def test_a_missed_ticket_is_taken_in_once(connected: Connected) -> None:
    """However often it is swept, a ticket that nothing told of is one delivery."""
    ticket = connected.simulated.add_ticket("VPN", "연결이 계속 끊깁니다.")
    assert _sweep(connected) == Swept(seen=1, taken_in=1)
    connected.simulated.set_field(ticket, "priority", "high", author=Author.AGENT)
    assert _sweep(connected) == Swept(seen=1)
    (delivery,) = connected.storage.deliveries.list()
    assert (delivery.ticket_id, delivery.kind, delivery.state) == (ticket.id, "created", "accepted")
    assert delivery.requester_sha256


def test_a_closed_ticket_brings_its_final_values_once_for_each_close(connected: Connected) -> None:
    """A closed ticket is never triaged; closed again after a change, its newer values are asked for."""
    ticket = connected.simulated.add_ticket("VPN", "It drops.")
    connected.simulated.close_ticket(ticket)
    assert _sweep(connected) == Swept(seen=1, closed=1)
    assert _sweep(connected) == Swept(seen=1)
    connected.simulated.set_field(ticket, "priority", "high", author=Author.AGENT)
    assert _sweep(connected) == Swept(seen=1, closed=1)
    assert {one.kind for one in connected.storage.deliveries.list()} == {"closed"}


def test_an_old_ticket_is_not_looked_at(connected: Connected) -> None:
    """What has not changed since the moment asked for is left out."""
    ticket = connected.simulated.add_ticket("VPN", "It drops.")
    ticket.created_at = ticket.updated_at = now() - timedelta(days=3)
    assert _sweep(connected) == Swept()
