"""Goods that come back to a station: by scan, and each where DS20 sends it, never straight to a shelf."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base import replay
from app.base.fields import Key, ScannedText
from app.base.permissions import Actor
from distribution import kit_packing
from distribution.deliveries import hands_of
from distribution.door_errors import ReachedResident, WrongStep
from distribution.journey import Event, Failure, Restock, State, restock
from distribution.models import Household, LineState, Parcel, ParcelLine
from distribution.parcel_labels import scanned_parcel
from distribution.parcel_state import in_scope, locked, locked_lines, mark, names, settle, step
from distribution.rounds import close_if_done
from distribution.safety_facts import SUPPLY_KINDS
from inventory import ledger, stations
from inventory.models import Item
from inventory.receiving.intake_facts import Storage
from inventory.releasing import stops


class TakeBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parcel brought back: its label scanned, and whether its bag is still sealed."""

    key: Key
    code: ScannedText
    sealed: bool


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what came back, and where it goes now."""

    name_zh: str
    name_en: str
    quantity: int
    goes: Restock


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that is closed: what was in it and where each thing lies."""

    parcel: UUID
    serial: int
    state: State
    lines: tuple[Back, ...]


def give_back(session: Session, back: TakeBack, actor: Actor, now: datetime) -> TakenBack:
    """Take a parcel's goods back into the station: to hold or disposal; lines dropped, needs open again (DS20).

    A parcel that nobody recorded as failed is recorded so here; what an incident stops goes into quarantine. Raises
    WrongStep for one that never left, and ReachedResident for one that was handed over.
    """
    parcel = locked(session, scanned_parcel(session, back.code))
    in_scope(parcel, actor)
    if made := replay.made_by(session, actor, back.key, "parcel.take-back", back):
        return _answer(session, parcel, dict(made["goes"]))
    if parcel.state == State.DELIVERED:
        raise ReachedResident
    if parcel.state not in {State.OUT, State.FAILED} or parcel.out_since is None:
        raise WrongStep(state=parcel.state, event=Event.RETURN.value)
    if parcel.state == State.OUT:
        step(session, parcel, Event.FAIL, actor, now, reason=Failure.OTHER.value)
    step(session, parcel, Event.RETURN, actor, now, sealed=back.sealed)
    lines = locked_lines(session, parcel.id, LineState.PACKED)
    goes = _put_away(session, parcel, lines, back.sealed, now - parcel.out_since, actor, now)
    mark(session, lines, LineState.DROPPED)
    settle(session, (line.need for line in lines), now)
    close_if_done(session, parcel.round)
    replay.keep(session, actor, back.key, "parcel.take-back", back, {"goes": goes}, now)
    return _answer(session, parcel, goes)


def _put_away(
    session: Session,
    parcel: Parcel,
    lines: list[ParcelLine],
    sealed: bool,
    out_for: timedelta,
    actor: Actor,
    now: datetime,
) -> dict[str, Restock]:
    hands, own = hands_of(session, parcel.team), stations.places(session, parcel.station)
    items = names(session, (line.item for line in lines))
    stopped = stops.stopped(session, {line.pack for line in lines})
    targets = {"dispose": (own.bin, "return-dispose"), "quarantine": (own.quarantine, "incident")}
    goes: dict[str, Restock] = {}
    kit_packing.open_bags(session, lines, actor, now)
    for line in lines:
        where = _where(items[line.item], sealed, out_for)
        if where != "dispose" and line.pack in stopped:
            where = "quarantine"
        target, reason = targets.get(where, (own.hold, "return-hold"))
        ledger.move(session, line.pack, line.quantity, hands, target, reason, actor, now, subject=parcel.id)
        goes[str(line.id)] = where
    return goes


def _where(item: Item, sealed: bool, out_for: timedelta) -> Restock:
    return restock(
        "supply" if item.kind in SUPPLY_KINDS else "medicine",
        sealed_bag=sealed,
        out_for=out_for,
        cool=item.facts["storage"] != Storage.ROOM,
        handed_over=False,
    )


def _answer(session: Session, parcel: Parcel, goes: dict[str, Restock]) -> TakenBack:
    serial = session.execute(select(Household.serial).where(Household.id == parcel.household)).scalar_one()
    ids = [UUID(line) for line in goes]
    rows = session.execute(
        select(ParcelLine.id, ParcelLine.quantity, Item.name_zh, Item.name_en)
        .join(Item, Item.id == ParcelLine.item)
        .where(ParcelLine.id.in_(ids))
        .order_by(ParcelLine.id)
    )
    return TakenBack(
        parcel=parcel.id,
        serial=serial,
        state=State(parcel.state),
        lines=tuple(
            Back(name_zh=row.name_zh, name_en=row.name_en, quantity=row.quantity, goes=goes[str(row.id)])
            for row in rows
        ),
    )
