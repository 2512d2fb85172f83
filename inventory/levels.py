"""Stock at a glance: what is where, what of it can be promised, and what runs out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.base import policy
from app.base.permissions import Actor
from inventory import stations
from inventory.errors import UnknownItem
from inventory.fefo import OnShelf
from inventory.intake_facts import Kind
from inventory.models import Holding, Item, Lot, Pack, Place, PlaceKind, Station
from labels import registry

SOON = (30, 60, 90)
MOST_STEPS = 500


class LevelPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """From how many available units of a wanted item downwards it is short, in general and for single items."""

    version: str
    low: int = 0
    low_by_item: dict[str, int] = {}

    def short_at(self, code: str) -> int:
        """The number of available units at which this item counts as short."""
        return self.low_by_item.get(code, self.low)


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """Base units of an item. ``on_hand`` is all in the station, whatever its state.

    ``available`` is on a shelf, neither expired nor recalled nor promised; the ``expiring`` figures are parts of it
    with that many days left at most, each within the next. ``expired`` and ``recalled`` lie in the station, wherever.
    ``with_members`` and ``in_transit`` have left it and are not yet handed over.
    """

    on_hand: int = 0
    available: int = 0
    reserved: int = 0
    held: int = 0
    quarantine: int = 0
    in_parcels: int = 0
    with_members: int = 0
    in_transit: int = 0
    expired: int = 0
    recalled: int = 0
    expiring_30: int = 0
    expiring_60: int = 0
    expiring_90: int = 0


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """An item's units, at one station or (``station`` None) over all that the reader sees."""

    item: UUID
    code: str
    kind: Kind
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    wanted: bool
    short: bool
    station: UUID | None
    station_name: str
    units: Units


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """Items with their totals, the short ones first, and the same split by station."""

    totals: tuple[Level, ...]
    by_station: tuple[Level, ...]
    everything: Units


class LotLevel(msgspec.Struct, frozen=True, kw_only=True):
    """A pack of an item: its lot, where its units are, and whether they can be promised."""

    pack: UUID
    label: str | None
    lot_number: str
    expiry: date | None
    recalled: bool
    station: UUID
    station_name: str
    place_kind: PlaceKind
    place_name: str
    quantity: int
    available: bool


class ItemLevel(msgspec.Struct, frozen=True, kw_only=True):
    """One item: its totals, its stations, its packs by expiry."""

    total: Level
    by_station: tuple[Level, ...]
    packs: tuple[LotLevel, ...]


# ---------------------------------------------------------------- levels


def levels(session: Session, actor: Actor, today: date, *, station: UUID | None = None) -> Levels:
    """Stock in the actor's scope, or at one of its stations; wanted items that nobody has are listed too.

    Raises NotFound for a station out of scope.
    """
    if station is not None:
        stations.in_scope(session, actor, station)
    sums = _sums(session, actor, today, *([Station.id == station] if station else []))
    items = session.execute(select(*_ITEM)).all()
    low = _low(session, today)
    per_item: dict[UUID, list[Any]] = defaultdict(list)
    per_pair: dict[tuple[UUID, UUID], list[Any]] = defaultdict(list)
    for row in sums:
        per_item[row.item].append(row)
        per_pair[row.item, row.station].append(row)
    totals = [_level(row, per_item.get(row.id, ()), low) for row in items if row.wanted or row.id in per_item]
    by_id = {row.id: row for row in items}
    names = {row.station: row.station_name for row in sums}
    split = [
        _level(by_id[item], rows, low, station=at, station_name=names[at]) for (item, at), rows in per_pair.items()
    ]
    return Levels(
        totals=tuple(sorted(totals, key=_shortest_first)),
        by_station=tuple(sorted(split, key=lambda one: (one.station_name, *_shortest_first(one)))),
        everything=_units(sums),
    )


def item_levels(session: Session, actor: Actor, item: UUID, today: date) -> ItemLevel:
    """One item in the actor's scope, down to its packs, soonest expiry first; raises UnknownItem."""
    row = session.execute(select(*_ITEM).where(Item.id == item)).first()
    if row is None:
        raise UnknownItem
    sums = _sums(session, actor, today, Pack.item == item)
    low = _low(session, today)
    split: dict[tuple[str, UUID], list[Any]] = defaultdict(list)
    for one in sums:
        split[one.station_name, one.station].append(one)
    return ItemLevel(
        total=_level(row, sums, low),
        by_station=tuple(
            _level(row, rows, low, station=at, station_name=name) for (name, at), rows in sorted(split.items())
        ),
        packs=_packs(session, actor, item, today),
    )


def available(
    session: Session, station: UUID, today: date, items: Collection[UUID] | None = None
) -> dict[UUID, tuple[OnShelf, ...]]:
    """What a station can promise by item, for ``fefo.pick``: on a shelf, not expired, not recalled."""
    query = (
        select(Pack.item, Holding.pack, Holding.place, Holding.quantity, Lot.expiry)
        .join(Place, Place.id == Holding.place)
        .join(Pack, Pack.id == Holding.pack)
        .join(Lot, Lot.id == Pack.lot)
        .where(Place.station == station, Holding.quantity > 0, _promisable(today))
    )
    if items is not None:
        query = query.where(Pack.item.in_(items))
    found: dict[UUID, list[OnShelf]] = defaultdict(list)
    for row in session.execute(query):
        found[row.item].append(OnShelf(pack=row.pack, place=row.place, quantity=row.quantity, expiry=row.expiry))
    return {item: tuple(rows) for item, rows in found.items()}


def _promisable(today: date) -> ColumnElement[bool]:
    """On a shelf, good through today at least, and not recalled (IN27: expired never counts)."""
    return and_(
        Place.kind == PlaceKind.SHELF, or_(Lot.expiry.is_(None), Lot.expiry >= today), Lot.recalled_on.is_(None)
    )


_ITEM = (Item.id, Item.code, Item.kind, Item.name_zh, Item.name_en, Item.strength, Item.wanted, Item.facts)


def _sums(session: Session, actor: Actor, today: date, *more: ColumnElement[bool]) -> list[Any]:
    """Units by station, item, kind of place and days left: a few rows for each item, whatever the number of packs."""
    # A parcel or a member's hands may have no station of their own: the goods still belong to where they were taken in.
    at = func.coalesce(Place.station, Pack.station)
    left = case(
        (Lot.expiry < today, -1),
        *((Lot.expiry <= today + timedelta(days=days), days) for days in SOON),
        else_=9999,
    )
    recalled = case((Lot.recalled_on.is_not(None), 1), else_=0)
    query = (
        select(
            Station.id.label("station"), Station.name.label("station_name"), Pack.item, Place.kind,
            left.label("days_left"), recalled.label("is_recalled"), func.sum(Holding.quantity).label("units"),
        )
        .select_from(Holding)
        .join(Place, Place.id == Holding.place)
        .join(Pack, Pack.id == Holding.pack)
        .join(Lot, Lot.id == Pack.lot)
        .join(Station, Station.id == at)
        .where(Holding.quantity > 0, stations.visible(actor), *more)
    )  # fmt: skip
    return list(
        session.execute(
            query.group_by(Station.id, Station.name, Pack.item, Place.kind, "days_left", "is_recalled")
        ).all()
    )


_AT_STATION = frozenset({PlaceKind.HOLD, PlaceKind.QUARANTINE, PlaceKind.SHELF, PlaceKind.RESERVED, PlaceKind.PARCEL})
_FIGURE = {
    PlaceKind.RESERVED: "reserved",
    PlaceKind.HOLD: "held",
    PlaceKind.QUARANTINE: "quarantine",
    PlaceKind.PARCEL: "in_parcels",
    PlaceKind.MEMBER: "with_members",
    PlaceKind.TRANSIT: "in_transit",
}


def _units(rows: Iterable[Any]) -> Units:
    figures: dict[str, int] = defaultdict(int)
    for row in rows:
        for name in _figures(row.kind, row.days_left, bool(row.is_recalled)):
            figures[name] += int(row.units)
    return Units(**figures)


def _figures(kind: PlaceKind, left: int, recalled: bool) -> list[str]:
    """Which figures units of such a place and age count in."""
    names = ["on_hand"] if kind in _AT_STATION else []
    if kind in _FIGURE:
        names.append(_FIGURE[kind])
    if left < 0 and kind in _AT_STATION:
        names.append("expired")
    if recalled and kind in _AT_STATION:
        names.append("recalled")
    if kind is PlaceKind.SHELF and left >= 0 and not recalled:
        names.append("available")
        names += [f"expiring_{days}" for days in SOON if left <= days]
    return names


def _low(session: Session, today: date) -> LevelPolicy:
    """The policy ``levels`` of the day; without a valid one only what is used up counts as short."""
    try:
        return policy.current(session, "levels", LevelPolicy, today) or LevelPolicy(version="none")
    except msgspec.ValidationError:
        return LevelPolicy(version="none")


def _level(
    item: Any, rows: Iterable[Any], low: LevelPolicy, *, station: UUID | None = None, station_name: str = ""
) -> Level:
    units = _units(rows)
    return Level(
        item=item.id, code=item.code, kind=Kind(item.kind), name_zh=item.name_zh, name_en=item.name_en,
        strength=item.strength, unit_zh=item.facts["unit_zh"], unit_en=item.facts["unit_en"], wanted=item.wanted,
        short=item.wanted and units.available <= low.short_at(item.code), station=station, station_name=station_name,
        units=units,
    )  # fmt: skip


def _shortest_first(level: Level) -> tuple[bool, int, str]:
    return (not level.short, level.units.available if level.short else 0, level.code)


def _packs(session: Session, actor: Actor, item: UUID, today: date) -> tuple[LotLevel, ...]:
    at = func.coalesce(Place.station, Pack.station)
    rows = session.execute(
        select(
            Pack.id, Lot.number, Lot.expiry, Lot.recalled_on, Station.id.label("station"),
            Station.name.label("station_name"), Place.kind, Place.name, Holding.quantity,
        )
        .select_from(Holding)
        .join(Place, Place.id == Holding.place)
        .join(Pack, Pack.id == Holding.pack)
        .join(Lot, Lot.id == Pack.lot)
        .join(Station, Station.id == at)
        .where(Holding.quantity > 0, Pack.item == item, stations.visible(actor))
        .order_by(case((Lot.expiry.is_(None), 1), else_=0), Lot.expiry, Pack.id)
        .limit(MOST_STEPS)
    ).all()  # fmt: skip
    labels = registry.codes_of(session, {row.id for row in rows})
    return tuple(
        LotLevel(
            pack=row.id, label=labels.get(row.id), lot_number=row.number, expiry=row.expiry,
            recalled=row.recalled_on is not None, station=row.station, station_name=row.station_name,
            place_kind=row.kind, place_name=row.name, quantity=row.quantity,
            available="available" in _figures(
                row.kind, -1 if row.expiry and row.expiry < today else 0, row.recalled_on is not None
            ),
        )
        for row in rows
    )  # fmt: skip
