"""Label sizes as data, and what stands where on a label, worked out once for paper, picture and screen alike."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from labels import typeface
from labels.typeface import Unprintable

POINT_MM = 25.4 / 72


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """One label, in millimetres and, for type, points. ``pad_mm`` stays white: printers do not reach the edge."""

    width_mm: float
    height_mm: float
    pad_mm: float
    qr_mm: float
    title_pt: float = 10
    code_pt: float = 12
    big_pt: float = 17
    line_pt: float = 8
    warning_pt: float = 10
    smallest: float = 0.65


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A page of labels, in millimetres."""

    name: str
    columns: int
    rows: int
    label: Template
    margin_left_mm: float
    margin_top_mm: float
    gap_x_mm: float = 0
    gap_y_mm: float = 0
    page_width_mm: float = 210
    page_height_mm: float = 297

    @property
    def per_page(self) -> int:
        return self.columns * self.rows


A4_3X8 = Sheet(
    name="a4-3x8",
    columns=3,
    rows=8,
    label=Template(width_mm=70, height_mm=37, pad_mm=5, qr_mm=26),
    margin_left_mm=0,
    margin_top_mm=0.5,
)
# Parcels carry a larger label: it is read at arm's length in a stairwell.
A4_2X4 = Sheet(
    name="a4-2x4",
    columns=2,
    rows=4,
    label=Template(
        width_mm=105,
        height_mm=74,
        pad_mm=7,
        qr_mm=42,
        title_pt=15,
        code_pt=15,
        big_pt=30,
        line_pt=12,
        warning_pt=14,
    ),
    margin_left_mm=0,
    margin_top_mm=0.5,
)
SHEETS = {sheet.name: sheet for sheet in (A4_3X8, A4_2X4)}


class LabelText(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a label, translated: a title, small lines, one thing in large type, a framed warning."""

    title: str = ""
    lines: tuple[str, ...] = ()
    big: str = ""
    warning: str = ""


class PrintedLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label to print: ``payload`` for the QR, ``code`` as people read it, and its words."""

    payload: str
    code: str
    text: LabelText = LabelText()


class Placed(msgspec.Struct, frozen=True):
    """A line of type, in points from the label's top left corner; ``y`` is its baseline, ``width`` its reach."""

    text: str
    x: float
    y: float
    size: float
    width: float
    bold: bool = False


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on one label, in points; ``frame`` is x, y, width, height of the box around the warning."""

    qr_x: float
    qr_y: float
    qr_side: float
    texts: tuple[Placed, ...]
    frame: tuple[float, float, float, float] | None = None


LONGEST_TEXT = 300
_MOST_LINES = 12
_LEADING = 1.25
_BASELINE = 0.95
_QUIET_ZONE = 0.14  # four modules of a 29-module code, as a share of its side


class _Row(msgspec.Struct, frozen=True):
    text: str
    size: float
    kind: str

    @property
    def height(self) -> float:
        return self.size * _LEADING + (_FRAME if self.kind == "warning" else 0)


_FRAME = 4.0
_TITLE_YIELDS = 0.8  # a title shrinks this far to stay on one line


@lru_cache(maxsize=512)
def layout(code: str, text: LabelText, template: Template) -> Layout:
    """Where everything stands. Type shrinks until it fits; only then is the title or a line shortened, with a "…".

    Code, large type and warning are never shortened. Raises Unprintable: PRINT_TOO_LONG, PRINT_CONTROL, or
    PRINT_DOES_NOT_FIT if they cannot stand on the label at the smallest size.
    """
    pad, side = template.pad_mm / POINT_MM, template.qr_mm / POINT_MM
    x = pad + side * (1 + _QUIET_ZONE)
    room = template.width_mm / POINT_MM - pad - x
    tall = template.height_mm / POINT_MM - 2 * pad
    rows = _rows(_checked(code, text), template, room, tall)
    top = pad + (tall - sum(row.height for row in rows)) / 2
    qr_y = (template.height_mm / POINT_MM - side) / 2
    return _placed(rows, x, top, room, Layout(qr_x=pad, qr_y=qr_y, qr_side=side, texts=()))


def _checked(code: str, text: LabelText) -> list[tuple[str, str]]:
    if len(text.lines) > _MOST_LINES:
        raise Unprintable("PRINT_TOO_LONG", longest=_MOST_LINES)
    asked = [("title", text.title), ("code", code), ("big", text.big)]
    asked += [*(("line", line) for line in text.lines), ("warning", text.warning)]
    plain = [(kind, typeface.printable(words.replace("\n", " "), LONGEST_TEXT)) for kind, words in asked]
    return [(kind, words) for kind, words in plain if words.strip()]


def _rows(asked: list[tuple[str, str]], template: Template, room: float, tall: float) -> list[_Row]:
    rows: list[_Row] = []
    for percent in range(100, round(template.smallest * 100) - 1, -5):
        rows = [row for kind, words in asked for row in _set(kind, words, template, room, percent / 100)]
        if sum(row.height for row in rows) <= tall:
            return rows
    return _shorten(rows, room, tall)


def _set(kind: str, words: str, template: Template, room: float, scale: float) -> Iterator[_Row]:
    size = float(getattr(template, f"{kind}_pt")) * scale
    if kind == "title" and size * _TITLE_YIELDS < room / typeface.width(words, 1) < size:
        size = room / typeface.width(words, 1)
    if kind in ("title", "line"):
        yield from (_Row(line, size, kind) for line in _balanced(words, size, room))
        return
    inner = room - (_FRAME if kind == "warning" else 0)
    size = min(size, inner / typeface.width(words, 1))
    if size < template.line_pt * template.smallest:
        raise Unprintable("PRINT_DOES_NOT_FIT")
    yield _Row(words, size, kind)


@lru_cache(maxsize=1024)
def _balanced(words: str, size: float, room: float) -> tuple[str, ...]:
    """Wrapped in as few lines as it takes, but evenly: no single character is left for the last line."""
    lines = typeface.wrap(words, size, room)
    while len(narrower := typeface.wrap(words, size, room - size / 2)) == len(lines) > 1 and room > size * 4:
        lines, room = narrower, room - size / 2
    return tuple(lines)


def _shorten(rows: list[_Row], room: float, tall: float) -> list[_Row]:
    # Lines go first, from the last; the title keeps its first line. What remains of a cut text ends in "…".
    kept = list(rows)
    while sum(row.height for row in kept) > tall:
        lines = [place for place, row in enumerate(kept) if row.kind == "line"]
        titles = [place for place, row in enumerate(kept) if row.kind == "title"]
        spare = lines[1:] or titles[1:] or lines
        if not spare:
            raise Unprintable("PRINT_DOES_NOT_FIT")
        cut = kept.pop(spare[-1])
        before = [place for place, row in enumerate(kept) if row.kind == cut.kind]
        if before:
            kept[before[-1]] = _ellipsis(kept[before[-1]], room)
    return kept


def _ellipsis(row: _Row, room: float) -> _Row:
    words = row.text.rstrip("…")
    while words and typeface.width(words + "…", row.size) > room:
        words = words[:-1]
    return _Row(words + "…", row.size, row.kind)


def _placed(rows: list[_Row], x: float, top: float, room: float, empty: Layout) -> Layout:
    texts, frame = [], None
    for row in rows:
        inset = _FRAME / 2 if row.kind == "warning" else 0
        wide = typeface.width(row.text, row.size)
        if row.kind == "warning":
            frame = (x, top, min(wide + _FRAME, room), row.height)
        bold = row.kind in ("big", "code", "warning")
        texts.append(Placed(row.text, x + inset, top + inset + row.size * _BASELINE, row.size, wide, bold))
        top += row.height
    return Layout(qr_x=empty.qr_x, qr_y=empty.qr_y, qr_side=empty.qr_side, texts=tuple(texts), frame=frame)
