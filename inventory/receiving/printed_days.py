"""Days as they are printed on packs: of making and of expiry, by the month or to the day."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from app.base.errors import Invalid
from inventory.receiving.screening import last_day_of
from labels import codes


def expiry_day(text: str) -> date | None:
    """The last good day in what is printed: YYYY-MM (the month's last day) or YYYY-MM-DD; None for an empty text.

    Also reads 2027.05, 2027/5, 202705, 20270531 and 2027年5月31日. Raises Invalid.
    """
    return _printed_day(text, "line.expiry", last_day_of)


def made_day(text: str) -> date | None:
    """The day of making in what is printed, written as an expiry; of a month its first day. Raises Invalid."""
    return _printed_day(text, "line.made_on", lambda year, month: date(year, month, 1))


def _printed_day(text: str, field: str, of_month: Callable[[int, int], date]) -> date | None:
    plain = codes.half_width(text).replace(" ", "")
    if not plain:
        return None
    match = _COMPACT.fullmatch(plain) or _PARTED.fullmatch(plain)
    if match is None:
        raise Invalid((field, "expiry", {}))
    year, month, day = int(match[1]), int(match[2]), match[3]
    try:
        return date(year, month, int(day)) if day else of_month(year, month)
    except ValueError:
        raise Invalid((field, "expiry", {})) from None


_COMPACT = re.compile(r"(20[0-9]{2})(0[1-9]|1[0-2])([0-9]{2})?")
_PARTED = re.compile(r"(20[0-9]{2})[-./年](0?[1-9]|1[0-2])(?:[-./月]([0-3]?[0-9])日?|月)?")
