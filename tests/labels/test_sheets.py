"""Printed paper: every QR on every page is read back, and the Chinese can be searched and copied."""

from __future__ import annotations

import io
from itertools import pairwise

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter

from labels.codes import new_code, shown, url
from labels.layouts import layout, qr_of, qr_place
from labels.matrix import Matrix, NoSuchQr, matrix, runs
from labels.pdf import bars
from labels.render import label_png
from labels.sheets import (
    Block,
    Heading,
    PageBreak,
    Qr,
    Table,
    Text,
    Tick,
    marks,
    print_sheet,
    roll_sheet,
    sheet_pdf,
    text_pdf,
)
from labels.templates import (
    A4_2X4,
    A4_3X7,
    A4_3X8,
    ROLLS,
    SHEETS,
    Grid,
    LabelText,
    Mark,
    PrintedLabel,
    Template,
    sheet_of,
    template_for,
)
from labels.typeface import Unprintable

GOODS = LabelText(
    title="对乙酰氨基酚片 0.5g",
    caption="有效期至",
    big="2027-08-31",
    lines=("批号 20240812A", "密封，25℃以下"),
    warning="外用",
)
BLANK = LabelText(title="暖心 · 余药共享", lines=("贴在药盒上，用手机扫码登记",))


def labels(count: int, text: LabelText = BLANK) -> list[PrintedLabel]:
    codes = [new_code() for _ in range(count)]
    return [
        PrintedLabel(payload=url("https://nuanxin.example.cn", code), code=shown(code), text=text) for code in codes
    ]


def pages(pdf: bytes, dpi: int = 150) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=dpi / 72).to_pil() for page in document]
    finally:
        document.close()


def words(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


def read(page: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(page, formats=zxingcpp.BarcodeFormat.QRCode)]


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


@pytest.mark.parametrize("dpi", [203, 300])
def test_every_kind_of_paper_turned_back_into_a_picture_is_read_whole(dpi: int) -> None:
    grid = sheet_of(Grid(columns=4, rows=10, label_width_mm=48, label_height_mm=27, margin_left_mm=8, margin_top_mm=12))
    for sheet in (*SHEETS.values(), grid):
        asked = labels(sheet.per_page, GOODS)
        (page,) = pages(sheet_pdf(asked, sheet), dpi)
        assert sorted(read(page)) == sorted(label.payload for label in asked), sheet.name


@pytest.mark.parametrize(
    "template", [*ROLLS.values(), A4_3X8.label, A4_3X7.label, A4_2X4.label, template_for(52.5, 29.7)]
)
@pytest.mark.parametrize("dpi", [203, 300])
def test_the_paper_is_what_the_preview_showed(template: Template, dpi: int) -> None:
    (label,) = labels(1, GOODS)
    (page,) = pages(sheet_pdf([label], roll_sheet(template)), dpi)
    seen = Image.open(io.BytesIO(label_png(label, template, dpi=dpi)))
    assert abs(page.width - seen.width) <= 1
    assert abs(page.height - seen.height) <= 1
    placed = layout(label.code, label.text, template)
    words = round((placed.qr_x + placed.qr_side * 1.07) * dpi / 72)
    assert unlike(page.convert("L"), seen, (words, 0, seen.width, seen.height)) == 0
    for shown_at in (page.convert("L"), seen):
        assert modules(shown_at, label, template, dpi) == qr_of(label.payload, template)


def unlike(page: Image.Image, seen: Image.Image, box: tuple[int, int, int, int]) -> int:
    """Dark pixels of one that have nothing grey within two pixels in the other, either way round."""
    dark = [one.crop(box).point(lambda level: 255 if level < 60 else 0) for one in (page, seen)]
    grey = [
        one.crop(box).point(lambda level: 255 if level < 200 else 0).filter(ImageFilter.MaxFilter(5))
        for one in (page, seen)
    ]
    missing = [ImageChops.subtract(dark[0], grey[1]), ImageChops.subtract(dark[1], grey[0])]
    return sum(one.histogram()[255] for one in missing)


def modules(picture: Image.Image, label: PrintedLabel, template: Template, dpi: int) -> Matrix:
    """The modules that stand there, looked at in their middles, on the square that the finder patterns span.

    At 203 dpi that is where the paper has it, to the pixel; else a module is rounded to whole pixels.
    """
    size = qr_of(label.payload, template).size
    placed = layout(label.code, label.text, template)
    room = tuple(round((edge + placed.qr_side * 1.06) * dpi / 72) for edge in (placed.qr_x, placed.qr_y))
    box = picture.crop((0, 0, *room)).point(lambda level: 255 if level < 128 else 0).getbbox()
    assert box is not None
    left, top, right, bottom = box
    place = qr_place(placed, size)
    ideal = [edge * dpi / 72 for edge in (place[0], place[1], place[0] + size * place[2], place[1] + size * place[2])]
    assert max(abs(one - other) for one, other in zip(box, ideal, strict=True)) <= 1 + size / 4 * (dpi != 203)
    middles = [(number + 0.5) / size for number in range(size)]
    rows = [
        "".join(
            "1" if picture.getpixel((left + x * (right - left), top + y * (bottom - top))) < 128 else "0"
            for x in middles
        )
        for y in middles
    ]
    return Matrix(size, tuple(int(row, 2) for row in rows))


def test_a_free_grid_begins_where_the_used_sheet_ends() -> None:
    grid = sheet_of(
        Grid(
            columns=2, rows=5, label_width_mm=90, label_height_mm=50, margin_left_mm=12, margin_top_mm=15,
            gap_x_mm=5, gap_y_mm=2,
        )
    )  # fmt: skip
    asked = labels(4, GOODS)
    first, second = pages(sheet_pdf(asked, grid, start=7))
    assert sorted(read(first)) == sorted(label.payload for label in asked[:3])
    assert read(second) == [asked[3].payload]
    (last,) = [one for one in zxingcpp.read_barcodes(first) if one.text == asked[2].payload]
    assert last.position.top_left.x / first.width * 210 > 12 + 90 + 5
    assert last.position.top_left.y / first.height * 297 > 15 + 4 * 52


FITS = {"columns": 3, "rows": 8, "label_width_mm": 70, "label_height_mm": 37}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"columns": 0}, "PRINT_GRID"),
        ({"columns": -1}, "PRINT_GRID"),
        ({"rows": 10**7}, "PRINT_GRID"),
        ({"label_width_mm": 10}, "PRINT_GRID"),
        ({"label_height_mm": float("nan")}, "PRINT_GRID"),
        ({"page_width_mm": float("inf")}, "PRINT_GRID"),
        ({"margin_left_mm": -1}, "PRINT_GRID"),
        ({"gap_y_mm": 31}, "PRINT_GRID"),
        ({"columns": 4}, "PRINT_GRID_PAGE"),
        ({"rows": 9}, "PRINT_GRID_PAGE"),
        ({"margin_top_mm": 10}, "PRINT_GRID_PAGE"),
        ({"gap_x_mm": 3}, "PRINT_GRID_PAGE"),
    ],
)
def test_a_grid_that_no_page_holds_is_refused(change: dict[str, float], code: str) -> None:
    assert sheet_of(Grid(**FITS)).per_page == 24  # type: ignore[arg-type]
    with pytest.raises(Unprintable) as no:
        sheet_of(Grid(**{**FITS, **change}))  # type: ignore[arg-type]
    assert no.value.code == code


@settings(max_examples=25, deadline=None)
@given(st.floats(35, 210), st.floats(25, 150))
def test_a_label_of_any_size_holds_its_goods_and_is_read(wide: float, tall: float) -> None:
    template = template_for(wide, tall)
    (label,) = labels(1, GOODS)
    assert read(Image.open(io.BytesIO(label_png(label, template, dpi=203)))) == [label.payload]


def test_a_sheet_of_marks_says_donated_and_not_for_sale_and_has_nothing_to_scan() -> None:
    paper = sheet_pdf(marks(Mark("捐赠药品 禁止销售"), 30))
    assert [read(page) for page in pages(paper)] == [[], []]
    told = "".join(words(paper))
    assert told.count("捐赠药品") == told.count("禁止销售") == 30


def test_what_was_cut_short_is_told_with_its_code() -> None:
    whole, cut = labels(1, GOODS)[0], labels(1, LabelText(title="复方氨酚烷胺胶囊" * 14, big="2027-08-31"))[0]
    printed = print_sheet([whole, cut])
    assert printed.cut == (cut.code,)
    assert printed.data == sheet_pdf([whole, cut])


def test_the_bars_of_the_press_cover_exactly_the_dark_modules() -> None:
    for text in (
        "HTTPS://A.CN/L/ABCDEFGHJKMN",
        "HTTPS://NUANXIN.EXAMPLE.CN/L/ABCDEFGHJKMN",
        "暖心小分队爱心服务站点" * 6,
    ):
        made = matrix(text, "H")
        dark = set()
        for x, y, wide, tall in (map(int, bar.split()) for bar in bars(made).decode().split(" re ") if bar):
            assert tall == 1
            dark |= {(x + step, y) for step in range(wide)}
        assert dark == {(x + step, y) for x, y, wide in runs(made) for step in range(wide)}


def test_labels_of_many_texts_are_each_printed_with_their_own() -> None:
    asked = [labels(1, LabelText(title=f"第{number}种药", big="2027-08-31"))[0] for number in range(1, 1_100)]
    told = "".join(words(sheet_pdf(asked)))
    assert all(f"第{number}种药" in told for number in range(1, 1_100))
    assert all(label.code in told for label in asked)


FITS = {"columns": 3, "rows": 8, "label_width_mm": 70, "label_height_mm": 37}


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
