"""A ticket as callers send it, lenient about what helpdesks send; knows neither routes nor the model.

What comes back is described in `serving.api_replies`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from features.errors import TicketError
from features.tickets import AttributeValue, Requester, Ticket
from serving.json_body import writable
from serving.triage import IncomingTicket

LONGEST_FIELD = 500
LONGEST_ATTRIBUTE = 10_000
MOST_ATTRIBUTES = 200
_UNKNOWN_FIELDS_NAMED = 20
# A number of seconds this large lies in the year 5138: helpdesks that send more mean milliseconds.
_MILLISECONDS_FROM = 1e11
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
# The name under which a problem of a ticket as a whole is reported.
_WHOLE = "ticket"
_PLAIN = (str, int, float, bool)


class InvalidTicketError(TicketError):
    """Fields of a ticket, or of tickets, cannot be understood; `problems` lists them as pydantic does."""

    def __init__(self, problems: list[ErrorDetails]) -> None:
        first = problems[0]
        super().__init__(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}.")
        self.problems = problems


def _text(value: object) -> object:
    """Return text as it is meant: a number is its digits, null is nothing."""
    if isinstance(value, str):
        return writable(value)
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return _digits(value)
    raise PydanticCustomError("text", "expected text, a number or null")


def _digits(number: float) -> str:
    return str(int(number)) if isinstance(number, int) or number.is_integer() else str(number)


def _requester(value: object) -> object:
    """Return the fields of a requester who may be sent as an address or an id alone."""
    if isinstance(value, Mapping):
        return value
    if value is None:
        return {}
    alone = _text(value)
    return {"email": alone} if isinstance(alone, str) and "@" in alone else {"id": alone}


def _attributes(value: object) -> object:
    """Return the attributes that can be used: nulls and nested values are left out, a list is joined."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise PydanticCustomError("attributes", "expected an object of names and values")
    if len(value) > MOST_ATTRIBUTES:
        raise PydanticCustomError("attributes", f"expected at most {MOST_ATTRIBUTES} attributes, not {len(value)}")
    named = ((writable(name), _attribute(part)) for name, part in value.items())
    return {name: part for name, part in named if part is not None}


def _attribute(value: object) -> AttributeValue | None:
    if isinstance(value, list) and all(isinstance(part, _PLAIN) for part in value):
        value = ", ".join(str(part) for part in value)
    if isinstance(value, str):
        if len(value) > LONGEST_ATTRIBUTE:
            raise PydanticCustomError("attributes", f"expected values of at most {LONGEST_ATTRIBUTE} characters")
        return writable(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    return None


def _number(value: float) -> AttributeValue | None:
    try:
        number = float(value)
    except OverflowError:
        return str(value)
    return number if math.isfinite(number) else None


def _moment(value: object) -> object:
    """Return a moment with its zone, UTC where none is stated; a number counts seconds or milliseconds."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        moment = _moment_of_number(float(str(value))) if _is_number(value) else _moment_of_text(str(value))
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
            raise ValueError
    except (ValueError, OverflowError, OSError, TypeError):
        raise PydanticCustomError(
            "moment", "expected a moment such as 2026-05-14T09:12:00+09:00, or seconds since 1970"
        ) from None
    return moment


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) >= 10
    return isinstance(value, int | float) and not isinstance(value, bool)


def _moment_of_number(number: float) -> datetime:
    return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, UTC)


def _moment_of_text(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return parsedate_to_datetime(text)  # as in a mail's Date header


def _as_sent(*types: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": name} for name in types]})


_LongText: TypeAlias = Annotated[str, BeforeValidator(_text), _as_sent("string", "null")]
_ShortText: TypeAlias = Annotated[
    str, Field(max_length=LONGEST_FIELD), BeforeValidator(_text), _as_sent("string", "number", "null")
]
_Attributes: TypeAlias = Annotated[
    dict[Annotated[str, Field(max_length=LONGEST_FIELD)], AttributeValue],
    BeforeValidator(_attributes),
    WithJsonSchema(
        {
            "type": ["object", "null"],
            "additionalProperties": {"type": ["string", "number", "boolean", "array", "null"]},
            "maxProperties": MOST_ATTRIBUTES,
        }
    ),
]


class RequesterRequest(BaseModel):
    """Who asks for help. An address or an id alone may be sent in place of the object."""

    model_config = ConfigDict(title="Requester", frozen=True)

    id: _ShortText = ""
    email: _ShortText = ""
    organization: _ShortText = ""
    attributes: _Attributes = Field(default_factory=dict)


class TicketRequest(BaseModel):
    """A ticket as it arrived; null counts as absent.

    All is optional, but a subject or a body, or for a model of fields alone one of those, has to be there.
    """

    model_config = ConfigDict(title="Ticket", frozen=True)

    id: _ShortText = Field("", description="Your ticket's id, text or a number; it comes back as `ticket_id`.")
    subject: _LongText = ""
    body: _LongText = Field("", description="The text as it was sent, HTML and quoted mail included.")
    channel: _ShortText = Field("", description="mail, portal, chat, phone: as your history calls it.")
    requester: Annotated[RequesterRequest, BeforeValidator(_requester)] = RequesterRequest()
    product: _ShortText = ""
    group: _ShortText = Field("", description="The group that holds the ticket now, if any.")
    language: _ShortText = Field("", description="Told from the text where absent.")
    created_at: Annotated[datetime | None, BeforeValidator(_moment), _as_sent("string", "number", "null")] = Field(
        None, description="ISO 8601, or seconds or milliseconds since 1970; UTC where no offset is stated."
    )
    attributes: _Attributes = Field(
        default_factory=dict, description="Fields of your own; a list is joined, an object within is ignored."
    )

    def ticket(self) -> Ticket:
        """Return the ticket in the product's own terms."""
        requester = Requester(
            self.requester.id, self.requester.email, self.requester.organization, self.requester.attributes
        )
        return Ticket(
            id=self.id,
            subject=self.subject,
            body=self.body,
            channel=self.channel,
            requester=requester,
            product=self.product,
            group=self.group,
            language=self.language,
            created_at=self.created_at,
            attributes=self.attributes,
        )


class TicketsRequest(BaseModel):
    """Tickets to be answered together, in order."""

    model_config = ConfigDict(title="Tickets", frozen=True)

    tickets: list[TicketRequest]


def read_ticket(sent: object, *, max_text_characters: int) -> IncomingTicket:
    """Return the ticket that a JSON value describes; raise InvalidTicketError naming every field that does not."""
    if not isinstance(sent, dict):
        raise _invalid("expected an object with a subject or a body", sent=sent)
    try:
        request = TicketRequest.model_validate(sent)
    except ValidationError as error:
        raise InvalidTicketError(error.errors(include_url=False)) from None
    ticket = request.ticket()
    if ticket.is_empty:
        raise _invalid("expected a subject or a body with text in it, or at least another field", sent=sent)
    characters = len(request.subject) + len(request.body)
    if characters > max_text_characters:
        words = f"expected at most {max_text_characters} characters in subject and body together, not {characters}"
        raise _invalid(words, sent=sent)
    return IncomingTicket(ticket, tuple(_warnings(sent)))


def read_tickets(sent: object, *, max_tickets: int, max_text_characters: int) -> list[IncomingTicket]:
    """Return the tickets of `{"tickets": [...]}`; raise InvalidTicketError naming every one that cannot be used."""
    tickets = sent.get("tickets") if isinstance(sent, dict) else None
    if not isinstance(tickets, list):
        raise _invalid('expected an object {"tickets": [...]}', sent=sent, field="tickets")
    if not 1 <= len(tickets) <= max_tickets:
        raise _invalid(f"expected from 1 to {max_tickets} tickets, not {len(tickets)}", sent=tickets, field="tickets")
    incoming: list[IncomingTicket] = []
    problems: list[ErrorDetails] = []
    for index, ticket in enumerate(tickets):
        try:
            incoming.append(read_ticket(ticket, max_text_characters=max_text_characters))
        except InvalidTicketError as error:
            problems += [_of_batch(problem, index=index) for problem in error.problems]
    if problems:
        raise InvalidTicketError(problems)
    return incoming


def _invalid(words: str, *, sent: object, field: str = _WHOLE) -> InvalidTicketError:
    return InvalidTicketError([{"type": "ticket", "loc": (field,), "msg": words, "input": sent}])


def _of_batch(problem: ErrorDetails, *, index: int) -> ErrorDetails:
    within = () if problem["loc"] == (_WHOLE,) else problem["loc"]
    return {**problem, "loc": ("tickets", index, *within)}


_TICKET_FIELDS = frozenset(TicketRequest.model_fields)
_REQUESTER_FIELDS = frozenset(RequesterRequest.model_fields)


def _warnings(sent: Mapping[str, Any]) -> Iterator[str]:
    ignored = list(_ignored(sent))
    for name in ignored[:_UNKNOWN_FIELDS_NAMED]:
        yield f"The field '{writable(name)[:60]}' is not known and was ignored."
    if len(ignored) > _UNKNOWN_FIELDS_NAMED:
        yield f"{len(ignored) - _UNKNOWN_FIELDS_NAMED} more fields are not known and were ignored."


def _ignored(sent: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in sent if name not in _TICKET_FIELDS)
    yield from _unusable("attributes", sent.get("attributes"))
    requester = sent.get("requester")
    if isinstance(requester, Mapping):
        yield from (f"requester.{name}" for name in requester if name not in _REQUESTER_FIELDS)
        yield from _unusable("requester.attributes", requester.get("attributes"))


def _unusable(path: str, attributes: object) -> Iterator[str]:
    """Yield the attributes whose values are nested and so cannot be used."""
    if isinstance(attributes, Mapping):
        for name, value in attributes.items():
            if value is not None and _attribute(value) is None:
                yield f"{path}.{name}"
