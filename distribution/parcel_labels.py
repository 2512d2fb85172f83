"""A parcel's label and leaflet: the label carries a door's number and a code, never a name, a group or a condition."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base import replay
from app.base.errors import NotFound
from app.base.fields import Key, ScannedText
from app.base.permissions import Actor
from app.base.vault import Vault
from distribution.door_errors import NotAParcel, NotOurLabel, WrongStep
from distribution.journey import Event, State
from distribution.leaflets import Portion, Say
from distribution.models import Household, LineState, Parcel, ParcelLine, Round, Team
from distribution.parcel_state import finish, in_scope, locked, step
from inventory.cataloguing.starter import StarterItem
from inventory.models import Item, Lot
from labels import codes, registry
from labels.errors import BlankLabel, LabelEnded, LabelReplaced, UnknownLabel
from labels.models import LabelState
from labels.templates import LabelText, PrintedLabel


class ClaimLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give a packed parcel its label: a blank one that was scanned, or a fresh one to print (``code`` absent)."""

    key: Key
    parcel: UUID
    code: ScannedText | None = None


class Claimed(msgspec.Struct, frozen=True):
    """The parcel's label, and that it is ready for a round."""

    parcel: UUID
    code: str
    state: State


def scanned(session: Session, text: str) -> registry.Registered:
    """The living label behind a scanned or typed text.

    Raises NotOurLabel, UnknownLabel, LabelEnded or LabelReplaced, BlankLabel.
    """
    label = registry.look_up(session, _code(text))
    if label is None:
        raise UnknownLabel
    if label.state == LabelState.VOID:
        raise _ended(session, label)
    if label.state == LabelState.BLANK:
        raise BlankLabel
    return label


def _ended(session: Session, label: registry.Registered) -> LabelEnded:
    """Kind words where the thing has a newer label; its last letters only: who scans may have a copy in the hand."""
    newer = registry.code_of(session, label.subject) if label.subject else None
    return LabelReplaced(tail=newer[-4:]) if newer else LabelEnded()


def _code(text: str) -> str:
    try:
        return codes.parse(text)
    except codes.MistypedCode:
        raise NotOurLabel from None


def scanned_parcel(session: Session, text: str) -> UUID:
    """The parcel behind a scanned or typed text; raises as ``scanned``, and NotAParcel."""
    label = scanned(session, text)
    if label.kind != "parcel" or label.subject is None:
        raise NotAParcel
    return label.subject


def claim_label(session: Session, vault: Vault, claim: ClaimLabel, actor: Actor, today: date, now: datetime) -> Claimed:
    """Label a packed parcel, which makes it ready for a round; the same label again is no change.

    Raises WrongStep before it is packed, and UnknownLabel, LabelEnded, LabelTaken for a label that cannot be used.
    """
    parcel = locked(session, claim.parcel)
    in_scope(parcel, actor)
    made = replay.made_by(session, actor, claim.key, "parcel.claim-label", claim)
    wanted = _code(claim.code) if claim.code else None
    has = registry.code_of(session, parcel.id)
    if made or (has and wanted in {None, has}):
        return Claimed(parcel.id, str(made["code"]) if made else str(has), State(parcel.state))
    if parcel.state == State.PLANNED:  # what was missing may have been dropped by a medic meanwhile
        finish(session, vault, parcel, actor, today, now)
    if parcel.state != State.PACKED:
        raise WrongStep(state=parcel.state, event=Event.LABEL.value)
    code = wanted or registry.bind_new(session, "parcel", parcel.id, now)
    if wanted:
        registry.bind(session, wanted, "parcel", parcel.id, actor, now)
    state = step(session, parcel, Event.LABEL, actor, now)
    replay.keep(session, actor, claim.key, "parcel.claim-label", claim, {"code": code}, now)
    return Claimed(parcel.id, code, state)


class ParcelPaper(msgspec.Struct, frozen=True, kw_only=True):
    """What a parcel's papers need."""

    code: str
    serial: int
    team: str
    day: date | None
    portions: tuple[Portion, ...]


def paper(session: Session, parcel: UUID, actor: Actor) -> ParcelPaper:
    """What label and leaflet are made from; raises NotFound outside the actor's scope."""
    found = session.execute(select(Parcel).where(Parcel.id == parcel)).scalar_one_or_none()
    if found is None:
        raise NotFound
    in_scope(found, actor)
    serial, team = session.execute(
        select(Household.serial, Team.name).join(Team, Team.id == found.team).where(Household.id == found.household)
    ).one()
    day = session.execute(select(Round.day).where(Round.id == found.round)).scalar() if found.round else None
    return ParcelPaper(
        code=registry.code_of(session, parcel) or "",
        serial=serial,
        team=team,
        day=day,
        portions=portions(session, parcel),
    )


def portions(session: Session, parcel: UUID) -> tuple[Portion, ...]:
    """What is in the bag and for which of the door's people, counted from 1 in a fixed order."""
    rows = session.execute(
        select(ParcelLine.resident, ParcelLine.quantity, Lot.expiry, Item.facts)
        .join(Lot, Lot.id == ParcelLine.lot)
        .join(Item, Item.id == ParcelLine.item)
        .where(ParcelLine.parcel == parcel, ParcelLine.state != LineState.DROPPED)
        .order_by(ParcelLine.id)
    ).all()
    people = sorted({row.resident for row in rows})
    return tuple(
        Portion(
            item=msgspec.convert(row.facts, StarterItem),
            quantity=row.quantity,
            expiry=row.expiry.isoformat() if row.expiry else "",
            person=people.index(row.resident) + 1,
        )
        for row in rows
    )


def words(session: Session, wanted: tuple[UUID, ...], actor: Actor, say: Say) -> list[LabelText]:
    """The words of each parcel's label, in the order asked; raises NotFound out of the actor's scope."""
    return [_words(paper(session, parcel, actor), say) for parcel in wanted]


def printed(sheet: ParcelPaper, base_url: str, say: Say) -> PrintedLabel:
    """The parcel's label."""
    return PrintedLabel(payload=codes.url(base_url, sheet.code), code=codes.shown(sheet.code), text=_words(sheet, say))


def _words(sheet: ParcelPaper, say: Say) -> LabelText:
    """Door number large, team and day, and to check before handing over."""
    lines = (say("print.parcel.round", team=sheet.team, day=sheet.day.isoformat()),) if sheet.day else (sheet.team,)
    return LabelText(
        title=say("print.parcel.title"),
        big=say("print.parcel.door", door=sheet.serial),
        lines=lines,
        warning=say("print.parcel.warning"),
    )
