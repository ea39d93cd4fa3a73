"""The review queue over SQLAlchemy, the same statements for both databases.

The order of the queue is that of an index, so that a page of it is read without looking at the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from features.answers import ModelIdentity
from serving.storage.review_tables import REVIEW_ITEM_LABELS, REVIEW_ITEM_TARGETS, REVIEW_ITEMS, REVIEWS
from serving.storage.reviewing import (
    ALL_OPEN,
    EVERYTHING,
    LONGEST_PREVIEW,
    ItemState,
    QueueFilter,
    ReviewItem,
    Sight,
    SuggestedLabels,
)
from serving.storage.sql_sight import group_key, is_visible
from serving.storage.transactions import Transactions

_AT_ONCE = 500
# The queue is folded in parts of this size at first, each next one larger.
_LEAST_PART = 500
_COLUMNS = REVIEW_ITEMS.c
_ORDER = (_COLUMNS.due_hour, _COLUMNS.priority_rank, _COLUMNS.negative_worth, _COLUMNS.id)
# After every hour that there will be.
_NEVER_DUE = 2**31 - 1
# The values come with the parameters.
_WITHDRAW = update(REVIEW_ITEMS).where(
    _COLUMNS.connection == bindparam("of"),
    _COLUMNS.ticket_id == bindparam("ticket"),
    _COLUMNS.id != bindparam("all_but"),
    _COLUMNS.state == bindparam("open", ItemState.OPEN.value),
    ~_COLUMNS.is_audit,
)
# Columns that are there for the database alone.
_INNER = ("group_key", "due_hour", "negative_worth", "preview_key")


class SqlQueue:
    """A `QueueStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._add = transactions.insert(REVIEW_ITEMS).on_conflict_do_nothing().returning(_COLUMNS.id)

    def add(self, items: Sequence[ReviewItem]) -> int:
        """Keep items, all or none; one whose id is there already is left as it is. Return how many were new."""
        # In one order everywhere, so that two of these at once cannot wait for each other.
        by_id = {item.id: item for item in sorted(items, key=lambda item: item.id)}
        if not by_id:
            return 0
        with self._transactions.writing("adding to the review queue") as opened:
            added = set(opened.execute(self._add, [_row(item) for item in by_id.values()]).scalars())
            new = [item for item in by_id.values() if item.id in added]
            self._add_targets(opened, new)
        return len(new)

    def open_items(
        self, chosen: QueueFilter = ALL_OPEN, *, limit: int = 25, after: str = "", is_folded: bool = False
    ) -> Sequence[ReviewItem]:
        """Return open items: by the hour in which they are due, then by priority, then the worthiest first."""
        with self._transactions.reading("reading the review queue") as opened:
            place = _place(opened, after)
            if is_folded:
                ids = _first_of_bursts(opened, chosen, limit=limit, place=place)
                return _items(opened, _in_order(select(REVIEW_ITEMS).where(_COLUMNS.id.in_(ids))))
            statement = _in_order(select(REVIEW_ITEMS).where(*_open(chosen)))
            return _items(opened, _behind(statement, place).limit(limit))

    def count_open(self, chosen: QueueFilter = ALL_OPEN) -> int:
        """Return how many items `open_items` would return in all, not folded."""
        statement = select(func.count()).select_from(REVIEW_ITEMS).where(*_open(chosen))
        with self._transactions.reading("counting the review queue") as opened:
            return opened.execute(statement).scalar_one()

    def cluster_labels(
        self, clusters: Sequence[str], *, visible_to: Sight = EVERYTHING
    ) -> Mapping[str, Sequence[SuggestedLabels]]:
        """Return for each cluster what was suggested for each of its open items, audits excluded."""
        labels = REVIEW_ITEM_LABELS.c
        chosen = QueueFilter(is_audit=False, visible_to=visible_to)
        statement = (
            select(_COLUMNS.cluster, _COLUMNS.id, _COLUMNS.connection, labels.target, labels.label)
            .select_from(REVIEW_ITEMS.outerjoin(REVIEW_ITEM_LABELS, labels.item_id == _COLUMNS.id))
            .where(*_open(chosen), _COLUMNS.cluster.in_(list(clusters)))
        )
        suggested: dict[str, dict[str, set[tuple[str, str, str]]]] = {cluster: {} for cluster in clusters}
        with self._transactions.reading("looking at bursts") as opened:
            for cluster, item_id, connection, target, label in opened.execute(statement):
                of_item = suggested[cluster].setdefault(item_id, set())
                if target is not None:
                    of_item.add((connection, target, label))
        return {cluster: [frozenset(one) for one in items.values()] for cluster, items in suggested.items()}

    def cluster_members(self, cluster: str, *, visible_to: Sight = EVERYTHING) -> Sequence[ReviewItem]:
        """Return the open items of a burst in the order of the queue; an audit is never among them."""
        if not cluster:
            return []
        chosen = QueueFilter(cluster=cluster, is_audit=False, visible_to=visible_to)
        with self._transactions.reading("reading a burst") as opened:
            return _items(opened, _in_order(select(REVIEW_ITEMS).where(*_open(chosen))))

    def find(self, item_id: str, *, visible_to: Sight = EVERYTHING) -> ReviewItem | None:
        """Return the item of that id, whatever its state; None too for who may not see it."""
        may_see = is_visible(visible_to, connection=_COLUMNS.connection, key=_COLUMNS.group_key)
        with self._transactions.reading("looking up a review item") as opened:
            return next(iter(_items(opened, select(REVIEW_ITEMS).where(_COLUMNS.id == item_id, may_see))), None)

    def for_ticket(self, connection: str, *, ticket_id: str) -> Sequence[ReviewItem]:
        """Return the items of a ticket, newest first."""
        statement = select(REVIEW_ITEMS).where(_of_tickets(connection, [ticket_id]))
        with self._transactions.reading("looking up a ticket's review items") as opened:
            return _items(opened, statement.order_by(_COLUMNS.created_at.desc(), _COLUMNS.id.desc()))

    def lock(self, item_id: str, *, by: str, now: datetime, seconds: float) -> str:
        """Take an open item, or keep it for longer; return who holds it now, "" where it is not open."""
        is_open = _COLUMNS.state == ItemState.OPEN.value
        is_free = or_(_COLUMNS.locked_until.is_(None), _COLUMNS.locked_until <= now, _COLUMNS.locked_by == by)
        statement = (
            update(REVIEW_ITEMS)
            .where(_COLUMNS.id == item_id, is_open, is_free)
            .values(locked_by=by, locked_until=now + timedelta(seconds=seconds))
        )
        with self._transactions.writing("locking a review item") as opened:
            if opened.execute(statement).rowcount == 1:
                return by
            holder = select(_COLUMNS.locked_by).where(_COLUMNS.id == item_id, is_open)
            return opened.execute(holder).scalar_one_or_none() or ""

    def unlock(self, item_id: str, *, by: str) -> bool:
        """Let go of an item; return whether it was this person's."""
        statement = (
            update(REVIEW_ITEMS)
            .where(_COLUMNS.id == item_id, _COLUMNS.locked_by == by)
            .values(locked_by="", locked_until=None)
        )
        with self._transactions.writing("unlocking a review item") as opened:
            return opened.execute(statement).rowcount == 1

    def withdraw(self, connection: str, *, ticket_id: str, at: datetime, all_but: str = "") -> int:
        """Close a ticket's open items unreviewed, but for the one of that id; return how many."""
        asked = {"of": connection, "ticket": ticket_id, "all_but": all_but}
        with self._transactions.writing("withdrawing review items") as opened:
            return opened.execute(_WITHDRAW, {**asked, **_withdrawn(at)}).rowcount

    def forget(self, connection: str, *, ticket_ids: Sequence[str], at: datetime) -> int:
        """Withdraw all items of tickets, audits too, and erase what their previews, reasons and questions say."""
        with self._transactions.writing("forgetting review items") as opened:
            parts = (ticket_ids[start : start + _AT_ONCE] for start in range(0, len(ticket_ids), _AT_ONCE))
            return sum(_forget(opened, connection, part, at=at) for part in parts)

    def _add_targets(self, opened: Connection, items: Sequence[ReviewItem]) -> None:
        targets = [{"item_id": item.id, "targets": item.targets} for item in items]
        labels = [label for item in items for label in _labels(item)]
        for table, rows in ((REVIEW_ITEM_TARGETS, targets), (REVIEW_ITEM_LABELS, labels)):
            if rows:
                opened.execute(self._transactions.insert(table), rows)


def _in_order(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(*_ORDER)


def _open(chosen: QueueFilter) -> Sequence[ColumnElement[bool]]:
    """Return the conditions of a filter on the open items."""
    columns = _COLUMNS
    conditions = [columns.state == ItemState.OPEN.value]
    for column, value in (
        (columns.connection, chosen.connection),
        (columns.language, chosen.language),
        (columns.group_key, group_key(chosen.group)),
        (columns.cluster, chosen.cluster),
    ):
        if value:
            conditions.append(column == value)
    if chosen.text:
        conditions.append(columns.preview_key.contains(chosen.text.casefold(), autoescape=True))
    if chosen.is_audit is not None:
        conditions.append(columns.is_audit.is_(chosen.is_audit))
    if chosen.target or chosen.label:
        conditions.append(_suggests(columns.id, chosen))
    if chosen.not_answered_by:
        conditions.append(or_(~columns.is_audit, ~_has_answered(columns.id, chosen.not_answered_by)))
    conditions.append(is_visible(chosen.visible_to, connection=columns.connection, key=columns.group_key))
    return conditions


def _suggests(item_id: Any, chosen: QueueFilter) -> ColumnElement[bool]:
    labels = REVIEW_ITEM_LABELS.c
    conditions = [labels.item_id == item_id]
    conditions += [labels.target == chosen.target] if chosen.target else []
    conditions += [labels.label == chosen.label] if chosen.label else []
    return exists().where(*conditions)


def _has_answered(item_id: Any, by: str) -> ColumnElement[bool]:
    return exists().where(REVIEWS.c.item_id == item_id, REVIEWS.c.by == by, REVIEWS.c.undone_at.is_(None))


def _place(opened: Connection, item_id: str) -> Sequence[Any]:
    """Return where an item stands in the queue, whatever its state; nothing for one that there is not."""
    found = opened.execute(select(*_ORDER).where(_COLUMNS.id == item_id)).one_or_none() if item_id else None
    return () if found is None else tuple(found)


def _first_of_bursts(opened: Connection, chosen: QueueFilter, *, limit: int, place: Sequence[Any]) -> Sequence[str]:
    """Return the ids of the next rows after a place in the queue, of each burst that of its first item alone.

    Whole parts of the queue are read in its order and folded here: a statement that looks each burst up by itself
    is planned well by one database and badly by the other.
    """
    ids: list[str] = []
    seen: set[str] = set()
    size, here = max(_LEAST_PART, 4 * limit), place
    while len(ids) < limit:
        rows = opened.execute(_part(chosen, after=here, size=size)).all()
        seen |= _begun_before(opened, chosen, clusters={row.cluster for row in rows} - seen, place=place)
        for row in rows:
            if row.is_audit or not row.cluster or row.cluster not in seen:
                ids.append(row.id)
            if not row.is_audit:
                seen.add(row.cluster)
        if len(rows) < size:
            break
        here, size = tuple(rows[-1])[: len(_ORDER)], size * 4
    return ids[:limit]


def _part(chosen: QueueFilter, *, after: Sequence[Any], size: int) -> Select[Any]:
    columns = [*_ORDER, _COLUMNS.cluster, _COLUMNS.is_audit]
    return _behind(_in_order(select(*columns).where(*_open(chosen))), after).limit(size)


def _behind(statement: Select[Any], place: Sequence[Any]) -> Select[Any]:
    return statement.where(tuple_(*_ORDER) > tuple_(*place)) if place else statement


def _begun_before(opened: Connection, chosen: QueueFilter, *, clusters: Set[str], place: Sequence[Any]) -> set[str]:
    """Return those of some bursts of which an item comes up to a place in the queue: they were shown before it."""
    if not place:
        return set()
    begun: set[str] = set()
    is_before = tuple_(*_ORDER) <= tuple_(*place)
    named = sorted(clusters - {""})
    for start in range(0, len(named), _AT_ONCE):
        of_them = _COLUMNS.cluster.in_(named[start : start + _AT_ONCE])
        statement = select(_COLUMNS.cluster).where(of_them, *_open(chosen), ~_COLUMNS.is_audit, is_before)
        begun |= set(opened.execute(statement.distinct()).scalars())
    return begun


def _of_tickets(connection: str, ticket_ids: Sequence[str]) -> ColumnElement[bool]:
    return and_(_COLUMNS.ticket_id.in_(list(ticket_ids)), _COLUMNS.connection == connection)


def _withdrawn(at: datetime) -> dict[str, Any]:
    return {"state": ItemState.WITHDRAWN.value, "closed_at": at, "locked_by": "", "locked_until": None}


def _forget(opened: Connection, connection: str, ticket_ids: Sequence[str], *, at: datetime) -> int:
    found = opened.execute(select(_COLUMNS.id).where(_of_tickets(connection, ticket_ids))).scalars().all()
    for item_id, targets in _targets(opened, found).items():
        kept = {name: _without_reasons(told) for name, told in targets.items()}
        columns = REVIEW_ITEM_TARGETS.c
        opened.execute(update(REVIEW_ITEM_TARGETS).where(columns.item_id == item_id).values(targets=kept))
    of_them = and_(REVIEWS.c.ticket_id.in_(list(ticket_ids)), REVIEWS.c.connection == connection)
    opened.execute(update(REVIEWS).where(of_them).values(question=""))
    erased = {**_withdrawn(at), "preview": "", "preview_key": ""}
    return opened.execute(update(REVIEW_ITEMS).where(_of_tickets(connection, ticket_ids)).values(erased)).rowcount


def _without_reasons(told: Any) -> Any:
    return {**told, "reasons": []} if isinstance(told, Mapping) and "reasons" in told else told


def _row(item: ReviewItem) -> dict[str, Any]:
    preview = item.preview[:LONGEST_PREVIEW]
    return {
        "id": item.id,
        "connection": item.connection,
        "ticket_id": item.ticket_id,
        "model_name": item.model.name,
        "model_version": item.model.version,
        "model_alias": item.model.alias,
        "language": item.language,
        "group": item.group,
        "group_key": group_key(item.group),
        "created_at": item.created_at,
        "due_at": item.due_at,
        "due_hour": _NEVER_DUE if item.due_at is None else int(item.due_at.timestamp() // 3600),
        "priority_rank": item.priority_rank,
        "negative_worth": -item.worth,
        "cluster": item.cluster,
        "preview": preview,
        "preview_key": preview.casefold(),
        "is_audit": item.is_audit,
        "audit_targets": list(item.audit_targets),
        "leads_wanted": item.leads_wanted,
        "inclusion_probability": item.inclusion_probability,
        "state": item.state.value,
        "locked_by": item.locked_by,
        "locked_until": item.locked_until,
        "closed_at": item.closed_at,
    }


def _labels(item: ReviewItem) -> Iterator[dict[str, str]]:
    for target, told in item.targets.items():
        if isinstance(told, Mapping) and told.get("label"):
            yield {"item_id": item.id, "target": target, "label": str(told["label"])}


def _targets(opened: Connection, item_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    columns = REVIEW_ITEM_TARGETS.c
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(item_ids), _AT_ONCE):
        part = item_ids[start : start + _AT_ONCE]
        statement = select(columns.item_id, columns.targets).where(columns.item_id.in_(part))
        found |= {row[0]: row[1] for row in opened.execute(statement)}
    return found


def _items(opened: Connection, statement: Select[Any]) -> Sequence[ReviewItem]:
    rows = opened.execute(statement).mappings().all()
    targets = _targets(opened, [row["id"] for row in rows])
    return [_item(row, targets=targets.get(row["id"], {})) for row in rows]


def _item(row: RowMapping, *, targets: Mapping[str, Any]) -> ReviewItem:
    told = {name: value for name, value in row.items() if name not in _INNER}
    model = ModelIdentity(told.pop("model_name"), told.pop("model_version"), told.pop("model_alias"))
    told |= {"audit_targets": tuple(row["audit_targets"]), "state": ItemState(row["state"])}
    # Zero has no other sign than its own.
    return ReviewItem(**told, model=model, worth=-row["negative_worth"] + 0.0, targets=targets)
