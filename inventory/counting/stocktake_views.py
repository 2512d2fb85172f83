"""What a stocktake shows to whoever counts: what is to be counted and what was, never what the books say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.base.errors import NotFound
from app.base.permissions import Actor, Permission
from inventory import stations
from inventory.counting.stocktake import begun, scans
from inventory.counting.stocktake_models import (
    OPEN,
    LineState,
    Stocktake,
    StocktakeLine,
    StocktakePlace,
    StocktakeScan,
    StocktakeState,
)
from inventory.counting.stocktake_rules import COUNTABLE, next_counter
from inventory.models import Item, Lot, Pack, Place, PlaceKind, Station

MOST = 100
FEW = 12


class StocktakeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stocktake in a list. ``counted``: the first count is over. ``scanned``: labels counted so far in it.

    ``recount`` and ``decide``: lines in these states.
    """

    id: UUID
    station: UUID
    station_name: str
    state: StocktakeState
    opened_at: datetime
    counted: bool
    ended_at: datetime | None
    places: tuple[str, ...]
    untouched: int
    scanned: int
    recount: int
    decide: int


class SheetPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place to be counted and how many labels were counted there by everybody together."""

    id: UUID
    kind: PlaceKind
    name: str
    scanned: int


class SheetScan(msgspec.Struct, frozen=True, kw_only=True):
    """One of the reader's own scans that stand."""

    scan: UUID
    name_zh: str
    name_en: str
    strength: str
    lot_number: str
    expiry: date | None
    quantity: int
    labelled: bool


class RecountRow(msgspec.Struct, frozen=True, kw_only=True):
    """Goods to be counted again. ``can``: by this reader; ``mine``: the reader has begun."""

    line: UUID
    place: UUID
    kind: PlaceKind
    place_name: str
    item: UUID
    called: str
    name_zh: str
    name_en: str
    strength: str
    lot_number: str
    expiry: date | None
    number: int
    can: bool
    mine: bool


class CountSheet(msgspec.Struct, frozen=True, kw_only=True):
    """What a counter sees: nothing of what the books say."""

    row: StocktakeRow
    places: tuple[SheetPlace, ...]
    mine: tuple[SheetScan, ...]
    recounts: tuple[RecountRow, ...]


# ---------------------------------------------------------------- lists and the counter's sheet


def listed(session: Session, actor: Actor) -> tuple[StocktakeRow, ...]:
    """The stocktakes in the actor's scope, open ones first, then the latest; at most 100."""
    first = case((Stocktake.state.in_(OPEN), 0), else_=1)
    query = _rows().where(stations.visible(actor)).order_by(first, Stocktake.id.desc()).limit(MOST)
    return _told(session, session.execute(query).all(), actor)


def waiting(session: Session, actor: Actor) -> int:
    """Stocktakes of the actor's stations that are not over."""
    open_ones = select(func.count()).select_from(Stocktake).join(Station, Station.id == Stocktake.station)
    return session.execute(open_ones.where(Stocktake.state.in_(OPEN), stations.visible(actor))).scalar_one()


def row_of(session: Session, stocktake: UUID, actor: Actor) -> StocktakeRow:
    """A stocktake of the actor's scope; raises NotFound."""
    found = session.execute(_rows().where(Stocktake.id == stocktake, stations.visible(actor))).all()
    if not found:
        raise NotFound
    return _told(session, found, actor)[0]


def _rows() -> Any:
    return select(
        Stocktake.id, Stocktake.station, Station.name.label("station_name"), Stocktake.state, Stocktake.opened_at,
        Stocktake.counted_at.is_not(None).label("counted"), Stocktake.ended_at,
    ).join(Station, Station.id == Stocktake.station)  # fmt: skip


def _told(session: Session, rows: Iterable[Any], actor: Actor) -> tuple[StocktakeRow, ...]:
    """The rows with their progress; how many lines differ for good is not for whoever counts."""
    rows, blind = list(rows), actor.may(Permission.COUNT_STOCK)
    ids = [row.id for row in rows]
    places: dict[UUID, list[Any]] = defaultdict(list)
    named = select(StocktakePlace.stocktake, Place.id, Place.name).join(Place, Place.id == StocktakePlace.place)
    for one in session.execute(named.where(StocktakePlace.stocktake.in_(ids)).order_by(Place.id)):
        places[one.stocktake].append(one)
    seen: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for one in _scanned(session, ids):
        seen[one.stocktake][one.place] = one.units
    waiting: dict[UUID, dict[LineState, int]] = defaultdict(dict)
    lines = select(StocktakeLine.stocktake, StocktakeLine.state, func.count().label("units")).where(
        StocktakeLine.stocktake.in_(ids)
    )
    for line in session.execute(lines.group_by(StocktakeLine.stocktake, StocktakeLine.state)):
        waiting[line.stocktake][line.state] = line.units
    return tuple(
        StocktakeRow(
            **row._mapping, places=tuple(one.name for one in places[row.id]),
            untouched=sum(1 for one in places[row.id] if one.id not in seen[row.id]),
            scanned=sum(seen[row.id].values()), recount=waiting[row.id].get(LineState.RECOUNT, 0),
            decide=0 if blind else waiting[row.id].get(LineState.DECIDE, 0),
        )
        for row in rows
    )  # fmt: skip


def _scanned(session: Session, stocktakes: Iterable[UUID]) -> Any:
    """How many packs and unlabelled finds were counted, by stocktake and place."""
    back = aliased(StocktakeScan)
    things = func.count(func.distinct(StocktakeScan.pack)) + func.sum(case((StocktakeScan.pack.is_(None), 1), else_=0))
    return session.execute(
        select(StocktakeScan.stocktake, StocktakeScan.place, things.label("units"))
        .outerjoin(back, back.withdraws == StocktakeScan.id)
        .where(
            StocktakeScan.stocktake.in_(list(stocktakes)), StocktakeScan.withdraws.is_(None), back.id.is_(None),
            StocktakeScan.round == 1,
        )
        .group_by(StocktakeScan.stocktake, StocktakeScan.place)
    )  # fmt: skip


def sheet(
    session: Session, stocktake: UUID, actor: Actor, *, line: UUID | None = None, place: UUID | None = None
) -> CountSheet:
    """A counter's sheet; ``mine`` of a line's recount, or of all that the reader counts again in a place.

    Raises NotFound.
    """
    row = row_of(session, stocktake, actor)
    counted = {one.place: one.units for one in _scanned(session, [stocktake])}
    places = session.execute(
        select(Place.id, Place.kind, Place.name)
        .join(StocktakePlace, StocktakePlace.place == Place.id)
        .where(StocktakePlace.stocktake == stocktake)
        .order_by(Place.id)
    )
    recount = session.get(StocktakeLine, line) if line is not None else None
    if line is not None and (recount is None or recount.stocktake != stocktake):
        raise NotFound
    again = [recount] if recount is not None else begun(session, stocktake, place, actor) if place else []
    counts = [scans(session, stocktake, each) for each in again] or [scans(session, stocktake)]
    made = [one for count in counts for one in count]
    own = sorted((one for one in made if one.by == actor.account), key=lambda one: (one.at, one.id))[-FEW:]
    return CountSheet(
        row=row,
        places=tuple(
            SheetPlace(id=one.id, kind=one.kind, name=one.name, scanned=counted.get(one.id, 0)) for one in places
        ),
        mine=tuple(reversed(_named(session, own))),
        recounts=_recounts(session, stocktake, actor),
    )


def _named(session: Session, made: list[StocktakeScan]) -> list[SheetScan]:
    packs = {one.pack for one in made if one.pack is not None}
    about = {
        row.id: row
        for row in session.execute(
            select(Pack.id, Item.name_zh, Item.name_en, Item.strength, Lot.number, Lot.expiry)
            .join(Item, Item.id == Pack.item)
            .join(Lot, Lot.id == Pack.lot)
            .where(Pack.id.in_(packs))
        )
    }
    items = {
        row.id: row for row in session.execute(select(Item).where(Item.id.in_([one.item for one in made]))).scalars()
    }
    told = []
    for one in made:
        known: Any = about[one.pack] if one.pack is not None else items[one.item or UUID(int=0)]
        told.append(
            SheetScan(
                scan=one.id, name_zh=one.called or known.name_zh, name_en=one.called or known.name_en,
                strength=known.strength, lot_number=known.number if one.pack else one.lot_number,
                expiry=known.expiry if one.pack else one.expiry, quantity=one.quantity, labelled=one.pack is not None,
            )
        )  # fmt: skip
    return told


GOODS = (Item.id.label("item"), Item.name_zh, Item.name_en, Item.strength, Item.facts)


def lines_of(session: Session, stocktake: UUID, *more: Any) -> list[Any]:
    query = (
        select(StocktakeLine, Place.kind, Place.name.label("place_name"), Lot.number, Lot.expiry, *GOODS)
        .join(Place, Place.id == StocktakeLine.place)
        .join(Lot, Lot.id == StocktakeLine.lot)
        .join(Item, Item.id == Lot.item)
        .where(StocktakeLine.stocktake == stocktake, *more)
        .order_by(Place.id, Item.code, Lot.id)
    )
    return list(session.execute(query.execution_options(populate_existing=True)).all())


def _recounts(session: Session, stocktake: UUID, actor: Actor) -> tuple[RecountRow, ...]:
    called = {
        (one.place, one.item, one.lot_number): one.called for one in scans(session, stocktake) if one.item is not None
    }
    return tuple(
        RecountRow(
            line=row.StocktakeLine.id, place=row.StocktakeLine.place, kind=row.kind, place_name=row.place_name,
            item=row.item, called=called.get((row.StocktakeLine.place, row.item, row.number), ""), name_zh=row.name_zh,
            name_en=row.name_en, strength=row.strength, lot_number=row.number, expiry=row.expiry,
            number=row.StocktakeLine.round + 1,
            can=actor.may(Permission.COUNT_STOCK)
            and next_counter(actor.account, row.StocktakeLine.counters, row.StocktakeLine.round + 1),
            mine=row.StocktakeLine.started_by == actor.account,
        )
        for row in lines_of(session, stocktake, StocktakeLine.state == LineState.RECOUNT)
    )  # fmt: skip


class Openable(msgspec.Struct, frozen=True, kw_only=True):
    """A place that can be counted; ``busy``: it is in an open stocktake."""

    id: UUID
    kind: PlaceKind
    name: str
    station: UUID
    station_name: str
    busy: bool


def openable(session: Session, actor: Actor) -> tuple[Openable, ...]:
    """The places that the actor can have counted, station by station."""
    open_ones = (
        select(StocktakePlace.place)
        .join(Stocktake, Stocktake.id == StocktakePlace.stocktake)
        .where(Stocktake.state.in_(OPEN))
    )
    busy = set(session.execute(open_ones).scalars())
    rows = session.execute(
        select(Place.id, Place.kind, Place.name, Place.station, Station.name.label("station_name"))
        .join(Station, Station.id == Place.station)
        .where(stations.visible(actor), or_(*(Place.kind == PlaceKind(kind) for kind in sorted(COUNTABLE))))
        .order_by(Station.name, Place.id)
    )
    return tuple(Openable(**row._mapping, busy=row.id in busy) for row in rows)
