"""Shows phones how to install the station's root, over plain http, and serves nothing of the service itself."""

from __future__ import annotations

import contextlib
import logging
import socketserver
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.assets import FOLDER, asset
from app.base.i18n import Messages, preferred
from app.lan.authority import Authority

ROOT = Path(__file__).parents[1]
CERTIFICATE_PATH = "/nuanxin-ca.crt"

log = logging.getLogger("nuanxin")


class InstallPage:
    """The page that leads a volunteer through installing the root, in their language and for their phone."""

    def __init__(self, ca: Authority, app_url: str) -> None:
        self.ca, self.app_url = ca, app_url
        self.words = Messages([ROOT / "messages"])
        environment = Environment(
            loader=FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals["asset"] = asset
        self.template = environment.get_template("lan.html")
        self.files = {CERTIFICATE_PATH: ("application/x-x509-ca-cert", ca.der)}
        for name, kind in _LOOKS.items():
            self.files[asset(name)] = (kind, (FOLDER / name).read_bytes())

    def answer(self, path: str, agent: str, language: str | None) -> tuple[str, bytes] | None:
        """Media type and body for a request's path; None where there is nothing."""
        address, _, query = path.partition("?")
        if address == "/":
            return "text/html; charset=utf-8", self.render(preferred(query.removeprefix("lang="), language), agent)
        return self.files.get(address)

    def render(self, language: str, agent: str) -> bytes:
        """The page, the reader's phone unfolded."""

        def say(key: str, /, **params: object) -> str:
            return self.words.say(language, key, **params)

        page = self.template.render(
            t=say,
            lang=language,
            phone=_phone(agent),
            wechat="MicroMessenger" in agent,
            certificate=CERTIFICATE_PATH,
            app_url=self.app_url,
            name=self.ca.name,
        )
        return page.encode()


_LOOKS = {
    "css/base.css": "text/css",
    "css/parts.css": "text/css",
    "icons.svg": "image/svg+xml",
    "favicon.svg": "image/svg+xml",
}
"""The files of ``static`` that the install page wears."""


def _phone(agent: str) -> str:
    """Huawei's systems call themselves Android too, so they are asked first."""
    marks = (("harmony", ("HarmonyOS", "OpenHarmony")), ("iphone", ("iPhone", "iPad")), ("android", ("Android",)))
    return next((phone for phone, names in marks if any(name in agent for name in names)), "")


class PageServer(socketserver.ThreadingTCPServer):
    """Answers plain http with the install page, the root and their looks: nothing of the service itself."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: str, port: int, page: InstallPage) -> None:
        self.page = page
        self.slots = threading.BoundedSemaphore(32)
        super().__init__((address, port), _Visit)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Turn a visitor away when there are too many; the phone tries again by itself."""
        return self.slots.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor hung up or sent nonsense: the kind of fault is logged, not who it was."""
        log.info("install page: %s", type(sys.exception()).__name__)


class _Visit(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 10

    def do_GET(self) -> None:
        found = self.server.page.answer(
            self.path, self.headers.get("user-agent", ""), self.headers.get("accept-language")
        )
        kind, body = found or ("text/plain; charset=utf-8", b"404\n")
        self.send_response(200 if found else 404)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def end_headers(self) -> None:
        self.send_header("content-security-policy", _POLICY)
        self.send_header("x-content-type-options", "nosniff")
        self.send_header("referrer-policy", "no-referrer")
        self.send_header("cache-control", "no-store")
        super().end_headers()

    def version_string(self) -> str:
        return "nuanxin"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Who looked at the page is nobody's business."""


_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@contextlib.contextmanager
def page_server(address: str, port: int, page: InstallPage) -> Iterator[PageServer]:
    """Serve the page in a thread of its own until the block ends; raises RuntimeError where the port is taken."""
    try:
        server = PageServer(address, port, page)
    except OSError as error:
        raise RuntimeError(f"the install page cannot listen on {address}:{port}: {error.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="install page")
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
