"""A short film of a printed label, as a phone's camera would see it: a hand that is not quite still."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageFilter

WIDE, TALL = 1280, 720
_TURNS = (4, 5, 6, 5)
_PAPER = 236


def film_of(label: bytes, file: Path) -> Path:
    """Write an MJPEG with the label (a PNG) lying turned and slightly blurred on a table."""
    paper = Image.open(io.BytesIO(label)).convert("L")
    paper = paper.resize((paper.width * 640 // paper.height * 2 // 3, 640 * 2 // 3), Image.Resampling.BICUBIC)
    with file.open("wb") as out:
        for turn in _TURNS:
            table = Image.new("L", (WIDE, TALL), _PAPER // 2)
            laid = paper.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=_PAPER // 2)
            table.paste(laid, ((WIDE - laid.width) // 2, (TALL - laid.height) // 2))
            table.filter(ImageFilter.GaussianBlur(1.2)).convert("RGB").save(out, "JPEG", quality=80)
    return file
