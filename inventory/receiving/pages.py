"""The pages of the counter, the release queue and the stock room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any
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
from app.base.fields import PLAIN
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from app.base.reasons import Reason
from inventory import packs, stations
from inventory.cataloguing import catalogue
from inventory.cataloguing.catalogue import CatalogueItem
from inventory.counting import blind
from inventory.errors import UnknownItem
from inventory.packs import PackHistory
from inventory.receiving import counter, donations, intake, watched_intake
from inventory.receiving.counter import Start
from inventory.receiving.donations import Receipt, TakeBack
from inventory.receiving.intake_facts import Kind
from inventory.releasing import hold
from inventory.releasing.hold import HeldPack
from inventory.releasing.release import Grounds, Why
from inventory.stations import StationRow
from inventory.undoing import acts
from labels import codes, handed, render

Words = Annotated[str, QueryParameter(max_length=60, pattern=PLAIN)]
Chosen = Annotated[str, QueryParameter(max_length=40, pattern=PLAIN)]
QR_PIXELS = 148
KINDS = (Kind.PPE, Kind.DEVICE, Kind.DISINFECTANT, Kind.MEDICINE, Kind.OTHER)


def _faults(call: Call, no: Refusal) -> list[tuple[str, str]]:
    """A refusal's field faults as (field of the form, sentence)."""
    if not isinstance(no, Invalid):
        return []
    named = ((field.rpartition(".")[2].partition("[")[0], code, params) for field, code, params in no.faults)
    return [(_FIELD_OF.get(field, field), call.say(f"fault.{code}", **params)) for field, code, params in named]


_FIELD_OF = {"trace_codes": "trace_code"}


def _when(call: Call) -> Callable[[datetime], str]:
    zone = ZoneInfo(call.settings.timezone)
    return lambda instant: instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _qr(call: Call, code: str | None, title: str) -> str:
    if not code:
        return ""
    # Without a size of its own a picture in a flexible row has none.
    drawn = render.qr_svg(codes.url(call.settings.base_url, code), title=title)
    return drawn.replace("<svg ", f'<svg width="{QR_PIXELS}" height="{QR_PIXELS}" ', 1)


# ---------------------------------------------------------------- receive


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """What the receive pages show beside the form: the stations to choose from, the product, what it may be."""

    stations: tuple[StationRow, ...]
    station: UUID | None
    product: CatalogueItem | None
    matches: tuple[CatalogueItem, ...]
    wanted: dict[str, tuple[CatalogueItem, ...]]
    sitting: Receipt | None
    refused: tuple[Reason, ...]


def _at_counter(session: Session, start: Start, actor: Actor, today: date) -> Counter:
    own = stations.stations(session, actor)
    sitting = donations.receipt(session, start.donation, actor) if start.donation else None
    here = sitting.station if sitting else start.station or (own[0].id if len(own) == 1 else None)
    product, matches = _product(session, start)
    listed = () if product or start.called else catalogue.items(session)
    return Counter(
        stations=own,
        station=here if here in {one.id for one in own} else None,
        product=product,
        matches=matches,
        wanted={
            kind.value: tuple(one for one in listed if one.wanted and one.kind is kind)
            for kind in KINDS
            if any(one.wanted and one.kind is kind for one in listed)
        },
        sitting=sitting,
        refused=intake.refused_by_catalogue(session, product.id, today) if product else (),
    )


def _product(session: Session, start: Start) -> tuple[CatalogueItem | None, tuple[CatalogueItem, ...]]:
    """The product if it is sure, else what it may be."""
    if start.item is not None:
        return catalogue.item(session, start.item), ()
    named = catalogue.by_gtin(session, start.gtin) if start.gtin else ()
    if len(named) == 1:
        return named[0], ()
    if not named and start.approval_number:
        named = catalogue.by_number(session, start.approval_number) or ()
    return None, named or (catalogue.find(session, start.q) if start.q else ())


def _open(call: Call, start: Start, at: Counter, **more: Any) -> Response[str]:
    """The form where product and station are known, else the page that asks for them."""
    sure = at.product is not None or bool(start.called)
    if not sure or at.station is None:
        return call.page("inventory/receiving/receive_start.html", start=start, at=at, **more)
    declared = at.sitting is not None and at.sitting.declared
    if at.product:
        start = msgspec.structs.replace(start, item=at.product.id)
    return _sheet(call, counter.blank(start, at.station, declared), at)


def _sheet(call: Call, form: Form, at: Counter, no: Refusal | None = None) -> Response[str]:
    values = defaultdict(str, {name: texts[0] for name, texts in form.items() if texts})
    errors = _faults(call, no) if no else []
    return call.page(
        "inventory/receiving/receive.html",
        status=no.status if no else 200,
        values=values,
        at=at,
        errors=errors,
        fault=defaultdict(str, errors),
        refusal=no,
        first_year=call.today.year,
        key=values["key"] or new_id(),
    )


@get("/receive", guards=[may(Permission.RECEIVE)], include_in_schema=False)
async def receive_start(call: NamedDependency[Call]) -> Response[str]:
    """Which product is handed in?"""
    start = Start()
    return _open(call, start, await call.read(_at_counter, start, call.actor, call.today))


@post("/receive/start", guards=[may(Permission.RECEIVE)], include_in_schema=False, status_code=200)
async def receive_form(call: NamedDependency[Call]) -> Response[str]:
    """Open the form with what a scan, a button or «same again» says. Codes come by POST only, never in an address."""
    form = await call.form()
    if "lot" in form:
        form["lot_number"] = form.pop("lot")
    try:
        start = call.filled(Start, form).with_scan()
        return _open(call, start, await call.read(_at_counter, start, call.actor, call.today))
    except (Invalid, UnknownItem) as no:
        start = Start()
        at = await call.read(_at_counter, start, call.actor, call.today)
        return call.page("inventory/receiving/receive_start.html", status=no.status, start=start, at=at, refusal=no)


@post("/receive", guards=[may(Permission.RECEIVE)], include_in_schema=False)
async def receive_pack(call: NamedDependency[Call]) -> Response[Any]:
    """Take it in; a refusal shows the form again with everything that was typed."""
    form = await call.form()
    try:
        new = counter.donation_of(call, form)
        got = await watched_intake.receive(call, call.handed(handed.WATCH), new)
    except Refusal as no:
        kept = {name: form[name] for name in ("station", "donation", "item", "gtin", "called") if name in form}
        start = call.filled(Start, kept)
        return _sheet(call, form, await call.read(_at_counter, start, call.actor, call.today), no)
    stuck = "?stuck=true" if new.line.label else ""
    return call.go(f"/receive/{got.donation}/{got.fresh[0]}{stuck}")


@get("/receive/{donation:uuid}/{line:uuid}", guards=[may(Permission.RECEIVE)], include_in_schema=False)
async def received(
    call: NamedDependency[Call], donation: FromPath[UUID], line: FromPath[UUID], stuck: FromQuery[bool] = False
) -> Response[Any]:
    """What became of it, what to tell the donor, and what is next."""
    told = await call.read(donations.receipt, donation, call.actor)
    first = next((one for one in told.lines if one.line == line), None)
    if first is None:
        return call.go(f"/donations/{donation}")
    alike = tuple(
        one
        for one in told.lines
        if one.line >= line and (one.item, one.lot_number, one.expiry) == (first.item, first.lot_number, first.expiry)
    )
    qrs = {one.label: _qr(call, one.label, codes.shown(one.label)) for one in alike if one.label}
    return call.page(
        "inventory/receiving/received.html",
        receipt=told, line=first, alike=alike, qrs=qrs, shown=codes.shown, stuck=stuck,
        key=new_id(),
    )  # fmt: skip


@post("/receive/take-back", guards=[may(Permission.RECEIVE)], include_in_schema=False)
async def take_back(call: NamedDependency[Call]) -> Response[Any]:
    """Undo the receiving of a line."""
    done = await call.write(donations.take_back, call.filled(TakeBack, await call.form()), call.actor, call.now)
    return call.go(f"/donations/{done.donation}")


@get("/donations/{donation:uuid}", guards=[may(Permission.READ_DONATION)], include_in_schema=False)
async def donation_page(call: NamedDependency[Call], donation: FromPath[UUID]) -> Response[str]:
    """A donation's receipt, without any person."""
    told = await call.read(donations.receipt, donation, call.actor)
    return call.page(
        "inventory/receiving/donation.html",
        receipt=told, qr=_qr(call, told.code, codes.shown(told.code)), shown=codes.shown,
        when=_when(call), new_key=new_id, receives=call.actor.may(Permission.RECEIVE),
    )  # fmt: skip


# ---------------------------------------------------------------- packs


class PackPage(msgspec.Struct, frozen=True, kw_only=True):
    """A pack's story, and what this reader can decide about it if it waits."""

    story: PackHistory
    held: HeldPack | None
    undoes: UUID | None


def _pack(session: Session, pack: UUID, actor: Actor, today: date) -> PackPage:
    blind.pack(session, pack, actor)
    story = packs.pack_history(session, pack, actor, today)
    case = hold.held(session, pack, today) if actor.may(Permission.READ_HOLD) else None
    does = actor.may(Permission.MOVE_STOCK) or actor.may(Permission.REVERSE)
    undoes = acts.latest_of(session, pack) if does else None
    return PackPage(story=story, held=case.shown(actor) if case else None, undoes=undoes)


@get("/packs/{pack:uuid}", guards=[may(Permission.READ_STOCK)], include_in_schema=False)
async def pack_page(call: NamedDependency[Call], pack: FromPath[UUID]) -> Response[str]:
    """What it is, where it is, and everything that happened to it."""
    found = await call.read(_pack, pack, call.actor, call.today)
    label = found.story.label
    return call.page(
        "inventory/pack.html", pack=found.story, held=found.held, qr=_qr(call, label, codes.shown(label or "")),
        shown=codes.shown, when=_when(call), why=tuple(Why), grounds=tuple(Grounds), new_key=new_id,
        opens_donation=call.actor.may(Permission.READ_DONATION),
        replaces=call.actor.may(Permission.REPRINT_LABEL),
        prints=call.actor.may(Permission.PRINT_LABELS), undoes=found.undoes, loses=call.actor.may(Permission.DISPOSE),
    )  # fmt: skip


handlers: list[BaseRouteHandler] = [
    receive_start,
    receive_form,
    receive_pack,
    received,
    take_back,
    donation_page,
    pack_page,
]
