"""Which column of a goods file says what: guessed by its heading and by what its cells look like (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from app.base.spreadsheets import Row, Table, plain, text_of
from labels.barcodes import check_digit_ok, is_approval_number

FIELDS = (
    "code", "name_zh", "name_en", "aliases", "kind", "strength", "form", "otc_class", "approval", "drug_code",
    "barcode", "unit", "storage", "atc", "maker", "wanted",
)  # fmt: skip
"""What a column can say, in the order in which the page offers it."""

# Headings as ``spreadsheets.plain`` makes them: without blanks and signs.
_WORDS: dict[str, str] = {
    "code": "品种编号 品种编码 本系统编号 物资编号 编号 itemcode ourcode code",
    "name_zh": "产品名称 药品名称 通用名称 通用名 药品通用名 品名 名称 商品名称 商品全名 货物名称 物资名称 品种 "
    "品种名称 中文名 中文名称 name product productname drugname genericname chinesename",
    "name_en": "英文名 英文名称 产品名称英文 english englishname nameen",
    "aliases": "别名 商品名 曾用名 俗名 简称 商品简称 alias aliases brand brandname tradename",
    "kind": "类别 分类 种类 品类 物资类别 类别名称 kind category type",
    "strength": "规格 药品规格 规格型号 包装规格 货物规格 strength spec specification size",
    "form": "剂型 form dosageform",
    "otc_class": "otc类别 otc分类 otc 处方类别 处方分类 药品分类 otcclass prescriptionclass",
    "approval": "批准文号 注册证号 注册证编号 国药准字 药品批准文号 批准文号注册证号 卫生许可证号 备案号 "
    "approval approvalnumber approvalno licence licencenumber license licensenumber registrationnumber",
    "drug_code": "药品编码 药品本位码 本位码 国家药品编码 药品本位编码 nationaldrugcode drugcode",
    "barcode": "条码 条形码 商品条码 商品条形码 国际条码 69码 货号 barcode ean ean13 gtin upc",
    "unit": "单位 计量单位 包装单位 基本单位 unit",
    "storage": "贮藏 储存 贮存 储存条件 贮藏条件 存储条件 storage",
    "atc": "atc atc码 atc编码 atccode",
    "maker": "上市许可持有人中文 上市许可持有人 生产企业 生产厂家 厂家 厂商 持有人 生产单位 公司名称中文 产地 "
    "manufacturer maker holder company",
    "wanted": "需要 是否需要 想收 征集 wanted needed",
}

SYNONYMS: dict[str, str] = {word: field for field, words in _WORDS.items() for word in words.split()}
"""Field by heading."""

_OFFICIAL = ("注册证号", "产品名称", "剂型", "规格", "药品编码")
_LOOKED_AT = 60
_OUR_CODE = re.compile(r"[a-z]{3}-[0-9]{3,6}\Z", re.IGNORECASE)
_LOOKS: dict[str, Callable[[str], bool]] = {
    "approval": is_approval_number,
    "drug_code": lambda text: re.fullmatch(r"86[0-9]{12}", text) is not None,
    "barcode": lambda text: re.fullmatch(r"[0-9]{8}|[0-9]{13}", text) is not None and check_digit_ok(text),
    "code": lambda text: _OUR_CODE.match(text) is not None,
}
"""What cells of a field look like where its heading says nothing; most telling first."""


def is_official(headings: Sequence[str]) -> bool:
    """Whether this is the national drug authority's own list of 药品编码, known by its columns."""
    told = {plain(text) for text in headings}
    return all(plain(word) in told for word in _OFFICIAL)


def guess(table: Table) -> tuple[str, ...]:
    """For every column the field that it seems to hold, or nothing; no field twice."""
    found = [""] * len(table.headings)
    for column, heading in enumerate(table.headings):
        field = SYNONYMS.get(plain(heading), "")
        if field and field not in found and not _contradicted(field, _sample(table.rows, column)):
            found[column] = field
    for field, looks in _LOOKS.items():
        if field not in found:
            best = _best(table, found, looks)
            if best is not None:
                found[best] = field
    return tuple(found)


def _contradicted(field: str, sample: list[str]) -> bool:
    """A heading that says 编号 over cells that look like nothing of ours is somebody else's number."""
    looks = _LOOKS.get(field)
    return field == "code" and looks is not None and bool(sample) and not any(looks(text) for text in sample)


def _best(table: Table, found: Sequence[str], looks: Callable[[str], bool]) -> int | None:
    for column in range(len(table.headings)):
        sample = _sample(table.rows, column)
        if not found[column] and len(sample) >= 2 and sum(map(looks, sample)) * 2 > len(sample):
            return column
    return None


def _sample(rows: Sequence[Row], column: int) -> list[str]:
    return [text for row in rows[:_LOOKED_AT] if (text := text_of(row.at(column)))]


def samples(table: Table, many: int = 3) -> tuple[tuple[str, ...], ...]:
    """For every column a few different texts that stand in it, to be looked at by a person."""
    return tuple(
        tuple(dict.fromkeys(text[:60] for text in _sample(table.rows, column)))[:many]
        for column in range(len(table.headings))
    )
