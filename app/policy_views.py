"""Policies over time: what is proposed and by whom, what held when, and what each change changed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.base import policy
from app.base.errors import NotFound
from app.base.models import Account, PolicyDecision, PolicyProposal, PolicyVersion
from app.base.permissions import Actor, Role
from app.policy_making import basis
from app.rulebook import KINDS

FEW = 50


class ProposalView(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal: ``before`` is what would hold on its day without it. ``outcome`` is empty while it waits.

    ``outdated``: another version was signed since, so that it can only be declined. People are staff numbers.
    """

    id: UUID
    name: str
    valid_from: date
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    proposed_by: str
    own: bool
    at: datetime
    outdated: bool
    outcome: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    answer: str = ""
    version: int | None = None


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version that holds, will hold (``coming``) or held (``past``); ``before``: the version in front of it."""

    version: int
    state: str
    valid_from: date
    signed_by: str
    proposed_by: str
    reason: str
    at: datetime
    before: dict[str, Any] | None
    body: dict[str, Any]


def waiting(session: Session, actor: Actor) -> int | None:
    """How many proposals wait for a signature; told to those who propose and sign."""
    if actor.role not in {Role.MEDIC, Role.OFFICE}:
        return None
    undecided = ~select(PolicyDecision.at).where(PolicyDecision.proposal == PolicyProposal.id).exists()
    return session.execute(select(func.count()).select_from(PolicyProposal).where(undecided)).scalar_one()


def proposals(
    session: Session, actor: Actor, today: date, *, waiting: bool = True, name: str = "", only: UUID | None = None
) -> tuple[ProposalView, ...]:
    """Proposals, newest first; those that wait, or all; at most 50."""
    by, decider = aliased(Account), aliased(Account)
    query = (
        select(PolicyProposal, PolicyDecision, by.handle.label("by"), decider.handle.label("decider"))
        .outerjoin(PolicyDecision, PolicyDecision.proposal == PolicyProposal.id)
        .outerjoin(by, by.id == PolicyProposal.proposed_by)
        .outerjoin(decider, decider.id == PolicyDecision.by)
        .order_by(PolicyProposal.id.desc())
        .limit(FEW)
    )
    if only is not None:
        query = query.where(PolicyProposal.id == only)
    elif waiting:
        query = query.where(PolicyDecision.at.is_(None))
    if name:
        query = query.where(PolicyProposal.name == name)
    return tuple(_view(session, row, actor, today) for row in session.execute(query).all())


def proposal(session: Session, wanted: UUID, actor: Actor, today: date) -> ProposalView:
    """One proposal; raises NotFound."""
    for found in proposals(session, actor, today, only=wanted):
        return found
    raise NotFound


def _view(session: Session, row: Any, actor: Actor, today: date) -> ProposalView:
    made: PolicyProposal = row.PolicyProposal
    decided: PolicyDecision | None = row.PolicyDecision
    told = ProposalView(
        id=made.id,
        name=made.name,
        valid_from=made.valid_from,
        reason=made.reason,
        before=_based_on(session, made) if decided else basis(session, made.name, max(made.valid_from, today)),
        after=made.body,
        proposed_by=row.by or "",
        own=made.proposed_by == actor.account,
        at=made.at,
        outdated=decided is None and policy.newest(session, made.name) != made.based_on,
    )
    if decided is None:
        return told
    return msgspec.structs.replace(
        told, outcome=decided.outcome, decided_by=row.decider or "", decided_at=decided.at, answer=decided.reason,
        version=decided.version,
    )  # fmt: skip


def _based_on(session: Session, made: PolicyProposal) -> dict[str, Any]:
    held = session.execute(
        select(PolicyVersion.body).where(PolicyVersion.name == made.name, PolicyVersion.version == made.based_on)
    ).scalar()
    return held or basis(session, made.name, made.valid_from)


def versions(session: Session, name: str, today: date) -> tuple[VersionView, ...]:
    """Every version of a policy, newest first; raises NotFound for what is no policy."""
    if name not in KINDS:
        raise NotFound
    signer, proposer = aliased(Account), aliased(Account)
    rows = session.execute(
        select(PolicyVersion, signer.handle.label("signer"), proposer.handle.label("proposer"), PolicyProposal.reason)
        .outerjoin(signer, signer.id == PolicyVersion.signed_by)
        .outerjoin(proposer, proposer.id == PolicyVersion.proposed_by)
        .outerjoin(PolicyDecision, PolicyDecision.version == PolicyVersion.version)
        .outerjoin(
            PolicyProposal, (PolicyProposal.id == PolicyDecision.proposal) & (PolicyProposal.name == PolicyVersion.name)
        )
        .where(PolicyVersion.name == name)
        .order_by(PolicyVersion.version, PolicyProposal.reason.is_(None))
    ).all()
    held = next((one.version for one in policy.in_force(session, today) if one.name == name), 0)
    told: dict[int, VersionView] = {}
    before = None
    for row in rows:
        one: PolicyVersion = row.PolicyVersion
        if one.version in told:
            continue
        told[one.version] = VersionView(
            version=one.version,
            state="now" if one.version == held else "coming" if one.valid_from > today else "past",
            valid_from=one.valid_from,
            signed_by=row.signer or "",
            proposed_by=row.proposer or "",
            reason=row.reason or "",
            at=one.at,
            before=before,
            body=one.body,
        )
        before = one.body
    return tuple(reversed(told.values()))
