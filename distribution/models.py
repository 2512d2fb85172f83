"""Tables of people and the way to the door: residents (personal fields sealed), needs, plans, parcels, rounds."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, Word, strict
from distribution.clone_signs import Sign
from distribution.snapshot import DecisionOutcome


class Grid(Base):
    """A grid (网格) of a community."""

    __tablename__ = "grids"
    __table_args__ = strict(UniqueConstraint("community", "name"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    community: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    name: Mapped[str]


class Building(Base):
    """A building (楼栋) of a grid; ``position`` is its place in the usual walk."""

    __tablename__ = "buildings"
    __table_args__ = strict(UniqueConstraint("grid", "name"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    grid: Mapped[UUID] = mapped_column(ForeignKey("grids.id"))
    name: Mapped[str]
    position: Mapped[int]


class Household(Base):
    """The people at one door. ``serial`` is the door's number on parcel labels: it tells nobody where or who."""

    __tablename__ = "households"
    __table_args__ = strict(Index("ix_households_team", "team"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    building: Mapped[UUID] = mapped_column(ForeignKey("buildings.id"))
    community: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    team: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    serial: Mapped[int] = mapped_column(unique=True)
    floor: Mapped[int]
    lift: Mapped[bool]


class Team(Base):
    """A service team (暖心服务小分队)."""

    __tablename__ = "teams"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    community: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    name: Mapped[str] = mapped_column(unique=True)
    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"))


class TeamMember(Base):
    """Who belongs to a team and as what («1+N»: grid head, party member, medic, …)."""

    __tablename__ = "team_members"
    __table_args__ = strict()

    team: Mapped[UUID] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    account: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    part: Mapped[str]


class Resident(Base):
    """Somebody who is served. Name, phone, address and health facts are sealed under the person's own key.

    ``basis``, ``consent_version`` and ``consent_on`` say on what ground the data is held; without ``health_consent``
    no health fact is kept, so supplies can be given and medicine cannot.
    """

    __tablename__ = "residents"
    __table_args__ = strict(Index("ix_residents_household", "household"), Index("ix_residents_community", "community"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    household: Mapped[UUID] = mapped_column(ForeignKey("households.id"))
    community: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    groups: Mapped[list[Any]] = mapped_column(Json)
    name: Mapped[bytes]
    phone: Mapped[bytes | None]
    phone_blind: Mapped[bytes | None] = mapped_column(index=True)
    address: Mapped[bytes]
    health: Mapped[bytes]
    basis: Mapped[str]
    consent_version: Mapped[str]
    consent_on: Mapped[date]
    health_consent: Mapped[bool]
    demo: Mapped[bool]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class NeedState(StrEnum):
    """The life of a need."""

    OPEN = "open"
    PROMISED = "promised"
    MET = "met"
    CANCELLED = "cancelled"


class Need(Base):
    """What a resident asks or was found to want: an item or a class of items; the amount may be unknown."""

    __tablename__ = "needs"
    __table_args__ = strict(
        Index("ix_needs_state", "state", "community"),
        Index("ix_needs_resident", "resident"),
        CheckConstraint("(item IS NULL) <> (kit IS NULL)", name="item_or_kit"),
        CheckConstraint("quantity IS NULL OR quantity > 0", name="quantity"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    resident: Mapped[UUID] = mapped_column(ForeignKey("residents.id"))
    household: Mapped[UUID] = mapped_column(ForeignKey("households.id"))
    community: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    item: Mapped[UUID | None] = mapped_column(ForeignKey("items.id"))
    kit: Mapped[UUID | None] = mapped_column(ForeignKey("kits.id"))
    substitutes: Mapped[list[Any]] = mapped_column(Json)
    quantity: Mapped[int | None]
    urgency: Mapped[str]
    state: Mapped[NeedState] = mapped_column(Word(NeedState))
    since: Mapped[datetime]
    recorded_by: Mapped[UUID]
    closed_at: Mapped[datetime | None]


class PlanState(StrEnum):
    """A plan promises nothing until it is approved; while it is being written nobody sees it."""

    WORKING = "working"
    PROPOSED = "proposed"
    APPROVED = "approved"
    SUPERSEDED = "superseded"


class Plan(Base):
    """One run of the matching: its scope, policies and seed, so that it can be run again to the byte."""

    __tablename__ = "plans"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    community: Mapped[UUID | None] = mapped_column(ForeignKey("communities.id"))
    state: Mapped[PlanState] = mapped_column(Word(PlanState))
    seed: Mapped[str]
    policies: Mapped[dict[str, Any]] = mapped_column(Json)
    snapshot: Mapped[bytes]
    made_by: Mapped[UUID]
    made_at: Mapped[datetime]
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]


class Decision(Base):
    """What a plan says of one need, with its reasons: a yes names lot, station and quantity; a no its code.

    Reasons that would tell a person's health stand here as «ask a medic»; the whole finding is sealed elsewhere.
    """

    __tablename__ = "decisions"
    __table_args__ = strict(Index("ix_decisions_plan", "plan", "outcome"), Index("ix_decisions_need", "need"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan: Mapped[UUID] = mapped_column(ForeignKey("plans.id"))
    need: Mapped[UUID] = mapped_column(ForeignKey("needs.id"))
    outcome: Mapped[DecisionOutcome] = mapped_column(Word(DecisionOutcome))
    item: Mapped[UUID | None] = mapped_column(ForeignKey("items.id"))
    lot: Mapped[UUID | None] = mapped_column(ForeignKey("lots.id"))
    station: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"))
    quantity: Mapped[int]
    rank: Mapped[int]
    tier: Mapped[int]
    release_by: Mapped[str | None]
    reasons: Mapped[list[Any]] = mapped_column(Json)


class MedicDecision(Base):
    """A medic's or doctor's recorded decision over one medicine for one resident. Append-only.

    ``seen`` is what was before the medic's eyes (findings, questions, note), sealed under the resident's key.
    """

    __tablename__ = "medic_decisions"
    __table_args__ = strict(Index("ix_medic_decisions_line", "line"), Index("ix_medic_decisions_resident", "resident"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[UUID] = mapped_column(ForeignKey("parcel_lines.id"))
    resident: Mapped[UUID] = mapped_column(ForeignKey("residents.id"))
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    released: Mapped[bool]
    doctor: Mapped[bool]
    ruleset: Mapped[str]
    seen: Mapped[bytes]
    by: Mapped[UUID]
    at: Mapped[datetime]


class Parcel(Base):
    """A bag for one household. ``state`` follows ``journey``; ``place`` is where its packs lie in the ledger."""

    __tablename__ = "parcels"
    __table_args__ = strict(
        Index("ix_parcels_station", "station", "state"),
        Index("ix_parcels_household", "household"),
        Index("ix_parcels_round", "round"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    household: Mapped[UUID] = mapped_column(ForeignKey("households.id"))
    community: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    team: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    plan: Mapped[UUID | None] = mapped_column(ForeignKey("plans.id"))
    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"))
    state: Mapped[str]
    round: Mapped[UUID | None] = mapped_column(ForeignKey("rounds.id"))
    position: Mapped[int | None]
    carrier: Mapped[UUID | None]
    out_since: Mapped[datetime | None]
    made_at: Mapped[datetime]


class LineState(StrEnum):
    """A parcel line: promised stock, packed, given to the resident, or dropped again."""

    RESERVED = "reserved"
    PACKED = "packed"
    GIVEN = "given"
    DROPPED = "dropped"


class ParcelLine(Base):
    """One item for one resident in a parcel: reserved as one pack, perhaps packed as another of the same lot.

    ``bag``: it lies in the parcel inside this care parcel, unopened.
    """

    __tablename__ = "parcel_lines"
    __table_args__ = strict(
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_parcel_lines_parcel", "parcel"),
        Index("ix_parcel_lines_pack", "pack"),
        Index("ix_parcel_lines_need", "need"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    parcel: Mapped[UUID] = mapped_column(ForeignKey("parcels.id"))
    need: Mapped[UUID] = mapped_column(ForeignKey("needs.id"))
    resident: Mapped[UUID] = mapped_column(ForeignKey("residents.id"))
    decision: Mapped[UUID] = mapped_column(ForeignKey("decisions.id"))
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    lot: Mapped[UUID] = mapped_column(ForeignKey("lots.id"))
    pack: Mapped[UUID] = mapped_column(ForeignKey("packs.id"))
    quantity: Mapped[int]
    state: Mapped[LineState] = mapped_column(Word(LineState))
    release_by: Mapped[str | None]
    bag: Mapped[UUID | None] = mapped_column(ForeignKey("kit_bags.id"))


class ParcelStep(Base):
    """The dated history of a parcel. Append-only."""

    __tablename__ = "parcel_steps"
    __table_args__ = strict(Index("ix_parcel_steps_parcel", "parcel", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    parcel: Mapped[UUID] = mapped_column(ForeignKey("parcels.id"))
    event: Mapped[str]
    state: Mapped[str]
    by: Mapped[UUID]
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(Json)


class Round(Base):
    """A team's trip of a day with its stops in order."""

    __tablename__ = "rounds"
    __table_args__ = strict(Index("ix_rounds_team", "team", "day"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    team: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    community: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    day: Mapped[date]
    state: Mapped[str]
    planned_by: Mapped[UUID]
    planned_at: Mapped[datetime]


class Confirmation(Base):
    """What a member recorded at a door, by the id made on the phone. Append-only; the first terminal one has effect."""

    __tablename__ = "confirmations"
    __table_args__ = strict(Index("ix_confirmations_parcel", "parcel"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    parcel: Mapped[UUID] = mapped_column(ForeignKey("parcels.id"))
    outcome: Mapped[str]
    receiver: Mapped[str | None]
    reason: Mapped[str | None]
    ticks: Mapped[list[Any]] = mapped_column(Json)
    effective: Mapped[bool]
    by: Mapped[UUID]
    phone_at: Mapped[datetime]
    at: Mapped[datetime]


class Given(Base):
    """What a resident was handed, for the rules that look back over days. Append-only."""

    __tablename__ = "given"
    __table_args__ = strict(
        Index("ix_given_resident", "resident", "day"), Index("ix_given_household", "household"),
        Index("ix_given_day", "day"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    resident: Mapped[UUID] = mapped_column(ForeignKey("residents.id"))
    household: Mapped[UUID] = mapped_column(ForeignKey("households.id"))
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    line: Mapped[UUID] = mapped_column(ForeignKey("parcel_lines.id"), unique=True)
    quantity: Mapped[int]
    day: Mapped[date]


class Outcome(StrEnum):
    """What whoever looked into an incident found. ``DOUBTFUL``: nobody can tell which is the true one."""

    ALL_RIGHT = "all_right"
    COPY_FOUND = "copy_found"
    BROUGHT_BACK = "brought_back"
    DOUBTFUL = "doubtful"


class Incident(Base):
    """A sign that a label was copied, on one thing; open until a coordinator has looked into it.

    ``kind`` and ``subject`` are the label's (for a blank one that was lost: its batch), ``scan`` the key that the
    phone made for the scan, ``by`` who scanned. ``community`` is None where nobody but the office can be asked.
    """

    __tablename__ = "incidents"
    __table_args__ = strict(
        CheckConstraint("(closed_at IS NULL) = (outcome IS NULL)", name="closed_with_an_outcome"),
        Index(
            "ix_incidents_one_open",
            "subject",
            "sign",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_incidents_community", "community", "id"),
        Index("ix_incidents_scan", "scan"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sign: Mapped[Sign] = mapped_column(Word(Sign))
    kind: Mapped[str]
    subject: Mapped[UUID]
    step: Mapped[str]
    scan: Mapped[UUID]
    community: Mapped[UUID | None] = mapped_column(ForeignKey("communities.id"))
    station: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"))
    team: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    by: Mapped[UUID]
    at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    outcome: Mapped[Outcome | None] = mapped_column(Word(Outcome))


class IncidentThing(Base):
    """A pack or parcel that an incident stops until it is closed well."""

    __tablename__ = "incident_things"
    __table_args__ = strict(Index("ix_incident_things_thing", "thing"))

    incident: Mapped[UUID] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    thing: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
