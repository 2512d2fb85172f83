"""A write that a phone sends twice has one effect: the second time it gets the recorded result."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from app.base.columns import table
from app.base.errors import KeyReused
from app.base.models import Replay
from app.base.permissions import Actor
from app.base.prepared import Prepared

_R = table(Replay).columns
_SEEN = Prepared(select(_R.verb, _R.body, _R.made).where(_R.actor == bindparam("by"), _R.key == bindparam("sent")))
_KEEP = Prepared(insert(table(Replay)))


def made_by(session: Session, actor: Actor, key: UUID, verb: str, body: msgspec.Struct) -> dict[str, Any] | None:
    """What an earlier sending of this key made (ids only), or None; raises KeyReused for another body or verb."""
    row = _SEEN.first(session, by=actor.account, sent=key)
    if row is None:
        return None
    if row.verb != verb or row.body != _digest(key, body):
        raise KeyReused
    made: dict[str, Any] = row.made
    return made


def keep(
    session: Session, actor: Actor, key: UUID, verb: str, body: msgspec.Struct, made: dict[str, Any], now: datetime
) -> None:
    """Record what a key made, for the programme's life: phones return late."""
    _KEEP.run(session, actor=actor.account, key=key, verb=verb, body=_digest(key, body), made=made, at=now)


def _digest(key: UUID, body: msgspec.Struct) -> bytes:
    # Keyed with the sending's own random key, so that equal bodies cannot be told from their digests.
    return hashlib.blake2b(msgspec.json.encode(body, order="sorted"), key=key.bytes, digest_size=32).digest()
