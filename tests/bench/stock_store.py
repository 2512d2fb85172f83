"""Makes stores with a long history of stock in seconds: the real schema, filled in bulk, in which all books agree."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert

from app.base.db import sqlite_engine
from app.base.settings import Settings
from app.migrations.run import migrate
from inventory.models import Item

STATIONS, ITEMS, LIVE = 41, 500, 9_000
MEMBERS, PARCEL_LINES = 292, 5
TODAY = date(2026, 11, 23)
_START = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1_000_000) - 300 * 86_400_000_000
_ROOM = 100_000
_DONOR, _RESIDENTS = ((number).to_bytes(16, "big") for number in (1, 2))
_KINDS = ("hold", "quarantine", "shelf", "reserved")


@dataclass
class Books:
    """The rows of a store in the making, and the clock that numbers them in the order of time."""

    random: random.Random
    serial: int = 0
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    def id(self) -> bytes:
        """An identifier as UUIDv7 would give it: the later, the greater."""
        self.serial += 1
        head = (_START // 1000 + self.serial // 8).to_bytes(6, "big")
        return head + (0x7000 | self.serial % 4096).to_bytes(2, "big") + self.random.randbytes(8)

    def add(self, table: str, *row: Any) -> None:
        self.rows.setdefault(table, []).append(row)


@dataclass
class Goods:
    """What the packs stand on: stations with their places, items, members' hands."""

    stations: list[bytes]
    places: list[dict[str, bytes]]
    items: list[bytes]
    hands: list[bytes]


def fill(folder: Path, movements: int, *, live: int = LIVE) -> Settings:
    """A store of ``movements`` ledger lines of which ``live`` packs still stand somewhere, whatever its length.

    Nine in ten of the standing packs are on a shelf, one in ten waits; they lie evenly over the whole history. All
    others went the whole way to a resident. Returns the settings that serve it.
    """
    settings = Settings(data=folder / "data", keys=folder / "data-keys")
    settings.data.mkdir(parents=True)
    engine = sqlite_engine(settings.sqlite_file)
    migrate(engine)
    books = Books(random.Random(41))
    goods = _goods(books)
    with engine.begin() as connection:
        for number in range(ITEMS):
            goods.items.append(_item(books, connection, number))
    engine.dispose()
    raw = sqlite3.connect(settings.sqlite_file, isolation_level=None)
    try:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=OFF")
        raw.execute("BEGIN")
        _empty(raw, books)
        for journey in _journeys(movements, live):
            _journey(books, goods, *journey)
            if books.serial % _ROOM < PARCEL_LINES * 2:
                _empty(raw, books)
        _empty(raw, books)
        raw.execute("COMMIT")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()
    return settings


def _empty(raw: sqlite3.Connection, books: Books) -> None:
    """Write what was gathered so far."""
    for table, rows in books.rows.items():
        marks = ",".join("?" * len(rows[0]))
        raw.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    books.rows.clear()


def _goods(books: Books) -> Goods:
    communities = [books.id() for _ in range(7)]
    for number, one in enumerate(communities):
        books.add("communities(id,name)", one, f"社区{number}")
    goods = Goods([], [], [], [])
    for number in range(STATIONS):
        goods.stations.append(station := books.id())
        books.add("stations(id,name,community,cool_cabinet)", station, f"站点{number:02}", communities[number % 7], 0)
        goods.places.append({kind: _place(books, kind, station) for kind in _KINDS})
    goods.hands.extend(_place(books, "member", None) for _ in range(MEMBERS))
    return goods


def _place(books: Books, kind: str, station: bytes | None) -> bytes:
    place = books.id()
    books.add("places(id,kind,name,station,holder,keeps)", place, kind, kind, station, None, None)
    return place


def _item(books: Books, connection: Connection, number: int) -> bytes:
    item, code = books.id(), f"b-{number:04}"
    connection.execute(
        insert(Item).values(
            id=UUID(bytes=item), code=code, kind="medicine" if number % 3 else "ppe", name_zh=f"品种{number}",
            name_en=f"Item {number}", strength="0.25 g", wanted=True, search=code,
            facts={"code": code, "unit_zh": "盒", "unit_en": "box"},
        )
    )  # fmt: skip
    return item


_WAY = ("receive", "release", "reserve", "pack", "depart", "hand-over")


def _journeys(movements: int, live: int) -> Iterator[tuple[int, int, bool]]:
    """(number of the pack, its movements, whether it still stands) for every pack, the standing spread evenly."""
    gone, rest = divmod(movements - live, len(_WAY))
    every = max(1, gone // live)
    left, number = gone, 0
    for standing in range(live):
        yield number, 2 if standing < rest else 1, True
        number += 1
        for _ in range(min(left, every) if standing < live - 1 else left):
            yield number, len(_WAY), False
            left, number = left - 1, number + 1


def _journey(books: Books, goods: Goods, number: int, steps: int, stands: bool) -> None:
    cell = number * 7 % (STATIONS * ITEMS)
    at, item = cell % STATIONS, goods.items[cell // STATIONS % ITEMS]
    pack, quantity = books.id(), 1 + number % 20
    lot, expiry = books.id(), TODAY + timedelta(days=number * 37 % 900 - 30)
    station, places = goods.stations[at], goods.places[at]
    books.add("lots(id,item,key,number,expiry,recalled_on)", lot, item, f"B{number}", f"B{number}", str(expiry), None)
    columns = "packs(id,lot,item,station,quantity,received_by,received_at)"
    books.add(columns, pack, lot, item, station, quantity, bytes(16), _START + books.serial)
    if stands:
        first = "hold" if number % 10 == 0 and steps == 1 else "shelf"
        way = [_DONOR, places["hold"], places["shelf"]] if steps == 2 else [_DONOR, places[first]]
    else:
        if number % PARCEL_LINES == 0 or "parcel" not in places:
            places["parcel"] = _place(books, "parcel", None)
        hand = goods.hands[number % MEMBERS]
        way = [_DONOR, places["hold"], places["shelf"], places["reserved"], places["parcel"], hand, _RESIDENTS]
    _walk(books, pack, quantity, way)


def _walk(books: Books, pack: bytes, quantity: int, way: list[bytes]) -> None:
    columns = "movements(id,at,pack,quantity,source,target,reason,actor,subject,reverses)"
    for reason, source, target in zip(_WAY, way, way[1:], strict=False):
        row = (books.id(), _START + books.serial, pack, quantity, source, target, reason, bytes(16), None, None)
        books.add(columns, *row)
        if target != _RESIDENTS:
            stands = quantity if target == way[-1] else 0
            books.add("holdings(place,pack,quantity)", target, pack, stands)


def percentile(times: Iterable[float], share: float) -> float:
    """The time that this share of all times stays within."""
    found = sorted(times)
    return found[min(len(found) - 1, int(len(found) * share))]
