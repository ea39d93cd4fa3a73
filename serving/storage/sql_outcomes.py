"""Feedback and unattended decisions over SQLAlchemy, the same statements for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, case, func, select, update

from features.answers import ModelIdentity
from serving.storage.outcomes import (
    ALL_UNATTENDED,
    Feedback,
    FeedbackKind,
    UnattendedDay,
    UnattendedFilter,
    UnattendedRecord,
)
from serving.storage.review_tables import FEEDBACK, UNATTENDED
from serving.storage.sql_sight import group_key, is_visible
from serving.storage.tables import SCORED_TICKETS
from serving.storage.transactions import Transactions

_AT_ONCE = 500
_TOLD = FEEDBACK.c
_COLUMNS = UNATTENDED.c


class SqlFeedback:
    """A `FeedbackStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._keep = transactions.insert(FEEDBACK).on_conflict_do_nothing().returning(_TOLD.key)

    def record(self, feedback: Feedback) -> bool:
        """Keep feedback; return False where its caller used the key before."""
        row = {told.name: getattr(feedback, told.name) for told in fields(feedback)}
        row |= {"kind": feedback.kind.value, "told_values": row.pop("values")}
        with self._transactions.writing("recording feedback") as opened:
            return opened.execute(self._keep, row).one_or_none() is not None

    def find(self, key: str, *, caller: str) -> Feedback | None:
        """Return the feedback that a caller sent under a key."""
        return next(iter(self._feedback(select(FEEDBACK).where(_TOLD.key == key, _TOLD.caller == caller))), None)

    def list(
        self,
        *,
        since: datetime | None = None,
        connection: str = "",
        ticket_id: str = "",
        kind: FeedbackKind | None = None,
        limit: int | None = None,
    ) -> Sequence[Feedback]:
        """Return feedback, oldest first."""
        asked = ((_TOLD.connection, connection), (_TOLD.ticket_id, ticket_id), (_TOLD.kind, kind and kind.value))
        statement = select(FEEDBACK).where(*(column == value for column, value in asked if value))
        if since is not None:
            statement = statement.where(_TOLD.at >= since)
        return self._feedback(statement.order_by(_TOLD.at, _TOLD.caller, _TOLD.key).limit(limit))

    def forget(self, connection: str, *, ticket_ids: Sequence[str]) -> int:
        """Empty the values of what was told of tickets; return how many."""
        forgotten = 0
        with self._transactions.writing("forgetting feedback") as opened:
            for start in range(0, len(ticket_ids), _AT_ONCE):
                part = list(ticket_ids[start : start + _AT_ONCE])
                of_them = update(FEEDBACK).where(_TOLD.ticket_id.in_(part), _TOLD.connection == connection)
                forgotten += opened.execute(of_them.values(told_values={})).rowcount
        return forgotten

    def _feedback(self, statement: Any) -> Sequence[Feedback]:
        with self._transactions.reading("reading feedback") as opened:
            return [_told(row) for row in opened.execute(statement).mappings()]


class SqlUnattended:
    """An `UnattendedStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._keep = transactions.insert(UNATTENDED).on_conflict_do_nothing().returning(_COLUMNS.entry_id)

    def record_all(self, records: Sequence[UnattendedRecord]) -> int:
        """Keep decisions, all or none; one of an entry and target that is there is left. Return how many were new."""
        if not records:
            return 0
        # In one order everywhere, so that two of these at once cannot wait for each other.
        rows = sorted(map(_row, records), key=lambda row: (row["entry_id"], row["target"]))
        with self._transactions.writing("recording unattended decisions") as opened:
            return len(opened.execute(self._keep, rows).all())

    def per_day(self, chosen: UnattendedFilter = ALL_UNATTENDED) -> Sequence[UnattendedDay]:
        """Return how many decisions ran unattended by day, connection and target, in that order."""
        group = (_COLUMNS.day, _COLUMNS.connection, _COLUMNS.target)
        drawn = func.sum(case((_COLUMNS.was_drawn, 1), else_=0))
        statement = (
            select(*group, func.count().label("unattended"), drawn.label("drawn"))
            .where(*_conditions(chosen))
            .group_by(*group)
            .order_by(*group)
        )
        with self._transactions.reading("counting unattended decisions") as opened:
            return [UnattendedDay(**row) for row in opened.execute(statement).mappings()]

    def count(self, chosen: UnattendedFilter = ALL_UNATTENDED) -> int:
        """Return how many decisions ran unattended."""
        statement = select(func.count()).select_from(UNATTENDED).where(*_conditions(chosen))
        with self._transactions.reading("counting unattended decisions") as opened:
            return opened.execute(statement).scalar_one()

    def sample(
        self, chosen: UnattendedFilter = ALL_UNATTENDED, *, limit: int = 50, offset: int = 0
    ) -> Sequence[UnattendedRecord]:
        """Return decisions that ran unattended, newest first."""
        statement = (
            select(UNATTENDED)
            .where(*_conditions(chosen))
            .order_by(_COLUMNS.at.desc(), _COLUMNS.entry_id.desc(), _COLUMNS.target)
            .limit(limit)
            .offset(offset)
        )
        with self._transactions.reading("reading unattended decisions") as opened:
            return [_record(row) for row in opened.execute(statement).mappings()]

    def scored_per_day(self, *, since: datetime, connection: str = "") -> Mapping[date, int]:
        """Return how many tickets were scored on each day (UTC): of these the unattended are a share."""
        columns = SCORED_TICKETS.c
        with self._transactions.reading("counting scored tickets by day") as opened:
            is_sqlite = opened.dialect.name == "sqlite"
            # SQLite keeps the moment as text in UTC; PostgreSQL would tell the day of its session's zone.
            day = func.date(columns.scored_at if is_sqlite else func.timezone("UTC", columns.scored_at))
            statement = select(day, func.count()).where(columns.scored_at >= since).group_by(day).order_by(day)
            if connection:
                statement = statement.where(columns.connection == connection)
            return {date.fromisoformat(str(told)): tickets for told, tickets in opened.execute(statement)}


class SqlOutcomes:
    """An `OutcomeStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self.feedback = SqlFeedback(transactions)
        self.unattended = SqlUnattended(transactions)


def _conditions(chosen: UnattendedFilter) -> Sequence[ColumnElement[bool]]:
    asked = (
        (_COLUMNS.connection, chosen.connection),
        (_COLUMNS.model_name, chosen.model),
        (_COLUMNS.model_version, chosen.model_version),
        (_COLUMNS.target, chosen.target),
        (_COLUMNS.label, chosen.label),
        (_COLUMNS.group_key, group_key(chosen.group)),
        (_COLUMNS.language, chosen.language),
        (_COLUMNS.category, chosen.category),
    )
    conditions: list[ColumnElement[bool]] = [column == value for column, value in asked if value]
    if chosen.was_drawn is not None:
        conditions.append(_COLUMNS.was_drawn.is_(chosen.was_drawn))
    if chosen.since is not None:
        conditions.append(_COLUMNS.at >= chosen.since)
    if chosen.until is not None:
        conditions.append(_COLUMNS.at < chosen.until)
    return [*conditions, is_visible(chosen.visible_to, connection=_COLUMNS.connection, key=_COLUMNS.group_key)]


def _row(record: UnattendedRecord) -> dict[str, Any]:
    return {
        "entry_id": record.entry_id,
        "target": record.target,
        "connection": record.connection,
        "ticket_id": record.ticket_id,
        "model_name": record.model.name,
        "model_version": record.model.version,
        "model_alias": record.model.alias,
        "label": record.label,
        "probability": record.probability,
        "group": record.group,
        "group_key": group_key(record.group),
        "language": record.language,
        "category": record.category,
        "at": record.at,
        "day": record.at.astimezone(UTC).date(),
        "was_drawn": record.was_drawn,
    }


def _record(row: RowMapping) -> UnattendedRecord:
    told = {name: value for name, value in row.items() if name not in ("day", "group_key")}
    model = ModelIdentity(told.pop("model_name"), told.pop("model_version"), told.pop("model_alias"))
    return UnattendedRecord(**told, model=model)


def _told(row: RowMapping) -> Feedback:
    told = {**row, "kind": FeedbackKind(row["kind"])}
    return Feedback(values=told.pop("told_values"), **told)
