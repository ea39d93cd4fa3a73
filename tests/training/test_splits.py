"""A history is split as given, by time, or stratified with near duplicates together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from features.errors import HistoryError
from features.history import HistoryRow
from training.near_duplicates import near_duplicate_groups
from training.splits import Split, SplitKind, split_history

_START = datetime(2026, 4, 1, tzinfo=UTC)
_LABELS = [("network", "email", "hardware")[number % 3] for number in range(600)]


def _rows(*, dated: bool, count: int = 600) -> list[HistoryRow]:
    """Return tickets, one every six hours where they are dated, in an order that is not that of time."""
    order = np.random.default_rng(0).permutation(count)
    return [
        HistoryRow(id=f"{number}", created_at=_START + timedelta(hours=6 * int(place)) if dated else None)
        for number, place in enumerate(order)
    ]


def _texts(*, count: int = 600) -> list[str]:
    """Return texts of which every fifth is the one before it with a word added."""
    rng = np.random.default_rng(1)
    texts: list[str] = []
    for number in range(count):
        fresh = " ".join(f"w{word}" for word in rng.integers(0, 3000, size=12))
        texts.append(f"{texts[-1]} please" if number % 5 == 4 else fresh)
    return texts


def _parts(split: Split) -> list[set[int]]:
    return [set(part.tolist()) for part in (split.train, split.evidence, split.test, split.dropped)]


def _assert_complete(split: Split, *, count: int = 600) -> None:
    parts = _parts(split)
    assert sum(len(part) for part in parts) == count
    assert set.union(*parts) == set(range(count))


def test_without_dates_near_duplicates_stay_on_one_side() -> None:
    """A stratified split is complete, its parts are disjoint, and no group of near duplicates crosses it."""
    texts = _texts()
    split = split_history(_rows(dated=False), texts=texts, labels=_LABELS, seed=3)
    _assert_complete(split)
    assert (split.kind, split.warnings, len(split.dropped)) == (SplitKind.STRATIFIED, (), 0)
    assert abs(len(split.test) - 90) <= 6
    assert abs(len(split.evidence) - 90) <= 6
    groups = near_duplicate_groups(texts)
    assert len(set(groups.tolist())) == 480
    sides = [set(groups[part].tolist()) for part in (split.train, split.evidence, split.test)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_a_stratified_split_follows_its_seed() -> None:
    """One seed gives one split, another gives another."""
    splits = [split_history(_rows(dated=False), texts=_texts(), labels=_LABELS, seed=seed) for seed in (1, 1, 2)]
    assert _parts(splits[0]) == _parts(splits[1]) != _parts(splits[2])


def test_a_large_group_of_near_duplicates_is_reported() -> None:
    """A text that a tenth of the tickets share goes to training with a warning."""
    texts = [
        *_texts(count=540),
        *[f"the nightly backup of the file server has failed again {'!' * n}" for n in range(60)],
    ]
    split = split_history(_rows(dated=False), texts=texts, labels=_LABELS, seed=0)
    assert set(range(540, 600)) <= set(split.train.tolist())
    assert split.warnings == (
        "Tickets in groups of near duplicates larger than 5% of the history: 60; they were put into the training part.",
    )


def test_with_dates_the_latest_tickets_are_the_test() -> None:
    """Training comes before evidence, evidence before the test, each with its share."""
    rows = _rows(dated=True)
    split = split_history(rows, texts=_texts(), labels=_LABELS, seed=0)
    _assert_complete(split)
    assert split.kind is SplitKind.BY_TIME
    assert (len(split.train), len(split.evidence), len(split.test)) == (420, 90, 90)
    times = [[rows[row].created_at for row in part] for part in (split.train, split.evidence, split.test)]
    assert max(times[0]) < min(times[1])
    assert max(times[1]) < min(times[2])


def test_tickets_of_one_moment_stay_on_one_side() -> None:
    """Where only the day is known, a cut falls between days."""
    rows = [HistoryRow(id=f"{number}", created_at=_START + timedelta(days=number // 7)) for number in range(600)]
    split = split_history(rows, texts=_texts(), labels=_LABELS, seed=0)
    days = [{rows[row].created_at for row in part} for part in (split.train, split.evidence, split.test)]
    assert not days[0] & days[1]
    assert not days[1] & days[2]
    assert abs(len(split.test) - 90) <= 4


def test_a_day_too_large_to_stay_whole_is_cut() -> None:
    """Shares matter more than days where a day holds a good part of the tickets."""
    days = [*range(20), *[20] * 580]
    rows = [HistoryRow(id=f"{number}", created_at=_START + timedelta(days=day)) for number, day in enumerate(days)]
    split = split_history(rows, texts=_texts(), labels=_LABELS, seed=0)
    assert (len(split.train), len(split.evidence), len(split.test)) == (420, 90, 90)


def test_only_repeats_within_a_day_are_dropped_by_time() -> None:
    """A text or an id that comes again within 24 hours is dropped; a ticket that recurs later stays."""
    rows = _rows(dated=True)
    by_time = sorted(range(600), key=lambda row: rows[row].created_at or _START)
    texts = _texts()
    texts[by_time[101]] = f" {texts[by_time[100]].upper()} "
    texts[by_time[200]] = texts[by_time[100]]
    rows[by_time[304]] = HistoryRow(id=rows[by_time[300]].id, created_at=rows[by_time[304]].created_at)
    rows[by_time[405]] = HistoryRow(id=rows[by_time[400]].id, created_at=rows[by_time[405]].created_at)
    split = split_history(rows, texts=texts, labels=_LABELS, seed=0)
    _assert_complete(split)
    assert set(split.dropped.tolist()) == {by_time[101], by_time[304]}
    assert split.warnings == ("Repeats of an id or a text within 24 hours: 2; they were dropped.",)


def test_a_few_tickets_without_a_date_are_trained_on() -> None:
    """Up to a twentieth of the tickets may lack a date; more, and the split is not by time."""
    rows = _rows(dated=True)
    undated = [HistoryRow(id=row.id) if number < 20 else row for number, row in enumerate(rows)]
    split = split_history(undated, texts=_texts(), labels=_LABELS, seed=0)
    assert set(range(20)) <= set(split.train.tolist())
    assert split.warnings == ("Tickets without a date: 20; they were put into the training part.",)
    undated = [HistoryRow(id=row.id) if number < 40 else row for number, row in enumerate(rows)]
    assert split_history(undated, texts=_texts(), labels=_LABELS, seed=0).kind is SplitKind.STRATIFIED


def test_a_few_days_are_no_time_line() -> None:
    """Tickets of a single week, such as an export stamped with its own date, are split without time."""
    rows = [HistoryRow(id=f"{number}", created_at=_START + timedelta(days=number % 5)) for number in range(600)]
    assert split_history(rows, texts=_texts(), labels=_LABELS, seed=0).kind is SplitKind.STRATIFIED


@pytest.mark.parametrize("words", [("True", "False"), ("1", "0"), ("test", "train"), ("TEST ", "training")])
@pytest.mark.parametrize("dated", [True, False])
def test_a_given_test_part_is_kept(words: tuple[str, str], dated: bool) -> None:
    """The rows named as test are the test, and evidence is drawn from the rest in the usual proportion."""
    given = [words[0] if number % 5 == 0 else words[1] for number in range(600)]
    rows = _rows(dated=dated)
    split = split_history(rows, texts=_texts(), labels=_LABELS, seed=0, given=given)
    _assert_complete(split)
    assert split.kind is SplitKind.GIVEN
    assert split.test.tolist() == list(range(0, 600, 5))
    assert abs(len(split.evidence) - 480 * 0.15 / 0.85) <= 4
    if dated:
        times = [[rows[row].created_at for row in part] for part in (split.train, split.evidence)]
        assert max(times[0]) < min(times[1])


def test_given_evidence_is_kept_too() -> None:
    """A split that names its evidence is taken as it is."""
    given = [("test", "validation", "train", "train")[number % 4] for number in range(600)]
    split = split_history(_rows(dated=True), texts=_texts(), labels=_LABELS, seed=0, given=given)
    _assert_complete(split)
    assert split.evidence.tolist() == list(range(1, 600, 4))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"] * 600, "The given split names no test ticket"),
        (["test"] * 600, "The given split names no training ticket"),
        (["test", "maybe"] * 300, "'maybe' names no part of a split. Expected true or false, 1 or 0, test"),
        (["test", ""] * 300, "'' names no part of a split"),
    ],
)
def test_a_given_split_that_cannot_be_used_is_refused(words: list[str], message: str) -> None:
    """A given split needs both of its parts, in words that are known."""
    with pytest.raises(HistoryError) as failure:
        split_history(_rows(dated=False), texts=_texts(), labels=_LABELS, seed=0, given=words)
    assert message in str(failure.value)


def test_too_few_tickets_cannot_be_split() -> None:
    """Two tickets leave a part empty, which is said."""
    with pytest.raises(HistoryError, match=r"The split leaves no ticket for the evidence part: 2 tickets were split"):
        split_history([HistoryRow(id="1"), HistoryRow(id="2")], texts=["a b", "c d"], labels=["x", "x"], seed=0)


def test_tickets_without_a_text_are_no_repeats() -> None:
    """A history without any text is split by time with nothing dropped, but for repeats of an id."""
    rows = _rows(dated=True)
    rows[7] = replace(rows[7], id="repeated")
    at = rows[7].created_at
    assert at is not None
    rows[8] = replace(rows[8], id="repeated", created_at=at + timedelta(hours=1))
    split = split_history(rows, texts=[""] * 600, labels=_LABELS, seed=3)
    _assert_complete(split)
    assert (split.kind, split.dropped.tolist()) == (SplitKind.BY_TIME, [8])
