"""Backups that hold everything acknowledged before they began, on either database, and prove themselves.

A backup is one ZIP: a file of JSON lines per table, read in a single snapshot beside running writers, and a manifest
with counts and SHA-256 digests. Sealed fields stay sealed; the master key is never in it. Because nothing in it is
particular to a database, a store can move from SQLite to PostgreSQL and back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import LargeBinary, Table, func, insert, select
from sqlalchemy.orm import Session

import labels.models  # noqa: F401 - importing registers the tables
from app.base.columns import Base, Day, Id, Instant
from app.base.models import Store
from app.base.vault import KeyMissing, Vault, key_file

FORMAT = 1
_MANIFEST = "manifest.json"
_CHUNK = 1_000
_LARGEST_LINE = 4 * 1024 * 1024


class Damaged(Exception):
    """The file is no backup of ours, or is not as it was written."""


class NotEmpty(Exception):
    """A backup is restored into an empty store only: nothing is ever overwritten."""


class TableEntry(msgspec.Struct, frozen=True):
    """One table in the manifest."""

    name: str
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds and of which store."""

    format: int
    store: UUID
    made_at: datetime
    tables: tuple[TableEntry, ...]


def back_up(session: Session, file: Path, now: datetime) -> Manifest:
    """Write a backup of the store as ``session`` sees it; the file appears only when it is whole."""
    store = session.execute(select(Store)).scalar_one()
    half = file.with_name(file.name + ".part")
    entries = []
    with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in Base.metadata.sorted_tables:
            digest, rows = hashlib.sha256(), 0
            with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as out:
                for line in _lines(session, table):
                    out.write(line)
                    digest.update(line)
                    rows += 1
            entries.append(TableEntry(str(table.name), rows, digest.hexdigest()))
        manifest = Manifest(FORMAT, store.id, now, tuple(entries))
        archive.writestr(_MANIFEST, msgspec.json.encode(manifest))
    half.replace(file)
    return manifest


def _lines(session: Session, table: Table) -> Iterator[bytes]:
    rows = session.execute(select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_CHUNK))
    for row in rows:
        yield msgspec.json.encode(list(row)) + b"\n"


def verify(file: Path) -> Manifest:
    """Read a backup through and compare every digest; raises Damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
            for entry in manifest.tables:
                digest, rows = hashlib.sha256(), 0
                for line in _file_lines(archive, entry.name):
                    digest.update(line)
                    rows += 1
                if rows != entry.rows or not hmac.compare_digest(digest.hexdigest(), entry.sha256):
                    raise Damaged(f"table {entry.name} is not as it was written")
    except (zipfile.BadZipFile, KeyError, msgspec.MsgspecError, EOFError) as error:
        raise Damaged(f"not a whole backup: {type(error).__name__}") from None
    if manifest.format != FORMAT:
        raise Damaged(f"format {manifest.format} is not one that this version reads")
    return manifest


def _file_lines(archive: zipfile.ZipFile, table: str) -> Iterator[bytes]:
    with archive.open(f"{table}.jsonl") as lines:
        while line := lines.readline(_LARGEST_LINE):
            yield line


def restore(session: Session, file: Path, keys: Path) -> Manifest:
    """Fill an empty, migrated store from a verified backup.

    Raises Damaged, NotEmpty, or KeyMissing where the master key of the backed-up store is not in ``keys``.
    """
    manifest = verify(file)
    if session.execute(select(func.count()).select_from(Store)).scalar_one():
        raise NotEmpty("the store to restore into is not empty")
    with zipfile.ZipFile(file) as archive:
        for table in Base.metadata.sorted_tables:
            present = {row[0] for row in session.execute(select(*table.primary_key.columns))}
            chunk: list[dict[str, Any]] = []
            for line in _file_lines(archive, table.name):
                row = _row(table, msgspec.json.decode(line))
                if row[next(iter(table.primary_key.columns)).name] in present:
                    continue  # the virtual places that the first migration made
                chunk.append(row)
                if len(chunk) == _CHUNK:
                    session.execute(insert(table), chunk)
                    chunk = []
            if chunk:
                session.execute(insert(table), chunk)
    _key_fits(session, keys)
    return manifest


def _row(table: Table, values: list[Any]) -> dict[str, Any]:
    return {column.name: _value(column.type, value) for column, value in zip(table.columns, values, strict=True)}


_READ: dict[type[Any], Callable[[Any], Any]] = {
    Id: UUID,
    Instant: datetime.fromisoformat,
    Day: date.fromisoformat,
    LargeBinary: base64.b64decode,
}


def _value(kind: Any, value: Any) -> Any:
    read = _READ.get(type(kind))
    return value if value is None or read is None else read(value)


def _key_fits(session: Session, keys: Path) -> None:
    store = session.execute(select(Store)).scalar_one()
    file = key_file(keys, store.id)
    if not file.exists():
        raise KeyMissing(file, found=False)
    if Vault(bytes.fromhex(file.read_text().strip())).check != store.key_check:
        raise KeyMissing(file, found=True)
