"""One label, or one QR, as a picture for a printer (PNG) or a page (SVG)."""

from __future__ import annotations

import io
from functools import lru_cache
from html import escape

from PIL import Image, ImageDraw, ImageFont

from labels import typeface
from labels.layouts import Layout, Placed, layout, layout_of, mark_layout, qr_of, qr_place, skeleton
from labels.matrix import Matrix, matrix, runs
from labels.templates import A4_3X8, POINT_MM, Mark, Printable, PrintedLabel, Template
from labels.typeface import Unprintable

_INTO_QUIET = 1.04  # whole pixels may take this much of the quiet zone
QUIET = 4  # modules left white around a QR, ISO/IEC 18004, 6.3.8
_WHITE, _BLACK = 255, 0
_FAMILY = "'Noto Sans SC','PingFang SC','Microsoft YaHei','Source Han Sans SC',sans-serif"


def label_png(label: Printable, template: Template = A4_3X8.label, *, dpi: int = 300, one_bit: bool = False) -> bytes:
    """The label at ``dpi`` (72–1200), greyscale, or pure black and white for thermal printers.

    Modules are whole pixels. Raises Unprintable (PRINT_…, as ``layouts.layout``; PRINT_DPI) and matrix.NoSuchQr.
    """
    return _png(label_picture(label, template, dpi=dpi, one_bit=one_bit), dpi)


def label_picture(
    label: Printable, template: Template = A4_3X8.label, *, dpi: int = 300, one_bit: bool = False
) -> Image.Image:
    """As ``label_png``, not yet packed: mode L, or 1 if ``one_bit``; what a thermal printer is sent, dot by dot."""
    if not 72 <= dpi <= 1200 or template.width_mm * template.height_mm * (dpi / 25.4) ** 2 > _MOST_PIXELS:
        raise Unprintable("PRINT_DPI", least=72, most=1200)
    if isinstance(label, Mark):
        picture = _ground(mark_layout(label.words, template), template, dpi, one_bit)
    else:
        picture = _labelled(label, template, dpi, one_bit)
    return picture.convert("1", dither=Image.Dither.NONE) if one_bit else picture.copy()


_MOST_PIXELS = 25_000_000


def _labelled(label: PrintedLabel, template: Template, dpi: int, one_bit: bool) -> Image.Image:
    bones = skeleton(label.code, label.text, template)
    picture = _ground(bones.rest, template, dpi, one_bit).copy()
    _paste_qr(picture, qr_of(label.payload, template), bones.rest, dpi / 72)
    if bones.place >= 0:
        placed = layout(label.code, label.text, template).texts[bones.place]
        _write(_drawing(picture, one_bit), placed, dpi / 72)
    return picture


@lru_cache(maxsize=4)
def _ground(placed: Layout, template: Template, dpi: int, one_bit: bool) -> Image.Image:
    """All that labels of the same words share; never drawn upon, only copied."""
    scale = dpi / 72
    picture = Image.new("L", (round(template.width_mm / 25.4 * dpi), round(template.height_mm / 25.4 * dpi)), _WHITE)
    draw = _drawing(picture, one_bit)
    for line in placed.texts:
        _write(draw, line, scale)
    if placed.frame:
        x, y, wide, tall = (edge * scale for edge in placed.frame)
        draw.rectangle((x, y, x + wide, y + tall), outline=_BLACK, width=max(1, round(scale * 0.7)))
    return picture


def _drawing(picture: Image.Image, one_bit: bool) -> ImageDraw.ImageDraw:
    draw = ImageDraw.Draw(picture)
    draw.fontmode = "1" if one_bit else "L"
    return draw


def _write(draw: ImageDraw.ImageDraw, line: Placed, scale: float) -> None:
    # Sign by sign, on the baseline, without kerning: so do paper and picture agree to the pixel, on any machine.
    size = line.size * scale
    stroke = round(size * 0.018) if line.bold else 0
    x, font = line.x * scale, _font(size)
    for sign in line.text:
        draw.text((x, line.y * scale), sign, fill=_BLACK, font=font, anchor="ls", stroke_width=stroke)
        x += typeface.width(sign, size)


@lru_cache(maxsize=64)
def _font(pixels: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(typeface.PATH, pixels)


def _paste_qr(picture: Image.Image, made: Matrix, placed: Layout, scale: float) -> None:
    x, y, module = (measure * scale for measure in qr_place(placed, made.size))
    room = placed.qr_side * scale * _INTO_QUIET
    pixels = round(module) if round(module) * made.size <= room else int(room / made.size)
    if pixels < 1:
        raise Unprintable("PRINT_DOES_NOT_FIT")
    drawn = _picture(made).resize((made.size * pixels,) * 2, Image.Resampling.NEAREST)
    spare = (module - pixels) * made.size / 2
    picture.paste(drawn, (round(x + spare), round(y + spare)))


def _picture(made: Matrix) -> Image.Image:
    """One pixel a module."""
    width = (made.size + 7) // 8
    rows = b"".join((row << width * 8 - made.size).to_bytes(width, "big") for row in made.rows)
    return Image.frombytes("1", (made.size, made.size), rows, "raw", "1;I").convert("L")


def _png(picture: Image.Image, dpi: int | None = None) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True, **({"dpi": (dpi, dpi)} if dpi else {}))
    return out.getvalue()


def qr_png(text: str, scale: int = 1) -> bytes:
    """The QR of any text with its quiet zone, ``scale`` (1–40) pixels a module. Raises NoSuchQr, Unprintable."""
    if not 1 <= scale <= 40:
        raise Unprintable("PRINT_SCALE", least=1, most=40)
    made = _any_matrix(text)
    side = made.size + 2 * QUIET
    picture = Image.new("L", (side, side), _WHITE)
    picture.paste(_picture(made), (QUIET, QUIET))
    return _png(picture.resize((side * scale,) * 2, Image.Resampling.NEAREST).convert("1"))


def qr_svg(text: str, *, title: str = "") -> str:
    """The QR of any text as SVG with its quiet zone, for a web page; ``title`` is read aloud. Raises NoSuchQr.

    It brings its own white ground, so that it reads on a dark page, and needs no style.
    """
    made = _any_matrix(text)
    side = made.size + 2 * QUIET
    spoken = f'role="img" aria-label="{escape(title)}"' if title else 'aria-hidden="true"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges" {spoken}>'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="{_path(made, QUIET)}"/></svg>'
    )


def _any_matrix(text: str) -> Matrix:
    # An invitation's link is long: level M keeps its modules large enough for an old phone on a bright screen.
    return matrix(text, "M", mask=None if len(text) <= 60 else 0)


def _path(made: Matrix, offset: int = 0) -> str:
    return "".join(f"M{x + offset} {y + offset}h{wide}v1h-{wide}z" for x, y, wide in runs(made))


def label_svg(label: Printable, template: Template = A4_3X8.label) -> str:
    """The label as SVG in its true size: the QR one path, the words text. Raises Unprintable and NoSuchQr."""
    placed = layout_of(label, template)
    wide, tall = template.width_mm / POINT_MM, template.height_mm / POINT_MM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{template.width_mm:g}mm" height="{template.height_mm:g}mm"'
        f' viewBox="0 0 {wide:.2f} {tall:.2f}" font-family="{_FAMILY}">',
        f'<path fill="#fff" d="M0 0h{wide:.2f}v{tall:.2f}H0z"/>',
    ]
    if isinstance(label, PrintedLabel):
        parts.append(_svg_qr(qr_of(label.payload, template), placed))
    for line in placed.texts:
        weight = ' font-weight="700"' if line.bold else ""
        # The reader's machine may have another typeface; the line keeps its length all the same.
        parts.append(
            f'<text x="{line.x:.2f}" y="{line.y:.2f}" font-size="{line.size:.2f}"{weight}'
            f' textLength="{line.width:.2f}" lengthAdjust="spacingAndGlyphs">{escape(line.text)}</text>'
        )
    if placed.frame:
        x, y, frame_wide, frame_tall = placed.frame
        box = f'x="{x:.2f}" y="{y:.2f}" width="{frame_wide:.2f}" height="{frame_tall:.2f}"'
        parts.append(f'<rect {box} fill="none" stroke="#000" stroke-width="0.7"/>')
    return "".join(parts) + "</svg>"


def _svg_qr(made: Matrix, placed: Layout) -> str:
    x, y, module = qr_place(placed, made.size)
    at = f"translate({x:.2f} {y:.2f}) scale({module:.4f})"
    return f'<path transform="{at}" shape-rendering="crispEdges" d="{_path(made)}"/>'
