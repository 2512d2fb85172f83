"""The page of policies: every threshold by a label, a unit and names, in both languages; who signed, and since when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app import rulebook
from app.base import policy
from app.base.clock import Clock
from app.base.db import Database
from app.base.i18n import LANGUAGES
from app.base.permissions import SYSTEM, Role
from app.main import messages
from distribution.matching import MatchingPolicy
from distribution.safety import ALL_RULES, DispensingPolicy
from distribution.urgency import UrgencyPolicy
from inventory.cataloguing import catalogue
from inventory.receiving.intake_facts import Emergency
from inventory.receiving.screening import LAW, IntakePolicy
from inventory.stock.levels import LevelPolicy
from tests.app.client import account, bearer, client

TODAY = date(2026, 3, 2)
EASED = Emergency(from_day=TODAY, until_day=TODAY + timedelta(days=14), signed_by="M-007")
FULL: dict[str, msgspec.Struct] = {
    "intake": IntakePolicy(version="2026", rules=LAW, emergency=EASED, usual_course_days=1),
    "levels": LevelPolicy(version="2026", low=3, low_by_item={"sup-003": 20}, enough_by_item={"sup-003": 90}),
    "dispensing": DispensingPolicy(version="2026", rules=ALL_RULES, supply_quota={"sup-003": 10}),
    "matching": MatchingPolicy(version="2026", household_caps={"med-001": 1}),
    "urgency": UrgencyPolicy(version="2026", holidays=frozenset({TODAY}), workdays=frozenset({TODAY})),
}
# What a reader may meet in either language: ids of rules, units of mass, staff numbers and the time zone.
LATIN = re.compile(r"(IN\d\d|DS\d\d|M-007|G6PD|UTC)")
WORDS = messages()


@pytest.fixture
def at(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    with client(sqlite_db, clock, tmp_path) as made:
        yield made


@pytest.fixture
def signer(at: TestClient[Litestar], sqlite_db: Database, clock: Clock, tmp_path: Path) -> tuple[UUID, str]:
    """The medic who signed the five policies: (account, staff number)."""
    made, handle = account(sqlite_db, clock, tmp_path, Role.MEDIC)
    sqlite_db.write_now(catalogue.load_starter, SYSTEM, clock.now())
    for name, body in FULL.items():
        sqlite_db.write_now(policy.enact, name, body, clock.today(), clock.now(), signed_by=made)
    return made, handle


def page(at: TestClient[Litestar], db: Database, clock: Clock, who: UUID, language: str) -> str:
    """The page's own part, as text."""
    at.cookies.set("lang", language)
    html = at.get("/policy", headers=bearer(db, clock, who)).text
    main = re.search(r"<main.*?</main>", html, re.DOTALL)
    assert main is not None
    return re.sub(r"<[^>]+>", " ", main[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_of_every_policy_has_a_label(language: str) -> None:
    for name, body in FULL.items():
        assert f"policy.name.{name}" in WORDS.texts[language]
        for field in body.__struct_fields__:
            assert f"policy.field.{field}" in WORDS.texts[language], f"{name}.{field}"


def figures(body: Any) -> Iterator[tuple[str, int]]:
    """The whole numbers of a policy, by field, those in tables included."""
    for field in body.__struct_fields__:
        value = getattr(body, field)
        inside = value.values() if isinstance(value, dict) else (value,)
        yield from ((field, one) for one in inside if isinstance(one, int) and not isinstance(one, bool))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_threshold_has_a_unit(language: str) -> None:
    for body in FULL.values():
        for field, _ in figures(body):
            if field != "utc_offset_minutes":
                for key in (f"policy.unit.{rulebook.unit_of(field)}.{form}" for form in ("one", "many")):
                    assert key in WORDS.texts[language], field


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_and_every_class_that_a_policy_names_has_its_words(language: str) -> None:
    texts = WORDS.texts[language]
    assert [rule for rules in rulebook.RULES.values() for rule in rules if f"policy.rule.{rule}" not in texts] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_no_slug_and_no_raw_value(
    at: TestClient[Litestar], sqlite_db: Database, clock: Clock, signer: tuple[UUID, str], language: str
) -> None:
    text = page(at, sqlite_db, clock, signer[0], language).replace(signer[1], "")
    assert re.findall(r"\b(?:True|False|None|policy\.\w+|[a-z0-9]+_[a-z_]+|(?:med|sup)-\d+)\b", text) == []
    if language == "zh":
        assert re.findall(r"[A-Za-z]{2,}", LATIN.sub("", text)) == []
    else:
        assert re.findall(r"[\u4e00-\u9fff]+", text) == []


def test_the_page_says_thresholds_with_their_units(
    at: TestClient[Litestar], sqlite_db: Database, clock: Clock, signer: tuple[UUID, str]
) -> None:
    chinese, english = (" ".join(page(at, sqlite_db, clock, signer[0], one).split()) for one in LANGUAGES)
    for said in (
        "180 天",
        "30 毫克",
        "14 岁",
        "UTC+8:00",
        "IN05 有效期还够不够长（未启用）",
        "50%、80%",
        "紧急 · 小分队：15 分钟",
    ):
        assert said in chinese
    for said in ("180 days", "1 day ", "14 years", "emergency · team: 15 minutes", "switched off"):
        assert said in english


def test_the_page_says_version_first_day_and_who_signed(
    at: TestClient[Litestar], sqlite_db: Database, clock: Clock, signer: tuple[UUID, str]
) -> None:
    newer = LevelPolicy(version="2027", low=5)
    sqlite_db.write_now(policy.enact, "levels", newer, clock.today(), clock.now())
    text = " ".join(page(at, sqlite_db, clock, signer[0], "zh").split())
    assert f"第 1 版，自 {clock.today()} 起有效 · 签字：{signer[1]}" in text
    assert f"第 2 版，自 {clock.today()} 起有效 · 没有人签字" in text
    assert "5 件" in text
