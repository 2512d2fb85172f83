"""A line of the scan page is taken in whole or not at all, once however often it is sent, and undone the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Invalid, KeyReused
from app.base.ids import new_id
from app.base.permissions import SYSTEM
from inventory import ledger
from inventory.errors import Moved
from inventory.receiving import donations, sitting
from inventory.receiving.donations import Receipt
from inventory.receiving.intake_facts import Verdict
from inventory.receiving.sitting import NewBoxes, TakeBackLines
from inventory.releasing import hold
from labels import registry
from labels.errors import LabelTaken
from tests.inventory import world as worlds
from tests.inventory.world import LONG, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def blank(world: World, count: int) -> tuple[str, ...]:
    return world.db.write_now(registry.issue, count, world.station, SYSTEM, world.now).codes


def boxes(world: World, **more: Any) -> NewBoxes:
    usual = {
        "key": new_id(), "station": world.station, "declared": True, "looked": True,
        "item": world.items[PARACETAMOL], "lot_number": "B1", "expiry": LONG,
    }  # fmt: skip
    return NewBoxes(**{**usual, **more})


def receive(world: World, new: NewBoxes) -> Receipt:
    args = (world.vault, new, world.people["volunteer"], world.today, world.now)
    return world.db.write_now(sitting.receive_boxes, *args)


def take_back(world: World, *lines: UUID, key: UUID | None = None) -> Receipt:
    undo = TakeBackLines(key=key or new_id(), lines=lines)
    return world.db.write_now(sitting.take_back_lines, undo, world.people["volunteer"], world.now)


def waiting(world: World) -> int:
    return world.db.read_now(hold.waiting, world.people["second"])


def clean(world: World) -> bool:
    return world.db.read_now(lambda session: [*ledger.faults(session), *registry.faults(session)]) == []


def test_each_label_is_on_a_box_of_its_own_and_the_others_get_fresh_ones(world: World) -> None:
    stuck = blank(world, 3)
    got = receive(world, boxes(world, boxes=5, labels=stuck))
    assert len(got.fresh) == 5
    assert {line.quantity for line in got.lines} == {1}
    carried = {line.label for line in got.lines}
    assert set(stuck) <= carried
    assert len(carried) == 5
    assert clean(world)


def test_a_bag_is_one_pack_with_one_label(world: World) -> None:
    (label,) = blank(world, 1)
    got = receive(world, boxes(world, boxes=200, bag=True, labels=(label,)))
    assert [(line.quantity, line.label) for line in got.lines] == [(200, label)]


def test_a_second_line_joins_the_sitting(world: World) -> None:
    first = receive(world, boxes(world, boxes=2))
    second = receive(world, boxes(world, donation=first.donation, lot_number="B2"))
    assert second.donation == first.donation
    assert len(second.lines) == 3
    assert len(second.fresh) == 1


def test_sent_twice_it_is_received_once(world: World) -> None:
    new = boxes(world, boxes=3, labels=blank(world, 2))
    first, second = receive(world, new), receive(world, new)
    assert first == second
    assert waiting(world) == 3
    with pytest.raises(KeyReused):
        receive(world, boxes(world, key=new.key, boxes=4))


def test_one_label_that_is_taken_keeps_the_whole_line_out(world: World) -> None:
    free, taken = blank(world, 2)
    receive(world, boxes(world, labels=(taken,)))
    with pytest.raises(LabelTaken):
        receive(world, boxes(world, boxes=2, labels=(free, taken)))
    assert waiting(world) == 1
    label = world.db.read_now(registry.look_up, free)
    assert label is not None
    assert label.state == "blank"
    assert clean(world)


def test_what_nobody_looked_at_waits_in_quarantine(world: World) -> None:
    got = receive(world, boxes(world, declared=False, looked=False))
    assert [line.verdict for line in got.lines] == [Verdict.QUARANTINE]


@pytest.mark.parametrize(("count", "labels", "bag"), [(1, 2, False), (5, 2, True), (25, 0, False)])
def test_more_labels_than_boxes_or_more_boxes_than_a_sheet_are_a_fault_of_the_field(
    world: World, count: int, labels: int, bag: bool
) -> None:
    with pytest.raises(Invalid):
        receive(world, boxes(world, boxes=count, bag=bag, labels=blank(world, 2)[:labels]))
    assert waiting(world) == 0


def test_a_line_is_taken_back_whole_and_its_labels_end(world: World) -> None:
    got = receive(world, boxes(world, boxes=3, labels=blank(world, 2)))
    key = new_id()
    told = take_back(world, *got.fresh, key=key)
    assert all(line.taken_back for line in told.lines)
    assert take_back(world, *got.fresh, key=key) == told
    assert waiting(world) == 0
    assert clean(world)


def test_a_line_of_which_one_box_has_gone_on_is_not_taken_back_at_all(world: World) -> None:
    got = receive(world, boxes(world, boxes=3))
    gone = got.lines[1].pack
    assert gone is not None
    world.release(gone, "medic")
    with pytest.raises(Moved):
        take_back(world, *got.fresh)
    told = world.db.read_now(donations.receipt, got.donation, world.people["volunteer"])
    assert not any(line.taken_back for line in told.lines)
    assert waiting(world) == 2
    assert clean(world)
