"""The pages and the API of packing and the door, as a volunteer's, a member's and a leader's phone use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar.testing import TestClient

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.models import AuditNote
from app.base.permissions import Actor
from app.base.settings import Settings
from app.main import create_app
from distribution.journey import Counsel, State
from distribution.models import Confirmation
from labels import registry
from tests.distribution.door_world import BLEACH, ISATIS, MASK, PARACETAMOL, Door, Promised

PARACETAMOL_PROLONGED = "med-002"
TICKS = [one.value for one in Counsel]


class Phone:
    """One person's browser; all of them reach the same server."""

    def __init__(self, client: TestClient[Any], token: str) -> None:
        self.client, self.csrf = client, accounts.csrf_token(token)
        self.headers = {"cookie": f"session={token}"}

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def see(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def press(self, path: str, **fields: Any) -> Any:
        form = {"csrf_token": self.csrf, "key": str(uuid4()), **fields}
        return self.client.post(path, data=form, headers=self.headers, follow_redirects=False)

    def send(self, path: str, body: dict[str, Any]) -> Any:
        headers = {**self.headers, "accept": "application/json", "x-csrf-token": self.csrf}
        return self.client.post(path, json=body, headers=headers)

    def scan(self, path: str, text: str) -> dict[str, Any]:
        answer = self.send(path, {"text": text, "format": "scanner", "idempotency_key": str(uuid4())})
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said


@pytest.fixture
def door(sqlite_db: Database, tmp_path: Path) -> Door:
    return Door(sqlite_db, tmp_path / "keys")


@pytest.fixture
def phone(door: Door, tmp_path: Path) -> Iterator[Callable[[Actor], Phone]]:
    settings = Settings(data=tmp_path / "data", keys=tmp_path / "keys", phone="0000 1234")
    app = create_app(settings, db=door.db, clock=Clock("Asia/Shanghai", lambda: door.now))
    with TestClient(app) as client:

        def of(actor: Actor) -> Phone:
            return Phone(client, door.db.write_now(accounts.sign_in, actor.account, "device", door.now).token)

        yield of


Phones = Callable[[Actor], Phone]


def test_a_wrong_pack_is_red_one_that_is_in_is_amber_the_right_one_green(door: Door, phone: Phones) -> None:
    made, other = door.promise(MASK, BLEACH), door.promise(ISATIS, door=1)
    volunteer, page = phone(door.world.volunteer), f"/packing/{made.parcel}/scan"
    assert volunteer.scan(page, other.codes[0])["outcome"] == "wrong"
    right = volunteer.scan(page, made.codes[0])
    assert (right["outcome"], right["state"], right["progress"]) == ("ok", "done", {"value": 1, "max": 2})
    assert volunteer.scan(page, made.codes[0])["outcome"] == "duplicate"
    assert volunteer.scan(page, made.codes[1])["next"]["href"] == f"/packing/{made.parcel}"


def test_packing_works_with_the_plain_form_too(door: Door, phone: Phones) -> None:
    made = door.promise(MASK)
    volunteer = phone(door.world.volunteer)
    no = volunteer.press(f"/packing/{made.parcel}/scan", text="6901234567892")
    assert (no.status_code, "认不出这个码" in no.text) == (409, True)
    assert volunteer.press(f"/packing/{made.parcel}/scan", text=made.codes[0]).status_code == 303
    assert volunteer.press(f"/packing/{made.parcel}/label").status_code == 303
    assert door.state(made.parcel) == State.READY
    for paper in ("label.pdf", "label.png", "leaflet.pdf", "leaflet.pdf?language=en"):
        assert volunteer.get(f"/parcels/{made.parcel}/{paper}").status_code == 200


def test_a_parcel_goes_from_the_list_to_the_door_on_the_pages(door: Door, phone: Phones) -> None:
    first, second = door.packed(PARACETAMOL, MASK), door.packed(ISATIS, door=1)
    for made in (first, second):
        door.label(made.parcel)
    leader, member = phone(door.world.leader), phone(door.world.member)
    both = [str(first.parcel), str(second.parcel)]
    there = leader.press("/rounds", team=str(door.world.team), day=door.today.isoformat(), parcels=both)
    assert there.status_code == 303
    sheet = leader.get(f"{there.headers['location']}/sheet.pdf")
    assert sheet.content.startswith(b"%PDF")
    code = door.read(registry.code_of, first.parcel)
    assert member.scan("/rounds/take-over", code)["text"] == "还剩 1 个要扫。"
    assert member.scan("/rounds/take-over", code)["outcome"] == "duplicate"
    assert "欧阳先生" in member.see("/rounds")
    _at_the_door(door, member, first)


def _at_the_door(door: Door, member: Phone, made: Promised) -> None:
    page = f"/parcels/{made.parcel}"
    assert member.scan(f"{page}/check", made.codes[0])["outcome"] == "wrong"
    missing = member.press(f"{page}/hand-over", receiver="self", ticks=["name"])
    assert missing.status_code == 409
    assert "还有 5 项未完成" in missing.text
    assert 'value="name" checked' in missing.text
    for _ in range(2):  # the second comes from an old form that the back button brought back
        assert member.press(f"{page}/hand-over", receiver="self", ticks=TICKS).status_code == 303
    assert "已送达" in member.see(page)
    assert len(door.column(Confirmation.id)) == 1
    assert "欧阳" not in member.see(page)
    door.agrees()


def test_the_number_is_fetched_for_one_tap_and_written_down(door: Door, phone: Phones) -> None:
    made = door.out(MASK)
    member, page = phone(door.world.member), f"/parcels/{made.parcel}"
    assert "13800138000" not in member.see(page)
    fetched = member.press(f"{page}/phone", resident=str(door.world.people[0]))
    assert "tel:13800138000" in fetched.text
    assert door.column(AuditNote.subject, AuditNote.verb == "resident.read-phone") == [door.world.people[0]]
    assert member.press(f"{page}/phone", resident=str(door.world.people[1])).status_code == 404


def test_what_cannot_be_delivered_names_the_next_step_and_comes_back_by_scan(door: Door, phone: Phones) -> None:
    made = door.out(PARACETAMOL, MASK)
    member, volunteer = phone(door.world.member), phone(door.world.volunteer)
    page = f"/parcels/{made.parcel}"
    assert member.press(f"{page}/fail").status_code == 400
    assert member.press(f"{page}/fail", reason="no_answer").status_code == 303
    assert "电话约好时间" in member.see(page)
    code = door.read(registry.code_of, made.parcel)
    asked = volunteer.press("/returns", text=code)
    assert "袋口还是封好的吗" in asked.text
    back = volunteer.press("/returns/close", code=code, sealed="false")
    assert ("不再入库" in back.text, "另一名志愿者" in back.text) == (True, True)
    door.agrees()


def test_the_story_of_a_parcel_names_nobody(door: Door, phone: Phones) -> None:
    made = door.out(PARACETAMOL)
    door.hand_over(made.parcel)
    for actor in (door.world.leader, door.world.coordinator, door.world.volunteer):
        told = phone(actor).see(f"/parcels/{made.parcel}")
        assert not any(secret in told for secret in ("欧阳", "测试路", "13800"))
    read = phone(door.world.coordinator).get(f"/api/parcels/{made.parcel}").json()
    assert set(read) == {
        "id", "serial", "station", "team", "state", "label", "round", "lines", "dropped", "steps", "told",
        "stopped",
    }  # fmt: skip


def test_what_is_out_of_scope_looks_absent(door: Door, phone: Phones) -> None:
    made = door.out(MASK)
    stranger, far = phone(door.world.stranger), phone(door.world.far_volunteer)
    for who, path in (
        (stranger, f"/parcels/{made.parcel}"),
        (stranger, f"/api/parcels/{made.parcel}"),
        (far, f"/packing/{made.parcel}"),
        (far, f"/parcels/{made.parcel}"),
        (stranger, f"/rounds/{uuid4()}"),
    ):
        assert who.get(path).status_code == 404
    assert stranger.press(f"/parcels/{made.parcel}/hand-over", receiver="self").status_code == 404
    assert stranger.get("/packing").status_code == 403


def test_the_api_hands_over_once_however_often_it_is_sent(door: Door, phone: Phones) -> None:
    made = door.out(PARACETAMOL)
    member = phone(door.world.member)
    body = {
        "key": str(uuid4()),
        "parcel": str(made.parcel),
        "receiver": "self",
        "ticks": TICKS,
        "phone_at": "2026-11-23T10:00:00+08:00",
    }
    told = [member.send("/api/parcels/hand-over", body).json() for _ in range(3)]
    assert (
        told
        == [{"parcel": str(made.parcel), "effective": True, "state": "delivered", "next_step": None, "due": None}] * 3
    )
    assert member.send("/api/parcels/hand-over", body | {"photo": "x"}).status_code == 400


def test_why_a_pack_may_not_go_is_told_by_names_and_never_by_slugs(door: Door, phone: Phones) -> None:
    made = door.promise(PARACETAMOL, PARACETAMOL_PROLONGED)
    volunteer = phone(door.world.volunteer)
    volunteer.scan(f"/packing/{made.parcel}/scan", made.codes[0])
    said = volunteer.scan(f"/packing/{made.parcel}/scan", made.codes[1])
    assert said["outcome"] == "wrong"
    assert "与同包的“对乙酰氨基酚" in said["text"]
    assert "都含“对乙酰氨基酚（扑热息痛）”" in said["text"]
    page = volunteer.press(f"/packing/{made.parcel}/scan", text=made.codes[1]).text
    for text in (said["text"], page):
        assert "paracetamol" not in text
        assert "med-00" not in text
