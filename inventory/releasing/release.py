"""Lets held goods onto the shelf, or not: always by a second person, medicine by a medic, recalled or expired never."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound, Refusal
from app.base.fields import Key, Note
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from app.base.reasons import Reason
from inventory import ledger, stations
from inventory.cataloguing import catalogue
from inventory.errors import (
    AlreadyKnown,
    GroundsNeeded,
    NotHeld,
    NotReleasable,
    PlanNeeded,
    SecondPersonNeeded,
    Unidentified,
)
from inventory.ledger import Spot
from inventory.models import DonationLine, Pack, PlaceKind, ReleaseDecision, Station
from inventory.receiving import intake
from inventory.receiving.intake_facts import DonationFacts, PackFacts, Verdict
from inventory.receiving.screening import found
from inventory.releasing import hold, stops
from inventory.releasing.hold import Case
from inventory.releasing.signatures import may_release
from labels import registry

BATCH = 50
RELEASE = "release"


class Why(StrEnum):
    """Why held goods are not let out."""

    EXPIRED = "expired"
    DAMAGED = "damaged"
    OPENED = "opened"
    DOUBTFUL = "doubtful"
    RECALLED = "recalled"
    NOT_NEEDED = "not_needed"
    OTHER = "other"


class Grounds(StrEnum):
    """Why a finding is overridden; ``other`` is said in the note."""

    CHECKED = "checked"
    USED_SOON = "used_soon"
    REDACTED = "redacted"
    KEPT_COOL = "kept_cool"
    DECLARED = "declared"
    LOOKED_UP = "looked_up"
    OTHER = "other"


class ReleasePack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let a held pack onto the shelf; ``grounds`` are needed where that goes against a finding.

    Of short-dated medicine the ``note`` is the plan by which it is used in time.
    """

    key: Key
    pack: UUID
    grounds: Grounds | None = None
    note: Note = ""


class RefusePack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Do not let a held pack out: it goes to disposal."""

    key: Key
    pack: UUID
    reason: Why
    note: Note = ""


class IdentifyPack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say which item of the catalogue unknown goods are; they are screened anew as that (IN21)."""

    key: Key
    pack: UUID
    item: UUID


Order = TypeVar("Order", ReleasePack, RefusePack)


class ReleaseMany(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several packs at once, each with its own key; ``batch`` joins several sendings to one that is undone at once."""

    packs: Annotated[tuple[ReleasePack, ...], msgspec.Meta(min_length=1, max_length=BATCH)]
    batch: Key | None = None


class RefuseMany(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several packs at once, each with its own key."""

    packs: Annotated[tuple[RefusePack, ...], msgspec.Meta(min_length=1, max_length=BATCH)]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a pack: ``released``, ``refused``, ``identified``, or ``signed`` while others must sign too.

    ``waits_for``: whose signatures are missing. ``batch`` names a release for its undo. In a batch, ``outcome`` is
    ``no``, with the refusal's ``code`` and ``reasons``, where this one was refused; the others went through.
    """

    pack: UUID
    outcome: str
    waits_for: tuple[str, ...] = ()
    batch: UUID | None = None
    code: str = ""
    reasons: tuple[Reason, ...] = ()


def release(
    session: Session, order: ReleasePack, actor: Actor, today: date, now: datetime, phone: Actor | None = None
) -> Decision:
    """Let a held pack onto the shelf (IN26), or sign for it where another signature is needed too.

    Never by the one who brought it into hold; medicine by a medic, supplies by a second volunteer or coordinator; the
    findings of a quarantine by those who may override each, with a reason. ``phone``: at whose signed-in phone
    ``actor`` says so, if somebody else's. Raises NotFound, NotHeld, Unidentified, NotReleasable (with the findings
    that nobody can override), SecondPersonNeeded, GroundsNeeded
    and PlanNeeded.
    """
    case = locked(session, {order.pack}, today).get(order.pack)
    return _release(session, order, case, new_id(), actor, now, phone)


def release_many(
    session: Session, orders: ReleaseMany, actor: Actor, today: date, now: datetime, phone: Actor | None = None
) -> tuple[Decision, ...]:
    """Release packs one by one in the order of their ids; the refusal of one leaves the others standing."""
    cases = locked(session, {order.pack for order in orders.packs}, today)
    batch = orders.batch or new_id()
    return _each(orders.packs, lambda order: _release(session, order, cases.get(order.pack), batch, actor, now, phone))


def refuse(
    session: Session, order: RefusePack, actor: Actor, today: date, now: datetime, phone: Actor | None = None
) -> Decision:
    """Throw a held pack into the waste box, to be destroyed with a witness (IN28); its label ends. By a second person.

    Raises NotFound, NotHeld, SecondPersonNeeded, and NotReleasable while its label is being looked into.
    """
    return _refuse(session, order, locked(session, {order.pack}, today).get(order.pack), actor, now, phone)


def refuse_many(
    session: Session, orders: RefuseMany, actor: Actor, today: date, now: datetime, phone: Actor | None = None
) -> tuple[Decision, ...]:
    """Refuse packs one by one in the order of their ids; what cannot be refused leaves the others standing."""
    cases = locked(session, {order.pack for order in orders.packs}, today)
    return _each(orders.packs, lambda order: _refuse(session, order, cases.get(order.pack), actor, now, phone))


def _each(orders: tuple[Order, ...], decide: Callable[[Order], Decision]) -> tuple[Decision, ...]:
    done = {}
    for order in sorted(orders, key=lambda one: one.pack):
        try:
            done[order.key] = decide(order)
        except Refusal as no:  # every refusal comes before its order's first write
            done[order.key] = Decision(pack=order.pack, outcome="no", code=no.code, reasons=tuple(no.reasons))
    return tuple(done[order.key] for order in orders)


def _release(
    session: Session,
    order: ReleasePack,
    case: Case | None,
    batch: UUID,
    actor: Actor,
    now: datetime,
    phone: Actor | None,
) -> Decision:
    in_reach(session, order.pack, case, actor)
    if (made := replay.made_by(session, actor, order.key, "pack.release", order)) is not None:
        return msgspec.convert(made, Decision)
    if case is None:
        raise NotHeld
    _releasable(case, actor)
    if case.overrides and (order.grounds is None or (order.grounds is Grounds.OTHER and not order.note.strip())):
        raise GroundsNeeded
    if case.wants_plan and not order.note.strip():
        raise PlanNeeded
    left = tuple(sorted(case.waits_for(actor)))
    if not left:
        shelf = stations.places(session, case.row.station).shelf_for(case.medicine)
        _move(session, case, shelf, RELEASE, actor, now, batch)
    decision = Decision(
        pack=order.pack, outcome="signed" if left else "released", waits_for=left, batch=None if left else batch
    )
    grounds = order.grounds.value if order.grounds else ""
    write_down(session, decision.pack, decision.outcome, actor, now, grounds=grounds, note=order.note, phone=phone)
    replay.keep(session, actor, order.key, "pack.release", order, msgspec.to_builtins(decision), now)
    return decision


def _refuse(
    session: Session, order: RefusePack, case: Case | None, actor: Actor, now: datetime, phone: Actor | None
) -> Decision:
    in_reach(session, order.pack, case, actor)
    if (made := replay.made_by(session, actor, order.key, "pack.refuse", order)) is not None:
        return msgspec.convert(made, Decision)
    if case is None:
        raise NotHeld
    if case.stop == stops.STOPPED:
        raise NotReleasable(case.stuck)
    if not case.may_refuse(actor):
        raise SecondPersonNeeded((found("IN26_SAME_PERSON", Verdict.REJECT),) if case.own(actor) else ())
    _move(session, case, stations.places(session, case.row.station).bin, "refuse", actor, now)
    code = registry.code_of(session, order.pack)
    if code is not None and all(place.kind is PlaceKind.BIN for place, _ in ledger.whereabouts(session, order.pack)):
        registry.void(session, code, "refused", actor, now)
    decision = Decision(pack=order.pack, outcome="refused")
    write_down(session, order.pack, "refused", actor, now, grounds=order.reason.value, note=order.note, phone=phone)
    replay.keep(session, actor, order.key, "pack.refuse", order, msgspec.to_builtins(decision), now)
    return decision


def identify(session: Session, order: IdentifyPack, actor: Actor, today: date, now: datetime) -> Decision:
    """A medic says what unknown goods are: they are screened as that, and wait in quarantine for their release.

    Raises NotFound, NotHeld, AlreadyKnown, UnknownItem and SecondPersonNeeded.
    """
    actor.need(Permission.RELEASE_MEDICINE)
    case = locked(session, {order.pack}, today).get(order.pack)
    in_reach(session, order.pack, case, actor)
    if (made := replay.made_by(session, actor, order.key, "pack.identify", order)) is not None:
        return msgspec.convert(made, Decision)
    if case is None:
        raise NotHeld
    if not case.unknown:
        raise AlreadyKnown
    if case.own(actor):
        raise SecondPersonNeeded((found("IN26_SAME_PERSON", Verdict.REJECT),))
    _screen_as(session, case, order.item, today)
    audit.note(session, actor, "pack.identify", order.pack, now, item=str(order.item))
    decision = Decision(pack=order.pack, outcome="identified")
    replay.keep(session, actor, order.key, "pack.identify", order, msgspec.to_builtins(decision), now)
    return decision


def _screen_as(session: Session, case: Case, item: UUID, today: date) -> None:
    row, facts = case.row, catalogue.item_facts(session, item)
    if facts.code == catalogue.UNKNOWN_CODE:
        raise Unidentified
    seen = msgspec.convert(row.seen["pack"], PackFacts)
    said = msgspec.convert(row.seen["donation"], DonationFacts)
    judged = intake.judge(session, seen, intake.Goods(item, facts), said, today)
    lot = intake.lot_of(session, item, row.number, row.expiry)
    session.execute(update(Pack).where(Pack.id == row.pack).values(item=item, lot=lot))
    session.execute(
        update(DonationLine)
        .where(DonationLine.id == row.line)
        .values(
            item=item,
            verdict=judged.verdict.value,
            reasons=msgspec.to_builtins(judged.reasons),
            ruleset=judged.ruleset,
        )
    )


def locked(session: Session, packs: Collection[UUID], today: date) -> dict[UUID, Case]:
    """The cases of those of the packs that wait, all rows locked."""
    session.execute(select(Pack.id).where(Pack.id.in_(packs)).order_by(Pack.id).with_for_update())
    return hold.held_many(session, packs, today)


def in_reach(session: Session, pack: UUID, case: Case | None, actor: Actor) -> None:
    """Go on inside the own scope, also for a pack that does not wait any more; raises NotFound."""
    if case is not None:
        actor.at_station(case.row.station, case.row.community)
        return
    home = session.execute(
        select(Station.id, Station.community).join(Pack, Pack.station == Station.id).where(Pack.id == pack)
    ).first()
    if home is None:
        raise NotFound
    actor.at_station(home.id, home.community)


def _releasable(case: Case, actor: Actor) -> None:
    if case.stuck:
        raise NotReleasable(case.stuck)
    if case.unknown:
        raise Unidentified
    if not case.signs_as(actor) & case.waits_for():
        medic = actor.may(Permission.RELEASE_MEDICINE)
        no = may_release(case.row.received_by, actor.account, medic, case.kind, case.verdict)
        raise SecondPersonNeeded((no or found("IN26_OTHER_ROLE", Verdict.REJECT),))


def _move(
    session: Session, case: Case, target: Spot, reason: str, actor: Actor, now: datetime, batch: UUID | None = None
) -> None:
    source = Spot(case.row.place, PlaceKind(case.row.place_kind))
    ledger.move(session, case.row.pack, case.row.quantity, source, target, reason, actor, now, subject=batch)


def write_down(
    session: Session,
    pack: UUID,
    outcome: str,
    actor: Actor,
    now: datetime,
    *,
    grounds: str = "",
    note: str = "",
    phone: Actor | None = None,
) -> None:
    """Keep somebody's word over a pack beside it and in the audit trail, and at whose phone it was said."""
    session.execute(
        insert(ReleaseDecision).values(
            id=new_id(), pack=pack, outcome=outcome, role=actor.role.value, reason=f"{grounds} {note}".strip(),
            by=actor.account, at=now,
        )
    )  # fmt: skip
    said = {"reason": grounds, "phone": str(phone.account) if phone else ""}
    audit.note(session, actor, f"pack.{outcome}", pack, now, **{name: text for name, text in said.items() if text})
