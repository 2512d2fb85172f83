"""A photo in place of the camera: its codes told to a program, or opened for a person like a scan."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import anyio
import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from multipart import MultipartError, MultipartParser, MultipartPart  # type: ignore[import-untyped]

from app.base.db import Asking
from app.base.edges import Call, WrongMediaType, may
from app.base.errors import Refusal
from app.base.permissions import Actor, Permission
from labels import codes, pages, scan
from labels.api import page_of
from labels.darkroom import MOST_BYTES, Darkroom, PhotoTooLarge, Seen
from labels.scan import Meaning, Product, What

DARKROOM = Darkroom()
"""One for the process: its bounds are those of the machine."""
RECEIVING_SECONDS = 120
_AROUND = 64 * 1024
_KINDS = ("image/jpeg", "image/png", "image/webp")
_USABLE = frozenset({What.BLANK, What.BOUND, What.VOID, What.NEVER_ISSUED, What.PRODUCT})


class PhotoCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code on a photo. ``usable``: it can be looked up by its ``text``, ``says`` names it for a person.

    ``text`` is None for somebody else's address, which is neither followed nor repeated.
    """

    text: str | None
    format: str
    meaning: Meaning
    page: str | None
    says: str
    usable: bool


class PhotoCodes(msgspec.Struct, frozen=True):
    """The codes on a photo, those that can be used first; empty where none was found."""

    codes: list[PhotoCode]


@dataclass
class TakesPhoto(Operation):
    """Says in the OpenAPI document that the body is the picture itself."""

    picture: ClassVar[Schema] = Schema(type=OpenAPIType.STRING, content_media_type="image/*")

    def __post_init__(self) -> None:
        """Names the kinds of picture."""
        self.request_body = RequestBody(
            content={kind: OpenAPIMediaType(schema=self.picture) for kind in _KINDS}, required=True
        )


# ---------------------------------------------------------------- receiving


@post(
    "/api/scan/photo",
    operation_id="readPhoto",
    operation_class=TakesPhoto,
    guards=[may(Permission.LOOK_UP)],
    status_code=200,
    request_max_body_size=MOST_BYTES + _AROUND,
)
async def read_photo(call: NamedDependency[Call]) -> PhotoCodes:
    """The codes on a photo (JPEG, PNG or WebP, up to 8 MB and 25 million pixels, WebP 6) and what they mean.

    The body is the picture itself. It is opened in a process of its own and neither kept nor written down.
    """
    if call.request.headers.get("content-type", "").split(";")[0].strip().lower() not in _KINDS:
        raise WrongMediaType
    with DARKROOM.place(call.actor.account):
        seen = await DARKROOM.develop(await _body(call))
    return PhotoCodes(await _told(call, seen))


@post(
    "/scan/photo",
    guards=[may(Permission.LOOK_UP)],
    include_in_schema=False,
    status_code=200,
    request_max_body_size=MOST_BYTES + _AROUND,
)
async def photo_page(call: NamedDependency[Call]) -> Response[Any]:
    """Opens the one code of a photo like a scan; lets choose among several; says what to do where there is none."""
    try:
        with DARKROOM.place(call.actor.account):
            found = await _told(call, await DARKROOM.develop(await _uploaded(call)))
    except Refusal as no:
        if not no.code.startswith("PHOTO"):
            raise
        return call.page("labels/photo.html", no.status, refused=no.code)
    usable = [one.meaning for one in found if one.usable]
    if len(usable) != 1:
        return call.page("labels/photo.html", 200 if usable else 422, found=found)
    return opened(call, usable[0]) or call.page("labels/photo.html", 422, closed=True)


async def _body(call: Call) -> bytes:
    try:
        with anyio.fail_after(RECEIVING_SECONDS):
            return await call.request.body()
    except RequestEntityTooLarge:
        raise PhotoTooLarge from None
    except TimeoutError:
        raise ClientException(status_code=408) from None


async def _uploaded(call: Call) -> bytes:
    """The form's file. The framework's own reading of forms would write larger files to the disk for a while."""
    kind, options = call.request.content_type
    if kind != "multipart/form-data":
        call.check_token({})
        raise WrongMediaType
    body = await _body(call)
    parser = MultipartParser(
        io.BytesIO(body), options.get("boundary", ""), part_limit=4, spool_limit=len(body), memory_limit=len(body) + 1,
        disk_limit=0, strict=True,
    )  # fmt: skip
    try:
        parts: dict[str, MultipartPart] = {part.name: part for part in parser}
        token = parts["csrf_token"].value if "csrf_token" in parts else ""
    except (MultipartError, UnicodeDecodeError):
        raise ClientException from None
    call.check_token({"csrf_token": [token]})
    return bytes(parts["photo"].raw) if "photo" in parts else b""


# ---------------------------------------------------------------- telling


def meanings(session: Asking, texts: Sequence[str], actor: Actor) -> list[Meaning]:
    """What each of the texts is."""
    return [scan.meaning(session, text, actor) for text in texts]


async def _told(call: Call, seen: Sequence[Seen]) -> list[PhotoCode]:
    said = await call.peek(meanings, [one.text for one in seen], call.actor)
    plain = {found.product.gtin for found in said if found.product and _says_more(found.product)}
    told = [
        PhotoCode(
            text=None if found.what == What.FOREIGN else one.text,
            format=one.format,
            meaning=found,
            page=page_of(call, found),
            says=_says(call, found),
            usable=found.what in _USABLE,
        )
        for one, found in zip(seen, said, strict=True)
        # A pack's stripes say no more than its square code, which also tells batch and expiry.
        if not (found.product and found.product == Product(gtin=found.product.gtin) and found.product.gtin in plain)
    ]
    return sorted(told, key=lambda one: not one.usable)


def _says_more(product: Product) -> bool:
    return product.gtin is not None and product != Product(gtin=product.gtin)


def _says(call: Call, found: Meaning) -> str:
    if found.what == What.FOREIGN:
        return call.say("code.explain.other_url")
    if found.fault:
        return pages.sentence(call, found.fault)
    product = found.product
    if product is None:
        return call.say("photo.code", kind=call.say("code.kind.label"), shown=codes.shown(found.code or ""))
    kind, shown = "gs1", product.lot or product.serial or ""
    if product.trace_code:
        kind, shown = "trace_code", product.trace_code
    elif product.drug_code:
        kind, shown = "national_drug_code", product.drug_code
    elif product.approval_number:
        kind, shown = "approval_number", product.approval_number
    elif product.gtin:
        kind, shown = "gs1" if _says_more(product) else "gtin", product.gtin.lstrip("0")
    return call.say("photo.code", kind=call.say(f"code.kind.{kind}"), shown=shown)


def opened(call: Call, meaning: Meaning) -> Response[Any] | None:
    """Where a scan of it would lead: a label's own address, or the receive form for those who receive."""
    if meaning.code is not None:
        return call.go(f"/L/{meaning.code}")
    return pages.onward(call, meaning) if meaning.receive else None


handlers: list[BaseRouteHandler] = [read_photo, photo_page]
