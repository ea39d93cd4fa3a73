"""Transactions on one database: how reading and writing begin, and how their errors become ours. Knows no table."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite

from serving.storage.engines import Begin, translated_errors

Insert: TypeAlias = "sqlite.Insert | postgresql.Insert"


class _Joined(threading.local):
    """The transaction that all that a thread does is part of, where it opened one."""

    connection: Connection | None = None


class Transactions:
    """Opens transactions on an engine; all that write to one SQLite file within a process share one of these."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        # SQLite lets one writer in and has the others poll; within a process a lock queues them better.
        self._one_writer: AbstractContextManager[Any] = threading.Lock() if self._is_sqlite else nullcontext()
        self._joined = _Joined()
        # Where each statement is a transaction of its own, as most are, its beginning and end need not be sent.
        self._by_statement = engine if self._is_sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")

    def insert(self, table: Table) -> Insert:
        """Return an insert that knows what to do on a conflict."""
        return sqlite.insert(table) if self._is_sqlite else postgresql.insert(table)

    @contextmanager
    def together(self, while_doing: str) -> Iterator[None]:
        """Make one transaction of all that this thread reads and writes meanwhile: it is kept or undone as a whole.

        A transaction opened within it is part of it. Not for coroutines, which share a thread.
        """
        if self._joined.connection is not None:
            yield
            return
        with self.writing(while_doing) as connection:
            self._joined.connection = connection
            try:
                yield
            finally:
                self._joined.connection = None

    @contextmanager
    def reading(self, while_doing: str) -> Iterator[Connection]:
        """Open what only reads, on PostgreSQL each statement for itself; raise StorageError for what fails in it."""
        with translated_errors(while_doing=while_doing):
            if self._joined.connection is not None:
                yield self._joined.connection
                return
            with self._by_statement.connect() as connection:
                yield connection

    @contextmanager
    def writing_once(self, while_doing: str) -> Iterator[Connection]:
        """Open what writes by a single statement; raise StorageError for what fails in it."""
        if self._is_sqlite or self._joined.connection is not None:
            with self.writing(while_doing) as connection:
                yield connection
            return
        with translated_errors(while_doing=while_doing), self._by_statement.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, while_doing: str) -> Iterator[Connection]:
        """Open a transaction that writes all or nothing; raise StorageError for what fails in it."""
        with translated_errors(while_doing=while_doing):
            if self._joined.connection is not None:
                yield self._joined.connection
                return
            with (
                self._one_writer,
                self._engine.connect().execution_options(begin=Begin.WRITING) as connection,
                connection.begin(),
            ):
                yield connection
