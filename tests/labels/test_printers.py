"""What a label printer is sent is the preview, dot by dot, and no word of ours can become a command."""

from __future__ import annotations

import io
import re
import tracemalloc

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labels.codes import new_code, shown, url
from labels.printers import MOST_ON_A_ROLL, Form, print_roll, tspl, zpl
from labels.render import label_png
from labels.sheets import blank_labels, marks
from labels.templates import ROLLS, Goods, LabelText, Mark, Printable, PrintedLabel, Template, donation_mark, goods_text
from labels.typeface import Unprintable

HOST = "https://nuanxin.example.cn"
WORDS = {
    "print.pack.lot": "批号 {lot}",
    "print.pack.expiry": "有效期至 {expiry}",
    "print.pack.quantity": "{quantity} {unit}",
    "print.pack.warning": "捐赠药品 禁止销售",
    "print.pack.warning_supply": "捐赠物资 禁止销售",
}
GOODS = Goods(
    name="对乙酰氨基酚片",
    strength="0.5g×20片",
    expiry="2027-08-31",
    lot="20240812A",
    storage="密封，25℃以下",
    signs=("外用",),
)
COMMANDS = ("^XZ~JA^XA", "~DGR:A.GRF", "^GFA,1,1,1,FF^FS", '"\r\nSELFTEST\r\n', "PRINT 9999", "CLS", "!EOP", "\x1b!R")


def say(key: str, **values: object) -> str:
    return WORDS[key].format(**values)


def label(text: LabelText | None = None) -> PrintedLabel:
    code = new_code()
    return PrintedLabel(
        payload=url(HOST, code), code=shown(code), text=goods_text(GOODS, say) if text is None else text
    )


# ---------------------------------------------------------------- two printers of our own, to read what was sent

ZPL = re.compile(
    r"\^XA\r\n\^PW(\d+)\r\n\^LL(\d+)\r\n\^LH0,0\r\n\^LS0\r\n"
    r"\^FO0,0\^GFA,(\d+),\3,(\d+),([0-9A-Zg-z,:]+)\^FS\r\n\^PQ(\d+)\r\n\^XZ\r\n"
)


def unpacked(graphic: str, wide: int) -> bytes:
    lines: list[str] = []
    line = ""
    repeat = 0
    for sign in graphic:
        if sign in "GHIJKLMNOPQRSTUVWXY":
            repeat += ord(sign) - ord("F")
        elif "g" <= sign <= "z":
            repeat += 20 * (ord(sign) - ord("f"))
        else:
            line, repeat = (
                lines[-1] if sign == ":" else line.ljust(wide, "0") if sign == "," else line + sign * max(repeat, 1),
                0,
            )
        if len(line) == wide:
            lines.append(line)
            line = ""
    assert line == ""
    return bytes.fromhex("".join(lines))


def zpl_printed(sent: bytes) -> list[tuple[Image.Image, int]]:
    text = sent.decode("ascii")
    found = list(ZPL.finditer(text))
    assert "".join(one[0] for one in found) == text, "nothing but whole formats"
    pictures = []
    for one in found:
        wide, tall, total, row, count = (int(one[group]) for group in (1, 2, 3, 4, 6))
        dots = unpacked(one[5], row * 2)
        assert len(dots) == total == row * tall
        pictures.append((Image.frombytes("1", (wide, tall), dots, "raw", "1;I"), count))
    return pictures


def tspl_printed(sent: bytes) -> list[tuple[Image.Image, int]]:
    head, rest = (
        re.match(rb"SIZE [\d.]+ mm,[\d.]+ mm\r\nGAP [\d.]+ mm,0 mm\r\nDIRECTION 1\r\nREFERENCE 0,0\r\n", sent),
        sent,
    )
    assert head
    rest, pictures = sent[head.end() :], []
    while rest:
        begun = re.match(rb"CLS\r\nBITMAP 0,0,(\d+),(\d+),0,", rest)
        assert begun
        row, tall = int(begun[1]), int(begun[2])
        dots, rest = rest[begun.end() : begun.end() + row * tall], rest[begun.end() + row * tall :]
        ended = re.match(rb"\r\nPRINT 1,(\d+)\r\n", rest)
        assert ended
        pictures.append((Image.frombytes("1", (row * 8, tall), dots), int(ended[1])))
        rest = rest[ended.end() :]
    return pictures


READERS = {"zpl": (zpl, zpl_printed), "tspl": (tspl, tspl_printed)}


def preview(one: Printable, template: Template, dpi: int) -> Image.Image:
    return Image.open(io.BytesIO(label_png(one, template, dpi=dpi, one_bit=True)))


def same(printed: Image.Image, seen: Image.Image) -> bool:
    wide, tall = seen.size
    edge = printed.crop((wide, 0, printed.width, tall))
    ours, theirs = printed.crop((0, 0, wide, tall)).convert("L"), seen.convert("L")
    return ours.tobytes() == theirs.tobytes() and 0 not in edge.convert("L").tobytes()


@pytest.mark.parametrize("size", ROLLS)
@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("form", ["zpl", "tspl"])
def test_every_printer_prints_the_dots_of_the_preview_and_the_code_is_read(form: str, dpi: int, size: str) -> None:
    template, asked = ROLLS[size], [label(), label(LabelText()), label()]
    write, play = READERS[form]
    printed = play(write(asked, template, dpi=dpi))
    assert [count for _, count in printed] == [1, 1, 1]
    for (picture, _), one in zip(printed, asked, strict=True):
        assert same(picture, preview(one, template, dpi))
        assert [found.text for found in zxingcpp.read_barcodes(picture.convert("L"))] == [one.payload]


@pytest.mark.parametrize("size", ROLLS)
@pytest.mark.parametrize("dpi", [203, 300])
def test_a_roll_as_pages_is_read_label_by_label(size: str, dpi: int) -> None:
    asked = [label() for _ in range(3)]
    paper = print_roll(asked, ROLLS[size], "pdf")
    assert (paper.suffix, paper.media_type, paper.cut) == ("pdf", "application/pdf", ())
    document = pypdfium2.PdfDocument(paper.data)
    pages = [page.render(scale=dpi / 72).to_pil() for page in document]
    document.close()
    assert [
        [found.text for found in zxingcpp.read_barcodes(page, formats=zxingcpp.BarcodeFormat.QRCode)] for page in pages
    ] == [[one.payload] for one in asked]


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("form", ["zpl", "tspl"])
def test_words_that_look_like_commands_are_drawn_or_refused_and_never_sent(form: str, words: str) -> None:
    write, play = READERS[form]
    one = label(LabelText(title=words, big="2027", lines=(words,)))
    try:
        sent = write([one], ROLLS["60x40"])
    except Unprintable as no:
        assert no.code == "PRINT_CONTROL"  # noqa: PT017 - either outcome is right, for its own reason
    else:
        ((printed, _),) = play(sent)
        assert same(printed, preview(one, ROLLS["60x40"], 203))


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=60))
def test_whatever_a_name_holds_the_printer_gets_one_whole_label(name: str) -> None:
    sent = zpl([label(LabelText(title=name))], ROLLS["80x50"])
    assert len(zpl_printed(sent)) == 1


def test_marks_go_once_and_are_repeated_by_the_printer() -> None:
    asked = marks(donation_mark(say), 500)
    for write, play in READERS.values():
        sent = write(asked, ROLLS["40x30"])
        ((picture, count),) = play(sent)
        assert count == 500
        assert same(picture, preview(asked[0], ROLLS["40x30"], 203))
        assert zxingcpp.read_barcodes(picture.convert("L")) == []
        assert len(sent) < 20_000


def test_the_graphic_is_much_smaller_than_its_dots() -> None:
    sent = zpl([label()], ROLLS["60x40"])
    assert len(sent) < 480 * 320 / 8


def test_a_roll_tells_which_labels_were_cut_short() -> None:
    long = label(
        LabelText(
            title="复方氨酚烷胺胶囊（对乙酰氨基酚、盐酸金刚烷胺、人工牛黄、咖啡因、马来酸氯苯那敏）" * 2,
            big="2027-08-31",
        )
    )
    whole = label()
    assert print_roll([whole, long], ROLLS["40x30"], "zpl").cut == (long.code,)


def test_a_blank_roll_has_codes_and_nothing_else() -> None:
    codes = [new_code() for _ in range(5)]
    blank = blank_labels(codes, HOST)
    assert [one.code for one in blank] == [shown(code) for code in codes]
    for picture, one in zip(zpl_printed(zpl(blank, ROLLS["50x30"])), blank, strict=True):
        assert [found.text for found in zxingcpp.read_barcodes(picture[0].convert("L"))] == [one.payload]


@pytest.mark.parametrize("form", ["pdf", "zpl", "tspl"])
@pytest.mark.parametrize(("count", "code"), [(0, "PRINT_NONE"), (10_001, "PRINT_TOO_MANY"), (10**7, "PRINT_TOO_MANY")])
def test_absurd_counts_are_refused_before_anything_is_drawn(form: Form, count: int, code: str) -> None:
    with pytest.raises(Unprintable) as no:
        print_roll([Mark("捐赠药品 禁止销售")] * count, ROLLS["40x30"], form)
    assert no.value.code == code


@pytest.mark.parametrize("count", [0, -1, 10**7])
def test_absurd_counts_of_marks_are_refused(count: int) -> None:
    with pytest.raises(Unprintable):
        marks(Mark("捐赠药品"), count)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("药" * 10_000, "PRINT_TOO_LONG"),
        ("😀", "PRINT_NO_GLYPH"),
        ("دواء", "PRINT_NO_GLYPH"),
        ("\u202e药", "PRINT_CONTROL"),
        ("\u2066药", "PRINT_CONTROL"),
        ("药\x00", "PRINT_CONTROL"),
        ("\ud800", "PRINT_CONTROL"),
        ("\ue000", "PRINT_NO_GLYPH"),
    ],
)
@pytest.mark.parametrize("form", ["pdf", "zpl", "tspl"])
def test_what_no_label_can_say_is_refused_in_every_form(form: Form, words: str, code: str) -> None:
    for one in (label(LabelText(title=words)), label(LabelText(big=words)), Mark(words)):
        with pytest.raises(Unprintable) as no:
            print_roll([one], ROLLS["60x40"], form)
        assert no.value.code == code


def test_refusing_again_and_again_keeps_nothing() -> None:
    hostile = ["药" * 10_000, "😀" * 200, "\u202e药", "药\x00", "ا" * 300, "A\u0301" * 150, "药 " * 150]

    def refuse(round_: int) -> None:
        for words in hostile:
            for one in (label(LabelText(big=f"{words}{round_}")), Mark(words)):
                with pytest.raises(Unprintable):
                    zpl([one], ROLLS["60x40"])

    refuse(0)
    tracemalloc.start()
    try:
        for round_ in range(1, 40):
            refuse(round_)
        kept, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 500_000
    assert highest < 5_000_000


def test_other_printers_and_absurd_gaps_are_refused() -> None:
    for dpi in (0, -203, 204, 10**9):
        with pytest.raises(Unprintable) as no:
            zpl([label()], ROLLS["40x30"], dpi=dpi)
        assert no.value.code == "PRINT_PRINTER"
    for gap in (-1.0, 21.0, float("nan"), float("inf")):
        with pytest.raises(Unprintable) as no:
            tspl([label()], ROLLS["40x30"], gap_mm=gap)
        assert no.value.code == "PRINT_SIZE"
    assert MOST_ON_A_ROLL == 1_000


def test_a_bag_says_how_many_boxes_it_holds_and_a_single_box_does_not() -> None:
    bag = goods_text(Goods(name="布洛芬缓释胶囊", expiry="2027-08-31", lot="A1", quantity=12, unit="盒"), say)
    assert (bag.count, bag.big) == ("12 盒", "2027-08-31")
    one = goods_text(Goods(name="布洛芬缓释胶囊", expiry="2027-08-31", lot="A1", unit="盒"), say)
    assert one.count == ""
    for quantity in (0, -1, 10**7):
        with pytest.raises(Unprintable):
            goods_text(Goods(name="药", quantity=quantity, unit="盒"), say)


def test_goods_say_name_strength_expiry_batch_storage_and_signs() -> None:
    text = goods_text(GOODS, say)
    assert text == LabelText(
        title="对乙酰氨基酚片 0.5g×20片",
        caption="有效期至",
        big="2027-08-31",
        lines=("批号 20240812A", "密封，25℃以下"),
        warning="外用",
    )
