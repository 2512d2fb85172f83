"""How well our own printed labels and a collection of photographed codes are read, as shares of what was shown."""

from __future__ import annotations

import csv
import math
import os
import random
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from statistics import NormalDist

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from labels import codes, reader
from labels.matrix import Level, Matrix, best_label_matrix, best_version, label_matrix, matrix

HOST = "https://nuanxin.example.cn"
DOTS_PER_MM, SIDE_MM = 8, 20
PHOTO = 420
"""Pixels of the square picture that the label, quiet zone and all, lies in."""
QUIET = 4
EACH = 200
SEED = 20_261_123
TILT_DEGREES, BLUR, LIGHT, NOISE = 40, 2, 0.15, 12
PAPER, INK = 235, 20
# The camera's distance in widths of the label.
AWAY = 6

_GS1_MARK = re.compile(r"^\][CdQ][123]")

Corners = list[tuple[float, float]]
Shot = Callable[[Matrix, random.Random], Image.Image]


# ---------------------------------------------------------------- a label on paper


def printed(made: Matrix) -> Image.Image:
    """The symbol as a 203 dpi head prints it into 20 mm: every module the same whole number of dots."""
    dots = SIDE_MM * DOTS_PER_MM // made.size
    side = made.size + 2 * QUIET
    paper = Image.new("L", (side, side), PAPER)
    for y, row in enumerate(made.rows):
        for x in range(made.size):
            if row >> (made.size - 1 - x) & 1:
                paper.putpixel((x + QUIET, y + QUIET), INK)
    return paper.resize((side * dots, side * dots), Image.Resampling.NEAREST)


def stained(made: Matrix, paper: Image.Image, share: float, rng: random.Random) -> Image.Image:
    """Opaque spots of any grey, 0.6–2 mm wide, over ``share`` of the symbol's area, off the finder patterns."""
    dots = paper.width // (made.size + 2 * QUIET)
    symbol = made.size * dots
    wanted = round(share * symbol * symbol)
    covered = Image.new("L", paper.size)
    paper = paper.copy()
    while (missing := wanted - covered.histogram()[255]) > 0:
        radius = min(rng.uniform(0.3, 1) * DOTS_PER_MM, math.sqrt(missing / math.pi) + 0.5)
        x, y = (rng.uniform(QUIET * dots + radius, QUIET * dots + symbol - radius) for _ in "xy")
        if _on_a_finder(x / dots - QUIET, y / dots - QUIET, radius / dots, made.size):
            continue
        spot = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(paper).ellipse(spot, fill=rng.randrange(INK, PAPER))
        ImageDraw.Draw(covered).ellipse(spot, fill=255)
    return paper


def _on_a_finder(x: float, y: float, radius: float, size: int) -> bool:
    reach = 8 + radius  # seven modules and their white border
    left, right, top, bottom = x < reach, x > size - reach, y < reach, y > size - reach
    return (left and top) or (right and top) or (left and bottom)


# ---------------------------------------------------------------- in front of a camera


def shot(paper: Image.Image, turn: float = 0, tilt: float = 0, towards: float = 0) -> Image.Image:
    """A picture of ``paper``, turned in its plane, then tilted about the axis ``towards``, all of it in sight."""
    seen = [_seen(corner, turn, tilt, towards) for corner in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))]
    left, top = min(x for x, _ in seen), min(y for _, y in seen)
    scale = PHOTO / max(max(x for x, _ in seen) - left, max(y for _, y in seen) - top)
    corners = [((x - left) * scale, (y - top) * scale) for x, y in seen]
    side = paper.width
    back = _projection(corners, [(0, 0), (side, 0), (side, side), (0, side)])
    # The print has fewer dots than the picture pixels, so that plain interpolation shows what a lens would.
    return paper.transform(
        (PHOTO, PHOTO), Image.Transform.PERSPECTIVE, back, Image.Resampling.BICUBIC, fillcolor=PAPER // 2
    )


def _seen(corner: tuple[float, float], turn: float, tilt: float, towards: float) -> tuple[float, float]:
    x, y = _turned(corner, turn - towards)
    depth = AWAY + y * math.sin(tilt)
    x, y = x * AWAY / depth, y * math.cos(tilt) * AWAY / depth
    return _turned((x, y), towards)


def _turned(point: tuple[float, float], angle: float) -> tuple[float, float]:
    x, y = point
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def _projection(here: Corners, there: Corners) -> list[float]:
    """The eight numbers of the projection that takes four points here to four points there, by elimination."""
    rows = []
    for (x, y), (u, v) in zip(here, there, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    for column in range(8):
        pivot = max(range(column, 8), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column] = [value / rows[column][column] for value in rows[column]]
        for other in range(8):
            if other != column:
                factor = rows[other][column]
                rows[other] = [value - factor * one for value, one in zip(rows[other], head, strict=True)]
    return [row[8] for row in rows]


@cache
def _grain() -> bytes:
    bell = NormalDist(128, NOISE)
    return bytes(round(bell.inv_cdf((byte + 0.5) / 256)) for byte in range(256))


def in_the_dark(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture at 15 % of its light, with the sensor's noise."""
    dim = picture.point(lambda value: round(value * LIGHT))
    noise = Image.frombytes("L", dim.size, rng.randbytes(dim.width * dim.height).translate(_grain()))
    return ImageChops.add(dim, noise, offset=-128)


def _any_angle(rng: random.Random) -> float:
    return rng.uniform(0, 2 * math.pi)


CONDITIONS: dict[str, Shot] = {
    "blur": lambda made, _: shot(printed(made)).filter(ImageFilter.GaussianBlur(BLUR)),
    "tilt": lambda made, rng: shot(printed(made), tilt=math.radians(TILT_DEGREES), towards=_any_angle(rng)),
    "rotation": lambda made, rng: shot(printed(made), turn=_any_angle(rng)),
    "low_light": lambda made, rng: in_the_dark(shot(printed(made)), rng),
    "dirt_5": lambda made, rng: shot(stained(made, printed(made), 0.05, rng)),
}


# ---------------------------------------------------------------- counting


def labels(seed: int) -> Iterator[str]:
    """Addresses of labels, as many as wanted, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        body = "".join(rng.choice(codes.ALPHABET) for _ in range(codes.BODY))
        yield codes.address(HOST) + body + codes.check_character(body)


def share_read(make: Callable[[str], Matrix], take: Shot, seed: int, count: int = EACH) -> float:
    """The share of ``count`` labels whose very text is read from their picture."""
    rng, read = random.Random(seed), 0
    for text, _ in zip(labels(seed), range(count), strict=False):
        read += (text, "qr_code") in reader.decode(take(make(text), rng))
    return read / count


def _at_level(level: Level) -> Callable[[str], Matrix]:
    return lambda text: matrix(text, level, best_version(len(text), level), 4)


def _dirtier(made: Matrix, rng: random.Random) -> Image.Image:
    return shot(stained(made, printed(made), 0.10, rng))


def photos_read(folder: Path) -> tuple[int, int]:
    """How many of the photographed codes in ``folder`` that hold a text are read, and how many there are."""
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["expected_kind"] == "text"]
    read = 0
    for row in rows:
        found = reader.decode(reader.pixels((folder / "photos" / row["file"]).read_bytes()))
        wanted = _words(row["expected_text"])
        read += any(_words(_GS1_MARK.sub("", text)) == wanted for text, _ in found)
    return read, len(rows)


def _words(text: str) -> str:
    # The collection's texts were written down with line ends and spaces of other kinds than the codes hold.
    return "".join(text.split())


def figures(seed: int = SEED, count: int = EACH) -> dict[str, object]:
    """``read_own`` and ``read_own_best_of_8``: condition → share; ``read_own_worst``, the lowest of both.

    ``read_own_dirt_10``: level → share, for twice the dirt; ``read_photos``: share, read, of, where the photos are.
    """
    own = {condition: share_read(label_matrix, take, seed, count) for condition, take in CONDITIONS.items()}
    best = {condition: share_read(best_label_matrix, take, seed, count) for condition, take in CONDITIONS.items()}
    levels: tuple[Level, ...] = ("M", "Q", "H")
    found: dict[str, object] = {
        "read_own": own,
        "read_own_best_of_8": best,
        "read_own_worst": min(*own.values(), *best.values()),
        "read_own_dirt_10": {level: share_read(_at_level(level), _dirtier, seed, count) for level in levels},
    }
    if outside := os.environ.get("NUANXIN_TEST_DATA"):
        read, there = photos_read(Path(outside) / "codes")
        found["read_photos"] = {"share": round(read / there, 4), "read": read, "of": there}
    return found


if __name__ == "__main__":
    for name, value in figures(*map(int, sys.argv[1:])).items():
        print(name, value)
