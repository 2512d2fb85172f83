"""A small world of goods for the tests: a community with two stations, the catalogue, and people of every role."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.base import accounts, policy, store
from app.base.accounts import NewAccount
from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from app.base.models import Community
from app.base.permissions import SYSTEM, Actor, Role, ScopeKind
from app.base.vault import Vault
from inventory import stations
from inventory.cataloguing import catalogue
from inventory.kitting import kits
from inventory.models import Item
from inventory.receiving import intake
from inventory.receiving.donations import Receipt
from inventory.receiving.intake import NewDonation, NewLine
from inventory.receiving.intake_facts import Look
from inventory.receiving.screening import IntakePolicy
from inventory.releasing import release

LONG = "2028-05"
PARACETAMOL = "med-001"
IBUPROFEN = "med-005"
MASKS = "sup-003"
THERMOMETER = "sup-008"
AMOXICILLIN = "med-091"


@dataclass
class World:
    """Everything a test needs to play a station's day."""

    db: Database
    clock: Clock
    vault: Vault
    community: UUID
    station: UUID
    other_station: UUID
    items: dict[str, UUID]
    people: dict[str, Actor] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def today(self) -> date:
        return self.clock.today()

    def receive(self, code: str = PARACETAMOL, *, by: str = "volunteer", **more: Any) -> Receipt:
        """Take in a pack; what is not said is in order."""
        new = self.donation(code, **more)
        return self.db.write_now(intake.receive, self.vault, new, self.people[by], self.today, self.now)

    def donation(self, code: str = PARACETAMOL, **more: Any) -> NewDonation:
        line = {"item": self.items[code], "lot_number": "B2401", "expiry": LONG, "look": Look()}
        line.update({name: more.pop(name) for name in list(more) if name in NewLine.__struct_fields__})
        return NewDonation(
            **{"key": new_id(), "station": self.station, "declared": True, "line": NewLine(**line), **more}
        )

    def pack(self, code: str = PARACETAMOL, **more: Any) -> UUID:
        """Take in a pack that is booked; returns its id."""
        got = self.receive(code, **more)
        pack = next(line.pack for line in got.lines if line.line == got.fresh[0])
        assert pack is not None
        return pack

    def release(self, pack: UUID, by: str, **more: Any) -> release.Decision:
        order = release.ReleasePack(
            **{"key": new_id(), "pack": pack, "grounds": release.Grounds.CHECKED, "note": "本月发完", **more}
        )
        return self.db.write_now(release.release, order, self.people[by], self.today, self.now)

    def shelved(self, code: str = PARACETAMOL, **more: Any) -> UUID:
        """A pack on the shelf."""
        pack = self.pack(code, **more)
        outcome = self.release(pack, "medic" if code.startswith("med") else "second").outcome
        assert outcome == "released"
        return pack


def build(db: Database, clock: Clock, keys: Path, *, with_policy: bool = True) -> World:
    """Make the world by the verbs that make it in earnest."""
    now, today = clock.now(), clock.today()
    vault = db.write_now(store.found, keys, now)
    community = db.write_now(_community, "胜华")
    station = db.write_now(stations.open_station, "胜华一站", community, SYSTEM, now)
    other = db.write_now(stations.open_station, "胜华二站", community, SYSTEM, now, True)
    db.write_now(catalogue.load_starter, SYSTEM, now)
    db.write_now(kits.load_starter)
    if with_policy:
        body = IntakePolicy(version="test")
        db.write_now(policy.enact, "intake", body, today - timedelta(days=400), now)
    world = World(db, clock, vault, community, station, other, db.read_now(_items))
    for name, role, scopes in _people(community, station, other):
        world.people[name] = db.write_now(_account, vault, name, role, scopes, now)
    return world


def _people(community: UUID, station: UUID, other: UUID) -> list[tuple[str, Role, tuple[tuple[ScopeKind, UUID], ...]]]:
    here, there, whole = (ScopeKind.STATION, station), (ScopeKind.STATION, other), (ScopeKind.COMMUNITY, community)
    return [
        ("volunteer", Role.VOLUNTEER, (here,)),
        ("second", Role.VOLUNTEER, (here,)),
        ("elsewhere", Role.VOLUNTEER, (there,)),
        ("medic", Role.MEDIC, (whole,)),
        ("second_medic", Role.MEDIC, (whole,)),
        ("coordinator", Role.COORDINATOR, (whole,)),
        ("office", Role.OFFICE, ()),
        ("auditor", Role.AUDITOR, ()),
        ("member", Role.MEMBER, ()),
    ]


def _community(session: Session, name: str) -> UUID:
    made = new_id()
    session.execute(insert(Community).values(id=made, name=name))
    return made


def _items(session: Session) -> dict[str, UUID]:
    return {row.code: row.id for row in session.execute(Item.__table__.select())}


def _account(
    session: Session, vault: Vault, name: str, role: Role, scopes: tuple[tuple[ScopeKind, UUID], ...], now: datetime
) -> Actor:
    made = accounts.create(session, vault, NewAccount(role=role, handle=name, scopes=scopes), SYSTEM, now)
    return accounts.actor_of(session, made)
