"""Anyone reads an item's leaflet by its short address, in either language, and finds no more in it than the item."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import SYSTEM
from inventory.cataloguing import catalogue
from inventory.models import Item
from tests.app.client import client

Browser = TestClient[Litestar]
PHONE = "0546 123 4567"


@pytest.fixture
def browser(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[Browser]:
    sqlite_db.write_now(catalogue.load_starter, SYSTEM, clock.now())
    with client(sqlite_db, clock, tmp_path, phone=PHONE) as made:
        yield made


def main(page: str) -> str:
    return page[page.index("<main") : page.index("</main>")]


def test_anyone_reads_a_leaflet_and_whom_to_call(browser: Browser) -> None:
    answer = browser.get("/leaflet/med-001")
    assert answer.status_code == 200
    for words in (
        "对乙酰氨基酚片",
        "做什么用",
        "一次多少、多久一次",
        "不能和什么一起用",
        "马上就医的情况",
        PHONE,
        "120",
    ):
        assert words in main(answer.text), words
    assert "未核实" in main(answer.text)


def test_the_leaflet_is_there_in_english(browser: Browser) -> None:
    told = main(browser.get("/leaflet/med-001", headers={"accept-language": "en"}).text)
    assert "Paracetamol tablets" in told
    assert "How much, how often" in told
    assert "对乙酰氨基酚" not in told


def test_the_upper_case_address_of_the_qr_leads_to_the_page(browser: Browser) -> None:
    for address in ("/LEAFLET/MED-001", "/LEAFLET/med-001", "/leaflet/Med-001"):
        answer = browser.get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/leaflet/med-001")


@pytest.mark.parametrize("code", ["med-999", catalogue.UNKNOWN_CODE, "x", "med-0011", "%2F%2Fevil.example", "med-00１"])
def test_what_is_no_item_is_not_found(browser: Browser, code: str) -> None:
    answer = browser.get(f"/leaflet/{code}")
    assert answer.status_code == 404
    assert "evil" not in answer.headers.get("location", "")


def test_an_unverified_dose_is_asked_of_the_doctor_until_a_pharmacist_verified_it(
    browser: Browser, sqlite_db: Database
) -> None:
    before = main(browser.get("/leaflet/med-002").text)
    assert "按医生或药师所说；看包装说明书。" in before
    assert "1 到 2 片" not in before

    def verify(session: Session) -> None:
        session.execute(update(Item).where(Item.code == "med-002").values(verified_on=date(2026, 11, 20)))

    sqlite_db.write_now(verify)
    after = main(browser.get("/leaflet/med-002").text)
    assert "1 到 2 片" in after
    assert "药师已于 2026-11-20 核对" in after


def test_what_we_never_hand_out_says_so_and_tells_nothing_else(browser: Browser) -> None:
    told = main(browser.get("/leaflet/med-031").text)
    assert "请不要自己服用" in told
    assert 'data-part="dose"' not in told


def test_reading_aloud_is_offered_by_a_script_of_its_own_and_hidden_without_it(browser: Browser) -> None:
    page = browser.get("/leaflet/med-001").text
    assert "/js/speak.js" in page
    button = page[page.index("<button class", page.index("data-speak-text")) :].split(">")[0]
    assert "data-speak " in button
    assert button.endswith("hidden")


def test_every_item_of_the_catalogue_has_its_page(browser: Browser, sqlite_db: Database) -> None:
    for item in sqlite_db.read_now(catalogue.items):
        answer = browser.get(f"/leaflet/{item.code}")
        assert answer.status_code == 200, item.code
        assert "item_leaflet." not in answer.text, item.code
