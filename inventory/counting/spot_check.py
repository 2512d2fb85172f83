"""Compares what was scanned in a place with what the ledger says stands there; it corrects nothing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from inventory import packs, stations
from inventory.counting import blind
from inventory.models import Holding, Item, Lot, Pack, Place, PlaceKind
from labels import registry

MOST = 500


class Count(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The packs that were scanned in a place."""

    place: UUID
    packs: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=MOST)] = ()


class CountLine(msgspec.Struct, frozen=True, kw_only=True):
    """An item and lot: packs the ledger has there, and how many of them were scanned.

    ``missing``: the last four characters on the labels that were not scanned, to look for.
    """

    item: UUID
    name_zh: str
    name_en: str
    strength: str
    lot_number: str
    expiry: date | None
    expected: int
    scanned: int
    missing: tuple[str, ...]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A count of a place. ``elsewhere``: scanned packs that by the ledger do not stand there."""

    place: UUID
    lines: tuple[CountLine, ...]
    elsewhere: tuple[UUID, ...]


def count(session: Session, counted: Count, actor: Actor) -> Counted:
    """Compare by item and lot, packs as wholes; reserved packs count where they last stood.

    Raises NotFound, and CountOpen while a stocktake of the place must stay blind."""
    stations.place_in_reach(session, counted.place, actor)
    blind.place(session, counted.place, actor)
    scanned = frozenset(counted.packs)
    expected = _standing(session, counted.place)
    rows = session.execute(
        select(
            Pack.id, Item.id.label("item"), Item.name_zh, Item.name_en, Item.strength, Lot.id.label("lot"),
            Lot.number, Lot.expiry,
        )
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .where(Pack.id.in_(expected))
        .order_by(Item.code, Lot.expiry.is_(None), Lot.expiry, Lot.number, Pack.id)
    ).all()  # fmt: skip
    codes = registry.codes_of(session, {row.id for row in rows if row.id not in scanned})
    groups: dict[UUID, list[Any]] = {}
    for row in rows:
        groups.setdefault(row.lot, []).append(row)
    return Counted(
        place=counted.place,
        lines=tuple(_line(group, scanned, codes) for group in groups.values()),
        elsewhere=tuple(sorted(scanned - expected)),
    )


def _line(group: list[Any], scanned: Collection[UUID], codes: dict[UUID, str]) -> CountLine:
    first, missing = group[0], [row.id for row in group if row.id not in scanned]
    return CountLine(
        item=first.item,
        name_zh=first.name_zh,
        name_en=first.name_en,
        strength=first.strength,
        lot_number=first.number,
        expiry=first.expiry,
        expected=len(group),
        scanned=len(group) - len(missing),
        missing=tuple(codes.get(pack, "")[-4:] for pack in missing),
    )


def _standing(session: Session, place: UUID) -> frozenset[UUID]:
    """The packs that stand in a place: reserving is a line in the book, the box itself has not moved."""
    here = set(session.execute(select(Holding.pack).where(Holding.place == place, Holding.quantity > 0)).scalars())
    kind, station = session.execute(select(Place.kind, Place.station).where(Place.id == place)).one()
    if kind is PlaceKind.SHELF and station is not None:
        promised = session.execute(
            select(Holding.pack)
            .join(Place, Place.id == Holding.place)
            .where(Place.station == station, Place.kind == PlaceKind.RESERVED, Holding.quantity > 0)
        ).scalars()
        shelves = packs.last_shelves(session, set(promised) - here, station)
        here |= {pack for pack, shelf in shelves.items() if shelf.place == place}
    return frozenset(here)
