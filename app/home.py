"""What somebody finds on the first page: the doors of their role, with how much waits behind each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, false, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from app import policy_views
from app.base.permissions import Actor, Role
from distribution import incident_list, recall_reach
from distribution.journey import State
from distribution.models import MedicDecision, Need, NeedState, Parcel, ParcelLine
from inventory.counting import stocktake_views
from inventory.moving import transfer_lists
from inventory.receiving import traces
from inventory.releasing import hold
from inventory.stock import alerts
from inventory.wasting import disposal
from labels import guessing
from labels.guessing import Alert


class Door(msgspec.Struct, frozen=True):
    """A big tile: where it leads, the key of its words, its icon, and how much waits behind it (None: not counted)."""

    href: str
    label: str
    icon: str
    waiting: int | None


_DOORS: dict[str, tuple[str, str]] = {
    "/receive": ("home.receive", "gift"),
    "/release": ("home.release", "check"),
    "/packing": ("home.packing", "bag"),
    "/returns": ("home.returns", "undo"),
    "/rounds": ("home.rounds", "truck"),
    "/needs": ("home.needs", "heart"),
    "/residents": ("home.residents", "person"),
    "/plans": ("home.plans", "gift"),
    "/medic": ("home.medic", "heartbeat"),
    "/stock": ("home.stock", "box"),
    "/transfers": ("home.transfers", "truck"),
    "/disposals": ("home.disposals", "out"),
    "/stocktakes": ("nav.stocktakes", "check"),
    "/stock/alerts": ("stock.alerts.title", "warning"),
    "/labels": ("home.labels", "label"),
    "/people": ("home.people", "people"),
    "/audit": ("home.audit", "list"),
    "/policy": ("home.policy", "shield"),
    "/incidents": ("home.incidents", "warning"),
    "/trace-repeats": ("home.trace_repeats", "warning"),
    "/appeals": ("home.appeals", "speak"),
    "/recalls": ("home.recalls", "warning"),
}

_OF_ROLE: dict[Role, tuple[str, ...]] = {
    Role.VOLUNTEER: (
        "/receive",
        "/release",
        "/packing",
        "/returns",
        "/transfers",
        "/stocktakes",
        "/disposals",
        "/stock",
        "/labels",
    ),
    Role.MEMBER: ("/needs",),
    Role.LEADER: ("/rounds", "/needs", "/stock", "/people"),
    Role.MEDIC: ("/release", "/medic", "/recalls", "/disposals", "/stock", "/policy"),
    Role.COORDINATOR: (
        "/release",
        "/needs",
        "/residents",
        "/plans",
        "/rounds",
        "/incidents",
        "/recalls",
        "/appeals",
        "/stock/alerts",
        "/transfers",
        "/stocktakes",
        "/disposals",
        "/stock",
        "/labels",
        "/people",
        "/policy",
    ),
    Role.OFFICE: (
        "/release",
        "/needs",
        "/residents",
        "/plans",
        "/rounds",
        "/incidents",
        "/recalls",
        "/appeals",
        "/stock/alerts",
        "/transfers",
        "/stocktakes",
        "/disposals",
        "/stock",
        "/labels",
        "/policy",
    ),
    Role.ADMINISTRATOR: ("/people", "/audit", "/policy"),
    Role.AUDITOR: ("/audit", "/stock", "/policy"),
}


_ALERTS = ("/trace-repeats",)


def doors(session: Session, actor: Actor, today: date) -> tuple[Door, ...]:
    """The doors of the actor's role in the order of the work, the counts within the actor's scope.

    Alerts stand in front, and only while there is one.
    """
    alarmed = _ALERTS if actor.role in {Role.MEDIC, Role.COORDINATOR, Role.OFFICE} else ()
    alarms = (Door(href, *_DOORS[href], _COUNTS[href](session, actor)) for href in alarmed)
    return tuple(one for one in alarms if one.waiting) + tuple(
        Door(href, *_DOORS[href], _waiting(session, actor, today, href)) for href in _OF_ROLE[actor.role]
    )


def _waiting(session: Session, actor: Actor, today: date, href: str) -> int | None:
    if href == "/stock/alerts":
        return alerts.waiting(session, actor, today)
    return _COUNTS[href](session, actor) if href in _COUNTS else None


def alert(session: Session, actor: Actor, now: datetime) -> Alert | None:
    """That label codes are being guessed, for those who can do something about it."""
    return guessing.alert(session, now) if actor.role in {Role.ADMINISTRATOR, Role.OFFICE} else None


def _open_needs(session: Session, actor: Actor) -> int | None:
    if actor.role not in {Role.COORDINATOR, Role.OFFICE}:
        return None
    where = _in_scope(actor, Need.community)
    return session.execute(select(func.count()).where(Need.state == NeedState.OPEN, where)).scalar_one()


def _parcels_to_pack(session: Session, actor: Actor) -> int:
    own = Parcel.station.in_(list(actor.stations))
    return session.execute(select(func.count()).where(Parcel.state == State.PLANNED.value, own)).scalar_one()


def _for_a_medic(session: Session, actor: Actor) -> int:
    decided = select(MedicDecision.id).where(MedicDecision.line == ParcelLine.id).exists()
    return session.execute(
        select(func.count())
        .select_from(ParcelLine)
        .join(Parcel, Parcel.id == ParcelLine.parcel)
        .where(
            Parcel.state == State.PLANNED.value,
            ParcelLine.release_by.in_(["medic", "doctor"]),
            ~decided,
            _in_scope(actor, Parcel.community),
        )
    ).scalar_one()


def _in_scope(actor: Actor, column: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    if actor.everywhere:
        return true()
    return column.in_(list(actor.communities)) if actor.communities else false()


_COUNTS: dict[str, Callable[[Session, Actor], int | None]] = {
    "/release": hold.waiting,
    "/needs": _open_needs,
    "/packing": _parcels_to_pack,
    "/medic": _for_a_medic,
    "/incidents": incident_list.waiting,
    "/recalls": recall_reach.waiting,
    "/transfers": transfer_lists.waiting,
    "/disposals": disposal.waiting,
    "/stocktakes": stocktake_views.waiting,
    "/policy": policy_views.waiting,
    "/trace-repeats": traces.waiting,
}
