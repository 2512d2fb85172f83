"""The pages of the second person: the queue in batches, decisions by hand or key, and at somebody else's phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, NothingTicked, Refusal
from app.base.fields import PLAIN
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from inventory import packs
from inventory.cataloguing import catalogue
from inventory.releasing import release, release_queue, unrelease
from inventory.releasing.release import (
    BATCH,
    Decision,
    Grounds,
    IdentifyPack,
    RefuseMany,
    ReleaseMany,
    Why,
)
from inventory.releasing.release_api import RELEASES, decider
from inventory.releasing.release_queue import Stickers, Told, Wish
from inventory.releasing.unrelease import Unrelease
from labels.second_person import Second

Words = Annotated[str, QueryParameter(max_length=60, pattern=PLAIN)]
Text = Annotated[str, QueryParameter(max_length=40, pattern=PLAIN)]
MOST = 200
"""Packs in one decision of the page; written in parts, undone as one."""
_WISHES = tuple(field.name for field in msgspec.structs.fields(Wish))


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision of the page came to.

    ``batch``: the release, for its undo in one tap; ``beside``: that takes the badge of whoever came to this phone.
    """

    deed: str
    done: tuple[Decision, ...]
    called: dict[UUID, Told]
    batch: UUID | None
    stickers: Stickers
    beside: bool = False

    @property
    def went(self) -> int:
        return sum(1 for one in self.done if not one.code)

    @property
    def signed(self) -> tuple[Decision, ...]:
        return tuple(one for one in self.done if one.outcome == "signed")

    @property
    def left(self) -> tuple[Decision, ...]:
        return tuple(one for one in self.done if one.code)


def _when(call: Call) -> Callable[[datetime], str]:
    zone = ZoneInfo(call.settings.timezone)
    return lambda instant: instant.astimezone(zone).strftime("%m-%d %H:%M")


async def _queue(call: Call, wish: Wish, no: Refusal | None = None, **more: Any) -> Response[str]:
    midnight = datetime.combine(call.today, time(), ZoneInfo(call.settings.timezone))
    prints = call.actor.may(Permission.PRINT_LABELS)
    return call.page(
        "inventory/releasing/release.html",
        status=no.status if no else 200,
        queue=await call.read(release_queue.page, call.actor, wish, call.today),
        wish=wish,
        why=tuple(Why),
        grounds=tuple(Grounds),
        when=_when(call),
        new_key=new_id,
        refusal=no,
        stickers=await call.read(release_queue.released_since, call.actor, midnight) if prints else Stickers(),
        prints=prints,
        **{"outcome": None, "undone": None, "ticked": frozenset(), "at": "", "undo_beside": "", **more},
    )


def _wish(call: Call, form: Form) -> Wish:
    return call.filled(Wish, {name: form[name] for name in _WISHES if name in form})


@get("/release", guards=[may(Permission.READ_HOLD)], include_in_schema=False)
async def release_page(
    call: NamedDependency[Call],
    mine: FromQuery[bool] = False,
    station: Text = "",
    goods: Text = "",
    after: Text = "",
) -> Response[str]:
    """What waits for a second person: what this reader can decide first, received first comes first."""
    given = {"station": [station], "goods": [goods], "after": [after]}
    return await _queue(call, call.filled(Wish, given, mine=mine))


@post("/release/decide", guards=[RELEASES], include_in_schema=False, status_code=200)
async def decide(call: NamedDependency[Call]) -> Response[str]:
    """Release or refuse every pack of the form; says in words which ones could not be, and why.

    The form's ``do`` is ``release``, ``release:<grounds>`` or ``refuse:<reason>``, its ``packs`` are identifiers with
    commas between them. With a badge and a secret it is that person's decision.
    """
    form = await call.form()
    try:
        outcome = await _decided(call, form)
    except Refusal as no:
        if _text(form, "badge") or _text(form, "beside"):
            return await _second_form(call, form, no)
        return await _queue(call, _kept_wish(call, form), no, ticked=_ticked(form), at=_text(form, "at"))
    return await _queue(call, _kept_wish(call, form), outcome=outcome, at=_text(form, "at"))


async def _decided(call: Call, form: Form) -> Outcome:
    wanted, key = _packs(form), _key(form)
    deed, _, why = _text(form, "do").partition(":")
    who, phone = await decider(call, _second(call, form))
    if deed == "release":
        write: Callable[..., Any] = partial(_release_some, call, key, why, _text(form, "note"))
    elif deed == "refuse":
        write = partial(_refuse_some, call, key, why, _text(form, "note"))
    else:
        raise Invalid(("do", "choice", {}))
    done: list[Decision] = []
    for start in range(0, len(wanted), BATCH):
        done += await write(wanted[start : start + BATCH], who, phone)
    called = await call.read(release_queue.told, who, {one.pack for one in done})
    freed = [one for one in done if one.outcome == "released"]
    return Outcome(
        deed=deed, done=tuple(done), called=called,
        batch=freed[0].batch if freed else None,
        stickers=_stickers(freed, called), beside=phone is not None,
    )  # fmt: skip


def _stickers(freed: list[Decision], called: dict[UUID, Told]) -> Stickers:
    medicine = sum(1 for one in freed if one.pack in called and called[one.pack].medicine)
    return Stickers(medicine=medicine, supplies=len(freed) - medicine)


async def _release_some(
    call: Call, key: UUID, why: str, note: str, some: list[UUID], who: Actor, phone: Actor | None
) -> tuple[Decision, ...]:
    # Each pack's key is made from the form's, so that sending it twice is the same; so is the name for the undo.
    grounds = {"grounds": why} if why else {}
    orders = [{"key": uuid5(key, pack.hex), "pack": pack, "note": note, **grounds} for pack in some]
    many = call.filled(ReleaseMany, {}, packs=orders, batch=uuid5(key, "batch"))
    return await call.write(release.release_many, many, who, call.today, call.now, phone)


async def _refuse_some(
    call: Call, key: UUID, why: str, note: str, some: list[UUID], who: Actor, phone: Actor | None
) -> tuple[Decision, ...]:
    orders = [{"key": uuid5(key, pack.hex), "pack": pack, "reason": why, "note": note} for pack in some]
    many = call.filled(RefuseMany, {}, packs=orders)
    return await call.write(release.refuse_many, many, who, call.today, call.now, phone)


def _text(form: Form, name: str) -> str:
    return (form.get(name) or [""])[0]


def _key(form: Form) -> UUID:
    try:
        return UUID(_text(form, "key"))
    except ValueError:
        raise Invalid(("key", "identifier", {})) from None


def _packs(form: Form) -> list[UUID]:
    """The packs of a form, each once. Raises NothingTicked, and Invalid for what is none, or for too many."""
    texts = [text for given in form.get("packs", []) for text in given.split(",") if text]
    if not texts:
        raise NothingTicked
    if len(texts) > MOST:
        raise Invalid(("packs", "too_long", {"high": MOST}))
    try:
        return sorted({UUID(text) for text in texts})
    except ValueError:
        raise Invalid(("packs", "identifier", {})) from None


def _ticked(form: Form) -> frozenset[str]:
    return frozenset(text for given in form.get("packs", []) for text in given.split(","))


def _kept_wish(call: Call, form: Form) -> Wish:
    try:
        return _wish(call, form)
    except Invalid:
        return Wish()


def _second(call: Call, form: Form) -> Second | None:
    badge, secret = _text(form, "badge"), _text(form, "secret")
    if not badge and not secret and not _text(form, "beside"):
        return None
    if not (badge and secret):
        raise Invalid(("secret" if badge else "badge", "missing", {}))
    return call.filled(Second, {"badge": [badge], "secret": [secret]})


# ---------------------------------------------------------------- at somebody else's phone


@post("/release/second", guards=[RELEASES], include_in_schema=False, status_code=200)
async def second_form(call: NamedDependency[Call]) -> Response[str]:
    """Shows the packs of the form to somebody who came: they scan the own badge, enter the own PIN and decide."""
    form = await call.form()
    try:
        return await _second_form(call, form)
    except Refusal as no:
        return await _queue(call, _kept_wish(call, form), no)


async def _second_form(call: Call, form: Form, no: Refusal | None = None) -> Response[str]:
    faults = no.faults if isinstance(no, Invalid) else ()
    errors = [(field.rpartition(".")[2], call.say(f"fault.{code}", **params)) for field, code, params in faults]
    if no is not None and not errors:
        errors = [("badge", _words(call, no))]
    return call.page(
        "inventory/releasing/release_second.html",
        status=no.status if no else 200,
        batches=await call.read(release_queue.chosen, call.actor, _packs(form), call.today),
        errors=errors,
        badge=_text(form, "badge"),
        key=new_id(),
        why=tuple(Why),
        grounds=tuple(Grounds),
        when=_when(call),
        wish=_kept_wish(call, form),
    )


def _words(call: Call, no: Refusal) -> str:
    # What the sign-in page says of a wrong secret speaks of staff numbers; here a badge was scanned.
    key = f"release.second.{no.code}"
    return call.say(key) if call.tools.messages.has(key) else call.say(f"refusal.{no.code}.detail", **no.params)


# ---------------------------------------------------------------- undo, identify


@post("/release/undo", guards=[RELEASES], include_in_schema=False, status_code=200)
async def undo_release(call: NamedDependency[Call]) -> Response[str]:
    """Brings a release back, by whoever made it, also at this phone: all of its packs wait again, or none."""
    form = await call.form()
    wish = _kept_wish(call, form)
    try:
        undo = call.filled(Unrelease, {name: form[name] for name in ("key", "batch") if name in form})
        who, phone = await decider(call, _second(call, form))
        undone = await call.write(unrelease.unrelease, undo, who, call.now, phone)
    except Refusal as no:
        return await _queue(call, wish, no, undo_beside=_text(form, "batch") if _text(form, "beside") else "")
    return await _queue(call, wish, undone=len(undone.packs), at=str(undone.packs[0]))


@get("/packs/{pack:uuid}/identify", guards=[may(Permission.RELEASE_MEDICINE)], include_in_schema=False)
async def identify_page(call: NamedDependency[Call], pack: FromPath[UUID], q: Words = "") -> Response[str]:
    """Which item of the catalogue are these goods?"""
    told = await call.read(packs.pack_history, pack, call.actor, call.today)
    matches = await call.read(catalogue.find, q) if q else ()
    return call.page("inventory/receiving/identify.html", pack=told, q=q, matches=matches, key=new_id())


@post("/packs/{pack:uuid}/identify", guards=[may(Permission.RELEASE_MEDICINE)], include_in_schema=False)
async def identify_pack(call: NamedDependency[Call], pack: FromPath[UUID]) -> Response[Any]:
    """Book unknown goods under an item."""
    order = call.filled(IdentifyPack, await call.form(), pack=pack)
    await call.write(release.identify, order, call.actor, call.today, call.now)
    return call.go("/release")


handlers: list[BaseRouteHandler] = [
    release_page,
    decide,
    second_form,
    undo_release,
    identify_page,
    identify_pack,
]
