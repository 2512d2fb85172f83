"""Other people's codes: each is known for what it is, and nothing absurd is taken for one."""

from __future__ import annotations

import csv
import json
import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels import codes
from labels.barcodes import (
    ApprovalNumber,
    Gs1,
    Gtin,
    Label,
    MistypedLabel,
    NationalDrugCode,
    OtherUrl,
    Scan,
    TraceCode,
    Unknown,
    check_digit_ok,
    is_approval_number,
    normalise_approval,
    read_text,
)

LABEL = "ABCDEFGHJ23" + codes.check_character("ABCDEFGHJ23")
EAN = "6901234567892"


def outside_data(name: str) -> Path:
    folder = os.environ.get("NUANXIN_TEST_DATA")
    if not folder:
        pytest.skip("NUANXIN_TEST_DATA names no folder of outside data")
    return Path(folder) / name


# ---------------------------------------------------------------- our own


@pytest.mark.parametrize(
    "text", [LABEL, LABEL.lower(), codes.shown(LABEL), f"https://x.cn/L/{LABEL}", f"]Q1HTTPS://X.CN/L/{LABEL}\r\n"]
)
def test_our_label_is_known_however_it_was_entered(text: str) -> None:
    assert read_text(text) == Label(LABEL)


def test_a_mistyped_label_says_what_is_wrong_with_it() -> None:
    assert read_text(LABEL[:-1] + ("2" if LABEL[-1] != "2" else "3")) == MistypedLabel(reason="CODE_CHECK")
    wrong = read_text("ABCD-EFGH-J0MN")
    assert isinstance(wrong, MistypedLabel)
    assert (wrong.reason, wrong.position, wrong.letter) == ("CODE_LETTER", 10, "0")
    assert set(wrong.likely) == {"Q", "D"}
    assert read_text("ABCD-EFGH-JKM") == MistypedLabel(reason="CODE_LENGTH")


def test_a_new_code_is_always_read_as_a_label() -> None:
    assert all(isinstance(read_text(codes.new_code()), Label) for _ in range(300))


# ---------------------------------------------------------------- products


@pytest.mark.parametrize(
    ("text", "gtin14"),
    [
        (EAN, "06901234567892"),
        (" 6901234 567892\r\n", "06901234567892"),
        ("６９０１２３４５６７８９２", "06901234567892"),
        ("]E06901234567892", "06901234567892"),
        ("96385074", "00000096385074"),
        ("036000291452", "00036000291452"),
        ("16901234567899", "16901234567899"),
    ],
)
def test_product_barcodes_of_every_length_are_one_number(text: str, gtin14: str) -> None:
    scan = read_text(text)
    assert isinstance(scan, Gtin)
    assert scan.gtin14 == gtin14


def test_a_misread_digit_of_a_barcode_is_said_to_be_one() -> None:
    assert read_text("6901234567893") == Unknown("CHECK_DIGIT")


def test_a_chinese_barcode_that_lost_a_digit_is_not_taken_for_an_american_one() -> None:
    cut = next(f"69012345678{digit}" for digit in range(10) if check_digit_ok(f"69012345678{digit}"))
    assert read_text(cut) == Unknown("NOT_RECOGNISED")


def test_a_national_drug_code_with_a_wrong_check_digit_is_kept_and_marked() -> None:
    assert read_text("86978593000069") == NationalDrugCode("86978593000069", True)
    assert read_text("86978593000068") == NationalDrugCode("86978593000068", False)


def test_twenty_digits_are_a_trace_code_even_where_they_could_be_gs1() -> None:
    assert read_text("81234567890123456789") == TraceCode("81234567890123456789")
    assert read_text("01069012345678921023") == TraceCode("01069012345678921023")
    assert read_text("]C08123 4567 8901 2345 6789") == TraceCode("81234567890123456789")
    assert read_text("8" * 19) == Unknown("NOT_RECOGNISED")


# ---------------------------------------------------------------- GS1


WHOLE = Gs1(gtin="06901234567892", lot="A1B", expiry=date(2026, 8, 15), serial="S9")


@pytest.mark.parametrize(
    "text",
    [
        "]d201069012345678921726081510A1B\x1d21S9",
        "]C101069012345678921726081510A1B\x1d21S9",
        "]Q301069012345678921726081510A1B\x1d21S9\x1d",
        "\x1d01069012345678921726081510A1B\x1d21S9",
        "01069012345678921726081510A1B\u241d21S9",
        "(01)06901234567892(17)260815(10)A1B(21)S9",
        "（01）06901234567892（17）260815（10）A1B（21）S9",
        "https://id.gs1.org/01/06901234567892/10/A1B/21/S9?17=260815",
    ],
)
def test_a_pack_tells_product_lot_expiry_and_serial(text: str) -> None:
    assert read_text(text) == WHOLE


def test_day_00_means_the_last_day_of_the_month() -> None:
    assert read_text("]d217280200") == Gs1(expiry=date(2028, 2, 29))
    assert read_text("]d217270200") == Gs1(expiry=date(2027, 2, 28))


def test_an_expiry_long_past_is_not_taken_for_one_to_come() -> None:
    assert read_text("]d217990131") == Gs1(expiry=date(1999, 1, 31))


@pytest.mark.parametrize("digits", ["261301", "260231", "000000"])
def test_an_impossible_expiry_spoils_the_whole_code(digits: str) -> None:
    assert read_text(f"]d2010690123456789217{digits}") == Unknown("NOT_RECOGNISED")


def test_a_code_whose_product_number_fails_its_check_is_not_used() -> None:
    assert read_text("]d2010690123456789310A1") == Unknown("CHECK_DIGIT")


def test_a_code_that_names_two_lots_is_not_used() -> None:
    assert read_text("]d210A1\x1d10A2") == Unknown("NOT_RECOGNISED")


@pytest.mark.parametrize("text", ["10A123", "17260815", "21S9", "20240812A"])
def test_a_lot_number_typed_alone_is_not_taken_for_gs1(text: str) -> None:
    assert not isinstance(read_text(text), Gs1)


def test_the_vectors_of_gs1s_own_parser_are_read_without_a_wrong_yes() -> None:
    vectors = json.loads(outside_data("codes/gs1_ai_vectors.json").read_text("utf-8"))
    raw = [one["args"] for one in vectors if one["fn"] == "test_processAIdata"]
    ours = [(ok == "true", text) for ok, text, *_ in raw if text.startswith(("^01", "^10", "^17", "^21"))]
    assert len(ours) >= 10
    for good, text in ours:
        scan = read_text("]d2" + text[1:].replace("^", "\x1d"))
        assert isinstance(scan, Gs1) == good, text


def test_bracketed_vectors_give_what_the_unbracketed_form_gives() -> None:
    vectors = json.loads(outside_data("codes/gs1_ai_vectors.json").read_text("utf-8"))
    told = [one["args"] for one in vectors if one["fn"] == "test_parseAIdata" and one["args"][0] == "true"]
    plain = [(hri, raw) for _, hri, raw in told if "\\" not in hri and not hri.startswith("(235)")]
    assert len(plain) >= 4
    for hri, raw in plain:
        assert read_text(hri) == read_text("]d2" + raw[1:].replace("^", "\x1d"))


# ---------------------------------------------------------------- approval numbers


@pytest.mark.parametrize(
    "number",
    [
        "国药准字H20051234",
        "国药准字HJ20160012",
        "国药准字ZC20170002",
        "国药准字ZCGD20040001",
        "国药准字B20020123",
        "H20160012",
        "HC20181234",
        "SC20180001",
        "国械注准20153640000",
        "国械注进20203400123",
        "粤械注准20172640001",
        "粤穗械备20150001号",
        "国械备20150001号",
        "鲁卫消证字(2020)第0012号",
        "（苏）卫消证字【2012】第3205-0001号",
        "国药准字 Ｈ２００５１２３４",
        "批准文号：国药准字h20051234",
    ],
)
def test_approval_numbers_as_packs_carry_them_are_known(number: str) -> None:
    assert is_approval_number(number)
    assert read_text(number) == ApprovalNumber(normalise_approval(number))


@pytest.mark.parametrize(
    "number",
    [
        "",
        "国药准字H2005123",
        "国药准字H200512345",
        "国药准字X20051234",
        "国药准字HZS20051234",
        "准字H20051234",
        "B20020123",
        "NDC 0002-1433-80",
        "国械注准2015",
        "卫消证字",
        "国药准字H" + "2" * 10_000,
    ],
)
def test_other_numbers_are_not_approval_numbers(number: str) -> None:
    assert not is_approval_number(number)


def test_two_spellings_of_one_number_become_equal() -> None:
    assert normalise_approval("国药准字　ｈ2005 1234") == normalise_approval("国药准字H20051234")


def imported() -> list[dict[str, str]]:
    with outside_data("nmpa_imported.csv").open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_imported_medicines_approval_number_is_known() -> None:
    numbers = [row["注册证号"] for row in imported() if row["注册证号"].strip()]
    assert len(numbers) > 3000
    assert [number for number in numbers if not is_approval_number(number)] == []


def test_real_national_drug_codes_pass_their_check_digit_but_for_a_few() -> None:
    found = [read_text(row["药品编码"]) for row in imported() if len(row["药品编码"].strip()) == 14]
    assert len(found) > 3000
    assert all(isinstance(scan, NationalDrugCode) for scan in found)
    failed = [scan for scan in found if isinstance(scan, NationalDrugCode) and not scan.check_ok]
    assert len(failed) <= 5


# ---------------------------------------------------------------- the rest


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/steal?name=张三",
        "http://a.cn/L/x",
        "weixin://dl/business",
        "javascript:alert(1)",
        "tel:13800000000",
        "www.example.cn",
        "https://id.gs1.org/01/06901234567893",
        "https://[::1",
        "https://" + "a" * 1900,
    ],
)
def test_some_other_address_is_neither_followed_nor_repeated(text: str) -> None:
    assert read_text(text) == OtherUrl()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "EMPTY"),
        (" \r\n\t", "EMPTY"),
        ("A" * 10_000, "TOO_LONG"),
        ("8" * 10_000, "TOO_LONG"),
        ("😀💊", "NOT_RECOGNISED"),
        ("abc\x00def", "UNPRINTABLE"),
        ("\u202e" + EAN, "UNPRINTABLE"),
        ("\ud800", "UNPRINTABLE"),
        ("شحذ", "NOT_RECOGNISED"),
        ("٦٩٠١٢٣٤٥٦٧٨٩٢", "NOT_RECOGNISED"),
        ("²" * 13, "NOT_RECOGNISED"),
        ("]", "NOT_RECOGNISED"),
        ("]d2", "NOT_RECOGNISED"),
        ("]d2药", "NOT_RECOGNISED"),
        ("(", "NOT_RECOGNISED"),
        ("(01)(10)", "NOT_RECOGNISED"),
        ("\x1d", "NOT_RECOGNISED"),
        ("对乙酰氨基酚片", "NOT_RECOGNISED"),
        ("20260831", "CHECK_DIGIT"),
    ],
)
def test_what_is_nothing_is_unknown_and_says_why(text: str, reason: str) -> None:
    assert read_text(text) == Unknown(reason)


@given(st.text(max_size=120) | st.text("0123456789()]dCQ\x1d/:Lhtps.-AZ ", max_size=60))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert isinstance(read_text(text), Scan)


@given(st.sampled_from(["]d2", "]C1", "(", "https://id.gs1.org/01/06901234567892/"]), st.text(max_size=60))
def test_no_text_behind_a_gs1_beginning_makes_reading_fail(start: str, text: str) -> None:
    assert isinstance(read_text(start + text), Scan)


def test_a_label_whose_only_digit_was_typed_as_a_letter_is_still_named_as_a_mistyped_label() -> None:
    # A typed O for the one 9: nothing but letters is left, and none of our codes has an O.
    assert isinstance(read_text("ABCDEFGHOJKM"), MistypedLabel)


def test_a_lot_of_digits_ends_where_its_separator_stands() -> None:
    # Nothing but digits and the separator: taken for blank, the separator would make one lot of lot and serial.
    for text in ("01069012345678921012345\x1d21999", "\x1d01069012345678921012345\x1d21999\x1d"):
        assert read_text(text) == Gs1(gtin="06901234567892", lot="12345", serial="999")


def test_an_element_without_the_separator_that_it_needs_spoils_the_code() -> None:
    # 7007 holds six or twelve digits and must be closed: what follows here may be a serial or half a date.
    assert read_text("]d27007211225211") == Unknown("NOT_RECOGNISED")
    assert read_text("]d27007211225\x1d211") == Gs1(serial="1")


def test_no_vector_that_gs1_refuses_gives_product_lot_expiry_or_serial() -> None:
    vectors = json.loads(outside_data("codes/gs1_ai_vectors.json").read_text("utf-8"))
    wrong = [one["args"][1] for one in vectors if one["fn"] == "test_processAIdata" and one["args"][0] == "false"]
    assert len(wrong) > 30
    read = {text: read_text("]d2" + text[1:].replace("^", "\x1d")) for text in wrong if text.startswith("^")}
    assert {text: scan for text, scan in read.items() if isinstance(scan, Gs1)} == {}
