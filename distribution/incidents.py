"""Signs that a label was copied: each opens one incident and stops the goods until a coordinator has looked into it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound, SamePerson
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.reasons import Reason
from distribution import kit_packing
from distribution.clone_signs import PACK, PARCEL, Sign, sign_of
from distribution.door_errors import IncidentClosed
from distribution.journey import Event, State
from distribution.models import Incident, IncidentThing, LineState, Outcome, Parcel, ParcelLine
from distribution.parcel_state import STANDING, lines_of, locked, mark, settle, step
from distribution.rounds import take_off
from distribution.sightings import Sighting, sighting
from inventory import ledger, stations
from inventory.ledger import Spot
from inventory.models import Holding, Pack, PlaceKind, Station
from inventory.releasing import stops
from labels import registry
from labels.custody import Scan
from labels.models import LabelBatch
from labels.watching import Watch

REASON = "incident"
_AT_STATION = frozenset({State.PACKED, State.READY, State.ASSIGNED})
_ON_THE_WAY = frozenset({State.OUT, State.FAILED})


class CloseIncident(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was found of an incident."""

    key: Key
    incident: UUID
    outcome: Outcome


def sign(session: Session, scan: Scan, actor: Actor) -> Reason | None:
    """What a scan is a sign of by the books as they are; None for an innocent one."""
    seen = sighting(session, scan, actor)
    found = sign_of(seen.seen) if seen else None
    return None if found is None else _reason(found)


def _reason(found: Sign) -> Reason:
    return Reason("CUSTODY", found.value, "stop")


def report(session: Session, scan: Scan, actor: Actor, now: datetime) -> Reason | None:
    """Judge a scan again and open an incident, unless the same sign on the same thing is open already.

    What is suspect at a station goes into its quarantine, out of a parcel too, whose need is open again; a parcel that
    is closed or on its way is stopped where it is. A scan that was reported before reports nothing more.
    """
    first = sighting(session, scan, actor)
    if first is None:
        return None
    held = _lock(session, first)
    seen = sighting(session, scan, actor)
    found = sign_of(seen.seen) if seen else None
    if seen is None or found is None:
        return None
    if not _known(session, seen, found, scan, actor):
        _open(session, seen, found, scan, held, actor, now)
    return _reason(found)


class _Held(NamedTuple):
    """The parcels that a thing stands in or is, and their standing lines of it, held until the write ends."""

    parcels: dict[UUID, Parcel]
    lines: list[ParcelLine]


def _lock(session: Session, seen: Sighting) -> _Held:
    """Hold whatever the report may move, in the order that all verbs keep: parcels, lines, pack, holdings."""
    of_it = ParcelLine.pack == seen.subject if seen.kind == PACK else ParcelLine.parcel == seen.subject
    wanted = select(ParcelLine).where(of_it, ParcelLine.state.in_(STANDING)).order_by(ParcelLine.id)
    standing = set(session.execute(wanted.with_only_columns(ParcelLine.parcel)).scalars())
    parcels = {parcel: locked(session, parcel) for parcel in sorted(standing | _own_parcel(seen))}
    lines = session.execute(wanted.with_for_update().execution_options(populate_existing=True)).scalars().all()
    if seen.kind == PACK:
        session.execute(select(Pack.id).where(Pack.id == seen.subject).with_for_update())
        session.execute(select(Holding.place).where(Holding.pack == seen.subject).with_for_update()).all()
    session.execute(select(LabelBatch.id).where(LabelBatch.id == seen.subject).with_for_update())
    return _Held(parcels, [line for line in lines if line.parcel in parcels])


def _own_parcel(seen: Sighting) -> set[UUID]:
    return {seen.subject} if seen.kind == PARCEL else set()


def _known(session: Session, seen: Sighting, found: Sign, scan: Scan, actor: Actor) -> bool:
    """Whether this is open already, or was told by this very scan: phones send again what was refused."""
    open_or_told = Incident.closed_at.is_(None) | ((Incident.scan == scan.key) & (Incident.by == actor.account))
    wanted = select(Incident.id).where(Incident.subject == seen.subject, Incident.sign == found, open_or_told)
    return session.execute(wanted.limit(1)).first() is not None


def _open(session: Session, seen: Sighting, found: Sign, scan: Scan, held: _Held, actor: Actor, now: datetime) -> None:
    incident, home = new_id(), _home(session, seen, held, actor)
    session.execute(
        insert(Incident).values(
            id=incident, sign=found, kind=seen.kind, subject=seen.subject, step=scan.step.value, scan=scan.key,
            community=home.community, station=home.station, team=home.team, by=actor.account, at=now,
        )
    )  # fmt: skip
    audit.note(session, actor, "incident.open", seen.subject, now, kind=seen.kind, reason=found.value)
    packs = [seen.subject] if seen.kind == PACK else [line.pack for line in held.lines]
    _link(session, incident, PACK, packs)
    stops.stop(session, packs, found.value, actor, now)
    parcels = _stop_pack(session, incident, seen.subject, held, actor, now) if seen.kind == PACK else _own_parcel(seen)
    _link(session, incident, PARCEL, parcels)


def _link(session: Session, incident: UUID, kind: str, things: Iterable[UUID]) -> None:
    rows = [{"incident": incident, "thing": thing, "kind": kind} for thing in sorted(set(things))]
    if rows:
        session.execute(insert(IncidentThing), rows)


class _Home(NamedTuple):
    """Whose incident it is: of a parcel's own people, a pack's station, or, of a lost label, of whoever found it."""

    community: UUID | None
    station: UUID | None
    team: UUID | None


def _home(session: Session, seen: Sighting, held: _Held, actor: Actor) -> _Home:
    if seen.kind == PARCEL:
        parcel = held.parcels[seen.subject]
        return _Home(parcel.community, parcel.station, parcel.team)
    station = next(iter(sorted(actor.stations)), None)
    if seen.kind == PACK:
        station = session.execute(select(Pack.station).where(Pack.id == seen.subject)).scalar_one()
        for place, _ in ledger.whereabouts(session, seen.subject):
            station = place.station or station
    community = session.execute(select(Station.community).where(Station.id == station)).scalar()
    return _Home(community, station, None)


def _stop_pack(session: Session, incident: UUID, pack: UUID, held: _Held, actor: Actor, now: datetime) -> set[UUID]:
    """Bring a pack's units into quarantine; returns the parcels that must not go on before somebody has looked."""
    for place, units in ledger.whereabouts(session, pack):
        if place.kind in {PlaceKind.SHELF, PlaceKind.HOLD} and place.station is not None:
            quarantine = stations.places(session, place.station).quarantine
            source = Spot(place.id, place.kind)
            ledger.move(session, pack, units, source, quarantine, REASON, actor, now, subject=incident)
    stopped = set()
    for line in held.lines:
        parcel = held.parcels[line.parcel]
        if parcel.state not in _ON_THE_WAY:
            _drop(session, parcel, line, actor, now)
        if parcel.state in _ON_THE_WAY or _goes_on(session, parcel, actor, now):
            stopped.add(parcel.id)
    return stopped


def _drop(session: Session, parcel: Parcel, line: ParcelLine, actor: Actor, now: datetime) -> None:
    """Take a suspect line out of a parcel at its station: the unit into quarantine, the need open again."""
    own = stations.places(session, parcel.station)
    source = own.reserved if line.state is LineState.RESERVED else Spot(parcel.place, PlaceKind.PARCEL)
    ledger.move(session, line.pack, line.quantity, source, own.quarantine, REASON, actor, now, subject=parcel.id)
    kit_packing.open_bags(session, [line], actor, now)
    mark(session, [line], LineState.DROPPED)
    settle(session, [line.need], now)


def _goes_on(session: Session, parcel: Parcel, actor: Actor, now: datetime) -> bool:
    """Whether a closed bag goes on without its suspect line, once it was opened; an empty parcel is over."""
    if lines_of(session, parcel.id, *STANDING):
        return parcel.state in _AT_STATION
    if parcel.state == State.ASSIGNED:
        take_off(session, parcel, actor, now)
    event = Event.CANCEL if parcel.state == State.PLANNED else Event.UNPACK
    step(session, locked(session, parcel.id), event, actor, now, reason=REASON)
    if code := registry.code_of(session, parcel.id):
        registry.void(session, code, "unpacked", actor, now)
    return False


def close(session: Session, closing: CloseIncident, actor: Actor, now: datetime) -> None:
    """Say what an incident was. Unless it stays doubtful, what it stopped may go its usual way again.

    That way begins with the usual release from quarantine by a second person or a medic. What stays doubtful can only
    be disposed of. Raises NotFound out of scope, SamePerson for whoever's scan it was, IncidentClosed.
    """
    incident = session.execute(
        select(Incident)
        .where(Incident.id == closing.incident)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if incident is None or not (actor.everywhere or incident.community in actor.communities):
        raise NotFound
    if replay.made_by(session, actor, closing.key, "incident.close", closing) is not None:
        return
    if incident.by == actor.account:
        raise SamePerson
    if incident.closed_at is not None:
        raise IncidentClosed
    session.execute(
        update(Incident)
        .where(Incident.id == incident.id)
        .values(closed_at=now, closed_by=actor.account, outcome=closing.outcome)
    )
    say = stops.bar if closing.outcome is Outcome.DOUBTFUL else stops.clear
    say(session, _freed(session, incident.id), closing.outcome.value, actor, now)
    audit.note(session, actor, "incident.close", incident.subject, now, reason=closing.outcome.value)
    replay.keep(session, actor, closing.key, "incident.close", closing, {}, now)


def _freed(session: Session, incident: UUID) -> set[UUID]:
    """The packs of a closed incident on which no other one has the last word."""
    of_it = select(IncidentThing.thing).where(IncidentThing.incident == incident, IncidentThing.kind == PACK)
    packs = set(session.execute(of_it).scalars())
    others = (
        select(IncidentThing.thing)
        .join(Incident, Incident.id == IncidentThing.incident)
        .where(
            IncidentThing.thing.in_(packs),
            Incident.id != incident,
            Incident.closed_at.is_(None) | (Incident.outcome == Outcome.DOUBTFUL),
        )
    )
    return packs - set(session.execute(others).scalars())


WATCH = Watch(sign, report)
"""How scans that change custody are watched; the application hands it to those who know nothing of parcels."""
