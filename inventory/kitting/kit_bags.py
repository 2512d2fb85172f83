"""Assembles care parcels into labelled bags and takes them apart again: all of it or nothing, and no unit twice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import Select, insert, select, update
from sqlalchemy.orm import Session, aliased

from app.base import audit, replay
from app.base.errors import NotFound
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Actor
from inventory import ledger, packs, stations
from inventory.errors import NotEnough, OnlyQuarantine, SittingOver
from inventory.kitting import kit_making, kit_stock, kits
from inventory.kitting.kit_errors import KitApart, KitEnded, KitNotInForce, KitShort
from inventory.kitting.kit_making import Filled, Take
from inventory.kitting.kit_models import BagState, KitBag
from inventory.kitting.kits import Recipe
from inventory.ledger import Spot
from inventory.models import Holding, Item, Lot, Movement, Pack, Place, PlaceKind
from inventory.moving.moves import SITTING
from inventory.receiving.intake_facts import Kind
from inventory.releasing import stops
from inventory.stations import StationPlaces
from labels import registry

ASSEMBLE, TAKE_APART, TOGETHER = "assemble", "take-apart", "together"
MOST = 40
"""How many bags are assembled at once."""


class Assemble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make ``count`` kits of a recipe from the packs that were scanned, and of no others.

    ``apart``: 84 and alcohol are each in an inner bag and the warning card is in every kit.
    """

    key: Key
    kit: UUID
    station: UUID
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 1
    packs: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=400)]
    apart: bool = False


class TakeApart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take bags of one station apart, all of them or none."""

    key: Key
    bags: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=MOST)]


class PutTogether(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Undo that a bag was taken apart."""

    key: Key
    bag: UUID


class Assembled(msgspec.Struct, frozen=True, kw_only=True):
    """The bags that were made together, each with its own label to print."""

    batch: UUID
    bags: tuple[UUID, ...]


class TakenApart(msgspec.Struct, frozen=True, kw_only=True):
    """How many units went back to a shelf, and how many into quarantine as they are expired, recalled or stopped."""

    bags: tuple[UUID, ...]
    shelved: int
    quarantined: int


# ---------------------------------------------------------------- assembling


def assemble(session: Session, order: Assemble, actor: Actor, today: date, now: datetime) -> Assembled:
    """Move the goods from the shelf into bags; each bag is a place of its own.

    Raises NotFound out of scope, KitNotInForce, KitApart, and KitShort where the scanned packs do not make that many
    (somebody was quicker, something runs out too soon): then nothing has moved.
    """
    stations.in_scope(session, actor, order.station, lock=True)
    made = replay.made_by(session, actor, order.key, "kit.assemble", order)
    if made is not None:
        return msgspec.convert(made, Assembled)
    recipe = kits.recipe(session, order.kit)
    current = kits.in_force(session, recipe.code, today)
    if current is None or current.id != recipe.id:
        raise KitNotInForce
    if recipe.apart and not order.apart:
        raise KitApart
    filled = filling(session, recipe, order.station, order.count, today, only=frozenset(order.packs))
    if not filled.bags:
        raise KitShort(kinds=len(filled.missing))
    batch = new_id()
    try:
        bags = tuple(_bag(session, recipe, order.station, batch, takes, actor, now) for takes in filled.bags)
    except NotEnough:  # a parcel took it in the same moment
        raise KitShort(kinds=1) from None
    audit.note(session, actor, "kit.assemble", batch, now, count=len(bags))
    done = Assembled(batch=batch, bags=bags)
    replay.keep(session, actor, order.key, "kit.assemble", order, msgspec.to_builtins(done), now)
    return done


def filling(
    session: Session, recipe: Recipe, station: UUID, count: int, today: date, *,
    only: frozenset[UUID] | None = None, without: frozenset[UUID] = frozenset(),
) -> Filled:  # fmt: skip
    """Which packs' units would go into each of ``count`` bags, first expired first; of these packs ``only``."""
    shelf = {
        item: tuple(one for one in rows if one.pack not in without and (only is None or one.pack in only))
        for item, rows in kit_stock.goods(session, recipe, station, today).items()
    }
    return kit_making.fill(recipe.portions, shelf, count, kit_stock.good_until(recipe, today))


def _bag(
    session: Session, recipe: Recipe, station: UUID, batch: UUID, takes: Iterable[Take], actor: Actor, now: datetime
) -> UUID:
    bag, place, takes = new_id(), new_id(), tuple(takes)
    session.execute(insert(Place).values(id=place, kind=PlaceKind.KIT, name=recipe.name_zh, station=station))
    session.execute(
        insert(KitBag).values(
            id=bag, kit=recipe.id, station=station, place=place, batch=batch, state=BagState.ASSEMBLED,
            expiry=min((one.expiry for one in takes if one.expiry), default=None), made_by=actor.account, made_at=now,
        )
    )  # fmt: skip
    target = Spot(place, PlaceKind.KIT)
    for take in takes:
        source = Spot(take.place, PlaceKind.SHELF)
        ledger.move(session, take.pack, take.quantity, source, target, ASSEMBLE, actor, now, subject=bag)
    registry.bind_new(session, "kit", bag, now)
    return bag


# ---------------------------------------------------------------- taking apart


def take_apart(session: Session, order: TakeApart, actor: Actor, today: date, now: datetime) -> TakenApart:
    """Put everything back onto the shelf that its pack stands on, or into quarantine what is no longer good.

    The bags' labels end. Raises NotFound out of scope or for bags of several stations, KitEnded for one that is no
    more; then no bag was touched.
    """
    bags = _locked(session, order.bags, actor)
    made = replay.made_by(session, actor, order.key, "kit.take-apart", order)
    if made is not None:
        return msgspec.convert(made, TakenApart)
    if any(bag.state is not BagState.ASSEMBLED for bag in bags):
        raise KitEnded
    own = stations.places(session, bags[0].station)
    back = [_empty(session, bag, own, actor, today, now) for bag in bags]
    done = TakenApart(
        bags=tuple(bag.id for bag in bags),
        shelved=sum(units for units, _ in back),
        quarantined=sum(units for _, units in back),
    )
    replay.keep(session, actor, order.key, "kit.take-apart", order, msgspec.to_builtins(done), now)
    return done


def _locked(session: Session, wanted: Iterable[UUID], actor: Actor) -> list[KitBag]:
    """Bags of one station, in the order of their ids, their station held until the transaction ends."""
    ids = sorted(set(wanted))
    homes = set(session.execute(select(KitBag.station).where(KitBag.id.in_(ids))).scalars())
    if len(homes) != 1:
        raise NotFound
    stations.in_scope(session, actor, homes.pop(), lock=True)
    rows = session.execute(
        select(KitBag)
        .where(KitBag.id.in_(ids))
        .order_by(KitBag.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    bags = list(rows.scalars())
    if len(bags) != len(ids):
        raise NotFound
    return bags


def _empty(
    session: Session, bag: KitBag, own: StationPlaces, actor: Actor, today: date, now: datetime
) -> tuple[int, int]:
    """Units that went back to a shelf and into quarantine."""
    rows = session.execute(
        select(Holding.pack, Holding.quantity, Lot.expiry, Lot.recalled_on, Item.kind)
        .join(Pack, Pack.id == Holding.pack)
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .where(Holding.place == bag.place, Holding.quantity > 0)
        .order_by(Holding.pack)
    ).all()
    held = {row.pack for row in rows}
    stopped, last = stops.stopped(session, held), packs.last_shelves(session, held, bag.station)
    shelved = quarantined = 0
    for row in rows:
        bad = row.recalled_on is not None or row.pack in stopped or (row.expiry is not None and row.expiry < today)
        shelf = last.get(row.pack)
        home = Spot(shelf.place, PlaceKind.SHELF) if shelf else own.shelf_for(row.kind == Kind.MEDICINE)
        target = own.quarantine if bad else home
        source = Spot(bag.place, PlaceKind.KIT)
        ledger.move(session, row.pack, row.quantity, source, target, TAKE_APART, actor, now, subject=bag.id)
        shelved += 0 if bad else row.quantity
        quarantined += row.quantity if bad else 0
    end(session, bag.id, BagState.TAKEN_APART, actor, now)
    return shelved, quarantined


def end(session: Session, bag: UUID, state: BagState, actor: Actor, now: datetime) -> None:
    """A bag is no more: its label leads nowhere from now on."""
    session.execute(
        update(KitBag)
        .where(KitBag.id == bag)
        .values(state=state, ended_by=actor.account, ended_at=now)
        .execution_options(synchronize_session=False)
    )
    if code := registry.code_of(session, bag):
        registry.void(session, code, "unpacked", actor, now)
    audit.note(session, actor, f"kit.{state.value}", bag, now)


def together(session: Session, undo: PutTogether, actor: Actor, today: date, now: datetime) -> UUID:
    """Undo that a bag was taken apart, by whoever did it, the same day; it gets a fresh label to print.

    Raises NotFound, KitEnded where it was not taken apart, SittingOver, OnlyQuarantine where something of it is no
    longer good, Moved where something of it has gone on.
    """
    (bag,) = _locked(session, [undo.bag], actor)
    if replay.made_by(session, actor, undo.key, "kit.together", undo) is not None:
        return bag.id
    if bag.state is not BagState.TAKEN_APART or bag.ended_at is None:
        raise KitEnded
    if bag.ended_by != actor.account or now - bag.ended_at > SITTING:
        raise SittingOver
    rows = session.execute(_taken_out(bag.id)).all()
    if not rows:  # it was opened inside a parcel: what was in it went on singly
        raise KitEnded
    if any(row.kind is PlaceKind.QUARANTINE for row in rows) or _bad(session, {row.pack for row in rows}, today):
        raise OnlyQuarantine
    for row in rows:
        ledger.reverse(session, row.id, TOGETHER, actor, now)
    session.execute(
        update(KitBag)
        .where(KitBag.id == bag.id)
        .values(state=BagState.ASSEMBLED, ended_by=None, ended_at=None)
        .execution_options(synchronize_session=False)
    )
    registry.bind_new(session, "kit", bag.id, now)
    audit.note(session, actor, "kit.together", bag.id, now)
    replay.keep(session, actor, undo.key, "kit.together", undo, {"bag": str(bag.id)}, now)
    return bag.id


def came_apart(session: Session, bag: UUID) -> bool:
    """Whether a bag's goods were taken out of it at its station, and not put back."""
    return session.execute(_taken_out(bag).limit(1)).first() is not None


def _taken_out(bag: UUID) -> Select[UUID, UUID, PlaceKind]:
    back = aliased(Movement)
    return (
        select(Movement.id, Movement.pack, Place.kind)
        .join(Place, Place.id == Movement.target)
        .outerjoin(back, back.reverses == Movement.id)
        .where(Movement.subject == bag, Movement.reason == TAKE_APART, back.id.is_(None))
        .order_by(Movement.id)
    )


def _bad(session: Session, held: set[UUID], today: date) -> bool:
    over = select(Pack.id).join(Lot, Lot.id == Pack.lot).where(Pack.id.in_(held))
    recalled = session.execute(over.where(Lot.recalled_on.is_not(None))).first()
    expired = session.execute(over.where(Lot.expiry < today)).first()
    return bool(recalled or expired or stops.stopped(session, held))
