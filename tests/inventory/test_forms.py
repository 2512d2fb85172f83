"""The papers of a store room: they add up, name nobody, and are never a live formula."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Invalid, NotFound
from app.base.ids import new_id
from app.base.permissions import SYSTEM
from app.base.workbooks import Sheet, csv_text, workbook
from app.main import messages
from inventory import ledger, stations
from inventory.papers import forms
from inventory.papers.forms import Asked, Form, Reader
from inventory.receiving import donations
from inventory.receiving.donations import TakeBack
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, World

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def paper(world: World, form: Form, by: str = "volunteer", **more: object) -> Sheet:
    def say(key: str, **params: object) -> str:
        return messages().say("zh", key, **params)

    asked = Asked(**{"since": world.today, "until": world.today, **more})  # type: ignore[arg-type]
    reader = Reader(actor=world.people[by], language="zh", zone=ZONE, say=say)
    return world.db.read_now(forms.paper, form, asked, reader)


def column(sheet: Sheet, heading: str) -> list[object]:
    at = sheet.headings.index(heading)
    return [row[at] for row in sheet.rows]


def give_out(world: World, pack: UUID, units: int) -> None:
    own = world.db.read_now(stations.places, world.station)
    world.db.write_now(ledger.move, pack, units, own.shelf, ledger.TO_RESIDENTS, "hand-over", SYSTEM, world.now)


def test_what_came_in_less_what_left_is_what_is_there(world: World) -> None:
    pack = world.shelved(MASKS, quantity=9)
    world.pack(MASKS, quantity=4)
    give_out(world, pack, 2)
    came, left, there = (paper(world, form) for form in (Form.IN, Form.OUT, Form.STOCK))
    assert (column(came, "数量"), column(left, "数量")) == ([9, 4], [2])
    assert sum(column(there, "数量")) == 9 + 4 - 2  # type: ignore[arg-type]
    assert column(came, "来源") == ["接收", "接收"]
    assert column(left, "去向") == ["送达"]


def test_what_was_taken_back_stands_there_with_its_opposite(world: World) -> None:
    got = world.receive(MASKS, quantity=3)
    undo = TakeBack(key=new_id(), line=got.fresh[0])
    world.db.write_now(donations.take_back, undo, world.people["volunteer"], world.now)
    assert column(paper(world, Form.IN), "数量") == [3]
    assert column(paper(world, Form.OUT), "去向") == ["撤销接收"]
    assert paper(world, Form.STOCK).rows == []


def test_the_sheet_to_count_on_does_not_tell_what_is_expected(world: World) -> None:
    world.shelved(MASKS, quantity=777)
    sheet = paper(world, Form.COUNT)
    assert column(sheet, "实点数") == [None]
    assert "777" not in str(sheet.rows)


def test_a_reader_sees_the_own_stations_only(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    assert paper(world, Form.STOCK, "elsewhere").rows == []
    assert len(paper(world, Form.STOCK, "coordinator").rows) == 1
    with pytest.raises(NotFound):
        paper(world, Form.STOCK, "elsewhere", station=world.station)


def test_days_the_wrong_way_round_are_told(world: World) -> None:
    with pytest.raises(Invalid):
        paper(world, Form.IN, since=world.today, until=world.today.replace(year=2025))


def test_no_paper_names_who_did_it(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    told = str([paper(world, form).rows for form in Form])
    assert not any(name in told for name in world.people)


def test_what_a_donor_calls_a_formula_is_a_text_in_every_file(world: World) -> None:
    wicked = '=HYPERLINK("http://x.example","点我")'
    world.pack(called=wicked, item=None)
    sheet = paper(world, Form.STOCK)
    assert wicked in column(sheet, "名称")
    cells = [cell for row in csv.reader(io.StringIO(csv_text(sheet, ZONE).decode("utf-8-sig"))) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    with zipfile.ZipFile(io.BytesIO(workbook([sheet], ZONE))) as book:
        pages = [book.read(name).decode() for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
    assert pages
    assert not any("<f>" in page or "<f " in page or "hyperlink" in page for page in pages)
