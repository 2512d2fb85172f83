"""On a shared phone the second person scans the own badge and enters the own PIN: then it is their decision."""

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
from sqlalchemy import select, update

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from app.base.models import Account, AuditNote
from app.base.permissions import SYSTEM
from inventory import ledger
from inventory.models import ReleaseDecision
from labels import registry
from tests.app.client import client
from tests.inventory import world as worlds
from tests.inventory.test_counter import Person
from tests.inventory.world import MASKS, PARACETAMOL, World

PIN = "7391"


@pytest.fixture
def world(sqlite_db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(sqlite_db, clock, tmp_path / "keys")


@pytest.fixture
def at(world: World, sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    with client(sqlite_db, clock, tmp_path) as made:
        yield made


def badge(world: World, name: str) -> str:
    """Somebody's badge, whose PIN is set."""
    account = world.people[name].account
    stored = accounts.hash_secret(world.people[name].role, PIN if name != "medic" else f"{PIN} 夜里的雨一直下")

    def make(session: Any) -> str:
        session.execute(update(Account).where(Account.id == account).values(secret=stored))
        return registry.fresh(session, "badge", account, SYSTEM, world.now)

    return world.db.write_now(make)


def decide(phone: Person, pack: UUID, code: str, pin: str = PIN, do: str = "release") -> httpx.Response:
    return phone.post("/release/decide", key=new_id(), packs=pack, do=do, beside="yes", badge=code, secret=pin)


def decided(world: World, pack: UUID) -> list[tuple[str, UUID]]:
    query = select(ReleaseDecision.outcome, ReleaseDecision.by).where(ReleaseDecision.pack == pack)
    return [(row.outcome, row.by) for row in world.db.read_now(lambda session: session.execute(query).all())]


def test_the_pack_is_shown_and_the_second_person_releases_it_on_the_first_one_s_phone(
    at: TestClient[Litestar], world: World
) -> None:
    pack, phone = world.pack(MASKS), Person(at, world, "volunteer")
    shown = phone.post("/release/second", packs=pack).text
    assert "医用外科口罩" in shown
    assert 'name="badge"' in shown
    assert "放行了 1 件" in decide(phone, pack, badge(world, "second")).text
    assert decided(world, pack) == [("released", world.people["second"].account)]
    note = world.db.read_now(
        lambda session: session.execute(select(AuditNote).where(AuditNote.verb == "pack.released")).scalar_one()
    )
    assert note.actor == world.people["second"].account
    assert note.detail == {"phone": str(world.people["volunteer"].account)}


def test_a_medic_releases_a_batch_of_medicine_at_a_volunteer_s_phone(at: TestClient[Litestar], world: World) -> None:
    packs, phone = [world.pack(PARACETAMOL) for _ in range(3)], Person(at, world, "volunteer")
    answer = phone.post(
        "/release/decide", key=new_id(), packs=",".join(map(str, packs)), do="release", beside="yes",
        badge=badge(world, "medic"), secret=f"{PIN} 夜里的雨一直下",
    )  # fmt: skip
    assert "放行了 3 件" in answer.text
    assert {by for pack in packs for _, by in decided(world, pack)} == {world.people["medic"].account}
    assert 'action="/release/undo"' in answer.text


def test_the_second_person_undoes_the_own_release_at_the_same_phone(at: TestClient[Litestar], world: World) -> None:
    pack, phone, code = world.pack(MASKS), Person(at, world, "volunteer"), badge(world, "second")
    batch = str(re.findall(r'name="batch" value="([^"]+)"', decide(phone, pack, code).text)[0])
    asked = {"batch": batch, "beside": "yes"}

    def undo(**given: str) -> httpx.Response:
        return phone.post("/release/undo", key=new_id(), **asked, **given)

    assert undo().status_code == 400, "the phone's owner has not released it"
    wrong = undo(badge=code, secret="0000")
    assert wrong.status_code == 401
    assert batch in wrong.text, "the form is there again"
    assert undo(badge=badge(world, "medic"), secret=f"{PIN} 夜里的雨一直下").status_code == 409
    assert [outcome for outcome, _ in decided(world, pack)] == ["released"]
    assert "回" in undo(badge=code, secret=PIN).text
    second = world.people["second"].account
    assert sorted(decided(world, pack)) == sorted([("released", second), ("unreleased", second)])


def test_a_wrong_pin_changes_nothing_and_is_throttled(at: TestClient[Litestar], world: World) -> None:
    pack, phone, code = world.pack(MASKS), Person(at, world, "volunteer"), badge(world, "second")
    answers = [decide(phone, pack, code, pin="0000") for _ in range(accounts.TRIES + 1)]
    assert answers[0].status_code == 401
    assert "PIN 和工牌对不上" in answers[0].text
    assert "0000" not in answers[0].text
    assert answers[-1].status_code == 429
    assert decide(phone, pack, code).status_code == 429, "the right one too, while it is throttled"
    assert decided(world, pack) == []


def test_the_own_badge_is_no_second_person(at: TestClient[Litestar], world: World) -> None:
    pack, phone = world.pack(MASKS), Person(at, world, "volunteer")
    own = decide(phone, pack, badge(world, "volunteer"))
    assert own.status_code == 403
    assert "手机主人自己的工牌" in own.text
    assert decided(world, pack) == []


def test_whoever_received_it_cannot_decide_at_a_mate_s_phone(at: TestClient[Litestar], world: World) -> None:
    pack, phone = world.pack(MASKS), Person(at, world, "second")
    answer = decide(phone, pack, badge(world, "volunteer"))
    assert "有 1 件没有办成" in answer.text
    assert "收的人不能自己放行" in answer.text
    assert decided(world, pack) == []


def test_a_volunteer_of_another_station_and_a_member_release_nothing_here(
    at: TestClient[Litestar], world: World
) -> None:
    pack, phone = world.pack(MASKS), Person(at, world, "volunteer")
    assert "有 1 件没有办成" in decide(phone, pack, badge(world, "elsewhere")).text
    assert decide(phone, pack, badge(world, "member")).status_code == 403
    assert decided(world, pack) == []


@pytest.mark.parametrize("given", [{"badge": "", "secret": PIN}, {"badge": "x", "secret": ""}, {}])
def test_nobody_s_badge_is_nobody_s_decision(at: TestClient[Litestar], world: World, given: dict[str, str]) -> None:
    pack, phone = world.pack(MASKS, by="second"), Person(at, world, "volunteer")
    answer = phone.post("/release/decide", key=new_id(), packs=pack, do="release", beside="yes", **given)
    assert answer.status_code == 400
    assert decided(world, pack) == []


def test_sent_twice_it_is_one_release(at: TestClient[Litestar], world: World) -> None:
    pack, phone, code = world.pack(MASKS), Person(at, world, "volunteer"), badge(world, "second")
    fields = {"key": new_id(), "packs": pack, "do": "release", "beside": "yes", "badge": code, "secret": PIN}
    for _ in range(2):
        assert "放行了 1 件" in phone.post("/release/decide", **fields).text
    assert world.db.read_now(ledger.count) == 2


def test_the_sentence_comes_off_the_printer_only_for_what_was_released(
    at: TestClient[Litestar], world: World, hands: Any
) -> None:
    packs, second = [world.pack(MASKS) for _ in range(2)], Person(at, world, "second")
    assert "今天还没有放行的" in second.get("/release").text
    answer = second.post("/release/decide", key=new_id(), packs=str(packs[0]), do="release").text
    assert 'name="what" value="supply_mark"><input type="hidden" name="count" value="1"' in answer
    assert 'name="what" value="mark"' not in answer
    hands.at += timedelta(days=1)
    assert "今天还没有放行的" in Person(at, world, "second").get("/release").text
