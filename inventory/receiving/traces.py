"""Trace codes (IN18): each is on one pack only, so one that comes again is kept, stops its pack and stays an alert.

The alert is no record of its own: it stands as long as the pack waits in hold or quarantine, and ends with the decision
over it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, or_, select
from sqlalchemy.orm import Session

from app.base import audit
from app.base.columns import table
from app.base.errors import Invalid
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.prepared import Prepared
from inventory import stations
from inventory.models import DonationLine, Holding, Item, Pack, Place, PlaceKind, Station
from inventory.receiving.trace_models import TraceSighting
from labels import barcodes, codes

FEW = 50
_NOWHERE = UUID(int=0)
_OF_A_MAKER = re.compile(r"(?=.*[0-9])[0-9A-Z][0-9A-Z./-]{9,59}")
_T, _L, _I = table(TraceSighting).columns, table(DonationLine).columns, table(Item).columns
_SEEN = Prepared(
    select(_T.id)
    .join(table(DonationLine), _L.id == _T.line)
    .where(
        _T.code == bindparam("wanted"),
        _L.taken_back_at.is_(None),
        or_(_T.pack.is_not(None), _T.station != bindparam("here")),
    )
    .limit(1)
)
_PACK_OF = Prepared(select(_L.pack).where(_L.id == bindparam("of_line")))
_KEEP = Prepared(insert(table(TraceSighting)))
# Two stations that scan the same code in the same moment wait for each other.
_LOCK = Prepared(select(_I.id).where(_I.id == bindparam("of_item")).with_for_update(key_share=True))


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Where a trace code was read before; ``station_name`` is empty out of the reader's scope."""

    at: datetime
    station_name: str
    refused: bool


class TraceAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A pack that waits because its trace code was on a pack before."""

    pack: UUID
    code: str
    item: UUID
    name_zh: str
    name_en: str
    strength: str
    station: UUID
    station_name: str
    at: datetime
    before: tuple[Elsewhere, ...]


def read_codes(texts: Iterable[str], field: str = "line.trace_codes") -> tuple[str, ...]:
    """Scanned trace codes in the form that equal ones share; raises Invalid for what is none, and for one given twice.

    ``field`` is what the fault names, with the text's number. Three kinds are known: 20 digits, GS1 (product and
    serial number), and a maker's own.
    """
    read: list[str] = []
    for at, text in enumerate(texts):
        code = _normal(text)
        if code is None or code in read:
            raise Invalid((f"{field}[{at}]", "trace_code" if code is None else "repeated", {}))
        read.append(code)
    return tuple(read)


def _normal(text: str) -> str | None:
    match barcodes.read_text(text):
        case barcodes.TraceCode(digits=digits):
            return digits
        case barcodes.Gs1(gtin=str(gtin), serial=str(serial)):
            return f"(01){gtin}(21){serial}"
        case barcodes.Unknown(reason="NOT_RECOGNISED"):
            own = re.sub(r"\s", "", codes.half_width(text)).upper()
            if _OF_A_MAKER.fullmatch(own) and not (own.isdigit() and len(own) < 16):
                return own
    return None


def seen_before(session: Session, read: Sequence[str], item: UUID, station: UUID) -> bool:
    """Whether any of these codes was on another pack, at any station; what was taken back again does not count.

    Nor does what this very station refused: there the same box is often handed over a second time.
    """
    _LOCK.first(session, of_item=item)
    return any(_SEEN.first(session, wanted=code, here=station) is not None for code in read)


def was_before(session: Session, text: str, station: UUID | None) -> bool:
    """Whether a scanned trace code was on a pack before, as ``seen_before`` will find at receiving; locks nothing."""
    code = _normal(text)
    return code is not None and _SEEN.first(session, wanted=code, here=station or _NOWHERE) is not None


def keep(
    session: Session, read: Sequence[str], lines: Sequence[UUID], station: UUID, repeated: bool, actor: Actor,
    now: datetime,
) -> None:  # fmt: skip
    """Write down which codes were read on which donation lines: one a line, or all of them on the only one."""
    for at, code in enumerate(read):
        line = lines[min(at, len(lines) - 1)]
        pack: UUID | None = _PACK_OF.value(session, of_line=line)
        _KEEP.run(
            session, id=new_id(), code=code, line=line, pack=pack, station=station, repeated=repeated, at=now
        )  # fmt: skip
        if repeated:
            audit.note(session, actor, "pack.trace-seen", pack, now, line=str(line))


def alerts(session: Session, actor: Actor) -> tuple[TraceAlert, ...]:
    """The packs in the actor's scope that wait because of their trace code, newest first; at most 50."""
    rows = session.execute(
        select(
            TraceSighting.id, TraceSighting.pack, TraceSighting.code, TraceSighting.at, Pack.item, Item.name_zh,
            Item.name_en, Item.strength, Station.id.label("station"), Station.name.label("station_name"),
        )
        .join(Pack, Pack.id == TraceSighting.pack)
        .join(Item, Item.id == Pack.item)
        .join(Holding, Holding.pack == Pack.id)
        .join(Place, Place.id == Holding.place)
        .join(Station, Station.id == Place.station)
        .where(
            TraceSighting.repeated,
            Holding.quantity > 0,
            Place.kind.in_([PlaceKind.HOLD, PlaceKind.QUARANTINE]),
            stations.visible(actor),
        )
        .order_by(TraceSighting.id.desc())
        .limit(FEW)
    ).all()  # fmt: skip
    return tuple(
        TraceAlert(
            pack=row.pack, code=row.code, item=row.item, name_zh=row.name_zh, name_en=row.name_en,
            strength=row.strength, station=row.station, station_name=row.station_name, at=row.at,
            before=_before(session, row.code, row.id, actor),
        )
        for row in rows
    )  # fmt: skip


def waiting(session: Session, actor: Actor) -> int:
    """How many alerts stand in the actor's scope, 50 at most."""
    return len(alerts(session, actor))


def _before(session: Session, code: str, sighting: UUID, actor: Actor) -> tuple[Elsewhere, ...]:
    rows = session.execute(
        select(TraceSighting.at, TraceSighting.pack, Station.id, Station.name, Station.community)
        .join(Station, Station.id == TraceSighting.station)
        .where(TraceSighting.code == code, TraceSighting.id < sighting)
        .order_by(TraceSighting.id)
        .limit(FEW)
    )
    return tuple(
        Elsewhere(
            at=row.at,
            station_name=row.name if _sees(actor, row.id, row.community) else "",
            refused=row.pack is None,
        )
        for row in rows
    )


def _sees(actor: Actor, station: UUID, community: UUID) -> bool:
    return actor.everywhere or station in actor.stations or community in actor.communities
