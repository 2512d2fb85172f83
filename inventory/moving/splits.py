"""Parts a bag of sealed boxes in two, each with a label of its own; a box itself is never opened (DS19)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import case, func, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit
from app.base.ids import new_id
from app.base.permissions import Actor
from inventory import ledger
from inventory.errors import NotEnough
from inventory.ledger import BY_CORRECTION, CORRECTION, Spot
from inventory.models import Movement, Pack
from labels import codes, registry
from labels.errors import UnknownLabel

REASON = "split"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The new pack, its label, and the split that both legs of the ledger name as their subject."""

    pack: UUID
    label: str
    split: UUID


def split(
    session: Session, pack: UUID, quantity: int, place: Spot, label: str | None, actor: Actor, now: datetime
) -> Part:
    """Part ``quantity`` units of a pack, where they stand, as a pack of their own; at least one unit stays behind.

    ``label``: a blank one that was scanned; None: a fresh one, to be printed. The two legs go out of the old pack and
    into the new one by way of the corrections, so that nothing is invented between them. Raises NotEnough, and as
    ``registry.bind``.
    """
    old = session.execute(select(Pack).where(Pack.id == pack).with_for_update()).scalar_one()
    if not 0 < quantity < old.quantity:
        raise NotEnough
    made = Part(pack=new_id(), label=_code(label), split=new_id())
    session.execute(update(Pack).where(Pack.id == pack).values(quantity=Pack.quantity - quantity))
    session.execute(
        insert(Pack).values(
            id=made.pack, lot=old.lot, item=old.item, station=old.station, quantity=quantity,
            received_by=old.received_by, received_at=old.received_at, split_from=old.split_from or pack,
        )
    )  # fmt: skip
    ledger.move(session, pack, quantity, place, BY_CORRECTION, REASON, actor, now, subject=made.split)
    ledger.move(session, made.pack, quantity, BY_CORRECTION, place, REASON, actor, now, subject=made.split)
    if made.label:
        registry.bind(session, made.label, "pack", made.pack, actor, now)
    else:
        made = msgspec.structs.replace(made, label=registry.bind_new(session, "pack", made.pack, now))
    audit.note(session, actor, "pack.split", pack, now, quantity=quantity, part=str(made.pack))
    return made


def _code(text: str | None) -> str:
    try:
        return codes.parse(text) if text else ""
    except codes.MistypedCode:
        raise UnknownLabel from None


def undone(session: Session, split: UUID, actor: Actor, now: datetime) -> None:
    """What a reversal of both legs leaves to do: the part's label ends, the bag counts its boxes again."""
    row = session.execute(
        select(Movement.pack, Movement.quantity).where(
            Movement.subject == split, Movement.source == CORRECTION, Movement.reverses.is_(None)
        )
    ).one()
    root = session.execute(select(Movement.pack).where(Movement.subject == split, Movement.target == CORRECTION))
    old = next(pack for (pack,) in root if pack != row.pack)
    session.execute(update(Pack).where(Pack.id == old).values(quantity=Pack.quantity + row.quantity))
    code = registry.code_of(session, row.pack)
    if code is not None:
        registry.void(session, code, "undone", actor, now)


def faults(session: Session) -> Iterator[str]:
    """Splits whose two legs are not equal: goods lost or invented between a bag and its part."""
    signed = func.sum(case((Movement.target == CORRECTION, Movement.quantity), else_=-Movement.quantity))
    rows = session.execute(
        select(Movement.subject, signed).where(Movement.reason == REASON).group_by(Movement.subject).having(signed != 0)
    )
    for split, over in rows:
        yield f"split {split} took {over} units more out of the bag than it put into its part"
