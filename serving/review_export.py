"""What people said of tickets as JSON lines that training reads: reviews, audits, feedback and final values.

Owns which word is a label and whose it is. Left out are answers that were undone, "cannot tell", and tickets that were
forgotten. Texts are redacted. A final value that we wrote and nobody touched is told as `unconfirmed`: training takes
it out of its history. Knows no vendor, no web and no SQL.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from features.history import HistoryRow, LabelSource, ReviewRow
from features.taxonomy import TARGET_NAMES
from serving.exports import ExportStorage, redacted_ticket, whole_file, write_row
from serving.storage.intake import EffectState, FieldStatus, SetBy
from serving.storage.outcomes import Feedback, FeedbackKind, OutcomeStorage
from serving.storage.reviewing import Answer, Review, ReviewStorage

# Who reads the originals, in the record of who saw them.
READER = "triage export"


class ReviewedStorage(ExportStorage, Protocol):
    """What is known of tickets after they were scored."""

    @property
    def reviews(self) -> ReviewStorage:
        """The reviews."""

    @property
    def outcomes(self) -> OutcomeStorage:
        """What became of tickets."""


@dataclass(frozen=True, slots=True)
class ExportedReviews:
    """How many labels were written in all and by source, and how many forgotten tickets were left out."""

    labels: int = 0
    by_source: Mapping[str, int] = field(default_factory=dict)
    forgotten: int = 0


def export_reviews(
    connection: str, *, storage: ReviewedStorage, since: datetime, file: Path, clock: Callable[[], datetime]
) -> ExportedReviews:
    """Write what was said since a moment of the tickets of a connection; the file appears whole or not at all.

    Raises StorageError, and HistoryError where the file cannot be written.
    """
    forgotten = {one.ticket_id for one in storage.originals.tombstones() if one.connection == connection}
    counts, left_out = Counter[str](), set[str]()
    texts = _Texts(connection, storage=storage, clock=clock)
    with whole_file(file) as lines:
        for row in _rows(connection, storage=storage, since=since):
            if row.ticket_id in forgotten:
                left_out.add(row.ticket_id)
                continue
            write_row(lines, texts.beside(row))
            counts[row.source.value] += 1
    return ExportedReviews(counts.total(), dict(counts), len(left_out))


def _rows(connection: str, *, storage: ReviewedStorage, since: datetime) -> Iterator[ReviewRow]:
    for review in storage.reviews.list(since=since, connection=connection):
        yield from _of_review(review)
    for told in storage.outcomes.feedback.list(since=since, connection=connection):
        yield from _of_feedback(told, storage=storage)
    yield from _of_closings(connection, storage=storage, since=since)


def _of_review(review: Review) -> Iterator[ReviewRow]:
    for target, answer in review.answers.items():
        if answer.given is not None and target in TARGET_NAMES:
            yield ReviewRow(
                ticket_id=review.ticket_id,
                target=target,
                value=answer.given,
                source=_source(review, answer),
                suggested=answer.suggested,
                at=review.at,
                inclusion_probability=review.inclusion_probability,
                model_version=review.model.version,
                connection=review.connection,
                reviewer=_pseudonym(review.by),
                language=review.language,
            )


def _source(review: Review, answer: Answer) -> LabelSource:
    # Who has seen the suggestion first gives an opinion of it, however the ticket was drawn.
    return LabelSource.AUDIT if review.is_audit and not answer.was_shown else LabelSource.LEAD


def _of_feedback(told: Feedback, *, storage: ReviewedStorage) -> Iterator[ReviewRow]:
    """Return what a helpdesk's own page tells: a person's word, but for final values that are ours."""
    if told.kind is FeedbackKind.ARTICLE_HELPED:
        return
    ours = _written(told, storage) if told.kind is FeedbackKind.FINAL_VALUES else {}
    for target in TARGET_NAMES:
        value = told.values.get(target)
        if isinstance(value, str) and value:
            is_ours = value.casefold() in ours.get(target, ())
            yield ReviewRow(
                ticket_id=told.ticket_id,
                target=target,
                value=value,
                source=LabelSource.UNCONFIRMED if is_ours else LabelSource.PERSON_AT_CLOSE,
                at=told.at,
                connection=told.connection,
                reviewer=_pseudonym(told.by),
            )


def _written(told: Feedback, storage: ReviewedStorage) -> Mapping[str, set[str]]:
    """Return the labels that we wrote into a ticket and did not take back, by target."""
    written: dict[str, set[str]] = {}
    for effect in storage.effects.for_ticket(told.connection, ticket_id=told.ticket_id):
        for one in effect.fields if effect.state is not EffectState.REVERTED else ():
            if one.status is FieldStatus.WRITTEN:
                written.setdefault(one.target, set()).update((one.label.casefold(), one.after.casefold()))
    return written


def _of_closings(connection: str, *, storage: ReviewedStorage, since: datetime) -> Iterator[ReviewRow]:
    for closing in storage.closings.closings(connection=connection, since=since):
        for target, final in closing.values.items():
            # Whose value it is must be known: what might be our own proves nothing.
            is_persons = final.is_confirmed and final.set_by is SetBy.PERSON
            if target in TARGET_NAMES and final.value:
                yield ReviewRow(
                    ticket_id=closing.ticket_id,
                    target=target,
                    value=final.value,
                    source=LabelSource.PERSON_AT_CLOSE if is_persons else LabelSource.UNCONFIRMED,
                    at=closing.closed_at,
                    model_version=closing.model_version,
                    connection=closing.connection,
                )


class _Texts:
    """The redacted texts of tickets, each read once: that it was read is noted beside the original."""

    def __init__(self, connection: str, *, storage: ReviewedStorage, clock: Callable[[], datetime]) -> None:
        self._connection = connection
        self._originals = storage.originals
        self._clock = clock
        self._known: dict[str, tuple[str, str]] = {}

    def beside(self, row: ReviewRow) -> ReviewRow:
        """Return the row with its ticket's text, where that is still kept."""
        if row.ticket_id not in self._known:
            self._known[row.ticket_id] = self._read(row.ticket_id)
        subject, body = self._known[row.ticket_id]
        return replace(row, subject=subject, body=body)

    def _read(self, ticket_id: str) -> tuple[str, str]:
        kept = self._originals.read(self._connection, ticket_id=ticket_id, by=READER, at=self._clock()) or {}
        said = HistoryRow(id=ticket_id, subject=str(kept.get("subject", "")), body=str(kept.get("body", "")))
        redacted = redacted_ticket(said)
        return redacted.subject, redacted.body


def _pseudonym(person: str) -> str:
    return hashlib.sha256(person.encode(errors="replace")).hexdigest()[:16] if person else ""
