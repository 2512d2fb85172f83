"""What the office can set of the intake rules: thresholds within their limits and switches; the law only stricter."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from app.base.limits import limits
from inventory.receiving.intake_facts import Emergency

RULES = (*(f"IN{number:02}" for number in range(1, 17)), *(f"IN{number}" for number in range(18, 26)))
"""The rules of one pack. Recalls (IN17), release (IN26), ageing (IN27) and disposal (IN28) have no switch."""
LAW = frozenset({"IN01", "IN02", "IN03", "IN08", "IN10", "IN11", "IN14", "IN25"})
"""The rules that no policy switches off; IN11 is the 2012 notice on ephedrine-class compounds."""
MERCURY_BAN = date(2026, 1, 1)


class IntakePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds of one dated policy. Days are days left; ``rules`` are the ids in force.

    What the law says can be made stricter, never looser or switched off: such a policy raises ValueError.
    """

    version: str
    rules: frozenset[str] = msgspec.field(default_factory=lambda: frozenset(RULES))
    accept_from_days: Annotated[int, Meta(ge=30, le=1095)] = 180
    refuse_below_days: Annotated[int, Meta(ge=30, le=1095)] = 60
    supplies_min_days: Annotated[int, Meta(ge=7, le=365)] = 30
    longest_life_days: Annotated[int, Meta(ge=1096, le=5500)] = 3660
    usual_course_days: Annotated[int, Meta(ge=1, le=30)] = 7
    alcohol_max_ml: Annotated[int, Meta(ge=1, le=500)] = 500
    ephedrine_max_ug: Annotated[int, Meta(ge=1, le=30_000)] = 30_000
    ephedrine_max_packs: Annotated[int, Meta(ge=0, le=2)] = 2
    bulk_max_packs: Annotated[int, Meta(ge=1, le=100)] = 10
    donor_days: Annotated[int, Meta(ge=7, le=90)] = 7
    mercury_from: date = date(2026, 1, 1)
    emergency: Emergency | None = None

    def __post_init__(self) -> None:
        off, unknown = LAW - self.rules, self.rules - frozenset(RULES)
        if off or unknown:
            raise ValueError(f"rules that cannot be switched off: {sorted(off)}; unknown: {sorted(unknown)}")
        outside = [name for name, span in limits(type(self)).items() if not span.holds(getattr(self, name))]
        if outside or not self.version:
            raise ValueError(f"a policy needs a version, and thresholds within their limits: {outside}")
        if self.refuse_below_days > self.accept_from_days:
            raise ValueError("days left: refused below <= accepted from")
        if self.mercury_from > MERCURY_BAN:
            raise ValueError("mercury thermometers are banned from 2026-01-01: an earlier day only")
