"""Where no rules are in force, or they cannot be read, no medicine moves; what is no medicine goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.base import policy
from app.base.clock import Clock
from app.base.db import Database
from distribution import policies
from distribution.models import Need
from distribution.policies import DISPENSING
from tests.journeys.town import GLOVES, PARACETAMOL, Town, opened


class Unreadable(msgspec.Struct):
    """A row of the policy table that is no set of rules."""

    version: int = 0


class Empty(msgspec.Struct):
    """A signed set without a single rule."""

    version: str = "empty"
    rules: tuple[str, ...] = ()


class TooFew(msgspec.Struct):
    """A signed set that leaves the allergies out."""

    version: str = "few"
    rules: tuple[str, ...] = ("DS01", "DS02", "DS03")


@pytest.fixture
def without(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Town]:
    """The town before anybody signed dispensing rules."""
    with opened(db, clock, tmp_path, rules=False) as made:
        yield made


def both_are_wanted(town: Town) -> dict[str, Any]:
    """A medicine and a supply are there and asked for; the plan's word on each."""
    town.shelve(PARACETAMOL)
    town.shelve(GLOVES)
    resident = town.register()
    for code in (PARACETAMOL, GLOVES):
        town.need(resident, code)
    return {one["code"]: one for one in town.plan()["decisions"]}


def test_without_rules_every_medicine_stops_and_no_supply_does(without: Town) -> None:
    decided = both_are_wanted(without)
    assert decided[PARACETAMOL]["outcome"] == "refused"
    assert "RULES_MISSING" in {reason["code"] for reason in decided[PARACETAMOL]["reasons"]}
    (waiting,) = without.match()
    without.out(UUID(waiting["id"]))
    without.near.member.do("/api/parcels/hand-over", **without.door(waiting["id"], ticks=[]))
    assert sorted(without.column(Need.state)) == ["met", "open"]
    without.agrees()


@pytest.mark.parametrize("body", [Unreadable(), Empty(), TooFew()], ids=lambda body: type(body).__name__)
def test_rules_that_cannot_be_read_or_are_not_whole_stop_every_medicine(town: Town, body: msgspec.Struct) -> None:
    town.db.write_now(policy.enact, DISPENSING, body, town.clock.today(), town.clock.now())
    decided = both_are_wanted(town)
    assert (decided[PARACETAMOL]["outcome"], decided[GLOVES]["outcome"]) == ("refused", "allotted")


def test_rules_that_end_on_the_way_stop_the_medicine_at_the_door(town: Town) -> None:
    parcel = town.promise(PARACETAMOL)
    supply = town.promise(GLOVES, door=1)
    for one in (parcel, supply):
        town.out(one)
    today = town.clock.today()
    town.db.write_now(policy.enact, DISPENSING, Unreadable(), today, town.clock.now())
    member = town.near.member
    assert member.refused("/api/parcels/hand-over", **town.door(parcel)) == "UNSAFE_PARCEL"
    assert member.do("/api/parcels/hand-over", **town.door(supply))["effective"]
    town.agrees()


def test_rules_that_begin_tomorrow_do_not_hold_today(without: Town) -> None:
    tomorrow = without.clock.today() + timedelta(days=1)
    without.db.write_now(policies.enact_starters, UUID(int=0), tomorrow, without.clock.now())
    assert both_are_wanted(without)[PARACETAMOL]["outcome"] == "refused"
