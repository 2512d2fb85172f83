"""The 盘点表 with what was counted, as a file: one line for each pack in a place, and nothing in it can run."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID
from zoneinfo import ZoneInfo

from anyio import to_thread
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from app.base.edges import Call
from app.base.workbooks import Sheet, Value, workbook
from inventory.counting import stocktake_views, variance_views
from inventory.counting.stocktake_api import EITHER
from inventory.counting.stocktake_views import StocktakeRow
from inventory.counting.variance_views import ReportRow
from inventory.models import PlaceKind

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_HEADINGS = (
    "count.place", "place.goods", "form.head.strength", "receive.batch", "receive.expiry", "count.label",
    "form.head.unit", "count.books", "count.counted", "count.difference", "count.became",
)  # fmt: skip


@get("/stocktakes/{wanted:uuid}/report.xlsx", guards=[EITHER], include_in_schema=False)
async def report_file(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[bytes]:
    """The 盘点表 of a stocktake that is over, with its result."""
    rows = await call.read(variance_views.report, wanted, call.actor)
    row = await call.read(stocktake_views.row_of, wanted, call.actor)
    zone = ZoneInfo(call.settings.timezone)
    data = await to_thread.run_sync(workbook, [_sheet(call, row, rows, zone)], zone)
    return call.file(data, XLSX, "stocktake.xlsx")


def _sheet(call: Call, row: StocktakeRow, rows: Iterable[ReportRow], zone: ZoneInfo) -> Sheet:
    day = row.opened_at.astimezone(zone).date().isoformat()
    signs = ("count.sign_counted", "count.sign_approved", "count.sign_day")
    return Sheet(
        title=call.say("count.report"),
        above=(f"{row.station_name} · {day}",),
        headings=tuple(call.say(key) for key in _HEADINGS),
        rows=[_line(call, one) for one in rows],
        below=tuple(call.say(key) for key in signs),
    )


def _line(call: Call, one: ReportRow) -> tuple[Value, ...]:
    chinese = call.language == "zh"
    named = one.kind is PlaceKind.SHELF and one.place_name
    became = [call.say(f"count.line.{one.state}")] if one.state else []
    became += [call.say(f"count.why.{one.why}")] if one.why else []
    return (
        one.place_name if named else call.say(f"place.kind.{one.kind.value}"),
        one.name_zh if chinese else one.name_en, one.strength, one.lot_number, one.expiry,
        f"…{one.ends}" if one.ends else call.say("count.no_label"), one.unit_zh if chinese else one.unit_en,
        one.expected, one.counted, one.difference, " · ".join([*became, *([one.note] if one.note else [])]),
    )  # fmt: skip


handlers: list[BaseRouteHandler] = [report_file]
