"""What leads do with the queue: answer, answer blind, handle a burst, undo. Knows no web, no SQL and no page.

Every action names its own review (`review_id`, made when the page was), so that the same form sent twice is one
review.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from features.errors import PermissionDeniedError, StorageError
from serving.connections import Connections
from serving.review.queue import is_held_by_another, split_burst
from serving.review.roles import Permission, may
from serving.review.sight import label_of, sight_of
from serving.storage.identifiers import time_ordered_id
from serving.storage.people import User, UserStorage
from serving.storage.reviewing import (
    Answer,
    ItemState,
    QueueStorage,
    Review,
    ReviewAction,
    ReviewItem,
    ReviewStorage,
    Sight,
)

LOCK_SECONDS = 300.0
LONGEST_QUESTION = 2000
LONGEST_LABEL = 200
MOST_AT_ONCE = 500


class Result(StrEnum):
    """What became of an action."""

    DONE = "done"
    REPEATED = "repeated"
    STALE = "stale"
    HELD = "held"
    INCOMPLETE = "incomplete"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an action: the review that stands, who was first, or the targets that lack an answer."""

    result: Result
    review: Review | None = None
    who: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BurstOutcome:
    """What became of an action on a burst: the reviews that were kept, and the items that were not."""

    result: Result
    review: Review | None = None
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class PromiseWatch(Protocol):
    """Who looks whether a promise still holds."""

    def look_at(self, model: str, *, connection: str, target: str) -> bool:
        """Look at one promise; return whether it fell back just now."""


class ReviewService:
    """Answers, bursts and undo, as one user at a time may do them."""

    def __init__(
        self,
        *,
        queue: QueueStorage,
        reviews: ReviewStorage,
        users: UserStorage,
        connections: Connections,
        clock: Callable[[], datetime],
        watch: PromiseWatch | None = None,
    ) -> None:
        self._queue = queue
        self._watch = watch
        self._reviews = reviews
        self._users = users
        self._connections = connections
        self._clock = clock

    def sight_of(self, user: User) -> Sight:
        """Return whose tickets a user may see."""
        return sight_of(user, self._connections)

    def find(self, user: User, item_id: str) -> ReviewItem | None:
        """Return an item that a user may see."""
        return self._queue.find(item_id, visible_to=self.sight_of(user))

    def hold(self, user: User, item: ReviewItem) -> str:
        """Keep an open item for a user while it is on the screen; return whose it is, "" for hers or nobody's."""
        holder = self._queue.lock(item.id, by=user.id, now=self._clock(), seconds=LOCK_SECONDS)
        return "" if holder in ("", user.id) else self.name_of(holder)

    def let_go(self, user: User, item_id: str) -> bool:
        """Let go of an item that a user had on the screen."""
        return self._queue.unlock(item_id, by=user.id)

    def name_of(self, user_id: str) -> str:
        """Return how somebody is called."""
        found = self._users.find(user_id) if user_id else None
        return found.name if found else user_id

    def has_answered(self, user: User, item: ReviewItem) -> bool:
        """Tell whether an answer of a user to an audit stands."""
        return any(review.by == user.id for review in self._reviews.list(item_id=item.id, is_audit=True))

    def has_seen(self, user: User, item: ReviewItem) -> bool:
        """Tell whether a user answered an item before, undone or not: then she has seen what was suggested."""
        return any(review.by == user.id for review in self._reviews.list(item_id=item.id, with_undone=True))

    def audit_in_the_way(self, user: User, connection: str, *, ticket_id: str, besides: str = "") -> str:
        """Return the id of an open audit of a ticket that a user has yet to answer without having seen a suggestion."""
        for item in self._queue.for_ticket(connection, ticket_id=ticket_id):
            is_other = item.is_audit and item.state is ItemState.OPEN and item.id != besides
            if is_other and not self.has_answered(user, item):
                return item.id
        return ""

    # --- one item -----------------------------------------------------------------------------------------------------

    def act(
        self,
        user: User,
        *,
        item_id: str,
        action: ReviewAction,
        given: Mapping[str, str | None],
        review_id: str,
        question: str = "",
    ) -> Outcome:
        """Record what a user does with an item; `given` holds her labels by target, None for "cannot tell"."""
        _require(user, Permission.REVIEW)
        item = self.find(user, item_id)
        if item is None or (action is ReviewAction.AUDIT) != item.is_audit:
            return Outcome(Result.MISSING)
        earlier = self._reviews.find(review_id) if _is_id(review_id) else None
        if earlier is not None and earlier.undone_at is None and (earlier.by, earlier.item_id) == (user.id, item_id):
            return Outcome(Result.REPEATED, review=earlier)
        now = self._clock()
        if item.state is not ItemState.OPEN:
            return self._too_late(item)
        if is_held_by_another(item, user.id, now=now):
            return Outcome(Result.HELD, who=self.name_of(item.locked_by))
        missing = tuple(target for target in _asked(item) if target not in given) if item.is_audit else ()
        if missing:
            return Outcome(Result.INCOMPLETE, missing=missing)
        answers = self._blind_answers(user, item, given) if item.is_audit else _answers(item, action, given)
        review = _review(
            item,
            user,
            review_id=review_id if _is_id(review_id) and earlier is None else time_ordered_id(now),
            at=now,
            action=_what_was_done(action, answers),
            answers=answers,
            question=question.strip()[:LONGEST_QUESTION] if action is ReviewAction.WANTS_INFORMATION else "",
        )
        if self._reviews.record(review):
            self._queue.unlock(item.id, by=user.id)
            self._look_after(review)
            return Outcome(Result.DONE, review=review)
        return self._too_late(item)

    def _look_after(self, review: Review) -> None:
        """Let a promise that an answer breaks fall back at once; where that fails, the worker looks again later."""
        if self._watch is None or review.action not in (ReviewAction.AUDIT, ReviewAction.CORRECT):
            return
        with suppress(StorageError):
            for target in review.answers:
                self._watch.look_at(review.model.name, connection=review.connection, target=target)

    def _blind_answers(self, user: User, item: ReviewItem, given: Mapping[str, str | None]) -> Mapping[str, Answer]:
        was_shown = self.has_seen(user, item)
        return {
            target: Answer(label_of(item.targets, target), _label(given[target]), was_shown=was_shown)
            for target in _asked(item)
        }

    def _too_late(self, item: ReviewItem) -> Outcome:
        standing = self._reviews.list(item_id=item.id, newest_first=True, limit=1)
        last = standing[0] if standing else None
        return Outcome(Result.STALE, review=last, who=self.name_of(last.by) if last else "")

    # --- bursts -------------------------------------------------------------------------------------------------------

    def act_on_burst(
        self,
        user: User,
        *,
        cluster: str,
        item_ids: Sequence[str],
        action: ReviewAction,
        given: Mapping[str, str | None],
        batch_id: str,
    ) -> BurstOutcome:
        """Do the same with the chosen items of a burst; audits, odd ones and those that others have open are left."""
        _require(user, Permission.REVIEW)
        now = self._clock()
        chosen = set(item_ids[:MOST_AT_ONCE])
        members = self._queue.cluster_members(cluster, visible_to=self.sight_of(user))
        items = [
            item
            for item in split_burst(members).alike
            if item.id in chosen and not is_held_by_another(item, user.id, now=now)
        ]
        named = batch_id if _is_id(batch_id) else time_ordered_id(now)
        reviews = []
        for item in items:
            answers = _answers(item, action, given)
            did = _what_was_done(action, answers)
            review_id = time_ordered_id(now)
            made = _review(item, user, review_id=review_id, at=now, action=did, answers=answers, batch_id=named)
            reviews.append(made)
        done = tuple(self._reviews.record_batch(reviews)) if reviews else ()
        first = next((review for review in reviews if review.item_id in done), None)
        if first is not None:
            return BurstOutcome(Result.DONE, first, done, tuple(sorted(chosen - set(done))))
        return self._burst_again(user, chosen, batch_id=named)

    def _burst_again(self, user: User, chosen: set[str], *, batch_id: str) -> BurstOutcome:
        """Tell a form that was sent twice from one that came too late."""
        for item_id in sorted(chosen):
            for review in self._reviews.list(item_id=item_id):
                if review.batch_id == batch_id and review.by == user.id:
                    return BurstOutcome(Result.REPEATED, review)
        return BurstOutcome(Result.STALE if chosen else Result.INCOMPLETE, left=tuple(sorted(chosen)))

    # --- undo ---------------------------------------------------------------------------------------------------------

    def undo(self, user: User, *, review_id: str) -> tuple[Review, Sequence[str]] | None:
        """Undo a review, and with it all that was done in the same action; return it and the ids of the items opened.

        None where there is no such review for this user; PermissionDeniedError where it is another's.
        """
        _require(user, Permission.REVIEW)
        review = self.review(user, review_id)
        if review is None:
            return None
        if review.by != user.id and not may(user.role, Permission.UNDO_OTHERS):
            raise PermissionDeniedError(
                f"The review was given by {self.name_of(review.by)}. Ask them, or an administrator, to undo it."
            )
        if review.batch_id:
            return review, self._reviews.undo_batch(review.batch_id, by=user.id, at=self._clock())
        return review, self._reviews.undo(review.id, by=user.id, at=self._clock())

    def review(self, user: User, review_id: str) -> Review | None:
        """Return a review of a ticket that a user may see."""
        review = self._reviews.find(review_id) if _is_id(review_id) else None
        return review if review is not None and self.find(user, review.item_id) is not None else None

    def count_of(self, review: Review) -> int:
        """Return how many items were handled in the action of a review."""
        if not review.batch_id:
            return 1
        same = self._reviews.list(since=review.at, connection=review.connection, with_undone=True, limit=2000)
        return max(sum(1 for one in same if one.batch_id == review.batch_id), 1)


def _asked(item: ReviewItem) -> tuple[str, ...]:
    return item.audit_targets or tuple(item.targets)


def _answers(item: ReviewItem, action: ReviewAction, given: Mapping[str, str | None]) -> Mapping[str, Answer]:
    """Return the answers that an action on an item with a shown suggestion means."""
    suggested = {target: label_of(item.targets, target) for target in item.targets}
    if action in (ReviewAction.ACCEPT, ReviewAction.CORRECT):
        chosen = {target: _label(given.get(target, label or None)) for target, label in suggested.items()}
        # Where nothing was suggested and nothing chosen, nothing was answered.
        return {target: Answer(label, chosen[target]) for target, label in suggested.items() if label or chosen[target]}
    if action is ReviewAction.REJECT:
        return {target: Answer(label, None) for target, label in suggested.items()}
    # Two problems, no ticket at all or one that lacks what is needed: there is no label to learn.
    return {}


def _what_was_done(action: ReviewAction, answers: Mapping[str, Answer]) -> ReviewAction:
    """Return whether a suggestion was taken or changed, from the answers: a button says less than what was chosen."""
    if action not in (ReviewAction.ACCEPT, ReviewAction.CORRECT):
        return action
    is_same = all(answer.given == answer.suggested for answer in answers.values())
    return ReviewAction.ACCEPT if is_same else ReviewAction.CORRECT


def _review(
    item: ReviewItem,
    user: User,
    *,
    review_id: str,
    at: datetime,
    action: ReviewAction,
    answers: Mapping[str, Answer],
    batch_id: str = "",
    question: str = "",
) -> Review:
    return Review(
        id=review_id,
        item_id=item.id,
        connection=item.connection,
        ticket_id=item.ticket_id,
        by=user.id,
        at=at,
        action=action,
        answers=answers,
        model=item.model,
        is_audit=item.is_audit,
        inclusion_probability=item.inclusion_probability,
        batch_id=batch_id,
        question=question,
    )


def _label(given: str | None) -> str | None:
    return None if given is None else given.strip()[:LONGEST_LABEL] or None


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _require(user: User, permission: Permission) -> None:
    if not may(user.role, permission):
        raise PermissionDeniedError(
            f"The role '{user.role}' of {user.name} does not allow this. Ask an administrator for another role."
        )
