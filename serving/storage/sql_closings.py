"""The closings over SQLAlchemy, the same statements for both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select

from serving.storage.intake import Closing, FinalValue, SetBy
from serving.storage.intake_tables import CLOSINGS
from serving.storage.transactions import Transactions

_COLUMNS = CLOSINGS.c


class SqlClosings:
    """A `ClosingStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def record(self, closing: Closing) -> None:
        """Keep a ticket's final values; of several closings of one ticket the latest stands."""
        told = _told(closing)
        statement = (
            self._transactions.insert(CLOSINGS)
            .values(connection=closing.connection, ticket_id=closing.ticket_id, **told)
            .on_conflict_do_update(
                index_elements=["connection", "ticket_id"], set_=told, where=_COLUMNS.closed_at <= closing.closed_at
            )
        )
        with self._transactions.writing("recording a closing") as connection:
            connection.execute(statement)

    def closings(self, *, connection: str | None = None, since: datetime | None = None) -> Sequence[Closing]:
        """Return closings since a moment, oldest first."""
        statement = select(CLOSINGS).order_by(_COLUMNS.closed_at, _COLUMNS.connection, _COLUMNS.ticket_id)
        if connection is not None:
            statement = statement.where(_COLUMNS.connection == connection)
        if since is not None:
            statement = statement.where(_COLUMNS.closed_at >= since)
        with self._transactions.reading("reading closings") as opened:
            return [_closing(row) for row in opened.execute(statement).mappings()]


def _told(closing: Closing) -> dict[str, Any]:
    return {
        "closed_at": closing.closed_at,
        "final_values": {target: asdict(value) for target, value in closing.values.items()},
        "model_version": closing.model_version,
    }


def _closing(row: RowMapping) -> Closing:
    values = {
        target: FinalValue(**{**value, "set_by": SetBy(value["set_by"])})
        for target, value in row["final_values"].items()
    }
    return Closing(row["connection"], row["ticket_id"], row["closed_at"], values, row["model_version"])
