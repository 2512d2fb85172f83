"""What was done lately with goods, and what exactly an undo of it would bring back, said before it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from app.base.errors import Refusal
from app.base.permissions import Actor, Permission
from inventory import ledger, stations
from inventory.errors import Moved
from inventory.ledger import Spot
from inventory.models import Item, Movement, Pack, Place, PlaceKind, Station
from inventory.undoing import undo
from labels import registry

MOST = 30
_LOOKED_AT = 2_000


class ActRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something done at once: ``movement`` names it for its undo. ``undone``: nothing of it stands any more.

    ``can``: this reader may take it back, if nothing else speaks against it.
    """

    movement: UUID
    reason: str
    at: datetime
    packs: int
    units: int
    name_zh: str
    name_en: str
    source_kind: PlaceKind
    source_name: str
    target_kind: PlaceKind
    target_name: str
    station_name: str
    own: bool
    undone: bool
    can: bool


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """Units that an undo would bring from where they are to where they were."""

    pack: UUID
    ends: str
    name_zh: str
    name_en: str
    strength: str
    quantity: int
    source_kind: PlaceKind
    source_name: str
    target_kind: PlaceKind
    target_name: str


class ActPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an undo of an act would do. ``no``: the code of the refusal that stands against it, empty if none does.

    ``ends_labels``: the packs' labels end with it; ``relabels``: a fresh one must be printed for each.
    """

    movement: UUID
    reason: str
    at: datetime | None
    own: bool
    back: tuple[Back, ...]
    before: int
    no: str
    ends_labels: bool
    relabels: bool


def recent(session: Session, actor: Actor, now: datetime, *, mine: bool = False) -> tuple[ActRow, ...]:
    """The latest acts in the actor's scope that can be taken back here, newest first; at most 30."""
    source, target, back = aliased(Place), aliased(Place), aliased(Movement)
    here = select(Station.id).where(stations.visible(actor))
    query = (
        select(
            Movement.id, Movement.reason, Movement.subject, Movement.at, Movement.actor, Movement.pack,
            Movement.quantity, source.kind.label("source_kind"), source.name.label("source_name"),
            target.kind.label("target_kind"), target.name.label("target_name"), back.id.label("back"),
            Station.name.label("station_name"), Item.name_zh, Item.name_en,
        )
        .join(source, source.id == Movement.source)
        .join(target, target.id == Movement.target)
        .join(Pack, Pack.id == Movement.pack)
        .join(Item, Item.id == Pack.item)
        .join(Station, or_(Station.id == target.station, (target.station.is_(None)) & (Station.id == source.station)))
        .outerjoin(back, back.reverses == Movement.id)
        .where(Movement.reverses.is_(None), Movement.reason.in_(sorted(undo.RULES)), Station.id.in_(here))
        .order_by(Movement.id.desc())
        .limit(_LOOKED_AT)
    )  # fmt: skip
    if mine:
        query = query.where(Movement.actor == actor.account)
    acts: dict[tuple[UUID, str], list[Any]] = {}
    for row in session.execute(query):
        acts.setdefault((row.subject or row.id, row.reason), []).append(row)
    return tuple(_row(rows, actor, now) for rows in list(acts.values())[:MOST])


def _row(rows: list[Any], actor: Actor, now: datetime) -> ActRow:
    first, standing = rows[0], [row for row in rows if row.back is None]
    own = all(row.actor == actor.account for row in rows)
    fresh = all(now - row.at <= undo.SITTING for row in standing)
    return ActRow(
        movement=first.id, reason=first.reason, at=first.at, packs=len({row.pack for row in rows}),
        units=sum(row.quantity for row in rows), name_zh=first.name_zh, name_en=first.name_en,
        source_kind=first.source_kind, source_name=first.source_name, target_kind=first.target_kind,
        target_name=first.target_name, station_name=first.station_name, own=own, undone=not standing,
        can=bool(standing) and ((own and fresh) or actor.may(Permission.REVERSE)),
    )  # fmt: skip


def preview(session: Session, movement: UUID, actor: Actor, today: date, now: datetime) -> ActPreview:
    """What would come back, and what stands against it; raises NotFound."""
    whole = undo.act(session, movement)
    undo.in_reach(session, whole, actor, movement)
    no = ""
    try:
        undo.judged(session, whole, actor, today, now)
        _all_there(session, whole.steps)
    except Refusal as refusal:
        no = refusal.code
    codes = registry.codes_of(session, set(whole.packs))
    return ActPreview(
        movement=movement, reason=whole.reason, at=whole.steps[0].at if whole.steps else None,
        own=all(step.actor == actor.account for step in whole.steps), back=_back(session, whole.steps, codes),
        before=whole.undone, no=no, ends_labels=whole.reason in undo.ENDS_LABELS,
        relabels=whole.reason not in undo.ENDS_LABELS and any(pack not in codes for pack in whole.packs),
    )  # fmt: skip


def _all_there(session: Session, steps: Iterable[undo.Step]) -> None:
    needed: Counter[tuple[UUID, UUID]] = Counter()
    for step in steps:
        if Spot(step.target, step.target_kind).real:
            needed[step.target, step.pack] += step.quantity
    if any(ledger.held(session, place, pack) < units for (place, pack), units in needed.items()):
        raise Moved


def _back(session: Session, steps: tuple[undo.Step, ...], codes: dict[UUID, str]) -> tuple[Back, ...]:
    names = {
        row.id: row
        for row in session.execute(
            select(Pack.id, Item.name_zh, Item.name_en, Item.strength)
            .join(Item, Item.id == Pack.item)
            .where(Pack.id.in_({step.pack for step in steps}))
        )
    }
    return tuple(
        Back(
            pack=step.pack, ends=codes.get(step.pack, "")[-4:], name_zh=names[step.pack].name_zh,
            name_en=names[step.pack].name_en, strength=names[step.pack].strength, quantity=step.quantity,
            source_kind=step.target_kind, source_name=step.target_name, target_kind=step.source_kind,
            target_name=step.source_name,
        )
        for step in steps
    )  # fmt: skip


def latest_of(session: Session, pack: UUID) -> UUID | None:
    """The last movement of a pack that stands and that this room takes back, if it is the last of all its movements."""
    back = aliased(Movement)
    last = session.execute(
        select(Movement.id, Movement.reason)
        .outerjoin(back, back.reverses == Movement.id)
        .where(Movement.pack == pack, Movement.reverses.is_(None), back.id.is_(None))
        .order_by(Movement.id.desc())
        .limit(1)
    ).first()
    return last.id if last is not None and last.reason in undo.RULES else None
