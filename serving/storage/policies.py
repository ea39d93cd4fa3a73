"""The policies that leads set, each version of them, and the alerts about them. Knows no SQL and no web.

As in `serving.storage.interface`: every method blocks, may be called from any thread, and raises StorageError where
the database does not answer or refuses. Every datetime carries a time zone going in and is UTC coming out.

Nothing is changed or deleted: what is set is a new version, and to undo is to set the earlier one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from features.decisions import PolicyState
from features.promises import Division, Promise
from serving.connections import Mode

# Stands for the version after the one in force, whichever that is.
NEXT = 0


@dataclass(frozen=True, slots=True)
class PromiseRecord:
    """A promise that somebody made for a model's target on a connection; no `largest_error` takes it back."""

    model: str
    connection: str
    target: str
    largest_error: float | None
    by: str
    at: datetime
    largest_understated: float | None = None
    urgent_labels: tuple[str, ...] = ()
    division: Division = Division.TOGETHER
    confidence: float = 0.95
    made_at_once: int = 1
    version: int = NEXT

    @property
    def promise(self) -> Promise | None:
        """The promise, or None where it was taken back."""
        if self.largest_error is None:
            return None
        return Promise(
            self.largest_error,
            confidence=self.confidence,
            division=self.division,
            urgent_labels=self.urgent_labels,
            largest_understated=self.largest_understated,
            made_at_once=self.made_at_once,
        )


@dataclass(frozen=True, slots=True)
class ModeRecord:
    """How far a target may go on a connection, as set in the page."""

    connection: str
    target: str
    mode: Mode
    by: str
    at: datetime
    version: int = NEXT


@dataclass(frozen=True, slots=True)
class StateRecord:
    """Whether the promise for a target is acted on, and the sentence that says why; `by` is "" for the service."""

    model: str
    connection: str
    target: str
    state: PolicyState
    because: str
    by: str
    at: datetime
    version: int = NEXT


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """All rules of a connection at one time, as plain JSON; `note` says in the editor's words what changed."""

    connection: str
    rules: Sequence[Mapping[str, Any]]
    by: str
    at: datetime
    note: str = ""
    version: int = NEXT


@dataclass(frozen=True, slots=True)
class GlossaryVersion:
    """A connection's own words at one time, as plain JSON."""

    connection: str
    entries: Sequence[Mapping[str, Any]]
    by: str
    at: datetime
    note: str = ""
    version: int = NEXT


class OffSwitchKind(StrEnum):
    """What may be switched off: a category, a requester's tickets, or a group."""

    CATEGORY = "category"
    REQUESTER = "requester"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class OffSwitch:
    """That nothing runs unattended for a category, requester or group; `is_off` False lets it run again."""

    connection: str
    kind: OffSwitchKind
    value: str
    by: str
    at: datetime
    is_off: bool = True
    version: int = NEXT


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that the leads are told once, and that one of them acknowledges.

    `id` says what it is about, so that it is raised once: `breach:MODEL:CONNECTION:TARGET:VERSION OF THE STATE`.
    """

    id: str
    connection: str
    model: str
    target: str
    kind: str
    text: str
    at: datetime
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    sent_at: datetime | None = None


Record = TypeVar("Record")


class VersionedStorage(Protocol[Record]):
    """The versions of one kind of record, each under its key: the fields that name what it is about.

    The key of promises and states is `model, connection, target`; of modes `connection, target`; of rules and
    glossaries `connection`; of off-switches `connection, kind, value`.
    """

    def set(self, record: Record) -> bool:
        """Append a record; return False, keeping nothing, where its version is there already.

        A page that lets people edit sets the version it showed plus one, so that nobody's change is lost unseen;
        with the version NEXT a record takes the place of whichever is in force.
        """

    def current(self, **key: str) -> Record | None:
        """Return the newest version under a whole key."""

    def all_current(self, **part_of_key: str) -> Sequence[Record]:
        """Return the newest version under every key that has these parts, in the order of the keys."""

    def history(self, *, limit: int = 50, **part_of_key: str) -> Sequence[Record]:
        """Return every version under the keys that have these parts, newest first."""


class AlertStorage(Protocol):
    """The alerts."""

    def raise_alert(self, alert: Alert) -> bool:
        """Keep an alert; return False where one of its id is there already."""

    def find(self, alert_id: str) -> Alert | None:
        """Return the alert of that id."""

    def open_alerts(self, *, connection: str = "") -> Sequence[Alert]:
        """Return the alerts that nobody has acknowledged, newest first."""

    def list(self, *, connection: str = "", limit: int = 50) -> Sequence[Alert]:
        """Return alerts, acknowledged or not, newest first."""

    def acknowledge(self, alert_id: str, *, by: str, at: datetime) -> bool:
        """Note who has seen an alert; return False where there is none or somebody has seen it before."""

    def unsent(self, *, limit: int = 20) -> Sequence[Alert]:
        """Return the alerts that were not sent to the leads' channel yet, oldest first."""

    def mark_sent(self, alert_id: str, *, at: datetime) -> bool:
        """Note that an alert was sent; return False where it was before."""


class PolicyStorage(Protocol):
    """All of the above, as parts of one storage."""

    @property
    def promises(self) -> VersionedStorage[PromiseRecord]:
        """The promises."""

    @property
    def modes(self) -> VersionedStorage[ModeRecord]:
        """The modes."""

    @property
    def states(self) -> VersionedStorage[StateRecord]:
        """The states."""

    @property
    def rules(self) -> VersionedStorage[RulesVersion]:
        """The rules."""

    @property
    def glossaries(self) -> VersionedStorage[GlossaryVersion]:
        """The glossaries."""

    @property
    def off_switches(self) -> VersionedStorage[OffSwitch]:
        """The off-switches, those switched on again included."""

    @property
    def alerts(self) -> AlertStorage:
        """The alerts."""
