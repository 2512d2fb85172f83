"""Tables for people to keep: XLSX and CSV in which no cell is ever a formula, whatever somebody typed into it."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo

import msgspec
import xlsxwriter

from app.base.sheet_reader import LIVE

Value = str | int | date | datetime | None

LONGEST_TEXT = 32_767
"""What a cell of a workbook holds (ECMA-376)."""
_EXACT = 10**15
_TITLE = re.compile(r"[\[\]:*?/\\\x00-\x1f']")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FORMATS = {"head": {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}, "line": {"bold": True}}
_NARROW, _WIDE = 6, 60


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One table: ``above`` are lines over its headings, ``below`` lines under its rows (signatures, remarks)."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[Sequence[Value]]
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


def workbook(sheets: Sequence[Sheet], zone: tzinfo = UTC) -> bytes:
    """An XLSX file: headings frozen and repeated on every printed page, days as days, instants in ``zone``.

    Whole numbers of more than 15 digits are written as text, since a spreadsheet program would cut them.
    """
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    # A workbook that knew the hour it was made would never be the same file twice.
    book.set_properties({"created": datetime(2000, 1, 1)})  # noqa: DTZ001 - a file's own stamp has no zone
    formats = {name: book.add_format(looks) for name, looks in _FORMATS.items()}
    formats["day"] = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
    formats["instant"] = book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left"})
    used: set[str] = set()
    for sheet in sheets:
        _draw(book.add_worksheet(_title(sheet.title, used)), sheet, formats, zone)
    book.close()
    return out.getvalue()


def csv_text(sheet: Sheet, zone: tzinfo = UTC) -> bytes:
    """The table alone as CSV in UTF-8 with a byte-order mark, without the lines above and below.

    A text that a program could take for a formula gets an apostrophe in front, which our own reader takes off again.
    """
    out = io.StringIO(newline="")
    # Everything quoted, so that a sign of another list separator inside a text begins no cell of its own.
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow([_harmless(text) for text in sheet.headings])
    writer.writerows([_plain(value, zone) for value in row] for row in sheet.rows)
    return out.getvalue().encode("utf-8-sig")


def _plain(value: Value, zone: tzinfo) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    return _harmless(value) if isinstance(value, str) else str(value)


def _harmless(text: str) -> str:
    text = _clean(text)
    return f"'{text}" if LIVE.match(text) else text


def _clean(text: str) -> str:
    text = _CONTROL.sub("", text)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _title(title: str, used: set[str]) -> str:
    """A name that a workbook takes: 31 characters without brackets and slashes, each once."""
    plain = _TITLE.sub(" ", title).strip()[:31] or "1"
    name, number = plain, 2
    while name.casefold() in used:
        name = f"{plain[: 30 - len(str(number))]} {number}"
        number += 1
    used.add(name.casefold())
    return name


def _draw(page: xlsxwriter.worksheet.Worksheet, sheet: Sheet, formats: dict[str, object], zone: tzinfo) -> None:
    head = len(sheet.above)
    for number, line in enumerate(sheet.above):
        page.write_string(number, 0, _clean(line), formats["line"])
    for column, text in enumerate(sheet.headings):
        page.write_string(head, column, _clean(text), formats["head"])
    widths = [_breadth(text) for text in sheet.headings]
    for number, row in enumerate(sheet.rows, start=head + 1):
        for column, value in enumerate(row):
            breadth = _cell(page, number, column, value, formats, zone)
            if column < len(widths):
                widths[column] = max(widths[column], breadth)
    for number, line in enumerate(sheet.below, start=head + 2 + len(sheet.rows)):
        page.write_string(number, 0, _clean(line))
    for column, width in enumerate(widths):
        page.set_column(column, column, min(_WIDE, max(_NARROW, width + 2)))
    page.freeze_panes(head + 1, 0)
    page.repeat_rows(head)
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)


def _cell(
    page: xlsxwriter.worksheet.Worksheet, row: int, column: int, value: Value, formats: dict[str, object], zone: tzinfo
) -> int:
    """Write one cell as what it is, never as what its text looks like; returns how many characters wide it is."""
    if value is None or value == "":
        return 0
    if isinstance(value, datetime):
        page.write_datetime(row, column, value.astimezone(zone).replace(tzinfo=None), formats["instant"])
        return 16
    if isinstance(value, date):
        page.write_datetime(row, column, value, formats["day"])
        return 10
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT:
        page.write_number(row, column, value)
        return len(str(value))
    text = _clean(str(value))
    page.write_string(row, column, text)
    return _breadth(text)


def _breadth(text: str) -> int:
    """Columns that a text takes: Chinese characters are two wide."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text[:_WIDE])
