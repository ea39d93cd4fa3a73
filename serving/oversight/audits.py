"""What runs unattended is recorded and drawn for audits; what is left to people waits for them in the queue.

Owns the draw and how often it falls on a ticket. Must not know the test that audits serve, `serving.oversight.watch`.

The draw depends on the id of the record alone, so that it falls the same however often it is asked for. All tickets of
a model on a connection have the same chance, the largest that one of its promises needs: an audit of one target is
then no more likely because another target ran unattended as well. Where a promise is one on urgent tickets, what was
left to people of its target is drawn alike: no audit of what ran unattended alone could check it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Protocol

from features.decisions import PolicyState
from features.live_error import audit_rate
from features.promises import Promise
from features.tickets import Ticket
from serving.change_plan import Plan
from serving.connections import Connection, Mode
from serving.oversight.bursts import Bursts
from serving.oversight.calendars import KOREAN_OFFICE, BusinessCalendar
from serving.oversight.queue_items import left_to_people, queue_item, unattended_targets
from serving.storage.interface import ScoredEntry
from serving.storage.outcomes import OutcomeStorage, UnattendedFilter, UnattendedRecord
from serving.storage.policies import PolicyStorage, PromiseRecord
from serving.storage.reviewing import QueueStorage, ReviewItem

# A true error rate of so many times the promise is found, nine times in ten, within so many unattended tickets.
BREACH_TIMES = 3.0
FOUND_WITHIN_TICKETS = 1_000
# Of so many audits one is answered by two leads: no promise can be better than their agreement.
ONE_IN_ANSWERED_TWICE = 10


class AuditedStorage(Protocol):
    """What is read and recorded here."""

    @property
    def policies(self) -> PolicyStorage:
        """The policies."""

    @property
    def queue(self) -> QueueStorage:
        """The queue."""

    @property
    def outcomes(self) -> OutcomeStorage:
        """What became of tickets."""


class Audits:
    """Notes each triaged ticket: an `Overseer` of the work on tickets, and every call may be repeated."""

    def __init__(
        self,
        storage: AuditedStorage,
        *,
        clock: Callable[[], datetime],
        bursts: Bursts | None = None,
        calendar: BusinessCalendar = KOREAN_OFFICE,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._calendar = calendar
        self._bursts = Bursts() if bursts is None else bursts

    def triaged(
        self, entry: ScoredEntry, *, ticket: Ticket, plan: Plan, connection: Connection, current_group: str
    ) -> None:
        """Record what ran unattended, draw, and put into the queue what is left to people; raise StorageError."""
        unattended = unattended_targets(entry, plan)
        promises = self._promises(entry.model.name, connection.name)
        asked = (*unattended, *self._asked_besides(promises, plan, connection))
        rate = max((rate_for(made) for _, made in promises), default=0.0) if asked else 0.0
        is_drawn = share_of(entry.id, purpose="audit") < rate
        if not unattended and not left_to_people(plan):
            return
        cluster = "" if is_drawn else self._cluster(entry, ticket, connection)
        item = queue_item(
            entry,
            ticket=ticket,
            plan=plan,
            connection=connection,
            current_group=current_group,
            cluster=cluster,
            calendar=self._calendar,
        )
        # The item first: a decision that says it was drawn always has its audit.
        if is_drawn:
            self._put(_audit(item, asked, rate))
        elif left_to_people(plan):
            self._put(item)
        if unattended:
            self._storage.outcomes.unattended.record_all(_records(entry, unattended, item.group, is_drawn))

    def closed(self, connection: str, *, ticket_id: str) -> None:
        """Take a closed ticket out of the queue; an audit that was drawn is answered all the same."""
        self._storage.queue.withdraw(connection, ticket_id=ticket_id, at=self._clock())

    def _promises(self, model: str, connection: str) -> Sequence[tuple[PromiseRecord, Promise]]:
        records = self._storage.policies.promises.all_current(model=model, connection=connection)
        return [(one, made) for one in records if (made := one.promise) is not None]

    def _asked_besides(
        self, promises: Sequence[tuple[PromiseRecord, Promise]], plan: Plan, connection: Connection
    ) -> Sequence[str]:
        """Return the targets left to people that are drawn all the same: one on urgent tickets is promised of all."""
        left = left_to_people(plan)
        return [
            record.target
            for record, made in promises
            if made.urgent_labels and record.target in left and self._is_acting(record, connection)
        ]

    def _is_acting(self, record: PromiseRecord, connection: Connection) -> bool:
        """Tell whether tickets run unattended on a promise at present."""
        policies, key = self._storage.policies, {"connection": record.connection, "target": record.target}
        set_mode = policies.modes.current(**key)
        if (set_mode.mode if set_mode else connection.mode(record.target)) is not Mode.AUTOFILL:
            return False
        state = policies.states.current(model=record.model, **key)
        if state is None or state.state is PolicyState.RUNNING:
            return True
        # What the service fell back from may run again with a newer model.
        since = UnattendedFilter(record.connection, model=record.model, target=record.target, since=state.at)
        return not state.by and self._storage.outcomes.unattended.count(since) > 0

    def _put(self, item: ReviewItem) -> None:
        """Put an item into the queue in place of what waited there of an earlier state of its ticket."""
        if self._storage.queue.add([item]):
            self._storage.queue.withdraw(item.connection, ticket_id=item.ticket_id, at=self._clock(), all_but=item.id)

    def _cluster(self, entry: ScoredEntry, ticket: Ticket, connection: Connection) -> str:
        return self._bursts.cluster_of(
            entry.id,
            text=f"{ticket.subject}\n{ticket.body}",
            connection=connection.name,
            labels={name: str(given["label"]) for name, given in entry.predictions.items() if given["label"]},
            at=entry.scored_at,
        )


@cache
def rate_for(promise: Promise) -> float:
    """Return the share of what runs unattended under a promise that is audited."""
    breach = min(BREACH_TIMES * promise.largest_error, (1 + promise.largest_error) / 2)
    plan = audit_rate(0, breach, FOUND_WITHIN_TICKETS, promised=promise.largest_error, confidence=promise.confidence)
    return plan.rate


def share_of(entry_id: str, *, purpose: str) -> float:
    """Return a number from 0 to below 1 that is evenly spread over ids, another one for each purpose."""
    digest = hashlib.sha256(f"{purpose}:{entry_id}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _audit(item: ReviewItem, targets: Sequence[str], rate: float) -> ReviewItem:
    is_twice = share_of(item.id, purpose="second lead") < 1 / ONE_IN_ANSWERED_TWICE
    return replace(
        item,
        is_audit=True,
        audit_targets=tuple(targets),
        leads_wanted=2 if is_twice else 1,
        inclusion_probability=rate,
    )


def _records(entry: ScoredEntry, targets: Sequence[str], group: str, was_drawn: bool) -> Sequence[UnattendedRecord]:
    category = str(entry.predictions.get("category", {}).get("label") or "")
    return [
        UnattendedRecord(
            entry_id=entry.id,
            connection=entry.connection,
            ticket_id=entry.ticket_id,
            model=entry.model,
            target=target,
            label=str(entry.predictions[target]["label"]),
            probability=float(entry.predictions[target]["probability"]),
            group=group,
            language=entry.language,
            category=category,
            at=entry.scored_at,
            was_drawn=was_drawn,
        )
        for target in targets
    ]
