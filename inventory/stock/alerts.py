"""Alerts that hold exactly as long as their condition does: worked out from the ledger whenever somebody looks.

Only who saw which and who took it on is kept, and that goes with the condition: if it comes back, it is new again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit
from app.base.fields import Line
from app.base.permissions import SYSTEM, Actor
from inventory.errors import AlertOver
from inventory.models import Holding, Item, Lot, Movement, Pack, Place, PlaceKind
from inventory.receiving import screening
from inventory.stock import levels, recurring, standing, thresholds
from inventory.stock.level_models import AlertMark
from inventory.stock.recurring import Watched
from inventory.stock.standing import Raw


class Sign(StrEnum):
    """What an alert says, the gravest first."""

    EXPIRED = "expired"
    OUT = "out"
    SHORT = "short"
    WAITING = "waiting"
    EXPIRING_30 = "expiring_30"
    EXPIRING_60 = "expiring_60"
    EXPIRING_90 = "expiring_90"
    SURPLUS = "surplus"


_ORDER = list(Sign)


class StockAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A condition of the present stock. ``quantity``: units it is about; ``days``: left, over, or waited.

    ``new``: the reader has not seen it before. ``taken_at``: somebody of its station's scope took it on.
    """

    condition: str
    sign: Sign
    station: UUID
    station_name: str
    item: UUID
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    lot: UUID | None = None
    lot_number: str = ""
    quantity: int = 0
    threshold: int = 0
    days: int = 0
    new: bool = True
    taken_at: datetime | None = None


class TakeAlert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """«I see to it»: for everybody in whose scope the station is."""

    condition: Line


class TakenAlert(msgspec.Struct, frozen=True):
    """An alert that was taken on, and when that was first done."""

    condition: str
    taken_at: datetime


def alerts(session: Session, actor: Actor, today: date) -> tuple[StockAlert, ...]:
    """What holds now in the actor's scope, the gravest first."""
    return _marked(session, actor, _conditions(session, actor, today))


def waiting(session: Session, actor: Actor, today: date) -> int:
    """How many alerts in the actor's scope nobody has taken on."""
    return sum(one.taken_at is None for one in alerts(session, actor, today))


def look(session: Session, actor: Actor, today: date, now: datetime) -> tuple[StockAlert, ...]:
    """What holds now, as this reader finds it; from then on it is no longer new to them.

    Forgets what was kept of conditions that are gone, whoever's they were.
    """
    everywhere = _conditions(session, SYSTEM, today)
    _forget(session, everywhere)
    names = {standing.uuid(at) for at in levels.station_names(session, actor)}
    mine = _marked(session, actor, [one for one in everywhere if one.station in names])
    for one in mine:
        if one.new:
            session.execute(insert(AlertMark).values(condition=one.condition, account=actor.account, seen_at=now))
    return mine


def take(session: Session, order: TakeAlert, actor: Actor, today: date, now: datetime) -> TakenAlert:
    """Take an alert on; once done, sending it again changes nothing. Raises AlertOver where it no longer holds."""
    found = next((one for one in alerts(session, actor, today) if one.condition == order.condition), None)
    if found is None:
        raise AlertOver
    if found.taken_at is not None:
        return TakenAlert(found.condition, found.taken_at)
    mine = (AlertMark.condition == order.condition, AlertMark.account == actor.account)
    values = {"condition": order.condition, "account": actor.account}
    if session.execute(select(AlertMark.condition).where(*mine)).first():
        session.execute(update(AlertMark).where(*mine).values(seen_at=now, taken_at=now))
    else:
        session.execute(insert(AlertMark).values(seen_at=now, taken_at=now, **values))
    audit.note(session, actor, "alert.take", found.item, now, sign=found.sign.value, station=str(found.station))
    return TakenAlert(order.condition, now)


def _marked(session: Session, actor: Actor, found: list[StockAlert]) -> tuple[StockAlert, ...]:
    seen: set[str] = set()
    taken: dict[str, datetime] = {}
    marks = list(session.execute(select(AlertMark)).scalars())
    back = _came_back(session, found, marks)
    for row in marks:
        if row.seen_at < back.get(row.condition, row.seen_at):
            continue
        if row.account == actor.account:
            seen.add(row.condition)
        if row.taken_at is not None:
            taken[row.condition] = min(row.taken_at, taken.get(row.condition, row.taken_at))
    marked = [
        msgspec.structs.replace(one, new=one.condition not in seen, taken_at=taken.get(one.condition)) for one in found
    ]
    return tuple(
        sorted(
            marked,
            key=lambda one: (one.taken_at is not None, _ORDER.index(one.sign), one.days, one.station_name, one.name_zh),
        )
    )


def _forget(session: Session, holding: list[StockAlert]) -> None:
    """What was kept of conditions that are gone, or were gone since and have come back without anybody looking."""
    marks = list(session.execute(select(AlertMark)).scalars())
    gone = {one.condition for one in marks} - {one.condition for one in holding}
    if gone:
        session.execute(delete(AlertMark).where(AlertMark.condition.in_(sorted(gone))))
    for condition, at in _came_back(session, holding, marks).items():
        session.execute(delete(AlertMark).where(AlertMark.condition == condition, AlertMark.seen_at < at))


def _came_back(session: Session, holding: list[StockAlert], marks: list[AlertMark]) -> dict[str, datetime]:
    """When the marked conditions about an item's units began to hold again, where they were gone for a while."""
    seen = {one.condition: one.seen_at for one in sorted(marks, key=lambda one: one.seen_at, reverse=True)}
    watched = {
        one.condition: Watched(one.station, one.item, one.quantity, _holds(one.sign, one.threshold))
        for one in holding
        if one.condition in seen and one.sign in _OF_UNITS
    }
    since = min((seen[condition] for condition in watched), default=None)
    return recurring.came_back(session, watched, since) if since else {}


_OF_UNITS = frozenset({Sign.OUT, Sign.SHORT, Sign.SURPLUS})


def _holds(sign: Sign, threshold: int) -> Callable[[int], bool]:
    if sign is Sign.SURPLUS:
        return lambda units: units > threshold
    return (lambda units: units <= 0) if sign is Sign.OUT else (lambda units: 0 < units <= threshold)


def _conditions(session: Session, actor: Actor, today: date) -> list[StockAlert]:
    return [*_of_levels(session, actor, today), *_of_lots(session, actor, today), *_of_waiting(session, actor, today)]


def _of_levels(session: Session, actor: Actor, today: date) -> Iterator[StockAlert]:
    for one in levels.levels(session, actor, today).by_station:
        if one.short:
            sign, threshold = (Sign.SHORT, one.low) if one.units.available else (Sign.OUT, one.low)
        elif one.surplus:
            sign, threshold = Sign.SURPLUS, one.enough
        else:
            continue
        if one.station is not None:
            yield StockAlert(
                condition=f"{sign}:{one.station}:{one.item}", sign=sign, station=one.station,
                station_name=one.station_name, item=one.item, name_zh=one.name_zh, name_en=one.name_en,
                strength=one.strength, unit_zh=one.unit_zh, unit_en=one.unit_en, quantity=one.units.available,
                threshold=threshold,
            )  # fmt: skip


_STEPS = {30: Sign.EXPIRING_30, 60: Sign.EXPIRING_60, 90: Sign.EXPIRING_90, "expired": Sign.EXPIRED}


def _of_lots(session: Session, actor: Actor, today: date) -> Iterator[StockAlert]:
    """What runs out or is over on a shelf, lot by lot; each step towards the day is an alert of its own."""
    names = levels.station_names(session, actor)
    found: dict[tuple[Raw, Raw], int] = defaultdict(int)
    days: dict[Raw, date] = {}
    last = today + timedelta(days=max(levels.SOON))
    for _, at, kind, facts, quantity in standing.standing(session):
        if kind is PlaceKind.SHELF and facts.expiry is not None and facts.expiry <= last and at in names:
            found[at, facts.lot] += quantity
            days[facts.lot] = facts.expiry
    lots = _lots(session, [standing.uuid(lot) for lot in days])
    for (at, lot), quantity in found.items():
        row, step = lots[standing.uuid(lot)], screening.ageing(days[lot], today)
        if step is not None:
            sign, station = _STEPS[step], standing.uuid(at)
            yield _alert(
                row, sign, station, names[at], f"{sign}:{station}:{row.lot}", quantity, (days[lot] - today).days
            )


_LOT = (
    Lot.id.label("lot"), Lot.number, Item.id, Item.name_zh, Item.name_en, Item.strength, Item.facts,
)  # fmt: skip


def _lots(session: Session, wanted: list[UUID]) -> dict[UUID, Any]:
    found = {}
    for begin in range(0, len(wanted), 500):
        query = select(*_LOT).join(Item, Item.id == Lot.item).where(Lot.id.in_(wanted[begin : begin + 500]))
        found.update({row.lot: row for row in session.execute(query)})
    return found


def _of_waiting(session: Session, actor: Actor, today: date) -> Iterator[StockAlert]:
    """What has waited for a decision too long, counted from its last arrival where it waits."""
    limit = thresholds.thresholds(session, today).policy.quarantine_days
    names = levels.station_names(session, actor)
    came = func.max(Movement.at).label("came")
    rows = session.execute(
        select(*_LOT, Pack.id.label("pack"), standing.raw(Place.station).label("at"), Holding.quantity, came)
        .join(Item, Item.id == Lot.item)
        .join(Pack, Pack.lot == Lot.id)
        .join(Holding, Holding.pack == Pack.id)
        .join(Place, Place.id == Holding.place)
        .join(Movement, (Movement.pack == Pack.id) & (Movement.target == Place.id))
        .where(Place.kind.in_([PlaceKind.HOLD, PlaceKind.QUARANTINE]), Holding.quantity > 0)
        .group_by(*_LOT, Pack.id, Place.station, Place.id, Holding.quantity)
    ).all()  # fmt: skip
    for row in rows:
        waited = (today - row.came.date()).days
        if waited > limit and row.at in names:
            station = standing.uuid(row.at)
            condition = f"{Sign.WAITING}:{station}:{row.pack}"
            yield _alert(row, Sign.WAITING, station, names[row.at], condition, row.quantity, waited)


def _alert(
    row: Any, sign: Sign, station: UUID, station_name: str, condition: str, quantity: int, days: int
) -> StockAlert:
    return StockAlert(
        condition=condition, sign=sign, station=station, station_name=station_name, item=row.id, name_zh=row.name_zh,
        name_en=row.name_en, strength=row.strength, unit_zh=row.facts["unit_zh"], unit_en=row.facts["unit_en"],
        lot=row.lot, lot_number=row.number, quantity=quantity, days=days,
    )  # fmt: skip
