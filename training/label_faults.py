"""Labels that are probably wrong, and how many there are: read off what models say of tickets they were not fitted on.

Which labels: confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 2021). A model is confident of a label where it gives it at least the probability that tickets of this
label get on average; a ticket is suspected where that is another label than it bears. The paper's count is some
twenty lines, written here anew: on twelve sets of scores they gave the counts of the package cleanlab, which would be
one more dependency for them.

How many: the paper's count takes whatever a model confuses for wrong labels, which is right where labels lie apart and
too much where they overlap: with 15 % of the labels of banking77 flipped it said 16 %, with 10 % of those of endava's
categories 31 %. The surest quarter says it better, 16 % and 12 % there. Where a model is sure the tickets are far from
every border, so that most of what is labelled otherwise is labelled wrong; and if agents err as often on easy tickets
as on others, the share is that of the whole history. Both are stated: the truth tends to lie between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.neighbours import NO_LABEL
from features.vectorizer import FloatArray, IntArray

_SUREST_SHARE = 0.25
_NORMAL_QUANTILE = 1.959964


@dataclass(frozen=True, slots=True)
class Share:
    """A share of tickets and its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, count: int) -> Share:
        """Return the share of hits with Wilson's interval; of nothing anything may be true."""
        if not count:
            return cls(0.0, 0.0, 1.0)
        value, square = hits / count, _NORMAL_QUANTILE**2 / count
        middle = (value + square / 2) / (1 + square)
        reach = np.sqrt(value * (1 - value) * square + square**2 / 4) / (1 + square)
        return cls(value, max(0.0, float(middle - reach)), min(1.0, float(middle + reach)))

    @property
    def rest(self) -> Share:
        """What is left of one."""
        return Share(1 - self.value, 1 - self.high, 1 - self.low)


@dataclass(frozen=True, slots=True)
class SuspectedLabel:
    """A ticket, by its place, whose label is probably wrong; labels are numbers.

    `is_likely` marks as many of the most suspected as there are wrong labels by the estimate.
    """

    place: int
    given: int
    suggested: int
    given_probability: float
    suggested_probability: float
    is_likely: bool = False


@dataclass(frozen=True, slots=True)
class LabelNoise:
    """The share of wrong labels: among the tickets that models are surest of, and by confident learning.

    `per_label` and `per_label_confident` tell both for the tickets that bear each label.
    """

    share: Share
    confident_share: float
    per_label: tuple[Share, ...]
    per_label_confident: tuple[float, ...]

    @property
    def ceiling(self) -> Share:
        """The accuracy that a model which is always right would have against labels with this share of wrong ones."""
        return self.share.rest


def label_noise(probabilities: FloatArray, given: IntArray) -> LabelNoise:
    """Estimate the share of wrong labels from out-of-fold probabilities (tickets, labels) and the labels given."""
    label_count = probabilities.shape[1]
    predicted, sureness = probabilities.argmax(axis=1), probabilities.max(axis=1)
    surest = _surest(sureness)
    frequency = np.bincount(given, minlength=label_count)
    confident = confident_labels(probabilities, given)
    told = [confident[(given == label) & (confident != NO_LABEL)] for label in range(label_count)]
    confident_shares = [float((seen != label).mean()) if len(seen) else 0.0 for label, seen in enumerate(told)]
    return LabelNoise(
        Share.of(int((predicted != given)[surest].sum()), len(surest)),
        float(frequency @ np.array(confident_shares)) / max(len(given), 1),
        tuple(_per_label(predicted, sureness, given, label_count=label_count)),
        tuple(confident_shares),
    )


def _per_label(
    predicted: NDArray[np.intp], sureness: FloatArray, given: IntArray, *, label_count: int
) -> Iterator[Share]:
    """Yield for each label how many bear it wrongly among the surest quarter of what is predicted as each other label.

    The share is that of a quarter of the label's own tickets: those among the surest are not a fair sample of them,
    since a label that the models are never sure of has only its wrong ones there.
    """
    is_surest = np.zeros(len(given), bool)
    for label in range(label_count):
        places = np.flatnonzero(predicted == label)
        is_surest[places[_surest(sureness[places])]] = True
    wrong = np.bincount(given[is_surest & (predicted != given)], minlength=label_count)
    for label, count in enumerate(np.bincount(given, minlength=label_count).tolist()):
        quarter = int(np.ceil(count * _SUREST_SHARE))
        yield Share.of(min(int(wrong[label]), quarter), quarter)


def _surest(sureness: FloatArray) -> NDArray[np.intp]:
    """Return the places of the surest quarter."""
    return np.argsort(-sureness, kind="stable")[: int(np.ceil(len(sureness) * _SUREST_SHARE))]


def suspected_labels(probabilities: FloatArray, given: IntArray) -> list[SuspectedLabel]:
    """Return the tickets whose label is probably wrong, those first where the suggested label is furthest ahead.

    `probabilities` (tickets, labels) are out of fold, `given` (tickets,) the numbers of the labels people gave.
    Suggested is the most probable label.
    """
    best = probabilities.argmax(axis=1)
    confident = confident_labels(probabilities, given)
    places = np.flatnonzero((confident != NO_LABEL) & (confident != given) & (best != given))
    lead = probabilities[places, best[places]] - probabilities[places, given[places]]
    likely_count = round(label_noise(probabilities, given).share.value * len(given))
    return [
        SuspectedLabel(
            place=int(place),
            given=int(given[place]),
            suggested=int(best[place]),
            given_probability=float(probabilities[place, given[place]]),
            suggested_probability=float(probabilities[place, best[place]]),
            is_likely=rank < likely_count,
        )
        for rank, place in enumerate(places[np.argsort(-lead, kind="stable")])
    ]


def confident_labels(probabilities: FloatArray, given: IntArray) -> NDArray[np.intp]:
    """Return the label that the model is confident of for each ticket, or NO_LABEL.

    That is the most probable of the labels with at least the probability that tickets bearing them get on average.
    """
    label_count = probabilities.shape[1]
    usual = [
        probabilities[given == label, label].mean() if (given == label).any() else np.inf
        for label in range(label_count)
    ]
    reached = np.where(probabilities >= np.array(usual), probabilities, -1.0)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), NO_LABEL)
