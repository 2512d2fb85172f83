"""Failed tries, counted within windows of a quarter of an hour; the counts survive a restart and hold no plain text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, or_, select, text, update
from sqlalchemy.orm import Session

from app.base.db import Asking
from app.base.errors import TooMany
from app.base.models import Attempt

TRY_WINDOW = 900
"""Seconds."""

# Two first tries at one moment must not meet each other's row as an error.
_PLUS_ONE = text(
    'INSERT INTO attempts (subject, "window", count) VALUES (:subject, :window, 1) '
    'ON CONFLICT (subject, "window") DO UPDATE SET count = attempts.count + 1'
)


def digest(token: str) -> bytes:
    """What the store keeps of a token, or of what a try counts against."""
    return hashlib.sha256(token.encode()).digest()


def window_of(now: datetime) -> int:
    """The number of the window that an instant lies in."""
    return int(now.timestamp()) // TRY_WINDOW


def counts(asking: Asking, subject: bytes, window: int) -> tuple[int, int]:
    """Tries in (this window, the one before)."""
    rows = asking.execute(
        select(Attempt.window, Attempt.count.label("times")).where(
            Attempt.subject == subject, or_(Attempt.window == window, Attempt.window == window - 1)
        )
    )
    found = {row.window: row.times for row in rows}
    return found.get(window, 0), found.get(window - 1, 0)


def not_too_many(asking: Asking, subjects: Iterable[str], now: datetime, limit: int) -> None:
    """Go on only below ``limit`` failed tries in this window and the last; raises TooMany."""
    for subject in subjects:
        if sum(counts(asking, digest(subject), window_of(now))) >= limit:
            raise TooMany(seconds=TRY_WINDOW - int(now.timestamp()) % TRY_WINDOW)


def plus_one(session: Session, subject: bytes, window: int) -> None:
    """Count one try."""
    session.execute(_PLUS_ONE, {"subject": subject, "window": window})


def failed(session: Session, subjects: Iterable[str], now: datetime) -> None:
    """Count a failed try for each subject (an account, an address); forget those of windows long past."""
    window = window_of(now)
    session.execute(delete(Attempt).where(Attempt.window < window - 1))
    for subject in subjects:
        plus_one(session, digest(subject), window)


def forgive(session: Session, subjects: Iterable[str], now: datetime) -> None:
    """A try was right: it no longer counts."""
    for subject in subjects:
        session.execute(
            update(Attempt)
            .where(Attempt.subject == digest(subject), Attempt.window == window_of(now), Attempt.count > 0)
            .values(count=Attempt.count - 1)
        )
