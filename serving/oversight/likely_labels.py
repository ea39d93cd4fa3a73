"""The few labels among which the right one is, beside each suggestion of an answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from features.decisions import DecisionKind
from features.prediction_sets import PredictionSets


def with_likely_labels(answer: Mapping[str, Any], sets: Mapping[str, PredictionSets]) -> dict[str, Any]:
    """Return an answer in which each target that is left to a person names its set of likely labels, as `set`.

    Sets of all labels say nothing and are left out, as they are where a target failed.
    """
    targets = {
        name: _with_set(given, sets[name]) if name in sets else given for name, given in answer["targets"].items()
    }
    return {**answer, "targets": targets}


def _with_set(given: Mapping[str, Any], sets: PredictionSets) -> Mapping[str, Any]:
    if given["decision"] == DecisionKind.AUTOFILL or given["probability"] is None or not sets.is_informative:
        return given
    probability_of = {one["label"]: one["probability"] for one in (given, *given["alternatives"])}
    likely = sets.of(np.array([probability_of.get(label, 0.0) for label in sets.labels]))
    return given if len(likely) == len(sets.labels) else {**given, "set": list(likely)}
