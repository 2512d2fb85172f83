"""The ways in to undo: what was done lately, what an undo would bring back, and the undo itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from app.base.edges import Call, Form, may
from app.base.errors import Refusal
from app.base.ids import new_id
from app.base.permissions import Permission
from inventory.moving.transfer_pages import when
from inventory.undoing import acts, undo
from inventory.undoing.acts import ActPreview, ActRow
from inventory.undoing.undo import Undo, Undone, Why

_DOES = may(Permission.RECEIVE, Permission.MOVE_STOCK, Permission.RELEASE_MEDICINE, Permission.REVERSE)


class Acts(msgspec.Struct, frozen=True):
    """What was done lately, newest first."""

    acts: tuple[ActRow, ...]


@get("/api/stock/acts", operation_id="listActs", guards=[_DOES])
async def list_acts(call: NamedDependency[Call], mine: FromQuery[bool] = False) -> Acts:
    """The latest acts in the caller's scope that can be taken back here; at most 30."""
    return Acts(await call.read(acts.recent, call.actor, call.now, mine=mine))


@get("/api/stock/acts/{movement:uuid}", operation_id="readAct", guards=[_DOES])
async def read_act(call: NamedDependency[Call], movement: FromPath[UUID]) -> ActPreview:
    """What an undo of the act that a movement belongs to would bring back, and what stands against it."""
    return await call.read(acts.preview, movement, call.actor, call.today, call.now)


@post("/api/stock/undo", operation_id="undoAct", guards=[_DOES], status_code=200)
async def undo_act(call: NamedDependency[Call], data: JSONBody[Undo]) -> Undone:
    """Take an act back, all of it or nothing."""
    return await call.write(undo.undo, data, call.actor, call.today, call.now)


@get("/stock/acts", guards=[_DOES], include_in_schema=False)
async def acts_page(call: NamedDependency[Call], all_of_us: FromQuery[bool] = False) -> Response[str]:
    """What was done lately: by the reader, or by everybody in the scope."""
    return await _acts(call, mine=not all_of_us)


async def _acts(call: Call, *, mine: bool, done: Undone | None = None) -> Response[str]:
    return call.page(
        "inventory/undoing/acts.html",
        acts=await call.read(acts.recent, call.actor, call.now, mine=mine),
        mine=mine,
        done=done,
        when=when(call),
        prints=call.actor.may(Permission.PRINT_LABELS),
    )


@get("/stock/acts/{movement:uuid}", guards=[_DOES], include_in_schema=False)
async def act_page(call: NamedDependency[Call], movement: FromPath[UUID]) -> Response[str]:
    """Says what exactly will come back, before it is done."""
    return await _act(call, movement)


async def _act(call: Call, movement: UUID, no: Refusal | None = None, given: Form | None = None) -> Response[str]:
    return call.page(
        "inventory/undoing/act.html",
        status=no.status if no else 200,
        act=await call.read(acts.preview, movement, call.actor, call.today, call.now),
        whys=tuple(Why),
        given=given or {},
        refusal=no,
        when=when(call),
        key=new_id(),
    )


@post("/stock/acts/{movement:uuid}", guards=[_DOES], include_in_schema=False, status_code=200)
async def undo_here(call: NamedDependency[Call], movement: FromPath[UUID]) -> Response[Any]:
    """Take it back."""
    form = await call.form()
    try:
        order = call.filled(Undo, form, movement=movement)
        done = await call.write(undo.undo, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _act(call, movement, no, form)
    return await _acts(call, mine=True, done=done)


handlers: list[BaseRouteHandler] = [list_acts, read_act, undo_act, acts_page, act_page, undo_here]
