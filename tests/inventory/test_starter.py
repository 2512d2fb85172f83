"""The starter catalogue is whole, known by the rules, and says no where it must."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path

import msgspec
import pytest

from inventory.cataloguing import starter
from inventory.cataloguing.starter import StarterItem, intake_facts, starter_ingredients, starter_items, starter_kits
from inventory.receiving.intake_facts import DonationFacts, Kind, Look, OtcClass, PackFacts, Verdict
from inventory.receiving.screening import IntakePolicy, screen

ITEMS = starter_items()
MEDICINES = [item for item in ITEMS if item.kind is Kind.MEDICINE]
BY_CODE = {item.code: item for item in ITEMS}
CLASSES = {ingredient.slug: ingredient.classes for ingredient in starter_ingredients()}
REFUSED = ["med-010", "med-020", "med-030", "med-031", "med-032", "med-090", "med-091", "med-092", "med-093", "sup-009"]


def whole_pack_of(item: StarterItem) -> Verdict:
    """What a faultless pack of the item meets at a well-kept station."""
    donation = DonationFacts(
        adult=True,
        own=True,
        lawful=True,
        stored_per_label=True,
        free_gift=True,
        no_resale=True,
        station_has_cool_cabinet=True,
    )
    box = PackFacts(lot="A1", expires_on=date(2028, 1, 31), look=Look(volume_ml=500))
    return screen(box, intake_facts(item, CLASSES), donation, IntakePolicy(version="1"), date(2026, 6, 1)).verdict


def test_the_starter_catalogue_has_forty_eight_medicines_and_twelve_supplies() -> None:
    assert len(BY_CODE) == len(ITEMS) == 60
    assert len(MEDICINES) == 48


def test_confidence_is_kept_row_by_row() -> None:
    assert Counter(item.confidence for item in ITEMS) == {"seen": 37, "partly": 18, "general": 4, "unverified": 1}
    assert not any(item.verified_by or item.verified_on for item in ITEMS)


def test_atc_codes_have_their_shape_and_patent_compounds_have_none() -> None:
    shape = re.compile(r"[A-Z]\d\d[A-Z]([A-Z](\d\d)?)?")
    assert all(shape.fullmatch(item.atc) for item in ITEMS if item.atc)
    assert sum(item.atc is not None for item in ITEMS) == 34
    assert not [item.code for item in ITEMS if item.patent_compound and item.atc]


def test_every_ingredient_is_known_and_every_active_counts_once() -> None:
    for item in ITEMS:
        named = [active.ingredient for active in item.actives]
        assert len(named) == len(set(named)), item.code
        assert set(named) <= set(CLASSES), item.code
        assert set(item.daily_max_mg) <= set(named), item.code


def test_every_medicine_has_actives_a_class_and_an_answer_for_the_young() -> None:
    for item in MEDICINES:
        assert item.actives, item.code
        assert item.otc_class is not OtcClass.NONE, item.code
        known = item.min_age_months is not None or "min_age_months" in item.unverified
        assert known or item.otc_class is OtcClass.RX, item.code


def test_unverified_names_fields_that_an_item_has() -> None:
    for item in ITEMS:
        assert set(item.unverified) <= set(StarterItem.__struct_fields__), item.code


def test_an_unseen_class_is_named_as_unverified() -> None:
    unseen = [item.code for item in ITEMS if item.otc_class is OtcClass.OTC_UNSEEN]
    assert unseen
    assert not [code for code in unseen if "otc_class" not in BY_CODE[code].unverified]


@pytest.mark.parametrize("code", REFUSED)
def test_the_ten_items_that_are_there_to_say_no_are_refused(code: str) -> None:
    assert BY_CODE[code].intake_default is Verdict.REJECT
    assert whole_pack_of(BY_CODE[code]) is Verdict.REJECT


def test_no_other_item_is_refused_but_the_strong_ephedrine_solution() -> None:
    assert [i.code for i in ITEMS if i.code not in REFUSED and whole_pack_of(i) is Verdict.REJECT] == ["med-019"]


def test_supplies_and_the_one_class_b_medicine_are_accepted() -> None:
    accepted = {item.code for item in ITEMS if whole_pack_of(item) is Verdict.ACCEPT}
    assert accepted == {"med-001"} | {i.code for i in ITEMS if i.kind is not Kind.MEDICINE} - {"sup-009"}


def test_paracetamol_is_found_in_what_is_sold_as_chinese_medicine() -> None:
    hidden = {
        item.code for item in ITEMS if item.patent_compound and "paracetamol" in {a.ingredient for a in item.actives}
    }
    assert hidden == {"med-017", "med-018"}
    assert "paracetamol" not in {a.ingredient for a in BY_CODE["med-075"].actives}


def test_every_antipyretic_bars_severe_liver_and_kidney_disease() -> None:
    for item in MEDICINES:
        if any("antipyretic" in CLASSES[active.ingredient] for active in item.actives):
            assert item.contra["severe_liver"] == item.contra["severe_kidney"] == "block", item.code


# Written by hand from the labels, so that the file is held by something other than itself.
FORBIDDEN = {
    "asthma": {"med-005", "med-006", "med-007", "med-034"},
    "peptic_ulcer": {"med-005", "med-006", "med-007", "med-035"},
    "bleeding": {"med-005", "med-006", "med-007"},
    "diabetes": {"med-040", "med-072"},
    "liver": {"med-002"},
    "kidney": {"med-002"},
}


@pytest.mark.parametrize("condition", FORBIDDEN)
def test_what_a_label_forbids_for_a_condition_is_blocked(condition: str) -> None:
    offered = [item for item in MEDICINES if item.otc_class is not OtcClass.RX]
    assert {item.code for item in offered if item.contra.get(condition) == "block"} == FORBIDDEN[condition]


def test_what_a_label_forbids_while_expecting_or_nursing_is_blocked() -> None:
    offered = [item for item in MEDICINES if item.otc_class is not OtcClass.RX]
    forbidden = {"med-005", "med-006", "med-007", "med-014", "med-052"}
    assert {item.code for item in offered if item.pregnancy == "block"} == forbidden
    assert {item.code for item in offered if item.lactation == "block"} == forbidden


def test_the_labels_largest_daily_dose_is_as_printed() -> None:
    told = {item.code: item.daily_max_mg for item in ITEMS if item.daily_max_mg}
    assert told == {
        "med-001": {"paracetamol": 2000},  # 0.5 g four times
        "med-002": {"paracetamol": 3900},  # 2 x 0.65 g three times: over the cap by itself
        "med-003": {"paracetamol": 1280},  # 10 ml of 32 mg/ml four times
        "med-006": {"ibuprofen": 800},  # 10 ml of 20 mg/ml four times
        "med-013": {"paracetamol": 1280},
        "med-015": {"paracetamol": 1500},  # 2 x 250 mg three times
        "med-016": {"paracetamol": 938},  # 2.5 x 125 mg three times
    }


def test_the_slow_paracetamol_bars_any_liver_or_kidney_disease() -> None:
    assert BY_CODE["med-002"].contra["liver"] == BY_CODE["med-002"].contra["kidney"] == "block"


def test_where_sources_disagree_on_amantadine_in_pregnancy_the_stricter_one_stands() -> None:
    assert (BY_CODE["med-014"].pregnancy, BY_CODE["med-014"].lactation) == ("block", "block")


@pytest.mark.parametrize(
    ("code", "months"), [("med-001", 72), ("med-015", 216), ("med-033", 12), ("med-052", 24), ("med-081", 72)]
)
def test_nobody_below_the_table_of_a_label_that_names_no_doctor(code: str, months: int) -> None:
    assert (BY_CODE[code].min_age_months, BY_CODE[code].below_min_age) == (months, "block")


def test_the_age_tables_of_childrens_medicine_end() -> None:
    ends = {item.code: item.max_age_months for item in ITEMS if item.max_age_months is not None}
    assert ends == {"med-003": 156, "med-004": 156, "med-006": 156, "med-013": 144, "med-016": 156}


def test_allergy_to_hydroxyzine_and_cetirizine_go_together() -> None:
    shared = set(CLASSES["cetirizine"]) & set(CLASSES["hydroxyzine"])
    assert "piperazine_antihistamine" in shared


def test_common_pain_medicines_at_home_are_known_as_nsaids() -> None:
    for slug in ("ibuprofen", "aspirin", "diclofenac", "naproxen", "celecoxib", "metamizole"):
        assert {"antipyretic", "nsaid"} <= set(CLASSES[slug])


def test_a_cold_remedy_is_found_by_the_name_people_say() -> None:
    assert "感冒灵" in BY_CODE["med-017"].aliases
    assert "维C银翘" in BY_CODE["med-018"].aliases


def test_honey_counts_as_an_ingredient_and_as_sugar() -> None:
    assert "honey" in {active.ingredient for active in BY_CODE["med-040"].actives}
    assert "sugar" in CLASSES["honey"]


def test_dextromethorphan_is_barred_in_the_first_three_months_of_pregnancy() -> None:
    rows = [i for i in ITEMS if "dextromethorphan" in {a.ingredient for a in i.actives}]
    assert len(rows) == 5
    assert all(item.first_trimester == "block" for item in rows)


def test_aspirin_is_not_for_those_under_sixteen_nor_prolonged_release_for_those_under_twelve() -> None:
    assert (BY_CODE["med-007"].min_age_months, BY_CODE["med-007"].below_min_age) == (192, "block")
    assert all((item.min_age_months or 0) >= 144 for item in ITEMS if item.prolonged_release)


def test_honey_is_not_for_infants() -> None:
    assert (BY_CODE["med-040"].min_age_months, BY_CODE["med-040"].below_min_age) == (12, "block")


def test_ephedrine_class_items_tell_their_strength_or_say_that_it_is_unknown() -> None:
    told = {i.code: i.ephedrine_ug_per_unit for i in ITEMS if intake_facts(i, CLASSES).ephedrine_class}
    assert told == {
        "med-010": 60_000,
        "med-011": 30_000,
        "med-012": 30_000,
        "med-013": 30_000,
        "med-019": 60_000,
        "med-020": None,
    }


def test_what_may_be_given_out_has_a_leaflet_that_says_the_same_things_in_both_languages() -> None:
    for item in ITEMS:
        if item.intake_default is Verdict.REJECT:
            assert item.leaflet is None, item.code
            continue
        assert item.leaflet is not None, item.code
        zh, en = msgspec.to_builtins(item.leaflet.zh), msgspec.to_builtins(item.leaflet.en)
        assert {part for part in zh if zh[part]} == {part for part in en if en[part]}, item.code


def test_ephedra_the_herb_is_no_ephedrine_class_drug() -> None:
    assert not intake_facts(BY_CODE["med-070"], CLASSES).ephedrine_class


def test_an_ingredient_without_classes_on_record_stops_the_reading() -> None:
    with pytest.raises(KeyError):
        intake_facts(BY_CODE["med-011"], {})


def test_the_care_parcel_holds_its_seven_kinds_of_goods() -> None:
    (kit,) = starter_kits()
    assert kit.name_zh == "爱心礼包"
    assert [line.item for line in kit.lines] == [
        "sup-001",
        "sup-003",
        "sup-005",
        "sup-006",
        "sup-007",
        "sup-008",
        "med-037",
    ]
    assert {line.item for line in kit.lines} <= set(BY_CODE)


def test_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="dose_for_cats"):
        msgspec.convert({**msgspec.to_builtins(ITEMS[0]), "dose_for_cats": 1}, StarterItem)


def test_an_item_survives_its_way_through_json() -> None:
    for item in ITEMS:
        assert msgspec.json.decode(msgspec.json.encode(item), type=StarterItem) == item


def messages(language: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(starter.__file__).parents[1] / "messages" / f"{language}.toml").read_text("utf-8"))


def test_ingredients_are_called_the_same_in_messages_and_data() -> None:
    assert messages("zh")["ingredient"] == {i.slug: i.zh for i in starter_ingredients()}
    assert messages("en")["ingredient"] == {i.slug: i.en for i in starter_ingredients()}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_form_kind_class_and_storage_has_its_word(language: str) -> None:
    said = messages(language)
    assert {item.form for item in ITEMS} == set(said["form"])
    assert set(said["kind"]) == {str(kind) for kind in Kind}
    assert set(said["class"]) == {str(word) for word in OtcClass}
    assert {str(item.storage) for item in ITEMS} <= set(said["storage"])
