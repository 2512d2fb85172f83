"""The ways in to printing: labels of things, blank ones and stickers, on any paper; a preview that equals the print."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import Word
from app.base.i18n import LANGUAGES
from app.base.permissions import Permission
from labels import codes, handed, stickers
from labels.errors import BadAddress
from labels.layouts import shortened
from labels.matrix import NoSuchQr
from labels.printing import Paper, put_on_paper, template_of
from labels.render import label_svg
from labels.sheets import Print
from labels.stickers import PrintOrder, What
from labels.templates import Grid, Printable
from labels.typeface import Unprintable

_GUARDS = [may(Permission.PRINT_LABELS)]
PAPERS = ("a4-3x8", "a4-3x7", "a4-2x4", "40x30", "50x30", "60x40", "80x50", "grid")
FORMS = ("pdf", "zpl", "tspl")


@post("/api/labels/print", operation_id="printThings", guards=_GUARDS, status_code=200, media_type="application/pdf")
async def print_things(call: NamedDependency[Call], data: JSONBody[PrintOrder]) -> Response[bytes]:
    """Labels of packs, parcels or places, of a batch's blank ones, or stickers: as PDF, PNG, SVG, ZPL or TSPL.

    Labels speak the programme's own language, whoever prints them. On how many of them words had to be shortened is
    told in the header ``nuanxin-shortened``.
    """
    made = await _made(call, data, await _labels(call, data))
    answer = call.file(made.data, made.media_type, f"labels.{made.suffix}")
    answer.headers["nuanxin-shortened"] = str(len(made.cut))
    return answer


async def _labels(call: Call, order: PrintOrder) -> list[Printable]:
    base = call.settings.base_url
    try:
        return await call.write(
            stickers.to_print, order, call.handed(handed.WORDING), call.actor, base, _say(call), call.now
        )
    except codes.BadLabelAddress:
        raise BadAddress from None


async def _made(call: Call, order: PrintOrder, labels: list[Printable]) -> Print:
    title = _say(call)("print.page_title_any", count=len(labels))
    try:
        return await asyncio.to_thread(put_on_paper, labels, order.on or Paper(), title)
    except (Unprintable, NoSuchQr) as no:
        raise Invalid(("on", no.code, dict(getattr(no, "params", {})))) from None


def _say(call: Call) -> Callable[..., str]:
    return lambda key, **params: call.tools.messages.say(LANGUAGES[0], key, **params)


# ---------------------------------------------------------------- the page


class _Things(msgspec.Struct, frozen=True, kw_only=True):
    """The things of a form: what they are and which."""

    what: What
    subjects: tuple[UUID, ...] = ()
    count: int = 24


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The paper of a form; the measures of an own sheet are fields of their own."""

    paper: Word = "a4-3x8"
    form: Word = "pdf"
    first: int = 1
    dpi: int = 203


@get("/labels/print", guards=_GUARDS, include_in_schema=False)
async def print_page(
    call: NamedDependency[Call],
    what: FromQuery[What] = "mark",
    subject: FromQuery[UUID | None] = None,
) -> Response[str]:
    """Choose the paper; the preview is the print."""
    form: Form = {"what": [what], "subjects": [str(subject)] if subject else []}
    return await _choose(call, {**form, **_remembered(call)})


@post("/labels/print", guards=_GUARDS, include_in_schema=False, status_code=200)
async def print_form(call: NamedDependency[Call]) -> Response[Any]:
    """Several things at once, another paper, or the file itself."""
    form = await call.form()
    if form.pop("do", [""])[0] != "file":
        return await _choose(call, form)
    try:
        order = _order(call, form)
        made = await _made(call, order, await _labels(call, order))
    except Refusal as no:
        return await _choose(call, form, no)
    answer = call.file(made.data, made.media_type, f"labels.{made.suffix}")
    on = order.on or Paper()
    answer.set_cookie("paper", f"{on.paper}.{on.form}.{on.dpi}", max_age=31_536_000, samesite="lax", httponly=True)
    return answer


def _remembered(call: Call) -> Form:
    """The paper that this browser printed on last: a station has one printer."""
    paper, _, rest = call.request.cookies.get("paper", "").partition(".")
    form, _, dpi = rest.partition(".")
    if paper not in PAPERS[:-1] or form not in FORMS or dpi not in {"203", "300"}:
        return {}
    return {"paper": [paper], "form": [form], "dpi": [dpi]}


def _order(call: Call, form: Form) -> PrintOrder:
    things = call.filled(_Things, {name: form[name] for name in ("what", "subjects", "count") if name in form})
    choice = call.filled(_Choice, {name: form[name] for name in ("paper", "form", "first", "dpi") if name in form})
    on: dict[str, object] = msgspec.structs.asdict(choice)
    if choice.paper == "grid":
        measures = {field.name: form[field.name] for field in msgspec.structs.fields(Grid) if field.name in form}
        on["grid"] = msgspec.to_builtins(call.filled(Grid, measures))
    return call.filled(PrintOrder, {}, on=on, **msgspec.to_builtins(things))


async def _choose(call: Call, form: Form, no: Refusal | None = None) -> Response[str]:
    status, told, picture, count, cut = no.status if no else 200, _told(call, no), "", 0, 0
    try:
        order = _order(call, form)
        labels = await call.read(
            stickers.shown, order, call.handed(handed.WORDING), call.actor, call.settings.base_url, _say(call)
        )
        count, (picture, cut) = len(labels), await asyncio.to_thread(_preview, labels, order.on or Paper())
    except Invalid as wrong:
        told, status = told or _told(call, wrong), wrong.status
    except (Unprintable, NoSuchQr) as wrong:
        told = told or [("paper", call.say(f"fault.{wrong.code}", **getattr(wrong, "params", {})))]
    given = {name: values[0] for name, values in form.items() if values and name != "subjects"}
    return call.page(
        "labels/print.html", status, errors=told, given=given, subjects=form.get("subjects", []), papers=PAPERS,
        forms=FORMS, picture=picture, count=count, cut=cut,
        measures=[field.name for field in msgspec.structs.fields(Grid)],
    )  # fmt: skip


def _preview(labels: list[Printable], on: Paper) -> tuple[str, int]:
    """The first label as it will be printed, as a data address; and on how many words had to be shortened."""
    template = template_of(on)
    drawn = base64.b64encode(label_svg(labels[0], template).encode()).decode()
    return f"data:image/svg+xml;base64,{drawn}", len(shortened(labels, template))


def _told(call: Call, no: Refusal | None) -> list[tuple[str, str]]:
    if no is None:
        return []
    if isinstance(no, Invalid):
        return [(field.rpartition(".")[2], call.say(f"fault.{code}", **params)) for field, code, params in no.faults]
    return [("paper", call.say(f"refusal.{no.code}.detail", **no.params))]


handlers: list[BaseRouteHandler] = [print_things, print_page, print_form]
