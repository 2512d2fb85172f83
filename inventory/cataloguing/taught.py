"""Barcodes told at the counter: a guess for everybody, until a second person has compared one with a box."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from app.base import audit
from app.base.errors import NotFound, SamePerson
from app.base.fields import Key
from app.base.permissions import Actor, Permission
from inventory.models import Barcode, Item


class JudgeBarcode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a product code that was told at the counter (GTIN-14) stands on the boxes of this item."""

    key: Key
    item: UUID
    gtin: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{14}\Z")]
    right: bool


def judge_barcode(session: Session, order: JudgeBarcode, actor: Actor, now: datetime) -> bool:
    """Confirm a told product code, or forget it; returns whether it stands. What was received by it stays as it is.

    Sent again it changes nothing. Raises NotFound for a code that nobody told, SamePerson for whoever told it.
    """
    actor.need(Permission.VERIFY_ITEM, Permission.EDIT_CATALOGUE)
    here = (Barcode.item == order.item, Barcode.gtin == order.gtin)
    row = session.execute(select(Barcode.learned_by).where(*here).with_for_update()).first()
    if row is None and not order.right:
        return False
    if row is None:
        raise NotFound
    if row.learned_by is None:
        return True
    if row.learned_by == actor.account:
        raise SamePerson
    if order.right:
        session.execute(update(Barcode).where(*here).values(learned_by=None))
    else:
        session.execute(delete(Barcode).where(*here))
    verb = "catalogue.confirm-barcode" if order.right else "catalogue.forget-barcode"
    audit.note(session, actor, verb, order.item, now, gtin=order.gtin)
    return order.right


def has_told() -> ColumnElement[bool]:
    """The condition on items that some product code of theirs waits for a second person."""
    return select(Barcode.item).where(Barcode.item == Item.id, Barcode.learned_by.is_not(None)).exists()


def waiting(session: Session) -> int:
    """How many told product codes wait."""
    told = select(func.count()).select_from(Barcode).where(Barcode.learned_by.is_not(None))
    return session.execute(told).scalar_one()
