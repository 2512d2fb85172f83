"""The ledger loses nothing, invents nothing and gives nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import DBAPIError

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import NotFound
from app.base.ids import new_id
from inventory import ledger, stations
from inventory.errors import AlreadyReversed, Moved, NotEnough
from inventory.ledger import Spot
from inventory.models import Holding, Movement
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def shelves(world: World) -> tuple[Spot, Spot]:
    found = world.db.read_now(stations.places, world.station)
    assert found.cabinet is not None
    return found.shelf, found.cabinet


def move(world: World, pack: UUID, quantity: int, source: Spot, target: Spot, **more: Any) -> UUID:
    args = (pack, quantity, source, target, "move", world.people["volunteer"], world.now)
    return world.db.write_now(lambda session: ledger.move(session, *args, **more))


def faults(world: World) -> list[str]:
    return world.db.read_now(lambda session: list(ledger.faults(session)))


def test_goods_move_from_shelf_to_shelf_and_their_sum_stays(world: World) -> None:
    pack, (shelf, cabinet) = world.shelved(MASKS, quantity=10), shelves(world)
    move(world, pack, 4, shelf, cabinet)
    assert [(place.id, units) for place, units in world.db.read_now(ledger.whereabouts, pack)] == [
        (shelf.id, 6),
        (cabinet.id, 4),
    ]
    assert faults(world) == []


def test_no_more_leaves_a_place_than_it_holds(world: World) -> None:
    pack, (shelf, cabinet) = world.shelved(MASKS, quantity=3), shelves(world)
    with pytest.raises(NotEnough):
        move(world, pack, 4, shelf, cabinet)
    with pytest.raises(NotEnough):
        move(world, pack, 1, cabinet, shelf)
    assert world.db.read_now(ledger.held, shelf.id, pack) == 3
    assert faults(world) == []


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_movement_takes_at_least_one_unit(world: World, quantity: int) -> None:
    pack, (shelf, cabinet) = world.shelved(MASKS), shelves(world)
    with pytest.raises(ValueError, match="at least one"):
        move(world, pack, quantity, shelf, cabinet)


def test_a_reversal_restores_what_was_and_happens_once(world: World) -> None:
    pack, (shelf, cabinet) = world.shelved(MASKS, quantity=5), shelves(world)
    wrong = move(world, pack, 2, shelf, cabinet)
    args = (wrong, "wrong shelf", world.people["volunteer"], world.now)
    world.db.write_now(ledger.reverse, *args)
    assert world.db.read_now(ledger.held, shelf.id, pack) == 5
    with pytest.raises(AlreadyReversed):
        world.db.write_now(ledger.reverse, *args)
    with pytest.raises(NotFound):
        world.db.write_now(ledger.reverse, new_id(), *args[1:])
    assert faults(world) == []


def test_what_has_moved_on_is_not_reversed(world: World) -> None:
    pack, (shelf, cabinet) = world.shelved(MASKS, quantity=5), shelves(world)
    first = move(world, pack, 2, shelf, cabinet)
    move(world, pack, 1, cabinet, ledger.TO_RESIDENTS)
    with pytest.raises(Moved):
        world.db.write_now(ledger.reverse, first, "late", world.people["volunteer"], world.now)


def test_the_check_names_a_holding_that_was_altered_behind_the_ledgers_back(world: World) -> None:
    pack, (shelf, cabinet) = world.shelved(MASKS, quantity=5), shelves(world)
    world.db.write_now(
        lambda session: session.execute(update(Holding).where(Holding.place == shelf.id).values(quantity=6)) and None
    )
    (told,) = faults(world)
    assert "holds 6" in told
    assert "says 5" in told
    world.db.write_now(lambda session: session.execute(delete(Holding).where(Holding.place == shelf.id)) and None)
    assert "holds none" in faults(world)[0]
    invented = {"place": cabinet.id, "pack": pack, "quantity": 1}
    world.db.write_now(lambda session: session.execute(insert(Holding).values(**invented)) and None)
    assert len(faults(world)) == 2


@pytest.mark.parametrize("statement", ["UPDATE movements SET quantity = 9", "DELETE FROM movements"])
def test_a_line_of_the_ledger_can_be_neither_changed_nor_erased(world: World, statement: str) -> None:
    world.pack(MASKS)
    with pytest.raises(DBAPIError, match="append-only"):
        world.db.write_now(lambda session: session.execute(text(statement)) and None)
    assert world.db.read_now(ledger.count) == 1


def test_every_movement_is_in_the_packs_history_in_order(world: World) -> None:
    pack, (shelf, cabinet) = world.shelved(MASKS), shelves(world)
    move(world, pack, 1, shelf, cabinet)
    steps: list[Movement] = world.db.read_now(ledger.history, pack)
    assert [step.reason for step in steps] == ["receive", "release", "move"]
