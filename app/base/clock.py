"""Time is read once per request from a Clock and handed on as an argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


class Clock:
    """Tells the instant in UTC and the civil day of the sub-district."""

    def __init__(self, timezone: str = "Asia/Shanghai", source: Callable[[], datetime] | None = None) -> None:
        self.zone = ZoneInfo(timezone)
        self._source = source or (lambda: datetime.now(UTC))

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self._source()

    def today(self) -> date:
        """The civil day at the stations (expiry and quotas are counted in these)."""
        return self.day(self.now())

    def day(self, instant: datetime) -> date:
        """The civil day an instant falls on."""
        return instant.astimezone(self.zone).date()
