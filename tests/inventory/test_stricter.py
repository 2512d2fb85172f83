"""Of an old and a new reading of an item the stricter holds until a medic has looked."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from inventory.cataloguing.starter import StarterItem, starter_items
from inventory.cataloguing.stricter import FREE, UNRULED, asks_again, loosened, strict_reading, stricter
from inventory.receiving.intake_facts import Active, Flag, Kind, OtcClass, Registration, Storage, Verdict

ITEMS = {item.code: item for item in starter_items()}
PARACETAMOL = ITEMS["med-001"]
WEAK, STRONG = (
    Active(ingredient="paracetamol", amount_ug=300_000, per="tablet"),
    Active(ingredient="paracetamol", amount_ug=500_000, per="tablet"),
)


@pytest.mark.parametrize(
    ("field", "strict", "loose"),
    [
        ("otc_class", OtcClass.RX, OtcClass.OTC_A),
        ("otc_class", OtcClass.OTC_UNSEEN, OtcClass.OTC_B),
        ("storage", Storage.COLD, Storage.COOL20),
        ("storage", Storage.COOL20, Storage.ROOM),
        ("release_by", "none", "doctor"),
        ("release_by", "pharmacist", "volunteer"),
        ("intake_default", Verdict.REJECT, Verdict.QUARANTINE),
        ("intake_default", Verdict.QUARANTINE, Verdict.ACCEPT),
        ("kind", Kind.MEDICINE, Kind.OTHER),
        ("flags", {Flag.RX: date(2021, 12, 1)}, {}),
        ("flags", {Flag.RX: date(2021, 12, 1)}, {Flag.RX: date(2021, 12, 2)}),
        ("actives", (STRONG, Active(ingredient="caffeine", per="tablet")), (STRONG,)),
        ("actives", (STRONG,), (WEAK,)),
        ("actives", (replace(STRONG, amount_ug=None),), (STRONG,)),
        ("daily_max_mg", {"paracetamol": 2000}, {"paracetamol": 1000}),
        ("daily_max_mg", {}, {"paracetamol": 2000}),
        ("ephedrine_ug_per_unit", 60_000, 30_000),
        ("ephedrine_ug_per_unit", 60_000, None),
        ("ephedrine_ug_per_unit", None, 30_000),
        ("min_age_months", 72, 71),
        ("min_age_months", 72, None),
        ("doctor_below_months", 24, None),
        ("medic_below_months", 144, 72),
        ("max_age_months", 156, 157),
        ("max_age_months", 156, None),
        ("below_min_age", "block", "doctor"),
        ("pregnancy", "block", "medic"),
        ("pregnancy", "unknown", "allow"),
        ("lactation", "doctor", "unknown"),
        ("contra", {"liver": "medic"}, {}),
        ("contra", {"liver": "block"}, {"liver": "doctor"}),
        ("course_days", 7, 3),
        ("course_days", None, 3),
        ("sugar", None, False),
        ("alcohol", True, None),
        ("liquid", True, False),
        ("prolonged_release", True, False),
        ("durable", False, True),
    ],
)
def test_what_loosens_a_rule_waits_and_what_tightens_it_holds_at_once(field: str, strict: Any, loose: Any) -> None:
    more: dict[str, Any] = {"kind": Kind.DEVICE} if field == "durable" else {}
    base = replace(PARACETAMOL, **more)
    one, other = replace(base, **{field: strict}), replace(base, **{field: loose})
    assert field in loosened(one, other)
    assert getattr(stricter(one, other), field) == strict
    assert getattr(stricter(other, one), field) == strict
    assert field not in loosened(other, one)


def test_nothing_waits_where_nothing_changes() -> None:
    assert [item.code for item in ITEMS.values() if loosened(item, item)] == []


def test_neither_reading_is_ever_stricter_than_what_holds() -> None:
    unruled = UNRULED | FREE
    alike = [(one, other) for one, other in product(ITEMS.values(), repeat=2) if one.kind is other.kind]
    for one, other in alike:
        held = stricter(one, other)
        looser = {*loosened(one, held), *loosened(other, held)} - unruled - {"intake_rule", "registration"}
        assert looser == set(), (one.code, other.code)


def test_a_name_a_strength_or_an_alias_loosens_nothing() -> None:
    assert loosened(PARACETAMOL, replace(PARACETAMOL, name_zh="退热片", strength="0.3 g", aliases=())) == ()


def test_a_name_is_to_be_verified_again_an_alias_is_not() -> None:
    assert asks_again(PARACETAMOL, replace(PARACETAMOL, name_zh="退热片", aliases=(), wanted=False)) == ("name_zh",)


def test_goods_that_become_a_medicine_are_one_at_once() -> None:
    device = ITEMS["sup-008"]
    held = stricter(device, replace(device, kind=Kind.MEDICINE, registration=Registration.DRUG))
    assert (held.kind, held.durable, held.registration) == (Kind.MEDICINE, False, None)


def test_a_row_that_says_the_ages_at_last_still_asks_a_medic_for_children() -> None:
    silent = replace(PARACETAMOL, min_age_months=None, doctor_below_months=None, medic_below_months=None)
    assert stricter(silent, replace(silent, min_age_months=24)).medic_below_months == 14 * 12


@pytest.mark.parametrize("code", sorted(ITEMS))
def test_what_one_person_wrote_down_anew_is_accepted_and_given_by_nobody(code: str) -> None:
    held = strict_reading(ITEMS[code])
    assert held.intake_default is not Verdict.ACCEPT
    assert held.release_by == "none"
    assert isinstance(held, StarterItem)
