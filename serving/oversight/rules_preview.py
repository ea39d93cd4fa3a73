"""What rules would have done to past tickets, shown before they are saved. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from features.decisions import DecisionKind
from features.tickets import Ticket
from serving.oversight.rules import SiteRules, apply_rules


@dataclass(frozen=True, slots=True)
class PastTicket:
    """A ticket of the past and the answer it was given, before any rule."""

    ticket: Ticket
    answer: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class RulesPreview:
    """Of so many tickets, for how many each rule would have held, and what would have been otherwise.

    `relabelled` counts tickets with a label other than the model's, `held_back` those of which something ran
    unattended and would not have, `let_run` those of which something would have run unattended and did not.
    """

    tickets: int
    holding: Mapping[str, int]
    relabelled: int
    held_back: int
    let_run: int


def preview(rules: SiteRules, past: Iterable[PastTicket]) -> RulesPreview:
    """Return what the rules would have done to past tickets, each at its own time."""
    holding = Counter({rule.name: 0 for rule in rules.rules})
    counts: Counter[str] = Counter()
    for one in past:
        counts["tickets"] += 1
        holding.update(rule.name for rule in rules.rules if rule.when.fits(one.ticket, now=one.at))
        before = one.answer["targets"]
        after = apply_rules(one.answer, one.ticket, rules, now=one.at)["targets"]
        counts["relabelled"] += any(_label(before, name) != given["label"] for name, given in after.items())
        counts["held_back"] += bool(_unattended(before) - _unattended(after))
        counts["let_run"] += bool(_unattended(after) - _unattended(before))
    return RulesPreview(counts["tickets"], dict(holding), counts["relabelled"], counts["held_back"], counts["let_run"])


def _label(targets: Mapping[str, Any], name: str) -> object:
    return targets.get(name, {}).get("label")


def _unattended(targets: Mapping[str, Any]) -> set[str]:
    return {name for name, given in targets.items() if given["decision"] == DecisionKind.AUTOFILL}
