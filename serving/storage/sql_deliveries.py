"""The deliveries over SQLAlchemy, the same statements for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, RowMapping, bindparam, func, select, tuple_, update

from serving.storage.column_types import UtcDateTime, storable_text
from serving.storage.encryption import Cipher
from serving.storage.intake import DeliveryState, StoredDelivery
from serving.storage.intake_tables import DELIVERIES
from serving.storage.transactions import Transactions

# What is left of an event that was emptied: any cipher reads it.
EMPTIED = "{}"
_AT_ONCE = 500
_COLUMNS = DELIVERIES.c
# What another worker is taking at this moment is passed over; on SQLite, which has one writer, there is none.
_DUE = (
    select(_COLUMNS.id)
    .where(
        _COLUMNS.state == DeliveryState.ACCEPTED.value, _COLUMNS.next_attempt_at <= bindparam("now", type_=UtcDateTime)
    )
    .order_by(_COLUMNS.next_attempt_at, _COLUMNS.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_TAKE_DUE = (
    update(DELIVERIES)
    .where(_COLUMNS.id.in_(select(_DUE.c.id)))
    .values(attempts=_COLUMNS.attempts + 1, next_attempt_at=bindparam("until", type_=UtcDateTime))
    .returning(DELIVERIES)
)
# The values come with the parameters.
_CHANGE = update(DELIVERIES).where(
    _COLUMNS.id == bindparam("changed"), _COLUMNS.state == bindparam("accepted", DeliveryState.ACCEPTED.value)
)


class SqlDeliveries:
    """A `DeliveryStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions, *, cipher: Cipher) -> None:
        self._transactions = transactions
        self._cipher = cipher
        self._accept = transactions.insert(DELIVERIES).on_conflict_do_nothing().returning(_COLUMNS.id)

    def accept(self, delivery: StoredDelivery) -> bool:
        """Commit a delivery; return False where one of its connection and key is there already."""
        return self.accept_all([delivery])[0]

    def accept_all(self, deliveries: Sequence[StoredDelivery]) -> Sequence[bool]:
        """Commit deliveries in one transaction; return for each what `accept` would."""
        if not deliveries:
            return []
        # In one order everywhere, so that two of these at once cannot wait for each other.
        rows = sorted(map(self._row, deliveries), key=lambda row: (row["connection"], row["key"]))
        with self._transactions.writing("accepting deliveries") as connection:
            accepted = set(connection.execute(self._accept, rows).scalars())
        return [storable_text(delivery.id) in accepted for delivery in deliveries]

    def take_due(self, now: datetime, *, limit: int, lease_seconds: float) -> Sequence[StoredDelivery]:
        """Begin the next attempt at accepted deliveries whose moment has come, the longest due first."""
        asked = {"now": now, "limit": limit, "until": now + timedelta(seconds=lease_seconds)}
        with self._transactions.writing_once("taking due deliveries") as connection:
            rows = connection.execute(_TAKE_DUE, asked).mappings().all()
        # Ids tell their order: the database returns what it changed in any.
        return sorted(map(self._delivery, rows), key=lambda delivery: delivery.id)

    def finish(self, delivery_id: str, *, at: datetime, outcome: str) -> bool:
        """Mark an accepted delivery done; return whether it was accepted."""
        return self._change(
            delivery_id,
            while_doing="finishing a delivery",
            state=DeliveryState.DONE.value,
            finished_at=at,
            outcome=outcome,
            last_error="",
        )

    def postpone(self, delivery_id: str, *, until: datetime, error: str) -> bool:
        """Let an accepted delivery wait; return whether it was accepted."""
        return self._change(delivery_id, while_doing="postponing a delivery", next_attempt_at=until, last_error=error)

    def bury(self, delivery_id: str, *, at: datetime, error: str) -> bool:
        """Give an accepted delivery up; return whether it was accepted."""
        return self._change(
            delivery_id,
            while_doing="giving a delivery up",
            state=DeliveryState.DEAD.value,
            finished_at=at,
            last_error=error,
        )

    def replay(self, delivery_id: str, *, at: datetime) -> bool:
        """Begin a delivery anew that waits for no work; return False for any other, and where its event was emptied."""
        ended = _COLUMNS.state != DeliveryState.ACCEPTED.value
        statement = (
            update(DELIVERIES)
            .where(_COLUMNS.id == delivery_id, ended, _COLUMNS.event != EMPTIED)
            .values(
                state=DeliveryState.ACCEPTED.value,
                attempts=0,
                next_attempt_at=at,
                finished_at=None,
                outcome="",
                last_error="",
            )
        )
        with self._transactions.writing("replaying a delivery") as connection:
            return connection.execute(statement).rowcount == 1

    def list(
        self,
        *,
        state: DeliveryState | None = None,
        connection: str | None = None,
        since: datetime | None = None,
        after: str = "",
        limit: int = 50,
    ) -> Sequence[StoredDelivery]:
        """Return deliveries received since a moment, newest first; `after` is the id of the one to go on after."""
        statement = select(DELIVERIES).order_by(_COLUMNS.received_at.desc(), _COLUMNS.id.desc()).limit(limit)
        if since is not None:
            statement = statement.where(_COLUMNS.received_at >= since)
        if after:
            last = DELIVERIES.alias("last")
            is_older = tuple_(_COLUMNS.received_at, _COLUMNS.id) < tuple_(last.c.received_at, last.c.id)
            statement = statement.join(last, last.c.id == after).where(is_older)
        if state is not None:
            statement = statement.where(_COLUMNS.state == state.value)
        if connection is not None:
            statement = statement.where(_COLUMNS.connection == connection)
        return self._deliveries(statement, while_doing="listing deliveries")

    def count(self, *, connection: str, since: datetime) -> int:
        """Return how many deliveries of a connection were received since a moment."""
        lately = (_COLUMNS.connection == connection, _COLUMNS.received_at >= since)
        with self._transactions.reading("counting a connection's deliveries") as opened:
            return opened.execute(select(func.count()).select_from(DELIVERIES).where(*lately)).scalar_one()

    def find(self, delivery_id: str) -> StoredDelivery | None:
        """Return the delivery of that id."""
        statement = select(DELIVERIES).where(_COLUMNS.id == delivery_id)
        return next(iter(self._deliveries(statement, while_doing="looking up a delivery")), None)

    def counts(self) -> Mapping[DeliveryState, int]:
        """Return how many deliveries there are in each state, those without any included."""
        statement = select(_COLUMNS.state, func.count()).group_by(_COLUMNS.state)
        with self._transactions.reading("counting deliveries") as connection:
            counted: dict[str, int] = {row[0]: row[1] for row in connection.execute(statement)}
        return {state: counted.get(state.value, 0) for state in DeliveryState}

    def has(self, connection: str, *, ticket_id: str) -> bool:
        """Tell whether a delivery of that ticket was ever accepted."""
        return bool(self.known_tickets(connection, ticket_ids=[ticket_id]))

    def known_tickets(self, connection: str, *, ticket_ids: Sequence[str]) -> AbstractSet[str]:
        """Return those of the tickets of which a delivery was accepted."""
        with self._transactions.reading("looking for known tickets") as opened:
            parts = (ticket_ids[start : start + _AT_ONCE] for start in range(0, len(ticket_ids), _AT_ONCE))
            return frozenset(known for part in parts for known in _known(opened, connection, part))

    def latest_for_ticket(self, connection: str, *, ticket_id: str) -> StoredDelivery | None:
        """Return the delivery of that ticket that was received last."""
        statement = (
            select(DELIVERIES)
            .where(_COLUMNS.connection == connection, _COLUMNS.ticket_id == ticket_id)
            .order_by(_COLUMNS.received_at.desc(), _COLUMNS.id.desc())
            .limit(1)
        )
        return next(iter(self._deliveries(statement, while_doing="looking up a ticket's delivery")), None)

    def purge(self, before: datetime) -> int:
        """Empty the events of deliveries received before a moment that wait for no work; return how many."""
        waits = _COLUMNS.state == DeliveryState.ACCEPTED.value
        statement = (
            update(DELIVERIES)
            .where(~waits, _COLUMNS.received_at < before, _COLUMNS.event != EMPTIED)
            .values(event=EMPTIED)
        )
        with self._transactions.writing("emptying old deliveries") as connection:
            return connection.execute(statement).rowcount

    def _change(self, delivery_id: str, *, while_doing: str, **values: object) -> bool:
        """Change a delivery where it is accepted; return whether it was."""
        with self._transactions.writing_once(while_doing) as connection:
            return connection.execute(_CHANGE, {"changed": delivery_id, **values}).rowcount == 1

    def _deliveries(self, statement: Any, *, while_doing: str) -> Sequence[StoredDelivery]:
        with self._transactions.reading(while_doing) as connection:
            rows = connection.execute(statement).mappings().all()
        return [self._delivery(row) for row in rows]

    def _row(self, delivery: StoredDelivery) -> dict[str, Any]:
        return {
            "id": delivery.id,
            "connection": delivery.connection,
            "key": delivery.key,
            "ticket_id": delivery.ticket_id,
            "kind": delivery.kind,
            "event": self._cipher.seal(delivery.event),
            "received_at": delivery.received_at,
            "state": delivery.state.value,
            "attempts": delivery.attempts,
            "next_attempt_at": delivery.next_attempt_at or delivery.received_at,
            "last_error": delivery.last_error,
            "finished_at": delivery.finished_at,
            "outcome": delivery.outcome,
            "requester_sha256": delivery.requester_sha256,
        }

    def _delivery(self, row: RowMapping) -> StoredDelivery:
        told = {**row, "event": self._cipher.unseal(row["event"]), "state": DeliveryState(row["state"])}
        return StoredDelivery(**told)


def _known(opened: Connection, connection: str, ticket_ids: Sequence[str]) -> Sequence[str]:
    # The ids are told apart as they are kept, and returned as they were asked for.
    asked = {storable_text(ticket_id): ticket_id for ticket_id in ticket_ids}
    statement = (
        select(_COLUMNS.ticket_id)
        .where(_COLUMNS.connection == connection, _COLUMNS.ticket_id.in_(list(asked)))
        .distinct()
    )
    return [asked[known] for known in opened.execute(statement).scalars()]
