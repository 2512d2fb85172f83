"""The pages of the counter, the release queue and the stock room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from sqlalchemy.orm import Session

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, NothingTicked, Refusal
from app.base.fields import PLAIN
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from app.base.reasons import Reason
from inventory import catalogue, counter, donations, hold, intake, levels, packs, receiving, release, stations
from inventory.catalogue import CatalogueItem
from inventory.counter import Start
from inventory.donations import Receipt, TakeBack
from inventory.errors import UnknownItem
from inventory.hold import HeldPack
from inventory.intake_facts import Kind
from inventory.packs import PackHistory
from inventory.release import IdentifyPack, RefusePack, ReleaseMany, ReleasePack, Why
from inventory.stations import StationRow
from labels import codes, handed, render

Words = Annotated[str, QueryParameter(max_length=60, pattern=PLAIN)]
Chosen = Annotated[str, QueryParameter(max_length=40, pattern=PLAIN)]
QR_PIXELS = 148
KINDS = (Kind.PPE, Kind.DEVICE, Kind.DISINFECTANT, Kind.MEDICINE, Kind.OTHER)
_RELEASES = may(Permission.RELEASE_SUPPLIES, Permission.RELEASE_MEDICINE)


def _faults(call: Call, no: Refusal) -> list[tuple[str, str]]:
    """A refusal's field faults as (field of the form, sentence)."""
    if not isinstance(no, Invalid):
        return []
    return [(field.rpartition(".")[2], call.say(f"fault.{code}", **params)) for field, code, params in no.faults]


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
    return None, named or (catalogue.find(session, start.q) if start.q else ())


def _open(call: Call, start: Start, at: Counter, **more: Any) -> Response[str]:
    """The form where product and station are known, else the page that asks for them."""
    sure = at.product is not None or bool(start.called)
    if not sure or at.station is None:
        return call.page("inventory/receive_start.html", start=start, at=at, **more)
    declared = at.sitting is not None and at.sitting.declared
    if at.product:
        start = msgspec.structs.replace(start, item=at.product.id)
    return _sheet(call, counter.blank(start, at.station, declared), at)


def _sheet(call: Call, form: Form, at: Counter, no: Refusal | None = None) -> Response[str]:
    values = defaultdict(str, {name: texts[0] for name, texts in form.items() if texts})
    errors = _faults(call, no) if no else []
    return call.page(
        "inventory/receive.html",
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
        return call.page("inventory/receive_start.html", status=no.status, start=start, at=at, refusal=no)


@post("/receive", guards=[may(Permission.RECEIVE)], include_in_schema=False)
async def receive_pack(call: NamedDependency[Call]) -> Response[Any]:
    """Take it in; a refusal shows the form again with everything that was typed."""
    form = await call.form()
    try:
        new = counter.donation_of(call, form)
        got = await receiving.receive(call, call.handed(handed.WATCH), new)
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
        "inventory/received.html", receipt=told, line=first, alike=alike, qrs=qrs, shown=codes.shown, stuck=stuck,
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
        "inventory/donation.html", receipt=told, qr=_qr(call, told.code, codes.shown(told.code)), shown=codes.shown,
        when=_when(call), new_key=new_id, receives=call.actor.may(Permission.RECEIVE),
    )  # fmt: skip


# ---------------------------------------------------------------- release


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what waits, and how many wait altogether."""

    packs: tuple[HeldPack, ...]
    waiting: int


def _queue(session: Session, actor: Actor, today: date) -> Queue:
    found = hold.queue(session, actor, today, limit=hold.MOST)
    mine = sorted(found, key=lambda one: not (one.can_release or one.can_identify))
    return Queue(packs=tuple(mine[: hold.FEW]), waiting=hold.waiting(session, actor))


async def _release_page(call: Call, no: Refusal | None = None, **more: Any) -> Response[str]:
    return call.page(
        "inventory/release.html",
        status=no.status if no else 200,
        queue=await call.read(_queue, call.actor, call.today),
        why=tuple(Why),
        when=_when(call),
        new_key=new_id,
        refusal=no,
        prints=call.actor.may(Permission.PRINT_LABELS),
        **{"done": (), "ticked": frozenset(), **more},
    )


@get("/release", guards=[may(Permission.READ_HOLD)], include_in_schema=False)
async def release_page(call: NamedDependency[Call]) -> Response[str]:
    """What waits for a second person: what this reader can decide first, received first comes first."""
    return await _release_page(call)


@post("/release/many", guards=[_RELEASES], include_in_schema=False, status_code=200)
async def release_ticked(call: NamedDependency[Call]) -> Response[str]:
    """Release every pack that was ticked; says which ones could not be."""
    form = await call.form()
    try:
        many = call.filled(ReleaseMany, {}, packs=_ticked(form))
        done = await call.write(release.release_many, many, call.actor, call.today, call.now)
    except Refusal as no:
        return await _release_page(call, no, ticked=frozenset(form.get("pack", [])))
    return await _release_page(call, done=done)


def _ticked(form: Form) -> list[dict[str, UUID]]:
    """An order for each pack, its key made from the batch's: sent twice, it is the same. Raises NothingTicked."""
    if not form.get("pack"):
        raise NothingTicked
    try:
        base, ticked = UUID(form.get("key", [""])[0]), {UUID(text) for text in form["pack"]}
    except ValueError:
        raise Invalid(("pack", "identifier", {})) from None
    return [{"key": uuid5(base, pack.hex), "pack": pack} for pack in sorted(ticked)]


@post("/release/{pack:uuid}", guards=[_RELEASES], include_in_schema=False)
async def release_pack(call: NamedDependency[Call], pack: FromPath[UUID]) -> Response[Any]:
    """Let one pack onto the shelf."""
    form = await call.form()
    try:
        await call.write(release.release, call.filled(ReleasePack, form, pack=pack), call.actor, call.today, call.now)
    except Refusal as no:
        return await _release_page(call, no)
    return call.go("/release")


@post("/release/{pack:uuid}/refuse", guards=[_RELEASES], include_in_schema=False)
async def refuse_pack(call: NamedDependency[Call], pack: FromPath[UUID]) -> Response[Any]:
    """Send one pack to disposal."""
    form = await call.form()
    try:
        await call.write(release.refuse, call.filled(RefusePack, form, pack=pack), call.actor, call.today, call.now)
    except Refusal as no:
        return await _release_page(call, no)
    return call.go("/release")


@get("/packs/{pack:uuid}/identify", guards=[may(Permission.RELEASE_MEDICINE)], include_in_schema=False)
async def identify_page(call: NamedDependency[Call], pack: FromPath[UUID], q: Words = "") -> Response[str]:
    """Which item of the catalogue are these goods?"""
    told = await call.read(packs.pack_history, pack, call.actor, call.today)
    matches = await call.read(catalogue.find, q) if q else ()
    return call.page("inventory/identify.html", pack=told, q=q, matches=matches, key=new_id())


@post("/packs/{pack:uuid}/identify", guards=[may(Permission.RELEASE_MEDICINE)], include_in_schema=False)
async def identify_pack(call: NamedDependency[Call], pack: FromPath[UUID]) -> Response[Any]:
    """Book unknown goods under an item."""
    order = call.filled(IdentifyPack, await call.form(), pack=pack)
    await call.write(release.identify, order, call.actor, call.today, call.now)
    return call.go("/release")


# ---------------------------------------------------------------- stock


@get("/stock", guards=[may(Permission.READ_STOCK)], include_in_schema=False)
async def stock_page(call: NamedDependency[Call], station: Chosen = "") -> Response[str]:
    """Stock at a glance, shortages first; of one station, or of all where the choice is left empty."""
    chosen = _station(station)
    return call.page(
        "inventory/stock.html",
        levels=await call.read(levels.levels, call.actor, call.today, station=chosen),
        stations=await call.read(stations.stations, call.actor),
        station=chosen,
    )


def _station(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Invalid(("station", "identifier", {})) from None


@get("/stock/items/{item:uuid}", guards=[may(Permission.READ_STOCK)], include_in_schema=False)
async def stock_item_page(call: NamedDependency[Call], item: FromPath[UUID]) -> Response[str]:
    """One item: its stations and packs."""
    found = await call.read(levels.item_levels, call.actor, item, call.today)
    return call.page("inventory/stock_item.html", item=found, shown=codes.shown)


class PackPage(msgspec.Struct, frozen=True, kw_only=True):
    """A pack's story, and what this reader can decide about it if it waits."""

    story: PackHistory
    held: HeldPack | None


def _pack(session: Session, pack: UUID, actor: Actor, today: date) -> PackPage:
    story = packs.pack_history(session, pack, actor, today)
    case = hold.held(session, pack, today) if actor.may(Permission.READ_HOLD) else None
    return PackPage(story=story, held=case.shown(actor) if case else None)


@get("/packs/{pack:uuid}", guards=[may(Permission.READ_STOCK)], include_in_schema=False)
async def pack_page(call: NamedDependency[Call], pack: FromPath[UUID]) -> Response[str]:
    """What it is, where it is, and everything that happened to it."""
    found = await call.read(_pack, pack, call.actor, call.today)
    label = found.story.label
    return call.page(
        "inventory/pack.html", pack=found.story, held=found.held, qr=_qr(call, label, codes.shown(label or "")),
        shown=codes.shown, when=_when(call), why=tuple(Why), new_key=new_id,
        opens_donation=call.actor.may(Permission.READ_DONATION),
        replaces=call.actor.may(Permission.REPRINT_LABEL),
        prints=call.actor.may(Permission.PRINT_LABELS),
    )  # fmt: skip


handlers: list[BaseRouteHandler] = [
    receive_start,
    receive_form,
    receive_pack,
    received,
    take_back,
    donation_page,
    release_page,
    release_ticked,
    release_pack,
    refuse_pack,
    identify_page,
    identify_pack,
    stock_page,
    stock_item_page,
    pack_page,
]
