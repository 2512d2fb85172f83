"""The ways in to the stock room: levels, what they should be, what runs out, alerts, and whole histories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import PLAIN
from app.base.ids import new_id
from app.base.permissions import Permission, Role
from inventory import stations
from inventory.counting import blind
from inventory.receiving.intake_facts import Kind
from inventory.stock import alerts, histories, horizon, levels, shortages, threshold_views, thresholds
from inventory.stock.alerts import StockAlert, TakeAlert, TakenAlert
from inventory.stock.histories import History, Of
from inventory.stock.horizon import Ageing
from inventory.stock.levels import Level
from inventory.stock.shortages import Balance
from inventory.stock.thresholds import LevelsSet, SetLevel, SetLevels
from labels import codes

Chosen = Annotated[str, QueryParameter(max_length=40, pattern=PLAIN)]
Days = Annotated[int, QueryParameter(ge=0, le=3_650)]
Within = Annotated[Literal["30", "60", "90"], QueryParameter()]
_READS = [may(Permission.READ_STOCK)]
_SETS = [may(Permission.SET_LEVELS)]
_TAKES = [may(Permission.SET_LEVELS, Permission.MOVE_STOCK)]


class Horizon(msgspec.Struct, frozen=True):
    """What runs out, soonest first."""

    lines: tuple[Ageing, ...]


class Alerts(msgspec.Struct, frozen=True):
    """What holds now, the gravest first; what somebody took on comes last."""

    alerts: tuple[StockAlert, ...]


def _id(text: str, field: str = "station") -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Invalid((field, "identifier", {})) from None


def _when(call: Call) -> Callable[[datetime], str]:
    zone = ZoneInfo(call.settings.timezone)
    return lambda instant: instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")


# ---------------------------------------------------------------- programs


@get("/api/stock/balance", operation_id="readBalance", guards=_READS)
async def read_balance(call: NamedDependency[Call]) -> Balance:
    """Shortage and surplus of the caller's stations, and the transfers that would even them out."""
    return await call.read(blind.figures, call.actor, shortages.balance, call.actor, call.today)


@get("/api/stock/expiring", operation_id="listExpiring", guards=_READS)
async def list_expiring(
    call: NamedDependency[Call], station: FromQuery[UUID | None] = None, within: Within = "90"
) -> Horizon:
    """What is expired or runs out within 30, 60 or 90 days, and what to do about it."""
    who, days = call.actor, int(within)
    lines = await call.read(blind.figures, who, horizon.horizon, who, call.today, station=station, within=days)
    return Horizon(lines)


@get("/api/stock/alerts", operation_id="listStockAlerts", guards=_READS)
async def list_alerts(call: NamedDependency[Call]) -> Alerts:
    """What holds now; reading it here leaves new what is new."""
    return Alerts(await call.read(blind.figures, call.actor, alerts.alerts, call.actor, call.today))


@post("/api/stock/alerts/take", operation_id="takeStockAlert", guards=_TAKES, status_code=200)
async def take_alert(call: NamedDependency[Call], data: JSONBody[TakeAlert]) -> TakenAlert:
    """Take an alert on for everybody in whose scope its station is."""
    return await call.write(alerts.take, data, call.actor, call.today, call.now)


@post("/api/levels", operation_id="setLevels", guards=_SETS, status_code=200)
async def set_levels(call: NamedDependency[Call], data: JSONBody[SetLevels]) -> LevelsSet:
    """Type from how few units items are short and how many are enough, all of them or none."""
    return await call.write(thresholds.set_levels, data, call.actor, call.now)


@get("/api/stock/items/{item:uuid}/history", operation_id="readItemHistory", guards=_READS)
async def read_item_history(
    call: NamedDependency[Call], item: FromPath[UUID], days: Days = 30, before: FromQuery[UUID | None] = None
) -> History:
    """What happened to an item's packs in the caller's scope: 50 lines a page, newest first."""
    return await _history(call, Of.ITEM, item, days, before)


@get("/api/stock/lots/{lot:uuid}/history", operation_id="readLotHistory", guards=_READS)
async def read_lot_history(
    call: NamedDependency[Call], lot: FromPath[UUID], days: Days = 30, before: FromQuery[UUID | None] = None
) -> History:
    """What happened to a lot's packs in the caller's scope."""
    return await _history(call, Of.LOT, lot, days, before)


@get("/api/places/{place:uuid}/history", operation_id="readPlaceHistory", guards=_READS)
async def read_place_history(
    call: NamedDependency[Call], place: FromPath[UUID], days: Days = 30, before: FromQuery[UUID | None] = None
) -> History:
    """What came into a place and left it."""
    return await _history(call, Of.PLACE, place, days, before)


@get("/api/accounts/{account:uuid}/doings", operation_id="readDoings", guards=[may(Permission.READ_OWN)])
async def read_doings(
    call: NamedDependency[Call], account: FromPath[UUID], days: Days = 30, before: FromQuery[UUID | None] = None
) -> History:
    """The goods that somebody moved: the caller's own, or for an auditor anybody's."""
    return await _history(call, Of.PERSON, account, days, before)


async def _history(call: Call, of: str, subject: UUID, days: int, before: UUID | None) -> History:
    if of not in set(Of):
        raise Invalid(("of", "choice", {}))
    if of != Of.PERSON:
        call.actor.need(Permission.READ_STOCK)
        await call.read(blind.not_counting, call.actor)
    return await call.read(histories.history, Of(of), subject, call.actor, call.now, days=days, before=before)


# ---------------------------------------------------------------- pages


@get("/stock", guards=_READS, include_in_schema=False)
async def stock_page(
    call: NamedDependency[Call], station: Chosen = "", kind: Chosen = "", only: Chosen = ""
) -> Response[str]:
    """Stock at a glance, shortages first; of one station, or of all where the choice is left empty."""
    if kind and kind not in set(Kind):
        raise Invalid(("kind", "choice", {}))
    chosen = _id(station)
    who = call.actor
    found = await call.read(blind.figures, who, levels.levels, who, call.today, station=chosen, split=False)
    shown = [one for one in found.totals if _asked(one, kind, only)]
    return call.page(
        "inventory/stock/stock.html",
        levels=found, shown=shown, stations=await call.read(stations.stations, call.actor),
        station=chosen, kind=kind, only=only, kinds=tuple(Kind), sets=call.actor.may(Permission.SET_LEVELS),
        audits=call.actor.role is Role.AUDITOR, undoes=who.may(Permission.MOVE_STOCK) or who.may(Permission.REVERSE),
    )  # fmt: skip


def _asked(one: Level, kind: str, only: str) -> bool:
    if kind and one.kind != kind:
        return False
    return {
        "short": one.short, "expiring": bool(one.units.expiring_90 or one.units.expired), "surplus": one.surplus > 0,
    }.get(only, True)  # fmt: skip


@get("/stock/items/{item:uuid}", guards=_READS, include_in_schema=False)
async def stock_item_page(call: NamedDependency[Call], item: FromPath[UUID]) -> Response[str]:
    """One item: its stations and packs."""
    found = await call.read(blind.figures, call.actor, levels.item_levels, call.actor, item, call.today)
    return call.page("inventory/stock/stock_item.html", item=found, shown=codes.shown)


@get("/stock/balance", guards=_READS, include_in_schema=False)
async def balance_page(call: NamedDependency[Call]) -> Response[str]:
    """Who is short, who has more than enough, and which transfer helps."""
    found = await call.read(blind.figures, call.actor, shortages.balance, call.actor, call.today)
    starts = call.actor.may(Permission.SET_LEVELS) or call.actor.may(Permission.MOVE_STOCK)
    return call.page("inventory/stock/stock_balance.html", found=found, starts=starts, own=call.actor.stations)


@get("/stock/expiring", guards=_READS, include_in_schema=False)
async def expiring_page(call: NamedDependency[Call], station: Chosen = "", within: Within = "90") -> Response[str]:
    """What runs out when, at which station, and what to do about it."""
    chosen = _id(station)
    who, days = call.actor, int(within)
    lines = await call.read(blind.figures, who, horizon.horizon, who, call.today, station=chosen, within=days)
    return call.page(
        "inventory/stock/stock_expiring.html", lines=lines, stations=await call.read(stations.stations, call.actor),
        station=chosen, within=within, starts=call.actor.may(Permission.MOVE_STOCK),
    )  # fmt: skip


@get("/stock/alerts", guards=_READS, include_in_schema=False)
async def alerts_page(call: NamedDependency[Call]) -> Response[str]:
    """What needs somebody now; what the reader sees for the first time is marked as new, once."""
    return await _alerts(call)


async def _alerts(call: Call, no: Refusal | None = None) -> Response[str]:
    await call.read(blind.not_counting, call.actor)
    found = await call.write(alerts.look, call.actor, call.today, call.now)
    takes = call.actor.may(Permission.SET_LEVELS) or call.actor.may(Permission.MOVE_STOCK)
    return call.page(
        "inventory/stock/stock_alerts.html", status=no.status if no else 200, found=found, refusal=no, takes=takes,
        when=_when(call),
    )  # fmt: skip


@post("/stock/alerts", guards=_TAKES, include_in_schema=False)
async def take_alert_here(call: NamedDependency[Call]) -> Response[Any]:
    """«I see to it.»"""
    form = await call.form()
    try:
        order = call.filled(TakeAlert, form)
        await call.write(alerts.take, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _alerts(call, no)
    return call.go("/stock/alerts")


@get("/stock/levels", guards=_SETS, include_in_schema=False)
async def levels_page(call: NamedDependency[Call], station: Chosen = "", kind: Chosen = "") -> Response[str]:
    """From how few units items are short, and how many are enough; typed in place."""
    return await _levels(call, station, kind, {})


async def _levels(call: Call, station: str, kind: str, form: Form, no: Refusal | None = None) -> Response[str]:
    own = await call.read(stations.stations, call.actor)
    chosen = _id(station) or (None if call.actor.everywhere or not own else own[0].id)
    rows = await call.read(threshold_views.rows, call.actor, call.today, station=chosen, kind=kind)
    typed = defaultdict(str, {name: texts[0] for name, texts in form.items() if texts})
    return call.page(
        "inventory/stock/stock_levels.html", status=no.status if no else 200, rows=rows, stations=own, station=chosen,
        kind=kind, kinds=tuple(Kind), everywhere=call.actor.everywhere, typed=typed, refusal=no, key=new_id(),
        when=_when(call),
    )  # fmt: skip


@post("/stock/levels", guards=_SETS, include_in_schema=False)
async def set_levels_here(call: NamedDependency[Call]) -> Response[Any]:
    """Keep what was typed, all of it or, with what is wrong named, nothing."""
    form = await call.form()
    station, kind = (form.get(name, [""])[0] for name in ("station", "kind"))
    try:
        order = SetLevels(key=_key(form), levels=_typed(call, form, _id(station)))
        await call.write(thresholds.set_levels, order, call.actor, call.now)
    except Refusal as no:
        return await _levels(call, station, kind, form, no)
    return call.go(f"/stock/levels?station={station}&kind={kind}")


def _key(form: Form) -> UUID:
    key = _id(form.get("key", [""])[0], "key")
    if key is None:
        raise Invalid(("key", "missing", {}))
    return key


def _typed(call: Call, form: Form, station: UUID | None) -> tuple[SetLevel, ...]:
    items = sorted({name.partition(".")[2] for name in form if name.startswith(("low.", "enough."))})
    if not items or len(items) > thresholds.MOST_LINES:
        raise Invalid(("levels", "missing", {}))
    lines = []
    for item in items:
        fields = {name: form.get(f"{name}.{item}", [""]) for name in ("low", "enough")}
        more = {"station": station} if station else {}
        try:
            lines.append(call.filled(SetLevel, {**fields, "item": [item]}, **more))
        except Invalid as no:
            raise Invalid(*((f"{field}.{item}", code, params) for field, code, params in no.faults)) from None
    return tuple(lines)


@get("/stock/history/{of:str}/{subject:uuid}", guards=[may(Permission.READ_OWN)], include_in_schema=False)
async def history_page(
    call: NamedDependency[Call], of: FromPath[str], subject: FromPath[UUID], days: Days = 30, before: Chosen = ""
) -> Response[str]:
    """Everything that happened, newest first."""
    found = await _history(call, of, subject, days, _id(before, "before"))
    opens_pack = call.actor.may(Permission.READ_STOCK)
    return call.page(
        "inventory/stock/stock_history.html", found=found, before=before, when=_when(call), opens_pack=opens_pack
    )


@get("/stock/doings", guards=[may(Permission.READ_OWN)], include_in_schema=False)
async def doings_page(call: NamedDependency[Call], who: Chosen = "") -> Response[Any]:
    """By staff number: an auditor anybody's doings, everybody else the own ones."""
    if who:
        person = await call.read(histories.by_handle, who, call.actor)
        return call.go(f"/stock/history/person/{person}")
    if call.actor.role is not Role.AUDITOR:
        return call.go(f"/stock/history/person/{call.actor.account}")
    return call.page("inventory/stock/stock_doings.html")


handlers: list[BaseRouteHandler] = [
    read_balance,
    list_expiring,
    list_alerts,
    take_alert,
    set_levels,
    read_item_history,
    read_lot_history,
    read_place_history,
    read_doings,
    stock_page,
    stock_item_page,
    balance_page,
    expiring_page,
    alerts_page,
    take_alert_here,
    levels_page,
    set_levels_here,
    history_page,
    doings_page,
]
