"""Whether live tickets are still like those of the evidence, by a test that may be looked at after every ticket.

Owns what is watched (novelty, predicted label, confidence) and the test. Must not know tickets or their texts. A
change of what is right for the same tickets shows in none of these: audits find it, `features.live_error`.

For each signal every live ticket gets a rank among the tickets of the evidence and the live ones so far. As long as
all come from one source, the ranks are evenly spread and independent, whatever the source (a conformal p-value). A
bettor who learns where ranks gather bets against evenness, with stakes that start anew on every ticket so that a late
change is found as well. An alarm comes with a probability of at most the doubt, at any time together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from features.evidence import Evidence

_BINS = 20
# Ranks are bet on in so many equal parts; older ones count less by this factor with every ticket.
_PARTS = 10
_MEMORY = 0.995
# What the bettor believes before the first ticket: so many tickets in every part.
_CAUTION = 4.0
_LOG_MOST = 700.0


class DriftSignal(StrEnum):
    """What of the live tickets is compared with the evidence."""

    NOVELTY = "novelty"
    LABEL = "label"
    CONFIDENCE = "confidence"


@dataclass(frozen=True, slots=True)
class SignalWatch:
    """One signal: tickets of the evidence and live ones by kind, recent ranks by part, and what betting came to.

    `staked` is the capital in bets that were begun so far, `peak` the most the whole capital has been.
    """

    counts: tuple[int, ...]
    recent: tuple[float, ...] = (0.0,) * _PARTS
    live: int = 0
    staked: float = 0.0
    peak: float = 1.0

    def seen(self, kind: int, *, draw: float) -> SignalWatch:
        """Return the watch after a ticket of a kind; `draw` is evenly random in 0 to 1 and parts equals by lot."""
        counts = list(self.counts)
        counts[kind] += 1
        rank = (sum(counts[:kind]) + draw * counts[kind]) / sum(counts)
        part = min(int(rank * _PARTS), _PARTS - 1)
        believed = (self.recent[part] + _CAUTION) / (sum(self.recent) + _PARTS * _CAUTION)
        # A bet begins at the n-th ticket with 1 / (n (n + 1)) of the capital; what is not yet staked is 1 / (n + 1).
        live = self.live + 1
        staked = min((self.staked + 1 / (live * (live + 1))) * believed * _PARTS, np.exp(_LOG_MOST))
        recent = [_MEMORY * count for count in self.recent]
        recent[part] += 1.0
        peak = max(self.peak, staked + 1 / (live + 1))
        return SignalWatch(tuple(counts), tuple(recent), live, float(staked), float(peak))


@dataclass(frozen=True, slots=True)
class DriftWatch:
    """The signals of one target under one model; `confidence` is that no alarm is false, of all signals together."""

    labels: tuple[str, ...]
    signals: Mapping[DriftSignal, SignalWatch]
    confidence: float = 0.95

    @classmethod
    def begin(cls, evidence: Evidence, *, confidence: float = 0.95) -> DriftWatch:
        """Begin to watch from the evidence; the novelty of its own tickets is spread evenly, by what it means."""
        even = [
            len(evidence.actual) * (place + 1) // _BINS - len(evidence.actual) * place // _BINS for place in _PLACES
        ]
        predicted = np.bincount(evidence.predicted, minlength=len(evidence.labels))
        sure = np.bincount(_bins(evidence.confidence), minlength=_BINS)
        return cls(
            evidence.labels,
            {
                DriftSignal.NOVELTY: SignalWatch(tuple(even)),
                DriftSignal.LABEL: SignalWatch(tuple(predicted.tolist())),
                DriftSignal.CONFIDENCE: SignalWatch(tuple(sure.tolist())),
            },
            confidence,
        )

    def seen(self, label: str, probability: float, *, novelty: float | None, draw: float) -> DriftWatch:
        """Return the watch after a live ticket's most probable label, its probability and its novelty.

        `draw` is evenly random in 0 to 1 and must not depend on the ticket. A label that the model had not is not seen.
        """
        kinds = {DriftSignal.CONFIDENCE: int(_bins(np.array([probability]))[0])}
        if label in self.labels:
            kinds[DriftSignal.LABEL] = self.labels.index(label)
        if novelty is not None:
            kinds[DriftSignal.NOVELTY] = int(_bins(np.array([novelty]))[0])
        moved = {signal: self.signals[signal].seen(kind, draw=draw) for signal, kind in kinds.items()}
        return replace(self, signals={**self.signals, **moved})

    @property
    def found(self) -> tuple[DriftSignal, ...]:
        """The signals in which live tickets have at some time been unlike those of the evidence."""
        needed = len(self.signals) / (1 - self.confidence)
        return tuple(signal for signal, watch in self.signals.items() if watch.peak >= needed)

    def to_plain(self) -> dict[str, Any]:
        """Return the state as plain values."""
        signals = {
            signal.value: {
                "counts": list(watch.counts),
                "recent": list(watch.recent),
                "live": watch.live,
                "staked": watch.staked,
                "peak": watch.peak,
            }
            for signal, watch in self.signals.items()
        }
        return {"labels": list(self.labels), "confidence": self.confidence, "signals": signals}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> DriftWatch:
        """Rebuild from what `to_plain` gave."""
        signals = {
            DriftSignal(name): SignalWatch(
                tuple(kept["counts"]), tuple(kept["recent"]), kept["live"], kept["staked"], kept["peak"]
            )
            for name, kept in plain["signals"].items()
        }
        return cls(tuple(plain["labels"]), signals, float(plain["confidence"]))


_PLACES = range(_BINS)


def _bins(shares: Any) -> Any:
    """Return the bin of each share; the bins are finer towards 1, where the confidence of most tickets is."""
    return np.minimum((np.asarray(shares) * _BINS).astype(np.int64), _BINS - 1)
