"""Puts a need into its published tier, lets it rise with waiting, and says by when each level must have acted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.base.reasons import Reason


class Urgency(StrEnum):
    """紧急, 急, 一般, 其他."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    ORDINARY = "ordinary"
    OTHER = "other"


class Level(StrEnum):
    """Who acts: the team first, then upwards."""

    TEAM = "team"
    COMMUNITY = "community"
    OFFICE = "office"


# Signs that go to 120 at once (DS18).
RED_FLAGS = (
    "breathless",
    "fever_not_falling",
    "disease_worse",
    "child_drowsy_or_refusing",
    "persistent_vomiting",
    "pregnancy_alarm",
)
CODES = (
    "URGENCY_SYMPTOM",
    "URGENCY_GROUP",
    "URGENCY_WAITING",
    "URGENCY_UNLISTED",
    "URGENCY_CAPPED",
)


class Signs(Struct, frozen=True, kw_only=True):
    """What was seen or heard; ``has_antipyretic`` None is not asked and counts as no."""

    red_flags: frozenset[str] = frozenset()
    severe_without_medicine: bool = False
    fever: bool = False
    high_risk: bool = False
    has_antipyretic: bool | None = None
    wants_goods: bool = True


class NeedFacts(Struct, frozen=True, kw_only=True):
    """What a need's place depends on: its urgency, the person's priority groups, and the day it was raised."""

    urgency: Urgency
    groups: frozenset[str]
    since: date


class TierRow(Struct, frozen=True, kw_only=True):
    """One row of the published table; ``group`` is one group, ``priority`` for any of them, ``any`` for everyone."""

    urgency: Urgency
    group: str
    rank: Annotated[int, Meta(ge=0)]
    code: str


class Limit(Struct, frozen=True, kw_only=True):
    """How long a level has; a working day ends at the hour at which it began."""

    urgency: Urgency
    level: Level
    amount: Annotated[int, Meta(ge=0)]
    unit: Literal["minutes", "hours", "days", "working_days"]


def _tier(urgency: Urgency, group: str, rank: int, code: str) -> TierRow:
    return TierRow(urgency=urgency, group=group, rank=rank, code=code)


def _limit(
    urgency: Urgency, level: Level, amount: int, unit: Literal["minutes", "hours", "days", "working_days"]
) -> Limit:
    return Limit(urgency=urgency, level=level, amount=amount, unit=unit)


DEFAULT_TIERS = (
    _tier(Urgency.EMERGENCY, "any", 0, "EMERGENCY"),
    _tier(Urgency.URGENT, "priority", 1, "URGENT_PRIORITY"),
    _tier(Urgency.URGENT, "any", 2, "URGENT"),
    _tier(Urgency.ORDINARY, "priority", 3, "ORDINARY_PRIORITY"),
    _tier(Urgency.ORDINARY, "any", 4, "ORDINARY"),
    _tier(Urgency.OTHER, "any", 5, "OTHER"),
)
DEFAULT_LIMITS = (
    _limit(Urgency.EMERGENCY, Level.TEAM, 15, "minutes"),
    _limit(Urgency.EMERGENCY, Level.COMMUNITY, 0, "minutes"),
    _limit(Urgency.EMERGENCY, Level.OFFICE, 0, "minutes"),
    _limit(Urgency.URGENT, Level.TEAM, 2, "hours"),
    _limit(Urgency.URGENT, Level.COMMUNITY, 4, "hours"),
    _limit(Urgency.URGENT, Level.OFFICE, 12, "hours"),
    _limit(Urgency.ORDINARY, Level.TEAM, 1, "days"),
    _limit(Urgency.ORDINARY, Level.COMMUNITY, 2, "working_days"),
    _limit(Urgency.ORDINARY, Level.OFFICE, 3, "working_days"),
    _limit(Urgency.OTHER, Level.TEAM, 1, "days"),
    _limit(Urgency.OTHER, Level.COMMUNITY, 3, "working_days"),
    _limit(Urgency.OTHER, Level.OFFICE, 5, "working_days"),
)


class UrgencyPolicy(Struct, frozen=True, kw_only=True):
    """The dated table of tiers and limits, owned by the community body.

    ``holidays`` are working weekdays off, ``workdays`` weekend days worked in their place (调休).
    """

    version: str
    tiers: tuple[TierRow, ...] = DEFAULT_TIERS
    limits: tuple[Limit, ...] = DEFAULT_LIMITS
    promote_after_days: Annotated[int, Meta(ge=1, le=365)] = 14
    remind_percent: tuple[int, int] = (50, 80)
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    utc_offset_minutes: int = 480


class Tier(Struct, frozen=True, kw_only=True):
    """A need's place, 0 first, and the parts that put it there: the right to an explanation (PIPL art. 24)."""

    rank: int
    code: str
    parts: tuple[Reason, ...]


def classify(signs: Signs) -> Urgency:
    """The urgency of what was seen: any red flag is an emergency, fever of a high-risk person urgent."""
    if signs.red_flags or signs.severe_without_medicine:
        return Urgency.EMERGENCY
    if signs.fever and signs.high_risk and not signs.has_antipyretic:
        return Urgency.URGENT
    return Urgency.ORDINARY if signs.wants_goods else Urgency.OTHER


def tier(facts: NeedFacts, policy: UrgencyPolicy, today: date) -> Tier:
    """The best row that fits, one rank better for each full period waited, never as good as an urgent row."""
    row = min((row for row in policy.tiers if _fits(row, facts)), key=lambda row: row.rank, default=None)
    start = row.rank if row else 1 + max((row.rank for row in policy.tiers), default=0)
    waited = max(0, (today - facts.since).days)
    earned, cap = start - waited // policy.promote_after_days, ageing_cap(policy)
    rank = max(earned, min(start, cap))
    parts = [_part("URGENCY_SYMPTOM", urgency=facts.urgency.value)]
    if row is None:
        parts.append(_part("URGENCY_UNLISTED"))
    elif row.group != "any":
        parts.append(_part("URGENCY_GROUP", count=len(facts.groups)))
    if rank < start:
        parts.append(_part("URGENCY_WAITING", days=waited, steps=start - rank))
    if earned < rank and start >= cap:
        parts.append(_part("URGENCY_CAPPED", days=waited))
    return Tier(rank=rank, code=row.code if row else "UNLISTED", parts=tuple(parts))


def ageing_cap(policy: UrgencyPolicy) -> int:
    """The best rank that waiting alone can reach: the one below the last emergency or urgent row."""
    pressing = (row.rank for row in policy.tiers if row.urgency in {Urgency.EMERGENCY, Urgency.URGENT})
    return 1 + max(pressing, default=-1)


def _fits(row: TierRow, facts: NeedFacts) -> bool:
    grouped = row.group == "any" or row.group in facts.groups or (row.group == "priority" and bool(facts.groups))
    return row.urgency == facts.urgency and grouped


def _part(code: str, **params: str | int) -> Reason:
    return Reason("URGENCY", code, "", params)


def due(
    urgency: Urgency, level: Level, opened: datetime, policy: UrgencyPolicy, paused: timedelta = timedelta()
) -> datetime:
    """When the level must have acted, in UTC; ``paused`` is the time spent on hold (挂起), the only pause there is.

    Raises LookupError when the policy gives the level no limit.
    """
    found = next((limit for limit in policy.limits if (limit.urgency, limit.level) == (urgency, level)), None)
    if found is None:
        raise LookupError(f"no limit for {urgency} at {level}")
    start = opened + paused
    if found.unit == "working_days":
        return _after_working_days(start, found.amount, policy)
    return (start + timedelta(**{found.unit: found.amount})).astimezone(UTC)


def _after_working_days(start: datetime, days: int, policy: UrgencyPolicy) -> datetime:
    local = start.astimezone(timezone(timedelta(minutes=policy.utc_offset_minutes)))
    while days > 0:
        local += timedelta(days=1)
        days -= _is_working(local.date(), policy)
    return local.astimezone(UTC)


def _is_working(day: date, policy: UrgencyPolicy) -> bool:
    return day in policy.workdays or (day.weekday() < 5 and day not in policy.holidays)


def progress(
    opened: datetime, due_at: datetime, now: datetime, policy: UrgencyPolicy
) -> Literal["running", "remind", "remind_again", "overdue"]:
    """How far the time has run: a reminder at each of the two shares, overdue (escalate) at the whole of it."""
    if now >= due_at:
        return "overdue"
    spent, whole = now - opened, due_at - opened
    first, second = policy.remind_percent
    if spent * 100 >= whole * second:
        return "remind_again"
    return "remind" if spent * 100 >= whole * first else "running"
