"""What there is to send, what is on the way, what to receive and what differs; and one transfer with every pack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from app.base.errors import NotFound
from app.base.permissions import Actor, Permission
from inventory import stations
from inventory.models import Holding, Item, Lot, Movement, Pack, Place, PlaceKind, Station
from inventory.moving.transfer_models import OPEN, Transfer, TransferState, TransferStep, TransferWish
from inventory.moving.under_way import BACK, LOST, RECEIVE, SEND, SURPLUS, TAKE_OUT, contents
from labels import registry

MOST, DONE = 200, 20
_BAGS = (PlaceKind.BIN, PlaceKind.QUARANTINE, PlaceKind.HOLD)


class TransferRow(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer in a list. ``units``: on the way now. ``sends``/``receives``: what this reader does with it."""

    id: UUID
    source: UUID
    source_name: str
    target: UUID
    target_name: str
    state: TransferState
    packs: int
    units: int
    made_at: datetime
    sent_at: datetime | None
    over_at: datetime | None
    sends: bool
    receives: bool


class TransferLine(msgspec.Struct, frozen=True, kw_only=True):
    """A pack of a transfer and what became of its units; what is none of the others is on the way (``left``)."""

    pack: UUID
    ends: str
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    lot_number: str
    expiry: date | None
    sent: int
    arrived: int
    set_apart: int
    back: int
    lost: int
    surplus: int
    left: int


class WishLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the transfer is asked to bring, how much of it is in, and where the sender has it, soonest expiry first."""

    item: UUID
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    quantity: int
    sent: int
    shelves: tuple[str, ...]


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. Who did it is for the audit, not for this list."""

    at: datetime
    event: str
    pack: UUID | None
    quantity: int
    reason: str
    note: str


class TransferView(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer. ``settles``: this reader may say that what is missing is lost."""

    row: TransferRow
    code: str
    cool_cabinet: bool
    wishes: tuple[WishLine, ...]
    lines: tuple[TransferLine, ...]
    steps: tuple[StepLine, ...]
    settles: bool
    calls_off: bool


def transfers(session: Session, actor: Actor) -> tuple[TransferRow, ...]:
    """The transfers of the actor's stations: all that are open, oldest first, then the latest that are over."""
    mine = select(Station.id).where(stations.visible(actor))
    here = or_(Transfer.source.in_(mine), Transfer.target.in_(mine))
    rows = list(session.execute(_rows().where(here, Transfer.state.in_(OPEN)).order_by(Transfer.id).limit(MOST)))
    rows += session.execute(
        _rows().where(here, Transfer.state.not_in(OPEN)).order_by(Transfer.over_at.desc(), Transfer.id).limit(DONE)
    )
    return _shown(session, rows, actor)


def waiting(session: Session, actor: Actor) -> int:
    """How many transfers wait for something that this reader does: to send, to receive, or to settle."""
    found = [one for one in transfers(session, actor) if one.state in OPEN]
    return sum(
        (one.sends and one.state is TransferState.DRAFT)
        or (one.receives and one.state is not TransferState.DRAFT)
        or (actor.may(Permission.APPROVE_COUNT) and one.state is TransferState.DIFFERS)
        for one in found
    )


def _rows() -> Any:
    source, target = aliased(Station), aliased(Station)
    return (
        select(
            Transfer.id, Transfer.source, Transfer.target, Transfer.place, Transfer.state, Transfer.made_at,
            Transfer.sent_at, Transfer.over_at, source.name.label("source_name"), target.name.label("target_name"),
            source.community.label("source_community"), target.cool_cabinet,
        )
        .join(source, source.id == Transfer.source)
        .join(target, target.id == Transfer.target)
    )  # fmt: skip


def _shown(session: Session, rows: Collection[Any], actor: Actor) -> tuple[TransferRow, ...]:
    held = {
        row.place: (row.packs, int(row.units))
        for row in session.execute(
            select(Holding.place, func.count().label("packs"), func.sum(Holding.quantity).label("units"))
            .where(Holding.place.in_([row.place for row in rows]), Holding.quantity > 0)
            .group_by(Holding.place)
        )
    }
    moves = actor.may(Permission.MOVE_STOCK)
    return tuple(
        TransferRow(
            id=row.id, source=row.source, source_name=row.source_name, target=row.target, target_name=row.target_name,
            state=row.state, packs=held.get(row.place, (0, 0))[0], units=held.get(row.place, (0, 0))[1],
            made_at=row.made_at, sent_at=row.sent_at, over_at=row.over_at,
            sends=moves and row.source in actor.stations, receives=moves and row.target in actor.stations,
        )
        for row in rows
    )  # fmt: skip


def transfer(session: Session, wanted: UUID, actor: Actor, today: date) -> TransferView:
    """One transfer with its packs and what happened; raises NotFound out of the scope of both its stations."""
    found = session.execute(select(Transfer).where(Transfer.id == wanted)).scalar_one_or_none()
    if found is None:
        raise NotFound
    row = session.execute(_rows().where(Transfer.id == wanted)).one()
    mine = select(Station.id).where(stations.visible(actor), Station.id.in_((found.source, found.target)))
    seen = set(session.execute(mine).scalars())
    if not seen:
        raise NotFound
    (shown,) = _shown(session, [row], actor)
    lines = _lines(session, found)
    may_settle = actor.may(Permission.APPROVE_COUNT) and found.source in seen
    drops = actor.may(Permission.SET_LEVELS) and found.source in seen and not any(line.left for line in lines)
    return TransferView(
        row=shown, code=registry.code_of(session, wanted) or "", cool_cabinet=row.cool_cabinet,
        wishes=_wishes(session, found, today), lines=lines, steps=_steps(session, wanted), settles=may_settle,
        calls_off=(shown.sends or drops) and found.state in (TransferState.DRAFT, TransferState.SENT)
        and not any(line.arrived or line.surplus for line in lines),
    )  # fmt: skip


def _lines(session: Session, found: Transfer) -> tuple[TransferLine, ...]:
    sums: dict[UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    target = aliased(Place)
    rows = session.execute(
        select(Movement.pack, Movement.reason, Movement.reverses, Movement.source, target.kind, Movement.quantity)
        .join(target, target.id == Movement.target)
        .where(Movement.subject == found.id)
        .order_by(Movement.id)
    )
    for row in rows:
        # A reversal of a reversal is a movement like the first: what matters is which way the units went.
        sums[row.pack][_figure(row, found.place)] += row.quantity
    left = contents(session, found)
    packs = session.execute(
        select(
            Pack.id, Item.name_zh, Item.name_en, Item.strength, Item.facts, Lot.number, Lot.expiry
        )
        .join(Item, Item.id == Pack.item)
        .join(Lot, Lot.id == Pack.lot)
        .where(Pack.id.in_(sums))
        .order_by(Item.code, Lot.expiry, Pack.id)
    )  # fmt: skip
    codes = registry.codes_of(session, set(sums))
    lines = (
        TransferLine(
            pack=row.id, ends=codes.get(row.id, "")[-4:], name_zh=row.name_zh, name_en=row.name_en,
            strength=row.strength, unit_zh=row.facts["unit_zh"], unit_en=row.facts["unit_en"], lot_number=row.number,
            expiry=row.expiry, sent=sums[row.id]["sent"] - sums[row.id]["taken_out"], arrived=sums[row.id]["arrived"],
            set_apart=sums[row.id]["set_apart"], back=sums[row.id]["back"], lost=sums[row.id]["lost"],
            surplus=sums[row.id]["surplus"], left=left.get(row.id, 0),
        )
        for row in packs
    )  # fmt: skip
    return tuple(line for line in lines if line.sent or line.surplus)


def _figure(row: Any, place: UUID) -> str:
    if row.reason == RECEIVE:
        return "set_apart" if row.kind in _BAGS else "arrived"
    return {SEND: "sent", TAKE_OUT: "taken_out", BACK: "back", LOST: "lost", SURPLUS: "surplus"}.get(row.reason, "")


def _wishes(session: Session, found: Transfer, today: date) -> tuple[WishLine, ...]:
    rows = session.execute(
        select(Item.id, Item.name_zh, Item.name_en, Item.strength, Item.facts, TransferWish.quantity)
        .join(TransferWish, TransferWish.item == Item.id)
        .where(TransferWish.transfer == found.id)
        .order_by(Item.code)
    ).all()
    if not rows:
        return ()
    sent = {
        row.item: int(row.units)
        for row in session.execute(
            select(Pack.item, func.sum(Holding.quantity).label("units"))
            .join(Holding, Holding.pack == Pack.id)
            .where(Holding.place == found.place, Holding.quantity > 0)
            .group_by(Pack.item)
        )
    }
    shelves = _shelves(session, found.source, [row.id for row in rows], today)
    return tuple(
        WishLine(
            item=row.id, name_zh=row.name_zh, name_en=row.name_en, strength=row.strength, unit_zh=row.facts["unit_zh"],
            unit_en=row.facts["unit_en"], quantity=row.quantity, sent=sent.get(row.id, 0),
            shelves=tuple(shelves.get(row.id, ())),
        )
        for row in rows
    )  # fmt: skip


def _shelves(session: Session, station: UUID, items: list[UUID], today: date) -> dict[UUID, list[str]]:
    """Where the sender has good stock of the items, first expired first out: shelf and the label's last letters."""
    rows = session.execute(
        select(Pack.item, Pack.id, Place.name, Holding.quantity, Lot.expiry)
        .join(Holding, Holding.pack == Pack.id)
        .join(Place, Place.id == Holding.place)
        .join(Lot, Lot.id == Pack.lot)
        .where(
            Pack.item.in_(items), Place.station == station, Place.kind == PlaceKind.SHELF, Holding.quantity > 0,
            Lot.recalled_on.is_(None), or_(Lot.expiry.is_(None), Lot.expiry >= today),
        )
        .order_by(Lot.expiry.is_(None), Lot.expiry, Pack.id)
        .limit(MOST)
    ).all()  # fmt: skip
    codes = registry.codes_of(session, {row.id for row in rows})
    found: dict[UUID, list[str]] = defaultdict(list)
    for row in rows:
        if len(found[row.item]) < 3:
            found[row.item].append(f"{row.name} …{codes.get(row.id, '')[-4:]} ×{row.quantity}")
    return found


def _steps(session: Session, wanted: UUID) -> tuple[StepLine, ...]:
    rows = session.execute(
        select(TransferStep).where(TransferStep.transfer == wanted).order_by(TransferStep.id).limit(MOST)
    ).scalars()
    return tuple(
        StepLine(
            at=row.at, event=row.event, pack=row.pack, quantity=row.quantity, reason=row.reason, note=row.note
        )
        for row in rows
    )  # fmt: skip


def destinations(session: Session) -> tuple[stations.StationRow, ...]:
    """Every station of the sub-district, by name: goods may go from any to any."""
    rows = session.execute(
        select(Station.id, Station.name, Station.community, Station.cool_cabinet).order_by(Station.name).limit(MOST)
    )
    return tuple(stations.StationRow(**row._mapping) for row in rows)
