"""The policies, modes and rules in force, as far as leads have set them; answers are amended by what they say.

Owns how what is stored becomes what is in force, and for how long it is remembered. Must not know the web, SQL, or how
a rule is written. Where the database does not answer, nothing runs unattended: what cannot be looked up is no promise.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from features.answers import ModelIdentity
from features.decisions import Policy, PolicyState, effective_policy
from features.errors import RecipeError, SettingsError, StorageError
from features.evidence import Evidence
from features.glossary import Glossary
from features.prediction_sets import PredictionSets
from features.tickets import Ticket
from serving.connections import Connection, Mode
from serving.event_log import Event, log_event
from serving.oversight.likely_labels import with_likely_labels
from serving.oversight.live_drift import LiveDrift
from serving.oversight.rules import NO_RULES, SiteRules, apply_rules
from serving.oversight.written_rules import read_rules
from serving.served_models import ServedModel
from serving.storage.policies import GlossaryVersion, PolicyStorage, PromiseRecord, RulesVersion, StateRecord

REFRESH_EVERY = timedelta(seconds=3)
SET_COVERAGE = 0.9
# More than any site has models, connections and targets; beyond it what was made is forgotten and made again.
_MOST_KEPT = 2_000

_Place: TypeAlias = tuple[str, str, str]
_Made: TypeAlias = tuple[Policy, PredictionSets]


@dataclass(frozen=True, slots=True)
class _Page:
    """All that was in force at one look; a promise and a state stand under their model, connection and target."""

    looked_at: datetime
    is_known: bool
    promises: Mapping[_Place, PromiseRecord]
    states: Mapping[_Place, StateRecord]
    modes: Mapping[tuple[str, str], Mode]
    rules: Mapping[str, SiteRules]
    glossaries: Mapping[str, GlossaryVersion]


class PolicyBook:
    """Says what is in force, by a look at the storage every few seconds; safe to use from several threads."""

    def __init__(
        self,
        storage: PolicyStorage,
        *,
        clock: Callable[[], datetime],
        refresh_every: timedelta = REFRESH_EVERY,
        drift: LiveDrift | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._refresh_every = refresh_every
        self._drift = drift
        self._lock = threading.Lock()
        self._page: _Page | None = None
        self._made: dict[tuple[Any, ...], _Made] = {}
        self._read: dict[tuple[str, int], SiteRules] = {}
        self._glossaries: dict[tuple[int, str, int], Glossary] = {}

    # --- what is asked ----------------------------------------------------------------------------------------

    def in_force(self, model: ServedModel, *, connection: str) -> Mapping[str, Policy]:
        """Return the policy of each target of a model on a connection; "" stands for callers of the API."""
        return {name: policy for name, (policy, _) in self._all_made(model, connection=connection).items()}

    def amended(
        self, answer: Mapping[str, Any], ticket: Ticket, *, model: ServedModel, connection: str
    ) -> dict[str, Any]:
        """Return an answer with the likely labels of what is left to people, as the site's rules leave it."""
        sets = {name: made for name, (_, made) in self._all_made(model, connection=connection).items()}
        page = self._current()
        if self._drift is not None:
            promised = [name for name in sets if (model.identity.name, connection, name) in page.promises]
            self._drift.seen(
                answer,
                model=model.identity,
                evidence=model.bundle.evidence,
                connection=connection,
                targets=promised,
            )
        return apply_rules(
            with_likely_labels(answer, sets), ticket, page.rules.get(connection, NO_RULES), now=self._clock()
        )

    def mode_of(self, connection: Connection, target: str) -> Mode:
        """Return how far a target may go: as set in the page, else as configured; no further than a suggestion where
        the page cannot be looked at."""
        page = self._current()
        configured = connection.mode(target)
        if not page.is_known:
            return Mode.SUGGEST if configured is Mode.AUTOFILL else configured
        return page.modes.get((connection.name, target), configured)

    def rules_of(self, connection: str) -> SiteRules:
        """Return the rules and off-switches of a connection."""
        return self._current().rules.get(connection, NO_RULES)

    def glossary(self, base: Glossary, *, connection: str) -> Glossary:
        """Return a glossary with the words that the connection's leads have added to it; theirs come first."""
        added = self._current().glossaries.get(connection)
        if added is None or not added.entries:
            return base
        key = (id(base), connection, added.version)
        if key not in self._glossaries:
            self._glossaries[key] = _with_entries(base, added)
        return self._glossaries[key]

    def look_again(self) -> None:
        """Look at the storage the next time something is asked: what was set just now is in force at once."""
        with self._lock:
            self._page = None

    # --- how it is made ---------------------------------------------------------------------------------------

    def _all_made(self, model: ServedModel, *, connection: str) -> Mapping[str, _Made]:
        page = self._current()
        return {
            target: self._policy_and_sets(model, page, connection, target=target, evidence=evidence)
            for target, evidence in model.bundle.evidence.items()
        }

    def _policy_and_sets(
        self, model: ServedModel, page: _Page, connection: str, *, target: str, evidence: Evidence
    ) -> _Made:
        place = (model.identity.name, connection, target)
        promised, stated = page.promises.get(place), page.states.get(place)
        state = state_in_force(stated, trained_at=trained_at(model))
        key = (
            id(model.bundle),
            _version_of(model.identity),
            place,
            0 if promised is None else promised.version,
            state,
        )
        with self._lock:
            made = self._made.get(key)
        if made is None:
            policy = _policy(evidence, promised, state)
            # Of evidence without a ticket nothing can be said; the sets of it hold every label.
            made = policy, PredictionSets.fit(evidence, policy, coverage=SET_COVERAGE)
            with self._lock:
                if len(self._made) >= _MOST_KEPT:
                    self._made.clear()
                self._made[key] = made
        return made

    def _current(self) -> _Page:
        now = self._clock()
        with self._lock:
            if self._page is None or not timedelta(0) <= now - self._page.looked_at < self._refresh_every:
                self._page = self._look(now)
            return self._page

    def _look(self, now: datetime) -> _Page:
        try:
            return self._stored(now)
        except StorageError as error:
            log_event(Event.POLICIES_UNKNOWN, level=logging.ERROR, error=error)
            # Rules that were known go on to hold: what they force is asked for by a person.
            rules = {} if self._page is None else self._page.rules
            glossaries = {} if self._page is None else self._page.glossaries
            return _Page(now, False, {}, {}, {}, rules, glossaries)

    def _stored(self, now: datetime) -> _Page:
        storage = self._storage
        rules = {record.connection: record for record in storage.rules.all_current()}
        switches = [one for one in storage.off_switches.all_current() if one.is_off]
        return _Page(
            looked_at=now,
            is_known=True,
            promises={(one.model, one.connection, one.target): one for one in storage.promises.all_current()},
            states={(one.model, one.connection, one.target): one for one in storage.states.all_current()},
            modes={(one.connection, one.target): one.mode for one in storage.modes.all_current()},
            rules={
                name: SiteRules(
                    self._rules(rules[name]).rules if name in rules else (),
                    tuple(one for one in switches if one.connection == name),
                )
                for name in rules.keys() | {one.connection for one in switches}
            },
            glossaries={one.connection: one for one in storage.glossaries.all_current()},
        )

    def _rules(self, record: RulesVersion) -> SiteRules:
        """Return the rules of a version; one that cannot be read any more is logged, and holds nobody up."""
        key = record.connection, record.version
        if key not in self._read:
            try:
                self._read[key] = SiteRules(read_rules(record.rules))
            except SettingsError as error:
                log_event(Event.POLICIES_UNKNOWN, level=logging.ERROR, error=error, connection=record.connection)
                self._read[key] = NO_RULES
        return self._read[key]


def state_in_force(state: StateRecord | None, *, trained_at: datetime) -> PolicyState:
    """Return whether a promise is acted on under a model that was trained at a moment.

    What the service fell back from holds for every model that there was then; one trained later is judged anew. What a
    person said holds until a person says otherwise.
    """
    if state is None:
        return PolicyState.RUNNING
    if state.state is PolicyState.FALLEN_BACK and not state.by and trained_at > state.at:
        return PolicyState.RUNNING
    return state.state


def trained_at(model: ServedModel) -> datetime:
    """Return when a model was trained; the beginning of time where it does not say."""
    try:
        moment = datetime.fromisoformat(str(model.bundle.manifest.created_at))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _with_entries(base: Glossary, added: GlossaryVersion) -> Glossary:
    """Return a glossary with a version's words; one that contradicts itself is logged, and changes nothing."""
    terms = {str(entry["canonical"]): tuple(map(str, entry["variants"])) for entry in added.entries}
    spoken_for = {word.casefold() for name, variants in terms.items() for word in (name, *variants)}
    kept = {
        name: tuple(variant for variant in variants if variant.casefold() not in spoken_for)
        for name, variants in base.terms.items()
        if name.casefold() not in spoken_for
    }
    try:
        return Glossary.from_mapping({**kept, **terms})
    except RecipeError as error:
        log_event(Event.POLICIES_UNKNOWN, level=logging.ERROR, error=error, connection=added.connection)
        return base


def _version_of(identity: ModelIdentity) -> tuple[str, str]:
    return identity.name, identity.version


def _policy(evidence: Evidence, promised: PromiseRecord | None, state: PolicyState) -> Policy:
    try:
        return effective_policy(evidence, None if promised is None else promised.promise, state)
    except SettingsError as error:
        # Such as a promise on urgent labels that a later model does not have.
        return Policy(state=state, withheld=str(error))
