"""The programs' way in to losses, the waste box, and disposal with a witness."""

from __future__ import annotations

from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody

from app.base.edges import Call, may
from app.base.fields import Key
from app.base.permissions import Permission
from inventory.wasting import bin as waste
from inventory.wasting import disposal, losses
from inventory.wasting.bin import Aside, BinLine, ClearExpired, PutBack, SetAside
from inventory.wasting.disposal import DisposalRow, DisposalView, HandBinOver, Reopen, SealBin, Witness
from inventory.wasting.losses import DecideLoss, FindAgain, FoundAgain, Gone, LossRow, ReportLoss
from inventory.wasting.waste_models import LossState
from labels.second_person import Second, second_person


class Losses(msgspec.Struct, frozen=True):
    """The losses in the caller's scope, those that wait for a word first."""

    losses: tuple[LossRow, ...]


class Decided(msgspec.Struct, frozen=True):
    """What was said of a loss."""

    loss: UUID
    state: LossState


class Bin(msgspec.Struct, frozen=True):
    """What lies in a station's open waste box, and what has run out and should."""

    inside: tuple[BinLine, ...]
    expired: tuple[BinLine, ...]


class Disposals(msgspec.Struct, frozen=True):
    """The sealed boxes in the caller's scope, the latest first."""

    disposals: tuple[DisposalRow, ...]


class Sealed(msgspec.Struct, frozen=True):
    """The sealed box."""

    disposal: UUID


class AskWitness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Witness a sealed box: in one's own sign-in, or as a second person at the volunteer's phone."""

    key: Key
    disposal: UUID
    second: Second | None = None


_DISPOSES = [may(Permission.DISPOSE)]
_READS = [may(Permission.READ_STOCK)]
_WITNESSES = [may(Permission.DISPOSE, Permission.WITNESS_DISPOSAL)]


@get("/api/losses", operation_id="listLosses", guards=_READS)
async def list_losses(call: NamedDependency[Call]) -> Losses:
    """What is gone, why, and whether another person has confirmed it."""
    return Losses(await call.read(losses.losses, call.actor))


@post("/api/losses", operation_id="reportLoss", guards=_DISPOSES, status_code=201)
async def report_loss(call: NamedDependency[Call], data: JSONBody[ReportLoss]) -> Gone:
    """So many units are not on the shelf any more; off the stock at once, confirmed by another person."""
    return await call.write(losses.report, data, call.actor, call.today, call.now)


@post("/api/losses/decide", operation_id="decideLoss", guards=[may(Permission.APPROVE_COUNT)], status_code=200)
async def decide_loss(call: NamedDependency[Call], data: JSONBody[DecideLoss]) -> Decided:
    """Confirm a loss, or put it back onto the books."""
    return Decided(data.loss, await call.write(losses.decide, data, call.actor, call.now))


@post("/api/losses/found", operation_id="findAgain", guards=_DISPOSES, status_code=200)
async def find_again(call: NamedDependency[Call], data: JSONBody[FindAgain]) -> FoundAgain:
    """What was written off has turned up; it waits to be released anew."""
    return await call.write(losses.find, data, call.actor, call.today, call.now)


@get("/api/bins/{station:uuid}", operation_id="readBin", guards=_READS)
async def read_bin(call: NamedDependency[Call], station: FromPath[UUID]) -> Bin:
    """A station's open waste box, and what has run out and is not in it yet."""
    return Bin(*await call.read(waste.station_bin, station, call.actor, call.today))


@post("/api/bins/set-aside", operation_id="setAside", guards=_DISPOSES, status_code=200)
async def set_aside(call: NamedDependency[Call], data: JSONBody[SetAside]) -> Aside:
    """Put a scanned pack into the waste box."""
    return await call.write(waste.set_aside, data, call.actor, call.today, call.now)


@post("/api/bins/expired", operation_id="clearExpired", guards=_DISPOSES, status_code=200)
async def clear_expired(call: NamedDependency[Call], data: JSONBody[ClearExpired]) -> Aside:
    """Put all that has run out in a station into its waste box, or nothing of it."""
    return await call.write(waste.clear_expired, data, call.actor, call.today, call.now)


@post("/api/bins/put-back", operation_id="putBackFromBin", guards=_DISPOSES, status_code=200)
async def put_back(call: NamedDependency[Call], data: JSONBody[PutBack]) -> Aside:
    """Undo one putting into the open box, all of it or nothing."""
    return await call.write(waste.put_back, data, call.actor, call.now)


@get("/api/disposals", operation_id="listDisposals", guards=_READS)
async def list_disposals(call: NamedDependency[Call]) -> Disposals:
    """The sealed boxes and what became of them."""
    return Disposals(await call.read(disposal.disposals, call.actor))


@get("/api/disposals/{wanted:uuid}", operation_id="readDisposal", guards=_READS)
async def read_disposal(call: NamedDependency[Call], wanted: FromPath[UUID]) -> DisposalView:
    """The whole record of a box."""
    return await call.read(disposal.disposal, wanted, call.actor)


@post("/api/disposals", operation_id="sealBin", guards=_DISPOSES, status_code=201)
async def seal_bin(call: NamedDependency[Call], data: JSONBody[SealBin]) -> Sealed:
    """Seal the open waste box: counted, weighed, with the seal's number."""
    return Sealed(await call.write(disposal.seal, data, call.actor, call.now))


@post("/api/disposals/witness", operation_id="witnessDisposal", guards=_WITNESSES, status_code=200)
async def witness_disposal(call: NamedDependency[Call], data: JSONBody[AskWitness]) -> Sealed:
    """Sign for a sealed box: a medic, a coordinator or the office, never who sealed it."""
    return Sealed(await witnessed(call, data))


async def witnessed(call: Call, asked: AskWitness) -> UUID:
    """``disposal.witness`` by whoever looks on, else by the caller; the phone's holder must see the box as well."""
    second = await second_person(call, asked.second)
    if second is not None:
        await call.read(disposal.disposal, asked.disposal, call.actor)
    signed = Witness(key=asked.key, disposal=asked.disposal)
    return await call.write(disposal.witness, signed, second or call.actor, call.now)


@post("/api/disposals/reopen", operation_id="reopenBin", guards=_DISPOSES, status_code=200)
async def reopen_bin(call: NamedDependency[Call], data: JSONBody[Reopen]) -> Sealed:
    """Break the seal before the box was handed over."""
    return Sealed(await call.write(disposal.reopen, data, call.actor, call.now))


@post("/api/disposals/hand-over", operation_id="handBinOver", guards=_DISPOSES, status_code=200)
async def hand_bin_over(call: NamedDependency[Call], data: JSONBody[HandBinOver]) -> Sealed:
    """Hand the witnessed box over for destruction, against a receipt."""
    return Sealed(await call.write(disposal.hand_over, data, call.actor, call.today, call.now))


handlers: list[BaseRouteHandler] = [
    list_losses,
    report_loss,
    decide_loss,
    find_again,
    read_bin,
    set_aside,
    clear_expired,
    put_back,
    list_disposals,
    read_disposal,
    seal_bin,
    witness_disposal,
    reopen_bin,
    hand_bin_over,
]
