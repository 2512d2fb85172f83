"""First expired, first out: what to take from the shelf next (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import msgspec


class OnShelf(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a pack at a place. ``expiry`` None: goods that bear none."""

    pack: UUID
    place: UUID
    quantity: int
    expiry: date | None


def pick(holdings: Iterable[OnShelf], quantity: int, not_before: date) -> list[tuple[OnShelf, int]]:
    """Which holdings to take how many units from, soonest expiry first; what bears no expiry comes last.

    Only what is good through ``not_before`` counts. Equal expiries: the pack received first (ids are in the order of
    time). Where there is less than ``quantity`` it returns all there is: the caller decides whether a part helps.
    """
    good = [one for one in holdings if one.quantity > 0 and (one.expiry is None or one.expiry >= not_before)]
    picked = []
    for one in sorted(good, key=_order):
        if quantity <= 0:
            break
        taken = min(one.quantity, quantity)
        picked.append((one, taken))
        quantity -= taken
    return picked


def _order(one: OnShelf) -> tuple[bool, date, UUID, UUID]:
    return (one.expiry is None, one.expiry or date.max, one.pack, one.place)
