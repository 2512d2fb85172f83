"""An item's leaflet says what the catalogue says, warns by what is in it, and never tells a dose nobody verified."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import get_args

import pytest
from msgspec.structs import replace

from app.base.i18n import LANGUAGES
from app.main import messages
from inventory.cataloguing import item_leaflets
from inventory.cataloguing.item_leaflets import NOT_WITH, SIGNS, ItemLeaflet, dose_may_be_told, leaflet
from inventory.cataloguing.starter import Condition, StarterItem, starter_ingredients, starter_items
from inventory.receiving.intake_facts import Kind

WORDS = messages()
BY_CODE = {item.code: item for item in starter_items()}
CLASSES = {row.slug: row.classes for row in starter_ingredients()}
MEDICINES = [item for item in starter_items() if item.kind is Kind.MEDICINE]
PARACETAMOL, SLOW_PARACETAMOL, DROPS, IBUPROFEN, CHILD_IBUPROFEN = "med-001", "med-002", "med-004", "med-005", "med-006"
STRONG_LIQUORICE, LIQUID_FOR_CHILDREN, CETIRIZINE, MASK, BLEACH = "med-031", "med-003", "med-052", "sup-003", "sup-007"


def of(item: StarterItem, language: str = "zh", checked_on: date | None = None) -> ItemLeaflet:
    classes = {kind for active in item.actives for kind in CLASSES[active.ingredient]}
    return leaflet(item, classes, language, partial(WORDS.say, language), checked_on)


def lines(made: ItemLeaflet, key: str) -> tuple[str, ...]:
    return next((part.lines for part in made.parts if part.key == key), ())


def say(key: str, language: str = "zh") -> str:
    return WORDS.say(language, f"item_leaflet.{key}")


def test_a_medicine_s_leaflet_answers_every_question() -> None:
    made = of(BY_CODE[PARACETAMOL])
    keys = [part.key for part in made.parts]
    assert keys == ["purpose", "dose", "days", "not_with", "not_for", "signs", "keep"]
    assert "一天最多 4 次" in lines(made, "dose")[0]
    assert say("insert_wins") in lines(made, "dose")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("item", MEDICINES, ids=lambda item: item.code)
def test_no_dose_is_told_that_nobody_verified(item: StarterItem, language: str) -> None:
    told = " ".join(lines(of(item, language), "dose"))
    if item.leaflet is None:
        assert told == ""
    elif not dose_may_be_told(item, checked=False):
        assert not re.search(r"\d", told)
        assert say("by_doctor", language) in told


@pytest.mark.parametrize("item", MEDICINES, ids=lambda item: item.code)
def test_a_dose_with_a_figure_is_the_catalogue_s_own_word_for_word(item: StarterItem) -> None:
    own = item.leaflet.zh.dose if item.leaflet else None
    assert [line for line in lines(of(item), "dose") if re.search(r"\d", line)] in ([], [own])


def test_a_dose_rests_on_the_strength_and_on_a_label_that_was_seen_whole() -> None:
    seen = BY_CODE[PARACETAMOL]
    assert dose_may_be_told(seen, checked=False)
    assert not dose_may_be_told(replace(seen, unverified=("strength",)), checked=False)
    assert not dose_may_be_told(replace(seen, confidence="partly"), checked=False)
    assert dose_may_be_told(replace(seen, confidence="partly", unverified=("strength",)), checked=True)


def test_how_to_swallow_or_measure_is_told_though_the_dose_is_not() -> None:
    assert "毫升数不能照搬" in lines(of(BY_CODE[DROPS]), "dose")[0]
    assert "整粒吞下" in lines(of(BY_CODE[IBUPROFEN]), "dose")[0]
    assert lines(of(BY_CODE[IBUPROFEN]), "dose")[1] == say("by_doctor")


def test_a_pharmacist_s_check_brings_the_dose_and_the_strength_and_its_day() -> None:
    day = date(2026, 11, 20)
    assert "1 到 2 片" not in str(of(BY_CODE[SLOW_PARACETAMOL]).parts)
    checked = of(BY_CODE[SLOW_PARACETAMOL], checked_on=day)
    assert "1 到 2 片" in str(checked.parts)
    assert checked.checked_on == day
    assert of(BY_CODE[IBUPROFEN]).strength == ""
    assert of(BY_CODE[IBUPROFEN], checked_on=day).strength == BY_CODE[IBUPROFEN].strength != ""


def test_what_is_never_handed_out_has_no_leaflet_but_that() -> None:
    made = of(BY_CODE[STRONG_LIQUORICE])
    assert not made.given
    assert made.parts == ()
    assert all(of(item).given for item in starter_items() if item.leaflet)


def test_what_is_in_a_medicine_brings_its_warnings() -> None:
    made = of(BY_CODE[IBUPROFEN])
    assert {say("not_with.antipyretic"), say("not_with.nsaid")} <= set(lines(made, "not_with"))
    assert {say("signs.nsaid"), say("signs.allergy"), say("signs.worse")} <= set(lines(made, "signs"))
    assert say("signs.paracetamol") not in lines(made, "signs")
    assert say("signs.paracetamol") in lines(of(BY_CODE[PARACETAMOL]), "signs")


def test_whoever_the_rules_bar_is_named() -> None:
    made = lines(of(BY_CODE[CHILD_IBUPROFEN]), "not_for")
    assert any("哮喘" in line and "怀孕" in line and line.startswith("有这些情况") for line in made)
    assert "不满 1 岁：先问医生。" in made
    assert any(line.startswith("13 岁及以上") for line in made)
    assert "不满 6 岁：不能用。" in lines(of(BY_CODE[PARACETAMOL]), "not_for")
    assert not any("severe" in line for line in lines(of(BY_CODE[SLOW_PARACETAMOL], "en"), "not_for"))


def test_an_age_that_is_unverified_is_not_told() -> None:
    assert not any("岁" in line for line in lines(of(BY_CODE["med-011"]), "not_for")[1:])


def test_supplies_have_only_what_is_known_of_them_and_bleach_how_to_help() -> None:
    assert {part.key for part in of(BY_CODE[MASK]).parts} == {"keep"}
    assert lines(of(BY_CODE[BLEACH]), "signs") == (say("signs.swallowed"),)
    assert "不能和洁厕灵" in lines(of(BY_CODE[BLEACH]), "not_with")[0]


def _keys() -> Iterator[str]:
    yield from (f"not_with.{tag}" for tag in NOT_WITH)
    yield from (f"signs.{tag}" for tag in SIGNS)
    yield from (f"who.{one}" for one in (*get_args(Condition), "pregnancy", "lactation", "first_trimester"))


@pytest.mark.parametrize("key", list(_keys()))
def test_every_sentence_is_there_in_both_languages(key: str) -> None:
    assert WORDS.has(f"item_leaflet.{key}")


def test_every_tag_is_an_ingredient_or_a_class_of_one() -> None:
    known = {*CLASSES, *(kind for classes in CLASSES.values() for kind in classes)}
    assert {*NOT_WITH, *SIGNS} <= known


def test_no_sentence_of_ours_holds_a_dose() -> None:
    """The only figures in what is derived are an age, a count of days, a temperature, and 120."""
    dose = re.compile(r"\d\s*(mg|g|ml|片|粒|袋|次|tablet|times)")
    ours = {key: text for key, text in WORDS.texts["zh"].items() if key.startswith("item_leaflet.")}
    assert [key for key, text in ours.items() if dose.search(text)] == []


@pytest.mark.parametrize("item", starter_items(), ids=lambda item: item.code)
def test_an_item_s_address_is_all_upper_case_and_holds_only_its_code(item: StarterItem) -> None:
    assert item_leaflets.CODE.fullmatch(item.code)
    found = item_leaflets.address("https://nuanxin.example/", item.code)
    assert found == f"HTTPS://NUANXIN.EXAMPLE/LEAFLET/{item.code.upper()}"
