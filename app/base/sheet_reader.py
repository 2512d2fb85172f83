"""A spreadsheet's bytes in, its rows out: a program of its own that the server starts for one file.

It reads the file from its input, answers lines of JSON and ends. No formula is computed, no link followed, no entity
expanded, and nothing is written anywhere. What a cell only seems to say (a formula's remembered result, a merged
cell, a number that was cut) is named as that cell's fault and its value left out.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.parsers import expat

import msgspec
import python_calamine

from app.base import old_workbooks

MOST_BYTES = 8 * 1024 * 1024
MOST_ROWS = 50_000
MOST_COLUMNS = 256
MOST_CELLS = 1_000_000
MOST_UNPACKED = 150 * 1024 * 1024
MOST_SHEETS = 20
LONGEST_CELL = 2_000
MEMORY = 768 * 1024 * 1024
"""Bytes of address space for the program, the file and its cells."""
CPU_SECONDS = 20

FORMULA, MERGED, CUT, ERROR, TOO_LONG, UNPRINTABLE = "FORMULA", "MERGED", "CUT", "ERROR", "TOO_LONG", "UNPRINTABLE"

# OWASP, «CSV injection»; the full-width signs count for spreadsheet programs in Chinese and Japanese.
LIVE = re.compile(r"'*\s*[=+\-@\t\r\n＝＋－＠|]")
"""A text that a spreadsheet program could take for a formula, or that stands defused already."""
_EXACT = 10**15  # more digits than a spreadsheet program keeps
_CUT = re.compile(r"[0-9](?:\.[0-9]+)?[Ee]\+[0-9]{2,3}\Z")
_CELL_ERROR = re.compile(r"#(?:N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA)\Z")
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})")
_DECLARED = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_DELIMITERS = (",", "\t", ";")

Cell = tuple[int, int]
Wire = str | int | float | bool | list[str] | None


class NotASheet(Exception):
    """``code`` is SHEET_KIND, SHEET_TOO_LARGE, SHEET_LOCKED, SHEET_UNSAFE, SHEET_BROKEN or SHEET_EMPTY."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Page:
    """One sheet as it is read: its rows by number (from 1), and the faults of its cells."""

    def __init__(self, name: str, rows: Iterable[tuple[int, list[Any]]], faults: dict[Cell, str]) -> None:
        self.name, self.rows, self.faults = name, rows, faults


def read(data: bytes) -> Iterator[Page]:
    """The visible sheets, by what the bytes are and not by what the file is called. Raises NotASheet."""
    if len(data) > MOST_BYTES:
        raise NotASheet("SHEET_TOO_LARGE")
    if not data.strip(b"\0 \r\n\t"):
        raise NotASheet("SHEET_EMPTY")
    if data.startswith(b"PK\x03\x04"):
        return _opened(data, _look_into_zip(data))
    if data.startswith(old_workbooks.OLE):
        try:
            hidden = {name: dict.fromkeys(cells, FORMULA) for name, cells in old_workbooks.formulas(data).items()}
        except old_workbooks.Locked:
            raise NotASheet("SHEET_LOCKED") from None
        except old_workbooks.NotReadable:
            raise NotASheet("SHEET_KIND") from None
        return _opened(data, hidden)
    return iter([_table(data)])


# ---------------------------------------------------------------- workbooks


def _opened(data: bytes, faults: dict[str, dict[Cell, str]]) -> Iterator[Page]:
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        shown = [
            one.name
            for one in book.sheets_metadata
            if one.visible is python_calamine.SheetVisibleEnum.Visible
            and one.typ is python_calamine.SheetTypeEnum.WorkSheet
        ]
        for name in shown[:MOST_SHEETS]:
            yield _page(book.get_sheet_by_name(name), faults.get(name, {}))
    except python_calamine.PasswordError:
        raise NotASheet("SHEET_LOCKED") from None
    except (python_calamine.CalamineError, OSError, ValueError):
        raise NotASheet("SHEET_BROKEN") from None


def _page(sheet: python_calamine.CalamineSheet, faults: dict[Cell, str]) -> Page:
    if sheet.total_height > MOST_ROWS or sheet.total_width > MOST_COLUMNS or sheet.height * sheet.width > MOST_CELLS:
        raise NotASheet("SHEET_TOO_LARGE")
    top, left = sheet.start or (0, 0)
    for (row, column), (last_row, last_column) in sheet.merged_cell_ranges or []:
        for inside in range(row, min(last_row, sheet.total_height) + 1):
            for across in range(column, min(last_column, sheet.total_width) + 1):
                faults.setdefault((inside, across), MERGED)
    filler = [None] * left
    return Page(
        sheet.name,
        ((number, filler + row) for number, row in enumerate(sheet.to_python(), start=top + 1)),
        faults,
    )


def _look_into_zip(data: bytes) -> dict[str, dict[Cell, str]]:
    """Which cells of an XLSX hold formulas. Raises NotASheet for what is none, and for bombs of every kind."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            names = set(parts.namelist())
            if "xl/workbook.xml" not in names:
                raise NotASheet("SHEET_KIND")
            if len(names) != len(parts.namelist()) or len(names) > 2_000:
                raise NotASheet("SHEET_UNSAFE")
            if sum(one.file_size for one in parts.infolist()) > MOST_UNPACKED:
                raise NotASheet("SHEET_TOO_LARGE")
            return {name: _formulas(parts, path) for name, path in _sheet_parts(parts) if path in names}
    except (zipfile.BadZipFile, expat.ExpatError, NotImplementedError, EOFError, KeyError, OSError, ValueError):
        raise NotASheet("SHEET_BROKEN") from None
    except RuntimeError:  # what the library raises for an encrypted part
        raise NotASheet("SHEET_LOCKED") from None


def _parse(xml: bytes, parser: Any) -> None:
    # No sheet declares a document type; whoever does means entities that unfold without end.
    if _DECLARED.search(xml) or xml.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotASheet("SHEET_UNSAFE")
    parser.Parse(xml, True)


def _elements(xml: bytes) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, given: found.append((name.rpartition(":")[2], given))
    _parse(xml, parser)
    return found


def _sheet_parts(parts: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Each sheet's name and where in the file it stands."""
    targets = {
        given.get("Id", ""): given.get("Target", "")
        for name, given in _elements(parts.read("xl/_rels/workbook.xml.rels"))
        if name == "Relationship"
    }
    for name, given in _elements(parts.read("xl/workbook.xml")):
        if name == "sheet":
            key = next((value for attribute, value in given.items() if attribute.rpartition(":")[2] == "id"), "")
            target = targets.get(key, "")
            yield given.get("name", ""), target[1:] if target.startswith("/") else f"xl/{target}"


def _formulas(parts: zipfile.ZipFile, path: str) -> dict[Cell, str]:
    """Cells that carry a formula. A cell far outside would make a table of billions of empty ones: refused here."""
    found: dict[Cell, str] = {}
    at: list[int] = [-1, -1]
    cells = 0

    def start(name: str, given: dict[str, str]) -> None:
        nonlocal cells
        kind = name.rpartition(":")[2]
        if kind == "c":
            cells += 1
            at[:] = _where(given["r"]) if "r" in given else (at[0], at[1] + 1)
            if at[0] >= MOST_ROWS or at[1] >= MOST_COLUMNS or cells > MOST_CELLS:
                raise NotASheet("SHEET_TOO_LARGE")
        elif kind == "row":
            at[:] = (int(given["r"]) - 1 if "r" in given else at[0] + 1), -1
        elif kind == "f":
            found[at[0], at[1]] = FORMULA

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    _parse(parts.read(path), parser)
    return found


def _where(reference: str) -> Cell:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise NotASheet("SHEET_BROKEN")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]) - 1, column - 1


# ---------------------------------------------------------------- text


def _table(data: bytes) -> Page:
    text = decoded(data)
    rows = [(number, list(cells)) for number, cells in enumerate(_separated(text), start=1)]
    if len(rows) > MOST_ROWS or any(len(cells) > MOST_COLUMNS for _, cells in rows):
        raise NotASheet("SHEET_TOO_LARGE")
    return Page("", [(number, [_undefused(text) for text in cells]) for number, cells in rows], {})


def _undefused(text: str) -> str:
    """Without the apostrophe that our own writing puts in front of what looks like a formula."""
    return text[1:] if text.startswith("'") and LIVE.match(text) else text


def decoded(data: bytes) -> str:
    """Text in UTF-8, UTF-16 or GB 18030 (GBK, GB 2312). Raises NotASheet for what is no text."""
    sample = data[:4096]
    if data.startswith(b"\xef\xbb\xbf"):
        tried: tuple[str, ...] = ("utf-8-sig",)
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        tried = ("utf-16",)
    elif sample.count(0) > len(sample) // 8:
        tried = ("utf-16-le",) if sample[1::2].count(0) > sample[::2].count(0) else ("utf-16-be",)
    else:
        tried = ("utf-8", "gb18030")
    for encoding in tried:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.lstrip().startswith("<") or re.search("[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
            break  # a web page under the name of a spreadsheet, a picture, a program
        return text
    raise NotASheet("SHEET_KIND")


def _separated(text: str) -> Iterator[list[str]]:
    csv.field_size_limit(MOST_BYTES)
    try:
        # strict: a quote that is never closed must not swallow the rows behind it.
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    except csv.Error:
        raise NotASheet("SHEET_BROKEN") from None


def _delimiter(text: str) -> str:
    """The sign that parts the first lines into most cells."""
    head = re.sub(r'"[^"]*"', "", text[:20_000]).split("\n")[:20]
    return max(_DELIMITERS, key=lambda sign: sum(line.count(sign) for line in head))


# ---------------------------------------------------------------- cells


def wire(page: Page) -> Iterator[tuple[int, list[Wire], list[tuple[int, str]]]]:
    """Rows that hold something, as (number, cells, faults of columns); a cell with a fault is empty."""
    total = 0
    for number, cells in page.rows:
        faults: list[tuple[int, str]] = []
        told: list[Wire] = []
        for column, cell in enumerate(cells):
            value, fault = _value(cell)
            fault = page.faults.get((number - 1, column), fault)
            if fault:
                faults.append((column, fault))
            told.append(None if fault else value)
        while told and told[-1] is None and (not faults or faults[-1][0] < len(told) - 1):
            told.pop()
        total += len(told)
        if total > MOST_CELLS:
            raise NotASheet("SHEET_TOO_LARGE")
        if told:
            yield number, told, faults


def _value(cell: Any) -> tuple[Wire, str]:
    if isinstance(cell, str):
        return _text(cell)
    if isinstance(cell, float):
        if cell.is_integer():
            return (int(cell), "") if abs(cell) < _EXACT else (None, CUT)
        return cell, ""
    if isinstance(cell, datetime):
        return [cell.isoformat(timespec="seconds")], ""
    if isinstance(cell, date):
        return [cell.isoformat()], ""
    if isinstance(cell, time | timedelta):
        return str(cell), ""
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) >= _EXACT:
        return None, CUT
    return cell, ""


def _text(cell: str) -> tuple[Wire, str]:
    text = cell.strip()
    if len(text) > LONGEST_CELL:
        return None, TOO_LONG
    if _CUT.match(text):
        return None, CUT
    if _CELL_ERROR.match(text):
        return None, ERROR
    if _ODD.search(text):
        return None, UNPRINTABLE
    return text or None, ""


# ---------------------------------------------------------------- the program


def confine() -> None:
    """Bound memory and time, forbid files and core dumps; what a system cannot bound, the server's clock ends."""
    if sys.platform == "win32":
        return
    import resource

    limits = (("RLIMIT_AS", MEMORY), ("RLIMIT_CPU", CPU_SECONDS), ("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", 0))
    for limit, most in limits:
        try:
            resource.setrlimit(getattr(resource, limit), (most, most))
        except (ValueError, OSError):  # macOS knows no bound on address space; size, cells and time bound it there
            continue


def main() -> None:
    """Answer a line ``["sheet", name]`` per sheet, lines of its rows, and last ``["end"]`` or ``["no", code]``."""
    confine()
    out = sys.stdout.buffer
    encode = msgspec.json.Encoder().encode
    rows = 0
    try:
        for page in read(sys.stdin.buffer.read()):
            out.write(encode(["sheet", page.name]) + b"\n")
            for row in wire(page):
                rows += 1
                out.write(encode(row) + b"\n")
        last = ["end"] if rows else ["no", "SHEET_EMPTY"]
    except NotASheet as no:
        last = ["no", no.code]
    except MemoryError:
        last = ["no", "SHEET_TOO_LARGE"]
    out.write(encode(last) + b"\n")
