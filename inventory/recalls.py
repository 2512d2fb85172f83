"""What is called back: whether a pack is of a recalled lot."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, select

from app.base.columns import table
from app.base.db import Asking
from inventory.models import Lot, Pack

_P, _L = table(Pack).columns, table(Lot).columns
_RECALLED = (
    select(_P.id).join(table(Lot), _L.id == _P.lot).where(_P.id == bindparam("of_pack"), _L.recalled_on.is_not(None))
)


def pack_is_recalled(asking: Asking, pack: UUID) -> bool:
    """Whether the pack's lot is recalled; False for a pack that is not there."""
    return asking.execute(_RECALLED, {"of_pack": pack}).first() is not None
