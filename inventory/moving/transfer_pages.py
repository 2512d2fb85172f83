"""The pages of transfers: scan out here, scan in there; one action a screen, every difference explained."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, QueryParameter
from markupsafe import Markup

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import PLAIN
from app.base.ids import new_id
from app.base.permissions import Permission
from inventory import stations
from inventory.cataloguing import catalogue
from inventory.errors import UnknownItem
from inventory.moving import arrivals, transfer_lists, transfers, watched_moving
from inventory.moving.arrivals import Arrive, Arrived, ComeBack, Lost, Missing, Surplus, WhyMissing, WhySurplus
from inventory.moving.transfer_errors import AlreadyArrived, AlreadySent
from inventory.moving.transfer_models import OPEN
from inventory.moving.transfer_rules import How
from inventory.moving.transfers import CallOff, Depart, NewTransfer, SendPack, TakeOut
from inventory.receiving.scan_answers import answer, by_script, read_scan, refused
from labels import codes, render

Chosen = Annotated[str, QueryParameter(max_length=40, pattern=PLAIN)]
From = Annotated[str, QueryParameter(name="from", max_length=40, pattern=PLAIN)]
Quantity = Annotated[int | None, QueryParameter(ge=1, le=10_000)]
Yes = Annotated[bool | None, QueryParameter()]
_MOVES = [may(Permission.MOVE_STOCK)]
_DRAWS = [may(Permission.MOVE_STOCK, Permission.SET_LEVELS)]
_READS = [may(Permission.READ_STOCK)]
_TONES = {"kept": "ok"}
QR_PIXELS = 148


def when(call: Call) -> Callable[[datetime], str]:
    """Shows an instant in the stations' time."""
    zone = ZoneInfo(call.settings.timezone)
    return lambda instant: instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")


@get("/transfers", guards=_READS, include_in_schema=False)
async def transfers_page(call: NamedDependency[Call]) -> Response[str]:
    """To send, on the way, to receive, with differences; then what is over."""
    found = await call.read(transfer_lists.transfers, call.actor)
    draws = call.actor.may(Permission.MOVE_STOCK) or call.actor.may(Permission.SET_LEVELS)
    return call.page(
        "inventory/moving/transfers.html", found=found, open=OPEN, when=when(call), draws=draws,
    )  # fmt: skip


# ---------------------------------------------------------------- draw up


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of a new transfer shows."""

    own: tuple[stations.StationRow, ...]
    every: tuple[stations.StationRow, ...]
    item: catalogue.CatalogueItem | None


def _suggested(session: Any, actor: Any, item: UUID | None) -> Suggested:
    try:
        known = catalogue.item(session, item) if item else None
    except UnknownItem:
        known = None
    return Suggested(own=stations.stations(session, actor), every=transfer_lists.destinations(session), item=known)


@get("/transfers/new", guards=_DRAWS, include_in_schema=False)
async def new_page(
    call: NamedDependency[Call], source: From = "", to: Chosen = "", item: Chosen = "", quantity: Quantity = None
) -> Response[str]:
    """Which station sends to which; what is asked for may already be filled in."""
    given = {"source": source, "target": to, "item": item, "quantity": str(quantity or "")}
    return await _new(call, given)


async def _new(call: Call, given: dict[str, str], no: Refusal | None = None) -> Response[str]:
    offered = await call.read(_suggested, call.actor, _uuid(given.get("item", "")))
    return call.page(
        "inventory/moving/transfer_new.html",
        no.status if no else 200,
        offered=offered,
        given=given,
        key=new_id(),
        refusal=no,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


@post("/transfers/new", guards=_DRAWS, include_in_schema=False)
async def new_transfer(call: NamedDependency[Call]) -> Response[Any]:
    """Draw the transfer up and go on to scanning."""
    form = await call.form()
    given = {name: texts[0] for name, texts in form.items()}
    try:
        new = call.filled(NewTransfer, form, **_wished(given))
        made = await call.write(transfers.draft, new, call.actor, call.now)
    except Refusal as no:
        return await _new(call, given, no)
    return call.go(f"/transfers/{made}")


def _wished(given: dict[str, str]) -> dict[str, Any]:
    if not given.get("item"):
        return {}
    if not given.get("quantity", "").isdigit():
        raise Invalid(("quantity", "whole_number", {}))
    return {"wishes": [{"item": given["item"], "quantity": int(given["quantity"])}]}


# ---------------------------------------------------------------- one transfer


async def _page(
    call: Call,
    transfer: UUID,
    no: Refusal | None = None,
    *,
    form: Form | None = None,
    sealed: bool | None = None,
    done: Arrived | None = None,
    label: str = "",
    opened: str = "",
) -> Response[str]:
    view = await call.read(transfer_lists.transfer, transfer, call.actor, call.today)
    return call.page(
        "inventory/moving/transfer.html",
        no.status if no else 200,
        view=view,
        when=when(call),
        new_key=new_id,
        refusal=no,
        sealed=sealed,
        done=done,
        label=label,
        opened=opened,
        shown=codes.shown,
        given={name: texts[0] for name, texts in (form or {}).items()},
        why_missing=list(WhyMissing),
        why_surplus=list(WhySurplus),
        hows=[How.DAMAGED, How.WRONG_LABEL, How.ARRIVED],
        prints=call.actor.may(Permission.PRINT_LABELS),
    )


@get("/transfers/{transfer:uuid}", guards=_READS, include_in_schema=False)
async def transfer_page(
    call: NamedDependency[Call], transfer: FromPath[UUID], sealed: Yes = None, label: Chosen = ""
) -> Response[str]:
    """What is in it, what is next, and everything that happened; where the code on its slip leads."""
    return await _page(call, transfer, sealed=sealed, label=label)


@get("/transfers/{transfer:uuid}/slip", guards=_READS, include_in_schema=False)
async def slip_page(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[str]:
    """The slip that goes along (调拨单): its code is the transfer's own, so that nobody scans paper for goods."""
    view = await call.read(transfer_lists.transfer, transfer, call.actor, call.today)
    drawn = render.qr_svg(codes.url(call.settings.base_url, view.code), title=codes.shown(view.code))
    picture = drawn.replace("<svg ", f'<svg width="{QR_PIXELS}" height="{QR_PIXELS}" ', 1)
    return call.page(
        "inventory/moving/transfer_slip.html", view=view, when=when(call), shown=codes.shown,
        picture=Markup(picture),  # noqa: S704 - our own drawing of our own code
        back_href=f"/transfers/{transfer}",
    )  # fmt: skip


@post("/transfers/{transfer:uuid}/send", guards=_MOVES, include_in_schema=False, status_code=200)
async def send_scan(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """One scanned pack goes into the bag."""
    scan = await read_scan(call)
    try:
        order = SendPack(key=scan.idempotency_key, transfer=transfer, code=scan.text)
        done = await watched_moving.send(call, order)
    except Refusal as no:
        return refused(call, no, (AlreadySent,)) if by_script(call) else await _page(call, transfer, no)
    if not by_script(call):
        return call.go(f"/transfers/{transfer}")
    name = done.name_zh if call.language == "zh" else done.name_en
    text = call.say("transfer.sent_scan", count=done.quantity)
    if done.label:
        text = f"{text} {call.say('transfer.split_scan')}"
        return answer(
            outcome="ok", title=f"{name} ×{done.quantity}", text=text,
            next={"href": f"/transfers/{transfer}?label={done.pack}", "label": call.say("transfer.split_print")},
        )  # fmt: skip
    listed = {"href": f"/transfers/{transfer}", "label": call.say("transfer.see_bag")}
    return answer(outcome="ok", title=f"{name} ×{done.quantity}", text=text, next=listed)


@post("/transfers/{transfer:uuid}/part", guards=_MOVES, include_in_schema=False)
async def send_part(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """A part of a bag goes, with a label of its own."""
    form = await call.form()
    try:
        order = call.filled(SendPack, form, transfer=transfer)
        done = await watched_moving.send(call, order)
    except Refusal as no:
        return await _page(call, transfer, no, form=form, opened="part")
    return call.go(
        f"/transfers/{transfer}?label={done.pack}" if done.label and not order.label else f"/transfers/{transfer}"
    )


@post("/transfers/{transfer:uuid}/take-out", guards=_MOVES, include_in_schema=False)
async def take_out(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """One pack back onto its shelf."""
    form = await call.form()
    try:
        await call.write(transfers.take_out, call.filled(TakeOut, form, transfer=transfer), call.actor, call.now)
    except Refusal as no:
        return await _page(call, transfer, no)
    return call.go(f"/transfers/{transfer}")


@post("/transfers/{transfer:uuid}/depart", guards=_MOVES, include_in_schema=False)
async def depart(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """The bag is closed and leaves."""
    form = await call.form()
    try:
        order = call.filled(Depart, form, transfer=transfer)
        await call.write(transfers.depart, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _page(call, transfer, no)
    return call.go(f"/transfers/{transfer}")


@post("/transfers/{transfer:uuid}/call-off", guards=_DRAWS, include_in_schema=False)
async def call_off(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """Everything comes back."""
    form = await call.form()
    try:
        order = call.filled(CallOff, form, transfer=transfer)
        await call.write(transfers.call_off, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _page(call, transfer, no)
    return call.go(f"/transfers/{transfer}")


# ---------------------------------------------------------------- arriving


def _landed(call: Call, done: Arrived) -> dict[str, Any]:
    name = done.name_zh if call.language == "zh" else done.name_en
    words = [call.say(f"transfer.lands.{done.why}", place=done.place_name)]
    words.append(call.say("transfer.left", count=done.left) if done.left else call.say("transfer.all_in"))
    return {
        "outcome": "ok" if done.why == "kept" else "duplicate",
        "title": f"{name} ×{done.quantity} → {done.place_name}",
        "text": " ".join(words),
    }


@post("/transfers/{transfer:uuid}/receive/{bag:str}", guards=_MOVES, include_in_schema=False, status_code=200)
async def receive_scan(call: NamedDependency[Call], transfer: FromPath[UUID], bag: FromPath[str]) -> Response[Any]:
    """One scanned pack arrives, in a bag that was ``sealed`` or ``opened``."""
    scan, sealed = await read_scan(call), bag == "sealed"
    try:
        order = Arrive(key=scan.idempotency_key, transfer=transfer, code=scan.text, sealed=sealed)
        done = await watched_moving.receive(call, order)
    except Refusal as no:
        return (
            refused(call, no, (AlreadyArrived,)) if by_script(call) else await _page(call, transfer, no, sealed=sealed)
        )
    if not by_script(call):
        return await _page(call, transfer, sealed=sealed, done=done)
    said = _landed(call, done)
    if not done.left:
        said |= {"next": {"href": f"/transfers/{transfer}", "label": call.say("transfer.see_all")}}
    seen = await call.read(transfer_lists.transfer, transfer, call.actor, call.today)
    total = sum(line.sent for line in seen.lines)
    return answer(**said, line=str(done.pack), state="done", progress={"value": total - done.left, "max": total})


@post("/transfers/{transfer:uuid}/arrive", guards=_MOVES, include_in_schema=False, status_code=200)
async def arrive(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """Fewer than were sent, damaged, or not what the label says."""
    form = await call.form()
    sealed = (form.get("sealed") or [""])[0] == "true"
    try:
        order = call.filled(Arrive, form, transfer=transfer)
        done = await watched_moving.receive(call, order)
    except Refusal as no:
        return await _page(call, transfer, no, form=form, sealed=sealed, opened="differs")
    return await _page(call, transfer, sealed=sealed, done=done)


@post("/transfers/{transfer:uuid}/surplus", guards=_MOVES, include_in_schema=False, status_code=200)
async def surplus(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """Something came along that was not scanned out."""
    form = await call.form()
    sealed = (form.get("sealed") or [""])[0] == "true"
    try:
        order = call.filled(Surplus, form, transfer=transfer)
        done = await watched_moving.surplus(call, order)
    except Refusal as no:
        return await _page(call, transfer, no, form=form, sealed=sealed, opened="surplus")
    return await _page(call, transfer, sealed=sealed, done=done)


@post("/transfers/{transfer:uuid}/missing", guards=_MOVES, include_in_schema=False)
async def missing(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """Nothing more came."""
    form = await call.form()
    try:
        await call.write(arrivals.report_missing, call.filled(Missing, form, transfer=transfer), call.actor, call.now)
    except Refusal as no:
        return await _page(call, transfer, no, form=form, opened="missing")
    return call.go(f"/transfers/{transfer}")


@post("/transfers/{transfer:uuid}/back", guards=_MOVES, include_in_schema=False, status_code=200)
async def come_back(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """A pack is at its sender again."""
    form = await call.form()
    try:
        order = call.filled(ComeBack, form, transfer=transfer)
        done = await watched_moving.come_back(call, order)
    except Refusal as no:
        return await _page(call, transfer, no, form=form, opened="back")
    return await _page(call, transfer, done=done)


@post("/transfers/{transfer:uuid}/lost", guards=[may(Permission.APPROVE_COUNT)], include_in_schema=False)
async def lost(call: NamedDependency[Call], transfer: FromPath[UUID]) -> Response[Any]:
    """What is missing of a pack is lost."""
    form = await call.form()
    try:
        await call.write(arrivals.write_off, call.filled(Lost, form, transfer=transfer), call.actor, call.now)
    except Refusal as no:
        return await _page(call, transfer, no, form=form)
    return call.go(f"/transfers/{transfer}")


handlers: list[BaseRouteHandler] = [
    transfers_page,
    new_page,
    new_transfer,
    transfer_page,
    slip_page,
    send_scan,
    send_part,
    take_out,
    depart,
    call_off,
    receive_scan,
    arrive,
    surplus,
    missing,
    come_back,
    lost,
]
