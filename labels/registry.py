"""Issues codes, binds each to the one thing it stands for, and ends it; the only writer of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import Label as Named
from sqlalchemy import Select, bindparam, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.base import audit, replay
from app.base.columns import Id, Instant, table
from app.base.db import Asking
from app.base.errors import NotFound
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.prepared import Prepared
from labels import codes
from labels.errors import AlreadyLabelled, LabelEnded, LabelTaken, NoneLeft, UnknownLabel
from labels.models import Label, LabelBatch, LabelState

MOST = 2_400
_DRAWS = 3
PER_SHEET = 24


class IssuedBatch(msgspec.Struct, frozen=True):
    """Blank labels that were issued together."""

    id: UUID
    codes: tuple[str, ...]


class NewSheets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sheets of 24 blank labels to issue, for one of the actor's stations (absent: the only one, else any)."""

    key: Key
    sheets: Annotated[int, msgspec.Meta(ge=1, le=MOST // PER_SHEET)]
    station: UUID | None = None


class Sheets(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it stands: how many labels of it are still blank, in use, and void."""

    id: UUID
    at: datetime
    count: int
    blank: int
    bound: int
    void: int


def issue(
    session: Session, count: int, station: UUID | None, actor: Actor, now: datetime, drawn: Iterable[str] = ()
) -> IssuedBatch:
    """Issue ``count`` (1–2,400) blank labels for a station (None: any).

    ``drawn`` are codes drawn before the transaction, as drawing thousands takes time; what is missing of them,
    or was issued before, is drawn here.
    """
    if not 1 <= count <= MOST:
        raise ValueError(f"1 to {MOST} labels at once")
    batch = new_id()
    session.execute(insert(LabelBatch).values(id=batch, count=count, station=station, made_by=actor.account, at=now))
    made = _insert(session, count, {"state": LabelState.BLANK, "batch": batch, "issued_at": now}, drawn)
    audit.note(session, actor, "label.issue", batch, now, count=count)
    return IssuedBatch(batch, made)


def _insert(session: Session, count: int, values: dict[str, Any], drawn: Iterable[str] = ()) -> tuple[str, ...]:
    # A random code meets an old one once in a hundred thousand years of ours; then all are drawn again, once.
    try:
        return _insert_drawn(session, _drawn(count, drawn), values)
    except IntegrityError:
        return _insert_drawn(session, _drawn(count), values)


def _insert_drawn(session: Session, drawn: tuple[str, ...], values: dict[str, Any]) -> tuple[str, ...]:
    with session.begin_nested():
        session.execute(insert(Label), [{"code": code, **values} for code in drawn])
    return drawn


def _drawn(count: int, ready: Iterable[str] = ()) -> tuple[str, ...]:
    found = dict.fromkeys(ready)
    while len(found) < count:
        found[codes.new_code()] = None
    return tuple(sorted(tuple(found)[:count]))


def issue_sheets(
    session: Session, new: NewSheets, actor: Actor, now: datetime, drawn: Iterable[str] = ()
) -> IssuedBatch:
    """Issue whole sheets; sent twice it is one batch. Raises NotFound for a station that is not the actor's."""
    if new.station is not None and new.station not in actor.stations:
        raise NotFound
    made = replay.made_by(session, actor, new.key, "label.issue", new)
    if made:
        return _issued(session, UUID(made["batch"]))
    only = next(iter(actor.stations)) if len(actor.stations) == 1 else None
    batch = issue(session, new.sheets * PER_SHEET, new.station or only, actor, now, drawn)
    replay.keep(session, actor, new.key, "label.issue", new, {"batch": str(batch.id)}, now)
    return batch


def _issued(session: Session, batch: UUID) -> IssuedBatch:
    of_batch = select(Label.code).where(Label.batch == batch).order_by(Label.code)
    return IssuedBatch(batch, tuple(session.execute(of_batch).scalars()))


def batches(session: Session, actor: Actor, limit: int = 20, before: UUID | None = None) -> list[Sheets]:
    """The latest batches that the actor may print: the own ones, those of the own stations, for the office all."""
    latest = _printable(actor).order_by(LabelBatch.id.desc()).limit(limit)
    return _sheets(session, latest if before is None else latest.where(LabelBatch.id < before))


def batch(session: Session, wanted: UUID, actor: Actor) -> Sheets:
    """A batch as it stands; raises NotFound out of scope."""
    found = _sheets(session, _printable(actor).where(LabelBatch.id == wanted))
    if not found:
        raise NotFound
    return found[0]


def _printable(actor: Actor) -> Select[UUID]:
    own = or_(LabelBatch.made_by == actor.account, LabelBatch.station.in_(actor.stations))
    every = select(LabelBatch.id)
    return every if actor.everywhere else every.where(own)


def _sheets(session: Session, wanted: Select[UUID]) -> list[Sheets]:
    found = session.execute(
        select(LabelBatch.id, LabelBatch.at, LabelBatch.count, *(_how_many(state) for state in LabelState))
        .join(Label, Label.batch == LabelBatch.id)
        .where(LabelBatch.id.in_(wanted))
        .group_by(LabelBatch.id, LabelBatch.at, LabelBatch.count)
        .order_by(LabelBatch.id.desc())
    )
    return [
        Sheets(id=row.id, at=row.at, count=row[2], blank=row.blank, bound=row.bound, void=row.void) for row in found
    ]


def _how_many(state: LabelState) -> Named[int]:
    return func.count(Label.code).filter(Label.state == state).label(state.value)


def to_print(session: Session, batch: UUID, actor: Actor, now: datetime) -> tuple[str, ...]:
    """``still_blank``, for its sheets; noted, as a sheet printed twice makes twins."""
    left = still_blank(session, batch, actor)
    audit.note(session, actor, "label.print", batch, now, count=len(left))
    return left


def still_blank(session: Session, batch: UUID, actor: Actor) -> tuple[str, ...]:
    """The codes of a batch that are still blank; raises NotFound out of scope, NoneLeft where all are in use."""
    if session.execute(_printable(actor).where(LabelBatch.id == batch)).first() is None:
        raise NotFound
    blank = select(Label.code).where(Label.batch == batch, Label.state == LabelState.BLANK).order_by(Label.code)
    left = tuple(session.execute(blank).scalars())
    if not left:
        raise NoneLeft
    return left


def bind(session: Session, code: str, kind: str, subject: UUID, actor: Actor, now: datetime) -> None:
    """Let a blank label stand for ``subject``; again for the same one is no change.

    Of two who claim one label at once exactly one gets it. Raises UnknownLabel, LabelEnded, LabelTaken, and
    AlreadyLabelled where ``subject`` carries another living label.
    """
    other = aliased(Label)
    carries = exists().where(other.subject == subject, other.state == LabelState.BOUND)
    claimed = session.execute(
        update(Label)
        .where(Label.code == code, Label.state == LabelState.BLANK, ~carries)
        .values(state=LabelState.BOUND, kind=kind, subject=subject, bound_at=now)
        .execution_options(synchronize_session=False)
    )
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        _explain(look_up(session, code), kind, subject)
        return
    audit.note(session, actor, "label.bind", subject, now, kind=kind)


def _explain(label: Registered | None, kind: str, subject: UUID) -> None:
    if label is None:
        raise UnknownLabel
    if label.state == LabelState.VOID:
        raise LabelEnded
    if label.state == LabelState.BLANK:
        raise AlreadyLabelled
    if (label.kind, label.subject) != (kind, subject):
        raise LabelTaken


def bind_new(session: Session, kind: str, subject: UUID, now: datetime) -> str:
    """A fresh code bound at once, to be printed or shown; the caller's own note tells of it.

    Raises AlreadyLabelled.
    """
    for _ in range(_DRAWS):
        code = codes.new_code()
        if _BIND_NEW.run(session, code=code, kind=kind, subject=subject, at=now) == 1:
            return code
        if code_of(session, subject) is not None:
            raise AlreadyLabelled
    raise RuntimeError("no free code could be drawn")


def fresh(session: Session, kind: str, subject: UUID, actor: Actor, now: datetime) -> str:
    """``bind_new`` for a caller that leaves no note of its own."""
    code = bind_new(session, kind, subject, now)
    audit.note(session, actor, "label.bind", subject, now, kind=kind)
    return code


def void(session: Session, code: str, reason: str, actor: Actor, now: datetime) -> None:
    """End a label, claimed or blank, for ever; raises UnknownLabel, and LabelEnded the second time.

    ``reason`` is a word of ours (lost, damaged, replaced), never free text.
    """
    ended = session.execute(
        update(Label)
        .where(Label.code == code, Label.state != LabelState.VOID)
        .values(state=LabelState.VOID, void_at=now, void_reason=reason)
        .execution_options(synchronize_session=False)
    )
    label = look_up(session, code)
    if label is None:
        raise UnknownLabel
    if ended.rowcount != 1:  # type: ignore[attr-defined]
        raise LabelEnded
    audit.note(session, actor, "label.void", label.subject or label.batch, now, reason=reason)


class Registered(msgspec.Struct, frozen=True):
    """What the registry knows of a code."""

    code: str
    state: LabelState
    kind: str | None
    subject: UUID | None
    batch: UUID | None


_L = table(Label).columns
# The most frequent question of all.
_LOOK_UP = Prepared(select(_L.code, _L.state, _L.kind, _L.subject, _L.batch).where(_L.code == bindparam("of_code")))

_LIVING_OF = select(_L.code, _L.subject).where(
    _L.state == LabelState.BOUND, _L.subject.in_(bindparam("subjects", expanding=True))
)
_BIND_NEW = Prepared(
    text(
        "INSERT INTO labels (code, state, kind, subject, issued_at, bound_at) "
        "VALUES (:code, 'bound', :kind, :subject, :at, :at) ON CONFLICT DO NOTHING"
    ).bindparams(bindparam("subject", type_=Id), bindparam("at", type_=Instant))
)


def look_up(session: Asking, code: str) -> Registered | None:
    """What is known of a code in its bare form (``codes.parse``), or None where it was never issued."""
    row = _LOOK_UP.first(session, of_code=code)
    return None if row is None else Registered(row.code, row.state, row.kind, row.subject, row.batch)


def code_of(session: Session, subject: UUID) -> str | None:
    """The code on a thing now; None where it has none."""
    return session.execute(_living().where(Label.subject == subject)).scalars().first()


def codes_of(session: Session, subjects: set[UUID]) -> dict[UUID, str]:
    """The codes on many things now."""
    rows = session.execute(_LIVING_OF, {"subjects": list(subjects)})
    return {row.subject: row.code for row in rows}


def _living() -> Select[str]:
    return select(Label.code).where(Label.state == LabelState.BOUND)


def faults(session: Session) -> Iterator[str]:
    """Codes that no issuing of ours can have made, labels that stand for nothing, things with two living labels.

    Codes are told by their first four characters: a whole one in a terminal's history is one too many.
    """
    carriers: dict[UUID, str] = {}
    rows = select(Label.code, Label.state, Label.kind, Label.subject).execution_options(yield_per=1000)
    for code, state, kind, subject in session.execute(rows):
        if len(code) != codes.LENGTH or codes.check_character(code[: codes.BODY]) != code[-1]:
            yield f"label {code[:4]}… has a wrong check character"
        if state != LabelState.BOUND:
            continue
        if kind is None or subject is None:
            yield f"label {code[:4]}… is in use but stands for nothing"
        elif carriers.setdefault(subject, code) != code:
            yield f"{kind} {subject} carries two living labels"
    yield from _unlike_batches(session)


def _unlike_batches(session: Session) -> Iterator[str]:
    found = session.execute(
        select(LabelBatch.id, LabelBatch.count, func.count(Label.code))
        .outerjoin(Label, Label.batch == LabelBatch.id)
        .group_by(LabelBatch.id, LabelBatch.count)
        .having(func.count(Label.code) != LabelBatch.count)
    )
    for batch, said, is_there in found:
        yield f"label batch {batch} was issued with {said} labels and has {is_there}"
