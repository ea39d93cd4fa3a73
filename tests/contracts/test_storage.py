"""What every implementation of `Storage` keeps to, on every database that it is made for."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier, Timer
from typing import Any
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, text

import serving
from features.answers import ModelIdentity
from features.errors import StorageError
from serving.storage import engines, tables
from serving.storage.identifiers import time_ordered_id
from serving.storage.interface import (
    CLAIM_LASTS,
    InFlight,
    Mismatch,
    New,
    Replay,
    Scope,
    ScoredEntry,
    Source,
    Storage,
    StoredKey,
)
from serving.storage.migration import VERSION_TABLE
from serving.storage.sql import SqlStorage, open_storage

ROOT = Path(serving.__file__).parents[1]
NOW = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
SEOUL = timezone(timedelta(hours=9))
KEY = StoredKey(
    id="ab12cd34",
    name="헬프데스크 hook",
    secret_sha256=bytes(range(32)),
    scopes=frozenset({Scope.SCORE, Scope.FEEDBACK}),
    created_at=NOW,
)
RACERS = 8


def entry(ticket_id: str = "42", *, at: datetime = NOW, **changes: Any) -> ScoredEntry:
    """Return the record of a scored ticket."""
    ranking = [{"label": "network", "probability": 0.91}, {"label": "account", "probability": 0.09}]
    scored = ScoredEntry(
        id=time_ordered_id(at),
        ticket_id=ticket_id,
        scored_at=at,
        model=ModelIdentity("ticket-triage", "3", "champion"),
        language="ko",
        predictions={"category": {"ranking": ranking, "reasons": [{"text": "브이피엔", "weight": 1.7}]}},
        articles=[{"id": "KB-12", "title": "Reset the VPN profile", "score": 0.83}],
        similar_tickets=[{"id": "17", "score": 0.77, "labels": {"category": "network"}, "article_ids": ["KB-12"]}],
        warnings=["The field 'floor' is not known."],
        caller="ab12cd34",
        source=Source.API,
        duration_seconds=0.00213,
    )
    return replace(scored, **changes)


def begin(storage: Storage, key: str = "k-1", **changes: Any) -> New | Replay | InFlight | Mismatch:
    """Begin a request under an idempotency key."""
    request: dict[str, Any] = {"caller": "ab12cd34", "request_hash": "hash", "now": NOW}
    request |= {"expires_at": NOW + timedelta(hours=24)} | changes
    return storage.begin(key, **request)


def claimed(outcome: New | Replay | InFlight | Mismatch) -> str:
    """Return the claim of a request that is the first under its key."""
    assert isinstance(outcome, New)
    return outcome.claim


def run_python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start another process with the service on its path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


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


class TestOpening:
    def test_restart_keeps_everything(self, database_url: str) -> None:
        """What was stored is there when the database is opened again."""
        first = open_storage(database_url)
        first.add_key(KEY)
        first.record([entry()])
        first.finish(claimed(begin(first)), status=200, body=b"{}")
        first.close()
        second = open_storage(database_url)
        assert second.list_keys() == [KEY]
        assert second.count_scored() == 1
        assert begin(second) == Replay(200, b"{}")
        second.close()

    @pytest.mark.usefixtures("storage")
    def test_migrations_make_the_tables(self, database_url: str) -> None:
        """After migrating from nothing, the database holds exactly the tables that the code reads."""
        engine = engines.create(engines.parse_url(database_url))
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            assert context.get_current_revision() == "0003"
            assert compare_metadata(context, tables.METADATA) == []
        engine.dispose()

    def test_processes_start_at_once(self, database_url: str) -> None:
        """Four processes may open an empty database at the same moment."""
        program = """if True:
            import sys
            from serving.storage.sql import open_storage
            storage = open_storage(sys.argv[1])
            storage.check()
            storage.close()
        """
        processes = [run_python(program, database_url) for _ in range(4)]
        outputs = [process.communicate(timeout=60)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * 4, outputs

    def test_threads_open_at_once(self, database_url: str) -> None:
        """Threads of one process may open an empty database at the same moment."""
        barrier = Barrier(4)

        def open_and_close(_: int) -> None:
            barrier.wait()
            open_storage(database_url).close()

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(open_and_close, range(4)))

    def test_newer_database_is_refused(self, database_url: str) -> None:
        """A database that a newer version has migrated is refused by name, and left as it is."""
        open_storage(database_url).close()
        engine = engines.create(engines.parse_url(database_url))
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))
        with pytest.raises(StorageError, match=r"revision '0999'.*newest known here is '0003'"):
            open_storage(database_url)
        with engine.connect() as connection:
            assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one() == "0999"
        engine.dispose()

    def test_failed_migration_leaves_nothing(self, database_url: str) -> None:
        """A migration that fails half-way is undone whole, and says so."""
        engine = engines.create(engines.parse_url(database_url))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE scored_tickets (stranger INTEGER)"))
        with pytest.raises(StorageError, match="cannot be opened"):
            open_storage(database_url)
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE scored_tickets"))
        engine.dispose()
        open_storage(database_url).close()

    def test_sqlite_is_set_up_for_many_readers(self, sqlite_url: str) -> None:
        """An SQLite file is in WAL mode, and its connections check references."""
        open_storage(sqlite_url).close()
        engine = engines.create(engines.parse_url(sqlite_url))
        with engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        engine.dispose()
        assert pragmas == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 10_000}

    @pytest.mark.parametrize("hold", ["BEGIN EXCLUSIVE", "BEGIN; SELECT * FROM others"])
    def test_waits_for_whoever_holds_the_file(self, sqlite_url: str, hold: str) -> None:
        """A process that comes while another writes or reads an SQLite file not yet in WAL mode waits for it."""
        path = Path(sqlite_url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        holder.execute("CREATE TABLE others (id INTEGER)")
        for statement in hold.split(";"):
            holder.execute(statement).fetchall()
        release = Timer(0.3, lambda: holder.execute("COMMIT"))
        release.start()
        open_storage(sqlite_url).close()
        assert not release.is_alive()
        release.join()
        holder.close()

    @pytest.mark.parametrize("released", [True, False])
    def test_switch_to_wal_is_tried_again(self, tmp_path: Path, released: bool) -> None:
        """Where SQLite refuses the switch at once it is tried until whoever reads is done, or until time is up."""
        path = tmp_path / "triage.db"
        holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in ("CREATE TABLE others (id INTEGER)", "BEGIN", "SELECT * FROM others"):
            holder.execute(statement).fetchall()
        impatient = create_engine(f"sqlite:///{path.as_posix()}", connect_args={"timeout": 0})
        release = Timer(0.2 if released else 60, lambda: holder.execute("COMMIT"))
        release.start()
        with nullcontext() if released else pytest.raises(StorageError, match="cannot switch it to WAL"):
            engines.use_wal(impatient, timeout_seconds=5 if released else 0.1)
        release.cancel()
        release.join()
        holder.close()
        impatient.dispose()


class TestErrors:
    @pytest.mark.parametrize(
        "url",
        [
            "mysql://root:hunter2@db/triage",
            "sqlite://",
            "sqlite:///:memory:",
            "no address at all",
            "postgresql://u:hunter2",
        ],
    )
    def test_unusable_addresses_are_refused(self, url: str) -> None:
        """An address that cannot be a database of ours is refused in words, without its password."""
        with pytest.raises(StorageError) as caught:
            open_storage(url)
        assert "hunter2" not in str(caught.value)

    def test_absent_server_is_reported_without_the_password(self) -> None:
        """A server that does not answer is named without the password, wherever the address holds it."""
        with pytest.raises(StorageError, match=r"postgresql\+psycopg://triage:\*\*\*@127\.0\.0\.1:1/triage") as caught:
            open_storage("postgresql://triage:hunter2@127.0.0.1:1/triage?sslpassword=hunter2")
        assert "hunter2" not in str(caught.value)

    def test_file_that_is_no_database_is_reported(self, tmp_path: Path) -> None:
        """A file of another kind is refused with SQLite's own code and is not overwritten."""
        path = tmp_path / "notes.txt"
        path.write_text("These are my notes. " * 100)
        with pytest.raises(StorageError, match="SQLITE_NOTADB"):
            open_storage(f"sqlite:///{path.as_posix()}")
        assert path.read_text() == "These are my notes. " * 100

    def test_folder_that_cannot_be_made_is_reported(self, tmp_path: Path) -> None:
        """A database in a folder that is a file is refused."""
        (tmp_path / "file").write_text("")
        with pytest.raises(StorageError, match="folder of sqlite://"):
            open_storage(f"sqlite:///{(tmp_path / 'file' / 'triage.db').as_posix()}")

    def test_lost_tables_are_reported_without_words_of_the_row(self, database_url: str, storage: SqlStorage) -> None:
        """When a table is gone, the message holds the driver's code and nothing of what was to be stored."""
        engine = engines.create(engines.parse_url(database_url))
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE scored_tickets"))
        engine.dispose()
        with pytest.raises(StorageError, match="recording scored tickets") as caught:
            storage.record([entry("confidential", warnings=["confidential"])])
        assert "confidential" not in str(caught.value)
        assert "confidential" not in str(caught.value.__cause__)

    def test_check_fails_when_the_server_is_gone(self, postgres_url: str) -> None:
        """A storage whose database was taken away is not ready, and says no more than that."""
        storage = open_storage(postgres_url)
        storage.check()
        admin = create_engine(engines.parse_url(postgres_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
        name = engines.parse_url(postgres_url).database
        with admin.connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :n"), {"n": name}
            )
        with pytest.raises(StorageError, match="checking it"):
            storage.check()
        with admin.connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
        storage.check()
        storage.close()
        admin.dispose()

    def test_lost_connections_are_made_anew(self, postgres_url: str) -> None:
        """After the server dropped its connections the next call succeeds."""
        storage = open_storage(postgres_url)
        storage.record([entry()])
        engine = engines.create(engines.parse_url(postgres_url))
        with engine.connect() as connection:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        engine.dispose()
        assert storage.count_scored() == 1
        storage.close()


class TestIdentifiers:
    def test_is_a_uuid_of_version_7(self) -> None:
        """The identifier is a UUID of version 7 that begins with the milliseconds."""
        made = UUID(time_ordered_id(NOW))
        assert (made.version, made.variant) == (7, "specified in RFC 4122")
        assert made.int >> 80 == int(NOW.timestamp() * 1000)

    @given(st.lists(st.integers(0, 2**52), min_size=2, max_size=5, unique=True))
    def test_sorts_by_time(self, offsets_microseconds: list[int]) -> None:
        """Identifiers of different moments sort as the moments do."""
        moments = [NOW + timedelta(microseconds=offset) for offset in sorted(offsets_microseconds)]
        made = [time_ordered_id(moment) for moment in moments]
        assert made == sorted(made)

    def test_differs_within_a_microsecond(self) -> None:
        """Two identifiers of the same moment differ."""
        assert len({time_ordered_id(NOW) for _ in range(1000)}) == 1000


def test_writers_wait_for_each_other(sqlite_url: str) -> None:
    """A write on SQLite begins by taking the lock, so that it is never refused half-way."""
    storage = open_storage(sqlite_url)
    statements: list[str] = []
    event.listen(storage._engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    begin(storage)
    storage.check()
    storage.close()
    assert statements[0] == "BEGIN IMMEDIATE"
    assert statements[-2] == "BEGIN DEFERRED"
