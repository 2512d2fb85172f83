"""Opening stock: rows of a spreadsheet become packs that wait for a second person, once and never by halves."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.base import spreadsheets
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.workbooks import Sheet, workbook
from inventory import ledger
from inventory.errors import SecondPersonNeeded
from inventory.models import Pack
from inventory.papers import opening
from inventory.papers.opening import ApplyOpening, Begun, OpeningColumns, OpeningFaulty, OpeningMoved, OpeningView
from inventory.papers.opening_rows import read_row
from inventory.stock import levels
from labels import registry
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, World

HEADS = ("商品名称", "规格", "单位", "批号", "有效期至", "数量")
GOOD = ("医用外科口罩", "YY 0469-2011", "袋", "M1", "2028-05", "40")


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def file(*rows: tuple[str, ...], heads: tuple[str, ...] = HEADS) -> bytes:
    return workbook([Sheet(title="库存", headings=heads, rows=rows)])


def send(world: World, data: bytes, by: str = "coordinator", station: UUID | None = None) -> Begun:
    made = opening.draft(data, spreadsheets.read(data))
    at = station or world.station
    return world.db.write_now(opening.begin, new_id(), at, made, world.people[by], world.now)


def look(world: World, run: UUID, by: str = "coordinator") -> OpeningView:
    return world.db.read_now(opening.view, run, world.people[by], world.today)


def book(world: World, run: UUID, by: str = "coordinator", **more: Any) -> OpeningView:
    order = ApplyOpening(**{"looked": True, **more})
    world.db.write_now(opening.apply, run, order, world.people[by], world.today, world.now)
    while world.db.write_now(opening.apply_part, run, world.people[by], world.today, world.now):
        continue
    return look(world, run, by)


def packs(world: World) -> int:
    return world.db.read_now(lambda session: session.execute(select(func.count()).select_from(Pack)).scalar_one())


def test_rows_become_packs_that_wait_for_another_person(world: World) -> None:
    run = send(world, file(GOOD)).id
    (row,) = look(world, run).rows
    assert (row.outcome, row.quantity, packs(world)) == ("accept", 40, 0)
    (row,) = book(world, run).rows
    assert row.pack is not None
    assert [place.kind.value for place, _ in world.db.read_now(ledger.whereabouts, row.pack)] == ["hold"]
    assert world.items[MASKS] not in world.db.read_now(levels.available, world.station, world.today)
    assert world.db.read_now(registry.code_of, row.pack)
    with pytest.raises(SecondPersonNeeded):
        world.release(row.pack, "coordinator")
    assert world.release(row.pack, "second").outcome == "released"
    assert world.db.read_now(lambda session: list(ledger.faults(session))) == []


def test_what_is_expired_is_refused_by_its_row_and_nobody_can_override_it(world: World) -> None:
    expired = ("医用外科口罩", "YY 0469-2011", "袋", "M0", "2020-05", "7")
    run = send(world, file(GOOD, expired)).id
    assert [row.outcome for row in look(world, run).rows] == ["accept", "reject"]
    with pytest.raises(OpeningFaulty):
        book(world, run)
    assert packs(world) == 0
    found = book(world, run, good_rows=True)
    assert [row.pack is not None for row in found.rows] == [True, False]
    assert packs(world) == 1


def test_without_a_look_at_each_pack_all_of_it_goes_into_quarantine(world: World) -> None:
    (row,) = book(world, send(world, file(GOOD)).id, looked=False).rows
    assert row.outcome == "quarantine"
    assert row.pack is not None
    assert [place.kind.value for place, _ in world.db.read_now(ledger.whereabouts, row.pack)] == ["quarantine"]


def test_what_the_catalogue_lacks_waits_for_a_medic_under_the_name_it_came_with(world: World) -> None:
    run = send(world, file(("某地口罩", "", "袋", "M1", "2028-05", "3"))).id
    (row,) = book(world, run).rows
    assert (row.known, row.outcome) == (False, "quarantine")


def test_the_same_file_again_is_the_same_opening_and_books_nothing_twice(world: World) -> None:
    data = file(GOOD)
    first = send(world, data)
    book(world, first.id)
    second = send(world, data)
    assert (second.id, second.again) == (first.id, True)
    book(world, second.id)
    assert packs(world) == 1
    elsewhere = send(world, data, station=world.other_station)
    assert not elsewhere.again


def test_every_fault_is_named_by_its_row_and_field(world: World) -> None:
    name, strength, unit, lot, expiry, _ = GOOD
    rows = [
        ((name, strength, unit, lot, expiry, wrong), ("quantity", "QUANTITY"))
        for wrong in ("0", "-1", "0.5", "1000000000", "", "十")
    ]
    rows += [
        ((name, strength, unit, lot, "2027-02-30", "1"), ("expiry", "DAY_IMPOSSIBLE")),
        ((name, strength, unit, lot, "2027-13", "1"), ("expiry", "DAY_IMPOSSIBLE")),
        ((name, strength, unit, lot, "27-05", "1"), ("expiry", "DAY_TWO_DIGITS")),
        (("", strength, unit, lot, expiry, "1"), ("name", "NOTHING")),
    ]
    found = look(world, send(world, file(*(row for row, _ in rows))).id)
    assert [[(one.field, one.code) for one in row.wrong] for row in found.rows] == [[fault] for _, fault in rows]
    with pytest.raises(OpeningFaulty):
        book(world, found.id, good_rows=True)


def test_a_formula_is_no_quantity() -> None:
    said = read_row(2, ("口罩", ""), [spreadsheets.Fault(1, "FORMULA")], ("name", "quantity"))
    assert [(one.field, one.code) for one in said.wrong] == [("quantity", "FORMULA")]


def test_columns_that_say_nothing_known_can_be_named_by_a_person(world: World) -> None:
    run = send(world, file(("医用外科口罩", "9"), heads=("东西", "几个"))).id
    with pytest.raises(OpeningColumns):
        book(world, run)
    with pytest.raises(OpeningColumns):
        world.db.write_now(opening.choose_columns, run, ["name", "name"], world.people["coordinator"])
    world.db.write_now(opening.choose_columns, run, ["name", "quantity"], world.people["coordinator"])
    (row,) = look(world, run).rows
    assert (row.known, row.quantity) == (True, 9)


def test_cut_short_between_two_parts_it_goes_on_where_it_stopped(world: World) -> None:
    rows = [("医用外科口罩", "YY 0469-2011", "袋", f"M{number}", "2028-05", "1") for number in range(opening.PART + 5)]
    run = send(world, file(*rows)).id
    order, who = ApplyOpening(looked=True), world.people["coordinator"]
    world.db.write_now(opening.apply, run, order, who, world.today, world.now)
    assert world.db.write_now(opening.apply_part, run, who, world.today, world.now)
    assert packs(world) == opening.PART
    book(world, run)
    assert packs(world) == opening.PART + 5
    with pytest.raises(OpeningMoved):
        world.db.write_now(opening.drop, run, who)


def test_another_community_s_opening_is_not_there(world: World) -> None:
    run = send(world, file(GOOD)).id
    for by in ("elsewhere", "member"):
        with pytest.raises(NotFound):
            look(world, run, by)
    with pytest.raises(NotFound):
        send(world, file(GOOD), by="elsewhere")
