"""How many care parcels each station can make of what is really free, and what keeps it from making more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import date, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from inventory import stations
from inventory.fefo import OnShelf
from inventory.kitting import kit_making, kits
from inventory.kitting.kit_making import Makeable
from inventory.kitting.kit_models import BagState, KitBag
from inventory.kitting.kits import Recipe
from inventory.models import Kit
from inventory.stock import levels


class StationMakes(msgspec.Struct, frozen=True, kw_only=True):
    """What one station can make by itself, and how many bags of the recipe (any version) it has."""

    station: UUID
    station_name: str
    makes: Makeable
    bags: int


class RecipeStock(msgspec.Struct, frozen=True, kw_only=True):
    """How far the goods of the reader's stations go for a recipe.

    ``apart``: all that the stations can make, each by itself. ``together``: what could be made if the goods of all of
    them were brought to one place.
    """

    recipe: Recipe
    stations: tuple[StationMakes, ...]
    apart: int
    bags: int
    together: Makeable


def good_until(recipe: Recipe, today: date) -> date:
    """The day through which everything in a kit assembled today must be good."""
    return today + timedelta(days=recipe.least_days)


def goods(session: Session, recipe: Recipe, station: UUID, today: date) -> dict[UUID, tuple[OnShelf, ...]]:
    """What a station has free for a recipe: on its shelves, not expired, not recalled, not promised."""
    return levels.available(session, station, today, recipe.items)


def stock_of(
    session: Session, recipe: Recipe, actor: Actor, today: date, *, wanted: int | None = None,
    station: UUID | None = None,
) -> RecipeStock:  # fmt: skip
    """What can be made in the actor's scope, or at one of its stations; what is missing for ``wanted`` kits, or for one
    more than there can be. Raises NotFound for a station out of scope."""
    if station is not None:
        stations.in_scope(session, actor, station)
    own = [one for one in stations.stations(session, actor) if station in {None, one.id}]
    there = _bags(session, recipe.code, [one.id for one in own])
    pooled: Counter[UUID] = Counter()
    found = []
    for one in own:
        free = kit_making.good_units(goods(session, recipe, one.id, today), good_until(recipe, today))
        pooled.update(free)
        makes = kit_making.makeable(recipe.portions, free, wanted)
        found.append(StationMakes(station=one.id, station_name=one.name, makes=makes, bags=there.get(one.id, 0)))
    return RecipeStock(
        recipe=recipe,
        stations=tuple(found),
        apart=sum(one.makes.kits for one in found),
        bags=sum(one.bags for one in found),
        together=kit_making.makeable(recipe.portions, pooled, wanted),
    )


def all_stock(session: Session, actor: Actor, today: date) -> tuple[RecipeStock, ...]:
    """``stock_of`` every recipe that holds today."""
    return tuple(stock_of(session, one, actor, today) for one in kits.recipes(session, today))


def _bags(session: Session, code: str, own: Collection[UUID]) -> dict[UUID, int]:
    rows = session.execute(
        select(KitBag.station, func.count())
        .join(Kit, Kit.id == KitBag.kit)
        .where(Kit.code == code, KitBag.station.in_(own), KitBag.state == BagState.ASSEMBLED)
        .group_by(KitBag.station)
    )
    return {station: int(count) for station, count in rows}
