"""What is kept of the review queue, of reviews and of audits. Knows no SQL, no web and no order of worth of its own.

As in `serving.storage.interface`: every method blocks, may be called from any thread, and raises StorageError where
the database does not answer or refuses. Every datetime carries a time zone going in and is UTC coming out.

An audit is a review of an unattended decision that was drawn at random and answered before anything was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from features.answers import ModelIdentity

LONGEST_PREVIEW = 120


class ItemState(StrEnum):
    """How far an item of the queue has come: waiting, reviewed, or no longer worth anybody's time."""

    OPEN = "open"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class ReviewAction(StrEnum):
    """What a lead did with a ticket."""

    ACCEPT = "accept"
    CORRECT = "correct"
    REJECT = "reject"
    TWO_PROBLEMS = "two_problems"
    NOT_A_TICKET = "not_a_ticket"
    WANTS_INFORMATION = "wants_information"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Sight:
    """Which groups' tickets somebody may see, compared without regard to case.

    With `groups`, theirs alone. Without, all but those of `restricted`, which are pairs of a connection and a group; a
    ticket whose group is not known is among them.
    """

    groups: tuple[str, ...] = ()
    restricted: tuple[tuple[str, str], ...] = ()


EVERYTHING = Sight()

# What was suggested for an item: its connection, a target and its label, for each target that got one.
SuggestedLabels: TypeAlias = frozenset[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A scored ticket that waits for a lead.

    `id` is the id of the scored entry. `preview` is redacted and cut to LONGEST_PREVIEW. A lower `priority_rank` is
    more urgent. `cluster` names a burst of tickets with one cause, "" for none. `targets` is the part of that name of
    the answer's JSON. An audit asks about `audit_targets`, and stays open until `leads_wanted` leads have answered.
    """

    id: str
    connection: str
    ticket_id: str
    model: ModelIdentity
    language: str
    group: str
    created_at: datetime
    due_at: datetime | None = None
    priority_rank: int = 9
    worth: float = 0.0
    cluster: str = ""
    preview: str = ""
    is_audit: bool = False
    audit_targets: tuple[str, ...] = ()
    leads_wanted: int = 1
    inclusion_probability: float = 1.0
    targets: Mapping[str, Any] = field(default_factory=dict)
    state: ItemState = ItemState.OPEN
    locked_by: str = ""
    locked_until: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which open items are asked for; what is empty filters nothing.

    `label` is the suggested one of `target`. `text` is looked for in the preview. `not_answered_by` leaves out the
    audits that this person has answered already.
    """

    connection: str = ""
    language: str = ""
    group: str = ""
    target: str = ""
    label: str = ""
    text: str = ""
    cluster: str = ""
    is_audit: bool | None = None
    not_answered_by: str = ""
    visible_to: Sight = EVERYTHING


ALL_OPEN = QueueFilter()


@dataclass(frozen=True, slots=True)
class Answer:
    """A lead's answer for one target.

    `given` is None for "cannot tell"; `was_shown` tells whether she saw the suggestion before she answered.
    """

    suggested: str
    given: str | None
    was_shown: bool = True


@dataclass(frozen=True, slots=True)
class Review:
    """What one lead did with one ticket, and when; it stands until it is undone.

    `id` comes from `serving.storage.identifiers.time_ordered_id`. Reviews given in one action share a `batch_id`.
    `question` is what she proposes to ask the requester. `is_audit`, `inclusion_probability`, `language` and `group`
    are the item's: storage fills them in.
    """

    id: str
    item_id: str
    connection: str
    ticket_id: str
    by: str
    at: datetime
    action: ReviewAction
    answers: Mapping[str, Answer]
    model: ModelIdentity
    is_audit: bool = False
    inclusion_probability: float = 1.0
    batch_id: str = ""
    undone_at: datetime | None = None
    undone_by: str = ""
    question: str = ""
    language: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """A blind answer for one target of an audited ticket; `given` is None for "cannot tell".

    Where urgent tickets were promised, audits are drawn besides from what was left to people: not `ran_unattended`.
    """

    review_id: str
    item_id: str
    connection: str
    ticket_id: str
    model_version: str
    at: datetime
    suggested: str
    given: str | None
    language: str
    group: str
    inclusion_probability: float
    ran_unattended: bool


@dataclass(frozen=True, slots=True)
class AgreementPair:
    """The answers that two leads gave to the same target of the same audited ticket, the earlier one first."""

    item_id: str
    connection: str
    target: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Misroute:
    """How often audits found one label where another was given unattended; the example is the latest."""

    connection: str
    target: str
    suggested: str
    given: str
    times: int
    example_item_id: str
    example_ticket_id: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Of so many answers for a suggested label in a language, so many gave another label."""

    target: str
    language: str
    suggested: str
    answers: int
    different: int


class QueueStorage(Protocol):
    """The items that wait for a lead."""

    def add(self, items: Sequence[ReviewItem]) -> int:
        """Keep items, all or none; one whose id is there already is left as it is. Return how many were new."""

    def open_items(
        self, chosen: QueueFilter = ALL_OPEN, *, limit: int = 25, after: str = "", is_folded: bool = False
    ) -> Sequence[ReviewItem]:
        """Return open items: by the hour in which they are due, then by priority, then the worthiest first.

        `after` is the id of the item after which to go on. Folded, a burst is told by its first item alone.
        """

    def count_open(self, chosen: QueueFilter = ALL_OPEN) -> int:
        """Return how many items `open_items` would return in all, not folded."""

    def cluster_labels(
        self, clusters: Sequence[str], *, visible_to: Sight = EVERYTHING
    ) -> Mapping[str, Sequence[SuggestedLabels]]:
        """Return for each cluster what was suggested for each of its open items, audits excluded."""

    def cluster_members(self, cluster: str, *, visible_to: Sight = EVERYTHING) -> Sequence[ReviewItem]:
        """Return the open items of a burst in the order of the queue; an audit is never among them."""

    def find(self, item_id: str, *, visible_to: Sight = EVERYTHING) -> ReviewItem | None:
        """Return the item of that id, whatever its state; None too for who may not see it."""

    def for_ticket(self, connection: str, *, ticket_id: str) -> Sequence[ReviewItem]:
        """Return the items of a ticket, newest first."""

    def lock(self, item_id: str, *, by: str, now: datetime, seconds: float) -> str:
        """Take an open item, or keep it for longer; return who holds it now, "" where it is not open."""

    def unlock(self, item_id: str, *, by: str) -> bool:
        """Let go of an item; return whether it was this person's."""

    def withdraw(self, connection: str, *, ticket_id: str, at: datetime, all_but: str = "") -> int:
        """Close a ticket's open items unreviewed, but for the one of that id; return how many.

        Audits stay: what is drawn is answered.
        """

    def forget(self, connection: str, *, ticket_ids: Sequence[str], at: datetime) -> int:
        """Withdraw all items of tickets, audits too, and erase what their previews, reasons and questions say."""


class ReviewStorage(Protocol):
    """What leads did."""

    def record(self, review: Review) -> bool:
        """Keep a review and close its item, both or neither; return False where the item is not open (any more).

        An audit is refused to a lead whose answer to it stands, and closes with the last of the `leads_wanted`.
        """

    def record_batch(self, reviews: Sequence[Review]) -> Sequence[str]:
        """Record each review as `record` would, in one transaction; return the ids of the items that were done.

        An item that is an audit is left out.
        """

    def undo(self, review_id: str, *, by: str, at: datetime) -> Sequence[str]:
        """Undo a review that stands and open its item again; return the ids of the items opened."""

    def undo_batch(self, batch_id: str, *, by: str, at: datetime) -> Sequence[str]:
        """Undo what stands of a batch and open its items again; return the ids of the items opened."""

    def find(self, review_id: str) -> Review | None:
        """Return the review of that id, undone or not."""

    def list(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        connection: str = "",
        model: str = "",
        item_id: str = "",
        is_audit: bool | None = None,
        with_undone: bool = False,
        newest_first: bool = False,
        limit: int | None = None,
        visible_to: Sight = EVERYTHING,
    ) -> Sequence[Review]:
        """Return reviews from `since` to before `until`, oldest first; `model` is a model's name."""


class AuditStorage(Protocol):
    """What audits found. An answer counts where it stands and was given before the suggestion was shown."""

    def audits_of(
        self,
        model: str,
        *,
        connection: str,
        target: str,
        model_version: str = "",
        since: datetime | None = None,
    ) -> Sequence[AuditAnswer]:
        """Return one answer a ticket in the order of time: the first that could tell, or else the first."""

    def agreement_pairs(
        self, *, model: str = "", connection: str = "", target: str = "", since: datetime | None = None
    ) -> Sequence[AgreementPair]:
        """Return the first two answers that could tell, for each target of each ticket that has two."""

    def misroutes(
        self,
        *,
        target: str,
        connection: str = "",
        since: datetime | None = None,
        limit: int = 10,
        visible_to: Sight = EVERYTHING,
    ) -> Sequence[Misroute]:
        """Return the pairs of a suggested and another given label that audits found, the most frequent first."""

    def disagreements(
        self, *, connection: str = "", target: str = "", is_audit: bool | None = None, since: datetime | None = None
    ) -> Sequence[Disagreement]:
        """Return how often leads gave another label than the suggested one, by target, language and label.

        Of audits only those count of what ran unattended, where they alone are asked for.
        """


class ReviewingStorage(Protocol):
    """All of the above, as parts of one storage."""

    @property
    def queue(self) -> QueueStorage:
        """The queue."""

    @property
    def reviews(self) -> ReviewStorage:
        """The reviews."""

    @property
    def audits(self) -> AuditStorage:
        """The audits."""
