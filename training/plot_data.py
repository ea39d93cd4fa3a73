"""The numbers behind the figures of a run; knows nothing of how they are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from features.evidence import Evidence
from features.vectorizer import FloatArray
from training.calibration import calibration_error

_MOST_LABELS_IN_A_MATRIX = 20
_MOST_LABELS_OVER_TIME = 7
_BINS = 15
_FEWEST_IN_A_BIN = 10
_FEWEST_MONTHS = 3
_NORMAL_QUANTILE = 1.959964


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each actual label (rows) was given each predicted one; `note` says what was left out."""

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    note: str = ""

    @property
    def shares(self) -> FloatArray:
        """The counts as shares of their row; a row without tickets is zero."""
        totals = np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        return np.asarray(self.counts / totals, np.float64)


def most_confused(evidence: Evidence) -> Confusion:
    """Return the confusion of all labels, or of those most often confused where there are too many to read."""
    count = len(evidence.labels)
    counts = np.zeros((count, count), np.int64)
    np.add.at(counts, (evidence.actual, evidence.predicted), 1)
    if count <= _MOST_LABELS_IN_A_MATRIX:
        return Confusion(evidence.labels, counts)
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    shown = np.sort(np.argsort(-errors, kind="stable")[: _MOST_LABELS_IN_A_MATRIX - 1])
    rest = np.setdiff1d(np.arange(count), shown)
    merged = np.zeros((len(shown) + 1, len(shown) + 1), np.int64)
    merged[:-1, :-1] = counts[np.ix_(shown, shown)]
    merged[:-1, -1] = counts[np.ix_(shown, rest)].sum(axis=1)
    merged[-1, :-1] = counts[np.ix_(rest, shown)].sum(axis=0)
    merged[-1, -1] = counts[np.ix_(rest, rest)].sum()
    names = (*(evidence.labels[number] for number in shown), f"{len(rest)} other labels")
    return Confusion(names, merged, f"\nthe {len(shown)} most confused of {count} labels")


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins of about equally many tickets, from the least to the most sure; all arrays are (bins,)."""

    confidence: FloatArray
    accuracy: FloatArray
    right: NDArray[np.int64]
    tickets: NDArray[np.int64]
    calibration_error: float


def equal_mass_bins(confidence: FloatArray, right: NDArray[np.bool_], *, most: int = _BINS) -> Bins:
    """Return how sure and how often right the tickets of each bin are; no bin holds fewer than ten if that can be."""
    count = max(1, min(most, len(confidence) // _FEWEST_IN_A_BIN))
    parts = [part for part in np.array_split(np.argsort(confidence, kind="stable"), count) if len(part)]
    hits = np.array([right[part].sum() for part in parts], np.int64)
    tickets = np.array([len(part) for part in parts], np.int64)
    means = np.array([confidence[part].mean() for part in parts])
    return Bins(means, hits / tickets, hits, tickets, calibration_error(confidence, right))


@dataclass(frozen=True, slots=True)
class Curve:
    """Tickets taken from the surest on: how many, how many of them right; all arrays are (steps,)."""

    taken: NDArray[np.int64]
    right: NDArray[np.int64]
    coverage: FloatArray

    @property
    def precision(self) -> FloatArray:
        """The share of the taken tickets that is right."""
        return self.right / self.taken


def precision_by_coverage(confidence: FloatArray, right: NDArray[np.bool_], *, fewest: int = 1) -> Curve:
    """Return the curve from `fewest` taken tickets on; tickets that are equally sure are taken together."""
    order = np.argsort(-confidence, kind="stable")
    is_last = np.append(np.diff(confidence[order]) != 0, [True])
    taken = np.flatnonzero(is_last) + 1
    taken = taken[taken >= min(fewest, len(confidence))]
    return Curve(taken, np.cumsum(right[order])[taken - 1].astype(np.int64), taken / len(confidence))


def wilson_interval(right: NDArray[np.int64], tickets: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Return the 95 % interval of a share after Wilson, lower and upper edge."""
    share, square = right / tickets, _NORMAL_QUANTILE**2
    middle = (share + square / (2 * tickets)) / (1 + square / tickets)
    spread = np.sqrt(share * (1 - share) / tickets + square / (4 * tickets**2))
    half = _NORMAL_QUANTILE * spread / (1 + square / tickets)
    return np.minimum(middle - half, share), np.maximum(middle + half, share)


@dataclass(frozen=True, slots=True)
class LabelShares:
    """The share of each label (labels, periods) and the number of tickets (periods,) in months or weeks.

    `rest` is the place of the rare labels, which are put together, or None.
    """

    unit: str
    periods: tuple[str, ...]
    labels: tuple[str, ...]
    shares: FloatArray
    tickets: tuple[int, ...]
    rest: int | None = None


def label_shares(dated: Sequence[tuple[datetime, str]], *, order: Sequence[str]) -> LabelShares | None:
    """Return the labels' shares over time, the rare ones as one; None where there is no time to speak of.

    By month, or by week where there are fewer than three months. A period with a tenth of the usual
    tickets or less is left out: its shares would be chance.
    """
    by_month = len({_month(moment) for moment, _ in dated}) >= _FEWEST_MONTHS
    period_of = _month if by_month else _week
    counts = Counter((period_of(moment), label) for moment, label in dated)
    periods, totals = _usual_periods(counts)
    if len(periods) < 2:
        return None
    shown, others = _frequent(dated, order=order)
    table = np.array([[counts[period, label] for period in periods] for label in (*shown, *others)]) / totals
    labels, rest = shown, None
    if others:
        rest = len(shown)
        table = np.vstack([table[:rest], table[rest:].sum(axis=0)])
        labels = [*shown, f"{len(others)} other labels"]
    unit = "month" if by_month else "week from"
    return LabelShares(unit, tuple(periods), tuple(labels), table, tuple(int(total) for total in totals), rest)


def _frequent(dated: Sequence[tuple[datetime, str]], *, order: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the labels that are shown, in their order, and the rarer ones that are too many to show."""
    found = [label for label, _ in Counter(label for _, label in dated).most_common()]
    shown = found if len(found) <= _MOST_LABELS_OVER_TIME + 1 else found[:_MOST_LABELS_OVER_TIME]
    return [label for label in order if label in shown], [label for label in found if label not in shown]


def _usual_periods(counts: Counter[tuple[str, str]]) -> tuple[list[str], FloatArray]:
    totals: Counter[str] = Counter()
    for (period, _), count in counts.items():
        totals[period] += count
    fewest = float(np.median(list(totals.values()))) / 10 if totals else 0.0
    periods = sorted(period for period, total in totals.items() if total > fewest)
    return periods, np.array([totals[period] for period in periods], np.float64)


def _month(moment: datetime) -> str:
    return moment.strftime("%Y-%m")


def _week(moment: datetime) -> str:
    return (moment - timedelta(days=moment.weekday())).strftime("%Y-%m-%d")
