"""A station's waste box: what is expired, recalled or damaged is put in by scanning, and out again while it is open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import literal, or_, select
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import Invalid, NotFound
from app.base.fields import Key, OptionalLine, Quantity, ScannedText
from app.base.ids import new_id
from app.base.permissions import Actor
from inventory import ledger, stations
from inventory.counting import blind
from inventory.errors import AlreadyReversed, NotEnough
from inventory.ledger import Spot
from inventory.models import Holding, Item, Lot, Movement, Pack, Place, PlaceKind
from inventory.moving.transfer_errors import BinEmpty, NotForTheBin, NotInBin
from inventory.receiving import labelled
from inventory.releasing import stops
from inventory.wasting.losses import take
from inventory.wasting.waste_models import DisposalLine
from labels import registry

SET_ASIDE, TAKE_OUT = "set-aside", "set-aside-undone"
AT_ONCE = 200
_JUDGED = (PlaceKind.HOLD, PlaceKind.QUARANTINE)


class WhyWaste(StrEnum):
    """Why goods are thrown away. The first two are the ledger's to know, the others a person's to say."""

    EXPIRED = "expired"
    RECALLED = "recalled"
    DAMAGED = "damaged"
    OPENED = "opened"
    SPOILT = "spoilt"


class SetAside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put a scanned pack into the waste box: all of it that stands on the shelf, or so many units.

    ``why`` may be left out for what has run out or was recalled.
    """

    key: Key
    station: UUID
    code: ScannedText
    quantity: Quantity | None = None
    why: WhyWaste | None = None
    note: OptionalLine = ""


class ClearExpired(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put everything that has run out in a station into its waste box, in one go."""

    key: Key
    station: UUID


class PutBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Undo one putting into the box, of one pack or of many: all of it goes back where it stood."""

    key: Key
    aside: UUID


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """What went into the box; ``aside`` names it for the undo."""

    aside: UUID
    packs: int
    quantity: int
    why: str
    name_zh: str = ""
    name_en: str = ""


class BinLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units in an open box, or expired ones that should be in it. ``aside`` names what can be undone."""

    pack: UUID
    ends: str
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    lot_number: str
    expiry: date | None
    quantity: int
    place_name: str
    aside: UUID | None = None


def set_aside(session: Session, order: SetAside, actor: Actor, today: date, now: datetime) -> Aside:
    """Put a pack into the open waste box of a station.

    From the shelf whatever somebody says is spoilt; out of hold and quarantine only what has run out or was recalled:
    about the rest a second person decides. Never what an incident keeps. Raises NotFound, NotAPack and the labels' own,
    NotForTheBin, NotEnough, Invalid where a reason is needed.
    """
    own = stations.in_scope(session, actor, order.station, lock=True)
    if made := replay.made_by(session, actor, order.key, "stock.set-aside", order):
        return msgspec.convert(made, Aside)
    pack = labelled.pack(session, order.code)
    about = labelled.about(session, {pack}, today)[pack]
    over = "recalled" if about.recalled else "expired" if about.expired else ""
    kinds = (PlaceKind.SHELF, *(_JUDGED if over else ()))
    there = labelled.standing(session, pack, order.station, kinds)
    if not there or _kept(session, {pack}):
        raise NotForTheBin
    if not over and order.why is None:
        raise Invalid(("why", "missing", {}))
    units = order.quantity or sum(held for _, held in there)
    if units > sum(held for _, held in there):
        raise NotEnough
    why = over or (order.why.value if order.why else "")
    aside = Aside(
        aside=new_id(), packs=1, quantity=units, why=why, name_zh=about.name_zh, name_en=about.name_en
    )  # fmt: skip
    take(session, pack, units, there, own.bin, SET_ASIDE, aside.aside, actor, now)
    audit.note(session, actor, "stock.set-aside", pack, now, reason=why, quantity=units)
    replay.keep(session, actor, order.key, "stock.set-aside", order, msgspec.to_builtins(aside), now)
    return aside


def _kept(session: Session, packs: set[UUID]) -> set[UUID]:
    """Those that must stay at hand while somebody looks into what was seen of their labels."""
    return {pack for pack, word in stops.last_words(session, packs).items() if word.word == stops.STOPPED}


def clear_expired(session: Session, order: ClearExpired, actor: Actor, today: date, now: datetime) -> Aside:
    """Put all that has run out on the station's shelves and in its boxes into the waste box, or nothing of it.

    At most 200 packs a time; what is promised to somebody stays where it is. Raises NotFound, BinEmpty for nothing.
    """
    own = stations.in_scope(session, actor, order.station, lock=True)
    if made := replay.made_by(session, actor, order.key, "stock.clear-expired", order):
        return msgspec.convert(made, Aside)
    rows = session.execute(_expired(order.station, today).order_by(Pack.id, Place.id).limit(AT_ONCE)).all()
    kept = _kept(session, {row.pack for row in rows})
    found = [row for row in rows if row.pack not in kept]
    if not found:
        raise BinEmpty
    aside = Aside(
        aside=new_id(), packs=len({row.pack for row in found}), quantity=sum(row.quantity for row in found),
        why=WhyWaste.EXPIRED.value,
    )  # fmt: skip
    for row in found:
        place = Spot(row.place, row.kind)
        ledger.move(session, row.pack, row.quantity, place, own.bin, SET_ASIDE, actor, now, subject=aside.aside)
    audit.note(session, actor, "stock.clear-expired", order.station, now, packs=aside.packs, quantity=aside.quantity)
    replay.keep(session, actor, order.key, "stock.clear-expired", order, msgspec.to_builtins(aside), now)
    return aside


def put_back(session: Session, order: PutBack, actor: Actor, now: datetime) -> Aside:
    """Undo one putting into the open box, all of it or nothing; raises NotFound, NotInBin, Moved once it is sealed."""
    rows = session.execute(
        select(Movement.id, Movement.pack, Movement.quantity, Place.station)
        .join(Place, Place.id == Movement.target)
        .where(Movement.subject == order.aside, Movement.reason == SET_ASIDE, Movement.reverses.is_(None))
        .order_by(Movement.id)
    ).all()
    if not rows or rows[0].station is None:
        raise NotFound
    stations.in_scope(session, actor, rows[0].station, lock=True)
    if made := replay.made_by(session, actor, order.key, "stock.put-back", order):
        return msgspec.convert(made, Aside)
    try:
        for row in rows:
            ledger.reverse(session, row.id, TAKE_OUT, actor, now)
    except AlreadyReversed:
        raise NotInBin from None
    back = Aside(
        aside=order.aside, packs=len({row.pack for row in rows}), quantity=sum(row.quantity for row in rows), why=""
    )
    audit.note(session, actor, "stock.put-back", order.aside, now, packs=back.packs, quantity=back.quantity)
    replay.keep(session, actor, order.key, "stock.put-back", order, msgspec.to_builtins(back), now)
    return back


# ---------------------------------------------------------------- what is in it, and what should be


def _lines(*more: Any) -> Any:
    return (
        select(
            Pack.id.label("pack"), Holding.place, Place.kind, Place.name.label("place_name"), Holding.quantity,
            Item.name_zh, Item.name_en, Item.strength, Item.facts, Lot.number.label("lot_number"), Lot.expiry,
        )
        .join(Holding, Holding.pack == Pack.id)
        .join(Place, Place.id == Holding.place)
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .where(Holding.quantity > 0, *more)
    )  # fmt: skip


def _expired(station: UUID, today: date) -> Any:
    kinds = or_(*(Place.kind == kind for kind in (PlaceKind.SHELF, *_JUDGED)))
    return _lines(Place.station == station, kinds, Lot.expiry < today)


def in_place(session: Session, place: UUID) -> tuple[BinLine, ...]:
    """What lies in a box, by item; with the name of the putting-in for what can still be taken out again."""
    rows = session.execute(_lines(Place.id == place).order_by(Item.code, Lot.expiry, Pack.id)).all()
    movements = session.execute(
        select(Movement.pack, Movement.subject)
        .where(
            Movement.target == place, Movement.reason == SET_ASIDE, Movement.pack.in_([row.pack for row in rows])
        )
        .order_by(Movement.id)
    )  # fmt: skip
    return _shown(session, rows, {row.pack: row.subject for row in movements})


def of_disposal(session: Session, disposal: UUID) -> tuple[BinLine, ...]:
    """What was in a box when it was sealed, by its record."""
    rows = session.execute(
        select(
            Pack.id.label("pack"), DisposalLine.quantity, Item.name_zh, Item.name_en, Item.strength, Item.facts,
            Lot.number.label("lot_number"), Lot.expiry, literal("").label("place_name"),
        )
        .join(DisposalLine, DisposalLine.pack == Pack.id)
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .where(DisposalLine.disposal == disposal)
        .order_by(Item.code, Lot.expiry, Pack.id)
    )  # fmt: skip
    return _shown(session, rows, {})


def station_bin(
    session: Session, station: UUID, actor: Actor, today: date
) -> tuple[tuple[BinLine, ...], tuple[BinLine, ...]]:
    """What lies in a station's open box, and what has run out and is not in it yet; raises NotFound out of scope.

    What stands in a place that the reader must count blind is left out.
    """
    own = stations.in_scope(session, actor, station)
    rows = session.execute(_expired(station, today).order_by(Lot.expiry, Pack.id).limit(AT_ONCE)).all()
    unseen = blind.hidden(session, actor)
    return in_place(session, own.bin.id), _shown(session, [row for row in rows if row.place not in unseen], {})


def _shown(session: Session, rows: Iterable[Any], asides: dict[UUID, UUID | None]) -> tuple[BinLine, ...]:
    found = list(rows)
    codes = registry.codes_of(session, {row.pack for row in found})
    return tuple(
        BinLine(
            pack=row.pack, ends=codes.get(row.pack, "")[-4:], name_zh=row.name_zh, name_en=row.name_en,
            strength=row.strength, unit_zh=row.facts["unit_zh"], unit_en=row.facts["unit_en"],
            lot_number=row.lot_number, expiry=row.expiry, quantity=row.quantity, place_name=row.place_name,
            aside=asides.get(row.pack),
        )
        for row in found
    )  # fmt: skip
