"""Founds the invented sub-district: stations, teams, residents, signed rules, a catalogue, and everybody's account.

Everything is made by the features' own verbs, in chunks, before the first request is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from random import Random
from typing import TypeVar
from uuid import UUID

import msgspec
from biip.checksums import gs1_standard_check_digit
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import accounts, audit, policy
from app.base.accounts import NewAccount
from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from app.base.models import Account
from app.base.permissions import PHONE_ROLES, SYSTEM, Role, ScopeKind
from app.base.vault import Vault
from app.demo import invented
from app.demo.invented import Door, Person
from distribution import grids, policies, residents, teams
from distribution.grids import SERIALS, NewHousehold
from distribution.residents import Consent, NewResident
from distribution.teams import Part
from inventory import stations
from inventory.cataloguing import catalogue
from inventory.kitting import kits
from inventory.models import Barcode, Item
from inventory.receiving import intake
from inventory.receiving.screening import IntakePolicy
from inventory.stock import levels

STATIONS_EACH = 2
VOLUNTEERS_EACH = 3
COORDINATORS_EACH = 2
WITHOUT_SCOPE = 2
CONSENT_VERSION = "demo"
LOW = 3
_CHUNK = 50
_ROLES = {Part.GRID_HEAD: Role.LEADER, Part.MEDIC: Role.MEDIC}

T = TypeVar("T")
Step = Callable[[int], object]
"""Told after each piece of work how many units of it are done."""


class Hand(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who acts in the demonstration, with a program's token; ``scope`` is where, in words."""

    account: UUID
    handle: str
    role: Role
    scope: str
    token: str


class CommunityCast(msgspec.Struct, frozen=True, kw_only=True):
    """A community; the first of its medics is a doctor."""

    id: UUID
    name: str
    coordinators: tuple[Hand, ...]
    medics: tuple[Hand, ...]


class StationCast(msgspec.Struct, frozen=True, kw_only=True):
    """A station and its volunteers; ``community`` by number."""

    id: UUID
    name: str
    community: int
    volunteers: tuple[Hand, ...]


class TeamCast(msgspec.Struct, frozen=True, kw_only=True):
    """A team; ``community`` and ``station`` by number."""

    id: UUID
    name: str
    community: int
    station: int
    leader: Hand
    members: tuple[Hand, ...]


class Town(msgspec.Struct, frozen=True, kw_only=True):
    """Who is there to play the day; ``gtins`` are the product codes by the catalogue's code."""

    gtins: dict[str, str]
    communities: tuple[CommunityCast, ...]
    stations: tuple[StationCast, ...]
    teams: tuple[TeamCast, ...]
    offices: tuple[Hand, ...]
    administrators: tuple[Hand, ...]
    auditors: tuple[Hand, ...]


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """The hashes of the one PIN and the one passphrase that all accounts of a demonstration share."""

    pin: str
    passphrase: str


class Founding(msgspec.Struct, frozen=True, kw_only=True):
    """What every piece of the founding needs."""

    vault: Vault
    now: datetime
    today: date
    seed: int
    secrets: Secrets


class _Home(msgspec.Struct, frozen=True):
    """A team with the ids of its grid's buildings."""

    team: UUID
    community: int
    buildings: tuple[UUID, ...]


def found(db: Database, vault: Vault, clock: Clock, seed: int, people: int, hashed: Secrets, step: Step) -> Town:
    """Make the whole sub-district with ``people`` residents; ``step`` is told of each resident."""
    now = clock.now()
    founding = Founding(vault=vault, now=now, today=clock.day(now), seed=seed, secrets=hashed)
    gtins = db.write_now(_goods, founding)
    communities = db.write_now(_communities, founding)
    db.write_now(_rules, founding, communities)
    open_stations = db.write_now(_stations, founding, communities)
    formed, homes = [], []
    for number in range(invented.TEAMS):
        team, home, medic = db.write_now(_team, founding, number, communities, open_stations)
        formed.append(team)
        homes.append(home)
        here = communities[team.community]
        communities[team.community] = msgspec.structs.replace(here, medics=(*here.medics, medic))
    _people(db, founding, people, homes, step)
    others = db.write_now(_others, founding)
    while db.write_now(audit.seal):
        continue
    return Town(
        gtins=gtins, communities=tuple(communities), stations=tuple(open_stations), teams=tuple(formed), **others
    )


def _goods(session: Session, founding: Founding) -> dict[str, str]:
    """The starter catalogue, and a product code for each item from the range that shops use within their own walls."""
    catalogue.load_starter(session, SYSTEM, founding.now)
    kits.load_starter(session)
    rows = session.execute(
        select(Item.id, Item.code).where(Item.code != catalogue.UNKNOWN_CODE).order_by(Item.code)
    ).all()
    gtins = {code: in_store_code(number) for number, (_, code) in enumerate(rows, 1)}
    session.execute(insert(Barcode), [{"item": item, "gtin": gtins[code].zfill(14)} for item, code in rows])
    return gtins


def in_store_code(number: int) -> str:
    """An EAN-13 beginning with 20: GS1 leaves this range to shops, so no real product bears it."""
    body = f"20{number:010d}"
    return body + str(gs1_standard_check_digit(body))


def _communities(session: Session, founding: Founding) -> list[CommunityCast]:
    made: list[CommunityCast] = []
    for number, name in enumerate(invented.facts().communities, 1):
        community = grids.add_community(session, name, SYSTEM, founding.now)
        scope = (ScopeKind.COMMUNITY, community)
        coordinators = tuple(
            _account(session, founding, Role.COORDINATOR, f"C-{number}-{one}", name, (scope,))
            for one in range(1, COORDINATORS_EACH + 1)
        )
        doctor = _account(session, founding, Role.MEDIC, f"D-{number}", name, (scope,), doctor=True)
        made.append(CommunityCast(id=community, name=name, coordinators=coordinators, medics=(doctor,)))
    return made


def _rules(session: Session, founding: Founding, communities: Sequence[CommunityCast]) -> None:
    """Put the starter rules in force from today, signed by the first community's doctor."""
    signer, today, now = communities[0].medics[0].account, founding.today, founding.now
    policies.enact_starters(session, signer, today, now)
    for name, body in (
        (intake.POLICY, IntakePolicy(version=policies.STARTER_VERSION)),
        ("levels", levels.LevelPolicy(version=policies.STARTER_VERSION, low=LOW)),
    ):
        policy.enact(session, name, body, today, now, signed_by=signer)


def _stations(session: Session, founding: Founding, communities: Sequence[CommunityCast]) -> list[StationCast]:
    words = invented.facts()
    made: list[StationCast] = []
    for place in range(STATIONS_EACH):
        for number, community in enumerate(communities):
            name = words.station.format(community=community.name, name=words.stations[place])
            station = stations.open_station(session, name, community.id, SYSTEM, founding.now, cool_cabinet=place == 0)
            at = len(made) + 1
            volunteers = tuple(
                _account(session, founding, Role.VOLUNTEER, f"V-{at:02d}-{one}", name, ((ScopeKind.STATION, station),))
                for one in range(1, VOLUNTEERS_EACH + 1)
            )
            made.append(StationCast(id=station, name=name, community=number, volunteers=volunteers))
    return made


def _team(
    session: Session,
    founding: Founding,
    number: int,
    communities: Sequence[CommunityCast],
    open_stations: Sequence[StationCast],
) -> tuple[TeamCast, _Home, Hand]:
    """A team with its grid and its members; returns its medic besides, who serves the whole community."""
    words, now = invented.facts(), founding.now
    at = invented.community_of(number)
    here = communities[at]
    station = at + len(communities) * (number // len(communities) % STATIONS_EACH)
    name = words.team.format(community=here.name, number=number + 1)
    team = teams.form_team(session, name, here.id, open_stations[station].id, SYSTEM, now)
    grid = grids.add_grid(session, here.id, words.grid.format(number=number + 1), SYSTEM, now)
    buildings = tuple(
        grids.add_building(session, grid, words.building.format(number=one), one, SYSTEM, now)
        for one in range(1, invented.BUILDINGS + 1)
    )
    hands: dict[Role, list[Hand]] = {Role.LEADER: [], Role.MEDIC: [], Role.MEMBER: []}
    for place, part in enumerate(invented.parts(number), 1):
        role = _ROLES.get(part, Role.MEMBER)
        scope = (ScopeKind.COMMUNITY, here.id) if role is Role.MEDIC else (ScopeKind.TEAM, team)
        where = here.name if role is Role.MEDIC else name
        hand = _account(session, founding, role, f"T-{number + 1:02d}-{place}", where, (scope,))
        teams.join_team(session, team, hand.account, part, SYSTEM, now)
        hands[role].append(hand)
    cast = TeamCast(
        id=team, name=name, community=at, station=station, leader=hands[Role.LEADER][0],
        members=tuple(hands[Role.MEMBER]),
    )  # fmt: skip
    return cast, _Home(team, at, buildings), hands[Role.MEDIC][0]


def _others(session: Session, founding: Founding) -> dict[str, tuple[Hand, ...]]:
    """Those whose role holds everywhere."""
    where = invented.facts().office
    return {
        name: tuple(_account(session, founding, role, f"{letter}-{one}", where) for one in range(1, WITHOUT_SCOPE + 1))
        for name, role, letter in (
            ("offices", Role.OFFICE, "O"),
            ("administrators", Role.ADMINISTRATOR, "A"),
            ("auditors", Role.AUDITOR, "U"),
        )
    }


def _account(
    session: Session,
    founding: Founding,
    role: Role,
    handle: str,
    where: str,
    scopes: tuple[tuple[ScopeKind, UUID], ...] = (),
    *,
    doctor: bool = False,
) -> Hand:
    name = invented.member_name(Random(f"{handle} {founding.seed}"))  # noqa: S311 - an invented name, no secret
    new = NewAccount(role=role, handle=handle, scopes=scopes, name=name, doctor=doctor)
    account = accounts.create(session, founding.vault, new, SYSTEM, founding.now)
    secret = founding.secrets.pin if role in PHONE_ROLES else founding.secrets.passphrase
    session.execute(update(Account).where(Account.id == account).values(secret=secret))
    token = accounts.sign_in(session, account, "program", founding.now).token
    return Hand(account=account, handle=handle, role=role, scope=where, token=token)


def _people(db: Database, founding: Founding, people: int, homes: Sequence[_Home], step: Step) -> None:
    random = Random(f"serials {founding.seed}")  # noqa: S311 - invented doors, no secret
    all_doors = list(invented.doors(founding.seed, people, founding.today))
    serials = random.sample(range(SERIALS[0], SERIALS[1] + 1), len(all_doors))
    for chunk in _chunks(list(zip(serials, all_doors, strict=True)), _CHUNK):
        step(db.write_now(_doors, founding, homes, chunk))


def _doors(session: Session, founding: Founding, homes: Sequence[_Home], chunk: Sequence[tuple[int, Door]]) -> int:
    done, known = 0, residents.names_known(session)
    for serial, door in chunk:
        home = homes[door.team]
        household = grids.add_household(
            session,
            NewHousehold(
                building=home.buildings[door.building],
                team=home.team,
                floor=door.floor,
                lift=door.lift,
                serial=serial,
            ),
            SYSTEM,
            founding.now,
        )
        for person in door.people:
            new = _resident(household, door.address, person, founding.today)
            residents.register(session, founding.vault, new, SYSTEM, founding.now, known)
            done += 1
    return done


def _resident(household: UUID, address: str, person: Person, today: date) -> NewResident:
    consent = Consent(basis=person.basis, version=CONSENT_VERSION, given_on=today, health=person.health_consent)
    return NewResident(
        key=new_id(), household=household, name=person.name, address=address, phone=person.phone,
        groups=person.groups, consent=consent, health=person.health,
    )  # fmt: skip


def _chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
