"""A plan says who gets what and why: seen in one read, worked out outside any transaction, kept as proposed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, and_, func, insert, or_, select, true, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import Conflict, NotFound
from app.base.fields import Key
from app.base.ids import new_id
from app.base.models import Community
from app.base.permissions import Actor, Permission
from app.base.reasons import Reason
from app.base.vault import Vault
from distribution import policies, releases, standing, urgency
from distribution.allotment import work_out
from distribution.models import Decision, Household, Need, NeedState, PlanState, Resident, Team
from distribution.models import Plan as PlanRow
from distribution.snapshot import Decided, DecisionOutcome, Plan, Snapshot, Stock, Wanted
from distribution.urgency import NeedFacts, Urgency, UrgencyPolicy
from inventory.models import Holding, Item, Kit, KitLine, Lot, Pack, Place, PlaceKind, Station

__all__ = ["ProposePlan", "Snapshot", "explain", "keep", "plans_of", "read_plan", "snapshot", "work_out"]

PAGE = 100
PART = 120
"""Decisions written at once: well under the 50 ms that a verb may hold the writer."""


class ProposePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Match the open needs of a community, or of all (None: the office only)."""

    key: Key
    community: UUID | None = None


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in a list, with its decisions counted by outcome."""

    id: UUID
    community: UUID | None
    community_name: str | None
    state: PlanState
    made_at: datetime
    approved_at: datetime | None
    counts: dict[str, int]


class DecisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: whose door, what for, how it came out and why. The reasons tell nobody's health."""

    id: UUID
    need: UUID
    serial: int
    code: str
    name_zh: str
    name_en: str
    outcome: DecisionOutcome
    quantity: int
    expiry: date | None
    station: str | None
    rank: int
    tier: int
    release_by: str | None
    reasons: tuple[Reason, ...]


class GroupCount(msgspec.Struct, frozen=True, kw_only=True):
    """Of a priority group (or ``none``): its needs in the plan, and how many of them get something."""

    group: str
    needs: int
    served: int


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with its policies, its counts, and a page of its decisions in rank order."""

    plan: PlanLine
    policies: dict[str, str]
    seed: str
    groups: tuple[GroupCount, ...]
    decisions: tuple[DecisionRow, ...]


def snapshot(session: Session, vault: Vault, actor: Actor, community: UUID | None, today: date) -> Snapshot:
    """All that a run sees: open needs, free stock at their teams' stations, people, policies. Raises NotFound."""
    actor.need(Permission.MATCH)
    _in_scope(actor, community)
    rows = _open_needs(session, community)
    kits = _kit_lines(session, {row.kit for row in rows if row.kit})
    wanted = _wanted(rows, kits, policies.urgency(session, today), today)
    items = {item for one in wanted for item in (*one.items, *(line for line, _ in one.lines))}
    people = {one.resident for one in wanted}
    dispensing = policies.dispensing(session, today)
    return Snapshot(
        community=community,
        wanted=tuple(wanted),
        stock=tuple(_stock(session, items, {one.station for one in wanted})),
        background=standing.background(session, vault, people, items, dispensing, today, today),
        dispensing=dispensing,
        matching=policies.matching(session, today),
        urgency=policies.urgency(session, today).version,
        refused=frozenset(releases.refused_before(session, people)),
    )


def _in_scope(actor: Actor, community: UUID | None) -> None:
    if community is not None:
        actor.in_community(community)
    elif not actor.everywhere:
        raise NotFound


def _open_needs(session: Session, community: UUID | None) -> list[Any]:
    rows = (
        select(
            Need.id, Need.resident, Need.household, Need.item, Need.kit, Need.substitutes, Need.quantity,
            Need.urgency, Need.since, Resident.groups, Team.station,
        )
        .join(Resident, Resident.id == Need.resident)
        .join(Household, Household.id == Need.household)
        .join(Team, Team.id == Household.team)
        .where(Need.state == NeedState.OPEN, true() if community is None else Need.community == community)
        .order_by(Need.id)
    )  # fmt: skip
    return list(session.execute(rows).all())


def _kit_lines(session: Session, kits: Collection[UUID]) -> dict[UUID, tuple[tuple[UUID, int], ...]]:
    lines: dict[UUID, list[tuple[UUID, int]]] = {}
    rows = select(KitLine.kit, KitLine.item, KitLine.quantity).where(KitLine.kit.in_(kits)).order_by(KitLine.item)
    for row in session.execute(rows):
        lines.setdefault(row.kit, []).append((row.item, row.quantity))
    return {kit: tuple(of_kit) for kit, of_kit in lines.items()}


def _wanted(
    rows: Iterable[Any], kits: dict[UUID, tuple[tuple[UUID, int], ...]], rules: UrgencyPolicy, today: date
) -> list[Wanted]:
    wanted = []
    # Waiting is counted in the sub-district's own days: at one in the morning there, UTC is still in yesterday.
    here = timezone(timedelta(minutes=rules.utc_offset_minutes))
    for row in rows:
        since = row.since.astimezone(here)
        facts = NeedFacts(urgency=Urgency(row.urgency), groups=frozenset(row.groups), since=since.date())
        wanted.append(
            Wanted(
                need=row.id,
                resident=row.resident,
                household=row.household,
                station=row.station,
                tier=urgency.tier(facts, rules, today).rank,
                since=since,
                quantity=row.quantity,
                items=() if row.kit else (row.item, *(UUID(one) for one in row.substitutes)),
                lines=kits[row.kit] if row.kit else (),
            )
        )
    return wanted


def _stock(session: Session, items: Collection[UUID], stations: Collection[UUID]) -> list[Stock]:
    rows = session.execute(
        select(Lot.id, Lot.item, Place.station, Lot.expiry, Lot.recalled_on, func.sum(Holding.quantity).label("units"))
        .join(Pack, Pack.lot == Lot.id)
        .join(Holding, Holding.pack == Pack.id)
        .join(Place, Place.id == Holding.place)
        .where(
            Lot.item.in_(items), Place.kind == PlaceKind.SHELF, Place.station.in_(stations), Holding.quantity > 0
        )
        .group_by(Lot.id, Lot.item, Place.station, Lot.expiry, Lot.recalled_on)
        .order_by(Lot.id, Place.station)
    )  # fmt: skip
    facts = {row.id: row.facts for row in session.execute(select(Item.id, Item.facts).where(Item.id.in_(items)))}
    return [
        Stock(
            lot=row.id,
            item=row.item,
            station=row.station,
            expiry=row.expiry,
            units=int(row.units),
            recalled=row.recalled_on is not None,
            durable=bool(facts[row.item].get("durable")),
        )
        for row in rows
    ]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The plan, and how many of its decisions are still to be written (call again)."""

    plan: UUID
    left: int


def keep(session: Session, seen: Snapshot, plan: Plan, proposal: ProposePlan, actor: Actor, now: datetime) -> Kept:
    """Write the next part of a worked-out plan; with the last part it is proposed and supersedes an earlier proposal.

    It promises nothing yet. Raises Conflict where an interrupted sending of the same key had worked out another plan.
    """
    actor.need(Permission.MATCH)
    _in_scope(actor, proposal.community)
    made = replay.made_by(session, actor, proposal.key, "plan.propose", proposal)
    made_id = UUID(made["plan"]) if made else _begin(session, seen, plan, proposal, actor, now)
    row = session.execute(select(PlanRow.state, PlanRow.snapshot).where(PlanRow.id == made_id).with_for_update()).one()
    if row.state is not PlanState.WORKING:
        return Kept(plan=made_id, left=0)
    if row.snapshot != plan.digest:
        raise Conflict
    there = session.execute(select(func.count()).where(Decision.plan == made_id)).scalar_one()
    part = plan.decisions[there : there + PART]
    if part:
        session.execute(insert(Decision), [_row(made_id, one) for one in part])
    left = len(plan.decisions) - there - len(part)
    if left == 0:
        _finish(session, made_id, seen, actor, now)
    return Kept(plan=made_id, left=left)


def _begin(session: Session, seen: Snapshot, plan: Plan, proposal: ProposePlan, actor: Actor, now: datetime) -> UUID:
    made = new_id()
    session.execute(
        insert(PlanRow).values(
            id=made,
            community=seen.community,
            state=PlanState.WORKING,
            seed=plan.seed,
            policies=seen.versions,
            snapshot=plan.digest,
            made_by=actor.account,
            made_at=now,
        )
    )
    replay.keep(session, actor, proposal.key, "plan.propose", proposal, {"plan": str(made)}, now)
    return made


def _row(plan: UUID, one: Decided) -> dict[str, Any]:
    reasons = [msgspec.to_builtins(reason) for reason in one.reasons]
    return {"id": new_id(), "plan": plan, **{name: getattr(one, name) for name in _AS_THEY_ARE}, "reasons": reasons}


def _finish(session: Session, made: UUID, seen: Snapshot, actor: Actor, now: datetime) -> None:
    """The note also stands for the health facts that the rules read in the run."""
    same = PlanRow.community.is_(None) if seen.community is None else PlanRow.community == seen.community
    older = (same, PlanRow.state == PlanState.PROPOSED)
    session.execute(update(PlanRow).where(*older).values(state=PlanState.SUPERSEDED))
    session.execute(update(PlanRow).where(PlanRow.id == made).values(state=PlanState.PROPOSED))
    audit.note(session, actor, "plan.propose", made, now, needs=len(seen.wanted), people=len(seen.background.people))


_AS_THEY_ARE = ("need", "outcome", "item", "lot", "station", "quantity", "rank", "tier", "release_by")


def _visible(actor: Actor) -> Any:
    mine = true() if actor.everywhere else PlanRow.community.in_(actor.communities)
    return and_(mine, PlanRow.state != PlanState.WORKING)


def plans_of(session: Session, actor: Actor, limit: int = 20) -> list[PlanLine]:
    """The plans in scope, newest first."""
    actor.need(Permission.READ_PLAN)
    rows = session.execute(_lines(actor).order_by(PlanRow.id.desc()).limit(min(limit, 200))).all()
    counts = _counts(session, [row.id for row in rows])
    return [_line(row, counts.get(row.id, {})) for row in rows]


def _lines(actor: Actor) -> Select[Any]:
    plan = PlanRow
    return (
        select(
            plan.id,
            plan.community,
            Community.name,
            plan.state,
            plan.made_at,
            plan.approved_at,
            plan.policies,
            plan.seed,
        )
        .outerjoin(Community, Community.id == plan.community)
        .where(_visible(actor))
    )


def _line(row: Any, counts: dict[str, int]) -> PlanLine:
    return PlanLine(
        id=row.id,
        community=row.community,
        community_name=row.name,
        state=row.state,
        made_at=row.made_at,
        approved_at=row.approved_at,
        counts={outcome.value: counts.get(outcome.value, 0) for outcome in DecisionOutcome},
    )


def _counts(session: Session, plans: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    counts: dict[UUID, dict[str, int]] = {}
    rows = (
        select(Decision.plan, Decision.outcome, func.count())
        .where(Decision.plan.in_(plans))
        .group_by(Decision.plan, Decision.outcome)
    )
    for row in session.execute(rows):
        counts.setdefault(row.plan, {})[row.outcome.value] = row[2]
    return counts


def read_plan(
    session: Session,
    plan: UUID,
    actor: Actor,
    outcome: DecisionOutcome | None = None,
    after: UUID | None = None,
    limit: int = PAGE,
) -> PlanView:
    """A plan with a page of its decisions in rank order, of one outcome only where it is named. Raises NotFound."""
    actor.need(Permission.READ_PLAN)
    row = session.execute(_lines(actor).where(PlanRow.id == plan)).first()
    if row is None:
        raise NotFound
    wanted = _decisions().where(Decision.plan == plan)
    if outcome is not None:
        wanted = wanted.where(Decision.outcome == outcome)
    if after is not None:
        last = select(Decision.rank).where(Decision.id == after, Decision.plan == plan).scalar_subquery()
        wanted = wanted.where(or_(Decision.rank > last, and_(Decision.rank == last, Decision.id > after)))
    rows = session.execute(wanted.order_by(Decision.rank, Decision.id).limit(min(limit, 200)))
    return PlanView(
        plan=_line(row, _counts(session, [plan]).get(plan, {})),
        policies=row.policies,
        seed=row.seed,
        groups=_groups(session, plan),
        decisions=tuple(_decision(one) for one in rows),
    )


def explain(session: Session, decision: UUID, actor: Actor) -> DecisionRow:
    """One decision with its reasons. Raises NotFound out of scope."""
    actor.need(Permission.READ_PLAN)
    row = session.execute(
        _decisions().join(PlanRow, PlanRow.id == Decision.plan).where(Decision.id == decision, _visible(actor))
    ).first()
    if row is None:
        raise NotFound
    return _decision(row)


def _decisions() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Decision, Household.serial, Station.name.label("station_name"), Lot.expiry,
            Item.code, Item.name_zh, Item.name_en,
            Kit.code.label("kit_code"), Kit.name_zh.label("kit_zh"), Kit.name_en.label("kit_en"),
        )
        .join(Need, Need.id == Decision.need)
        .join(Household, Household.id == Need.household)
        .outerjoin(Item, Item.id == func.coalesce(Decision.item, Need.item))
        .outerjoin(Kit, Kit.id == Need.kit)
        .outerjoin(Lot, Lot.id == Decision.lot)
        .outerjoin(Station, Station.id == Decision.station)
    )  # fmt: skip


def _decision(row: Any) -> DecisionRow:
    one: Decision = row[0]
    return DecisionRow(
        id=one.id,
        need=one.need,
        serial=row.serial,
        code=row.code or row.kit_code,
        name_zh=row.name_zh or row.kit_zh,
        name_en=row.name_en or row.kit_en,
        outcome=one.outcome,
        quantity=one.quantity,
        expiry=row.expiry,
        station=row.station_name,
        rank=one.rank,
        tier=one.tier,
        release_by=one.release_by,
        reasons=tuple(msgspec.convert(reason, Reason) for reason in one.reasons),
    )


def _groups(session: Session, plan: UUID) -> tuple[GroupCount, ...]:
    rows = session.execute(
        select(Decision.need, Decision.outcome, Resident.groups)
        .join(Need, Need.id == Decision.need)
        .join(Resident, Resident.id == Need.resident)
        .where(Decision.plan == plan)
    )
    needs: dict[str, set[UUID]] = {}
    served: dict[str, set[UUID]] = {}
    for row in rows:
        for group in row.groups or ["none"]:
            needs.setdefault(group, set()).add(row.need)
            if row.outcome in {DecisionOutcome.ALLOTTED, DecisionOutcome.PROMISED}:
                served.setdefault(group, set()).add(row.need)
    return tuple(
        GroupCount(group=group, needs=len(needs[group]), served=len(served.get(group, ()))) for group in sorted(needs)
    )
