"""The table of calls: who was told that what they were given is called back, and what they said."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, strict


class CallOutcome(StrEnum):
    """How a call to somebody ended who was given goods that are called back."""

    NOT_TAKEN = "not_taken"
    TAKEN_WELL = "taken_well"
    TAKEN_UNWELL = "taken_unwell"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"


SETTLED = frozenset({CallOutcome.NOT_TAKEN, CallOutcome.TAKEN_WELL, CallOutcome.TAKEN_UNWELL, CallOutcome.UNREACHABLE})
"""Outcomes after which nobody needs to be called again; the others leave the call on the list."""


class RecallCall(Base):
    """A call, or a visit, about one line that was handed over. Append-only; the latest counts.

    ``outcome`` tells of a person's health, so it is sealed under that person's key; ``settled`` is all that lists need.
    """

    __tablename__ = "recall_calls"
    __table_args__ = strict(Index("ix_recall_calls_recall", "recall", "line"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recall: Mapped[UUID] = mapped_column(ForeignKey("recalls.id"))
    line: Mapped[UUID] = mapped_column(ForeignKey("parcel_lines.id"))
    outcome: Mapped[bytes]
    settled: Mapped[bool]
    by: Mapped[UUID]
    at: Mapped[datetime]
