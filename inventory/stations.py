"""Love-service stations (爱心服务站点) with their places, and which of them somebody can see."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, bindparam, insert, or_, select, true
from sqlalchemy.orm import Session

from app.base import audit
from app.base.columns import table
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.prepared import Prepared
from inventory.ledger import Spot
from inventory.models import Place, PlaceKind, Station
from labels import registry

MEDICINE = "medicine"


class OpenWith(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place that a new station opens with."""

    kind: PlaceKind
    name: str
    keeps: str | None = None


class StationPlaces(msgspec.Struct, frozen=True, kw_only=True):
    """A station and its fixed places; ``shelf`` is the first shelf, ``cabinet`` the medicine cabinet, if any."""

    station: UUID
    name: str
    community: UUID
    cool_cabinet: bool
    hold: Spot
    quarantine: Spot
    reserved: Spot
    bin: Spot
    shelf: Spot
    cabinet: Spot | None

    def shelf_for(self, medicine: bool) -> Spot:
        """Where released goods go: medicine into its cabinet, where there is one."""
        return self.cabinet if medicine and self.cabinet else self.shelf


class StationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A station in a list."""

    id: UUID
    name: str
    community: UUID
    cool_cabinet: bool


@cache
def opens_with() -> tuple[OpenWith, ...]:
    """The places of a new station, by this feature's data file."""
    text = (Path(__file__).parent / "data" / "places.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["place"], tuple[OpenWith, ...])


def open_station(
    session: Session, name: str, community: UUID, actor: Actor, now: datetime, cool_cabinet: bool = False
) -> UUID:
    """Open a station with its places; returns its id. ``cool_cabinet``: it keeps and logs at most 20 ℃ (IN12)."""
    station = new_id()
    session.execute(insert(Station).values(id=station, name=name, community=community, cool_cabinet=cool_cabinet))
    for one in opens_with():
        place = new_id()
        session.execute(insert(Place).values(id=place, kind=one.kind, name=one.name, station=station, keeps=one.keeps))
        registry.bind_new(session, "place", place, now)
    audit.note(session, actor, "station.open", station, now)
    return station


_FIXED = (PlaceKind.HOLD, PlaceKind.QUARANTINE, PlaceKind.RESERVED, PlaceKind.BIN, PlaceKind.SHELF)


_S, _P = table(Station).columns, table(Place).columns
_PLACES = Prepared(
    select(_S.name, _S.community, _S.cool_cabinet, _P.id, _P.kind, _P.keeps)
    .where(
        _S.id == bindparam("of_station"),
        _P.station == _S.id,
        _P.holder.is_(None),
        or_(*(_P.kind == kind for kind in _FIXED)),
    )
    .order_by(_P.id)
)
# Holds back only writers of this station: foreign keys to it may still be checked meanwhile.
_LOCK = Prepared(select(_S.id).where(_S.id == bindparam("of_station")).with_for_update(key_share=True))


def places(session: Session, station: UUID) -> StationPlaces:
    """A station's fixed places; raises NotFound."""
    rows = _PLACES.all(session, of_station=station)
    if not rows:
        raise NotFound
    first: dict[tuple[PlaceKind, str | None], Spot] = {}
    for row in rows:
        first.setdefault((row.kind, row.keeps), Spot(row.id, row.kind))
    return StationPlaces(
        station=station,
        name=rows[0].name,
        community=rows[0].community,
        cool_cabinet=rows[0].cool_cabinet,
        hold=first[PlaceKind.HOLD, None],
        quarantine=first[PlaceKind.QUARANTINE, None],
        reserved=first[PlaceKind.RESERVED, None],
        bin=first[PlaceKind.BIN, None],
        shelf=first[PlaceKind.SHELF, None],
        cabinet=first.get((PlaceKind.SHELF, MEDICINE)),
    )


def visible(actor: Actor) -> ColumnElement[bool]:
    """The condition on ``Station`` rows that keeps a query inside the actor's scope."""
    if actor.everywhere:
        return true()
    return or_(Station.id.in_(actor.stations), Station.community.in_(actor.communities))


def in_scope(session: Session, actor: Actor, station: UUID, *, lock: bool = False) -> StationPlaces:
    """A station of the actor's scope with its places; raises NotFound. ``lock``: its writes wait for each other."""
    if lock:
        _LOCK.first(session, of_station=station)
    found = places(session, station)
    actor.at_station(station, found.community)
    return found


def place_in_reach(session: Session, place: UUID, actor: Actor) -> None:
    """Go on for those in whose scope a station's place is; raises NotFound, also for what is no station's."""
    row = session.execute(
        select(Place.station, Station.community).join(Station, Station.id == Place.station).where(Place.id == place)
    ).first()
    if row is None:
        raise NotFound
    actor.at_station(row.station, row.community)


def stations(session: Session, actor: Actor) -> tuple[StationRow, ...]:
    """The stations an actor can see, by name."""
    rows = session.execute(
        select(Station.id, Station.name, Station.community, Station.cool_cabinet)
        .where(visible(actor))
        .order_by(Station.name)
        .limit(200)
    )
    return tuple(
        StationRow(id=row.id, name=row.name, community=row.community, cool_cabinet=row.cool_cabinet) for row in rows
    )
