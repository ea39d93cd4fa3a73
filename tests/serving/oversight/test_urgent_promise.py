"""The promise that urgent tickets are not put lower, checked while it runs: what is drawn, what counts and follows."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest

from features.answers import ModelIdentity
from features.decisions import PolicyState
from features.live_error import LiveError
from features.promises import Promise
from features.tickets import Ticket
from serving.change_plan import Plan
from serving.connections import Connection, Mode, Vendor
from serving.oversight.audits import Audits, rate_for, share_of
from serving.oversight.live_promises import error_test, understated_test
from serving.oversight.watch import Watch
from serving.review.korean_sentences import in_korean
from serving.storage.intake import FieldEffect, FieldStatus
from serving.storage.interface import ScoredEntry, Source
from serving.storage.outcomes import UnattendedFilter
from serving.storage.policies import ModeRecord, PromiseRecord, StateRecord
from serving.storage.reviewing import Answer, AuditAnswer, QueueFilter, Review, ReviewAction
from serving.storage.sql import SqlStorage
from tests.hand_set_clock import Clock

MODEL = ModelIdentity("ticket-triage", "1", "champion")
DESK = Connection(name="desk", vendor=Vendor.GENERIC, modes={"priority": Mode.AUTOFILL})
KEY = {"model": MODEL.name, "connection": "desk", "target": "priority"}


@dataclass
class Kind:
    """Tickets of one kind: what they are, what was said of them, and whether that was written."""

    truth: str
    suggested: str
    runs: bool


LOWERED = Kind("urgent", "low", runs=True)
SEEN = Kind("urgent", "urgent", runs=True)
LEFT = Kind("urgent", "low", runs=False)
CALM = Kind("low", "low", runs=True)


class Desk:
    """Tickets of one kind after the other; audits are answered truthfully, and nobody edits anything."""

    def __init__(self, storage: SqlStorage, clock: Clock, *, largest_understated: float | None = 0.1) -> None:
        self.storage, self.clock = storage, clock
        self.audits, self.watch = Audits(storage, clock=clock), Watch(storage, clock=clock)
        urgent = ("urgent",) if largest_understated else ()
        made = PromiseRecord(
            **KEY,
            largest_error=0.2,
            by="kim",
            at=clock(),
            largest_understated=largest_understated,
            urgent_labels=urgent,
        )
        storage.policies.promises.set(made)
        self.ran = 0

    def triage(self, kind: Kind) -> ScoredEntry:
        """Score a ticket and do with it what its kind says."""
        self.ran += 1
        self.clock.move(minutes=1)
        given = {
            "label": kind.suggested,
            "probability": 0.95,
            "decision": "autofill" if kind.runs else "suggest",
            "because": "",
            "alternatives": [
                {"label": one, "probability": 0.02} for one in ("urgent", "high") if one != kind.suggested
            ],
            "reasons": [],
        }
        entry = ScoredEntry(
            id=f"entry-{self.ran:06}",
            ticket_id=f"T-{self.ran}",
            scored_at=self.clock(),
            model=MODEL,
            language="ko",
            predictions={"priority": given},
            articles=[],
            similar_tickets=[],
            warnings=[],
            caller="desk",
            source=Source.WEBHOOK,
            duration_seconds=0.01,
            connection="desk",
        )
        written = FieldEffect("priority", kind.suggested, "", kind.suggested, FieldStatus.WRITTEN)
        mode = Mode.AUTOFILL if kind.runs else Mode.SUGGEST
        plan = Plan((written,) if kind.runs else (), (), {"priority": mode})
        ticket = Ticket(id=entry.ticket_id, subject=f"ticket {self.ran}")
        self.audits.triaged(entry, ticket=ticket, plan=plan, connection=DESK, current_group="")
        return entry

    def run(self, kinds: list[Kind]) -> bool:
        """Run tickets that are drawn, as the others change nothing, until the promise falls back; return whether so."""
        rate = max(rate_for(made) for one in self.storage.policies.promises.all_current() if (made := one.promise))
        for kind in kinds:
            while share_of(f"entry-{self.ran + 1:06}", purpose="audit") >= rate:
                self.ran += 1
            self.answer(self.triage(kind), kind.truth)
            if self.watch.look_at(MODEL.name, connection="desk", target="priority"):
                return True
        return False

    def answer(self, entry: ScoredEntry, truth: str) -> None:
        """Answer an audit before the suggestion is shown."""
        done = self.storage.reviews.record(
            Review(
                id=f"review-{entry.id}",
                item_id=entry.id,
                connection="desk",
                ticket_id=entry.ticket_id,
                by="lee",
                at=self.clock(),
                action=ReviewAction.AUDIT,
                answers={"priority": Answer(entry.predictions["priority"]["label"], truth, was_shown=False)},
                model=MODEL,
                is_audit=True,
            )
        )
        assert done

    @property
    def drawn(self) -> int:
        """How many audits wait."""
        return self.storage.queue.count_open(QueueFilter(is_audit=True))

    @property
    def state(self) -> StateRecord | None:
        """The state of the promise."""
        return self.storage.policies.states.current(**KEY)


def mixed(*parts: tuple[Kind, int], seed: int = 5) -> list[Kind]:
    """Return so many tickets of each kind, in any order."""
    kinds = [kind for kind, count in parts for _ in range(count)]
    random.Random(seed).shuffle(kinds)
    return kinds


def test_urgent_tickets_put_lower_too_often_end_it(storage: SqlStorage, clock: Clock) -> None:
    """With 40 % of urgent tickets put lower against 10 % it falls back, though errors over all stay far below 20 %."""
    desk = Desk(storage, clock)
    assert desk.run(mixed((LOWERED, 16), (SEEN, 16), (LEFT, 8), (CALM, 100)))
    state = desk.state
    assert state is not None
    assert (state.state, state.by) == (PolicyState.FALLEN_BACK, "")
    assert "audited urgent tickets of version 1" in state.because
    assert "put lower unattended; at most 10.0% were promised." in state.because
    assert "긴급한 문의" in in_korean(state.because)
    (alert,) = storage.policies.alerts.open_alerts()
    assert "urgent tickets" in alert.text


def test_urgent_tickets_that_are_left_to_people_are_put_lower_by_nobody(storage: SqlStorage, clock: Clock) -> None:
    """Of urgent tickets 5 % are put lower and 90 % left to people: the promise of 10 % is kept, and goes on.

    Of those that ran unattended half were put lower: without those left to people it would be broken.
    """
    desk = Desk(storage, clock)
    assert not desk.run(mixed((LOWERED, 9), (SEEN, 9), (LEFT, 162), (CALM, 20)))
    assert desk.state is None
    answers = storage.audits.audits_of(MODEL.name, connection="desk", target="priority")
    promise = storage.policies.promises.all_current()[0].promise
    assert promise is not None
    test = understated_test(promise, answers)
    assert test is not None
    low, high = test.live.interval
    assert low < 0.05 < high
    alone = understated_test(promise, [one for one in answers if one.ran_unattended])
    assert alone is not None
    assert alone.live.is_breached


def test_what_was_left_to_people_is_no_error(storage: SqlStorage, clock: Clock) -> None:
    """A suggestion that a person put right breaks no promise on what runs unattended."""
    desk = Desk(storage, clock)
    assert not desk.run(mixed((SEEN, 20), (LEFT, 20)))
    answers = storage.audits.audits_of(MODEL.name, connection="desk", target="priority")
    promise = storage.policies.promises.all_current()[0].promise
    assert promise is not None
    live = error_test(promise, answers).live
    assert 0 < live.audits < len(answers)
    assert live.wrong == 0
    (told,) = storage.audits.disagreements(target="priority", is_audit=True)
    assert (told.answers, told.different) == (live.audits, 0)


def test_both_are_drawn_with_one_chance(storage: SqlStorage, clock: Clock) -> None:
    """What runs unattended and what is left to people is drawn alike; what is drawn is asked about, and not shown."""
    desk = Desk(storage, clock)
    for kind in mixed((SEEN, 150), (LEFT, 150)):
        desk.triage(kind)
    ran = storage.outcomes.unattended.count(UnattendedFilter(was_drawn=True))
    left = desk.drawn - ran
    assert 0 < ran < 100
    assert abs(left - ran) < 4 * (left + ran) ** 0.5
    (item, *_) = storage.queue.open_items(QueueFilter(is_audit=True), limit=1)
    assert item.audit_targets == ("priority",)


def _taken_back(storage: SqlStorage, at: datetime) -> None:
    storage.policies.promises.set(PromiseRecord(**KEY, largest_error=0.2, by="kim", at=at))


def _suggesting(storage: SqlStorage, at: datetime) -> None:
    storage.policies.modes.set(ModeRecord("desk", "priority", Mode.SUGGEST, "kim", at))


def _fallen_back(storage: SqlStorage, at: datetime) -> None:
    storage.policies.states.set(StateRecord(**KEY, state=PolicyState.FALLEN_BACK, because="", by="", at=at))


def _off(storage: SqlStorage, at: datetime) -> None:
    storage.policies.states.set(StateRecord(**KEY, state=PolicyState.OFF, because="", by="kim", at=at))


@pytest.mark.parametrize("what", [_taken_back, _suggesting, _fallen_back, _off])
def test_where_nothing_runs_on_it_nothing_more_is_drawn(
    storage: SqlStorage, clock: Clock, what: Callable[[SqlStorage, datetime], None]
) -> None:
    """Leads are asked no more than the promise needs."""
    desk = Desk(storage, clock)
    what(storage, clock())
    for _ in range(60):
        desk.triage(LEFT)
    assert desk.drawn == 0


def test_with_a_newer_model_that_runs_again_it_is_drawn_again(storage: SqlStorage, clock: Clock) -> None:
    """What fell back does not stay unwatched where it runs again."""
    desk = Desk(storage, clock)
    _fallen_back(storage, clock())
    desk.triage(SEEN)
    before = desk.drawn
    for _ in range(60):
        desk.triage(LEFT)
    assert desk.drawn > before


def test_only_what_a_lead_calls_urgent_counts() -> None:
    """What nobody could tell and other labels are no trials; another urgent label is not lower."""
    promise = Promise(0.05, urgent_labels=("urgent", "high"), largest_understated=0.1)
    told = [("urgent", "low", True), ("urgent", "low", False), ("urgent", "high", True), ("low", "urgent", True)]
    answers = [_answer(given, suggested, ran=ran) for given, suggested, ran in told]
    answers.append(_answer(None, "low", ran=True))
    test = understated_test(promise, answers)
    assert test is not None
    assert test.live == LiveError(0.1, wrong=1, right=2)
    assert error_test(promise, answers).live == LiveError(0.05, wrong=3)
    assert understated_test(Promise(0.05), answers) is None


def _answer(given: str | None, suggested: str, *, ran: bool) -> AuditAnswer:
    at = Clock()()
    return AuditAnswer("r", "i", "desk", "T-1", "1", at, suggested, given, "ko", "", 0.2, ran_unattended=ran)
