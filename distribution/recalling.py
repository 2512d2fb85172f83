"""Works a recall off: promises are taken back at once, everybody who was given it is called, and a report closes it."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound
from app.base.fields import Key, Note
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from app.base.vault import Vault
from distribution import recall_reach, residents
from distribution.errors import NoPhone
from distribution.journey import Event, State
from distribution.models import Given, LineState, Parcel, ParcelLine
from distribution.parcel_state import STANDING, lines_of, locked, locked_lines, mark, settle, step
from distribution.recall_models import SETTLED, CallOutcome, RecallCall
from distribution.residents import Called, Purpose
from inventory import ledger, stations
from inventory.errors import RecallUnfinished
from inventory.kitting import kit_bags
from inventory.kitting.kit_bags import TakeApart, TakenApart
from inventory.models import Lot, Movement, Pack
from inventory.recalling import recalls
from inventory.recalling.recall_models import Recall

FEW = 20
_FIELD = "recall_calls.outcome"


def pull(session: Session, recall: UUID, actor: Actor, now: datetime) -> int:
    """Bring some of what is called back into quarantine: off shelves, and out of what was promised but not yet packed.

    Returns how many pieces of work it did; 0: there is nothing left that the books alone can stop. What lies in packed
    bags stays there until somebody takes it out: no such bag departs or is handed over meanwhile.
    """
    done = recalls.pull(session, recall, actor, now)
    if done:
        return done
    wanted = (
        select(ParcelLine.parcel)
        .join(Lot, Lot.id == ParcelLine.lot)
        .where(ParcelLine.state == LineState.RESERVED, recalls.lots_of(recall))
        .distinct()
        .order_by(ParcelLine.parcel)
        .limit(FEW)
    )
    parcels = list(session.execute(wanted).scalars())
    for parcel in parcels:
        _unpromise(session, locked(session, parcel), recall, actor, now)
    return len(parcels)


def _unpromise(session: Session, parcel: Parcel, recall: UUID, actor: Actor, now: datetime) -> None:
    """Take the reserved lines of called back lots out of a parcel; one that is empty then is cancelled."""
    called_back = set(session.execute(select(Lot.id).where(recalls.lots_of(recall))).scalars())
    own = stations.places(session, parcel.station)
    lines = [
        line for line in locked_lines(session, parcel.id, LineState.RESERVED) if line.lot in called_back
    ]  # fmt: skip
    for line in lines:
        ledger.move(
            session, line.pack, line.quantity, own.reserved, own.quarantine, recalls.REASON, actor, now, subject=recall
        )
    mark(session, lines, LineState.DROPPED)
    settle(session, (line.need for line in lines), now)
    if parcel.state == State.PLANNED and not lines_of(session, parcel.id, *STANDING):
        step(session, parcel, Event.CANCEL, actor, now, reason="recalled")


class OpenKit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a care parcel apart that holds something of a recall."""

    key: Key
    recall: UUID
    bag: UUID


def open_kit(session: Session, order: OpenKit, actor: Actor, today: date, now: datetime) -> TakenApart:
    """Take a care parcel apart from the recall's page: what is called back goes to quarantine, the rest to its shelf.

    Raises Forbidden for who neither assembles nor works recalls, NotFound out of scope or for a bag that the recall
    does not reach, KitEnded.
    """
    actor.need(Permission.ASSEMBLE, Permission.RECALL)
    reached = (
        select(Movement.id)
        .join(Pack, Pack.id == Movement.pack)
        .join(Lot, Lot.id == Pack.lot)
        .where(Movement.subject == order.bag, Movement.reason == kit_bags.ASSEMBLE, recalls.lots_of(order.recall))
    )
    if session.execute(reached.limit(1)).first() is None:
        raise NotFound
    return kit_bags.take_apart(session, TakeApart(key=order.key, bags=(order.bag,)), actor, today, now)


# ---------------------------------------------------------------- calls


class RecordCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a call about one line ended that was handed over."""

    key: Key
    recall: UUID
    line: UUID
    outcome: CallOutcome


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call about a line: opened for this call, and written down. ``phone`` empty: none is known."""

    line: UUID
    called: Called
    phone: str


def _resident(session: Session, recall: UUID, line: UUID, actor: Actor) -> UUID:
    row = session.execute(
        select(Given.resident, Parcel.community)
        .join(ParcelLine, ParcelLine.id == Given.line)
        .join(Parcel, Parcel.id == ParcelLine.parcel)
        .join(Lot, Lot.id == ParcelLine.lot)
        .where(Given.line == line, recalls.lots_of(recall))
    ).first()
    if row is None:
        raise NotFound
    actor.in_community(row.community)
    return UUID(str(row.resident))


def open_door(
    session: Session, vault: Vault, recall: UUID, line: UUID, actor: Actor, today: date, now: datetime
) -> Door:
    """Who was given a line that is called back, and their phone number; raises NotFound out of scope."""
    recalls.locked(session, recall)
    resident = _resident(session, recall, line, actor)
    called = residents.open_name(session, vault, resident, Purpose.RECALL, actor, today, now)
    try:
        phone = residents.open_phone(session, vault, resident, Purpose.RECALL, actor, today, now)
    except NoPhone:
        phone = ""
    return Door(line=line, called=called, phone=phone)


def record_call(session: Session, vault: Vault, call: RecordCall, actor: Actor, now: datetime) -> None:
    """Write down how a call ended, sealed: it tells of a person's health. Raises NotFound, RecallOver."""
    recall = recalls.locked(session, call.recall)
    if replay.made_by(session, actor, call.key, "recall.call", call) is not None:
        return
    resident = _resident(session, recall.id, call.line, actor)
    session.execute(
        insert(RecallCall).values(
            id=new_id(), recall=recall.id, line=call.line,
            outcome=vault.person(session, resident).seal(_FIELD, call.outcome.value),
            settled=call.outcome in SETTLED, by=actor.account, at=now,
        )
    )  # fmt: skip
    audit.note(session, actor, "recall.call", recall.id, now, settled=call.outcome in SETTLED)
    replay.keep(session, actor, call.key, "recall.call", call, {}, now)


# ---------------------------------------------------------------- closing


class CloseRecall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything is accounted for; ``summary`` names nobody."""

    key: Key
    recall: UUID
    summary: Note = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a closed recall came to. Units are base units; ``calls`` counts doors by how the last call ended."""

    summary: str
    came: int
    in_quarantine: int
    disposed: int
    handed_over: int
    corrected: int
    doors: int
    calls: dict[str, int]
    day: date


def close(session: Session, vault: Vault, order: CloseRecall, actor: Actor, today: date, now: datetime) -> Report:
    """Close a recall with its report. Raises RecallUnfinished while a unit lies loose, in a care parcel or in a
    resident's parcel, or a call is open; NotFound, RecallOver. Lots stay recalled, and what the recall names is refused
    at intake, for good.
    """
    made = replay.made_by(session, actor, order.key, "recall.close", order)
    if made is not None:
        return msgspec.convert(made, Report)
    recall = recalls.locked(session, order.recall)
    reached = recall_reach.reach(session, recall.id, actor)
    loose, kits = reached.balance.loose, reached.balance.in_kits
    parcels, doors = len(reached.parcels), sum(not door.settled for door in reached.doors)
    if loose or kits or parcels or doors:
        raise RecallUnfinished(loose=loose, kits=kits, parcels=parcels, doors=doors)
    report = Report(
        summary=order.summary, came=reached.balance.came, in_quarantine=reached.balance.safe,
        disposed=reached.balance.disposed, handed_over=reached.balance.handed_over,
        corrected=reached.balance.corrected, doors=len(reached.doors), day=today,
        calls=dict(_outcomes(session, vault, recall.id)),
    )  # fmt: skip
    session.execute(
        update(Recall)
        .where(Recall.id == recall.id)
        .values(closed_at=now, closed_by=actor.account, report=msgspec.to_builtins(report))
    )
    audit.note(session, actor, "recall.close", recall.id, now)
    replay.keep(session, actor, order.key, "recall.close", order, msgspec.to_builtins(report), now)
    return report


def _outcomes(session: Session, vault: Vault, recall: UUID) -> Counter[str]:
    """How the last call to each door ended; one whose person was erased since is counted as that."""
    rows = session.execute(
        select(RecallCall.line, RecallCall.outcome, Given.resident)
        .join(Given, Given.line == RecallCall.line)
        .where(RecallCall.recall == recall)
        .order_by(RecallCall.id)
    )
    last = {row.line: (row.resident, row.outcome) for row in rows}
    found: Counter[str] = Counter()
    for resident, outcome in last.values():
        try:
            found[vault.person(session, resident).open(_FIELD, outcome)] += 1
        except NotFound:
            found["erased"] += 1
    return found
