"""Wrong labels are told from what models say of tickets that they have not seen, and counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.neighbours import NO_LABEL
from training.label_faults import Share, confident_labels, label_noise, suspected_labels


@dataclass(frozen=True, slots=True)
class Labelled:
    """Tickets of known labels of which a known share was given another, and what an honest model says of them."""

    probabilities: NDArray[np.float64]
    right: NDArray[np.int32]
    given: NDArray[np.int32]

    @property
    def unsure(self) -> float:
        """How often the surest quarter of what the model says is wrong of the right labels."""
        surest = np.argsort(-self.probabilities.max(axis=1))[: len(self.right) // 4]
        return float((self.probabilities.argmax(axis=1) != self.right)[surest].mean())

    @property
    def is_wrong(self) -> NDArray[np.bool_]:
        """Which labels are wrong."""
        return self.right != self.given


def _labelled(*, count: int, label_count: int, noise: float, sureness: float, seed: int) -> Labelled:
    """Draw tickets whose right labels a model knows more or less surely, and give a share of them any other label."""
    random = np.random.default_rng(seed)
    known = np.exp(sureness * random.gumbel(size=(count, label_count)))
    known /= known.sum(axis=1, keepdims=True)
    right = (known.cumsum(axis=1) > random.random((count, 1))).argmax(axis=1).astype(np.int32)
    is_wrong = random.random(count) < noise
    other = (right + random.integers(1, label_count, count)) % label_count
    # An honest model of the labels given expects the wrong ones too.
    expected = (1 - noise) * known + noise * (1 - known) / (label_count - 1)
    return Labelled(expected, right, np.where(is_wrong, other, right).astype(np.int32))


@settings(max_examples=40, deadline=None)
@given(
    label_count=st.integers(2, 12),
    noise=st.floats(0.0, 0.25),
    sureness=st.floats(1.5, 4.0),
    seed=st.integers(0, 2**31),
)
def test_the_share_of_wrong_labels_is_found(label_count: int, noise: float, sureness: float, seed: int) -> None:
    """However many labels, however hard the tickets: the estimate is the share of labels that were changed.

    It is off by no more than what the models are unsure of even in their surest quarter, and by chance.
    """
    drawn = _labelled(count=3000, label_count=label_count, noise=noise, sureness=sureness, seed=seed)
    found = label_noise(drawn.probabilities, drawn.given).share
    chance = 4 * np.sqrt(max(noise, 0.01) * (1 - noise) / 750)
    assert noise - chance <= found.value <= noise + drawn.unsure + chance
    assert found.low <= found.value <= found.high


def test_confident_learning_counts_overlap_as_well() -> None:
    """Where labels lie apart both counts are right; where they overlap confident learning finds far too many."""
    apart, overlapping = (
        label_noise(drawn.probabilities, drawn.given)
        for drawn in (_labelled(count=8000, label_count=5, noise=0.08, sureness=sure, seed=2) for sure in (40.0, 2.5))
    )
    assert apart.confident_share == pytest.approx(0.08, abs=0.015)
    assert apart.share.value == pytest.approx(0.08, abs=0.015)
    assert overlapping.confident_share > 0.16
    assert overlapping.share.value < 0.115


def test_the_interval_holds_the_true_share() -> None:
    """Of 100 histories of easy tickets the 95 % interval misses the true share in about five."""
    drawn = [_labelled(count=2000, label_count=4, noise=0.06, sureness=40.0, seed=seed) for seed in range(100)]
    found = [label_noise(each.probabilities, each.given).share for each in drawn]
    assert 88 <= sum(share.low <= 0.06 <= share.high for share in found) <= 100


def test_wrong_labels_of_one_label_are_its_own() -> None:
    """Where one label was given to others' tickets, it is the one of which much is wrong."""
    drawn = _labelled(count=4000, label_count=4, noise=0.0, sureness=6.0, seed=5)
    given_labels = drawn.given.copy()
    given_labels[np.flatnonzero(drawn.right != 2)[::10]] = 2
    noise = label_noise(drawn.probabilities, given_labels)
    assert noise.per_label[2].low > 0.15
    assert max(noise.per_label[label].value for label in (0, 1, 3)) < 0.05


@pytest.mark.parametrize("sureness", [2.0, 5.0])
def test_suspected_labels_are_mostly_wrong_ones(sureness: float) -> None:
    """The list holds wrong labels five times as often as chance would, the likely ones more, and right labels."""
    drawn = _labelled(count=4000, label_count=6, noise=0.05, sureness=sureness, seed=1)
    suspects = suspected_labels(drawn.probabilities, drawn.given)
    places = np.array([suspect.place for suspect in suspects])
    likely = np.array([suspect.place for suspect in suspects if suspect.is_likely])
    assert drawn.is_wrong[places].mean() > 5 * drawn.is_wrong.mean()
    assert drawn.is_wrong[likely].mean() >= drawn.is_wrong[places].mean()
    assert drawn.is_wrong[places].sum() > 0.5 * drawn.is_wrong.sum()
    hits = [suspect for suspect in suspects if drawn.is_wrong[suspect.place]]
    assert np.mean([suspect.suggested == drawn.right[suspect.place] for suspect in hits]) > 0.8


def test_the_most_suspected_come_first() -> None:
    """Order and marks follow how far the suggested label is ahead, and every entry tells the probabilities of both."""
    drawn = _labelled(count=1000, label_count=4, noise=0.1, sureness=2.0, seed=3)
    suspects = suspected_labels(drawn.probabilities, drawn.given)
    lead = [suspect.suggested_probability - suspect.given_probability for suspect in suspects]
    assert lead == sorted(lead, reverse=True)
    marks = [suspect.is_likely for suspect in suspects]
    assert marks == sorted(marks, reverse=True)
    assert 0 < sum(marks) < len(marks)
    for suspect in suspects[:20]:
        assert suspect.given == drawn.given[suspect.place] != suspect.suggested
        assert suspect.given_probability == drawn.probabilities[suspect.place, suspect.given]


def test_a_model_is_confident_of_a_label_from_its_usual_probability_on() -> None:
    """The threshold of a label is the mean probability among the tickets that bear it; below all there is none."""
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]])
    given_labels = np.array([0, 0, 1, 1, 0], np.int32)
    assert confident_labels(probabilities, given_labels).tolist() == [0, NO_LABEL, NO_LABEL, 1, NO_LABEL]


def test_a_label_that_nobody_bears_is_never_suggested_with_confidence() -> None:
    """A label of the target without tickets breaks nothing and is nobody's."""
    probabilities = np.array([[0.5, 0.2, 0.3], [0.1, 0.2, 0.7], [0.2, 0.1, 0.7]])
    given_labels = np.array([0, 0, 0], np.int32)
    assert set(confident_labels(probabilities, given_labels).tolist()) <= {0, NO_LABEL}
    assert label_noise(probabilities, given_labels).per_label[1] == Share(0.0, 0.0, 1.0)


@given(hits=st.integers(0, 50), more=st.integers(0, 200))
def test_a_share_lies_in_its_interval(hits: int, more: int) -> None:
    """The interval holds the share, lies between 0 and 1, and that of the rest is its mirror image."""
    share = Share.of(hits, hits + more)
    assert 0 <= share.low <= share.value + 1e-12
    assert share.value - 1e-12 <= share.high <= 1
    assert share.rest.low == 1 - share.high
    if hits + more:
        assert (
            share.high - share.low
            > Share.of(10 * hits, 10 * (hits + more)).high - Share.of(10 * hits, 10 * (hits + more)).low
        )
