"""The ways in to opening stock: upload, look, book in parts, print the labels; nothing is free before a release."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from anyio import to_thread
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from app.base import uploads
from app.base.edges import Call, may
from app.base.errors import Refusal
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Permission
from app.base.spreadsheets import MOST_BYTES, ROOM, SheetEmpty, SheetTooLarge
from inventory import stations
from inventory.papers import opening
from inventory.papers.opening import ApplyOpening, OpeningView
from inventory.papers.opening_rows import FIELDS
from labels.stickers import MOST as MOST_LABELS

_OPENS = [may(Permission.OPEN_STOCK)]
_BOUND = MOST_BYTES + uploads.AROUND
SHOWN = 300
"""Rows that the page shows of those that are in order; what is wrong is shown in full."""


class _Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The upload form beside its file."""

    key: Key
    station: UUID


@get("/opening", guards=_OPENS, include_in_schema=False)
async def opening_start(call: NamedDependency[Call]) -> Response[str]:
    """Choose a station and a file."""
    return await _start(call)


async def _start(call: Call, no: Refusal | None = None) -> Response[str]:
    return call.page(
        "inventory/papers/opening_start.html",
        status=no.status if no else 200,
        stations=await call.read(stations.stations, call.actor),
        refusal=no,
        key=new_id(),
        fields=FIELDS,
    )


@post("/opening", guards=_OPENS, include_in_schema=False, request_max_body_size=_BOUND)
async def opening_file(call: NamedDependency[Call]) -> Response[Any]:
    """Take the file; a file that cannot be read says why. The same file again leads to where it was."""
    try:
        with ROOM.place(call.actor.account):
            got = await uploads.uploaded(call, "file", SheetTooLarge)
            sent = call.filled(_Sent, got.form)
            if not got.data:
                raise SheetEmpty
            file = await to_thread.run_sync(opening.draft, got.data, await ROOM.read(got.data))
        begun = await call.write(opening.begin, sent.key, sent.station, file, call.actor, call.now)
    except Refusal as no:
        if no.status in {401, 403, 404}:
            raise
        return await _start(call, no)
    return call.go(f"/opening/{begun.id}{'?again=true' if begun.again else ''}")


@get("/opening/{run:uuid}", guards=_OPENS, include_in_schema=False)
async def opening_page(
    call: NamedDependency[Call], run: FromPath[UUID], again: FromQuery[bool] = False
) -> Response[str]:
    """What becomes of each row; nothing is booked by looking."""
    return await _page(call, run, again=again)


async def _page(call: Call, run: UUID, no: Refusal | None = None, *, again: bool = False) -> Response[str]:
    found = await call.read(opening.view, run, call.actor, call.today)
    packs = [row.pack for row in found.rows if row.pack]
    return call.page(
        "inventory/papers/opening.html",
        status=no.status if no else 200,
        found=found,
        state=found.state.value,
        wrong=tuple(row for row in found.rows if row.outcome in {"faulty", "reject"}),
        good=tuple(row for row in found.rows if row.outcome not in {"faulty", "reject"})[:SHOWN],
        counts=_counts(found),
        batches=[packs[at : at + MOST_LABELS] for at in range(0, len(packs), MOST_LABELS)],
        prints=call.actor.may(Permission.PRINT_LABELS),
        fields=FIELDS,
        at=found.at.astimezone(ZoneInfo(call.settings.timezone)).strftime("%Y-%m-%d %H:%M"),
        again=again,
        refusal=no,
    )


def _counts(found: OpeningView) -> dict[str, int]:
    return {outcome: found.counted(outcome) for outcome in ("accept", "quarantine", "reject", "faulty")}


@post("/opening/{run:uuid}/columns", guards=_OPENS, include_in_schema=False)
async def opening_columns(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[Any]:
    """Say what each column holds."""
    form = await call.form()
    try:
        await call.write(opening.choose_columns, run, form.get("column", []), call.actor)
    except Refusal as no:
        if no.status == 404:
            raise
        return await _page(call, run, no)
    return call.go(f"/opening/{run}")


@post("/opening/{run:uuid}/apply", guards=_OPENS, include_in_schema=False)
async def opening_apply(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[Any]:
    """Book the good rows; where it was cut short, go on."""
    form = await call.form()
    try:
        order = call.filled(ApplyOpening, form)
        await call.write(opening.apply, run, order, call.actor, call.today, call.now)
        while await call.write(opening.apply_part, run, call.actor, call.today, call.now):
            continue
    except Refusal as no:
        if no.status in {404, 503}:
            raise
        return await _page(call, run, no)
    return call.go(f"/opening/{run}")


@post("/opening/{run:uuid}/drop", guards=_OPENS, include_in_schema=False)
async def opening_drop(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[Any]:
    """Forget the file."""
    await call.form()
    try:
        await call.write(opening.drop, run, call.actor)
    except Refusal as no:
        if no.status == 404:
            raise
        return await _page(call, run, no)
    return call.go("/opening")


handlers: list[BaseRouteHandler] = [
    opening_start,
    opening_file,
    opening_page,
    opening_columns,
    opening_apply,
    opening_drop,
]
