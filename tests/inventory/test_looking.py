"""Goods that came without a look are looked at where they wait: no dead end, no way around the second person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, KeyReused, NotFound
from app.base.ids import new_id
from inventory.errors import AlreadyLooked, NotHeld, NotReleasable, SecondPersonNeeded
from inventory.receiving.intake_facts import Look, Seal, Verdict
from inventory.releasing import hold, looking
from inventory.releasing.looking import LookAtPack, LookedAt
from tests.app.client import client
from tests.inventory import world as worlds
from tests.inventory.test_counter import Person
from tests.inventory.world import MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def look_at(world: World, pack: UUID, by: str = "volunteer", key: UUID | None = None, **found: Any) -> LookedAt:
    order = LookAtPack(key=key or new_id(), pack=pack, look=Look(**found))
    return world.db.write_now(looking.look_at, order, world.people[by], world.today, world.now)


def stuck(world: World, pack: UUID) -> list[str]:
    case = world.db.read_now(hold.held, pack, world.today)
    assert case is not None
    return [reason.code for reason in case.stuck]


def test_its_receiver_looks_at_it_and_a_second_person_releases_it(world: World) -> None:
    pack = world.pack(MASKS, look=None)
    assert stuck(world, pack) == ["IN14_NOT_LOOKED"]
    with pytest.raises(NotReleasable):
        world.release(pack, "second")
    told = look_at(world, pack)
    assert (told.verdict, told.reasons) == (Verdict.ACCEPT, ())
    with pytest.raises(SecondPersonNeeded):
        world.release(pack, "volunteer")
    assert world.release(pack, "second", grounds=None, note="").outcome == "released"


def test_what_is_seen_then_counts_as_it_would_have_at_the_counter(world: World) -> None:
    opened, outer = world.pack(PARACETAMOL, look=None), world.pack(PARACETAMOL, look=None)
    assert look_at(world, opened, seal=Seal.OPENED).verdict is Verdict.REJECT
    assert stuck(world, opened) == ["IN06_OPENED"]
    with pytest.raises(NotReleasable):
        world.release(opened, "medic")
    told = look_at(world, outer, seal=Seal.OUTER_OPEN)
    assert [reason.code for reason in told.reasons] == ["IN06_OUTER_OPEN"]
    assert world.release(outer, "medic").outcome == "released"


def test_a_look_does_not_declare_for_the_donor(world: World) -> None:
    pack = world.pack(MASKS, look=None, declared=False)
    assert [reason.code for reason in look_at(world, pack).reasons] == ["IN13_DECLARATION"]


def test_unknown_goods_stay_unknown(world: World) -> None:
    pack = world.pack(PARACETAMOL, item=None, called="某药", look=None)
    assert [reason.code for reason in look_at(world, pack).reasons] == ["IN21_UNKNOWN"]


def test_a_look_is_written_down_once_and_never_mended(world: World) -> None:
    pack, key = world.pack(MASKS, look=None), new_id()
    first = look_at(world, pack, key=key, seal=Seal.OPENED)
    assert look_at(world, pack, key=key, seal=Seal.OPENED) == first
    with pytest.raises(KeyReused):
        look_at(world, pack, key=key)
    with pytest.raises(AlreadyLooked):
        look_at(world, pack, by="second")
    with pytest.raises(AlreadyLooked):
        look_at(world, world.pack(MASKS))
    assert stuck(world, pack) == ["IN23_OPENED"]


def test_only_where_it_waits_and_by_those_who_receive_there(world: World) -> None:
    pack = world.pack(MASKS, look=None)
    with pytest.raises(NotFound):
        look_at(world, pack, by="elsewhere")
    with pytest.raises(Forbidden):
        look_at(world, pack, by="medic")
    with pytest.raises(NotFound):
        look_at(world, new_id())
    with pytest.raises(NotHeld):
        look_at(world, world.shelved(MASKS))


def test_the_page_offers_all_alike_of_one_donation(world: World) -> None:
    twelve = [line.pack for line in world.receive(MASKS, quantity=3, packs=3, look=None).lines]
    world.pack(MASKS, look=None)
    assert twelve[1] is not None
    found = world.db.read_now(looking.unseen, twelve[1], world.people["volunteer"], world.today)
    assert found.alike == tuple(twelve)


@pytest.fixture
def served(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[tuple[TestClient[Litestar], World]]:
    made = worlds.build(sqlite_db, clock, tmp_path / "keys")
    with client(sqlite_db, clock, tmp_path) as at:
        yield at, made


def test_on_the_page_nothing_counts_as_looked_before_somebody_says_so(
    served: tuple[TestClient[Litestar], World],
) -> None:
    http, world = served
    packs = [line.pack for line in world.receive(MASKS, quantity=3, packs=3, look=None).lines]
    assert packs[0] is not None
    person, path = Person(http, world, "volunteer"), f"/packs/{packs[0]}/look"
    key = str(new_id())
    assert person.post(path, key=key).status_code == 400
    assert stuck(world, packs[0]) == ["IN14_NOT_LOOKED"]
    assert person.post(path, key=key, look="differs").status_code == 400
    assert person.post(path, key=key, look="good", all="yes").status_code == 200
    assert all(stuck(world, pack) == [] for pack in packs if pack)
    assert person.get(path).status_code == 409
