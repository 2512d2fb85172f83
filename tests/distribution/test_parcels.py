"""Packing by scanning: the right pack goes in, another of its lot takes its place, anything else moves nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import func, select, update

from app.base.db import Database
from app.base.errors import KeyReused, NotFound, Refusal
from distribution import leaflets, parcel_labels, parcels, picking, unpacking
from distribution.door_errors import (
    AlreadyPacked,
    AwaitsMedic,
    ExpiredPack,
    HeldPack,
    NotAPack,
    NotOurLabel,
    PackElsewhere,
    PackTaken,
    RecalledPack,
    UnsafeParcel,
    WrongLot,
    WrongPack,
    WrongStep,
)
from distribution.journey import State
from distribution.models import LineState, ParcelLine, ParcelStep
from distribution.unpacking import DropReason
from inventory.cataloguing.starter import StarterItem, starter_items
from inventory.models import Lot, Movement, PlaceKind
from labels import codes, registry
from labels.errors import BlankLabel, LabelEnded, LabelTaken, UnknownLabel
from labels.sheets import Heading, Qr, Tick, text_pdf
from tests.distribution.door_world import BLEACH, ISATIS, MASK, NOW, PARACETAMOL, SPIRIT, TODAY, Door, Promised, answers


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Door:
    return Door(db, tmp_path / "keys")


def moved(door: Door) -> int:
    return int(door.read(lambda session: session.execute(select(func.count()).select_from(Movement)).scalar_one()))


def refused(door: Door, parcel: UUID, code: str, kind: type[Refusal], **more: Any) -> Refusal:
    """The scan is refused so, and nothing has moved."""
    before = moved(door)
    with pytest.raises(kind) as no:
        door.scan(parcel, code, **more)
    assert moved(door) == before
    door.agrees()
    return no.value


def lot_of(door: Door, made: Promised, **change: Any) -> None:
    lots = door.column(ParcelLine.lot, ParcelLine.parcel == made.parcel)
    door.db.write_now(lambda session: session.execute(update(Lot).where(Lot.id.in_(lots)).values(**change)).close())


# ---------------------------------------------------------------- the right pack


def test_the_pack_that_was_set_aside_goes_into_the_parcel(door: Door) -> None:
    made = door.promise(MASK, BLEACH)
    done = door.scan(made.parcel, made.codes[0])
    assert (done.how, done.packed, done.lines, done.state) == ("reserved", 1, 2, State.PLANNED)
    assert door.where(made.packs[0]) == {"parcel": 1}
    door.agrees()


def test_a_parcel_is_packed_with_its_last_line(door: Door) -> None:
    made = door.packed(MASK, PARACETAMOL)
    assert door.state(made.parcel) == State.PACKED
    assert door.column(ParcelStep.event, ParcelStep.parcel == made.parcel) == ["pack"]
    door.agrees()


def test_the_same_scan_sent_three_times_packs_once(door: Door) -> None:
    made, key = door.promise(MASK, BLEACH), uuid4()
    answers_ = {door.scan(made.parcel, made.codes[0], key=key) for _ in range(3)}
    assert len(answers_) == 1
    assert door.where(made.packs[0]) == {"parcel": 1}
    with pytest.raises(KeyReused):
        door.scan(made.parcel, made.codes[1], key=key)
    door.agrees()


def test_a_pack_scanned_again_is_already_in_and_not_counted_twice(door: Door) -> None:
    made = door.promise(MASK, BLEACH)
    door.scan(made.parcel, made.codes[0])
    refused(door, made.parcel, made.codes[0], AlreadyPacked)


def test_of_two_alike_the_same_one_scanned_twice_is_told_as_such(door: Door) -> None:
    made = door.promise(MASK, MASK)
    door.scan(made.parcel, made.codes[0])
    refused(door, made.parcel, made.codes[0], AlreadyPacked)
    assert door.scan(made.parcel, made.codes[1]).state == State.PACKED


# ---------------------------------------------------------------- another pack of the same lot


def test_another_pack_of_the_lot_takes_the_reservation_over(door: Door) -> None:
    made = door.promise(MASK, BLEACH)
    other, code = door.shelve(MASK)
    done = door.scan(made.parcel, code)
    assert done.how == "shelf"
    assert door.where(other) == {"parcel": 1}
    assert door.where(made.packs[0]) == {"shelf": 1}
    assert door.column(ParcelLine.pack, ParcelLine.id == done.line) == [other]
    door.agrees()


def test_a_pack_promised_to_another_parcel_is_swapped_for_its_twin(door: Door) -> None:
    first, second = door.promise(MASK, BLEACH), door.promise(MASK, BLEACH, door=1)
    done = door.scan(first.parcel, second.codes[0])
    assert done.how == "swapped"
    assert door.where(second.packs[0]) == {"parcel": 1}
    assert door.where(first.packs[0]) == {"reserved": 1}
    door.agrees()
    assert door.scan(second.parcel, first.codes[0]).how == "reserved"
    door.agrees()


def test_a_pack_that_lies_in_another_parcel_is_taken(door: Door) -> None:
    first, second = door.promise(MASK, BLEACH), door.promise(MASK, BLEACH, door=1)
    door.scan(second.parcel, second.codes[0])
    refused(door, first.parcel, second.codes[0], PackTaken)


def at_once(door: Door, *scans: tuple[UUID, str]) -> list[str]:
    """What each of the scans became, all sent together."""

    def one(parcel: UUID, code: str) -> str:
        try:
            return door.scan(parcel, code).how
        except Refusal as no:
            return no.code

    with ThreadPoolExecutor(len(scans)) as hands:
        return sorted(hands.map(lambda scan: one(*scan), scans))


def test_one_pack_scanned_for_many_parcels_at_once_goes_into_exactly_one(door: Door) -> None:
    made = [door.promise(MASK, door=side) for side in (0, 1, 0, 1)]
    other, code = door.shelve(MASK)
    became = at_once(door, *((one.parcel, code) for one in made))
    assert became == ["PACK_TAKEN"] * 3 + ["shelf"]
    assert door.where(other) == {"parcel": 1}
    door.agrees()


def test_two_parcels_that_swap_at_once_both_get_theirs(door: Door) -> None:
    first, second = door.promise(MASK), door.promise(MASK, door=1)
    became = at_once(door, (first.parcel, second.codes[0]), (second.parcel, first.codes[0]))
    assert became in (["reserved", "swapped"], ["PACK_TAKEN", "swapped"])
    door.agrees()


# ---------------------------------------------------------------- the wrong pack


def test_an_item_that_is_not_on_the_list_is_refused(door: Door) -> None:
    made = door.promise(MASK)
    refused(door, made.parcel, door.shelve(BLEACH)[1], WrongPack)


def test_another_lot_of_the_right_item_is_refused(door: Door) -> None:
    refused(door, door.promise(MASK).parcel, door.shelve(MASK, lot="B7")[1], WrongLot)


def test_another_stations_pack_is_refused(door: Door) -> None:
    made = door.promise(MASK)
    refused(door, made.parcel, door.shelve(MASK, station=door.world.other_station)[1], PackElsewhere)


def test_a_pack_that_still_waits_for_its_release_is_refused(door: Door) -> None:
    made = door.promise(MASK)
    refused(door, made.parcel, door.shelve(MASK, kind=PlaceKind.HOLD)[1], HeldPack)


def test_a_pack_is_good_on_its_expiry_day_and_refused_on_the_next(door: Door) -> None:
    made = door.promise(MASK, BLEACH)
    old = door.shelve(MASK, lot="OLD", expiry=TODAY - timedelta(days=1))[1]
    refused(door, made.parcel, old, ExpiredPack)
    last_day = door.shelve(MASK, lot="LAST", expiry=TODAY)[1]
    refused(door, made.parcel, last_day, WrongLot)


def test_a_recalled_lot_is_refused_by_that_name(door: Door) -> None:
    made = door.promise(MASK)
    other = door.shelve(MASK, lot="R1")[1]
    door.db.write_now(
        lambda session: session.execute(update(Lot).where(Lot.number == "R1").values(recalled_on=TODAY)).close()
    )
    refused(door, made.parcel, other, RecalledPack)


def test_codes_that_are_no_living_pack_label_are_each_refused_by_name(door: Door) -> None:
    made = door.promise(MASK)
    blank = door.db.write_now(registry.issue, 1, None, door.world.volunteer, NOW).codes[0]
    ended = door.db.write_now(registry.bind_new, "badge", uuid4(), NOW)
    badge = door.db.write_now(registry.bind_new, "badge", uuid4(), NOW)
    door.db.write_now(registry.void, ended, "lost", door.world.volunteer, NOW)
    for text, kind in (
        ("6901234567892", NotOurLabel),
        ("", NotOurLabel),
        ("2345-6789-ABCD", NotOurLabel),
        (blank, BlankLabel),
        (ended, LabelEnded),
        (badge, NotAPack),
    ):
        with pytest.raises(kind):
            door.scan(made.parcel, text)
    assert door.where(made.packs[0]) == {"reserved": 1}


def test_a_code_that_was_never_issued_is_unknown(door: Door) -> None:
    with pytest.raises(UnknownLabel):
        door.scan(door.promise(MASK).parcel, codes.new_code())


# ---------------------------------------------------------------- safety is judged again


def test_nothing_is_packed_once_a_lot_of_the_parcel_has_run_out(door: Door) -> None:
    made = door.promise(PARACETAMOL, MASK)
    lot_of(door, made, expiry=TODAY - timedelta(days=1))
    refused(door, made.parcel, made.codes[0], ExpiredPack)


def test_a_medicine_that_would_run_out_within_its_course_is_not_packed(door: Door) -> None:
    made = door.promise(PARACETAMOL, MASK)
    lot_of(door, made, expiry=TODAY + timedelta(days=3))
    no = refused(door, made.parcel, made.codes[1], UnsafeParcel)
    assert {reason.code for reason in no.reasons} == {"DS16_EXPIRES_TOO_SOON"}


def test_a_volunteer_reads_that_a_medic_must_look_and_not_the_allergy(db: Database, tmp_path: Path) -> None:
    door = Door(db, tmp_path / "keys", answers(allergies=("paracetamol",)))
    made = door.promise(PARACETAMOL)
    no = refused(door, made.parcel, made.codes[0], UnsafeParcel)
    assert {reason.code for reason in no.reasons} == {"ASK_MEDIC"}


def test_a_medicine_for_a_flagged_person_waits_for_its_release(db: Database, tmp_path: Path) -> None:
    door = Door(db, tmp_path / "keys", groups=("serious_illness",))
    made = door.promise(PARACETAMOL)
    refused(door, made.parcel, made.codes[0], AwaitsMedic)


def test_without_rules_in_force_no_medicine_is_packed_but_supplies_are(door: Door) -> None:
    medicine, supplies = door.promise(PARACETAMOL), door.promise(MASK, door=1)
    door.today = date(2026, 1, 1)  # before the day from which the rules hold
    with pytest.raises(UnsafeParcel):
        door.scan(medicine.parcel, medicine.codes[0])
    assert door.scan(supplies.parcel, supplies.codes[0]).state == State.PACKED


# ---------------------------------------------------------------- who, and in which state


def test_another_stations_volunteer_does_not_find_the_parcel(door: Door) -> None:
    made = door.promise(MASK)
    refused(door, made.parcel, made.codes[0], NotFound, actor=door.world.far_volunteer)
    with pytest.raises(NotFound):
        door.read(picking.pick_list, made.parcel, door.world.far_volunteer)


def test_a_packed_parcel_takes_nothing_more(door: Door) -> None:
    made = door.packed(MASK)
    refused(door, made.parcel, door.shelve(MASK)[1], WrongStep)


def test_the_list_to_pack_holds_the_own_stations_parcels_until_they_are_labelled(door: Door) -> None:
    made = door.promise(MASK, BLEACH)
    door.scan(made.parcel, made.codes[0])
    (waiting,) = door.read(picking.to_pack, door.world.volunteer)
    assert (waiting.id, waiting.lines, waiting.packed, waiting.state) == (made.parcel, 2, 1, State.PLANNED)
    assert door.read(picking.to_pack, door.world.far_volunteer) == ()
    door.scan(made.parcel, made.codes[1])
    door.label(made.parcel)
    assert door.read(picking.to_pack, door.world.volunteer) == ()


def test_the_pick_list_names_shelf_lot_and_label_and_no_person(door: Door) -> None:
    made = door.promise(MASK)
    view = door.read(picking.pick_list, made.parcel, door.world.volunteer)
    (line,) = view.lines
    assert (line.shelf, line.ends, line.lot, line.state) == ("货架A", made.codes[0][-4:], "A1", LineState.RESERVED)
    assert made.codes[0] not in str(line), "a list that carries the code could be scanned instead of the box"
    assert not {"resident", "name", "address", "groups"} & set(view.__struct_fields__)


def test_the_pick_list_names_only_what_is_to_be_picked(door: Door) -> None:
    made = door.promise(MASK, BLEACH)
    drop(door, made, 1, DropReason.MISSING)
    view = door.read(picking.pick_list, made.parcel, door.world.volunteer)
    assert [(line.item, line.state) for line in view.lines] == [(MASK, LineState.RESERVED)]
    assert [(line.item, line.state) for line in view.dropped] == [(BLEACH, LineState.DROPPED)]


# ---------------------------------------------------------------- taking out again


def drop(door: Door, made: Promised, place: int, reason: DropReason) -> State:
    line = door.column(ParcelLine.id, ParcelLine.parcel == made.parcel, ParcelLine.pack == made.packs[place])[0]
    order = unpacking.DropLine(key=uuid4(), parcel=made.parcel, line=line, reason=reason)
    return door.db.write_now(unpacking.drop_line, door.world.vault, order, door.world.volunteer, door.today, door.now)


def test_a_line_that_cannot_be_found_is_dropped_and_its_need_opens_again(door: Door) -> None:
    made = door.promise(MASK, BLEACH)
    door.scan(made.parcel, made.codes[0])
    assert drop(door, made, 1, DropReason.MISSING) == State.PACKED
    assert door.where(made.packs[1]) == {"shelf": 1}
    assert door.needs(made) == {"promised", "open"}
    door.agrees()


def test_damaged_goods_go_into_quarantine_and_the_last_line_out_cancels_the_parcel(door: Door) -> None:
    made = door.promise(MASK)
    assert drop(door, made, 0, DropReason.DAMAGED) == State.CANCELLED
    assert door.where(made.packs[0]) == {"quarantine": 1}
    assert door.needs(made) == {"open"}
    door.agrees()


def test_a_line_that_became_unsafe_can_be_dropped_so_that_the_rest_goes(door: Door) -> None:
    made = door.promise(PARACETAMOL, MASK)
    lots = door.column(ParcelLine.lot, ParcelLine.pack == made.packs[0])
    door.db.write_now(
        lambda session: session.execute(
            update(Lot).where(Lot.id.in_(lots)).values(expiry=TODAY - timedelta(days=1))
        ).close()
    )
    drop(door, made, 0, DropReason.EXPIRED)
    assert door.scan(made.parcel, made.codes[1]).state == State.PACKED
    door.agrees()


@pytest.mark.parametrize("how_far", ["planned", "packed", "ready"])
def test_a_parcel_is_taken_apart_as_long_as_it_is_in_the_station(door: Door, how_far: str) -> None:
    made = door.promise(MASK, PARACETAMOL)
    for code in made.codes if how_far != "planned" else made.codes[:1]:
        door.scan(made.parcel, code)
    if how_far == "ready":
        door.label(made.parcel)
    order = unpacking.Unpack(key=uuid4(), parcel=made.parcel, reason=DropReason.OTHER)
    states = {door.db.write_now(unpacking.unpack, order, door.world.volunteer, door.today, door.now) for _ in range(2)}
    assert states == {State.CANCELLED if how_far == "planned" else State.UNPACKED}
    assert [door.where(pack) for pack in made.packs] == [{"shelf": 1}] * 2
    assert door.needs(made) == {"open"}
    door.agrees()


# ---------------------------------------------------------------- label and papers


def test_a_blank_label_is_claimed_by_scanning_it_and_makes_the_parcel_ready(door: Door) -> None:
    made = door.packed(MASK)
    blank = door.db.write_now(registry.issue, 1, None, door.world.volunteer, NOW).codes[0]
    assert door.label(made.parcel, blank) == blank
    assert door.label(made.parcel, blank) == blank
    assert door.state(made.parcel) == State.READY
    door.agrees()


def test_a_label_that_stands_for_something_else_is_refused(door: Door) -> None:
    made = door.packed(MASK)
    with pytest.raises(LabelTaken):
        door.label(made.parcel, made.codes[0])
    assert door.state(made.parcel) == State.PACKED


def test_a_parcel_is_labelled_only_when_it_is_packed(door: Door) -> None:
    made = door.promise(MASK)
    with pytest.raises(WrongStep):
        door.label(made.parcel)


def say(key: str, /, **params: object) -> str:
    return f"{key} {' '.join(str(value) for value in params.values())}".strip()


def test_the_parcel_label_says_the_doors_number_and_nobodys_name(door: Door) -> None:
    made = door.packed(MASK, PARACETAMOL)
    code = door.label(made.parcel)
    paper = door.read(parcel_labels.paper, made.parcel, door.world.volunteer)
    printed = parcel_labels.printed(paper, "https://nuanxin.example", say)
    words = f"{printed} {printed.text}"
    assert str(paper.serial) in printed.text.big
    assert printed.payload == f"HTTPS://NUANXIN.EXAMPLE/L/{code}"
    assert not any(secret in words for secret in ("欧阳", "测试路", "对乙酰氨基酚", "serious"))


def test_the_leaflet_tells_every_medicine_in_full_and_warns_of_bleach_with_alcohol(door: Door) -> None:
    made = door.packed(PARACETAMOL, BLEACH, SPIRIT)
    paper = door.read(parcel_labels.paper, made.parcel, door.world.volunteer)
    blocks = leaflets.paper(paper.portions, "zh", say, ticks=("name", "allergy"), contact="0000 1234")
    told = "\n".join(str(getattr(block, "text", "")) for block in blocks)
    assert "对乙酰氨基酚片" in told
    assert "一天最多 4 次" in told
    for warning in ("sodium_hypochlorite", "ethanol", "apart"):
        assert f"leaflet.warning.{warning}" in told
    assert sum(isinstance(block, Tick) for block in blocks) == 2
    assert told.startswith("leaflet.call 0000 1234")
    assert isinstance(blocks[2], Heading)
    assert "欧阳" not in told
    assert text_pdf("title", blocks).startswith(b"%PDF")


def test_beside_each_medicine_a_qr_leads_to_its_own_leaflet_and_holds_nothing_else(door: Door) -> None:
    made = door.packed(PARACETAMOL, ISATIS, MASK)
    paper = door.read(parcel_labels.paper, made.parcel, door.world.volunteer)
    blocks = leaflets.paper(paper.portions, "zh", say, ticks=(), contact="", base_url="https://nuanxin.example")
    squares = {"HTTPS://NUANXIN.EXAMPLE/LEAFLET/MED-001", "HTTPS://NUANXIN.EXAMPLE/LEAFLET/MED-071"}
    assert {block.payload for block in blocks if isinstance(block, Qr)} == squares
    with pypdfium2.PdfDocument(text_pdf("title", blocks)) as pdf:
        seen = [found.text for page in pdf for found in zxingcpp.read_barcodes(page.render(scale=3).to_pil())]
    assert set(seen) == squares
    assert len(seen) == 2


def test_a_leaflet_for_two_people_has_a_part_for_each(door: Door) -> None:
    made = door.packed(ISATIS)
    (portion,) = door.read(parcel_labels.paper, made.parcel, door.world.volunteer).portions
    second = msgspec.structs.replace(portion, person=2)
    blocks = leaflets.paper((portion, second), "en", say, ticks=(), contact="")
    told = [str(getattr(block, "text", "")) for block in blocks]
    assert {"leaflet.for_person 1", "leaflet.for_person 2"} <= set(told)
    assert told[0] == "leaflet.write_phone"


def test_packing_needs_the_parcel_verb_of_its_own_key(door: Door) -> None:
    """A key that packed cannot be used again to take apart."""
    made, key = door.promise(MASK, BLEACH), uuid4()
    door.scan(made.parcel, made.codes[0], key=key)
    order = unpacking.Unpack(key=key, parcel=made.parcel, reason=DropReason.OTHER)
    with pytest.raises(KeyReused):
        door.db.write_now(unpacking.unpack, order, door.world.volunteer, door.today, door.now)
    assert parcels.PackLine.__struct_config__.forbid_unknown_fields


def test_a_dose_that_nobody_has_checked_is_not_told_at_the_door() -> None:
    by_code = {item.code: item for item in starter_items()}
    seen, unsure = by_code["med-001"], by_code["med-006"]
    checked = msgspec.structs.replace(unsure, verified_by="药师（演示）", verified_on=TODAY)

    def told(item: StarterItem) -> str:
        portion = leaflets.Portion(item=item, quantity=1, expiry="2028-05-31")
        return dict(leaflets.card(portion, "zh", say).facts)["starter.leaflet.dose"]

    assert unsure.leaflet is not None
    assert unsure.leaflet.zh.dose
    assert told(unsure) == "starter.note.see_insert"
    assert told(checked) == unsure.leaflet.zh.dose
    assert "一次" in told(seen)
