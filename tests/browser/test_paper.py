"""A volunteer's labels on a phone: a roll is printed, one stuck and claimed by its first scan, a torn one replaced."""

from __future__ import annotations

import base64

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import expect

from labels import codes
from tests.browser.conftest import Comes, Served
from tests.browser.test_counter import fill_in
from tests.browser.town import PARACETAMOL, Quarter, Work
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


# What the form's button sends; a browser without a window has no viewer that would show the answer.
SEND = """async () => {
  const form = document.querySelector("#print"), sent = new FormData(form, document.querySelector("[form=print]"));
  const answer = await fetch(form.action, {method: "POST", body: new URLSearchParams(sent)});
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return [answer.status, btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))];
}"""


def paper(volunteer: Visitor) -> pypdfium2.PdfDocument:
    """What comes out of the printer."""
    status, body = volunteer.page.evaluate(SEND)
    assert status == 200
    return pypdfium2.PdfDocument(base64.b64decode(body))


def printed(volunteer: Visitor) -> list[str]:
    """The codes on the paper, page by page."""
    found = [zxingcpp.read_barcodes(page.render(scale=203 / 72).to_pil()) for page in paper(volunteer)]
    assert all(len(one) == 1 for one in found), "a roll has one label a page"
    return [one[0].text.rpartition("/")[2] for one in found]


def badge_of(comes: Comes, served: Served, quarter: Quarter) -> str:
    """A newcomer who has chosen the PIN 7391 gets a badge from the coordinator."""
    newcomer = comes()
    newcomer.go(f"/join/{served.town.invitations[quarter.name]}")
    newcomer.fill("account.join.pin", "7391")
    newcomer.press("account.join.go")
    newcomer.arrives("/")
    coordinator = comes(quarter.coordinator)
    coordinator.go(f"/people?find=V-{served.town.quarters.index(quarter) + 1}3")
    coordinator.main.locator("details summary").last.click()
    coordinator.main.get_by_role("button", name=coordinator.say("account.people.badge")).click()
    return str(coordinator.main.locator(".number, .code").first.text_content()).strip()


def test_a_roll_is_printed_stuck_scanned_and_a_torn_label_replaced(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    badge = badge_of(comes, served, quarter)
    volunteer = comes(quarter.volunteer)
    volunteer.go("/labels")
    volunteer.press("label.sheets.issue")
    volunteer.main.get_by_role("link", name=volunteer.say("print.page.other")).click()
    volunteer.choose("print.paper.50x30")
    volunteer.press("print.page.show")
    expect(volunteer.main.locator(".preview img")).to_be_visible()
    roll = printed(volunteer)
    assert len(set(roll)) == 24

    volunteer.go("/")
    volunteer.scan(codes.url(served.address, roll[0]))
    volunteer.sees("receive.label_ready")
    volunteer.scan(served.town.gtins[PARACETAMOL])
    expect(volunteer.main.locator("[name=label]").first).to_have_value(roll[0])
    fill_in(volunteer, served)
    volunteer.press("receive.submit")
    volunteer.verdict("ok")
    volunteer.reads(codes.shown(roll[0]))

    volunteer.go(f"/L/{roll[0]}")
    volunteer.main.get_by_role("link", name=volunteer.say("label.replace.open")).click()
    volunteer.choose("label.why.damaged")
    volunteer.fill("label.replace.badge", badge)
    volunteer.fill("label.replace.secret", "7391")
    volunteer.press("label.replace.do")
    volunteer.sees("label.replaced.title")
    pack = volunteer.page.url
    assert roll[0] not in pack
    volunteer.main.get_by_role("link", name=volunteer.say("label.replaced.print")).click()
    (new,) = printed(volunteer)
    assert new not in roll

    volunteer.go(f"/L/{new}")
    assert volunteer.path.startswith("/packs/")
    volunteer.go(f"/L/{roll[0]}")
    volunteer.sees("label.closed.void.title")
    assert volunteer.faults == []


def test_a_sticker_for_what_is_donated_is_printed_at_any_time(comes: Comes, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/labels/print?what=supply_mark")
    expect(volunteer.main.locator(".preview img")).to_be_visible()
    text = paper(volunteer)[0].get_textpage().get_text_bounded()
    assert volunteer.say("print.pack.warning_supply").split()[0] in text
