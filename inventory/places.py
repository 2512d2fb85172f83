"""A station's shelves and boxes: each carries its own code, and says what stands in it now."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from inventory import stations
from inventory.counting import blind
from inventory.models import Holding, Item, Lot, Pack, Place, PlaceKind, Station
from inventory.stations import StationRow

MOST = 200


class PlaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A place of a station."""

    id: UUID
    kind: PlaceKind
    name: str
    station: UUID
    station_name: str


class InPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a pack in a place."""

    pack: UUID
    item: UUID
    name_zh: str
    name_en: str
    strength: str
    called: str
    lot_number: str
    expiry: date | None
    quantity: int


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """A place and what stands in it, what runs out first comes first; at most 200 packs."""

    place: PlaceRow
    packs: tuple[InPlace, ...]


class StationPlacesView(msgspec.Struct, frozen=True, kw_only=True):
    """A station's places."""

    station: StationRow
    places: tuple[PlaceRow, ...]


_ROW = select(Place.id, Place.kind, Place.name, Place.station, Station.name.label("station_name")).join(
    Station, Station.id == Place.station
)
_KINDS = (PlaceKind.HOLD, PlaceKind.QUARANTINE, PlaceKind.SHELF, PlaceKind.RESERVED, PlaceKind.BIN)


def places(session: Session, actor: Actor) -> tuple[StationPlacesView, ...]:
    """The places of every station in the actor's scope, in the order in which they were set up."""
    own = stations.stations(session, actor)
    found: dict[UUID, list[PlaceRow]] = {one.id: [] for one in own}
    rows = session.execute(
        _ROW.where(Place.station.in_(list(found)), Place.kind.in_(_KINDS), Place.holder.is_(None)).order_by(Place.id)
    )
    for row in rows:
        found[row.station].append(PlaceRow(**row._mapping))
    return tuple(StationPlacesView(station=one, places=tuple(found[one.id])) for one in own)


def named(session: Session, wanted: UUID, actor: Actor) -> PlaceRow:
    """A place without what stands in it; raises NotFound out of scope."""
    stations.place_in_reach(session, wanted, actor)
    return PlaceRow(**session.execute(_ROW.where(Place.id == wanted)).one()._mapping)


def place(session: Session, wanted: UUID, actor: Actor) -> PlaceView:
    """A place and what stands in it; raises NotFound out of scope."""
    stations.place_in_reach(session, wanted, actor)
    blind.place(session, wanted, actor)
    row = session.execute(_ROW.where(Place.id == wanted)).one()
    held = session.execute(
        select(
            Pack.id.label("pack"), Item.id.label("item"), Item.name_zh, Item.name_en, Item.strength,
            Lot.number.label("lot_number"), Lot.expiry, Holding.quantity,
        )
        .join(Pack, Pack.id == Holding.pack)
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .where(Holding.place == wanted, Holding.quantity > 0)
        .order_by(Lot.expiry.is_(None), Lot.expiry, Pack.id)
        .limit(MOST)
    )  # fmt: skip
    packs = tuple(InPlace(called="", **one._mapping) for one in held)
    return PlaceView(place=PlaceRow(**row._mapping), packs=packs)
