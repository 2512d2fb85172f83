"""A parcel's state, lines and needs move together: each step is allowed by the journey, dated and written down."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit
from app.base.errors import Conflict, NotFound
from app.base.ids import new_id
from app.base.permissions import Actor, Role
from app.base.reasons import Reason
from app.base.vault import Vault
from distribution import journey, releases, standing
from distribution.door_errors import AwaitsMedic, ExpiredPack, RecalledPack, UnsafeParcel, WrongStep
from distribution.journey import Event, State
from distribution.models import (
    Incident,
    IncidentThing,
    LineState,
    Need,
    NeedState,
    Parcel,
    ParcelLine,
    ParcelStep,
)
from distribution.models import Outcome as IncidentOutcome
from distribution.safety_facts import TELLS_HEALTH, Outcome
from inventory.models import Item, Lot

STANDING = (LineState.RESERVED, LineState.PACKED)


def locked(session: Session, parcel: UUID) -> Parcel:
    """The parcel's row, held until the transaction ends; raises NotFound."""
    found = session.execute(
        select(Parcel).where(Parcel.id == parcel).with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def in_scope(parcel: Parcel, actor: Actor) -> None:
    """Go on for who packs, carries or oversees this parcel; raises NotFound for anyone else."""
    if actor.role is Role.VOLUNTEER:
        actor.at_station(parcel.station, None)
    else:
        actor.in_team(parcel.team, parcel.community)


def in_reach(session: Session, parcel: UUID, actor: Actor) -> None:
    """``in_scope`` of a parcel's id; raises NotFound."""
    found = session.execute(select(Parcel).where(Parcel.id == parcel)).scalar_one_or_none()
    if found is None:
        raise NotFound
    in_scope(found, actor)


def stopped_by_incident(session: Session, parcel: UUID) -> bool:
    """Whether somebody still has to look into the parcel, or could not tell whether it is the true one."""
    wanted = (
        select(IncidentThing.thing)
        .join(Incident, Incident.id == IncidentThing.incident)
        .where(
            IncidentThing.thing == parcel, Incident.closed_at.is_(None) | (Incident.outcome == IncidentOutcome.DOUBTFUL)
        )
    )
    return session.execute(wanted.limit(1)).first() is not None


def lines_of(session: Session, parcel: UUID, *states: LineState) -> list[ParcelLine]:
    """The parcel's lines, of these states only where any are named, in the order of their making."""
    return list(session.execute(_lines(parcel, states)).scalars())


def locked_lines(session: Session, parcel: UUID, *states: LineState) -> list[ParcelLine]:
    """``lines_of``, held until the transaction ends: another parcel's swap may want to change whose pack is whose."""
    wanted = _lines(parcel, states).with_for_update().execution_options(populate_existing=True)
    return list(session.execute(wanted).scalars())


def _lines(parcel: UUID, states: tuple[LineState, ...]) -> Select[ParcelLine]:
    wanted = select(ParcelLine).where(ParcelLine.parcel == parcel).order_by(ParcelLine.id)
    return wanted.where(ParcelLine.state.in_(states)) if states else wanted


def step(session: Session, parcel: Parcel, event: Event, actor: Actor, now: datetime, **detail: Any) -> State:
    """Take the parcel one step on; returns its new state. Raises WrongStep; ``detail`` holds codes and ids only."""
    before = State(parcel.state)
    try:
        after = journey.advance(before, event)
    except journey.WrongStep as wrong:
        raise WrongStep(state=before.value, event=event.value) from wrong
    moved = session.execute(
        update(Parcel).where(Parcel.id == parcel.id, Parcel.state == before.value).values(state=after.value)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict
    session.execute(
        insert(ParcelStep).values(
            id=new_id(), parcel=parcel.id, event=event.value, state=after.value, by=actor.account, at=now, detail=detail
        )
    )
    audit.note(session, actor, f"parcel.{event.value}", parcel.id, now, **detail)
    return after


def mark(session: Session, lines: Iterable[ParcelLine], state: LineState) -> None:
    """Set the lines' state."""
    for line in lines:
        session.execute(update(ParcelLine).where(ParcelLine.id == line.id).values(state=state))


def settle(session: Session, needs: Iterable[UUID], now: datetime) -> None:
    """Let needs follow their lines: promised while one stands, met once one was given, open again otherwise."""
    for need in sorted(set(needs)):
        states = set(session.execute(select(ParcelLine.state).where(ParcelLine.need == need)).scalars())
        if states & set(STANDING):
            continue
        met = LineState.GIVEN in states
        session.execute(
            update(Need)
            .where(Need.id == need, Need.state == NeedState.PROMISED)
            .values(state=NeedState.MET if met else NeedState.OPEN, closed_at=now if met else None)
        )


def still_safe(session: Session, vault: Vault, parcel: Parcel, today: date, now: datetime) -> None:
    """Go on only if every line may go to its resident today: facts change between plan and door.

    Raises ExpiredPack, RecalledPack, AwaitsMedic (a medicine without its release), UnsafeParcel with the reasons.
    """
    for lot in _lots(session, parcel.id):
        usable(lot, today)
    judgement = standing.judge_parcel(session, vault, parcel.id, today)
    blocked = [reason for line in judgement.lines if line.outcome is Outcome.BLOCK for reason in line.reasons]
    if blocked:
        raise UnsafeParcel(plain(reason for reason in blocked if reason.outcome == Outcome.BLOCK))
    waiting = len(releases.outstanding(session, parcel.id))
    if waiting or not judgement.cleared:
        raise AwaitsMedic(count=max(waiting, 1))


def finish(session: Session, vault: Vault, parcel: Parcel, actor: Actor, today: date, now: datetime) -> None:
    """Call the parcel packed once nothing of it waits on the shelf any more; raises as ``still_safe``."""
    if lines_of(session, parcel.id, LineState.RESERVED):
        return
    still_safe(session, vault, parcel, today, now)
    step(session, parcel, Event.PACK, actor, now)


def _lots(session: Session, parcel: UUID) -> Iterable[Lot]:
    return session.execute(
        select(Lot)
        .join(ParcelLine, ParcelLine.lot == Lot.id)
        .where(ParcelLine.parcel == parcel, ParcelLine.state.in_(STANDING))
    ).scalars()


def usable(lot: Lot, today: date) -> None:
    """Go on only with a lot that is good today: through its expiry day, and not recalled."""
    if lot.recalled_on is not None:
        raise RecalledPack
    if lot.expiry is not None and lot.expiry < today:
        raise ExpiredPack(expiry=lot.expiry.isoformat())


def plain(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The findings without what tells of a person's health: that is the medic's to read (security.md §7)."""
    hidden = Reason("", "ASK_MEDIC", Outcome.MEDIC.value)
    shown = [hidden if reason.code in TELLS_HEALTH else reason for reason in reasons]
    return tuple(reason for place, reason in enumerate(shown) if reason not in shown[:place])


def names(session: Session, items: Iterable[UUID]) -> dict[UUID, Item]:
    """Catalogue rows by id."""
    wanted = set(items)
    return {item.id: item for item in session.execute(select(Item).where(Item.id.in_(wanted))).scalars()}
