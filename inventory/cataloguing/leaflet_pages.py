"""The leaflet of an item for anyone: in large print, to be read aloud, behind the QR on the paper inside the bag."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.edges import PUBLIC, Call
from app.base.errors import NotFound
from inventory.cataloguing import catalogue, item_leaflets
from inventory.cataloguing.starter import StarterItem
from inventory.models import Item


class Described(msgspec.Struct, frozen=True):
    """An item, the classes of its ingredients, and the day a pharmacist verified it."""

    item: StarterItem
    classes: frozenset[str]
    checked_on: date | None


def described(session: Session, code: str) -> Described:
    """What the leaflet of an item is made from; raises NotFound."""
    row = session.execute(select(Item.facts, Item.verified_on).where(Item.code == code)).first()
    if row is None or code == catalogue.UNKNOWN_CODE:
        raise NotFound
    item = msgspec.convert(row.facts, StarterItem)
    known = catalogue.classes(session, {active.ingredient for active in item.actives})
    return Described(item, frozenset().union(*known.values()), row.verified_on)


@get(["/leaflet/{code:str}", "/LEAFLET/{code:str}"], opt=PUBLIC, include_in_schema=False)
async def leaflet_page(call: NamedDependency[Call], code: FromPath[str]) -> Response[Any]:
    """An item's leaflet, which tells of no pack, person, place or time."""
    small = code.lower()
    if not item_leaflets.CODE.fullmatch(small):
        raise NotFound
    if call.request.scope["path"] != f"/leaflet/{small}":
        return call.go(f"/leaflet/{small}")
    found = await call.read(described, small)
    say = partial(call.tools.messages.say, call.language)
    leaflet = item_leaflets.leaflet(found.item, found.classes, call.language, say, found.checked_on)
    return call.page("inventory/cataloguing/leaflet.html", leaflet=leaflet)


handlers: list[BaseRouteHandler] = [leaflet_page]
