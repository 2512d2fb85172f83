"""A small PDF writer: one subset typeface with text that can be searched, QR codes as shapes; same in, same out."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from labels import typeface
from labels.matrix import Matrix, runs

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

    def text(self, x: float, y: float, size: float, text: str, *, bold: bool = False) -> None:
        """Set a line of ``typeface.printable`` text. Bold is the same glyph with a thin outline."""
        drawn = self._pdf.encode(text)
        weight = f"2 Tr {size * 0.026:.3f} w " if bold else "0 Tr "
        self.content.append(f"BT {weight}/F {size:.2f} Tf {x:.2f} {self.height - y:.2f} Td <{drawn}> Tj ET")

    def line(self, x: float, y: float, to_x: float, to_y: float, weight: float = 0.5) -> None:
        ends = f"{x:.2f} {self.height - y:.2f} m {to_x:.2f} {self.height - to_y:.2f} l"
        self.content.append(f"{weight:.2f} w {ends} S")

    def frame(self, x: float, y: float, width: float, height: float, weight: float = 0.7) -> None:
        self.content.append(f"{weight:.2f} w {x:.2f} {self.height - y - height:.2f} {width:.2f} {height:.2f} re S")

    def qr(self, made: Matrix, x: float, y: float, side: float) -> None:
        """Draw the modules as one path: sharp on any printer, and no viewer smooths it as it would a picture."""
        bars = " ".join([f"{bar} {row} {wide} 1 re" for bar, row, wide in runs(made)])
        scale = side / made.size
        self.content.append(f"q {scale:.4f} 0 0 {-scale:.4f} {x:.2f} {self.height - y:.2f} cm {bars} f Q")


class Pdf:
    """A document under work: ask for pages, draw on them, ``save``."""

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._pages: list[Page] = []
        self._signs: dict[int, str] = {}
        self._encoded: dict[str, str] = {}

    def page(self, width: float, height: float) -> Page:
        page = Page(self, width, height)
        self._pages.append(page)
        return page

    @property
    def pages(self) -> list[Page]:
        return self._pages

    def encode(self, text: str) -> str:
        if text not in self._encoded:
            numbers = typeface.glyphs(text)
            for number, sign in zip(numbers, text, strict=True):
                self._signs.setdefault(number, sign)
            self._encoded[text] = "".join(f"{number:04X}" for number in numbers)
        return self._encoded[text]

    def save(self) -> bytes:
        """The whole file. The same drawing gives the same bytes: no clock, no random identifier."""
        ascii_glyphs = typeface.glyphs("".join(map(chr, range(0x20, 0x7F))))
        font = typeface.subset({*self._signs, *ascii_glyphs})
        kids = " ".join(f"{_FIRST_PAGE + 2 * number} 0 R" for number in range(len(self._pages)))
        title = ("\ufeff" + self._title).encode("utf-16-be").hex().upper()
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /DisplayDocTitle true >> >>",
            f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>".encode(),
            f"<< /Title <{title}> >>".encode(),
            *_font_objects(font, self._signs),
        ]
        for page in self._pages:
            objects.append(_page_object(page, len(objects) + 2))
            objects.append(_stream("\n".join(page.content).encode()))
        return _file(objects)


_FIRST_PAGE = 9


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


def _stream(content: bytes, more: str = "") -> bytes:
    packed = zlib.compress(content, 6)
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
