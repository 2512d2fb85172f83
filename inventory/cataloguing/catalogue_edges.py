"""The ways in to the catalogue: find and read an item, write it, and verify what somebody else wrote."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import PLAIN
from app.base.ids import new_id
from app.base.permissions import Permission
from inventory.cataloguing import catalogue_edit, catalogue_form, catalogue_view, taught
from inventory.cataloguing.catalogue_edit import EditItem, LookedAt, NewIngredient, NewItem, Written
from inventory.cataloguing.catalogue_rows import Current
from inventory.cataloguing.catalogue_view import ItemView
from inventory.cataloguing.item_body import ItemBody, body_of, values_of
from inventory.cataloguing.item_faults import RETAIL_EN, RETAIL_ZH
from inventory.cataloguing.item_words import HIDDEN, printed, told
from inventory.cataloguing.taught import JudgeBarcode
from inventory.errors import StaleItem
from inventory.receiving.intake_facts import Flag, Kind, OtcClass, Storage, Verdict

Words = Annotated[str, QueryParameter(max_length=60, pattern=PLAIN)]
Chosen = Annotated[str, QueryParameter(max_length=20, pattern=PLAIN)]
_READS, _EDITS, _VERIFIES = (
    [may(Permission.READ_CATALOGUE)],
    [may(Permission.EDIT_CATALOGUE)],
    [may(Permission.VERIFY_ITEM)],
)
_WHICH = ("wanted", "unwanted", "unverified", "waiting", "verified", "told")
_EITHER = [may(Permission.VERIFY_ITEM, Permission.EDIT_CATALOGUE)]


@get("/api/items/{item:uuid}", operation_id="readItem", guards=_READS)
async def read_item(call: NamedDependency[Call], item: FromPath[UUID]) -> ItemView:
    """Everything that is known of an item: what holds, what was written and waits for a medic, who changed what."""
    return await call.read(catalogue_view.view, item, call.actor)


@post("/api/items", operation_id="addItem", guards=_EDITS, status_code=201)
async def add_item(call: NamedDependency[Call], data: JSONBody[NewItem]) -> Written:
    """Add an item; it is read strictly until a medic has verified it."""
    return await call.write(catalogue_edit.new_item, data, call.actor, call.now)


@post("/api/items/edit", operation_id="editItem", guards=_EDITS, status_code=200)
async def edit_item(call: NamedDependency[Call], data: JSONBody[EditItem]) -> Written:
    """Change an item; what loosens a rule waits for a medic."""
    return await call.write(catalogue_edit.edit_item, data, call.actor, call.now)


@post("/api/items/verify", operation_id="verifyItem", guards=_VERIFIES, status_code=200)
async def verify_item(call: NamedDependency[Call], data: JSONBody[LookedAt]) -> Written:
    """Say that an item was compared with label and insert."""
    return await call.write(catalogue_edit.verify, data, call.actor, call.today, call.now)


@post(
    "/api/items/withdraw",
    operation_id="withdrawItemChange",
    guards=_EITHER,
    status_code=200,
)
async def withdraw_change(call: NamedDependency[Call], data: JSONBody[LookedAt]) -> Written:
    """Drop what was proposed for an item; the stricter row stays."""
    return await call.write(catalogue_edit.withdraw, data, call.actor, call.now)


class JudgedBarcode(msgspec.Struct, frozen=True):
    """Whether the product code stands now."""

    stands: bool


@post("/api/items/barcodes/judge", operation_id="judgeBarcode", guards=_EITHER, status_code=200)
async def judge_barcode(call: NamedDependency[Call], data: JSONBody[JudgeBarcode]) -> JudgedBarcode:
    """Confirm a product code that was told at the counter, or forget it."""
    return JudgedBarcode(await call.write(taught.judge_barcode, data, call.actor, call.now))


@post("/api/ingredients", operation_id="addIngredient", guards=_VERIFIES, status_code=201)
async def add_ingredient(call: NamedDependency[Call], data: JSONBody[NewIngredient]) -> NewIngredient:
    """Add an active ingredient with its classes."""
    await call.write(catalogue_edit.add_ingredient, data, call.actor, call.now)
    return data


# ---------------------------------------------------------------- list and item


@get("/catalogue", guards=_READS, include_in_schema=False)
async def catalogue_page(
    call: NamedDependency[Call], q: Words = "", kind: Chosen = "", which: Chosen = "", after: Chosen = ""
) -> Response[str]:
    """The catalogue: searched, filtered by kind and state, in pages."""
    of_kind = Kind(kind) if kind in set(Kind) else None
    state: Any = which if which in _WHICH else ""
    found = await call.read(catalogue_view.shelf, q, of_kind, state, after)
    asked = {"q": q, "kind": kind, "which": which}
    address = "/catalogue?" + urlencode({name: text for name, text in asked.items() if text})
    following = f"{address}{'' if address.endswith('?') else '&'}{urlencode({'after': found.after})}"
    return call.page(
        "inventory/cataloguing/catalogue.html",
        found=found, q=q, kind=of_kind, which=state, kinds=tuple(Kind), states=_WHICH,
        first=address if after else None, following=following if found.after else None,
        edits=call.actor.may(Permission.EDIT_CATALOGUE), verifies=call.actor.may(Permission.VERIFY_ITEM),
        told=await call.read(taught.waiting),
    )  # fmt: skip


async def _item_page(call: Call, item: UUID, no: Refusal | None = None, done: str = "") -> Response[str]:
    found = await call.read(catalogue_view.view, item, call.actor)

    def word(field: str, value: Any) -> str:
        return told(call.say, field, value, found.ingredients, call.language)

    return call.page(
        "inventory/cataloguing/item.html",
        status=no.status if no else 200, found=found, word=word, hidden=HIDDEN, printed=printed,
        when=_when(call), refusal=no, done=done, key=new_id(), second=new_id(),
        edits=call.actor.may(Permission.EDIT_CATALOGUE), stock=call.actor.may(Permission.READ_STOCK),
        judges=call.actor.may(Permission.EDIT_CATALOGUE) or call.actor.may(Permission.VERIFY_ITEM), new_key=new_id,
    )  # fmt: skip


@get("/catalogue/{item:uuid}", guards=_READS, include_in_schema=False)
async def item_page(
    call: NamedDependency[Call], item: FromPath[UUID], done: FromQuery[Literal["", "saved", "waits", "verified"]] = ""
) -> Response[str]:
    """Everything that is known of an item, what nobody verified marked as such."""
    return await _item_page(call, item, done=done)


@post("/catalogue/{item:uuid}/verify", guards=_VERIFIES, include_in_schema=False)
async def verify_page(call: NamedDependency[Call], item: FromPath[UUID]) -> Response[Any]:
    """Verify an item from its page."""
    order = call.filled(LookedAt, await call.form(), item=item)
    try:
        await call.write(catalogue_edit.verify, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _item_page(call, item, no)
    return call.go(f"/catalogue/{item}?done=verified")


@post(
    "/catalogue/{item:uuid}/withdraw",
    guards=_EITHER,
    include_in_schema=False,
)
async def withdraw_page(call: NamedDependency[Call], item: FromPath[UUID]) -> Response[Any]:
    """Drop what waits."""
    order = call.filled(LookedAt, await call.form(), item=item)
    try:
        await call.write(catalogue_edit.withdraw, order, call.actor, call.now)
    except Refusal as no:
        return await _item_page(call, item, no)
    return call.go(f"/catalogue/{item}?done=saved")


@post("/catalogue/{item:uuid}/barcode", guards=_EITHER, include_in_schema=False)
async def barcode_page(call: NamedDependency[Call], item: FromPath[UUID]) -> Response[Any]:
    """Confirm or forget a product code from the item's page."""
    order = call.filled(JudgeBarcode, await call.form(), item=item)
    try:
        await call.write(taught.judge_barcode, order, call.actor, call.now)
    except Refusal as no:
        return await _item_page(call, item, no)
    return call.go(f"/catalogue/{item}?done=saved")


# ---------------------------------------------------------------- the form


class Theirs(msgspec.Struct, frozen=True, kw_only=True):
    """A field in which what was typed differs from what somebody else wrote meanwhile."""

    field: str
    mine: str
    theirs: str


def _when(call: Call) -> Any:
    zone = ZoneInfo(call.settings.timezone)

    def shown(instant: datetime) -> str:
        return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    return shown


def _body(was: Current) -> ItemBody:
    return body_of(was.facts, was.approvals, was.drug_codes, was.barcodes)


async def _sheet(
    call: Call, form: Form, was: Current | None, no: Refusal | None = None, theirs: tuple[Theirs, ...] = ()
) -> Response[str]:
    faults = no.faults if isinstance(no, Invalid) else ()
    errors = [(name.split(".")[-1], call.say(f"fault.{code}", **params)) for name, code, params in faults]
    return call.page(
        "inventory/cataloguing/item_form.html",
        status=no.status if no else 200, was=was, refusal=no, theirs=theirs, errors=errors,
        values=defaultdict(str, {name: texts[0] for name, texts in form.items() if texts}),
        fault=defaultdict(str, errors), lines=catalogue_form.lines(form), key=new_id(),
        ingredients=await call.read(catalogue_view.ingredients), forms=catalogue_form.forms(), pers=catalogue_form.PERS,
        kinds=tuple(Kind), classes=tuple(OtcClass), storages=tuple(Storage), verdicts=tuple(Verdict),
        flags=tuple(Flag), conditions=catalogue_form.CONDITIONS, units_zh=RETAIL_ZH, units_en=RETAIL_EN,
    )  # fmt: skip


@get("/catalogue/new", guards=_EDITS, include_in_schema=False)
async def new_page(call: NamedDependency[Call], name: Words = "") -> Response[str]:
    """The form of a new item."""
    return await _sheet(call, {**catalogue_form.blank(), "name_zh": [name]}, None)


@post("/catalogue/new", guards=_EDITS, include_in_schema=False)
async def add_page(call: NamedDependency[Call]) -> Response[Any]:
    """Add the item; a refusal shows the form again with everything that was typed."""
    form = await call.form()
    if "more" in form:
        return await _sheet(call, form, None)
    try:
        order = call.filled(NewItem, _only(form, "key"), body=catalogue_form.body_from(call, form))
        made = await call.write(catalogue_edit.new_item, order, call.actor, call.now)
    except Refusal as no:
        return await _sheet(call, form, None, no)
    return call.go(f"/catalogue/{made.item}?done={'waits' if made.waits else 'saved'}")


@get("/catalogue/{item:uuid}/edit", guards=_EDITS, include_in_schema=False)
async def edit_page(call: NamedDependency[Call], item: FromPath[UUID]) -> Response[str]:
    """The form of an item, with what was last written in it."""
    was = await call.read(catalogue_view.standing, item)
    return await _sheet(call, catalogue_form.form_of(_body(was)), was)


@post("/catalogue/{item:uuid}/edit", guards=_EDITS, include_in_schema=False)
async def save_page(call: NamedDependency[Call], item: FromPath[UUID]) -> Response[Any]:
    """Change the item. Where somebody was quicker, both readings are shown, and what was typed is kept."""
    form = await call.form()
    was = await call.read(catalogue_view.standing, item)
    if "more" in form:
        return await _sheet(call, form, was)
    try:
        body = catalogue_form.body_from(call, form, was.facts.actives)
        order = call.filled(EditItem, _only(form, "key", "edition"), item=item, body=body)
        made = await call.write(catalogue_edit.edit_item, order, call.actor, call.now)
    except StaleItem as no:
        now = await call.read(catalogue_view.standing, item)
        return await _sheet(call, form, now, no, await _two_readings(call, body, now))
    except Refusal as no:
        return await _sheet(call, form, was, no)
    return call.go(f"/catalogue/{item}?done={'waits' if made.waits else 'saved'}")


def _only(form: Form, *names: str) -> Form:
    return {name: form[name] for name in names if name in form}


async def _two_readings(call: Call, mine: ItemBody, now: Current) -> tuple[Theirs, ...]:
    names = await call.read(catalogue_view.ingredients)
    ours, theirs = values_of(mine), values_of(_body(now))
    return tuple(
        Theirs(
            field=field,
            mine=told(call.say, field, value, names, call.language),
            theirs=told(call.say, field, theirs[field], names, call.language),
        )
        for field, value in ours.items()
        if value != theirs[field]
    )


# ---------------------------------------------------------------- ingredients


async def _ingredients(call: Call, form: Form, no: Refusal | None = None) -> Response[str]:
    faults = no.faults if isinstance(no, Invalid) else ()
    errors = [(name.split(".")[-1], call.say(f"fault.{code}", **params)) for name, code, params in faults]
    return call.page(
        "inventory/cataloguing/ingredients.html",
        status=no.status if no else 200, errors=errors, fault=defaultdict(str, errors),
        refusal=no, values=defaultdict(str, {name: texts[0] for name, texts in form.items() if texts}),
        ticked=tuple(form.get("classes", [])), classes=catalogue_edit.known_classes(), key=new_id(),
        found=await call.read(catalogue_view.ingredients),
    )  # fmt: skip


@get("/catalogue/ingredients", guards=_VERIFIES, include_in_schema=False)
async def ingredients_page(call: NamedDependency[Call]) -> Response[str]:
    """Every ingredient, and the form of a new one."""
    return await _ingredients(call, {})


@post("/catalogue/ingredients", guards=_VERIFIES, include_in_schema=False)
async def add_ingredient_page(call: NamedDependency[Call]) -> Response[Any]:
    """Add an ingredient."""
    form = await call.form()
    try:
        await call.write(catalogue_edit.add_ingredient, call.filled(NewIngredient, form), call.actor, call.now)
    except Refusal as no:
        return await _ingredients(call, form, no)
    return call.go("/catalogue/ingredients")


handlers: list[BaseRouteHandler] = [
    read_item,
    add_item,
    edit_item,
    verify_item,
    withdraw_change,
    add_ingredient,
    catalogue_page,
    item_page,
    verify_page,
    withdraw_page,
    judge_barcode,
    barcode_page,
    new_page,
    add_page,
    edit_page,
    save_page,
    ingredients_page,
    add_ingredient_page,
]
