"""Counts a station's places by scanning, blind and by several people at once, and finds what differs from the books."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import and_, insert, or_, select
from sqlalchemy.orm import Session, aliased

from app.base import audit, replay
from app.base.errors import Invalid, NotFound
from app.base.fields import Dated, Key, OptionalLine, PhoneTime, Quantity, ScannedText
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from inventory import stations
from inventory.cataloguing import catalogue
from inventory.counting.stocktake_errors import (
    CountOpen,
    CountOver,
    NotCounted,
    RecountNotStarted,
    WrongLine,
)
from inventory.counting.stocktake_models import (
    OPEN,
    LineState,
    Stocktake,
    StocktakeLine,
    StocktakePlace,
    StocktakeScan,
    StocktakeState,
)
from inventory.counting.stocktake_rules import (
    COUNTABLE,
    Moment,
    Seen,
    moment_of,
)
from inventory.lots import lot_number
from inventory.models import Item, Lot, Pack, Place, PlaceKind
from inventory.receiving import intake, labelled
from inventory.receiving.intake import Expiry, LotNumber
from inventory.receiving.printed_days import expiry_day

Units = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class OpenStocktake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Count places of a station; without any, all of its shelves, hold and quarantine."""

    key: Key
    station: UUID
    places: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=100)] = ()


class CountScan(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label was seen in a place. ``quantity``: how many units are in a bag; a single box is one.

    ``scanned_at`` and ``sent_at`` are both by the phone's clock: only the time between them is believed. ``line``: a
    recount of that line.
    """

    key: Key
    stocktake: UUID
    place: UUID
    line: UUID | None = None
    text: ScannedText
    quantity: Units | None = None
    scanned_at: PhoneTime | None = None
    sent_at: PhoneTime | None = None


class CountFound(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods without a label that can be read were seen in a place. ``called`` where no item of the catalogue fits."""

    key: Key
    stocktake: UUID
    place: UUID
    line: UUID | None = None
    item: UUID | None = None
    called: OptionalLine = ""
    lot_number: LotNumber = ""
    expiry: Expiry = ""
    quantity: Quantity
    scanned_at: PhoneTime | None = None
    sent_at: PhoneTime | None = None


class Withdraw(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take one's own scan back."""

    key: Key
    scan: UUID


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What was written down of a scan, and nothing of what the books say.

    ``ask``: nothing yet, it is a bag and its units must be counted. ``again``: it was counted here before; this count
    stands now.
    """

    scan: UUID | None
    name_zh: str
    name_en: str
    strength: str
    lot_number: str
    expiry: date | None
    quantity: int
    ask: bool = False
    again: bool = False


# ---------------------------------------------------------------- opening and counting


def open_stocktake(session: Session, order: OpenStocktake, actor: Actor, now: datetime) -> UUID:
    """Begin to count; returns the stocktake. A place is in one open stocktake at a time.

    Raises NotFound, NotCounted for a place of another station or kind, CountOpen.
    """
    actor.need(Permission.COUNT_STOCK, Permission.APPROVE_COUNT)
    stations.in_scope(session, actor, order.station, lock=True)
    made = replay.made_by(session, actor, order.key, "count.open", order)
    if made is not None:
        return UUID(made["stocktake"])
    there = set(
        session.execute(
            select(Place.id).where(Place.station == order.station, or_(*(Place.kind == kind for kind in _KINDS)))
        ).scalars()
    )
    wanted = set(order.places) or there
    if not wanted or wanted - there:
        raise NotCounted
    if wanted & set(session.execute(counting_places(order.station)).scalars()):
        raise CountOpen
    stocktake = new_id()
    session.execute(
        insert(Stocktake).values(
            id=stocktake, station=order.station, state=StocktakeState.COUNTING, opened_by=actor.account, opened_at=now
        )
    )
    session.execute(insert(StocktakePlace), [{"stocktake": stocktake, "place": place} for place in sorted(wanted)])
    audit.note(session, actor, "count.open", stocktake, now, count=len(wanted))
    replay.keep(session, actor, order.key, "count.open", order, {"stocktake": str(stocktake)}, now)
    return stocktake


_KINDS = tuple(PlaceKind(kind) for kind in sorted(COUNTABLE))


def counting_places(station: UUID) -> Any:
    """The query for the places of a station that are in an open stocktake."""
    return (
        select(StocktakePlace.place)
        .join(Stocktake, Stocktake.id == StocktakePlace.stocktake)
        .where(Stocktake.station == station, Stocktake.state.in_(OPEN))
    )


def scan(session: Session, order: CountScan, actor: Actor, now: datetime) -> Tally:
    """Write down that a label was seen in a place. The answer is the same whatever the books say of the pack.

    Raises NotFound, CountOver, NotCounted, RecountNotStarted, WrongLine, NotAPack and the labels' own.
    """
    stocktake, line = _counting(session, order, actor)
    made = replay.made_by(session, actor, order.key, "count.scan", _as_seen(order))
    if made is not None:
        return msgspec.convert(made, Tally)
    pack = labelled.pack(session, order.text)
    row = session.execute(
        select(
            Pack.lot, Pack.item, Pack.quantity, Item.name_zh, Item.name_en, Item.strength, Lot.number, Lot.expiry
        )
        .join(Item, Item.id == Pack.item)
        .join(Lot, Lot.id == Pack.lot)
        .where(Pack.id == pack)
    ).one()  # fmt: skip
    line = _line(session, stocktake, line, order.place, row.lot, actor)
    ask = order.quantity is None and row.quantity > 1
    told = Tally(
        scan=None, name_zh=row.name_zh, name_en=row.name_en, strength=row.strength, lot_number=row.number,
        expiry=row.expiry, quantity=1 if order.quantity is None else order.quantity, ask=ask,
    )  # fmt: skip
    if ask:
        return told
    again = pack in {key[1] for key in seen(session, stocktake.id, line, place=order.place)}
    moment = _moment(order, stocktake, line, now)
    _add(session, stocktake, order, line, moment, actor, now, pack=pack, quantity=told.quantity)
    told = msgspec.structs.replace(told, scan=moment.id, again=again)
    replay.keep(session, actor, order.key, "count.scan", _as_seen(order), msgspec.to_builtins(told), now)
    return told


def found(session: Session, order: CountFound, actor: Actor, now: datetime) -> Tally:
    """Write down goods without a readable label. Raises as ``scan``, and UnknownItem."""
    stocktake, line = _counting(session, order, actor)
    made = replay.made_by(session, actor, order.key, "count.found", _as_seen(order))
    if made is not None:
        return msgspec.convert(made, Tally)
    item, lot_number, expiry = _goods(session, order)
    if stocktake.state is not StocktakeState.COUNTING:
        lot = intake.lot_of(session, item, lot_number, expiry)
        line = _line(session, stocktake, line, order.place, lot, actor)
    moment = _moment(order, stocktake, line, now)
    _add(
        session, stocktake, order, line, moment, actor, now, item=item, called=order.called.strip(),
        lot_number=lot_number, expiry=expiry, quantity=order.quantity,
    )  # fmt: skip
    row = session.execute(select(Item.name_zh, Item.name_en, Item.strength).where(Item.id == item)).one()
    told = Tally(
        scan=moment.id, name_zh=order.called.strip() or row.name_zh, name_en=order.called.strip() or row.name_en,
        strength=row.strength, lot_number=lot_number, expiry=expiry, quantity=order.quantity,
    )  # fmt: skip
    replay.keep(session, actor, order.key, "count.found", _as_seen(order), msgspec.to_builtins(told), now)
    return told


def _goods(session: Session, order: CountFound) -> tuple[UUID, str, date | None]:
    if order.item is None and not order.called.strip():
        raise Invalid(("item", "missing", {}))
    item = catalogue.item(session, order.item).id if order.item else catalogue.unknown_item(session)
    return item, lot_number(order.lot_number), expiry_day(order.expiry)


def _as_seen(order: CountScan | CountFound) -> CountScan | CountFound:
    """The order without the time of sending: a phone that sends it again later sends the same."""
    return msgspec.structs.replace(order, sent_at=None)


def _counting(session: Session, order: CountScan | CountFound, actor: Actor) -> tuple[Stocktake, StocktakeLine | None]:
    """The stocktake, and the line of a recount, that this scan belongs to."""
    actor.need(Permission.COUNT_STOCK)
    stocktake = locked(session, order.stocktake, actor, share=True)
    if order.line is None and stocktake.state is not StocktakeState.COUNTING:
        if not begun(session, stocktake.id, order.place, actor):
            raise CountOver
        return stocktake, None
    if order.line is None:
        if session.get(StocktakePlace, (stocktake.id, order.place)) is None:
            raise NotCounted
        return stocktake, None
    line = session.get(StocktakeLine, order.line, populate_existing=True)
    if line is None or line.stocktake != stocktake.id or line.place != order.place:
        raise NotFound
    recounting(line, actor)
    return stocktake, line


def begun(session: Session, stocktake: UUID, place: UUID, actor: Actor) -> list[StocktakeLine]:
    """The lines of a place that this person counts again now."""
    rows = session.execute(
        select(StocktakeLine)
        .where(
            StocktakeLine.stocktake == stocktake, StocktakeLine.place == place,
            StocktakeLine.state == LineState.RECOUNT, StocktakeLine.started_by == actor.account,
        )
        .order_by(StocktakeLine.id)
        .execution_options(populate_existing=True)
    )  # fmt: skip
    return list(rows.scalars())


def _line(
    session: Session, stocktake: Stocktake, named: StocktakeLine | None, place: UUID, lot: UUID, actor: Actor
) -> StocktakeLine | None:
    """The line that a scan of this lot belongs to: the named one, or of several that are counted again the fitting."""
    if stocktake.state is StocktakeState.COUNTING:
        return None
    lines = [named] if named is not None else begun(session, stocktake.id, place, actor)
    fitting = [one for one in lines if one.lot == lot]
    if not fitting:
        raise WrongLine
    return fitting[0]


def recounting(line: StocktakeLine, actor: Actor) -> None:
    if line.state is not LineState.RECOUNT:
        raise CountOver
    if line.started_by != actor.account:
        raise RecountNotStarted


def locked(session: Session, stocktake: UUID, actor: Actor, *, share: bool = False) -> Stocktake:
    """A stocktake of the actor's scope, held until the transaction ends; raises NotFound. ``share``: with others."""
    found_one = session.execute(
        select(Stocktake)
        .where(Stocktake.id == stocktake)
        .with_for_update(read=share)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found_one is None:
        raise NotFound
    stations.in_scope(session, actor, found_one.station)
    return found_one


def _moment(order: CountScan | CountFound, stocktake: Stocktake, line: StocktakeLine | None, now: datetime) -> Moment:
    """When it was seen, by the server's clock: as long ago as lies between the phone's two times."""
    ago = order.sent_at - order.scanned_at if order.scanned_at and order.sent_at else timedelta()
    since = line.started_at if line is not None and line.started_at else stocktake.opened_at
    return moment_of(now - max(ago, timedelta()), new_id(), since, now)


def _add(
    session: Session, stocktake: Stocktake, order: CountScan | CountFound, line: StocktakeLine | None, moment: Moment,
    actor: Actor, now: datetime, **seen: Any,
) -> None:  # fmt: skip
    session.execute(
        insert(StocktakeScan).values({"lot_number": "", "called": "", **seen}).values(
            id=moment.id, stocktake=stocktake.id, place=order.place, line=line.id if line is not None else None,
            round=line.round + 1 if line is not None else 1, by=actor.account, at=moment.at, sent_at=now,
        )
    )  # fmt: skip


def withdraw(session: Session, order: Withdraw, actor: Actor, now: datetime) -> UUID:
    """Take one's own scan back, while its count goes on; returns the stocktake. Raises NotFound, CountOver."""
    row = session.execute(select(StocktakeScan).where(StocktakeScan.id == order.scan)).scalar_one_or_none()
    if row is None or row.by != actor.account or row.withdraws is not None:
        raise NotFound
    stocktake = locked(session, row.stocktake, actor, share=True)
    if replay.made_by(session, actor, order.key, "count.withdraw", order) is not None:
        return stocktake.id
    if session.execute(select(StocktakeScan.id).where(StocktakeScan.withdraws == row.id)).first():
        return stocktake.id
    if row.line is None and stocktake.state is not StocktakeState.COUNTING:
        raise CountOver
    if row.line is not None:
        recounting(session.get_one(StocktakeLine, row.line), actor)
    session.execute(
        insert(StocktakeScan).values(
            id=new_id(), stocktake=row.stocktake, place=row.place, line=row.line, round=row.round, pack=row.pack,
            item=row.item, called=row.called, lot_number=row.lot_number, expiry=row.expiry, quantity=0,
            by=actor.account, at=now, sent_at=now, withdraws=row.id,
        )
    )  # fmt: skip
    replay.keep(session, actor, order.key, "count.withdraw", order, {}, now)
    return stocktake.id


def scans(session: Session, stocktake: UUID, line: StocktakeLine | None = None) -> list[StocktakeScan]:
    """The scans that stand, of the first count or of a line's present recount, in the order of their moments."""
    back = aliased(StocktakeScan)
    query = (
        select(StocktakeScan)
        .outerjoin(back, back.withdraws == StocktakeScan.id)
        .where(StocktakeScan.stocktake == stocktake, StocktakeScan.withdraws.is_(None), back.id.is_(None))
        .order_by(StocktakeScan.at, StocktakeScan.id)
    )
    if line is None:
        return list(session.execute(query.where(StocktakeScan.round == 1)).scalars())
    mine = and_(
        StocktakeScan.line == line.id, StocktakeScan.round == line.round + 1, StocktakeScan.by == line.started_by
    )
    return list(session.execute(query.where(mine)).scalars())


def seen(
    session: Session, stocktake: UUID, line: StocktakeLine | None = None, *, place: UUID | None = None
) -> dict[tuple[UUID, UUID], Seen]:
    """By place and pack what was seen last."""
    return {
        (one.place, one.pack): Seen(one.quantity, Moment(one.at, one.id))
        for one in scans(session, stocktake, line)
        if one.pack is not None and place in (None, one.place)
    }
