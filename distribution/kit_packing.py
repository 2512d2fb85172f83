"""A whole care parcel goes into a resident's parcel by one scan: every unit is wanted there and safe, or none go.

Its goods take the place of what was set aside for the same lines; what was set aside goes back to its shelf.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base.errors import Refusal
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.reasons import Reason
from app.base.vault import Vault
from distribution.door_errors import AlreadyPacked, KitElsewhere, KitNotWanted
from distribution.models import LineState, Parcel, ParcelLine
from distribution.parcel_state import STANDING, lines_of, locked_lines, still_safe
from distribution.picking import SHOWN_OF_A_CODE
from inventory import ledger, stations
from inventory.kitting import kit_going
from inventory.kitting.kit_going import Portion
from inventory.kitting.kit_models import BagState, KitBag
from inventory.ledger import Spot
from inventory.models import PlaceKind
from inventory.packs import shelf_of
from labels import registry

LOOKED_AT = 10


class Share(msgspec.Struct, frozen=True):
    """So many units of a portion that go to a line."""

    line: ParcelLine
    portion: Portion
    quantity: int


def pack_kit(
    session: Session, vault: Vault, parcel: Parcel, scanned: UUID, actor: Actor, today: date, now: datetime
) -> tuple[UUID, ...]:
    """Put an assembled care parcel into a parcel that waits for all of its contents; returns the lines it filled.

    The parcel is held by the caller. Raises AlreadyPacked, KitElsewhere, KitNotWanted naming what the parcel does not
    wait for, KitEnded, KitRecalled, KitExpired, KitStopped, and as ``still_safe``: then nothing has moved.
    """
    bag = kit_going.locked(session, scanned)
    if any(line.bag == bag.id for line in lines_of(session, parcel.id, LineState.PACKED)):
        raise AlreadyPacked
    if bag.station != parcel.station:
        raise KitElsewhere
    inside = kit_going.portions(session, bag, today)
    shares = _shares(locked_lines(session, parcel.id, LineState.RESERVED), inside)
    _unreserve(session, parcel, {share.line.id: share for share in shares}.values(), actor, now)
    done = _fill(session, bag, shares)
    target = Spot(parcel.place, PlaceKind.PARCEL)
    for one in inside:
        ledger.move(session, one.pack, one.quantity, kit_going.spot(bag), target, "pack", actor, now, subject=parcel.id)
    kit_going.gone(session, bag, actor, now)
    still_safe(session, vault, parcel, today, now)
    return done


def that_fits(session: Session, parcel: UUID, today: date) -> str:
    """How the label ends of the care parcel at its station that would fill lines of a parcel, first expired first.

    Empty where none of the first few does.
    """
    waiting = lines_of(session, parcel, LineState.RESERVED)
    station = select(Parcel.station).where(Parcel.id == parcel).scalar_subquery()
    bags = session.execute(
        select(KitBag)
        .where(KitBag.station == station, KitBag.state == BagState.ASSEMBLED)
        .order_by(KitBag.expiry.is_(None), KitBag.expiry, KitBag.id)
        .limit(LOOKED_AT)
    )
    for bag in bags.scalars():
        try:
            _shares(waiting, kit_going.portions(session, bag, today))
        except Refusal:
            continue
        return (registry.code_of(session, bag.id) or "")[-SHOWN_OF_A_CODE:]
    return ""


def _shares(waiting: Sequence[ParcelLine], inside: Sequence[Portion]) -> list[Share]:
    """Which unit goes to which line: those of one need where one wants the whole bag, else of one person.

    A line of a medicine takes one portion of just its quantity: that is what a medic released.
    """
    groups: dict[UUID, list[ParcelLine]] = defaultdict(list)
    for line in waiting:
        groups[line.need].append(line)
    for line in waiting:
        groups[line.resident].append(line)
    for lines in groups.values():
        shares = _covering(lines, inside)
        if shares is not None:
            return shares
    wanted = {line.item for line in waiting}
    beyond = [one.code for one in inside if one.item not in wanted]
    raise KitNotWanted(tuple(Reason("KIT", "KIT_HAS", "block", {"other": code}) for code in dict.fromkeys(beyond)))


def _covering(lines: Sequence[ParcelLine], inside: Sequence[Portion]) -> list[Share] | None:
    found: list[Share] = []
    for item in dict.fromkeys(one.item for one in inside):
        portions = [one for one in inside if one.item == item]
        chosen = _just(sorted((line for line in lines if line.item == item), key=_size), _units(portions))
        if not chosen:
            return None
        shares = _pair(chosen, portions)
        if portions[0].medicine and any(share.quantity != share.line.quantity for share in shares):
            return None
        found += shares
    return found


def _size(line: ParcelLine) -> tuple[int, UUID]:
    return -line.quantity, line.id


def _units(portions: Iterable[Portion]) -> int:
    return sum(one.quantity for one in portions)


def _just(lines: Iterable[ParcelLine], units: int) -> list[ParcelLine]:
    """Lines that together want just so many units, the largest first; empty where none do."""
    chosen = []
    for line in lines:
        if line.quantity <= units:
            chosen.append(line)
            units -= line.quantity
    return chosen if units == 0 else []


def _pair(lines: Iterable[ParcelLine], portions: Sequence[Portion]) -> list[Share]:
    """Line by line from the largest portion on; a line that needs two packs' units gets two shares."""
    left = sorted(([one.quantity, place] for place, one in enumerate(portions)), reverse=True)
    shares = []
    for line in lines:
        lacks = line.quantity
        for pile in left:
            if taken := min(lacks, pile[0]):
                shares.append(Share(line, portions[pile[1]], taken))
                pile[0] -= taken
                lacks -= taken
    return shares


def _unreserve(session: Session, parcel: Parcel, shares: Iterable[Share], actor: Actor, now: datetime) -> None:
    own = stations.places(session, parcel.station)
    for share in shares:
        pack, units = share.line.pack, share.line.quantity
        shelf = shelf_of(session, pack, parcel.station) or own.shelf_for(share.portion.medicine)
        ledger.move(session, pack, units, own.reserved, shelf, "swap", actor, now, subject=parcel.id)


def _fill(session: Session, bag: KitBag, shares: Iterable[Share]) -> tuple[UUID, ...]:
    """Let each line be what lies in the bag; units of a second pack become a line of their own beside it."""
    done: list[UUID] = []
    for share in shares:
        line = share.line
        told = {
            "lot": share.portion.lot, "pack": share.portion.pack, "quantity": share.quantity,
            "state": LineState.PACKED, "bag": bag.id,
        }  # fmt: skip
        if line.id not in done:
            session.execute(update(ParcelLine).where(ParcelLine.id == line.id).values(**told))
            done.append(line.id)
            continue
        same = {name: getattr(line, name) for name in ("parcel", "need", "resident", "decision", "item", "release_by")}
        beside = new_id()
        session.execute(insert(ParcelLine).values(id=beside, **same, **told))
        done.append(beside)
    return tuple(done)


# ---------------------------------------------------------------- the way back


def whole(session: Session, parcel: UUID, today: date) -> frozenset[UUID]:
    """The unopened bags in a parcel that are good in every part still."""
    held = {line.bag for line in lines_of(session, parcel, *STANDING) if line.bag is not None}
    return frozenset(bag for bag in held if kit_going.still_good(session, bag, today))


def put_back(session: Session, parcel: Parcel, lines: Iterable[ParcelLine], actor: Actor, now: datetime) -> None:
    """Take unopened bags out of a parcel with all of their lines: each stands at its station as before."""
    bags: dict[UUID, KitBag] = {}
    for line in lines:
        if line.bag is None:
            continue
        bag = bags.setdefault(line.bag, kit_going.locked(session, line.bag))
        source = Spot(parcel.place, PlaceKind.PARCEL)
        ledger.move(
            session, line.pack, line.quantity, source, kit_going.spot(bag), "unpack", actor, now, subject=parcel.id
        )
    for bag in bags.values():
        kit_going.back(session, bag, actor, now)


def open_bags(session: Session, lines: Iterable[ParcelLine], actor: Actor, now: datetime) -> None:
    """Something is taken out of the bags that these lines lie in: what stays in the parcel lies there singly."""
    for bag in sorted({line.bag for line in lines if line.bag is not None}):
        session.execute(
            update(ParcelLine).where(ParcelLine.bag == bag, ParcelLine.state == LineState.PACKED).values(bag=None)
        )
        kit_going.opened(session, bag, actor, now)
