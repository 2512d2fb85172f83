"""Proof that what is on the way, parted, or thrown away is where its own record says."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import Holding, Place, PlaceKind
from inventory.moving import splits
from inventory.moving.transfer_models import OPEN, Transfer
from inventory.wasting import disposal


def faults(session: Session) -> Iterator[str]:
    """Every disagreement between transfers, splits and disposals and the ledger."""
    yield from _on_the_way(session)
    yield from splits.faults(session)
    yield from disposal.faults(session)


def _on_the_way(session: Session) -> Iterator[str]:
    """Every unit on the way belongs to an open transfer, so one that is over has none."""
    rows = session.execute(
        select(Place.id, Holding.pack, Holding.quantity, Transfer.id.label("transfer"), Transfer.state)
        .join(Holding, Holding.place == Place.id)
        .outerjoin(Transfer, Transfer.place == Place.id)
        .where(Place.kind == PlaceKind.TRANSIT, Holding.quantity > 0)
    )
    for row in rows:
        if row.transfer is None:
            yield f"place {row.id} has {row.quantity} of pack {row.pack} on the way for no transfer"
        elif row.state not in OPEN:
            yield f"transfer {row.transfer} is {row.state.value} with {row.quantity} of pack {row.pack} on the way"
