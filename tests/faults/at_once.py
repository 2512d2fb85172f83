"""Sends many requests to the application at once, without a network between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
from litestar import Litestar

Shot = tuple[dict[str, str], str, dict[str, Any]]
"""Headers of who sends, the path, the body."""


def all_at_once(app: Litestar, shots: Sequence[Shot]) -> list[httpx.Response]:
    """POST everything at the same time; the answers in the order of ``shots``."""

    async def everyone() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=120) as sender:
            return await asyncio.gather(*(_send(sender, shot) for shot in shots))

    return asyncio.run(everyone())


async def _send(sender: httpx.AsyncClient, shot: Shot) -> httpx.Response:
    headers, path, body = shot
    headers = {**headers, "content-type": "application/json"}
    return await sender.post(path, content=msgspec.json.encode(body), headers=headers)


def told(answers: Sequence[httpx.Response]) -> Counter[str]:
    """How many answers of each kind: ``ok``, else status and code."""
    return Counter("ok" if answer.is_success else f"{answer.status_code} {answer.json()['code']}" for answer in answers)
