"""What a model of a scale is worth: agreement that counts the steps, what mistakes cost, whether the top is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.costs import cost_matrix, least_costly
from features.evidence import Evidence
from features.taxonomy import Target
from features.vectorizer import FloatArray, IntArray

# How many of those said to stand at the top must be there: one of two, four of five.
TOP_PRECISIONS = (0.5, 0.8)


def evaluate_scale(target: Target, evidence: Evidence, *, baseline: FloatArray) -> dict[str, Any]:
    """Return the figures of an ordinal target's test part, the plain baseline's beside them.

    `baseline` are its scores, (tickets, labels). The figures named `advised` are those of the labels of least
    expected cost, all others those of the most probable ones.
    """
    figures: dict[str, Any] = _figures(target, evidence.probabilities, evidence.actual)
    if target.costs is not None:
        advised = least_costly(evidence.probabilities, target, target.costs)
        differs = {"advised_differs": float((advised != evidence.predicted).mean())}
        figures |= differs | {f"advised_{name}": value for name, value in _mistakes(target, advised, evidence.actual)}
    return figures | {"baseline": _figures(target, baseline, evidence.actual)}


def _figures(target: Target, scores: FloatArray, actual: IntArray) -> dict[str, float]:
    predicted = scores.argmax(axis=1).astype(np.int32)
    top = int(np.argmax(target.heights))
    figures = {"quadratic_kappa": quadratic_kappa(predicted, actual, label_count=len(target.labels))}
    figures |= dict(_mistakes(target, predicted, actual))
    if (actual == top).any():
        for precision in TOP_PRECISIONS:
            recall = recall_at_precision(scores[:, top], actual == top, precision=precision)
            figures[f"top_recall_at_precision_{100 * precision:.0f}"] = recall
    return figures


def _mistakes(target: Target, said: IntArray, actual: IntArray) -> Iterator[tuple[str, float]]:
    """Yield by how many steps labels are off, in which direction, and what that costs where costs are stated."""
    heights = np.array(target.heights)
    steps = heights[said] - heights[actual]
    yield "mean_steps", float(np.abs(steps).mean())
    yield "too_low", float((steps < 0).mean())
    yield "too_high", float((steps > 0).mean())
    if target.costs is not None:
        yield "mean_cost", float(cost_matrix(target, target.costs)[actual, said].mean())


def quadratic_kappa(predicted: IntArray, actual: IntArray, *, label_count: int) -> float:
    """Return Cohen's kappa with squared steps as weights: 1 for full agreement, 0 for what chance would give.

    It is 0 where all labels, said and actual, are one and the same, so that there is nothing to agree on.
    """
    together = np.zeros((label_count, label_count))
    np.add.at(together, (actual, predicted), 1)
    by_chance = np.outer(together.sum(axis=1), together.sum(axis=0)) / len(actual)
    steps = np.arange(label_count)
    weights = (steps[:, None] - steps[None, :]) ** 2
    expected = float((weights * by_chance).sum())
    return 1 - float((weights * together).sum()) / expected if expected > 0 else 0.0


def recall_at_precision(scores: FloatArray, is_wanted: NDArray[np.bool_], *, precision: float) -> float:
    """Return the largest share of the wanted tickets that a threshold on the scores finds at this precision.

    Read off the tickets themselves, so a little too good where few are wanted, for every model alike.
    """
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(is_wanted[order])
    chosen = np.arange(1, len(order) + 1)
    # A threshold cannot part tickets of one score.
    is_last = np.append(np.diff(scores[order]) != 0, True)
    enough = is_last & (found >= precision * chosen)
    return float(found[enough].max(initial=0) / is_wanted.sum())
