"""Tables of the catalogue beside its items: the numbers that stand on boxes, and what was changed by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, strict


class ItemNumber(Base):
    """An approval number or 药品本位码 of an item in its normal form; several for an item, and several items for one.

    ``kind`` is ``approval`` or ``drug_code``.
    """

    __tablename__ = "item_numbers"
    __table_args__ = strict(Index("ix_item_numbers_item", "item"))

    number: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"), primary_key=True)
    kind: Mapped[str]


class ItemChange(Base):
    """Who changed what of an item: ``changes`` holds (field, from, to). Append-only."""

    __tablename__ = "item_changes"
    __table_args__ = strict(Index("ix_item_changes_item", "item", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    at: Mapped[datetime]
    by: Mapped[UUID]
    verb: Mapped[str]
    edition: Mapped[int]
    changes: Mapped[list[Any]] = mapped_column(Json)
