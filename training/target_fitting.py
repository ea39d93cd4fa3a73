"""Fits one target: candidates out of fold, the pool on their scores, then each candidate on the whole training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import StratifiedKFold

from features.classifier import BoostedTrees, TargetClassifier
from features.neighbours import NeighbourVotes
from features.taxonomy import Target
from features.vectorizer import FloatArray, IntArray, TicketVectorizer
from training.calibration import fit_pool
from training.candidates import (
    BoostedModel,
    Candidate,
    FeatureMatrices,
    Fitted,
    FittedBoosted,
    FittedLinear,
    FittedVotes,
    MarginModel,
    RatioModel,
    VotingModel,
    tree_columns,
)
from training.progress import Progress
from training.recipe import Recipe, SplitRecipe

# A pool weight below this is a candidate that is not heard: it is left out, and costs nothing when served.
_LEAST_POOL_WEIGHT = 0.02


@dataclass(frozen=True, slots=True)
class FittedTarget:
    """A target's classifier, its votes not yet tied to an index, and each candidate's weight in the pool."""

    classifier: TargetClassifier
    pool_weights: dict[str, float]


def candidates_of(recipe: Recipe, vectorizer: TicketVectorizer) -> tuple[Candidate, ...]:
    """Return the model families that a recipe tries."""
    candidates: tuple[Candidate, ...] = (
        MarginModel(recipe.linear),
        RatioModel(recipe.linear),
        BoostedModel(recipe.boosted, tree_columns(list(vectorizer.vocabulary_))),
    )
    return (*candidates, VotingModel()) if recipe.neighbours else candidates


def fit_target(
    target: Target,
    tickets: FeatureMatrices,
    actual: IntArray,
    *,
    candidates: Sequence[Candidate],
    split: SplitRecipe,
    seed: int,
    progress: Progress,
) -> FittedTarget:
    """Fit a target's classifier on the training part; `actual` holds the numbers of the labels.

    The pool sees out-of-fold scores only: what a candidate says of a ticket that it was not fitted on.
    """
    label_count = len(target.labels)
    folds = _folds(actual, split=split, seed=seed)
    out_of_fold = [np.zeros((len(actual), label_count)) for _ in candidates]
    rounds = [
        (candidate, scores, fold) for fold in folds for candidate, scores in zip(candidates, out_of_fold, strict=True)
    ]
    for candidate, scores, (inside, outside) in progress.over(rounds, doing=f"{target.name}: out of fold"):
        fitted = candidate.fit(tickets.at(inside), actual[inside], label_count=label_count, seed=seed)
        scores[outside] = fitted.scores(tickets.at(outside))
    pool = fit_pool(out_of_fold, actual)
    heard = [
        (weight, candidate.fit(tickets, actual, label_count=label_count, seed=seed))
        for weight, candidate in progress.over(list(zip(pool.weights, candidates, strict=True)), doing=target.name)
        if weight >= _LEAST_POOL_WEIGHT
    ]
    return FittedTarget(
        _merged(target, heard, bias=pool.bias, feature_count=tickets.values.shape[1]),
        {candidate.name: float(weight) for candidate, weight in zip(candidates, pool.weights, strict=True)},
    )


def _folds(actual: IntArray, *, split: SplitRecipe, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Return stratified folds, fewer where a label has fewer tickets than there would be folds."""
    wanted = split.folds if len(actual) < split.large else split.folds_when_large
    count = max(2, min(wanted, int(np.bincount(actual).min())))
    folds = StratifiedKFold(count, shuffle=True, random_state=seed).split(np.zeros(len(actual)), actual)
    return [(inside.astype(np.int32), outside.astype(np.int32)) for inside, outside in folds]


def _merged(
    target: Target, heard: Sequence[tuple[float, Fitted]], *, bias: FloatArray, feature_count: int
) -> TargetClassifier:
    """Return one classifier of the pooled candidates, the linear ones as a single matrix."""
    weights = np.zeros((feature_count, len(target.labels)))
    boosted: BoostedTrees | None = None
    voting: NeighbourVotes | None = None
    for weight, fitted in heard:
        if isinstance(fitted, FittedLinear):
            weights += weight * fitted.weights
            bias = bias + weight * fitted.bias
        elif isinstance(fitted, FittedBoosted):
            boosted = BoostedTrees(fitted.booster, fitted.columns, float(weight))
        elif isinstance(fitted, FittedVotes):
            voting = replace(fitted.votes, weight=float(weight))
    return TargetClassifier(target, weights.astype(np.float32), bias, boosted, voting)
