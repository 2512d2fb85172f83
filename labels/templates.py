"""Sizes of labels, sheets and rolls as data, and the words that stand on a label of goods."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated

import msgspec

from labels.typeface import Unprintable

POINT_MM = 25.4 / 72
QUIET_ZONE = 0.14  # four modules of a 29-module code, as a share of its side


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """One label, in millimetres and, for type, points. ``pad_mm`` stays white: printers do not reach the edge.

    ``code_below`` sets the code under the QR and leaves all of the right side to the words. Type shrinks to
    ``smallest`` of its size.
    """

    width_mm: float
    height_mm: float
    pad_mm: float
    qr_mm: float
    title_pt: float = 10
    code_pt: float = 12
    caption_pt: float = 8
    big_pt: float = 17
    line_pt: float = 8
    warning_pt: float = 10
    smallest: float = 0.65
    code_below: bool = False


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
A4_3X7 = Sheet(
    name="a4-3x7",
    columns=3,
    rows=7,
    label=Template(
        width_mm=63.5, height_mm=38.1, pad_mm=4, qr_mm=24.8, title_pt=9.5, code_pt=10, big_pt=15, warning_pt=9
    ),
    margin_left_mm=7.2,
    margin_top_mm=15.15,
    gap_x_mm=2.5,
)
SHEETS = {sheet.name: sheet for sheet in (A4_3X8, A4_3X7, A4_2X4)}

# Thermal rolls. The QR's room is a whole number of printer dots (1/8 mm) for each module.
ROLLS = {
    "40x30": Template(
        width_mm=40, height_mm=30, pad_mm=1.5, qr_mm=18.2, code_below=True, smallest=0.8,
        title_pt=8, code_pt=6.5, caption_pt=6.5, big_pt=9, line_pt=6.5, warning_pt=7,
    ),
    "50x30": Template(
        width_mm=50, height_mm=30, pad_mm=1.5, qr_mm=20.7, code_below=True, smallest=0.75,
        title_pt=9, code_pt=7.5, caption_pt=7, big_pt=12.5, line_pt=7, warning_pt=8,
    ),
    "60x40": Template(
        width_mm=60, height_mm=40, pad_mm=2, qr_mm=24.8, code_below=True, smallest=0.7,
        title_pt=10, code_pt=9, caption_pt=8, big_pt=15, line_pt=8, warning_pt=9,
    ),
    "80x50": Template(
        width_mm=80, height_mm=50, pad_mm=2.5, qr_mm=33.1, code_below=True, smallest=0.65,
        title_pt=13, code_pt=12, caption_pt=10, big_pt=20, line_pt=10, warning_pt=11,
    ),
}  # fmt: skip


class Grid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sheet of the station's own, measured with a ruler, in millimetres."""

    columns: Annotated[int, msgspec.Meta(ge=1, le=10)]
    rows: Annotated[int, msgspec.Meta(ge=1, le=30)]
    label_width_mm: Annotated[float, msgspec.Meta(ge=35, le=210)]
    label_height_mm: Annotated[float, msgspec.Meta(ge=25, le=300)]
    margin_left_mm: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0
    margin_top_mm: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0
    gap_x_mm: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0
    gap_y_mm: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0
    page_width_mm: Annotated[float, msgspec.Meta(ge=50, le=320)] = 210
    page_height_mm: Annotated[float, msgspec.Meta(ge=50, le=460)] = 297


def sheet_of(grid: Grid) -> Sheet:
    """The sheet of a free grid. Raises Unprintable: PRINT_GRID (a measure out of range), PRINT_GRID_PAGE (the labels
    reach ``wide`` × ``tall`` mm, beyond the page)."""
    measures = msgspec.structs.asdict(grid)
    try:
        msgspec.convert(measures, Grid)
    except msgspec.ValidationError:
        raise Unprintable("PRINT_GRID") from None
    if not all(map(math.isfinite, measures.values())):
        raise Unprintable("PRINT_GRID")
    wide = grid.margin_left_mm + grid.columns * (grid.label_width_mm + grid.gap_x_mm) - grid.gap_x_mm
    tall = grid.margin_top_mm + grid.rows * (grid.label_height_mm + grid.gap_y_mm) - grid.gap_y_mm
    if wide > grid.page_width_mm + _TOLERANCE or tall > grid.page_height_mm + _TOLERANCE:
        raise Unprintable("PRINT_GRID_PAGE", wide=math.ceil(wide), tall=math.ceil(tall))
    return Sheet(
        name="grid",
        columns=grid.columns,
        rows=grid.rows,
        label=template_for(grid.label_width_mm, grid.label_height_mm),
        margin_left_mm=grid.margin_left_mm,
        margin_top_mm=grid.margin_top_mm,
        gap_x_mm=grid.gap_x_mm,
        gap_y_mm=grid.gap_y_mm,
        page_width_mm=grid.page_width_mm,
        page_height_mm=grid.page_height_mm,
    )


_TOLERANCE = 0.5  # what a ruler and a millimetre of cutting leave open


@lru_cache(maxsize=64)
def template_for(width_mm: float, height_mm: float) -> Template:
    """A label of any size from 35 × 25 mm: the QR on at most half of it, type in proportion to what is left."""
    pad = min(max(0.07 * min(width_mm, height_mm), 1.5), 7)
    qr = min((height_mm - 2 * pad) / 1.3, 0.46 * width_mm, 45)
    scale = min(max((width_mm - 2 * pad - qr * (1 + QUIET_ZONE)) / 31, 0.6), 2.2)
    return Template(
        width_mm=width_mm,
        height_mm=height_mm,
        pad_mm=pad,
        qr_mm=qr,
        title_pt=max(10 * scale, 7),
        code_pt=min(max(qr * 0.36, 6), 14),
        caption_pt=max(8 * scale, 6.5),
        big_pt=max(16 * scale, 9),
        line_pt=max(8 * scale, 6.5),
        warning_pt=max(9 * scale, 7),
        smallest=5.2 / max(8 * scale, 6.5),
        code_below=True,
    )


class LabelText(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a label, translated: a title, one thing in large type under its caption, how many, small lines, a
    framed warning."""

    title: str = ""
    lines: tuple[str, ...] = ()
    big: str = ""
    warning: str = ""
    caption: str = ""
    count: str = ""


class PrintedLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label to print: ``payload`` for the QR, ``code`` as people read it, and its words."""

    payload: str
    code: str
    text: LabelText = LabelText()


class Mark(msgspec.Struct, frozen=True):
    """A sticker of words alone, framed and as large as it holds: 捐赠药品 禁止销售. It has no code to be scanned."""

    words: str


Printable = PrintedLabel | Mark
Say = Callable[..., str]


class Goods(msgspec.Struct, frozen=True, kw_only=True):
    """What a label says of goods: never a place, never a person. ``expiry`` as people write it, ``signs`` in words.

    ``quantity`` above 1 is a bag of so many ``unit`` of one lot under one label.
    """

    name: str
    strength: str = ""
    expiry: str = ""
    lot: str = ""
    storage: str = ""
    signs: tuple[str, ...] = ()
    quantity: int = 1
    unit: str = ""


MOST_IN_A_BAG = 10_000


def goods_text(goods: Goods, say: Say) -> LabelText:
    """The words of a goods label; ``say(key, **values)`` translates. Raises Unprintable: PRINT_NONE, PRINT_TOO_MANY
    for a quantity below 1 or above 10,000."""
    if goods.quantity < 1:
        raise Unprintable("PRINT_NONE")
    if goods.quantity > MOST_IN_A_BAG:
        raise Unprintable("PRINT_TOO_MANY", most=MOST_IN_A_BAG)
    lines = [say("print.pack.lot", lot=goods.lot)] if goods.lot else []
    lines += [goods.storage] if goods.storage else []
    bag = say("print.pack.quantity", quantity=goods.quantity, unit=goods.unit).strip() if goods.quantity > 1 else ""
    return LabelText(
        title=f"{goods.name} {goods.strength}".strip(),
        caption=say("print.pack.expiry", expiry="").strip() if goods.expiry else "",
        big=goods.expiry,
        count=bag,
        lines=tuple(lines),
        warning="  ".join(goods.signs),
    )


def donation_mark(say: Say, *, medicine: bool = True) -> Mark:
    """The mark that is stuck on when goods are released: donated, not for sale."""
    return Mark(say("print.pack.warning" if medicine else "print.pack.warning_supply"))
