"""Lets a scan that changes custody be refused and looked into at once: the refusal stands, the finding is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

import msgspec
from sqlalchemy.orm import Session

from app.base.edges import Call
from app.base.errors import Forbidden, Invalid, KeyReused, Refusal
from app.base.permissions import Actor
from app.base.reasons import Reason
from labels.custody import Scan

P = ParamSpec("P")
T = TypeVar("T")

_SAYS_NOTHING = (Invalid, KeyReused, Forbidden)
"""Refusals of the request itself: nobody has looked yet at what was scanned."""


class Watch(msgspec.Struct, frozen=True):
    """Who can tell that a scan cannot be true (handed down, as it must know of parcels).

    ``sign`` only reads: what the scan is a sign of, or None. ``report`` judges again, writes down what is still so
    and stops the goods; it gives the same answer for a scan that was reported before.
    """

    sign: Callable[[Session, Scan, Actor], Reason | None]
    report: Callable[[Session, Scan, Actor, datetime], Reason | None]


async def watched(
    call: Call,
    watch: Watch,
    scans: Iterable[Scan],
    verb: Callable[Concatenate[Session, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a verb by which goods change hands; where it refuses the scan, look whether that was a sign of a copy.

    The verb's own write is undone by then, so the sign is kept in a write of its own. The refusal goes on to the
    scanner, with what was found as further reasons. Without a scan (chosen from a list) nobody is suspected.
    """
    try:
        return await call.write(verb, *args, **kwargs)
    except Refusal as no:
        await look_into(call, watch, scans, no)
        raise


async def look_into(call: Call, watch: Watch, scans: Iterable[Scan], no: Refusal) -> None:
    """Add what refused scans are signs of to the refusal's reasons."""
    if no.status < 500 and not isinstance(no, _SAYS_NOTHING):
        found = [await suspected(call, watch, scan) for scan in scans]
        no.reasons = (*no.reasons, *(one for one in found if one))


async def suspected(call: Call, watch: Watch, scan: Scan) -> Reason | None:
    """What a scan is a sign of, written down; None for an innocent one, which costs a read and no write."""
    if await call.read(watch.sign, scan, call.actor) is None:
        return None
    return await call.write(watch.report, scan, call.actor, call.now)
