"""Pages of labels: where a scan leads, what a finder of a pack is told, and sheets to print."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from app.base.edges import PUBLIC, Call, may
from app.base.errors import Busy, Invalid, StoreUnavailable
from app.base.ids import new_id
from app.base.permissions import Permission
from labels import blanks, codes, express, guessing, handed, registry, scan
from labels.api import page_of
from labels.api import sheets as printed
from labels.basket import Act, Tellers
from labels.registry import MOST, PER_SHEET, NewSheets
from labels.scan import Fault, Meaning, Outside, What

MOST_SHEETS = MOST // PER_SHEET
_ACTS = {
    Act.RECEIVE: Permission.RECEIVE,
    Act.MOVE: Permission.MOVE_STOCK,
    Act.PACK: Permission.PACK,
    Act.COUNT: Permission.READ_STOCK,
    Act.PRINT: Permission.PRINT_LABELS,
}
_OURS = frozenset({What.BLANK, What.BOUND, What.VOID, What.NEVER_ISSUED})
_LONGEST_SHOWN = 20

log = logging.getLogger("nuanxin")


# ---------------------------------------------------------------- a label's own address


@get(["/L/{code:str}", "/l/{code:str}"], opt=PUBLIC, include_in_schema=False)
async def label_page(call: NamedDependency[Call], code: FromPath[str]) -> Response[Any]:
    """Where a label's QR leads: staff to the thing or to receiving it, anybody else to whom to call."""
    try:
        bare = codes.parse(code)
    except codes.MistypedCode as wrong:
        fault = Fault(code=wrong.code, position=wrong.position, letter=wrong.letter, likely=wrong.likely)
        return call.page("labels/mistyped.html", 404, sentence=sentence(call, fault), staff=_is_staff(call))
    if call.request.scope["path"] != f"/L/{bare}":
        return call.go(f"/L/{bare}")
    if not _is_staff(call):
        return await for_anyone(call, bare)
    if _wants_state(call):
        openers, state_of = call.tools.openers, call.handed(handed.STATE_OF)
        found = await call.peek(express.resolved, bare, call.actor, call.today, openers, state_of)
        if found is not None and found.page:
            return Response(found, media_type="application/json")
    return _opened(call, await call.peek(scan.of_label, bare, call.actor))


def _wants_state(call: Call) -> bool:
    return express.JSON.decode() in call.request.headers.get("accept", "")


def _is_staff(call: Call) -> bool:
    return call.actor_or_none is not None and call.actor_or_none.may(Permission.LOOK_UP)


async def for_anyone(call: Call, code: str) -> Response[Any]:
    """What anybody who is not of the programme learns of a code in its bare form; who guesses many must wait."""
    client = call.request.client
    address = client.host if client else ""
    wait = await call.peek(guessing.seconds_to_wait, address, call.now)
    if wait:
        page = call.page("labels/anyone.html", 429, state="wait", minutes=-(-wait // 60))
        page.headers["retry-after"] = str(wait)
        return page
    state = await call.peek(scan.for_outsider, code, call.handed(handed.UNSAFE))
    if state is Outside.REFUSED:
        await _count(call, address)
    label = await call.peek(registry.look_up, code) if state is Outside.OURS else None
    if label is not None and (leads := call.handed(handed.OPEN).get(label.kind or "")) is not None:
        return call.go(leads(code))
    return call.page("labels/anyone.html", 404 if state is Outside.REFUSED else 200, state=state.value)


async def _count(call: Call, address: str) -> None:
    with suppress(Busy, StoreUnavailable):  # a full disk must not keep anybody from reading «do not take»
        if await call.write(guessing.count, address, call.now):
            log.warning("many look-ups of labels that lead nowhere: somebody may be guessing codes")


def _opened(call: Call, meaning: Meaning) -> Response[Any]:
    page = page_of(call, meaning)
    if page is not None:
        return call.go(page)
    if meaning.receive:
        return onward(call, meaning)
    status = 200 if meaning.what in {What.BLANK, What.BOUND} else 404
    return call.page("labels/closed.html", status, meaning=meaning, shown=codes.shown(meaning.code or ""))


def onward(call: Call, meaning: Meaning) -> Response[str]:
    """On to the receive form by POST, so that neither code nor batch stands in an address."""
    product = meaning.product
    fields = {
        "label": meaning.code,
        "gtin": product and product.gtin,
        "drug_code": product and product.drug_code,
        "trace_code": product and product.trace_code,
        "approval_number": product and product.approval_number,
        "lot": product and product.lot,
        "expiry": product and product.expiry and product.expiry.isoformat(),
        "serial": product and product.serial,
    }
    given = {name: value for name, value in fields.items() if value}
    return call.page("labels/onward.html", fields=given, shown=codes.shown(meaning.code or ""))


def sentence(call: Call, fault: Fault) -> str:
    """What is wrong with a text, and what to look at again."""
    if fault.likely:
        likely = call.say("scan.or").join(fault.likely)
        return call.say("code.CODE_LETTER_LIKELY", position=fault.position, letter=fault.letter, likely=likely)
    for family in ("code", "code.unknown"):
        if call.tools.messages.has(key := f"{family}.{fault.code}"):
            return call.say(key, position=fault.position, letter=fault.letter)
    return call.say("code.explain.unknown")


# ---------------------------------------------------------------- scanning


@get("/scan", guards=[may(Permission.LOOK_UP)], include_in_schema=False)
async def scan_page(call: NamedDependency[Call]) -> Response[str]:
    """The scanner, and nothing else: it stays open, lists every hit, and then acts on all of them."""
    return await _scanner(call, call.handed(handed.TELLERS))


async def _scanner(call: Call, tellers: Tellers, status: int = 200, **more: object) -> Response[str]:
    desk = await call.read(tellers.desk, call.actor)
    acts = [act.value for act, permission in _ACTS.items() if call.actor.may(permission)]
    owner = call.actor.sign_in.hex if call.actor.sign_in else ""
    return call.page("labels/scan.html", status, desk=desk, acts=acts, owner=owner, first_year=call.today.year, **more)


@post("/scan", guards=[may(Permission.LOOK_UP)], include_in_schema=False, status_code=200)
async def scanned(call: NamedDependency[Call]) -> Response[Any]:
    """Opens what was scanned, or says on the scanner's page why nothing can be opened."""
    text = (await call.form()).get("text", [""])[0]
    meaning = await call.peek(scan.meaning, text, call.actor)
    if meaning.what in _OURS:
        return call.go(f"/L/{meaning.code}")
    if meaning.receive:
        return onward(call, meaning)
    typed = codes.shown(codes.bare(text))[:_LONGEST_SHOWN] if meaning.what == What.MISTYPED else ""
    said = sentence(call, meaning.fault) if meaning.fault else ""
    return await _scanner(call, call.handed(handed.TELLERS), 422, meaning=meaning, sentence=said, typed=typed)


# ---------------------------------------------------------------- sheets of blank labels


@get("/labels", guards=[may(Permission.PRINT_LABELS)], include_in_schema=False)
async def labels_page(call: NamedDependency[Call]) -> Response[str]:
    """Issue sheets, and print recent ones again."""
    return await _labels(call)


async def _labels(call: Call, status: int = 200, **values: object) -> Response[str]:
    batches = await call.read(registry.batches, call.actor)
    zone = ZoneInfo(call.settings.timezone)
    sizes = {
        "most": MOST_SHEETS,
        "per_sheet": PER_SHEET,
        "replaces": call.actor.may(Permission.REPRINT_LABEL),
        "places": call.actor.may(Permission.READ_STOCK),
    }
    return call.page("labels/labels.html", status, batches=batches, zone=zone, key=new_id(), **sizes, **values)


@post("/labels", guards=[may(Permission.PRINT_LABELS)], include_in_schema=False)
async def issue_sheets(call: NamedDependency[Call]) -> Response[Any]:
    """Issues sheets and leads to their PDF."""
    form = await call.form()
    try:
        new = call.filled(NewSheets, form)
        drawn = await blanks.draw(new.sheets * PER_SHEET)
        batch = await call.write(registry.issue_sheets, new, call.actor, call.now, drawn)
    except Invalid as no:
        told = [(field, call.say(f"fault.{code}", **params)) for field, code, params in no.faults]
        return await _labels(call, no.status, errors=told, sheets=form.get("sheets", [""])[0])
    return call.go(f"/labels/{batch.id}")


@get("/labels/{batch:uuid}", guards=[may(Permission.PRINT_LABELS)], include_in_schema=False)
async def batch_page(call: NamedDependency[Call], batch: FromPath[UUID]) -> Response[str]:
    """How to print a batch, and its PDF."""
    found = await call.read(registry.batch, batch, call.actor)
    return call.page("labels/batch.html", batch=found, per_sheet=PER_SHEET)


@get("/labels/{batch:uuid}/labels.pdf", guards=[may(Permission.PRINT_LABELS)], include_in_schema=False)
async def batch_pdf(call: NamedDependency[Call], batch: FromPath[UUID]) -> Response[bytes]:
    """The batch's sheets as PDF."""
    return await printed(call, batch)


handlers: list[BaseRouteHandler] = [
    label_page,
    scan_page,
    scanned,
    labels_page,
    issue_sheets,
    batch_page,
    batch_pdf,
]
