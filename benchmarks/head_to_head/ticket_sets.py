"""The public sets of tickets with labels, read through the product's own column mapping, and their folds.

The folds are those that every figure published here was made on: a given split, or five stratified folds of seed 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from features.history import TICKET_FIELDS, ColumnMapping, HistoryRow
from features.languages import detect_language
from head_to_head.fingerprints import fingerprint_of
from head_to_head.tasks import Integers, LabelTask
from training.datasets import HistoryTable, fingerprint, read_history

FOLDS = 5
_SPLIT_SEED = 0
Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fold:
    """The tickets to learn from and the tickets to label, by their places in the set."""

    name: str
    train: Integers
    test: Integers

    def first(self, count: int, *, seed: int) -> Fold:
        """Return the fold with so many of its past tickets, drawn at random; a larger draw holds the smaller."""
        drawn = np.random.default_rng(seed).permutation(self.train)[:count]
        return Fold(f"{self.name}, {count:,} tickets of history", np.sort(drawn), self.test)


@dataclass(frozen=True, slots=True)
class TicketSet:
    """Tickets with the label of one target; `actual` holds the numbers of their labels."""

    name: str
    history: HistoryTable
    target: str
    labels: tuple[str, ...]
    actual: Integers
    folds: tuple[Fold, ...]
    is_korean: bool = False
    is_ordinal: bool = False
    shows_near_duplicates: bool = False

    @property
    def texts(self) -> list[str]:
        """What a rival reads of each ticket: its product, where the set knows one, its subject and its body."""
        return [_text(row) for row in self.history.rows]

    def languages_of(self, places: Integers) -> NDArray[np.str_]:
        """Return the language of each of these tickets."""
        rows = (self.history.rows[place] for place in places)
        return np.array([detect_language(f"{row.subject}\n{row.body}").value for row in rows], dtype=np.str_)

    @property
    def data(self) -> str:
        """What changes when a ticket, a label or a fold does."""
        folds = [f"{fold.name}{fold.train.tolist()}{fold.test.tolist()}" for fold in self.folds]
        return fingerprint_of(fingerprint(self.history.rows), self.target, *self.labels, *folds)

    def task(self, fold: Fold, *, seed: int) -> LabelTask:
        """Return what a rival is given of a fold."""
        texts = self.texts
        return LabelTask(
            train_texts=[texts[place] for place in fold.train],
            train_actual=self.actual[fold.train],
            test_texts=[texts[place] for place in fold.test],
            label_count=len(self.labels),
            is_korean=self.is_korean,
            seed=seed,
        )


def _text(row: HistoryRow) -> str:
    product = f"product_{row.product}" if row.product else ""
    return "\n".join(part for part in (product, row.subject, row.body) if part)


# --- the sets ---------------------------------------------------------------------------------------------------------


def read_it_service(datasets: Path, *, limit: int = 0) -> TicketSet:
    """The marked test split, on which others published."""
    marked = _history(
        datasets / "it_service_tickets_en" / "tickets.csv.gz",
        {"body": "Document", "category": "Topic_group"},
        keep="in_published_test",
    )
    is_test = np.array([word == "True" for word in marked.kept_columns["in_published_test"]])
    history, is_test = _limited(marked, is_test, limit=limit)
    folds = (_given(is_test),)
    return replace(ticket_set("it_service_tickets_en", history, folds=folds), shows_near_duplicates=True)


def read_endava(datasets: Path, *, limit: int = 0) -> TicketSet:
    """Routing to business services, on the split of its publishers."""
    parts = [endava_part(datasets, name) for name in ("train", "test")]
    is_test = np.repeat([False, True], [len(part.rows) for part in parts])
    history, is_test = _limited(joined(parts), is_test, limit=limit)
    return ticket_set("endava_business_service", history, folds=(_given(is_test),))


def endava_part(datasets: Path, name: str) -> HistoryTable:
    """Return the tickets of the `train` or the `test` file."""
    path = datasets / "endava_tickets_en" / f"business_service_{name}.csv.gz"
    return _history(path, {"subject": "title", "category": "business_service"}, prefix=f"{name}-")


def read_aivle_inquiry(datasets: Path, *, limit: int = 0) -> TicketSet:
    """Korean inquiries, five stratified folds."""
    path = datasets / "aivle_inquiry_ko" / "inquiries.csv"
    history, _ = _limited(_history(path, {"body": "text", "category": "label"}, prefix="inquiry-"), None, limit=limit)
    return ticket_set("aivle_inquiry_ko", history, is_korean=True)


def read_nasa(datasets: Path, *, limit: int = 0) -> TicketSet:
    """Severities 2 to 5 of all projects together, five stratified folds; severity 1 has a single ticket."""
    columns = {"id": "TIM_Id", "subject": "Subject", "body": "Description", "product": "project"}
    whole = _history(datasets / "nasa_pits_en" / "issues.csv.gz", columns | {"priority": "Severity"})
    kept = [row.priority in ("2", "3", "4", "5") for row in whole.rows]
    history, _ = _limited(_at(whole, np.flatnonzero(kept)), None, limit=limit)
    return ticket_set("nasa_pits_en", history, target="priority", is_ordinal=True)


TICKET_SETS: Mapping[str, Callable[..., TicketSet]] = {
    "it_service_tickets_en": read_it_service,
    "endava_business_service": read_endava,
    "aivle_inquiry_ko": read_aivle_inquiry,
    "nasa_pits_en": read_nasa,
}


# --- how they are made ------------------------------------------------------------------------------------------------


def _history(path: Path, columns: Mapping[str, str], *, keep: str = "", prefix: str = "") -> HistoryTable:
    mapping = ColumnMapping.from_options([f"{name}={of}" for name, of in columns.items()], known_fields=TICKET_FIELDS)
    history = read_history(path, mapping=mapping, keep_columns=[keep] if keep else [])
    return replace(history, rows=tuple(replace(row, id=f"{prefix}{row.id}") for row in history.rows))


def joined(parts: Sequence[HistoryTable]) -> HistoryTable:
    """Return several histories as one."""
    return replace(
        parts[0],
        rows=tuple(row for part in parts for row in part.rows),
        lines=tuple(line for part in parts for line in part.lines),
        read_count=sum(part.read_count for part in parts),
    )


def _at(history: HistoryTable, places: Integers) -> HistoryTable:
    return replace(
        history,
        rows=tuple(history.rows[place] for place in places),
        lines=tuple(history.lines[place] for place in places),
        kept_columns={},
    )


def sampled(history: HistoryTable, count: int) -> HistoryTable:
    """Return so many tickets of a history, drawn at random with a fixed seed, in its own order."""
    return _at(history, _sample(len(history.rows), count))


def _sample(size: int, count: int) -> Integers:
    return np.sort(np.random.default_rng(_SPLIT_SEED).permutation(size)[:count])


def _limited(history: HistoryTable, is_test: Marks | None, *, limit: int) -> tuple[HistoryTable, Marks]:
    """Return the history of a trial run, and which of its tickets are the test."""
    marks = np.zeros(len(history.rows), np.bool_) if is_test is None else is_test
    places = _sample(len(history.rows), limit or len(history.rows))
    return _at(history, places), marks[places]


def _given(is_test: Marks) -> Fold:
    return Fold("given split", np.flatnonzero(~is_test), np.flatnonzero(is_test))


def ticket_set(
    name: str,
    history: HistoryTable,
    *,
    target: str = "category",
    folds: tuple[Fold, ...] | None = None,
    is_korean: bool = False,
    is_ordinal: bool = False,
) -> TicketSet:
    """Return a history as a set, on five stratified folds where no others are given."""
    names = [str(getattr(row, target)) for row in history.rows]
    labels = tuple(sorted(set(names)))
    number = {label: place for place, label in enumerate(labels)}
    actual = np.array([number[label] for label in names], np.int64)
    return TicketSet(name, history, target, labels, actual, folds or stratified(actual), is_korean, is_ordinal)


def stratified(actual: Integers) -> tuple[Fold, ...]:
    """Return five stratified folds of seed 0."""
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=_SPLIT_SEED).split(np.zeros(len(actual)), actual)
    return tuple(Fold(f"fold {number} of {FOLDS}", *part) for number, part in enumerate(parts, start=1))
