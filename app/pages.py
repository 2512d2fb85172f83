"""Pages of the first look, sign-in, invitations, people and the audit trail."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery
from markupsafe import Markup

from app import home, people, sign_in
from app.base import accounts, audit, own_secret
from app.base.audit import NoteLine
from app.base.edges import PUBLIC, Call, Form, may
from app.base.errors import Invalid, Refusal
from app.base.fields import ScannedText
from app.base.i18n import LANGUAGES
from app.base.ids import new_id
from app.base.own_secret import ChangeSecret
from app.base.permissions import PHONE_ROLES, Permission, Role
from app.http import AfterHandle, set_cookie
from app.people import Newcomer
from app.sign_in import Credentials, NewSecret, Pin
from labels import codes
from labels.render import qr_svg
from labels.second_person import owner_of_badge

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FEW = 100
_SPOKEN = 3
_YEAR = 31_536_000
_SHOWN: tuple[str, ...] = ("handle", "name", "role", "place", "doctor")


class Scanned(msgspec.Struct, frozen=True):
    """What was read from a badge."""

    text: ScannedText


class NewPerson(msgspec.Struct, frozen=True, kw_only=True):
    """The form of somebody new: ``place`` holds ``kind:id`` for each place chosen."""

    place: Annotated[tuple[str, ...], msgspec.Meta(max_length=50)] = ()


class ToldNote(msgspec.Struct, frozen=True, kw_only=True):
    """An audit note in the reader's words and the stations' time."""

    machine: str
    shown: str
    who: str
    words: str
    subject: str
    detail: str


class UnknownPhone(Refusal):
    """A badge was shown on a phone that no invitation was opened on."""

    code = "UNKNOWN_PHONE"
    status = 403


@get("/", opt=PUBLIC, include_in_schema=False)
async def home_page(call: NamedDependency[Call]) -> Response[Any]:
    """The doors of the reader's role; sign-in where nobody is signed in."""
    if call.actor_or_none is None:
        return call.go("/sign-in")
    alert = await call.read(home.alert, call.actor, call.now)
    since = f"{alert.at.astimezone(ZoneInfo(call.settings.timezone)):%m-%d %H:%M}" if alert else ""
    doors = await call.read(home.doors, call.actor, call.today)
    return call.page("home.html", doors=doors, role=call.actor.role, alert=alert, since=since)


@get("/sign-in", opt=PUBLIC, include_in_schema=False)
async def sign_in_page(call: NamedDependency[Call], next: FromQuery[str] = "/") -> Response[Any]:  # noqa: A002
    """Staff number and passphrase or PIN; on a known phone also the badge."""
    if call.actor_or_none is not None:
        return call.go(next)
    return await _sign_in_form(call, next)


@post("/sign-in", opt=PUBLIC, include_in_schema=False)
async def enter(call: NamedDependency[Call]) -> Response[Any]:
    """Sign in; a wrong number and a wrong secret look and last the same."""
    form = await call.form()
    onwards = _first(form, "next") or "/"
    try:
        given = call.filled(Credentials, form)
        token = await sign_in.enter(call, given.handle, given.secret)
    except Refusal as no:
        return await _sign_in_form(call, onwards, no, _first(form, "handle"))
    answer = call.go(onwards)
    sign_in.give_cookies(call, answer, token)
    return answer


async def _sign_in_form(call: Call, onwards: str, no: Refusal | None = None, handle: str = "") -> Response[Any]:
    device = sign_in.device_of(call)
    known = device is not None and await call.read(accounts.known_device, device) is not None
    return call.page("sign_in.html", **_told(call, no), next=onwards, handle=handle, known=known)


@post("/sign-out", guards=[may(Permission.READ_OWN)], include_in_schema=False)
async def leave(call: NamedDependency[Call]) -> Response[Any]:
    """End the sign-in on the server, then on this phone."""
    await call.form()
    await call.write(accounts.sign_out, call.actor, call.now)
    answer = call.go("/sign-in")
    set_cookie(answer, call.settings, "session", "", 0)
    return answer


@get("/secret", guards=[may(Permission.READ_OWN)], include_in_schema=False)
async def own_secret_page(call: NamedDependency[Call], done: FromQuery[bool] = False) -> Response[Any]:
    """Change one's own PIN or passphrase."""
    return await _own_secret(call, done=done)


@post("/secret", guards=[may(Permission.READ_OWN)], include_in_schema=False)
async def change_own_secret(call: NamedDependency[Call]) -> Response[Any]:
    """The old one is asked; all other sign-ins end, and this browser goes on with a new one."""
    form = await call.form()
    try:
        order = call.filled(ChangeSecret, form)
        if call.actor.role not in PHONE_ROLES and _first(form, "again") != order.secret:
            raise Invalid(("again", "again", {}))
        token = await sign_in.change_secret(call, order)
    except Refusal as no:
        return await _own_secret(call, no)
    answer = call.go("/secret?done=true")
    if token is not None:
        sign_in.give_cookies(call, answer, token)
    return answer


async def _own_secret(call: Call, no: Refusal | None = None, *, done: bool = False) -> Response[Any]:
    pin, has_secret = call.actor.role in PHONE_ROLES, await call.read(own_secret.has_secret, call.actor)
    return call.page("own_secret.html", **_told(call, no), pin=pin, has_secret=has_secret, done=done)


@post("/lang", opt=PUBLIC, include_in_schema=False)
async def choose_language(call: NamedDependency[Call]) -> Response[Any]:
    """Keep the chosen language in a cookie and go back to the page."""
    form = await call.form()
    chosen = _first(form, "lang")
    if chosen not in LANGUAGES:
        raise Invalid(("lang", "choice", {}))
    answer = call.go(_first(form, "next") or "/")
    answer.set_cookie("lang", chosen, max_age=_YEAR, path="/", secure=call.settings.secure, samesite="lax")
    return answer


@get("/join/{token:str}", opt=PUBLIC, include_in_schema=False)
async def invitation(call: NamedDependency[Call], token: FromPath[str]) -> Response[Any]:
    """Whom an invitation is for, and the one thing to do: choose a PIN or a passphrase."""
    return await _join_form(call, token)


@post("/join/{token:str}", opt=PUBLIC, include_in_schema=False)
async def join(call: NamedDependency[Call], token: FromPath[str]) -> Response[Any]:
    """Accept an invitation: this phone is known from now on."""
    form = await call.form()
    invited = await call.read(accounts.invited, token, call.now)
    try:
        secret = None if invited.demo else call.filled(NewSecret, form).secret
        if not (invited.demo or sign_in.takes_pin(invited)) and _first(form, "again") != secret:
            raise Invalid(("again", "again", {}))
        entry = await sign_in.join(call, token, secret)
    except Invalid as no:
        return await _join_form(call, token, no)
    answer = call.go("/")
    sign_in.give_cookies(call, answer, entry.token, entry.device)
    return answer


async def _join_form(call: Call, token: str, no: Refusal | None = None) -> Response[Any]:
    invited = await call.read(accounts.invited, token, call.now)
    return call.page("join.html", **_told(call, no), invited=invited, pin=sign_in.takes_pin(invited))


@post("/badge", opt=PUBLIC, include_in_schema=False)
async def show_badge(call: NamedDependency[Call]) -> Response[Any]:
    """A badge was scanned on a station's phone: go on to its PIN."""
    form = await call.form()
    try:
        await _known_phone(call)  # a stranger could tell by the answer which codes are badges
        owner = await call.read(owner_of_badge, call.filled(Scanned, form).text)
    except Refusal as no:
        return await _sign_in_form(call, "/", no)
    return call.go(f"/badge/{owner}")


@get("/badge/{account:uuid}", opt=PUBLIC, include_in_schema=False)
async def badge_page(call: NamedDependency[Call], account: FromPath[UUID]) -> Response[Any]:
    """The PIN that goes with a badge, on a known phone only."""
    return await _badge_form(call, account)


@post("/badge/{account:uuid}", opt=PUBLIC, include_in_schema=False)
async def enter_by_badge(call: NamedDependency[Call], account: FromPath[UUID]) -> Response[Any]:
    """Change hands of a shared phone: whoever was signed in is signed out."""
    form = await call.form()
    try:
        token = await sign_in.enter(call, account, call.filled(Pin, form).secret, "badge")
    except Refusal as no:
        return await _badge_form(call, account, no)
    answer = call.go("/")
    sign_in.give_cookies(call, answer, token)
    return answer


async def _badge_form(call: Call, account: UUID, no: Refusal | None = None) -> Response[Any]:
    await _known_phone(call)
    owner = await call.read(accounts.actor_of, account)
    return call.page("badge.html", **_told(call, no), owner=owner)


async def _known_phone(call: Call) -> None:
    device = sign_in.device_of(call)
    if device is None or await call.read(accounts.known_device, device) is None:
        raise UnknownPhone


@get("/people", guards=[may(Permission.READ_ACCOUNTS)], include_in_schema=False)
async def people_page(call: NamedDependency[Call], after: AfterHandle = "", find: AfterHandle = "") -> Response[Any]:
    """The accounts in the reader's scope, and the form to let somebody in."""
    return await _people(call, after=after, find=find)


@post("/people", guards=[may(Permission.INVITE)], include_in_schema=False)
async def let_in(call: NamedDependency[Call]) -> Response[Any]:
    """Make an account and show its invitation at once."""
    form = await call.form()
    try:
        chosen = call.filled(NewPerson, form).place
        new = call.filled(Newcomer, form, scopes=[place.split(":", 1) for place in chosen])
        account = await call.write(people.let_in, call.vault, new, call.actor, call.now)
    except Refusal as no:
        return await _people(call, no, form)
    return await _invite(call, account)


@post("/people/{account:uuid}/invitation", guards=[may(Permission.INVITE)], include_in_schema=False)
async def invite(call: NamedDependency[Call], account: FromPath[UUID]) -> Response[Any]:
    """A fresh invitation; shown once."""
    await call.form()
    return await _invite(call, account)


@post("/people/{account:uuid}/badge", guards=[may(Permission.INVITE)], include_in_schema=False)
async def make_badge(call: NamedDependency[Call], account: FromPath[UUID]) -> Response[Any]:
    """A badge to print for the shared phones of a station."""
    await call.form()
    code = await call.write(people.badge, account, call.actor, call.now)
    address = codes.url(call.settings.base_url, code)
    owner = await call.read(accounts.actor_of, account)
    picture = Markup(qr_svg(address, title=call.say("account.badge_qr")))  # noqa: S704 - our own drawing of our own code
    return call.page("link.html", path="/people", owner=owner, picture=picture, code=codes.shown(code), address="")


@post("/people/{account:uuid}/end-sign-ins", guards=[may(Permission.END_ACCOUNT)], include_in_schema=False)
async def end_sign_ins(call: NamedDependency[Call], account: FromPath[UUID]) -> Response[Any]:
    """A phone was lost: end every sign-in of the account at once."""
    await call.form()
    await call.write(people.end_sign_ins, account, call.actor, call.now)
    return await _back_to(call, account)


@post("/people/{account:uuid}/end", guards=[may(Permission.END_ACCOUNT)], include_in_schema=False)
async def end(call: NamedDependency[Call], account: FromPath[UUID]) -> Response[Any]:
    """Let an account in no more."""
    await call.form()
    await call.write(people.end, account, call.actor, call.now)
    return await _back_to(call, account)


async def _invite(call: Call, account: UUID) -> Response[Any]:
    token = await call.write(people.invite, account, call.actor, call.now)
    address = f"{call.settings.base_url}/join/{token}"
    owner = await call.read(accounts.actor_of, account)
    picture = Markup(qr_svg(address, title=call.say("account.invitation_qr")))  # noqa: S704 - our own drawing
    return call.page("link.html", path="/people", owner=owner, picture=picture, code="", address=address)


async def _back_to(call: Call, account: UUID) -> Response[Any]:
    """The list at the one somebody just did something about."""
    handle = await call.read(people.handle_of, account)
    return call.go(f"/people?find={quote(handle)}")


async def _people(
    call: Call, no: Refusal | None = None, form: Form | None = None, after: str = "", find: str = ""
) -> Response[Any]:
    found = await call.read(people.everyone, call.actor, call.now, after, FEW, find)
    found_places = await call.read(people.places, call.actor)
    return call.page(
        "people.html",
        **_told(call, no),
        people=found,
        more=found[-1].handle if len(found) == FEW else None,
        find=find,
        roles=people.roles_below(call.actor),
        places=[(kind, list(group)) for kind, group in groupby(found_places, key=lambda place: place.kind)],
        scope_of=people.SCOPE_OF,
        key=new_id(),
        form={name: (form or {}).get(name, []) for name in _SHOWN},
        below=set(people.roles_below(call.actor)),
    )


@get("/audit", guards=[may(Permission.READ_OWN)], include_in_schema=False)
async def audit_page(call: NamedDependency[Call], before: FromQuery[UUID | None] = None) -> Response[Any]:
    """What was done, newest first: for an auditor all, for an administrator accounts, for others the own doings."""
    found = await call.read(audit.notes, call.actor, before, FEW)
    return call.page(
        "audit.html",
        notes=[_told_note(call, note) for note in found],
        more=found[-1].id if len(found) == FEW else None,
        scope={Role.AUDITOR: "all", Role.ADMINISTRATOR: "accounts"}.get(call.actor.role, "own"),
    )


def _told(call: Call, no: Refusal | None) -> dict[str, Any]:
    """A refusal as a form's page shows it: its status, faults at their fields, everything else above the form."""
    if no is None:
        return {"errors": []}
    faults = getattr(no, "faults", ())
    errors = [(field, call.say(f"fault.{code}", **params)) for field, code, params in faults]
    words = " ".join(call.say(f"refusal.{no.code}.{part}", **no.params) for part in ("title", "detail"))
    return {"status": no.status, "errors": errors, "notices": () if errors else (("bad", words),)}


def _told_note(call: Call, note: NoteLine) -> ToldNote:
    local = note.at.astimezone(ZoneInfo(call.settings.timezone))
    key = f"audit.verb.{note.verb}"
    return ToldNote(
        machine=local.isoformat(timespec="seconds"),
        shown=f"{local:%m-%d %H:%M}",
        who=f"{call.say(f'role.{note.role}')} {note.handle}" if note.handle else "",
        words=call.say(key) if call.tools.messages.has(key) else note.verb,
        subject=str(note.subject)[-8:] if note.subject else "",
        detail=" · ".join(
            f"{_worded(call, 'audit.fact', name)} {_plain(call, value)}"
            for name, value in note.detail.items()
            if value not in ([], "", None)
        ),
    )


def _plain(call: Call, value: object) -> str:
    """A value of an audit note in words; of an id, as everywhere on the page, its last eight characters."""
    if isinstance(value, list):
        few = [_plain(call, one) for one in value[:_SPOKEN]]
        return "、".join(few if len(value) <= _SPOKEN else [*few, "…"])
    text = str(value)
    return text[-8:] if _ID.fullmatch(text) else _worded(call, "audit.value", text)


def _worded(call: Call, family: str, name: str) -> str:
    key = f"{family}.{name}"
    return call.say(key) if call.tools.messages.has(key) else name


def _first(form: Form, name: str) -> str:
    return (form.get(name) or [""])[0]


handlers: list[BaseRouteHandler] = [
    home_page,
    sign_in_page,
    enter,
    leave,
    own_secret_page,
    change_own_secret,
    choose_language,
    invitation,
    join,
    show_badge,
    badge_page,
    enter_by_badge,
    people_page,
    let_in,
    invite,
    make_badge,
    end_sign_ins,
    end,
    audit_page,
]
