"""What a version wrote is taken back, against a simulated helpdesk and a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from serving.revert import Revert, RevertedEffect
from serving.storage.intake import EffectState, FieldStatus
from serving.storage.sql import open_storage
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


def _reverting(connected: Connected) -> Revert:
    return Revert(
        connected.connection.name,
        helpdesk=connected.helpdesk,
        effects=connected.storage.effects,
        clock=now,
        sleep=lambda _: None,
    )


def _run(connected: Connected) -> list[RevertedEffect]:
    return list(_reverting(connected).run(model_version="7", since=now() - timedelta(hours=1)))


def test_our_values_go_back_and_peoples_are_spared(connected: Connected) -> None:
    """What is still ours is as before, our tag is gone, what a person touched stays and is told; a note stays."""
    ticket = connected.simulated.add_ticket("VPN", "It drops.", tags=["vip"])
    connected.write(ticket, tags=("triage_tier_2",), priority="high", group="network-ops", category="network")
    connected.simulated.set_field(ticket, "group", "security", author=Author.AGENT)
    (told,) = _run(connected)
    assert (told.restored, told.touched, told.tags) == (("priority", "category"), ("group",), ("triage_tier_2",))
    assert (ticket.fields["priority"], ticket.fields["category"], ticket.fields["group"]) == ("normal", "", "security")
    assert ticket.tags == ["vip"]
    (effect,) = connected.storage.effects.for_ticket(connected.connection.name, ticket_id=ticket.id)
    assert effect.state is EffectState.REVERTED
    assert {one.target: one.status for one in effect.fields} == {
        "priority": FieldStatus.REVERTED,
        "group": FieldStatus.TOUCHED,
        "category": FieldStatus.REVERTED,
    }
    assert _run(connected) == []


def test_only_the_version_and_the_time_asked_for(connected: Connected) -> None:
    """Another version's values stay, and so do tags that it put there as well."""
    ticket = connected.simulated.add_ticket("VPN", "It drops.")
    connected.write(ticket, version="7", tags=("triage_tier_2",), priority="high")
    connected.write(ticket, version="8", tags=("triage_tier_2",), category="network")
    assert list(_reverting(connected).run(model_version="7", since=now() + timedelta(hours=1))) == []
    _run(connected)
    assert (ticket.fields["priority"], ticket.fields["category"]) == ("normal", "network")
    assert ticket.tags == ["triage_tier_2"]


def test_two_effects_lead_back_to_the_beginning(connected: Connected) -> None:
    """A ticket that a version wrote twice stands as before the first; a rehearsal says so and writes nothing."""
    ticket = connected.simulated.add_ticket("VPN", "It drops.")
    connected.write(ticket, priority="high")
    connected.write(ticket, priority="urgent")
    changes = ticket.changes
    rehearsed = list(_reverting(connected).rehearse(model_version="7", since=now() - timedelta(hours=1)))
    assert (ticket.fields["priority"], ticket.changes) == ("urgent", changes)
    assert [one.restored for one in rehearsed] == [("priority",), ("priority",)]
    assert _run(connected) == rehearsed
    assert ticket.fields["priority"] == "normal"


def test_what_failed_is_taken_back_by_the_next_run(connected: Connected) -> None:
    """A helpdesk that is down leaves the effect as it was; one written back before a crash is only marked."""
    ticket, gone = (connected.simulated.add_ticket(name, "It drops.") for name in ("VPN", "Mail"))
    connected.write(ticket, priority="high")
    connected.write(gone, priority="high")
    connected.simulated.faults.is_down = True
    assert all(one.problem for one in _run(connected))
    connected.simulated.faults.is_down = False
    connected.simulated.set_field(ticket, "priority", "normal", author=Author.US)
    del connected.simulated.tickets[gone.id]
    changes = ticket.changes
    assert {one.ticket_id: one.note for one in _run(connected)} == {ticket.id: "", gone.id: "the ticket is gone"}
    assert ticket.changes == changes
    assert _run(connected) == []


def test_failing_calls_are_made_again(connected: Connected) -> None:
    """Calls that fail, some after the work was done, leave every ticket as before."""
    tickets = [connected.simulated.add_ticket(f"VPN {number}", "It drops.") for number in range(5)]
    for ticket in tickets:
        connected.write(ticket, priority="high")
    connected.simulated.faults.failing_share = 0.3
    while _run(connected):
        pass
    assert {ticket.fields["priority"] for ticket in tickets} == {"normal"}
