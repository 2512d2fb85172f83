"""One line for each request, by the name of its route: no code, no invitation, no id, and nobody's address.

An address that no route has is told as a dash: what somebody typed wrong may hold a code too.
"""

from __future__ import annotations

import logging
import time

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("nuanxin.access")

NO_ROUTE = "-"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AccessLog:
    """Tells method, route, status and milliseconds of every answer, at the level ``debug``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        status, began = 0, time.perf_counter()
        method = scope["method"] if scope["method"] in _METHODS else NO_ROUTE

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, told)
        finally:
            took = (time.perf_counter() - began) * 1000
            log.debug("%s %s %d %.0f ms", method, scope.get("path_template", NO_ROUTE), status, took)
