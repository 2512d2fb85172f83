"""A code is issued once, stands for one thing, and when it ends it ends for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import KeyReused, NotFound, Refusal
from app.base.ids import new_id
from app.base.models import AuditNote
from app.base.permissions import Actor, Role
from labels import codes, registry
from labels.errors import AlreadyLabelled, LabelEnded, LabelTaken, NoneLeft, UnknownLabel
from labels.models import Label, LabelState
from labels.registry import NewSheets

STATION, OTHER_STATION = uuid4(), uuid4()
VOLUNTEER = Actor(account=uuid4(), role=Role.VOLUNTEER, stations=frozenset({STATION}))
COLLEAGUE = Actor(account=uuid4(), role=Role.VOLUNTEER, stations=frozenset({STATION}))
STRANGER = Actor(account=uuid4(), role=Role.VOLUNTEER, stations=frozenset({OTHER_STATION}))
OFFICE = Actor(account=uuid4(), role=Role.OFFICE)


def blank(db: Database, clock: Clock, count: int = 1) -> tuple[str, ...]:
    return db.write_now(registry.issue, count, STATION, VOLUNTEER, clock.now()).codes


def bind(db: Database, clock: Clock, code: str, kind: str, subject: UUID) -> None:
    db.write_now(registry.bind, code, kind, subject, VOLUNTEER, clock.now())


def notes(session: Session, verb: str) -> list[Any]:
    return list(session.execute(select(AuditNote.subject, AuditNote.detail).where(AuditNote.verb == verb)))


def faults(session: Session) -> list[str]:
    return list(registry.faults(session))


def test_a_hundred_sheets_are_issued_at_once_and_no_code_twice(db: Database, clock: Clock) -> None:
    batch = db.write_now(registry.issue, 2_400, STATION, VOLUNTEER, clock.now())
    assert len(set(batch.codes)) == 2_400
    assert {codes.parse(code) for code in batch.codes} == set(batch.codes)
    issued = db.read_now(lambda s: s.execute(select(func.count()).select_from(Label).where(Label.batch == batch.id)))
    assert issued.scalar() == 2_400
    assert db.read_now(notes, "label.issue") == [(batch.id, {"count": 2_400})]


@pytest.mark.parametrize("count", [0, 2_401])
def test_not_none_and_not_more_than_a_hundred_sheets(db: Database, clock: Clock, count: int) -> None:
    with pytest.raises(ValueError, match="1 to 2400"):
        db.write_now(registry.issue, count, STATION, VOLUNTEER, clock.now())


def test_a_code_that_was_issued_before_is_drawn_again(db: Database, clock: Clock) -> None:
    (old,) = blank(db, clock)
    drawn = [codes.new_code(), old, codes.new_code()]
    batch = db.write_now(registry.issue, 3, STATION, VOLUNTEER, clock.now(), drawn)
    assert len(set(batch.codes)) == 3
    assert old not in batch.codes
    assert db.read_now(faults) == []


def test_codes_drawn_beforehand_are_used_and_what_is_missing_is_drawn(db: Database, clock: Clock) -> None:
    drawn = [codes.new_code(), codes.new_code()]
    batch = db.write_now(registry.issue, 3, STATION, VOLUNTEER, clock.now(), drawn)
    assert set(drawn) < set(batch.codes)
    assert len(set(batch.codes)) == 3


def test_the_first_scan_claims_a_blank_label_and_the_note_does_not_tell_its_code(db: Database, clock: Clock) -> None:
    (code,) = blank(db, clock)
    pack = new_id()
    bind(db, clock, code, "pack", pack)
    label = db.read_now(registry.look_up, code)
    assert label is not None
    assert (label.state, label.kind, label.subject) == (LabelState.BOUND, "pack", pack)
    assert db.read_now(registry.code_of, pack) == code
    assert db.read_now(registry.codes_of, {pack, new_id()}) == {pack: code}
    assert db.read_now(notes, "label.bind") == [(pack, {"kind": "pack"})]


def test_claiming_it_again_for_the_same_thing_changes_nothing(db: Database, clock: Clock) -> None:
    (code,) = blank(db, clock)
    pack = new_id()
    bind(db, clock, code, "pack", pack)
    bind(db, clock, code, "pack", pack)
    assert len(db.read_now(notes, "label.bind")) == 1


def test_a_label_in_use_is_refused_for_anything_else(db: Database, clock: Clock) -> None:
    (code,) = blank(db, clock)
    bind(db, clock, code, "pack", new_id())
    with pytest.raises(LabelTaken):
        bind(db, clock, code, "pack", new_id())


def test_a_code_that_was_never_issued_is_refused(db: Database, clock: Clock) -> None:
    with pytest.raises(UnknownLabel):
        bind(db, clock, codes.new_code(), "pack", new_id())


def test_a_void_label_is_never_claimed_again(db: Database, clock: Clock) -> None:
    (code,) = blank(db, clock)
    db.write_now(registry.void, code, "lost", VOLUNTEER, clock.now())
    with pytest.raises(LabelEnded):
        bind(db, clock, code, "pack", new_id())


def test_a_thing_does_not_get_a_second_living_label(db: Database, clock: Clock) -> None:
    first, second = blank(db, clock, 2)
    pack = new_id()
    bind(db, clock, first, "pack", pack)
    with pytest.raises(AlreadyLabelled):
        bind(db, clock, second, "pack", pack)
    with pytest.raises(AlreadyLabelled):
        db.write_now(registry.fresh, "pack", pack, VOLUNTEER, clock.now())
    assert db.read_now(registry.code_of, pack) == first


def test_when_its_label_ended_a_thing_may_get_another(db: Database, clock: Clock) -> None:
    first, second = blank(db, clock, 2)
    pack = new_id()
    bind(db, clock, first, "pack", pack)
    db.write_now(registry.void, first, "damaged", VOLUNTEER, clock.now())
    assert db.read_now(registry.code_of, pack) is None
    bind(db, clock, second, "pack", pack)
    assert db.read_now(registry.code_of, pack) == second
    assert db.read_now(faults) == []


def test_of_many_who_claim_one_label_at_once_exactly_one_gets_it(db: Database, clock: Clock) -> None:
    (code,) = blank(db, clock)
    packs = [new_id() for _ in range(12)]

    def claim(pack: UUID) -> str:
        try:
            bind(db, clock, code, "pack", pack)
        except Refusal as no:
            return no.code
        return "claimed"

    with ThreadPoolExecutor(len(packs)) as hands:
        answers = list(hands.map(claim, packs))
    assert sorted(answers) == ["LABEL_TAKEN"] * 11 + ["claimed"]
    label = db.read_now(registry.look_up, code)
    assert label is not None
    assert label.subject == packs[answers.index("claimed")]


def test_a_fresh_label_is_bound_at_once_and_noted(db: Database, clock: Clock) -> None:
    receipt = new_id()
    code = db.write_now(registry.fresh, "receipt", receipt, VOLUNTEER, clock.now())
    assert db.read_now(registry.code_of, receipt) == code
    assert db.read_now(notes, "label.bind") == [(receipt, {"kind": "receipt"})]


def test_a_label_ends_once_and_keeps_what_it_stood_for(db: Database, clock: Clock) -> None:
    pack = new_id()
    code = db.write_now(registry.fresh, "pack", pack, VOLUNTEER, clock.now())
    db.write_now(registry.void, code, "lost", VOLUNTEER, clock.now())
    label = db.read_now(registry.look_up, code)
    assert label is not None
    assert (label.state, label.subject) == (LabelState.VOID, pack)
    assert db.read_now(notes, "label.void") == [(pack, {"reason": "lost"})]
    with pytest.raises(LabelEnded):
        db.write_now(registry.void, code, "lost", VOLUNTEER, clock.now())
    with pytest.raises(UnknownLabel):
        db.write_now(registry.void, codes.new_code(), "lost", VOLUNTEER, clock.now())


def test_sheets_sent_twice_are_one_batch_and_another_body_is_refused(db: Database, clock: Clock) -> None:
    new = NewSheets(key=uuid4(), sheets=2)
    batch = db.write_now(registry.issue_sheets, new, VOLUNTEER, clock.now())
    assert len(batch.codes) == 48
    assert db.write_now(registry.issue_sheets, new, VOLUNTEER, clock.now()) == batch
    assert [made.count for made in db.read_now(registry.batches, VOLUNTEER)] == [48]
    with pytest.raises(KeyReused):
        db.write_now(registry.issue_sheets, NewSheets(key=new.key, sheets=3), VOLUNTEER, clock.now())


def test_nobody_issues_labels_for_another_station(db: Database, clock: Clock) -> None:
    with pytest.raises(NotFound):
        db.write_now(
            registry.issue_sheets, NewSheets(key=uuid4(), sheets=1, station=OTHER_STATION), VOLUNTEER, clock.now()
        )


def test_a_station_s_batches_are_seen_by_its_volunteers_and_the_office_only(db: Database, clock: Clock) -> None:
    batch = db.write_now(registry.issue_sheets, NewSheets(key=uuid4(), sheets=1), VOLUNTEER, clock.now()).id
    for reader in (VOLUNTEER, COLLEAGUE, OFFICE):
        assert [made.id for made in db.read_now(registry.batches, reader)] == [batch]
        assert len(db.write_now(registry.to_print, batch, reader, clock.now())) == 24
    assert db.read_now(registry.batches, STRANGER) == []
    for wanted in (batch, new_id()):
        with pytest.raises(NotFound):
            db.write_now(registry.to_print, wanted, STRANGER, clock.now())


def test_printing_again_leaves_out_labels_in_use_so_that_none_has_a_twin(db: Database, clock: Clock) -> None:
    batch = db.write_now(registry.issue, 3, STATION, VOLUNTEER, clock.now())
    used, lost, left = batch.codes
    bind(db, clock, used, "pack", new_id())
    db.write_now(registry.void, lost, "lost", VOLUNTEER, clock.now())
    assert db.write_now(registry.to_print, batch.id, VOLUNTEER, clock.now()) == (left,)
    (line,) = db.read_now(registry.batches, VOLUNTEER)
    assert (line.count, line.blank, line.bound, line.void) == (3, 1, 1, 1)
    bind(db, clock, left, "pack", new_id())
    with pytest.raises(NoneLeft):
        db.write_now(registry.to_print, batch.id, VOLUNTEER, clock.now())


def test_the_latest_batches_come_first_and_no_more_than_asked(db: Database, clock: Clock) -> None:
    made = [db.write_now(registry.issue, 1, STATION, VOLUNTEER, clock.now()).id for _ in range(4)]
    assert [line.id for line in db.read_now(registry.batches, VOLUNTEER, 3)] == made[:0:-1]
    assert [line.id for line in db.read_now(registry.batches, VOLUNTEER, 3, made[2])] == [made[1], made[0]]


def test_a_sound_register_has_no_faults(db: Database, clock: Clock) -> None:
    used, lost, _left = blank(db, clock, 3)
    bind(db, clock, used, "pack", new_id())
    db.write_now(registry.void, lost, "lost", VOLUNTEER, clock.now())
    assert db.read_now(faults) == []


def test_a_code_that_was_changed_behind_our_back_is_found_but_not_told(db: Database, clock: Clock) -> None:
    (code,) = blank(db, clock)
    wrong = code[:-1] + ("2" if code[-1] != "2" else "3")
    db.write_now(lambda session: session.execute(update(Label).values(code=wrong)))
    (fault,) = db.read_now(faults)
    assert fault == f"label {code[:4]}… has a wrong check character"


def test_two_living_labels_of_one_thing_are_found(db: Database, clock: Clock) -> None:
    first, second = blank(db, clock, 2)
    pack = new_id()
    bind(db, clock, first, "pack", pack)
    bind(db, clock, second, "pack", new_id())
    db.write_now(lambda session: session.execute(text("DROP INDEX ix_labels_one_living")))
    db.write_now(lambda session: session.execute(update(Label).values(subject=pack)))
    assert [fault.endswith("carries two living labels") for fault in db.read_now(faults)] == [True]


def test_a_label_missing_from_its_batch_is_found(db: Database, clock: Clock) -> None:
    first, _second = blank(db, clock, 2)
    db.write_now(lambda session: session.execute(delete(Label).where(Label.code == first)))
    (fault,) = db.read_now(faults)
    assert fault.endswith("was issued with 2 labels and has 1")


def test_the_store_itself_refuses_a_label_in_use_that_stands_for_nothing(db: Database, clock: Clock) -> None:
    with pytest.raises(Exception, match="bound_has_a_subject"):
        db.write_now(
            lambda session: session.execute(
                insert(Label).values(code=codes.new_code(), state=LabelState.BOUND, issued_at=clock.now())
            )
        )
