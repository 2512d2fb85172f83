"""Books a station's opening stock from a spreadsheet: each row screened like a gift, nothing free before a release.

A file is kept, looked at, and applied in small parts; each part is written whole or not at all, and whoever was cut
short goes on where it stopped. The same file for the same station is one opening, however often it is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, spreadsheets
from app.base.errors import Invalid, NotFound, Refusal
from app.base.fields import PLAIN, Key
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.reasons import Reason
from app.base.spreadsheets import SheetEmpty, text_of
from inventory import ledger, stations
from inventory.cataloguing import catalogue
from inventory.cataloguing.catalogue import UNKNOWN_CODE
from inventory.ledger import BY_CORRECTION
from inventory.models import Barcode, DonationLine, Item, Pack
from inventory.papers.opening_models import Opening, OpeningState
from inventory.papers.opening_rows import FIELDS, SYNONYMS, Said, Wrong, read_row
from inventory.receiving import intake
from inventory.receiving.intake import Goods, lot_number, lot_of
from inventory.receiving.intake_facts import DonationFacts, Look, PackFacts, Verdict
from inventory.stations import StationPlaces
from labels import registry

REASON = "opening"
MOST, PART = 2_000, 50


class OpeningMoved(Refusal):
    """It is at another step already; nothing was done."""

    code = "OPENING_MOVED"


class OpeningColumns(Refusal):
    """No column holds a name or code, or none the quantity, or two hold the same."""

    code = "OPENING_COLUMNS"
    status = 422


class OpeningFaulty(Refusal):
    """Some rows are faulty or refused: nothing is booked until somebody says that the good ones shall be."""

    code = "OPENING_FAULTY"
    status = 422


class OpeningTooLong(Refusal):
    """More rows than an opening holds."""

    code = "OPENING_TOO_LONG"
    status = 422


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file as a table: what its columns seem to hold, and its rows as texts with their cells' faults."""

    digest: bytes
    headings: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...], tuple[spreadsheets.Fault, ...]], ...]


class ApplyOpening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``good_rows``: book the good rows although others are not. ``looked``: each pack was looked at and is sound."""

    good_rows: bool = False
    looked: bool = False


class RowView(msgspec.Struct, frozen=True, kw_only=True):
    """A row and what becomes of it: accept (to hold), quarantine, reject or faulty; ``pack`` once it is booked."""

    number: int
    outcome: str
    name: str
    lot: str
    expiry: date | None
    quantity: int
    known: bool
    reasons: tuple[Reason, ...]
    wrong: tuple[Wrong, ...]
    pack: UUID | None = None


class OpeningView(msgspec.Struct, frozen=True, kw_only=True):
    """An opening as it stands."""

    id: UUID
    station: UUID
    station_name: str
    state: OpeningState
    at: datetime
    headings: tuple[str, ...]
    columns: tuple[str, ...]
    done: int
    rows: tuple[RowView, ...]

    def counted(self, *outcomes: str) -> int:
        """How many rows have one of these outcomes."""
        return sum(row.outcome in outcomes for row in self.rows)


def draft(data: bytes, sheets: Sequence[spreadsheets.Sheet]) -> Draft:
    """The sheet that looks most like goods. Raises SheetEmpty, OpeningTooLong."""
    tables = [spreadsheets.table(sheet, SYNONYMS) for sheet in sheets]
    best = max(
        tables, key=lambda one: len(spreadsheets.matched(one.headings, SYNONYMS)) if one.rows else -1, default=None
    )
    if best is None or not best.rows:
        raise SheetEmpty
    if len(best.rows) > MOST:
        raise OpeningTooLong(most=MOST)
    named = spreadsheets.matched(best.headings, SYNONYMS)
    return Draft(
        digest=hashlib.sha256(data).digest(),
        headings=best.headings,
        columns=tuple(named.get(column, "") for column in range(len(best.headings))),
        rows=tuple((row.number, tuple(text_of(cell) for cell in row.cells), row.faults) for row in best.rows),
    )


class Begun(msgspec.Struct, frozen=True):
    """The opening of a file; ``again``: the same file was sent before, and this is that one."""

    id: UUID
    again: bool


def begin(session: Session, key: Key, station: UUID, file: Draft, actor: Actor, now: datetime) -> Begun:
    """Keep an uploaded file for a station; nothing is booked yet. Raises NotFound out of scope."""
    stations.in_scope(session, actor, station, lock=True)
    known = session.execute(
        select(Opening.id).where(
            Opening.station == station, Opening.digest == file.digest, Opening.state != OpeningState.DROPPED
        )
    ).scalar()
    if known is not None:
        return Begun(known, again=known != key)
    if session.execute(select(Opening.id).where(Opening.id == key)).first() is not None:
        raise NotFound
    session.execute(
        insert(Opening).values(
            id=key, station=station, by=actor.account, at=now, digest=file.digest, state=OpeningState.PREVIEW,
            headings=list(file.headings), columns=list(file.columns), rows=msgspec.to_builtins(file.rows), result=[],
            looked=False, done=0,
        )
    )  # fmt: skip
    return Begun(key, again=False)


def _reach(session: Session, opening: UUID, actor: Actor, *, lock: bool = False) -> tuple[Opening, StationPlaces]:
    station = session.execute(select(Opening.station).where(Opening.id == opening)).scalar()
    if station is None:
        raise NotFound
    places = stations.in_scope(session, actor, station, lock=lock)
    query = select(Opening).where(Opening.id == opening).execution_options(populate_existing=True)
    return session.execute(query.with_for_update() if lock else query).scalar_one(), places


def choose_columns(session: Session, opening: UUID, columns: Sequence[str], actor: Actor) -> None:
    """Say what each column holds (one of ``FIELDS`` or nothing). Raises NotFound, OpeningColumns, OpeningMoved."""
    found, _ = _reach(session, opening, actor, lock=True)
    named = [one for one in columns if one]
    if len(columns) != len(found.headings) or len(named) != len(set(named)) or not set(named) <= set(FIELDS):
        raise OpeningColumns
    if found.state is not OpeningState.PREVIEW:
        raise OpeningMoved
    _set(session, opening, columns=list(columns))


def drop(session: Session, opening: UUID, actor: Actor) -> None:
    """Forget a file of which nothing was booked. Raises NotFound, OpeningMoved."""
    found, _ = _reach(session, opening, actor, lock=True)
    if found.state is not OpeningState.PREVIEW:
        raise OpeningMoved
    _set(session, opening, state=OpeningState.DROPPED, rows=[])


def _set(session: Session, opening: UUID, **values: Any) -> None:
    session.execute(
        update(Opening).where(Opening.id == opening).values(values).execution_options(synchronize_session=False)
    )


# ---------------------------------------------------------------- looking and booking


def view(session: Session, opening: UUID, actor: Actor, today: date) -> OpeningView:
    """An opening with what becomes, or became, of each row; raises NotFound out of scope."""
    found, places = _reach(session, opening, actor)
    judged = _judge(session, found, found.rows[found.done :], places, today, looked=True)
    booked = msgspec.convert(found.result, tuple[RowView, ...])
    return OpeningView(
        id=found.id, station=found.station, station_name=places.name, state=found.state, at=found.at,
        headings=tuple(found.headings), columns=tuple(found.columns), done=found.done,
        rows=(*booked, *(one.view for one in judged)),
    )  # fmt: skip


def apply(session: Session, opening: UUID, order: ApplyOpening, actor: Actor, today: date, now: datetime) -> None:
    """Let the good rows be booked, part by part; a second tap changes nothing.

    Raises NotFound, OpeningColumns, OpeningFaulty, OpeningMoved.
    """
    found, places = _reach(session, opening, actor, lock=True)
    if found.state in {OpeningState.APPLYING, OpeningState.DONE}:
        return
    if found.state is not OpeningState.PREVIEW:
        raise OpeningMoved
    named = set(found.columns)
    if "quantity" not in named or not named & {"name", "code", "barcode"}:
        raise OpeningColumns
    judged = _judge(session, found, found.rows, places, today, looked=order.looked)
    bad = sum(one.view.outcome in {"reject", "faulty"} for one in judged)
    if bad == len(judged) or (bad and not order.good_rows):
        raise OpeningFaulty(faulty=bad)
    _set(session, opening, state=OpeningState.APPLYING, looked=order.looked)
    audit.note(session, actor, "stock.open", found.station, now, lines=len(judged))


def apply_part(session: Session, opening: UUID, actor: Actor, today: date, now: datetime) -> bool:
    """Book the next rows, judged again as the rules are now; False where nothing is left to do."""
    found, places = _reach(session, opening, actor, lock=True)
    if found.state is not OpeningState.APPLYING:
        return False
    part = _judge(session, found, found.rows[found.done : found.done + PART], places, today, looked=found.looked)
    booked = [msgspec.structs.replace(one.view, pack=_book(session, one, places, actor, now)) for one in part]
    done = found.done + len(part)
    last = done >= len(found.rows)
    _set(
        session, opening, done=done, state=OpeningState.DONE if last else OpeningState.APPLYING,
        result=[*found.result, *msgspec.to_builtins(booked)],
    )  # fmt: skip
    return not last


class _Judged(msgspec.Struct, frozen=True):
    view: RowView
    goods: Goods | None
    seen: PackFacts | None
    said: DonationFacts
    ruleset: str


def _judge(
    session: Session, found: Opening, rows: Sequence[Any], places: StationPlaces, today: date, *, looked: bool
) -> list[_Judged]:
    faults = tuple[spreadsheets.Fault, ...]
    read = [read_row(number, cells, msgspec.convert(wrong, faults), found.columns) for number, cells, wrong in rows]
    known = _Known(session, read)
    declared = DonationFacts(
        adult=True, own=True, lawful=True, stored_per_label=True, free_gift=True, no_resale=True,
        station_has_cool_cabinet=places.cool_cabinet,
    )  # fmt: skip
    return [_judged(session, said, known, declared, today, looked=looked) for said in read]


def _judged(
    session: Session, said: Said, known: _Known, declared: DonationFacts, today: date, *, looked: bool
) -> _Judged:
    item, wrong = (None, said.wrong) if said.wrong else known.item(said)
    try:
        lot = lot_number(said.lot)
    except Invalid:
        lot, wrong = "", (*wrong, Wrong("lot", "UNPRINTABLE"))
    if not wrong and not all(_LINE.match(text) for text in (said.name, said.approval)):
        wrong = (Wrong("name", "UNPRINTABLE"),)
    shown = RowView(
        number=said.number, outcome="faulty", name=said.name or said.code or said.barcode, lot=lot,
        expiry=said.expiry, quantity=said.quantity, known=item is not None, reasons=(), wrong=wrong,
    )  # fmt: skip
    if wrong:
        return _Judged(shown, None, None, declared, "")
    goods = known.goods(session, item)
    seen = PackFacts(
        lot=lot, expires_on=said.expiry, quantity=said.quantity, look=Look() if looked else None,
        approval_number=said.approval or None,
    )  # fmt: skip
    judged = intake.judge(session, seen, goods, declared, today)
    shown = msgspec.structs.replace(shown, outcome=judged.verdict.value, reasons=judged.reasons)
    return _Judged(shown, goods, seen, declared, judged.ruleset)


_LINE = re.compile(PLAIN)


def _book(session: Session, one: _Judged, places: StationPlaces, actor: Actor, now: datetime) -> UUID | None:
    """A pack with its lot, label and line, in hold or quarantine; None for what is not taken in."""
    row, goods, seen = one.view, one.goods, one.seen
    if goods is None or seen is None or row.outcome == Verdict.REJECT.value:
        return None
    pack = new_id()
    lot = lot_of(session, goods.item, row.lot, row.expiry)
    session.execute(
        insert(Pack).values(
            id=pack, lot=lot, item=goods.item, station=places.station, quantity=row.quantity,
            received_by=actor.account, received_at=now,
        )
    )  # fmt: skip
    target = places.hold if row.outcome == Verdict.ACCEPT.value else places.quarantine
    ledger.move(session, pack, row.quantity, BY_CORRECTION, target, REASON, actor, now)
    registry.bind_new(session, "pack", pack, now)
    session.execute(
        insert(DonationLine).values(
            id=new_id(), donation=None, item=goods.item if goods.facts else None,
            called="" if goods.facts else row.name, lot_number=row.lot, expiry=row.expiry, quantity=row.quantity,
            verdict=row.outcome, reasons=msgspec.to_builtins(row.reasons), ruleset=one.ruleset, pack=pack,
            facts=msgspec.to_builtins({"pack": seen, "donation": one.said}),
        )
    )  # fmt: skip
    return pack


class _Known:
    """What the catalogue has under the codes, barcodes and names of some rows."""

    def __init__(self, session: Session, rows: Sequence[Said]) -> None:
        columns = (Item.id, Item.code, Item.name_zh, Item.name_en, Item.strength)
        names, texts = {one.name for one in rows} - {""}, {one.code for one in rows} - {""}
        found = session.execute(
            select(*columns).where(Item.code.in_(texts) | Item.name_zh.in_(names) | Item.name_en.in_(names))
        ).all()
        self.codes = {row.code: row.id for row in found if row.code != UNKNOWN_CODE}
        self.names: dict[str, list[Any]] = {}
        for row in found:
            for name in {row.name_zh, row.name_en} & names:
                self.names.setdefault(name, []).append(row)
        gtins = {one.barcode.zfill(14) for one in rows if one.barcode}
        self.barcodes: dict[str, list[UUID]] = {}
        for gtin, item in session.execute(select(Barcode.gtin, Barcode.item).where(Barcode.gtin.in_(gtins))):
            self.barcodes.setdefault(gtin, []).append(item)
        self.unknown = catalogue.unknown_item(session)
        self._goods: dict[UUID | None, Goods] = {None: Goods(self.unknown, None)}

    def item(self, said: Said) -> tuple[UUID | None, tuple[Wrong, ...]]:
        """The item of a row by our code, barcode, or name and strength; None: not in the catalogue."""
        if said.code and said.code in self.codes:
            return self.codes[said.code], ()
        coded = self.barcodes.get(said.barcode.zfill(14), []) if said.barcode else []
        if len(coded) == 1:
            return coded[0], ()
        alike = [row for row in self.names.get(said.name, ()) if not coded or row.id in coded]
        exact = [row for row in alike if _plain(row.strength) == _plain(said.strength)]
        chosen = exact or ([] if said.strength else alike)
        if len(chosen) > 1 or (len(coded) > 1 and not chosen):
            return None, (Wrong("strength", "SEVERAL"),)
        if chosen:
            return chosen[0].id, ()
        return (None, ()) if said.name else (None, (Wrong("code", "UNKNOWN_CODE"),))

    def goods(self, session: Session, item: UUID | None) -> Goods:
        """What the rules know of an item, read once."""
        if item not in self._goods and item is not None:
            self._goods[item] = Goods(item, catalogue.item_facts(session, item))
        return self._goods[item]


def _plain(text: str) -> str:
    return spreadsheets.plain(text)
