"""Append-only notes of who did or read what, linked into a hash chain by one sealer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Result, insert, select, text
from sqlalchemy.orm import Session

from app.base.columns import table
from app.base.ids import new_id
from app.base.models import Account, AuditLink, AuditNote
from app.base.permissions import Actor, Permission, Role
from app.base.prepared import Prepared

_START = b"\x00" * 32
_LATE = timedelta(hours=1)
_PG_SEALER = 0x6E75616E  # any fixed number: the advisory lock that makes the sealer one

_WRITE = Prepared(insert(table(AuditNote)))


def note(session: Session, actor: Actor | None, verb: str, subject: UUID | None, now: datetime, **detail: Any) -> UUID:
    """Write down that ``actor`` did ``verb`` to ``subject``; ``detail``: ids, codes and counts, no person's data."""
    made = new_id()
    _WRITE.run(
        session,
        id=made,
        at=now,
        actor=actor.account if actor else None,
        role=actor.role.value if actor else "",
        verb=verb,
        subject=subject,
        detail=detail,
    )
    return made


def digest(previous: bytes, row: AuditNote) -> bytes:
    """The chain's hash of a note after ``previous`` (SHA-256 over canonical JSON)."""
    body = msgspec.json.encode([row.id, row.at, row.actor, row.role, row.verb, row.subject, row.detail], order="sorted")
    return hashlib.sha256(previous + body).digest()


def seal(session: Session, limit: int = 500) -> int:
    """Link up to ``limit`` unsealed notes to the chain, oldest first; returns how many."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _PG_SEALER})
    last = session.execute(select(AuditLink).order_by(AuditLink.seq.desc()).limit(1)).scalar_one_or_none()
    waiting = select(AuditNote).outerjoin(AuditLink, AuditLink.note == AuditNote.id).where(AuditLink.note.is_(None))
    if last is not None:
        waiting = waiting.where(AuditNote.id >= _before(last.note))
    seq, previous = (last.seq, last.hash) if last else (0, _START)
    links = []
    for row in session.execute(waiting.order_by(AuditNote.id).limit(limit)).scalars():
        seq, before, previous = seq + 1, previous, digest(previous, row)
        links.append({"seq": seq, "note": row.id, "previous": before, "hash": previous})
    if links:
        session.execute(insert(AuditLink), links)
    return len(links)


def _before(note_id: UUID) -> UUID:
    """The smallest id a note of an hour earlier can have (ids are UUIDv7: 48 bits of milliseconds first)."""
    late = int(_LATE.total_seconds() * 1000)
    return UUID(int=((note_id.int >> 80) - late) << 80)


def faults(session: Session, anchor: tuple[int, bytes] | None = None) -> Iterator[str]:
    """Every disagreement between notes and chain; ``anchor`` is a (seq, hash) kept outside, to find a cut tail."""
    seq, previous = 0, _START
    rows = select(AuditLink, AuditNote).outerjoin(AuditNote, AuditNote.id == AuditLink.note).order_by(AuditLink.seq)
    found: Result[AuditLink, AuditNote | None] = session.execute(rows.execution_options(yield_per=1000))
    for link, row in found:
        seq += 1
        if link.seq != seq:
            yield f"audit link {seq} is missing"
            seq = link.seq
        if row is None:
            yield f"audit note of link {seq} is missing"
        elif link.previous != previous or link.hash != digest(previous, row):
            yield f"audit note of link {seq} does not agree with the chain"
        previous = link.hash
        if anchor and anchor[0] == seq and anchor[1] != previous:
            yield f"audit link {seq} is not the one that was anchored"
    if anchor and anchor[0] > seq:
        yield f"the audit chain ends at {seq}, before its anchor {anchor[0]}"


def head(session: Session) -> tuple[int, bytes]:
    """The chain's last (seq, hash), to be kept outside."""
    row = session.execute(select(AuditLink.seq, AuditLink.hash).order_by(AuditLink.seq.desc()).limit(1)).first()
    return (row.seq, row.hash) if row else (0, _START)


class NoteLine(msgspec.Struct, frozen=True, kw_only=True):
    """One note as it is read: who (staff number), what, on what."""

    id: UUID
    at: datetime
    handle: str
    role: str
    verb: str
    subject: UUID | None
    detail: dict[str, Any]


def notes(
    session: Session, actor: Actor, before: UUID | None = None, limit: int = 100, *, own: bool = False
) -> list[NoteLine]:
    """The newest notes before ``before``: for an auditor all, an administrator those on accounts, others their own."""
    query = (
        select(AuditNote, Account.handle)
        .outerjoin(Account, Account.id == AuditNote.actor)
        .order_by(AuditNote.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(AuditNote.id < before)
    if own or not actor.may(Permission.READ_AUDIT):
        query = query.where(AuditNote.actor == actor.account)
    elif actor.role is Role.ADMINISTRATOR:
        query = query.where(AuditNote.verb.like("account.%"))
    return [
        NoteLine(
            id=note.id,
            at=note.at,
            handle=handle or "",
            role=note.role,
            verb=note.verb,
            subject=note.subject,
            detail=note.detail,
        )
        for note, handle in session.execute(query)
    ]
