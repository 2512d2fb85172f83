"""A care parcel goes into a resident's parcel whole, by one scan, or not at all; and comes out of it again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from app.base.db import Database
from app.base.errors import Refusal
from distribution import kit_packing, parcels, picking, returns, unpacking
from distribution.door_errors import AlreadyPacked, AwaitsMedic, KitElsewhere, KitNotWanted, UnsafeParcel
from distribution.journey import State
from distribution.models import Given, LineState, ParcelLine
from distribution.unpacking import DropReason
from inventory.kitting import kit_bags, kit_views, kits
from inventory.kitting.kit_bags import PutTogether
from inventory.kitting.kit_errors import KitEnded, KitExpired, KitRecalled, KitStopped
from inventory.models import Lot, Movement, Pack
from inventory.releasing import stops
from labels import registry
from tests.distribution.door_world import BLEACH, ISATIS, MASK, PARACETAMOL, TODAY, Door, Promised, answers, item_of
from tests.distribution.kit_world import Bag, assembled, free, label_of, state_of, take_apart
from tests.distribution.world import Streets


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Door:
    return Door(db, tmp_path / "keys")


def refused(door: Door, parcel: UUID, code: str, kind: type[Refusal]) -> Refusal:
    """The scan is refused so, and nothing has moved."""
    count = select(func.count()).select_from(Movement)
    before = door.read(lambda session: session.execute(count).scalar_one())
    with pytest.raises(kind) as no:
        door.scan(parcel, code)
    assert door.read(lambda session: session.execute(count).scalar_one()) == before
    door.agrees()
    return no.value


def lines(door: Door, made: Promised, *states: LineState) -> list[ParcelLine]:
    wanted = states or (LineState.RESERVED, LineState.PACKED)
    query = select(ParcelLine).where(ParcelLine.parcel == made.parcel, ParcelLine.state.in_(wanted))
    found: list[ParcelLine] = door.read(lambda session: list(session.execute(query.order_by(ParcelLine.id)).scalars()))
    return found


def mark_lots(door: Door, bag: Bag, **change: Any) -> None:
    lots = door.column(Pack.lot, Pack.id == bag.packs[0])
    door.db.write_now(lambda session: session.execute(update(Lot).where(Lot.id.in_(lots)).values(**change)).close())


def unpack(door: Door, made: Promised, reason: DropReason = DropReason.OTHER) -> State:
    order = unpacking.Unpack(key=uuid4(), parcel=made.parcel, reason=reason)
    return door.db.write_now(unpacking.unpack, order, door.world.volunteer, door.today, door.now)


def drop(door: Door, made: Promised, pack: UUID, reason: DropReason = DropReason.DAMAGED) -> State:
    (line,) = [one for one in lines(door, made) if one.pack == pack]
    order = unpacking.DropLine(key=uuid4(), parcel=made.parcel, line=line.id, reason=reason)
    return door.db.write_now(unpacking.drop_line, door.world.vault, order, door.world.volunteer, door.today, door.now)


# ---------------------------------------------------------------- in


def test_one_scan_of_a_care_parcel_packs_all_of_its_contents(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    done = door.scan(made.parcel, bag.code)
    assert (done.how, done.packed, done.lines, done.state) == ("kit", 2, 2, State.PACKED)
    assert {line.id for line in lines(door, made)} == set(done.lines_done)
    assert [door.where(pack) for pack in bag.packs] == [{"parcel": 1}] * 2
    door.agrees()


def test_what_was_set_aside_for_its_lines_is_free_again(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    assert [door.where(pack) for pack in made.packs] == [{"shelf": 1}] * 2
    assert free(door, door.read(item_of, MASK)) == 1


def test_its_label_lives_on_and_says_which_parcel_it_is_in(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    seen = door.read(kit_views.bag, bag.id, door.world.volunteer, door.today)
    assert seen.went is not None
    assert (state_of(door, bag.id), seen.went.parcel, seen.label) == ("packed", made.parcel, bag.code)
    assert {one.pack for one in seen.contents} == set(bag.packs)
    assert door.read(kit_views.told, bag.id, door.world.volunteer, door.today).state == "packed"


def test_the_rest_of_the_parcel_is_packed_singly_before_or_after_it(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH, PARACETAMOL), assembled(door, MASK, BLEACH)
    assert door.scan(made.parcel, made.codes[2]).packed == 1
    assert door.scan(made.parcel, bag.code).state == State.PACKED
    door.agrees()


def test_the_same_scan_of_a_care_parcel_sent_three_times_packs_once(door: Door) -> None:
    made, bag, key = door.promise(MASK, BLEACH, PARACETAMOL), assembled(door, MASK, BLEACH), uuid4()
    assert len({door.scan(made.parcel, bag.code, key=key) for _ in range(3)}) == 1
    refused(door, made.parcel, bag.code, AlreadyPacked)


def test_one_care_parcel_scanned_for_many_parcels_at_once_goes_into_exactly_one(door: Door) -> None:
    made, bag = [door.promise(MASK, door=side) for side in (0, 1, 0, 1)], assembled(door, MASK)

    def one(parcel: UUID) -> str:
        try:
            return door.scan(parcel, bag.code).how
        except Refusal as no:
            return no.code

    with ThreadPoolExecutor(4) as hands:
        assert sorted(hands.map(lambda one_: one(one_.parcel), made)) == ["KIT_ENDED"] * 3 + ["kit"]
    door.agrees()


def test_units_of_two_packs_become_two_lines_of_one_need_and_every_promise_holds(db: Database, tmp_path: Path) -> None:
    streets = Streets(db, tmp_path / "keys")
    held = {line.code: line.quantity for line in streets.read(kits.recipe, streets.kit()).lines}
    person = streets.register()
    loose = [streets.shelve(code, units=units, lot="L1") for code, units in held.items()]
    need = streets.need(person, "kit").need
    streets.match()
    for case in streets.queue():
        streets.decide(case.line, released=True)
    bagged = [streets.shelve(code, lot="B2") for code, units in held.items() for _ in range(units)]
    order = kit_bags.Assemble(
        key=uuid4(), kit=streets.kit(), station=streets.world.station, packs=tuple(bagged), apart=True
    )
    (bag,) = db.write_now(kit_bags.assemble, order, streets.world.volunteer, streets.today, streets.now).bags
    (parcel,) = {line.parcel for line in streets.lines()}
    scan = parcels.PackLine(key=uuid4(), parcel=parcel, code=streets.read(registry.code_of, bag))
    done = db.write_now(parcels.pack, streets.vault, scan, streets.world.volunteer, streets.today, streets.now)
    assert (done.packed, done.lines, done.state) == (len(bagged), len(bagged), State.PACKED)
    assert [streets.where(pack) for pack in bagged] == [{"parcel": 1}] * len(bagged)
    assert all(streets.where(pack).keys() == {"shelf"} for pack in loose)
    assert {line.need for line in streets.lines()} == {need}
    streets.agrees()


def test_the_list_names_the_care_parcel_that_fits_by_the_end_of_its_label(door: Door) -> None:
    made, other = door.promise(MASK, BLEACH), assembled(door, MASK, PARACETAMOL)
    assert door.read(kit_packing.that_fits, made.parcel, door.today) == ""
    bag = assembled(door, MASK, BLEACH)
    assert door.read(kit_packing.that_fits, made.parcel, door.today) == bag.code[-4:]
    door.scan(made.parcel, bag.code)
    view = door.read(picking.pick_list, made.parcel, door.world.volunteer)
    assert {line.bag_ends for line in view.lines} == {bag.code[-4:]}
    assert state_of(door, other.id) == "assembled"


# ---------------------------------------------------------------- not in


def test_a_care_parcel_with_something_nobody_asked_for_is_refused_and_named(door: Door) -> None:
    made, bag = door.promise(MASK), assembled(door, MASK, BLEACH)
    no = refused(door, made.parcel, bag.code, KitNotWanted)
    assert [reason.params for reason in no.reasons] == [{"other": BLEACH}]
    assert state_of(door, bag.id) == "assembled"


def test_a_care_parcel_does_not_take_what_is_packed_already(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, made.codes[0])
    refused(door, made.parcel, bag.code, KitNotWanted)


def test_a_care_parcel_with_a_recalled_part_is_refused(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    mark_lots(door, bag, recalled_on=TODAY)
    refused(door, made.parcel, bag.code, KitRecalled)


def test_a_care_parcel_with_an_expired_part_is_refused(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    mark_lots(door, bag, expiry=TODAY - timedelta(days=1))
    refused(door, made.parcel, bag.code, KitExpired)


def test_a_care_parcel_with_a_part_that_is_looked_into_is_refused(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.db.write_now(stops.stop, [bag.packs[1]], "copied", door.world.coordinator, door.now)
    refused(door, made.parcel, bag.code, KitStopped)


def test_another_stations_care_parcel_is_refused(door: Door) -> None:
    refused(door, door.promise(MASK).parcel, assembled(door, MASK, far=True).code, KitElsewhere)


def test_a_care_parcel_that_was_taken_apart_is_refused(door: Door) -> None:
    made, bag = door.promise(MASK), assembled(door, MASK)
    take_apart(door, bag.id)
    with pytest.raises(Refusal) as no:
        door.scan(made.parcel, bag.code)
    assert no.value.code == "LABEL_VOID"


def test_a_packed_care_parcel_is_not_taken_apart_behind_the_parcels_back(door: Door) -> None:
    made, bag = door.promise(MASK), assembled(door, MASK)
    door.scan(made.parcel, bag.code)
    with pytest.raises(KitEnded):
        take_apart(door, bag.id)
    door.agrees()


def test_a_medicine_in_a_care_parcel_that_runs_out_before_the_course_ends_does_not_go(door: Door) -> None:
    made, bag = door.promise(PARACETAMOL, MASK), assembled(door, PARACETAMOL, MASK, expiry=TODAY + timedelta(days=2))
    no = refused(door, made.parcel, bag.code, UnsafeParcel)
    assert "DS16" in {reason.rule for reason in no.reasons}


def test_a_medicine_in_a_care_parcel_that_harms_this_person_does_not_go(db: Database, tmp_path: Path) -> None:
    door = Door(db, tmp_path / "keys", answers(allergies=("paracetamol",)))
    made, bag = door.promise(PARACETAMOL, MASK), assembled(door, PARACETAMOL, MASK)
    refused(door, made.parcel, bag.code, UnsafeParcel)


def test_a_medicine_in_a_care_parcel_waits_for_its_medic(db: Database, tmp_path: Path) -> None:
    door = Door(db, tmp_path / "keys", answers(born="1941-05", conditions=("hypertension",)))
    made, bag = door.promise(ISATIS, MASK), assembled(door, ISATIS, MASK)
    refused(door, made.parcel, bag.code, AwaitsMedic)


# ---------------------------------------------------------------- out again


def test_an_unpacked_parcel_gives_the_care_parcel_back_whole(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    unpack(door, made)
    assert (state_of(door, bag.id), label_of(door, bag.id)) == ("assembled", bag.code)
    assert [door.where(pack) for pack in bag.packs] == [{"kit": 1}] * 2
    assert door.needs(made) == {"open"}
    door.agrees()


def test_a_care_parcel_that_came_back_goes_into_another_parcel(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    unpack(door, made)
    other = door.promise(MASK, BLEACH, door=1)
    assert door.scan(other.parcel, bag.code).how == "kit"
    seen = door.read(kit_views.bag, bag.id, door.world.volunteer, door.today)
    assert seen.went is not None
    assert seen.went.parcel == other.parcel
    door.agrees()


@pytest.mark.parametrize("change", [{"recalled_on": TODAY}, {"expiry": TODAY - timedelta(days=1)}], ids=str)
def test_a_care_parcel_that_is_no_longer_good_is_opened_when_its_parcel_is_unpacked(
    door: Door, change: dict[str, Any]
) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    mark_lots(door, bag, **change)
    unpack(door, made)
    assert (state_of(door, bag.id), label_of(door, bag.id)) == ("taken_apart", None)
    assert door.where(bag.packs[0]) == ({"quarantine": 1} if "recalled_on" in change else {"shelf": 1})
    assert door.where(bag.packs[1]) == {"shelf": 1}
    door.agrees()


def test_taking_one_thing_out_opens_the_care_parcel_and_leaves_the_rest_packed(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH, PARACETAMOL), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    drop(door, made, bag.packs[0])
    assert [door.where(pack) for pack in bag.packs] == [{"quarantine": 1}, {"parcel": 1}]
    assert (state_of(door, bag.id), label_of(door, bag.id)) == ("taken_apart", None)
    assert {line.bag for line in lines(door, made)} == {None}
    with pytest.raises(KitEnded):
        door.db.write_now(
            kit_bags.together, PutTogether(key=uuid4(), bag=bag.id), door.world.volunteer, door.today, door.now
        )
    door.agrees()


def test_what_was_opened_in_its_parcel_goes_back_singly_when_that_is_unpacked(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH, PARACETAMOL), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    drop(door, made, bag.packs[0])
    unpack(door, made)
    assert door.where(bag.packs[1]) == {"shelf": 1}
    door.agrees()


# ---------------------------------------------------------------- to the door


def sent(door: Door) -> tuple[Promised, Bag]:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    door.planned(made)
    door.take_over(made.parcel)
    return made, bag


def test_a_care_parcel_reaches_the_door_and_every_unit_is_on_record(door: Door) -> None:
    made, bag = sent(door)
    door.hand_over(made.parcel)
    assert [door.where(pack) for pack in bag.packs] == [{}] * 2
    assert len(door.column(Given.id)) == 2
    assert state_of(door, bag.id) == "packed"
    door.agrees()


def test_whoever_scans_a_delivered_care_parcel_reads_that_it_is_recalled(door: Door) -> None:
    made, bag = sent(door)
    door.hand_over(made.parcel)
    assert not door.read(kit_views.bag_is_recalled, bag.id)
    mark_lots(door, bag, recalled_on=TODAY)
    assert door.read(kit_views.bag_is_recalled, bag.id)
    assert door.read(kit_views.told, bag.id, door.world.volunteer, door.today).state == "unsafe"


def test_a_care_parcel_that_comes_back_from_the_door_is_opened_and_its_goods_wait(door: Door) -> None:
    made, bag = sent(door)
    back = returns.TakeBack(key=uuid4(), code=door.read(registry.code_of, made.parcel), sealed=True)
    door.db.write_now(returns.give_back, back, door.world.volunteer, door.now)
    assert [door.where(pack) for pack in bag.packs] == [{"hold": 1}] * 2
    assert (state_of(door, bag.id), label_of(door, bag.id)) == ("taken_apart", None)
    door.agrees()
