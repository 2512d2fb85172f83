"""Pages of plans and of the medic's queue: press once, see who gets what and why, approve; decide case by case."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from app.base.edges import Call, Form, may
from app.base.errors import NothingTicked, Refusal
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Permission
from app.base.reasons import Reason
from distribution import grids, people_api, plans, releases, wording
from distribution.approvals import ApprovePlan
from distribution.errors import LinePacked
from distribution.plans import ProposePlan
from distribution.releases import Case, Decided, DecideLine, DecideLines
from distribution.snapshot import DecisionOutcome

PAGE = 50


class ManyLines(msgspec.Struct, frozen=True, kw_only=True):
    """The cases that were ticked to be released together."""

    key: Key
    line: tuple[UUID, ...] = ()


def zone_of(call: Call) -> ZoneInfo:
    """The stations' time zone, in which times are shown."""
    return ZoneInfo(call.settings.timezone)


@get("/plans", guards=[may(Permission.READ_PLAN)], include_in_schema=False)
async def plans_page(call: NamedDependency[Call]) -> Response[str]:
    """The plans so far, and the button that makes a new one."""
    return await _plans(call)


async def _plans(call: Call, no: Refusal | None = None) -> Response[str]:
    return call.page(
        "distribution/plans.html",
        no.status if no else 200,
        plans=await call.read(plans.plans_of, call.actor),
        communities=await call.read(grids.communities, call.actor),
        told=await wording.told(call, no) if no else None,
        key=new_id(),
        zone=zone_of(call),
    )


@post("/plans", guards=[may(Permission.MATCH)], include_in_schema=False)
async def run_match(call: NamedDependency[Call]) -> Response[Any]:
    """Work out a plan and show it."""
    form = await call.form()
    try:
        plan = await people_api.propose(call, call.filled(ProposePlan, form))
    except Refusal as no:
        return await _plans(call, no)
    return call.go(f"/plans/{plan}")


@get("/plans/{plan:uuid}", guards=[may(Permission.READ_PLAN)], include_in_schema=False)
async def plan_page(
    call: NamedDependency[Call],
    plan: FromPath[UUID],
    outcome: FromQuery[DecisionOutcome | None] = None,
    after: FromQuery[UUID | None] = None,
) -> Response[str]:
    """A plan: its counts, and every decision with its reasons."""
    return await _plan(call, plan, outcome, after)


async def _plan(
    call: Call,
    plan: UUID,
    outcome: DecisionOutcome | None = None,
    after: UUID | None = None,
    no: Refusal | None = None,
) -> Response[str]:
    view = await call.read(plans.read_plan, plan, call.actor, outcome, after, PAGE)
    called = await call.read(wording.names)

    def why(findings: tuple[Reason, ...]) -> tuple[tuple[str, str], ...]:
        return wording.sentences(call, findings, called)

    return call.page(
        "distribution/plan.html",
        no.status if no else 200,
        view=view,
        outcome=outcome.value if outcome else "",
        after=after,
        following=view.decisions[-1].id if len(view.decisions) == PAGE else None,
        why=why,
        told=await wording.told(call, no) if no else None,
        key=new_id(),
        zone=zone_of(call),
        may_approve=call.actor.may(Permission.APPROVE),
    )


@post("/plans/{plan:uuid}/approve", guards=[may(Permission.APPROVE)], include_in_schema=False)
async def approve_plan(call: NamedDependency[Call], plan: FromPath[UUID]) -> Response[Any]:
    """Make the plan's promises and show how it came out."""
    form = await call.form()
    try:
        await people_api.approve(call, call.filled(ApprovePlan, form, plan=plan))
    except Refusal as no:
        return await _plan(call, plan, no=no)
    return call.go(f"/plans/{plan}")


@get("/medic", guards=[may(Permission.RELEASE_FOR_RESIDENT)], include_in_schema=False)
async def medic_page(call: NamedDependency[Call]) -> Response[str]:
    """What waits for a medic, seconds a decision from the keyboard."""
    return await _medic(call)


async def _medic(
    call: Call, no: Refusal | None = None, form: Form | None = None, done: list[Decided] | None = None
) -> Response[str]:
    waiting = await people_api.cases(call)
    called = await call.read(wording.names)

    def why(case: Case) -> tuple[tuple[str, str], ...]:
        return wording.sentences(call, case.reasons, called)

    def name(slug: str) -> str:
        return called.call_it(slug, call.language)

    return call.page(
        "distribution/medic.html",
        no.status if no else 200,
        cases=waiting,
        why=why,
        name=name,
        done=done,
        told=await wording.told(call, no) if no else None,
        failed=(form or {}).get("line", [""])[0],
        note=(form or {}).get("note", [""])[0],
        new_key=new_id,
    )


@post("/medic", guards=[may(Permission.RELEASE_FOR_RESIDENT)], include_in_schema=False)
async def decide(call: NamedDependency[Call]) -> Response[Any]:
    """One case decided; the page goes on with the next."""
    form = await call.form()
    try:
        word = call.filled(DecideLine, form)
        done = await call.write(releases.decide, call.vault, word, call.actor, call.today, call.now)
    except Refusal as no:
        return await _medic(call, no, form)
    return await _medic(call, LinePacked(), form) if done.refused else call.go("/medic")


@post("/medic/many", guards=[may(Permission.RELEASE_FOR_RESIDENT)], include_in_schema=False, status_code=200)
async def release_ticked(call: NamedDependency[Call]) -> Response[Any]:
    """Release every case that was ticked; each stands or falls alone."""
    form = await call.form()
    try:
        ticked = call.filled(ManyLines, form)
        if not ticked.line:
            raise NothingTicked
        words = tuple(
            DecideLine(key=releases.key_of(ticked.key, line), line=line, released=True) for line in ticked.line
        )
        done = await people_api.decide_many(call, DecideLines(decisions=words))
    except Refusal as no:
        return await _medic(call, no, form)
    return await _medic(call, done=done)


handlers: list[BaseRouteHandler] = [
    plans_page,
    run_match,
    plan_page,
    approve_plan,
    medic_page,
    decide,
    release_ticked,
]
