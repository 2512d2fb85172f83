"""The page on which goods are looked at that came without a look; from every place that tells of them it is one tap."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.ids import new_id
from app.base.permissions import Permission
from inventory.errors import AlreadyLooked, NotHeld
from inventory.receiving.counter import Seen
from inventory.releasing import looking
from inventory.releasing.looking import LookAtPack, LookedAt, Unseen

_LOOKS = may(Permission.RECEIVE)


async def _page(
    call: Call, pack: UUID, unseen: Unseen | None, form: Form | None = None, no: Refusal | None = None, **more: Any
) -> Response[str]:
    faults = no.faults if isinstance(no, Invalid) else ()
    errors = [(field.rpartition(".")[2], call.say(f"fault.{code}", **params)) for field, code, params in faults]
    return call.page(
        "inventory/releasing/look.html", status=no.status if no else 200, pack=pack, unseen=unseen, refusal=no,
        errors=errors, fault=defaultdict(str, errors), key=new_id(), done=more.get("done"), count=more.get("count", 0),
        values=defaultdict(str, {name: texts[0] for name, texts in (form or {}).items() if texts}),
    )  # fmt: skip


@get("/packs/{pack:uuid}/look", guards=[_LOOKS], include_in_schema=False)
async def look_page(call: NamedDependency[Call], pack: FromPath[UUID]) -> Response[str]:
    """Look at the box."""
    try:
        return await _page(call, pack, await call.read(looking.unseen, pack, call.actor, call.today))
    except (NotHeld, AlreadyLooked) as no:
        return await _page(call, pack, None, no=no)


@post("/packs/{pack:uuid}/look", guards=[_LOOKS], include_in_schema=False, status_code=200)
async def look_on_page(call: NamedDependency[Call], pack: FromPath[UUID]) -> Response[str]:
    """Write the look down, of this pack or of all alike; a refusal shows the form again with what was ticked."""
    form = await call.form()
    try:
        unseen = await call.read(looking.unseen, pack, call.actor, call.today)
    except (NotHeld, AlreadyLooked) as no:
        return await _page(call, pack, None, no=no)
    try:
        done = await _looked(call, pack, unseen, form)
    except Refusal as no:
        return await _page(call, pack, unseen, form, no)
    return await _page(call, pack, None, done=done[0], count=len(done))


async def _looked(call: Call, pack: UUID, unseen: Unseen, form: Form) -> list[LookedAt]:
    if not form.get("look"):
        raise Invalid(("look", "missing", {}))
    seen = call.filled(Seen, form).answered()
    if unseen.alcohol and seen.volume_ml is None:
        raise Invalid(("volume_ml", "missing", {}))
    key = call.filled(LookAtPack, {"key": form.get("key", [])}, pack=pack, look={}).key
    packs = unseen.alike if form.get("all") else (pack,)
    return [
        await call.write(
            looking.look_at, LookAtPack(key=uuid5(key, one.hex), pack=one, look=seen), call.actor, call.today, call.now
        )
        for one in packs
    ]


handlers: list[BaseRouteHandler] = [look_page, look_on_page]
