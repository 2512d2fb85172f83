"""Shows the catalogue: its list with filters, and everything that is known of an item, with what nobody verified."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.base.models import Account
from app.base.permissions import Actor, Permission
from inventory.cataloguing import catalogue, catalogue_rows, catalogue_search, taught
from inventory.cataloguing.catalogue import CatalogueItem
from inventory.cataloguing.catalogue_models import ItemChange
from inventory.cataloguing.catalogue_rows import Current
from inventory.cataloguing.starter import UNKNOWN_CODE, StarterItem
from inventory.cataloguing.stricter import different
from inventory.errors import UnknownItem
from inventory.models import Barcode, Ingredient, Item
from inventory.receiving.intake_facts import Kind

PAGE = 40
MOST = 400
Which = Literal["", "wanted", "unwanted", "unverified", "waiting", "verified", "told"]


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the catalogue; ``after`` is the code behind which the next one begins, empty on the last."""

    items: tuple[CatalogueItem, ...]
    after: str
    total: int


class Ware(msgspec.Struct, frozen=True, kw_only=True):
    """A product code of an item; ``guessed``: a volunteer told it at the counter, nobody has confirmed it."""

    gtin: str
    guessed: bool


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an item's history: who (staff number) changed which field from what to what."""

    at: datetime
    handle: str
    verb: str
    changes: tuple[tuple[str, Any, Any], ...]


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an item. ``facts`` hold today, ``written`` is what was last written down.

    ``waits`` are the fields in which the two differ, until a medic has verified the item.
    """

    item: CatalogueItem
    edition: int
    facts: StarterItem
    written: StarterItem
    waits: tuple[str, ...]
    approvals: tuple[str, ...]
    drug_codes: tuple[str, ...]
    barcodes: tuple[Ware, ...]
    ingredients: dict[str, tuple[str, str]]
    history: tuple[Changed, ...]
    verified_by: str = ""
    verified_on: date | None = None
    can_verify: bool = False


def shelf(session: Session, text: str, kind: Kind | None, which: Which, after: str, limit: int = PAGE) -> Shelf:
    """The catalogue in the order of its codes, or what a text fits best, of one kind or state."""
    chosen = [Item.code != UNKNOWN_CODE, *_chosen(kind, which)]
    if text.strip():
        return _searched(session, text, chosen, after, limit)
    total = session.execute(select(func.count()).select_from(Item).where(*chosen)).scalar_one()
    codes = session.execute(
        select(Item.id, Item.code).where(*chosen, Item.code > after).order_by(Item.code).limit(limit + 1)
    ).all()
    rows = catalogue.these(session, [row.id for row in codes[:limit]])
    return Shelf(items=rows, after=codes[limit - 1].code if len(codes) > limit else "", total=total)


def _searched(session: Session, text: str, chosen: list[ColumnElement[bool]], after: str, limit: int) -> Shelf:
    """Best matches first; ``after`` is then how many of them were shown before."""
    named = catalogue.by_number(session, text)
    ids = [one.id for one in named] if named is not None else catalogue_search.best(session, text, MOST)
    fit = set(session.execute(select(Item.id).where(Item.id.in_(ids), *chosen)).scalars()) if ids else set()
    found = [item for item in ids if item in fit]
    begin = min(int(after), MOST) if after.isascii() and after.isdigit() and len(after) < 5 else 0
    following = str(begin + limit) if len(found) > begin + limit else ""
    return Shelf(items=catalogue.these(session, found[begin : begin + limit]), after=following, total=len(found))


def _chosen(kind: Kind | None, which: Which) -> list[ColumnElement[bool]]:
    by_state: dict[str, ColumnElement[bool]] = {
        "wanted": Item.wanted.is_(True),
        "unwanted": Item.wanted.is_(False),
        "verified": Item.verified_on.is_not(None),
        "unverified": Item.verified_on.is_(None),
        "waiting": Item.proposed.is_not(None),
        "told": taught.has_told(),
    }
    return [*([Item.kind == kind.value] if kind else []), *([by_state[which]] if which else [])]


def view(session: Session, item: UUID, actor: Actor) -> ItemView:
    """Everything that is known of an item; raises UnknownItem."""
    was = standing(session, item)
    verified = session.execute(
        select(Item.verified_on, Account.handle)
        .outerjoin(Account, Account.id == Item.verified_by)
        .where(Item.id == item)
    ).one()  # fmt: skip
    history = _history(session, item)
    waits = different(was.held, was.facts)
    return ItemView(
        item=catalogue.item(session, item),
        edition=was.edition,
        facts=was.held,
        written=was.facts,
        waits=waits,
        approvals=tuple(sorted(was.approvals)),
        drug_codes=tuple(sorted(was.drug_codes)),
        barcodes=_barcodes(session, item),
        ingredients=ingredients(session, {one.ingredient for one in (*was.facts.actives, *was.held.actives)}),
        history=history,
        verified_by=verified.handle or "",
        verified_on=verified.verified_on,
        can_verify=verified.verified_on is None and actor.may(Permission.VERIFY_ITEM),
    )


def standing(session: Session, item: UUID) -> Current:
    """An item as it is edited; raises UnknownItem."""
    found = catalogue_rows.current(session, [item]).get(item)
    if found is None or found.facts.code == UNKNOWN_CODE:
        raise UnknownItem
    return found


def ingredients(session: Session, slugs: set[str] | None = None) -> dict[str, tuple[str, str]]:
    """Ingredients by slug with their names in zh and en: all in the order of their slugs, or these."""
    rows = select(Ingredient.slug, Ingredient.name_zh, Ingredient.name_en).order_by(Ingredient.slug)
    if slugs is not None:
        rows = rows.where(Ingredient.slug.in_(slugs))
    return {row.slug: (row.name_zh, row.name_en) for row in session.execute(rows)}


def _barcodes(session: Session, item: UUID) -> tuple[Ware, ...]:
    rows = session.execute(select(Barcode.gtin, Barcode.learned_by).where(Barcode.item == item).order_by(Barcode.gtin))
    return tuple(Ware(gtin=row.gtin, guessed=row.learned_by is not None) for row in rows)


def _history(session: Session, item: UUID) -> tuple[Changed, ...]:
    rows = session.execute(
        select(ItemChange.at, ItemChange.verb, ItemChange.changes, Account.handle)
        .outerjoin(Account, Account.id == ItemChange.by)
        .where(ItemChange.item == item)
        .order_by(ItemChange.id.desc())
        .limit(100)
    )
    return tuple(
        Changed(
            at=row.at,
            handle=row.handle or "",
            verb=row.verb,
            changes=tuple((field, old, new) for field, old, new in row.changes),
        )
        for row in rows
    )
