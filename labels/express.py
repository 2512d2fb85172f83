"""The shortest way from a label's QR to what it stands for: answered before the framework starts on its own work.

It says exactly what ``labels.pages.label_page`` says, for the one case that phones ask all day: somebody on duty scans
a label in use. Everything else is left to that page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy.exc import DBAPIError

from app.base.clock import Clock
from app.base.db import Asking, Database
from app.base.errors import Refusal
from app.base.permissions import Actor, Permission
from labels import codes, registry
from labels.models import LabelState


class Labelled(NamedTuple):
    """A code that was issued, and the whole state of what it is on; that is None where the reader may not see it."""

    state: LabelState
    kind: str | None
    subject: UUID | None
    of: msgspec.Struct | None


Known = Callable[[Scope], Awaitable[Actor | None]]
"""Who is asking, by what stands in the request; for what changes nothing."""
StateOf = Callable[[Asking, str, Actor, date], Labelled | None]
"""What a code in its bare form is on, with the state of that; None where it was never issued."""
Openers = Mapping[str, Callable[[UUID], str]]

JSON = b"application/json"
_NO_BODY = (b"content-type", b"text/plain; charset=utf-8")
_AT = "/L/"
_ENCODER = msgspec.json.Encoder()


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a label in use stands for; ``state`` only of kinds that have one, and only within the reader's scope."""

    code: str
    kind: str
    subject: UUID
    page: str
    state: msgspec.Struct | None = None


def bare_state(asking: Asking, code: str, _actor: Actor, _today: date) -> Labelled | None:
    """What a code is on, and nothing of the state of that."""
    label = registry.look_up(asking, code)
    return None if label is None else Labelled(label.state, label.kind, label.subject, None)


def resolved(
    asking: Asking, code: str, actor: Actor, today: date, openers: Openers, state_of: StateOf
) -> Resolved | None:
    """What one of our codes, in its bare form, stands for with its state; None unless it is in use."""
    label = state_of(asking, code, actor, today)
    if label is None or label.state != LabelState.BOUND or label.kind is None or label.subject is None:
        return None
    opener = openers.get(label.kind)
    return Resolved(
        code=code,
        kind=label.kind,
        subject=label.subject,
        page=opener(label.subject) if opener else "",
        state=label.of,
    )


class Express:
    """Stands before the framework and answers ``GET /L/{code}`` for those on duty."""

    def __init__(
        self, next_app: ASGIApp, known: Known, db: Database, clock: Clock, openers: Openers, state_of: StateOf
    ) -> None:
        self.next_app, self.known = next_app, known
        self.db, self.clock, self.openers, self.state_of = db, clock, openers, state_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith(_AT) and scope.get("method") == "GET" and not scope["query_string"]:
            try:
                if await self._answered(scope, send, path[len(_AT) :]):
                    return
            except (DBAPIError, Refusal):
                # Nothing was said so far: the page meets the same trouble, and knows how to tell it.
                await self.next_app(scope, receive, send)
                return
        await self.next_app(scope, receive, send)

    async def _answered(self, scope: Scope, send: Send, code: str) -> bool:
        actor = await self.known(scope) if codes.is_bare(code) else None
        if actor is None or not actor.may(Permission.LOOK_UP):
            return False
        told = any(name == b"accept" and JSON in value for name, value in scope["headers"])
        state_of = self.state_of if told else bare_state
        today = self.clock.day(self.clock.now())
        found = await self.db.peek(resolved, code, actor, today, self.openers, state_of)
        if found is None or not found.page:
            return False
        if told:
            await _send(send, 200, _ENCODER.encode(found), (b"content-type", JSON))
        else:
            await _send(send, 303, b"", _NO_BODY, (b"location", found.page.encode()))
        return True


async def _send(send: Send, status: int, body: bytes, *known: tuple[bytes, bytes]) -> None:
    headers = [*known, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
