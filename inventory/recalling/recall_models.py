"""Tables of recalls: what is called back by whose word, and which goods its criteria name."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, strict


class Recall(Base):
    """A product called back (药品召回): open until every unit and every door is accounted for, or withdrawn.

    ``severity`` is the class of the recall, 1 the gravest (药品召回管理办法 art. 13). ``report`` is the closing report.
    """

    __tablename__ = "recalls"
    __table_args__ = strict(CheckConstraint("severity BETWEEN 1 AND 3", name="severity"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    notice: Mapped[str]
    severity: Mapped[int]
    advice: Mapped[str]
    opened_by: Mapped[UUID]
    opened_at: Mapped[datetime]
    closed_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    withdrawn: Mapped[bool]
    report: Mapped[dict[str, Any] | None] = mapped_column(Json)


class RecallCriterion(Base):
    """One product that a recall names; an empty ``lot_number`` means every batch.

    As given it names an item, a product code or an approval number (``stated``). The items that a code or number is
    found on in the catalogue follow as rows of their own, brought up to date every night.
    """

    __tablename__ = "recall_criteria"
    __table_args__ = strict(
        Index("ix_recall_criteria_recall", "recall"), Index("ix_recall_criteria_item", "item", "lot_number")
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recall: Mapped[UUID] = mapped_column(ForeignKey("recalls.id"))
    item: Mapped[UUID | None] = mapped_column(ForeignKey("items.id"))
    gtin: Mapped[str]
    approval: Mapped[str]
    lot_number: Mapped[str]
    stated: Mapped[bool]
