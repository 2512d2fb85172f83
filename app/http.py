"""The roof over every request: who is asking, refusals as answers, headers on everything, cross-site writes refused."""

from __future__ import annotations

import hmac
import logging
import secrets
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, cast
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from litestar import Request, Response
from litestar.enums import HttpMethod, ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.params import QueryParameter
from litestar.response import Redirect
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.edges import WHOLE, May, Tools, asked_at_the_door, has_guard, whole_numbers
from app.base.errors import Busy, Forbidden, Invalid, Params, Refusal, SignInNeeded, StoreUnavailable
from app.base.fields import fault_of
from app.base.i18n import preferred
from app.base.permissions import Actor
from app.base.settings import Settings

Limit = Annotated[int, QueryParameter(ge=1, le=200)]
"""How many rows a list answers at most."""
AfterHandle = Annotated[str, QueryParameter(max_length=40, pattern=r"^[\w.-]*$")]
"""A staff number behind which a list goes on."""

log = logging.getLogger("nuanxin")

_TOLD = frozenset({b"authorization", b"cookie", b"accept-language"})
_KNOWN_AT_ONCE = 2_000
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_PROBLEM = "application/problem+json"


def cookie_name(settings: Settings, name: str) -> str:
    """``__Host-`` cookies wherever https makes them possible."""
    return f"__Host-{name}" if settings.secure else name


class CrossSite(Forbidden):
    """A write that another site's page sent."""

    code = "CROSS_SITE"


class RepeatedParameter(Invalid):
    """A query names a parameter twice."""


class Doorman(ASGIMiddleware):
    """Learns who is asking and in which language, and turns cross-site writes away."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, settings: Settings, db: Database, clock: Clock) -> None:
        self.settings, self.db, self.clock = settings, db, clock
        self.session_cookie = cookie_name(settings, "session")
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(settings.base_url))
        self._known: dict[str, tuple[int, accounts.Known]] = {}
        self._entries: dict[BaseRouteHandler, tuple[frozenset[str], tuple[May, ...]]] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        numbers, asked = self._entry(scope)
        told = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _TOLD}
        cookies = _cookies(scope) if b"cookie" in told else {}
        scope["user"], scope["auth"] = None, None
        scope["state"]["language"] = preferred(cookies.get("lang"), told.get(b"accept-language"))
        if scope["query_string"]:
            self._plain_parameters(scope, numbers)
        bearer = told.get(b"authorization", "")
        if bearer[:7].lower() == "bearer ":
            await self._admit(scope, bearer[7:].strip())
        else:
            token = cookies.get(self.session_cookie)
            if scope.get("method") not in _SAFE:
                self._same_site(Request(scope), token)
            if token is not None:
                await self._admit(scope, token, cookie=True)
        for guard in asked:
            guard.check(scope["user"])
        await next_app(scope, receive, send)

    async def known(self, scope: Scope) -> Actor | None:
        """Who is asking, for what answers before anything else was looked at; nothing may be changed on this word."""
        scope["user"], scope["auth"] = None, None
        for name, value in scope["headers"]:
            if name == b"authorization":
                if value[:7].lower() == b"bearer ":
                    await self._admit(scope, value[7:].decode("latin-1").strip())
                return cast("Actor | None", scope["user"])
        token = _cookies(scope).get(self.session_cookie)
        if token is not None:
            await self._admit(scope, token, cookie=True)
        return cast("Actor | None", scope["user"])

    def _entry(self, scope: Scope) -> tuple[frozenset[str], tuple[May, ...]]:
        """Which parameters are whole numbers, and what is asked of the caller. No declared guard, no answer.

        Which methods an address takes is told to anybody.
        """
        handler = scope["route_handler"]
        known = self._entries.get(handler)
        if known is not None:
            return known
        if scope.get("method") == HttpMethod.OPTIONS:
            return frozenset(), ()
        if not has_guard(handler):
            raise Forbidden
        entry = self._entries[handler] = whole_numbers(handler), asked_at_the_door(handler)
        return entry

    async def _admit(self, scope: Scope, token: str, *, cookie: bool = False) -> None:
        now = self.clock.now()
        try:
            known = await self._who(token, now)
        except SignInNeeded:
            return
        actor = known.actor
        scope["user"] = actor
        scope["auth"] = token if cookie else None
        if known.stale and actor.sign_in is not None:
            with suppress(Busy, StoreUnavailable):  # a full disk must not stop those who only read
                await self.db.write(accounts.seen, actor.sign_in, now)

    async def _who(self, token: str, now: datetime) -> accounts.Known:
        """Whose a token is. The answer is kept while not one commit has changed the store: it is never an old one."""
        edition = self.db.edition()
        kept = self._known.get(token)
        if kept is not None and kept[0] == edition and now < kept[1].until:
            return kept[1]
        known = await self.db.peek(accounts.who, token, now)
        if edition is not None:
            if len(self._known) >= _KNOWN_AT_ONCE:
                self._known.clear()
            self._known[token] = edition, known
        return known

    def _same_site(self, request: Request[Any, Any, Any], token: str | None) -> None:
        """Sec-Fetch-Site first, then Origin; with neither, the sign-in's own token must come along.

        A form carries that token in a field, which is checked where the form is read; JSON carries it in a header.

        Our own no-referrer policy makes browsers send ``Origin: null`` with a form, so that says as much as none.
        """
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin", "null")
        if site is not None:
            foreign = site not in {"same-origin", "none"}
        elif origin != "null":
            foreign = origin != self.origin and urlsplit(origin).netloc != request.headers.get("host")
        else:
            given = request.headers.get("x-csrf-token", "").encode()
            foreign = (
                token is not None
                and not request.headers.get("content-type", "").startswith(_FORMS)
                and not hmac.compare_digest(given, accounts.csrf_token(token).encode())
            )
        if foreign:
            raise CrossSite

    def _plain_parameters(self, scope: Scope, numbers: frozenset[str]) -> None:
        """Every parameter of a query once, and whole numbers as plain digits."""
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        names = [name for name, _ in given]
        if len(names) != len(set(names)):
            raise RepeatedParameter(("query", "repeated", {}))
        wrong: list[tuple[str, str, Params]] = [
            (name, "whole_number", {}) for name, text in given if name in numbers and not WHOLE.match(text)
        ]
        if wrong:
            raise Invalid(*wrong)


def _cookies(scope: Scope) -> dict[str, str]:
    request: Request[Any, Any, Any] = Request(scope)
    return request.cookies


def language_of(request: Request[Any, Any, Any]) -> str:
    """The reader's language, also where the request was refused before the doorman saw it."""
    language: str = request.scope.get("state", {}).get("language") or preferred(
        request.cookies.get("lang"), request.headers.get("accept-language")
    )
    return language


def address_of(request: Request[Any, Any, Any]) -> str:
    """The page's own address within this service, with its query; for the answer to a form, the page it belongs to."""
    if request.method not in _SAFE:
        return _page_above(request)
    query = request.scope["query_string"].decode("latin-1")
    return request.url.path + (f"?{query}" if query else "")


def _page_above(request: Request[Any, Any, Any]) -> str:
    """The nearest address at or above a form's that opens a page: going back or reloading there sends nothing again."""
    parts = request.url.path.split("/")
    for end in range(len(parts), 1, -1):
        path = "/".join(parts[:end])
        with suppress(HTTPException):
            request.app.asgi_router.handle_routing(path, "GET")
            return path
    return "/"


class Fault(msgspec.Struct, frozen=True):
    """One field's fault as told to the caller."""

    field: str
    code: str
    reason: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details; ``code`` is stable, ``title`` and ``detail`` are in the reader's language."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[Fault] = []
    reasons: list[dict[str, str]] = []


class Answers:
    """Turns refusals and faults into answers: problem details under ``/api``, pages for people."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def refused(self, request: Request[Any, Any, Any], refusal: Refusal) -> Response[Any]:
        """A domain "no", or a field out of range."""
        if isinstance(refusal, SignInNeeded) and not _wants_json(request):
            return Redirect(f"/sign-in{_back_to(request)}", status_code=303)
        return self._answer(request, self.problem(refusal, language_of(request)), refusal)

    def http_error(self, request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        """The framework's own errors (no such path, method, body too large), in our words and without its detail."""
        if error.status_code >= 500:
            return self.crashed(request, error)
        if error.status_code == 400:
            return self.refused(request, _faults_of(error))
        code = {404: "NOT_FOUND", 405: "METHOD", 413: "TOO_LARGE"}.get(error.status_code, "REFUSED")
        answer = self._answer(request, self._problem(code, error.status_code, language_of(request)), None)
        if allow := (error.headers or {}).get("allow"):
            answer.headers["allow"] = allow
        return answer

    def crashed(self, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        """Anything unforeseen: logged by type and place, told with an id and nothing else."""
        reference = secrets.token_hex(4)
        handler = request.scope.get("route_handler")
        where = getattr(handler, "handler_name", None)
        log.error("fault %s: %s in %s", reference, type(error).__name__, where, exc_info=_bare(error))
        problem = self._problem("CRASHED", 500, language_of(request), reference=reference)
        return self._answer(request, problem, None)

    def problem(self, refusal: Refusal, language: str) -> Problem:
        """A refusal in a language."""
        say = self.tools.messages.say
        faults = getattr(refusal, "faults", ())
        return self._problem(
            refusal.code,
            refusal.status,
            language,
            errors=[Fault(field, code, say(language, f"fault.{code}", **params)) for field, code, params in faults],
            reasons=[
                {"rule": reason.rule, "code": reason.code, "text": self.say_reason(language, reason)}
                for reason in refusal.reasons
            ],
            **refusal.params,
        )

    def say_reason(self, language: str, reason: Any) -> str:
        """A rule's finding in words, of whichever family the rule is."""
        messages = self.tools.messages
        for key in (
            f"screening.{reason.code}.staff",
            f"safety.{reason.code}",
            f"matching.{reason.code}",
            f"journey.{reason.code}",
            f"incident.todo.{reason.code}",
        ):
            if messages.has(key):
                return messages.say(language, key, **reason.params)
        return str(reason.code)

    def _problem(
        self,
        code: str,
        status: int,
        language: str,
        errors: list[Fault] | None = None,
        reasons: list[dict[str, str]] | None = None,
        **params: str | int,
    ) -> Problem:
        say = self.tools.messages.say
        return Problem(
            type=f"/problems/{code.lower()}",
            title=say(language, f"refusal.{code}.title", **params),
            status=status,
            code=code,
            detail=say(language, f"refusal.{code}.detail", **params),
            errors=errors or [],
            reasons=reasons or [],
        )

    def _answer(self, request: Request[Any, Any, Any], problem: Problem, refusal: Refusal | None) -> Response[Any]:
        headers = {}
        if problem.status in {429, 503}:
            headers["retry-after"] = str(refusal.params.get("seconds", 5) if refusal else 5)
        if _wants_json(request):
            if problem.status == 401:
                headers["www-authenticate"] = "Bearer"
            body = msgspec.json.encode(problem)
            return Response(body, status_code=problem.status, media_type=_PROBLEM, headers=headers)
        page = self.tools.page(request, "error.html", problem.status, self._words(problem, language_of(request)))
        page.headers.update(headers)
        return page

    def _words(self, problem: Problem, language: str) -> dict[str, object]:
        """What the error page shows: what happened, and what to do now."""
        messages = self.tools.messages
        own = f"refusal.{problem.code}.todo"
        faults = [fault.reason for fault in problem.errors] + [reason["text"] for reason in problem.reasons]
        return {
            "title": problem.title,
            "what": " ".join([problem.detail, *faults]),
            "kept": None,
            "todo": messages.say(language, own if messages.has(own) else "refusal.ANY.todo"),
            "code": problem.code,
            "reference": "",
            "back_href": "/",
        }


class Head:
    """Answers HEAD as GET without its body; the framework knows GET only."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != HttpMethod.HEAD:
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        scope["method"] = HttpMethod.GET
        await self.app(scope, receive, without_body)


def set_cookie(response: Response[Any], settings: Settings, name: str, value: str, seconds: int) -> None:
    """A cookie that scripts cannot read, that other sites' writes do not carry, and that only https carries."""
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=seconds,
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )


def _wants_json(request: Request[Any, Any, Any]) -> bool:
    return request.url.path.startswith("/api") or "application/json" in request.headers.get("accept", "")


def _back_to(request: Request[Any, Any, Any]) -> str:
    """The way back after signing in, for what can be opened again by its address."""
    if request.method != HttpMethod.GET or request.url.path == "/":
        return ""
    return "?next=" + quote(address_of(request), safe="/")


def _faults_of(error: HTTPException) -> Invalid:
    """The framework's complaint about a parameter, by the same codes as a body's."""
    extra = error.extra if isinstance(error.extra, list) else []
    faults = []
    for entry in extra:
        (_, code, params), *_ = fault_of(Exception(entry.get("message", ""))).faults
        faults.append((str(entry.get("key", "")), code, params))
    return Invalid(*faults)


def _bare(error: BaseException) -> BaseException:
    """The error with its traceback but without its text, which may hold values (database errors quote rows)."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
