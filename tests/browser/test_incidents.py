"""A label that turns up in two places: the scanner is told in red, the goods stop, a coordinator settles it."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Comes
from tests.browser.town import BLEACH, MASK, Quarter, Work
from tests.browser.visitor import DESK

pytestmark = pytest.mark.browser


def test_one_pack_in_two_volunteers_hands_is_stopped_and_looked_into(
    comes: Comes, quarter: Quarter, work: Work
) -> None:
    codes = [work.shelved(MASK)[0], work.shelved(BLEACH)[0], work.shelved(MASK)[0]]
    work.need(work.old(), MASK, BLEACH)
    work.need(work.old("李测试", 2), MASK)
    work.matched()
    first, other = sorted(work.parcels(), key=lambda parcel: -len(parcel["lines"]))
    pack = next(
        label for label in (work.label(line["pack"]) for line in first["lines"]) if label in {codes[0], codes[2]}
    )
    work.phone.do(quarter.volunteer, "/api/parcels/scan", parcel=first["id"], code=pack)

    mate = comes(quarter.mate)
    mate.go(f"/packing/{other['id']}")
    answer = mate.main.locator("[data-outcome]")
    mate.scan(pack)
    expect(answer).to_have_attribute("data-outcome", "wrong")
    expect(answer).to_contain_text(mate.say("incident.todo.ONE_UNIT_TWICE"))

    coordinator = comes(quarter.coordinator, DESK)
    coordinator.go("/")
    expect(coordinator.main.locator("a[href='/incidents'] .count")).to_have_text("1")
    coordinator.tap(coordinator.main.locator("a[href='/incidents']").first)
    coordinator.sees("incident.sign.ONE_UNIT_TWICE")
    coordinator.reads(coordinator.say("place.kind.quarantine"))
    coordinator.press("incident.close")
    coordinator.press("incident.outcome.all_right")
    coordinator.sees("incident.none")
    coordinator.sees("incident.closed")
