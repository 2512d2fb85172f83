"""The pack behind a scanned or typed label, and what decides whether it may go anywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.cataloguing import catalogue
from inventory.ledger import Spot
from inventory.models import Holding, Item, Lot, Pack, Place, PlaceKind
from inventory.moving.transfer_errors import NotAPack
from inventory.receiving.intake_facts import Kind, Storage
from inventory.releasing import stops
from labels import codes, registry
from labels.errors import BlankLabel, LabelEnded, LabelReplaced, UnknownLabel
from labels.models import LabelState


def pack(session: Session, text: str) -> UUID:
    """The pack whose living label this is; raises NotAPack, UnknownLabel, BlankLabel, LabelEnded, LabelReplaced."""
    label = registry.look_up(session, _code(text))
    if label is None:
        raise UnknownLabel
    if label.state == LabelState.VOID:
        newer = registry.code_of(session, label.subject) if label.subject else None
        raise LabelReplaced(tail=newer[-4:]) if newer else LabelEnded
    if label.state == LabelState.BLANK:
        raise BlankLabel
    if label.kind != "pack" or label.subject is None:
        raise NotAPack
    return label.subject


def _code(text: str) -> str:
    try:
        return codes.parse(text)
    except codes.MistypedCode:
        raise NotAPack from None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules ask of a pack. ``good``: neither expired nor recalled nor being looked into."""

    medicine: bool
    cool: bool
    good: bool
    expired: bool
    recalled: bool
    stopped: bool
    name_zh: str
    name_en: str


def about(session: Session, packs: Collection[UUID], today: date) -> dict[UUID, About]:
    """What the rules ask of each pack."""
    rows = session.execute(
        select(
            Pack.id, Item.code, Item.kind, Item.facts, Item.name_zh, Item.name_en, Lot.expiry, Lot.recalled_on
        )
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .where(Pack.id.in_(packs))
    ).all()  # fmt: skip
    stopped = stops.stopped(session, packs)
    found = {}
    for row in rows:
        expired = row.expiry is not None and row.expiry < today
        found[row.id] = About(
            medicine=row.code == catalogue.UNKNOWN_CODE or row.kind == Kind.MEDICINE,
            cool=row.facts.get("storage", Storage.ROOM) != Storage.ROOM,
            good=not (expired or row.recalled_on is not None or row.id in stopped),
            expired=expired,
            recalled=row.recalled_on is not None,
            stopped=row.id in stopped,
            name_zh=row.name_zh,
            name_en=row.name_en,
        )
    return found


def standing(session: Session, pack: UUID, station: UUID, kinds: Iterable[PlaceKind]) -> list[tuple[Spot, int]]:
    """Where units of a pack stand in a station, among places of these kinds, in the order of the places' ids."""
    rows = session.execute(
        select(Place.id, Place.kind, Holding.quantity)
        .join(Holding, Holding.place == Place.id)
        .where(
            Holding.pack == pack, Holding.quantity > 0, Place.station == station, Place.kind.in_(tuple(kinds))
        )
        .order_by(Place.id)
    )  # fmt: skip
    return [(Spot(row.id, row.kind), row.quantity) for row in rows]
