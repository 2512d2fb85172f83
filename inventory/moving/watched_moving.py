"""Transfers, for programs and pages alike: a scanned label is watched, in case its goods are long somewhere else."""

from __future__ import annotations

from uuid import uuid5

from app.base.edges import Call
from inventory.moving import arrivals, transfers
from inventory.moving.arrivals import Arrive, Arrived, ComeBack, Surplus
from inventory.moving.transfers import SendPack, Sent
from labels import handed
from labels.custody import Scan, Step
from labels.watching import watched


async def send(call: Call, order: SendPack) -> Sent:
    """``transfers.send``; a blank label that is stuck on the part of a bag is watched too."""
    scans = [Scan(step=Step.PICK, text=order.code, key=order.key)]
    if order.label:
        scans.append(Scan(step=Step.LABEL, text=order.label, key=uuid5(order.key, "label")))
    return await watched(
        call, call.handed(handed.WATCH), scans, transfers.send, order, call.actor, call.today, call.now
    )


async def receive(call: Call, order: Arrive) -> Arrived:
    """``arrivals.receive``."""
    scan = Scan(step=Step.PICK, text=order.code, key=order.key)
    return await watched(
        call, call.handed(handed.WATCH), (scan,), arrivals.receive, order, call.actor, call.today, call.now
    )


async def surplus(call: Call, order: Surplus) -> Arrived:
    """``arrivals.surplus``."""
    scan = Scan(step=Step.PICK, text=order.code, key=order.key)
    return await watched(
        call, call.handed(handed.WATCH), (scan,), arrivals.surplus, order, call.actor, call.today, call.now
    )


async def come_back(call: Call, order: ComeBack) -> Arrived:
    """``arrivals.come_back``."""
    scan = Scan(step=Step.PICK, text=order.code, key=order.key)
    return await watched(
        call, call.handed(handed.WATCH), (scan,), arrivals.come_back, order, call.actor, call.today, call.now
    )
