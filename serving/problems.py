"""Every failure as an answer: RFC 9457 problem details, from one table of error classes.

Nothing internal reaches a caller, and nothing of a ticket longer than SHOWN_CHARACTERS.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features import errors
from features.errors import IdempotencyError, TriageError
from serving.batching import OverloadedError
from serving.event_log import Event, log_event
from serving.idempotency import MalformedKeyError
from serving.json_body import MalformedBodyError
from serving.served_models import UnknownModelError

MEDIA_TYPE = "application/problem+json"
SHOWN_CHARACTERS = 60
_MOST_ERRORS = 50

# What is told of a failure that nobody expected: its id, the request's ASGI scope and the exception.
FailureObserver: TypeAlias = Callable[[str, Scope, Exception], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of failure: its status, the last part of its type's address, and its title."""

    status: HTTPStatus
    name: str
    title: str
    headers: Mapping[str, str] | None = None

    @property
    def type(self) -> str:
        """The stable address of this kind of failure."""
        return f"/problems/{self.name}"


_LATER = {"Retry-After": "5"}
INTERNAL = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "The service failed")
REQUEST_INVALID = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "request-invalid", "The request cannot be understood")
IN_FLIGHT = Problem(
    HTTPStatus.CONFLICT, "request-in-flight", "The same request is being answered", {"Retry-After": "1"}
)


def _helpdesk(name: str, title: str) -> Problem:
    return Problem(HTTPStatus.BAD_GATEWAY, name, title, _LATER)


# The class nearest to an error's own, towards the base, decides.
PROBLEMS: Mapping[type[TriageError], Problem] = {
    errors.TriageError: INTERNAL,
    errors.SettingsError: INTERNAL,
    errors.RecipeError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "option-invalid", "An option cannot be used"),
    errors.HistoryError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "history-invalid", "The file cannot be used"),
    errors.InvalidRowsError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "rows-invalid", "Rows of the file are invalid"),
    errors.TicketError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "ticket-invalid", "The ticket cannot be scored"),
    errors.BundleError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "model-refused", "The model was refused", _LATER),
    errors.EncoderError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "encoder-refused", "The text encoder fails", _LATER),
    errors.ModelUnavailableError: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "model-unavailable", "There is no model to score with", _LATER
    ),
    UnknownModelError: Problem(HTTPStatus.NOT_FOUND, "model-unknown", "There is no model of that name"),
    errors.RegistryError: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "registry-unavailable", "The model registry does not answer", _LATER
    ),
    errors.StorageError: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "storage-unavailable", "The database does not answer", _LATER
    ),
    errors.AuthenticationError: Problem(
        HTTPStatus.UNAUTHORIZED,
        "not-authenticated",
        "A valid API key is needed",
        {"WWW-Authenticate": 'Bearer realm="ticket-triage"'},
    ),
    errors.PermissionDeniedError: Problem(
        HTTPStatus.FORBIDDEN,
        "not-permitted",
        "The API key does not open this",
        {"WWW-Authenticate": 'Bearer realm="ticket-triage", error="insufficient_scope"'},
    ),
    errors.IdempotencyError: Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The Idempotency-Key belongs to another request"
    ),
    errors.ConnectionsError: Problem(
        HTTPStatus.NOT_FOUND, "connection-unknown", "There is no connection of that name that can be used"
    ),
    errors.DeliveryError: Problem(HTTPStatus.BAD_REQUEST, "delivery-malformed", "The delivery cannot be read"),
    errors.HelpdeskError: _helpdesk("helpdesk-failed", "The helpdesk did not do what it was asked"),
    errors.HelpdeskBusyError: _helpdesk("helpdesk-busy", "The helpdesk asks to be left alone for a while"),
    errors.HelpdeskDownError: _helpdesk("helpdesk-down", "The helpdesk does not answer"),
    errors.HelpdeskRefusedError: _helpdesk("helpdesk-refused", "The helpdesk refuses what it was asked"),
    errors.TicketGoneError: _helpdesk("helpdesk-ticket-gone", "The helpdesk has no such ticket"),
    errors.TicketChangedError: _helpdesk("helpdesk-ticket-changed", "The ticket was changed meanwhile"),
    MalformedBodyError: Problem(HTTPStatus.BAD_REQUEST, "body-malformed", "The body cannot be read"),
    MalformedKeyError: Problem(
        HTTPStatus.BAD_REQUEST, "idempotency-key-malformed", "The Idempotency-Key cannot be used"
    ),
    OverloadedError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "More work waits than may wait", _LATER),
}


def log_failure(error_id: str, scope: Scope, error: Exception) -> None:
    """Log a failure under its id, with the classes of its causes and without any of their words."""
    log_event(
        Event.REQUEST_FAILED,
        level=logging.ERROR,
        error=error,
        error_id=error_id,
        method=scope["method"],
        causes=_causes(error),
    )


def install(app: FastAPI, *, observe_failure: FailureObserver = log_failure) -> None:
    """Make an application answer every failure with a problem; call it after adding other middleware."""

    async def answer_triage_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, TriageError)
        return _answer_triage_error(request.scope, error, observe_failure)

    app.add_exception_handler(TriageError, answer_triage_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_middleware(FailureMiddleware, observe_failure=observe_failure)


def problem_of(error: TriageError) -> Problem:
    """Return the kind of failure that an error is."""
    if isinstance(error, IdempotencyError) and error.in_flight:
        return IN_FLIGHT
    problem = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    if isinstance(error, OverloadedError):
        return replace(problem, headers={"Retry-After": str(error.retry_after_seconds)})
    return problem


class FailureMiddleware:
    """ASGI middleware that answers what got past the routes, so that no server prints the words of an exception.

    They may quote a ticket. An answer that has begun cannot be changed: then the exception goes on.
    """

    def __init__(self, app: ASGIApp, *, observe_failure: FailureObserver = log_failure) -> None:
        self._app = app
        self._observe_failure = observe_failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and answer for it where it fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def watched_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            # Nobody is left to answer.
            return
        except Exception as error:
            if has_begun:
                raise
            await self._answer(scope, error)(scope, receive, send)

    def _answer(self, scope: Scope, error: Exception) -> JSONResponse:
        if isinstance(error, TriageError):
            return _answer_triage_error(scope, error, self._observe_failure)
        if isinstance(error, HTTPException):
            return _http_answer(scope, error)
        return _answer_unexpected(scope, error, self._observe_failure)


def shortened(value: object) -> str:
    """Return what a value is, in at most SHOWN_CHARACTERS characters that can be written as UTF-8."""
    if isinstance(value, Mapping):
        return f"an object with {len(value)} fields"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = value if isinstance(value, str) else str(value)
    text = text[: SHOWN_CHARACTERS + 1].encode("utf-8", "replace").decode()
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _answer_triage_error(scope: Scope, error: TriageError, observe_failure: FailureObserver) -> JSONResponse:
    problem = problem_of(error)
    if problem is INTERNAL:
        return _answer_unexpected(scope, error, observe_failure)
    return _response(problem, scope, detail=str(error))


def _answer_unexpected(scope: Scope, error: Exception, observe_failure: FailureObserver) -> JSONResponse:
    error_id = secrets.token_hex(8)
    observe_failure(error_id, scope, error)
    detail = f"The failure was logged under {error_id}. Give this id to whoever runs the service."
    return _response(INTERNAL, scope, detail=detail, extensions={"error_id": error_id})


async def answer_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Return the problem of a failure that a route, or the lack of one, told by its status."""
    assert isinstance(error, HTTPException)
    return _http_answer(request.scope, error)


def _http_answer(scope: Scope, error: HTTPException) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    problem = Problem(status, status.phrase.lower().replace(" ", "-"), status.phrase, error.headers)
    detail = str(error.detail)
    if detail == status.phrase:
        detail = f"{scope['method']} {shortened(scope['path'])}: {status.description or status.phrase}. See /docs."
    return _response(problem, scope, detail=detail)


async def _answer_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    shown = [_field_error(problem) for problem in found[:_MOST_ERRORS]]
    more = f" It is the first of {len(found)} problems." if len(found) > 1 else ""
    first = shown[0]
    value = f" It is '{first['value']}'." if first["value"] else ""
    detail = f"{first['field']}: {first['reason']}.{value}{more} See /docs for what is expected."
    return _response(REQUEST_INVALID, request.scope, detail=detail, extensions={"errors": shown})


def _causes(error: BaseException) -> str:
    causes = []
    while cause := error.__cause__ or error.__context__:
        causes.append(type(cause).__name__)
        error = cause
    return " < ".join(causes)


def _field_error(problem: Mapping[str, Any]) -> dict[str, str]:
    # Of a field that is missing, pydantic gives what surrounds it.
    value = "" if problem["type"] == "missing" else problem.get("input")
    reason = str(problem["msg"]).removeprefix("Value error, ")
    for quoted in (value, *problem.get("ctx", {}).values()):
        if isinstance(quoted, str) and len(quoted) > SHOWN_CHARACTERS:
            reason = reason.replace(quoted, shortened(quoted))
    return {"field": _field(problem["loc"]), "value": shortened(value), "reason": reason}


def _field(location: Sequence[str | int]) -> str:
    return ".".join(shortened(part) for part in location)


def _response(
    problem: Problem, scope: Scope, *, detail: str, extensions: Mapping[str, Any] | None = None
) -> JSONResponse:
    content = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status.value,
        "detail": detail,
        "instance": quote(scope["path"]),
        **(extensions or {}),
    }
    return JSONResponse(content, status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)
