"""Whether two servers of one model say the same of the same tickets. Knows answers as parsed JSON, and no server."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

LARGEST_DIFFERENCE = 1e-6

Answer = Mapping[str, Any]


def beside_each_other(ours: Mapping[str, Sequence[Answer]], theirs: Mapping[str, Sequence[Answer]]) -> dict[str, Any]:
    """Compare two servers' answers to tickets sent alone and in batches, and ours with one another."""
    report = {
        "alone": _compared(ours["alone"], theirs["alone"]),
        "in_batches": _compared(ours["in_batches"], theirs["in_batches"]),
        "alone_and_in_batches": _compared(ours["alone"], ours["in_batches"]),
    }
    same = all(
        found["labels_differing"] == 0 and found["largest_probability_difference"] <= LARGEST_DIFFERENCE
        for found in report.values()
    )
    return {"tickets": len(ours["alone"]), "same": same, "allowed_difference": LARGEST_DIFFERENCE, **report}


def _compared(left: Sequence[Answer], right: Sequence[Answer]) -> dict[str, Any]:
    pairs = list(zip(left, right, strict=True))
    return {
        "labels_differing": sum(_labels(one) != _labels(other) for one, other in pairs),
        "largest_probability_difference": max((_difference(one, other) for one, other in pairs), default=math.inf),
        "other_parts_differing": sum(_other_parts(one) != _other_parts(other) for one, other in pairs),
    }


def _labels(answer: Answer) -> dict[str, str | None]:
    """Return the ticket and its targets' labels; the ticket too, so that answers in another order are no match."""
    return {"": answer["ticket_id"], **{name: target["label"] for name, target in answer["targets"].items()}}


def _probabilities(answer: Answer) -> dict[tuple[str, str], float]:
    return {
        (name, ranked["label"]): float(ranked["probability"])
        for name, target in answer["targets"].items()
        for ranked in ([target, *target["alternatives"]] if target["label"] is not None else [])
    }


def _difference(left: Answer, right: Answer) -> float:
    """Return the largest difference of any label's probability; infinite where other labels are ranked."""
    mine, others = _probabilities(left), _probabilities(right)
    if not mine or mine.keys() != others.keys():
        return math.inf
    return max(abs(mine[key] - others[key]) for key in mine)


def _other_parts(answer: Answer) -> Any:
    return (
        [article["id"] for article in answer["articles"]],
        [similar["id"] for similar in answer["similar_tickets"]],
        {name: [reason["text"] for reason in target["reasons"]] for name, target in answer["targets"].items()},
    )
