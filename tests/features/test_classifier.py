"""One target's classifier: its scores, probabilities and log-odds, alone and in bulk, before and after loading."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.classifier import LEAST_PROBABILITY, BoostedTrees, TargetClassifier, log_odds, probabilities
from features.neighbours import NO_LABEL, Neighbours, NeighbourVotes
from features.ordinal import OrdinalScale
from features.taxonomy import StepCosts, Target, TargetKind
from features.vectorizer import FeatureRow

FEATURES, VOTERS = 12, 8
COLUMNS = np.array([1, 4, 5, 9], np.int32)
LABELS = ("account", "network", "printer")
Rows = tuple[list[FeatureRow], list[NDArray[np.float64]], list[Neighbours]]


def _rows(count: int, *, seed: int = 5) -> Rows:
    """Return rows of random features, their values and neighbours; the last row is empty and has no neighbour."""
    random = np.random.default_rng(seed)
    rows, values, neighbours = [], [], []
    for number in range(count):
        chosen: Any = [] if number == count - 1 else random.choice(FEATURES, size=random.integers(1, 8), replace=False)
        ids = np.sort(np.array(chosen, np.int32))
        rows.append(FeatureRow(ids, random.integers(1, 4, len(ids)).astype(np.float64)))
        values.append(random.random(len(ids)))
        near = random.choice(VOTERS, size=0 if number == count - 1 else 3, replace=False).astype(np.int32)
        neighbours.append(Neighbours(near, random.random(len(near))))
    return rows, values, neighbours


def _dense(rows: list[FeatureRow]) -> NDArray[np.float64]:
    counts = np.zeros((len(rows), FEATURES))
    for number, row in enumerate(rows):
        counts[number, row.ids] = row.counts
    return counts


def _booster(label_count: int, *, rounds: int = 5) -> lightgbm.Booster:
    random = np.random.default_rng(2)
    counts = random.integers(0, 4, (300, len(COLUMNS)))
    actual = (counts[:, 0] + counts[:, 2]) % label_count
    task = {"objective": "binary"} if label_count == 2 else {"objective": "multiclass", "num_class": label_count}
    parameters = {**task, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2}
    return lightgbm.train(parameters, lightgbm.Dataset(counts.astype(np.float32), label=actual), num_boost_round=rounds)


def _votes(label_count: int) -> NeighbourVotes:
    labels = np.arange(VOTERS, dtype=np.int32) % label_count
    labels[-1] = NO_LABEL
    return replace(NeighbourVotes.counted(labels, label_count=label_count), weight=0.4)


def _scale(label_count: int) -> OrdinalScale:
    weights = np.random.default_rng(4).normal(size=FEATURES).astype(np.float32)
    return OrdinalScale(weights, np.linspace(-1, 1, label_count - 1), 0.6)


def _classifier(*, labels: tuple[str, ...] = LABELS, with_trees: bool = True, votes: bool = True) -> TargetClassifier:
    random = np.random.default_rng(1)
    trees = BoostedTrees(_booster(len(labels)), COLUMNS, 0.7) if with_trees else None
    weights = random.normal(size=(FEATURES, len(labels))).astype(np.float32)
    return TargetClassifier(
        Target("category", TargetKind.NOMINAL, labels),
        weights,
        random.normal(size=len(labels)),
        trees,
        _votes(len(labels)) if votes else None,
    )


@pytest.fixture(
    params=[
        (LABELS, True, True, False),
        (LABELS, False, False, False),
        (LABELS[:2], True, False, False),
        (LABELS, True, True, True),
    ],
    ids=["trees and votes", "linear", "two labels", "a scale"],
)
def classifier(request: pytest.FixtureRequest) -> TargetClassifier:
    """A classifier with and without trees and votes, one of two labels, and one that knows the labels' order."""
    labels, with_trees, votes, is_ordered = request.param
    found = _classifier(labels=labels, with_trees=with_trees, votes=votes)
    if not is_ordered:
        return found
    target = Target("urgency", TargetKind.ORDINAL, labels, StepCosts(too_low=4.0, too_high=1.5))
    return replace(found, target=target, ordinal=_scale(len(labels)))


def test_scores_are_the_pool_as_written_out(classifier: TargetClassifier) -> None:
    """A score is the linear model's plus the weighed logarithms of the trees' probability and of the votes."""
    rows, values, neighbours = _rows(6)
    expected = np.tile(classifier.bias, (6, 1))
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        for feature, amount in zip(row.ids, value, strict=True):
            expected[number] += amount * classifier.weights[feature]
    if classifier.boosted is not None:
        trees = np.asarray(classifier.boosted.booster.predict(_dense(rows)[:, COLUMNS]))
        trees = np.column_stack([1 - trees, trees]) if trees.ndim == 1 else trees
        expected += 0.7 * np.log(np.maximum(trees, LEAST_PROBABILITY))
    if classifier.voting is not None:
        expected += 0.4 * classifier.voting.scores(neighbours)
    if classifier.ordinal is not None:
        along = classifier.ordinal.weights
        places = [float(value @ along[row.ids]) for row, value in zip(rows, values, strict=True)]
        expected += 0.6 * classifier.ordinal.log_probabilities(np.array(places))
    assert classifier.scores(rows, values, neighbours) == pytest.approx(expected, abs=1e-6)


def test_a_row_scores_the_same_alone(classifier: TargetClassifier) -> None:
    """What else is scored at once changes nothing."""
    rows, values, neighbours = _rows(20)
    together = classifier.scores(rows, values, neighbours)
    for number in range(20):
        alone = classifier.scores([rows[number]], [values[number]], [neighbours[number]])
        assert alone[0] == pytest.approx(together[number], abs=1e-12)


def test_variants_of_a_row_score_as_rows(classifier: TargetClassifier) -> None:
    """Variants over the same features, given as a table, get the scores that they get as rows."""
    rows, values, neighbours = _rows(7)
    ids = np.arange(FEATURES, dtype=np.int32)
    table = np.zeros((7, FEATURES))
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        table[number, row.ids] = value
    scores = classifier.variant_scores(ids, _dense(rows), table, neighbours)
    assert scores == pytest.approx(classifier.scores(rows, values, neighbours), abs=1e-6)


def test_a_loaded_classifier_gives_the_same_scores(classifier: TargetClassifier) -> None:
    """JSON, arrays and LightGBM's own text are all that it takes to rebuild a classifier."""
    description, arrays, trees = classifier.to_plain()
    loaded = TargetClassifier.from_plain(json.loads(json.dumps(description)), arrays, trees)
    rows, values, neighbours = _rows(9)
    assert loaded.target == classifier.target
    assert loaded.scores(rows, values, neighbours).tolist() == classifier.scores(rows, values, neighbours).tolist()


def test_features_move_scores_by_their_weights(classifier: TargetClassifier) -> None:
    """A little more of a feature moves what is linear or on the scale by the weights that reasons are ranked by."""
    linear = replace(classifier, boosted=None, voting=None)
    ids, values = np.arange(FEATURES, dtype=np.int32), np.random.default_rng(8).random(FEATURES)
    moved = np.stack([values, *(values + 1e-4 * np.eye(FEATURES))])
    scores = linear.variant_scores(ids, np.ones((FEATURES + 1, FEATURES)), moved, [])
    assert linear.feature_weights(ids, values) == pytest.approx((scores[1:] - scores[0]) / 1e-4, abs=1e-3)


def test_trees_never_drown_the_others() -> None:
    """A label that the trees hold for impossible keeps a floor, so that the linear model can still speak for it."""
    sure = _booster(3, rounds=300)
    counts = sparse.csr_matrix(np.random.default_rng(2).integers(0, 4, (300, len(COLUMNS))).astype(np.float64))
    assert np.asarray(sure.predict(counts)).min() < LEAST_PROBABILITY / 10
    logarithms = BoostedTrees(sure, COLUMNS, 1.0).log_probabilities(counts)
    assert logarithms.min() == pytest.approx(np.log(LEAST_PROBABILITY))


_SCORES = st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=8).map(lambda scores: np.array([scores]))


@given(_SCORES, st.floats(-1e4, 1e4))
def test_probabilities_sum_to_one(scores: NDArray[np.float64], shift: float) -> None:
    """Scores however large give probabilities that sum to one, in the scores' order; adding to all changes nothing."""
    found = probabilities(scores)
    assert found.sum() == pytest.approx(1.0)
    assert np.all((found >= 0) & (found <= 1))
    assert found[0, scores.argmax()] == found.max()
    assert probabilities(scores + shift) == pytest.approx(found, abs=1e-9)


@given(st.lists(st.floats(-15, 15), min_size=2, max_size=8), st.data())
def test_log_odds_are_those_of_the_probability(scores: list[float], data: st.DataObject) -> None:
    """The log-odds of a label are the logarithm of its probability over that of all others."""
    label = data.draw(st.integers(0, len(scores) - 1))
    chance = probabilities(np.array([scores]))[0]
    others = np.delete(chance, label).sum()
    assert log_odds(np.array([scores]), label=label)[0] == pytest.approx(np.log(chance[label] / others), abs=1e-6)
