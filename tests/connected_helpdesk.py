"""A simulated helpdesk with the connection to it, written down and read as an operator's file is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from features.answers import ModelIdentity
from serving.connections import Connection, read_connections
from serving.helpdesks.interface import Helpdesk
from serving.helpdesks.vendors import open_helpdesk
from serving.storage.intake import Effect, EffectState, FieldEffect, FieldStatus
from serving.storage.sql import SqlStorage
from tests.simulated_helpdesks.interface import SimulatedHelpdesk
from tests.simulated_helpdesks.tickets import Author, SimulatedTicket

# Far above what any test calls, so that none waits for a pace.
_CALLS_PER_MINUTE = 1_000_000


def now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


def write_connections(path: Path, *helpdesks: SimulatedHelpdesk) -> Path:
    """Write a file of connections to helpdesks, none of which is called slowly."""
    tables = [{**one.connection(), "calls_per_minute": _CALLS_PER_MINUTE} for one in helpdesks]
    path.write_text("\n".join(_toml(table) for table in tables), encoding="utf-8")
    return path


def _toml(table: Mapping[str, Any]) -> str:
    values = (f"{name} = {_value(value)}" for name, value in table.items() if name != "name")
    return "\n".join([f"[{table['name']}]", *values, ""])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_value(one)}" for name, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Connected:
    """A simulated helpdesk seen from both sides, and the storage that remembers what we did to it."""

    simulated: SimulatedHelpdesk
    connection: Connection
    helpdesk: Helpdesk
    storage: SqlStorage

    @classmethod
    def to(cls, simulated: SimulatedHelpdesk, *, storage: SqlStorage, folder: Path) -> Connected:
        """Connect to a helpdesk that runs."""
        file = write_connections(folder / "connections.toml", simulated)
        (connection,) = read_connections(file, environ={}).by_name.values()
        return cls(simulated, connection, open_helpdesk(connection, clock=now), storage)

    def close(self) -> None:
        """Let go of the helpdesk and the storage."""
        self.helpdesk.close()
        self.storage.close()

    def write(
        self, ticket: SimulatedTicket, *, version: str = "7", tags: tuple[str, ...] = (), **labels: str
    ) -> Effect:
        """Write values into a ticket as the worker does, and keep the effect."""
        state = self.helpdesk.read(ticket.id)
        fields = tuple(
            FieldEffect(target, label, state.fields[target], self.connection.native(target, label), FieldStatus.WRITTEN)
            for target, label in labels.items()
        )
        marker = f"{ticket.id}-{len(self.storage.effects.for_ticket(self.connection.name, ticket_id=ticket.id))}"
        effect = Effect(
            marker=marker,
            connection=self.connection.name,
            ticket_id=ticket.id,
            scored_state=marker,
            delivery_id=f"delivery-{marker}",
            model=ModelIdentity("ticket-triage", version),
            claimed_at=now(),
            fields=fields,
            tags=tags,
        )
        self.storage.effects.claim(effect)
        for one in fields:
            self.simulated.set_field(ticket, one.target, one.after, author=Author.US)
        ticket.tags = sorted({*ticket.tags, *tags})
        done = replace(effect, state=EffectState.WRITTEN, written_at=now())
        self.storage.effects.save(done)
        return done
