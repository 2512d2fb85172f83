"""A care parcel's way into a resident's parcel and back: whole, good in every part, and never in two places."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.base import audit
from app.base.permissions import Actor
from inventory.kitting.kit_bags import ASSEMBLE, end
from inventory.kitting.kit_errors import KitEnded, KitExpired, KitRecalled, KitStopped
from inventory.kitting.kit_models import BagState, KitBag
from inventory.ledger import Spot
from inventory.models import Holding, Item, Lot, Movement, Pack, Place, PlaceKind
from inventory.receiving.intake_facts import Kind
from inventory.releasing import stops


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one pack in a bag."""

    pack: UUID
    item: UUID
    code: str
    medicine: bool
    lot: UUID
    quantity: int


class Whereabouts(msgspec.Struct, frozen=True):
    """The parcel that a bag lies in, or lay in when it was handed over, and the number of its door."""

    parcel: UUID
    serial: str


def locked(session: Session, bag: UUID) -> KitBag:
    """A bag whose label was scanned, its row held until the transaction ends."""
    wanted = select(KitBag).where(KitBag.id == bag).with_for_update().execution_options(populate_existing=True)
    return session.execute(wanted).scalar_one()


def spot(bag: KitBag) -> Spot:
    """The bag as a place."""
    return Spot(bag.place, PlaceKind.KIT)


def portions(session: Session, bag: KitBag, today: date) -> tuple[Portion, ...]:
    """What is in an assembled bag, if all of it may go out today.

    Raises KitEnded for one that is no more or went before, KitRecalled, KitExpired, KitStopped for one with such a
    part: then it is taken apart.
    """
    if bag.state is not BagState.ASSEMBLED:
        raise KitEnded
    rows = session.execute(
        select(Holding.pack, Pack.item, Item.code, Item.kind, Pack.lot, Holding.quantity, Lot.expiry, Lot.recalled_on)
        .join(Pack, Pack.id == Holding.pack)
        .join(Item, Item.id == Pack.item)
        .join(Lot, Lot.id == Pack.lot)
        .where(Holding.place == bag.place, Holding.quantity > 0)
        .order_by(Item.code, Holding.pack)
    ).all()
    if any(row.recalled_on is not None for row in rows):
        raise KitRecalled
    if any(row.expiry is not None and row.expiry < today for row in rows):
        raise KitExpired
    if stops.stopped(session, {row.pack for row in rows}):
        raise KitStopped
    return tuple(
        Portion(
            pack=row.pack, item=row.item, code=row.code, medicine=row.kind == Kind.MEDICINE, lot=row.lot,
            quantity=row.quantity,
        )
        for row in rows
    )  # fmt: skip


def gone(session: Session, bag: KitBag, actor: Actor, now: datetime) -> None:
    """The bag went into a parcel: its label lives on and leads there."""
    _set(session, bag.id, BagState.PACKED, actor.account, now)
    audit.note(session, actor, "kit.packed", bag.id, now)


def back(session: Session, bag: KitBag, actor: Actor, now: datetime) -> None:
    """The bag came out of its parcel unopened and stands at its station as before."""
    _set(session, bag.id, BagState.ASSEMBLED, None, None)
    audit.note(session, actor, "kit.back", bag.id, now)


def opened(session: Session, bag: UUID, actor: Actor, now: datetime) -> None:
    """The bag was opened to take something out: what is left of it goes singly, and its label ends."""
    end(session, bag, BagState.TAKEN_APART, actor, now)


def _set(session: Session, bag: UUID, state: BagState, by: UUID | None, at: datetime | None) -> None:
    session.execute(update(KitBag).where(KitBag.id == bag).values(state=state, ended_by=by, ended_at=at))


def still_good(session: Session, bag: UUID, today: date) -> bool:
    """Whether nothing that went into a bag is recalled, expired or stopped now."""
    rows = session.execute(
        select(Movement.pack, Lot.expiry, Lot.recalled_on)
        .join(Pack, Pack.id == Movement.pack)
        .join(Lot, Lot.id == Pack.lot)
        .where(Movement.subject == bag, Movement.reason == ASSEMBLE)
    ).all()
    good = all(row.recalled_on is None and (row.expiry is None or row.expiry >= today) for row in rows)
    return good and not stops.stopped(session, {row.pack for row in rows})


def where(session: Session, bag: KitBag) -> Whereabouts | None:
    """The parcel that a packed bag went into; None for a bag that is in none."""
    if bag.state is not BagState.PACKED:
        return None
    row = session.execute(
        select(Place.holder, Place.name)
        .join(Movement, Movement.target == Place.id)
        .where(
            Movement.pack.in_(select(Movement.pack).where(Movement.subject == bag.id, Movement.reason == ASSEMBLE)),
            Movement.source == bag.place,
            Place.kind == PlaceKind.PARCEL,
        )
        .order_by(Movement.id.desc())
        .limit(1)
    ).first()
    return None if row is None or row.holder is None else Whereabouts(row.holder, row.name)
