"""The dispensing rules DS01–DS16 and DS21, one function each: a case in, findings out; the strictest wins elsewhere.

Sources: package inserts, NMPA and SFDA notices; a community pharmacist signs them before use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from msgspec import Struct

from app.base.reasons import Reason
from distribution.safety_facts import (
    ANTIPYRETICS,
    BLOCK,
    CODES,
    EXPECTING,
    MEDIC,
    NSAIDS,
    OTC_CLASSES,
    Active,
    Check,
    DispensingPolicy,
    Given,
    Line,
    Outcome,
    Person,
    Product,
)


class Source(Struct, frozen=True, kw_only=True):
    """Where else an ingredient comes from: another line, something given, or the person's own medicine."""

    code: str
    item: str
    actives: tuple[Active, ...]

    @property
    def ingredients(self) -> frozenset[str]:
        return frozenset(active.ingredient for active in self.actives)


class Case(Struct, frozen=True, kw_only=True):
    """One line seen with everything else the person gets or takes."""

    check: Check
    line: Line
    policy: DispensingPolicy
    sources: tuple[Source, ...]

    @property
    def person(self) -> Person:
        return self.check.person

    @property
    def product(self) -> Product:
        return self.line.product

    def younger_than(self, months: int | None) -> bool:
        age = self.person.age_months
        return months is not None and age is not None and age < months

    def named(self, ingredients: Iterable[str], *names: str) -> list[str]:
        """Those ingredients that are one of the names or belong to a class of that name, in order."""
        wanted = frozenset(names)
        return sorted(i for i in ingredients if wanted & {i, *self.check.classes.get(i, ())})

    def holds(self, *names: str) -> list[str]:
        return self.named(self.product.ingredients, *names)


def found(code: str, outcome: Outcome | None = None, **params: str | int) -> Reason:
    """A finding with the gravity that its code or, where the code leaves it open, the catalogue row has."""
    fixed = CODES[code]
    return Reason(code.split("_")[0], code, fixed or outcome or BLOCK, params)


def within(given: Iterable[Given], check: Check, policy: DispensingPolicy) -> Iterator[Given]:
    """What was given in the window: the day itself is day 0, days 0 to 6 count, day 7 is free."""
    return (one for one in given if (check.delivery_day - one.on).days < policy.window_days)


def row(case: Case) -> Iterator[Reason]:
    """The catalogue row's own word: prescription, never released, unknown content, contraindications."""
    product = case.product
    if product.otc_class.strip().casefold() not in OTC_CLASSES:
        yield found("ROW_PRESCRIPTION")
    yield from never(case)
    if product.barred_from and max(case.check.today, case.check.delivery_day) >= product.barred_from:
        yield found("ROW_BARRED")
    if not product.actives:
        yield found("ROW_INGREDIENTS_UNKNOWN")
    listed = [product.ingredients, *(source.ingredients for source in case.sources if source.code != "DS01_AT_HOME")]
    for ingredient in sorted(frozenset().union(*listed) - case.check.classes.keys()):
        yield found("RULES_UNCLASSED", ingredient=ingredient)
    for flag, outcome in sorted(product.contra.items()):
        answer = case.person.has(flag)
        if answer:
            yield found("ROW_CONTRAINDICATED", Outcome(outcome), flag=flag)
        elif answer is None:
            # Not asked is no milder than there: what the label forbids waits for the answer.
            yield found("ROW_UNANSWERED", max(Outcome(outcome), MEDIC), flag=flag)


def never(case: Case) -> Iterator[Reason]:
    """What the catalogue hands to nobody, medicine or not (a mercury thermometer)."""
    if case.product.release_by == "none":
        yield found("ROW_NEVER")


def ds01_same_ingredient(case: Case) -> Iterator[Reason]:
    own = case.person.own_medicines
    if own is None:
        yield found("DS01_OWN_UNKNOWN")
    elif any(ingredient not in case.check.classes for ingredient in own):
        yield found("DS01_OWN_UNLISTED")
    for source in case.sources:
        for ingredient in sorted(source.ingredients & case.product.ingredients):
            code = "DS01_MIXTURE" if _is_mixture(case, ingredient) else source.code
            yield found(code, ingredient=ingredient, other=source.item)
    for given in within(case.check.household_given, case.check, case.policy):
        for active in given.actives:
            if active.ingredient in case.product.ingredients:
                yield found("DS01_HOUSEHOLD", ingredient=active.ingredient, other=given.item)


def _is_mixture(case: Case, ingredient: str) -> bool:
    """Herbs that no pack lists one by one; a chemical active is never one, whatever the policy calls it."""
    return ingredient in case.policy.mixtures and case.check.classes.get(ingredient, frozenset()) <= {"herb"}


def ds02_paracetamol(case: Case) -> Iterator[Reason]:
    if "paracetamol" not in case.product.ingredients:
        return
    actives = [*case.product.actives, *(active for source in case.sources for active in source.actives)]
    doses = [active.daily_max_mg for active in actives if active.ingredient == "paracetamol"]
    total, cap = sum(dose or 0 for dose in doses), case.policy.paracetamol_cap_mg
    if total > cap:
        yield found("DS02_OVER_CAP", total=total, cap=cap)
    if None in doses:
        yield found("DS02_MAX_UNKNOWN", cap=cap)
    if case.younger_than(case.policy.child_below_months):
        yield found("DS02_CHILD")
        if case.person.weight_kg is None:
            yield found("DS02_CHILD_WEIGHT_UNKNOWN")


def ds03_one_antipyretic(case: Case) -> Iterator[Reason]:
    mine = case.holds(*ANTIPYRETICS)
    if not mine:
        return
    if len(mine) > 1:
        yield found("DS03_TWO_ANTIPYRETICS", ingredient=mine[0], other_ingredient=mine[1], other=case.product.item)
    if case.person.low_dose_aspirin:
        yield found("DS03_LOW_DOSE_ASPIRIN", ingredient=mine[0])
    for source in case.sources:
        for other in case.named(source.ingredients, *ANTIPYRETICS):
            heart_dose = source.code == "DS01_AT_HOME" and other == "aspirin" and case.person.low_dose_aspirin
            if other not in mine and not heart_dose:
                yield found("DS03_TWO_ANTIPYRETICS", ingredient=mine[0], other_ingredient=other, other=source.item)
    for given in within(case.check.household_given, case.check, case.policy):
        for other in case.named((a.ingredient for a in given.actives), *ANTIPYRETICS):
            if other not in mine:
                yield found("DS03_HOUSEHOLD", ingredient=mine[0], other_ingredient=other, other=given.item)


def ds04_child_cold_remedies(case: Case) -> Iterator[Reason]:
    policy = case.policy
    if case.younger_than(policy.infant_below_months) and is_cold_combination(case):
        yield found("DS04_COLD_REMEDY", months=policy.infant_below_months)
    if "amantadine" not in case.product.ingredients:
        return
    if case.younger_than(policy.amantadine_never_below_months):
        yield found("DS04_AMANTADINE_INFANT", months=policy.amantadine_never_below_months)
    elif case.younger_than(policy.amantadine_doctor_below_months):
        yield found("DS04_AMANTADINE_CHILD", months=policy.amantadine_doctor_below_months)


def is_cold_combination(case: Case) -> bool:
    """Two or more actives of which at least one is of the kinds that cold remedies combine."""
    return len(case.product.ingredients) > 1 and bool(
        case.holds(
            *(*ANTIPYRETICS, "ephedrine_class", "ephedra_herb", "sedating", "antihistamine"),
            *("strong_antitussive", "mucolytic", "amantadine"),
        )
    )


def ds05_age(case: Case) -> Iterator[Reason]:
    product, policy = case.product, case.policy
    if case.person.age_months is None:
        yield found("DS05_AGE_UNKNOWN")
        return
    yield from _age_table(case)
    if "aspirin" in product.ingredients and case.younger_than(policy.aspirin_from_months):
        yield found("DS05_ASPIRIN", months=policy.aspirin_from_months)
    if product.prolonged_release and case.younger_than(policy.prolonged_from_months):
        yield found("DS05_PROLONGED", months=policy.prolonged_from_months)
    if product.liquid and case.person.weight_kg is None and case.younger_than(policy.child_below_months):
        yield found("DS05_WEIGHT_UNKNOWN")


def _age_table(case: Case) -> Iterator[Reason]:
    product = case.product
    lowest, doctor, medic = product.min_age_months, product.doctor_below_months, product.medic_below_months
    if case.younger_than(lowest):
        yield found("DS05_BELOW_AGE", Outcome(product.below_min_age), months=lowest or 0)
    if product.max_age_months is not None and not case.younger_than(product.max_age_months):
        yield found("DS05_ABOVE_AGE", months=product.max_age_months)
    if case.younger_than(doctor):
        yield found("DS05_DOCTOR_BELOW_AGE", months=doctor or 0)
    if case.younger_than(medic):
        yield found("DS05_MEDIC_BELOW_AGE", months=medic or 0)
    if lowest is doctor is medic is None and case.younger_than(case.policy.child_below_months):
        yield found("DS05_NO_CHILD_DOSE")


def ds06_pregnancy(case: Case) -> Iterator[Reason]:
    state = case.person.pregnancy
    if state in {"unknown", "not_applicable"} and _may_be_pregnant(case):
        yield found("DS06_UNKNOWN")
    if state not in EXPECTING:
        return
    for ingredient in case.holds(*NSAIDS):
        yield found("DS06_NSAID", ingredient=ingredient)
    yield from _pregnancy_row(case, state)
    if state == "lactating":
        yield found("DS06_LACTATING")
        return
    yield found("DS06_PREGNANT")
    if state == "first_trimester":
        for ingredient in case.holds(*case.policy.first_trimester_barred):
            yield found("DS06_FIRST_TRIMESTER", ingredient=ingredient)


def _may_be_pregnant(case: Case) -> bool:
    # The day of birth is not kept, so an age may be a month off: asked a month too often rather than once too little.
    age, policy = case.person.age_months, case.policy
    fertile = age is None or policy.fertile_from_months - 1 <= age <= policy.fertile_below_months
    return fertile and case.person.sex != "male"


def _pregnancy_row(case: Case, state: str) -> Iterator[Reason]:
    product = case.product
    answers = {
        "lactating": [product.lactation],
        "pregnant": [product.pregnancy],
        "first_trimester": [product.pregnancy, product.first_trimester],
    }[state]
    known = [Outcome(answer) for answer in answers if answer not in {"unknown", "allow"}]
    if known:
        yield found("DS06_ROW", max(known))
    if answers[0] == "unknown":
        yield found("DS06_ROW_UNKNOWN")


def ds07_allergy(case: Case) -> Iterator[Reason]:
    allergies = case.person.allergies
    if allergies is None:
        yield found("DS07_ALLERGY_UNKNOWN")
        return
    direct = case.holds(*allergies)
    for ingredient in direct:
        yield found("DS07_ALLERGY", ingredient=ingredient)
    for cross in sorted(case.policy.cross_allergy_classes):
        if cross in allergies or case.named(allergies, cross):
            for ingredient in case.holds(cross):
                if ingredient not in direct:
                    yield found("DS07_ALLERGY_CLASS", ingredient=ingredient)
    if case.named(allergies, *ANTIPYRETICS) or allergies & {*ANTIPYRETICS}:
        for ingredient in case.holds(*ANTIPYRETICS):
            yield found("DS07_ALLERGY_RELATED", ingredient=ingredient)


def ds08_liver_kidney(case: Case) -> Iterator[Reason]:
    risky = case.holds(*ANTIPYRETICS)
    for organ in ("liver", "kidney"):
        here, severe = case.person.has(organ), case.person.conditions.get(f"severe_{organ}")
        if here is None or (here and severe is None):
            yield found("DS08_UNKNOWN", flag=organ)
        elif severe:
            yield from (found("DS08_SEVERE_ANTIPYRETIC", flag=organ, ingredient=name) for name in risky)
            yield found("DS08_SEVERE", flag=organ)
        elif here:
            yield found("DS08_IMPAIRED", flag=organ)


def ds09_pressure_conditions(case: Case) -> Iterator[Reason]:
    # 麻黄 is no ephedrine-class drug at intake (IN11), here it counts like one.
    ingredients = case.holds("ephedrine_class", "ephedra_herb", "chlorphenamine", "sedating")
    for flag in ("hypertension", "heart", "thyroid", "glaucoma", "prostate"):
        if case.person.has(flag):
            yield from (found("DS09_CONDITION", flag=flag, ingredient=name) for name in ingredients)


def ds10_sugar(case: Case) -> Iterator[Reason]:
    # An unread sugar content counts as sugar.
    if case.person.has("diabetes") and (case.product.sugar is not False or case.holds("sugar")):
        yield found("DS10_SUGAR")


def ds11_asthma(case: Case) -> Iterator[Reason]:
    if case.person.has("asthma"):
        yield from (found("DS11_ASTHMA", ingredient=name) for name in case.holds(*NSAIDS, "acetylcysteine"))


def ds12_interactions(case: Case) -> Iterator[Reason]:
    own, product = case.person.own_medicines or frozenset(), case.product
    for pair in case.policy.interactions:
        spirit = pair.line == "ethanol"
        here = case.holds(pair.line) or (spirit and product.alcohol)
        unread = spirit and product.alcohol is None and product.liquid
        for other in case.named(own, pair.own):
            if here:
                code = "DS12_NOT_TOGETHER" if pair.never else "DS12_INTERACTION"
                yield found(code, ingredient=other, other=product.item)
            elif unread:
                yield found("DS12_ALCOHOL_UNREAD", ingredient=other, other=product.item)


def ds13_sedating(case: Case) -> Iterator[Reason]:
    ingredients, age = case.holds("sedating"), case.person.age_months
    old = age is None or age >= case.policy.elder_from_months
    alone = case.person.living_alone is not False
    if ingredients and (old or alone):
        yield found("DS13_SEDATING_ALONE" if old and alone else "DS13_SEDATING", ingredient=ingredients[0])


def ds14_cough_pair(case: Case) -> Iterator[Reason]:
    everything = case.product.ingredients.union(*(source.ingredients for source in case.sources))
    for mine, theirs in (("strong_antitussive", "mucolytic"), ("mucolytic", "strong_antitussive")):
        others = case.named(everything, theirs)
        if case.holds(mine) and others:
            yield found("DS14_COUGH_PAIR", ingredient=case.holds(mine)[0], other_ingredient=others[0])


def ds15_quota(case: Case) -> Iterator[Reason]:
    item, policy = case.product.item, case.policy
    limit = policy.packs_per_item if case.product.is_medicine else policy.supply_quota.get(item)
    packed = sum(line.quantity for line in case.check.parcel if line.product.item == item)
    had = sum(given.quantity for given in within(case.check.given, case.check, policy) if given.item == item)
    if limit is not None and packed + had > limit:
        yield found("DS15_OVER_LIMIT", limit=limit, days=policy.window_days)


def ds16_expiry_at_use(case: Case) -> Iterator[Reason]:
    product, expiry, check = case.product, case.line.expiry, case.check
    if expiry is None:
        if product.is_medicine:
            yield found("DS16_UNDATED")
        return
    course = 0
    if product.is_medicine:
        course = case.policy.default_course_days if product.course_days is None else product.course_days
    needed = max(check.delivery_day, check.today) + timedelta(days=course + case.policy.use_margin_days)
    if expiry < needed:
        yield found("DS16_EXPIRES_TOO_SOON", expiry=expiry.isoformat(), needed=needed.isoformat())


def ds21_disinfectants(case: Case) -> Iterator[Reason]:
    if case.product.is_medicine:
        return
    bleach, spirit = "sodium_hypochlorite" in case.product.ingredients, _is_spirit(case.product)
    others = [line.product for line in case.check.parcel if not line.product.is_medicine]
    if (bleach and any(_is_spirit(other) for other in others)) or (
        spirit and any("sodium_hypochlorite" in other.ingredients for other in others)
    ):
        yield found("DS21_APART")
    dependent = case.younger_than(case.policy.child_below_months) or case.person.has("cognitive")
    if dependent and (bleach or spirit):
        yield found("DS21_CARER")


def _is_spirit(product: Product) -> bool:
    return bool(product.alcohol) or "ethanol" in product.ingredients


class Rule(Struct, frozen=True):
    id: str
    judge: Callable[[Case], Iterable[Reason]]
    supplies: bool = False


RULES: tuple[Rule, ...] = (
    Rule("DS01", ds01_same_ingredient),
    Rule("DS02", ds02_paracetamol),
    Rule("DS03", ds03_one_antipyretic),
    Rule("DS04", ds04_child_cold_remedies),
    Rule("DS05", ds05_age),
    Rule("DS06", ds06_pregnancy),
    Rule("DS07", ds07_allergy),
    Rule("DS08", ds08_liver_kidney),
    Rule("DS09", ds09_pressure_conditions),
    Rule("DS10", ds10_sugar),
    Rule("DS11", ds11_asthma),
    Rule("DS12", ds12_interactions),
    Rule("DS13", ds13_sedating),
    Rule("DS14", ds14_cough_pair),
    Rule("DS15", ds15_quota, supplies=True),
    Rule("DS16", ds16_expiry_at_use, supplies=True),
    Rule("DS21", ds21_disinfectants, supplies=True),
)
ALL_RULES = frozenset(rule.id for rule in RULES)
REQUIRED = frozenset({"DS01", "DS02", "DS03", "DS04", "DS05", "DS06", "DS07", "DS08", "DS15", "DS16"})
