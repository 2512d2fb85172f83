"""Packing by scanning: every pack that goes into a parcel was scanned, is the right one, and was judged safe again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.base import replay
from app.base.fields import Key, ScannedText
from app.base.permissions import Actor
from app.base.vault import Vault
from distribution import kit_packing
from distribution.door_errors import (
    AlreadyPacked,
    HeldPack,
    NotAPack,
    PackElsewhere,
    PackTaken,
    WrongLot,
    WrongPack,
    WrongStep,
)
from distribution.journey import Event, State
from distribution.models import LineState, Parcel, ParcelLine
from distribution.parcel_labels import scanned
from distribution.parcel_state import finish, in_scope, lines_of, locked, locked_lines, mark, names, still_safe, usable
from inventory import ledger, stations
from inventory.errors import NotEnough
from inventory.ledger import Spot
from inventory.models import Holding, Lot, Pack, Place, PlaceKind
from inventory.packs import shelf_of

How = Literal["reserved", "shelf", "swapped", "kit"]


class PackLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pack's label, or an assembled care parcel's, scanned for a parcel."""

    key: Key
    parcel: UUID
    code: ScannedText


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan did: which line is packed, by its own pack, another from the shelf, or one swapped with a parcel.

    A care parcel packs several ``lines_done`` at once; names and quantity are then of the first of them.
    """

    parcel: UUID
    line: UUID
    how: How
    name_zh: str
    name_en: str
    quantity: int
    packed: int
    lines: int
    state: State
    lines_done: tuple[UUID, ...]


def pack(session: Session, vault: Vault, scan: PackLine, actor: Actor, today: date, now: datetime) -> Packed:
    """Put the scanned pack into the parcel, reserved → parcel, and keep every promise to other parcels.

    Another pack of the same lot takes the line's reservation over; a care parcel goes in whole. Safety is judged before
    the first pack, with every care parcel and when the last line is packed. Raises a code of its own for each wrong
    pack; then nothing has moved.
    """
    parcel = locked(session, scan.parcel)
    in_scope(parcel, actor)
    if made := replay.made_by(session, actor, scan.key, "parcel.pack", scan):
        return _packed(session, parcel, [UUID(line) for line in made["lines"]], made["how"])
    if parcel.state != State.PLANNED:
        raise WrongStep(state=parcel.state, event=Event.PACK.value)
    if not lines_of(session, parcel.id, LineState.PACKED):
        still_safe(session, vault, parcel, today, now)
    kind, subject = _scanned(session, scan.code)
    done: Sequence[UUID]
    how: How
    try:
        if kind == "kit":
            done, how = kit_packing.pack_kit(session, vault, parcel, subject, actor, today, now), "kit"
        else:
            line, how = _place(session, parcel, _pack(session, subject), actor, today, now)
            mark(session, [line], LineState.PACKED)
            done = [line.id]
    except NotEnough:  # another parcel took it in the same moment
        raise PackTaken from None
    replay.keep(session, actor, scan.key, "parcel.pack", scan, {"lines": [str(one) for one in done], "how": how}, now)
    finish(session, vault, parcel, actor, today, now)
    return _packed(session, parcel, done, how)


def _packed(session: Session, parcel: Parcel, done: Sequence[UUID], how: How) -> Packed:
    live = [line for line in lines_of(session, parcel.id) if line.state is not LineState.DROPPED]
    line = session.execute(select(ParcelLine).where(ParcelLine.id == done[0])).scalar_one()
    item = names(session, [line.item])[line.item]
    return Packed(
        parcel=parcel.id,
        line=line.id,
        how=how,
        name_zh=item.name_zh,
        name_en=item.name_en,
        quantity=line.quantity,
        packed=sum(line.state is not LineState.RESERVED for line in live),
        lines=len(live),
        state=State(parcel.state),
        lines_done=tuple(done),
    )


def _scanned(session: Session, code: str) -> tuple[str, UUID]:
    """Kind and id of what can be put into a parcel; raises NotAPack, and as ``scanned``."""
    label = scanned(session, code)
    if label.kind not in {"pack", "kit"} or label.subject is None:
        raise NotAPack
    return label.kind, label.subject


def _pack(session: Session, pack: UUID) -> Pack:
    return session.execute(select(Pack).where(Pack.id == pack)).scalar_one()


def _place(
    session: Session, parcel: Parcel, found: Pack, actor: Actor, today: date, now: datetime
) -> tuple[ParcelLine, How]:
    """Find the line that the pack serves and move the goods; raises what is wrong with the pack."""
    line = _line_for(session, parcel, found, today)
    target = Spot(parcel.place, PlaceKind.PARCEL)
    reserved = stations.places(session, parcel.station).reserved
    how: How = "reserved"
    if line.pack != found.id:
        how = _take_over_reservation(session, line, found, parcel, reserved, actor, now)
    ledger.move(session, found.id, line.quantity, reserved, target, "pack", actor, now, subject=parcel.id)
    return line, how


def _line_for(session: Session, parcel: Parcel, found: Pack, today: date) -> ParcelLine:
    lines = locked_lines(session, parcel.id, LineState.RESERVED, LineState.PACKED)
    waiting = [line for line in lines if line.state is LineState.RESERVED]
    fitting = [line for line in waiting if line.lot == found.lot]
    if not fitting and any(line.pack == found.id for line in lines):
        raise AlreadyPacked
    if found.station != parcel.station:
        raise PackElsewhere
    if not any(line.item == found.item for line in waiting):
        raise WrongPack
    usable(session.execute(select(Lot).where(Lot.id == found.lot)).scalar_one(), today)
    if not fitting:
        raise WrongLot
    return min(fitting, key=lambda line: line.pack != found.id)


def _take_over_reservation(
    session: Session, line: ParcelLine, found: Pack, parcel: Parcel, reserved: Spot, actor: Actor, now: datetime
) -> How:
    """Let the line be promised ``found`` in place of the pack that was set aside for it; returns where it came from."""
    before = line.pack
    shelf = _shelf_with(session, found, line.quantity)
    if shelf is not None:
        back = shelf_of(session, before, parcel.station) or shelf
        ledger.move(session, before, line.quantity, reserved, back, "swap", actor, now, subject=parcel.id)
        ledger.move(session, found.id, line.quantity, shelf, reserved, "swap", actor, now, subject=parcel.id)
        how: How = "shelf"
    else:
        other = _other_promise(session, line, found, parcel.station)
        if other is None:
            raise _why_not_there(session, found, parcel)
        # Both packs stay in the reserved place: only which line each is promised to changes.
        session.execute(update(ParcelLine).where(ParcelLine.id == other).values(pack=before))
        how = "swapped"
    session.execute(update(ParcelLine).where(ParcelLine.id == line.id).values(pack=found.id))
    return how


def _shelf_with(session: Session, found: Pack, quantity: int) -> Spot | None:
    place = session.execute(
        select(Place.id)
        .join(Holding, Holding.place == Place.id)
        .where(
            Holding.pack == found.id,
            Holding.quantity >= quantity,
            Place.kind == PlaceKind.SHELF,
            Place.station == found.station,
        )
        .order_by(Holding.quantity, Place.id)
        .limit(1)
    ).scalar()
    return None if place is None else Spot(place, PlaceKind.SHELF)


def _other_promise(session: Session, line: ParcelLine, found: Pack, station: UUID) -> UUID | None:
    """Another parcel's waiting line that holds the scanned pack and could as well have this line's."""
    return session.execute(
        select(ParcelLine.id)
        .join(Parcel, Parcel.id == ParcelLine.parcel)
        .where(
            ParcelLine.pack == found.id,
            ParcelLine.state == LineState.RESERVED,
            ParcelLine.quantity == line.quantity,
            ParcelLine.id != line.id,
            Parcel.station == station,
        )
        .order_by(ParcelLine.id)
        .limit(1)
        .with_for_update(of=ParcelLine)
    ).scalar()


def _why_not_there(session: Session, found: Pack, parcel: Parcel) -> AlreadyPacked | HeldPack | PackTaken:
    places = [place for place, _ in ledger.whereabouts(session, found.id)]
    if any(place.id == parcel.place for place in places):
        return AlreadyPacked()
    held = any(place.kind in {PlaceKind.HOLD, PlaceKind.QUARANTINE} for place in places)
    return HeldPack() if held else PackTaken()
