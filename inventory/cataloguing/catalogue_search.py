"""Finds items by what people type: part of any name, its pinyin or initials, or a name with a slip of the finger.

Every process keeps the names of the whole catalogue at hand; each search first asks the store for what was changed
since, by the catalogue's edition, so that what one process writes the others find.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from rapidfuzz import fuzz, process
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from inventory.cataloguing.item_names import is_chinese, plain
from inventory.models import Item

LONGEST = 60
MOST = 1_000
"""How many matches of one way are ranked: whoever types one letter does not look for the thousandth item."""
_SHORTEST_SLIP = 3
_LATIN_SLIP = 5
_SPLITS = 64
_FIRST_SLOT = 0xE000  # private characters: one for each set of readings


class _Named(NamedTuple):
    """One item's names, as they are written and as they sound (a private character for each slot)."""

    code: str
    wanted: bool
    names: tuple[str, ...]
    sounds: tuple[str, ...]
    spelled: tuple[str, ...]


class _Slots:
    """The private characters that stand for sets of readings, and which of them a piece of pinyin can mean."""

    def __init__(self) -> None:
        self.signs: dict[str, str] = {}
        self.pieces: dict[str, str] = {}

    def encoded(self, sound: str) -> str:
        return "".join(self.signs.get(slot) or self._new(slot) for slot in sound.split(" "))

    def _new(self, slot: str) -> str:
        sign = self.signs[slot] = chr(_FIRST_SLOT + len(self.signs))
        readings = set(slot.split("/"))
        for piece in readings | {reading[0] for reading in readings if reading}:
            self.pieces[piece] = self.pieces.get(piece, "") + sign
        return sign

    def pattern(self, typed: str) -> str:
        """Letters as a pattern over private characters: initials, whole syllables, or both mixed; empty: none fits."""
        tree: dict[str, object] = {}
        for number, split in enumerate(self._splits(typed)):
            if number == _SPLITS:
                break
            branch = tree
            for piece in split:
                branch = branch.setdefault(piece, {})  # type: ignore[assignment]
        return self._written(tree)

    def _splits(self, typed: str) -> Iterator[tuple[str, ...]]:
        if all(letter in self.pieces for letter in typed):
            yield tuple(typed)
        yield from self._split(typed)

    def _split(self, typed: str) -> Iterator[tuple[str, ...]]:
        if not typed:
            yield ()
            return
        for length in range(min(6, len(typed)), 0, -1):
            piece = typed[:length]
            if piece in self.pieces:
                for rest in self._split(typed[length:]):
                    yield (piece, *rest)

    def _written(self, tree: dict[str, object]) -> str:
        parts = [f"[{self.pieces[piece]}]{self._written(rest)}" for piece, rest in tree.items()]  # type: ignore[arg-type]
        return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})" if parts else ""


class _Lines:
    """Many short lines as one text, so that a search runs over all of them at once."""

    def __init__(self, lines: Iterable[tuple[str, UUID]]) -> None:
        self.lines: list[str] = []
        self.owners: list[UUID] = []
        self.starts: list[int] = []
        at = 1
        for line, owner in lines:
            self.lines.append(line)
            self.owners.append(owner)
            self.starts.append(at)
            at += len(line) + 1
        self.text = "\n" + "\n".join(self.lines) + "\n"

    def holding(self, part: str) -> Iterator[tuple[UUID, str, int]]:
        """Every line that has a part, each with its owner and where in it; the first ones that begin with it."""
        at, seen = self.text.find(part), 0
        while at >= 0 and seen < MOST:
            seen += 1
            yield self._at(at)
            at = self.text.find(part, at + 1)

    def fitting(self, pattern: str) -> Iterator[tuple[UUID, str, int]]:
        """Every line that has a part that fits a pattern."""
        for seen, match in enumerate(re.finditer(pattern, self.text)):
            if seen == MOST:
                return
            owner, line, at = self._at(match.start())
            yield owner, line, at if match.end() - match.start() < len(line) else -1

    def near(self, typed: str) -> Iterator[tuple[UUID, tuple[float, int]]]:
        """Every line that has a text but for one slip of the finger, each with its owner and rank.

        A slip leaves one half of the text as it is, unless it swaps the two signs in the middle: only lines that have
        a half, or the whole with those two swapped back, are compared.
        """
        half = len(typed) // 2
        swapped = typed[: half - 1] + typed[half] + typed[half - 1] + typed[half + 1 :]
        likely = {line for part in (typed[:half], typed[half:], swapped) for line in self._lines_with(part)}
        longer = [line for line in likely if len(self.lines[line]) >= len(typed)]
        shorter = [line for line in likely if len(self.lines[line]) == len(typed) - 1]
        yield from self._scored(typed, longer, fuzz.partial_ratio)
        yield from self._scored(typed, shorter, fuzz.ratio)

    def _scored(self, typed: str, lines: list[int], scorer: Any) -> Iterator[tuple[UUID, tuple[float, int]]]:
        least = 100 * (1 - 1 / len(typed)) - 0.01
        names = [self.lines[line] for line in lines]
        for name, score, at in process.extract(typed, names, scorer=scorer, score_cutoff=least, limit=MOST):
            yield self.owners[lines[at]], (200 - score, len(name))

    def _lines_with(self, part: str) -> Iterator[int]:
        at = self.text.find(part)
        while at >= 0:
            line = bisect_right(self.starts, at) - 1
            yield line
            at = self.text.find(part, self.starts[line] + len(self.lines[line]))

    def _at(self, at: int) -> tuple[UUID, str, int]:
        line = bisect_right(self.starts, at) - 1
        return self.owners[line], self.lines[line], at - self.starts[line]


class _Names:
    """The names of one edition of the catalogue; never changed once made."""

    def __init__(self, edition: int, items: dict[UUID, _Named], slots: _Slots) -> None:
        self.edition, self.items, self.slots = edition, items, slots
        self.written = _Lines((name, item) for item, one in items.items() for name in one.names)
        self.sounds = _Lines((sound, item) for item, one in items.items() for sound in one.sounds)

    def best(self, typed: str, few: int) -> list[UUID]:
        found: dict[UUID, tuple[float, int]] = {}
        for item, rank in self._ways(typed):
            found[item] = min(rank, found.get(item, rank))
        if not found:
            found = dict(self._slips(typed))
        wanted = {item: (rank[0], not self.items[item].wanted, rank[1]) for item, rank in found.items()}
        return sorted(found, key=lambda item: (wanted[item], self.items[item].code))[:few]

    def _ways(self, typed: str) -> Iterator[tuple[UUID, tuple[float, int]]]:
        for item, name, at in (*self.written.holding("\n" + typed), *self.written.holding(typed)):
            yield item, (0 if name == typed else 1 if at <= 0 else 2, len(name))
        letters = re.sub(r"[\s']", "", typed)
        pattern = self.slots.pattern(letters) if letters.isascii() and letters.isalnum() else ""
        if pattern:
            for item, sound, at in self.sounds.fitting(pattern):
                yield item, (3 if at < 0 else 4 if at == 0 else 5, len(sound))

    def _slips(self, typed: str) -> Iterator[tuple[UUID, tuple[float, int]]]:
        """Names that have what was typed but for one sign: wrong, missing, too many, or swapped with the next."""
        latin = not any(is_chinese(sign) for sign in typed)
        if len(typed) < (_LATIN_SLIP if latin else _SHORTEST_SLIP):
            return
        yield from self.written.near(typed)
        if latin:
            yield from self.spelled.near(typed)

    @cached_property
    def spelled(self) -> _Lines:
        """The names in the commonest pinyin of each sign: needed only for slips of Latin letters."""
        return _Lines((one, item) for item, named in self.items.items() for one in named.spelled)


_kept: WeakKeyDictionary[Engine, _Names] = WeakKeyDictionary()
_refreshing = threading.Lock()


def best(session: Session, text: str, few: int) -> list[UUID]:
    """The items whose names a text fits best, the best first."""
    typed = plain(" ".join(text.split()))[:LONGEST]
    return _names(session).best(typed, few) if typed else []


def _names(session: Session) -> _Names:
    engine = session.get_bind().engine
    edition = session.execute(select(func.max(Item.edition))).scalar() or 0
    kept = _kept.get(engine)
    if kept is not None and kept.edition == edition:
        return kept
    with _refreshing:
        kept = _kept.get(engine)
        if kept is None or kept.edition < edition:
            kept = _kept[engine] = _refreshed(session, kept, edition)
    return kept


def _refreshed(session: Session, kept: _Names | None, edition: int) -> _Names:
    slots, items = (kept.slots, dict(kept.items)) if kept else (_Slots(), {})
    changed = select(Item.id, Item.code, Item.wanted, Item.search, Item.sounds).order_by(Item.code)
    for row in session.execute(changed.where(Item.edition > kept.edition) if kept else changed):
        sounds = row.sounds.split("\n") if row.sounds else []
        items[row.id] = _Named(
            row.code,
            row.wanted,
            tuple(row.search.split("\n")),
            tuple(slots.encoded(sound) for sound in sounds),
            tuple("".join(slot.partition("/")[0] for slot in sound.split(" ")) for sound in sounds),
        )
    return _Names(edition, items, slots)
