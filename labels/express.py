"""The shortest way from a label's QR to what it stands for: answered before the framework starts on its own work.

It says exactly what ``labels.pages.label_page`` says, for the one case that phones ask all day: somebody on duty scans
a label in use. Everything else is left to that page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from uuid import UUID

import msgspec
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from app.base.clock import Clock
from app.base.db import Asking, Database
from app.base.permissions import Actor, Permission
from labels import codes, registry
from labels.models import LabelState

States = Mapping[str, Callable[[Asking, UUID, Actor, date], msgspec.Struct | None]]
"""By kind: the whole state of the thing of this id; None where the reader may not see it."""
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


def resolved(asking: Asking, code: str, actor: Actor, today: date, openers: Openers, states: States) -> Resolved | None:
    """What one of our codes, in its bare form, stands for with its whole state; None unless it is in use."""
    label = registry.look_up(asking, code)
    if label is None or label.state != LabelState.BOUND or label.kind is None or label.subject is None:
        return None
    teller, opener = states.get(label.kind), openers.get(label.kind)
    return Resolved(
        code=code,
        kind=label.kind,
        subject=label.subject,
        page=opener(label.subject) if opener else "",
        state=teller(asking, label.subject, actor, today) if teller else None,
    )


class Express(ASGIMiddleware):
    """Stands behind the doorman and answers ``GET /L/{code}`` for those on duty."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, db: Database, clock: Clock, openers: Openers, states: States) -> None:
        self.db, self.clock, self.openers, self.states = db, clock, openers, states

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        path: str = scope["path"]
        if path.startswith(_AT) and scope.get("method") == "GET":
            actor: Actor | None = scope["user"]
            if actor is not None and actor.may(Permission.LOOK_UP) and await self._answered(scope, send, path, actor):
                return
        await next_app(scope, receive, send)

    async def _answered(self, scope: Scope, send: Send, path: str, actor: Actor) -> bool:
        code = path[len(_AT) :]
        if not codes.is_bare(code):
            return False
        told = any(name == b"accept" and JSON in value for name, value in scope["headers"])
        states = self.states if told else {}
        today = self.clock.day(self.clock.now())
        found = await self.db.peek(resolved, code, actor, today, self.openers, states)
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
