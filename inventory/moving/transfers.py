"""Sends goods from one station to another: what has left the shelf is on the way, and available to nobody."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound
from app.base.fields import Key, Quantity, ScannedText
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from inventory import ledger, stations
from inventory.errors import NotEnough, NotOnShelf
from inventory.ledger import Spot
from inventory.models import Item, Movement, Place, PlaceKind
from inventory.moving import splits
from inventory.moving.transfer_errors import (
    AlreadySent,
    NoCoolCabinet,
    NothingSent,
    NotInTransfer,
    NotSendable,
    SameStation,
    SealNeeded,
    TransferStep,
)
from inventory.moving.transfer_models import Transfer, TransferState, TransferWish
from inventory.moving.transfer_rules import How
from inventory.moving.under_way import (
    BACK,
    SEND,
    TAKE_OUT,
    arrived,
    at_state,
    change,
    contents,
    land,
    locked,
    spot,
    step,
)
from inventory.receiving import labelled
from inventory.stations import StationPlaces
from labels import registry

_IN_THE_BAG = (PlaceKind.SHELF, PlaceKind.RESERVED, PlaceKind.HOLD, PlaceKind.QUARANTINE)


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many units of an item that a transfer is asked to bring."""

    item: UUID
    quantity: Quantity


class NewTransfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transfer to draw up, by the sending station or suggested by a coordinator."""

    key: Key
    source: UUID
    target: UUID
    wishes: Annotated[tuple[Wish, ...], msgspec.Meta(max_length=50)] = ()


class SendPack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put a scanned pack into a transfer: all of it that stands on the shelf, or only so many units.

    ``label``: a blank one, stuck on the part that goes, where a bag is parted; absent: a fresh one to print.
    """

    key: Key
    transfer: UUID
    code: ScannedText
    quantity: Quantity | None = None
    label: ScannedText | None = None


class TakeOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a pack out of a transfer that has not left yet."""

    key: Key
    transfer: UUID
    pack: UUID


class Depart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bag is closed and leaves."""

    key: Key
    transfer: UUID


class CallOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Call a transfer off before anything arrived; ``sealed``: of the bag, where it had left."""

    key: Key
    transfer: UUID
    sealed: bool | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What went into a transfer; ``label`` is a fresh one to print where a bag was parted, ``split`` names that."""

    transfer: UUID
    pack: UUID
    quantity: int
    name_zh: str
    name_en: str
    label: str = ""
    split: UUID | None = None


def draft(session: Session, new: NewTransfer, actor: Actor, now: datetime) -> UUID:
    """Draw up a transfer, with its own code for the slip; returns its id.

    A volunteer for goods of the own station, a coordinator for any in scope. Raises NotFound, SameStation.
    """
    actor.need(Permission.MOVE_STOCK, Permission.SET_LEVELS)
    stations.in_scope(session, actor, new.source, lock=True)
    if made := replay.made_by(session, actor, new.key, "transfer.draft", new):
        return UUID(made["transfer"])
    if new.source == new.target:
        raise SameStation
    stations.places(session, new.target)
    wishes = {wish.item: wish.quantity for wish in new.wishes}
    known = set(session.execute(select(Item.id).where(Item.id.in_(wishes))).scalars())
    if known != set(wishes):
        raise NotFound
    transfer, place = new_id(), new_id()
    session.execute(
        insert(Place).values(id=place, kind=PlaceKind.TRANSIT, name="", station=new.target, holder=transfer)
    )
    session.execute(
        insert(Transfer).values(
            id=transfer, source=new.source, target=new.target, place=place, state=TransferState.DRAFT,
            made_by=actor.account, made_at=now,
        )
    )  # fmt: skip
    if wishes:
        rows = [{"transfer": transfer, "item": item, "quantity": units} for item, units in sorted(wishes.items())]
        session.execute(insert(TransferWish), rows)
    registry.bind_new(session, "transfer", transfer, now)
    audit.note(session, actor, "transfer.draft", transfer, now)
    replay.keep(session, actor, new.key, "transfer.draft", new, {"transfer": str(transfer)}, now)
    return transfer


def send(session: Session, order: SendPack, actor: Actor, today: date, now: datetime) -> Sent:
    """Move a pack from the shelf into the transfer; a bag of which something stays behind is parted first.

    Raises NotFound, NotAPack and the labels' own, TransferStep, AlreadySent, NotOnShelf, NotEnough, NotSendable,
    NoCoolCabinet.
    """
    transfer = locked(session, order.transfer)
    stations.in_scope(session, actor, transfer.source, lock=True)
    if made := replay.made_by(session, actor, order.key, "transfer.send", order):
        return msgspec.convert(made, Sent)
    at_state(transfer, TransferState.DRAFT)
    pack = labelled.pack(session, order.code)
    there = labelled.standing(session, pack, transfer.source, (PlaceKind.SHELF,))
    if not there:
        raise AlreadySent if ledger.held(session, transfer.place, pack) else NotOnShelf
    about = _may_leave(session, transfer, pack, today)
    units = order.quantity or sum(held for _, held in there)
    sent = Sent(
        transfer=transfer.id, pack=pack, quantity=units, name_zh=about.name_zh, name_en=about.name_en
    )  # fmt: skip
    for part in _parted(session, order, pack, there, units, actor, now):
        ledger.move(
            session, part.pack, part.units, part.place, spot(transfer), SEND, actor, now, subject=transfer.id
        )  # fmt: skip
        sent = msgspec.structs.replace(sent, pack=part.pack, label=part.label, split=part.split)
    step(session, transfer, "send", actor, now, pack=sent.pack, quantity=units)
    replay.keep(session, actor, order.key, "transfer.send", order, msgspec.to_builtins(sent), now)
    return sent


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pack: UUID
    units: int
    place: Spot
    label: str = ""
    split: UUID | None = None


def _parted(
    session: Session,
    order: SendPack,
    pack: UUID,
    there: list[tuple[Spot, int]],
    units: int,
    actor: Actor,
    now: datetime,
) -> list[_Part]:
    """What goes, and from where: the pack itself, or a part of it where anything of it stays in the station."""
    whole = sum(held for place, held in ledger.whereabouts(session, pack) if place.kind in _IN_THE_BAG)
    if units > sum(held for _, held in there):
        raise NotEnough
    if units == whole:
        return [_Part(pack=pack, units=held, place=place) for place, held in there]
    place, held = max(there, key=lambda one: one[1])
    if units > held:  # a bag stands on one shelf; what is parted from it is taken from there
        raise NotEnough
    part = splits.split(session, pack, units, place, order.label, actor, now)
    return [_Part(pack=part.pack, units=units, place=place, label=part.label, split=part.split)]


def _may_leave(session: Session, transfer: Transfer, pack: UUID, today: date) -> labelled.About:
    about = labelled.about(session, {pack}, today)[pack]
    if not about.good:
        raise NotSendable
    if about.cool and not stations.places(session, transfer.target).cool_cabinet:
        raise NoCoolCabinet
    return about


def take_out(session: Session, order: TakeOut, actor: Actor, now: datetime) -> UUID:
    """Put a pack back onto the shelf it was sent from, before the transfer leaves; returns the transfer.

    Raises NotFound, TransferStep, NotInTransfer.
    """
    transfer = locked(session, order.transfer)
    own = stations.in_scope(session, actor, transfer.source, lock=True)
    if replay.made_by(session, actor, order.key, "transfer.take-out", order) is not None:
        return transfer.id
    at_state(transfer, TransferState.DRAFT)
    units = ledger.held(session, transfer.place, order.pack)
    if not units:
        raise NotInTransfer
    _back_to_shelf(session, transfer, order.pack, units, own, TAKE_OUT, actor, now)
    step(session, transfer, "take-out", actor, now, pack=order.pack, quantity=units)
    replay.keep(session, actor, order.key, "transfer.take-out", order, {}, now)
    return transfer.id


def _back_to_shelf(
    session: Session,
    transfer: Transfer,
    pack: UUID,
    units: int,
    own: StationPlaces,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    """To the shelves the pack was sent from, and as many to each: what never left the room goes back as it stood."""
    rows = session.execute(
        select(Movement.source, func.sum(Movement.quantity))
        .where(
            Movement.subject == transfer.id, Movement.pack == pack, Movement.reason == SEND
        )
        .group_by(Movement.source)
        .order_by(Movement.source)
    )  # fmt: skip
    for place, sent in rows:
        back = min(int(sent), units)
        if back:
            target = Spot(place, PlaceKind.SHELF)
            ledger.move(session, pack, back, spot(transfer), target, reason, actor, now, subject=transfer.id)
        units -= back


def depart(session: Session, order: Depart, actor: Actor, today: date, now: datetime) -> UUID:
    """The transfer leaves; returns it. What was recalled or ran out since it was put in must come out first.

    Raises NotFound, TransferStep, NothingSent, NotSendable.
    """
    transfer = locked(session, order.transfer)
    stations.in_scope(session, actor, transfer.source, lock=True)
    if replay.made_by(session, actor, order.key, "transfer.depart", order) is not None:
        return transfer.id
    at_state(transfer, TransferState.DRAFT)
    inside = contents(session, transfer)
    if not inside:
        raise NothingSent
    if not all(one.good for one in labelled.about(session, set(inside), today).values()):
        raise NotSendable
    change(session, transfer, state=TransferState.SENT, sent_by=actor.account, sent_at=now)
    step(session, transfer, "depart", actor, now, quantity=sum(inside.values()))
    replay.keep(session, actor, order.key, "transfer.depart", order, {}, now)
    return transfer.id


def call_off(session: Session, order: CallOff, actor: Actor, today: date, now: datetime) -> UUID:
    """Bring everything of a transfer back to its sender, before any of it arrived; returns the transfer.

    What had left is judged as on arrival. A transfer into which nothing was put yet can be called off by a coordinator
    too. Raises NotFound, TransferStep, SealNeeded.
    """
    transfer = locked(session, order.transfer)
    own = stations.in_scope(session, actor, transfer.source, lock=True)
    if replay.made_by(session, actor, order.key, "transfer.call-off", order) is not None:
        return transfer.id
    at_state(transfer, TransferState.DRAFT, TransferState.SENT)
    inside = contents(session, transfer)
    if inside:
        actor.need(Permission.MOVE_STOCK)
    if transfer.state is TransferState.SENT:
        if order.sealed is None:
            raise SealNeeded
        if arrived(session, transfer):
            raise TransferStep(state=TransferState.SENT.value)
    for pack, units in sorted(inside.items()):
        if transfer.state is TransferState.DRAFT:
            _back_to_shelf(session, transfer, pack, units, own, TAKE_OUT, actor, now)
        else:
            land(session, transfer, pack, units, own, How.ARRIVED, bool(order.sealed), BACK, actor, today, now)
    change(session, transfer, state=TransferState.CANCELLED, over_at=now)
    step(session, transfer, "call-off", actor, now, quantity=sum(inside.values()))
    replay.keep(session, actor, order.key, "transfer.call-off", order, {}, now)
    return transfer.id
