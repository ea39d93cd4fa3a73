"""What audits found, over SQLAlchemy, the same statements for both databases. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, exists, func, select

from serving.storage.review_tables import REVIEW_ANSWERS, REVIEW_ITEMS, REVIEWS, UNATTENDED
from serving.storage.reviewing import EVERYTHING, AgreementPair, AuditAnswer, Disagreement, Misroute, Sight
from serving.storage.sql_sight import is_visible
from serving.storage.transactions import Transactions

_ANSWER = REVIEW_ANSWERS.c
_ITEM = REVIEW_ITEMS.c
_REVIEW = REVIEWS.c
_JOINED = REVIEWS.join(REVIEW_ANSWERS, _ANSWER.review_id == _REVIEW.id).join(REVIEW_ITEMS, _ITEM.id == _REVIEW.item_id)
_STANDS = _REVIEW.undone_at.is_(None)
_COULD_TELL = _ANSWER.given.is_not(None)
_DIFFERS = _ANSWER.given != _ANSWER.suggested
_RAN_UNATTENDED = exists().where(UNATTENDED.c.entry_id == _REVIEW.item_id, UNATTENDED.c.target == _ANSWER.target)


class SqlAudits:
    """An `AuditStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def audits_of(
        self, model: str, *, connection: str, target: str, model_version: str = "", since: datetime | None = None
    ) -> Sequence[AuditAnswer]:
        """Return one answer a ticket in the order of time: the first that could tell, or else the first."""
        conditions = _conditions(model=model, model_version=model_version, target=target, since=since)
        statement = (
            select(
                _REVIEW.id.label("review_id"),
                _REVIEW.item_id,
                _REVIEW.connection,
                _REVIEW.ticket_id,
                _REVIEW.model_version,
                _REVIEW.at,
                _ANSWER.suggested,
                _ANSWER.given,
                _ITEM.language,
                _ITEM.group,
                _REVIEW.inclusion_probability,
                _RAN_UNATTENDED.label("ran_unattended"),
            )
            .select_from(_JOINED)
            .where(*_blind(), *conditions, _REVIEW.connection == connection)
            .order_by(_REVIEW.at, _REVIEW.id)
        )
        with self._transactions.reading("reading audits") as opened:
            return _one_a_ticket([AuditAnswer(**row) for row in opened.execute(statement).mappings()])

    def agreement_pairs(
        self, *, model: str = "", connection: str = "", target: str = "", since: datetime | None = None
    ) -> Sequence[AgreementPair]:
        """Return the first two answers that could tell, for each target of each ticket that has two."""
        conditions = _conditions(model=model, connection=connection, target=target, since=since)
        statement = (
            select(_REVIEW.item_id, _REVIEW.connection, _ANSWER.target, _ANSWER.given)
            .select_from(_JOINED)
            .where(*_blind(), *conditions, _COULD_TELL)
            .order_by(_REVIEW.item_id, _ANSWER.target, _REVIEW.at, _REVIEW.id)
        )
        with self._transactions.reading("reading agreement") as opened:
            return list(_pairs(opened, statement))

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
        times = func.count(_REVIEW.item_id.distinct())
        pair = (_REVIEW.connection, _ANSWER.target, _ANSWER.suggested, _ANSWER.given)
        may_see = is_visible(visible_to, connection=_ITEM.connection, key=_ITEM.group_key)
        statement = (
            # The ids of reviews sort by time.
            select(*pair, times.label("times"), func.max(_REVIEW.id).label("example"))
            .select_from(_JOINED)
            .where(*_blind(), *_conditions(connection=connection, target=target, since=since), _DIFFERS, may_see)
            .group_by(*pair)
            .order_by(times.desc(), *pair)
            .limit(limit)
        )
        with self._transactions.reading("reading misroutes") as opened:
            return list(_misroutes(opened, statement))

    def disagreements(
        self, *, connection: str = "", target: str = "", is_audit: bool | None = None, since: datetime | None = None
    ) -> Sequence[Disagreement]:
        """Return how often leads gave another label than the suggested one, by target, language and label."""
        group = (_ANSWER.target, _ITEM.language, _ANSWER.suggested)
        conditions = _conditions(connection=connection, target=target, since=since)
        if is_audit is not None:
            conditions.append(_REVIEW.is_audit.is_(is_audit))
        if is_audit:
            conditions.append(_RAN_UNATTENDED)
        different = func.sum(case((_DIFFERS, 1), else_=0))
        statement = (
            select(*group, func.count().label("answers"), different.label("different"))
            .select_from(_JOINED)
            .where(_STANDS, _COULD_TELL, *conditions)
            .group_by(*group)
            .order_by(*group)
        )
        with self._transactions.reading("reading disagreements") as opened:
            return [Disagreement(**row) for row in opened.execute(statement).mappings()]


def _blind() -> Sequence[ColumnElement[bool]]:
    return [_REVIEW.is_audit, _STANDS, ~_ANSWER.was_shown]


def _conditions(
    *,
    model: str = "",
    model_version: str = "",
    connection: str = "",
    target: str = "",
    since: datetime | None = None,
) -> list[ColumnElement[bool]]:
    asked = (
        (_REVIEW.model_name, model),
        (_REVIEW.model_version, model_version),
        (_REVIEW.connection, connection),
        (_ANSWER.target, target),
    )
    conditions: list[ColumnElement[bool]] = [column == value for column, value in asked if value]
    return conditions if since is None else [*conditions, _REVIEW.at >= since]


def _one_a_ticket(answers: Sequence[AuditAnswer]) -> Sequence[AuditAnswer]:
    chosen: dict[str, AuditAnswer] = {}
    for answer in answers:
        before = chosen.get(answer.item_id)
        if before is None or (before.given is None and answer.given is not None):
            chosen[answer.item_id] = answer
    return sorted(chosen.values(), key=lambda answer: (answer.at, answer.review_id))


def _pairs(opened: Connection, statement: Select[Any]) -> Iterator[AgreementPair]:
    rows = opened.execute(statement).all()
    for (item_id, connection, target), answers in groupby(rows, key=lambda row: row[:3]):
        given = [row.given for row in answers]
        if len(given) > 1:
            yield AgreementPair(item_id, connection, target, given[0], given[1])


def _misroutes(opened: Connection, statement: Select[Any]) -> Iterator[Misroute]:
    rows = opened.execute(statement).all()
    examples = {
        example.id: example
        for example in opened.execute(
            select(_REVIEW.id, _REVIEW.item_id, _REVIEW.ticket_id).where(_REVIEW.id.in_([row.example for row in rows]))
        )
    }
    for row in rows:
        example = examples[row.example]
        yield Misroute(
            row.connection, row.target, row.suggested, row.given, row.times, example.item_id, example.ticket_id
        )
