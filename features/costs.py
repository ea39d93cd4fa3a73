"""What mistakes on a scale cost, and the label that is advised because it is expected to cost least.

The probabilities stay what they are: costs say what to do about them.
"""

from __future__ import annotations

import numpy as np

from features.predictions import Advice
from features.taxonomy import StepCosts, Target
from features.vectorizer import FloatArray, IntArray


def cost_matrix(target: Target, costs: StepCosts) -> FloatArray:
    """Return what it costs to say one label where another is right, shape (right labels, said labels)."""
    heights = np.array(target.heights)
    steps = heights[None, :] - heights[:, None]
    return np.asarray(np.where(steps < 0, -steps * costs.too_low, steps * costs.too_high), np.float64)


def least_costly(probabilities: FloatArray, target: Target, costs: StepCosts) -> IntArray:
    """Return the number of the label of least expected cost, (tickets,), from probabilities (tickets, labels)."""
    return np.asarray((probabilities @ cost_matrix(target, costs)).argmin(axis=1), np.int32)


def advice(target: Target, probabilities: FloatArray) -> Advice | None:
    """Return the label of least expected cost where it is not the most probable one; `probabilities` are (labels,)."""
    if target.costs is None:
        return None
    chosen, likeliest = int(least_costly(probabilities[None, :], target, target.costs)[0]), int(probabilities.argmax())
    if chosen == likeliest:
        return None
    label, costs = target.labels[chosen], target.costs
    because = (
        f"expected to cost less than '{target.labels[likeliest]}': "
        f"each step too low costs {costs.too_low:g}, each step too high {costs.too_high:g}"
    )
    return Advice(label, float(probabilities[chosen]), because)
