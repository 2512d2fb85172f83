"""Labels of goods are printed on any paper, say what is in the box and never where or whose, and read as they print."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pypdfium2
import pytest
import zxingcpp
from litestar import Litestar
from litestar.testing import TestClient
from PIL import Image
from sqlalchemy import select

from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from app.base.models import AuditNote
from app.base.permissions import SYSTEM
from inventory import places
from labels import registry
from tests.app.client import bearer, client
from tests.inventory import world as worlds
from tests.inventory.test_counter import Person
from tests.inventory.world import LONG, MASKS, PARACETAMOL, World

SHEETS = {"a4-3x8": 24, "a4-3x7": 21, "a4-2x4": 8}
ROLLS = ("40x30", "50x30", "60x40", "80x50")


class Desk:
    """A volunteer's desk with a printer."""

    def __init__(self, at: TestClient[Litestar], world: World) -> None:
        self.at, self.world, self.volunteer = at, world, Person(at, world, "volunteer")
        self.headers = bearer(world.db, world.clock, world.people["volunteer"].account)

    def order(self, what: str, *subjects: Any, **more: Any) -> httpx.Response:
        body = {"what": what, "subjects": [str(one) for one in subjects], **more}
        return self.at.post("/api/labels/print", json=body, headers=self.headers)

    def code(self, subject: Any) -> str:
        return str(self.world.db.read_now(registry.code_of, subject))


@pytest.fixture
def desk(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    world = worlds.build(sqlite_db, clock, tmp_path / "keys")
    with client(sqlite_db, clock, tmp_path) as at:
        yield Desk(at, world)


def read(picture: Image.Image) -> set[str]:
    """The codes in a picture, without the address before them."""
    return {found.text.rpartition("/")[2] for found in zxingcpp.read_barcodes(picture)}


def pages(pdf: bytes, dpi: int = 203) -> list[Image.Image]:
    return [page.render(scale=dpi / 72).to_pil() for page in pypdfium2.PdfDocument(pdf)]


def words(pdf: bytes) -> str:
    return "".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(pdf))


@pytest.mark.parametrize("paper", [*SHEETS, *ROLLS])
def test_a_printed_page_turned_back_into_a_picture_reads_whole(desk: Desk, paper: str) -> None:
    packs = [desk.world.pack() for _ in range(3)]
    answer = desk.order("pack", *packs, on={"paper": paper})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    drawn = pages(answer.content)
    assert len(drawn) == (1 if paper in SHEETS else 3)
    assert set.union(*(read(page) for page in drawn)) == {desk.code(pack) for pack in packs}


def test_the_label_says_what_is_in_the_box_and_never_where_or_whose(desk: Desk) -> None:
    pack = desk.world.pack(quantity=12)
    said = words(desk.order("pack", pack).content)
    for part in ("对乙酰氨基酚片", "0.5 g", "2028-05-31", "批号 B2401", "常温保存", "12 盒", "远离儿童"):
        assert part in said, part
    for part in ("胜华", "一站", "volunteer"):
        assert part not in said, part


def test_twelve_boxes_are_twelve_labels_or_one_bag(desk: Desk) -> None:
    lines = desk.world.receive(quantity=12, packs=12).lines
    assert len(read(pages(desk.order("pack", *(line.pack for line in lines)).content)[0])) == 12
    bag = desk.world.pack(quantity=12)
    assert read(pages(desk.order("pack", bag).content)[0]) == {desk.code(bag)}


def test_a_half_used_sheet_is_begun_at_its_first_free_place(desk: Desk) -> None:
    pack = desk.world.pack()
    first, last = (pages(desk.order("pack", pack, on={"first": place}).content)[0] for place in (1, 24))
    assert read(first.crop((0, 0, first.width // 3, first.height // 8))) == {desk.code(pack)}
    assert read(last.crop((last.width * 2 // 3, last.height * 7 // 8, last.width, last.height))) == {desk.code(pack)}
    refused = desk.order("pack", pack, on={"first": 25})
    assert refused.status_code == 400
    assert "23" in refused.json()["errors"][0]["reason"]


@pytest.mark.parametrize("form", ["zpl", "tspl"])
def test_a_label_printer_gets_dots_and_no_words_that_it_could_take_for_commands(desk: Desk, form: str) -> None:
    pack = desk.world.pack(lot_number="^XA~JR")
    answer = desk.order("pack", pack, on={"paper": "60x40", "form": form})
    assert answer.status_code == 200
    assert answer.content.count(b"^XA" if form == "zpl" else b"BITMAP") == 1
    assert b"~JR" not in answer.content
    assert desk.order("pack", pack, on={"form": form}).status_code == 400, "a sheet is no roll"


@pytest.mark.parametrize("form", ["png", "svg"])
def test_one_label_comes_as_a_picture(desk: Desk, form: str) -> None:
    pack, other = desk.world.pack(), desk.world.pack()
    answer = desk.order("pack", pack, on={"form": form, "dpi": 300})
    assert answer.status_code == 200
    if form == "png":
        assert read(Image.open(io.BytesIO(answer.content))) == {desk.code(pack)}
    else:
        assert answer.text.startswith("<svg")
    assert desk.order("pack", pack, other, on={"form": form}).status_code == 400


def test_the_preview_is_the_print(desk: Desk) -> None:
    pack = desk.world.pack()
    page = desk.volunteer.get(f"/labels/print?what=pack&subject={pack}")
    assert page.status_code == 200
    [shown] = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", page.text)
    assert base64.b64decode(shown).decode() == desk.order("pack", pack, on={"form": "svg"}).text


def test_only_a_print_is_noted(desk: Desk) -> None:
    pack = desk.world.pack()
    count = select(AuditNote).where(AuditNote.verb == "label.print", AuditNote.subject == pack)
    desk.volunteer.get(f"/labels/print?what=pack&subject={pack}")
    assert not desk.world.db.read_now(lambda session: session.execute(count).scalars().all())
    sent = desk.volunteer.post("/labels/print", what="pack", subjects=[str(pack)], paper="50x30", do="file")
    assert sent.headers["content-type"] == "application/pdf"
    assert len(desk.world.db.read_now(lambda session: session.execute(count).scalars().all())) == 1
    remembered = {"cookie": f"{desk.volunteer.headers['cookie']}; paper={sent.cookies['paper']}"}
    page = desk.at.get(f"/labels/print?what=pack&subject={pack}", headers=remembered)
    assert re.search(r'value="50x30"\s+checked', page.text)


def test_a_sheet_of_the_station_s_own_is_measured_with_a_ruler(desk: Desk) -> None:
    pack = desk.world.pack()
    grid = {"columns": 2, "rows": 5, "label_width_mm": 99, "label_height_mm": 57}
    assert read(pages(desk.order("pack", pack, on={"paper": "grid", "grid": grid}).content)[0]) == {desk.code(pack)}
    too_wide = desk.order("pack", pack, on={"paper": "grid", "grid": {**grid, "columns": 3}})
    assert too_wide.status_code == 400
    assert "297" in too_wide.json()["errors"][0]["reason"]
    form = desk.volunteer.post("/labels/print", what="pack", subjects=[str(pack)], paper="grid", columns="0", do="file")
    assert form.status_code == 400
    assert 'role="alert"' in form.text


def test_stickers_without_a_code_say_donated_and_not_for_sale(desk: Desk) -> None:
    answer = desk.order("mark", count=24)
    assert read(pages(answer.content)[0]) == set()
    assert words(answer.content).replace("\n", "").replace("\r", "").count("捐赠药品") == 24


def test_blank_labels_come_on_a_roll_and_are_claimed_by_the_first_scan(desk: Desk) -> None:
    batch = desk.world.db.write_now(registry.issue, 24, desk.world.station, SYSTEM, desk.world.now)
    answer = desk.order("batch", batch.id, on={"paper": "50x30"})
    drawn = pages(answer.content)
    assert len(drawn) == 24
    assert set.union(*(read(page) for page in drawn)) == set(batch.codes)
    got = desk.world.receive(label=batch.codes[0])
    assert got.lines[0].label == batch.codes[0]
    assert len(pages(desk.order("batch", batch.id, on={"paper": "50x30"}).content)) == 23


def test_every_place_carries_a_label_that_opens_what_stands_there(desk: Desk) -> None:
    pack = desk.world.shelved(MASKS)
    station, *_ = desk.world.db.read_now(places.places, desk.world.people["volunteer"])
    shelf = next(one for one in station.places if one.kind == "shelf")
    assert read(pages(desk.order("place", shelf.id).content)[0]) == {desk.code(shelf.id)}
    led = desk.volunteer.get(f"/L/{desk.code(shelf.id)}")
    assert led.headers["location"] == f"/places/{shelf.id}"
    assert f'href="/packs/{pack}"' in desk.volunteer.get(f"/places/{shelf.id}").text
    elsewhere = Person(desk.at, desk.world, "elsewhere")
    assert elsewhere.get(f"/places/{shelf.id}").status_code == 404


def test_what_is_out_of_scope_or_without_a_label_is_not_printed(desk: Desk) -> None:
    pack = desk.world.pack()
    assert desk.order("pack", new_id()).status_code == 404
    assert desk.order("pack").status_code == 409
    desk.headers = bearer(desk.world.db, desk.world.clock, desk.world.people["elsewhere"].account)
    assert desk.order("pack", pack).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"count": 0}, {"count": -1}, {"count": 10**7}, {"on": {"first": 0}}, {"on": {"dpi": 72}}, {"on": {"x": 1}}],
)
def test_absurd_orders_are_refused_in_words(desk: Desk, wrong: dict[str, Any]) -> None:
    answer = desk.order("mark", **wrong)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["reason"]


def test_the_counter_offers_the_labels_of_twelve_boxes_at_once(desk: Desk) -> None:
    done = desk.volunteer.post(
        "/receive", key=new_id(), station=desk.world.station, item=desk.world.items[PARACETAMOL], lot_number="B1",
        expiry=LONG, quantity=12, each="yes", look="good", declared="yes",
    )  # fmt: skip
    page = desk.volunteer.get(done.headers["location"]).text
    assert page.count('name="subjects"') == 12
    assert 'action="/labels/print"' in page
