"""Packs that may leave quarantine for nowhere but disposal while somebody looks into what was seen of their label."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base.ids import new_id
from app.base.permissions import Actor
from inventory.models import ReleaseDecision

STOPPED, CLEARED, BARRED = "stopped", "cleared", "barred"
"""Words in a pack's release decisions: being looked into, found all right, nobody can tell."""


class Stop(msgspec.Struct, frozen=True):
    """The last word on a pack, and since when it is so."""

    word: str
    at: datetime

    @property
    def stopped(self) -> bool:
        """Whether the pack may be released by nobody."""
        return self.word != CLEARED


def stop(session: Session, packs: Iterable[UUID], why: str, actor: Actor, now: datetime) -> None:
    """Keep packs from being released; ``why`` is a code of ours. Where they lie is the caller's to see to."""
    _write(session, packs, STOPPED, why, actor, now)


def clear(session: Session, packs: Iterable[UUID], why: str, actor: Actor, now: datetime) -> None:
    """Let stopped packs be judged as any others again: they still wait for their release."""
    _write(session, packs, CLEARED, why, actor, now)


def bar(session: Session, packs: Iterable[UUID], why: str, actor: Actor, now: datetime) -> None:
    """Leave stopped packs no way but to disposal: nobody can tell whether they are what their labels say."""
    _write(session, packs, BARRED, why, actor, now)


def _write(session: Session, packs: Iterable[UUID], word: str, why: str, actor: Actor, now: datetime) -> None:
    rows = [
        {
            "id": new_id(),
            "pack": pack,
            "outcome": word,
            "role": actor.role.value,
            "reason": why,
            "by": actor.account,
            "at": now,
        }
        for pack in sorted(set(packs))
    ]
    if rows:
        session.execute(insert(ReleaseDecision), rows)


def last_words(session: Session, packs: Collection[UUID]) -> dict[UUID, Stop]:
    """The last word on each of the packs that was ever stopped."""
    rows = session.execute(
        select(ReleaseDecision.pack, ReleaseDecision.outcome, ReleaseDecision.at)
        .where(ReleaseDecision.pack.in_(packs), ReleaseDecision.outcome.in_((STOPPED, CLEARED, BARRED)))
        .order_by(ReleaseDecision.id)
    )
    return {row.pack: Stop(row.outcome, row.at) for row in rows}


def stopped(session: Session, packs: Collection[UUID]) -> frozenset[UUID]:
    """Which of the packs are stopped now."""
    return frozenset(pack for pack, word in last_words(session, packs).items() if word.stopped)
