"""What a model says of a ticket."""

from __future__ import annotations

import pytest

from features.predictions import Prediction, RankedLabel


def test_the_first_of_the_ranking_is_the_prediction() -> None:
    """A prediction's label and probability are those ranked first."""
    prediction = Prediction("category", (RankedLabel("network", 0.7), RankedLabel("account", 0.3)))
    assert (prediction.label, prediction.probability) == ("network", 0.7)


def test_a_prediction_without_labels_has_no_label() -> None:
    """An empty ranking is a mistake that does not pass for an answer."""
    with pytest.raises(IndexError):
        _ = Prediction("category", ()).label
