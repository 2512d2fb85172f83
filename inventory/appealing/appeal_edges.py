"""The ways in to appeals: for those who write them, and for anyone who reads them, on a screen or as a poster."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, QueryParameter

from app.base.edges import PUBLIC, Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import PLAIN
from app.base.ids import new_id
from app.base.permissions import Permission
from inventory import stations
from inventory.appealing import appeals
from inventory.appealing.appeals import NewAppeal, Published, Told, WithdrawAppeal
from labels.render import qr_svg

Text = Annotated[str, QueryParameter(max_length=40, pattern=PLAIN)]
_GUARDS = [may(Permission.EDIT_APPEAL)]
GIVE = "/give"
USUAL = timedelta(days=14)
"""How long an appeal speaks, if nobody says otherwise."""
_PLAIN = ("key", "title_zh", "title_en", "text_zh", "text_en", "until")
NEVER = ("IN08_RX", "IN06_OPENED", "IN05_TOO_SHORT", "IN12_COLD", "IN10_INJECTION", "IN10_CONTROLLED")
"""What is never taken, in the words that screening has for the donor."""


@post("/api/appeals", operation_id="publishAppeal", guards=_GUARDS, status_code=201)
async def publish_appeal(call: NamedDependency[Call], data: JSONBody[NewAppeal]) -> Published:
    """Publish an appeal of a community or of the whole sub-district; it takes the place of the last one."""
    return await call.write(appeals.publish, data, call.actor, call.today, call.now)


@post("/api/appeals/withdraw", operation_id="withdrawAppeal", guards=_GUARDS, status_code=200)
async def withdraw_appeal(call: NamedDependency[Call], data: JSONBody[WithdrawAppeal]) -> Published:
    """Let an appeal fall silent; its versions stay."""
    return await call.write(appeals.withdraw, data, call.actor, call.now)


@get("/api/appeals", operation_id="readAppeals", opt=PUBLIC)
async def read_appeals(call: NamedDependency[Call]) -> tuple[Told, ...]:
    """The appeals that speak today: what is wanted, and where to bring it. For anyone, and without any person."""
    return await call.read(appeals.current, call.today)


# ---------------------------------------------------------------- for those who write


@get("/appeals", guards=_GUARDS, include_in_schema=False)
async def appeals_page(call: NamedDependency[Call], community: Text = "") -> Response[str]:
    """What speaks now, all versions, and the form of the next, filled with what the last one said."""
    own = await call.read(appeals.communities, call.actor)
    chosen = _community(call, community) or (None if call.actor.everywhere or not own else own[0][0])
    said = await call.read(appeals.last_said, call.actor, chosen)
    return await _page(call, _as_form(said or {}, chosen, call.today))


def _community(call: Call, text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Invalid(("community", "identifier", {})) from None


def _as_form(said: dict[str, Any], community: UUID | None, today: date) -> Form:
    form: Form = {name: [said[name]] for name in ("title_zh", "title_en", "text_zh", "text_en") if name in said}
    form["community"] = [str(community)] if community else []
    form["until"] = [(today + USUAL).isoformat()]
    form["wanted"] = [line["item"] for line in said.get("wanted", ())]
    form["unwanted"] = list(said.get("unwanted", ()))
    for line in said.get("wanted", ()):
        form[f"roughly-{line['item']}"] = [str(line["roughly"] or "")]
    form["station"] = [one["station"] for one in said.get("bring_to", ())]
    for one in said.get("bring_to", ()):
        form[f"address-{one['station']}"], form[f"hours-{one['station']}"] = [one["address"]], [one["hours"]]
    return form


async def _page(call: Call, form: Form, no: Refusal | None = None) -> Response[str]:
    faults = no.faults if isinstance(no, Invalid) else ()
    return call.page(
        "inventory/appealing/appeals.html",
        status=no.status if no else 200,
        versions=await call.read(appeals.versions, call.actor, call.today),
        offers=await call.read(appeals.offers, call.actor, call.today),
        communities=await call.read(appeals.communities, call.actor),
        stations=await call.read(stations.stations, call.actor),
        first={name: given[0] for name, given in form.items() if given},
        many={name: frozenset(form.get(name, [])) for name in ("wanted", "unwanted", "station")},
        errors=[(field, call.say(f"fault.{code}", **params)) for field, code, params in faults],
        refusal=no,
        key=new_id(),
        new_key=new_id,
        today=call.today,
    )


@post("/appeals", guards=_GUARDS, include_in_schema=False)
async def publish_form(call: NamedDependency[Call]) -> Response[Any]:
    """Publish it; a refusal shows the form again with everything that was typed."""
    form = await call.form()
    try:
        await call.write(appeals.publish, _new(call, form), call.actor, call.today, call.now)
    except Refusal as no:
        return await _page(call, form, no)
    return call.go("/appeals")


def _new(call: Call, form: Form) -> NewAppeal:
    plain = {
        name: form[name] for name in ("key", "title_zh", "title_en", "text_zh", "text_en", "until") if name in form
    }
    community = _community(call, (form.get("community") or [""])[0])
    wanted = [{"item": item, "roughly": _roughly(form, item)} for item in form.get("wanted", [])]
    bring_to = [
        {
            "station": one,
            **{name: (form.get(f"{name}-{one}") or [""])[0] for name in ("address", "hours")},
        }
        for one in form.get("station", [])
    ]
    return call.filled(
        NewAppeal, plain, community=community, wanted=wanted, unwanted=form.get("unwanted", []), bring_to=bring_to
    )


def _roughly(form: Form, item: str) -> int | None:
    text = (form.get(f"roughly-{item}") or [""])[0].strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise Invalid(("wanted", "whole_number", {}))
    return int(text)


@post("/appeals/withdraw", guards=_GUARDS, include_in_schema=False)
async def withdraw_form(call: NamedDependency[Call]) -> Response[Any]:
    """One tap, and the public page falls silent."""
    form = await call.form()
    try:
        await call.write(appeals.withdraw, call.filled(WithdrawAppeal, form), call.actor, call.now)
    except Refusal as no:
        return await _page(call, {}, no)
    return call.go("/appeals")


# ---------------------------------------------------------------- for anyone


@get(["/give", "/GIVE"], opt=PUBLIC, include_in_schema=False)
async def give_page(call: NamedDependency[Call]) -> Response[Any]:
    """What is wanted, what is never taken, and where to bring it."""
    if call.request.scope["path"] != GIVE:
        return call.go(GIVE)
    found = await call.read(appeals.current, call.today)
    return call.page("inventory/appealing/give.html", appeals=found, never=NEVER)


@get("/give/poster", opt=PUBLIC, include_in_schema=False)
async def poster_page(call: NamedDependency[Call]) -> Response[str]:
    """The same as a poster for the wall, with a QR that leads to the page."""
    found = await call.read(appeals.current, call.today)
    address = call.settings.base_url.rstrip("/") + GIVE
    drawn = qr_svg(address.upper() if call.settings.base_url.islower() else address, title=call.say("give.qr"))
    return call.page(
        "inventory/appealing/poster.html", appeals=found, never=NEVER, qr=drawn, address=address.partition("//")[2]
    )


handlers: list[BaseRouteHandler] = [
    publish_appeal,
    withdraw_appeal,
    read_appeals,
    appeals_page,
    publish_form,
    withdraw_form,
    give_page,
    poster_page,
]
