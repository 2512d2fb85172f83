"""What a run of the matching sees and what it decides, as plain values (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from app.base.reasons import Reason
from distribution.background import Background
from distribution.matching import MatchingPolicy
from distribution.safety import TELLS_HEALTH, DispensingPolicy, Outcome

ASK_MEDIC = Reason("", "ASK_MEDIC", Outcome.MEDIC.value)


class DecisionOutcome(StrEnum):
    """A plan's word on a need: allotted, then promised or dropped at approval; refused; left out of a kit."""

    ALLOTTED = "allotted"
    PROMISED = "promised"
    DROPPED = "dropped"
    REFUSED = "refused"
    LEFT_OUT = "left_out"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An open need with its place in the order; ``lines`` are (item, units) of a kit, empty for a single item."""

    need: UUID
    resident: UUID
    household: UUID
    station: UUID
    tier: int
    since: datetime
    quantity: int | None
    items: tuple[UUID, ...]
    lines: tuple[tuple[UUID, int], ...] = ()


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a lot that stand free on the shelves of a station."""

    lot: UUID
    item: UUID
    station: UUID
    expiry: date | None
    units: int
    recalled: bool
    durable: bool

    @property
    def key(self) -> str:
        """The lot at this station, as the matching calls it."""
        return f"{self.lot}@{self.station}"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run sees. ``refused`` are (resident, item) pairs that a medic has refused before."""

    community: UUID | None
    wanted: tuple[Wanted, ...]
    stock: tuple[Stock, ...]
    background: Background
    dispensing: DispensingPolicy | None
    matching: MatchingPolicy
    urgency: str
    refused: frozenset[tuple[UUID, UUID]] = frozenset()

    @property
    def versions(self) -> dict[str, str]:
        """The policies that the run goes by."""
        dispensing = self.dispensing.version if self.dispensing else "none"
        return {"dispensing": dispensing, "matching": self.matching.version, "urgency": self.urgency}


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision row to be: a yes names lot, station and units; a no the item it failed at, where there is one."""

    need: UUID
    outcome: DecisionOutcome
    rank: int
    tier: int
    reasons: tuple[Reason, ...]
    item: UUID | None = None
    lot: UUID | None = None
    station: UUID | None = None
    quantity: int = 0
    release_by: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run decided, its seed, and a digest of all it saw, so that a run can be proved to be the same."""

    seed: str
    digest: bytes
    decisions: tuple[Decided, ...]


def plain(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The findings for who is no medic: what tells a person's health becomes «ask a medic»."""
    shown = [ASK_MEDIC if reason.code in TELLS_HEALTH else reason for reason in reasons]
    return tuple(reason for place, reason in enumerate(shown) if reason not in shown[:place])
