"""Carries an import on beside everything else, part by part, so that nobody at a counter waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from app.base.edges import Call
from app.base.errors import Busy, Refusal
from inventory.importing import catalogue_import
from inventory.importing.catalogue_import import Checked
from inventory.importing.import_match import Seen
from inventory.importing.import_models import ImportState

log = logging.getLogger("nuanxin")

PATIENCE = 30
"""Times that a full queue of the writer is waited for, a second each, before the import lies still."""
AT_ONCE = 8
"""Checked parts that are kept in one write: each is only a line to be written."""
_GOING: dict[UUID, asyncio.Task[None]] = {}
"""One at most for an import in this process; the store's own count keeps two processes from the same part."""


def go_on(call: Call, run: UUID, state: ImportState) -> None:
    """Check or apply what is left, after this request has been answered; nothing where that is going on already."""
    before = _GOING.get(run)
    if before is not None and not before.done():
        return
    step = _checking(call, run) if state is ImportState.CHECKING else _applying(call, run)
    task = asyncio.get_running_loop().create_task(_until_done(step))
    _GOING[run] = task
    task.add_done_callback(lambda _: _GOING.pop(run, None) if _GOING.get(run) is task else None)


Step = Callable[[], Awaitable[bool]]


async def _until_done(step: Step) -> None:
    """Take steps until there are none. What stops it is logged by kind; the import's page offers to go on."""
    refused = 0
    try:
        while True:
            try:
                if not await step():
                    return
                refused = 0
            except Busy:
                refused += 1
                if refused > PATIENCE:
                    raise
                await asyncio.sleep(1)
    except Refusal as no:
        log.warning("an import lies still: %s", no.code)
    except SQLAlchemyError as error:
        log.error("an import lies still: %s", type(error).__name__)


def _clock(call: Call) -> Callable[[], datetime]:
    """The request's clock, going on."""
    began = time.monotonic()
    return lambda: call.now + timedelta(seconds=time.monotonic() - began)


def _checking(call: Call, run: UUID) -> Step:
    seen, now = Seen(), _clock(call)

    async def step() -> bool:
        checks: list[Checked] = []
        while len(checks) < AT_ONCE:
            part = await call.read(catalogue_import.next_part, run, ImportState.CHECKING, len(checks))
            if part is None:
                break
            checks.append(await call.read(catalogue_import.checked, part, seen))
        return bool(checks) and await call.write(catalogue_import.keep_check, run, checks, now())

    return step


def _applying(call: Call, run: UUID) -> Step:
    now = _clock(call)

    async def step() -> bool:
        part = await call.read(catalogue_import.next_part, run, ImportState.APPLYING)
        return part is not None and await call.write(catalogue_import.apply_part, run, part, call.actor, now())

    return step
