"""Tables of what leaves the stock by no door: losses with their approval, and disposal batches with their witness."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Word, strict


class LossState(StrEnum):
    """Small enough to stand alone, waiting for another person's word, confirmed, or put back."""

    ALONE = "alone"
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class Loss(Base):
    """Units that are gone from a shelf without having been given out. The stock is right at once, the word follows."""

    __tablename__ = "losses"
    __table_args__ = strict(
        CheckConstraint("quantity > 0", name="quantity"), Index("ix_losses_station", "station", "state")
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    pack: Mapped[UUID] = mapped_column(ForeignKey("packs.id"))
    quantity: Mapped[int]
    why: Mapped[str]
    note: Mapped[str]
    state: Mapped[LossState] = mapped_column(Word(LossState))
    by: Mapped[UUID]
    at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]


class DisposalState(StrEnum):
    """Sealed and waiting for its witness, witnessed, handed over for destruction, or opened again."""

    SEALED = "sealed"
    WITNESSED = "witnessed"
    HANDED_OVER = "handed_over"
    REOPENED = "reopened"


class Disposal(Base):
    """A sealed waste box of a station (IN28): what was in it, its seal and weight, who witnessed it, who took it.

    ``place`` is the sealed box itself; ``taker`` is an organisation, ``receipt`` the number of its paper.
    """

    __tablename__ = "disposals"
    __table_args__ = strict(
        CheckConstraint("grams > 0", name="grams"), UniqueConstraint("place"), Index("ix_disposals_station", "station")
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"))
    state: Mapped[DisposalState] = mapped_column(Word(DisposalState))
    seal: Mapped[str]
    grams: Mapped[int]
    sealed_by: Mapped[UUID]
    sealed_at: Mapped[datetime]
    witness: Mapped[UUID | None]
    witness_role: Mapped[str]
    witnessed_at: Mapped[datetime | None]
    taker: Mapped[str]
    receipt: Mapped[str]
    taken_on: Mapped[date | None]
    handed_by: Mapped[UUID | None]
    handed_at: Mapped[datetime | None]


class DisposalLine(Base):
    """Units of a pack that were in a box when it was sealed. Append-only."""

    __tablename__ = "disposal_lines"
    __table_args__ = strict(CheckConstraint("quantity > 0", name="quantity"))

    disposal: Mapped[UUID] = mapped_column(ForeignKey("disposals.id"), primary_key=True)
    pack: Mapped[UUID] = mapped_column(ForeignKey("packs.id"), primary_key=True)
    quantity: Mapped[int]
