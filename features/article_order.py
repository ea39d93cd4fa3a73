"""How articles are ordered, how likely each solves a ticket, and when none is worth showing.

Owns the choice between a weighted sum and trees, and what their values mean. Knows signals as columns of numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from features.article_lessons import Lessons
from features.article_trees import ArticleTrees, fit_trees
from features.article_weights import ArticleWeights, fit_weights
from features.lexical_index import Floats

_FOLDS = 3
# Four of five texts that no article answers get none, unless that would take the articles from more than one in twenty
# of the tickets that articles solved.
_UNANSWERED_REFUSED = 0.8
_SOLVED_REFUSED = 0.05
# Of tickets to come about one in twenty is taken to have no article.
_UNANSWERED_SHARE = 0.05
_LOGARITHM_OF_SHARPNESS = (-3.0, 2.3)
_LEAST_CHANCE = 1e-12
Bools = NDArray[np.bool_]


class _Fit(Protocol):
    def __call__(self, signals: Floats, *, solved: Bools, prior: Floats) -> ArticleWeights | ArticleTrees: ...


@dataclass(frozen=True, slots=True)
class Chances:
    """What the values of a ticket's articles mean: beside them stands the answer that none fits.

    `nothing` is the value of that answer; the log-odds between two answers are `sharpness` times the difference of
    their values. Below the value `least` no article is worth showing.
    """

    sharpness: float
    nothing: float
    least: float

    def of(self, values: Floats) -> Floats:
        """Return the chance of each article, of the shape of `values` (..., articles): rising with the value."""
        highest = np.maximum(values.max(axis=-1, keepdims=True, initial=-np.inf), self.nothing)
        odds = np.exp(self.sharpness * (values - highest))
        total = odds.sum(axis=-1, keepdims=True) + np.exp(self.sharpness * (self.nothing - highest))
        return np.asarray(odds / total, dtype=np.float64)


@dataclass(frozen=True)
class ArticleOrder:
    """The fitted order and what its values mean."""

    ranking: ArticleWeights | ArticleTrees
    chances: Chances


def fit_order(lessons: Lessons, *, prior: Floats, unanswered: Floats) -> ArticleOrder:
    """Return the better of a weighted sum and trees, as told by tickets that neither was fitted on.

    `prior` are the weights of the signals where nothing is known; `unanswered`, (texts, candidates, signals), is of
    texts that no article answers.
    """
    kinds: tuple[_Fit, ...] = (fit_weights, fit_trees)
    unseen = [_out_of_fold(fit, lessons, prior) for fit in kinds]
    chosen = int(np.argmax([_reciprocal_rank(values, lessons.solved) for values in unseen]))
    values = unseen[chosen]
    ranking = kinds[chosen](lessons.signals, solved=lessons.solved, prior=prior)
    of_unanswered = _values(ranking, unanswered)
    least = least_value(of_unanswered.max(axis=1), solved=values.max(axis=1), weights=lessons.weights)
    return ArticleOrder(ranking, _fit_chances(values, lessons, unanswered=of_unanswered, least=least))


def least_value(unanswered: Floats, *, solved: Floats | None = None, weights: Floats | None = None) -> float:
    """Return the value below which no article fits, from the best values of texts that none answers and of others.

    `weights` are how often such others are to be expected.
    """
    refused = float(np.quantile(unanswered, _UNANSWERED_REFUSED))
    if solved is None:
        return refused
    return min(refused, float(np.quantile(solved, _SOLVED_REFUSED, weights=weights, method="inverted_cdf")))


def _fit_chances(values: Floats, lessons: Lessons, *, unanswered: Floats, least: float) -> Chances:
    """Return the chances under which what happened was likeliest."""
    weights = lessons.weights / lessons.weights.sum()

    def loss(found: Floats) -> float:
        chances = Chances(float(np.exp(found[0])), float(found[1]), least)
        right = (chances.of(values) * lessons.solved).sum(axis=1)
        none = 1.0 - chances.of(unanswered).sum(axis=1)
        missed = -np.log(np.maximum(right, _LEAST_CHANCE)) @ weights, -np.log(np.maximum(none, _LEAST_CHANCE)).mean()
        return float((1.0 - _UNANSWERED_SHARE) * missed[0] + _UNANSWERED_SHARE * missed[1])

    best = minimize(loss, np.array([0.0, least]), method="Nelder-Mead", bounds=[_LOGARITHM_OF_SHARPNESS, (None, None)])
    return Chances(float(np.exp(best.x[0])), float(best.x[1]), least)


def _out_of_fold(fit: _Fit, lessons: Lessons, prior: Floats) -> Floats:
    """Return the values of every ticket's candidates by a ranking that was fitted on other tickets."""
    signals, solved = lessons.signals, lessons.solved
    folds = np.arange(len(signals)) % _FOLDS
    values = np.zeros(solved.shape)
    for fold in range(_FOLDS):
        inside = folds == fold
        values[inside] = _values(fit(signals[~inside], solved=solved[~inside], prior=prior), signals[inside])
    return values


def _values(ranking: ArticleWeights | ArticleTrees, signals: Floats) -> Floats:
    return ranking.values(signals.reshape(-1, signals.shape[2])).reshape(signals.shape[:2])


def _reciprocal_rank(values: Floats, solved: Bools) -> float:
    best = np.where(solved, values, -np.inf).max(axis=1, keepdims=True)
    # Equals count as better: trees give many candidates the same value.
    return float((1.0 / np.maximum((values >= best).sum(axis=1), 1)).mean())
