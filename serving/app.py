"""Builds the service from its settings: the one place where implementations are chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from pydantic.json_schema import models_json_schema

from features.errors import StorageError
from features.glossary import Glossary
from serving import problems
from serving.api import Services, router
from serving.api_replies import ProblemReply
from serving.api_schemas import TicketRequest, TicketsRequest
from serving.auth import Authenticator, Clock, utc_now
from serving.event_log import Event, log_event
from serving.idempotency import Idempotency
from serving.local_models import LocalModels
from serving.model_store import MlflowModelSource, ModelSource, ModelStore
from serving.settings import Settings
from serving.storage.interface import IdempotencyStorage
from serving.storage.sql import open_storage
from serving.telemetry import RequestTiming, Telemetry
from serving.triage import TriageService

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
        lifespan=partial(_running, settings=settings, telemetry=telemetry, store=store, clock=clock),
    )
    app.include_router(router)
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
    app: FastAPI, *, settings: Settings, telemetry: Telemetry, store: ModelStore, clock: Clock
) -> AsyncIterator[None]:
    """Open what the service needs, and close it in the opposite order once what was accepted is answered."""
    storage = await asyncio.to_thread(open_storage, settings.database_url)
    triage = TriageService(
        models=store, recorder=storage, observer=telemetry, glossary=read_glossary(settings), now=clock
    )
    idempotency = Idempotency(storage, lasts=timedelta(hours=settings.idempotency_hours), now=clock)
    app.state.authenticator = Authenticator(storage, mode=settings.auth, clock=clock)
    app.state.services = Services(settings, triage, store, storage, idempotency, telemetry)
    store.start()
    triage.start()
    purging = asyncio.create_task(_purge_expired(storage, clock=clock))
    log_event(Event.SERVICE_STARTED, version=app.version, model=settings.model, auth=settings.auth.value)
    try:
        yield
    finally:
        purging.cancel()
        await triage.close()
        await asyncio.to_thread(store.close)
        await asyncio.to_thread(storage.close)
        log_event(Event.SERVICE_STOPPED)


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
            [(TicketRequest, "validation"), (TicketsRequest, "validation"), (ProblemReply, "serialization")],
            ref_template="#/components/schemas/{model}",
        )
        described["components"]["schemas"].update(schemas["$defs"])
        app.openapi_schema = described
    return app.openapi_schema
