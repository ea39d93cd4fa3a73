"""What tickets that came more than once say of the labels: of two labels of one text, one at least is wrong.

This needs no model. It speaks of repeated tickets only, often alerts and templates, which may be labelled more alike
than others are; and where the border of two labels is fuzzy, neither may be the wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.vectorizer import IntArray
from training.label_faults import Share

_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class RepeatedLabels:
    """How often the labels of repeated tickets differ: the share of differing pairs, the mean over tickets.

    `tickets` is the number of tickets with a repeat, `texts` of how many different ones.
    """

    tickets: int
    texts: int
    differing: Share

    @property
    def wrong(self) -> Share:
        """The share of wrong labels that this implies if labels are wrong independently of each other.

        Two labels of a text agree where both are right, so that the share of right ones is the root of that of the
        pairs that agree. Nothing that sees the text alone can agree with more of the labels, right or not.
        """
        return Share(
            *(float(1 - np.sqrt(1 - each)) for each in (self.differing.value, self.differing.low, self.differing.high))
        )


def repeated_labels(groups: IntArray, given: IntArray, *, seed: int) -> RepeatedLabels | None:
    """Compare the labels within groups of repeated tickets; None where no ticket is repeated.

    `groups` (tickets,) numbers the texts, `given` (tickets,) the labels. The interval is drawn over groups.
    """
    counts = _counts(groups, given)
    sizes = counts.sum(axis=1)
    counts, sizes = counts[sizes > 1], sizes[sizes > 1]
    if not len(sizes):
        return None
    alike = (counts * (counts - 1)).sum(axis=1) / (sizes * (sizes - 1))
    differing = sizes * (1 - alike)
    random = np.random.default_rng(seed)
    drawn = (random.integers(0, len(sizes), len(sizes)) for _ in range(_RESAMPLES))
    low, high = np.percentile([differing[chosen].sum() / sizes[chosen].sum() for chosen in drawn], (2.5, 97.5))
    value = float(differing.sum() / sizes.sum())
    return RepeatedLabels(int(sizes.sum()), len(sizes), Share(value, float(low), float(high)))


@dataclass(frozen=True, slots=True)
class Vote:
    """The label, by its number, that most of a ticket's repeats bear: how many of how many others."""

    label: int
    agreeing: int
    others: int


def votes_of_repeats(groups: IntArray, given: IntArray) -> dict[int, Vote]:
    """Return what the other tickets of its group say of each repeated ticket, by its place."""
    votes = {}
    counts = _counts(groups, given)
    for place in np.flatnonzero(counts.sum(axis=1)[groups] > 1).tolist():
        others = counts[groups[place]].copy()
        others[given[place]] -= 1
        votes[place] = Vote(int(others.argmax()), int(others.max()), int(others.sum()))
    return votes


def identical_groups(texts: Sequence[str]) -> IntArray:
    """Return a group number per text: texts that differ in spaces and capitals alone share one."""
    normalized = [" ".join(text.casefold().split()) or f"\0{place}" for place, text in enumerate(texts)]
    return np.unique(np.array(normalized, object), return_inverse=True)[1].astype(np.int32)


def _counts(groups: IntArray, given: IntArray) -> IntArray:
    """Return how many tickets of each group bear each label, (groups, labels)."""
    counts = np.zeros((int(groups.max()) + 1, int(given.max()) + 1), np.int32)
    np.add.at(counts, (groups, given), 1)
    return counts
