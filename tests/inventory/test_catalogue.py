"""Finding goods by any of their names, and the recipes made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from app.base.permissions import SYSTEM
from inventory.cataloguing import catalogue
from inventory.errors import UnknownItem
from inventory.kitting import kits
from tests.inventory import world as worlds
from tests.inventory.world import AMOXICILLIN, MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def codes(world: World, text: str) -> list[str]:
    return [item.code for item in world.db.read_now(catalogue.find, text)]


def test_loading_the_starter_catalogue_again_changes_nothing(world: World) -> None:
    assert world.db.write_now(catalogue.load_starter, SYSTEM, world.now) == 0
    assert world.db.write_now(kits.load_starter) == 0


@pytest.mark.parametrize(
    "text", ["扑热息痛片", "对乙酰氨基酚片", "paracetamol TAB", "med-001", "ＭＥＤ－００１", " 必理通 "]
)
def test_an_item_is_found_by_any_of_its_names(world: World, text: str) -> None:
    assert codes(world, text)[0] == PARACETAMOL


def test_part_of_a_chinese_name_finds_all_that_have_it(world: World) -> None:
    assert {"med-001", "med-002", "med-003", "med-004"} <= set(codes(world, "对乙酰氨基酚"))


def test_signs_of_the_query_language_are_plain_signs(world: World) -> None:
    assert codes(world, "_") == []
    assert codes(world, "对乙%酚") == []
    assert codes(world, "") == []


def test_the_name_for_unknown_goods_is_never_found_or_listed(world: World) -> None:
    assert codes(world, "目录外") == []
    listed = {item.code for item in world.db.read_now(catalogue.items)}
    assert len(listed) == 60
    assert catalogue.UNKNOWN_CODE not in listed


def test_the_list_goes_on_behind_any_code(world: World) -> None:
    page = world.db.read_now(catalogue.items, "med-001", 2)
    assert [item.code for item in page] == ["med-002", "med-003"]


def test_a_barcode_taught_at_the_counter_is_shown_as_a_guess_and_learned_once(world: World) -> None:
    args = ("6901234567892", world.items[MASKS], world.people["volunteer"], world.now)
    assert world.db.write_now(catalogue.learn_barcode, *args)
    assert not world.db.write_now(catalogue.learn_barcode, *args)
    (found,) = world.db.read_now(catalogue.find, "06901234567892")
    assert (found.code, found.guessed) == (MASKS, True)


def test_the_rules_get_all_they_may_ask(world: World) -> None:
    ids = [world.items[PARACETAMOL], world.items[AMOXICILLIN], new_id()]
    facts = world.db.read_now(catalogue.facts, ids)
    assert {item.code for item in facts.values()} == {PARACETAMOL, AMOXICILLIN}
    assert facts[world.items[PARACETAMOL]].actives[0].ingredient == "paracetamol"
    assert world.db.read_now(catalogue.item_facts, world.items["med-011"]).ephedrine_class
    with pytest.raises(UnknownItem):
        world.db.read_now(catalogue.item_facts, new_id())


def test_the_care_parcel_has_its_seven_items(world: World) -> None:
    (parcel,) = world.db.read_now(kits.recipes, world.today)
    assert {line.code for line in parcel.lines} == {
        "sup-001", "sup-003", "sup-005", "sup-006", "sup-007", "sup-008", "med-037",
    }  # fmt: skip
    assert world.db.read_now(kits.recipe, parcel.id) == parcel
