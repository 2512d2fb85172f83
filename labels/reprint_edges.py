"""The ways in to replacing a label, or ending a blank one: for programs and for people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody
from markupsafe import Markup

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import Key, ScannedText
from app.base.ids import new_id
from app.base.permissions import Permission
from labels import codes, handed, reprint
from labels.errors import BlankLabel
from labels.render import qr_svg
from labels.reprint import EndLabel, Reaches, Reprint, Reprinted, Why
from labels.second_person import Second, second_person


class AskReprint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label to replace (``Reprint``), with the badge and secret of the second person for packs and parcels."""

    key: Key
    why: Why
    code: ScannedText | None = None
    subject: UUID | None = None
    second: Second | None = None


class Ended(msgspec.Struct, frozen=True):
    """That the label is void from now on."""

    void: bool = True


_GUARDS = [may(Permission.REPRINT_LABEL)]


@post("/api/labels/reprint", operation_id="reprintLabel", guards=_GUARDS, status_code=200)
async def reprint_label(call: NamedDependency[Call], data: JSONBody[AskReprint]) -> Reprinted:
    """Replace the label of a thing: the old code is void for ever, the new one is to be printed and stuck on.

    Packs and parcels need a second person of the station, who scans the own badge and enters the own secret.
    """
    return await _replace(call, call.handed(handed.REACHES), data)


@post("/api/labels/end", operation_id="endLabel", guards=_GUARDS, status_code=200)
async def end_label(call: NamedDependency[Call], data: JSONBody[EndLabel]) -> Ended:
    """End a blank label that was lost or spoilt, so that it opens nothing if it turns up."""
    await call.write(reprint.end, data, call.actor, call.now)
    return Ended()


async def _replace(call: Call, reaches: Reaches, asked: AskReprint) -> Reprinted:
    second = await second_person(call, asked.second)
    new = Reprint(key=asked.key, why=asked.why, code=asked.code, subject=asked.subject)
    return await call.write(reprint.reprint, new, reaches, call.actor, second, call.now)


@get("/labels/replace", guards=_GUARDS, include_in_schema=False)
async def replace_page(call: NamedDependency[Call], subject: FromQuery[UUID | None] = None) -> Response[str]:
    """Which label, why, and who looks on."""
    return _form(call, {"subject": [str(subject)]} if subject else {})


@post("/labels/replace", guards=_GUARDS, include_in_schema=False, status_code=200)
async def replace(call: NamedDependency[Call]) -> Response[Any]:
    """Replaces the label and shows the new one to be printed; a blank one is ended."""
    form = await call.form()
    try:
        done = await _replace(call, call.handed(handed.REACHES), _asked(call, form))
    except BlankLabel:
        await call.write(reprint.end, call.filled(EndLabel, form), call.actor, call.now)
        return call.page("labels/replaced.html", done=None, picture="", shown="")
    except Refusal as no:
        return _form(call, form, no)
    address = codes.url(call.settings.base_url, done.code)
    picture = Markup(qr_svg(address, title=codes.shown(done.code)))  # noqa: S704 - our own drawing of our own code
    return call.page("labels/replaced.html", done=done, picture=picture, shown=codes.shown(done.code))


def _asked(call: Call, form: Form) -> AskReprint:
    badge, secret = (form.get(name, [""])[0] for name in ("badge", "secret"))
    if bool(badge) != bool(secret):
        raise Invalid(("secret" if badge else "badge", "missing", {}))
    second = call.filled(Second, {"badge": [badge], "secret": [secret]}) if badge else None
    return call.filled(AskReprint, form, **({"second": msgspec.to_builtins(second)} if second else {}))


def _form(call: Call, form: Form, no: Refusal | None = None) -> Response[str]:
    faults = no.faults if isinstance(no, Invalid) else ()
    told = [(field.rpartition(".")[2], call.say(f"fault.{code}", **params)) for field, code, params in faults]
    if no is not None and not told:
        told = [("code", call.say(f"refusal.{no.code}.detail", **no.params))]
    first = {name: given[0] for name, given in form.items() if name != "secret"}
    return call.page(
        "labels/replace.html", no.status if no else 200, errors=told, given=first, key=new_id(), reasons=list(Why)
    )


handlers: list[BaseRouteHandler] = [reprint_label, end_label, replace_page, replace]
