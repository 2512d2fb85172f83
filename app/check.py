"""Replays ledger and audit and names every disagreement; reads beside a running server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

import distribution.agreement
import inventory.agreement
import inventory.ledger
import labels.registry
from app.base import audit
from app.base.models import AuditLink, AuditNote

_SEALER_LATE = timedelta(minutes=1)


def faults(session: Session, now: datetime) -> Iterator[tuple[str, str]]:
    """(part, what disagrees) for everything that should agree and does not."""
    for part, found in (
        ("ledger", inventory.ledger.faults(session)),
        ("inventory", inventory.agreement.faults(session)),
        ("distribution", distribution.agreement.faults(session)),
        ("labels", labels.registry.faults(session)),
        ("audit", audit.faults(session)),
        ("audit", _tail(session, now)),
    ):
        for fault in found:
            yield part, fault


def _tail(session: Session, now: datetime) -> Iterator[str]:
    """Notes that the sealer has left lying: it runs every second."""
    waiting = (
        select(AuditNote.id)
        .outerjoin(AuditLink, AuditLink.note == AuditNote.id)
        .where(AuditLink.note.is_(None), AuditNote.at < now - _SEALER_LATE)
    )
    left = len(session.execute(waiting).all())
    if left:
        yield f"{left} audit notes wait for the sealer for more than a minute"
