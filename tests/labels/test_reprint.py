"""A label that cannot be read is replaced before two people; its old code never opens anything again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, Invalid, KeyReused, NotFound, Refusal, SamePerson
from app.base.ids import new_id
from app.base.models import AuditNote
from app.base.permissions import SYSTEM, Actor, Role
from labels import registry, reprint
from labels.errors import BlankLabel, LabelEnded, NotBlank
from labels.models import Label, LabelState
from labels.reprint import EndLabel, Reprint, Reprinted, Why
from tests.labels.world import STATION

HERE = Actor(account=uuid4(), role=Role.VOLUNTEER, stations=frozenset({STATION}))
MATE = Actor(account=uuid4(), role=Role.VOLUNTEER, stations=frozenset({STATION}))
ELSEWHERE = Actor(account=uuid4(), role=Role.VOLUNTEER, stations=frozenset({uuid4()}))


def at_the_station(_session: Session, _subject: UUID, actor: Actor) -> None:
    actor.at_station(STATION, None)


REACHES = {"pack": at_the_station, "parcel": at_the_station, "receipt": at_the_station}


class Table:
    """A station's table: labels on things, and two people."""

    def __init__(self, db: Database, now: datetime) -> None:
        self.db, self.now = db, now

    def on(self, kind: str = "pack") -> tuple[str, UUID]:
        subject = new_id()
        return self.db.write_now(registry.fresh, kind, subject, SYSTEM, self.now), subject

    def blank(self) -> str:
        return self.db.write_now(registry.issue, 1, STATION, SYSTEM, self.now).codes[0]

    def replace(self, new: Reprint, actor: Actor = HERE, second: Actor | None = MATE) -> Reprinted:
        return self.db.write_now(reprint.reprint, new, REACHES, actor, second, self.now)


@pytest.fixture
def table(db: Database, clock: Clock) -> Table:
    return Table(db, clock.now())


def asked(code: str | None = None, subject: UUID | None = None) -> Reprint:
    return Reprint(key=new_id(), why=Why.DAMAGED, code=code, subject=subject)


def test_the_thing_gets_a_new_code_and_the_old_one_is_void_for_ever(table: Table) -> None:
    old, pack = table.on()
    new = table.replace(asked(old))
    assert new.kind == "pack"
    assert new.subject == pack
    assert new.code != old
    assert table.db.read_now(registry.code_of, pack) == new.code
    row = table.db.read_now(lambda session: session.execute(select(Label).where(Label.code == old)).scalar_one())
    assert row.state is LabelState.VOID
    assert row.void_reason == "damaged"
    assert row.replaced_by == new.code
    with pytest.raises(LabelEnded):
        table.replace(asked(old))


def test_a_label_that_nobody_can_read_is_found_by_the_thing_it_is_on(table: Table) -> None:
    _, pack = table.on()
    assert table.replace(asked(subject=pack)).subject == pack


def test_who_looked_on_is_written_down(table: Table) -> None:
    _, pack = table.on()
    table.replace(asked(subject=pack))
    note = table.db.read_now(
        lambda session: session.execute(select(AuditNote).where(AuditNote.verb == "label.reprint")).scalar_one()
    )
    assert note.actor == HERE.account
    assert note.detail == {"kind": "pack", "reason": "damaged", "second": str(MATE.account)}


@pytest.mark.parametrize("second", [None, HERE], ids=["nobody", "oneself"])
@pytest.mark.parametrize("kind", ["pack", "parcel"])
def test_goods_need_a_second_different_person(table: Table, kind: str, second: Actor | None) -> None:
    code, subject = table.on(kind)
    with pytest.raises(SamePerson):
        table.replace(asked(code), second=second)
    assert table.db.read_now(registry.code_of, subject) == code


def test_the_second_person_is_of_the_station_and_may_do_the_same(table: Table) -> None:
    code, _ = table.on()
    with pytest.raises(NotFound):
        table.replace(asked(code), second=ELSEWHERE)
    with pytest.raises(Forbidden):
        table.replace(asked(code), second=Actor(account=uuid4(), role=Role.MEMBER))


def test_a_receipt_is_replaced_by_one_person(table: Table) -> None:
    code, _ = table.on("receipt")
    assert table.replace(asked(code), second=None).kind == "receipt"


def test_another_station_s_goods_are_not_found(table: Table) -> None:
    code, _ = table.on()
    with pytest.raises(NotFound):
        table.replace(asked(code), actor=ELSEWHERE)


def test_what_has_no_reach_of_its_own_is_not_replaced_here(table: Table) -> None:
    badge, _ = table.on("badge")
    with pytest.raises(NotFound):
        table.replace(asked(badge))


def test_sent_twice_it_is_one_replacement(table: Table) -> None:
    code, pack = table.on()
    once = asked(code)
    first = table.replace(once)
    assert table.replace(once) == first
    assert table.db.read_now(registry.code_of, pack) == first.code
    with pytest.raises(KeyReused):
        table.replace(Reprint(key=once.key, why=Why.LOST, code=first.code))


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({}, Invalid),
        ({"code": "2345-6789-ABCD", "subject": uuid4()}, Invalid),
        ({"code": "234567890123"}, Invalid),
        ({"subject": uuid4()}, NotFound),
    ],
)
def test_what_names_no_label_in_use_is_refused(table: Table, wrong: dict[str, object], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        table.replace(Reprint(key=new_id(), why=Why.LOST, **wrong))  # type: ignore[arg-type]


def test_a_blank_label_is_ended_not_replaced(table: Table) -> None:
    blank = table.blank()
    with pytest.raises(BlankLabel):
        table.replace(asked(blank))
    ended = EndLabel(key=new_id(), why=Why.LOST, code=blank)
    table.db.write_now(reprint.end, ended, HERE, table.now)
    table.db.write_now(reprint.end, ended, HERE, table.now)
    with pytest.raises(LabelEnded):
        table.db.write_now(reprint.end, EndLabel(key=new_id(), why=Why.LOST, code=blank), HERE, table.now)


def test_a_label_in_use_is_not_simply_ended(table: Table) -> None:
    code, pack = table.on()
    with pytest.raises(NotBlank):
        table.db.write_now(reprint.end, EndLabel(key=new_id(), why=Why.LOST, code=code), HERE, table.now)
    assert table.db.read_now(registry.code_of, pack) == code
