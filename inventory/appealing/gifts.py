"""How far a donation has come, in units by step: what the ledger tells, without any person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.base.errors import NotFound
from app.base.reasons import Reason
from inventory import ledger
from inventory.models import Donation, DonationLine, Holding, Item, Movement, Pack, Place, PlaceKind, Station
from inventory.receiving.intake_facts import Verdict

HAND_OVER = "hand-over"
_WAITS = frozenset({PlaceKind.HOLD, PlaceKind.QUARANTINE})


class Gift(msgspec.Struct, frozen=True, kw_only=True):
    """A donation for whoever holds its receipt: where it was received, when, its goods, and what was not taken."""

    at: datetime
    station_name: str
    goods: tuple[GivenGoods, ...]
    refused: tuple[NotTaken, ...]


class GivenGoods(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the gift. Units by step, each step counting those that are beyond it too.

    ``checked``: let out of hold by a second person. ``with_team``: with a member on the way, or handed over.
    ``delivered``: handed over before the reader's day. ``lost``: destroyed or to be, or not found in a count.
    """

    name_zh: str
    name_en: str
    strength: str
    called: str
    unit_zh: str
    unit_en: str
    received: int = 0
    checked: int = 0
    with_team: int = 0
    delivered: int = 0
    lost: int = 0


class NotTaken(msgspec.Struct, frozen=True, kw_only=True):
    """Goods that were not taken, and the first finding: its sentence for the donor says where to take them."""

    name_zh: str
    name_en: str
    strength: str
    called: str
    reason: Reason


class HandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a pack that reached a door, and the parcel they were in; for the roof, which asks whose door it was."""

    pack: UUID
    parcel: UUID
    units: int
    at: datetime


def gift(session: Session, donation: UUID, midnight: datetime) -> Gift:
    """A donation as of now, its deliveries as of ``midnight``: whoever watches the page learns no hour. NotFound."""
    given = session.execute(
        select(Donation.at, Station.name).join(Station, Station.id == Donation.station).where(Donation.id == donation)
    ).first()
    if given is None:
        raise NotFound
    # Typed loosely: the outer join leaves the item out where goods are of no item of the catalogue.
    lines: list[Any] = list(
        session.execute(
            select(DonationLine, Item)
            .outerjoin(Item, Item.id == DonationLine.item)
            .where(DonationLine.donation == donation, DonationLine.taken_back_at.is_(None))
            .order_by(DonationLine.id)
        )
    )
    packs = {line.pack for line, _ in lines if line.pack}
    units = _units(session, packs, midnight)
    goods: dict[tuple[UUID | None, str], GivenGoods] = {}
    for line, item in lines:
        if line.pack is None:
            continue
        key = (line.item, "" if item else line.called)
        goods[key] = _sum(goods.get(key) or _named(item, line.called), units[line.pack])
    refused = tuple(
        NotTaken(
            name_zh=item.name_zh if item else "", name_en=item.name_en if item else "",
            strength=item.strength if item else "", called=line.called, reason=_first(line),
        )
        for line, item in lines
        if line.pack is None and line.reasons
    )  # fmt: skip
    return Gift(at=given.at, station_name=given.name, goods=tuple(goods.values()), refused=refused)


def _first(line: DonationLine) -> Reason:
    reasons = msgspec.convert(line.reasons, tuple[Reason, ...])
    return next((one for one in reasons if one.outcome == Verdict.REJECT), reasons[0])


def _named(item: Item | None, called: str) -> GivenGoods:
    if item is None:
        return GivenGoods(name_zh="", name_en="", strength="", called=called, unit_zh="件", unit_en="pieces")
    return GivenGoods(
        name_zh=item.name_zh, name_en=item.name_en, strength=item.strength, called=called,
        unit_zh=item.facts["unit_zh"], unit_en=item.facts["unit_en"],
    )  # fmt: skip


def _sum(goods: GivenGoods, units: dict[str, int]) -> GivenGoods:
    return msgspec.structs.replace(goods, **{name: getattr(goods, name) + count for name, count in units.items()})


def _given(session: Session, packs: Collection[UUID]) -> dict[UUID, UUID]:
    """The packs of a donation and the parts of its bags that have labels of their own, each with the pack given."""
    parts = session.execute(select(Pack.id, Pack.split_from).where(Pack.split_from.in_(packs)))
    return {**{pack: pack for pack in packs}, **{row.id: row.split_from for row in parts if row.split_from}}


def _units(session: Session, packs: Collection[UUID], midnight: datetime) -> dict[UUID, dict[str, int]]:
    """Units of each pack by step: where they are now, and what went to residents, to disposal or lost, less returns."""
    found = {pack: dict.fromkeys(("received", "checked", "with_team", "delivered", "lost"), 0) for pack in packs}
    given = _given(session, packs)
    here = session.execute(
        select(Holding.pack, Place.kind, Holding.quantity)
        .join(Place, Place.id == Holding.place)
        .where(Holding.pack.in_(given), Holding.quantity > 0)
    )
    for row in here:
        units = found[given[row.pack]]
        units["received"] += row.quantity
        if row.kind is PlaceKind.BIN:
            units["lost"] += row.quantity
            continue
        units["checked"] += row.quantity if row.kind not in _WAITS else 0
        units["with_team"] += row.quantity if row.kind is PlaceKind.MEMBER else 0
    for pack, place, count, late in _gone(session, given, midnight):
        units = found[given[pack]]
        units["received"] += count
        if place != ledger.RESIDENTS:
            units["lost"] += count
            continue
        units["checked"] += count
        units["with_team"] += count
        units["delivered"] += 0 if late else count
    return found


def _gone(session: Session, packs: Collection[UUID], midnight: datetime) -> list[tuple[UUID, UUID, int, bool]]:
    """(pack, place outside, units, since midnight), negative where a reversal brought them back."""
    outside = (ledger.RESIDENTS, ledger.DISPOSAL, ledger.CORRECTION)
    undone = aliased(Movement)
    rows = session.execute(
        select(
            Movement.pack, Movement.source, Movement.target, Movement.quantity, Movement.at,
            undone.at.label("first_at"),
        )
        .outerjoin(undone, undone.id == Movement.reverses)
        .where(Movement.pack.in_(packs), Movement.target.in_(outside) | Movement.source.in_(outside))
    )  # fmt: skip
    return [
        # A reversal counts at the time of what it reverses: else a day's delivery could come out below nothing.
        (row.pack, row.target, row.quantity, row.at >= midnight)
        if row.target in outside
        else (row.pack, row.source, -row.quantity, (row.first_at or row.at) >= midnight)
        for row in rows
    ]


def handed_over(session: Session, donation: UUID, midnight: datetime) -> tuple[HandedOver, ...]:
    """What of a donation reached a door before ``midnight`` and stayed there."""
    back, lines = aliased(Movement), select(DonationLine.pack).where(DonationLine.donation == donation)
    packs = _given(session, [pack for pack in session.execute(lines).scalars() if pack is not None])
    rows = session.execute(
        select(Movement.pack, Movement.subject, Movement.quantity, Movement.at)
        .outerjoin(back, back.reverses == Movement.id)
        .where(
            Movement.pack.in_(packs), Movement.target == ledger.RESIDENTS, Movement.reason == HAND_OVER,
            Movement.at < midnight, back.id.is_(None), Movement.subject.is_not(None),
        )
        .order_by(Movement.id)
    )  # fmt: skip
    return tuple(HandedOver(pack=row.pack, parcel=row.subject, units=row.quantity, at=row.at) for row in rows)
