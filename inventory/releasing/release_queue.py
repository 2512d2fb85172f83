"""The queue of what waits: alike packs stand together, so that one look decides twelve boxes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.base.permissions import Actor
from inventory import stations
from inventory.cataloguing import catalogue
from inventory.models import Item, Lot, Pack, ReleaseDecision, Station
from inventory.receiving.intake_facts import Kind
from inventory.releasing import hold, release
from inventory.releasing.hold import HeldPack
from inventory.stations import StationRow

CHUNK = 50
PAGE = 25
MOST = 1_000
"""Packs are looked through in chunks until a page is full, but never more than this many for one page."""
_NOBODY, _NEVER = UUID(int=0), datetime(2000, 1, 1, tzinfo=UTC)


class Goods(StrEnum):
    """Which goods the reader wants to see."""

    MEDICINE = "medicine"
    SUPPLIES = "supplies"


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of the queue to show: only what the reader can decide, a station's, medicine or supplies, from where on."""

    mine: bool = False
    station: UUID | None = None
    goods: Goods | None = None
    after: UUID | None = None


class HeldBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Packs that are alike in everything that decides about them: item, lot, findings, signatures, station.

    ``first`` stands for all; ``units`` are those of all together.
    """

    first: HeldPack
    packs: tuple[UUID, ...]
    units: int


class QueuePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what waits, what the reader can decide first; how many packs wait; from behind which the next goes."""

    batches: tuple[HeldBatch, ...]
    waiting: int
    after: UUID | None
    stations: tuple[StationRow, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A pack in a sentence about what became of it."""

    pack: UUID
    name_zh: str
    name_en: str
    lot_number: str
    medicine: bool


class Stickers(msgspec.Struct, frozen=True, kw_only=True):
    """How many packs were released, each of which is to carry «donated, not for sale»."""

    medicine: int = 0
    supplies: int = 0


def page(session: Session, actor: Actor, wish: Wish, today: date) -> QueuePage:
    """A page of the queue in batches, received first comes first."""
    only, seen, after, found = _only(wish), 0, wish.after, list[HeldPack]()
    while True:
        chunk = hold.queue(session, actor, today, *only, after=after, limit=CHUNK)
        seen += len(chunk)
        found += [one for one in chunk if not wish.mine or decides(one)]
        after = chunk[-1].pack if len(chunk) == CHUNK else None
        if after is None or seen >= MOST or len(_alike(found)) >= PAGE:
            break
    return QueuePage(
        batches=tuple(sorted(_alike(found), key=lambda one: not decides(one.first))),
        waiting=hold.waiting(session, actor, *only),
        after=after,
        stations=stations.stations(session, actor),
    )


def decides(one: HeldPack) -> bool:
    """Whether the reader's word brings this pack on."""
    return one.can_release or one.can_identify or bool(one.can_refuse and one.stuck)


def _only(wish: Wish) -> list[ColumnElement[bool]]:
    only: list[ColumnElement[bool]] = []
    if wish.station is not None:
        only.append(Station.id == wish.station)
    medicine = or_(Item.kind == Kind.MEDICINE, Item.code == catalogue.UNKNOWN_CODE)
    if wish.goods is not None:
        only.append(medicine if wish.goods is Goods.MEDICINE else ~medicine)
    return only


def _alike(packs: Iterable[HeldPack]) -> list[HeldBatch]:
    groups: dict[bytes, list[HeldPack]] = {}
    for one in packs:
        alike = msgspec.structs.replace(one, pack=_NOBODY, quantity=0, held_since=_NEVER)
        groups.setdefault(msgspec.json.encode(alike), []).append(one)
    return [
        HeldBatch(first=some[0], packs=tuple(one.pack for one in some), units=sum(one.quantity for one in some))
        for group in groups.values()
        for some in _cut(group)
    ]


def _cut(group: list[HeldPack]) -> Iterable[list[HeldPack]]:
    return (group[start : start + release.BATCH] for start in range(0, len(group), release.BATCH))


def chosen(session: Session, actor: Actor, packs: Collection[UUID], today: date) -> tuple[HeldBatch, ...]:
    """Those of the packs that wait within the actor's scope, in batches as this actor sees them."""
    found = hold.queue(session, actor, today, Pack.id.in_(packs), limit=hold.MOST)
    return tuple(_alike(found))


def told(session: Session, actor: Actor, packs: Collection[UUID]) -> dict[UUID, Told]:
    """What packs in the actor's scope are called."""
    rows = session.execute(
        select(Pack.id, Item.name_zh, Item.name_en, Item.kind, Item.code, Lot.number)
        .join(Item, Item.id == Pack.item)
        .join(Lot, Lot.id == Pack.lot)
        .join(Station, Station.id == Pack.station)
        .where(Pack.id.in_(packs), stations.visible(actor))
    )
    return {
        row.id: Told(
            pack=row.id, name_zh=row.name_zh, name_en=row.name_en, lot_number=row.number,
            medicine=row.kind == Kind.MEDICINE or row.code == catalogue.UNKNOWN_CODE,
        )
        for row in rows
    }  # fmt: skip


def released_since(session: Session, actor: Actor, since: datetime) -> Stickers:
    """How many packs were released in the actor's scope from ``since`` on, and not brought back."""
    rows = session.execute(
        select(ReleaseDecision.pack, ReleaseDecision.outcome, Item.kind)
        .join(Pack, Pack.id == ReleaseDecision.pack)
        .join(Item, Item.id == Pack.item)
        .join(Station, Station.id == Pack.station)
        .where(
            ReleaseDecision.at >= since, ReleaseDecision.outcome.in_(("released", "unreleased")),
            stations.visible(actor),
        )
        .order_by(ReleaseDecision.id)
    )  # fmt: skip
    last = {row.pack: row for row in rows}
    kinds = [row.kind == Kind.MEDICINE for row in last.values() if row.outcome == "released"]
    return Stickers(medicine=sum(kinds), supplies=len(kinds) - sum(kinds))
