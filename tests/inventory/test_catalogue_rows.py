"""Rows of the catalogue: written in bulk, never over a newer change, and never looser before a medic has looked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.base.clock import Clock
from app.base.db import Database
from inventory.cataloguing import catalogue, catalogue_rows
from inventory.cataloguing.catalogue_rows import NEW, Current, ItemRow, Put
from inventory.cataloguing.starter import StarterItem
from inventory.receiving.intake_facts import Active, Kind, OtcClass, Storage, Verdict
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World

CEFIXIME = StarterItem(
    code=NEW, kind=Kind.MEDICINE, name_zh="长效止咳片", name_en="Long-acting cough tablets", form="tablet",
    otc_class=OtcClass.OTC_B, storage=Storage.ROOM, release_by="volunteer", intake_default=Verdict.ACCEPT,
    unit_zh="盒", unit_en="box", confidence="seen", source="label", strength="0.1 g",
)  # fmt: skip


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def put(world: World, *rows: ItemRow, by: str = "office") -> tuple[Put, ...]:
    return world.db.write_now(catalogue_rows.put_items, rows, world.people[by], world.now)


def now_of(world: World, code: str) -> Current:
    item = world.db.read_now(catalogue_rows.with_codes, [code])[code]
    return world.db.read_now(catalogue_rows.current, [item])[item]


def edit(world: World, code: str, by: str = "office", **changes: Any) -> Put:
    codes = {name: changes.pop(name) for name in ("approvals", "barcodes", "drug_codes", "exact") if name in changes}
    was = now_of(world, code)
    row = ItemRow(item=was.item, edition=was.edition, facts=replace(was.facts, **changes), **codes)
    return put(world, row, by=by)[0]


def found(world: World, text: str) -> list[str]:
    return [item.code for item in world.db.read_now(catalogue.find, text)]


def test_a_new_item_is_found_by_its_names_and_numbers_at_once(world: World) -> None:
    (one,) = put(
        world,
        ItemRow(
            facts=replace(CEFIXIME, aliases=("咳宁",)), approvals=("国药准字Ｈ2004 1234",),
            drug_codes=("86900001000018",), barcodes=("6901234567892",),
        ),
    )  # fmt: skip
    assert (one.outcome, one.code) == ("added", "med-10001")
    for text in (
        "长效止咳",
        "咳宁",
        "国药准字H20041234",
        "批准文号：国药准字h20041234",
        "86900001000018",
        "6901234567892",
    ):
        assert found(world, text) == [one.code], text


def test_a_new_item_waits_in_quarantine_and_is_given_to_nobody_until_a_medic_has_looked(world: World) -> None:
    (one,) = put(world, ItemRow(facts=CEFIXIME))
    assert set(one.waits) == {"otc_class", "release_by", "intake_default", "intake_rule"}
    held = now_of(world, one.code).held
    assert (held.intake_default, held.release_by, held.otc_class) == (Verdict.QUARANTINE, "none", OtcClass.OTC_UNSEEN)


def test_several_new_items_get_codes_one_after_the_other(world: World) -> None:
    puts = put(world, ItemRow(facts=CEFIXIME), ItemRow(facts=replace(CEFIXIME, kind=Kind.PPE)), ItemRow(facts=CEFIXIME))
    assert [one.code for one in puts] == ["med-10001", "sup-10001", "med-10002"]
    (later,) = put(world, ItemRow(facts=CEFIXIME))
    assert later.code == "med-10003"


def test_what_loosens_a_rule_stays_as_strict_as_it_was_and_what_tightens_holds_at_once(world: World) -> None:
    assert edit(world, PARACETAMOL, min_age_months=12, storage=Storage.COLD).waits == ("min_age_months",)
    was = now_of(world, PARACETAMOL)
    assert (was.held.min_age_months, was.held.storage) == (72, Storage.COLD)
    assert was.facts.min_age_months == 12


def test_a_medicine_is_no_goods_without_a_class(world: World) -> None:
    (fault,) = edit(world, PARACETAMOL, otc_class=OtcClass.NONE).faults
    assert (fault.field, fault.code) == ("otc_class", "item_class")


def test_an_active_that_no_class_is_known_of_is_named(world: World) -> None:
    (fault,) = edit(world, PARACETAMOL, actives=(Active(ingredient="mystery", per="tablet"),)).faults
    assert (fault.field, fault.code, fault.value) == ("actives", "item_ingredient", "mystery")


def test_a_changed_field_that_people_rely_on_is_shown_as_unverified(world: World) -> None:
    edit(world, PARACETAMOL, strength="0.3 g", aliases=("退热片",))
    held = now_of(world, PARACETAMOL).held
    assert held.strength == "0.3 g"
    assert "strength" in held.unverified
    assert "aliases" not in held.unverified


def test_an_edit_of_what_was_changed_meanwhile_is_told_and_writes_nothing(world: World) -> None:
    was = now_of(world, MASKS)
    edit(world, MASKS, name_zh="一次性口罩")
    late = ItemRow(item=was.item, edition=was.edition, facts=replace(was.facts, name_zh="口罩二"))
    assert put(world, late)[0].outcome == "stale"
    assert now_of(world, MASKS).facts.name_zh == "一次性口罩"


def test_the_same_row_twice_in_one_import_is_written_once(world: World) -> None:
    was = now_of(world, MASKS)
    row = ItemRow(item=was.item, edition=was.edition, facts=replace(was.facts, note="x"))
    assert [one.outcome for one in put(world, row, row)] == ["changed", "stale"]


def test_an_import_that_says_the_same_again_changes_nothing(world: World) -> None:
    edit(world, MASKS, barcodes=("6901234567892",), approvals=("国械备20200001号",))
    was = now_of(world, MASKS)
    again = edit(world, MASKS, barcodes=("6901234567892",), approvals=("国械备 2020 0001号",))
    assert (again.outcome, now_of(world, MASKS)) == ("unchanged", was)


def test_codes_are_added_and_only_an_exact_list_takes_some_away(world: World) -> None:
    edit(world, MASKS, barcodes=("6901234567892", "96385074"))
    edit(world, MASKS, barcodes=("4006381333931",))
    assert len(now_of(world, MASKS).barcodes) == 3
    edit(world, MASKS, barcodes=("4006381333931",), exact=True)
    assert now_of(world, MASKS).barcodes == {"04006381333931"}


@pytest.mark.parametrize("unit", ["片", "粒", "颗", "板", "丸", "毫升", "mg", "胶囊"])
def test_a_tablet_or_capsule_is_no_unit_of_a_medicine(world: World, unit: str) -> None:
    put_one = edit(world, PARACETAMOL, unit_zh=unit)
    assert put_one.outcome == "faulty"
    assert [(fault.field, fault.code) for fault in put_one.faults] == [("unit_zh", "item_unit")]


@pytest.mark.parametrize("unit", ["tablet", "Tablets", "capsule", "blister", "ml"])
def test_nor_is_it_in_english(world: World, unit: str) -> None:
    assert edit(world, PARACETAMOL, unit_en=unit).outcome == "faulty"


def test_a_mask_may_be_counted_by_the_piece(world: World) -> None:
    assert edit(world, MASKS, unit_zh="片", unit_en="piece").outcome == "changed"


@pytest.mark.parametrize(
    ("field", "wrong", "code"),
    [
        ("barcodes", "6901234567890", "item_barcode"),
        ("barcodes", "123", "item_barcode"),
        ("approvals", "国药准字Z123", "item_approval"),
        ("drug_codes", "8690000100001", "item_drug_code"),
    ],
)
def test_a_number_that_cannot_be_right_is_named(world: World, field: str, wrong: str, code: str) -> None:
    (fault,) = edit(world, MASKS, **{field: (wrong,)}).faults
    assert (fault.field, fault.code, fault.value) == (field, code, wrong)


def test_a_row_with_a_fault_leaves_the_others_standing(world: World) -> None:
    puts = put(world, ItemRow(facts=replace(CEFIXIME, unit_zh="粒")), ItemRow(facts=CEFIXIME))
    assert [one.outcome for one in puts] == ["faulty", "added"]


def test_a_barcode_on_two_items_offers_both(world: World) -> None:
    for code in (MASKS, "sup-001"):
        edit(world, code, barcodes=("6901234567892",))
    assert set(found(world, "6901234567892")) == {MASKS, "sup-001"}
