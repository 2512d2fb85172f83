"""Packs move between a station's shelves, never past a release, and go back in one tap."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import KeyReused, NotFound
from app.base.ids import new_id
from app.base.permissions import SYSTEM
from inventory import ledger, packs, stations
from inventory.counting import spot_check
from inventory.counting.spot_check import Count, Counted
from inventory.errors import (
    AlreadyReversed,
    AlreadyThere,
    Moved,
    NotOnShelf,
    OnlyQuarantine,
    SittingOver,
    WrongShelf,
)
from inventory.models import Lot, Pack, Place, PlaceKind
from inventory.moving import moves
from inventory.moving.moves import MoveBack, MovedPack, MovePack
from inventory.releasing import hold
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def place(world: World, name: str, station: UUID | None = None) -> UUID:
    wanted = select(Place.id).where(Place.station == (station or world.station), Place.name == name)
    found: UUID = world.db.read_now(lambda session: session.execute(wanted).scalar_one())
    return found


def move(world: World, pack: UUID, to: str, *, by: str = "volunteer", key: UUID | None = None) -> MovedPack:
    order = MovePack(key=key or new_id(), pack=pack, place=place(world, to))
    return world.db.write_now(moves.move_pack, order, world.people[by], world.today, world.now)


def back(world: World, moved: MovedPack, *, by: str = "volunteer", key: UUID | None = None, late: bool = False) -> UUID:
    now = world.now + (timedelta(hours=13) if late else timedelta())
    undo = MoveBack(key=key or new_id(), move=moved.move)
    return world.db.write_now(moves.move_back, undo, world.people[by], world.today, now)


def where(world: World, pack: UUID) -> list[tuple[str, int]]:
    return [(one.name, units) for one, units in world.db.read_now(ledger.whereabouts, pack)]


def recall(world: World, pack: UUID) -> None:
    lot = select(Pack.lot).where(Pack.id == pack).scalar_subquery()
    called_back = update(Lot).where(Lot.id == lot).values(recalled_on=world.today)
    world.db.write_now(lambda session: session.execute(called_back).close())


def clean(world: World) -> bool:
    return world.db.read_now(lambda session: list(ledger.faults(session))) == []


def test_a_pack_moves_to_another_shelf_and_back(world: World) -> None:
    pack = world.shelved(MASKS, quantity=6)
    moved = move(world, pack, "货架B")
    assert (moved.quantity, where(world, pack)) == (6, [("货架B", 6)])
    assert back(world, moved) == pack
    assert where(world, pack) == [("货架A", 6)]
    assert clean(world)


def test_sent_twice_it_moves_once(world: World) -> None:
    pack, key = world.shelved(MASKS), new_id()
    assert move(world, pack, "货架B", key=key) == move(world, pack, "货架B", key=key)
    with pytest.raises(KeyReused):
        move(world, pack, "货架A", key=key)
    assert where(world, pack) == [("货架B", 1)]


def test_what_is_not_released_moves_nowhere(world: World) -> None:
    for pack in (world.pack(MASKS), world.pack(MASKS, declared=False)):
        before = where(world, pack)
        with pytest.raises(NotOnShelf):
            move(world, pack, "货架B")
        assert where(world, pack) == before


def test_medicine_goes_into_the_cabinet_and_nothing_else_does(world: World) -> None:
    medicine, mask = world.shelved(PARACETAMOL), world.shelved(MASKS)
    with pytest.raises(WrongShelf):
        move(world, medicine, "货架A")
    with pytest.raises(WrongShelf):
        move(world, mask, "药品柜")
    with pytest.raises(AlreadyThere):
        move(world, medicine, "药品柜")


@pytest.mark.parametrize("name", ["留存箱", "预留架"])
def test_nothing_is_put_straight_into_hold_or_among_the_promised(world: World, name: str) -> None:
    pack = world.shelved(MASKS)
    with pytest.raises(WrongShelf):
        move(world, pack, name)


def test_what_goes_into_quarantine_waits_for_a_second_person(world: World) -> None:
    pack = world.shelved(MASKS)
    moved = move(world, pack, "待检箱")
    held = world.db.read_now(hold.held, pack, world.today)
    assert held is not None
    assert held.own(world.people["volunteer"])
    with pytest.raises(NotOnShelf):
        move(world, pack, "货架B")
    back(world, moved)
    assert where(world, pack) == [("货架A", 1)]


def test_what_was_recalled_goes_into_quarantine_only_and_stays_there(world: World) -> None:
    pack = world.shelved(MASKS)
    recall(world, pack)
    with pytest.raises(OnlyQuarantine):
        move(world, pack, "货架B")
    moved = move(world, pack, "待检箱")
    with pytest.raises(OnlyQuarantine):
        back(world, moved)
    assert where(world, pack) == [("待检箱", 1)]


def test_a_move_is_undone_once_by_whoever_made_it_within_the_sitting(world: World) -> None:
    pack = world.shelved(MASKS)
    moved = move(world, pack, "货架B")
    with pytest.raises(SittingOver):
        back(world, moved, by="second")
    with pytest.raises(SittingOver):
        back(world, moved, late=True)
    with pytest.raises(NotFound):
        back(world, moved, by="elsewhere")
    key = new_id()
    assert back(world, moved, key=key) == back(world, moved, key=key)
    with pytest.raises(AlreadyReversed):
        back(world, moved)


def test_a_move_that_others_have_followed_is_not_undone(world: World) -> None:
    pack = world.shelved(MASKS)
    first = move(world, pack, "货架B")
    move(world, pack, "货架A", by="second")
    with pytest.raises(Moved):
        back(world, first)
    assert where(world, pack) == [("货架A", 1)]


def test_somebody_of_another_station_moves_nothing_here(world: World) -> None:
    pack = world.shelved(MASKS)
    with pytest.raises(NotFound):
        move(world, pack, "货架B", by="elsewhere")
    order = MovePack(key=new_id(), pack=pack, place=place(world, "货架B", world.other_station))
    with pytest.raises(NotFound):
        world.db.write_now(moves.move_pack, order, world.people["volunteer"], world.today, world.now)


def reserve(world: World, pack: UUID, units: int, shelf: str) -> None:
    own = world.db.read_now(stations.places, world.station)
    source = ledger.Spot(place(world, shelf), PlaceKind.SHELF)
    world.db.write_now(ledger.move, pack, units, source, own.reserved, "reserve", SYSTEM, world.now)


def test_what_is_promised_of_a_pack_stands_where_the_rest_went(world: World) -> None:
    pack = world.shelved(MASKS, quantity=6)
    reserve(world, pack, 2, "货架A")
    assert move(world, pack, "货架B").quantity == 4
    shelf = world.db.read_now(packs.shelf_of, pack, world.station)
    assert shelf is not None
    assert shelf.id == place(world, "货架B")
    assert clean(world)


# ---------------------------------------------------------------- counting


def count(world: World, name: str, *scanned: UUID, by: str = "volunteer") -> Counted:
    return world.db.read_now(spot_check.count, Count(place=place(world, name), packs=scanned), world.people[by])


def test_a_count_names_what_is_missing_by_item_and_lot(world: World) -> None:
    one, two = world.shelved(MASKS), world.shelved(MASKS)
    other = world.shelved(MASKS, lot_number="C9")
    found = count(world, "货架A", one, other)
    assert [(line.lot_number, line.expected, line.scanned, len(line.missing)) for line in found.lines] == [
        ("B2401", 2, 1, 1),
        ("C9", 1, 1, 0),
    ]
    assert found.lines[0].missing[0] == _label(world, two)[-4:]
    assert found.elsewhere == ()


def _label(world: World, pack: UUID) -> str:
    return world.db.read_now(packs.pack_history, pack, world.people["volunteer"], world.today).label or ""


def test_a_promised_pack_counts_on_the_shelf_where_it_stands(world: World) -> None:
    pack = world.shelved(MASKS)
    reserve(world, pack, 1, "货架A")
    assert [line.expected for line in count(world, "货架A", pack).lines] == [1]
    assert count(world, "货架B", pack).elsewhere == (pack,)


def test_a_count_changes_nothing_and_is_for_those_of_the_station(world: World) -> None:
    pack = world.shelved(MASKS)
    count(world, "货架A")
    assert where(world, pack) == [("货架A", 1)]
    with pytest.raises(NotFound):
        count(world, "货架A", by="elsewhere")
