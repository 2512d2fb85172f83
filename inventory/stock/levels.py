"""Stock at a glance: what is where, what of it can be promised, and what runs out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from inventory import stations
from inventory.errors import UnknownItem
from inventory.fefo import OnShelf
from inventory.models import Holding, Item, Lot, Pack, Place, PlaceKind, Station
from inventory.receiving.intake_facts import Kind
from inventory.stock import standing, thresholds
from inventory.stock.standing import Raw
from inventory.stock.thresholds import Figures, Thresholds
from inventory.stock.thresholds import LevelPolicy as LevelPolicy
from labels import registry

SOON = (30, 60, 90)
MOST_STEPS = 500


class Units(msgspec.Struct, frozen=True, gc=False):
    """Base units of an item. ``on_hand`` is all in the station, whatever its state.

    ``available`` is on a shelf, neither expired nor recalled nor promised; the ``expiring`` figures are parts of it
    with that many days left at most, each within the next. ``expired`` and ``recalled`` lie in the station, wherever.
    ``with_members`` and ``in_transit`` have left it and are not yet handed over; what is on the way to another station
    counts with the one that sent it until it is received. ``in_kits`` is in assembled care parcels, ``in_bins`` in the
    sealed bins of what goes to disposal.
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
    in_kits: int = 0
    in_bins: int = 0


class Level(msgspec.Struct, frozen=True, gc=False):
    """An item's units, at one station or (``station`` None) over all that the reader sees.

    ``surplus``: how many available units are more than enough, where somebody said how many are.
    """

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
    low: int
    enough: int
    surplus: int
    station: UUID | None
    station_name: str
    units: Units


class StationLevel(msgspec.Struct, frozen=True):
    """All units of a station."""

    station: UUID
    station_name: str
    units: Units


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """Items with their totals, the short ones first, each station with its sum, and both at once."""

    totals: tuple[Level, ...]
    stations: tuple[StationLevel, ...]
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


def levels(session: Session, actor: Actor, today: date, *, station: UUID | None = None, split: bool = True) -> Levels:
    """Stock in the actor's scope, or at one of its stations; wanted items that nobody has are listed too.

    A station's items are those that stand there, and those for which somebody typed its own figures.
    ``split``: with the levels of each station. Raises NotFound for a station out of scope.
    """
    if station is not None:
        stations.in_scope(session, actor, station)
    names = station_names(session, actor, station)
    sums = _sums(session, today, names)
    limits = thresholds.thresholds(session, today)
    for item, at in limits.typed:
        if at in names:
            sums.add(item, at)
    rows = _items(session, {item for cells in sums.cells.values() for item in cells})
    lines = {item: _Line(row, limits) for item, row in rows.items()}
    totals = [line.level(sums.total(item), line.general) for item, line in lines.items()]
    return Levels(
        totals=tuple(sorted(totals, key=_shortest_first)),
        by_station=tuple(_split(sums, lines, limits, names)) if split else (),
        stations=tuple(
            StationLevel(standing.uuid(at), name, sums.station(at))
            for at, name in sorted(names.items(), key=lambda one: one[1])
        ),
        everything=sums.everything(),
    )


def item_levels(session: Session, actor: Actor, item: UUID, today: date) -> ItemLevel:
    """One item in the actor's scope, down to its packs, soonest expiry first; raises UnknownItem."""
    this = standing.raw_of(session, item)
    row = _items(session, {this}).get(this)
    if row is None:
        raise UnknownItem
    names = station_names(session, actor)
    sums = _sums(session, today, names, only=this)
    limits = thresholds.thresholds(session, today)
    line = _Line(row, limits)
    return ItemLevel(
        total=line.level(sums.total(this), line.general),
        by_station=tuple(_split(sums, {this: line}, limits, names)),
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


# ---------------------------------------------------------------- sums


_AT_STATION = frozenset(
    {
        PlaceKind.HOLD, PlaceKind.QUARANTINE, PlaceKind.SHELF, PlaceKind.RESERVED, PlaceKind.PARCEL, PlaceKind.KIT,
        PlaceKind.BIN,
    }
)  # fmt: skip
_FIGURE = {
    PlaceKind.RESERVED: "reserved",
    PlaceKind.HOLD: "held",
    PlaceKind.QUARANTINE: "quarantine",
    PlaceKind.PARCEL: "in_parcels",
    PlaceKind.MEMBER: "with_members",
    PlaceKind.TRANSIT: "in_transit",
    PlaceKind.KIT: "in_kits",
    PlaceKind.BIN: "in_bins",
}
_NAMES = Units.__struct_fields__
_SIZE = len(_NAMES)
_ZEROS = (0,) * _SIZE
_NOTHING = Units()


@cache
def _figures(kind: PlaceKind, left: int, recalled: bool) -> tuple[int, ...]:
    """Which figures, by their place in ``Units``, units of such a place and age count in."""
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
    return tuple(_NAMES.index(name) for name in names)


class _Sums:
    """Figures by station and item, in one long row: thousands of small objects would keep the collector busy."""

    __slots__ = ("cells", "figures", "item_cells")

    def __init__(self) -> None:
        self.cells: dict[Raw, dict[Raw, int]] = defaultdict(dict)
        self.item_cells: dict[Raw, list[int]] = defaultdict(list)
        self.figures: list[int] = []

    def add(self, item: Raw, at: Raw) -> int:
        """Where the figures of an item at a station begin."""
        here, end = self.cells[at], len(self.figures)
        begins = here.setdefault(item, end)
        if begins == end:
            self.figures += _ZEROS
            self.item_cells[item].append(begins)
        return begins

    def units(self, begins: int) -> Units:
        return Units(*self.figures[begins : begins + _SIZE])

    def total(self, item: Raw) -> Units:
        cells = self.item_cells.get(item)
        return self._sum(cells) if cells else _NOTHING

    def station(self, at: Raw) -> Units:
        return self._sum(list(self.cells[at].values())) if at in self.cells else _NOTHING

    def everything(self) -> Units:
        return Units(*(sum(self.figures[one::_SIZE]) for one in range(_SIZE)))

    def _sum(self, cells: list[int]) -> Units:
        rows = [self.figures[begins : begins + _SIZE] for begins in cells]
        return Units(*map(sum, zip(*rows, strict=True)))


def _sums(session: Session, today: date, names: dict[Raw, str], *, only: Raw | None = None) -> _Sums:
    sums = _Sums()
    figures, cells, add = sums.figures, sums.cells, sums.add
    # By the kind's plain word: an Enum's own hash is a call into Python for each of ten thousand rows.
    counts: dict[bool, dict[str, dict[date | None, tuple[int, ...]]]] = {
        recalled: {kind.value: {} for kind in PlaceKind} for recalled in (False, True)
    }
    for _, at, kind, (item, _, _, expiry, recalled), quantity in standing.standing(session):
        if at not in names or (only is not None and item != only):
            continue
        by_day = counts[recalled][kind._value_]
        which = by_day.get(expiry)
        if which is None:
            which = by_day[expiry] = _figures(kind, _step(expiry, today), recalled)
        begins = cells[at].get(item)
        if begins is None:
            begins = add(item, at)
        for figure in which:
            figures[begins + figure] += quantity
    return sums


_FAR = 9_999


def _step(expiry: date | None, today: date) -> int:
    """Days left as far as a figure tells them apart; what bears no expiry has time."""
    days = _FAR if expiry is None else (expiry - today).days
    return -1 if days < 0 else next((step for step in SOON if days <= step), _FAR)


def station_names(session: Session, actor: Actor, only: UUID | None = None) -> dict[Raw, str]:
    """The names of the stations in the actor's scope, or of one of them."""
    query = select(standing.raw(Station.id), Station.name).where(stations.visible(actor))
    rows = session.execute(query.where(Station.id == only) if only else query)
    return {row.id: row.name for row in rows}


def _items(session: Session, held: Collection[Raw]) -> dict[Raw, Any]:
    """The items that are held or wanted, by the driver's identifier."""
    found = {}
    ids = [standing.uuid(one) for one in held]
    wanted = select(*_ITEM).where(Item.wanted)
    for query in [wanted, *(select(*_ITEM).where(Item.id.in_(ids[at : at + 500])) for at in range(0, len(ids), 500))]:
        found.update({row.raw: row for row in session.execute(query)})
    return found


_ITEM = (
    standing.raw(Item.id).label("raw"), Item.id, Item.code, Item.kind, Item.name_zh, Item.name_en, Item.strength,
    Item.wanted, Item.facts,
)  # fmt: skip


class _Line:
    """What every level of an item says, worked out once."""

    __slots__ = ("code", "general", "head", "raw", "wanted")

    def __init__(self, row: Any, limits: Thresholds) -> None:
        unit = (row.facts["unit_zh"], row.facts["unit_en"])
        self.raw, self.code, self.wanted = row.raw, row.code, row.wanted
        self.head = (row.id, row.code, Kind(row.kind), row.name_zh, row.name_en, row.strength, *unit, row.wanted)
        self.general = limits.general(row.raw, row.code)

    def level(self, units: Units, figures: Figures, station: UUID | None = None, name: str = "") -> Level:
        low, enough = figures
        available = units.available
        surplus = available - enough if enough and available > enough else 0
        return Level(*self.head, self.wanted and available <= low, low, enough, surplus, station, name, units)


def _split(sums: _Sums, lines: dict[Raw, _Line], limits: Thresholds, names: dict[Raw, str]) -> list[Level]:
    """The levels of every station with what stands there, by the stations' names, the short ones first."""
    found = []
    for at in sorted(sums.cells, key=names.__getitem__):
        station, name, own = standing.uuid(at), names[at], limits.own(at)
        rows = [
            lines[item].level(sums.units(begins), own.get(item) or lines[item].general, station, name)
            for item, begins in sums.cells[at].items()
        ]
        rows.sort(key=_shortest_first)
        found += rows
    return found


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
            available=(
                row.kind is PlaceKind.SHELF and row.recalled_on is None and (row.expiry is None or row.expiry >= today)
            ),
        )
        for row in rows
    )  # fmt: skip
