"""A file that a form brings: received whole, bounded, in memory only, and with the form's own token checked."""

from __future__ import annotations

import io

import anyio
import msgspec
from litestar.exceptions import ClientException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from multipart import MultipartError, MultipartParser, MultipartPart  # type: ignore[import-untyped]

from app.base.edges import Call, Form, WrongMediaType
from app.base.errors import Refusal

RECEIVING_SECONDS = 120
AROUND = 64 * 1024
"""Bytes of a form beside its file: ``request_max_body_size`` is the file's bound and these."""
_MOST_PARTS = 16


class Upload(msgspec.Struct, frozen=True):
    """The file's bytes, and the form's other fields. What the file is called on the sender's machine is not kept."""

    data: bytes
    form: Form


async def uploaded(call: Call, name: str, too_large: type[Refusal]) -> Upload:
    """The file in field ``name``; empty where none was chosen. Raises Forbidden for a form without its token.

    The framework's own reading of forms would write larger files to the disk for a while.
    """
    kind, options = call.request.content_type
    if kind != "multipart/form-data":
        call.check_token({})
        raise WrongMediaType
    whole = await body(call, too_large)
    form: Form = {}
    data = b""
    try:
        for part in _parts(whole, options.get("boundary", "")):
            if part.name == name:
                data = bytes(part.raw)
            else:
                form.setdefault(part.name, []).append(part.value)
    except (MultipartError, UnicodeDecodeError):
        raise ClientException from None
    call.check_token(form)
    return Upload(data, form)


def _parts(body: bytes, boundary: str) -> list[MultipartPart]:
    whole = len(body)
    return list(
        MultipartParser(
            io.BytesIO(body),
            boundary,
            part_limit=_MOST_PARTS,
            spool_limit=whole,
            memory_limit=whole + 1,
            disk_limit=0,
            strict=True,
        )
    )


async def body(call: Call, too_large: type[Refusal]) -> bytes:
    """The request's whole body; raises ``too_large`` where it passes the route's bound."""
    try:
        with anyio.fail_after(RECEIVING_SECONDS):
            return await call.request.body()
    except RequestEntityTooLarge:
        raise too_large from None
    except TimeoutError:
        raise ClientException(status_code=408) from None
