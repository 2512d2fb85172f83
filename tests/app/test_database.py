"""Writes happen whole and durably or not at all, on both databases."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from app.base import audit, policy
from app.base.clock import Clock
from app.base.columns import Base
from app.base.db import Database, SqliteDatabase, StoreOwned, sqlite_is_sound
from app.base.errors import Refusal, StoreUnavailable
from app.base.ids import new_id
from app.base.models import AuditLink, AuditNote, Community
from app.base.permissions import SYSTEM
from app.migrations.append_only import APPEND_ONLY
from app.migrations.run import configuration, migrate


def settle(session: Session, name: str) -> UUID:
    community = new_id()
    session.execute(insert(Community).values(id=community, name=name))
    return community


def names(session: Session) -> list[str]:
    return sorted(session.execute(select(Community.name)).scalars())


class Changed(Refusal):
    code = "CHANGED"


def settle_and_refuse(session: Session, name: str) -> None:
    settle(session, name)
    raise Changed


def test_a_verb_that_refuses_leaves_nothing_behind(db: Database) -> None:
    with pytest.raises(Changed):
        db.write_now(settle_and_refuse, "胜华")
    assert db.read_now(names) == []


def test_a_refused_neighbour_does_not_touch_the_rows_of_the_others(db: Database) -> None:
    async def together() -> list[Any]:
        writes = [db.write(settle_and_refuse if number % 3 == 0 else settle, f"{number:03}") for number in range(60)]
        return await asyncio.gather(*writes, return_exceptions=True)

    results = asyncio.run(together())
    refused = [result for result in results if isinstance(result, Changed)]
    assert len(refused) == 20
    assert db.read_now(names) == [f"{number:03}" for number in range(60) if number % 3]


def test_a_client_that_hangs_up_stops_neither_its_write_nor_the_next(db: Database) -> None:
    async def hang_up() -> None:
        waiting = [asyncio.ensure_future(db.write(settle, f"{number:03}")) for number in range(20)]
        await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await db.write(settle, "next")

    asyncio.run(hang_up())
    assert "next" in db.read_now(names)


def test_a_broken_constraint_fails_its_own_command_only_and_its_text_quotes_no_row(sqlite_db: Database) -> None:
    db = sqlite_db
    db.write_now(settle, "胜华")
    with pytest.raises(IntegrityError) as broken:
        db.write_now(settle, "胜华")
    assert "胜华" not in str(broken.value)
    db.write_now(settle, "胜南")
    assert db.read_now(names) == ["胜华", "胜南"]


def test_a_read_sees_one_moment_even_while_others_write(db: Database) -> None:
    db.write_now(settle, "胜华")

    def look_twice(session: Session) -> tuple[list[str], list[str]]:
        before = names(session)
        writer = threading.Thread(target=db.write_now, args=(settle, "胜东"))
        writer.start()
        writer.join(10)
        return before, names(session)

    before, after = db.read_now(look_twice)
    assert before == after == ["胜华"]


def test_writes_that_were_accepted_are_finished_before_the_store_closes(migrated_sqlite: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite3"
    file.write_bytes(migrated_sqlite.read_bytes())
    database = SqliteDatabase(file)

    async def many_then_close() -> list[Any]:
        writes = [asyncio.ensure_future(database.write(settle, f"{number:03}")) for number in range(100)]
        await asyncio.sleep(0)
        await asyncio.get_running_loop().run_in_executor(None, database.close)
        return await asyncio.gather(*writes)

    assert len(asyncio.run(many_then_close())) == 100
    again = SqliteDatabase(file)
    assert len(again.read_now(names)) == 100
    again.close()


def test_a_closed_store_refuses_writes_in_plain_words(sqlite_db: Database) -> None:
    sqlite_db.close()
    with pytest.raises(StoreUnavailable):
        sqlite_db.write_now(settle, "胜华")


def test_an_embedded_store_has_one_owner(sqlite_db: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreOwned):
        SqliteDatabase(tmp_path / "data" / "nuanxin.sqlite3")


def test_the_embedded_store_syncs_before_it_answers_and_checks_its_keys(sqlite_db: Database) -> None:
    with sqlite_db.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys", "recursive_triggers")
        }
    assert pragmas == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "recursive_triggers": 1}


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
    ],
)
def test_a_sqlite_that_may_corrupt_its_log_is_refused(version: tuple[int, ...], sound: bool) -> None:
    assert sqlite_is_sound(version) is sound


def test_every_table_is_strict_so_that_text_is_never_stored_as_a_number(sqlite_db: Database) -> None:
    with sqlite_db.engine.connect() as connection:
        loose = connection.exec_driver_sql(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 "
            "AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
        ).scalars()
        assert list(loose) == []


FILLED = {
    "audit_notes": lambda session, now: audit.note(session, SYSTEM, "look", None, now),
    "audit_links": lambda session, now: (audit.note(session, SYSTEM, "look", None, now), audit.seal(session)),
    "policies": lambda session, now: policy.enact(session, "intake", audit_policy(), now.date(), now),
}


def audit_policy() -> Any:
    import msgspec

    return msgspec.defstruct("P", [("days", int, 1)])()


@pytest.mark.parametrize("table", sorted(FILLED))
def test_what_is_append_only_can_be_neither_updated_nor_replaced_nor_deleted(
    db: Database, clock: Clock, table: str
) -> None:
    db.write_now(lambda session: FILLED[table](session, clock.now()))
    key = "seq" if table == "audit_links" else "id"
    attempts = [f"UPDATE {table} SET {key} = {key}", f"DELETE FROM {table}"]
    if db.engine.dialect.name == "sqlite":
        attempts.append(f"REPLACE INTO {table} SELECT * FROM {table}")
    else:
        attempts.append(f"TRUNCATE {table} CASCADE")
    for attempt in attempts:
        with pytest.raises(DBAPIError, match="append-only"):
            db.write_now(lambda session, sql=attempt: session.connection().exec_driver_sql(sql))


def test_every_append_only_table_has_its_triggers(db: Database) -> None:
    query = (
        "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name = tbl_name || '_no_update'"
        if db.engine.dialect.name == "sqlite"
        else "SELECT event_object_table FROM information_schema.triggers "
        "WHERE trigger_name = event_object_table || '_append_only'"
    )
    guarded = set(db.read_now(lambda session: session.connection().exec_driver_sql(query).scalars().all()))
    assert guarded == set(APPEND_ONLY)


def test_the_migrations_make_just_the_tables_that_the_models_say(db: Database) -> None:
    with db.engine.begin() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []


def test_a_store_can_be_migrated_down_and_up_again(sqlite_db: Database) -> None:
    config = configuration()
    with sqlite_db.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    migrate(sqlite_db.engine)
    sqlite_db.write_now(settle, "胜华")
    assert sqlite_db.read_now(names) == ["胜华"]


def test_migrating_again_changes_nothing(sqlite_db: Database) -> None:
    sqlite_db.write_now(settle, "胜华")
    migrate(sqlite_db.engine)
    assert sqlite_db.read_now(names) == ["胜华"]


def test_an_audit_chain_names_an_edited_a_deleted_and_a_cut_off_note(sqlite_db: Database, clock: Clock) -> None:
    for number in range(6):
        sqlite_db.write_now(audit.note, SYSTEM, "look", None, clock.now(), number=number)
    assert sqlite_db.write_now(audit.seal) == 6
    anchor = sqlite_db.read_now(audit.head)
    assert sqlite_db.read_now(lambda session: list(audit.faults(session, anchor))) == []

    def tampered(*statements: Any) -> list[str]:
        def do(session: Session) -> list[str]:
            for table in ("audit_notes", "audit_links"):
                for event in ("update", "delete"):
                    session.connection().exec_driver_sql(f"DROP TRIGGER {table}_no_{event}")
            session.connection().exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for statement in statements:
                session.execute(statement)
            found.extend(audit.faults(session, anchor))
            raise Changed

        found: list[str] = []
        with pytest.raises(Changed):
            sqlite_db.write_now(do)
        return found

    third = select(AuditLink.note).where(AuditLink.seq == 3).scalar_subquery()
    edited = tampered(update(AuditNote).where(AuditNote.id == third).values(verb="other"))
    deleted = tampered(delete(AuditLink).where(AuditLink.seq == 3))
    reordered = tampered(
        update(AuditLink).where(AuditLink.seq == 3).values(seq=99),
        update(AuditLink).where(AuditLink.seq == 4).values(seq=3),
        update(AuditLink).where(AuditLink.seq == 99).values(seq=4),
    )
    cut = tampered(delete(AuditLink).where(AuditLink.seq > 4))
    assert edited == ["audit note of link 3 does not agree with the chain"]
    assert "audit link 3 is missing" in deleted
    assert len(reordered) >= 2
    assert cut == ["the audit chain ends at 4, before its anchor 6"]


_KILLED = """
import sys
from pathlib import Path
from app.base.db import SqliteDatabase
from tests.app.test_database import settle
database = SqliteDatabase(Path(sys.argv[1]))
for number in range(100_000):
    database.write_now(settle, f"{number:06}")
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_killed_process(migrated_sqlite: Path, tmp_path: Path) -> None:
    file = tmp_path / "k.sqlite3"
    file.write_bytes(migrated_sqlite.read_bytes())
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(file)], stdout=subprocess.PIPE, cwd=os.getcwd())
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(25)]
    process.kill()
    rest = process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    acknowledged = len(lines) + len([line for line in rest if line])
    database = SqliteDatabase(file)
    assert len(database.read_now(names)) >= acknowledged
    database.close()
