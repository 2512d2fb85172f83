"""Tables of labels: every code that was ever issued, what it stands for, and its end."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Word, strict


class LabelState(StrEnum):
    """Blank until the first scan claims it; void for ever once ended, claimed or not."""

    BLANK = "blank"
    BOUND = "bound"
    VOID = "void"


class LabelBatch(Base):
    """Blank labels issued together, so that a sheet can be printed again."""

    __tablename__ = "label_batches"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    count: Mapped[int]
    station: Mapped[UUID | None]
    made_by: Mapped[UUID]
    at: Mapped[datetime]


class Label(Base):
    """A code and its subject (kind, id); random, unique, never reused. A thing carries one living label."""

    __tablename__ = "labels"
    __table_args__ = strict(
        CheckConstraint("state <> 'blank' OR (kind IS NULL AND subject IS NULL)", name="blank_has_no_subject"),
        CheckConstraint("state <> 'bound' OR (kind IS NOT NULL AND subject IS NOT NULL)", name="bound_has_a_subject"),
        Index("ix_labels_subject", "subject"),
        Index(
            "ix_labels_one_living",
            "subject",
            unique=True,
            sqlite_where=text("state = 'bound'"),
            postgresql_where=text("state = 'bound'"),
        ),
        Index("ix_labels_batch", "batch"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[LabelState] = mapped_column(Word(LabelState))
    kind: Mapped[str | None]
    subject: Mapped[UUID | None]
    batch: Mapped[UUID | None] = mapped_column(ForeignKey("label_batches.id"))
    issued_at: Mapped[datetime]
    bound_at: Mapped[datetime | None]
    void_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]
    replaced_by: Mapped[str | None]
