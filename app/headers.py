"""Security headers on every answer, errors and refusals included; a page's scripts are let in by its own nonce."""

from __future__ import annotations

import secrets
from typing import cast

from litestar.types import Message, Scope

from app.base.settings import Settings

_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "manifest-src 'self'; worker-src 'self' blob:; form-action 'self'; base-uri 'none'; "
    "object-src 'none'; frame-ancestors 'none'"
)
# What only sends on, and what programs read, shows nothing and runs nothing.
_NO_PAGE = b"default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}

_FOR_PROGRAMS = (b"application/json", b"application/problem+json")


class Headers:
    """Puts the security headers on every answer, errors and refusals included."""

    def __init__(self, settings: Settings) -> None:
        self.always = [(name.encode(), value.encode()) for name, value in _ALWAYS.items()]
        if settings.secure:
            self.always.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))

    async def __call__(self, message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = message["headers"] = list(message.get("headers", []))
        page, kept = message["status"] // 100 != 3, False
        for name, value in headers:
            if name == b"content-type" and value.startswith(_FOR_PROGRAMS):
                page = False
            elif name == b"cache-control":
                kept = True
        policy = _POLICY.format(nonce=nonce_of(scope)).encode() if page else _NO_PAGE
        headers.append((b"content-security-policy", policy))
        headers.extend(self.always)
        if not kept:
            headers.append((b"cache-control", b"no-store"))


def nonce_of(scope: Scope) -> str:
    """The answer's script nonce, made when first asked for."""
    state = scope.setdefault("state", {})
    if "nonce" not in state:
        state["nonce"] = secrets.token_urlsafe(16)
    return cast("str", state["nonce"])
