"""What every implementation of `IntakeStorage` keeps to, on every database that it is made for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from features.answers import ModelIdentity
from features.errors import SettingsError, StorageError
from serving.storage import engines
from serving.storage.encryption import PLAIN, Cipher
from serving.storage.identifiers import time_ordered_id
from serving.storage.intake import (
    Breaker,
    Closing,
    DeliveryState,
    Effect,
    EffectState,
    FieldEffect,
    FieldStatus,
    FinalValue,
    IntakeStorage,
    OriginalView,
    SetBy,
    StoredDelivery,
    Tombstone,
    Turn,
    requester_sha256,
)
from serving.storage.interface import ScoredEntry, Source
from serving.storage.sql import SqlStorage, open_storage

NOW = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
MINJI, OTHER = requester_sha256("minji@example.com"), requester_sha256("sam@example.com")
KEY = Fernet.generate_key().decode()
RACERS = 8
LEASE_SECONDS = 60


def later(seconds: float) -> datetime:
    """Return the moment some seconds after the beginning."""
    return NOW + timedelta(seconds=seconds)


def delivery(key: str = "k-1", *, at: datetime = NOW, **changes: Any) -> StoredDelivery:
    """Return a delivery as the webhook accepts it."""
    made = StoredDelivery(
        id=time_ordered_id(at),
        connection="zendesk-main",
        key=key,
        ticket_id="42",
        kind="created",
        event={"ticket": {"subject": "VPN이 끊겨요", "body": "도와주세요 👩🏽‍💻"}, "version": 7},
        received_at=at,
        next_attempt_at=at,
        requester_sha256=MINJI,
    )
    return replace(made, **changes)


def effect(marker: str = "m-1", *, at: datetime = NOW, **changes: Any) -> Effect:
    """Return an effect as the worker claims it."""
    made = Effect(
        marker=marker,
        connection="zendesk-main",
        ticket_id="42",
        scored_state="v1",
        delivery_id="d-1",
        model=ModelIdentity("ticket-triage", "7", "champion"),
        claimed_at=at,
        fields=(FieldEffect("priority", "높음", "", "high", FieldStatus.WRITTEN),),
        tags=("triage-network",),
    )
    return replace(made, **changes)


def accepted(storage: SqlStorage, key: str = "k-1", **changes: Any) -> StoredDelivery:
    """Accept a delivery and return it."""
    made = delivery(key, **changes)
    assert storage.deliveries.accept(made)
    return made


def taken(storage: SqlStorage, *, at: datetime = NOW, limit: int = 10) -> Sequence[StoredDelivery]:
    """Return the deliveries that a worker takes at a moment."""
    return storage.deliveries.take_due(at, limit=limit, lease_seconds=LEASE_SECONDS)


def executed(database_url: str, statement: str) -> Sequence[Any]:
    """Return what a statement returns, past the storage."""
    engine = engines.create(engines.parse_url(database_url))
    with engine.begin() as connection:
        rows = connection.execute(text(statement)).scalars().all()
    engine.dispose()
    return rows


@pytest.fixture
def encrypted(database_url: str) -> Iterator[SqlStorage]:
    """An open, empty storage with a key, of each kind in turn."""
    opened = open_storage(database_url, cipher=Cipher.from_keys((KEY,)))
    yield opened
    opened.close()


def test_implements_the_interface(storage: SqlStorage) -> None:
    """The SQL storage is an IntakeStorage, which mypy checks here, and an empty one answers."""
    held: IntakeStorage = storage
    assert held.deliveries.counts() == dict.fromkeys(DeliveryState, 0)
    assert taken(storage) == []


class TestTogether:
    def test_what_belongs_together_is_kept_at_once(self, storage: SqlStorage) -> None:
        """Until the end nobody else sees what is written together, and who writes it does; then all of it is there."""
        made = accepted(storage)
        with storage.together(), storage.together():
            storage.effects.claim(effect())
            storage.deliveries.finish(made.id, at=NOW, outcome="written")
            assert storage.effects.for_ticket("zendesk-main", ticket_id="42") == [effect()]
            with ThreadPoolExecutor(1) as threads:
                assert threads.submit(storage.effects.for_ticket, "zendesk-main", ticket_id="42").result() == []
        assert storage.effects.for_ticket("zendesk-main", ticket_id="42") == [effect()]
        assert storage.deliveries.counts()[DeliveryState.DONE] == 1

    @pytest.mark.parametrize("error", [StorageError, ValueError])
    def test_all_or_nothing(self, storage: SqlStorage, error: type[Exception]) -> None:
        """Whatever fails undoes all that was written together before it, and what comes after is kept again."""
        made = accepted(storage)

        def fail() -> None:
            assert storage.originals.keep("zendesk-main", ticket_id="42", content={"body": "-"}, at=NOW)
            storage.effects.claim(effect())
            storage.record([scored("42")])
            storage.deliveries.finish(made.id, at=NOW, outcome="written")
            if error is StorageError:
                storage.effects.save(effect("unknown"))
            raise ValueError

        with pytest.raises(error), storage.together():
            fail()
        assert storage.effects.for_ticket("zendesk-main", ticket_id="42") == []
        assert storage.count_scored() == 0
        assert storage.originals.read("zendesk-main", ticket_id="42", by="kim", at=NOW) is None
        assert storage.deliveries.find(made.id) == made
        assert storage.deliveries.finish(made.id, at=NOW, outcome="written")


class TestDeliveries:
    def test_keeps_a_delivery(self, storage: SqlStorage) -> None:
        """A delivery comes back as it was accepted, and an unknown id finds nothing."""
        made = accepted(storage)
        assert storage.deliveries.find(made.id) == made
        assert storage.deliveries.find("none") is None

    def test_is_due_at_once_unless_told_otherwise(self, storage: SqlStorage) -> None:
        """A delivery without a moment for its first attempt is due when it was received."""
        made = accepted(storage, next_attempt_at=None)
        assert taken(storage) == [replace(made, attempts=1, next_attempt_at=later(LEASE_SECONDS))]

    def test_duplicates_are_told(self, storage: SqlStorage) -> None:
        """A key is accepted once for each connection, within one batch too; the first sending stands."""
        first = accepted(storage, "same")
        batch = [delivery("same"), delivery("new"), delivery("new"), delivery("same", connection="jira")]
        assert storage.deliveries.accept_all(batch) == [False, True, False, True]
        assert storage.deliveries.accept_all([]) == []
        assert storage.deliveries.find(first.id) == first
        assert storage.deliveries.counts()[DeliveryState.ACCEPTED] == 3

    def test_one_of_many_racers_is_accepted(self, storage: SqlStorage) -> None:
        """Of threads that accept the same keys at once, in any order, exactly one gets each."""
        barrier = Barrier(RACERS)

        def race(number: int) -> Sequence[bool]:
            keys = [f"k-{key}" for key in range(20)]
            batch = [delivery(key) for key in (keys if number % 2 else keys[::-1])]
            barrier.wait()
            return storage.deliveries.accept_all(batch)

        with ThreadPoolExecutor(RACERS) as threads:
            assert sum(map(sum, threads.map(race, range(RACERS)))) == 20

    def test_due_longest_first(self, storage: SqlStorage) -> None:
        """What is due is taken longest due first, once, and neither what waits nor what has ended."""
        for number in (3, 1, 2, 9):
            accepted(storage, f"k-{number}", at=later(number))
        accepted(storage, "unreadable", at=NOW, state=DeliveryState.UNREADABLE)
        assert [one.key for one in taken(storage, at=later(3), limit=2)] == ["k-1", "k-2"]
        assert [one.key for one in taken(storage, at=later(3))] == ["k-3"]
        assert taken(storage, at=later(3)) == []

    def test_one_worker_gets_an_attempt(self, storage: SqlStorage) -> None:
        """Of eight workers that take at once each delivery falls to one; it is due again when the lease ends."""
        made = [accepted(storage, f"k-{number}").id for number in range(3 * RACERS)]
        barrier = Barrier(RACERS)

        def take(_: int) -> Sequence[str]:
            barrier.wait()
            return [one.id for _ in range(3) for one in taken(storage, limit=2)]

        with ThreadPoolExecutor(RACERS) as threads:
            got = [one for ids in threads.map(take, range(RACERS)) for one in ids]
        got += [one.id for one in taken(storage, limit=len(made))]
        assert sorted(got) == sorted(made)
        assert taken(storage, at=later(LEASE_SECONDS - 1)) == []
        again = taken(storage, at=later(LEASE_SECONDS), limit=len(made))
        assert {one.attempts for one in again} == {2}
        assert len(again) == len(made)

    def test_postponed_waits(self, storage: SqlStorage) -> None:
        """A postponed delivery is due at its moment, with the error noted."""
        made = accepted(storage)
        assert storage.deliveries.postpone(made.id, until=later(30), error="The helpdesk is down.")
        assert taken(storage, at=later(29)) == []
        assert taken(storage, at=later(30))[0].last_error == "The helpdesk is down."

    def test_end_stands(self, storage: SqlStorage) -> None:
        """A finished delivery is due no more, and a late worker changes nothing of it."""
        made = accepted(storage)
        assert storage.deliveries.finish(made.id, at=later(1), outcome="written")
        assert not storage.deliveries.postpone(made.id, until=NOW, error="late")
        assert not storage.deliveries.bury(made.id, at=NOW, error="late")
        done = replace(made, state=DeliveryState.DONE, finished_at=later(1), outcome="written")
        assert storage.deliveries.find(made.id) == done
        assert taken(storage, at=later(99)) == []
        assert storage.deliveries.find(made.id) == done

    def test_replay_begins_anew(self, storage: SqlStorage) -> None:
        """A dead delivery is listed, and replayed it is as if it had just come; one that waits is left."""
        made = accepted(storage)
        assert not storage.deliveries.replay(made.id, at=later(1))
        assert taken(storage)
        assert storage.deliveries.bury(made.id, at=later(1), error="refused")
        assert [one.id for one in storage.deliveries.list(state=DeliveryState.DEAD)] == [made.id]
        assert storage.deliveries.replay(made.id, at=later(2))
        assert storage.deliveries.find(made.id) == replace(made, next_attempt_at=later(2))
        assert [one.attempts for one in taken(storage, at=later(2))] == [1]

    def test_replay_begins_what_was_not_understood(self, storage: SqlStorage) -> None:
        """A delivery that a faulty service could not understand is worked on once a mended one replays it."""
        made = accepted(storage, "unreadable", state=DeliveryState.UNREADABLE)
        assert storage.deliveries.replay(made.id, at=later(1))
        assert [one.id for one in taken(storage, at=later(1))] == [made.id]

    def test_lists_newest_first(self, storage: SqlStorage) -> None:
        """Listing can be narrowed to a state and a connection, and counts tell how many there are."""
        first, second = accepted(storage, "1"), accepted(storage, "2", at=later(1), connection="jira")
        dead = accepted(storage, "3", at=later(2), state=DeliveryState.DEAD)
        assert storage.deliveries.list() == [dead, second, first]
        assert storage.deliveries.list(limit=1) == [dead]
        assert storage.deliveries.list(after=dead.id, limit=1) == [second]
        assert storage.deliveries.list(after=dead.id, since=later(1)) == [second]
        assert storage.deliveries.list(after=first.id) == []
        assert storage.deliveries.count(connection="zendesk-main", since=later(1)) == 1
        assert storage.deliveries.list(connection="zendesk-main", state=DeliveryState.ACCEPTED) == [first]
        counted = {DeliveryState.ACCEPTED: 2, DeliveryState.DEAD: 1}
        assert storage.deliveries.counts() == dict.fromkeys(DeliveryState, 0) | counted

    def test_knows_the_tickets_it_has_seen(self, storage: SqlStorage) -> None:
        """The sweep learns which of many tickets have a delivery on a connection."""
        accepted(storage)
        ids = [str(number) for number in range(1200)]
        assert storage.deliveries.known_tickets("zendesk-main", ticket_ids=ids) == {"42"}
        assert storage.deliveries.known_tickets("zendesk-main", ticket_ids=[]) == frozenset()
        assert storage.deliveries.has("zendesk-main", ticket_id="42")
        assert not storage.deliveries.has("jira", ticket_id="42")

    def test_finds_the_latest_of_a_ticket(self, storage: SqlStorage) -> None:
        """Of a ticket's deliveries the one received last is found."""
        newest = accepted(storage, "1", at=later(5))
        accepted(storage, "2")
        assert storage.deliveries.latest_for_ticket("zendesk-main", ticket_id="42") == newest
        assert storage.deliveries.latest_for_ticket("jira", ticket_id="42") is None

    def test_old_events_are_emptied(self, storage: SqlStorage) -> None:
        """Past retention an event is emptied and cannot be replayed; one that waits for work keeps it."""
        old, waiting, young = (accepted(storage, str(number), at=later(number)) for number in range(3))
        storage.deliveries.finish(old.id, at=later(5), outcome="written")
        storage.deliveries.finish(young.id, at=later(5), outcome="written")
        assert storage.deliveries.purge(later(2)) == 1
        assert storage.deliveries.purge(later(2)) == 0
        found = {one.id: one.event for one in storage.deliveries.list()}
        assert found == {old.id: {}, waiting.id: waiting.event, young.id: young.event}
        assert not storage.deliveries.replay(old.id, at=later(9))

    def test_no_plain_json_is_refused(self, storage: SqlStorage) -> None:
        """An event that is no plain JSON is refused in words that do not quote it."""
        with pytest.raises(StorageError, match="plain JSON") as caught:
            storage.deliveries.accept(delivery(event={"secret-word": float("nan")}))
        assert "secret-word" not in str(caught.value)


class TestEffects:
    def test_one_effect_stands(self, storage: SqlStorage) -> None:
        """A second claim of the same scored state gets the first; another state is another effect."""
        first = effect()
        assert storage.effects.claim(first) == first
        assert storage.effects.claim(effect("m-2", at=later(1))) == first
        second = effect("m-3", at=later(2), scored_state="v2")
        assert storage.effects.claim(second) == second
        assert storage.effects.for_ticket("zendesk-main", ticket_id="42") == [second, first]

    def test_racers_agree(self, storage: SqlStorage) -> None:
        """Eight workers that claim one state at once all get the same effect."""
        barrier = Barrier(RACERS)

        def claim(number: int) -> str:
            barrier.wait()
            return storage.effects.claim(effect(f"m-{number}")).marker

        with ThreadPoolExecutor(RACERS) as threads:
            assert len(set(threads.map(claim, range(RACERS)))) == 1

    def test_saves_what_was_written(self, storage: SqlStorage) -> None:
        """What became of an effect replaces what was claimed; an unknown marker is refused."""
        storage.effects.claim(effect())
        fields = (FieldEffect("priority", "높음", "low", "low", FieldStatus.KEPT),)
        saved = effect(state=EffectState.WRITTEN, written_at=later(3), note=True, fields=fields, scored_entry_id="s-1")
        storage.effects.save(saved)
        assert storage.effects.for_ticket("zendesk-main", ticket_id="42") == [saved]
        with pytest.raises(StorageError, match="no effect 'm-9'"):
            storage.effects.save(effect("m-9"))

    def test_finds_what_a_version_wrote(self, storage: SqlStorage) -> None:
        """A revert finds what one version wrote on one connection since a moment, until it is taken back."""
        seven = effect("m-7", state=EffectState.WRITTEN, written_at=later(10))
        others = (
            effect("m-1", scored_state="v2", state=EffectState.WRITTEN, written_at=later(9)),
            effect("m-2", scored_state="v3"),
            replace(seven, marker="m-3", scored_state="v4", model=ModelIdentity("ticket-triage", "8")),
            replace(seven, marker="m-4", connection="jira"),
        )
        for one in (seven, *others):
            storage.effects.claim(one)
        assert storage.effects.written("zendesk-main", model_version="7", since=later(10)) == [seven]
        assert storage.effects.mark_reverted("m-7", at=later(20))
        assert not storage.effects.mark_reverted("m-7", at=later(30))
        assert storage.effects.written("zendesk-main", model_version="7", since=later(10)) == []


class TestOriginals:
    def test_showing_is_on_the_record(self, storage: SqlStorage) -> None:
        """A text comes back as kept, replaced by a later one, and each showing is noted; a text not kept is none."""
        storage.originals.keep("zendesk-main", ticket_id="42", content={"body": "old"}, at=NOW)
        storage.originals.keep("zendesk-main", ticket_id="42", content={"body": "VPN이 끊겨요"}, at=later(1))
        assert storage.originals.read("zendesk-main", ticket_id="42", by="lead", at=later(2)) == {
            "body": "VPN이 끊겨요"
        }
        assert storage.originals.read("jira", ticket_id="42", by="lead", at=later(2)) is None
        assert storage.originals.views("zendesk-main", ticket_id="42") == [
            OriginalView("zendesk-main", "42", "lead", later(2))
        ]

    def test_purge_keeps_the_young(self, storage: SqlStorage) -> None:
        """Texts kept before the moment go, those kept at it stay."""
        storage.originals.keep("zendesk-main", ticket_id="1", content={}, at=NOW)
        storage.originals.keep("zendesk-main", ticket_id="2", content={}, at=later(1))
        assert storage.originals.purge(later(1)) == 1
        assert storage.originals.read("zendesk-main", ticket_id="2", by="lead", at=NOW) == {}

    def test_text_is_encrypted(self, database_url: str, encrypted: SqlStorage) -> None:
        """With a key, neither originals nor events can be read in the database, and both come back."""
        made = accepted(encrypted)
        encrypted.originals.keep("zendesk-main", ticket_id="42", content=made.event, at=NOW)
        kept = [
            *executed(database_url, "SELECT content FROM originals"),
            *executed(database_url, "SELECT event FROM deliveries"),
        ]
        assert [one.startswith("fernet:") and "VPN" not in one for one in kept] == [True, True]
        assert encrypted.originals.read("zendesk-main", ticket_id="42", by="lead", at=NOW) == made.event
        assert encrypted.deliveries.find(made.id) == made

    def test_forgets_a_requester(self, encrypted: SqlStorage) -> None:
        """All that a requester's tickets said is gone and stays gone; another requester's is left."""
        mine, waiting = accepted(encrypted, "1"), accepted(encrypted, "2", ticket_id="43", requester_sha256="")
        theirs = accepted(encrypted, "3", ticket_id="44", requester_sha256=OTHER)
        encrypted.deliveries.bury(mine.id, at=later(1), error="quoted")
        # Of the second ticket the requester became known only when it was read.
        for ticket_id, requester in (("43", MINJI), ("44", OTHER)):
            encrypted.originals.keep(
                "zendesk-main", ticket_id=ticket_id, content={"body": "x"}, at=NOW, requester_sha256=requester
            )
        encrypted.effects.claim(effect())
        encrypted.record([scored("42"), scored("44")])
        tombstones = [Tombstone("zendesk-main", ticket_id, MINJI, later(9)) for ticket_id in ("42", "43")]
        assert encrypted.originals.forget(MINJI, at=later(9)) == tombstones
        assert encrypted.originals.tombstones() == tombstones
        assert encrypted.originals.tombstones(since=later(10)) == []
        emptied = replace(mine, state=DeliveryState.DEAD, finished_at=later(1), event={})
        assert encrypted.deliveries.find(mine.id) == emptied
        assert not encrypted.deliveries.replay(mine.id, at=later(10))
        done = replace(waiting, state=DeliveryState.DONE, finished_at=later(9), outcome="forgotten", event={})
        assert encrypted.deliveries.find(waiting.id) == done
        assert encrypted.deliveries.find(theirs.id) == theirs
        assert encrypted.originals.read("zendesk-main", ticket_id="43", by="lead", at=NOW) is None
        assert encrypted.originals.read("zendesk-main", ticket_id="44", by="lead", at=NOW) == {"body": "x"}
        assert encrypted.effects.for_ticket("zendesk-main", ticket_id="42") == [effect(fields=(), tags=())]
        assert encrypted.scored("42")[0].predictions == {"category": {"label": "network", "reasons": []}}
        assert encrypted.scored("44") == [scored("44", entry_id=encrypted.scored("44")[0].id)]
        assert not encrypted.originals.keep("zendesk-main", ticket_id="42", content={"body": "again"}, at=later(10))

    def test_forgets_what_came_after(self, storage: SqlStorage) -> None:
        """A requester can be forgotten twice; what their tickets said in between goes too."""
        accepted(storage)
        first = storage.originals.forget(MINJI, at=later(1))
        again = accepted(storage, "k-2", requester_sha256="")
        assert storage.originals.forget(MINJI, at=later(2)) == first
        found = storage.deliveries.find(again.id)
        assert found is not None
        assert found.event == {}

    def test_nobody_is_forgotten_without_an_address(self, storage: SqlStorage) -> None:
        """Tickets whose requester is not known are not forgotten as those of one person."""
        accepted(storage, requester_sha256=requester_sha256(" "))
        assert storage.originals.forget("", at=NOW) == []
        assert storage.deliveries.counts()[DeliveryState.ACCEPTED] == 1


def scored(ticket_id: str, *, entry_id: str = "") -> ScoredEntry:
    """Return the record of a ticket that was scored by way of a webhook."""
    return ScoredEntry(
        id=entry_id or time_ordered_id(NOW),
        ticket_id=ticket_id,
        scored_at=NOW,
        model=ModelIdentity("ticket-triage", "7"),
        language="ko",
        predictions={"category": {"label": "network", "reasons": [{"text": "브이피엔", "weight": 1.7}]}},
        articles=[],
        similar_tickets=[],
        warnings=[],
        caller="",
        source=Source.WEBHOOK,
        duration_seconds=0.002,
        connection="zendesk-main",
        delivery_id="d-1",
    )


def test_scored_ticket_says_where_it_came_from(storage: SqlStorage) -> None:
    """An entry keeps its connection and delivery, and is found by the connection or by its id."""
    entry = scored("42")
    storage.record([entry])
    assert storage.scored("42", connection="zendesk-main") == [entry]
    assert storage.scored("42", connection="jira") == []
    assert storage.find_scored(entry.id) == entry
    assert storage.find_scored("none") is None
    assert storage.find_all_scored([entry.id, "none"]) == {entry.id: entry}


class TestClosings:
    def test_latest_closing_stands(self, storage: SqlStorage) -> None:
        """A closing that comes again, or late, changes nothing; a later one replaces the values."""
        unconfirmed = {"priority": FinalValue("high", SetBy.US, is_confirmed=False)}
        by_person = {"priority": FinalValue("높음", SetBy.PERSON, is_confirmed=True)}
        first = Closing("zendesk-main", "42", later(5), unconfirmed, "7")
        for closing in (first, first, replace(first, closed_at=NOW, values=by_person)):
            storage.closings.record(closing)
        assert storage.closings.closings() == [first]
        reopened = replace(first, closed_at=later(9), values=by_person)
        storage.closings.record(reopened)
        assert storage.closings.closings() == [reopened]

    def test_narrows_closings(self, storage: SqlStorage) -> None:
        """Closings come oldest first, of one connection and since a moment where asked."""
        old, young = Closing("zendesk-main", "1", NOW), Closing("jira", "2", later(1))
        storage.closings.record(young)
        storage.closings.record(old)
        assert storage.closings.closings() == [old, young]
        assert storage.closings.closings(connection="zendesk-main") == [old]
        assert storage.closings.closings(since=later(1)) == [young]


class TestPacing:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(calls=st.integers(1, 30), steps=st.lists(st.floats(0, 3), min_size=40, max_size=60))
    def test_never_more_than_the_pace(self, sqlite_storage: SqlStorage, calls: int, steps: list[float]) -> None:
        """However calls are asked for, any span of ten seconds holds no more than its pace allows."""
        name, clock, taken = time_ordered_id(NOW), 0.0, []
        for step in steps:
            clock += step
            if sqlite_storage.pacing.take(name, now=later(clock), calls=calls, seconds=10).wait_seconds == 0:
                taken.append(clock)
        assert taken
        for start in taken:
            assert sum(start <= moment < start + 9.999 for moment in taken) <= calls

    def test_whoever_waits_is_let_in(self, storage: SqlStorage) -> None:
        """After the seconds that it was told, and no more, a caller gets its call; the pace is used up whole."""
        clock, count = 0.0, 0
        while clock < 59.9:
            wait = storage.pacing.take("zendesk-main", now=later(clock), calls=20, seconds=60).wait_seconds
            count, clock = count + (wait == 0), clock + wait
        assert count == 20

    def test_racers_share_one_pace(self, storage: SqlStorage) -> None:
        """Threads that ask at once are given no more than one burst, and connections do not meet."""
        barrier = Barrier(RACERS)

        def take(_: int) -> float:
            barrier.wait()
            return storage.pacing.take("zendesk-main", now=NOW, calls=30, seconds=60).wait_seconds

        with ThreadPoolExecutor(RACERS) as threads:
            assert list(threads.map(take, range(RACERS))).count(0) == 3
        assert storage.pacing.take("jira", now=NOW, calls=1, seconds=60) == Turn(0, Breaker())

    def test_pause_holds_all_calls(self, storage: SqlStorage) -> None:
        """A paused connection gives out no call until the later of its pauses ends."""
        storage.pacing.pause("zendesk-main", until=later(30))
        storage.pacing.pause("zendesk-main", until=later(10))
        paused = Breaker(paused_until=later(30))
        assert storage.pacing.take("zendesk-main", now=later(10), calls=100, seconds=60) == Turn(20, paused)
        assert storage.pacing.take("zendesk-main", now=later(30), calls=100, seconds=60) == Turn(0, paused)

    def test_open_breaker_gives_out_no_call(self, storage: SqlStorage) -> None:
        """While the breaker is open no turn of the pace is used up; whoever gets a call learns how it answered."""
        for _ in range(5):
            storage.pacing.note_failure("zendesk-main", now=NOW, threshold=5, open_seconds=30, longest_seconds=300)
        is_open = Breaker(failures=5, open_until=later(30))
        for _ in range(3):
            assert storage.pacing.take("zendesk-main", now=later(20), calls=1, seconds=60) == Turn(10, is_open)
        assert storage.pacing.take("zendesk-main", now=later(30), calls=1, seconds=60) == Turn(0, is_open)
        assert storage.pacing.take("zendesk-main", now=later(30), calls=1, seconds=60).wait_seconds == 60

    def test_breaker_opens_for_longer_each_time(self, storage: SqlStorage) -> None:
        """From the fifth failure on the breaker opens, 30 seconds first and five minutes at most."""
        now, spans = NOW, []
        for _ in range(10):
            found = storage.pacing.note_failure(
                "zendesk-main", now=now, threshold=5, open_seconds=30, longest_seconds=300
            )
            spans.append(0.0 if found.open_until is None else (found.open_until - now).total_seconds())
            now = found.open_until or now
        assert spans == [0, 0, 0, 0, 30, 60, 120, 240, 300, 300]

    def test_failures_of_calls_made_before_are_not_counted(self, storage: SqlStorage) -> None:
        """While the breaker is open, calls that fail late open it for no longer; a success closes it."""
        assert storage.pacing.breaker("zendesk-main") == Breaker()
        for _ in range(7):
            storage.pacing.note_failure("zendesk-main", now=NOW, threshold=5, open_seconds=30, longest_seconds=300)
        assert storage.pacing.breaker("zendesk-main") == Breaker(failures=5, open_until=later(30))
        storage.pacing.note_success("zendesk-main")
        assert storage.pacing.breaker("zendesk-main") == Breaker()

    def test_one_call_probes(self, storage: SqlStorage) -> None:
        """When the breaker has been open one call is let through, and the next after it was given up."""
        for _ in range(5):
            storage.pacing.note_failure("zendesk-main", now=NOW, threshold=5, open_seconds=30, longest_seconds=300)
        asked = [storage.pacing.probe("zendesk-main", now=later(at), seconds=60) for at in (29, 30, 31, 89, 90)]
        assert asked == [False, True, False, False, True]


@pytest.fixture
def sqlite_storage(sqlite_url: str) -> Iterator[SqlStorage]:
    """An open, empty storage in an SQLite file."""
    opened = open_storage(sqlite_url)
    yield opened
    opened.close()


class TestCipher:
    def test_keys_can_be_changed(self) -> None:
        """What was kept without a key, or with the one before, is read with the new key first in line."""
        newer = Fernet.generate_key().decode()
        value = {"body": "도와주세요"}
        ciphers = (PLAIN, Cipher.from_keys((KEY,)), Cipher.from_keys((newer, KEY)))
        assert [ciphers[-1].unseal(cipher.seal(value)) for cipher in ciphers] == [value] * 3
        assert Cipher.from_keys(()) is PLAIN

    @pytest.mark.parametrize("keys", [(), (Fernet.generate_key().decode(),)])
    def test_wrong_key_is_told(self, keys: tuple[str, ...]) -> None:
        """Without the key that it was kept with, a text is refused in words."""
        with pytest.raises(StorageError, match="encrypted"):
            Cipher.from_keys(keys).unseal(Cipher.from_keys((KEY,)).seal({}))

    @pytest.mark.parametrize("key", ["hunter2", "", "열쇠", "A" * 44])
    def test_what_is_no_key_is_refused(self, key: str) -> None:
        """A key that cannot be one is refused without being shown."""
        with pytest.raises(SettingsError, match="base64") as caught:
            Cipher.from_keys((key,))
        assert not key or key not in str(caught.value)


def test_requester_is_known_by_the_address() -> None:
    """An address stands for the same requester however it is written; none stands for nobody."""
    assert requester_sha256(" Minji@Example.COM") == MINJI != OTHER
    assert len(MINJI) == 64
    assert requester_sha256("") == ""
