"""What was promised or packed and cannot go: the goods return inside the station, the needs open again."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base import replay
from app.base.errors import NotFound
from app.base.fields import Key
from app.base.permissions import Actor
from app.base.vault import Vault
from distribution import kit_packing
from distribution.door_errors import WrongStep
from distribution.journey import Event, State
from distribution.models import LineState, Parcel, ParcelLine
from distribution.parcel_state import STANDING, finish, in_scope, locked, locked_lines, mark, names, settle, step
from distribution.safety_facts import SUPPLY_KINDS
from inventory import ledger, stations
from inventory.ledger import Spot
from inventory.models import Lot, PlaceKind
from inventory.packs import shelf_of
from inventory.releasing import stops
from inventory.stations import StationPlaces
from labels import registry


class DropReason(StrEnum):
    """Why a line does not go into its parcel."""

    MISSING = "missing"
    DAMAGED = "damaged"
    EXPIRED = "expired"
    RECALLED = "recalled"
    NOT_WANTED = "not_wanted"
    OTHER = "other"


_SUSPECT = frozenset({DropReason.DAMAGED, DropReason.RECALLED})
"""What is taken out for these goes into quarantine, and a care parcel is opened for it."""


class DropLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take one line out of a parcel."""

    key: Key
    parcel: UUID
    line: UUID
    reason: DropReason


class Unpack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a whole parcel apart."""

    key: Key
    parcel: UUID
    reason: DropReason


def drop_line(session: Session, vault: Vault, drop: DropLine, actor: Actor, today: date, now: datetime) -> State:
    """Take a line out of a parcel that is being packed; returns the parcel's state.

    Sealed goods that never left the station go back to their shelf; damaged or recalled ones into quarantine. The
    last line out cancels the parcel; if all that is left is packed, the parcel is.
    """
    parcel = _parcel(session, drop.parcel, actor)
    if replay.made_by(session, actor, drop.key, "parcel.drop-line", drop):
        return State(parcel.state)
    if parcel.state != State.PLANNED:
        raise WrongStep(state=parcel.state, event=Event.UNPACK.value)
    lines = locked_lines(session, parcel.id, *STANDING)
    dropped = [line for line in lines if line.id == drop.line]
    if not dropped:
        raise NotFound
    _give_back(session, parcel, dropped, drop.reason, actor, now)
    mark(session, dropped, LineState.DROPPED)
    settle(session, (line.need for line in dropped), now)
    replay.keep(session, actor, drop.key, "parcel.drop-line", drop, {"line": str(drop.line)}, now)
    if len(lines) == 1:
        return step(session, parcel, Event.CANCEL, actor, now, reason=drop.reason.value)
    finish(session, vault, parcel, actor, today, now)
    return State(parcel.state)


def unpack(session: Session, order: Unpack, actor: Actor, today: date, now: datetime) -> State:
    """Take a parcel apart before it left the station: every pack back, every need open; returns its last state.

    A care parcel in it stays whole if all of it is good still.
    """
    parcel = _parcel(session, order.parcel, actor)
    if replay.made_by(session, actor, order.key, "parcel.unpack", order):
        return State(parcel.state)
    event = Event.CANCEL if parcel.state == State.PLANNED else Event.UNPACK
    if parcel.state == State.RETURNED:  # its goods were dealt with when they came back (DS20)
        raise WrongStep(state=parcel.state, event=event.value)
    state = step(session, parcel, event, actor, now, reason=order.reason.value)
    lines = locked_lines(session, parcel.id, *STANDING)
    whole = frozenset() if order.reason in _SUSPECT else kit_packing.whole(session, parcel.id, today)
    kit_packing.put_back(session, parcel, [line for line in lines if line.bag in whole], actor, now)
    _give_back(session, parcel, [line for line in lines if line.bag not in whole], order.reason, actor, now)
    mark(session, lines, LineState.DROPPED)
    settle(session, (line.need for line in lines), now)
    if code := registry.code_of(session, parcel.id):
        registry.void(session, code, "unpacked", actor, now)
    replay.keep(session, actor, order.key, "parcel.unpack", order, {"parcel": str(parcel.id)}, now)
    return state


def _parcel(session: Session, parcel: UUID, actor: Actor) -> Parcel:
    found = locked(session, parcel)
    in_scope(found, actor)
    return found


def _give_back(
    session: Session, parcel: Parcel, lines: list[ParcelLine], reason: DropReason, actor: Actor, now: datetime
) -> None:
    own = stations.places(session, parcel.station)
    kit_packing.open_bags(session, lines, actor, now)
    for line in lines:
        source = own.reserved if line.state is LineState.RESERVED else Spot(parcel.place, PlaceKind.PARCEL)
        target = _back_to(session, parcel, line, reason, own)
        ledger.move(session, line.pack, line.quantity, source, target, "unpack", actor, now, subject=parcel.id)


def _back_to(session: Session, parcel: Parcel, line: ParcelLine, reason: DropReason, own: StationPlaces) -> Spot:
    recalled = session.execute(select(Lot.recalled_on).where(Lot.id == line.lot)).scalar()
    if recalled or reason in _SUSPECT or stops.stopped(session, {line.pack}):
        return own.quarantine
    item = names(session, [line.item])[line.item]
    return shelf_of(session, line.pack, parcel.station) or own.shelf_for(item.kind not in SUPPLY_KINDS)
