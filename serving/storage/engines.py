"""How each database is connected to, and how its errors become ours. Knows no table."""

from __future__ import annotations

import math
import select
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from features.errors import StorageError

BUSY_TIMEOUT_SECONDS = 10.0
# What lies between us and the server may forget a connection that is idle for longer, without a word.
LONGEST_IDLE_SECONDS = 60.0
_USED_AT = "triage_used_at"
_POSTGRESQL_OPTIONS = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "application_name": "ticket-triage"}
_EXPECTED = "Expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE in TRIAGE_DATABASE_URL."


class Begin(StrEnum):
    """How a transaction begins on SQLite; PostgreSQL needs no such word."""

    READING = "DEFERRED"
    # Takes the write lock at once: a transaction that reads first and writes later may be refused at the write.
    WRITING = "IMMEDIATE"
    ALONE = "EXCLUSIVE"


def parse_url(text: str) -> URL:
    """Return the address of a database that can be used; raise StorageError for any other."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text is not shown: where the password ends in it cannot be told.
        raise StorageError(f"The database address is no URL. {_EXPECTED}") from None
    backend = url.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StorageError(f"The database address begins with '{url.drivername}'. {_EXPECTED}")
    if url.database in (None, "", ":memory:") or "mode=memory" in text:
        raise StorageError(f"The SQLite address '{text}' names no file: a restart would lose everything. {_EXPECTED}")
    return url


def shown(url: URL) -> str:
    """Return the address for a message: without password and without options, which may hold one."""
    return url.set(query={}).render_as_string(hide_password=True)


def create(url: URL) -> Engine:
    """Return an engine for a parsed address; nothing is connected yet but the folder of an SQLite file is made.

    `StorableJson` hands JSON over as text, so the serializer is `str`, which leaves text alone.
    """
    if url.get_backend_name() == "sqlite":
        return _create_sqlite(url)
    options = {name: value for name, value in _POSTGRESQL_OPTIONS.items() if name not in url.query}
    engine = create_engine(url, connect_args=options, hide_parameters=True, json_serializer=str)
    replace_lost_connections(engine)
    return engine


def replace_lost_connections(engine: Engine) -> None:
    """Have a connection to a server made anew where the server closed it, or where it lay idle for long.

    To ask the server each time, as the pool would, takes as long as what is then asked of it.
    """
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _refuse_lost)


def _note_use(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()


def _refuse_lost(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
    # Nothing is to be read from a connection of which nothing was asked, unless it is its end.
    told = select.poll()
    told.register(connection, select.POLLIN)
    if told.poll(0) or time.monotonic() > record.info.get(_USED_AT, math.inf) + LONGEST_IDLE_SECONDS:
        raise DisconnectionError


def _create_sqlite(url: URL) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True, json_serializer=str
    )
    event.listen(engine, "connect", _prepare_sqlite_connection)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite_connection(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver begins transactions on its own, and late; from here on `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    # In WAL mode NORMAL loses no integrity: a power failure, not a crash, may lose the last commits.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # What is erased is overwritten: otherwise its words stay in the file until something else takes their place.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    how = connection.get_execution_options().get("begin", Begin.READING)
    connection.exec_driver_sql(f"BEGIN {how}")


def use_wal(engine: Engine, *, timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> None:
    """Switch an SQLite file to WAL, in which readers and a writer do not wait for each other.

    SQLite may refuse at once, without its busy timeout, when another process switches at the same moment.
    Raises StorageError where the switch does not succeed within it.
    """
    deadline = time.monotonic() + timeout_seconds
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        while not _switched_to_wal(cursor):
            if time.monotonic() > deadline:
                raise StorageError(
                    "SQLite cannot switch it to WAL mode: another process has it to itself, or its file system "
                    "cannot share memory. Stop the other process, or put the file on a local disk."
                )
            time.sleep(0.02)


def _switched_to_wal(cursor: DBAPICursor) -> bool:
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_BUSY":
            raise
        return False
    return cursor.fetchone() == ("wal",)


@contextmanager
def translated_errors(*, while_doing: str) -> Iterator[None]:
    """Raise a StorageError for what the database raises; the message holds its code but none of its words.

    Drivers quote the values of a row, and the address of the server, in theirs.
    """
    try:
        yield
    except IntegrityError as error:
        raise StorageError(f"The database refused {while_doing}: what must be unique or present is not.") from error
    except DBAPIError as error:
        raise StorageError(f"The database failed while {while_doing} ({_code(error.orig)}).") from error
    except sqlite3.Error as error:  # from the statements that prepare a connection
        raise StorageError(f"The database failed while {while_doing} ({_code(error)}).") from error
    except StatementError as error:
        reason = f": {error.orig}" if isinstance(error.orig, TypeError | ValueError) else ""
        raise StorageError(f"A value cannot be stored while {while_doing}{reason}.") from error
    except SQLAlchemyError as error:
        raise StorageError(f"The database does not answer while {while_doing} ({type(error).__name__}).") from error


def _code(error: BaseException | None) -> str:
    """Return the kind of a driver's error and its code, such as `OperationalError SQLITE_BUSY`."""
    code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or ""
    return f"{type(error).__name__} {code}".rstrip()
