"""Old .xls files made by hand: records in a compound file ([MS-XLS], [MS-CFB]), since nothing at hand writes them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

Cell = str | int | float | None
SECTOR = 512


class Formula(float):
    """A cell that a formula fills; the number is what the program remembered."""


def xls(
    rows: Sequence[Sequence[Cell]],
    *,
    merged: Iterable[tuple[int, int, int, int]] = (),
    locked: bool = False,
    small: bool = False,
) -> bytes:
    """A workbook of one sheet; ``small`` keeps its stream in the container's own little sectors."""
    begin = _record(0x0809, struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 6))
    lock = _record(0x002F, struct.pack("<HHH", 0, 1, 2)) if locked else b""
    name = "目录"
    bound = _record(0x0085, struct.pack("<IBB", 0, 0, 0) + bytes([len(name), 1]) + name.encode("utf-16-le"))
    end = _record(0x000A, b"")
    # An old workbook has at least one style; cells refer to it by its number.
    globals_length = len(begin) + len(lock) + len(bound) + len(end)
    bound = bound[:4] + struct.pack("<I", globals_length) + bound[8:]
    sheet = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x10, 0, 0, 0, 6))
    width = max(len(row) for row in rows)
    sheet += _record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet += _cell(number, column, cell)
    ranges = list(merged)
    if ranges:
        sheet += _record(
            0x00E5, struct.pack("<H", len(ranges)) + b"".join(struct.pack("<HHHH", *one) for one in ranges)
        )
    stream = begin + lock + bound + end + sheet + end
    return _container(stream, small)


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _cell(row: int, column: int, cell: Cell) -> bytes:
    if isinstance(cell, Formula):
        return _record(
            0x0006, struct.pack("<HHHdHI", row, column, 0, cell, 0, 0) + struct.pack("<H", 3) + b"\x1e\x01\x00"
        )
    if isinstance(cell, str):
        return _record(0x0204, struct.pack("<HHHHB", row, column, 0, len(cell), 1) + cell.encode("utf-16-le"))
    if isinstance(cell, int | float):
        return _record(0x0203, struct.pack("<HHHd", row, column, 0, float(cell)))
    return b""


def _container(stream: bytes, small: bool) -> bytes:
    length = len(stream)
    if not small and length < 4096:
        stream = stream.ljust(4096, b"\0")
        length = 4096
    if small:
        body, little = stream.ljust(-(-length // 64) * 64, b"\0"), -(-length // 64)
        little_table = struct.pack(f"<{little}I", *range(1, little), 0xFFFFFFFE).ljust(SECTOR, b"\xff")
        data = body.ljust(-(-len(body) // SECTOR) * SECTOR, b"\0")
        root = (2, len(body))
        first, table_at, table_count = 0, 2 + len(data) // SECTOR, 1
    else:
        data, little_table = stream.ljust(-(-length // SECTOR) * SECTOR, b"\0"), b""
        root, first, table_at, table_count = (0xFFFFFFFE, 0), 2, 0xFFFFFFFE, 0
    sectors = len(data) // SECTOR
    chain = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + sectors), 0xFFFFFFFE, *([0xFFFFFFFE] if small else [])]
    fat = struct.pack(f"<{len(chain)}I", *chain).ljust(SECTOR, b"\xff")
    directory = _entry("Root Entry", 5, *root, child=1) + _entry("Workbook", 2, first, length) + _entry("", 0, 0, 0) * 2
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, table_at, table_count, 0xFFFFFFFE, 0)
        + struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    )  # fmt: skip
    return header + fat + directory + data + little_table


def _entry(name: str, kind: int, start: int, size: int, child: int = 0xFFFFFFFF) -> bytes:
    told = (name + "\0").encode("utf-16-le") if name else b""
    none = 0xFFFFFFFF
    return (
        told.ljust(64, b"\0") + struct.pack("<HBBIII", len(told), kind, 1, none, none, child) + bytes(36)
        + struct.pack("<IQ", start, size)
    )  # fmt: skip
