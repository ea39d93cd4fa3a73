"""Feedback from helpdesks that have a page of their own: how a ticket ended, or what somebody did with a suggestion.

Owns what callers may send and what they are told. Must not know what becomes of feedback. Told twice under one key it
is kept once, for as long as the feedback itself is kept.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self, TypeAlias

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from features.errors import IdempotencyError
from features.taxonomy import TARGET_NAMES
from serving.auth import Caller, require
from serving.feedback_examples import FEEDBACK_EXAMPLES, REPLY_EXAMPLE
from serving.idempotency import LONGEST_KEY, parse_key
from serving.json_body import parse_json, writable
from serving.problems import MEDIA_TYPE as PROBLEM_MEDIA_TYPE
from serving.request_body import read_body
from serving.storage.interface import Scope, ScoredEntry, Storage
from serving.storage.never_stored import without_secrets
from serving.storage.outcomes import Feedback, FeedbackKind

LONGEST_LABEL = 200
MOST_BYTES = 64 * 1024
_JSON = "application/json"
_Text: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_LABEL)]
_Label: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_LABEL)]
_Key: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_KEY)]
# Where the two figures of a ticket's way stand among its labels; no target is called so.
REASSIGNMENTS, MINUTES_TO_RIGHT_GROUP = "reassignments", "minutes_to_right_group"
ARTICLE = "article_id"


class FeedbackRequest(BaseModel):
    """What is told of one ticket, named by `entry_id`, or by `ticket_id` and the `connection` that brought it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FeedbackKind
    key: _Key = Field("", description="Names this feedback once and for all; or send it as Idempotency-Key.")
    entry_id: _Text = Field("", description="The id of the record, where it is known.")
    ticket_id: _Text = ""
    connection: _Text = Field("", description="Empty for a ticket that was scored over the API.")
    values: dict[str, _Label] = Field(
        default_factory=dict, description="Labels by target: those at the end, accepted, or put right."
    )
    article_id: _Text = Field("", description="The article that helped.")
    reassignments: int | None = Field(None, ge=0, le=1000, description="How often a ticket changed its group.")
    minutes_to_right_group: float | None = Field(None, ge=0, le=10_000_000, allow_inf_nan=False)
    by: _Text = Field("", description="Who it was, by an id of yours; no figure is ever shown by person.")
    at: AwareDatetime | None = Field(None, description="When it was, with its offset; now where absent.")

    @model_validator(mode="after")
    def _names_a_ticket(self) -> Self:
        if bool(self.entry_id) == bool(self.ticket_id):
            raise ValueError("name the ticket by either entry_id, or ticket_id with its connection")
        if self.entry_id and self.connection:
            raise ValueError("an entry_id names the connection too: leave connection out")
        return self

    @model_validator(mode="after")
    def _says_what_its_kind_says(self) -> Self:
        unknown = next((name for name in self.values if name not in TARGET_NAMES), None)
        if unknown is not None:
            raise ValueError(f"there is no target '{unknown[:60]}'. The targets are: {', '.join(TARGET_NAMES)}")
        is_article = self.kind is FeedbackKind.ARTICLE_HELPED
        if is_article != bool(self.article_id) or (is_article and self.values):
            raise ValueError("article_id goes with the kind article_helped, and with it alone")
        if self.kind in (FeedbackKind.FINAL_VALUES, FeedbackKind.CORRECTED) and not self.values:
            raise ValueError(f"{self.kind} needs values: a label for at least one target")
        is_way_told = self.reassignments is not None or self.minutes_to_right_group is not None
        if is_way_told and self.kind is not FeedbackKind.FINAL_VALUES:
            raise ValueError("reassignments and minutes_to_right_group go with final_values alone")
        return self

    def told(self) -> dict[str, Any]:
        """Return what is kept of it as plain JSON."""
        labels = {target: str(without_secrets(label)) for target, label in self.values.items()}
        figures = {REASSIGNMENTS: self.reassignments, MINUTES_TO_RIGHT_GROUP: self.minutes_to_right_group}
        told: dict[str, Any] = {**labels, **{name: value for name, value in figures.items() if value is not None}}
        return {**told, ARTICLE: str(without_secrets(self.article_id))} if self.article_id else told


class FeedbackReply(BaseModel):
    """What was kept; a repetition gets the same."""

    key: str
    kind: FeedbackKind
    connection: str
    ticket_id: str
    entry_id: str
    at: datetime


def _problem(words: str) -> dict[str, Any]:
    reference = {"schema": {"$ref": "#/components/schemas/ProblemReply"}}
    return {"description": words, "content": {PROBLEM_MEDIA_TYPE: reference}}


router = APIRouter()
_Teller = Annotated[Caller, Depends(require(Scope.FEEDBACK))]
_KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key", description="In place of `key` in the body.")]


@router.post(
    "/v1/feedback",
    tags=["tickets"],
    summary="Tell how a ticket ended, or what became of a suggestion",
    responses={
        200: {"model": FeedbackReply, "content": {_JSON: {"example": REPLY_EXAMPLE}}},
        400: _problem("The body is no JSON, or the Idempotency-Key cannot be read."),
        401: _problem("No valid API key."),
        403: _problem("The key lacks the scope."),
        404: _problem("No such ticket was scored."),
        413: _problem("The body is too large."),
        415: _problem("The body is not JSON in UTF-8."),
        422: _problem("A field cannot be understood, or the key belongs to other feedback."),
        503: _problem("The database does not answer; send it again."),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                _JSON: {"schema": {"$ref": "#/components/schemas/FeedbackRequest"}, "examples": FEEDBACK_EXAMPLES}
            },
        }
    },
)
async def give_feedback(request: Request, caller: _Teller, idempotency_key: _KeyHeader = None) -> Response:
    """Keep what a helpdesk's own page tells of a ticket; told again under its key it is kept once."""
    _refuse_other_than_json(request)
    body = await read_body(request, max_bytes=MOST_BYTES)
    sent = _read(parse_json(body))
    key = _key(sent, idempotency_key)
    storage: Storage = request.app.state.services.storage
    now = request.app.state.clock()
    kept, is_new = await asyncio.to_thread(record, storage, sent, key=key, caller=caller.id, now=now)
    headers = {} if is_new else {"Idempotent-Replayed": "true"}
    return Response(_reply(kept), media_type=_JSON, headers=headers)


def record(storage: Storage, sent: FeedbackRequest, *, key: str, caller: str, now: datetime) -> tuple[Feedback, bool]:
    """Keep feedback and return what stands under its key, and whether it is new.

    Raises HTTPException for a ticket that was never scored, IdempotencyError for other feedback under the key.
    """
    entry = _entry(storage, sent)
    told = Feedback(
        key=key,
        caller=caller,
        connection=entry.connection,
        ticket_id=entry.ticket_id,
        kind=sent.kind,
        values=sent.told(),
        by=sent.by,
        at=sent.at or now,
        entry_id=entry.id,
    )
    if storage.outcomes.feedback.record(told):
        return told, True
    standing = storage.outcomes.feedback.find(key, caller=caller)
    if standing is None or not _is_same(standing, told, sent):
        raise IdempotencyError(
            f"The key '{key}' was used for other feedback. Send a new key with new feedback.", in_flight=False
        )
    return standing, False


def _is_same(standing: Feedback, told: Feedback, sent: FeedbackRequest) -> bool:
    """Tell whether a repetition says what was said first, as far as it says anything."""
    is_forgotten = not standing.values
    return (
        (standing.kind, standing.connection, standing.ticket_id, standing.by)
        == (told.kind, told.connection, told.ticket_id, told.by)
        and (standing.values == told.values or is_forgotten)
        and (sent.at is None or standing.at == told.at)
    )


def _entry(storage: Storage, sent: FeedbackRequest) -> ScoredEntry:
    if sent.entry_id:
        found = storage.find_scored(sent.entry_id)
        named = f"record '{sent.entry_id[:60]}'"
    else:
        found = next(iter(storage.scored(sent.ticket_id, connection=sent.connection, limit=1)), None)
        of = f" of the connection '{sent.connection[:60]}'" if sent.connection else ""
        named = f"ticket '{sent.ticket_id[:60]}'{of}"
    if found is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, f"There is no {named}: feedback is kept of tickets that were scored and recorded."
        )
    return found


def _read(sent: object) -> FeedbackRequest:
    try:
        return FeedbackRequest.model_validate(_writable(sent))
    except ValidationError as error:
        raise RequestValidationError(
            [{**problem, "loc": problem["loc"] or ("feedback",)} for problem in error.errors(include_url=False)]
        ) from None


def _writable(value: Any) -> Any:
    """Return a JSON value without what no database can keep."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {writable(name): _writable(part) for name, part in value.items()}
    return [_writable(part) for part in value] if isinstance(value, list) else value


def _key(sent: FeedbackRequest, header: str | None) -> str:
    in_header = "" if header is None else parse_key(header)
    if sent.key and in_header and sent.key != in_header:
        raise _invalid("the body's key and the Idempotency-Key differ: send one of them", sent.key)
    if not (sent.key or in_header):
        raise _invalid("state a key, here or as the header Idempotency-Key: it keeps a repetition from counting", "")
    return sent.key or in_header


def _invalid(words: str, value: str) -> RequestValidationError:
    return RequestValidationError([{"type": "feedback", "loc": ("key",), "msg": words, "input": value}])


def _refuse_other_than_json(request: Request) -> None:
    kind = request.headers.get("content-type", _JSON).casefold().partition(";")[0].strip()
    is_json = kind == _JSON or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The body is '{kind[:60]}'. Send JSON in UTF-8, not compressed, with Content-Type: application/json.",
        )


def _reply(kept: Feedback) -> str:
    told = FeedbackReply(
        key=kept.key,
        kind=kept.kind,
        connection=kept.connection,
        ticket_id=kept.ticket_id,
        entry_id=kept.entry_id,
        at=kept.at,
    )
    return json.dumps(told.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
