"""Two communities with everybody who works there, on the whole application: each acts over HTTP with the own token."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import msgspec
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import check
from app.base import accounts, audit, policy
from app.base.accounts import NewAccount
from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import SYSTEM, Role, ScopeKind
from app.base.vault import Vault, open_vault
from distribution import agreement, grids, policies, teams
from distribution.grids import NewHousehold
from distribution.journey import Counsel
from distribution.teams import Part
from inventory import ledger, stations
from inventory.cataloguing import catalogue
from inventory.kitting import kits
from inventory.models import Item
from inventory.receiving import intake
from inventory.receiving.screening import IntakePolicy
from inventory.stock import levels
from labels import registry
from tests.app.client import client

PARACETAMOL, IBUPROFEN, LORATADINE, MASKS, GLOVES = "med-001", "med-005", "med-051", "sup-001", "sup-005"
LONG = "2028-05"
ELDER = ("living_alone_elder",)
HEALTHY: dict[str, Any] = {
    "born": "1986-03", "sex": "male", "pregnancy": "not_applicable", "allergies": [], "own_medicines": [],
    "liver": "no", "kidney": "no", "conditions_asked": True, "living_alone": False,
}  # fmt: skip
OF_EIGHTY = HEALTHY | {"born": "1946-02", "living_alone": True}


class Hand:
    """Somebody who acts: every tap has an idempotency key of its own, as a phone makes one."""

    def __init__(self, browser: TestClient[Litestar], account: UUID, token: str) -> None:
        self.browser, self.account, self.headers = browser, account, {"authorization": f"Bearer {token}"}

    def get(self, path: str, /, **query: object) -> httpx.Response:
        given = {name: str(value) for name, value in query.items()}
        return self.browser.get(path, params=given, headers=self.headers)

    def post(self, path: str, /, **body: object) -> httpx.Response:
        headers = {**self.headers, "content-type": "application/json"}
        return self.browser.post(path, content=msgspec.json.encode(body), headers=headers)

    def see(self, path: str, /, **query: object) -> Any:
        """What a read answers."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, f"{path} {answer.status_code} {answer.text}"
        return answer.json()

    def do(self, path: str, /, **body: object) -> Any:
        """What a write answers."""
        answer = self.post(path, **{"key": uuid4(), **body})
        assert answer.is_success, f"{path} {answer.status_code} {answer.text}"
        return answer.json()

    def refused(self, path: str, /, **body: object) -> str:
        """The code of a write's refusal."""
        answer = self.post(path, **{"key": uuid4(), **body})
        assert answer.is_client_error, f"{path} {answer.status_code} {answer.text}"
        code: str = answer.json()["code"]
        return code


class Side:
    """One community: its station, its team, its doors, and who works there."""

    def __init__(self, ids: Ids, hands: dict[str, Hand]) -> None:
        self.community, self.station, self.team, self.doors = ids
        self.volunteer, self.second, self.member = hands["volunteer"], hands["second"], hands["member"]
        self.leader, self.medic, self.coordinator = hands["leader"], hands["medic"], hands["coordinator"]

    @property
    def hands(self) -> dict[str, Hand]:
        """One of each role that holds here, by role."""
        names = ("volunteer", "member", "leader", "medic", "coordinator")
        return {name: getattr(self, name) for name in names}


class Ids(NamedTuple):
    """What a community has."""

    community: UUID
    station: UUID
    team: UUID
    doors: tuple[UUID, ...]


NAMES = ("胜华", "胜南")
HERE = (
    ("volunteer", Role.VOLUNTEER, ScopeKind.STATION),
    ("second", Role.VOLUNTEER, ScopeKind.STATION),
    ("member", Role.MEMBER, ScopeKind.TEAM),
    ("leader", Role.LEADER, ScopeKind.TEAM),
    ("medic", Role.MEDIC, ScopeKind.COMMUNITY),
    ("coordinator", Role.COORDINATOR, ScopeKind.COMMUNITY),
)
EVERYWHERE = (("office", Role.OFFICE), ("administrator", Role.ADMINISTRATOR), ("auditor", Role.AUDITOR))


class Town:
    """The application with a near and a far community, and those whose role holds everywhere."""

    def __init__(self, browser: TestClient[Litestar], db: Database, clock: Clock, keys: Path, *, rules: bool) -> None:
        self.browser, self.db, self.clock, self.keys = browser, db, clock, keys
        self.vault: Vault = db.read_now(open_vault, keys)
        ids, tokens = db.write_now(_founded, self.vault, clock, rules)
        hands = {who: Hand(browser, *known) for who, known in tokens.items()}
        self.near, self.far = (
            Side(of, {who: hands[f"{name}-{who}"] for who, *_ in HERE}) for name, of in zip(NAMES, ids, strict=True)
        )
        self.office, self.administrator, self.auditor = (hands[who] for who, _ in EVERYWHERE)
        self.items: dict[str, UUID] = db.read_now(
            lambda session: {row.code: row.id for row in session.execute(select(Item.code, Item.id))}
        )

    def line(self, code: str, **more: object) -> dict[str, object]:
        """A sound pack as it is seen at the counter."""
        return {"item": self.items[code], "lot_number": "B2401", "expiry": LONG, "look": {}} | more

    def receive(self, code: str, side: Side | None = None, **more: Any) -> dict[str, Any]:
        """A pack is handed in; the line of its receipt, with the donation."""
        at = side or self.near
        line = self.line(code, **more.pop("line", {}))
        receipt = at.volunteer.do("/api/donations", station=at.station, declared=True, line=line, **more)
        (fresh,) = (one for one in receipt["lines"] if one["line"] in receipt["fresh"])
        return {**fresh, "donation": receipt["donation"]}

    def shelve(self, code: str, side: Side | None = None, **more: Any) -> dict[str, Any]:
        """A pack is handed in, and let onto the shelf by another: medicine by a medic."""
        at = side or self.near
        got = self.receive(code, at, **more)
        hand = at.medic if code.startswith("med") else at.second
        assert hand.do("/api/held/release", pack=got["pack"])["outcome"] == "released"
        return got

    def register(self, side: Side | None = None, door: int = 0, **more: Any) -> UUID:
        """Somebody is taken into the ledger, healthy unless something else is said."""
        at = side or self.near
        told: dict[str, Any] = {
            "household": at.doors[door],
            "name": f"测试{uuid4().hex[:6]}",
            "address": "测试路 1 号 301",
            "phone": "13800138000",
            "groups": [],
            "consent": {"basis": "consent", "version": "1", "given_on": "2026-11-01", "health": True},
            "health": HEALTHY,
        }
        return UUID(at.coordinator.do("/api/residents", **told | more)["resident"])

    def answers(self, resident: UUID, **health: object) -> None:
        """What is known of a near resident's health turns out to be otherwise."""
        at = self.near
        rows = at.coordinator.see("/api/residents")["residents"]
        (row,) = (one for one in rows if one["id"] == str(resident))
        at.coordinator.do(
            "/api/residents/correct", resident=resident, version=row["changed_at"], health=HEALTHY | health
        )

    def need(self, resident: UUID, code: str, side: Side | None = None, **more: object) -> UUID:
        """The team's leader writes down what is missing."""
        at = side or self.near
        wanted = {"item": self.items[code], "urgency": "ordinary"} | more
        return UUID(at.leader.do("/api/needs", resident=resident, **wanted)["need"])

    def plan(self, side: Side | None = None) -> Any:
        """A plan is proposed; with its decisions."""
        at = side or self.near
        made = at.coordinator.do("/api/plans", community=at.community)["plan"]
        return at.coordinator.see(f"/api/plans/{made}")

    def match(self, side: Side | None = None) -> list[Any]:
        """A plan is proposed and approved; the parcels that wait to be packed now."""
        at = side or self.near
        at.coordinator.do("/api/plans/approve", plan=self.plan(at)["plan"]["id"])
        return self.to_pack(at)

    def to_pack(self, side: Side | None = None) -> list[Any]:
        """The parcels that the station's volunteer is shown."""
        waiting: list[Any] = (side or self.near).volunteer.see("/api/parcels/to-pack")["parcels"]
        return waiting

    def promise(self, code: str, side: Side | None = None, door: int = 0, **more: Any) -> UUID:
        """A parcel with one item for a new resident behind a door, everything in it promised."""
        self.shelve(code, side)
        before = {one["id"] for one in self.to_pack(side)}
        self.need(self.register(side, door, **more), code, side)
        (parcel,) = (UUID(one["id"]) for one in self.match(side) if one["id"] not in before)
        return parcel

    def scan(self, parcel: UUID, side: Side | None = None) -> list[httpx.Response]:
        """Every pack on the list is scanned into the parcel."""
        hand = (side or self.near).volunteer
        lines = hand.see(f"/api/parcels/{parcel}")["lines"]
        labels = [hand.see(f"/api/packs/{line['pack']}")["label"] for line in lines]
        return [hand.post("/api/parcels/scan", key=uuid4(), parcel=parcel, code=label) for label in labels]

    def pack(self, parcel: UUID, side: Side | None = None) -> str:
        """Pack a parcel and put a label on it; returns the label's code."""
        at = side or self.near
        assert [answer.status_code for answer in self.scan(parcel, at) if not answer.is_success] == []
        code: str = at.volunteer.do("/api/parcels/label", parcel=parcel)["code"]
        return code

    def plan_round(self, *parcels: UUID, side: Side | None = None) -> UUID:
        """The leader plans today's round."""
        at = side or self.near
        day = self.clock.today()
        return UUID(at.leader.do("/api/rounds", team=at.team, day=day, parcels=parcels)["round"])

    def out(self, parcel: UUID, side: Side | None = None) -> str:
        """Pack a parcel, plan its round and take it along; returns its label's code."""
        at = side or self.near
        code = self.pack(parcel, at)
        self.plan_round(parcel, side=at)
        at.member.do("/api/parcels/take-over", code=code)
        return code

    def door(self, parcel: UUID, **more: object) -> dict[str, object]:
        """What a member records when the resident opens and hears the counselling."""
        told = {"receiver": "self", "phone_at": self.clock.now(), "ticks": [one.value for one in Counsel]}
        return {"parcel": parcel, **told, **more}

    def column(self, column: Any, *where: Any) -> list[Any]:
        """One column of the store, for what no answer tells."""
        return self.db.read_now(lambda session: list(session.execute(select(column).where(*where)).scalars()))

    def agrees(self) -> None:
        """Ledger, promises, labels and audit agree."""
        assert self.db.read_now(lambda session: list(ledger.faults(session))) == []
        assert self.db.read_now(lambda session: list(agreement.faults(session))) == []
        assert self.db.read_now(lambda session: list(registry.faults(session))) == []
        while self.db.write_now(audit.seal):
            continue
        assert self.db.read_now(lambda session: list(check.faults(session, self.clock.now()))) == []


def _founded(
    session: Session, vault: Vault, clock: Clock, rules: bool
) -> tuple[list[Ids], dict[str, tuple[UUID, str]]]:
    """What each community has, and everybody's account and token, by what they are."""
    _goods(session, clock, rules)
    places = [_places(session, name, clock) for name in NAMES]
    tokens = {who: _signed_in(session, vault, clock, role, who) for who, role in EVERYWHERE}
    for name, ids in zip(NAMES, places, strict=True):
        of = {ScopeKind.STATION: ids.station, ScopeKind.TEAM: ids.team, ScopeKind.COMMUNITY: ids.community}
        for who, role, kind in HERE:
            handle = f"{name}-{who}"
            tokens[handle] = _signed_in(session, vault, clock, role, handle, (kind, of[kind]))
            if kind is ScopeKind.TEAM:
                teams.join_team(session, ids.team, tokens[handle][0], Part.VOLUNTEER, SYSTEM, clock.now())
    return places, tokens


def _goods(session: Session, clock: Clock, rules: bool) -> None:
    now, since = clock.now(), clock.today() - timedelta(days=30)
    catalogue.load_starter(session, SYSTEM, now)
    kits.load_starter(session)
    if rules:
        policies.enact_starters(session, SYSTEM.account, since, now)
    policy.enact(session, intake.POLICY, IntakePolicy(version="starter"), since, now)
    policy.enact(session, "levels", levels.LevelPolicy(version="starter", low=3), since, now)


def _places(session: Session, name: str, clock: Clock) -> Ids:
    now = clock.now()
    community = grids.add_community(session, name, SYSTEM, now)
    station = stations.open_station(session, f"{name}站", community, SYSTEM, now, True)
    team = teams.form_team(session, f"{name}一队", community, station, SYSTEM, now)
    grid = grids.add_grid(session, community, "一网格", SYSTEM, now)
    building = grids.add_building(session, grid, "一号楼", 1, SYSTEM, now)
    doors = tuple(
        grids.add_household(session, NewHousehold(building=building, team=team, floor=floor), SYSTEM, now)
        for floor in range(1, 5)
    )
    return Ids(community, station, team, doors)


def _signed_in(
    session: Session, vault: Vault, clock: Clock, role: Role, handle: str, *scopes: tuple[ScopeKind, UUID]
) -> tuple[UUID, str]:
    now = clock.now()
    account = accounts.create(session, vault, NewAccount(role=role, handle=handle, scopes=scopes), SYSTEM, now)
    return account, accounts.sign_in(session, account, "program", now).token


@contextlib.contextmanager
def opened(db: Database, clock: Clock, folder: Path, *, rules: bool = True) -> Iterator[Town]:
    """The town on a fresh store; ``rules``: whether the dispensing rules are in force."""
    with client(db, clock, folder) as browser:
        yield Town(browser, db, clock, folder / "keys", rules=rules)
