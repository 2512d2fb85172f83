"""The first tables."""

from __future__ import annotations

from uuid import UUID

from alembic import op

import app.base.models
import distribution.models
import inventory.models
import labels.models  # noqa: F401 - importing registers the tables
from app.base.columns import Base
from app.migrations.append_only import APPEND_ONLY, protect
from inventory.models import Place, PlaceKind

revision = "0001"
down_revision = None

_VIRTUAL = (PlaceKind.DONOR, PlaceKind.RESIDENTS, PlaceKind.DISPOSAL, PlaceKind.CORRECTION)


def upgrade() -> None:
    Base.metadata.create_all(op.get_bind())
    protect(*APPEND_ONLY)
    op.bulk_insert(
        Place.__table__,
        [
            {"id": UUID(int=number), "kind": kind, "name": kind.value, "station": None, "holder": None}
            for number, kind in enumerate(_VIRTUAL, start=1)
        ],
    )


def downgrade() -> None:
    Base.metadata.drop_all(op.get_bind())
