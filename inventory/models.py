"""Tables of goods: catalogue, stations and places, lots and packs, donations, and the ledger of movements."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.base.columns import Base, Json, Word, strict


class PlaceKind(StrEnum):
    """Where a pack can be. The last four are not real places: goods come from them or end in them."""

    HOLD = "hold"
    QUARANTINE = "quarantine"
    SHELF = "shelf"
    RESERVED = "reserved"
    PARCEL = "parcel"
    MEMBER = "member"
    TRANSIT = "transit"
    KIT = "kit"
    BIN = "bin"
    DONOR = "donor"
    RESIDENTS = "residents"
    DISPOSAL = "disposal"
    CORRECTION = "correction"


VIRTUAL = frozenset({PlaceKind.DONOR, PlaceKind.RESIDENTS, PlaceKind.DISPOSAL, PlaceKind.CORRECTION})


class Ingredient(Base):
    """An active ingredient and the classes that the rules ask for (antipyretic, sedating, …)."""

    __tablename__ = "ingredients"
    __table_args__ = strict()

    slug: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    classes: Mapped[list[Any]] = mapped_column(Json)


class Item(Base):
    """A line of the catalogue: ``facts`` is the ``StarterItem`` that the rules read, ``search`` its names.

    ``sounds`` is how the Chinese ones are read. ``edition`` grows with every change of the catalogue, so that it names
    this row's last. ``proposed`` is what was written and waits for a medic where it is looser than ``facts``.
    """

    __tablename__ = "items"
    __table_args__ = strict(Index("ix_items_kind", "kind"), Index("ix_items_edition", "edition"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    strength: Mapped[str]
    wanted: Mapped[bool]
    search: Mapped[str]
    sounds: Mapped[str] = mapped_column(default="")
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    proposed: Mapped[dict[str, Any] | None] = mapped_column(Json)
    edition: Mapped[int] = mapped_column(default=0)
    verified_by: Mapped[UUID | None]
    verified_on: Mapped[date | None]


class Barcode(Base):
    """A product code printed on a box (GTIN-14); several for an item, and now and then several items for one.

    ``learned_by`` is the volunteer who told at the counter what the box is; None: it came with a catalogue.
    """

    __tablename__ = "barcodes"
    __table_args__ = strict(Index("ix_barcodes_item", "item"))

    gtin: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"), primary_key=True)
    learned_by: Mapped[UUID | None]


class Station(Base):
    """A love-service station (爱心服务站点)."""

    __tablename__ = "stations"
    __table_args__ = strict()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    community: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    cool_cabinet: Mapped[bool]


class Place(Base):
    """Where packs are: shelves and boxes of a station, a parcel, a member's hands; or outside (virtual kinds).

    ``keeps`` is ``medicine`` for the medicine cabinet, None for a place that takes anything.
    """

    __tablename__ = "places"
    __table_args__ = strict(Index("ix_places_station", "station", "kind"), Index("ix_places_holder", "holder"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[PlaceKind] = mapped_column(Word(PlaceKind))
    name: Mapped[str]
    station: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"))
    holder: Mapped[UUID | None]
    keeps: Mapped[str | None]


class Lot(Base):
    """A batch of an item with its expiry (of a month-only expiry, the month's last day)."""

    __tablename__ = "lots"
    __table_args__ = strict(
        UniqueConstraint("item", "key"), Index("ix_lots_expiry", "expiry"), Index("ix_lots_number", "item", "number")
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    key: Mapped[str]
    number: Mapped[str]
    expiry: Mapped[date | None]
    recalled_on: Mapped[date | None]


class Pack(Base):
    """A labelled holding of one lot: one or more base units that were received together.

    ``split_from``: the pack that was received, where this one was parted from it to be labelled by itself.
    """

    __tablename__ = "packs"
    __table_args__ = strict(CheckConstraint("quantity > 0", name="quantity"), Index("ix_packs_lot", "lot"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    lot: Mapped[UUID] = mapped_column(ForeignKey("lots.id"))
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    quantity: Mapped[int]
    received_by: Mapped[UUID]
    received_at: Mapped[datetime]
    split_from: Mapped[UUID | None] = mapped_column(ForeignKey("packs.id"), index=True)


class Donation(Base):
    """Goods handed in by one donor at one time. ``donor`` has a sealed phone number, or is anonymous (None)."""

    __tablename__ = "donations"
    __table_args__ = strict(Index("ix_donations_station", "station", "at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    station: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    donor: Mapped[UUID | None]
    phone: Mapped[bytes | None]
    phone_blind: Mapped[bytes | None] = mapped_column(index=True)
    declared: Mapped[bool]
    receipt: Mapped[str] = mapped_column(unique=True)
    received_by: Mapped[UUID]
    at: Mapped[datetime]


class DonationLine(Base):
    """One pack of a donation, and what the screening said of it. A refused line has no pack.

    ``donation`` is None where the goods were found at a stocktake: nobody knows whose gift they are.

    ``facts`` holds what was seen and declared (PackFacts, DonationFacts), so that it can be screened again.
    """

    __tablename__ = "donation_lines"
    __table_args__ = strict(
        CheckConstraint("quantity > 0", name="quantity"), Index("ix_donation_lines_donation", "donation")
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    donation: Mapped[UUID | None] = mapped_column(ForeignKey("donations.id"))
    item: Mapped[UUID | None] = mapped_column(ForeignKey("items.id"))
    called: Mapped[str]
    lot_number: Mapped[str]
    expiry: Mapped[date | None]
    quantity: Mapped[int]
    verdict: Mapped[str]
    reasons: Mapped[list[Any]] = mapped_column(Json)
    ruleset: Mapped[str]
    pack: Mapped[UUID | None] = mapped_column(ForeignKey("packs.id"), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    taken_back_at: Mapped[datetime | None]


class ReleaseDecision(Base):
    """A second person's word over a held pack: ``signed`` (another signature is needed), ``released``, ``refused``.

    Append-only. ``role`` is the role in which it was said.
    """

    __tablename__ = "release_decisions"
    __table_args__ = strict(Index("ix_release_decisions_pack", "pack"), Index("ix_release_decisions_at", "at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    pack: Mapped[UUID] = mapped_column(ForeignKey("packs.id"))
    outcome: Mapped[str]
    role: Mapped[str]
    reason: Mapped[str]
    by: Mapped[UUID]
    at: Mapped[datetime]


class Movement(Base):
    """One line of the ledger: units of a pack from a place to a place. Append-only."""

    __tablename__ = "movements"
    __table_args__ = strict(
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("source <> target", name="moves"),
        Index("ix_movements_pack", "pack", "id"),
        Index("ix_movements_subject", "subject"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    pack: Mapped[UUID] = mapped_column(ForeignKey("packs.id"))
    quantity: Mapped[int]
    source: Mapped[UUID] = mapped_column(ForeignKey("places.id"))
    target: Mapped[UUID] = mapped_column(ForeignKey("places.id"))
    reason: Mapped[str]
    actor: Mapped[UUID]
    subject: Mapped[UUID | None]
    reverses: Mapped[UUID | None] = mapped_column(ForeignKey("movements.id"), unique=True)


class Holding(Base):
    """What is where now, kept in the same transaction as the movement. Real places only, never below zero."""

    __tablename__ = "holdings"
    __table_args__ = strict(
        CheckConstraint("quantity >= 0", name="quantity"),
        Index("ix_holdings_pack", "pack"),
        Index(
            "ix_holdings_live", "place", "pack", "quantity",
            sqlite_where=text("quantity > 0"), postgresql_where=text("quantity > 0"),
        ),
    )  # fmt: skip

    place: Mapped[UUID] = mapped_column(ForeignKey("places.id"), primary_key=True)
    pack: Mapped[UUID] = mapped_column(ForeignKey("packs.id"), primary_key=True)
    quantity: Mapped[int]


class Kit(Base):
    """A version of a care-parcel recipe (礼包配方), in force from ``valid_from`` (None: a draft) to ``retired_from``.

    What it says never changes: needs and bags refer to the version they were made of. A kit takes nothing that runs out
    within ``least_days`` days.
    """

    __tablename__ = "kits"
    __table_args__ = strict(UniqueConstraint("code", "version"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    version: Mapped[int]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    least_days: Mapped[int]
    valid_from: Mapped[date | None]
    retired_from: Mapped[date | None]


class KitLine(Base):
    """One item of a recipe and how many."""

    __tablename__ = "kit_lines"
    __table_args__ = strict(CheckConstraint("quantity > 0", name="quantity"))

    kit: Mapped[UUID] = mapped_column(ForeignKey("kits.id"), primary_key=True)
    item: Mapped[UUID] = mapped_column(ForeignKey("items.id"), primary_key=True)
    quantity: Mapped[int]
