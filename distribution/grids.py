"""The sub-district's own division: community, grid, building, and the doors behind which people live."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base import audit
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.models import Community
from app.base.permissions import Actor
from distribution.errors import NoSuchDoor
from distribution.models import Building, Grid, Household, Team

SERIALS = (100_000, 999_999)
"""Door serials are drawn from these at random, so that a label tells nothing of the neighbourhood."""


class NewHousehold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A door: its building, the team that serves it, floor and lift. ``serial`` is drawn unless one is given."""

    building: UUID
    team: UUID
    floor: Annotated[int, Meta(ge=-3, le=80)] = 1
    lift: bool = False
    serial: Annotated[int, Meta(ge=SERIALS[0], le=SERIALS[1])] | None = None


def add_community(session: Session, name: str, actor: Actor, now: datetime) -> UUID:
    """A community (社区) of the sub-district."""
    made = new_id()
    session.execute(insert(Community).values(id=made, name=name))
    audit.note(session, actor, "community.add", made, now)
    return made


def add_grid(session: Session, community: UUID, name: str, actor: Actor, now: datetime) -> UUID:
    """A grid (网格) of a community."""
    actor.in_community(community)
    made = new_id()
    session.execute(insert(Grid).values(id=made, community=community, name=name))
    audit.note(session, actor, "grid.add", made, now)
    return made


def add_building(session: Session, grid: UUID, name: str, position: int, actor: Actor, now: datetime) -> UUID:
    """A building (楼栋) of a grid; ``position`` is its place in the usual walk."""
    community = session.execute(select(Grid.community).where(Grid.id == grid)).scalar()
    if community is None:
        raise NotFound
    actor.in_community(community)
    made = new_id()
    session.execute(insert(Building).values(id=made, grid=grid, name=name, position=position))
    audit.note(session, actor, "building.add", made, now)
    return made


def add_household(session: Session, new: NewHousehold, actor: Actor, now: datetime) -> UUID:
    """A door of a building, served by a team of the same community; raises NotFound for another's team."""
    community = session.execute(
        select(Grid.community)
        .join(Building, Building.grid == Grid.id)
        .join(Team, Team.community == Grid.community)
        .where(Building.id == new.building, Team.id == new.team)
    ).scalar()
    if community is None:
        raise NotFound
    actor.in_community(community)
    made = new_id()
    session.execute(
        insert(Household).values(
            id=made,
            building=new.building,
            community=community,
            team=new.team,
            serial=new.serial or _free_serial(session),
            floor=new.floor,
            lift=new.lift,
        )
    )
    audit.note(session, actor, "household.add", made, now)
    return made


def door(session: Session, serial: int, actor: Actor) -> UUID:
    """The household of a door's serial; raises NoSuchDoor, also for one out of scope."""
    row = session.execute(select(Household.id, Household.community).where(Household.serial == serial)).first()
    if row is None or not (actor.everywhere or row.community in actor.communities):
        raise NoSuchDoor
    household: UUID = row.id
    return household


def communities(session: Session, actor: Actor) -> list[tuple[UUID, str]]:
    """The communities in scope, by name."""
    rows = select(Community.id, Community.name).order_by(Community.name)
    if not actor.everywhere:
        rows = rows.where(Community.id.in_(actor.communities))
    return [(row.id, row.name) for row in session.execute(rows)]


def _free_serial(session: Session) -> int:
    low, high = SERIALS
    while True:
        serial = low + secrets.randbelow(high - low + 1)
        if session.execute(select(Household.id).where(Household.serial == serial)).first() is None:
            return serial
