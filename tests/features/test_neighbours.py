"""Past tickets as voters."""

from __future__ import annotations

import numpy as np
import pytest

from features.neighbours import NO_LABEL, NOBODY, NeighbourIndex, Neighbours, NeighbourVotes

TEXTS = ["vpn 연결이 끊겨요", "vpn tunnel drops", "프린터 용지가 걸렸어요", "paper jam again", "vpn 접속 오류"]


def test_the_nearest_tickets_share_words() -> None:
    """Neighbours are the past tickets with words in common, each with how near it is."""
    near = NeighbourIndex.fit(TEXTS).nearest("vpn tunnel")
    cosine = dict(zip(near.tickets.tolist(), near.cosines.tolist(), strict=True))
    assert max(cosine, key=lambda ticket: cosine[ticket]) == 1
    assert cosine.get(3, 0.0) == 0.0
    assert all(0.0 <= value <= 1.0 + 1e-9 for value in cosine.values())


@pytest.mark.parametrize("text", ["", "  ", "ζξψ"])
def test_a_text_of_unknown_words_has_no_neighbour_that_counts(text: str) -> None:
    """Where nothing is known nobody votes, and the labels are as frequent as they were."""
    index = NeighbourIndex.fit(TEXTS)
    votes = NeighbourVotes.counted(np.array([0, 0, 1, 1, 0], np.int32), label_count=2)
    assert np.exp(votes.scores([index.nearest(text)]))[0] == pytest.approx([0.6, 0.4])
    assert np.exp(votes.scores([NOBODY]))[0] == pytest.approx([0.6, 0.4])


def test_a_vote_weighs_its_nearness_squared() -> None:
    """Each neighbour votes for its label, near ones more; a ticket without the label does not vote."""
    votes = NeighbourVotes.counted(np.array([0, 1, NO_LABEL, 0], np.int32), label_count=2)
    near = Neighbours(np.array([0, 1, 2], np.int32), np.array([0.5, 1.0, 1.0]))
    prior = 0.1 * np.array([2 / 3, 1 / 3])
    expected = (np.array([0.25, 1.0]) + prior) / (1.25 + 0.1)
    assert np.exp(votes.scores([near]))[0] == pytest.approx(expected)


def test_a_loaded_index_finds_the_same() -> None:
    """An index survives being written as arrays."""
    index = NeighbourIndex.fit(TEXTS)
    loaded = NeighbourIndex.from_plain(*index.to_plain())
    for text in TEXTS:
        ours, theirs = index.nearest(text), loaded.nearest(text)
        assert (ours.tickets.tolist(), ours.cosines.tolist()) == (theirs.tickets.tolist(), theirs.cosines.tolist())
