"""Every pack's whole story: what it is, what was found at intake, where it is, everything that happened to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.base.errors import NotFound
from app.base.permissions import Actor
from app.base.reasons import Reason
from inventory.ledger import Spot
from inventory.models import DonationLine, Holding, Item, Lot, Movement, Pack, Place, PlaceKind, Station
from inventory.receiving.intake_facts import Kind, Verdict
from labels import registry

MOST_STEPS = 500


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a pack in one place."""

    kind: PlaceKind
    name: str
    station_name: str
    quantity: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of a pack; ``reason`` is the ledger's word. Who did it is for the audit, not for this list."""

    at: datetime
    reason: str
    quantity: int
    source: PlaceKind
    source_name: str
    target: PlaceKind
    target_name: str
    reverses: bool


class PackHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A pack: what it is, what was found at intake, where it is, everything that happened to it."""

    pack: UUID
    label: str | None
    item: UUID
    kind: Kind
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    called: str
    lot_number: str
    expiry: date | None
    expired: bool
    recalled: bool
    quantity: int
    station: UUID
    station_name: str
    received_at: datetime
    donation: UUID | None
    verdict: Verdict | None
    reasons: tuple[Reason, ...]
    where: tuple[Whereabouts, ...]
    steps: tuple[Step, ...]


def pack_history(session: Session, pack: UUID, actor: Actor, today: date) -> PackHistory:
    """A pack with all that happened to it, oldest first; raises NotFound out of scope."""
    row = session.execute(
        select(
            Pack.quantity, Pack.received_at, Lot.number, Lot.expiry, Lot.recalled_on, Item.id.label("item"),
            Item.kind, Item.name_zh, Item.name_en, Item.strength, Item.facts, Station.id.label("station"),
            Station.name.label("station_name"), Station.community,
            DonationLine.donation, DonationLine.called, DonationLine.verdict, DonationLine.reasons,
        )
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .join(Station, Station.id == Pack.station)
        .outerjoin(DonationLine, DonationLine.pack == func.coalesce(Pack.split_from, Pack.id))
        .where(Pack.id == pack)
    ).first()  # fmt: skip
    if row is None:
        raise NotFound
    where = _where(session, pack)
    _in_sight(row, where, actor)
    return PackHistory(
        pack=pack, label=registry.code_of(session, pack), item=row.item, kind=Kind(row.kind), name_zh=row.name_zh,
        name_en=row.name_en, strength=row.strength, unit_zh=row.facts["unit_zh"], unit_en=row.facts["unit_en"],
        called=row.called or "", lot_number=row.number, expiry=row.expiry,
        expired=row.expiry is not None and row.expiry < today, recalled=row.recalled_on is not None,
        quantity=row.quantity, station=row.station, station_name=row.station_name, received_at=row.received_at,
        donation=row.donation, verdict=Verdict(row.verdict) if row.verdict else None,
        reasons=msgspec.convert(row.reasons or [], tuple[Reason, ...]),
        where=tuple(
            Whereabouts(kind=one.kind, name=one.name, station_name=one.station_name or "", quantity=one.quantity)
            for one in where
        ),
        steps=_steps(session, pack),
    )  # fmt: skip


def in_reach(session: Session, pack: UUID, actor: Actor) -> None:
    """Go on for those in whose scope a pack was received or is now; raises NotFound."""
    row = session.execute(
        select(Pack.station, Station.community).join(Station, Station.id == Pack.station).where(Pack.id == pack)
    ).first()
    if row is None:
        raise NotFound
    _in_sight(row, _where(session, pack), actor)


def _in_sight(row: Any, where: Iterable[Any], actor: Actor) -> None:
    """A pack is seen by the station that took it in and by those that have units of it now."""
    for one in where:
        if one.station is not None and (one.station in actor.stations or one.community in actor.communities):
            return
    actor.at_station(row.station, row.community)


def _where(session: Session, pack: UUID) -> list[Any]:
    return list(
        session.execute(
            select(
                Place.kind, Place.name, Place.station, Station.name.label("station_name"), Station.community,
                Holding.quantity,
            )
            .join(Holding, Holding.place == Place.id)
            .outerjoin(Station, Station.id == Place.station)
            .where(Holding.pack == pack, Holding.quantity > 0)
            .order_by(Holding.quantity.desc(), Place.id)
        ).all()
    )  # fmt: skip


def _steps(session: Session, pack: UUID) -> tuple[Step, ...]:
    source, target = aliased(Place), aliased(Place)
    rows = session.execute(
        select(
            Movement.at, Movement.reason, Movement.quantity, Movement.reverses, source.kind.label("source"),
            source.name.label("source_name"), target.kind.label("target"), target.name.label("target_name"),
        )
        .join(source, source.id == Movement.source)
        .join(target, target.id == Movement.target)
        .where(Movement.pack == pack)
        .order_by(Movement.id)
        .limit(MOST_STEPS)
    )  # fmt: skip
    return tuple(
        Step(
            at=row.at, reason=row.reason, quantity=row.quantity, source=row.source, source_name=row.source_name,
            target=row.target, target_name=row.target_name, reverses=row.reverses is not None,
        )
        for row in rows
    )  # fmt: skip


class LastShelf(msgspec.Struct, frozen=True):
    """The shelf a pack last stood on."""

    place: UUID
    name: str


def last_shelves(session: Session, packs: Collection[UUID], station: UUID) -> dict[UUID, LastShelf]:
    """The shelf of a station that each pack last stood on, also of what is reserved: the box itself has not moved."""
    source, target = aliased(Place), aliased(Place)
    on_shelf = [and_(one.kind == PlaceKind.SHELF, one.station == station) for one in (source, target)]
    rows = session.execute(
        select(
            Movement.pack, source.id.label("source"), source.name.label("source_name"),
            target.id.label("target"), target.name.label("target_name"), target.kind.label("target_kind"),
        )
        .join(source, source.id == Movement.source)
        .join(target, target.id == Movement.target)
        .where(Movement.pack.in_(packs), or_(*on_shelf))
        .order_by(Movement.id)
    )  # fmt: skip
    found = {}
    for row in rows:
        arrived = row.target_kind is PlaceKind.SHELF
        place, name = (row.target, row.target_name) if arrived else (row.source, row.source_name)
        found[row.pack] = LastShelf(place, name)
    return found


def shelf_of(session: Session, pack: UUID, station: UUID) -> Spot | None:
    """The shelf of a station that a pack last stood on; None if it never did."""
    last = last_shelves(session, [pack], station).get(pack)
    return None if last is None else Spot(last.place, PlaceKind.SHELF)
