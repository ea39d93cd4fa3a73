"""Whether promises hold while they run: on a breach the target falls back to suggestions, and the leads are told.

Owns when a promise counts as broken and what is done about it. Must not know how audits are drawn or answered, nor how
an alert reaches a channel. Looking may be done at any time and as often as one likes: the test allows for it.

A state is set for all models of a name. What the service set holds for every model that there was then; a model that
was trained later runs unattended again (`serving.oversight.policy_book.state_in_force`), and is judged by its own
audits alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from features.decisions import PolicyState
from serving.event_log import Event, log_event
from serving.oversight.live_drift import FoundDrift, LiveDrift
from serving.oversight.live_promises import LiveTest, error_test, understated_test
from serving.storage.outcomes import OutcomeStorage, UnattendedFilter
from serving.storage.policies import Alert, PolicyStorage, PromiseRecord, StateRecord
from serving.storage.reviewing import AuditStorage

# What nobody could be told of for so long is not news any more; it stands in the page.
TOLD_WITHIN = timedelta(days=7)


class WatchedStorage(Protocol):
    """What is read and set here."""

    @property
    def policies(self) -> PolicyStorage:
        """The policies."""

    @property
    def audits(self) -> AuditStorage:
        """The audits."""

    @property
    def outcomes(self) -> OutcomeStorage:
        """What became of tickets."""


class Watch:
    """Looks at what audits found; `tell` sends an alert's words to the leads and returns whether they arrived."""

    def __init__(
        self,
        storage: WatchedStorage,
        *,
        clock: Callable[[], datetime],
        tell: Callable[[str], bool] | None = None,
        drift: LiveDrift | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._tell = tell
        self._drift = drift

    def look(self) -> None:
        """Look at every promise and at what drifted, and tell the leads what they were not told; raise StorageError."""
        for record in self._storage.policies.promises.all_current():
            self._look_at(record)
        for found in () if self._drift is None else self._drift.found():
            self._tell_of_drift(found)
        self.tell_leads()

    def look_at(self, model: str, *, connection: str, target: str) -> bool:
        """Look at one promise, as after an audit of it; return whether it fell back just now. Sends nothing."""
        record = self._storage.policies.promises.current(model=model, connection=connection, target=target)
        return record is not None and self._look_at(record)

    def tell_leads(self) -> None:
        """Send the alerts that were not sent; one that does not arrive is tried again the next time."""
        if self._tell is None:
            return
        now = self._clock()
        for alert in self._storage.policies.alerts.unsent():
            if now - alert.at <= TOLD_WITHIN and not self._tell(alert.text):
                log_event(Event.ALERT_NOT_SENT, level=logging.WARNING, alert=alert.id)
                return
            self._storage.policies.alerts.mark_sent(alert.id, at=now)

    # --- a promise --------------------------------------------------------------------------------------------

    def _look_at(self, record: PromiseRecord) -> bool:
        promise = record.promise
        version = self._running_version(record)
        if promise is None or not version:
            return False
        state = self._state(record)
        if not self._may_break(record, state, version=version):
            if state is not None and state.state is PolicyState.FALLEN_BACK and not state.by:
                self._raise_alert(record, state)  # where the process ended between the two
            return False
        since = record.at if state is None else max(record.at, state.at)
        answers = self._storage.audits.audits_of(
            record.model, connection=record.connection, target=record.target, model_version=version, since=since
        )
        tests = (error_test(promise, answers), understated_test(promise, answers))
        broken = next((one for one in tests if one is not None and one.live.is_breached), None)
        return broken is not None and self._fall_back(record, broken, state, version=version)

    def _state(self, record: PromiseRecord) -> StateRecord | None:
        return self._storage.policies.states.current(
            model=record.model, connection=record.connection, target=record.target
        )

    def _running_version(self, record: PromiseRecord) -> str:
        """Return the version of the model that decided unattended last, "" where none has."""
        latest = self._storage.outcomes.unattended.sample(_decisions_of(record), limit=1)
        return latest[0].model.version if latest else ""

    def _may_break(self, record: PromiseRecord, state: StateRecord | None, *, version: str) -> bool:
        """Tell whether anything runs that could break a promise: what fell back under this very model does not."""
        if state is None or state.state is PolicyState.RUNNING:
            return True
        if state.state is PolicyState.OFF or state.by:
            return False
        before = _decisions_of(record, version=version, until=state.at)
        return self._storage.outcomes.unattended.count(before) == 0

    def _fall_back(self, record: PromiseRecord, broken: LiveTest, state: StateRecord | None, *, version: str) -> bool:
        """Set the state, unless a person has set another meanwhile, and raise the alert."""
        now, number = self._clock(), 1 if state is None else state.version + 1
        fallen = StateRecord(
            record.model,
            record.connection,
            record.target,
            PolicyState.FALLEN_BACK,
            because=broken.sentence(version),
            by="",
            at=now,
            version=number,
        )
        if not self._storage.policies.states.set(fallen):
            return False
        self._raise_alert(record, fallen)
        log_event(
            Event.PROMISE_BROKEN,
            level=logging.WARNING,
            model=record.model,
            version=version,
            connection=record.connection,
            target=record.target,
            audits=broken.live.audits,
            wrong=broken.live.wrong,
        )
        return True

    def _raise_alert(self, record: PromiseRecord, fallen: StateRecord) -> None:
        """Raise the alert about a state that the service set; the one that is there already stands."""
        self._storage.policies.alerts.raise_alert(
            Alert(
                id=f"breach:{record.model}:{record.connection}:{record.target}:{fallen.version}",
                connection=record.connection,
                model=record.model,
                target=record.target,
                kind="breach",
                text=_breach_in_words(record, fallen),
                at=fallen.at,
            )
        )

    # --- drift ------------------------------------------------------------------------------------------------

    def _tell_of_drift(self, found: FoundDrift) -> None:
        model = found.model
        alert = Alert(
            id=f"drift:{model.name}:{found.connection}:{found.target}:{model.version}:{found.signal}",
            connection=found.connection,
            model=model.name,
            target=found.target,
            kind="drift",
            text=_drift_in_words(found),
            at=self._clock(),
        )
        if self._storage.policies.alerts.raise_alert(alert):
            log_event(
                Event.DRIFT_FOUND,
                model=model.name,
                version=model.version,
                connection=found.connection,
                target=found.target,
                signal=found.signal.value,
            )


def _decisions_of(record: PromiseRecord, *, version: str = "", until: datetime | None = None) -> UnattendedFilter:
    return UnattendedFilter(
        connection=record.connection, model=record.model, target=record.target, model_version=version, until=until
    )


def _breach_in_words(record: PromiseRecord, fallen: StateRecord) -> str:
    where = f"{record.connection} / {record.target}"
    return (
        f"[{where}] 감사에서 약속이 깨진 것으로 드러나 이제 제안만 합니다. "
        "담당자가 다시 켜거나 새 모델이 학습될 때까지 자동으로 처리하지 않습니다.\n"
        f"[{where}] Audits found the promise broken: {fallen.because} "
        "From now on it only suggests, until a person resumes it or a new model is trained."
    )


_SIGNALS = {
    "novelty": ("문의 내용", "what tickets say"),
    "label": ("예측 분포", "which labels are predicted"),
    "confidence": ("확신도", "how sure the model is"),
}


def _drift_in_words(found: FoundDrift) -> str:
    korean, english = _SIGNALS[found.signal.value]
    where, model = f"{found.connection} / {found.target}", found.model
    return (
        f"[{where}] 문의가 학습 때와 달라졌습니다: {korean} (모델 {model.name} 버전 {model.version}).\n"
        f"[{where}] Tickets are unlike those that the model was tested on: {english} "
        f"(model {model.name}, version {model.version}). Nothing was switched off; look at the audits."
    )
