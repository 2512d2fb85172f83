"""Who may let whom in, see whom and end whose access: administrators all, coordinators and leaders their own."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from app.base import accounts, replay
from app.base.errors import Forbidden, Invalid, NotFound, Refusal
from app.base.fields import Key
from app.base.models import Account, AccountScope, Community, Device, Invitation
from app.base.permissions import Actor, Role, ScopeKind
from app.base.vault import Vault
from distribution.models import Team
from inventory.models import Station
from labels import registry

SCOPE_OF: dict[Role, ScopeKind] = {
    Role.VOLUNTEER: ScopeKind.STATION,
    Role.MEMBER: ScopeKind.TEAM,
    Role.LEADER: ScopeKind.TEAM,
    Role.MEDIC: ScopeKind.COMMUNITY,
    Role.COORDINATOR: ScopeKind.COMMUNITY,
}
"""Where each role holds; the roles that are not here hold in the whole sub-district."""

BELOW: dict[Role, frozenset[Role]] = {
    Role.ADMINISTRATOR: frozenset(Role),
    Role.COORDINATOR: frozenset({Role.VOLUNTEER, Role.MEMBER, Role.LEADER}),
    Role.LEADER: frozenset({Role.MEMBER}),
}
"""Whom each role may let in and end. A medic's qualification is recorded by an administrator, so none is below C."""


class OwnAccount(Refusal):
    """Nobody ends the account that they are using: the last administrator could lock everyone out."""

    code = "OWN_ACCOUNT"
    status = 409


class Newcomer(accounts.NewAccount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody to let in, with the key that makes a second sending harmless."""

    key: Key


class Scope(msgspec.Struct, frozen=True):
    """One place where a role holds."""

    kind: ScopeKind
    id: UUID
    name: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account in a list: its staff number, never its name."""

    id: UUID
    handle: str
    role: Role
    doctor: bool
    scopes: tuple[Scope, ...]
    joined: bool
    invited: bool
    ended: bool


def let_in(session: Session, vault: Vault, new: Newcomer, actor: Actor, now: datetime) -> UUID:
    """Make an account within the actor's own scope and below the own rank; returns its id.

    Raises Forbidden for a role that is not below, NotFound for a scope that is not the actor's, Invalid where role and
    scopes do not go together, HandleTaken.
    """
    if made := replay.made_by(session, actor, new.key, "account.create", new):
        return UUID(made["account"])
    _below(actor, new.role)
    wanted = SCOPE_OF.get(new.role)
    if {kind for kind, _ in new.scopes} != ({wanted} if wanted else set()):
        raise Invalid(("scopes", "scope_kind", {}))
    for kind, scope in new.scopes:
        _within(session, actor, kind, scope)
    account = accounts.create(session, vault, new, actor, now)
    replay.keep(session, actor, new.key, "account.create", new, {"account": str(account)}, now)
    return account


def invite(session: Session, account: UUID, actor: Actor, now: datetime) -> str:
    """A fresh invitation for an account below the actor; returns its token, which is shown once."""
    _managed(session, account, actor)
    return accounts.invite(session, account, actor, now)


def end_sign_ins(session: Session, account: UUID, actor: Actor, now: datetime) -> int:
    """End all sign-ins and phones of an account below the actor (a lost phone); returns how many sign-ins ended."""
    _managed(session, account, actor)
    return accounts.end_sign_ins(session, account, actor, now)


def end(session: Session, account: UUID, actor: Actor, now: datetime) -> None:
    """Let an account below the actor in no more; raises OwnAccount."""
    if account == actor.account:
        raise OwnAccount
    _managed(session, account, actor)
    accounts.end_account(session, account, actor, now)


def everyone(
    session: Session, actor: Actor, now: datetime, after: str = "", limit: int = 100, find: str = ""
) -> list[Person]:
    """The accounts in the actor's scope whose staff number holds ``find``, in its order from behind ``after``."""
    rows = session.execute(
        _visible(actor)
        .add_columns(Account.handle, Account.role, Account.doctor, Account.secret, Account.ended_at)
        .where(Account.handle > after, Account.handle.contains(find, autoescape=True))
        .order_by(Account.handle)
        .limit(limit)
    ).all()
    found = [row.id for row in rows]
    scopes = _scopes(session, found)
    invited = set(
        session.execute(
            select(Invitation.account).where(
                Invitation.account.in_(found), Invitation.uses_left > 0, Invitation.ends_at > now
            )
        ).scalars()
    )
    arrived = set(session.execute(select(Device.account).where(Device.account.in_(found))).scalars())
    return [
        Person(
            id=row.id,
            handle=row.handle,
            role=row.role,
            doctor=row.doctor,
            scopes=tuple(scopes.get(row.id, ())),
            joined=row.secret is not None or row.id in arrived,
            invited=row.id in invited,
            ended=row.ended_at is not None,
        )
        for row in rows
    ]


def handle_of(session: Session, account: UUID) -> str:
    """The staff number of an account, ended or not."""
    handle: str = session.execute(select(Account.handle).where(Account.id == account)).scalar_one()
    return handle


def roles_below(actor: Actor) -> list[Role]:
    """The roles that the actor may let in, in the order of the table."""
    below = BELOW.get(actor.role, frozenset())
    return [role for role in Role if role in below]


def places(session: Session, actor: Actor) -> list[Scope]:
    """The stations, teams and communities that the actor may let somebody in for."""
    everywhere = actor.role is Role.ADMINISTRATOR
    own = list(actor.communities)
    stations = select(Station.id, Station.name).order_by(Station.name)
    teams = select(Team.id, Team.name).order_by(Team.name)
    communities = select(Community.id, Community.name).order_by(Community.name)
    if not everywhere:
        stations = stations.where(Station.community.in_(own))
        teams = teams.where(or_(Team.community.in_(own), Team.id.in_(list(actor.teams))))
        communities = communities.where(Community.id.in_(own))
    wanted = {SCOPE_OF[role] for role in roles_below(actor) if role in SCOPE_OF}
    queries = {ScopeKind.STATION: stations, ScopeKind.TEAM: teams, ScopeKind.COMMUNITY: communities}
    return [
        Scope(kind, row.id, row.name)
        for kind, query in queries.items()
        if kind in wanted
        for row in session.execute(query)
    ]


def _below(actor: Actor, role: Role) -> None:
    if role not in BELOW.get(actor.role, frozenset()):
        raise Forbidden


def _within(session: Session, actor: Actor, kind: ScopeKind, scope: UUID) -> None:
    """Go on only where the scope exists and is the actor's own; raises NotFound."""
    column = {
        ScopeKind.STATION: select(Station.community).where(Station.id == scope),
        ScopeKind.TEAM: select(Team.community).where(Team.id == scope),
        ScopeKind.COMMUNITY: select(Community.id).where(Community.id == scope),
    }[kind]
    community = session.execute(column).scalar()
    if community is None:
        raise NotFound
    own = actor.role is Role.ADMINISTRATOR or (
        scope in actor.teams if actor.role is Role.LEADER else community in actor.communities
    )
    if not own:
        raise NotFound


def _visible(actor: Actor) -> Select[UUID]:
    """Accounts that hold somewhere in the actor's scope; for an administrator all."""
    query = select(Account.id)
    if actor.role is Role.ADMINISTRATOR:
        return query
    own = list(actor.communities)
    held = and_(AccountScope.kind == ScopeKind.TEAM, AccountScope.scope.in_(list(actor.teams)))
    if actor.role is not Role.LEADER:
        held = or_(
            and_(AccountScope.kind == ScopeKind.COMMUNITY, AccountScope.scope.in_(own)),
            and_(
                AccountScope.kind == ScopeKind.STATION,
                AccountScope.scope.in_(select(Station.id).where(Station.community.in_(own))),
            ),
            and_(
                AccountScope.kind == ScopeKind.TEAM,
                AccountScope.scope.in_(select(Team.id).where(Team.community.in_(own))),
            ),
        )
    return query.where(Account.id.in_(select(AccountScope.account).where(held)))


def _managed(session: Session, account: UUID, actor: Actor) -> None:
    """Go on only for an account that is visible, below the actor, and holds nowhere outside the actor's scope."""
    row = session.execute(_visible(actor).add_columns(Account.role).where(Account.id == account)).first()
    if row is None:
        raise NotFound
    _below(actor, row.role)
    for kind, scope in session.execute(
        select(AccountScope.kind, AccountScope.scope).where(AccountScope.account == account)
    ).all():
        _within(session, actor, kind, scope)


def _scopes(session: Session, found: list[UUID]) -> dict[UUID, list[Scope]]:
    names: dict[UUID, list[Scope]] = {}
    for model in (Station, Team, Community):
        for row in session.execute(
            select(AccountScope.account, AccountScope.kind, AccountScope.scope, model.name)
            .join(model, model.id == AccountScope.scope)
            .where(AccountScope.account.in_(found))
            .order_by(model.name)
        ):
            names.setdefault(row.account, []).append(Scope(row.kind, row.scope, row.name))
    return names


def badge(session: Session, account: UUID, actor: Actor, now: datetime) -> str:
    """The badge code of an account below the actor; a former badge is void from now on (it may be what was lost)."""
    _managed(session, account, actor)
    if former := registry.code_of(session, account):
        registry.void(session, former, "replaced", actor, now)
    return registry.fresh(session, "badge", account, actor, now)
