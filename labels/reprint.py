"""Gives a thing whose label is lost or cannot be read a new code; the old one is void for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import Invalid, NotFound, SamePerson
from app.base.fields import Key, ScannedText
from app.base.permissions import Actor, Permission
from labels import codes, registry
from labels.errors import BlankLabel, LabelEnded, NotBlank, UnknownLabel
from labels.models import Label, LabelState
from labels.registry import Registered

Reaches = Mapping[str, Callable[[Session, UUID, Actor], None]]
"""By the kind of a label's subject: goes on for those in whose scope the thing is, raises NotFound for all others."""

TWO = frozenset({"pack", "parcel", "kit"})
"""Kinds whose label is replaced before a second person: a new label on another box would make it that pack."""


class Why(StrEnum):
    """Why a label is replaced or ended."""

    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    LOST = "lost"
    MISPRINTED = "misprinted"


class Reprint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Replace a label, found by its code or, where nobody can read that, by the thing it is on (one of the two)."""

    key: Key
    why: Why
    code: ScannedText | None = None
    subject: UUID | None = None


class EndLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End a blank label that was lost or spoilt before it was stuck on anything."""

    key: Key
    why: Why
    code: ScannedText


class Reprinted(msgspec.Struct, frozen=True, kw_only=True):
    """The new code, to be printed and stuck on, and what it stands for."""

    code: str
    kind: str
    subject: UUID


def reprint(
    session: Session, new: Reprint, reaches: Reaches, actor: Actor, second: Actor | None, now: datetime
) -> Reprinted:
    """Void the label of a thing and give it a fresh code; of a pack or parcel only before a second person.

    Raises Invalid (not one of code and subject), UnknownLabel, BlankLabel, LabelEnded, NotFound out of scope, and
    SamePerson without a second, different person who may do the same.
    """
    if (new.code is None) == (new.subject is None):
        raise Invalid(("code", "one_of", {}))
    made = replay.made_by(session, actor, new.key, "label.reprint", new)
    if made is not None:
        return Reprinted(code=made["code"], kind=made["kind"], subject=UUID(made["subject"]))
    label = _in_use(session, new)
    if label.kind is None or label.subject is None:
        raise BlankLabel
    _in_reach(session, reaches, label.kind, label.subject, actor, second)
    registry.void(session, label.code, new.why.value, actor, now)
    code = registry.bind_new(session, label.kind, label.subject, now)
    session.execute(update(Label).where(Label.code == label.code).values(replaced_by=code))
    audit.note(
        session, actor, "label.reprint", label.subject, now,
        kind=label.kind, reason=new.why.value, second=str(second.account) if second else "",
    )  # fmt: skip
    told = {"code": code, "kind": label.kind, "subject": str(label.subject)}
    replay.keep(session, actor, new.key, "label.reprint", new, told, now)
    return Reprinted(code=code, kind=label.kind, subject=label.subject)


def end(session: Session, new: EndLabel, actor: Actor, now: datetime) -> None:
    """End a blank label for ever; one that is on something is replaced instead.

    Raises UnknownLabel, LabelEnded, and NotBlank for a label in use.
    """
    if replay.made_by(session, actor, new.key, "label.end", new) is not None:
        return
    label = registry.look_up(session, _code(new.code))
    if label is None:
        raise UnknownLabel
    if label.state == LabelState.BOUND:
        raise NotBlank
    registry.void(session, label.code, new.why.value, actor, now)
    replay.keep(session, actor, new.key, "label.end", new, {}, now)


def _in_use(session: Session, new: Reprint) -> Registered:
    code = registry.code_of(session, new.subject) if new.subject else _code(new.code or "")
    label = registry.look_up(session, code) if code else None
    if label is None:
        raise NotFound if new.subject else UnknownLabel
    if label.state == LabelState.VOID:
        raise LabelEnded
    if label.state == LabelState.BLANK:
        raise BlankLabel
    return label


def _code(text: str) -> str:
    try:
        return codes.parse(text)
    except codes.MistypedCode:
        raise Invalid(("code", "label_code", {})) from None


def _in_reach(session: Session, reaches: Reaches, kind: str, subject: UUID, actor: Actor, second: Actor | None) -> None:
    reach = reaches.get(kind)
    if reach is None:
        raise NotFound
    reach(session, subject, actor)
    if kind not in TWO:
        return
    if second is None or second.account == actor.account:
        raise SamePerson
    second.need(Permission.REPRINT_LABEL)
    reach(session, subject, second)
