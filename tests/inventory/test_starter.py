"""The starter catalogue is whole, known by the rules, and says no where it must."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path

import msgspec
import pytest

from inventory import starter
from inventory.intake_facts import DonationFacts, Kind, Look, OtcClass, PackFacts, Verdict
from inventory.screening import IntakePolicy, screen
from inventory.starter import StarterItem, intake_facts, starter_ingredients, starter_items, starter_kits

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
    return tomllib.loads((Path(starter.__file__).parent / "messages" / f"{language}.toml").read_text("utf-8"))


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
