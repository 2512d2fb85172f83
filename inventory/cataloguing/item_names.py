"""Under which written forms an item is looked up: its names folded to one form, and how the Chinese ones sound (pure).

A name's sound is a slot for every character, all readings of a polyphone in one slot, the commonest first: 长效 is
``zhang/chang xiao``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from labels import codes


def plain(text: str) -> str:
    """Half width, small letters, no blanks around."""
    return codes.half_width(text).strip().casefold()


def searchable(names: Iterable[str]) -> str:
    """All names of an item in the form that a search looks into, one a line, none twice."""
    return "\n".join(dict.fromkeys(plain(" ".join(name.split())) for name in names))


def sounds(search: str) -> str:
    """How the Chinese ones of these lines sound, one a line; a Latin letter or digit is a slot of its own."""
    return "\n".join(_sound(name) for name in search.split("\n") if any(is_chinese(sign) for sign in name))


def is_chinese(sign: str) -> bool:
    """Whether a sign is a Chinese character that has readings."""
    return "\u3400" <= sign <= "\u9fff"


@lru_cache(maxsize=4_096)
def _sound(name: str) -> str:
    return " ".join(_slot(sign) for sign in name if is_chinese(sign) or (sign.isascii() and sign.isalnum()))


@cache
def _slot(sign: str) -> str:
    if not is_chinese(sign):
        return sign
    readings = _readings().get(ord(sign), "").split(",")
    typed = dict.fromkeys(way for reading in readings if reading for way in _typed(reading))
    return "/".join(typed) or "?"


@cache
def _readings() -> dict[int, str]:
    """How each character may be read, by its number; read where first asked for.

    The package's table of characters alone: with the package come tables of phrases, two hundred thousand objects that
    every collection of garbage would look through, for a quarter of a second.
    """
    package = find_spec("pypinyin")
    if package is None or package.origin is None:
        raise ImportError("pypinyin")
    spec = spec_from_file_location("pinyin_dict", Path(package.origin).with_name("pinyin_dict.py"))
    if spec is None or spec.loader is None:
        raise ImportError("pypinyin.pinyin_dict")
    table = module_from_spec(spec)
    spec.loader.exec_module(table)
    found: dict[int, str] = table.pinyin_dict
    return found


def _typed(reading: str) -> tuple[str, ...]:
    """A reading as it is typed: without its tone, and ü as v or as u."""
    marked = unicodedata.normalize("NFD", reading)
    return tuple(
        "".join(letter for letter in marked.replace("u\u0308", typed) if letter.isascii() and letter.isalpha())
        for typed in "vu"
    )
