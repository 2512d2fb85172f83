"""A second person at somebody else's phone: scans the own badge and enters the own PIN or passphrase."""

from __future__ import annotations

from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from app.base import accounts
from app.base.accounts import WrongSecret
from app.base.beside import beside
from app.base.edges import Call
from app.base.fields import ScannedText, Secret
from app.base.permissions import Actor
from labels import codes, registry
from labels.errors import NotBadge
from labels.models import LabelState


class Second(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The badge of whoever looks on, and their secret."""

    badge: ScannedText
    secret: Secret


def owner_of_badge(session: Session, scanned: str) -> UUID:
    """Whose badge a scanned or typed text is; raises NotBadge."""
    try:
        label = registry.look_up(session, codes.parse(scanned))
    except codes.MistypedCode:
        raise NotBadge from None
    if label is None or label.state != LabelState.BOUND or label.kind != "badge" or label.subject is None:
        raise NotBadge
    return label.subject


async def second_person(call: Call, given: Second | None) -> Actor | None:
    """Who looks on, None where nobody does. Raises NotBadge, WrongSecret, TooMany.

    Whether somebody must, and that it is not the same person, the verb decides.
    """
    if given is None:
        return None
    account = await call.read(owner_of_badge, given.badge)
    knocked = await call.read(accounts.knock_beside, account)
    await call.write(accounts.count_try, knocked, call.now)
    if not await beside(accounts.secret_fits, knocked.stored, given.secret):
        raise WrongSecret
    await call.write(accounts.uncount_try, knocked, call.now)
    return await call.read(accounts.actor_of, account)
