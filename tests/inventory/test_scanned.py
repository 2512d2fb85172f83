"""What the scan page is told of a hit: known, new or wrong at once, in words, and what it is fit for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Invalid
from app.base.permissions import SYSTEM
from app.handing import TELLERS
from inventory import packs
from inventory.models import Barcode
from labels import basket, registry
from labels.basket import Act, Goods, Hit, Outcome, ScanLine, Told
from labels.scan import What
from tests.inventory import world as worlds
from tests.inventory.world import AMOXICILLIN, LONG, MASKS, PARACETAMOL, THERMOMETER, World

GTIN, OTHER, TWICE = "06901234567892", "06901339924484", "06920152400777"


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    made = worlds.build(db, clock, tmp_path / "keys")
    known = [(GTIN, PARACETAMOL), (TWICE, PARACETAMOL), (TWICE, MASKS)]
    rows = [{"gtin": gtin, "item": made.items[code]} for gtin, code in known]
    db.write_now(lambda session: session.execute(insert(Barcode), rows).close())
    return made


def hit(world: World, text: str | None, *, by: str = "volunteer", **more: Any) -> Hit:
    line = ScanLine(text=text, **more)
    return world.db.read_now(basket.hit, line, TELLERS, world.people[by], world.today)


def told(found: Hit) -> Told:
    assert found.told is not None
    return found.told


def label(world: World, pack: UUID) -> str:
    found = world.db.read_now(packs.pack_history, pack, world.people["office"], world.today).label
    assert found is not None
    return found


def test_a_pack_on_the_shelf_is_known_and_fit_for_all_but_receiving(world: World) -> None:
    found = told(hit(world, label(world, world.shelved(MASKS))))
    assert (found.outcome, found.state) == (Outcome.KNOWN, "shelf")
    assert set(found.fits) == {Act.MOVE, Act.PACK, Act.COUNT, Act.PRINT}


def test_a_pack_that_waits_for_release_is_neither_moved_nor_packed(world: World) -> None:
    found = told(hit(world, label(world, world.pack(MASKS))))
    assert (found.outcome, found.state) == (Outcome.KNOWN, "hold")
    assert set(found.fits) == {Act.COUNT, Act.PRINT}


def test_an_expired_pack_is_wrong_and_not_packed(world: World) -> None:
    soon = world.today + timedelta(days=300)
    code = label(world, world.shelved(MASKS, expiry=soon.isoformat()))
    line = ScanLine(text=code)
    later = world.today + timedelta(days=301)
    found = told(world.db.read_now(basket.hit, line, TELLERS, world.people["volunteer"], later))
    assert (found.outcome, found.state) == (Outcome.WRONG, "expired")
    assert Act.PACK not in found.fits


def test_another_station_s_pack_is_out_of_scope_and_unnamed(world: World) -> None:
    found = told(hit(world, label(world, world.shelved(MASKS)), by="elsewhere"))
    assert found == Told(outcome=Outcome.WRONG, state="out_of_scope")


def test_a_blank_label_is_told_as_such(world: World) -> None:
    (code,) = world.db.write_now(registry.issue, 1, world.station, SYSTEM, world.now).codes
    assert hit(world, code).meaning.what is What.BLANK


def test_a_known_product_asks_for_batch_and_expiry_and_a_durable_one_for_nothing(world: World) -> None:
    found = told(hit(world, GTIN))
    assert (found.outcome, found.lacks, found.fits) == (Outcome.KNOWN, ("lot", "expiry"), (Act.RECEIVE,))
    thermometer = told(hit(world, None, beside=Goods(item=world.items[THERMOMETER])))
    assert thermometer.lacks == ()


def test_the_second_code_completes_the_box_in_either_order(world: World) -> None:
    second = f"]d217{world.today.year + 2 - 2000}053110LOT7"
    first = told(hit(world, GTIN)).goods
    one = hit(world, second, beside=first)
    batch = told(hit(world, second)).goods
    two = hit(world, GTIN, beside=batch)
    for found in (one, two):
        assert found.joined
        assert told(found).lacks == ()
        assert told(found).goods == Goods(
            item=world.items[PARACETAMOL], gtin=GTIN, lot="LOT7", expiry=f"{world.today.year + 2}-05-31"
        )


def test_the_code_of_another_product_is_another_box(world: World) -> None:
    found = hit(world, OTHER, beside=told(hit(world, GTIN)).goods)
    assert not found.joined
    assert (told(found).outcome, told(found).state) == (Outcome.NEW, "unknown")


def test_a_batch_typed_from_the_box_joins_and_alone_it_is_not_recognised(world: World) -> None:
    waiting = told(hit(world, GTIN)).goods
    assert told(hit(world, "b2401", beside=waiting)).lot == "B2401"
    assert hit(world, "b2401").told is None


def test_what_was_filled_in_by_hand_is_judged_and_a_bad_date_is_a_fault_of_its_field(world: World) -> None:
    waiting = told(hit(world, GTIN)).goods
    assert waiting is not None
    filled = told(hit(world, None, beside=Goods(item=waiting.item, gtin=GTIN, lot="B1", expiry=LONG)))
    assert filled.lacks == ()
    with pytest.raises(Invalid):
        hit(world, None, beside=Goods(gtin=GTIN, expiry="2028-13"))


def test_an_expired_box_is_refused_at_once_with_the_rule_s_reason(world: World) -> None:
    found = told(hit(world, f"]d201{GTIN}1720010110OLD"))
    assert (found.outcome, found.fits) == (Outcome.WRONG, ())
    assert [reason.code for reason in found.reasons][:1] == ["IN01_EXPIRED"]


def test_a_prescription_medicine_is_refused_before_anything_is_filled_in(world: World) -> None:
    found = told(hit(world, None, beside=Goods(item=world.items[AMOXICILLIN])))
    assert (found.outcome, found.state, found.lacks) == (Outcome.WRONG, "refused", ())


def test_a_barcode_of_several_products_lets_a_person_choose(world: World) -> None:
    found = told(hit(world, TWICE))
    assert {one.item for one in found.choices} == {world.items[PARACETAMOL], world.items[MASKS]}
    chosen = told(hit(world, None, beside=Goods(item=world.items[MASKS], gtin=TWICE)))
    assert (chosen.outcome, chosen.choices) == (Outcome.KNOWN, ())


def test_who_cannot_receive_is_offered_nothing_to_do_with_a_box(world: World) -> None:
    assert told(hit(world, GTIN, by="member")).fits == ()
