"""One label as a picture: it is read by a scanner, its words fit, and nothing is cut in silence."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labels import typeface
from labels.codes import new_code, shown, url
from labels.layouts import Layout, layout
from labels.matrix import NoSuchQr
from labels.render import label_png, label_svg, qr_png, qr_svg
from labels.templates import A4_2X4, A4_3X8, POINT_MM, ROLLS, LabelText, Mark, PrintedLabel, Template
from labels.typeface import MISSING, Unprintable

CODE = new_code()
PACK = PrintedLabel(
    payload=url("https://nuanxin.example.cn", CODE),
    code=shown(CODE),
    text=LabelText(
        title="对乙酰氨基酚片 0.5g×20片",
        big="2027-08-31",
        lines=("批号 20240812A", "胜华社区爱心服务站点"),
        warning="捐赠药品 禁止销售",
    ),
)
LONG_NAME = (
    "复方氨酚烷胺胶囊（对乙酰氨基酚250mg、盐酸金刚烷胺100mg、人工牛黄10mg、咖啡因15mg、马来酸氯苯那敏2mg）12粒/盒"
)


def with_text(text: LabelText) -> PrintedLabel:
    return PrintedLabel(payload=PACK.payload, code=PACK.code, text=text)


def inside(placed: Layout, template: Template) -> bool:
    wide, tall = template.width_mm / POINT_MM, template.height_mm / POINT_MM
    edge = template.pad_mm / POINT_MM - 0.01
    return all(
        edge <= line.x
        and line.x + line.width <= wide - edge
        and edge <= line.y - line.size * 0.9
        and line.y <= tall - edge
        for line in placed.texts
    )


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize("dpi", [150, 203, 300])
@pytest.mark.parametrize("one_bit", [False, True])
def test_a_label_has_its_true_size_and_is_read_by_a_scanner(dpi: int, one_bit: bool) -> None:
    picture = opened(label_png(PACK, dpi=dpi, one_bit=one_bit))
    assert picture.size == (round(70 / 25.4 * dpi), round(37 / 25.4 * dpi))
    assert picture.mode == ("1" if one_bit else "L")
    assert [found.text for found in zxingcpp.read_barcodes(picture.convert("L"))] == [PACK.payload]


def test_chinese_is_drawn_as_itself_and_not_as_boxes() -> None:
    names = [opened(label_png(with_text(LabelText(title=title)))).tobytes() for title in ("药", "酒", "〇")]
    assert len(set(names)) == 3


def test_all_words_of_a_label_stand_on_it_in_every_template() -> None:
    for template in (A4_3X8.label, A4_2X4.label):
        placed = layout(PACK.code, PACK.text, template)
        drawn = "".join(line.text for line in placed.texts)
        for words in (PACK.text.title, PACK.code, PACK.text.big, *PACK.text.lines, PACK.text.warning):
            assert words.replace(" ", "") in drawn.replace(" ", "")
        assert inside(placed, template)
        assert placed.frame is not None


def test_type_shrinks_before_anything_is_shortened() -> None:
    longer = LabelText(
        title="复方感冒灵颗粒（无糖型）14克乘15袋装", lines=("批号 1", "批号 2", "批号 3"), big="2027-08-31"
    )
    placed = layout(PACK.code, longer, A4_3X8.label)
    assert "…" not in "".join(line.text for line in placed.texts)
    assert placed.texts[0].size < A4_3X8.label.title_pt


def test_a_name_that_cannot_fit_ends_in_an_ellipsis_and_expiry_and_warning_stay_whole() -> None:
    text = LabelText(title=LONG_NAME * 2, lines=PACK.text.lines, big="2027-08-31", warning="捐赠药品 禁止销售")
    placed = layout(PACK.code, text, A4_3X8.label)
    drawn = [line.text for line in placed.texts]
    assert any(line.endswith("…") for line in drawn)
    assert drawn[0].startswith("复方氨酚烷胺胶囊")
    assert {PACK.code, "2027-08-31", "捐赠药品 禁止销售"} <= set(drawn)
    assert inside(placed, A4_3X8.label)


WORDS = st.text(st.characters(codec="gb2312"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.lists(WORDS, max_size=6), st.text("0123456789-年月日", max_size=12))
def test_no_words_ever_leave_the_label(title: str, lines: list[str], big: str) -> None:
    text = LabelText(title=title, lines=tuple(lines), big=big)
    try:
        placed = layout(PACK.code, text, A4_3X8.label)
    except Unprintable as refused:
        assert refused.code == "PRINT_CONTROL"  # noqa: PT017 - either outcome is right, for its own reason
    else:
        assert inside(placed, A4_3X8.label)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (LabelText(title="药" * 10_000), "PRINT_TOO_LONG"),
        (LabelText(lines=("行",) * 100), "PRINT_TOO_LONG"),
        (LabelText(title="药\x00"), "PRINT_CONTROL"),
        (LabelText(title="\u202e药"), "PRINT_CONTROL"),
        (LabelText(title="\ud800"), "PRINT_CONTROL"),
        (LabelText(big="2027-08-31" * 10), "PRINT_DOES_NOT_FIT"),
        (LabelText(warning="禁止销售" * 60), "PRINT_DOES_NOT_FIT"),
    ],
)
def test_what_cannot_be_printed_is_refused_with_its_reason(text: LabelText, code: str) -> None:
    for draw in (label_png, label_svg):
        with pytest.raises(Unprintable) as refused:
            draw(with_text(text))
        assert refused.value.code == code


def test_a_character_that_the_typeface_lacks_is_seen_to_be_missing() -> None:
    assert typeface.printable("😀先生\ufe0f", 10) == f"{MISSING}先生"


@pytest.mark.parametrize("dpi", [0, 71, 1201, 10**9])
def test_an_absurd_resolution_is_refused(dpi: int) -> None:
    with pytest.raises(Unprintable) as refused:
        label_png(PACK, dpi=dpi)
    assert refused.value.code == "PRINT_DPI"


def test_the_svg_keeps_words_as_text_and_the_qr_as_one_path() -> None:
    root = parsed(label_svg(with_text(LabelText(title='<b>"药" & 糖</b>', warning="禁止销售"))))
    assert (root.get("width"), root.get("height")) == ("70mm", "37mm")
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words[0] == '<b>"药" & 糖</b>'
    assert PACK.code in words
    assert len([node for node in root.iter("{http://www.w3.org/2000/svg}path") if node.get("transform")]) == 1


def test_a_mark_is_words_alone_framed_and_large() -> None:
    mark = Mark("捐赠药品 禁止销售")
    for template in (*ROLLS.values(), A4_3X8.label):
        root = parsed(label_svg(mark, template))
        texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
        assert [node.text for node in texts] == ["捐赠药品", "禁止销售"]
        assert min(float(node.get("font-size", 0)) for node in texts) > template.big_pt
        assert zxingcpp.read_barcodes(opened(label_png(mark, template))) == []
    for nothing in ("", "   ", "药" * 300):
        with pytest.raises(Unprintable):
            label_png(Mark(nothing))


def test_the_page_shows_the_same_lines_at_the_same_places_as_the_layout() -> None:
    placed = layout(PACK.code, PACK.text, ROLLS["60x40"])
    root = parsed(label_svg(PACK, ROLLS["60x40"]))
    shown_at = [
        (node.text, node.get("x"), node.get("y"), node.get("font-size"))
        for node in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert shown_at == [(one.text, f"{one.x:.2f}", f"{one.y:.2f}", f"{one.size:.2f}") for one in placed.texts]


def test_a_label_says_which_part_of_its_words_was_cut() -> None:
    assert layout(PACK.code, PACK.text, A4_3X8.label).cut == ()
    assert layout(PACK.code, LabelText(title=LONG_NAME * 2, big="2027-08-31"), A4_3X8.label).cut == ("title",)


def test_a_name_with_a_sign_that_the_typeface_lacks_is_refused_with_its_place() -> None:
    for words, position in (("药😀", 2), ("ا", 1), ("阿司匹林\ue000", 5)):
        with pytest.raises(Unprintable) as no:
            layout(PACK.code, LabelText(title=words), A4_3X8.label)
        assert (no.value.code, no.value.params) == ("PRINT_NO_GLYPH", {"position": position})


def test_a_qr_for_a_page_carries_its_quiet_zone_and_a_name_that_is_read_aloud() -> None:
    picture = opened(qr_png("https://nuanxin.example.cn/invite/aBc", 4))
    assert [found.text for found in zxingcpp.read_barcodes(picture.convert("L"))] == [
        "https://nuanxin.example.cn/invite/aBc"
    ]
    assert picture.getpixel((15, 15)) == 255
    assert picture.getpixel((16, 16)) == 0
    root = parsed(qr_svg("x", title='扫码 "登录"'))
    assert root.get("aria-label") == '扫码 "登录"'
    assert root.get("style") is None


def test_a_qr_of_nothing_or_of_no_size_is_refused() -> None:
    with pytest.raises(NoSuchQr):
        qr_svg("")
    for scale in (0, 41, -1):
        with pytest.raises(Unprintable):
            qr_png("x", scale)


# ---------------------------------------------------------------- line breaking


@given(st.text(st.characters(codec="gb2312", exclude_categories=("Cc",)), max_size=200), st.floats(20, 300))
def test_breaking_lines_loses_nothing_but_blanks(text: str, room: float) -> None:
    plain = typeface.printable(text, 400)
    lines = typeface.wrap(plain, 10, room)
    assert "".join("".join(lines).split()) == "".join(plain.split())


def test_no_line_begins_with_a_closing_mark_and_doses_stay_together() -> None:
    text = "每次服用0.5g，每日不超过3次；两次之间至少间隔6小时。（儿童请咨询医生。）"
    for room in range(40, 200, 7):
        lines = typeface.wrap(text, 10, room)
        assert all(typeface.width(line, 10) <= room for line in lines)
        assert not any(line[0] in "，。；）、" for line in lines)
        assert not any(line.endswith("（") for line in lines)
        assert any("0.5g" in line for line in lines)


def test_a_word_wider_than_the_line_is_cut_and_kept() -> None:
    lines = typeface.wrap("A" * 100, 10, 50)
    assert "".join(lines) == "A" * 100
    assert all(typeface.width(line, 10) <= 50 for line in lines)
