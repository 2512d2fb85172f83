"""Tables of care parcels beside their recipes: what may stand in for a line, and the bags that were assembled."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Word, strict


class KitSubstitute(Base):
    """So many units of another item that stand in for a whole line of a recipe; a lower ``rank`` is tried first."""

    __tablename__ = "kit_substitutes"
    __table_args__ = strict(
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("item <> substitute", name="other"),
        ForeignKeyConstraint(["kit", "item"], ["kit_lines.kit", "kit_lines.item"]),
        UniqueConstraint("kit", "item", "substitute"),
    )

    kit: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[UUID] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    substitute: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    quantity: Mapped[int]


class BagState(StrEnum):
    """What became of a bag."""

    ASSEMBLED = "assembled"
    TAKEN_APART = "taken_apart"
    PACKED = "packed"


class KitBag(Base):
    """An assembled care parcel: a bag with its own label and place; what the place holds is what is in it.

    ``expiry`` is the day on which the first of its contents runs out (None: nothing of it does). Bags of one ``batch``
    were assembled together.
    """

    __tablename__ = "kit_bags"
    __table_args__ = strict(Index("ix_kit_bags_station", "station", "state", "expiry"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kit: Mapped[UUID] = mapped_column(ForeignKey("kits.id"))
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"), unique=True)
    batch: Mapped[UUID] = mapped_column(index=True)
    state: Mapped[BagState] = mapped_column(Word(BagState))
    expiry: Mapped[date | None]
    made_by: Mapped[UUID]
    made_at: Mapped[datetime]
    ended_by: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]
