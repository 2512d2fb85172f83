"""A small PDF writer: one subset typeface with text that can be searched, QR codes as shapes; same in, same out."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache

from labels import typeface
from labels.matrix import Matrix

MM = 72 / 25.4

_TO_UNICODE_HEAD = b"""/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
"""
_TO_UNICODE_TAIL = b"""endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""


class Page:
    """One page under work, in points from its top left corner; a text's ``y`` is its baseline."""

    def __init__(self, pdf: Pdf, width: float, height: float) -> None:
        self._pdf = pdf
        self.width, self.height = width, height
        self.content: list[str] = []
        self.sealed = b""

    def text(self, x: float, y: float, size: float, text: str, *, bold: bool = False) -> None:
        """Set a line of ``typeface.printable`` text. Bold is the same glyph with a thin outline."""
        self.content.append(f"{self.text_head(x, y, size, bold=bold)}{self._pdf.encode(text)}> Tj ET")

    def text_head(self, x: float, y: float, size: float, *, bold: bool = False) -> str:
        """What stands before the digits of a line that is set there."""
        weight = f"2 Tr {size * 0.026:.3f} w " if bold else "0 Tr "
        return f"BT {weight}/F {size:.2f} Tf {x:.2f} {self.height - y:.2f} Td <"

    def line(self, x: float, y: float, to_x: float, to_y: float, weight: float = 0.5) -> None:
        ends = f"{x:.2f} {self.height - y:.2f} m {to_x:.2f} {self.height - to_y:.2f} l"
        self.content.append(f"{weight:.2f} w {ends} S")

    def frame(self, x: float, y: float, width: float, height: float, weight: float = 0.7) -> None:
        self.content.append(f"{weight:.2f} w {x:.2f} {self.height - y - height:.2f} {width:.2f} {height:.2f} re S")

    def qr(self, made: Matrix, x: float, y: float, side: float) -> None:
        """Draw the modules as one path: sharp on any printer, and no viewer smooths it as it would a picture."""
        scale = side / made.size
        drawn = f"q {scale:.4f} 0 0 {-scale:.4f} {x:.2f} {self.height - y:.2f} cm {bars(made).decode()}f Q"
        self.content.append(drawn)

    def seal(self, content: bytes) -> None:
        """Take ready content instead, packed at once: of thousands of pages only what goes into the file is kept."""
        self.sealed = _stream(content, level=_QUICK)


class _Bars(dict[int, bytes]):
    """The bars of eight modules of one row, for each of their 256 patterns, made when first needed."""

    def __init__(self, x: int, y: int) -> None:
        self._x, self._y = x, y

    def __missing__(self, pattern: int) -> bytes:
        dark = _DARK.finditer(format(pattern, "08b"))
        found = [f"{self._x + bar.start()} {self._y} {bar.end() - bar.start()} 1 re " for bar in dark]
        self[pattern] = "".join(found).encode()
        return self[pattern]


@lru_cache(maxsize=16)
def _tables(size: int) -> tuple[struct.Struct | None, tuple[slice, ...], tuple[_Bars, ...]]:
    # Rows of up to 64 modules are packed by one call, in words of 4 or 8 bytes; a label has no larger.
    words = struct.Struct(f">{size}{'I' if size <= 32 else 'Q'}") if size <= 64 else None
    used = (size + 7) // 8
    wide = words.size // size if words else used
    columns = tuple(slice(column, None, wide) for column in range(wide - used, wide))
    tables = tuple(_Bars(8 * column.start - 8 * wide + size, y) for column in columns for y in range(size))
    return words, columns, tables


def bars(made: Matrix) -> bytes:
    """The dark modules as rectangles of one path, a unit each, from the top left: covers what ``matrix.runs`` does."""
    words, columns, tables = _tables(made.size)
    packed = words.pack(*made.rows) if words else b"".join([row.to_bytes(len(columns), "big") for row in made.rows])
    patterns = b"".join([packed[column] for column in columns])
    return b"".join([table[pattern] for table, pattern in zip(tables, patterns, strict=True)])


class _Hexes(dict[str, str]):
    """Each sign as the four digits of its glyph, remembering which were used."""

    def __init__(self) -> None:
        self.signs: dict[int, str] = {}

    def __missing__(self, sign: str) -> str:
        (glyph,) = typeface.glyphs(sign)
        self.signs.setdefault(glyph, sign)
        self[sign] = f"{glyph:04X}"
        return self[sign]


class Pdf:
    """A document under work: ask for pages, draw on them, ``save``."""

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._pages: list[Page] = []
        self._hexes = _Hexes()

    def page(self, width: float, height: float) -> Page:
        page = Page(self, width, height)
        self._pages.append(page)
        return page

    @property
    def pages(self) -> list[Page]:
        return self._pages

    def encode(self, text: str) -> str:
        """A line of ``typeface.printable`` text as the digits of a PDF string."""
        return "".join(map(self._hexes.__getitem__, text))

    def save(self) -> bytes:
        """The whole file. The same drawing gives the same bytes: no clock, no random identifier."""
        ascii_glyphs = typeface.glyphs("".join(map(chr, range(0x20, 0x7F))))
        font = typeface.subset({*self._hexes.signs, *ascii_glyphs})
        kids = " ".join(f"{_FIRST_PAGE + 2 * number} 0 R" for number in range(len(self._pages)))
        title = ("\ufeff" + self._title).encode("utf-16-be").hex().upper()
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /DisplayDocTitle true >> >>",
            f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>".encode(),
            f"<< /Title <{title}> >>".encode(),
            *_font_objects(font, self._hexes.signs),
        ]
        for page in self._pages:
            objects.append(_page_object(page, len(objects) + 2))
            objects.append(page.sealed or _stream("\n".join(page.content).encode()))
        return _file(objects)


_FIRST_PAGE = 9
_DARK = re.compile("1+")


def _font_objects(font: typeface.Subset, signs: dict[int, str]) -> list[bytes]:
    name = f"NUANXN+{typeface.NAME}"
    widths = " ".join(f"{glyph} [{wide}]" for glyph, wide in font.widths.items() if wide != 1000)
    info = "<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
    box = f"[-200 {typeface.DESCENT * 3} 2000 {typeface.ASCENT + 300}]"
    metrics = f"/Ascent {typeface.ASCENT} /Descent {typeface.DESCENT} /CapHeight {typeface.CAP_HEIGHT} /StemV 80"
    return [
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H"
        " /DescendantFonts [5 0 R] /ToUnicode 8 0 R >>".encode(),
        f"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /{name} /CIDSystemInfo {info}"
        f" /FontDescriptor 6 0 R /DW 1000 /W [{widths}] >>".encode(),
        f"<< /Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox {box} /ItalicAngle 0"
        f" {metrics} /FontFile3 7 0 R >>".encode(),
        _stream(font.program, "/Subtype /CIDFontType0C "),
        _stream(_to_unicode(signs)),
    ]


def _to_unicode(signs: dict[int, str]) -> bytes:
    pairs = [f"<{glyph:04X}> <{sign.encode('utf-16-be').hex().upper()}>" for glyph, sign in sorted(signs.items())]
    parts = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
    body = "".join(f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar\n" for part in parts)
    return _TO_UNICODE_HEAD + body.encode() + _TO_UNICODE_TAIL


def _page_object(page: Page, content: int) -> bytes:
    box = f"[0 0 {page.width:.2f} {page.height:.2f}]"
    return (
        f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Resources << /Font << /F 4 0 R >> >> /Contents {content} 0 R >>"
    ).encode()


# Labels are printed once: at this level a thousand take a third of the time and twice the room (0.4 MB).
_QUICK = 2


def _stream(content: bytes, more: str = "", *, level: int = 6) -> bytes:
    packed = zlib.compress(content, level)
    head = f"<< {more}/Filter /FlateDecode /Length {len(packed)} >>\nstream\n"
    return head.encode() + packed + b"\nendstream"


def _file(objects: Iterable[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe6\x9a\x96\xe5\xbf\x83\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 3 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start)
    return bytes(out)
