"""Splits a history into what is learned from, the evidence for thresholds, and the final test.

A given split first, else by time where there are dates, else stratified with near duplicates kept together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.errors import HistoryError
from features.history import HistoryRow
from training.near_duplicates import IntArray, near_duplicate_groups
from training.stratification import LARGEST_GROUP_SHARE, TRAIN, stratified_parts

EVIDENCE, TEST, DROPPED = 1, 2, -1
FloatArray: TypeAlias = NDArray[np.float64]
_DATED_SHARE = 0.95
_FEWEST_DAYS = 8
_REPEATED_WITHIN = timedelta(hours=24)
# A cut moves by up to this share of the tickets, so that tickets of one moment stay on one side.
_CUT_TOLERANCE = 0.02
_PART_OF_WORD = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "test", "holdout"), TEST),
    **dict.fromkeys(("false", "0", "0.0", "no", "train", "training"), TRAIN),
    **dict.fromkeys(("evidence", "validation", "valid", "val", "dev", "calibration"), EVIDENCE),
}


class SplitKind(StrEnum):
    """How the test part was chosen."""

    GIVEN = "given"
    BY_TIME = "by time"
    STRATIFIED = "stratified"


@dataclass(frozen=True, slots=True)
class Split:
    """The rows of each part, in the history's order; `dropped` are repeats that belong to none.

    `warnings` are sentences on rows that were treated otherwise than the rest.
    """

    train: IntArray
    evidence: IntArray
    test: IntArray
    dropped: IntArray
    kind: SplitKind
    warnings: tuple[str, ...] = ()


def split_history(
    rows: Sequence[HistoryRow],
    *,
    texts: Sequence[str],
    labels: Sequence[str | None],
    seed: int,
    given: Sequence[str] | None = None,
    evidence_share: float = 0.15,
    test_share: float = 0.15,
) -> Split:
    """Split the rows of a history; `texts` are their cleaned texts, `labels` those of the main target.

    `given` holds for each row a word for its part (true or 1 or test, false or 0 or train, evidence or
    validation). Evidence that it does not name is drawn from its training rows as it would be without
    it, in the same proportion. By time the latest rows are the test, those before them the evidence,
    and only repeats of an id or a text within 24 hours are dropped. Raises HistoryError where a part
    stays empty.
    """
    shares = {TEST: test_share, EVIDENCE: evidence_share}
    if given is not None:
        drawn = _given(rows, texts, labels, given=given, evidence_share=evidence_share / (1 - test_share), seed=seed)
    elif _has_dates(rows):
        drawn = _by_time_without_repeats(rows, texts, shares=shares)
    else:
        drawn = _stratified(texts, labels, shares=shares, seed=seed)
    return _split(drawn)


@dataclass(frozen=True, slots=True)
class _Drawn:
    part: IntArray
    kind: SplitKind
    warnings: tuple[str, ...] = ()


def _split(drawn: _Drawn) -> Split:
    parts = {number: np.flatnonzero(drawn.part == number) for number in (TRAIN, EVIDENCE, TEST, DROPPED)}
    for number, name in ((TRAIN, "training"), (EVIDENCE, "evidence"), (TEST, "test")):
        if not len(parts[number]):
            raise HistoryError(
                f"The split leaves no ticket for the {name} part: {len(drawn.part):,} tickets were split {drawn.kind}. "
                "Add tickets, or state another split."
            )
    return Split(parts[TRAIN], parts[EVIDENCE], parts[TEST], parts[DROPPED], drawn.kind, drawn.warnings)


def _given(
    rows: Sequence[HistoryRow],
    texts: Sequence[str],
    labels: Sequence[str | None],
    *,
    given: Sequence[str],
    evidence_share: float,
    seed: int,
) -> _Drawn:
    part = np.array([_part_of(word) for word in given], np.int64)
    for number, name in ((TEST, "test"), (TRAIN, "training")):
        if number not in part:
            raise HistoryError(
                f"The given split names no {name} ticket: its column needs true or test, and false or train."
            )
    if EVIDENCE in part:
        return _Drawn(part, SplitKind.GIVEN)
    rest = np.flatnonzero(part == TRAIN).tolist()
    rest_rows, shares = [rows[row] for row in rest], {EVIDENCE: evidence_share}
    if _has_dates(rest_rows):
        drawn = _by_time(rest_rows, shares=shares)
    else:
        drawn = _stratified([texts[row] for row in rest], [labels[row] for row in rest], shares=shares, seed=seed)
    part[rest] = drawn.part
    return _Drawn(part, SplitKind.GIVEN, drawn.warnings)


def _part_of(word: str) -> int:
    part = _PART_OF_WORD.get(word.strip().casefold())
    if part is None:
        raise HistoryError(
            f"'{word[:60]}' names no part of a split. "
            "Expected true or false, 1 or 0, test, train, evidence or validation."
        )
    return part


def _has_dates(rows: Sequence[HistoryRow]) -> bool:
    days = {row.created_at.date() for row in rows if row.created_at is not None}
    dated = sum(row.created_at is not None for row in rows)
    return dated >= _DATED_SHARE * len(rows) and len(days) >= _FEWEST_DAYS


def _by_time(rows: Sequence[HistoryRow], *, shares: Mapping[int, float]) -> _Drawn:
    """Put the latest rows into the first part of `shares`, those before them into the next, the rest to training."""
    seconds = np.array([np.nan if row.created_at is None else row.created_at.timestamp() for row in rows])
    order = np.argsort(seconds, kind="stable")
    order = order[: np.count_nonzero(~np.isnan(seconds))]
    part = np.full(len(rows), TRAIN)
    end, share_after = len(order), 0.0
    for number, share in shares.items():
        share_after += share
        start = min(_cut(seconds[order], at=round(len(order) * (1 - share_after))), end)
        part[order[start:end]] = number
        end = start
    undated = len(rows) - len(order)
    warnings = (f"Tickets without a date: {undated:,}; they were put into the training part.",) if undated else ()
    return _Drawn(part, SplitKind.BY_TIME, warnings)


def _by_time_without_repeats(
    rows: Sequence[HistoryRow], texts: Sequence[str], *, shares: Mapping[int, float]
) -> _Drawn:
    repeats = _repeats(rows, texts)
    kept = np.setdiff1d(np.arange(len(rows)), repeats)
    drawn = _by_time([rows[row] for row in kept.tolist()], shares=shares)
    part = np.full(len(rows), DROPPED)
    part[kept] = drawn.part
    warning = f"Repeats of an id or a text within 24 hours: {len(repeats):,}; they were dropped."
    return _Drawn(part, drawn.kind, (*drawn.warnings, warning) if len(repeats) else drawn.warnings)


def _cut(seconds: FloatArray, *, at: int) -> int:
    """Return the place near `at` that parts no two equal moments, or `at` where none is near."""
    if not 0 < at < len(seconds):
        return at
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    edges = [int(np.searchsorted(seconds, seconds[at], side=side)) for side in sides]
    nearest = min(edges, key=lambda edge: abs(edge - at))
    return nearest if abs(nearest - at) <= _CUT_TOLERANCE * len(seconds) and nearest < len(seconds) else at


def _repeats(rows: Sequence[HistoryRow], texts: Sequence[str]) -> IntArray:
    """Return the rows whose id or text stands in another row of the 24 hours before."""
    dated = [(row.created_at, number) for number, row in enumerate(rows) if row.created_at is not None]
    last: dict[tuple[str, str], datetime] = {}
    repeats = []
    for moment, number in sorted(dated):
        wording = " ".join(texts[number].casefold().split())
        # Tickets without a text are no repeats of each other.
        keys = (("id", rows[number].id), *([("text", wording)] if wording else []))
        if any(key in last and moment - last[key] <= _REPEATED_WITHIN for key in keys):
            repeats.append(number)
        last.update(dict.fromkeys(keys, moment))
    return np.array(repeats, np.int64)


def _stratified(
    texts: Sequence[str], labels: Sequence[str | None], *, shares: Mapping[int, float], seed: int
) -> _Drawn:
    dealt = stratified_parts(near_duplicate_groups(texts), labels, shares=shares, seed=seed)
    if not dealt.oversized_count:
        return _Drawn(dealt.part, SplitKind.STRATIFIED)
    warning = (
        f"Tickets in groups of near duplicates larger than {LARGEST_GROUP_SHARE:.0%} of the history: "
        f"{dealt.oversized_count:,}; they were put into the training part."
    )
    return _Drawn(dealt.part, SplitKind.STRATIFIED, (warning,))
