"""A small sub-district for the browser: quarters that know nothing of each other, so that each journey has its own."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base import accounts, policy, store
from app.base.accounts import NewAccount
from app.base.clock import Clock
from app.base.db import opened
from app.base.permissions import PHONE_ROLES, SYSTEM, Role, ScopeKind
from app.base.settings import Settings
from app.base.vault import Vault
from app.demo.phone import Phone
from app.demo.town import Hand, in_store_code
from app.migrations.run import migrate
from distribution import grids, policies, teams
from distribution.grids import NewHousehold
from distribution.teams import Part
from inventory import stations
from inventory.cataloguing import catalogue
from inventory.kitting import kits
from inventory.models import Barcode, Item
from inventory.receiving import intake
from inventory.receiving.screening import IntakePolicy
from inventory.stock.levels import LevelPolicy

QUARTERS = tuple(
    f"{name}{side}"
    for name in (
        "胜华",
        "兴隆",
        "文汇",
        "春晖",
        "安宁",
        "康乐",
        "和平",
        "民丰",
        "河滨",
        "望海",
        "长虹",
        "金湖",
        "桃园",
        "清风",
        "凤凰",
        "银河",
        "石榴",
        "梧桐",
        "双塔",
        "东风",
        "西湖",
        "芳园",
    )
    for side in "东南西北"
)
PARACETAMOL, ISATIS, MASK, BLEACH = "med-001", "med-071", "sup-003", "sup-007"
HEALTHY: dict[str, Any] = {
    "born": "1986-03", "sex": "male", "pregnancy": "not_applicable", "allergies": [], "own_medicines": [],
    "liver": "no", "kidney": "no", "conditions_asked": True, "living_alone": False,
}  # fmt: skip
OLD = {**HEALTHY, "born": "1941-05", "sex": "female", "conditions": ["hypertension"], "living_alone": True}


class Door(NamedTuple):
    """A household behind its number."""

    id: UUID
    serial: int


class Quarter(NamedTuple):
    """One community with one station and one team, and everybody who works there."""

    community: UUID
    name: str
    station: UUID
    team: UUID
    doors: tuple[Door, ...]
    volunteer: Hand
    mate: Hand
    member: Hand
    leader: Hand
    medic: Hand
    coordinator: Hand
    second: Hand


class Town(NamedTuple):
    """All quarters, the product codes by the catalogue's code, an open invitation for each quarter, and the rest."""

    quarters: tuple[Quarter, ...]
    gtins: dict[str, str]
    items: dict[str, UUID]
    invitations: dict[str, str]
    administrator: Hand
    auditor: Hand
    office: Hand


def found(settings: Settings, template: Path, clock: Clock, *, demo: bool = False) -> Town:
    """Make the store that ``settings`` name; ``template`` is a migrated empty one."""
    settings.data.mkdir(parents=True)
    settings.sqlite_file.write_bytes(template.read_bytes())
    now = clock.now()
    with opened("", settings.sqlite_file) as db:
        migrate(db.engine)
        vault = db.write_now(store.found, settings.keys, now, demo=demo)
        return db.write_now(_town, vault, now, clock.day(now))


def _town(session: Session, vault: Vault, now: datetime, today: date) -> Town:
    catalogue.load_starter(session, SYSTEM, now)
    kits.load_starter(session)
    policies.enact_starters(session, SYSTEM.account, today, now)
    for name, body in ((intake.POLICY, IntakePolicy(version="test")), ("levels", LevelPolicy(version="test", low=3))):
        policy.enact(session, name, body, today, now, signed_by=SYSTEM.account)
    rows = session.execute(
        select(Item.code, Item.id).where(Item.code != catalogue.UNKNOWN_CODE).order_by(Item.code)
    ).all()
    gtins = {code: in_store_code(number) for number, (code, _) in enumerate(rows, 1)}
    session.execute(insert(Barcode), [{"item": item, "gtin": gtins[code].zfill(14)} for code, item in rows])
    hand = partial(_hand, session, vault, now)
    made = [_quarter(session, vault, now, number, name) for number, name in enumerate(QUARTERS, 1)]
    return Town(
        quarters=tuple(quarter for quarter, _ in made),
        gtins=gtins,
        items=dict(rows),
        invitations={quarter.name: invitation for quarter, invitation in made},
        administrator=hand(Role.ADMINISTRATOR, "A-1"),
        auditor=hand(Role.AUDITOR, "U-1"),
        office=hand(Role.OFFICE, "O-1"),
    )


def _quarter(session: Session, vault: Vault, now: datetime, number: int, name: str) -> tuple[Quarter, str]:
    community = grids.add_community(session, f"{name}社区", SYSTEM, now)
    station = stations.open_station(session, f"{name}服务站", community, SYSTEM, now, cool_cabinet=True)
    team = teams.form_team(session, f"{name}一队", community, station, SYSTEM, now)
    grid = grids.add_grid(session, community, "一网格", SYSTEM, now)
    houses = [grids.add_building(session, grid, f"{one} 号楼", one, SYSTEM, now) for one in (1, 2)]
    here, there, own = (ScopeKind.STATION, station), (ScopeKind.COMMUNITY, community), (ScopeKind.TEAM, team)
    hand = partial(_hand, session, vault, now)
    member, leader = hand(Role.MEMBER, f"M-{number}", own), hand(Role.LEADER, f"L-{number}", own)
    teams.join_team(session, team, leader.account, Part.GRID_HEAD, SYSTEM, now)
    teams.join_team(session, team, member.account, Part.VOLUNTEER, SYSTEM, now)
    newcomer = NewAccount(role=Role.VOLUNTEER, handle=f"V-{number}3", scopes=(here,))
    invited = accounts.create(session, vault, newcomer, SYSTEM, now)
    quarter = Quarter(
        community=community,
        name=name,
        station=station,
        team=team,
        doors=tuple(_door(session, house, team, floor, now) for house in houses for floor in (3, 2)),
        volunteer=hand(Role.VOLUNTEER, f"V-{number}1", here),
        mate=hand(Role.VOLUNTEER, f"V-{number}2", here),
        member=member,
        leader=leader,
        medic=hand(Role.MEDIC, f"P-{number}", there),
        coordinator=hand(Role.COORDINATOR, f"C-{number}1", there),
        second=hand(Role.COORDINATOR, f"C-{number}2", there),
    )
    return quarter, accounts.invite(session, invited, SYSTEM, now)


def _hand(
    session: Session, vault: Vault, now: datetime, role: Role, handle: str, *scopes: tuple[ScopeKind, UUID]
) -> Hand:
    account = accounts.create(session, vault, NewAccount(role=role, handle=handle, scopes=scopes), SYSTEM, now)
    token = accounts.sign_in(session, account, "device" if role in PHONE_ROLES else "desk", now).token
    return Hand(account=account, handle=handle, role=role, scope="", token=token)


def _door(session: Session, house: UUID, team: UUID, floor: int, now: datetime) -> Door:
    household = grids.add_household(session, NewHousehold(building=house, team=team, floor=floor), SYSTEM, now)
    serial = session.execute(select(grids.Household.serial).where(grids.Household.id == household)).scalar_one()
    return Door(household, serial)


class Work:
    """What the others of a quarter have done before a journey begins, over the API, each with the own token."""

    def __init__(self, phone: Phone, town: Town, quarter: Quarter, today: date) -> None:
        self.phone, self.town, self.quarter, self.today = phone, town, quarter, today

    def blank_labels(self) -> list[str]:
        """A sheet of blank labels."""
        issued = self.phone.do(self.quarter.volunteer, "/api/labels", sheets=1)
        return list(issued["codes"])

    def given(self, code: str, quantity: int = 1, *, lot: str = "A1", packs: int = 1, hand: Hand | None = None) -> Any:
        """A gift that was taken in and waits; the receipt."""
        line = {
            "gtin": self.town.gtins[code], "lot_number": lot, "expiry": f"{self.today.year + 2}-05",
            "quantity": quantity, "packs": packs, "look": {"seal": "sealed"},
        }  # fmt: skip
        return self.phone.do(
            hand or self.quarter.volunteer,
            "/api/donations",
            station=self.quarter.station,
            declared=True,
            line=line,
        )

    def shelved(self, code: str, quantity: int = 1, *, lot: str = "A1", packs: int = 1) -> list[str]:
        """Goods that a second person released; the codes on their labels."""
        receipt = self.given(code, quantity, lot=lot, packs=packs)
        second = self.quarter.medic if code.startswith("med") else self.quarter.mate
        fresh = [line for line in receipt["lines"] if line["line"] in receipt["fresh"]]
        for line in fresh:
            self.phone.do(second, "/api/held/release", pack=line["pack"])
        return [line["label"] for line in fresh]

    def resident(self, name: str, door: int = 0, **more: Any) -> str:
        """Somebody in the ledger."""
        known: dict[str, Any] = {
            "household": self.quarter.doors[door].id, "name": name, "address": "测试路 1 号 301",
            "phone": "13800138000", "groups": [], "health": HEALTHY,
            "consent": {"basis": "consent", "version": "2026-01", "given_on": self.today, "health": True},
        }  # fmt: skip
        made = self.phone.do(self.quarter.coordinator, "/api/residents", **known | more)
        return str(made["resident"])

    def old(self, name: str = "王测试", door: int = 0) -> str:
        """An old woman who lives alone, whose medicines a medic decides on."""
        return self.resident(name, door, groups=["living_alone_elder"], health=OLD)

    def need(self, resident: str, *codes: str) -> None:
        """What somebody asked for."""
        for code in codes:
            self.phone.do(
                self.quarter.leader,
                "/api/needs",
                resident=resident,
                urgency="urgent",
                item=self.town.items[code],
                quantity=1,
            )

    def matched(self) -> str:
        """A plan, approved by the second coordinator."""
        made = self.phone.do(self.quarter.coordinator, "/api/plans", community=self.quarter.community)
        self.phone.do(self.quarter.second, "/api/plans/approve", plan=made["plan"])
        return str(made["plan"])

    def decided(self) -> None:
        """The medic lets everything go."""
        for case in self.phone.get(self.quarter.medic, "/api/medic/cases")["cases"]:
            self.phone.do(self.quarter.medic, "/api/medic/decide", line=case["line"], released=True)

    def parcels(self) -> list[Any]:
        """The parcels that wait to be packed, with their lines."""
        waiting = self.phone.get(self.quarter.volunteer, "/api/parcels/to-pack")["parcels"]
        return [self.phone.get(self.quarter.volunteer, f"/api/parcels/{one['id']}") for one in waiting]

    def label(self, pack: str) -> str:
        """What stands on a box: the pick list tells only how it ends."""
        return str(self.phone.get(self.quarter.volunteer, f"/api/packs/{pack}")["label"])

    def packed(self) -> list[str]:
        """Everything packed and labelled; the labels' codes."""
        codes = []
        for parcel in self.parcels():
            for line in parcel["lines"]:
                label = self.label(line["pack"])
                self.phone.do(self.quarter.volunteer, "/api/parcels/scan", parcel=parcel["id"], code=label)
            done = self.phone.do(self.quarter.volunteer, "/api/parcels/label", parcel=parcel["id"])
            codes.append(done["code"])
        return codes

    def planned(self) -> str:
        """Everything that is ready, on today's round."""
        ready = self.phone.get(self.quarter.leader, "/api/parcels/ready")["parcels"]
        parcels = [one["parcel"] for one in ready]
        made = self.phone.do(
            self.quarter.leader, "/api/rounds", team=self.quarter.team, day=self.today, parcels=parcels
        )
        return str(made["round"])
