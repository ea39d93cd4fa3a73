"""From which confidence on a model keeps an error rate: Learn then Test over a fixed row of thresholds.

Owns the row, the exact test of one threshold and the order in which they are tested. Must not know what is promised
to whom. The row is made from the error rate alone. It is tested in one fixed sequence, from strict to loose, until a
test fails. The first one that breaks the rate passes with no more than the doubt, and nothing wrong happens before it:
so the doubt need not be divided among the thresholds, and all that passed hold together (Angelopoulos, Bates, Candes,
Jordan and Lei, "Learn then Test", fixed sequence testing).

Where the sequence begins is chosen by confidences alone, without a look at what was right: a start so strict that a
single unlucky ticket ends it would buy nothing, one too loose would fail outright.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from features.vectorizer import FloatArray, IntArray

# Below even odds nothing runs unattended, whatever the evidence.
_LOOSEST = 0.5
_STRICTEST = 0.999
# Thresholds for each tenth of the distance to certainty, evenly on a logarithmic scale.
_STEPS_PER_TENTH = 12
_DECIMALS = 4
# Models are a little too sure of themselves: the start is chosen as if they were wrong this many times as often as
# their confidence says. Between 1.25 and 3 the share that a promise bought was the same on the public sets.
_PESSIMISM = 1.5
# Of the thresholds that passed the loosest is taken that would have passed with so small a part of the doubt, or else
# the strictest. On the public sets this took an eighth of the share at most, and of the promises of 2 % that were made
# on evidence that barely allows them one in forty was not kept on other tickets, where it had been one in six.
_CLEARLY = 0.1


def threshold_row(largest_error: float) -> FloatArray:
    """Return the thresholds that are tested for an error rate, from strict to loose; no ticket has a part in them."""
    most = math.ceil(_STEPS_PER_TENTH * math.log10((1 - _LOOSEST) / largest_error))
    least = math.floor(_STEPS_PER_TENTH * math.log10((1 - _STRICTEST) / largest_error))
    steps = np.arange(min(least, 0), max(most, 0) + 1)
    row = 1 - largest_error * 10.0 ** (steps / _STEPS_PER_TENTH)
    return np.unique(np.clip(row.round(_DECIMALS), _LOOSEST, None))[::-1]


def least_tickets(largest_error: float, *, doubt: float) -> int:
    """Return the fewest tickets that can show an error rate, none of them wrong."""
    return math.ceil(math.log(doubt) / math.log1p(-largest_error) - 1e-9)


def p_values(chosen: IntArray, wrong: IntArray, largest_error: float) -> FloatArray:
    """Return, for each threshold, the chance of so few wrong among so many chosen if the error rate were exceeded.

    It is the largest such chance, that of a rate just at the limit; exact, by the binomial distribution.
    """
    return np.where(chosen > 0, bdtr(wrong.astype(np.float64), np.maximum(chosen, 1), largest_error), 1.0)


def loosest_kept(
    row: FloatArray,
    confidence: FloatArray,
    is_wrong: NDArray[np.bool_],
    *,
    largest_error: float,
    doubt: float,
    other_values: FloatArray | None = None,
) -> float | None:
    """Return the loosest threshold of a row that clearly keeps the error rate but for the doubt, or None.

    `other_values` are the test values of another demand on the same thresholds: both must be met, and a threshold
    fails where either does, which needs no further division of the doubt.
    """
    chosen = counted(row, confidence, np.ones(len(confidence), np.bool_))
    values = p_values(chosen, counted(row, confidence, is_wrong), largest_error)
    if other_values is not None:
        values = np.maximum(values, other_values)
    start = _start(confidence, chosen, largest_error=largest_error, doubt=doubt)
    passed = int(np.argmax(np.append(values[start:] > doubt, True)))
    return _not_stretched(row[start : start + passed], values[start : start + passed], doubt=doubt)


def _not_stretched(row: FloatArray, values: FloatArray, *, doubt: float) -> float | None:
    """Return one of the thresholds that passed, from strict to loose: the loosest owes the most to luck."""
    if not len(row):
        return None
    clear = np.flatnonzero(values <= _CLEARLY * doubt)
    return float(row[clear[-1] if len(clear) else 0])


def counted(row: FloatArray, confidence: FloatArray, is_counted: NDArray[np.bool_]) -> IntArray:
    """Return how many of the tickets that count are at or above each threshold."""
    ordered = np.sort(confidence[is_counted])
    return np.asarray(len(ordered) - np.searchsorted(ordered, row, side="left"), np.int64)


def _start(confidence: FloatArray, chosen: IntArray, *, largest_error: float, doubt: float) -> int:
    """Return the place of the threshold whose test is most likely to pass, judged by confidences alone."""
    ordered = np.sort(1 - confidence)
    expected = np.concatenate([[0.0], np.cumsum(ordered)])[chosen] / np.maximum(chosen, 1)
    most_wrong = _most_wrong(chosen, largest_error, doubt)
    passing = bdtr(np.maximum(most_wrong, 0.0), np.maximum(chosen, 1), np.minimum(_PESSIMISM * expected, 1.0))
    return int(np.where(most_wrong >= 0, passing, -1.0).argmax())


def _most_wrong(chosen: IntArray, largest_error: float, doubt: float) -> FloatArray:
    """Return the most wrong among the chosen with which the test passes, -1 where none does."""
    most = np.floor(chosen * largest_error)
    while True:
        fails = (most >= 0) & (p_values(chosen, np.maximum(most, 0).astype(np.int64), largest_error) > doubt)
        if not fails.any():
            return np.asarray(most, np.float64)
        most = np.where(fails, most - 1, most)
