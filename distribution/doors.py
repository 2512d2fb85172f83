"""What a member sees of a door while its stop runs: how to call on the person and where, never why they are served."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.errors import NotFound
from app.base.permissions import Actor
from app.base.vault import Vault
from distribution import picking, residents, rounds
from distribution.journey import State
from distribution.leaflets import Portion
from distribution.models import Building, Household, LineState, Parcel, ParcelLine
from distribution.names import Honorific
from distribution.parcel_labels import portions
from distribution.picking import ParcelView
from distribution.residents import Purpose
from distribution.rounds import RoundView

RUNNING = frozenset({State.ASSIGNED, State.OUT})


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One of the door's people; ``number`` is the part of the leaflet that is theirs, counted from 1."""

    resident: UUID
    number: int
    surname: str
    honorific: Honorific


class DoorView(msgspec.Struct, frozen=True, kw_only=True):
    """A stop's door. ``people`` and ``address`` are empty where the reader may not know them (any more)."""

    parcel: ParcelView
    building: str
    floor: int
    lift: bool
    address: str
    people: tuple[Person, ...]
    portions: tuple[Portion, ...]


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """How a stop in the list is called on."""

    surname: str
    honorific: Honorific
    address: str


def door(session: Session, vault: Vault, parcel: UUID, actor: Actor, today: date, now: datetime) -> DoorView:
    """A parcel and its door; who is called on is opened for the delivery, and written down. Raises NotFound."""
    view = picking.pick_list(session, parcel, actor)
    building, floor, lift = session.execute(
        select(Building.name, Household.floor, Household.lift)
        .select_from(Parcel)
        .join(Household, Household.id == Parcel.household)
        .join(Building, Building.id == Household.building)
        .where(Parcel.id == parcel)
    ).one()
    people, address = [], ""
    for number, resident in enumerate(_people(session, parcel), 1):
        called = _called(session, vault, resident, view.state, actor, today, now)
        if called is not None:
            address = called.address
            people.append(Person(resident=resident, number=number, surname=called.surname, honorific=called.honorific))
    return DoorView(
        parcel=view,
        building=building,
        floor=floor,
        lift=lift,
        address=address,
        people=tuple(people),
        portions=portions(session, parcel),
    )


def _people(session: Session, parcel: UUID) -> list[UUID]:
    rows = session.execute(
        select(ParcelLine.resident).where(ParcelLine.parcel == parcel, ParcelLine.state != LineState.DROPPED)
    )
    return sorted(set(rows.scalars()))


def _called(
    session: Session, vault: Vault, resident: UUID, state: State, actor: Actor, today: date, now: datetime
) -> Called | None:
    if state not in RUNNING:
        return None
    try:
        found = residents.open_name(session, vault, resident, Purpose.DELIVERY, actor, today, now)
    except NotFound:  # a mate's stop, or a round of another day: the door's number must do
        return None
    return Called(surname=found.surname, honorific=found.honorific, address=found.address)


def phone(
    session: Session, vault: Vault, parcel: UUID, resident: UUID, actor: Actor, today: date, now: datetime
) -> str:
    """The number of one of the parcel's people, for one call; raises NotFound, NoPhone."""
    picking.pick_list(session, parcel, actor)
    if resident not in _people(session, parcel):
        raise NotFound
    return residents.open_phone(session, vault, resident, Purpose.DELIVERY, actor, today, now)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A round as the member walks it; ``called`` by parcel, for the stops that still run."""

    round: RoundView
    called: dict[UUID, Called]


def tasks(session: Session, vault: Vault, actor: Actor, today: date, now: datetime) -> tuple[Task, ...]:
    """The member's rounds of today with whom to call on at each door that still waits."""
    found = rounds.rounds_today(session, actor, today)
    return tuple(Task(round=one, called=_calls(session, vault, one, actor, today, now)) for one in found)


def _calls(
    session: Session, vault: Vault, view: RoundView, actor: Actor, today: date, now: datetime
) -> dict[UUID, Called]:
    calls: dict[UUID, Called] = {}
    for parcel, resident, state in _first_people(session, (stop.parcel for stop in view.stops)):
        called = _called(session, vault, resident, state, actor, today, now)
        if called is not None:
            calls[parcel] = called
    return calls


def _first_people(session: Session, parcels: Iterable[UUID]) -> list[tuple[UUID, UUID, State]]:
    rows = session.execute(
        select(ParcelLine.parcel, ParcelLine.resident, Parcel.state)
        .join(Parcel, Parcel.id == ParcelLine.parcel)
        .where(ParcelLine.parcel.in_(list(parcels)), ParcelLine.state != LineState.DROPPED)
        .order_by(ParcelLine.parcel, ParcelLine.resident)
    )
    first: dict[UUID, tuple[UUID, UUID, State]] = {}
    for parcel, resident, state in rows:
        first.setdefault(parcel, (parcel, resident, State(state)))
    return list(first.values())
