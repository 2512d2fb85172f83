"""Destroys goods with a witness (IN28): counted and weighed in a sealed box, handed over against a receipt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import Invalid, NotFound, SamePerson
from app.base.fields import Dated, Day, Key, Line, Word
from app.base.ids import new_id
from app.base.models import Account
from app.base.permissions import Actor, Permission
from inventory import ledger, stations
from inventory.ledger import TO_DISPOSAL, Spot
from inventory.models import Holding, Movement, Place, PlaceKind, Station
from inventory.moving.transfer_errors import BinEmpty, CountDiffers, DisposalStep
from inventory.wasting import bin as waste
from inventory.wasting import losses
from inventory.wasting.bin import BinLine
from inventory.wasting.waste_models import Disposal, DisposalLine, DisposalState
from labels import registry

SEAL, REOPEN, DESTROY = "seal-waste", "reopen-waste", "destroy"
MOST = 100


class SealBin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seal the waste box of a station: so many packs counted by hand, its weight in grams, the seal's number."""

    key: Key
    station: UUID
    packs: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    grams: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    seal: Word


class Witness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody entitled has seen the box counted, weighed and sealed."""

    key: Key
    disposal: UUID


class Reopen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Break the seal before the box was handed over: everything lies in the open box again."""

    key: Key
    disposal: UUID
    note: Line


class HandBinOver(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hand the witnessed box to a pharmacy's or hazardous waste collection: the organisation, its receipt, the day."""

    key: Key
    disposal: UUID
    taker: Line
    receipt: Word
    taken_on: Day


class DisposalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed box in a list."""

    id: UUID
    station: UUID
    station_name: str
    state: DisposalState
    seal: str
    grams: int
    packs: int
    units: int
    sealed_at: datetime
    handed_at: datetime | None


class DisposalView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole record of a box. People stand in it by their staff numbers."""

    row: DisposalRow
    lines: tuple[BinLine, ...]
    sealed_by: str
    witness: str
    witness_role: str
    witnessed_at: datetime | None
    taker: str
    receipt: str
    taken_on: date | None
    handed_by: str
    can_witness: bool


def seal(session: Session, order: SealBin, actor: Actor, now: datetime) -> UUID:
    """Seal all that lies in the open waste box now; returns the disposal. It still needs its witness.

    Raises NotFound, BinEmpty, and CountDiffers where the hand counted other packs than the ledger has in it.
    """
    own = stations.in_scope(session, actor, order.station, lock=True)
    if made := replay.made_by(session, actor, order.key, "disposal.seal", order):
        return UUID(made["disposal"])
    inside = _inside(session, own.bin.id)
    if not inside:
        raise BinEmpty
    if len(inside) != order.packs:
        raise CountDiffers(counted=order.packs, booked=len(inside))
    disposal, place = new_id(), new_id()
    session.execute(
        insert(Place).values(
            id=place, kind=PlaceKind.BIN, name=order.seal.strip(), station=order.station, holder=disposal
        )
    )
    session.execute(
        insert(Disposal).values(
            id=disposal, station=order.station, place=place, state=DisposalState.SEALED, seal=order.seal.strip(),
            grams=order.grams, sealed_by=actor.account, sealed_at=now, witness_role="", taker="", receipt="",
        )
    )  # fmt: skip
    for pack, units in inside.items():
        ledger.move(session, pack, units, own.bin, _box(place), SEAL, actor, now, subject=disposal)
    rows = [{"disposal": disposal, "pack": pack, "quantity": units} for pack, units in inside.items()]
    session.execute(insert(DisposalLine), rows)
    audit.note(session, actor, "disposal.seal", disposal, now, packs=len(inside), quantity=sum(inside.values()))
    replay.keep(session, actor, order.key, "disposal.seal", order, {"disposal": str(disposal)}, now)
    return disposal


def witness(session: Session, order: Witness, actor: Actor, now: datetime) -> UUID:
    """Sign that the box was counted, weighed and sealed before one's eyes; returns the disposal.

    A medic, a coordinator or the office, and never who sealed it. Raises NotFound, Forbidden, SamePerson, DisposalStep.
    """
    found = _locked(session, order.disposal, actor)
    actor.need(Permission.WITNESS_DISPOSAL)
    if replay.made_by(session, actor, order.key, "disposal.witness", order) is not None:
        return found.id
    _at_state(found, DisposalState.SEALED)
    if found.sealed_by == actor.account:
        raise SamePerson
    _change(
        session, found, state=DisposalState.WITNESSED, witness=actor.account, witness_role=actor.role.value,
        witnessed_at=now,
    )  # fmt: skip
    audit.note(session, actor, "disposal.witness", found.id, now)
    replay.keep(session, actor, order.key, "disposal.witness", order, {}, now)
    return found.id


def reopen(session: Session, order: Reopen, actor: Actor, now: datetime) -> UUID:
    """Break the seal: everything lies in the open box again, the record stays. Raises NotFound, DisposalStep."""
    found = _locked(session, order.disposal, actor)
    if replay.made_by(session, actor, order.key, "disposal.reopen", order) is not None:
        return found.id
    _at_state(found, DisposalState.SEALED, DisposalState.WITNESSED)
    own = stations.places(session, found.station)
    for pack, units in _inside(session, found.place).items():
        ledger.move(session, pack, units, _box(found.place), own.bin, REOPEN, actor, now, subject=found.id)
    _change(session, found, state=DisposalState.REOPENED)
    audit.note(session, actor, "disposal.reopen", found.id, now)
    replay.keep(session, actor, order.key, "disposal.reopen", order, {}, now)
    return found.id


def hand_over(session: Session, order: HandBinOver, actor: Actor, today: date, now: datetime) -> UUID:
    """Hand the box over for destruction: from here nothing of it comes back, and the labels of its packs end.

    Raises NotFound, DisposalStep without a witness, Invalid for a day to come.
    """
    found = _locked(session, order.disposal, actor)
    if replay.made_by(session, actor, order.key, "disposal.hand-over", order) is not None:
        return found.id
    _at_state(found, DisposalState.WITNESSED)
    if order.taken_on > today:
        raise Invalid(("taken_on", "day_to_come", {}))
    for pack, units in _inside(session, found.place).items():
        ledger.move(session, pack, units, _box(found.place), TO_DISPOSAL, DESTROY, actor, now, subject=found.id)
        code = registry.code_of(session, pack)
        if code is not None and not ledger.whereabouts(session, pack):
            registry.void(session, code, "destroyed", actor, now)
    _change(
        session, found, state=DisposalState.HANDED_OVER, taker=order.taker.strip(), receipt=order.receipt.strip(),
        taken_on=order.taken_on, handed_by=actor.account, handed_at=now,
    )  # fmt: skip
    audit.note(session, actor, "disposal.hand-over", found.id, now)
    replay.keep(session, actor, order.key, "disposal.hand-over", order, {}, now)
    return found.id


def _box(place: UUID) -> Spot:
    return Spot(place, PlaceKind.BIN)


def _inside(session: Session, place: UUID) -> dict[UUID, int]:
    rows = session.execute(
        select(Holding.pack, Holding.quantity)
        .where(Holding.place == place, Holding.quantity > 0)
        .order_by(Holding.pack)
    )
    return {row.pack: row.quantity for row in rows}


def _locked(session: Session, disposal: UUID, actor: Actor) -> Disposal:
    found = session.execute(
        select(Disposal).where(Disposal.id == disposal).with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    stations.in_scope(session, actor, found.station, lock=True)
    return found


def _at_state(found: Disposal, *states: DisposalState) -> None:
    if found.state not in states:
        raise DisposalStep(state=found.state.value)


def _change(session: Session, found: Disposal, **values: Any) -> None:
    session.execute(update(Disposal).where(Disposal.id == found.id).values(**values))


# ---------------------------------------------------------------- reading


def _rows() -> Any:
    return (
        select(
            Disposal.id, Disposal.station, Station.name.label("station_name"), Disposal.state, Disposal.seal,
            Disposal.grams, Disposal.sealed_at, Disposal.handed_at, func.count(DisposalLine.pack).label("packs"),
            func.sum(DisposalLine.quantity).label("units"),
        )
        .join(Station, Station.id == Disposal.station)
        .join(DisposalLine, DisposalLine.disposal == Disposal.id)
        .group_by(
            Disposal.id, Disposal.station, Station.name, Disposal.state, Disposal.seal, Disposal.grams,
            Disposal.sealed_at, Disposal.handed_at,
        )
    )  # fmt: skip


def _row(row: Any) -> DisposalRow:
    return DisposalRow(**{**row._mapping, "units": int(row.units)})


def disposals(session: Session, actor: Actor) -> tuple[DisposalRow, ...]:
    """The sealed boxes in the actor's scope, the latest first; at most 100."""
    query = _rows().where(stations.visible(actor)).order_by(Disposal.id.desc()).limit(MOST)
    return tuple(_row(row) for row in session.execute(query))


def waiting(session: Session, actor: Actor) -> int:
    """How many boxes and losses wait for this reader: for a witness, for their hand-over, for another's word."""
    state = DisposalState.SEALED if actor.may(Permission.WITNESS_DISPOSAL) else DisposalState.WITNESSED
    boxes = select(func.count()).select_from(Disposal).join(Station, Station.id == Disposal.station)
    found = session.execute(boxes.where(stations.visible(actor), Disposal.state == state)).scalar_one()
    return found + (losses.waiting(session, actor) if actor.may(Permission.APPROVE_COUNT) else 0)


def disposal(session: Session, wanted: UUID, actor: Actor) -> DisposalView:
    """The record of a box; raises NotFound out of scope."""
    found = session.execute(select(Disposal).where(Disposal.id == wanted)).scalar_one_or_none()
    if found is None:
        raise NotFound
    stations.in_scope(session, actor, found.station)
    people = {one for one in (found.sealed_by, found.witness, found.handed_by) if one}
    handles: dict[UUID | None, str] = {
        row.id: row.handle for row in session.execute(select(Account.id, Account.handle).where(Account.id.in_(people)))
    }
    entitled = actor.may(Permission.WITNESS_DISPOSAL) and actor.account != found.sealed_by
    return DisposalView(
        row=_row(session.execute(_rows().where(Disposal.id == wanted)).one()),
        lines=waste.of_disposal(session, wanted),
        sealed_by=handles.get(found.sealed_by, ""), witness=handles.get(found.witness, ""),
        witness_role=found.witness_role, witnessed_at=found.witnessed_at, taker=found.taker, receipt=found.receipt,
        taken_on=found.taken_on, handed_by=handles.get(found.handed_by, ""),
        can_witness=entitled and found.state is DisposalState.SEALED,
    )  # fmt: skip


def faults(session: Session) -> Iterator[str]:
    """Every box whose goods are not where its record says: in it while it is sealed, destroyed once it is gone."""
    recorded = _by_disposal(session, select(DisposalLine.disposal, DisposalLine.pack, DisposalLine.quantity))
    in_box = _by_disposal(
        session,
        select(Disposal.id, Holding.pack, Holding.quantity)
        .join(Holding, Holding.place == Disposal.place)
        .where(Holding.quantity > 0),
    )
    gone = _by_disposal(
        session,
        select(Movement.subject, Movement.pack, Movement.quantity).where(
            Movement.reason == DESTROY, Movement.target == ledger.DISPOSAL
        ),
    )
    for row in session.execute(select(Disposal.id, Disposal.state)):
        lines = recorded.get(row.id, {})
        sealed = row.state in (DisposalState.SEALED, DisposalState.WITNESSED)
        if in_box.get(row.id, {}) != (lines if sealed else {}):
            yield f"disposal {row.id} is {row.state.value}, and its box does not hold what its record says"
        if gone.pop(row.id, {}) != (lines if row.state is DisposalState.HANDED_OVER else {}):
            yield f"disposal {row.id} is {row.state.value}, and what was destroyed is not what its record says"
    for stray in gone:
        yield f"goods were destroyed for {stray}, of which there is no record"


def _by_disposal(session: Session, query: Any) -> dict[UUID, dict[UUID, int]]:
    found: dict[UUID, dict[UUID, int]] = {}
    rows: Any = session.execute(query)
    for disposal_id, pack, units in rows:
        of_it = found.setdefault(disposal_id, {})
        of_it[pack] = of_it.get(pack, 0) + units
    return found
