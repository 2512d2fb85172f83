"""Reads what a recall names as people have it on paper: a line a product, its batch behind it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.errors import Invalid, Params
from inventory.models import Item
from inventory.recalling.recalls import Criterion
from labels import codes
from labels.barcodes import Gtin, is_approval_number, read_text

MOST = 200


def criteria(session: Session, text: str) -> tuple[Criterion, ...]:
    """Each line «product, batch»: a product code, an approval number or a code of the catalogue; no batch: every one.

    Product and batch stand apart by blanks, a tab or a comma. Raises Invalid naming the line.
    """
    lines = [line for line in (codes.half_width(raw).strip() for raw in text.splitlines()) if line]
    if not lines:
        raise Invalid(("lines", "missing", {}))
    if len(lines) > MOST:
        raise Invalid(("lines", "at_most", {"high": MOST}))
    faults, found = [], []
    for number, line in enumerate(lines, 1):
        product, _, batch = line.replace("\t", " ").replace(",", " ").replace("、", " ").partition(" ")
        one = _criterion(session, product, batch.strip())
        if one is None:
            faults.append(("lines", "recall_line", _at(number)))
        else:
            found.append(one)
    if faults:
        raise Invalid(*faults)
    return tuple(found)


def _at(number: int) -> Params:
    return {"line": number}


def _criterion(session: Session, product: str, batch: str) -> Criterion | None:
    item = session.execute(select(Item.id).where(Item.code == product.lower())).scalar()
    if item is not None:
        return Criterion(item=item, lot_number=batch)
    if isinstance(read_text(product), Gtin):
        return Criterion(gtin=product, lot_number=batch)
    if is_approval_number(product):
        return Criterion(approval=product, lot_number=batch)
    return None
