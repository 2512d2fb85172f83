"""Guessing codes is slowed down by network and told of once a window; the honest are not hampered, nothing is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.base.accounts import TRY_WINDOW
from app.base.clock import Clock
from app.base.db import Database
from app.base.models import Attempt, AuditNote
from labels import guessing
from labels.guessing import MOST, MOST_TOGETHER
from tests.conftest import Hands

ADDRESS = "203.0.113.7"


def guess(db: Database, clock: Clock, address: str = ADDRESS, times: int = 1) -> int:
    """So many look-ups that lead nowhere; returns how many of them raised an alert."""

    def all_of_them(session: Any) -> int:
        return sum(guessing.count(session, address, clock.now()) for _ in range(times))

    return db.write_now(all_of_them)


def waits(db: Database, clock: Clock, address: str = ADDRESS) -> int:
    return db.read_now(guessing.seconds_to_wait, address, clock.now())


def notes(db: Database) -> list[Any]:
    found = select(AuditNote.actor, AuditNote.detail).where(AuditNote.verb == "label.guessing")
    return db.read_now(lambda session: session.execute(found.order_by(AuditNote.id)).all())


def test_the_hundredth_look_up_that_leads_nowhere_makes_an_address_wait_and_no_other(
    db: Database, clock: Clock
) -> None:
    guess(db, clock, times=MOST - 1)
    assert waits(db, clock) == 0
    guess(db, clock)
    assert 0 < waits(db, clock) <= 2 * TRY_WINDOW
    assert waits(db, clock, "203.0.113.8") == 0


def test_a_household_s_many_ipv6_addresses_are_one_network(db: Database, clock: Clock) -> None:
    for number in range(MOST):
        guess(db, clock, f"2001:db8:1:2:{number:x}::1")
    assert waits(db, clock, "2001:db8:1:2:ffff::9") > 0
    assert waits(db, clock, "2001:db8:1:3::1") == 0


def test_an_address_is_the_same_however_it_is_written(db: Database, clock: Clock) -> None:
    guess(db, clock, f"::ffff:{ADDRESS}", MOST)
    assert waits(db, clock) > 0
    assert waits(db, clock, "203.0.113.8") == 0


def test_the_wait_that_is_told_is_the_wait_that_is(sqlite_db: Database, clock: Clock, hands: Hands) -> None:
    guess(sqlite_db, clock, times=MOST // 2)
    hands.at += timedelta(seconds=TRY_WINDOW)
    guess(sqlite_db, clock, times=MOST // 2)
    told = waits(sqlite_db, clock)
    hands.at += timedelta(seconds=told - 1)
    assert waits(sqlite_db, clock) == 1
    hands.at += timedelta(seconds=1)
    assert waits(sqlite_db, clock) == 0


def test_a_thousand_guesses_raise_one_alert_a_window(db: Database, clock: Clock, hands: Hands) -> None:
    assert guess(db, clock, times=1_000) == 1
    hands.at += timedelta(seconds=TRY_WINDOW)
    assert guess(db, clock, times=1_000) == 1
    assert [note.detail["kind"] for note in notes(db)] == ["one-network"] * 2
    assert {note.actor for note in notes(db)} == {None}


def test_many_networks_together_raise_an_alert_but_none_of_them_waits(db: Database, clock: Clock) -> None:
    raised = [guess(db, clock, f"198.51.{number // 250}.{number % 250}") for number in range(MOST_TOGETHER + 50)]
    assert raised.index(1) == MOST_TOGETHER - 1
    assert sum(raised) == 1
    assert notes(db)[0].detail == {"kind": "many-networks", "count": MOST_TOGETHER}
    assert waits(db, clock, "198.51.0.1") == 0


def test_neither_address_nor_code_is_kept(db: Database, clock: Clock) -> None:
    guess(db, clock, times=MOST)
    kept = db.read_now(lambda session: session.execute(select(Attempt.subject)).scalars().all())
    assert {len(subject) for subject in kept} == {32}
    assert ADDRESS not in str(kept)
    assert ADDRESS not in str(notes(db))


def test_what_lies_two_windows_back_is_forgotten(db: Database, clock: Clock, hands: Hands) -> None:
    guess(db, clock, times=3)
    hands.at += timedelta(seconds=2 * TRY_WINDOW)
    guess(db, clock)
    windows = db.read_now(lambda session: session.execute(select(Attempt.window)).scalars().all())
    assert set(windows) == {int(clock.now().timestamp()) // TRY_WINDOW}


@pytest.mark.parametrize(("hours", "shown"), [(0, True), (23, True), (24, False)])
def test_an_alert_is_told_for_a_day(sqlite_db: Database, clock: Clock, hands: Hands, hours: int, shown: bool) -> None:
    assert sqlite_db.read_now(guessing.alert, clock.now()) is None
    guess(sqlite_db, clock, times=MOST)
    since = clock.now()
    hands.at += timedelta(hours=hours)
    alert = sqlite_db.read_now(guessing.alert, clock.now())
    assert (alert is not None) is shown
    if alert is not None:
        assert alert.at == since
        assert alert.lately == (MOST if hours == 0 else 0)
