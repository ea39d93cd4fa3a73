"""The pace and the breaker of each connection over SQLAlchemy: one row that all workers change.

Calls are spread by the generic cell rate algorithm: `spread_until` moves on by one interval with each call, and a
call is given out as long as it is no more than a burst ahead of the clock.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, and_, bindparam, case, or_, select, update

from serving.storage.column_types import UtcDateTime
from serving.storage.intake import Breaker, Turn
from serving.storage.intake_tables import HELPDESK_PACE
from serving.storage.transactions import Transactions

# This part of the calls may come at once; the others are spread evenly over the rest of the span.
_BURST_SHARE = 10
_COLUMNS = HELPDESK_PACE.c
# In the order of the fields of a Breaker.
_BREAKER = (_COLUMNS.failures, _COLUMNS.open_until, _COLUMNS.paused_until)
_FRESH: dict[str, Any] = {"spread_until": 0.0, "failures": 0}
_NO_DOUBLING_BEYOND = 32


class SqlPacing:
    """A `PacingStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._take = _take(transactions)

    def take(self, connection: str, *, now: datetime, calls: int, seconds: float) -> Turn:
        """Take one call, or return the seconds to wait before asking again."""
        burst = max(1, calls // _BURST_SHARE)
        # A burst and one call an interval after it until the span ends are `calls` in all.
        interval = seconds / (calls - burst + 1)
        ahead = (burst - 1) * interval
        moment = now.timestamp()
        asked = {
            **_FRESH,
            "connection": connection,
            "spread_until": moment + interval,
            "moment": moment,
            "interval": interval,
            "latest": moment + ahead,
            "now": now,
        }
        with self._transactions.writing_once("taking a call") as opened:
            taken = opened.execute(self._take, asked).mappings().one_or_none()
            if taken is not None:
                return Turn(0.0, Breaker(**taken))
            return _wait(opened, connection, now=now, ahead=ahead)

    def pause(self, connection: str, *, until: datetime) -> None:
        """Give no call out before a moment; a later one that is known stands."""
        is_earlier = or_(_COLUMNS.paused_until.is_(None), _COLUMNS.paused_until < until)
        statement = (
            self._transactions.insert(HELPDESK_PACE)
            .values({**_FRESH, "connection": connection, "paused_until": until})
            .on_conflict_do_update(index_elements=["connection"], set_={"paused_until": until}, where=is_earlier)
        )
        with self._transactions.writing_once("pausing a connection") as opened:
            opened.execute(statement)

    def breaker(self, connection: str) -> Breaker:
        """Return how a helpdesk has answered lately."""
        with self._transactions.reading("reading a breaker") as opened:
            return _breaker(opened, connection)

    def note_failure(
        self, connection: str, *, now: datetime, threshold: int, open_seconds: float, longest_seconds: float
    ) -> Breaker:
        """Count a failure; from `threshold` in a row on open the breaker, each time for twice as long."""
        is_closed = or_(_COLUMNS.open_until.is_(None), _COLUMNS.open_until <= now)
        count = (
            self._transactions.insert(HELPDESK_PACE)
            .values({**_FRESH, "connection": connection, "failures": 1})
            .on_conflict_do_update(
                index_elements=["connection"], set_={"failures": _COLUMNS.failures + 1}, where=is_closed
            )
            .returning(_COLUMNS.failures)
        )
        with self._transactions.writing("noting a failure") as opened:
            failures = opened.execute(count).scalar_one_or_none()
            if failures is not None and failures >= threshold:
                doublings = min(failures - threshold, _NO_DOUBLING_BEYOND)
                lasts = timedelta(seconds=min(longest_seconds, open_seconds * 2**doublings))
                opened.execute(_change(connection).values(open_until=now + lasts, probed_until=None))
            return _breaker(opened, connection)

    def probe(self, connection: str, *, now: datetime, seconds: float) -> bool:
        """Take the one call that is let through after the breaker was open; it is another's after `seconds`."""
        has_ended = and_(_COLUMNS.open_until.is_not(None), _COLUMNS.open_until <= now)
        is_free = or_(_COLUMNS.probed_until.is_(None), _COLUMNS.probed_until <= now)
        statement = _change(connection).where(has_ended, is_free).values(probed_until=now + timedelta(seconds=seconds))
        with self._transactions.writing_once("taking the call that probes") as opened:
            return opened.execute(statement).rowcount == 1

    def note_success(self, connection: str) -> None:
        """Close the breaker and count failures anew."""
        statement = (
            _change(connection).where(_COLUMNS.failures > 0).values(failures=0, open_until=None, probed_until=None)
        )
        with self._transactions.writing_once("noting a success") as opened:
            opened.execute(statement)


def _change(connection: str) -> Any:
    return update(HELPDESK_PACE).where(_is(connection))


def _take(transactions: Transactions) -> Any:
    """Return the statement that takes a call: made once, because making it takes longer than running it."""
    moment, interval = bindparam("moment", type_=Float), bindparam("interval", type_=Float)
    now = bindparam("now", type_=UtcDateTime)
    spread_from = case((_COLUMNS.spread_until > moment, _COLUMNS.spread_until), else_=moment)
    is_in_turn = _COLUMNS.spread_until <= bindparam("latest", type_=Float)
    row: dict[str, Any] = {name: bindparam(name) for name in ("connection", "spread_until", "failures")}
    return (
        transactions.insert(HELPDESK_PACE)
        .values(row)
        .on_conflict_do_update(
            index_elements=["connection"],
            set_={"spread_until": spread_from + interval},
            where=and_(is_in_turn, _is_past(_COLUMNS.paused_until, now), _is_past(_COLUMNS.open_until, now)),
        )
        .returning(*_BREAKER)
    )


def _is_past(column: Any, now: Any) -> ColumnElement[bool]:
    return or_(column.is_(None), column <= now)


def _wait(opened: Connection, connection: str, *, now: datetime, ahead: float) -> Turn:
    """Return when to ask again: when the turn comes, the pause ends and the breaker lets a call through."""
    spread_until, *told = opened.execute(select(_COLUMNS.spread_until, *_BREAKER).where(_is(connection))).one()
    breaker = Breaker(*told)
    moments = [one for one in (breaker.open_until, breaker.paused_until) if one is not None]
    seconds: float = max(spread_until - ahead - now.timestamp(), *((one - now).total_seconds() for one in moments), 0.0)
    # Rounded up, so that whoever waits that long is not sent back for a fraction of a rounding error.
    return Turn(max(math.ceil(seconds * 1000) / 1000, 0.001), breaker)


def _is(connection: str) -> ColumnElement[bool]:
    return _COLUMNS.connection == connection


def _breaker(opened: Connection, connection: str) -> Breaker:
    row = opened.execute(select(*_BREAKER).where(_is(connection))).mappings().one_or_none()
    return Breaker() if row is None else Breaker(**row)
