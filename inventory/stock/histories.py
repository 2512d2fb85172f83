"""Everything that happened to an item, a lot, a place, or by somebody's hand: line by line, newest first."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from app.base.errors import NotFound
from app.base.models import Account
from app.base.permissions import Actor, Permission, Role
from inventory import stations
from inventory.errors import UnknownItem
from inventory.models import Holding, Item, Lot, Movement, Pack, Place, PlaceKind, Station

PAGE = 50


class Of(StrEnum):
    """Whose history is asked for."""

    ITEM = "item"
    LOT = "lot"
    PLACE = "place"
    PERSON = "person"


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One movement. ``opens`` leads to what it happened for, where the reader may open that; empty elsewhere."""

    movement: UUID
    at: datetime
    reason: str
    quantity: int
    pack: UUID
    item: UUID
    name_zh: str
    name_en: str
    strength: str
    lot: UUID
    lot_number: str
    source: PlaceKind
    source_name: str
    source_station: str
    target: PlaceKind
    target_name: str
    target_station: str
    reverses: bool
    opens: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A page of happenings, newest first. ``before`` of the next page, or None; ``title`` in both languages."""

    of: Of
    subject: UUID
    title_zh: str
    title_en: str
    days: int
    lines: tuple[Happening, ...]
    before: UUID | None


_PARCEL = ("/parcels/", Permission.READ_PARCELS)
OPENS: dict[str, tuple[str, Permission]] = {
    "receive": ("/donations/", Permission.READ_DONATION),
    "take-back": ("/donations/", Permission.READ_DONATION),
    **dict.fromkeys(
        ("reserve", "pack", "unpack", "swap", "drop", "depart", "hand-over", "return-hold", "return-dispose"), _PARCEL
    ),
    "recall": ("/recalls/", Permission.READ_RECALLS),
    "assemble": ("/kits/bags/", Permission.READ_STOCK),
    "take-apart": ("/kits/bags/", Permission.READ_STOCK),
    **dict.fromkeys(
        tuple(f"transfer-{word}" for word in ("send", "take-out", "receive", "back", "lost", "surplus")),
        ("/transfers/", Permission.READ_STOCK),
    ),
    **dict.fromkeys(("seal-waste", "reopen-waste", "destroy"), ("/disposals/", Permission.READ_STOCK)),
}
"""Where what a movement happened for is opened, by the ledger's word, and who may."""


def history(
    session: Session, of: Of, subject: UUID, actor: Actor, now: datetime, *, days: int = 30, before: UUID | None = None
) -> History:
    """A page of what happened in the last ``days`` (0: ever), from before the movement ``before``.

    Goods: what a station of the actor's scope took in, sent or got. Somebody's doings: their own, and for an auditor
    anybody's. Raises NotFound and UnknownItem.
    """
    title, where = _SUBJECTS[of](session, subject, actor)
    if days:
        where &= Movement.at >= now - timedelta(days=days)
    if before is not None:
        where &= Movement.id < before
    rows = session.execute(_LINES.where(where).order_by(Movement.id.desc()).limit(PAGE + 1)).all()
    return History(
        of=of, subject=subject, title_zh=title[0], title_en=title[1], days=days,
        lines=tuple(_line(row, actor) for row in rows[:PAGE]),
        before=rows[PAGE - 1].movement if len(rows) > PAGE else None,
    )  # fmt: skip


_FROM, _TO = aliased(Place), aliased(Place)
_FROM_AT, _TO_AT = aliased(Station), aliased(Station)
_LINES = (
    select(
        Movement.id.label("movement"), Movement.at, Movement.reason, Movement.quantity, Movement.subject,
        Movement.reverses, Pack.id.label("pack"), Item.id.label("item"), Item.name_zh, Item.name_en, Item.strength,
        Lot.id.label("lot"), Lot.number.label("lot_number"), _FROM.kind.label("source"),
        _FROM.name.label("source_name"), _FROM_AT.name.label("source_station"), _TO.kind.label("target"),
        _TO.name.label("target_name"), _TO_AT.name.label("target_station"),
    )
    .join(Pack, Pack.id == Movement.pack)
    .join(Lot, Lot.id == Pack.lot)
    .join(Item, Item.id == Pack.item)
    .join(_FROM, _FROM.id == Movement.source)
    .join(_TO, _TO.id == Movement.target)
    .outerjoin(_FROM_AT, _FROM_AT.id == _FROM.station)
    .outerjoin(_TO_AT, _TO_AT.id == _TO.station)
)  # fmt: skip


def _line(row: Any, actor: Actor) -> Happening:
    path, permission = OPENS.get(row.reason, ("", Permission.READ_STOCK))
    opens = f"{path}{row.subject}" if path and row.subject is not None and actor.may(permission) else ""
    return Happening(
        movement=row.movement, at=row.at, reason=row.reason, quantity=row.quantity, pack=row.pack, item=row.item,
        name_zh=row.name_zh, name_en=row.name_en, strength=row.strength, lot=row.lot, lot_number=row.lot_number,
        source=row.source, source_name=row.source_name, source_station=row.source_station or "", target=row.target,
        target_name=row.target_name, target_station=row.target_station or "", reverses=row.reverses is not None,
        opens=opens,
    )  # fmt: skip


Subject = tuple[tuple[str, str], ColumnElement[bool]]


def _within(actor: Actor) -> ColumnElement[bool]:
    """Movements of packs that a station of the scope took in, and those from or to one of its places."""
    if actor.everywhere:
        return true()
    own = select(Station.id).where(stations.visible(actor))
    return or_(Pack.station.in_(own), _FROM.station.in_(own), _TO.station.in_(own))


def _of_item(session: Session, item: UUID, actor: Actor) -> Subject:
    row = session.execute(select(Item.name_zh, Item.name_en).where(Item.id == item)).first()
    if row is None:
        raise UnknownItem
    # By its packs: the newest movements of all goods would have to be looked through for a rare one.
    packs = select(Pack.id).join(Lot, Lot.id == Pack.lot).where(Lot.item == item)
    return (row.name_zh, row.name_en), Movement.pack.in_(packs) & _within(actor)


def _of_lot(session: Session, lot: UUID, actor: Actor) -> Subject:
    row = session.execute(
        select(Item.name_zh, Item.name_en, Lot.number).join(Item, Item.id == Lot.item).where(Lot.id == lot)
    ).first()
    if row is None:
        raise NotFound
    packs = select(Pack.id).where(Pack.lot == lot)
    return (f"{row.name_zh} {row.number}", f"{row.name_en} {row.number}"), Movement.pack.in_(packs) & _within(actor)


def _of_place(session: Session, place: UUID, actor: Actor) -> Subject:
    stations.place_in_reach(session, place, actor)
    row = session.execute(select(Place.name, Station.name.label("at")).join(Station).where(Place.id == place)).one()
    # Whatever was ever here has its line in the holdings, down to 0.
    packs = select(Holding.pack).where(Holding.place == place)
    here = or_(Movement.source == place, Movement.target == place)
    title = f"{row.at} · {row.name}"
    return (title, title), Movement.pack.in_(packs) & here


def _of_person(session: Session, account: UUID, actor: Actor) -> Subject:
    if actor.account != account and actor.role is not Role.AUDITOR:
        raise NotFound
    handle = session.execute(select(Account.handle).where(Account.id == account)).scalar()
    if handle is None:
        raise NotFound
    return (handle, handle), Movement.actor == account


_SUBJECTS = {Of.ITEM: _of_item, Of.LOT: _of_lot, Of.PLACE: _of_place, Of.PERSON: _of_person}


def by_handle(session: Session, handle: str, actor: Actor) -> UUID:
    """The account of a staff number, for an auditor or its owner; raises NotFound."""
    found = session.execute(select(Account.id).where(func.upper(Account.handle) == handle.strip().upper())).scalar()
    if found is None or (found != actor.account and actor.role is not Role.AUDITOR):
        raise NotFound
    return found
