"""The policies, all their versions, and the alerts over SQLAlchemy, the same statements for both databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Table, and_, func, select, update

from features.decisions import PolicyState
from features.errors import StorageError
from features.promises import Division
from serving.connections import Mode
from serving.storage.policies import (
    NEXT,
    Alert,
    GlossaryVersion,
    ModeRecord,
    OffSwitch,
    OffSwitchKind,
    PromiseRecord,
    RulesVersion,
    StateRecord,
)
from serving.storage.policy_tables import ALERTS, GLOSSARIES, MODES, OFF_SWITCHES, POLICY_STATES, PROMISES, RULES
from serving.storage.transactions import Transactions

Record = TypeVar("Record", PromiseRecord, ModeRecord, StateRecord, RulesVersion, GlossaryVersion, OffSwitch)

# So many others may set the same thing between our look at its version and our setting it.
_ATTEMPTS = 20


class SqlVersions(Generic[Record]):
    """A `VersionedStorage` in SQLite or PostgreSQL: one table, whose primary key is the record's and the version."""

    def __init__(
        self, transactions: Transactions, *, table: Table, record: Callable[[Mapping[str, Any]], Record]
    ) -> None:
        self._transactions = transactions
        self._table = table
        self._record: Callable[[Mapping[str, Any]], Record] = record
        self._key = tuple(column.name for column in table.primary_key.columns if column.name != "version")
        self._append = transactions.insert(table).on_conflict_do_nothing().returning(table.c.version)

    def set(self, record: Record) -> bool:
        """Append a record; return False, keeping nothing, where its version is there already."""
        row = {told.name: _plain(getattr(record, told.name)) for told in fields(record)}
        newest = select(func.max(self._table.c.version)).where(self._is_under({name: row[name] for name in self._key}))
        with self._transactions.writing("setting a policy") as opened:
            for _ in range(_ATTEMPTS):
                version = record.version or (opened.execute(newest).scalar_one() or 0) + 1
                if opened.execute(self._append, {**row, "version": version}).one_or_none() is not None:
                    return True
                if record.version != NEXT:
                    return False
        raise StorageError(f"A policy cannot be set: {_ATTEMPTS} others were set meanwhile. Try again.")

    def current(self, **key: str) -> Record | None:
        """Return the newest version under a whole key."""
        if frozenset(key) != frozenset(self._key):
            raise TypeError(f"the key of {self._table.name} is {', '.join(self._key)}; given: {', '.join(key)}")
        return next(iter(self.history(limit=1, **key)), None)

    def all_current(self, **part_of_key: str) -> Sequence[Record]:
        """Return the newest version under every key that has these parts, in the order of the keys."""
        others = self._table.alias("others")
        same_key = and_(*(others.c[name] == self._table.c[name] for name in self._key))
        newest = select(func.max(others.c.version)).where(same_key).scalar_subquery()
        statement = (
            select(self._table)
            .where(self._is_under(part_of_key), self._table.c.version == newest)
            .order_by(*(self._table.c[name] for name in self._key))
        )
        return self._records(statement)

    def history(self, *, limit: int = 50, **part_of_key: str) -> Sequence[Record]:
        """Return every version under the keys that have these parts, newest first."""
        columns: Any = self._table.c
        # Versions of one key tell their order better than clocks do.
        order = [columns.version.desc()] if frozenset(part_of_key) == frozenset(self._key) else []
        order += [columns.at.desc(), columns.version.desc(), *(columns[name] for name in self._key)]
        return self._records(select(self._table).where(self._is_under(part_of_key)).order_by(*order).limit(limit))

    def _is_under(self, part_of_key: Mapping[str, str]) -> ColumnElement[bool]:
        unknown = frozenset(part_of_key) - frozenset(self._key)
        if unknown:
            raise TypeError(f"the key of {self._table.name} is {', '.join(self._key)}; given: {', '.join(unknown)}")
        return and_(True, *(self._table.c[name] == value for name, value in part_of_key.items()))

    def _records(self, statement: Any) -> Sequence[Record]:
        with self._transactions.reading("reading policies") as opened:
            rows: Any = opened.execute(statement).mappings()
            return [self._record(row) for row in rows]


class SqlAlerts:
    """An `AlertStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._raise = transactions.insert(ALERTS).on_conflict_do_nothing().returning(ALERTS.c.id)

    def raise_alert(self, alert: Alert) -> bool:
        """Keep an alert; return False where one of its id is there already."""
        with self._transactions.writing("raising an alert") as opened:
            return opened.execute(self._raise, asdict(alert)).one_or_none() is not None

    def find(self, alert_id: str) -> Alert | None:
        """Return the alert of that id."""
        return next(iter(self._alerts(ALERTS.c.id == alert_id)), None)

    def open_alerts(self, *, connection: str = "") -> Sequence[Alert]:
        """Return the alerts that nobody has acknowledged, newest first."""
        return self._alerts(ALERTS.c.acknowledged_at.is_(None), *_of(connection))

    def list(self, *, connection: str = "", limit: int = 50) -> Sequence[Alert]:
        """Return alerts, acknowledged or not, newest first."""
        return self._alerts(*_of(connection), limit=limit)

    def acknowledge(self, alert_id: str, *, by: str, at: datetime) -> bool:
        """Note who has seen an alert; return False where there is none or somebody has seen it before."""
        return self._note(alert_id, ALERTS.c.acknowledged_at.is_(None), acknowledged_by=by, acknowledged_at=at)

    def unsent(self, *, limit: int = 20) -> Sequence[Alert]:
        """Return the alerts that were not sent to the leads' channel yet, oldest first."""
        statement = select(ALERTS).where(ALERTS.c.sent_at.is_(None)).order_by(ALERTS.c.at, ALERTS.c.id).limit(limit)
        with self._transactions.reading("reading alerts to send") as opened:
            return [Alert(**row) for row in opened.execute(statement).mappings()]

    def mark_sent(self, alert_id: str, *, at: datetime) -> bool:
        """Note that an alert was sent; return False where it was before."""
        return self._note(alert_id, ALERTS.c.sent_at.is_(None), sent_at=at)

    def _note(self, alert_id: str, is_due: ColumnElement[bool], **values: object) -> bool:
        statement = update(ALERTS).where(ALERTS.c.id == alert_id, is_due).values(**values)
        with self._transactions.writing("noting what became of an alert") as opened:
            return opened.execute(statement).rowcount == 1

    def _alerts(self, *conditions: ColumnElement[bool], limit: int | None = None) -> Sequence[Alert]:
        statement = select(ALERTS).where(*conditions).order_by(ALERTS.c.at.desc(), ALERTS.c.id.desc()).limit(limit)
        with self._transactions.reading("reading alerts") as opened:
            return [Alert(**row) for row in opened.execute(statement).mappings()]


class SqlPolicies:
    """A `PolicyStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self.promises = SqlVersions(transactions, table=PROMISES, record=_promise)
        self.modes = SqlVersions(transactions, table=MODES, record=_mode)
        self.states = SqlVersions(transactions, table=POLICY_STATES, record=_state)
        self.rules = SqlVersions(transactions, table=RULES, record=lambda row: RulesVersion(**row))
        self.glossaries = SqlVersions(transactions, table=GLOSSARIES, record=lambda row: GlossaryVersion(**row))
        self.off_switches = SqlVersions(transactions, table=OFF_SWITCHES, record=_off_switch)
        self.alerts = SqlAlerts(transactions)


def _of(connection: str) -> Sequence[ColumnElement[bool]]:
    return [ALERTS.c.connection == connection] if connection else []


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _promise(row: Mapping[str, Any]) -> PromiseRecord:
    told = {**row, "urgent_labels": tuple(row["urgent_labels"]), "division": Division(row["division"])}
    return PromiseRecord(**told)


def _mode(row: Mapping[str, Any]) -> ModeRecord:
    return ModeRecord(**{**row, "mode": Mode(row["mode"])})


def _state(row: Mapping[str, Any]) -> StateRecord:
    return StateRecord(**{**row, "state": PolicyState(row["state"])})


def _off_switch(row: Mapping[str, Any]) -> OffSwitch:
    return OffSwitch(**{**row, "kind": OffSwitchKind(row["kind"])})
