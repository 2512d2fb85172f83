"""Paper: labels by the sheet, and documents (leaflets, pick lists, round sheets) that an elder can read, as PDF."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from labels import codes, typeface
from labels.layouts import Layout, Skeleton, mark_layout, qr_of, qr_place, shortened, skeleton
from labels.matrix import label_matrix
from labels.pdf import MM, Page, Pdf, bars
from labels.templates import A4_3X8, Mark, Printable, PrintedLabel, Sheet, Template
from labels.typeface import Unprintable

MOST_LABELS = 10_000
PDF = "application/pdf"


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be printed; ``cut`` are the codes of labels on which words were shortened, to be told beforehand."""

    data: bytes
    media_type: str
    suffix: str
    cut: tuple[str, ...] = ()


def print_sheet(labels: Sequence[Printable], sheet: Sheet = A4_3X8, start: int = 0, *, title: str = "") -> Print:
    """As ``sheet_pdf``, and which labels had their words shortened."""
    paper = sheet_pdf(labels, sheet, start, title=title)
    return Print(data=paper, media_type=PDF, suffix="pdf", cut=shortened(labels, sheet.label))


def roll_sheet(template: Template) -> Sheet:
    """A thermal roll as pages of one label each."""
    return Sheet(
        name="roll",
        columns=1,
        rows=1,
        label=template,
        margin_left_mm=0,
        margin_top_mm=0,
        page_width_mm=template.width_mm,
        page_height_mm=template.height_mm,
    )


def blank_labels(found: Sequence[str], base_url: str) -> list[PrintedLabel]:
    """Labels of code alone, for a roll that the first scans will claim; the rest stays free to be written on.

    Raises codes.BadLabelAddress.
    """
    address = codes.address(base_url)
    return [PrintedLabel(payload=address + code, code=codes.shown(code)) for code in found]


def marks(mark: Mark, count: int) -> list[Mark]:
    """So many of the same sticker. Raises Unprintable: PRINT_NONE, PRINT_TOO_MANY."""
    if count < 1:
        raise Unprintable("PRINT_NONE")
    if count > MOST_LABELS:
        raise Unprintable("PRINT_TOO_MANY", most=MOST_LABELS)
    return [mark] * count


def sheet_pdf(labels: Sequence[Printable], sheet: Sheet = A4_3X8, start: int = 0, *, title: str = "") -> bytes:
    """The labels row by row on as many pages as it takes, the first ``start`` places left free for a used sheet.

    Raises Unprintable: PRINT_NONE, PRINT_TOO_MANY, PRINT_START (not a place of the sheet), or as
    ``layouts.layout``; and matrix.NoSuchQr. Nothing is printed then: a half sheet would be stuck on packs.
    """
    if not labels:
        raise Unprintable("PRINT_NONE")
    if len(labels) > MOST_LABELS:
        raise Unprintable("PRINT_TOO_MANY", most=MOST_LABELS)
    if not 0 <= start < sheet.per_page:
        raise Unprintable("PRINT_START", most=sheet.per_page - 1)
    pdf = Pdf(typeface.printable(title, 200))
    press = _Press(pdf, sheet)
    per_page = sheet.per_page
    for first in range(-start, len(labels), per_page):
        drawn = [
            press.label(labels[number], number - first)
            for number in range(max(first, 0), min(first + per_page, len(labels)))
        ]
        pdf.page(sheet.page_width_mm * MM, sheet.page_height_mm * MM).seal(b"".join(drawn))
    return pdf.save()


class _Stamp(msgspec.Struct, frozen=True):
    """The drawing that labels of the same words share, up to the digits of the code."""

    bones: Skeleton
    upto_code: bytes
    after_code: bytes


class _Press:
    """Draws labels as PDF operators, each thing that labels share only once."""

    def __init__(self, pdf: Pdf, sheet: Sheet) -> None:
        self._pdf, self._sheet = pdf, sheet
        self._wide, self._tall = sheet.label.width_mm * MM, sheet.label.height_mm * MM
        self._stamps: dict[tuple[int, int], _Stamp] = {}
        self._places = [self._place(number) for number in range(sheet.per_page)]

    def _place(self, number: int) -> bytes:
        sheet = self._sheet
        row, column = divmod(number, sheet.columns)
        x = (sheet.margin_left_mm + column * (sheet.label.width_mm + sheet.gap_x_mm)) * MM
        y = (sheet.margin_top_mm + row * (sheet.label.height_mm + sheet.gap_y_mm)) * MM
        return f"q 1 0 0 1 {x:.2f} {sheet.page_height_mm * MM - y - self._tall:.2f} cm ".encode()

    def label(self, label: Printable, place: int) -> bytes:
        if isinstance(label, Mark):
            return self._places[place] + self._words(mark_layout(label.words, self._sheet.label)) + b"Q\n"
        template = self._sheet.label
        made = qr_of(label.payload, template)
        bones = skeleton(label.code, label.text, template)
        stamp = self._stamps.get((id(bones), made.size)) or self._stamp(bones, made.size)
        code = self._pdf.encode(label.code).encode() if bones.place >= 0 else b""
        return b"".join((self._places[place], stamp.upto_code, code, stamp.after_code, bars(made), b"f Q Q\n"))

    def _stamp(self, bones: Skeleton, size: int) -> _Stamp:
        words = self._words(bones.rest)
        x, y, module = qr_place(bones.rest, size)
        qr = f"q {module:.4f} 0 0 {-module:.4f} {x:.2f} {self._tall - y:.2f} cm "
        head = Page(self._pdf, self._wide, self._tall).text_head(bones.x, bones.y, bones.size, bold=True)
        has_code = bones.place >= 0
        upto, after = (words + head.encode(), f"> Tj ET {qr}") if has_code else (words, qr)
        if len(self._stamps) >= _MOST_STAMPS:
            self._stamps.clear()
        # The bones are kept, so that no others are taken for them by the same id.
        stamp = self._stamps[id(bones), size] = _Stamp(bones, upto, after.encode())
        return stamp

    def _words(self, placed: Layout) -> bytes:
        page = Page(self._pdf, self._wide, self._tall)
        for line in placed.texts:
            page.text(line.x, line.y, line.size, line.text, bold=line.bold)
        if placed.frame:
            page.frame(*placed.frame)
        return "".join(f"{drawn} " for drawn in page.content).encode()


_MOST_STAMPS = 1024


# ---------------------------------------------------------------- documents


class Heading(msgspec.Struct, frozen=True):
    """A line in larger type; it never stands alone at the foot of a page."""

    text: str


class Text(msgspec.Struct, frozen=True):
    """A paragraph; line breaks are kept. ``bold`` for what must not be overlooked."""

    text: str
    bold: bool = False


class Tick(msgspec.Struct, frozen=True):
    """A box to tick by hand, or ticked already, and what it says."""

    text: str
    ticked: bool = False


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A ruled table, its header repeated on every page; rows are never torn apart.

    ``widths`` are shares of the width, one a column; without them the columns share by what they hold. ``scale``
    is the type's size against the document's.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...] = ()
    scale: float = 0.75


class Qr(msgspec.Struct, frozen=True, kw_only=True):
    """A QR with words beside it."""

    payload: str
    caption: str = ""
    side_mm: int = 32


class PageBreak(msgspec.Struct, frozen=True):
    """What follows begins on a new page, under ``title`` if there is one: one leaflet for each door."""

    title: str = ""


Block = Heading | Text | Tick | Table | Qr | PageBreak

LONGEST_TEXT = 4_000
MOST_BLOCKS = 5_000
MOST_ROWS = 5_000
LARGE_PRINT_PT = 16

_A4 = (210 * MM, 297 * MM)
_MARGIN = 16 * MM
_LEADING = 1.45
_CELL = 3.0
_SMALLEST_FOOTER = 6.0


def text_pdf(
    title: str, blocks: Sequence[Block], *, size_pt: float = LARGE_PRINT_PT, footer: str = "", landscape: bool = False
) -> bytes:
    """A4 pages with ``title`` on the first, ``footer`` and the page's number on each. ``size_pt`` is 6–48.

    What goes to residents keeps the default: 16 pt is large print. Raises Unprintable: PRINT_NONE, PRINT_TOO_MANY,
    PRINT_TOO_LONG, PRINT_CONTROL, PRINT_SIZE, PRINT_TABLE (a row that is not as long as its header),
    PRINT_DOES_NOT_FIT (a cell taller than a page); and matrix.NoSuchQr.
    """
    if not blocks:
        raise Unprintable("PRINT_NONE")
    if len(blocks) > MOST_BLOCKS:
        raise Unprintable("PRINT_TOO_MANY", most=MOST_BLOCKS)
    if not 6 <= size_pt <= 48:
        raise Unprintable("PRINT_SIZE", least=6, most=48)
    flow = _Flow(title, size_pt, footer, landscape)
    for block in blocks:
        flow.put(block)
    return flow.save()


class _Flow:
    def __init__(self, title: str, size: float, footer: str, landscape: bool) -> None:
        title = typeface.printable(title, LONGEST_TEXT)
        self._pdf = Pdf(title)
        self._size = size
        self._footer = typeface.printable(footer, LONGEST_TEXT).replace("\n", " ")
        self._paper = _A4[::-1] if landscape else _A4
        self._room = self._paper[0] - 2 * _MARGIN
        self._foot_size = self._fit_footer()
        self._new_page(title)

    def _fit_footer(self) -> float:
        natural = typeface.width(self._footer, 1)
        size = min(self._size, 10.0, self._room * 0.85 / natural if natural else 10.0)
        if size < _SMALLEST_FOOTER:
            raise Unprintable("PRINT_DOES_NOT_FIT")
        return size

    def put(self, block: Block) -> None:
        match block:
            case Heading():
                self._heading(block.text)
            case Text():
                self._paragraph(block.text, bold=block.bold)
            case Tick():
                self._tick(block)
            case Table():
                self._table(block)
            case Qr():
                self._qr(block)
            case PageBreak():
                self._new_page(typeface.printable(block.title, LONGEST_TEXT))

    def save(self) -> bytes:
        small, count = self._foot_size, len(self._pdf.pages)
        y = self._paper[1] - _MARGIN + small
        for number, page in enumerate(self._pdf.pages, 1):
            mark = f"{number} / {count}"
            page.text(self._paper[0] - _MARGIN - typeface.width(mark, small), y, small, mark)
            if self._footer:
                page.text(_MARGIN, y, small, self._footer)
        return self._pdf.save()

    @property
    def _bottom(self) -> float:
        return self._paper[1] - _MARGIN - self._size

    def _new_page(self, title: str = "") -> None:
        self._page = self._pdf.page(*self._paper)
        self._y = _MARGIN
        if title:
            self._lines(title, self._size * 1.5, bold=True)
            self._y += self._size * 0.4

    def _need(self, height: float) -> None:
        if self._y + height > self._bottom:
            self._new_page()

    def _lines(self, text: str, size: float, *, bold: bool = False, indent: float = 0) -> None:
        for line in typeface.wrap(text, size, self._room - indent):
            self._need(size * _LEADING)
            self._page.text(_MARGIN + indent, self._y + size * 1.1, size, line, bold=bold)
            self._y += size * _LEADING

    def _heading(self, text: str) -> None:
        size = self._size * 1.2
        self._need(size * _LEADING * 2 + self._size * _LEADING * 2)
        self._y += size * 0.5
        self._lines(typeface.printable(text, LONGEST_TEXT), size, bold=True)

    def _paragraph(self, text: str, *, bold: bool) -> None:
        self._lines(typeface.printable(text, LONGEST_TEXT), self._size, bold=bold)
        self._y += self._size * 0.35

    def _tick(self, tick: Tick) -> None:
        size = self._size
        text = typeface.printable(tick.text, LONGEST_TEXT)
        self._need(size * _LEADING)
        top, side = self._y + size * 0.28, size * 0.9
        self._page.frame(_MARGIN, top, side, side, 1)
        if tick.ticked:
            self._page.line(_MARGIN + side * 0.2, top + side * 0.5, _MARGIN + side * 0.45, top + side * 0.8, 1.6)
            self._page.line(_MARGIN + side * 0.45, top + side * 0.8, _MARGIN + side * 0.85, top + side * 0.15, 1.6)
        self._lines(text, size, indent=size * 1.5)
        self._y += size * 0.25

    def _qr(self, qr: Qr) -> None:
        if not 10 <= qr.side_mm <= 120:
            raise Unprintable("PRINT_SIZE", least=10, most=120)
        side, indent = qr.side_mm * MM, qr.side_mm * MM * 1.2
        caption = typeface.printable(qr.caption, LONGEST_TEXT)
        self._need(side + self._size)
        top, page = self._y + self._size * 0.5, self._page
        page.qr(label_matrix(qr.payload), _MARGIN + side * 0.1, top, side)
        if caption:
            self._lines(caption, self._size, indent=indent + side * 0.1)
        self._y = max(self._y, top + side + self._size * 0.5) if self._page is page else self._y

    def _table(self, table: Table) -> None:
        size = self._size * table.scale
        cells = [[typeface.printable(cell, LONGEST_TEXT) for cell in row] for row in (table.header, *table.rows)]
        columns = len(table.header)
        if not columns or any(len(row) != columns for row in cells) or _bad_widths(table):
            raise Unprintable("PRINT_TABLE")
        if len(cells) > MOST_ROWS:
            raise Unprintable("PRINT_TOO_MANY", most=MOST_ROWS)
        shares = [float(share) for share in table.widths] or _shares(cells, size, self._room)
        widths = [self._room * share / sum(shares) for share in shares]
        set_rows = [_Row(row, widths, size) for row in cells]
        header, *body = set_rows
        tallest = max(row.height for row in body) if body else 0
        if header.height + tallest > self._bottom - _MARGIN:
            raise Unprintable("PRINT_DOES_NOT_FIT")
        self._need(header.height + (body[0].height if body else 0))
        self._row(header, bold=True)
        for row in body:
            if self._y + row.height > self._bottom:
                self._new_page()
                self._row(header, bold=True)
            self._row(row)
        self._y += self._size * 0.5

    def _row(self, row: _Row, *, bold: bool = False) -> None:
        x = _MARGIN
        for width, lines in zip(row.widths, row.cells, strict=True):
            self._page.frame(x, self._y, width, row.height, 0.5)
            for number, line in enumerate(lines):
                y = self._y + _CELL + row.size * (1.0 + number * 1.3)
                self._page.text(x + _CELL, y, row.size, line, bold=bold)
            x += width
        self._y += row.height


class _Row:
    def __init__(self, texts: Sequence[str], widths: Sequence[float], size: float) -> None:
        self.widths, self.size = widths, size
        rooms = [width - 2 * _CELL for width in widths]
        if min(rooms) < size:
            raise Unprintable("PRINT_DOES_NOT_FIT")
        self.cells = [typeface.wrap(text, size, room) for text, room in zip(texts, rooms, strict=True)]
        self.height = max(len(lines) for lines in self.cells) * size * 1.3 + 2 * _CELL


def _bad_widths(table: Table) -> bool:
    return bool(table.widths) and (len(table.widths) != len(table.header) or min(table.widths) < 1)


def _shares(cells: Sequence[Sequence[str]], size: float, room: float) -> list[float]:
    # A column gets what its widest cell asks for, but none less than four characters nor more than half the page.
    widest = [
        max(typeface.width(text.replace("\n", " "), size) for text in column) for column in zip(*cells, strict=True)
    ]
    return [min(max(wide, 4 * size) + 2 * _CELL, room / 2) for wide in widest]
