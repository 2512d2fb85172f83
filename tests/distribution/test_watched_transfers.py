"""A transfer's scans are watched for copied labels, as receiving and packing are; a slip accuses nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import Actor
from app.base.settings import Settings
from app.main import create_app
from distribution.clone_signs import Sign
from tests.distribution.door_world import MASK, Door, Promised
from tests.distribution.test_incidents import Hand, Hands, opened


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Door:
    return Door(db, tmp_path / "keys")


@pytest.fixture
def hands_of(door: Door, tmp_path: Path) -> Iterator[Hands]:
    settings = Settings(data=tmp_path / "data", keys=tmp_path / "keys")
    app = create_app(settings, db=door.db, clock=Clock("Asia/Shanghai", lambda: door.now))
    with TestClient(app) as browser:

        def of(actor: Actor) -> Hand:
            return Hand(browser, door.db.write_now(accounts.sign_in, actor.account, "program", door.now).token)

        yield of


def drafted(door: Door, volunteer: Hand) -> str:
    made = volunteer.post("/api/transfers", source=door.world.station, target=door.world.other_station)
    assert made.status_code == 201, made.text
    transfer: str = made.json()["transfer"]
    return transfer


def given(door: Door) -> Promised:
    made = door.out(MASK)
    door.hand_over(made.parcel)
    return made


def test_a_pack_that_a_resident_has_is_scanned_into_a_transfer(door: Door, hands_of: Hands) -> None:
    gone, volunteer = given(door), hands_of(door.world.volunteer)
    transfer = drafted(door, volunteer)
    _, reasons = volunteer.told("/api/transfers/send", transfer=transfer, code=gone.codes[0])
    assert reasons == ["SCAN_AFTER_DELIVERY"]
    assert opened(door) == [(Sign.SCAN_AFTER_DELIVERY, gone.packs[0])]
    door.agrees()


@pytest.mark.parametrize("step", ["receive", "surplus", "back"])
def test_a_pack_that_a_resident_has_comes_out_of_a_bag(door: Door, hands_of: Hands, step: str) -> None:
    gone, volunteer, far = given(door), hands_of(door.world.volunteer), hands_of(door.world.far_volunteer)
    transfer, (_, code) = drafted(door, volunteer), door.shelve(MASK)
    assert volunteer.post("/api/transfers/send", transfer=transfer, code=code).status_code == 200
    assert volunteer.post("/api/transfers/depart", transfer=transfer).status_code == 200
    more = {"why": "unknown", "note": "袋里多出来的"} if step == "surplus" else {"sealed": True}
    somebody = volunteer if step == "back" else far
    _, reasons = somebody.told(f"/api/transfers/{step}", transfer=transfer, code=gone.codes[0], **more)
    assert reasons == ["SCAN_AFTER_DELIVERY"]
    assert opened(door) == [(Sign.SCAN_AFTER_DELIVERY, gone.packs[0])]


def test_a_pack_scanned_into_the_bag_twice_or_not_sent_off_yet_is_a_slip(door: Door, hands_of: Hands) -> None:
    volunteer, far, (_, code) = hands_of(door.world.volunteer), hands_of(door.world.far_volunteer), door.shelve(MASK)
    transfer = drafted(door, volunteer)
    assert volunteer.post("/api/transfers/send", transfer=transfer, code=code).status_code == 200
    assert volunteer.told("/api/transfers/send", transfer=transfer, code=code)[1] == []
    assert far.told("/api/transfers/receive", transfer=transfer, code=code, sealed=True)[1] == []
    assert opened(door) == []
