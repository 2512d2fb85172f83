"""What two hundred want at once through the front door goes to exactly one, and nobody else loses anything by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import func, select

from app.base.clock import Clock
from app.base.db import Database
from distribution.models import Confirmation, Given, LineState, ParcelLine
from inventory.models import Donation, DonationLine, Holding, Pack, Place, PlaceKind
from tests.app.client import bearer, client
from tests.distribution.door_world import MASK as SURGICAL
from tests.distribution.door_world import Door, Promised, promise
from tests.faults.at_once import Shot, all_at_once, told
from tests.journeys.town import MASKS, Town, opened

WANTING = 200
SOME = 40
A_FEW = 12


class Bench:
    """The packing bench of the small world, served, with many parcels that wait for the same lot."""

    def __init__(self, world: Door, browser: TestClient[Litestar], clock: Clock, parcels: int) -> None:
        self.world, self.app = world, browser.app
        self.volunteer = bearer(world.db, clock, world.world.volunteer.account)
        self.waiting: list[Promised] = world.db.write_now(
            lambda session: [promise(session, world.world, SURGICAL, door=place % 2) for place in range(parcels)]
        )

    def scan(self, one: Promised, code: str) -> Shot:
        return self.volunteer, "/api/parcels/scan", {"key": uuid4(), "parcel": one.parcel, "code": code}

    def units(self, kind: PlaceKind) -> int:
        """Units that lie in places of a kind."""
        query = select(func.sum(Holding.quantity)).join(Place, Place.id == Holding.place).where(Place.kind == kind)
        found: int = self.world.db.read_now(lambda session: session.execute(query).scalar()) or 0
        return found

    def nobody_is_stranded(self) -> None:
        """Every parcel that is not packed has a pack of its own set aside, and can be packed with it."""
        rows = self.world.read(
            lambda session: session.execute(
                select(ParcelLine.parcel, ParcelLine.pack).where(ParcelLine.state == LineState.RESERVED)
            ).all()
        )
        assert len({pack for _, pack in rows}) == len(rows) == self.units(PlaceKind.RESERVED)
        assert self.units(PlaceKind.PARCEL) == len(self.waiting) - len(rows)
        self.world.agrees()
        codes = {pack: code for one in self.waiting for pack, code in zip(one.packs, one.codes, strict=True)}
        parcels = {one.parcel: one for one in self.waiting}
        shots = [self.scan(parcels[parcel], codes[pack]) for parcel, pack in rows[-A_FEW:] if pack in codes]
        assert set(told(all_at_once(self.app, shots))) <= {"ok"}
        self.world.agrees()


@pytest.fixture
def bench(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Bench]:
    world = Door(db, tmp_path / "keys")
    with client(db, clock, tmp_path) as browser:
        yield Bench(world, browser, clock, WANTING)


@pytest.fixture
def town(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Town]:
    with opened(db, clock, tmp_path) as made:
        yield made


def test_two_hundred_parcels_want_the_last_pack_of_the_shelf_and_one_gets_it(bench: Bench) -> None:
    _, code = bench.world.shelve(SURGICAL)
    answers = all_at_once(bench.app, [bench.scan(one, code) for one in bench.waiting])
    assert told(answers) == {"ok": 1, "409 PACK_TAKEN": WANTING - 1}
    # The winner's own pack went back to the shelf for somebody else.
    assert (bench.units(PlaceKind.PARCEL), bench.units(PlaceKind.SHELF)) == (1, 1)
    bench.nobody_is_stranded()


def test_two_hundred_parcels_want_one_parcel_s_pack_and_swap_without_losing_any(bench: Bench) -> None:
    wanted = bench.waiting[0].codes[0]
    answers = all_at_once(bench.app, [bench.scan(one, wanted) for one in bench.waiting])
    counted = told(answers)
    assert counted["ok"] == 1
    assert counted.total() == WANTING
    assert set(counted) <= {"ok", "409 PACK_TAKEN", "409 ALREADY_PACKED"}
    bench.nobody_is_stranded()


def test_two_hundred_parcels_scan_each_other_s_packs_crosswise(bench: Bench) -> None:
    shots = [bench.scan(one, bench.waiting[-1 - place].codes[0]) for place, one in enumerate(bench.waiting)]
    assert told(all_at_once(bench.app, shots)) == {"ok": WANTING}
    bench.nobody_is_stranded()


def donation(town: Town, **more: Any) -> dict[str, Any]:
    near = town.near
    return {"key": uuid4(), "station": near.station, "declared": True, "line": town.line(MASKS, **more)}


def test_two_hundred_gifts_claim_one_label_and_one_bears_it(town: Town) -> None:
    near = town.near
    code = near.volunteer.do("/api/labels", sheets=1)["codes"][0]
    hands = (near.volunteer, near.second)
    shots = [(hands[place % 2].headers, "/api/donations", donation(town, label=code)) for place in range(WANTING)]
    assert told(all_at_once(town.browser.app, shots)) == {"ok": 1, "409 LABEL_TAKEN": WANTING - 1}
    # Nothing of the others is half-written.
    assert [len(town.column(column)) for column in (Donation.id, DonationLine.id, Pack.id)] == [1, 1, 1]
    town.agrees()


def test_one_gift_sent_two_hundred_times_at_once_is_one_gift(town: Town) -> None:
    shot = (town.near.volunteer.headers, "/api/donations", donation(town))
    answers = all_at_once(town.browser.app, [shot] * WANTING)
    assert told(answers) == {"ok": WANTING}
    assert len({answer.json()["donation"] for answer in answers}) == 1
    assert [len(town.column(column)) for column in (Donation.id, DonationLine.id, Pack.id)] == [1, 1, 1]
    town.agrees()


def test_two_hundred_release_one_pack_and_it_is_on_the_shelf_once(town: Town) -> None:
    near, got = town.near, town.receive(MASKS)
    hands = (near.second, near.coordinator, town.office)
    shots = [
        (hands[place % 3].headers, "/api/held/release", {"key": uuid4(), "pack": got["pack"]})
        for place in range(WANTING)
    ]
    assert told(all_at_once(town.browser.app, shots)) == {"ok": 1, "409 NOT_HELD": WANTING - 1}
    assert town.column(Holding.quantity, Holding.quantity > 0) == [1]
    town.agrees()


def test_two_plans_that_promise_the_same_goods_are_approved_at_once_and_each_unit_is_promised_once(town: Town) -> None:
    near = town.near
    for place in range(4):
        town.shelve(MASKS, line={"lot_number": f"B{place}"})
    residents = [town.register(door=place % 4) for place in range(8)]
    for resident in residents[:4]:
        town.need(resident, MASKS)
    own = near.coordinator.do("/api/plans", community=near.community)["plan"]
    whole = town.office.do("/api/plans")["plan"]
    shots: list[Shot] = [
        shot
        for _ in range(SOME // 2)
        for shot in (
            (near.coordinator.headers, "/api/plans/approve", {"key": uuid4(), "plan": own}),
            (town.office.headers, "/api/plans/approve", {"key": uuid4(), "plan": whole}),
        )
    ]
    counted = told(all_at_once(town.browser.app, shots))
    assert set(counted) <= {"ok", "409 PLAN_CLOSED"}
    # Whoever came second found the needs promised and dropped its own allotments, each with a reason.
    plans = [near.coordinator.see(f"/api/plans/{own}"), town.office.see(f"/api/plans/{whole}")]
    outcomes = [one["outcome"] for plan in plans for one in plan["decisions"]]
    assert sorted(outcomes) == ["dropped"] * 4 + ["promised"] * 4
    lines = town.column(ParcelLine.pack, ParcelLine.state == LineState.RESERVED)
    assert len(lines) == len(set(lines)) == 4
    town.agrees()


def test_two_members_record_one_door_two_hundred_times_and_one_record_has_effect(town: Town) -> None:
    near = town.near
    parcel = town.promise(MASKS)
    town.out(parcel)
    shots = []
    for place in range(WANTING):
        failed = {"parcel": parcel, "reason": "no_answer", "phone_at": town.clock.now()}
        path, body = ("hand-over", town.door(parcel)) if place % 2 else ("fail", failed)
        shots.append((near.member.headers, f"/api/parcels/{path}", {"key": uuid4(), **body}))
    answers = all_at_once(town.browser.app, shots)
    assert told(answers) == {"ok": WANTING}
    assert sum(answer.json()["effective"] for answer in answers) == 1
    # All of them are kept: that they disagree is for somebody to look at.
    assert len(town.column(Confirmation.id)) == WANTING
    journey = near.leader.see(f"/api/parcels/{parcel}")
    assert len(town.column(Given.id)) == (1 if journey["state"] == "delivered" else 0)
    town.agrees()


def test_the_same_need_told_by_two_hundred_is_one_need(town: Town) -> None:
    near, resident = town.near, town.register()
    body = {"resident": resident, "item": town.items[MASKS], "urgency": "ordinary"}
    hands = (near.leader, near.member, near.coordinator)
    shots = [(hands[place % 3].headers, "/api/needs", {"key": uuid4(), **body}) for place in range(WANTING)]
    answers = all_at_once(town.browser.app, shots)
    assert told(answers) == {"ok": WANTING}
    assert len({UUID(answer.json()["need"]) for answer in answers}) == 1
    assert sum(not answer.json()["merged"] for answer in answers) == 1
