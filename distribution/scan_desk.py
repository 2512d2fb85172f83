"""What the scan page needs of parcels: what a scanned one is, and which ones can be packed."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.base.permissions import Actor, Permission
from distribution import parcel_state, picking
from distribution.journey import State
from inventory import places, stations
from inventory.models import PlaceKind
from labels.basket import Desk, Outcome, Spot, Told


def parcel(session: Session, wanted: UUID, actor: Actor, _today: date) -> Told:
    """A parcel in the actor's scope, without whom it is for; raises NotFound."""
    parcel_state.in_reach(session, wanted, actor)
    return Told(outcome=Outcome.KNOWN, state="here")


def desk(session: Session, actor: Actor) -> Desk:
    """The stations, places and parcels that the scan page offers this reader."""
    own = stations.stations(session, actor) if actor.may(Permission.RECEIVE) else ()
    return Desk(
        stations=tuple(Spot(id=one.id, name=one.name) for one in own),
        places=_places(session, actor) if actor.may(Permission.READ_STOCK) else (),
        parcels=_parcels(session, actor) if actor.may(Permission.PACK) else (),
    )


def _places(session: Session, actor: Actor) -> tuple[Spot, ...]:
    return tuple(
        Spot(id=one.id, name=one.name, kind=one.kind.value, station=one.station, station_name=one.station_name)
        for station in places.places(session, actor)
        for one in station.places
        if one.kind is not PlaceKind.RESERVED
    )


def _parcels(session: Session, actor: Actor) -> tuple[Spot, ...]:
    return tuple(
        Spot(id=one.id, name=str(one.serial), station_name=one.team)
        for one in picking.to_pack(session, actor, limit=50)
        if one.state is State.PLANNED and not one.for_medic
    )
