"""Where everything that a recall names is now: packs and places, parcels, doors, and what is accounted for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from app.base.errors import Forbidden, NotFound
from app.base.models import Account
from app.base.permissions import Actor, Permission
from distribution.journey import State
from distribution.models import Given, Household, LineState, Parcel, ParcelLine, Team
from distribution.parcel_state import STANDING
from distribution.picking import SHOWN_OF_A_CODE
from distribution.recall_models import RecallCall
from inventory import stations
from inventory.kitting.kit_models import KitBag
from inventory.models import VIRTUAL, Holding, Item, Lot, Movement, Pack, Place, PlaceKind, Station
from inventory.recalling import recalls
from inventory.recalling.recall_models import Recall, RecallCriterion
from labels import registry

SAFE = frozenset({PlaceKind.QUARANTINE, PlaceKind.BIN})
"""Where called back goods are kept from everybody until they are disposed of."""
MOST = 200


class RecallRow(msgspec.Struct, frozen=True, kw_only=True):
    """A recall in the list: what it is, how many units lie where they should not or in care parcels that are to be
    taken apart, and how many calls are to be made.
    """

    id: UUID
    title: str
    notice: str
    severity: int
    opened_at: datetime
    closed_at: datetime | None
    withdrawn: bool
    loose: int
    in_kits: int
    calls: int


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A product that a recall names, as it was stated; ``item`` empty where the catalogue has none for it."""

    item: UUID | None
    name_zh: str
    name_en: str
    strength: str
    gtin: str
    approval: str
    lot_number: str


class Stands(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a pack in one place. ``safe``: nobody can be given them there, and they wait for their disposal.

    In an assembled care parcel (``bag``, its label's ``bag_ends``) they are stopped too: it goes nowhere, and is to be
    taken apart, by this reader where ``mine``.
    """

    pack: UUID
    label: str | None
    name_zh: str
    name_en: str
    lot_number: str
    expiry: date | None
    place_kind: PlaceKind
    place_name: str
    station: str
    quantity: int
    safe: bool
    bag: UUID | None
    bag_ends: str
    mine: bool

    @property
    def loose(self) -> bool:
        """Whether nothing stops them yet but what is checked at every step on their way."""
        return not self.safe and self.bag is None


class InParcel(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that holds or was promised called back goods and has not reached its door."""

    parcel: UUID
    serial: int
    state: State
    team: str
    station: str
    carrier: str
    quantity: int


class AtDoor(msgspec.Struct, frozen=True, kw_only=True):
    """Goods that were handed over: the door's number, never who lives there. ``calls``: how often it was tried."""

    line: UUID
    parcel: UUID
    serial: int
    community: UUID
    name_zh: str
    name_en: str
    lot_number: str
    quantity: int
    day: date
    calls: int
    settled: bool
    called_at: datetime | None
    called_by: str
    mine: bool


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Units of the named lots: all that ever came in, and where each is. ``came`` is the sum of the others."""

    came: int
    safe: int
    in_kits: int
    loose: int
    handed_over: int
    disposed: int
    corrected: int


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """A recall with everything it reached in the reader's sight."""

    recall: RecallRow
    advice: str
    report: dict[str, Any] | None
    named: tuple[Named, ...]
    balance: Balance
    stands: tuple[Stands, ...]
    parcels: tuple[InParcel, ...]
    doors: tuple[AtDoor, ...]


def listed(session: Session, actor: Actor, *, closed: bool = False) -> tuple[RecallRow, ...]:
    """Open recalls, or closed ones, newest first, at most 200; counts are of what the reader may see."""
    over = Recall.closed_at.is_not(None) if closed else Recall.closed_at.is_(None)
    rows = session.execute(select(Recall).where(over).order_by(Recall.id.desc()).limit(MOST)).scalars().all()
    return tuple(_row(session, row, actor) for row in rows)


def waiting(session: Session, actor: Actor) -> int:
    """How many recalls are open."""
    return session.execute(select(func.count()).select_from(Recall).where(Recall.closed_at.is_(None))).scalar_one()


def _row(session: Session, row: Recall, actor: Actor) -> RecallRow:
    stands = _stands(session, row.id, actor)
    calls = sum(not one.settled for one in _doors(session, row.id, actor))
    return RecallRow(
        id=row.id, title=row.title, notice=row.notice, severity=row.severity, opened_at=row.opened_at,
        closed_at=row.closed_at, withdrawn=row.withdrawn, calls=calls,
        loose=sum(one.quantity for one in stands if one.loose),
        in_kits=sum(one.quantity for one in stands if one.bag is not None),
    )  # fmt: skip


def reach(session: Session, recall: UUID, actor: Actor) -> Reach:
    """Everything that a recall reached: all of it for those who work recalls, else what is in the scope.

    Raises NotFound.
    """
    row = session.execute(select(Recall).where(Recall.id == recall)).scalar_one_or_none()
    if row is None:
        raise NotFound
    return Reach(
        recall=_row(session, row, actor), advice=row.advice, report=row.report, named=_named(session, recall),
        balance=balance(session, recall), stands=_stands(session, recall, actor),
        parcels=_parcels(session, recall, actor), doors=_doors(session, recall, actor),
    )  # fmt: skip


def _sees_all(actor: Actor) -> bool:
    # A medic works a recall in the whole sub-district: what is seen here names no person.
    return actor.everywhere or actor.may(Permission.RECALL)


def _named(session: Session, recall: UUID) -> tuple[Named, ...]:
    rows = session.execute(
        select(RecallCriterion, Item.name_zh, Item.name_en, Item.strength)
        .outerjoin(Item, Item.id == RecallCriterion.item)
        .where(RecallCriterion.recall == recall)
        .order_by(RecallCriterion.id)
    )
    return tuple(
        Named(
            item=row.RecallCriterion.item, name_zh=row.name_zh or "", name_en=row.name_en or "",
            strength=row.strength or "", gtin=row.RecallCriterion.gtin, approval=row.RecallCriterion.approval,
            lot_number=row.RecallCriterion.lot_number,
        )
        for row in rows
    )  # fmt: skip


def balance(session: Session, recall: UUID) -> Balance:
    """The units of the named lots by where they are, over the whole store: nothing of it may be missing."""
    sums: dict[PlaceKind, int] = {}
    for side, sign in ((Movement.target, 1), (Movement.source, -1)):
        rows = session.execute(
            select(Place.kind, func.sum(Movement.quantity))
            .join(Place, Place.id == side)
            .join(Pack, Pack.id == Movement.pack)
            .join(Lot, Lot.id == Pack.lot)
            .where(recalls.lots_of(recall), Place.kind.in_(VIRTUAL))
            .group_by(Place.kind)
        )
        for kind, units in rows:
            sums[kind] = sums.get(kind, 0) + sign * int(units)
    held = {"safe": 0, "in_kits": 0, "loose": 0}
    for kind, units in session.execute(
        select(Place.kind, func.sum(Holding.quantity))
        .join(Place, Place.id == Holding.place)
        .join(Pack, Pack.id == Holding.pack)
        .join(Lot, Lot.id == Pack.lot)
        .where(Holding.quantity > 0, recalls.lots_of(recall))
        .group_by(Place.kind)
    ):
        held["safe" if kind in SAFE else "in_kits" if kind is PlaceKind.KIT else "loose"] += int(units)
    return Balance(
        came=-sums.get(PlaceKind.DONOR, 0), **held,
        handed_over=sums.get(PlaceKind.RESIDENTS, 0), disposed=sums.get(PlaceKind.DISPOSAL, 0),
        corrected=sums.get(PlaceKind.CORRECTION, 0),
    )  # fmt: skip


def _stands(session: Session, recall: UUID, actor: Actor) -> tuple[Stands, ...]:
    at = func.coalesce(Place.station, Pack.station)
    query = (
        select(
            Holding.pack, Holding.quantity, Place.kind, Place.name, Station.name.label("station"), Lot.number,
            Lot.expiry, Item.name_zh, Item.name_en, KitBag.id.label("bag"), Station.id.label("at"), Station.community,
        )
        .join(Place, Place.id == Holding.place)
        .join(Pack, Pack.id == Holding.pack)
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .join(Station, Station.id == at)
        .outerjoin(KitBag, KitBag.place == Place.id)
        .where(Holding.quantity > 0, recalls.lots_of(recall))
        .order_by(Station.name, Place.kind, Holding.pack)
    )  # fmt: skip
    rows = session.execute(query if _sees_all(actor) else query.where(stations.visible(actor))).all()
    labels = registry.codes_of(session, {row.pack for row in rows} | {row.bag for row in rows if row.bag})
    found = [
        Stands(
            pack=row.pack, label=labels.get(row.pack), name_zh=row.name_zh, name_en=row.name_en,
            lot_number=row.number, expiry=row.expiry, place_kind=row.kind, place_name=row.name, station=row.station,
            quantity=row.quantity, safe=row.kind in SAFE, bag=row.bag,
            bag_ends=labels.get(row.bag, "")[-SHOWN_OF_A_CODE:] if row.bag else "",
            mine=row.bag is not None and _takes_apart(actor, row.at, row.community),
        )
        for row in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.safe, one.bag is not None)))


def _takes_apart(actor: Actor, station: UUID, community: UUID | None) -> bool:
    try:
        actor.need(Permission.ASSEMBLE, Permission.RECALL)
        actor.at_station(station, community)
    except (Forbidden, NotFound):
        return False
    return True


def _parcels(session: Session, recall: UUID, actor: Actor) -> tuple[InParcel, ...]:
    query = (
        select(
            Parcel.id, Parcel.state, Household.serial, Team.name.label("team"), Station.name.label("station"),
            Account.handle, func.sum(ParcelLine.quantity).label("units"),
        )
        .join(ParcelLine, ParcelLine.parcel == Parcel.id)
        .join(Lot, Lot.id == ParcelLine.lot)
        .join(Household, Household.id == Parcel.household)
        .join(Team, Team.id == Parcel.team)
        .join(Station, Station.id == Parcel.station)
        .outerjoin(Account, Account.id == Parcel.carrier)
        .where(ParcelLine.state.in_(STANDING), recalls.lots_of(recall))
        .group_by(Parcel.id, Parcel.state, Household.serial, Team.name, Station.name, Account.handle)
        .order_by(Parcel.id)
    )  # fmt: skip
    rows = session.execute(query if _sees_all(actor) else query.where(stations.visible(actor)))
    return tuple(
        InParcel(
            parcel=row.id, serial=row.serial, state=State(row.state), team=row.team, station=row.station,
            carrier=row.handle or "", quantity=row.units,
        )
        for row in rows
    )  # fmt: skip


def _doors(session: Session, recall: UUID, actor: Actor) -> tuple[AtDoor, ...]:
    rows = session.execute(
        select(
            ParcelLine.id, ParcelLine.parcel, ParcelLine.quantity, Household.serial, Parcel.community, Given.day,
            Item.name_zh, Item.name_en, Lot.number,
        )
        .join(Given, Given.line == ParcelLine.id)
        .join(Parcel, Parcel.id == ParcelLine.parcel)
        .join(Household, Household.id == Parcel.household)
        .join(Lot, Lot.id == ParcelLine.lot)
        .join(Item, Item.id == ParcelLine.item)
        .where(ParcelLine.state == LineState.GIVEN, recalls.lots_of(recall), _in_sight(actor))
        .order_by(Given.day.desc(), Household.serial, ParcelLine.id)
    ).all()  # fmt: skip
    calls = _calls(session, recall, {row.id for row in rows})
    return tuple(
        AtDoor(
            line=row.id, parcel=row.parcel, serial=row.serial, community=row.community, name_zh=row.name_zh,
            name_en=row.name_en, lot_number=row.number, quantity=row.quantity, day=row.day,
            calls=len(calls.get(row.id, ())), settled=any(one.settled for one in calls.get(row.id, ())[-1:]),
            called_at=calls[row.id][-1].at if row.id in calls else None,
            called_by=calls[row.id][-1].handle or "" if row.id in calls else "",
            mine=actor.may(Permission.CALL_BACK) and (actor.everywhere or row.community in actor.communities),
        )
        for row in rows
    )  # fmt: skip


def _in_sight(actor: Actor) -> ColumnElement[bool]:
    if _sees_all(actor):
        return true()
    return or_(Parcel.community.in_(actor.communities), Parcel.station.in_(actor.stations))


def _calls(session: Session, recall: UUID, lines: Collection[UUID]) -> dict[UUID, list[Any]]:
    caller = aliased(Account)
    found: dict[UUID, list[Any]] = {}
    for row in session.execute(
        select(RecallCall.line, RecallCall.settled, RecallCall.at, caller.handle)
        .outerjoin(caller, caller.id == RecallCall.by)
        .where(RecallCall.recall == recall, RecallCall.line.in_(lines))
        .order_by(RecallCall.id)
    ):
        found.setdefault(row.line, []).append(row)
    return found
