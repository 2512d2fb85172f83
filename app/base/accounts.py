"""Accounts, invitations and sign-ins: who is known, on which phone, and until when."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.base import audit
from app.base.attempts import TRY_WINDOW as TRY_WINDOW
from app.base.attempts import digest as digest
from app.base.attempts import failed, forgive, not_too_many
from app.base.db import Asking
from app.base.errors import NotFound, Refusal, SignInNeeded
from app.base.fields import Line
from app.base.ids import new_id
from app.base.models import Account, AccountScope, Device, Invitation, SignIn
from app.base.passwords import hash_secret as hash_secret
from app.base.passwords import secret_fits as secret_fits
from app.base.permissions import PHONE_ROLES, Actor, Role, ScopeKind
from app.base.prepared import Prepared
from app.base.vault import Vault

DEVICE_DAYS = 180
DESK_HOURS = 12
DESK_IDLE = timedelta(minutes=30)
BADGE_IDLE = timedelta(minutes=30)
INVITATION_DAYS = 7
TOKEN_DAYS = 365
TRIES = 10
ADDRESS_TRIES = 100
_SEEN_STEP = timedelta(minutes=1)


class WrongSecret(Refusal):
    """Handle, passphrase or PIN do not fit (which one is not told)."""

    code = "WRONG_SECRET"
    status = 401


class InvitationSpent(Refusal):
    """The invitation was used, has ended, or never was."""

    code = "INVITATION_SPENT"
    status = 403


class HandleTaken(Refusal):
    """Another account has this staff number."""

    code = "HANDLE_TAKEN"
    status = 409


Handle = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[\w.-]+\Z")]
"""A staff number: letters of any script, digits, dots and dashes; typed at every sign-in, so without blanks."""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody to let in: role, staff number, and where the role holds."""

    role: Role
    handle: Handle
    scopes: Annotated[tuple[tuple[ScopeKind, UUID], ...], msgspec.Meta(max_length=50)] = ()
    name: Line | None = None
    doctor: bool = False


class Token(msgspec.Struct, frozen=True):
    """A fresh sign-in: the token goes to the browser or program once, the store keeps its digest."""

    token: str
    sign_in: UUID
    ends_at: datetime


def csrf_token(token: str) -> str:
    """The form token bound to a sign-in."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def create(session: Session, vault: Vault, new: NewAccount, actor: Actor, now: datetime) -> UUID:
    """Make an account; its name is sealed. Returns its id; raises HandleTaken."""
    account = new_id()
    sealed = vault.admit(session, account).seal("accounts.name", new.name) if new.name else None
    try:
        session.execute(
            insert(Account).values(
                id=account, handle=new.handle, role=new.role, name=sealed, doctor=new.doctor, created_at=now
            )
        )
    except IntegrityError:
        raise HandleTaken from None
    for kind, scope in new.scopes:
        session.execute(insert(AccountScope).values(account=account, kind=kind, scope=scope))
    audit.note(session, actor, "account.create", account, now, role=new.role.value)
    return account


def invite(session: Session, account: UUID, actor: Actor, now: datetime, *, uses: int = 1, demo: bool = False) -> str:
    """A fresh invitation token for an account; earlier unused ones stop working. Shown once, as a QR or link."""
    _living(session, account)
    token = secrets.token_urlsafe(24)
    session.execute(delete(Invitation).where(Invitation.account == account))
    session.execute(
        insert(Invitation).values(
            id=new_id(),
            digest=digest(token),
            account=account,
            uses_left=uses,
            demo=demo,
            made_by=actor.account,
            ends_at=now + timedelta(days=INVITATION_DAYS),
        )
    )
    audit.note(session, actor, "account.invite", account, now)
    return token


class Invited(msgspec.Struct, frozen=True):
    """Whom an invitation is for."""

    account: UUID
    role: Role
    handle: str
    demo: bool
    has_secret: bool


def invited(session: Session, token: str, now: datetime) -> Invited:
    """Whom an unused invitation is for; raises InvitationSpent."""
    row = session.execute(
        select(Account.id, Account.role, Account.handle, Account.secret, Invitation.demo)
        .join(Account, Account.id == Invitation.account)
        .where(
            Invitation.digest == digest(token),
            Invitation.uses_left > 0,
            Invitation.ends_at > now,
            Account.ended_at.is_(None),
        )
    ).first()
    if row is None:
        raise InvitationSpent
    return Invited(row.id, row.role, row.handle, row.demo, row.secret is not None)


class Entry(msgspec.Struct, frozen=True):
    """What the browser gets when an invitation is accepted: a sign-in, and the mark of a known phone."""

    token: Token
    device: str


def accept_invitation(session: Session, token: str, secret_hash: str | None, now: datetime) -> Entry:
    """Use an invitation: set the secret (its hash), know this phone, sign in.

    Only a demo store's invitation goes without a secret. Raises InvitationSpent.
    """
    who = invited(session, token, now)
    if secret_hash is None and not who.demo:
        raise InvitationSpent
    spent = session.execute(
        update(Invitation)
        .where(Invitation.digest == digest(token), Invitation.uses_left > 0)
        .values(uses_left=Invitation.uses_left - 1)
    )
    if spent.rowcount != 1:  # type: ignore[attr-defined]
        raise InvitationSpent
    if secret_hash is not None:
        session.execute(update(Account).where(Account.id == who.account).values(secret=secret_hash))
    device = secrets.token_urlsafe(32)
    session.execute(insert(Device).values(id=new_id(), digest=digest(device), account=who.account, created_at=now))
    audit.note(session, None, "account.accept-invitation", who.account, now)
    means = "device" if who.role in PHONE_ROLES else "desk"
    return Entry(sign_in(session, who.account, means, now), device)


def sign_in(session: Session, account: UUID, means: str, now: datetime) -> Token:
    """A sign-in with a fresh token by ``device`` (a known phone), ``badge`` (shared phone), ``desk`` or ``program``."""
    role = _living(session, account)
    token = secrets.token_urlsafe(32)
    idle, life = {
        "device": (None, timedelta(days=DEVICE_DAYS)),
        "badge": (BADGE_IDLE, timedelta(hours=DESK_HOURS)),
        "desk": (DESK_IDLE, timedelta(hours=DESK_HOURS)),
        "program": (None, timedelta(days=TOKEN_DAYS)),
    }[means]
    made = new_id()
    session.execute(
        insert(SignIn).values(
            id=made,
            digest=digest(token),
            account=account,
            means=means,
            idle_seconds=int(idle.total_seconds()) if idle else None,
            created_at=now,
            seen_at=now,
            ends_at=now + life,
        )
    )
    audit.note(session, Actor(account=account, role=role), "account.sign-in", account, now, means=means)
    return Token(token, made, now + life)


class Known(msgspec.Struct, frozen=True):
    """Whose a token is; ``stale``: its ``seen_at`` should be moved; ``until``: the answer holds no longer than this."""

    actor: Actor
    stale: bool
    until: datetime


# Asked on every request.
_WHO = Prepared(
    select(
        SignIn.id, SignIn.account, SignIn.means, SignIn.seen_at, SignIn.idle_seconds, SignIn.ends_at,
        Account.role, Account.handle, Account.doctor,
    )
    .join(Account, Account.id == SignIn.account)
    .where(
        SignIn.digest == bindparam("of_token"),
        SignIn.revoked_at.is_(None),
        SignIn.ends_at > bindparam("at"),
        Account.ended_at.is_(None),
    )
)  # fmt: skip
_SCOPES = Prepared(select(AccountScope.kind, AccountScope.scope).where(AccountScope.account == bindparam("of_account")))


def who(session: Asking, token: str, now: datetime) -> Known:
    """Whose a token is; raises SignInNeeded where it is nobody's, or the sign-in has ended or lain idle too long."""
    row = _WHO.first(session, of_token=digest(token), at=now)
    if row is None:
        raise SignInNeeded
    idle_end = row.ends_at if row.idle_seconds is None else row.seen_at + timedelta(seconds=row.idle_seconds)
    if now > idle_end:
        raise SignInNeeded
    actor = _actor(session, row.account, row.role, row.handle, row.doctor, row.id, row.means)
    return Known(actor, now - row.seen_at > _SEEN_STEP, min(row.ends_at, idle_end, row.seen_at + _SEEN_STEP))


def actor_of(session: Session, account: UUID) -> Actor:
    """An account as an actor (a second person who entered badge and PIN); raises NotFound."""
    row = session.execute(
        select(Account.role, Account.handle, Account.doctor).where(Account.id == account, Account.ended_at.is_(None))
    ).first()
    if row is None:
        raise NotFound
    return _actor(session, account, row.role, row.handle, row.doctor, None, "badge")


def _actor(
    session: Asking, account: UUID, role: Role, handle: str, doctor: bool, sign_in_id: UUID | None, means: str
) -> Actor:
    scopes: dict[ScopeKind, set[UUID]] = {kind: set() for kind in ScopeKind}
    for kind, scope in _SCOPES.all(session, of_account=account):
        scopes[kind].add(scope)
    return Actor(
        account=account,
        role=role,
        handle=handle,
        doctor=doctor,
        stations=frozenset(scopes[ScopeKind.STATION]),
        teams=frozenset(scopes[ScopeKind.TEAM]),
        communities=frozenset(scopes[ScopeKind.COMMUNITY]),
        sign_in=sign_in_id,
        means=means,
    )


def seen(session: Session, sign_in_id: UUID, now: datetime) -> None:
    """Move a sign-in's idle clock."""
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(seen_at=now))


def known_device(session: Session, device: str) -> UUID | None:
    """Whose invitation was opened on this phone, if it was not revoked since; None where the phone is not known."""
    return session.execute(
        select(Device.account)
        .join(Account, Account.id == Device.account)
        .where(Device.digest == digest(device), Device.revoked_at.is_(None), Account.ended_at.is_(None))
    ).scalar()


class Knock(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at the door: what is stored of the account, if there is one, and what a wrong try counts against."""

    account: UUID | None
    stored: str | None
    means: str
    counted: tuple[tuple[str, int], ...]


def knock(session: Session, who_is_it: str | UUID, device: str | None, address: str) -> Knock:
    """What a try by staff number (or by a badge's account) will be checked against, and counted against.

    A PIN opens nothing from a phone that no invitation was opened on. Tries from the account's own phone, from another
    known phone and from elsewhere are counted apart, so that a stranger's guessing cannot lock the owner out.
    """
    owner = known_device(session, device) if device else None
    column = Account.id if isinstance(who_is_it, UUID) else Account.handle
    row = session.execute(
        select(Account.id, Account.role, Account.secret).where(column == who_is_it, Account.ended_at.is_(None))
    ).first()
    subject = str(row.id) if row else str(who_is_it)
    if owner is None:
        counted: tuple[tuple[str, int], ...] = ((f"away {subject}", TRIES), (f"address {address}", ADDRESS_TRIES))
    elif row is not None and owner == row.id:
        counted = ((f"own {subject}", TRIES),)
    else:
        counted = ((f"known {subject}", TRIES),)
    if row is None or (row.role in PHONE_ROLES and owner is None):
        return Knock(account=None, stored=None, means="", counted=counted)
    means = ("device" if owner == row.id else "badge") if row.role in PHONE_ROLES else "desk"
    return Knock(account=row.id, stored=row.secret, means=means, counted=counted)


def knock_beside(session: Session, account: UUID) -> Knock:
    """What a second person's secret, entered on somebody else's signed-in phone, is checked and counted against."""
    stored = session.execute(select(Account.secret).where(Account.id == account, Account.ended_at.is_(None))).scalar()
    return Knock(account=account, stored=stored, means="badge", counted=((f"beside {account}", TRIES),))


def count_try(session: Session, knocked: Knock, now: datetime) -> None:
    """Count a try before its secret is looked at, so that guesses sent at once are bounded too; raises TooMany."""
    for subject, limit in knocked.counted:
        not_too_many(session, [subject], now, limit)
    failed(session, [subject for subject, _ in knocked.counted], now)


def let_in(session: Session, knocked: Knock, leaving: UUID | None, now: datetime, means: str | None = None) -> Token:
    """A fresh sign-in after the secret fitted; the try no longer counts, and ``leaving`` (a sign-in) is ended."""
    if knocked.account is None:
        raise WrongSecret
    uncount_try(session, knocked, now)
    if leaving is not None:
        session.execute(update(SignIn).where(SignIn.id == leaving).values(revoked_at=now))
    return sign_in(session, knocked.account, means or knocked.means, now)


def uncount_try(session: Session, knocked: Knock, now: datetime) -> None:
    """The secret fitted: the try no longer counts."""
    forgive(session, [subject for subject, _ in knocked.counted], now)


def sign_out(session: Session, actor: Actor, now: datetime) -> None:
    """End the actor's own sign-in on the server."""
    session.execute(update(SignIn).where(SignIn.id == actor.sign_in).values(revoked_at=now))
    audit.note(session, actor, "account.sign-out", actor.account, now)


def end_sign_ins(session: Session, account: UUID, actor: Actor, now: datetime) -> int:
    """End every sign-in, phone and unopened invitation of an account at once; returns how many sign-ins ended."""
    ended = session.execute(
        update(SignIn).where(SignIn.account == account, SignIn.revoked_at.is_(None)).values(revoked_at=now)
    ).rowcount  # type: ignore[attr-defined]
    session.execute(update(Device).where(Device.account == account, Device.revoked_at.is_(None)).values(revoked_at=now))
    session.execute(delete(Invitation).where(Invitation.account == account))
    audit.note(session, actor, "account.end-sign-ins", account, now, count=ended)
    return int(ended)


def end_account(session: Session, account: UUID, actor: Actor, now: datetime) -> None:
    """Let an account in no more, from the next request on."""
    _living(session, account)
    session.execute(update(Account).where(Account.id == account).values(ended_at=now))
    end_sign_ins(session, account, actor, now)
    audit.note(session, actor, "account.end", account, now)


def _living(session: Session, account: UUID) -> Role:
    role: Role | None = session.execute(
        select(Account.role).where(Account.id == account, Account.ended_at.is_(None))
    ).scalar()
    if role is None:
        raise NotFound
    return role
