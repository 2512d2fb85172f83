"""The ways in to repeated trace codes, for programs and for people."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from app.base.edges import Call, may
from app.base.permissions import Permission
from inventory.receiving import traces
from inventory.receiving.traces import TraceAlert


@get("/api/trace-repeats", operation_id="listTraceRepeats", guards=[may(Permission.READ_HOLD)])
async def list_repeats(call: NamedDependency[Call]) -> tuple[TraceAlert, ...]:
    """Packs that wait because their trace code was on another pack before, newest first."""
    return await call.read(traces.alerts, call.actor)


@get("/trace-repeats", guards=[may(Permission.READ_HOLD)], include_in_schema=False)
async def repeats_page(call: NamedDependency[Call]) -> Response[Any]:
    """Each pack whose code was seen before, and where that was."""
    zone = ZoneInfo(call.settings.timezone)
    return call.page(
        "inventory/receiving/trace_repeats.html", alerts=await call.read(traces.alerts, call.actor),
        when=lambda instant: instant.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
    )  # fmt: skip


handlers: list[BaseRouteHandler] = [list_repeats, repeats_page]
