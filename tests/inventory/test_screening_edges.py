"""Every threshold of the intake policy at, just under and just over; every dated flag the day before, on and after."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from app.base.limits import limits
from inventory.receiving import intake_policy, screening
from inventory.receiving.intake_facts import (
    CONTROLLED,
    Active,
    DonationFacts,
    Emergency,
    Flag,
    ItemFacts,
    Kind,
    Look,
    OtcClass,
    PackFacts,
    Registration,
    Storage,
    Verdict,
)
from inventory.receiving.intake_policy import LAW, MERCURY_BAN, IntakePolicy
from inventory.receiving.screening import RULES
from inventory.releasing.signatures import OVERRIDE, TAKES_ANYWAY, override_roles

TODAY = date(2026, 6, 1)
DECLARED = DonationFacts(adult=True, own=True, lawful=True, stored_per_label=True, free_gift=True, no_resale=True)
PARACETAMOL = ItemFacts(
    code="med-001",
    kind=Kind.MEDICINE,
    otc_class=OtcClass.OTC_B,
    actives=(Active(ingredient="paracetamol", amount_ug=500_000, per="tablet"),),
    course_days=5,
)
COLD_TABLET = msgspec.structs.replace(PARACETAMOL, code="med-011", ephedrine_class=True, ephedrine_ug_per_unit=30_000)
KIT = ItemFacts(code="sup-005", kind=Kind.DEVICE, otc_class=OtcClass.NONE)
MASK = ItemFacts(code="sup-003", kind=Kind.DEVICE, otc_class=OtcClass.NONE, registration=Registration.MASK)
BLEACH = ItemFacts(code="sup-007", kind=Kind.DISINFECTANT, otc_class=OtcClass.NONE)
ALCOHOL = ItemFacts(code="sup-012", kind=Kind.DISINFECTANT, otc_class=OtcClass.NONE, alcohol=True)
THERMOMETER = ItemFacts(code="sup-008", kind=Kind.DEVICE, otc_class=OtcClass.NONE, durable=True)


def policy(**more: Any) -> IntakePolicy:
    return IntakePolicy(**{"version": "7", **more})


def codes(
    item: ItemFacts | None = PARACETAMOL,
    *,
    left: int | None = 400,
    given: dict[str, Any] | None = None,
    rules: IntakePolicy | None = None,
    today: date = TODAY,
    look: Look | None = None,
    **pack: Any,
) -> list[str]:
    expires_on = None if left is None else today + timedelta(days=left)
    box = PackFacts(**{"lot": "A1", "expires_on": expires_on, "look": look or Look(), **pack})
    donation = msgspec.structs.replace(DECLARED, **(given or {}))
    return [reason.code for reason in screening.screen(box, item, donation, rules or policy(), today).reasons]


def test_the_switches_are_just_the_rules_there_are() -> None:
    assert tuple(rule for rule, _ in RULES) == intake_policy.RULES


@pytest.mark.parametrize(
    ("threshold", "accepted", "refused"),
    [(180, 180, 179), (200, 200, 199), (1095, 1095, 1094)],
)
def test_medicine_is_taken_from_the_policy_s_days_left(threshold: int, accepted: int, refused: int) -> None:
    rules = policy(accept_from_days=threshold)
    assert codes(left=accepted, rules=rules) == []
    assert codes(left=refused, rules=rules) == ["IN05_SHORT_DATED"]


@pytest.mark.parametrize("threshold", [30, 60, 180])
def test_medicine_is_refused_below_the_policy_s_days_left(threshold: int) -> None:
    rules = policy(refuse_below_days=threshold)
    assert codes(left=threshold - 1, rules=rules) == ["IN05_TOO_SHORT"]
    assert codes(left=threshold, rules=rules) == (["IN05_SHORT_DATED"] if threshold < 180 else [])


@pytest.mark.parametrize("threshold", [7, 30, 365])
@pytest.mark.parametrize(("item", "rule"), [(KIT, "IN22"), (MASK, "IN23"), (BLEACH, "IN24"), (THERMOMETER, "IN22")])
def test_supplies_are_refused_below_the_policy_s_days_left(item: ItemFacts, rule: str, threshold: int) -> None:
    rules = policy(supplies_min_days=threshold)
    assert codes(item, left=threshold, rules=rules) == []
    assert codes(item, left=threshold - 1, rules=rules) == [f"{rule}_TOO_SHORT"]
    assert codes(item, left=-1, rules=rules) == ["IN01_EXPIRED"]


@pytest.mark.parametrize("threshold", [1096, 3660, 5500])
def test_a_shelf_life_longer_than_any_is_looked_at_again(threshold: int) -> None:
    rules = policy(longest_life_days=threshold)
    assert codes(left=threshold, rules=rules) == []
    assert codes(left=threshold + 1, rules=rules) == ["IN01_IMPLAUSIBLE"]


@pytest.mark.parametrize(("days_after_expiry", "believed"), [(-1, True), (0, False), (1, False)])
def test_what_was_made_on_or_after_its_expiry_is_looked_at_again(days_after_expiry: int, believed: bool) -> None:
    today = date(2026, 6, 1)
    found = codes(left=300, made_on=today + timedelta(days=300 + days_after_expiry), today=today)
    assert found == ["IN01_MADE"]
    assert (codes(THERMOMETER, left=None, lot=None, made_on=today) == []) is True
    over = codes(MASK, left=-1, made_on=today + timedelta(days=days_after_expiry - 1))
    assert ("IN01_MADE" in over) is not believed


@pytest.mark.parametrize(("made", "found"), [(-1, []), (0, []), (1, ["IN01_MADE"])])
def test_nothing_was_made_tomorrow(made: int, found: list[str]) -> None:
    assert codes(made_on=TODAY + timedelta(days=made)) == found
    assert codes(THERMOMETER, left=None, lot=None, made_on=TODAY + timedelta(days=made)) == found


@pytest.mark.parametrize(
    ("lot", "found"), [("A", []), ("", ["IN02_MISSING"]), (" ", ["IN02_MISSING"]), (None, ["IN02_MISSING"])]
)
def test_one_sign_is_a_batch_number_and_blanks_are_none(lot: str | None, found: list[str]) -> None:
    assert codes(lot=lot) == found


@pytest.mark.parametrize("digits", [7, 8, 9])
def test_an_approval_number_has_eight_digits(digits: int) -> None:
    assert codes(approval_number="国药准字H" + "1" * digits) == ([] if digits == 8 else ["IN04_FORM"])


@pytest.mark.parametrize("least", [30, 45, 180])
@pytest.mark.parametrize("course", [0, 5, 30])
def test_an_easing_takes_its_least_days_and_the_course(least: int, course: int) -> None:
    easing = Emergency(from_day=TODAY, until_day=TODAY, signed_by="medic", min_days=least)
    rules, item = (
        policy(emergency=easing, accept_from_days=1095),
        msgspec.structs.replace(PARACETAMOL, course_days=course),
    )
    assert codes(item, left=least + course, rules=rules) == ["IN05_EMERGENCY"]
    below = "IN05_TOO_SHORT" if least + course - 1 < 60 else "IN05_SHORT_DATED"
    assert codes(item, left=least + course - 1, rules=rules) == [below]


@pytest.mark.parametrize("usual", [1, 7, 30])
def test_a_course_that_nobody_knows_is_the_policy_s_usual_one(usual: int) -> None:
    easing = Emergency(from_day=TODAY, until_day=TODAY, signed_by="medic")
    rules, item = (
        policy(emergency=easing, usual_course_days=usual),
        msgspec.structs.replace(PARACETAMOL, course_days=None),
    )
    assert codes(item, left=30 + usual, rules=rules) == ["IN05_EMERGENCY"]
    assert codes(item, left=29 + usual, rules=rules) == ["IN05_TOO_SHORT"]


@pytest.mark.parametrize(("day", "eased"), [(-1, False), (0, True), (10, True), (11, False)])
def test_an_easing_holds_on_its_days_only(day: int, eased: bool) -> None:
    easing = Emergency(from_day=TODAY, until_day=TODAY + timedelta(days=10), signed_by="medic")
    found = codes(left=40, rules=policy(emergency=easing), today=TODAY + timedelta(days=day))
    assert found == (["IN05_EMERGENCY"] if eased else ["IN05_TOO_SHORT"])


def test_no_easing_takes_less_than_thirty_days() -> None:
    Emergency(from_day=TODAY, until_day=TODAY, signed_by="medic", min_days=30)
    with pytest.raises(ValueError, match="30 days"):
        Emergency(from_day=TODAY, until_day=TODAY, signed_by="medic", min_days=29)


@pytest.mark.parametrize("flag", sorted(CONTROLLED))
@pytest.mark.parametrize(("day", "held"), [(-1, False), (0, True), (1, True)])
def test_a_controlled_flag_holds_from_its_day(flag: Flag, day: int, held: bool) -> None:
    item = msgspec.structs.replace(PARACETAMOL, flags={flag: TODAY})
    found = codes(item, today=TODAY + timedelta(days=day))
    assert bool(found) is held
    assert all(code in {"IN10_CONTROLLED", "IN10_INJECTION"} for code in found)


@pytest.mark.parametrize(("day", "held"), [(-1, False), (0, True), (1, True)])
def test_prescription_and_mercury_hold_from_their_days(day: int, held: bool) -> None:
    when = TODAY + timedelta(days=day)
    rx = msgspec.structs.replace(PARACETAMOL, otc_class=OtcClass.RX, flags={Flag.RX: TODAY})
    assert codes(rx, today=when) == (["IN08_RX"] if held else [])
    mercury = msgspec.structs.replace(THERMOMETER, flags={Flag.MERCURY: TODAY})
    assert codes(mercury, left=None, lot=None, today=when) == (["IN25_MERCURY"] if held else [])


@pytest.mark.parametrize("banned", [MERCURY_BAN, date(2025, 7, 1)])
@pytest.mark.parametrize(("day", "held"), [(-1, False), (0, True), (1, True)])
def test_mercury_that_the_eye_sees_is_refused_from_the_policy_s_day(banned: date, day: int, held: bool) -> None:
    found = codes(
        THERMOMETER, left=None, lot=None, look=Look(mercury=True), today=banned + timedelta(days=day),
        rules=policy(mercury_from=banned),
    )  # fmt: skip
    assert found == (["IN25_MERCURY"] if held else [])


@pytest.mark.parametrize("most", [1, 10_000, 30_000])
def test_ephedrine_in_a_unit_is_refused_above_the_policy_s_amount(most: int) -> None:
    rules = policy(ephedrine_max_ug=most)
    for amount, code in ((most, "IN11_LOCKED"), (most + 1, "IN11_TOO_STRONG")):
        assert codes(msgspec.structs.replace(COLD_TABLET, ephedrine_ug_per_unit=amount), rules=rules) == [code]


@pytest.mark.parametrize("most", [0, 1, 2])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_ephedrine_packs_of_one_donor_are_refused_above_the_policy_s_number(most: int, before: int) -> None:
    for quantity in range(1, 4):
        found = codes(
            COLD_TABLET,
            quantity=quantity,
            given={"ephedrine_packs_before": before},
            rules=policy(ephedrine_max_packs=most),
        )
        assert ("IN11_PACKS" in found) is (before + quantity > most)


@pytest.mark.parametrize("most", [1, 10, 100])
@pytest.mark.parametrize("besides", [0, 1])
def test_one_medicine_from_one_donor_waits_above_the_policy_s_number(most: int, besides: int) -> None:
    rules = policy(bulk_max_packs=most)
    for quantity, found in ((most - besides, []), (most - besides + 1, ["IN20_BULK"])):
        if quantity:
            assert codes(quantity=quantity, given={"same_item_besides": besides}, rules=rules) == found


@pytest.mark.parametrize("item", [KIT, MASK, BLEACH])
def test_supplies_are_welcome_by_the_box(item: ItemFacts) -> None:
    assert codes(item, quantity=500) == []


def test_unknown_goods_wait_for_a_name_and_not_for_their_number() -> None:
    assert codes(None, quantity=11) == ["IN21_UNKNOWN"]


@pytest.mark.parametrize("most", [1, 100, 500])
def test_alcohol_is_refused_above_the_policy_s_volume(most: int) -> None:
    rules = policy(alcohol_max_ml=most)
    assert codes(ALCOHOL, look=Look(volume_ml=most), rules=rules) == []
    assert codes(ALCOHOL, look=Look(volume_ml=most + 1), rules=rules) == ["IN24_TOO_LARGE"]


@pytest.mark.parametrize(
    ("storage", "cabinet", "found"),
    [
        (Storage.ROOM, False, []),
        (Storage.COOL20, True, []),
        (Storage.COOL20, False, ["IN12_COOL"]),
        (Storage.COLD, True, ["IN12_COLD"]),
    ],
)
def test_medicine_is_taken_where_it_can_be_kept(storage: Storage, cabinet: bool, found: list[str]) -> None:
    item = msgspec.structs.replace(PARACETAMOL, storage=storage)
    assert codes(item, given={"station_has_cool_cabinet": cabinet}) == found


@pytest.mark.parametrize(("chemical", "found"), [(0, []), (1, []), (2, ["IN09_COMBINATION"])])
def test_more_than_one_active_is_a_combination(chemical: int, found: list[str]) -> None:
    actives = tuple(Active(ingredient=f"a{number}", per="tablet") for number in range(chemical))
    assert codes(msgspec.structs.replace(PARACETAMOL, actives=actives)) == found


def test_what_nobody_asked_for_is_declined_unless_a_coordinator_says_why() -> None:
    unwanted = msgspec.structs.replace(MASK, wanted=False)
    assert codes(unwanted) == ["IN19_NOT_WANTED"]
    assert codes(unwanted, given={"taken_anyway": "义诊点要用"}) == ["IN19_TAKEN_ANYWAY"]
    assert codes(MASK, given={"taken_anyway": "义诊点要用"}) == []
    assert sorted(TAKES_ANYWAY) == ["coordinator", "office"]


def test_saying_why_lifts_no_other_refusal() -> None:
    unwanted = msgspec.structs.replace(PARACETAMOL, wanted=False)
    assert codes(unwanted, left=-1, given={"taken_anyway": "要用"}) == ["IN01_EXPIRED", "IN19_TAKEN_ANYWAY"]


@pytest.mark.parametrize("row", list(Verdict))
@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ({}, Verdict.ACCEPT),
        ({"look": Look(insert_present=False)}, Verdict.QUARANTINE),
        ({"left": -1}, Verdict.REJECT),
    ],
)
def test_of_the_rule_and_the_catalogue_row_the_stricter_wins(
    row: Verdict, fault: dict[str, Any], rule: Verdict
) -> None:
    item = msgspec.structs.replace(PARACETAMOL, intake_default=row)
    left, look = fault.get("left", 400), fault.get("look", Look())
    box = PackFacts(lot="A1", expires_on=TODAY + timedelta(days=left), look=look)
    found = screening.screen(box, item, DECLARED, policy(), TODAY)
    assert found.verdict is max(row, rule, key=screening.STRICTNESS.index)


@pytest.mark.parametrize("rule", sorted(set(intake_policy.RULES) - LAW))
def test_each_rule_that_is_not_the_law_s_can_be_switched_off(rule: str) -> None:
    assert rule not in policy(rules=frozenset(intake_policy.RULES) - {rule}).rules


@pytest.mark.parametrize("field", sorted(limits(IntakePolicy)))
def test_a_policy_takes_each_limit_and_nothing_beyond(field: str) -> None:
    span = limits(IntakePolicy)[field]
    both = {"refuse_below_days": 30} if field == "accept_from_days" else {}
    both = {"accept_from_days": 1095} if field == "refuse_below_days" else both
    for value in span:
        assert getattr(policy(**both, **{field: value}), field) == value
    for value in (span.low - 1, span.high + 1):
        with pytest.raises(ValueError, match=field):
            policy(**both, **{field: value})


# Domain table B1, by hand: who overrides a quarantine of each rule; what stands in no row nobody overrides.
WHO = {
    "IN04": "medic", "IN05": "medic coordinator", "IN06": "medic", "IN07": "medic", "IN09": "medic", "IN11": "medic",
    "IN12": "medic", "IN13": "coordinator", "IN15": "coordinator", "IN17": "medic", "IN18": "medic coordinator",
    "IN20": "coordinator", "IN21": "medic", "IN22": "coordinator", "IN23": "coordinator", "CATALOGUE": "medic",
}  # fmt: skip


@pytest.mark.parametrize("rule", [*(f"IN{number:02}" for number in range(1, 29)), "CATALOGUE", "POLICY_MISSING"])
def test_each_rule_is_overridden_by_those_of_the_table_and_a_refusal_by_nobody(rule: str) -> None:
    held, refused = (
        msgspec.structs.replace(screening.found(rule, Verdict.QUARANTINE), rule=rule, outcome=outcome)
        for outcome in (Verdict.QUARANTINE, Verdict.REJECT)
    )
    assert override_roles(held) == frozenset(WHO.get(rule, "").split())
    assert override_roles(refused) == frozenset()
    assert set(OVERRIDE) == set(WHO)
