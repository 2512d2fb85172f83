"""The recipe form while it is being filled in: what was typed stays whatever is added, dropped or refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.edges import WHOLE, Form
from inventory.cataloguing import catalogue
from inventory.cataloguing.catalogue import CatalogueItem
from inventory.kitting.kit_recipes import MOST_INSTEAD, MOST_LINES
from inventory.kitting.kits import Recipe
from inventory.models import Item


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A line or what may stand in for it; ``quantity`` as it was typed."""

    item: UUID
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    quantity: str
    instead: tuple[Part, ...] = ()


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """The form as it stands. ``spot``: to which line what is found is added in its place; empty: a new line."""

    base: str
    name_zh: str
    name_en: str
    least_days: str
    valid_from: str
    lines: tuple[Part, ...]
    q: str = ""
    spot: str = ""
    found: tuple[CatalogueItem, ...] = ()


def of_recipe(recipe: Recipe) -> Form:
    """A version as a form, to be changed."""
    form: Form = {
        "base": [str(recipe.version)],
        "name_zh": [recipe.name_zh],
        "name_en": [recipe.name_en],
        "least_days": [str(recipe.least_days)],
        "line": [str(line.item) for line in recipe.lines],
    }
    for line in recipe.lines:
        form[f"n-{line.item}"] = [str(line.quantity)]
        form[f"s-{line.item}"] = [str(one.item) for one in line.instead]
        for one in line.instead:
            form[f"n-{line.item}-{one.item}"] = [str(one.quantity)]
    return form


def _first(form: Form, name: str, default: str = "") -> str:
    return (form.get(name) or [default])[0]


def changed(form: Form) -> Form:
    """The form after its button was pressed: ``add:ITEM``, ``drop:ITEM`` or ``drop:ITEM:SUBSTITUTE``."""
    verb, _, rest = _first(form, "do").partition(":")
    item, _, other = rest.partition(":")
    if verb == "add":
        spot = _first(form, "spot")
        line = spot if spot in form.get("line", []) else ""
        field, amount = (f"s-{line}", f"n-{line}-{item}") if line else ("line", f"n-{item}")
        there = form.get(field, [])
        if item not in there and item != line:
            return {**form, field: [*there, item], amount: ["1"]}
    if verb == "drop":
        field, gone = (f"s-{item}", other) if other else ("line", item)
        return {**form, field: [one for one in form.get(field, []) if one != gone]}
    return form


def lines(form: Form) -> list[dict[str, Any]]:
    """The lines as the verb's struct wants them; what is no number stays a text, for its fault to be told."""
    return [
        {
            "item": item,
            "quantity": _number(_first(form, f"n-{item}")),
            "instead": [
                {"item": other, "quantity": _number(_first(form, f"n-{item}-{other}"))}
                for other in form.get(f"s-{item}", [])
            ],
        }
        for item in form.get("line", [])
    ]


def _number(text: str) -> int | str:
    return int(text) if WHOLE.match(text) else text


def sketch(session: Session, form: Form) -> Sketch:
    """The form with the names of its items, and what a search found."""
    q = _first(form, "q")[:60]
    named = _names(session, _ids(form))
    parts = []
    for item in form.get("line", [])[:MOST_LINES]:
        others = [
            _part(named[other], _first(form, f"n-{item}-{other}"))
            for other in form.get(f"s-{item}", [])[:MOST_INSTEAD]
            if other in named
        ]
        if item in named:
            parts.append(_part(named[item], _first(form, f"n-{item}"), tuple(others)))
    return Sketch(
        base=_first(form, "base", "0"), name_zh=_first(form, "name_zh"), name_en=_first(form, "name_en"),
        least_days=_first(form, "least_days", "30"), valid_from=_first(form, "valid_from"), lines=tuple(parts),
        q=q, spot=_first(form, "spot"), found=catalogue.find(session, q) if q.strip() else (),
    )  # fmt: skip


def _ids(form: Form) -> set[str]:
    items = form.get("line", [])[:MOST_LINES]
    return {*items, *(other for item in items for other in form.get(f"s-{item}", [])[:MOST_INSTEAD])}


def _names(session: Session, texts: Collection[str]) -> dict[str, Any]:
    wanted = []
    for text in texts:
        try:
            wanted.append(UUID(text))
        except ValueError:
            continue
    rows = session.execute(
        select(Item.id, Item.name_zh, Item.name_en, Item.strength, Item.facts).where(Item.id.in_(wanted))
    )
    return {str(row.id): row for row in rows}


def _part(row: Any, quantity: str, instead: tuple[Part, ...] = ()) -> Part:
    return Part(
        item=row.id, name_zh=row.name_zh, name_en=row.name_en, strength=row.strength, unit_zh=row.facts["unit_zh"],
        unit_en=row.facts["unit_en"], quantity=quantity, instead=instead,
    )  # fmt: skip
