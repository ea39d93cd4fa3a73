"""Decides which labels of a history count: a value that nobody chose, or that says nothing there, is no label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from features.errors import HistoryError, RecipeError
from features.taxonomy import TARGET_NAMES
from training.cells import label_of

_LABELS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class LabelRestriction:
    """The labels of `target` count only in the rows whose `column` of the file holds `value`."""

    target: str
    column: str
    value: str

    @classmethod
    def from_option(cls, option: str) -> LabelRestriction:
        """Return the restriction stated as `TARGET:COLUMN=VALUE`; raise RecipeError for one that is not."""
        target, _, condition = option.partition(":")
        column, _, value = condition.rpartition("=")
        if not (target.strip() and column.strip() and value.strip()):
            raise RecipeError(
                f"'{option}' is no restriction. Write TARGET:COLUMN=VALUE, as in --only priority:type=incident."
            )
        require_target(target.strip())
        return cls(target.strip(), column.strip(), value.strip())


@dataclass(frozen=True, slots=True)
class CountingLabels:
    """Columns of values without the labels that do not count, how many went per target, and sentences to say."""

    values: Mapping[str, list[Any]]
    removed_counts: Mapping[str, int]
    warnings: tuple[str, ...]


def require_target(name: str) -> None:
    """Raise RecipeError for a name that is no target."""
    if name not in TARGET_NAMES:
        raise RecipeError(f"Unknown target '{name}'. The targets are: {', '.join(TARGET_NAMES)}.")


def defaults_of_options(options: Sequence[str]) -> dict[str, str]:
    """Return the default of each target stated as `TARGET=VALUE`; raise RecipeError for an option that is not."""
    defaults: dict[str, str] = {}
    for option in options:
        target, separator, value = option.partition("=")
        if not separator:
            raise RecipeError(f"'{option}' names no default. Write TARGET=VALUE, as in --default priority=Medium.")
        defaults[target] = value
    return defaults


def without_defaults(values: Mapping[str, list[Any]], defaults: Mapping[str, str]) -> CountingLabels:
    """Return the columns without the labels that equal their target's default, in letters of either case."""
    kept, counts, warnings = dict(values), {}, []
    for target, default in defaults.items():
        labels = _labels(values, target)
        unchosen = (label_of(default) or "").casefold()
        kept[target] = [None if label is not None and label.casefold() == unchosen else label for label in labels]
        counts[target] = _count(labels) - _count(kept[target])
        if not counts[target]:
            warnings.append(
                f"No ticket has '{default}', the default stated for '{target}'. Its labels are: {_shown(labels)}."
            )
    return CountingLabels(kept, counts, tuple(warnings))


def restricted(
    values: Mapping[str, list[Any]], restrictions: Sequence[LabelRestriction], *, cells: pd.DataFrame
) -> CountingLabels:
    """Return the columns without the labels of rows in which they do not count; `cells` are the file's own columns.

    Of several restrictions of one target all must hold.
    """
    kept, counts, warnings = dict(values), dict.fromkeys((entry.target for entry in restrictions), 0), []
    for restriction in restrictions:
        labels, wanted = _labels(kept, restriction.target), label_of(restriction.value)
        found = [label_of(cell) for cell in cells[restriction.column].tolist()]
        kept[restriction.target] = [
            label if value == wanted else None for label, value in zip(labels, found, strict=True)
        ]
        counts[restriction.target] += _count(labels) - _count(kept[restriction.target])
        if wanted not in found:
            warnings.append(
                f"No row has '{restriction.value}' in '{restriction.column}', so no label of '{restriction.target}' "
                f"counts. The column holds: {_shown(found)}."
            )
    return CountingLabels(kept, counts, tuple(warnings))


def _labels(values: Mapping[str, list[Any]], target: str) -> list[str | None]:
    if target not in values:
        raise HistoryError(f"No column holds the labels of '{target}'. State it with --map {target}=COLUMN.")
    return values[target]


def _count(labels: Sequence[str | None]) -> int:
    return sum(label is not None for label in labels)


def _shown(labels: Sequence[str | None]) -> str:
    present = sorted({label for label in labels if label is not None})
    return ", ".join(present[:_LABELS_SHOWN]) + (", ..." if len(present) > _LABELS_SHOWN else "") or "none"
