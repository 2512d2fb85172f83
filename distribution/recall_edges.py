"""The ways in to recalls: open one, see on one screen what it reached, call those who have it, close it."""

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
from app.base.errors import Refusal
from app.base.fields import PLAIN, Key, Line, Note, OptionalLine
from app.base.ids import new_id
from app.base.permissions import Permission
from distribution import recall_reach, recalling, wording
from distribution.packing_pages import zone_of
from distribution.recall_models import CallOutcome
from distribution.recall_reach import Reach, RecallRow
from distribution.recalling import CloseRecall, Door, OpenKit, RecordCall, Report
from inventory.cataloguing import catalogue
from inventory.kitting.kit_bags import TakenApart
from inventory.recalling import recall_lines, recalls
from inventory.recalling.recalls import NewRecall, Withdraw
from labels import codes

Words = Annotated[str, QueryParameter(max_length=60, pattern=PLAIN)]
Lines = Annotated[str, QueryParameter(max_length=400, pattern=PLAIN)]
_OPENS = [may(Permission.ASSEMBLE, Permission.RECALL)]


class Recalls(msgspec.Struct, frozen=True):
    """Recalls, newest first."""

    recalls: tuple[RecallRow, ...]


class Opened(msgspec.Struct, frozen=True):
    """A recall that is open now."""

    recall: UUID


class OpenDoor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Learn whom to call about a line."""

    recall: UUID
    line: UUID


class RecallForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recall as it is typed; ``lines`` are products with their batches, one a line."""

    key: Key
    title: Line
    notice: OptionalLine = ""
    severity: Annotated[int, msgspec.Meta(ge=1, le=3)]
    advice: Note = ""
    lines: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


async def _stop(call: Call, recall: UUID) -> None:
    """Bring everything that the books alone can stop into quarantine, some at a time."""
    while await call.write(recalling.pull, recall, call.actor, call.now):
        continue


@get("/api/recalls", operation_id="listRecalls", guards=[may(Permission.READ_RECALLS)])
async def list_recalls(call: NamedDependency[Call], closed: FromQuery[bool] = False) -> Recalls:
    """Open recalls, or closed ones, with what is still loose and whom nobody has called yet."""
    return Recalls(await call.read(recall_reach.listed, call.actor, closed=closed))


@post("/api/recalls", operation_id="openRecall", guards=[may(Permission.RECALL)], status_code=201)
async def open_recall(call: NamedDependency[Call], data: JSONBody[NewRecall]) -> Opened:
    """Open a recall: nothing that it names can be released, packed, handed over or taken in from now on."""
    recall = await call.write(recalls.open_recall, data, call.actor, call.today, call.now)
    await _stop(call, recall)
    return Opened(recall)


@get("/api/recalls/{recall:uuid}", operation_id="readRecall", guards=[may(Permission.READ_RECALLS)])
async def read_recall(call: NamedDependency[Call], recall: FromPath[UUID]) -> Reach:
    """Every pack, place, parcel and door that a recall reached, without any person."""
    return await call.read(recall_reach.reach, recall, call.actor)


@post("/api/recalls/doors/open", operation_id="openRecallDoor", guards=[may(Permission.CALL_BACK)], status_code=200)
async def open_door(call: NamedDependency[Call], data: JSONBody[OpenDoor]) -> Door:
    """Whom to call about a line: name, address and number of one person; written down."""
    return await call.write(
        recalling.open_door, call.vault, data.recall, data.line, call.actor, call.today, call.now
    )  # fmt: skip


@post("/api/recalls/calls", operation_id="recordRecallCall", guards=[may(Permission.CALL_BACK)], status_code=200)
async def record_call(call: NamedDependency[Call], data: JSONBody[RecordCall]) -> Opened:
    """Write down how a call ended."""
    await call.write(recalling.record_call, call.vault, data, call.actor, call.now)
    return Opened(data.recall)


@post("/api/recalls/kits/take-apart", operation_id="takeRecalledKitApart", guards=_OPENS,
      status_code=200)  # fmt: skip
async def open_kit(call: NamedDependency[Call], data: JSONBody[OpenKit]) -> TakenApart:
    """Take a care parcel apart that holds something called back: that goes to quarantine, the rest to its shelf."""
    return await call.write(recalling.open_kit, data, call.actor, call.today, call.now)


@post("/api/recalls/close", operation_id="closeRecall", guards=[may(Permission.RECALL)], status_code=200)
async def close_recall(call: NamedDependency[Call], data: JSONBody[CloseRecall]) -> Report:
    """Close a recall once every unit and every door is accounted for."""
    return await call.write(recalling.close, call.vault, data, call.actor, call.today, call.now)


@post("/api/recalls/withdraw", operation_id="withdrawRecall", guards=[may(Permission.RECALL)], status_code=200)
async def withdraw_recall(call: NamedDependency[Call], data: JSONBody[Withdraw]) -> Opened:
    """End a recall that was opened by mistake."""
    await call.write(recalls.withdraw, data, call.actor, call.now)
    return Opened(data.recall)


# ---------------------------------------------------------------- pages


@get("/recalls", guards=[may(Permission.READ_RECALLS)], include_in_schema=False)
async def recalls_page(call: NamedDependency[Call]) -> Response[str]:
    """What is called back now, then what was."""
    return call.page(
        "distribution/recalls.html",
        waiting=await call.read(recall_reach.listed, call.actor),
        closed=await call.read(recall_reach.listed, call.actor, closed=True),
        zone=zone_of(call),
        opens=call.actor.may(Permission.RECALL),
    )


@get("/recalls/new", guards=[may(Permission.RECALL)], include_in_schema=False)
async def new_page(call: NamedDependency[Call], q: Words = "", lines: Lines = "") -> Response[str]:
    """What is called back: by catalogue, product code or approval number, with its batch."""
    return await _new(call, {"lines": [lines]}, q)


async def _new(call: Call, typed: dict[str, list[str]], q: str = "", no: Refusal | None = None) -> Response[str]:
    return call.page(
        "distribution/recall_new.html",
        no.status if no else 200,
        typed={name: values[0] for name, values in typed.items()},
        q=q,
        matches=await call.read(catalogue.find, q) if q else (),
        key=new_id(),
        told=await wording.told(call, no) if no else None,
    )


def _open(session: Session, form: RecallForm, *args: Any) -> UUID:
    named = NewRecall(
        key=form.key, title=form.title, notice=form.notice, severity=form.severity,  # type: ignore[arg-type]
        advice=form.advice, criteria=recall_lines.criteria(session, form.lines),
    )  # fmt: skip
    return recalls.open_recall(session, named, *args)


@post("/recalls", guards=[may(Permission.RECALL)], include_in_schema=False)
async def open_page(call: NamedDependency[Call]) -> Response[Any]:
    """Open it, and show what it reached."""
    form = await call.form()
    try:
        recall = await call.write(_open, call.filled(RecallForm, form), call.actor, call.today, call.now)
    except Refusal as no:
        return await _new(call, form, no=no)
    await _stop(call, recall)
    return call.go(f"/recalls/{recall}")


async def _page(
    call: Call, recall: UUID, no: Refusal | None = None, door: Door | None = None, typed: str = ""
) -> Response[str]:
    return call.page(
        "distribution/recall.html",
        no.status if no else 200,
        reach=await call.read(recall_reach.reach, recall, call.actor),
        door=door,
        typed=typed,
        outcomes=tuple(CallOutcome),
        new_key=new_id,
        shown=codes.shown,
        zone=zone_of(call),
        works=call.actor.may(Permission.RECALL),
        packs=call.actor.may(Permission.PACK),
        follows=call.actor.may(Permission.READ_PARCELS),
        told=await wording.told(call, no) if no else None,
    )


@get("/recalls/{recall:uuid}", guards=[may(Permission.READ_RECALLS)], include_in_schema=False)
async def recall_page(call: NamedDependency[Call], recall: FromPath[UUID]) -> Response[str]:
    """Every pack, place, parcel and door on one screen."""
    return await _page(call, recall)


@post("/recalls/{recall:uuid}/stop", guards=[may(Permission.RECALL)], include_in_schema=False)
async def stop_again(call: NamedDependency[Call], recall: FromPath[UUID]) -> Response[Any]:
    """Bring into quarantine what has come to stand on a shelf since."""
    await call.form()
    await call.read(recall_reach.reach, recall, call.actor)
    await _stop(call, recall)
    return call.go(f"/recalls/{recall}")


@post("/recalls/{recall:uuid}/kits/{bag:uuid}", guards=_OPENS, include_in_schema=False)
async def kit_page(call: NamedDependency[Call], recall: FromPath[UUID], bag: FromPath[UUID]) -> Response[Any]:
    """Take a care parcel apart, in one tap."""
    form = await call.form()
    try:
        order = call.filled(OpenKit, form, recall=recall, bag=bag)
        await call.write(recalling.open_kit, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _page(call, recall, no)
    return call.go(f"/recalls/{recall}#packs")


@post("/recalls/{recall:uuid}/doors/{line:uuid}", guards=[may(Permission.CALL_BACK)], include_in_schema=False,
      status_code=200)  # fmt: skip
async def door_page(call: NamedDependency[Call], recall: FromPath[UUID], line: FromPath[UUID]) -> Response[str]:
    """Whom to call, for this call."""
    await call.form()
    args = (call.vault, recall, line, call.actor, call.today, call.now)
    return await _page(call, recall, door=await call.write(recalling.open_door, *args))


@post("/recalls/{recall:uuid}/calls/{line:uuid}", guards=[may(Permission.CALL_BACK)], include_in_schema=False)
async def call_page(call: NamedDependency[Call], recall: FromPath[UUID], line: FromPath[UUID]) -> Response[Any]:
    """How it ended."""
    form = await call.form()
    try:
        told = call.filled(RecordCall, form, recall=recall, line=line)
        await call.write(recalling.record_call, call.vault, told, call.actor, call.now)
    except Refusal as no:
        return await _page(call, recall, no)
    return call.go(f"/recalls/{recall}#calls")


@post("/recalls/{recall:uuid}/close", guards=[may(Permission.RECALL)], include_in_schema=False)
async def close_page(call: NamedDependency[Call], recall: FromPath[UUID]) -> Response[Any]:
    """Close it."""
    form = await call.form()
    try:
        order = call.filled(CloseRecall, form, recall=recall)
        await call.write(recalling.close, call.vault, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _page(call, recall, no, typed=form.get("summary", [""])[0])
    return call.go(f"/recalls/{recall}")


@post("/recalls/{recall:uuid}/withdraw", guards=[may(Permission.RECALL)], include_in_schema=False)
async def withdraw_page(call: NamedDependency[Call], recall: FromPath[UUID]) -> Response[Any]:
    """It was a mistake."""
    form = await call.form()
    try:
        await call.write(recalls.withdraw, call.filled(Withdraw, form, recall=recall), call.actor, call.now)
    except Refusal as no:
        return await _page(call, recall, no)
    return call.go(f"/recalls/{recall}")


api: list[BaseRouteHandler] = [
    list_recalls, open_recall, read_recall, open_door, record_call, open_kit, close_recall, withdraw_recall,
]  # fmt: skip
pages: list[BaseRouteHandler] = [
    recalls_page, new_page, open_page, recall_page, stop_again, kit_page, door_page, call_page, close_page,
    withdraw_page,
]  # fmt: skip
