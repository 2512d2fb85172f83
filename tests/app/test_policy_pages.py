"""The policies over HTTP: a form that keeps what was typed, a medic's signature, and what holds afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base import accounts, policy, store
from app.base.clock import Clock
from app.base.db import Database
from app.base.i18n import LANGUAGES
from app.base.permissions import Role
from inventory.receiving.intake_policy import LAW, RULES, IntakePolicy
from tests.app.client import account, browser_of, client


@pytest.fixture
def at(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    sqlite_db.write_now(store.found, tmp_path / "keys", clock.now())
    sqlite_db.write_now(policy.enact, "intake", IntakePolicy(version="1"), clock.today(), clock.now())
    with client(sqlite_db, clock, tmp_path) as made:
        yield made


def enter(at: TestClient[Litestar], db: Database, clock: Clock, folder: Path, role: Role) -> str:
    """Sign somebody new in; returns the token that forms carry."""
    made, _ = account(db, clock, folder, role)
    return accounts.csrf_token(browser_of(at, db, clock, made))


def typed(clock: Clock, token: str, **more: Any) -> dict[str, Any]:
    day = clock.today().isoformat()
    return {
        "csrf_token": token,
        "key": str(uuid4()),
        "valid_from": day,
        "reason": "冬天缺药",
        "rule": list(RULES),
        **more,
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_office_proposes_a_medic_signs_and_then_it_holds(
    at: TestClient[Litestar], sqlite_db: Database, clock: Clock, tmp_path: Path, language: str
) -> None:
    at.cookies.set("lang", language)
    office = enter(at, sqlite_db, clock, tmp_path, Role.OFFICE)
    form = at.get("/policy/intake/new")
    assert form.status_code == 200
    assert not LAW & set(re.findall(r'name="rule" value="(\w+)"', form.text))
    sent = at.post("/policy/intake/new", data=typed(clock, office, accept_from_days="200"))
    where = sent.headers["location"]
    assert at.get(where).status_code == 200
    assert at.get("/api/policies/intake").json()["body"]["accept_from_days"] == 180
    medic = enter(at, sqlite_db, clock, tmp_path, Role.MEDIC)
    assert where in at.get("/policy").text
    assert at.post(f"{where}/sign", data={"csrf_token": medic, "key": str(uuid4())}).status_code == 303
    assert at.get("/api/policies/intake").json()["body"]["accept_from_days"] == 200
    assert at.get("/policy/intake").status_code == 200


def test_a_fault_shows_the_form_again_with_what_was_typed(
    at: TestClient[Litestar], sqlite_db: Database, clock: Clock, tmp_path: Path
) -> None:
    office = enter(at, sqlite_db, clock, tmp_path, Role.OFFICE)
    for value in ("501", "0", "-1", "0.5", "1e3", "1000000000"):
        got = at.post("/policy/intake/new", data=typed(clock, office, alcohol_max_ml=value, donor_days="8"))
        assert got.status_code == 400, value
        assert 'href="#f-alcohol_max_ml"' in got.text
        assert f'value="{value}"' in got.text
        assert 'value="8"' in got.text


def test_a_form_without_a_single_rule_ticked_switches_nothing_off(
    at: TestClient[Litestar], sqlite_db: Database, clock: Clock, tmp_path: Path
) -> None:
    office = enter(at, sqlite_db, clock, tmp_path, Role.OFFICE)
    bare = at.post("/policy/intake/new", data=typed(clock, office, rule=[], donor_days="8"))
    assert bare.status_code == 400
    assert 'href="#f-rules"' in bare.text
    assert 'value="8"' in bare.text
    assert at.get("/api/policy-proposals").json() == []
    assert at.post("/policy/intake/new", data=typed(clock, office, rule=["IN07"])).status_code == 303
    (one,) = at.get("/api/policy-proposals").json()
    assert set(one["after"]["rules"]) == LAW | {"IN07"}


def test_whoever_may_not_propose_sees_no_form(
    at: TestClient[Litestar], sqlite_db: Database, clock: Clock, tmp_path: Path
) -> None:
    enter(at, sqlite_db, clock, tmp_path, Role.VOLUNTEER)
    assert at.get("/policy/intake/new").status_code == 403
    assert "/policy/intake/new" not in at.get("/policy").text
    assert at.get("/policy/nothing").status_code == 404
    assert at.get(f"/policy/proposals/{uuid4()}").status_code == 404
