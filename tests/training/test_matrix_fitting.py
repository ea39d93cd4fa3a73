"""Whether priority is predicted through the matrix: only where it is a rule, and better out of fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from features.history import ColumnMapping
from features.priority_matrix import PriorityMatrix
from features.taxonomy import target_from_labels
from training.datasets import read_history
from training.matrix_fitting import FittedMatrix, OutOfFold, fit_matrix

COUNT = 400


def _out_of_fold(actual: NDArray[np.int64], *, label_count: int, sure: float) -> OutOfFold:
    """Return a pool that gives every ticket's label this probability, and the others the rest."""
    probabilities = np.full((len(actual), label_count), (1 - sure) / (label_count - 1))
    probabilities[np.arange(len(actual)), actual] = sure
    return OutOfFold(np.arange(len(actual), dtype=np.int32), actual.astype(np.int32), probabilities)


def _fitted(*, exceptions: float = 0.0, direct: float = 0.6, most: int = COUNT) -> FittedMatrix | None:
    random = np.random.default_rng(1)
    impact, urgency = (random.integers(0, 3, COUNT) for _ in range(2))
    priority = impact + urgency
    priority[random.random(COUNT) < exceptions] = 4
    return fit_matrix(
        {
            "impact": _out_of_fold(impact, label_count=3, sure=0.9),
            "urgency": _out_of_fold(urgency[:most], label_count=3, sure=0.9),
            "priority": _out_of_fold(priority, label_count=5, sure=direct),
        }
    )


def test_a_rule_that_predicts_better_is_in_force() -> None:
    """Impact and urgency known well and a rule between them say more than a poor classifier of priority."""
    found = _fitted()
    assert found is not None
    assert found.matrix.holds == 1.0
    assert found.log_loss < found.direct_log_loss == pytest.approx(-np.log(0.6))
    assert found.is_in_force


def test_a_better_classifier_stays() -> None:
    """A rule is left alone where priority is predicted better without it."""
    found = _fitted(direct=0.95)
    assert found is not None
    assert found.log_loss > found.direct_log_loss
    assert not found.is_in_force


def test_a_habit_is_no_rule() -> None:
    """Where one ticket in ten is an exception, the matrix is reported and not used, however well it predicts."""
    found = _fitted(exceptions=0.1, direct=0.3)
    assert found is not None
    assert found.log_loss < found.direct_log_loss
    assert found.matrix.holds == pytest.approx(0.91, abs=0.03)
    assert not found.is_in_force
    assert found.as_json()["in_force"] is False


def test_only_tickets_with_all_three_labels_count() -> None:
    """The matrix is learned from these alone, and not at all from few."""
    found = _fitted(most=150)
    assert found is not None
    assert found.tickets_count == 150
    assert _fitted(most=60) is None
    assert fit_matrix({"priority": _out_of_fold(np.arange(300) % 5, label_count=5, sure=0.5)}) is None


def test_a_real_helpdesk_has_such_a_rule(shared_datasets: Path) -> None:
    """In a public incident log priority follows from impact and urgency without an exception."""
    rows = read_history(
        shared_datasets / "uci_incident_log" / "events.csv.gz",
        mapping=ColumnMapping({"id": "number", "subject": "number", "created_at": "opened_at"}),
    ).rows
    numbers = []
    targets = [
        target_from_labels(name, {getattr(row, name) for row in rows}) for name in ("impact", "urgency", "priority")
    ]
    for target in targets:
        numbers.append(np.array([target.labels.index(getattr(row, target.name)) for row in rows], np.int32))
    matrix = PriorityMatrix.learned(
        *numbers, shape=(len(targets[0].labels), len(targets[1].labels), len(targets[2].labels))
    )
    assert matrix.holds == 1.0
