"""The programs' way in to packing, rounds and the door."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from app.base.edges import Call, may
from app.base.i18n import LANGUAGES
from app.base.permissions import Permission
from distribution import custody, deliveries, leaflets, parcel_labels, picking, rounds, unpacking
from distribution.confirmations import Recorded
from distribution.deliveries import FailDelivery, HandOver, Taken, TakeOver
from distribution.door_errors import NotLabelled
from distribution.journey import Counsel, State
from distribution.parcel_labels import Claimed, ClaimLabel
from distribution.parcels import Packed, PackLine
from distribution.picking import ParcelView, Waiting
from distribution.returns import TakeBack, TakenBack
from distribution.rounds import ChangeRound, NewRound, Ready, RoundView
from distribution.unpacking import DropLine, Unpack
from labels import codes
from labels.render import label_png
from labels.sheets import sheet_pdf, text_pdf
from labels.templates import A4_2X4, PrintedLabel

Language = Literal["zh", "en"]
PDF = "application/pdf"


class ToPack(msgspec.Struct, frozen=True):
    """Parcels that are not ready for a round yet, oldest first."""

    parcels: tuple[Waiting, ...]


class Rounds(msgspec.Struct, frozen=True):
    """Rounds of today and later, and earlier ones that are not done."""

    rounds: tuple[RoundView, ...]


class ReadyParcels(msgspec.Struct, frozen=True):
    """Labelled parcels that no round takes along yet."""

    parcels: tuple[Ready, ...]


class Planned(msgspec.Struct, frozen=True):
    """The round that was made."""

    round: UUID


class Moved(msgspec.Struct, frozen=True):
    """The parcel's state now."""

    parcel: UUID
    state: State


@get("/api/parcels/to-pack", operation_id="listParcelsToPack", guards=[may(Permission.PACK)])
async def list_to_pack(call: NamedDependency[Call]) -> ToPack:
    """Parcels of the own stations that wait to be packed or labelled; those that wait for a medic are marked."""
    return ToPack(await call.read(picking.to_pack, call.actor))


@get("/api/parcels/ready", operation_id="listReadyParcels", guards=[may(Permission.PLAN_ROUND)])
async def list_ready(call: NamedDependency[Call]) -> ReadyParcels:
    """Labelled parcels in the own scope that wait for a round."""
    return ReadyParcels(await call.read(rounds.ready, call.actor))


@get("/api/parcels/{parcel:uuid}", operation_id="readParcel", guards=[may(Permission.READ_PARCELS)])
async def read_parcel(call: NamedDependency[Call], parcel: FromPath[UUID]) -> ParcelView:
    """A parcel's lines, journey and records of the door; never who it is for."""
    return await call.read(picking.pick_list, parcel, call.actor)


@post("/api/parcels/scan", operation_id="packScan", guards=[may(Permission.PACK)], status_code=200)
async def pack_scan(call: NamedDependency[Call], data: JSONBody[PackLine]) -> Packed:
    """Put the pack behind a scanned label into a parcel. Each wrong pack has a code of its own; then nothing moved."""
    return await custody.pick(call, data)


@post("/api/parcels/drop-line", operation_id="dropParcelLine", guards=[may(Permission.PACK)], status_code=200)
async def drop_line(call: NamedDependency[Call], data: JSONBody[DropLine]) -> Moved:
    """Take a line out of a parcel that is being packed; its need is open again."""
    return Moved(data.parcel, await call.write(unpacking.drop_line, call.vault, data, call.actor, call.today, call.now))


@post("/api/parcels/unpack", operation_id="unpackParcel", guards=[may(Permission.PACK)], status_code=200)
async def unpack(call: NamedDependency[Call], data: JSONBody[Unpack]) -> Moved:
    """Take a parcel apart before it left the station; its label ends, its needs are open again."""
    return Moved(data.parcel, await call.write(unpacking.unpack, data, call.actor, call.today, call.now))


@post("/api/parcels/label", operation_id="claimParcelLabel", guards=[may(Permission.PACK)], status_code=200)
async def claim_label(call: NamedDependency[Call], data: JSONBody[ClaimLabel]) -> Claimed:
    """Label a packed parcel with a scanned blank label, or a fresh one to print: it is ready for a round."""
    return await custody.label(call, data)


@get("/api/parcels/{parcel:uuid}/label", operation_id="parcelLabel", guards=[may(Permission.PACK)], media_type=PDF)
async def parcel_label(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[bytes]:
    """The parcel's label as a page to print: door number and code only."""
    return await label_file(call, parcel)


@get(
    "/api/parcels/{parcel:uuid}/leaflet",
    operation_id="parcelLeaflet",
    guards=[may(Permission.READ_PARCELS)],
    media_type=PDF,
)
async def parcel_leaflet(
    call: NamedDependency[Call], parcel: FromPath[UUID], language: FromQuery[Language] = "zh"
) -> Response[bytes]:
    """The large-print leaflet of a parcel's medicines, in the resident's language."""
    return await leaflet_file(call, parcel, language)


async def label_file(call: Call, parcel: UUID) -> Response[bytes]:
    """The label's PDF; raises NotLabelled."""
    label, title = await _label(call, parcel)
    return call.file(await asyncio.to_thread(sheet_pdf, [label], A4_2X4, title=title), PDF, "parcel-label.pdf")


async def label_picture(call: Call, parcel: UUID) -> Response[bytes]:
    """The label as a picture in black and white, for thermal printers; raises NotLabelled."""
    label, _ = await _label(call, parcel)
    picture = await asyncio.to_thread(label_png, label, A4_2X4.label, one_bit=True)
    return call.file(picture, "image/png", "parcel-label.png")


async def _label(call: Call, parcel: UUID) -> tuple[PrintedLabel, str]:
    paper = await call.read(parcel_labels.paper, parcel, call.actor)
    if not paper.code:
        raise NotLabelled
    say = partial(call.tools.messages.say, LANGUAGES[0])  # the programme's own, whoever prints it
    return parcel_labels.printed(paper, call.settings.base_url, say), say("print.parcel.title")


async def leaflet_file(call: Call, parcel: UUID, language: Language) -> Response[bytes]:
    """The leaflet's PDF."""
    paper = await call.read(parcel_labels.paper, parcel, call.actor)
    say = partial(call.tools.messages.say, language)
    ticks = [one.value for one in Counsel]
    settings = call.settings
    blocks = leaflets.paper(
        paper.portions, language, say, ticks=ticks, contact=settings.phone, base_url=settings.base_url
    )
    footer = say("leaflet.footer", serial=paper.serial, organisation=settings.organisation)
    pdf = await asyncio.to_thread(text_pdf, say("leaflet.title"), blocks, footer=footer)
    return call.file(pdf, PDF, "leaflet.pdf")


@post("/api/rounds", operation_id="planRound", guards=[may(Permission.PLAN_ROUND)], status_code=201)
async def plan_round(call: NamedDependency[Call], data: JSONBody[NewRound]) -> Planned:
    """Make a team's round from labelled parcels, in the order of buildings and floors."""
    return Planned(await call.write(rounds.plan_round, data, call.actor, call.now))


@get("/api/rounds", operation_id="listRounds", guards=[may(Permission.READ_ROUNDS)])
async def list_rounds(call: NamedDependency[Call]) -> Rounds:
    """The rounds in the own scope with their stops; doors by number, never by name."""
    return Rounds(await call.read(rounds.rounds_today, call.actor, call.today))


@get("/api/rounds/{round_id:uuid}", operation_id="readRound", guards=[may(Permission.READ_ROUNDS)])
async def read_round(call: NamedDependency[Call], round_id: FromPath[UUID]) -> RoundView:
    """One round with its stops in walking order."""
    return await call.read(rounds.read_round, round_id, call.actor)


@post("/api/rounds/assign", operation_id="assignToRound", guards=[may(Permission.PLAN_ROUND)], status_code=200)
async def assign(call: NamedDependency[Call], data: JSONBody[ChangeRound]) -> RoundView:
    """Put one more parcel on a round."""
    await call.write(rounds.assign, data, call.actor, call.now)
    return await call.read(rounds.read_round, data.round, call.actor)


@post("/api/rounds/withdraw", operation_id="withdrawFromRound", guards=[may(Permission.PLAN_ROUND)], status_code=200)
async def withdraw(call: NamedDependency[Call], data: JSONBody[ChangeRound]) -> RoundView:
    """Take a parcel off a round before a member took it over."""
    await call.write(rounds.withdraw, data, call.actor, call.now)
    return await call.read(rounds.read_round, data.round, call.actor)


@get(
    "/api/rounds/{round_id:uuid}/sheet",
    operation_id="roundSheet",
    guards=[may(Permission.READ_ROUNDS)],
    media_type=PDF,
)
async def round_sheet(call: NamedDependency[Call], round_id: FromPath[UUID]) -> Response[bytes]:
    """The round on paper: door numbers, buildings and floors, no names."""
    return await sheet_file(call, round_id)


async def sheet_file(call: Call, round_id: UUID) -> Response[bytes]:
    """The round sheet's PDF in the reader's language."""
    view = await call.read(rounds.read_round, round_id, call.actor)
    code = await call.read(rounds.code_of, round_id, call.actor)
    blocks = rounds.sheet(view, call.say, codes.url(call.settings.base_url, code) if code else "")
    pdf = await asyncio.to_thread(text_pdf, call.say("round.sheet.title"), blocks, size_pt=13, landscape=True)
    return call.file(pdf, PDF, "round.pdf")


@post("/api/parcels/take-over", operation_id="takeOverParcel", guards=[may(Permission.DELIVER)], status_code=200)
async def take_over(call: NamedDependency[Call], data: JSONBody[TakeOver]) -> Taken:
    """Custody passes from the station to the member who scans the parcel; safety is judged again."""
    return await custody.take_over(call, data)


@post("/api/parcels/hand-over", operation_id="handOverParcel", guards=[may(Permission.DELIVER)], status_code=200)
async def hand_over(call: NamedDependency[Call], data: JSONBody[HandOver]) -> Recorded:
    """Record a hand-over; sent again it counts once, after another's record it is kept without effect."""
    return await custody.hand_over(call, data)


@post("/api/parcels/fail", operation_id="failDelivery", guards=[may(Permission.DELIVER)], status_code=200)
async def fail(call: NamedDependency[Call], data: JSONBody[FailDelivery]) -> Recorded:
    """Record that a door could not be served, by one of ten reasons; the answer names the next step and its hour."""
    return await call.write(deliveries.fail, data, call.actor, call.now)


@post("/api/parcels/take-back", operation_id="takeBackParcel", guards=[may(Permission.TAKE_BACK)], status_code=200)
async def take_back(call: NamedDependency[Call], data: JSONBody[TakeBack]) -> TakenBack:
    """Take a parcel back by its scanned label; each line goes where DS20 sends it."""
    return await custody.take_back(call, data)


handlers: list[BaseRouteHandler] = [
    list_to_pack,
    list_ready,
    read_parcel,
    pack_scan,
    drop_line,
    unpack,
    claim_label,
    parcel_label,
    parcel_leaflet,
    plan_round,
    list_rounds,
    read_round,
    assign,
    withdraw,
    round_sheet,
    take_over,
    hand_over,
    fail,
    take_back,
]
