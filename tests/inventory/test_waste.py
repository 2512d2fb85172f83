"""What leaves the stock by no door: losses that somebody else confirms, and destruction before a witness (IN28)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, Invalid, NotFound, SamePerson
from app.base.ids import new_id
from app.base.permissions import Role
from inventory import agreement, ledger
from inventory.errors import Moved, NotEnough, NotOnShelf
from inventory.models import Lot, Movement, Pack
from inventory.moving.transfer_errors import (
    BinEmpty,
    CountDiffers,
    DisposalStep,
    LossDecided,
    NeverLost,
    NotForTheBin,
    NotInBin,
    OtherPersonNeeded,
)
from inventory.releasing import hold, release, stops
from inventory.releasing.release import RefusePack, Why
from inventory.stock import levels
from inventory.wasting import bin as waste
from inventory.wasting import disposal, losses
from inventory.wasting.bin import Aside, ClearExpired, PutBack, SetAside, WhyWaste
from inventory.wasting.disposal import HandBinOver, Reopen, SealBin, Witness
from inventory.wasting.losses import DecideLoss, FindAgain, FoundAgain, Gone, ReportLoss, WhyLost
from inventory.wasting.waste_models import DisposalLine, DisposalState, LossState
from labels import registry
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def code(world: World, pack: UUID) -> str:
    return str(world.db.read_now(registry.code_of, pack))


def where(world: World, pack: UUID) -> dict[str, int]:
    return {place.kind.value: units for place, units in world.db.read_now(ledger.whereabouts, pack)}


def agrees(world: World) -> None:
    assert world.db.read_now(lambda session: list(ledger.faults(session))) == []
    assert world.db.read_now(lambda session: list(agreement.faults(session))) == []


def run_out(world: World, *packs: UUID) -> None:
    lots = select(Pack.lot).where(Pack.id.in_(packs))
    late = update(Lot).where(Lot.id.in_(lots)).values(expiry=world.today - timedelta(days=1))
    world.db.write_now(lambda session: session.execute(late).close())


def aside(world: World, pack: UUID, *, by: str = "volunteer", **more: Any) -> Aside:
    order = SetAside(**{"key": new_id(), "station": world.station, "code": code(world, pack), **more})
    return world.db.write_now(waste.set_aside, order, world.people[by], world.today, world.now)


def clear(world: World, key: UUID | None = None) -> Aside:
    order = ClearExpired(key=key or new_id(), station=world.station)
    return world.db.write_now(waste.clear_expired, order, world.people["volunteer"], world.today, world.now)


def put_back(world: World, done: Aside) -> Aside:
    order = PutBack(key=new_id(), aside=done.aside)
    return world.db.write_now(waste.put_back, order, world.people["volunteer"], world.now)


def seal(world: World, packs: int, *, by: str = "volunteer", key: UUID | None = None) -> UUID:
    order = SealBin(key=key or new_id(), station=world.station, packs=packs, grams=350, seal="F-0007")
    return world.db.write_now(disposal.seal, order, world.people[by], world.now)


def sign(world: World, box: UUID, by: str = "medic") -> UUID:
    return world.db.write_now(disposal.witness, Witness(key=new_id(), disposal=box), world.people[by], world.now)


def hand_over(world: World, box: UUID, *, on: date | None = None, key: UUID | None = None) -> UUID:
    order = HandBinOver(
        key=key or new_id(),
        disposal=box,
        taker="东营市危险废物处置中心",
        receipt="WF-26-118",
        taken_on=on or world.today,
    )
    return world.db.write_now(disposal.hand_over, order, world.people["volunteer"], world.today, world.now)


def reopen(world: World, box: UUID) -> UUID:
    order = Reopen(key=new_id(), disposal=box, note="封错了")
    return world.db.write_now(disposal.reopen, order, world.people["volunteer"], world.now)


# ---------------------------------------------------------------- the waste box


def test_what_is_damaged_goes_from_the_shelf_into_the_waste_box_and_back(world: World) -> None:
    pack = world.shelved(MASKS, quantity=6)
    with pytest.raises(Invalid):
        aside(world, pack)
    done = aside(world, pack, quantity=2, why=WhyWaste.DAMAGED)
    assert where(world, pack) == {"shelf": 4, "bin": 2}
    put_back(world, done)
    assert where(world, pack) == {"shelf": 6}
    with pytest.raises(NotInBin):
        put_back(world, done)
    with pytest.raises(NotEnough):
        aside(world, pack, quantity=7, why=WhyWaste.DAMAGED)
    agrees(world)


def test_what_lies_in_the_waste_box_is_promised_to_nobody(world: World) -> None:
    pack = world.shelved(MASKS, quantity=6)
    aside(world, pack, why=WhyWaste.SPOILT)
    found = world.db.read_now(levels.levels, world.people["volunteer"], world.today)
    units = next((one.units for one in found.totals if one.item == world.items[MASKS]), levels.Units())
    assert (units.available, units.held, units.expired) == (0, 0, 0)


def test_good_goods_in_hold_are_for_a_second_person_to_refuse(world: World) -> None:
    held, quarantined = world.pack(MASKS), world.pack(MASKS, declared=False)
    for pack in (held, quarantined):
        with pytest.raises(NotForTheBin):
            aside(world, pack, why=WhyWaste.DAMAGED)
    run_out(world, held)
    assert aside(world, held).why == "expired"


def test_what_is_being_looked_into_stays_at_hand(world: World) -> None:
    pack = world.shelved(MASKS)
    world.db.write_now(stops.stop, [pack], "twin", world.people["office"], world.now)
    with pytest.raises(NotForTheBin):
        aside(world, pack, why=WhyWaste.DAMAGED)
    run_out(world, pack)
    with pytest.raises(BinEmpty):
        clear(world)


def test_all_that_has_run_out_goes_in_one_go_and_comes_out_in_one_go(world: World) -> None:
    """food-basket-delivery #667: "oops" restores all rows of a bulk action."""
    packs = [world.shelved(MASKS, lot_number=f"L{n}", quantity=n) for n in (1, 2, 3)]
    held, good = world.pack(PARACETAMOL), world.shelved(MASKS, lot_number="good")
    run_out(world, *packs, held)
    before = [where(world, pack) for pack in (*packs, held)]
    key = new_id()
    done = clear(world, key)
    assert clear(world, key) == done
    assert (done.packs, done.quantity) == (4, 7)
    assert [where(world, pack) for pack in packs] == [{"bin": 1}, {"bin": 2}, {"bin": 3}]
    assert where(world, good) == {"shelf": 1}
    put_back(world, done)
    assert [where(world, pack) for pack in (*packs, held)] == before
    agrees(world)


def test_a_bulk_undo_puts_all_back_or_nothing(world: World) -> None:
    packs = [world.shelved(MASKS, lot_number=f"L{n}") for n in (1, 2)]
    run_out(world, *packs)
    done = clear(world)
    seal(world, 2)
    with pytest.raises(Moved):
        put_back(world, done)
    assert [where(world, pack) for pack in packs] == [{"bin": 1}, {"bin": 1}]
    agrees(world)


def test_what_has_run_out_stays_good_through_its_last_day(world: World) -> None:
    pack = world.shelved(MASKS)
    lot = select(Pack.lot).where(Pack.id == pack).scalar_subquery()
    today = update(Lot).where(Lot.id == lot).values(expiry=world.today)
    world.db.write_now(lambda session: session.execute(today).close())
    with pytest.raises(BinEmpty):
        clear(world)


def test_the_waste_box_is_its_station_s_own(world: World) -> None:
    pack = world.shelved(MASKS)
    with pytest.raises(NotFound):
        aside(world, pack, by="elsewhere", why=WhyWaste.DAMAGED)
    with pytest.raises(NotForTheBin):
        aside(world, pack, by="elsewhere", station=world.other_station, why=WhyWaste.DAMAGED)
    done = aside(world, pack, why=WhyWaste.DAMAGED)
    with pytest.raises(NotFound):
        world.db.write_now(
            waste.put_back, PutBack(key=new_id(), aside=done.aside), world.people["elsewhere"], world.now
        )


# ---------------------------------------------------------------- with a witness


def test_goods_are_destroyed_counted_weighed_sealed_witnessed_and_against_a_receipt(world: World) -> None:
    first, second = world.shelved(MASKS, quantity=6), world.shelved(PARACETAMOL)
    label = code(world, first)
    aside(world, first, why=WhyWaste.DAMAGED)
    aside(world, second, quantity=1, why=WhyWaste.OPENED)
    with pytest.raises(CountDiffers) as no:
        seal(world, 3)
    assert no.value.params == {"counted": 3, "booked": 2}
    box = seal(world, 2)
    with pytest.raises(DisposalStep):
        hand_over(world, box)
    sign(world, box)
    agrees(world)
    key = new_id()
    assert hand_over(world, box, key=key) == hand_over(world, box, key=key)
    assert (where(world, first), where(world, second)) == ({}, {})
    found = world.db.read_now(disposal.disposal, box, world.people["auditor"])
    assert (found.row.state, found.row.packs, found.row.units) == (DisposalState.HANDED_OVER, 2, 7)
    assert (found.sealed_by, found.witness, found.witness_role) == ("volunteer", "medic", "medic")
    assert (found.taker, found.receipt) == ("东营市危险废物处置中心", "WF-26-118")
    ended = world.db.read_now(registry.look_up, label)
    assert ended is not None
    assert ended.state.value == "void"
    agrees(world)


def test_nothing_of_a_box_that_was_handed_over_comes_back(world: World) -> None:
    pack = world.shelved(MASKS)
    done = aside(world, pack, why=WhyWaste.DAMAGED)
    box = seal(world, 1)
    sign(world, box)
    hand_over(world, box)
    with pytest.raises(DisposalStep):
        reopen(world, box)
    with pytest.raises(Moved):
        put_back(world, done)
    with pytest.raises(DisposalStep):
        hand_over(world, box)


def test_a_sealed_box_is_opened_again_before_it_is_handed_over(world: World) -> None:
    pack = world.shelved(MASKS)
    done = aside(world, pack, why=WhyWaste.DAMAGED)
    box = seal(world, 1)
    sign(world, box)
    reopen(world, box)
    with pytest.raises(DisposalStep):
        hand_over(world, box)
    assert put_back(world, done).packs == 1
    assert where(world, pack) == {"shelf": 1}
    agrees(world)


def test_the_witness_is_somebody_else_who_may(world: World) -> None:
    aside(world, world.shelved(MASKS), why=WhyWaste.DAMAGED)
    box = seal(world, 1)
    for by in ("volunteer", "second", "auditor"):
        with pytest.raises(Forbidden):
            sign(world, box, by)
    promoted = replace(world.people["volunteer"], role=Role.COORDINATOR, communities=frozenset({world.community}))
    world.people["promoted"] = promoted
    with pytest.raises(SamePerson):
        sign(world, box, "promoted")
    sign(world, box, "coordinator")
    with pytest.raises(DisposalStep):
        sign(world, box, "office")


def test_a_witness_of_another_community_does_not_see_the_box(world: World) -> None:
    aside(world, world.shelved(MASKS), why=WhyWaste.DAMAGED)
    box = seal(world, 1)
    world.people["far"] = replace(world.people["medic"], communities=frozenset({new_id()}))
    with pytest.raises(NotFound):
        sign(world, box, "far")
    with pytest.raises(NotFound):
        world.db.read_now(disposal.disposal, box, world.people["elsewhere"])
    assert world.db.read_now(disposal.disposals, world.people["elsewhere"]) == ()


def test_an_empty_box_is_not_sealed_and_none_is_handed_over_on_a_day_to_come(world: World) -> None:
    with pytest.raises(BinEmpty):
        seal(world, 1)
    aside(world, world.shelved(MASKS), why=WhyWaste.DAMAGED)
    key = new_id()
    box = seal(world, 1, key=key)
    assert seal(world, 1, key=key) == box
    sign(world, box)
    with pytest.raises(Invalid):
        hand_over(world, box, on=world.today + timedelta(days=1))


def test_what_a_second_person_refused_is_destroyed_with_a_witness_too(world: World) -> None:
    pack = world.pack(PARACETAMOL)
    order = RefusePack(key=new_id(), pack=pack, reason=Why.DAMAGED)
    world.db.write_now(release.refuse, order, world.people["medic"], world.today, world.now)
    assert where(world, pack) == {"bin": 1}
    box = seal(world, 1)
    sign(world, box)
    hand_over(world, box)
    assert where(world, pack) == {}
    agrees(world)


def test_a_box_s_record_cannot_be_rewritten(world: World) -> None:
    aside(world, world.shelved(MASKS), why=WhyWaste.DAMAGED)
    seal(world, 1)
    for statement in (update(DisposalLine).values(quantity=9), delete(DisposalLine)):
        with pytest.raises(DBAPIError):
            world.db.write_now(lambda session, one=statement: session.execute(one).close())


# ---------------------------------------------------------------- losses


def lose(world: World, pack: UUID, quantity: int = 1, *, by: str = "volunteer", **more: Any) -> Gone:
    order = ReportLoss(
        **{
            "key": new_id(), "station": world.station, "pack": pack, "quantity": quantity, "why": WhyLost.MISSING,
            "note": "货架上没有", **more,
        }
    )  # fmt: skip
    return world.db.write_now(losses.report, order, world.people[by], world.today, world.now)


def decide(world: World, gone: Gone, confirmed: bool = True, by: str = "coordinator") -> LossState:
    order = DecideLoss(key=new_id(), loss=gone.loss, confirmed=confirmed)
    return world.db.write_now(losses.decide, order, world.people[by], world.now)


def find(world: World, pack: UUID, quantity: int = 1) -> FoundAgain:
    order = FindAgain(key=new_id(), station=world.station, code=code(world, pack), quantity=quantity, note="在货架后面")
    return world.db.write_now(losses.find, order, world.people["volunteer"], world.today, world.now)


def test_a_small_loss_of_supplies_stands_and_a_larger_one_wants_another_person(world: World) -> None:
    pack = world.shelved(MASKS, quantity=9)
    assert lose(world, pack, 2).state is LossState.ALONE
    gone = lose(world, pack, 3)
    assert gone.state is LossState.WAITING
    assert where(world, pack) == {"shelf": 4}
    assert decide(world, gone) is LossState.APPROVED
    with pytest.raises(LossDecided):
        decide(world, gone)
    agrees(world)


def test_a_medicine_is_never_written_off_alone(world: World) -> None:
    gone = lose(world, world.shelved(PARACETAMOL, quantity=2), 1)
    assert gone.state is LossState.WAITING
    (row,) = world.db.read_now(losses.losses, world.people["coordinator"])
    assert row.decides
    assert not world.db.read_now(losses.losses, world.people["volunteer"])[0].decides


def test_what_is_lost_is_not_available_while_it_waits_for_a_word(world: World) -> None:
    pack = world.shelved(PARACETAMOL, quantity=3)
    lose(world, pack, 3)
    found = world.db.read_now(levels.levels, world.people["volunteer"], world.today)
    assert next(one for one in found.totals if one.item == world.items[PARACETAMOL]).units.available == 0


def test_a_loss_that_is_not_believed_is_put_back(world: World) -> None:
    pack = world.shelved(PARACETAMOL, quantity=3)
    gone = lose(world, pack, 3)
    assert decide(world, gone, False) is LossState.REFUSED
    assert where(world, pack) == {"shelf": 3}
    agrees(world)


def test_nobody_confirms_the_own_report(world: World) -> None:
    gone = lose(world, world.shelved(PARACETAMOL), 1)
    with pytest.raises(Forbidden):
        decide(world, gone, by="second")
    world.people["promoted"] = replace(
        world.people["volunteer"], role=Role.COORDINATOR, communities=frozenset({world.community})
    )
    with pytest.raises(OtherPersonNeeded):
        decide(world, gone, by="promoted")


def test_what_is_promised_or_not_there_is_not_written_off(world: World) -> None:
    with pytest.raises(NotOnShelf):
        lose(world, world.pack(MASKS))
    with pytest.raises(NotEnough):
        lose(world, world.shelved(MASKS, quantity=2), 3)
    with pytest.raises(NotFound):
        lose(world, world.shelved(MASKS), by="elsewhere")
    with pytest.raises(NotFound):
        lose(world, new_id())


def test_what_turns_up_again_waits_to_be_released_anew_and_never_more_than_was_lost(world: World) -> None:
    pack = world.shelved(PARACETAMOL, quantity=3)
    with pytest.raises(NeverLost):
        find(world, pack)
    decide(world, lose(world, pack, 2))
    find(world, pack, 1)
    assert where(world, pack) == {"shelf": 1, "hold": 1}
    assert world.db.read_now(hold.held, pack, world.today) is not None
    with pytest.raises(NeverLost):
        find(world, pack, 2)
    find(world, pack, 1)
    with pytest.raises(NeverLost):
        find(world, pack, 1)
    agrees(world)


def test_given_back_to_the_donor_is_no_loss_and_is_confirmed(world: World) -> None:
    pack = world.shelved(MASKS)
    gone = lose(world, pack, 1, why=WhyLost.GIVEN_BACK)
    assert gone.state is LossState.WAITING
    assert world.db.read_now(ledger.history, pack)[-1].target == ledger.DONOR
    with pytest.raises(NeverLost):
        find(world, pack)


def test_reported_twice_it_is_lost_once(world: World) -> None:
    pack, key = world.shelved(MASKS, quantity=6), new_id()
    assert lose(world, pack, 2, key=key) == lose(world, pack, 2, key=key)
    assert where(world, pack) == {"shelf": 4}
    lost = select(func.count()).where(Movement.reason == losses.LOST)
    assert world.db.read_now(lambda session: session.execute(lost).scalar_one()) == 1
