"""The store: reads beside each other, writes as functions that either happen whole and durably or not at all.

On SQLite one writer thread drains a queue, runs every command in a SAVEPOINT of its own, commits the group with
``synchronous=FULL`` and only then answers. On PostgreSQL a command runs in a pooled session with bounded retry.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from app.base.errors import Busy, StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")
Verb = Callable[Concatenate[Session, P], T]
Asking = Session | Connection
"""What a look-up is given: a session, or the bare connection of ``peek``."""

QUEUE_LIMIT = 2_000
GROUP_LIMIT = 256
RETRIES = 12
_RETRYABLE = {"40001", "40P01"}
_READERS = 4
_IN_HAND = "nuanxin_connection"


def sound_sqlite() -> ModuleType:
    """The SQLite module to use; raises RuntimeError if none at hand is free of the WAL-reset corruption bug.

    Versions 3.7.0 to 3.51.2 carry it, with fixes in 3.44.6, 3.50.7 and 3.51.3 (sqlite.org).
    """
    import sqlite3

    candidates: list[ModuleType] = [sqlite3]
    with contextlib.suppress(ImportError):
        import pysqlite3

        candidates.insert(0, pysqlite3)
    for module in candidates:
        if sqlite_is_sound(module.sqlite_version_info):
            return module
    found = ", ".join(module.sqlite_version for module in candidates)
    raise RuntimeError(
        f"SQLite {found} can corrupt its write-ahead log (fixed in 3.51.3). Install the package pysqlite3, "
        "or a newer SQLite, or use PostgreSQL by NUANXIN_DATABASE."
    )


def sqlite_is_sound(version: tuple[int, ...]) -> bool:
    """Whether a SQLite version is free of the WAL-reset bug."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


class Database(Protocol):
    """What the edges are given: never a session, always ``read`` or ``write`` with a function."""

    engine: Engine

    async def read(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query in a read transaction in another thread; returns its result."""

    async def peek(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like ``read`` for look-ups of a few indexed rows.

        They get the bare connection, where it is cheap no thread of their own, and no transaction: each statement
        sees the newest commit by itself.
        """

    async def write(self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb in one durable transaction; returns its result after COMMIT."""

    def read_now(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``read`` for callers outside the event loop (command line, tests)."""

    def write_now(self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``write`` for callers outside the event loop (command line, tests)."""

    def edition(self) -> int | None:
        """A number that changes with every commit, so that what was read may be kept exactly as long as it holds.

        None where there is no such number that costs less than reading again.
        """

    def close(self) -> None:
        """Drain the writes that were accepted, then let go of the store."""


def open_database(url: str, sqlite_file: Path) -> Database:
    """The store at ``url`` (postgresql://…), or the embedded one in ``sqlite_file`` where ``url`` is empty."""
    if url:
        return PostgresDatabase(url)
    return SqliteDatabase(sqlite_file)


class _Command:
    __slots__ = ("args", "future", "kwargs", "verb")

    def __init__(self, verb: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.verb, self.args, self.kwargs = verb, args, kwargs
        self.future: Future[Any] = Future()
        # From here on nobody can cancel it: a client that hangs up must not stop a write that was accepted.
        self.future.set_running_or_notify_cancel()


class SqliteDatabase:
    """The embedded store. One process owns the file (lock file beside it), one thread writes."""

    def __init__(self, file: Path, *, synchronous: str = "FULL") -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _own(file.with_suffix(".lock"))
        self.engine = sqlite_engine(file, synchronous=synchronous)
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")
        self._kept = threading.local()
        self._connections: list[Connection] = []
        self._queue: queue.Queue[_Command | None] = queue.Queue(QUEUE_LIMIT)
        self._closed = False
        self._commits = 0
        self._writer = threading.Thread(target=self._drain, name="writer", daemon=True)
        self._writer.start()

    async def read(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: self.read_now(query, *args, **kwargs))

    async def peek(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        # WAL readers never wait for the writer, and a thread hop or a session cost more than an indexed look-up does.
        return query(self._peeper(), *args, **kwargs)

    async def write(self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await asyncio.wrap_future(self._submit(verb, args, kwargs))
        return result

    def read_now(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = self._reader()
        with connection.begin(), Session(connection, autoflush=False, expire_on_commit=False) as session:
            return query(session, *args, **kwargs)

    def write_now(self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = self._submit(verb, args, kwargs).result()
        return result

    def edition(self) -> int | None:
        # The file is this process's own and has one writer, so its count of commits is everybody's.
        return self._commits

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()
        self.engine.dispose()
        os.close(self._lock)

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._kept, "connection", None)
        if connection is None:
            connection = self.engine.connect().execution_options(nuanxin_begin="BEGIN")
            self._kept.connection = connection
            self._connections.append(connection)
        return connection

    def _peeper(self) -> Connection:
        connection: Connection | None = getattr(self._kept, "peeper", None)
        if connection is None:
            connection = self.engine.connect().execution_options(nuanxin_begin=None)
            self._kept.peeper = connection
            self._connections.append(connection)
        return connection

    def _submit(self, verb: Callable[..., Any], args: Any, kwargs: Any) -> Future[Any]:
        if self._closed:
            raise StoreUnavailable
        command = _Command(verb, args, kwargs)
        try:
            self._queue.put_nowait(command)
        except queue.Full:
            raise Busy from None
        return command.future

    def _drain(self) -> None:
        connection = self.engine.connect().execution_options(nuanxin_begin="BEGIN IMMEDIATE")
        self._connections.append(connection)
        while (first := self._queue.get()) is not None:
            group = [first]
            stop = False
            while len(group) < GROUP_LIMIT:
                try:
                    command = self._queue.get_nowait()
                except queue.Empty:
                    break
                if command is None:
                    stop = True
                    break
                group.append(command)
            self._run(connection, group)
            if stop:
                return

    def _run(self, connection: Connection, group: list[_Command]) -> None:
        """Run a group in one transaction: answers go out only after COMMIT; if that fails, all of them failed."""
        done: list[tuple[_Command, Any]] = []
        refused: list[tuple[_Command, BaseException]] = []
        try:
            try:
                with connection.begin():
                    for command in group:
                        try:
                            done.append((command, _in_savepoint(connection, command)))
                        except Exception as error:
                            if not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
                                raise  # SQLite itself rolled the whole transaction back (disk full, I/O error)
                            refused.append((command, error))
            finally:
                self._commits += 1  # before anybody is answered, and also where nobody knows whether it was a commit
        except Exception as error:
            failure = _plain(error)
            for command in group:
                command.future.set_exception(failure)
            return
        for command, refusal in refused:
            command.future.set_exception(_plain(refusal))
        for command, result in done:
            command.future.set_result(result)


def _in_savepoint(connection: Connection, command: _Command) -> Any:
    with Session(
        connection, autoflush=False, expire_on_commit=False, join_transaction_mode="create_savepoint"
    ) as session:
        session.info[_IN_HAND] = session.connection()
        result = command.verb(session, *command.args, **command.kwargs)
        session.commit()
        return result


def connection_of(session: Session) -> Connection:
    """A session's connection; that of a command, which has one from beginning to end, without asking for it anew."""
    in_hand: Connection | None = session.info.get(_IN_HAND)
    return in_hand if in_hand is not None else session.connection()


def _plain(error: BaseException) -> BaseException:
    """A full or read-only disk is the store's refusal, not the caller's fault."""
    if isinstance(error, OperationalError) and any(
        word in str(error.orig) for word in ("disk", "full", "readonly", "I/O")
    ):
        return StoreUnavailable()
    return error


def sqlite_engine(file: Path, *, synchronous: str = "FULL") -> Engine:
    """An engine on a SQLite file with the settings that keep it whole (tech.md, sqlite.org/wal.html)."""
    engine = create_engine(
        f"sqlite:///{file}",
        module=sound_sqlite(),
        pool_size=0,
        max_overflow=-1,
        connect_args={"check_same_thread": False, "timeout": 5},
        query_cache_size=2_000,
        hide_parameters=True,  # an error's text must not quote rows
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin only where the event below says so
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "busy_timeout=5000",
            "foreign_keys=ON",
            "recursive_triggers=ON",
            "trusted_schema=OFF",
            "temp_store=MEMORY",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        begin = connection.get_execution_options().get("nuanxin_begin", "BEGIN IMMEDIATE")
        if begin is not None:
            connection.exec_driver_sql(begin)

    return engine


def _own(lock_file: Path) -> int:
    """Hold the lock file for this process's life; raises RuntimeError where another process holds the store."""
    handle = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreOwned from None
    return handle


class StoreOwned(RuntimeError):
    """Another process owns the embedded store (a running server)."""

    def __init__(self) -> None:
        super().__init__("another nuanxin process owns this store")


class PostgresDatabase:
    """A PostgreSQL store, for as many processes as wanted."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.engine = create_engine(
            url, pool_size=pool_size, max_overflow=0, pool_pre_ping=True, pool_timeout=10, hide_parameters=True
        )
        self._pool = ThreadPoolExecutor(pool_size, thread_name_prefix="store")

    async def read(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: self.read_now(query, *args, **kwargs))

    async def peek(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def ask() -> T:
            with self.engine.connect() as connection:
                return query(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)

    async def write(self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: self.write_now(verb, *args, **kwargs))

    def read_now(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with Session(self.engine, autoflush=False, expire_on_commit=False) as session:
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            return query(session, *args, **kwargs)

    def write_now(self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(RETRIES):
            try:
                with Session(self.engine, autoflush=False, expire_on_commit=False) as session:
                    result = verb(session, *args, **kwargs)
                    session.commit()
                    return result
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _RETRYABLE:
                    raise
                time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 6)))  # noqa: S311 - jitter, not a secret
        raise Busy

    def edition(self) -> int | None:
        return None

    def close(self) -> None:
        self._pool.shutdown()
        self.engine.dispose()


@contextlib.contextmanager
def opened(url: str, sqlite_file: Path) -> Iterator[Database]:
    """The store for the length of a ``with`` block."""
    database = open_database(url, sqlite_file)
    try:
        yield database
    finally:
        database.close()
