"""While a place is counted, nothing that a counter can open tells what the books say of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import SYSTEM
from inventory import ledger, stations
from tests.conftest import Hands
from tests.journeys.town import MASKS, Hand, Town, opened

UNLIKE = {"/audit", "/api/audit/own", "/api/openapi.json", "/stock/doings"}
"""The reader's own doings, which grow with each look, and the description of the service."""
_NONCE = re.compile(r'nonce="[^"]+"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')


@pytest.fixture
def town(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[Town]:
    with opened(sqlite_db, clock, tmp_path) as made:
        yield made


@pytest.fixture
def bag(town: Town, hands: Hands) -> UUID:
    """A bag of ten on the shelf; one part of it is promised."""
    pack = UUID(town.shelve(MASKS, line={"quantity": 10})["pack"])
    town.shelve(MASKS)
    town.promise(MASKS)
    hands.at += timedelta(minutes=5)
    return pack


def shelf(town: Town) -> str:
    return str(town.db.read_now(stations.places, town.near.station).shelf.id)


def begin(town: Town) -> str:
    return str(town.near.volunteer.do("/api/stocktakes", station=town.near.station, places=[shelf(town)])["stocktake"])


def everything(town: Town, hand: Hand, pack: UUID, take: str) -> dict[str, tuple[int, str]]:
    """Every page and answer that a reader can open without a form, those of the goods, and what a scan says."""
    code = town.near.coordinator.see(f"/api/packs/{pack}")["label"]
    place, item, station = shelf(town), town.items[MASKS], town.near.station
    paths = {route.path for route in town.browser.app.routes if "{" not in route.path} - UNLIKE
    paths |= {
        f"/api/packs/{pack}", f"/packs/{pack}", f"/api/places/{place}", f"/places/{place}", f"/stock/items/{item}",
        f"/api/levels/items/{item}", f"/stock?station={station}", f"/api/levels?station={station}",
        f"/api/places/{place}/history", f"/stock/history/place/{place}", f"/stock/history/item/{item}",
        f"/stock/expiring?station={station}&within=0", f"/stocktakes/{take}", f"/api/stocktakes/{take}",
        f"/stocktakes/{take}/count/{place}", f"/stocktakes/{take}/desk", f"/stocktakes/{take}/report",
        f"/api/stocktakes/{take}/report", f"/api/stocktakes/{take}/variances", f"/forms/count?station={station}",
        f"/forms/stock?station={station}", f"/api/forms/count?station={station}", "/stock/acts?all_of_us=true",
        "/api/kits/care-parcel/makes", "/stock/doings",
    }  # fmt: skip
    seen = {path: hand.get(path) for path in sorted(paths)}
    told = hand.post("/api/scan/line", text=code)
    counted = hand.post("/api/places/count", place=place, packs=[pack])
    answers = {**seen, "a scan": told, "a plain count": counted}
    return {path: (answer.status_code, _NONCE.sub("", answer.text)) for path, answer in answers.items()}


def gone(town: Town, pack: UUID, units: int) -> None:
    """The books say less, and nobody has done anything: only a reader of figures could tell."""
    own = town.db.read_now(stations.places, town.near.station)
    args = (pack, units, own.shelf, ledger.TO_RESIDENTS, "hand-over", SYSTEM, town.clock.now())
    town.db.write_now(ledger.move, *args)


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {path for path in before if before[path] != after[path]}


def test_no_answer_to_a_counter_changes_with_what_the_books_say(town: Town, bag: UUID) -> None:
    take, counter = begin(town), town.near.volunteer
    before = everything(town, counter, bag, take)
    gone(town, bag, 3)
    assert differing(before, everything(town, counter, bag, take)) == set()


def test_the_same_figures_are_there_for_who_does_not_count_and_after_the_count(town: Town, bag: UUID) -> None:
    """Else the test above could pass on pages that show nothing to anybody."""
    take = begin(town)
    before = everything(town, town.near.coordinator, bag, take)
    gone(town, bag, 3)
    changed = differing(before, everything(town, town.near.coordinator, bag, take))
    assert {f"/packs/{bag}", f"/places/{shelf(town)}", f"/stock/items/{town.items[MASKS]}", "a scan"} <= changed
    town.near.coordinator.do("/api/stocktakes/end", stocktake=take)
    assert town.near.volunteer.get(f"/packs/{bag}").status_code == 200
    assert town.near.volunteer.get("/stock").status_code == 200


def test_a_counter_of_another_station_still_sees_the_own_figures(town: Town, bag: UUID) -> None:
    begin(town)
    assert town.far.volunteer.get("/stock").status_code == 200


def test_who_is_kept_blind_is_told_why(town: Town, bag: UUID) -> None:
    begin(town)
    answer = town.near.volunteer.get(f"/api/packs/{bag}")
    assert (answer.status_code, answer.json()["code"]) == (409, "COUNT_OPEN")
