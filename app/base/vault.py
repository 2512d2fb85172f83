"""Seals personal fields: AES-256-GCM under a key per person, wrapped by the store's own master key.

Destroying a person's key erases the person everywhere the sealed bytes lie, backups included. The master key is made
once with the store, in a file of mode 0400 outside the data folder; without it a store with sealed rows does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from datetime import datetime
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base.errors import NotFound
from app.base.models import PersonKey, Store

_VERSION = b"\x01\x01"  # format 1, algorithm 1 = AES-256-GCM; a second algorithm reads beside it
_NONCE = 12


class KeyMissing(RuntimeError):
    """The store's master key is not there, or is another store's."""

    def __init__(self, file: Path, found: bool) -> None:
        what = "belongs to another store" if found else "is missing"
        super().__init__(
            f"the master key {what}: {file}. Personal fields of this store cannot be opened without it. "
            "Bring the file back from where the key was put away when the store was made (paper copy or key backup), "
            "with mode 0400, or point NUANXIN_KEYS to the folder that holds it."
        )


class Unreadable(Exception):
    """Sealed bytes were altered, moved to another row, or their person was erased."""


class Vault:
    """Seals and opens; knows the master key and nothing about who may ask."""

    def __init__(self, master: bytes) -> None:
        self._master = AESGCM(_derive(master, b"wrap"))
        self._blind = _derive(master, b"blind index")
        self._check = _derive(master, b"check")

    @property
    def check(self) -> bytes:
        """A fingerprint that tells whether a key file belongs to a store; tells nothing about the key."""
        return self._check

    def admit(self, session: Session, subject: UUID) -> Sealer:
        """Make a person's key; returns the sealer for the person's fields."""
        key = AESGCM.generate_key(256)
        session.execute(insert(PersonKey).values(subject=subject, wrapped=_seal(self._master, key, subject.bytes)))
        return Sealer(key, subject)

    def person(self, session: Session, subject: UUID) -> Sealer:
        """The sealer of a person; raises NotFound where there is none or the key was destroyed."""
        wrapped = session.execute(select(PersonKey.wrapped).where(PersonKey.subject == subject)).scalar()
        if wrapped is None:
            raise NotFound
        return self.unwrap(subject, wrapped)

    def unwrap(self, subject: UUID, wrapped: bytes) -> Sealer:
        """The sealer from a wrapped key that was read together with the row."""
        return Sealer(_open(self._master, wrapped, subject.bytes), subject)

    def erase(self, session: Session, subject: UUID, now: datetime) -> None:
        """Destroy a person's key: no copy of the sealed fields can be read again."""
        session.execute(update(PersonKey).where(PersonKey.subject == subject).values(wrapped=None, destroyed_at=now))

    def blind(self, phone: str) -> bytes:
        """A phone number's blind index: equal numbers meet, nothing can be read from it without the key."""
        return hmac.digest(self._blind, normal_phone(phone).encode(), "sha256")


class Sealer:
    """Seals and opens the fields of one person; bytes moved to another field or person do not open."""

    def __init__(self, key: bytes, subject: UUID) -> None:
        self._cipher = AESGCM(key)
        self._subject = subject

    def seal(self, field: str, value: str) -> bytes:
        """Sealed bytes of ``value`` for the column ``field`` (``table.column``)."""
        return _seal(self._cipher, value.encode(), self._about(field))

    def open(self, field: str, sealed: bytes) -> str:
        """The value again; raises Unreadable where the bytes were altered or moved."""
        return _open(self._cipher, sealed, self._about(field)).decode()

    def _about(self, field: str) -> bytes:
        return field.encode() + b"\x00" + self._subject.bytes


def normal_phone(text: str) -> str:
    """Digits of a phone number without blanks, dashes and the country code 86."""
    digits = re.sub(r"\D", "", text)
    return digits[2:] if len(digits) == 13 and digits.startswith("86") else digits


def make_master_key(keys: Path, store: UUID) -> bytes:
    """Make the master key of a new store in ``keys``, mode 0400; never overwrites one."""
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = secrets.token_bytes(32)
    handle = os.open(key_file(keys, store), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(handle, "w") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key


def key_file(keys: Path, store: UUID) -> Path:
    """Where the master key of a store lies."""
    return keys / f"{store}.key"


def open_vault(session: Session, keys: Path) -> Vault:
    """The vault of the store behind ``session``; raises KeyMissing where its key is absent or another store's."""
    store = session.execute(select(Store)).scalar_one()
    file = key_file(keys, store.id)
    try:
        master = bytes.fromhex(file.read_text().strip())
    except (FileNotFoundError, ValueError):
        raise KeyMissing(file, found=file.exists()) from None
    vault = Vault(master)
    if not hmac.compare_digest(vault.check, store.key_check):
        raise KeyMissing(file, found=True)
    return vault


def _derive(master: bytes, purpose: bytes) -> bytes:
    return hmac.digest(master, b"nuanxin " + purpose, hashlib.sha256)


def _seal(cipher: AESGCM, value: bytes, about: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return _VERSION + nonce + cipher.encrypt(nonce, value, _VERSION + about)


def _open(cipher: AESGCM, sealed: bytes, about: bytes) -> bytes:
    if sealed[:2] != _VERSION:
        raise Unreadable("unknown format")
    try:
        return cipher.decrypt(sealed[2 : 2 + _NONCE], sealed[2 + _NONCE :], _VERSION + about)
    except InvalidTag:
        raise Unreadable("altered or moved") from None
