"""Fits one target: candidates out of fold, the pool on their scores, then each candidate on the whole training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from features.classifier import BoostedTrees, TargetClassifier, probabilities
from features.neighbours import NeighbourVotes
from features.ordinal import OrdinalScale
from features.taxonomy import Target, TargetKind
from features.tone import POLITE, TONE
from features.vectorizer import FloatArray, IntArray, TicketVectorizer
from training.calibration import fit_pool
from training.candidates import (
    BoostedModel,
    Candidate,
    EmbeddingModel,
    FeatureMatrices,
    Fitted,
    FittedBoosted,
    FittedEmbedding,
    FittedLinear,
    FittedVotes,
    MarginModel,
    RatioModel,
    VotingModel,
    tree_columns,
)
from training.ordinal import FittedOrdinal, OrdinalModel
from training.progress import Progress
from training.recipe import Recipe, SplitRecipe

# A pool weight below this is a candidate that is not heard: it is left out, and costs nothing when served.
_LEAST_POOL_WEIGHT = 0.02


@dataclass(frozen=True, slots=True)
class FittedTarget:
    """A target's classifier, its votes not yet tied to an index, and each candidate's weight in the pool.

    `out_of_fold` (tickets, labels) are the probabilities that the pool gives each ticket it was not fitted on.
    """

    classifier: TargetClassifier
    pool_weights: dict[str, float]
    out_of_fold: FloatArray


class Fold(NamedTuple):
    """The places of the tickets that are fitted on, and of those that are scored."""

    inside: IntArray
    outside: IntArray


def candidates_of(
    recipe: Recipe,
    vectorizer: TicketVectorizer,
    *,
    ticket_count: int = 0,
    has_encoder: bool = False,
    has_order: bool = False,
) -> tuple[Candidate, ...]:
    """Return the model families that a recipe tries; one more where a target's labels have an order (`is_ordered`).

    `ticket_count` is how many tickets the families will be fitted on in the end, which folds are to go by.
    """
    candidates: list[Candidate] = [
        MarginModel(recipe.linear),
        RatioModel(recipe.linear),
        BoostedModel(recipe.boosted, tree_columns(list(vectorizer.vocabulary_)), ticket_count),
    ]
    if recipe.neighbours:
        candidates.append(VotingModel())
    if has_encoder:
        candidates.append(EmbeddingModel(recipe.encoder.penalty))
    if has_order:
        candidates.append(OrdinalModel(recipe.linear))
    return tuple(candidates)


def offered(target: Target, tickets: FeatureMatrices, vectorizer: TicketVectorizer) -> FeatureMatrices:
    """Return the tickets as a target may see them: how politely something is asked for never moves a scale."""
    return tickets.without(vectorizer.field_id(TONE, POLITE)) if target.kind is TargetKind.ORDINAL else tickets


def is_ordered(target: Target) -> bool:
    """Tell whether the order of a target's labels says something: of two labels it does not."""
    return target.kind is TargetKind.ORDINAL and len(target.labels) > 2


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
    folds = folds_of(actual, split=split, seed=seed)
    out_of_fold = [np.zeros((len(actual), label_count)) for _ in candidates]
    rounds = [
        (candidate, scores, fold) for fold in folds for candidate, scores in zip(candidates, out_of_fold, strict=True)
    ]
    for candidate, scores, fold in progress.over(rounds, doing=f"{target.name}: out of fold"):
        scores[fold.outside] = scores_outside(candidate, tickets, actual, fold, label_count=label_count, seed=seed)
    pool = fit_pool(out_of_fold, actual)
    heard = [
        (weight, candidate.fit(tickets, actual, label_count=label_count, seed=seed))
        for weight, candidate in progress.over(list(zip(pool.weights, candidates, strict=True)), doing=target.name)
        if weight >= _LEAST_POOL_WEIGHT
    ]
    return FittedTarget(
        _merged(target, heard, bias=pool.bias, feature_count=tickets.values.shape[1]),
        {candidate.name: float(weight) for candidate, weight in zip(candidates, pool.weights, strict=True)},
        probabilities(pool.scores(out_of_fold)),
    )


def folds_of(actual: IntArray, *, split: SplitRecipe, seed: int) -> list[Fold]:
    """Return stratified folds, fewer where a label has fewer tickets than there would be folds."""
    wanted = split.folds if len(actual) < split.large else split.folds_when_large
    count = max(2, min(wanted, int(np.bincount(actual).min())))
    folds = StratifiedKFold(count, shuffle=True, random_state=seed).split(np.zeros(len(actual)), actual)
    return [Fold(inside.astype(np.int32), outside.astype(np.int32)) for inside, outside in folds]


def scores_outside(
    candidate: Candidate, tickets: FeatureMatrices, actual: IntArray, fold: Fold, *, label_count: int, seed: int
) -> FloatArray:
    """Return what a candidate fitted on the tickets inside a fold says of those outside it."""
    inside = tickets.at(fold.inside)
    fitted = candidate.fit(inside, actual[fold.inside], label_count=label_count, seed=seed)
    return fitted.scores(tickets.at(fold.outside).as_known_to(inside))


def _merged(
    target: Target, heard: Sequence[tuple[float, Fitted]], *, bias: FloatArray, feature_count: int
) -> TargetClassifier:
    """Return one classifier of the pooled candidates, the linear ones as a single matrix."""
    weights = np.zeros((feature_count, len(target.labels)))
    boosted: BoostedTrees | None = None
    voting: NeighbourVotes | None = None
    embedding_weights: NDArray[np.float32] | None = None
    ordinal: OrdinalScale | None = None
    for weight, fitted in heard:
        if isinstance(fitted, FittedLinear):
            weights += weight * fitted.weights
            bias = bias + weight * fitted.bias
        elif isinstance(fitted, FittedBoosted):
            boosted = BoostedTrees(fitted.booster, fitted.columns, float(weight))
        elif isinstance(fitted, FittedVotes):
            voting = replace(fitted.votes, weight=float(weight))
        elif isinstance(fitted, FittedEmbedding):
            embedding_weights = (weight * fitted.weights).astype(np.float32)
            bias = bias + weight * fitted.bias
        elif isinstance(fitted, FittedOrdinal):
            ordinal = replace(fitted.scale, weight=float(weight))
    return TargetClassifier(target, weights.astype(np.float32), bias, boosted, voting, embedding_weights, ordinal)
