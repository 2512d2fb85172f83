"""The one typeface that everything is printed in: how wide a text is, where its lines break, which glyphs it takes."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec
import pylopdf_fonts_zh_cn

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
        # Half of a second that only printing needs, so not at import.
        from fontTools.ttLib import TTFont

        with TTFont(PATH, lazy=True) as font:
            advances = font["hmtx"].metrics
            names: dict[int, str] = font.getBestCmap()
        self.glyphs = {sign: int(name[3:]) for sign, name in names.items() if name.startswith("cid")}
        self.widths = {int(name[3:]): int(advance) for name, (advance, _) in advances.items() if name != ".notdef"}
        self.advance = {sign: self.widths[glyph] for sign, glyph in self.glyphs.items()}


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
    advance = _face().advance
    return sum(advance[ord(sign)] for sign in text) * size / 1000


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
    # Loading the subsetter takes most of a cold print's time; a server that prints nothing never pays it.
    from fontTools import subset as cutter
    from fontTools.ttLib import TTFont

    options = cutter.Options()
    options.layout_features = []
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx"]
    options.hinting = False
    options.desubroutinize = True
    options.notdef_outline = True
    work = cutter.Subsetter(options)
    work.populate(glyphs=[f"cid{glyph:05d}" for glyph in sorted(used)])
    whole = io.BytesIO()
    with TTFont(PATH, lazy=True) as font:
        work.subset(font)
        font.save(whole)
    table = TTFont(io.BytesIO(whole.getvalue())).reader["CFF "]
    widths = _face().widths
    return Subset(bytes(table), {glyph: widths[glyph] for glyph in sorted(used)})
