"""What a count means while goods move: every scan is compared with the books of its own moment (pure).

A pack stands on the shelf it was taken from also while it is reserved: promising is a line in a book, the box has not
moved. So the books are read as where boxes *stand*, not as holdings.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

SHELF, RESERVED, HOLD, QUARANTINE = "shelf", "reserved", "hold", "quarantine"
COUNTABLE = frozenset({SHELF, HOLD, QUARANTINE})
"""Kinds of places that are counted; what is in a parcel, on the way or in a bag of a kit is counted there."""
OUTSIDE = frozenset({"donor", "residents", "disposal", "correction"})
SPLIT = "split"
"""The ledger's word for parting a bag: units leave by way of the corrections, but nothing is lost."""


class Moment(NamedTuple):
    """A place in the order of what happened: the instant, and among those of one instant the id (UUIDv7)."""

    at: datetime
    id: UUID


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of one pack as the replay needs it."""

    moment: Moment
    source: UUID
    source_kind: str
    target: UUID
    target_kind: str
    quantity: int
    reason: str
    reverses: Moment | None = None


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """Units that by the books stand in ``source`` and were seen here: moved, not lost and found."""

    source: UUID
    kind: str
    units: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One pack in one place of one count.

    ``counted`` None: nobody saw it. ``expected``: what the books said at ``moment`` (of what nobody saw: the least that
    stood there from beginning to end). ``shifts``: seen here though the books say elsewhere. ``went``: missing here,
    seen elsewhere. ``pack`` None: goods without a readable label.
    """

    pack: UUID | None
    counted: int | None
    expected: int
    at: datetime
    seq: UUID
    shifts: tuple[Shift, ...] = ()
    went: int = 0

    @property
    def moment(self) -> Moment:
        """When it was seen, or, of what nobody saw, when the count ended."""
        return Moment(self.at, self.seq)

    @property
    def rest(self) -> int:
        """Units that no move explains: below zero missing, above zero found."""
        return (self.counted or 0) - self.expected - sum(one.units for one in self.shifts) + self.went

    @property
    def plain(self) -> bool:
        """Whether there is nothing to say of it."""
        return not self.rest and not self.shifts


class Seen(msgspec.Struct, frozen=True):
    """So many units of a pack were seen in a place, and when."""

    units: int
    moment: Moment


class Stand:
    """Where the units of one pack stand, movement by movement."""

    def __init__(self) -> None:
        self.units: Counter[UUID] = Counter()
        self.kinds: dict[UUID, str] = {}
        self._promised: Counter[UUID] = Counter()
        self._last: UUID | None = None

    def follow(self, moved: Moved) -> None:
        """Take one movement in."""
        self.kinds |= {moved.source: moved.source_kind, moved.target: moved.target_kind}
        self._leave(moved)
        self._arrive(moved)

    def _leave(self, moved: Moved) -> None:
        if moved.source_kind == SHELF:
            self._last = moved.source
        if moved.source_kind == RESERVED:
            self._take_promised(moved.quantity, moved.target)
        elif moved.source_kind not in OUTSIDE:
            self.units[moved.source] -= moved.quantity

    def _take_promised(self, units: int, target: UUID) -> None:
        """Out of the reserve: what goes back to a shelf was standing there, if anything of it was."""
        for shelf in sorted(self._promised, key=lambda one: (one != target, one)):
            taken = min(units, self._promised[shelf])
            self._promised[shelf] -= taken
            self.units[shelf] -= taken
            units -= taken

    def _arrive(self, moved: Moved) -> None:
        if moved.target_kind == SHELF:
            self._last = moved.target
        if moved.target_kind == RESERVED:
            if self._last is not None:
                self._promised[self._last] += moved.quantity
                self.units[self._last] += moved.quantity
        elif moved.target_kind not in OUTSIDE:
            self.units[moved.target] += moved.quantity


def at_moment(moves: Iterable[Moved], moment: Moment) -> Stand:
    """Where a pack stood at a moment."""
    stand = Stand()
    for moved in moves:
        if moved.moment <= moment:
            stand.follow(moved)
    return stand


def least(moves: Iterable[Moved], place: UUID, since: Moment, until: Moment) -> int:
    """The units of a pack that stood in a place throughout: the least there ever was from ``since`` until ``until``."""
    stand, lowest = Stand(), None
    for moved in moves:
        if moved.moment > until:
            break
        if moved.moment > since and lowest is None:
            lowest = stand.units[place]
        stand.follow(moved)
        if lowest is not None:
            lowest = min(lowest, stand.units[place])
    return max(0, stand.units[place] if lowest is None else lowest)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One count: which places, from when to when, what was seen of each pack where.

    ``elsewhere``: what was seen in places outside this count (an earlier one of the same stocktake); ``gone``: units of
    a pack missing in a place that were seen in another.
    """

    places: frozenset[UUID]
    since: Moment
    until: Moment
    seen: Mapping[tuple[UUID, UUID], Seen]
    elsewhere: Mapping[tuple[UUID, UUID], Seen] = {}
    gone: Mapping[tuple[UUID, UUID], int] = {}


def differences(count: Counted, moves: Mapping[UUID, Sequence[Moved]]) -> dict[UUID, list[Entry]]:
    """By place, every pack whose count differs from the books; ``moves`` holds each pack's movements in order."""
    found: dict[tuple[UUID, UUID], Entry] = {}
    for pack, way in sorted(moves.items()):
        for place in sorted(count.places):
            entry = _entry(count, place, pack, way)
            if (entry.counted or 0) != entry.expected:
                found[place, pack] = entry
    for (place, pack), entry in sorted(found.items()):
        if (entry.counted or 0) > entry.expected:
            _explain(found, count, place, pack, moves[pack])
    by_place: dict[UUID, list[Entry]] = defaultdict(list)
    for (place, _), entry in sorted(found.items()):
        if not entry.plain:
            by_place[place].append(entry)
    return dict(by_place)


def _entry(count: Counted, place: UUID, pack: UUID, way: Sequence[Moved]) -> Entry:
    seen = count.seen.get((place, pack))
    if seen is None:
        expected = least(way, place, count.since, count.until)
        went = min(expected, count.gone.get((place, pack), 0))
        return Entry(pack=pack, counted=None, expected=expected, at=count.until.at, seq=count.until.id, went=went)
    stood = at_moment(way, seen.moment).units[place]
    went = min(max(0, stood - seen.units), count.gone.get((place, pack), 0))
    return Entry(pack=pack, counted=seen.units, expected=stood, at=seen.moment.at, seq=seen.moment.id, went=went)


def _explain(
    found: dict[tuple[UUID, UUID], Entry], count: Counted, place: UUID, pack: UUID, way: Sequence[Moved]
) -> None:
    """Say of units too many here where the books have them, and of that place that they went."""
    entry = found[place, pack]
    stand = at_moment(way, entry.moment)
    over, shifts = (entry.counted or 0) - entry.expected, []
    for other, units in sorted(stand.units.items()):
        seen = count.seen.get((other, pack)) or count.elsewhere.get((other, pack))
        spare = min(over, units - (seen.units if seen else 0))
        if other == place or spare <= 0:
            continue
        shifts.append(Shift(source=other, kind=stand.kinds[other], units=spare))
        over -= spare
        lacking = found.get((other, pack))
        if lacking is not None:
            found[other, pack] = msgspec.structs.replace(lacking, went=lacking.went + spare)
    found[place, pack] = msgspec.structs.replace(entry, shifts=tuple(shifts))


def agree(one: Sequence[Entry], other: Sequence[Entry]) -> bool:
    """Whether two counts found the same differences, pack by pack, however the goods moved in between."""
    return _rests(one) == _rests(other)


def _rests(entries: Sequence[Entry]) -> Counter[UUID | None]:
    rests: Counter[UUID | None] = Counter()
    for entry in entries:
        rests[entry.pack] += entry.rest
    return Counter({pack: rest for pack, rest in rests.items() if rest})


def net(entries: Sequence[Entry]) -> int:
    """Units that the count would add to the books, or (below zero) take off them."""
    return sum(entry.rest for entry in entries)


def only_moved(entries: Sequence[Entry]) -> bool:
    """Whether nothing is missing or too many: goods stand in another place than the books say."""
    return not _rests(entries)


def disturbed(way: Iterable[Moved], moment: Moment) -> bool:
    """Whether the books of a pack were put right after its count, so that the count no longer speaks of them.

    A reversal of something older than the count, or any correction since: nobody can tell whether it already contains
    what the count found. The goods must be counted again.
    """
    later = [moved for moved in way if moved.moment > moment]
    taken_back = {moved.reverses for moved in later}
    for moved in later:
        if moved.reverses is not None and moved.reverses <= moment:
            return True
        cancelled = moved.moment in taken_back or moved.reverses is not None
        if not cancelled and "correction" in (moved.source_kind, moved.target_kind) and moved.reason != SPLIT:
            return True
    return False


def may_shift(source: str, target: str) -> bool:
    """Whether the books may follow goods that were seen elsewhere; a count never releases anything from hold."""
    return target in COUNTABLE and (source == SHELF or (source == HOLD and target == QUARANTINE))


def next_counter(by: UUID, counters: Mapping[str, Sequence[str]], number: int) -> bool:
    """Whether somebody may make the count of this number: another person than whoever made the one before."""
    return str(by) not in counters.get(str(number - 1), ())


def lots_of(entries: Iterable[Entry], lot_of: Mapping[UUID, UUID]) -> dict[UUID, list[Entry]]:
    """Entries by lot."""
    by_lot: dict[UUID, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.pack is not None:
            by_lot[lot_of[entry.pack]].append(entry)
    return dict(by_lot)


def moment_of(instant: datetime, seq: UUID, opened: datetime, now: datetime) -> Moment:
    """The moment of a scan, kept within the stocktake: a phone's clock never reaches behind its opening or ahead."""
    return Moment(min(max(instant, opened), now), seq)


def unlabelled(units: int, moment: Moment) -> Entry:
    """Goods without a readable label, seen in a place."""
    return Entry(pack=None, counted=units, expected=0, at=moment.at, seq=moment.id)
