"""Every pack that stands somewhere now, with what decides whether it can be promised, at the cost of one index scan.

What a pack is (item, expiry, recall) hardly ever changes, so each process keeps it for the packs that still stand, as
long as the number holds that a trigger renews with any such change. How many units are where is read each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Engine, func, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import NULLTYPE

from inventory.models import Lot, Pack, Place, PlaceKind
from inventory.moving.transfer_models import Transfer
from inventory.stock.level_models import FactsEdition

Raw = Any
"""An identifier as the driver gives it: making a UUID of each costs more than reading the row."""

_CHUNK = 500


class PackFacts(NamedTuple):
    """What a pack is: its item and lot, the station that took it in, its last day, whether it is recalled."""

    item: Raw
    station: Raw
    lot: Raw
    expiry: date | None
    recalled: bool


class PlaceFacts(NamedTuple):
    """What a place is, and whose."""

    kind: PlaceKind
    station: Raw | None


Stand = tuple[Raw, Raw, PlaceKind, PackFacts, int]
"""Units of a pack in a real place: the pack, the station, the kind of place, what the pack is, how many units.

The station is the place's, or where that has none, the one that took the pack in.
"""


class Kept:
    """What is kept of packs, places and thresholds under one number."""

    __slots__ = ("edition", "figures", "packs", "places")

    def __init__(self, edition: int) -> None:
        self.edition = edition
        self.packs: dict[Raw, PackFacts] = {}
        self.places: dict[Raw, PlaceFacts] = {}
        self.figures: dict[tuple[Raw, Raw | None], tuple[int, int]] | None = None


_KEPT: WeakKeyDictionary[Engine, Kept] = WeakKeyDictionary()


def raw(column: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """An identifier's column, read as the driver gives it."""
    return type_coerce(column, NULLTYPE).label(getattr(column, "key", None))


_LIVE = "SELECT place, pack, quantity FROM holdings WHERE quantity > 0"
_PACKS = select(
    raw(Pack.id), raw(Pack.item), raw(Pack.station), raw(Pack.lot), Lot.expiry, Lot.recalled_on
).join(Lot, Lot.id == Pack.lot)  # fmt: skip
# What is on the way between stations belongs to the one that sent it, until it is received.
_PLACES = select(
    raw(Place.id), Place.kind, raw(func.coalesce(Transfer.source, Place.station)).label("station")
).outerjoin(Transfer, Transfer.place == Place.id)  # fmt: skip


def uuid(given: Raw) -> UUID:
    """An identifier as the driver gave it."""
    return given if isinstance(given, UUID) else UUID(bytes=given)


def raw_of(session: Session, one: UUID) -> Raw:
    """An identifier in the form in which this store's driver gives it."""
    return one.bytes if session.connection().dialect.name == "sqlite" else one


def standing(session: Session) -> Iterator[Stand]:
    """Whatever stands in a real place, in this transaction's sight."""
    kept = kept_facts(session)
    packs, places = kept.packs, kept.places
    later: list[tuple[Raw, Raw, int]] = []
    seen = 0
    # The driver's own cursor: a row object for each of ten thousand rows would cost more than they do.
    with closing(session.connection().connection.cursor()) as cursor:
        cursor.execute(_LIVE)
        for row in cursor.fetchall():
            seen += 1
            place, pack, quantity = row
            facts, at = packs.get(pack), places.get(place)
            if facts is None or at is None:
                later.append(row)
            else:
                yield pack, at[1] or facts[1], at[0], facts, quantity
    _learn(session, kept, later)
    for place, pack, quantity in later:
        facts, at = packs[pack], places[place]
        yield pack, at[1] or facts[1], at[0], facts, quantity
    if len(packs) > 2 * seen + _CHUNK:  # most of what is kept has left: begin anew
        _KEPT.pop(session.connection().engine, None)


def kept_facts(session: Session) -> Kept:
    """What this process keeps of what this transaction sees."""
    engine = session.connection().engine
    edition = session.execute(select(FactsEdition.number)).scalar_one()
    kept = _KEPT.get(engine)
    if kept is None or kept.edition != edition:
        kept = _KEPT[engine] = Kept(edition)
    return kept


def _learn(session: Session, kept: Kept, rows: list[tuple[Raw, Raw, int]]) -> None:
    for ids in _chunks({pack for _, pack, _ in rows if pack not in kept.packs}):
        for row in session.execute(_PACKS.where(Pack.id.in_(ids))):
            kept.packs[row.id] = PackFacts(row.item, row.station, row.lot, row.expiry, row.recalled_on is not None)
    for ids in _chunks({place for place, _, _ in rows if place not in kept.places}):
        for row in session.execute(_PLACES.where(Place.id.in_(ids))):
            kept.places[row.id] = PlaceFacts(row.kind, row.station)


def _chunks(missing: Iterable[Raw]) -> Iterator[list[UUID]]:
    left = [uuid(one) for one in missing]
    for begin in range(0, len(left), _CHUNK):
        yield left[begin : begin + _CHUNK]
