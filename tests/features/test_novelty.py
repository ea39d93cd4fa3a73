"""How unlike anything seen a ticket is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.decisions import UNSEEN_FROM, DecisionKind, Policy, decide
from features.neighbours import NOBODY, Neighbours
from features.novelty import Novelty
from features.predictions import Prediction, RankedLabel

COSINES = st.lists(st.floats(0, 1), min_size=0, max_size=20)
SURE = Prediction("category", (RankedLabel("network", 0.99), RankedLabel("account", 0.01)))


def near(*cosines: float) -> Neighbours:
    return Neighbours(np.arange(len(cosines), dtype=np.int32), np.array(cosines))


@given(st.lists(COSINES, min_size=1, max_size=30), COSINES)
def test_is_the_share_of_held_out_tickets_that_were_nearer(held_out: list[list[float]], cosines: list[float]) -> None:
    """The novelty lies between 0 and 1 and survives its plain form."""
    novelty = Novelty.fit([near(*each) for each in held_out])
    assert 0 <= novelty.of(near(*cosines)) <= 1
    assert Novelty.from_arrays(novelty.to_arrays()).of(near(*cosines)) == novelty.of(near(*cosines))


def test_a_ticket_near_to_nothing_is_the_most_novel() -> None:
    """Where no training ticket shares a word, every held-out ticket was nearer."""
    novelty = Novelty.fit([near(0.4, 0.3), near(0.9), near(0.2)])
    assert novelty.of(NOBODY) == 1.0
    assert novelty.of(near(0.9, 0.9, 0.9, 0.9, 0.9)) == 0.0
    assert novelty.of(near(0.5)) == 2 / 3


def test_what_is_unlike_anything_seen_never_runs_unattended() -> None:
    """Above the threshold a sure prediction is still a suggestion, and says why."""
    policy = Policy(autofill_from=0.9)
    assert decide(SURE, policy, novelty=UNSEEN_FROM - 0.01).kind is DecisionKind.AUTOFILL
    decision = decide(SURE, policy, novelty=UNSEEN_FROM)
    assert decision.kind is DecisionKind.SUGGEST
    assert "unlike" in decision.because
