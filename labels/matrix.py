"""From a text to the modules of its QR code: ``qrcode`` decides, tables over GF(2) repeat it by thousands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import msgspec
from qrcode import QRCode, constants
from qrcode.exceptions import DataOverflowError
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

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
    code = QRCode(version=version, error_correction=_LEVELS[level], border=0, mask_pattern=mask)
    plain = _IS_ALPHANUMERIC.fullmatch(text) is not None
    code.add_data(QRData(text.encode(), mode=MODE_ALPHA_NUM if plain else MODE_8BIT_BYTE))
    try:
        code.make(fit=version is None)
    except DataOverflowError:
        raise NoSuchQr("QR_TOO_LONG") from None
    rows = tuple(int("".join("1" if dark else "0" for dark in row), 2) for row in code.modules)
    return Matrix(len(rows), rows)


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


def label_matrix(text: str) -> Matrix:
    """The QR of a label's address, with the fixed mask; microseconds once its length has been seen.

    Equal to ``matrix(text, level, version, FIXED_MASK)`` bit for bit. Raises NoSuchQr.
    """
    if not _IS_ALPHANUMERIC.fullmatch(text):
        return matrix(text, "M", mask=FIXED_MASK)
    length = len(text)
    level = best_level(length)
    return _table(length, level, best_version(length, level), FIXED_MASK).matrix(text)


class _Affine:
    """For one length, level, version and mask, each module is an affine function over GF(2) of the text.

    Reed–Solomon is linear, masking adds a constant: so the matrix of a text is that of a fixed origin with,
    for each bit in which they differ, that bit's own pattern added, which ``qrcode`` is asked for only once.
    """

    def __init__(self, length: int, level: Level, version: int, mask: int) -> None:
        self._length, self._level, self._version, self._mask = length, level, version, mask
        self._origin_text = (_ORIGIN_PAIR * length)[: length - length % 2] + _ORIGIN_LAST * (length % 2)
        self._origin = self._ask(self._origin_text)
        self._size = 17 + 4 * version
        self._bits: dict[tuple[int, int], int] = {}
        self._pairs: dict[tuple[int, str], int] = {}

    def matrix(self, text: str) -> Matrix:
        flat = self._origin
        for start in range(0, self._length, 2):
            pair = text[start : start + 2]
            known = self._pairs.get((start, pair))
            flat ^= self._pattern(start, pair) if known is None else known
        size, row = self._size, (1 << self._size) - 1
        return Matrix(size, tuple(flat >> shift & row for shift in range(size * (size - 1), -1, -size)))

    def _pattern(self, start: int, pair: str) -> int:
        value, pattern = _pair_value(pair) ^ _origin_value(pair), 0
        while value:
            bit = value & -value
            pattern ^= self._bit(start, bit, len(pair))
            value ^= bit
        self._pairs[start, pair] = pattern
        return pattern

    def _bit(self, start: int, bit: int, width: int) -> int:
        if (start, bit) not in self._bits:
            text = self._origin_text
            flipped = _pair_value(text[start : start + width]) ^ bit
            pair = _ALPHANUMERIC[flipped // 45] * (width - 1) + _ALPHANUMERIC[flipped % 45]
            self._bits[start, bit] = self._ask(text[:start] + pair + text[start + width :]) ^ self._origin
        return self._bits[start, bit]

    def _ask(self, text: str) -> int:
        made = matrix(text, self._level, self._version, self._mask)
        flat = 0
        for row in made.rows:
            flat = flat << made.size | row
        return flat


# 01010101010 and 000101: with any one bit flipped they are still the value of two characters, or of one.
_ORIGIN_PAIR, _ORIGIN_LAST = "F7", "5"


def _origin_value(pair: str) -> int:
    return _pair_value(_ORIGIN_PAIR if len(pair) == 2 else _ORIGIN_LAST)


def _pair_value(pair: str) -> int:
    # ISO/IEC 18004, 7.4.4: two characters are one number of eleven bits, a last single one has six.
    return 45 * _VALUE[pair[0]] + _VALUE[pair[1]] if len(pair) == 2 else _VALUE[pair]


@lru_cache(maxsize=64)
def _table(length: int, level: Level, version: int, mask: int) -> _Affine:
    return _Affine(length, level, version, mask)


def runs(made: Matrix) -> Iterator[tuple[int, int, int]]:
    """The dark modules as horizontal bars ``(x, y, width)``, from the top left: the fewest shapes for a path."""
    for y, row in enumerate(made.rows):
        for bar in _DARK.finditer(format(row, f"0{made.size}b")):
            yield bar.start(), y, bar.end() - bar.start()
