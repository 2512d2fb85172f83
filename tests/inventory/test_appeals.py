"""An appeal tells strangers what is wanted, what is never taken and where to bring it; each version is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, Invalid, KeyReused, NotFound
from app.base.ids import new_id
from inventory.appealing import appeals
from inventory.appealing.appeals import BringTo, NewAppeal, Published, Told, WantedLine, WithdrawAppeal
from inventory.errors import NotWanted, UnknownItem
from tests.app.client import client
from tests.inventory import world as worlds
from tests.inventory.test_counter import Person
from tests.inventory.world import AMOXICILLIN, MASKS, PARACETAMOL, THERMOMETER, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


@pytest.fixture
def served(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[tuple[TestClient[Litestar], World]]:
    made = worlds.build(sqlite_db, clock, tmp_path / "keys")
    with client(sqlite_db, clock, tmp_path) as at:
        yield at, made


def appeal(world: World, **more: Any) -> NewAppeal:
    told: dict[str, Any] = {
        "key": new_id(),
        "title_zh": "家有余药，邻里共享",
        "title_en": "Share your spare medicine",
        "text_zh": "退烧药不够用。\n<b>请</b>送来。",
        "until": world.today + timedelta(days=14),
        "wanted": (WantedLine(item=world.items[PARACETAMOL], roughly=50), WantedLine(item=world.items[MASKS])),
        "unwanted": (world.items[THERMOMETER],),
        "bring_to": (BringTo(station=world.station, address="和平路 12 号", hours="8:30–18:00"),),
    }
    return NewAppeal(**told | more)


def publish(world: World, by: str = "office", **more: Any) -> Published:
    return world.db.write_now(appeals.publish, appeal(world, **more), world.people[by], world.today, world.now)


def current(world: World) -> tuple[Told, ...]:
    return world.db.read_now(appeals.current, world.today)


def test_what_is_wanted_stands_in_groups_and_with_the_station(world: World) -> None:
    publish(world)
    (told,) = current(world)
    assert [(one.name_zh, one.roughly) for one in told.medicines] == [("对乙酰氨基酚片", 50)]
    assert [one.name_zh for one in told.supplies] == ["医用外科口罩"]
    assert [one.item for one in told.unwanted] == [world.items[THERMOMETER]]
    assert [(one.name, one.address) for one in told.places] == [("胜华一站", "和平路 12 号")]


def test_a_new_version_takes_the_place_of_the_last_and_both_are_kept(world: World) -> None:
    first = publish(world)
    second = publish(world, title_zh="第二版")
    assert [one.title_zh for one in current(world)] == ["第二版"]
    versions = world.db.read_now(appeals.versions, world.people["office"], world.today)
    assert [(one.id, one.speaks) for one in versions] == [(second.appeal, True), (first.appeal, False)]


def test_one_tap_withdraws_it_and_the_versions_stay(world: World) -> None:
    published = publish(world)
    order = WithdrawAppeal(key=new_id(), appeal=published.appeal)
    for _ in range(2):
        world.db.write_now(appeals.withdraw, order, world.people["office"], world.now)
    assert current(world) == ()
    assert len(world.db.read_now(appeals.versions, world.people["office"], world.today)) == 2
    again = WithdrawAppeal(key=new_id(), appeal=published.appeal)
    with pytest.raises(NotFound):
        world.db.write_now(appeals.withdraw, again, world.people["office"], world.now)


def test_it_falls_silent_after_its_last_day(world: World, hands: Any) -> None:
    publish(world, until=world.today + timedelta(days=1))
    hands.at += timedelta(days=1)
    assert len(current(world)) == 1
    hands.at += timedelta(days=1)
    assert current(world) == ()


def test_a_coordinator_speaks_for_the_own_community_only_and_the_office_for_all(world: World) -> None:
    publish(world, "coordinator", community=world.community, title_zh="胜华的")
    publish(world, "office", title_zh="街道的")
    assert [one.title_zh for one in current(world)] == ["街道的", "胜华的"]
    with pytest.raises(Forbidden):
        publish(world, "coordinator")
    with pytest.raises(NotFound):
        publish(world, "coordinator", community=new_id())
    with pytest.raises(Forbidden):
        publish(world, "volunteer", community=world.community)


def test_the_public_is_never_asked_for_what_the_counter_turns_away(world: World) -> None:
    with pytest.raises(NotWanted) as no:
        publish(world, wanted=(WantedLine(item=world.items[AMOXICILLIN]),))
    assert no.value.reasons[0].code.startswith("IN08")
    with pytest.raises(UnknownItem):
        publish(world, wanted=(WantedLine(item=new_id()),))
    assert world.items[AMOXICILLIN] not in {
        one.item for one in world.db.read_now(appeals.offers, world.people["office"], world.today)
    }


@pytest.mark.parametrize("days", [-1, 367])
def test_its_last_day_is_ahead_and_within_a_year(world: World, days: int) -> None:
    with pytest.raises(Invalid):
        publish(world, until=world.today + timedelta(days=days))


def test_an_item_is_not_wanted_and_unwanted_at_once(world: World) -> None:
    with pytest.raises(Invalid):
        publish(world, unwanted=(world.items[MASKS],))


def test_sent_twice_it_is_one_version(world: World) -> None:
    new, office = appeal(world), world.people["office"]
    args = (office, world.today, world.now)
    assert world.db.write_now(appeals.publish, new, *args) == world.db.write_now(appeals.publish, new, *args)
    with pytest.raises(KeyReused):
        world.db.write_now(appeals.publish, appeal(world, key=new.key, title_zh="别的"), *args)
    assert len(world.db.read_now(appeals.versions, office, world.today)) == 1


# ---------------------------------------------------------------- pages


def form(world: World, **more: Any) -> dict[str, Any]:
    mask, station = world.items[MASKS], world.station
    return {
        "key": new_id(), "title_zh": "家有余药", "title_en": "Share", "text_zh": "<b>请</b>送来",
        "until": world.today + timedelta(days=14), "wanted": [str(mask)], f"roughly-{mask}": "30",
        "station": [str(station)], f"address-{station}": "和平路 12 号", **more,
    }  # fmt: skip


def test_strangers_read_it_without_signing_in(served: tuple[TestClient[Litestar], World]) -> None:
    at, world = served
    assert "现在没有特别缺的" in at.get("/give").text
    office = Person(at, world, "office")
    assert office.post("/appeals", **form(world)).status_code == 303
    told = at.get("/give").text
    for words in ("家有余药", "医用外科口罩", "大约要 30", "胜华一站", "和平路 12 号", "处方药", "要冷藏的", "针剂"):
        assert words in told, words
    assert "<b>请" not in told
    assert "&lt;b&gt;请" in told
    assert "Share" in at.get("/give", headers={"accept-language": "en"}).text
    assert at.get("/GIVE").headers["location"] == "/give"
    poster = at.get("/give/poster").text
    assert "<svg" in poster
    assert "127.0.0.1:8000/give" in poster
    assert at.get("/api/appeals").json()[0]["title_en"] == "Share"


@pytest.mark.parametrize(
    "wrong",
    [
        {"title_zh": ""}, {"title_zh": "长" * 121}, {"until": "2026-02-30"}, {"until": "2020-01-01"}, {"wanted": []},
        {"wanted": ["x"]}, {"station": []}, {"text_zh": "字\u202e反"},
    ],
)  # fmt: skip
def test_a_form_that_is_refused_comes_back_with_what_was_typed(
    served: tuple[TestClient[Litestar], World], wrong: dict[str, Any]
) -> None:
    at, world = served
    answer = Person(at, world, "office").post("/appeals", **{**form(world), **wrong})
    assert answer.status_code == 400
    assert 'value="Share"' in answer.text
    assert at.get("/api/appeals").json() == []


@pytest.mark.parametrize("count", ["0", "-1", "0.5", "1000000000", "五"])
def test_how_many_is_a_whole_number_of_some(served: tuple[TestClient[Litestar], World], count: str) -> None:
    at, world = served
    mask: UUID = world.items[MASKS]
    answer = Person(at, world, "office").post("/appeals", **form(world, **{f"roughly-{mask}": count}))
    assert answer.status_code == 400
    assert at.get("/api/appeals").json() == []


def test_a_volunteer_writes_no_appeal(served: tuple[TestClient[Litestar], World]) -> None:
    at, world = served
    volunteer = Person(at, world, "volunteer")
    assert volunteer.get("/appeals").status_code == 403
    assert volunteer.post("/appeals", **form(world)).status_code == 403
