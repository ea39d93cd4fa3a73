"""Figures of an outcome, and what chance alone does to them: bootstrap over tickets, the same draws for every method.

The calibration error is the product's own: top label, 15 bins of equal mass, over the pooled held-out predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from head_to_head.outcomes import LabelOutcome, Outcome, SearchOutcome
from head_to_head.tasks import DEPTH, Floats, Integers
from training.calibration import calibration_error
from training.evaluation import macro_f1

DRAWS = 1_000
_INTERVAL = (2.5, 97.5)
# A probability of zero for what came true would cost infinitely much.
_LEAST_PROBABILITY = 1e-15
# Of these figures less is better.
LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error"})


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure, its values over the bootstrap's draws, and the interval that 95 % of them fill."""

    value: float
    draws: Floats

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval."""
        low, high = np.percentile(self.draws, _INTERVAL)
        return float(low), float(high)

    def above(self, other: Measured) -> Measured:
        """Return the paired difference to another method's figure on the same tickets."""
        return Measured(self.value - other.value, self.draws - other.draws)


def measure(outcome: Outcome, *, is_ordinal: bool = False) -> dict[str, Measured]:
    """Return the figures of an outcome with their bootstrap."""
    columns = _columns(outcome)
    size = len(columns[0])
    random = np.random.default_rng(0)
    value = _figures(columns, outcome, is_ordinal=is_ordinal)
    drawn = [
        _figures([column[places] for column in columns], outcome, is_ordinal=is_ordinal)
        for places in (random.integers(0, size, size) for _ in range(DRAWS))
    ]
    return {name: Measured(value[name], np.array([draw[name] for draw in drawn])) for name in value}


def figures(outcome: Outcome, *, is_ordinal: bool = False) -> dict[str, float]:
    """Return the figures of an outcome."""
    return _figures(_columns(outcome), outcome, is_ordinal=is_ordinal)


def _columns(outcome: Outcome) -> list[NDArray[Any]]:
    """Return one value a ticket of all that figures are made of."""
    if isinstance(outcome, SearchOutcome):
        return [outcome.ranks]
    likelihood = outcome.probabilities[np.arange(len(outcome.actual)), outcome.actual]
    return [outcome.predicted, outcome.actual.astype(np.int64), likelihood, outcome.confidence]


def _figures(columns: Sequence[NDArray[Any]], outcome: Outcome, *, is_ordinal: bool) -> dict[str, float]:
    if isinstance(outcome, SearchOutcome):
        return _search_figures(columns[0])
    predicted, actual, likelihood, confidence = columns
    count = len(outcome.labels)
    found = {
        "accuracy": float((predicted == actual).mean()),
        "macro_f1": macro_f1(predicted.astype(np.int32), actual.astype(np.int32), label_count=count),
        "log_loss": float(-np.log(np.maximum(likelihood, _LEAST_PROBABILITY)).mean()),
        "calibration_error": calibration_error(confidence, predicted == actual),
    }
    if is_ordinal:
        found["quadratic_kappa"] = quadratic_kappa(predicted, actual, label_count=count)
    return found


def quadratic_kappa(predicted: Integers, actual: Integers, *, label_count: int) -> float:
    """Return Cohen's kappa with quadratic weights: agreement beyond chance, a miss by two steps counting four times."""
    table = np.bincount(actual * label_count + predicted, minlength=label_count**2).reshape(label_count, label_count)
    steps = np.arange(label_count)
    weights = (steps[:, None] - steps[None, :]) ** 2
    by_chance = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    expected = float((weights * by_chance).sum())
    return 1.0 - float((weights * table).sum()) / expected if expected else 1.0


def _search_figures(ranks: Integers) -> dict[str, float]:
    recalls = {f"recall_at_{depth}": float((ranks < depth).mean()) for depth in (1, 5, 10)}
    return recalls | {"mrr_at_10": float(np.where(ranks < DEPTH, 1 / (ranks + 1.0), 0.0).mean())}


def noise_of_calibration(outcome: LabelOutcome) -> tuple[float, float]:
    """Return what the calibration error would be were the probabilities exact: its mean, and 97.5 % of chances.

    With finitely many tickets it is never zero; an error below the second figure is within noise of zero.
    """
    random = np.random.default_rng(0)
    confidence = outcome.confidence
    errors = [calibration_error(confidence, random.random(len(confidence)) < confidence) for _ in range(DRAWS)]
    return float(np.mean(errors)), float(np.percentile(errors, _INTERVAL[1]))


def figures_by_label(outcome: LabelOutcome) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and the number of tickets of every label."""
    table = {}
    for number, label in enumerate(outcome.labels):
        hits = int(((outcome.predicted == number) & (outcome.actual == number)).sum())
        claimed, present = int((outcome.predicted == number).sum()), int((outcome.actual == number).sum())
        table[label] = {
            "tickets": present,
            "precision": hits / max(claimed, 1),
            "recall": hits / max(present, 1),
            "f1": 2 * hits / max(claimed + present, 1),
        }
    return table


def outcomes_by_language(outcome: LabelOutcome) -> Mapping[str, LabelOutcome]:
    """Return the tickets of each language."""
    chosen: dict[str, NDArray[np.bool_]] = {
        str(name): outcome.languages == name for name in np.unique(outcome.languages)
    }
    return {name: outcome.at(of_language) for name, of_language in chosen.items()}
