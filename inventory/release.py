"""Lets held goods onto the shelf, or not: always by a second person, medicine by a medic, recalled or expired never."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound, Refusal
from app.base.fields import Key, Note
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from inventory import catalogue, hold, intake, ledger, stations, stops
from inventory.errors import AlreadyKnown, NotHeld, NotReleasable, SecondPersonNeeded, Unidentified
from inventory.hold import Case
from inventory.intake_facts import DonationFacts, PackFacts, Verdict
from inventory.ledger import Spot
from inventory.models import DonationLine, Pack, PlaceKind, ReleaseDecision, Station
from inventory.screening import found
from inventory.signatures import may_release
from labels import registry

BATCH = 50


class Why(StrEnum):
    """Why held goods are not let out."""

    EXPIRED = "expired"
    DAMAGED = "damaged"
    OPENED = "opened"
    DOUBTFUL = "doubtful"
    RECALLED = "recalled"
    NOT_NEEDED = "not_needed"
    OTHER = "other"


class ReleasePack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let a held pack onto the shelf."""

    key: Key
    pack: UUID
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


class ReleaseMany(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several packs at once, each with its own key."""

    packs: Annotated[tuple[ReleasePack, ...], msgspec.Meta(min_length=1, max_length=BATCH)]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a pack: ``released``, ``refused``, ``identified``, or ``signed`` while others must sign too.

    ``waits_for``: whose signatures are missing. In a batch, ``outcome`` is ``no`` and ``code`` the refusal's where
    this one was refused; the others went through.
    """

    pack: UUID
    outcome: str
    waits_for: tuple[str, ...] = ()
    code: str = ""


def release(session: Session, order: ReleasePack, actor: Actor, today: date, now: datetime) -> Decision:
    """Let a held pack onto the shelf (IN26), or sign for it where another signature is needed too.

    Never by the one who brought it into hold; medicine by a medic, supplies by a second volunteer or coordinator; the
    findings of a quarantine by those who may override each. Raises NotFound, NotHeld, Unidentified, NotReleasable
    (with the findings that nobody can override) and SecondPersonNeeded.
    """
    case = _locked(session, order.pack, actor, today)
    if (made := replay.made_by(session, actor, order.key, "pack.release", order)) is not None:
        return msgspec.convert(made, Decision)
    if case is None:
        raise NotHeld
    _releasable(case, actor)
    left = tuple(sorted(case.waits_for(actor)))
    if not left:
        shelf = stations.places(session, case.row.station).shelf_for(case.medicine)
        _move(session, case, shelf, "release", actor, now)
    decision = Decision(pack=order.pack, outcome="signed" if left else "released", waits_for=left)
    _write_down(session, decision, order.note, actor, now)
    replay.keep(session, actor, order.key, "pack.release", order, msgspec.to_builtins(decision), now)
    return decision


def release_many(
    session: Session, orders: ReleaseMany, actor: Actor, today: date, now: datetime
) -> tuple[Decision, ...]:
    """Release packs one by one in the order of their ids; the refusal of one leaves the others standing."""
    done = {}
    for order in sorted(orders.packs, key=lambda one: one.pack):
        try:
            done[order.pack] = release(session, order, actor, today, now)
        except Refusal as no:  # every refusal of ``release`` comes before its first write
            done[order.pack] = Decision(pack=order.pack, outcome="no", code=no.code)
    return tuple(done[order.pack] for order in orders.packs)


def refuse(session: Session, order: RefusePack, actor: Actor, today: date, now: datetime) -> Decision:
    """Send a held pack to disposal and end its label; by a second person.

    Raises NotFound, NotHeld, SecondPersonNeeded, and NotReleasable while its label is being looked into.
    """
    case = _locked(session, order.pack, actor, today)
    if (made := replay.made_by(session, actor, order.key, "pack.refuse", order)) is not None:
        return msgspec.convert(made, Decision)
    if case is None:
        raise NotHeld
    if case.stop == stops.STOPPED:
        raise NotReleasable(case.stuck)
    if not case.may_refuse(actor):
        raise SecondPersonNeeded
    _move(session, case, ledger.TO_DISPOSAL, "refuse", actor, now)
    code = registry.code_of(session, order.pack)
    if code is not None and ledger.whereabouts(session, order.pack) == []:
        registry.void(session, code, "refused", actor, now)
    decision = Decision(pack=order.pack, outcome="refused")
    _write_down(session, decision, f"{order.reason.value} {order.note}".strip(), actor, now)
    replay.keep(session, actor, order.key, "pack.refuse", order, msgspec.to_builtins(decision), now)
    return decision


def identify(session: Session, order: IdentifyPack, actor: Actor, today: date, now: datetime) -> Decision:
    """A medic says what unknown goods are: they are screened as that, and wait in quarantine for their release.

    Raises NotFound, NotHeld, AlreadyKnown, UnknownItem and SecondPersonNeeded.
    """
    actor.need(Permission.RELEASE_MEDICINE)
    case = _locked(session, order.pack, actor, today)
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


def _locked(session: Session, pack: UUID, actor: Actor, today: date) -> Case | None:
    """The pack's case, its row locked; None where it does not wait. Raises NotFound out of scope."""
    session.execute(select(Pack.id).where(Pack.id == pack).with_for_update())
    case = hold.held(session, pack, today)
    if case is not None:
        actor.at_station(case.row.station, case.row.community)
        return case
    home = session.execute(
        select(Station.id, Station.community).join(Pack, Pack.station == Station.id).where(Pack.id == pack)
    ).first()
    if home is None:
        raise NotFound
    actor.at_station(home.id, home.community)
    return None


def _releasable(case: Case, actor: Actor) -> None:
    if case.stuck:
        raise NotReleasable(case.stuck)
    if case.unknown:
        raise Unidentified
    if not case.signs_as(actor) & case.waits_for():
        medic = actor.may(Permission.RELEASE_MEDICINE)
        no = may_release(case.row.received_by, actor.account, medic, case.kind, case.verdict)
        raise SecondPersonNeeded((no or found("IN26_OTHER_ROLE", Verdict.REJECT),))


def _move(session: Session, case: Case, target: Spot, reason: str, actor: Actor, now: datetime) -> None:
    source = Spot(case.row.place, PlaceKind(case.row.place_kind))
    ledger.move(session, case.row.pack, case.row.quantity, source, target, reason, actor, now)


def _write_down(session: Session, decision: Decision, reason: str, actor: Actor, now: datetime) -> None:
    session.execute(
        insert(ReleaseDecision).values(
            id=new_id(), pack=decision.pack, outcome=decision.outcome, role=actor.role.value, reason=reason,
            by=actor.account, at=now,
        )
    )  # fmt: skip
    audit.note(session, actor, f"pack.{decision.outcome}", decision.pack, now)
