"""The one typeface that everything is printed in: how wide a text is, where its lines break, which glyphs it takes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec
import pylopdf_fonts_zh_cn

from labels.fontfile import FontFile

PATH = str(pylopdf_fonts_zh_cn.sans_path())
NAME = "NotoSansSC-Regular"
ASCENT, DESCENT, CAP_HEIGHT = 880, -120, 733
# Printers set 〓 where a sort is missing: the reader sees that a character is absent, and the page is still printed.
MISSING = "〓"

_OPENING = "（《〈“‘【〔「『［(["
_CLOSING = "，。、；：！？）》〉”’】〕」』］…·℃％%,.;:!?)]"
_UNIT = re.compile(rf"[{re.escape(_OPENING)}]*(?:[A-Za-z0-9.%+/@_'*×~-]+|.)[{re.escape(_CLOSING)}]*")
# Joiners and variation selectors shape emoji and rare variants; on paper they are nothing.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]")


class Unprintable(ValueError):
    """It cannot be printed as asked. ``code`` is stable (PRINT_…), ``params`` the values its sentence needs."""

    def __init__(self, code: str, **params: int | str) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class Subset(msgspec.Struct, frozen=True):
    """A CFF font program holding only some glyphs; ``widths`` in thousandths of the size, by glyph."""

    program: bytes
    widths: dict[int, int]


class _Face:
    def __init__(self) -> None:
        self.file = FontFile(PATH)
        self.glyphs = self.file.glyphs
        self.advance = {chr(sign): self.file.advances[glyph] for sign, glyph in self.glyphs.items()}


@lru_cache(maxsize=1)
def _face() -> _Face:
    return _Face()


def printable(text: str, longest: int) -> str:
    """The text as it will be printed: composed, without invisible joiners, 〓 for what the typeface lacks.

    Raises Unprintable: PRINT_TOO_LONG above ``longest`` characters, PRINT_CONTROL for control and direction signs.
    """
    if len(text) > longest:
        raise Unprintable("PRINT_TOO_LONG", longest=longest)
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\t", " "))
    known = _face().glyphs
    return "".join(sign if sign == "\n" else _printed(sign, known) for sign in plain)


def drawable(text: str, longest: int) -> str:
    """As ``printable``, but refuses what the typeface lacks: on a label a missing character is a wrong name.

    Raises Unprintable as ``printable``, and PRINT_NO_GLYPH with its ``position`` counted from 1.
    """
    plain = printable(text, longest)
    if plain.count(MISSING) > text.count(MISSING):
        raise Unprintable("PRINT_NO_GLYPH", position=plain.index(MISSING) + 1)
    return plain


def _printed(sign: str, known: dict[int, int]) -> str:
    if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        raise Unprintable("PRINT_CONTROL")
    return sign if ord(sign) in known else MISSING


def glyphs(text: str) -> list[int]:
    """The glyph of each character of a text that ``printable`` returned."""
    known = _face().glyphs
    return [known[ord(sign)] for sign in text]


def width(text: str, size: float) -> float:
    """How far the text reaches at ``size``, in the unit of ``size``."""
    return sum(map(_face().advance.__getitem__, text)) * size / 1000


def wrap(text: str, size: float, room: float) -> list[str]:
    """Break into lines no wider than ``room``: after any Chinese character, never inside ``0.5g`` if that can be
    helped, no closing mark at the start of a line and no opening mark at its end. No character but blanks is lost.
    """
    return [line for paragraph in text.split("\n") for line in _wrap(paragraph, size, room)]


def _wrap(paragraph: str, size: float, room: float) -> Iterator[str]:
    line = ""
    for unit in _units(paragraph, size, room):
        if line and width(line + unit.rstrip(), size) > room:
            yield line.rstrip()
            line = ""
        line += unit if line else unit.lstrip()
    yield line.rstrip()


def _units(paragraph: str, size: float, room: float) -> Iterator[str]:
    for found in _UNIT.finditer(paragraph):
        unit = found[0]
        # A unit wider than the line is cut wherever it must be.
        yield from unit if width(unit, size) > room else (unit,)


def subset(used: Iterable[int]) -> Subset:
    """The typeface cut down to these glyphs, which keep their numbers."""
    return _subset(frozenset(used))


@lru_cache(maxsize=32)
def _subset(used: frozenset[int]) -> Subset:
    file = _face().file
    return Subset(file.program(sorted(used), NAME), {glyph: file.advances[glyph] for glyph in sorted(used)})
