"""Who must sign before a pack leaves hold (IN26), and who may override a finding: a refusal nobody (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from app.base.reasons import Reason
from inventory.receiving.intake_facts import Kind, Verdict
from inventory.receiving.screening import found

# Every role named must sign. A rule that stands in no row is the law's: nobody.
OVERRIDE: dict[str, frozenset[str]] = {
    "IN04": frozenset({"medic"}),
    "IN05": frozenset({"medic", "coordinator"}),
    "IN06": frozenset({"medic"}),
    "IN07": frozenset({"medic"}),
    "IN09": frozenset({"medic"}),
    "IN11": frozenset({"medic"}),
    "IN12": frozenset({"medic"}),
    "IN13": frozenset({"coordinator"}),
    "IN15": frozenset({"coordinator"}),
    "IN17": frozenset({"medic"}),
    "IN18": frozenset({"medic", "coordinator"}),
    "IN20": frozenset({"coordinator"}),
    "IN21": frozenset({"medic"}),
    "IN22": frozenset({"coordinator"}),
    "IN23": frozenset({"coordinator"}),
    "CATALOGUE": frozenset({"medic"}),
}
TAKES_ANYWAY = frozenset({"coordinator", "office"})
"""IN19 alone refuses out of courtesy: these roles, themselves at the counter, take it all the same and say why."""

# «Waits until a medic has released it»: the release is what the rule asks for, and overrides nothing.
FULFILLED = frozenset({"IN09"})


def overridden(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The findings that a release goes against: each wants a reason beside the signatures (B1)."""
    return tuple(one for one in reasons if one.outcome == Verdict.QUARANTINE and one.rule not in FULFILLED)


def planned(reasons: Iterable[Reason]) -> bool:
    """Whether the goods are short-dated and so go out with a named plan for their use only (IN05)."""
    return any(one.rule == "IN05" and one.outcome == Verdict.QUARANTINE for one in reasons)


def override_roles(reason: Reason) -> frozenset[str]:
    """The roles that must all sign to override this reason; empty: nobody can, as of every refusal."""
    if reason.outcome == Verdict.REJECT:
        return frozenset()
    return OVERRIDE.get(reason.rule, frozenset())


def may_release(
    receiver_id: object, releaser_id: object, releaser_is_medic: bool, kind: Kind | None, verdict: Verdict
) -> Reason | None:
    """IN26: why this person may not take the pack out of hold or quarantine, or None.

    Never the receiver; any medicine, and anything of unknown ``kind``, by a medic; a refused pack by nobody.
    """
    if verdict is Verdict.REJECT:
        return found("IN26_REFUSED", Verdict.REJECT)
    if receiver_id == releaser_id:
        return found("IN26_SAME_PERSON", Verdict.REJECT)
    if kind in (None, Kind.MEDICINE) and not releaser_is_medic:
        return found("IN26_NOT_MEDIC", Verdict.REJECT)
    return None
