"""What each page shows, as values: one dataclass a page. Knows no web, no storage and no language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from serving.review.highlights import Piece
from serving.storage.reviewing import Review, ReviewAction, ReviewItem


@dataclass(frozen=True, slots=True)
class Told:
    """What was done last, to be told at the top of a page, with an undo; `count` items of one action."""

    review: Review
    count: int = 1
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One row of the queue: an item, or a burst of `size` items told by its first."""

    item: ReviewItem
    size: int
    suggested: Mapping[str, str]
    held_by: str = ""


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The queue, as far as it fits the time that a lead has."""

    rows: Sequence[QueueRow]
    shown: int
    minutes: int
    open_count: int
    audit_count: int
    connections: Sequence[str]
    now: datetime
    asked_minutes: int | None = None
    next_after: str = ""
    told: Told | None = None


class Stance(StrEnum):
    """How somebody meets an item: may answer it, answers blind, or may only look, and why."""

    OPEN = "open"
    BLIND = "blind"
    HELD = "held"
    CLOSED = "closed"
    LOOK = "look"
    # An audit of the same ticket waits for this person: what was suggested would spoil it.
    AUDIT_FIRST = "audit_first"


@dataclass(frozen=True, slots=True)
class Choice:
    """A label that can be chosen; no `probability` where it must not be shown."""

    label: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target: what was suggested and why, what can be chosen, and what was typed before (None for nothing).

    In a blind audit nothing of a suggestion is in it: `choices` are in the order of their names or scale.
    """

    target: str
    suggested: str = ""
    probability: float | None = None
    decision: str = ""
    because: str = ""
    reasons: Sequence[str] = ()
    choices: Sequence[Choice] = ()
    more: Sequence[str] = ()
    typed: str | None = None
    typed_other: str = ""
    likely: Sequence[str] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class TicketText:
    """What is shown of a ticket's text: its preview, or all of it once somebody asked."""

    preview: Sequence[Piece] = ()
    subject: Sequence[Piece] = ()
    body: Sequence[Piece] = ()
    is_whole: bool = False
    is_gone: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class PastReview:
    """A review of an item as it is told: who, what, and the answers."""

    review: Review
    by: str
    undone_by: str = ""


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One ticket."""

    item: ReviewItem
    stance: Stance
    targets: Sequence[TargetRow]
    text: TicketText
    now: datetime
    review_id: str
    question: str = ""
    articles: Sequence[Mapping[str, Any]] = ()
    similar: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    past: Sequence[PastReview] = ()
    held_by: str = ""
    audit_first: str = ""
    next_path: str = ""
    helpdesk_url: str = ""
    may_show_text: bool = False
    told: Told | None = None
    problem: str = ""
    is_blind: bool = False


@dataclass(frozen=True, slots=True)
class BurstPage:
    """A burst: the items handled together, and those that stand out."""

    cluster: str
    alike: Sequence[ReviewItem]
    odd: Sequence[QueueRow]
    targets: Sequence[TargetRow]
    now: datetime
    batch_id: str
    ticked: frozenset[str] | None = None
    may_review: bool = True
    problem: str = ""
    next_path: str = ""


@dataclass(frozen=True, slots=True)
class TicketPage:
    """A ticket that is not in the queue: what was said of it, each time it was scored."""

    connection: str
    ticket_id: str
    targets: Sequence[TargetRow]
    scored_at: datetime
    now: datetime
    audit_first: str = ""


@dataclass(frozen=True, slots=True)
class StalePage:
    """What happened meanwhile to an item that somebody answered, and what she had typed."""

    item: ReviewItem
    because: str
    who: str
    at: datetime | None
    action: ReviewAction | None
    typed: Mapping[str, Sequence[str]]
    now: datetime
    next_path: str = ""


@dataclass(frozen=True, slots=True)
class SignInPage:
    """The sign-in: where to go afterwards, and what was typed into a page whose session had ended."""

    next_path: str
    token: str
    has_oidc: bool = False
    email: str = ""
    problem: str = ""
    kept: Sequence[tuple[str, str]] = field(default_factory=tuple)
    kept_path: str = ""


@dataclass(frozen=True, slots=True)
class KeptPage:
    """What was typed, to be gone on with after a sign-in or from a page that was too old."""

    resume_path: str
    kept: Sequence[tuple[str, str]]
    has_signed_in: bool


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """A failure as a page: its status, and the words that go with it."""

    status: int
    detail: str = ""
    error_id: str = ""
