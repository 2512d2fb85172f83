"""What is asked of a person's health, each answer may be open; and the facts that the rules read from it (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.base.fields import Word
from distribution.safety_facts import FLAGS, Person, Pregnancy

Group = Literal["living_alone_elder", "child_in_difficulty", "maternity", "severe_disability", "serious_illness"]
Flag = Literal[
    "hypertension", "heart", "thyroid", "glaucoma", "prostate", "diabetes", "asthma", "peptic_ulcer", "bleeding",
    "epilepsy", "g6pd", "immobile", "cognitive",
]  # fmt: skip
Organ = Literal["no", "impaired", "severe", "unknown"]
Sex = Literal["female", "male"]
BirthMonth = Annotated[str, Meta(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])\Z")]

ORGANS = ("liver", "kidney")
_ADULT_MONTHS = 18 * 12


class HealthAnswers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answers to the questions; None or ``unknown`` is "not answered", which blocks medicine until it is.

    ``allergies`` and ``own_medicines`` are names as people say them, empty for none. ``conditions`` are those present;
    ``conditions_asked`` says whether the rest of the list was answered with no.
    """

    born: BirthMonth | None
    sex: Sex | None
    pregnancy: Pregnancy
    allergies: Annotated[tuple[Word, ...], Meta(max_length=20)] | None
    own_medicines: Annotated[tuple[Word, ...], Meta(max_length=30)] | None
    liver: Organ
    kidney: Organ
    conditions: Annotated[tuple[Flag, ...], Meta(max_length=13)] = ()
    conditions_asked: bool = False
    low_dose_aspirin: bool = False
    weight_kg: Annotated[int, Meta(ge=1, le=300)] | None = None
    living_alone: bool | None = None


UNASKED = HealthAnswers(
    born=None, sex=None, pregnancy="unknown", allergies=None, own_medicines=None, liver="unknown", kidney="unknown"
)
"""Nothing was asked, or there is no consent to keep it."""


def person_of(answers: HealthAnswers, groups: Iterable[str], today: date) -> Person:
    """What the dispensing rules see of a person today."""
    return Person(
        age_months=age_in_months(answers.born, today),
        sex=answers.sex,
        in_priority_group=bool(tuple(groups)),
        allergies=None if answers.allergies is None else frozenset(answers.allergies),
        pregnancy="not_applicable" if answers.sex == "male" else answers.pregnancy,
        conditions=_conditions(answers),
        own_medicines=None if answers.own_medicines is None else frozenset(answers.own_medicines),
        low_dose_aspirin=answers.low_dose_aspirin,
        weight_kg=answers.weight_kg,
        living_alone=answers.living_alone,
    )


def age_in_months(born: str | None, today: date) -> int | None:
    """Completed months. The day of birth is not kept: a child counts as born on the month's last day, an adult on its
    first, the stricter side of every age limit."""
    if born is None:
        return None
    months = (today.year - int(born[:4])) * 12 + today.month - int(born[5:])
    return max(0, months if months > _ADULT_MONTHS else months - 1)


def age_band(months: int | None) -> str:
    """The message key of an age band: enough for a decision, too little to tell who."""
    if months is None:
        return "unknown"
    years = months // 12
    bands = ((2, "under_2"), (6, "2_5"), (12, "6_11"), (18, "12_17"), (40, "18_39"), (65, "40_64"), (80, "65_79"))
    return next((band for limit, band in bands if years < limit), "80_up")


def _conditions(answers: HealthAnswers) -> dict[str, bool | None]:
    rest = [flag for flag in FLAGS if flag.removeprefix("severe_") not in ORGANS]
    known: dict[str, bool | None] = {
        flag: True if flag in answers.conditions else (False if answers.conditions_asked else None) for flag in rest
    }
    for organ in ORGANS:
        answer: Organ = getattr(answers, organ)
        known[organ] = None if answer == "unknown" else answer != "no"
        known[f"severe_{organ}"] = None if answer == "unknown" else answer == "severe"
    return known


def as_slugs(said: Iterable[str], known: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Names as people say them, as ingredient slugs where the catalogue knows them, else as they were said.

    ``known`` maps every name of an ingredient or product, folded by ``fold``, to its ingredients.
    """
    found: set[str] = set()
    for word in said:
        if fold(word) in known:
            found |= known[fold(word)]
        else:
            # A part that is known must count, and the rest of what was said must not get lost.
            parts = (known[name] for name in known if len(name) > 1 and name in fold(word))
            found |= {word.strip()}.union(*parts)
    return tuple(sorted(found))


def fold(word: str) -> str:
    """A name without blanks and case, so that it is found however it was typed."""
    return re.sub(r"\s+", "", word).casefold()
