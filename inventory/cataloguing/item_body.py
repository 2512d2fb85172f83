"""What a person writes down of an item: the body of a new or edited row, and the catalogue row that it makes (pure)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from app.base.fields import Dated, Line, OptionalLine, PastDay, Word
from inventory.cataloguing.starter import Answer, Condition, Outcome, Positive, Slug, StarterItem
from inventory.receiving.intake_facts import Active, Flag, Kind, OtcClass, Storage, Verdict

Micrograms = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Months = Annotated[int, Meta(ge=1, le=1440)]
Few = Meta(max_length=60)


class ActiveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One active: micrograms in one ``per`` (tablet, sachet, ml …); None: nobody saw how much."""

    ingredient: Slug
    amount_ug: Micrograms | None = None
    per: Slug = "unit"
    herb: bool = False


class DailyMost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The label's largest daily dose of an ingredient in milligrams."""

    ingredient: Slug
    mg: Positive


class FlagFrom(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What speaks against an item, and the day from which it holds."""

    flag: Flag
    since: PastDay


class Contra(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the label says for people with a condition."""

    condition: Condition
    outcome: Outcome


class ItemBody(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item as the office writes it; the fields are those of ``StarterItem``, what is not said is unknown.

    ``approvals``, ``drug_codes`` and ``barcodes`` are all that stand on its boxes.
    """

    kind: Kind
    name_zh: Line
    name_en: Line
    form: Slug
    otc_class: OtcClass
    storage: Storage
    unit_zh: Word
    unit_en: Word
    strength: OptionalLine = ""
    aliases: Annotated[tuple[Line, ...], Few] = ()
    atc: Annotated[str, Meta(pattern=r"^[A-Z][0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?\Z")] | None = None
    approvals: Annotated[tuple[Line, ...], Few] = ()
    drug_codes: Annotated[tuple[Word, ...], Few] = ()
    barcodes: Annotated[tuple[Word, ...], Few] = ()
    wanted: bool = True
    durable: bool = False
    patent_compound: bool = False
    prolonged_release: bool = False
    liquid: bool = False
    actives: Annotated[tuple[ActiveBody, ...], Few] = ()
    daily_max_mg: Annotated[tuple[DailyMost, ...], Few] = ()
    ephedrine_ug_per_unit: Positive | None = None
    flags: Annotated[tuple[FlagFrom, ...], Few] = ()
    intake_default: Verdict = Verdict.ACCEPT
    release_by: Literal["volunteer", "pharmacist", "doctor", "none"] = "pharmacist"
    min_age_months: Months | None = None
    below_min_age: Literal["block", "doctor", "medic"] = "block"
    doctor_below_months: Months | None = None
    medic_below_months: Months | None = None
    max_age_months: Months | None = None
    pregnancy: Answer = "unknown"
    lactation: Answer = "unknown"
    contra: Annotated[tuple[Contra, ...], Few] = ()
    course_days: Positive | None = None
    max_days: Positive | None = None
    sugar: bool | None = None
    alcohol: bool | None = None
    note: OptionalLine = ""


_CODES = ("approvals", "drug_codes", "barcodes")


def values_of(body: ItemBody) -> dict[str, Any]:
    """Every field of a body in the shape that a row has it."""
    said = {field: getattr(body, field) for field in body.__struct_fields__}
    said["actives"] = tuple(
        Active(ingredient=one.ingredient, amount_ug=one.amount_ug, per=one.per, herb=one.herb) for one in body.actives
    )
    said["daily_max_mg"] = {one.ingredient: one.mg for one in body.daily_max_mg}
    said["flags"] = {one.flag: one.since for one in body.flags}
    said["contra"] = {one.condition: one.outcome for one in body.contra}
    return said


def facts_of(body: ItemBody, was: StarterItem | None, code: str) -> StarterItem:
    """The row that a body makes; what a body cannot say (leaflet, registration, source) stays as it ``was``."""
    said = {field: value for field, value in values_of(body).items() if field not in _CODES}
    if was is None:
        return StarterItem(code=code, confidence="unverified", source="catalogue", **said)
    if said["min_age_months"] is None and was.min_age_months == 0:
        said["min_age_months"] = 0  # from birth on: the form leaves that empty
    kept = was.registration if body.kind is was.kind else None
    rule = was.intake_rule if body.intake_default is was.intake_default else ""
    return replace(was, registration=kept, intake_rule=rule, **said)


def body_of(
    facts: StarterItem, approvals: frozenset[str], drug_codes: frozenset[str], barcodes: frozenset[str]
) -> ItemBody:
    """A row as the form shows it to be edited."""
    said = {field: getattr(facts, field) for field in ItemBody.__struct_fields__ if field not in _CODES}
    said["actives"] = tuple(
        ActiveBody(ingredient=one.ingredient, amount_ug=one.amount_ug, per=one.per, herb=one.herb)
        for one in facts.actives
    )
    said["min_age_months"] = facts.min_age_months or None
    said["daily_max_mg"] = tuple(DailyMost(ingredient=name, mg=most) for name, most in facts.daily_max_mg.items())
    said["flags"] = tuple(FlagFrom(flag=flag, since=day) for flag, day in facts.flags.items())
    said["contra"] = tuple(Contra(condition=name, outcome=told) for name, told in facts.contra.items())
    return ItemBody(
        approvals=tuple(sorted(approvals)),
        drug_codes=tuple(sorted(drug_codes)),
        barcodes=tuple(sorted(barcodes)),
        **said,
    )
