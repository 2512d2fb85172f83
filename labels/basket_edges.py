"""The scan page's question for every hit: what is this, what does it fit, and what is wrong with it, in words."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody

from app.base.edges import Call, may
from app.base.permissions import Permission
from labels import basket, handed
from labels.api import page_of
from labels.basket import Act, Choice, Goods, Hit, Outcome, ScanLine, Told, Trace
from labels.pages import sentence
from labels.scan import Meaning, What

_OURS = frozenset({What.BLANK, What.VOID, What.NEVER_ISSUED})


class LineTold(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the scan page: known, new or wrong, in the reader's words.

    ``what``, ``kind``, ``subject`` and ``code`` as in the look-up; ``page`` opens the thing. ``fits`` and ``faults``:
    what can be done with it, and why not the rest. ``goods``, ``lacks``, ``choices``: a box that is not ours yet, what
    must still be said of it, what it may be. ``joined``: it was the second code of the box that waited. ``say``: a
    sentence for the donor. ``trace``: the text is the trace code of one box; without ``goods`` it is nothing else.
    """

    outcome: Outcome
    title: str
    text: str
    what: What
    kind: str | None = None
    subject: UUID | None = None
    code: str | None = None
    page: str | None = None
    name: str = ""
    strength: str = ""
    lot: str = ""
    expiry: date | None = None
    fits: tuple[Act, ...] = ()
    faults: dict[Act, str] = {}
    goods: Goods | None = None
    lacks: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    joined: bool = False
    say: str = ""
    trace: Trace | None = None


@post("/api/scan/line", operation_id="scanLine", guards=[may(Permission.LOOK_UP)], status_code=200)
async def scan_line(call: NamedDependency[Call], data: JSONBody[ScanLine]) -> LineTold:
    """What a hit of the scan page is, joined with the box that waits for its second code, if it belongs to it.

    Nothing is written. Codes travel in the body; somebody else's address is neither followed nor repeated.
    """
    found = await call.read(basket.hit, data, call.handed(handed.TELLERS), call.actor, call.today)
    return _told(call, found, found.told) if found.told else _bare(call, found)


def _bare(call: Call, found: Hit) -> LineTold:
    """A text that stands for no thing: a label that is not in use, or no code of ours."""
    meaning = found.meaning
    if found.trace:
        return _traced(call, meaning, found.trace)
    blank = meaning.what is What.BLANK
    told = LineTold(
        outcome=Outcome.NEW if blank else Outcome.WRONG,
        title=call.say(f"basket.{meaning.what.value}.title"),
        text=sentence(call, meaning.fault) if meaning.fault else call.say(f"basket.{meaning.what.value}.text"),
        what=meaning.what,
        code=meaning.code if meaning.what in _OURS else None,
    )
    if meaning.what is What.BOUND:  # a receipt, a badge: it has a page of its own, and nothing is done with it here
        page = page_of(call, meaning)
        return msgspec.structs.replace(
            told, outcome=Outcome.KNOWN, kind=meaning.kind, subject=meaning.subject, code=meaning.code, page=page,
            faults={act: call.say(f"basket.no.{act.value}") for act in Act},
        )  # fmt: skip
    return told


def _traced(call: Call, meaning: Meaning, trace: Trace) -> LineTold:
    """A trace code by itself: which box it is of, only the page knows."""
    return LineTold(
        outcome=Outcome.WRONG if trace is Trace.BEFORE else Outcome.KNOWN,
        title=call.say("basket.trace.title"),
        text=call.say(f"basket.trace.{trace.value}"),
        what=meaning.what,
        trace=trace,
    )


def _told(call: Call, found: Hit, told: Told) -> LineTold:
    meaning = found.meaning
    kind = (meaning.kind or "") if meaning.what is What.BOUND else "goods"
    name = told.name_zh if call.language == "zh" else told.name_en
    refused = next(iter(told.reasons), None) if told.state == "refused" else None
    text = call.say(f"basket.{kind if told.state != 'out_of_scope' else 'label'}.{told.state}", **told.params)
    if refused:
        text = call.say(f"screening.{refused.code}.staff", **refused.params)
    out = told.state == "out_of_scope"
    return LineTold(
        outcome=told.outcome,
        title=f"{name} {told.strength}".strip() or call.say(f"basket.{'label' if out else kind}.title"),
        text=text,
        what=meaning.what,
        kind=meaning.kind,
        subject=None if out else meaning.subject,
        code=meaning.code,
        page=None if out else page_of(call, meaning),
        name=name,
        strength=told.strength,
        lot=told.lot,
        expiry=told.expiry,
        fits=told.fits,
        faults={act: _fault(call, told, act, text) for act in Act if act not in told.fits},
        goods=told.goods,
        lacks=told.lacks,
        choices=told.choices,
        joined=found.joined,
        trace=found.trace,
        say=call.say(f"screening.{refused.code}.donor", **refused.params) if refused else "",
    )


def _fault(call: Call, told: Told, act: Act, text: str) -> str:
    """Why an act does not fit: what is wrong with the thing itself, or that it is not for this."""
    own = told.outcome is Outcome.WRONG or (act is Act.RECEIVE and told.goods is not None)
    return text if own else call.say(f"basket.no.{act.value}")


handlers: list[BaseRouteHandler] = [scan_line]
