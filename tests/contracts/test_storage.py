"""What every implementation of `Storage` keeps to, on every database that it is made for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from features.errors import StorageError
from serving.storage import engines
from serving.storage.interface import (
    CLAIM_LASTS,
    InFlight,
    Mismatch,
    New,
    Replay,
    Scope,
    Storage,
)
from serving.storage.sql import SqlStorage
from tests.stored_tickets import KEY, NOW, begin, claimed, entry, run_python

SEOUL = timezone(timedelta(hours=9))
RACERS = 8


def test_implements_the_interface(storage: SqlStorage) -> None:
    """The SQL storage is a Storage, which mypy checks here, and an empty one answers."""
    held: Storage = storage
    held.check()
    assert held.count_scored() == 0
    assert held.list_keys() == []


class TestKeys:
    def test_keeps_a_key(self, storage: SqlStorage) -> None:
        """A key comes back as it was added."""
        storage.add_key(KEY)
        assert storage.find_key(KEY.id) == KEY

    def test_knows_no_other_key(self, storage: SqlStorage) -> None:
        """An id that no key has finds nothing."""
        storage.add_key(KEY)
        assert storage.find_key("zz99zz99") is None

    def test_refuses_a_taken_id(self, storage: SqlStorage) -> None:
        """A second key of the same id is refused, and the first stands."""
        storage.add_key(KEY)
        with pytest.raises(StorageError, match="adding a key"):
            storage.add_key(replace(KEY, name="another"))
        assert storage.list_keys() == [KEY]

    def test_lists_oldest_first(self, storage: SqlStorage) -> None:
        """Keys are listed in the order in which they were made, revoked ones included."""
        later = replace(KEY, id="aaaaaaaa", created_at=NOW + timedelta(seconds=1))
        storage.add_key(later)
        storage.add_key(KEY)
        storage.revoke_key(KEY.id, at=NOW)
        assert [key.id for key in storage.list_keys()] == [KEY.id, later.id]

    def test_first_revocation_stands(self, storage: SqlStorage) -> None:
        """Revoking twice is no error and keeps the moment of the first time; other keys stay."""
        other = replace(KEY, id="aaaaaaaa")
        storage.add_key(KEY)
        storage.add_key(other)
        assert storage.revoke_key(KEY.id, at=NOW)
        assert storage.revoke_key(KEY.id, at=NOW + timedelta(hours=1))
        assert storage.find_key(KEY.id) == replace(KEY, revoked_at=NOW)
        assert storage.find_key(other.id) == other

    def test_tells_that_there_is_nothing_to_revoke(self, storage: SqlStorage) -> None:
        """Revoking an id that no key has says so."""
        assert not storage.revoke_key("zz99zz99", at=NOW)

    def test_touch_moves_forward_only(self, storage: SqlStorage) -> None:
        """The last use of a key is the latest one, in whatever order processes report them."""
        storage.add_key(KEY)
        storage.touch_key(KEY.id, at=NOW + timedelta(minutes=2))
        storage.touch_key(KEY.id, at=NOW + timedelta(minutes=1))
        assert storage.find_key(KEY.id) == replace(KEY, last_used_at=NOW + timedelta(minutes=2))

    def test_unknown_scope_opens_nothing(self, database_url: str, storage: SqlStorage) -> None:
        """A scope that only a newer version knows is left out of the key."""
        storage.add_key(KEY)
        engine = engines.create(engines.parse_url(database_url))
        with engine.begin() as connection:
            connection.execute(text("""UPDATE api_keys SET scopes = '["score", "fly"]'"""))
        engine.dispose()
        found = storage.find_key(KEY.id)
        assert found is not None
        assert found.scopes == {Scope.SCORE}


class TestIdempotency:
    def test_replays_the_answer(self, storage: SqlStorage) -> None:
        """A finished request is replayed byte for byte."""
        body = '{"물음":"�"}'.encode() + b"\x00\xff"
        storage.finish(claimed(begin(storage)), status=201, body=body)
        assert begin(storage) == Replay(201, body)

    def test_second_request_waits_for_the_first(self, storage: SqlStorage) -> None:
        """While the first is being answered, the same request is in flight."""
        begin(storage)
        assert begin(storage) == InFlight()

    @pytest.mark.parametrize("finished", [False, True])
    def test_different_request_mismatches(self, storage: SqlStorage, finished: bool) -> None:
        """A key that was used for another request is refused, answered or not."""
        claim = claimed(begin(storage))
        if finished:
            storage.finish(claim, status=200, body=b"{}")
        assert begin(storage, request_hash="other") == Mismatch()

    def test_callers_do_not_meet(self, storage: SqlStorage) -> None:
        """Two callers may choose the same idempotency key."""
        storage.finish(claimed(begin(storage)), status=200, body=b"secret")
        assert isinstance(begin(storage, caller="zz99zz99"), New)

    def test_abandoned_request_may_be_tried_again(self, storage: SqlStorage) -> None:
        """Giving the key back makes the next request the first, a different one included."""
        storage.abandon(claimed(begin(storage)))
        assert isinstance(begin(storage, request_hash="other"), New)

    def test_abandoning_leaves_an_answer(self, storage: SqlStorage) -> None:
        """An answer that is kept already is not given up."""
        claim = claimed(begin(storage))
        storage.finish(claim, status=200, body=b"{}")
        storage.abandon(claim)
        assert begin(storage) == Replay(200, b"{}")

    def test_first_answer_stands(self, storage: SqlStorage) -> None:
        """Finishing twice keeps the first answer."""
        claim = claimed(begin(storage))
        storage.finish(claim, status=200, body=b"first")
        storage.finish(claim, status=200, body=b"second")
        assert begin(storage) == Replay(200, b"first")

    def test_expired_answer_is_forgotten(self, storage: SqlStorage) -> None:
        """At its expiry an answer no longer stands, and any request is the first again."""
        storage.finish(claimed(begin(storage)), status=200, body=b"{}")
        just_before, expiry = NOW + timedelta(hours=24, microseconds=-1), NOW + timedelta(hours=24)
        assert begin(storage, now=just_before) == Replay(200, b"{}")
        assert isinstance(begin(storage, now=expiry, expires_at=expiry + timedelta(hours=1), request_hash="new"), New)

    def test_claim_of_a_dead_process_is_taken_over(self, storage: SqlStorage) -> None:
        """A request that never ended gives way after CLAIM_LASTS, and its late answer changes nothing."""
        first = claimed(begin(storage))
        assert begin(storage, now=NOW + CLAIM_LASTS - timedelta(seconds=1)) == InFlight()
        second = claimed(begin(storage, now=NOW + CLAIM_LASTS))
        storage.finish(first, status=200, body=b"late")
        storage.abandon(first)
        assert begin(storage, now=NOW + CLAIM_LASTS) == InFlight()
        storage.finish(second, status=200, body=b"second")
        assert begin(storage, now=NOW + CLAIM_LASTS) == Replay(200, b"second")

    def test_claim_of_a_dead_process_yields_to_its_own_request_alone(self, storage: SqlStorage) -> None:
        """A different request does not take over the key of one that never ended."""
        begin(storage)
        assert begin(storage, now=NOW + CLAIM_LASTS, request_hash="other") == Mismatch()

    def test_purge_deletes_what_has_expired(self, storage: SqlStorage) -> None:
        """Purging counts and deletes expired keys and no others."""
        begin(storage, "old", expires_at=NOW + timedelta(hours=1))
        storage.finish(claimed(begin(storage, "young")), status=200, body=b"{}")
        assert storage.purge_expired(NOW + timedelta(hours=1)) == 1
        assert storage.purge_expired(NOW + timedelta(hours=1)) == 0
        assert begin(storage, "young") == Replay(200, b"{}")

    def test_one_of_many_racers_is_new(self, storage: SqlStorage) -> None:
        """Of eight threads that send the same request at once exactly one is the first, ten times over."""
        barrier = Barrier(RACERS)

        def race(key: str) -> str:
            barrier.wait()
            return type(begin(storage, key)).__name__

        with ThreadPoolExecutor(RACERS) as threads:
            for number in range(10):
                outcomes = list(threads.map(race, [f"race-{number}"] * RACERS))
                assert sorted(outcomes) == ["InFlight"] * (RACERS - 1) + ["New"]

    def test_race_with_giving_back(self, storage: SqlStorage) -> None:
        """Threads that claim and give back the same key at once meet no error, and leave it free."""

        def claim_and_give_back(_: int) -> None:
            for _ in range(20):
                outcome = begin(storage)
                if isinstance(outcome, New):
                    storage.abandon(outcome.claim)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(claim_and_give_back, range(4)))
        assert isinstance(begin(storage), New)


class TestScoredTickets:
    def test_keeps_an_entry(self, storage: SqlStorage) -> None:
        """An entry comes back as it was recorded."""
        recorded = entry()
        storage.record([recorded])
        assert storage.scored("42") == [recorded]

    def test_newest_first(self, storage: SqlStorage) -> None:
        """The entries of a ticket come newest first, at most as many as asked for, and of no other ticket."""
        moments = [NOW + timedelta(microseconds=offset) for offset in (0, 1, 2, 1500)]
        entries = [entry(at=moment) for moment in moments]
        storage.record([entries[2], entries[0], entry("43"), entries[3], entries[1]])
        assert storage.scored("42") == entries[::-1]
        assert storage.scored("42", limit=2) == entries[:1:-1]

    def test_records_nothing(self, storage: SqlStorage) -> None:
        """Recording no entry is no error."""
        storage.record([])
        assert storage.count_scored() == 0

    def test_records_all_or_none(self, storage: SqlStorage) -> None:
        """One entry that cannot be stored keeps its whole batch out, and nothing of it is in the message."""
        bad = entry("bad", predictions={"category": {"probability": float("nan"), "reasons": ["열쇠"]}})
        with pytest.raises(StorageError, match="recording scored tickets") as caught:
            storage.record([entry("good"), bad])
        assert storage.count_scored() == 0
        assert "열쇠" not in str(caught.value)

    def test_recording_again_changes_nothing(self, storage: SqlStorage) -> None:
        """A batch sent again after a lost answer is not recorded twice."""
        recorded = entry()
        storage.record([recorded])
        storage.record([replace(recorded, language="en"), entry("43")])
        assert storage.count_scored() == 2
        assert storage.scored("42") == [recorded]

    def test_records_a_large_batch(self, storage: SqlStorage) -> None:
        """A batch of 1,000 tickets is recorded whole."""
        storage.record([entry(str(number)) for number in range(1000)])
        assert storage.count_scored() == 1000

    def test_moments_are_utc(self, storage: SqlStorage) -> None:
        """A moment of another zone comes back as the same moment in UTC."""
        storage.record([entry(at=NOW.astimezone(SEOUL))])
        (found,) = storage.scored("42")
        assert found.scored_at == NOW
        assert found.scored_at.tzinfo == UTC

    def test_refuses_a_naive_moment(self, storage: SqlStorage) -> None:
        """A moment without a zone is refused rather than guessed."""
        with pytest.raises(StorageError, match="time zone"):
            storage.record([replace(entry(), scored_at=NOW.replace(tzinfo=None))])

    def test_keeps_unicode(self, storage: SqlStorage) -> None:
        """Hangul in both normal forms, emoji and right-to-left text come back unchanged."""
        words = ["한글", "\u1112\u1161\u11ab", "👩🏽‍💻", "שלום", "a\tb\n", '"\\u0000"', "\x01\x7f"]
        recorded = entry("티켓-1", warnings=words, predictions={word: {"reasons": [word]} for word in words})
        storage.record([recorded])
        assert storage.scored("티켓-1") == [recorded]

    def test_replaces_what_no_database_keeps(self, storage: SqlStorage) -> None:
        """NUL and lone surrogates become U+FFFD, in keys and values; a split pair is joined; the id still finds it."""
        storage.record(
            [entry("4\x002", warnings=["a\x00b", "\ud800", "\ud83d\ude00"], articles=[{"x\x00": ["\udfff", 0.5]}])]
        )
        (found,) = storage.scored("4\x002")
        assert found.ticket_id == "4�2"
        assert found.warnings == ["a�b", "�", "😀"]
        assert found.articles == [{"x�": ["�", 0.5]}]

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(text=st.text(st.characters()), number=st.floats(-1e15, 1e15))
    def test_any_text_and_number_can_be_kept(self, storage: SqlStorage, text: str, number: float) -> None:
        """Whatever a ticket's words and a model's numbers are, the entry is recorded and found by its ticket."""
        recorded = entry("any" + text, warnings=[text], predictions={"category": {"probability": number}})
        storage.record([recorded])
        (found,) = [one for one in storage.scored("any" + text, limit=1000) if one.id == recorded.id]
        assert found.predictions == recorded.predictions
        if not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text):
            assert found.warnings == [text]

    def test_threads_write_at_once(self, storage: SqlStorage) -> None:
        """Eight threads lose nothing of what they record at once."""

        def write(thread: int) -> None:
            for number in range(25):
                storage.record([entry(f"{thread}-{number}")])

        with ThreadPoolExecutor(RACERS) as threads:
            list(threads.map(write, range(RACERS)))
        assert storage.count_scored() == RACERS * 25

    def test_processes_write_at_once(self, database_url: str, storage: SqlStorage) -> None:
        """Two other processes and this one lose nothing of what they record at once."""
        program = """if True:
            import sys
            from datetime import UTC, datetime
            from features.answers import ModelIdentity
            from serving.storage.identifiers import time_ordered_id
            from serving.storage.interface import ScoredEntry, Source
            from serving.storage.sql import open_storage
            storage, now = open_storage(sys.argv[1]), datetime.now(UTC)
            model = ModelIdentity("ticket-triage", "3")
            for number in range(100):
                storage.record([ScoredEntry(
                    time_ordered_id(now), "42", now, model, "en", {}, [], [], [], "ab12cd34", Source.CLI, 0.1
                )])
            storage.close()
        """
        processes = [run_python(program, database_url) for _ in range(2)]
        for _ in range(100):
            storage.record([entry("here")])
        for process in processes:
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, output
        assert storage.count_scored() == 300
        assert len(storage.scored("42", limit=1000)) == 200
