"""From the station to the door and back: custody passes by scan, safety is judged again, every unit has one holder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from app.base.db import Database
from app.base.errors import Invalid, NotFound
from app.base.models import AuditNote
from distribution import deliveries, doors, residents, returns
from distribution.door_errors import (
    ExpiredPack,
    HandOverIncomplete,
    NotAParcel,
    ReachedResident,
    RecalledPack,
    UnsafeParcel,
    WrongParcel,
    WrongStep,
)
from distribution.journey import Counsel, Failure, Receiver, State
from distribution.models import Given, LineState, Parcel, ParcelLine, ParcelStep, TeamMember
from distribution.residents import Purpose
from inventory.models import Item, Lot
from inventory.releasing import hold
from labels import registry
from tests.distribution.door_world import BLEACH, ISATIS, MASK, PARACETAMOL, TODAY, Door, Promised, answers


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Door:
    return Door(db, tmp_path / "keys")


def change(door: Door, statement: Any) -> None:
    door.db.write_now(lambda session: session.execute(statement).close())


def assigned(door: Door, *codes: str, side: int = 0) -> Promised:
    made = door.packed(*codes, door=side)
    door.planned(made)
    return made


def label_of(door: Door, made: Promised) -> str:
    return str(door.read(registry.code_of, made.parcel))


def take_back(door: Door, made: Promised, *, sealed: bool = True, actor: Any = None, key: Any = None) -> Any:
    back = returns.TakeBack(key=key or uuid4(), code=label_of(door, made), sealed=sealed)
    return door.db.write_now(returns.give_back, back, actor or door.world.volunteer, door.now)


def fail(door: Door, made: Promised, reason: Failure = Failure.NO_ANSWER) -> Any:
    failed = deliveries.FailDelivery(key=uuid4(), parcel=made.parcel, reason=reason, phone_at=door.now)
    return door.db.write_now(deliveries.fail, failed, door.world.member, door.now)


# ---------------------------------------------------------------- taking over


def test_taking_over_moves_the_goods_into_the_teams_hands(door: Door) -> None:
    made = assigned(door, PARACETAMOL, MASK)
    taken = door.take_over(made.parcel)
    assert taken.state == State.OUT
    assert [door.where(pack) for pack in made.packs] == [{"member": 1}] * 2
    assert door.column(Parcel.carrier, Parcel.id == made.parcel) == [door.world.member.account]
    assert door.column(Parcel.out_since, Parcel.id == made.parcel) == [door.now]
    door.agrees()


def test_a_parcel_is_taken_over_by_its_scanned_label(door: Door) -> None:
    made = assigned(door, MASK)
    take = deliveries.TakeOver(key=uuid4(), code=label_of(door, made))
    who, vault = door.world.member, door.world.vault
    first = [door.db.write_now(deliveries.take_over, vault, take, who, door.today, door.now) for _ in range(3)]
    assert {one.state for one in first} == {State.OUT}
    assert door.column(ParcelStep.event, ParcelStep.parcel == made.parcel, ParcelStep.event == "depart") == ["depart"]
    door.agrees()


def test_a_packs_label_is_not_a_parcels_and_the_wrong_parcel_is_told(door: Door) -> None:
    made, other = assigned(door, MASK), assigned(door, BLEACH, side=1)
    for code, kind in ((made.codes[0], NotAParcel), (label_of(door, other), WrongParcel)):
        take = deliveries.TakeOver(key=uuid4(), code=code, parcel=made.parcel)
        with pytest.raises(kind):
            door.db.write_now(deliveries.take_over, door.world.vault, take, door.world.member, door.today, door.now)
    take = deliveries.TakeOver(key=uuid4())
    with pytest.raises(Invalid):
        door.db.write_now(deliveries.take_over, door.world.vault, take, door.world.member, door.today, door.now)
    assert door.where(made.packs[0]) == {"parcel": 1}


def test_no_parcel_departs_with_an_expired_pack(door: Door) -> None:
    made = assigned(door, MASK)
    change(door, update(Lot).values(expiry=TODAY - timedelta(days=1)))
    with pytest.raises(ExpiredPack):
        door.take_over(made.parcel)
    assert (door.state(made.parcel), door.where(made.packs[0])) == (State.ASSIGNED, {"parcel": 1})
    door.agrees()


def test_no_parcel_departs_with_a_recalled_lot(door: Door) -> None:
    made = assigned(door, MASK)
    change(door, update(Lot).values(recalled_on=TODAY))
    with pytest.raises(RecalledPack):
        door.take_over(made.parcel)


def test_no_parcel_departs_that_has_become_unsafe(door: Door) -> None:
    made = assigned(door, PARACETAMOL)
    person = door.column(residents.Resident.changed_at, residents.Resident.id == door.world.people[0])
    correction = residents.CorrectResident(
        key=uuid4(), resident=door.world.people[0], version=person[0], health=answers(allergies=("paracetamol",))
    )
    door.db.write_now(residents.correct, door.world.vault, correction, door.world.coordinator, door.now)
    with pytest.raises(UnsafeParcel):
        door.take_over(made.parcel)
    assert door.where(made.packs[0]) == {"parcel": 1}


def test_only_members_of_the_team_take_over_and_hand_over(door: Door) -> None:
    made = assigned(door, MASK)
    for actor in (door.world.stranger, door.world.volunteer):
        with pytest.raises(NotFound):
            door.take_over(made.parcel, actor)
    change(door, TeamMember.__table__.delete().where(TeamMember.account == door.world.mate.account))
    with pytest.raises(NotFound):
        door.take_over(made.parcel, door.world.mate)
    door.take_over(made.parcel)
    with pytest.raises(NotFound):
        door.hand_over(made.parcel, door.world.stranger)


# ---------------------------------------------------------------- at the door


def test_a_hand_over_gives_the_goods_and_meets_the_needs(door: Door) -> None:
    made = door.out(PARACETAMOL, MASK)
    done = door.hand_over(made.parcel)
    assert (done.effective, done.state) == (True, State.DELIVERED)
    assert [door.where(pack) for pack in made.packs] == [{}, {}]
    assert door.needs(made) == {"met"}
    assert set(door.column(ParcelLine.state, ParcelLine.parcel == made.parcel)) == {LineState.GIVEN}
    assert len(door.column(Given.id, Given.resident == door.world.people[0], Given.day == TODAY)) == 2
    door.agrees()


def test_medicine_is_not_handed_over_before_the_counselling_is_complete(door: Door) -> None:
    made = door.out(PARACETAMOL)
    with pytest.raises(HandOverIncomplete) as no:
        door.hand_over(made.parcel, ticks=(Counsel.NAME,))
    assert {reason.code for reason in no.value.reasons} == {"DS17_COUNSELLING"}
    assert (door.state(made.parcel), door.where(made.packs[0])) == (State.OUT, {"member": 1})
    assert door.hand_over(made.parcel).effective
    door.agrees()


def test_supplies_need_no_counselling(door: Door) -> None:
    assert door.hand_over(door.out(MASK).parcel, ticks=()).effective


def test_a_neighbour_gets_medicine_only_after_a_call_with_the_person(door: Door) -> None:
    made = door.out(PARACETAMOL)
    with pytest.raises(HandOverIncomplete):
        door.hand_over(made.parcel, receiver=Receiver.NEIGHBOUR)
    assert door.hand_over(made.parcel, receiver=Receiver.NEIGHBOUR, counselled_by_phone=True).effective


def test_nothing_is_left_in_a_safe_place_without_agreement(door: Door) -> None:
    made = door.out(MASK)
    with pytest.raises(HandOverIncomplete):
        door.hand_over(made.parcel, receiver=Receiver.SAFE_PLACE)
    assert door.hand_over(made.parcel, receiver=Receiver.SAFE_PLACE, agreed_by_phone=True).effective


def test_the_parcel_scanned_at_the_door_must_be_this_doors(door: Door) -> None:
    made, other = door.out(MASK), door.out(BLEACH, door=1)
    with pytest.raises(WrongParcel):
        door.hand_over(made.parcel, code=label_of(door, other))
    assert door.hand_over(made.parcel, code=label_of(door, made)).effective


def test_a_medicine_given_meanwhile_by_another_parcel_stops_the_second(door: Door) -> None:
    first = door.out(PARACETAMOL)
    change(
        door,
        Given.__table__.insert().values(
            id=uuid4(), resident=door.world.people[0], household=door.world.doors[0],
            item=door.column(Item.id, Item.code == PARACETAMOL)[0],
            line=door.column(ParcelLine.id, ParcelLine.parcel == door.out(MASK).parcel)[0], quantity=1, day=TODAY,
        ),
    )  # fmt: skip
    with pytest.raises(UnsafeParcel):
        door.hand_over(first.parcel)
    assert door.where(first.packs[0]) == {"member": 1}


def test_a_parcel_that_was_not_taken_over_cannot_be_handed_over(door: Door) -> None:
    made = assigned(door, MASK)
    with pytest.raises(WrongStep):
        door.hand_over(made.parcel)


@pytest.mark.parametrize("reason", Failure)
def test_each_of_the_ten_failures_names_the_next_step_and_its_hour(
    sqlite_db: Database, tmp_path: Path, reason: Any
) -> None:
    door = Door(sqlite_db, tmp_path / "keys")
    made = door.out(MASK)
    failed = fail(door, made, reason)
    assert (failed.effective, failed.state) == (True, State.FAILED)
    assert failed.next_step
    assert failed.due > door.now
    assert door.where(made.packs[0]) == {"member": 1}
    assert door.needs(made) == {"promised"}
    door.agrees()


def test_the_member_learns_the_surname_while_the_stop_runs_and_no_longer(door: Door) -> None:
    made = door.out(MASK)
    ask = (door.world.vault, door.world.people[0], Purpose.DELIVERY, door.world.member, door.today, door.now)
    called = door.db.write_now(residents.open_name, *ask)
    assert (called.surname, called.name) == ("欧阳", None)
    door.hand_over(made.parcel)
    with pytest.raises(NotFound):
        door.db.write_now(residents.open_name, *ask)


def test_the_members_tasks_name_the_door_only_while_its_stop_runs(door: Door) -> None:
    first, second = door.packed(PARACETAMOL), door.packed(MASK, door=1)
    door.planned(first, second)
    door.take_over(first.parcel)
    ask = (door.world.vault, door.world.member, door.today, door.now)
    (task,) = door.db.write_now(doors.tasks, *ask)
    assert {task.called[parcel].surname for parcel in (first.parcel, second.parcel)} == {"欧阳", "张"}
    (mates,) = door.db.write_now(doors.tasks, door.world.vault, door.world.mate, door.today, door.now)
    assert set(mates.called) == {second.parcel}, "whose parcel another carries is the carrier's to know"
    door.hand_over(first.parcel)
    (task,) = door.db.write_now(doors.tasks, *ask)
    assert set(task.called) == {second.parcel}


def test_the_door_tells_how_to_call_where_and_what_but_no_reason(db: Database, tmp_path: Path) -> None:
    door = Door(db, tmp_path / "keys", groups=("serious_illness",))
    made = door.out(MASK, BLEACH)
    view = door.db.write_now(doors.door, door.world.vault, made.parcel, door.world.member, door.today, door.now)
    assert [(one.number, one.surname, one.honorific) for one in view.people] == [(1, "欧阳", "male")]
    assert (view.address, view.floor, len(view.portions)) == ("测试路 1 号 301", 3, 2)
    assert not any(secret in str(view) for secret in ("13800138000", "欧阳测试", "serious_illness"))


# ---------------------------------------------------------------- coming back


def test_sealed_medicine_back_within_a_day_goes_to_hold_and_a_medic_releases_it_anew(door: Door) -> None:
    made = door.out(PARACETAMOL)
    fail(door, made)
    door.later(hours=24)
    back = take_back(door, made)
    assert ([line.goes for line in back.lines], back.state) == (["hold_for_medic"], State.RETURNED)
    assert door.where(made.packs[0]) == {"hold": 1}
    assert door.needs(made) == {"open"}
    assert door.column(ParcelLine.state, ParcelLine.parcel == made.parcel) == [LineState.DROPPED]
    door.agrees()


def test_medicine_out_for_more_than_a_day_is_disposed_of(door: Door) -> None:
    made = door.out(PARACETAMOL)
    fail(door, made)
    door.later(hours=24, seconds=1)
    assert [line.goes for line in take_back(door, made).lines] == ["dispose"]
    assert door.where(made.packs[0]) == {"bin": 1}
    door.agrees()


def test_medicine_from_an_opened_bag_is_disposed_of_and_supplies_go_to_hold(door: Door) -> None:
    made = door.out(PARACETAMOL, MASK)
    fail(door, made, Failure.DAMAGED)
    back = take_back(door, made, sealed=False)
    assert [line.goes for line in back.lines] == ["dispose", "hold_for_volunteer"]
    assert [door.where(pack) for pack in made.packs] == [{"bin": 1}, {"hold": 1}]
    door.agrees()


def test_medicine_that_must_stay_cool_is_disposed_of(door: Door) -> None:
    made = door.out(ISATIS)
    facts = door.column(Item.facts, Item.code == ISATIS)[0] | {"storage": "cool20"}
    change(door, update(Item).where(Item.code == ISATIS).values(facts=facts))
    fail(door, made)
    assert [line.goes for line in take_back(door, made).lines] == ["dispose"]


def test_who_took_supplies_back_does_not_let_them_out_again(door: Door) -> None:
    made = door.out(MASK)
    fail(door, made)
    take_back(door, made)
    (held,) = door.read(hold.queue, door.world.volunteer, door.today)
    assert (held.pack, held.own, held.can_release) == (made.packs[0], True, False)


def test_a_return_scanned_three_times_is_one_return(door: Door) -> None:
    made, key = door.out(PARACETAMOL, MASK), uuid4()
    fail(door, made)
    backs = {take_back(door, made, key=key) for _ in range(3)}
    assert len(backs) == 1
    assert [door.where(pack) for pack in made.packs] == [{"hold": 1}] * 2
    door.agrees()


def test_a_parcel_brought_back_without_a_record_is_recorded_as_failed(door: Door) -> None:
    made = door.out(MASK)
    assert take_back(door, made).state == State.RETURNED
    steps = door.column(ParcelStep.event, ParcelStep.parcel == made.parcel)
    assert steps[-2:] == ["fail", "return"]
    door.agrees()


def test_only_the_own_stations_volunteer_takes_back(door: Door) -> None:
    made = door.out(MASK)
    with pytest.raises(NotFound):
        take_back(door, made, actor=door.world.far_volunteer)


def test_what_was_handed_over_or_never_left_is_not_taken_back(door: Door) -> None:
    given, waiting = door.out(MASK), assigned(door, BLEACH, side=1)
    door.hand_over(given.parcel)
    with pytest.raises(ReachedResident):
        take_back(door, given)
    with pytest.raises(WrongStep):
        take_back(door, waiting)
    door.agrees()


def test_goods_that_came_back_can_be_promised_again_to_the_same_door(door: Door) -> None:
    made = door.out(MASK)
    fail(door, made)
    take_back(door, made)
    again = door.out(MASK)
    assert door.hand_over(again.parcel).effective
    door.agrees()


def test_every_step_is_written_down_without_a_person(door: Door) -> None:
    made = door.out(MASK)
    fail(door, made)
    take_back(door, made)
    verbs = door.column(AuditNote.verb, AuditNote.subject == made.parcel)
    assert verbs == [
        "parcel.pack",
        "parcel.label", "parcel.assign", "parcel.depart", "parcel.fail", "parcel.return",
    ]  # fmt: skip
    assert "欧阳" not in str(door.column(AuditNote.detail))
