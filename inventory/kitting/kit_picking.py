"""The list of packs to take from the shelves for some kits, and what a scanned pack has to do with it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.errors import NotFound
from app.base.permissions import Actor
from inventory import stations
from inventory.cataloguing.starter import StarterItem
from inventory.kitting import kit_bags, kit_making, kit_stock, kits
from inventory.kitting.kit_making import Makeable
from inventory.kitting.kits import Ingredient, Recipe
from inventory.models import Item, Lot, Pack, Place
from inventory.stations import StationRow
from labels import registry


class PickRow(msgspec.Struct, frozen=True, kw_only=True):
    """A pack to take from its shelf, and how many of its units go into the kits. ``tail``: its label's last letters."""

    pack: UUID
    item: UUID
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    shelf: str
    tail: str
    lot_number: str
    expiry: date | None
    quantity: int
    hazard: str
    stands_in: bool


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line's item that lack."""

    line: Ingredient
    units: int


class Picking(msgspec.Struct, frozen=True, kw_only=True):
    """What to take for ``count`` kits, first expired first; ``missing`` where that many cannot be made."""

    recipe: Recipe
    stations: tuple[StationRow, ...]
    station: UUID | None
    count: int
    makes: Makeable | None
    rows: tuple[PickRow, ...]
    missing: tuple[Missing, ...]


def picking(
    session: Session, code: str, actor: Actor, today: date, *, station: UUID | None, count: int,
    without: frozenset[UUID] = frozenset(),
) -> Picking:  # fmt: skip
    """The list for the recipe that holds today; ``without`` are packs that nobody finds. Raises NotFound."""
    recipe = kits.in_force(session, code, today)
    if recipe is None:
        raise NotFound
    own = stations.stations(session, actor)
    if station is None and len(own) == 1:
        station = own[0].id
    if station is None:
        return Picking(recipe=recipe, stations=own, station=None, count=count, makes=None, rows=(), missing=())
    stations.in_scope(session, actor, station)
    free = kit_making.good_units(kit_stock.goods(session, recipe, station, today), kit_stock.good_until(recipe, today))
    filled = kit_bags.filling(session, recipe, station, count, today, without=without)
    units: Counter[tuple[UUID, UUID]] = Counter()
    for takes in filled.bags:
        units.update({(take.pack, take.place): 0 for take in takes})
        for take in takes:
            units[take.pack, take.place] += take.quantity
    by_item = {line.item: line for line in recipe.lines}
    return Picking(
        recipe=recipe, stations=own, station=station, count=count,
        makes=kit_making.makeable(recipe.portions, free, count), rows=_rows(session, recipe, units),
        missing=tuple(Missing(line=by_item[item], units=lack) for item, lack in filled.missing.items()),
    )  # fmt: skip


def _rows(session: Session, recipe: Recipe, units: Counter[tuple[UUID, UUID]]) -> tuple[PickRow, ...]:
    packs = {pack for pack, _ in units}
    labels = registry.codes_of(session, packs)
    shelves = {
        row.id: row.name
        for row in session.execute(select(Place.id, Place.name).where(Place.id.in_({place for _, place in units})))
    }
    found = {
        row.pack: row
        for row in session.execute(
            select(
                Pack.id.label("pack"), Pack.item, Item.code, Item.name_zh, Item.name_en, Item.strength, Item.facts,
                Lot.number, Lot.expiry,
            )
            .join(Lot, Lot.id == Pack.lot)
            .join(Item, Item.id == Pack.item)
            .where(Pack.id.in_(packs))
        )
    }  # fmt: skip
    own = {line.item for line in recipe.lines}
    rows = []
    for (pack, place), quantity in units.items():
        row, facts = found[pack], msgspec.convert(found[pack].facts, StarterItem)
        rows.append(
            PickRow(
                pack=pack,
                item=row.item,
                name_zh=row.name_zh,
                name_en=row.name_en,
                strength=row.strength,
                unit_zh=facts.unit_zh,
                unit_en=facts.unit_en,
                shelf=shelves[place],
                tail=labels.get(pack, "")[-4:],
                lot_number=row.number,
                expiry=row.expiry,
                quantity=quantity,
                hazard=kit_making.hazard(facts),
                stands_in=row.item not in own,
            )
        )
    return tuple(sorted(rows, key=lambda one: (one.shelf, one.hazard, str(one.item), one.expiry or date.max)))


def why_not(session: Session, found: Picking, pack: UUID) -> tuple[str, PickRow | None]:
    """Why a scanned pack is not listed: ``other`` item, ``sooner`` (this row's pack goes first) or ``not_free``."""
    item = session.execute(select(Pack.item).where(Pack.id == pack)).scalar()
    if item not in found.recipe.items:
        return "other", None
    row = next((one for one in found.rows if one.item == item), None)
    return ("not_free", None) if row is None else ("sooner", row)
