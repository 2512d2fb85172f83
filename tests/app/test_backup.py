"""A backup holds everything acknowledged before it began, and nothing but a whole one is restored."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import backup
from app.base import audit, store
from app.base.clock import Clock
from app.base.columns import Base
from app.base.db import Database, PostgresDatabase, SqliteDatabase
from app.base.ids import new_id
from app.base.permissions import SYSTEM
from app.base.vault import KeyMissing
from app.migrations.run import migrate
from tests.app.test_database import names, settle


def everything(session: Session) -> dict[str, list[Any]]:
    return {
        table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
        for table in Base.metadata.sorted_tables
    }


@pytest.fixture
def filled(db: Database, tmp_path: Path, clock: Clock) -> Database:
    vault = db.write_now(store.found, tmp_path / "keys", clock.now())
    for number in range(30):
        db.write_now(settle, f"社区{number}")
        db.write_now(audit.note, SYSTEM, "look", None, clock.now(), number=number)
        person = new_id()
        db.write_now(lambda session, person=person: vault.admit(session, person))
    db.write_now(audit.seal)
    return db


def empty(tmp_path: Path) -> SqliteDatabase:
    database = SqliteDatabase(tmp_path / "restored" / "nuanxin.sqlite3")
    migrate(database.engine)
    return database


def test_a_restored_store_is_the_same_row_by_row(filled: Database, tmp_path: Path, clock: Clock) -> None:
    manifest = filled.read_now(backup.back_up, tmp_path / "b.zip", clock.now())
    assert backup.verify(tmp_path / "b.zip") == manifest
    restored = empty(tmp_path)
    restored.write_now(backup.restore, tmp_path / "b.zip", tmp_path / "keys")
    assert restored.read_now(everything) == filled.read_now(everything)
    assert restored.read_now(lambda session: list(audit.faults(session))) == []
    restored.close()


@pytest.mark.postgres
def test_a_store_moves_from_sqlite_to_postgresql(
    sqlite_db: Database, postgres: Callable[[], str], tmp_path: Path, clock: Clock
) -> None:
    sqlite_db.write_now(store.found, tmp_path / "keys", clock.now())
    sqlite_db.write_now(settle, "胜华")
    sqlite_db.read_now(backup.back_up, tmp_path / "b.zip", clock.now())
    restored = PostgresDatabase(postgres())
    restored.write_now(backup.restore, tmp_path / "b.zip", tmp_path / "keys")
    assert restored.read_now(everything) == sqlite_db.read_now(everything)
    restored.close()


def test_a_backup_under_writes_holds_all_that_was_acknowledged_before_it_began(
    filled: Database, tmp_path: Path, clock: Clock
) -> None:
    stop = threading.Event()
    acknowledged: list[str] = []

    def write_on() -> None:
        while not stop.is_set():
            name = f"新{len(acknowledged)}"
            filled.write_now(settle, name)
            acknowledged.append(name)

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        while len(acknowledged) < 20:
            stop.wait(0.01)
        before = list(acknowledged)
        filled.read_now(backup.back_up, tmp_path / "b.zip", clock.now())
    finally:
        stop.set()
        writer.join()
    restored = empty(tmp_path)
    restored.write_now(backup.restore, tmp_path / "b.zip", tmp_path / "keys")
    assert set(before) <= set(restored.read_now(names))
    restored.close()


def test_the_master_key_is_not_in_the_backup_and_is_needed_to_restore(
    filled: Database, tmp_path: Path, clock: Clock
) -> None:
    filled.read_now(backup.back_up, tmp_path / "b.zip", clock.now())
    (key,) = (tmp_path / "keys").iterdir()
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        held = b"".join(archive.read(name) for name in archive.namelist())
    assert key.read_bytes().strip() not in held
    restored = empty(tmp_path)
    with pytest.raises(KeyMissing):
        restored.write_now(backup.restore, tmp_path / "b.zip", tmp_path / "no keys here")
    assert restored.read_now(names) == []
    restored.close()


def test_a_damaged_backup_is_refused_and_nothing_is_half_restored(
    filled: Database, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "b.zip"
    filled.read_now(backup.back_up, file, clock.now())
    whole = file.read_bytes()
    restored = empty(tmp_path)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    cut = parts["communities.jsonl"].splitlines(keepends=True)[:-1]
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in parts.items():
            archive.writestr(name, b"".join(cut) if name == "communities.jsonl" else body)
    for damaged in (file.read_bytes(), whole[: len(whole) // 2], b""):
        file.write_bytes(damaged)
        with pytest.raises(backup.Damaged):
            restored.write_now(backup.restore, file, tmp_path / "keys")
    assert restored.read_now(names) == []
    restored.close()


def test_a_backup_never_overwrites_a_store_in_use(filled: Database, tmp_path: Path, clock: Clock) -> None:
    filled.read_now(backup.back_up, tmp_path / "b.zip", clock.now())
    with pytest.raises(backup.NotEmpty):
        filled.write_now(backup.restore, tmp_path / "b.zip", tmp_path / "keys")
