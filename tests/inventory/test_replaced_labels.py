"""A pack's label is replaced at the station's phone: the colleague scans the own badge and enters the own PIN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.ids import new_id
from app.base.models import Account
from app.base.permissions import SYSTEM, Role
from labels import codes, registry
from labels.models import LabelState
from tests.app.client import bearer, client
from tests.inventory import world as worlds
from tests.inventory.test_counter import Person
from tests.inventory.world import World

PIN = "804261"


class Phone:
    """A volunteer's phone with a pack before it, and a colleague beside it."""

    def __init__(self, at: TestClient[Litestar], world: World) -> None:
        self.at, self.world, self.volunteer = at, world, Person(at, world, "volunteer")
        self.pack = world.pack()
        self.badges = {name: self._badge(name) for name in ("second", "volunteer", "elsewhere")}

    def _badge(self, name: str) -> str:
        account, hashed = self.world.people[name].account, accounts.hash_secret(Role.VOLUNTEER, PIN)

        def choose(session: Session) -> str:
            session.execute(update(Account).where(Account.id == account).values(secret=hashed))
            return registry.fresh(session, "badge", account, SYSTEM, self.world.now)

        return self.world.db.write_now(choose)

    @property
    def code(self) -> str:
        code = self.world.db.read_now(registry.code_of, self.pack)
        assert code is not None
        return code

    def ask(self, code: str, **more: str) -> httpx.Response:
        return self.volunteer.post("/labels/replace", key=new_id(), code=code, why="damaged", **more)


@pytest.fixture
def phone(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[Phone]:
    world = worlds.build(sqlite_db, clock, tmp_path / "keys")
    with client(sqlite_db, clock, tmp_path) as at:
        yield Phone(at, world)


def test_the_colleague_scans_the_badge_and_enters_the_pin(phone: Phone) -> None:
    old = phone.code
    answer = phone.ask(old, badge=phone.badges["second"], secret=PIN)
    assert answer.status_code == 200
    assert phone.code != old
    assert codes.shown(phone.code) in answer.text
    assert PIN not in answer.text


def test_without_the_right_colleague_nothing_changes_and_the_page_says_why(phone: Phone) -> None:
    old = phone.code
    for more, status in (
        ({}, 403),
        ({"badge": phone.badges["second"]}, 400),
        ({"badge": phone.badges["second"], "secret": "804262"}, 401),
        ({"badge": old, "secret": PIN}, 409),
        ({"badge": phone.badges["volunteer"], "secret": PIN}, 403),
        ({"badge": phone.badges["elsewhere"], "secret": PIN}, 404),
    ):
        answer = phone.ask(old, **more)
        assert answer.status_code == status, more
        assert 'role="alert"' in answer.text
        assert PIN not in answer.text
        assert phone.code == old


def test_guessing_the_colleague_s_pin_is_stopped(phone: Phone) -> None:
    badge = phone.badges["second"]
    tries = [phone.ask(phone.code, badge=badge, secret=f"70{number:04}").status_code for number in range(12)]
    assert tries == [401] * 10 + [429] * 2
    assert phone.ask(phone.code, badge=badge, secret=PIN).status_code == 429


def test_a_right_pin_does_not_use_up_the_tries(phone: Phone) -> None:
    for _ in range(12):
        assert phone.ask(phone.code, badge=phone.badges["second"], secret=PIN).status_code == 200


def test_a_blank_label_is_ended_without_anybody_looking_on(phone: Phone) -> None:
    (blank,) = phone.world.db.write_now(registry.issue, 1, phone.world.station, SYSTEM, phone.world.now).codes
    assert phone.ask(blank).status_code == 200
    found = phone.world.db.read_now(registry.look_up, blank)
    assert found is not None
    assert found.state is LabelState.VOID


def test_the_pack_s_own_page_leads_there_when_its_code_cannot_be_read(phone: Phone) -> None:
    address = f"/labels/replace?subject={phone.pack}"
    assert f'href="{address}"' in phone.volunteer.get(f"/packs/{phone.pack}").text
    assert f'value="{phone.pack}"' in phone.volunteer.get(address).text
    answer = phone.volunteer.post(
        "/labels/replace", key=new_id(), subject=phone.pack, why="unreadable", badge=phone.badges["second"], secret=PIN
    )
    assert answer.status_code == 200


def test_a_program_replaces_a_label_by_the_same_rules(phone: Phone) -> None:
    headers = {
        **bearer(phone.world.db, phone.world.clock, phone.world.people["volunteer"].account),
        "content-type": "application/json",
    }
    body = {"key": str(new_id()), "why": "lost", "subject": str(phone.pack)}
    assert phone.at.post("/api/labels/reprint", json=body, headers=headers).status_code == 403
    body["second"] = {"badge": phone.badges["second"], "secret": PIN}
    answer = phone.at.post("/api/labels/reprint", json=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"code": phone.code, "kind": "pack", "subject": str(UUID(str(phone.pack)))}
