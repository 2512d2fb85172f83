"""Two phones, two stations: scanned out here, scanned in there, and what is missing stays in sight."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from labels import codes
from tests.browser.conftest import Comes, Served
from tests.browser.test_looks import WIDER, violations
from tests.browser.town import MASK, Quarter, Work
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.fixture
def other_work(served: Served, unvisited: Iterator[Quarter]) -> Work:
    """What is done at another quarter's station."""
    return Work(served.phone, served.town, next(unvisited), served.clock.today())


def said(somebody: Visitor, outcome: str) -> Locator:
    box = somebody.main.locator("[data-scan-said] [data-outcome]").first
    expect(box).to_have_attribute("data-outcome", outcome)
    return box


def test_a_bag_goes_from_one_phone_to_another_and_nothing_is_lost(
    comes: Comes, served: Served, work: Work, other_work: Work
) -> None:
    first, second = work.shelved(MASK, 2, packs=2)
    here, there = comes(work.quarter.volunteer), comes(other_work.quarter.volunteer)
    here.go("/transfers/new")
    here.page.select_option("select[name=target]", str(other_work.quarter.station))
    here.press("transfer.draw_up")
    here.arrives("/transfers/[0-9a-f-]{36}")
    address = here.path
    for code in (first, second):
        here.scan(codes.url(served.address, code))
        said(here, "ok")
    here.scan(second)
    said(here, "duplicate")
    here.press("transfer.depart")
    expect(here.main).to_contain_text(here.say("transfer.wait_receipt"))

    there.go("/transfers")
    there.page.get_by_role("link", name=there.say("transfer.do_receive")).click()
    assert there.path == address
    there.page.get_by_role("link", name=there.say("transfer.sealed"), exact=True).click()
    there.sees("transfer.bag_sealed")
    there.scan(codes.url(served.address, first))
    expect(said(there, "ok")).to_contain_text(there.say("transfer.left", count=1))
    expect(there.main.locator("[data-progress-words]")).to_have_text("1 / 2")
    there.scan(first)
    said(there, "duplicate")
    there.main.locator("summary", has_text=there.say("transfer.missing")).click()
    there.page.locator("details[open] label.choice", has_text=there.say("transfer.why.unknown")).click()
    there.page.locator("details[open] form[action$='/missing'] input[name=note]").fill("袋里没有")
    there.press("transfer.missing_do")
    expect(there.main).to_contain_text(there.say("transfer.differs_text", units=1))
    Axe().run(there.page)
    assert violations(there.page) == []
    assert there.page.evaluate(WIDER) <= 0

    there.go(f"{address}?sealed=true")
    there.scan(codes.url(served.address, second))
    expect(said(there, "ok")).to_contain_text(there.say("transfer.all_in"))
    here.go(address)
    expect(here.main).to_contain_text(here.say("transfer.state.closed"))
