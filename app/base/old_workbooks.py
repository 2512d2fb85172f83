"""What the cells of an old .xls hide: which of them are formulas, and whether the file is locked (pure).

Only the container ([MS-CFB]) and the list of records ([MS-XLS]) are walked; their values are read elsewhere.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END = 0xFFFFFFFA
"""Sector numbers from here on name no sector."""
_FORMULA, _BOUNDSHEET, _LOCKED, _EOF, _BOF = 0x0006, 0x0085, 0x002F, 0x000A, 0x0809
_MOST_STREAMS = 4_096


class NotReadable(Exception):
    """The container is damaged, or is none of a workbook."""


class Locked(Exception):
    """The workbook is encrypted."""


def formulas(data: bytes) -> dict[str, set[tuple[int, int]]]:
    """Cells (row, column, both from 0) that hold a formula, by the sheet's name. Raises NotReadable, Locked."""
    try:
        stream = _workbook(data)
        return {name: set(_formula_cells(stream, at)) for name, at in _sheets(stream)}
    except (struct.error, IndexError, UnicodeDecodeError):
        raise NotReadable from None


# ---------------------------------------------------------------- records


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def _sheets(stream: bytes) -> Iterator[tuple[str, int]]:
    for kind, body in _records(stream, 0):
        if kind == _LOCKED:
            raise Locked
        if kind == _BOUNDSHEET:
            at, length, wide = struct.unpack_from("<I", body)[0], body[6], body[7] & 1
            yield body[8 : 8 + length * (1 + wide)].decode("utf-16-le" if wide else "latin-1"), at
        if kind == _EOF:
            return


def _formula_cells(stream: bytes, at: int) -> Iterator[tuple[int, int]]:
    depth = 0
    for kind, body in _records(stream, at):
        # Charts inside a sheet are bracketed by a beginning and an end of their own.
        depth += (kind == _BOF) - (kind == _EOF)
        if depth <= 0:
            return
        if kind == _FORMULA:
            yield struct.unpack_from("<HH", body)


# ---------------------------------------------------------------- the container


def _workbook(data: bytes) -> bytes:
    """The bytes of the stream «Workbook» (or «Book»)."""
    if not data.startswith(OLE):
        raise NotReadable
    size = 1 << struct.unpack_from("<H", data, 30)[0]
    if size not in (512, 4096):
        raise NotReadable
    fat = _fat(data, size)
    entries = dict(_entries(_chain(data, fat, struct.unpack_from("<I", data, 48)[0], size)))
    if "EncryptedPackage" in entries:
        raise Locked
    found = entries.get("Workbook") or entries.get("Book")
    if found is None:
        raise NotReadable
    start, length = found
    if length >= struct.unpack_from("<I", data, 56)[0]:
        return _chain(data, fat, start, size)[:length]
    root, _ = entries["Root Entry"]
    small = _numbers(_chain(data, fat, struct.unpack_from("<I", data, 60)[0], size))
    return _chain(_chain(data, fat, root, size), small, start, 64, header=0)[:length]


def _fat(data: bytes, size: int) -> list[int]:
    """The next sector of every sector; where the header's own list ends, it goes on in sectors (DIFAT)."""
    listed = list(struct.unpack_from("<109I", data, 76))
    following = struct.unpack_from("<I", data, 68)[0]
    for _ in range(len(data) // size):
        if following >= _END:
            break
        *more, following = _numbers(_sector(data, following, size))
        listed += more
    return _numbers(b"".join(_sector(data, number, size) for number in listed if number < _END))


def _numbers(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))


def _sector(data: bytes, number: int, size: int, header: int = 1) -> bytes:
    begin = (number + header) * size
    if begin >= len(data):
        raise NotReadable
    return data[begin : begin + size]


def _chain(data: bytes, fat: list[int], start: int, size: int, header: int = 1) -> bytes:
    found = []
    while start < _END:
        found.append(_sector(data, start, size, header))
        if len(found) > len(fat):
            raise NotReadable  # it bites its own tail
        start = fat[start]
    return b"".join(found)


def _entries(directory: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
    for at in range(0, min(len(directory), _MOST_STREAMS * 128) - 127, 128):
        length = struct.unpack_from("<H", directory, at + 64)[0]
        if 2 <= length <= 64:
            start, size = struct.unpack_from("<II", directory, at + 116)
            yield directory[at : at + length - 2].decode("utf-16-le"), (start, size)
