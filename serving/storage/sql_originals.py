"""The originals over SQLAlchemy: kept, shown on the record, and erased with all that quotes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, bindparam, delete, exists, insert, select, union, update

from serving.storage.encryption import Cipher
from serving.storage.intake import DeliveryState, OriginalView, Tombstone
from serving.storage.intake_tables import DELIVERIES, EFFECTS, ORIGINAL_VIEWS, ORIGINALS, TOMBSTONES
from serving.storage.never_stored import without_secrets
from serving.storage.sql_deliveries import EMPTIED
from serving.storage.tables import SCORED_TICKETS
from serving.storage.transactions import Transactions

FORGOTTEN = "forgotten"
_TicketKey: TypeAlias = tuple[str, str]


def _is(table: Table, key: tuple[Any, Any]) -> Any:
    return (table.c.connection == key[0]) & (table.c.ticket_id == key[1])


_ASKED: tuple[Any, Any] = bindparam("of"), bindparam("ticket")
# In one order everywhere, so that two of these at once cannot wait for each other.
_HOLD_DELIVERIES = select(DELIVERIES.c.id).where(_is(DELIVERIES, _ASKED)).order_by(DELIVERIES.c.id).with_for_update()
_IS_FORGOTTEN = select(exists().where(_is(TOMBSTONES, _ASKED)))


class SqlOriginals:
    """An `OriginalStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions, *, cipher: Cipher) -> None:
        self._transactions = transactions
        self._cipher = cipher
        insert_text = transactions.insert(ORIGINALS)
        self._keep = insert_text.on_conflict_do_update(
            index_elements=["connection", "ticket_id"],
            set_={name: insert_text.excluded[name] for name in ("content", "kept_at", "requester_sha256")},
        )

    def keep(
        self, connection: str, *, ticket_id: str, content: Mapping[str, Any], at: datetime, requester_sha256: str = ""
    ) -> bool:
        """Keep a ticket's text in place of what was kept of it; return False for a ticket that was forgotten."""
        told = {
            "content": self._cipher.seal(without_secrets(content)),
            "kept_at": at,
            "requester_sha256": requester_sha256,
        }
        asked = {"of": connection, "ticket": ticket_id}
        with self._transactions.writing("keeping a ticket's text") as opened:
            # Whoever forgets the ticket changes these rows first: one of the two waits, and then sees the other.
            opened.execute(_HOLD_DELIVERIES, asked)
            if opened.execute(_IS_FORGOTTEN, asked).scalar_one():
                return False
            opened.execute(self._keep, {"connection": connection, "ticket_id": ticket_id, **told})
        return True

    def read(self, connection: str, *, ticket_id: str, by: str, at: datetime) -> Mapping[str, Any] | None:
        """Return a ticket's text, and note who saw it when."""
        view = {"connection": connection, "ticket_id": ticket_id, "viewed_by": by, "viewed_at": at}
        with self._transactions.writing("showing a ticket's text") as opened:
            kept = opened.execute(
                select(ORIGINALS.c.content).where(_is(ORIGINALS, (connection, ticket_id)))
            ).scalar_one_or_none()
            if kept is None:
                return None
            content: Mapping[str, Any] = self._cipher.unseal(kept)
            opened.execute(insert(ORIGINAL_VIEWS).values(view))
        return content

    def views(self, connection: str, *, ticket_id: str) -> Sequence[OriginalView]:
        """Return who saw a ticket's text, oldest first."""
        columns = ORIGINAL_VIEWS.c
        statement = (
            select(columns.connection, columns.ticket_id, columns.viewed_by, columns.viewed_at)
            .where(_is(ORIGINAL_VIEWS, (connection, ticket_id)))
            .order_by(columns.id)
        )
        with self._transactions.reading("reading who saw a ticket's text") as opened:
            return [OriginalView(**row) for row in opened.execute(statement).mappings()]

    def purge(self, before: datetime) -> int:
        """Delete texts kept before a moment; return how many."""
        with self._transactions.writing("deleting old texts") as opened:
            return opened.execute(delete(ORIGINALS).where(ORIGINALS.c.kept_at < before)).rowcount

    def forget(self, requester_sha256: str, *, at: datetime) -> Sequence[Tombstone]:
        """Erase, all or nothing, what the tickets of a requester said, and return them."""
        if not requester_sha256:
            # It stands for every requester whose address is not known.
            return []
        with self._transactions.writing("forgetting a requester") as opened:
            keys = _tickets_of(opened, requester_sha256)
            self._bury(opened, keys, requester_sha256=requester_sha256, at=at)
            for key in keys:
                _erase(opened, key, at=at)
            columns = TOMBSTONES.c
            statement = select(TOMBSTONES).where(columns.requester_sha256 == requester_sha256)
            rows = opened.execute(statement.order_by(columns.connection, columns.ticket_id)).mappings().all()
        return [Tombstone(**row) for row in rows]

    def tombstones(self, since: datetime | None = None) -> Sequence[Tombstone]:
        """Return the tickets forgotten since a moment, oldest first."""
        columns = TOMBSTONES.c
        statement = select(TOMBSTONES).order_by(columns.at, columns.connection, columns.ticket_id)
        if since is not None:
            statement = statement.where(columns.at >= since)
        with self._transactions.reading("reading what was forgotten") as opened:
            return [Tombstone(**row) for row in opened.execute(statement).mappings()]

    def _bury(self, opened: Connection, keys: Sequence[_TicketKey], *, requester_sha256: str, at: datetime) -> None:
        rows = [
            {"connection": connection, "ticket_id": ticket_id, "requester_sha256": requester_sha256, "at": at}
            for connection, ticket_id in keys
        ]
        if rows:
            opened.execute(self._transactions.insert(TOMBSTONES).on_conflict_do_nothing(), rows)


def _tickets_of(opened: Connection, requester_sha256: str) -> Sequence[_TicketKey]:
    """Return the tickets of a requester, wherever one is known; those forgotten before may have come again."""
    statements = (
        select(table.c.connection, table.c.ticket_id).where(table.c.requester_sha256 == requester_sha256)
        for table in (DELIVERIES, ORIGINALS, TOMBSTONES)
    )
    return sorted((connection, ticket_id) for connection, ticket_id in opened.execute(union(*statements)))


def _erase(opened: Connection, key: _TicketKey, *, at: datetime) -> None:
    waits = DELIVERIES.c.state == DeliveryState.ACCEPTED.value
    opened.execute(
        update(DELIVERIES)
        .where(_is(DELIVERIES, key), waits)
        .values(state=DeliveryState.DONE.value, finished_at=at, outcome=FORGOTTEN)
    )
    # What failed may have quoted what was asked.
    opened.execute(update(DELIVERIES).where(_is(DELIVERIES, key)).values(event=EMPTIED, last_error=""))
    opened.execute(delete(ORIGINALS).where(_is(ORIGINALS, key)))
    opened.execute(update(EFFECTS).where(_is(EFFECTS, key)).values(fields=[], tags=[]))
    _erase_reasons(opened, key)


def _erase_reasons(opened: Connection, key: _TicketKey) -> None:
    columns = SCORED_TICKETS.c
    found = opened.execute(select(columns.id, columns.predictions).where(_is(SCORED_TICKETS, key))).all()
    for entry_id, predictions in found:
        opened.execute(
            update(SCORED_TICKETS).where(columns.id == entry_id).values(predictions=_without_reasons(predictions))
        )


def _without_reasons(predictions: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        target: {**told, "reasons": []} if isinstance(told, dict) and "reasons" in told else told
        for target, told in predictions.items()
    }
