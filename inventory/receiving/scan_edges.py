"""The ways in to what is done with many scanned things: receive, move, count, and undo; each answer is in words."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody

from app.base.edges import Call, may
from app.base.permissions import Permission
from inventory.counting import spot_check
from inventory.counting.spot_check import Count, Counted
from inventory.models import PlaceKind
from inventory.moving import moves
from inventory.moving.moves import MoveBack, MovePack
from inventory.receiving import sitting, watched_intake
from inventory.receiving.donations import Receipt
from inventory.receiving.intake_facts import Verdict
from inventory.receiving.sitting import NewBoxes, TakeBackLines
from labels import handed

_TONES: dict[Verdict, Literal["ok", "hold", "bad"]] = {
    Verdict.ACCEPT: "ok",
    Verdict.QUARANTINE: "hold",
    Verdict.REJECT: "bad",
}
_STRICTEST = (Verdict.REJECT, Verdict.QUARANTINE, Verdict.ACCEPT)


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a line, in the reader's words."""

    outcome: Literal["ok", "hold", "bad"]
    title: str
    text: str = ""


class BoxesDone(Done, frozen=True, kw_only=True):
    """Boxes taken in. ``lines`` are what an undo names; ``packs`` have a label, those of ``to_print`` a fresh one.

    ``look``: where nobody looked at the boxes, the page on which that is made up for.
    """

    donation: UUID
    lines: tuple[UUID, ...]
    packs: tuple[UUID, ...]
    to_print: tuple[UUID, ...]
    look: str = ""


class MoveDone(Done, frozen=True, kw_only=True):
    """A pack moved; ``move`` is what an undo names."""

    move: UUID
    quantity: int


@post("/api/donations/boxes", operation_id="receiveBoxes", guards=[may(Permission.RECEIVE)], status_code=201)
async def receive_boxes(call: NamedDependency[Call], data: JSONBody[NewBoxes]) -> BoxesDone:
    """Take in a line of the scan page, every box of it or none: booked and labelled, or refused with reasons."""
    got = await watched_intake.receive_boxes(call, call.handed(handed.WATCH), data)
    return _received(call, got, len(data.labels))


def _received(call: Call, got: Receipt, stuck: int) -> BoxesDone:
    lines = [line for line in got.lines if line.line in got.fresh]
    verdict = next(one for one in _STRICTEST if any(line.verdict is one for line in lines))
    reasons = {reason.code: reason for line in lines if line.verdict is verdict for reason in line.reasons}
    said = [call.say(f"screening.{code}.staff", **reason.params) for code, reason in reasons.items()]
    packs = tuple(line.pack for line in lines if line.pack)
    return BoxesDone(
        outcome=_TONES[verdict],
        title=call.say(f"receive.done.{verdict.value}"),
        text=" ".join([*said, call.say(f"receive.next.{verdict.value}")]),
        donation=got.donation,
        lines=got.fresh,
        packs=packs,
        to_print=packs[stuck:],
        look=f"/packs/{packs[0]}/look" if packs and "IN14_NOT_LOOKED" in reasons else "",
    )


@post("/api/donations/boxes/take-back", operation_id="takeBackBoxes", guards=[may(Permission.RECEIVE)], status_code=200)
async def take_back_boxes(call: NamedDependency[Call], data: JSONBody[TakeBackLines]) -> Done:
    """Undo the receiving of all these donation lines, or of none."""
    await call.write(sitting.take_back_lines, data, call.actor, call.now)
    return Done(outcome="ok", title=call.say("scanned.taken_back"), text=call.say("scanned.taken_back_text"))


@post("/api/packs/move", operation_id="movePack", guards=[may(Permission.MOVE_STOCK)], status_code=200)
async def move_pack(call: NamedDependency[Call], data: JSONBody[MovePack]) -> MoveDone:
    """Put a pack onto another shelf of the same station, or into its quarantine."""
    moved = await call.write(moves.move_pack, data, call.actor, call.today, call.now)
    waits = moved.place_kind is PlaceKind.QUARANTINE
    return MoveDone(
        outcome="hold" if waits else "ok",
        title=call.say("scanned.moved", place=moved.place_name),
        text=call.say("scanned.moved_to_quarantine") if waits else "",
        move=moved.move,
        quantity=moved.quantity,
    )


@post("/api/packs/move-back", operation_id="movePackBack", guards=[may(Permission.MOVE_STOCK)], status_code=200)
async def move_pack_back(call: NamedDependency[Call], data: JSONBody[MoveBack]) -> Done:
    """Undo a move, all of it or nothing."""
    await call.write(moves.move_back, data, call.actor, call.today, call.now)
    return Done(outcome="ok", title=call.say("scanned.moved_back"))


@post("/api/places/count", operation_id="countPlace", guards=[may(Permission.READ_STOCK)], status_code=200)
async def count_place(call: NamedDependency[Call], data: JSONBody[Count]) -> Counted:
    """Compare the scanned packs with what the ledger says stands in a place; nothing is corrected."""
    return await call.read(spot_check.count, data, call.actor)


handlers: list[BaseRouteHandler] = [receive_boxes, take_back_boxes, move_pack, move_pack_back, count_place]
