"""What the product asks of a helpdesk: verify and understand what it sends, read its tickets, write into them.

Values here are plain: targets by the product's names, field values as the helpdesk itself writes them.
Knows no vendor, no database and no model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from features.history import ArticleRow, HistoryRow
from features.tickets import Ticket


class EventKind(StrEnum):
    """What happened to a ticket, where it is something that we act on."""

    CREATED = "created"
    REQUESTER_REPLIED = "requester replied"
    REOPENED = "reopened"
    CLOSED = "closed"


class IgnoredBecause(StrEnum):
    """Why an event asks for nothing; each is counted."""

    UNHANDLED_EVENT = "unhandled event"
    OWN_CHANGE = "own change"
    AGENT_COMMENT = "agent comment"
    INTERNAL_NOTE = "internal note"
    FIELD_CHANGE = "field change"
    NO_TICKET = "no ticket"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook request as it came in: header names in lower case, the body's raw bytes."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """A delivery understood: what happened, and the ticket as far as the delivery tells.

    `version` names the state of the ticket that the event speaks of (the vendor's sequence, modification count
    or moment of change), so that two deliveries of one state are known as one; it may be empty. `is_complete`
    says that the delivery holds all that `Helpdesk.read` would tell of the ticket's text and requester.
    """

    kind: EventKind
    ticket: Ticket
    version: str = ""
    occurred_at: datetime | None = None
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery that asks for nothing, and why; `detail` names the event's type."""

    because: IgnoredBecause
    detail: str = ""


Understood: TypeAlias = Event | Ignored


@dataclass(frozen=True, slots=True)
class TicketState:
    """A ticket as its helpdesk shows it now.

    `ticket` is as at intake: its body is the requester's first message (a chat or call transcript: the customer's
    turns), with requester, organisation and attributes filled in. `fields` holds, for each target that the
    connection maps, the value that the helpdesk shows, "" where it is empty. `follow_ups` are the requester's later
    public messages, oldest first. `notes` are the bodies of internal notes. `is_answered` says that a person of
    the helpdesk has answered publicly. `version` is what `write` compares where the vendor can.
    """

    ticket: Ticket
    fields: Mapping[str, str]
    tags: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    follow_ups: tuple[str, ...] = ()
    is_answered: bool = False
    is_closed: bool = False
    is_reopened: bool = False
    version: str = ""
    updated_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class TicketChange:
    """What is written into a ticket in one effect: field values by target, tags added, one internal note (HTML-free).

    `note` carries the marker that tells the effect apart when the ticket is read again. `removed_tags` serve a revert.
    An empty value in `fields` empties the field.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    removed_tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.fields or self.tags or self.removed_tags or self.note)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a connection may do, as its helpdesk says; `problems` are sentences with what to do."""

    user: str = ""
    user_id: str = ""
    may_read: bool = False
    may_write: bool = False
    may_read_articles: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a vendor lets itself be called: calls in a span of seconds."""

    calls: int
    seconds: float


class Helpdesk(Protocol):
    """One connection's helpdesk. The first three methods are pure; the others call the vendor and block.

    Calling raises `HelpdeskBusyError` (429, or the breaker is open), `HelpdeskDownError` (nothing came back, or 5xx:
    whether a write was done is not known), `HelpdeskRefusedError` (4xx: trying again changes nothing),
    `TicketGoneError` (no such ticket) and `TicketChangedError` (changed between read and write).
    """

    @property
    def pace(self) -> Pace:
        """How often the vendor lets tickets be written, by its documentation."""

    def verify(self, delivery: Delivery) -> None:
        """Raise AuthenticationError unless the delivery is the helpdesk's own and fresh."""

    def delivery_key(self, delivery: Delivery) -> str:
        """Return what two sendings of one delivery share: the vendor's id, else a key over what was sent."""

    def understand(self, delivery: Delivery) -> Understood:
        """Return what a verified delivery says; raise DeliveryError where its body is no JSON object."""

    def check(self) -> Capabilities:
        """Ask the helpdesk who we are and what we may do."""

    def read(self, ticket_id: str) -> TicketState:
        """Return a ticket as it stands now, with its requester and its conversation."""

    def write(self, state: TicketState, change: TicketChange) -> None:
        """Write a change into the ticket that was read; no status, assignee, public comment or notification."""

    def changed_since(self, since: datetime) -> Iterator[TicketState]:
        """Yield tickets created or changed since a moment, oldest first; their conversation only where it is free."""

    def history(self, since: datetime) -> Iterator[HistoryRow]:
        """Yield closed tickets created since a moment with final values, for training."""

    def articles(self) -> Iterator[ArticleRow]:
        """Yield the knowledge base's articles with their audience; nothing where the vendor has none."""

    def close(self) -> None:
        """Let go of the connections to the vendor."""
