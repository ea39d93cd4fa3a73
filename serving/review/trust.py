"""What the page of trust shows: each promise against what audits found, and what became of what ran unattended.

Owns how figures are counted. Must not know the web, words or drawings. No figure is by person: who answered, who asked
and who changed something is read nowhere here. Whoever opens the page is led to no ticket that is not for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from features.decisions import PolicyState
from serving.connections import Connections
from serving.oversight.live_promises import error_trials, understated_test
from serving.review.misroute_costs import MisrouteCosts, misroute_costs
from serving.review.trust_figures import (
    CONFIDENCE,
    MisroutePair,
    Routing,
    TargetTrust,
    TrustPage,
    UnknownLabel,
    WeekShare,
    error_points,
    parted,
    way_of,
    week_shares,
)
from serving.served_models import ServedModel
from serving.storage.intake import ClosingStorage, SetBy
from serving.storage.outcomes import Feedback, FeedbackKind, OutcomeStorage, UnattendedFilter
from serving.storage.policies import PolicyStorage, PromiseRecord
from serving.storage.reviewing import (
    AuditAnswer,
    AuditStorage,
    Disagreement,
    ItemState,
    QueueStorage,
    ReviewStorage,
    Sight,
)

WEEKS = 12
MOST_MISROUTES = 10
# Beyond so many unattended decisions the newest tell.
MOST_DECISIONS = 20_000
GROUP = "group"
_WEEK = timedelta(days=7)


class TrustStorage(Protocol):
    """What is read here."""

    @property
    def policies(self) -> PolicyStorage:
        """The policies."""

    @property
    def outcomes(self) -> OutcomeStorage:
        """What became of tickets."""

    @property
    def audits(self) -> AuditStorage:
        """What audits found."""

    @property
    def queue(self) -> QueueStorage:
        """The queue."""

    @property
    def reviews(self) -> ReviewStorage:
        """The reviews."""

    @property
    def closings(self) -> ClosingStorage:
        """How tickets ended."""


class ModelsInUse(Protocol):
    """Where the model that answers is found."""

    def current(self, name: str = "") -> ServedModel | None:
        """Return the model that answers to a name, if it is loaded."""


class TrustViews:
    """Builds the page of trust for one visitor at a time."""

    def __init__(
        self,
        storage: TrustStorage,
        *,
        connections: Connections,
        models: ModelsInUse,
        default_model: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._storage = storage
        self._connections = connections
        self._models = models
        self._default_model = default_model
        self._clock = clock

    @property
    def connections(self) -> tuple[str, ...]:
        """The connections by name."""
        return tuple(self._connections.by_name)

    def since(self, now: datetime) -> datetime:
        """Return from when on figures are counted."""
        return now - WEEKS * _WEEK

    def page(self, connection: str, *, sight: Sight, user_id: str) -> TrustPage:
        """Return the page of a connection as somebody may see it."""
        now = self._clock()
        since = self.since(now)
        model = self.model_of(connection)
        served = self._models.current(model)
        told = self._storage.outcomes.feedback.list(connection=connection, kind=FeedbackKind.FINAL_VALUES)
        moved = self.moved(connection, sight=sight, since=since)
        costs = misroute_costs(told, misrouted=[ticket_id for tickets in moved.values() for ticket_id in tickets])
        return TrustPage(
            connection=connection,
            connections=self.connections,
            model=model,
            has_model=served is not None,
            targets=[
                self._target(model, connection, target=target, now=now, since=since)
                for target in self._targets(connection, model, served)
            ],
            misroutes=self._misroutes(connection, moved, costs, sight=sight, user_id=user_id, since=since),
            costs=costs,
            routing=self._routing(connection, told, since=since),
            unknown=self._unknown(connection, served, since=since),
            since=since,
            now=now,
        )

    def model_of(self, connection: str) -> str:
        """Return the name of the model that answers for a connection."""
        known = self._connections.by_name.get(connection)
        return (known.model if known else "") or self._default_model

    def must_not_tell(self, connection: str, *, ticket_id: str, user_id: str) -> bool:
        """Tell whether somebody has yet to answer an audit of a ticket, and is told nothing of it before."""
        waiting = [
            item
            for item in self._storage.queue.for_ticket(connection, ticket_id=ticket_id)
            if item.is_audit and item.state is ItemState.OPEN
        ]
        return any(
            all(one.by != user_id for one in self._storage.reviews.list(item_id=item.id, is_audit=True))
            for item in waiting
        )

    # --- one target -----------------------------------------------------------------------------------------------

    def _targets(self, connection: str, model: str, served: ServedModel | None) -> Sequence[str]:
        known = list(served.bundle.evidence) if served else []
        promised = self._storage.policies.promises.all_current(model=model, connection=connection)
        return list(dict.fromkeys([*known, *(one.target for one in promised)]))

    def _target(self, model: str, connection: str, *, target: str, now: datetime, since: datetime) -> TargetTrust:
        promise = self._storage.policies.promises.current(model=model, connection=connection, target=target)
        answers = self._answers(promise, model, connection, target=target, since=since)
        made = promise.promise if promise else None
        urgent = understated_test(made, answers) if made else None
        confidence = made.confidence if made else CONFIDENCE
        pairs = self._storage.audits.agreement_pairs(model=model, connection=connection, target=target)
        return TargetTrust(
            target=target,
            promise=promise,
            state=self._storage.policies.states.current(model=model, connection=connection, target=target),
            points=error_points(error_trials(answers), confidence=confidence),
            urgent_points=error_points(urgent.trials, confidence=confidence) if urgent else (),
            untold=sum(one.given is None for one in answers),
            weeks=self._weeks(connection, target=target, now=now, since=since),
            agreed=sum(one.first == one.second for one in pairs),
            pairs=len(pairs),
            audited=parted(self._disagreements(connection, target, since, is_audit=True)),
            reviewed=parted(self._disagreements(connection, target, since, is_audit=False)),
        )

    def _answers(
        self, promise: PromiseRecord | None, model: str, connection: str, *, target: str, since: datetime
    ) -> Sequence[AuditAnswer]:
        """Return the audits of the model that decides now, since the promise was made or last resumed."""
        chosen = UnattendedFilter(connection=connection, model=model, target=target)
        latest = self._storage.outcomes.unattended.sample(chosen, limit=1)
        if not latest:
            return ()
        history = self._storage.policies.states.history(model=model, connection=connection, target=target)
        resumed = next((one.at for one in history if one.state is PolicyState.RUNNING), None)
        begins = max((one for one in (promise.at if promise else since, resumed) if one is not None), default=since)
        return self._storage.audits.audits_of(
            model, connection=connection, target=target, model_version=latest[0].model.version, since=begins
        )

    def _weeks(self, connection: str, *, target: str, now: datetime, since: datetime) -> Sequence[WeekShare]:
        unattended = self._storage.outcomes.unattended
        return week_shares(
            unattended.scored_per_day(since=since, connection=connection),
            unattended.per_day(UnattendedFilter(connection=connection, target=target, since=since)),
            since=since.date(),
            until=now.date(),
        )

    def _disagreements(
        self, connection: str, target: str, since: datetime, *, is_audit: bool
    ) -> Sequence[Disagreement]:
        return self._storage.audits.disagreements(connection=connection, target=target, is_audit=is_audit, since=since)

    # --- where tickets went ---------------------------------------------------------------------------------------

    def _misroutes(
        self,
        connection: str,
        moved: Mapping[tuple[str, str], Sequence[str]],
        costs: MisrouteCosts,
        *,
        sight: Sight,
        user_id: str,
        since: datetime,
    ) -> Sequence[MisroutePair]:
        found = self._storage.audits.misroutes(
            target=GROUP, connection=connection, since=since, limit=50, visible_to=sight
        )
        pairs: dict[tuple[str, str], MisroutePair] = {}
        for one in found:
            is_hidden = self.must_not_tell(connection, ticket_id=one.example_ticket_id, user_id=user_id)
            example = "" if is_hidden else one.example_item_id
            minutes = costs.of_all((), besides=one.times)
            pairs[one.suggested, one.given] = MisroutePair(one.suggested, one.given, one.times, 0, minutes, example)
        for (source, destination), tickets in moved.items():
            known = pairs.get((source, destination), MisroutePair(source, destination, 0, 0, 0.0))
            pairs[source, destination] = MisroutePair(
                source,
                destination,
                known.audited,
                len(tickets),
                costs.of_all(tickets, besides=known.audited),
                known.example_item,
                "" if known.example_item else self._tellable(connection, tickets, user_id=user_id),
            )
        return sorted(pairs.values(), key=lambda one: (-one.minutes, -one.times, one.source, one.destination))[
            :MOST_MISROUTES
        ]

    def _tellable(self, connection: str, tickets: Sequence[str], *, user_id: str) -> str:
        told = (one for one in reversed(tickets) if not self.must_not_tell(connection, ticket_id=one, user_id=user_id))
        return next(told, "")

    def moved(self, connection: str, *, sight: Sight, since: datetime) -> Mapping[tuple[str, str], Sequence[str]]:
        """Return, by the group that a ticket was routed to unattended and the one it ended with, those that moved."""
        routed = self._routed(connection, sight=sight, since=since)
        moved: dict[tuple[str, str], list[str]] = {}
        for closing in self._storage.closings.closings(connection=connection, since=since):
            source, final = routed.get(closing.ticket_id, ""), closing.values.get(GROUP)
            if source and final and final.set_by is SetBy.PERSON and final.value.casefold() != source.casefold():
                moved.setdefault((source, final.value), []).append(closing.ticket_id)
        return moved

    def _routed(self, connection: str, *, sight: Sight, since: datetime) -> Mapping[str, str]:
        chosen = UnattendedFilter(connection=connection, target=GROUP, since=since, visible_to=sight)
        records = self._storage.outcomes.unattended.sample(chosen, limit=MOST_DECISIONS)
        return {one.ticket_id: one.label for one in records}

    def _routing(self, connection: str, told: Sequence[Feedback], *, since: datetime) -> Routing:
        everything = Sight()
        days = self._storage.outcomes.unattended.per_day(UnattendedFilter(connection=connection, target=GROUP))
        begins = min((one.day for one in days), default=None)
        ways = [(one.at.date(), one.values) for one in told]
        routed = self._routed(connection, sight=everything, since=since)
        closed = [
            one.ticket_id
            for one in self._storage.closings.closings(connection=connection, since=since)
            if one.ticket_id in routed and GROUP in one.values
        ]
        return Routing(
            begins=datetime(begins.year, begins.month, begins.day, tzinfo=since.tzinfo) if begins else None,
            before=way_of([values for day, values in ways if begins is None or day < begins]),
            since=way_of([values for day, values in ways if begins is not None and day >= begins]),
            routed=len(closed),
            moved=sum(map(len, self.moved(connection, sight=everything, since=since).values())),
        )

    def labels_in_use(self, connection: str, *, since: datetime) -> Mapping[tuple[str, str], Collection[str]]:
        """Return the tickets of each target and label that people gave at close, or that was told of."""
        seen: dict[tuple[str, str], set[str]] = {}
        for closing in self._storage.closings.closings(connection=connection, since=since):
            for target, final in closing.values.items():
                if final.set_by is SetBy.PERSON and final.value:
                    seen.setdefault((target, final.value), set()).add(closing.ticket_id)
        for told in self._storage.outcomes.feedback.list(connection=connection, since=since):
            for target, label in told.values.items():
                if isinstance(label, str):
                    seen.setdefault((target, label), set()).add(told.ticket_id)
        return seen

    def _unknown(self, connection: str, served: ServedModel | None, *, since: datetime) -> Sequence[UnknownLabel]:
        """Return the labels that people gave at close or told of, and that the model does not know."""
        if served is None:
            return ()
        known = {name: {label.casefold() for label in one.labels} for name, one in served.bundle.evidence.items()}
        seen = self.labels_in_use(connection, since=since)
        found = [
            UnknownLabel(target, label, len(tickets))
            for (target, label), tickets in seen.items()
            if target in known and label.casefold() not in known[target]
        ]
        return sorted(found, key=lambda one: (-one.tickets, one.target, one.label))[:50]
