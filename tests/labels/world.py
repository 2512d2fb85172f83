"""A running application with people of each role signed in, for the tests of label pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from litestar import Litestar
from litestar.testing import TestClient

from app.base import accounts, store
from app.base.accounts import NewAccount
from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import SYSTEM, Role, ScopeKind
from app.base.settings import Settings
from app.main import create_app
from labels import registry

STATION = uuid4()
PHONE = "0546 123 4567"


class World:
    """One application; ``visitor`` and ``signed_in`` are browsers that follow no redirect by themselves."""

    def __init__(self, db: Database, clock: Clock, folder: Path) -> None:
        self.db, self.clock = db, clock
        self.settings = Settings(data=folder / "data", keys=folder / "keys", phone=PHONE, base_url="http://127.0.0.1")
        self.app: Litestar = create_app(self.settings, db=db, clock=clock)

    @contextmanager
    def visitor(self, language: str = "zh") -> Iterator[TestClient[Any]]:
        """Somebody who is not signed in."""
        with TestClient(self.app, base_url="http://127.0.0.1") as client:
            client.headers.update({"sec-fetch-site": "same-origin", "accept-language": language})
            client.follow_redirects = False
            yield client

    @contextmanager
    def signed_in(self, role: Role) -> Iterator[Browser]:
        """Somebody of a role."""
        with self.visitor() as client:
            yield Browser(client, self.token(role))

    def token(self, role: Role) -> str:
        """A fresh account's sign-in; volunteers belong to the one station."""
        scopes = ((ScopeKind.STATION, STATION),) if role == Role.VOLUNTEER else ()
        new = NewAccount(role=role, handle=uuid4().hex, scopes=scopes)
        now = self.clock.now()
        vault = self.db.write_now(store.found, self.settings.keys, now)
        account = self.db.write_now(accounts.create, vault, new, SYSTEM, now)
        return self.db.write_now(accounts.sign_in, account, "device", now).token

    def blank(self, count: int = 1) -> tuple[str, ...]:
        """Blank labels of the station."""
        return self.db.write_now(registry.issue, count, STATION, SYSTEM, self.clock.now()).codes

    def bound(self, kind: str) -> tuple[str, UUID]:
        """A label in use, and what it stands for."""
        subject = uuid4()
        return self.db.write_now(registry.fresh, kind, subject, SYSTEM, self.clock.now()), subject

    def void(self) -> str:
        """A label that ended."""
        (code,) = self.blank()
        self.db.write_now(registry.void, code, "lost", SYSTEM, self.clock.now())
        return code


class Browser:
    """A signed-in browser: forms carry its token."""

    def __init__(self, client: TestClient[Any], token: str) -> None:
        self.client, self.csrf = client, accounts.csrf_token(token)
        client.cookies.set("session", token)

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, **fields: str) -> Any:
        return self.client.post(path, data={"csrf_token": self.csrf, **fields})

    def send(self, path: str, body: object) -> Any:
        return self.client.post(path, json=body)
