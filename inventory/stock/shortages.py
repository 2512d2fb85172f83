"""Which stations are short of what, which have more than enough, and which transfer would help."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from inventory.models import Lot, PlaceKind
from inventory.stock import balancing, levels, standing
from inventory.stock.balancing import LotUnits, Supply
from inventory.stock.levels import Level

MOST = 200


class LotGiven(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a lot that should travel."""

    lot: UUID
    lot_number: str
    expiry: date | None
    quantity: int


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer that would ease a shortage; ``source_left`` and ``target_then`` are the available units after it."""

    item: UUID
    code: str
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    source: UUID
    source_name: str
    source_left: int
    target: UUID
    target_name: str
    target_then: int
    quantity: int
    lots: tuple[LotGiven, ...]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Suggested transfers (at most 200), and what stays short or in surplus, each station by itself."""

    suggestions: tuple[Suggestion, ...]
    short: tuple[Level, ...]
    surplus: tuple[Level, ...]


def balance(session: Session, actor: Actor, today: date) -> Balance:
    """Shortage and surplus in the actor's scope and the transfers between its stations that would even them out."""
    found = levels.levels(session, actor, today).by_station
    short, surplus = [one for one in found if one.short], [one for one in found if one.surplus]
    asked = {one.item for one in short} & {one.item for one in surplus}
    rows = [one for one in found if one.item in asked]
    lots = _lots(session, today, {(one.station, one.item) for one in rows})
    by_item: dict[UUID, list[Level]] = defaultdict(list)
    for one in rows:
        by_item[one.item].append(one)
    made = [suggestion for of_item in by_item.values() for suggestion in _suggested(of_item, lots)]
    numbers = _numbers(session, {lot.lot for one in made for lot in one.lots})
    named = [
        msgspec.structs.replace(
            one, lots=tuple(msgspec.structs.replace(lot, lot_number=numbers[lot.lot]) for lot in one.lots)
        )
        for one in sorted(made, key=lambda one: (one.target_then - one.quantity, one.code, one.target_name))[:MOST]
    ]
    return Balance(suggestions=tuple(named), short=tuple(short), surplus=tuple(surplus))


def _suggested(rows: list[Level], lots: dict[tuple[UUID, UUID], list[LotUnits]]) -> list[Suggestion]:
    at = {one.station: one for one in rows if one.station is not None}
    supplies = [
        Supply(station=station, low=one.low, enough=one.enough, lots=tuple(lots.get((station, one.item), ())))
        for station, one in at.items()
    ]
    left = {station: one.units.available for station, one in at.items()}
    found = []
    for transfer in balancing.balance(supplies):
        left[transfer.source] -= transfer.quantity
        left[transfer.target] += transfer.quantity
        one = rows[0]
        found.append(
            Suggestion(
                item=one.item, code=one.code, name_zh=one.name_zh, name_en=one.name_en, strength=one.strength,
                unit_zh=one.unit_zh, unit_en=one.unit_en, source=transfer.source,
                source_name=at[transfer.source].station_name, source_left=left[transfer.source],
                target=transfer.target, target_name=at[transfer.target].station_name,
                target_then=left[transfer.target], quantity=transfer.quantity,
                lots=tuple(
                    LotGiven(lot=lot.lot, lot_number="", expiry=lot.expiry, quantity=lot.quantity)
                    for lot in transfer.lots
                ),
            )
        )  # fmt: skip
    return found


def _lots(
    session: Session, today: date, pairs: set[tuple[UUID | None, UUID]]
) -> dict[tuple[UUID, UUID], list[LotUnits]]:
    """What the stations can promise of each item, lot by lot."""
    units: dict[tuple[UUID, UUID], dict[UUID, int]] = defaultdict(lambda: defaultdict(int))
    expiry: dict[UUID, date | None] = {}
    wanted = {(standing.raw_of(session, at), standing.raw_of(session, item)) for at, item in pairs if at}
    for _, at, kind, facts, quantity in standing.standing(session):
        good = not facts.recalled and (facts.expiry is None or facts.expiry >= today)
        if kind is PlaceKind.SHELF and good and (at, facts.item) in wanted:
            lot = standing.uuid(facts.lot)
            units[standing.uuid(at), standing.uuid(facts.item)][lot] += quantity
            expiry[lot] = facts.expiry
    return {
        pair: [LotUnits(lot, expiry[lot], quantity) for lot, quantity in of_lot.items()]
        for pair, of_lot in units.items()
    }


def _numbers(session: Session, lots: set[UUID]) -> dict[UUID, str]:
    return {row.id: row.number for row in session.execute(select(Lot.id, Lot.number).where(Lot.id.in_(lots)))}
