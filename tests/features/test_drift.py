"""Live tickets unlike those of the evidence are found, however often one looks, and like ones raise no alarm."""

from __future__ import annotations

import json

import numpy as np

from features.drift import DriftSignal, DriftWatch
from features.evidence import Evidence

_LABELS = ("access", "network", "printer")
_SHARES = np.array([0.5, 0.3, 0.2])


def _evidence(seed: int) -> Evidence:
    random = np.random.default_rng(seed)
    predicted = random.choice(3, 600, p=_SHARES)
    sure = 0.5 + random.random(600) / 2
    probabilities = np.repeat(((1 - sure) / 2)[:, None], 3, axis=1)
    probabilities[np.arange(600), predicted] = sure
    return Evidence(_LABELS, probabilities, predicted.astype(np.int32), np.full(600, "ko"))


def _watched(seed: int, *, shares: np.ndarray = _SHARES, new: float = 0.0, unsure: float = 0.0) -> DriftWatch:
    random = np.random.default_rng([seed, 1])
    watch = DriftWatch.begin(_evidence(seed))
    for _ in range(300):
        novelty = 0.97 + 0.03 * random.random() if random.random() < new else random.random()
        probability = 0.5 + 0.1 * random.random() if random.random() < unsure else 0.5 + random.random() / 2
        label = _LABELS[random.choice(3, p=shares)]
        watch = watch.seen(label, probability, novelty=novelty, draw=random.random())
    return watch


def test_tickets_like_those_of_the_evidence_raise_no_alarm() -> None:
    """Of 40 watches of 300 tickets no more than three raise one."""
    assert sum(bool(_watched(seed).found) for seed in range(40)) <= 3


def test_each_signal_finds_its_own_drift() -> None:
    """Another mix of labels, unknown words and unsure answers are found, each by the signal that sees it."""
    assert DriftSignal.LABEL in _watched(1, shares=np.array([0.2, 0.3, 0.5])).found
    assert DriftSignal.NOVELTY in _watched(1, new=0.3).found
    assert DriftSignal.CONFIDENCE in _watched(1, unsure=0.5).found


def test_a_watch_survives_being_stored() -> None:
    """What is read back from JSON is what was written."""
    watch = _watched(2)
    assert DriftWatch.from_plain(json.loads(json.dumps(watch.to_plain()))) == watch
