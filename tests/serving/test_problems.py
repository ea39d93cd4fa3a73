"""Every failure as a problem of RFC 9457, with nothing internal and little of a ticket in it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from features import errors
from features.errors import IdempotencyError, InvalidRowsError, TriageError
from serving.batching import OverloadedError
from serving.idempotency import MalformedKeyError
from serving.json_body import MalformedBodyError
from serving.problems import (
    IN_FLIGHT,
    INTERNAL,
    MEDIA_TYPE,
    PROBLEMS,
    SHOWN_CHARACTERS,
    FailureMiddleware,
    install,
    problem_of,
    shortened,
)
from serving.served_models import UnknownModelError

SECRET = "제 비밀번호는 4821입니다. 노트북이 켜지지 않아 오늘 발표를 못 하고 있습니다. 빨리 부탁드립니다. 감사합니다!"


class Client:
    """Sends requests to an application in this process, and raises what it raises."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request and return its answer."""

        async def sent() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **request)

        return asyncio.run(sent())

    def get(self, path: str, **request: Any) -> httpx.Response:
        """Send a GET request."""
        return self.send("GET", path, **request)

    def post(self, path: str, **request: Any) -> httpx.Response:
        """Send a POST request."""
        return self.send("POST", path, **request)


class SentTicket(BaseModel):
    """A ticket as a route might take it."""

    subject: str
    body: str = Field(default="", max_length=100)
    product: str = ""
    floor: int = 0

    @field_validator("product")
    @classmethod
    def _known(cls, product: str) -> str:
        if product:
            raise ValueError(f"unknown product {product}")
        return product


class UnlistedError(TriageError):
    """An error that nobody gave a status."""


def raised_by(error: Exception) -> Client:
    """Return a client of an application that fails in its only route."""
    app = FastAPI()
    install(app)

    @app.get("/fails")
    async def fails() -> None:
        raise error

    return Client(app)


@pytest.fixture
def client() -> Client:
    """A client of an application that takes a ticket."""
    app = FastAPI()
    install(app)

    @app.post("/tickets")
    async def take(ticket: SentTicket) -> str:
        return ticket.subject

    return Client(app)


def assert_is_problem(reply: Any, *, status: int, name: str) -> dict[str, Any]:
    """Check the members that every problem has, and return it."""
    assert reply.status_code == status
    assert reply.headers["content-type"] == MEDIA_TYPE
    problem: dict[str, Any] = reply.json()
    assert problem["type"] == f"/problems/{name}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (errors.TicketError("The ticket has no text."), 422, "ticket-invalid"),
        (errors.HistoryError("No rows."), 422, "history-invalid"),
        (InvalidRowsError("2 rows.", report=()), 422, "rows-invalid"),
        (errors.RecipeError("No such option."), 422, "option-invalid"),
        (MalformedBodyError("No JSON."), 400, "body-malformed"),
        (MalformedKeyError("Too long."), 400, "idempotency-key-malformed"),
        (errors.BundleError("Tampered."), 503, "model-refused"),
        (errors.EncoderError("No graph."), 503, "encoder-refused"),
        (errors.ModelUnavailableError("No model."), 503, "model-unavailable"),
        (UnknownModelError("No such model."), 404, "model-unknown"),
        (errors.RegistryError("No answer."), 503, "registry-unavailable"),
        (errors.StorageError("No answer."), 503, "storage-unavailable"),
        (errors.AuthenticationError("No key."), 401, "not-authenticated"),
        (errors.PermissionDeniedError("No scope."), 403, "not-permitted"),
        (IdempotencyError("Used.", in_flight=False), 422, "idempotency-key-reused"),
        (IdempotencyError("In flight.", in_flight=True), 409, "request-in-flight"),
        (OverloadedError("Too much.", retry_after_seconds=7), 503, "overloaded"),
    ],
)
def test_error_becomes_its_problem(error: TriageError, status: int, name: str) -> None:
    """Each error has its status and type, and says its own words at the path where it came up."""
    problem = assert_is_problem(raised_by(error).get("/fails?q=1"), status=status, name=name)
    assert problem["detail"] == str(error)
    assert problem["instance"] == "/fails"
    assert set(problem) == {"type", "title", "status", "detail", "instance"}


def all_errors(kind: type[TriageError] = TriageError) -> Iterator[type[TriageError]]:
    """Return every error class of the product that is loaded."""
    if not kind.__module__.startswith(__name__):
        yield kind
    for below in kind.__subclasses__():
        yield from all_errors(below)


def test_every_error_has_its_row() -> None:
    """No error but those that no caller can mend is answered as a failure of ours, and no two rows share a type."""
    nearest = {kind: next(PROBLEMS[parent] for parent in kind.__mro__ if parent in PROBLEMS) for kind in all_errors()}
    assert {kind for kind, problem in nearest.items() if problem is INTERNAL} == {TriageError, errors.SettingsError}
    assert set(PROBLEMS) <= set(nearest)
    types = [problem.type for problem in PROBLEMS.values() if problem is not INTERNAL] + [IN_FLIGHT.type]
    assert len(set(types)) == len(types)


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (errors.AuthenticationError("No key."), "www-authenticate", 'Bearer realm="ticket-triage"'),
        (errors.StorageError("Busy."), "retry-after", "5"),
        (IdempotencyError("In flight.", in_flight=True), "retry-after", "1"),
        (OverloadedError("Too much.", retry_after_seconds=7), "retry-after", "7"),
    ],
)
def test_headers_say_what_to_do(error: TriageError, header: str, value: str) -> None:
    """Where a caller can do something about it, a header says what."""
    assert raised_by(error).get("/fails").headers[header] == value


def test_error_of_another_module_is_its_parents_problem() -> None:
    """An error below a listed one has the row of that one."""

    class AliasUnknownError(errors.RegistryError):
        """A kind of registry error."""

    assert problem_of(AliasUnknownError("No such alias.")) is PROBLEMS[errors.RegistryError]


@pytest.mark.parametrize("error", [errors.SettingsError("/srv/secret"), UnlistedError("/srv/secret"), KeyError(SECRET)])
def test_failure_of_ours_tells_nothing(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """What no caller can mend is answered 500 with an id, under which the log has the class but not its words."""
    with caplog.at_level(logging.INFO):
        reply = raised_by(error).get("/fails")
    problem = assert_is_problem(reply, status=500, name="internal-error")
    assert "secret" not in reply.text
    assert "4821" not in reply.text
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    logged = json.dumps(record.__dict__, default=str, ensure_ascii=False)
    assert problem["error_id"] in logged
    assert problem["error_id"] in problem["detail"]
    assert type(error).__name__ in logged
    assert "secret" not in logged
    assert "4821" not in logged


def test_causes_are_logged_by_class(caplog: pytest.LogCaptureFixture) -> None:
    """The log names what a failure came from, in order."""
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise OSError(SECRET) from cause
    except OSError as caught:
        error = RuntimeError(SECRET)
        error.__cause__ = caught
    raised_by(error).get("/fails")
    logged = json.dumps(caplog.records[-1].__dict__, default=str)
    assert "OSError < KeyError" in logged


def test_failure_in_middleware_is_answered() -> None:
    """What fails around the routes is answered in the same way, our own errors and HTTP's included."""
    app = FastAPI()
    failures = [
        errors.StorageError("No answer."),
        HTTPException(413, "The body is larger than 10 bytes."),
        OSError("x"),
    ]

    @app.middleware("http")
    async def fail(request: Request, call_next: Any) -> None:
        raise failures.pop(0)

    install(app)
    client = Client(app)
    assert_is_problem(client.get("/"), status=503, name="storage-unavailable")
    problem = assert_is_problem(client.get("/"), status=413, name="request-entity-too-large")
    assert problem["detail"] == "The body is larger than 10 bytes."
    assert_is_problem(client.get("/"), status=500, name="internal-error")


def test_observer_is_told_of_failures() -> None:
    """Who runs the service may have failures told to something other than the log."""
    app = FastAPI()
    told: list[tuple[str, str, Exception]] = []
    install(app, observe_failure=lambda error_id, scope, error: told.append((error_id, scope["path"], error)))
    error = OSError("disk")

    @app.get("/fails")
    async def fails() -> None:
        raise error

    reply = Client(app).get("/fails")
    assert told == [(reply.json()["error_id"], "/fails", error)]


def test_answer_that_has_begun_is_not_answered_twice() -> None:
    """When a stream breaks off, the exception goes on to the server, which closes the connection."""
    app = FastAPI()
    install(app)

    async def parts() -> Any:
        yield b"first"
        raise OSError("gone")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(parts())

    with pytest.raises(OSError, match="gone"):
        Client(app).get("/stream")


async def _ignore(_: Message) -> None:
    raise AssertionError("nothing is to be sent")


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


@pytest.mark.parametrize("kind", ["http", "lifespan"])
def test_caller_who_left_is_not_answered(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A caller who hung up is no failure: nothing is sent and nothing logged."""

    async def leaves(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raise ClientDisconnect

    asyncio.run(FailureMiddleware(leaves)({"type": kind, "path": "/", "method": "GET"}, _nothing, _ignore))
    assert not caplog.records


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [("GET", "/nowhere", 404, "not-found"), ("PUT", "/tickets", 405, "method-not-allowed")],
)
def test_http_failures_are_problems(client: Client, method: str, path: str, status: int, name: str) -> None:
    """A path or a method that does not exist is a problem that says what was asked."""
    reply = client.send(method, path)
    problem = assert_is_problem(reply, status=status, name=name)
    assert problem["detail"].startswith(f"{method} {path}: ")
    if status == 405:
        assert reply.headers["allow"] == "POST"


def test_path_is_written_as_an_address(client: Client) -> None:
    """The instance is a valid address, whatever the path held."""
    problem = assert_is_problem(client.get("/티켓 1"), status=404, name="not-found")
    assert problem["instance"] == "/%ED%8B%B0%EC%BC%93%201"


def test_invalid_request_names_each_field(client: Client) -> None:
    """A request that breaks the schema is answered with each field, its value and the reason."""
    reply = client.post("/tickets", json={"subject": 5, "body": ["a", "b"]})
    problem = assert_is_problem(reply, status=422, name="request-invalid")
    assert problem["errors"] == [
        {"field": "body.subject", "value": "5", "reason": "Input should be a valid string"},
        {"field": "body.body", "value": "a list of 2", "reason": "Input should be a valid string"},
    ]
    assert problem["detail"].startswith("body.subject: Input should be a valid string. It is '5'.")
    assert "first of 2" in problem["detail"]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"subject": "x", "body": SECRET * 3}),
        json.dumps({"subject": "x", "product": SECRET}),
        json.dumps({"body": SECRET}),
        json.dumps(SECRET),
        json.dumps([SECRET]),
        json.dumps({"subject": {SECRET: 1}}),
        f'{{"subject": "{SECRET}',
    ],
)
def test_ticket_text_is_not_echoed(client: Client, content: str) -> None:
    """However a ticket breaks the schema, no more than the shown characters of it come back in one place."""
    reply = client.post("/tickets", content=content, headers={"content-type": "application/json"})
    assert_is_problem(reply, status=422, name="request-invalid")
    text = json.dumps(reply.json(), ensure_ascii=False)
    assert SECRET[: SHOWN_CHARACTERS + 1] not in text
    assert SECRET[-20:] not in text


def test_missing_field_has_no_value(client: Client) -> None:
    """A field that is not there is named without what stands around it."""
    problem = client.post("/tickets", json={"body": "The printer is on fire."}).json()
    assert problem["errors"] == [{"field": "body.subject", "value": "", "reason": "Field required"}]
    assert problem["detail"] == "body.subject: Field required. See /docs for what is expected."


def test_lone_surrogate_is_answered(client: Client) -> None:
    """A body that holds half a character is refused, and the answer can be read."""
    reply = client.post("/tickets", content='{"floor": "\\ud800"}', headers={"content-type": "application/json"})
    assert_is_problem(reply, status=422, name="request-invalid")


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(st.characters(codec=None)), st.lists, max_leaves=4)
)
def test_shown_values_are_short(value: object) -> None:
    """Whatever a value is, what is shown of it is short and can be written as UTF-8."""
    shown = shortened(value)
    assert len(shown) <= SHOWN_CHARACTERS
    shown.encode()


def test_short_values_are_shown_whole() -> None:
    """A value of sixty characters is shown whole, and one more is cut with a mark."""
    assert shortened("x" * 60) == "x" * 60
    assert shortened("x" * 61) == "x" * 59 + "…"
    assert shortened({"a": 1}) == "an object with 1 fields"
