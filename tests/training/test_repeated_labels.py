"""Repeats of one text with different labels tell how many labels are wrong, without a model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.repeated_labels import Vote, identical_groups, repeated_labels, votes_of_repeats


@settings(max_examples=25, deadline=None)
@given(wrong=st.floats(0.0, 0.3), label_count=st.integers(5, 20), seed=st.integers(0, 2**31))
def test_the_share_of_wrong_labels_follows(wrong: float, label_count: int, seed: int) -> None:
    """Labels that are wrong independently of each other give their share away by how often repeats differ."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(1500), random.integers(1, 5, 1500)).astype(np.int32)
    right = random.integers(0, label_count, 1500)[groups]
    changed = random.random(len(groups)) < wrong
    given_labels = np.where(changed, (right + random.integers(1, label_count, len(groups))) % label_count, right)
    found = repeated_labels(groups, given_labels.astype(np.int32), seed=0)
    assert found is not None
    # Two wrong labels may be the same one, which hides them: the more labels, the less.
    assert found.wrong.value == pytest.approx(wrong, abs=0.02 + 0.6 * wrong**2 / label_count + 0.05 * wrong)
    assert found.wrong.low <= found.wrong.value <= found.wrong.high


def test_every_ticket_counts_once() -> None:
    """A pair with two labels differs wholly; in a group of four with one odd label the four differ half of the time."""
    pair = repeated_labels(np.array([0, 0, 1], np.int32), np.array([0, 1, 1], np.int32), seed=0)
    assert pair is not None
    assert (pair.tickets, pair.texts, pair.differing.value) == (2, 1, 1.0)
    four = repeated_labels(np.zeros(4, np.int32), np.array([0, 0, 0, 1], np.int32), seed=0)
    assert four is not None
    assert four.differing.value == pytest.approx(0.5)


def test_nothing_is_said_without_repeats() -> None:
    """Where no ticket is repeated there is nothing to compare."""
    assert repeated_labels(np.arange(5, dtype=np.int32), np.zeros(5, np.int32), seed=0) is None


def test_a_ticket_has_no_vote_on_itself() -> None:
    """What repeats say of a ticket is what the others of its group bear."""
    votes = votes_of_repeats(np.array([0, 0, 0, 1, 2, 2], np.int32), np.array([1, 1, 0, 0, 2, 2], np.int32))
    assert votes[2] == Vote(label=1, agreeing=2, others=2)
    assert votes[0].others == 2
    assert votes[4] == Vote(label=2, agreeing=1, others=1)
    assert 3 not in votes


def test_identical_texts_differ_in_spaces_and_capitals_alone() -> None:
    """Empty texts say nothing, so none is another's repeat."""
    groups = identical_groups(["VPN  down", "vpn down", "VPN 접속", "", ""])
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 4
