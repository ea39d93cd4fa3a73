"""An event of a helpdesk as it is stored: plain JSON and back, what may never be stored left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from features.tickets import Requester, Ticket
from serving.helpdesks.interface import Event, EventKind
from serving.storage.never_stored import without_secrets


def to_record(event: Event) -> dict[str, Any]:
    """Return an event as JSON, resident numbers, passwords and tokens removed from every text of it."""
    ticket = asdict(event.ticket)
    ticket["created_at"] = _written(event.ticket.created_at)
    record = {
        "kind": event.kind.value,
        "version": event.version,
        "occurred_at": _written(event.occurred_at),
        "is_complete": event.is_complete,
        "ticket": ticket,
    }
    return cast("dict[str, Any]", without_secrets(record))


def from_record(record: Mapping[str, Any]) -> Event:
    """Return the event that `to_record` wrote."""
    ticket = dict(record["ticket"])
    requester = Requester(**ticket.pop("requester"))
    created_at = _read(ticket.pop("created_at"))
    return Event(
        kind=EventKind(record["kind"]),
        ticket=Ticket(**ticket, requester=requester, created_at=created_at),
        version=record["version"],
        occurred_at=_read(record["occurred_at"]),
        is_complete=record["is_complete"],
    )


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read(moment: str | None) -> datetime | None:
    return None if moment is None else datetime.fromisoformat(moment)
