"""Opening storage, what its failures say, and who waits for whom."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Timer
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, text

from features.errors import StorageError
from serving.storage import engines, tables
from serving.storage.identifiers import time_ordered_id
from serving.storage.interface import (
    Replay,
)
from serving.storage.migration import VERSION_TABLE
from serving.storage.sql import SqlStorage, open_storage
from tests.stored_tickets import KEY, NOW, begin, claimed, entry, run_python


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
