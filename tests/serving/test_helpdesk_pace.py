"""The throttle that all workers of a connection share: pace, breaker and what the helpdesk asks for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.errors import HelpdeskBusyError
from serving.helpdesk_pace import FAILURES_UNTIL_OPEN, PROBE_SECONDS, SharedThrottle
from serving.helpdesks.calls import Throttle
from serving.helpdesks.interface import Pace
from serving.storage.sql import SqlStorage, open_storage


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    """A clock at the beginning."""
    return Clock()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqlStorage]:
    """An open, empty storage."""
    opened = open_storage(f"sqlite:///{(tmp_path / 'triage.db').as_posix()}")
    yield opened
    opened.close()


def throttle(storage: SqlStorage, clock: Clock, *, pace: Pace | None = None) -> SharedThrottle:
    """Return a worker's throttle on the connection."""
    return SharedThrottle(storage.pacing, connection="zendesk-main", pace=pace, clock=clock, sleep=clock.sleep)


def seconds_to_wait(one: SharedThrottle) -> float:
    """Return what a refused call is told to wait."""
    with pytest.raises(HelpdeskBusyError, match="zendesk-main") as caught:
        one.before_call()
    return caught.value.retry_after_seconds


def fail(one: SharedThrottle, *, times: int) -> None:
    """Call in vain some times."""
    for _ in range(times):
        one.before_call()
        one.failed()


def test_is_a_throttle(storage: SqlStorage, clock: Clock) -> None:
    """It is a Throttle, which mypy checks here, and without a pace it lets calls pass."""
    one: Throttle = throttle(storage, clock)
    for _ in range(50):
        one.before_call()
        one.succeeded()


def test_waits_out_a_short_wait(storage: SqlStorage, clock: Clock) -> None:
    """A wait of a second is slept; so an hour's calls keep the pace."""
    one, began = throttle(storage, clock, pace=Pace(60, 60)), clock()
    for _ in range(120):
        one.before_call()
    assert 110 <= (clock() - began).total_seconds() <= 140


def test_sends_away_for_a_long_wait(storage: SqlStorage, clock: Clock) -> None:
    """Where the next call is far off the caller is told when to come, another worker too."""
    pace = Pace(1, 60)
    throttle(storage, clock, pace=pace).before_call()
    assert seconds_to_wait(throttle(storage, clock, pace=pace)) == pytest.approx(60)
    clock.sleep(60)
    throttle(storage, clock, pace=pace).before_call()


def test_opens_after_five_failures_in_a_row(storage: SqlStorage, clock: Clock) -> None:
    """Four failures and a success open nothing; five do, for all workers, for 30 seconds."""
    one, other = throttle(storage, clock), throttle(storage, clock)
    fail(one, times=FAILURES_UNTIL_OPEN - 1)
    other.succeeded()
    fail(one, times=FAILURES_UNTIL_OPEN)
    assert seconds_to_wait(other) == 30


def test_one_call_tries_whether_it_answers_again(storage: SqlStorage, clock: Clock) -> None:
    """After the breaker was open one call probes and others wait; its failure opens it for twice as long."""
    one, other = throttle(storage, clock), throttle(storage, clock)
    fail(one, times=FAILURES_UNTIL_OPEN)
    clock.sleep(30)
    one.before_call()
    assert seconds_to_wait(other) > 0
    one.failed()
    assert seconds_to_wait(other) == 60
    clock.sleep(60)
    other.before_call()
    other.succeeded()
    fail(one, times=FAILURES_UNTIL_OPEN - 1)


def test_a_probe_that_died_is_taken_over(storage: SqlStorage, clock: Clock) -> None:
    """A worker that was killed while it probed does not keep the breaker open."""
    one, other = throttle(storage, clock), throttle(storage, clock)
    fail(one, times=FAILURES_UNTIL_OPEN)
    clock.sleep(30)
    one.before_call()
    clock.sleep(PROBE_SECONDS)
    other.before_call()


def test_leaves_alone_who_asks_for_it(storage: SqlStorage, clock: Clock) -> None:
    """What a helpdesk asks for holds for every worker, and counts as an answer."""
    one, other = throttle(storage, clock), throttle(storage, clock)
    fail(one, times=FAILURES_UNTIL_OPEN - 1)
    one.before_call()
    one.told_to_wait(45)
    assert seconds_to_wait(other) == 45
    clock.sleep(45)
    fail(other, times=FAILURES_UNTIL_OPEN - 1)
    other.before_call()
