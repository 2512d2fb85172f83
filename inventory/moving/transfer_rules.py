"""Where goods land that were on the way between stations: on the shelf only if custody was never broken (pure)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import msgspec

LONGEST = timedelta(hours=24)
"""As for parcels (DS20): a bag that was out for longer is released anew."""


class Lands(StrEnum):
    """Where a pack goes on arrival."""

    SHELF = "shelf"
    HOLD = "hold"
    QUARANTINE = "quarantine"
    BIN = "bin"


class How(StrEnum):
    """How a pack was found on arrival."""

    ARRIVED = "arrived"
    DAMAGED = "damaged"
    WRONG_LABEL = "wrong_label"


class Landing(msgspec.Struct, frozen=True):
    """Where a pack goes and the word for why: kept, late, opened, warm, stopped, damaged, wrong_label."""

    where: Lands
    why: str


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """What decides: the bag, the hours, and what the receiving station can keep.

    ``good``: neither expired nor recalled nor being looked into. ``cool``: must stay at 20 ℃ or below.
    """

    sealed: bool
    out_for: timedelta
    cool: bool
    cool_cabinet: bool
    good: bool


def landing(how: How, way: Journey) -> Landing:
    """DS20 and IN26 between stations: a sealed bag of a day at most keeps its release, everything else waits anew.

    Damaged goods go into the waste box. Wrongly labelled ones into quarantine, as do those that are not good any more
    or that the station cannot keep cool (IN12).
    """
    if how is How.DAMAGED:
        return Landing(Lands.BIN, "damaged")
    if how is How.WRONG_LABEL:
        return Landing(Lands.QUARANTINE, "wrong_label")
    if not way.good:
        return Landing(Lands.QUARANTINE, "stopped")
    if way.cool and not way.cool_cabinet:
        return Landing(Lands.QUARANTINE, "warm")
    if not way.sealed:
        return Landing(Lands.HOLD, "opened")
    if way.out_for > LONGEST:
        return Landing(Lands.HOLD, "late")
    return Landing(Lands.SHELF, "kept")
