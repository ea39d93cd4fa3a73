"""What a site rules beside the model: labels that it forces, and what never runs unattended.

Pure: an answer comes in, the answer as the rules leave it goes out. Must not know where rules are kept or edited; how
they are written as JSON is `serving.oversight.written_rules`.

A rule is a person's word, so what it forces has no probability. What forbids is stronger than what forces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from features.decisions import DecisionKind
from features.tickets import Ticket
from serving.storage.policies import OffSwitch, OffSwitchKind

Answer: TypeAlias = Mapping[str, Any]
EVERY_TARGET = "*"


@dataclass(frozen=True, slots=True)
class When:
    """For which tickets a rule holds: each part that is stated must fit, of its values any one.

    `words` are looked for in subject and body, `requesters` among the requester's id, address and organisation;
    `attributes` are those of the ticket and its requester, by name. All are compared without regard to case.
    """

    words: tuple[str, ...] = ()
    requesters: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    begins_at: datetime | None = None
    ends_at: datetime | None = None

    def fits(self, ticket: Ticket, *, now: datetime) -> bool:
        """Tell whether the rule holds for a ticket at a moment."""
        return (
            (self.begins_at is None or self.begins_at <= now)
            and (self.ends_at is None or now < self.ends_at)
            and (not self.words or contains_any(f"{ticket.subject}\n{ticket.body}", self.words))
            and (not self.requesters or _is_among(_names_of_requester(ticket), self.requesters))
            and (not self.channels or _is_among([ticket.channel], self.channels))
            and all(_is_among(_attribute(ticket, name), wanted) for name, wanted in self.attributes.items())
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when it holds, which labels it forces by target, and which targets never run unattended then.

    A route to a group is the label that is forced for the target `group`. EVERY_TARGET forbids all.
    """

    name: str
    when: When
    force: Mapping[str, str] = field(default_factory=dict)
    never_unattended: tuple[str, ...] = ()

    def forbids(self, target: str) -> bool:
        """Tell whether the rule keeps a target from running unattended."""
        return target in self.never_unattended or EVERY_TARGET in self.never_unattended


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The rules of a connection in their order, of which the first that forces a target wins, and its off-switches."""

    rules: tuple[Rule, ...] = ()
    off_switches: tuple[OffSwitch, ...] = ()


NO_RULES = SiteRules()


def apply_rules(answer: Answer, ticket: Ticket, rules: SiteRules, *, now: datetime) -> dict[str, Any]:
    """Return the answer to a ticket as the rules leave it; the answer that came in is not changed."""
    holding = [rule for rule in rules.rules if rule.when.fits(ticket, now=now)]
    targets = dict(answer["targets"])
    for rule in reversed(holding):
        for target, label in rule.force.items():
            targets[target] = _forced(answer["targets"].get(target), label, rule=rule.name)
    for target in targets:
        forbidding = next((rule.name for rule in holding if rule.forbids(target)), "")
        if forbidding:
            because = f"the rule '{forbidding}' lets nothing run unattended here"
            targets[target] = _forbidden(targets[target], because=because, rule=forbidding)
    switched = _switched_off(targets, ticket, rules.off_switches)
    if switched:
        targets = {name: _forbidden(given, because=switched) for name, given in targets.items()}
    return {**answer, "targets": targets}


def contains_any(text: str, words: Iterable[str]) -> bool:
    """Tell whether a text contains one of the words or phrases; a Latin word only as a whole, unlike a Korean one.

    Korean endings are written onto a word, and what is Latin inside another Latin word means something else.
    """
    plain = _plain(text)
    return any(_contains(plain, word) for word in map(_plain, words) if word)


# --- what rules do to a target ----------------------------------------------------------------------------------------


def _forced(given: Mapping[str, Any] | None, label: str, *, rule: str) -> dict[str, Any]:
    """Return a target with the label that a rule forces; what the model said instead are alternatives to it."""
    said = [] if given is None or given["probability"] is None else [given, *given["alternatives"]]
    others = [{"label": one["label"], "probability": one["probability"]} for one in said if one["label"] != label]
    return {
        "label": label,
        "probability": None,
        "decision": DecisionKind.AUTOFILL.value,
        "because": f"the rule '{rule}' says so",
        "alternatives": others,
        "reasons": [],
        "rule": rule,
    }


def _forbidden(given: Mapping[str, Any], *, because: str, rule: str = "") -> dict[str, Any]:
    """Return a target that is suggested at most; one that was left to a person anyway is as it was."""
    if given["decision"] != DecisionKind.AUTOFILL:
        return dict(given)
    named = {"rule": given.get("rule") or rule} if given.get("rule") or rule else {}
    return {**given, "decision": DecisionKind.SUGGEST.value, "because": because, **named}


def _switched_off(targets: Mapping[str, Any], ticket: Ticket, switches: Sequence[OffSwitch]) -> str:
    """Return the sentence that says why nothing of a ticket runs unattended, "" where something may."""
    values = {
        OffSwitchKind.CATEGORY: _labels(targets, "category"),
        OffSwitchKind.GROUP: [*_labels(targets, "group"), ticket.group],
        OffSwitchKind.REQUESTER: _names_of_requester(ticket),
    }
    for switch in switches:
        if switch.is_off and _is_among(values[switch.kind], [switch.value]):
            return f"a person has switched unattended decisions off for {_told(switch)}"
    return ""


def _told(switch: OffSwitch) -> str:
    """Return what is switched off in words; a requester is not named."""
    return "this requester" if switch.kind is OffSwitchKind.REQUESTER else f"the {switch.kind} '{switch.value}'"


def _labels(targets: Mapping[str, Any], name: str) -> list[str]:
    label = targets.get(name, {}).get("label")
    return [label] if label else []


# --- what is compared -------------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """Return a text as it is compared: one spelling of each character, no case, no invisible signs, single spaces."""
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return " ".join(seen.casefold().split())


def _contains(text: str, word: str) -> bool:
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not (_are_joined(text[start - 1 : start], word[0]) or _are_joined(word[-1], text[end : end + 1])):
            return True
        start = text.find(word, start + 1)
    return False


def _are_joined(before: str, after: str) -> bool:
    """Tell whether two neighbouring characters are inside one Latin word or number."""
    return all(sign.isascii() and sign.isalnum() for sign in (before, after))


def _is_among(values: Iterable[str], wanted: Iterable[str]) -> bool:
    return bool({_plain(value) for value in values if value} & {_plain(value) for value in wanted if value})


def _names_of_requester(ticket: Ticket) -> list[str]:
    asking = ticket.requester
    return [asking.id, asking.email, asking.organization]


def _attribute(ticket: Ticket, name: str) -> list[str]:
    held = (ticket.attributes.get(name), ticket.requester.attributes.get(name))
    return [str(value) for value in held if value is not None]
