"""A station volunteer assembles care parcels by scanning and takes one apart again, on a phone, in Chinese."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Comes, Served
from tests.browser.town import BLEACH, MASK, Quarter, Work
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
NAME = "防护包"


def recipe(work: Work, quarter: Quarter, name: str, *codes: str) -> Any:
    lines = [{"item": work.town.items[code], "quantity": 2 if code == MASK else 1} for code in codes]
    said = {"name_zh": name, "name_en": "Kit", "valid_from": work.today, "lines": lines}
    return work.phone.do(quarter.coordinator, "/api/kits/recipes", **said)


def pick(volunteer: Visitor, label: str) -> None:
    volunteer.fill("ui.scan.type", label)
    volunteer.press("ui.scan.go")


def test_two_kits_are_assembled_by_scanning_and_one_is_taken_apart_and_put_back(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    kit = recipe(work, quarter, NAME, MASK, BLEACH)
    masks, bleach = work.shelved(MASK, 20)[0], work.shelved(BLEACH, 3)[0]
    volunteer = comes(quarter.volunteer)
    volunteer.go(f"/kits/{kit['code']}/assemble?count=2")
    rows = volunteer.main.locator("[data-line]")
    expect(rows).to_have_count(2)
    pick(volunteer, masks)
    expect(volunteer.main.locator("[data-outcome=ok]")).to_be_visible()
    expect(volunteer.main.locator("input[name=packs]:checked")).to_have_count(1)
    expect(volunteer.main.locator("[data-progress-words]")).to_have_text("1 / 2")
    pick(volunteer, bleach)
    expect(volunteer.main.locator("[data-progress-words]")).to_have_text("2 / 2")
    volunteer.press("kit.pick.do", n=2)
    volunteer.arrives("/kits/batches/.+")
    volunteer.verdict("ok")
    volunteer.main.locator("ul a").first.click()
    volunteer.arrives("/kits/bags/.+")
    volunteer.reads(NAME)
    bag = volunteer.path
    volunteer.main.locator("summary").first.click()
    volunteer.tap(volunteer.main.locator("form[action='/kits/take-apart'] button"))
    volunteer.arrives("/kits/bags/.+")
    volunteer.sees("kit.bag.state_taken_apart")
    volunteer.press("kit.bag.together")
    volunteer.arrives(re.escape(bag))
    volunteer.sees("kit.bag.state_assembled")
    assert volunteer.faults == []


def test_a_pack_that_is_not_on_the_list_is_red_and_ticks_nothing(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    kit = recipe(work, quarter, "口罩包", MASK)
    work.shelved(MASK, 4)
    other = work.shelved(BLEACH)[0]
    volunteer = comes(quarter.volunteer)
    volunteer.go(f"/kits/{kit['code']}/assemble")
    pick(volunteer, other)
    said = volunteer.main.locator("[data-outcome=wrong]")
    expect(said).to_contain_text(volunteer.say("kit.not.other"))
    expect(volunteer.main.locator("input[name=packs]:checked")).to_have_count(0)


def test_a_coordinator_changes_a_recipe_with_a_substitute_and_loses_nothing_that_was_typed(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    kit = recipe(work, quarter, "换法包", MASK)
    coordinator = comes(quarter.coordinator)
    coordinator.go(f"/kits/{kit['code']}/edit")
    coordinator.fill("kit.form.name_zh", "新换法包")
    coordinator.fill("kit.form.find_hint", "KN95")
    coordinator.page.locator("select[name=spot]").select_option(str(work.town.items[MASK]))
    coordinator.press("kit.form.find_go")
    coordinator.press("kit.form.add")
    expect(coordinator.page.locator("input[name=name_zh]")).to_have_value("新换法包")
    expect(coordinator.page.locator(f"input[name='s-{work.town.items[MASK]}']")).to_have_count(1)
    coordinator.page.locator("input[name=valid_from]").fill(work.today.isoformat())
    coordinator.press("kit.form.save")
    coordinator.arrives(f"/kits/{kit['code']}")
    coordinator.reads("新换法包")
    coordinator.sees("kit.version", n=2)


def test_a_care_parcel_fills_a_parcel_by_one_scan_of_its_label(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    lines = [{"item": work.town.items[code], "quantity": 1} for code in (MASK, BLEACH)]
    said = {"name_zh": "整袋包", "name_en": "Whole bag", "valid_from": work.today, "lines": lines}
    kit = work.phone.do(quarter.coordinator, "/api/kits/recipes", **said)
    bagged = work.shelved(MASK) + work.shelved(BLEACH)
    packs = [work.phone.post(quarter.volunteer, "/api/scan", text=one)["meaning"]["subject"] for one in bagged]
    order = {"kit": kit["id"], "station": quarter.station, "packs": packs}
    (bag,) = work.phone.do(quarter.volunteer, "/api/kits/assemble", **order)["bags"]
    label = work.phone.get(quarter.volunteer, f"/api/kits/bags/{bag}")["label"]
    work.shelved(MASK, lot="B2")
    work.shelved(BLEACH, lot="B2")
    work.need(work.resident("王测试"), MASK, BLEACH)
    work.matched()
    (parcel,) = work.parcels()
    volunteer = comes(quarter.volunteer)
    volunteer.go(f"/packing/{parcel['id']}")
    volunteer.sees("packing.kit_fits", ends=label[-4:])
    pick(volunteer, label)
    expect(volunteer.main.locator("[data-outcome=ok]")).to_contain_text(volunteer.say("packing.kit", n=2))
    expect(volunteer.main.locator("[data-line][data-state=done]")).to_have_count(2)
    volunteer.go(f"/kits/bags/{bag}")
    volunteer.sees("kit.bag.in_parcel", door=quarter.doors[0].serial)
    volunteer.press("kit.bag.to_parcel")
    volunteer.arrives(f"/packing/{parcel['id']}")
