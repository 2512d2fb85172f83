"""One label, or one QR, as a picture for a printer (PNG) or a page (SVG)."""

from __future__ import annotations

import io
from functools import lru_cache
from html import escape

from PIL import Image, ImageDraw, ImageFont

from labels import typeface
from labels.matrix import Matrix, label_matrix, matrix, runs
from labels.templates import A4_3X8, POINT_MM, PrintedLabel, Template, layout
from labels.typeface import Unprintable

QUIET = 4  # modules left white around a QR, ISO/IEC 18004, 6.3.8
_WHITE, _BLACK = 255, 0
_FAMILY = "'Noto Sans SC','PingFang SC','Microsoft YaHei','Source Han Sans SC',sans-serif"


def label_png(
    label: PrintedLabel, template: Template = A4_3X8.label, *, dpi: int = 300, one_bit: bool = False
) -> bytes:
    """The label at ``dpi`` (72–1200), greyscale, or pure black and white for thermal printers.

    Modules are whole pixels. Raises Unprintable (PRINT_…, as ``templates.layout``; PRINT_DPI) and matrix.NoSuchQr.
    """
    if not 72 <= dpi <= 1200:
        raise Unprintable("PRINT_DPI", least=72, most=1200)
    placed = layout(label.code, label.text, template)
    scale = dpi / 72
    size = (round(template.width_mm / 25.4 * dpi), round(template.height_mm / 25.4 * dpi))
    picture = Image.new("L", size, _WHITE)
    draw = ImageDraw.Draw(picture)
    if one_bit:
        draw.fontmode = "1"
    _paste_qr(picture, label_matrix(label.payload), placed.qr_x * scale, placed.qr_y * scale, placed.qr_side * scale)
    for line in placed.texts:
        # The baseline is the anchor, so that picture and paper agree to the pixel.
        stroke = round(line.size * scale * 0.018) if line.bold else 0
        at = (line.x * scale, line.y * scale)
        draw.text(at, line.text, fill=_BLACK, font=_font(line.size * scale), anchor="ls", stroke_width=stroke)
    if placed.frame:
        x, y, wide, tall = (edge * scale for edge in placed.frame)
        draw.rectangle((x, y, x + wide, y + tall), outline=_BLACK, width=max(1, round(scale * 0.7)))
    return _png(picture.convert("1", dither=Image.Dither.NONE) if one_bit else picture, dpi)


@lru_cache(maxsize=64)
def _font(pixels: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(typeface.PATH, pixels)


def _paste_qr(picture: Image.Image, made: Matrix, x: float, y: float, side: float) -> None:
    module = int(side) // made.size
    if module < 1:
        raise Unprintable("PRINT_DOES_NOT_FIT")
    drawn = _picture(made).resize((made.size * module,) * 2, Image.Resampling.NEAREST)
    spare = (side - made.size * module) / 2
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


def label_svg(label: PrintedLabel, template: Template = A4_3X8.label) -> str:
    """The label as SVG in its true size: the QR one path, the words text. Raises Unprintable and NoSuchQr."""
    placed = layout(label.code, label.text, template)
    made = label_matrix(label.payload)
    wide, tall = template.width_mm / POINT_MM, template.height_mm / POINT_MM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{template.width_mm:g}mm" height="{template.height_mm:g}mm"'
        f' viewBox="0 0 {wide:.2f} {tall:.2f}" font-family="{_FAMILY}">',
        f'<path fill="#fff" d="M0 0h{wide:.2f}v{tall:.2f}H0z"/>',
        f'<path transform="translate({placed.qr_x:.2f} {placed.qr_y:.2f}) scale({placed.qr_side / made.size:.4f})"'
        f' shape-rendering="crispEdges" d="{_path(made)}"/>',
    ]
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
