"""The ``nuanxin`` command: serve, migrate, check, openapi, backup, restore, invite, demo."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import StoreOwned, opened, sqlite_engine
from app.base.settings import Settings, environment_of, read_settings
from app.base.vault import KeyMissing
from app.demo import command as demo

WRONG, FAULTY = 2, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 is good, 1 means something disagrees or failed, 2 a wrong call."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        result: int = options.command(settings, options)
    except (ValueError, KeyMissing, StoreOwned, RuntimeError) as problem:
        print(f"nuanxin: {problem}", file=sys.stderr)
        return WRONG
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nuanxin", description="暖心 · medicine sharing and supply inventory")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[Settings, Any], int], words: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(command=command)
        return sub

    demo.arguments(add("demo", demonstrate, "make (or open) a demonstration store, play a day, and serve it"))
    add("serve", serve, "serve the store that NUANXIN_ settings name")
    add("migrate", migrate, "make the store's tables, or bring them to the newest version")
    checking = add("check", check, "replay ledger and audit; exit 1 and name it if anything disagrees")
    checking.add_argument("--json", action="store_true", help="one JSON object as the last line")
    add("openapi", openapi, "print the OpenAPI document")
    backing = add("backup", backup, "write a consistent backup beside running writers, without the master key")
    backing.add_argument("file", type=Path)
    restoring = add("restore", restore, "fill an empty store from a backup; its master key must be in NUANXIN_KEYS")
    restoring.add_argument("file", type=Path)
    inviting = add("invite", invite, "make an account and print its one-time sign-in link (the first administrator)")
    inviting.add_argument("--role", default="administrator")
    inviting.add_argument("--handle", required=True, help="staff number, such as A-001")
    return parser


def demonstrate(settings: Settings, options: Any) -> int:
    """Make the demonstration or open the one that is there, and serve it."""
    return demo.run(settings, options, run_server)


def serve(settings: Settings, _options: Any) -> int:
    """Serve until stopped. An embedded store is owned by one process; PostgreSQL takes ``workers``."""
    migrate(settings, None)
    run_server(settings)
    return 0


def run_server(settings: Settings) -> None:
    """Start granian on the settings' address; returns when it was stopped."""
    from granian import Granian
    from granian.constants import Interfaces

    os.environ.update(environment_of(settings))
    server = Granian(
        "app.main:serve",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.host,
        port=settings.port,
        workers=settings.workers if settings.database else 1,
        log_access=False,
        websockets=False,
        ssl_cert=Path(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_key=Path(settings.tls_key) if settings.tls_key else None,
    )
    server.serve()


def migrate(settings: Settings, _options: Any) -> int:
    """Bring the store's tables to the newest version; a new store gets its master key with it."""
    from app.base import store
    from app.migrations.run import migrate as upgrade

    settings.data.mkdir(parents=True, exist_ok=True)
    with opened(settings.database, settings.sqlite_file) as database:
        upgrade(database.engine)
        database.write_now(store.found, settings.keys, Clock(settings.timezone).now())
    return 0


def check(settings: Settings, options: Any) -> int:
    """Name every disagreement on standard output."""
    from app import check as checking
    from inventory import ledger

    counts: dict[str, int] = {"ledger": 0, "distribution": 0, "labels": 0, "audit": 0}
    with _reading(settings) as session:
        for part, fault in checking.faults(session, Clock(settings.timezone).now()):
            counts[part] += 1
            print(f"{part}: {fault}")
        moved = ledger.count(session)
    good = not any(counts.values())
    print("一致，没有发现差错 / all agrees" if good else "有差错，见上 / disagreements, see above")
    if options.json:
        print(msgspec.json.encode({"ok": good, "movements": moved, "faults": counts}).decode())
    return 0 if good else FAULTY


def openapi(settings: Settings, _options: Any) -> int:
    """Print the OpenAPI document; needs no store."""
    from app.main import document

    print(msgspec.json.format(msgspec.json.encode(document(settings)), indent=2).decode())
    return 0


def backup(settings: Settings, options: Any) -> int:
    """Write a backup and read it through again."""
    from app import backup as backing
    from app.base.vault import key_file

    with _reading(settings) as session:
        manifest = backing.back_up(session, options.file, Clock(settings.timezone).now())
    backing.verify(options.file)
    rows = sum(entry.rows for entry in manifest.tables)
    print(f"{options.file}: {rows} rows, verified")
    print(f"the master key is not in it; keep a copy apart: {key_file(settings.keys, manifest.store)}")
    return 0


def restore(settings: Settings, options: Any) -> int:
    """Fill an empty store; on any fault nothing is kept."""
    from app import backup as backing
    from app.migrations.run import migrate as upgrade

    settings.data.mkdir(parents=True, exist_ok=True)
    with opened(settings.database, settings.sqlite_file) as database:
        upgrade(database.engine)
        try:
            manifest = database.write_now(backing.restore, options.file, settings.keys)
        except (backing.Damaged, backing.NotEmpty, FileNotFoundError) as problem:
            print(f"nuanxin: {problem}", file=sys.stderr)
            return FAULTY
    print(f"restored {sum(entry.rows for entry in manifest.tables)} rows of {manifest.made_at:%Y-%m-%d %H:%M} UTC")
    return 0


def invite(settings: Settings, options: Any) -> int:
    """Make an account without scopes and print its link."""
    from app.base import accounts, store
    from app.base.permissions import SYSTEM, Role

    now = Clock(settings.timezone).now()

    def make(session: Session) -> str:
        vault = store.found(session, settings.keys, now)
        new = accounts.NewAccount(role=Role(options.role), handle=options.handle)
        return accounts.invite(session, accounts.create(session, vault, new, SYSTEM, now), SYSTEM, now)

    migrate(settings, None)
    with opened(settings.database, settings.sqlite_file) as database:
        print(f"{settings.base_url}/join/{database.write_now(make)}")
    return 0


@contextlib.contextmanager
def _reading(settings: Settings) -> Iterator[Session]:
    """A read-only snapshot beside whoever owns the store."""
    if not settings.database and not settings.sqlite_file.exists():
        raise ValueError(f"there is no store at {settings.sqlite_file}")
    engine: Engine = create_engine(settings.database) if settings.database else sqlite_engine(settings.sqlite_file)
    if settings.database:
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    else:
        engine = engine.execution_options(nuanxin_begin="BEGIN")
    with Session(engine, autoflush=False) as session:
        yield session
    engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
