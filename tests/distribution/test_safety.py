"""Each dispensing rule at, under and over its edges, and the laws that hold over all of them."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.base.reasons import Reason
from distribution import safety
from distribution.safety import (
    ALL_RULES,
    CODES,
    FLAGS,
    GROUPS,
    REQUIRED,
    RULES,
    TELLS_HEALTH,
    Active,
    Check,
    DispensingPolicy,
    Given,
    Judgement,
    Line,
    LineJudgement,
    Outcome,
    Person,
    Product,
    Release,
    Rule,
    conditions,
    judge,
    needs_medic,
    unanswered,
)
from distribution.safety_rules import Case

TODAY = date(2026, 3, 10)
CLASSES = {
    name: frozenset(classes)
    for name, classes in {
        "paracetamol": ["antipyretic"],
        "ibuprofen": ["antipyretic", "nsaid"],
        "aspirin": ["antipyretic", "nsaid"],
        "chlorphenamine": ["sedating", "antihistamine"],
        "pseudoephedrine": ["ephedrine_class"],
        "ephedra_herb": [],
        "dextromethorphan": ["strong_antitussive"],
        "ambroxol": ["mucolytic"],
        "acetylcysteine": ["mucolytic"],
        "amantadine": [],
        "loratadine": ["antihistamine"],
        "herbs": [],
        "ethanol": [],
        "warfarin": ["anticoagulant"],
        "metronidazole": ["antibiotic", "disulfiram_like"],
        "mao_inhibitors": ["maoi", "antidepressant"],
        "cetirizine": ["antihistamine", "piperazine_antihistamine"],
        "hydroxyzine": ["antihistamine", "piperazine_antihistamine", "sedating"],
    }.items()
}
POLICY = DispensingPolicy(version="2026-01", rules=ALL_RULES)


def product(item: str, *ingredients: str, **changes: object) -> Product:
    row = Product(
        item=item,
        kind="medicine",
        actives=tuple(
            Active(ingredient=name, daily_max_mg=1200 if name == "paracetamol" else None) for name in ingredients
        ),
        otc_class="otc_b",
        release_by="volunteer",
        min_age_months=0,
        pregnancy="allow",
        first_trimester="allow",
        lactation="allow",
        sugar=False,
        alcohol=False,
        course_days=3,
    )
    return msgspec.structs.replace(row, **changes)


PARACETAMOL = product("med-001", "paracetamol")
IBUPROFEN = product("med-005", "ibuprofen")
ASPIRIN = product("med-007", "aspirin")
COLD_REMEDY = product("med-017", "paracetamol", "chlorphenamine", "herbs")
LORATADINE = product("med-051", "loratadine")
BLEACH = product("sup-007", "sodium_hypochlorite", kind="disinfectant")
HAND_GEL = product("sup-006", "ethanol", kind="disinfectant", alcohol=True)
MASK = product("sup-001", kind="device")


def person(**changes: object) -> Person:
    """A man of forty who answered every question with no."""
    plain = Person(
        age_months=40 * 12,
        sex="male",
        in_priority_group=False,
        allergies=frozenset(),
        pregnancy="not_applicable",
        conditions=conditions(),
        own_medicines=frozenset(),
        weight_kg=70,
        living_alone=False,
    )
    return msgspec.structs.replace(plain, **changes)


def line(row: Product, quantity: int = 1, expiry: date | None = TODAY + timedelta(days=400)) -> Line:
    return Line(id=f"line-{row.item}", product=row, quantity=quantity, expiry=expiry)


def given_ago(row: Product, days: int) -> Given:
    return Given(item=row.item, actives=row.actives, on=TODAY - timedelta(days=days))


def parcel(who: Person, *goods: Product | Line, **changes: object) -> Check:
    lines = tuple(good if isinstance(good, Line) else line(good) for good in goods)
    check = Check(person=who, parcel=lines, classes=CLASSES, delivery_day=TODAY, today=TODAY)
    return msgspec.structs.replace(check, **changes)


def judged(who: Person, *goods: Product | Line, **changes: object) -> LineJudgement:
    """The judgement of the parcel's first line."""
    return judge(parcel(who, *goods, **changes), POLICY).lines[0]


def codes(judgement: LineJudgement) -> set[str]:
    return {reason.code for reason in judgement.reasons}


def test_a_grown_man_without_flags_takes_a_volunteer_item_at_once() -> None:
    verdict = judged(person(), PARACETAMOL)
    assert (verdict.outcome, verdict.release_by, verdict.cleared) == (Outcome.ALLOW, "volunteer", True)
    assert verdict.reasons == ()


def test_outcomes_stand_in_the_order_of_their_gravity() -> None:
    allow, warn, medic, doctor, block = Outcome
    assert allow < warn < medic < doctor < block
    assert max(medic, block, warn) is block
    assert block >= block > doctor >= doctor
    assert warn <= warn <= doctor


def test_all_findings_are_kept_and_the_strictest_wins() -> None:
    verdict = judged(person(conditions=conditions(["kidney"]), allergies=frozenset({"paracetamol"})), PARACETAMOL)
    assert {"DS07_ALLERGY", "DS07_ALLERGY_RELATED", "DS08_IMPAIRED"} <= codes(verdict)
    assert verdict.outcome is Outcome.BLOCK


# The rule table


@pytest.mark.parametrize("gone", sorted(REQUIRED))
def test_a_policy_without_a_required_rule_blocks_every_medicine(gone: str) -> None:
    policy = msgspec.structs.replace(POLICY, rules=ALL_RULES - {gone})
    outcome = judge(parcel(person(), PARACETAMOL, MASK), policy)
    assert [one.outcome for one in outcome.lines] == [Outcome.BLOCK, Outcome.ALLOW]
    assert codes(outcome.lines[0]) == {"RULES_MISSING"}


@pytest.mark.parametrize("policy", [None, DispensingPolicy(version="empty", rules=frozenset())])
def test_without_rules_no_medicine_goes_but_a_mask_does(policy: DispensingPolicy | None) -> None:
    medicine, mask = judge(parcel(person(), PARACETAMOL, MASK), policy).lines
    assert codes(medicine) == {"RULES_MISSING"}
    assert medicine.release_by is None
    assert mask.cleared


def test_a_registry_without_a_rule_that_the_policy_names_blocks_medicine() -> None:
    verdict = judge(parcel(person(), PARACETAMOL), POLICY, RULES[:-1]).lines[0]
    assert codes(verdict) == {"RULES_MISSING"}
    assert judge(parcel(person(), PARACETAMOL), POLICY, ()).outcome is Outcome.BLOCK


def test_a_rule_that_breaks_blocks_every_medicine_and_stays_visible_without_quoting_the_person() -> None:
    def broken(case: Case) -> list[Reason]:
        if case.product == LORATADINE:
            raise KeyError("王先生 is allergic")
        return []

    rules = (*RULES[:-1], Rule("DS21", broken))
    check = parcel(person(), LORATADINE, PARACETAMOL)
    only_one = judge(msgspec.structs.replace(check, parcel=check.parcel[1:]), POLICY, rules)
    assert only_one.outcome is Outcome.ALLOW
    both = judge(check, POLICY, rules)
    assert [one.outcome for one in both.lines] == [Outcome.BLOCK, Outcome.BLOCK]
    faults = [reason for one in both.lines for reason in one.reasons if reason.code == "RULE_FAILED"]
    assert [fault.params for fault in faults] == [{"failed": "DS21", "fault": "KeyError"}] * 2


def test_an_ingredient_that_nobody_classed_blocks() -> None:
    assert codes(judged(person(), product("med-x", "novelty"))) == {"RULES_UNCLASSED"}


def test_a_given_medicine_that_nobody_classed_blocks() -> None:
    verdict = judged(person(), LORATADINE, given=(given_ago(product("med-x", "novelty"), 1),))
    assert codes(verdict) == {"RULES_UNCLASSED"}


def test_the_judgement_names_its_ruleset_and_an_empty_parcel_is_allowed() -> None:
    assert judge(parcel(person()), POLICY) == Judgement(
        outcome=Outcome.ALLOW, lines=(), ruleset="2026-01", cleared=True
    )


# The catalogue row


@pytest.mark.parametrize("otc_class", ["rx", "Rx", "处方药", "", "none"])
def test_what_is_not_surely_over_the_counter_is_blocked(otc_class: str) -> None:
    assert "ROW_PRESCRIPTION" in codes(judged(person(), product("med-x", "loratadine", otc_class=otc_class)))


def test_an_item_of_an_unknown_kind_is_judged_as_a_medicine() -> None:
    verdict = judged(person(allergies=None), product("x", "loratadine", kind="new-kind"))
    assert "DS07_ALLERGY_UNKNOWN" in codes(verdict)


def test_a_medicine_of_unknown_content_or_never_released_is_blocked() -> None:
    assert codes(judged(person(), product("med-x"))) == {"ROW_INGREDIENTS_UNKNOWN"}
    assert codes(judged(person(), product("med-x", "loratadine", release_by="none"))) == {"ROW_NEVER"}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_contraindication_weighs_what_its_row_says(outcome: Outcome) -> None:
    row = product("med-x", "loratadine", contra={"g6pd": outcome})
    assert judged(person(conditions=conditions(["g6pd"])), row).outcome is outcome
    assert judged(person(), row).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("listed", "outcome"),
    [
        (Outcome.WARN, Outcome.MEDIC),
        (Outcome.MEDIC, Outcome.MEDIC),
        (Outcome.DOCTOR, Outcome.DOCTOR),
        (Outcome.BLOCK, Outcome.BLOCK),
    ],
)
def test_a_contraindication_that_was_not_asked_is_no_milder_than_one_that_is_there(
    listed: Outcome, outcome: Outcome
) -> None:
    row = product("med-x", "loratadine", contra={"asthma": listed})
    verdict = judged(person(conditions=conditions(unanswered=["asthma"])), row)
    assert (codes(verdict), verdict.outcome) == ({"ROW_UNANSWERED"}, outcome)


def test_a_severe_disease_counts_even_where_the_milder_question_was_answered_with_no() -> None:
    row = product("med-052", "loratadine", contra={"severe_kidney": Outcome.BLOCK})
    assert "ROW_CONTRAINDICATED" in codes(judged(person(conditions=conditions(["severe_kidney"])), row))


@pytest.mark.parametrize(("days", "barred"), [(1, False), (0, True), (-1, True)])
def test_a_flag_of_the_catalogue_bars_from_its_day(days: int, barred: bool) -> None:
    row = product("med-030", "loratadine", barred_from=TODAY + timedelta(days=days))
    assert ("ROW_BARRED" in codes(judged(person(), row))) is barred
    assert judged(person(), row).cleared is not barred


def test_a_flag_that_will_hold_on_the_day_of_delivery_bars_already_at_the_plan() -> None:
    tomorrow = TODAY + timedelta(days=1)
    row = product("med-030", "loratadine", barred_from=tomorrow)
    assert codes(judged(person(), row, delivery_day=tomorrow)) == {"ROW_BARRED"}
    assert codes(judged(person(), row, today=tomorrow)) == {"ROW_BARRED"}


def test_a_supply_that_is_never_handed_out_is_blocked_too() -> None:
    mercury = product("sup-009", "mercury", kind="device", otc_class="none", release_by="none")
    verdict = judged(person(), line(mercury, expiry=None))
    assert (codes(verdict), verdict.cleared) == ({"ROW_NEVER"}, False)


def test_a_severe_disease_counts_for_a_row_that_names_the_milder_one() -> None:
    row = product("med-x", "loratadine", contra={"kidney": Outcome.BLOCK})
    assert "ROW_CONTRAINDICATED" in codes(judged(person(conditions=conditions(["severe_kidney"])), row))


def test_who_has_no_liver_disease_has_no_severe_one() -> None:
    row = product("med-x", "loratadine", contra={"severe_liver": Outcome.BLOCK})
    answers = conditions() | {"severe_liver": None}
    assert judged(person(conditions=answers), row).outcome is Outcome.ALLOW


# DS01


@pytest.mark.parametrize(("days", "blocked"), [(-1, True), (0, True), (6, True), (7, False), (8, False)])
def test_days_0_to_6_count_and_day_7_is_free(days: int, blocked: bool) -> None:
    verdict = judged(person(), PARACETAMOL, given=(given_ago(COLD_REMEDY, days),))
    assert ("DS01_GIVEN" in codes(verdict)) is blocked
    assert verdict.cleared is not blocked


def test_the_same_ingredient_in_two_lines_blocks_both() -> None:
    lines = judge(parcel(person(), PARACETAMOL, COLD_REMEDY), POLICY).lines
    assert all("DS01_IN_PARCEL" in codes(one) for one in lines)


def test_two_lines_that_share_an_id_still_see_each_other() -> None:
    twin = msgspec.structs.replace(line(COLD_REMEDY), id="line-med-001")
    assert "DS01_IN_PARCEL" in codes(judged(person(), PARACETAMOL, twin))
    assert "DS01_IN_PARCEL" in codes(judged(person(), *[line(PARACETAMOL)] * 2))


def test_an_ingredient_taken_at_home_blocks() -> None:
    assert "DS01_AT_HOME" in codes(judged(person(own_medicines=frozenset({"paracetamol"})), PARACETAMOL))


def test_own_medicines_never_asked_block_and_unlisted_ones_go_to_a_medic() -> None:
    assert codes(judged(person(own_medicines=None), LORATADINE)) == {"DS01_OWN_UNKNOWN"}
    verdict = judged(person(own_medicines=frozenset({"amlodipine"})), LORATADINE)
    assert (codes(verdict), verdict.outcome) == ({"DS01_OWN_UNLISTED"}, Outcome.MEDIC)


@pytest.mark.parametrize(("days", "outcome"), [(6, Outcome.WARN), (7, Outcome.ALLOW)])
def test_what_another_of_the_household_was_given_is_a_warning(days: int, outcome: Outcome) -> None:
    assert judged(person(), PARACETAMOL, household_given=(given_ago(COLD_REMEDY, days),)).outcome is outcome


def test_two_herbal_mixtures_whose_herbs_are_not_listed_go_to_a_medic() -> None:
    verdict = judged(person(), product("med-072", "herbs"), product("med-075", "herbs"))
    assert (codes(verdict), verdict.release_by) == ({"DS01_MIXTURE"}, "medic")


def test_a_policy_cannot_call_a_chemical_active_a_mixture() -> None:
    policy = msgspec.structs.replace(POLICY, mixtures=frozenset({"herbs", "paracetamol"}))
    both = judge(parcel(person(), PARACETAMOL, COLD_REMEDY), policy)
    assert all("DS01_IN_PARCEL" in codes(one) for one in both.lines)


# DS02


@pytest.mark.parametrize(("maximum", "blocked"), [(1999, False), (2000, False), (2001, True)])
def test_the_cap_of_paracetamol_is_2000_mg_a_day(maximum: int, blocked: bool) -> None:
    row = product("med-x", actives=(Active(ingredient="paracetamol", daily_max_mg=maximum),))
    assert ("DS02_OVER_CAP" in codes(judged(person(), row))) is blocked


def test_the_maxima_of_the_parcel_and_of_what_was_given_are_summed() -> None:
    verdict = judged(person(), PARACETAMOL, COLD_REMEDY, given=(given_ago(product("med-y", "paracetamol"), 3),))
    assert {"total": 3600, "cap": 2000} in [reason.params for reason in verdict.reasons]


def test_an_unverified_maximum_goes_to_a_medic() -> None:
    row = product("med-x", actives=(Active(ingredient="paracetamol"),))
    assert judged(person(), row).outcome is Outcome.MEDIC


@pytest.mark.parametrize(("months", "outcome"), [(167, Outcome.MEDIC), (168, Outcome.ALLOW)])
def test_paracetamol_for_a_child_goes_to_a_medic(months: int, outcome: Outcome) -> None:
    assert judged(person(age_months=months), PARACETAMOL).outcome is outcome


def test_paracetamol_for_a_child_waits_for_the_weight() -> None:
    assert "DS02_CHILD_WEIGHT_UNKNOWN" in codes(judged(person(age_months=100, weight_kg=None), PARACETAMOL))


# DS03


def test_two_antipyretics_never_go_together() -> None:
    for other in (IBUPROFEN, ASPIRIN):
        lines = judge(parcel(person(), PARACETAMOL, other), POLICY).lines
        assert all("DS03_TWO_ANTIPYRETICS" in codes(one) for one in lines)
    assert "DS03_TWO_ANTIPYRETICS" in codes(judged(person(), IBUPROFEN, ASPIRIN))


@pytest.mark.parametrize(("days", "blocked"), [(6, True), (7, False)])
def test_an_antipyretic_given_in_the_window_bars_another(days: int, blocked: bool) -> None:
    verdict = judged(person(), PARACETAMOL, given=(given_ago(IBUPROFEN, days),))
    assert ("DS03_TWO_ANTIPYRETICS" in codes(verdict)) is blocked


def test_one_product_with_two_antipyretics_is_blocked() -> None:
    assert "DS03_TWO_ANTIPYRETICS" in codes(judged(person(), product("med-x", "paracetamol", "aspirin")))


def test_low_dose_aspirin_is_no_second_antipyretic_but_goes_to_a_medic() -> None:
    at_home = person(own_medicines=frozenset({"aspirin"}), low_dose_aspirin=True)
    assert codes(judged(at_home, PARACETAMOL)) == {"DS03_LOW_DOSE_ASPIRIN"}
    assert "DS01_AT_HOME" in codes(judged(at_home, ASPIRIN))
    full_dose = person(own_medicines=frozenset({"aspirin"}))
    assert "DS03_TWO_ANTIPYRETICS" in codes(judged(full_dose, PARACETAMOL))


def test_low_dose_aspirin_counts_as_aspirin_at_home_even_if_not_listed_among_the_own_medicines() -> None:
    assert "DS01_AT_HOME" in codes(judged(person(low_dose_aspirin=True), ASPIRIN))


def test_the_low_dose_excuses_no_aspirin_from_the_parcel() -> None:
    verdict = judged(person(low_dose_aspirin=True), PARACETAMOL, ASPIRIN)
    assert "DS03_TWO_ANTIPYRETICS" in codes(verdict)


def test_antipyretics_are_known_by_name_where_the_table_of_classes_has_a_gap() -> None:
    gap = CLASSES | {"ibuprofen": frozenset()}
    assert "DS03_TWO_ANTIPYRETICS" in codes(judged(person(), PARACETAMOL, IBUPROFEN, classes=gap))
    pregnant = person(sex="female", pregnancy="pregnant")
    assert "DS06_NSAID" in codes(judged(pregnant, IBUPROFEN, classes=gap))


def test_another_antipyretic_in_the_household_is_a_warning() -> None:
    assert codes(judged(person(), PARACETAMOL, household_given=(given_ago(IBUPROFEN, 1),))) == {"DS03_HOUSEHOLD"}


# DS04 and DS05


@pytest.mark.parametrize(("months", "found"), [(23, True), (24, False)])
def test_combined_cold_remedies_under_two_are_a_doctors(months: int, found: bool) -> None:
    verdict = judged(person(age_months=months, weight_kg=11), COLD_REMEDY)
    assert ("DS04_COLD_REMEDY" in codes(verdict)) is found
    assert verdict.release_by == ("doctor" if found else "medic")


@pytest.mark.parametrize(
    ("months", "outcome"),
    [(11, Outcome.BLOCK), (12, Outcome.DOCTOR), (59, Outcome.DOCTOR), (60, Outcome.ALLOW)],
)
def test_amantadine_is_barred_under_one_and_a_doctors_under_five(months: int, outcome: Outcome) -> None:
    assert judged(person(age_months=months), product("med-014", "amantadine")).outcome is outcome


@pytest.mark.parametrize(
    ("changes", "edge", "code"),
    [
        ({"min_age_months": 36}, 36, "DS05_BELOW_AGE"),
        ({"doctor_below_months": 144}, 144, "DS05_DOCTOR_BELOW_AGE"),
        ({"medic_below_months": 144}, 144, "DS05_MEDIC_BELOW_AGE"),
        ({"doctor_below_months": 24, "min_age_months": None}, 24, "DS05_DOCTOR_BELOW_AGE"),
        ({"prolonged_release": True}, 144, "DS05_PROLONGED"),
    ],
)
def test_each_age_limit_holds_to_the_month(changes: dict[str, object], edge: int, code: str) -> None:
    row = product("med-x", "loratadine", **changes)
    assert code in codes(judged(person(age_months=edge - 1), row))
    assert code not in codes(judged(person(age_months=edge), row))


@pytest.mark.parametrize(("months", "blocked"), [(155, False), (156, True), (480, True)])
def test_a_childs_medicine_is_not_for_those_above_its_age_table(months: int, blocked: bool) -> None:
    verdict = judged(person(age_months=months), product("med-003", "loratadine", max_age_months=156))
    assert ("DS05_ABOVE_AGE" in codes(verdict)) is blocked
    assert verdict.outcome is (Outcome.BLOCK if blocked else Outcome.ALLOW)


def test_a_row_may_send_those_below_its_age_to_a_doctor() -> None:
    row = product("med-x", "loratadine", min_age_months=36, below_min_age=Outcome.DOCTOR)
    assert judged(person(age_months=35), row).outcome is Outcome.DOCTOR


@pytest.mark.parametrize(("months", "blocked"), [(191, True), (192, False)])
def test_no_aspirin_under_sixteen_and_always_a_doctors_release(months: int, blocked: bool) -> None:
    verdict = judged(person(age_months=months), ASPIRIN)
    assert ("DS05_ASPIRIN" in codes(verdict)) is blocked
    assert verdict.release_by == (None if blocked else "doctor")


@pytest.mark.parametrize(("months", "blocked"), [(167, True), (168, False)])
def test_a_liquid_for_a_child_waits_for_the_weight(months: int, blocked: bool) -> None:
    syrup = product("med-x", "loratadine", liquid=True)
    verdict = judged(person(age_months=months, weight_kg=None), syrup)
    assert ("DS05_WEIGHT_UNKNOWN" in codes(verdict)) is blocked


def test_an_unknown_age_blocks_and_a_row_without_ages_sends_a_child_to_a_doctor() -> None:
    assert codes(judged(person(age_months=None), LORATADINE)) == {"DS05_AGE_UNKNOWN"}
    row = product("med-x", "loratadine", min_age_months=None)
    assert judged(person(age_months=167), row).outcome is Outcome.DOCTOR
    assert judged(person(age_months=168), row).outcome is Outcome.ALLOW
    with_a_step = product("med-060", "loratadine", min_age_months=None, doctor_below_months=24)
    assert judged(person(age_months=24), with_a_step).outcome is Outcome.ALLOW


# DS06


# A month wider on either side: the day of birth is not kept, so an age may be a month off.
@pytest.mark.parametrize(("months", "blocked"), [(142, False), (143, True), (144, True), (672, True), (673, False)])
def test_a_woman_of_12_to_55_is_asked_before_any_medicine(months: int, blocked: bool) -> None:
    for answer in ("unknown", "not_applicable"):
        verdict = judged(person(sex="female", age_months=months, pregnancy=answer), LORATADINE)
        assert ("DS06_UNKNOWN" in codes(verdict)) is blocked


def test_a_person_of_unrecorded_sex_is_asked_too_and_a_man_is_not() -> None:
    assert "DS06_UNKNOWN" in codes(judged(person(sex=None, pregnancy="unknown"), LORATADINE))
    assert judged(person(sex="male", pregnancy="unknown"), LORATADINE).outcome is Outcome.ALLOW


@pytest.mark.parametrize("state", ["pregnant", "first_trimester", "lactating"])
def test_no_nsaid_in_pregnancy_or_while_breastfeeding(state: str) -> None:
    assert "DS06_NSAID" in codes(judged(person(sex="female", pregnancy=state), IBUPROFEN))


@pytest.mark.parametrize(
    ("state", "outcome"),
    [("pregnant", Outcome.DOCTOR), ("first_trimester", Outcome.DOCTOR), ("lactating", Outcome.MEDIC)],
)
def test_every_other_medicine_then_goes_to_a_medic_or_doctor(state: str, outcome: Outcome) -> None:
    assert judged(person(sex="female", pregnancy=state), LORATADINE).outcome is outcome


def test_dextromethorphan_is_barred_in_the_first_three_months() -> None:
    row = product("med-019", "dextromethorphan")
    assert judged(person(sex="female", pregnancy="first_trimester"), row).outcome is Outcome.BLOCK
    assert judged(person(sex="female", pregnancy="pregnant"), row).outcome is Outcome.DOCTOR


@pytest.mark.parametrize(
    ("state", "changes", "outcome"),
    [
        ("pregnant", {"pregnancy": "block"}, Outcome.BLOCK),
        ("first_trimester", {"pregnancy": "block"}, Outcome.BLOCK),
        ("first_trimester", {"first_trimester": "block"}, Outcome.BLOCK),
        ("pregnant", {"first_trimester": "block"}, Outcome.DOCTOR),
        ("lactating", {"lactation": "block"}, Outcome.BLOCK),
        ("lactating", {"lactation": "doctor"}, Outcome.DOCTOR),
        ("lactating", {"lactation": "unknown"}, Outcome.DOCTOR),
        ("lactating", {"pregnancy": "block"}, Outcome.MEDIC),
    ],
)
def test_the_rows_own_word_on_pregnancy_counts(state: str, changes: dict[str, object], outcome: Outcome) -> None:
    verdict = judged(person(sex="female", pregnancy=state), product("med-x", "loratadine", **changes))
    assert verdict.outcome is outcome


# DS07 and DS08


def test_a_recorded_allergy_blocks_by_ingredient_and_by_class() -> None:
    assert "DS07_ALLERGY" in codes(judged(person(allergies=frozenset({"chlorphenamine"})), COLD_REMEDY))
    assert "DS07_ALLERGY" in codes(judged(person(allergies=frozenset({"nsaid"})), IBUPROFEN))
    assert "DS07_ALLERGY_CLASS" in codes(judged(person(allergies=frozenset({"aspirin"})), IBUPROFEN))


def test_who_reacts_to_hydroxyzine_gets_no_cetirizine_but_may_have_loratadine() -> None:
    allergic = person(allergies=frozenset({"hydroxyzine"}))
    assert codes(judged(allergic, product("med-052", "cetirizine"))) == {"DS07_ALLERGY_CLASS"}
    assert judged(allergic, LORATADINE).outcome is Outcome.ALLOW


def test_an_allergy_to_aspirin_sends_paracetamol_to_a_medic() -> None:
    verdict = judged(person(allergies=frozenset({"aspirin"})), PARACETAMOL)
    assert (codes(verdict), verdict.release_by) == ({"DS07_ALLERGY_RELATED"}, "medic")


def test_an_allergy_to_something_else_leaves_the_line_to_a_medics_release() -> None:
    verdict = judged(person(allergies=frozenset({"penicillin"})), LORATADINE)
    assert (verdict.outcome, verdict.release_by) == (Outcome.ALLOW, "medic")


@pytest.mark.parametrize("organ", ["liver", "kidney"])
def test_severe_liver_or_kidney_disease_bars_antipyretics_and_the_rest_is_a_doctors(organ: str) -> None:
    severe = person(conditions=conditions([f"severe_{organ}"]))
    assert judged(severe, PARACETAMOL).outcome is Outcome.BLOCK
    assert judged(severe, IBUPROFEN).outcome is Outcome.BLOCK
    assert judged(severe, LORATADINE).outcome is Outcome.DOCTOR
    assert judged(person(conditions=conditions([organ])), PARACETAMOL).outcome is Outcome.MEDIC


@pytest.mark.parametrize("answers", [{"liver": None}, {"kidney": None}, {"liver": True, "severe_liver": None}])
def test_liver_or_kidney_not_answered_in_full_blocks(answers: dict[str, bool | None]) -> None:
    assert "DS08_UNKNOWN" in codes(judged(person(conditions=conditions() | answers), LORATADINE))


def test_no_answers_at_all_block() -> None:
    assert "DS08_UNKNOWN" in codes(judged(person(conditions={}), LORATADINE))


# DS09 to DS14


@pytest.mark.parametrize("flag", ["hypertension", "heart", "thyroid", "glaucoma", "prostate"])
@pytest.mark.parametrize("ingredient", ["pseudoephedrine", "ephedra_herb", "chlorphenamine"])
def test_pressure_raising_ingredients_go_to_a_medic(flag: str, ingredient: str) -> None:
    assert "DS09_CONDITION" in codes(judged(person(conditions=conditions([flag])), product("med-x", ingredient)))


@pytest.mark.parametrize(("sugar", "found"), [(True, True), (None, True), (False, False)])
def test_sugar_or_an_unread_label_goes_to_a_medic_for_a_diabetic(sugar: bool | None, found: bool) -> None:
    verdict = judged(person(conditions=conditions(["diabetes"])), product("med-x", "herbs", sugar=sugar))
    assert ("DS10_SUGAR" in codes(verdict)) is found


def test_asthma_bars_nsaids_and_acetylcysteine() -> None:
    asthmatic = person(conditions=conditions(["asthma"]))
    for row in (IBUPROFEN, ASPIRIN, product("med-034", "acetylcysteine")):
        assert "DS11_ASTHMA" in codes(judged(asthmatic, row))
    assert judged(asthmatic, PARACETAMOL).outcome is Outcome.ALLOW


def test_an_anticoagulant_at_home_sends_an_antipyretic_to_a_medic() -> None:
    assert "DS12_INTERACTION" in codes(judged(person(own_medicines=frozenset({"warfarin"})), PARACETAMOL))


def test_what_a_label_forbids_beside_a_medicine_at_home_is_blocked() -> None:
    spirit = product("med-062", "ethanol", "herbs", alcohol=True, liquid=True)
    assert codes(judged(person(own_medicines=frozenset({"metronidazole"})), spirit)) == {"DS12_NOT_TOGETHER"}
    on_maoi = person(own_medicines=frozenset({"mao_inhibitors"}))
    for ingredient in ("pseudoephedrine", "dextromethorphan"):
        verdict = judged(on_maoi, product("med-x", ingredient))
        assert "DS12_NOT_TOGETHER" in codes(verdict)
        assert verdict.release_by is None


def test_a_drink_whose_alcohol_nobody_read_goes_to_a_medic_beside_metronidazole() -> None:
    at_home = person(own_medicines=frozenset({"metronidazole"}))
    unread = product("med-063", "herbs", alcohol=None, liquid=True)
    assert (codes(judged(at_home, unread)), judged(at_home, unread).release_by) == ({"DS12_ALCOHOL_UNREAD"}, "medic")
    assert codes(judged(at_home, product("med-063", "herbs", alcohol=False, liquid=True))) == set()


@pytest.mark.parametrize(
    ("months", "alone", "outcome"),
    [
        (779, False, Outcome.ALLOW),
        (780, False, Outcome.WARN),
        (779, True, Outcome.WARN),
        (780, True, Outcome.MEDIC),
        (780, None, Outcome.MEDIC),
    ],
)
def test_sedating_medicine_weighs_age_and_living_alone(months: int, alone: bool | None, outcome: Outcome) -> None:
    sleepy = product("med-050", "chlorphenamine")
    assert judged(person(age_months=months, living_alone=alone), sleepy).outcome is outcome


def test_a_strong_cough_stopper_beside_a_mucolytic_goes_to_a_medic() -> None:
    stopper, loosener = product("med-a", "dextromethorphan"), product("med-b", "ambroxol")
    lines = judge(parcel(person(), stopper, loosener), POLICY).lines
    assert [codes(one) for one in lines] == [{"DS14_COUGH_PAIR"}] * 2


# DS15, DS16, DS21


@pytest.mark.parametrize(("quantity", "blocked"), [(1, False), (2, True)])
def test_one_box_of_an_item_a_person(quantity: int, blocked: bool) -> None:
    assert ("DS15_OVER_LIMIT" in codes(judged(person(), line(LORATADINE, quantity)))) is blocked


def test_supplies_have_no_quota_until_the_policy_sets_one() -> None:
    assert judged(person(), line(MASK, 500)).outcome is Outcome.ALLOW
    policy = msgspec.structs.replace(POLICY, supply_quota={"sup-001": 10})
    for quantity, had, blocked in ((10, 0, False), (11, 0, True), (6, 5, True), (5, 5, False)):
        given = (Given(item="sup-001", actives=(), on=TODAY, quantity=had),) if had else ()
        verdict = judge(parcel(person(), line(MASK, quantity), given=given), policy).lines[0]
        assert ("DS15_OVER_LIMIT" in codes(verdict)) is blocked


@pytest.mark.parametrize(("days", "blocked"), [(9, True), (10, False), (11, False)])
def test_a_medicine_lasts_for_its_course_and_seven_days_more(days: int, blocked: bool) -> None:
    verdict = judged(person(), line(LORATADINE, expiry=TODAY + timedelta(days=days)))
    assert ("DS16_EXPIRES_TOO_SOON" in codes(verdict)) is blocked


@pytest.mark.parametrize(("days", "blocked"), [(6, True), (7, False)])
def test_a_supply_with_an_expiry_counts_a_course_of_no_days(days: int, blocked: bool) -> None:
    verdict = judged(person(), line(MASK, expiry=TODAY + timedelta(days=days)))
    assert ("DS16_EXPIRES_TOO_SOON" in codes(verdict)) is blocked


def test_an_unknown_course_counts_seven_days_and_a_later_delivery_counts_from_its_day() -> None:
    row = product("med-x", "loratadine", course_days=None)
    assert judged(person(), line(row, expiry=TODAY + timedelta(days=14))).outcome is Outcome.ALLOW
    tomorrow = TODAY + timedelta(days=1)
    late = judged(person(), line(row, expiry=TODAY + timedelta(days=14)), delivery_day=tomorrow)
    assert codes(late) == {"DS16_EXPIRES_TOO_SOON"}


def test_a_planned_day_that_has_passed_does_not_make_old_stock_young() -> None:
    verdict = judged(
        person(), line(LORATADINE, expiry=TODAY + timedelta(days=9)), delivery_day=TODAY - timedelta(days=5)
    )
    assert codes(verdict) == {"DS16_EXPIRES_TOO_SOON"}


def test_a_medicine_without_a_date_is_blocked_and_a_thermometer_is_not() -> None:
    assert codes(judged(person(), line(LORATADINE, expiry=None))) == {"DS16_UNDATED"}
    assert judged(person(), line(product("sup-008", kind="device"), expiry=None)).cleared


def test_bleach_and_alcohol_in_one_parcel_are_a_warning_on_both() -> None:
    lines = judge(parcel(person(), BLEACH, HAND_GEL), POLICY).lines
    assert [codes(one) for one in lines] == [{"DS21_APART"}] * 2
    assert judged(person(), BLEACH).outcome is Outcome.ALLOW


def test_disinfectant_for_a_child_or_a_confused_person_goes_to_the_carer() -> None:
    assert codes(judged(person(age_months=100), BLEACH)) == {"DS21_CARER"}
    assert codes(judged(person(conditions=conditions(["cognitive"])), HAND_GEL)) == {"DS21_CARER"}


def test_supplies_need_no_answers_and_no_release() -> None:
    stranger = person(allergies=None, own_medicines=None, age_months=None, conditions={}, pregnancy="unknown", sex=None)
    assert judged(stranger, MASK).cleared


# Who must release


@pytest.mark.parametrize(
    "changes",
    [
        {"in_priority_group": True},
        {"age_months": 167},
        {"age_months": 780},
        {"pregnancy": "pregnant"},
        {"pregnancy": "lactating"},
        {"allergies": frozenset({"penicillin"})},
        {"own_medicines": frozenset({"warfarin"})},
        {"low_dose_aspirin": True},
        {"allergies": None},
        {"own_medicines": None},
        {"age_months": None},
        *({"conditions": conditions([flag])} for flag in FLAGS),
        *({"conditions": conditions(unanswered=[flag])} for flag in FLAGS if not flag.startswith("severe_")),
    ],
)
def test_a_flagged_person_needs_a_medic(changes: dict[str, object]) -> None:
    assert needs_medic(person(**changes), POLICY)
    assert judged(person(**changes), LORATADINE).release_by != "volunteer"


@pytest.mark.parametrize(("months", "release_by"), [(23, "doctor"), (24, "medic")])
def test_every_medicine_for_a_child_under_two_is_a_doctors(months: int, release_by: str) -> None:
    assert judged(person(age_months=months), LORATADINE).release_by == release_by


def test_where_nobody_can_say_who_must_release_nothing_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> list[Reason]:
        raise ZeroDivisionError

    monkeypatch.setattr(safety, "_release_reasons", broken)
    verdict = judged(person(), LORATADINE)
    assert (verdict.outcome, verdict.release_by, verdict.cleared) == (Outcome.BLOCK, None, False)


@pytest.mark.parametrize("months", [168, 779])
def test_a_person_of_14_to_64_without_flags_needs_none(months: int) -> None:
    assert not needs_medic(person(age_months=months), POLICY)
    assert unanswered(person()) == ()


@pytest.mark.parametrize(
    ("release_by", "needed"), [("volunteer", "volunteer"), ("pharmacist", "medic"), ("doctor", "doctor")]
)
def test_the_row_names_who_releases_to_a_person_without_flags(release_by: str, needed: str) -> None:
    assert judged(person(), product("med-x", "loratadine", release_by=release_by)).release_by == needed


def released(check: Check, by: str, **changes: object) -> LineJudgement:
    first = judge(check, POLICY).lines[0]
    release = Release(line=first.line, item=first.item, by=by, asks=first.asks)
    return judge(msgspec.structs.replace(check, releases=(msgspec.structs.replace(release, **changes),)), POLICY).lines[
        0
    ]


def test_a_medics_release_clears_what_asks_for_a_medic_and_not_what_asks_for_a_doctor() -> None:
    medics = parcel(person(in_priority_group=True), LORATADINE)
    assert not judge(medics, POLICY).cleared
    assert released(medics, "medic").cleared
    assert released(medics, "doctor").cleared
    doctors = parcel(person(sex="female", pregnancy="pregnant"), LORATADINE)
    assert not released(doctors, "medic").cleared
    assert released(doctors, "doctor").cleared


def test_no_release_lifts_a_block() -> None:
    blocked = parcel(person(allergies=frozenset({"loratadine"})), LORATADINE)
    assert not released(blocked, "doctor").cleared


def test_a_release_counts_for_its_own_line_and_item_only() -> None:
    check = parcel(person(in_priority_group=True), LORATADINE)
    assert not released(check, "medic", line="line-other").cleared
    assert not released(check, "medic", item="med-999").cleared


def test_a_release_is_reopened_by_a_question_that_its_giver_had_not_seen() -> None:
    before = judge(parcel(person(conditions=conditions(["heart"])), COLD_REMEDY), POLICY).lines[0]
    release = Release(line=before.line, item=before.item, by="medic", asks=before.asks)
    now = person(conditions=conditions(["heart", "glaucoma"]))
    assert not judged(now, COLD_REMEDY, releases=(release,)).cleared
    milder = person(in_priority_group=True)
    assert judged(milder, COLD_REMEDY, releases=(release,)).cleared


@pytest.mark.parametrize(
    "learnt",
    [
        {"allergies": frozenset({"what the neighbour had"})},
        {"own_medicines": frozenset({"warfarin", "an unknown herb"})},
        {"conditions": conditions(["heart", "epilepsy"])},
        {"conditions": conditions(["heart"], unanswered=["epilepsy"])},
        {"low_dose_aspirin": True},
        {"sex": "female", "pregnancy": "lactating"},
    ],
)
def test_a_release_is_reopened_by_whatever_of_health_comes_to_light_after_it(learnt: dict[str, object]) -> None:
    known = person(in_priority_group=True, own_medicines=frozenset({"warfarin"}), conditions=conditions(["heart"]))
    before = judged(known, LORATADINE)
    release = Release(line=before.line, item=before.item, by="medic", asks=before.asks)
    assert judged(known, LORATADINE, releases=(release,)).cleared
    now = msgspec.structs.replace(known, **learnt)
    assert not judged(now, LORATADINE, releases=(release,)).cleared


def test_a_release_is_reopened_by_one_more_open_question() -> None:
    before = judged(person(conditions=conditions(unanswered=["epilepsy"])), LORATADINE)
    release = Release(line=before.line, item=before.item, by="medic", asks=before.asks)
    more = person(conditions=conditions(unanswered=["epilepsy", "g6pd"]))
    assert not judged(more, LORATADINE, releases=(release,)).cleared


def test_a_release_is_reopened_by_another_parcel_mate_that_asks_for_a_medic() -> None:
    first, second, third = (product(f"med-{n}", "herbs") for n in range(3))
    before = judged(person(), first, second)
    release = Release(line=before.line, item=before.item, by="medic", asks=before.asks)
    assert judged(person(), first, second, releases=(release,)).cleared
    assert not judged(person(), first, third, releases=(release,)).cleared


@pytest.mark.parametrize(
    "loose",
    [
        {"paracetamol_cap_mg": 4001},
        {"child_below_months": 167},
        {"elder_from_months": 781},
        {"infant_below_months": 23},
        {"aspirin_from_months": 191},
        {"prolonged_from_months": 143},
        {"amantadine_never_below_months": 11},
        {"amantadine_doctor_below_months": 59},
        {"fertile_from_months": 145},
        {"fertile_below_months": 671},
    ],
)
def test_a_policy_looser_than_labels_and_notices_is_none(loose: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        DispensingPolicy(version="2", rules=ALL_RULES, **loose)
    written = msgspec.json.encode({"version": "2", "rules": sorted(ALL_RULES), **loose})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(written, type=DispensingPolicy)


# Laws over all rules

CATALOGUE = [
    PARACETAMOL,
    IBUPROFEN,
    ASPIRIN,
    COLD_REMEDY,
    LORATADINE,
    product("med-a", "dextromethorphan", first_trimester="block"),
    product("med-b", "ambroxol", liquid=True, release_by="pharmacist"),
    product("med-c", "pseudoephedrine", contra={"heart": Outcome.DOCTOR, "epilepsy": Outcome.BLOCK}),
    MASK,
]
PEOPLE = st.builds(
    person,
    age_months=st.integers(0, 1200),
    sex=st.sampled_from(["female", "male", None]),
    in_priority_group=st.booleans(),
    allergies=st.frozensets(st.sampled_from(["aspirin", "loratadine", "penicillin"]), max_size=2),
    pregnancy=st.just("no"),
    conditions=st.sets(st.sampled_from(FLAGS), max_size=2).map(conditions),
    own_medicines=st.frozensets(st.sampled_from(["warfarin", "ibuprofen", "amlodipine"]), max_size=1),
    weight_kg=st.integers(3, 90),
    living_alone=st.booleans(),
)
WORSE = [
    lambda who: {"in_priority_group": True},
    lambda who: {"age_months": None},
    lambda who: {"allergies": None},
    lambda who: {"own_medicines": None},
    lambda who: {"weight_kg": None},
    lambda who: {"living_alone": None},
    *(lambda who, name=name: {"allergies": who.allergies | {name}} for name in CLASSES),
    *(lambda who, name=name: {"own_medicines": who.own_medicines | {name}} for name in CLASSES),
    *(lambda who, name=name: {"conditions": who.conditions | {name: True}} for name in FLAGS),
    *(lambda who, name=name: {"conditions": who.conditions | {name: who.conditions[name] or None}} for name in FLAGS),
    *(lambda who, name=name: {"pregnancy": name} for name in ("pregnant", "first_trimester", "lactating", "unknown")),
]
STRICTER = {"volunteer": 0, "medic": 1, "doctor": 2, None: 3}


@settings(max_examples=300, deadline=None)
@given(
    who=PEOPLE,
    goods=st.lists(st.sampled_from(CATALOGUE), min_size=1, max_size=3),
    had=st.lists(st.builds(given_ago, st.sampled_from(CATALOGUE), st.integers(0, 8)), max_size=2),
    worse=st.lists(st.sampled_from(WORSE), min_size=1, max_size=2),
    releases=st.booleans(),
)
def test_an_added_allergy_flag_or_unknown_never_makes_an_outcome_milder(who, goods, had, worse, releases) -> None:
    check = parcel(who, *goods, given=tuple(had))
    before = judge(check, POLICY)
    given_releases = tuple(
        Release(line=one.line, item=one.item, by="doctor", asks=one.asks) for one in before.lines if releases
    )
    before = judge(msgspec.structs.replace(check, releases=given_releases), POLICY)
    changed = who
    for change in worse:
        if None not in (changed.allergies, changed.own_medicines):
            changed = msgspec.structs.replace(changed, **change(changed))
    after = judge(msgspec.structs.replace(check, person=changed, releases=given_releases), POLICY)
    assert after.outcome >= before.outcome
    for old, new in zip(before.lines, after.lines, strict=True):
        assert new.outcome >= old.outcome
        assert STRICTER[new.release_by] >= STRICTER[old.release_by]
        assert old.cleared or not new.cleared


@settings(max_examples=200, deadline=None)
@given(who=PEOPLE, goods=st.lists(st.sampled_from(CATALOGUE), min_size=1, max_size=3))
def test_every_finding_is_a_known_code_with_a_sentence_in_both_languages(who, goods) -> None:
    for one in judge(parcel(who, *goods), POLICY).lines:
        for reason in (*one.reasons, *one.release_reasons):
            fixed = CODES[reason.code]
            assert fixed is None or reason.outcome == fixed
            for language in ("zh", "en"):
                assert "{" not in messages(language)["safety"][reason.code].format(**reason.params)


def messages(language: str) -> dict[str, dict[str, str]]:
    path = Path(__file__).parents[2] / "distribution" / "messages" / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_code_flag_and_group_has_a_sentence(language: str) -> None:
    texts = messages(language)
    assert set(CODES) | {"ASK_MEDIC"} == {key for key, text in texts["safety"].items() if isinstance(text, str)}
    assert set(texts["safety"]["outcome"]) == set(Outcome)
    assert set(texts["flag"]) == set(FLAGS)
    assert set(texts["group"]) == set(GROUPS)


def test_codes_that_tell_of_a_persons_health_are_codes() -> None:
    assert set(CODES) > TELLS_HEALTH
    assert "DS07_ALLERGY" in TELLS_HEALTH
    assert "DS16_EXPIRES_TOO_SOON" not in TELLS_HEALTH
