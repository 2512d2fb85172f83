"""Any uploaded spreadsheet as plain rows that know where they stood, or a clear no; a bad file harms nobody else."""

from __future__ import annotations

import calendar
import os
import re
import subprocess
import sys
import threading
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import IO, cast
from uuid import UUID

import msgspec
from anyio import to_thread

from app.base.errors import Refusal

MOST_BYTES = 8 * 1024 * 1024
SECONDS = 30.0
WAITING = 4
_ROOT = Path(__file__).parents[2]
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from app.base.sheet_reader import main; main()"
# Windows' libraries need their root; no other word of the server's environment is told, secrets least of all.
_TOLD = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
_LONGEST_ANSWER = 128 * 1024 * 1024

Value = str | int | float | bool | date | datetime | None
"""What stands in a cell; a cell with a fault holds None."""


class SheetKind(Refusal):
    """Neither XLSX nor .xls nor CSV or TSV, whatever its name says."""

    code = "SHEET_KIND"
    status = 422


class SheetTooLarge(Refusal):
    """More than 8 MB, 50,000 rows, 256 columns or a million cells, or more unpacked than a sheet can hold."""

    code = "SHEET_TOO_LARGE"
    status = 413


class SheetLocked(Refusal):
    """The file is encrypted."""

    code = "SHEET_LOCKED"
    status = 422


class SheetUnsafe(Refusal):
    """The file declares what no spreadsheet program writes (entities, parts of the same name)."""

    code = "SHEET_UNSAFE"
    status = 422


class SheetBroken(Refusal):
    """Cut off, damaged, or too slow to open."""

    code = "SHEET_BROKEN"
    status = 422


class SheetEmpty(Refusal):
    """Nothing stands in it."""

    code = "SHEET_EMPTY"
    status = 422


class SheetsBusy(Refusal):
    """As many spreadsheets as may wait are waiting."""

    code = "SHEETS_BUSY"
    status = 503


_REFUSALS: dict[str, type[Refusal]] = {
    kind.code: kind for kind in (SheetKind, SheetTooLarge, SheetLocked, SheetUnsafe, SheetBroken, SheetEmpty)
}


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """A cell that does not say what it seems to say; ``column`` counts from 0.

    ``code`` is FORMULA, MERGED, CUT (a number that lost digits), ERROR (#N/A), TOO_LONG or UNPRINTABLE.
    """

    column: int
    code: str


class Row(msgspec.Struct, frozen=True):
    """A row that holds something; ``number`` is the one that the spreadsheet program shows (from 1)."""

    number: int
    cells: tuple[Value, ...]
    faults: tuple[Fault, ...] = ()

    def at(self, column: int) -> Value:
        """What stands in a column, None where the row is shorter."""
        return self.cells[column] if column < len(self.cells) else None


class Sheet(msgspec.Struct, frozen=True):
    """One visible sheet of the file; a CSV's has no name."""

    name: str
    rows: tuple[Row, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet read as a table: headings, the rows of data, and the rows around them that only explain."""

    sheet: str
    heading_row: int
    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    comments: tuple[int, ...] = ()


# ---------------------------------------------------------------- reading


class ReadingRoom:
    """Reads one spreadsheet at a time while a few more may wait; one for a process's life."""

    def __init__(self, waiting: int = WAITING) -> None:
        self._places = 1 + waiting
        self._inside: Counter[UUID] = Counter()
        self._desk = threading.Lock()

    @contextmanager
    def place(self, account: UUID) -> Iterator[None]:
        """A place, taken before the file itself is received, so that what waits is bounded too; one an account.

        Raises SheetsBusy.
        """
        if self._inside.total() >= self._places or self._inside[account]:
            raise SheetsBusy(seconds=10)
        self._inside[account] += 1
        try:
            yield
        finally:
            self._inside[account] -= 1
            self._inside += Counter()  # forgets those with nothing inside

    async def read(self, data: bytes) -> tuple[Sheet, ...]:
        """The sheets that hold something. Raises the refusals above."""
        return await to_thread.run_sync(self._in_turn, data)

    def _in_turn(self, data: bytes) -> tuple[Sheet, ...]:
        with self._desk:
            return read(data)


ROOM = ReadingRoom()
"""One for the process: its bounds are those of the machine."""


def read(data: bytes) -> tuple[Sheet, ...]:
    """The same as ``ReadingRoom.read``, at once; blocks for up to ``SECONDS``."""
    if len(data) > MOST_BYTES:
        raise SheetTooLarge
    # -I: neither the server's folder nor its environment decides what the program imports.
    program = subprocess.Popen(  # noqa: S603 - our own program, its only input is the file
        [sys.executable, "-I", "-B", "-c", _PROGRAM, str(_ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what it says of a file is not for a log
        env=_TOLD,
        cwd=_ROOT.anchor,
    )
    ending = threading.Timer(SECONDS, program.kill)
    ending.start()
    with program:
        try:
            return tuple(sheet for sheet in _exchange(program, data) if sheet.rows)
        finally:
            ending.cancel()
            program.kill()


def _exchange(program: subprocess.Popen[bytes], data: bytes) -> list[Sheet]:
    into, out = cast("IO[bytes]", program.stdin), cast("IO[bytes]", program.stdout)
    with suppress(BrokenPipeError):  # it ended before it had read all; its last word is the answer
        into.write(data)
        into.close()
    try:
        return _understood(out)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        raise SheetBroken from None


def _understood(lines: IO[bytes]) -> list[Sheet]:
    """Decoded line by line, so that other threads have their turn between the rows of a large file."""
    found: list[tuple[str, list[Row]]] = []
    total = 0
    for line in lines:
        total += len(line)
        if total > _LONGEST_ANSWER:
            raise SheetTooLarge
        said = msgspec.json.decode(line)
        if said[0] == "end":
            return [Sheet(name, tuple(rows)) for name, rows in found]
        if said[0] == "no":
            raise _REFUSALS.get(said[1], SheetBroken)
        if said[0] == "sheet":
            found.append((said[1], []))
        else:
            number, cells, faults = said
            found[-1][1].append(
                Row(number, tuple(_back(cell) for cell in cells), tuple(Fault(*fault) for fault in faults))
            )
    raise SheetBroken  # killed by its bounds, or it ended without an answer


def _back(cell: Value | list[str]) -> Value:
    if not isinstance(cell, list):
        return cell
    return datetime.fromisoformat(cell[0]) if "T" in cell[0] else date.fromisoformat(cell[0])


# ---------------------------------------------------------------- tables


_EXPLAINS = re.compile(r"\(?(?:必填|选填|格式|示例|例如|说明|填写|required|optional|format|e\.g\.|example)")
_LIKE = re.compile(r"\(?(?:如|例)")
_SIGNS = re.compile(r"[\s*＊:_()（）\[\]【】./、-]+")
_LOOKED_AT = 30


def plain(text: str) -> str:
    """A heading in the form in which two spellings of it are equal: half width, small letters, no signs."""
    return _SIGNS.sub("", unicodedata.normalize("NFKC", text)).casefold()


def table(sheet: Sheet, known: Collection[str] = ()) -> Table:
    """The sheet as a table. Its headings are the row with most words of ``known`` (as ``plain`` makes them).

    Without one that has a known word, the first row with two texts counts, else the first row. Rows above are titles;
    a row right below that explains how to fill the form in is a comment. Raises SheetEmpty.
    """
    if not sheet.rows:
        raise SheetEmpty
    at = max(range(min(_LOOKED_AT, len(sheet.rows))), key=lambda index: (*_likely(sheet.rows[index], known), -index))
    head, below = sheet.rows[at], sheet.rows[at + 1 :]
    explains = [row.number for row in below[:1] if _is_comment(row)]
    width = max(len(row.cells) for row in (head, *below))
    return Table(
        sheet=sheet.name,
        heading_row=head.number,
        headings=tuple(text_of(head.at(column)) for column in range(width)),
        rows=below[len(explains) :],
        comments=(*(row.number for row in sheet.rows[:at]), *explains),
    )


def _likely(row: Row, known: Collection[str]) -> tuple[int, bool]:
    texts = [plain(cell) for cell in row.cells if isinstance(cell, str)]
    return sum(text in known for text in texts), len(texts) >= 2


def _is_comment(row: Row) -> bool:
    texts = [unicodedata.normalize("NFKC", cell).strip().casefold() for cell in row.cells if isinstance(cell, str)]
    clear = sum(_EXPLAINS.match(text) is not None for text in texts)
    # 如 alone may begin the name of a medicine.
    return clear + sum(_LIKE.match(text) is not None for text in texts) >= 2 or (clear == 1 and len(texts) <= 2)


# ---------------------------------------------------------------- cells


class NoSuchDay(ValueError):
    """``code`` is DAY_IMPOSSIBLE (30 February, month 13), DAY_TWO_DIGITS (which century?) or DAY_UNREADABLE."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


_DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})(?:[-/.月]([0-9]{1,2})日?|月)?(?:[T ]00?:00(?::00)?)?\Z")
_BARE_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})?\Z")
_SHORT_DAY = re.compile(r"[0-9]{1,2}[-/.年][0-9]{1,2}(?:[-/.月][0-9]{1,4}日?|月)?\Z|[0-9]{1,2}/[0-9]{4}\Z")


def text_of(value: Value) -> str:
    """A cell as one line of text: whole numbers without a point, days as 2027-01-31, blanks made one."""
    if value is None:
        return ""
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "1" if value else "0"
    return " ".join(str(value).split())


def day_of(value: Value) -> date:
    """A cell as a day; of a year and month alone, the month's last day. Raises NoSuchDay.

    Read are a date cell, 2027-01-31, 2027/1/31, 2027.1.31, 2027年1月31日, 20270131, 202701 and 2027-01.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = unicodedata.normalize("NFKC", text_of(value))
    match = _DAY.match(text) or _BARE_DAY.match(text)
    if match is None:
        raise NoSuchDay("DAY_TWO_DIGITS" if _SHORT_DAY.match(text) else "DAY_UNREADABLE")
    year, month = int(match[1]), int(match[2])
    try:
        return date(year, month, int(match[3]) if match[3] else calendar.monthrange(year, month)[1])
    except (ValueError, calendar.IllegalMonthError):
        raise NoSuchDay("DAY_IMPOSSIBLE") from None


def column_letter(column: int) -> str:
    """A column (from 0) as the spreadsheet program calls it: A, B, … AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def matched(texts: Sequence[str], synonyms: dict[str, str]) -> dict[int, str]:
    """Which column stands for which field, by its heading; of two columns for one field, the first."""
    found: dict[int, str] = {}
    for column, text in enumerate(texts):
        field = synonyms.get(plain(text))
        if field is not None and field not in found.values():
            found[column] = field
    return found
