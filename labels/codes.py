"""Our label code: twelve characters that say nothing, cannot be guessed, and show when they were mistyped."""

from __future__ import annotations

import re
import secrets
from operator import mul
from urllib.parse import urlsplit

# 2–9 and A–Z without I, L and O: no two of these are confused in print or on the phone.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 12
BODY = LENGTH - 1

# What a person most likely saw who wrote a character that no label carries.
LOOKALIKES = {"0": "QD", "O": "QD", "1": "7JT", "I": "JT7", "L": "JEC"}

_VALUE = {letter: value for value, letter in enumerate(ALPHABET)}
_FULL_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
# White space, hyphens and dashes of every kind, and the invisible joints that chat programs copy along.
_JOINTS = re.compile(r"[\s\-\u00ad\u2010-\u2015\u2212\u200b\ufeff]+")
_OUR_URL = re.compile(r"https?://[^/\s]+/L/([^/?#]+)/?", re.IGNORECASE)
_HOST = re.compile(r"[A-Z0-9.-]+(:[0-9]{1,5})?")
_BARE = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
_LONGEST = 300


class MistypedCode(ValueError):
    """The text is no label code of ours.

    ``code`` is CODE_LENGTH, CODE_LETTER or CODE_CHECK. For CODE_LETTER, ``letter`` is the impossible
    character, ``position`` its place counted from 1, and ``likely`` the characters it may have been, the one
    that the check character vouches for first. Otherwise they are empty. The text is never part of the error.
    """

    def __init__(self, code: str, *, position: int | None = None, letter: str = "", likely: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.position = position
        self.letter = letter
        self.likely = tuple(likely)


class BadLabelAddress(ValueError):
    """The address cannot stand in a label's QR; ``code`` is always LABEL_ADDRESS."""

    code = "LABEL_ADDRESS"


def half_width(text: str) -> str:
    """Fold full-width letters, digits, signs and the ideographic space to ASCII."""
    return text.translate(_FULL_WIDTH)


def bare(text: str) -> str:
    """The text folded, upper case, without blanks and hyphens: ``parse`` judges this."""
    return _JOINTS.sub("", half_width(text)).upper()


_WEIGHTS = range(LENGTH, 0, -1)


def _remainder(text: str) -> int:
    # Weights fall from 12 to 2 over the body; the check character itself weighs 1.
    total: int = sum(map(mul, _WEIGHTS, map(_VALUE.__getitem__, text)))
    return total % 31


def check_character(body: str) -> str:
    """The twelfth character for eleven characters of the alphabet.

    31 is prime and no two of the weights 1–12 differ by, or sum to, a multiple of it: every single
    substitution, swap of neighbours, swap over one, and twin error changes the remainder.
    """
    if len(body) != BODY or any(letter not in _VALUE for letter in body):
        raise ValueError("a body is eleven characters of the alphabet")
    return ALPHABET[-_remainder(body) % 31]


def new_code() -> str:
    """A fresh random code, 54 bits. Uniqueness is the database's to decide; a code authenticates nobody.

    Drawn again until it holds a letter and a digit: none can be taken for a product's number or a word.
    """
    while True:
        body = "".join(secrets.choice(ALPHABET) for _ in range(BODY))
        if not body.isdigit() and not body.isalpha():
            return body + check_character(body)


def within_url(text: str) -> str | None:
    """What stands after ``/L/`` in an address of the shape of ours, at any host; None for other texts."""
    found = _OUR_URL.fullmatch(half_width(text[:_LONGEST]).strip())
    return found[1] if found else None


def parse(text: str) -> str:
    """The bare code in what was typed or scanned: any case, blanks, hyphens, full width, or our URL.

    Raises MistypedCode. The host in a URL is not looked at: whether the code exists decides.
    """
    if is_bare(text):
        return text
    if len(text) > _LONGEST:
        raise MistypedCode("CODE_LENGTH")
    code = bare(within_url(text) or text)
    if len(code) != LENGTH:
        raise MistypedCode("CODE_LENGTH")
    for position, letter in enumerate(code):
        if letter not in _VALUE:
            raise _impossible(code, position)
    if _remainder(code):
        raise MistypedCode("CODE_CHECK")
    return code


def is_bare(text: str) -> bool:
    """Whether a text is a code in its bare form, check character and all."""
    return _BARE.fullmatch(text) is not None and not _remainder(text)


def _impossible(code: str, position: int) -> MistypedCode:
    letter = code[position]
    fits = [one for one in LOOKALIKES.get(letter, "") if _would_fit(code, position, one)]
    likely = "".join(dict.fromkeys([*fits, *LOOKALIKES.get(letter, "")]))
    shown_letter = letter if letter.isprintable() else ""
    return MistypedCode("CODE_LETTER", position=position + 1, letter=shown_letter, likely=likely)


def _would_fit(code: str, position: int, letter: str) -> bool:
    candidate = code[:position] + letter + code[position + 1 :]
    return all(one in _VALUE for one in candidate) and _remainder(candidate) == 0


def shown(code: str) -> str:
    """The code as people read it: ``ABCD-EFGH-JKMN``."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def url(base_url: str, code: str) -> str:
    """The address in the QR, upper case, so that QR's alphanumeric mode carries it: ``HTTPS://HOST/L/CODE``.

    ``base_url`` is ``http(s)://host[:port]`` and nothing more. Raises BadLabelAddress.
    """
    return address(base_url) + code


def address(base_url: str) -> str:
    """``HTTPS://HOST/L/``, what all labels of one address begin with. Raises BadLabelAddress."""
    parts = urlsplit(base_url.strip().upper())
    plain = parts.scheme in ("http", "https") and parts.path in ("", "/")
    if not plain or parts.query or parts.fragment or not _HOST.fullmatch(parts.netloc):
        raise BadLabelAddress("a label's address is http(s)://host[:port], with an ASCII host and no path")
    return f"{parts.scheme.upper()}://{parts.netloc}/L/"
