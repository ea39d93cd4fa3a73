"""Originals, closings, pacing and encryption: the same on every database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from features.errors import SettingsError, StorageError
from serving.storage import engines
from serving.storage.encryption import PLAIN, Cipher
from serving.storage.identifiers import time_ordered_id
from serving.storage.intake import (
    Breaker,
    Closing,
    DeliveryState,
    FinalValue,
    OriginalView,
    SetBy,
    Tombstone,
    Turn,
    requester_sha256,
)
from serving.storage.sql import SqlStorage, open_storage
from tests.stored_deliveries import MINJI, NOW, OTHER, RACERS, accepted, effect, later, scored

KEY = Fernet.generate_key().decode()


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
