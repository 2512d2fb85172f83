"""Receives a transfer: what arrives is scanned, what does not stays on the way until somebody settles it."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base import replay
from app.base.errors import Invalid
from app.base.fields import Key, Line, OptionalLine, Quantity, ScannedText
from app.base.permissions import Actor, Permission
from inventory import ledger, stations
from inventory.errors import NotEnough, NotOnShelf
from inventory.ledger import BY_CORRECTION, Spot
from inventory.models import Movement, Place, PlaceKind
from inventory.moving.transfer_errors import AlreadyArrived, NotInTransfer, OtherPersonNeeded, TransferStep
from inventory.moving.transfer_models import Transfer, TransferState
from inventory.moving.transfer_models import TransferStep as Step
from inventory.moving.transfer_rules import How
from inventory.moving.under_way import (
    BACK,
    LOST,
    RECEIVE,
    SEND,
    SURPLUS,
    at_state,
    change,
    contents,
    land,
    locked,
    settled,
    spot,
    step,
)
from inventory.receiving import labelled
from inventory.releasing import stops

_UNDER_WAY = (TransferState.SENT, TransferState.DIFFERS)


class WhyMissing(StrEnum):
    """Why something is not there, as far as anybody can tell."""

    NOT_PACKED = "not_packed"
    LEFT_BEHIND = "left_behind"
    FELL_OUT = "fell_out"
    UNKNOWN = "unknown"


class WhySurplus(StrEnum):
    """Why something came that was not sent."""

    NOT_SCANNED = "not_scanned"
    WRONG_BAG = "wrong_bag"
    UNKNOWN = "unknown"


class Arrive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scanned pack of a transfer arrives: all of it, or so many units.

    ``sealed``: the bag it came in. ``how``: a difference is explained by a ``note``.
    """

    key: Key
    transfer: UUID
    code: ScannedText
    sealed: bool
    quantity: Quantity | None = None
    how: How = How.ARRIVED
    note: OptionalLine = ""


class Surplus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pack came along that was not scanned out."""

    key: Key
    transfer: UUID
    code: ScannedText
    why: WhySurplus
    note: Line


class Missing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing more came: what is still on the way is missing for now."""

    key: Key
    transfer: UUID
    why: WhyMissing
    note: Line


class ComeBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pack of a transfer is at its sender again: it was left behind, or brought back."""

    key: Key
    transfer: UUID
    code: ScannedText
    sealed: bool
    note: OptionalLine = ""


class Lost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is missing of a pack is lost: somebody else's word, in a coordinator's scope."""

    key: Key
    transfer: UUID
    pack: UUID
    note: Line


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """What arrived, where it goes and why, and how many units of the transfer are still on the way.

    ``why``: kept, opened, late, warm, stopped, damaged, wrong_label, surplus.
    """

    transfer: UUID
    pack: UUID
    quantity: int
    name_zh: str
    name_en: str
    place_kind: PlaceKind
    place_name: str
    why: str
    left: int
    state: TransferState


def receive(session: Session, order: Arrive, actor: Actor, today: date, now: datetime) -> Arrived:
    """Take a pack of a transfer into the receiving station, where the rules send it (DS20, IN26).

    Raises NotFound, NotAPack and the labels' own, TransferStep, NotInTransfer, AlreadyArrived, NotEnough, and Invalid
    for a difference without a note.
    """
    transfer = locked(session, order.transfer)
    own = stations.in_scope(session, actor, transfer.target, lock=True)
    if made := replay.made_by(session, actor, order.key, "transfer.receive", order):
        return msgspec.convert(made, Arrived)
    pack = labelled.pack(session, order.code)
    there = ledger.held(session, transfer.place, pack)
    if not there and _was_sent(session, transfer, pack):
        raise AlreadyArrived
    at_state(transfer, *_UNDER_WAY)
    if not there:
        raise NotInTransfer
    units = order.quantity or there
    if units > there:
        raise NotEnough
    if order.how is not How.ARRIVED and not order.note.strip():
        raise Invalid(("note", "missing", {}))
    why, target = land(session, transfer, pack, units, own, order.how, order.sealed, RECEIVE, actor, today, now)
    if order.how is How.WRONG_LABEL:
        stops.bar(session, [pack], "wrong_label", actor, now)
    step(session, transfer, "receive", actor, now, pack=pack, quantity=units, reason=why, note=order.note)
    done = _done(session, transfer, pack, units, target, why, today, now)
    replay.keep(session, actor, order.key, "transfer.receive", order, msgspec.to_builtins(done), now)
    return done


def _done(
    session: Session,
    transfer: Transfer,
    pack: UUID,
    units: int,
    target: Spot,
    why: str,
    today: date,
    now: datetime,
) -> Arrived:
    about = labelled.about(session, {pack}, today)[pack]
    state = settled(session, transfer, now)
    name = session.execute(select(Place.name).where(Place.id == target.id)).scalar_one()
    return Arrived(
        transfer=transfer.id, pack=pack, quantity=units, name_zh=about.name_zh, name_en=about.name_en,
        place_kind=target.kind, place_name=name, why=why, left=sum(contents(session, transfer).values()), state=state,
    )  # fmt: skip


def _was_sent(session: Session, transfer: Transfer, pack: UUID) -> bool:
    sent = select(Movement.id).where(
        Movement.subject == transfer.id, Movement.pack == pack, Movement.reason.in_((SEND, SURPLUS))
    )
    return session.execute(sent.limit(1)).first() is not None


def surplus(session: Session, order: Surplus, actor: Actor, today: date, now: datetime) -> Arrived:
    """Take in a pack that came along unscanned: the ledger follows the goods, which wait to be released anew.

    Raises as ``receive``, and NotOnShelf for what was promised or given out at the sender.
    """
    transfer = locked(session, order.transfer)
    own = stations.in_scope(session, actor, transfer.target, lock=True)
    if made := replay.made_by(session, actor, order.key, "transfer.surplus", order):
        return msgspec.convert(made, Arrived)
    at_state(transfer, *_UNDER_WAY, TransferState.CLOSED)
    pack = labelled.pack(session, order.code)
    if ledger.held(session, transfer.place, pack):
        raise AlreadyArrived
    kinds = (PlaceKind.SHELF, PlaceKind.HOLD, PlaceKind.QUARANTINE)
    there = labelled.standing(session, pack, transfer.source, kinds)
    if not there:
        raise NotOnShelf
    good = labelled.about(session, {pack}, today)[pack].good
    on_shelf = all(place.kind is PlaceKind.SHELF for place, _ in there)
    target = own.hold if good and on_shelf else own.quarantine
    for place, held in there:
        ledger.move(session, pack, held, place, target, SURPLUS, actor, now, subject=transfer.id)
    units = sum(held for _, held in there)
    step(session, transfer, "surplus", actor, now, pack=pack, quantity=units, reason=order.why.value, note=order.note)
    done = _done(session, transfer, pack, units, target, "surplus", today, now)
    replay.keep(session, actor, order.key, "transfer.surplus", order, msgspec.to_builtins(done), now)
    return done


def report_missing(session: Session, order: Missing, actor: Actor, now: datetime) -> int:
    """Say that nothing more came; what did not stays on the way as a difference. Returns how many units that is.

    Raises NotFound, TransferStep.
    """
    transfer = locked(session, order.transfer)
    stations.in_scope(session, actor, transfer.target, lock=True)
    if made := replay.made_by(session, actor, order.key, "transfer.missing", order):
        return int(made["units"])
    at_state(transfer, *_UNDER_WAY)
    left = contents(session, transfer)
    if not left:
        raise TransferStep(state=transfer.state.value)
    for pack, units in left.items():
        step(session, transfer, "missing", actor, now, pack=pack, quantity=units, reason=order.why.value,
             note=order.note)  # fmt: skip
    change(session, transfer, state=TransferState.DIFFERS)
    units = sum(left.values())
    replay.keep(session, actor, order.key, "transfer.missing", order, {"units": units}, now)
    return units


def come_back(session: Session, order: ComeBack, actor: Actor, today: date, now: datetime) -> Arrived:
    """Take a pack of a transfer that is under way back into the sending station; raises as ``receive``."""
    transfer = locked(session, order.transfer)
    own = stations.in_scope(session, actor, transfer.source, lock=True)
    if made := replay.made_by(session, actor, order.key, "transfer.back", order):
        return msgspec.convert(made, Arrived)
    at_state(transfer, *_UNDER_WAY)
    pack = labelled.pack(session, order.code)
    units = ledger.held(session, transfer.place, pack)
    if not units:
        raise NotInTransfer
    why, target = land(session, transfer, pack, units, own, How.ARRIVED, order.sealed, BACK, actor, today, now)
    step(session, transfer, "back", actor, now, pack=pack, quantity=units, reason=why, note=order.note)
    done = _done(session, transfer, pack, units, target, why, today, now)
    replay.keep(session, actor, order.key, "transfer.back", order, msgspec.to_builtins(done), now)
    return done


def write_off(session: Session, order: Lost, actor: Actor, now: datetime) -> TransferState:
    """Settle what is missing of a pack as lost; by a coordinator who neither sent nor received any of it.

    Raises NotFound, TransferStep before anybody reported it missing, NotInTransfer, OtherPersonNeeded.
    """
    actor.need(Permission.APPROVE_COUNT)
    transfer = locked(session, order.transfer)
    stations.in_scope(session, actor, transfer.source, lock=True)
    if made := replay.made_by(session, actor, order.key, "transfer.lost", order):
        return TransferState(made["state"])
    at_state(transfer, TransferState.DIFFERS)
    units = ledger.held(session, transfer.place, order.pack)
    if not units:
        raise NotInTransfer
    hands = set(session.execute(select(Step.by).where(Step.transfer == transfer.id)).scalars())
    if actor.account in hands:
        raise OtherPersonNeeded
    ledger.move(session, order.pack, units, spot(transfer), BY_CORRECTION, LOST, actor, now, subject=transfer.id)
    step(session, transfer, "lost", actor, now, pack=order.pack, quantity=units, note=order.note)
    state = settled(session, transfer, now)
    replay.keep(session, actor, order.key, "transfer.lost", order, {"state": state.value}, now)
    return state
