"""When a condition of a station's stock came back last, read from the ledger: also where nobody looked in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from inventory.models import Movement, Pack, Place, PlaceKind


class Watched(NamedTuple):
    """A condition of the units of an item on a station's shelves: how many now, and for which numbers it holds."""

    station: UUID
    item: UUID
    units: int
    holds: Callable[[int], bool]


def came_back(session: Session, watched: Mapping[str, Watched], since: datetime) -> dict[str, datetime]:
    """Of each condition that did not hold all the time since then: when it began to hold again."""
    if not watched:
        return {}
    steps = _steps(session, watched.values(), since)
    found = {}
    for condition, one in watched.items():
        units = one.units
        for at, more in steps[one.station, one.item]:
            units -= more
            if not one.holds(units):
                found[condition] = at
                break
    return found


def _steps(
    session: Session, watched: Collection[Watched], since: datetime
) -> dict[tuple[UUID, UUID], list[tuple[datetime, int]]]:
    """What came onto the shelves (positive) or left them since then, newest first."""
    stations, items = {one.station for one in watched}, {one.item for one in watched}
    source, target = aliased(Place), aliased(Place)
    ours = [(place.kind == PlaceKind.SHELF) & place.station.in_(stations) for place in (source, target)]
    rows = session.execute(
        select(
            Movement.at, Movement.quantity, Pack.item, source.station.label("left"), source.kind.label("left_kind"),
            target.station.label("reached"), target.kind.label("reached_kind"),
        )
        .join(Pack, Pack.id == Movement.pack)
        .outerjoin(source, source.id == Movement.source)
        .outerjoin(target, target.id == Movement.target)
        .where(Pack.item.in_(items), Movement.at >= since, or_(*ours))
        .order_by(Movement.id.desc())
    )  # fmt: skip
    steps: dict[tuple[UUID, UUID], list[tuple[datetime, int]]] = defaultdict(list)
    for row in rows:
        for station, more in _sides(row.left, row.left_kind, row.reached, row.reached_kind, row.quantity):
            steps[station, row.item].append((row.at, more))
    return steps


def _sides(
    left: UUID | None, left_kind: PlaceKind | None, reached: UUID | None, reached_kind: PlaceKind | None, units: int
) -> Iterator[tuple[UUID, int]]:
    if left_kind is PlaceKind.SHELF and reached_kind is PlaceKind.SHELF and left == reached:
        return
    if left is not None and left_kind is PlaceKind.SHELF:
        yield left, -units
    if reached is not None and reached_kind is PlaceKind.SHELF:
        yield reached, units
