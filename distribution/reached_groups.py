"""Which priority groups were reached on a day, and by how many of their members: numbers, never a person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.models import Given, LineState, ParcelLine, Resident


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A group and how many different residents of it something was handed to."""

    group: str
    members: int


def groups_of(session: Session, doors: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], frozenset[str]]:
    """The priority groups of whoever a pack in a parcel was for: by (parcel, pack); empty: of no group."""
    rows = session.execute(
        select(ParcelLine.parcel, ParcelLine.pack, Resident.groups)
        .join(Resident, Resident.id == ParcelLine.resident)
        .where(ParcelLine.parcel.in_({parcel for parcel, _ in doors}))
    )
    found: dict[tuple[UUID, UUID], frozenset[str]] = {}
    for row in rows:
        # A pack can be in a parcel for two of a household: of both only what they have in common is told.
        known = found.get((row.parcel, row.pack))
        groups = frozenset(row.groups)
        found[row.parcel, row.pack] = groups if known is None else known & groups
    return found


def reached(session: Session, day: date) -> tuple[Reached, ...]:
    """The groups that anything was handed to on a day in the whole sub-district."""
    rows = session.execute(
        select(Given.resident, Resident.groups)
        .join(Resident, Resident.id == Given.resident)
        .join(ParcelLine, ParcelLine.id == Given.line)
        .where(Given.day == day, ParcelLine.state == LineState.GIVEN)
    )
    members: dict[str, set[UUID]] = {}
    for row in rows:
        for group in row.groups:
            members.setdefault(group, set()).add(row.resident)
    return tuple(Reached(group=group, members=len(members[group])) for group in sorted(members))
