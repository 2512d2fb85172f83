"""The last unit has exactly one taker, however many want it at once, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.base.db import Database
from app.base.ids import new_id
from app.base.models import Community
from app.base.permissions import SYSTEM
from inventory import ledger
from inventory.errors import NotEnough
from inventory.ledger import Spot
from inventory.models import Item, Lot, Pack, Place, PlaceKind, Station

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
WANTING = 200


def shelf_with(session: Session, units: int) -> tuple[UUID, Spot, list[Spot]]:
    """A pack of some units on a shelf, and a parcel for everyone who wants one: (pack, shelf, parcels)."""
    community, station, item, lot, pack = (new_id() for _ in range(5))
    session.execute(insert(Community).values(id=community, name="胜华"))
    session.execute(insert(Station).values(id=station, name="站", community=community, cool_cabinet=False))
    session.execute(
        insert(Item).values(
            id=item, code="x", kind="ppe", name_zh="口罩", name_en="mask", strength="", wanted=True, facts={}, search=""
        )
    )
    session.execute(insert(Lot).values(id=lot, item=item, key="A|", number="A", expiry=date(2028, 1, 31)))
    session.execute(
        insert(Pack).values(
            id=pack, lot=lot, item=item, station=station, quantity=units, received_by=SYSTEM.account, received_at=NOW
        )
    )
    shelf = Spot(new_id(), PlaceKind.SHELF)
    parcels = [Spot(new_id(), PlaceKind.PARCEL) for _ in range(WANTING)]
    session.execute(
        insert(Place),
        [{"id": spot.id, "kind": spot.kind, "name": "", "station": station} for spot in [shelf, *parcels]],
    )
    ledger.move(session, pack, units, ledger.FROM_DONOR, shelf, "receive", SYSTEM, NOW)
    return pack, shelf, parcels


def want_all_at_once(db: Database, units: int) -> tuple[list[Any], UUID, Spot]:
    pack, shelf, parcels = db.write_now(shelf_with, units)

    async def everyone() -> list[Any]:
        wanted = (db.write(ledger.move, pack, 1, shelf, parcel, "pack", SYSTEM, NOW) for parcel in parcels)
        return await asyncio.gather(*wanted, return_exceptions=True)

    return asyncio.run(everyone()), pack, shelf


def test_two_hundred_want_the_last_unit_and_one_gets_it(db: Database) -> None:
    results, pack, shelf = want_all_at_once(db, 1)
    assert sum(isinstance(result, UUID) for result in results) == 1
    assert sum(isinstance(result, NotEnough) for result in results) == WANTING - 1
    assert db.read_now(ledger.held, shelf.id, pack) == 0
    assert db.read_now(lambda session: list(ledger.faults(session))) == []


def test_two_hundred_want_fifty_units_and_none_is_stranded(db: Database) -> None:
    results, pack, _ = want_all_at_once(db, 50)
    assert sum(isinstance(result, UUID) for result in results) == 50
    assert sum(isinstance(result, NotEnough) for result in results) == WANTING - 50
    assert sum(units for _, units in db.read_now(ledger.whereabouts, pack)) == 50
    assert db.read_now(lambda session: list(ledger.faults(session))) == []
