"""Builds the service from its settings: the one place where implementations are chosen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from pydantic.json_schema import models_json_schema

from features.errors import StorageError
from features.glossary import Glossary
from serving import feedback, problems, webhooks
from serving.api import Services, router
from serving.api_replies import ProblemReply
from serving.api_schemas import TicketRequest, TicketsRequest
from serving.auth import Authenticator, Clock, utc_now
from serving.connections import Connections, read_connections
from serving.event_log import Event, log_event
from serving.feedback import FeedbackRequest
from serving.idempotency import Idempotency
from serving.local_models import LocalModels
from serving.model_store import MlflowModelSource, ModelSource, ModelStore
from serving.oversight.live_drift import LiveDrift
from serving.oversight.policy_book import PolicyBook
from serving.review.opening import add_review_pages, open_review
from serving.settings import Settings
from serving.storage.encryption import Cipher
from serving.storage.interface import IdempotencyStorage, Storage
from serving.storage.sql import SqlStorage, open_storage
from serving.telemetry import RequestTiming, Telemetry
from serving.triage import Policies, TriageService
from serving.webhooks import Intake

if TYPE_CHECKING:
    from serving.work_service import RunningWork

_PURGE_EVERY_SECONDS = 600.0
_DESCRIPTION = (
    "Suggests category, priority, tier and group of a support ticket, with reasons, articles and similar tickets. "
    "한국어와 영어 문의를 분류하고 우선순위, 담당 그룹, 관련 문서를 제안합니다."
)


def create_app(
    settings: Settings,
    *,
    model_source: ModelSource | None = None,
    model_version: str = "",
    policies: Policies | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """Return the service; nothing is opened before it starts.

    `model_version` pins the default model in place of following its alias. Without a source, models
    come from the MLflow that the settings name.
    """
    telemetry = Telemetry()
    store = create_model_store(
        settings, telemetry=telemetry, model_source=model_source, model_version=model_version, clock=clock
    )
    # The page at /docs brings its own scripts: a helpdesk's network need not reach any other.
    app = FastAPIOffline(
        redoc_url=None,
        title="Ticket triage",
        description=_DESCRIPTION,
        version=version("ticket-triage"),
        lifespan=partial(_running, settings=settings, telemetry=telemetry, store=store, policies=policies, clock=clock),
    )
    app.include_router(router)
    app.include_router(feedback.router)
    app.include_router(webhooks.router)
    add_review_pages(app)
    app.state.clock = clock
    app.add_middleware(RequestTiming, telemetry=telemetry)
    problems.install(app)
    app.openapi = partial(_described, app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def create_model_store(
    settings: Settings,
    *,
    telemetry: Telemetry,
    model_source: ModelSource | None = None,
    model_version: str = "",
    clock: Clock = utc_now,
) -> ModelStore:
    """Return the store of models, not yet started."""
    return ModelStore(
        model_source or MlflowModelSource(tracking_uri=settings.mlflow_tracking_uri),
        local_models=LocalModels(settings.var_dir / "models"),
        observer=telemetry,
        default_name=settings.model,
        alias=settings.alias,
        pinned_version=model_version,
        poll_seconds=settings.alias_poll_seconds,
        now=clock,
    )


def read_glossary(settings: Settings) -> Glossary | None:
    """Return the site's own words that the settings name, if they name any; raise RecipeError."""
    return None if settings.glossary is None else Glossary.from_toml(settings.glossary)


@asynccontextmanager
async def _running(
    app: FastAPI,
    *,
    settings: Settings,
    telemetry: Telemetry,
    store: ModelStore,
    policies: Policies | None,
    clock: Clock,
) -> AsyncIterator[None]:
    """Open what the service needs, and close it in the opposite order once what was accepted is answered."""
    storage = await asyncio.to_thread(open_service_storage, settings)
    drift = LiveDrift()
    book = PolicyBook(storage.policies, clock=clock, drift=drift)
    triage = TriageService(
        models=store,
        recorder=storage,
        observer=telemetry,
        policies=book if policies is None else policies,
        amendments=book,
        glossary=read_glossary(settings),
        now=clock,
    )
    idempotency = Idempotency(storage, lasts=timedelta(hours=settings.idempotency_hours), now=clock)
    app.state.authenticator = Authenticator(storage, mode=settings.auth, clock=clock)
    app.state.services = Services(settings, triage, store, storage, idempotency, telemetry)
    connections = read_connections(settings.connections, environ=os.environ)
    intake = Intake(connections, deliveries=storage.deliveries, observer=telemetry, clock=clock)
    app.state.intake = intake
    open_review(app, storage=storage, settings=settings, connections=connections, clock=clock)
    store.start()
    triage.start()
    intake.start()
    working = _work_beside(
        settings, connections=connections, storage=storage, triage=triage, book=book, drift=drift, clock=clock
    )
    purging = asyncio.create_task(_purge_expired(storage, clock=clock))
    log_event(Event.SERVICE_STARTED, version=app.version, model=settings.model, auth=settings.auth.value)
    try:
        yield
    finally:
        purging.cancel()
        await intake.close()
        if working is not None:
            await asyncio.to_thread(working.stop)
        await triage.close()
        await asyncio.to_thread(store.close)
        await asyncio.to_thread(storage.close)
        log_event(Event.SERVICE_STOPPED)


def open_service_storage(settings: Settings) -> SqlStorage:
    """Open the storage that the settings name, with the key that encrypts what tickets say; raise StorageError."""
    keys = tuple(key.strip() for key in settings.encryption_key.split(",") if key.strip())
    return open_storage(settings.database_url, cipher=Cipher.from_keys(keys))


def _work_beside(
    settings: Settings,
    *,
    connections: Connections,
    storage: Storage,
    triage: TriageService,
    book: PolicyBook,
    drift: LiveDrift,
    clock: Clock,
) -> RunningWork | None:
    """Start the worker in this process where nobody else can: SQLite is one machine's, and one process does both."""
    if not connections.by_name or not settings.database_url.startswith("sqlite"):
        return None
    from serving.work_service import RunningWork  # it brings the durable engine, which others do without

    return RunningWork(
        settings,
        connections=connections,
        storage=storage,
        triage=triage,
        loop=asyncio.get_running_loop(),
        slot="serve",
        book=book,
        drift=drift,
        clock=clock,
    )


async def _purge_expired(storage: IdempotencyStorage, *, clock: Clock) -> None:
    while True:
        with suppress(StorageError):  # what is left over goes the next time
            await asyncio.to_thread(storage.purge_expired, clock())
        await asyncio.sleep(_PURGE_EVERY_SECONDS)


def _described(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, with the schemas of the bodies that routes read themselves."""
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        _, schemas = models_json_schema(
            [
                (TicketRequest, "validation"),
                (TicketsRequest, "validation"),
                (FeedbackRequest, "validation"),
                (ProblemReply, "serialization"),
            ],
            ref_template="#/components/schemas/{model}",
        )
        described["components"]["schemas"].update(schemas["$defs"])
        app.openapi_schema = described
    return app.openapi_schema
