"""A gift's journey counts every unit of it, also those that were parted from their bag to travel by themselves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from inventory import ledger
from inventory.appealing import gifts
from inventory.appealing.gifts import GivenGoods
from inventory.ledger import TO_RESIDENTS, Spot
from inventory.models import PlaceKind
from inventory.moving import splits
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def told(world: World, donation: UUID) -> GivenGoods:
    (goods,) = world.db.read_now(gifts.gift, donation, world.now + timedelta(days=1)).goods
    return goods


def shelf(session: Session, pack: UUID) -> Spot:
    ((here, _),) = ledger.whereabouts(session, pack)
    return Spot(here.id, PlaceKind.SHELF)


def test_what_is_parted_from_a_bag_still_counts_on_its_own_way_to_a_door(world: World) -> None:
    got = world.receive(MASKS, quantity=12)
    bag, actor = got.lines[0].pack, world.people["coordinator"]
    assert bag is not None
    world.release(bag, "second")
    whole = told(world, got.donation)
    assert (whole.received, whole.checked, whole.delivered, whole.lost) == (12, 12, 0, 0)

    def part(session: Session, of: UUID, count: int) -> UUID:
        return splits.split(session, of, count, shelf(session, of), None, actor, world.now).pack

    five = world.db.write_now(part, bag, 5)
    two = world.db.write_now(part, five, 2)
    assert told(world, got.donation) == whole, "parting a bag is nobody's gain and nobody's loss"

    parcel = new_id()

    def hand_over(session: Session) -> None:
        ledger.move(
            session, two, 2, shelf(session, two), TO_RESIDENTS, gifts.HAND_OVER, actor, world.now, subject=parcel
        )

    world.db.write_now(hand_over)
    after = told(world, got.donation)
    assert (after.received, after.checked, after.delivered, after.lost) == (12, 12, 2, 0)
    (handed,) = world.db.read_now(gifts.handed_over, got.donation, world.now + timedelta(days=1))
    assert (handed.pack, handed.parcel, handed.units) == (two, parcel, 2)
