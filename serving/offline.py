"""Tickets answered without a server: the same service as behind the routes, for as long as one call lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from features.errors import StorageError
from serving.api_schemas import read_ticket, read_tickets
from serving.app import create_model_store, read_glossary
from serving.json_body import parse_json
from serving.model_store import ModelSource
from serving.settings import Settings
from serving.storage.interface import ScoredEntry, Source
from serving.storage.sql import open_storage
from serving.telemetry import Telemetry
from serving.triage import Answer, IncomingTicket, Recorder, Request, TriageService

_LOADING_TIMEOUT_SECONDS = 600.0
_CALLER = "command line"


@dataclass(frozen=True, slots=True)
class OfflineAnswers:
    """What was answered: one answer, or a list for a list; `failure` says why the registry was not followed."""

    content: Answer | list[Answer]
    failure: str = ""


def score_sent(
    content: bytes,
    *,
    settings: Settings,
    model_version: str = "",
    is_recorded: bool = False,
    model_source: ModelSource | None = None,
) -> OfflineAnswers:
    """Answer the ticket, or the list of tickets, that is written as JSON; raise TriageError."""
    sent = parse_json(content)
    is_list = isinstance(sent, list)
    incoming = _incoming(sent, settings=settings)
    telemetry = Telemetry()
    store = create_model_store(settings, telemetry=telemetry, model_source=model_source, model_version=model_version)
    request = Request(caller=_CALLER, source=Source.CLI, is_recorded=is_recorded)
    with _recorder(settings, is_recorded=is_recorded) as recorder:
        service = TriageService(
            models=store,
            recorder=recorder,
            observer=telemetry,
            glossary=read_glossary(settings),
            first_use_timeout_seconds=_LOADING_TIMEOUT_SECONDS,
        )
        store.start()
        try:
            answers = asyncio.run(_triage_all(service, incoming, request=request))
        finally:
            store.close()
    failure = store.status().last_failure
    return OfflineAnswers(answers if is_list else answers[0], failure.because if failure else "")


def _incoming(sent: object, *, settings: Settings) -> Sequence[IncomingTicket]:
    limit = settings.max_text_characters
    if isinstance(sent, list):
        return read_tickets({"tickets": sent}, max_tickets=len(sent), max_text_characters=limit) if sent else []
    return [read_ticket(sent, max_text_characters=limit)]


async def _triage_all(service: TriageService, incoming: Sequence[IncomingTicket], *, request: Request) -> list[Answer]:
    service.start()
    try:
        return await service.triage_all(incoming, request=request)
    finally:
        await service.close()


@contextmanager
def _recorder(settings: Settings, *, is_recorded: bool) -> Iterator[Recorder]:
    """Open the database only where something is to be recorded: scoring a file then leaves no trace."""
    if not is_recorded:
        yield _Unrecorded()
        return
    storage = open_storage(settings.database_url)
    try:
        yield storage
    finally:
        storage.close()


class _Unrecorded:
    """Stands where nothing is recorded."""

    def record(self, entries: Sequence[ScoredEntry]) -> None:
        """Refuse, since an entry here would be lost."""
        raise StorageError(f"{len(entries)} answers were to be recorded, but no database is open.")
