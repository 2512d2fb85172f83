"""The ways in to the policies, for programs and for people: what holds, what is proposed, and who signs it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.orm import Session

from app import policy_form, policy_making, policy_views, rulebook
from app.base.edges import Call, Form, may
from app.base.errors import NotFound, Refusal
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from app.policy_making import EndProposal, Name, NewProposal, Signed, SignProposal
from app.policy_views import ProposalView, VersionView
from app.rulebook import KINDS, Change, Rulebook
from distribution import wording
from distribution.wording import Names

_PROPOSES, _SIGNS = may(Permission.PROPOSE_POLICY), may(Permission.SIGN_POLICY)
_READS = may(Permission.READ_POLICY)


class Proposed(msgspec.Struct, frozen=True):
    """The proposal that was written down, or ended."""

    proposal: UUID


# ---------------------------------------------------------------- for programs


@get("/api/policy-proposals", operation_id="listPolicyProposals", guards=[_READS])
async def list_proposals(call: NamedDependency[Call], waiting: FromQuery[bool] = True) -> tuple[ProposalView, ...]:
    """Proposals that wait for a signature, or the newest of all, with what each changes from what to what."""
    return await call.read(policy_views.proposals, call.actor, call.today, waiting=waiting)


@get("/api/policies/{name:str}/versions", operation_id="listPolicyVersions", guards=[_READS])
async def list_versions(call: NamedDependency[Call], name: FromPath[str]) -> tuple[VersionView, ...]:
    """Every version of a policy that holds, will hold or held, newest first."""
    return await call.read(policy_views.versions, name, call.today)


@post("/api/policy-proposals", operation_id="proposePolicy", guards=[_PROPOSES], status_code=201)
async def propose(call: NamedDependency[Call], data: JSONBody[NewProposal]) -> Proposed:
    """Propose a change of a policy; nothing holds before a medic signed it."""
    return Proposed(await call.write(policy_making.propose, data, call.actor, call.today, call.now))


@post("/api/policy-proposals/sign", operation_id="signPolicy", guards=[_SIGNS], status_code=200)
async def sign(call: NamedDependency[Call], data: JSONBody[SignProposal]) -> Signed:
    """Put a proposal in force from its day, or from today where that day has passed."""
    return await call.write(policy_making.sign, data, call.actor, call.today, call.now)


@post("/api/policy-proposals/decline", operation_id="declinePolicy", guards=[_SIGNS], status_code=200)
async def decline(call: NamedDependency[Call], data: JSONBody[EndProposal]) -> Proposed:
    """Say no to a proposal, with a reason."""
    await call.write(policy_making.decline, data, call.actor, call.now)
    return Proposed(data.proposal)


@post("/api/policy-proposals/withdraw", operation_id="withdrawPolicy", guards=[_PROPOSES], status_code=200)
async def withdraw(call: NamedDependency[Call], data: JSONBody[EndProposal]) -> Proposed:
    """Take back a proposal that nobody has decided yet."""
    await call.write(policy_making.withdraw, data, call.actor, call.now)
    return Proposed(data.proposal)


# ---------------------------------------------------------------- for people


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The page of all policies: what holds, and what waits to be signed."""

    book: Rulebook
    waiting: tuple[ProposalView, ...]


def _all(session: Session, actor: Actor, today: Any) -> Shown:
    return Shown(
        book=rulebook.rulebook(session, today), waiting=policy_views.proposals(session, actor, today, waiting=True)
    )


@get("/policy", guards=[_READS], include_in_schema=False)
async def policy_page(call: NamedDependency[Call]) -> Response[Any]:
    """The thresholds and rule switches that hold today, and the proposals that wait for a signature."""
    shown = await call.read(_all, call.actor, call.today)
    told = rulebook.told(call, shown.book)
    there = {one.slug for one in told}
    return call.page(
        "policy.html", policies=told, waiting=shown.waiting, name_of=lambda slug: rulebook.name_of(call, slug),
        proposes=call.actor.may(Permission.PROPOSE_POLICY), signs=call.actor.may(Permission.SIGN_POLICY),
        missing=[slug for slug in KINDS if slug not in there],
    )  # fmt: skip


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A policy's versions and proposals, with what things are called."""

    versions: tuple[VersionView, ...]
    proposals: tuple[ProposalView, ...]
    names: Names


def _past(session: Session, name: str, actor: Actor, today: Any) -> Past:
    return Past(
        versions=policy_views.versions(session, name, today),
        proposals=policy_views.proposals(session, actor, today, waiting=False, name=name),
        names=wording.names(session),
    )


@get("/policy/{name:str}", guards=[_READS], include_in_schema=False)
async def versions_page(call: NamedDependency[Call], name: FromPath[str]) -> Response[Any]:
    """Every version of a policy, what it changed, who signed it; and the proposals that became nothing."""
    past = await call.read(_past, name, call.actor, call.today)

    def differs(one: VersionView | ProposalView) -> tuple[Change, ...]:
        before, after = (one.before, one.body) if isinstance(one, VersionView) else (one.before, one.after)
        return rulebook.changes(call, past.names, name, before, after) if before else ()

    return call.page(
        "policy_versions.html", slug=name, name=rulebook.name_of(call, name), past=past, differs=differs,
        when=_when(call), proposes=call.actor.may(Permission.PROPOSE_POLICY),
    )  # fmt: skip


@get("/policy/{name:str}/new", guards=[_PROPOSES], include_in_schema=False)
async def proposal_form(call: NamedDependency[Call], name: FromPath[str]) -> Response[Any]:
    """The form of a change, filled with what holds today."""
    return await _form(call, name)


@post("/policy/{name:str}/new", guards=[_PROPOSES], include_in_schema=False)
async def propose_on_page(call: NamedDependency[Call], name: FromPath[str]) -> Response[Any]:
    """Write the proposal down; a refusal shows the form again with everything that was typed."""
    form = await call.form()
    body = (await call.read(_behind, name, call.today)).body
    try:
        new = policy_form.proposal_of(call, cast("Name", name), form, body)
        made = await call.write(policy_making.propose, new, call.actor, call.today, call.now)
    except Refusal as no:
        return await _form(call, name, form, no)
    return call.go(f"/policy/proposals/{made}")


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of a change is filled with."""

    body: dict[str, Any]
    names: Names


def _behind(session: Session, name: str, today: Any) -> Behind:
    if name not in KINDS:
        raise NotFound
    return Behind(body=policy_making.basis(session, name, today), names=wording.names(session))


async def _form(call: Call, name: str, form: Form | None = None, no: Refusal | None = None) -> Response[Any]:
    behind = await call.read(_behind, name, call.today)
    errors = _faults(call, no)
    return call.page(
        "policy_new.html", status=no.status if no else 200, slug=name, name=rulebook.name_of(call, name),
        fields=policy_form.fields(call, name, behind.body, behind.names), errors=errors,
        fault=defaultdict(str, errors), notices=_notice(call, no) if not errors else (), key=new_id(),
        typed={key: texts[0] for key, texts in (form or {}).items() if texts}, ticked=(form or {}).get("rule", []),
        again=form is not None, today_iso=call.today.isoformat(),
    )  # fmt: skip


def _faults(call: Call, no: Refusal | None) -> list[tuple[str, str]]:
    faults = getattr(no, "faults", ())
    return [(field.rpartition(".")[2], call.say(f"fault.{code}", **params)) for field, code, params in faults]


def _notice(call: Call, no: Refusal | None) -> tuple[tuple[str, str], ...]:
    if no is None:
        return ()
    return (("bad", " ".join(call.say(f"refusal.{no.code}.{part}", **no.params) for part in ("title", "detail"))),)


@get("/policy/proposals/{proposal:uuid}", guards=[_READS], include_in_schema=False)
async def proposal_page(call: NamedDependency[Call], proposal: FromPath[UUID]) -> Response[Any]:
    """A proposal: what changes from what to what, from when, why; to be signed or declined by a medic."""
    return await _proposal(call, proposal)


async def _proposal(call: Call, proposal: UUID, no: Refusal | None = None, typed: str = "") -> Response[Any]:
    one = await call.read(policy_views.proposal, proposal, call.actor, call.today)
    names = await call.read(wording.names)
    errors = _faults(call, no)
    return call.page(
        "policy_proposal.html", status=no.status if no else 200, one=one, name=rulebook.name_of(call, one.name),
        changes=rulebook.changes(call, names, one.name, one.before, one.after), when=_when(call), today=call.today,
        proposes=call.actor.may(Permission.PROPOSE_POLICY), signs=call.actor.may(Permission.SIGN_POLICY),
        errors=errors, fault=defaultdict(str, errors), notices=_notice(call, no) if not errors else (), key=new_id(),
        typed=typed,
    )  # fmt: skip


@post("/policy/proposals/{proposal:uuid}/sign", guards=[_SIGNS], include_in_schema=False)
async def sign_on_page(call: NamedDependency[Call], proposal: FromPath[UUID]) -> Response[Any]:
    """Sign a proposal."""
    order = call.filled(SignProposal, await call.form(), proposal=proposal)
    try:
        await call.write(policy_making.sign, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _proposal(call, proposal, no)
    return call.go(f"/policy/proposals/{proposal}")


@post("/policy/proposals/{proposal:uuid}/decline", guards=[_SIGNS], include_in_schema=False)
async def decline_on_page(call: NamedDependency[Call], proposal: FromPath[UUID]) -> Response[Any]:
    """Decline a proposal."""
    return await _end(call, proposal, policy_making.decline)


@post("/policy/proposals/{proposal:uuid}/withdraw", guards=[_PROPOSES], include_in_schema=False)
async def withdraw_on_page(call: NamedDependency[Call], proposal: FromPath[UUID]) -> Response[Any]:
    """Take a proposal back."""
    return await _end(call, proposal, policy_making.withdraw)


async def _end(call: Call, proposal: UUID, verb: Any) -> Response[Any]:
    form = await call.form()
    try:
        await call.write(verb, call.filled(EndProposal, form, proposal=proposal), call.actor, call.now)
    except Refusal as no:
        return await _proposal(call, proposal, no, (form.get("reason") or [""])[0])
    return call.go(f"/policy/proposals/{proposal}")


def _when(call: Call) -> Any:
    zone = ZoneInfo(call.settings.timezone)
    return lambda instant: instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")


handlers: list[BaseRouteHandler] = [
    list_proposals,
    list_versions,
    propose,
    sign,
    decline,
    withdraw,
    policy_page,
    versions_page,
    proposal_form,
    propose_on_page,
    proposal_page,
    sign_on_page,
    decline_on_page,
    withdraw_on_page,
]
