"""Each target as a page shows it: what was suggested and why, what can be chosen, and what somebody had typed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from features.errors import RecipeError
from features.redaction import redact
from features.taxonomy import TARGET_NAMES, target_from_labels
from serving.review.pages import Choice, TargetRow
from serving.review.sight import label_of
from serving.storage.reviewing import ReviewItem

CANNOT_TELL = "?"
_MOST_CHIPS = 7
_MOST_REASONS = 6


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody had chosen and written in a form, by target; `question` is None where there was none."""

    labels: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    question: str | None = None
    item_ids: frozenset[str] | None = None

    def given(self) -> Mapping[str, str | None]:
        """Return the label of each target that was answered, None for "cannot tell"; what was written goes first."""
        labels: dict[str, str | None] = {
            target: None if label == CANNOT_TELL else label for target, label in self.labels.items() if label
        }
        return {**labels, **{target: other for target, other in self.others.items() if other.strip()}}


NOTHING_TYPED = Typed()


def target_rows(targets: Mapping[str, Any], typed: Typed) -> Sequence[TargetRow]:
    """Return what was suggested for each target, the likeliest labels to choose from first."""
    return [_row_of(name, targets[name], typed) for name in in_order(targets) if isinstance(targets[name], Mapping)]


def _row_of(name: str, told: Mapping[str, Any], typed: Typed) -> TargetRow:
    suggested = label_of({name: told}, name)
    ranked = [Choice(suggested, _number(told.get("probability")))] if suggested else []
    ranked += [Choice(str(one["label"]), _number(one.get("probability"))) for one in told.get("alternatives") or ()]
    likely = told.get("likely") or told.get("prediction_set") or ()
    return TargetRow(
        target=name,
        suggested=suggested,
        probability=_number(told.get("probability")),
        decision=str(told.get("decision") or ""),
        because=str(told.get("because") or ""),
        reasons=_shown_reasons(told),
        choices=ranked[:_MOST_CHIPS],
        more=sorted(one.label for one in ranked[_MOST_CHIPS:]),
        typed=typed.labels.get(name),
        typed_other=typed.others.get(name, ""),
        likely=[str(label) for label in likely if isinstance(label, str)],
        rule=str(told.get("rule") or ""),
    )


def blind_rows(item: ReviewItem, typed: Typed) -> Sequence[TargetRow]:
    """Return what a blind audit asks for: nothing of what was suggested, the labels in an order that says nothing."""
    rows = []
    for name in item.audit_targets or in_order(item.targets):
        told = item.targets.get(name)
        ranked = _row_of(name, told, NOTHING_TYPED) if isinstance(told, Mapping) else TargetRow(name)
        labels = _by_name_or_scale(name, [*(one.label for one in ranked.choices), *ranked.more])
        choices = [Choice(label) for label in labels]
        rows.append(
            TargetRow(name, choices=choices, typed=typed.labels.get(name), typed_other=typed.others.get(name, ""))
        )
    return rows


def _by_name_or_scale(target: str, labels: Sequence[str]) -> Sequence[str]:
    """Return labels in an order that says nothing of what was suggested."""
    with suppress(RecipeError):
        return target_from_labels(target, labels).labels
    return sorted(labels)


def in_order(targets: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of targets in the order in which every page shows them."""
    known = [name for name in TARGET_NAMES if name in targets]
    return [*known, *sorted(name for name in targets if name not in TARGET_NAMES)]


def _shown_reasons(told: Mapping[str, Any]) -> Sequence[str]:
    """Return the reasons without personal data: they are words of the ticket."""
    reasons = (told.get("reasons") or ())[:_MOST_REASONS]
    return [redact(str(reason["text"])) for reason in reasons if reason.get("text")]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
