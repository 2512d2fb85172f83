"""The five steps by which goods change hands on the way to the door, for programs and pages alike: each is watched."""

from __future__ import annotations

from app.base.edges import Call
from app.base.errors import Refusal
from app.base.ids import new_id
from distribution import deliveries, parcel_labels, parcels, picking, returns
from distribution.confirmations import Recorded
from distribution.deliveries import HandOver, Taken, TakeOver
from distribution.incidents import WATCH
from distribution.parcel_labels import Claimed, ClaimLabel
from distribution.parcels import Packed, PackLine
from distribution.picking import ParcelView
from distribution.returns import TakeBack, TakenBack
from labels.custody import Scan, Step
from labels.watching import look_into, suspected, watched


async def pick(call: Call, line: PackLine) -> Packed:
    """``parcels.pack``."""
    scan = Scan(step=Step.PICK, text=line.code, key=line.key, parcel=line.parcel)
    return await watched(call, WATCH, (scan,), parcels.pack, call.vault, line, call.actor, call.today, call.now)


async def label(call: Call, claim: ClaimLabel) -> Claimed:
    """``parcel_labels.claim_label``; a fresh label to print was scanned by nobody."""
    scans = [Scan(step=Step.LABEL, text=claim.code, key=claim.key, parcel=claim.parcel)] if claim.code else ()
    verb = parcel_labels.claim_label
    return await watched(call, WATCH, scans, verb, call.vault, claim, call.actor, call.today, call.now)


async def take_over(call: Call, take: TakeOver) -> Taken:
    """``deliveries.take_over``; a parcel chosen from the list was scanned by nobody."""
    scans = [Scan(step=Step.TAKE_OVER, text=take.code, key=take.key, parcel=take.parcel)] if take.code else ()
    return await watched(call, WATCH, scans, deliveries.take_over, call.vault, take, call.actor, call.today, call.now)


async def hand_over(call: Call, over: HandOver) -> Recorded:
    """``deliveries.hand_over``; a second record of a door is kept, and looked into where it comes with a scan."""
    scans = [Scan(step=Step.HAND_OVER, text=over.code, key=over.key, parcel=over.parcel)] if over.code else []
    done = await watched(call, WATCH, scans, deliveries.hand_over, call.vault, over, call.actor, call.today, call.now)
    if not done.effective:
        for scan in scans:
            await suspected(call, WATCH, scan)
    return done


async def found_back(call: Call, text: str) -> ParcelView:
    """The parcel whose label is scanned to take it back; its bag is looked at before ``take_back``."""
    try:
        parcel = await call.read(parcel_labels.scanned_parcel, text)
        return await call.read(picking.pick_list, parcel, call.actor)
    except Refusal as no:
        await look_into(call, WATCH, (Scan(step=Step.TAKE_BACK, text=text, key=new_id()),), no)
        raise


async def take_back(call: Call, back: TakeBack) -> TakenBack:
    """``returns.give_back``."""
    scan = Scan(step=Step.TAKE_BACK, text=back.code, key=back.key)
    return await watched(call, WATCH, (scan,), returns.give_back, back, call.actor, call.now)
