"""What a simulated helpdesk holds: tickets with their fields, conversation and notes, as a person would see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


class Author(StrEnum):
    """Who wrote a message or set a field."""

    REQUESTER = "requester"
    AGENT = "agent"
    US = "us"


@dataclass(slots=True)
class Message:
    """A message of the conversation; an internal note is not public."""

    text: str
    author: Author
    is_public: bool
    at: datetime


@dataclass(slots=True)
class SimulatedTicket:
    """A ticket; `fields` by target as the helpdesk writes them, `custom` the site's own fields."""

    id: str
    subject: str
    body: str
    requester_email: str
    organization: str = ""
    channel: str = "email"
    fields: dict[str, str] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    status: str = "open"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    closed_at: datetime | None = None
    changes: int = 0
    set_by: dict[str, Author] = field(default_factory=dict)
    article_ids: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """The internal notes."""
        return [message.text for message in self.messages if not message.is_public]

    @property
    def public_messages_of_ours(self) -> list[str]:
        """What we wrote where the requester reads it: always to be empty."""
        return [one.text for one in self.messages if one.is_public and one.author is Author.US]

    def touch(self, at: datetime) -> None:
        """Note that something changed."""
        self.updated_at = max(at, self.updated_at)
        self.changes += 1


@dataclass(slots=True)
class SimulatedArticle:
    """An article of the knowledge base; `audience` is `everyone` or a group."""

    id: str
    title: str
    body: str
    audience: str = "everyone"
