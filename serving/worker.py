"""The worker: takes deliveries that are due, as many as it has slots, and looks for tickets that no delivery told of.

Knows no web and no SQL; `serving.work_service` puts it together.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

from features.errors import HelpdeskError, StorageError
from serving.event_log import Event, log_event
from serving.storage.intake import DeliveryStorage, StoredDelivery
from serving.ticket_work import Outcome

# Longer than any attempt takes: a delivery whose worker is gone for good is due again after it.
LEASE_SECONDS = 300.0
IDLE_SECONDS = 0.2


class Attempts(Protocol):
    """The engine that makes attempts so that they survive their process."""

    def make(self, delivery: StoredDelivery) -> None:
        """Make the attempt that was begun at a delivery, and return when it is over."""


class Worker:
    """Works on deliveries until told to stop."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStorage,
        attempts: Attempts,
        slots: int,
        clock: Callable[[], datetime],
        keep_house: Callable[[], None] = lambda: None,
        house_every: timedelta = timedelta(minutes=10),
    ) -> None:
        self._deliveries = deliveries
        self._attempts = attempts
        self._slots = slots
        self._clock = clock
        self._keep_house = keep_house
        self._house_every = house_every
        self._free = threading.BoundedSemaphore(slots)
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="attempt")

    def run(self) -> None:
        """Work until `stop`; a database that does not answer is waited for."""
        log_event(Event.WORKER_STARTED, slots=self._slots)
        next_house = self._clock()
        while not self._stopping.is_set():
            try:
                taken = self.take()
                if self._clock() >= next_house:
                    next_house = self._clock() + self._house_every
                    self._keep_house()
            except (StorageError, HelpdeskError) as error:
                log_event(Event.DELIVERY_POSTPONED, level=logging.WARNING, error=error)
                taken = 0
            if not taken:
                self._stopping.wait(IDLE_SECONDS)
        self._threads.shutdown(wait=True)
        log_event(Event.WORKER_STOPPED)

    def stop(self) -> None:
        """End once what is in hand is done."""
        self._stopping.set()

    def take(self) -> int:
        """Start an attempt at each delivery that is due, as far as slots are free; return how many."""
        free = self._reserve()
        if not free:
            self._stopping.wait(IDLE_SECONDS / 10)
            return 1
        taken = 0
        try:
            for delivery in self._deliveries.take_due(self._clock(), limit=free, lease_seconds=LEASE_SECONDS):
                self._threads.submit(self._attempt, delivery)
                taken += 1
        finally:
            for _ in range(free - taken):
                self._free.release()
        return taken

    def _reserve(self) -> int:
        reserved = 0
        while reserved < self._slots and self._free.acquire(blocking=False):
            reserved += 1
        return reserved

    def _attempt(self, delivery: StoredDelivery) -> None:
        try:
            self._attempts.make(delivery)
        except Exception as error:
            # The attempt itself failed beyond what it expects: its lease ends and it is tried again.
            log_event(Event.DELIVERY_POSTPONED, level=logging.ERROR, error=error)
        finally:
            self._free.release()


def attempt_by_id(
    delivery_id: str,
    number: int,
    taken: StoredDelivery | None = None,
    *,
    deliveries: DeliveryStorage,
    attempt: Callable[[StoredDelivery], Outcome],
) -> None:
    """Make the attempt of that number, unless a later one was begun meanwhile or the delivery is done.

    `taken` is the delivery where it was taken for this very attempt a moment ago.
    """
    delivery = taken or deliveries.find(delivery_id)
    if delivery is None or delivery.attempts != number or delivery.finished_at is not None:
        return
    outcome = attempt(delivery)
    if outcome.dead:
        event, level = Event.DELIVERY_DEAD, logging.ERROR
    elif outcome.retry_at is not None:
        event, level = Event.DELIVERY_POSTPONED, logging.INFO
    else:
        event, level = Event.DELIVERY_DONE, logging.INFO
    log_event(event, level=level, delivery=delivery.id, connection=delivery.connection, attempt=number)
