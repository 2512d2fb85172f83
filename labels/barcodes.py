"""Other people's codes: says what a scanned or typed text is, without a look at any database or network."""

from __future__ import annotations

import calendar
import re
import unicodedata
from datetime import date

import msgspec
from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementStrings
from biip.gs1_messages import GS1Message

from labels import codes

# ---------------------------------------------------------------- approval numbers

_PROVINCES = "京津沪渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新"

# The forms of 药品注册管理办法 (2007, 2020), 医疗器械注册与备案管理办法 and 消毒管理办法, as on real packs.
APPROVAL_PATTERNS: dict[str, re.Pattern[str]] = {
    "drug": re.compile(r"国药准字(?:[HZSBTFJC]{1,2}|ZCGD)[0-9]{8}"),
    "old_import": re.compile(r"(?:H|Z|S|HC|ZC|SC)[0-9]{8}"),
    "device": re.compile(
        rf"(?:国械注[准进许]|[{_PROVINCES}]械注准|国械备|[{_PROVINCES}][\u4e00-\u9fff]?械备)[0-9]{{8,11}}号?"
    ),
    "disinfectant": re.compile(
        rf"\(?[{_PROVINCES}]\)?卫消证字[\[(〔【]?[0-9]{{4}}[\])〕】]?-?第?[A-Z]?[0-9]{{3,6}}(?:-[0-9]{{2,6}})?号?"
    ),
}
_APPROVAL_LABEL = re.compile(r"^(?:批准文号|注册证号|注册证编号|备案号|备案凭证号|卫生许可证号?)[:：]?")
_BLANKS = re.compile(r"[\s\u200b\ufeff]+")


def normalise_approval(text: str) -> str:
    """Full width folded, blanks and a leading "批准文号:" dropped, upper case: equal numbers become equal."""
    return _APPROVAL_LABEL.sub("", _BLANKS.sub("", codes.half_width(text)).upper())


def is_approval_number(text: str) -> bool:
    """Whether the text is a whole Chinese approval, registration, filing or licence number (rule IN04)."""
    number = normalise_approval(text[:100])
    return len(text) <= 100 and any(pattern.fullmatch(number) for pattern in APPROVAL_PATTERNS.values())


# ---------------------------------------------------------------- what a text can be


class Label(msgspec.Struct, frozen=True, tag="label"):
    """One of our own labels; whether it was ever issued is for the registry to say."""

    code: str


class Gtin(msgspec.Struct, frozen=True, tag="gtin"):
    """A product's barcode (EAN-8, EAN-13, UPC-A, GTIN-14), check digit right; ``gtin14`` is zero-padded."""

    gtin14: str
    as_printed: str


class NationalDrugCode(msgspec.Struct, frozen=True, tag="national_drug_code"):
    """药品本位码: 14 digits from 86. A few real ones fail their check digit: ``check_ok`` only warns."""

    code: str
    check_ok: bool


class Gs1(msgspec.Struct, frozen=True, kw_only=True, tag="gs1"):
    """What a GS1 DataMatrix, GS1-128 or Digital Link says of a pack; ``gtin`` has 14 digits."""

    gtin: str | None = None
    lot: str | None = None
    expiry: date | None = None
    serial: str | None = None


class TraceCode(msgspec.Struct, frozen=True, tag="trace_code"):
    """药品追溯码: 20 digits, one for each pack ever made."""

    digits: str


class ApprovalNumber(msgspec.Struct, frozen=True, tag="approval_number"):
    """An approval number in its normal form."""

    number: str


class OtherUrl(msgspec.Struct, frozen=True, tag="other_url"):
    """Some other address. It is neither followed nor repeated: it may be hostile or personal."""


class MistypedLabel(msgspec.Struct, frozen=True, kw_only=True, tag="mistyped_label"):
    """Meant as one of our codes, but wrong; the fields are those of ``codes.MistypedCode``."""

    reason: str
    position: int | None = None
    letter: str = ""
    likely: tuple[str, ...] = ()


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """None of these. ``reason`` is EMPTY, TOO_LONG, UNPRINTABLE, CHECK_DIGIT or NOT_RECOGNISED."""

    reason: str


Scan = Label | Gtin | NationalDrugCode | Gs1 | TraceCode | ApprovalNumber | OtherUrl | MistypedLabel | Unknown

LONGEST = 2048
_GS = "\x1d"
_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
# ISO/IEC 15424: GS1-128, GS1 DataMatrix, GS1 QR, GS1 DataBar and composite, GS1 DotCode.
_GS1_SYMBOLOGIES = ("]C1", "]d2", "]Q3", "]e0", "]e1", "]e2", "]J1")
_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://|www\.|(?:mailto|tel|weixin|wxp|javascript|data):", re.IGNORECASE)
_BRACKETED = re.compile(r"\([0-9]{2,4}\)")
_TRACE = re.compile(r"[0-9]{20}")
_OUR_SHAPE = re.compile(r"(?=.*[A-Z])[0-9A-Z]{12}")
_OUR_GROUPS = re.compile(r"[0-9A-Za-z]{4}[-\s][0-9A-Za-z]{4}[-\s][0-9A-Za-z]{3,5}")


def read_text(text: str) -> Scan:
    """Say what a scanner, camera or keyboard gave us. Never raises; any text is answered quickly.

    A 20-digit trace code is recognised first, as it could pass for a GS1 string without separators.
    """
    if len(text) > LONGEST:
        return Unknown("TOO_LONG")
    plain = codes.half_width(text).replace("\u241d", _GS).strip(" \t\r\n\u200b\ufeff")
    if not plain:
        return Unknown("EMPTY")
    if any(unicodedata.category(sign).startswith("C") and sign != _GS for sign in plain):
        return Unknown("UNPRINTABLE")
    if plain.startswith(_GS1_SYMBOLOGIES):
        return _gs1(plain[3:])
    plain = _SYMBOLOGY.sub("", plain, count=1) if plain.startswith("]") else plain
    return _url(plain) if _URL.match(plain) else _bare(plain)


def _bare(text: str) -> Scan:
    # The group separator is a blank to \s; without it the lot would run on into what follows.
    number = "" if _GS in text.strip(_GS) else re.sub(r"[\s-]", "", text)
    if number.isascii() and number.isdigit():
        return _digits(number)
    if _BRACKETED.match(text) or _GS in text:
        return _gs1(text)
    if is_approval_number(text):
        return ApprovalNumber(normalise_approval(text))
    if _OUR_SHAPE.fullmatch(codes.bare(text)) or _OUR_GROUPS.fullmatch(text):
        return _label(text)
    return _gs1(text) if _starts_with_gtin(text) else Unknown("NOT_RECOGNISED")


def _digits(number: str) -> Scan:
    if _TRACE.fullmatch(number):
        return TraceCode(number)
    if len(number) == 14 and number.startswith("86"):
        return NationalDrugCode(number, check_digit_ok(number))
    if len(number) > 14:
        return _gs1(number) if _starts_with_gtin(number) else Unknown("NOT_RECOGNISED")
    # Twelve digits from 69 are a Chinese EAN-13 that lost one, not a UPC-A.
    if len(number) not in (8, 12, 13, 14) or (len(number) == 12 and number.startswith("69")):
        return Unknown("NOT_RECOGNISED")
    return Gtin(number.zfill(14), number) if check_digit_ok(number) else Unknown("CHECK_DIGIT")


def check_digit_ok(number: str) -> bool:
    """The GS1 mod-10 digit, one for EAN-8, EAN-13, UPC-A, GTIN-14 and 本位码. ``number`` is ASCII digits."""
    return gs1_standard_check_digit(number[:-1]) == int(number[-1])


def _starts_with_gtin(text: str) -> bool:
    # Without FNC1 or brackets only a valid (01) in front tells a GS1 string from a lot number or a date.
    head = text[:16]
    return re.fullmatch(r"01[0-9]{14}", head) is not None and check_digit_ok(head[2:])


def _label(text: str) -> Scan:
    try:
        return Label(codes.parse(text))
    except codes.MistypedCode as wrong:
        return MistypedLabel(reason=wrong.code, position=wrong.position, letter=wrong.letter, likely=wrong.likely)


def _url(text: str) -> Scan:
    ours = codes.within_url(text)
    if ours is not None and 10 <= len(codes.bare(ours)) <= 14:
        return _label(text)
    try:
        link = GS1DigitalLinkURI.parse(text)
    except (ParseError, ValueError):
        return OtherUrl()
    found = _of_elements(link.element_strings)
    return found if isinstance(found, Gs1) else OtherUrl()


def _gs1(text: str) -> Scan:
    message = text.strip(_GS + " ")
    if not message.isascii():
        return Unknown("NOT_RECOGNISED")
    try:
        parsed = GS1Message.parse_hri(message) if message.startswith("(") else GS1Message.parse(message)
    except ParseError:
        return Unknown("NOT_RECOGNISED")
    if not message.startswith("(") and not _is_separated(message, parsed.element_strings):
        return Unknown("NOT_RECOGNISED")
    return _of_elements(parsed.element_strings)


def _is_separated(message: str, elements: GS1ElementStrings) -> bool:
    """Whether a separator stands behind each element that needs one (GS1 General Specifications 7.8)."""
    place = 0
    for element in elements:
        place += len(element.ai.ai) + len(element.value)
        separated = message[place : place + 1] == _GS
        if element.ai.separator_required and place < len(message) and not separated:
            return False
        place += separated
    return place == len(message)


def _of_elements(elements: GS1ElementStrings) -> Scan:
    said: dict[str, str] = {}
    for element in elements:
        if said.setdefault(element.ai.ai, element.value) != element.value:
            return Unknown("NOT_RECOGNISED")  # it names two lots or two products
    gtin = said.get("01")
    if gtin is not None and not check_digit_ok(gtin):
        return Unknown("CHECK_DIGIT")
    expiry = said.get("17") or said.get("7003")
    day = _gs1_date(expiry) if expiry else None
    found = Gs1(gtin=gtin, lot=said.get("10"), expiry=day, serial=said.get("21"))
    return found if found != Gs1() else Unknown("NOT_RECOGNISED")


def _gs1_date(value: str) -> date:
    """YYMMDD; day 00 is the last day of its month (GS1 General Specifications 3.4).

    The century is that of the 2020s' sliding window, standing still, so that no clock is asked.
    """
    year, month, day = int(value[:2]), int(value[2:4]), int(value[4:6])
    year += 1900 if year > 76 else 2000
    return date(year, month, day or calendar.monthrange(year, month)[1])
