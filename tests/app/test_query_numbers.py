"""Whole numbers in a query are plain digits, in every operation and on every page that takes one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import Role
from app.base.settings import Settings
from app.main import document
from tests.app.client import client, signed_in

NO_DIGITS = ("1e3", "5.0", "1_000", "+5", " 5", "5 ", "0x10", "true", "５", "five", "1" * 25)
PAGES = (("/residents", "serial"), ("/residents", "after"), ("/needs/new", "serial"), ("/needs/new", "after"))


def numbers() -> list[tuple[str, str, str]]:
    """(operation, path, parameter) of each whole number that the document lets a query carry."""
    found = []
    for path, methods in document(Settings())["paths"].items():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                schemas = parameter["schema"].get("oneOf", [parameter["schema"]])
                if parameter["in"] == "query" and any(one.get("type") == "integer" for one in schemas):
                    found.append((operation["operationId"], path, parameter["name"]))
    return found


NUMBERS = numbers()


@pytest.fixture
def at(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    with client(sqlite_db, clock, tmp_path) as made:
        made.headers.update(signed_in(sqlite_db, clock, tmp_path, Role.OFFICE))
        yield made


def test_the_document_names_the_numbers_of_queries() -> None:
    assert {"limit", "serial", "after", "wanted", "days"} == {name for _, _, name in NUMBERS}
    assert len(NUMBERS) >= 10


@pytest.mark.parametrize(("path", "name"), [(path, name) for _, path, name in NUMBERS], ids=lambda one: one)
def test_an_operation_takes_nothing_but_digits(at: TestClient[Litestar], path: str, name: str) -> None:
    address = re.sub(r"\{\w+\}", str(uuid4()), path)
    for text in NO_DIGITS:
        answer = at.get(f"{address}?{name}={quote(text)}")
        assert answer.status_code == 400, text
        assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [(name, "whole_number")], text


def test_digits_beyond_the_range_are_told_as_such(at: TestClient[Litestar]) -> None:
    for text, code in (("0", "at_least"), ("-1", "at_least"), ("201", "at_most"), ("9223372036854775808", "at_most")):
        (fault,) = at.get(f"/api/items?limit={text}").json()["errors"]
        assert (fault["field"], fault["code"]) == ("limit", code)
    assert at.get("/api/items?limit=2").status_code == 200


@pytest.mark.parametrize(("path", "name"), PAGES)
def test_a_page_takes_nothing_but_digits(at: TestClient[Litestar], path: str, name: str) -> None:
    for text in NO_DIGITS:
        answer = at.get(f"{path}?{name}={quote(text)}")
        assert answer.status_code == 400, text
        assert "请填整数" in answer.text
    assert at.get(f"{path}?{name}=5").status_code == 200
