"""The floor's tables: the store itself, policies, audit, replays, communities, accounts and sealed keys."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, Word, strict
from app.base.permissions import Role, ScopeKind


class Store(Base):
    """One row: which store this is and the fingerprint of the master key made with it."""

    __tablename__ = "store"
    __table_args__ = strict(CheckConstraint("one = 1", name="one_row"))

    one: Mapped[int] = mapped_column(primary_key=True, default=1)
    id: Mapped[UUID]
    key_check: Mapped[bytes]
    demo: Mapped[bool]
    created_at: Mapped[datetime]


class Community(Base):
    """A community (社区) of the sub-district: the unit that stations, teams, residents and scopes refer to."""

    __tablename__ = "communities"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class PolicyVersion(Base):
    """One version of a policy (thresholds and rule switches), valid from a day: signed, every one. Append-only."""

    __tablename__ = "policies"
    __table_args__ = strict(UniqueConstraint("name", "version"), Index("ix_policies_current", "name", "valid_from"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int]
    valid_from: Mapped[date]
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    proposed_by: Mapped[UUID | None]
    signed_by: Mapped[UUID]
    at: Mapped[datetime]


class PolicyProposal(Base):
    """A version that somebody proposes; it holds for nothing. Append-only.

    ``based_on``: the newest version there was, 0 for none; once there is a newer one the proposal cannot be signed.
    """

    __tablename__ = "policy_proposals"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    based_on: Mapped[int]
    valid_from: Mapped[date]
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    reason: Mapped[str]
    proposed_by: Mapped[UUID]
    at: Mapped[datetime]


class PolicyDecision(Base):
    """What became of a proposal: ``signed`` (as which version), ``declined`` or ``withdrawn``. Append-only."""

    __tablename__ = "policy_decisions"
    __table_args__ = strict()

    proposal: Mapped[UUID] = mapped_column(ForeignKey("policy_proposals.id"), primary_key=True)
    outcome: Mapped[str]
    version: Mapped[int | None]
    reason: Mapped[str]
    by: Mapped[UUID]
    at: Mapped[datetime]


class AuditNote(Base):
    """Who did or read what, when, and why. Append-only; subjects are ids, never persons' data."""

    __tablename__ = "audit_notes"
    __table_args__ = strict(Index("ix_audit_notes_subject", "subject"), Index("ix_audit_notes_actor", "actor", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[UUID | None]
    role: Mapped[str]
    verb: Mapped[str]
    subject: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(Json)


class AuditLink(Base):
    """The chain over the notes, made by one sealer: hash = SHA-256(previous hash, note). Append-only."""

    __tablename__ = "audit_links"
    __table_args__ = strict()

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[UUID] = mapped_column(ForeignKey("audit_notes.id"), unique=True)
    previous: Mapped[bytes]
    hash: Mapped[bytes]


class Replay(Base):
    """A write that a phone sent: its key, a digest of its body, and the ids of what it made. Append-only."""

    __tablename__ = "replays"
    __table_args__ = strict()

    actor: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    verb: Mapped[str]
    body: Mapped[bytes]
    made: Mapped[dict[str, Any]] = mapped_column(Json)
    at: Mapped[datetime]


class PersonKey(Base):
    """The data key of one person's sealed fields, wrapped by the master key; destroyed = the person is erased."""

    __tablename__ = "person_keys"
    __table_args__ = strict()

    subject: Mapped[UUID] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes | None]
    destroyed_at: Mapped[datetime | None]


class Account(Base):
    """Somebody who may sign in. ``handle`` is a staff number; the name is sealed."""

    __tablename__ = "accounts"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    handle: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role] = mapped_column(Word(Role))
    name: Mapped[bytes | None]
    secret: Mapped[str | None]
    doctor: Mapped[bool] = mapped_column(default=False)
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class AccountScope(Base):
    """Where an account's role holds: a station, a team, a community."""

    __tablename__ = "account_scopes"
    __table_args__ = strict()

    account: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    kind: Mapped[ScopeKind] = mapped_column(Word(ScopeKind), primary_key=True)
    scope: Mapped[UUID] = mapped_column(primary_key=True)


class Device(Base):
    """A phone or desk that an invitation was opened on; a badge and PIN work only on one of these."""

    __tablename__ = "devices"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    account: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SignIn(Base):
    """One sign-in: the digest of its token, how it was made, and when it ends."""

    __tablename__ = "sign_ins"
    __table_args__ = strict(Index("ix_sign_ins_account", "account"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    account: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    means: Mapped[str]
    idle_seconds: Mapped[int | None]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Invitation(Base):
    """A link that lets somebody in once (a demo store's links: several times)."""

    __tablename__ = "invitations"
    __table_args__ = strict(CheckConstraint("uses_left >= 0", name="uses"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    account: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    uses_left: Mapped[int]
    demo: Mapped[bool]
    made_by: Mapped[UUID | None]
    ends_at: Mapped[datetime]


class Attempt(Base):
    """Failed tries within a window, by a digest of what was tried; throttling survives a restart."""

    __tablename__ = "attempts"
    __table_args__ = strict()

    subject: Mapped[bytes] = mapped_column(primary_key=True)
    window: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]
