"""Of two readings of a catalogue row, the one that lets less through: what holds until a medic has looked (pure).

A change that loosens a rule takes effect only when a second person, a medic, has verified it (security.md §7); what
tightens a rule takes effect at once, and so does what no rule asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

from msgspec.structs import asdict, replace

from inventory.cataloguing.starter import StarterItem
from inventory.receiving.intake_facts import Active, Flag, Kind, OtcClass, Registration, Storage, Verdict

T = TypeVar("T")

_CLASS = {OtcClass.NONE: 0, OtcClass.OTC_B: 1, OtcClass.OTC_A: 2, OtcClass.OTC_UNSEEN: 2, OtcClass.RX: 3}
_STORAGE = tuple(Storage)
_RELEASE = ("volunteer", "pharmacist", "doctor", "none")
_VERDICT = tuple(Verdict)
_BELOW = ("medic", "doctor", "block")
_ANSWER = ("allow", "medic", "unknown", "doctor", "block")
_CONTRA = ("warn", "medic", "doctor", "block")
EPHEDRINE_MOST_UG = 30_000
"""More than this in a dose is refused at intake, which is stricter than an amount that nobody knows (IN11)."""
USUAL_COURSE_DAYS = 7
"""What the rules take for a course that the row does not tell (DS16)."""
CHILD_MONTHS = 14 * 12
"""Below this age a row that tells no age at all is a medic's to judge (DS05)."""

UNRULED = frozenset({"name_zh", "name_en", "form", "strength", "unit_zh", "unit_en", "leaflet", "confidence", "code"})
"""What no rule compares, but a reader relies on: it is shown at once, as unverified."""
FREE = frozenset({"aliases", "atc", "wanted", "note", "source", "unverified", "verified_by", "verified_on"})
"""What harms nobody when it is wrong."""


def stricter(old: StarterItem, new: StarterItem) -> StarterItem:
    """``new``, but wherever a rule would be looser by it than by ``old``, as strict as ``old``.

    Never looser than either; equal to ``new`` where nothing of it loosens a rule.
    """
    merged: dict[str, Any] = {
        **_goods(old, new),
        **_answers(old, new),
        **_ages(old, new),
        "otc_class": _upper(_CLASS.__getitem__, old.otc_class, new.otc_class),
        "storage": _upper(_STORAGE.index, old.storage, new.storage),
        "release_by": _upper(_RELEASE.index, old.release_by, new.release_by),
        "actives": _actives(old.actives, new.actives),
        "daily_max_mg": _daily(old, new),
        "ephedrine_ug_per_unit": _ephedrine(old.ephedrine_ug_per_unit, new.ephedrine_ug_per_unit),
        "flags": _flags(old.flags, new.flags),
        "prolonged_release": old.prolonged_release or new.prolonged_release,
        "liquid": old.liquid or new.liquid,
        "patent_compound": old.patent_compound or new.patent_compound,
        "course_days": _upper(_course, old.course_days, new.course_days),
        "max_days": None if None in {old.max_days, new.max_days} else min(old.max_days or 0, new.max_days or 0),
    }  # fmt: skip
    if _VERDICT.index(old.intake_default) > _VERDICT.index(new.intake_default):
        merged.update(intake_default=old.intake_default, intake_rule=old.intake_rule)
    return replace(new, **merged)


def loosened(old: StarterItem, new: StarterItem) -> tuple[str, ...]:
    """The fields in which ``new`` is looser than ``old``, and which therefore wait for a medic."""
    return different(stricter(old, new), new)


def different(one: StarterItem, other: StarterItem) -> tuple[str, ...]:
    """The fields in which two rows differ, in the order of the struct."""
    mine, theirs = asdict(one), asdict(other)
    return tuple(name for name, value in mine.items() if theirs[name] != value)


def asks_again(old: StarterItem, new: StarterItem) -> tuple[str, ...]:
    """The changed fields that somebody relies on: with these a row that was verified is so no longer."""
    return tuple(name for name in different(old, new) if name not in FREE)


def strict_reading(new: StarterItem) -> StarterItem:
    """How a row that one person wrote down is read until a medic has looked at it (IN21).

    It is kept in quarantine, given to nobody, and not trusted to be over the counter.
    """
    medicine = new.kind is Kind.MEDICINE
    return stricter(
        replace(
            new,
            otc_class=OtcClass.OTC_UNSEEN if medicine else new.otc_class,
            intake_default=Verdict.QUARANTINE,
            intake_rule="IN21",
            release_by="none",
        ),
        new,
    )


def _upper(rank: Any, old: T, new: T) -> T:
    """The stricter of the two by rank; of equals the new one."""
    return old if rank(old) > rank(new) else new


def _goods(old: StarterItem, new: StarterItem) -> dict[str, Any]:
    """What kind of goods it is decides which rules ask at all; only towards medicine is it surely not looser."""
    if new.kind is Kind.MEDICINE and old.kind is not Kind.MEDICINE:
        return {"kind": Kind.MEDICINE, "durable": False, "registration": None}
    if new.kind is not old.kind:
        return {"kind": old.kind, "durable": old.durable, "registration": old.registration}
    unasked = new.registration is not old.registration and old.registration is not Registration.NONE
    return {"durable": old.durable and new.durable, "registration": old.registration if unasked else new.registration}


def _answers(old: StarterItem, new: StarterItem) -> dict[str, Any]:
    pregnancy = _upper(_ANSWER.index, old.pregnancy, new.pregnancy)
    early = _upper(_ANSWER.index, old.first_trimester or old.pregnancy, new.first_trimester or new.pregnancy)
    return {
        "pregnancy": pregnancy,
        "first_trimester": new.first_trimester if early == (new.first_trimester or pregnancy) else early,
        "lactation": _upper(_ANSWER.index, old.lactation, new.lactation),
        "contra": {
            name: _upper(
                lambda outcome: -1 if outcome is None else _CONTRA.index(outcome),
                old.contra.get(name), new.contra.get(name),
            )
            for name in sorted({*old.contra, *new.contra})
        },
        # Unread sugar counts as sugar; alcohol that is there is stricter than alcohol that nobody read.
        "sugar": _upper(lambda has: has is not False, old.sugar, new.sugar),
        "alcohol": _upper((False, None, True).index, old.alcohol, new.alcohol),
    }  # fmt: skip


def _ages(old: StarterItem, new: StarterItem) -> dict[str, Any]:
    told = {
        name: _upper(lambda months: months or 0, getattr(old, name), getattr(new, name))
        for name in ("min_age_months", "doctor_below_months", "medic_below_months")
    }
    if (_no_age(old) or _no_age(new)) and not (_no_age(old) and _no_age(new)):
        told["medic_below_months"] = max(told["medic_below_months"] or 0, CHILD_MONTHS)
    elders = [months for months in (old.max_age_months, new.max_age_months) if months is not None]
    below = _upper(_BELOW.index, old.below_min_age, new.below_min_age)
    return {**told, "max_age_months": min(elders, default=None), "below_min_age": below}


def _no_age(item: StarterItem) -> bool:
    return item.min_age_months is item.doctor_below_months is item.medic_below_months is None


def _actives(old: tuple[Active, ...], new: tuple[Active, ...]) -> tuple[Active, ...]:
    named = {active.ingredient: active for active in new}
    before = {active.ingredient: active for active in old}
    merged = [_active(before[one.ingredient], one) if one.ingredient in before else one for one in new]
    return (*merged, *(active for active in old if active.ingredient not in named))


def _active(old: Active, new: Active) -> Active:
    amount = max(old.amount_ug or 0, new.amount_ug or 0)
    known = old.amount_ug is not None and new.amount_ug is not None and old.per == new.per
    if old.amount_ug == new.amount_ug and old.per == new.per:
        known = old.amount_ug is not None
    return replace(new, amount_ug=amount if known else None, herb=old.herb and new.herb)


def _daily(old: StarterItem, new: StarterItem) -> dict[str, int]:
    """The larger daily dose; none at all, which asks a medic, where one of the two tells none."""
    before = {active.ingredient for active in old.actives}
    names = {name for name in {*old.daily_max_mg, *new.daily_max_mg} if name not in before or (
        name in old.daily_max_mg and name in new.daily_max_mg
    )}  # fmt: skip
    return {name: max(old.daily_max_mg.get(name, 0), new.daily_max_mg.get(name, 0)) for name in sorted(names)}


def _ephedrine(old: int | None, new: int | None) -> int | None:
    most = max(old or 0, new or 0)
    if old is None or new is None:
        return most if most > EPHEDRINE_MOST_UG else None
    return most


def _flags(old: Mapping[Flag, date], new: Mapping[Flag, date]) -> dict[Flag, date]:
    """Every flag of either, from the earlier day."""
    days = [*old.items(), *new.items()]
    return {flag: min(day for name, day in days if name is flag) for flag in Flag if flag in old or flag in new}


def _course(days: int | None) -> int:
    return USUAL_COURSE_DAYS if days is None else days
