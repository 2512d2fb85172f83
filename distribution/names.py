"""How a person is called without telling who it is: surname and honorific, a masked name, a masked phone (pure)."""

from __future__ import annotations

import re
from typing import Literal

Honorific = Literal["female", "male", "unknown"]

# 复姓 that are still borne (Hundred Family Surnames and the national name reports).
_PAIRS = (
    "欧阳上官司马司徒司空诸葛东方皇甫尉迟公孙公冶慕容令狐夏侯长孙宇文轩辕端木独孤南宫西门百里呼延闻人钟离澹台濮阳淳于单于太史"
    "申屠宗政赫连万俟鲜于闾丘东郭南门羊舌微生拓跋夹谷宰父谷梁段干东门左丘梁丘第五纳兰完颜叶赫"
)
COMPOUND = frozenset(_PAIRS[at : at + 2] for at in range(0, len(_PAIRS), 2))


def surname_of(name: str) -> str:
    """The surname: 欧阳某 → 欧阳, 张三 → 张; of a name with a point or a blank, the part before it."""
    whole = name.strip()
    first = re.split(r"[\s·•‧・]", whole, maxsplit=1)[0]
    if first != whole or not _chinese(first):
        return first
    return first[:2] if len(first) > 2 and first[:2] in COMPOUND else first[:1]


def masked_name(name: str) -> str:
    """The first letter and a star, 张*: enough to tell two people at one door apart, too little to know who."""
    return f"{name.strip()[:1]}*"


def masked_phone(phone: str) -> str:
    """138****8000; of a shorter number only the last two digits."""
    digits = re.sub(r"\D", "", phone)
    if len(digits) == 13 and digits.startswith("86"):
        digits = digits[2:]
    if len(digits) == 11:
        return f"{digits[:3]}****{digits[-4:]}"
    return f"****{digits[-2:]}"


def honorific_of(sex: str | None) -> Honorific:
    """先生 or 女士, as the answer to the question of sex; neither where it was not answered."""
    return "female" if sex == "female" else "male" if sex == "male" else "unknown"


def _chinese(text: str) -> bool:
    return all("\u3400" <= letter <= "\u9fff" or letter > "\U0001ffff" for letter in text)
