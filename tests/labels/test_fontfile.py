"""Our own reading and cutting of the typeface agrees with fontTools, glyph by glyph."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import pytest
from fontTools.cffLib import CFFFontSet, TopDict
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from labels import typeface
from labels.fontfile import FontFile

LABEL = "对乙酰氨基酚片0.5g×20片有效期至批号常温密封保存捐赠药品禁止销售〓℃ABCDEFGHJKMNPQRSTUVWXYZ23456789-"


@pytest.fixture(scope="module")
def whole() -> Iterator[TTFont]:
    with TTFont(typeface.PATH, lazy=True) as font:
        yield font


@pytest.fixture(scope="module")
def ours() -> FontFile:
    return FontFile(typeface.PATH)


def opened(program: bytes) -> TopDict:
    font = CFFFontSet()
    font.decompile(io.BytesIO(program), None)
    return font[0]


def test_characters_and_widths_are_those_of_the_typeface(whole: TTFont, ours: FontFile) -> None:
    names = whole.getGlyphOrder()
    assert {sign: names[glyph] for sign, glyph in ours.glyphs.items()} == whole.getBestCmap()
    assert list(ours.advances) == [whole["hmtx"][name][0] for name in names]


def test_every_glyph_that_was_cut_out_is_drawn_as_before(whole: TTFont, ours: FontFile) -> None:
    rng = random.Random(3)
    used = {ours.glyphs[ord(sign)] for sign in LABEL} | set(rng.sample(range(1, len(ours.advances)), 400))
    cut = opened(ours.program(sorted(used), "X"))
    names, glyphs = whole.getGlyphOrder(), whole.getGlyphSet()
    assert cut.ROS == ("Adobe", "Identity", 0)
    for glyph in [0, *sorted(used)]:
        before, after = RecordingPen(), RecordingPen()
        glyphs[names[glyph]].draw(before)
        drawn = cut.CharStrings[f"cid{glyph:05}" if glyph else ".notdef"]
        drawn.draw(after)
        assert after.value == before.value
        assert drawn.width == ours.advances[glyph]


def test_only_what_was_asked_for_is_kept_once_and_in_order(ours: FontFile) -> None:
    used = [ours.glyphs[ord(sign)] for sign in "药药A片"]
    assert opened(ours.program(used, "X")).charset == [".notdef", *(f"cid{glyph:05}" for glyph in sorted(set(used)))]
    assert opened(ours.program([], "X")).charset == [".notdef"]
