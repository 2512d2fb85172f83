"""Table of the trace codes (药品追溯码) that were read from packs: one for each pack ever made, so none comes twice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, strict


class TraceSighting(Base):
    """A trace code read from a pack when it was handed in; a refused one has no pack. Append-only.

    The code is plain, so that its maker can be asked about it; it names a box, never a person.
    """

    __tablename__ = "trace_codes"
    __table_args__ = strict(Index("ix_trace_codes_code", "code"), Index("ix_trace_codes_pack", "pack"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    line: Mapped[UUID] = mapped_column(ForeignKey("donation_lines.id"))
    pack: Mapped[UUID | None] = mapped_column(ForeignKey("packs.id"))
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    repeated: Mapped[bool]
    at: Mapped[datetime]
