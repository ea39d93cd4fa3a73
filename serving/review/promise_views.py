"""What the pages of promises and modes show: what is in force, what a promise would buy, and what was set before.

Owns how a change is put together from what was chosen. Must not know the web, words or drawings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from features.decisions import PolicyState, effective_policy
from features.errors import SettingsError
from features.promises import Division, Offer, Promise, Week, offer
from serving.connections import Connections, Mode
from serving.oversight.policy_book import state_in_force, trained_at
from serving.review.past_tickets import PastTickets, PromisePreview, unattended_under
from serving.review.trust import ModelsInUse
from serving.served_models import ServedModel
from serving.storage.outcomes import OutcomeStorage
from serving.storage.people import UserStorage
from serving.storage.policies import ModeRecord, PolicyStorage, PromiseRecord, StateRecord

# What is shown beforehand of every target.
USUAL_ERRORS = (0.10, 0.05, 0.02, 0.01)
_WEEKS_COUNTED = 4
# What stands for a week of which nothing is known yet.
_TICKETS_OF_EXAMPLE = 100
MOST_HISTORY = 30


class PromiseStorage(Protocol):
    """What is read and set here."""

    @property
    def policies(self) -> PolicyStorage:
        """The policies."""

    @property
    def outcomes(self) -> OutcomeStorage:
        """What became of tickets."""


class ChangeKind(StrEnum):
    """What was changed."""

    PROMISE = "promise"
    MODE = "mode"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A promise and a mode as somebody chose them; `largest_error` None takes a promise back."""

    mode: Mode
    largest_error: float | None = None
    division: Division = Division.TOGETHER
    urgent_labels: tuple[str, ...] = ()
    largest_understated: float | None = None

    def promise(self) -> Promise | None:
        """Return the promise; raise SettingsError saying what of it cannot be made."""
        if self.largest_error is None:
            return None
        return Promise(
            self.largest_error,
            division=self.division,
            urgent_labels=self.urgent_labels,
            largest_understated=self.largest_understated,
        )


@dataclass(frozen=True, slots=True)
class Bought:
    """What a promise buys: the offer made on the evidence, and the same in tickets a week."""

    offer: Offer
    week: Week
    is_example: bool


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One target of one connection as it stands."""

    target: str
    promise: PromiseRecord | None
    mode: Mode
    state: PolicyState
    because: str
    bought: Bought | None


@dataclass(frozen=True, slots=True)
class ConnectionPolicies:
    """All targets of a connection; "" stands for callers of the API."""

    connection: str
    model: str
    has_model: bool
    rows: Sequence[PolicyRow]


@dataclass(frozen=True, slots=True)
class Change:
    """A version of something, who set it, and whether it is the newest, which alone can be undone."""

    kind: ChangeKind
    record: PromiseRecord | ModeRecord | StateRecord
    by: str
    is_newest: bool


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One target: what is in force, what the usual promises would buy, and the change that is being tried, if any."""

    connection: str
    model: str
    row: PolicyRow
    labels: tuple[str, ...]
    options: Sequence[Bought]
    history: Sequence[Change]
    versions: Mapping[ChangeKind, int]
    chosen: Chosen
    tried: Bought | None
    preview: PromisePreview | None
    is_tried: bool
    now: datetime
    problem: str = ""


class PromiseViews:
    """Builds the pages, and sets what was chosen."""

    def __init__(
        self,
        storage: PromiseStorage,
        *,
        users: UserStorage,
        past: PastTickets,
        connections: Connections,
        models: ModelsInUse,
        default_model: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._policies = storage.policies
        self._outcomes = storage.outcomes
        self._users = users
        self._past = past
        self._connections = connections
        self._models = models
        self._default_model = default_model
        self._clock = clock

    @property
    def connections(self) -> tuple[str, ...]:
        """The connections, and "" for callers of the API."""
        return (*self._connections.by_name, "")

    def knows(self, connection: str, target: str) -> bool:
        """Tell whether there is such a target on such a connection."""
        served = self._models.current(self.model_of(connection))
        return connection in self.connections and served is not None and target in served.bundle.evidence

    def model_of(self, connection: str) -> str:
        """Return the name of the model that answers for a connection."""
        known = self._connections.by_name.get(connection)
        return (known.model if known else "") or self._default_model

    def all(self) -> Sequence[ConnectionPolicies]:
        """Return what is in force everywhere."""
        found = []
        for connection in self.connections:
            model = self.model_of(connection)
            served = self._models.current(model)
            targets = list(served.bundle.evidence) if served else []
            rows = [self._row(connection, target, served) for target in targets]
            found.append(ConnectionPolicies(connection, model, served is not None, rows))
        return found

    def page(self, connection: str, target: str, *, chosen: Chosen | None, problem: str = "") -> PolicyPage:
        """Return the page of a target that is there; with `chosen`, what that would change."""
        model = self.model_of(connection)
        served = self._models.current(model)
        assert served is not None, "ask `knows` first"
        row = self._row(connection, target, served)
        tried, preview = None, None
        if chosen is not None and not problem:
            try:
                tried, preview = self._try(connection, target, served, chosen=chosen, mode_before=row.mode)
            except SettingsError as error:
                problem = str(error)
        return PolicyPage(
            connection=connection,
            model=model,
            row=row,
            labels=served.bundle.evidence[target].labels,
            options=[self._buys(connection, target, served, Promise(error)) for error in USUAL_ERRORS],
            history=self._history(connection, target),
            versions=self.versions(connection, target),
            chosen=chosen or _as_it_stands(row),
            tried=tried,
            preview=preview,
            is_tried=chosen is not None and not problem,
            now=self._clock(),
            problem=problem,
        )

    # --- what is set ----------------------------------------------------------------------------------------------

    def versions(self, connection: str, target: str) -> Mapping[ChangeKind, int]:
        """Return the versions in force, 0 where nothing was set."""
        promise, mode, state = self._records(connection, target)
        return {
            ChangeKind.PROMISE: promise.version if promise else 0,
            ChangeKind.MODE: mode.version if mode else 0,
            ChangeKind.STATE: state.version if state else 0,
        }

    def save(
        self, connection: str, target: str, *, chosen: Chosen, by: str, versions: Mapping[ChangeKind, int]
    ) -> bool:
        """Set a promise and a mode, as far as they differ; return False where somebody has set another meanwhile.

        Raises SettingsError where the promise cannot be made.
        """
        promise, mode, _ = self._records(connection, target)
        seen = self.versions(connection, target)
        if any(versions.get(kind) != seen[kind] for kind in (ChangeKind.PROMISE, ChangeKind.MODE)):
            return False
        made, model, now = chosen.promise(), self.model_of(connection), self._clock()
        if made is not None:
            served = self._models.current(model)
            if served is not None:
                offer(served.bundle.evidence[target], made)
        is_other = made != (promise.promise if promise else None)
        if is_other and not self._policies.promises.set(
            PromiseRecord(
                model,
                connection,
                target,
                chosen.largest_error,
                by=by,
                at=now,
                largest_understated=made.largest_understated if made else None,
                urgent_labels=made.urgent_labels if made else (),
                division=chosen.division,
                version=seen[ChangeKind.PROMISE] + 1,
            )
        ):
            return False
        if not connection or chosen.mode is self._mode(connection, target, mode):
            return True
        record = ModeRecord(connection, target, chosen.mode, by=by, at=now, version=seen[ChangeKind.MODE] + 1)
        return self._policies.modes.set(record)

    def set_state(
        self, connection: str, target: str, *, state: PolicyState, because: str, by: str, version: int
    ) -> bool:
        """Resume or switch off; return False where somebody has set another state meanwhile."""
        record = StateRecord(
            self.model_of(connection),
            connection,
            target,
            state,
            because=because,
            by=by,
            at=self._clock(),
            version=version + 1,
        )
        return self._policies.states.set(record)

    def undo(self, connection: str, target: str, *, kind: ChangeKind, version: int, by: str) -> bool:
        """Set again what stood before the newest version; return False where that is not the newest any more."""
        versions = self.versions(connection, target)
        if not version or versions[kind] != version or kind is ChangeKind.STATE:
            return False
        now, following = self._clock(), version + 1
        if kind is ChangeKind.MODE:
            modes = self._policies.modes.history(connection=connection, target=target, limit=2)
            before = modes[1].mode if len(modes) > 1 else self._mode(connection, target, None)
            return self._policies.modes.set(ModeRecord(connection, target, before, by=by, at=now, version=following))
        promises = self._policies.promises.history(
            model=self.model_of(connection), connection=connection, target=target, limit=2
        )
        earlier = (
            promises[1]
            if len(promises) > 1
            else replace(promises[0], largest_error=None, largest_understated=None, urgent_labels=())
        )
        return self._policies.promises.set(replace(earlier, by=by, at=now, version=following))

    # --- what is read ---------------------------------------------------------------------------------------------

    def _records(
        self, connection: str, target: str
    ) -> tuple[PromiseRecord | None, ModeRecord | None, StateRecord | None]:
        model = self.model_of(connection)
        return (
            self._policies.promises.current(model=model, connection=connection, target=target),
            self._policies.modes.current(connection=connection, target=target),
            self._policies.states.current(model=model, connection=connection, target=target),
        )

    def _row(self, connection: str, target: str, served: ServedModel | None) -> PolicyRow:
        promise, mode, state = self._records(connection, target)
        in_force = state_in_force(state, trained_at=trained_at(served)) if served else PolicyState.RUNNING
        bought = None
        if promise is not None and served is not None:
            made = promise.promise
            bought = self._buys_if_it_can(connection, target, served, made) if made else None
        because = state.because if state is not None and in_force is not PolicyState.RUNNING else ""
        return PolicyRow(target, promise, self._mode(connection, target, mode), in_force, because, bought)

    def _mode(self, connection: str, target: str, record: ModeRecord | None) -> Mode:
        if record is not None:
            return record.mode
        known = self._connections.by_name.get(connection)
        # Callers of the API do themselves what the decision says.
        return known.mode(target) if known else Mode.AUTOFILL

    def _try(
        self, connection: str, target: str, served: ServedModel, *, chosen: Chosen, mode_before: Mode
    ) -> tuple[Bought | None, PromisePreview]:
        promise = chosen.promise()
        evidence = served.bundle.evidence[target]
        policy = effective_policy(evidence, promise)
        past = self._past.of(connection)
        preview = unattended_under(policy, past, target=target, mode=chosen.mode, mode_before=mode_before)
        return (self._buys(connection, target, served, promise) if promise else None), preview

    def _buys(self, connection: str, target: str, served: ServedModel, promise: Promise) -> Bought:
        weekly = self._tickets_a_week(connection)
        made = offer(served.bundle.evidence[target], promise)
        return Bought(made, made.per_week(weekly or _TICKETS_OF_EXAMPLE), is_example=not weekly)

    def _buys_if_it_can(self, connection: str, target: str, served: ServedModel, promise: Promise) -> Bought | None:
        try:
            return self._buys(connection, target, served, promise)
        except SettingsError:  # such as urgent labels that a later model does not have
            return None

    def _tickets_a_week(self, connection: str) -> int:
        now = self._clock()
        since = now - timedelta(weeks=_WEEKS_COUNTED)
        days = self._outcomes.unattended.scored_per_day(since=since, connection=connection)
        if not days:
            return 0
        seen_days = max((now.date() - min(days)).days + 1, 7)
        return round(sum(days.values()) * 7 / seen_days)

    def _history(self, connection: str, target: str) -> Sequence[Change]:
        model = self.model_of(connection)
        key = {"model": model, "connection": connection, "target": target}
        told = [
            *_changes(ChangeKind.PROMISE, self._policies.promises.history(limit=MOST_HISTORY, **key), self._name),
            *_changes(
                ChangeKind.MODE,
                self._policies.modes.history(limit=MOST_HISTORY, connection=connection, target=target),
                self._name,
            ),
            *_changes(ChangeKind.STATE, self._policies.states.history(limit=MOST_HISTORY, **key), self._name),
        ]
        return sorted(told, key=lambda one: one.record.at, reverse=True)[:MOST_HISTORY]

    def _name(self, user_id: str) -> str:
        found = self._users.find(user_id) if user_id else None
        return found.name if found else user_id


def _changes(
    kind: ChangeKind, records: Sequence[PromiseRecord | ModeRecord | StateRecord], name: Callable[[str], str]
) -> Sequence[Change]:
    return [Change(kind, record, name(record.by), is_newest=not place) for place, record in enumerate(records)]


def _as_it_stands(row: PolicyRow) -> Chosen:
    made = row.promise.promise if row.promise else None
    if made is None:
        return Chosen(row.mode)
    return Chosen(row.mode, made.largest_error, made.division, made.urgent_labels, made.largest_understated)
