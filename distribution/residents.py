"""The ledger of people who are served: personal fields are sealed, opened for a purpose, and each opening is noted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, and_, false, insert, or_, select, true, update
from sqlalchemy.orm import Session

from app.base import audit, replay, store
from app.base.errors import Conflict, NotFound
from app.base.fields import Dated, Day, Instant, Key, Line, Phone, Word
from app.base.ids import new_id
from app.base.models import PersonKey
from app.base.permissions import Actor, Permission, Role
from app.base.vault import Sealer, Vault, normal_phone
from distribution.errors import AlreadyRegistered, GuardianNeeded, NoPhone
from distribution.health import UNASKED, Group, HealthAnswers, age_in_months, as_slugs, fold, person_of
from distribution.journey import State
from distribution.models import Household, Parcel, Resident, Round
from distribution.names import Honorific, honorific_of, masked_name, surname_of
from distribution.safety import Person
from inventory.models import Ingredient, Item

NamesKnown = Mapping[str, frozenset[str]]
"""Names of ingredients and medicines, folded, with the ingredients that each stands for."""
CHILD_MONTHS = 14 * 12
_DONE = (State.DELIVERED, State.FAILED, State.RETURNED, State.UNPACKED, State.CANCELLED)


class Basis(StrEnum):
    """On what ground the data is held (PIPL art. 13, 31)."""

    CONSENT = "consent"
    GUARDIAN = "guardian"
    EMERGENCY = "emergency"
    PUBLIC_DUTY = "public_duty"


class Purpose(StrEnum):
    """For what a sealed field is opened; it stands in the audit."""

    DELIVERY = "delivery"
    REGISTER = "register"
    CALL_BACK = "call-back"
    MEDIC_CASE = "medic-case"
    RECALL = "recall"


class Consent(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On what ground and since when the data is held; ``health`` is the separate consent for health facts."""

    basis: Basis
    version: Word
    given_on: Day
    health: bool


Groups = Annotated[tuple[Group, ...], Meta(max_length=5)]


class NewResident(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody to serve. Every question of ``health`` is answered or left open on purpose."""

    key: Key
    household: UUID
    name: Word
    address: Line
    phone: Phone | None
    groups: Groups
    consent: Consent
    health: HealthAnswers


class CorrectResident(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is put right; None leaves a part as it is. ``version`` is the resident's ``changed_at`` as last seen."""

    key: Key
    resident: UUID
    version: Instant
    name: Word | None = None
    address: Line | None = None
    phone: Phone | None = None
    groups: Groups | None = None
    health: HealthAnswers | None = None


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """How to call on somebody; ``name`` is the whole name, for who keeps the register."""

    surname: str
    honorific: Honorific
    address: str
    name: str | None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list: the door's serial and a masked name; ``groups`` is None for who may not read them."""

    id: UUID
    serial: int
    name: str
    community: UUID
    groups: tuple[str, ...] | None
    changed_at: datetime


def visible(actor: Actor) -> ColumnElement[bool]:
    """The residents in an actor's scope, as a condition on ``households``."""
    if actor.everywhere:
        return true()
    if actor.role in {Role.COORDINATOR, Role.MEDIC}:
        return Household.community.in_(actor.communities)
    if actor.role in {Role.MEMBER, Role.LEADER}:
        return Household.team.in_(actor.teams)
    return false()


def register(
    session: Session, vault: Vault, new: NewResident, actor: Actor, now: datetime, known: NamesKnown | None = None
) -> UUID:
    """Take somebody into the ledger; returns the id. Sealed under the person's own key from the first byte.

    Whoever registers many hands in ``names_known``, so that the catalogue is read once for all of them.
    Raises NotFound for a door out of scope, AlreadyRegistered, GuardianNeeded for a child without a guardian's consent.
    """
    actor.need(Permission.EDIT_RESIDENT)
    home = session.execute(
        select(Household.community).where(Household.id == new.household).with_for_update()
    ).scalar_one_or_none()
    if home is None:
        raise NotFound
    actor.in_community(home)
    if made := replay.made_by(session, actor, new.key, "resident.register", new):
        return UUID(made["resident"])
    _guardian(new, now.date())
    _only_once(session, vault, new)
    resident = new_id()
    sealer = vault.admit(session, resident)
    answers = _cleaned(session, new.health, known) if new.consent.health else UNASKED
    session.execute(
        insert(Resident).values(
            id=resident,
            household=new.household,
            community=home,
            groups=sorted(set(new.groups)),
            basis=new.consent.basis.value,
            consent_version=new.consent.version,
            consent_on=new.consent.given_on,
            health_consent=new.consent.health,
            demo=store.is_demo(session),
            created_at=now,
            changed_at=now,
            **_sealed(vault, sealer, new.name, new.address, new.phone),
            health=_seal_health(sealer, answers),
        )
    )
    audit.note(session, actor, "resident.register", resident, now, basis=new.consent.basis.value)
    replay.keep(session, actor, new.key, "resident.register", new, {"resident": str(resident)}, now)
    return resident


def _guardian(new: NewResident, today: date) -> None:
    age = age_in_months(new.health.born, today)
    if age is not None and age < CHILD_MONTHS and new.consent.basis is Basis.CONSENT:
        raise GuardianNeeded


def _only_once(session: Session, vault: Vault, new: NewResident) -> None:
    rows = session.execute(
        select(Resident.id, Resident.name, PersonKey.wrapped)
        .join(PersonKey, PersonKey.subject == Resident.id)
        .where(Resident.household == new.household, PersonKey.wrapped.is_not(None))
    )
    for row in rows:
        if fold(vault.unwrap(row.id, row.wrapped).open("residents.name", row.name)) == fold(new.name):
            raise AlreadyRegistered


def _sealed(vault: Vault, sealer: Sealer, name: str | None, address: str | None, phone: str | None) -> dict[str, Any]:
    sealed: dict[str, Any] = {}
    if name is not None:
        sealed["name"] = sealer.seal("residents.name", name.strip())
    if address is not None:
        sealed["address"] = sealer.seal("residents.address", address.strip())
    if phone is not None:
        sealed["phone"] = sealer.seal("residents.phone", normal_phone(phone))
        sealed["phone_blind"] = vault.blind(phone)
    return sealed


def _seal_health(sealer: Sealer, answers: HealthAnswers) -> bytes:
    return sealer.seal("residents.health", msgspec.json.encode(answers).decode())


def _cleaned(session: Session, answers: HealthAnswers, known: NamesKnown | None = None) -> HealthAnswers:
    """The answers with every known name of an ingredient or product as its ingredients."""
    if known is None:
        known = names_known(session) if answers.allergies or answers.own_medicines else {}
    allergies, own = answers.allergies, answers.own_medicines
    return msgspec.structs.replace(
        answers,
        allergies=None if allergies is None else as_slugs(allergies, known),
        own_medicines=None if own is None else as_slugs(own, known),
        pregnancy="not_applicable" if answers.sex == "male" else answers.pregnancy,
    )


def names_known(session: Session) -> NamesKnown:
    """Every name by which the catalogue knows an ingredient or a medicine, with the ingredients it stands for."""
    known: dict[str, set[str]] = {}
    for slug, zh, en in session.execute(select(Ingredient.slug, Ingredient.name_zh, Ingredient.name_en)):
        for name in (slug, *zh.replace("）", "").split("（"), en):
            known.setdefault(fold(name), set()).add(slug)
    for row in session.execute(select(Item.name_zh, Item.name_en, Item.facts).where(Item.kind == "medicine")):
        ingredients = {active["ingredient"] for active in row.facts.get("actives", ())}
        for name in (row.name_zh, row.name_en, *row.facts.get("aliases", ())):
            known.setdefault(fold(name), set()).update(ingredients)
    return {name: frozenset(slugs) for name, slugs in known.items()}


def correct(session: Session, vault: Vault, put_right: CorrectResident, actor: Actor, now: datetime) -> None:
    """Put a resident's data right. Raises NotFound out of scope, Conflict where somebody else changed it meanwhile.

    Health facts are answered anew as a whole; without the consent to keep them they stay unasked.
    """
    actor.need(Permission.EDIT_RESIDENT)
    row = _in_scope(session, put_right.resident, actor, lock=True)
    if replay.made_by(session, actor, put_right.key, "resident.correct", put_right) is not None:
        return
    if row.changed_at != put_right.version:
        raise Conflict
    sealer = vault.person(session, row.id)
    values = _sealed(vault, sealer, put_right.name, put_right.address, put_right.phone)
    if put_right.groups is not None:
        values["groups"] = sorted(set(put_right.groups))
    if put_right.health is not None and row.health_consent:
        values["health"] = _seal_health(sealer, _cleaned(session, put_right.health))
    session.execute(update(Resident).where(Resident.id == row.id).values(**values, changed_at=now))
    audit.note(session, actor, "resident.correct", row.id, now, fields=sorted(set(values) - {"phone_blind"}))
    replay.keep(session, actor, put_right.key, "resident.correct", put_right, {}, now)


def _in_scope(session: Session, resident: UUID, actor: Actor, *, lock: bool = False) -> Resident:
    """The resident's row; raises NotFound for one that is absent or out of scope."""
    wanted = (
        select(Resident)
        .join(Household, Household.id == Resident.household)
        .where(Resident.id == resident, visible(actor))
    )
    if lock:
        wanted = wanted.with_for_update(of=Resident).execution_options(populate_existing=True)
    row = session.execute(wanted).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row


def _called_on(session: Session, row: Resident, actor: Actor, today: date) -> None:
    """A member and a leader learn who it is only for a stop of the own team, a member only while it runs today."""
    if actor.role not in {Role.MEMBER, Role.LEADER}:
        return
    stop = (
        select(Parcel.id)
        .outerjoin(Round, Round.id == Parcel.round)
        .where(Parcel.household == row.household, Parcel.team.in_(actor.teams), Parcel.state.not_in(_DONE))
    )
    if actor.role is Role.MEMBER:
        own = or_(Parcel.carrier.is_(None), Parcel.carrier == actor.account)
        stop = stop.where(and_(Round.day == today, own))
    if session.execute(stop.limit(1)).first() is None:
        raise NotFound


def open_name(
    session: Session, vault: Vault, resident: UUID, purpose: Purpose, actor: Actor, today: date, now: datetime
) -> Called:
    """Surname, honorific and address; the whole name for a coordinator and the office. Written down, with its purpose.

    Raises NotFound out of scope, or for a member without a running stop at this door.
    """
    actor.need(Permission.READ_RESIDENT)
    row = _in_scope(session, resident, actor)
    _called_on(session, row, actor, today)
    sealer = vault.person(session, row.id)
    name = sealer.open("residents.name", row.name)
    keeper = actor.may(Permission.EDIT_RESIDENT)
    audit.note(session, actor, "resident.read-name", row.id, now, purpose=purpose.value)
    return Called(
        surname=surname_of(name),
        honorific=honorific_of(_answers(sealer, row.health).sex),
        address=sealer.open("residents.address", row.address),
        name=name if keeper else None,
    )


def open_phone(
    session: Session, vault: Vault, resident: UUID, purpose: Purpose, actor: Actor, today: date, now: datetime
) -> str:
    """One person's phone number, for one call. Written down; raises NotFound as ``open_name``, NoPhone."""
    actor.need(Permission.READ_PHONE)
    row = _in_scope(session, resident, actor)
    _called_on(session, row, actor, today)
    if row.phone is None:
        raise NoPhone
    number = vault.person(session, row.id).open("residents.phone", row.phone)
    audit.note(session, actor, "resident.read-phone", row.id, now, purpose=purpose.value)
    return number


def open_health(
    session: Session, vault: Vault, resident: UUID, purpose: Purpose, actor: Actor, now: datetime
) -> HealthAnswers:
    """The answers about a person's health, for a medic's case. Written down; raises NotFound out of scope."""
    actor.need(Permission.READ_HEALTH)
    row = _in_scope(session, resident, actor)
    answers = _answers(vault.person(session, row.id), row.health)
    audit.note(session, actor, "resident.read-health", row.id, now, purpose=purpose.value)
    return answers


def _answers(sealer: Sealer, health: bytes) -> HealthAnswers:
    return msgspec.json.decode(sealer.open("residents.health", health), type=HealthAnswers)


def facts_for_rules(session: Session, vault: Vault, people: Collection[UUID], today: date) -> dict[UUID, Person]:
    """What the dispensing rules read of each person, named by nothing but the id. For the rules, never for a screen.

    Whoever runs the rules writes one note for the run. Raises NotFound where a person is absent or erased.
    """
    rows = session.execute(
        select(Resident.id, Resident.health, Resident.groups, PersonKey.wrapped)
        .join(PersonKey, PersonKey.subject == Resident.id)
        .where(Resident.id.in_(people), PersonKey.wrapped.is_not(None))
    )
    facts = {
        row.id: person_of(_answers(vault.unwrap(row.id, row.wrapped), row.health), row.groups, today) for row in rows
    }
    if len(facts) < len(set(people)):
        raise NotFound
    return facts


def households_of(session: Session, people: Collection[UUID]) -> dict[UUID, UUID]:
    """The household of each resident."""
    rows = session.execute(select(Resident.id, Resident.household).where(Resident.id.in_(people)))
    return {row.id: row.household for row in rows}


def one(session: Session, vault: Vault, resident: UUID, actor: Actor) -> Listed:
    """One resident as the list shows it, with ``changed_at`` to correct against. Raises NotFound out of scope."""
    row = _in_scope(session, resident, actor)
    serial = session.execute(select(Household.serial).where(Household.id == row.household)).scalar_one()
    return Listed(
        id=row.id,
        serial=serial,
        name=masked_name(vault.person(session, row.id).open("residents.name", row.name)),
        community=row.community,
        groups=tuple(row.groups) if actor.may(Permission.EDIT_RESIDENT) else None,
        changed_at=row.changed_at,
    )


PAGE = 50


def following(page: list[Listed]) -> int | None:
    """The ``after`` of the next page of ``listed``, or None behind the last: whole doors only."""
    return page[-1].serial if len({row.serial for row in page}) == PAGE else None


def listed(session: Session, vault: Vault, actor: Actor, serial: int | None = None, after: int = 0) -> list[Listed]:
    """The residents of up to 50 doors in scope, by door serial, names masked; of one door where ``serial`` is given."""
    doors = select(Household.id).where(visible(actor), Household.serial > after)
    doors = doors.where(select(Resident.id).where(Resident.household == Household.id).exists())
    if serial is not None:
        doors = doors.where(Household.serial == serial)
    page = doors.order_by(Household.serial).limit(PAGE).subquery()
    wanted = (
        select(
            Resident.id,
            Household.serial,
            Resident.name,
            Resident.community,
            Resident.groups,
            Resident.changed_at,
            PersonKey.wrapped,
        )
        .join(Household, Household.id == Resident.household)
        .join(PersonKey, PersonKey.subject == Resident.id)
        .where(Household.id.in_(select(page.c.id)), PersonKey.wrapped.is_not(None))
        .order_by(Household.serial, Resident.id)
    )
    may_see_groups = actor.may(Permission.EDIT_RESIDENT)
    return [
        Listed(
            id=row.id,
            serial=row.serial,
            name=masked_name(vault.unwrap(row.id, row.wrapped).open("residents.name", row.name)),
            community=row.community,
            groups=tuple(row.groups) if may_see_groups else None,
            changed_at=row.changed_at,
        )
        for row in session.execute(wanted)
    ]
