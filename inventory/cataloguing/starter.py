"""The catalogue, ingredients and kits that a new store starts with, read from this feature's own data files."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from app.base.fields import Dated, Day, PastDay
from inventory.receiving.intake_facts import (
    Active,
    Flag,
    ItemFacts,
    Kind,
    OtcClass,
    Registration,
    Storage,
    Verdict,
)

DATA = Path(__file__).parents[1] / "data"
UNKNOWN_CODE = "unk-000"

Outcome = Literal["block", "doctor", "medic", "warn"]
Answer = Literal["block", "doctor", "medic", "allow", "unknown"]
Condition = Literal[
    "severe_liver",
    "liver",
    "severe_kidney",
    "kidney",
    "hypertension",
    "heart",
    "thyroid",
    "glaucoma",
    "prostate",
    "diabetes",
    "asthma",
    "peptic_ulcer",
    "bleeding",
    "epilepsy",
    "g6pd",
    "immobile",
    "cognitive",
]
Slug = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", max_length=64)]
Code = Annotated[str, Meta(pattern="^[a-z]{3}-[0-9]{3,6}$")]
Months = Annotated[int, Meta(ge=0, le=1440)]
Positive = Annotated[int, Meta(ge=1, le=1_000_000)]
Text = Annotated[str, Meta(min_length=1, max_length=400, pattern=r"\S")]


class Leaflet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Large-print counselling in one language; None: our sources do not say, so the leaflet in the box must."""

    purpose: Text | None = None
    dose: Text | None = None
    days: Text | None = None
    not_with: Text | None = None
    not_for: Text | None = None
    keep: Text | None = None


class Leaflets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    zh: Leaflet
    en: Leaflet


class StarterItem(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the catalogue: what it is, whom it may harm, how it is taken in and who may hand it out.

    Ages are in months: below ``min_age_months`` the outcome is ``below_min_age``; below the two further steps a
    doctor or medic decides; from ``max_age_months`` on the label has no dose. ``daily_max_mg``: the label's largest
    daily dose by ingredient. ``first_trimester`` None: as ``pregnancy``. ``sugar`` and ``alcohol`` None: unknown.
    ``course_days`` is the usual course, ``max_days`` the label's longest without a doctor. ``release_by`` is who
    may hand it to a person without any flag. Every field named in ``unverified`` is shown as 未核实 until a
    pharmacist's name and day stand in ``verified_by`` and ``verified_on``.
    """

    code: Code
    kind: Kind
    name_zh: Text
    name_en: Text
    form: Slug
    otc_class: OtcClass
    storage: Storage
    release_by: Literal["volunteer", "pharmacist", "doctor", "none"]
    intake_default: Verdict
    unit_zh: Text
    unit_en: Text
    confidence: Literal["seen", "partly", "general", "unverified"]
    source: Text
    aliases: tuple[Text, ...] = ()
    atc: Annotated[str, Meta(pattern="^[A-Z][0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?$")] | None = None
    strength: str = ""
    patent_compound: bool = False
    registration: Registration | None = None
    durable: bool = False
    prolonged_release: bool = False
    liquid: bool = False
    actives: tuple[Active, ...] = ()
    daily_max_mg: dict[Slug, Positive] = {}
    ephedrine_ug_per_unit: Positive | None = None
    flags: dict[Flag, PastDay] = {}
    min_age_months: Months | None = None
    below_min_age: Literal["block", "doctor", "medic"] = "block"
    doctor_below_months: Months | None = None
    medic_below_months: Months | None = None
    max_age_months: Months | None = None
    pregnancy: Answer = "unknown"
    first_trimester: Answer | None = None
    lactation: Answer = "unknown"
    contra: dict[Condition, Outcome] = {}
    intake_rule: Annotated[str, Meta(pattern="^(IN[0-9]{2})?$")] = ""
    course_days: Positive | None = None
    max_days: Positive | None = None
    sugar: bool | None = None
    alcohol: bool | None = None
    wanted: bool = True
    unverified: tuple[Slug, ...] = ()
    note: str = ""
    verified_by: str = ""
    verified_on: Day | None = None
    leaflet: Leaflets | None = None


class Ingredient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An active, or a group that people name at home; ``classes`` are what the rules ask for (nsaid, sedating …)."""

    slug: Slug
    zh: Text
    en: Text
    classes: tuple[Slug, ...]


class KitPortion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many base units of an item."""

    item: Code
    quantity: Positive


class KitLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many base units of an item, and what may stand in for all of them, in order of preference."""

    item: Code
    quantity: Positive
    instead: tuple[KitPortion, ...] = ()


class Kit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Code
    name_zh: Text
    name_en: Text
    lines: tuple[KitLine, ...]


@cache
def starter_items() -> tuple[StarterItem, ...]:
    """All items in the order of the file; a file that does not fit raises msgspec.ValidationError."""
    return msgspec.convert(_read("catalogue")["item"], tuple[StarterItem, ...])


@cache
def starter_ingredients() -> tuple[Ingredient, ...]:
    """All ingredients by slug."""
    rows = [{"slug": slug, **row} for slug, row in sorted(_read("ingredients").items())]
    return msgspec.convert(rows, tuple[Ingredient, ...])


@cache
def starter_kits() -> tuple[Kit, ...]:
    """The care-parcel recipes."""
    return msgspec.convert(_read("kits")["kit"], tuple[Kit, ...])


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))


def intake_facts(item: StarterItem, classes: Mapping[str, tuple[str, ...]]) -> ItemFacts:
    """What the intake rules need of an item.

    ``classes`` maps every ingredient slug to its classes; a slug that it lacks raises KeyError, so that an
    ephedrine-class drug is never taken for another.
    """
    return ItemFacts(
        code=item.code,
        kind=item.kind,
        otc_class=item.otc_class,
        registration=item.registration,
        actives=item.actives,
        patent_compound=item.patent_compound,
        storage=item.storage,
        wanted=item.wanted,
        durable=item.durable,
        alcohol=bool(item.alcohol),
        ephedrine_class=any("ephedrine_class" in classes[active.ingredient] for active in item.actives),
        ephedrine_ug_per_unit=item.ephedrine_ug_per_unit,
        flags=item.flags,
        course_days=item.course_days,
        intake_default=item.intake_default,
        intake_rule=item.intake_rule,
    )
