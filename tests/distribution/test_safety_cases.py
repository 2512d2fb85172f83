"""Worked cases as a pharmacist would tell them: who stands at the door, what is in the bag, what must happen."""

from __future__ import annotations

from datetime import timedelta

from distribution.safety import Active, Outcome, conditions, judge
from tests.distribution.test_safety import (
    ASPIRIN,
    BLEACH,
    HAND_GEL,
    IBUPROFEN,
    LORATADINE,
    MASK,
    PARACETAMOL,
    POLICY,
    TODAY,
    codes,
    given_ago,
    judged,
    line,
    parcel,
    person,
    product,
    released,
)

GANMAOLING = product(
    "med-017",
    actives=(
        Active(ingredient="paracetamol", amount_ug=200_000, daily_max_mg=600),
        Active(ingredient="chlorphenamine", amount_ug=4_000),
        Active(ingredient="herbs"),
    ),
    release_by="pharmacist",
    doctor_below_months=168,
    sugar=True,
)
VC_YINQIAO = product("med-018", "paracetamol", "chlorphenamine", "herbs", doctor_below_months=168)
CHILD_PARACETAMOL = product("med-003", "paracetamol", liquid=True, min_age_months=24, release_by="pharmacist")
COLD_SYRUP = product("med-013", "paracetamol", "pseudoephedrine", "chlorphenamine", liquid=True, min_age_months=24)
AMANTADINE_COLD = product("med-014", "paracetamol", "amantadine", "chlorphenamine", doctor_below_months=168)
STRONG_SLOW_PARACETAMOL = product(
    "med-002",
    actives=(Active(ingredient="paracetamol", amount_ug=650_000, daily_max_mg=3900),),
    prolonged_release=True,
)
LIANHUA = product("med-070", "ephedra_herb", "herbs", doctor_below_months=168, release_by="pharmacist")
BANLANGEN = product("med-071", "herbs", sugar=True)
CHLORPHENAMINE = product("med-050", "chlorphenamine", release_by="pharmacist")
DEXTROMETHORPHAN_MIX = product("med-019", "dextromethorphan", "pseudoephedrine", first_trimester="block")
AMBROXOL = product("med-033", "ambroxol", release_by="pharmacist")
ACETYLCYSTEINE = product("med-034", "acetylcysteine")
HUOXIANG_WATER = product("med-062", "ethanol", "herbs", alcohol=True)
AMOXICILLIN = product("med-091", "loratadine", otc_class="rx", release_by="doctor")


def test_a_pregnant_woman_asks_for_ibuprofen_and_nobody_may_give_it() -> None:
    woman = person(sex="female", age_months=29 * 12, pregnancy="pregnant", in_priority_group=True)
    verdict = judged(woman, IBUPROFEN)
    assert verdict.outcome is Outcome.BLOCK
    assert verdict.release_by is None
    assert not released(parcel(woman, IBUPROFEN), "doctor").cleared


def test_a_pregnant_woman_with_fever_gets_paracetamol_from_a_doctor_only() -> None:
    woman = person(sex="female", age_months=29 * 12, pregnancy="pregnant", in_priority_group=True)
    check = parcel(woman, PARACETAMOL)
    assert judge(check, POLICY).lines[0].release_by == "doctor"
    assert not released(check, "medic").cleared
    assert released(check, "doctor").cleared


def test_a_nursing_mother_may_not_have_ibuprofen_either() -> None:
    assert judged(person(sex="female", pregnancy="lactating"), IBUPROFEN).release_by is None


def test_a_nursing_mother_gets_loratadine_when_a_pharmacist_says_so() -> None:
    assert judged(person(sex="female", pregnancy="lactating"), LORATADINE).release_by == "medic"


def test_a_woman_in_her_tenth_week_gets_no_cough_mixture_with_dextromethorphan() -> None:
    assert "DS06_FIRST_TRIMESTER" in codes(
        judged(person(sex="female", pregnancy="first_trimester"), DEXTROMETHORPHAN_MIX)
    )


def test_a_woman_of_thirty_was_not_asked_and_nothing_goes_until_she_is() -> None:
    woman = person(sex="female", age_months=30 * 12, pregnancy="unknown")
    assert judged(woman, BANLANGEN).outcome is Outcome.BLOCK
    assert judged(woman, MASK).cleared


def test_a_woman_of_seventy_is_not_held_up_by_that_question() -> None:
    grandmother = person(sex="female", age_months=70 * 12, pregnancy="unknown")
    assert judged(grandmother, PARACETAMOL).outcome is Outcome.ALLOW
    assert judged(grandmother, PARACETAMOL).release_by == "medic"


def test_ganmaoling_beside_paracetamol_hides_the_same_ingredient_and_both_stay() -> None:
    both = judge(parcel(person(), GANMAOLING, PARACETAMOL), POLICY).lines
    assert all("DS01_IN_PARCEL" in codes(one) for one in both)


def test_vitamin_c_yinqiao_after_ganmaoling_yesterday_is_too_much_of_the_same() -> None:
    verdict = judged(person(), VC_YINQIAO, given=(given_ago(GANMAOLING, 1),))
    assert "DS01_GIVEN" in codes(verdict)
    assert verdict.release_by is None


def test_ibuprofen_beside_ganmaoling_makes_two_fever_medicines() -> None:
    assert "DS03_TWO_ANTIPYRETICS" in codes(judged(person(), IBUPROFEN, GANMAOLING))


def test_banlangen_beside_ganmaoling_shares_only_unlisted_herbs_and_asks_a_pharmacist() -> None:
    assert judged(person(), BANLANGEN, GANMAOLING).release_by == "medic"


def test_the_slow_paracetamol_of_650_mg_exceeds_the_days_limit_by_its_own_label() -> None:
    verdict = judged(person(), STRONG_SLOW_PARACETAMOL)
    assert codes(verdict) == {"DS02_OVER_CAP"}


def test_a_child_of_20_months_and_a_cold_syrup_waits_for_no_volunteer_and_no_pharmacist() -> None:
    child = person(age_months=20, weight_kg=11, pregnancy="not_applicable", in_priority_group=True)
    verdict = judged(child, COLD_SYRUP)
    assert {"DS04_COLD_REMEDY", "DS05_BELOW_AGE"} <= codes(verdict)
    assert verdict.release_by is None


def test_a_child_of_three_and_paracetamol_syrup_waits_for_the_scales_then_for_a_pharmacist() -> None:
    unweighed = person(age_months=36, weight_kg=None)
    assert {"DS05_WEIGHT_UNKNOWN", "DS02_CHILD_WEIGHT_UNKNOWN"} <= codes(judged(unweighed, CHILD_PARACETAMOL))
    weighed = person(age_months=36, weight_kg=14)
    assert judged(weighed, CHILD_PARACETAMOL).release_by == "medic"


def test_a_baby_of_ten_months_never_gets_amantadine_and_a_child_of_four_asks_a_doctor() -> None:
    assert "DS04_AMANTADINE_INFANT" in codes(judged(person(age_months=10, weight_kg=9), AMANTADINE_COLD))
    assert judged(person(age_months=50, weight_kg=17), AMANTADINE_COLD).release_by == "doctor"


def test_a_feverish_schoolgirl_of_fifteen_gets_no_aspirin() -> None:
    assert "DS05_ASPIRIN" in codes(judged(person(age_months=15 * 12, sex="female", pregnancy="no"), ASPIRIN))


def test_a_healthy_man_gets_aspirin_from_a_doctor_only() -> None:
    verdict = judged(person(), ASPIRIN)
    assert (verdict.outcome, verdict.release_by) == (Outcome.ALLOW, "doctor")


def test_an_unknown_allergy_holds_everything_but_the_masks() -> None:
    medicine, mask = judge(parcel(person(allergies=None), PARACETAMOL, MASK), POLICY).lines
    assert codes(medicine) == {"DS07_ALLERGY_UNKNOWN"}
    assert medicine.release_by is None
    assert mask.cleared


def test_who_once_reacted_to_aspirin_gets_no_ibuprofen() -> None:
    assert "DS07_ALLERGY_CLASS" in codes(judged(person(allergies=frozenset({"aspirin"})), IBUPROFEN))


def test_the_same_item_was_given_six_days_ago_so_not_today_but_tomorrow() -> None:
    had = (given_ago(LORATADINE, 6),)
    today = judged(person(), LORATADINE, given=had)
    assert {"DS01_GIVEN", "DS15_OVER_LIMIT"} == codes(today)
    assert judged(person(), LORATADINE, given=had, delivery_day=TODAY + timedelta(days=1)).cleared


def test_the_same_item_was_given_seven_days_ago_and_may_go_again() -> None:
    assert judged(person(), LORATADINE, given=(given_ago(LORATADINE, 7),)).cleared


def test_the_husband_got_paracetamol_yesterday_so_the_wife_gets_hers_with_a_warning() -> None:
    wife = person(sex="female", pregnancy="no")
    verdict = judged(wife, PARACETAMOL, household_given=(given_ago(GANMAOLING, 1),))
    assert (verdict.outcome, verdict.cleared) == (Outcome.WARN, True)


def test_an_old_man_on_heart_aspirin_gets_paracetamol_through_the_pharmacist() -> None:
    heart = person(
        age_months=72 * 12,
        conditions=conditions(["heart"]),
        own_medicines=frozenset({"aspirin"}),
        low_dose_aspirin=True,
    )
    check = parcel(heart, PARACETAMOL)
    assert codes(judge(check, POLICY).lines[0]) == {"DS03_LOW_DOSE_ASPIRIN"}
    assert released(check, "medic").cleared


def test_who_has_paracetamol_at_home_gets_no_more_of_it() -> None:
    assert "DS01_AT_HOME" in codes(judged(person(own_medicines=frozenset({"paracetamol"})), GANMAOLING))


def test_cirrhosis_bars_paracetamol_for_pharmacist_and_doctor_alike() -> None:
    sick = parcel(person(conditions=conditions(["severe_liver", "liver"])), PARACETAMOL)
    assert not released(sick, "doctor").cleared


def test_a_mild_kidney_disease_lets_loratadine_pass_through_a_pharmacist() -> None:
    assert judged(person(conditions=conditions(["kidney"])), LORATADINE).release_by == "medic"


def test_nobody_asked_about_the_kidneys_so_nothing_goes() -> None:
    assert judged(person(conditions=conditions(unanswered=["kidney"])), LORATADINE).outcome is Outcome.BLOCK


def test_lianhua_with_its_ephedra_asks_a_pharmacist_for_a_man_with_high_blood_pressure() -> None:
    assert "DS09_CONDITION" in codes(judged(person(conditions=conditions(["hypertension"])), LIANHUA))


def test_sweet_banlangen_for_a_diabetic_asks_a_pharmacist() -> None:
    assert "DS10_SUGAR" in codes(judged(person(conditions=conditions(["diabetes"])), BANLANGEN))


def test_an_asthmatic_gets_neither_ibuprofen_nor_acetylcysteine() -> None:
    asthmatic = person(conditions=conditions(["asthma"]))
    assert judged(asthmatic, IBUPROFEN).release_by is None
    assert judged(asthmatic, ACETYLCYSTEINE).release_by is None


def test_chlorphenamine_for_a_lonely_elder_asks_a_pharmacist_and_for_her_daughter_only_warns() -> None:
    elder = person(sex="female", age_months=80 * 12, living_alone=True, in_priority_group=True)
    assert judged(elder, CHLORPHENAMINE).outcome is Outcome.MEDIC
    daughter = person(sex="female", pregnancy="no", living_alone=True)
    assert judged(daughter, product("med-x", "chlorphenamine")).outcome is Outcome.WARN


def test_a_cough_stopper_and_ambroxol_together_ask_a_pharmacist() -> None:
    assert "DS14_COUGH_PAIR" in codes(judged(person(), AMBROXOL, DEXTROMETHORPHAN_MIX))


def test_huoxiang_water_with_its_spirit_is_judged_as_a_medicine() -> None:
    assert "DS07_ALLERGY" in codes(judged(person(allergies=frozenset({"ethanol"})), HUOXIANG_WATER))


def test_two_boxes_for_one_grateful_neighbour_are_one_too_many() -> None:
    assert codes(judged(person(), line(PARACETAMOL, quantity=2))) == {"DS15_OVER_LIMIT"}


def test_a_box_that_expires_during_the_course_stays_at_the_station() -> None:
    assert "DS16_EXPIRES_TOO_SOON" in codes(judged(person(), line(PARACETAMOL, expiry=TODAY + timedelta(days=2))))


def test_an_antibiotic_is_no_stations_business() -> None:
    verdict = judged(person(), AMOXICILLIN)
    assert (codes(verdict), verdict.release_by) == ({"ROW_PRESCRIPTION"}, None)


def test_the_whole_care_parcel_goes_with_a_warning_about_bleach_and_gel() -> None:
    outcome = judge(parcel(person(), MASK, HAND_GEL, BLEACH, BANLANGEN), POLICY)
    assert (outcome.outcome, outcome.cleared) == (Outcome.WARN, True)


def test_one_blocked_medicine_holds_the_parcel_but_not_the_judgement_of_the_rest() -> None:
    outcome = judge(parcel(person(allergies=frozenset({"loratadine"})), LORATADINE, MASK), POLICY)
    assert not outcome.cleared
    assert [one.cleared for one in outcome.lines] == [False, True]
