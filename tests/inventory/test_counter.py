"""The counter, the queue and the stock room over HTTP: forms that forget nothing, and programs' operations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from inventory import ledger
from inventory.receiving.counter import Start
from labels import registry
from tests.app.client import bearer, client
from tests.inventory import world as worlds
from tests.inventory.world import AMOXICILLIN, LONG, MASKS, PARACETAMOL, World

GTIN = "6901234567892"


@pytest.fixture
def world(sqlite_db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(sqlite_db, clock, tmp_path / "keys")


@pytest.fixture
def at(world: World, sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    with client(sqlite_db, clock, tmp_path) as made:
        yield made


class Person:
    """Somebody at a browser: a cookie, and the form token that every POST carries."""

    def __init__(self, at: TestClient[Litestar], world: World, name: str) -> None:
        token = world.db.write_now(accounts.sign_in, world.people[name].account, "desk", world.now).token
        self.at, self.headers = at, {"cookie": f"session={token}"}
        self.csrf = accounts.csrf_token(token)

    def get(self, path: str) -> httpx.Response:
        return self.at.get(path, headers=self.headers)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        data = {name: str(value) if not isinstance(value, list) else value for name, value in fields.items()}
        headers = {**self.headers, "sec-fetch-site": "same-origin"}
        return self.at.post(path, data={"csrf_token": self.csrf, **data}, headers=headers)


def filled(world: World, code: str = MASKS, **more: Any) -> dict[str, Any]:
    """The receive form as a volunteer sends it."""
    fields = {
        "key": new_id(), "station": world.station, "item": world.items[code], "lot_number": "B1", "expiry": LONG,
        "quantity": 1, "look": "good", "declared": "yes",
    }  # fmt: skip
    return {**fields, **more}


def test_a_pack_is_received_and_the_page_says_what_became_of_it(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    sent = volunteer.post("/receive", **filled(world))
    assert sent.status_code == 303
    page = volunteer.get(sent.headers["location"]).text
    assert 'data-verdict="ok"' in page
    assert "收下了" in page
    assert re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}", page)
    assert "<svg width=" in page


def test_a_refusal_is_told_with_the_sentence_for_the_donor(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    page = volunteer.get(volunteer.post("/receive", **filled(world, AMOXICILLIN)).headers["location"]).text
    assert 'data-verdict="bad"' in page
    assert "处方药" in page
    assert "不用贴标签" in page


def test_an_item_that_is_always_refused_says_so_before_anything_is_typed(
    at: TestClient[Litestar], world: World
) -> None:
    volunteer = Person(at, world, "volunteer")
    assert "这一种不能收" in volunteer.post("/receive/start", item=world.items[AMOXICILLIN]).text
    assert "这一种不能收" not in volunteer.post("/receive/start", item=world.items[PARACETAMOL]).text
    assert str(world.items[AMOXICILLIN]) not in volunteer.get("/receive").text


def test_a_form_that_is_refused_keeps_everything_that_was_typed(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    fields = filled(world, lot_number="KEEP-ME", expiry="2027-13", quantity=7, donor_phone="13800000000")
    answer = volunteer.post("/receive", **fields)
    assert answer.status_code == 400
    for kept in ("KEEP-ME", "2027-13", 'value="7"', "13800000000", str(fields["key"])):
        assert kept in answer.text
    assert "有效期要写成" in answer.text
    assert 'href="#f-expiry"' in answer.text


WRONG_IN_FORM: tuple[tuple[dict[str, str], str], ...] = (
    ({"quantity": "0"}, "quantity"),
    ({"quantity": "x"}, "quantity"),
    ({"quantity": "101", "each": "yes"}, "packs"),
    ({"label": "0000-1111-LLLL"}, "label"),
    ({"donor_phone": "abc"}, "donor_phone"),
    ({"look": "differs"}, "look"),
    ({"lot_number": "a\u202eb"}, "lot_number"),
)


def test_a_wrong_field_of_the_form_is_named(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    for fields, field in WRONG_IN_FORM:
        answer = volunteer.post("/receive", **filled(world, **fields))
        assert answer.status_code == 400, fields
        assert f'href="#f-{field}"' in answer.text, fields


def test_a_difference_that_was_ticked_counts_even_under_all_is_well(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    sent = volunteer.post("/receive", **filled(world, PARACETAMOL, look="good", spoilt="yes"))
    assert 'data-verdict="bad"' in volunteer.get(sent.headers["location"]).text


def test_same_again_keeps_product_batch_expiry_and_donor(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    first = volunteer.post("/receive", **filled(world, lot_number="AGAIN7")).headers["location"]
    page = volunteer.get(first).text
    again = dict(re.findall(r'name="(donation|station|item|lot_number|expiry)" value="([^"]+)"', page))
    form = volunteer.post("/receive/start", **again).text
    assert 'value="AGAIN7"' in form
    assert re.search(r'id="f-declared"[^>]*checked', form)
    assert again["donation"] in form
    second = volunteer.post("/receive", **filled(world, donation=again["donation"])).headers["location"]
    assert second.split("/")[2] == first.split("/")[2]


def test_undo_takes_the_pack_back_and_leads_to_the_receipt(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    place = volunteer.post("/receive", **filled(world)).headers["location"]
    line = place.split("?")[0].split("/")[3]
    undone = volunteer.post("/receive/take-back", key=new_id(), line=line)
    assert undone.status_code == 303
    assert "已撤销" in volunteer.get(undone.headers["location"]).text
    assert "请还给捐赠人" in volunteer.get(place).text


def test_a_product_code_that_nobody_met_asks_what_it_is_and_is_remembered(
    at: TestClient[Litestar], world: World
) -> None:
    volunteer = Person(at, world, "volunteer")
    asked = volunteer.post("/receive/start", text=GTIN, format="EAN-13").text
    assert "没见过这个条码" in asked
    assert f'name="gtin" value="{GTIN.zfill(14)}"' in asked
    volunteer.post("/receive", **filled(world, gtin=GTIN.zfill(14)))
    known = volunteer.post("/receive/start", gtin=GTIN).text
    assert str(world.items[MASKS]) in known
    assert "志愿者认的" in known


def test_a_datamatrix_fills_batch_and_expiry(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    volunteer.post("/receive", **filled(world, gtin=GTIN.zfill(14)))
    form = volunteer.post("/receive/start", text=f"(01)0{GTIN}(17)280531(10)LOT9", format="DataMatrix").text
    assert 'value="LOT9"' in form
    assert 'value="2028-05-31"' in form


def test_a_blank_label_waits_for_its_product(at: TestClient[Litestar], world: World) -> None:
    volunteer = Person(at, world, "volunteer")
    actor = world.people["volunteer"]
    (code,) = world.db.write_now(registry.issue, 1, world.station, actor, world.now).codes
    start = volunteer.post("/receive/start", text=code, format="typed").text
    assert "空白标签已经认到" in start
    form = volunteer.post("/receive/start", label=code, item=world.items[MASKS]).text
    assert f'value="{code}"' in form
    place = volunteer.post("/receive", **filled(world, label=code)).headers["location"]
    assert place.endswith("?stuck=true")
    assert code not in place


def test_a_name_is_searched_and_what_is_not_found_is_taken_in_as_it_is_called(
    at: TestClient[Litestar], world: World
) -> None:
    volunteer = Person(at, world, "volunteer")
    assert "布洛芬缓释胶囊" in volunteer.post("/receive/start", q="布洛芬").text
    nothing = volunteer.post("/receive/start", q="外用膏药").text
    assert "按「外用膏药」接收" in nothing
    form = volunteer.post("/receive/start", called="外用膏药").text
    assert 'name="called"' in form
    fields = filled(world, called="外用膏药", approval_number="国药准字Z44021940")
    del fields["item"]
    place = volunteer.post("/receive", **fields).headers["location"]
    assert 'data-verdict="hold"' in volunteer.get(place).text


def test_whoever_has_several_stations_is_asked_where_they_are(at: TestClient[Litestar], world: World) -> None:
    coordinator = Person(at, world, "coordinator")
    assert "您在哪个站点" in coordinator.get("/receive").text
    assert "扫商品条码" in coordinator.post("/receive/start", station=world.station).text


def test_a_station_out_of_scope_is_not_found(at: TestClient[Litestar], world: World) -> None:
    answer = Person(at, world, "volunteer").post("/receive", **filled(world, station=world.other_station))
    assert answer.status_code == 404


def test_what_was_typed_is_shown_and_never_run(at: TestClient[Litestar], world: World) -> None:
    page = Person(at, world, "volunteer").post("/receive/start", q="<script>alert(1)</script>").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page


def test_the_second_person_releases_from_the_queue(at: TestClient[Litestar], world: World) -> None:
    pack = world.pack(MASKS)
    assert "要由另一个人放行" in Person(at, world, "volunteer").get("/release").text
    second = Person(at, world, "second")
    assert f'value="{pack}"' in second.get("/release").text
    assert "放行了 1 件" in second.post("/release/decide", key=new_id(), packs=pack, do="release").text
    late = second.post("/release/decide", key=new_id(), packs=pack, do="release")
    assert "有 1 件没有办成" in late.text
    assert "可能别人刚刚处理过" in late.text


def test_ticked_packs_are_released_together_and_a_repeated_sending_changes_nothing(
    at: TestClient[Litestar], world: World
) -> None:
    packs, second, key = [world.pack(MASKS) for _ in range(3)], Person(at, world, "second"), new_id()
    chosen = [str(packs[0]), f"{packs[1]},{packs[0]}"]
    for _ in range(2):
        assert "放行了 2 件" in second.post("/release/decide", key=key, packs=chosen, do="release").text
    assert world.db.read_now(ledger.count) == 5


def test_releasing_without_one_tick_says_what_to_do_and_leaves_the_queue_as_it_was(
    at: TestClient[Litestar], world: World
) -> None:
    packs, second = [world.pack(MASKS) for _ in range(2)], Person(at, world, "second")
    answer = second.post("/release/decide", key=new_id(), do="release")
    assert answer.status_code == 400
    for words in ("还没有勾选", "请在要办的每一项上点「勾选」"):
        assert words in answer.text
    assert "有一处填写不合要求" not in answer.text
    for pack in packs:
        assert str(pack) in answer.text


def test_a_batch_that_cannot_be_read_keeps_its_ticks(at: TestClient[Litestar], world: World) -> None:
    packs, second = [world.pack(MASKS, lot_number=lot) for lot in ("B1", "B2")], Person(at, world, "second")
    answer = second.post("/release/decide", key="x", packs=str(packs[0]), do="release")
    assert answer.status_code == 400
    assert f'value="{packs[0]}" form="ticked" data-tick checked' in answer.text
    assert f'value="{packs[1]}" form="ticked" data-tick>' in answer.text


def test_what_is_not_released_goes_to_disposal_with_its_reason(at: TestClient[Litestar], world: World) -> None:
    pack, second = world.pack(MASKS), Person(at, world, "second")
    for wrong in ("refuse:moody", "refuse", "burn", "release:moody"):
        assert second.post("/release/decide", key=new_id(), packs=pack, do=wrong).status_code == 400, wrong
    assert "1 件不放行" in second.post("/release/decide", key=new_id(), packs=pack, do="refuse:damaged").text
    page = second.get(f"/packs/{pack}").text
    assert "不放行，送处置" in page
    assert "没有有效标签" in page


def test_a_medic_says_what_unknown_goods_are(at: TestClient[Litestar], world: World) -> None:
    pack, medic = world.pack(item=None, called="口罩一袋"), Person(at, world, "medic")
    assert f"/packs/{pack}/identify" in medic.get("/release").text
    assert str(world.items[MASKS]) in medic.get(f"/packs/{pack}/identify?q=外科口罩").text
    assert medic.post(f"/packs/{pack}/identify", key=new_id(), item=world.items[MASKS]).status_code == 303
    assert "医用外科口罩" in medic.get(f"/packs/{pack}").text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_the_stock_room_opens_in_both_languages(
    at: TestClient[Litestar], world: World, hands: Any, language: str
) -> None:
    shelved, held = world.shelved(MASKS, quantity=3), world.pack(PARACETAMOL, look=None)
    world.shelved(MASKS, expiry=(world.today + timedelta(days=40)).isoformat())
    donation = world.receive(MASKS).donation
    hands.at += timedelta(hours=1)
    reader = Person(at, world, "coordinator")
    reader.headers["cookie"] += f"; lang={language}"
    for path in (
        "/receive", "/release", "/stock", f"/stock?station={world.station}", "/stock?station=",
        f"/stock/items/{world.items[MASKS]}", f"/stock/items/{world.items['med-005']}",
        f"/packs/{shelved}", f"/packs/{held}", f"/donations/{donation}",
    ):  # fmt: skip
        answer = reader.get(path)
        assert answer.status_code == 200, path
        unworded = r">[^<]*\b(receive|release|stock|donation|pack|place|catalogue|screening|refusal)\.[a-z_]+"
        assert not re.search(unworded, answer.text), path
    assert reader.get("/stock?station=x").status_code == 400


def test_a_member_sees_neither_counter_nor_queue_nor_stock(at: TestClient[Litestar], world: World) -> None:
    member = Person(at, world, "member")
    for path in ("/receive", "/release", "/stock", f"/packs/{world.pack(MASKS)}"):
        assert member.get(path).status_code == 403


def test_a_program_takes_in_releases_and_reads(at: TestClient[Litestar], world: World) -> None:
    volunteer, second = (bearer(world.db, world.clock, world.people[who].account) for who in ("volunteer", "second"))
    line = {"item": str(world.items[MASKS]), "lot_number": "P1", "expiry": LONG, "quantity": 2, "look": {}}
    new = {"key": str(new_id()), "station": str(world.station), "declared": True, "line": line}
    got = at.post("/api/donations", json=new, headers=volunteer)
    assert got.status_code == 201
    assert got.json() == at.post("/api/donations", json=new, headers=volunteer).json()
    assert set(got.json()) == {
        "donation", "code", "station", "station_name", "at", "declared", "lines", "fresh",
    }  # fmt: skip
    (told,) = got.json()["lines"]
    assert told["verdict"] == "accept"
    held = at.get("/api/held", headers=second).json()
    assert [one["pack"] for one in held] == [told["pack"]]
    order = {"key": str(new_id()), "pack": told["pack"]}
    refused = at.post("/api/held/release", json=order, headers=volunteer)
    assert (refused.status_code, refused.json()["code"]) == (403, "SECOND_PERSON")
    assert refused.json()["reasons"][0]["code"] == "IN26_SAME_PERSON"
    assert at.post("/api/held/release", json=order, headers=second).json()["outcome"] == "released"
    levels = at.get("/api/levels", headers=second).json()
    assert next(one for one in levels["totals"] if one["code"] == MASKS)["units"]["available"] == 2
    story = at.get(f"/api/packs/{told['pack']}", headers=second).json()
    assert [step["reason"] for step in story["steps"]] == ["receive", "release"]
    assert UUID(at.get(f"/api/donations/{got.json()['donation']}", headers=volunteer).json()["donation"])


def test_a_program_finds_goods_and_stations(at: TestClient[Litestar], world: World) -> None:
    member = bearer(world.db, world.clock, world.people["member"].account)
    assert len(at.get("/api/items", headers=member).json()) == 60
    for wrong in ("limit=201", "limit=0", "limit=-1", "limit=x", f"after={'x' * 21}"):
        assert at.get(f"/api/items?{wrong}", headers=member).status_code == 400
    assert at.get(f"/api/catalogue?q={'x' * 61}", headers=member).status_code == 400
    assert [one["code"] for one in at.get("/api/catalogue?q=必理通", headers=member).json()] == [PARACETAMOL]
    assert len(at.get("/api/kits", headers=member).json()[0]["lines"]) == 7
    volunteer = bearer(world.db, world.clock, world.people["volunteer"].account)
    assert [one["id"] for one in at.get("/api/stations", headers=volunteer).json()] == [str(world.station)]
    assert at.get("/api/stations", headers=member).status_code == 403


WRONG_IN_JSON: tuple[tuple[dict[str, Any], str], ...] = (
    ({"quantity": 0}, "line.quantity"),
    ({"quantity": "1"}, "line.quantity"),
    ({"quantity": 2**65}, "line.quantity"),
    ({"gtin": "69a"}, "line.gtin"),
    ({"expiry": "2027-13"}, "line.expiry"),
    ({"look": {"seal": "maybe"}}, "line.look.seal"),
    ({"extra": 1}, "line.extra"),
    ({"called": "a\x00b"}, "line.called"),
)


def test_a_wrong_field_of_a_program_is_named_and_nothing_is_written(at: TestClient[Litestar], world: World) -> None:
    headers = bearer(world.db, world.clock, world.people["volunteer"].account)
    for change, field in WRONG_IN_JSON:
        line = {"item": str(world.items[MASKS]), "lot_number": "P1", "expiry": LONG, **change}
        body = {"key": str(new_id()), "station": str(world.station), "line": line}
        answer = at.post("/api/donations", json=body, headers=headers)
        assert answer.status_code == 400, change
        assert answer.json()["errors"][0]["field"] == field, change
    assert at.get("/api/held", headers=headers).json() == []


@pytest.mark.parametrize(
    ("scanned", "field", "value"),
    [
        (GTIN, "gtin", GTIN.zfill(14)),
        ("国药准字Z44021940", "approval_number", "国药准字Z44021940"),
        ("https://example.org/x", "q", "https://example.org/x"),
        ("感冒灵", "q", "感冒灵"),
    ],
)
def test_a_scanned_text_goes_where_it_belongs(scanned: str, field: str, value: str) -> None:
    start = Start(text=scanned).with_scan()
    assert (getattr(start, field), start.text) == (value, "")


def test_an_item_s_page_draws_all_that_is_on_hand_and_says_each_part_in_words(
    at: TestClient[Litestar], world: World
) -> None:
    world.shelved(MASKS, quantity=5)
    world.pack(MASKS, quantity=3)
    page = Person(at, world, "coordinator").get(f"/stock/items/{world.items[MASKS]}").text
    (bar,) = re.findall(r'<svg class="share-bar" viewBox="0 0 (\d+) 1".*?</svg>', page, re.DOTALL)
    drawn = re.search(r'<svg class="share-bar".*?</svg>', page, re.DOTALL)
    assert drawn is not None
    assert [int(width) for width in re.findall(r'width="(\d+)"', drawn[0])] == [5, 3]
    assert int(bar) == 8
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    for said in ("可用 5", "留存待核 3", "在库 8"):
        assert said in words
