"""Audits drawn from what runs unattended, and what follows where they find a promise broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from features.answers import ModelIdentity
from features.decisions import PolicyState
from features.tickets import Requester, Ticket
from serving.change_plan import Plan
from serving.connections import Connection, Mode, Vendor
from serving.oversight.audits import Audits, rate_for
from serving.oversight.watch import Watch
from serving.storage.intake import FieldEffect, FieldStatus
from serving.storage.interface import ScoredEntry, Source
from serving.storage.outcomes import UnattendedFilter
from serving.storage.policies import PromiseRecord, StateRecord
from serving.storage.reviewing import Answer, QueueFilter, Review, ReviewAction
from serving.storage.sql import SqlStorage
from tests.hand_set_clock import Clock

DESK = Connection(name="desk", vendor=Vendor.GENERIC, restricted_groups=("HR",))
KEY = {"connection": "desk", "target": "group"}


def entry(number: int, *, version: str = "1", clock: Clock, **changes: Any) -> ScoredEntry:
    """The record of a ticket whose group is sure."""
    given = {
        "label": "network",
        "probability": 0.97,
        "decision": "autofill",
        "because": "at or above the threshold 0.90",
        "alternatives": [{"label": "desk", "probability": 0.03}],
        "reasons": [],
    }
    kept = ScoredEntry(
        id=f"{version}-{number:06}",
        ticket_id=f"T-{version}-{number}",
        scored_at=clock(),
        model=ModelIdentity("ticket-triage", version, "champion"),
        language="ko",
        predictions={"group": given},
        articles=[],
        similar_tickets=[],
        warnings=[],
        caller="desk",
        source=Source.WEBHOOK,
        duration_seconds=0.01,
        connection="desk",
    )
    return replace(kept, **changes)


def plan(status: FieldStatus = FieldStatus.WRITTEN, mode: Mode = Mode.AUTOFILL) -> Plan:
    """What was done with the group."""
    fields = (FieldEffect("group", "network", "", "network", status),) if mode is Mode.AUTOFILL else ()
    return Plan(fields, (), {"group": mode})


def triage(audits: Audits, scored: ScoredEntry, done: Plan, *, text: str = "VPN이 5분마다 끊겨요") -> None:
    """Let the audits see a ticket."""
    ticket = Ticket(id=scored.ticket_id, subject=text, requester=Requester(email="kim@example.com"))
    audits.triaged(scored, ticket=ticket, plan=done, connection=DESK, current_group="")


class Desk:
    """Tickets that run unattended under a promise of 5 %, audits answered truthfully, nobody edits anything."""

    def __init__(self, storage: SqlStorage, clock: Clock) -> None:
        self.storage, self.clock = storage, clock
        self.audits = Audits(storage, clock=clock)
        self.told: list[str] = []
        self.watch = Watch(storage, clock=clock, tell=self.tell)
        self.is_reachable = True
        self.answered = 0

    def tell(self, text: str) -> bool:
        """Take an alert where the channel is reachable."""
        if self.is_reachable:
            self.told.append(text)
        return self.is_reachable

    def promise(self) -> None:
        """Promise 5 %."""
        self.storage.policies.promises.set(PromiseRecord("ticket-triage", "desk", "group", 0.05, "kim", self.clock()))

    def run(self, tickets: int, *, one_in: int, version: str = "1", cannot_tell: bool = False) -> int:
        """Run tickets of which one in so many is wrong until the promise falls back; return how many ran."""
        for number in range(tickets):
            self.clock.move(minutes=1)
            scored = entry(number, version=version, clock=self.clock)
            triage(self.audits, scored, plan())
            item = self.storage.queue.find(scored.id)
            if item is None:
                continue
            truth = "desk" if number * 7919 % one_in == 0 else "network"
            self.answer(item.id, None if cannot_tell else truth, scored)
            if self.watch.look_at("ticket-triage", **KEY):
                return number + 1
        return tickets

    def answer(self, item_id: str, truth: str | None, scored: ScoredEntry) -> None:
        """Answer an audit before the suggestion is shown."""
        self.answered += 1
        done = self.storage.reviews.record(
            Review(
                id=f"review-{scored.id}",
                item_id=item_id,
                connection="desk",
                ticket_id=scored.ticket_id,
                by="lee",
                at=self.clock(),
                action=ReviewAction.AUDIT,
                answers={"group": Answer("network", truth, was_shown=False)},
                model=scored.model,
                is_audit=True,
            )
        )
        assert done

    @property
    def state(self) -> StateRecord | None:
        """The state of the promise."""
        return self.storage.policies.states.current(model="ticket-triage", **KEY)


@pytest.fixture
def desk(storage: SqlStorage, clock: Clock) -> Desk:
    made = Desk(storage, clock)
    made.promise()
    return made


def test_broken_promise_falls_back(desk: Desk) -> None:
    """With 15 % wrong against a promise of 5 % the target falls back within 1,000 tickets; the leads are told once."""
    ran = desk.run(1_000, one_in=7)
    state = desk.state
    assert ran < 1_000
    assert state is not None
    assert (state.state, state.by) == (PolicyState.FALLEN_BACK, "")
    assert "were wrong" in state.because
    desk.watch.look()
    desk.watch.look()
    assert len(desk.told) == 1
    assert [alert.id for alert in desk.storage.policies.alerts.open_alerts()] == ["breach:ticket-triage:desk:group:1"]


def test_kept_promise_goes_on(desk: Desk) -> None:
    """With 2 % wrong nothing falls back in 1,000 tickets, and what was drawn is the share that was stated."""
    assert desk.run(1_000, one_in=50) == 1_000
    assert desk.state is None
    promise = desk.storage.policies.promises.all_current()[0].promise
    assert promise is not None
    expected = 1_000 * rate_for(promise)
    assert abs(desk.answered - expected) < 4 * expected**0.5
    drawn = desk.storage.outcomes.unattended.count(UnattendedFilter(was_drawn=True))
    assert drawn == desk.answered


def test_cannot_tell_counts_for_nothing(desk: Desk) -> None:
    """Audits that nobody could answer break no promise."""
    desk.run(300, one_in=1, cannot_tell=True)
    assert desk.answered > 10
    assert desk.state is None


def test_only_a_person_or_a_new_model_lets_it_run_again(desk: Desk) -> None:
    """Resumed by a person, earlier audits do not count again; a later version is judged by its own."""
    desk.run(1_000, one_in=4)
    assert not desk.watch.look_at("ticket-triage", **KEY)
    desk.clock.move(minutes=1)
    resumed = StateRecord("ticket-triage", "desk", "group", PolicyState.RUNNING, "mended", "kim", desk.clock())
    desk.storage.policies.states.set(resumed)
    assert not desk.watch.look_at("ticket-triage", **KEY)
    desk.run(1_000, one_in=4, version="2")
    fallen = desk.state
    assert fallen is not None
    assert (fallen.state, fallen.version) == (PolicyState.FALLEN_BACK, 3)
    desk.run(1_000, one_in=4, version="3")
    assert desk.state is not None
    assert desk.state.version == 4, "a version that came after the fallback may break the promise as well"


def test_alert_that_does_not_arrive_is_sent_the_next_time(desk: Desk) -> None:
    """A channel that cannot be reached delays the alert and nothing else."""
    desk.is_reachable = False
    desk.run(1_000, one_in=4)
    desk.watch.look()
    assert desk.told == []
    desk.is_reachable = True
    desk.watch.look()
    assert len(desk.told) == 1
    assert "약속" in desk.told[0]


def test_repeated_call_changes_nothing(storage: SqlStorage, clock: Clock, desk: Desk) -> None:
    """A ticket that is seen again after a crash is recorded, drawn and queued as it was."""
    for _ in range(2):
        for number in range(100):
            triage(desk.audits, entry(number, clock=clock), plan())
    assert storage.outcomes.unattended.count() == 100
    drawn = storage.outcomes.unattended.count(UnattendedFilter(was_drawn=True))
    assert storage.queue.count_open(QueueFilter(is_audit=True)) == storage.queue.count_open() == drawn > 0


def test_audit_asks_about_what_was_written_alone(storage: SqlStorage, clock: Clock, desk: Desk) -> None:
    """What a person had set, and what a rule forced, is no unattended decision of the model's."""
    forced = entry(1, clock=clock)
    forced.predictions["group"].update(rule="ransomware", probability=None)
    triage(desk.audits, forced, plan())
    triage(desk.audits, entry(2, clock=clock), plan(FieldStatus.KEPT))
    assert storage.outcomes.unattended.count() == 0
    assert storage.queue.count_open() == 0


def test_what_is_left_to_people_waits_in_the_queue(storage: SqlStorage, clock: Clock, desk: Desk) -> None:
    """A suggestion waits with a redacted preview; a later state of its ticket takes its place, a closing ends it."""
    first = entry(1, clock=clock)
    triage(desk.audits, first, plan(mode=Mode.SUGGEST), text="김철수 님 010-1234-5678 VPN 끊김")
    (item,) = storage.queue.open_items()
    assert "010-1234-5678" not in item.preview
    assert "VPN" in item.preview
    second = entry(2, clock=clock, ticket_id=first.ticket_id)
    triage(desk.audits, second, plan(mode=Mode.MONITOR))
    triage(desk.audits, second, plan(mode=Mode.MONITOR))
    assert [one.id for one in storage.queue.open_items()] == [second.id]
    desk.audits.closed("desk", ticket_id=first.ticket_id)
    assert storage.queue.count_open() == 0


def test_switched_off_target_asks_nobody(storage: SqlStorage, clock: Clock, desk: Desk) -> None:
    """Where every target is off, nothing waits."""
    triage(desk.audits, entry(1, clock=clock), plan(mode=Mode.OFF))
    assert storage.queue.count_open() == 0


def test_burst_is_told_by_its_words_labels_and_time(storage: SqlStorage, clock: Clock, desk: Desk) -> None:
    """Reports that read nearly alike within two hours are one burst; other words and a later day are not."""
    texts = (
        "VPN이 3층에서 계속 끊겨요 급합니다",
        "VPN이 5층에서 계속 끊겨요 급합니다",
        "프린터 용지가 자꾸 걸립니다 도와주세요",
    )
    for number, text in enumerate(texts):
        triage(desk.audits, entry(number, clock=clock), plan(mode=Mode.SUGGEST), text=text)
    clock.move(hours=3)
    triage(desk.audits, entry(3, clock=clock), plan(mode=Mode.SUGGEST), text=texts[0])
    clusters = [found.cluster for number in range(4) if (found := storage.queue.find(f"1-{number:06}"))]
    assert clusters[0] == clusters[1] != ""
    assert len({clusters[0], clusters[2], clusters[3]}) == 3


def test_suggested_restricted_group_hides_a_ticket(storage: SqlStorage, clock: Clock, desk: Desk) -> None:
    """A ticket that may be the personnel department's is for them alone until somebody knows better."""
    scored = entry(1, clock=clock)
    scored.predictions["group"]["label"] = "HR"
    triage(desk.audits, scored, plan(mode=Mode.SUGGEST))
    (item,) = storage.queue.open_items()
    assert item.group == "HR"


def test_pressing_tickets_are_due_first(storage: SqlStorage, clock: Clock, desk: Desk) -> None:
    """The time to answer in follows from the priority; an unsure suggestion is worth more of a lead's time."""
    for number, (label, share) in enumerate((("urgent", 0.9), ("low", 0.9), ("low", 0.4))):
        priority = {"label": label, "probability": share, "decision": "suggest", "because": "", "reasons": []}
        others = [{"label": one, "probability": 0.0} for one in ("urgent", "high", "low") if one != label]
        scored = entry(number, clock=clock, predictions={"priority": {**priority, "alternatives": others}})
        triage(desk.audits, scored, Plan((), (), {"priority": Mode.SUGGEST}))
    items = storage.queue.open_items()
    assert [item.id for item in items] == ["1-000000", "1-000002", "1-000001"]
    assert items[0].due_at == datetime(2026, 5, 15, 1, tzinfo=UTC), "the office has closed for the day"
    assert items[0].priority_rank == 0
