"""Lets another person decide what a count found: corrections are written for a whole batch of lines, or for none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound, Refusal
from app.base.fields import Key, Note
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from inventory import ledger, stations
from inventory.cataloguing import catalogue
from inventory.counting import comparing
from inventory.counting.stocktake import locked
from inventory.counting.stocktake_errors import (
    CounterCannotApprove,
    CountGone,
    CountPromised,
    CountStale,
    LineNotReady,
    LinesOpen,
)
from inventory.counting.stocktake_models import (
    OPEN,
    LineState,
    Stocktake,
    StocktakeLine,
    StocktakeScan,
    StocktakeState,
)
from inventory.counting.stocktake_rules import Entry, Moved, Shift, disturbed, may_shift
from inventory.errors import NotEnough
from inventory.ledger import BY_CORRECTION, Spot
from inventory.models import DonationLine, Holding, Item, Lot, Movement, Pack, Place, PlaceKind
from inventory.receiving import intake, labelled
from inventory.receiving.intake_facts import DonationFacts, PackFacts
from inventory.stations import StationPlaces
from labels import registry

COUNT, UNCOUNT = "count", "count-undone"
MOST = 200


class WhyVariance(StrEnum):
    """Why the books and the shelf differ, as far as anybody can tell."""

    BOOKED_WRONG = "booked_wrong"
    NOT_SCANNED_OUT = "not_scanned_out"
    NOT_SCANNED_IN = "not_scanned_in"
    LABEL_LOST = "label_lost"
    BROKEN = "broken"
    TAKEN = "taken"
    MOVED = "moved"
    UNKNOWN = "unknown"


class LineWord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reason given for one line."""

    line: UUID
    why: WhyVariance
    note: Note = ""


class ApproveCount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Correct the books by these lines, all of them or none."""

    key: Key
    stocktake: UUID
    lines: Annotated[tuple[LineWord, ...], msgspec.Meta(min_length=1, max_length=MOST)]


class RefuseCount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Do not believe these lines: they are counted once more, by yet another person than last time."""

    key: Key
    stocktake: UUID
    lines: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=MOST)]
    note: Note = ""


class EndStocktake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End a stocktake; ``leave``: although differences are open, which then stay as they are."""

    key: Key
    stocktake: UUID
    leave: bool = False


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """What was corrected. ``batch`` names it for the undo; ``found`` packs need their labels printed."""

    batch: UUID
    lines: int
    movements: int
    found: tuple[UUID, ...] = ()


def approve(session: Session, order: ApproveCount, actor: Actor, today: date, now: datetime) -> Approved:
    """Write the correcting movements of these lines, or none of them.

    What is missing goes to the corrections. What was seen in another place than the books say is moved there. What was
    found beyond the books waits for its release in hold or quarantine, never on a shelf; without a label, as a new pack
    with its own. Raises NotFound, CounterCannotApprove, LineNotReady, and where a correction is no longer possible
    CountStale, CountGone, CountPromised, with the line's place and goods: then every line stays open.
    """
    actor.need(Permission.APPROVE_COUNT)
    stocktake = _deciding(session, order.stocktake, actor)
    made = replay.made_by(session, actor, order.key, "count.approve", order)
    if made is not None:
        return msgspec.convert(made, Approved)
    words = {word.line: word for word in order.lines}
    lines = _lines(session, stocktake, words, actor)
    own, batch = stations.places(session, stocktake.station), new_id()
    entries = {line.id: comparing.entries_of(line) for line in lines}
    packs = sorted({entry.pack for some in entries.values() for entry in some if entry.pack is not None})
    session.execute(select(Pack.id).where(Pack.id.in_(packs)).order_by(Pack.id).with_for_update())
    correction = _Correction(session, own, batch, comparing.ways(session, packs), actor, today, now)
    for line in lines:
        correction.write(line, entries[line.id])
        word = words[line.id]
        session.execute(
            update(StocktakeLine)
            .where(StocktakeLine.id == line.id)
            .values(
                state=LineState.CORRECTED, why=word.why.value, note=word.note, decided_by=actor.account,
                decided_at=now, batch=batch,
            )
        )  # fmt: skip
    done = Approved(batch=batch, lines=len(lines), movements=correction.count, found=tuple(correction.found))
    comparing.close_if_done(session, stocktake.id, actor, now)
    audit.note(session, actor, "count.approve", stocktake.id, now, count=len(lines), movements=correction.count)
    replay.keep(session, actor, order.key, "count.approve", order, msgspec.to_builtins(done), now)
    return done


def _deciding(session: Session, stocktake: UUID, actor: Actor) -> Stocktake:
    """The stocktake, its station's writes held first: every verb takes locks in this order."""
    station = session.execute(select(Stocktake.station).where(Stocktake.id == stocktake)).scalar()
    if station is None:
        raise NotFound
    stations.in_scope(session, actor, station, lock=True)
    return locked(session, stocktake, actor)


def _lines(session: Session, stocktake: Stocktake, wanted: Iterable[UUID], actor: Actor) -> list[StocktakeLine]:
    """The lines that wait for a decision, in the order of their ids; by somebody who counted none of it."""
    ids = sorted(set(wanted))
    counted = select(StocktakeScan.id).where(StocktakeScan.stocktake == stocktake.id, StocktakeScan.by == actor.account)
    if session.execute(counted.limit(1)).first():
        raise CounterCannotApprove
    rows = session.execute(
        select(StocktakeLine)
        .where(StocktakeLine.id.in_(ids), StocktakeLine.stocktake == stocktake.id)
        .order_by(StocktakeLine.id)
        .execution_options(populate_existing=True)
    )
    lines = list(rows.scalars())
    if len(lines) != len(ids):
        raise NotFound
    if any(line.state is not LineState.DECIDE for line in lines):
        raise LineNotReady
    return lines


class _Correction:
    """The movements of one batch of lines."""

    def __init__(
        self, session: Session, own: StationPlaces, batch: UUID, ways: dict[UUID, list[Moved]], actor: Actor,
        today: date, now: datetime,
    ) -> None:  # fmt: skip
        self.session, self.own, self.batch, self.ways = session, own, batch, ways
        self.actor, self.today, self.now = actor, today, now
        self.count = 0
        self.found: list[UUID] = []

    def write(self, line: StocktakeLine, entries: Sequence[Entry]) -> None:
        """Correct one line; raises CountStale, CountGone and CountPromised with the line they stopped at."""
        place = ledger.spot(self.session, line.place)
        for entry in entries:
            if entry.pack is None:
                self._new(line, entry)
                continue
            if disturbed(self.ways[entry.pack], entry.moment):
                raise self._stopped(CountStale, line)
            for shift in entry.shifts:
                self._shift(line, entry.pack, shift, place)
            if entry.rest < 0:
                self._missing(line, entry.pack, -entry.rest, place)
            elif entry.rest > 0:
                self._too_many(entry.pack, entry.rest, place)

    def _move(self, pack: UUID, units: int, source: Spot, target: Spot) -> None:
        ledger.move(self.session, pack, units, source, target, COUNT, self.actor, self.now, subject=self.batch)
        self.count += 1

    def _shift(self, line: StocktakeLine, pack: UUID, shift: Shift, place: Spot) -> None:
        """Let the books follow; what they must not follow is put back by hand, and what is promised goes out anyway."""
        if not may_shift(shift.kind, place.kind.value):
            return
        units = shift.units - self._promised(pack, shift.source, shift.units)
        if units:
            source = Spot(shift.source, PlaceKind(shift.kind))
            try:
                self._move(pack, units, source, place)
            except NotEnough:
                raise self._stopped(CountGone, line) from None

    def _missing(self, line: StocktakeLine, pack: UUID, units: int, place: Spot) -> None:
        held = ledger.held(self.session, place.id, pack)
        if held < units:
            raise self._stopped(CountPromised if self._reserved(pack) else CountGone, line)
        self._move(pack, units, place, BY_CORRECTION)

    def _too_many(self, pack: UUID, units: int, place: Spot) -> None:
        """Out of sight until now: released anew by a second person, or kept apart where it must not be given out."""
        if place.kind is PlaceKind.SHELF:
            good = labelled.about(self.session, {pack}, self.today)[pack].good
            place = self.own.hold if good else self.own.quarantine
        self._move(pack, units, BY_CORRECTION, place)

    def _promised(self, pack: UUID, place: UUID, units: int) -> int:
        """How many of the units are not free where the books have them: they are promised, and go out as they are."""
        return min(self._reserved(pack), max(0, units - ledger.held(self.session, place, pack)))

    def _reserved(self, pack: UUID) -> int:
        return ledger.held(self.session, self.own.reserved.id, pack)

    def _new(self, line: StocktakeLine, entry: Entry) -> None:
        """Goods nobody can name by a label: a pack of its own in quarantine, screened by what is known of it."""
        scan = self.session.get_one(StocktakeScan, entry.seq)
        lot = self.session.get_one(Lot, line.lot)
        pack, units = new_id(), entry.counted or 0
        self.session.execute(
            insert(Pack).values(
                id=pack, lot=lot.id, item=lot.item, station=self.own.station, quantity=units, received_by=scan.by,
                received_at=self.now,
            )
        )  # fmt: skip
        self.session.execute(insert(DonationLine).values(pack=pack, called=scan.called, **self._screened(lot, units)))
        registry.bind_new(self.session, "pack", pack, self.now)
        self._move(pack, units, BY_CORRECTION, self.own.quarantine)
        self.found.append(pack)

    def _screened(self, lot: Lot, units: int) -> dict[str, object]:
        facts = catalogue.item_facts(self.session, lot.item)
        known = None if facts.code == catalogue.UNKNOWN_CODE else facts
        seen = PackFacts(lot=lot.number or None, expires_on=lot.expiry, look=None)
        said = DonationFacts(station_has_cool_cabinet=self.own.cool_cabinet)
        judged = intake.judge(self.session, seen, intake.Goods(lot.item, known), said, self.today)
        return {
            "id": new_id(), "donation": None, "item": lot.item if known else None, "lot_number": lot.number,
            "expiry": lot.expiry, "quantity": units, "verdict": judged.verdict.value,
            "reasons": msgspec.to_builtins(judged.reasons), "ruleset": judged.ruleset,
            "facts": msgspec.to_builtins({"pack": seen, "donation": said}), "taken_back_at": None,
        }  # fmt: skip

    def _stopped(self, kind: type[Refusal], line: StocktakeLine) -> Refusal:
        place, lot = self.session.get_one(Place, line.place), self.session.get_one(Lot, line.lot)
        item = self.session.get_one(Item, lot.item)
        return kind(place=place.name, lot=lot.number, item=item.name_zh)


def refuse(session: Session, order: RefuseCount, actor: Actor, now: datetime) -> UUID:
    """Have lines counted once more; returns the stocktake. Raises NotFound, CounterCannotApprove, LineNotReady."""
    actor.need(Permission.APPROVE_COUNT)
    stocktake = _deciding(session, order.stocktake, actor)
    if replay.made_by(session, actor, order.key, "count.refuse", order) is not None:
        return stocktake.id
    lines = _lines(session, stocktake, order.lines, actor)
    session.execute(
        update(StocktakeLine)
        .where(StocktakeLine.id.in_([line.id for line in lines]))
        .values(state=LineState.RECOUNT, note=order.note, started_by=None, started_at=None)
    )
    audit.note(session, actor, "count.refuse", stocktake.id, now, count=len(lines))
    replay.keep(session, actor, order.key, "count.refuse", order, {}, now)
    return stocktake.id


def end(session: Session, order: EndStocktake, actor: Actor, now: datetime) -> UUID:
    """End a stocktake: called off while it is counted, closed afterwards; returns it.

    Raises NotFound, and LinesOpen where differences are open and not left on purpose.
    """
    actor.need(Permission.APPROVE_COUNT)
    stocktake = _deciding(session, order.stocktake, actor)
    if replay.made_by(session, actor, order.key, "count.end", order) is not None:
        return stocktake.id
    if stocktake.state not in OPEN:
        return stocktake.id
    waiting = (
        StocktakeLine.stocktake == stocktake.id,
        StocktakeLine.state.in_((LineState.RECOUNT, LineState.DECIDE)),
    )
    if session.execute(select(StocktakeLine.id).where(*waiting).limit(1)).first() and not order.leave:
        raise LinesOpen
    session.execute(
        update(StocktakeLine).where(*waiting).values(state=LineState.LEFT, decided_by=actor.account, decided_at=now)
    )
    counting = stocktake.state is StocktakeState.COUNTING
    session.execute(
        update(Stocktake)
        .where(Stocktake.id == stocktake.id)
        .values(
            state=StocktakeState.CANCELLED if counting else StocktakeState.CLOSED, ended_by=actor.account, ended_at=now
        )
    )
    audit.note(session, actor, "count.end", stocktake.id, now, cancelled=counting)
    replay.keep(session, actor, order.key, "count.end", order, {}, now)
    return stocktake.id


def undone(session: Session, batch: UUID, actor: Actor, now: datetime) -> None:
    """What a reversal of a batch's corrections leaves to do: its lines wait for a decision again.

    The labels of packs that were found end with them. Raises LineNotReady where the stocktake's places are being
    counted anew meanwhile.
    """
    lines = session.execute(select(StocktakeLine.stocktake).where(StocktakeLine.batch == batch).limit(1)).first()
    if lines is None:
        return
    stocktake = locked(session, lines.stocktake, actor)
    if stocktake.state not in OPEN and _counted_again(session, stocktake):
        raise LineNotReady
    session.execute(
        update(StocktakeLine)
        .where(StocktakeLine.batch == batch)
        .values(state=LineState.DECIDE, batch=None, decided_by=None, decided_at=None)
    )
    session.execute(
        update(Stocktake)
        .where(Stocktake.id == stocktake.id)
        .values(state=StocktakeState.REVIEW, ended_by=None, ended_at=None)
    )
    made = session.execute(
        select(Movement.pack)
        .join(DonationLine, DonationLine.pack == Movement.pack)
        .outerjoin(Holding, (Holding.pack == Movement.pack) & (Holding.quantity > 0))
        .where(Movement.subject == batch, Movement.source == ledger.CORRECTION, Movement.reverses.is_(None))
        .where(DonationLine.donation.is_(None), Holding.pack.is_(None))
    )
    for pack in sorted(made.scalars()):
        code = registry.code_of(session, pack)
        if code is not None:
            registry.void(session, code, "undone", actor, now)


def _counted_again(session: Session, stocktake: Stocktake) -> bool:
    newer = select(Stocktake.id).where(
        Stocktake.station == stocktake.station, Stocktake.state.in_(OPEN), Stocktake.id > stocktake.id
    )
    return session.execute(newer.limit(1)).first() is not None
