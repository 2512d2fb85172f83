"""The check reads pack by pack; what it finds is what a plain replay of the whole ledger finds, damage and all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from inventory import ledger, stations
from inventory.models import VIRTUAL, Holding, Movement, Place
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    made = worlds.build(db, clock, tmp_path / "keys")
    made.shelved(MASKS, quantity=7)
    made.shelved(PARACETAMOL, quantity=3)
    made.pack(MASKS, quantity=2)
    return made


def replayed(session: Session) -> Iterator[str]:
    """The plain way: every movement in the order of time, all balances in memory."""
    virtual = set(session.execute(select(Place.id).where(Place.kind.in_(VIRTUAL))).scalars())
    balances: dict[tuple[UUID, UUID], int] = {}
    for row in session.execute(select(Movement).order_by(Movement.id)).scalars():
        if row.source not in virtual:
            left = balances[row.source, row.pack] = balances.get((row.source, row.pack), 0) - row.quantity
            if left < 0:
                yield f"movement {row.id} takes more of pack {row.pack} than place {row.source} had"
        if row.target not in virtual:
            balances[row.target, row.pack] = balances.get((row.target, row.pack), 0) + row.quantity
    for held in session.execute(select(Holding)).scalars():
        told = balances.pop((held.place, held.pack), 0)
        if told != held.quantity:
            yield f"place {held.place} holds {held.quantity} of pack {held.pack}, the ledger says {told}"
    for (place, pack), told in balances.items():
        if told:
            yield f"place {place} holds none of pack {pack}, the ledger says {told}"


def agree(world: World) -> list[str]:
    quick, plain = (
        sorted(world.db.read_now(lambda session, one=one: list(one(session)))) for one in (ledger.faults, replayed)
    )
    assert quick == plain
    return quick


def damage(world: World, *statements: Any) -> None:
    for statement in statements:
        world.db.write_now(lambda session, one=statement: session.execute(one) and None)


def test_a_sound_ledger_has_no_faults(world: World) -> None:
    assert agree(world) == []


def test_holdings_that_were_changed_lost_or_invented_are_named(world: World) -> None:
    first, *_, last = world.db.read_now(
        lambda session: sorted(session.execute(select(Holding.pack).distinct()).scalars())
    )
    hold = world.db.read_now(stations.places, world.other_station).hold.id
    damage(
        world,
        update(Holding).where(Holding.pack == first).values(quantity=Holding.quantity + 1),
        delete(Holding).where(Holding.pack == last),
        insert(Holding).values(place=hold, pack=last, quantity=4),
    )
    assert len(agree(world)) == 4


def test_a_movement_out_of_nothing_is_named(world: World) -> None:
    pack = world.db.read_now(lambda session: session.execute(select(Movement.pack).limit(1)).scalar_one())
    hold = world.db.read_now(stations.places, world.other_station).hold.id
    row = {"id": new_id(), "at": world.now, "pack": pack, "quantity": 5, "source": hold, "target": ledger.RESIDENTS}
    damage(world, insert(Movement).values(**row, reason="hand-over", actor=new_id()))
    assert len(agree(world)) == 2
