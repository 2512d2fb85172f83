"""Makes a demonstration whole or not at all, opens it again, and never touches a store that holds real people."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import string
import tempfile
import time
from collections.abc import Iterator
from enum import StrEnum
from errno import EEXIST
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine, create_engine, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.base import accounts, store
from app.base.clock import Clock
from app.base.db import Database, opened, sqlite_engine
from app.base.i18n import LANGUAGES, Messages
from app.base.models import Store
from app.base.permissions import Role
from app.base.settings import Settings
from app.base.vault import Vault
from app.demo import child, day, summary, town
from app.demo.counter import Size
from app.demo.summary import Kept, Report
from app.demo.town import Secrets, Town
from app.migrations.run import migrate

MARK = "demo.json"
FILES = "files"
_PIN_DIGITS = 6
_PASSPHRASE_LETTERS = 16


class Found(StrEnum):
    """What stands where the demonstration is wanted."""

    NOTHING = "nothing"
    DEMO = "demo"
    UNFINISHED = "unfinished"
    OTHER = "other"
    REAL = "real"


class CannotMake(ValueError):
    """The demonstration cannot stand there; the text says why, in both languages."""


def both(words: Messages, key: str, /, **params: object) -> str:
    """A message in both languages."""
    return " / ".join(words.say(language, key, **params) for language in LANGUAGES)


def place_of(settings: Settings) -> str:
    """Where the store stands, in words; a password in a database's address is not shown."""
    return make_url(settings.database).render_as_string() if settings.database else str(settings.data)


def look(settings: Settings, words: Messages) -> Found:
    """What is there, read without a change; raises CannotMake where it cannot be read."""
    found = _at(settings, words)
    if found is Found.NOTHING and any((settings.data / name).exists() for name in (MARK, FILES)):
        return Found.OTHER
    return found


def _at(settings: Settings, words: Messages) -> Found:
    if not settings.database and not settings.sqlite_file.exists():
        return Found.NOTHING
    engine = _engine(settings)
    try:
        with Session(engine) as session:
            return _found(session, settings)
    except SQLAlchemyError as problem:
        raise CannotMake(both(words, "demo.unreadable", fault=type(problem).__name__)) from None
    finally:
        engine.dispose()


def _engine(settings: Settings) -> Engine:
    if settings.database:
        return create_engine(settings.database, hide_parameters=True)
    return sqlite_engine(settings.sqlite_file).execution_options(nuanxin_begin="BEGIN")


def _found(session: Session, settings: Settings) -> Found:
    tables = inspect(session.connection()).get_table_names()
    if Store.__tablename__ not in tables:
        # Somebody else's tables, or a file that is no store: nothing of ours is put among them.
        return Found.REAL if tables or not settings.database else Found.NOTHING
    row = session.execute(select(Store.id, Store.demo)).first()
    if row is None:
        return Found.NOTHING if settings.database else Found.REAL
    if not row.demo:
        return Found.REAL
    mark = settings.data / MARK
    return Found.DEMO if mark.exists() and summary.kept(mark).store == row.id else Found.UNFINISHED


def make(settings: Settings, seed: int, residents: int, size: Size, words: Messages) -> Report:
    """Found the town and play its day; of a failure or a Ctrl-C nothing is left in ``settings.data``."""
    started = time.monotonic()
    clock = Clock(settings.timezone)
    with workshop(settings) as making, _progress() as progress:
        pin = "".join(secrets.choice(string.digits) for _ in range(_PIN_DIGITS))
        passphrase = "".join(secrets.choice(string.ascii_lowercase) for _ in range(_PASSPHRASE_LETTERS))
        here = _founded(making, clock, seed, residents, _hashed(pin, passphrase), progress, words)
        with child.serving(making) as address:
            files = day.play(address, here, making.data / FILES, seed, size, clock, progress, partial(both, words))
        with opened(making.database, making.sqlite_file) as db:
            kept = Kept(
                store=db.read_now(summary.store_id),
                seconds=0,
                pin=pin,
                passphrase=passphrase,
                hands=summary.shown(here),
                files=tuple(str(settings.data / FILES / name) for name in files),
            )
            done = summary.report(db, kept, settings.base_url, clock)
        seconds = round(time.monotonic() - started, 1)
        summary.keep(msgspec.structs.replace(kept, seconds=seconds), making.data / MARK)
    return msgspec.structs.replace(done, seconds=seconds)


def open_again(settings: Settings) -> Report:
    """The report of the store as it stands now, with fresh sign-in links; raises StoreOwned while it is served."""
    with opened(settings.database, settings.sqlite_file) as db:
        migrate(db.engine)
        return summary.report(db, summary.kept(settings.data / MARK), settings.base_url, Clock(settings.timezone))


@contextlib.contextmanager
def workshop(settings: Settings) -> Iterator[Settings]:
    """The same settings with a folder beside the final place; what was made there is moved over when all went well."""
    settings.data.mkdir(parents=True, exist_ok=True)
    keys = {*settings.keys.glob("*")}
    folder = Path(tempfile.mkdtemp(prefix=".making-", dir=settings.data))
    try:
        yield msgspec.structs.replace(settings, data=folder)
        for taken in (settings.data / MARK, settings.sqlite_file):
            if taken.exists():
                raise FileExistsError(EEXIST, os.strerror(EEXIST), str(taken))
        # The mark goes last: without it the store does not count as a finished demonstration.
        for entry in sorted(folder.iterdir(), key=lambda one: one.name == MARK):
            entry.replace(settings.data / entry.name)
        folder.rmdir()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for made in {*settings.keys.glob("*.key")} - keys:
            made.unlink()
        raise


def _founded(
    making: Settings, clock: Clock, seed: int, residents: int, hashed: Secrets, progress: Progress, words: Messages
) -> Town:
    with opened(making.database, making.sqlite_file) as db:
        vault = _new_store(db, making, clock)
        task = progress.add_task(both(words, "demo.progress.town"), total=residents)
        return town.found(db, vault, clock, seed, residents, hashed, lambda done: progress.advance(task, done))


def _new_store(db: Database, making: Settings, clock: Clock) -> Vault:
    migrate(db.engine)
    return db.write_now(store.found, making.keys, clock.now(), demo=True)


def _hashed(pin: str, passphrase: str) -> Secrets:
    return Secrets(pin=accounts.hash_secret(Role.MEMBER, pin), passphrase=accounts.hash_secret(Role.OFFICE, passphrase))


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
