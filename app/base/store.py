"""A store is made once, together with its master key, and opened by every start after that."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.base.ids import new_id
from app.base.models import Store
from app.base.vault import Vault, make_master_key, open_vault


def found(session: Session, keys: Path, now: datetime, *, demo: bool = False) -> Vault:
    """Open the store's vault; where the store is new, make its row and its master key first."""
    if session.execute(select(Store.id)).scalar() is None:
        store = new_id()
        vault = Vault(make_master_key(keys, store))
        session.execute(insert(Store).values(one=1, id=store, key_check=vault.check, demo=demo, created_at=now))
        return vault
    return open_vault(session, keys)


def is_demo(session: Session) -> bool:
    """Whether the store holds invented people only."""
    return bool(session.execute(select(Store.demo)).scalar())
