"""Held-out predictions, and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest

from features.evidence import Evidence

EVIDENCE = Evidence(
    labels=("account", "network", "printer"),
    probabilities=np.array([[0.9, 0.1, 0.0], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6], [0.4, 0.35, 0.25]]),
    actual=np.array([0, 1, 1, 2], np.int32),
    languages=np.array(["ko", "en", "ko", "ko"]),
)


def test_predictions_follow_from_the_probabilities() -> None:
    """The most probable label is what is predicted; it is right where it is the actual one."""
    assert EVIDENCE.predicted.tolist() == [0, 1, 2, 0]
    assert EVIDENCE.confidence.tolist() == [0.9, 0.6, 0.6, 0.4]
    assert EVIDENCE.right.tolist() == [True, True, False, False]


def test_the_summary_counts_by_language_and_confidence() -> None:
    """For each threshold the summary tells which share of tickets lies above it, and which share of these is right."""
    summary = EVIDENCE.summary()
    assert (summary["tickets"], summary["languages"]) == (4, {"en": 1, "ko": 3})
    table = {row["threshold"]: (row["coverage"], row["precision"]) for row in summary["precision_and_coverage"]}
    assert table[0.0] == (1.0, 0.5)
    assert table[0.5] == (0.75, pytest.approx(2 / 3))
    assert table[0.9] == (0.25, 1.0)
    assert table[0.95] == (0.0, None)


def test_evidence_is_read_back() -> None:
    """Evidence survives being written as arrays, at the precision of a float of 32 bits."""
    arrays = EVIDENCE.to_arrays()
    assert not any(array.dtype.hasobject for array in arrays.values())
    loaded = Evidence.from_arrays(EVIDENCE.labels, arrays)
    assert loaded.probabilities == pytest.approx(EVIDENCE.probabilities, abs=1e-7)
    assert loaded.actual.tolist() == EVIDENCE.actual.tolist()
    assert loaded.languages.tolist() == EVIDENCE.languages.tolist()
    assert loaded.summary()["languages"] == EVIDENCE.summary()["languages"]
