"""The model families tried for a target, each giving scores a label.

Two are linear in the same features, so that they merge into one matrix when they are served; one is boosted trees,
one the votes of similar tickets, one linear in the embeddings of the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import lightgbm
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from sklearn.feature_selection import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from features.classifier import LEAST_PROBABILITY
from features.neighbours import NeighbourIndex, NeighbourVotes
from features.vectorizer import HANGUL, FloatArray, IntArray
from training.recipe import BoostedRecipe, LinearRecipe

# A label that a fold lacks scores below all that the fold has seen.
_UNSEEN_SCORE = -3.0
# Ten times the solver's default: the pool does not see the difference, large histories are done in half the time.
_TOLERANCE = 1e-3
# Fewer tickets get smaller and fewer trees.
_FEW_TICKETS = 5000
_RARITY_EXPONENT = 0.5
# Embeddings are scaled to this deviation a dimension: texts of a helpdesk are much alike, and a penalty should not
# depend on how much.
_EMBEDDING_DEVIATION = 0.1


@dataclass(frozen=True, slots=True)
class FeatureMatrices:
    """The same tickets as texts, as counts and as tf-idf values, both (tickets, features).

    `embeddings` (tickets, dimensions) are there where the recipe has an encoder. `is_text` (features,) tells the
    features whose values have unit length a ticket from those of fields; all are of the text where it is not given.
    `weights` (tickets,) say how much each counts in fitting, all the same where they are not given.
    """

    texts: Sequence[str]
    counts: sparse.csr_matrix
    values: sparse.csr_matrix
    embeddings: NDArray[np.float32] | None = None
    is_text: NDArray[np.bool_] | None = None
    weights: FloatArray | None = None

    def at(self, places: NDArray[np.integer[Any]]) -> FeatureMatrices:
        """Return the tickets at these places."""
        return FeatureMatrices(
            [self.texts[place] for place in places],
            self.counts[places],
            self.values[places],
            None if self.embeddings is None else self.embeddings[places],
            self.is_text,
            None if self.weights is None else self.weights[places],
        )

    def without(self, feature: int | None) -> FeatureMatrices:
        """Return the tickets as if none of them had a feature, a field's: nothing is then learned of it."""
        if feature is None:
            return self
        kept = self.values.indices != feature
        return replace(self, counts=_only(self.counts, kept), values=_only(self.values, kept))

    def as_known_to(self, others: FeatureMatrices) -> FeatureMatrices:
        """Return the tickets as a vectorizer would see them that learned its features from other tickets.

        Features that the others lack go, and the values of the rest regain their length: so it is with what a ticket
        to come says first. Kept, they would make every score out of fold smaller than it will be, and the pool, fitted
        on small scores, too sure of large ones.
        """
        is_known = np.zeros(self.values.shape[1], bool)
        is_known[others.counts.indices] = True
        kept = is_known[self.values.indices]
        values = _only(self.values, kept)
        rows = np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))
        is_text = np.ones(values.nnz, bool) if self.is_text is None else self.is_text[values.indices]
        squares = np.where(is_text, values.data**2, 0.0)
        lengths = np.sqrt(np.bincount(rows, weights=squares, minlength=values.shape[0]))
        values.data = np.where(is_text, values.data / np.maximum(lengths, 1e-12)[rows], values.data)
        return replace(self, counts=_only(self.counts, kept), values=values)


def _only(matrix: sparse.csr_matrix, kept: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Return the matrix with only these of its entries."""
    starts = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], starts), matrix.shape)


class Fitted(Protocol):
    """A fitted candidate."""

    def scores(self, tickets: FeatureMatrices) -> FloatArray:
        """Return scores on the scale of log-odds, shape (tickets, labels)."""
        ...


class Candidate(Protocol):
    """A model family: its name in reports and how it is fitted."""

    @property
    def name(self) -> str:
        """The family's name in reports."""
        ...

    def fit(self, tickets: FeatureMatrices, actual: IntArray, *, label_count: int, seed: int) -> Fitted:
        """Fit on tickets and the numbers of their labels."""
        ...


@dataclass(frozen=True, slots=True)
class FittedLinear:
    """A linear model over tf-idf values: `weights` (features, labels), `bias` (labels,)."""

    weights: FloatArray
    bias: FloatArray

    def scores(self, tickets: FeatureMatrices) -> FloatArray:
        """Return scores on the scale of log-odds, shape (tickets, labels)."""
        return np.asarray(tickets.values @ self.weights + self.bias, np.float64)


@dataclass(frozen=True, slots=True)
class MarginModel:
    """A linear support-vector machine, one label against the rest."""

    recipe: LinearRecipe
    name: str = "linear"

    def fit(self, tickets: FeatureMatrices, actual: IntArray, *, label_count: int, seed: int) -> FittedLinear:
        """Fit on tickets and the numbers of their labels."""
        model = LinearSVC(
            C=self.recipe.margin_penalty, tol=_TOLERANCE, random_state=seed, class_weight=class_weights(actual)
        ).fit(tickets.values, actual, sample_weight=tickets.weights)
        weights = np.zeros((tickets.values.shape[1], label_count))
        bias = np.full(label_count, _UNSEEN_SCORE)
        if len(model.classes_) == 2:
            first, second = model.classes_
            weights[:, second], bias[second] = model.coef_[0], model.intercept_[0]
            weights[:, first], bias[first] = -model.coef_[0], -model.intercept_[0]
        else:
            weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
        return FittedLinear(weights, bias)


@dataclass(frozen=True, slots=True)
class RatioModel:
    """A support-vector machine over features weighted by how much more often they occur with the label.

    The weighting is that of Wang and Manning, "Baselines and Bigrams" (ACL 2012): log-count ratios of naive Bayes.
    Rows are not scaled anew after weighting, so that the model stays linear in the tf-idf values.
    """

    recipe: LinearRecipe
    name: str = "ratio"

    def fit(self, tickets: FeatureMatrices, actual: IntArray, *, label_count: int, seed: int) -> FittedLinear:
        """Fit on tickets and the numbers of their labels."""
        occurs = sparse.csr_matrix(
            (np.ones_like(tickets.counts.data), tickets.counts.indices, tickets.counts.indptr), tickets.counts.shape
        )
        everywhere = np.asarray(occurs.sum(axis=0), np.float64).ravel()
        weights = np.zeros((tickets.values.shape[1], label_count))
        bias = np.full(label_count, _UNSEEN_SCORE)
        weight_of = class_weights(actual)
        for label in np.unique(actual):
            within = np.asarray(occurs[actual == label].sum(axis=0), np.float64).ravel()
            ratio = _log_ratio(within + 1, everywhere - within + 1)
            model = LinearSVC(
                C=self.recipe.ratio_penalty,
                tol=_TOLERANCE,
                random_state=seed,
                class_weight={True: weight_of[int(label)], False: 1.0},
            )
            weighted = sparse.csr_matrix(tickets.values.multiply(ratio))
            model.fit(weighted, actual == label, sample_weight=tickets.weights)
            weights[:, label], bias[label] = ratio * model.coef_[0], model.intercept_[0]
        return FittedLinear(weights, bias)


def class_weights(actual: IntArray) -> dict[int, float]:
    """Return how much a mistake on each label counts: more the rarer it is, by the root of how much rarer.

    In full proportion, the few tickets of a rare label would decide alone how that label is told.
    """
    labels, counts = np.unique(actual, return_counts=True)
    mean = len(actual) / len(labels)
    return {int(label): float(mean / count) ** _RARITY_EXPONENT for label, count in zip(labels, counts, strict=True)}


def _log_ratio(within: FloatArray, without: FloatArray) -> FloatArray:
    return np.asarray(np.log(within / within.sum()) - np.log(without / without.sum()), np.float64)


@dataclass(frozen=True, slots=True)
class FittedBoosted:
    """LightGBM over the counts of `columns`."""

    booster: lightgbm.Booster
    columns: IntArray
    label_count: int

    def scores(self, tickets: FeatureMatrices) -> FloatArray:
        """Return scores on the scale of log-odds, shape (tickets, labels)."""
        probabilities = np.asarray(self.booster.predict(tickets.counts[:, self.columns], num_threads=1), np.float64)
        if self.label_count == 2:
            probabilities = np.column_stack([1 - probabilities, probabilities])
        return np.log(np.maximum(probabilities, LEAST_PROBABILITY))


@dataclass(frozen=True, slots=True)
class BoostedModel:
    """Gradient-boosted trees over words, fields and Korean n-grams, the ones most tied to the labels.

    `tree_columns` are the ids that trees may look at: of overlapping n-grams of Latin words only the words.
    `training_count` is the size of the whole training part: a fold of it is to be fitted as the whole will be, or the
    pool would weigh other trees than those that are served.
    """

    recipe: BoostedRecipe
    tree_columns: IntArray
    training_count: int = 0
    name: str = "boosted"

    def fit(self, tickets: FeatureMatrices, actual: IntArray, *, label_count: int, seed: int) -> FittedBoosted:
        """Fit on tickets and the numbers of their labels."""
        columns = self._chosen_columns(tickets.counts, actual)
        few = max(self.training_count, len(actual)) < _FEW_TICKETS
        parameters = {
            "objective": "binary" if label_count == 2 else "multiclass",
            "learning_rate": self.recipe.learning_rate,
            "num_leaves": min(self.recipe.leaves, 15) if few else self.recipe.leaves,
            "min_data_in_leaf": 5 if few else 20,
            "feature_fraction": self.recipe.column_share,
            "max_bin": 15,
            "seed": seed,
            # A small fit is over before threads have found each other; on a busy machine they wait for ever.
            "num_threads": 1 if few else 0,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }
        if label_count > 2:
            parameters["num_class"] = label_count
        trees_per_round = label_count if label_count > 2 else 1
        wanted = self.recipe.rounds // 2 if few else self.recipe.rounds
        rounds = max(10, min(wanted, self.recipe.most_trees // trees_per_round))
        data = lightgbm.Dataset(tickets.counts[:, columns], label=actual, weight=tickets.weights, params=parameters)
        return FittedBoosted(lightgbm.train(parameters, data, num_boost_round=rounds), columns, label_count)

    def _chosen_columns(self, counts: sparse.csr_matrix, actual: IntArray) -> IntArray:
        offered = counts[:, self.tree_columns]
        documents = np.asarray((offered > 0).sum(axis=0)).ravel()
        frequent = np.flatnonzero(documents >= max(3, len(actual) // 2000))
        strength, _ = chi2(offered[:, frequent], actual)
        # More columns than tickets find chance, and cost as much as those that find something.
        most = min(self.recipe.columns, max(500, len(actual)))
        best = frequent[np.argsort(-np.nan_to_num(strength), kind="stable")[:most]]
        return np.sort(self.tree_columns[best]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class FittedVotes:
    """The votes of indexed tickets."""

    index: NeighbourIndex
    votes: NeighbourVotes

    def scores(self, tickets: FeatureMatrices) -> FloatArray:
        """Return scores on the scale of log-odds, shape (tickets, labels)."""
        return self.votes.scores([self.index.nearest(text) for text in tickets.texts])


@dataclass(frozen=True, slots=True)
class VotingModel:
    """The labels of the nearest past tickets."""

    name: str = "neighbours"

    def fit(self, tickets: FeatureMatrices, actual: IntArray, *, label_count: int, seed: int) -> FittedVotes:
        """Fit on tickets and the numbers of their labels."""
        del seed
        return FittedVotes(NeighbourIndex.fit(tickets.texts), NeighbourVotes.counted(actual, label_count=label_count))


@dataclass(frozen=True, slots=True)
class FittedEmbedding:
    """A linear model over embeddings: `weights` (dimensions, labels), `bias` (labels,)."""

    weights: FloatArray
    bias: FloatArray

    def scores(self, tickets: FeatureMatrices) -> FloatArray:
        """Return scores on the scale of log-odds, shape (tickets, labels)."""
        assert tickets.embeddings is not None
        return np.asarray(tickets.embeddings @ self.weights + self.bias, np.float64)


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A logistic regression over the encoder's embeddings."""

    penalty: float
    name: str = "embedding"

    def fit(self, tickets: FeatureMatrices, actual: IntArray, *, label_count: int, seed: int) -> FittedEmbedding:
        """Fit on tickets and the numbers of their labels."""
        del seed
        assert tickets.embeddings is not None
        centre = tickets.embeddings.mean(axis=0, dtype=np.float64)
        centred = tickets.embeddings - centre
        scale = _EMBEDDING_DEVIATION / max(float(centred.std()), 1e-12)
        model = LogisticRegression(C=self.penalty, max_iter=500)
        model.fit(centred * scale, actual, sample_weight=tickets.weights)
        weights = np.zeros((len(centre), label_count))
        bias = np.full(label_count, float(model.intercept_.min()) + _UNSEEN_SCORE)
        if len(model.classes_) == 2:
            # Half for one, half against the other: their difference is the model's log-odds.
            first, second = model.classes_
            weights[:, second], bias[second] = model.coef_[0] / 2, model.intercept_[0] / 2
            weights[:, first], bias[first] = -model.coef_[0] / 2, -model.intercept_[0] / 2
        else:
            weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
        weights *= scale
        return FittedEmbedding(weights, bias - centre @ weights)


def tree_columns(vocabulary: Sequence[str]) -> IntArray:
    """Return the ids of the features that trees may look at: words, fields, and Korean n-grams of two and more."""
    wanted = [
        feature
        for feature, name in enumerate(vocabulary)
        if name.startswith(("w ", "s ", "= ")) or (len(name) >= 2 and len(name) <= 4 and HANGUL.search(name))
    ]
    return np.array(wanted, np.int32)
