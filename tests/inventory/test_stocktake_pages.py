"""A stocktake by its pages alone: counted blind, counted again in one go, decided at the desk, saved as a paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base import spreadsheets
from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from inventory.counting.stocktake_models import LineState, StocktakeState
from labels import registry
from tests.app.client import client
from tests.conftest import Hands
from tests.inventory import world as worlds
from tests.inventory.count_world import Hall
from tests.inventory.test_counter import Person
from tests.inventory.world import MASKS

SHELF = "货架A"


@pytest.fixture
def hall(db: Database, clock: Clock, tmp_path: Path, hands: Hands) -> Hall:
    return Hall(worlds.build(db, clock, tmp_path / "keys"), hands)


@pytest.fixture
def at(hall: Hall, db: Database, clock: Clock, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    with client(db, clock, tmp_path) as made:
        yield made


def code(hall: Hall, pack: UUID) -> str:
    found = hall.db.read_now(registry.code_of, pack)
    assert found is not None
    return found


def go(person: Person, path: str, **form: Any) -> str:
    """Post a form that leads on; where to."""
    answer = person.post(path, key=new_id(), **form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_a_shelf_is_counted_by_pages_from_the_first_scan_to_the_saved_paper(
    hall: Hall, at: TestClient[Litestar]
) -> None:
    pack, other = hall.world.shelved(MASKS, quantity=9), hall.world.shelved(MASKS, quantity=5, lot_number="C1")
    first, second, desk = (Person(at, hall.world, name) for name in ("volunteer", "second", "coordinator"))
    place = hall.place(SHELF)
    take = go(first, "/stocktakes", station=hall.world.station, place=[str(place)])
    hall.take = UUID(take.rpartition("/")[2])
    counting = f"{take}/count/{place}"

    asked = first.post(counting, key=new_id(), text=code(hall, pack)).text
    assert "9" not in re.findall(r'name="quantity"[^>]*value="(\d+)"', asked), "what the books say is never offered"
    go(first, counting, text=code(hall, pack), quantity=8)
    go(first, counting, text=code(hall, other), quantity=4)
    assert first.get(f"{take}/report.xlsx").status_code == 409
    go(first, f"{take}/finish")

    assert len(hall.lines(LineState.RECOUNT)) == 2
    assert f"{take}/recounts/{place}" not in first.get(take).text, "nobody counts again what they counted"
    assert f"{take}/recounts/{place}" in second.get(take).text
    assert go(second, f"{take}/recounts/{place}") == counting
    go(second, counting, text=code(hall, pack), quantity=8)
    go(second, counting, text=code(hall, other), quantity=4)
    assert go(second, f"{take}/recounts/{place}", done="yes") == take

    lines = [str(line.id) for line in hall.lines(LineState.DECIDE)]
    assert "−1" in desk.get(f"{take}/desk").text
    whys = {f"why-{line}": "unknown" for line in lines}
    assert desk.post(f"{take}/desk", key=new_id(), line=lines, **whys).status_code == 200
    go(desk, f"{take}/end")
    assert hall.state() is StocktakeState.CLOSED
    assert (hall.where(pack), hall.where(other)) == ({SHELF: 8}, {SHELF: 4})
    assert hall.faults() == []

    (sheet,) = spreadsheets.read(desk.get(f"{take}/report.xlsx").content)
    cells = [tuple(str(cell) for cell in row.cells) for row in sheet.rows]
    heads = next(row for row in cells if "差异" in row)
    figures = sorted(
        tuple(row[heads.index(name)] for name in ("账面", "实盘", "差异"))
        for row in cells[cells.index(heads) + 1 :][:2]
    )
    assert figures == [("5", "4", "-1"), ("9", "8", "-1")]


def test_the_paper_of_another_station_is_absent(hall: Hall, at: TestClient[Litestar]) -> None:
    hall.world.shelved(MASKS, quantity=2)
    hall.open(SHELF)
    hall.finish(empty=True)
    assert Person(at, hall.world, "elsewhere").get(f"/stocktakes/{hall.take}/report.xlsx").status_code == 404
