"""The programs' way in to stocktakes: open, count blind, count again, decide, and the finished report."""

from __future__ import annotations

from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody

from app.base.edges import Call, may
from app.base.permissions import Permission
from inventory.counting import comparing, stocktake, stocktake_views, variance, variance_views
from inventory.counting.comparing import Finish, Recount
from inventory.counting.stocktake import CountFound, CountScan, OpenStocktake, Tally, Withdraw
from inventory.counting.stocktake_views import CountSheet, StocktakeRow
from inventory.counting.variance import ApproveCount, Approved, EndStocktake, RefuseCount
from inventory.counting.variance_views import Desk, ReportRow

COUNTS, DECIDES = may(Permission.COUNT_STOCK), may(Permission.APPROVE_COUNT)
EITHER = may(Permission.COUNT_STOCK, Permission.APPROVE_COUNT)


class Stocktakes(msgspec.Struct, frozen=True):
    """Stocktakes, open ones first."""

    stocktakes: tuple[StocktakeRow, ...]


class StocktakeNamed(msgspec.Struct, frozen=True):
    """A stocktake's id."""

    stocktake: UUID


class LineNamed(msgspec.Struct, frozen=True):
    """A line's id."""

    line: UUID


class Report(msgspec.Struct, frozen=True):
    """The lines of the 盘点表."""

    rows: tuple[ReportRow, ...]


@get("/api/stocktakes", operation_id="listStocktakes", guards=[EITHER])
async def list_stocktakes(call: NamedDependency[Call]) -> Stocktakes:
    """The stocktakes in the caller's scope; at most 100."""
    return Stocktakes(await call.read(stocktake_views.listed, call.actor))


@post("/api/stocktakes", operation_id="openStocktake", guards=[EITHER], status_code=201)
async def open_stocktake(call: NamedDependency[Call], data: JSONBody[OpenStocktake]) -> StocktakeNamed:
    """Begin to count places of a station."""
    return StocktakeNamed(await call.write(stocktake.open_stocktake, data, call.actor, call.now))


@get("/api/stocktakes/{stocktake:uuid}", operation_id="readStocktake", guards=[EITHER])
async def read_stocktake(call: NamedDependency[Call], stocktake: FromPath[UUID]) -> CountSheet:
    """What is to be counted and what the caller counted; nothing of what the books say."""
    return await call.read(stocktake_views.sheet, stocktake, call.actor)


@post("/api/stocktakes/scans", operation_id="countScan", guards=[COUNTS], status_code=200)
async def count_scan(call: NamedDependency[Call], data: JSONBody[CountScan]) -> Tally:
    """A label was seen in a place."""
    return await call.write(stocktake.scan, data, call.actor, call.now)


@post("/api/stocktakes/found", operation_id="countFound", guards=[COUNTS], status_code=200)
async def count_found(call: NamedDependency[Call], data: JSONBody[CountFound]) -> Tally:
    """Goods without a readable label were seen in a place."""
    return await call.write(stocktake.found, data, call.actor, call.now)


@post("/api/stocktakes/withdraw", operation_id="withdrawScan", guards=[COUNTS], status_code=200)
async def withdraw_scan(call: NamedDependency[Call], data: JSONBody[Withdraw]) -> StocktakeNamed:
    """Take one's own scan back."""
    return StocktakeNamed(await call.write(stocktake.withdraw, data, call.actor, call.now))


@post("/api/stocktakes/finish", operation_id="finishCount", guards=[EITHER], status_code=200)
async def finish_count(call: NamedDependency[Call], data: JSONBody[Finish]) -> StocktakeNamed:
    """End the first count: what differs is counted again."""
    return StocktakeNamed(await call.write(comparing.finish, data, call.actor, call.now))


@post("/api/stocktakes/recounts/start", operation_id="startRecount", guards=[COUNTS], status_code=200)
async def start_recount(call: NamedDependency[Call], data: JSONBody[Recount]) -> LineNamed:
    """Take a line to be counted again."""
    return LineNamed(await call.write(comparing.start_recount, data, call.actor, call.now))


@post("/api/stocktakes/recounts/finish", operation_id="finishRecount", guards=[COUNTS], status_code=200)
async def finish_recount(call: NamedDependency[Call], data: JSONBody[Recount]) -> StocktakeNamed:
    """End a recount."""
    return StocktakeNamed(await call.write(comparing.finish_recount, data, call.actor, call.now))


@get("/api/stocktakes/{stocktake:uuid}/variances", operation_id="readVariances", guards=[DECIDES])
async def read_variances(call: NamedDependency[Call], stocktake: FromPath[UUID]) -> Desk:
    """Every difference with both figures."""
    return await call.read(variance_views.desk, stocktake, call.actor)


@post("/api/stocktakes/approve", operation_id="approveVariances", guards=[DECIDES], status_code=200)
async def approve_variances(call: NamedDependency[Call], data: JSONBody[ApproveCount]) -> Approved:
    """Correct the books by these lines, all of them or none."""
    return await call.write(variance.approve, data, call.actor, call.today, call.now)


@post("/api/stocktakes/refuse", operation_id="refuseVariances", guards=[DECIDES], status_code=200)
async def refuse_variances(call: NamedDependency[Call], data: JSONBody[RefuseCount]) -> StocktakeNamed:
    """Have lines counted once more."""
    return StocktakeNamed(await call.write(variance.refuse, data, call.actor, call.now))


@post("/api/stocktakes/end", operation_id="endStocktake", guards=[DECIDES], status_code=200)
async def end_stocktake(call: NamedDependency[Call], data: JSONBody[EndStocktake]) -> StocktakeNamed:
    """End a stocktake, or call it off while it is counted."""
    return StocktakeNamed(await call.write(variance.end, data, call.actor, call.now))


@get("/api/stocktakes/{stocktake:uuid}/report", operation_id="readStocktakeReport", guards=[EITHER])
async def read_report(call: NamedDependency[Call], stocktake: FromPath[UUID]) -> Report:
    """The 盘点表; for whoever counts only once the stocktake is over."""
    return Report(await call.read(variance_views.report, stocktake, call.actor))


handlers: list[BaseRouteHandler] = [
    list_stocktakes,
    open_stocktake,
    read_stocktake,
    count_scan,
    count_found,
    withdraw_scan,
    finish_count,
    start_recount,
    finish_recount,
    read_variances,
    approve_variances,
    refuse_variances,
    end_stocktake,
    read_report,
]
