"""Care parcels in the small sub-district for packing: a recipe of its own, and assembled bags with their labels."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from app.base.permissions import SYSTEM
from inventory.kitting import kit_bags, kit_recipes
from inventory.kitting.kit_bags import Assemble, TakeApart, TakenApart
from inventory.kitting.kit_models import KitBag
from inventory.kitting.kit_recipes import RecipeLine, SaveRecipe
from inventory.stock import levels
from labels import registry
from tests.distribution.door_world import GOOD_UNTIL, Door, item_of


class Bag(NamedTuple):
    """An assembled bag, the code on its label, and the packs whose units are in it, in the order of the recipe."""

    id: UUID
    code: str
    packs: tuple[UUID, ...]


def recipe(door: Door, *codes: str) -> UUID:
    """A recipe with one unit of each item, in force today."""
    lines = tuple(RecipeLine(item=door.read(item_of, code), quantity=1) for code in codes)
    said: dict[str, Any] = {"key": uuid4(), "name_zh": "小礼包", "name_en": "Small kit", "valid_from": door.today}
    order = SaveRecipe(lines=lines, least_days=1, **said)
    return door.db.write_now(kit_recipes.save, order, SYSTEM, door.today, door.now).id


def assembled(door: Door, *codes: str, lot: str = "K1", expiry: date | None = GOOD_UNTIL, far: bool = False) -> Bag:
    """A bag of one unit of each item, taken from fresh packs of a lot."""
    station = door.world.other_station if far else door.world.station
    packs = tuple(door.shelve(code, lot=lot, expiry=expiry, station=station)[0] for code in codes)
    order = Assemble(key=uuid4(), kit=recipe(door, *codes), station=station, packs=packs, apart=True)
    made = door.db.write_now(kit_bags.assemble, order, SYSTEM, door.today, door.now)
    return Bag(made.bags[0], door.read(registry.code_of, made.bags[0]), packs)


def take_apart(door: Door, bag: UUID) -> TakenApart:
    order = TakeApart(key=uuid4(), bags=(bag,))
    return door.db.write_now(kit_bags.take_apart, order, door.world.volunteer, door.today, door.now)


def state_of(door: Door, bag: UUID) -> str:
    return str(door.column(KitBag.state, KitBag.id == bag)[0])


def label_of(door: Door, bag: UUID) -> str | None:
    code: str | None = door.read(registry.code_of, bag)
    return code


def free(door: Door, item: UUID) -> int:
    """Units of an item that could be promised at the station."""
    found = door.read(levels.available, door.world.station, door.today, {item})
    return sum(one.quantity for one in found.get(item, ()))
