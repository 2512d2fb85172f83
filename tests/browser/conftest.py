"""One real server, one real Chromium, and browsers for everybody of a small sub-district."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from app.base.clock import Clock
from app.base.i18n import Messages
from app.base.settings import Settings, environment_of
from app.demo.phone import Phone
from app.demo.town import Hand
from app.main import messages
from tests.bench.server import free_port, serving
from tests.browser import town
from tests.browser.town import Quarter, Town, Work
from tests.browser.visitor import DESK, PHONE, Visitor

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)


class Served(NamedTuple):
    """A running server with the town behind it."""

    address: str
    town: Town
    clock: Clock
    phone: Phone


class Comes(Protocol):
    """Lets somebody sit down at a browser: signed in as ``hand``, or a stranger."""

    def __call__(
        self,
        hand: Hand | None = None,
        size: tuple[int, int] = PHONE,
        language: str = "zh",
        browser: Browser | None = None,
        **more: Any,
    ) -> Visitor: ...


def chromium_path() -> str | None:
    """The system's Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


# Ends with the last browser test: the asyncio tests of other folders need the main thread's loop for themselves.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def chromium() -> str:
    found = chromium_path()
    if found is None:
        pytest.skip("no Chromium here: none of chromium, chromium-browser, google-chrome is installed")
    return found


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
    yield running
    running.close()


@pytest.fixture(scope="package")
def words() -> Messages:
    return messages()


@pytest.fixture(scope="package")
def served(migrated_sqlite: Path) -> Iterator[Served]:
    folder = Path(tempfile.mkdtemp(prefix="nuanxin-browser-"))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings = Settings(
        data=folder / "data", keys=folder / "keys", base_url=address, port=port, phone="0546 123 4567",
        log_level="warning",
    )  # fmt: skip
    clock = Clock(settings.timezone)
    made = town.found(settings, migrated_sqlite, clock)
    with (
        serving("app.main:serve", port, environment_of(settings), "/api/health"),
        closing(Phone(address)) as phone,
    ):
        yield Served(address, made, clock, phone)
    shutil.rmtree(folder)


@pytest.fixture(scope="package")
def unvisited(served: Served) -> Iterator[Quarter]:
    return iter(served.town.quarters)


@pytest.fixture
def quarter(unvisited: Iterator[Quarter]) -> Quarter:
    """A quarter that no other test touches."""
    return next(unvisited)


@pytest.fixture
def work(served: Served, quarter: Quarter) -> Work:
    """What the others of the quarter do beside the browser."""
    return Work(served.phone, served.town, quarter, served.clock.today())


@pytest.fixture
def comes(served: Served, browser: Browser, words: Messages) -> Iterator[Comes]:
    """Browsers, each somebody's own; at the end none may have met an error, a foreign host or a broken policy."""
    here: list[Visitor] = []

    def come(
        hand: Hand | None = None,
        size: tuple[int, int] = PHONE,
        language: str = "zh",
        browser: Browser = browser,
        **more: Any,
    ) -> Visitor:
        visitor = visit(browser, served.address, words, hand, size, language, **more)
        here.append(visitor)
        return visitor

    yield come
    faults = [fault for visitor in here for fault in visitor.faults]
    for visitor in here:
        visitor.context.close()
    assert faults == []


def visit(
    browser: Browser,
    address: str,
    words: Messages,
    hand: Hand | None,
    size: tuple[int, int],
    language: str,
    **more: Any,
) -> Visitor:
    """A browser of its own on the server at ``address``."""
    width, height = size
    finger = width < DESK[0]
    locale = "zh-CN" if language == "zh" else "en-GB"
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale=locale, timezone_id="Asia/Shanghai", has_touch=finger,
        **more,
    )  # fmt: skip
    context.set_default_timeout(PATIENCE_MS)
    cookies = [("lang", language)] + ([("session", hand.token)] if hand else [])
    context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies])
    say: Callable[..., str] = partial(words.say, language)
    return Visitor(context, address, say)
