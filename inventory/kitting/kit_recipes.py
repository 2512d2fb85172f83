"""Writes recipes: every change is a new version, a draft until its day is set, and old ones stay as they were."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import Invalid, NotFound
from app.base.fields import Dated, Day, Key, Line, Quantity
from app.base.ids import new_id
from app.base.permissions import Actor
from inventory.cataloguing import catalogue
from inventory.errors import UnknownItem
from inventory.kitting import kit_making, kits
from inventory.kitting.kit_errors import KitDay, KitNotDraft, KitStale, KitTwice
from inventory.kitting.kit_making import Portion
from inventory.kitting.kits import Recipe, RecipeState
from inventory.models import Item, Kit

MOST_LINES, MOST_INSTEAD = 30, 5
RecipeCode = Annotated[str, msgspec.Meta(pattern=r"^kit-[0-9]{3}\Z")]


class Instead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units that stand in for a whole line."""

    item: UUID
    quantity: Quantity


class RecipeLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one kit holds of an item, and what may stand in for it, in order of preference."""

    item: UUID
    quantity: Quantity
    instead: Annotated[tuple[Instead, ...], msgspec.Meta(max_length=MOST_INSTEAD)] = ()


class SaveRecipe(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe's next version; ``code`` absent: a new recipe.

    ``base`` is the version that was looked at while editing. ``valid_from`` absent: a draft. ``least_days``: nothing
    that runs out within so many days goes into a kit.
    """

    key: Key
    code: RecipeCode | None = None
    base: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    name_zh: Line
    name_en: Line
    least_days: Annotated[int, msgspec.Meta(ge=0, le=1095)] = kits.LEAST_DAYS
    lines: Annotated[tuple[RecipeLine, ...], msgspec.Meta(min_length=1, max_length=MOST_LINES)]
    valid_from: Day | None = None


class EnactRecipe(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put a draft into force from a day."""

    key: Key
    kit: UUID
    valid_from: Day


class RetireRecipe(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Assemble a recipe no more from a day."""

    key: Key
    code: RecipeCode
    retired_from: Day


def save(session: Session, new: SaveRecipe, actor: Actor, today: date, now: datetime) -> Recipe:
    """Add a version; raises KitStale where a newer one is there, KitDay, KitTwice, UnknownItem, NotFound."""
    _lock(session)
    made = replay.made_by(session, actor, new.key, "kit.save", new)
    if made is not None:
        return kits.recipe(session, UUID(made["kit"]))
    if new.valid_from is not None and new.valid_from < today:
        raise KitDay
    _may_stand(session, new.lines)
    version = _newest(session, new.code)
    if version != new.base:
        raise KitStale
    kit, code = new_id(), new.code or _next_code(session)
    session.execute(
        insert(Kit).values(
            id=kit, code=code, version=version + 1, name_zh=new.name_zh.strip(), name_en=new.name_en.strip(),
            least_days=new.least_days, valid_from=new.valid_from,
        )
    )  # fmt: skip
    kits.write_lines(
        session,
        kit,
        [
            kit_making.Line(
                item=line.item,
                quantity=line.quantity,
                instead=tuple(Portion(one.item, one.quantity) for one in line.instead),
            )
            for line in new.lines
        ],
    )
    audit.note(session, actor, "kit.save", kit, now, version=version + 1)
    replay.keep(session, actor, new.key, "kit.save", new, {"kit": str(kit)}, now)
    return kits.recipe(session, kit)


def _lock(session: Session) -> None:
    """Let the writers of recipes wait for each other: they are few, and each must see the other's version."""
    session.execute(select(Kit.id).order_by(Kit.id).limit(1).with_for_update(key_share=True))


def _may_stand(session: Session, lines: Iterable[RecipeLine]) -> None:
    items = [line.item for line in lines]
    for line in lines:
        others = [one.item for one in line.instead]
        if items.count(line.item) > 1 or len({line.item, *others}) != 1 + len(others):
            raise KitTwice
    wanted = {*items, *(one.item for line in lines for one in line.instead)}
    known = session.execute(select(Item.id).where(Item.id.in_(wanted), Item.code != catalogue.UNKNOWN_CODE)).all()
    if len(known) != len(wanted):
        raise UnknownItem


def _newest(session: Session, code: str | None) -> int:
    if code is None:
        return 0
    version = session.execute(select(func.max(Kit.version)).where(Kit.code == code)).scalar()
    if version is None:
        raise NotFound
    return int(version)


def _next_code(session: Session) -> str:
    taken = [int(code[4:]) for code in session.execute(select(Kit.code)).scalars() if re.match(r"kit-\d{3}\Z", code)]
    number = max(taken, default=0) + 1
    if number > 999:
        raise Invalid(("code", "at_most", {"high": 999}))
    return f"kit-{number:03}"


def enact(session: Session, order: EnactRecipe, actor: Actor, today: date, now: datetime) -> Recipe:
    """Let a draft hold from a day on; raises NotFound, KitNotDraft, KitDay."""
    _lock(session)
    found = kits.recipe(session, order.kit)
    if replay.made_by(session, actor, order.key, "kit.enact", order) is not None:
        return found
    if order.valid_from < today:
        raise KitDay
    if found.valid_from is not None or found.version != _newest(session, found.code):
        raise KitNotDraft
    session.execute(update(Kit).where(Kit.id == order.kit).values(valid_from=order.valid_from))
    audit.note(session, actor, "kit.enact", order.kit, now, valid_from=order.valid_from.isoformat())
    replay.keep(session, actor, order.key, "kit.enact", order, {"kit": str(order.kit)}, now)
    return kits.recipe(session, order.kit)


def retire(session: Session, order: RetireRecipe, actor: Actor, today: date, now: datetime) -> UUID:
    """End a recipe from a day on; bags that are there stay. A version saved later revives it.

    Returns the version that ends; raises NotFound where none holds, KitDay.
    """
    _lock(session)
    made = replay.made_by(session, actor, order.key, "kit.retire", order)
    if made is not None:
        return UUID(made["kit"])
    if order.retired_from < today:
        raise KitDay
    held = [one for one in kits.versions(session, order.code, today) if one.state is RecipeState.IN_FORCE]
    if not held:
        raise NotFound
    kit = held[0].recipe.id
    session.execute(update(Kit).where(Kit.id == kit).values(retired_from=order.retired_from))
    audit.note(session, actor, "kit.retire", kit, now, retired_from=order.retired_from.isoformat())
    replay.keep(session, actor, order.key, "kit.retire", order, {"kit": str(kit)}, now)
    return kit
