"""The table of public appeals (倡议书): every version stays, the newest of a community is the one that speaks."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, strict


class Appeal(Base):
    """A version of a community's appeal, or of the whole sub-district's (``community`` None). Append-only.

    ``withdrawn``: from this row on the appeal is silent. ``body`` is the ``Wording`` of ``appeals``.
    """

    __tablename__ = "appeals"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    community: Mapped[UUID | None] = mapped_column(ForeignKey("communities.id"))
    until: Mapped[date]
    withdrawn: Mapped[bool]
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    by: Mapped[UUID]
    at: Mapped[datetime]
