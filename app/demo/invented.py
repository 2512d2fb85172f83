"""Invents a sub-district from a seed: people, doors and gifts that look alike to real ones and are marked as invented.

The same seed gives the same people and gifts; only the store's own ids differ from run to run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec

from distribution.health import UNASKED, Flag, Group, HealthAnswers, Organ, Sex
from distribution.residents import Basis
from distribution.safety_facts import Pregnancy
from distribution.teams import Part

TEAMS = 41
MEMBERS = 292
BUILDINGS = 4
_ALWAYS = (Part.GRID_HEAD, Part.PARTY_MEMBER, Part.GRID_WORKER, Part.MEDIC, Part.VOLUNTEER)
_SOMETIMES = (Part.OWNERS_COMMITTEE, Part.PARTNER_UNIT, Part.PROPERTY_STAFF)
_SHARES: dict[Group | None, int] = {
    None: 52,
    "living_alone_elder": 20,
    "serious_illness": 9,
    "severe_disability": 7,
    "maternity": 6,
    "child_in_difficulty": 6,
}
_OF_THE_OLD: tuple[Flag, ...] = ("hypertension", "diabetes", "heart", "glaucoma", "prostate", "asthma", "peptic_ulcer")
_OWN = ("硝苯地平", "二甲双胍", "阿司匹林", "华法林", "维生素C", "感冒灵")
_ALLERGENS = ("青霉素", "头孢", "布洛芬", "花粉")

T = TypeVar("T")


class Good(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is handed in, and how often; ``days`` is the span of days that it still lasts."""

    item: str = ""
    called: str = ""
    weight: int = 1
    units: tuple[int, int] = (1, 2)
    days: tuple[int, int] = (230, 900)
    seal: str = "sealed"
    volume_ml: int | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of which everything is made."""

    communities: tuple[str, ...]
    stations: tuple[str, ...]
    office: str
    address: str
    building: str
    grid: str
    team: str
    station: str
    resident: str
    member: str
    phone_prefix: str
    surnames: tuple[str, ...]
    given_female: tuple[str, ...]
    given_male: tuple[str, ...]
    good: tuple[Good, ...]
    partner: tuple[Good, ...]
    doubtful: tuple[Good, ...]
    refused: tuple[Good, ...]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An invented resident; nobody has such a phone number."""

    name: str
    phone: str | None
    groups: tuple[Group, ...]
    basis: Basis
    health_consent: bool
    health: HealthAnswers


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """An invented household: team and building by number."""

    team: int
    building: int
    floor: int
    lift: bool
    address: str
    people: tuple[Person, ...]


class Gift(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a donor's bag."""

    item: str
    called: str
    lot_number: str
    expiry: str
    quantity: int
    seal: str
    volume_ml: int | None


class Bag(msgspec.Struct, frozen=True, kw_only=True):
    """What one donor brings to a station."""

    phone: str | None
    gifts: tuple[Gift, ...]


@cache
def facts() -> Facts:
    """The data file beside this module."""
    return msgspec.convert(tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")), Facts)


def phone(serial: int) -> str:
    """A number that no network has: 154 was never assigned."""
    return f"{facts().phone_prefix}{serial:08d}"


def community_of(team: int) -> int:
    """The community of a team, by number."""
    return team % len(facts().communities)


def parts(team: int) -> tuple[Part, ...]:
    """The «1+N» of a team: all eight parts in the first five teams, seven in the others; 292 members in all."""
    bigger = MEMBERS - 7 * TEAMS
    left_out = None if team < bigger else _SOMETIMES[team % len(_SOMETIMES)]
    return (*_ALWAYS, *(part for part in _SOMETIMES if part is not left_out))


def member_name(random: Random) -> str:
    """A name for an account, marked as a test."""
    words = facts()
    given = random.choice((*words.given_female, *words.given_male))
    return words.member.format(surname=random.choice(words.surnames), given=given)


def doors(seed: int, residents: int, today: date) -> Iterator[Door]:
    """Households of one to three with exactly ``residents`` people in all, team by team."""
    random = Random(f"doors {seed}")  # noqa: S311 - invented people, no secret
    left, number = residents, 0
    while left > 0:
        team = number % TEAMS
        people = _family(random, left, residents - left, today)
        left -= len(people)
        building, floor = random.randrange(BUILDINGS), random.randint(1, 18)
        yield Door(
            team=team,
            building=building,
            floor=floor,
            lift=floor > 6 or random.random() < 0.2,
            address=_address(random, team, building, floor),
            people=people,
        )
        number += 1


def _address(random: Random, team: int, building: int, floor: int) -> str:
    words = facts()
    return words.address.format(
        office=words.office,
        community=words.communities[community_of(team)],
        number=team + 1,
        building=words.building.format(number=building + 1),
        unit=random.randint(1, 4),
        door=f"{floor}{random.randint(1, 4):02d}",
    )


def _family(random: Random, most: int, before: int, today: date) -> tuple[Person, ...]:
    groups = _groups(random)[:most]
    surname = random.choice(facts().surnames)
    people: list[Person] = []
    for place, group in enumerate(groups, 1):
        person = _person(random, surname, group, len(groups) == 1, phone(before + place), today)
        while any(person.name == other.name for other in people):
            person = msgspec.structs.replace(person, name=person.name + random.choice(facts().given_male))
        people.append(person)
    return tuple(people)


def _groups(random: Random) -> list[Group | None]:
    """Who lives at one door: an elder alone, a child with its guardian, and all others as it comes."""
    first = _weighted(random, _SHARES)
    if first == "living_alone_elder":
        return [first]
    if first == "child_in_difficulty":
        return [None, first]
    others = {group: share for group, share in _SHARES.items() if group != "living_alone_elder"}
    size = random.choices((1, 2, 3), (5, 4, 1))[0]
    return [first, *(group for group in random.choices(list(others), list(others.values()), k=size - 1))]


def _person(random: Random, surname: str, group: Group | None, alone: bool, number: str, today: date) -> Person:
    words = facts()
    sex: Sex = "female" if group == "maternity" or random.random() < 0.52 else "male"
    given = random.choice(words.given_female if sex == "female" else words.given_male)
    child = group == "child_in_difficulty"
    consents = random.random() > 0.03
    groups: tuple[Group, ...] = (group,) if group else ()
    if group == "living_alone_elder" and random.random() < 0.1:
        groups = (group, "serious_illness")
    return Person(
        name=words.resident.format(surname=surname, given=given),
        phone=None if child or random.random() < 0.08 else number,
        groups=groups,
        basis=Basis.GUARDIAN if child else random.choice((Basis.CONSENT, Basis.CONSENT, Basis.PUBLIC_DUTY)),
        health_consent=consents,
        health=_health(random, group, sex, alone, today) if consents else UNASKED,
    )


def _health(random: Random, group: Group | None, sex: Sex, alone: bool, today: date) -> HealthAnswers:
    years = _years(random, group)
    old = years >= 60
    ill = group in {"serious_illness", "severe_disability"}
    present: tuple[Flag, ...] = tuple(flag for flag in _OF_THE_OLD if random.random() < (0.2 if old or ill else 0.02))
    if group == "severe_disability":
        present = (*present, "immobile")
    return HealthAnswers(
        born=None if random.random() < 0.03 else _born(random, years, today),
        sex=sex,
        pregnancy=_pregnancy(random, group, sex, years),
        allergies=_names(random, _ALLERGENS, 0.08),
        own_medicines=_names(random, _OWN, 0.45 if old or ill else 0.06),
        liver=_organ(random, ill),
        kidney=_organ(random, ill),
        conditions=present if sex == "male" else tuple(flag for flag in present if flag != "prostate"),
        conditions_asked=random.random() > 0.05,
        low_dose_aspirin=old and random.random() < 0.08,
        weight_kg=max(6, years * 3 + 7) if years < 14 else random.randint(45, 80),
        living_alone=alone,
    )


def _years(random: Random, group: Group | None) -> int:
    low, high = {
        "living_alone_elder": (66, 94),
        "child_in_difficulty": (1, 13),
        "maternity": (22, 40),
        "severe_disability": (19, 80),
        "serious_illness": (30, 85),
    }.get(group or "", (19, 64))
    return random.randint(low, high)


def _born(random: Random, years: int, today: date) -> str:
    day = today - timedelta(days=years * 365 + random.randint(30, 330))
    return f"{day.year}-{day.month:02d}"


def _pregnancy(random: Random, group: Group | None, sex: Sex, years: int) -> Pregnancy:
    if sex == "male":
        return "not_applicable"
    if group == "maternity":
        answers: tuple[Pregnancy, ...] = ("pregnant", "first_trimester", "lactating")
        return random.choice(answers)
    return "unknown" if 12 <= years < 56 and random.random() < 0.06 else "no"


def _names(random: Random, words: Sequence[str], share: float) -> tuple[str, ...] | None:
    """Some, none, or the question was not asked."""
    if random.random() < 0.04:
        return None
    return tuple(random.sample(words, random.randint(1, 2))) if random.random() < share else ()


def _organ(random: Random, ill: bool) -> Organ:
    shares: dict[Organ, int] = {"no": 78 if ill else 94, "impaired": 10 if ill else 2, "severe": 5 if ill else 0}
    return _weighted(random, {**shares, "unknown": 4})


def bags(seed: int, packs: int, today: date) -> Iterator[Bag]:
    """What residents bring, ``packs`` lines in all: of ten some seven good, one or two doubtful, two to be refused."""
    random, words = Random(f"bags {seed}"), facts()  # noqa: S311 - invented gifts, no secret
    left, number = packs, 0
    while left > 0:
        size = min(left, random.choices((1, 2, 3, 4, 5), (3, 4, 4, 3, 1))[0])
        left, number = left - size, number + 1
        kinds = random.choices((words.good, words.doubtful, words.refused), (66, 15, 19), k=size)
        gifts = [_gift(random, random.choices(kind, [good.weight for good in kind])[0], today) for kind in kinds]
        yield Bag(phone=phone(90_000_000 + number) if random.random() < 0.6 else None, gifts=tuple(gifts))


def partner_bag(seed: int, station: int, today: date) -> Bag:
    """What the partner unit of a station brings."""
    random = Random(f"partner {station} {seed}")  # noqa: S311 - invented gifts, no secret
    return Bag(phone=phone(80_000_000 + station), gifts=tuple(_gift(random, good, today) for good in facts().partner))


def _gift(random: Random, good: Good, today: date) -> Gift:
    last = today + timedelta(days=random.randint(*good.days))
    year, number = last.year - 2, random.randint(1, 3)
    durable = good.item in {"sup-008", "sup-009", "sup-010"}
    return Gift(
        item=good.item,
        called=good.called,
        # Few batches an item, so that packs of one lot meet on a shelf, as in a town whose pharmacies buy together.
        lot_number="" if durable else f"YL{good.item[-3:]}{year % 100}{number:02d}",
        expiry="" if durable else _printed(last, number),
        quantity=random.randint(*good.units),
        seal=good.seal,
        volume_ml=good.volume_ml,
    )


def _printed(last: date, number: int) -> str:
    """The expiry as printed: month only on most boxes."""
    return last.isoformat() if number == 3 else f"{last.year}-{last.month:02d}"


def _weighted(random: Random, shares: dict[T, int]) -> T:
    return random.choices(list(shares), list(shares.values()))[0]
