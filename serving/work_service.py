"""Puts the worker together from its settings: the one place where its implementations are chosen."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta
from functools import partial

from features.errors import HelpdeskError
from features.tickets import Ticket
from serving.auth import Clock, utc_now
from serving.connections import Connection, Connections
from serving.event_log import Event, log_event
from serving.helpdesk_pace import SharedThrottle
from serving.helpdesks.interface import Helpdesk
from serving.helpdesks.vendors import open_helpdesk
from serving.oversight.alert_channel import AlertChannel
from serving.oversight.audits import Audits
from serving.oversight.live_drift import LiveDrift
from serving.oversight.policy_book import PolicyBook
from serving.oversight.watch import Watch
from serving.settings import Settings
from serving.storage.interface import ScoredEntry, Source, Storage
from serving.sweep import sweep
from serving.ticket_work import TicketWork
from serving.triage import IncomingTicket, Request, TriageService
from serving.worker import Worker, attempt_by_id
from serving.workflows import DurableAttempts

_SCORING_TIMEOUT_SECONDS = 120.0
# How far a sweep looks back beyond the last one: helpdesks list tickets late, and clocks differ.
_OVERLAP = timedelta(minutes=30)


class ThreadedScorer:
    """Scores from any thread with a service that lives on an event loop."""

    def __init__(self, service: TriageService, *, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop

    def score(self, ticket: Ticket, *, connection: Connection, entry_id: str, warnings: tuple[str, ...]) -> ScoredEntry:
        """Return the record of the scored ticket, which is not kept yet; raise ModelUnavailableError."""
        request = Request(
            model_name=connection.model,
            caller=connection.name,
            source=Source.WEBHOOK,
            entry_id=entry_id,
            connection=connection.name,
            delivery_id=entry_id,
        )
        work = self._service.unrecorded(IncomingTicket(ticket, warnings), request=request)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SCORING_TIMEOUT_SECONDS)


class Helpdesks:
    """The helpdesk of each connection, its pace and breaker shared with all other workers."""

    def __init__(self, connections: Connections, *, storage: Storage, clock: Clock) -> None:
        self._connections = connections
        self._storage = storage
        self._clock = clock
        self._opened: dict[str, Helpdesk] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Helpdesk:
        """Return the helpdesk of a connection; raise ConnectionsError where there is none."""
        connection = self._connections.get(name)
        with self._lock:
            if name not in self._opened:
                throttle = SharedThrottle(
                    self._storage.pacing,
                    connection=name,
                    pace=open_helpdesk(connection, clock=self._clock).pace,
                    clock=self._clock,
                )
                self._opened[name] = open_helpdesk(connection, clock=self._clock, throttle=throttle)
            return self._opened[name]

    def close(self) -> None:
        """Let go of every helpdesk."""
        with self._lock:
            while self._opened:
                self._opened.popitem()[1].close()


class RunningWork:
    """The worker with all it needs, at work in a thread of its own from the moment it is made."""

    def __init__(
        self,
        settings: Settings,
        *,
        connections: Connections,
        storage: Storage,
        triage: TriageService,
        loop: asyncio.AbstractEventLoop,
        slot: str,
        book: PolicyBook | None = None,
        drift: LiveDrift | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._storage = storage
        self._clock = clock
        self._helpdesks = Helpdesks(connections, storage=storage, clock=clock)
        work = TicketWork(
            storage=storage,
            scorer=ThreadedScorer(triage, loop=loop),
            helpdesk_of=self._helpdesks.get,
            connection_of=connections.get,
            mode_of=(book or PolicyBook(storage.policies, clock=clock)).mode_of,
            public_url=settings.public_url,
            overseer=Audits(storage, clock=clock),
            clock=clock,
        )
        self._attempts = DurableAttempts(
            settings.database_url,
            slot=slot,
            attempt=partial(attempt_by_id, deliveries=storage.deliveries, attempt=work.attempt),
        )
        self._worker = Worker(
            deliveries=storage.deliveries,
            attempts=self._attempts,
            slots=settings.work_slots,
            clock=clock,
            keep_house=self.keep_house,
            house_every=timedelta(minutes=settings.sweep_minutes or 10),
        )
        channel = AlertChannel(settings.alert_webhook).tell if settings.alert_webhook else None
        self._watch = Watch(storage, clock=clock, tell=channel, drift=drift)
        self._swept_until = clock() - timedelta(hours=24)

        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End once what is in hand is done."""
        self._worker.stop()
        self._thread.join()

    @property
    def is_at_work(self) -> bool:
        """Whether deliveries are worked on; no longer where the durable engine failed."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._attempts.launch()
            self._worker.run()
        except Exception as error:
            log_event(Event.WORKER_FAILED, level=logging.CRITICAL, error=error)
        finally:
            self._attempts.close()
            self._helpdesks.close()

    def keep_house(self) -> None:
        """Look after promises, forget texts that are past their time, and take in what no delivery told of."""
        now = self._clock()
        self._watch.look()
        kept_since = now - timedelta(days=self._settings.keep_text_days)
        self._storage.originals.purge(kept_since)
        self._storage.deliveries.purge(kept_since)
        if not self._settings.sweep_minutes:
            return
        for connection in self._connections.by_name.values():
            self._sweep(connection)
        self._swept_until = now - _OVERLAP

    def _sweep(self, connection: Connection) -> None:
        """Look through one helpdesk; one that does not answer is looked through the next time."""
        try:
            swept = sweep(
                connection,
                helpdesk=self._helpdesks.get(connection.name),
                deliveries=self._storage.deliveries,
                since=self._swept_until,
                clock=self._clock,
            )
        except HelpdeskError as error:
            log_event(Event.SWEEP_DONE, connection=connection.name, error=error)
            return
        log_event(Event.SWEEP_DONE, connection=connection.name, seen=swept.seen, taken_in=swept.taken_in)
