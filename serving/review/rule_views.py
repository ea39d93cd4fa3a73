"""What the pages of rules, off-switches and glossaries show, what a change would have done, and how it is set.

Must not know the web, words, or how a form writes a rule. Nobody's change is lost unseen: what is set names the
version that was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from features.errors import RecipeError, SettingsError
from features.glossary import Glossary
from serving.connections import Connections
from serving.oversight.rules import SiteRules
from serving.oversight.rules_preview import RulesPreview, preview
from serving.oversight.written_rules import read_rules, write_rule
from serving.review.past_tickets import NO_PAST, Past, PastTickets
from serving.storage.people import UserStorage
from serving.storage.policies import GlossaryVersion, OffSwitch, OffSwitchKind, PolicyStorage, RulesVersion

MOST_HISTORY = 30
MOST_ENTRIES = 500
LONGEST_NOTE = 200


@dataclass(frozen=True, slots=True)
class PastChange:
    """A version of a connection's rules or glossary."""

    version: int
    at: datetime
    by: str
    note: str
    size: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What a change would have done to the last 30 days, beside what is in force."""

    before: RulesPreview
    after: RulesPreview
    past: Past


@dataclass(frozen=True, slots=True)
class RulesPage:
    """The rules and off-switches of a connection; `draft` is what is tried and not saved."""

    connection: str
    connections: Sequence[str]
    rules: Sequence[Mapping[str, Any]]
    switches: Sequence[OffSwitch]
    switch_names: Mapping[str, str]
    version: int
    history: Sequence[PastChange]
    now: datetime
    labels: Mapping[str, Sequence[str]]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class GlossaryPage:
    """The words of a connection; `matching` of the tickets of the last 30 days contain one of the spellings."""

    connection: str
    connections: Sequence[str]
    entries: Sequence[Mapping[str, Any]]
    version: int
    history: Sequence[PastChange]
    now: datetime
    is_tried: bool = False
    matching: int = 0
    past: Past = NO_PAST
    problem: str = ""


class RuleViews:
    """Builds the pages, and sets what was tried."""

    def __init__(
        self,
        policies: PolicyStorage,
        *,
        users: UserStorage,
        past: PastTickets,
        connections: Connections,
        clock: Callable[[], datetime],
    ) -> None:
        self._policies = policies
        self._users = users
        self._past = past
        self._connections = connections
        self._clock = clock

    @property
    def connections(self) -> tuple[str, ...]:
        """The connections, and "" for callers of the API, whose answers rules amend too."""
        return (*self._connections.by_name, "")

    # --- rules ----------------------------------------------------------------------------------------------------

    def page(self, connection: str, *, labels: Mapping[str, Sequence[str]], problem: str = "") -> RulesPage:
        """Return the rules of a connection."""
        current = self._policies.rules.current(connection=connection)
        switches = self._policies.off_switches.all_current(connection=connection)
        return RulesPage(
            connection=connection,
            connections=self.connections,
            rules=current.rules if current else (),
            switches=switches,
            switch_names={one.by: self._name(one.by) for one in switches},
            version=current.version if current else 0,
            history=[
                PastChange(one.version, one.at, self._name(one.by), one.note, len(one.rules))
                for one in self._policies.rules.history(connection=connection, limit=MOST_HISTORY)
            ],
            now=self._clock(),
            labels=labels,
            problem=problem,
        )

    def try_rules(self, connection: str, rules: Sequence[Mapping[str, Any]]) -> Tried:
        """Return what rules would have done to the last 30 days; raise SettingsError for one that cannot be used."""
        drafted = SiteRules(read_rules(rules), self._switches(connection))
        return self._tried(connection, drafted)

    def try_switch(self, connection: str, *, kind: OffSwitchKind, value: str, by: str) -> Tried:
        """Return what an off-switch would have done to the last 30 days."""
        added = OffSwitch(connection, kind, value, by=by, at=self._clock())
        in_force = self._in_force(connection)
        return self._tried(connection, replace(in_force, off_switches=(*in_force.off_switches, added)))

    def save_rules(
        self, connection: str, rules: Sequence[Mapping[str, Any]], *, by: str, note: str, version: int
    ) -> bool:
        """Set rules; return False where somebody has set others meanwhile. Raises SettingsError."""
        plain = [write_rule(rule) for rule in read_rules(rules)]
        told = note[:LONGEST_NOTE]
        record = RulesVersion(connection, plain, by=by, at=self._clock(), note=told, version=version + 1)
        return self._policies.rules.set(record)

    def undo_rules(self, connection: str, *, version: int, by: str, note: str) -> bool:
        """Set the rules before the newest again; return False where that is not the newest any more."""
        history = self._policies.rules.history(connection=connection, limit=2)
        if not history or history[0].version != version:
            return False
        earlier = history[1].rules if len(history) > 1 else ()
        record = RulesVersion(connection, list(earlier), by=by, at=self._clock(), note=note, version=version + 1)
        return self._policies.rules.set(record)

    def switch(self, connection: str, *, kind: OffSwitchKind, value: str, is_off: bool, by: str, version: int) -> bool:
        """Switch off, or on again; return False where somebody has done so meanwhile."""
        record = OffSwitch(connection, kind, value, by=by, at=self._clock(), is_off=is_off, version=version + 1)
        return self._policies.off_switches.set(record)

    def switch_version(self, connection: str, *, kind: OffSwitchKind, value: str) -> int:
        """Return the version of an off-switch, 0 for one that nobody ever set."""
        current = self._policies.off_switches.current(connection=connection, kind=kind.value, value=value)
        return current.version if current else 0

    def _tried(self, connection: str, drafted: SiteRules) -> Tried:
        past = self._past.of(connection)
        return Tried(preview(self._in_force(connection), past.tickets), preview(drafted, past.tickets), past)

    def _in_force(self, connection: str) -> SiteRules:
        current = self._policies.rules.current(connection=connection)
        try:
            rules = read_rules(current.rules) if current else ()
        except SettingsError:  # written by an earlier version, and out of force since
            rules = ()
        return SiteRules(rules, self._switches(connection))

    def _switches(self, connection: str) -> tuple[OffSwitch, ...]:
        return tuple(one for one in self._policies.off_switches.all_current(connection=connection) if one.is_off)

    # --- the glossary ---------------------------------------------------------------------------------------------

    def glossary(
        self, connection: str, *, draft: Sequence[Mapping[str, Any]] | None = None, problem: str = ""
    ) -> GlossaryPage:
        """Return the glossary of a connection; with a draft, how many tickets it would have reached."""
        current = self._policies.glossaries.current(connection=connection)
        past, matching = NO_PAST, 0
        if draft is not None and not problem:
            try:
                glossary, past = glossary_from(draft), self._past.of(connection)
                matching = sum(glossary.apply(text) != text for text in _texts(past))
            except SettingsError as error:
                problem = str(error)
        return GlossaryPage(
            connection=connection,
            connections=self.connections,
            entries=draft if draft is not None else current.entries if current else (),
            version=current.version if current else 0,
            history=[
                PastChange(one.version, one.at, self._name(one.by), one.note, len(one.entries))
                for one in self._policies.glossaries.history(connection=connection, limit=MOST_HISTORY)
            ],
            now=self._clock(),
            is_tried=draft is not None and not problem,
            matching=matching,
            past=past,
            problem=problem,
        )

    def save_glossary(
        self, connection: str, entries: Sequence[Mapping[str, Any]], *, by: str, note: str, version: int
    ) -> bool:
        """Set a glossary; return False where somebody has set another meanwhile. Raises SettingsError."""
        glossary_from(entries)
        told = note[:LONGEST_NOTE]
        record = GlossaryVersion(connection, list(entries), by=by, at=self._clock(), note=told, version=version + 1)
        return self._policies.glossaries.set(record)

    def undo_glossary(self, connection: str, *, version: int, by: str, note: str) -> bool:
        """Set the glossary before the newest again; return False where that is not the newest any more."""
        history = self._policies.glossaries.history(connection=connection, limit=2)
        if not history or history[0].version != version:
            return False
        earlier = history[1].entries if len(history) > 1 else ()
        record = GlossaryVersion(connection, list(earlier), by=by, at=self._clock(), note=note, version=version + 1)
        return self._policies.glossaries.set(record)

    def _name(self, user_id: str) -> str:
        found = self._users.find(user_id) if user_id else None
        return found.name if found else user_id


def _texts(past: Past) -> Iterator[str]:
    return (f"{one.ticket.subject}\n{one.ticket.body}" for one in past.tickets)


def glossary_from(entries: Sequence[Mapping[str, Any]]) -> Glossary:
    """Return the glossary of entries as they are stored; raise SettingsError for one that cannot be used."""
    if len(entries) > MOST_ENTRIES:
        raise SettingsError(f"{len(entries)} words are too many. Keep to {MOST_ENTRIES}.")
    names = [str(one["canonical"]) for one in entries]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise SettingsError(f"The word '{twice}' stands there twice. Write all its spellings on one line.")
    try:
        return Glossary.from_mapping({str(one["canonical"]): list(one["variants"]) for one in entries})
    except RecipeError as error:
        raise SettingsError(str(error)) from None
