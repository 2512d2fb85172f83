"""The only writer of movements: stock is a double-entry ledger in which nothing is lost, invented or given twice.

A movement takes a positive whole number of base units of a pack from a place to a place. Holdings of real places are
kept in the same transaction by a conditional UPDATE, so the last unit has exactly one taker on either database.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.base.columns import Id, Int, table
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.prepared import Prepared
from inventory.errors import AlreadyReversed, Moved, NotEnough
from inventory.models import VIRTUAL, Holding, Movement, Place, PlaceKind

DONOR = UUID(int=1)
RESIDENTS = UUID(int=2)
DISPOSAL = UUID(int=3)
CORRECTION = UUID(int=4)
"""The one place of each virtual kind; made by the first migration, the same in every store."""


class Spot(msgspec.Struct, frozen=True):
    """A place as the ledger needs it: its id and whether it is a real one."""

    id: UUID
    kind: PlaceKind

    @property
    def real(self) -> bool:
        """Whether the place holds goods; donors, residents, disposal and corrections are outside."""
        return self.kind not in VIRTUAL


FROM_DONOR = Spot(DONOR, PlaceKind.DONOR)
TO_RESIDENTS = Spot(RESIDENTS, PlaceKind.RESIDENTS)
TO_DISPOSAL = Spot(DISPOSAL, PlaceKind.DISPOSAL)
BY_CORRECTION = Spot(CORRECTION, PlaceKind.CORRECTION)

_ARRIVE = Prepared(
    text(
        "INSERT INTO holdings (place, pack, quantity) VALUES (:place, :pack, :quantity) "
        "ON CONFLICT (place, pack) DO UPDATE SET quantity = holdings.quantity + excluded.quantity"
    ).bindparams(bindparam("place", type_=Id), bindparam("pack", type_=Id), bindparam("quantity", type_=Int))
)
_HELD = table(Holding).columns
_LEAVE = Prepared(
    update(table(Holding))
    .where(_HELD.place == bindparam("at"), _HELD.pack == bindparam("of"), _HELD.quantity >= bindparam("units"))
    .values(quantity=_HELD.quantity - bindparam("units"))
)
_WRITE = Prepared(insert(table(Movement)))


def spot(session: Session, place: UUID) -> Spot:
    """A place by its id; raises NotFound."""
    kind = session.execute(select(Place.kind).where(Place.id == place)).scalar()
    if kind is None:
        raise NotFound
    return Spot(place, kind)


def move(
    session: Session,
    pack: UUID,
    quantity: int,
    source: Spot,
    target: Spot,
    reason: str,
    actor: Actor,
    now: datetime,
    *,
    subject: UUID | None = None,
    reverses: UUID | None = None,
) -> UUID:
    """Move ``quantity`` base units of a pack; returns the movement's id.

    ``reason`` is a stable word (receive, release, reserve, pack, depart, hand-over, …), ``subject`` the donation,
    parcel or plan it happened for. Raises NotEnough where the source does not hold that many.
    """
    if quantity <= 0:
        raise ValueError("a movement takes at least one unit")
    if source.real:
        _leave(session, pack, quantity, source.id)
    movement = new_id()
    _WRITE.run(
        session, id=movement, at=now, pack=pack, quantity=quantity, source=source.id, target=target.id,
        reason=reason, actor=actor.account, subject=subject, reverses=reverses,
    )  # fmt: skip
    if target.real:
        _ARRIVE.run(session, place=target.id, pack=pack, quantity=quantity)
    return movement


def _leave(session: Session, pack: UUID, quantity: int, place: UUID) -> None:
    if _LEAVE.run(session, at=place, of=pack, units=quantity) != 1:
        raise NotEnough


def reverse(session: Session, movement: UUID, reason: str, actor: Actor, now: datetime) -> UUID:
    """Put a movement right by its opposite; returns the new movement's id.

    Raises AlreadyReversed the second time, and Moved where the goods have gone on from the target.
    """
    row = session.execute(select(Movement).where(Movement.id == movement).with_for_update()).scalar_one_or_none()
    if row is None:
        raise NotFound
    if session.execute(select(Movement.id).where(Movement.reverses == movement)).first():
        raise AlreadyReversed
    source, target = spot(session, row.target), spot(session, row.source)
    try:
        return move(
            session, row.pack, row.quantity, source, target, reason, actor, now, subject=row.subject, reverses=movement
        )
    except NotEnough:
        raise Moved from None


def held(session: Session, place: UUID, pack: UUID) -> int:
    """How many units of a pack a real place holds."""
    quantity = session.execute(select(Holding.quantity).where(Holding.place == place, Holding.pack == pack)).scalar()
    return quantity or 0


def whereabouts(session: Session, pack: UUID) -> list[tuple[Place, int]]:
    """Where the units of a pack are now: (place, units), largest first."""
    rows = session.execute(
        select(Place, Holding.quantity)
        .join(Place, Place.id == Holding.place)
        .where(Holding.pack == pack, Holding.quantity > 0)
        .order_by(Holding.quantity.desc(), Place.id)
    )
    return [(place, quantity) for place, quantity in rows]


def history(session: Session, pack: UUID) -> list[Movement]:
    """Every movement of a pack, oldest first."""
    return list(session.execute(select(Movement).where(Movement.pack == pack).order_by(Movement.id)).scalars())


_LINES = (
    "SELECT pack, id, quantity, source, target FROM movements ORDER BY pack, id",
    "SELECT pack, place, quantity FROM holdings ORDER BY pack, place",
)
_AT_ONCE = 10_000


def faults(session: Session) -> Iterator[str]:
    """Replay the ledger from its first line and name every disagreement with the holdings kept beside it.

    Pack by pack, so that the memory it takes does not grow with the ledger: movements and holdings are both read in the
    order of their packs, and no pack's balance depends on another's.
    """
    virtual = {place for place, kind in _stream(session, "SELECT id, kind FROM places") if kind in VIRTUAL}
    lines, holdings = (_by_pack(_stream(session, text)) for text in _LINES)
    left = next(holdings, None)
    for pack, moves in lines:
        while left is not None and left[0] < pack:
            yield from _differing(left[0], {}, left[1])
            left = next(holdings, None)
        balances: dict[Any, int] = {}
        yield from _replayed(pack, moves, virtual, balances)
        held = left[1] if left is not None and left[0] == pack else []
        yield from _differing(pack, balances, held)
        if held:
            left = next(holdings, None)
    while left is not None:
        yield from _differing(left[0], {}, left[1])
        left = next(holdings, None)


def _stream(session: Session, statement: str) -> Iterator[Any]:
    """Rows as the driver gives them, a few thousand at a time."""
    connection = session.connection()
    driver = connection.connection.dbapi_connection
    named = {} if connection.dialect.name == "sqlite" else {"name": f"ledger_{new_id().hex}"}
    with contextlib.closing(driver.cursor(**named)) as cursor:  # type: ignore[union-attr]
        cursor.execute(statement)
        while rows := cursor.fetchmany(_AT_ONCE):
            yield from rows


def _by_pack(rows: Iterator[Any]) -> Iterator[tuple[Any, list[Any]]]:
    return ((pack, list(found)) for pack, found in itertools.groupby(rows, operator.itemgetter(0)))


def _replayed(pack: Any, moves: list[Any], virtual: set[Any], balances: dict[Any, int]) -> Iterator[str]:
    for _, movement, quantity, source, target in moves:
        if source not in virtual:
            left = balances.get(source, 0) - quantity
            balances[source] = left
            if left < 0:
                yield f"movement {_id(movement)} takes more of pack {_id(pack)} than place {_id(source)} had"
        if target not in virtual:
            balances[target] = balances.get(target, 0) + quantity


def _differing(pack: Any, balances: dict[Any, int], held: list[Any]) -> Iterator[str]:
    for _, place, quantity in held:
        replayed = balances.pop(place, 0)
        if replayed != quantity:
            yield f"place {_id(place)} holds {quantity} of pack {_id(pack)}, the ledger says {replayed}"
    for place, replayed in balances.items():
        if replayed:
            yield f"place {_id(place)} holds none of pack {_id(pack)}, the ledger says {replayed}"


def _id(given: Any) -> UUID:
    return UUID(bytes=given) if isinstance(given, bytes) else given


def count(session: Session) -> int:
    """How many movements there are."""
    return session.execute(select(func.count()).select_from(Movement)).scalar_one()
