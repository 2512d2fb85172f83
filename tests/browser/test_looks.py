"""Every main page as people with weak eyes, small phones and either language meet it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from app.base.i18n import Messages
from tests.browser import main_pages
from tests.browser.conftest import Served, visit
from tests.browser.main_pages import MainPage
from tests.browser.town import Quarter, Work
from tests.browser.visitor import DESK, NARROWEST, PHONE, Visitor

pytestmark = pytest.mark.browser

LARGE = "document.documentElement.dataset.size = 'large'"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NOT_SAID = r"/(?:^|\s)(?:[a-z_]+\.){1,4}[A-Za-z_]+(?:\s|$)/m.test(document.querySelector('main').innerText)"


@pytest.fixture(scope="package")
def pages(served: Served, unvisited: Iterator[Quarter]) -> tuple[MainPage, ...]:
    """The pages of a quarter in the middle of its day."""
    work = Work(served.phone, served.town, next(unvisited), served.clock.today())
    return main_pages.day(work)


def violations(page: Page, only: str = "") -> list[str]:
    """What axe finds, with the first element of each."""
    chosen = f", runOnly: ['{only}']" if only else ""
    found = page.evaluate(f"axe.run({{resultTypes: ['violations']{chosen}}}).then((result) => result.violations)")
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]


def seen(visitor: Visitor, page: MainPage, dark: bool) -> Iterator[str]:
    """What is wrong with a page on a phone and on a desk, in the dark, on the narrowest phone, in large letters."""
    visitor.page.set_viewport_size(_size(PHONE))
    visitor.page.emulate_media(reduced_motion="reduce", color_scheme="light")
    visitor.go(page.path)
    if page.first:
        page.first(visitor)
    visitor.page.evaluate(Axe().axe_script)
    for size in (PHONE, DESK):
        visitor.page.set_viewport_size(_size(size))
        yield from (f"{size[0]}: {one}" for one in violations(visitor.page))
        if visitor.page.evaluate(WIDER) > 0:
            yield f"wider than {size[0]}"
    if dark:
        visitor.page.emulate_media(color_scheme="dark")
        yield from (f"dark: {one}" for one in violations(visitor.page, "color-contrast"))
    visitor.page.set_viewport_size(_size(NARROWEST))
    if visitor.page.evaluate(WIDER) > 0:
        yield "wider than 320"
    visitor.page.evaluate(LARGE)
    if visitor.page.evaluate(WIDER) > 0:
        yield "wider than 320 in large letters"
    if visitor.page.evaluate(NOT_SAID):
        yield "shows the key of a message"


def _size(size: tuple[int, int]) -> ViewportSize:
    return {"width": size[0], "height": size[1]}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_main_page_is_accessible_fits_and_says_everything_in_words(
    served: Served, browser: Browser, words: Messages, pages: tuple[MainPage, ...], language: str
) -> None:
    faults = []
    for hand, own in groupby(pages, lambda page: page.hand):
        visitor = visit(browser, served.address, words, hand, PHONE, language)
        for page in own:
            # Colours do not depend on the language: once is enough.
            faults += [f"{page.name}: {fault}" for fault in seen(visitor, page, dark=language == "zh")]
        faults += visitor.faults
        visitor.context.close()
    assert not faults, "\n".join(faults)
