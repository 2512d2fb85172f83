"""Pages of needs and of the residents' ledger: few taps for a need, and no question of health left out by oversight."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from sqlalchemy.orm import Session

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import fault_of
from app.base.ids import new_id
from app.base.permissions import Permission
from distribution import grids, needs, plan_pages, residents, wording
from distribution.health import HealthAnswers
from distribution.needs import CloseNeed, NewNeed, WhyClosed
from distribution.residents import Consent, CorrectResident, NewResident, Purpose
from distribution.safety_facts import FLAGS, GROUPS
from distribution.urgency import Urgency
from inventory.cataloguing import catalogue
from inventory.cataloguing.catalogue import CatalogueItem
from inventory.kitting import kits
from inventory.kitting.kits import Recipe
from inventory.receiving.intake_facts import Kind, OtcClass

S = TypeVar("S", bound=msgspec.Struct)

PAGE = 50
CONSENT_VERSION = "2026-01"
ASKED = tuple(flag for flag in FLAGS if "liver" not in flag and "kidney" not in flag)
Serial = Annotated[int, QueryParameter(ge=0, le=999_999)]
Door = Annotated[int | None, QueryParameter(ge=0, le=999_999)]
Done = Literal["recorded", "merged", "closed"]
_BETWEEN = re.compile(r"[,，、;；\n]")


class Offer(msgspec.Struct, frozen=True):
    """What a need can be for: recipes, supplies, and medicines without prescription."""

    recipes: tuple[Recipe, ...]
    supplies: tuple[CatalogueItem, ...]
    medicines: tuple[CatalogueItem, ...]


def _offer(session: Session, today: date) -> Offer:
    wanted = [row for row in catalogue.items(session) if row.wanted]
    return Offer(
        recipes=kits.recipes(session, today),
        supplies=tuple(row for row in wanted if row.kind is not Kind.MEDICINE),
        medicines=tuple(row for row in wanted if row.kind is Kind.MEDICINE and row.otc_class is not OtcClass.RX),
    )


@get("/needs", guards=[may(Permission.READ_NEEDS)], include_in_schema=False)
async def needs_page(
    call: NamedDependency[Call], after: FromQuery[UUID | None] = None, done: FromQuery[Done | None] = None
) -> Response[str]:
    """The open needs, most urgent first."""
    return await _needs(call, after, done)


async def _needs(
    call: Call, after: UUID | None = None, done: Done | None = None, no: Refusal | None = None
) -> Response[str]:
    rows = await call.read(needs.open_needs, call.actor, after, PAGE)
    return call.page(
        "distribution/needs.html",
        no.status if no else 200,
        rows=rows,
        after=after,
        following=rows[-1].id if len(rows) == PAGE else None,
        why=tuple(WhyClosed),
        notices=[("ok", call.say(f"need.done.{done}"))] if done else [],
        told=await wording.told(call, no) if no else None,
        new_key=new_id,
        now=call.now,
        zone=ZoneInfo(call.settings.timezone),
        may_register=call.actor.may(Permission.EDIT_RESIDENT),
    )


@get("/needs/new", guards=[may(Permission.RECORD_NEED)], include_in_schema=False)
async def new_need_page(
    call: NamedDependency[Call],
    resident: FromQuery[UUID | None] = None,
    serial: Door = None,
    after: Serial = 0,
) -> Response[str]:
    """Choose whose need it is, then what and how urgent."""
    return await _new_need(call, resident, serial, after)


async def _new_need(
    call: Call,
    resident: UUID | None,
    serial: int | None = None,
    after: int = 0,
    no: Refusal | None = None,
    form: Form | None = None,
) -> Response[str]:
    people = [] if resident else await call.read(residents.listed, call.vault, call.actor, serial, after)
    one = await call.read(residents.one, call.vault, resident, call.actor) if resident else None
    return call.page(
        "distribution/need_new.html",
        no.status if no else 200,
        one=one,
        people=people,
        serial=serial,
        following=residents.following(people),
        offer=await call.read(_offer, call.today) if resident else None,
        urgencies=tuple(Urgency),
        typed={name: texts[0] for name, texts in (form or {}).items()},
        told=await wording.told(call, no) if no else None,
        key=new_id(),
    )


@post("/needs/new", guards=[may(Permission.RECORD_NEED)], include_in_schema=False)
async def record_need(call: NamedDependency[Call]) -> Response[Any]:
    """Write the need down; ``what`` is the item's or the recipe's id with its kind before it."""
    form = await call.form()
    kind, _, what = (form.get("what") or [""])[0].partition(":")
    resident: UUID | None = None
    try:
        fields = {name: texts for name, texts in form.items() if name in {"key", "resident", "urgency", "quantity"}}
        new = call.filled(NewNeed, {**fields, **({kind: [what]} if kind in {"item", "kit"} else {})})
        resident = new.resident
        done = await call.write(needs.record, new, call.actor, call.now)
    except Refusal as no:
        return await _new_need(call, resident or _uuid(form.get("resident")), no=no, form=form)
    return call.go(f"/needs?done={'merged' if done.merged else 'recorded'}")


def _uuid(texts: list[str] | None) -> UUID | None:
    try:
        return UUID(texts[0]) if texts else None
    except ValueError:
        return None


@post("/needs/close", guards=[may(Permission.RECORD_NEED)], include_in_schema=False)
async def close_need(call: NamedDependency[Call]) -> Response[Any]:
    """Close a need that nothing is to be brought for."""
    form = await call.form()
    try:
        await call.write(needs.close, call.filled(CloseNeed, form), call.actor, call.now)
    except Refusal as no:
        return await _needs(call, no=no)
    return call.go("/needs?done=closed")


@get("/residents", guards=[may(Permission.EDIT_RESIDENT)], include_in_schema=False)
async def residents_page(call: NamedDependency[Call], serial: Door = None, after: Serial = 0) -> Response[str]:
    """The residents by door, names masked."""
    rows = await call.read(residents.listed, call.vault, call.actor, serial, after)
    return call.page("distribution/residents.html", rows=rows, serial=serial, following=residents.following(rows))


@get("/residents/new", guards=[may(Permission.EDIT_RESIDENT)], include_in_schema=False)
async def new_resident_page(call: NamedDependency[Call]) -> Response[str]:
    """The form; every question of health has «unknown» as an answer of its own."""
    return await _new_resident(call)


async def _new_resident(call: Call, no: Refusal | None = None, form: Form | None = None) -> Response[str]:
    return call.page(
        "distribution/resident_new.html",
        no.status if no else 200,
        groups=GROUPS,
        flags=ASKED,
        bases=tuple(residents.Basis),
        typed=form or {},
        told=await wording.told(call, no) if no else None,
        key=new_id(),
    )


@post("/residents/new", guards=[may(Permission.EDIT_RESIDENT)], include_in_schema=False)
async def register(call: NamedDependency[Call]) -> Response[Any]:
    """Take somebody into the ledger."""
    form = await call.form()
    try:
        serial = (form.get("serial") or [""])[0]
        door = await call.read(grids.door, int(serial) if serial.isascii() and serial.isdigit() else 0, call.actor)
        health_consent = form.get("health_consent") == ["yes"]
        consent = _struct(
            Consent,
            {
                "basis": _first(form, "basis"),
                "version": CONSENT_VERSION,
                "given_on": call.today,
                "health": health_consent,
            },
        )
        fields = {name: texts for name, texts in form.items() if name in {"key", "name", "address"}}
        new = call.filled(
            NewResident,
            fields,
            household=door,
            phone=_first(form, "phone"),
            groups=tuple(form.get("groups", [])),
            consent=consent,
            health=_answers(form),
        )
        resident = await call.write(residents.register, call.vault, new, call.actor, call.now)
    except Refusal as no:
        return await _new_resident(call, no, form)
    return call.go(f"/residents/{resident}")


def _first(form: Form, name: str) -> str | None:
    return (form.get(name) or [""])[0].strip() or None


def _answers(form: Form) -> HealthAnswers:
    """The questions as they were answered; one that was passed over is a fault, «unknown» is an answer."""
    for name in ("sex", "pregnancy", "allergies", "own", "liver", "kidney", "conditions_asked", "living_alone"):
        if not _first(form, name):
            raise Invalid((name, "missing", {}))
    weight = _first(form, "weight_kg")
    return _struct(
        HealthAnswers,
        {
            "born": _first(form, "born"),
            "sex": _known(form, "sex"),
            "pregnancy": _first(form, "pregnancy"),
            "allergies": _said(form, "allergies", "allergies_which"),
            "own_medicines": _said(form, "own", "own_which"),
            "liver": _first(form, "liver"),
            "kidney": _first(form, "kidney"),
            "conditions": tuple(form.get("conditions", [])),
            "conditions_asked": _first(form, "conditions_asked") == "yes",
            "low_dose_aspirin": _first(form, "low_dose_aspirin") == "yes",
            "weight_kg": int(weight) if weight and weight.isascii() and weight.isdigit() else weight,
            "living_alone": {"yes": True, "no": False}.get(_first(form, "living_alone") or ""),
        },
    )


def _known(form: Form, name: str) -> str | None:
    answer = _first(form, name)
    return None if answer == "unknown" else answer


def _said(form: Form, name: str, which: str) -> tuple[str, ...] | None:
    answer = _first(form, name)
    if answer == "none":
        return ()
    if answer != "some":
        return None
    words = tuple(word.strip() for word in _BETWEEN.split(_first(form, which) or "") if word.strip())
    if not words:
        raise Invalid((which, "missing", {}))
    return words


def _struct(kind: type[S], values: dict[str, Any]) -> S:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise fault_of(error) from None


@get("/residents/{resident:uuid}", guards=[may(Permission.EDIT_RESIDENT)], include_in_schema=False)
async def resident_page(call: NamedDependency[Call], resident: FromPath[UUID]) -> Response[str]:
    """One resident: how to call on them, and what can be put right. Opening it is written down."""
    return await _resident(call, resident)


async def _resident(
    call: Call, resident: UUID, no: Refusal | None = None, form: Form | None = None, phone: str | None = None
) -> Response[str]:
    called = await call.write(
        residents.open_name, call.vault, resident, Purpose.REGISTER, call.actor, call.today, call.now
    )
    return call.page(
        "distribution/resident.html",
        no.status if no else 200,
        one=await call.read(residents.one, call.vault, resident, call.actor),
        called=called,
        phone=phone,
        groups=GROUPS,
        flags=ASKED,
        typed=form or {},
        told=await wording.told(call, no) if no else None,
        key=new_id(),
    )


@post("/residents/{resident:uuid}/phone", guards=[may(Permission.READ_PHONE)], include_in_schema=False, status_code=200)
async def show_phone(call: NamedDependency[Call], resident: FromPath[UUID]) -> Response[Any]:
    """One person's number for one call; written down."""
    await call.form()
    try:
        number = await call.write(
            residents.open_phone, call.vault, resident, Purpose.REGISTER, call.actor, call.today, call.now
        )
    except Refusal as no:
        return await _resident(call, resident, no)
    return await _resident(call, resident, phone=number)


@post("/residents/{resident:uuid}", guards=[may(Permission.EDIT_RESIDENT)], include_in_schema=False)
async def correct(call: NamedDependency[Call], resident: FromPath[UUID]) -> Response[Any]:
    """Put right how to call on somebody, or, with ``part`` health, answer all questions of health anew."""
    form = await call.form()
    try:
        health = form.get("part") == ["health"]
        fields = {name: texts for name, texts in form.items() if name in {"key", "version", "name", "address", "phone"}}
        more = {"health": _answers(form)} if health else {"groups": tuple(form.get("groups", []))}
        right = call.filled(CorrectResident, fields, resident=resident, **more)
        await call.write(residents.correct, call.vault, right, call.actor, call.now)
    except Refusal as no:
        return await _resident(call, resident, no, form)
    return call.go(f"/residents/{resident}")


handlers: list[BaseRouteHandler] = [
    needs_page,
    new_need_page,
    record_need,
    close_need,
    residents_page,
    new_resident_page,
    register,
    resident_page,
    show_phone,
    correct,
    *plan_pages.handlers,
]
