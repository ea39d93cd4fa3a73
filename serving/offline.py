"""Tickets answered without a server: the same service as behind the routes, for as long as one call lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from serving.api_schemas import read_ticket, read_tickets
from serving.app import create_model_store, open_service_storage, read_glossary
from serving.auth import utc_now
from serving.json_body import parse_json
from serving.model_store import ModelSource
from serving.oversight.policy_book import PolicyBook
from serving.settings import Settings
from serving.storage.interface import Source
from serving.telemetry import Telemetry
from serving.triage import Answer, IncomingTicket, Request, TriageService

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
    # Opened also where nothing is recorded: promises and rules are kept there.
    with closing(open_service_storage(settings)) as storage:
        book = PolicyBook(storage.policies, clock=utc_now)
        service = TriageService(
            models=store,
            recorder=storage,
            observer=telemetry,
            policies=book,
            amendments=book,
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
