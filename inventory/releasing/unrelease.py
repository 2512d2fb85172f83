"""Takes a release back within the sitting: all packs of it return to where they waited, or none does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base import replay
from app.base.errors import NotFound
from app.base.fields import Key
from app.base.permissions import Actor
from inventory import ledger
from inventory.errors import SittingOver
from inventory.models import Movement, Pack, Place, Station
from inventory.releasing import hold, release

SITTING = timedelta(hours=12)
"""How long a release can be undone in one tap, by whoever made it."""


class Unrelease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Undo a release: ``batch`` is what its decisions were given."""

    key: Key
    batch: UUID


class Unreleased(msgspec.Struct, frozen=True, kw_only=True):
    """The packs that wait again, with the signatures they had before."""

    packs: tuple[UUID, ...]


def unrelease(session: Session, undo: Unrelease, actor: Actor, now: datetime, phone: Actor | None = None) -> Unreleased:
    """Bring every pack of a release back to where it waited, by reversing movements; the goods must all be there.

    It is as if the release had not been: whoever made it may make it again, whoever brought the goods in still may
    not. Raises NotFound, SittingOver for somebody else's release or an old one, AlreadyReversed, and Moved where any
    of the goods have gone on (then none returns).
    """
    rows = _released(session, undo.batch)
    if not rows:
        raise NotFound
    for row in rows:
        actor.at_station(row.station, row.community)
    packs = tuple(row.pack for row in rows)
    session.execute(select(Pack.id).where(Pack.id.in_(packs)).order_by(Pack.id).with_for_update())
    if replay.made_by(session, actor, undo.key, "pack.unrelease", undo) is not None:
        return Unreleased(packs=packs)
    if any(row.actor != actor.account or now - row.at > SITTING for row in rows):
        raise SittingOver
    for row in rows:
        ledger.reverse(session, row.id, hold.UNDONE, actor, now)
        release.write_down(session, row.pack, "unreleased", actor, now, phone=phone)
    replay.keep(session, actor, undo.key, "pack.unrelease", undo, {}, now)
    return Unreleased(packs=packs)


def _released(session: Session, batch: UUID) -> list[Any]:
    rows = session.execute(
        select(
            Movement.id, Movement.pack, Movement.actor, Movement.at, Station.id.label("station"), Station.community
        )
        .join(Place, Place.id == Movement.target)
        .join(Station, Station.id == Place.station)
        .where(Movement.subject == batch, Movement.reason == release.RELEASE, Movement.reverses.is_(None))
        .order_by(Movement.pack)
    )  # fmt: skip
    return list(rows)
