"""Whoever types a name in part, in pinyin, by its initials or with a slip of the finger finds the item."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import Database, PostgresDatabase
from inventory.cataloguing import catalogue, catalogue_rows
from inventory.cataloguing.catalogue_rows import ItemRow
from inventory.cataloguing.item_names import sounds
from tests.inventory import world as worlds
from tests.inventory.test_catalogue_rows import CEFIXIME, edit, found, put
from tests.inventory.world import IBUPROFEN, MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("blfhsjn", IBUPROFEN),
        ("blf", IBUPROFEN),
        ("BLF", IBUPROFEN),
        ("buluofen", IBUPROFEN),
        ("bu luo fen", IBUPROFEN),
        ("buluof", IBUPROFEN),
        ("bulf", IBUPROFEN),
        ("wkkz", MASKS),
        ("waikekouzhao", MASKS),
        ("prtst", PARACETAMOL),
        ("surgical mask", MASKS),
    ],
)
def test_pinyin_and_its_initials_find_an_item(world: World, text: str, code: str) -> None:
    if text == "prtst":
        edit(world, PARACETAMOL, aliases=("扑热退烧糖",))
    assert code in found(world, text)


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("长效片", ("cxp", "zxp", "changxiaopian", "zhangxiaopian")),
        ("调经丸", ("djw", "tjw", "tiaojingwan", "diaojingwan")),
        ("重感灵", ("cgl", "zgl", "chongganling", "zhongganling")),
        ("参苓散", ("cls", "sls", "shenlingsan", "canlingsan")),
        ("绿药膏", ("lyg", "lvyaogao", "luyaogao")),
        ("维C银翘", ("wcyq", "weicyinqiao")),
    ],
)
def test_every_reading_of_a_polyphone_finds_the_name(world: World, name: str, ways: tuple[str, ...]) -> None:
    (made,) = put(world, ItemRow(facts=replace(CEFIXIME, name_zh=name)))
    assert [way for way in ways if made.code not in found(world, way)] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("布罗芬缓释胶囊", IBUPROFEN),
        ("布芬缓释胶囊", IBUPROFEN),
        ("洛布芬缓释胶囊", IBUPROFEN),
        ("布洛芬芬缓释胶囊", IBUPROFEN),
        ("对乙先氨基酚", PARACETAMOL),
        ("对乙氨酰基酚", PARACETAMOL),
        ("对乙氨基酚片", PARACETAMOL),
        ("paracetmol", PARACETAMOL),
        ("paracetomol", PARACETAMOL),
        ("pracaetamol", PARACETAMOL),
        ("ibuprofn", IBUPROFEN),
        ("buluofn", IBUPROFEN),
        ("外科口照", MASKS),
    ],
)
def test_one_wrong_missing_or_swapped_sign_still_finds_it(world: World, text: str, code: str) -> None:
    assert code in found(world, text)


def test_a_name_that_nothing_resembles_finds_nothing(world: World) -> None:
    for text in ("珍珠翡翠白玉汤", "zzzzzzzz", "xq", "∞", "🌡🌡🌡", "片" * 60, "a" * 60, "'", " "):
        assert found(world, text) == [], text


def test_the_whole_name_comes_first_then_what_begins_with_it(world: World) -> None:
    for name in ("口罩", "口罩（儿童）", "儿童口罩"):
        put(world, ItemRow(facts=replace(CEFIXIME, name_zh=name)))
    names = [item.name_zh for item in world.db.read_now(catalogue.find, "口罩")]
    assert names[:2] == ["口罩", "口罩（儿童）"]


def test_what_is_wanted_comes_before_what_is_not(world: World) -> None:
    edit(world, IBUPROFEN, wanted=False, aliases=("退烧王",))
    edit(world, PARACETAMOL, aliases=("退烧王",))
    assert found(world, "退烧王") == [PARACETAMOL, IBUPROFEN]


def test_a_changed_name_is_found_at_once_and_the_old_one_no_more(world: World) -> None:
    assert found(world, "外科口罩")[0] == MASKS
    edit(world, MASKS, name_zh="挂耳护具", aliases=(), name_en="ear loops")
    assert MASKS not in found(world, "外科口罩")
    assert found(world, "gehj") == found(world, "挂耳护具") == [MASKS]


def test_what_another_process_wrote_is_found(postgres: Callable[[], str], clock: Clock, tmp_path: Path) -> None:
    url = postgres()
    here, there = PostgresDatabase(url, pool_size=2), PostgresDatabase(url, pool_size=2)
    try:
        world = worlds.build(here, clock, tmp_path / "keys")
        assert [item.code for item in there.read_now(catalogue.find, "挂耳护具")] == []
        edit(world, MASKS, aliases=("挂耳护具",))
        assert [item.code for item in there.read_now(catalogue.find, "挂耳护具")] == [MASKS]
    finally:
        here.close()
        there.close()


def test_what_was_rolled_back_is_not_found(world: World) -> None:
    def fails(session: Session) -> None:
        row = ItemRow(facts=replace(CEFIXIME, name_zh="没有的药"))
        catalogue_rows.put_items(session, [row], world.people["office"], world.now)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        world.db.write_now(fails)
    assert found(world, "没有的药") == []
    put(world, ItemRow(facts=replace(CEFIXIME, name_zh="另一种药")))
    assert found(world, "另一种药") == ["med-10001"]


def test_every_reading_stands_in_the_slot_of_its_character_the_commonest_first() -> None:
    assert sounds("med-001\n长效c片") == "zhang/chang xiao c pian/pan"
