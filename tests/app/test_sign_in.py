"""Signing in over HTTP: invitations, passphrases, badges, tokens, and what ends them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app import people
from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import SYSTEM, Actor, Role, ScopeKind
from distribution.grids import add_community
from inventory.stations import open_station
from labels import codes
from labels.errors import NotBadge
from tests.app.client import PASSPHRASE, PIN, account, bearer, browser_of, client
from tests.conftest import Hands

Browser = TestClient[Litestar]


@pytest.fixture
def db(sqlite_db: Database) -> Database:
    """The edges are the same on both databases, and the verbs are tested on both."""
    return sqlite_db


@pytest.fixture
def browser(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Browser]:
    with client(db, clock, tmp_path) as made:
        yield made


@pytest.fixture
def secure(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Browser]:
    with client(db, clock, tmp_path, base_url="https://nuanxin.example.org") as made:
        yield made


@pytest.fixture
def invite(db: Database, clock: Clock, tmp_path: Path) -> Callable[..., tuple[UUID, str, str]]:
    """Makes an account; returns it, its staff number and its invitation's path."""

    def make(role: Role, **more: Any) -> tuple[UUID, str, str]:
        made, handle = account(db, clock, tmp_path, role)
        return made, handle, f"/join/{db.write_now(accounts.invite, made, SYSTEM, clock.now(), **more)}"

    return make


def me(browser: Browser) -> tuple[int, Any]:
    answer = browser.get("/api/me")
    return answer.status_code, answer.json().get("handle")


def form_token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def join(browser: Browser, path: str, secret: str) -> Any:
    return browser.post(path, data={"secret": secret, "again": secret})


def test_an_invitation_makes_a_phone_known_with_a_pin(browser: Browser, invite: Any) -> None:
    _, handle, path = invite(Role.VOLUNTEER)
    page = browser.get(path)
    assert page.status_code == 200
    assert handle in page.text
    entered = join(browser, path, PIN)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert me(browser) == (200, handle)
    assert join(browser, path, PIN).status_code == 403
    assert browser.get(path).status_code == 403


def test_a_passphrase_is_typed_twice_alike(browser: Browser, invite: Any) -> None:
    _, _, path = invite(Role.OFFICE)
    unlike = browser.post(path, data={"secret": PASSPHRASE, "again": PASSPHRASE + "！"})
    assert unlike.status_code == 400
    assert me(browser)[0] == 401
    assert browser.post(path, data={"secret": PASSPHRASE, "again": PASSPHRASE}).status_code == 303


def test_a_pin_that_is_refused_leaves_the_invitation_usable(browser: Browser, invite: Any) -> None:
    _, _, path = invite(Role.MEMBER)
    refused = join(browser, path, "1234")
    assert refused.status_code == 400
    assert "set-cookie" not in refused.headers
    assert join(browser, path, PIN).status_code == 303


def test_a_demonstration_is_entered_with_one_tap_and_again_later(browser: Browser, invite: Any) -> None:
    _, handle, path = invite(Role.COORDINATOR, uses=2, demo=True)
    for _ in range(2):
        browser.cookies.clear()
        assert browser.post(path, data={}).status_code == 303
        assert me(browser) == (200, handle)
    assert browser.get(path).status_code == 403


def test_an_invitation_nobody_made_opens_nothing(browser: Browser) -> None:
    assert browser.get("/join/" + "x" * 32).status_code == 403
    assert join(browser, "/join/" + "x" * 32, PIN).status_code == 403


def test_staff_number_and_passphrase_sign_in_from_any_desk(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    _, handle = account(db, clock, tmp_path, Role.MEDIC, secret=PASSPHRASE)
    assert browser.post("/sign-in", data={"handle": handle, "secret": PASSPHRASE}).status_code == 303
    assert me(browser) == (200, handle)


@pytest.mark.parametrize("wrong", [PASSPHRASE + " ", " " + PASSPHRASE, PASSPHRASE[:-1], "x"])
def test_a_passphrase_that_almost_fits_does_not_fit(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path, wrong: str
) -> None:
    _, handle = account(db, clock, tmp_path, Role.MEDIC, secret=PASSPHRASE)
    assert browser.post("/sign-in", data={"handle": handle, "secret": wrong}).status_code == 401
    assert me(browser)[0] == 401


def test_a_wrong_number_and_a_wrong_passphrase_look_the_same(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    _, handle = account(db, clock, tmp_path, Role.OFFICE, secret=PASSPHRASE)

    def answer(number: str) -> tuple[int, str]:
        told = browser.post("/sign-in", data={"handle": number, "secret": "not this one, no"})
        return told.status_code, re.sub(r'nonce="[^"]*"', "", told.text.replace(number, "NUMBER"))

    assert answer(handle) == answer("nobody-here")


def test_a_pin_signs_in_on_a_known_phone_only(browser: Browser, invite: Any) -> None:
    _, handle, path = invite(Role.VOLUNTEER)
    join(browser, path, PIN)
    browser.cookies.delete("session")
    assert browser.post("/sign-in", data={"handle": handle, "secret": PIN}).status_code == 303
    assert me(browser) == (200, handle)
    browser.cookies.clear()
    assert browser.post("/sign-in", data={"handle": handle, "secret": PIN}).status_code == 401


def test_a_planted_session_id_is_dead_after_sign_in(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    _, handle = account(db, clock, tmp_path, Role.OFFICE, secret=PASSPHRASE)
    browser.cookies.set("session", "planted-by-somebody-else")
    answer = browser.post("/sign-in", data={"handle": handle, "secret": PASSPHRASE})
    fresh = answer.cookies["session"]
    assert fresh != "planted-by-somebody-else"
    assert db.read_now(accounts.who, fresh, clock.now()).actor.handle == handle
    browser.cookies.clear()
    browser.cookies.set("session", "planted-by-somebody-else")
    assert me(browser)[0] == 401


def test_each_sign_in_has_an_id_of_its_own(browser: Browser, db: Database, clock: Clock, tmp_path: Path) -> None:
    _, handle = account(db, clock, tmp_path, Role.OFFICE, secret=PASSPHRASE)
    ids = set()
    for _ in range(5):
        browser.cookies.clear()
        answer = browser.post("/sign-in", data={"handle": handle, "secret": PASSPHRASE})
        ids.add(answer.cookies["session"])
    assert len(ids) == 5
    assert min(map(len, ids)) >= 43  # 256 bits


def test_signing_out_kills_the_sign_in_on_the_server(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    made, _ = account(db, clock, tmp_path, Role.OFFICE)
    token = browser_of(browser, db, clock, made)
    answer = browser.post("/sign-out", data={"csrf_token": form_token(browser.get("/").text)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    browser.cookies.clear()
    browser.cookies.set("session", token)
    assert me(browser)[0] == 401


def test_an_ended_account_is_out_at_the_next_request(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    made, handle = account(db, clock, tmp_path, Role.OFFICE)
    browser_of(browser, db, clock, made)
    assert me(browser) == (200, handle)
    db.write_now(accounts.end_account, made, SYSTEM, clock.now())
    assert me(browser)[0] == 401


def test_a_desk_left_alone_for_half_an_hour_asks_again(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path, hands: Hands
) -> None:
    made, handle = account(db, clock, tmp_path, Role.OFFICE)
    browser_of(browser, db, clock, made)
    hands.at += timedelta(minutes=20)
    assert me(browser) == (200, handle)
    hands.at += timedelta(minutes=20)
    assert me(browser) == (200, handle)
    hands.at += timedelta(minutes=31)
    assert me(browser)[0] == 401
    assert browser.get("/policy").headers["location"] == "/sign-in?next=/policy"


@pytest.fixture
def badge(db: Database, clock: Clock, tmp_path: Path) -> Callable[[], tuple[UUID, str, str]]:
    """Makes a volunteer with a PIN and a badge; returns the account, its staff number and the badge's code."""
    now = clock.now()
    admin = Actor(account=SYSTEM.account, role=Role.ADMINISTRATOR)

    def make() -> tuple[UUID, str, str]:
        def place(session: Any) -> UUID:
            name = f"社区{uuid4().hex}"
            return open_station(session, f"{name}站", add_community(session, name, SYSTEM, now), SYSTEM, now)

        station = db.write_now(place)
        made, handle = account(db, clock, tmp_path, Role.VOLUNTEER, (ScopeKind.STATION, station), secret=PIN)
        return made, handle, db.write_now(people.badge, made, admin, now)

    return make


def test_a_shared_phone_changes_hands_by_badge_and_pin(
    browser: Browser, invite: Any, badge: Any, db: Database, clock: Clock
) -> None:
    _, first, path = invite(Role.VOLUNTEER)
    second, number, code = badge()
    join(browser, path, PIN)
    left = browser.cookies["session"]
    scanned = browser.post(
        "/badge",
        data={"text": codes.url("http://127.0.0.1:8000", code), "csrf_token": form_token(browser.get("/").text)},
    )
    assert scanned.headers["location"] == f"/badge/{second}"
    page = browser.get(f"/badge/{second}")
    assert number in page.text
    entered = browser.post(f"/badge/{second}", data={"secret": PIN, "csrf_token": form_token(page.text)})
    assert entered.status_code == 303
    assert me(browser) == (200, number)
    with pytest.raises(accounts.SignInNeeded):
        db.read_now(accounts.who, left, clock.now())
    assert first != number


def test_a_badge_alone_opens_nothing(browser: Browser, invite: Any, badge: Any) -> None:
    _, _, path = invite(Role.VOLUNTEER)
    owner, _, _ = badge()
    join(browser, path, PIN)
    browser.cookies.delete("session")
    assert browser.post(f"/badge/{owner}", data={"secret": "7392"}).status_code == 401
    assert browser.post(f"/badge/{owner}", data={"secret": ""}).status_code == 400
    assert me(browser)[0] == 401


def test_a_badge_on_a_phone_nobody_invited_opens_nothing(browser: Browser, badge: Any) -> None:
    owner, number, _ = badge()
    page = browser.get(f"/badge/{owner}")
    assert page.status_code == 403
    assert number not in page.text
    assert browser.post(f"/badge/{owner}", data={"secret": PIN}).status_code == 403
    assert me(browser)[0] == 401


def test_what_is_scanned_instead_of_a_badge_is_told_and_opens_nothing(browser: Browser, invite: Any) -> None:
    assert browser.post("/badge", data={"text": "6901234567892"}).status_code == 403
    _, _, path = invite(Role.VOLUNTEER)
    join(browser, path, PIN)
    known = browser.cookies["device"]
    browser.cookies.clear()
    browser.cookies.set("device", known)
    assert browser.post("/badge", data={"text": "6901234567892"}).status_code == NotBadge.status


def test_guessing_stops_after_ten_tries_and_the_owner_s_phone_still_enters(
    browser: Browser, invite: Any, db: Database, clock: Clock, tmp_path: Path
) -> None:
    _, handle, path = invite(Role.VOLUNTEER)
    join(browser, path, PIN)
    device = browser.cookies["device"]
    browser.cookies.clear()
    told = [
        browser.post("/sign-in", data={"handle": handle, "secret": f"{number}"}).status_code
        for number in range(5000, 5012)
    ]
    assert told == [401] * 10 + [429] * 2
    browser.cookies.set("device", device)
    assert browser.post("/sign-in", data={"handle": handle, "secret": PIN}).status_code == 303


def test_guessing_stops_however_the_address_is_forged(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    _, handle = account(db, clock, tmp_path, Role.OFFICE, secret=PASSPHRASE)

    def guess(number: int) -> int:
        forged = {"x-forwarded-for": f"198.51.100.{number}", "forwarded": f"for=198.51.100.{number}"}
        answer = browser.post("/sign-in", data={"handle": handle, "secret": f"guess {number} of it"}, headers=forged)
        return answer.status_code

    assert [guess(number) for number in range(12)] == [401] * 10 + [429] * 2


def test_one_address_cannot_try_all_accounts(browser: Browser, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "ADDRESS_TRIES", 5)
    told = [
        browser.post(
            "/sign-in", data={"handle": f"N-{number}", "secret": "x"}, headers={"x-forwarded-for": f"192.0.2.{number}"}
        ).status_code
        for number in range(7)
    ]
    assert told == [401] * 5 + [429] * 2


def test_guessing_is_remembered_over_a_restart(db: Database, clock: Clock, tmp_path: Path) -> None:
    for expected in ([401] * 6, [401] * 4 + [429] * 2):
        with client(db, clock, tmp_path) as browser:
            told = [browser.post("/sign-in", data={"handle": "N-1", "secret": "x"}).status_code for _ in range(6)]
        assert told == expected


def test_a_program_gets_a_token_for_staff_number_and_passphrase(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    _, handle = account(db, clock, tmp_path, Role.OFFICE, secret=PASSPHRASE)
    answer = browser.post("/api/tokens", json={"handle": handle, "secret": PASSPHRASE})
    assert answer.status_code == 201
    assert set(answer.json()) == {"token", "ends_at"}
    headers = {"authorization": f"Bearer {answer.json()['token']}"}
    assert browser.get("/api/me", headers=headers).json()["handle"] == handle
    assert browser.delete("/api/tokens/own", headers=headers).status_code == 204
    assert browser.get("/api/me", headers=headers).status_code == 401


def test_a_pin_gives_no_token(browser: Browser, db: Database, clock: Clock, tmp_path: Path) -> None:
    _, handle = account(db, clock, tmp_path, Role.VOLUNTEER, secret=PIN)
    assert browser.post("/api/tokens", json={"handle": handle, "secret": PIN}).status_code == 401


def test_who_i_am_is_told_and_no_more(browser: Browser, db: Database, clock: Clock, tmp_path: Path) -> None:
    made, handle = account(db, clock, tmp_path, Role.AUDITOR)
    told = browser.get("/api/me", headers=bearer(db, clock, made)).json()
    assert set(told) == {"account", "handle", "role", "doctor", "stations", "teams", "communities"}
    assert (told["handle"], told["role"]) == (handle, "auditor")


def test_cookies_on_https_are_bound_to_the_host_and_out_of_reach(secure: Browser, invite: Any) -> None:
    _, _, path = invite(Role.VOLUNTEER)
    given = [SimpleCookie(line) for line in join(secure, path, PIN).headers.get_list("set-cookie")]
    cookies = {name: morsel for cookie in given for name, morsel in cookie.items()}
    assert set(cookies) == {"__Host-session", "__Host-device"}
    for morsel in cookies.values():
        assert morsel["secure"]
        assert morsel["httponly"]
        assert morsel["samesite"].lower() == "lax"
        assert morsel["path"] == "/"
        assert morsel["domain"] == ""


def test_signing_out_on_https_takes_the_cookie_away(secure: Browser, invite: Any) -> None:
    _, _, path = invite(Role.VOLUNTEER)
    join(secure, path, PIN)
    answer = secure.post("/sign-out", data={"csrf_token": form_token(secure.get("/").text)})
    [cookie] = [SimpleCookie(line) for line in answer.headers.get_list("set-cookie")]
    assert cookie["__Host-session"]["max-age"] == "0"
    assert cookie["__Host-session"]["secure"]


@pytest.mark.parametrize(
    "onwards",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil.example", "javascript:x"],
)
def test_signing_in_leads_to_own_pages_only(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path, onwards: str
) -> None:
    _, handle = account(db, clock, tmp_path, Role.OFFICE, secret=PASSPHRASE)
    answer = browser.post("/sign-in", data={"handle": handle, "secret": PASSPHRASE, "next": onwards})
    location = answer.headers["location"]
    assert urlsplit(location).netloc == ""
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\", "/\t"))


def test_signing_in_leads_back_to_where_one_was(browser: Browser, db: Database, clock: Clock, tmp_path: Path) -> None:
    _, handle = account(db, clock, tmp_path, Role.OFFICE, secret=PASSPHRASE)
    asked = browser.get("/audit?before=01a2095c-74cb-7357-b9fc-246780d113e8")
    page = browser.get(asked.headers["location"])
    _language_form, kept = re.findall(r'name="next" value="([^"]*)"', page.text)
    answer = browser.post("/sign-in", data={"handle": handle, "secret": PASSPHRASE, "next": kept})
    assert answer.headers["location"] == "/audit?before=01a2095c-74cb-7357-b9fc-246780d113e8"


def test_an_administrator_invites_by_the_page(browser: Browser, db: Database, clock: Clock, tmp_path: Path) -> None:
    made, _ = account(db, clock, tmp_path, Role.ADMINISTRATOR)
    browser_of(browser, db, clock, made)
    page = browser.get("/people").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    fields = {"csrf_token": form_token(page), "key": key[1], "role": "auditor", "handle": "U-77", "place": ""}
    shown = browser.post("/people", data=fields)
    assert shown.status_code == 200
    link = re.search(r"http://127\.0\.0\.1:8000(/join/[\w-]+)", shown.text)
    assert link
    browser.cookies.clear()
    assert "U-77" in browser.get(link[1]).text


def test_what_was_typed_about_somebody_new_is_kept_when_refused(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    made, _ = account(db, clock, tmp_path, Role.ADMINISTRATOR)
    browser_of(browser, db, clock, made)
    page = browser.get("/people").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    fields = {"csrf_token": form_token(page), "key": key[1], "role": "volunteer", "handle": "V-78", "place": ""}
    refused = browser.post("/people", data=fields)
    assert refused.status_code == 400
    assert 'value="V-78"' in refused.text
    assert 'id="e-scopes"' in refused.text
