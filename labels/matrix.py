"""From a text to the modules of its QR code: ``qrcode`` decides, tables over GF(2) repeat it by thousands."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, Literal

import msgspec
from qrcode import QRCode, constants
from qrcode.exceptions import DataOverflowError
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

from labels.codes import ALPHABET, LENGTH

Level = Literal["L", "M", "Q", "H"]

# Choosing the best of eight masks is most of a code's cost and gains nothing here: of 700 labels turned, blurred and
# stained, this mask was read 498 times, the best of eight 488 times; and its penalty is among the two lowest.
FIXED_MASK = 4

# The longest text ever put in a QR here: version 10 at level M, 0.35 mm a module at 20 mm.
LONGEST = 311

_LEVELS = {
    "L": constants.ERROR_CORRECT_L,
    "M": constants.ERROR_CORRECT_M,
    "Q": constants.ERROR_CORRECT_Q,
    "H": constants.ERROR_CORRECT_H,
}
_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE = {letter: value for value, letter in enumerate(_ALPHANUMERIC)}
# A block of nothing but zeros makes ``qrcode`` take the logarithm of 0; such texts go as bytes.
_IS_ALPHANUMERIC = re.compile(r"(?!.*0{12})[0-9A-Z $%*+\-./:]+")
_DARK = re.compile("1+")


class Matrix(msgspec.Struct, frozen=True):
    """A square of modules without its quiet zone: ``rows`` from the top, leftmost bit highest, 1 is dark."""

    size: int
    rows: tuple[int, ...]


class NoSuchQr(ValueError):
    """The text is empty (QR_EMPTY) or longer than a printable QR holds (QR_TOO_LONG); ``code`` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def matrix(text: str, level: Level = "Q", version: int | None = None, mask: int | None = None) -> Matrix:
    """The QR of ``text`` as ``qrcode`` makes it: smallest version and best of the eight masks unless given.

    Upper-case addresses go in alphanumeric mode, all else as UTF-8 bytes. Raises NoSuchQr.
    """
    if not text:
        raise NoSuchQr("QR_EMPTY")
    if len(text) > LONGEST:
        raise NoSuchQr("QR_TOO_LONG")
    rows = tuple(
        int("".join("1" if dark else "0" for dark in row), 2) for row in _made(text, level, version, mask).modules
    )
    return Matrix(len(rows), rows)


def _made(text: str, level: Level, version: int | None, mask: int | None) -> QRCode[Any]:
    code: QRCode[Any] = QRCode(version=version, error_correction=_LEVELS[level], border=0, mask_pattern=mask)
    plain = _IS_ALPHANUMERIC.fullmatch(text) is not None
    code.add_data(QRData(text.encode(), mode=MODE_ALPHA_NUM if plain else MODE_8BIT_BYTE))
    try:
        code.make(fit=version is None)
    except DataOverflowError:
        raise NoSuchQr("QR_TOO_LONG") from None
    return code


@lru_cache(maxsize=128)
def best_version(length: int, level: Level) -> int:
    """The smallest version holding ``length`` alphanumeric characters at ``level``. Raises NoSuchQr."""
    if not 0 < length <= LONGEST:
        raise NoSuchQr("QR_TOO_LONG" if length else "QR_EMPTY")
    code = QRCode(error_correction=_LEVELS[level])
    code.add_data(QRData(b"A" * length, mode=MODE_ALPHA_NUM))
    return int(code.best_fit())


def best_level(length: int) -> Level:
    """Q, which reads under dirt, while version 3 holds the text: a host of up to 24 characters. M beyond."""
    return "Q" if best_version(length, "Q") <= 3 else "M"


@lru_cache(maxsize=256)
def roomy_level(length: int, side_mm: float) -> Level:
    """The highest level whose modules stay printable on ``side_mm``: H from 0.625 mm a module, Q from 0.5 mm, else M.

    At 203 dpi these are five dots and four; a stain on 10 % of a code defeats Q and not H. Raises NoSuchQr.
    """
    for level, least_mm in _ROOM:
        if _fits(length, level) and side_mm / (17 + 4 * best_version(length, level)) >= least_mm:
            return level
    return "M"


_ROOM: tuple[tuple[Level, float], ...] = (("H", 0.625), ("Q", 0.5))


def _fits(length: int, level: Level) -> bool:
    try:
        return best_version(length, level) <= 10
    except (DataOverflowError, NoSuchQr):
        return False


def label_matrix(text: str, level: Level | None = None) -> Matrix:
    """The QR of a label's address with the fixed mask, in the smallest version; microseconds once its like was seen.

    Equal to ``matrix(text, level, mask=FIXED_MASK)`` bit for bit. Without ``level``: ``best_level``. Raises NoSuchQr.
    """
    try:
        return _SERVED[len(text), level].quick(text)
    except KeyError:
        return _table_matrix(text, level, FIXED_MASK)


def best_label_matrix(text: str, level: Level | None = None) -> Matrix:
    """As ``label_matrix``, with that of the eight masks which ``qrcode`` finds best; some 30 µs. Raises NoSuchQr."""
    return _table_matrix(text, level, None)


def _table_matrix(text: str, level: Level | None, mask: int | None) -> Matrix:
    if not _IS_ALPHANUMERIC.fullmatch(text):
        return matrix(text, level or "M", mask=mask)
    return _served(len(text), level).matrix(text, mask)


def _served(length: int, level: Level | None) -> Affine:
    # Threads that print share these tables; at worst one is made twice.
    table = _SERVED.get((length, level))
    if table is None:
        if len(_SERVED) >= _MOST_SERVED:
            _SERVED.clear()
        sure = level or best_level(length)
        table = _SERVED[length, level] = Affine(length, sure, best_version(length, sure))
    return table


class Affine:
    """For one length, level, version and mask, each module is an affine function over GF(2) of the text.

    Reed–Solomon is linear, masking adds a constant: so the matrix of a text is that of a fixed origin with,
    for each bit in which they differ, that bit's own pattern added, which ``qrcode`` is asked for only once.
    Matrices are held flat, one integer of all rows, each row in a word of 32 or 64 bits.
    """

    def __init__(self, length: int, level: Level, version: int) -> None:
        self._length, self._level, self._version = length, level, version
        self._origin_text = (_ORIGIN_PAIR * length)[: length - length % 2] + _ORIGIN_LAST * (length % 2)
        self._origin = self._ask(self._origin_text)
        self._size = 17 + 4 * version
        self._words = _words(self._size)
        # Labels of one installation differ only in their last twelve characters; what stands before is asked once.
        self._cut = max(0, length - LENGTH) // 2 * 2
        self._heads: dict[str, int] = {}
        self._tail: list[tuple[slice, dict[str, int]]] = [
            (slice(start, start + 2), {}) for start in range(self._cut, length, 2)
        ]
        self._bits: dict[tuple[int, int], int] = {}

    def quick(self, text: str) -> Matrix:
        """The matrix with the fixed mask of a text whose every part was seen before; raises KeyError otherwise."""
        flat = self._heads[text[: self._cut]]
        for place, patterns in self._tail:
            flat ^= patterns[text[place]]
        return Matrix(self._size, self._words.unpack(flat.to_bytes(self._words.size, "big")))

    def matrix(self, text: str, mask: int | None = FIXED_MASK) -> Matrix:
        """The matrix of an alphanumeric text of this length; without ``mask`` with ``qrcode``'s best of eight."""
        flat = self._flat(text)
        masks = _masks(self._level, self._version)
        if mask is None:
            mask = _best_mask(flat, masks, _grid(self._size))
        flat ^= masks[mask].drawn
        return Matrix(self._size, self._words.unpack(flat.to_bytes(self._words.size, "big")))

    def _flat(self, text: str) -> int:
        head = text[: self._cut]
        flat = self._heads.get(head)
        if flat is None:
            if len(self._heads) >= _MOST_SERVED:
                self._heads.clear()
            flat = self._heads[head] = self._ask(head + self._origin_text[self._cut :])
        for place, patterns in self._tail:
            flat ^= patterns[pair] if (pair := text[place]) in patterns else self._learn(place.start, pair, patterns)
        return flat

    def _learn(self, start: int, pair: str, patterns: dict[str, int]) -> int:
        if _OF_CODES.issuperset(pair):
            patterns.update(self._all_codes(start, len(pair)))
            return patterns[pair]
        value, pattern = _pair_value(pair) ^ _origin_value(pair), 0
        while value:
            bit = value & -value
            pattern ^= self._bit(start, bit, len(pair))
            value ^= bit
        # No code holds a 0, and texts with twelve of them go as bytes: none of these takes the quick way.
        if "0" not in pair:
            patterns[pair] = pattern
        return pattern

    def _all_codes(self, start: int, width: int) -> dict[str, int]:
        """The patterns of all that can stand there in a code."""
        sums = [0]
        for bit in range(11 if width == 2 else 6):
            pattern = self._bit(start, 1 << bit, width)
            sums += [known ^ pattern for known in sums]
        pairs = map("".join, product(ALPHABET, repeat=width))
        return {pair: sums[_pair_value(pair) ^ _origin_value(pair)] for pair in pairs}

    def _bit(self, start: int, bit: int, width: int) -> int:
        if (start, bit) not in self._bits:
            text = self._origin_text
            flipped = _pair_value(text[start : start + width]) ^ bit
            pair = _ALPHANUMERIC[flipped // 45] * (width - 1) + _ALPHANUMERIC[flipped % 45]
            self._bits[start, bit] = self._ask(text[:start] + pair + text[start + width :]) ^ self._origin
        return self._bits[start, bit]

    def _ask(self, text: str) -> int:
        return _flattened(_made(text, self._level, self._version, FIXED_MASK).modules)


_OF_CODES = frozenset(ALPHABET)
_MOST_SERVED = 64
_SERVED: dict[tuple[int, Level | None], Affine] = {}

# 01010101010 and 000101: with any one bit flipped they are still the value of two characters, or of one.
_ORIGIN_PAIR, _ORIGIN_LAST = "F7", "5"


def _origin_value(pair: str) -> int:
    return _pair_value(_ORIGIN_PAIR if len(pair) == 2 else _ORIGIN_LAST)


def _pair_value(pair: str) -> int:
    # ISO/IEC 18004, 7.4.4: two characters are one number of eleven bits, a last single one has six.
    return 45 * _VALUE[pair[0]] + _VALUE[pair[1]] if len(pair) == 2 else _VALUE[pair]


@lru_cache(maxsize=64)
def _words(size: int) -> struct.Struct:
    return struct.Struct(f">{size}{'I' if size < 32 else 'Q'}")


def _flattened(modules: Sequence[Sequence[bool | None]]) -> int:
    words = _words(len(modules))
    rows = [int("".join("1" if dark else "0" for dark in row), 2) for row in modules]
    return int.from_bytes(words.pack(*rows), "big")


class _Mask(msgspec.Struct, frozen=True):
    """What turns a symbol of the fixed mask into this mask's: as printed, and as ``qrcode`` scores it."""

    drawn: int
    scored: int


@lru_cache(maxsize=64)
def _masks(level: Level, version: int) -> tuple[_Mask, ...]:
    # ``qrcode`` scores symbols whose format and version bits are still blank, so that is what is scored here.
    code = _made("A", level, version, FIXED_MASK)
    fixed, found = _flattened(code.modules), []
    for mask in range(8):
        code.makeImpl(False, mask)
        drawn = _flattened(code.modules)
        code.makeImpl(True, mask)
        found.append(_Mask(drawn ^ fixed, _flattened(code.modules) ^ fixed))
    return tuple(found)


class _Grid(msgspec.Struct, frozen=True):
    """Where modules stand in a flat matrix: all of them, those with a left neighbour, those with one above."""

    step: int
    everywhere: int
    beside: int
    beneath: int
    modules: int


@lru_cache(maxsize=64)
def _grid(size: int) -> _Grid:
    step = 8 * _words(size).size // size
    rows = [((1 << size) - 1) << step * row for row in range(size)]
    return _Grid(step, sum(rows), sum(row & row >> 1 for row in rows), sum(rows[:-1]), size * size)


def _best_mask(flat: int, masks: Sequence[_Mask], grid: _Grid) -> int:
    scores = [_penalty(flat ^ mask.scored, grid) for mask in masks]
    return scores.index(min(scores))


def _penalty(dark: int, grid: _Grid) -> int:
    """ISO/IEC 18004, 7.8.3, as ``qrcode.util.lost_point`` counts it: all modules at once, as bits of one integer."""
    step, light = grid.step, dark ^ grid.everywhere
    like_left = ~(dark ^ dark >> 1) & grid.beside
    like_above = ~(dark ^ dark >> step) & grid.beneath
    blocks = like_left & like_above & like_left >> step
    uneven = int(abs(float(dark.bit_count()) / grid.modules * 100 - 50) / 5)
    return (
        _long_runs(like_left, 1)
        + _long_runs(like_above, step)
        + 3 * blocks.bit_count()
        + 40 * (_like_finders(dark, light, 1) + _like_finders(dark, light, step))
        + 10 * uneven
    )


def _long_runs(like_neighbour: int, step: int) -> int:
    # A run of n alike, n >= 5, costs n - 2 and leaves n - 4 marks in a row; each row of marks begins once.
    pairs = like_neighbour & like_neighbour >> step
    marks = pairs & pairs >> 2 * step
    return 3 * marks.bit_count() - 2 * (marks & marks >> step).bit_count()


def _like_finders(dark: int, light: int, step: int) -> int:
    # 1011101 with 0000 after it or before it.
    three = dark & dark >> step & dark >> 2 * step
    core = dark & dark >> 6 * step & three >> 2 * step & (light & light >> 4 * step) >> step
    two = light & light >> step
    four = two & two >> 2 * step
    return (core & four << 4 * step).bit_count() + (core & four >> 7 * step).bit_count()


def runs(made: Matrix) -> Iterator[tuple[int, int, int]]:
    """The dark modules as horizontal bars ``(x, y, width)``, from the top left: the fewest shapes for a path."""
    for y, row in enumerate(made.rows):
        for bar in _DARK.finditer(format(row, f"0{made.size}b")):
            yield bar.start(), y, bar.end() - bar.start()
