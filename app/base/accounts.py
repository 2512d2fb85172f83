"""Accounts, invitations and sign-ins: who is known, on which phone, and until when."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.base import audit
from app.base.errors import Invalid, NotFound, Refusal, SignInNeeded, TooMany
from app.base.fields import Line
from app.base.ids import new_id
from app.base.models import Account, AccountScope, Attempt, Device, Invitation, SignIn
from app.base.permissions import PHONE_ROLES, Actor, Role, ScopeKind
from app.base.vault import Vault

DEVICE_DAYS = 180
DESK_HOURS = 12
DESK_IDLE = timedelta(minutes=30)
BADGE_IDLE = timedelta(minutes=30)
INVITATION_DAYS = 7
TOKEN_DAYS = 365
TRIES = 10
ADDRESS_TRIES = 100
TRY_WINDOW = 900
PIN_DIGITS = (4, 8)
PASSPHRASE_LETTERS = (12, 128)
_SEEN_STEP = timedelta(minutes=1)

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Checked for accounts that do not exist, so that they take as long as those that do.
_NOBODY = _hasher.hash(secrets.token_hex(16))
_COMMON_PINS = frozenset({"0000", "1111", "1234", "4321", "123456", "654321", "111111", "000000", "888888", "666666"})


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


def digest(token: str) -> bytes:
    """What the store keeps of a token."""
    return hashlib.sha256(token.encode()).digest()


def csrf_token(token: str) -> str:
    """The form token bound to a sign-in."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def hash_secret(role: Role, secret: str) -> str:
    """argon2id hash of a PIN (phone roles) or passphrase (all others); raises Invalid. 50 ms: not in a verb."""
    if role in PHONE_ROLES:
        low, high = PIN_DIGITS
        if not (secret.isascii() and secret.isdigit() and low <= len(secret) <= high):
            raise Invalid(("secret", "pin_shape", {"low": low, "high": high}))
        if secret in _COMMON_PINS:
            raise Invalid(("secret", "pin_common", {}))
    else:
        low, high = PASSPHRASE_LETTERS
        if not low <= len(secret) <= high:
            raise Invalid(("secret", "passphrase_length", {"low": low, "high": high}))
        if len(set(secret)) < 5:
            raise Invalid(("secret", "passphrase_common", {}))
    return _hasher.hash(secret)


def secret_fits(stored: str | None, secret: str) -> bool:
    """Whether a secret fits; takes equally long where there is no account. Not in a verb: some 50 ms."""
    try:
        return _hasher.verify(stored or _NOBODY, secret) and stored is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


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
    """A sign-in with a fresh token: by ``device`` (a known phone), ``badge`` (shared phone), ``desk`` or ``program``."""
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


def who(session: Session, token: str, now: datetime) -> tuple[Actor, bool]:
    """The actor of a token, and whether its ``seen_at`` should be moved; raises SignInNeeded."""
    row = session.execute(
        select(
            SignIn.id, SignIn.account, SignIn.means, SignIn.seen_at, SignIn.idle_seconds,
            Account.role, Account.handle, Account.doctor,
        )
        .join(Account, Account.id == SignIn.account)
        .where(
            SignIn.digest == digest(token),
            SignIn.revoked_at.is_(None),
            SignIn.ends_at > now,
            Account.ended_at.is_(None),
        )
    ).first()  # fmt: skip
    if row is None or (row.idle_seconds is not None and now - row.seen_at > timedelta(seconds=row.idle_seconds)):
        raise SignInNeeded
    actor = _actor(session, row.account, row.role, row.handle, row.doctor, row.id, row.means)
    return actor, now - row.seen_at > _SEEN_STEP


def actor_of(session: Session, account: UUID) -> Actor:
    """An account as an actor (a second person who entered badge and PIN); raises NotFound."""
    row = session.execute(
        select(Account.role, Account.handle, Account.doctor).where(Account.id == account, Account.ended_at.is_(None))
    ).first()
    if row is None:
        raise NotFound
    return _actor(session, account, row.role, row.handle, row.doctor, None, "badge")


def _actor(
    session: Session, account: UUID, role: Role, handle: str, doctor: bool, sign_in_id: UUID | None, means: str
) -> Actor:
    scopes: dict[ScopeKind, set[UUID]] = {kind: set() for kind in ScopeKind}
    for kind, scope in session.execute(
        select(AccountScope.kind, AccountScope.scope).where(AccountScope.account == account)
    ):
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


def known_device(session: Session, device: str) -> bool:
    """Whether this phone once opened an invitation and was not revoked since."""
    row = session.execute(select(Device.id).where(Device.digest == digest(device), Device.revoked_at.is_(None)))
    return row.first() is not None


def secret_of(session: Session, handle: str) -> tuple[UUID, str | None] | None:
    """(account, stored secret) by staff number, or None; for ``secret_fits`` outside the transaction."""
    row = session.execute(
        select(Account.id, Account.secret).where(Account.handle == handle, Account.ended_at.is_(None))
    ).first()
    return None if row is None else (row.id, row.secret)


def secret_of_account(session: Session, account: UUID) -> str | None:
    """The stored secret of a living account (badge sign-in)."""
    return session.execute(select(Account.secret).where(Account.id == account, Account.ended_at.is_(None))).scalar()


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
    audit.note(session, actor, "account.end-sign-ins", account, now, count=ended)
    return int(ended)


def end_account(session: Session, account: UUID, actor: Actor, now: datetime) -> None:
    """Let an account in no more, from the next request on."""
    _living(session, account)
    session.execute(update(Account).where(Account.id == account).values(ended_at=now))
    end_sign_ins(session, account, actor, now)
    audit.note(session, actor, "account.end", account, now)


def not_too_many(session: Session, subjects: Iterable[str], now: datetime, limit: int = TRIES) -> None:
    """Go on only below ``limit`` failed tries in this window and the last; raises TooMany."""
    window = int(now.timestamp()) // TRY_WINDOW
    for subject in subjects:
        counts = session.execute(
            select(Attempt.count).where(
                Attempt.subject == digest(subject), or_(Attempt.window == window, Attempt.window == window - 1)
            )
        ).scalars()
        if sum(counts) >= limit:
            raise TooMany(seconds=TRY_WINDOW - int(now.timestamp()) % TRY_WINDOW)


def failed(session: Session, subjects: Iterable[str], now: datetime) -> None:
    """Count a failed try for each subject (an account, an address)."""
    window = int(now.timestamp()) // TRY_WINDOW
    for subject in subjects:
        key = digest(subject)
        counted = session.execute(
            update(Attempt).where(Attempt.subject == key, Attempt.window == window).values(count=Attempt.count + 1)
        ).rowcount  # type: ignore[attr-defined]
        if not counted:
            session.execute(insert(Attempt).values(subject=key, window=window, count=1))


def _living(session: Session, account: UUID) -> Role:
    role: Role | None = session.execute(
        select(Account.role).where(Account.id == account, Account.ended_at.is_(None))
    ).scalar()
    if role is None:
        raise NotFound
    return role
