"""Tables of goods on their way between stations: transfers, what each is asked to bring, and its steps."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Word, strict


class TransferState(StrEnum):
    """Drawn up at the sender, on the way, waiting for a difference to be settled, over, or called off."""

    DRAFT = "draft"
    SENT = "sent"
    DIFFERS = "differs"
    CLOSED = "closed"
    CANCELLED = "cancelled"


OPEN = (TransferState.DRAFT, TransferState.SENT, TransferState.DIFFERS)
"""A transfer in these states may hold goods; in the others its place is empty."""


class Transfer(Base):
    """Goods from one station to another (调拨). ``place`` holds what has left the shelf and has not arrived.

    How many of each pack were sent, arrived, came back or were lost is told by the movements of this ``subject`` alone.
    """

    __tablename__ = "transfers"
    __table_args__ = strict(
        CheckConstraint("source <> target", name="moves"),
        UniqueConstraint("place"),
        Index("ix_transfers_source", "source", "state"),
        Index("ix_transfers_target", "target", "state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    target: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"))
    state: Mapped[TransferState] = mapped_column(Word(TransferState))
    made_by: Mapped[UUID]
    made_at: Mapped[datetime]
    sent_by: Mapped[UUID | None]
    sent_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]


class TransferWish(Base):
    """How many units of an item a transfer is asked to bring: what a coordinator suggests."""

    __tablename__ = "transfer_wishes"
    __table_args__ = strict(CheckConstraint("quantity > 0", name="quantity"))

    transfer: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"), primary_key=True)
    quantity: Mapped[int]


class TransferStep(Base):
    """One thing that happened to a transfer, with the reason and note of whoever did it. Append-only."""

    __tablename__ = "transfer_steps"
    __table_args__ = strict(
        CheckConstraint("quantity >= 0", name="quantity"), Index("ix_transfer_steps_transfer", "transfer")
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    transfer: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"))
    event: Mapped[str]
    pack: Mapped[UUID | None] = mapped_column(ForeignKey("packs.id"))
    quantity: Mapped[int]
    reason: Mapped[str]
    note: Mapped[str]
    by: Mapped[UUID]
    at: Mapped[datetime]
