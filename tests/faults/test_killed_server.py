"""kill -9 in the middle of a flood of gifts: what was acknowledged is there, what was not can be sent again."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import check
from app.base import accounts, audit
from app.base.clock import Clock
from app.base.db import SqliteDatabase
from app.base.ids import new_id
from app.base.models import Replay
from app.base.settings import Settings
from app.migrations.run import migrate
from inventory.models import Donation, DonationLine, Movement, Pack
from tests.bench.server import free_port
from tests.faults.real_server import Server, started
from tests.inventory.world import PARACETAMOL, World, build

SEED = 20261123
KILLS = 6
CLIENTS = 4
MOST_SECONDS = 0.6


class Sent(NamedTuple):
    """Everything that left the phones: bodies by key, and what was answered to each that was."""

    bodies: dict[UUID, bytes]
    answered: dict[UUID, str]


class Flood:
    """Volunteers at several counters who take in one pack after the other until nobody answers any more."""

    def __init__(self, server: Server, world: World, token: str, sent: Sent) -> None:
        self.server, self.world, self.sent = server, world, sent
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def until_killed(self, seconds: float) -> None:
        """Let every client pour, and kill the server at an unforeseen moment."""
        threads = [threading.Thread(target=self._pour) for _ in range(CLIENTS)]
        before = len(self.sent.answered)
        for thread in threads:
            thread.start()
        while len(self.sent.answered) == before:
            time.sleep(0.001)
        time.sleep(seconds)
        self.server.kill()
        for thread in threads:
            thread.join()

    def again(self, keys: Iterable[UUID]) -> None:
        """Send gifts once more, with their same keys."""
        with self._phone() as phone:
            for key in keys:
                self._send(phone, key, self.sent.bodies[key])

    def unanswered(self) -> list[UUID]:
        """What no phone knows the fate of."""
        return sorted(self.sent.bodies.keys() - self.sent.answered.keys())

    def _pour(self) -> None:
        with self._phone() as phone, contextlib.suppress(httpx.TransportError):
            while True:
                key = new_id()
                self._send(phone, key, self._gift(key))

    def _phone(self) -> httpx.Client:
        return httpx.Client(base_url=self.server.address, headers=self.headers, timeout=30, trust_env=False)

    def _gift(self, key: UUID) -> bytes:
        line = {"item": self.world.items[PARACETAMOL], "lot_number": "B1", "expiry": _later(), "look": {}}
        return msgspec.json.encode({"key": key, "station": self.world.station, "declared": True, "line": line})

    def _send(self, phone: httpx.Client, key: UUID, body: bytes) -> None:
        """One gift; that its answer came is written down only when it was read whole."""
        self.sent.bodies[key] = body
        answer = phone.post("/api/donations", content=body)
        assert answer.status_code == 201, answer.text
        donation = answer.json()["donation"]
        assert self.sent.answered.setdefault(key, donation) == donation


def _later() -> str:
    return f"{Clock().today().year + 2}-05"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", keys=tmp_path / "keys", port=free_port())


def founded(settings: Settings) -> tuple[World, str]:
    """A store with a station and its catalogue, and a volunteer's token."""
    db = SqliteDatabase(settings.sqlite_file)
    migrate(db.engine)
    world = build(db, Clock(), settings.keys)
    token = db.write_now(accounts.sign_in, world.people["volunteer"].account, "program", world.now).token
    db.close()
    return world, token


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_nothing_sent_again_counts_twice(settings: Settings, tmp_path: Path) -> None:
    random = Random(SEED)
    world, token = founded(settings)
    sent = Sent({}, {})
    with started(settings, tmp_path / "log") as server:
        flood = Flood(server, world, token, sent)
        for _ in range(KILLS):
            flood.until_killed(random.uniform(0, MOST_SECONDS))
            server.start()
            flood.again(flood.unanswered())
        flood.again(random.sample(sorted(sent.answered), 20))
    the_store_tells_the_same(settings, sent)


def the_store_tells_the_same(settings: Settings, sent: Sent) -> None:
    """Each gift is there exactly once, with its line, pack and movement, and every proof holds."""
    assert sent.bodies.keys() == sent.answered.keys()
    db = SqliteDatabase(settings.sqlite_file)
    try:
        donations = db.read_now(lambda session: list(session.execute(select(Donation.id)).scalars()))
        assert {str(donation) for donation in donations} == set(sent.answered.values())
        assert len(donations) == len(sent.answered)
        assert db.read_now(_counts) == [len(sent.answered)] * 4
        while db.write_now(audit.seal):
            continue
        assert db.read_now(lambda session: list(check.faults(session, Clock().now()))) == []
        assert db.read_now(lambda session: session.execute(text("PRAGMA integrity_check")).scalar()) == "ok"
    finally:
        db.close()


def _counts(session: Session) -> list[Any]:
    tables: list[Any] = [DonationLine, Pack, Movement, Replay]
    return [session.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]
