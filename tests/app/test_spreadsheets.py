"""Spreadsheets as they come: every kind of file is read, and every kind of bad one gets its name and harms nobody."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base import old_workbooks, sheet_reader, spreadsheets
from app.base.ids import new_id
from app.base.spreadsheets import (
    NoSuchDay,
    Row,
    SheetBroken,
    SheetEmpty,
    SheetKind,
    SheetLocked,
    SheetsBusy,
    SheetTooLarge,
    SheetUnsafe,
)
from app.base.workbooks import Sheet, Value, csv_text, workbook
from tests.app.old_workbook import Formula, xls

HEAD = ("名称", "条码", "数量")
GOODS = [("对乙酰氨基酚片", "6901234567892", 37), ("口罩（外科）", "", 20)]
PLAIN = workbook([Sheet(title="目录", headings=HEAD, rows=GOODS)])


def cells(data: bytes) -> list[tuple[object, ...]]:
    (sheet,) = spreadsheets.read(data)
    return [row.cells for row in sheet.rows]


def faults(data: bytes) -> list[tuple[int, str, str]]:
    """(row, column, code) of every fault."""
    (sheet,) = spreadsheets.read(data)
    return [
        (row.number, spreadsheets.column_letter(fault.column), fault.code) for row in sheet.rows for fault in row.faults
    ]


def changed(data: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """A workbook with one of its parts changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return out.getvalue()


def of_sheet(data: bytes, old: str, new: str) -> bytes:
    def change(xml: bytes) -> bytes:
        assert old.encode() in xml
        return xml.replace(old.encode(), new.encode(), 1)

    return changed(data, "xl/worksheets/sheet1.xml", change)


# ---------------------------------------------------------------- what is read


def test_an_xlsx_is_read_with_numbers_texts_and_days_as_such() -> None:
    data = workbook([Sheet(title="一", headings=("a", "b", "c"), rows=[("片", 3, date(2027, 1, 31))])])
    assert cells(data) == [("a", "b", "c"), ("片", 3, date(2027, 1, 31))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("sign", [",", "\t", ";"])
def test_a_text_table_is_read_in_every_encoding_that_is_in_use(encoding: str, sign: str) -> None:
    text = "\r\n".join(sign.join(map(str, row)) for row in (HEAD, *GOODS))
    assert cells(text.encode(encoding)) == [
        HEAD, ("对乙酰氨基酚片", "6901234567892", "37"), ("口罩（外科）", None, "20"),
    ]  # fmt: skip


@pytest.mark.parametrize("small", [False, True])
def test_an_old_xls_is_read(small: bool) -> None:
    data = xls([HEAD, ["对乙酰氨基酚片", "6901234567892", 3]], small=small)
    assert cells(data) == [HEAD, ("对乙酰氨基酚片", "6901234567892", 3)]


def test_rows_keep_the_number_that_the_spreadsheet_program_shows() -> None:
    (sheet,) = spreadsheets.read(workbook([Sheet(title="x", headings=(), rows=[(), (), ("药", 1), (), ("罩", 2)])]))
    assert [row.number for row in sheet.rows] == [4, 6]


def test_every_sheet_that_holds_something_is_read() -> None:
    data = workbook([Sheet(title=name, headings=HEAD, rows=rows) for name, rows in (("一", GOODS), ("二", []))])
    empty = workbook([Sheet(title="空", headings=(), rows=[]), Sheet(title="二", headings=HEAD, rows=GOODS)])
    assert [sheet.name for sheet in spreadsheets.read(data)] == ["一", "二"]
    assert [sheet.name for sheet in spreadsheets.read(empty)] == ["二"]


@pytest.mark.skipif("NUANXIN_TEST_DATA" not in os.environ, reason="NUANXIN_TEST_DATA names no folder of outside data")
def test_the_official_list_of_imported_medicines_is_read_as_it_is() -> None:
    (sheet,) = spreadsheets.read((Path(os.environ["NUANXIN_TEST_DATA"]) / "nmpa_imported.csv").read_bytes())
    assert len(sheet.rows) == 3142
    assert not [row for row in sheet.rows if row.faults]


# ---------------------------------------------------------------- faults of cells


def with_formula(data: bytes) -> bytes:
    return of_sheet(data, "<v>37</v>", "<f>1+2</f><v>37</v>")


def test_a_formula_is_named_and_its_remembered_result_not_taken() -> None:
    data = with_formula(PLAIN)
    assert faults(data) == [(2, "C", "FORMULA")]
    assert cells(data)[1] == ("对乙酰氨基酚片", "6901234567892", None)


def test_a_formula_in_an_old_xls_is_named_too() -> None:
    data = xls([HEAD, ["片", "6901234567892", Formula(3)]])
    assert faults(data) == [(2, "C", "FORMULA")]


@pytest.mark.parametrize("name", ["f", "x:f"])
def test_a_formula_is_found_under_any_prefix(name: str) -> None:
    xml = f'<x:worksheet xmlns:x="urn:x"><x:row r="1"><x:c r="B1"><{name}>1</{name}></x:c></x:row></x:worksheet>'
    if name == "f":
        xml = xml.replace("x:", "")
    data = changed(PLAIN, "xl/worksheets/sheet1.xml", lambda _: xml.encode())
    assert sheet_reader._look_into_zip(data) == {"目录": {(0, 1): "FORMULA"}}


def test_merged_cells_are_named_in_every_row_they_touch() -> None:
    merged = '</sheetData><mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>'
    assert faults(of_sheet(PLAIN, "</sheetData>", merged)) == [(2, "A", "MERGED"), (3, "A", "MERGED")]
    old = xls([HEAD, ["片", "", 3], [None, "", 20]], merged=[(1, 2, 0, 0)])
    assert faults(old) == [(2, "A", "MERGED"), (3, "A", "MERGED")]


@pytest.mark.parametrize("text", ["6.90123E+12", "1E+12", "8.35001e+19"])
def test_a_barcode_that_was_cut_to_a_power_of_ten_is_named(text: str) -> None:
    assert faults(f"名称,条码\n片,{text}\n".encode()) == [(2, "B", "CUT")]


def test_a_number_with_more_digits_than_a_spreadsheet_keeps_is_named() -> None:
    assert faults(of_sheet(PLAIN, "<v>37</v>", "<v>83500123456789012345</v>")) == [(2, "C", "CUT")]
    assert faults(of_sheet(PLAIN, "<v>37</v>", "<v>6901234567892</v>")) == []


def test_error_values_overlong_texts_and_signs_that_cannot_be_seen_are_named() -> None:
    text = f"名称,条码,数量,备注\n#N/A,{'x' * 2001},\u202e3,\x7f\n"
    assert faults(text.encode()) == [
        (2, "A", "ERROR"),
        (2, "B", "TOO_LONG"),
        (2, "C", "UNPRINTABLE"),
        (2, "D", "UNPRINTABLE"),
    ]


# ---------------------------------------------------------------- files that are refused


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", id="a picture"),
        pytest.param(b"%PDF-1.7\n\x00\x01\x02", id="a PDF"),
        pytest.param(b"<html><table><tr><td>1</td></tr></table></html>", id="a web page called .xls"),
        pytest.param(b'<?xml version="1.0"?><Workbook/>', id="an XML of 2003"),
        pytest.param(old_workbooks.OLE + bytes(2000), id="another compound file"),
        pytest.param(bytes(range(256)) * 8, id="noise"),
    ],
)
def test_what_is_no_spreadsheet_is_refused_by_its_bytes(data: bytes) -> None:
    with pytest.raises(SheetKind):
        spreadsheets.read(data)


def test_another_zip_is_no_spreadsheet() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("content.xml", "<a/>")
    with pytest.raises(SheetKind):
        spreadsheets.read(out.getvalue())


@pytest.mark.parametrize("data", [b"", b"\r\n \r\n", b",,\n,,\n", workbook([Sheet(title="x", headings=(), rows=[])])])
def test_an_empty_file_is_refused(data: bytes) -> None:
    with pytest.raises(SheetEmpty):
        spreadsheets.read(data)


def test_a_locked_file_is_refused() -> None:
    with pytest.raises(SheetLocked):
        spreadsheets.read(xls([HEAD], locked=True))
    package = xls([HEAD]).replace(
        "Workbook".encode("utf-16-le").ljust(64, b"\0"), "EncryptedPackage".encode("utf-16-le").ljust(64, b"\0")
    )
    package = package.replace(b"\x12\x00\x02\x01", b"\x22\x00\x02\x01")
    with pytest.raises(SheetLocked):
        spreadsheets.read(package)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("whole", [PLAIN, xls([HEAD, *GOODS])], ids=["xlsx", "xls"])
def test_a_file_cut_off_is_refused(whole: bytes, share: float) -> None:
    with pytest.raises((SheetBroken, SheetKind)):
        spreadsheets.read(whole[: int(len(whole) * share)])


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_behind_it() -> None:
    with pytest.raises(SheetBroken):
        spreadsheets.read('名称,条码\n"片,1\n口罩,2\n'.encode())


def test_a_file_or_table_beyond_the_bounds_is_refused() -> None:
    for data in (
        b"a" * (spreadsheets.MOST_BYTES + 1),
        b"a,b\n" * (sheet_reader.MOST_ROWS + 1),
        b",".join([b"a"] * (sheet_reader.MOST_COLUMNS + 1)),
    ):
        with pytest.raises(SheetTooLarge):
            spreadsheets.read(data)


def test_a_zip_that_unfolds_into_a_mountain_is_refused() -> None:
    with pytest.raises(SheetTooLarge):
        spreadsheets.read(changed(PLAIN, "xl/worksheets/sheet1.xml", lambda xml: xml + b" " * (160 * 1024 * 1024)))


def test_a_zip_that_lies_about_its_size_is_refused() -> None:
    data = changed(PLAIN, "xl/worksheets/sheet1.xml", lambda xml: xml + b" " * (160 * 1024 * 1024))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    with pytest.raises((SheetBroken, SheetTooLarge)):
        spreadsheets.read(data.replace(size, (5000).to_bytes(4, "little")))


def test_one_cell_in_the_farthest_corner_makes_no_table_of_billions() -> None:
    with pytest.raises(SheetTooLarge):
        spreadsheets.read(re.sub(b"x^", b"", of_sheet(PLAIN, 'r="C2"', 'r="XFD1048576"')))


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_entities_that_unfold_without_end_are_refused(part: str) -> None:
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'

    def change(xml: bytes) -> bytes:
        head, rest = xml.split(b"?>", 1)
        return head + b"?>" + laughs + rest

    with pytest.raises(SheetUnsafe):
        spreadsheets.read(changed(PLAIN, part, change))


def test_a_container_that_bites_its_own_tail_is_refused() -> None:
    data = bytearray(xls([HEAD, *GOODS]))
    data[512 + 4 * 3 : 512 + 4 * 4] = (2).to_bytes(4, "little")
    with pytest.raises(SheetKind):
        spreadsheets.read(bytes(data))


@given(st.binary(max_size=600))
def test_no_bytes_at_all_upset_the_look_into_an_old_workbook(noise: bytes) -> None:
    head = xls([HEAD])[:512]
    for data in (noise, old_workbooks.OLE + noise, head + noise):
        with pytest.raises((old_workbooks.NotReadable, old_workbooks.Locked)):
            old_workbooks.formulas(data)


def test_an_account_reads_one_file_at_a_time_and_few_may_wait() -> None:
    room, me = spreadsheets.ReadingRoom(waiting=1), new_id()
    with room.place(me):
        with pytest.raises(SheetsBusy), room.place(me):
            pass
        with room.place(new_id()), pytest.raises(SheetsBusy), room.place(new_id()):
            pass
    with room.place(me):
        pass


# ---------------------------------------------------------------- headings


KNOWN = frozenset({"名称", "条码", "数量"})


def table(*rows: tuple[Value, ...], known: frozenset[str] = KNOWN) -> spreadsheets.Table:
    numbered = tuple(Row(number, cells) for number, cells in enumerate(rows, start=1) if cells)
    return spreadsheets.table(spreadsheets.Sheet("", numbered), known)


def test_headings_are_found_below_a_title_and_above_the_row_that_explains() -> None:
    found = table(
        ("物资目录",), (), ("名 称*", "条码：", "数量（盒）"), ("必填，通用名", "13 位", "如 20"), ("口罩", "", 5)
    )
    assert (found.heading_row, found.headings) == (3, ("名 称*", "条码：", "数量（盒）"))
    assert found.comments == (1, 4)
    assert [row.cells[0] for row in found.rows] == ["口罩"]


def test_full_width_blanks_and_signs_in_headings_do_not_matter() -> None:
    assert spreadsheets.plain("　Ｎａｍｅ（＊）：") == "name"
    assert spreadsheets.matched(("条 码", "ＥＡＮ", "品名*"), {"条码": "gtin", "ean": "gtin", "品名": "name"}) == {
        0: "gtin", 2: "name",
    }  # fmt: skip


def test_a_table_of_unknown_headings_begins_at_its_first_row_of_two_texts() -> None:
    assert table(("标题",), ("foo", "bar"), ("1", "2")).heading_row == 2


def test_a_first_row_of_goods_is_no_comment() -> None:
    assert table(("名称", "条码"), ("如意金黄散", "6901234567892")).comments == ()


# ---------------------------------------------------------------- days


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2027-01-31", date(2027, 1, 31)),
        ("2027/1/3", date(2027, 1, 3)),
        ("2027.01.03", date(2027, 1, 3)),
        ("2027年1月3日", date(2027, 1, 3)),
        ("２０２７－０１－０３", date(2027, 1, 3)),
        (20270103, date(2027, 1, 3)),
        ("202702", date(2027, 2, 28)),
        ("2028-02", date(2028, 2, 29)),
        ("2027年12月", date(2027, 12, 31)),
        (date(2027, 1, 3), date(2027, 1, 3)),
    ],
)
def test_days_are_read_as_they_are_written(written: Value, day: date) -> None:
    assert spreadsheets.day_of(written) == day


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("2027-02-30", "DAY_IMPOSSIBLE"),
        ("20270230", "DAY_IMPOSSIBLE"),
        ("2027-13", "DAY_IMPOSSIBLE"),
        (202713, "DAY_IMPOSSIBLE"),
        ("2027-00-10", "DAY_IMPOSSIBLE"),
        ("27-01-03", "DAY_TWO_DIGITS"),
        ("3/1/27", "DAY_TWO_DIGITS"),
        ("01/2027", "DAY_TWO_DIGITS"),
        (45_000, "DAY_UNREADABLE"),
        ("明年", "DAY_UNREADABLE"),
        (None, "DAY_UNREADABLE"),
    ],
)
def test_a_day_that_is_none_says_why(written: Value, code: str) -> None:
    with pytest.raises(NoSuchDay) as no:
        spreadsheets.day_of(written)
    assert no.value.code == code


# ---------------------------------------------------------------- writing


LIVE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1+1",
    " =1+1",
    "'=1",
    "''=1",
    '=HYPERLINK("http://x")',
    "=cmd|' /C calc'!A0",
]


@pytest.mark.parametrize("text", LIVE)
def test_what_looks_like_a_formula_is_written_as_a_text(text: str) -> None:
    sheet = Sheet(title=text, headings=(text,), rows=[(text,)], above=(text,), below=(text,))
    made = workbook([sheet])
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        assert all(b"<f>" not in parts.read(name) and b"hyperlink" not in parts.read(name) for name in parts.namelist())
    assert faults(made) == []


@given(st.text(max_size=40))
def test_no_text_ever_begins_a_cell_of_a_csv_like_a_formula_and_all_come_back(text: str) -> None:
    made = csv_text(Sheet(title="", headings=("a", "b"), rows=[(text, "end")]))
    for cell in re.findall(r'"((?:[^"]|"")*)"', made.decode("utf-8-sig")):
        assert not re.match(r"\s*[=+\-@\t\r\n＝＋－＠]", cell)
    rows = list(sheet_reader.wire(next(iter(sheet_reader.read(made)))))
    back = rows[1][1][0]
    kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text)
    assert rows[1][2] or (back or "") == kept.strip()


def test_long_whole_numbers_are_not_cut() -> None:
    made = workbook([Sheet(title="x", headings=("追溯码",), rows=[(83500123456789012345,)])])
    assert cells(made)[1] == ("83500123456789012345",)


def test_the_same_table_makes_the_same_file_whenever_it_is_made() -> None:
    assert workbook([Sheet(title="目录", headings=HEAD, rows=GOODS)]) == PLAIN


def test_sheets_of_one_name_and_names_that_no_workbook_takes_are_made_fit() -> None:
    titles = ["入库单/出库单:[1]", "入库单/出库单:[1]", "长" * 40, ""]
    made = workbook([Sheet(title=title, headings=("a", "b"), rows=[]) for title in titles])
    names = [sheet.name for sheet in spreadsheets.read(made)]
    assert len(set(names)) == 4
    assert all(0 < len(name) <= 31 for name in names)
