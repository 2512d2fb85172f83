"""The page on which thresholds are typed: every wanted item with what holds for it, and who typed that when."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.models import Account
from app.base.permissions import Actor
from inventory import stations
from inventory.models import Item
from inventory.receiving.intake_facts import Kind
from inventory.stock import standing, thresholds


class ThresholdRow(msgspec.Struct, frozen=True, kw_only=True):
    """An item with the figures typed for the pair (None: none), and those that hold where none are typed."""

    item: UUID
    code: str
    kind: Kind
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    low: int | None
    enough: int | None
    usual_low: int
    usual_enough: int
    by: str
    at: datetime | None


def rows(
    session: Session, actor: Actor, today: date, *, station: UUID | None = None, kind: str = ""
) -> tuple[ThresholdRow, ...]:
    """The wanted items (at most 1,000) in the order of their codes; raises NotFound for a station out of scope."""
    if station is not None:
        stations.in_scope(session, actor, station)
    held = thresholds.thresholds(session, today)
    last = thresholds.typed_last(session)
    query = select(Item.id, Item.code, Item.kind, Item.name_zh, Item.name_en, Item.strength, Item.facts)
    query = query.where(Item.wanted).order_by(Item.code).limit(thresholds.MOST_LINES)
    people = {one.by for (_, at), one in last.items() if at == station}
    handles = {row.id: row.handle for row in session.execute(select(Account.id, Account.handle)) if row.id in people}
    found = []
    for row in session.execute(query.where(Item.kind == kind) if kind else query):
        typed = last.get((row.id, station))
        usual = held.policy_figures(row.code)
        if station is not None:
            usual = held.general(standing.raw_of(session, row.id), row.code)
        found.append(
            ThresholdRow(
                item=row.id, code=row.code, kind=Kind(row.kind), name_zh=row.name_zh, name_en=row.name_en,
                strength=row.strength, unit_zh=row.facts["unit_zh"], unit_en=row.facts["unit_en"],
                low=typed.low if typed else None, enough=typed.enough if typed else None, usual_low=usual.low,
                usual_enough=usual.enough, by=handles.get(typed.by, "") if typed else "",
                at=typed.at if typed else None,
            )
        )  # fmt: skip
    return tuple(found)
