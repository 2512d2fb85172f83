"""Says whether a parcel's lines may go to this person, by ingredient, and who must release each; unknown is never safe.

The rules warn, hold and block; they give no medical advice. A community pharmacist signs the policy before use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.base.reasons import Reason
from distribution.safety_facts import (
    ALLOW,
    BLOCK,
    CODES,
    DOCTOR,
    EXPECTING,
    FLAGS,
    GROUPS,
    MEDIC,
    SUPPLY_KINDS,
    TELLS_HEALTH,
    WARN,
    Active,
    Check,
    DispensingPolicy,
    Given,
    Interaction,
    Judgement,
    Line,
    LineJudgement,
    Outcome,
    Person,
    Product,
    Release,
    ReleaseBy,
    conditions,
)
from distribution.safety_rules import (
    ALL_RULES,
    REQUIRED,
    RULES,
    Case,
    Rule,
    Source,
    found,
    never,
    row,
    within,
)

__all__ = [
    "ALL_RULES",
    "CODES",
    "FLAGS",
    "GROUPS",
    "REQUIRED",
    "RULES",
    "SUPPLY_KINDS",
    "TELLS_HEALTH",
    "Active",
    "Check",
    "DispensingPolicy",
    "Given",
    "Interaction",
    "Judgement",
    "Line",
    "LineJudgement",
    "Outcome",
    "Person",
    "Product",
    "Release",
    "ReleaseBy",
    "Rule",
    "conditions",
    "judge",
    "needs_medic",
    "unanswered",
]


def unanswered(person: Person) -> tuple[str, ...]:
    """The questions that still stand open: condition flags and the person's own fields, by name."""
    fields = {
        "age": person.age_months,
        "allergies": person.allergies,
        "own_medicines": person.own_medicines,
        **{flag: person.has(flag) for flag in FLAGS if not flag.startswith("severe_")},
    }
    return tuple(name for name, answer in fields.items() if answer is None)


def needs_medic(person: Person, policy: DispensingPolicy) -> bool:
    """Whether each medicine for this person needs a medic's release; an open question counts as a flag."""
    age = person.age_months
    return (
        person.in_priority_group
        or age is None
        or not policy.child_below_months <= age < policy.elder_from_months
        or person.pregnancy in EXPECTING
        or bool(person.allergies or person.own_medicines or person.low_dose_aspirin)
        or any(person.conditions.values())
        or bool(unanswered(person))
    )


def judge(check: Check, policy: DispensingPolicy | None, rules: tuple[Rule, ...] = RULES) -> Judgement:
    """Judge every line of the parcel; the strictest finding wins and all are kept (C1).

    Without a policy that names every required rule, or when a rule breaks on any medicine, no medicine of the
    parcel may go. Judge again at plan, packing, departure and hand-over: facts change on the way.
    """
    active = policy or DispensingPolicy(version="none", rules=frozenset())
    cases = [
        Case(check=check, line=line, policy=active, sources=_sources(check, position, active))
        for position, line in enumerate(check.parcel)
    ]
    findings = [_findings(case, rules) for case in cases]
    broken = _broken(cases, findings)
    lines = tuple(
        _weigh(case, reasons + tuple(fault for fault in broken if case.product.is_medicine and fault not in reasons))
        for case, reasons in zip(cases, findings, strict=True)
    )
    return Judgement(
        outcome=max((line.outcome for line in lines), default=ALLOW),
        lines=lines,
        ruleset=active.version,
        cleared=all(line.cleared for line in lines),
    )


def _sources(check: Check, position: int, policy: DispensingPolicy) -> tuple[Source, ...]:
    rest = (*check.parcel[:position], *check.parcel[position + 1 :])
    others = (line.product for line in rest if line.product.is_medicine)
    at_home = set(check.person.own_medicines or ())
    if check.person.low_dose_aspirin:
        at_home.add("aspirin")
    return (
        *(Source(code="DS01_IN_PARCEL", item=other.item, actives=other.actives) for other in others),
        *(Source(code="DS01_GIVEN", item=one.item, actives=one.actives) for one in within(check.given, check, policy)),
        *(
            Source(code="DS01_AT_HOME", item="", actives=(Active(ingredient=ingredient),))
            for ingredient in sorted(at_home)
        ),
    )


def _findings(case: Case, rules: tuple[Rule, ...]) -> tuple[Reason, ...]:
    if not case.product.is_medicine:
        wanted = case.policy.rules | REQUIRED
        return _run(case, (Rule("ROW", never), *(rule for rule in rules if rule.supplies and rule.id in wanted)))
    if not REQUIRED <= case.policy.rules <= {rule.id for rule in rules}:
        return (found("RULES_MISSING"),)
    return _run(case, (Rule("ROW", row), *(rule for rule in rules if rule.id in case.policy.rules)))


def _run(case: Case, rules: Iterable[Rule]) -> tuple[Reason, ...]:
    reasons: list[Reason] = []
    for rule in rules:
        try:
            reasons.extend(rule.judge(case))
        except Exception as fault:
            # A rule may break in any way; whichever it is, the line must not move. The fault's text may quote
            # the person, so only its type is kept.
            reasons.append(found("RULE_FAILED", failed=rule.id, fault=type(fault).__name__))
    return tuple(reasons)


def _broken(cases: list[Case], findings: list[tuple[Reason, ...]]) -> tuple[Reason, ...]:
    faults = (
        reason
        for case, reasons in zip(cases, findings, strict=True)
        for reason in reasons
        if case.product.is_medicine and reason.code == "RULE_FAILED"
    )
    first = next(faults, None)
    return (first,) if first else ()


def _weigh(case: Case, reasons: tuple[Reason, ...]) -> LineJudgement:
    release_reasons = _run(case, (Rule("RELEASE", _release_reasons),)) if case.product.is_medicine else ()
    outcome = _strictest(reasons)
    gravity = max(outcome, _strictest(release_reasons))
    release_by, asks = _RELEASER[gravity], _asks(case.person, (*reasons, *release_reasons))
    return LineJudgement(
        line=case.line.id,
        item=case.product.item,
        outcome=BLOCK if release_by is None else outcome,
        reasons=reasons,
        release_by=release_by,
        release_reasons=release_reasons,
        asks=asks,
        cleared=release_by == "volunteer"
        or any(_covers(release, case.line, release_by, asks) for release in case.check.releases),
    )


def _strictest(reasons: Iterable[Reason]) -> Outcome:
    return max((Outcome(reason.outcome) for reason in reasons), default=ALLOW)


def _asks(person: Person, reasons: Iterable[Reason]) -> frozenset[str]:
    """Each question with what it is about; where there is one, also all that is known of the person's health.

    So that whatever comes to light after a medic's yes is looked at anew, even what no rule here asks for.
    """
    asked = frozenset(
        ":".join((reason.code, *(str(value) for _, value in sorted(reason.params.items()))))
        for reason in reasons
        if Outcome(reason.outcome) >= MEDIC
    )
    return asked | _told(person) if asked else asked


def _told(person: Person) -> frozenset[str]:
    told = {
        "ALLERGY": person.allergies or (),
        "OWN": (*(person.own_medicines or ()), *(["low_dose_aspirin"] if person.low_dose_aspirin else [])),
        "CONDITION": (flag for flag in FLAGS if person.has(flag)),
        "PREGNANCY": (person.pregnancy,) if person.pregnancy in EXPECTING else (),
        "OPEN": unanswered(person),
    }
    return frozenset(f"{kind}:{what}" for kind, all_of_it in told.items() for what in all_of_it)


_RELEASER: dict[Outcome, ReleaseBy | None] = {
    ALLOW: "volunteer",
    WARN: "volunteer",
    MEDIC: "medic",
    DOCTOR: "doctor",
    BLOCK: None,
}


def _release_reasons(case: Case) -> Iterator[Reason]:
    if needs_medic(case.person, case.policy):
        yield found("RELEASE_FLAGGED")
    if unanswered(case.person):
        yield found("RELEASE_UNANSWERED")
    if case.younger_than(case.policy.infant_below_months):
        yield found("RELEASE_UNDER_TWO")
    if "aspirin" in case.product.ingredients:
        yield found("RELEASE_ASPIRIN")
    if case.product.release_by != "volunteer":
        yield found("RELEASE_ROW", DOCTOR if case.product.release_by == "doctor" else MEDIC)


def _covers(release: Release, line: Line, needed: ReleaseBy | None, asks: frozenset[str]) -> bool:
    """A release counts while nothing is asked that its giver had not seen; it never lifts a block."""
    enough = needed is not None and (release.by == "doctor" or needed == "medic")
    return enough and (release.line, release.item) == (line.id, line.product.item) and asks <= release.asks
