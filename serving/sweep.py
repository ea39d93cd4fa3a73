"""Tickets that no delivery told of: read from the helpdesk and taken in as if it had. ServiceNow never sends twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from serving.auth import Clock
from serving.connections import Connection
from serving.helpdesks.interface import Event, EventKind, Helpdesk, TicketState
from serving.storage.intake import DeliveryStorage
from serving.webhooks import stored_delivery


@dataclass(frozen=True, slots=True)
class Swept:
    """How many tickets were looked at, taken in because nothing had told of them, and found closed."""

    seen: int = 0
    taken_in: int = 0
    closed: int = 0


def sweep(
    connection: Connection, *, helpdesk: Helpdesk, deliveries: DeliveryStorage, since: datetime, clock: Clock
) -> Swept:
    """Take in the tickets created since a moment that no delivery told of, and the final values of closed ones.

    It may be repeated and may overlap itself: each ticket is taken in once. Raises HelpdeskError, StorageError.
    """
    seen = taken_in = closed = 0
    for state in helpdesk.changed_since(since):
        seen += 1
        if state.is_closed:
            key = f"sweep:closed:{state.ticket.id}:{state.version}"
            closed += _take_in(
                EventKind.CLOSED, state, key=key, connection=connection, deliveries=deliveries, clock=clock
            )
        elif not deliveries.has(connection.name, ticket_id=state.ticket.id):
            key = f"sweep:{state.ticket.id}"
            taken_in += _take_in(
                EventKind.CREATED, state, key=key, connection=connection, deliveries=deliveries, clock=clock
            )
    return Swept(seen, taken_in, closed)


def _take_in(
    kind: EventKind,
    state: TicketState,
    *,
    key: str,
    connection: Connection,
    deliveries: DeliveryStorage,
    clock: Clock,
) -> bool:
    event = Event(kind=kind, ticket=state.ticket, version=state.version, occurred_at=state.updated_at)
    return deliveries.accept(stored_delivery(connection, event, key=key, received_at=clock()))
