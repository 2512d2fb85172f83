"""Every difference a stocktake found, with both figures, for whoever decides; and the finished 盘点表."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.permissions import Actor, Permission
from inventory.counting import comparing
from inventory.counting.stocktake import scans
from inventory.counting.stocktake_errors import CountOpen
from inventory.counting.stocktake_models import OPEN, LineState, StocktakeLine, StocktakeScan
from inventory.counting.stocktake_rules import Entry, Moment, at_moment, may_shift, net
from inventory.counting.stocktake_views import GOODS, StocktakeRow, lines_of, row_of
from inventory.models import Item, Lot, Pack, Place, PlaceKind
from labels import registry


class VarianceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A pack in a line: what was counted and what the books said at that moment. ``ends``: its label's last four.

    ``moved``: units that the books have in another place; ``follows``: the books can be made to follow.
    """

    pack: UUID | None
    ends: str
    counted: int | None
    expected: int
    rest: int
    moved: tuple[tuple[str, PlaceKind, int, bool], ...] = ()


class VarianceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the desk page: ``net`` units would be added to the books or taken off them."""

    line: UUID
    state: LineState
    number: int
    place_name: str
    kind: PlaceKind
    item: UUID
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    lot_number: str
    expiry: date | None
    net: int
    entries: tuple[VarianceEntry, ...]
    why: str
    note: str
    label_lost: bool


class ItemVariance(msgspec.Struct, frozen=True, kw_only=True):
    """An item's differences over all lines that are not left: units missing and units found."""

    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    missing: int
    found: int


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever decides sees. ``own``: the reader counted and cannot decide."""

    row: StocktakeRow
    lines: tuple[VarianceLine, ...]
    items: tuple[ItemVariance, ...]
    own: bool


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the 盘点表: a pack in a place, by the books at its scan and as counted; ``state`` empty: they agree."""

    place_name: str
    kind: PlaceKind
    name_zh: str
    name_en: str
    strength: str
    lot_number: str
    expiry: date | None
    unit_zh: str
    unit_en: str
    ends: str
    expected: int
    counted: int
    difference: int
    moved: int
    state: str
    why: str
    note: str


def desk(session: Session, stocktake: UUID, actor: Actor) -> Desk:
    """Every difference with both figures; raises NotFound, and CountOpen for whoever counts while it is open."""
    row = row_of(session, stocktake, actor)
    _may_see(row, actor)
    rows = lines_of(session, stocktake)
    entries = {one.StocktakeLine.id: comparing.entries_of(one.StocktakeLine) for one in rows}
    codes = registry.codes_of(session, {one.pack for some in entries.values() for one in some if one.pack is not None})
    sources = {shift.source for some in entries.values() for one in some for shift in one.shifts}
    names = {one.id: one.name for one in session.execute(select(Place.id, Place.name).where(Place.id.in_(sources)))}
    lines = tuple(_variance(one, entries[one.StocktakeLine.id], codes, names) for one in rows)
    own = select(StocktakeScan.id).where(StocktakeScan.stocktake == stocktake, StocktakeScan.by == actor.account)
    return Desk(
        row=row, lines=lines, items=_by_item(lines), own=session.execute(own.limit(1)).first() is not None
    )  # fmt: skip


def _may_see(row: StocktakeRow, actor: Actor) -> None:
    """Whoever may count sees no figure of the books before the stocktake is over."""
    if row.state in OPEN and actor.may(Permission.COUNT_STOCK):
        raise CountOpen


def _variance(
    row: Any, entries: tuple[Entry, ...], codes: Mapping[UUID, str], names: Mapping[UUID, str]
) -> VarianceLine:
    line: StocktakeLine = row.StocktakeLine
    missing = any(one.pack is not None and one.rest < 0 for one in entries)
    return VarianceLine(
        line=line.id, state=line.state, number=line.round, place_name=row.place_name, kind=row.kind, item=row.item,
        name_zh=row.name_zh, name_en=row.name_en, strength=row.strength, unit_zh=row.facts["unit_zh"],
        unit_en=row.facts["unit_en"], lot_number=row.number, expiry=row.expiry, net=net(entries),
        entries=tuple(_entry(one, row.kind, codes, names) for one in entries), why=line.why, note=line.note,
        label_lost=missing and any(one.pack is None for one in entries),
    )  # fmt: skip


def _entry(entry: Entry, kind: PlaceKind, codes: Mapping[UUID, str], names: Mapping[UUID, str]) -> VarianceEntry:
    return VarianceEntry(
        pack=entry.pack,
        ends=codes.get(entry.pack, "")[-4:] if entry.pack is not None else "",
        counted=entry.counted,
        expected=entry.expected,
        rest=entry.rest,
        moved=tuple(
            (names[one.source], PlaceKind(one.kind), one.units, may_shift(one.kind, kind.value)) for one in entry.shifts
        ),
    )


def _by_item(lines: Iterable[VarianceLine]) -> tuple[ItemVariance, ...]:
    sums: dict[UUID, ItemVariance] = {}
    for line in lines:
        if line.state in (LineState.RIGHT, LineState.LEFT):
            continue
        so_far = sums.get(line.item) or ItemVariance(
            name_zh=line.name_zh, name_en=line.name_en, strength=line.strength, unit_zh=line.unit_zh,
            unit_en=line.unit_en, missing=0, found=0,
        )  # fmt: skip
        sums[line.item] = msgspec.structs.replace(
            so_far,
            missing=so_far.missing + sum(-one.rest for one in line.entries if one.rest < 0),
            found=so_far.found + sum(one.rest for one in line.entries if one.rest > 0),
        )
    return tuple(sums.values())


# ---------------------------------------------------------------- the printed report (盘点表)


def report(session: Session, stocktake: UUID, actor: Actor) -> tuple[ReportRow, ...]:
    """Every pack that was counted or is missing, place by place. Raises as ``desk``."""
    row = row_of(session, stocktake, actor)
    _may_see(row, actor)
    lines = {
        (one.StocktakeLine.place, one.StocktakeLine.lot): one.StocktakeLine for one in lines_of(session, stocktake)
    }
    found = {
        (line.place, entry.pack): entry
        for line in lines.values()
        for entry in comparing.entries_of(line)
        if entry.pack is not None
    }
    seen = {(one.place, one.pack): one for one in scans(session, stocktake) if one.pack is not None}
    ways = comparing.ways(session, {pack for _, pack in seen})
    told = [
        (place, pack, found.get((place, pack)) or _as_counted(seen[place, pack], ways[pack]))
        for place, pack in sorted(set(seen) | set(found))
    ]
    return (*_rows_of_packs(session, told, lines), *_rows_without_label(session, lines.values()))


def _as_counted(one: StocktakeScan, way: Any) -> Entry:
    stood = at_moment(way, Moment(one.at, one.id)).units[one.place]
    return Entry(pack=one.pack, counted=one.quantity, expected=stood, at=one.at, seq=one.id)


def _rows_of_packs(
    session: Session, told: list[tuple[UUID, UUID, Entry]], lines: Mapping[tuple[UUID, UUID], StocktakeLine]
) -> list[ReportRow]:
    packs = {pack for _, pack, _ in told}
    about = {
        row.id: row
        for row in session.execute(
            select(Pack.id, Pack.lot, Lot.number, Lot.expiry, *GOODS)
            .join(Lot, Lot.id == Pack.lot)
            .join(Item, Item.id == Pack.item)
            .where(Pack.id.in_(packs))
        )
    }
    places = _places(session, {place for place, _, _ in told})
    codes = registry.codes_of(session, packs)
    return [
        _report_row(
            places[place], about[pack], codes.get(pack, "")[-4:], entry, lines.get((place, about[pack].lot))
        )
        for place, pack, entry in told
    ]  # fmt: skip


def _rows_without_label(session: Session, lines: Iterable[StocktakeLine]) -> list[ReportRow]:
    found = [(line, one) for line in lines for one in comparing.entries_of(line) if one.pack is None]
    places = _places(session, {line.place for line, _ in found})
    lots = {
        row.lot: row
        for row in session.execute(
            select(Lot.id.label("lot"), Lot.number, Lot.expiry, *GOODS)
            .join(Item, Item.id == Lot.item)
            .where(Lot.id.in_([line.lot for line, _ in found]))
        )
    }
    return [_report_row(places[line.place], lots[line.lot], "", entry, line) for line, entry in found]


def _places(session: Session, ids: Iterable[UUID]) -> dict[UUID, Any]:
    rows = session.execute(select(Place.id, Place.kind, Place.name).where(Place.id.in_(list(ids))))
    return {row.id: row for row in rows}


def _report_row(place: Any, goods: Any, ends: str, entry: Entry, line: StocktakeLine | None) -> ReportRow:
    moved = sum(one.units for one in entry.shifts)
    return ReportRow(
        place_name=place.name, kind=place.kind, name_zh=goods.name_zh, name_en=goods.name_en, strength=goods.strength,
        lot_number=goods.number, expiry=goods.expiry, unit_zh=goods.facts["unit_zh"], unit_en=goods.facts["unit_en"],
        ends=ends, expected=entry.expected, counted=entry.counted or 0, difference=entry.rest, moved=moved,
        state=line.state.value if line is not None and not entry.plain else "",
        why=line.why if line is not None else "", note=line.note if line is not None else "",
    )  # fmt: skip
