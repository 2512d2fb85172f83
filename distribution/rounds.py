"""A team's trip of a day: its stops in walking order, and on paper without a single name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound
from app.base.fields import Dated, Day, Key
from app.base.ids import new_id
from app.base.permissions import EVERYWHERE, Actor, Role
from distribution.door_errors import NotReady, WrongStep
from distribution.journey import Event, State
from distribution.leaflets import Say
from distribution.models import Building, Confirmation, Household, LineState, Parcel, ParcelLine, Round, Team
from distribution.parcel_state import locked, step
from distribution.safety_facts import SUPPLY_KINDS
from inventory.models import Item, Station
from labels import registry
from labels.sheets import Block, Qr, Table, Text

PLANNED, RUNNING, DONE = "planned", "running", "done"
MOST_STOPS = 60
MOST_ROUNDS = 200


class NewRound(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A round to plan: labelled parcels of one team for a day."""

    key: Key
    team: UUID
    day: Day
    parcels: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=MOST_STOPS)]


class ChangeRound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parcel to put on a round, or to take off it."""

    key: Key
    round: UUID
    parcel: UUID


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """One door of a round; ``ask_medic`` where any medicine is in the bag that asks for counselling."""

    parcel: UUID
    position: int
    serial: int
    building: str
    floor: int
    lift: bool
    lines: int
    ask_medic: bool
    state: State
    to_check: bool


class RoundView(msgspec.Struct, frozen=True, kw_only=True):
    """A round and its stops in walking order."""

    id: UUID
    team: UUID
    team_name: str
    station: str
    day: date
    state: str
    stops: tuple[Stop, ...]

    def count(self, *states: State) -> int:
        """How many stops stand at one of the states."""
        return sum(stop.state in states for stop in self.stops)


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A labelled parcel that no round takes along yet."""

    parcel: UUID
    team: UUID
    team_name: str
    serial: int
    building: str
    floor: int
    made_at: datetime


def plan_round(session: Session, new: NewRound, actor: Actor, now: datetime) -> UUID:
    """Make a team's round from parcels that are ready, in the order of buildings and floors; returns its id.

    Raises NotFound outside the scope, NotReady for a parcel that is not ready or is another team's.
    """
    team = session.execute(select(Team).where(Team.id == new.team)).scalar_one_or_none()
    if team is None:
        raise NotFound
    actor.in_team(team.id, team.community)
    parcels = [locked(session, parcel) for parcel in sorted(set(new.parcels))]
    if made := replay.made_by(session, actor, new.key, "round.plan", new):
        return UUID(made["round"])
    round_id = new_id()
    session.execute(
        insert(Round).values(
            id=round_id,
            team=team.id,
            community=team.community,
            station=team.station,
            day=new.day,
            state=PLANNED,
            planned_by=actor.account,
            planned_at=now,
        )
    )
    registry.bind_new(session, "round", round_id, now)
    audit.note(session, actor, "round.plan", round_id, now, parcels=len(parcels))
    for parcel in parcels:
        _put_on(session, round_id, team.id, parcel, actor, now)
    _order(session, round_id)
    replay.keep(session, actor, new.key, "round.plan", new, {"round": str(round_id)}, now)
    return round_id


def assign(session: Session, change: ChangeRound, actor: Actor, now: datetime) -> None:
    """Put one more parcel on a round; raises as ``plan_round``, and WrongStep for a round that is done."""
    found = _own(session, change.round, actor)
    parcel = locked(session, change.parcel)
    if replay.made_by(session, actor, change.key, "round.assign", change) is not None:
        return
    if found.state == DONE:
        raise WrongStep(state=found.state, event=Event.ASSIGN.value)
    _put_on(session, found.id, found.team, parcel, actor, now)
    _order(session, found.id)
    replay.keep(session, actor, change.key, "round.assign", change, {}, now)


def withdraw(session: Session, change: ChangeRound, actor: Actor, now: datetime) -> None:
    """Take a parcel off a round before it was taken over; raises NotFound, WrongStep."""
    found = _own(session, change.round, actor)
    parcel = locked(session, change.parcel)
    if replay.made_by(session, actor, change.key, "round.withdraw", change) is not None:
        return
    if parcel.round != found.id:
        raise NotFound
    take_off(session, parcel, actor, now)
    replay.keep(session, actor, change.key, "round.withdraw", change, {}, now)


def take_off(session: Session, parcel: Parcel, actor: Actor, now: datetime) -> None:
    """Take a parcel that still waits at the station off its round; raises WrongStep."""
    before = parcel.round
    step(session, parcel, Event.WITHDRAW, actor, now)
    session.execute(update(Parcel).where(Parcel.id == parcel.id).values(round=None, position=None))
    if before is not None:
        _order(session, before)
        close_if_done(session, before)


def _put_on(session: Session, round_id: UUID, team: UUID, parcel: Parcel, actor: Actor, now: datetime) -> None:
    actor.in_team(parcel.team, parcel.community)
    if parcel.team != team or parcel.state != State.READY:
        raise NotReady(state=parcel.state)
    step(session, parcel, Event.ASSIGN, actor, now, round=str(round_id))
    session.execute(update(Parcel).where(Parcel.id == parcel.id).values(round=round_id))


def _order(session: Session, round_id: UUID) -> None:
    """Number the stops by the buildings' usual walk, then upwards by floor."""
    rows = session.execute(
        select(Parcel.id)
        .join(Household, Household.id == Parcel.household)
        .join(Building, Building.id == Household.building)
        .where(Parcel.round == round_id)
        .order_by(Building.position, Building.name, Household.floor, Household.serial, Parcel.id)
    ).scalars()
    for position, parcel in enumerate(rows.all(), 1):
        session.execute(update(Parcel).where(Parcel.id == parcel).values(position=position))


def close_if_done(session: Session, round_id: UUID | None) -> None:
    """End a round once none of its parcels waits, is out, or has to come back."""
    open_states = (State.ASSIGNED.value, State.OUT.value, State.FAILED.value)
    waiting = select(Parcel.id).where(Parcel.round == round_id, Parcel.state.in_(open_states)).limit(1)
    if round_id is not None and session.execute(waiting).first() is None:
        session.execute(update(Round).where(Round.id == round_id).values(state=DONE))


def _own(session: Session, round_id: UUID, actor: Actor) -> Round:
    found = session.execute(select(Round).where(Round.id == round_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    actor.in_team(found.team, found.community)
    return found


def rounds_today(session: Session, actor: Actor, today: date) -> tuple[RoundView, ...]:
    """The rounds of the day in the actor's scope, and earlier ones that are not done; by day and team."""
    unfinished = (Round.day < today) & (Round.state == RUNNING)
    rows = session.execute(
        select(Round, Team.name, Station.name)
        .join(Team, Team.id == Round.team)
        .join(Station, Station.id == Round.station)
        .where((Round.day >= today) | unfinished, _mine(actor))
        .order_by(Round.day, Team.name, Round.id)
        .limit(MOST_ROUNDS)
    ).all()
    stops = _stops(session, [found.id for found, *_ in rows])
    return tuple(_view(found, team, station, stops.get(found.id, ())) for found, team, station in rows)


def read_round(session: Session, round_id: UUID, actor: Actor) -> RoundView:
    """One round; raises NotFound outside the scope."""
    found = _own(session, round_id, actor)
    team, station = session.execute(
        select(Team.name, Station.name).join(Station, Station.id == found.station).where(Team.id == found.team)
    ).one()
    return _view(found, team, station, _stops(session, [found.id]).get(found.id, ()))


def _view(found: Round, team: str, station: str, stops: tuple[Stop, ...]) -> RoundView:
    return RoundView(
        id=found.id, team=found.team, team_name=team, station=station, day=found.day, state=found.state, stops=stops
    )


def _mine(actor: Actor) -> ColumnElement[bool]:
    if actor.role in EVERYWHERE:
        return Round.id.is_not(None)
    if actor.role is Role.COORDINATOR:
        return Round.community.in_(actor.communities)
    return Round.team.in_(actor.teams)


def _stops(session: Session, rounds: Sequence[UUID]) -> dict[UUID, tuple[Stop, ...]]:
    rows = session.execute(
        select(
            Parcel.id,
            Parcel.round,
            Parcel.position,
            Parcel.state,
            Household.serial,
            Household.floor,
            Household.lift,
            Building.name,
        )
        .join(Household, Household.id == Parcel.household)
        .join(Building, Building.id == Household.building)
        .where(Parcel.round.in_(rounds))
        .order_by(Parcel.round, Parcel.position, Parcel.id)
    ).all()
    ids = [row.id for row in rows]
    lines, medicine, doubtful = _line_counts(session, ids), _with_medicine(session, ids), _doubtful(session, ids)
    found: dict[UUID, list[Stop]] = {}
    for row in rows:
        stop = Stop(
            parcel=row.id,
            position=row.position or 0,
            serial=row.serial,
            building=row.name,
            floor=row.floor,
            lift=row.lift,
            lines=lines.get(row.id, 0),
            ask_medic=row.id in medicine,
            state=State(row.state),
            to_check=row.id in doubtful,
        )
        found.setdefault(row.round, []).append(stop)
    return {round_id: tuple(stops) for round_id, stops in found.items()}


def _line_counts(session: Session, parcels: Collection[UUID]) -> dict[UUID, int]:
    rows = session.execute(
        select(ParcelLine.parcel, func.count())
        .where(ParcelLine.parcel.in_(parcels), ParcelLine.state != LineState.DROPPED)
        .group_by(ParcelLine.parcel)
    )
    return {parcel: count for parcel, count in rows}  # noqa: C416 - rows are no pairs to the type checker


def _with_medicine(session: Session, parcels: Collection[UUID]) -> set[UUID]:
    rows = session.execute(
        select(ParcelLine.parcel)
        .join(Item, Item.id == ParcelLine.item)
        .where(
            ParcelLine.parcel.in_(parcels),
            ParcelLine.state != LineState.DROPPED,
            Item.kind.not_in(sorted(SUPPLY_KINDS)),
        )
    )
    return set(rows.scalars())


def _doubtful(session: Session, parcels: Collection[UUID]) -> set[UUID]:
    """Parcels with a second record of the door that was kept without effect."""
    rows = session.execute(select(Confirmation.parcel).where(Confirmation.parcel.in_(parcels), ~Confirmation.effective))
    return set(rows.scalars())


def ready(session: Session, actor: Actor) -> tuple[Ready, ...]:
    """Labelled parcels in the actor's scope that wait for a round, by team, building and floor."""
    scope: ColumnElement[bool]
    if actor.role in EVERYWHERE:
        scope = Parcel.id.is_not(None)
    elif actor.role is Role.COORDINATOR:
        scope = Parcel.community.in_(actor.communities)
    else:
        scope = Parcel.team.in_(actor.teams)
    rows = session.execute(
        select(
            Parcel.id, Parcel.team, Team.name.label("team_name"), Household.serial, Building.name, Household.floor,
            Parcel.made_at,
        )
        .join(Team, Team.id == Parcel.team)
        .join(Household, Household.id == Parcel.household)
        .join(Building, Building.id == Household.building)
        .where(Parcel.state == State.READY.value, scope)
        .order_by(Team.name, Team.id, Building.position, Household.floor, Household.serial)
        .limit(MOST_ROUNDS)
    )  # fmt: skip
    return tuple(
        Ready(
            parcel=row.id,
            team=row.team,
            team_name=row.team_name,
            serial=row.serial,
            building=row.name,
            floor=row.floor,
            made_at=row.made_at,
        )
        for row in rows
    )


def in_reach(session: Session, round_id: UUID, actor: Actor) -> None:
    """Go on for those in whose scope a round is; raises NotFound."""
    read_round(session, round_id, actor)


def code_of(session: Session, round_id: UUID, actor: Actor) -> str:
    """The round's own code, which opens it; raises NotFound out of scope."""
    read_round(session, round_id, actor)
    return registry.code_of(session, round_id) or ""


def sheet(view: RoundView, say: Say, address: str = "") -> list[Block]:
    """The printed round sheet: door numbers, buildings and floors, room to write; no names (security.md, E).

    ``address`` is the round's own code as a label's address; never a parcel's.
    """
    header = tuple(
        say(f"round.sheet.{column}") for column in ("position", "serial", "building", "floor", "lines", "flag", "done")
    )
    return [
        Text(say("round.sheet.head", team=view.team_name, station=view.station, day=view.day.isoformat())),
        Table(header=header, rows=tuple(_rows(view.stops, say)), widths=(2, 3, 6, 3, 2, 4, 4)),
        Text(say("round.sheet.foot")),
        *([Qr(payload=address, caption=say("round.sheet.own_code"), side_mm=24)] if address else []),
    ]


def _rows(stops: Iterable[Stop], say: Say) -> Iterable[tuple[str, ...]]:
    for stop in stops:
        yield (
            str(stop.position),
            str(stop.serial),
            stop.building,
            say("round.sheet.floor_lift" if stop.lift else "round.sheet.floor_stairs", floor=stop.floor),
            str(stop.lines),
            say("round.ask_medic") if stop.ask_medic else "",
            "",
        )
