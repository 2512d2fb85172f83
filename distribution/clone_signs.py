"""When a scan is a sign that a label was copied: what the books say of it cannot be true of what is in the hand (pure).

The innocent explanation goes first. Whoever scans their own parcel again, packs twice what they have just packed, or
takes the label of the box that they have just received, has one thing in one hand. Of what is at a station anyone
there may pick up the wrong box. An old label under a new one is judged as the thing that it is still on.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from labels.custody import Step


class Sign(StrEnum):
    """What was seen; the values are the stable codes."""

    CUSTODY_TWICE = "CUSTODY_TWICE"
    SCAN_AFTER_DELIVERY = "SCAN_AFTER_DELIVERY"
    SCAN_AFTER_VOID = "SCAN_AFTER_VOID"
    ONE_UNIT_TWICE = "ONE_UNIT_TWICE"


class Where(StrEnum):
    """Where the books have the labelled thing. Of a pack that was opened and shared out, its label tells no place.

    ``WAITING``: at a station. ``HERE``: it is, or lies in, the very parcel that it is scanned for. ``PARCEL``: whole
    in another parcel. ``HANDS``: with a team on its way. ``GIVEN``: handed over. ``ENDED``: left for disposal.
    """

    WAITING = "waiting"
    HERE = "here"
    PARCEL = "parcel"
    HANDS = "hands"
    GIVEN = "given"
    ENDED = "ended"
    UNTOLD = "untold"


class Holder(StrEnum):
    """Who has it, or brought it where it is: the one who scans now, somebody of the same team, somebody else."""

    SELF = "self"
    TEAM = "team"
    OTHER = "other"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A scan and what the books say. ``kind``: of the label's subject, "" for a label that was never on anything.

    ``void``: the word for why the label ended, "" for a living one; ``replaced``: the thing has a newer label.
    """

    step: Step
    kind: str
    where: Where = Where.UNTOLD
    holder: Holder = Holder.OTHER
    void: str = ""
    replaced: bool = False


PACK, PARCEL = "pack", "parcel"
LOST = "lost"
CLAIMS = frozenset({Step.RECEIVE, Step.LABEL})
"""Steps in which a label is stuck on something: one that is in use is claimed for a second thing."""

_OF_PACKS = CLAIMS | {Step.PICK}
_REUSED = frozenset(
    {("take-back", Step.RECEIVE), ("take-back", Step.LABEL), ("unpacked", Step.LABEL), ("unpacked", Step.RECEIVE)}
)
"""Ends after which the sticker is still on a box or bag of our own: undone at the counter, or taken apart."""


def sign_of(seen: Seen) -> Sign | None:
    """What the scan is a sign of; None where there is an innocent explanation, or nothing to explain."""
    return _void(seen) if seen.void else _living(seen)


def _living(seen: Seen) -> Sign | None:
    if seen.kind == PACK:
        return _pack(seen)
    return _parcel(seen) if seen.kind == PARCEL else None


def _pack(seen: Seen) -> Sign | None:
    if seen.step not in _OF_PACKS:
        return None
    claimed, own = seen.step in CLAIMS, seen.holder is Holder.SELF
    match seen.where:
        case Where.GIVEN:
            return Sign.SCAN_AFTER_DELIVERY
        case Where.ENDED:
            return Sign.SCAN_AFTER_VOID
        case Where.HANDS:
            return Sign.ONE_UNIT_TWICE
        case Where.PARCEL:
            return Sign.ONE_UNIT_TWICE if claimed or not own else None
        case Where.WAITING:
            return Sign.ONE_UNIT_TWICE if claimed and not own else None
    return None


def _parcel(seen: Seen) -> Sign | None:
    own = seen.holder is Holder.SELF
    match seen.where:
        case Where.GIVEN:
            again = own and seen.step in {Step.TAKE_OVER, Step.HAND_OVER}
            return None if again else Sign.SCAN_AFTER_DELIVERY
        case Where.HANDS:
            return _in_hands(seen)
        case Where.WAITING:
            return Sign.ONE_UNIT_TWICE if seen.step in CLAIMS and not own else None
    return None


def _in_hands(seen: Seen) -> Sign | None:
    """A team's members may hand over for each other; taking over what another carries needs a hand-over between."""
    if seen.step in CLAIMS:
        return Sign.ONE_UNIT_TWICE
    if seen.step is Step.TAKE_OVER and seen.holder is not Holder.SELF:
        return Sign.CUSTODY_TWICE
    if seen.step is Step.HAND_OVER and seen.holder is Holder.OTHER:
        return Sign.CUSTODY_TWICE
    return None


def _void(seen: Seen) -> Sign | None:
    if not seen.kind:
        return Sign.SCAN_AFTER_VOID if seen.void == LOST else None
    if seen.kind not in {PACK, PARCEL} or (seen.kind == PACK and seen.step not in _OF_PACKS):
        return None
    if seen.replaced:
        return Sign.SCAN_AFTER_VOID if _living(seen) else None
    return None if (seen.void, seen.step) in _REUSED else Sign.SCAN_AFTER_VOID
