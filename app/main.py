"""Assembles the application: the only place that knows all features."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from jinja2 import Environment, FileSystemLoader, PrefixLoader, select_autoescape
from jinja2.loaders import ChoiceLoader
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.exceptions import HTTPException
from sqlalchemy.exc import SQLAlchemyError

from app import access_log, assets, headers, http, nightly, openapi, routes
from app.base import accounts, audit, store
from app.base.clock import Clock
from app.base.db import Database, open_database
from app.base.edges import Call, StrictBody, Tools, guards_to_the_door
from app.base.errors import Refusal
from app.base.i18n import Messages
from app.base.permissions import Actor
from app.base.settings import Settings, read_settings
from app.handing import HANDED, OPENERS, STATE_OF
from app.navigation import navigation
from labels.express import Express

ROOT = Path(__file__).parent
FEATURES = {name: ROOT.parent / name for name in ("inventory", "distribution", "labels")}
SEAL_EVERY = 1.0

log = logging.getLogger("nuanxin")


def messages() -> Messages:
    """All messages of the floor, the features and the roof."""
    return Messages([ROOT / "messages", *(folder / "messages" for folder in FEATURES.values())])


def templates() -> Environment:
    """Templates by name: the roof's as they are, a feature's as ``feature/name.html``."""
    own = FileSystemLoader(ROOT / "templates")
    features = PrefixLoader({name: FileSystemLoader(folder / "templates") for name, folder in FEATURES.items()})
    environment = Environment(
        loader=ChoiceLoader([own, features]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = assets.asset
    return environment


class Reader(Actor, frozen=True, kw_only=True):
    """Who reads a page, with what to call them there: their staff number and role, never a name."""

    call_name: str = ""


def create_app(settings: Settings, *, db: Database | None = None, clock: Clock | None = None) -> Litestar:
    """The application on a migrated store; raises KeyMissing where the store's master key is not there."""
    clock = clock or Clock(settings.timezone)
    database = db or open_database(settings.database, settings.sqlite_file)
    words = messages()
    tools = Tools(
        settings=settings,
        db=database,
        vault=database.write_now(store.found, settings.keys, clock.now()),
        messages=words,
        templates=templates(),
        openers=OPENERS,
        frame=_frame(settings, words, demo=database.read_now(store.is_demo)),
        handed=HANDED,
    )

    def provide_call(request: Request[Any, Any, Any]) -> Call:
        now = clock.now()
        return Call(request, tools, now, clock.day(now))

    answers = http.Answers(tools)
    doorman = http.Doorman(settings, database, clock)
    made = Litestar(
        **_routes(Provide(provide_call, sync_to_thread=False)),
        middleware=[doorman],
        before_send=[headers.Headers(settings)],
        exception_handlers={
            Refusal: answers.refused,
            HTTPException: answers.http_error,
            Exception: answers.crashed,
        },
        lifespan=[_sealing(database, clock, owned=db is None)],
        request_max_body_size=256 * 1024,
        multipart_form_part_limit=50,
        logging_config=None,
        debug=False,
    )
    made.asgi_handler = Express(made.asgi_handler, doorman.known, database, clock, OPENERS, STATE_OF)
    made.asgi_handler = http.Head(made.asgi_handler)
    if access_log.log.isEnabledFor(logging.DEBUG):
        made.asgi_handler = access_log.AccessLog(made.asgi_handler)
    if settings.proxy:
        made.asgi_handler = wrap_asgi_with_proxy_headers(made.asgi_handler, settings.proxy)
    return made


def _routes(call: Provide) -> dict[str, Any]:
    """What the application and its OpenAPI document have in common."""
    return {
        "route_handlers": routes.handlers,
        "dependencies": {"call": call},
        "dto": StrictBody,
        "return_dto": None,
        "openapi_config": openapi.configuration(),
        "on_app_init": [openapi.no_schema_pages, guards_to_the_door],
        "signature_types": [Call],
    }


def document(_settings: Settings) -> dict[str, Any]:
    """The OpenAPI document, without a store."""

    def no_call() -> None:
        raise RuntimeError("an application without a store answers nothing")

    return openapi.document(Litestar(**_routes(Provide(no_call, sync_to_thread=False)), logging_config=None))


def _frame(settings: Settings, words: Messages, *, demo: bool) -> Callable[[Request[Any, Any, Any]], dict[str, object]]:
    """Makes what every page is given: language, navigation, tokens."""

    def frame(request: Request[Any, Any, Any]) -> dict[str, object]:
        language = http.language_of(request)
        token: str | None = request.scope.get("auth")
        actor: Actor | None = request.scope.get("user")

        def say(key: str, /, **params: object) -> str:
            return words.say(language, key, **params)

        return {
            "t": say,
            "tr": words,
            "lang": language,
            "actor": _reader(actor, say) if actor else None,
            "nonce": headers.nonce_of(request.scope),
            "csrf_token": accounts.csrf_token(token) if token else "",
            "path": http.address_of(request),
            "nav": navigation(actor, request.url.path, say),
            "organisation": settings.organisation,
            "phone": settings.phone,
            "demo": demo,
            "notices": (),
        }

    return frame


def _reader(actor: Actor, say: Callable[[str], str]) -> Reader:
    called = f"{say(f'role.{actor.role}')} {actor.handle}"
    return Reader(**{name: getattr(actor, name) for name in Actor.__struct_fields__}, call_name=called)


def _sealing(
    database: Database, clock: Clock, *, owned: bool
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """The sealer's life and the day's work beside the application's; a store that it opened is closed with it."""

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_seal, database)
            tasks.start_soon(nightly.every_day, database, clock)
            yield
            tasks.cancel_scope.cancel()
        if owned:
            database.close()

    return lifespan


async def _seal(database: Database) -> None:
    """Link audit notes to the chain, a little behind the writes. A store that refuses is tried again later."""
    while True:
        try:
            while await database.write(audit.seal) > 0:
                continue
        except Refusal as refusal:
            log.warning("the audit chain waits: %s", refusal.code)
        except SQLAlchemyError as error:
            log.error("the audit chain waits: %s", type(error).__name__)
        await anyio.sleep(SEAL_EVERY)


def serve() -> Litestar:
    """The application by the environment's settings (the server's entry point)."""
    settings = read_settings()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(settings.log_level.upper())
    made = create_app(settings)
    # What stands from here on stands for good: looking through it at each collection costs a request 50 ms.
    gc.collect()
    gc.freeze()
    return made
