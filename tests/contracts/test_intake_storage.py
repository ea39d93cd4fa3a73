"""What every implementation of `IntakeStorage` keeps to, on every database that it is made for."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from features.answers import ModelIdentity
from features.errors import StorageError
from serving.storage.intake import (
    DeliveryState,
    EffectState,
    FieldEffect,
    FieldStatus,
    IntakeStorage,
)
from serving.storage.sql import SqlStorage
from tests.stored_deliveries import LEASE_SECONDS, NOW, RACERS, accepted, delivery, effect, later, scored, taken


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


def test_scored_ticket_says_where_it_came_from(storage: SqlStorage) -> None:
    """An entry keeps its connection and delivery, and is found by the connection or by its id."""
    entry = scored("42")
    storage.record([entry])
    assert storage.scored("42", connection="zendesk-main") == [entry]
    assert storage.scored("42", connection="jira") == []
    assert storage.find_scored(entry.id) == entry
    assert storage.find_scored("none") is None
    assert storage.find_all_scored([entry.id, "none"]) == {entry.id: entry}
