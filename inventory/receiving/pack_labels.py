"""The words on a pack's label: what it is, until when it is good, how it is kept; never where, never whose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from inventory import packs, stations
from inventory.cataloguing import catalogue
from inventory.cataloguing.starter import StarterItem
from inventory.models import Item, Lot, Pack, Place, PlaceKind
from inventory.receiving.intake_facts import Kind
from labels.templates import Goods, LabelText, Say, goods_text


def words(session: Session, wanted: tuple[UUID, ...], actor: Actor, say: Say) -> list[LabelText]:
    """The words of each pack's label, in the order asked; raises NotFound for one out of the actor's scope."""
    rows = session.execute(
        select(Pack.id, Pack.quantity, Lot.number, Lot.expiry, Item.facts)
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .where(Pack.id.in_(set(wanted)))
    )
    found = {row.id: row for row in rows}
    for pack in dict.fromkeys(wanted):
        packs.in_reach(session, pack, actor)
    slugs = {slug for row in found.values() for slug in _slugs(row)}
    classes = catalogue.classes(session, slugs)
    return [goods_text(_goods(found[pack], classes, say), say) for pack in wanted]


def _slugs(row: Any) -> Iterable[str]:
    return (active["ingredient"] for active in row.facts.get("actives", ()))


def _goods(row: Any, classes: dict[str, tuple[str, ...]], say: Say) -> Goods:
    item = msgspec.convert(row.facts, StarterItem)
    return Goods(
        name=item.name_zh,
        strength=item.strength,
        expiry=row.expiry.isoformat() if row.expiry else "",
        lot=row.number,
        storage=say("print.storage", how=say(f"storage.{item.storage}")),
        signs=tuple(say(f"print.sign.{sign}") for sign in signs(item, classes)),
        quantity=row.quantity,
        unit=item.unit_zh,
    )


def signs(item: StarterItem, classes: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Which warning signs stand on an item's label: those that somebody must see who only holds the box."""
    of_it = {name for active in item.actives for name in classes.get(active.ingredient, ())}
    shown = []
    if item.kind is Kind.DISINFECTANT:
        shown.append("not_inside")
        shown += ["flammable"] if item.alcohol else []
        shown += ["not_mixed"] if "bleach" in of_it else []
    if item.kind is Kind.MEDICINE:
        shown.append("children")
    if "sedating" in of_it:
        shown.append("drowsy")
    return tuple(shown)


def place_words(session: Session, wanted: tuple[UUID, ...], actor: Actor, say: Say) -> list[LabelText]:
    """The words of each place's label: its name, and what it is for; raises NotFound for one out of scope."""
    for place in dict.fromkeys(wanted):
        stations.place_in_reach(session, place, actor)
    rows = session.execute(select(Place.id, Place.name, Place.kind).where(Place.id.in_(set(wanted))))
    found = {row.id: row for row in rows}
    return [
        LabelText(title=say(f"print.place.{PlaceKind(found[place].kind)}"), big=found[place].name) for place in wanted
    ]
