"""What goes wrong in a volunteer's hands: nothing is lost, nothing is done twice, every answer is in plain words."""

import pytest
from playwright.sync_api import expect

from labels import codes
from tests.browser.conftest import Comes, Served
from tests.browser.test_counter import fill_in, scan_product
from tests.browser.town import MASK, Quarter, Work
from tests.browser.visitor import DESK

pytestmark = pytest.mark.browser


def received(served: Served, quarter: Quarter) -> int:
    """How many packs wait at the quarter's station."""
    return len(served.phone.get(quarter.mate, "/api/held"))


def test_a_nervous_double_tap_makes_one_donation(comes: Comes, served: Served, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    scan_product(volunteer, served, MASK)
    fill_in(volunteer, served)
    volunteer.named(volunteer.say("receive.submit")).dblclick()
    volunteer.arrives("/receive/.+/.+")
    assert received(served, quarter) == 1


def test_going_back_or_reloading_after_a_form_sends_nothing_again(
    comes: Comes, served: Served, quarter: Quarter
) -> None:
    volunteer = comes(quarter.volunteer)
    scan_product(volunteer, served, MASK)
    fill_in(volunteer, served)
    volunteer.press("receive.submit")
    volunteer.arrives("/receive/.+/.+")
    volunteer.page.reload()
    volunteer.verdict("ok")
    volunteer.page.go_back()
    volunteer.arrives("/receive")
    volunteer.sees("receive.scan_product")
    assert received(served, quarter) == 1


def test_without_a_signal_the_form_stays_filled_and_says_so(comes: Comes, served: Served, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    scan_product(volunteer, served, MASK)
    fill_in(volunteer, served, batch="KEPT1")
    volunteer.context.set_offline(True)
    volunteer.press("receive.submit")
    said = volunteer.page.locator(".toast")
    expect(said).to_contain_text(volunteer.say("ui.js.offline"))
    expect(volunteer.main.locator("#f-lot_number")).to_have_value("KEPT1")
    assert received(served, quarter) == 0
    volunteer.context.set_offline(False)
    expect(said).to_contain_text(volunteer.say("ui.js.online"))
    volunteer.press("receive.submit")
    volunteer.arrives("/receive/.+/.+")
    assert received(served, quarter) == 1


def test_a_wrong_field_is_named_and_everything_typed_is_kept(comes: Comes, served: Served, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    scan_product(volunteer, served, MASK)
    fill_in(volunteer, served, batch="KEPT2")
    volunteer.main.locator("#f-expiry").fill("2027-13")
    volunteer.press("receive.submit")
    expect(volunteer.main.locator("[data-error-summary]")).to_be_focused()
    expect(volunteer.main.locator("#f-expiry")).to_have_attribute("aria-invalid", "true")
    expect(volunteer.main.locator("#f-lot_number")).to_have_value("KEPT2")


def test_somebody_elses_code_is_neither_opened_nor_repeated(comes: Comes, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/scan")
    volunteer.scan("https://example.org/prize?you=won")
    volunteer.sees("basket.foreign.title")
    assert "example.org" not in volunteer.page.content()


def test_a_mistyped_label_names_the_impossible_letter(comes: Comes, quarter: Quarter, work: Work) -> None:
    label = work.blank_labels()[0]
    volunteer = comes(quarter.volunteer)
    volunteer.go("/scan")
    volunteer.fill("ui.scan.type", codes.shown("O" + label[1:]))
    volunteer.press("ui.scan.go")
    answer = volunteer.main.locator("[data-outcome=wrong]")
    expect(answer).to_contain_text("“O”")
    expect(answer).to_contain_text(volunteer.say("code.CODE_LETTER", position=1, letter="O").split("：")[0])


def test_a_strangers_scan_of_a_label_says_whom_to_call(comes: Comes, work: Work) -> None:
    label = work.shelved(MASK)[0]
    stranger = comes()
    stranger.go(f"/L/{label}")
    stranger.sees("label.anyone.ours")
    expect(stranger.main.locator("a[href='tel:05461234567']")).to_be_visible()
    assert work.phone.get(work.quarter.mate, "/api/levels")["totals"][0]["name_zh"] not in stranger.page.content()


def test_the_other_language_and_large_letters_stay_chosen(comes: Comes, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/scan")
    volunteer.tap(volunteer.page.get_by_role("button", name="EN", exact=False).first)
    expect(volunteer.page.locator("html")).to_have_attribute("lang", "en")
    expect(volunteer.main.get_by_role("heading", name="Scan")).to_be_visible()
    before = volunteer.page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    volunteer.tap(volunteer.page.locator("[data-size-switch]"))
    volunteer.go("/stock")
    expect(volunteer.page.locator("html")).to_have_attribute("lang", "en")
    expect(volunteer.page.locator("html")).to_have_attribute("data-size", "large")
    assert volunteer.page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") > before * 1.2


def test_an_address_that_leads_nowhere_says_what_to_do(comes: Comes, quarter: Quarter) -> None:
    coordinator = comes(quarter.coordinator, DESK)
    coordinator.go("/packs/00000000-0000-7000-8000-000000000000")
    coordinator.sees("refusal.NOT_FOUND.title")
    coordinator.sees("refusal.NOT_FOUND.todo")
