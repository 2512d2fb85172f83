"""Tells the public what is wanted and where to bring it: dated appeals (倡议书), every version of which is kept."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, false, insert, or_, select, true
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import Forbidden, Invalid, NotFound
from app.base.fields import Dated, Day, Key, Line, Note, OptionalLine, Word
from app.base.ids import new_id
from app.base.models import Community
from app.base.permissions import Actor, Permission
from inventory import stations
from inventory.appealing.appeal_models import Appeal
from inventory.cataloguing import catalogue
from inventory.errors import NotWanted, UnknownItem
from inventory.models import Item, Station
from inventory.receiving import intake
from inventory.receiving.intake_facts import Kind
from inventory.stock import levels

LONGEST = timedelta(days=366)
"""An appeal without an end in sight is not believed, and is forgotten on the wall."""


class WantedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item that is wanted, and roughly how many units."""

    item: UUID
    roughly: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None


class BringTo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A station that takes gifts, its address and hours as text."""

    station: UUID
    address: Line
    hours: OptionalLine = ""


class NewAppeal(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Publish an appeal of a community, or (``community`` None, the office only) of the whole sub-district.

    Plain text in both languages; ``until`` is its last day. ``unwanted``: what there is enough of.
    """

    key: Key
    community: UUID | None = None
    title_zh: Line
    title_en: Line
    text_zh: Note = ""
    text_en: Note = ""
    until: Day
    wanted: Annotated[tuple[WantedLine, ...], msgspec.Meta(min_length=1, max_length=100)]
    unwanted: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=100)] = ()
    bring_to: Annotated[tuple[BringTo, ...], msgspec.Meta(min_length=1, max_length=60)]


class WithdrawAppeal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let an appeal fall silent."""

    key: Key
    appeal: UUID


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The version that speaks from now on, or is silent."""

    appeal: UUID


class AskedFor(msgspec.Struct, frozen=True, kw_only=True):
    """An item on the public page."""

    item: UUID
    kind: Kind
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    roughly: int | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where to bring it."""

    station: UUID
    name: str
    address: str
    hours: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An appeal as the public reads it: no person in it. ``community`` is its name, empty for all of them."""

    id: UUID
    community: str
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    since: date
    until: date
    medicines: tuple[AskedFor, ...]
    supplies: tuple[AskedFor, ...]
    unwanted: tuple[AskedFor, ...]
    places: tuple[Place, ...]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the list of those who write appeals."""

    id: UUID
    community: UUID | None
    community_name: str
    title_zh: str
    title_en: str
    at: datetime
    until: date
    withdrawn: bool
    speaks: bool


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An item that could be asked for: what there is of it, and whether that is short."""

    item: UUID
    kind: Kind
    name_zh: str
    name_en: str
    strength: str
    available: int
    short: bool


def publish(session: Session, new: NewAppeal, actor: Actor, today: date, now: datetime) -> Published:
    """Publish an appeal, in the place of the same community's last.

    Asks only for what intake takes: an item that is not wanted or that a rule refuses raises NotWanted. Raises
    Invalid (a day that is over or too far, an item on both lists), UnknownItem, and NotFound out of scope.
    """
    actor.need(Permission.EDIT_APPEAL)
    _in_scope(session, new, actor)
    if (made := replay.made_by(session, actor, new.key, "appeal.publish", new)) is not None:
        return msgspec.convert(made, Published)
    if not today <= new.until <= today + LONGEST:
        raise Invalid(("until", "day_range", {"first": str(today), "last": str(today + LONGEST)}))
    wanted = [line.item for line in new.wanted]
    if len(set(wanted)) < len(wanted) or set(wanted) & set(new.unwanted):
        raise Invalid(("wanted", "repeated", {}))
    _can_be_asked(session, wanted, new.unwanted, today)
    return _write(session, actor, new.community, new, today, now)


def _write(
    session: Session, actor: Actor, community: UUID | None, new: NewAppeal, today: date, now: datetime
) -> Published:
    body = {name: value for name, value in msgspec.to_builtins(new).items() if name not in {"key", "community"}}
    appeal = new_id()
    session.execute(
        insert(Appeal).values(
            id=appeal, community=community, until=new.until, withdrawn=False, body={**body, "since": today.isoformat()},
            by=actor.account, at=now,
        )
    )  # fmt: skip
    audit.note(session, actor, "appeal.publish", appeal, now)
    replay.keep(session, actor, new.key, "appeal.publish", new, {"appeal": str(appeal)}, now)
    return Published(appeal=appeal)


def withdraw(session: Session, order: WithdrawAppeal, actor: Actor, now: datetime) -> Published:
    """Let a community's appeal fall silent; its versions stay. Raises NotFound for one that is not the last."""
    actor.need(Permission.EDIT_APPEAL)
    row = session.execute(select(Appeal).where(Appeal.id == order.appeal)).scalar_one_or_none()
    if row is None:
        raise NotFound
    _of_community(actor, row.community)
    if (made := replay.made_by(session, actor, order.key, "appeal.withdraw", order)) is not None:
        return msgspec.convert(made, Published)
    last = _newest(session).get(row.community)
    if last is None or last.id != row.id or last.withdrawn:
        raise NotFound
    silent = new_id()
    session.execute(
        insert(Appeal).values(
            id=silent, community=row.community, until=row.until, withdrawn=True, body=row.body, by=actor.account, at=now
        )
    )
    audit.note(session, actor, "appeal.withdraw", row.id, now)
    replay.keep(session, actor, order.key, "appeal.withdraw", order, {"appeal": str(silent)}, now)
    return Published(appeal=silent)


def _in_scope(session: Session, new: NewAppeal, actor: Actor) -> None:
    if new.community is not None:
        known = session.execute(select(Community.id).where(Community.id == new.community).with_for_update()).first()
        if known is None:
            raise NotFound
    _of_community(actor, new.community)
    for where in new.bring_to:
        stations.in_scope(session, actor, where.station)


def _of_community(actor: Actor, community: UUID | None) -> None:
    if community is not None:
        actor.in_community(community)
    elif not actor.everywhere:
        raise Forbidden


def _can_be_asked(session: Session, wanted: list[UUID], unwanted: tuple[UUID, ...], today: date) -> None:
    rows = session.execute(select(Item.id, Item.code, Item.wanted).where(Item.id.in_({*wanted, *unwanted}))).all()
    known = {row.id: row for row in rows if row.code != catalogue.UNKNOWN_CODE}
    if set(known) != {*wanted, *unwanted}:
        raise UnknownItem
    for item in wanted:
        reasons = intake.refused_by_catalogue(session, item, today)
        if reasons or not known[item].wanted:
            raise NotWanted(reasons)


# ---------------------------------------------------------------- reading


def current(session: Session, today: date) -> tuple[Told, ...]:
    """The appeals that speak today, the whole sub-district's first; for anyone."""
    rows = [row for row in _newest(session).values() if not row.withdrawn and row.until >= today]
    names = _community_names(session, rows)
    told = [_told(session, row, names.get(row.community, "")) for row in rows]
    return tuple(sorted(told, key=lambda one: (one.community != "", one.community)))


def _newest(session: Session) -> dict[UUID | None, Appeal]:
    rows = session.execute(select(Appeal).order_by(Appeal.id)).scalars()
    return {row.community: row for row in rows}


def _community_names(session: Session, rows: list[Appeal]) -> dict[UUID | None, str]:
    found = session.execute(
        select(Community.id, Community.name).where(Community.id.in_({row.community for row in rows if row.community}))
    )
    return {row.id: row.name for row in found}


def _told(session: Session, row: Appeal, community: str) -> Told:
    body = row.body
    roughly = {UUID(line["item"]): line["roughly"] for line in body["wanted"]}
    items = _items(session, {*roughly, *map(UUID, body["unwanted"])})
    wanted = [msgspec.structs.replace(items[item], roughly=count) for item, count in roughly.items() if item in items]
    return Told(
        id=row.id,
        community=community,
        **{name: body[name] for name in ("title_zh", "title_en", "text_zh", "text_en")},
        since=date.fromisoformat(body["since"]),
        until=row.until,
        medicines=tuple(one for one in wanted if one.kind is Kind.MEDICINE),
        supplies=tuple(one for one in wanted if one.kind is not Kind.MEDICINE),
        unwanted=tuple(items[UUID(item)] for item in body["unwanted"] if UUID(item) in items),
        places=_places(session, body["bring_to"]),
    )


def _items(session: Session, wanted: set[UUID]) -> dict[UUID, AskedFor]:
    rows = session.execute(select(Item).where(Item.id.in_(wanted))).scalars()
    return {
        row.id: AskedFor(
            item=row.id, kind=Kind(row.kind), name_zh=row.name_zh, name_en=row.name_en, strength=row.strength,
            unit_zh=row.facts["unit_zh"], unit_en=row.facts["unit_en"],
        )
        for row in rows
    }  # fmt: skip


def _places(session: Session, bring_to: list[dict[str, Any]]) -> tuple[Place, ...]:
    ids = {UUID(one["station"]) for one in bring_to}
    names = {row.id: row.name for row in session.execute(select(Station.id, Station.name).where(Station.id.in_(ids)))}
    return tuple(
        Place(
            station=UUID(one["station"]), name=names[UUID(one["station"])], address=one["address"], hours=one["hours"]
        )
        for one in bring_to
        if UUID(one["station"]) in names
    )


def versions(session: Session, actor: Actor, today: date) -> tuple[Version, ...]:
    """The versions of the communities in the actor's scope, newest first; at most 50."""
    rows = list(session.execute(select(Appeal).where(_mine(actor)).order_by(Appeal.id.desc()).limit(50)).scalars())
    newest = {row.id for row in _newest(session).values()}
    names = _community_names(session, rows)
    return tuple(
        Version(
            id=row.id, community=row.community, community_name=names.get(row.community, ""),
            title_zh=row.body["title_zh"], title_en=row.body["title_en"], at=row.at, until=row.until,
            withdrawn=row.withdrawn, speaks=row.id in newest and not row.withdrawn and row.until >= today,
        )
        for row in rows
    )  # fmt: skip


def _mine(actor: Actor) -> ColumnElement[bool]:
    if actor.everywhere:
        return true()
    return or_(false(), Appeal.community.in_(list(actor.communities)))


def last_said(session: Session, actor: Actor, community: UUID | None) -> dict[str, Any] | None:
    """What a community's last appeal said, to begin the next one with."""
    row = _newest(session).get(community)
    if row is None or not (actor.everywhere or community in actor.communities):
        return None
    return row.body


def offers(session: Session, actor: Actor, today: date) -> tuple[Offer, ...]:
    """What can be asked for: the catalogue's wanted items that no rule refuses, the short ones first."""
    found = levels.levels(session, actor, today).totals
    return tuple(
        Offer(
            item=one.item, kind=one.kind, name_zh=one.name_zh, name_en=one.name_en, strength=one.strength,
            available=one.units.available, short=one.short,
        )
        for one in sorted(found, key=lambda one: (one.kind is not Kind.MEDICINE, not one.short, one.code))
        if one.wanted and not intake.refused_by_catalogue(session, one.item, today)
    )  # fmt: skip


def communities(session: Session, actor: Actor) -> tuple[tuple[UUID, Word], ...]:
    """The communities in whose name the actor can write: (id, name)."""
    here = true() if actor.everywhere else Community.id.in_(list(actor.communities))
    rows = session.execute(select(Community.id, Community.name).where(here).order_by(Community.name))
    return tuple((row.id, row.name) for row in rows)
