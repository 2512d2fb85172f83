"""The catalogue over HTTP: whoever types initials finds, and nothing that was typed is ever lost."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from inventory.cataloguing import catalogue, catalogue_form, catalogue_view
from inventory.cataloguing.item_body import body_of
from tests.app.client import client
from tests.inventory import world as worlds
from tests.inventory.test_catalogue_rows import edit, now_of
from tests.inventory.test_counter import Person
from tests.inventory.world import IBUPROFEN, MASKS, PARACETAMOL, World


@pytest.fixture
def world(sqlite_db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(sqlite_db, clock, tmp_path / "keys")


@pytest.fixture
def at(world: World, sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    with client(sqlite_db, clock, tmp_path) as made:
        yield made


def form(world: World, code: str, **typed: Any) -> dict[str, Any]:
    """The edit form as it was opened, with some fields typed over."""
    was = world.db.read_now(catalogue_view.standing, world.items[code])
    shown = catalogue_form.form_of(body_of(was.facts, was.approvals, was.drug_codes, was.barcodes))
    return {"key": new_id(), "edition": was.edition, **{name: texts for name, texts in shown.items() if texts}, **typed}


@pytest.mark.parametrize("code", ["med-001", "med-005", "sup-001", "sup-008", "med-011"])
def test_a_form_saved_as_it_was_opened_changes_nothing(at: TestClient[Litestar], world: World, code: str) -> None:
    before = now_of(world, code)
    answer = Person(at, world, "office").post(f"/catalogue/{world.items[code]}/edit", **form(world, code))
    assert answer.status_code == 303, re.findall(r'class="error".*', answer.text)
    assert now_of(world, code) == before


def test_every_item_survives_its_own_form(world: World) -> None:
    for code, item in world.items.items():
        if code != "unk-000":
            was = world.db.read_now(catalogue_view.standing, item)
            body = body_of(was.facts, was.approvals, was.drug_codes, was.barcodes)
            assert catalogue_form.form_of(body), code


def test_the_later_of_two_editors_sees_both_readings_and_keeps_what_was_typed(
    at: TestClient[Litestar], world: World
) -> None:
    mine = form(world, MASKS, name_zh="我写的口罩", note="我的备注")
    edit(world, MASKS, name_zh="别人写的口罩")
    person = Person(at, world, "office")
    answer = person.post(f"/catalogue/{world.items[MASKS]}/edit", **mine)
    page = html.unescape(answer.text)
    assert answer.status_code == 409
    assert "现在是：别人写的口罩" in page
    assert "您填的：我写的口罩" in page
    assert 'value="我的备注"' in page
    assert now_of(world, MASKS).facts.name_zh == "别人写的口罩"
    again = {**mine, "key": new_id(), "edition": now_of(world, MASKS).edition}
    assert person.post(f"/catalogue/{world.items[MASKS]}/edit", **again).status_code == 303
    assert now_of(world, MASKS).facts.name_zh == "我写的口罩"


def test_a_medicine_by_the_tablet_is_refused_with_all_that_was_typed(at: TestClient[Litestar], world: World) -> None:
    typed = form(world, PARACETAMOL, unit_zh="片", name_zh="退热片")
    answer = Person(at, world, "office").post(f"/catalogue/{world.items[PARACETAMOL]}/edit", **typed)
    assert answer.status_code == 400
    assert "不能按「片」" in answer.text
    assert 'value="退热片"' in answer.text


def test_what_waits_for_a_medic_is_marked_and_the_medic_verifies_it_there(
    at: TestClient[Litestar], world: World
) -> None:
    item = world.items[PARACETAMOL]
    Person(at, world, "office").post(f"/catalogue/{item}/edit", **form(world, PARACETAMOL, min_age_months=12))
    assert "待药师核实" in Person(at, world, "volunteer").get(f"/catalogue/{item}").text
    done = Person(at, world, "medic").post(
        f"/catalogue/{item}/verify", key=new_id(), edition=now_of(world, PARACETAMOL).edition
    )
    assert "已经核实" in Person(at, world, "medic").get(done.headers["location"]).text
    assert now_of(world, PARACETAMOL).held.min_age_months == 12


def test_a_volunteer_who_types_initials_at_the_counter_finds_the_product(
    at: TestClient[Litestar], world: World
) -> None:
    volunteer = Person(at, world, "volunteer")
    page = volunteer.post("/receive/start", q="blfhs", station=world.station)
    assert str(world.items[IBUPROFEN]) in page.text
    assert str(world.items[IBUPROFEN]) in volunteer.get("/api/catalogue?q=blfhs").text


def test_a_barcode_on_two_items_offers_a_choice_at_the_counter(at: TestClient[Litestar], world: World) -> None:
    for code in (MASKS, "sup-001"):
        edit(world, code, barcodes=("6901234567892",))
    page = Person(at, world, "volunteer").post("/receive/start", text="6901234567892", station=world.station).text
    assert all(f'value="{world.items[code]}"' in page for code in (MASKS, "sup-001"))


def test_the_list_finds_filters_and_offers_writing_only_to_those_who_may(
    at: TestClient[Litestar], world: World
) -> None:
    page = Person(at, world, "office").get("/catalogue?q=blf&kind=medicine&which=unverified").text
    assert str(world.items[IBUPROFEN]) in page
    assert "/catalogue/new" in page
    assert "/catalogue/new" not in Person(at, world, "volunteer").get("/catalogue").text
    assert Person(at, world, "volunteer").get("/catalogue/new").status_code == 403


def test_a_told_barcode_is_listed_and_confirmed_in_one_tap(at: TestClient[Litestar], world: World) -> None:
    gtin, item = "6901234567892", world.items["sup-001"]
    world.db.write_now(catalogue.learn_barcode, gtin, item, world.people["volunteer"], world.now)
    office = Person(at, world, "office")
    assert "有 1 个条码是志愿者认的" in office.get("/catalogue").text
    assert f"/catalogue/{item}" in office.get("/catalogue?which=told").text
    assert "对的" in office.get(f"/catalogue/{item}").text
    told = office.post(f"/catalogue/{item}/barcode", key=new_id(), gtin=gtin.zfill(14), right="true")
    assert (told.status_code, told.headers["location"]) == (303, f"/catalogue/{item}?done=saved")
    assert "志愿者认的" not in office.get("/catalogue").text
