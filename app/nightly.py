"""What is done once a day, and once when the server starts: the catalogue has learnt, so recalls look again."""

from __future__ import annotations

import logging
from datetime import date

import anyio
from sqlalchemy.exc import SQLAlchemyError

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Refusal
from app.base.permissions import SYSTEM
from distribution import recalling
from inventory.recalling import recalls

LOOK_EVERY = 300.0
"""Seconds between two looks at whether a new day has begun."""

log = logging.getLogger("nuanxin")


async def every_day(db: Database, clock: Clock) -> None:
    """Run the day's work whenever a new day has begun; what a store refuses is tried again at the next look."""
    done: date | None = None
    while True:
        today = clock.day(clock.now())
        if today != done and await _tried(db, clock, today):
            done = today
        await anyio.sleep(LOOK_EVERY)


async def _tried(db: Database, clock: Clock, today: date) -> bool:
    try:
        await look_again(db, clock, today)
    except Refusal as refusal:
        log.warning("the day's work waits: %s", refusal.code)
    except SQLAlchemyError as error:
        log.error("the day's work waits: %s", type(error).__name__)
    else:
        return True
    return False


async def look_again(db: Database, clock: Clock, today: date) -> None:
    """IN17 of the night: lots and stock that an open recall names by now are marked and brought into quarantine."""
    await db.write(recalls.mark, today)
    for recall in await db.read(recalls.in_force):
        while await db.write(recalling.pull, recall, SYSTEM, clock.now()):
            continue
