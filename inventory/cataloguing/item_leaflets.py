"""A leaflet for each item of the catalogue, in words that anyone may read: no more than our sources say (pure).

A dose that nobody has verified is never told. What stands beside the catalogue's own text, by the classes of the
ingredients, only ever warns; its sources stand beside the sentences in this feature's messages.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date
from typing import Protocol

import msgspec

from inventory.cataloguing.starter import Leaflet, StarterItem
from inventory.receiving.intake_facts import Kind, Verdict

CODE = re.compile(r"[a-z]{3}-[0-9]{3}")
"""What an item's code looks like; it is all that a leaflet's address holds."""

NOT_WITH = (
    "antipyretic",
    "nsaid",
    "antihistamine",
    "sedating",
    "ephedrine_class",
    "ephedra_herb",
    "strong_antitussive",
    "mucolytic",
    "adsorbent",
    "ethanol",
    "herb",
)
"""Ingredients and classes of which something must be said that does not go with them, in the order of reading."""

SIGNS = ("paracetamol", "nsaid", "sedating", "ephedrine_class", "ephedra_herb", "adsorbent", "electrolyte")
"""Ingredients and classes with warning signs of their own."""

_DOSE_RESTS_ON = frozenset({"strength", "actives", "form", "daily_max_mg", "min_age_months"})
_HAS_A_FIGURE = re.compile(r"\d")


class Say(Protocol):
    """A message by its key, in one language."""

    def __call__(self, key: str, /, **params: object) -> str: ...


class Part(msgspec.Struct, frozen=True):
    """One question of the leaflet with its answers; ``key`` is stable (purpose, dose, …)."""

    key: str
    title: str
    lines: tuple[str, ...]


class ItemLeaflet(msgspec.Struct, frozen=True, kw_only=True):
    """An item's leaflet in one language. ``given``: whether the programme hands the item out at all."""

    code: str
    name: str
    strength: str
    medicine: bool
    given: bool
    parts: tuple[Part, ...]
    checked_on: date | None


def address(base_url: str, code: str) -> str:
    """The leaflet's address as its QR carries it: upper case, and nothing in it but the item."""
    return f"{base_url.rstrip('/')}/leaflet/{code}".upper()


def leaflet(
    item: StarterItem, classes: Collection[str], language: str, say: Say, checked_on: date | None = None
) -> ItemLeaflet:
    """The item's leaflet; of an item that the programme never hands out it tells nothing but that.

    ``classes`` are those of its ingredients, ``checked_on`` is the day a pharmacist verified it.
    """
    checked = checked_on or item.verified_on
    medicine = item.kind is Kind.MEDICINE
    given = item.release_by != "none" and item.intake_default is not Verdict.REJECT
    own: Leaflet = getattr(item.leaflet, language) if item.leaflet else Leaflet()
    tags = {*classes, *(active.ingredient for active in item.actives)}
    answers = {
        "purpose": _said(own.purpose),
        "dose": tuple(_dose(item, own, say, checked=checked is not None)),
        "days": tuple(_days(item, own, say)),
        "not_with": (*_said(own.not_with), *_not_with(item, tags, say)),
        "not_for": (*_said(own.not_for), *_not_for(item, say)),
        "signs": tuple(_signs(item, tags, say)),
        "keep": _said(own.keep),
    }
    unknown = (say("item_leaflet.see_insert"),) if medicine else ()
    found = ((key, lines or unknown) for key, lines in answers.items()) if given else ()
    return ItemLeaflet(
        code=item.code,
        name=item.name_zh if language == "zh" else item.name_en,
        strength="" if "strength" in item.unverified and checked is None else item.strength,
        medicine=medicine,
        given=given,
        parts=tuple(Part(key, say(f"item_leaflet.part.{key}"), lines) for key, lines in found if lines),
        checked_on=checked,
    )


def dose_may_be_told(item: StarterItem, *, checked: bool) -> bool:
    """Whether the catalogue's dose may be repeated: a pharmacist verified the row, or its label was seen whole."""
    return checked or (item.confidence == "seen" and not _DOSE_RESTS_ON & set(item.unverified))


def told_dose(item: StarterItem, own: Leaflet, *, checked: bool) -> str:
    """The catalogue's words on how much to take, empty where they hold a figure that nobody may repeat yet."""
    dose = own.dose or ""
    figure = _HAS_A_FIGURE.search(dose) is not None
    return dose if not figure or dose_may_be_told(item, checked=checked) else ""


def _said(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()


def _dose(item: StarterItem, own: Leaflet, say: Say, *, checked: bool) -> Iterator[str]:
    told = told_dose(item, own, checked=checked)
    if told:
        yield told
    if item.kind is not Kind.MEDICINE:
        return
    # A text without a figure says how to swallow or to measure, not how much: that is asked of the pharmacist.
    yield say("item_leaflet.insert_wins" if _HAS_A_FIGURE.search(told) else "item_leaflet.by_doctor")


def _days(item: StarterItem, own: Leaflet, say: Say) -> Iterator[str]:
    if own.days:
        yield own.days
    elif item.max_days and not {"max_days", "course_days"} & set(item.unverified):
        yield say("item_leaflet.most_days", days=item.max_days)
    elif item.kind is Kind.MEDICINE:
        yield say("item_leaflet.no_better")


def _not_with(item: StarterItem, tags: Collection[str], say: Say) -> Iterator[str]:
    if item.kind is Kind.MEDICINE:
        yield from (say(f"item_leaflet.not_with.{tag}") for tag in NOT_WITH if tag in tags)
        yield say("item_leaflet.not_with.other")


def _not_for(item: StarterItem, say: Say) -> Iterator[str]:
    if item.kind is not Kind.MEDICINE:
        return
    yield from _ages(item, say)
    barred = {flag for flag, outcome in item.contra.items() if outcome == "block"}
    # Whoever bars a disease bars its severe form.
    flags: list[str] = [flag for flag in item.contra if flag in barred - {f"severe_{milder}" for milder in barred}]
    flags += [state for state in ("pregnancy", "lactation") if getattr(item, state) == "block"]
    if item.first_trimester == "block" and item.pregnancy != "block":
        flags.append("first_trimester")
    if flags:
        who = say("item_leaflet.and").join(say(f"item_leaflet.who.{flag}") for flag in flags)
        yield say("item_leaflet.barred", who=who)
    yield say("item_leaflet.ask_first")


def _ages(item: StarterItem, say: Say) -> Iterator[str]:
    if item.min_age_months and "min_age_months" not in item.unverified:
        yield say(f"item_leaflet.below.{item.below_min_age}", age=_age(item.min_age_months, say))
    asked = max(item.doctor_below_months or 0, item.medic_below_months or 0)
    if asked > (item.min_age_months or 0):
        yield say("item_leaflet.below.medic", age=_age(asked, say))
    if item.max_age_months:
        yield say("item_leaflet.from", age=_age(item.max_age_months, say))


def _age(months: int, say: Say) -> str:
    years, rest = divmod(months, 12)
    return say("item_leaflet.months", number=months) if rest else say("item_leaflet.years", number=years)


def _signs(item: StarterItem, tags: Collection[str], say: Say) -> Iterator[str]:
    if item.kind is Kind.MEDICINE:
        yield say("item_leaflet.signs.allergy")
        yield from (say(f"item_leaflet.signs.{tag}") for tag in SIGNS if tag in tags)
        yield say("item_leaflet.signs.worse")
    elif item.kind is Kind.DISINFECTANT:
        yield say("item_leaflet.signs.swallowed")
