"""The ways in to assembled care parcels: the pick list, the bags, their labels and the warning card."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy.orm import Session

from app.base.edges import Call, may
from app.base.errors import Invalid, Refusal
from app.base.fields import PLAIN, Key, OptionalLine, ScannedText, fault_of
from app.base.ids import new_id
from app.base.permissions import Permission
from inventory.kitting import kit_bags, kit_picking, kit_views
from inventory.kitting.kit_bags import MOST, Assemble, Assembled, PutTogether, TakeApart, TakenApart
from inventory.kitting.kit_models import BagState
from inventory.kitting.kit_picking import Picking
from inventory.kitting.kit_views import BagRow, BagView
from inventory.moving.moves import SITTING
from labels import codes, scan

_READS, _MAKES = [may(Permission.READ_STOCK)], [may(Permission.ASSEMBLE)]
Count = Annotated[int, QueryParameter(ge=1, le=MOST)]
Listed = Annotated[str, QueryParameter(max_length=4_000, pattern=PLAIN)]


class BagDone(msgspec.Struct, frozen=True, kw_only=True):
    """The bag that stands again, with its fresh label to print."""

    bag: UUID


@get("/api/kits/bags", operation_id="listKitBags", guards=_READS)
async def list_bags(call: NamedDependency[Call]) -> tuple[BagRow, ...]:
    """The assembled care parcels in the caller's scope, first expired first; at most 200."""
    return await call.read(kit_views.bags, call.actor)


@get("/api/kits/bags/{bag:uuid}", operation_id="readKitBag", guards=_READS)
async def read_bag(call: NamedDependency[Call], bag: FromPath[UUID]) -> BagView:
    """An assembled care parcel and what is in it."""
    return await call.read(kit_views.bag, bag, call.actor, call.today)


@post("/api/kits/assemble", operation_id="assembleKits", guards=_MAKES, status_code=201)
async def assemble_kits(call: NamedDependency[Call], data: JSONBody[Assemble]) -> Assembled:
    """Assemble care parcels from scanned packs, each with its own label."""
    return await call.write(kit_bags.assemble, data, call.actor, call.today, call.now)


@post("/api/kits/take-apart", operation_id="takeKitsApart", guards=_MAKES, status_code=200)
async def take_kits_apart(call: NamedDependency[Call], data: JSONBody[TakeApart]) -> TakenApart:
    """Take care parcels apart, all of them or none."""
    return await call.write(kit_bags.take_apart, data, call.actor, call.today, call.now)


@post("/api/kits/together", operation_id="putKitTogether", guards=_MAKES, status_code=200)
async def put_kit_together(call: NamedDependency[Call], data: JSONBody[PutTogether]) -> BagDone:
    """Undo that a care parcel was taken apart."""
    return BagDone(bag=await call.write(kit_bags.together, data, call.actor, call.today, call.now))


# ---------------------------------------------------------------- assembling


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which list is looked at; it stands in the page's address."""

    station: UUID | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 1
    without: tuple[UUID, ...] = ()


def _asked(call: Call, station: str, count: str, without: str) -> _Asked:
    given = {"station": [station], "count": [count], "without": [one for one in without.split(",") if one]}
    return call.filled(_Asked, given)


def _picking(session: Session, code: str, asked: _Asked, call: Call) -> Picking:
    return kit_picking.picking(
        session, code, call.actor, call.today, station=asked.station, count=asked.count,
        without=frozenset(asked.without),
    )  # fmt: skip


@get("/kits/{code:str}/assemble", guards=_MAKES, include_in_schema=False)
async def assemble_page(
    call: NamedDependency[Call],
    code: FromPath[str],
    station: FromQuery[str] = "",
    count: FromQuery[str] = "1",
    without: Listed = "",
) -> Response[str]:
    """What to take from the shelves; each pack is scanned or ticked."""
    return await _assemble_page(call, code, _asked(call, station, count, without))


async def _assemble_page(call: Call, code: str, asked: _Asked, no: Refusal | None = None, **more: Any) -> Response[str]:
    found = await call.read(_picking, code, asked, call)
    return call.page(
        "inventory/kitting/kit_assemble.html",
        **{
            "status": no.status if no else 200, "found": found, "without": asked.without, "refusal": no,
            "key": new_id(), "most": MOST, "ticked": frozenset(), "apart": False, **more,
        },
    )  # fmt: skip


class _Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What the scan panel sends."""

    text: ScannedText
    format: OptionalLine = ""
    idempotency_key: Key | None = None


@post("/kits/{code:str}/assemble/scan", guards=_MAKES, include_in_schema=False, status_code=200)
async def scan_pack(
    call: NamedDependency[Call],
    code: FromPath[str],
    station: FromQuery[str] = "",
    count: FromQuery[str] = "1",
    without: Listed = "",
) -> Response[Any]:
    """Whether the pack in the hand is one of the list: green and ticked, or red with the reason. Nothing moves yet."""
    asked, text = _asked(call, station, count, without), await _text(call)
    found = await call.read(_picking, code, asked, call)
    pack = await _pack_in_hand(call, text)
    row = next((one for one in found.rows if one.pack == pack), None)
    if "application/json" not in call.request.headers.get("accept", ""):
        return await _assemble_page(call, code, asked, ticked=frozenset({pack} if row else ()), missed=row is None)
    if row is not None:
        name = row.name_zh if call.language == "zh" else row.name_en
        unit = row.unit_zh if call.language == "zh" else row.unit_en
        take = call.say(
            f"kit.take.{row.hazard}" if row.hazard and found.recipe.apart else "kit.take.amount",
            n=row.quantity,
            unit=unit,
        )
        answer = {"outcome": "ok", "title": name, "text": take, "line": str(row.pack), "state": "done"}
        return Response(answer, media_type="application/json")
    why, first = ("no_pack", None) if pack is None else await call.read(kit_picking.why_not, found, pack)
    told = call.say(f"kit.not.{why}", tail=first.tail if first else "")
    return Response(
        {"outcome": "wrong", "title": call.say("kit.not.title"), "text": told}, media_type="application/json"
    )


async def _text(call: Call) -> str:
    if not call.request.headers.get("content-type", "").startswith("application/json"):
        return call.filled(_Scan, {"text": (await call.form()).get("text", [])}).text
    try:
        return msgspec.json.decode(await call.request.body(), type=_Scan).text
    except msgspec.ValidationError as error:
        raise fault_of(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid(("", "json", {})) from None


async def _pack_in_hand(call: Call, text: str) -> UUID | None:
    meaning = await call.peek(scan.meaning, text, call.actor)
    return meaning.subject if meaning.kind == "pack" else None


@post("/kits/{code:str}/assemble", guards=_MAKES, include_in_schema=False)
async def assemble(call: NamedDependency[Call], code: FromPath[str]) -> Response[Any]:
    """Make the bags."""
    form = await call.form()
    asked = _asked(
        call,
        *((form.get(name) or [default])[0] for name, default in (("station", ""), ("count", "1"), ("without", ""))),
    )
    try:
        order = call.filled(Assemble, {name: form[name] for name in form if name != "without"})
        made = await call.write(kit_bags.assemble, order, call.actor, call.today, call.now)
    except Refusal as no:
        ticked = frozenset(UUID(one) for one in form.get("packs", []) if _is_id(one))
        return await _assemble_page(call, code, asked, no, ticked=ticked, apart="apart" in form)
    return call.go(f"/kits/batches/{made.batch}")


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- bags


@get("/kits/batches/{batch:uuid}", guards=_READS, include_in_schema=False)
async def batch_page(call: NamedDependency[Call], batch: FromPath[UUID]) -> Response[Any]:
    """The bags that were assembled together: print the labels, put in the cards, or undo it all."""
    found = await call.read(kit_views.bags, call.actor, batch=batch)
    if not found:
        return call.go("/kits")
    return call.page(
        "inventory/kitting/kit_batch.html",
        bags=found,
        first=await call.read(kit_views.bag, found[0].bag, call.actor, call.today),
        standing=tuple(one for one in found if one.state is BagState.ASSEMBLED),
        shown=codes.shown,
        prints=call.actor.may(Permission.PRINT_LABELS),
        assembles=call.actor.may(Permission.ASSEMBLE),
        key=new_id(),
    )


@get("/kits/bags/{bag:uuid}", guards=_READS, include_in_schema=False)
async def bag_page(call: NamedDependency[Call], bag: FromPath[UUID]) -> Response[str]:
    """A bag: where its label leads."""
    return await _bag_page(call, bag)


async def _bag_page(call: Call, bag: UUID, no: Refusal | None = None) -> Response[str]:
    found = await call.read(kit_views.bag, bag, call.actor, call.today)
    recent = found.ended_at is not None and call.now - found.ended_at <= SITTING
    return call.page(
        "inventory/kitting/kit_bag.html",
        status=no.status if no else 200,
        bag=found,
        state=found.state.value,
        shown=codes.shown,
        prints=call.actor.may(Permission.PRINT_LABELS),
        replaces=call.actor.may(Permission.REPRINT_LABEL),
        assembles=call.actor.may(Permission.ASSEMBLE),
        follows=call.actor.may(Permission.READ_PARCELS),
        undoes=found.state is BagState.TAKEN_APART and recent and found.own_end,
        refusal=no,
        key=new_id(),
    )


@get("/kits/bags/{bag:uuid}/sheet", guards=_READS, include_in_schema=False)
async def sheet_page(call: NamedDependency[Call], bag: FromPath[UUID]) -> Response[str]:
    """The sheet that goes into a bag: what is in it, and the warning card in large print."""
    found = await call.read(kit_views.bag, bag, call.actor, call.today)
    return call.page("inventory/kitting/kit_sheet.html", bag=found, back_href=f"/kits/bags/{bag}")


@post("/kits/take-apart", guards=_MAKES, include_in_schema=False)
async def take_apart(call: NamedDependency[Call]) -> Response[Any]:
    """Take one bag or a whole batch apart."""
    form = await call.form()
    order = call.filled(TakeApart, form)
    try:
        await call.write(kit_bags.take_apart, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _bag_page(call, order.bags[0], no)
    return call.go(f"/kits/bags/{order.bags[0]}")


@post("/kits/together", guards=_MAKES, include_in_schema=False)
async def put_together(call: NamedDependency[Call]) -> Response[Any]:
    """Undo that a bag was taken apart."""
    undo = call.filled(PutTogether, await call.form())
    try:
        await call.write(kit_bags.together, undo, call.actor, call.today, call.now)
    except Refusal as no:
        return await _bag_page(call, undo.bag, no)
    return call.go(f"/kits/bags/{undo.bag}")


handlers: list[BaseRouteHandler] = [
    list_bags,
    read_bag,
    assemble_kits,
    take_kits_apart,
    put_kit_together,
    assemble_page,
    scan_pack,
    assemble,
    batch_page,
    bag_page,
    sheet_page,
    take_apart,
    put_together,
]
