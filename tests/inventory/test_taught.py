"""A barcode that was told at the counter is a guess until a second person has compared it with a box."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, NotFound, SamePerson
from app.base.ids import new_id
from inventory.cataloguing import catalogue, catalogue_view, taught
from inventory.cataloguing.catalogue_view import Ware
from inventory.cataloguing.taught import JudgeBarcode
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World

TOLD = "06901234567892"


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    made = worlds.build(db, clock, tmp_path / "keys")
    made.db.write_now(catalogue.learn_barcode, TOLD, made.items[MASKS], made.people["volunteer"], made.now)
    return made


def judge(world: World, right: bool, by: str = "office", item: str = MASKS, gtin: str = TOLD) -> bool:
    order = JudgeBarcode(key=new_id(), item=world.items[item], gtin=gtin, right=right)
    return world.db.write_now(taught.judge_barcode, order, world.people[by], world.now)


def ware(world: World) -> Ware | None:
    found = world.db.read_now(catalogue_view.view, world.items[MASKS], world.people["office"]).barcodes
    return next((one for one in found if one.gtin == TOLD), None)


def listed(world: World) -> list[str]:
    return [one.code for one in world.db.read_now(catalogue_view.shelf, "", None, "told", "").items]


@pytest.mark.parametrize("by", ["office", "medic"])
def test_a_second_person_confirms_it_and_it_is_no_guess_any_more(world: World, by: str) -> None:
    assert (ware(world), listed(world)) == (Ware(gtin=TOLD, guessed=True), [MASKS])
    assert judge(world, right=True, by=by)
    assert (ware(world), listed(world)) == (Ware(gtin=TOLD, guessed=False), [])
    assert world.db.read_now(taught.waiting) == 0


def test_a_wrong_one_is_forgotten_and_the_next_box_asks_again(world: World) -> None:
    assert not judge(world, right=False)
    assert ware(world) is None
    assert world.db.read_now(catalogue.facts_by_gtin, TOLD) == []


def test_tapping_twice_changes_nothing_more(world: World) -> None:
    assert judge(world, right=True)
    assert judge(world, right=True)
    assert judge(world, right=False), "what stands is taken off on the item's form, not by a late tap"
    assert ware(world) == Ware(gtin=TOLD, guessed=False)


def test_whoever_told_it_does_not_confirm_it_nor_a_volunteer_at_all(world: World) -> None:
    with pytest.raises(Forbidden):
        judge(world, right=True, by="volunteer")
    other = "06901234567908"
    world.db.write_now(catalogue.learn_barcode, other, world.items[MASKS], world.people["office"], world.now)
    with pytest.raises(SamePerson):
        judge(world, right=True, gtin=other)


def test_a_code_that_nobody_told_is_not_there_to_be_confirmed(world: World) -> None:
    with pytest.raises(NotFound):
        judge(world, right=True, item=PARACETAMOL)
