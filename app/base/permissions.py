"""Who may do what where: eight roles, their permissions and scopes (the authorisation table of the programme)."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import msgspec

from app.base.errors import Forbidden, NotFound


class Role(StrEnum):
    """What somebody is in the programme; one account has one role."""

    VOLUNTEER = "volunteer"
    MEMBER = "member"
    LEADER = "leader"
    MEDIC = "medic"
    COORDINATOR = "coordinator"
    OFFICE = "office"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class ScopeKind(StrEnum):
    """Where a role holds."""

    STATION = "station"
    TEAM = "team"
    COMMUNITY = "community"


PHONE_ROLES = frozenset({Role.VOLUNTEER, Role.MEMBER})
EVERYWHERE = frozenset({Role.OFFICE, Role.AUDITOR, Role.ADMINISTRATOR})

_V, _M, _L, _P = Role.VOLUNTEER, Role.MEMBER, Role.LEADER, Role.MEDIC
_C, _O, _A, _U = Role.COORDINATOR, Role.OFFICE, Role.ADMINISTRATOR, Role.AUDITOR


class Permission(StrEnum):
    """One verb that a role may have, as ``resource:action``."""

    RECEIVE = "donation:receive"
    READ_DONATION = "donation:read"
    PRINT_LABELS = "label:print"
    REPRINT_LABEL = "label:reprint"
    LOOK_UP = "label:look-up"
    RELEASE_SUPPLIES = "supplies:release"
    RELEASE_MEDICINE = "medicine:release"
    READ_HOLD = "hold:read"
    MOVE_STOCK = "stock:move"
    COUNT_STOCK = "stock:count"
    APPROVE_COUNT = "count:approve"
    DISPOSE = "stock:dispose"
    WITNESS_DISPOSAL = "disposal:witness"
    REVERSE = "stock:reverse"
    SET_LEVELS = "levels:set"
    OPEN_STOCK = "stock:open"
    EDIT_KITS = "kit:edit"
    ASSEMBLE = "kit:assemble"
    RECALL = "recall:work"
    READ_RECALLS = "recall:read"
    CALL_BACK = "recall:call"
    EDIT_APPEAL = "appeal:edit"
    READ_STOCK = "stock:read"
    READ_CATALOGUE = "catalogue:read"
    EDIT_CATALOGUE = "catalogue:edit"
    VERIFY_ITEM = "catalogue:verify"
    READ_RESIDENT = "resident:read"
    READ_PHONE = "resident:read-phone"
    READ_HEALTH = "resident:read-health"
    EDIT_RESIDENT = "resident:edit"
    RECORD_NEED = "need:record"
    READ_NEEDS = "need:read"
    MATCH = "plan:match"
    APPROVE = "plan:approve"
    READ_PLAN = "plan:read"
    RELEASE_FOR_RESIDENT = "resident-medicine:release"
    PACK = "parcel:pack"
    READ_PARCELS = "parcel:read"
    PLAN_ROUND = "round:plan"
    READ_ROUNDS = "round:read"
    DELIVER = "parcel:deliver"
    TAKE_BACK = "parcel:take-back"
    CLOSE_INCIDENT = "incident:close"
    PROPOSE_POLICY = "policy:propose"
    SIGN_POLICY = "policy:sign"
    READ_POLICY = "policy:read"
    INVITE = "account:invite"
    END_ACCOUNT = "account:end"
    READ_ACCOUNTS = "account:read"
    READ_AUDIT = "audit:read"
    READ_OWN = "own:read"


_EVERYONE = frozenset(Role)

GRANTS: dict[Permission, frozenset[Role]] = {
    Permission.RECEIVE: frozenset({_V, _C, _O}),
    Permission.READ_DONATION: frozenset({_V, _C, _O, _P, _U}),
    Permission.PRINT_LABELS: frozenset({_V, _C, _O}),
    Permission.REPRINT_LABEL: frozenset({_V}),
    Permission.LOOK_UP: frozenset({_V, _M, _L, _P, _C, _O}),
    Permission.RELEASE_SUPPLIES: frozenset({_V, _C, _O}),
    Permission.RELEASE_MEDICINE: frozenset({_P}),
    Permission.READ_HOLD: frozenset({_V, _P, _C, _O}),
    Permission.MOVE_STOCK: frozenset({_V}),
    Permission.COUNT_STOCK: frozenset({_V}),
    Permission.APPROVE_COUNT: frozenset({_C, _O}),
    Permission.DISPOSE: frozenset({_V}),
    Permission.WITNESS_DISPOSAL: frozenset({_P, _C, _O}),
    Permission.REVERSE: frozenset({_C, _O}),
    Permission.SET_LEVELS: frozenset({_C, _O}),
    Permission.OPEN_STOCK: frozenset({_C, _O}),
    Permission.EDIT_KITS: frozenset({_C, _O}),
    Permission.ASSEMBLE: frozenset({_V}),
    Permission.RECALL: frozenset({_P, _O}),
    Permission.READ_RECALLS: frozenset({_V, _P, _C, _O, _U}),
    Permission.CALL_BACK: frozenset({_C, _O}),
    Permission.EDIT_APPEAL: frozenset({_C, _O}),
    Permission.READ_STOCK: frozenset({_V, _L, _P, _C, _O, _U}),
    Permission.READ_CATALOGUE: _EVERYONE,
    Permission.EDIT_CATALOGUE: frozenset({_C, _O}),
    Permission.VERIFY_ITEM: frozenset({_P}),
    Permission.READ_RESIDENT: frozenset({_M, _L, _C, _O}),
    Permission.READ_PHONE: frozenset({_M, _L, _C, _O}),
    Permission.READ_HEALTH: frozenset({_P}),
    Permission.EDIT_RESIDENT: frozenset({_C, _O}),
    Permission.RECORD_NEED: frozenset({_M, _L, _C, _O}),
    Permission.READ_NEEDS: frozenset({_M, _L, _C, _O}),
    Permission.MATCH: frozenset({_C, _O}),
    Permission.APPROVE: frozenset({_C, _O}),
    Permission.READ_PLAN: frozenset({_C, _O}),
    Permission.RELEASE_FOR_RESIDENT: frozenset({_P}),
    Permission.PACK: frozenset({_V}),
    Permission.READ_PARCELS: frozenset({_V, _M, _L, _C, _O}),
    Permission.PLAN_ROUND: frozenset({_L, _C, _O}),
    Permission.READ_ROUNDS: frozenset({_M, _L, _C, _O}),
    Permission.DELIVER: frozenset({_M}),
    Permission.TAKE_BACK: frozenset({_V}),
    Permission.CLOSE_INCIDENT: frozenset({_C, _O}),
    Permission.PROPOSE_POLICY: frozenset({_O}),
    Permission.SIGN_POLICY: frozenset({_P}),
    Permission.READ_POLICY: _EVERYONE,
    Permission.INVITE: frozenset({_A, _C, _L}),
    Permission.END_ACCOUNT: frozenset({_A, _C, _L}),
    Permission.READ_ACCOUNTS: frozenset({_A, _C, _L}),
    Permission.READ_AUDIT: frozenset({_U, _A}),
    Permission.READ_OWN: _EVERYONE,
}


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who is acting: an account, its role, and where that role holds."""

    account: UUID
    role: Role
    handle: str = ""
    stations: frozenset[UUID] = frozenset()
    teams: frozenset[UUID] = frozenset()
    communities: frozenset[UUID] = frozenset()
    doctor: bool = False
    sign_in: UUID | None = None
    means: str = ""

    @property
    def everywhere(self) -> bool:
        """Whether the role holds in the whole sub-district."""
        return self.role in EVERYWHERE

    def may(self, permission: Permission) -> bool:
        """Whether the role has a permission at all."""
        return self.role in GRANTS[permission]

    def need(self, *permissions: Permission) -> None:
        """Go on only with at least one of the permissions; raises Forbidden."""
        if not any(self.may(permission) for permission in permissions):
            raise Forbidden

    def at_station(self, station: UUID, community: UUID | None) -> None:
        """Go on only inside the own scope; raises NotFound, the same as for an absent station."""
        if not (self.everywhere or station in self.stations or community in self.communities):
            raise NotFound

    def in_community(self, community: UUID) -> None:
        """Go on only inside the own communities; raises NotFound."""
        if not (self.everywhere or community in self.communities):
            raise NotFound

    def in_team(self, team: UUID, community: UUID | None) -> None:
        """Go on only for the own team, or as a coordinator of its community; raises NotFound."""
        of_community = self.role in {Role.COORDINATOR, Role.MEDIC} and community in self.communities
        if not (self.everywhere or team in self.teams or of_community):
            raise NotFound


SYSTEM = Actor(account=UUID(int=0), role=Role.OFFICE, handle="system", means="system")
"""The programme itself (seeding, the sealer); no sign-in ever yields it."""
