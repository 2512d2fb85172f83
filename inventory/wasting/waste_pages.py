"""The pages of losses, the waste box and its disposal: scan in, seal, witness, hand over, print the record."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

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
from inventory import stations
from inventory.moving.transfer_pages import when
from inventory.receiving.scan_answers import answer, by_script, read_scan, refused
from inventory.stations import StationRow
from inventory.wasting import bin as waste
from inventory.wasting import disposal, losses
from inventory.wasting.bin import Aside, BinLine, ClearExpired, PutBack, SetAside, WhyWaste
from inventory.wasting.disposal import DisposalRow, HandBinOver, Reopen, SealBin
from inventory.wasting.losses import DecideLoss, FindAgain, ReportLoss, WhyLost
from inventory.wasting.waste_edges import AskWitness, witnessed
from labels.second_person import Second

Chosen = Annotated[str, QueryParameter(max_length=40, pattern=PLAIN)]
_DISPOSES = [may(Permission.DISPOSE)]
_READS = [may(Permission.READ_STOCK)]
_BY_HAND = (WhyWaste.DAMAGED, WhyWaste.OPENED, WhyWaste.SPOILT)


class Yard(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of the waste box shows: one station's, and the sealed boxes of all that the reader sees."""

    stations: tuple[StationRow, ...]
    station: StationRow | None
    inside: tuple[BinLine, ...]
    expired: tuple[BinLine, ...]
    sealed: tuple[DisposalRow, ...]


def _yard(session: Session, actor: Actor, chosen: UUID | None, today: date) -> Yard:
    own = stations.stations(session, actor)
    here = next((one for one in own if one.id == chosen), None) or (own[0] if len(own) == 1 else None)
    inside, expired = waste.station_bin(session, here.id, actor, today) if here else ((), ())
    return Yard(stations=own, station=here, inside=inside, expired=expired, sealed=disposal.disposals(session, actor))


async def _page(
    call: Call,
    station: UUID | None,
    no: Refusal | None = None,
    *,
    form: Form | None = None,
    done: Aside | None = None,
    opened: str = "",
) -> Response[str]:
    return call.page(
        "inventory/wasting/waste.html",
        no.status if no else 200,
        yard=await call.read(_yard, call.actor, station, call.today),
        when=when(call),
        new_key=new_id,
        refusal=no,
        done=done,
        opened=opened,
        whys=_BY_HAND,
        given={name: texts[0] for name, texts in (form or {}).items()},
        disposes=call.actor.may(Permission.DISPOSE),
    )


@get("/disposals", guards=_READS, include_in_schema=False)
async def waste_page(call: NamedDependency[Call], station: FromQuery[UUID | None] = None) -> Response[str]:
    """The open waste box of a station, what should be in it, and the sealed ones."""
    return await _page(call, station)


@post("/disposals/scan/{station:uuid}/{why:str}", guards=_DISPOSES, include_in_schema=False, status_code=200)
async def bin_scan(call: NamedDependency[Call], station: FromPath[UUID], why: FromPath[str]) -> Response[Any]:
    """One scanned pack goes into the box; ``why`` is ``over`` for what has run out or was recalled."""
    scan = await read_scan(call)
    try:
        reason = None if why == "over" else _reason(why)
        order = SetAside(key=scan.idempotency_key, station=station, code=scan.text, why=reason)
        done = await call.write(waste.set_aside, order, call.actor, call.today, call.now)
    except Refusal as no:
        return refused(call, no) if by_script(call) else await _page(call, station, no)
    if not by_script(call):
        return await _page(call, station, done=done)
    name = done.name_zh if call.language == "zh" else done.name_en
    return answer(
        outcome="ok", title=f"{name} ×{done.quantity}", text=call.say(f"waste.why.{done.why}"),
        next={"href": f"/disposals?station={station}", "label": call.say("waste.see_box")},
    )  # fmt: skip


def _reason(text: str) -> WhyWaste:
    try:
        return WhyWaste(text)
    except ValueError:
        raise Invalid(("why", "choice", {})) from None


@post("/disposals/expired", guards=_DISPOSES, include_in_schema=False, status_code=200)
async def clear_expired(call: NamedDependency[Call]) -> Response[Any]:
    """All that has run out goes into the box, in one go."""
    form = await call.form()
    try:
        order = call.filled(ClearExpired, form)
        done = await call.write(waste.clear_expired, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _page(call, _station(form), no)
    return await _page(call, order.station, done=done)


def _station(form: Form) -> UUID | None:
    try:
        return UUID((form.get("station") or [""])[0])
    except ValueError:
        return None


@post("/disposals/put-back", guards=_DISPOSES, include_in_schema=False)
async def put_back(call: NamedDependency[Call]) -> Response[Any]:
    """Out of the box again, back where it stood."""
    form = await call.form()
    try:
        await call.write(waste.put_back, call.filled(PutBack, form), call.actor, call.now)
    except Refusal as no:
        return await _page(call, _station(form), no)
    return call.go(f"/disposals?station={_station(form) or ''}")


@post("/disposals/seal", guards=_DISPOSES, include_in_schema=False)
async def seal_bin(call: NamedDependency[Call]) -> Response[Any]:
    """Counted, weighed, sealed."""
    form = await call.form()
    try:
        made = await call.write(disposal.seal, call.filled(SealBin, form), call.actor, call.now)
    except Refusal as no:
        return await _page(call, _station(form), no, form=form, opened="seal")
    return call.go(f"/disposals/{made}")


# ---------------------------------------------------------------- one sealed box


async def _box(
    call: Call, wanted: UUID, no: Refusal | None = None, form: Form | None = None, opened: str = ""
) -> Response[str]:
    return call.page(
        "inventory/wasting/disposal.html",
        no.status if no else 200,
        box=await call.read(disposal.disposal, wanted, call.actor),
        when=when(call),
        new_key=new_id,
        refusal=no,
        opened=opened,
        today=call.today,
        given={name: texts[0] for name, texts in (form or {}).items() if name != "secret"},
        disposes=call.actor.may(Permission.DISPOSE),
    )


@get("/disposals/{wanted:uuid}", guards=_READS, include_in_schema=False)
async def box_page(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[str]:
    """A sealed box: its witness, its hand-over, what is in it."""
    return await _box(call, wanted)


@get("/disposals/{wanted:uuid}/record", guards=_READS, include_in_schema=False)
async def record_page(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[str]:
    """The record to print and keep (销毁记录)."""
    return call.page(
        "inventory/wasting/disposal_record.html",
        box=await call.read(disposal.disposal, wanted, call.actor),
        when=when(call),
        back_href=f"/disposals/{wanted}",
    )


@post(
    "/disposals/{wanted:uuid}/witness",
    guards=[may(Permission.DISPOSE, Permission.WITNESS_DISPOSAL)],
    include_in_schema=False,
)
async def witness(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[Any]:
    """Somebody entitled signs: in the own sign-in, or with badge and secret at this phone."""
    form = await call.form()
    try:
        await witnessed(call, _asked(call, form, wanted))
    except Refusal as no:
        return await _box(call, wanted, no, form, "witness")
    return call.go(f"/disposals/{wanted}")


def _asked(call: Call, form: Form, wanted: UUID) -> AskWitness:
    badge, secret = (form.get(name, [""])[0] for name in ("badge", "secret"))
    if bool(badge) != bool(secret):
        raise Invalid(("secret" if badge else "badge", "missing", {}))
    second = call.filled(Second, {"badge": [badge], "secret": [secret]}) if badge else None
    more = {"second": msgspec.to_builtins(second)} if second else {}
    return call.filled(AskWitness, form, disposal=wanted, **more)


@post("/disposals/{wanted:uuid}/reopen", guards=_DISPOSES, include_in_schema=False)
async def reopen(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[Any]:
    """Break the seal."""
    form = await call.form()
    try:
        await call.write(disposal.reopen, call.filled(Reopen, form, disposal=wanted), call.actor, call.now)
    except Refusal as no:
        return await _box(call, wanted, no, form, "reopen")
    return call.go("/disposals")


@post("/disposals/{wanted:uuid}/hand-over", guards=_DISPOSES, include_in_schema=False)
async def hand_over(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[Any]:
    """Handed over, with its receipt."""
    form = await call.form()
    try:
        order = call.filled(HandBinOver, form, disposal=wanted)
        await call.write(disposal.hand_over, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _box(call, wanted, no, form, "hand_over")
    return call.go(f"/disposals/{wanted}")


# ---------------------------------------------------------------- losses


async def _losses(
    call: Call, no: Refusal | None = None, form: Form | None = None, *, opened: str = "", done: Any = None
) -> Response[str]:
    return call.page(
        "inventory/wasting/losses.html",
        no.status if no else 200,
        found=await call.read(losses.losses, call.actor),
        stations=await call.read(stations.stations, call.actor),
        when=when(call),
        new_key=new_id,
        refusal=no,
        opened=opened,
        done=done,
        whys=list(WhyLost),
        given={name: texts[0] for name, texts in (form or {}).items()},
        reports=call.actor.may(Permission.DISPOSE),
    )


@get("/losses", guards=_READS, include_in_schema=False)
async def losses_page(call: NamedDependency[Call], pack: Chosen = "") -> Response[str]:
    """What is gone and why; report one, or say that something turned up again."""
    return await _losses(call, form={"code": [pack]} if pack else None)


@post("/losses", guards=_DISPOSES, include_in_schema=False, status_code=200)
async def report_loss(call: NamedDependency[Call]) -> Response[Any]:
    """Off the stock at once."""
    form = await call.form()
    try:
        done = await call.write(losses.report, call.filled(ReportLoss, form), call.actor, call.today, call.now)
    except Refusal as no:
        return await _losses(call, no, form, opened="report")
    return await _losses(call, done=done)


@post("/losses/found", guards=_DISPOSES, include_in_schema=False, status_code=200)
async def find_again(call: NamedDependency[Call]) -> Response[Any]:
    """Turned up again; it waits for its release."""
    form = await call.form()
    try:
        done = await call.write(losses.find, call.filled(FindAgain, form), call.actor, call.today, call.now)
    except Refusal as no:
        return await _losses(call, no, form, opened="found")
    return await _losses(call, done=done)


@post("/losses/{loss:uuid}/decide", guards=[may(Permission.APPROVE_COUNT)], include_in_schema=False)
async def decide_loss(call: NamedDependency[Call], loss: FromPath[UUID]) -> Response[Any]:
    """Another person's word."""
    form = await call.form()
    try:
        await call.write(losses.decide, call.filled(DecideLoss, form, loss=loss), call.actor, call.now)
    except Refusal as no:
        return await _losses(call, no)
    return call.go("/losses")


handlers: list[BaseRouteHandler] = [
    waste_page,
    bin_scan,
    clear_expired,
    put_back,
    seal_bin,
    box_page,
    record_page,
    witness,
    reopen,
    hand_over,
    losses_page,
    report_loss,
    find_again,
    decide_loss,
]
