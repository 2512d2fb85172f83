"""From how few units an item is short, and how many are enough: typed by people, kept with who and when."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base import audit, policy, replay
from app.base.errors import Invalid, NotFound, Params
from app.base.fields import Count, Key
from app.base.ids import new_id
from app.base.permissions import Actor
from inventory import stations
from inventory.errors import UnknownItem
from inventory.models import Item
from inventory.stock import standing
from inventory.stock.level_models import Threshold
from inventory.stock.standing import Raw

POLICY = "levels"
MOST_LINES = 1_000


class LevelPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every station where nobody typed a figure: how few of an item are short, how many are enough.

    Goods that wait for a decision longer than ``quarantine_days`` raise an alert.
    """

    version: str
    low: int = 0
    low_by_item: dict[str, int] = {}
    enough: int = 0
    enough_by_item: dict[str, int] = {}
    quarantine_days: int = 7

    def short_at(self, code: str) -> int:
        """The number of available units at which this item counts as short."""
        return self.low_by_item.get(code, self.low)

    def enough_at(self, code: str) -> int:
        """How many available units are enough; never below where it counts as short, 0: nobody said."""
        enough = self.enough_by_item.get(code, self.enough)
        return max(enough, self.short_at(code)) if enough else 0


class Figures(NamedTuple):
    """Short at ``low`` available units and below; more than ``enough`` is surplus (0: nobody said how many are)."""

    low: int
    enough: int


class Thresholds(NamedTuple):
    """The figures of a day: a station's own go before those of the item, and these before the policy's."""

    policy: LevelPolicy
    typed: dict[tuple[Raw, Raw | None], tuple[int, int]]

    def general(self, item: Raw, code: str) -> Figures:
        """What holds for an item at a station without figures of its own."""
        typed = self.typed.get((item, None))
        return Figures(*typed) if typed else self.policy_figures(code)

    def policy_figures(self, code: str) -> Figures:
        """What holds for an item where nobody typed anything."""
        return Figures(self.policy.short_at(code), self.policy.enough_at(code))

    def own(self, station: Raw) -> dict[Raw, Figures]:
        """A station's own figures by item."""
        return {item: Figures(*typed) for (item, at), typed in self.typed.items() if at == station}


class SetLevel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures of an item at a station, or everywhere. Without both of them the pair's own figures are taken back."""

    item: UUID
    station: UUID | None = None
    low: Count | None = None
    enough: Count | None = None


class SetLevels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures typed on one page, all of them or none."""

    key: Key
    levels: Annotated[tuple[SetLevel, ...], msgspec.Meta(min_length=1, max_length=MOST_LINES)]


class LevelsSet(msgspec.Struct, frozen=True):
    """How many figures were changed."""

    changed: int


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """Figures that somebody typed, and when; None: the pair's own were taken back."""

    item: UUID
    station: UUID | None
    low: int | None
    enough: int | None
    by: UUID
    at: datetime


_NEWEST = select(
    standing.raw(Threshold.item), standing.raw(Threshold.station), Threshold.low, Threshold.enough
).order_by(Threshold.id)  # fmt: skip


def thresholds(session: Session, today: date) -> Thresholds:
    """What holds today; without a valid policy only what is used up counts as short."""
    kept = standing.kept_facts(session)
    if kept.figures is None:
        newest = {(row.item, row.station): (row.low, row.enough) for row in session.execute(_NEWEST)}
        kept.figures = {pair: figures for pair, figures in newest.items() if figures[0] is not None}
    try:
        found = policy.current(session, POLICY, LevelPolicy, today)
    except msgspec.ValidationError:
        found = None
    return Thresholds(found or LevelPolicy(version="none"), kept.figures)


def set_levels(session: Session, order: SetLevels, actor: Actor, now: datetime) -> LevelsSet:
    """Keep the figures that differ from those typed last; raises NotFound, UnknownItem, and Invalid by line.

    For every station at once only those may who see every station; a community's coordinator sets its own stations'.
    """
    made = replay.made_by(session, actor, order.key, "levels.set", order)
    if made is not None:
        return msgspec.convert(made, LevelsSet)
    _check(session, order, actor)
    last = typed_last(session)
    new = [one for one in order.levels if _differs(one, last.get((one.item, one.station)))]
    for one in new:
        session.execute(
            insert(Threshold).values(
                id=new_id(), item=one.item, station=one.station, low=one.low, enough=one.enough,
                by=actor.account, at=now,
            )
        )  # fmt: skip
    done = LevelsSet(len(new))
    audit.note(session, actor, "levels.set", None, now, changed=len(new))
    replay.keep(session, actor, order.key, "levels.set", order, msgspec.to_builtins(done), now)
    return done


def _check(session: Session, order: SetLevels, actor: Actor) -> None:
    places = {one.station for one in order.levels if one.station is not None}
    for station in sorted(places):
        stations.in_scope(session, actor, station)
    if not actor.everywhere and any(one.station is None for one in order.levels):
        raise NotFound
    items = {one.item for one in order.levels}
    if len(set(session.execute(select(Item.id).where(Item.id.in_(items))).scalars())) < len(items):
        raise UnknownItem
    faults: list[tuple[str, str, Params]] = [
        (f"levels.{at}", *fault) for at, one in enumerate(order.levels) if (fault := _fault(one))
    ]
    pairs = [(one.item, one.station) for one in order.levels]
    faults += [(f"levels.{at}", "repeated", {}) for at, pair in enumerate(pairs) if pair in pairs[:at]]
    if faults:
        raise Invalid(*faults)


def _fault(one: SetLevel) -> tuple[str, Params] | None:
    if (one.low is None) != (one.enough is None):
        return "both", {}
    if one.low is not None and one.enough is not None and one.enough < one.low:
        return "at_least", {"low": one.low}
    return None


def _differs(one: SetLevel, last: Typed | None) -> bool:
    return (one.low, one.enough) != ((last.low, last.enough) if last else (None, None))


def typed_last(session: Session) -> dict[tuple[UUID, UUID | None], Typed]:
    """Who typed what for each pair last, and when."""
    rows = session.execute(
        select(Threshold.item, Threshold.station, Threshold.low, Threshold.enough, Threshold.by, Threshold.at)
        .order_by(Threshold.id)
    )  # fmt: skip
    return {(row.item, row.station): Typed(**row._mapping) for row in rows}
