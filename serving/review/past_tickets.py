"""The tickets of the last 30 days as they were answered, on which a change is tried before it is saved.

Owns how an answer looked before any rule. Knows no web. What tickets say is compared here and never shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from features.decisions import DecisionKind, Policy
from features.tickets import Ticket
from serving.connections import Mode
from serving.event_records import from_record
from serving.oversight.rules_preview import PastTicket
from serving.storage.intake import DeliveryStorage, StoredDelivery
from serving.storage.interface import ScoredEntry

SPAN = timedelta(days=30)
# The newest tell; more would keep a lead waiting.
MOST_DELIVERIES = 5000
_AT_ONCE = 500


class PastStorage(Protocol):
    """What is read here."""

    @property
    def deliveries(self) -> DeliveryStorage:
        """The deliveries."""

    def find_all_scored(self, entry_ids: Sequence[str]) -> Mapping[str, ScoredEntry]:
        """Return the entries of those ids that there are, by id."""


@dataclass(frozen=True, slots=True)
class Past:
    """The tickets of the last 30 days, newest first, found in the newest `looked_at` of `arrived` deliveries."""

    tickets: Sequence[PastTicket] = ()
    looked_at: int = 0
    arrived: int = 0

    @property
    def is_cut(self) -> bool:
        """Whether more arrived than was looked at."""
        return self.looked_at < self.arrived


@dataclass(frozen=True, slots=True)
class PromisePreview:
    """Of so many recorded tickets, how many had a target decided unattended, and how many would have."""

    tickets: int
    before: int
    after: int
    past: Past


NO_PAST = Past()


class PastTickets:
    """Finds what arrived on a connection lately and was answered."""

    def __init__(
        self, storage: PastStorage, *, clock: Callable[[], datetime], most_deliveries: int = MOST_DELIVERIES
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._most_deliveries = most_deliveries

    def of(self, connection: str) -> Past:
        """Return the tickets of the last 30 days, each once, with its answer before any rule; none of the API."""
        if not connection:
            return NO_PAST
        begins = self._clock() - SPAN
        found: dict[str, PastTicket] = {}
        looked_at = 0
        for part in self._parts(connection, begins):
            looked_at += len(part)
            # The record of a ticket bears the id of the delivery that it was scored for.
            scored = self._storage.find_all_scored([one.id for one in part if one.ticket_id not in found])
            for delivery in part:
                entry = scored.get(delivery.id)
                if entry is not None and delivery.ticket_id not in found:
                    answer = before_rules(entry.predictions)
                    found[delivery.ticket_id] = PastTicket(_ticket(delivery, entry), answer, entry.scored_at)
        arrived = max(self._storage.deliveries.count(connection=connection, since=begins), looked_at)
        return Past(list(found.values()), looked_at, arrived)

    def _parts(self, connection: str, begins: datetime) -> Iterator[Sequence[StoredDelivery]]:
        """Return what arrived since a moment, newest first, in parts, as far as it is looked at."""
        left, after = self._most_deliveries, ""
        while left > 0:
            limit = min(_AT_ONCE, left)
            part = self._storage.deliveries.list(connection=connection, since=begins, after=after, limit=limit)
            if part:
                yield part
            if len(part) < limit:
                return
            left, after = left - limit, part[-1].id


def unattended_under(policy: Policy, past: Past, *, target: str, mode: Mode, mode_before: Mode) -> PromisePreview:
    """Return how many past tickets a policy and a mode would have left unattended, by what the model said then."""
    told = [one.answer["targets"][target] for one in past.tickets if target in one.answer["targets"]]
    before = sum(given["decision"] == DecisionKind.AUTOFILL for given in told) if mode_before is Mode.AUTOFILL else 0
    after = sum(_runs(given, policy) for given in told) if mode is Mode.AUTOFILL else 0
    return PromisePreview(len(told), before, after, past)


def before_rules(targets: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answer that the model gave, as far as what was recorded after the rules still tells."""
    return {"targets": {name: _before_rule(given) for name, given in targets.items()}}


def _before_rule(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if not given.get("rule"):
        return given
    plain = {name: value for name, value in given.items() if name != "rule"}
    if given["probability"] is not None:
        # What a rule only held back would have run unattended, or there had been nothing to hold back.
        return {**plain, "decision": DecisionKind.AUTOFILL.value}
    others = list(given["alternatives"])
    rest = 1 - sum(one["probability"] for one in others)
    said = [*others, {"label": given["label"], "probability": max(rest, 0.0)}]
    best = max(said, key=lambda one: float(one["probability"]))
    return {
        **plain,
        **best,
        "decision": DecisionKind.SUGGEST.value,
        "alternatives": [one for one in said if one is not best],
    }


def _runs(given: Mapping[str, Any], policy: Policy) -> bool:
    if given.get("probability") is None or not given.get("label"):
        return False
    threshold = policy.threshold_of(given["label"])
    return threshold is not None and given["probability"] >= max(threshold, policy.suggest_from)


def _ticket(delivery: StoredDelivery, entry: ScoredEntry) -> Ticket:
    """Return what a ticket said, as long as that is kept."""
    if not delivery.event or "raw" in delivery.event:
        return Ticket(id=entry.ticket_id, language=entry.language)
    return replace(from_record(delivery.event).ticket, language=entry.language)
