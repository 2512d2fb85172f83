"""Somebody signed in changes their own PIN or passphrase: the old one asked, every other sign-in ended."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.base import accounts, audit
from app.base.accounts import TRIES, Knock, Token
from app.base.errors import Conflict
from app.base.fields import Secret
from app.base.models import Account, Invitation, SignIn
from app.base.permissions import Actor


class ChangeSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The secret that holds until now, and the one that is to hold."""

    current: Secret
    secret: Secret


def has_secret(session: Session, actor: Actor) -> bool:
    """Whether there is anything to change: in a demonstration an account may be entered without."""
    return session.execute(select(Account.secret).where(Account.id == actor.account)).scalar() is not None


def knock(session: Session, actor: Actor) -> Knock:
    """What the old secret is checked and counted against: apart from sign-in, so that neither locks the other."""
    stored = session.execute(
        select(Account.secret).where(Account.id == actor.account, Account.ended_at.is_(None))
    ).scalar()
    return Knock(
        account=actor.account, stored=stored, means=actor.means, counted=((f"own-secret {actor.account}", TRIES),)
    )


def change(session: Session, knocked: Knock, hashed: str, actor: Actor, now: datetime, *, renew: bool) -> Token | None:
    """Keep the new secret's hash after the old one fitted; ends all other sign-ins and unopened invitations.

    With ``renew`` the actor's own sign-in is replaced by a fresh one too, which is returned. Raises Conflict where the
    secret was changed meanwhile.
    """
    changed = session.execute(
        update(Account)
        .where(Account.id == actor.account, Account.secret == knocked.stored, Account.ended_at.is_(None))
        .values(secret=hashed)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict
    accounts.uncount_try(session, knocked, now)
    others = (SignIn.account == actor.account, SignIn.revoked_at.is_(None), SignIn.id != actor.sign_in)
    ended = session.execute(update(SignIn).where(*others).values(revoked_at=now)).rowcount  # type: ignore[attr-defined]
    session.execute(delete(Invitation).where(Invitation.account == actor.account))
    audit.note(session, actor, "account.change-secret", actor.account, now, count=ended)
    if not renew:
        return None
    session.execute(update(SignIn).where(SignIn.id == actor.sign_in).values(revoked_at=now))
    return accounts.sign_in(session, actor.account, actor.means, now)
