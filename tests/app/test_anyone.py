"""Whoever scans a label without sign-in: do not take what is recalled, void or unknown, and guessing gets nowhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import StoreUnavailable
from app.base.models import AuditNote
from app.base.permissions import SYSTEM, Role
from distribution.models import LineState, ParcelLine
from inventory.models import Lot, Pack
from labels import codes, guessing, registry
from tests.app.client import account, browser_of, client
from tests.distribution.door_world import MASK, PARACETAMOL, Door

Browser = TestClient[Litestar]
GUESSES = 1_000


@pytest.fixture
def door(sqlite_db: Database, tmp_path: Path) -> Door:
    return Door(sqlite_db, tmp_path / "keys")


@pytest.fixture
def browser(door: Door, tmp_path: Path) -> Iterator[Browser]:
    clock = Clock("Asia/Shanghai", lambda: door.now)
    with client(door.db, clock, tmp_path, phone="0546 123 4567") as made:
        yield made


@pytest.fixture
def sits_down(door: Door, browser: Browser, tmp_path: Path) -> Callable[[Role], Browser]:
    """Signs somebody of a role in, on the same address as everybody."""
    clock = Clock("Asia/Shanghai", lambda: door.now)

    def come(role: Role) -> Browser:
        made, _ = account(door.db, clock, tmp_path, role)
        browser_of(browser, door.db, clock, made)
        return browser

    return come


def recall(door: Door, pack: Any) -> None:
    def stop(session: Session) -> None:
        lot = select(Pack.lot).where(Pack.id == pack).scalar_subquery()
        session.execute(update(Lot).where(Lot.id == lot).values(recalled_on=door.today))

    door.db.write_now(stop)


def main(page: str) -> str:
    return page[page.index("<main") : page.index("</main>")]


# ---------------------------------------------------------------- recalled


def test_recalled_void_and_unknown_look_alike_and_say_do_not_take(door: Door, browser: Browser) -> None:
    (pack, recalled), (_, void) = door.shelve(PARACETAMOL), door.shelve(MASK)
    assert browser.get(f"/L/{recalled}").status_code == 200
    recall(door, pack)
    door.db.write_now(registry.void, void, "lost", SYSTEM, door.now)
    answers = [browser.get(f"/L/{code}") for code in (recalled, void, codes.new_code())]
    assert {answer.status_code for answer in answers} == {404}
    assert len({main(answer.text) for answer in answers}) == 1
    assert len({frozenset(set(answer.headers) - {"date"}) for answer in answers}) == 1
    assert "请勿服用" in answers[0].text
    assert "召回" not in answers[0].text


def test_a_recalled_pack_says_so_in_english_too(door: Door, browser: Browser) -> None:
    pack, code = door.shelve(PARACETAMOL)
    recall(door, pack)
    assert "Do not take" in browser.get(f"/L/{code}", headers={"accept-language": "en"}).text


def test_a_bag_with_something_recalled_in_it_is_not_to_be_taken_until_it_was_taken_out(
    door: Door, browser: Browser
) -> None:
    made = door.packed(PARACETAMOL, MASK)
    bag = door.label(made.parcel)
    assert browser.get(f"/L/{bag}").status_code == 200
    recall(door, made.packs[0])
    assert browser.get(f"/L/{bag}").status_code == 404
    assert browser.get(f"/L/{made.codes[1]}").status_code == 200

    def drop(session: Session) -> None:
        session.execute(update(ParcelLine).where(ParcelLine.pack == made.packs[0]).values(state=LineState.DROPPED))

    door.db.write_now(drop)
    assert browser.get(f"/L/{bag}").status_code == 200


def test_anyone_s_page_holds_no_drug_person_place_or_time(door: Door, browser: Browser) -> None:
    made = door.packed(PARACETAMOL)
    bag = door.label(made.parcel)
    for code in (bag, made.codes[0]):
        page = browser.get(f"/L/{code}").text
        for secret in (
            "对乙酰氨基酚",
            "欧阳",
            "测试路",
            "胜华",
            "2026",
            "2028",
            "A1",
            str(made.parcel),
            str(made.packs[0]),
        ):
            assert secret not in main(page), secret


# ---------------------------------------------------------------- guessing


def test_a_thousand_guesses_are_stopped_and_raise_one_alert_without_address_or_code(
    door: Door, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    guessed = [codes.new_code() for _ in range(GUESSES)]
    with caplog.at_level(logging.WARNING, "nuanxin"):
        answers = [browser.get(f"/L/{code}") for code in guessed]
    seen = [answer.status_code for answer in answers]
    assert seen == [404] * guessing.MOST + [429] * (GUESSES - guessing.MOST)
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "查得太多了" in answers[-1].text
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert not any(secret in told[0] for secret in ("testclient", *guessed))
    (note,) = door.column(AuditNote.detail, AuditNote.verb == "label.guessing")
    assert note == {"kind": "one-network", "count": guessing.MOST}


@pytest.mark.parametrize(
    ("role", "told"), [(Role.ADMINISTRATOR, True), (Role.OFFICE, True), (Role.VOLUNTEER, False), (Role.MEDIC, False)]
)
def test_administrators_and_the_office_find_the_alert_on_their_first_page(
    door: Door, sits_down: Callable[[Role], Browser], role: Role, told: bool
) -> None:
    def guess(session: Session) -> None:
        for _ in range(guessing.MOST):
            guessing.count(session, "203.0.113.7", door.now)

    home = sits_down(role)
    assert "有人可能在猜标签编码" not in home.get("/").text
    door.db.write_now(guess)
    page = home.get("/").text
    assert ("有人可能在猜标签编码" in page) is told
    assert ("11-23 10:00 起" in page) is told
    assert "203.0.113.7" not in page


def test_a_volunteer_on_the_guesser_s_network_scans_on(
    door: Door, browser: Browser, sits_down: Callable[[Role], Browser]
) -> None:
    pack, code = door.shelve(PARACETAMOL)
    for _ in range(guessing.MOST):
        browser.get(f"/L/{codes.new_code()}")
    assert browser.get(f"/L/{code}").status_code == 429
    volunteer = sits_down(Role.VOLUNTEER)
    opened = volunteer.get(f"/L/{code}")
    assert (opened.status_code, opened.headers["location"]) == (303, f"/packs/{pack}")
    assert volunteer.get(f"/L/{codes.new_code()}").status_code == 404


def test_do_not_take_is_said_even_where_nothing_can_be_written(
    door: Door, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise StoreUnavailable

    monkeypatch.setattr(guessing, "count", full)
    answer = browser.get(f"/L/{codes.new_code()}")
    assert answer.status_code == 404
    assert "请勿服用" in answer.text


def test_a_stranger_s_phone_is_not_told_which_codes_are_badges(door: Door, browser: Browser) -> None:
    badge = door.db.write_now(registry.fresh, "badge", uuid4(), SYSTEM, door.now)
    answers = [browser.post("/badge", data={"text": code}) for code in (badge, codes.new_code(), "x")]
    assert {answer.status_code for answer in answers} == {403}
    assert len({main(answer.text) for answer in answers}) == 1


# ---------------------------------------------------------------- behind a proxy


def test_behind_a_proxy_the_client_s_own_address_counts_and_only_the_proxy_is_believed(
    door: Door, tmp_path: Path
) -> None:
    clock = Clock("Asia/Shanghai", lambda: door.now)
    far = {"x-forwarded-for": "203.0.113.7"}
    with client(door.db, clock, tmp_path, proxy="testclient") as behind:
        for _ in range(guessing.MOST):
            behind.get(f"/L/{codes.new_code()}", headers=far)
        forged = {"x-forwarded-for": "198.51.100.1, 203.0.113.7"}
        assert behind.get(f"/L/{codes.new_code()}", headers=forged).status_code == 429
        assert behind.get(f"/L/{codes.new_code()}", headers={"x-forwarded-for": "203.0.113.8"}).status_code == 404
    with client(door.db, clock, tmp_path) as straight:
        assert straight.get(f"/L/{codes.new_code()}", headers=far).status_code == 404
