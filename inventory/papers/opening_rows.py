"""A line of an opening stock as its spreadsheet says it, with what is wrong with it named by field (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import msgspec

from app.base.spreadsheets import Fault, NoSuchDay, day_of
from labels import codes

FIELDS = ("name", "strength", "code", "barcode", "lot", "expiry", "quantity", "approval")
"""What a column can say, in the order in which the page offers it."""
_WORDS = {
    "name": "名称 品名 商品全名 商品名称 药品名称 通用名 通用名称 物资名称 产品名称 品种 name item product",
    "strength": "规格 药品规格 规格型号 strength spec specification",
    "code": "编号 品种编号 商品编号 物资编号 code itemcode",
    "barcode": "条码 条形码 商品条码 barcode gtin ean",
    "lot": "批号 生产批号 产品批号 lot batch lotnumber batchnumber",
    "expiry": "有效期 有效期至 失效日期 到期日期 到期日 效期 expiry expirydate bestbefore",
    "quantity": "数量 库存 库存数量 库存余量 结存 结存数量 实点数 入库数量 quantity qty stock",
    "approval": "批准文号 国药准字 注册证号 备案号 approval approvalnumber",
}
SYNONYMS = {word: field for field, words in _WORDS.items() for word in words.split()}
_MOST = 10_000
_LONGEST = 120


class Wrong(msgspec.Struct, frozen=True):
    """What is wrong in which field: QUANTITY, DAY_*, LONG, NOTHING, SEVERAL, UNKNOWN_CODE, or the cell's own fault."""

    field: str
    code: str


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A row; ``number`` is the one that the spreadsheet program shows."""

    number: int
    name: str = ""
    strength: str = ""
    code: str = ""
    barcode: str = ""
    lot: str = ""
    expiry: date | None = None
    quantity: int = 0
    approval: str = ""
    wrong: tuple[Wrong, ...] = ()


def read_row(number: int, cells: Sequence[str], faults: Sequence[Fault], columns: Sequence[str]) -> Said:
    """A row's cells as texts, by what their columns hold."""
    texts = {field: cells[at].strip() for at, field in enumerate(columns) if field and at < len(cells)}
    wrong = [
        Wrong(columns[one.column], one.code) for one in faults if one.column < len(columns) and columns[one.column]
    ]
    told = {one.field for one in wrong}
    wrong += [Wrong(field, "LONG") for field, text in texts.items() if len(text) > _LONGEST]
    if not any(texts.get(field) for field in ("name", "code", "barcode")) and not told & {"name", "code", "barcode"}:
        wrong.append(Wrong("name", "NOTHING"))
    quantity = _quantity(texts.get("quantity", ""))
    if quantity is None and "quantity" not in told:
        wrong.append(Wrong("quantity", "QUANTITY"))
    expiry = None
    try:
        expiry = day_of(texts["expiry"]) if texts.get("expiry") else None
    except NoSuchDay as no:
        wrong.append(Wrong("expiry", no.code))
    return Said(
        number=number, name=texts.get("name", ""), strength=texts.get("strength", ""), code=texts.get("code", ""),
        barcode=texts.get("barcode", ""), lot=texts.get("lot", ""), expiry=expiry, quantity=quantity or 0,
        approval=texts.get("approval", ""), wrong=tuple(wrong),
    )  # fmt: skip


def _quantity(text: str) -> int | None:
    """A whole number from 1 to 10,000; None for anything else, also for 0, −1, 0.5 and 1e3."""
    plain = codes.half_width(text)
    if not re.fullmatch(r"[0-9]{1,5}", plain):
        return None
    return int(plain) if 1 <= int(plain) <= _MOST else None
