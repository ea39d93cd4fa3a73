"""What became of tickets: feedback that was sent to us, and the decisions that ran unattended. Knows no SQL, no web.

As in `serving.storage.interface`: every method blocks, may be called from any thread, and raises StorageError where
the database does not answer or refuses. Every datetime carries a time zone going in and is UTC coming out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from features.answers import ModelIdentity
from serving.storage.reviewing import EVERYTHING, Sight


class FeedbackKind(StrEnum):
    """What is told of a ticket: how it ended, or what somebody did with a suggestion."""

    FINAL_VALUES = "final_values"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    ARTICLE_HELPED = "article_helped"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a helpdesk's own page, or an agent's edit in the helpdesk, tells of a ticket; `key` is one of its caller's.

    `values` is plain JSON: labels by target, or the article that helped.
    """

    key: str
    caller: str
    connection: str
    ticket_id: str
    kind: FeedbackKind
    values: Mapping[str, Any]
    by: str
    at: datetime
    entry_id: str = ""


@dataclass(frozen=True, slots=True)
class UnattendedRecord:
    """One target of one ticket that was decided unattended, and whether it was drawn for an audit.

    `language`, `group` and `category` are what was known of the ticket then.
    """

    entry_id: str
    connection: str
    ticket_id: str
    model: ModelIdentity
    target: str
    label: str
    probability: float
    group: str
    language: str
    category: str
    at: datetime
    was_drawn: bool = False


@dataclass(frozen=True, slots=True)
class UnattendedFilter:
    """Which unattended decisions are asked for, from `since` to before `until`; what is empty filters nothing."""

    connection: str = ""
    model: str = ""
    model_version: str = ""
    target: str = ""
    label: str = ""
    group: str = ""
    language: str = ""
    category: str = ""
    was_drawn: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    visible_to: Sight = EVERYTHING


ALL_UNATTENDED = UnattendedFilter()


@dataclass(frozen=True, slots=True)
class UnattendedDay:
    """How many decisions ran unattended on one day (UTC), and how many of them were drawn."""

    day: date
    connection: str
    target: str
    unattended: int
    drawn: int


class FeedbackStorage(Protocol):
    """The feedback."""

    def record(self, feedback: Feedback) -> bool:
        """Keep feedback; return False where its caller used the key before."""

    def find(self, key: str, *, caller: str) -> Feedback | None:
        """Return the feedback that a caller sent under a key."""

    def list(
        self,
        *,
        since: datetime | None = None,
        connection: str = "",
        ticket_id: str = "",
        kind: FeedbackKind | None = None,
        limit: int | None = None,
    ) -> Sequence[Feedback]:
        """Return feedback, oldest first."""

    def forget(self, connection: str, *, ticket_ids: Sequence[str]) -> int:
        """Empty the values of what was told of tickets; return how many."""


class UnattendedStorage(Protocol):
    """The decisions that ran unattended."""

    def record_all(self, records: Sequence[UnattendedRecord]) -> int:
        """Keep decisions, all or none; one of an entry and target that is there is left. Return how many were new."""

    def per_day(self, chosen: UnattendedFilter = ALL_UNATTENDED) -> Sequence[UnattendedDay]:
        """Return how many decisions ran unattended by day, connection and target, in that order."""

    def count(self, chosen: UnattendedFilter = ALL_UNATTENDED) -> int:
        """Return how many decisions ran unattended."""

    def sample(
        self, chosen: UnattendedFilter = ALL_UNATTENDED, *, limit: int = 50, offset: int = 0
    ) -> Sequence[UnattendedRecord]:
        """Return decisions that ran unattended, newest first."""

    def scored_per_day(self, *, since: datetime, connection: str = "") -> Mapping[date, int]:
        """Return how many tickets were scored on each day (UTC): of these the unattended are a share."""


class OutcomeStorage(Protocol):
    """All of the above, as parts of one storage."""

    @property
    def feedback(self) -> FeedbackStorage:
        """The feedback."""

    @property
    def unattended(self) -> UnattendedStorage:
        """The decisions that ran unattended."""
