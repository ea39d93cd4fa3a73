"""Priority through a matrix: learned cells, probabilities that add up, and scores that reasons can be taken from."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from features.classifier import TargetClassifier, probabilities
from features.priority_matrix import MatrixClassifier, PriorityMatrix, scorers
from features.taxonomy import Target, TargetKind
from features.vectorizer import FeatureRow

Labels = NDArray[np.int32]
FEATURES = 6
SHAPE = (3, 3, 5)


def _tickets(count: int = 300) -> tuple[Labels, Labels, Labels]:
    """Return impacts, urgencies and the priorities that are their sum; nobody has the lowest of both."""
    random = np.random.default_rng(0)
    impact, urgency = (random.integers(0, 3, count).astype(np.int32) for _ in range(2))
    seen = (impact < 2) | (urgency < 2)
    return impact[seen], urgency[seen], (impact + urgency)[seen]


def _classifier(name: str, label_count: int, *, seed: int) -> TargetClassifier:
    random = np.random.default_rng(seed)
    target = Target(name, TargetKind.ORDINAL, tuple(str(number + 1) for number in range(label_count)))
    weights = random.normal(size=(FEATURES, label_count)).astype(np.float32)
    return TargetClassifier(target, weights, random.normal(size=label_count), None)


CLASSIFIERS = {
    "impact": _classifier("impact", 3, seed=1),
    "urgency": _classifier("urgency", 3, seed=2),
    "priority": _classifier("priority", 5, seed=3),
}


def test_a_rule_is_learned_from_its_tickets() -> None:
    """Where every ticket has the priority of its cell, the matrix holds, and each cell points to its priority."""
    matrix = PriorityMatrix.learned(*_tickets(), shape=SHAPE)
    assert matrix.holds == 1.0
    sums = np.add.outer(np.arange(3), np.arange(3))
    seen = sums < 4
    assert (matrix.cells.argmax(axis=2) == sums)[seen].all()
    assert matrix.cells.sum(axis=2) == pytest.approx(np.ones((3, 3)))


def test_a_cell_without_tickets_is_as_its_neighbour() -> None:
    """The lowest impact with the lowest urgency, never seen, is taken for the more pressing of the cells beside it."""
    assert PriorityMatrix.learned(*_tickets(), shape=SHAPE).cells[2, 2].argmax() == 3


def test_exceptions_leave_doubt() -> None:
    """One ticket in ten against the rule, and the other priorities get that much of a chance between them."""
    impact, urgency, priority = _tickets(2000)
    against = priority.copy()
    against[::10] = (priority[::10] + 1) % 5
    matrix = PriorityMatrix.learned(impact, urgency, against, shape=SHAPE)
    assert matrix.holds == pytest.approx(0.9, abs=0.01)
    assert 0.9 <= matrix.cells[0, 0].max() < 0.95
    assert matrix.cells.min() > 0


def test_a_priority_is_as_probable_as_what_leads_to_it() -> None:
    """Its probability is summed over the cells, each as probable as its impact and its urgency together."""
    matrix = PriorityMatrix.learned(*_tickets(), shape=SHAPE)
    impact, urgency = np.array([[0.5, 0.5, 0.0]]), np.array([[0.2, 0.8, 0.0]])
    found = matrix.probabilities(impact, urgency)
    assert found.sum() == pytest.approx(1.0)
    assert found[0] == pytest.approx([0.1, 0.5, 0.4, 0.0, 0.0], abs=0.01)


def test_a_priority_is_scored_through_impact_and_urgency() -> None:
    """Scores alone and of variants are the logarithms of the same sum over the matrix."""
    matrix = PriorityMatrix.learned(*_tickets(), shape=SHAPE)
    through = scorers(CLASSIFIERS, matrix)["priority"]
    random = np.random.default_rng(5)
    values = random.random((4, FEATURES))
    ids, counts = np.arange(FEATURES, dtype=np.int32), np.ones((4, FEATURES))
    rows = [FeatureRow(ids, count) for count in counts]
    sides = [probabilities(CLASSIFIERS[name].scores(rows, list(values), [])) for name in ("impact", "urgency")]
    scores = through.scores(rows, list(values), [])
    assert scores == pytest.approx(np.log(matrix.probabilities(*sides)))
    assert through.variant_scores(ids, counts, values, []) == pytest.approx(scores, abs=1e-6)
    assert through.target == CLASSIFIERS["priority"].target


def test_features_that_raise_impact_raise_priority() -> None:
    """What speaks for the highest impact and the highest urgency speaks for the highest priority."""
    weights = np.zeros((FEATURES, 3), np.float32)
    weights[0, 0], weights[1, 2] = 2.0, 2.0
    sides = [TargetClassifier(CLASSIFIERS[name].target, weights, np.zeros(3), None) for name in ("impact", "urgency")]
    matrix = PriorityMatrix.learned(*_tickets(), shape=SHAPE)
    through = MatrixClassifier(CLASSIFIERS["priority"].target, matrix, *sides)
    found = through.feature_weights(np.arange(FEATURES, dtype=np.int32), np.ones(FEATURES))
    assert found[0].argmax() == 0
    assert found[1].argmax() > 1
    assert not found[2:].any()


def test_without_a_matrix_each_target_scores_itself() -> None:
    """Nothing in force leaves every target to its own classifier; a matrix changes priority alone."""
    assert scorers(CLASSIFIERS, None) == CLASSIFIERS
    through = scorers(CLASSIFIERS, PriorityMatrix.learned(*_tickets(), shape=SHAPE))
    assert [name for name in CLASSIFIERS if through[name] is not CLASSIFIERS[name]] == ["priority"]


def test_a_matrix_is_stored_in_plain_formats() -> None:
    """JSON and an array are all that it takes to rebuild a matrix."""
    matrix = PriorityMatrix.learned(*_tickets(), shape=SHAPE)
    description, arrays = matrix.to_plain()
    loaded = PriorityMatrix.from_plain(json.loads(json.dumps(description)), arrays)
    assert loaded.holds == matrix.holds
    assert loaded.cells.tolist() == matrix.cells.tolist()
