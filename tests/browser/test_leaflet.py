"""A leaflet is read aloud by the browser's own voice, and stops on a second tap; without a voice nothing is offered."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Comes
from tests.browser.town import PARACETAMOL
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

LEAFLET = f"/leaflet/{PARACETAMOL}"

# The Chromium of a test machine has no voice at all, so one that only remembers stands in its place.
VOICE = """
window.said = [];
const voice = {
  waiting: [],
  getVoices: () => [{ lang: '%s' }],
  speak: (utterance) => { window.said.push(utterance); voice.waiting.push(utterance); },
  cancel: () => { voice.waiting = []; },
};
Object.defineProperty(window, 'speechSynthesis', { value: voice });
"""


def opened(comes: Comes, script: str, language: str = "zh", **more: Any) -> Visitor:
    visitor = comes(language=language, **more)
    visitor.page.add_init_script(script)
    visitor.go(LEAFLET)
    return visitor


@pytest.mark.parametrize(("language", "voice"), [("zh", "zh-CN"), ("en", "en-US")])
def test_one_tap_reads_the_leaflet_aloud_and_the_next_stops(comes: Comes, language: str, voice: str) -> None:
    visitor = opened(comes, VOICE % voice, language)
    visitor.press("item_leaflet.speak")
    said = visitor.page.evaluate("said.map(({ text }) => text)")
    for key in ("part.dose", "part.not_with", "part.signs", "part.call", "signs.worse"):
        assert visitor.say(f"item_leaflet.{key}") in said, key
    assert "0546 123 4567" in " ".join(said)
    assert visitor.say("ui.word.print") not in said
    assert visitor.page.evaluate("[...new Set(said.map(({ lang }) => lang.slice(0, 2)))]") == [language]
    assert visitor.page.evaluate("speechSynthesis.waiting.length") == len(said)
    visitor.press("item_leaflet.stop")
    assert visitor.page.evaluate("speechSynthesis.waiting.length") == 0
    visitor.sees("item_leaflet.speak")


def test_at_its_end_the_button_offers_to_read_again(comes: Comes) -> None:
    visitor = opened(comes, VOICE % "zh-CN")
    visitor.press("item_leaflet.speak")
    visitor.page.evaluate("said.forEach((one) => one.onend())")
    visitor.sees("item_leaflet.speak")


def test_a_voice_that_fails_says_what_to_do_instead(comes: Comes) -> None:
    visitor = opened(comes, VOICE % "zh-CN")
    visitor.press("item_leaflet.speak")
    visitor.page.evaluate("said[0].onerror()")
    visitor.sees("item_leaflet.speak_failed")
    visitor.sees("item_leaflet.speak")


@pytest.mark.parametrize("script", [VOICE % "fr-FR", "delete window.SpeechSynthesisUtterance;"])
def test_without_a_voice_for_the_language_nothing_is_offered(comes: Comes, script: str) -> None:
    visitor = opened(comes, script)
    expect(visitor.page.locator("[data-speak]")).to_be_hidden()
    visitor.sees("item_leaflet.part.dose")


def test_without_scripts_the_leaflet_is_there_to_read(comes: Comes) -> None:
    visitor = opened(comes, "", java_script_enabled=False)
    expect(visitor.page.locator("[data-speak]")).to_be_hidden()
    visitor.sees("item_leaflet.part.dose")


def test_the_leaflet_is_in_large_print(comes: Comes) -> None:
    visitor = opened(comes, "")
    sizes = visitor.main.locator("[data-part] p").evaluate_all(
        "(lines) => lines.map((line) => parseFloat(getComputedStyle(line).fontSize))"
    )
    assert min(sizes) >= 20
