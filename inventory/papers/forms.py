"""The papers of a store room: what came in (入库单), what left (出库单), a sheet to count on (盘点表), what is there.

None of them names a person. What moved inside a station is on none of them, so that on any day what was there, what
came in and what left add up to what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session, aliased

from app.base.errors import Invalid, Refusal
from app.base.fields import Dated, Day
from app.base.permissions import Actor
from app.base.workbooks import Sheet, Value
from inventory import stations
from inventory.models import DonationLine, Holding, Item, Lot, Movement, Pack, Place, PlaceKind, Station
from inventory.moving import splits

MOST = 20_000
"""Lines of a form: what is longer is asked for by station or by shorter days."""
_INSIDE = (
    PlaceKind.HOLD,
    PlaceKind.QUARANTINE,
    PlaceKind.SHELF,
    PlaceKind.RESERVED,
    PlaceKind.PARCEL,
    PlaceKind.KIT,
    PlaceKind.BIN,
)
Say = Callable[..., str]


class Form(StrEnum):
    """Which paper."""

    IN = "in"
    OUT = "out"
    COUNT = "count"
    STOCK = "stock"


class Asked(Dated, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which station (absent: all in the reader's scope), and for papers of movements, of which days."""

    station: UUID | None = None
    since: Day
    until: Day


class FormTooLong(Refusal):
    """More lines than a form holds."""

    code = "FORM_TOO_LONG"
    status = 422


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """For whom it is written: in which language, in the stations' time zone, whose scope."""

    actor: Actor
    language: str
    zone: ZoneInfo
    say: Say


def paper(session: Session, form: Form, asked: Asked, reader: Reader) -> Sheet:
    """A form as a table. Raises NotFound for a station out of scope, Invalid for days the wrong way, FormTooLong."""
    if asked.station is not None:
        stations.in_scope(session, reader.actor, asked.station)
    if asked.until < asked.since:
        raise Invalid(("until", "at_least_since", {}))
    make = {Form.IN: _moved, Form.OUT: _moved, Form.COUNT: _standing, Form.STOCK: _standing}[form]
    rows = make(session, form, asked, reader)
    if len(rows) > MOST:
        raise FormTooLong(most=MOST)
    say = reader.say
    heads = {Form.IN: _IN, Form.OUT: _OUT, Form.COUNT: _COUNT, Form.STOCK: _STOCK}[form]
    days = say("form.days", since=asked.since, until=asked.until) if form in {Form.IN, Form.OUT} else ""
    return Sheet(
        title=say(f"form.title.{form.value}"),
        headings=tuple(say(f"form.head.{name}") for name in heads),
        rows=rows,
        above=tuple(text for text in (say(f"form.title.{form.value}"), days) if text),
        below=tuple(say(f"form.sign.{name}") for name in _SIGNS[form]),
    )


_GOODS = ("item", "strength", "lot", "expiry", "unit", "quantity")
_IN = ("number", "day_in", "station", *_GOODS, "whence")
_OUT = ("number", "day_out", "station", *_GOODS, "whither")
_COUNT = ("number", "station", "place", "item", "strength", "lot", "expiry", "unit", "counted", "remark")
_STOCK = ("number", "station", "place", "code", *_GOODS)
_SIGNS: dict[Form, tuple[str, ...]] = {
    Form.IN: ("taken_in", "checked"),
    Form.OUT: ("handed_out", "received"),
    Form.COUNT: ("counted", "approved", "day"),
    Form.STOCK: (),
}


def _moved(session: Session, form: Form, asked: Asked, reader: Reader) -> list[tuple[Value, ...]]:
    """Movements over a station's threshold, in their order; undone ones stand there with their opposites."""
    source, target = aliased(Place), aliased(Place)
    begins, ends = _instants(asked, reader.zone)
    inside, outside = (target, source) if form is Form.IN else (source, target)
    query = (
        select(*_WHAT, Movement.at, Movement.reason, Movement.quantity, Station.name.label("station"))
        .select_from(Movement)
        .join(source, source.id == Movement.source)
        .join(target, target.id == Movement.target)
        .join(Pack, Pack.id == Movement.pack)
        .join(Station, Station.id == func.coalesce(inside.station, Pack.station))
        .where(
            Movement.at >= begins, Movement.at < ends, Movement.reason != splits.REASON,
            inside.kind.in_(_INSIDE), outside.kind.not_in(_INSIDE),
        )
        .order_by(Movement.id)
    )  # fmt: skip
    say = reader.say
    return [
        (
            number,
            row.at.astimezone(reader.zone).date(),
            row.station,
            *_goods(row, reader),
            say(f"pack.step.{row.reason}"),
        )
        for number, row in enumerate(_found(session, query, asked, reader), start=1)
    ]


def _standing(session: Session, form: Form, asked: Asked, reader: Reader) -> list[tuple[Value, ...]]:
    """What is in the stations now; a count sheet holds no figures, so that nobody writes down what is expected."""
    query = (
        select(
            *_WHAT, Holding.quantity, Place.name.label("place"), Place.kind, Station.name.label("station")
        )
        .select_from(Holding)
        .join(Place, Place.id == Holding.place)
        .join(Pack, Pack.id == Holding.pack)
        .join(Station, Station.id == func.coalesce(Place.station, Pack.station))
        .where(Holding.quantity > 0, Place.kind.in_(_INSIDE))
        .order_by(Station.name, Place.kind, Place.name, Item.code, Lot.expiry, Pack.id)
    )  # fmt: skip
    rows: list[tuple[Value, ...]] = []
    for number, row in enumerate(_found(session, query, asked, reader), start=1):
        place, goods = (
            row.place if row.kind is PlaceKind.SHELF else reader.say(f"place.kind.{row.kind}"),
            _goods(row, reader),
        )
        if form is Form.COUNT:
            rows.append((number, row.station, place, *goods[:-1], None, None))
        else:
            rows.append((number, row.station, place, row.code, *goods))
    return rows


_WHAT = (
    Item.code, Item.name_zh, Item.name_en, Item.strength, Item.facts, Lot.number, Lot.expiry, DonationLine.called,
)  # fmt: skip


def _found(session: Session, query: Select[Any], asked: Asked, reader: Reader) -> Iterable[Row[Any]]:
    query = (
        query.join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .outerjoin(DonationLine, DonationLine.pack == func.coalesce(Pack.split_from, Pack.id))
        .where(stations.visible(reader.actor))
        .limit(MOST + 1)
    )
    return session.execute(query if asked.station is None else query.where(Station.id == asked.station))


def _goods(row: Any, reader: Reader) -> tuple[Value, ...]:
    chinese = reader.language == "zh"
    name = row.name_zh if chinese else row.name_en
    unit = row.facts["unit_zh" if chinese else "unit_en"]
    return (row.called or name, row.strength, row.number, row.expiry, unit, row.quantity)


def _instants(asked: Asked, zone: ZoneInfo) -> tuple[datetime, datetime]:
    ends: date = asked.until + timedelta(days=1)
    return datetime.combine(asked.since, time(), zone), datetime.combine(ends, time(), zone)
