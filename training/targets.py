"""Decides what can be learned from a history: the targets whose labels have enough tickets, and their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from features.history import HistoryRow
from features.taxonomy import TARGET_NAMES, StepCosts, Target, target_from_labels
from training.labels import require_target


@dataclass(frozen=True, slots=True)
class ExcludedLabel:
    """A label that too few tickets have."""

    target: str
    label: str
    tickets_count: int


@dataclass(frozen=True, slots=True)
class TrainableTargets:
    """The targets to train, the labels left out for want of tickets, and sentences on what is not trained."""

    targets: tuple[Target, ...]
    excluded: tuple[ExcludedLabel, ...]
    warnings: tuple[str, ...]


def trainable_targets(
    rows: Sequence[HistoryRow],
    *,
    minimum_per_class: int,
    orders: Mapping[str, Sequence[str]] | None = None,
    costs: Mapping[str, StepCosts] | None = None,
    wanted: Sequence[str] | None = None,
) -> TrainableTargets:
    """Return the targets among `wanted` (all that the history holds, where not given) that can be trained.

    A label with fewer than `minimum_per_class` tickets is excluded; a target that is left with a single
    label is not trained. `orders` states the order of a scale, `costs` what mistakes on it cost. Raises
    RecipeError where an order cannot be told, or for an unknown target.
    """
    for name in (*(wanted or ()), *(orders or {})):
        require_target(name)
    targets, excluded, warnings = [], [], []
    for name in wanted if wanted is not None else TARGET_NAMES:
        counts = Counter(label for row in rows if (label := getattr(row, name)) is not None)
        enough = [label for label, count in counts.items() if count >= minimum_per_class]
        rare = sorted((label, count) for label, count in counts.items() if count < minimum_per_class)
        excluded += [ExcludedLabel(name, label, count) for label, count in rare]
        warnings += _alike(name, enough)
        if len(enough) > 1:
            target = target_from_labels(name, enough, stated_order=(orders or {}).get(name))
            targets.append(replace(target, costs=(costs or {}).get(name)))
        elif counts or wanted is not None:
            warnings.append(_not_trained(name, counts, enough, minimum_per_class=minimum_per_class))
    return TrainableTargets(tuple(targets), tuple(excluded), tuple(warnings))


def _not_trained(name: str, counts: Counter[str], enough: Sequence[str], *, minimum_per_class: int) -> str:
    if not counts:
        return f"'{name}' is not trained: no ticket of the history has a label for it."
    if not enough:
        most, count = counts.most_common(1)[0]
        return (
            f"'{name}' is not trained: none of its {len(counts):,} labels has {minimum_per_class} tickets "
            f"(the most frequent, '{most}', has {count})."
        )
    others = f", besides labels with fewer than {minimum_per_class} tickets" if len(counts) > 1 else ""
    return f"'{name}' is not trained: its tickets have a single label, '{enough[0]}'{others}."


def _alike(name: str, labels: Sequence[str]) -> list[str]:
    """Return a sentence for labels that differ only in capitals, which are probably one."""
    by_folded: dict[str, list[str]] = {}
    for label in sorted(labels):
        by_folded.setdefault(label.casefold(), []).append(label)
    return [
        f"The labels {' and '.join(repr(label) for label in alike)} of '{name}' differ only in capitals: "
        "they are learned as different labels."
        for alike in by_folded.values()
        if len(alike) > 1
    ]
