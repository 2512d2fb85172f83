"""Care-parcel recipes (礼包配方), and how many of them the stock would make."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base.errors import NotFound
from app.base.ids import new_id
from inventory.models import Item, Kit, KitLine
from inventory.starter import starter_kits


class Ingredient(msgspec.Struct, frozen=True, kw_only=True):
    """So many base units of an item in one parcel."""

    item: UUID
    code: str
    name_zh: str
    name_en: str
    quantity: int


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a recipe."""

    id: UUID
    code: str
    version: int
    name_zh: str
    name_en: str
    lines: tuple[Ingredient, ...]


def load_starter(session: Session) -> int:
    """Add the starter recipes that the store lacks (after the items); returns how many."""
    there = set(session.execute(select(Kit.code)).scalars())
    fresh = [kit for kit in starter_kits() if kit.code not in there]
    items = {row.code: row.id for row in session.execute(select(Item.code, Item.id))}
    for kit in fresh:
        made = new_id()
        session.execute(insert(Kit).values(id=made, code=kit.code, version=1, name_zh=kit.name_zh, name_en=kit.name_en))
        session.execute(
            insert(KitLine),
            [{"kit": made, "item": items[line.item], "quantity": line.quantity} for line in kit.lines],
        )
    return len(fresh)


def recipes(session: Session) -> tuple[Recipe, ...]:
    """The newest version of every recipe."""
    newest = {row.code: row for row in session.execute(select(Kit).order_by(Kit.version)).scalars()}
    return tuple(_recipe(session, kit) for kit in newest.values())


def recipe(session: Session, kit: UUID) -> Recipe:
    """A recipe by its id, whichever version; raises NotFound."""
    row = session.execute(select(Kit).where(Kit.id == kit)).scalar_one_or_none()
    if row is None:
        raise NotFound
    return _recipe(session, row)


def _recipe(session: Session, kit: Kit) -> Recipe:
    rows = session.execute(
        select(Item.id, Item.code, Item.name_zh, Item.name_en, KitLine.quantity)
        .join(Item, Item.id == KitLine.item)
        .where(KitLine.kit == kit.id)
        .order_by(Item.code.desc())
    )
    lines = tuple(
        Ingredient(item=row.id, code=row.code, name_zh=row.name_zh, name_en=row.name_en, quantity=row.quantity)
        for row in rows
    )
    return Recipe(id=kit.id, code=kit.code, version=kit.version, name_zh=kit.name_zh, name_en=kit.name_en, lines=lines)


def makes(lines: Mapping[UUID, int], available: Mapping[UUID, int]) -> int:
    """How many whole parcels the available units make; ``lines`` are units per parcel by item."""
    return min((available.get(item, 0) // quantity for item, quantity in lines.items()), default=0)
