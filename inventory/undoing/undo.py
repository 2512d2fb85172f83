"""Takes back any movement or bulk act by its opposite, with a reason: all of it or nothing, and never past a count.

An act is all movements that share a subject and a ledger reason, without those that reverse others; a movement without
a subject is an act by itself. Every ledger reason must stand in ``RULES`` (it can be undone here, and how) or in
``ELSEWHERE`` (its own page undoes it); one that stands in neither is refused with UNDO_NOT_KNOWN, and a test compares
the two with the source, so that a new verb cannot be forgotten.

To let a verb be undone, give it a row in ``RULES``::

    "split": Rule(restore=_split_undone)

``restore(session, act, actor, now)`` lives in the verb's own module where it can. It is called in the same transaction
after every movement of the act was reversed, and puts back whatever the verb changed besides movements (ends a part's
label, marks a donation's line taken back). It may raise a Refusal: then nothing of the undo happens. ``word`` is the
ledger reason of the reversing movements; each needs its ``pack.step.<word>`` text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.orm import Session, aliased

from app.base import audit, replay
from app.base.errors import NotFound, Refusal
from app.base.fields import Key, Note
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from inventory import ledger, stations
from inventory.counting import variance
from inventory.counting.stocktake_models import Reversal
from inventory.errors import AlreadyReversed, OnlyQuarantine, SittingOver
from inventory.models import Lot, Movement, Pack, Place, PlaceKind
from inventory.moving import moves, splits
from inventory.receiving import donations
from inventory.releasing import hold, release, stops
from inventory.undoing.undo_errors import (
    UndoAfterCount,
    UndoNotKnown,
    UndoOnDisposal,
    UndoOnKit,
    UndoOnParcel,
    UndoOnRecall,
    UndoOnTransfer,
)
from inventory.wasting import bin as waste
from inventory.wasting import losses
from labels import registry

SITTING = timedelta(hours=12)
"""How long whoever did something may undo it; afterwards a coordinator or the office does."""
UNDONE = "undone"


class Why(StrEnum):
    """Why an act is taken back."""

    WRONG_THING = "wrong_thing"
    WRONG_NUMBER = "wrong_number"
    WRONG_PLACE = "wrong_place"
    TWICE = "twice"
    NOT_DONE = "not_done"
    OTHER = "other"


class Undo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take back the act that a movement belongs to, with every other movement of it."""

    key: Key
    movement: UUID
    why: Why
    note: Note = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of an act. ``source`` and ``target`` as they were; the undo goes the other way."""

    movement: UUID
    pack: UUID
    quantity: int
    source: UUID
    source_kind: PlaceKind
    source_name: str
    target: UUID
    target_kind: PlaceKind
    target_name: str
    stations: tuple[UUID, ...]
    actor: UUID
    at: datetime


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Movements that were made together, those of them that still stand. ``undone``: how many were reversed before."""

    reason: str
    subject: UUID | None
    steps: tuple[Step, ...]
    undone: int

    @property
    def packs(self) -> tuple[UUID, ...]:
        """The packs that moved, each once, in the order of their ids."""
        return tuple(sorted({step.pack for step in self.steps}))


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back. ``relabelled`` packs carry a fresh label that must be printed."""

    reason: str
    movements: int
    packs: tuple[UUID, ...]
    relabelled: tuple[UUID, ...] = ()


Restore = Callable[[Session, Act, Actor, datetime], None]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How acts of a ledger reason are taken back; see the head of this module."""

    word: str = UNDONE
    restore: Restore | None = None


def _released(session: Session, act: Act, actor: Actor, now: datetime) -> None:
    for pack in act.packs:
        release.write_down(session, pack, "unreleased", actor, now)


def _counted(session: Session, act: Act, actor: Actor, now: datetime) -> None:
    if act.subject is not None:
        variance.undone(session, act.subject, actor, now)


def _lost(session: Session, act: Act, actor: Actor, now: datetime) -> None:
    if act.subject is not None:
        losses.undone(session, act.subject, actor, now)


def _received(session: Session, act: Act, actor: Actor, now: datetime) -> None:
    donations.undone(session, act.packs, actor, now)


def _split(session: Session, act: Act, actor: Actor, now: datetime) -> None:
    if act.subject is not None:
        splits.undone(session, act.subject, actor, now)


RULES: dict[str, Rule] = {
    "receive": Rule(word="take-back", restore=_received),
    "opening": Rule(restore=_received),
    moves.REASON: Rule(word="move-back"),
    release.RELEASE: Rule(word=hold.UNDONE, restore=_released),
    "refuse": Rule(word=hold.UNDONE),
    splits.REASON: Rule(restore=_split),
    losses.LOST: Rule(word=losses.PUT_BACK, restore=_lost),
    losses.GIVEN_BACK: Rule(word=losses.PUT_BACK, restore=_lost),
    losses.FOUND: Rule(),
    waste.SET_ASIDE: Rule(word=waste.TAKE_OUT),
    variance.COUNT: Rule(word=variance.UNCOUNT, restore=_counted),
}
"""By ledger reason: what this page takes back, and how."""

ENDS_LABELS = frozenset({"receive", "opening", splits.REASON})
"""Acts whose packs are no more once they are taken back; of a split it is the part's label."""

_KIT = dict.fromkeys(("assemble", "take-apart"), UndoOnKit)
_TRANSFER = dict.fromkeys(
    ("transfer-send", "transfer-take-out", "transfer-receive", "transfer-back", "transfer-lost", "transfer-surplus"),
    UndoOnTransfer,
)
_WASTE = dict.fromkeys(("seal-waste", "reopen-waste", "destroy"), UndoOnDisposal)
_STOPPED = dict.fromkeys(("recall", "incident"), UndoOnRecall)
_PARCEL = dict.fromkeys(
    (
        "reserve", "pack", "swap", "drop", "unpack", "depart", "hand-over",
        "return-hold", "return-dispose",
    ),
    UndoOnParcel,
)  # fmt: skip
ELSEWHERE: dict[str, type[Refusal]] = {**_KIT, **_TRANSFER, **_WASTE, **_STOPPED, **_PARCEL}
"""By ledger reason: what another page takes back, with the refusal that leads there."""


def act(session: Session, movement: UUID) -> Act:
    """The act that a movement belongs to; raises NotFound, also for a movement that reverses another."""
    row = session.execute(
        select(Movement.subject, Movement.reason, Movement.reverses).where(Movement.id == movement)
    ).first()
    if row is None or row.reverses is not None:
        raise NotFound
    together = Movement.id == movement
    if row.subject is not None:
        together = (Movement.subject == row.subject) & (Movement.reason == row.reason) & Movement.reverses.is_(None)
    source, target, back = aliased(Place), aliased(Place), aliased(Movement)
    found = session.execute(
        select(
            Movement.id, Movement.pack, Movement.quantity, Movement.actor, Movement.at, back.id.label("back"),
            source.id.label("source"), source.kind.label("source_kind"), source.name.label("source_name"),
            source.station.label("from_station"), target.id.label("target"), target.kind.label("target_kind"),
            target.name.label("target_name"), target.station.label("to_station"),
        )
        .join(source, source.id == Movement.source)
        .join(target, target.id == Movement.target)
        .outerjoin(back, back.reverses == Movement.id)
        .where(together)
        .order_by(Movement.id)
    ).all()  # fmt: skip
    standing = tuple(_step(one) for one in found if one.back is None)
    return Act(reason=row.reason, subject=row.subject, steps=standing, undone=len(found) - len(standing))


def _step(row: Any) -> Step:
    return Step(
        movement=row.id, pack=row.pack, quantity=row.quantity, source=row.source, source_kind=row.source_kind,
        source_name=row.source_name, target=row.target, target_kind=row.target_kind, target_name=row.target_name,
        stations=tuple(sorted({one for one in (row.from_station, row.to_station) if one is not None})),
        actor=row.actor, at=row.at,
    )  # fmt: skip


def undo(session: Session, order: Undo, actor: Actor, today: date, now: datetime) -> Undone:
    """Take an act back: every movement of it that still stands, or none.

    Whoever did it may, within the sitting; a coordinator or the office of the scope at any time. Raises NotFound,
    SittingOver, AlreadyReversed, Moved where any of the goods have gone on, OnlyQuarantine where something would stand
    on a shelf that must not, UndoAfterCount, UndoNotKnown, and the refusals of ``ELSEWHERE``.
    """
    named = act(session, order.movement)
    in_reach(session, named, actor, order.movement, lock=True)
    made = replay.made_by(session, actor, order.key, "stock.undo", order)
    if made is not None:
        return msgspec.convert(made, Undone)
    session.execute(select(Pack.id).where(Pack.id.in_(named.packs)).order_by(Pack.id).with_for_update())
    whole = act(session, order.movement)
    rule = judged(session, whole, actor, today, now)
    unlabelled = {pack for pack in whole.packs if registry.code_of(session, pack) is None}
    for step in reversed(whole.steps):
        ledger.reverse(session, step.movement, rule.word, actor, now)
    if rule.restore is not None:
        rule.restore(session, whole, actor, now)
    undone = Undone(
        reason=whole.reason, movements=len(whole.steps), packs=whole.packs,
        relabelled=_relabelled(session, unlabelled, now),
    )  # fmt: skip
    _write_down(session, order, undone, actor, now)
    replay.keep(session, actor, order.key, "stock.undo", order, msgspec.to_builtins(undone), now)
    return undone


def in_reach(session: Session, found: Act, actor: Actor, movement: UUID, *, lock: bool = False) -> None:
    """Go on only where every station of the act is in the actor's scope; raises NotFound."""
    touched = {station for step in found.steps for station in step.stations}
    if not touched:  # all of it was taken back before: the pack's own station decides
        home = select(Pack.station).join(Movement, Movement.pack == Pack.id).where(Movement.id == movement)
        touched = set(session.execute(home).scalars())
    for station in sorted(touched):
        stations.in_scope(session, actor, station, lock=lock)


def judged(session: Session, whole: Act, actor: Actor, today: date, now: datetime) -> Rule:
    """The rule of an act that may be taken back by this actor now; raises what speaks against it."""
    if whole.reason in ELSEWHERE:
        raise ELSEWHERE[whole.reason]
    rule = RULES.get(whole.reason)
    if rule is None:
        raise UndoNotKnown
    if not whole.steps:
        raise AlreadyReversed
    own = all(step.actor == actor.account and now - step.at <= SITTING for step in whole.steps)
    if not own and not actor.may(Permission.REVERSE):
        raise SittingOver
    if _counted_since(session, whole):
        raise UndoAfterCount
    onto_shelf = {step.pack for step in whole.steps if step.source_kind is PlaceKind.SHELF}
    if not_for_shelf(session, onto_shelf, today):
        raise OnlyQuarantine
    return rule


def _counted_since(session: Session, whole: Act) -> bool:
    """Whether a stocktake corrected one of the packs, in a place the act touched, later than the act.

    A count that only agreed is no bar: it changed nothing, so the goods still add up after the undo.
    """
    if whole.reason == variance.COUNT:
        return False
    back = aliased(Movement)
    corrected = session.execute(
        select(Movement.id, Movement.pack, Movement.source, Movement.target)
        .outerjoin(back, back.reverses == Movement.id)
        .where(Movement.pack.in_(whole.packs), Movement.reason == variance.COUNT, back.id.is_(None))
        .where(Movement.reverses.is_(None))
    ).all()
    return any(
        later.pack == step.pack and later.id > step.movement and {later.source, later.target} & _real(step)
        for later in corrected
        for step in whole.steps
    )


def _real(step: Step) -> set[UUID]:
    ends = ((step.source, step.source_kind), (step.target, step.target_kind))
    return {place for place, kind in ends if ledger.Spot(place, kind).real}


def not_for_shelf(session: Session, packs: Iterable[UUID], today: date) -> frozenset[UUID]:
    """Which of the packs must not stand on a shelf (again): expired, recalled, or being looked into."""
    asked = frozenset(packs)
    rows = session.execute(
        select(Pack.id, Lot.expiry, Lot.recalled_on).join(Lot, Lot.id == Pack.lot).where(Pack.id.in_(asked))
    )
    bad = {
        row.id for row in rows if row.recalled_on is not None or (row.expiry is not None and row.expiry < today)
    }  # fmt: skip
    return frozenset(bad) | (stops.stopped(session, asked) if asked else frozenset())


def _relabelled(session: Session, before: Iterable[UUID], now: datetime) -> tuple[UUID, ...]:
    """A label is ended for ever: a pack that comes back after its own was ended gets a fresh one to print."""
    back = [pack for pack in sorted(before) if ledger.whereabouts(session, pack)]
    for pack in back:
        registry.bind_new(session, "pack", pack, now)
    return tuple(back)


def _write_down(session: Session, order: Undo, undone: Undone, actor: Actor, now: datetime) -> None:
    session.execute(
        insert(Reversal).values(
            id=new_id(), movement=order.movement, reason=undone.reason, movements=undone.movements,
            why=order.why.value, note=order.note, by=actor.account, at=now,
        )
    )  # fmt: skip
    audit.note(
        session, actor, "stock.undo", order.movement, now, reason=undone.reason, why=order.why.value,
        count=undone.movements,
    )  # fmt: skip
