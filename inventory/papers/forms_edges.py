"""The ways in to the papers of a store room: to look at and print, and as XLSX and CSV files without a live formula."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from app.base.edges import Call, may
from app.base.errors import NotFound, Refusal
from app.base.fields import PLAIN
from app.base.permissions import Permission
from app.base.workbooks import Sheet, csv_text, workbook
from inventory import stations
from inventory.counting import blind
from inventory.papers import forms
from inventory.papers.forms import Asked, Form, Reader

_READS = [may(Permission.READ_STOCK)]
SHOWN = 1_000
"""Lines that the page shows and prints; the files hold all."""
_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
Chosen = Annotated[str, QueryParameter(max_length=40, pattern=PLAIN)]


def _asked(call: Call, station: str, since: str, until: str) -> Asked:
    today = call.today.isoformat()
    month = call.today.replace(day=1).isoformat()
    return call.filled(Asked, {"station": [station], "since": [since or month], "until": [until or today]})


async def _paper(call: Call, form: Form, asked: Asked) -> Sheet:
    if form is not Form.COUNT:
        await call.read(blind.not_counting, call.actor)
    reader = Reader(actor=call.actor, language=call.language, zone=ZoneInfo(call.settings.timezone), say=call.say)
    return await call.read(forms.paper, form, asked, reader)


@get("/api/forms/{form:str}", operation_id="exportForm", guards=_READS, media_type=_TYPES["xlsx"])
async def export_form(
    call: NamedDependency[Call],
    form: FromPath[str],
    file: FromQuery[Literal["xlsx", "csv"]] = "xlsx",
    station: Chosen = "",
    since: Chosen = "",
    until: Chosen = "",
) -> Response[bytes]:
    """Receipts (in), what left (out), a count sheet (count) or stock (stock), as XLSX or CSV; days as YYYY-MM-DD."""
    if form not in {one.value for one in Form}:
        raise NotFound
    sheet = await _paper(call, Form(form), _asked(call, station, since, until))
    zone = ZoneInfo(call.settings.timezone)
    data = await asyncio.to_thread(csv_text if file == "csv" else _book, sheet, zone)
    return call.file(data, _TYPES[file], f"{Form(form).value}.{file}")


def _book(sheet: Sheet, zone: ZoneInfo) -> bytes:
    return workbook([sheet], zone)


@get("/forms", guards=_READS, include_in_schema=False)
async def forms_page(call: NamedDependency[Call]) -> Response[str]:
    """Choose a paper, a station and the days."""
    return await _choose(call)


async def _choose(call: Call, no: Refusal | None = None) -> Response[str]:
    return call.page(
        "inventory/papers/forms.html",
        status=no.status if no else 200,
        forms=tuple(Form),
        stations=await call.read(stations.stations, call.actor),
        since=call.today.replace(day=1),
        until=call.today,
        refusal=no,
        opens=call.actor.may(Permission.OPEN_STOCK),
    )


@get("/forms/show", guards=_READS, include_in_schema=False)
async def form_page(
    call: NamedDependency[Call],
    form: FromQuery[Form] = Form.STOCK,
    station: Chosen = "",
    since: Chosen = "",
    until: Chosen = "",
) -> Response[str]:
    """A paper, to be printed or saved."""
    try:
        asked = _asked(call, station, since, until)
        sheet = await _paper(call, form, asked)
    except Refusal as no:
        if no.status >= 500 or no.status == 404:
            raise
        return await _choose(call, no)
    return call.page(
        "inventory/papers/form.html",
        form=form.value,
        sheet=sheet,
        rows=[[_shown(value) for value in row] for row in sheet.rows[:SHOWN]],
        more=max(0, len(sheet.rows) - SHOWN),
        asked=asked,
        back_href="/forms",
    )


def _shown(value: object) -> str:
    return "" if value is None else str(value)


handlers: list[BaseRouteHandler] = [export_form, forms_page, form_page]
