"""What the stock page says is what can be promised: not the expired, the recalled, the reserved or the held."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, update

from app.base import policy
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import NotFound
from app.base.ids import new_id
from inventory import fefo, ledger, packs, stations
from inventory.errors import UnknownItem
from inventory.ledger import Spot
from inventory.models import Lot, Place, PlaceKind
from inventory.receiving.intake_facts import Verdict
from inventory.stock import levels
from inventory.stock.levels import Level, LevelPolicy, Units
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def of(world: World, code: str, by: str = "coordinator") -> Level:
    found = world.db.read_now(levels.levels, world.people[by], world.today)
    return next(one for one in found.totals if one.code == code)


def units(world: World, code: str) -> Units:
    return of(world, code).units


def move(world: World, pack: UUID, quantity: int, to: Spot) -> None:
    def verb(session: Any) -> None:
        here = ledger.whereabouts(session, pack)[0][0]
        ledger.move(session, pack, quantity, Spot(here.id, here.kind), to, "move", world.people["volunteer"], world.now)

    world.db.write_now(verb)


def place(world: World, kind: PlaceKind, station: UUID | None) -> Spot:
    made = new_id()
    values = {"id": made, "kind": kind, "name": "", "station": station}
    world.db.write_now(lambda session: session.execute(insert(Place).values(**values)) and None)
    return Spot(made, kind)


def test_held_and_quarantined_goods_are_on_hand_but_not_available(world: World) -> None:
    world.pack(MASKS, quantity=3)
    world.pack(PARACETAMOL, look=None, quantity=2)
    assert units(world, MASKS) == Units(on_hand=3, held=3)
    assert units(world, PARACETAMOL) == Units(on_hand=2, quarantine=2)


def test_reserved_parcelled_and_carried_goods_are_counted_where_they_are(world: World) -> None:
    pack = world.shelved(MASKS, quantity=20)
    reserved = world.db.read_now(stations.places, world.station).reserved
    for quantity, to in (
        (1, reserved),
        (2, place(world, PlaceKind.PARCEL, None)),
        (3, place(world, PlaceKind.MEMBER, None)),
        (4, place(world, PlaceKind.TRANSIT, None)),
        (5, ledger.TO_RESIDENTS),
    ):
        move(world, pack, quantity, to)
    assert units(world, MASKS) == Units(on_hand=8, available=5, reserved=1, in_parcels=2, with_members=3, in_transit=4)


def test_expiring_goods_are_told_by_days_left_and_expired_ones_never_count_as_available(
    world: World, hands: Any
) -> None:
    day = world.today
    for left in (31, 60, 61, 90, 91):
        world.shelved(MASKS, expiry=(day + timedelta(days=left)).isoformat())
    assert units(world, MASKS) == Units(on_hand=5, available=5, expiring_60=2, expiring_90=4)
    hands.at += timedelta(days=31)
    assert units(world, MASKS) == Units(on_hand=5, available=5, expiring_30=3, expiring_60=5, expiring_90=5)
    hands.at += timedelta(days=1)
    assert units(world, MASKS) == Units(on_hand=5, available=4, expired=1, expiring_30=2, expiring_60=4, expiring_90=4)


def test_a_recalled_lot_is_available_to_nobody(world: World) -> None:
    world.shelved(MASKS)
    world.db.write_now(lambda session: session.execute(update(Lot).values(recalled_on=world.today)) and None)
    assert units(world, MASKS) == Units(on_hand=1, recalled=1)
    assert world.db.read_now(levels.available, world.station, world.today) == {}


def test_what_a_station_can_promise_is_picked_first_expired_first_out(world: World) -> None:
    late = world.shelved(MASKS, expiry="2029-01", quantity=5)
    early = world.shelved(MASKS, expiry="2028-01", quantity=2)
    world.pack(MASKS, expiry="2027-06")
    shelf = world.db.read_now(levels.available, world.station, world.today, [world.items[MASKS]])
    picked = fefo.pick(shelf[world.items[MASKS]], 4, world.today)
    assert [(one.pack, n) for one, n in picked] == [(early, 2), (late, 2)]


def test_wanted_items_that_nobody_has_come_first_as_short(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    found = world.db.read_now(levels.levels, world.people["coordinator"], world.today)
    assert found.totals[0].short
    assert not of(world, MASKS).short
    shorts = [one.short for one in found.totals]
    assert shorts == sorted(shorts, reverse=True)
    assert of(world, PARACETAMOL).units == Units()


def test_the_policy_says_from_how_few_units_an_item_is_short(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    body = LevelPolicy(version="1", low=1, low_by_item={MASKS: 5})
    world.db.write_now(policy.enact, "levels", body, world.today, world.now)
    assert of(world, MASKS).short


def test_each_sees_the_own_stations_only(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    assert of(world, MASKS, "volunteer").units.available == 5
    assert of(world, MASKS, "auditor").units.available == 5
    assert of(world, MASKS, "elsewhere").units == Units()
    with pytest.raises(NotFound):
        world.db.read_now(
            lambda session: levels.levels(session, world.people["elsewhere"], world.today, station=world.station)
        )


def test_stations_are_told_apart_and_add_up(world: World) -> None:
    world.pack(MASKS, quantity=5)
    world.pack(MASKS, quantity=2, station=world.other_station, by="elsewhere")
    found = world.db.read_now(levels.levels, world.people["coordinator"], world.today)
    assert {(one.station, one.units.held) for one in found.by_station} == {
        (world.station, 5),
        (world.other_station, 2),
    }
    assert found.everything.held == 7


def test_an_item_is_shown_down_to_its_packs_soonest_expiry_first(world: World) -> None:
    late, early = world.pack(MASKS, expiry="2029-01"), world.shelved(MASKS, expiry="2028-01")
    found = world.db.read_now(levels.item_levels, world.people["volunteer"], world.items[MASKS], world.today)
    assert [(one.pack, one.available) for one in found.packs] == [(early, True), (late, False)]
    assert all(one.label for one in found.packs)
    assert [one.units for one in found.by_station] == [found.total.units]
    with pytest.raises(UnknownItem):
        world.db.read_now(levels.item_levels, world.people["volunteer"], new_id(), world.today)


def test_a_packs_story_is_told_from_the_donor_on(world: World) -> None:
    pack = world.shelved(PARACETAMOL, quantity=2)
    told = world.db.read_now(packs.pack_history, pack, world.people["volunteer"], world.today)
    assert [(step.reason, step.source, step.target) for step in told.steps] == [
        ("receive", PlaceKind.DONOR, PlaceKind.HOLD),
        ("release", PlaceKind.HOLD, PlaceKind.SHELF),
    ]
    assert [(one.kind, one.quantity) for one in told.where] == [(PlaceKind.SHELF, 2)]
    assert (told.verdict, told.expired, told.recalled) == (Verdict.ACCEPT, False, False)


def test_a_pack_is_seen_where_it_came_from_and_where_it_is(world: World) -> None:
    pack = world.shelved(MASKS)
    args = (pack, world.people["elsewhere"], world.today)
    with pytest.raises(NotFound):
        world.db.read_now(packs.pack_history, *args)
    move(world, pack, 1, world.db.read_now(stations.places, world.other_station).shelf)
    assert world.db.read_now(packs.pack_history, *args).where[0].station_name == "胜华二站"


def test_the_number_of_statements_does_not_grow_with_the_stock(world: World) -> None:
    def statements() -> int:
        seen: list[str] = []
        listener = lambda *args: seen.append(args[2])  # noqa: E731 - one object, to be taken off again
        event.listen(world.db.engine, "before_cursor_execute", listener)
        world.db.read_now(levels.levels, world.people["coordinator"], world.today)
        event.remove(world.db.engine, "before_cursor_execute", listener)
        return len(seen)

    world.pack(MASKS)
    world.pack(PARACETAMOL)
    few = statements()
    for number in range(5):
        world.pack(PARACETAMOL, lot_number=f"N{number}")
    assert statements() <= few
