"""Whether live tickets are still like those of the evidence, for every target that runs on a promise.

Owns the watches of the models that answer, in the memory of this process: one that starts anew begins to look anew.
Must not know storage. What is found is told by `serving.oversight.watch`; it switches nothing off.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from features.answers import ModelIdentity
from features.drift import DriftSignal, DriftWatch
from features.evidence import Evidence

# Many targets and connections are watched at once.
CONFIDENCE = 0.99
_Key: TypeAlias = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class FoundDrift:
    """A signal in which the tickets of a connection differ from a model's evidence for a target."""

    model: ModelIdentity
    connection: str
    target: str
    signal: DriftSignal


class LiveDrift:
    """Sees answers; safe to use from several threads."""

    def __init__(self, *, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._lock = threading.Lock()
        self._watches: dict[_Key, tuple[ModelIdentity, DriftWatch]] = {}

    def seen(
        self,
        answer: Mapping[str, Any],
        *,
        model: ModelIdentity,
        evidence: Mapping[str, Evidence],
        connection: str,
        targets: Collection[str],
    ) -> None:
        """Note the model's own answer to a live ticket, for these targets."""
        for target in targets:
            given = answer["targets"].get(target, {})
            if given.get("probability") is None or not len(evidence[target].actual):
                continue
            key = (model.name, model.version, connection, target)
            with self._lock:
                known = self._watches.get(key)
                watch = DriftWatch.begin(evidence[target], confidence=CONFIDENCE) if known is None else known[1]
                seen = watch.seen(
                    given["label"], given["probability"], novelty=answer.get("novelty"), draw=self._draw()
                )
                self._watches[key] = model, seen

    def found(self) -> Sequence[FoundDrift]:
        """Return every drift that was found so far."""
        with self._lock:
            watches = dict(self._watches)
        return [
            FoundDrift(model, connection, target, signal)
            for (_, _, connection, target), (model, watch) in watches.items()
            for signal in watch.found
        ]
