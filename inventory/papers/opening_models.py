"""Table of opening stock: a station's goods as a spreadsheet lists them, between upload and the books."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, Word, strict


class OpeningState(StrEnum):
    """How far it is."""

    PREVIEW = "preview"
    APPLYING = "applying"
    DONE = "done"
    DROPPED = "dropped"


class Opening(Base):
    """One uploaded file. ``digest`` tells the same file again; ``rows`` as read, ``result`` of the first ``done``.

    ``looked``: somebody has said that each pack was looked at and is sound; else all of it waits in quarantine.
    """

    __tablename__ = "openings"
    __table_args__ = strict(Index("ix_openings_station", "station", "digest"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    by: Mapped[UUID]
    at: Mapped[datetime]
    digest: Mapped[bytes]
    state: Mapped[OpeningState] = mapped_column(Word(OpeningState))
    headings: Mapped[list[Any]] = mapped_column(Json)
    columns: Mapped[list[Any]] = mapped_column(Json)
    rows: Mapped[list[Any]] = mapped_column(Json)
    result: Mapped[list[Any]] = mapped_column(Json)
    looked: Mapped[bool]
    done: Mapped[int]
