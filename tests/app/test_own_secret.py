"""Changing one's own PIN or passphrase: the old one is asked, guessing is bounded, everything elsewhere ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import func, select

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.models import Account, AuditNote, Invitation, SignIn
from app.base.permissions import PHONE_ROLES, SYSTEM, Role
from tests.app.client import PASSPHRASE, PIN, account, bearer, browser_of, client

NEWER = "春天的院子里晒着三床棉被"
NEWER_PIN = "840296"
Browser = TestClient[Litestar]


@pytest.fixture
def browser(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Browser]:
    with client(db, clock, tmp_path) as made:
        yield made


class Owner:
    """Somebody at a browser of their own, signed in."""

    def __init__(self, browser: Browser, db: Database, clock: Clock, folder: Path, role: Role, secret: str) -> None:
        self.browser, self.db, self.clock, self.role = browser, db, clock, role
        self.account, self.handle = account(db, clock, folder, role, secret=secret)
        self.means = "device" if role in PHONE_ROLES else "desk"
        self.token = browser_of(browser, db, clock, self.account, self.means)

    def change(self, current: str, secret: str, again: str | None = None, **more: Any) -> Any:
        data = {"csrf_token": accounts.csrf_token(self.token), "current": current, "secret": secret, **more}
        if self.role not in PHONE_ROLES:
            data["again"] = secret if again is None else again
        return self.browser.post("/secret", data=data, headers={"sec-fetch-site": "same-origin"})

    def fits(self, secret: str) -> bool:
        stored = self.db.read_now(
            lambda session: session.execute(select(Account.secret).where(Account.id == self.account)).scalar()
        )
        return accounts.secret_fits(stored, secret)


@pytest.fixture
def owner(browser: Browser, db: Database, clock: Clock, tmp_path: Path) -> Owner:
    return Owner(browser, db, clock, tmp_path, Role.OFFICE, PASSPHRASE)


def alive(db: Database, of: UUID) -> int:
    """How many sign-ins of an account stand."""
    wanted = select(func.count()).where(SignIn.account == of, SignIn.revoked_at.is_(None))
    return int(db.read_now(lambda session: session.execute(wanted).scalar_one()))


def test_the_new_passphrase_holds_and_the_old_one_does_not(owner: Owner) -> None:
    done = owner.change(PASSPHRASE, NEWER)
    assert (done.status_code, done.headers["location"]) == (303, "/secret?done=true")
    assert owner.fits(NEWER)
    assert not owner.fits(PASSPHRASE)
    assert "改好了" in owner.browser.get(done.headers["location"]).text


def test_a_pin_is_changed_on_the_phone_and_typed_once(
    browser: Browser, db: Database, clock: Clock, tmp_path: Path
) -> None:
    volunteer = Owner(browser, db, clock, tmp_path, Role.VOLUNTEER, PIN)
    page = browser.get("/secret").text
    assert 'name="again"' not in page
    assert volunteer.change(PIN, NEWER_PIN).status_code == 303
    assert volunteer.fits(NEWER_PIN)
    assert browser.get("/api/me").json()["handle"] == volunteer.handle


def test_sign_ins_elsewhere_end_and_this_browser_goes_on_under_a_new_one(
    owner: Owner, db: Database, clock: Clock
) -> None:
    program = bearer(db, clock, owner.account)
    db.write_now(accounts.sign_in, owner.account, "desk", clock.now())
    owner.change(PASSPHRASE, NEWER)
    assert alive(db, owner.account) == 1
    assert owner.browser.get("/api/me").status_code == 200
    owner.browser.cookies.clear()
    assert owner.browser.get("/api/me", headers=program).status_code == 401
    assert owner.browser.get("/api/me", headers={"cookie": f"session={owner.token}"}).status_code == 401


def test_an_invitation_that_nobody_opened_yet_ends_too(owner: Owner, db: Database, clock: Clock) -> None:
    db.write_now(accounts.invite, owner.account, SYSTEM, clock.now())
    owner.change(PASSPHRASE, NEWER)
    left = select(func.count()).where(Invitation.account == owner.account, Invitation.uses_left > 0)
    assert db.read_now(lambda session: session.execute(left).scalar_one()) == 0


def test_nobody_else_is_signed_out(owner: Owner, db: Database, clock: Clock, tmp_path: Path) -> None:
    other, _ = account(db, clock, tmp_path, Role.OFFICE, secret=PASSPHRASE)
    stood = alive(db, other)
    owner.change(PASSPHRASE, NEWER)
    assert alive(db, other) == stood


def test_without_the_old_passphrase_nothing_changes(owner: Owner, db: Database) -> None:
    stood = alive(db, owner.account)
    no = owner.change("这一句肯定不是原来的那句", NEWER)
    assert no.status_code == 400
    assert "现在的密码或 PIN 不对" in no.text
    assert 'href="#f-current"' in no.text
    assert owner.fits(PASSPHRASE)
    assert alive(db, owner.account) == stood


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"secret": "太短", "again": "太短"}, "密码要有 12 到 128 个字"),
        ({"secret": "leavemealone", "again": "leavemealone"}, "太容易猜到"),
        ({"secret": NEWER, "again": NEWER + "！"}, "两次填的不一样"),
        ({"secret": "", "again": ""}, 'href="#f-secret"'),
    ],
)
def test_a_new_passphrase_that_will_not_do_is_told_at_its_field(
    owner: Owner, fields: dict[str, str], said: str
) -> None:
    no = owner.change(PASSPHRASE, **fields)
    assert no.status_code == 400
    assert said in no.text
    assert owner.fits(PASSPHRASE)
    for typed in (PASSPHRASE, NEWER):
        assert typed not in no.text


def test_guessing_the_old_passphrase_stops_and_locks_nobody_out_of_signing_in(owner: Owner, db: Database) -> None:
    told = [owner.change(f"猜第 {number} 次看看能不能中", NEWER).status_code for number in range(accounts.TRIES + 1)]
    assert told == [400] * accounts.TRIES + [429]
    assert owner.change(PASSPHRASE, NEWER).status_code == 429
    assert owner.fits(PASSPHRASE)
    owner.browser.cookies.clear()
    entered = owner.browser.post("/sign-in", data={"handle": owner.handle, "secret": PASSPHRASE})
    assert entered.status_code == 303


def test_a_right_one_does_not_count_as_a_guess(owner: Owner) -> None:
    for _ in range(accounts.TRIES + 2):
        done = owner.change(PASSPHRASE, PASSPHRASE)
        assert done.status_code == 303
        owner.token = done.cookies["session"]


def test_the_change_is_written_down_without_the_secret(owner: Owner, db: Database) -> None:
    owner.change(PASSPHRASE, NEWER)
    noted = select(AuditNote.actor, AuditNote.subject, AuditNote.detail).where(
        AuditNote.verb == "account.change-secret"
    )
    (note,) = db.read_now(lambda session: session.execute(noted).all())
    assert (note.actor, note.subject) == (owner.account, owner.account)
    assert set(note.detail) == {"count"}


def test_a_form_of_another_sign_in_changes_nothing(owner: Owner) -> None:
    assert owner.change(PASSPHRASE, NEWER, csrf_token="0" * 64).status_code == 403
    assert owner.fits(PASSPHRASE)


def test_an_account_without_a_secret_is_told_so(browser: Browser, db: Database, clock: Clock, tmp_path: Path) -> None:
    made, _ = account(db, clock, tmp_path, Role.COORDINATOR)
    browser_of(browser, db, clock, made)
    page = browser.get("/secret").text
    assert "没有可改的" in page
    assert "<input class" not in page


def test_every_role_finds_the_way_to_it(browser: Browser, db: Database, clock: Clock, tmp_path: Path) -> None:
    for role in Role:
        made, _ = account(db, clock, tmp_path, role)
        browser_of(browser, db, clock, made)
        assert 'href="/secret"' in browser.get("/").text
