"""Photos for the tests of reading: codes laid on a table, and files that mean harm."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import zxingcpp
from PIL import Image, ImageFilter

from labels.render import qr_png

FORMATS = zxingcpp.BarcodeFormat


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def qr(text: str, scale: int = 6) -> Image.Image:
    """A QR as the programme prints it."""
    return Image.open(io.BytesIO(qr_png(text, scale))).convert("L")


def symbol(text: str, kind: zxingcpp.BarcodeFormat, scale: int = 3, **options: Any) -> Image.Image:
    """Somebody else's code, with its quiet zone."""
    drawn = memoryview(zxingcpp.create_barcode(text, kind, **options).to_image(scale=scale))
    bars = Image.frombytes("L", (drawn.shape[1], drawn.shape[0]), drawn.tobytes())
    if kind in {FORMATS.QRCode, FORMATS.DataMatrix}:
        return bars
    return bars.resize((bars.width, max(bars.height, 120)), Image.Resampling.NEAREST)


def table(*codes: Image.Image, turn: float = 4, wide: int = 1200, tall: int = 900) -> Image.Image:
    """The codes side by side on a grey table, as a hand that is not quite still takes them."""
    picture = Image.new("L", (wide, tall), 150)
    step = wide // (len(codes) or 1)
    for place, code in enumerate(codes):
        laid = Image.new("L", (code.width + 40, code.height + 40), 245)
        laid.paste(code, (20, 20))
        laid = laid.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=150)
        picture.paste(laid, (place * step + (step - laid.width) // 2, (tall - laid.height) // 2))
    return picture.filter(ImageFilter.GaussianBlur(1))


def photo(*codes: Image.Image, **more: Any) -> bytes:
    """``table`` as a phone's JPEG."""
    return encoded(table(*codes, **more).convert("RGB"), quality=85)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is as large as that."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg_of_many_scans(scans: int) -> bytes:
    """A progressive JPEG of 25 million pixels whose last scan comes again and again: small to send, long to open."""
    whole = encoded(Image.new("L", (5000, 5000), 90), quality=30, progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * scans + whole[-2:]


def moving(kind: str) -> bytes:
    """Two pictures, one after the other."""
    first, then = (Image.new("RGB", (64, 64), shade) for shade in ("white", "black"))
    return encoded(first, kind, save_all=True, append_images=[then], duration=100)


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


@cache
def harmful() -> dict[str, tuple[bytes, str]]:
    """Files that are refused, by what they are, with the code of the refusal."""
    small = encoded(Image.new("RGB", (64, 64), "white"))
    png = encoded(Image.new("RGB", (64, 64), "white"), "PNG")
    return {
        "nothing": (b"", "PHOTO_KIND"),
        "svg": (SVG, "PHOTO_KIND"),
        "gif": (GIF, "PHOTO_KIND"),
        "html before a jpeg": (b"<html><script>alert(1)</script>" + small, "PHOTO_KIND"),
        "zip before a png": (b"PK\x03\x04" + png, "PHOTO_KIND"),
        "pdf": (b"%PDF-1.7\n" + small, "PHOTO_KIND"),
        "tiff": (encoded(Image.new("L", (9, 9)), "TIFF"), "PHOTO_KIND"),
        "only the first bytes of a jpeg": (small[:3], "PHOTO_KIND"),
        "only the first bytes of a png": (png[:8], "PHOTO_KIND"),
        "riff without a picture": (b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 8, "PHOTO_BROKEN"),
        "cut off jpeg": (photo(qr("HELLO"))[:9000], "PHOTO_BROKEN"),
        "cut off png": (encoded(table(qr("HELLO")), "PNG")[:-3000], "PHOTO_BROKEN"),
        "cut off webp": (encoded(table(qr("HELLO")), "WEBP")[:-3000], "PHOTO_BROKEN"),
        "moving png": (moving("PNG"), "PHOTO_KIND"),
        "moving webp": (moving("WEBP"), "PHOTO_KIND"),
        "png bomb": (png_of_size(50_000, 50_000), "PHOTO_TOO_LARGE"),
        "png one pixel high": (png_of_size(2_000_000_000, 1), "PHOTO_TOO_LARGE"),
        "nine thousand square": (encoded(Image.new("1", (9000, 9000)), "PNG"), "PHOTO_TOO_LARGE"),
        "webp beyond its share": (encoded(Image.new("RGB", (4000, 3000)), "WEBP"), "PHOTO_TOO_LARGE"),
        "jpeg of many scans": (jpeg_of_many_scans(3000), "PHOTO_BROKEN"),
        "too many bytes": (small + b"\0" * 8 * 1024 * 1024, "PHOTO_TOO_LARGE"),
    }
