"""Pages of rounds and the door: one action a screen, and after each what happened and what is next."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from app.base.edges import Call, Form, may
from app.base.errors import Refusal
from app.base.ids import new_id
from app.base.permissions import Permission, Role
from distribution import custody, deliveries, doors, leaflets, packing_pages, parcel_labels, picking, rounds, wording
from distribution.deliveries import ENDED, FailDelivery, HandOver, TakeOver
from distribution.door_api import Language, label_file, label_picture, leaflet_file, sheet_file
from distribution.journey import NEXT_STEPS, Counsel, Failure, Receiver, State
from distribution.packing_pages import by_script, read_scan, refused_scan, zone_of
from distribution.rounds import ChangeRound, NewRound

# ---------------------------------------------------------------- rounds


@get("/rounds", guards=[may(Permission.READ_ROUNDS)], include_in_schema=False)
async def rounds_page(call: NamedDependency[Call]) -> Response[str]:
    """A member's tasks of today; for who plans, the rounds and what is ready for one."""
    return await _rounds(call)


async def _rounds(call: Call, no: Refusal | None = None, form: Form | None = None) -> Response[str]:
    status, said = (no.status, await wording.told(call, no)) if no else (200, None)
    if call.actor.role is Role.MEMBER:
        tasks = await call.write(doors.tasks, call.vault, call.actor, call.today, call.now)
        return call.page("distribution/rounds.html", status, tasks=tasks, rounds=(), ready=(), told=said)
    return call.page(
        "distribution/rounds.html",
        status,
        tasks=None,
        rounds=await call.read(rounds.rounds_today, call.actor, call.today),
        ready=await call.read(rounds.ready, call.actor),
        key=new_id(),
        today=call.today,
        told=said,
        chosen=(form or {}).get("parcels", []),
        may_plan=call.actor.may(Permission.PLAN_ROUND),
    )


@post("/rounds", guards=[may(Permission.PLAN_ROUND)], include_in_schema=False)
async def plan_round(call: NamedDependency[Call]) -> Response[Any]:
    """Make a round of the parcels that were ticked."""
    form = await call.form()
    try:
        made = await call.write(rounds.plan_round, call.filled(NewRound, form), call.actor, call.now)
    except Refusal as no:
        return await _rounds(call, no, form)
    return call.go(f"/rounds/{made}")


@post("/rounds/take-over", guards=[may(Permission.DELIVER)], include_in_schema=False, status_code=200)
async def take_over_by_scan(call: NamedDependency[Call]) -> Response[Any]:
    """One parcel after the other is scanned at the station; the page stays."""
    scan = await read_scan(call)
    try:
        take = TakeOver(key=scan.idempotency_key, code=scan.text)
        done = await custody.take_over(call, take)
    except Refusal as no:
        if no.status >= 500:
            raise
        return await refused_scan(call, no) if by_script(call) else await _rounds(call, no)
    if not by_script(call):
        return call.go("/rounds")
    answer: dict[str, Any] = {
        "outcome": "ok",
        "title": call.say("door.taken.title"),
        "text": call.say("door.taken.left", count=done.left),
        "line": str(done.parcel),
        "state": "done",
        "progress": {"value": done.taken, "max": done.taken + done.left},
    }
    if done.left == 0:
        answer |= {"next": {"href": "/rounds", "label": call.say("door.taken.go")}}
    return Response(answer, media_type="application/json")


@get("/rounds/{round_id:uuid}", guards=[may(Permission.READ_ROUNDS)], include_in_schema=False)
async def round_page(call: NamedDependency[Call], round_id: FromPath[UUID]) -> Response[str]:
    """One round: its stops, how far it is, its paper."""
    return await _round(call, round_id)


async def _round(call: Call, round_id: UUID, no: Refusal | None = None) -> Response[str]:
    view = await call.read(rounds.read_round, round_id, call.actor)
    said = await wording.told(call, no) if no else None
    may_plan = call.actor.may(Permission.PLAN_ROUND)
    return call.page(
        "distribution/round.html", no.status if no else 200, round=view, key=new_id(), told=said, may_plan=may_plan
    )


@post("/rounds/{round_id:uuid}/withdraw", guards=[may(Permission.PLAN_ROUND)], include_in_schema=False)
async def withdraw(call: NamedDependency[Call], round_id: FromPath[UUID]) -> Response[Any]:
    """Take a parcel off the round."""
    form = await call.form()
    try:
        await call.write(rounds.withdraw, call.filled(ChangeRound, form, round=round_id), call.actor, call.now)
    except Refusal as no:
        return await _round(call, round_id, no)
    return call.go(f"/rounds/{round_id}")


@get("/rounds/{round_id:uuid}/sheet.pdf", guards=[may(Permission.READ_ROUNDS)], include_in_schema=False)
async def round_sheet(call: NamedDependency[Call], round_id: FromPath[UUID]) -> Response[bytes]:
    """The round on paper."""
    return await sheet_file(call, round_id)


# ---------------------------------------------------------------- the parcel, and the door


@get("/parcels/{parcel:uuid}", guards=[may(Permission.READ_PARCELS)], include_in_schema=False)
async def parcel_page(
    call: NamedDependency[Call], parcel: FromPath[UUID], why: FromQuery[bool] = False
) -> Response[Any]:
    """Where a parcel's label leads: packing at the station, the door for a member, its story for everyone else."""
    if call.actor.role is Role.MEMBER:
        return await _door(call, parcel, why=why)
    view = await call.read(picking.pick_list, parcel, call.actor)
    if call.actor.may(Permission.PACK) and view.state in {State.PLANNED, State.PACKED, State.READY}:
        return call.go(f"/packing/{parcel}")
    return call.page(
        "distribution/parcel.html",
        parcel=view,
        key=new_id(),
        zone=zone_of(call),
        may_take_back=call.actor.may(Permission.TAKE_BACK) and view.state in {State.OUT, State.FAILED},
        may_see_rounds=call.actor.may(Permission.READ_ROUNDS),
    )


async def _door(
    call: Call, parcel: UUID, no: Refusal | None = None, form: Form | None = None, number: str = "", why: bool = False
) -> Response[str]:
    view = await call.write(doors.door, call.vault, parcel, call.actor, call.today, call.now)
    say = partial(call.tools.messages.say, call.language)
    cards = [leaflets.card(portion, call.language, say) for portion in view.portions]
    failure = next((one.reason for one in view.parcel.told if one.effective and one.reason), None)
    return call.page(
        "distribution/door.html",
        no.status if no else 200,
        door=view,
        parcel=view.parcel,
        cards=cards,
        warnings=leaflets.warnings((portion.item for portion in view.portions), say),
        medicine=any(card.medicine for card in cards),
        ticks=list(Counsel),
        receivers=list(Receiver),
        failures=list(Failure),
        next_step=NEXT_STEPS[Failure(failure)] if failure else None,
        key=new_id(),
        second_key=new_id(),
        told=await wording.told(call, no) if no else None,
        form=form or {},
        number=number,
        why=why,
    )


@post("/parcels/{parcel:uuid}/take-over", guards=[may(Permission.DELIVER)], include_in_schema=False)
async def take_over(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """The member takes the parcel along."""
    form = await call.form()
    try:
        take = call.filled(TakeOver, form, parcel=parcel)
        await custody.take_over(call, take)
    except Refusal as no:
        return await _door(call, parcel, no)
    return call.go("/rounds")


@post("/parcels/{parcel:uuid}/check", guards=[may(Permission.DELIVER)], include_in_schema=False, status_code=200)
async def check_parcel(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """Whether the parcel in the hand is this door's: green or red at once, nothing is recorded."""
    scan = await read_scan(call)
    try:
        await call.read(picking.pick_list, parcel, call.actor)
        right = await call.read(parcel_labels.scanned_parcel, scan.text) == parcel
    except Refusal as no:
        return await refused_scan(call, no) if by_script(call) else await _door(call, parcel, no)
    if not by_script(call):
        return call.go(f"/parcels/{parcel}")
    word = "right" if right else "wrong"
    answer = {
        "outcome": "ok" if right else "wrong",
        "title": call.say(f"door.check.{word}"),
        "text": call.say(f"door.check.{word}_todo"),
    }
    return Response(answer, media_type="application/json")


class Wanted(msgspec.Struct, frozen=True):
    """Whose number the call button asks for."""

    resident: UUID


@post("/parcels/{parcel:uuid}/phone", guards=[may(Permission.READ_PHONE)], include_in_schema=False, status_code=200)
async def call_button(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """Fetches one person's number for one call; it is written down and shown on this answer only."""
    form = await call.form()
    try:
        wanted = call.filled(Wanted, form)
        number = await call.write(doors.phone, call.vault, parcel, wanted.resident, call.actor, call.today, call.now)
    except Refusal as no:
        return await _door(call, parcel, no)
    return await _door(call, parcel, number=number)


@post("/parcels/{parcel:uuid}/hand-over", guards=[may(Permission.DELIVER)], include_in_schema=False)
async def hand_over(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """Delivered; what was ticked is still there if something is missing."""
    form = await call.form()
    if await _told_before(call, parcel, State.DELIVERED):
        return call.go(f"/parcels/{parcel}")
    try:
        over = call.filled(HandOver, form, parcel=parcel, phone_at=call.now)
        await custody.hand_over(call, over)
    except Refusal as no:
        return await _door(call, parcel, no, form)
    return call.go(f"/parcels/{parcel}")


@post("/parcels/{parcel:uuid}/fail", guards=[may(Permission.DELIVER)], include_in_schema=False)
async def fail(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[Any]:
    """Not delivered, by one of ten reasons; the answer says what is next."""
    form = await call.form()
    if await _told_before(call, parcel, State.FAILED):
        return call.go(f"/parcels/{parcel}")
    try:
        failed = call.filled(FailDelivery, form, parcel=parcel, phone_at=call.now)
        await call.write(deliveries.fail, failed, call.actor, call.now)
    except Refusal as no:
        return await _door(call, parcel, no, form)
    return call.go(f"/parcels/{parcel}")


async def _told_before(call: Call, parcel: UUID, outcome: State) -> bool:
    """The back button brings an old form back: what the same person recorded already is not a second record."""
    view = await call.read(picking.pick_list, parcel, call.actor)
    return view.state in ENDED and any(one.own and one.effective and one.outcome == outcome.value for one in view.told)


@get("/parcels/{parcel:uuid}/label.pdf", guards=[may(Permission.PACK)], include_in_schema=False)
async def parcel_label(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[bytes]:
    """The parcel's label to print."""
    return await label_file(call, parcel)


@get("/parcels/{parcel:uuid}/label.png", guards=[may(Permission.PACK)], include_in_schema=False)
async def parcel_picture(call: NamedDependency[Call], parcel: FromPath[UUID]) -> Response[bytes]:
    """The parcel's label as a picture, for a label printer."""
    return await label_picture(call, parcel)


@get("/parcels/{parcel:uuid}/leaflet.pdf", guards=[may(Permission.READ_PARCELS)], include_in_schema=False)
async def parcel_leaflet(
    call: NamedDependency[Call], parcel: FromPath[UUID], language: FromQuery[Language] = "zh"
) -> Response[bytes]:
    """The large-print leaflet to print."""
    return await leaflet_file(call, parcel, language)


handlers: list[BaseRouteHandler] = [
    *packing_pages.handlers,
    rounds_page,
    take_over_by_scan,
    plan_round,
    round_page,
    withdraw,
    round_sheet,
    parcel_page,
    take_over,
    check_parcel,
    call_button,
    hand_over,
    fail,
    parcel_label,
    parcel_picture,
    parcel_leaflet,
]
