"""The pace and the circuit breaker of a connection, shared by all workers through the storage. Knows no vendor."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from features.errors import HelpdeskBusyError
from serving.helpdesks.interface import Pace
from serving.storage.intake import Breaker, PacingStorage, Turn

FAILURES_UNTIL_OPEN = 10
FIRST_OPEN_SECONDS = 30.0
LONGEST_OPEN_SECONDS = 300.0
# Longer than a helpdesk may take to answer: then whoever took the probe is believed to have died.
PROBE_SECONDS = 60.0
# A ticket takes several calls. Were each refused that cannot be made soon, a slow pace with more than one ticket
# waiting would be spent on reading tickets that are then never written: so a call waits for so many turns of the pace.
TURNS_WAITED_FOR = 10
SHORTEST_PATIENCE_SECONDS = 2.0
LONGEST_PATIENCE_SECONDS = 45.0


class SharedThrottle:
    """A `Throttle` over the storage: lets a call pass at the vendor's pace, unless its breaker is open.

    Waits of up to `patience_seconds` are waited out; for a longer one the caller is told to come again. Where they are
    not given, they last some turns of the pace.
    """

    def __init__(
        self,
        pacing: PacingStorage,
        *,
        connection: str,
        pace: Pace | None,
        clock: Callable[[], datetime],
        patience_seconds: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pacing = pacing
        self._connection = connection
        self._pace = pace
        self._clock = clock
        self._patience_seconds = _patience_seconds(pace) if patience_seconds is None else patience_seconds
        self._sleep = sleep
        # Whether a success must be noted: where no failure is known since the last one, there is nothing to end.
        self._may_have_failed = True

    def before_call(self) -> None:
        """Raise HelpdeskBusyError where the pace or an open breaker asks to wait."""
        breaker = self._keep_pace()
        if breaker.failures:
            self._may_have_failed = True
        if breaker.open_until is not None and not self._pacing.probe(
            self._connection, now=self._clock(), seconds=PROBE_SECONDS
        ):
            raise self._busy(FIRST_OPEN_SECONDS, because="another call is trying whether it answers again")

    def succeeded(self) -> None:
        """Note that the helpdesk answered; needs no storage where none of its failures is known here."""
        if self._may_have_failed:
            # First of all, so that a failure that another thread notes meanwhile is not forgotten.
            self._may_have_failed = False
            self._pacing.note_success(self._connection)

    def failed(self) -> None:
        """Note that the helpdesk gave no answer or failed."""
        self._pacing.note_failure(
            self._connection,
            now=self._clock(),
            threshold=FAILURES_UNTIL_OPEN,
            open_seconds=FIRST_OPEN_SECONDS,
            longest_seconds=LONGEST_OPEN_SECONDS,
        )
        # After it is noted: a success before that has nothing to end yet.
        self._may_have_failed = True

    def told_to_wait(self, seconds: float) -> None:
        """Note that the helpdesk asked to be left alone; to say so it had to answer."""
        self._pacing.note_success(self._connection)
        self._pacing.pause(self._connection, until=self._clock() + timedelta(seconds=seconds))

    def _keep_pace(self) -> Breaker:
        """Return how the helpdesk has answered lately once the call's turn has come."""
        patience_seconds = self._patience_seconds
        while True:
            now = self._clock()
            turn = self._turn(now)
            self._refuse_until(turn.breaker.open_until, now=now, because="its breaker is open after failures in a row")
            self._refuse_until(turn.breaker.paused_until, now=now, because="it asked to be left alone")
            if not turn.wait_seconds:
                return turn.breaker
            patience_seconds -= turn.wait_seconds
            if patience_seconds < 0:
                raise self._busy(turn.wait_seconds, because="its pace is used up")
            self._sleep(turn.wait_seconds)

    def _turn(self, now: datetime) -> Turn:
        if self._pace is None:
            return Turn(0.0, self._pacing.breaker(self._connection))
        return self._pacing.take(self._connection, now=now, calls=self._pace.calls, seconds=self._pace.seconds)

    def _refuse_until(self, moment: datetime | None, *, now: datetime, because: str) -> None:
        if moment is not None and moment > now:
            raise self._busy((moment - now).total_seconds(), because=because)

    def _busy(self, seconds: float, *, because: str) -> HelpdeskBusyError:
        return HelpdeskBusyError(
            f"The helpdesk of '{self._connection}' is not called for {seconds:.1f} seconds: {because}.",
            retry_after_seconds=seconds,
        )


def _patience_seconds(pace: Pace | None) -> float:
    """Return how long a call waits for its turn at a pace."""
    turns = 0.0 if pace is None else TURNS_WAITED_FOR * pace.seconds / pace.calls
    return min(max(turns, SHORTEST_PATIENCE_SECONDS), LONGEST_PATIENCE_SECONDS)
