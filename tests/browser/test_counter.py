"""A station volunteer's hour at the counter, on a phone, in Chinese."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from labels import codes
from labels.render import label_png
from labels.templates import PrintedLabel
from tests.browser.conftest import ARGUMENTS, Comes, Served
from tests.browser.film import film_of
from tests.browser.town import MASK, PARACETAMOL, Quarter, Work
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def fill_in(volunteer: Visitor, served: Served, batch: str = "B2026", years: int = 2) -> None:
    """Batch by the keys, the rest by taps."""
    volunteer.page.keyboard.type(batch)
    volunteer.tap(volunteer.main.locator(f"[data-year='{served.clock.today().year + years}']"))
    volunteer.tap(volunteer.main.locator("[data-month='05']"))
    volunteer.choose("receive.declared")


def scan_product(volunteer: Visitor, served: Served, item: str = PARACETAMOL) -> None:
    """From the first page to the filled form, without a tap."""
    volunteer.go("/")
    volunteer.scan(served.town.gtins[item])
    volunteer.arrives("/receive")
    volunteer.taps = 0


def test_a_newcomer_opens_an_invitation_chooses_a_pin_and_sees_one_big_button(
    comes: Comes, served: Served, quarter: Quarter
) -> None:
    newcomer = comes()
    newcomer.go(f"/join/{served.town.invitations[quarter.name]}")
    newcomer.fill("account.join.pin", "7391")
    newcomer.press("account.join.go")
    newcomer.arrives("/")
    big = newcomer.main.locator(".button.primary.big").filter(visible=True)
    expect(big).to_have_count(1)
    expect(big).to_have_text(newcomer.say("ui.scan.open"))

    newcomer.context.clear_cookies(name="session")
    newcomer.go("/")
    newcomer.fill("account.handle", f"V-{served.town.quarters.index(quarter) + 1}3")
    newcomer.fill("account.secret", "7391")
    newcomer.press("ui.word.sign_in")
    newcomer.arrives("/")


def test_a_known_product_is_received_in_four_taps_and_the_next_like_it_in_two(
    comes: Comes, served: Served, quarter: Quarter
) -> None:
    volunteer = comes(quarter.volunteer)
    scan_product(volunteer, served)
    fill_in(volunteer, served)
    volunteer.press("receive.submit")
    volunteer.arrives("/receive/.+/.+")
    assert volunteer.taps <= 4
    answer = volunteer.verdict("ok")
    expect(answer).to_contain_text(volunteer.say("receive.word.accept"))
    expect(answer).to_contain_text(volunteer.say("receive.thanks"))
    expect(answer.locator("use").first).to_have_attribute("href", re.compile("#ok$"))
    volunteer.sees("receive.stick")
    first = volunteer.main.locator(".number strong").inner_text()
    assert codes.parse(first)

    volunteer.taps = 0
    volunteer.press("receive.same_again")
    volunteer.press("receive.submit")
    volunteer.arrives("/receive/.+/.+")
    assert volunteer.taps <= 2
    expect(volunteer.main.locator(".number strong")).not_to_have_text(first)


def test_a_gs1_datamatrix_leaves_two_taps(comes: Comes, served: Served, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/")
    until = f"{served.clock.today().year + 2 - 2000}0531"
    volunteer.scan(f"]d201{served.town.gtins[PARACETAMOL].zfill(14)}17{until}10LOT77")
    volunteer.arrives("/receive")
    volunteer.taps = 0
    volunteer.choose("receive.declared")
    volunteer.press("receive.submit")
    volunteer.arrives("/receive/.+/.+")
    assert volunteer.taps <= 2
    volunteer.reads("LOT77")


def test_a_pre_printed_label_is_stuck_and_scanned_into_the_form(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    label = work.blank_labels()[0]
    volunteer = comes(quarter.volunteer)
    scan_product(volunteer, served)
    fill_in(volunteer, served)
    volunteer.scan(codes.url(served.address, label))
    expect(volunteer.main.locator("#f-label")).to_have_value(re.compile(label))
    volunteer.press("receive.submit")
    volunteer.arrives("/receive/.+/.+")
    assert volunteer.taps <= 4
    volunteer.sees("receive.stuck")
    volunteer.reads(codes.shown(label))


def test_a_scanner_goes_on_with_the_next_product_of_the_same_donor(
    comes: Comes, served: Served, quarter: Quarter
) -> None:
    volunteer = comes(quarter.volunteer)
    scan_product(volunteer, served)
    fill_in(volunteer, served)
    volunteer.press("receive.submit")
    volunteer.arrives("/receive/.+/.+")
    donation = volunteer.path.split("/")[2]
    volunteer.scan(served.town.gtins[MASK])
    volunteer.arrives("/receive")
    expect(volunteer.main.locator("[name=donation]").first).to_have_value(donation)
    expect(volunteer.main.locator("[name=declared]")).to_be_checked()


def test_twenty_alike_are_one_line_and_one_tap_takes_a_mistake_back(
    comes: Comes, served: Served, quarter: Quarter
) -> None:
    volunteer = comes(quarter.volunteer)
    scan_product(volunteer, served, MASK)
    fill_in(volunteer, served)
    volunteer.fill("receive.quantity", "19")
    volunteer.tap(volunteer.main.locator("[data-step='1']"))
    volunteer.press("receive.submit")
    volunteer.sees("receive.what", batch="B2026", expiry=f"{served.clock.today().year + 2}-05-31", units=20)
    volunteer.taps = 0
    volunteer.press("receive.undo")
    volunteer.arrives("/donations/.+")
    assert volunteer.taps == 1
    volunteer.sees("donation.taken_back")


def test_an_expired_pack_is_refused_with_a_kind_sentence_and_where_to_take_it(
    comes: Comes, served: Served, quarter: Quarter
) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/")
    yesterday = served.clock.today() - timedelta(days=1)
    volunteer.scan(f"]d201{served.town.gtins[PARACETAMOL].zfill(14)}17{yesterday:%y%m%d}10OLD1")
    volunteer.choose("receive.declared")
    volunteer.press("receive.submit")
    answer = volunteer.verdict("bad")
    expect(answer).to_contain_text(volunteer.say("screening.IN01_EXPIRED.donor"))
    expect(answer).to_contain_text(volunteer.say("receive.next.reject"))
    expect(answer.locator("use").first).to_have_attribute("href", re.compile("#bad$"))
    expect(volunteer.main.locator(".qr")).to_have_count(0)


def test_the_camera_reads_a_printed_label_and_the_form_opens_with_it(
    comes: Comes, served: Served, quarter: Quarter, work: Work, playwright: Playwright, chromium: str, tmp_path: Path
) -> None:
    label = work.blank_labels()[0]
    printed = PrintedLabel(code=label, payload=codes.url(served.address, label))
    film = film_of(label_png(printed), tmp_path / "label.mjpeg")
    camera = [
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]  # fmt: skip
    filming = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *camera])
    volunteer = comes(quarter.volunteer, browser=filming, permissions=["camera"])
    volunteer.go("/")
    volunteer.press("ui.scan.open")
    volunteer.arrives("/receive")
    assert volunteer.taps == 1
    volunteer.sees("receive.label_ready")
    expect(volunteer.main.locator("[name=label]").first).to_have_value(label)
    assert volunteer.faults == []
    filming.close()
