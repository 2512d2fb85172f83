"""What the books say, at this moment, of the thing whose label was scanned: the facts that clone signs judge by."""

from __future__ import annotations

from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from distribution.clone_signs import PACK, PARCEL, Holder, Seen, Where
from distribution.journey import Event, State
from distribution.models import Confirmation, Parcel, ParcelLine, ParcelStep
from distribution.parcel_state import STANDING
from inventory import ledger
from inventory.models import Movement, Pack, Place, PlaceKind
from labels import codes
from labels.custody import Scan, Step
from labels.models import Label, LabelState

BATCH = "batch"

_STATIONED = frozenset({PlaceKind.HOLD, PlaceKind.QUARANTINE, PlaceKind.SHELF, PlaceKind.RESERVED})
_OF_STATE = {
    State.PACKED: Where.WAITING,
    State.READY: Where.WAITING,
    State.ASSIGNED: Where.WAITING,
    State.OUT: Where.HANDS,
    State.FAILED: Where.HANDS,
    State.DELIVERED: Where.GIVEN,
}


class Sighting(msgspec.Struct, frozen=True):
    """A scanned label's subject (for a blank label: its batch), and what the books say of it."""

    kind: str
    subject: UUID
    seen: Seen


def sighting(session: Session, scan: Scan, actor: Actor) -> Sighting | None:
    """What is known of a scanned text; None where it is no label of ours, or one that is on nothing yet."""
    label = _label(session, scan.text)
    if label is None or label.state == LabelState.BLANK:
        return None
    void = label.void_reason or "" if label.state == LabelState.VOID else ""
    if label.kind is None or label.subject is None:
        return Sighting(BATCH, label.batch, Seen(step=scan.step, kind="", void=void)) if label.batch else None
    where, holder = _whereabouts(session, label.kind, label.subject, scan, actor)
    seen = Seen(
        step=scan.step,
        kind=label.kind,
        where=where,
        holder=holder,
        void=void,
        replaced=bool(void) and label.replaced_by is not None,
    )
    return Sighting(label.kind, label.subject, seen)


def _label(session: Session, text: str) -> Label | None:
    try:
        code = codes.parse(text)
    except codes.MistypedCode:
        return None
    return session.execute(select(Label).where(Label.code == code)).scalar_one_or_none()


def _whereabouts(session: Session, kind: str, subject: UUID, scan: Scan, actor: Actor) -> tuple[Where, Holder]:
    if kind == PACK:
        return _of_pack(session, subject, scan, actor)
    if kind == PARCEL:
        return _of_parcel(session, subject, scan, actor)
    return Where.UNTOLD, Holder.OTHER


def _of_pack(session: Session, pack: UUID, scan: Scan, actor: Actor) -> tuple[Where, Holder]:
    if scan.parcel is not None and _stands_in(session, pack, scan.parcel):
        return Where.HERE, Holder.OTHER
    units, received_by = session.execute(select(Pack.quantity, Pack.received_by).where(Pack.id == pack)).one()
    places = ledger.whereabouts(session, pack)
    where = _place_of(session, pack, places, units)
    mover = _brought_by(session, pack, places[0][0].id) if where is Where.PARCEL else None
    holds = mover if scan.step is Step.PICK and mover else received_by
    return where, Holder.SELF if holds == actor.account else Holder.OTHER


def _stands_in(session: Session, pack: UUID, parcel: UUID) -> bool:
    wanted = select(ParcelLine.id).where(
        ParcelLine.parcel == parcel, ParcelLine.pack == pack, ParcelLine.state.in_(STANDING)
    )
    return session.execute(wanted.limit(1)).first() is not None


def _place_of(session: Session, pack: UUID, places: list[tuple[Place, int]], units: int) -> Where:
    if not places:
        return _left_for(session, pack)
    if any(place.kind in _STATIONED for place, _ in places):
        return Where.WAITING
    if len(places) > 1 or places[0][1] != units:
        return Where.UNTOLD
    return {PlaceKind.PARCEL: Where.PARCEL, PlaceKind.MEMBER: Where.HANDS}.get(places[0][0].kind, Where.UNTOLD)


def _left_for(session: Session, pack: UUID) -> Where:
    rows = session.execute(select(Movement.target).where(Movement.pack == pack).distinct()).scalars()
    targets = set(rows)
    if ledger.RESIDENTS in targets:
        return Where.GIVEN
    return Where.ENDED if ledger.DISPOSAL in targets else Where.UNTOLD


def _brought_by(session: Session, pack: UUID, place: UUID) -> UUID | None:
    return session.execute(
        select(Movement.actor)
        .where(Movement.pack == pack, Movement.target == place)
        .order_by(Movement.id.desc())
        .limit(1)
    ).scalar()


def _of_parcel(session: Session, parcel: UUID, scan: Scan, actor: Actor) -> tuple[Where, Holder]:
    found = session.execute(select(Parcel).where(Parcel.id == parcel)).scalar_one()
    where = _OF_STATE.get(State(found.state), Where.UNTOLD)
    if where is Where.WAITING:
        here = scan.parcel == parcel
        return Where.HERE if here else where, _self(session, actor, ParcelStep, parcel, event=Event.LABEL.value)
    if where is Where.GIVEN:
        return where, _self(session, actor, Confirmation, parcel, effective=True)
    if found.carrier == actor.account:
        return where, Holder.SELF
    return where, Holder.TEAM if found.team in actor.teams else Holder.OTHER


def _self(
    session: Session, actor: Actor, table: type[ParcelStep] | type[Confirmation], parcel: UUID, **more: object
) -> Holder:
    """Whether it was the actor who labelled the parcel, or whose record of its door has effect."""
    conditions: list[ColumnElement[bool]] = [getattr(table, name) == value for name, value in more.items()]
    wanted = select(table.id).where(table.parcel == parcel, table.by == actor.account, *conditions)
    return Holder.SELF if session.execute(wanted.limit(1)).first() else Holder.OTHER
