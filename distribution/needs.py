"""What residents need: recorded by those who serve their door, merged where it was said twice, closed with a reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import Select, and_, case, insert, or_, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import Invalid, NotFound
from app.base.fields import Key, Quantity
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from distribution.errors import NeedClosed, NeedPromised
from distribution.models import Household, Need, NeedState, Resident
from distribution.residents import visible
from distribution.urgency import Urgency
from inventory.models import Item, Kit

MERGE_WITHIN = timedelta(hours=24)
"""Needs of one household for the same thing within this time are one need (domain.md D)."""

_ORDER = {urgency.value: place for place, urgency in enumerate(Urgency)}
_place = case(_ORDER, value=Need.urgency, else_=len(_ORDER))


class WhyClosed(StrEnum):
    """Why a need is closed without goods."""

    NO_LONGER = "no_longer"
    ELSEWHERE = "elsewhere"
    AWAY = "away"
    MISTAKE = "mistake"


class NewNeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item or a kit that a resident needs; ``quantity`` None is "some". ``substitutes`` would do as well."""

    key: Key
    resident: UUID
    urgency: Urgency
    item: UUID | None = None
    kit: UUID | None = None
    quantity: Quantity | None = None
    substitutes: Annotated[tuple[UUID, ...], Meta(max_length=5)] = ()


class CloseNeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A need that nothing is to be brought for."""

    key: Key
    need: UUID
    why: WhyClosed


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The need; ``merged`` says that it was there already."""

    need: UUID
    merged: bool


class NeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A need in a list: whose door, what, how urgent, since when. ``code`` is the item's or the kit's."""

    id: UUID
    resident: UUID
    serial: int
    code: str
    name_zh: str
    name_en: str
    quantity: int | None
    urgency: Urgency
    state: NeedState
    since: datetime


def record(session: Session, new: NewNeed, actor: Actor, now: datetime) -> Recorded:
    """Write a need down; the same thing asked again at one door within a day is merged: the more urgent, the larger.

    Medicine is merged for one person only: what is safe for one need not be for the other. Raises NotFound out of
    scope, Invalid where neither or both of item and kit are named.
    """
    actor.need(Permission.RECORD_NEED)
    home = session.execute(
        select(Resident.household, Resident.community)
        .join(Household, Household.id == Resident.household)
        .where(Resident.id == new.resident, visible(actor))
        .with_for_update(of=Household)
    ).first()
    if home is None:
        raise NotFound
    if made := replay.made_by(session, actor, new.key, "need.record", new):
        return Recorded(need=UUID(made["need"]), merged=made["merged"])
    medicine = _what(session, new)
    twin = _twin(session, new, home.household, medicine=medicine, now=now)
    if twin is not None:
        _merge(session, twin, new)
        done = Recorded(need=twin.id, merged=True)
    else:
        done = Recorded(need=_write(session, new, home.household, home.community, actor, now), merged=False)
    audit.note(session, actor, "need.merge" if done.merged else "need.record", done.need, now)
    made = {"need": str(done.need), "merged": done.merged}
    replay.keep(session, actor, new.key, "need.record", new, made, now)
    return done


def _what(session: Session, new: NewNeed) -> bool:
    """Whether it is a medicine; raises Invalid or NotFound for what is nothing of ours."""
    if (new.item is None) == (new.kit is None):
        raise Invalid(("item", "missing", {}))
    wanted = {*new.substitutes, *([new.item] if new.item else [])}
    rows = session.execute(select(Item.id, Item.kind).where(Item.id.in_(wanted)))
    kinds = {row.id: row.kind for row in rows}
    if len(kinds) < len(wanted):
        raise NotFound
    recipe = select(Kit.id).where(Kit.id == new.kit, Kit.valid_from.is_not(None))  # a draft is nobody's yet
    if new.kit is not None and session.execute(recipe).first() is None:
        raise NotFound
    return new.item is not None and kinds[new.item] == "medicine"


def _twin(session: Session, new: NewNeed, household: UUID, *, medicine: bool, now: datetime) -> Need | None:
    same = select(Need).where(
        Need.household == household,
        Need.state == NeedState.OPEN,
        Need.since > now - MERGE_WITHIN,
        Need.item == new.item if new.item else Need.kit == new.kit,
    )
    if medicine:
        same = same.where(Need.resident == new.resident)
    return session.execute(same.order_by(Need.id).limit(1).with_for_update()).scalar_one_or_none()


def _merge(session: Session, twin: Need, new: NewNeed) -> None:
    urgency = min(twin.urgency, new.urgency.value, key=_ORDER.__getitem__)
    known = [quantity for quantity in (twin.quantity, new.quantity) if quantity is not None]
    substitutes = sorted({*twin.substitutes, *(str(one) for one in new.substitutes)})
    session.execute(
        update(Need)
        .where(Need.id == twin.id)
        .values(urgency=urgency, quantity=max(known, default=None), substitutes=substitutes)
    )


def _write(session: Session, new: NewNeed, household: UUID, community: UUID, actor: Actor, now: datetime) -> UUID:
    need = new_id()
    session.execute(
        insert(Need).values(
            id=need,
            resident=new.resident,
            household=household,
            community=community,
            item=new.item,
            kit=new.kit,
            substitutes=[str(one) for one in new.substitutes],
            quantity=new.quantity,
            urgency=new.urgency.value,
            state=NeedState.OPEN,
            since=now,
            recorded_by=actor.account,
        )
    )
    return need


def close(session: Session, closing: CloseNeed, actor: Actor, now: datetime) -> None:
    """Close a need that nothing is to be brought for. Raises NotFound out of scope, NeedPromised, NeedClosed."""
    actor.need(Permission.RECORD_NEED)
    row = session.execute(
        select(Need.id, Need.state)
        .join(Household, Household.id == Need.household)
        .where(Need.id == closing.need, visible(actor))
        .with_for_update(of=Need)
    ).first()
    if row is None:
        raise NotFound
    if replay.made_by(session, actor, closing.key, "need.close", closing) is not None:
        return
    if row.state is NeedState.PROMISED:
        raise NeedPromised
    if row.state is not NeedState.OPEN:
        raise NeedClosed
    session.execute(update(Need).where(Need.id == row.id).values(state=NeedState.CANCELLED, closed_at=now))
    audit.note(session, actor, "need.close", row.id, now, why=closing.why.value)
    replay.keep(session, actor, closing.key, "need.close", closing, {}, now)


def open_needs(session: Session, actor: Actor, after: UUID | None = None, limit: int = 50) -> list[NeedRow]:
    """The open needs in scope, most urgent first, then longest waiting; ``after`` is the last of the page before."""
    wanted = _rows(actor).where(Need.state == NeedState.OPEN)
    if after is not None:
        last = session.execute(
            select(_place.label("place"), Need.since, Need.id)
            .join(Household, Household.id == Need.household)
            .where(Need.id == after, visible(actor))
        ).first()
        if last is None:
            raise NotFound
        later = or_(Need.since > last.since, and_(Need.since == last.since, Need.id > last.id))
        wanted = wanted.where(or_(_place > last.place, and_(_place == last.place, later)))
    rows = session.execute(wanted.order_by(_place, Need.since, Need.id).limit(min(limit, 200)))
    return [
        NeedRow(
            id=row.id,
            resident=row.resident,
            serial=row.serial,
            code=row.item_code or row.kit_code,
            name_zh=row.item_zh or row.kit_zh,
            name_en=row.item_en or row.kit_en,
            quantity=row.quantity,
            urgency=Urgency(row.urgency),
            state=row.state,
            since=row.since,
        )
        for row in rows
    ]


def _rows(actor: Actor) -> Select[*tuple[object, ...]]:
    return (
        select(
            Need.id, Need.resident, Need.quantity, Need.urgency, Need.state, Need.since, Household.serial,
            Item.code.label("item_code"), Item.name_zh.label("item_zh"), Item.name_en.label("item_en"),
            Kit.code.label("kit_code"), Kit.name_zh.label("kit_zh"), Kit.name_en.label("kit_en"),
        )
        .join(Household, Household.id == Need.household)
        .outerjoin(Item, Item.id == Need.item)
        .outerjoin(Kit, Kit.id == Need.kit)
        .where(visible(actor))
    )  # fmt: skip
