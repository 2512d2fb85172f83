"""The typeface's OpenType file: which glyph a character has, how wide it is, and a CFF program of a few glyphs.

It reads what this one CID-keyed CFF face needs and nothing more: a general font library takes longer to import than
a thousand labels take to print. It is the oracle of the tests.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

_CHARSTRINGS, _PRIVATE, _SUBRS, _FD_ARRAY, _FD_SELECT = 17, 18, 19, 1236, 1237
_RETURN, _ENDCHAR, _CALL_SUBR, _CALL_GLOBAL = 11, 14, 10, 29
_STEMS = frozenset({1, 3, 18, 23})
_MASKS = frozenset({19, 20})
_DEEPEST = 12


class FontFile:
    """An OpenType file with CID-keyed CFF outlines, kept open and mapped: pages are read as glyphs are asked for."""

    def __init__(self, path: str) -> None:
        with Path(path).open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        count = struct.unpack_from(">H", self._data, 4)[0]
        records = struct.iter_unpack(">4sIII", self._data[12 : 12 + 16 * count])
        self._tables = {bytes(tag): (start, length) for tag, _, start, length in records}
        self.advances = self._advances()
        self.glyphs = dict(self._characters())
        self._cff = _Cff(self._data, self._tables[b"CFF "][0])

    def _table(self, tag: bytes) -> bytes:
        start, length = self._tables[tag]
        return self._data[start : start + length]

    def _advances(self) -> Sequence[int]:
        full = struct.unpack_from(">H", self._table(b"hhea"), 34)[0]
        glyphs = struct.unpack_from(">H", self._table(b"maxp"), 4)[0]
        pairs: tuple[int, ...] = struct.unpack_from(f">{2 * full}H", self._table(b"hmtx"))
        return (*pairs[::2], *[pairs[-2]] * (glyphs - full))

    def _characters(self) -> Iterator[tuple[int, int]]:
        cmap = self._table(b"cmap")
        for platform, encoding, start in struct.iter_unpack(
            ">HHI", cmap[4 : 4 + 8 * struct.unpack_from(">H", cmap, 2)[0]]
        ):
            if (platform, encoding) == (3, 10):
                groups = struct.unpack_from(">I", cmap, start + 12)[0]
                for first, last, glyph in struct.iter_unpack(">III", cmap[start + 16 : start + 16 + 12 * groups]):
                    yield from zip(range(first, last + 1), range(glyph, glyph + last - first + 1), strict=True)

    def program(self, used: Sequence[int], name: str) -> bytes:
        """A CFF program of these glyphs and .notdef, ascending, whose CIDs are the glyph numbers of the whole file."""
        return self._cff.program([0, *(glyph for glyph in sorted(set(used)) if glyph)], name)


class _Index:
    """A CFF INDEX: its items by number."""

    def __init__(self, data: mmap.mmap, start: int) -> None:
        self._data = data
        self.count = struct.unpack_from(">H", data, start)[0]
        self._wide = data[start + 2] if self.count else 0
        self._offsets = start + 3
        self._base = start + 2 + (self.count + 1) * self._wide
        self.end = self._base + self._offset(self.count) if self.count else start + 2

    def _offset(self, number: int) -> int:
        at = self._offsets + number * self._wide
        return int.from_bytes(self._data[at : at + self._wide], "big")

    def __getitem__(self, number: int) -> bytes:
        return self._data[self._base + self._offset(number) : self._base + self._offset(number + 1)]


class _Cff:
    def __init__(self, data: mmap.mmap, start: int) -> None:
        self._data, self._start = data, start
        names = _Index(data, start + data[start + 2])
        tops = _Index(data, names.end)
        strings = _Index(data, tops.end)
        top = _dictionary(tops[0])
        self._globals = _Index(data, strings.end)
        self._glyphs = _Index(data, start + top[_CHARSTRINGS][0])
        self._fonts = _Index(data, start + top[_FD_ARRAY][0])
        self._ranges = self._font_ranges(start + top[_FD_SELECT][0])
        self._privates: dict[int, tuple[bytes, _Index | None]] = {}

    def _font_ranges(self, start: int) -> tuple[list[int], list[int]]:
        form, count = struct.unpack_from(">BH", self._data, start)
        if form != 3:
            raise ValueError("the typeface selects its fonts glyph by glyph, not by ranges")
        ranges = list(struct.iter_unpack(">HB", self._data[start + 3 : start + 3 + 3 * count]))
        return [first for first, _ in ranges], [font for _, font in ranges]

    def _font_of(self, glyph: int) -> int:
        firsts, fonts = self._ranges
        return fonts[bisect_right(firsts, glyph) - 1]

    def _private(self, font: int) -> tuple[bytes, _Index | None]:
        if font not in self._privates:
            size, offset = _dictionary(self._fonts[font])[_PRIVATE]
            whole = self._data[self._start + offset : self._start + offset + size]
            subrs = _dictionary(whole).get(_SUBRS)
            index = _Index(self._data, self._start + offset + subrs[0]) if subrs else None
            self._privates[font] = (_without(whole, _SUBRS), index)
        return self._privates[font]

    def outline(self, glyph: int) -> bytes:
        return _Flat(self._globals, self._private(self._font_of(glyph))[1]).of(self._glyphs[glyph])

    def program(self, used: Sequence[int], name: str) -> bytes:
        fonts = sorted({self._font_of(glyph) for glyph in used})
        outlines = _index([self.outline(glyph) for glyph in used])
        charset = b"\0" + struct.pack(f">{len(used) - 1}H", *used[1:])
        select = b"\0" + bytes(fonts.index(self._font_of(glyph)) for glyph in used)
        privates = [self._private(font)[0] for font in fonts]
        head = b"\1\0\4\4" + _index([name.encode()])
        tail = _index([b"Adobe", b"Identity"]) + _index([])
        parts = [charset, select, outlines, b"".join(privates)]
        begin = len(head) + len(_index([_top((0, 0, 0, 0), used)])) + len(tail)
        at = [begin + sum(map(len, parts[:number])) for number in range(len(parts) + 1)]
        top = _index([_top((at[0], at[1], at[2], at[4]), used)])
        starts = [at[3] + sum(map(len, privates[:number])) for number in range(len(privates))]
        array = [_long(len(one)) + _long(start) + b"\x12" for one, start in zip(privates, starts, strict=True)]
        return head + top + tail + b"".join(parts) + _index(array)


def _top(places: tuple[int, int, int, int], used: Sequence[int]) -> bytes:
    charset, select, outlines, array = map(_long, places)
    # ROS of the two own strings, CIDCount, then where things stand.
    ros = _long(391) + _long(392) + _long(0) + b"\x0c\x1e" + _long(max(used) + 1) + b"\x0c\x22"
    return ros + charset + b"\x0f" + select + b"\x0c\x25" + outlines + b"\x11" + array + b"\x0c\x24"


def _long(number: int) -> bytes:
    return b"\x1d" + struct.pack(">i", number)


def _index(items: Sequence[bytes]) -> bytes:
    if not items:
        return b"\0\0"
    offsets, at = [1], 1
    for item in items:
        at += len(item)
        offsets.append(at)
    return struct.pack(">HB", len(items), 4) + struct.pack(f">{len(offsets)}I", *offsets) + b"".join(items)


def _entries(data: bytes) -> Iterator[tuple[int, list[int], int, int]]:
    """The operators of a DICT with their operands, and where each entry begins and ends. Real numbers count as 0."""
    operands: list[int] = []
    begin = at = 0
    while at < len(data):
        first = data[at]
        if first <= 21:
            wide = 2 if first == 12 else 1
            yield (1200 + data[at + 1] if first == 12 else first), operands, begin, at + wide
            operands, begin, at = [], at + wide, at + wide
            continue
        number, at = _real(data, at) if first == 30 else _number(data, at)
        operands.append(number)


def _real(data: bytes, at: int) -> tuple[int, int]:
    while data[at + 1] & 15 != 15 and data[at + 1] >> 4 != 15:
        at += 1
    return 0, at + 2


def _number(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first == 28:
        return struct.unpack_from(">h", data, at + 1)[0], at + 3
    if first == 29:
        return struct.unpack_from(">i", data, at + 1)[0], at + 5
    if first <= 246:
        return first - 139, at + 1
    if first <= 250:
        return (first - 247) * 256 + data[at + 1] + 108, at + 2
    return -(first - 251) * 256 - data[at + 1] - 108, at + 2


def _dictionary(data: bytes) -> dict[int, list[int]]:
    return {operator: operands for operator, operands, _, _ in _entries(data)}


def _without(data: bytes, unwanted: int) -> bytes:
    return b"".join(data[begin:end] for operator, _, begin, end in _entries(data) if operator != unwanted)


class _Flat:
    """A Type 2 charstring with its subroutines written out in place (Adobe Technical Note 5177)."""

    def __init__(self, globals_: _Index, locals_: _Index | None) -> None:
        self._globals, self._locals = globals_, locals_
        self._stack = self._stems = 0
        self._last = 0

    def of(self, charstring: bytes) -> bytes:
        out = bytearray()
        self._write(charstring, out, 0)
        return bytes(out)

    def _write(self, code: bytes, out: bytearray, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("subroutines call each other without end")
        at = 0
        while at < len(code):
            first = code[at]
            if first >= 32 or first == 28:
                at = self._push(code, at, out)
            elif first in (_CALL_SUBR, _CALL_GLOBAL):
                at += 1
                self._call(first, out, depth)
            elif first == _RETURN:
                return
            else:
                at = self._operator(code, at, out)

    def _push(self, code: bytes, at: int, out: bytearray) -> int:
        if code[at] == 255:
            end, self._last = at + 5, 0
        else:
            self._last, end = _number(code, at)
        out += code[at:end]
        self._width = end - at
        self._stack += 1
        return end

    def _call(self, operator: int, out: bytearray, depth: int) -> None:
        # The number of the subroutine was pushed last: it leaves again, as the call does.
        del out[-self._width :]
        self._stack -= 1
        index = self._locals if operator == _CALL_SUBR else self._globals
        if index is None:
            raise ValueError("a glyph calls a subroutine that its font does not have")
        bias = 107 if index.count < 1240 else 1131 if index.count < 33900 else 32768
        self._write(index[self._last + bias], out, depth + 1)

    def _operator(self, code: bytes, at: int, out: bytearray) -> int:
        first, end = code[at], at + (2 if code[at] == 12 else 1)
        if first in _STEMS or first in _MASKS:
            self._stems += self._stack // 2
        if first in _MASKS:
            end += (self._stems + 7) // 8
        out += code[at:end]
        self._stack = 0
        return end
