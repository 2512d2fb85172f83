"""What a donor gave: told again line by line without any person, and undone in one tap within the sitting."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.columns import table
from app.base.errors import NotFound
from app.base.fields import Key
from app.base.permissions import Actor, Role
from app.base.prepared import Prepared
from app.base.reasons import Reason
from inventory import ledger, stations
from inventory.errors import AlreadyTakenBack, SittingOver
from inventory.models import Donation, DonationLine, Item, Movement
from inventory.receiving.intake_facts import Verdict
from labels import registry
from labels.models import Label, LabelState

SITTING = timedelta(hours=12)
"""How long a donation may be added to, and its lines taken back in one tap, by whoever received it."""


class TakeBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Undo the receiving of a line."""

    key: Key
    line: UUID


class ReceivedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a pack. ``label`` is its code now; a refused line has neither pack nor label."""

    line: UUID
    item: UUID | None
    name_zh: str
    name_en: str
    strength: str
    called: str
    lot_number: str
    expiry: date | None
    quantity: int
    verdict: Verdict
    reasons: tuple[Reason, ...]
    pack: UUID | None
    label: str | None
    taken_back: bool


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A donation without any person: its code, where and when, and every line. ``fresh`` are the lines just made."""

    donation: UUID
    code: str
    station: UUID
    station_name: str
    at: datetime
    declared: bool
    lines: tuple[ReceivedLine, ...]
    fresh: tuple[UUID, ...] = ()


_D, _L, _I, _C = table(Donation).columns, table(DonationLine).columns, table(Item).columns, table(Label).columns
_DONATION = Prepared(select(_D.station, _D.receipt, _D.at, _D.declared).where(_D.id == bindparam("wanted")))
_LINES = Prepared(
    select(
        _L.id, _L.item, _L.called, _L.lot_number, _L.expiry, _L.quantity, _L.verdict, _L.reasons, _L.pack,
        _L.taken_back_at, _I.name_zh, _I.name_en, _I.strength,
        _C.code,
    )
    .select_from(
        table(DonationLine)
        .outerjoin(table(Item), _I.id == _L.item)
        .outerjoin(table(Label), and_(_C.subject == _L.pack, _C.state == LabelState.BOUND))
    )
    .where(_L.donation == bindparam("wanted"))
    .order_by(_L.id)
)  # fmt: skip


def in_reach(session: Session, donation: UUID, actor: Actor) -> None:
    """Go on for those in whose scope a donation was received; raises NotFound."""
    row = _DONATION.first(session, wanted=donation)
    if row is None:
        raise NotFound
    stations.in_scope(session, actor, row.station)


def receipt(session: Session, donation: UUID, actor: Actor, *, fresh: tuple[UUID, ...] = ()) -> Receipt:
    """A donation with all its lines in the order they were received; raises NotFound out of scope."""
    row = _DONATION.first(session, wanted=donation)
    if row is None:
        raise NotFound
    return _receipt(session, donation, row, stations.in_scope(session, actor, row.station).name, fresh)


def receipt_of(session: Session, donation: UUID, station_name: str, *, fresh: tuple[UUID, ...]) -> Receipt:
    """``receipt`` for a caller that has just written the donation at this station, and so has looked at the scope."""
    return _receipt(session, donation, _DONATION.first(session, wanted=donation), station_name, fresh)


def _receipt(session: Session, donation: UUID, row: Any, station_name: str, fresh: tuple[UUID, ...]) -> Receipt:
    return Receipt(
        donation=donation,
        code=row.receipt,
        station=row.station,
        station_name=station_name,
        at=row.at,
        declared=row.declared,
        lines=tuple(_told(line) for line in _LINES.all(session, wanted=donation)),
        fresh=fresh,
    )


def _told(row: Any) -> ReceivedLine:
    return ReceivedLine(
        line=row.id,
        item=row.item,
        name_zh=row.name_zh or "",
        name_en=row.name_en or "",
        strength=row.strength or "",
        called=row.called,
        lot_number=row.lot_number,
        expiry=row.expiry,
        quantity=row.quantity,
        verdict=Verdict(row.verdict),
        reasons=msgspec.convert(row.reasons, tuple[Reason, ...]),
        pack=row.pack,
        label=row.code,
        taken_back=row.taken_back_at is not None,
    )


def take_back(session: Session, undo: TakeBack, actor: Actor, now: datetime) -> Receipt:
    """Undo the receiving of a line by a reversing movement, and end its label; returns the receipt.

    Whoever received it may, within the sitting; a coordinator or the office later too. Raises NotFound, SittingOver,
    AlreadyTakenBack, and Moved where the goods have gone on from hold.
    """
    row = session.execute(
        select(DonationLine.donation, DonationLine.pack, DonationLine.taken_back_at)
        .where(DonationLine.id == undo.line)
        .with_for_update()
    ).first()
    if row is None:
        raise NotFound
    given = session.execute(
        select(Donation.station, Donation.received_by, Donation.at).where(Donation.id == row.donation)
    ).one()
    stations.in_scope(session, actor, given.station)
    if replay.made_by(session, actor, undo.key, "donation.take-back", undo) is not None:
        return receipt(session, row.donation, actor)
    own = given.received_by == actor.account and now - given.at <= SITTING
    if not own and actor.role not in {Role.COORDINATOR, Role.OFFICE}:
        raise SittingOver
    if row.taken_back_at is not None:
        raise AlreadyTakenBack
    if row.pack is not None:
        _unbook(session, row.pack, row.donation, actor, now)
    session.execute(update(DonationLine).where(DonationLine.id == undo.line).values(taken_back_at=now))
    audit.note(session, actor, "donation.take-back", row.donation, now, line=str(undo.line))
    replay.keep(session, actor, undo.key, "donation.take-back", undo, {"line": str(undo.line)}, now)
    return receipt(session, row.donation, actor)


def _unbook(session: Session, pack: UUID, donation: UUID, actor: Actor, now: datetime) -> None:
    received = session.execute(
        select(Movement.id).where(Movement.pack == pack, Movement.subject == donation, Movement.reason == "receive")
    ).scalar_one()
    ledger.reverse(session, received, "take-back", actor, now)
    code = registry.code_of(session, pack)
    if code is not None:
        registry.void(session, code, "take-back", actor, now)


def undone(session: Session, packs: Collection[UUID], actor: Actor, now: datetime) -> None:
    """What a reversal of their receiving leaves to do: the lines are marked taken back, the labels end."""
    session.execute(
        update(DonationLine)
        .where(DonationLine.pack.in_(packs), DonationLine.taken_back_at.is_(None))
        .values(taken_back_at=now)
    )
    for code in sorted(registry.codes_of(session, set(packs)).values()):
        registry.void(session, code, "take-back", actor, now)
