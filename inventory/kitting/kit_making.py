"""How many care parcels the goods make, what is missing, and which unit of which pack goes into which bag (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec

from inventory import fefo
from inventory.cataloguing.starter import StarterItem
from inventory.fefo import OnShelf
from inventory.receiving.intake_facts import Kind

BLEACH, ALCOHOL = "bleach", "alcohol"
"""What must never meet (DS21): 84 disinfectant and anything with alcohol that disinfects."""
_BLEACH = "sodium_hypochlorite"


class Portion(msgspec.Struct, frozen=True):
    """So many base units of an item."""

    item: UUID
    quantity: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one kit holds of an item, or in its place the first of ``instead`` that is there, always as a whole."""

    item: UUID
    quantity: int
    instead: tuple[Portion, ...] = ()

    @property
    def options(self) -> tuple[Portion, ...]:
        """The item itself, then what may stand in for it."""
        return (Portion(self.item, self.quantity), *self.instead)


class LineStock(msgspec.Struct, frozen=True, kw_only=True):
    """How far the goods go for one line.

    ``own`` kits from the item itself, ``whole`` with what may stand in for it. ``missing`` units of the item lack for
    the wanted number. ``bottleneck``: this line keeps the number from being one higher.
    """

    item: UUID
    quantity: int
    available: int
    own: int
    whole: int
    missing: int
    bottleneck: bool


class Makeable(msgspec.Struct, frozen=True, kw_only=True):
    """So many kits can be made, ``own`` of them if nothing stands in for anything; the scarcest line comes first."""

    kits: int
    own: int
    lines: tuple[LineStock, ...]


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a pack for a bag; ``line`` is the item of the line that they serve."""

    line: UUID
    item: UUID
    pack: UUID
    place: UUID
    quantity: int
    expiry: date | None


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into each bag, or (then there are no bags) how many units of which lines' items are missing."""

    bags: tuple[tuple[Take, ...], ...] = ()
    missing: dict[UUID, int] = {}


def shares(lines: Sequence[Line], stock: Mapping[UUID, int], kits: int) -> list[list[int]]:
    """For each line, how many of ``kits`` kits are served by each of its options; less than ``kits`` where goods lack.

    Every line takes its own item first; only what is left over then stands in for others.
    """
    left = dict(stock)
    served = [[_take(left, line.options[0], kits)] for line in lines]
    for line, counts in zip(lines, served, strict=True):
        for portion in line.instead:
            counts.append(_take(left, portion, kits - sum(counts)))
    return served


def _take(left: dict[UUID, int], portion: Portion, kits: int) -> int:
    taken = min(kits, left.get(portion.item, 0) // portion.quantity)
    left[portion.item] = left.get(portion.item, 0) - taken * portion.quantity
    return taken


def makes(lines: Sequence[Line], stock: Mapping[UUID, int]) -> int:
    """How many whole kits the available units make; never more than can be assembled at once."""
    if not lines:
        return 0
    low, high = 0, min(sum(stock.get(one.item, 0) // one.quantity for one in line.options) for line in lines)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _whole(lines, stock, middle) else (low, middle - 1)
    return low


def _whole(lines: Sequence[Line], stock: Mapping[UUID, int], kits: int) -> bool:
    return all(sum(counts) == kits for counts in shares(lines, stock, kits))


def makeable(lines: Sequence[Line], stock: Mapping[UUID, int], wanted: int | None = None) -> Makeable:
    """How many kits can be made and what keeps it from being more; ``missing`` is counted for ``wanted`` kits."""
    kits = makes(lines, stock)
    target = kits + 1 if wanted is None else wanted
    lacking = [target - sum(counts) for counts in shares(lines, stock, target)]
    next_one = [sum(counts) <= kits for counts in shares(lines, stock, kits + 1)]
    found = [
        LineStock(
            item=line.item, quantity=line.quantity, available=stock.get(line.item, 0),
            own=stock.get(line.item, 0) // line.quantity, whole=makes([line], stock),
            missing=_missing(line, stock, lack), bottleneck=short,
        )
        for line, lack, short in zip(lines, lacking, next_one, strict=True)
    ]  # fmt: skip
    return Makeable(
        kits=kits,
        own=makes([msgspec.structs.replace(line, instead=()) for line in lines], stock),
        lines=tuple(sorted(found, key=lambda one: (not one.bottleneck, one.whole))),
    )


def _missing(line: Line, stock: Mapping[UUID, int], kits: int) -> int:
    """Units of the item that ``kits`` more kits need: what is left of a broken portion counts."""
    return max(0, kits * line.quantity - stock.get(line.item, 0) % line.quantity) if kits > 0 else 0


def good_units(shelf: Mapping[UUID, Collection[OnShelf]], not_before: date) -> dict[UUID, int]:
    """Units by item that are good through ``not_before``."""
    return {
        item: sum(one.quantity for one in rows if one.expiry is None or one.expiry >= not_before)
        for item, rows in shelf.items()
    }


def fill(lines: Sequence[Line], shelf: Mapping[UUID, Collection[OnShelf]], kits: int, not_before: date) -> Filled:
    """Which units go into each of ``kits`` bags, first expired first; only what is good through ``not_before``."""
    served = shares(lines, good_units(shelf, not_before), kits)
    missing = {
        line.item: (kits - sum(counts)) * line.quantity
        for line, counts in zip(lines, served, strict=True)
        if sum(counts) < kits
    }
    if missing:
        return Filled(missing=missing)
    turns = [_turns(line, counts) for line, counts in zip(lines, served, strict=True)]
    needed: dict[UUID, int] = {}
    for turn in turns:
        for portion in turn:
            needed[portion.item] = needed.get(portion.item, 0) + portion.quantity
    queues = {item: fefo.pick(shelf[item], units, not_before) for item, units in needed.items()}
    bags = [
        tuple(
            take
            for line, turn in zip(lines, turns, strict=True)
            for take in _from(queues[turn[bag].item], line, turn[bag])
        )
        for bag in range(kits)
    ]
    return Filled(bags=tuple(bags))


def _turns(line: Line, counts: Sequence[int]) -> list[Portion]:
    """What serves the line in each bag: the item itself in the first ones, then what stands in for it."""
    return [portion for portion, count in zip(line.options, counts, strict=True) for _ in range(count)]


def _from(queue: list[tuple[OnShelf, int]], line: Line, portion: Portion) -> Iterator[Take]:
    wanted = portion.quantity
    while wanted:
        one, left = queue.pop(0)
        taken = min(left, wanted)
        if left > taken:
            queue.insert(0, (one, left - taken))
        wanted -= taken
        yield Take(line=line.item, item=portion.item, pack=one.pack, place=one.place, quantity=taken, expiry=one.expiry)


def hazard(item: StarterItem) -> str:
    """Whether an item belongs into an inner bag of its own: ``bleach``, ``alcohol``, or empty (DS21)."""
    if item.kind is not Kind.DISINFECTANT:
        return ""
    if any(active.ingredient == _BLEACH for active in item.actives):
        return BLEACH
    return ALCOHOL if item.alcohol or any(active.ingredient == "ethanol" for active in item.actives) else ""


def to_keep_apart(hazards: Collection[str]) -> bool:
    """Whether what must never meet is in one bag."""
    return {BLEACH, ALCOHOL} <= set(hazards)
