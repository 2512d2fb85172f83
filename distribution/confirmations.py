"""Records of the door: sent twice they count once, and of two that contradict each other the first has effect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import KeyReused
from app.base.permissions import Actor
from distribution.journey import NEXT_STEPS, Failure, State
from distribution.models import Confirmation, Parcel

_BELIEVABLE = timedelta(days=366)


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a record: whether it had effect, where the parcel stands, and after a failure what comes next."""

    parcel: UUID
    effective: bool
    state: State
    next_step: str | None = None
    due: datetime | None = None


def recorded(
    session: Session, parcel: Parcel, key: UUID, verb: str, body: msgspec.Struct, actor: Actor
) -> Recorded | None:
    """What this record became when it came the first time; raises KeyReused for another body or another sender."""
    made = replay.made_by(session, actor, key, verb, body)
    if made is not None:
        return msgspec.convert({**made, "state": parcel.state}, Recorded)
    if session.execute(select(Confirmation.id).where(Confirmation.id == key)).first():
        raise KeyReused
    return None


def confirm(
    session: Session,
    parcel: Parcel,
    key: UUID,
    verb: str,
    body: msgspec.Struct,
    actor: Actor,
    now: datetime,
    *,
    effective: bool,
    phone_at: datetime,
    receiver: str | None = None,
    failure: Failure | None = None,
    ticks: Sequence[str] = (),
) -> Recorded:
    """Keep a record for ever, also one without effect: that two phones disagree is what somebody must look at."""
    session.execute(
        insert(Confirmation).values(
            id=key,
            parcel=parcel.id,
            outcome=State.FAILED.value if failure else State.DELIVERED.value,
            receiver=receiver,
            reason=failure.value if failure else None,
            ticks=sorted(ticks),
            effective=effective,
            by=actor.account,
            phone_at=_believable(phone_at, now),
            at=now,
        )
    )
    if not effective:
        audit.note(session, actor, "parcel.second-record", parcel.id, now, state=parcel.state)
    result = Recorded(parcel=parcel.id, effective=effective, state=State(parcel.state), **_next(failure, now))
    made = {name: value for name, value in msgspec.to_builtins(result).items() if name != "state"}
    replay.keep(session, actor, key, verb, body, made, now)
    return result


def _next(failure: Failure | None, now: datetime) -> dict[str, Any]:
    if failure is None:
        return {}
    following = NEXT_STEPS[failure]
    return {"next_step": following.code, "due": now + timedelta(hours=following.hours)}


def _believable(phone_at: datetime, now: datetime) -> datetime:
    """A phone whose clock is a year wrong tells nothing; its record must still get in."""
    return phone_at if abs(phone_at - now) <= _BELIEVABLE else now
