"""Imports as they stand: how far each is, what its rows would do or did, kept packed beside the catalogue."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.base.errors import NotFound
from inventory.importing.import_match import OUTCOMES, Judged
from inventory.importing.import_models import ImportPart, ImportRun, ImportState
from inventory.receiving.intake_facts import Kind

STALLED = timedelta(seconds=15)
"""A check or an import that has not moved for so long was cut short, and can be gone on with."""
_RUNNING = (ImportState.CHECKING, ImportState.APPLYING)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """An import as its page shows it.

    ``counts`` has a number for each outcome, for rows of which something was ``kept``, and for what an applied one
    ``added``, ``changed`` and ``left``.
    """

    id: UUID
    at: datetime
    state: ImportState
    sheet: str
    other_sheets: int
    official: bool
    headings: tuple[str, ...]
    samples: tuple[tuple[str, ...], ...]
    comments: tuple[int, ...]
    columns: tuple[str, ...]
    kind: Kind
    wanted: bool
    source: str
    with_faults: bool
    rows: int
    parts: int
    done: int
    counts: dict[str, int]
    stalled: bool = False


def packed(value: Any) -> bytes:
    """Rows as they are kept."""
    return zlib.compress(msgspec.json.encode(value), 1)


def judged(data: bytes | None) -> tuple[Judged, ...]:
    """Packed rows as judged."""
    return msgspec.json.decode(zlib.decompress(data), type=tuple[Judged, ...]) if data else ()


def locked(session: Session, run: UUID) -> Any:
    """The import's row, held until commit. Raises NotFound."""
    row = session.execute(
        select(
            ImportRun.state, ImportRun.done, ImportRun.parts, ImportRun.counts, ImportRun.rows, ImportRun.headings
        ).where(ImportRun.id == run).with_for_update()
    ).first()  # fmt: skip
    if row is None:
        raise NotFound
    return row


def move(session: Session, run: UUID, now: datetime, **values: Any) -> None:
    """Write down how far the import is."""
    session.execute(update(ImportRun).where(ImportRun.id == run).values(moved_at=now, **values))


# ---------------------------------------------------------------- to look at


_RUN = (
    ImportRun.id, ImportRun.at, ImportRun.moved_at, ImportRun.state, ImportRun.sheet, ImportRun.other_sheets,
    ImportRun.official, ImportRun.headings, ImportRun.samples, ImportRun.comments, ImportRun.columns, ImportRun.kind,
    ImportRun.wanted, ImportRun.source, ImportRun.with_faults, ImportRun.rows, ImportRun.parts, ImportRun.done,
    ImportRun.counts,
)  # fmt: skip


def look(session: Session, run: UUID, now: datetime) -> Run:
    """An import as it stands. Raises NotFound."""
    row = session.execute(select(*_RUN).where(ImportRun.id == run)).first()
    if row is None:
        raise NotFound
    return _told(row, now)


def recent(session: Session, now: datetime, limit: int = 10) -> tuple[Run, ...]:
    """The newest imports that were not dropped."""
    rows = session.execute(
        select(*_RUN)
        .where(ImportRun.state != ImportState.DROPPED)
        .order_by(ImportRun.at.desc(), ImportRun.id)
        .limit(limit)
    )
    return tuple(_told(row, now) for row in rows)


def _told(row: Any, now: datetime) -> Run:
    given = {name: getattr(row, name) for name in Run.__struct_fields__ if name != "stalled"}
    given["stalled"] = row.state in _RUNNING and now - row.moved_at > STALLED
    return msgspec.convert(given, Run)


def rows_of(session: Session, run: UUID, outcome: str, after: int = 0, limit: int = 50) -> tuple[Judged, ...]:
    """Rows behind number ``after`` with an outcome of ``OUTCOMES``, or all; of an applied part what became of it.

    ``conflict`` are all rows of which something was kept. At most 200 at once.
    """
    found: list[Judged] = []
    for one in _all_rows(session, run):
        if one.number > after and (
            outcome not in OUTCOMES or one.outcome == outcome or (outcome == "conflict" and one.kept)
        ):
            found.append(one)
            if len(found) >= min(limit, 200):
                break
    return tuple(found)


def report(session: Session, run: UUID) -> tuple[Judged, ...]:
    """Every row and what it did or would do, for the whole file."""
    return tuple(_all_rows(session, run))


def _all_rows(session: Session, run: UUID) -> Iterator[Judged]:
    parts = session.execute(
        select(ImportPart.plan, ImportPart.result).where(ImportPart.run == run).order_by(ImportPart.number)
    )
    for plan, result in parts:
        yield from judged(result or plan)
