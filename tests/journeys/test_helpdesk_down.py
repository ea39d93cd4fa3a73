"""A helpdesk that is down for an hour: what comes meanwhile is kept, and drains afterwards as fast as it allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from features.answers import ModelIdentity
from features.tickets import Ticket
from serving.connections import Connection, read_connections
from serving.helpdesk_pace import SharedThrottle
from serving.helpdesks.interface import Delivery, EventKind, Helpdesk
from serving.helpdesks.vendors import open_helpdesk
from serving.notes import markers_in
from serving.storage.intake import DeliveryState
from serving.storage.interface import ScoredEntry, Source
from serving.storage.sql import SqlStorage, open_storage
from serving.ticket_work import TicketWork
from serving.webhooks import Intake
from tests.connected_helpdesk import write_connections
from tests.hand_set_clock import Clock
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

_DOWN = timedelta(hours=1)
_TICKET_EVERY = timedelta(seconds=120)
# As slow as Freshdesk's smallest plan: a call every four seconds, and several calls a ticket.
_CALLS_PER_MINUTE = 16
_LEASE_SECONDS = 300.0
_MOST_ATTEMPTS = 600


class UrgentScorer:
    """Says of every ticket that it is urgent."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    def score(self, ticket: Ticket, *, connection: Connection, entry_id: str, warnings: tuple[str, ...]) -> ScoredEntry:
        """Return the record of the scored ticket."""
        return ScoredEntry(
            id=entry_id,
            ticket_id=ticket.id,
            scored_at=self._clock(),
            model=ModelIdentity("ticket-triage", "1", "champion"),
            language="en",
            predictions={
                "priority": {
                    "label": "urgent",
                    "probability": 0.97,
                    "decision": "autofill",
                    "reasons": [{"text": "VPN"}],
                }
            },
            articles=[],
            similar_tickets=[],
            warnings=warnings,
            caller="",
            source=Source.WEBHOOK,
            duration_seconds=0.001,
            connection=connection.name,
            delivery_id=entry_id,
        )


class Unobserved:
    """Is told of deliveries and keeps nothing."""

    def delivered(self, connection: str, *, outcome: str) -> None:
        """Note nothing."""

    def batch_taken(self, batcher: str, *, size: int) -> None:
        """Note nothing."""


@dataclass(frozen=True, slots=True)
class Site:
    """A helpdesk, and the two halves of the service in front of it, all on one clock that is set by hand."""

    clock: Clock
    simulated: SimulatedZendesk
    connection: Connection
    storage: SqlStorage
    intake: Intake
    work: TicketWork

    def file_ticket(self, number: int) -> bool:
        """File a ticket, deliver its webhook and return whether it was accepted."""
        ticket = self.simulated.add_ticket(f"VPN drops #{number}", "It drops every few minutes.")
        webhook = self.simulated.webhook(EventKind.CREATED, ticket)
        headers = {name.lower(): value for name, value in webhook.headers.items()}
        received = self.intake.receive(self.connection.name, Delivery(headers, webhook.body, self.clock()))
        return bool(received.id) and not received.is_duplicate

    def work_until(self, moment: datetime) -> None:
        """Make every attempt that is due before a moment, and set the clock to it where it is not past it already."""
        for _ in range(_MOST_ATTEMPTS):
            waiting = [
                one.next_attempt_at for one in self.storage.deliveries.list(state=DeliveryState.ACCEPTED, limit=1_000)
            ]
            due_at = min((one for one in waiting if one is not None), default=moment)
            if due_at >= moment:
                self.clock.now = max(self.clock.now, moment)
                return
            self.clock.now = max(self.clock.now, due_at)
            self._attempt_next()
        raise AssertionError(f"{len(waiting)} deliveries still wait after {_MOST_ATTEMPTS} attempts")

    def _attempt_next(self) -> None:
        (delivery,) = self.storage.deliveries.take_due(self.clock(), limit=1, lease_seconds=_LEASE_SECONDS)
        self.work.attempt(delivery)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = Clock()
    simulated = SimulatedZendesk(clock=clock)
    simulated.faults.calls_per_minute = _CALLS_PER_MINUTE
    storage = open_storage(f"sqlite:///{tmp_path / 'triage.db'}")
    with simulated.running():
        file = write_connections(tmp_path / "connections.toml", simulated)
        text = file.read_text(encoding="utf-8").replace(
            "calls_per_minute = 1000000", f"calls_per_minute = {_CALLS_PER_MINUTE}"
        )
        file.write_text(text, encoding="utf-8")
        connections = read_connections(file, environ={})
        (connection,) = connections.by_name.values()
        helpdesk = _paced(connection, storage=storage, clock=clock)
        yield Site(
            clock,
            simulated,
            connection,
            storage,
            Intake(connections, deliveries=storage.deliveries, observer=Unobserved(), clock=clock),
            TicketWork(
                storage=storage,
                scorer=UrgentScorer(clock=clock),
                helpdesk_of=lambda _: helpdesk,
                connection_of=connections.get,
                clock=clock,
                jitter=lambda: 0.5,
            ),
        )
        helpdesk.close()
    storage.close()


def _paced(connection: Connection, *, storage: SqlStorage, clock: Clock) -> Helpdesk:
    """Return the helpdesk called at the connection's pace; what waits for it moves the clock."""
    throttle = SharedThrottle(
        storage.pacing,
        connection=connection.name,
        pace=open_helpdesk(connection, clock=clock).pace,
        clock=clock,
        sleep=lambda seconds: clock.move(seconds=seconds),
    )
    return open_helpdesk(connection, clock=clock, throttle=throttle)


def test_an_hour_of_deliveries_drains_within_the_rate_limit(site: Site) -> None:
    """Down for an hour, the helpdesk is hardly called; up again, it gets each ticket's one note at its own pace."""
    site.simulated.faults.is_down = True
    began_at = site.clock()
    back_at = began_at + _DOWN
    filed = round(_DOWN / _TICKET_EVERY)
    for number in range(filed):
        assert site.file_ticket(number), "a delivery was not accepted while the helpdesk was down"
        site.work_until(began_at + (number + 1) * _TICKET_EVERY)
    assert site.storage.deliveries.counts()[DeliveryState.ACCEPTED] == filed
    assert not [ticket for ticket in site.simulated.tickets.values() if ticket.notes]
    calls_while_down = len(site.simulated.calls)
    # The breaker lets one call through to try, at most every 30 seconds and in the end every five minutes.
    assert 0 < calls_while_down < 40

    site.simulated.faults.is_down = False
    site.work_until(back_at + timedelta(hours=2))
    _assert_all_have_one_note(site, filed=filed)
    drained = site.simulated.calls[calls_while_down:]
    assert {status for _, _, _, status in drained} == {200}, "the helpdesk had to say that it was too much"
    moments = sorted(moment for moment, *_ in drained)
    assert moments[0] >= back_at
    assert _most_within_a_minute(moments) <= _CALLS_PER_MINUTE
    # It takes about as long as the pace asks for, and no longer than that and the breaker's last wait.
    assert moments[-1] - back_at <= timedelta(minutes=len(moments) / _CALLS_PER_MINUTE + 10)


def _assert_all_have_one_note(site: Site, *, filed: int) -> None:
    counts = site.storage.deliveries.counts()
    assert (counts[DeliveryState.DONE], counts[DeliveryState.ACCEPTED], counts[DeliveryState.DEAD]) == (filed, 0, 0)
    tickets = site.simulated.tickets.values()
    assert [len(ticket.notes) for ticket in tickets] == [1] * filed
    assert all(len(markers_in(ticket.notes[0])) == 1 for ticket in tickets)
    assert {ticket.fields["priority"] for ticket in tickets} == {"urgent"}
    assert not [ticket for ticket in tickets if ticket.public_messages_of_ours]


def _most_within_a_minute(moments: list[datetime]) -> int:
    """Return the most of the moments, given in order, that lie within any sixty seconds."""
    minute = timedelta(seconds=60)
    return max(sum(one <= other < one + minute for other in moments[number:]) for number, one in enumerate(moments))
