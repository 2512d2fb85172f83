"""Printed paper: every QR on every page is read back, and the Chinese can be searched and copied."""

from __future__ import annotations

from itertools import pairwise

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from labels.codes import new_code, shown, url
from labels.matrix import NoSuchQr
from labels.sheets import Block, Heading, PageBreak, Qr, Table, Text, Tick, sheet_pdf, text_pdf
from labels.templates import A4_2X4, SHEETS, LabelText, PrintedLabel
from labels.typeface import Unprintable

BLANK = LabelText(title="暖心 · 余药共享", lines=("贴在药盒上，用手机扫码登记",))


def labels(count: int, text: LabelText = BLANK) -> list[PrintedLabel]:
    codes = [new_code() for _ in range(count)]
    return [
        PrintedLabel(payload=url("https://nuanxin.example.cn", code), code=shown(code), text=text) for code in codes
    ]


def pages(pdf: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=150 / 72).to_pil() for page in document]
    finally:
        document.close()


def words(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


def read(page: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(page)]


def refused(blocks: list[Block], **options: float | str | bool) -> str:
    with pytest.raises(Unprintable) as no:
        text_pdf("题", blocks, **options)  # type: ignore[arg-type]
    return no.value.code


# ---------------------------------------------------------------- labels


def test_fifty_labels_fill_three_pages_and_each_is_read_where_it_belongs() -> None:
    asked = labels(50)
    printed = pages(sheet_pdf(asked))
    assert len(printed) == 3
    seen = [sorted(read(page)) for page in printed]
    assert seen == [sorted(label.payload for label in asked[start : start + 24]) for start in (0, 24, 48)]


def test_a_sheet_begun_before_is_continued_at_its_first_free_place() -> None:
    asked = labels(6)
    first, second = pages(sheet_pdf(asked, start=20))
    assert sorted(read(first)) == sorted(label.payload for label in asked[:4])
    assert sorted(read(second)) == sorted(label.payload for label in asked[4:])
    wide, tall = first.size
    found = zxingcpp.read_barcodes(first)
    at = {
        one.text: (one.position.top_left.x / wide * 210 // 70, one.position.top_left.y / tall * 297 // 37)
        for one in found
    }
    # Places 20 to 23: the last of the seventh row, then the eighth.
    assert [at[label.payload] for label in asked[:4]] == [(2, 6), (0, 7), (1, 7), (2, 7)]


def test_the_words_of_a_label_can_be_searched_and_copied() -> None:
    asked = labels(
        3, LabelText(title="连花清瘟胶囊", big="2027-08-31", lines=("批号 A1",), warning="捐赠药品 禁止销售")
    )
    (text,) = words(sheet_pdf(asked))
    for expected in ("连花清瘟胶囊", "2027-08-31", "批号 A1", "捐赠药品 禁止销售", *(label.code for label in asked)):
        assert expected in text


def test_every_sheet_keeps_its_labels_on_the_page_and_readable() -> None:
    for sheet in SHEETS.values():
        asked = labels(sheet.per_page)
        (page,) = pages(sheet_pdf(asked, sheet))
        assert sorted(read(page)) == sorted(label.payload for label in asked)
        assert sheet.margin_left_mm + sheet.columns * sheet.label.width_mm <= sheet.page_width_mm
        assert sheet.margin_top_mm + sheet.rows * sheet.label.height_mm <= sheet.page_height_mm


def test_nothing_is_printed_within_4_mm_of_the_papers_edge() -> None:
    (page,) = pages(sheet_pdf(labels(24)))
    grey = page.convert("L").point(lambda level: 255 if level < 128 else 0)
    box = grey.getbbox()
    assert box is not None
    edge = 4 / 25.4 * 150
    left, top, right, bottom = box
    assert left >= edge
    assert top >= edge
    assert right <= page.width - edge
    assert bottom <= page.height - edge


def test_the_same_labels_give_the_same_bytes() -> None:
    asked = labels(30)
    assert sheet_pdf(asked) == sheet_pdf(list(asked))


def test_a_thousand_labels_are_small_enough_to_send_to_a_phone() -> None:
    assert len(sheet_pdf(labels(1000))) < 1_000_000


@pytest.mark.parametrize(
    ("count", "start", "code"),
    [(0, 0, "PRINT_NONE"), (1, 24, "PRINT_START"), (1, -1, "PRINT_START"), (10_001, 0, "PRINT_TOO_MANY")],
)
def test_absurd_counts_and_places_are_refused(count: int, start: int, code: str) -> None:
    with pytest.raises(Unprintable) as no:
        sheet_pdf(labels(1) * count, start=start)
    assert no.value.code == code


def test_one_bad_label_stops_the_whole_sheet() -> None:
    asked = labels(3)
    with pytest.raises(Unprintable):
        sheet_pdf([*asked, PrintedLabel(payload=asked[0].payload, code="X", text=LabelText(title="药" * 10_000))])
    with pytest.raises(NoSuchQr):
        sheet_pdf([*asked, PrintedLabel(payload="", code="X")])


def test_the_parcel_sheet_shows_a_large_door_code() -> None:
    (text,) = words(sheet_pdf(labels(8, LabelText(title="爱心配送包", big="12-3-501")), A4_2X4))
    assert text.count("12-3-501") == 8


# ---------------------------------------------------------------- documents


LEAFLET: list[Block] = [
    Heading("这是什么药"),
    Text("对乙酰氨基酚片，每片0.5g，用于发热和头痛。"),
    Heading("什么时候马上就医"),
    Text("呼吸困难；体温高于38.5℃超过3天。", bold=True),
    Tick("核对姓名"),
    Tick("问过敏", ticked=True),
    Qr(payload="https://nuanxin.example.cn/leaflet/abc", caption="扫码听说明"),
]


def test_a_leaflet_holds_its_words_and_a_qr_that_is_read() -> None:
    pdf = text_pdf("用药说明", LEAFLET, footer="胜利街道暖心服务小分队")
    (text,) = words(pdf)
    for expected in (
        "用药说明",
        "对乙酰氨基酚片",
        "38.5℃",
        "核对姓名",
        "扫码听说明",
        "胜利街道暖心服务小分队",
        "1 / 1",
    ):
        assert expected in text
    (page,) = pages(pdf)
    assert read(page) == ["https://nuanxin.example.cn/leaflet/abc"]


def test_long_text_runs_over_pages_and_none_of_it_is_lost() -> None:
    numbered = "".join(f"第{number}句。" for number in range(400))
    pdf = text_pdf("长文", [Text(numbered)])
    told = words(pdf)
    assert len(told) > 1
    # The footer's page number is the last line of each page.
    whole = "".join("".join(text.splitlines()[:-1]) for text in told)
    assert all(f"第{number}句" in whole for number in range(400))
    assert told[-1].strip().endswith(f"{len(told)} / {len(told)}")


def test_a_tables_header_stands_on_every_page_and_no_row_is_torn() -> None:
    rows = tuple((str(number), "布洛芬缓释胶囊", f"第{number}行") for number in range(90))
    told = words(text_pdf("领料单", [Table(header=("序号", "品名", "备注"), rows=rows)]))
    assert len(told) >= 3
    assert all("序号" in text and "品名" in text for text in told)
    for before, after in pairwise(range(90)):
        assert sum(f"第{before}行" in text for text in told) == 1, after


def test_each_door_has_its_leaflet_on_its_own_page() -> None:
    told = words(text_pdf("第一户", [Text("甲"), PageBreak("第二户"), Text("乙")]))
    assert len(told) == 2
    assert "第一户" in told[0]
    assert "第二户" in told[1]
    assert "乙" in told[1]


def test_a_round_sheet_lies_on_its_side() -> None:
    (page,) = pages(text_pdf("路线单", [Text("一")], landscape=True))
    assert page.width > page.height


def test_the_same_document_gives_the_same_bytes() -> None:
    assert text_pdf("用药说明", LEAFLET) == text_pdf("用药说明", LEAFLET)


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        ([], "PRINT_NONE"),
        ([Text("一")] * 5_001, "PRINT_TOO_MANY"),
        ([Text("药" * 10_000)], "PRINT_TOO_LONG"),
        ([Text("\x07")], "PRINT_CONTROL"),
        ([Tick("\u2066")], "PRINT_CONTROL"),
        ([Table(header=(), rows=())], "PRINT_TABLE"),
        ([Table(header=("一", "二"), rows=(("一",),))], "PRINT_TABLE"),
        ([Table(header=("一", "二"), rows=(), widths=(1, 0))], "PRINT_TABLE"),
        ([Table(header=("列",) * 60, rows=())], "PRINT_DOES_NOT_FIT"),
        ([Table(header=("一",), rows=(("药" * 4_000,),))], "PRINT_DOES_NOT_FIT"),
        ([Qr(payload="x", side_mm=500)], "PRINT_SIZE"),
    ],
)
def test_what_no_paper_can_hold_is_refused(blocks: list[Block], code: str) -> None:
    assert refused(blocks) == code


def test_absurd_sizes_and_footers_are_refused() -> None:
    for size in (0, 5.9, 49, float("nan"), float("inf")):
        assert refused([Text("一")], size_pt=size) == "PRINT_SIZE"
    assert refused([Text("一")], footer="脚" * 200) == "PRINT_DOES_NOT_FIT"
