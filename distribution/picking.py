"""What waits to be packed at a station, and a parcel's list: which pack, from which shelf, and what is in already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.base.errors import NotFound
from app.base.permissions import EVERYWHERE, Actor
from distribution import releases
from distribution.journey import State
from distribution.models import Confirmation, Household, LineState, Parcel, ParcelLine, ParcelStep, Team
from distribution.parcel_state import in_scope, stopped_by_incident
from inventory.models import Item, Lot, Station
from inventory.packs import last_shelves
from labels import registry

MOST = 200


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel to pack; ``for_medic`` lines wait for a medic's release, until then it cannot be packed."""

    id: UUID
    serial: int
    station: str
    team: str
    state: State
    lines: int
    packed: int
    for_medic: int
    made_at: datetime


SHOWN_OF_A_CODE = 4


class PickLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list: the ``pack`` to look for (another of the same lot will do) and the ``shelf`` it stands on.

    Of its label only the last four characters, ``ends``: a list that carried the whole code could be scanned in its
    place, and the box would never be looked at.
    """

    id: UUID
    item: str
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    quantity: int
    lot: str
    expiry: date | None
    shelf: str
    pack: UUID
    ends: str
    state: LineState
    for_medic: bool
    bag_ends: str
    recalled: bool


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A dated step of the parcel's journey."""

    event: str
    state: str
    at: datetime
    reason: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a member recorded at the door; one that came second is kept, shown, and changed nothing.

    ``own``: the reader recorded it.
    """

    outcome: str
    receiver: str | None
    reason: str | None
    effective: bool
    own: bool
    at: datetime


class ParcelView(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel as those who pack, carry and oversee it see it: goods and journey, never who it is for.

    ``lines`` are what goes or went with it; ``dropped`` were taken out again and are not to be picked. ``stopped``: its
    label is suspect, and nobody carries or hands it over before a coordinator has looked into it.
    """

    id: UUID
    serial: int
    station: str
    team: str
    state: State
    label: str
    round: UUID | None
    lines: tuple[PickLine, ...]
    dropped: tuple[PickLine, ...]
    steps: tuple[Step, ...]
    told: tuple[Told, ...]
    stopped: bool

    @property
    def to_check(self) -> bool:
        """Whether somebody must look which of two records of the door is true."""
        return any(not one.effective for one in self.told)


def to_pack(session: Session, actor: Actor, limit: int = MOST) -> tuple[Waiting, ...]:
    """Parcels of the actor's stations that are not ready for a round yet, oldest first."""
    rows = session.execute(
        select(Parcel.id, Parcel.state, Parcel.made_at, Household.serial, Station.name, Team.name.label("team"))
        .join(Household, Household.id == Parcel.household)
        .join(Station, Station.id == Parcel.station)
        .join(Team, Team.id == Parcel.team)
        .where(Parcel.state.in_((State.PLANNED.value, State.PACKED.value)), _mine(actor))
        .order_by(Parcel.made_at, Parcel.id)
        .limit(min(limit, MOST))
    ).all()
    counts = _counts(session, (row.id for row in rows))
    return tuple(
        Waiting(
            id=row.id,
            serial=row.serial,
            station=row.name,
            team=row.team,
            state=State(row.state),
            lines=sum(counts[row.id].values()) - counts[row.id][LineState.DROPPED],
            packed=counts[row.id][LineState.PACKED],
            for_medic=len(releases.outstanding(session, row.id)) if row.state == State.PLANNED else 0,
            made_at=row.made_at,
        )
        for row in rows
    )


def _mine(actor: Actor) -> ColumnElement[bool]:
    """Parcels of the actor's stations, teams or communities."""
    if actor.role in EVERYWHERE:
        return Parcel.id.is_not(None)
    return Parcel.station.in_(actor.stations) | Parcel.team.in_(actor.teams) | Parcel.community.in_(actor.communities)


def _counts(session: Session, parcels: Iterable[UUID]) -> dict[UUID, dict[LineState, int]]:
    counts: dict[UUID, dict[LineState, int]] = defaultdict(lambda: dict.fromkeys(LineState, 0))
    rows = session.execute(
        select(ParcelLine.parcel, ParcelLine.state, func.count())
        .where(ParcelLine.parcel.in_(list(parcels)))
        .group_by(ParcelLine.parcel, ParcelLine.state)
    )
    for parcel, state, count in rows:
        counts[parcel][state] = count
    return counts


def pick_list(session: Session, parcel: UUID, actor: Actor) -> ParcelView:
    """A parcel's list, journey and records of the door; raises NotFound outside the actor's scope."""
    found = session.execute(select(Parcel).where(Parcel.id == parcel)).scalar_one_or_none()
    if found is None:
        raise NotFound
    in_scope(found, actor)
    serial, station, team = session.execute(
        select(Household.serial, Station.name, Team.name)
        .select_from(Household)
        .join(Station, Station.id == found.station)
        .join(Team, Team.id == found.team)
        .where(Household.id == found.household)
    ).one()
    lines = _pick_lines(session, found)
    return ParcelView(
        id=found.id,
        serial=serial,
        station=station,
        team=team,
        state=State(found.state),
        label=registry.code_of(session, found.id) or "",
        round=found.round,
        lines=tuple(line for line in lines if line.state is not LineState.DROPPED),
        dropped=tuple(line for line in lines if line.state is LineState.DROPPED),
        steps=_steps(session, found.id),
        told=_told(session, found.id, actor),
        stopped=stopped_by_incident(session, found.id),
    )


def _pick_lines(session: Session, parcel: Parcel) -> tuple[PickLine, ...]:
    rows = session.execute(
        select(ParcelLine, Item, Lot.number, Lot.expiry, Lot.recalled_on)
        .join(Item, Item.id == ParcelLine.item)
        .join(Lot, Lot.id == ParcelLine.lot)
        .where(ParcelLine.parcel == parcel.id)
        .order_by(ParcelLine.id)
    ).all()
    packs = [line.pack for line, *_ in rows]
    bags = {line.bag for line, *_ in rows if line.bag is not None}
    codes, shelves = registry.codes_of(session, {*packs, *bags}), _shelves(session, packs, parcel.station)
    waiting = releases.outstanding(session, parcel.id) if parcel.state == State.PLANNED else ()
    return tuple(
        PickLine(
            id=line.id,
            item=item.code,
            name_zh=item.name_zh,
            name_en=item.name_en,
            strength=item.strength,
            unit_zh=item.facts["unit_zh"],
            unit_en=item.facts["unit_en"],
            quantity=line.quantity,
            lot=lot,
            expiry=expiry,
            shelf=shelves.get(line.pack, ""),
            pack=line.pack,
            ends=codes.get(line.pack, "")[-SHOWN_OF_A_CODE:],
            state=line.state,
            for_medic=line.id in waiting,
            recalled=recalled_on is not None,
            bag_ends=codes.get(line.bag, "")[-SHOWN_OF_A_CODE:] if line.bag else "",
        )
        for line, item, lot, expiry, recalled_on in rows
    )


def _shelves(session: Session, packs: list[UUID], station: UUID) -> dict[UUID, str]:
    """The shelf each pack last stood on: reserving is a line in the book, the box itself has not moved."""
    return {pack: shelf.name for pack, shelf in last_shelves(session, packs, station).items()}


def _steps(session: Session, parcel: UUID) -> tuple[Step, ...]:
    rows = session.execute(select(ParcelStep).where(ParcelStep.parcel == parcel).order_by(ParcelStep.id)).scalars()
    return tuple(Step(event=row.event, state=row.state, at=row.at, reason=_reason(row.detail)) for row in rows)


def _reason(detail: dict[str, Any]) -> str:
    return str(detail.get("reason", ""))


def _told(session: Session, parcel: UUID, actor: Actor) -> tuple[Told, ...]:
    rows = session.execute(
        select(Confirmation)
        .where(Confirmation.parcel == parcel)
        .order_by(Confirmation.effective.desc(), Confirmation.at, Confirmation.id)
    ).scalars()
    return tuple(
        Told(
            outcome=row.outcome,
            receiver=row.receiver,
            reason=row.reason,
            effective=row.effective,
            own=row.by == actor.account,
            at=row.at,
        )
        for row in rows
    )
