"""A gift's journey for whoever holds its receipt: steps in units and days, never a person, and no small numbers.

The rule (decision 012): deliveries are told from the next day on, so that nobody who watches the page learns an hour.
A day and a priority group are named only where, on that day, at least ``FEW`` different members of the group were
handed something in the whole sub-district. Everything else is told as one sentence, without a number or a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from sqlalchemy.orm import Session

from app.base.edges import PUBLIC, Call
from distribution import reached_groups
from inventory.appealing import gifts
from inventory.appealing.gifts import Gift
from labels import codes, guessing, registry
from labels.models import LabelState
from labels.pages import for_anyone
from labels.render import qr_svg

FEW = 5
"""The smallest number of people that is told (small cells are suppressed)."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Units handed over on a day, and the priority groups of whoever they were for."""

    day: date
    units: int
    groups: frozenset[str]


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """Units that reached a group on a day on which enough others of it were reached too."""

    day: date
    group: str
    units: int


class Hidden(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something else reached a member of a priority group, and whether another resident: no more is told."""

    priority: bool = False
    other: bool = False


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """A gift and how far it has come. ``numbers``: whether how many were delivered may be told."""

    gift: Gift
    arrived: tuple[Arrived, ...]
    hidden: Hidden

    @property
    def numbers(self) -> bool:
        return not (self.hidden.priority or self.hidden.other)

    @property
    def some_delivered(self) -> bool:
        return bool(self.arrived) or not self.numbers


def coarse(
    deliveries: Iterable[Delivery], sizes: Mapping[date, Mapping[str, int]]
) -> tuple[tuple[Arrived, ...], Hidden]:
    """What may be told of deliveries; ``sizes`` are how many of each group were reached on each day.

    Of somebody in several groups the largest that day stands for all.
    """
    told: dict[tuple[date, str], int] = {}
    priority = other = False
    for one in deliveries:
        of_day = sizes.get(one.day, {})
        wide = [group for group in one.groups if of_day.get(group, 0) >= FEW]
        if wide:
            group = max(sorted(wide), key=lambda name: of_day[name])
            told[one.day, group] = told.get((one.day, group), 0) + one.units
        else:
            priority, other = priority or bool(one.groups), other or not one.groups
    arrived = tuple(Arrived(day=day, group=group, units=units) for (day, group), units in sorted(told.items()))
    return arrived, Hidden(priority=priority, other=other)


def journey(session: Session, code: str, today: date, zone: ZoneInfo) -> Journey | None:
    """The journey of the gift that a receipt's code stands for; None where it stands for none (any more)."""
    label = registry.look_up(session, code)
    if label is None or label.state != LabelState.BOUND or label.kind != "receipt" or label.subject is None:
        return None
    midnight = datetime.combine(today, time(), zone)
    given = gifts.gift(session, label.subject, midnight)
    arrived, hidden = coarse(*_deliveries(session, label.subject, midnight, zone))
    return Journey(gift=given, arrived=arrived, hidden=hidden)


def _deliveries(
    session: Session, donation: UUID, midnight: datetime, zone: ZoneInfo
) -> tuple[list[Delivery], dict[date, dict[str, int]]]:
    handed = gifts.handed_over(session, donation, midnight)
    groups = reached_groups.groups_of(session, {(one.parcel, one.pack) for one in handed})
    deliveries = [
        Delivery(
            day=one.at.astimezone(zone).date(), units=one.units, groups=groups.get((one.parcel, one.pack), frozenset())
        )
        for one in handed
    ]
    return deliveries, {day: _sizes(session, day) for day in {one.day for one in deliveries}}


def _sizes(session: Session, day: date) -> dict[str, int]:
    return {one.group: one.members for one in reached_groups.reached(session, day)}


# ---------------------------------------------------------------- pages


@get(["/gift/{code:str}", "/gift/{code:str}/paper"], opt=PUBLIC, include_in_schema=False)
async def gift_page(call: NamedDependency[Call], code: FromPath[str]) -> Response[Any]:
    """A gift's journey, or its receipt on paper, for anyone with the code; guessing codes gets nowhere."""
    try:
        bare = codes.parse(code)
    except codes.MistypedCode:
        return call.go("/L/" + code[: codes.LENGTH])
    client = call.request.client
    waits = await call.peek(guessing.seconds_to_wait, client.host if client else "", call.now)
    zone = ZoneInfo(call.settings.timezone)
    found = None if waits else await call.read(journey, bare, call.today, zone)
    if found is None:
        return await for_anyone(call, bare)
    address = codes.url(call.settings.base_url, bare)
    paper = call.request.url.path.endswith("/paper")
    return call.page(
        "gift_paper.html" if paper else "gift.html",
        journey=found,
        gift=found.gift,
        day=found.gift.at.astimezone(zone).date(),
        code=codes.shown(bare),
        bare=bare,
        qr=qr_svg(address, title=codes.shown(bare)),
        address=address.partition("//")[2],
    )


handlers: list[BaseRouteHandler] = [gift_page]
