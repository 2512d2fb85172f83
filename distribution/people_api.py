"""The programs' way in to residents, needs, plans and the medic's queue."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import anyio.to_thread
import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from app.base.edges import Call, may
from app.base.permissions import Permission
from distribution import approvals, needs, plans, releases, residents, teams
from distribution.approvals import Approved, ApprovePlan
from distribution.needs import CloseNeed, NeedRow, NewNeed, Recorded
from distribution.plans import PlanLine, PlanView, ProposePlan
from distribution.releases import Case, Decided, DecideLine, DecideLines
from distribution.residents import CorrectResident, Listed, NewResident
from distribution.snapshot import DecisionOutcome
from distribution.teams import TeamRow

Page = Annotated[int, QueryParameter(ge=1, le=200)]
Serial = Annotated[int, QueryParameter(ge=0, le=999_999)]
Door = Annotated[int | None, QueryParameter(ge=0, le=999_999)]


class Registered(msgspec.Struct, frozen=True):
    """The resident who was registered."""

    resident: UUID


class Residents(msgspec.Struct, frozen=True):
    """Residents in scope by door, names masked; ``next`` is the ``after`` of the following page."""

    residents: list[Listed]
    next: int | None


class Needs(msgspec.Struct, frozen=True):
    """Open needs, most urgent first; ``next`` is the ``after`` of the following page."""

    needs: list[NeedRow]
    next: UUID | None


class Plans(msgspec.Struct, frozen=True):
    """Plans, newest first."""

    plans: list[PlanLine]


class Proposed(msgspec.Struct, frozen=True):
    """The plan that was proposed."""

    plan: UUID


class Cases(msgspec.Struct, frozen=True):
    """Medicines that wait for a medic, at most 50."""

    cases: list[Case]


class Decisions(msgspec.Struct, frozen=True):
    """What became of each decision of a batch."""

    decisions: list[Decided]


class Teams(msgspec.Struct, frozen=True):
    """The teams in scope, by name."""

    teams: list[TeamRow]


@post("/api/residents", operation_id="registerResident", guards=[may(Permission.EDIT_RESIDENT)], status_code=201)
async def register_resident(call: NamedDependency[Call], data: JSONBody[NewResident]) -> Registered:
    """Take somebody into the ledger. Every health question is answered, or left open on purpose."""
    return Registered(await call.write(residents.register, call.vault, data, call.actor, call.now))


@post("/api/residents/correct", operation_id="correctResident", guards=[may(Permission.EDIT_RESIDENT)], status_code=200)
async def correct_resident(call: NamedDependency[Call], data: JSONBody[CorrectResident]) -> Registered:
    """Put a resident's data right; refused where somebody else changed it meanwhile."""
    await call.write(residents.correct, call.vault, data, call.actor, call.now)
    return Registered(data.resident)


@get("/api/residents", operation_id="listResidents", guards=[may(Permission.READ_RESIDENT)])
async def list_residents(call: NamedDependency[Call], serial: Door = None, after: Serial = 0) -> Residents:
    """Residents in scope by door serial, names masked. Whole doors are listed: page on with ``next``."""
    rows = await call.read(residents.listed, call.vault, call.actor, serial, after)
    return Residents(rows, residents.following(rows))


@post("/api/needs", operation_id="recordNeed", guards=[may(Permission.RECORD_NEED)], status_code=201)
async def record_need(call: NamedDependency[Call], data: JSONBody[NewNeed]) -> Recorded:
    """Write a need down; the same asked again at one door within a day is merged."""
    return await call.write(needs.record, data, call.actor, call.now)


@get("/api/needs", operation_id="listNeeds", guards=[may(Permission.READ_NEEDS)])
async def list_needs(call: NamedDependency[Call], after: FromQuery[UUID | None] = None, limit: Page = 50) -> Needs:
    """The open needs in scope, most urgent first, then longest waiting."""
    rows = await call.read(needs.open_needs, call.actor, after, limit)
    return Needs(rows, rows[-1].id if len(rows) == limit else None)


@post("/api/needs/close", operation_id="closeNeed", guards=[may(Permission.RECORD_NEED)], status_code=200)
async def close_need(call: NamedDependency[Call], data: JSONBody[CloseNeed]) -> Recorded:
    """Close a need that nothing is to be brought for."""
    await call.write(needs.close, data, call.actor, call.now)
    return Recorded(need=data.need, merged=False)


@post("/api/plans", operation_id="proposePlan", guards=[may(Permission.MATCH)], status_code=201)
async def propose_plan(call: NamedDependency[Call], data: JSONBody[ProposePlan]) -> Proposed:
    """Match the open needs with the free stock; it promises nothing until it is approved."""
    return Proposed(await propose(call, data))


async def propose(call: Call, proposal: ProposePlan) -> UUID:
    """Read, work out in a thread of its own, keep: nobody waits for the writer meanwhile."""
    seen = await call.read(plans.snapshot, call.vault, call.actor, proposal.community, call.today)
    plan = await anyio.to_thread.run_sync(plans.work_out, seen, str(proposal.key))
    while True:
        kept = await call.write(plans.keep, seen, plan, proposal, call.actor, call.now)
        if not kept.left:
            return kept.plan


@get("/api/plans", operation_id="listPlans", guards=[may(Permission.READ_PLAN)])
async def list_plans(call: NamedDependency[Call], limit: Page = 20) -> Plans:
    """The plans in scope, newest first."""
    return Plans(await call.read(plans.plans_of, call.actor, limit))


@get("/api/plans/{plan:uuid}", operation_id="readPlan", guards=[may(Permission.READ_PLAN)])
async def read_plan(
    call: NamedDependency[Call],
    plan: FromPath[UUID],
    outcome: FromQuery[DecisionOutcome | None] = None,
    after: FromQuery[UUID | None] = None,
    limit: Page = 100,
) -> PlanView:
    """A plan with a page of its decisions in rank order; every yes and no has its reasons."""
    return await call.read(plans.read_plan, plan, call.actor, outcome, after, limit)


@post("/api/plans/approve", operation_id="approvePlan", guards=[may(Permission.APPROVE)], status_code=200)
async def approve_plan(call: NamedDependency[Call], data: JSONBody[ApprovePlan]) -> Approved:
    """Make the plan's promises; what no longer holds is dropped with its reason."""
    return await approve(call, data)


async def approve(call: Call, approval: ApprovePlan) -> Approved:
    """Step by step until nothing is left; a step that was interrupted is taken up by the next sending."""
    while True:
        done = await call.write(approvals.approve, call.vault, approval, call.actor, call.today, call.now)
        if not done.left:
            return done


@get("/api/medic/cases", operation_id="listMedicCases", guards=[may(Permission.RELEASE_FOR_RESIDENT)])
async def list_medic_cases(call: NamedDependency[Call]) -> Cases:
    """What waits for a medic in the own communities; who was looked at is written down first."""
    return Cases(await cases(call))


async def cases(call: Call) -> list[Case]:
    """The queue, after the note of whose health facts it shows."""
    waiting = await call.read(releases.queue, call.vault, call.actor, call.today)
    if waiting:
        await call.write(releases.queue_opened, waiting, call.actor, call.now)
    return waiting


_RELEASES = may(Permission.RELEASE_FOR_RESIDENT)


@post("/api/medic/decide", operation_id="decideMedicCase", guards=[_RELEASES], status_code=200)
async def decide_medic_case(call: NamedDependency[Call], data: JSONBody[DecideLine]) -> Decided:
    """Let a medicine go to its person, or refuse it: then the goods go back and the need is open again."""
    return await call.write(releases.decide, call.vault, data, call.actor, call.today, call.now)


@post("/api/medic/decide-many", operation_id="decideMedicCases", guards=[_RELEASES], status_code=200)
async def decide_medic_cases(call: NamedDependency[Call], data: JSONBody[DecideLines]) -> Decisions:
    """Several decisions, each for itself."""
    return Decisions(await decide_many(call, data))


async def decide_many(call: Call, batch: DecideLines) -> list[Decided]:
    """A few at a time, so that nobody else waits long for the writer."""
    done: list[Decided] = []
    for start in range(0, len(batch.decisions), 5):
        some = DecideLines(decisions=batch.decisions[start : start + 5])
        done += await call.write(releases.decide_many, call.vault, some, call.actor, call.today, call.now)
    return done


@get("/api/teams", operation_id="listTeams", guards=[may(Permission.READ_ROUNDS, Permission.READ_NEEDS)])
async def list_teams(call: NamedDependency[Call]) -> Teams:
    """The teams in scope with their members and households counted."""
    return Teams(await call.read(teams.teams_of, call.actor))


handlers: list[BaseRouteHandler] = [
    register_resident,
    correct_resident,
    list_residents,
    record_need,
    list_needs,
    close_need,
    propose_plan,
    list_plans,
    read_plan,
    approve_plan,
    list_medic_cases,
    decide_medic_case,
    decide_medic_cases,
    list_teams,
]
