"""A prepared statement says and does what the plain one does, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, literal, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.base.columns import Id, table
from app.base.db import Database
from app.base.errors import Refusal
from app.base.ids import new_id
from app.base.models import AuditNote, Community, PolicyVersion
from app.base.permissions import Role
from app.base.prepared import Prepared
from app.base.replay import _KEEP as KEEP
from inventory.models import Holding

_C, _N, _P = table(Community).columns, table(AuditNote).columns, table(PolicyVersion).columns
_H = table(Holding).columns
AT = datetime(2026, 11, 23, 2, 0, 0, 123_456, tzinfo=UTC)
SETTLE = Prepared(insert(table(Community)))
RENAME = Prepared(update(table(Community)).where(_C.id == bindparam("of")).values(name=bindparam("to")))
NAMED = Prepared(select(_C.id, _C.name).where(_C.name == bindparam("called")))
EVERY = select(_C.id, _C.name).order_by(_C.name)


def settle(session: Session, *names: str) -> None:
    for name in names:
        SETTLE.run(session, id=new_id(), name=name)


def test_rows_have_the_values_the_plain_statement_reads(db: Database) -> None:
    note = {
        "id": new_id(), "at": AT, "actor": None, "role": "office", "verb": "x", "subject": new_id(),
        "detail": {"b": [1, "二"], "a": None},
    }  # fmt: skip
    held = {
        "id": new_id(), "name": "p", "version": 1, "valid_from": date(2026, 2, 28), "body": {"n": 1}, "at": AT,
        "proposed_by": None, "signed_by": new_id(),
    }  # fmt: skip
    for model, row in ((AuditNote, note), (PolicyVersion, held)):
        columns = table(model).columns
        write, read = Prepared(insert(table(model))), select(*columns).where(columns.id == bindparam("of"))

        def both(session: Session, write: Prepared = write, read: Any = read, row: Any = row) -> tuple[Any, Any]:
            assert write.run(session, **row) == 1
            return Prepared(read).first(session, of=row["id"]), session.execute(read, {"of": row["id"]}).one()

        prepared, plain = db.write_now(both)
        assert prepared._asdict() == plain._asdict() == row
        assert [type(one) for one in prepared] == [type(one) for one in plain]


def test_all_rows_come_in_the_order_asked_for(db: Database) -> None:
    db.write_now(settle, "胜华", "胜南", "胜东")
    prepared = db.read_now(lambda session: [tuple(row) for row in Prepared(EVERY).all(session)])
    assert prepared == [tuple(row) for row in db.read_now(lambda session: session.execute(EVERY).all())]
    assert len(prepared) == 3


def test_values_that_the_statement_names_itself_go_with_it(db: Database) -> None:
    db.write_now(settle, "胜华", "胜南", "胜东")
    either = select(_C.name).where(or_(_C.name == "胜华", _C.name == "胜东"), _C.name != bindparam("but"))
    assert db.read_now(lambda session: [row.name for row in Prepared(either).all(session, but="胜东")]) == ["胜华"]


def test_a_condition_of_its_own_reaches_the_index_that_holds_only_such_rows(sqlite_db: Database) -> None:
    """Were the nought bound, SQLite would plan the statement anew at every run: that doubled what resolving cost."""
    here = Prepared(select(_H.pack).where(_H.place == bindparam("at"), _H.quantity > 0))

    def plan(session: Session) -> str:
        assert here.all(session, at=new_id()) == []
        (made,) = here._compiled.values()
        rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {made.sql}", (b"",))
        return " ".join(row[-1] for row in rows)

    assert "ix_holdings_live" in sqlite_db.read_now(plan)


def test_words_and_numbers_of_its_own_mean_what_they_mean_in_the_plain_statement(db: Database) -> None:
    db.write_now(settle, "胜华")
    for condition in (_C.name != "", literal(3) > 2, literal(Role.OFFICE) == "office", literal(Role.OFFICE) == "x"):
        plain = select(_C.name).where(condition)
        told = db.read_now(lambda session, ask=plain: [tuple(row) for row in Prepared(ask).all(session)])
        assert told == [tuple(row) for row in db.read_now(lambda session, ask=plain: session.execute(ask).all())]


def test_a_change_tells_how_many_rows_it_met(db: Database) -> None:
    db.write_now(settle, "胜华", "胜南")
    of = db.read_now(lambda session: NAMED.value(session, called="胜华"))
    assert db.write_now(lambda session: RENAME.run(session, of=of, to="胜西")) == 1
    assert db.write_now(lambda session: RENAME.run(session, of=new_id(), to="胜西")) == 0
    assert db.read_now(lambda session: NAMED.first(session, called="胜西")).id == of
    assert db.read_now(lambda session: NAMED.first(session, called="胜华")) is None


def test_plain_words_of_sql_take_our_types(db: Database) -> None:
    add = Prepared(text("INSERT INTO communities (id, name) VALUES (:id, :name)").bindparams(bindparam("id", type_=Id)))
    made = new_id()
    assert db.write_now(lambda session: add.run(session, id=made, name="100% :here")) == 1
    assert db.read_now(lambda session: NAMED.value(session, called="100% :here")) == made


def test_a_verb_that_refuses_takes_back_what_it_prepared(db: Database) -> None:
    def refuse(session: Session) -> None:
        settle(session, "胜华")
        assert NAMED.first(session, called="胜华") is not None
        raise Refusal

    with pytest.raises(Refusal):
        db.write_now(refuse)
    assert db.read_now(lambda session: NAMED.first(session, called="胜华")) is None


def test_the_database_s_own_refusal_is_sqlalchemy_s_and_quotes_no_row(db: Database) -> None:
    row = {"actor": new_id(), "key": new_id(), "verb": "secret-verb", "body": b"\x00" * 32, "made": {}, "at": AT}

    def twice(session: Session) -> None:
        KEEP.run(session, **row)
        KEEP.run(session, **row)

    with pytest.raises(IntegrityError) as refused:
        db.write_now(twice)
    assert "secret-verb" not in str(refused.value.params)
    assert db.write_now(lambda session: KEEP.run(session, **row)) == 1


@pytest.mark.parametrize(
    "statement",
    [select(_C.id).where(_C.name.in_(["胜华"])), select(_N.id).where(_N.id.in_(bindparam("of", expanding=True)))],
)
def test_a_list_of_varying_length_is_not_prepared(db: Database, statement: Any) -> None:
    with pytest.raises(TypeError, match="varying length"):
        db.read_now(lambda session: Prepared(statement).all(session))
