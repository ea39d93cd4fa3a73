"""The reviews over SQLAlchemy, the same statements for both databases.

A review and the state of its item change in one transaction, with the item's row held meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select, update

from features.answers import ModelIdentity
from serving.storage.review_tables import REVIEW_ANSWERS, REVIEW_ITEMS, REVIEWS
from serving.storage.reviewing import EVERYTHING, Answer, ItemState, Review, ReviewAction, Sight
from serving.storage.sql_sight import is_visible
from serving.storage.transactions import Transactions

_AT_ONCE = 500
_COLUMNS = REVIEWS.c
_ITEM = REVIEW_ITEMS.c
_STANDS = _COLUMNS.undone_at.is_(None)
_WITH_ITEM = select(REVIEWS, _ITEM.language, _ITEM.group).join_from(
    REVIEWS, REVIEW_ITEMS, _ITEM.id == _COLUMNS.item_id, isouter=True
)


class SqlReviews:
    """A `ReviewStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._keep = transactions.insert(REVIEWS).on_conflict_do_nothing().returning(_COLUMNS.id)

    def record(self, review: Review) -> bool:
        """Keep a review and close its item, both or neither; return False where the item is not open (any more)."""
        with self._transactions.writing("recording a review") as opened:
            return self._record(opened, review)

    def record_batch(self, reviews: Sequence[Review]) -> Sequence[str]:
        """Record each review as `record` would, in one transaction; return the ids of the items that were done."""
        done: set[str] = set()
        with self._transactions.writing("recording reviews") as opened:
            # In one order everywhere, so that two of these at once cannot wait for each other.
            for review in sorted(reviews, key=lambda review: review.item_id):
                if self._record(opened, review, is_alone=False):
                    done.add(review.item_id)
        return [review.item_id for review in reviews if review.item_id in done]

    def undo(self, review_id: str, *, by: str, at: datetime) -> Sequence[str]:
        """Undo a review that stands and open its item again; return the ids of the items opened."""
        return self._undo(_COLUMNS.id == review_id, by=by, at=at)

    def undo_batch(self, batch_id: str, *, by: str, at: datetime) -> Sequence[str]:
        """Undo what stands of a batch and open its items again; return the ids of the items opened."""
        # "" is the batch of all that were given one by one.
        return self._undo(_COLUMNS.batch_id == batch_id, by=by, at=at) if batch_id else []

    def find(self, review_id: str) -> Review | None:
        """Return the review of that id, undone or not."""
        with self._transactions.reading("looking up a review") as opened:
            return next(iter(_reviews(opened, _WITH_ITEM.where(_COLUMNS.id == review_id))), None)

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
        asked = ((_COLUMNS.connection, connection), (_COLUMNS.model_name, model), (_COLUMNS.item_id, item_id))
        conditions: Any = [column == value for column, value in asked if value]
        conditions += [] if since is None else [_COLUMNS.at >= since]
        conditions += [] if until is None else [_COLUMNS.at < until]
        conditions += [] if is_audit is None else [_COLUMNS.is_audit.is_(is_audit)]
        conditions += [] if with_undone else [_STANDS]
        conditions.append(is_visible(visible_to, connection=_ITEM.connection, key=_ITEM.group_key))
        order = (_COLUMNS.at.desc(), _COLUMNS.id.desc()) if newest_first else (_COLUMNS.at, _COLUMNS.id)
        with self._transactions.reading("listing reviews") as opened:
            return _reviews(opened, _WITH_ITEM.where(*conditions).order_by(*order).limit(limit))

    def _record(self, opened: Connection, review: Review, *, is_alone: bool = True) -> bool:
        item = _held_item(opened, review.item_id)
        if item is None or (item["is_audit"] and not is_alone):
            return False
        told = {name: item[name] for name in ("is_audit", "inclusion_probability")}
        review = replace(review, **told)
        if opened.execute(self._keep, _row(review)).one_or_none() is None:
            return False
        answers = _answer_rows(review)
        if answers:
            opened.execute(self._transactions.insert(REVIEW_ANSWERS), answers)
        _close_if_answered(opened, review, leads_wanted=item["leads_wanted"] if review.is_audit else 1)
        return True

    def _undo(self, which: ColumnElement[bool], *, by: str, at: datetime) -> Sequence[str]:
        with self._transactions.writing("undoing reviews") as opened:
            found = opened.execute(select(_COLUMNS.item_id).where(which, _STANDS)).scalars()
            # The items are held first, as in `_record`, so that neither waits for the other.
            held = [item_id for item_id in sorted(set(found)) if _hold(opened, item_id)]
            undo = (
                update(REVIEWS)
                .where(which, _STANDS, _COLUMNS.item_id.in_(held))
                .values(undone_at=at, undone_by=by, standing_key=None)
                .returning(_COLUMNS.item_id)
            )
            undone = set(opened.execute(undo).scalars())
            return [item_id for item_id in held if item_id in undone and _reopen(opened, item_id)]


def _held_item(opened: Connection, item_id: str) -> RowMapping | None:
    """Return what must be known of an open item, and let nobody else change it until the transaction ends."""
    statement = select(_ITEM.is_audit, _ITEM.leads_wanted, _ITEM.inclusion_probability)
    is_open = _ITEM.state == ItemState.OPEN.value
    return opened.execute(statement.where(_ITEM.id == item_id, is_open).with_for_update()).mappings().one_or_none()


def _hold(opened: Connection, item_id: str) -> bool:
    statement = select(_ITEM.id).where(_ITEM.id == item_id).with_for_update()
    return opened.execute(statement).one_or_none() is not None


def _close_if_answered(opened: Connection, review: Review, *, leads_wanted: int) -> None:
    statement = select(func.count()).where(_COLUMNS.item_id == review.item_id, _STANDS)
    values: dict[str, Any] = {"locked_by": "", "locked_until": None}
    if opened.execute(statement).scalar_one() >= leads_wanted:
        values |= {"state": ItemState.DONE.value, "closed_at": review.at}
    opened.execute(update(REVIEW_ITEMS).where(_ITEM.id == review.item_id).values(values))


def _reopen(opened: Connection, item_id: str) -> bool:
    was_reviewed = _ITEM.state.in_([ItemState.DONE.value, ItemState.OPEN.value])
    statement = (
        update(REVIEW_ITEMS).where(_ITEM.id == item_id, was_reviewed).values(state=ItemState.OPEN.value, closed_at=None)
    )
    return opened.execute(statement).rowcount == 1


def _row(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "item_id": review.item_id,
        "connection": review.connection,
        "ticket_id": review.ticket_id,
        "by": review.by,
        "at": review.at,
        "action": review.action.value,
        "model_name": review.model.name,
        "model_version": review.model.version,
        "model_alias": review.model.alias,
        "is_audit": review.is_audit,
        "inclusion_probability": review.inclusion_probability,
        "batch_id": review.batch_id,
        "undone_at": None,
        "undone_by": "",
        "question": review.question,
        "standing_key": f"{review.item_id}\n{review.by}" if review.is_audit else review.item_id,
    }


def _answer_rows(review: Review) -> Sequence[dict[str, Any]]:
    return [
        {
            "review_id": review.id,
            "target": target,
            "suggested": answer.suggested,
            "given": answer.given,
            "was_shown": answer.was_shown,
        }
        for target, answer in review.answers.items()
    ]


def _answers(opened: Connection, review_ids: Sequence[str]) -> Mapping[str, Mapping[str, Answer]]:
    columns = REVIEW_ANSWERS.c
    found: dict[str, dict[str, Answer]] = defaultdict(dict)
    for start in range(0, len(review_ids), _AT_ONCE):
        part = review_ids[start : start + _AT_ONCE]
        for row in opened.execute(select(REVIEW_ANSWERS).where(columns.review_id.in_(part))):
            found[row.review_id][row.target] = Answer(row.suggested, row.given, row.was_shown)
    return found


def _reviews(opened: Connection, statement: Select[Any]) -> Sequence[Review]:
    rows = opened.execute(statement).mappings().all()
    answers = _answers(opened, [row["id"] for row in rows])
    return [_review(row, answers=answers.get(row["id"], {})) for row in rows]


def _review(row: RowMapping, *, answers: Mapping[str, Answer]) -> Review:
    told: dict[str, Any] = {**row, "language": row["language"] or "", "group": row["group"] or ""}
    del told["standing_key"]
    model = ModelIdentity(told.pop("model_name"), told.pop("model_version"), told.pop("model_alias"))
    return Review(**{**told, "action": ReviewAction(row["action"])}, model=model, answers=answers)
