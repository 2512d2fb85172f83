"""The framework's traps, each shut: what strangers, other sites and broken programs send, and what answers carry."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from litestar.testing import TestClient

from app import main
from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database, SqliteDatabase
from app.base.edges import PUBLIC, Call, May, asked_at_the_door
from app.base.errors import Invalid
from app.base.fields import Quantity
from app.base.permissions import GRANTS, Role
from app.base.settings import Settings
from tests.app.client import account, application, bearer, browser_of, client

Browser = TestClient[Litestar]
TOKENS = {"handle": "N-1", "secret": "x"}

PUBLIC_ROUTES = {
    ("GET", "/"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/lang"),
    ("GET", "/join/{token:str}"),
    ("POST", "/join/{token:str}"),
    ("POST", "/badge"),
    ("GET", "/badge/{account:uuid}"),
    ("POST", "/badge/{account:uuid}"),
    ("GET", "/static/{edition:str}/{name:path}"),
    ("GET", "/api/health"),
    ("POST", "/api/tokens"),
    ("GET", "/L/{code:str}"),
    ("GET", "/l/{code:str}"),
    ("GET", "/leaflet/{code:str}"),
    ("GET", "/LEAFLET/{code:str}"),
    ("GET", "/give"),
    ("GET", "/GIVE"),
    ("GET", "/give/poster"),
    ("GET", "/api/appeals"),
    ("GET", "/gift/{code:str}"),
    ("GET", "/gift/{code:str}/paper"),
}
"""Everything that answers without a sign-in, written by hand: a label's public page, leaflets, and the ways in."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traps")


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock("Asia/Shanghai")


@pytest.fixture(scope="module")
def db(migrated_sqlite: Path, folder: Path) -> Iterator[Database]:
    """One store for all: what is tested here stands in front of it."""
    (folder / "data").mkdir()
    shutil.copy(migrated_sqlite, folder / "data" / "nuanxin.sqlite3")
    database = SqliteDatabase(folder / "data" / "nuanxin.sqlite3")
    yield database
    database.close()


@pytest.fixture(scope="module")
def served(db: Database, clock: Clock, folder: Path) -> Iterator[Browser]:
    with client(db, clock, folder) as made:
        yield made


@pytest.fixture
def browser(served: Browser) -> Browser:
    """A browser without cookies."""
    served.cookies.clear()
    return served


@pytest.fixture
def desk(browser: Browser, db: Database, clock: Clock, folder: Path) -> Browser:
    """A browser in which an administrator is signed in."""
    made, _ = account(db, clock, folder, Role.ADMINISTRATOR)
    browser_of(browser, db, clock, made)
    return browser


@pytest.fixture
def program(db: Database, clock: Clock, folder: Path, browser: Browser) -> dict[str, str]:
    """The headers of an administrator's program."""
    made, _ = account(db, clock, folder, Role.ADMINISTRATOR)
    return bearer(db, clock, made)


def handlers(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods - {"OPTIONS"}:
                yield str(method), route.path, handler


def test_every_route_is_guarded_or_stands_on_the_list_of_public_ones(served: Browser) -> None:
    for method, path, handler in handlers(served.app):
        guarded = bool(asked_at_the_door(handler))
        public = bool(handler.opt.get("public"))
        assert public == ((method, path) in PUBLIC_ROUTES), f"{method} {path}"
        assert guarded != public, f"{method} {path}"


def test_no_form_is_taken_without_its_token(served: Browser, db: Database, clock: Clock, folder: Path) -> None:
    people = {role: account(db, clock, folder, role)[0] for role in Role}
    for method, path, handler in handlers(served.app):
        if method != "POST" or path.startswith("/api"):
            continue
        roles = [role for guard in asked_at_the_door(handler) for role in entitled(guard)]
        served.cookies.clear()
        browser_of(served, db, clock, people[roles[0] if roles else Role.OFFICE])
        filled = re.sub(r"{\w+:str}", "x", re.sub(r"{\w+:uuid}", str(uuid4()), path))
        answer = served.post(filled, data={"handle": "N-1"}, headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), path


def entitled(guard: May) -> list[Role]:
    return sorted(role for permission in guard.permissions for role in GRANTS[permission])


@pytest.mark.parametrize("role", list(Role))
def test_every_door_and_entry_of_a_role_opens_for_it(
    browser: Browser, db: Database, clock: Clock, folder: Path, role: Role
) -> None:
    made, _ = account(db, clock, folder, role)
    browser_of(browser, db, clock, made)
    page = browser.get("/").text
    ways = set(re.findall(r'<a [^>]*href="(/[^"]*)"', page)) - {"/"}
    assert ways
    assert {way: browser.get(way).status_code for way in ways} == dict.fromkeys(ways, 200)


def test_a_route_without_a_guard_answers_nobody(
    db: Database, clock: Clock, folder: Path, program: dict[str, str]
) -> None:
    @get("/forgotten")
    async def forgotten() -> str:
        return "open"

    app = application(db, clock, folder)
    app.register(forgotten)
    with TestClient(app) as browser:
        assert browser.get("/forgotten", headers=program).status_code == 403
        assert browser.get("/forgotten").status_code == 403


@pytest.mark.parametrize("path", ["/sign-in-history", "/sign-in/x", "/joined", "/people/sign-in", "/api/healthy"])
def test_a_path_that_looks_like_a_public_one_is_not_public(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code in {303, 401, 404}


@pytest.mark.parametrize("path", ["/schema", "/schema/swagger", "/schema/openapi.json", "/api/openapi", "/docs"])
def test_the_framework_s_own_pages_are_not_there(desk: Browser, path: str) -> None:
    assert desk.get(path).status_code == 404


def test_the_operations_are_described_to_those_signed_in_only(browser: Browser, program: dict[str, str]) -> None:
    assert browser.get("/api/openapi.json").status_code == 401
    told = browser.get("/api/openapi.json", headers=program).json()
    assert told["openapi"].startswith("3.1")
    assert "/api/me" in told["paths"]
    operations = [operation["operationId"] for item in told["paths"].values() for operation in item.values()]
    assert len(operations) == len(set(operations))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in operations)


def test_the_described_bodies_are_closed(browser: Browser, program: dict[str, str]) -> None:
    schemas = browser.get("/api/openapi.json", headers=program).json()["components"]["schemas"]
    assert schemas["Credentials"]["additionalProperties"] is False
    assert schemas["Newcomer"]["additionalProperties"] is False


def test_the_command_line_describes_the_same_operations(browser: Browser, program: dict[str, str]) -> None:
    printed = msgspec.json.decode(msgspec.json.encode(main.document(Settings())))
    assert printed == browser.get("/api/openapi.json", headers=program).json()


@pytest.mark.parametrize("media", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx", "*/*"])
def test_json_under_another_name_is_not_read(browser: Browser, media: str) -> None:
    answer = browser.post("/api/tokens", content=b'{"handle":"N-1","secret":"x"}', headers={"content-type": media})
    assert answer.status_code == 415
    assert answer.json()["code"] == "MEDIA_TYPE"


def test_json_with_a_charset_is_read(browser: Browser) -> None:
    body, headers = b'{"handle":"N-1","secret":"x"}', {"content-type": "Application/JSON; charset=utf-8"}
    assert browser.post("/api/tokens", content=body, headers=headers).status_code == 401


UNFIT = {
    b"": ("data", "wrong"),
    b"{": ("", "json"),
    b"\xff\xfe": ("", "json"),
    b'{"handle":"N","secret":"\xff"}': ("", "json"),
    b'{"handle":"\\ud800","secret":"x"}': ("", "json"),
    b"[]": ("", "structure"),
    b"null": ("", "structure"),
    b"[" * 1000 + b"]" * 1000: ("", "structure"),
    b'{"handle":' + b"[" * 1000 + b"]" * 1000 + b',"secret":"x"}': ("handle", "text"),
    b'{"handle":"N"}': ("secret", "missing"),
    b'{"handle":"N","secret":"x","role":"office"}': ("role", "unknown_field"),
    b'{"handle":"N","handle":"M","secret":"x"}': ("handle", "repeated"),
    b'{"handle":5,"secret":"x"}': ("handle", "text"),
    b'{"handle":"a\\u0000b","secret":"x"}': ("handle", "legible"),
    b'{"handle":"a\\u202eb","secret":"x"}': ("handle", "legible"),
    b'{"handle":"","secret":"x"}': ("handle", "too_short"),
    b'{"handle":"' + b"x" * 41 + b'","secret":"x"}': ("handle", "too_long"),
    b'{"handle":"N","secret":"' + b"x" * 129 + b'"}': ("secret", "too_long"),
}


@pytest.mark.parametrize("body", list(UNFIT), ids=range(len(UNFIT)))
def test_an_unfit_body_is_told_by_field_and_code(browser: Browser, body: bytes) -> None:
    answer = browser.post("/api/tokens", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    [fault] = answer.json()["errors"]
    assert (fault["field"], fault["code"]) == UNFIT[body]
    assert fault["reason"]


NUMBERS = {
    b'"5"': "whole_number",
    b"5.0": "whole_number",
    b"1e3": "whole_number",
    b"true": "whole_number",
    b"null": "whole_number",
    b"1e400": "range",
    b"NaN": "json",
    b"0": "at_least",
    b"-1": "at_least",
    b"10001": "at_most",
    b"1" + b"0" * 22: "at_most",
    b"9223372036854775808": "at_most",
}


class Taken(msgspec.Struct, forbid_unknown_fields=True):
    """A body with a quantity."""

    quantity: Quantity


@post("/api/taken", opt=PUBLIC)
async def take(data: JSONBody[Taken]) -> int:
    return data.quantity


@pytest.mark.parametrize("value", list(NUMBERS), ids=range(len(NUMBERS)))
def test_what_is_no_whole_number_in_range_is_told(faulty: Browser, value: bytes) -> None:
    body, headers = b'{"quantity":' + value + b"}", {"content-type": "application/json"}
    answer = faulty.post("/api/taken", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == NUMBERS[value]


@pytest.mark.parametrize("value", [1, 10_000])
def test_a_whole_number_at_the_edge_is_taken(faulty: Browser, value: int) -> None:
    assert faulty.post("/api/taken", json={"quantity": value}).json() == value


@pytest.mark.parametrize("text", ["1e3", "5.0", "true", " 5", "５", "0x5", "5_0", "99999999999999999999"])
def test_a_form_s_text_that_is_no_plain_number_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(Invalid):
        Call.filled(object.__new__(Call), Taken, {"quantity": [text]})


def test_a_form_s_plain_number_is_taken() -> None:
    assert Call.filled(object.__new__(Call), Taken, {"quantity": ["12"]}) == Taken(12)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=5.5", "limit=true", "after=%00", "after=a/b"]
)
def test_an_unfit_parameter_is_told_by_name(browser: Browser, program: dict[str, str], query: str) -> None:
    answer = browser.get(f"/api/accounts?{query}", headers=program)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_a_parameter_given_twice_is_refused(browser: Browser, program: dict[str, str]) -> None:
    for path in ("/api/accounts?limit=1&limit=2", "/people?after=a&after=b"):
        assert browser.get(path, headers=program).status_code == 400


def test_a_form_field_given_twice_is_refused(browser: Browser) -> None:
    body = b"handle=a&handle=b&secret=x"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/sign-in", content=body, headers=headers).status_code == 400


def test_a_body_above_a_quarter_megabyte_is_refused_also_in_chunks(browser: Browser) -> None:
    json = {"content-type": "application/json"}
    assert browser.post("/api/tokens", content=b"x" * 262_145, headers=json).status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * 50_000

    assert browser.post("/api/tokens", content=chunks(), headers=json).status_code == 413
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/sign-in", content=chunks(), headers=form).status_code == 413


PART = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\nN\r\n'
FILE = b'--x\r\nContent-Disposition: form-data; name="csrf_token"; filename="../x"\r\n\r\nN\r\n'
MULTIPART, PLAIN_FORM = "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"
BROKEN_FORMS = [
    ("multipart/form-data", b"x"),
    (MULTIPART, b"garbage"),
    (MULTIPART, PART % b"handle"),
    (MULTIPART, b"".join(PART % b"%d" % number for number in range(1500)) + b"--x--\r\n"),
    (MULTIPART, FILE + b"--x--\r\n"),
    (PLAIN_FORM, b"%zz=%ff&csrf_token=%E6%9A%96"),
    ("application/json", b"{}"),
]


@pytest.mark.parametrize(("media", "body"), BROKEN_FORMS, ids=range(len(BROKEN_FORMS)))
def test_a_broken_form_is_a_fault_of_the_sender(desk: Browser, media: str, body: bytes) -> None:
    assert desk.post("/sign-in", content=body, headers={"content-type": media}).status_code in {400, 403}


CROSS = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8000"},
    {"origin": "https://evil.example"},
    {"origin": "http://127.0.0.1:8001"},
    {"origin": "http://127.0.0.1:8000.evil.example"},
]


@pytest.mark.parametrize("headers", CROSS, ids=range(len(CROSS)))
def test_another_site_s_page_writes_nothing(desk: Browser, headers: dict[str, str]) -> None:
    token = form_token(desk)
    signed = desk.post("/sign-out", data={"csrf_token": token}, headers=headers)
    assert (signed.status_code, desk.get("/api/me").status_code) == (403, 200)
    assert desk.delete("/api/tokens/own", headers=headers).status_code == 403
    assert desk.post("/sign-in", data=TOKENS, headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"origin": "null"}], ids=["silent", "null"])
def test_an_old_browser_that_says_nothing_needs_the_sign_in_s_own_token(desk: Browser, headers: dict[str, str]) -> None:
    assert desk.post("/sign-out", data={}, headers=headers).status_code == 403
    assert desk.post("/sign-out", data={"csrf_token": "0" * 64}, headers=headers).status_code == 403
    assert desk.post("/sign-out", json={}, headers=headers).status_code == 403
    assert desk.delete("/api/tokens/own", headers=headers).status_code == 403
    assert desk.get("/api/me").status_code == 200
    token = form_token(desk)
    assert desk.delete("/api/tokens/own", headers={**headers, "x-csrf-token": token}).status_code == 204


def test_the_token_of_another_sign_in_does_not_help(desk: Browser, db: Database, clock: Clock, folder: Path) -> None:
    made, _ = account(db, clock, folder, Role.OFFICE)
    theirs = accounts.csrf_token(db.write_now(accounts.sign_in, made, "desk", clock.now()).token)
    for headers in ({}, {"sec-fetch-site": "same-origin"}):
        assert desk.post("/sign-out", data={"csrf_token": theirs}, headers=headers).status_code == 403


def test_the_own_page_writes(desk: Browser) -> None:
    headers = {"sec-fetch-site": "same-origin", "origin": "null"}
    assert desk.post("/sign-out", data={"csrf_token": form_token(desk)}, headers=headers).status_code == 303


def test_a_program_needs_no_origin(browser: Browser, program: dict[str, str]) -> None:
    assert browser.delete("/api/tokens/own", headers=program).status_code == 204


def test_no_other_site_may_read(browser: Browser, program: dict[str, str]) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for answer in (
        browser.get("/api/me", headers={**program, **asked}),
        browser.options("/api/me", headers=asked),
        browser.get("/sign-in", headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def every_kind_of_answer(browser: Browser, program: dict[str, str]) -> dict[int, httpx.Response]:
    json = {"content-type": "application/json"}
    return {
        200: browser.get("/sign-in"),
        303: browser.get("/people"),
        400: browser.get("/api/accounts?limit=0", headers=program),
        401: browser.get("/api/me"),
        403: browser.post("/sign-in", data=TOKENS, headers={"sec-fetch-site": "cross-site"}),
        404: browser.get("/no-such-page"),
        405: browser.put("/sign-in"),
        413: browser.post("/api/tokens", content=b"x" * 300_000, headers=json),
        415: browser.post("/api/tokens", content=b"{}", headers={"content-type": "text/plain"}),
        500: browser.get("/boom"),
    }


@get(["/boom", "/api/boom"], opt=PUBLIC)
async def boom() -> None:
    number = "13800138000"
    raise RuntimeError(f"canary {number}")


@pytest.fixture(scope="module")
def faulty(db: Database, clock: Clock, folder: Path) -> Iterator[Browser]:
    """The application on https, with two routes of the test's own: one breaks, one takes a number."""
    app = application(db, clock, folder, base_url="https://nuanxin.example.org")
    app.register(boom)
    app.register(take)
    with TestClient(app, base_url="https://nuanxin.example.org", raise_server_exceptions=False) as made:
        made.follow_redirects = False
        yield made


def test_every_answer_carries_the_security_headers(faulty: Browser, program: dict[str, str]) -> None:
    nonces, pages = set(), 0
    for status, answer in every_kind_of_answer(faulty, program).items():
        assert answer.status_code == status
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        for part in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
            assert part in policy
        assert "unsafe-inline" not in policy
        assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
        said = re.findall(r"'nonce-([^']+)'", policy)
        shown = not 300 <= status < 400 and "json" not in answer.headers["content-type"]
        assert len(said) == (1 if shown else 0), "what only sends on, and what programs read, runs no script"
        nonces.update(said)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert "content-type" in answer.headers
        assert not {"server", "x-powered-by"} & set(answer.headers)
        pages += shown
    assert len(nonces) == pages > 3, "a nonce is used once"


def test_the_page_s_nonce_is_the_policy_s(browser: Browser) -> None:
    page = browser.get("/sign-in")
    [nonce] = re.findall(r"'nonce-([^']+)'", page.headers["content-security-policy"])
    assert f'nonce="{nonce}"' in page.text


def test_without_https_no_browser_is_told_to_insist_on_it(browser: Browser) -> None:
    assert "strict-transport-security" not in browser.get("/sign-in").headers


@pytest.mark.parametrize("path", ["/boom", "/api/boom"])
def test_a_fault_tells_an_id_and_nothing_else(faulty: Browser, caplog: pytest.LogCaptureFixture, path: str) -> None:
    with caplog.at_level(logging.ERROR):
        answer = faulty.get(path)
    assert answer.status_code == 500
    for word in ("canary", "13800138000", "RuntimeError", "Traceback", "boom()"):
        assert word not in answer.text
    [reference] = {found for found in re.findall(r"\b[0-9a-f]{8}\b", answer.text) if found in caplog.text}
    assert f"fault {reference}: RuntimeError in " in caplog.text
    assert "13800138000" not in caplog.text


def test_a_page_for_people_says_it_in_html_and_an_answer_for_programs_in_json(browser: Browser) -> None:
    page, answer = browser.get("/nowhere"), browser.get("/api/nowhere")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "code", "detail"}
    assert browser.get("/nowhere", headers={"accept": "application/json"}).json()["code"] == "NOT_FOUND"


def test_head_answers_as_get_without_a_body(browser: Browser) -> None:
    head, whole = browser.head("/sign-in"), browser.get("/sign-in")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert browser.head("/people").status_code == 303
    assert browser.head("/nowhere").status_code == 404


def test_options_tells_the_methods_and_trace_is_not_one(browser: Browser) -> None:
    told = browser.options("/api/me")
    assert (told.status_code, told.headers["allow"]) == (204, "GET, OPTIONS")
    assert browser.request("TRACE", "/api/me").status_code == 405
    refused = browser.put("/sign-in")
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "OPTIONS", "POST"})


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/static/%00",
        "/static/",
        "/static",
        "/static/../main.py",
        "/static/%2e%2e/main.py",
        "/static/..%2f..%2fmain.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/....//main.py",
        "/static/css/../../main.py",
        "/.git/config",
        "/%E6%9A%96",
        "/%ff",
        "/L/%00",
    ],
)
def test_no_path_leads_out_of_what_is_served(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code in {400, 404}
    assert "import" not in answer.text.lower().replace("important", "")


def test_files_of_the_pages_are_served_and_may_be_kept(browser: Browser) -> None:
    [address] = re.findall(r'href="(/static/[^"]+css/base\.css)"', browser.get("/sign-in").text)
    answer = browser.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_pages_load_from_their_own_origin_only(desk: Browser) -> None:
    for path in ("/", "/people", "/audit", "/policy", "/nowhere"):
        page = desk.get(path).text
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//', page) == []


LANGUAGES = [
    ({}, None, "zh-CN"),
    ({"accept-language": "en-GB,en;q=0.9"}, None, "en"),
    ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, None, "zh-CN"),
    ({"accept-language": "fr,en;q=0.8,zh;q=0.2"}, None, "en"),
    ({"accept-language": "en"}, "zh", "zh-CN"),
    ({"accept-language": "zh"}, "en", "en"),
    ({"accept-language": "zh"}, "../../etc", "zh-CN"),
    ({"accept-language": ";;;,,,\x7f"}, None, "zh-CN"),
]


@pytest.mark.parametrize(("headers", "cookie", "expected"), LANGUAGES, ids=range(len(LANGUAGES)))
def test_the_reader_s_language_is_chosen_or_the_browser_s_or_chinese(
    browser: Browser, headers: dict[str, str], cookie: str | None, expected: str
) -> None:
    if cookie:
        browser.cookies.set("lang", cookie)
    assert f'<html lang="{expected}"' in browser.get("/sign-in", headers=headers).text
    assert f'<html lang="{expected}"' in browser.get("/nowhere", headers=headers).text


def test_choosing_a_language_leads_back_to_the_page(browser: Browser) -> None:
    answer = browser.post("/lang", data={"lang": "en", "next": "/sign-in?next=/people"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/people")
    assert '<html lang="en"' in browser.get("/sign-in").text
    assert browser.post("/lang", data={"lang": "xx"}).status_code == 400
    assert browser.post("/lang", data={"lang": "en", "next": "//evil.example"}).headers["location"] == "/"


def test_a_refusal_speaks_the_caller_s_language(browser: Browser) -> None:
    titles = {
        browser.get("/api/me", headers={"accept-language": language}).json()["title"] for language in ("zh", "en")
    }
    assert titles == {"请先登录", "Please sign in"}


def test_a_program_that_is_not_known_is_told_how_to_be(browser: Browser) -> None:
    answer = browser.get("/api/me", headers={"authorization": "Bearer nobody"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "bearer \u00ff", "Basic eDp5", "Bearer " + "x" * 5000])
def test_a_strange_authorization_is_nobody(browser: Browser, value: str) -> None:
    headers = [("authorization", value.encode("latin-1"))]
    assert browser.get("/api/me", headers=httpx.Headers(headers)).status_code == 401


def form_token(browser: Browser) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', browser.get("/policy").text)
    assert found
    return found[1]
