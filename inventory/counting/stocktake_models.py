"""Tables of stocktakes (盘点): what is counted, each scan, each difference and its decision; and of what was undone."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, Word, strict


class StocktakeState(StrEnum):
    """Being counted, its differences looked into, over, or called off before anything was compared."""

    COUNTING = "counting"
    REVIEW = "review"
    CLOSED = "closed"
    CANCELLED = "cancelled"


OPEN = (StocktakeState.COUNTING, StocktakeState.REVIEW)
"""While a stocktake is in these states, counters see nothing of what the books say of its places."""


class LineState(StrEnum):
    """To be counted again, waiting for another person's word, corrected, found right, or left as it is."""

    RECOUNT = "recount"
    DECIDE = "decide"
    CORRECTED = "corrected"
    RIGHT = "right"
    LEFT = "left"


class Stocktake(Base):
    """A count of places of one station. ``counted_at``: when the first count ended and was compared."""

    __tablename__ = "stocktakes"
    __table_args__ = strict(Index("ix_stocktakes_station", "station", "state"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    state: Mapped[StocktakeState] = mapped_column(Word(StocktakeState))
    opened_by: Mapped[UUID]
    opened_at: Mapped[datetime]
    counted_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]


class StocktakePlace(Base):
    """A place that a stocktake counts."""

    __tablename__ = "stocktake_places"
    __table_args__ = strict()

    stocktake: Mapped[UUID] = mapped_column(ForeignKey("stocktakes.id"), primary_key=True)
    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"), primary_key=True)


class StocktakeLine(Base):
    """An item and lot in a place whose count differs from the books.

    ``rounds``: by number of the count its findings (``variance.Entry``), ``counters``: who made each. ``batch`` is the
    subject of the correcting movements.
    """

    __tablename__ = "stocktake_lines"
    __table_args__ = strict(
        Index("ix_stocktake_lines_stocktake", "stocktake"), Index("ix_stocktake_lines_batch", "batch")
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    stocktake: Mapped[UUID] = mapped_column(ForeignKey("stocktakes.id"))
    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"))
    lot: Mapped[UUID] = mapped_column(ForeignKey("lots.id"))
    state: Mapped[LineState] = mapped_column(Word(LineState))
    round: Mapped[int]
    rounds: Mapped[dict[str, Any]] = mapped_column(Json)
    counters: Mapped[dict[str, Any]] = mapped_column(Json)
    started_by: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    why: Mapped[str]
    note: Mapped[str]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    batch: Mapped[UUID | None]


class StocktakeScan(Base):
    """One thing seen in a place at a moment: a pack by its label, or goods whose label cannot be read. Append-only.

    ``at`` is the moment of the scan by the server's clock, also where the phone sent it later. ``withdraws``: this row
    takes an earlier one back. ``line``: a recount of that line, None in the first count.
    """

    __tablename__ = "stocktake_scans"
    __table_args__ = strict(
        CheckConstraint("quantity >= 0", name="quantity"), Index("ix_stocktake_scans_stocktake", "stocktake", "place")
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    stocktake: Mapped[UUID] = mapped_column(ForeignKey("stocktakes.id"))
    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"))
    line: Mapped[UUID | None] = mapped_column(ForeignKey("stocktake_lines.id"))
    round: Mapped[int]
    pack: Mapped[UUID | None] = mapped_column(ForeignKey("packs.id"))
    item: Mapped[UUID | None] = mapped_column(ForeignKey("items.id"))
    called: Mapped[str]
    lot_number: Mapped[str]
    expiry: Mapped[date | None]
    quantity: Mapped[int]
    by: Mapped[UUID]
    at: Mapped[datetime]
    sent_at: Mapped[datetime]
    withdraws: Mapped[UUID | None] = mapped_column(ForeignKey("stocktake_scans.id"), unique=True)


class Reversal(Base):
    """An act that was taken back, why and by whom; the reversing movements stand in the ledger. Append-only."""

    __tablename__ = "reversals"
    __table_args__ = strict(Index("ix_reversals_movement", "movement"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    movement: Mapped[UUID] = mapped_column(ForeignKey("movements.id"))
    reason: Mapped[str]
    movements: Mapped[int]
    why: Mapped[str]
    note: Mapped[str]
    by: Mapped[UUID]
    at: Mapped[datetime]
