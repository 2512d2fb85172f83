"""Keeps a count blind: while a station is counted, whoever may count there sees no figure of the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.permissions import Actor, Permission
from inventory.counting.stocktake_errors import CountOpen
from inventory.counting.stocktake_models import OPEN, Stocktake, StocktakePlace
from inventory.models import Holding, Place, PlaceKind

P = ParamSpec("P")
T = TypeVar("T")


def hidden(session: Session, actor: Actor) -> frozenset[UUID]:
    """The places whose figures this reader must not see now: those in an open stocktake of a station it counts in."""
    if not actor.may(Permission.COUNT_STOCK):
        return frozenset()
    counted = (
        select(StocktakePlace.place)
        .join(Stocktake, Stocktake.id == StocktakePlace.stocktake)
        .where(Stocktake.state.in_(OPEN), Stocktake.station.in_(actor.stations))
    )
    return frozenset(session.execute(counted).scalars())


def not_counting(session: Session, actor: Actor) -> None:
    """Go on with figures of whole stations; raises CountOpen for whoever counts in one of them."""
    if hidden(session, actor):
        raise CountOpen


def figures(
    session: Session, actor: Actor, query: Callable[Concatenate[Session, P], T], *args: P.args, **more: P.kwargs
) -> T:
    """What a query says of whole stations; raises CountOpen for whoever counts in one of them."""
    not_counting(session, actor)
    return query(session, *args, **more)


def place(session: Session, wanted: UUID, actor: Actor) -> None:
    """Go on with what stands in a place; raises CountOpen."""
    if wanted in hidden(session, actor):
        raise CountOpen


def pack(session: Session, wanted: UUID, actor: Actor) -> None:
    """Go on with a pack's story and its units; raises CountOpen."""
    if stands_unseen(session, wanted, actor):
        raise CountOpen


def stands_unseen(session: Session, wanted: UUID, actor: Actor) -> bool:
    """Whether any of a pack stands in a hidden place, or is promised from a station that is being counted."""
    unseen = hidden(session, actor)
    if not unseen:
        return False
    rows = session.execute(
        select(Place.id, Place.kind, Place.station)
        .join(Holding, Holding.place == Place.id)
        .where(Holding.pack == wanted, Holding.quantity > 0)
    ).all()
    return any(row.id in unseen or row.kind is PlaceKind.RESERVED for row in rows)
