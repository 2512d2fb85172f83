"""What stands where on a label, worked out once for paper, picture, screen and printer alike."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from labels import typeface
from labels.matrix import Matrix, label_matrix, roomy_level
from labels.templates import POINT_MM, QUIET_ZONE, LabelText, Mark, Printable, PrintedLabel, Template
from labels.typeface import Unprintable


class Placed(msgspec.Struct, frozen=True):
    """A line of type, in points from the label's top left corner; ``y`` is its baseline, ``width`` its reach."""

    text: str
    x: float
    y: float
    size: float
    width: float
    bold: bool = False


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on one label, in points; ``frame`` is x, y, width, height of the box around the warning.

    ``cut`` names the parts (title, line) that did not fit even in the smallest type and end in a "…".
    """

    qr_x: float
    qr_y: float
    qr_side: float
    texts: tuple[Placed, ...]
    frame: tuple[float, float, float, float] | None = None
    cut: tuple[str, ...] = ()


LONGEST_TEXT = 300
DOT_MM = 0.125  # of a printer with 203 dots an inch
_MOST_LINES = 12
_LEADING = 1.25
_BASELINE = 0.95
_CAPITALS = 0.75  # their height
_FRAME = 4.0
_YIELDS = 0.8  # a title or a warning shrinks this far to stay on one line
_EM_STEPS = 10
_COUNT = 0.8  # of the large type
_PLAIN_CODE = re.compile(r"[0-9A-Z-]{1,24}")


def qr_of(payload: str, template: Template) -> Matrix:
    """The QR that stands on such a label: fixed mask, smallest version, the highest level it has room for."""
    return label_matrix(payload, roomy_level(len(payload), template.qr_mm))


def qr_place(placed: Layout, size: int) -> tuple[float, float, float]:
    """Left, top and side in points of one module of a QR of ``size`` modules, centred in its room.

    A module is a whole number of dots of a thermal printer, so that all are printed alike.
    """
    module = placed.qr_side * POINT_MM / size
    module = (math.floor(module / DOT_MM + 0.001) * DOT_MM if module >= 2 * DOT_MM else module) / POINT_MM
    spare = (placed.qr_side - module * size) / 2
    return placed.qr_x + spare, placed.qr_y + spare, module


def shortened(labels: Iterable[Printable], template: Template) -> tuple[str, ...]:
    """The codes of those labels on which a title or a line ends in "…": to be told before they are printed."""
    return tuple(
        label.code
        for label in labels
        if isinstance(label, PrintedLabel) and skeleton(label.code, label.text, template).rest.cut
    )


class _Row(msgspec.Struct, frozen=True):
    text: str
    size: float
    kind: str
    height: float = 0

    @property
    def tall(self) -> float:
        return self.height or self.size * _LEADING


class Skeleton(msgspec.Struct, frozen=True):
    """A layout but for its code, which differs from label to label: at ``x``, on ``y``, in ``size`` points, the
    ``place``-th of the texts. The same words have few skeletons, however many labels."""

    rest: Layout
    x: float = 0
    y: float = 0
    size: float = 0
    place: int = -1


def layout(code: str, text: LabelText, template: Template) -> Layout:
    """Where everything stands. Type shrinks until it fits; only then is the title or a line shortened, with a "…".

    Code, large type, caption, count and warning are never shortened. Raises Unprintable: PRINT_TOO_LONG, PRINT_CONTROL,
    PRINT_NO_GLYPH, or PRINT_DOES_NOT_FIT if they cannot stand on the label at the smallest size.
    """
    bones = skeleton(code, text, template)
    if bones.place < 0:
        return bones.rest
    wide = typeface.width(code, bones.size)
    placed = Placed(code, bones.x, bones.y, bones.size, wide, True)
    texts = bones.rest.texts
    return msgspec.structs.replace(bones.rest, texts=(*texts[: bones.place], placed, *texts[bones.place :]))


def layout_of(label: Printable, template: Template) -> Layout:
    """As ``layout``, for a label or a mark."""
    return mark_layout(label.words, template) if isinstance(label, Mark) else layout(label.code, label.text, template)


def skeleton(code: str, text: LabelText, template: Template) -> Skeleton:
    """The layout without its code. Raises as ``layout``."""
    if not _PLAIN_CODE.fullmatch(code):
        _sound(code)
    # Widths are rounded up to a tenth of an em, so that codes share skeletons.
    return _skeleton(math.ceil(typeface.width(code, _EM_STEPS)), text, template)


@lru_cache(maxsize=2048)
def _skeleton(code_width: int, text: LabelText, template: Template) -> Skeleton:
    em = code_width / _EM_STEPS
    pad, side = template.pad_mm / POINT_MM, template.qr_mm / POINT_MM
    x = pad + side * (1 + QUIET_ZONE)
    room = template.width_mm / POINT_MM - pad - x
    tall = template.height_mm / POINT_MM - 2 * pad
    inside = not template.code_below
    rows, cut = _rows(_checked(text, has_code=inside and em > 0), template, room, tall, em)
    below = 0 if inside or not em else _fitted(template, "code", em, side * 1.1, 1.0)
    quiet = side * QUIET_ZONE if below else 0
    qr_y = pad + (tall - side - quiet - below) / 2
    empty = Layout(qr_x=pad, qr_y=qr_y, qr_side=side, texts=(), cut=cut)
    found = _placed(rows, x, pad + (tall - sum(row.tall for row in rows)) / 2, room, empty)
    if not below:
        return found
    baseline = qr_y + side + quiet + below * _CAPITALS
    return Skeleton(found.rest, pad + (side - em * below) / 2, baseline, below, len(found.rest.texts))


def _sound(words: str) -> str:
    return typeface.drawable(words.replace("\n", " "), LONGEST_TEXT)


def _checked(text: LabelText, *, has_code: bool) -> list[tuple[str, str]]:
    if len(text.lines) > _MOST_LINES:
        raise Unprintable("PRINT_TOO_LONG", longest=_MOST_LINES)
    asked = [("title", _sound(text.title)), ("code", "-" * has_code), ("caption", _sound(text.caption))]
    asked += [("big", _sound(text.big)), ("count", _sound(text.count))]
    asked += [("line", _sound(line)) for line in text.lines]
    asked.append(("warning", _sound(text.warning)))
    return [(kind, words) for kind, words in asked if words.strip()]


def _rows(
    asked: list[tuple[str, str]], template: Template, room: float, tall: float, em: float
) -> tuple[list[_Row], tuple[str, ...]]:
    rows: list[_Row] = []
    for percent in range(100, round(template.smallest * 100) - 1, -5):
        rows = [row for kind, words in asked for row in _set(kind, words, template, room, percent / 100, em)]
        if sum(row.tall for row in rows) <= tall:
            return rows, ()
    return _shorten(rows, room, tall)


def _set(kind: str, words: str, template: Template, room: float, scale: float, em: float) -> Iterator[_Row]:
    if kind == "code":
        size = _fitted(template, kind, em, room, scale)
        yield _Row("", size, kind)
    elif kind == "warning":
        yield from _framed(words, template, room - _FRAME, scale)
    elif kind in ("big", "caption", "count"):
        size = _fitted(template, kind, typeface.width(words, 1), room, scale)
        yield _Row(words, size, kind)
    else:
        size = float(getattr(template, f"{kind}_pt")) * scale
        if kind == "title":
            size = _on_one_line(words, size, room)
        yield from (_Row(line, size, kind) for line in _balanced(words, size, room))


def _fitted(template: Template, kind: str, em: float, room: float, scale: float) -> float:
    points = template.big_pt * _COUNT if kind == "count" else float(getattr(template, f"{kind}_pt"))
    size = min(points * scale, room / em)
    if size < template.line_pt * template.smallest * 0.98:
        raise Unprintable("PRINT_DOES_NOT_FIT")
    return size


def _on_one_line(words: str, size: float, room: float) -> float:
    needed = room / typeface.width(words, 1)
    return needed if size * _YIELDS < needed < size else size


def _framed(words: str, template: Template, room: float, scale: float) -> Iterator[_Row]:
    size = _on_one_line(words, template.warning_pt * scale, room)
    lines = _balanced(words, size, room)
    for number, line in enumerate(lines):
        edges = _FRAME / 2 * ((number == 0) + (number == len(lines) - 1))
        yield _Row(line, size, "warning", size * _LEADING + edges)


@lru_cache(maxsize=4096)
def _balanced(words: str, size: float, room: float) -> tuple[str, ...]:
    """Wrapped in as few lines as it takes, but evenly: no single character is left for the last line."""
    lines = typeface.wrap(words, size, room)
    while len(narrower := typeface.wrap(words, size, room - size / 2)) == len(lines) > 1 and room > size * 4:
        lines, room = narrower, room - size / 2
    return tuple(lines)


def _shorten(rows: list[_Row], room: float, tall: float) -> tuple[list[_Row], tuple[str, ...]]:
    # Lines go first, from the last; the title keeps its first line. What remains of a cut text ends in "…".
    kept, parts = list(rows), set()
    while sum(row.tall for row in kept) > tall:
        lines = [place for place, row in enumerate(kept) if row.kind == "line"]
        titles = [place for place, row in enumerate(kept) if row.kind == "title"]
        spare = lines[1:] or titles[1:] or lines
        if not spare:
            raise Unprintable("PRINT_DOES_NOT_FIT")
        cut = kept.pop(spare[-1])
        parts.add(cut.kind)
        before = [place for place, row in enumerate(kept) if row.kind == cut.kind]
        if before:
            kept[before[-1]] = _ellipsis(kept[before[-1]], room)
    return kept, tuple(sorted(parts))


def _ellipsis(row: _Row, room: float) -> _Row:
    words = row.text.rstrip("…")
    while words and typeface.width(words + "…", row.size) > room:
        words = words[:-1]
    return _Row(words + "…", row.size, row.kind)


def _placed(rows: list[_Row], x: float, top: float, room: float, empty: Layout) -> Skeleton:
    texts: list[Placed] = []
    code: tuple[float, float, float, int] = (0, 0, 0, -1)
    frame = None
    for row in rows:
        wide = typeface.width(row.text, row.size)
        framed = row.kind == "warning"
        if framed and frame is None:
            widest = max(typeface.width(one.text, one.size) for one in rows if one.kind == "warning")
            height = sum(one.tall for one in rows if one.kind == "warning")
            frame = (x, top, min(widest + _FRAME, room), height)
        first = framed and frame is not None and frame[1] == top
        inset = _FRAME / 2 if framed else 0
        baseline = top + (_FRAME / 2 if first else 0) + row.size * _BASELINE
        if row.kind == "code":
            code = (x, baseline, row.size, len(texts))
        else:
            texts.append(Placed(row.text, x + inset, baseline, row.size, wide, row.kind in ("big", "count", "warning")))
        top += row.tall
    return Skeleton(msgspec.structs.replace(empty, texts=tuple(texts), frame=frame), *code)


@lru_cache(maxsize=64)
def mark_layout(words: str, template: Template) -> Layout:
    """The words of a mark, framed, as large as the label holds: a line to each part between blanks.

    Raises Unprintable as ``layout``, and PRINT_NONE for a mark that says nothing.
    """
    lines = _sound(words).split()
    if not lines:
        raise Unprintable("PRINT_NONE")
    pad = template.pad_mm / POINT_MM
    wide, tall = template.width_mm / POINT_MM - 2 * pad, template.height_mm / POINT_MM - 2 * pad
    widest = max(typeface.width(line, 1) for line in lines)
    size = min((wide - 4 * _FRAME) / widest, (tall - 2 * _FRAME) / len(lines) / _LEADING)
    if size < template.line_pt:
        raise Unprintable("PRINT_DOES_NOT_FIT")
    top = pad + (tall - len(lines) * size * _LEADING) / 2
    texts = []
    for number, line in enumerate(lines):
        reach = typeface.width(line, size)
        y = top + number * size * _LEADING + size * _BASELINE
        texts.append(Placed(line, pad + (wide - reach) / 2, y, size, reach, True))
    return Layout(qr_x=0, qr_y=0, qr_side=0, texts=tuple(texts), frame=(pad, pad, wide, tall))
