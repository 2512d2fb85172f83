"""What is called back: marked at once wherever it is, kept from coming in again, brought into quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, exists, false, insert, or_, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.columns import table
from app.base.db import Asking
from app.base.errors import Invalid, NotFound
from app.base.fields import Key, Line, Note, OptionalLine
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.prepared import Prepared
from inventory import ledger, stations
from inventory.cataloguing.catalogue import Gtin
from inventory.cataloguing.catalogue_models import ItemNumber
from inventory.errors import RecallOver, UnknownItem
from inventory.ledger import Spot
from inventory.lots import lot_number
from inventory.models import Barcode, Holding, Item, Lot, Pack, Place, PlaceKind
from inventory.recalling.recall_models import Recall, RecallCriterion
from labels.barcodes import normalise_approval

REASON = "recall"
AT_ONCE = 50
"""Packs that one write brings into quarantine: nobody else waits long."""


class Criterion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product: by item, product code or approval number, exactly one; and its batch (empty: every batch)."""

    item: UUID | None = None
    gtin: Gtin | None = None
    approval: OptionalLine = ""
    lot_number: OptionalLine = ""


class NewRecall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product is called back. ``notice`` is the authority's or maker's number of it.

    ``advice`` says what somebody who has it should do; it is read out on the phone.
    """

    key: Key
    title: Line
    notice: OptionalLine = ""
    severity: Literal[1, 2, 3]
    advice: Note = ""
    criteria: Annotated[tuple[Criterion, ...], msgspec.Meta(min_length=1, max_length=200)]


def open_recall(session: Session, new: NewRecall, actor: Actor, today: date, now: datetime) -> UUID:
    """Open a recall: from this moment no unit of it is released, packed, handed over or taken in; returns its id.

    What stands on shelves is brought to quarantine by ``pull``, a few packs a write. Raises Invalid for a criterion
    that names no product or several, UnknownItem.
    """
    made = replay.made_by(session, actor, new.key, "recall.open", new)
    if made is not None:
        return UUID(made["recall"])
    for place, one in enumerate(new.criteria):
        if sum((one.item is not None, one.gtin is not None, bool(one.approval.strip()))) != 1:
            raise Invalid((f"criteria.{place}", "one_product", {}))
    recall = new_id()
    session.execute(
        insert(Recall).values(
            id=recall, title=new.title.strip(), notice=new.notice.strip(), severity=new.severity, advice=new.advice,
            opened_by=actor.account, opened_at=now, withdrawn=False,
        )
    )  # fmt: skip
    known = set(session.execute(select(Item.id).where(Item.id.in_([c.item for c in new.criteria if c.item]))).scalars())
    if any(one.item is not None and one.item not in known for one in new.criteria):
        raise UnknownItem
    session.execute(insert(RecallCriterion), [_stated(recall, one) for one in new.criteria])
    marked = mark(session, today)
    audit.note(session, actor, "recall.open", recall, now, lots=marked)
    replay.keep(session, actor, new.key, "recall.open", new, {"recall": str(recall)}, now)
    return recall


def _stated(recall: UUID, one: Criterion) -> dict[str, object]:
    return {
        "id": new_id(),
        "recall": recall,
        "item": one.item,
        "gtin": one.gtin.zfill(14) if one.gtin else "",
        "approval": normalise_approval(one.approval) if one.approval.strip() else "",
        "lot_number": lot_number(one.lot_number),
        "stated": True,
    }


def mark(session: Session, today: date) -> int:
    """Mark every lot that a recall in force names and that is not marked yet; returns how many were.

    Runs when a recall is opened and every night: the catalogue learns product codes and numbers meanwhile.
    """
    _find_items(session)
    named = exists().where(RecallCriterion.recall == Recall.id, ~Recall.withdrawn, _names())
    lots = session.execute(select(Lot.id).where(Lot.recalled_on.is_(None), named).order_by(Lot.id)).scalars().all()
    if lots:
        session.execute(update(Lot).where(Lot.id.in_(lots)).values(recalled_on=today))
    return len(lots)


def _names() -> ColumnElement[bool]:
    """The condition that a criterion names a lot."""
    batch = or_(RecallCriterion.lot_number == "", RecallCriterion.lot_number == Lot.number)
    return and_(RecallCriterion.item == Lot.item, batch)


def _find_items(session: Session) -> None:
    """Write down which items the product codes and approval numbers of recalls in force stand on now."""
    stated = session.execute(
        select(RecallCriterion)
        .join(Recall, Recall.id == RecallCriterion.recall)
        .where(RecallCriterion.stated, ~Recall.withdrawn, RecallCriterion.item.is_(None))
    ).scalars().all()  # fmt: skip
    there = {
        (row.recall, row.item, row.lot_number)
        for row in session.execute(select(RecallCriterion.recall, RecallCriterion.item, RecallCriterion.lot_number))
    }
    fresh = []
    for one in stated:
        for item in _items_of(session, one.gtin, one.approval):
            if (one.recall, item, one.lot_number) not in there:
                there.add((one.recall, item, one.lot_number))
                fresh.append(
                    {
                        "id": new_id(), "recall": one.recall, "item": item, "gtin": "", "approval": "",
                        "lot_number": one.lot_number, "stated": False,
                    }
                )  # fmt: skip
    if fresh:
        session.execute(insert(RecallCriterion), fresh)


def _items_of(session: Session, gtin: str, approval: str) -> Sequence[UUID]:
    if gtin:
        return session.execute(select(Barcode.item).where(Barcode.gtin == gtin)).scalars().all()
    return session.execute(select(ItemNumber.item).where(ItemNumber.number == approval)).scalars().all()


_C, _R = table(RecallCriterion).columns, table(Recall).columns
_CALLED_BACK = Prepared(
    select(_C.id)
    .join(table(Recall), _R.id == _C.recall)
    .where(
        _R.withdrawn == false(),
        or_(_C.lot_number == "", _C.lot_number == bindparam("of_number")),
        or_(
            _C.item == bindparam("of_item"),
            and_(_C.gtin != "", _C.gtin == bindparam("of_gtin")),
            and_(_C.approval != "", _C.approval == bindparam("of_approval")),
        ),
    )
    .limit(1)
)


def is_called_back(session: Session, item: UUID, number: str, gtin: str | None = None, approval: str = "") -> bool:
    """Whether goods that are handed in are of a recall in force (IN17), by item, product code or approval number."""
    told = normalise_approval(approval) if approval else ""
    code = gtin.zfill(14) if gtin else ""
    found = _CALLED_BACK.first(session, of_item=item, of_number=number, of_gtin=code, of_approval=told)
    return found is not None


def lots_of(recall: UUID) -> ColumnElement[bool]:
    """The condition on ``Lot`` rows that a recall names them."""
    return exists().where(RecallCriterion.recall == recall, _names())


def pull(session: Session, recall: UUID, actor: Actor, now: datetime) -> int:
    """Bring up to 50 holdings of called back goods from shelves and hold into quarantine; returns how many."""
    rows = session.execute(
        select(Holding.pack, Holding.place, Holding.quantity, Place.kind, Place.station)
        .join(Place, Place.id == Holding.place)
        .join(Pack, Pack.id == Holding.pack)
        .join(Lot, Lot.id == Pack.lot)
        .where(Holding.quantity > 0, Place.kind.in_((PlaceKind.SHELF, PlaceKind.HOLD)), lots_of(recall))
        .order_by(Holding.pack, Holding.place)
        .limit(AT_ONCE)
        .with_for_update(of=Holding)
    ).all()  # fmt: skip
    for row in rows:
        quarantine = stations.places(session, row.station).quarantine
        source = Spot(row.place, row.kind)
        ledger.move(session, row.pack, row.quantity, source, quarantine, REASON, actor, now, subject=recall)
    return len(rows)


def in_force(session: Session) -> list[UUID]:
    """The recalls that are open, oldest first."""
    wanted = select(Recall.id).where(Recall.closed_at.is_(None)).order_by(Recall.id)
    return list(session.execute(wanted).scalars())


def locked(session: Session, recall: UUID) -> Recall:
    """An open recall, its row held until the transaction ends; raises NotFound, RecallOver."""
    found = session.execute(
        select(Recall).where(Recall.id == recall).with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    if found.closed_at is not None:
        raise RecallOver
    return found


class Withdraw(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recall was a mistake; ``why`` stays in its report."""

    key: Key
    recall: UUID
    why: Line


def withdraw(session: Session, order: Withdraw, actor: Actor, now: datetime) -> None:
    """End a recall that was opened by mistake: lots that no other one names are good again, and wait for release.

    What was brought into quarantine stays there until a second person has released it. Raises NotFound, RecallOver.
    """
    if replay.made_by(session, actor, order.key, "recall.withdraw", order) is not None:
        return
    recall = locked(session, order.recall)
    session.execute(
        update(Recall)
        .where(Recall.id == recall.id)
        .values(withdrawn=True, closed_at=now, closed_by=actor.account, report={"withdrawn": order.why.strip()})
    )
    still = exists().where(RecallCriterion.recall == Recall.id, ~Recall.withdrawn, _names())
    free = session.execute(select(Lot.id).where(Lot.recalled_on.is_not(None), lots_of(recall.id), ~still)).scalars()
    session.execute(update(Lot).where(Lot.id.in_(list(free))).values(recalled_on=None))
    audit.note(session, actor, "recall.withdraw", recall.id, now)
    replay.keep(session, actor, order.key, "recall.withdraw", order, {}, now)


_P, _L = table(Pack).columns, table(Lot).columns
_RECALLED = (
    select(_P.id).join(table(Lot), _L.id == _P.lot).where(_P.id == bindparam("of_pack"), _L.recalled_on.is_not(None))
)


def pack_is_recalled(asking: Asking, pack: UUID) -> bool:
    """Whether the pack's lot is recalled; False for a pack that is not there."""
    return asking.execute(_RECALLED, {"of_pack": pack}).first() is not None
