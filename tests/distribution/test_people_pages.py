"""Residents, needs, plans and the medic's queue over HTTP: the pages of people's work and the programs' way in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import Actor
from distribution import residents
from distribution.models import Household, Need, Plan, Resident
from tests.app.client import bearer, client
from tests.conftest import Hands
from tests.distribution.world import LORATADINE, MASK, Streets, answers

HEALTH = {
    "born": "1986-03", "sex": "male", "pregnancy": "not_applicable", "allergies": "none", "own": "none", "liver": "no",
    "kidney": "no", "conditions_asked": "yes", "living_alone": "no", "low_dose_aspirin": "no",
}  # fmt: skip


class Site:
    """The whole application on the world, as one signed-in person after the other."""

    def __init__(self, streets: Streets, at: TestClient[Litestar], clock: Clock) -> None:
        self.streets, self.at, self.clock = streets, at, clock

    def acts(self, who: Actor, language: str = "zh") -> None:
        self.token = self.streets.db.write_now(accounts.sign_in, who.account, "desk", self.clock.now()).token
        self.at.cookies.set("session", self.token)
        self.at.cookies.set("lang", language)

    def page(self, path: str, status: int = 200) -> str:
        got = self.at.get(path)
        assert got.status_code == status, got.text
        assert "{" not in _words(got.text)
        return got.text

    def send(self, path: str, status: int = 303, **fields: Any) -> Any:
        data = {"csrf_token": accounts.csrf_token(self.token), "key": str(uuid4()), **fields}
        got = self.at.post(path, data=data, headers={"sec-fetch-site": "same-origin"})
        assert got.status_code == status, got.text
        return got

    def api(self, who: Actor, method: str, path: str, status: int = 200, body: Any = None) -> Any:
        self.at.cookies.clear()
        headers = bearer(self.streets.db, self.clock, who.account) | {"content-type": "application/json"}
        got = self.at.request(
            method, path, headers=headers, content=None if body is None else msgspec.json.encode(body)
        )
        assert got.status_code == status, got.text
        return got.json()


def _words(page: str) -> str:
    """What people read of a page."""
    bare = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", bare))


@pytest.fixture
def site(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[Site]:
    streets = Streets(sqlite_db, tmp_path / "keys")
    with client(sqlite_db, clock, tmp_path) as at:
        yield Site(streets, at, clock)


def flagged(site: Site) -> UUID:
    """A resident with hypertension and an approved plan for a medicine and a mask."""
    streets = site.streets
    resident = streets.register(health=answers(conditions=("hypertension",), liver="impaired"))
    for code in (LORATADINE, MASK):
        streets.shelve(code)
        streets.need(resident, code)
    streets.match()
    return resident


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_opens_in_both_languages(site: Site, language: str) -> None:
    world, resident = site.streets.world, flagged(site)
    site.streets.need(resident, "kit")
    plan = site.streets.propose()
    site.acts(world.coordinator, language)
    for path in (
        "/needs", "/needs/new", f"/needs/new?resident={resident}", "/plans", f"/plans/{plan}", "/residents",
        "/residents/new", f"/residents/{resident}", f"/plans/{plan}?outcome=refused", "/needs?done=merged",
    ):  # fmt: skip
        shown = _words(site.page(path))
        for table in ("need.", "plan.", "resident.", "medic.", "flag.", "group.", "safety.", "matching."):
            assert not re.search(rf"(?<![\w/]){re.escape(table)}[a-z_]+\b", shown), (path, table)
    site.acts(world.medic, language)
    assert "J" in site.page("/medic")


def test_a_coordinator_registers_somebody_and_nothing_typed_is_lost(site: Site) -> None:
    world = site.streets.world
    site.acts(world.coordinator)
    serial = str(site.streets.column(Household.serial, Household.id == world.doors[0])[0])
    form = {"serial": serial, "name": "欧阳测试", "address": "测试路 1 号", "basis": "consent", "health_consent": "yes"}
    kept = site.send("/residents/new", 400, **form, **{**HEALTH, "allergies": ""}).text
    assert "欧阳测试" in kept
    assert site.streets.column(Resident.id) == []
    kept = site.send("/residents/new", 404, **{**form, "serial": "1"}, **HEALTH).text
    assert "欧阳测试" in kept
    site.send("/residents/new", 400, **form, **{**HEALTH, "allergies": "some"})
    went = site.send("/residents/new", **form, groups=["maternity", "serious_illness"], **HEALTH)
    page = site.page(went.headers["location"])
    assert "欧阳测试" in page
    assert "13800" not in page
    (listed,) = re.findall(r'href="(/residents/[0-9a-f-]{36})"[^>]*>([^<]+)', site.page("/residents"))
    assert listed == (went.headers["location"], "欧*")


def test_a_phone_number_shows_for_one_look_and_is_noted(site: Site) -> None:
    resident = site.streets.register()
    site.acts(site.streets.world.coordinator)
    assert "13800138000" not in site.page(f"/residents/{resident}")
    assert 'href="tel:13800138000"' in site.send(f"/residents/{resident}/phone", 200).text
    assert len(site.streets.notes("resident.read-phone")) == 1


def test_contact_and_health_are_corrected_on_the_page(site: Site, hands: Hands) -> None:
    resident = site.streets.register()
    site.acts(site.streets.world.coordinator)
    path = f"/residents/{resident}"

    def version() -> str:
        return html.unescape(re.findall(r'name="version" value="([^"]+)"', site.page(path))[0])

    seen = version()
    hands.at += timedelta(minutes=1)
    site.send(path, part="contact", version=seen, name="张三", address="新址 2 号", phone="", groups="maternity")
    page = site.page(path)
    assert "新址 2 号" in page
    site.send(path, 409, part="contact", version=seen, name="李四", address="旧址")
    site.send(
        path, part="health", version=version(), **{**HEALTH, "allergies": "some", "allergies_which": "布洛芬、青霉素"}
    )
    facts = site.streets.read(residents.facts_for_rules, site.streets.vault, [resident], site.streets.today)
    assert facts[resident].allergies == {"ibuprofen", "青霉素"}


def test_a_member_records_a_need_in_few_taps(site: Site) -> None:
    resident = site.streets.register()
    other = site.streets.register(site.streets.world.other_door)
    site.acts(site.streets.world.member)
    page = site.page("/needs/new")
    assert f"resident={resident}" in page
    assert f"resident={other}" not in page
    what = f"item:{site.streets.item(MASK)}"
    site.send("/needs/new", 400, resident=str(resident), urgency="urgent", what="")
    went = site.send("/needs/new", resident=str(resident), urgency="urgent", what=what)
    assert went.headers["location"] == "/needs?done=recorded"
    site.send("/needs/new", 404, resident=str(other), urgency="urgent", what=what)
    (need,) = site.streets.column(Need.id)
    site.send("/needs/close", need=str(need), why="mistake")
    assert site.streets.need_state(need) == "cancelled"


def test_press_once_see_the_plan_and_approve_it(site: Site) -> None:
    world = site.streets.world
    site.streets.shelve(MASK)
    site.streets.need(site.streets.register(), MASK)
    site.acts(world.coordinator)
    assert str(world.far_community) not in site.page("/plans")
    went = site.send("/plans", community=str(world.community))
    path = went.headers["location"]
    assert 'id="approve"' in site.page(path)
    assert site.send(f"{path}/approve").headers["location"] == path
    assert 'id="approve"' not in site.page(path)
    site.send(f"{path}/approve", 409)
    site.acts(world.far_coordinator)
    site.page(path, 404)


def test_a_medic_decides_from_the_queue(site: Site) -> None:
    flagged(site)
    site.acts(site.streets.world.medic)
    page = site.page("/medic")
    assert 'data-key="f"' in page
    assert "欧阳" not in page
    line = re.findall(r'data-line="([^"]+)"', page)[0]
    site.send("/medic", line=line, released="yes", note="看过")
    assert "data-line" not in site.page("/medic")
    site.send("/medic", line=line, released="no")
    site.send("/medic", 409, line=line, released="yes")


def test_ticked_cases_are_released_together(site: Site) -> None:
    streets = site.streets
    streets.shelve(LORATADINE, units=2)
    for door in streets.world.doors[:2]:
        streets.need(streets.register(door, groups=("maternity",)), LORATADINE)
    streets.match()
    site.acts(streets.world.medic)
    lines = re.findall(r'data-line="([^"]+)"', site.page("/medic"))
    page = site.send("/medic/many", 200, line=[*lines, str(uuid4())]).text
    assert "data-line" not in page
    assert streets.queue() == []
    assert "还没有勾选" in site.send("/medic/many", 400).text


def test_a_program_takes_a_need_from_register_to_release(site: Site) -> None:
    world, streets = site.streets.world, site.streets
    streets.shelve(LORATADINE)
    new = streets.new_resident(health=answers(conditions=("hypertension",)))
    resident = site.api(world.coordinator, "POST", "/api/residents", 201, new)["resident"]
    again = site.api(world.coordinator, "POST", "/api/residents", 201, new)["resident"]
    assert again == resident
    listed = site.api(world.member, "GET", "/api/residents")
    assert [(row["id"], row["name"], row["groups"]) for row in listed["residents"]] == [(resident, "欧*", None)]
    need = {"key": uuid4(), "resident": resident, "item": streets.item(LORATADINE), "urgency": "urgent"}
    made = site.api(world.member, "POST", "/api/needs", 201, need)
    assert [row["id"] for row in site.api(world.leader, "GET", "/api/needs")["needs"]] == [made["need"]]
    plan = site.api(world.coordinator, "POST", "/api/plans", 201, {"key": uuid4(), "community": world.community})
    view = site.api(world.coordinator, "GET", f"/api/plans/{plan['plan']}")
    assert [row["outcome"] for row in view["decisions"]] == ["allotted"]
    done = site.api(world.coordinator, "POST", "/api/plans/approve", 200, {"key": uuid4(), "plan": plan["plan"]})
    assert (done["promised"], done["parcels"], done["left"]) == (1, 1, 0)
    (case,) = site.api(world.medic, "GET", "/api/medic/cases")["cases"]
    assert "name" not in case
    word = {"key": uuid4(), "line": case["line"], "released": True}
    assert site.api(world.medic, "POST", "/api/medic/decide", 200, word)["state"] == "reserved"
    assert site.api(world.medic, "GET", "/api/medic/cases")["cases"] == []
    assert len(site.api(world.coordinator, "GET", "/api/teams")["teams"]) == 2
    assert len(site.api(world.office, "GET", "/api/plans")["plans"]) == 1


def test_a_block_over_http_names_its_reasons(site: Site) -> None:
    flagged(site)
    streets = site.streets
    (case,) = streets.queue()
    streets.later(minutes=1)
    streets.correct(case.resident, health=answers(allergies=("氯雷他定",)))
    word = {"key": uuid4(), "line": case.line, "released": True}
    problem = site.api(streets.world.medic, "POST", "/api/medic/decide", 409, word)
    assert problem["code"] == "MAY_NOT_GO"
    assert [reason["code"] for reason in problem["reasons"]] == ["DS07_ALLERGY"]
    site.acts(streets.world.medic)
    page = site.send("/medic", 409, line=str(case.line), released="yes").text
    assert "氯雷他定" in page


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/needs", {"urgency": "whenever"}),
        ("/api/needs", {"quantity": "5"}),
        ("/api/needs", {"quantity": 0}),
        ("/api/needs", {"state": "met"}),
        ("/api/needs", {"key": "no-key"}),
    ],
)
def test_a_wrong_field_is_a_fault_and_changes_nothing(site: Site, path: str, body: dict[str, Any]) -> None:
    resident = site.streets.register()
    fields = {"key": uuid4(), "resident": resident, "item": site.streets.item(MASK), "urgency": "urgent", **body}
    problem = site.api(site.streets.world.coordinator, "POST", path, 400, fields)
    assert problem["errors"][0]["field"] == next(iter(body))
    assert site.streets.column(Need.id) == []


def test_who_may_not_is_turned_away(site: Site) -> None:
    world = site.streets.world
    for who, path in (
        (world.volunteer, "/api/residents"),
        (world.medic, "/api/residents"),
        (world.member, "/api/plans"),
        (world.coordinator, "/api/medic/cases"),
        (world.auditor, "/api/needs"),
    ):
        site.api(who, "GET", path, 403)
    body = {"key": uuid4(), "community": world.community}
    site.api(world.far_coordinator, "POST", "/api/plans", 404, body)
    site.api(world.coordinator, "POST", "/api/plans", 404, {"key": uuid4()})
    assert site.streets.column(Plan.id) == []
