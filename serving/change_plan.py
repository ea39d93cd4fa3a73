"""What is to be written into a ticket: the answer, the connection's modes and the ticket as it stands, put together.

Pure: values come in, a plan goes out. Only empty and default values, and values of our own, are ever overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from features.decisions import DecisionKind
from serving.connections import Connection, Mode
from serving.helpdesks.interface import TicketState
from serving.storage.intake import Effect, FieldEffect, FieldStatus

_WEAKEST_FIRST = (Mode.OFF, Mode.MONITOR, Mode.SUGGEST, Mode.AUTOFILL)
# How far a decision lets a target go: one that the model abstains from is recorded only.
_ALLOWED = {
    DecisionKind.ABSTAIN: Mode.MONITOR,
    DecisionKind.SUGGEST: Mode.SUGGEST,
    DecisionKind.AUTOFILL: Mode.AUTOFILL,
}
_NOT_IN_TAGS = re.compile(r"[^\w-]+")


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each target: `fields` with the values before and after, `tags` to add, `modes` as effective.

    `effects` holds for each target how far it goes: the weaker of the model's decision and the connection's mode.
    """

    fields: tuple[FieldEffect, ...]
    tags: tuple[str, ...]
    effects: Mapping[str, Mode]

    def to_write(self) -> dict[str, str]:
        """Return the values to write, by target."""
        return {one.target: one.after for one in self.fields if one.status is FieldStatus.WRITTEN}


def weaker(one: Mode, other: Mode) -> Mode:
    """Return the mode that lets a target go less far."""
    return min(one, other, key=_WEAKEST_FIRST.index)


def plan_change(
    answer: Mapping[str, Any],
    *,
    state: TicketState,
    connection: Connection,
    mode_of: Callable[[str], Mode],
    earlier: Sequence[Effect] = (),
    planned: Sequence[FieldEffect] = (),
    may_run_unattended: bool = True,
) -> Plan:
    """Return what to write. `earlier` are our effects on the ticket, newest first: what they wrote is ours to change.

    `planned` is what an earlier attempt at this very effect was about to write: it may have been done. Where not
    `may_run_unattended`, nothing goes further than a suggestion.
    """
    written = _written_by_us(earlier)
    attempted = {one.target: one for one in planned if one.status is FieldStatus.WRITTEN}
    limit = Mode.AUTOFILL if may_run_unattended else Mode.SUGGEST
    effects: dict[str, Mode] = {}
    fields: list[FieldEffect] = []
    tags: list[str] = []
    for target, given in answer["targets"].items():
        effect = weaker(weaker(mode_of(target), _ALLOWED[DecisionKind(given["decision"])]), limit)
        effects[target] = effect
        if given["label"] is None or effect in (Mode.OFF, Mode.MONITOR):
            continue
        if effect is Mode.AUTOFILL and target in state.fields:
            wanted = connection.native(target, given["label"])
            before = attempted.get(target)
            if before is not None and before.after == wanted and _is_same(state.fields[target], wanted):
                fields.append(before)
            else:
                status = _status(target, wanted, state=state, connection=connection, ours=written.get(target))
                fields.append(FieldEffect(target, given["label"], state.fields[target], wanted, status))
        else:
            tags.append(tag(target, given["label"]))
    return Plan(tuple(fields), tuple(tags), effects)


def tag(target: str, label: str) -> str:
    """Return the tag that stands for a suggestion: no space, so that every helpdesk takes it."""
    return f"triage_{target}_{_NOT_IN_TAGS.sub('_', label.casefold()).strip('_')}"


def _status(target: str, wanted: str, *, state: TicketState, connection: Connection, ours: str | None) -> FieldStatus:
    current = state.fields[target]
    if _is_same(current, wanted):
        return FieldStatus.SAME
    if connection.is_default(target, current) or current == ours:
        return FieldStatus.WRITTEN
    return FieldStatus.KEPT


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _written_by_us(earlier: Sequence[Effect]) -> dict[str, str]:
    written: dict[str, str] = {}
    for effect in earlier:
        for one in effect.fields:
            if one.status is FieldStatus.WRITTEN:
                written.setdefault(one.target, one.after)
    return written
