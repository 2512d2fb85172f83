"""How fast 20,000 items are searched: ``python -m tests.bench.catalogue_search``.

The 95th percentile of searches as they are typed: names in part, pinyin, initials, slips of the finger, both languages,
codes and numbers, through ``catalogue.find`` on an embedded store; the first search after start, which reads all names,
is told apart.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from app.base.db import Database, SqliteDatabase
from app.base.permissions import SYSTEM
from app.migrations.run import migrate
from inventory.cataloguing import catalogue, catalogue_rows
from inventory.cataloguing.catalogue_rows import ItemRow
from inventory.cataloguing.starter import StarterItem, starter_items

ITEMS, CHUNK, SEARCHES = 20_000, 200, 400
_FIRST = ("复方", "小儿", "盐酸", "长效", "重组人", "参苓", "硫酸", "注射用", "维生素", "枸橼酸")
_MIDDLE = (
    *("布洛芬", "对乙酰氨基酚", "阿莫西林", "氯雷他定", "蒙脱石", "氨溴索", "止咳", "银翘", "清热", "甘草"),
    *("西替利嗪", "奥美拉唑"),
    *("头孢克肟", "左氧氟沙星", "健胃", "消食", "板蓝根", "双黄连", "藿香正气", "咽炎", "调经", "风湿", "骨痛", "安神"),
)  # fmt: skip
_LAST = ("片", "胶囊", "颗粒", "口服液", "缓释片", "缓释胶囊", "混悬液", "滴剂", "软膏", "散", "丸", "糖浆")
_ENGLISH = ("ibuprofen", "paracetamol", "amoxicillin", "loratadine", "smectite", "ambroxol", "cetirizine", "omeprazole")


def search_20k(db: Database | None = None) -> float:
    """The p95 of a search among 20,000 items in milliseconds, printed as ``search_20k_p95_ms``.

    ``db``: a store that holds the catalogue already; without one a store of its own is made.
    """
    if db is not None:
        return _told(db)
    with tempfile.TemporaryDirectory() as folder:
        own = SqliteDatabase(Path(folder) / "search.sqlite3", synchronous="OFF")
        try:
            migrate(own.engine)
            fill(own)
            return _told(own)
        finally:
            own.close()


def fill(db: Database) -> None:
    """Write 20,000 items of made-up names into a migrated store."""
    now = datetime.now(UTC)
    db.write_now(catalogue.load_starter, SYSTEM, now)
    rows = list(_rows(random.Random(4)))
    for begin in range(0, len(rows), CHUNK):
        db.write_now(catalogue_rows.put_items, rows[begin : begin + CHUNK], SYSTEM, now)


def names(dice: random.Random) -> Iterator[tuple[str, str]]:
    """Made-up names of medicines, Chinese and English, without end."""
    while True:
        name = dice.choice(_FIRST) + dice.choice(_MIDDLE) + dice.choice(_MIDDLE) + dice.choice(_LAST)
        yield name, f"{dice.choice(_ENGLISH)} {dice.choice(_ENGLISH)}"


def _rows(dice: random.Random) -> Iterator[ItemRow]:
    pattern: StarterItem = starter_items()[0]
    for number, (name, english) in zip(range(ITEMS), names(dice), strict=False):
        yield ItemRow(
            facts=replace(
                pattern,
                code=catalogue_rows.NEW,
                name_zh=f"{name}{number % 97}",
                name_en=f"{english} tablets {number}",
                aliases=(name[:4],),
            ),
            approvals=(f"国药准字H{number:08}",),
        )


def asked(dice: random.Random) -> Iterator[str]:
    """What people type, every way as often as the others."""
    while True:
        drug = dice.choice(_MIDDLE)
        yield drug
        yield drug[:2]
        yield _slip(drug + dice.choice(_LAST), dice)
        yield dice.choice(("blf", "dyxaj", "amxl", "lltd", "zkkl", "cxbl", "zzrb", "tj", "a"))
        yield dice.choice(
            ("buluofen", "duiyixiananjifen", "amoxilin", "changxiao", "zhongzuren", "tiaojing", "jianwei")
        )
        yield dice.choice(_ENGLISH)[: dice.randint(3, 12)]
        yield _slip(dice.choice(_ENGLISH), dice)
        yield f"国药准字H{dice.randrange(ITEMS):08}"
        yield f"med-{10_000 + dice.randrange(ITEMS)}"
        yield dice.choice(("没有的药名", "qqqqqq", "zzzzzzzzzz", "hualala"))


def _slip(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) - 1)
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return dice.choice((text[:at] + text[at + 1 :], swapped, text[:at] + "x" + text[at + 1 :]))


def _told(db: Database) -> float:
    begin = time.perf_counter()
    db.read_now(catalogue.find, "布洛芬")
    first = (time.perf_counter() - begin) * 1000
    took, texts = [], asked(random.Random(8))
    for text, _ in zip(texts, range(SEARCHES), strict=False):
        begin = time.perf_counter()
        db.read_now(catalogue.find, text)
        took.append((time.perf_counter() - begin) * 1000)
    cuts = statistics.quantiles(took, n=100)
    p95 = round(cuts[94], 1)
    print(f"search among {ITEMS} items: p50 {cuts[49]:.1f} ms, p95 {p95} ms, worst {max(took):.1f} ms")
    print(f"the first search, which reads all names: {first:.0f} ms")
    print(json.dumps({"search_20k_p95_ms": p95}))
    return p95


if __name__ == "__main__":
    search_20k()
