"""Any act is taken back by its opposite, whole or not at all, and never past a count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import KeyReused, NotFound, Refusal
from app.base.ids import new_id
from inventory import ledger, stations
from inventory.counting.stocktake_models import LineState, Reversal, StocktakeState
from inventory.errors import AlreadyReversed, Moved, OnlyQuarantine, SittingOver
from inventory.models import DonationLine, Lot, Movement
from inventory.moving import splits
from inventory.releasing import release
from inventory.releasing.release import RefusePack, ReleaseMany, ReleasePack
from inventory.releasing.release import Why as WhyRefused
from inventory.undoing import undo
from inventory.undoing.undo import Undo, Undone, Why
from inventory.undoing.undo_errors import UndoAfterCount, UndoNotKnown, UndoOnParcel
from inventory.wasting import losses
from inventory.wasting.losses import ReportLoss, WhyLost
from inventory.wasting.waste_models import Loss, LossState
from labels import registry
from tests.conftest import Hands
from tests.inventory import world as worlds
from tests.inventory.count_world import Hall
from tests.inventory.ledger_words import reasons_in_source
from tests.inventory.test_stocktake import OTHER, QUARANTINE, SHELF, bag, differing
from tests.inventory.world import MASKS, PARACETAMOL


@pytest.fixture
def hall(db: Database, clock: Clock, hands: Hands, tmp_path: Path) -> Hall:
    return Hall(worlds.build(db, clock, tmp_path / "keys"), hands)


def last(hall: Hall, pack: UUID, reason: str) -> UUID:
    wanted = select(Movement.id).where(Movement.pack == pack, Movement.reason == reason, Movement.reverses.is_(None))
    return hall.db.read_now(lambda session: session.execute(wanted.order_by(Movement.id.desc())).scalars().first())  # type: ignore[return-value]


def take_back(hall: Hall, movement: UUID, by: str = "volunteer", *, key: UUID | None = None) -> Undone:
    order = Undo(key=key or new_id(), movement=movement, why=Why.WRONG_THING)
    done: Undone = hall.do(undo.undo, order, by, hall.world.today)
    return done


# ---------------------------------------------------------------- all of it or nothing


def test_oops_restores_every_row_of_a_bulk_act(hall: Hall) -> None:
    """food-basket-delivery #667: an undo of a bulk action brought back some rows of it only."""
    packs = [hall.world.pack(MASKS) for _ in range(4)]
    orders = ReleaseMany(packs=tuple(ReleasePack(key=new_id(), pack=pack) for pack in packs), batch=new_id())
    hall.do(release.release_many, orders, "second", hall.world.today)
    assert {name for pack in packs for name in hall.where(pack)} == {SHELF}
    done = take_back(hall, last(hall, packs[2], "release"), "second")
    assert (done.movements, set(done.packs)) == (4, set(packs))
    assert {name for pack in packs for name in hall.where(pack)} == {"留存箱"}


def test_a_bulk_act_of_which_one_thing_has_gone_on_is_not_undone_at_all(hall: Hall) -> None:
    packs = [hall.world.pack(MASKS) for _ in range(3)]
    orders = ReleaseMany(packs=tuple(ReleasePack(key=new_id(), pack=pack) for pack in packs), batch=new_id())
    hall.do(release.release_many, orders, "second", hall.world.today)
    hall.give_out(packs[1], 1, SHELF)
    with pytest.raises(Moved):
        take_back(hall, last(hall, packs[0], "release"), "second")
    assert hall.where(packs[0]) == {SHELF: 1}


def test_a_receipt_taken_back_ends_its_label_and_marks_its_line(hall: Hall) -> None:
    pack = hall.world.pack(MASKS)
    take_back(hall, last(hall, pack, "receive"))
    assert hall.where(pack) == {}
    assert hall.db.read_now(registry.code_of, pack) is None
    marked = select(DonationLine.taken_back_at).where(DonationLine.pack == pack)
    assert hall.db.read_now(lambda session: session.execute(marked).scalar_one()) is not None


def test_what_was_sent_to_disposal_comes_back_to_where_it_waited_with_a_fresh_label(hall: Hall) -> None:
    pack = hall.world.pack(MASKS)
    before = hall.db.read_now(registry.code_of, pack)
    hall.do(release.refuse, RefusePack(key=new_id(), pack=pack, reason=WhyRefused.OTHER), "second", hall.world.today)
    done = take_back(hall, last(hall, pack, "refuse"), "second")
    now = hall.db.read_now(registry.code_of, pack)
    assert (hall.where(pack), done.relabelled) == ({"留存箱": 1}, (pack,))
    assert now is not None
    assert now != before


def test_a_split_taken_back_makes_one_bag_again(hall: Hall) -> None:
    pack = bag(hall)
    shelf = hall.db.read_now(stations.places, hall.world.station).shelf
    args = (pack, 3, shelf, None, hall.world.people["volunteer"])
    part = hall.db.write_now(splits.split, *args, hall.later())
    take_back(hall, last(hall, part.pack, "split"))
    assert (hall.where(pack), hall.where(part.pack)) == ({SHELF: 10}, {})
    assert hall.db.read_now(registry.code_of, part.pack) is None
    assert hall.faults() == []


def test_a_loss_taken_back_is_no_loss_any_more(hall: Hall) -> None:
    pack = bag(hall)
    order = ReportLoss(
        key=new_id(), station=hall.world.station, pack=pack, quantity=2, why=WhyLost.MISSING, note="找不到"
    )
    gone = hall.do(losses.report, order, "volunteer", hall.world.today)
    take_back(hall, last(hall, pack, losses.LOST))
    assert hall.where(pack) == {SHELF: 10}
    assert hall.db.read_now(lambda session: session.get_one(Loss, gone.loss).state) is LossState.REFUSED


def test_a_release_taken_back_may_be_made_again_but_not_by_who_brought_it_in(hall: Hall) -> None:
    pack = hall.world.pack(MASKS)
    assert hall.world.release(pack, "second").outcome == "released"
    take_back(hall, last(hall, pack, "release"), "second")
    assert hall.where(pack) == {"留存箱": 1}
    with pytest.raises(Refusal):
        hall.world.release(pack, "volunteer")
    assert hall.world.release(pack, "second").outcome == "released"


# ---------------------------------------------------------------- by whom


def test_whoever_did_it_undoes_it_within_the_sitting_and_a_coordinator_later(hall: Hall) -> None:
    pack = bag(hall)
    hall.move(pack, OTHER)
    movement = last(hall, pack, "move")
    with pytest.raises(SittingOver):
        take_back(hall, movement, "second")
    hall.later(hours=13)
    with pytest.raises(SittingOver):
        take_back(hall, movement)
    take_back(hall, movement, "coordinator")
    assert hall.where(pack) == {SHELF: 10}


def test_an_act_of_another_station_looks_absent(hall: Hall) -> None:
    pack = bag(hall)
    hall.move(pack, OTHER)
    with pytest.raises(NotFound):
        take_back(hall, last(hall, pack, "move"), "elsewhere")
    with pytest.raises(NotFound):
        take_back(hall, new_id(), "coordinator")


def test_an_undo_sent_twice_has_one_effect_and_cannot_be_undone_itself(hall: Hall) -> None:
    pack, key = bag(hall), new_id()
    hall.move(pack, OTHER)
    movement = last(hall, pack, "move")
    assert take_back(hall, movement, key=key) == take_back(hall, movement, key=key)
    with pytest.raises(AlreadyReversed):
        take_back(hall, movement)
    back = select(Movement.id).where(Movement.reverses == movement)
    reversing = hall.db.read_now(lambda session: session.execute(back).scalar_one())
    with pytest.raises(NotFound):
        take_back(hall, reversing)
    with pytest.raises(KeyReused):
        take_back(hall, last(hall, pack, "receive"), key=key)
    kept = hall.db.read_now(lambda session: session.execute(select(Reversal.why, Reversal.reason)).one())
    assert tuple(kept) == ("wrong_thing", "move")


def test_of_two_who_undo_at_once_exactly_one_does(hall: Hall) -> None:
    pack = bag(hall)
    hall.move(pack, OTHER)
    movement, now, today = last(hall, pack, "move"), hall.later(), hall.world.today

    def attempt(by: str) -> str:
        order = Undo(key=new_id(), movement=movement, why=Why.TWICE)
        try:
            hall.db.write_now(undo.undo, order, hall.world.people[by], today, now)
        except Refusal as no:
            return no.code
        return "done"

    with ThreadPoolExecutor(2) as both:
        outcomes = sorted(both.map(attempt, ["volunteer", "coordinator"]))
    assert outcomes == ["ALREADY_REVERSED", "done"]
    assert (hall.where(pack), hall.faults()) == ({SHELF: 10}, [])


# ---------------------------------------------------------------- never past a count


def test_correcting_an_old_record_after_a_count_cannot_corrupt_stock(hall: Hall) -> None:
    """human-essentials PR 4026: correcting a donation from before an audit changed what the audit had found."""
    pack = bag(hall)
    released = last(hall, pack, "release")
    hall.approve(differing(hall, pack, 8))
    with pytest.raises(UndoAfterCount):
        take_back(hall, released, "coordinator")
    with pytest.raises(Refusal):
        take_back(hall, last(hall, pack, "receive"), "coordinator")
    assert (hall.where(pack), hall.faults()) == ({SHELF: 8}, [])


def test_a_count_that_only_agreed_is_no_bar_to_an_undo(hall: Hall) -> None:
    pack = bag(hall)
    hall.move(pack, OTHER)
    hall.open(OTHER)
    hall.scan(pack, OTHER, 10)
    hall.finish()
    take_back(hall, last(hall, pack, "move"))
    assert hall.where(pack) == {SHELF: 10}


def test_what_was_done_after_the_count_is_undone_as_ever(hall: Hall) -> None:
    pack = bag(hall)
    hall.approve(differing(hall, pack, 8))
    hall.move(pack, OTHER)
    take_back(hall, last(hall, pack, "move"))
    assert hall.where(pack) == {SHELF: 8}


def test_an_undo_between_count_and_approval_sends_the_line_to_be_counted_again(hall: Hall) -> None:
    pack = bag(hall)
    order = ReportLoss(
        key=new_id(), station=hall.world.station, pack=pack, quantity=2, why=WhyLost.MISSING, note="找不到"
    )
    hall.do(losses.report, order, "volunteer", hall.world.today)
    line = differing(hall, pack, 10)
    take_back(hall, last(hall, pack, losses.LOST))
    with pytest.raises(Refusal) as no:
        hall.approve(line)
    assert no.value.code == "COUNT_STALE"
    hall.refuse(line)
    hall.recount(line, (pack, SHELF, 10), by="third")
    assert (hall.line().state, hall.where(pack)) == (LineState.RIGHT, {SHELF: 10})


def test_a_correction_is_undone_as_a_whole_and_its_lines_wait_again(hall: Hall) -> None:
    pack = bag(hall)
    line = differing(hall, pack, 8)
    hall.approve(line)
    assert hall.state() is StocktakeState.CLOSED
    take_back(hall, last(hall, pack, "count"), "office")
    assert (hall.where(pack), hall.line().state, hall.state()) == (
        {SHELF: 10},
        LineState.DECIDE,
        StocktakeState.REVIEW,
    )
    hall.approve(line)
    assert hall.where(pack) == {SHELF: 8}


def test_found_goods_whose_correction_is_undone_lose_their_label(hall: Hall) -> None:
    item = hall.world.items[PARACETAMOL]
    hall.open(SHELF)
    hall.found(SHELF, 2, item=item, lot_number="B77", expiry="2028-05")
    hall.finish()
    line = hall.line().id
    hall.start(line)
    hall.found(SHELF, 2, by="second", line=line, item=item, lot_number="B77", expiry="2028-05")
    hall.end_recount(line)
    (pack,) = hall.approve(line).found
    assert hall.where(pack) == {QUARANTINE: 2}
    take_back(hall, last(hall, pack, "count"), "coordinator")
    assert (hall.where(pack), hall.db.read_now(registry.code_of, pack)) == ({}, None)


# ---------------------------------------------------------------- never half, never onto a shelf what must not


def test_expired_goods_do_not_come_back_onto_a_shelf(hall: Hall) -> None:
    pack = bag(hall)
    hall.move(pack, QUARANTINE)
    over = update(Lot).values(expiry=hall.world.today - timedelta(days=1))
    hall.db.write_now(lambda session: session.execute(over) and None)
    with pytest.raises(OnlyQuarantine):
        take_back(hall, last(hall, pack, "move"))


def test_what_a_parcel_s_page_undoes_is_refused_with_where_to_go(hall: Hall) -> None:
    pack = bag(hall)
    hall.reserve(pack, 2, SHELF)
    with pytest.raises(UndoOnParcel):
        take_back(hall, last(hall, pack, "reserve"), "coordinator")


def test_an_act_that_nobody_has_thought_about_is_refused_rather_than_half_undone(hall: Hall) -> None:
    pack = bag(hall)
    own = hall.db.read_now(stations.places, hall.world.station)
    args = (pack, 1, own.shelf, own.hold, "something-new", hall.world.people["volunteer"])
    movement = hall.db.write_now(ledger.move, *args, hall.later())
    with pytest.raises(UndoNotKnown):
        take_back(hall, movement)


def test_every_ledger_reason_in_the_source_is_undone_here_or_elsewhere() -> None:
    known = set(undo.RULES) | set(undo.ELSEWHERE)
    assert reasons_in_source() - known == set()
    assert known - reasons_in_source() == set()
