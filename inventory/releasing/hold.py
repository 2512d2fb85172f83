"""What waits for a second person's decision, why, and whose signatures each pack needs before it may leave hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.base.permissions import Actor, Permission, Role
from app.base.reasons import Reason
from inventory import stations
from inventory.cataloguing import catalogue
from inventory.cataloguing.starter import StarterItem, intake_facts
from inventory.models import (
    DonationLine,
    Holding,
    Item,
    Lot,
    Movement,
    Pack,
    Place,
    PlaceKind,
    ReleaseDecision,
    Station,
)
from inventory.receiving import intake
from inventory.receiving.intake_facts import DonationFacts, Kind, PackFacts, Verdict
from inventory.receiving.screening import LAW, IntakePolicy, found, screen
from inventory.releasing import stops
from inventory.releasing.signatures import overridden, override_roles, planned
from inventory.releasing.stops import Stop

UNDONE = "unrelease"
"""The reason of the movement that undoes a release: nobody brought the goods in by it."""
HELD = (PlaceKind.HOLD, PlaceKind.QUARANTINE)
MOST = 200
FEW = 50
MEDIC, COORDINATOR, SECOND = "medic", "coordinator", "second"
"""Signatures: a medic's, a coordinator's, and that of any second person who may release supplies."""

_INCIDENT = {stops.STOPPED: "INCIDENT_OPEN", stops.BARRED: "INCIDENT_DOUBTFUL"}

_GIVES = {
    Role.MEDIC: frozenset({MEDIC}),
    Role.COORDINATOR: frozenset({COORDINATOR, SECOND}),
    Role.OFFICE: frozenset({COORDINATOR, SECOND}),
    Role.VOLUNTEER: frozenset({SECOND}),
}


class HeldPack(msgspec.Struct, frozen=True, kw_only=True):
    """A pack that waits, and what this reader can do about it.

    ``waits_for``: whose signatures are still needed. ``can_release``: this reader's word releases it or signs for it.
    ``stuck``: findings that nobody can override; such a pack can only be refused. ``own``: the reader brought it in.
    ``overrides``: letting it out goes against a finding, and wants a reason. ``wants_plan``: and it is short-dated, so
    the note says how it is used in time.
    """

    pack: UUID
    item: UUID
    kind: Kind
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    called: str
    lot_number: str
    expiry: date | None
    quantity: int
    station: UUID
    station_name: str
    quarantined: bool
    held_since: datetime
    verdict: Verdict
    reasons: tuple[Reason, ...]
    stuck: tuple[Reason, ...]
    signed: tuple[str, ...]
    waits_for: tuple[str, ...]
    unknown: bool
    overrides: bool
    wants_plan: bool
    can_release: bool
    can_refuse: bool
    can_identify: bool
    own: bool


def queue(
    session: Session, actor: Actor, today: date, *only: ColumnElement[bool], after: UUID | None = None, limit: int = FEW
) -> tuple[HeldPack, ...]:
    """What waits in the actor's scope, received first comes first, from behind the pack ``after``; at most 200.

    ``only``: further conditions on ``Station``, ``Item`` or ``Pack`` rows.
    """
    query = _held().where(stations.visible(actor), *only).order_by(Pack.id, Place.id).limit(min(limit, MOST))
    if after is not None:
        query = query.where(Pack.id > after)
    return tuple(case.shown(actor) for case in _cases(session, query, today))


def waiting(session: Session, actor: Actor, *only: ColumnElement[bool]) -> int:
    """How many packs wait in the actor's scope."""
    return session.execute(
        select(func.count()).select_from(_held().where(stations.visible(actor), *only).subquery())
    ).scalar_one()


def held(session: Session, pack: UUID, today: date) -> Case | None:
    """The case of a pack, or None where it does not wait (any more)."""
    return held_many(session, (pack,), today).get(pack)


def held_many(session: Session, packs: Collection[UUID], today: date) -> dict[UUID, Case]:
    """The cases of those of the packs that wait."""
    found = _cases(session, _held().where(Pack.id.in_(packs)).order_by(Place.id.desc()), today)
    return {case.row.pack: case for case in found}


def _held() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Pack.id.label("pack"), Pack.item, Pack.received_by, Holding.quantity, Holding.place,
            Place.kind.label("place_kind"), Station.id.label("station"), Station.name.label("station_name"),
            Station.community, Lot.number, Lot.expiry, Lot.recalled_on,
            Item.code, Item.kind, Item.name_zh, Item.name_en, Item.strength, Item.facts.label("item_facts"),
            DonationLine.id.label("line"), DonationLine.called, DonationLine.reasons,
            DonationLine.facts.label("seen"),
        )
        .join(Holding, Holding.pack == Pack.id)
        .join(Place, Place.id == Holding.place)
        .join(Station, Station.id == Place.station)
        .join(Lot, Lot.id == Pack.lot)
        .join(Item, Item.id == Pack.item)
        .outerjoin(DonationLine, DonationLine.pack == func.coalesce(Pack.split_from, Pack.id))
        .where(Place.kind.in_(HELD), Holding.quantity > 0)
    )  # fmt: skip


def _cases(session: Session, query: Select[*tuple[Any, ...]], today: date) -> list[Case]:
    rows = session.execute(query).all()
    if not rows:
        return []
    packs = {row.pack for row in rows}
    arrivals, signatures, words = (
        _arrivals(session, packs),
        _signatures(session, packs),
        stops.last_words(session, packs),
    )
    rules, classes = intake.intake_policy(session, today), catalogue.classes(session)
    return [
        Case(
            row, arrivals[row.pack, row.place], signatures.get(row.pack, ()), words.get(row.pack), rules, classes, today
        )
        for row in rows
    ]


class Arrival(msgspec.Struct, frozen=True):
    """The movement that brought a pack to where it waits: when, and by whom."""

    at: datetime
    actor: UUID


class Signature(msgspec.Struct, frozen=True):
    """Somebody's word for letting it out, while another's was still needed."""

    at: datetime
    role: Role


def _arrivals(session: Session, packs: Collection[UUID]) -> dict[tuple[UUID, UUID], Arrival]:
    rows = session.execute(
        select(Movement.pack, Movement.target, Movement.at, Movement.actor)
        .where(Movement.pack.in_(packs), Movement.reason != UNDONE)
        .order_by(Movement.id)
    )
    return {(row.pack, row.target): Arrival(row.at, row.actor) for row in rows}


def _signatures(session: Session, packs: Collection[UUID]) -> dict[UUID, tuple[Signature, ...]]:
    rows = session.execute(
        select(ReleaseDecision.pack, ReleaseDecision.at, ReleaseDecision.role).where(
            ReleaseDecision.pack.in_(packs), ReleaseDecision.outcome == "signed"
        )
    )
    signed: dict[UUID, tuple[Signature, ...]] = {}
    for row in rows:
        signed[row.pack] = (*signed.get(row.pack, ()), Signature(row.at, Role(row.role)))
    return signed


class Case:
    """One held pack with everything that decides about it."""

    def __init__(
        self,
        row: Any,
        arrival: Arrival,
        signatures: Iterable[Signature],
        word: Stop | None,
        rules: IntakePolicy | None,
        classes: dict[str, tuple[str, ...]],
        today: date,
    ) -> None:
        self.row, self.arrival = row, arrival
        self.kind, self.unknown = Kind(row.kind), row.code == catalogue.UNKNOWN_CODE
        self.medicine = self.unknown or self.kind is Kind.MEDICINE
        self.stop = word.word if word and word.stopped else ""
        # A signature speaks of the goods as they came this time; after a return or an incident it must be given anew.
        since = max(arrival.at, word.at) if word else arrival.at
        self.signatures = tuple(one for one in signatures if one.at >= since)
        self.item = None if self.unknown else intake_facts(msgspec.convert(row.item_facts, StarterItem), classes)
        self.reasons = self._reasons(rules, today)

    def _reasons(self, rules: IntakePolicy | None, today: date) -> tuple[Reason, ...]:
        """What the law says of it today, then what the screening said when it came in."""
        said = msgspec.convert(self.row.reasons or [], tuple[Reason, ...])
        law: tuple[Reason, ...] = ()
        if self.row.seen is not None:
            seen = msgspec.convert(self.row.seen["pack"], PackFacts)
            donation = msgspec.convert(self.row.seen["donation"], DonationFacts)
            if rules is not None and any(reason.rule == intake.NO_POLICY.rule for reason in said):
                said = screen(seen, self.item, donation, rules, today).reasons
            law = screen(seen, self.item, donation, IntakePolicy(version="law", rules=LAW), today).reasons
        if self.row.recalled_on is not None:
            law = (found("IN17_RECALLED", Verdict.REJECT), *law)
        if self.stop:
            law = (found(_INCIDENT[self.stop], Verdict.REJECT), *law)
        known = {reason.code for reason in said if reason.outcome == Verdict.REJECT}
        return (*(one for one in law if one.outcome == Verdict.REJECT and one.code not in known), *said)

    @property
    def verdict(self) -> Verdict:
        """The strictest of the findings; unknown goods are never better than quarantined."""
        outcomes = {Verdict(reason.outcome) for reason in self.reasons}
        if Verdict.REJECT in outcomes:
            return Verdict.REJECT
        return Verdict.QUARANTINE if self.unknown or Verdict.QUARANTINE in outcomes else Verdict.ACCEPT

    @property
    def stuck(self) -> tuple[Reason, ...]:
        """Findings that nobody can override."""
        return tuple(
            one
            for one in self.reasons
            if one.outcome == Verdict.REJECT or (one.outcome == Verdict.QUARANTINE and not override_roles(one))
        )

    @property
    def needs(self) -> frozenset[str]:
        """The signatures that must come together: one for the kind of goods, and all who override each finding."""
        roles = {role for one in self.reasons if one.outcome == Verdict.QUARANTINE for role in override_roles(one)}
        return frozenset(roles | {MEDIC if self.medicine else SECOND})

    @property
    def overrides(self) -> bool:
        """Whether letting it out goes against a finding."""
        return bool(overridden(self.reasons))

    @property
    def wants_plan(self) -> bool:
        """Whether nobody has said yet how short-dated medicine is used in time (IN05): the first to sign does."""
        return planned(self.reasons) and not self.signatures

    def own(self, actor: Actor) -> bool:
        """Whether this person brought the goods into hold, when they came or when they came back."""
        return actor.account in {self.row.received_by, self.arrival.actor}

    def signs_as(self, actor: Actor) -> frozenset[str]:
        """Which of the needed signatures this person can give."""
        return frozenset() if self.own(actor) else self.needs & _GIVES.get(actor.role, frozenset())

    def waits_for(self, actor: Actor | None = None) -> frozenset[str]:
        """Whose signatures are missing, after this actor's."""
        given = {word for one in self.signatures for word in _GIVES[one.role]}
        return self.needs - given - (self.signs_as(actor) if actor else frozenset())

    def may_refuse(self, actor: Actor) -> bool:
        """A second person: of good medicine a medic or coordinator; of what is stuck, anyone who releases."""
        if self.own(actor) or self.stop == stops.STOPPED:
            return False
        if self.medicine and not self.stuck:
            return bool(_GIVES.get(actor.role, frozenset()) & {MEDIC, COORDINATOR})
        return actor.may(Permission.RELEASE_SUPPLIES) or actor.may(Permission.RELEASE_MEDICINE)

    def shown(self, actor: Actor) -> HeldPack:
        """The case as this reader sees it."""
        row, missing, medic = self.row, self.waits_for(), actor.may(Permission.RELEASE_MEDICINE)
        return HeldPack(
            pack=row.pack, item=row.item, kind=self.kind, name_zh=row.name_zh, name_en=row.name_en,
            strength=row.strength, unit_zh=row.item_facts["unit_zh"], unit_en=row.item_facts["unit_en"],
            called=row.called or "", lot_number=row.number, expiry=row.expiry, quantity=row.quantity,
            station=row.station, station_name=row.station_name,
            quarantined=row.place_kind == PlaceKind.QUARANTINE, held_since=self.arrival.at, verdict=self.verdict,
            reasons=self.reasons, stuck=self.stuck, signed=tuple(sorted(self.needs - missing)),
            waits_for=tuple(sorted(missing)), unknown=self.unknown, overrides=self.overrides,
            wants_plan=self.wants_plan,
            can_release=not self.stuck and not self.unknown and bool(self.signs_as(actor) & missing),
            can_refuse=self.may_refuse(actor), can_identify=self.unknown and medic and not self.own(actor),
            own=self.own(actor),
        )  # fmt: skip
