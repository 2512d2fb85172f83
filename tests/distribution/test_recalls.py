"""A recall stops everything at once, finds every pack and door, and closes only when nothing of it is left open."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from app.base import accounts
from app.base.db import Database
from app.base.errors import Forbidden, Invalid, NotFound
from app.base.models import AuditNote
from app.base.permissions import SYSTEM, Actor, Role, ScopeKind
from distribution import recall_reach, recalling
from distribution.door_errors import RecalledPack
from distribution.journey import State
from distribution.recall_models import CallOutcome, RecallCall
from distribution.recalling import CloseRecall, OpenKit, RecordCall
from inventory.cataloguing.catalogue_models import ItemNumber
from inventory.errors import NotReleasable, RecallOver, RecallUnfinished, UnknownItem
from inventory.kitting.kit_bags import TakenApart
from inventory.kitting.kit_errors import KitRecalled
from inventory.models import Barcode, Lot, PlaceKind
from inventory.recalling import recall_lines, recalls
from inventory.recalling.recall_models import RecallCriterion
from inventory.recalling.recalls import Criterion, NewRecall, Withdraw
from inventory.releasing import release
from inventory.releasing.release import ReleasePack
from tests.distribution.door_world import BLEACH, MASK, PARACETAMOL, Door, item_of
from tests.distribution.kit_world import assembled

EVERY_BATCH = ""


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Door:
    return Door(db, tmp_path / "keys")


@pytest.fixture
def medic(door: Door) -> Actor:
    def hired(session: Any) -> Actor:
        new = accounts.NewAccount(role=Role.MEDIC, handle="P9")
        account = accounts.create(session, door.world.vault, new, SYSTEM, door.now)
        scope = {"account": account, "kind": ScopeKind.COMMUNITY, "scope": door.world.community}
        session.execute(insert(accounts.AccountScope).values(**scope))
        return accounts.actor_of(session, account)

    return door.db.write_now(hired)


def recall(door: Door, *criteria: Criterion, key: UUID | None = None) -> UUID:
    new = NewRecall(key=key or uuid4(), title="召回", severity=1, criteria=criteria)
    made = door.db.write_now(recalls.open_recall, new, SYSTEM, door.today, door.now)
    while door.db.write_now(recalling.pull, made, SYSTEM, door.now):
        continue
    return made


def of_item(door: Door, code: str, lot: str = "A1") -> Criterion:
    return Criterion(item=door.read(item_of, code), lot_number=lot)


def reach(door: Door, made: UUID, actor: Actor = SYSTEM) -> recall_reach.Reach:
    found: recall_reach.Reach = door.read(recall_reach.reach, made, actor)
    return found


def called(door: Door, made: UUID, line: UUID, outcome: CallOutcome, actor: Actor | None = None) -> None:
    told = RecordCall(key=uuid4(), recall=made, line=line, outcome=outcome)
    door.db.write_now(recalling.record_call, door.world.vault, told, actor or door.world.coordinator, door.now)


def close(door: Door, made: UUID) -> recalling.Report:
    order = CloseRecall(key=uuid4(), recall=made)
    return door.db.write_now(recalling.close, door.world.vault, order, SYSTEM, door.today, door.now)


# ---------------------------------------------------------------- stop at once


def test_what_stands_on_a_shelf_goes_to_quarantine_at_every_station(door: Door) -> None:
    near, _ = door.shelve(MASK)
    far, _ = door.shelve(MASK, station=door.world.other_station)
    held, _ = door.shelve(MASK, kind=PlaceKind.HOLD)
    other, _ = door.shelve(MASK, lot="B7")
    recall(door, of_item(door, MASK))
    assert [door.where(pack) for pack in (near, far, held)] == [{"quarantine": 1}] * 3
    assert door.where(other) == {"shelf": 1}
    door.agrees()


def test_a_recall_of_every_batch_takes_every_batch(door: Door) -> None:
    packs = [door.shelve(MASK, lot=lot)[0] for lot in ("A1", "B7")]
    recall(door, of_item(door, MASK, EVERY_BATCH))
    assert [door.where(pack) for pack in packs] == [{"quarantine": 1}] * 2


def test_the_batch_is_compared_without_blanks_and_capitals(door: Door) -> None:
    pack, _ = door.shelve(MASK, lot="AB12")
    recall(door, of_item(door, MASK, "ａb 12"))
    assert door.where(pack) == {"quarantine": 1}


def test_what_was_promised_is_promised_no_more_and_the_need_is_open_again(door: Door) -> None:
    made = door.promise(MASK)
    recall(door, of_item(door, MASK))
    assert door.where(made.packs[0]) == {"quarantine": 1}
    assert door.needs(made) == {"open"}
    assert door.state(made.parcel) == State.CANCELLED
    door.agrees()


def test_a_bag_loses_only_the_promise_that_is_called_back(door: Door) -> None:
    made = door.promise(MASK, PARACETAMOL)
    recall(door, of_item(door, MASK))
    assert door.state(made.parcel) == State.PLANNED
    assert [door.where(pack) for pack in made.packs] == [{"quarantine": 1}, {"reserved": 1}]


def test_a_packed_bag_does_not_leave_the_station(door: Door) -> None:
    made = door.packed(MASK)
    door.planned(made)
    recall(door, of_item(door, MASK))
    with pytest.raises(RecalledPack):
        door.take_over(made.parcel)


def test_a_bag_on_its_way_is_not_handed_over(door: Door) -> None:
    made = door.out(MASK)
    found = recall(door, of_item(door, MASK))
    with pytest.raises(RecalledPack):
        door.hand_over(made.parcel)
    (one,) = reach(door, found).parcels
    assert (one.parcel, one.state, one.carrier) == (made.parcel, State.OUT, "M1")


def test_a_called_back_pack_is_released_by_nobody(door: Door, medic: Actor) -> None:
    pack, _ = door.shelve(PARACETAMOL, kind=PlaceKind.HOLD)
    recall(door, of_item(door, PARACETAMOL))
    with pytest.raises(NotReleasable):
        door.db.write_now(
            release.release, ReleasePack(key=uuid4(), pack=pack), medic, door.today, door.now
        )  # fmt: skip


def test_a_recall_sent_twice_is_one(door: Door) -> None:
    key = uuid4()
    assert recall(door, of_item(door, MASK), key=key) == recall(door, of_item(door, MASK), key=key)
    assert len(door.read(recall_reach.listed, SYSTEM)) == 1


# ---------------------------------------------------------------- how it is named


def test_a_product_code_calls_back_every_item_it_stands_on(door: Door) -> None:
    gtin, mask = "06901234567892", door.read(item_of, MASK)
    door.db.write_now(lambda session: session.execute(insert(Barcode).values(gtin=gtin, item=mask)))
    pack, _ = door.shelve(MASK)
    recall(door, Criterion(gtin="6901234567892", lot_number="A1"))
    assert door.where(pack) == {"quarantine": 1}


def test_an_approval_number_calls_back_the_item_it_stands_on(door: Door) -> None:
    row = {"number": "国药准字H12345678", "item": door.read(item_of, MASK), "kind": "approval"}
    door.db.write_now(lambda session: session.execute(insert(ItemNumber).values(**row)))
    pack, _ = door.shelve(MASK)
    recall(door, Criterion(approval="国药准字 Ｈ12345678"))
    assert door.where(pack) == {"quarantine": 1}


def test_a_product_code_that_is_learnt_later_is_found_at_night(door: Door) -> None:
    gtin, mask = "06901234567892", door.read(item_of, MASK)
    pack, _ = door.shelve(MASK)
    made = recall(door, Criterion(gtin=gtin))
    assert door.where(pack) == {"shelf": 1}
    door.db.write_now(lambda session: session.execute(insert(Barcode).values(gtin=gtin, item=mask)))
    door.db.write_now(recalls.mark, door.today)
    while door.db.write_now(recalling.pull, made, SYSTEM, door.now):
        continue
    assert door.where(pack) == {"quarantine": 1}


@pytest.mark.parametrize(
    "criterion", [{}, {"gtin": "6901234567892", "approval": "国药准字H12345678"}], ids=["nothing", "two things"]
)
def test_a_criterion_names_exactly_one_product(door: Door, criterion: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        recall(door, Criterion(**criterion))


def test_an_item_that_is_not_there_cannot_be_called_back(door: Door) -> None:
    with pytest.raises(UnknownItem):
        recall(door, Criterion(item=uuid4()))
    assert door.column(RecallCriterion.id) == []


def test_a_list_on_paper_is_read_line_by_line(door: Door) -> None:
    text = f"{MASK} A1\n国药准字Ｈ１２３４５６７８　240601\n\n6901234567892\n"
    read = door.read(recall_lines.criteria, text)
    assert [one.lot_number for one in read] == ["A1", "240601", ""]
    assert read[0].item == door.read(item_of, MASK)
    assert (read[1].approval, read[2].gtin) == ("国药准字H12345678", "6901234567892")


def test_every_line_that_is_not_understood_is_named(door: Door) -> None:
    with pytest.raises(Invalid) as no:
        door.read(recall_lines.criteria, f"{MASK}\n感冒药\n6901234567893\n")
    assert [params["line"] for _, _, params in no.value.faults] == [2, 3]


# ---------------------------------------------------------------- intake


def test_goods_of_a_recall_are_recognised_at_the_counter_by_any_of_their_names(door: Door) -> None:
    mask, other = door.read(item_of, MASK), door.read(item_of, PARACETAMOL)
    recall(door, of_item(door, MASK), Criterion(gtin="6901234567892"), Criterion(approval="国药准字H12345678"))
    assert door.read(recalls.is_called_back, mask, "A1")
    assert not door.read(recalls.is_called_back, mask, "A2")
    assert door.read(recalls.is_called_back, other, "X", "6901234567892")
    assert door.read(recalls.is_called_back, other, "X", None, "国药准字 H12345678")
    assert not door.read(recalls.is_called_back, other, "X", None, "")


# ---------------------------------------------------------------- care parcels


def open_kit(door: Door, found: UUID, bag: UUID, actor: Actor) -> TakenApart:
    order = OpenKit(key=uuid4(), recall=found, bag=bag)
    return door.db.write_now(recalling.open_kit, order, actor, door.today, door.now)


def test_what_is_called_back_inside_a_care_parcel_is_stopped_where_it_is(door: Door, medic: Actor) -> None:
    bag = assembled(door, MASK, BLEACH)
    found = recall(door, of_item(door, MASK, "K1"))
    (one,) = reach(door, found, medic).stands
    assert (one.place_kind, one.bag, one.bag_ends) == (PlaceKind.KIT, bag.id, bag.code[-4:])
    assert (one.loose, one.safe, one.mine) == (False, False, True)
    row = reach(door, found).recall
    assert (row.loose, row.in_kits) == (0, 1)
    door.agrees()


def test_a_care_parcel_with_a_recalled_part_goes_into_no_bag_for_a_door(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    recall(door, of_item(door, MASK, "K1"))
    with pytest.raises(KitRecalled):
        door.scan(made.parcel, bag.code)
    assert door.where(bag.packs[0]) == {"kit": 1}


def test_a_care_parcel_in_a_parcel_does_not_leave_the_station_with_a_recalled_part(door: Door) -> None:
    made, bag = door.promise(MASK, BLEACH), assembled(door, MASK, BLEACH)
    door.scan(made.parcel, bag.code)
    door.planned(made)
    recall(door, of_item(door, MASK, "K1"))
    with pytest.raises(RecalledPack):
        door.take_over(made.parcel)


def test_no_recall_closes_over_a_care_parcel_until_it_is_taken_apart(door: Door, medic: Actor) -> None:
    bag = assembled(door, MASK, BLEACH)
    found = recall(door, of_item(door, MASK, "K1"))
    with pytest.raises(RecallUnfinished) as no:
        close(door, found)
    assert no.value.params == {"loose": 0, "kits": 1, "parcels": 0, "doors": 0}
    done = open_kit(door, found, bag.id, medic)
    assert (done.shelved, done.quarantined) == (1, 1)
    assert [door.where(pack) for pack in bag.packs] == [{"quarantine": 1}, {"shelf": 1}]
    report = close(door, found)
    assert (report.came, report.in_quarantine) == (1, 1)
    door.agrees()


def test_only_those_who_assemble_or_work_recalls_take_a_recalled_care_parcel_apart(door: Door) -> None:
    bag = assembled(door, MASK)
    found = recall(door, of_item(door, MASK, "K1"))
    with pytest.raises(Forbidden):
        open_kit(door, found, bag.id, door.world.coordinator)
    with pytest.raises(NotFound):
        open_kit(door, found, bag.id, door.world.far_volunteer)
    assert open_kit(door, found, bag.id, door.world.volunteer).quarantined == 1


def test_a_recall_takes_no_care_parcel_apart_that_it_does_not_reach(door: Door) -> None:
    bag = assembled(door, BLEACH)
    found = recall(door, of_item(door, MASK))
    with pytest.raises(NotFound):
        open_kit(door, found, bag.id, door.world.volunteer)
    assert door.where(bag.packs[0]) == {"kit": 1}


def test_another_station_sees_no_care_parcel_of_this_one_and_takes_none_apart(door: Door) -> None:
    assembled(door, MASK)
    found = recall(door, of_item(door, MASK, "K1"))
    assert reach(door, found, door.world.far_volunteer).stands == ()
    auditor = Actor(account=uuid4(), role=Role.AUDITOR)
    assert [one.mine for one in reach(door, found, auditor).stands] == [False]


# ---------------------------------------------------------------- doors


def test_every_door_it_reached_is_on_the_call_list_without_a_name(door: Door) -> None:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    found = recall(door, of_item(door, MASK))
    (one,) = reach(door, found).doors
    assert (one.parcel, one.quantity, one.settled) == (made.parcel, 1, False)
    assert "测试" not in repr(reach(door, found))


def test_the_name_is_opened_for_a_call_and_written_down(door: Door) -> None:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    found = recall(door, of_item(door, MASK))
    (one,) = reach(door, found).doors
    args = (door.world.vault, found, one.line, door.world.coordinator, door.today, door.now)
    opened = door.db.write_now(recalling.open_door, *args)
    assert (opened.called.name, opened.phone) == ("欧阳测试", "13800138000")
    notes = door.column(AuditNote.verb, AuditNote.actor == door.world.coordinator.account)
    assert {"resident.read-name", "resident.read-phone"} <= set(notes)


def test_a_medic_works_the_recall_and_learns_no_name(door: Door, medic: Actor) -> None:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    found = recall(door, of_item(door, MASK))
    (one,) = reach(door, found, medic).doors
    with pytest.raises(Forbidden):
        door.db.write_now(
            recalling.open_door, door.world.vault, found, one.line, medic, door.today, door.now
        )  # fmt: skip


def test_somebody_elses_line_opens_no_door(door: Door) -> None:
    given = door.out(PARACETAMOL)
    door.hand_over(given.parcel)
    found = recall(door, of_item(door, MASK))
    line = door.column(recalling.ParcelLine.id, recalling.ParcelLine.parcel == given.parcel)[0]
    with pytest.raises(NotFound):
        door.db.write_now(
            recalling.open_door, door.world.vault, found, line, door.world.coordinator, door.today, door.now
        )  # fmt: skip


def test_how_a_call_ended_is_kept_sealed(door: Door) -> None:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    found = recall(door, of_item(door, MASK))
    called(door, found, reach(door, found).doors[0].line, CallOutcome.TAKEN_UNWELL)
    (kept,) = door.column(RecallCall.outcome)
    assert b"unwell" not in kept


def test_somebody_who_did_not_answer_stays_on_the_list(door: Door) -> None:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    found = recall(door, of_item(door, MASK))
    line = reach(door, found).doors[0].line
    called(door, found, line, CallOutcome.NO_ANSWER)
    assert not reach(door, found).doors[0].settled
    called(door, found, line, CallOutcome.NOT_TAKEN)
    (one,) = reach(door, found).doors
    assert (one.settled, one.calls) == (True, 2)


# ---------------------------------------------------------------- the end of it


def test_a_recall_closes_with_every_unit_accounted_for(door: Door) -> None:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    door.shelve(MASK)
    found = recall(door, of_item(door, MASK))
    called(door, found, reach(door, found).doors[0].line, CallOutcome.TAKEN_WELL)
    report = close(door, found)
    assert (report.came, report.handed_over, report.in_quarantine, report.doors) == (2, 1, 1, 1)
    assert report.calls == {"taken_well": 1}
    assert door.column(Lot.recalled_on, Lot.number == "A1", Lot.recalled_on.is_not(None))
    with pytest.raises(RecallOver):
        close(door, found)


def test_no_recall_closes_over_a_door_that_nobody_called(door: Door) -> None:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    found = recall(door, of_item(door, MASK))
    with pytest.raises(RecallUnfinished):
        close(door, found)


def test_no_recall_closes_over_a_bag_that_still_holds_it(door: Door) -> None:
    door.packed(MASK)
    found = recall(door, of_item(door, MASK))
    assert reach(door, found).balance.loose == 1
    with pytest.raises(RecallUnfinished):
        close(door, found)


def test_a_mistaken_recall_lets_its_lots_be_released_anew(door: Door) -> None:
    pack, _ = door.shelve(MASK)
    found = recall(door, of_item(door, MASK))
    order = Withdraw(key=uuid4(), recall=found, why="看错了批号")
    door.db.write_now(recalls.withdraw, order, SYSTEM, door.now)
    assert door.where(pack) == {"quarantine": 1}
    assert not door.read(recalls.pack_is_recalled, pack)
    assert not door.read(recalls.is_called_back, door.read(item_of, MASK), "A1")


def test_a_lot_that_two_recalls_name_stays_recalled_when_one_is_withdrawn(door: Door) -> None:
    pack, _ = door.shelve(MASK)
    recall(door, of_item(door, MASK, EVERY_BATCH))
    order = Withdraw(key=uuid4(), recall=recall(door, of_item(door, MASK)), why="重复")
    door.db.write_now(recalls.withdraw, order, SYSTEM, door.now)
    assert door.read(recalls.pack_is_recalled, pack)


def test_another_stations_volunteer_sees_only_the_own_packs(door: Door) -> None:
    here, _ = door.shelve(MASK)
    there, _ = door.shelve(MASK, station=door.world.other_station)
    found = recall(door, of_item(door, MASK))
    assert [one.pack for one in reach(door, found, door.world.volunteer).stands] == [here]
    assert [one.pack for one in reach(door, found, door.world.far_volunteer).stands] == [there]


def test_another_community_s_coordinator_opens_no_door_and_records_no_call(door: Door) -> None:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    found = recall(door, of_item(door, MASK))
    line = reach(door, found).doors[0].line
    stranger = Actor(account=uuid4(), role=Role.COORDINATOR, communities=frozenset({uuid4()}))
    assert reach(door, found, stranger).doors == ()
    with pytest.raises(NotFound):
        called(door, found, line, CallOutcome.NOT_TAKEN, stranger)
    with pytest.raises(NotFound):
        door.db.write_now(recalling.open_door, door.world.vault, found, line, stranger, door.today, door.now)
    assert door.column(RecallCall.id) == []
