"""Thresholds and rule switches are dated, versioned, signed rows; rules get them as frozen structs.

What is only proposed stands in a table of its own, so that nothing here can take it for a rule.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session

from app.base.columns import table
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.models import PolicyVersion
from app.base.permissions import SYSTEM
from app.base.prepared import Prepared

T = TypeVar("T", bound=msgspec.Struct)


_P = table(PolicyVersion).columns
_CURRENT = Prepared(
    select(_P.id, _P.body)
    .where(_P.name == bindparam("called"), _P.valid_from <= bindparam("on"))
    .order_by(_P.valid_from.desc(), _P.version.desc())
    .limit(1)
)


def current(session: Session, name: str, kind: type[T], today: date) -> T | None:
    """The policy that holds today: the newest version of the latest day from which one holds; None if there is none.

    A stored body that does not fit ``kind`` raises msgspec.ValidationError: callers must treat that as «no rules».
    """
    row = _CURRENT.first(session, called=name, on=today)
    if row is None:
        return None
    held: T = _decoded(kind, row.id, msgspec.json.encode(row.body))
    return held


@lru_cache(maxsize=64)
def _decoded(kind: type[T], _id: UUID, body: bytes) -> T:
    return msgspec.json.decode(body, type=kind)


def enact(
    session: Session,
    name: str,
    body: msgspec.Struct,
    valid_from: date,
    now: datetime,
    *,
    proposed_by: UUID | None = None,
    signed_by: UUID = SYSTEM.account,
) -> int:
    """Add a version of policy ``name`` valid from a day; returns its version number. Older ones stay as they were.

    Without a signature of somebody's it is the programme's own, as a new store has it.
    """
    version = newest(session, name) + 1
    plain: dict[str, Any] = msgspec.to_builtins(body)
    session.execute(
        insert(PolicyVersion).values(
            id=new_id(),
            name=name,
            version=version,
            valid_from=valid_from,
            body=plain,
            proposed_by=proposed_by,
            signed_by=signed_by,
            at=now,
        )
    )
    return version


def newest(session: Session, name: str) -> int:
    """The number of the newest version there is, whether it holds yet or not; 0 for none."""
    return session.execute(select(func.max(PolicyVersion.version)).where(PolicyVersion.name == name)).scalar() or 0


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as it holds on a day."""

    name: str
    version: int
    valid_from: date
    signed: bool
    body: dict[str, Any]


def in_force(session: Session, today: date) -> list[InForce]:
    """Every policy that holds today, by name."""
    found: dict[str, InForce] = {}
    for row in session.execute(
        select(PolicyVersion)
        .where(PolicyVersion.valid_from <= today)
        .order_by(PolicyVersion.name, PolicyVersion.valid_from, PolicyVersion.version)
    ).scalars():
        found[row.name] = InForce(
            name=row.name,
            version=row.version,
            valid_from=row.valid_from,
            signed=row.signed_by != SYSTEM.account,
            body=row.body,
        )
    return list(found.values())


def named(session: Session, name: str, today: date) -> InForce:
    """One policy as it holds today; raises NotFound."""
    for found in in_force(session, today):
        if found.name == name:
            return found
    raise NotFound
