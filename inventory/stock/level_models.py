"""Tables of stock levels: the thresholds typed by people, what was seen of alerts, and when facts of goods changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, strict


class Threshold(Base):
    """From how few units an item is short, and how many are enough: everywhere (no station) or at one station.

    Append-only: the newest row of a pair holds. Without ``low`` and ``enough`` it takes back the pair's own figures.
    """

    __tablename__ = "thresholds"
    __table_args__ = strict(
        CheckConstraint("low >= 0 AND enough >= low", name="figures"),
        Index("ix_thresholds_pair", "item", "station", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    station: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"))
    low: Mapped[int | None]
    enough: Mapped[int | None]
    by: Mapped[UUID]
    at: Mapped[datetime]


class AlertMark(Base):
    """That somebody saw an alert that holds, and whether they took it on. Deleted when its condition is gone."""

    __tablename__ = "alert_marks"
    __table_args__ = strict()

    condition: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[UUID] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]


class FactsEdition(Base):
    """One row, newly numbered by triggers when a pack's lot or station, a lot's expiry or recall, or a place changes.

    What was read of those may be kept by a process exactly as long as this number stands; it never comes back.
    """

    __tablename__ = "facts_edition"
    __table_args__ = strict(CheckConstraint("id = 1", name="single"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
