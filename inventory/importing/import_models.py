"""Tables of imports: a file's rows between upload and report, and which changes of the catalogue an import made."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, Word, strict


class ImportState(StrEnum):
    """How far an import is. ``checking`` and ``applying`` go on beside everything else."""

    COLUMNS = "columns"
    CHECKING = "checking"
    PREVIEW = "preview"
    APPLYING = "applying"
    DONE = "done"
    DROPPED = "dropped"


class ImportRun(Base):
    """One uploaded file. ``done`` of ``parts`` parts are checked or applied; ``moved_at`` is when that last grew.

    ``columns`` names the field of every column; ``kind``, ``wanted`` and ``source`` hold for rows that do not say.
    ``with_faults``: a person said that the good rows go in although others are faulty.
    """

    __tablename__ = "import_runs"
    __table_args__ = strict(Index("ix_import_runs_at", "at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    by: Mapped[UUID]
    at: Mapped[datetime]
    moved_at: Mapped[datetime]
    state: Mapped[ImportState] = mapped_column(Word(ImportState))
    sheet: Mapped[str]
    other_sheets: Mapped[int]
    official: Mapped[bool]
    headings: Mapped[list[Any]] = mapped_column(Json)
    samples: Mapped[list[Any]] = mapped_column(Json)
    comments: Mapped[list[Any]] = mapped_column(Json)
    columns: Mapped[list[Any]] = mapped_column(Json)
    kind: Mapped[str]
    wanted: Mapped[bool]
    source: Mapped[str]
    with_faults: Mapped[bool]
    rows: Mapped[int]
    parts: Mapped[int]
    done: Mapped[int]
    counts: Mapped[dict[str, Any]] = mapped_column(Json)


class ImportPart(Base):
    """Some hundred rows of a file, packed: as uploaded, as judged, and what became of them. Deleted after a while."""

    __tablename__ = "import_parts"
    __table_args__ = strict()

    run: Mapped[UUID] = mapped_column(ForeignKey("import_runs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[bytes]
    plan: Mapped[bytes | None]
    result: Mapped[bytes | None]


class ImportEdition(Base):
    """An edition of the catalogue that an import wrote: what stands in all others, a person wrote."""

    __tablename__ = "import_editions"
    __table_args__ = strict()

    edition: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[UUID] = mapped_column(ForeignKey("import_runs.id"))
