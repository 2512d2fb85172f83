"""One hit of the scan page: what the text is, what it adds to the box that waits for its second code, what it fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from app.base.errors import NotFound
from app.base.fields import OptionalLine, Plain, ScannedText
from app.base.permissions import Actor
from app.base.reasons import Reason
from labels import codes, scan
from labels.scan import Fault, Meaning, Product, What


class Act(StrEnum):
    """What can be done with many at once."""

    RECEIVE = "receive"
    MOVE = "move"
    PACK = "pack"
    COUNT = "count"
    PRINT = "print"


class Outcome(StrEnum):
    """How a hit is answered; a duplicate is known only to the page that holds the list."""

    KNOWN = "known"
    NEW = "new"
    WRONG = "wrong"


class Goods(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known so far of a box that is not ours yet, by its codes or by hand. ``expiry`` as printed."""

    item: UUID | None = None
    gtin: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{8,14}\Z")] | None = None
    lot: OptionalLine = ""
    expiry: Annotated[Plain, msgspec.Meta(max_length=12)] = ""
    serial: OptionalLine = ""
    approval_number: OptionalLine = ""


class ScanLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hit, and the box on the page that waits for its second code, if one does.

    Without a text only ``beside`` is judged: what was filled in by hand. ``station``: where it would be received.
    """

    text: ScannedText | None = None
    beside: Goods | None = None
    station: UUID | None = None


class Trace(StrEnum):
    """Whether a trace code is read for the first time; if not, the box may be a copy, or was handed out before."""

    FRESH = "fresh"
    BEFORE = "before"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of several items that a product code stands on."""

    item: UUID
    name_zh: str
    name_en: str
    strength: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a feature says of its thing. ``state`` names the message ``basket.<kind>.<state>``, filled by ``params``.

    ``fits``: what can be done with it. ``goods``: the box as far as it is known. ``lacks``: what must still be said
    of it (item, lot, expiry). ``reasons``: why it is not taken in, by the intake rules.
    """

    outcome: Outcome
    state: str
    params: dict[str, str | int] = {}
    name_zh: str = ""
    name_en: str = ""
    strength: str = ""
    lot: str = ""
    expiry: date | None = None
    fits: tuple[Act, ...] = ()
    goods: Goods | None = None
    lacks: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    reasons: tuple[Reason, ...] = ()


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """What a text is, with what its feature tells of it. ``joined``: it belongs to the box that waited.

    ``trace``: the text is the trace code of one single box (alone, or with its product): fresh, or seen before.
    """

    meaning: Meaning
    told: Told | None = None
    joined: bool = False
    trace: Trace | None = None


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A place or parcel that can be chosen on the page; ``kind`` is the place's, empty for a parcel."""

    id: UUID
    name: str
    kind: str = ""
    station: UUID | None = None
    station_name: str = ""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What the page offers its reader: the own stations to receive at, places to move to or count, parcels to pack."""

    stations: tuple[Spot, ...] = ()
    places: tuple[Spot, ...] = ()
    parcels: tuple[Spot, ...] = ()


class Tellers(msgspec.Struct, frozen=True, kw_only=True):
    """Handed down by the roof: who tells of a label's thing, by its kind; of a box that is not ours; of the desk.

    ``traced``: whether a trace code was on a pack before, told to the station where the box would be received.
    """

    things: Mapping[str, Callable[[Session, UUID, Actor, date], Told]]
    goods: Callable[[Session, Goods, UUID | None, Actor, date], Told]
    desk: Callable[[Session, Actor], Desk]
    traced: Callable[[Session, str, UUID | None], bool]


def hit(session: Session, line: ScanLine, tellers: Tellers, actor: Actor, today: date) -> Hit:
    """What a hit is; never raises for what a text may say, only as ``Tellers.goods`` for what was filled in."""
    beside = line.beside
    if line.text is None:
        meaning = Meaning(what=What.PRODUCT, product=Product())
        return Hit(meaning=meaning, told=tellers.goods(session, beside or Goods(), line.station, actor, today))
    meaning = scan.meaning(session.connection(), line.text, actor)
    if meaning.what is What.BOUND:
        return Hit(meaning=meaning, told=_thing(session, meaning, tellers, actor, today))
    said = meaning.product or (printed(line.text, meaning.fault) if beside else None)
    if said is None:
        return Hit(meaning=meaning)
    trace = _trace(session, line, said, tellers)
    if said.trace_code:
        return Hit(meaning=meaning, trace=trace)
    both = join(beside, said) if beside else None
    told = tellers.goods(session, both or _goods(said), line.station, actor, today)
    return Hit(
        meaning=Meaning(what=What.PRODUCT, product=said, receive=meaning.receive), told=told, joined=both is not None,
        trace=trace,
    )  # fmt: skip


def _trace(session: Session, line: ScanLine, said: Product, tellers: Tellers) -> Trace | None:
    if line.text is None or not (said.trace_code or (said.gtin and said.serial)):
        return None
    return Trace.BEFORE if tellers.traced(session, line.text, line.station) else Trace.FRESH


def _thing(session: Session, meaning: Meaning, tellers: Tellers, actor: Actor, today: date) -> Told | None:
    teller = tellers.things.get(meaning.kind or "")
    if teller is None or meaning.subject is None:
        return None
    try:
        return teller(session, meaning.subject, actor, today)
    except NotFound:
        return Told(outcome=Outcome.WRONG, state="out_of_scope")


def join(beside: Goods, said: Product) -> Goods | None:
    """The waiting box with its second code, in either order; None where the two speak of different boxes."""
    pairs = (
        (beside.gtin, said.gtin),
        (beside.lot, said.lot),
        (beside.expiry, said.expiry and said.expiry.isoformat()),
        (beside.serial, said.serial),
        (beside.approval_number, said.approval_number),
    )
    if any(have and new and _bare(have) != _bare(new) for have, new in pairs):
        return None
    gtin, lot, expiry, serial, number = (have or new for have, new in pairs)
    return Goods(
        item=beside.item,
        gtin=gtin or None,
        lot=lot or "",
        expiry=expiry or "",
        serial=serial or "",
        approval_number=number or "",
    )


def _bare(text: str) -> str:
    return text.strip().upper().zfill(14)


def _goods(said: Product) -> Goods:
    return Goods(
        gtin=said.gtin,
        lot=said.lot or "",
        expiry=said.expiry.isoformat() if said.expiry else "",
        serial=said.serial or "",
        approval_number=said.approval_number or "",
    )


_EXPIRY = re.compile(r"(20[0-9]{2})[-./年](0?[1-9]|1[0-2])(?:[-./月]([0-3]?[0-9])日?|月)?")
_LOT = re.compile(r"(?=.*[A-Z])(?=.*[0-9])[0-9A-Z][0-9A-Z-]{2,19}")


def printed(text: str, fault: Fault | None) -> Product | None:
    """A batch number or expiry as it stands on a box, typed for a waiting product; None for any other text.

    Digits alone may be either, or a product's number misread, so they are left to the fields.
    """
    if fault is None or fault.code != "NOT_RECOGNISED":
        return None
    plain = re.sub(r"\s", "", codes.half_width(text)).upper()
    if match := _EXPIRY.fullmatch(plain):
        return _until(int(match[1]), int(match[2]), match[3])
    return Product(lot=plain) if _LOT.fullmatch(plain) else None


def _until(year: int, month: int, day: str | None) -> Product | None:
    try:
        first = date(year, month, int(day) if day else 1)
    except ValueError:
        return None
    if day:
        return Product(expiry=first)
    return Product(expiry=date.fromordinal(date(year + month // 12, month % 12 + 1, 1).toordinal() - 1))
