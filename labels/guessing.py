"""Who looks up labels that lead nowhere: counted, slowed down, and told of once a window, without address or code.

Void, recalled and unknown labels count alike, so that neither the answer, nor its time, nor when the answers end tells
whether a code was ever ours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from uuid import UUID

import msgspec
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from app.base import audit
from app.base.attempts import TRY_WINDOW, counts, digest, plus_one, window_of
from app.base.db import Asking
from app.base.models import Attempt, AuditNote

MOST = 100
"""How many look-ups that lead nowhere one network may make within a window and the one before."""
MOST_TOGETHER = 300
"""From how many of all networks together an alert is raised; nobody is slowed down for what others do."""
TOLD_FOR = timedelta(hours=24)
LABEL_PAGE = UUID(int=0x4C)
"""What the audit notes on guessing are about: the page that anyone who scans a label sees."""

_EVERYBODY, _ALERT = digest("labels together"), digest("labels alert")
_ONCE = text('INSERT INTO attempts (subject, "window", count) VALUES (:subject, :window, 1) ON CONFLICT DO NOTHING')


class Alert(msgspec.Struct, frozen=True):
    """Codes are, or were within the last day, being guessed: since when, and how many look-ups led nowhere lately."""

    at: datetime
    lately: int


def seconds_to_wait(asking: Asking, address: str, now: datetime) -> int:
    """How long an address must wait before it may look up a label again; 0: it need not."""
    window = window_of(now)
    this, last = counts(asking, _network(address), window)
    if this + last < MOST:
        return 0
    free = window + (2 if this >= MOST else 1)
    return free * TRY_WINDOW - int(now.timestamp())


def count(session: Session, address: str, now: datetime) -> bool:
    """Count a look-up that led nowhere; returns whether it raised this window's one alert, which the audit notes."""
    window, network = window_of(now), _network(address)
    for subject in (network, _EVERYBODY):
        plus_one(session, subject, window)
    together = counts(session, _EVERYBODY, window)
    if together[0] == 1:
        session.execute(delete(Attempt).where(Attempt.window < window - 1))
    alone = sum(counts(session, network, window)) >= MOST
    if not alone and sum(together) < MOST_TOGETHER:
        return False
    raised = session.execute(_ONCE, {"subject": _ALERT, "window": window})
    if raised.rowcount != 1:  # type: ignore[attr-defined]
        return False
    kind = "one-network" if alone else "many-networks"
    audit.note(session, None, "label.guessing", LABEL_PAGE, now, kind=kind, count=sum(together))
    return True


def alert(session: Session, now: datetime) -> Alert | None:
    """The newest alert of the last 24 hours."""
    newest = (select(AuditNote.at).where(AuditNote.subject == LABEL_PAGE, AuditNote.verb == "label.guessing")).order_by(
        AuditNote.id.desc()
    )
    at = session.execute(newest.limit(1)).scalar()
    if at is None or now - at >= TOLD_FOR:
        return None
    return Alert(at, sum(counts(session, _EVERYBODY, window_of(now))))


def _network(address: str) -> bytes:
    """What the store keeps of an address: a digest, and of IPv6 of the first 64 bits, which one household has whole."""
    try:
        known = ip_address(address)
    except ValueError:
        return digest(f"label {address}")
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return digest(f"label {IPv6Address(int(known) >> 64 << 64)}")
    return digest(f"label {getattr(known, 'ipv4_mapped', None) or known}")
