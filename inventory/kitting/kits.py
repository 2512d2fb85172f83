"""Care-parcel recipes (礼包配方) and their versions: which one holds today, and what each said."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base.errors import NotFound
from app.base.ids import new_id
from inventory.cataloguing.starter import StarterItem, starter_kits
from inventory.kitting import kit_making
from inventory.kitting.kit_making import Line, Portion
from inventory.kitting.kit_models import KitSubstitute
from inventory.models import Item, Kit, KitLine
from inventory.receiving.intake_facts import Kind

FROM_THE_START = date(2020, 1, 1)
LEAST_DAYS = 30
_CODE = re.compile(r"[a-z]{3}-[0-9]{3}\Z")
"""What codes look like; whatever else an address says is no recipe's."""


class RecipeState(StrEnum):
    """Where a version stands on a day."""

    DRAFT = "draft"
    COMING = "coming"
    IN_FORCE = "in_force"
    REPLACED = "replaced"
    RETIRED = "retired"


class Ingredient(msgspec.Struct, frozen=True, kw_only=True):
    """So many base units of an item in one parcel.

    ``instead`` stand in for the whole of it, the first that is there. ``hazard``: bleach or alcohol, kept apart (DS21).
    """

    item: UUID
    code: str
    kind: Kind
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    quantity: int
    hazard: str = ""
    instead: tuple[Ingredient, ...] = ()


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a recipe. ``apart``: it holds 84 and alcohol, each in an inner bag, with the warning card."""

    id: UUID
    code: str
    version: int
    name_zh: str
    name_en: str
    least_days: int
    valid_from: date | None
    retired_from: date | None
    apart: bool
    lines: tuple[Ingredient, ...]

    @property
    def portions(self) -> tuple[Line, ...]:
        """The lines as the rules want them."""
        return tuple(
            Line(
                item=one.item,
                quantity=one.quantity,
                instead=tuple(Portion(other.item, other.quantity) for other in one.instead),
            )
            for one in self.lines
        )

    @property
    def items(self) -> frozenset[UUID]:
        """Every item that may be in a kit."""
        return frozenset(option.item for line in self.portions for option in line.options)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version and where it stands today."""

    recipe: Recipe
    state: RecipeState


def load_starter(session: Session) -> int:
    """Add the starter recipes that the store lacks (after the items); returns how many."""
    there = set(session.execute(select(Kit.code)).scalars())
    fresh = [kit for kit in starter_kits() if kit.code not in there]
    items = {row.code: row.id for row in session.execute(select(Item.code, Item.id))}
    for kit in fresh:
        made = new_id()
        session.execute(
            insert(Kit).values(
                id=made, code=kit.code, version=1, name_zh=kit.name_zh, name_en=kit.name_en,
                least_days=LEAST_DAYS, valid_from=FROM_THE_START,
            )
        )  # fmt: skip
        write_lines(
            session,
            made,
            [
                Line(
                    item=items[line.item],
                    quantity=line.quantity,
                    instead=tuple(Portion(items[one.item], one.quantity) for one in line.instead),
                )
                for line in kit.lines
            ],
        )
    return len(fresh)


def write_lines(session: Session, kit: UUID, lines: Sequence[Line]) -> None:
    """Add a new version's lines."""
    session.execute(insert(KitLine), [{"kit": kit, "item": one.item, "quantity": one.quantity} for one in lines])
    substitutes = [
        {"kit": kit, "item": line.item, "rank": rank, "substitute": one.item, "quantity": one.quantity}
        for line in lines
        for rank, one in enumerate(line.instead, start=1)
    ]
    if substitutes:
        session.execute(insert(KitSubstitute), substitutes)


def recipes(session: Session, today: date) -> tuple[Recipe, ...]:
    """The version of every recipe that holds today, by code; what is retired or still a draft is not among them."""
    return tuple(one.recipe for one in every_version(session, today) if one.state is RecipeState.IN_FORCE)


def in_force(session: Session, code: str, today: date) -> Recipe | None:
    """The version of a recipe that holds today, if any."""
    return next((one.recipe for one in every_version(session, today, code) if one.state is RecipeState.IN_FORCE), None)


def versions(session: Session, code: str, today: date) -> tuple[Version, ...]:
    """All versions of a recipe, newest first; raises NotFound."""
    found = every_version(session, today, code)
    if not found:
        raise NotFound
    return tuple(sorted(found, key=lambda one: -one.recipe.version))


def every_version(session: Session, today: date, code: str | None = None) -> tuple[Version, ...]:
    """All versions of all recipes (or of one) by code and version."""
    if code is not None and not _CODE.match(code):
        return ()
    query = select(Kit).order_by(Kit.code, Kit.version)
    rows = session.execute(query if code is None else query.where(Kit.code == code)).scalars().all()
    by_code: dict[str, list[Kit]] = defaultdict(list)
    for row in rows:
        by_code[row.code].append(row)
    found = _read(session, rows)
    return tuple(
        Version(recipe=found[row.id], state=state)
        for rows in by_code.values()
        for row, state in zip(rows, _states(rows, today), strict=True)
    )


def _states(rows: Sequence[Kit], today: date) -> list[RecipeState]:
    begun = [row for row in rows if row.valid_from is not None and row.valid_from <= today]
    current = max(begun, key=lambda row: (row.valid_from or today, row.version), default=None)
    return [_state(row, current, rows[-1], today) for row in rows]


def _state(row: Kit, current: Kit | None, newest: Kit, today: date) -> RecipeState:
    if row.valid_from is None:
        return RecipeState.DRAFT if row is newest else RecipeState.REPLACED
    if row.valid_from > today:
        return RecipeState.COMING
    if row is not current:
        return RecipeState.REPLACED
    return RecipeState.RETIRED if row.retired_from is not None and row.retired_from <= today else RecipeState.IN_FORCE


def recipe(session: Session, kit: UUID) -> Recipe:
    """A recipe by its id, whichever version; raises NotFound."""
    row = session.execute(select(Kit).where(Kit.id == kit)).scalar_one_or_none()
    if row is None:
        raise NotFound
    return _read(session, [row])[kit]


def by_id(session: Session, kits: Collection[UUID]) -> dict[UUID, Recipe]:
    """Recipes by their ids, whichever version."""
    return _read(session, session.execute(select(Kit).where(Kit.id.in_(kits))).scalars().all())


_FACTS = (Item.id, Item.code, Item.kind, Item.name_zh, Item.name_en, Item.strength, Item.facts)


def _read(session: Session, kits: Sequence[Kit]) -> dict[UUID, Recipe]:
    wanted = [kit.id for kit in kits]
    instead: dict[tuple[UUID, UUID], list[Ingredient]] = defaultdict(list)
    for row in session.execute(
        select(KitSubstitute.kit, KitSubstitute.item.label("line"), KitSubstitute.quantity, *_FACTS)
        .join(Item, Item.id == KitSubstitute.substitute)
        .where(KitSubstitute.kit.in_(wanted))
        .order_by(KitSubstitute.rank)
    ):
        instead[row.kit, row.line].append(_ingredient(row))
    lines: dict[UUID, list[Ingredient]] = defaultdict(list)
    for row in session.execute(
        select(KitLine.kit, KitLine.quantity, *_FACTS)
        .join(Item, Item.id == KitLine.item)
        .where(KitLine.kit.in_(wanted))
        .order_by(Item.code.desc())
    ):
        lines[row.kit].append(_ingredient(row, tuple(instead[row.kit, row.id])))
    return {kit.id: _recipe(kit, tuple(lines[kit.id])) for kit in kits}


def _ingredient(row: Any, instead: tuple[Ingredient, ...] = ()) -> Ingredient:
    facts = msgspec.convert(row.facts, StarterItem)
    return Ingredient(
        item=row.id, code=row.code, kind=Kind(row.kind), name_zh=row.name_zh, name_en=row.name_en,
        strength=row.strength, unit_zh=facts.unit_zh, unit_en=facts.unit_en, quantity=row.quantity,
        hazard=kit_making.hazard(facts), instead=instead,
    )  # fmt: skip


def _recipe(kit: Kit, lines: tuple[Ingredient, ...]) -> Recipe:
    return Recipe(
        id=kit.id, code=kit.code, version=kit.version, name_zh=kit.name_zh, name_en=kit.name_en,
        least_days=kit.least_days, valid_from=kit.valid_from, retired_from=kit.retired_from,
        apart=kit_making.to_keep_apart([one.hazard for one in lines]), lines=lines,
    )  # fmt: skip
