"""Receiving, for programs and pages alike: a label that is stuck on is watched, in case it is on something already."""

from __future__ import annotations

from uuid import uuid5

from app.base.edges import Call
from inventory.receiving import intake, sitting
from inventory.receiving.donations import Receipt
from inventory.receiving.intake import NewDonation
from inventory.receiving.sitting import NewBoxes
from labels.custody import Scan, Step
from labels.watching import Watch, watched


async def receive(call: Call, watch: Watch, new: NewDonation) -> Receipt:
    """``intake.receive``."""
    scans = [Scan(step=Step.RECEIVE, text=new.line.label, key=new.key)] if new.line.label else ()
    return await watched(call, watch, scans, intake.receive, call.vault, new, call.actor, call.today, call.now)


async def receive_boxes(call: Call, watch: Watch, new: NewBoxes) -> Receipt:
    """``sitting.receive_boxes``; every label of the line was scanned."""
    scans = [Scan(step=Step.RECEIVE, text=text, key=uuid5(new.key, text)) for text in new.labels]
    return await watched(call, watch, scans, sitting.receive_boxes, call.vault, new, call.actor, call.today, call.now)
