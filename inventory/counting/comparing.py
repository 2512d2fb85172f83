"""Compares what was seen with the books, and has what differs counted again by another person, still blind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.base import audit, replay
from app.base.errors import NotFound
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from inventory.counting.stocktake import locked, recounting, scans, seen
from inventory.counting.stocktake_errors import CountOver, NothingCounted, OtherCounter, RecountTaken
from inventory.counting.stocktake_models import (
    LineState,
    Stocktake,
    StocktakeLine,
    StocktakePlace,
    StocktakeScan,
    StocktakeState,
)
from inventory.counting.stocktake_rules import (
    Counted,
    Entry,
    Moment,
    Moved,
    agree,
    differences,
    lots_of,
    next_counter,
    only_moved,
    unlabelled,
)
from inventory.models import Holding, Movement, Pack, Place, PlaceKind
from inventory.receiving import intake

HELD_FOR = timedelta(hours=2)
"""How long a recount is somebody's before another may begin it."""
_LAST = UUID(int=(1 << 128) - 1)


class Finish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first count is done: compare. ``empty``: yes, nothing at all stands there."""

    key: Key
    stocktake: UUID
    empty: bool = False


class Recount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Begin, or end, the recount of a line."""

    key: Key
    line: UUID


def finish(session: Session, order: Finish, actor: Actor, now: datetime) -> UUID:
    """End the first count and compare it with the books; differing lines are to be counted again by another person.

    Goods that only stand in another place than the books say need no second count. Raises NotFound, CountOver,
    NothingCounted.
    """
    actor.need(Permission.COUNT_STOCK, Permission.APPROVE_COUNT)
    stocktake = locked(session, order.stocktake, actor)
    if replay.made_by(session, actor, order.key, "count.finish", order) is not None:
        return stocktake.id
    if stocktake.state is not StocktakeState.COUNTING:
        raise CountOver
    made = scans(session, stocktake.id)
    if not made and not order.empty:
        raise NothingCounted
    places = frozenset(
        session.execute(select(StocktakePlace.place).where(StocktakePlace.stocktake == stocktake.id)).scalars()
    )
    end = Moment(now, new_id())
    count = Counted(
        places=places, since=Moment(stocktake.opened_at, stocktake.id), until=end, seen=seen(session, stocktake.id)
    )
    entries = differences(count, _ways(session, stocktake.station, count))
    for place, lots in _by_line(session, entries, made).items():
        there = {str(one.by) for one in made if one.place == place} or {str(actor.account)}
        for lot, some in sorted(lots.items()):
            _add_line(session, stocktake, place, lot, some, sorted(there))
    session.execute(
        update(Stocktake).where(Stocktake.id == stocktake.id).values(state=StocktakeState.REVIEW, counted_at=now)
    )
    close_if_done(session, stocktake.id, actor, now)
    audit.note(session, actor, "count.finish", stocktake.id, now, count=len(made))
    replay.keep(session, actor, order.key, "count.finish", order, {}, now)
    return stocktake.id


def _by_line(
    session: Session, entries: Mapping[UUID, Iterable[Entry]], made: Iterable[StocktakeScan]
) -> dict[UUID, dict[UUID, list[Entry]]]:
    """Entries by place and lot, with what was found without a label."""
    packs = {entry.pack for some in entries.values() for entry in some if entry.pack is not None}
    lot_of = {row.id: row.lot for row in session.execute(select(Pack.id, Pack.lot).where(Pack.id.in_(packs)))}
    lines = {place: lots_of(some, lot_of) for place, some in entries.items()}
    for one in made:
        if one.item is not None:
            lot = intake.lot_of(session, one.item, one.lot_number, one.expiry)
            entry = unlabelled(one.quantity, Moment(one.at, one.id))
            lines.setdefault(one.place, {}).setdefault(lot, []).append(entry)
    return lines


def _add_line(
    session: Session, stocktake: Stocktake, place: UUID, lot: UUID, entries: list[Entry], counters: list[str]
) -> None:
    session.execute(
        insert(StocktakeLine).values(
            id=new_id(), stocktake=stocktake.id, place=place, lot=lot, round=1, why="", note="",
            state=LineState.DECIDE if only_moved(entries) else LineState.RECOUNT,
            rounds={"1": msgspec.to_builtins(entries)}, counters={"1": counters},
        )
    )  # fmt: skip


def close_if_done(session: Session, stocktake: UUID, actor: Actor, now: datetime) -> None:
    """A stocktake none of whose lines is open is over."""
    waiting = session.execute(
        select(func.count()).where(
            StocktakeLine.stocktake == stocktake, StocktakeLine.state.in_((LineState.RECOUNT, LineState.DECIDE))
        )
    ).scalar_one()
    if not waiting:
        session.execute(
            update(Stocktake)
            .where(Stocktake.id == stocktake)
            .values(state=StocktakeState.CLOSED, ended_by=actor.account, ended_at=now)
        )


def _ways(session: Session, station: UUID, count: Counted, *, lot: UUID | None = None) -> dict[UUID, list[Moved]]:
    """The movements of every pack that may differ: seen, standing there now, promised, or moved there since."""
    packs = {pack for _, pack in count.seen}
    here = select(Holding.pack).where(Holding.quantity > 0, Holding.place.in_(count.places))
    promised = (
        select(Holding.pack)
        .join(Place, Place.id == Holding.place)
        .where(Place.station == station, Place.kind == PlaceKind.RESERVED, Holding.quantity > 0)
    )
    since = select(Movement.pack).where(
        Movement.id >= _first_id(count.since.at),
        or_(Movement.source.in_(count.places), Movement.target.in_(count.places)),
    )
    for query in (here, promised, since):
        packs |= set(session.execute(query).scalars())
    if lot is not None:
        packs = set(session.execute(select(Pack.id).where(Pack.id.in_(packs), Pack.lot == lot)).scalars())
    return ways(session, packs)


def _first_id(instant: datetime) -> UUID:
    """The smallest id that a movement of an hour before an instant can have (UUIDv7 begins with milliseconds)."""
    return UUID(int=max(0, int((instant - timedelta(hours=1)).timestamp() * 1000)) << 80)


_CHUNK = 500


def ways(session: Session, packs: Collection[UUID]) -> dict[UUID, list[Moved]]:
    """Each pack's movements in the order of their moments."""
    source, target, back = aliased(Place), aliased(Place), aliased(Movement)
    asked, found_ways = sorted(packs), {pack: list[Moved]() for pack in sorted(packs)}
    for start in range(0, len(asked), _CHUNK):
        rows = session.execute(
            select(
                Movement.id, Movement.at, Movement.pack, Movement.source, source.kind.label("source_kind"),
                Movement.target, target.kind.label("target_kind"), Movement.quantity, Movement.reason,
                Movement.reverses, back.at.label("reversed_at"),
            )
            .join(source, source.id == Movement.source)
            .join(target, target.id == Movement.target)
            .outerjoin(back, back.id == Movement.reverses)
            .where(Movement.pack.in_(asked[start : start + _CHUNK]))
            .order_by(Movement.at, Movement.id)
        )  # fmt: skip
        for row in rows:
            found_ways[row.pack].append(
                Moved(
                    moment=Moment(row.at, row.id), source=row.source, source_kind=row.source_kind.value,
                    target=row.target, target_kind=row.target_kind.value, quantity=row.quantity, reason=row.reason,
                    reverses=Moment(row.reversed_at, row.reverses) if row.reverses else None,
                )
            )  # fmt: skip
    return found_ways


# ---------------------------------------------------------------- counting again


def start_recount(session: Session, order: Recount, actor: Actor, now: datetime) -> UUID:
    """Take a line to be counted again; returns it. Raises NotFound, CountOver, OtherCounter, RecountTaken."""
    actor.need(Permission.COUNT_STOCK)
    line = line_of(session, order.line, actor)
    if replay.made_by(session, actor, order.key, "count.recount", order) is not None:
        return line.id
    if line.state is not LineState.RECOUNT:
        raise CountOver
    if not next_counter(actor.account, line.counters, line.round + 1):
        raise OtherCounter
    taken = line.started_at is not None and now - line.started_at < HELD_FOR
    if taken and line.started_by != actor.account:
        raise RecountTaken
    session.execute(
        update(StocktakeLine).where(StocktakeLine.id == line.id).values(started_by=actor.account, started_at=now)
    )
    replay.keep(session, actor, order.key, "count.recount", order, {}, now)
    return line.id


def line_of(session: Session, line: UUID, actor: Actor) -> StocktakeLine:
    """A line of a stocktake in the actor's scope, the stocktake held; raises NotFound."""
    stocktake = session.execute(select(StocktakeLine.stocktake).where(StocktakeLine.id == line)).scalar()
    if stocktake is None:
        raise NotFound
    locked(session, stocktake, actor)
    return session.get_one(StocktakeLine, line, populate_existing=True)


def finish_recount(session: Session, order: Recount, actor: Actor, now: datetime) -> UUID:
    """End a recount: two counts that agree stand, else the third does; returns the stocktake.

    Raises NotFound, CountOver, RecountNotStarted.
    """
    line = line_of(session, order.line, actor)
    if replay.made_by(session, actor, order.key, "count.recounted", order) is not None:
        return line.stocktake
    recounting(line, actor)
    stocktake = session.get_one(Stocktake, line.stocktake)
    entries = _recounted(session, stocktake, line, now)
    number = line.round + 1
    stands = number > 2 or agree(entries, entries_of(line))
    settled = LineState.DECIDE if entries else LineState.RIGHT
    session.execute(
        update(StocktakeLine)
        .where(StocktakeLine.id == line.id)
        .values(
            round=number,
            rounds={**line.rounds, str(number): msgspec.to_builtins(entries)},
            counters={**line.counters, str(number): [str(actor.account)]},
            started_by=None,
            started_at=None,
            state=settled if stands else LineState.RECOUNT,
        )
    )
    close_if_done(session, stocktake.id, actor, now)
    audit.note(session, actor, "count.recounted", line.id, now, count=number)
    replay.keep(session, actor, order.key, "count.recounted", order, {}, now)
    return stocktake.id


def _recounted(session: Session, stocktake: Stocktake, line: StocktakeLine, now: datetime) -> list[Entry]:
    made = scans(session, stocktake.id, line)
    since = line.started_at or now
    others = session.execute(
        select(StocktakeLine).where(StocktakeLine.stocktake == stocktake.id, StocktakeLine.id != line.id)
    ).scalars()
    gone: dict[tuple[UUID, UUID], int] = {}
    for other in others:
        for entry in entries_of(other):
            for shift in entry.shifts:
                if shift.source == line.place and entry.pack is not None:
                    gone[line.place, entry.pack] = gone.get((line.place, entry.pack), 0) + shift.units
    count = Counted(
        places=frozenset({line.place}), since=Moment(since, _LAST), until=Moment(now, new_id()),
        seen=seen(session, stocktake.id, line), elsewhere=seen(session, stocktake.id), gone=gone,
    )  # fmt: skip
    entries = differences(count, _ways(session, stocktake.station, count, lot=line.lot)).get(line.place, [])
    plain = [unlabelled(one.quantity, Moment(one.at, one.id)) for one in made if one.item is not None]
    return [*entries, *plain]


def entries_of(line: StocktakeLine) -> tuple[Entry, ...]:
    """The findings of a line's latest count."""
    return msgspec.convert(line.rounds[str(line.round)], tuple[Entry, ...])
