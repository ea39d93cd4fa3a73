"""The calibrated classifier of one target: linear models, boosted trees, neighbours and embeddings, as log-odds.

The pool's weights, one bias a label and thereby the calibration were fitted on out-of-fold scores; the weights of the
linear models are merged into one matrix, so that pooling them costs nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import lightgbm
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from features.neighbours import Neighbours, NeighbourVotes
from features.ordinal import OrdinalScale
from features.taxonomy import StepCosts, Target, TargetKind
from features.vectorizer import FeatureRow, FloatArray, IntArray

# What an encoder makes of a text: (dimensions,), of unit length.
Embedding: TypeAlias = NDArray[np.float32]

# Below this a tree model's probability says no more than "never seen": its logarithm must not drown the others.
LEAST_PROBABILITY = 1e-4


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """A LightGBM model over the counts of a few chosen features, and its weight in the pool."""

    booster: lightgbm.Booster
    columns: IntArray
    weight: float

    def log_probabilities(self, rows: sparse.csr_matrix | FloatArray) -> FloatArray:
        """Return the floored log-probabilities, shape (rows, labels), of counts over `columns`."""
        probabilities = np.asarray(self.booster.predict(rows, num_threads=1), np.float64)
        if probabilities.ndim == 1:
            probabilities = np.column_stack([1 - probabilities, probabilities])
        return np.log(np.maximum(probabilities, LEAST_PROBABILITY))

    def counts_of(self, rows: Sequence[FeatureRow]) -> sparse.csr_matrix | FloatArray:
        """Return the counts of the features that the trees look at, shape (rows, len(columns))."""
        if len(rows) == 1:
            return self.counts_of_variants(rows[0].ids, rows[0].counts[None, :])
        indices, data, starts = [], [], [0]
        for row in rows:
            places, chosen = self._places(row.ids)
            indices.append(places)
            data.append(row.counts[chosen])
            starts.append(starts[-1] + len(places))
        return sparse.csr_matrix(
            (np.concatenate(data), np.concatenate(indices).astype(np.int32), np.array(starts, np.int32)),
            shape=(len(rows), len(self.columns)),
        )

    def counts_of_variants(self, ids: IntArray, counts: FloatArray) -> FloatArray:
        """Return the same for a few rows over the same features, `counts` (rows, ids).

        To make a sparse matrix takes longer than the trees take over one ticket.
        """
        places, chosen = self._places(ids)
        dense = np.zeros((len(counts), len(self.columns)))
        dense[:, places] = counts[:, chosen]
        return dense

    def _places(self, ids: IntArray) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return in which columns the chosen ones of these features stand, and which are chosen."""
        if not len(self.columns):
            return np.empty(0, np.intp), np.zeros(len(ids), bool)
        places = np.searchsorted(self.columns, ids)
        places[places == len(self.columns)] = 0
        chosen = self.columns[places] == ids
        return places[chosen], chosen


@dataclass(frozen=True, slots=True)
class TargetClassifier:
    """Calibrated probabilities of one target's labels.

    `weights` (features, labels) and `bias` (labels,) act on the tf-idf values, `boosted` on the counts, `voting`
    on the nearest training tickets, `embedding_weights` (dimensions, labels) on the encoder's embedding, `ordinal` on
    the tf-idf values of a target whose labels have an order.
    """

    target: Target
    weights: NDArray[np.float32]
    bias: FloatArray
    boosted: BoostedTrees | None
    voting: NeighbourVotes | None = None
    embedding_weights: NDArray[np.float32] | None = None
    ordinal: OrdinalScale | None = None

    def scores(
        self,
        rows: Sequence[FeatureRow],
        values: Sequence[FloatArray],
        neighbours: Sequence[Neighbours],
        embeddings: Sequence[Embedding] = (),
    ) -> FloatArray:
        """Return the pooled log-odds scores, shape (rows, labels).

        Takes for each ticket its row, the tf-idf values of that row, its neighbours (none where nobody votes) and its
        embedding (none where no encoder is heard).
        """
        scores = np.stack([value @ self.weights[row.ids] for row, value in zip(rows, values, strict=True)]) + self.bias
        if self.ordinal is not None:
            places = [value @ self.ordinal.weights[row.ids] for row, value in zip(rows, values, strict=True)]
            scores = scores + self.ordinal.scores(np.array(places))
        chosen = None if self.boosted is None else self.boosted.counts_of(rows)
        return self._with_others(scores, chosen, neighbours, embeddings)

    def variant_scores(
        self,
        ids: IntArray,
        counts: FloatArray,
        values: FloatArray,
        neighbours: Sequence[Neighbours],
        embeddings: Sequence[Embedding] = (),
    ) -> FloatArray:
        """Return the scores of variants of one ticket over the same features; `counts` and `values` (variants, ids)."""
        linear = np.asarray(values @ self.weights[ids] + self.bias, np.float64)
        if self.ordinal is not None:
            linear = linear + self.ordinal.scores(np.asarray(values @ self.ordinal.weights[ids], np.float64))
        chosen = None if self.boosted is None else self.boosted.counts_of_variants(ids, counts)
        return self._with_others(linear, chosen, neighbours, embeddings)

    def feature_weights(self, ids: IntArray, values: FloatArray) -> FloatArray:
        """Return how a ticket's features move its scores, (ids, labels): exact where linear, else at its own place."""
        weights = np.asarray(self.weights[ids], np.float64)
        if self.ordinal is None:
            return weights
        along = self.ordinal.weights[ids]
        return weights + np.outer(along, self.ordinal.weight * self.ordinal.slopes(float(values @ along)))

    def _with_others(
        self,
        linear: FloatArray,
        chosen: sparse.csr_matrix | FloatArray | None,
        neighbours: Sequence[Neighbours],
        embeddings: Sequence[Embedding],
    ) -> FloatArray:
        scores = linear
        if self.boosted is not None and chosen is not None:
            scores = scores + self.boosted.weight * self.boosted.log_probabilities(chosen)
        if self.voting is not None:
            scores = scores + self.voting.weight * self.voting.scores(neighbours)
        if self.embedding_weights is not None:
            # One ticket a product: a matrix product over many may add in another order.
            scores = scores + np.stack([embedding @ self.embedding_weights for embedding in embeddings])
        return scores

    def to_plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]], str | None]:
        """Return a JSON-able description, the arrays, and LightGBM's own text where there are trees."""
        description: dict[str, Any] = {
            "name": self.target.name,
            "kind": self.target.kind.value,
            "labels": list(self.target.labels),
            "costs": None if self.target.costs is None else asdict(self.target.costs),
            "boosted_weight": None if self.boosted is None else self.boosted.weight,
            "voting_weight": None if self.voting is None else self.voting.weight,
        }
        arrays: dict[str, NDArray[Any]] = {"weights": self.weights, "bias": self.bias}
        if self.embedding_weights is not None:
            arrays["embedding_weights"] = self.embedding_weights
        if self.ordinal is not None:
            description["ordinal_weight"] = self.ordinal.weight
            arrays |= {"ordinal_weights": self.ordinal.weights, "ordinal_thresholds": self.ordinal.thresholds}
        if self.voting is not None:
            arrays |= {"voting_labels": self.voting.labels, "voting_shares": self.voting.shares}
        if self.boosted is None:
            return description, arrays, None
        arrays["columns"] = self.boosted.columns
        return description, arrays, self.boosted.booster.model_to_string()

    @classmethod
    def from_plain(
        cls, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], trees: str | None
    ) -> TargetClassifier:
        """Rebuild a classifier from what `to_plain` gave."""
        costs = None if description["costs"] is None else StepCosts(**description["costs"])
        target = Target(description["name"], TargetKind(description["kind"]), tuple(description["labels"]), costs)
        boosted, voting = None, None
        if description["voting_weight"] is not None:
            voting = NeighbourVotes(
                arrays["voting_labels"], arrays["voting_shares"], float(description["voting_weight"])
            )
        if trees is not None:
            boosted = BoostedTrees(
                lightgbm.Booster(model_str=trees), arrays["columns"], float(description["boosted_weight"])
            )
        ordinal = None
        if description.get("ordinal_weight") is not None:
            ordinal = OrdinalScale(
                arrays["ordinal_weights"], arrays["ordinal_thresholds"], float(description["ordinal_weight"])
            )
        embedding_weights = arrays.get("embedding_weights")
        return cls(target, arrays["weights"], arrays["bias"], boosted, voting, embedding_weights, ordinal)


def probabilities(scores: FloatArray) -> FloatArray:
    """Return the probabilities of scores, each row summing to one."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float64)


def log_odds(scores: FloatArray, *, label: int) -> FloatArray:
    """Return the log-odds of one label against all others, one value a row."""
    others = scores.copy()
    others[:, label] = -np.inf
    highest = others.max(axis=1)
    return np.asarray(scores[:, label] - highest - np.log(np.exp(others - highest[:, None]).sum(axis=1)), np.float64)
