"""An item is written by the office and verified by a medic who did not write it; its history tells who changed what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Conflict, Forbidden, Invalid, KeyReused, SamePerson
from app.base.ids import new_id
from inventory.cataloguing import catalogue, catalogue_edit, catalogue_view
from inventory.cataloguing.catalogue_edit import EditItem, LookedAt, NewIngredient, NewItem, Written
from inventory.cataloguing.catalogue_view import ItemView
from inventory.cataloguing.item_body import ActiveBody, ItemBody, body_of
from inventory.errors import StaleItem, UnknownItem
from inventory.receiving.intake_facts import Kind, OtcClass, Storage, Verdict
from tests.inventory import world as worlds
from tests.inventory.world import IBUPROFEN, MASKS, PARACETAMOL, World

COUGH = ItemBody(
    kind=Kind.MEDICINE, name_zh="长效止咳片", name_en="Long-acting cough tablets", form="tablet",
    otc_class=OtcClass.OTC_B, storage=Storage.ROOM, unit_zh="盒", unit_en="box", release_by="volunteer",
    actives=(ActiveBody(ingredient="paracetamol", amount_ug=100_000, per="tablet"),),
)  # fmt: skip


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def add(world: World, body: ItemBody = COUGH, by: str = "office") -> Written:
    order = NewItem(key=new_id(), body=body)
    return world.db.write_now(catalogue_edit.new_item, order, world.people[by], world.now)


def seen(world: World, code: str, by: str = "medic") -> ItemView:
    return world.db.read_now(catalogue_view.view, world.items[code], world.people[by])


def order(world: World, code: str, **changes: Any) -> EditItem:
    was = world.db.read_now(catalogue_view.standing, world.items[code])
    body = replace(body_of(was.facts, was.approvals, was.drug_codes, was.barcodes), **changes)
    return EditItem(key=new_id(), item=was.item, edition=was.edition, body=body)


def send(world: World, edit: EditItem, by: str = "office") -> Written:
    return world.db.write_now(catalogue_edit.edit_item, edit, world.people[by], world.now)


def edit(world: World, code: str, by: str = "office", **changes: Any) -> Written:
    return send(world, order(world, code, **changes), by)


def looked(world: World, code: str) -> LookedAt:
    return LookedAt(key=new_id(), item=world.items[code], edition=seen(world, code).edition)


def verify(world: World, code: str, by: str = "medic") -> Written:
    return world.db.write_now(
        catalogue_edit.verify, looked(world, code), world.people[by], world.today, world.now
    )  # fmt: skip


def test_a_new_medicine_is_taken_in_only_once_a_medic_has_verified_it(world: World) -> None:
    made = add(world)
    world.items["new"] = made.item
    assert world.db.read_now(catalogue.item_facts, made.item).intake_default is Verdict.QUARANTINE
    verify(world, "new")
    facts = world.db.read_now(catalogue.item_facts, made.item)
    assert (facts.intake_default, facts.otc_class) == (Verdict.ACCEPT, OtcClass.OTC_B)


def test_who_verified_an_item_and_when_is_told(world: World) -> None:
    edit(world, PARACETAMOL, strength="0.3 g")
    verify(world, PARACETAMOL)
    told = seen(world, PARACETAMOL)
    assert (told.verified_by, told.verified_on) == ("medic", world.today)
    assert (told.facts.unverified, told.facts.verified_on) == ((), world.today)
    assert told.item.verified


def test_any_change_that_people_rely_on_makes_a_verified_item_unverified_again(world: World) -> None:
    verify(world, PARACETAMOL)
    edit(world, PARACETAMOL, aliases=("退热片",))
    assert seen(world, PARACETAMOL).item.verified
    edit(world, PARACETAMOL, min_age_months=84)
    told = seen(world, PARACETAMOL)
    assert not told.item.verified
    assert told.facts.unverified == ("min_age_months",)
    assert told.facts.verified_on is None


def test_a_loosened_row_holds_the_stricter_until_a_medic_has_verified_it(world: World) -> None:
    made = edit(world, PARACETAMOL, min_age_months=12, contra=())
    assert made.waits == ("min_age_months", "contra")
    item = world.items[PARACETAMOL]
    held = world.db.read_now(catalogue.facts, [item])[item]
    assert (held.min_age_months, "severe_liver" in held.contra) == (72, True)
    verify(world, PARACETAMOL)
    held = world.db.read_now(catalogue.facts, [item])[item]
    assert (held.min_age_months, held.contra) == (12, {})


def test_nobody_verifies_what_they_wrote_themselves(world: World) -> None:
    edit(world, PARACETAMOL, min_age_months=12)
    writer = world.people["office"]
    medic = type(writer)(account=writer.account, role=world.people["medic"].role, handle=writer.handle)
    with pytest.raises(SamePerson):
        world.db.write_now(catalogue_edit.verify, looked(world, PARACETAMOL), medic, world.today, world.now)


def test_a_medic_verifies_only_what_was_on_the_page(world: World) -> None:
    before = looked(world, PARACETAMOL)
    edit(world, PARACETAMOL, min_age_months=12)
    with pytest.raises(StaleItem):
        world.db.write_now(catalogue_edit.verify, before, world.people["medic"], world.today, world.now)


def test_a_change_that_waits_can_be_dropped_and_the_strict_row_stays(world: World) -> None:
    edit(world, PARACETAMOL, min_age_months=12)
    world.db.write_now(catalogue_edit.withdraw, looked(world, PARACETAMOL), world.people["medic"], world.now)
    told = seen(world, PARACETAMOL)
    assert (told.waits, told.facts.min_age_months) == ((), 72)
    with pytest.raises(Conflict):
        world.db.write_now(catalogue_edit.withdraw, looked(world, PARACETAMOL), world.people["medic"], world.now)


def test_the_later_of_two_edits_of_the_same_page_is_told_and_writes_nothing(world: World) -> None:
    mine, theirs = order(world, MASKS, name_zh="口罩甲"), order(world, MASKS, name_zh="口罩乙")
    send(world, theirs, by="coordinator")
    with pytest.raises(StaleItem):
        send(world, mine)
    assert seen(world, MASKS).facts.name_zh == "口罩乙"


def test_an_edit_sent_twice_has_one_effect(world: World) -> None:
    once = order(world, MASKS, name_zh="口罩甲")
    assert send(world, once) == send(world, once)
    assert [one.verb for one in seen(world, MASKS).history] == ["edited"]
    with pytest.raises(KeyReused):
        send(world, replace(once, body=replace(once.body, name_zh="口罩乙")))


def test_the_history_tells_who_changed_what_from_what_to_what(world: World) -> None:
    edit(world, IBUPROFEN, strength="0.4 g", by="coordinator", barcodes=("6901234567892",))
    verify(world, IBUPROFEN)
    last, first = seen(world, IBUPROFEN).history
    assert (last.verb, last.handle) == ("verified", "medic")
    assert (first.verb, first.handle) == ("edited", "coordinator")
    assert ("strength", "0.3 g", "0.4 g") in first.changes
    assert ("barcodes", [], ["06901234567892"]) in first.changes


def test_a_medicine_by_the_tablet_is_refused_with_the_field_named(world: World) -> None:
    with pytest.raises(Invalid) as refused:
        add(world, replace(COUGH, unit_zh="片", unit_en="tablet"))
    assert [(field, code) for field, code, _ in refused.value.faults] == [
        ("unit_zh", "item_unit"), ("unit_en", "item_unit"),
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["volunteer", "medic", "auditor", "member"])
def test_only_coordinators_and_the_office_write_the_catalogue(world: World, who: str) -> None:
    with pytest.raises(Forbidden):
        add(world, by=who)
    with pytest.raises(Forbidden):
        edit(world, MASKS, by=who, name_zh="x")


@pytest.mark.parametrize("who", ["volunteer", "coordinator", "office", "auditor"])
def test_only_a_medic_verifies(world: World, who: str) -> None:
    with pytest.raises(Forbidden):
        verify(world, MASKS, by=who)


def test_the_line_of_unknown_goods_is_nobodys_to_change(world: World) -> None:
    body = replace(COUGH, name_zh="x")
    with pytest.raises(UnknownItem):
        send(world, EditItem(key=new_id(), item=world.items[catalogue.UNKNOWN_CODE], edition=1, body=body))


def test_a_medic_adds_an_ingredient_with_its_classes(world: World) -> None:
    new = NewIngredient(
        key=new_id(), slug="dexketoprofen", name_zh="右酮洛芬", name_en="dexketoprofen", classes=("nsaid",)
    )
    for _ in range(2):
        assert world.db.write_now(catalogue_edit.add_ingredient, new, world.people["medic"], world.now) == new.slug
    assert world.db.read_now(catalogue.classes, ["dexketoprofen"]) == {"dexketoprofen": ("nsaid",)}
    with pytest.raises(Forbidden):
        world.db.write_now(catalogue_edit.add_ingredient, new, world.people["office"], world.now)
    for wrong in (replace(new, key=new_id()), replace(new, key=new_id(), slug="other", classes=("magic",))):
        with pytest.raises(Invalid):
            world.db.write_now(catalogue_edit.add_ingredient, wrong, world.people["medic"], world.now)


def test_the_list_is_filtered_by_kind_and_state_and_goes_on(world: World) -> None:
    verify(world, MASKS)
    edit(world, PARACETAMOL, min_age_months=12)

    def codes(text: str = "", kind: Kind | None = None, which: Any = "", after: str = "", limit: int = 40) -> list[str]:
        found = world.db.read_now(catalogue_view.shelf, text, kind, which, after, limit)
        return [one.code for one in found.items]

    assert codes(which="verified") == [MASKS]
    assert codes(which="waiting") == [PARACETAMOL]
    assert {one[:3] for one in codes(kind=Kind.MEDICINE)} == {"med"}
    assert MASKS in codes("kz", Kind.DEVICE)
    assert codes("kz", Kind.MEDICINE) == []
    first = world.db.read_now(catalogue_view.shelf, "", None, "", "", 2)
    assert [one.code for one in first.items] == ["med-001", "med-002"]
    assert codes(after=first.after, limit=2) == ["med-003", "med-004"]
    found = world.db.read_now(catalogue_view.shelf, "片", None, "", "", 2)
    assert len(found.items) == 2 < found.total
    assert not set(codes("片", after=found.after, limit=2)) & {one.code for one in found.items}
