"""Whether a bag holds something that is called back."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, select

from app.base.columns import table
from app.base.db import Asking
from distribution.models import LineState, ParcelLine
from inventory.models import Lot

_N, _L = table(ParcelLine).columns, table(Lot).columns
_RECALLED = (
    select(_N.id)
    .join(table(Lot), _L.id == _N.lot)
    .where(_N.parcel == bindparam("of_parcel"), _N.state != LineState.DROPPED, _L.recalled_on.is_not(None))
    .limit(1)
)


def parcel_is_recalled(asking: Asking, parcel: UUID) -> bool:
    """Whether a lot in the parcel is recalled, delivered or not; False for a parcel that is not there."""
    return asking.execute(_RECALLED, {"of_parcel": parcel}).first() is not None
