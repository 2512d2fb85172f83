"""Somebody at a real browser: taps are counted, words are the programme's own, and nothing goes wrong unseen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, CDPSession, Locator, Page, Request, Response, expect

PHONE, DESK, NARROWEST = (360, 740), (1280, 900), (320, 640)
_ANSWERED = re.compile(r"Failed to load resource: .*(status of 4\d\d|ERR_INTERNET_DISCONNECTED)")
KEY_SECONDS = 0.004


class Visitor:
    """One person's browser. ``faults``: what nobody would see of errors, foreign requests and broken answers."""

    def __init__(self, context: BrowserContext, address: str, say: Callable[..., str]) -> None:
        self.context, self.address, self.say = context, address, say
        self.taps = 0
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        self._keys: CDPSession | None = None
        self.page.on("console", lambda message: self._console(message.type, message.text))
        self.page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def _console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not _ANSWERED.match(text):
            self.faults.append(f"{kind}: {text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and f"{parts.scheme}://{parts.netloc}" != self.address:
            self.faults.append(f"foreign request: {request.url}")

    def _response(self, answer: Response) -> None:
        if answer.status >= 500:
            self.faults.append(f"{answer.status}: {answer.request.method} {urlsplit(answer.url).path}")

    # ------------------------------------------------------------ going and looking

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def go(self, path: str) -> None:
        """Open an address of ours, as by a bookmark."""
        self.page.goto(self.address + path)

    def sees(self, key: str, **params: object) -> None:
        """The words of ``key`` stand on the page."""
        expect(self.main.get_by_text(self.say(key, **params)).filter(visible=True).first).to_be_visible()

    def reads(self, words: str) -> None:
        """These very words stand on the page."""
        expect(self.main.get_by_text(words).filter(visible=True).first).to_be_visible()

    def arrives(self, path: str) -> None:
        """The page's address comes to match ``path``, a regular expression."""
        expect(self.page).to_have_url(re.compile(re.escape(self.address) + path + r"(\?.*)?$"))

    def verdict(self, tone: str) -> Locator:
        """The big answer in this tone."""
        found = self.page.locator(f"[data-verdict={tone}]")
        expect(found).to_be_visible()
        return found

    # ------------------------------------------------------------ hands

    def tap(self, place: Locator) -> None:
        """One tap of a finger, or one click; it is counted."""
        self.taps += 1
        place.click()

    def press(self, key: str, **params: object) -> None:
        """Tap the button, link or fold with the words of ``key``."""
        self.tap(self.named(self.say(key, **params)))

    def named(self, words: str) -> Locator:
        """The button, link or fold of the page's main part with exactly these words."""
        exact = re.compile(rf"^\W*{re.escape(words)}\s*[A-Z]?$")
        found = self.main.locator("button, a, summary").filter(has_text=exact).filter(visible=True)
        return found.first

    def choose(self, key: str, **params: object) -> None:
        """Tap the card of a choice, or a tick."""
        self.tap(self.main.locator("label.choice", has_text=self.say(key, **params)).first)

    def fill(self, key: str, text: str) -> None:
        """Type into the field with the label of ``key``."""
        fields = self.main.locator("input, textarea")
        fields.and_(self.main.get_by_label(self.say(key))).first.fill(text)

    def scan(self, text: str) -> None:
        """What a USB or Bluetooth scanner does: a burst of keys, then Enter. The keys' own times do not depend on how
        busy this machine is."""
        if self._keys is None:
            self._keys = self.context.new_cdp_session(self.page)
        at = time.time()
        for number, character in enumerate([*text, "\r"]):
            stamp = at + number * KEY_SECONDS
            self._send(self._keys, character, stamp)

    def _send(self, keys: CDPSession, character: str, stamp: float) -> None:
        if character == "\r":
            named: dict[str, Any] = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        elif character == "\x1d":
            named = {"key": "F8", "code": "F8", "windowsVirtualKeyCode": 119}
        else:
            named = {"key": character}
        text = {} if character == "\x1d" else {"text": character}
        down = "rawKeyDown" if character == "\x1d" else "keyDown"
        keys.send("Input.dispatchKeyEvent", {"type": down, "timestamp": stamp, **named, **text})
        keys.send("Input.dispatchKeyEvent", {"type": "keyUp", "timestamp": stamp, **named})

    def looks_like(self, folder: Path, name: str) -> None:
        """Keep a picture of the whole page."""
        self.page.screenshot(path=folder / f"{name}.png", full_page=True)
