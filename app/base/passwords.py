"""PINs and passphrases: which are too easy to guess, and what the store keeps of the others (argon2id)."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from app.base.errors import Invalid
from app.base.permissions import PHONE_ROLES, Role

PIN_DIGITS = (4, 8)
PASSPHRASE_LETTERS = (12, 128)

_COMMON_LIST = Path(__file__).with_name("common_passphrases.bin")
_DIGEST_BYTES = 8

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Checked for accounts that do not exist, so that they take as long as those that do.
_NOBODY = _hasher.hash(secrets.token_hex(16))
# What people choose first: rows of the keyboard, runs, and words; found in the surveys of leaked passwords.
_ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn")
_WORDS = (
    "1q2w3e4r5t6y7u8i9o0p",
    "password",
    "passw0rd",
    "admin",
    "welcome",
    "iloveyou",
    "woaini",
    "nuanxin",
    "5201314",
)
_COMMON_PINS = frozenset({"2580", "0852", "5201", "1314", "5201314", "1688", "147258", "147258369"})


def hash_secret(role: Role, secret: str) -> str:
    """argon2id hash of a PIN (phone roles) or passphrase (all others); raises Invalid. 50 ms: not in a verb."""
    must_be_good(role, secret)
    return _hasher.hash(secret)


def must_be_good(role: Role, secret: str) -> None:
    """Go on only with a PIN or passphrase that is neither too short nor too easy to guess; raises Invalid."""
    if role in PHONE_ROLES:
        low, high = PIN_DIGITS
        if not (secret.isascii() and secret.isdigit() and low <= len(secret) <= high):
            raise Invalid(("secret", "pin_shape", {"low": low, "high": high}))
        if _common_pin(secret):
            raise Invalid(("secret", "pin_common", {}))
    else:
        low, high = PASSPHRASE_LETTERS
        if not low <= len(secret) <= high:
            raise Invalid(("secret", "passphrase_length", {"low": low, "high": high}))
        if is_common(secret):
            raise Invalid(("secret", "passphrase_common", {}))


def _common_pin(pin: str) -> bool:
    """One digit, a run, one half said twice, a year of somebody's birth, or a well-known one."""
    half = len(pin) // 2
    twice = len(pin) % 2 == 0 and pin[:half] == pin[half:]
    year = len(pin) == 4 and "1920" <= pin <= "2029"
    run = pin in _ROWS[0] or pin[::-1] in _ROWS[0]
    return len(set(pin)) == 1 or twice or year or run or pin in _COMMON_PINS


def is_common(passphrase: str) -> bool:
    """Whether it is among the commonest that people choose, or made of nothing but what every guesser tries."""
    return _digest(passphrase) in _common() or len(set(_unguessed(passphrase))) < 5


@cache
def _common() -> frozenset[bytes]:
    """The 10,000 commonest of twelve letters and more (ASVS 6.2.4 asks for 3,000), as digests: see decision 010."""
    listed = _COMMON_LIST.read_bytes()
    return frozenset(listed[at : at + _DIGEST_BYTES] for at in range(0, len(listed), _DIGEST_BYTES))


def _digest(passphrase: str) -> bytes:
    return hashlib.sha256(passphrase.strip().lower().encode()).digest()[:_DIGEST_BYTES]


def _unguessed(secret: str) -> str:
    """What is left of a passphrase without the pieces that every guesser tries."""
    left = secret.lower()
    for row in (*_WORDS, *_ROWS, *(row[::-1] for row in _ROWS)):
        for length in range(len(row), 2, -1):
            for start in range(len(row) - length + 1):
                left = left.replace(row[start : start + length], "")
    return left


def secret_fits(stored: str | None, secret: str) -> bool:
    """Whether a secret fits; takes equally long where there is no account. Not in a verb: some 50 ms."""
    try:
        return _hasher.verify(stored or _NOBODY, secret) and stored is not None
    except (VerifyMismatchError, InvalidHashError):
        return False
