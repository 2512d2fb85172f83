"""Pages of packing and returns: one action a screen, and after each what happened and what is next."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import Key, OptionalLine, ScannedText, fault_of
from app.base.ids import new_id
from app.base.permissions import Permission
from distribution import custody, kit_packing, picking, unpacking, wording
from distribution.door_errors import AlreadyPacked, WrongStep
from distribution.journey import State
from distribution.parcel_labels import ClaimLabel
from distribution.parcels import PackLine
from distribution.picking import ParcelView
from distribution.returns import TakeBack
from distribution.unpacking import DropLine, DropReason, Unpack


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What the scan panel sends: the text, how it was read, and the key of this scan."""

    text: ScannedText
    format: OptionalLine = ""
    idempotency_key: Key


def zone_of(call: Call) -> ZoneInfo:
    """The stations' time zone, in which times are shown."""
    return ZoneInfo(call.settings.timezone)


async def read_scan(call: Call) -> Scan:
    """The scan as the panel's script sends it, or as its plain form does."""
    if not call.request.headers.get("content-type", "").startswith("application/json"):
        form = await call.form()
        return call.filled(Scan, {"text": form.get("text", [])}, idempotency_key=str(new_id()))
    try:
        return msgspec.json.decode(await call.request.body(), type=Scan)
    except msgspec.ValidationError as error:
        raise fault_of(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid(("", "json", {})) from None


def by_script(call: Call) -> bool:
    """Whether the scan panel's script asks; without it the same address answers with a page."""
    return "application/json" in call.request.headers.get("accept", "")


# ---------------------------------------------------------------- packing


@get("/packing", guards=[may(Permission.PACK)], include_in_schema=False)
async def packing_page(call: NamedDependency[Call]) -> Response[str]:
    """What waits to be packed at the own stations."""
    waiting = await call.read(picking.to_pack, call.actor)
    return call.page("distribution/packing.html", waiting=waiting, zone=zone_of(call))


@get("/packing/{parcel:uuid}", guards=[may(Permission.PACK)], include_in_schema=False)
async def pack_page(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[str]:
    """A parcel's list and the scanner."""
    return await _pack_page(call, parcel)


async def _pack_page(call: Call, parcel: UUID, no: Refusal | None = None) -> Response[str]:
    view = await call.read(picking.pick_list, parcel, call.actor)
    said = await wording.told(call, no) if no else None
    fits = await call.read(kit_packing.that_fits, parcel, call.today) if view.state is State.PLANNED else ""
    return call.page(
        "distribution/pack_parcel.html",
        no.status if no else 200,
        parcel=view,
        kit=fits,
        key=new_id(),
        told=said,
        reasons=list(DropReason),
    )


@post("/packing/{parcel:uuid}/scan", guards=[may(Permission.PACK)], include_in_schema=False, status_code=200)
async def pack_scan(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """One scanned pack: colour, sound and words; the wrong one is red, one that is in already amber."""
    scan = await read_scan(call)
    try:
        line = PackLine(key=scan.idempotency_key, parcel=parcel, code=scan.text)
        done = await custody.pick(call, line)
    except Refusal as no:
        if no.status >= 500:
            raise
        return await refused_scan(call, no) if by_script(call) else await _pack_page(call, parcel, no)
    if not by_script(call):
        return call.go(f"/packing/{parcel}")
    name = done.name_zh if call.language == "zh" else done.name_en
    if done.how == "kit":
        name = call.say("packing.kit", n=len(done.lines_done))
    answer: dict[str, Any] = {
        "outcome": "ok",
        "title": name,
        "text": call.say(f"packing.how.{done.how}"),
        "line": str(done.line),
        "lines": [str(line) for line in done.lines_done],
        "state": "done",
        "progress": {"value": done.packed, "max": done.lines},
    }
    if done.state is State.PACKED:
        answer |= {"next": {"href": f"/packing/{parcel}", "label": call.say("packing.to_label")}}
    return Response(answer, media_type="application/json")


async def refused_scan(call: Call, no: Refusal) -> Response[Any]:
    """Red with the reason; amber for what was scanned before."""
    said = await wording.told(call, no)
    answer = {"outcome": "wrong", "title": said.title, "text": said.text}
    if isinstance(no, AlreadyPacked):
        answer["outcome"] = "duplicate"
    elif isinstance(no, WrongStep) and no.params["state"] == State.OUT.value and not no.reasons:
        answer = {
            "outcome": "duplicate",
            "title": call.say("door.taken.before"),
            "text": call.say("door.taken.before_todo"),
        }
    return Response(answer, media_type="application/json")


@post("/packing/{parcel:uuid}/label", guards=[may(Permission.PACK)], include_in_schema=False)
async def label_parcel(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """Stick a blank label on it, or have one printed: the parcel is ready."""
    form = await call.form()
    try:
        claim = call.filled(ClaimLabel, _named(form, code="text"), parcel=parcel)
        await custody.label(call, claim)
    except Refusal as no:
        return await _pack_page(call, parcel, no)
    return call.go(f"/packing/{parcel}")


def _named(form: Form, **other: str) -> Form:
    """The form with the scan panel's field names as the struct's own."""
    return form | {name: form.get(field, []) for name, field in other.items()}


@post("/packing/{parcel:uuid}/drop", guards=[may(Permission.PACK)], include_in_schema=False)
async def drop_line(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """Take a line out that cannot go."""
    form = await call.form()
    try:
        order = call.filled(DropLine, form, parcel=parcel)
        await call.write(unpacking.drop_line, call.vault, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _pack_page(call, parcel, no)
    return call.go(f"/packing/{parcel}")


@post("/packing/{parcel:uuid}/unpack", guards=[may(Permission.PACK)], include_in_schema=False)
async def unpack(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """Take the whole parcel apart."""
    form = await call.form()
    try:
        order = call.filled(Unpack, form, parcel=parcel)
        await call.write(unpacking.unpack, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _pack_page(call, parcel, no)
    return call.go(f"/packing/{parcel}")


# ---------------------------------------------------------------- coming back


@get("/returns", guards=[may(Permission.TAKE_BACK)], include_in_schema=False)
async def returns_page(call: NamedDependency[Call]) -> Response[str]:
    """The scanner for a parcel that came back."""
    return call.page("distribution/returns.html", parcel=None, code="", key=new_id(), back=None, told=None)


@post("/returns", guards=[may(Permission.TAKE_BACK)], include_in_schema=False, status_code=200)
async def find_return(call: NamedDependency[Call]) -> Response[Any]:
    """The parcel that was scanned, and the one question: is its bag still sealed?"""
    text = (await call.form()).get("text", [""])[0]
    try:
        view = await custody.found_back(call, text)
    except Refusal as no:
        return await _return_page(call, None, "", no)
    return await _return_page(call, view, text)


async def _return_page(call: Call, view: ParcelView | None, code: str, no: Refusal | None = None) -> Response[str]:
    said = await wording.told(call, no) if no else None
    values = {"parcel": view, "code": code, "key": new_id(), "back": None, "told": said}
    return call.page("distribution/returns.html", no.status if no else 200, **values)


@post("/returns/close", guards=[may(Permission.TAKE_BACK)], include_in_schema=False, status_code=200)
async def take_back(call: NamedDependency[Call]) -> Response[Any]:
    """Takes the goods back and says where each thing goes."""
    form = await call.form()
    try:
        back = await custody.take_back(call, call.filled(TakeBack, form))
    except Refusal as no:
        return await _return_page(call, None, "", no)
    return call.page("distribution/returns.html", parcel=None, code="", key=new_id(), back=back, told=None)


handlers: list[BaseRouteHandler] = [
    packing_page,
    pack_page,
    pack_scan,
    label_parcel,
    drop_line,
    unpack,
    returns_page,
    find_return,
    take_back,
]
