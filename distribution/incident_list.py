"""Incidents as those who look into them see them: what was seen, on which thing, where that is now, who scanned."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session, aliased

from app.base.models import Account
from app.base.permissions import Actor
from distribution.clone_signs import PACK, PARCEL, Sign
from distribution.journey import State
from distribution.models import Household, Incident, Outcome, Parcel, Team
from inventory.models import Holding, Item, Pack, Place, PlaceKind, Station

MOST = 200
FEW = 20


class Lies(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a pack in one place."""

    kind: PlaceKind
    station: str
    quantity: int


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """What the scanned label is on: a pack (names, where its units are) or a parcel (door's number, state)."""

    name_zh: str = ""
    name_en: str = ""
    strength: str = ""
    serial: int | None = None
    state: State | None = None
    where: tuple[Lies, ...] = ()


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """An incident. ``by``: role and staff number of who scanned; ``own``: the reader, who cannot close it."""

    id: UUID
    sign: Sign
    step: str
    kind: str
    subject: UUID
    thing: Thing
    station: str
    team: str
    by_role: str
    by: str
    own: bool
    at: datetime
    closed_at: datetime | None
    closed_by: str
    outcome: Outcome | None


def waiting(session: Session, actor: Actor) -> int:
    """How many incidents wait in the actor's scope."""
    wanted = select(func.count()).select_from(Incident).where(Incident.closed_at.is_(None), _mine(actor))
    return session.execute(wanted).scalar_one()


def incidents(
    session: Session, actor: Actor, *, closed: bool = False, before: UUID | None = None, limit: int = MOST
) -> tuple[IncidentView, ...]:
    """Open (or closed) incidents in the actor's scope, newest first, from behind ``before``; at most 200."""
    closer = aliased(Account)
    wanted = (
        select(
            Incident, Account.handle, Account.role, closer.handle.label("closer"), Station.name.label("station_name"),
            Team.name.label("team_name"),
        )
        .outerjoin(Account, Account.id == Incident.by)
        .outerjoin(closer, closer.id == Incident.closed_by)
        .outerjoin(Station, Station.id == Incident.station)
        .outerjoin(Team, Team.id == Incident.team)
        .where(Incident.closed_at.is_not(None) if closed else Incident.closed_at.is_(None), _mine(actor))
        .order_by(Incident.id.desc())
        .limit(min(limit, MOST))
    )  # fmt: skip
    rows = session.execute(wanted if before is None else wanted.where(Incident.id < before)).all()
    things = _things(session, {row.Incident.subject: row.Incident.kind for row in rows})
    return tuple(
        IncidentView(
            id=row.Incident.id,
            sign=row.Incident.sign,
            step=row.Incident.step,
            kind=row.Incident.kind,
            subject=row.Incident.subject,
            thing=things.get(row.Incident.subject, Thing()),
            station=row.station_name or "",
            team=row.team_name or "",
            by_role=row.role or "",
            by=row.handle or "",
            own=row.Incident.by == actor.account,
            at=row.Incident.at,
            closed_at=row.Incident.closed_at,
            closed_by=row.closer or "",
            outcome=row.Incident.outcome,
        )
        for row in rows
    )


def _mine(actor: Actor) -> ColumnElement[bool]:
    return true() if actor.everywhere else Incident.community.in_(actor.communities)


def _things(session: Session, kinds: dict[UUID, str]) -> dict[UUID, Thing]:
    packs = [subject for subject, kind in kinds.items() if kind == PACK]
    parcels = [subject for subject, kind in kinds.items() if kind == PARCEL]
    return _packs(session, packs) | _parcels(session, parcels)


def _packs(session: Session, packs: Collection[UUID]) -> dict[UUID, Thing]:
    where = _where(session, packs)
    rows = session.execute(
        select(Pack.id, Item.name_zh, Item.name_en, Item.strength)
        .join(Item, Item.id == Pack.item)
        .where(Pack.id.in_(packs))
    )
    return {
        row.id: Thing(
            name_zh=row.name_zh, name_en=row.name_en, strength=row.strength, where=tuple(where.get(row.id, ()))
        )
        for row in rows
    }


def _where(session: Session, packs: Collection[UUID]) -> dict[UUID, list[Lies]]:
    rows = session.execute(
        select(Holding.pack, Holding.quantity, Place.kind, Station.name)
        .join(Place, Place.id == Holding.place)
        .outerjoin(Station, Station.id == Place.station)
        .where(Holding.pack.in_(packs), Holding.quantity > 0)
        .order_by(Holding.pack, Holding.quantity.desc(), Place.id)
    )
    found: dict[UUID, list[Lies]] = {}
    for pack, quantity, kind, station in rows:
        found.setdefault(pack, []).append(Lies(kind=kind, station=station or "", quantity=quantity))
    return found


def _parcels(session: Session, parcels: Collection[UUID]) -> dict[UUID, Thing]:
    rows = session.execute(
        select(Parcel.id, Parcel.state, Household.serial)
        .join(Household, Household.id == Parcel.household)
        .where(Parcel.id.in_(parcels))
    )
    return {row.id: Thing(serial=row.serial, state=State(row.state)) for row in rows}
