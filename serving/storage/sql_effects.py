"""The effects over SQLAlchemy, the same statements for both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, bindparam, select, update

from features.answers import ModelIdentity
from features.errors import StorageError
from serving.storage.intake import Effect, EffectState, FieldEffect, FieldStatus
from serving.storage.intake_tables import EFFECTS
from serving.storage.transactions import Transactions

_COLUMNS = EFFECTS.c
_SAVE = update(EFFECTS).where(_COLUMNS.marker == bindparam("saved"))
_OF_TICKET = (
    select(EFFECTS)
    .where(_COLUMNS.connection == bindparam("of"), _COLUMNS.ticket_id == bindparam("ticket"))
    .order_by(_COLUMNS.claimed_at.desc(), _COLUMNS.marker.desc())
)


class SqlEffects:
    """An `EffectStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._keep = (
            transactions.insert(EFFECTS)
            .on_conflict_do_nothing(index_elements=["connection", "ticket_id", "scored_state"])
            .returning(_COLUMNS.marker)
        )

    def claim(self, effect: Effect) -> Effect:
        """Keep an effect before it is written; return the one that stands, which is another's where it came first."""
        standing = select(EFFECTS).where(
            _COLUMNS.connection == effect.connection,
            _COLUMNS.ticket_id == effect.ticket_id,
            _COLUMNS.scored_state == effect.scored_state,
        )
        with self._transactions.writing("claiming an effect") as connection:
            if connection.execute(self._keep, _row(effect)).one_or_none() is not None:
                return effect
            return _effect(connection.execute(standing).mappings().one())

    def save(self, effect: Effect) -> None:
        """Replace what is kept under the effect's marker; raise StorageError where nothing is."""
        with self._transactions.writing("saving an effect") as connection:
            if connection.execute(_SAVE, {**_row(effect), "saved": effect.marker}).rowcount != 1:
                raise StorageError(f"There is no effect '{effect.marker[:60]}' to save. Claim it first.")

    def for_ticket(self, connection: str, *, ticket_id: str) -> Sequence[Effect]:
        """Return a ticket's effects, newest first."""
        asked = {"of": connection, "ticket": ticket_id}
        with self._transactions.reading("reading a ticket's effects") as opened:
            return [_effect(row) for row in opened.execute(_OF_TICKET, asked).mappings()]

    def written(self, connection: str, *, model_version: str, since: datetime) -> Sequence[Effect]:
        """Return the effects of a model version written since a moment and not taken back, newest first."""
        statement = (
            select(EFFECTS)
            .where(
                _COLUMNS.connection == connection,
                _COLUMNS.model_version == model_version,
                _COLUMNS.state == EffectState.WRITTEN.value,
                _COLUMNS.written_at >= since,
            )
            .order_by(_COLUMNS.written_at.desc(), _COLUMNS.marker.desc())
        )
        with self._transactions.reading("reading what was written") as opened:
            return [_effect(row) for row in opened.execute(statement).mappings()]

    def mark_reverted(self, marker: str, *, at: datetime) -> bool:
        """Mark a written effect as taken back; return whether it was written."""
        is_written = _COLUMNS.state == EffectState.WRITTEN.value
        statement = (
            update(EFFECTS)
            .where(_COLUMNS.marker == marker, is_written)
            .values(state=EffectState.REVERTED.value, reverted_at=at)
        )
        with self._transactions.writing("marking an effect as taken back") as connection:
            return connection.execute(statement).rowcount == 1


def _row(effect: Effect) -> dict[str, Any]:
    return {
        "marker": effect.marker,
        "connection": effect.connection,
        "ticket_id": effect.ticket_id,
        "scored_state": effect.scored_state,
        "delivery_id": effect.delivery_id,
        "model_name": effect.model.name,
        "model_version": effect.model.version,
        "model_alias": effect.model.alias,
        "scored_entry_id": effect.scored_entry_id,
        "fields": [asdict(field) for field in effect.fields],
        "note": effect.note,
        "tags": effect.tags,
        "state": effect.state.value,
        "claimed_at": effect.claimed_at,
        "written_at": effect.written_at,
        "reverted_at": effect.reverted_at,
    }


def _effect(row: RowMapping) -> Effect:
    told = dict(row)
    model = ModelIdentity(told.pop("model_name"), told.pop("model_version"), told.pop("model_alias"))
    fields = tuple(FieldEffect(**{**field, "status": FieldStatus(field["status"])}) for field in told.pop("fields"))
    return Effect(
        **{**told, "model": model, "fields": fields, "tags": tuple(told["tags"]), "state": EffectState(told["state"])}
    )
