"""What runs out when, at which station, and what to do about it while it can still help somebody (IN27)."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from inventory import stations
from inventory.models import Item, Lot, Movement, Pack, Place, PlaceKind
from inventory.receiving import screening
from inventory.stock import levels, standing
from inventory.stock.standing import Raw

USE_SEEN_DAYS = 90
MOST = 500
_HERE = frozenset({PlaceKind.HOLD, PlaceKind.QUARANTINE, PlaceKind.SHELF, PlaceKind.RESERVED, PlaceKind.KIT})


class Todo(StrEnum):
    """What is suggested for goods that run out."""

    USE_FIRST = "use_first"
    TRANSFER = "transfer"
    DISPOSE = "dispose"


class Ageing(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a lot at a station that run out: ``days`` left (negative: since how many it has been over).

    ``step`` is 90, 60, 30 or «expired». ``used`` is how many of the item the station gave out in the last 90 days;
    ``to`` is the station that gives it out fastest, where that is faster than here and all would not go in time here.
    """

    item: UUID
    code: str
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    lot: UUID
    lot_number: str
    expiry: date
    days: int
    step: str
    station: UUID
    station_name: str
    on_shelf: int
    elsewhere: int
    used: int
    todo: Todo
    to: UUID | None
    to_name: str

    @property
    def quantity(self) -> int:
        """All of it in the station."""
        return self.on_shelf + self.elsewhere


class _Held(NamedTuple):
    station: Raw
    lot: Raw
    item: Raw
    expiry: date


def horizon(
    session: Session, actor: Actor, today: date, *, station: UUID | None = None, within: int = 90
) -> tuple[Ageing, ...]:
    """What is expired or has at most ``within`` days left in the actor's scope, soonest first; at most 500 lines.

    Raises NotFound for a station out of scope.
    """
    if station is not None:
        stations.in_scope(session, actor, station)
    names = levels.station_names(session, actor)
    units = _units(session, today, within, names, station)
    items = _items(session, {standing.uuid(one.item) for one in units})
    rows = session.execute(select(Lot.id, Lot.number).where(Lot.id.in_(_ids(units))))
    numbers = {row.id: row.number for row in rows}
    used = _used(session, today, set(items))
    first = sorted(units, key=lambda one: (one.expiry, names[one.station], one.lot))[:MOST]
    return tuple(_ageing(one, units[one], items, numbers, names, used, today) for one in first)


def _units(
    session: Session, today: date, within: int, names: dict[Raw, str], station: UUID | None
) -> dict[_Held, list[int]]:
    """[on the shelf, elsewhere in the station] of every lot that runs out."""
    only = standing.raw_of(session, station) if station else None
    last = today + timedelta(days=within)
    units: dict[_Held, list[int]] = defaultdict(lambda: [0, 0])
    for _, at, kind, facts, quantity in standing.standing(session):
        if facts.expiry is None or facts.expiry > last or at not in names or only not in {None, at}:
            continue
        if kind in _HERE:
            units[_Held(at, facts.lot, facts.item, facts.expiry)][kind is not PlaceKind.SHELF] += quantity
    return units


def _ids(units: dict[_Held, list[int]]) -> list[UUID]:
    return [standing.uuid(one.lot) for one in units]


def _items(session: Session, wanted: set[UUID]) -> dict[UUID, Any]:
    rows = session.execute(
        select(Item.id, Item.code, Item.name_zh, Item.name_en, Item.strength, Item.facts).where(Item.id.in_(wanted))
    )
    return {row.id: row for row in rows}


def _used(session: Session, today: date, items: set[UUID]) -> dict[UUID, dict[UUID, int]]:
    """How many units of an item each station gave out lately: item → station → units."""
    since = datetime.combine(today - timedelta(days=USE_SEEN_DAYS), datetime.min.time(), tzinfo=UTC)
    found: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    rows = session.execute(
        select(Pack.item, Place.station, func.sum(Movement.quantity).label("units"))
        .join(Movement, Movement.pack == Pack.id)
        .join(Place, Place.id == Movement.source)
        .where(
            Pack.item.in_(items), Movement.at >= since, Movement.reason == "reserve", Place.kind == PlaceKind.SHELF
        )
        .group_by(Pack.item, Place.station)
    )  # fmt: skip
    for row in rows:
        found[row.item][row.station] = int(row.units)
    return found


def _ageing(
    one: _Held,
    units: list[int],
    items: dict[UUID, Any],
    numbers: dict[UUID, str],
    names: dict[Raw, str],
    used: dict[UUID, dict[UUID, int]],
    today: date,
) -> Ageing:
    item, station, lot = items[standing.uuid(one.item)], standing.uuid(one.station), standing.uuid(one.lot)
    days = (one.expiry - today).days
    by_station = {standing.uuid(at): name for at, name in names.items()}
    what, to = todo(days, sum(units), station, {at: n for at, n in used[item.id].items() if at in by_station})
    return Ageing(
        item=item.id,
        code=item.code,
        name_zh=item.name_zh,
        name_en=item.name_en,
        strength=item.strength,
        unit_zh=item.facts["unit_zh"],
        unit_en=item.facts["unit_en"],
        lot=lot,
        lot_number=numbers[lot],
        expiry=one.expiry,
        days=days,
        step=str(screening.ageing(one.expiry, today) or ""),
        station=station,
        station_name=names[one.station],
        on_shelf=units[0],
        elsewhere=units[1],
        used=used[item.id].get(station, 0),
        todo=what,
        to=to,
        to_name=by_station[to] if to else "",
    )


def todo(days: int, units: int, station: UUID, used: dict[UUID, int]) -> tuple[Todo, UUID | None]:
    """Expired: dispose. Else use it first, unless it would not all go in time here and goes faster elsewhere."""
    if days < 0:
        return Todo.DISPOSE, None
    here = used.get(station, 0)
    fastest = max(used, key=lambda at: (used[at], at), default=None)
    in_time = here * days >= units * USE_SEEN_DAYS
    if fastest is None or in_time or used[fastest] <= here:
        return Todo.USE_FIRST, None
    return Todo.TRANSFER, fastest
