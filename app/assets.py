"""Serves the pages' own CSS, scripts and icons under names that change with their content."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from app.base.edges import PUBLIC
from app.base.errors import NotFound

FOLDER = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".css": "text/css"}


def asset(name: str) -> str:
    """The address of a file in ``static``. One digest of the whole folder stands in front, so that scripts find each
    other by relative paths and everything may be cached for ever."""
    return f"/static/{_edition()}/{name}"


@cache
def _edition() -> str:
    digest = hashlib.sha256()
    for name in sorted(_files()):
        digest.update(name.encode() + b"\x00" + hashlib.sha256((FOLDER / name).read_bytes()).digest())
    return digest.hexdigest()[:12]


@cache
def _files() -> frozenset[str]:
    # Listed once: a name is served only if it is one of these, so no path of a request ever reaches the disk.
    return frozenset(
        file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*") if file.is_file() and not file.is_symlink()
    )


@get("/static/{edition:str}/{name:path}", opt=PUBLIC, include_in_schema=False, sync_to_thread=True)
def static_file(edition: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """One file of ``static``; an old page's edition still gets the file of today, but may not keep it."""
    name = name.lstrip("/")
    if name not in _files():
        raise NotFound
    kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    kept = "public, max-age=31536000, immutable" if edition == _edition() else "no-store"
    return Response((FOLDER / name).read_bytes(), media_type=kind, headers={"cache-control": kept})


handlers: list[BaseRouteHandler] = [static_file]
