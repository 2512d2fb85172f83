"""A photo's bytes in, the codes on it out: a program of its own that the server starts for one photo and never imports.

It reads the photo from its input, answers one JSON object and ends. Nothing but the pixels is looked at, and
nothing is written anywhere. It needs Pillow and zxing-cpp only, so that it starts in a blink.
"""

from __future__ import annotations

import io
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator

import zxingcpp
from PIL import Image, ImageChops, ImageFilter, ImageOps, UnidentifiedImageError
from zxingcpp import BarcodeFormat, BarcodeFormats, Binarizer, TextMode

MOST_PIXELS = {"JPEG": 25_000_000, "MPO": 25_000_000, "PNG": 25_000_000, "WEBP": 6_000_000}
"""WebP's own decoder keeps three copies of a picture: a larger one would not fit into the memory given."""
MOST_CODES = 20
SECONDS = 1.0
"""Processor time after which no further look is begun."""
MEMORY = 155 * 1024 * 1024
"""Bytes of address space for program, photo and pixels; a dozen million of them are never touched."""

# Kinds that open as stills; a JPEG of several pictures (MPO) comes from many phones, and its first one is the photo.
_KINDS = ("JPEG", "PNG", "WEBP")
_LARGE, _MIDDLE, _SMALL = 2000, 1100, 650
_FORMATS = BarcodeFormats(
    [
        BarcodeFormat.QRCode,
        BarcodeFormat.DataMatrix,
        BarcodeFormat.EAN13,
        BarcodeFormat.EAN8,
        BarcodeFormat.UPCA,
        BarcodeFormat.UPCE,
        BarcodeFormat.Code128,
        BarcodeFormat.ITF14,
    ]
)
_SQUARE = frozenset({"qr_code", "data_matrix"})
_LEAST_BREADTH = 0.02
# As scanners do, so that a GS1 string is told from a plain text (ISO/IEC 15424).
_GS1_MARKS = frozenset({"]C1", "]d2", "]Q3"})

Seen = tuple[str, str]
"""A code's text, with its GS1 mark in front where it has one, and its format (qr_code, data_matrix, ean_13, …)."""


class NotAPhoto(Exception):
    """``code`` is PHOTO_KIND (no still JPEG, PNG or WebP), PHOTO_TOO_LARGE or PHOTO_BROKEN."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def pixels(photo: bytes) -> Image.Image:
    """The photo in grey, at most about six million pixels. Raises NotAPhoto."""
    if photo[:4] == b"RIFF":
        _refuse_large("WEBP", *_webp_size(photo))
    try:
        with Image.open(io.BytesIO(photo), formats=_KINDS) as opened:
            _refuse(opened)
            opened.draft("L", (_LARGE, _LARGE))
            opened.load()
            return _grey(opened)
    except (MemoryError, Image.DecompressionBombError):
        raise NotAPhoto("PHOTO_TOO_LARGE") from None
    except UnidentifiedImageError:
        raise NotAPhoto("PHOTO_KIND") from None
    except (OSError, SyntaxError, ValueError, EOFError):
        raise NotAPhoto("PHOTO_BROKEN") from None


def _refuse(opened: Image.Image) -> None:
    _refuse_large(opened.format or "", opened.width, opened.height)
    if opened.format in {"PNG", "WEBP"} and getattr(opened, "n_frames", 1) > 1:
        raise NotAPhoto("PHOTO_KIND")


def _refuse_large(kind: str, width: int, height: int) -> None:
    # By the header's word, before one pixel is unpacked.
    if width * height > MOST_PIXELS.get(kind, 0):
        raise NotAPhoto("PHOTO_TOO_LARGE")


def _webp_size(photo: bytes) -> tuple[int, int]:
    """Width and height by a WebP's first chunk (RFC 9649); Pillow would make room for the pixels before it tells."""
    head = photo[12:30].ljust(18, b"\0")
    if head.startswith(b"VP8X"):
        return int.from_bytes(head[12:15], "little") + 1, int.from_bytes(head[15:18], "little") + 1
    if head.startswith(b"VP8L"):
        bits = int.from_bytes(head[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[14:16], "little") & 0x3FFF, int.from_bytes(head[16:18], "little") & 0x3FFF


def _grey(opened: Image.Image) -> Image.Image:
    """Shrunk and turned to grey in strips: a second whole copy in colour would not fit into the memory given."""
    shrink = max(1, math.isqrt(opened.width * opened.height // 3_000_000))
    grey = Image.new("L", (-(-opened.width // shrink), -(-opened.height // shrink)), 255)
    strip = 64 * shrink
    for top in range(0, opened.height, strip):
        part = opened.crop((0, top, opened.width, min(top + strip, opened.height)))
        grey.paste(_plain(part).reduce(shrink), (0, top // shrink))
    return grey


def _plain(part: Image.Image) -> Image.Image:
    if part.mode in {"I", "I;16", "I;16B", "F"}:
        return part.convert("I").point(lambda value: value / 256).convert("L")
    if part.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in part.info:
        part = part.convert("RGBA")
        white = Image.new("RGBA", part.size, "white")
        part = Image.alpha_composite(white, part)
    return part.convert("L")


# ---------------------------------------------------------------- looking


def decode(grey: Image.Image, seconds: float = SECONDS) -> list[Seen]:
    """The codes on a grey picture, each once, in the order they were found.

    The picture is looked at plainly first; while nothing was found it is smoothed, stretched, enlarged and shrunk,
    as blur, darkness, dirt and distance ask for. A striped code counts once it was read from two of these pictures:
    its own check lets one misread number in ten pass, and a wrong number is another medicine.
    """
    ends = time.process_time() + seconds
    times: Counter[Seen] = Counter()
    for number, picture in enumerate(_pictures(grey)):
        # Two ways of telling black from white: one fails in shadow, the other in low contrast.
        times.update(_read(picture, Binarizer.LocalAverage) | _read(picture, Binarizer.GlobalHistogram))
        if (number and times and all(map(_is_sure, times.items()))) or time.process_time() > ends:
            break
    return [seen for seen, often in times.items() if _is_sure((seen, often))][:MOST_CODES]


def _is_sure(entry: tuple[Seen, int]) -> bool:
    (_, kind), often = entry
    return kind in _SQUARE or often > 1


def _read(picture: Image.Image, binarizer: Binarizer) -> set[Seen]:
    found = zxingcpp.read_barcodes(picture, formats=_FORMATS, text_mode=TextMode.Plain, binarizer=binarizer)
    return {_seen(one) for one in found if one.valid and one.text and not _is_sliver(one)}


def _is_sliver(one: zxingcpp.Barcode) -> bool:
    """Whether stripes were read along a hair's breadth only: there, at a torn or shining rim, numbers are misread."""
    place = one.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    sides = [math.dist((a.x, a.y), (b.x, b.y)) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    return min(sides) < _LEAST_BREADTH * max(sides)


def _seen(one: zxingcpp.Barcode) -> Seen:
    mark = one.symbology_identifier if one.symbology_identifier in _GS1_MARKS else ""
    return mark + one.text, str(one.format).lower().replace("-", "_").replace(" ", "_")


def _pictures(grey: Image.Image) -> Iterator[Image.Image]:
    large, middle = _fitted(grey, _LARGE), _fitted(grey, _MIDDLE)
    yield large
    # A little askew: the same stripes cut along other lines are a second witness.
    for turn in (4, -4):
        yield large.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    yield _smooth(large, 1)
    for times in (2, 3):
        if max(large.size) * times < _LARGE:
            yield large.resize((large.width * times, large.height * times), Image.Resampling.BICUBIC)
    even = _even(middle)
    yield _smooth(even, 2)
    for side in (_MIDDLE, _SMALL):
        if side < max(large.size):
            yield _fitted(grey, side)
            yield _smooth(_even(_fitted(grey, side)), 1)
    # Dirt hides whole modules and the rims of others: drawn thinner, dark or bright spots let go of the rims.
    for reach in (3, 5, 7):
        yield middle.filter(ImageFilter.MaxFilter(reach))
        yield middle.filter(ImageFilter.MinFilter(reach))
    yield middle.filter(ImageFilter.MedianFilter(5))
    yield middle.filter(ImageFilter.UnsharpMask(4, 250, 0))
    yield _smooth(even, 3.5)
    # Stripes that lie askew: the engine itself turns by right angles only.
    for turn in (22, -22, 45):
        yield middle.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def _fitted(grey: Image.Image, side: int) -> Image.Image:
    """No side longer than ``side``; never enlarged."""
    return grey if max(grey.size) <= side else ImageOps.contain(grey, (side, side), Image.Resampling.BOX)


def _smooth(grey: Image.Image, radius: float) -> Image.Image:
    return grey.filter(ImageFilter.GaussianBlur(radius))


def _even(grey: Image.Image) -> Image.Image:
    """Light made even, then the greys stretched: shadows and dark rooms go, black and white stay."""
    ground = grey.filter(ImageFilter.BoxBlur(max(grey.size) // 8))
    return ImageOps.autocontrast(ImageChops.subtract(grey, ground, scale=1, offset=128), cutoff=1)


# ---------------------------------------------------------------- the program


def _confine() -> None:
    """Bound memory and time, forbid files and core dumps; what a system cannot bound, the server's clock ends."""
    if sys.platform == "win32":
        return
    import resource
    import signal

    Image.preinit()
    signal.setitimer(signal.ITIMER_PROF, SECONDS + 0.7)
    for limit, most in (("RLIMIT_AS", MEMORY), ("RLIMIT_CPU", 2), ("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", 0)):
        try:
            resource.setrlimit(getattr(resource, limit), (most, most))
        except (ValueError, OSError):  # macOS knows no bound on address space; size, pixels and time bound it there
            continue


def main() -> None:
    """Answer ``{"codes": [[text, format], …]}`` or ``{"refused": code}`` for the photo on the standard input."""
    _confine()
    try:
        answer: dict[str, object] = {"codes": decode(pixels(sys.stdin.buffer.read()))}
    except NotAPhoto as no:
        answer = {"refused": no.code}
    except MemoryError:
        answer = {"refused": "PHOTO_TOO_LARGE"}
    sys.stdout.buffer.write(json.dumps(answer).encode("ascii"))


if __name__ == "__main__":
    main()
