"""The programs' way in: what a scanned text is, and sheets of blank labels."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from app.base.edges import Call, may
from app.base.fields import ScannedText
from app.base.permissions import Permission
from labels import blanks, registry, scan
from labels.registry import PER_SHEET, IssuedBatch, NewSheets, Sheets
from labels.scan import Meaning

Limit = Annotated[int, QueryParameter(ge=1, le=200)]
PDF = "application/pdf"


class ScanText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text from a scanner, a camera or a keyboard, as it came."""

    text: ScannedText


class LookedUp(msgspec.Struct, frozen=True):
    """What the text is, and the page that opens it for a person, if there is one."""

    meaning: Meaning
    page: str | None


class Batches(msgspec.Struct, frozen=True):
    """Batches of labels, the latest first."""

    batches: list[Sheets]


@post("/api/scan", operation_id="lookUp", guards=[may(Permission.LOOK_UP)], status_code=200)
async def look_up(call: NamedDependency[Call], data: JSONBody[ScanText]) -> LookedUp:
    """What a scanned or typed text is: a label of ours and what it stands for, a product's code, or why it is neither.

    Codes travel in the body, as addresses end up in logs. Somebody else's address is neither followed nor repeated.
    """
    meaning = await call.peek(scan.meaning, data.text, call.actor)
    return LookedUp(meaning, page_of(call, meaning))


def page_of(call: Call, meaning: Meaning) -> str | None:
    """The page that opens what a label stands for; None for all else."""
    opener = call.tools.openers.get(meaning.kind or "")
    return opener(meaning.subject) if opener and meaning.subject else None


@post("/api/labels", operation_id="issueLabels", guards=[may(Permission.PRINT_LABELS)], status_code=201)
async def issue_labels(call: NamedDependency[Call], data: JSONBody[NewSheets]) -> IssuedBatch:
    """Issue sheets of 24 blank labels, to be printed and stuck on packs; the first scan claims each."""
    drawn = await blanks.draw(data.sheets * PER_SHEET)
    return await call.write(registry.issue_sheets, data, call.actor, call.now, drawn)


@get("/api/labels", operation_id="listLabelBatches", guards=[may(Permission.PRINT_LABELS)])
async def list_batches(
    call: NamedDependency[Call], limit: Limit = 20, before: FromQuery[UUID | None] = None
) -> Batches:
    """The batches that the caller may print, the latest first; ``before`` is the last id of the page before."""
    return Batches(await call.read(registry.batches, call.actor, limit, before))


@get(
    "/api/labels/{batch:uuid}/pdf",
    operation_id="printLabels",
    guards=[may(Permission.PRINT_LABELS)],
    media_type=PDF,
)
async def print_labels(call: NamedDependency[Call], batch: FromPath[UUID]) -> Response[bytes]:
    """The labels of a batch that are still blank, as A4 sheets of 24; those in use are left out: none has a twin."""
    return await sheets(call, batch)


async def sheets(call: Call, batch: UUID) -> Response[bytes]:
    """The batch's PDF."""
    left = await call.write(registry.to_print, batch, call.actor, call.now)
    paper = await blanks.sheets(left, call.settings.base_url, call.tools.messages)
    return call.file(paper, PDF, "labels.pdf")


handlers: list[BaseRouteHandler] = [look_up, issue_labels, list_batches, print_labels]
