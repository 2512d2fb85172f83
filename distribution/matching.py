"""Says who gets which lots and why: strict tiers, then waiting; first expired first out; a reason for every yes and no.

It decides over plain values. It promises nothing: a plan is approved and reserved elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.base.reasons import Reason

Positive = Annotated[int, Meta(ge=1)]

REFUSALS = (
    "NO_STOCK_OF_CLASS",
    "RULES_MISSING",
    "NO_SAFE_ITEM",
    "EXPIRES_TOO_SOON",
    "OUT_OF_REACH",
    "HOUSEHOLD_CAP",
    "CLASHES",
    "OUTRANKED",
)
CODES = (
    *REFUSALS,
    "MATCH_RANK",
    "MATCH_LOT",
    "MATCH_LOT_DURABLE",
    "MATCH_SHORT",
    "LOT_NOT_RELEASED",
    "LOT_HELD",
    "LOT_RECALLED",
    "LOT_UNDATED",
    "LOT_EXPIRED",
    "LOT_PROMISED",
)
ReleaseBy = Literal["volunteer", "medic", "doctor"]
RELEASERS: tuple[ReleaseBy, ...] = ("volunteer", "medic", "doctor")


class Need(Struct, frozen=True, kw_only=True):
    """What one resident needs of a class of items.

    ``items`` are those acceptable, empty for all of the class; ``quantity`` None is "some", one pack; ``tier`` 0 goes
    first, then the earliest ``since``; ``stations`` are those in reach, best first, empty for all.
    """

    id: str
    resident: str
    household: str
    klass: str
    tier: int
    since: datetime
    items: frozenset[str] = frozenset()
    quantity: Positive | None = None
    min_life_days: int = 0
    stations: tuple[str, ...] = ()


class Lot(Struct, frozen=True, kw_only=True):
    """One lot of an item at a station; ``available`` is what is neither reserved nor packed.

    Only a ``durable`` item (thermometer) may lack an expiry.
    """

    key: str
    item: str
    klass: str
    station: str
    expiry: date | None
    available: int
    released: bool
    held: bool = False
    recalled: bool = False
    durable: bool = False
    course_days: int = 0


class Verdict(Struct, frozen=True, kw_only=True):
    """What the dispensing rules said of an item for a need; ``release_by`` names who must still release it."""

    ok: bool
    release_by: ReleaseBy | None = "volunteer"


class MatchingPolicy(Struct, frozen=True, kw_only=True):
    """The dated rules of sharing: days a pack must outlast its course, packs of an item for one household."""

    version: str
    margin_days: Annotated[int, Meta(ge=1, le=90)] = 7
    household_caps: dict[str, int] = {}
    cutoff_shown_from: Annotated[int, Meta(ge=1, le=1000)] = 5


class Snapshot(Struct, frozen=True, kw_only=True):
    """All that a run sees, so that it can be run again to the byte.

    ``verdicts`` by (need id, item); a pair that is missing counts as not judged, so not safe. ``received`` are packs
    by (household, item) in the window of the caps. ``clashes`` are the items that may not go to one resident together;
    an item that clashes with itself goes once.
    """

    needs: tuple[Need, ...]
    lots: tuple[Lot, ...]
    verdicts: dict[tuple[str, str], Verdict]
    policy: MatchingPolicy
    today: date
    delivery_day: date
    seed: str
    received: dict[tuple[str, str], int] = {}
    clashes: dict[str, frozenset[str]] = {}


class Pick(Struct, frozen=True):
    lot: str
    item: str
    quantity: int


class Allocation(Struct, frozen=True, kw_only=True, tag=True):
    """A yes: what is taken from which lots, and why; ``release_by`` is the strictest of its items."""

    need: str
    rank: int
    picks: tuple[Pick, ...]
    release_by: ReleaseBy
    reasons: tuple[Reason, ...]

    @property
    def quantity(self) -> int:
        return sum(pick.quantity for pick in self.picks)


class Refusal(Struct, frozen=True, kw_only=True, tag=True):
    """A no: its code, and for OUTRANKED where the cut-off lay; never a person, and no cut-off of a few."""

    need: str
    rank: int
    code: str
    details: dict[str, int]


Decision = Allocation | Refusal


class Excluded(Struct, frozen=True):
    lot: str
    code: str


class Plan(Struct, frozen=True, kw_only=True):
    """One decision for each need in rank order, and the lots that could serve nobody."""

    policy: str
    seed: str
    decisions: tuple[Decision, ...]
    excluded: tuple[Excluded, ...]


def match(snapshot: Snapshot) -> Plan:
    """Walk the needs in their order; in a tier everybody's first pack comes before anybody's second.

    The same snapshot gives the same plan whatever the order of its needs and lots. Raises ValueError when a need or a
    lot stands in it twice.
    """
    _no_twins("need", (need.id for need in snapshot.needs))
    _no_twins("lot", (lot.key for lot in snapshot.lots))
    run = _Run(snapshot)
    tiers: dict[int, list[Need]] = {}
    for need in in_order(snapshot.needs, snapshot.seed):
        tiers.setdefault(need.tier, []).append(need)
    for needs in tiers.values():
        for need in needs:
            run.serve(need, 1)
        for need in needs:
            if run.picked(need):
                run.serve(need, (need.quantity or 1) - 1)
    excluded = (Excluded(lot.key, code) for lot in snapshot.lots if (code := excluded_for(lot, snapshot)))
    return Plan(
        policy=snapshot.policy.version,
        seed=snapshot.seed,
        decisions=tuple(run.decide(need) for needs in tiers.values() for need in needs),
        excluded=tuple(sorted(excluded, key=lambda one: one.lot)),
    )


def _no_twins(what: str, keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"{what} {key} stands twice")
        seen.add(key)


def in_order(needs: Iterable[Need], seed: str) -> list[Need]:
    """Tier, then longest waiting, then a keyed hash: nobody's place hangs on a name or on the order of entry."""
    key = hashlib.sha256(seed.encode()).digest()

    def place(need: Need) -> tuple[int, datetime, bytes, str]:
        return need.tier, need.since, hashlib.blake2b(need.id.encode(), key=key, digest_size=16).digest(), need.id

    return sorted(needs, key=place)


def excluded_for(lot: Lot, snapshot: Snapshot) -> str | None:
    """Why the lot can serve nobody, or None when it can."""
    findings = {
        "LOT_RECALLED": lot.recalled,
        "LOT_HELD": lot.held,
        "LOT_NOT_RELEASED": not lot.released,
        "LOT_UNDATED": lot.expiry is None and not lot.durable,
        "LOT_EXPIRED": lot.expiry is not None and lot.expiry < max(snapshot.today, snapshot.delivery_day),
        "LOT_PROMISED": lot.available < 1,
    }
    return next((code for code, holds in findings.items() if holds), None)


class _Run:
    """The counters of one run: what is left, who has what."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.usable: dict[str, list[Lot]] = {}
        self.items: dict[str, set[str]] = {}
        self.left: dict[str, int] = {}
        for lot in sorted(snapshot.lots, key=lambda lot: (lot.expiry or date.max, lot.key)):
            if excluded_for(lot, snapshot) is None:
                self.usable.setdefault(lot.klass, []).append(lot)
                self.items.setdefault(lot.klass, set()).add(lot.item)
                self.left[lot.key] = lot.available
        self.takers: dict[str, list[int]] = {}
        self.household: dict[tuple[str, str], int] = dict(snapshot.received)
        self.resident: dict[str, set[str]] = {}
        self.picks: dict[str, dict[str, Pick]] = {}
        self.fits: dict[str, tuple[Lot, ...]] = {}
        self.sieved: dict[tuple[str, frozenset[str], int, tuple[str, ...]], tuple[tuple[Lot, ...], str]] = {}
        self.cutoffs: dict[frozenset[str], dict[str, int]] = {}
        self.refused: dict[str, tuple[str, dict[str, int]]] = {}
        self.ranked = in_order(snapshot.needs, snapshot.seed)
        self.rank = {need.id: place for place, need in enumerate(self.ranked, start=1)}

    def picked(self, need: Need) -> int:
        return sum(pick.quantity for pick in self.picks.get(need.id, {}).values())

    def serve(self, need: Need, wanted: int) -> None:
        if need.id not in self.fits:
            self.fits[need.id], why = self._fitting(need)
            if why:
                self.refused[need.id] = why, {}
                return
        for lot in self.fits[need.id]:
            if wanted and self.left[lot.key]:
                amount = min(wanted, self.left[lot.key], self._room(need, lot.item))
                if amount > 0:
                    self._take(need, lot, amount)
                    wanted -= amount
        if not self.picks.get(need.id):
            self.refused[need.id] = self._why_none_left(need)

    def _fitting(self, need: Need) -> tuple[tuple[Lot, ...], str]:
        """The lots that could serve the need, first to expire first, or the first sieve that left none."""
        items = {item for item in self.items.get(need.klass, ()) if not need.items or item in need.items}
        if not items:
            return (), "NO_STOCK_OF_CLASS"
        verdicts = {item: self.snapshot.verdicts.get((need.id, item)) for item in items}
        if not any(verdicts.values()):
            return (), "RULES_MISSING"
        safe = frozenset(item for item, verdict in verdicts.items() if verdict and verdict.ok and verdict.release_by)
        if not safe:
            return (), "NO_SAFE_ITEM"
        sieve = need.klass, safe, need.min_life_days, need.stations
        if sieve not in self.sieved:
            self.sieved[sieve] = self._lasting_in_reach(*sieve)
        return self.sieved[sieve]

    def _lasting_in_reach(
        self, klass: str, items: frozenset[str], min_life_days: int, stations: tuple[str, ...]
    ) -> tuple[tuple[Lot, ...], str]:
        lots = [lot for lot in self.usable[klass] if lot.item in items and self._lasts(lot, min_life_days)]
        if not lots:
            return (), "EXPIRES_TOO_SOON"
        if stations:
            near = {station: place for place, station in enumerate(stations)}
            lots = [lot for lot in lots if lot.station in near]
            lots.sort(key=lambda lot: (lot.expiry or date.max, near[lot.station], lot.key))
        return tuple(lots), "" if lots else "OUT_OF_REACH"

    def _lasts(self, lot: Lot, min_life_days: int) -> bool:
        days = max(lot.course_days + self.snapshot.policy.margin_days, min_life_days)
        first = max(self.snapshot.today, self.snapshot.delivery_day)
        return lot.expiry is None or lot.expiry >= first + timedelta(days=days)

    def _room(self, need: Need, item: str) -> int:
        if self._clashes(need, item):
            return 0
        wanted, cap = need.quantity or 1, self.snapshot.policy.household_caps.get(item)
        return wanted if cap is None else min(wanted, cap - self.household.get((need.household, item), 0))

    def _clashes(self, need: Need, item: str) -> bool:
        clashes, has = self.snapshot.clashes, self.resident.get(need.resident, set())
        return any(other in clashes.get(item, ()) or item in clashes.get(other, ()) for other in has)

    def _take(self, need: Need, lot: Lot, amount: int) -> None:
        self.left[lot.key] -= amount
        self.takers.setdefault(lot.key, []).append(self.rank[need.id])
        place = need.household, lot.item
        self.household[place] = self.household.get(place, 0) + amount
        self.resident.setdefault(need.resident, set()).add(lot.item)
        picks = self.picks.setdefault(need.id, {})
        before = picks[lot.key].quantity if lot.key in picks else 0
        picks[lot.key] = Pick(lot.key, lot.item, before + amount)

    def _why_none_left(self, need: Need) -> tuple[str, dict[str, int]]:
        there = [lot for lot in self.fits[need.id] if self.left[lot.key]]
        if there:
            return ("CLASHES" if all(self._clashes(need, lot.item) for lot in there) else "HOUSEHOLD_CAP"), {}
        # Once all of these lots are gone nobody takes from them again: the cut-off is the same for all that follow.
        keys = frozenset(lot.key for lot in self.fits[need.id])
        if keys not in self.cutoffs:
            self.cutoffs[keys] = self._cutoff(keys)
        return "OUTRANKED", self.cutoffs[keys]

    def _cutoff(self, lots: frozenset[str]) -> dict[str, int]:
        """The last who still got one of these, told only when it stands for enough people to name none."""
        ranks = {rank for lot in lots for rank in self.takers[lot]}
        if len(ranks) < self.snapshot.policy.cutoff_shown_from:
            return {}
        last = self.ranked[max(ranks) - 1]
        waited = (self.snapshot.today - last.since.date()).days
        return {"cutoff_rank": max(ranks), "cutoff_tier": last.tier, "cutoff_days": waited, "served": len(ranks)}

    def decide(self, need: Need) -> Decision:
        rank = self.rank[need.id]
        if need.id not in self.picks:
            code, details = self.refused[need.id]
            return Refusal(need=need.id, rank=rank, code=code, details=details)
        picks = tuple(self.picks[need.id].values())
        releasers: list[ReleaseBy] = [
            self.snapshot.verdicts[need.id, pick.item].release_by or "doctor" for pick in picks
        ]
        return Allocation(
            need=need.id,
            rank=rank,
            picks=picks,
            release_by=max(releasers, key=RELEASERS.index),
            reasons=self._why(need, picks),
        )

    def _why(self, need: Need, picks: tuple[Pick, ...]) -> tuple[Reason, ...]:
        lots = {lot.key: lot for lot in self.fits[need.id]}
        waited = (self.snapshot.today - need.since.date()).days
        reasons = [_reason("MATCH_RANK", rank=self.rank[need.id], of=len(self.ranked), tier=need.tier, days=waited)]
        for pick in picks:
            expiry = lots[pick.lot].expiry
            reasons.append(
                _reason("MATCH_LOT", expiry=expiry.isoformat(), fitting=len(lots))
                if expiry
                else _reason("MATCH_LOT_DURABLE", fitting=len(lots))
            )
        got, wanted = sum(pick.quantity for pick in picks), need.quantity or 1
        return (*reasons, *([_reason("MATCH_SHORT", got=got, wanted=wanted)] if got < wanted else []))


def _reason(code: str, **params: str | int) -> Reason:
    return Reason("MATCH", code, "", params)
