"""Goods that are gone without having been given out: said with a reason at once, confirmed by another person."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import case, func, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, policy, replay
from app.base.errors import Invalid, NotFound
from app.base.fields import Key, Line, Quantity, ScannedText
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from inventory import ledger, packs, stations
from inventory.errors import NotEnough, NotOnShelf
from inventory.ledger import BY_CORRECTION, CORRECTION, FROM_DONOR, Spot
from inventory.models import Item, Movement, Pack, PlaceKind, Station
from inventory.moving import splits
from inventory.moving.transfer_errors import LossDecided, NeverLost, OtherPersonNeeded
from inventory.receiving import labelled
from inventory.wasting.waste_models import Loss, LossState
from labels import registry

LOST, GIVEN_BACK, FOUND, PUT_BACK = "lost", "given-back", "found", "loss-refused"
MOST = 200


class WhyLost(StrEnum):
    """How goods left a shelf. ``given_back``: to the donor or whoever they belong to."""

    MISSING = "missing"
    STOLEN = "stolen"
    USED_UP = "used_up"
    GIVEN_BACK = "given_back"
    OTHER = "other"


class LossPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of a supply one person may write off alone; a medicine never (security: an adjustment)."""

    version: str
    alone: int = 2


class ReportLoss(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many units of a pack are not on the station's shelf any more."""

    key: Key
    station: UUID
    code: ScannedText | None = None
    pack: UUID | None = None
    quantity: Quantity
    why: WhyLost
    note: Line


class DecideLoss(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Confirm a loss, or put it back onto the books because it is not believed."""

    key: Key
    loss: UUID
    confirmed: bool


class FindAgain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units that were written off as lost have turned up in this station."""

    key: Key
    station: UUID
    code: ScannedText
    quantity: Quantity
    note: Line


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """A loss: gone at once; ``state`` says whether another person must still confirm it."""

    loss: UUID
    pack: UUID
    quantity: int
    state: LossState


class FoundAgain(msgspec.Struct, frozen=True, kw_only=True):
    """What turned up waits to be released anew."""

    pack: UUID
    quantity: int
    place_kind: PlaceKind


class LossRow(msgspec.Struct, frozen=True, kw_only=True):
    """A loss in a list. ``decides``: this reader may say yes or no to it."""

    id: UUID
    station_name: str
    pack: UUID
    ends: str
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    quantity: int
    why: str
    note: str
    state: LossState
    at: datetime
    decides: bool


def report(session: Session, order: ReportLoss, actor: Actor, today: date, now: datetime) -> Gone:
    """Take units off the station's shelves at once, so that nobody is promised what is not there.

    More than the policy allows alone, and any medicine, then waits for another person's word. Raises NotFound,
    NotAPack and the labels' own, NotOnShelf (what is promised to somebody is not written off here), NotEnough.
    """
    stations.in_scope(session, actor, order.station, lock=True)
    if made := replay.made_by(session, actor, order.key, "stock.lose", order):
        return msgspec.convert(made, Gone)
    pack = _pack(session, order, actor)
    there = labelled.standing(session, pack, order.station, (PlaceKind.SHELF,))
    if not there:
        raise NotOnShelf
    if order.quantity > sum(held for _, held in there):
        raise NotEnough
    medicine = labelled.about(session, {pack}, today)[pack].medicine
    small = not medicine and order.quantity <= _rules(session, today).alone and order.why is not WhyLost.GIVEN_BACK
    state = LossState.ALONE if small else LossState.WAITING
    gone = Gone(loss=new_id(), pack=pack, quantity=order.quantity, state=state)
    session.execute(
        insert(Loss).values(
            id=gone.loss, station=order.station, pack=pack, quantity=order.quantity, why=order.why.value,
            note=order.note, state=state, by=actor.account, at=now,
        )
    )  # fmt: skip
    back = order.why is WhyLost.GIVEN_BACK
    target, reason = (FROM_DONOR, GIVEN_BACK) if back else (BY_CORRECTION, LOST)
    take(session, pack, order.quantity, there, target, reason, gone.loss, actor, now)
    audit.note(session, actor, "stock.lose", gone.loss, now, quantity=order.quantity, reason=order.why.value)
    replay.keep(session, actor, order.key, "stock.lose", order, msgspec.to_builtins(gone), now)
    return gone


def _pack(session: Session, order: ReportLoss, actor: Actor) -> UUID:
    if order.code is not None:
        return labelled.pack(session, order.code)
    if order.pack is None:
        raise Invalid(("code", "missing", {}))
    packs.in_reach(session, order.pack, actor)
    return order.pack


def take(
    session: Session,
    pack: UUID,
    units: int,
    there: list[tuple[Spot, int]],
    target: Spot,
    reason: str,
    subject: UUID,
    actor: Actor,
    now: datetime,
) -> None:
    """Move units of a pack out of several places, in the order given, until they are enough."""
    for place, held in there:
        part = min(held, units)
        if part:
            ledger.move(session, pack, part, place, target, reason, actor, now, subject=subject)
        units -= part


def _rules(session: Session, today: date) -> LossPolicy:
    """The policy ``losses`` of the day; a stored one that cannot be read lets nobody write anything off alone."""
    try:
        return policy.current(session, "losses", LossPolicy, today) or LossPolicy(version="none")
    except msgspec.ValidationError:
        return LossPolicy(version="none", alone=0)


def decide(session: Session, order: DecideLoss, actor: Actor, now: datetime) -> LossState:
    """Confirm a loss or put the units back where they stood; by another person than who reported it.

    Raises NotFound, OtherPersonNeeded, LossDecided.
    """
    actor.need(Permission.APPROVE_COUNT)
    loss = session.execute(
        select(Loss).where(Loss.id == order.loss).with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if loss is None:
        raise NotFound
    stations.in_scope(session, actor, loss.station, lock=True)
    if made := replay.made_by(session, actor, order.key, "stock.decide-loss", order):
        return LossState(made["state"])
    if loss.state is not LossState.WAITING:
        raise LossDecided
    if loss.by == actor.account:
        raise OtherPersonNeeded
    state = LossState.APPROVED if order.confirmed else LossState.REFUSED
    if not order.confirmed:
        _reverse(session, loss.id, PUT_BACK, actor, now)
    session.execute(
        update(Loss).where(Loss.id == loss.id).values(state=state, decided_by=actor.account, decided_at=now)
    )
    audit.note(session, actor, "stock.decide-loss", loss.id, now, outcome=state.value)
    replay.keep(session, actor, order.key, "stock.decide-loss", order, {"state": state.value}, now)
    return state


def _reverse(session: Session, subject: UUID, reason: str, actor: Actor, now: datetime) -> None:
    movements = select(Movement.id).where(Movement.subject == subject, Movement.reverses.is_(None))
    for movement in session.execute(movements.order_by(Movement.id)).scalars().all():
        ledger.reverse(session, movement, reason, actor, now)


def undone(session: Session, loss: UUID, actor: Actor, now: datetime) -> None:
    """What a reversal of a loss's movements leaves to do: the loss is put back, whatever was decided of it."""
    session.execute(
        update(Loss)
        .where(Loss.id == loss)
        .values(state=LossState.REFUSED, decided_by=actor.account, decided_at=now)
    )  # fmt: skip


def find(session: Session, order: FindAgain, actor: Actor, today: date, now: datetime) -> FoundAgain:
    """Take back what was written off and has turned up: out of sight since, so it waits to be released anew.

    Never more than was lost of this pack. Raises NotFound, NotAPack and the labels' own, NeverLost.
    """
    own = stations.in_scope(session, actor, order.station, lock=True)
    if made := replay.made_by(session, actor, order.key, "stock.find", order):
        return msgspec.convert(made, FoundAgain)
    pack = labelled.pack(session, order.code)
    session.execute(select(Pack.id).where(Pack.id == pack).with_for_update())
    if order.quantity > written_off(session, pack):
        raise NeverLost
    target = own.hold if labelled.about(session, {pack}, today)[pack].good else own.quarantine
    found = FoundAgain(pack=pack, quantity=order.quantity, place_kind=target.kind)
    ledger.move(session, pack, order.quantity, BY_CORRECTION, target, FOUND, actor, now, subject=new_id())
    audit.note(session, actor, "stock.find", pack, now, quantity=order.quantity)
    replay.keep(session, actor, order.key, "stock.find", order, msgspec.to_builtins(found), now)
    return found


def written_off(session: Session, pack: UUID) -> int:
    """Units of a pack that corrections took off the books and did not bring back; a split is no correction."""
    signed = func.sum(case((Movement.target == CORRECTION, Movement.quantity), else_=-Movement.quantity))
    rows = select(signed).where(
        Movement.pack == pack,
        (Movement.target == CORRECTION) | (Movement.source == CORRECTION),
        Movement.reason != splits.REASON,
    )
    return max(0, int(session.execute(rows).scalar() or 0))


def waiting(session: Session, actor: Actor) -> int:
    """How many losses in the actor's scope wait for another person's word."""
    found = select(func.count()).select_from(Loss).join(Station, Station.id == Loss.station)
    return session.execute(found.where(stations.visible(actor), Loss.state == LossState.WAITING)).scalar_one()


def losses(session: Session, actor: Actor) -> tuple[LossRow, ...]:
    """The losses in the actor's scope, those that wait for a word first, then the latest; at most 200."""
    waits = case((Loss.state == LossState.WAITING, 0), else_=1)
    rows = session.execute(
        select(
            Loss.id, Loss.pack, Loss.quantity, Loss.why, Loss.note, Loss.state, Loss.at, Loss.by,
            Station.name.label("station_name"), Item.name_zh, Item.name_en, Item.strength, Item.facts,
        )
        .join(Station, Station.id == Loss.station)
        .join(Pack, Pack.id == Loss.pack)
        .join(Item, Item.id == Pack.item)
        .where(stations.visible(actor))
        .order_by(waits, Loss.id.desc())
        .limit(MOST)
    ).all()  # fmt: skip
    codes = registry.codes_of(session, {row.pack for row in rows})
    may = actor.may(Permission.APPROVE_COUNT)
    return tuple(
        LossRow(
            id=row.id, station_name=row.station_name, pack=row.pack, ends=codes.get(row.pack, "")[-4:],
            name_zh=row.name_zh, name_en=row.name_en, strength=row.strength, unit_zh=row.facts["unit_zh"],
            unit_en=row.facts["unit_en"], quantity=row.quantity, why=row.why, note=row.note, state=row.state, at=row.at,
            decides=may and row.state is LossState.WAITING and row.by != actor.account,
        )
        for row in rows
    )  # fmt: skip
