"""Calls to a helpdesk that nobody waits for at a web page: paced as all others, and made again where they may be.

Knows no vendor and no database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from features.errors import HelpdeskBusyError, HelpdeskDownError, TicketChangedError
from serving.auth import Clock
from serving.connections import Connection
from serving.helpdesk_pace import SharedThrottle
from serving.helpdesks.interface import Helpdesk
from serving.helpdesks.vendors import open_helpdesk
from serving.storage.intake import PacingStorage

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 120.0
# A person who exports a year waits for the pace of the helpdesk rather than being told to come again.
_PATIENCE_SECONDS = 600.0

Result = TypeVar("Result")


def open_patient_helpdesk(connection: Connection, *, pacing: PacingStorage, clock: Clock) -> Helpdesk:
    """Return the helpdesk of a connection, which shares its pace and breaker with the workers and waits for them."""
    with closing(open_helpdesk(connection, clock=clock)) as asked:
        pace = asked.pace
    throttle = SharedThrottle(
        pacing,
        connection=connection.name,
        pace=pace,
        clock=clock,
        patience_seconds=_PATIENCE_SECONDS,
    )
    return open_helpdesk(connection, clock=clock, throttle=throttle)


def patiently(work: Callable[[], Result], *, sleep: Callable[[float], None] = time.sleep) -> Result:
    """Return what repeatable work returns, which is begun anew where the helpdesk is busy, down or ahead of us.

    Raises what the last attempt raised.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return work()
        except TicketChangedError:
            continue
        except HelpdeskBusyError as error:
            if error.retry_after_seconds > LONGEST_WAIT_SECONDS:
                raise
            sleep(error.retry_after_seconds)
        except HelpdeskDownError:
            sleep(FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1))
    return work()
