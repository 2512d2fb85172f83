"""What every edge file uses: the guard, strict bodies, and the Call that carries one request's things to its verb."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, get_args, get_origin
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.dto import AbstractDTO
from litestar.handlers import BaseRouteHandler
from litestar.typing import FieldDefinition
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.base import accounts
from app.base.db import Database
from app.base.errors import Forbidden, Invalid, Refusal, SignInNeeded
from app.base.fields import fault_of
from app.base.i18n import Messages
from app.base.permissions import Actor, Permission
from app.base.settings import Settings
from app.base.vault import Vault

if TYPE_CHECKING:
    from jinja2 import Environment

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
Form = dict[str, list[str]]
_IN_ADDRESSES = "/?#[]@!$&'()*+,;=:%~"
WHOLE = re.compile(r"-?[0-9]{1,19}\Z")


class WrongMediaType(Refusal):
    """The body is not of the type this operation takes."""

    code = "MEDIA_TYPE"
    status = 415


class TooDeep(Refusal):
    """The body is nested deeper than anything of ours."""

    code = "TOO_DEEP"
    status = 400


class May:
    """A guard: whoever calls must have at least one of the permissions."""

    def __init__(self, *permissions: Permission) -> None:
        self.permissions = permissions

    def check(self, actor: Actor | None) -> None:
        """Go on only for somebody who may; raises SignInNeeded, Forbidden."""
        if actor is None:
            raise SignInNeeded
        actor.need(*self.permissions)

    # Async, because the framework wraps other guards, runs them in threads, and then none can be told by its type.
    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        self.check(connection.scope.get("user"))


def may(*permissions: Permission) -> May:
    """The guard of a handler; a handler without one, and not marked ``PUBLIC``, answers nobody."""
    return May(*permissions)


PUBLIC = {"public": True}
"""``opt`` of the few handlers that answer without sign-in; a test holds the list."""


_AT_THE_DOOR = "may"


def guards_to_the_door(config: AppConfig) -> AppConfig:
    """For ``on_app_init``: let the doorman ask what handlers' guards ask; the framework copies a handler a guard."""
    for handler in config.route_handlers:
        if isinstance(handler, BaseRouteHandler) and handler.guards:
            asked = [guard for guard in handler.guards if isinstance(guard, May)]
            handler.opt[_AT_THE_DOOR] = (*handler.opt.get(_AT_THE_DOOR, ()), *asked)
            handler.guards = [guard for guard in handler.guards if not isinstance(guard, May)]
    return config


def asked_at_the_door(handler: BaseRouteHandler) -> tuple[May, ...]:
    """What the doorman asks of whoever calls a handler."""
    asked: tuple[May, ...] = handler.opt.get(_AT_THE_DOOR, ())
    return asked


def has_guard(handler: BaseRouteHandler) -> bool:
    """Whether a handler declares who may call it, or that anyone may: one that does neither answers nobody."""
    kept = any(isinstance(guard, May) for guard in handler.resolve_guards())
    return bool(handler.opt.get("public") or asked_at_the_door(handler)) or kept


def whole_numbers(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of a handler's query parameters that are whole numbers: the framework itself takes 1e3 and 5.0."""
    fields = handler.parsed_fn_signature.parameters.items()
    return frozenset(name for name, field in fields if int in _kinds(field.raw))


class StrictBody(AbstractDTO[T], Generic[T]):
    """Reads request bodies strictly: right media type, no coercion, no unknown or repeated fields, bounded depth.

    Litestar itself reads JSON whatever the Content-Type says and takes ``"5"`` for 5.
    """

    __slots__ = ()
    _decoders: dict[str, msgspec.json.Decoder[Any]] = {}  # noqa: RUF012 - one table for all handlers, by handler id

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        cls._decoders[handler_id] = msgspec.json.Decoder(field_definition.annotation)

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return True

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False

    @classmethod
    def create_openapi_schema(cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any) -> Any:
        return schema_creator.for_field_definition(field_definition)

    def decode_bytes(self, value: bytes) -> Any:
        connection = self.asgi_connection
        media = connection.headers.get("content-type", "").split(";")[0].strip().lower()
        if media != "application/json":
            raise WrongMediaType
        try:
            body = self._decoders[connection.route_handler.handler_id].decode(value)
            # msgspec lets the last of two equal keys win, so that two readers could see two different bodies.
            json.loads(value, object_pairs_hook=_each_once)
        except msgspec.ValidationError as error:
            raise fault_of(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Invalid(("", "json", {})) from None
        except RecursionError:
            raise TooDeep from None
        return body


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise Invalid((next(name for name in names if names.count(name) > 1), "repeated", {}))


class Handed(Generic[T]):
    """The name of something that the roof hands down to a room that must not import what stands above it.

    Not a dependency of the framework's: two of those on one handler cost more than the handler (it starts a task each).
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Call:
    """One request: who asks, when, in which language, and the store; hands verbs what they need."""

    __slots__ = ("_form", "actor_or_none", "now", "request", "today", "tools")

    def __init__(self, request: Request[Any, Any, Any], tools: Tools, now: datetime, today: date) -> None:
        self.request, self.tools, self.now, self.today = request, tools, now, today
        self.actor_or_none: Actor | None = request.scope.get("user")
        self._form: Form | None = None

    @property
    def actor(self) -> Actor:
        """Who asks; raises SignInNeeded on a public page without sign-in."""
        if self.actor_or_none is None:
            raise SignInNeeded
        return self.actor_or_none

    @property
    def vault(self) -> Vault:
        """The vault of personal fields."""
        return self.tools.vault

    @property
    def settings(self) -> Settings:
        """How this installation is set up."""
        return self.tools.settings

    @property
    def language(self) -> str:
        """The reader's language, zh or en."""
        language: str = self.request.scope["state"]["language"]
        return language

    def handed(self, what: Handed[T]) -> T:
        """What the roof handed down by this name."""
        given: T = self.tools.handed[what]
        return given

    def say(self, key: str, /, **params: object) -> str:
        """A message in the reader's language."""
        return self.tools.messages.say(self.language, key, **params)

    async def read(self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query in a read transaction."""
        return await self.tools.db.read(query, *args, **kwargs)

    async def peek(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of a few indexed rows."""
        return await self.tools.db.peek(query, *args, **kwargs)

    async def write(self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb in one durable transaction."""
        return await self.tools.db.write(verb, *args, **kwargs)

    async def form(self) -> Form:
        """The submitted form's fields, each a list of texts; raises Forbidden where its token is not this sign-in's."""
        if self._form is None:
            data = await self.request.form()
            fields: Form = {}
            for name, value in data.multi_items():
                if isinstance(value, str):
                    fields.setdefault(name, []).append(value)
            self.check_token(fields)
            self._form = fields
        return self._form

    def check_token(self, fields: Form) -> None:
        """Go on only with a form that carries this sign-in's token; raises Forbidden."""
        token = self.request.scope.get("auth")
        given = (fields.pop("csrf_token", None) or [""])[0]
        if token is not None and not hmac.compare_digest(given.encode(), accounts.csrf_token(token).encode()):
            raise Forbidden

    def filled(self, kind: type[S], fields: Form, **more: object) -> S:
        """The form as an input struct; raises Invalid naming the field. Empty fields count as absent."""
        values: dict[str, object] = {}
        for field in msgspec.structs.fields(kind):
            given = [_typed(text, field.type) for text in fields.get(field.encode_name, []) if text != ""]
            if len(given) > 1 and not _takes_many(field.type):
                raise Invalid((field.encode_name, "repeated", {}))
            if given:
                values[field.encode_name] = given if _takes_many(field.type) else given[0]
        values.update(more)
        try:
            return msgspec.convert(values, kind)
        except msgspec.ValidationError as error:
            raise fault_of(error) from None

    def page(self, template: str, /, status: int = 200, **values: object) -> Response[str]:
        """A page for people; ``values`` are structs and plain values."""
        return self.tools.page(self.request, template, status, values)

    def go(self, path: str) -> Response[None]:
        """Send the browser on with GET after a POST (own paths only)."""
        if not path.startswith("/") or path.startswith(("//", "/\\")):
            path = "/"
        return Response(None, status_code=303, headers={"location": quote(path, safe=_IN_ADDRESSES)})

    def file(self, body: bytes, media_type: str, name: str) -> Response[bytes]:
        """A file to be saved or printed; ``name`` is ours, never a user's."""
        disposition = f'inline; filename="{name}"'
        return Response(body, media_type=media_type, headers={"content-disposition": disposition})


def _kinds(annotation: Any) -> set[Any]:
    """The plain types in an annotation: those of ``Annotated[list[int], …] | None`` are list, int and None."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {str}
    if hasattr(annotation, "__metadata__"):
        return _kinds(parts[0])
    return {origin or annotation}.union(
        *(_kinds(part) for part in parts if part is not ... and not isinstance(part, list))
    )


def _takes_many(annotation: Any) -> bool:
    return bool(_kinds(annotation) & {list, tuple, set, frozenset})


def _typed(text: str, annotation: Any) -> object:
    """A form's text as the whole number or truth value that its field wants; msgspec itself would take 1e3 for 1000."""
    kinds = _kinds(annotation)
    if bool in kinds:
        return text in {"on", "true", "1", "yes"}
    return int(text) if int in kinds and WHOLE.match(text) else text


class Tools:
    """What the application is assembled from; one for its whole life."""

    def __init__(
        self,
        *,
        settings: Settings,
        db: Database,
        vault: Vault,
        messages: Messages,
        templates: Environment,
        openers: Mapping[str, Callable[[UUID], str]],
        frame: Callable[[Request[Any, Any, Any]], dict[str, object]],
        handed: Mapping[Handed[Any], Any],
    ) -> None:
        self.settings, self.db, self.vault, self.messages = settings, db, vault, messages
        self.templates, self.openers, self._frame, self.handed = templates, openers, frame, handed

    def page(
        self, request: Request[Any, Any, Any], template: str, status: int, values: Mapping[str, object]
    ) -> Response[str]:
        """Render a template inside the frame that all pages share (language, navigation, tokens)."""
        body = self.templates.get_template(template).render({**self._frame(request), **values})
        return Response(body, status_code=status, media_type="text/html")
