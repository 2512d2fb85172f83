"""What the scan panel sends to a page of goods and how it is answered: in colour, sound and words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from litestar import Response

from app.base.edges import Call
from app.base.errors import Invalid, Refusal
from app.base.fields import Key, OptionalLine, ScannedText, fault_of
from app.base.ids import new_id


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan: its text, how it was read, and the key that the phone made for it."""

    text: ScannedText
    format: OptionalLine = ""
    idempotency_key: Key


async def read_scan(call: Call) -> Scan:
    """The scan as the panel's script sends it, or as its plain form does."""
    if not call.request.headers.get("content-type", "").startswith("application/json"):
        form = await call.form()
        return call.filled(Scan, {"text": form.get("text", [])}, idempotency_key=str(new_id()))
    try:
        return msgspec.json.decode(await call.request.body(), type=Scan)
    except msgspec.ValidationError as error:
        raise fault_of(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid(("", "json", {})) from None


def by_script(call: Call) -> bool:
    """Whether the scan panel's script asks; without it the same address answers with a page."""
    return "application/json" in call.request.headers.get("accept", "")


def answer(**said: Any) -> Response[Any]:
    """An answer for the panel: outcome, title, text, and what changes on the page."""
    return Response(said, media_type="application/json")


def refused(call: Call, no: Refusal, again: Collection[type[Refusal]] = ()) -> Response[Any]:
    """Red with the reason; amber for what was scanned before (``again``)."""
    if no.status >= 500:
        raise no
    todo = f"refusal.{no.code}.todo"
    faults = [call.say(f"fault.{code}", **params) for _, code, params in getattr(no, "faults", ())]
    text = [call.say(f"refusal.{no.code}.detail", **no.params), *faults]
    signs = [f"incident.todo.{reason.code}" for reason in no.reasons]
    text += [call.say(sign) for sign in signs if call.tools.messages.has(sign)]
    text += [call.say(todo, **no.params)] if call.tools.messages.has(todo) else []
    outcome = "duplicate" if isinstance(no, tuple(again)) else "wrong"
    return answer(outcome=outcome, title=call.say(f"refusal.{no.code}.title", **no.params), text=" ".join(text))
