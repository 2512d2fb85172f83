"""Thermal label printers in their own languages, ZPL and TSPL: every label goes as the dots of its preview.

Printers differ in typefaces, few have Chinese, and words sent as words could be taken for commands. So none are sent:
a label is one bitmap, of known length and, in ZPL, of letters and digits alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Literal

from PIL import Image, ImageChops

from labels.layouts import shortened
from labels.render import label_picture
from labels.sheets import PDF, Print, roll_sheet, sheet_pdf
from labels.templates import Mark, Printable, Template
from labels.typeface import Unprintable

Form = Literal["pdf", "zpl", "tspl"]
DPIS = (203, 300)
# A roll; at 80 × 50 mm and 300 dpi these are 70 MB of dots.
MOST_ON_A_ROLL = 1_000
_WIDEST_GAP_MM = 20
_RUN = re.compile(r"(.)\1+")


def print_roll(
    labels: Sequence[Printable], template: Template, form: Form, *, dpi: int = 203, gap_mm: float = 2, title: str = ""
) -> Print:
    """The labels for a roll of such labels: as pages for any driver, or for a printer that takes ZPL or TSPL.

    Raises Unprintable as ``sheets.sheet_pdf``, and PRINT_PRINTER (neither 203 nor 300 dpi), PRINT_SIZE (the gap
    between two labels, 0–20 mm); and matrix.NoSuchQr.
    """
    if form == "pdf":
        data, media = sheet_pdf(labels, roll_sheet(template), title=title), PDF
    else:
        data = zpl(labels, template, dpi=dpi) if form == "zpl" else tspl(labels, template, dpi=dpi, gap_mm=gap_mm)
        media = "application/octet-stream"
    return Print(data=data, media_type=media, suffix=form, cut=shortened(labels, template))


def zpl(labels: Sequence[Printable], template: Template, *, dpi: int = 203) -> bytes:
    """ZPL II for Zebra and compatible printers: one format a label, its dots as a ``^GFA`` graphic."""
    return b"".join(_each(labels, template, dpi, _zpl_label))


def tspl(labels: Sequence[Printable], template: Template, *, dpi: int = 203, gap_mm: float = 2) -> bytes:
    """TSPL for TSC and most label printers sold in China: one ``BITMAP`` a label; ``gap_mm`` 0 is endless paper."""
    if not 0 <= gap_mm <= _WIDEST_GAP_MM:
        raise Unprintable("PRINT_SIZE", least=0, most=_WIDEST_GAP_MM)
    size = f"SIZE {template.width_mm:g} mm,{template.height_mm:g} mm\r\nGAP {gap_mm:g} mm,0 mm\r\n"
    head = f"{size}DIRECTION 1\r\nREFERENCE 0,0\r\n"
    return head.encode() + b"".join(_each(labels, template, dpi, _tspl_label))


def _each(
    labels: Sequence[Printable], template: Template, dpi: int, draw: Callable[[Image.Image, int], bytes]
) -> Iterator[bytes]:
    if not labels:
        raise Unprintable("PRINT_NONE")
    if len(labels) > MOST_ON_A_ROLL:
        raise Unprintable("PRINT_TOO_MANY", most=MOST_ON_A_ROLL)
    if dpi not in DPIS:
        raise Unprintable("PRINT_PRINTER")
    for label, alike in groupby(labels):
        count = len(list(alike))
        dots = _dots(label, template, dpi)
        # Only marks are all alike: the same code twice is drawn twice, for whoever asked to see it.
        yield draw(dots, count) if isinstance(label, Mark) else draw(dots, 1) * count


def _dots(label: Printable, template: Template, dpi: int) -> Image.Image:
    """The preview, widened with white to whole bytes; a dot that prints is 0."""
    picture = label_picture(label, template, dpi=dpi, one_bit=True)
    whole = Image.new("1", ((picture.width + 7) // 8 * 8, picture.height), 255)
    whole.paste(picture, (0, 0))
    return whole


def _zpl_label(dots: Image.Image, count: int) -> bytes:
    wide, tall = dots.width // 8, dots.height
    total = wide * tall
    graphic = _graphic(ImageChops.invert(dots).tobytes().hex().upper(), wide * 2)
    setting = f"^XA\r\n^PW{dots.width}\r\n^LL{tall}\r\n^LH0,0\r\n^LS0\r\n"
    return f"{setting}^FO0,0^GFA,{total},{total},{wide},{graphic}^FS\r\n^PQ{count}\r\n^XZ\r\n".encode()


def _graphic(digits: str, wide: int) -> str:
    """Zebra's ASCII compression: a letter repeats the digit after it, a comma fills the line, a colon repeats it."""
    out, before = [], ""
    for start in range(0, len(digits), wide):
        line = digits[start : start + wide]
        bare = line.rstrip("0")
        packed = _RUN.sub(_repeated, bare) + ("," if len(bare) < wide else "")
        out.append(":" if line == before else packed)
        before = line
    return "".join(out)


def _repeated(run: re.Match[str]) -> str:
    twenties, ones = divmod(len(run[0]), 20)
    return (chr(ord("f") + twenties) if twenties else "") + (chr(ord("F") + ones) if ones else "") + run[1]


def _tspl_label(dots: Image.Image, count: int) -> bytes:
    head = f"CLS\r\nBITMAP 0,0,{dots.width // 8},{dots.height},0,"
    return head.encode() + dots.tobytes() + f"\r\nPRINT 1,{count}\r\n".encode()
