"""The model families tried for a target, each fitted from counts or tf-idf values and giving scores a label.

Two are linear in the same features, so that they merge into one matrix when they are served; one is boosted trees,
one the votes of similar tickets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import lightgbm
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from sklearn.feature_selection import chi2
from sklearn.svm import LinearSVC

from features.classifier import LEAST_PROBABILITY
from features.neighbours import NeighbourIndex, NeighbourVotes
from features.vectorizer import HANGUL, FloatArray, IntArray
from training.recipe import BoostedRecipe, LinearRecipe

# A label that a fold lacks scores below all that the fold has seen.
_UNSEEN_SCORE = -3.0
# Ten times the solver's default: the pool does not see the difference, large histories are done in half the time.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class FeatureMatrices:
    """The same tickets as texts, as counts and as tf-idf values, both (tickets, features)."""

    texts: Sequence[str]
    counts: sparse.csr_matrix
    values: sparse.csr_matrix

    def at(self, places: NDArray[np.integer[Any]]) -> FeatureMatrices:
        """Return the tickets at these places."""
        return FeatureMatrices([self.texts[place] for place in places], self.counts[places], self.values[places])


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
        model = LinearSVC(C=self.recipe.margin_penalty, tol=_TOLERANCE, random_state=seed).fit(tickets.values, actual)
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
        for label in np.unique(actual):
            within = np.asarray(occurs[actual == label].sum(axis=0), np.float64).ravel()
            ratio = _log_ratio(within + 1, everywhere - within + 1)
            model = LinearSVC(C=self.recipe.ratio_penalty, tol=_TOLERANCE, random_state=seed)
            model.fit(sparse.csr_matrix(tickets.values.multiply(ratio)), actual == label)
            weights[:, label], bias[label] = ratio * model.coef_[0], model.intercept_[0]
        return FittedLinear(weights, bias)


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
    """

    recipe: BoostedRecipe
    tree_columns: IntArray
    name: str = "boosted"

    def fit(self, tickets: FeatureMatrices, actual: IntArray, *, label_count: int, seed: int) -> FittedBoosted:
        """Fit on tickets and the numbers of their labels."""
        columns = self._chosen_columns(tickets.counts, actual)
        few = len(actual) < 5000
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
        data = lightgbm.Dataset(tickets.counts[:, columns], label=actual, params=parameters)
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


def tree_columns(vocabulary: Sequence[str]) -> IntArray:
    """Return the ids of the features that trees may look at: words, fields, and Korean n-grams of two and more."""
    wanted = [
        feature
        for feature, name in enumerate(vocabulary)
        if name.startswith(("w ", "s ", "= ")) or (len(name) >= 2 and len(name) <= 4 and HANGUL.search(name))
    ]
    return np.array(wanted, np.int32)
