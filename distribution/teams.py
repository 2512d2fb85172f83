"""The service teams (暖心服务小分队): who belongs to which, and the place in the ledger where their goods are."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.base import audit
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.models import Account, AccountScope
from app.base.permissions import Actor, Role, ScopeKind
from distribution.models import Household, Team, TeamMember
from inventory.models import Place, PlaceKind, Station


class Part(StrEnum):
    """As what somebody belongs to a team: «1+N», one grid head and those who stand by."""

    GRID_HEAD = "grid_head"
    PARTY_MEMBER = "party_member"
    OWNERS_COMMITTEE = "owners_committee"
    PARTNER_UNIT = "partner_unit"
    GRID_WORKER = "grid_worker"
    MEDIC = "medic"
    PROPERTY_STAFF = "property_staff"
    VOLUNTEER = "volunteer"


class TeamRow(msgspec.Struct, frozen=True, kw_only=True):
    """A team with the counts its leader must know at any time."""

    id: UUID
    name: str
    community: UUID
    station: UUID
    station_name: str
    members: int
    households: int


def form_team(session: Session, name: str, community: UUID, station: UUID, actor: Actor, now: datetime) -> UUID:
    """Form a team that starts from a station, with the place in the ledger where its goods are while it walks."""
    actor.in_community(community)
    if session.execute(select(Station.id).where(Station.id == station)).scalar() is None:
        raise NotFound
    team, place = new_id(), new_id()
    session.execute(insert(Place).values(id=place, kind=PlaceKind.MEMBER, name=name, station=station, holder=team))
    session.execute(insert(Team).values(id=team, community=community, station=station, name=name, place=place))
    audit.note(session, actor, "team.form", team, now)
    return team


def join_team(session: Session, team: UUID, account: UUID, part: Part, actor: Actor, now: datetime) -> None:
    """Make an account one of a team, its role hold there, and write it down; joining again changes nothing."""
    community = session.execute(select(Team.community).where(Team.id == team)).scalar()
    known = session.execute(select(Account.id).where(Account.id == account, Account.ended_at.is_(None))).scalar()
    if community is None or known is None:
        raise NotFound
    actor.in_team(team, community)
    belongs = select(TeamMember.team).where(TeamMember.team == team, TeamMember.account == account)
    if session.execute(belongs).first() is None:
        session.execute(insert(TeamMember).values(team=team, account=account, part=part.value))
    scope = select(AccountScope.scope).where(
        AccountScope.account == account, AccountScope.kind == ScopeKind.TEAM, AccountScope.scope == team
    )
    if session.execute(scope).first() is None:
        session.execute(insert(AccountScope).values(account=account, kind=ScopeKind.TEAM, scope=team))
    audit.note(session, actor, "team.join", account, now, team=str(team), part=part.value)


def teams_of(session: Session, actor: Actor) -> list[TeamRow]:
    """The teams in an actor's scope, by name."""
    members = select(func.count()).where(TeamMember.team == Team.id).scalar_subquery()
    households = select(func.count()).where(Household.team == Team.id).scalar_subquery()
    wanted = (
        select(
            Team.id, Team.name, Team.community, Team.station, Station.name.label("station_name"), members, households
        )
        .join(Station, Station.id == Team.station)
        .order_by(Team.name)
        .limit(200)
    )
    if actor.role in {Role.MEMBER, Role.LEADER}:
        wanted = wanted.where(Team.id.in_(actor.teams))
    elif not actor.everywhere:
        wanted = wanted.where(Team.community.in_(actor.communities))
    return [
        TeamRow(
            id=row[0], name=row[1], community=row[2], station=row[3], station_name=row[4], members=row[5],
            households=row[6],
        )
        for row in session.execute(wanted)
    ]  # fmt: skip
