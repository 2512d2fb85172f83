"""Which station helps out which: few transfers, soonest expiry first, and nobody falls below its own «enough»."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

import msgspec


class LotUnits(msgspec.Struct, frozen=True):
    """Available units of a lot; without an expiry they come last."""

    lot: UUID
    expiry: date | None
    quantity: int


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """What a station has of one item and what it should have: short at ``low`` and below, at ease from ``enough`` on.

    ``enough`` 0: nobody said how many are enough; such a station is filled to one above ``low`` and gives nothing.
    """

    station: UUID
    low: int
    enough: int
    lots: tuple[LotUnits, ...] = ()

    @property
    def available(self) -> int:
        """All that it can promise."""
        return sum(one.quantity for one in self.lots)

    @property
    def missing(self) -> int:
        """How many units bring a short station to «enough»; 0 where it is not short."""
        goal = self.enough or self.low + 1
        return goal - self.available if self.available <= self.low else 0

    @property
    def spare(self) -> int:
        """How many units it can give and still has enough."""
        return max(0, self.available - self.enough) if self.enough else 0


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Units that one station should send another; ``lots`` are those that run out first."""

    source: UUID
    target: UUID
    quantity: int
    lots: tuple[LotUnits, ...]


def balance(supplies: Iterable[Supply]) -> tuple[Transfer, ...]:
    """Transfers of one item that bring the short stations up, the emptiest first.

    Each short station is filled by the one giver that can do it alone, of these by the one whose spare runs out first;
    only where none can does the largest giver start and the next go on. Few transfers, not provably the fewest: that
    is bin packing.
    """
    known = sorted(supplies, key=lambda one: one.station)
    left = {one.station: _spare_lots(one) for one in known if one.spare}
    found: list[Transfer] = []
    for needy in sorted(known, key=lambda one: (one.available, -one.missing)):
        missing = needy.missing
        while missing > 0 and left:
            giver = _giver(left, missing)
            given = _take(left[giver], missing)
            if not left[giver]:
                del left[giver]
            quantity = sum(one.quantity for one in given)
            found.append(Transfer(source=giver, target=needy.station, quantity=quantity, lots=tuple(given)))
            missing -= quantity
    return tuple(found)


def _spare_lots(one: Supply) -> list[LotUnits]:
    """What a station gives from, soonest expiry first: so it keeps what lasts."""
    return _take(sorted(one.lots, key=_soonest), one.spare)


def _soonest(one: LotUnits) -> tuple[date, UUID]:
    return (one.expiry or date.max, one.lot)


def _giver(left: dict[UUID, list[LotUnits]], missing: int) -> UUID:
    """Who gives next: of those that can fill it alone the one whose spare runs out first, else the one with most."""
    able = [station for station, lots in left.items() if _units(lots) >= missing]
    if able:
        return min(able, key=lambda station: (_soonest(left[station][0]), _units(left[station])))
    return max(left, key=lambda station: _units(left[station]))


def _units(lots: Sequence[LotUnits]) -> int:
    return sum(one.quantity for one in lots)


def _take(lots: list[LotUnits], wanted: int) -> list[LotUnits]:
    """The first ``wanted`` units, taken away from ``lots``."""
    taken: list[LotUnits] = []
    while wanted and lots:
        first = lots.pop(0)
        units = min(first.quantity, wanted)
        taken.append(LotUnits(first.lot, first.expiry, units))
        if units < first.quantity:
            lots.insert(0, LotUnits(first.lot, first.expiry, first.quantity - units))
        wanted -= units
    return taken
