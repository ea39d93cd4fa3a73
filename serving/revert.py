"""Takes back what a model version wrote into tickets, sparing what people have touched since.

It may be stopped and begun again: an effect is marked once its ticket stands as before. Notes stay, for a helpdesk
lets nobody unsay them. Knows no vendor, no web and no SQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from features.errors import HelpdeskError, TicketGoneError
from serving.auth import Clock
from serving.helpdesks.interface import Helpdesk, TicketChange, TicketState
from serving.patience import patiently
from serving.storage.intake import Effect, EffectState, EffectStorage, FieldEffect, FieldStatus

_GONE = "the ticket is gone"


@dataclass(frozen=True, slots=True)
class RevertedEffect:
    """What became of one effect: targets given back and targets that people touched, tags removed.

    `problem` says why the effect stands as it was; another run tries it again.
    """

    ticket_id: str
    restored: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""
    problem: str = ""


class Revert:
    """Takes back the effects of one connection."""

    def __init__(
        self,
        connection: str,
        *,
        helpdesk: Helpdesk,
        effects: EffectStorage,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._helpdesk = helpdesk
        self._effects = effects
        self._clock = clock
        self._sleep = sleep

    def run(self, *, model_version: str, since: datetime) -> Iterator[RevertedEffect]:
        """Yield what became of each effect of a version written since a moment, newest first; raises StorageError."""
        for effect in self._effects.written(self._connection, model_version=model_version, since=since):
            try:
                yield self._take_back(effect)
            except HelpdeskError as error:
                yield RevertedEffect(effect.ticket_id, problem=str(error))

    def rehearse(self, *, model_version: str, since: datetime) -> Iterator[RevertedEffect]:
        """Yield what `run` would do, and write nothing."""
        states: dict[str, TicketState] = {}
        for effect in self._effects.written(self._connection, model_version=model_version, since=since):
            try:
                state = states.get(effect.ticket_id) or self._read(effect)
            except TicketGoneError:
                yield RevertedEffect(effect.ticket_id, note=_GONE)
            except HelpdeskError as error:
                yield RevertedEffect(effect.ticket_id, problem=str(error))
            else:
                fields, change = self._planned(effect, state)
                # A later one of the same ticket finds what this one would have left.
                states[effect.ticket_id] = _changed(state, change)
                yield _told(effect, fields, change)

    def _read(self, effect: Effect) -> TicketState:
        return patiently(lambda: self._helpdesk.read(effect.ticket_id), sleep=self._sleep)

    def _take_back(self, effect: Effect) -> RevertedEffect:
        def attempt() -> tuple[Sequence[FieldEffect], TicketChange]:
            state = self._helpdesk.read(effect.ticket_id)
            fields, change = self._planned(effect, state)
            if not change.is_empty:
                self._helpdesk.write(state, change)
            return fields, change

        try:
            fields, change = patiently(attempt, sleep=self._sleep)
        except TicketGoneError:
            self._mark(effect, effect.fields)
            return RevertedEffect(effect.ticket_id, note=_GONE)
        self._mark(effect, fields)
        return _told(effect, fields, change)

    def _mark(self, effect: Effect, fields: Sequence[FieldEffect]) -> None:
        self._effects.save(replace(effect, fields=tuple(fields), state=EffectState.REVERTED, reverted_at=self._clock()))

    def _planned(self, effect: Effect, state: TicketState) -> tuple[Sequence[FieldEffect], TicketChange]:
        fields = [_judged(one, state) for one in effect.fields]
        back = {
            one.target: one.before
            for one in fields
            if one.status is FieldStatus.REVERTED and state.fields[one.target] != one.before
        }
        tags = {*effect.tags} & state.tags
        if tags:
            tags -= self._still_meant(effect)
        return fields, TicketChange(fields=back, removed_tags=tuple(sorted(tags)))

    def _still_meant(self, effect: Effect) -> set[str]:
        """Return the tags that another version put there as well, and that are not to be taken back."""
        others = self._effects.for_ticket(self._connection, ticket_id=effect.ticket_id)
        return {
            tag
            for other in others
            if other.state is EffectState.WRITTEN and other.model.version != effect.model.version
            for tag in other.tags
        }


def _judged(field: FieldEffect, state: TicketState) -> FieldEffect:
    """Return a field as reverted where the ticket still shows our value, or the one before it already."""
    if field.status is not FieldStatus.WRITTEN:
        return field
    current = state.fields.get(field.target)
    is_ours = current is not None and current.casefold() in (field.after.casefold(), field.before.casefold())
    return replace(field, status=FieldStatus.REVERTED if is_ours else FieldStatus.TOUCHED)


def _changed(state: TicketState, change: TicketChange) -> TicketState:
    return replace(state, fields={**state.fields, **change.fields}, tags=state.tags - {*change.removed_tags})


def _told(effect: Effect, fields: Sequence[FieldEffect], change: TicketChange) -> RevertedEffect:
    before = {one.target: one.status for one in effect.fields}
    changed = [one for one in fields if one.status is not before[one.target]]
    return RevertedEffect(
        effect.ticket_id,
        restored=tuple(one.target for one in changed if one.status is FieldStatus.REVERTED),
        touched=tuple(one.target for one in changed if one.status is FieldStatus.TOUCHED),
        tags=change.removed_tags,
    )
