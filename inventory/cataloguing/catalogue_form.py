"""The form of an item: what is shown to be typed over, and what was typed as the body of a row."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec

from app.base.edges import Call, Form
from app.base.errors import Invalid
from inventory.cataloguing.item_body import ItemBody
from inventory.cataloguing.item_words import milligrams, printed
from inventory.cataloguing.starter import Condition, starter_items
from inventory.receiving.intake_facts import Active, Flag

PERS = ("tablet", "capsule", "sachet", "lozenge", "ml", "dose", "night_tablet", "unit")
CONDITIONS: tuple[str, ...] = Condition.__args__  # type: ignore[attr-defined]
SPARE = 1
"""How many empty lines stand below the actives that are there."""
MOST_ACTIVES = 40
_LISTS = ("aliases", "approvals", "drug_codes", "barcodes")
_TICKS = ("wanted", "durable", "patent_compound", "prolonged_release", "liquid")
_AMOUNT = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,3}))?")


@cache
def forms() -> tuple[str, ...]:
    """The dosage forms and shapes that can be chosen."""
    more = ("ointment", "eye_drops", "nasal_spray", "suppository", "pill", "injection", "gloves", "piece", "other_form")
    return (*sorted({one.form for one in starter_items()}), *more)


def blank() -> Form:
    """The form of a new item: what nobody said is the strict reading."""
    return {"wanted": ["on"], "unit_zh": ["盒"], "unit_en": ["box"], "release_by": ["pharmacist"], "storage": ["room"],
            "pregnancy": ["unknown"], "lactation": ["unknown"], "below_min_age": ["block"]}  # fmt: skip


def form_of(body: ItemBody) -> Form:
    """A body as the form's fields."""
    plain = msgspec.to_builtins(body)
    plain["barcodes"] = [printed(gtin) for gtin in plain["barcodes"]]
    form: Form = {name: ["\n".join(plain.pop(name))] for name in _LISTS}
    actives, daily = plain.pop("actives"), {one["ingredient"]: one["mg"] for one in plain.pop("daily_max_mg")}
    form["active"] = [one["ingredient"] for one in actives]
    form["amount"] = [milligrams(one["amount_ug"]) if one["amount_ug"] else "" for one in actives]
    form["per"] = [one["per"] for one in actives]
    form["daily"] = [str(daily.get(one["ingredient"], "")) for one in actives]
    form |= {f"flag_{one['flag']}": [one["since"]] for one in plain.pop("flags")}
    form |= {f"contra_{one['condition']}": [one["outcome"]] for one in plain.pop("contra")}
    ephedrine = plain.pop("ephedrine_ug_per_unit")
    form["ephedrine_mg"] = [milligrams(ephedrine)] if ephedrine else []
    for name, value in plain.items():
        form[name] = _text(value)
    return form


def _text(value: Any) -> list[str]:
    if value is None or value is False:
        return ["no"] if value is False else []
    return ["yes" if value is True else str(value)]


class Line(msgspec.Struct, frozen=True):
    """A line of the actives as it was typed."""

    active: str
    amount: str
    per: str
    daily: str


def lines(form: Form) -> tuple[Line, ...]:
    """The actives as they were typed, and some empty lines."""
    typed = [Line(*texts) for texts in _typed(form) if any((texts[0], texts[1], texts[3]))]
    spare = SPARE + 3 * ("more" in form)
    return (*typed, *(Line("", "", PERS[0], "") for _ in range(spare)))[:MOST_ACTIVES]


def _typed(form: Form) -> list[tuple[str, str, str, str]]:
    columns = [form.get(name, [])[:MOST_ACTIVES] for name in ("active", "amount", "per", "daily")]
    longest = max(len(column) for column in columns)
    padded = [[*column, *[""] * (longest - len(column))] for column in columns]
    return list(zip(*padded, strict=True))


def body_from(call: Call, form: Form, herbs: tuple[Active, ...] = ()) -> ItemBody:
    """What was typed as a body; raises Invalid naming the field. ``herbs``: the actives that are marked as such."""
    known = {one.ingredient for one in herbs if one.herb}
    more: dict[str, object] = {name: _listed(form, name) for name in _LISTS}
    more |= {name: form.get(name, ["no"])[-1] in {"on", "yes"} for name in _TICKS}
    typed = [one for one in lines(form) if one.active]
    more["actives"] = [
        {"ingredient": one.active, "amount_ug": _micrograms(one.amount), "per": one.per, "herb": one.active in known}
        for one in typed
    ]
    more["daily_max_mg"] = [{"ingredient": one.active, "mg": _whole(one.daily)} for one in typed if one.daily]
    more["flags"] = [
        {"flag": flag.value, "since": form[f"flag_{flag}"][0]} for flag in Flag if form.get(f"flag_{flag}", [""])[0]
    ]
    more["contra"] = [
        {"condition": name, "outcome": form[f"contra_{name}"][0]}
        for name in CONDITIONS
        if form.get(f"contra_{name}", [""])[0]
    ]
    more["ephedrine_ug_per_unit"] = _micrograms(form.get("ephedrine_mg", [""])[0])
    return call.filled(ItemBody, {**form, "ephedrine_ug_per_unit": []}, **more)


def _listed(form: Form, name: str) -> list[str]:
    return [part.strip() for text in form.get(name, []) for part in re.split(r"[\r\n,，;；、]+", text) if part.strip()]


def _micrograms(text: str) -> int | None:
    if not text.strip():
        return None
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise Invalid(("actives", "item_amount", {"value": text[:20]}))
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text.strip()):
        raise Invalid(("actives", "item_amount", {"value": text[:20]}))
    return int(text)
