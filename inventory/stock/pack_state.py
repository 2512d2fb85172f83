"""A label and the whole state of its pack in one statement: what a scan is answered with, many times a minute."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, and_, bindparam, or_, select, type_coerce

from app.base.columns import Id, table
from app.base.db import Asking
from app.base.permissions import Actor
from app.base.prepared import Prepared
from inventory.models import Holding, Item, Lot, Pack, Place, Station
from labels.express import Labelled
from labels.models import Label


class Units(msgspec.Struct, frozen=True):
    """Units of the pack in one place now; ``kind`` is a ``PlaceKind``'s word."""

    kind: str
    name: str
    station: str
    quantity: int


class PackState(msgspec.Struct, frozen=True, kw_only=True):
    """A pack as it stands now; ``item`` is the catalogue's code, ``usable``: neither expired nor called back."""

    item: str
    name_zh: str
    name_en: str
    strength: str
    lot_number: str
    expiry: date | None
    expired: bool
    recalled: bool
    usable: bool
    received: int
    station: str
    where: tuple[Units, ...]


_P, _I, _L, _S = table(Pack).columns, table(Item).columns, table(Lot).columns, table(Station).columns
_H, _O = table(Holding).columns, table(Place).columns
_AT = table(Station).alias("at")
_C = table(Label).columns
# Ids stay in the database: making them costs more than finding the pack.
_FROM = (
    table(Label)
    .outerjoin(table(Pack), and_(_C.kind == "pack", _P.id == _C.subject))
    .outerjoin(table(Item), _I.id == _P.item)
    .outerjoin(table(Lot), _L.id == _P.lot)
    .outerjoin(table(Station), _S.id == _P.station)
    .outerjoin(table(Holding), and_(_H.pack == _P.id, _H.quantity > 0))
    .outerjoin(table(Place), _O.id == _H.place)
    .outerjoin(_AT, _AT.c.id == _O.station)
)
_NOWHERE = UUID(int=0)
_STATION, _COMMUNITY = bindparam("of_station", type_=Id), bindparam("of_community", type_=Id)
_ITS_OWN = or_(_P.station == _STATION, _S.community == _COMMUNITY)
_IT_IS_THERE = or_(_O.station == _STATION, _AT.c.community == _COMMUNITY)
_STATE = Prepared(
    select(
        _C.state.label("label"), _C.kind.label("of_kind"), _C.subject,
        _I.code, _I.name_zh, _I.name_en, _I.strength, _L.number, _L.expiry, _L.recalled_on, _P.quantity,
        _S.name.label("home"), _H.quantity.label("units"), type_coerce(_O.kind, Text).label("kind"),
        _O.name.label("place"), _AT.c.name.label("at"), or_(_ITS_OWN, _IT_IS_THERE).label("seen"),
    )
    .select_from(_FROM)
    .where(_C.code == bindparam("of_code"))
)  # fmt: skip


def labelled(asking: Asking, code: str, actor: Actor, today: date) -> Labelled | None:
    """A code and, within the reader's scope, the pack that it is on as it stands; None where it was never issued."""
    rows, seen = _of(asking, code, actor)
    if not rows:
        return None
    first = rows[0]
    return Labelled(first.label, first.of_kind, first.subject, _state(rows, today) if seen else None)


def _state(rows: list[Any], today: date) -> PackState:
    first = rows[0]
    expired = first.expiry is not None and first.expiry < today
    recalled = first.recalled_on is not None
    return PackState(
        item=first.code, name_zh=first.name_zh, name_en=first.name_en, strength=first.strength,
        lot_number=first.number, expiry=first.expiry, expired=expired, recalled=recalled,
        usable=not (expired or recalled), received=first.quantity, station=first.home,
        where=tuple(Units(row.kind, row.place, row.at or "", row.units) for row in rows if row.units),
    )  # fmt: skip


def _of(asking: Asking, code: str, actor: Actor) -> tuple[list[Any], bool]:
    """The label's rows, most units first, and whether the pack's station or one that has units of it is in scope.

    The same as ``packs.in_reach``. Almost everybody has one station or one community, so one question is enough.
    """
    rows: list[Any] = []
    stations, communities = [*actor.stations] or [_NOWHERE], [*actor.communities] or [_NOWHERE]
    for station in stations:
        for community in communities:
            rows = _STATE.all(asking, of_code=code, of_station=station, of_community=community)
            if not rows or rows[0].code is None:
                return rows, False
            if actor.everywhere or any(row.seen for row in rows):
                return sorted(rows, key=_units, reverse=True) if len(rows) > 1 else rows, True
    return rows, False


def _units(row: Any) -> int:
    units: int = row.units or 0
    return units
