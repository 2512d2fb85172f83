"""The programs' way in to transfers between stations: draw up, send, receive, and settle what differs."""

from __future__ import annotations

from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody

from app.base.edges import Call, may
from app.base.permissions import Permission
from inventory.moving import arrivals, transfer_lists, transfers, watched_moving
from inventory.moving.arrivals import Arrive, Arrived, ComeBack, Lost, Missing, Surplus
from inventory.moving.transfer_lists import TransferRow, TransferView
from inventory.moving.transfer_models import TransferState
from inventory.moving.transfers import CallOff, Depart, NewTransfer, SendPack, Sent, TakeOut


class Made(msgspec.Struct, frozen=True):
    """The transfer."""

    transfer: UUID


class Transfers(msgspec.Struct, frozen=True):
    """The open transfers of the caller's stations, oldest first, then the latest that are over."""

    transfers: tuple[TransferRow, ...]


class StillMissing(msgspec.Struct, frozen=True):
    """So many units have not arrived; they stay on the way until somebody settles them."""

    transfer: UUID
    units: int


class Settled(msgspec.Struct, frozen=True):
    """The transfer's state after that."""

    transfer: UUID
    state: TransferState


_MOVES = [may(Permission.MOVE_STOCK)]
_DRAWS = [may(Permission.MOVE_STOCK, Permission.SET_LEVELS)]
_READS = [may(Permission.READ_STOCK)]


@get("/api/transfers", operation_id="listTransfers", guards=_READS)
async def list_transfers(call: NamedDependency[Call]) -> Transfers:
    """What there is to send, what is on the way, what to receive, what differs, and the latest that are over."""
    return Transfers(await call.read(transfer_lists.transfers, call.actor))


@get("/api/transfers/{transfer:uuid}", operation_id="readTransfer", guards=_READS)
async def read_transfer(call: NamedDependency[Call], transfer: FromPath[UUID]) -> TransferView:
    """One transfer: every pack, what became of it, and every step with its explanation."""
    return await call.read(transfer_lists.transfer, transfer, call.actor, call.today)


@post("/api/transfers", operation_id="draftTransfer", guards=_DRAWS, status_code=201)
async def draft_transfer(call: NamedDependency[Call], data: JSONBody[NewTransfer]) -> Made:
    """Draw up a transfer between two stations; nothing moves yet."""
    return Made(await call.write(transfers.draft, data, call.actor, call.now))


@post("/api/transfers/send", operation_id="sendPack", guards=_MOVES, status_code=200)
async def send_pack(call: NamedDependency[Call], data: JSONBody[SendPack]) -> Sent:
    """Put a scanned pack, or a part of it under a label of its own, into a transfer."""
    return await watched_moving.send(call, data)


@post("/api/transfers/take-out", operation_id="takeOutPack", guards=_MOVES, status_code=200)
async def take_out_pack(call: NamedDependency[Call], data: JSONBody[TakeOut]) -> Made:
    """Put a pack back onto its shelf before the transfer leaves."""
    return Made(await call.write(transfers.take_out, data, call.actor, call.now))


@post("/api/transfers/depart", operation_id="departTransfer", guards=_MOVES, status_code=200)
async def depart_transfer(call: NamedDependency[Call], data: JSONBody[Depart]) -> Made:
    """The bag is closed and leaves."""
    return Made(await call.write(transfers.depart, data, call.actor, call.today, call.now))


@post("/api/transfers/call-off", operation_id="callOffTransfer", guards=_DRAWS, status_code=200)
async def call_off_transfer(call: NamedDependency[Call], data: JSONBody[CallOff]) -> Made:
    """Bring everything back to the sender, before any of it arrived."""
    return Made(await call.write(transfers.call_off, data, call.actor, call.today, call.now))


@post("/api/transfers/receive", operation_id="receiveTransfer", guards=_MOVES, status_code=200)
async def receive_transfer(call: NamedDependency[Call], data: JSONBody[Arrive]) -> Arrived:
    """A scanned pack of a transfer arrives; the answer says where it goes and why."""
    return await watched_moving.receive(call, data)


@post("/api/transfers/surplus", operation_id="receiveSurplus", guards=_MOVES, status_code=200)
async def receive_surplus(call: NamedDependency[Call], data: JSONBody[Surplus]) -> Arrived:
    """A pack came along that was not scanned out: it is booked where it is, and waits to be released anew."""
    return await watched_moving.surplus(call, data)


@post("/api/transfers/missing", operation_id="reportMissing", guards=_MOVES, status_code=200)
async def report_missing(call: NamedDependency[Call], data: JSONBody[Missing]) -> StillMissing:
    """Nothing more came: what is still on the way is an open difference from now on."""
    return StillMissing(data.transfer, await call.write(arrivals.report_missing, data, call.actor, call.now))


@post("/api/transfers/back", operation_id="receiveBack", guards=_MOVES, status_code=200)
async def receive_back(call: NamedDependency[Call], data: JSONBody[ComeBack]) -> Arrived:
    """A pack of a transfer is at its sender again."""
    return await watched_moving.come_back(call, data)


@post("/api/transfers/lost", operation_id="writeOffMissing", guards=[may(Permission.APPROVE_COUNT)], status_code=200)
async def write_off_missing(call: NamedDependency[Call], data: JSONBody[Lost]) -> Settled:
    """What is missing of a pack is lost: the word of a coordinator who had no hand in the transfer."""
    return Settled(data.transfer, await call.write(arrivals.write_off, data, call.actor, call.now))


handlers: list[BaseRouteHandler] = [
    list_transfers,
    read_transfer,
    draft_transfer,
    send_pack,
    take_out_pack,
    depart_transfer,
    call_off_transfer,
    receive_transfer,
    receive_surplus,
    report_missing,
    receive_back,
    write_off_missing,
]
