"""The import's pages and its steps for programs: a file goes in by a form, goes on by itself, and applies once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base import accounts, spreadsheets
from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from app.base.permissions import SYSTEM, Role
from app.base.workbooks import Sheet, workbook
from inventory.cataloguing import catalogue
from tests.app.client import account, bearer, browser_of, client

Browser = TestClient[Litestar]
HEAD = ("批准文号", "品名", "规格")
GOOD = ("国药准字H20000001", "测试阿司匹林片", "0.3g")
BAD = ("国药准字H2", "坏批文片", "1g")
BINARY = {"content-type": "application/octet-stream"}


def file(*rows: tuple[str, ...]) -> bytes:
    return workbook([Sheet(title="目录", headings=HEAD, rows=rows)])


class Hand:
    """A coordinator with a browser and a program of the same account."""

    def __init__(self, browser: Browser, db: Database, clock: Clock, folder: Path) -> None:
        self.browser, self.db = browser, db
        made, _ = account(db, clock, folder, Role.OFFICE)
        self.token = accounts.csrf_token(browser_of(browser, db, clock, made))
        self.program = bearer(db, clock, made)

    def post(self, path: str, **fields: Any) -> Any:
        return self.browser.post(path, data={"csrf_token": self.token, **fields})

    def upload(self, data: bytes, key: UUID | None = None, **fields: str) -> Any:
        form = {"csrf_token": self.token, "key": str(key or new_id()), **fields}
        return self.browser.post("/catalogue/import", data=form, files={"file": ("goods.xlsx", data)})

    def found(self) -> list[str]:
        return [item.code for item in self.db.read_now(catalogue.find, GOOD[1])]

    def wait(self, path: str, words: str) -> str:
        """The page once it shows these words; what goes on beside takes a moment."""
        return until(lambda: self.browser.get(path).text, words)


def until(look: Callable[[], str], words: str) -> str:
    for _ in range(200):
        if words in (page := look()):
            return page
        time.sleep(0.05)
    raise AssertionError(page)


@pytest.fixture
def hand(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[Hand]:
    sqlite_db.write_now(catalogue.load_starter, SYSTEM, clock.now())
    with client(sqlite_db, clock, tmp_path) as browser:
        yield Hand(browser, sqlite_db, clock, tmp_path)


def test_a_file_goes_from_its_upload_to_the_catalogue_by_pages_alone(hand: Hand) -> None:
    run = hand.upload(file(GOOD, BAD)).headers["location"]
    assert "国药准字H20000001" in hand.browser.get(run).text
    given = {
        "column_0": "approval",
        "column_1": "name_zh",
        "column_2": "strength",
        "kind": "medicine",
        "source": "药店",
    }
    assert hand.post(f"{run}/columns", **given).headers["location"] == run
    preview = hand.wait(run, "检查结果")
    assert "不像批准文号：国药准字H2" in preview
    refused = hand.post(f"{run}/apply")
    assert (refused.status_code, hand.found()) == (422, [])
    assert "有 1 行有问题" in refused.text
    for _ in range(2):
        assert hand.post(f"{run}/apply", good_rows="true").headers["location"] == run
    hand.wait(run, "新增 1 个，更新 0 个，没有动 1 行")
    assert len(hand.found()) == 1
    (sheet,) = spreadsheets.read(hand.browser.get(f"{run}/report.xlsx").content)
    assert [row.cells[1] for row in sheet.rows] == ["结果", "已新增", "有问题，没有导入"]


def test_the_same_steps_are_there_for_a_program(hand: Hand) -> None:
    hand.browser.cookies.clear()
    path = f"/api/catalogue/imports/{new_id()}"
    for _ in range(2):
        run = hand.browser.post(path, content=file(GOOD), headers=hand.program | BINARY).json()
    assert (run["state"], run["columns"]) == ("columns", ["approval", "name_zh", "strength"])
    chosen = {"run": run["id"], "columns": run["columns"], "source": "药店"}
    assert hand.browser.post("/api/catalogue/imports/columns", json=chosen, headers=hand.program).status_code == 200
    until(lambda: hand.browser.get(path, headers=hand.program).text, '"state":"preview"')
    (row,) = hand.browser.get(f"{path}/rows?show=new", headers=hand.program).json()
    assert (row["number"], row["name"]) == (2, GOOD[1])
    assert (
        hand.browser.post("/api/catalogue/imports/apply", json={"run": run["id"]}, headers=hand.program).status_code
        == 200
    )
    until(lambda: hand.browser.get(path, headers=hand.program).text, '"state":"done"')
    assert len(hand.found()) == 1


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 422, "表格是空的"),
        (b"<html></html>", 422, "这不是能读的表格"),
        (b"x" * (spreadsheets.MOST_BYTES + 100_000), 413, "文件太大"),
    ],
)
def test_a_file_that_cannot_be_read_is_answered_with_what_to_do(
    hand: Hand, data: bytes, status: int, words: str
) -> None:
    answer = hand.upload(data)
    assert answer.status_code == status
    assert words in answer.text
    assert 'type="file"' in answer.text


def test_an_upload_without_the_sign_ins_own_token_is_refused(hand: Hand) -> None:
    assert hand.upload(file(GOOD), csrf_token="made-up").status_code == 403


def test_an_upload_without_a_key_is_refused(hand: Hand) -> None:
    form = {"csrf_token": hand.token, "key": "none"}
    answer = hand.browser.post("/catalogue/import", data=form, files={"file": ("a.xlsx", file(GOOD))})
    assert answer.status_code == 400


def test_a_file_for_a_program_comes_as_bytes_and_nothing_else(hand: Hand) -> None:
    headers = hand.program | {"content-type": "application/json"}
    hand.browser.cookies.clear()
    assert hand.browser.post(f"/api/catalogue/imports/{new_id()}", content=b"{}", headers=headers).status_code == 415


def test_an_import_that_is_not_there_is_not_found(hand: Hand) -> None:
    path = f"/catalogue/import/{new_id()}"
    assert hand.browser.get(path).status_code == 404
    for step in ("columns", "again", "apply", "go-on", "drop"):
        assert hand.post(f"{path}/{step}", source="x").status_code == 404


def test_columns_wrongly_chosen_show_the_form_again(hand: Hand) -> None:
    run = hand.upload(file(GOOD)).headers["location"]
    answer = hand.post(f"{run}/columns", column_0="name_zh", column_1="name_zh", kind="medicine", source="药店")
    assert answer.status_code == 422
    assert "请核对各列" in answer.text


def test_the_start_page_leads_back_to_earlier_imports(hand: Hand) -> None:
    run = hand.upload(file(GOOD)).headers["location"]
    assert run in hand.browser.get("/catalogue/import").text
    hand.post(f"{run}/drop")
    assert run not in hand.browser.get("/catalogue/import").text
    assert "这次导入已放弃" in hand.browser.get(run).text
