"""The routes of the API: each reads a request, calls one function and writes the reply. Decides nothing itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from features.errors import StorageError
from serving import api_examples, telemetry
from serving.api_replies import AnswerReply, AnswersReply, ModelReply, ReadyReply, model_reply, readiness
from serving.api_schemas import InvalidTicketError, read_ticket, read_tickets
from serving.auth import Caller, Scope, require
from serving.idempotency import Idempotency, KeyedRequest, MalformedKeyError, hash_request, parse_key
from serving.json_body import parse_json
from serving.model_store import ModelStore
from serving.problems import MEDIA_TYPE as PROBLEM_MEDIA_TYPE
from serving.request_body import read_body
from serving.settings import Settings
from serving.storage.interface import Source, Storage
from serving.telemetry import Telemetry
from serving.triage import Request as TriageRequest
from serving.triage import TriageService

_JSON = "application/json"
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call; `create_app` leaves it in `app.state.services`."""

    settings: Settings
    triage: TriageService
    models: ModelStore
    storage: Storage
    idempotency: Idempotency
    telemetry: Telemetry


def _problem(words: str) -> dict[str, Any]:
    reference = {"schema": {"$ref": "#/components/schemas/ProblemReply"}}
    return {"description": words, "content": {PROBLEM_MEDIA_TYPE: reference}}


def _body_of(schema: str, examples: dict[str, Any]) -> dict[str, Any]:
    content = {_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": examples}}
    return {"requestBody": {"required": True, "content": content}}


_KEY_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _problem("No valid API key."),
    403: _problem("The key lacks the scope."),
}
_SCORE_PROBLEMS: dict[int | str, dict[str, Any]] = {
    **_KEY_PROBLEMS,
    400: _problem("The body is no JSON, or can be read in more than one way."),
    404: _problem("No such model is registered."),
    409: _problem("The first request with this Idempotency-Key is still being answered."),
    413: _problem("The body is too large."),
    415: _problem("The body is not JSON in UTF-8."),
    422: _problem("A field cannot be understood, or the Idempotency-Key belongs to another request."),
    503: _problem("No model, no database, or too much work waits; try again after Retry-After."),
}

router = APIRouter()
_Scorer = Annotated[Caller, Depends(require(Scope.SCORE))]
_ModelName = Annotated[str, Query(description="A registered model; without it the default one.", max_length=100)]
_IsRecorded = Annotated[bool, Query(alias="record", description="Whether what is answered is recorded.")]
_IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description='A new key for a new request, as in "8e03978e-40d5"; a repetition gets the first answer.',
    ),
]


@router.post(
    "/v1/score",
    tags=["tickets"],
    summary="Triage one ticket",
    responses={
        200: {"model": AnswerReply, "content": {_JSON: {"examples": api_examples.ANSWER_EXAMPLES}}},
        **_SCORE_PROBLEMS,
    },
    openapi_extra=_body_of("TicketRequest", api_examples.TICKET_EXAMPLES),
)
async def score(
    request: Request,
    caller: _Scorer,
    model: _ModelName = "",
    is_recorded: _IsRecorded = True,
    idempotency_key: _IdempotencyKey = None,
) -> Response:
    """Answer one ticket: every target's label with its probability, articles and similar tickets."""
    services: Services = request.app.state.services
    settings = services.settings
    with _web_errors():
        body = await _body(request, max_bytes=settings.max_body_bytes)
        incoming = read_ticket(parse_json(body), max_text_characters=settings.max_text_characters)
        asked = TriageRequest(model_name=model, caller=caller.id, source=Source.API, is_recorded=is_recorded)

        async def produce() -> bytes:
            return _encode(await services.triage.triage(incoming, request=asked)).encode()

        return await _answered(services, asked, body=body, header=idempotency_key, produce=produce)


@router.post(
    "/v1/score/batch",
    tags=["tickets"],
    summary="Triage many tickets",
    responses={
        200: {"model": AnswersReply, "content": {_JSON: {"examples": api_examples.ANSWERS_EXAMPLES}}},
        **_SCORE_PROBLEMS,
    },
    openapi_extra=_body_of("TicketsRequest", api_examples.BATCH_EXAMPLES),
)
async def score_batch(
    request: Request,
    caller: _Scorer,
    model: _ModelName = "",
    is_recorded: _IsRecorded = True,
    idempotency_key: _IdempotencyKey = None,
) -> Response:
    """Answer up to 1,000 tickets in order; where one cannot be understood none is scored, and each such is named."""
    services: Services = request.app.state.services
    settings = services.settings
    with _web_errors():
        body = await _body(request, max_bytes=settings.max_batch_body_bytes)
        incoming = await asyncio.to_thread(
            lambda: read_tickets(
                parse_json(body), max_tickets=settings.max_batch, max_text_characters=settings.max_text_characters
            )
        )
        asked = TriageRequest(model_name=model, caller=caller.id, source=Source.BATCH, is_recorded=is_recorded)

        async def produce() -> bytes:
            answers = await services.triage.triage_all(incoming, request=asked)
            return (await asyncio.to_thread(_encode, {"answers": answers})).encode()

        return await _answered(services, asked, body=body, header=idempotency_key, produce=produce)


@router.get(
    "/v1/model",
    tags=["model"],
    summary="What the model predicts and how well",
    responses={
        200: {"model": ModelReply},
        **_KEY_PROBLEMS,
        **{status: _SCORE_PROBLEMS[status] for status in (404, 422, 503)},
    },
)
async def describe_model(request: Request, _: _Scorer, model: _ModelName = "") -> Response:
    """Describe the model that answers: version, targets and labels, held-out figures and evidence."""
    services: Services = request.app.state.services
    with _web_errors():
        served = await services.triage.model(model)
        return _json(model_reply(services.models.status(served.identity.name)))


_VERBOSE = {
    "name": "verbose",
    "in": "query",
    "required": False,
    "allowEmptyValue": True,
    "schema": {"type": "string"},
}


@router.get("/livez", tags=["operation"], summary="Whether the process answers")
async def is_alive() -> dict[str, bool]:
    """Answer, which is all that is asked."""
    return {"alive": True}


@router.get(
    "/readyz",
    tags=["operation"],
    summary="Whether tickets can be answered",
    responses={200: {"model": ReadyReply}, 503: _problem("Not ready, and why.")},
    openapi_extra={"parameters": [_VERBOSE]},
)
async def is_ready(request: Request) -> Response:
    """Tell whether a model is loaded and the database answers; `?verbose` lists every model."""
    services: Services = request.app.state.services
    because = await _why_not_ready(services)
    reply: dict[str, Any] = {"ready": not because, "because": because}
    if request.query_params.get("verbose", "false") not in ("false", "0"):
        reply["models"] = [readiness(status) for status in services.models.statuses()]
    if not because:
        return _json(reply)
    problem = {"type": "/problems/not-ready", "title": "Not ready", "status": 503, "detail": because}
    return Response(
        _encode({**problem, "instance": "/readyz", **reply}),
        status_code=HTTPStatus.SERVICE_UNAVAILABLE,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"Retry-After": "5"},
    )


@router.get("/metrics", tags=["operation"], summary="Metrics for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Write the metrics in Prometheus' text format."""
    services: Services = request.app.state.services
    return Response(services.telemetry.render(), media_type=telemetry.CONTENT_TYPE)


async def _why_not_ready(services: Services) -> str:
    status = services.models.status()
    if status.served is None:
        return status.last_failure.because if status.last_failure else f"The model '{status.name}' is being loaded."
    try:
        await asyncio.to_thread(services.storage.check)
    except StorageError as error:
        return str(error)
    return ""


async def _answered(
    services: Services,
    asked: TriageRequest,
    *,
    body: bytes,
    header: str | None,
    produce: Callable[[], Awaitable[bytes]],
) -> Response:
    """Return the answer to a request, or the one it got the first time it was sent under its key."""
    if header is None:
        return Response(await produce(), media_type=_JSON)
    asks = (asked.source.value, asked.model_name, str(asked.is_recorded))
    request_hash = hash_request(body, *(part.encode() for part in asks))
    keyed = KeyedRequest(parse_key(header), asked.caller, request_hash)
    kept = await services.idempotency.answer(keyed, produce=produce)
    headers = {"Idempotent-Replayed": "true"} if kept.is_replayed else None
    return Response(kept.body, media_type=_JSON, headers=headers)


async def _body(request: Request, *, max_bytes: int) -> bytes:
    """Return the body of a request; refuse one that is no JSON, or too large before all of it is read."""
    _refuse_other_than_json(request)
    return await read_body(request, max_bytes=max_bytes)


def _refuse_other_than_json(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", _JSON).casefold().partition(";")
    kind = kind.strip()
    is_json = kind == _JSON or (kind.startswith("application/") and kind.endswith("+json"))
    is_utf8 = "charset" not in parameters or "utf-8" in parameters
    if not is_json or not is_utf8 or request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The body is '{kind[:60]}'. Send JSON in UTF-8, not compressed, with Content-Type: application/json.",
        )


@contextmanager
def _web_errors() -> Iterator[None]:
    """Turn what is wrong with a request's fields and headers into the web framework's own errors."""
    try:
        yield
    except InvalidTicketError as error:
        raise RequestValidationError(error.problems) from error
    except MalformedKeyError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error


def _json(reply: dict[str, Any]) -> Response:
    return Response(_encode(reply), media_type=_JSON)
