"""The medic's queue: each medicine for a flagged person waits here until a medic, or a doctor, has decided on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta
from sqlalchemy import Row, exists, insert, not_, select, update
from sqlalchemy.orm import Session, aliased

from app.base import audit, replay
from app.base.errors import NotFound, Refusal
from app.base.fields import Key, Note
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from app.base.reasons import Reason
from app.base.vault import Vault
from distribution import residents, standing
from distribution.errors import DoctorNeeded, LineClosed, LinePacked, MayNotGo
from distribution.health import age_band
from distribution.journey import Event, State
from distribution.models import Household, LineState, MedicDecision, Need, NeedState, Parcel, ParcelLine, ParcelStep
from distribution.safety import Judgement, LineJudgement, Outcome, Person, unanswered
from distribution.standing import LIVE, Seen
from inventory import ledger, stations
from inventory.models import Item
from inventory.packs import shelf_of

BATCH = 50
_BEFORE_THE_DOOR = (State.PLANNED.value, State.PACKED.value, State.READY.value, State.ASSIGNED.value)


class Other(msgspec.Struct, frozen=True):
    """Another item of the same parcel."""

    name_zh: str
    name_en: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A medicine that waits: what, for whom as far as a decision needs it, why, and what else is in the parcel.

    ``release_by`` is ``medic``, ``doctor``, or None where it is barred and can only be refused. ``flags`` are the
    person's recorded conditions, ``allergies`` and ``own_medicines`` slugs; None is unanswered.
    """

    line: UUID
    parcel: UUID
    resident: UUID
    serial: int
    item: UUID
    name_zh: str
    name_en: str
    strength: str
    quantity: int
    release_by: str | None
    age_band: str
    sex: str | None
    pregnancy: str
    flags: tuple[str, ...]
    open_questions: tuple[str, ...]
    allergies: tuple[str, ...] | None
    own_medicines: tuple[str, ...] | None
    weight_kg: int | None
    living_alone: bool | None
    reasons: tuple[Reason, ...]
    others: tuple[Other, ...]


class DecideLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A medic's word on one medicine: it may go, or not. ``note`` is kept sealed."""

    key: Key
    line: UUID
    released: bool
    note: Note = ""


class DecideLines(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several decisions sent at once; each has its own key and stands or falls alone."""

    decisions: Annotated[tuple[DecideLine, ...], Meta(min_length=1, max_length=BATCH)]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a decision: the line's state, or the code of the refusal."""

    line: UUID
    state: str
    refused: str | None = None


def outstanding(session: Session, parcel: UUID) -> list[UUID]:
    """The lines of a parcel that no medic has let go yet; none may be packed while there is one."""
    later = aliased(MedicDecision)
    overtaken = exists().where(later.line == MedicDecision.line, later.id > MedicDecision.id)
    decided = select(MedicDecision.line).where(MedicDecision.released, not_(overtaken))
    rows = session.execute(
        select(ParcelLine.id)
        .where(
            ParcelLine.parcel == parcel,
            ParcelLine.state.in_(LIVE),
            ParcelLine.release_by.in_(("medic", "doctor")),
            ParcelLine.id.not_in(decided),
        )
        .order_by(ParcelLine.id)
    )
    return list(rows.scalars())


def queue(session: Session, vault: Vault, actor: Actor, today: date) -> list[Case]:
    """What waits for a medic in the own communities, oldest parcel first, judged afresh; at most 50 cases.

    Facts may have changed since the plan: a line that has meanwhile become a medic's case is here too. Whoever shows
    the cases calls ``queue_opened`` first.
    """
    actor.need(Permission.RELEASE_FOR_RESIDENT)
    parcels = _parcels_with_medicine(session, actor)
    waiting: list[Case] = []
    for start in range(0, len(parcels), BATCH):
        judged = standing.judge_parcels(session, vault, parcels[start : start + BATCH], today)
        waiting += _cases(session, vault, judged, today)
        if len(waiting) >= BATCH:
            break
    return waiting[:BATCH]


def queue_opened(session: Session, cases: Iterable[Case], actor: Actor, now: datetime) -> None:
    """Write down whose health facts the queue is about to show."""
    for resident in sorted({case.resident for case in cases}):
        audit.note(session, actor, "resident.read-health", resident, now, purpose=residents.Purpose.MEDIC_CASE.value)


def _parcels_with_medicine(session: Session, actor: Actor) -> list[UUID]:
    wanted = (
        select(Parcel.id)
        .join(ParcelLine, ParcelLine.parcel == Parcel.id)
        .join(Item, Item.id == ParcelLine.item)
        .where(ParcelLine.state.in_(LIVE), Parcel.state.in_(_BEFORE_THE_DOOR), Item.kind == "medicine")
        .distinct()
        .order_by(Parcel.id)
    )
    if not actor.everywhere:
        wanted = wanted.where(Parcel.community.in_(actor.communities))
    return list(session.execute(wanted).scalars())


def _cases(session: Session, vault: Vault, judged: Mapping[UUID, Judgement], today: date) -> list[Case]:
    open_lines = {UUID(line.line): line for one in judged.values() for line in one.lines if not line.cleared}
    parcels = [parcel for parcel, one in judged.items() if not one.cleared]
    rows = session.execute(
        select(ParcelLine.id, ParcelLine.parcel, ParcelLine.item, ParcelLine.quantity, ParcelLine.resident,
               Household.serial, Item.kind, Item.name_zh, Item.name_en, Item.strength)
        .join(Item, Item.id == ParcelLine.item)
        .join(Parcel, Parcel.id == ParcelLine.parcel)
        .join(Household, Household.id == Parcel.household)
        .where(ParcelLine.parcel.in_(parcels), ParcelLine.state.in_(LIVE))
        .order_by(ParcelLine.parcel, ParcelLine.id)
    ).all()  # fmt: skip
    shown = [row for row in rows if row.id in open_lines and row.kind == "medicine"]
    people = residents.facts_for_rules(session, vault, {row.resident for row in shown}, today)
    return [
        _case(
            row,
            people[row.resident],
            open_lines[row.id],
            tuple(Other(one.name_zh, one.name_en) for one in rows if one.parcel == row.parcel and one.id != row.id),
        )
        for row in shown
    ]


def _case(row: Row[*tuple[Any, ...]], person: Person, judged: LineJudgement, others: tuple[Other, ...]) -> Case:
    return Case(
        line=row.id,
        parcel=row.parcel,
        resident=row.resident,
        serial=row.serial,
        item=row.item,
        name_zh=row.name_zh,
        name_en=row.name_en,
        strength=row.strength,
        quantity=row.quantity,
        release_by=judged.release_by,
        age_band=age_band(person.age_months),
        sex=person.sex,
        pregnancy=person.pregnancy,
        flags=tuple(flag for flag, there in person.conditions.items() if there),
        open_questions=unanswered(person),
        allergies=None if person.allergies is None else tuple(sorted(person.allergies)),
        own_medicines=None if person.own_medicines is None else tuple(sorted(person.own_medicines)),
        weight_kg=person.weight_kg,
        living_alone=person.living_alone,
        reasons=(*judged.reasons, *judged.release_reasons),
        others=others,
    )


def decide(session: Session, vault: Vault, decision: DecideLine, actor: Actor, today: date, now: datetime) -> Decided:
    """Let a medicine go to its person, or refuse it: then the goods go back and the need is open again.

    Judged afresh. What is refused in a closed bag stays there, and the bag goes nowhere until it was opened: told by
    ``refused`` LINE_PACKED. Raises NotFound out of scope, LineClosed, MayNotGo (with the reasons: a block is nobody's
    to lift), DoctorNeeded.
    """
    actor.need(Permission.RELEASE_FOR_RESIDENT)
    parcel, line = _locked(session, decision.line, actor)
    if replay.made_by(session, actor, decision.key, "medicine.decide", decision) is not None:
        return Decided(line=line.id, state=line.state.value)
    if line.state not in LIVE:
        raise LineClosed
    judgement = standing.judge_parcel(session, vault, parcel.id, today)
    judged = next(one for one in judgement.lines if one.line == str(line.id))
    if decision.released:
        _may_release(judged, actor)
    _record(session, vault, decision, line, judged, judgement.ruleset, actor, now)
    if decision.released:
        session.execute(update(ParcelLine).where(ParcelLine.id == line.id).values(release_by=judged.release_by))
    elif line.state is LineState.RESERVED:
        drop(session, parcel, line, actor, now)
    verb = "medicine.release" if decision.released else "medicine.refuse"
    audit.note(session, actor, verb, line.resident, now, line=str(line.id), ruleset=judgement.ruleset)
    replay.keep(session, actor, decision.key, "medicine.decide", decision, {}, now)
    return _decided(decision, line.state)


def _decided(decision: DecideLine, was: LineState) -> Decided:
    if decision.released:
        return Decided(line=decision.line, state=was.value)
    if was is LineState.PACKED:
        return Decided(line=decision.line, state=was.value, refused=LinePacked.code)
    return Decided(line=decision.line, state=LineState.DROPPED.value)


def decide_many(
    session: Session, vault: Vault, batch: DecideLines, actor: Actor, today: date, now: datetime
) -> list[Decided]:
    """Several decisions, each for itself: one that is refused changes nothing and holds up no other."""
    done = []
    for decision in batch.decisions:
        try:
            with session.begin_nested():
                done.append(decide(session, vault, decision, actor, today, now))
        except Refusal as refusal:
            done.append(Decided(line=decision.line, state="", refused=refusal.code))
    return done


def key_of(batch: UUID, line: UUID) -> UUID:
    """The key of one decision of a ticked batch: sent twice, it is the same."""
    return uuid5(batch, str(line))


def _locked(session: Session, line_id: UUID, actor: Actor) -> tuple[Parcel, ParcelLine]:
    where = select(ParcelLine.parcel).where(ParcelLine.id == line_id).scalar_subquery()
    fresh = {"populate_existing": True}
    parcel = session.execute(
        select(Parcel).where(Parcel.id == where).with_for_update().execution_options(**fresh)
    ).scalar_one_or_none()
    if parcel is None:
        raise NotFound
    actor.in_community(parcel.community)
    line = session.execute(
        select(ParcelLine).where(ParcelLine.id == line_id).with_for_update().execution_options(**fresh)
    ).scalar_one()
    return parcel, line


def _may_release(judged: LineJudgement, actor: Actor) -> None:
    if judged.release_by is None:
        raise MayNotGo(tuple(reason for reason in judged.reasons if reason.outcome == Outcome.BLOCK))
    if judged.release_by == "doctor" and not actor.doctor:
        raise DoctorNeeded


def _record(
    session: Session,
    vault: Vault,
    decision: DecideLine,
    line: ParcelLine,
    judged: LineJudgement,
    ruleset: str,
    actor: Actor,
    now: datetime,
) -> None:
    reasons = [msgspec.to_builtins(reason) for reason in (*judged.reasons, *judged.release_reasons)]
    seen = Seen(reasons=reasons, asks=sorted(judged.asks), note=decision.note)
    sealer = vault.person(session, line.resident)
    session.execute(
        insert(MedicDecision).values(
            id=new_id(),
            line=line.id,
            resident=line.resident,
            item=line.item,
            released=decision.released,
            doctor=actor.doctor,
            ruleset=ruleset,
            seen=sealer.seal("medic_decisions.seen", msgspec.json.encode(seen).decode()),
            by=actor.account,
            at=now,
        )
    )


def drop(session: Session, parcel: Parcel, line: ParcelLine, actor: Actor, now: datetime) -> None:
    """Take a reserved line out of its parcel: its goods go back to the shelf they came from.

    The need is open again unless another line still stands for it; a parcel left with nothing is called off.
    """
    fixed = stations.places(session, parcel.station)
    shelf = shelf_of(session, line.pack, parcel.station) or fixed.shelf_for(medicine=True)
    ledger.move(session, line.pack, line.quantity, fixed.reserved, shelf, "drop", actor, now, subject=parcel.id)
    session.execute(update(ParcelLine).where(ParcelLine.id == line.id).values(state=LineState.DROPPED))
    standing_for = select(ParcelLine.id).where(ParcelLine.need == line.need, ParcelLine.state.in_(LIVE))
    if session.execute(standing_for.limit(1)).first() is None:
        session.execute(
            update(Need).where(Need.id == line.need, Need.state == NeedState.PROMISED).values(state=NeedState.OPEN)
        )
    left = select(ParcelLine.id).where(ParcelLine.parcel == parcel.id, ParcelLine.state.in_(LIVE))
    if parcel.state == State.PLANNED and session.execute(left.limit(1)).first() is None:
        _call_off(session, parcel, actor, now)


def _call_off(session: Session, parcel: Parcel, actor: Actor, now: datetime) -> None:
    session.execute(update(Parcel).where(Parcel.id == parcel.id).values(state=State.CANCELLED.value))
    session.execute(
        insert(ParcelStep).values(
            id=new_id(),
            parcel=parcel.id,
            event=Event.CANCEL.value,
            state=State.CANCELLED.value,
            by=actor.account,
            at=now,
            detail={},
        )
    )
    audit.note(session, actor, f"parcel.{Event.CANCEL.value}", parcel.id, now)


def refused_before(session: Session, people: Iterable[UUID]) -> set[tuple[UUID, UUID]]:
    """(resident, item) pairs that a medic has refused: the matching does not propose them again."""
    rows = session.execute(
        select(MedicDecision.resident, MedicDecision.item).where(
            MedicDecision.resident.in_(list(people)), not_(MedicDecision.released)
        )
    )
    return {(row.resident, row.item) for row in rows}
