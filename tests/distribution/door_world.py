"""A small sub-district for packing, rounds and the door: two stations, two teams, two doors, goods on the shelf."""

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
from app.base.permissions import SYSTEM, Actor, Role, ScopeKind
from app.base.vault import Vault
from distribution import agreement, deliveries, grids, parcel_labels, parcels, policies, residents, rounds, teams
from distribution.confirmations import Recorded
from distribution.health import HealthAnswers
from distribution.journey import Counsel, Receiver
from distribution.models import Decision, LineState, Need, NeedState, Parcel, ParcelLine, Plan, PlanState
from inventory import ledger, stations
from inventory.cataloguing import catalogue
from inventory.ledger import FROM_DONOR
from inventory.models import Holding, Item, Lot, Pack, Place, PlaceKind
from labels import registry

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
TODAY = date(2026, 11, 23)
PARACETAMOL, ISATIS, MASK, BLEACH, SPIRIT = "med-001", "med-071", "sup-001", "sup-007", "sup-012"
GOOD_UNTIL = date(2028, 1, 31)


class World(NamedTuple):
    """Who and what there is."""

    vault: Vault
    community: UUID
    station: UUID
    other_station: UUID
    team: UUID
    other_team: UUID
    doors: tuple[UUID, UUID]
    people: tuple[UUID, UUID]
    volunteer: Actor
    far_volunteer: Actor
    member: Actor
    mate: Actor
    stranger: Actor
    leader: Actor
    coordinator: Actor


def answers(**more: Any) -> HealthAnswers:
    """A healthy man of forty who was asked everything."""
    asked: dict[str, Any] = {
        "born": "1986-03", "sex": "male", "pregnancy": "not_applicable", "allergies": (), "own_medicines": (),
        "liver": "no", "kidney": "no", "conditions_asked": True, "living_alone": False,
    }  # fmt: skip
    return HealthAnswers(**asked | more)


def found(session: Session, keys: Path, health: HealthAnswers, groups: tuple[Any, ...] = ()) -> World:
    """Build the world; the first door's person has these health answers."""
    vault = store.found(session, keys, NOW)
    catalogue.load_starter(session, SYSTEM, NOW)
    policies.enact_starters(session, SYSTEM.account, TODAY - timedelta(days=30), NOW)
    community = grids.add_community(session, "胜华", SYSTEM, NOW)
    near = stations.open_station(session, "胜华一站", community, SYSTEM, NOW)
    far = stations.open_station(session, "胜华二站", community, SYSTEM, NOW)
    team = teams.form_team(session, "胜华一队", community, near, SYSTEM, NOW)
    other = teams.form_team(session, "胜华二队", community, far, SYSTEM, NOW)
    grid = grids.add_grid(session, community, "一网格", SYSTEM, NOW)
    doors = tuple(
        grids.add_household(
            session,
            grids.NewHousehold(
                building=grids.add_building(session, grid, name, place, SYSTEM, NOW), team=team, floor=3
            ),
            SYSTEM,
            NOW,
        )
        for name, place in (("二号楼", 2), ("一号楼", 1))
    )
    people = tuple(
        _person(session, vault, door, name, told, part)
        for door, name, told, part in ((doors[0], "欧阳测试", health, groups), (doors[1], "张测试", answers(), ()))
    )

    def hand(handle: str, role: Role, *scopes: tuple[ScopeKind, UUID]) -> Actor:
        account = accounts.create(session, vault, accounts.NewAccount(role=role, handle=handle), SYSTEM, NOW)
        for kind, scope in scopes:
            if kind is ScopeKind.TEAM:
                teams.join_team(session, scope, account, teams.Part.VOLUNTEER, SYSTEM, NOW)
            else:
                session.execute(insert(accounts.AccountScope).values(account=account, kind=kind, scope=scope))
        return accounts.actor_of(session, account)

    return World(
        vault=vault,
        community=community,
        station=near,
        other_station=far,
        team=team,
        other_team=other,
        doors=(doors[0], doors[1]),
        people=(people[0], people[1]),
        volunteer=hand("V1", Role.VOLUNTEER, (ScopeKind.STATION, near)),
        far_volunteer=hand("V2", Role.VOLUNTEER, (ScopeKind.STATION, far)),
        member=hand("M1", Role.MEMBER, (ScopeKind.TEAM, team)),
        mate=hand("M2", Role.MEMBER, (ScopeKind.TEAM, team)),
        stranger=hand("M3", Role.MEMBER, (ScopeKind.TEAM, other)),
        leader=hand("L1", Role.LEADER, (ScopeKind.TEAM, team)),
        coordinator=hand("C1", Role.COORDINATOR, (ScopeKind.COMMUNITY, community)),
    )


def _person(
    session: Session, vault: Vault, door: UUID, name: str, health: HealthAnswers, groups: tuple[Any, ...]
) -> UUID:
    consent = residents.Consent(basis=residents.Basis.GUARDIAN, version="1", given_on=TODAY, health=True)
    new = residents.NewResident(
        key=uuid4(),
        household=door,
        name=name,
        address="测试路 1 号 301",
        phone="13800138000",
        groups=groups,
        consent=consent,
        health=health,
    )
    return residents.register(session, vault, new, SYSTEM, NOW)


def item_of(session: Session, code: str) -> UUID:
    return session.execute(select(Item.id).where(Item.code == code)).scalar_one()


def shelve(
    session: Session,
    world: World,
    code: str,
    *,
    units: int = 1,
    lot: str = "A1",
    expiry: date | None = GOOD_UNTIL,
    station: UUID | None = None,
    kind: PlaceKind = PlaceKind.SHELF,
) -> tuple[UUID, str]:
    """A fresh labelled pack on the station's shelf, or held: (pack, code on its label)."""
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
    if kind is PlaceKind.SHELF:
        ledger.move(session, pack, units, own.hold, own.shelf, "release", SYSTEM, NOW)
    return pack, registry.bind_new(session, "pack", pack, NOW)


class Promised(NamedTuple):
    """A planned parcel, the packs set aside for it with their label codes, and its needs."""

    parcel: UUID
    packs: tuple[UUID, ...]
    codes: tuple[str, ...]
    needs: tuple[UUID, ...]


def promise(session: Session, world: World, *codes: str, door: int = 0, expiry: date | None = GOOD_UNTIL) -> Promised:
    """What an approved plan leaves behind: one unit of each item set aside for the door's person."""
    places = stations.places(session, world.station)
    plan, parcel, place = new_id(), new_id(), new_id()
    session.execute(
        insert(Plan).values(
            id=plan, state=PlanState.APPROVED, seed="s", policies={}, snapshot=b"", made_by=SYSTEM.account, made_at=NOW
        )
    )
    session.execute(
        insert(Place).values(id=place, kind=PlaceKind.PARCEL, name="", station=world.station, holder=parcel)
    )
    session.execute(
        insert(Parcel).values(
            id=parcel,
            household=world.doors[door],
            community=world.community,
            station=world.station,
            team=world.team,
            plan=plan,
            place=place,
            state="planned",
            made_at=NOW,
        )
    )
    packs, labels, needs = [], [], []
    for code in codes:
        pack, label = shelve(session, world, code, expiry=expiry)
        needs.append(_line(session, world, plan, parcel, pack, code, door))
        ledger.move(session, pack, 1, places.shelf, places.reserved, "reserve", SYSTEM, NOW, subject=plan)
        packs.append(pack)
        labels.append(label)
    return Promised(parcel, tuple(packs), tuple(labels), tuple(needs))


def _line(session: Session, world: World, plan: UUID, parcel: UUID, pack: UUID, code: str, door: int) -> UUID:
    need, decision, item = new_id(), new_id(), item_of(session, code)
    person, home = world.people[door], world.doors[door]
    lot = session.execute(select(Pack.lot).where(Pack.id == pack)).scalar_one()
    session.execute(
        insert(Need).values(
            id=need, resident=person, household=home, community=world.community, item=item, substitutes=[],
            quantity=1, urgency="normal", state=NeedState.PROMISED, since=NOW, recorded_by=SYSTEM.account,
        )
    )  # fmt: skip
    session.execute(
        insert(Decision).values(
            id=decision, plan=plan, need=need, outcome="promised", item=item, lot=lot, station=world.station,
            quantity=1, rank=1, tier=1, reasons=[],
        )
    )  # fmt: skip
    session.execute(
        insert(ParcelLine).values(
            id=new_id(), parcel=parcel, need=need, resident=person, decision=decision, item=item, lot=lot, pack=pack,
            quantity=1, state=LineState.RESERVED,
        )
    )  # fmt: skip
    return need


class Door:
    """The world on a database, with the verbs as the people of the world use them."""

    def __init__(
        self, db: Database, keys: Path, health: HealthAnswers | None = None, groups: tuple[Any, ...] = ()
    ) -> None:
        self.db, self.now, self.today = db, NOW, TODAY
        self.world = db.write_now(found, keys, health or answers(), groups)

    def later(self, **lapse: int) -> None:
        self.now += timedelta(**lapse)
        self.today = (self.now + timedelta(hours=8)).date()

    def promise(self, *codes: str, door: int = 0, expiry: date | None = GOOD_UNTIL) -> Promised:
        return self.db.write_now(promise, self.world, *codes, door=door, expiry=expiry)

    def shelve(self, code: str, **more: Any) -> tuple[UUID, str]:
        return self.db.write_now(shelve, self.world, code, **more)

    def scan(self, parcel: UUID, code: str, actor: Actor | None = None, key: UUID | None = None) -> parcels.Packed:
        scan = parcels.PackLine(key=key or uuid4(), parcel=parcel, code=code)
        who = actor or self.world.volunteer
        return self.db.write_now(parcels.pack, self.world.vault, scan, who, self.today, self.now)

    def packed(self, *codes: str, door: int = 0) -> Promised:
        """A parcel packed to its last line."""
        made = self.promise(*codes, door=door)
        for code in made.codes:
            self.scan(made.parcel, code)
        return made

    def label(self, parcel: UUID, code: str | None = None) -> str:
        claim = parcel_labels.ClaimLabel(key=uuid4(), parcel=parcel, code=code)
        who = self.world.volunteer
        return self.db.write_now(parcel_labels.claim_label, self.world.vault, claim, who, self.today, self.now).code

    def planned(self, *made: Promised) -> UUID:
        """Label the parcels and put them on today's round."""
        for one in made:
            self.label(one.parcel)
        new = rounds.NewRound(
            key=uuid4(), team=self.world.team, day=self.today, parcels=tuple(one.parcel for one in made)
        )
        return self.db.write_now(rounds.plan_round, new, self.world.leader, self.now)

    def take_over(self, parcel: UUID, actor: Actor | None = None) -> deliveries.Taken:
        take = deliveries.TakeOver(key=uuid4(), parcel=parcel)
        who = actor or self.world.member
        return self.db.write_now(deliveries.take_over, self.world.vault, take, who, self.today, self.now)

    def out(self, *codes: str, door: int = 0) -> Promised:
        """A parcel in the member's hands."""
        made = self.packed(*codes, door=door)
        self.planned(made)
        self.take_over(made.parcel)
        return made

    def hand_over(self, parcel: UUID, actor: Actor | None = None, **more: Any) -> Recorded:
        told: dict[str, Any] = {
            "ticks": tuple(Counsel),
            "receiver": Receiver.SELF,
            "key": uuid4(),
            "phone_at": self.now,
        }
        over = deliveries.HandOver(parcel=parcel, **told | more)
        who = actor or self.world.member
        return self.db.write_now(deliveries.hand_over, self.world.vault, over, who, self.today, self.now)

    def read(self, query: Callable[..., Any], *args: Any) -> Any:
        return self.db.read_now(query, *args)

    def column(self, column: Any, *where: Any) -> list[Any]:
        return self.read(lambda session: list(session.execute(select(column).where(*where)).scalars()))

    def state(self, parcel: UUID) -> str:
        return str(self.column(Parcel.state, Parcel.id == parcel)[0])

    def needs(self, made: Promised) -> set[str]:
        return {str(state) for state in self.column(Need.state, Need.id.in_(made.needs))}

    def where(self, pack: UUID) -> dict[str, int]:
        """Units of a pack by the kind of place that holds them."""
        return self.read(
            lambda session: {place.kind.value: units for place, units in ledger.whereabouts(session, pack)}
        )

    def agrees(self) -> None:
        """Ledger, promises and labels agree, and every unit has exactly one holder."""
        assert self.read(lambda session: list(ledger.faults(session))) == []
        assert self.read(lambda session: list(agreement.faults(session))) == []
        assert self.read(lambda session: list(registry.faults(session))) == []
        units = self.column(Holding.quantity, Holding.quantity > 1)
        assert units == [], "the world's packs hold one unit each"
