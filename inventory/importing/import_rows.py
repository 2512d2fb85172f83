"""What a row of a goods file says of an item: each fault named, nothing that safety asks for made up (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec.structs import replace

from app.base.spreadsheets import Row, plain, text_of
from inventory.cataloguing.item_faults import Fault, digits, faults
from inventory.cataloguing.item_names import plain as name_of
from inventory.cataloguing.starter import StarterItem
from inventory.receiving.intake_facts import Flag, Kind, OtcClass, Registration, Storage, Verdict
from labels import codes
from labels.barcodes import check_digit_ok, is_approval_number, normalise_approval

LONGEST = 400
_UNSEEN = (
    "otc_class",
    "actives",
    "storage",
    "strength",
    "min_age_months",
    "course_days",
    "max_days",
    "sugar",
    "alcohol",
)
"""What nobody has read from a pack or a leaflet yet."""
_LONG_AGO = date(1985, 7, 1)
"""The first 药品管理法: what a form alone forbids was never handed out by neighbours."""

_KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.DISINFECTANT, ("消毒", "消杀", "酒精", "disinfect")),
    (Kind.PPE, ("口罩", "防护", "手套", "ppe", "mask", "protect")),
    (Kind.DEVICE, ("器械", "体温计", "血氧", "试剂盒", "检测", "device")),
    (Kind.MEDICINE, ("药", "otc", "medicine", "drug")),
    (Kind.OTHER, ("其他", "其它", "物资", "食品", "生活", "other")),
)
_CLASSES: tuple[tuple[OtcClass, tuple[str, ...]], ...] = (
    (OtcClass.OTC_A, ("甲", "otca")),
    (OtcClass.OTC_B, ("乙", "otcb")),
    (OtcClass.OTC_UNSEEN, ("非处方", "otc", "不详", "未知", "unknown")),
    (OtcClass.RX, ("处方", "rx", "prescription")),
)
_STORAGES: tuple[tuple[Storage, tuple[str, ...]], ...] = (
    (
        Storage.COLD,
        ("冷藏", "冷处", "冷冻", "2-8", "2~8", "2—8", "2-10", "2~10", "2—10", "2至8", "2至10", "refrigerat", "cold"),
    ),
    (Storage.COOL20, ("阴凉", "凉暗", "凉处", "20℃", "20°", "cool")),
    (Storage.ROOM, ("常温", "室温", "密封", "密闭", "干燥", "遮光", "避光", "30℃", "25℃", "room", "sealed", "dry")),
)
_FORMS: tuple[tuple[str, str], ...] = (
    ("注射", "injection"), ("缓释片", "prolonged_release_tablet"), ("控释片", "prolonged_release_tablet"),
    ("缓释胶囊", "prolonged_release_capsule"), ("口服溶液", "oral_solution"), ("混悬", "oral_suspension"),
    ("糖浆", "syrup"), ("滴剂", "oral_drops"), ("颗粒", "granules"), ("胶囊", "capsule"), ("含片", "lozenge"),
    ("片", "tablet"), ("散剂", "powder"), ("贴", "patch"), ("口服液", "oral_liquid"), ("合剂", "oral_liquid"),
)  # fmt: skip
_LIQUID = frozenset({"oral_solution", "oral_suspension", "syrup", "oral_drops", "oral_liquid"})
_UNITS = {
    "盒": "box", "瓶": "bottle", "支": "tube", "袋": "bag", "管": "tube", "包": "packet", "罐": "can", "桶": "can",
    "听": "can", "套": "set", "件": "piece", "个": "piece", "只": "piece", "副": "pair", "台": "piece", "条": "piece",
}  # fmt: skip
_REGISTRATIONS = {
    Kind.MEDICINE: Registration.DRUG, Kind.DEVICE: Registration.DEVICE, Kind.PPE: Registration.MASK,
    Kind.DISINFECTANT: Registration.DISINFECTANT,
}  # fmt: skip
_NOTHING = frozenset({"", "-", "--", "—", "/", "\\", "无", "暂无", "none", "n/a", "na", "null"})
_YES, _NO = (
    frozenset({"1", "是", "y", "yes", "true", "√", "需要"}),
    frozenset({"0", "否", "n", "no", "false", "×", "不需要"}),
)
_ATC = re.compile(r"[A-Z][0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?\Z")
_CODE = re.compile(r"[a-z]{3}-[0-9]{3,6}\Z")
_PARTS = re.compile(r"[;；,，、|\n]+")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A row as read: ``facts`` are fields of ``StarterItem`` that it tells, None lists are columns that it lacks."""

    number: int
    code: str = ""
    facts: dict[str, Any] = {}
    aliases: tuple[str, ...] = ()
    approvals: tuple[str, ...] | None = None
    drug_codes: tuple[str, ...] | None = None
    barcodes: tuple[str, ...] | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def name(self) -> str:
        """The Chinese name, empty where the row has none."""
        return str(self.facts.get("name_zh", ""))

    @property
    def strength(self) -> str:
        """The specification as text, empty where the row has none."""
        return str(self.facts.get("strength", ""))


def read_row(row: Row, columns: Sequence[str], kind: Kind) -> Said:
    """Read a row by its columns' fields; ``kind`` is that of rows that do not tell one by a word or a number."""
    by_field = {field: column for column, field in enumerate(columns) if field}
    hidden = {fault.column: fault.code for fault in row.faults}
    bad = [Fault(field, hidden[column]) for field, column in by_field.items() if column in hidden]
    texts = {field: _text(row, column) for field, column in by_field.items()}
    reader = _Reader(texts, {fault.field for fault in bad}, kind)
    reader.read()
    return Said(
        number=row.number,
        code=reader.code,
        facts=reader.facts,
        aliases=reader.aliases,
        approvals=reader.codes.get("approval"),
        drug_codes=reader.codes.get("drug_code"),
        barcodes=reader.codes.get("barcode"),
        faults=(*bad, *reader.faults),
    )


def _text(row: Row, column: int) -> str:
    text = text_of(row.at(column))
    return "" if text.casefold() in _NOTHING else text


class _Reader:
    """Reads the cells of one row, field by field, and gathers what is wrong with them."""

    def __init__(self, texts: Mapping[str, str], hidden: set[str], kind: Kind) -> None:
        self.texts, self.hidden, self.kind = texts, hidden, kind
        self.code = ""
        self.aliases: tuple[str, ...] = ()
        self.facts: dict[str, Any] = {}
        self.codes: dict[str, tuple[str, ...]] = {}
        self.faults: list[Fault] = []

    def read(self) -> None:
        self._names()
        for field, sound, code in _CODES:
            if field in self.texts:
                self.codes[field] = self._list(field, sound, code)
        self._kind()
        self._class()
        self._form()
        self._one("storage", _STORAGES, "STORAGE")
        self._unit()
        self._rest()

    def _names(self) -> None:
        for field in ("name_zh", "name_en", "strength"):
            if text := self.texts.get(field, ""):
                if len(text) > LONGEST:
                    self.faults.append(Fault(field, "TOO_LONG"))
                self.facts[field] = text
        if "name_zh" not in self.facts and "name_zh" not in self.hidden:
            self.faults.append(Fault("name_zh", "NAME_MISSING"))
        self.aliases = tuple(
            part.strip()[:LONGEST] for part in _PARTS.split(self.texts.get("aliases", "")) if part.strip()
        )
        if code := codes.half_width(self.texts.get("code", "")).strip().casefold():
            self.code = code
            if not _CODE.match(code):
                self.faults.append(Fault("code", "OUR_CODE", code[:40]))

    def _list(self, field: str, sound: Callable[[str], str], normal: Callable[[str], str]) -> tuple[str, ...]:
        found = []
        for part in _PARTS.split(self.texts[field]):
            if part.strip():
                fault = sound(part.strip())
                if fault:
                    self.faults.append(Fault(field, fault, part.strip()[:40]))
                else:
                    found.append(normal(part))
        return tuple(dict.fromkeys(found))

    def _kind(self) -> None:
        told = self.texts.get("kind", "")
        if told:
            self._one("kind", _KINDS, "KIND")
        numbers = self.codes.get("approval", ())
        if "kind" not in self.facts and not told:
            self.facts["kind"] = _kind_by_number(numbers) or (
                Kind.MEDICINE if self.codes.get("drug_code") else self.kind
            )

    def _class(self) -> None:
        kind = self.facts.get("kind", self.kind)
        if kind is Kind.MEDICINE:
            self._one("otc_class", _CLASSES, "OTC_CLASS")
        elif self.texts.get("otc_class"):
            self.faults.append(Fault("otc_class", "CLASS_OF_KIND"))

    def _form(self) -> None:
        told = self.texts.get("form", "")
        names = f"{told}{self.texts.get('name_zh', '')}"
        found = next((slug for word, slug in _FORMS if word in names), "")
        if told and found:
            self.facts["form"] = found
        # What only makes a rule stricter is taken from the name, too.
        if "缓释" in names or "控释" in names:
            self.facts["prolonged_release"] = True
        if found in _LIQUID:
            self.facts["liquid"] = True
        if "注射" in names:
            self.facts["flags"] = {Flag.INJECTION: _LONG_AGO}

    def _unit(self) -> None:
        unit = self.texts.get("unit", "")
        if unit:
            if len(unit) > 20:
                self.faults.append(Fault("unit", "TOO_LONG"))
            self.facts["unit_zh"], self.facts["unit_en"] = unit, _UNITS.get(unit, unit)

    def _rest(self) -> None:
        if atc := self.texts.get("atc", "").upper():
            self.facts["atc"] = atc
            if not _ATC.match(atc):
                self.faults.append(Fault("atc", "ATC", atc[:40]))
        if maker := self.texts.get("maker", ""):
            self.facts["note"] = maker[:LONGEST]
        if wanted := self.texts.get("wanted", "").casefold():
            self.facts["wanted"] = wanted in _YES
            if wanted not in _YES | _NO:
                self.faults.append(Fault("wanted", "YES_NO", wanted[:40]))

    def _one(self, field: str, words: Sequence[tuple[Any, tuple[str, ...]]], fault: str) -> None:
        """The first value one of whose words stands in the cell."""
        text = plain(self.texts.get(field, "")) if field != "storage" else name_of(self.texts.get(field, ""))
        if not text:
            return
        found = next((value for value, named in words if any(word in text for word in named)), None)
        if found is None:
            self.faults.append(Fault(field, fault, text[:40]))
        else:
            self.facts[field] = found


def _kind_by_number(numbers: Sequence[str]) -> Kind | None:
    for number in numbers:
        if "卫消证" in number:
            return Kind.DISINFECTANT
        if "械" in number:
            return Kind.DEVICE
        return Kind.MEDICINE
    return None


def _approval_fault(text: str) -> str:
    return "" if is_approval_number(text) else "APPROVAL"


def _drug_code_fault(text: str) -> str:
    # Two of 3,145 real ones fail their check digit: that is no fault of the row's.
    return "" if re.fullmatch(r"86[0-9]{12}", digits(text)) else "DRUG_CODE"


def _barcode_fault(text: str) -> str:
    """Why a text is no barcode: cut to zeros by a spreadsheet, a digit short, a wrong check digit, none at all."""
    number = digits(text)
    if not number.isdigit() or len(number) not in (8, 12, 13, 14):
        return "BARCODE_SHORT" if number.isdigit() and 9 <= len(number) <= 11 else "BARCODE"
    if len(number) == 12 and number.startswith("69"):
        return "BARCODE_SHORT"
    if not check_digit_ok(number):
        return "BARCODE_CUT" if number.endswith("00000") else "BARCODE_CHECK"
    return ""


def _gtin14(text: str) -> str:
    return digits(text).zfill(14)


_CODES: tuple[tuple[str, Callable[[str], str], Callable[[str], str]], ...] = (
    ("approval", _approval_fault, normalise_approval),
    ("drug_code", _drug_code_fault, digits),
    ("barcode", _barcode_fault, _gtin14),
)


# ---------------------------------------------------------------- as an item


def as_new(said: Said, code: str, source: str, wanted: bool) -> StarterItem:
    """The item that a row of an unknown one makes: of unseen class, nothing that a rule asks for known.

    What a medicine does to whom is not in such a file, so a medic has to look at every one of them.
    """
    medicine = said.facts["kind"] is Kind.MEDICINE
    given = {
        "name_en": said.name,
        "form": "unknown",
        "otc_class": OtcClass.OTC_UNSEEN if medicine else OtcClass.NONE,
        "storage": Storage.ROOM,
        "unit_zh": "盒" if medicine else "件",
        "unit_en": "box" if medicine else "piece",
        "registration": _REGISTRATIONS.get(said.facts["kind"]),
        "wanted": wanted,
        **said.facts,
    }
    return StarterItem(
        code=code,
        aliases=said.aliases,
        release_by="pharmacist" if medicine else "volunteer",
        intake_default=Verdict.QUARANTINE,
        intake_rule="IN21",
        confidence="unverified",
        source=source,
        unverified=_UNSEEN,
        **given,
    )


def merged(ours: StarterItem, said: Said, kept: Sequence[str]) -> StarterItem:
    """Our item with what the row says, but for the fields of ``kept``; aliases are added to ours."""
    told = {name: value for name, value in wishes(ours, said).items() if name not in kept}
    return replace(ours, **told) if told else ours


def wishes(ours: StarterItem, said: Said) -> dict[str, Any]:
    """The fields in which the row says something else than we have."""
    told = {name: value for name, value in said.facts.items() if getattr(ours, name) != value}
    # A guess of the reader's (a kind by its number, a flag by its name) corrects nothing that somebody wrote down.
    for name in ("flags", "liquid", "prolonged_release", "kind"):
        told.pop(name, None)
    known = {name_of(text) for text in (ours.name_zh, ours.name_en, *ours.aliases)}
    fresh = tuple(text for text in said.aliases if name_of(text) not in known)
    if fresh:
        told["aliases"] = (*ours.aliases, *fresh)
    if name_of(str(told.get("name_zh", ""))) == name_of(ours.name_zh):
        told.pop("name_zh", None)
    return told


def row_faults(said: Said, item: StarterItem) -> tuple[Fault, ...]:
    """What is wrong with the row as an item, beside what is wrong with its cells."""
    found = faults(item, said.approvals or (), said.drug_codes or (), said.barcodes or ())
    # The English unit follows from the Chinese one: one fault, not two.
    return tuple(fault for fault in found if fault.field != "unit_en")
