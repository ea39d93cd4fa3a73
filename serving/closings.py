"""How a ticket ended: its final values, and whether a person stands behind them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from serving.connections import Connection
from serving.helpdesks.interface import TicketState
from serving.storage.intake import Closing, Effect, FieldStatus, FinalValue, SetBy


def closing_of(state: TicketState, connection: Connection, *, effects: Sequence[Effect], now: datetime) -> Closing:
    """Return the final values of a closed ticket; one that we wrote and nobody touched is not confirmed.

    `effects` are ours on the ticket, newest first.
    """
    ours = _values_of_ours(effects, connection)
    values = {}
    for target, native in state.fields.items():
        if native:
            is_ours = ours.get(target, "").casefold() == native.casefold()
            set_by = SetBy.US if is_ours else SetBy.PERSON
            values[target] = FinalValue(connection.label(target, native), set_by=set_by, is_confirmed=not is_ours)
    return Closing(
        connection=connection.name,
        ticket_id=state.ticket.id,
        closed_at=state.updated_at or now,
        values=values,
        model_version=next((effect.model.version for effect in effects if effect.model.version), ""),
    )


def _values_of_ours(effects: Sequence[Effect], connection: Connection) -> dict[str, str]:
    """Return the values that we wrote last, by target; where priority follows from impact and urgency, those too."""
    ours: dict[str, str] = {}
    for effect in effects:
        for one in effect.fields:
            if one.status is FieldStatus.WRITTEN:
                ours.setdefault(one.target, one.after)
                if one.target == "priority" and one.label in connection.priority_matrix:
                    impact, urgency = connection.priority_matrix[one.label]
                    ours.setdefault("impact", impact)
                    ours.setdefault("urgency", urgency)
    return ours
