"""Proof that promises and goods agree: what parcel lines say is what the ledger holds."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distribution.models import Given, LineState, Need, NeedState, Parcel, ParcelLine
from inventory.models import Holding, Place, PlaceKind

Units = dict[tuple[UUID | None, UUID], int]


def faults(session: Session) -> Iterator[str]:
    """Every disagreement between parcel lines, needs, what residents were given, and the ledger's holdings."""
    yield from _reserved(session)
    yield from _given(session)
    yield from _promised(session)


def _reserved(session: Session) -> Iterator[str]:
    """Units set aside at a station = units of its reserved lines, pack by pack."""
    promised: Units = {
        (station, pack): units
        for station, pack, units in session.execute(
            select(Parcel.station, ParcelLine.pack, func.sum(ParcelLine.quantity))
            .join(Parcel, Parcel.id == ParcelLine.parcel)
            .where(ParcelLine.state == LineState.RESERVED)
            .group_by(Parcel.station, ParcelLine.pack)
        )
    }
    set_aside: Units = {
        (station, pack): units
        for station, pack, units in session.execute(
            select(Place.station, Holding.pack, func.sum(Holding.quantity))
            .join(Place, Place.id == Holding.place)
            .where(Place.kind == PlaceKind.RESERVED, Holding.quantity > 0)
            .group_by(Place.station, Holding.pack)
        )
    }
    for station, pack in promised.keys() | set_aside.keys():
        lines, held = promised.get((station, pack), 0), set_aside.get((station, pack), 0)
        if lines != held:
            yield f"station {station} has {held} of pack {pack} set aside, its parcel lines promise {lines}"


def _given(session: Session) -> Iterator[str]:
    """Every line that was handed over is in the resident's record, and nothing else is."""
    without = (
        select(ParcelLine.id)
        .outerjoin(Given, Given.line == ParcelLine.id)
        .where(ParcelLine.state == LineState.GIVEN, Given.id.is_(None))
    )
    for (line,) in session.execute(without):
        yield f"parcel line {line} was handed over but is not in the resident's record"
    beyond = (
        select(Given.id)
        .join(ParcelLine, ParcelLine.id == Given.line)
        .where((ParcelLine.state != LineState.GIVEN) | (ParcelLine.quantity != Given.quantity))
    )
    for (given,) in session.execute(beyond):
        yield f"the resident's record {given} does not agree with its parcel line"


def _promised(session: Session) -> Iterator[str]:
    """A promised need has a line that still stands."""
    standing = select(ParcelLine.need).where(ParcelLine.state.in_((LineState.RESERVED, LineState.PACKED)))
    for (need,) in session.execute(select(Need.id).where(Need.state == NeedState.PROMISED, Need.id.not_in(standing))):
        yield f"need {need} is promised but no parcel line stands for it"
