"""A release is taken back within the sitting by whoever made it: every pack of it, or none."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import KeyReused, NotFound
from app.base.ids import new_id
from inventory import ledger, stations
from inventory.errors import AlreadyReversed, GroundsNeeded, Moved, PlanNeeded, SecondPersonNeeded, SittingOver
from inventory.ledger import Spot
from inventory.models import PlaceKind
from inventory.releasing import hold, release, release_queue, unrelease
from inventory.releasing.release import Decision, Grounds, ReleaseMany, ReleasePack
from inventory.releasing.release_queue import Goods, Wish
from inventory.releasing.unrelease import Unrelease, Unreleased
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def release_all(world: World, packs: list[UUID], by: str = "second") -> tuple[Decision, ...]:
    orders = ReleaseMany(packs=tuple(ReleasePack(key=new_id(), pack=pack) for pack in packs))
    return world.db.write_now(release.release_many, orders, world.people[by], world.today, world.now)


def undo(world: World, batch: UUID | None, by: str = "second", key: UUID | None = None) -> Unreleased:
    assert batch is not None
    order = Unrelease(key=key or new_id(), batch=batch)
    return world.db.write_now(unrelease.unrelease, order, world.people[by], world.now)


def waits(world: World) -> set[UUID]:
    return {one.pack for one in world.db.read_now(hold.queue, world.people["office"], world.today)}


def off_the_shelf(world: World, pack: UUID) -> None:
    def take(session: Any) -> None:
        places = stations.places(session, world.station)
        ((here, units),) = ledger.whereabouts(session, pack)
        source = Spot(here.id, PlaceKind.SHELF)
        ledger.move(session, pack, units, source, places.reserved, "reserve", world.people["coordinator"], world.now)

    world.db.write_now(take)


def test_a_batch_waits_again_and_its_releaser_may_release_it_again_but_its_receiver_still_not(world: World) -> None:
    packs = [world.pack(MASKS) for _ in range(3)]
    batch = release_all(world, packs)[0].batch
    assert waits(world) == set()
    assert undo(world, batch).packs == tuple(packs)
    assert waits(world) == set(packs)
    with pytest.raises(SecondPersonNeeded):
        world.release(packs[0], "volunteer")
    assert {one.outcome for one in release_all(world, packs)} == {"released"}
    assert list(world.db.read_now(lambda session: list(ledger.faults(session)))) == []


def test_signatures_given_before_the_release_still_count_after_its_undo(world: World) -> None:
    soon = (world.today + timedelta(days=100)).isoformat()
    pack = world.pack(PARACETAMOL, expiry=soon)
    assert world.release(pack, "coordinator").outcome == "signed"
    done = world.release(pack, "medic")
    undo(world, done.batch, "medic")
    case = world.db.read_now(hold.held, pack, world.today)
    assert case is not None
    assert case.waits_for() == {"medic"}


def test_if_one_pack_has_gone_on_none_of_the_batch_comes_back(world: World) -> None:
    packs = [world.pack(MASKS) for _ in range(3)]
    batch = release_all(world, packs)[0].batch
    off_the_shelf(world, packs[2])
    with pytest.raises(Moved):
        undo(world, batch)
    assert waits(world) == set()


@pytest.mark.parametrize("by", ["volunteer", "coordinator", "office"])
def test_only_whoever_released_takes_it_back(world: World, by: str) -> None:
    batch = release_all(world, [world.pack(MASKS)])[0].batch
    with pytest.raises(SittingOver):
        undo(world, batch, by)
    with pytest.raises(NotFound):
        undo(world, batch, "elsewhere")


def test_only_within_the_sitting(world: World, hands: Any) -> None:
    batch = release_all(world, [world.pack(MASKS)])[0].batch
    hands.at += unrelease.SITTING + timedelta(seconds=1)
    with pytest.raises(SittingOver):
        undo(world, batch)


def test_sent_twice_it_is_one_undo_and_a_second_undo_is_told(world: World) -> None:
    batch, key = release_all(world, [world.pack(MASKS)])[0].batch, new_id()
    assert undo(world, batch, key=key) == undo(world, batch, key=key)
    with pytest.raises(AlreadyReversed):
        undo(world, batch)
    with pytest.raises(KeyReused):
        undo(world, release_all(world, [world.pack(MASKS)])[0].batch, key=key)
    with pytest.raises(NotFound):
        undo(world, new_id())


# ---------------------------------------------------------------- a finding is overridden with a reason


def test_a_finding_is_overridden_only_with_a_reason_and_other_only_in_words(world: World) -> None:
    pack = world.pack(PARACETAMOL, expiry=(world.today + timedelta(days=100)).isoformat())
    for grounds, note in ((None, "看过"), (Grounds.OTHER, " ")):
        with pytest.raises(GroundsNeeded):
            world.release(pack, "medic", grounds=grounds, note=note)
    assert world.release(pack, "medic", grounds=Grounds.USED_SOON).outcome == "signed"
    assert world.release(pack, "coordinator", grounds=Grounds.OTHER, note="敬老院今天要").outcome == "released"


@pytest.mark.parametrize(("left", "plan"), [(60, True), (179, True), (180, False)])
def test_short_dated_medicine_goes_out_with_a_plan_of_whoever_signs_first(world: World, left: int, plan: bool) -> None:
    pack = world.pack(PARACETAMOL, expiry=(world.today + timedelta(days=left)).isoformat(), declared=False)
    if plan:
        with pytest.raises(PlanNeeded):
            world.release(pack, "medic", grounds=Grounds.USED_SOON, note="  ")
    assert world.release(pack, "medic", note="本月给三网格" if plan else "").outcome == "signed"
    assert world.release(pack, "coordinator", grounds=Grounds.DECLARED, note="").outcome == "released"


def test_goods_that_want_no_plan_are_released_without_a_note(world: World) -> None:
    soon = (world.today + timedelta(days=100)).isoformat()
    assert world.release(world.pack(MASKS, expiry=soon), "second", grounds=None, note="").outcome == "released"


def test_goods_without_a_finding_want_no_reason(world: World) -> None:
    assert world.release(world.pack(MASKS), "second", grounds=None).outcome == "released"


def test_a_batch_says_of_each_why_not(world: World) -> None:
    doubtful = world.pack(MASKS, look=None)
    (no,) = release_all(world, [doubtful], "coordinator")
    assert (no.outcome, no.code) == ("no", "NOT_RELEASABLE")
    assert no.reasons


# ---------------------------------------------------------------- the queue in batches


def test_twelve_alike_are_one_decision_and_another_lot_is_another(world: World) -> None:
    twelve = [line.pack for line in world.receive(MASKS, quantity=12, packs=12).lines]
    other = world.pack(MASKS, lot_number="B9")
    found = world.db.read_now(release_queue.page, world.people["second"], Wish(), world.today).batches
    assert [(set(one.packs), one.units) for one in found] == [(set(twelve), 12), ({other}, 1)]


def test_the_queue_shows_only_what_the_reader_can_decide_of_one_kind_at_one_station(world: World) -> None:
    masks, medicine, own = world.pack(MASKS), world.pack(PARACETAMOL), world.pack(MASKS, by="second")

    def shown(**wish: Any) -> set[UUID]:
        page = world.db.read_now(release_queue.page, world.people["second"], Wish(**wish), world.today)
        return {pack for one in page.batches for pack in one.packs}

    assert shown() == {masks, medicine, own}
    assert shown(mine=True) == {masks}
    assert shown(goods=Goods.MEDICINE) == {medicine}
    assert shown(goods=Goods.SUPPLIES) == {masks, own}
    assert shown(station=world.station) == {masks, medicine, own}
    assert shown(station=world.other_station) == set()


def test_a_long_queue_goes_on_page_by_page_and_shows_each_pack_once(world: World) -> None:
    packs = [world.pack(MASKS, lot_number=f"L{number}") for number in range(60)]
    seen: list[UUID] = []
    after = None
    while True:
        page = world.db.read_now(release_queue.page, world.people["second"], Wish(after=after), world.today)
        seen += [pack for one in page.batches for pack in one.packs]
        after = page.after
        if after is None:
            break
    assert sorted(seen) == sorted(packs)
