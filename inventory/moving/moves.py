"""Moves packs between the shelves of a station or into its quarantine, and back again in one tap."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Actor
from inventory import ledger, packs, stations
from inventory.cataloguing import catalogue
from inventory.errors import AlreadyThere, NotOnShelf, OnlyQuarantine, SittingOver, WrongShelf
from inventory.ledger import Spot
from inventory.models import Holding, Item, Lot, Movement, Pack, Place, PlaceKind
from inventory.receiving.intake_facts import Kind
from inventory.releasing import stops

REASON = "move"
SITTING = timedelta(hours=12)
"""How long a move can be undone in one tap, by whoever made it."""
TARGETS = (PlaceKind.SHELF, PlaceKind.QUARANTINE)


class MovePack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put a pack onto another shelf of the same station, or into its quarantine."""

    key: Key
    pack: UUID
    place: UUID


class MoveBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Undo a move."""

    key: Key
    move: UUID


class MovedPack(msgspec.Struct, frozen=True, kw_only=True):
    """What a move did; ``move`` names it for the undo."""

    move: UUID
    pack: UUID
    quantity: int
    place: UUID
    place_name: str
    place_kind: PlaceKind


def move_pack(session: Session, order: MovePack, actor: Actor, today: date, now: datetime) -> MovedPack:
    """Move all units of a pack that stand on the station's shelves; what is reserved of it stays promised.

    Never out of hold or quarantine: that is a release. Medicine goes into the medicine cabinet where there is one,
    and nothing else does; what is expired or recalled goes into quarantine only. Raises NotFound, NotOnShelf,
    AlreadyThere, WrongShelf and OnlyQuarantine.
    """
    target = session.execute(select(Place).where(Place.id == order.place)).scalar_one_or_none()
    if target is None or target.station is None:
        raise NotFound
    stations.in_scope(session, actor, target.station, lock=True)
    made = replay.made_by(session, actor, order.key, "pack.move", order)
    if made is not None:
        return msgspec.convert(made, MovedPack)
    packs.in_reach(session, order.pack, actor)
    there = _on_shelves(session, order.pack, target.station)
    _may_go(session, order.pack, target, there, today)
    moved = MovedPack(
        move=new_id(), pack=order.pack, quantity=sum(units for _, units in there), place=target.id,
        place_name=target.name, place_kind=target.kind,
    )  # fmt: skip
    for source, units in there:
        ledger.move(
            session, order.pack, units, source, Spot(target.id, target.kind), REASON, actor, now, subject=moved.move
        )
    audit.note(session, actor, "pack.move", order.pack, now, place=str(target.id))
    replay.keep(session, actor, order.key, "pack.move", order, msgspec.to_builtins(moved), now)
    return moved


def _on_shelves(session: Session, pack: UUID, station: UUID) -> list[tuple[Spot, int]]:
    rows = session.execute(
        select(Place.id, Place.kind, Holding.quantity)
        .join(Holding, Holding.place == Place.id)
        .where(
            Holding.pack == pack, Holding.quantity > 0, Place.kind == PlaceKind.SHELF, Place.station == station
        )
        .order_by(Place.id)
    )  # fmt: skip
    return [(Spot(row.id, row.kind), row.quantity) for row in rows]


def _may_go(session: Session, pack: UUID, target: Place, there: list[tuple[Spot, int]], today: date) -> None:
    if target.kind not in TARGETS:
        raise WrongShelf
    if not there:
        raise NotOnShelf
    if any(spot.id == target.id for spot, _ in there):
        raise AlreadyThere
    if target.kind is PlaceKind.QUARANTINE:
        return
    _still_good(session, pack, today)
    code, kind = session.execute(
        select(Item.code, Item.kind).join(Pack, Pack.item == Item.id).where(Pack.id == pack)
    ).one()
    medicine = code == catalogue.UNKNOWN_CODE or kind == Kind.MEDICINE
    cabinet = stations.places(session, target.station).cabinet if target.station else None
    if cabinet is not None and medicine is not (target.keeps == stations.MEDICINE):
        raise WrongShelf


def _still_good(session: Session, pack: UUID, today: date) -> None:
    lot = session.execute(
        select(Lot.expiry, Lot.recalled_on).join(Pack, Pack.lot == Lot.id).where(Pack.id == pack)
    ).one()
    over = lot.expiry is not None and lot.expiry < today
    if over or lot.recalled_on is not None or stops.stopped(session, {pack}):
        raise OnlyQuarantine


def move_back(session: Session, undo: MoveBack, actor: Actor, today: date, now: datetime) -> UUID:
    """Undo a move by reversing movements, all of it or nothing; returns the pack.

    Raises NotFound, SittingOver for somebody else's or an old one, Moved where the goods have gone on, AlreadyReversed,
    and OnlyQuarantine where what lies in quarantine has run out or was recalled since.
    """
    rows = session.execute(
        select(Movement.id, Movement.pack, Movement.actor, Movement.at, Movement.target, Place.station, Place.kind)
        .join(Place, Place.id == Movement.target)
        .where(Movement.subject == undo.move, Movement.reason == REASON, Movement.reverses.is_(None))
        .order_by(Movement.id)
    ).all()
    if not rows or rows[0].station is None:
        raise NotFound
    first = rows[0]
    stations.in_scope(session, actor, first.station, lock=True)
    if replay.made_by(session, actor, undo.key, "pack.move-back", undo) is not None:
        return UUID(str(first.pack))
    if first.actor != actor.account or now - first.at > SITTING:
        raise SittingOver
    if first.kind is PlaceKind.QUARANTINE:
        _still_good(session, first.pack, today)
    for row in rows:
        ledger.reverse(session, row.id, "move-back", actor, now)
    audit.note(session, actor, "pack.move-back", first.pack, now)
    replay.keep(session, actor, undo.key, "pack.move-back", undo, {"pack": str(first.pack)}, now)
    return UUID(str(first.pack))
