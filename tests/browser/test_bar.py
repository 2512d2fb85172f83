"""The bar of actions stands at the bottom edge of a phone, whatever the page's length; on a desk under the content."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from app.base.i18n import Messages
from tests.browser.conftest import Served, visit
from tests.browser.town import ISATIS, Quarter
from tests.browser.visitor import DESK, PHONE

pytestmark = pytest.mark.browser

BAR = "document.querySelector('.actions').getBoundingClientRect()"
TO_THE_END = "window.scrollTo(0, document.documentElement.scrollHeight)"


def test_the_bar_never_floats_in_the_middle_of_a_page(
    served: Served, browser: Browser, words: Messages, quarter: Quarter
) -> None:
    short, long = f"/stock/items/{served.town.items[ISATIS]}", "/residents/new"
    visitor = visit(browser, served.address, words, quarter.coordinator, PHONE, "zh")
    for path in (short, long):
        visitor.go(path)
        assert visitor.page.evaluate(f"Math.round({BAR}.bottom)") == PHONE[1]
        visitor.page.evaluate(TO_THE_END)
        assert visitor.page.evaluate(f"Math.round({BAR}.bottom)") == PHONE[1]
    visitor.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    visitor.go(short)
    content = "document.querySelector('.content').getBoundingClientRect()"
    assert 0 <= visitor.page.evaluate(f"{BAR}.top - {content}.bottom") < 32
    visitor.context.close()
