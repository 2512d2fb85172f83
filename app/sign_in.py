"""Signs somebody in: the try is counted first, the secret checked beside the writer, and every entry gets a new id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from app.base import accounts, own_secret
from app.base.accounts import Entry, Token, WrongSecret
from app.base.beside import beside as beside
from app.base.edges import Call
from app.base.errors import Invalid
from app.base.fields import Secret, Word
from app.base.own_secret import ChangeSecret
from app.base.passwords import must_be_good
from app.base.permissions import PHONE_ROLES
from app.http import cookie_name, set_cookie

_DEVICE_SECONDS = 400 * 86_400


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A staff number and its passphrase (or PIN)."""

    handle: Word
    secret: Secret


class NewSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PIN or passphrase that somebody chooses."""

    secret: Secret


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The PIN that goes with a badge."""

    secret: Secret


async def enter(call: Call, who: str | UUID, secret: str, means: str | None = None) -> Token:
    """Sign in by staff number, or by a badge's account; raises WrongSecret, TooMany."""
    client = call.request.client
    knocked = await call.read(accounts.knock, who, device_of(call), client.host if client else "")
    await call.write(accounts.count_try, knocked, call.now)
    if not await beside(accounts.secret_fits, knocked.stored, secret):
        raise WrongSecret
    return await call.write(accounts.let_in, knocked, leaving(call), call.now, means)


async def join(call: Call, token: str, secret: str | None) -> Entry:
    """Accept an invitation with a chosen secret (None in a demonstration). Raises InvitationSpent, Invalid."""
    invited = await call.read(accounts.invited, token, call.now)
    hashed = await beside(accounts.hash_secret, invited.role, secret) if secret is not None else None
    return await call.write(accounts.accept_invitation, token, hashed, call.now)


async def change_secret(call: Call, order: ChangeSecret) -> Token | None:
    """Change one's own PIN or passphrase; returns the browser's fresh sign-in. Raises Invalid, TooMany, Conflict."""
    must_be_good(call.actor.role, order.secret)
    knocked = await call.read(own_secret.knock, call.actor)
    await call.write(accounts.count_try, knocked, call.now)
    if not await beside(accounts.secret_fits, knocked.stored, order.current):
        raise Invalid(("current", "old_secret", {}))
    hashed = await beside(accounts.hash_secret, call.actor.role, order.secret)
    renew = leaving(call) is not None
    return await call.write(own_secret.change, knocked, hashed, call.actor, call.now, renew=renew)


def device_of(call: Call) -> str | None:
    """The mark of a known phone that the browser sent, if any."""
    return call.request.cookies.get(cookie_name(call.settings, "device"))


def leaving(call: Call) -> UUID | None:
    """The sign-in that this browser had until now."""
    return call.actor_or_none.sign_in if call.actor_or_none and call.request.scope.get("auth") else None


def give_cookies(call: Call, answer: Response[Any], token: Token, device: str | None = None) -> None:
    """Hand the browser its sign-in and, after an invitation, the mark of a known phone."""
    seconds = int((token.ends_at - call.now).total_seconds())
    set_cookie(answer, call.settings, "session", token.token, seconds)
    if device is not None:
        set_cookie(answer, call.settings, "device", device, _DEVICE_SECONDS)


def takes_pin(invited: accounts.Invited) -> bool:
    """Whether the account chooses a PIN (phone roles) rather than a passphrase."""
    return invited.role in PHONE_ROLES
