"""From the station's hands into the member's, from the member's to the door or back: every unit has one holder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import replay
from app.base.errors import Invalid, NotFound
from app.base.fields import Dated, Key, PhoneTime, ScannedText
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.vault import Vault
from distribution import journey
from distribution.confirmations import Recorded, confirm, recorded
from distribution.door_errors import HandOverIncomplete, NotYet, ParcelStopped, WrongParcel, WrongStep
from distribution.journey import Counsel, Event, Failure, Receiver, State
from distribution.models import Given, LineState, Parcel, ParcelLine, Round, Team, TeamMember
from distribution.parcel_labels import scanned_parcel
from distribution.parcel_state import locked, locked_lines, mark, names, settle, step, still_safe, stopped_by_incident
from distribution.rounds import PLANNED, RUNNING, close_if_done
from distribution.safety_facts import SUPPLY_KINDS
from inventory import ledger
from inventory.ledger import TO_RESIDENTS, Spot
from inventory.models import PlaceKind

ENDED = frozenset({State.DELIVERED, State.FAILED, State.RETURNED, State.UNPACKED})


class TakeOver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parcel that the member takes along: its label scanned, or its id where it was chosen from the list."""

    key: Key
    code: ScannedText | None = None
    parcel: UUID | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel in the member's hands; ``left`` of its round still wait at the station."""

    parcel: UUID
    round: UUID
    state: State
    taken: int
    left: int


class HandOver(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the member records when the parcel is handed over. ``key`` is the record's id, made on the phone.

    ``code`` is the parcel's label as scanned at the door, ``phone_at`` the phone's clock.
    """

    key: Key
    parcel: UUID
    receiver: Receiver
    phone_at: PhoneTime
    ticks: Annotated[tuple[Counsel, ...], msgspec.Meta(max_length=20)] = ()
    code: ScannedText | None = None
    agreed_by_phone: bool = False
    counselled_by_phone: bool = False


class FailDelivery(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the member records when the parcel could not be handed over."""

    key: Key
    parcel: UUID
    reason: Failure
    phone_at: PhoneTime


def take_over(session: Session, vault: Vault, take: TakeOver, actor: Actor, today: date, now: datetime) -> Taken:
    """Custody passes: the goods move from the parcel at the station into the team's hands.

    Judged again first. Raises NotFound outside the own team, WrongStep, NotYet, ParcelStopped, and as ``still_safe``.
    """
    parcel = locked(session, _meant(session, take))
    of_the_team(session, parcel.team, actor)
    if replay.made_by(session, actor, take.key, "parcel.take-over", take):
        return _taken(session, parcel)
    if parcel.round is None or parcel.state != State.ASSIGNED:
        raise WrongStep(state=parcel.state, event=Event.DEPART.value)
    _not_before(session, parcel.round, today)
    _not_stopped(session, parcel)
    still_safe(session, vault, parcel, today, now)
    source, target = Spot(parcel.place, PlaceKind.PARCEL), hands_of(session, parcel.team)
    for line in locked_lines(session, parcel.id, LineState.PACKED):
        ledger.move(session, line.pack, line.quantity, source, target, "depart", actor, now, subject=parcel.id)
    step(session, parcel, Event.DEPART, actor, now)
    session.execute(update(Parcel).where(Parcel.id == parcel.id).values(carrier=actor.account, out_since=now))
    session.execute(update(Round).where(Round.id == parcel.round, Round.state == PLANNED).values(state=RUNNING))
    replay.keep(session, actor, take.key, "parcel.take-over", take, {"parcel": str(parcel.id)}, now)
    return _taken(session, parcel)


def _meant(session: Session, take: TakeOver) -> UUID:
    if take.code is not None and take.parcel is not None:
        if scanned_parcel(session, take.code) != take.parcel:
            raise WrongParcel
        return take.parcel
    if take.code is not None:
        return scanned_parcel(session, take.code)
    if take.parcel is None:
        raise Invalid(("code", "missing", {}))
    return take.parcel


def of_the_team(session: Session, team: UUID, actor: Actor) -> None:
    """Go on only for a member of the team, by scope and by the team's own list; raises NotFound."""
    actor.in_team(team, None)
    listed = select(TeamMember.account).where(TeamMember.team == team, TeamMember.account == actor.account)
    if session.execute(listed).first() is None:
        raise NotFound


def _not_before(session: Session, round_id: UUID, today: date) -> None:
    day = session.execute(select(Round.day).where(Round.id == round_id)).scalar_one()
    if day > today:
        raise NotYet(day=day.isoformat())


def _not_stopped(session: Session, parcel: Parcel) -> None:
    if stopped_by_incident(session, parcel.id):
        raise ParcelStopped


def hands_of(session: Session, team: UUID) -> Spot:
    """Where the goods are that a team's members carry."""
    place = session.execute(select(Team.place).where(Team.id == team)).scalar_one()
    return Spot(place, PlaceKind.MEMBER)


def _taken(session: Session, parcel: Parcel) -> Taken:
    if parcel.round is None:
        raise WrongStep(state=parcel.state, event=Event.DEPART.value)
    states = session.execute(select(Parcel.state).where(Parcel.round == parcel.round)).scalars().all()
    left = states.count(State.ASSIGNED.value)
    return Taken(parcel=parcel.id, round=parcel.round, state=State(parcel.state), taken=len(states) - left, left=left)


def hand_over(session: Session, vault: Vault, over: HandOver, actor: Actor, today: date, now: datetime) -> Recorded:
    """The parcel is the household's: goods to residents, lines given, needs met.

    A record that comes after another ended the journey is kept without effect. Raises NotFound, WrongStep (not taken
    over), ParcelStopped, WrongParcel, HandOverIncomplete (DS17, no agreement), and as ``still_safe``: something may
    have been given meanwhile by another parcel.
    """
    parcel = locked(session, over.parcel)
    of_the_team(session, parcel.team, actor)
    if before := recorded(session, parcel, over.key, "parcel.hand-over", over, actor):
        return before
    told: dict[str, Any] = {"phone_at": over.phone_at, "receiver": over.receiver.value, "ticks": over.ticks}
    if parcel.state in ENDED:
        return confirm(session, parcel, over.key, "parcel.hand-over", over, actor, now, effective=False, **told)
    if parcel.state != State.OUT:
        raise WrongStep(state=parcel.state, event=Event.DELIVER.value)
    _not_stopped(session, parcel)
    lines = locked_lines(session, parcel.id, LineState.PACKED)
    _may_be_handed_over(session, over, lines)
    still_safe(session, vault, parcel, today, now)
    step(session, parcel, Event.DELIVER, actor, now)
    _give(session, parcel, lines, actor, today, now)
    close_if_done(session, parcel.round)
    return confirm(session, parcel, over.key, "parcel.hand-over", over, actor, now, effective=True, **told)


def _may_be_handed_over(session: Session, over: HandOver, lines: Sequence[ParcelLine]) -> None:
    if over.code is not None and scanned_parcel(session, over.code) != over.parcel:
        raise WrongParcel
    kinds = {item.kind for item in names(session, (line.item for line in lines)).values()}
    problems = journey.hand_over_problems(
        journey.HandOver(
            receiver=over.receiver,
            has_medicine=bool(kinds - SUPPLY_KINDS),
            counselled=frozenset(over.ticks),
            agreed_by_phone=over.agreed_by_phone,
            counselled_by_phone=over.counselled_by_phone,
        )
    )
    if problems:
        raise HandOverIncomplete(problems)


def _give(
    session: Session, parcel: Parcel, lines: Sequence[ParcelLine], actor: Actor, today: date, now: datetime
) -> None:
    hands = hands_of(session, parcel.team)
    for line in lines:
        ledger.move(session, line.pack, line.quantity, hands, TO_RESIDENTS, "hand-over", actor, now, subject=parcel.id)
        session.execute(
            insert(Given).values(
                id=new_id(),
                resident=line.resident,
                household=parcel.household,
                item=line.item,
                line=line.id,
                quantity=line.quantity,
                day=today,
            )
        )
    mark(session, lines, LineState.GIVEN)
    settle(session, (line.need for line in lines), now)


def fail(session: Session, failed: FailDelivery, actor: Actor, now: datetime) -> Recorded:
    """The door could not be served: the goods stay in the team's hands until a station takes them back.

    Kept without effect after another record ended the journey. Raises NotFound, WrongStep.
    """
    parcel = locked(session, failed.parcel)
    of_the_team(session, parcel.team, actor)
    if before := recorded(session, parcel, failed.key, "parcel.fail", failed, actor):
        return before
    told: dict[str, Any] = {"phone_at": failed.phone_at, "failure": failed.reason}
    if parcel.state in ENDED:
        return confirm(session, parcel, failed.key, "parcel.fail", failed, actor, now, effective=False, **told)
    step(session, parcel, Event.FAIL, actor, now, reason=failed.reason.value)
    return confirm(session, parcel, failed.key, "parcel.fail", failed, actor, now, effective=True, **told)
