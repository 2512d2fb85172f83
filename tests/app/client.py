"""Clients for tests over HTTP: the whole application on a test's own store, and signed-in people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from litestar import Litestar
from litestar.testing import TestClient

from app.base import accounts
from app.base.accounts import NewAccount
from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import SYSTEM, Role, ScopeKind
from app.base.settings import Settings
from app.base.vault import open_vault
from app.main import create_app

PASSPHRASE = "夜里的雨一直下到了天亮才停"
PIN = "7391"


def settings_for(folder: Path, **more: Any) -> Settings:
    """Settings with data and keys of their own under a test's folder."""
    return Settings(data=folder / "data", keys=folder / "keys", **more)


def application(db: Database, clock: Clock, folder: Path, **more: Any) -> Litestar:
    """The whole application on a test's store."""
    return create_app(settings_for(folder, **more), db=db, clock=clock)


@contextlib.contextmanager
def client(db: Database, clock: Clock, folder: Path, **more: Any) -> Iterator[TestClient[Litestar]]:
    """A browser without cookies that follows no redirects; faults of the server are answers, not exceptions."""
    address = more.get("base_url", "http://127.0.0.1:8000")
    with TestClient(application(db, clock, folder, **more), base_url=address, raise_server_exceptions=False) as made:
        made.follow_redirects = False
        yield made


def account(
    db: Database, clock: Clock, folder: Path, role: Role, *scopes: tuple[ScopeKind, UUID], secret: str | None = None
) -> tuple[UUID, str]:
    """(account, staff number) of somebody new, with a PIN or passphrase where one is given."""

    def make(session: Any) -> tuple[UUID, str]:
        vault = open_vault(session, folder / "keys")
        new = NewAccount(role=role, handle=f"{role.value[:1].upper()}-{uuid4().hex[:8]}", scopes=scopes)
        made = accounts.create(session, vault, new, SYSTEM, clock.now())
        return made, new.handle

    made, handle = db.write_now(make)
    if secret is not None:
        hashed = accounts.hash_secret(role, secret)
        token = db.write_now(accounts.invite, made, SYSTEM, clock.now())
        db.write_now(accounts.accept_invitation, token, hashed, clock.now())
    return made, handle


def signed_in(db: Database, clock: Clock, folder: Path, role: Role, *scopes: tuple[ScopeKind, UUID]) -> dict[str, str]:
    """Headers of a program that acts as somebody new of this role."""
    made, _ = account(db, clock, folder, role, *scopes)
    return bearer(db, clock, made)


def bearer(db: Database, clock: Clock, made: UUID) -> dict[str, str]:
    """Headers of a program that acts as an account."""
    token = db.write_now(accounts.sign_in, made, "program", clock.now())
    return {"authorization": f"Bearer {token.token}"}


def browser_of(at: TestClient[Litestar], db: Database, clock: Clock, made: UUID, means: str = "desk") -> str:
    """Let a client's cookie jar act as an account; returns the token, whose form token writes need."""
    token = db.write_now(accounts.sign_in, made, means, clock.now()).token
    name = "__Host-session" if str(at.base_url).startswith("https") else "session"
    at.cookies.set(name, token)
    return token
