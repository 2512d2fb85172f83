"""The ways in to a station's places: what stands where, and the places' labels to print."""

from __future__ import annotations

from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from app.base.edges import Call, may
from app.base.permissions import Permission
from inventory import places
from inventory.places import PlaceView, StationPlacesView


class Places(msgspec.Struct, frozen=True):
    """The stations in the caller's scope with their places."""

    stations: tuple[StationPlacesView, ...]


_GUARDS = [may(Permission.READ_STOCK)]


@get("/api/places", operation_id="listPlaces", guards=_GUARDS)
async def list_places(call: NamedDependency[Call]) -> Places:
    """Every place of every station in the caller's scope."""
    return Places(await call.read(places.places, call.actor))


@get("/api/places/{place:uuid}", operation_id="readPlace", guards=_GUARDS)
async def read_place(call: NamedDependency[Call], place: FromPath[UUID]) -> PlaceView:
    """A place and what stands in it, what runs out first comes first; at most 200 packs."""
    return await call.read(places.place, place, call.actor)


@get("/places", guards=_GUARDS, include_in_schema=False)
async def places_page(call: NamedDependency[Call]) -> Response[str]:
    """Every place, and its labels to print."""
    found = await call.read(places.places, call.actor)
    return call.page("inventory/places.html", stations=found, prints=call.actor.may(Permission.PRINT_LABELS))


@get("/places/{place:uuid}", guards=_GUARDS, include_in_schema=False)
async def place_page(call: NamedDependency[Call], place: FromPath[UUID]) -> Response[str]:
    """What stands in a place; where the label on a shelf leads."""
    found = await call.read(places.place, place, call.actor)
    return call.page(
        "inventory/place.html", found=found, today=call.today, prints=call.actor.may(Permission.PRINT_LABELS)
    )


handlers: list[BaseRouteHandler] = [list_places, read_place, places_page, place_page]
