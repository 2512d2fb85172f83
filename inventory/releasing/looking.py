"""Goods that were taken in without a look (IN14) are looked at where they wait, and screened with what was seen."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.fields import Key
from app.base.permissions import Actor, Permission
from app.base.reasons import Reason
from inventory.errors import AlreadyLooked, NotHeld
from inventory.models import DonationLine, Pack
from inventory.receiving import intake
from inventory.receiving.intake_facts import DonationFacts, Look, PackFacts, Verdict
from inventory.releasing import hold, release
from inventory.releasing.hold import Case


class LookAtPack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the eye found on a pack that nobody had looked at when it came."""

    key: Key
    pack: UUID
    look: Look


class LookedAt(msgspec.Struct, frozen=True, kw_only=True):
    """What the intake rules say of it now. It goes on waiting: a look is no release."""

    pack: UUID
    verdict: Verdict
    reasons: tuple[Reason, ...]


def look_at(session: Session, order: LookAtPack, actor: Actor, today: date, now: datetime) -> LookedAt:
    """Write down a look, once, also by whoever brought the goods in; release stays with a second person.

    Raises NotFound, NotHeld, and AlreadyLooked where a look was written down before.
    """
    actor.need(Permission.RECEIVE)
    case = release.locked(session, {order.pack}, today).get(order.pack)
    release.in_reach(session, order.pack, case, actor)
    if (made := replay.made_by(session, actor, order.key, "pack.look", order)) is not None:
        return msgspec.convert(made, LookedAt)
    if case is None:
        raise NotHeld
    if case.row.seen is None or not _unseen(case):
        raise AlreadyLooked
    told = _screened(session, case, order.look, today)
    audit.note(session, actor, "pack.look", order.pack, now, verdict=told.verdict.value)
    replay.keep(session, actor, order.key, "pack.look", order, msgspec.to_builtins(told), now)
    return told


def _screened(session: Session, case: Case, look: Look, today: date) -> LookedAt:
    row = case.row
    seen = msgspec.structs.replace(msgspec.convert(row.seen["pack"], PackFacts), look=look)
    said = msgspec.convert(row.seen["donation"], DonationFacts)
    judged = intake.judge(session, seen, intake.Goods(row.item, case.item), said, today)
    facts = {**row.seen, "pack": msgspec.to_builtins(seen)}
    session.execute(
        update(DonationLine)
        .where(DonationLine.id == row.line)
        .values(
            facts=facts,
            verdict=judged.verdict.value,
            reasons=msgspec.to_builtins(judged.reasons),
            ruleset=judged.ruleset,
        )
    )
    return LookedAt(pack=row.pack, verdict=judged.verdict, reasons=judged.reasons)


def _unseen(case: Case) -> bool:
    return case.row.seen is not None and case.row.seen["pack"].get("look") is None


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """A pack that nobody has looked at, and all of the same donation that are alike and wait for a look (itself too).

    ``alcohol``: how much is in the bottle is asked as well.
    """

    case: hold.HeldPack
    alcohol: bool
    alike: tuple[UUID, ...]


def unseen(session: Session, pack: UUID, actor: Actor, today: date) -> Unseen:
    """For the page of a look. Raises NotFound, NotHeld, and AlreadyLooked."""
    case = hold.held(session, pack, today)
    release.in_reach(session, pack, case, actor)
    if case is None:
        raise NotHeld
    if not _unseen(case):
        raise AlreadyLooked
    line = session.get_one(DonationLine, case.row.line)
    lines = (
        select(DonationLine.pack)
        .join(Pack, Pack.id == DonationLine.pack)
        .where(
            DonationLine.donation == line.donation, DonationLine.item == line.item if line.item else
            DonationLine.called == line.called, Pack.lot == select(Pack.lot).where(Pack.id == pack).scalar_subquery(),
        )
        .order_by(DonationLine.id)
    )  # fmt: skip
    packs = [one for one in session.execute(lines).scalars() if one is not None]
    waiting = hold.held_many(session, packs, today)
    alike = tuple(one for one in packs if one in waiting and _unseen(waiting[one]))
    return Unseen(case=case.shown(actor), alcohol=case.item is not None and case.item.alcohol, alike=alike or (pack,))
