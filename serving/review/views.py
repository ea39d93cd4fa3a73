"""Builds what the pages show from what is kept. Knows no web and no language; changes only who holds an item.

In a blind audit nothing leaves here that tells what was suggested: no label, no reason, no article, no past ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from serving.connections import Connections
from serving.note_content import web_address
from serving.review.highlights import highlighted, reasons_of
from serving.review.pages import (
    BurstPage,
    ItemPage,
    PastReview,
    QueuePage,
    QueueRow,
    StalePage,
    Stance,
    TicketPage,
    TicketText,
    Told,
)
from serving.review.queue import alike_count, fitting, is_held_by_another, pace_seconds, size_of, split_burst
from serving.review.roles import Permission, may
from serving.review.service import Outcome, Result, ReviewService
from serving.review.sight import hidden_groups, label_of, may_see_unqueued
from serving.review.suggestions import NOTHING_TYPED, Typed, blind_rows, in_order, target_rows
from serving.storage.identifiers import time_ordered_id
from serving.storage.intake import Effect, EffectStorage, OriginalStorage
from serving.storage.interface import ScoredEntry
from serving.storage.people import User
from serving.storage.reviewing import ItemState, QueueFilter, QueueStorage, ReviewItem, ReviewStorage
from serving.visibility import audiences_of, visible_articles, visible_similar

ROWS = 25
MOST_ROWS = 200
_RECENT_REVIEWS = 40
_MOST_SIMILAR, _MOST_ARTICLES = 5, 5


class Records(Protocol):
    """Where the record of a scored ticket is found."""

    def find_scored(self, entry_id: str) -> ScoredEntry | None:
        """Return the entry of that id."""

    def scored(self, ticket_id: str, *, connection: str | None = None, limit: int = 20) -> Sequence[ScoredEntry]:
        """Return the entries of a ticket, newest first."""


class ReviewViews:
    """Builds the pages of the queue for one user at a time."""

    def __init__(
        self,
        service: ReviewService,
        *,
        queue: QueueStorage,
        reviews: ReviewStorage,
        records: Records,
        originals: OriginalStorage,
        effects: EffectStorage,
        connections: Connections,
        clock: Callable[[], datetime],
    ) -> None:
        self._service = service
        self._queue = queue
        self._reviews = reviews
        self._records = records
        self._originals = originals
        self._effects = effects
        self._connections = connections
        self._clock = clock

    # --- the queue ----------------------------------------------------------------------------------------------------

    def queue(self, user: User, chosen: QueueFilter, *, minutes: int | None, after: str, did: str) -> QueuePage:
        """Return the part of the queue that fits into so many minutes, or its first rows."""
        asked = self._asked(user, chosen)
        pace = pace_seconds(self._recent(user))
        # No row takes less than the pace, so no more are read than can fit.
        limit = ROWS if minutes is None else min(int(minutes * 60 / pace) + 1, MOST_ROWS)
        items = self._queue.open_items(asked, limit=limit + 1, after=after, is_folded=True)
        sizes = self._sizes(user, items)
        shown, seconds = fitting(items[:limit], pace=pace, sizes=sizes, minutes=minutes)
        return QueuePage(
            rows=[self._row(user, item, size=size_of(item, sizes)) for item in shown],
            shown=sum(size_of(item, sizes) for item in shown),
            minutes=max(round(seconds / 60), 1) if shown else 0,
            open_count=self._queue.count_open(asked),
            audit_count=self._queue.count_open(replace(asked, is_audit=True)) if asked.is_audit is not False else 0,
            connections=tuple(self._connections.by_name),
            now=self._clock(),
            asked_minutes=minutes,
            next_after=shown[-1].id if len(items) > len(shown) else "",
            told=self.told(user, did),
        )

    def next_path(self, user: User, chosen: QueueFilter, *, after: str, cluster: str = "") -> str:
        """Return the address of what a user can take up next, "" for none: after an item, or else from the start.

        A burst is met as a whole; `cluster` names the one that she has before her.
        """
        now, asked = self._clock(), self._asked(user, chosen)
        for place in (after, ""):
            for item in self._queue.open_items(asked, limit=10, after=place, is_folded=True):
                is_here = item.id == after or (bool(cluster) and item.cluster == cluster and not item.is_audit)
                if not is_here and not is_held_by_another(item, user.id, now=now):
                    is_burst = size_of(item, self._sizes(user, [item])) > 1
                    return f"/review/bursts/{quote(item.cluster, safe='')}" if is_burst else f"/review/items/{item.id}"
        return ""

    def told(self, user: User, review_id: str) -> Told | None:
        """Return what a user did last, where it was she who did it."""
        review = self._service.review(user, review_id) if review_id else None
        if review is None or review.by != user.id:
            return None
        return Told(review, count=self._service.count_of(review), is_undone=review.undone_at is not None)

    def _sizes(self, user: User, items: Sequence[ReviewItem]) -> Mapping[str, int]:
        """Return how many items each burst handles together: what a filter leaves out is handled all the same."""
        clusters = sorted({item.cluster for item in items if item.cluster})
        found = self._queue.cluster_labels(clusters, visible_to=self._service.sight_of(user)) if clusters else {}
        return {cluster: alike_count(suggested) for cluster, suggested in found.items()}

    def _asked(self, user: User, chosen: QueueFilter) -> QueueFilter:
        # To be found by its label or group would tell what was suggested for an audit.
        would_tell = bool(chosen.label or chosen.target or chosen.group)
        is_audit = False if would_tell else chosen.is_audit
        sight = self._service.sight_of(user)
        return replace(chosen, not_answered_by=user.id, visible_to=sight, is_audit=is_audit)

    def _recent(self, user: User) -> Sequence[Any]:
        return [one for one in self._reviews.list(newest_first=True, limit=_RECENT_REVIEWS) if one.by == user.id]

    def _row(self, user: User, item: ReviewItem, *, size: int = 1) -> QueueRow:
        is_held = is_held_by_another(item, user.id, now=self._clock())
        suggested = {} if item.is_audit else {name: label_of(item.targets, name) for name in in_order(item.targets)}
        return QueueRow(item, size, suggested, held_by=self._service.name_of(item.locked_by) if is_held else "")

    # --- one item -----------------------------------------------------------------------------------------------------

    def item(
        self,
        user: User,
        item: ReviewItem,
        *,
        chosen: QueueFilter,
        typed: Typed = NOTHING_TYPED,
        is_text_wanted: bool = False,
        did: str = "",
        problem: str = "",
    ) -> ItemPage:
        """Return an item as a user may meet it; `is_text_wanted` reads the original, which is noted."""
        may_review = may(user.role, Permission.REVIEW)
        audit_first = self._service.audit_in_the_way(user, item.connection, ticket_id=item.ticket_id, besides=item.id)
        is_blind = item.is_audit and item.state is ItemState.OPEN and not self._service.has_answered(user, item)
        holder = ""
        if may_review and item.state is ItemState.OPEN and (is_blind or not item.is_audit) and not audit_first:
            holder = self._service.hold(user, item)
        stance = _stance(item, is_blind=is_blind, may_review=may_review, holder=holder, audit_first=audit_first)
        is_hidden = is_blind or stance is Stance.AUDIT_FIRST
        entry = None if is_hidden else self._records.find_scored(item.id)
        reasons = {} if is_hidden else reasons_of(item.targets)
        may_show = may(user.role, Permission.SHOW_TEXT)
        return ItemPage(
            item=item,
            stance=stance,
            targets=blind_rows(item, typed) if is_hidden else target_rows(item.targets, typed),
            text=self._text(user, item, reasons=reasons, is_wanted=is_text_wanted and may_show),
            now=self._clock(),
            review_id=time_ordered_id(self._clock()),
            question=typed.question or "",
            articles=() if entry is None else visible_articles(entry.articles, _audiences(user))[:_MOST_ARTICLES],
            similar=() if entry is None else self._similar(user, item, entry),
            warnings=() if entry is None else entry.warnings,
            past=() if is_hidden else self._past(item),
            held_by=holder,
            audit_first=audit_first,
            next_path=self.next_path(user, chosen, after=item.id),
            helpdesk_url=self._helpdesk_url(item.connection),
            may_show_text=may_show,
            told=self.told(user, did),
            problem=problem,
            is_blind=is_hidden,
        )

    def stale(self, user: User, item: ReviewItem, outcome: Outcome, *, typed: Mapping[str, Sequence[str]]) -> StalePage:
        """Return what happened meanwhile to an item that a user answered too late."""
        review = outcome.review
        # Two leads answer the same audit apart from each other.
        is_told = review is not None and not (item.is_audit and item.state is ItemState.OPEN)
        return StalePage(
            item=item,
            because=outcome.result.value if outcome.result is Result.HELD else item.state.value,
            who=outcome.who,
            at=review.at if review and is_told else item.closed_at,
            action=review.action if review and is_told else None,
            typed=typed,
            now=self._clock(),
            next_path=self.next_path(user, QueueFilter(), after=item.id),
        )

    def _text(
        self, user: User, item: ReviewItem, *, reasons: Mapping[str, Sequence[str]], is_wanted: bool
    ) -> TicketText:
        preview = highlighted(item.preview, reasons)
        if not is_wanted:
            return TicketText(preview=preview)
        original = self._originals.read(item.connection, ticket_id=item.ticket_id, by=user.id, at=self._clock())
        if original is None:
            return TicketText(preview=preview, is_gone=True)
        return TicketText(
            preview=preview,
            subject=highlighted(str(original.get("subject") or ""), reasons),
            body=highlighted(str(original.get("body") or ""), reasons),
            is_whole=True,
            url=web_address(str(original.get("url") or "")),
        )

    def _similar(self, user: User, item: ReviewItem, entry: ScoredEntry) -> Sequence[Mapping[str, Any]]:
        hidden = hidden_groups(user, self._connections, connection=item.connection)
        return visible_similar(entry.similar_tickets, "", hidden)[:_MOST_SIMILAR]

    def _past(self, item: ReviewItem) -> Sequence[PastReview]:
        past = self._reviews.list(item_id=item.id, with_undone=True, newest_first=True, limit=20)
        name_of = self._service.name_of
        return [PastReview(review, name_of(review.by), name_of(review.undone_by)) for review in past]

    def _helpdesk_url(self, connection: str) -> str:
        known = self._connections.by_name.get(connection)
        return web_address(known.base_url) if known else ""

    # --- bursts -------------------------------------------------------------------------------------------------------

    def burst(
        self, user: User, cluster: str, *, chosen: QueueFilter, typed: Typed = NOTHING_TYPED, problem: str = ""
    ) -> BurstPage | None:
        """Return a burst, or None where a user can see nothing of it."""
        members = self._queue.cluster_members(cluster, visible_to=self._service.sight_of(user))
        burst = split_burst(members)
        if not members:
            return None
        return BurstPage(
            cluster=cluster,
            alike=burst.alike,
            odd=[self._row(user, item) for item in burst.odd],
            targets=target_rows(burst.alike[0].targets, typed) if burst.alike else (),
            now=self._clock(),
            batch_id=time_ordered_id(self._clock()),
            ticked=typed.item_ids,
            may_review=may(user.role, Permission.REVIEW),
            problem=problem,
            next_path=self.next_path(user, chosen, after=members[-1].id, cluster=cluster),
        )

    # --- a ticket -----------------------------------------------------------------------------------------------------

    def item_of_ticket(self, user: User, connection: str, *, ticket_id: str) -> ReviewItem | None:
        """Return the item under which a user meets a ticket: an audit that waits for her, an open one, the newest."""
        sight = self._service.sight_of(user)
        items = [
            item
            for item in self._queue.for_ticket(connection, ticket_id=ticket_id)
            if self._queue.find(item.id, visible_to=sight) is not None
        ]
        waiting = [item for item in items if item.state is ItemState.OPEN]
        audits = [item for item in waiting if item.is_audit and not self._service.has_answered(user, item)]
        return next(iter([*audits, *waiting, *items]), None)

    def ticket(self, user: User, connection: str, *, ticket_id: str) -> TicketPage | None:
        """Return a ticket that never was in the queue, or None where a user may not see it."""
        if self._queue.for_ticket(connection, ticket_id=ticket_id):
            return None
        entries = self._records.scored(ticket_id, connection=connection, limit=1)
        groups = self._groups(connection, entries, self._effects.for_ticket(connection, ticket_id=ticket_id))
        may_see = may_see_unqueued(user, self._connections, connection=connection, groups=groups)
        if not entries or not may_see:
            return None
        entry = entries[0]
        rows = target_rows(entry.predictions, NOTHING_TYPED)
        return TicketPage(connection, ticket_id, rows, entry.scored_at, now=self._clock())

    def _groups(self, connection: str, entries: Sequence[ScoredEntry], effects: Sequence[Effect]) -> Sequence[str]:
        known = self._connections.by_name.get(connection)
        native = [value for one in effects for field_ in one.fields if field_.target == "group"
                  for value in (field_.before, field_.after) if value]  # fmt: skip
        labels = [known.label("group", value) if known else value for value in native]
        return [*labels, *native, *(label_of(entry.predictions, "group") for entry in entries)]


def _stance(item: ReviewItem, *, is_blind: bool, may_review: bool, holder: str, audit_first: str) -> Stance:
    if audit_first and not is_blind:
        return Stance.AUDIT_FIRST
    if item.state is not ItemState.OPEN or (item.is_audit and not is_blind):
        return Stance.CLOSED
    if not may_review:
        return Stance.LOOK
    if holder:
        return Stance.HELD
    return Stance.BLIND if is_blind else Stance.OPEN


def _audiences(user: User) -> frozenset[str]:
    return frozenset().union(*(audiences_of(group) for group in user.groups or ("",)))
