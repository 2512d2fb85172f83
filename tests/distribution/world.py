"""A small sub-district for people, needs and matching: two communities, three teams, doors, goods on the shelf."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base import accounts, store
from app.base.db import Database
from app.base.ids import new_id
from app.base.models import AuditNote
from app.base.permissions import SYSTEM, Actor, Role, ScopeKind
from app.base.vault import Vault
from distribution import agreement, approvals, grids, needs, plans, policies, releases, residents, teams
from distribution.approvals import Approved
from distribution.health import HealthAnswers
from distribution.models import Decision, Need, Parcel, ParcelLine
from distribution.urgency import Urgency
from inventory import ledger, stations
from inventory.cataloguing import catalogue
from inventory.kitting import kits
from inventory.ledger import FROM_DONOR
from inventory.models import Item, Kit, Lot, Pack

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
TODAY = date(2026, 11, 23)
GOOD_UNTIL = date(2028, 1, 31)
PARACETAMOL, IBUPROFEN, LORATADINE = "med-001", "med-005", "med-051"
MASK = "sup-001"


class World(NamedTuple):
    """Who and what there is; the first community has two teams at one station."""

    vault: Vault
    community: UUID
    far_community: UUID
    station: UUID
    far_station: UUID
    team: UUID
    other_team: UUID
    far_team: UUID
    doors: tuple[UUID, ...]
    other_door: UUID
    far_door: UUID
    coordinator: Actor
    far_coordinator: Actor
    office: Actor
    member: Actor
    other_member: Actor
    leader: Actor
    volunteer: Actor
    medic: Actor
    far_medic: Actor
    doctor: Actor
    auditor: Actor


def answers(**more: Any) -> HealthAnswers:
    """A healthy man of forty who was asked everything."""
    asked: dict[str, Any] = {
        "born": "1986-03", "sex": "male", "pregnancy": "not_applicable", "allergies": (), "own_medicines": (),
        "liver": "no", "kidney": "no", "conditions_asked": True, "living_alone": False,
    }  # fmt: skip
    return HealthAnswers(**asked | more)


def found(session: Session, keys: Path) -> World:
    """Build the world on an empty store, through the verbs that the office would use."""
    vault = store.found(session, keys, NOW)
    catalogue.load_starter(session, SYSTEM, NOW)
    kits.load_starter(session)
    policies.enact_starters(session, SYSTEM.account, TODAY - timedelta(days=30), NOW)
    community = grids.add_community(session, "胜华", SYSTEM, NOW)
    far_community = grids.add_community(session, "胜南", SYSTEM, NOW)
    station = stations.open_station(session, "胜华站", community, SYSTEM, NOW)
    far_station = stations.open_station(session, "胜南站", far_community, SYSTEM, NOW)
    team = teams.form_team(session, "胜华一队", community, station, SYSTEM, NOW)
    other_team = teams.form_team(session, "胜华二队", community, station, SYSTEM, NOW)
    far_team = teams.form_team(session, "胜南一队", far_community, far_station, SYSTEM, NOW)

    def building(where: UUID) -> UUID:
        grid = grids.add_grid(session, where, "一网格", SYSTEM, NOW)
        return grids.add_building(session, grid, "一号楼", 1, SYSTEM, NOW)

    near, far = building(community), building(far_community)

    def door(house: UUID, whose: UUID) -> UUID:
        return grids.add_household(session, grids.NewHousehold(building=house, team=whose, floor=3), SYSTEM, NOW)

    def hand(handle: str, role: Role, *scopes: tuple[ScopeKind, UUID], doctor: bool = False) -> Actor:
        new = accounts.NewAccount(role=role, handle=handle, scopes=scopes, doctor=doctor)
        return accounts.actor_of(session, accounts.create(session, vault, new, SYSTEM, NOW))

    here, there = (ScopeKind.COMMUNITY, community), (ScopeKind.COMMUNITY, far_community)
    return World(
        vault=vault,
        community=community,
        far_community=far_community,
        station=station,
        far_station=far_station,
        team=team,
        other_team=other_team,
        far_team=far_team,
        doors=tuple(door(near, team) for _ in range(6)),
        other_door=door(near, other_team),
        far_door=door(far, far_team),
        coordinator=hand("C1", Role.COORDINATOR, here),
        far_coordinator=hand("C2", Role.COORDINATOR, there),
        office=hand("O1", Role.OFFICE),
        member=hand("M1", Role.MEMBER, (ScopeKind.TEAM, team)),
        other_member=hand("M2", Role.MEMBER, (ScopeKind.TEAM, other_team)),
        leader=hand("L1", Role.LEADER, (ScopeKind.TEAM, team)),
        volunteer=hand("V1", Role.VOLUNTEER, (ScopeKind.STATION, station)),
        medic=hand("P1", Role.MEDIC, here),
        far_medic=hand("P2", Role.MEDIC, there),
        doctor=hand("P3", Role.MEDIC, here, doctor=True),
        auditor=hand("U1", Role.AUDITOR),
    )


def item_of(session: Session, code: str) -> UUID:
    return session.execute(select(Item.id).where(Item.code == code)).scalar_one()


def shelve(
    session: Session, world: World, code: str, units: int, lot: str, expiry: date | None, station: UUID | None
) -> UUID:
    """A fresh pack on a station's shelf."""
    item, station = item_of(session, code), station or world.station
    key = f"{lot}|{expiry}"
    lot_id = session.execute(select(Lot.id).where(Lot.item == item, Lot.key == key)).scalar()
    if lot_id is None:
        lot_id = new_id()
        session.execute(insert(Lot).values(id=lot_id, item=item, key=key, number=lot, expiry=expiry))
    pack = new_id()
    session.execute(
        insert(Pack).values(
            id=pack, lot=lot_id, item=item, station=station, quantity=units, received_by=SYSTEM.account, received_at=NOW
        )
    )
    own = stations.places(session, station)
    ledger.move(session, pack, units, FROM_DONOR, own.hold, "receive", SYSTEM, NOW)
    ledger.move(session, pack, units, own.hold, own.shelf, "release", SYSTEM, NOW)
    return pack


class Streets:
    """The world on a database, with the verbs as the people of the world use them."""

    def __init__(self, db: Database, keys: Path) -> None:
        self.db, self.now, self.today = db, NOW, TODAY
        self.world = db.write_now(found, keys)
        self.vault = self.world.vault

    def later(self, **lapse: int) -> None:
        self.now += timedelta(**lapse)
        self.today = (self.now + timedelta(hours=8)).date()

    def new_resident(self, door: UUID | None = None, name: str = "欧阳测试", **more: Any) -> residents.NewResident:
        consent = residents.Consent(basis=residents.Basis.CONSENT, version="2026-01", given_on=TODAY, health=True)
        known: dict[str, Any] = {
            "key": uuid4(), "household": door or self.world.doors[0], "name": name, "address": "测试路 1 号 301",
            "phone": "138 0013 8000", "groups": (), "consent": consent, "health": answers(),
        }  # fmt: skip
        return residents.NewResident(**known | more)

    def register(
        self, door: UUID | None = None, name: str = "欧阳测试", actor: Actor | None = None, **more: Any
    ) -> UUID:
        new = self.new_resident(door, name, **more)
        return self.db.write_now(residents.register, self.vault, new, actor or self.world.coordinator, self.now)

    def correct(self, resident: UUID, **more: Any) -> None:
        version = self.column(residents.Resident.changed_at, residents.Resident.id == resident)[0]
        right = residents.CorrectResident(key=uuid4(), resident=resident, **{"version": version} | more)
        self.db.write_now(residents.correct, self.vault, right, self.world.coordinator, self.now)

    def item(self, code: str) -> UUID:
        return self.db.read_now(item_of, code)

    def kit(self) -> UUID:
        return self.column(Kit.id)[0]

    def need(self, resident: UUID, code: str, actor: Actor | None = None, **more: Any) -> needs.Recorded:
        wanted = {"kit": self.kit()} if code == "kit" else {"item": self.item(code)}
        told: dict[str, Any] = {"key": uuid4(), "urgency": Urgency.ORDINARY, **wanted}
        new = needs.NewNeed(resident=resident, **told | more)
        return self.db.write_now(needs.record, new, actor or self.world.coordinator, self.now)

    def shelve(
        self, code: str, units: int = 1, lot: str = "A1", expiry: date | None = GOOD_UNTIL, station: UUID | None = None
    ) -> UUID:
        return self.db.write_now(shelve, self.world, code, units, lot, expiry, station)

    def propose(self, actor: Actor | None = None, community: UUID | None = None, seed: str = "seed") -> UUID:
        who, where = actor or self.world.coordinator, community or self.world.community
        seen = self.db.read_now(plans.snapshot, self.vault, who, where, self.today)
        plan = plans.work_out(seen, seed)
        proposal = plans.ProposePlan(key=uuid4(), community=where)
        return self.keep(seen, plan, proposal, who)

    def keep(self, seen: plans.Snapshot, plan: Any, proposal: plans.ProposePlan, who: Actor) -> UUID:
        """Part by part until nothing is left, as the edge does it."""
        while True:
            kept = self.db.write_now(plans.keep, seen, plan, proposal, who, self.now)
            if not kept.left:
                return kept.plan

    def approve(self, plan: UUID, actor: Actor | None = None, key: UUID | None = None) -> Approved:
        """Step by step until nothing is left, as the edge does it."""
        approval = approvals.ApprovePlan(key=key or uuid4(), plan=plan)
        who = actor or self.world.coordinator
        while True:
            done = self.db.write_now(approvals.approve, self.vault, approval, who, self.today, self.now)
            if not done.left:
                return done

    def match(self) -> Approved:
        return self.approve(self.propose())

    def queue(self, actor: Actor | None = None) -> list[releases.Case]:
        return self.db.read_now(releases.queue, self.vault, actor or self.world.medic, self.today)

    def decide(self, line: UUID, released: bool, actor: Actor | None = None, key: UUID | None = None) -> Any:
        word = releases.DecideLine(key=key or uuid4(), line=line, released=released)
        who = actor or self.world.medic
        return self.db.write_now(releases.decide, self.vault, word, who, self.today, self.now)

    def read(self, query: Callable[..., Any], *args: Any, **more: Any) -> Any:
        return self.db.read_now(query, *args, **more)

    def column(self, column: Any, *where: Any) -> list[Any]:
        return self.read(lambda session: list(session.execute(select(column).where(*where)).scalars()))

    def decisions(self, plan: UUID) -> list[Decision]:
        return self.read(
            lambda session: list(
                session.execute(select(Decision).where(Decision.plan == plan).order_by(Decision.rank)).scalars()
            )
        )

    def codes(self, plan: UUID) -> list[set[str]]:
        """The reason codes of each decision, best ranked first."""
        return [{reason["code"] for reason in one.reasons} for one in self.decisions(plan)]

    def need_state(self, need: UUID) -> str:
        return str(self.column(Need.state, Need.id == need)[0])

    def lines(self) -> list[ParcelLine]:
        return self.read(lambda session: list(session.execute(select(ParcelLine).order_by(ParcelLine.id)).scalars()))

    def parcel_states(self) -> list[str]:
        return self.column(Parcel.state)

    def notes(self, verb: str) -> list[AuditNote]:
        return self.read(
            lambda session: list(
                session.execute(select(AuditNote).where(AuditNote.verb == verb).order_by(AuditNote.id)).scalars()
            )
        )

    def where(self, pack: UUID) -> dict[str, int]:
        """Units of a pack by the kind of place that holds them."""
        return self.read(
            lambda session: {place.kind.value: units for place, units in ledger.whereabouts(session, pack)}
        )

    def agrees(self) -> None:
        """Ledger and promises agree."""
        assert self.read(lambda session: list(ledger.faults(session))) == []
        assert self.read(lambda session: list(agreement.faults(session))) == []
