"""Changes of a policy: proposed by the office, signed by a medic, in force from a day and never before the signature.

A proposal stands in a table of its own and holds for nothing. Every version that ever held stays as it was.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base import audit, policy, replay
from app.base.errors import Invalid, NotFound, Refusal, SamePerson
from app.base.fields import Dated, Day, Key, Line, Word
from app.base.ids import new_id
from app.base.limits import limits
from app.base.models import PolicyDecision, PolicyProposal
from app.base.permissions import Actor, Permission
from app.rulebook import KINDS, RULES, TO_SIGN
from distribution.safety import ALL_RULES, REQUIRED, DispensingPolicy
from inventory.receiving.intake_facts import Emergency
from inventory.receiving.intake_policy import LAW, MERCURY_BAN

Name = Literal["intake", "dispensing", "matching", "urgency", "levels"]
LOCKED: dict[str, frozenset[str]] = {"intake": LAW, "dispensing": REQUIRED}
"""The rules that nobody switches off: what the law says, and those without which no medicine may move."""
BY_LAW = frozenset({"alcohol_max_ml", "ephedrine_max_ug", "ephedrine_max_packs", "mercury_from", "paracetamol_cap_mg"})
"""Thresholds whose limit is the law's, a notice's or a label's: they are only ever made stricter."""
DATES: dict[str, dict[str, tuple[date, date]]] = {"intake": {"mercury_from": (date(2020, 1, 1), MERCURY_BAN)}}
LONGEST_EASING = timedelta(days=92)


class NothingChanged(Refusal):
    """A proposal that leaves everything as it is."""

    code = "POLICY_UNCHANGED"


class Decided(Refusal):
    """The proposal was signed, declined or withdrawn before."""

    code = "POLICY_DECIDED"


class Outdated(Refusal):
    """Another version was signed since, so that this proposal would undo it unseen."""

    code = "POLICY_OUTDATED"
    status = 409


class Easing(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shortage: from its first to its last day a shorter shelf life is taken in, the usual course added to it."""

    from_day: Day
    until_day: Day
    min_days: Annotated[int, Meta(ge=30, le=180)] = 30


class NewProposal(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a policy from a day on; what is not named stays.

    ``rules``: the ids of all that are on. ``easing``: of the intake policy only; ``end_easing`` takes one away.
    """

    key: Key
    name: Name
    valid_from: Day
    reason: Line
    thresholds: dict[Word, int] = {}
    dates: dict[Word, Day] = {}
    rules: Annotated[tuple[Word, ...], Meta(max_length=100)] | None = None
    easing: Easing | None = None
    end_easing: bool = False


class SignProposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put a proposal in force from its day, or from today where that day has passed."""

    key: Key
    proposal: UUID


class EndProposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decline a proposal, or take back one's own; ``reason`` tells the other side why."""

    key: Key
    proposal: UUID
    reason: Line


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A version that a signature made, and the day from which it holds."""

    version: int
    valid_from: date


def starter(name: str) -> msgspec.Struct:
    """What a policy begins with where there is none yet that fits."""
    if name == "dispensing":
        return DispensingPolicy(version="1", rules=ALL_RULES)
    return KINDS[name](version="1")


def basis(session: Session, name: str, day: date) -> dict[str, Any]:
    """The body of what holds on a day by the signatures given so far, every field of it; else what one begins with."""
    held: msgspec.Struct | None
    try:
        held = policy.current(session, name, KINDS[name], day)
    except msgspec.ValidationError:
        held = None
    body: dict[str, Any] = msgspec.to_builtins(held or starter(name))
    return _ordered(body)


def _ordered(body: dict[str, Any]) -> dict[str, Any]:
    """Sets have no order of their own: equal bodies become equal."""
    return {name: sorted(value) if name == "rules" else value for name, value in body.items()}


def propose(session: Session, new: NewProposal, actor: Actor, today: date, now: datetime) -> UUID:
    """Write down a proposal; it changes nothing yet. Raises Invalid naming each fault, and NothingChanged."""
    actor.need(Permission.PROPOSE_POLICY)
    if (made := replay.made_by(session, actor, new.key, "policy.propose", new)) is not None:
        return UUID(made["proposal"])
    if new.valid_from < today:
        raise Invalid(("valid_from", "not_past", {}))
    before = basis(session, new.name, new.valid_from)
    body = changed(before, new)
    if body == before and policy.newest(session, new.name):
        raise NothingChanged
    proposal = new_id()
    session.execute(
        insert(PolicyProposal).values(
            id=proposal, name=new.name, based_on=policy.newest(session, new.name), valid_from=new.valid_from,
            body=body, reason=new.reason.strip(), proposed_by=actor.account, at=now,
        )
    )  # fmt: skip
    audit.note(session, actor, "policy.propose", proposal, now, policy=new.name)
    replay.keep(session, actor, new.key, "policy.propose", new, {"proposal": str(proposal)}, now)
    return proposal


def changed(before: dict[str, Any], new: NewProposal) -> dict[str, Any]:
    """The whole body with the proposed changes; raises Invalid for what is outside its limits or the law's."""
    faults = [*_threshold_faults(new), *_date_faults(new), *_rule_faults(new), *_easing_faults(new)]
    body = {**before, **new.thresholds, **{name: day.isoformat() for name, day in new.dates.items()}}
    if body.get("refuse_below_days", 0) > body.get("accept_from_days", 0):
        faults.append(("thresholds.refuse_below_days", "at_most", {"high": body["accept_from_days"]}))
    if faults:
        raise Invalid(*faults)
    if new.rules is not None:
        body["rules"] = sorted(set(new.rules))
    if new.easing or new.end_easing:
        body["emergency"] = {**msgspec.to_builtins(new.easing), "signed_by": TO_SIGN} if new.easing else None
    return _ordered(msgspec.to_builtins(_fitting(new.name, body)))


Faults = list[tuple[str, str, dict[str, str | int]]]


def _threshold_faults(new: NewProposal) -> Faults:
    spans, faults = limits(KINDS[new.name]), Faults()
    for name, value in new.thresholds.items():
        field, span = f"thresholds.{name}", spans.get(name)
        if span is None:
            faults.append((field, "unknown_field", {}))
        elif value < span.low:
            faults.append((field, "at_least", {"low": span.low}))
        elif value > span.high:
            faults.append((field, "at_most", {"high": span.high}))
    return faults


def _date_faults(new: NewProposal) -> Faults:
    faults = Faults()
    for name, day in new.dates.items():
        first, last = DATES.get(new.name, {}).get(name, (None, None))
        if first is None or last is None:
            faults.append((f"dates.{name}", "unknown_field", {}))
        elif not first <= day <= last:
            faults.append((f"dates.{name}", "day_between", {"first": first.isoformat(), "last": last.isoformat()}))
    return faults


def _rule_faults(new: NewProposal) -> Faults:
    if new.rules is None:
        return []
    known, on = frozenset(RULES.get(new.name, ())), frozenset(new.rules)
    off = sorted(LOCKED.get(new.name, frozenset()) - on)
    if not known or not on <= known:
        return [("rules", "choice", {})]
    return [("rules", "rule_locked", {"rules": " ".join(off)})] if off else []


def _easing_faults(new: NewProposal) -> Faults:
    easing = new.easing
    if new.name != "intake" and (easing or new.end_easing):
        return [("easing", "unknown_field", {})]
    if easing is None:
        return []
    if not max(easing.from_day, new.valid_from) <= easing.until_day <= easing.from_day + LONGEST_EASING:
        return [("easing.until_day", "easing_days", {"days": LONGEST_EASING.days})]
    return []


def _fitting(name: str, body: dict[str, Any]) -> msgspec.Struct:
    try:
        return msgspec.convert(body, KINDS[name])
    except msgspec.ValidationError:
        raise Invalid(("", "wrong", {})) from None


def sign(session: Session, order: SignProposal, actor: Actor, today: date, now: datetime) -> Signed:
    """Make a proposal a version that holds from its day, or from today where that has passed.

    Raises NotFound, SamePerson for whoever proposed it, Decided, and Outdated.
    """
    actor.need(Permission.SIGN_POLICY)
    proposal = _locked(session, order.proposal)
    if (made := replay.made_by(session, actor, order.key, "policy.sign", order)) is not None:
        return msgspec.convert(made, Signed)
    if proposal.proposed_by == actor.account:
        raise SamePerson
    _undecided(session, proposal)
    if policy.newest(session, proposal.name) != proposal.based_on:
        raise Outdated
    body = _signed_by(_fitting(proposal.name, proposal.body), str(proposal.based_on + 1), actor)
    valid_from = max(proposal.valid_from, today)
    version = policy.enact(
        session, proposal.name, body, valid_from, now, proposed_by=proposal.proposed_by, signed_by=actor.account
    )
    _decide(session, proposal, "signed", "", actor, now, version)
    signed = Signed(version=version, valid_from=valid_from)
    replay.keep(session, actor, order.key, "policy.sign", order, msgspec.to_builtins(signed), now)
    return signed


def _signed_by(body: msgspec.Struct, version: str, actor: Actor) -> msgspec.Struct:
    """The body under its number, so that whatever is judged by it can name it; its easing bears the signature."""
    easing: Emergency | None = getattr(body, "emergency", None)
    more = {}
    if easing is not None and easing.signed_by == TO_SIGN:
        more = {"emergency": msgspec.structs.replace(easing, signed_by=actor.handle)}
    return msgspec.structs.replace(body, version=version, **more)


def decline(session: Session, order: EndProposal, actor: Actor, now: datetime) -> None:
    """Say no to a proposal; raises NotFound and Decided."""
    actor.need(Permission.SIGN_POLICY)
    _end(session, order, "declined", actor, now)


def withdraw(session: Session, order: EndProposal, actor: Actor, now: datetime) -> None:
    """Take back a proposal that nobody has decided, by anyone who may propose; raises NotFound and Decided."""
    actor.need(Permission.PROPOSE_POLICY)
    _end(session, order, "withdrawn", actor, now)


def _end(session: Session, order: EndProposal, outcome: str, actor: Actor, now: datetime) -> None:
    proposal, verb = _locked(session, order.proposal), f"policy.{outcome}"
    if replay.made_by(session, actor, order.key, verb, order) is not None:
        return
    _undecided(session, proposal)
    _decide(session, proposal, outcome, order.reason.strip(), actor, now)
    replay.keep(session, actor, order.key, verb, order, {}, now)


def _locked(session: Session, wanted: UUID) -> PolicyProposal:
    found = session.execute(select(PolicyProposal).where(PolicyProposal.id == wanted).with_for_update()).scalar()
    if found is None:
        raise NotFound
    return found


def _undecided(session: Session, proposal: PolicyProposal) -> None:
    if session.execute(select(PolicyDecision.at).where(PolicyDecision.proposal == proposal.id)).first() is not None:
        raise Decided


def _decide(
    session: Session,
    proposal: PolicyProposal,
    outcome: str,
    reason: str,
    actor: Actor,
    now: datetime,
    version: int | None = None,
) -> None:
    session.execute(
        insert(PolicyDecision).values(
            proposal=proposal.id, outcome=outcome, version=version, reason=reason, by=actor.account, at=now
        )
    )
    audit.note(session, actor, f"policy.{outcome}", proposal.id, now, policy=proposal.name)
