"""The scan page: it stays open, answers every hit, joins the two codes of a box, and acts on all at once."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Playwright, Route, expect

from labels import codes
from labels.render import label_png
from labels.templates import PrintedLabel
from tests.browser.conftest import ARGUMENTS, Comes, Served
from tests.browser.film import film_of
from tests.browser.test_looks import WIDER, violations
from tests.browser.town import BLEACH, MASK, PARACETAMOL, Quarter, Work
from tests.browser.visitor import DESK, PHONE, Visitor

pytestmark = pytest.mark.browser


def lines(somebody: Visitor) -> Locator:
    return somebody.main.locator("[data-basket-lines] > li")


def answered(somebody: Visitor, outcome: str) -> Locator:
    """The big answer, with its colour, its shape and its word."""
    shape = {"known": "ok", "new": "info", "duplicate": "hold", "unsent": "hold", "wrong": "bad"}[outcome]
    box = somebody.main.locator("[data-basket-said] > div")
    expect(box).to_have_attribute("data-outcome", outcome)
    expect(box).to_have_class(re.compile(rf"\b{shape}\b"))
    expect(box.locator("use").first).to_have_attribute("href", re.compile(f"#{shape}$"))
    expect(box).to_contain_text(somebody.say(f"basket.{outcome}"))
    return box


def at_the_scanner(somebody: Visitor) -> Visitor:
    somebody.go("/scan")
    return somebody


def whole(served: Served, code: str, lot: str, serial: str = "") -> str:
    """What a GS1 DataMatrix says of a box: product, expiry, batch, and its own number."""
    until = f"{served.clock.today().year + 2 - 2000}0531"
    number = f"\x1d21{serial}" if serial else ""
    return f"]d201{served.town.gtins[code].zfill(14)}17{until}10{lot}{number}"


def test_every_hit_is_answered_and_nothing_opens(comes: Comes, served: Served, quarter: Quarter, work: Work) -> None:
    pack = work.shelved(MASK)[0]
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(codes.url(served.address, pack))
    answered(somebody, "known")
    expect(lines(somebody)).to_have_count(1)
    somebody.scan(codes.url(served.address, pack))
    answered(somebody, "duplicate")
    somebody.scan(pack)  # the same label, typed by the scanner without its address
    answered(somebody, "duplicate")
    somebody.scan(served.town.gtins[PARACETAMOL])
    answered(somebody, "known")
    somebody.scan("6901234567892")
    answered(somebody, "new")
    somebody.scan("https://example.org/prize?you=won")
    answered(somebody, "wrong")
    assert "example.org" not in somebody.page.content()
    expect(lines(somebody)).to_have_count(3)
    assert somebody.path == "/scan"


def test_the_camera_stays_open_after_a_hit(
    comes: Comes, served: Served, quarter: Quarter, work: Work, playwright: Playwright, chromium: str, tmp_path: Path
) -> None:
    label = work.shelved(MASK)[0]
    printed = PrintedLabel(code=label, payload=codes.url(served.address, label))
    film = film_of(label_png(printed), tmp_path / "label.mjpeg")
    camera = [
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]  # fmt: skip
    filming = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *camera])
    somebody = at_the_scanner(comes(quarter.volunteer, browser=filming, permissions=["camera"]))
    somebody.press("ui.scan.open")
    answered(somebody, "known")
    expect(somebody.main.locator("[data-scan-view]")).to_be_visible()
    expect(lines(somebody)).to_have_count(1)
    assert somebody.faults == []
    filming.close()


def test_typing_answers_on_the_page_too(comes: Comes, quarter: Quarter, work: Work) -> None:
    pack = work.shelved(MASK)[0]
    somebody = at_the_scanner(comes(quarter.volunteer))
    for text in (codes.shown(pack).lower(), "O" + pack[1:]):
        somebody.fill("ui.scan.type", text)
        somebody.press("ui.scan.go")
        answered(somebody, "known" if text[0] != "O" else "wrong")
    expect(somebody.main.locator("[data-basket-said]")).to_contain_text("O")
    expect(lines(somebody)).to_have_count(1)


@pytest.mark.parametrize("first", ["product", "batch"])
def test_the_two_codes_of_a_box_join_in_either_order(
    comes: Comes, served: Served, quarter: Quarter, first: str
) -> None:
    product, batch = served.town.gtins[PARACETAMOL], f"]d217{served.clock.today().year + 2 - 2000}053110LOT77"
    somebody = at_the_scanner(comes(quarter.volunteer))
    one, two = (product, batch) if first == "product" else (batch, product)
    somebody.scan(one)
    expect(lines(somebody)).to_have_attribute("data-tone", "hold")
    if first == "product":
        somebody.sees("basket.second")
    somebody.scan(two)
    expect(lines(somebody)).to_have_count(1)
    expect(lines(somebody)).to_have_attribute("data-tone", "ok")
    expect(lines(somebody)).to_contain_text("LOT77")
    expect(somebody.main.locator("[data-basket-second]")).to_be_hidden()


def test_batch_and_expiry_can_be_filled_in_by_hand(comes: Comes, served: Served, quarter: Quarter) -> None:
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(served.town.gtins[PARACETAMOL])
    somebody.main.locator("#f-second_lot").fill("b2026")
    somebody.tap(somebody.main.locator(f"[data-year='{served.clock.today().year + 2}']"))
    somebody.tap(somebody.main.locator("[data-month='05']"))
    somebody.press("basket.filled")
    expect(lines(somebody)).to_have_attribute("data-tone", "ok")
    expect(lines(somebody)).to_contain_text("B2026")


def test_what_is_expired_is_red_at_once_with_what_to_say(comes: Comes, served: Served, quarter: Quarter) -> None:
    yesterday = served.clock.today() - timedelta(days=1)
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(f"]d201{served.town.gtins[PARACETAMOL].zfill(14)}17{yesterday:%y%m%d}10OLD1")
    answered(somebody, "wrong")
    expect(lines(somebody)).to_have_attribute("data-tone", "bad")
    expect(lines(somebody)).to_contain_text(somebody.say("screening.IN01_EXPIRED.donor"))
    expect(somebody.page.locator("[data-basket-go]")).to_have_count(0)


def test_what_does_not_fit_the_chosen_act_is_red(comes: Comes, served: Served, quarter: Quarter, work: Work) -> None:
    pack = work.shelved(MASK)[0]
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.press("basket.what_now")
    somebody.press("basket.act.move")
    somebody.scan(served.town.gtins[PARACETAMOL])
    answered(somebody, "wrong")
    somebody.scan(pack)
    answered(somebody, "known")
    expect(lines(somebody).first).to_have_attribute("data-tone", "ok")
    expect(lines(somebody).last).to_have_attribute("data-tone", "bad")


def received(work: Work) -> list[Any]:
    return list(work.phone.get(work.quarter.mate, "/api/held"))


def test_ten_labelled_boxes_are_received_with_one_tap(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    stickers = work.blank_labels()[:10]
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(whole(served, PARACETAMOL, "LOT12"))
    for sticker in stickers:
        somebody.scan(codes.url(served.address, sticker))
    expect(lines(somebody).locator("[data-basket-boxes]")).to_have_value("10")
    somebody.taps = 0
    somebody.tap(somebody.page.locator("[data-basket-go]"))
    answered(somebody, "known")
    assert somebody.taps == 1
    expect(lines(somebody)).to_have_count(1)
    expect(lines(somebody)).to_contain_text(somebody.say("receive.done.accept"))
    assert len(received(work)) == 10
    told = [work.phone.post(quarter.mate, "/api/scan", text=sticker)["meaning"]["what"] for sticker in stickers]
    assert told == ["bound"] * 10


def test_boxes_with_numbers_of_their_own_are_counted_and_undone_in_one_go(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    somebody = at_the_scanner(comes(quarter.volunteer))
    for serial in ("S1", "S2", "S3"):
        somebody.scan(whole(served, PARACETAMOL, "LOT3", serial))
    somebody.scan(whole(served, PARACETAMOL, "LOT3", "S2"))
    answered(somebody, "duplicate")
    somebody.scan(whole(served, MASK, "M1"))
    expect(lines(somebody)).to_have_count(2)
    somebody.tap(somebody.page.locator("[data-basket-go]"))
    answered(somebody, "known")
    assert len(received(work)) == 4
    expect(somebody.page.locator("[data-basket-go-print]")).to_contain_text("4")
    somebody.press("basket.undo_last")
    expect(lines(somebody).first).to_contain_text(somebody.say("scanned.taken_back"))
    somebody.press("basket.undo_all")
    somebody.press("basket.undo_sure")
    expect(lines(somebody).last).to_contain_text(somebody.say("scanned.taken_back"))
    assert received(work) == []


def test_a_trace_code_goes_with_the_box_scanned_before_it_or_after_it(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan("81234567890123450001")
    assert lines(somebody).count() == 0
    answered(somebody, "new")
    somebody.scan(whole(served, PARACETAMOL, "LOT5"))
    answered(somebody, "known")
    for last in ("0002", "0003"):
        somebody.scan(f"8123456789012345{last}")
        answered(somebody, "known")
    somebody.scan("81234567890123450002")
    expect(answered(somebody, "duplicate")).to_contain_text(somebody.say("basket.trace_again"))
    expect(lines(somebody)).to_have_count(1)
    expect(lines(somebody).locator("[data-basket-boxes]")).to_have_value("3")
    somebody.tap(somebody.page.locator("[data-basket-go]"))
    expect(lines(somebody)).to_contain_text(somebody.say("receive.done.accept"))
    somebody.press("basket.finish")
    somebody.scan(whole(served, PARACETAMOL, "LOT6"))
    answered(somebody, "known")
    somebody.scan("81234567890123450003")
    expect(answered(somebody, "wrong")).to_contain_text(somebody.say("basket.trace_before"))
    somebody.tap(somebody.page.locator("[data-basket-go]"))
    expect(lines(somebody)).to_contain_text(somebody.say("screening.IN18_SEEN_BEFORE.staff"))
    assert sum("IN18_SEEN_BEFORE" in str(one["reasons"]) for one in received(work)) == 1


def test_what_nobody_looked_at_is_looked_at_later_without_typing_anything(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(whole(served, PARACETAMOL, "LOT8"))
    answered(somebody, "known")
    somebody.press("basket.not_declared")
    somebody.press("basket.receive_held")
    somebody.tap(lines(somebody).locator("[data-basket-look]"))
    somebody.tap(somebody.main.locator("label:has(input[name=look][value=good])"))
    somebody.press("looking.submit")
    somebody.sees("receive.word.quarantine")
    assert [one["code"] for pack in received(work) for one in pack["reasons"]] == ["IN13_DECLARATION"]


def test_one_refused_line_leaves_the_others_standing(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    sticker = work.blank_labels()[0]
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(whole(served, PARACETAMOL, "LOT3"))
    somebody.scan(sticker)
    somebody.scan(whole(served, MASK, "M1"))
    expect(lines(somebody)).to_have_count(2)
    other = {"gtin": served.town.gtins[BLEACH], "lot_number": "X", "label": sticker}
    other["expiry"] = f"{work.today.year + 2}-05"
    work.phone.do(quarter.mate, "/api/donations", station=quarter.station, declared=True, line=other)
    somebody.tap(somebody.page.locator("[data-basket-go]"))
    answered(somebody, "wrong")
    expect(lines(somebody).first).to_have_attribute("data-tone", "ok")
    expect(lines(somebody).last).to_have_attribute("data-tone", "bad")
    expect(lines(somebody).last).to_contain_text(somebody.say("refusal.LABEL_TAKEN.title"))


def test_three_packs_move_to_another_shelf_and_back(comes: Comes, served: Served, quarter: Quarter, work: Work) -> None:
    packs = work.shelved(MASK, 3, packs=3)
    somebody = at_the_scanner(comes(quarter.volunteer))
    for pack in packs:
        somebody.scan(codes.url(served.address, pack))
    expect(lines(somebody)).to_have_count(3)
    somebody.press("basket.act.move")
    shelf = somebody.main.locator("[data-basket-act=move] [data-basket-target]").filter(has_text="货架B")
    somebody.tap(shelf)
    answered(somebody, "known")
    expect(lines(somebody).filter(has_text=somebody.say("scanned.moved", place="货架B"))).to_have_count(3)
    assert places(work, packs) == ["货架B"] * 3
    somebody.press("basket.undo_all")
    somebody.press("basket.undo_sure")
    expect(lines(somebody).filter(has_text=somebody.say("scanned.moved", place="货架B"))).to_have_count(0)
    assert places(work, packs) == ["货架A"] * 3


def places(work: Work, labels: list[str]) -> list[str]:
    found = [work.phone.post(work.quarter.mate, "/api/scan", text=label)["meaning"]["subject"] for label in labels]
    return [work.phone.get(work.quarter.mate, f"/api/packs/{pack}")["where"][0]["name"] for pack in found]


def test_a_count_says_what_is_missing_and_corrects_nothing(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    packs = work.shelved(MASK, 3, packs=3)
    somebody = at_the_scanner(comes(quarter.volunteer))
    for pack in packs[:2]:
        somebody.scan(codes.url(served.address, pack))
    expect(lines(somebody)).to_have_count(2)
    somebody.press("basket.act.count")
    shelf = somebody.main.locator("[data-basket-act=count] [data-basket-target]").filter(has_text="货架A")
    somebody.tap(shelf)
    answered(somebody, "wrong")
    expect(somebody.main.locator("[data-basket-counted]")).to_contain_text(packs[2][-4:])
    somebody.scan(codes.url(served.address, packs[2]))
    expect(lines(somebody)).to_have_count(3)
    somebody.tap(shelf)
    answered(somebody, "known")


def test_scanned_packs_go_into_the_chosen_parcel(comes: Comes, served: Served, quarter: Quarter, work: Work) -> None:
    packs = work.shelved(MASK, 2, packs=2)
    work.need(work.resident("张测试"), MASK)
    work.matched()
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(codes.url(served.address, packs[0]))
    somebody.press("basket.act.pack")
    somebody.tap(somebody.main.locator("[data-basket-act=pack] [data-basket-target]").first)
    answered(somebody, "known")
    assert [line["state"] for parcel in work.parcels() for line in parcel["lines"]] == ["packed"]


def test_the_list_survives_a_reload_and_ends_with_the_sign_in(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    pack = work.shelved(MASK)[0]
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(codes.url(served.address, pack))
    somebody.scan(whole(served, PARACETAMOL, "LOT9"))
    expect(lines(somebody)).to_have_count(2)
    somebody.page.reload()
    expect(lines(somebody)).to_have_count(2)
    somebody.press("basket.undo_all")
    expect(lines(somebody)).to_have_count(0)
    somebody.go("/")
    somebody.press("ui.word.sign_out")
    assert somebody.page.evaluate("sessionStorage.length") == 0


def test_without_a_signal_a_scan_is_kept_and_looked_up_later(comes: Comes, quarter: Quarter, work: Work) -> None:
    pack = work.shelved(MASK)[0]
    somebody = at_the_scanner(comes(quarter.volunteer))
    expect(somebody.main.locator("[data-basket-box]")).to_be_hidden()
    somebody.context.set_offline(True)
    somebody.scan(pack)
    answered(somebody, "unsent")
    somebody.scan("https://example.org/somebody")
    expect(lines(somebody)).to_have_count(1)
    somebody.context.set_offline(False)
    expect(lines(somebody)).to_have_attribute("data-tone", "ok")
    assert "example.org" not in somebody.page.evaluate("JSON.stringify(sessionStorage)")


def test_two_taps_send_once_and_a_lost_answer_is_sent_again_as_the_same(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    somebody = at_the_scanner(comes(quarter.volunteer))
    sent: list[str] = []

    def lose_the_first(route: Route) -> None:
        sent.append(route.request.post_data or "")
        if len(sent) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    somebody.page.route("**/api/donations/boxes", lose_the_first)
    somebody.scan(whole(served, PARACETAMOL, "LOT5"))
    expect(lines(somebody)).to_have_count(1)
    somebody.page.locator("[data-basket-go]").dblclick()
    answered(somebody, "unsent")
    assert len(sent) == 1
    somebody.tap(somebody.page.locator("[data-basket-go]"))
    answered(somebody, "known")
    assert sent == [sent[0]] * 2
    assert len(received(work)) == 1
    somebody.faults.clear()  # the lost answer is the browser's own error


def test_undo_takes_back_the_last_hit_and_the_cleared_list(comes: Comes, served: Served, quarter: Quarter) -> None:
    somebody = at_the_scanner(comes(quarter.volunteer))
    somebody.scan(whole(served, PARACETAMOL, "LOT5"))
    somebody.scan(whole(served, MASK, "M5"))
    expect(lines(somebody)).to_have_count(2)
    somebody.press("basket.undo_last")
    expect(lines(somebody)).to_have_count(1)
    somebody.press("basket.undo_all")
    expect(lines(somebody)).to_have_count(0)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_a_full_list_is_accessible_and_fits(
    comes: Comes, served: Served, quarter: Quarter, work: Work, size: tuple[int, int], language: str
) -> None:  # fmt: skip
    packs = work.shelved(MASK, 2, packs=2)
    somebody = comes(quarter.volunteer, size, language)
    somebody.page.emulate_media(reduced_motion="reduce")
    at_the_scanner(somebody)

    def show(name: str) -> None:
        keep(somebody, f"{name}-{size[0]}-{language}")

    show("empty")
    somebody.scan(whole(served, PARACETAMOL, "LOT5"))
    somebody.scan(served.town.gtins[BLEACH])
    expect(lines(somebody)).to_have_count(2)
    show("second")
    for pack in packs:
        somebody.scan(pack)
    somebody.scan("]d201" + served.town.gtins[PARACETAMOL].zfill(14) + "1725010110OLD1")
    expect(lines(somebody)).to_have_count(5)
    somebody.page.evaluate(Axe().axe_script)
    show("mixed")
    assert violations(somebody.page) == []
    for act in ("receive", "move", "count"):
        somebody.press(f"basket.act.{act}")
        assert violations(somebody.page) == []
        assert somebody.page.evaluate(WIDER) == 0
        show(act)
        somebody.press("basket.change_act")


def keep(somebody: Visitor, name: str) -> None:
    """A picture for whoever asked for one by NUANXIN_TEST_PICTURES."""
    if folder := os.environ.get("NUANXIN_TEST_PICTURES"):
        somebody.looks_like(Path(folder), name)
