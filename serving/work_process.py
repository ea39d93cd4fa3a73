"""The process that `triage work` runs: models, scoring and the worker, until it is told to stop. Answers no request."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from features.errors import ConnectionsError, SettingsError, TriageError
from serving.app import create_model_store, open_service_storage, read_glossary
from serving.auth import Clock, utc_now
from serving.connections import Connections, read_connections
from serving.event_log import configure_logging
from serving.oversight.live_drift import LiveDrift
from serving.oversight.policy_book import PolicyBook
from serving.settings import Settings
from serving.telemetry import Telemetry
from serving.triage import TriageService
from serving.work_service import RunningWork

# A webhook waits for its answer and a ticket's note does not: on a full machine the processes that answer go first.
_LOOK_EVERY_SECONDS = 2.0
_NICENESS = 10


def connections_to_work_on(settings: Settings) -> Connections:
    """Return the connections; raise SettingsError or ConnectionsError where a worker would have nothing to do."""
    if settings.database_url.startswith("sqlite"):
        raise SettingsError(
            "TRIAGE_DATABASE_URL is an SQLite file, on which `triage serve` does the work itself. Start that alone, "
            "or set TRIAGE_DATABASE_URL to a PostgreSQL database."
        )
    connections = read_connections(settings.connections, environ=os.environ)
    if not connections.by_name:
        raise ConnectionsError(
            "There is no connection to work on. Write one into the file that TRIAGE_CONNECTIONS names."
        )
    return connections


def work(settings: Settings, *, connections: Connections, slot: str) -> None:
    """Work on deliveries until SIGTERM or SIGINT, then finish what is in hand; raise StorageError, RecipeError."""
    configure_logging(settings.log_level)
    os.nice(_NICENESS)
    asyncio.run(_work(settings, connections=connections, slot=slot, clock=utc_now))


async def _work(settings: Settings, *, connections: Connections, slot: str, clock: Clock) -> None:
    """Open what the worker needs, and close it in the opposite order once it is told to stop."""
    told_to_stop = _told_to_stop()
    storage = await asyncio.to_thread(open_service_storage, settings)
    telemetry = Telemetry()
    store = create_model_store(settings, telemetry=telemetry, clock=clock)
    drift = LiveDrift()
    book = PolicyBook(storage.policies, clock=clock, drift=drift)
    triage = TriageService(
        models=store,
        recorder=storage,
        observer=telemetry,
        policies=book,
        amendments=book,
        glossary=read_glossary(settings),
        now=clock,
    )
    store.start()
    triage.start()
    try:
        working = RunningWork(
            settings,
            connections=connections,
            storage=storage,
            triage=triage,
            loop=asyncio.get_running_loop(),
            slot=slot,
            book=book,
            drift=drift,
            clock=clock,
        )
        while working.is_at_work and not told_to_stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(told_to_stop.wait(), _LOOK_EVERY_SECONDS)
        has_failed = not told_to_stop.is_set()
        await asyncio.to_thread(working.stop)
        if has_failed:
            raise TriageError("The worker stopped by itself. The log above says why; start it again in the same slot.")
    finally:
        await triage.close()
        await asyncio.to_thread(store.close)
        await asyncio.to_thread(storage.close)


def _told_to_stop() -> asyncio.Event:
    """Return what is set by SIGTERM and SIGINT, in place of their ending the process on the spot."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told
