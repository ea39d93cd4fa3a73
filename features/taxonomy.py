"""Targets and their labels: what a model predicts, and in which order the labels of a scale stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from features.errors import RecipeError


class TargetKind(StrEnum):
    """Whether the labels of a target are names or steps of a scale."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"


@dataclass(frozen=True, slots=True)
class StepCosts:
    """What every step of a scale costs by which a ticket is put too low, and by which it is put too high."""

    too_low: float = 1.0
    too_high: float = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted; `labels` of an ordinal target run from the most to the least pressing (tiers upwards).

    `costs` are stated where mistakes on its scale weigh differently up and down.
    """

    name: str
    kind: TargetKind
    labels: tuple[str, ...]
    costs: StepCosts | None = None

    @property
    def heights(self) -> tuple[int, ...]:
        """How high each label of a scale stands, 0 for the lowest: the most pressing and the last tier are highest."""
        steps = range(len(self.labels))
        return tuple(steps if self.name in _UPWARD_TARGETS else reversed(steps))


NOMINAL_TARGETS = ("category", "kind", "group")
ORDINAL_TARGETS = ("priority", "tier", "impact", "urgency")
TARGET_NAMES = NOMINAL_TARGETS + ORDINAL_TARGETS
_UPWARD_TARGETS = frozenset({"tier"})

# Scales as helpdesks write them, most pressing first; a word stands in for all its spellings.
_PRIORITY_WORDS = (
    ("critical", "blocker", "emergency", "p0", "긴급", "치명", "최우선", "매우 높음", "very high"),
    ("urgent", "highest", "시급"),
    ("high", "major", "높음", "상"),
    ("medium", "normal", "moderate", "보통", "중간", "중", "일반"),
    ("low", "minor", "낮음", "하"),
    ("lowest", "trivial", "planning", "매우 낮음", "very low"),
)
_RANK_OF_WORD = {word: rank for rank, words in enumerate(_PRIORITY_WORDS) for word in words}
# "1", "P1", "1 - High", "3 Low", "Sev 2", "L1", "1차", "Tier 2"
_NUMBERED = re.compile(
    r"^(?:p|s|sev|severity|priority|prio|l|level|line|tier|t)?[\s.-]*(\d{1,2})(?:\.0)?(?:차|선|급|순위)?(?:\s*[-:.]?\s*[^\d\s].*)?$"
)


def target_from_labels(name: str, labels: Iterable[str], *, stated_order: Sequence[str] | None = None) -> Target:
    """Return the target `name` with its labels in order.

    Nominal labels are sorted. The order of an ordinal target is `stated_order` where given, else that of
    a well-known scale (P1 to P5, urgent to low, 긴급 to 낮음, 1 to 5, L1 to L3, 1차 to 2차).

    Raises RecipeError where the order cannot be told, or the stated one lacks a label or names one twice.
    """
    present = sorted(set(labels))
    if name not in ORDINAL_TARGETS:
        if stated_order is not None:
            raise RecipeError(
                f"'{name}' is no scale, so its labels have no order. State orders of: {', '.join(ORDINAL_TARGETS)}."
            )
        return Target(name, TargetKind.NOMINAL, tuple(present))
    if stated_order is not None:
        twice = [label for place, label in enumerate(stated_order) if label in stated_order[:place]]
        if twice:
            raise RecipeError(f"The order stated for '{name}' names '{twice[0]}' twice. Name each label once.")
        missing = [label for label in present if label not in stated_order]
        if missing:
            raise RecipeError(
                f"The order stated for '{name}' lacks the label '{missing[0]}'. "
                f"State all labels of the history, most pressing first: {', '.join(present)}."
            )
        return Target(name, TargetKind.ORDINAL, tuple(label for label in stated_order if label in set(present)))
    ranks = [_rank(label) for label in present]
    known = [rank for rank in ranks if rank is not None]
    if len(known) < len(present) or len({rank[0] for rank in known}) > 1 or len(set(known)) < len(known):
        raise RecipeError(
            f"The order of the labels of '{name}' cannot be told: {', '.join(present)}. "
            f"State it, most pressing first: --order {name}={','.join(present)}"
        )
    ordered = sorted(zip(known, present, strict=True))
    return Target(name, TargetKind.ORDINAL, tuple(label for _, label in ordered))


def _rank(label: str) -> tuple[str, int] | None:
    """Return the scale a label belongs to and its place on it, or None for a word of no known scale."""
    word = label.strip().casefold()
    numbered = _NUMBERED.match(word)
    if numbered:
        return "number", int(numbered.group(1))
    if word in _RANK_OF_WORD:
        return "word", _RANK_OF_WORD[word]
    return None
