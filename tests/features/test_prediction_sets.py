"""Sets of labels hold the right one as often as stated, on the tickets that are left to people."""

from __future__ import annotations

import numpy as np
import pytest

from features.decisions import Policy, runs_unattended
from features.errors import SettingsError
from features.evidence import Evidence
from features.prediction_sets import PredictionSets

_POLICY = Policy(autofill_from=0.9)


def _evidence(count: int, seed: int) -> Evidence:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(4, 0.4), count)
    actual = (probabilities.cumsum(axis=1) > random.random((count, 1))).argmax(axis=1)
    return Evidence(("a", "b", "c", "d"), probabilities, actual.astype(np.int32), np.full(count, "en"))


def test_sets_keep_their_coverage_where_people_decide() -> None:
    """Over 60 calibrations the right label is in nine of ten sets, and these are smaller than all labels."""
    live = _evidence(4000, 999)
    left = np.flatnonzero(~runs_unattended(live, _POLICY))
    covered, sizes = [], []
    for seed in range(60):
        limit = PredictionSets.fit(_evidence(300, seed), _POLICY).limit
        inside = live.probabilities[left] >= limit
        inside[np.arange(len(left)), live.predicted[left]] = True
        covered.append(inside[np.arange(len(left)), live.actual[left]].mean())
        sizes.append(inside.sum(axis=1).mean())
    assert 0.89 <= np.mean(covered) <= 0.93
    assert np.mean(sizes) < 3


def test_a_set_names_the_most_probable_first_and_is_never_empty() -> None:
    """Labels at least as probable as the limit come in order; the most probable one stands even below it."""
    sets = PredictionSets(("a", "b", "c"), 0.9, 0.3, 100)
    assert sets.of(np.array([0.3, 0.6, 0.1])) == ("b", "a")
    assert PredictionSets(("a", "b"), 0.9, 0.9, 100).of(np.array([0.4, 0.6])) == ("b",)
    assert PredictionSets.from_plain(sets.to_plain()) == sets


def test_too_few_tickets_give_sets_of_all_labels() -> None:
    """Coverage is kept where nothing is known: every label is in the set, and it says that it tells nothing."""
    sets = PredictionSets.fit(_evidence(5, 1), _POLICY)
    assert not sets.is_informative
    assert len(sets.of(np.array([0.97, 0.01, 0.01, 0.01]))) == 4


def test_a_coverage_that_is_none_is_refused() -> None:
    """A coverage is a share between 0 and 1."""
    with pytest.raises(SettingsError, match=r"1\.0"):
        PredictionSets.fit(_evidence(5, 1), _POLICY, coverage=1.0)
