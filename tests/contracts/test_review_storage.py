"""What every storage of the queue, reviews, audits and outcomes keeps to, on every database that it is made for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from serving.storage import engines, tables
from serving.storage.identifiers import time_ordered_id
from serving.storage.interface import ScoredEntry, Source
from serving.storage.migration import VERSION_TABLE
from serving.storage.outcomes import Feedback, FeedbackKind, UnattendedDay, UnattendedFilter, UnattendedRecord
from serving.storage.reviewing import (
    AgreementPair,
    Answer,
    Disagreement,
    ItemState,
    QueueFilter,
    ReviewAction,
    ReviewingStorage,
    Sight,
)
from serving.storage.sql import SqlStorage
from tests.stored_reviews import MODEL, NOW, PERSONNEL_HIDDEN, at_once, audit, item, names, review


def test_implements_the_interface(storage: SqlStorage) -> None:
    """The SQL storage is a ReviewingStorage, which mypy checks here, and an empty one has nothing to review."""
    held: ReviewingStorage = storage
    assert held.queue.open_items() == []
    assert held.reviews.list() == []
    assert held.audits.misroutes(target="group") == []


def test_tables_are_those_of_the_migrations(storage: SqlStorage, database_url: str) -> None:
    """A migrated database has the tables, columns and indexes that the service knows."""
    storage.check()
    engine = create_engine(engines.parse_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, tables.METADATA) == []
    engine.dispose()


class TestQueue:
    def test_keeps_an_item(self, storage: SqlStorage) -> None:
        """An item comes back as it was added; added again it changes nothing."""
        kept = item("a", due_at=NOW, worth=0.25, cluster="burst", audit_targets=("group",), inclusion_probability=0.1)
        assert storage.queue.add([kept]) == 1
        assert storage.queue.add([replace(kept, worth=9.0), item("b")]) == 1
        assert storage.queue.find("a") == kept
        assert names(storage.queue.for_ticket("desk", ticket_id="T-a")) == ["a"]

    def test_cuts_a_long_preview(self, storage: SqlStorage) -> None:
        """A preview longer than a line of the page is cut."""
        storage.queue.add([item("a", preview="x" * 500)])
        found = storage.queue.find("a")
        assert found is not None
        assert found.preview == "x" * 120

    def test_orders_by_hour_then_priority_then_worth(self, storage: SqlStorage) -> None:
        """What is due first comes first; within the hour the more urgent, then the worthier; what is never due last."""
        storage.queue.add(
            [
                item("never due", priority_rank=1, worth=9),
                item("later", due_at=NOW + timedelta(hours=2)),
                item("unworthy", due_at=NOW, worth=0.1),
                item("worthy", due_at=NOW + timedelta(minutes=10), worth=0.2),
                item("urgent", due_at=NOW + timedelta(minutes=20), priority_rank=1),
            ]
        )
        ordered = ["urgent", "worthy", "unworthy", "later", "never due"]
        assert names(storage.queue.open_items()) == ordered
        assert names(storage.queue.open_items(limit=2, after="worthy")) == ordered[2:4]
        assert names(storage.queue.open_items(after="never due")) == []

    @pytest.mark.parametrize(
        "chosen",
        [
            QueueFilter(connection="other"),
            QueueFilter(language="en"),
            QueueFilter(group="network TEAM"),
            QueueFilter(target="group", label="Network team"),
            QueueFilter(text="100% 프린터"),
            QueueFilter(text="PRINTER"),
            QueueFilter(is_audit=True),
            QueueFilter(cluster="burst"),
            QueueFilter(visible_to=Sight(groups=("network team",))),
        ],
    )
    def test_filters(self, storage: SqlStorage, chosen: QueueFilter) -> None:
        """Each filter finds the one item that it describes, in the list and in the count."""
        meant = item(
            "meant",
            connection="other",
            language="en",
            group="Network Team",
            preview="100% 프린터 printer",
            is_audit=True,
            cluster="burst",
            targets={"group": {"label": "Network team"}},
        )
        storage.queue.add([item("a", preview="1000 프린터"), meant, item("b")])
        assert names(storage.queue.open_items(chosen)) == ["meant"]
        assert storage.queue.count_open(chosen) == 1

    def test_hides_restricted_groups(self, storage: SqlStorage) -> None:
        """Who is in no group sees all but the restricted ones of that connection."""
        storage.queue.add(
            [item("a"), item("hidden", group="PERSONNEL"), item("elsewhere", connection="x", group="Personnel")]
        )
        assert names(storage.queue.open_items(QueueFilter(visible_to=PERSONNEL_HIDDEN))) == ["a", "elsewhere"]
        assert storage.queue.find("hidden", visible_to=PERSONNEL_HIDDEN) is None
        assert storage.queue.find("hidden", visible_to=Sight(groups=("Personnel",))) is not None

    def test_folds_a_burst(self, storage: SqlStorage) -> None:
        """Folded, a burst is one row; its audits stay out of it, and so do members that may not be seen."""
        members = [item(f"m{number}", cluster="burst", worth=-number) for number in range(3)]
        hidden = item("hidden", cluster="burst", worth=9, group="Personnel")
        storage.queue.add([*members, hidden, item("drawn", cluster="burst", is_audit=True, worth=-9), item("z")])
        chosen = QueueFilter(visible_to=PERSONNEL_HIDDEN)
        assert names(storage.queue.open_items(chosen, is_folded=True)) == ["m0", "z", "drawn"]
        assert names(storage.queue.cluster_members("burst", visible_to=PERSONNEL_HIDDEN)) == ["m0", "m1", "m2"]
        found = storage.queue.cluster_labels(["burst", "x"], visible_to=PERSONNEL_HIDDEN)
        assert {cluster: len(suggested) for cluster, suggested in found.items()} == {"burst": 3, "x": 0}

    def test_tells_what_was_suggested_in_a_burst(self, storage: SqlStorage) -> None:
        """Each open item stands by its labels, those of the same suggestion equal each other; one may have none."""
        network, printing = ({"group": {"label": label}, "category": {"label": ""}} for label in ("network", "print"))
        storage.queue.add(
            [
                item("a", cluster="burst", targets=network),
                item("b", cluster="burst", targets=network),
                item("c", cluster="burst", targets=printing),
                item("d", cluster="burst", targets={}),
                item("drawn", cluster="burst", is_audit=True, targets=network),
            ]
        )
        found = sorted(map(sorted, storage.queue.cluster_labels(["burst"])["burst"]))
        labels = [[("desk", "group", label)] for label in ("network", "network", "print")]
        assert found == [[], *labels]

    def test_one_of_several_gets_the_lock(self, storage: SqlStorage) -> None:
        """Of leads who open an item at once one holds it, and all are told who."""
        storage.queue.add([item("a")])
        holders = at_once(lambda number: storage.queue.lock("a", by=f"lead {number}", now=NOW, seconds=60))
        assert len(set(holders)) == 1
        assert storage.queue.lock("a", by="late", now=NOW + timedelta(seconds=59), seconds=60) == holders[0]
        assert storage.queue.lock("a", by="late", now=NOW + timedelta(seconds=60), seconds=60) == "late"
        assert not storage.queue.unlock("a", by=holders[0])
        assert storage.queue.unlock("a", by="late")
        assert storage.queue.lock("none", by="late", now=NOW, seconds=60) == ""

    def test_withdraws_all_but_audits(self, storage: SqlStorage) -> None:
        """A ticket that somebody closed needs no review any more, but what was drawn is still answered."""
        storage.queue.add([item("a", ticket_id="1"), item("drawn", ticket_id="1", is_audit=True), item("b")])
        assert storage.queue.withdraw("desk", ticket_id="1", at=NOW) == 1
        assert names(storage.queue.open_items()) == ["b", "drawn"]
        assert storage.queue.lock("a", by="kim", now=NOW, seconds=60) == ""

    def test_withdraws_all_but_the_newest(self, storage: SqlStorage) -> None:
        """What was said of an earlier state of a ticket makes room for what is said of it now."""
        storage.queue.add([item("old", ticket_id="1"), item("new", ticket_id="1")])
        assert storage.queue.withdraw("desk", ticket_id="1", at=NOW, all_but="new") == 1
        assert names(storage.queue.open_items()) == ["new"]

    def test_forgets_what_a_ticket_said(self, storage: SqlStorage) -> None:
        """Of a forgotten ticket no preview, reason or question is left, and nothing opens it again."""
        storage.queue.add([item("a"), item("b")])
        asked = review("a", action=ReviewAction.WANTS_INFORMATION, question="어느 층입니까?")
        assert storage.reviews.record(asked)
        assert storage.queue.forget("desk", ticket_ids=["T-a"], at=NOW) == 1
        found = storage.queue.find("a")
        assert found is not None
        assert (found.preview, found.targets["category"]["reasons"]) == ("", [])
        assert [one.question for one in storage.reviews.list()] == [""]
        assert storage.reviews.undo(asked.id, by="kim", at=NOW) == []
        assert names(storage.queue.open_items(QueueFilter(text="vpn"))) == ["b"]

    @pytest.mark.parametrize("limit", [1, 25])
    def test_folded_pages_show_each_burst_once(self, storage: SqlStorage, limit: int) -> None:
        """Page by page every single item comes up once, and every burst once, under its first that is open."""
        storage.queue.add(
            [
                item(f"{number:03}", worth=1 - number / 1000, cluster=f"c{number % 3}" if number % 60 else "")
                for number in range(600)
            ]
        )
        storage.queue.withdraw("desk", ticket_id="T-001", at=NOW)
        shown: list[str] = []
        while page := storage.queue.open_items(limit=limit, after=shown[-1] if shown else "", is_folded=True):
            shown += names(page)
        assert shown == ["000", "002", "003", "004", *(f"{number:03}" for number in range(60, 600, 60))]


class TestReviews:
    def test_keeps_a_review_and_closes_its_item(self, storage: SqlStorage) -> None:
        """A review comes back with its answers and its item's language and group; the item is done."""
        storage.queue.add([item("a", inclusion_probability=0.5)])
        answers = {"category": Answer("network", "account"), "group": Answer("x", None)}
        given = review("a", action=ReviewAction.CORRECT, answers=answers)
        assert storage.reviews.record(given)
        kept = replace(given, inclusion_probability=0.5, language="ko", group="Service Desk")
        assert storage.reviews.find(given.id) == kept
        found = storage.queue.find("a")
        assert found is not None
        assert (found.state, found.closed_at) == (ItemState.DONE, NOW)

    def test_one_of_several_is_recorded(self, storage: SqlStorage) -> None:
        """Of reviews sent at once, by one lead twice or by two, one stands."""
        storage.queue.add([item("a")])
        recorded = at_once(lambda number: storage.reviews.record(review("a", by=f"lead {number // 2}")))
        assert sum(recorded) == 1
        assert len(storage.reviews.list()) == 1

    def test_records_nothing_for_an_unknown_item(self, storage: SqlStorage) -> None:
        """A review of an item that is not there is refused."""
        assert not storage.reviews.record(review("a"))
        assert storage.reviews.list() == []

    def test_undoing_opens_the_item_again(self, storage: SqlStorage) -> None:
        """A review is undone once; its item may be reviewed anew, and both reviews are remembered."""
        storage.queue.add([item("a")])
        first, second = review("a"), review("a", by="lee", minutes=1)
        assert storage.reviews.record(first)
        assert storage.reviews.undo(first.id, by="kim", at=NOW) == ["a"]
        assert storage.reviews.undo(first.id, by="kim", at=NOW) == []
        assert storage.reviews.record(second)
        assert names(storage.reviews.list()) == [second.id]
        assert names(storage.reviews.list(with_undone=True, newest_first=True)) == [second.id, first.id]
        assert storage.reviews.undo_batch("", by="kim", at=NOW) == []

    def test_a_batch_does_what_is_open_and_never_an_audit(self, storage: SqlStorage) -> None:
        """Of a burst, what another lead did and what was drawn is left out; one undo opens the rest."""
        storage.queue.add([item("a"), item("b"), item("c"), item("drawn", is_audit=True)])
        storage.reviews.record(review("b", by="lee"))
        burst = [review(name, batch_id="burst") for name in ("c", "drawn", "b", "a")]
        assert storage.reviews.record_batch(burst) == ["c", "a"]
        assert storage.reviews.undo_batch("burst", by="kim", at=NOW) == ["a", "c"]
        assert names(storage.queue.open_items()) == ["a", "c", "drawn"]

    def test_lists_by_filter(self, storage: SqlStorage) -> None:
        """Reviews are listed by time, model, connection and item, and only to who may see the ticket."""
        storage.queue.add([item("a"), item("hidden", group="Personnel")])
        first, second = review("a"), review("hidden", minutes=5)
        assert storage.reviews.record_batch([second, first]) == ["hidden", "a"]
        reviews = storage.reviews
        assert names(reviews.list(since=second.at)) == [second.id]
        assert names(reviews.list(until=second.at, model="ticket-triage", connection="desk")) == [first.id]
        assert names(reviews.list(item_id="hidden", is_audit=False)) == [second.id]
        assert names(reviews.list(visible_to=PERSONNEL_HIDDEN)) == [first.id]
        assert names(reviews.list(limit=1)) == [first.id]
        assert reviews.list(model="another") == []


class TestAudits:
    def test_two_leads_answer_one_audit(self, storage: SqlStorage) -> None:
        """An audit for two stays open for the second lead, is not shown again to the first, and closes with both."""
        storage.queue.add([item("a", is_audit=True, leads_wanted=2, audit_targets=("category",))])
        assert storage.reviews.record(audit("a", "network"))
        assert not storage.reviews.record(audit("a", "network"))
        assert storage.queue.count_open(QueueFilter(not_answered_by="kim")) == 0
        assert storage.queue.count_open(QueueFilter(not_answered_by="lee")) == 1
        assert storage.reviews.record(audit("a", "account", by="lee", minutes=1))
        assert not storage.reviews.record(audit("a", "account", by="park"))
        assert storage.queue.count_open() == 0
        assert storage.audits.agreement_pairs() == [AgreementPair("a", "desk", "category", "network", "account")]

    def test_counts_one_answer_a_ticket(self, storage: SqlStorage) -> None:
        """The sequential test gets each ticket once, by time: the first answer that could tell."""
        storage.queue.add([item(name, is_audit=True, leads_wanted=2) for name in ("a", "b", "c")])
        for answered in (
            audit("a", None),
            audit("b", "network", minutes=1),
            audit("a", "account", by="lee", minutes=2),
            audit("b", "account", by="lee", minutes=3),
            audit("c", None, minutes=4),
        ):
            assert storage.reviews.record(answered)
        found = storage.audits.audits_of("ticket-triage", connection="desk", target="category", model_version="3")
        assert [(one.item_id, one.given) for one in found] == [("b", "network"), ("a", "account"), ("c", None)]
        assert storage.audits.audits_of("ticket-triage", connection="desk", target="category", model_version="4") == []

    def test_only_blind_standing_audits_count(self, storage: SqlStorage) -> None:
        """A review that the queue chose, an answer given after the suggestion and an undone one are no evidence."""
        storage.queue.add([item("chosen"), item("shown", is_audit=True), item("undone", is_audit=True)])
        answers = {"category": Answer("network", "account", was_shown=True)}
        undone = audit("undone", "account")
        for given in (audit("chosen", "account"), audit("shown", "", answers=answers), undone):
            assert storage.reviews.record(given)
        storage.reviews.undo(undone.id, by="kim", at=NOW)
        assert storage.audits.audits_of("ticket-triage", connection="desk", target="category") == []
        assert storage.audits.misroutes(target="category") == []
        assert storage.audits.disagreements() == [Disagreement("category", "ko", "network", 2, 2)]

    def test_tells_misroutes(self, storage: SqlStorage) -> None:
        """Misroutes come by how often, with the latest example that may be seen."""
        drawn = [item(name, is_audit=True) for name in ("a", "b", "c", "d")]
        storage.queue.add([*drawn, item("hidden", is_audit=True, group="Personnel")])
        found = {"a": "account", "b": "printer", "c": "account", "d": "network", "hidden": "printer"}
        for minutes, (name, given) in enumerate(found.items()):
            storage.reviews.record(audit(name, given, minutes=minutes))
        told = storage.audits.misroutes(target="category", visible_to=PERSONNEL_HIDDEN)
        assert [(one.given, one.times, one.example_ticket_id) for one in told] == [
            ("account", 2, "T-c"),
            ("printer", 1, "T-b"),
        ]


class TestOutcomes:
    def test_feedback_is_kept_once(self, storage: SqlStorage) -> None:
        """A caller's key counts once; another caller's same key is another's."""
        told = Feedback("k", "caller", "desk", "1", FeedbackKind.CORRECTED, {"category": "계정"}, "kim", NOW, "entry")
        feedback = storage.outcomes.feedback
        assert at_once(lambda _: feedback.record(told)).count(True) == 1
        other = replace(told, caller="other", kind=FeedbackKind.ACCEPTED, at=NOW + timedelta(days=1))
        assert feedback.record(other)
        assert feedback.find("k", caller="caller") == told
        assert feedback.list() == [told, other]
        assert feedback.list(since=other.at, ticket_id="1", connection="desk") == [other]
        assert feedback.list(kind=FeedbackKind.CORRECTED, limit=1) == [told]
        assert feedback.forget("desk", ticket_ids=["1"]) == 2
        assert feedback.list(limit=1) == [replace(told, values={})]

    def test_unattended_decisions_are_counted_by_day(self, storage: SqlStorage) -> None:
        """Each decision counts once, on its day in UTC, and is found behind the number."""
        first = UnattendedRecord("e1", "desk", "1", MODEL, "group", "x", 0.97, "Personnel", "ko", "network", NOW, True)
        second = replace(
            first, entry_id="e2", at=NOW + timedelta(hours=1), was_drawn=False, group="Desk", language="en"
        )
        unattended = storage.outcomes.unattended
        assert unattended.record_all([second, first]) == 2
        assert unattended.record_all([first]) == 0
        assert unattended.per_day() == [
            UnattendedDay(date(2026, 3, 2), "desk", "group", 1, 1),
            UnattendedDay(date(2026, 3, 3), "desk", "group", 1, 0),
        ]
        assert unattended.sample() == [second, first]
        assert unattended.sample(limit=1, offset=1) == [first]
        assert unattended.sample(UnattendedFilter(group="DESK", target="group", label="x", model="ticket-triage"))
        assert unattended.sample(UnattendedFilter(was_drawn=True, until=second.at, category="network")) == [first]
        assert unattended.count(UnattendedFilter(since=second.at, language="en")) == 1
        assert unattended.sample(UnattendedFilter(visible_to=PERSONNEL_HIDDEN)) == [second]

    def test_scored_tickets_are_counted_by_day(self, storage: SqlStorage) -> None:
        """The day of a scored ticket is that of UTC on every database."""
        for hours in (0, 1):
            at = NOW + timedelta(hours=hours)
            entry = ScoredEntry(
                time_ordered_id(at), "1", at, MODEL, "ko", {}, [], [], [], "", Source.WEBHOOK, 0.1, connection="desk"
            )
            storage.record([entry])
        counted = storage.outcomes.unattended.scored_per_day(since=NOW - timedelta(days=1), connection="desk")
        assert counted == {date(2026, 3, 2): 1, date(2026, 3, 3): 1}
        assert storage.outcomes.unattended.scored_per_day(since=NOW, connection="x") == {}
