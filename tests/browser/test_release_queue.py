"""The queue of what waits, worked from the keyboard in a real browser: keys are counted, and never fire in a field."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Comes, Served
from tests.browser.town import MASK, PARACETAMOL, Quarter, Work
from tests.browser.visitor import DESK, PHONE, Visitor

pytestmark = pytest.mark.browser


class Keys:
    """Somebody's hands on the keyboard; every key is counted."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.pressed = visitor, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.visitor.page.keyboard.press(key)
            self.pressed += 1


def entries(visitor: Visitor) -> Locator:
    return visitor.page.locator("[data-entry]")


def test_twenty_packs_are_released_in_at_most_twenty_five_keys(comes: Comes, quarter: Quarter, work: Work) -> None:
    work.given(MASK, packs=12, quantity=12)
    for lot in range(8):
        work.given(MASK, lot=f"L{lot}")
    mate = comes(quarter.mate, DESK)
    mate.go("/release")
    expect(entries(mate)).to_have_count(9)
    expect(entries(mate).first).to_be_focused()
    keys = Keys(mate)
    for number in range(9):
        keys.press("Space", *(["j"] if number < 8 else []))
    expect(mate.page.locator("[data-count]")).to_have_text("(9)")
    keys.press("r")
    mate.sees("release.told.release", done=20)
    mate.sees("release.empty")
    assert keys.pressed <= 25
    assert mate.taps == 0
    expect(mate.page.locator("[data-live=polite]")).to_have_text(mate.say("release.told.release", done=20))


def test_twelve_identical_boxes_are_one_key_and_one_key_brings_them_back(
    comes: Comes, quarter: Quarter, work: Work
) -> None:
    work.given(MASK, packs=12, quantity=12)
    work.given(MASK, lot="B7")
    mate = comes(quarter.mate, DESK)
    mate.go("/release")
    expect(entries(mate).first).to_be_focused()
    mate.page.keyboard.press("r")
    mate.sees("release.told.release", done=12)
    expect(entries(mate)).to_have_count(1)
    expect(entries(mate).first).to_be_focused()
    mate.page.keyboard.press("u")
    mate.sees("release.undone", count=12)
    expect(entries(mate)).to_have_count(2)


def test_a_refusal_is_a_letter_and_the_number_of_its_reason_and_escape_closes_it(
    comes: Comes, quarter: Quarter, work: Work
) -> None:
    work.given(MASK, lot="A1")
    mate = comes(quarter.mate, DESK)
    mate.go("/release")
    expect(entries(mate).first).to_be_focused()
    mate.page.keyboard.press("x")
    expect(mate.page.locator("[data-fold=x][open]")).to_have_count(1)
    mate.page.keyboard.press("Escape")
    expect(mate.page.locator("[data-fold][open]")).to_have_count(0)
    expect(entries(mate).first).to_be_focused()
    mate.page.keyboard.press("x")
    mate.page.keyboard.press("2")
    mate.sees("release.told.refuse", done=1)


def test_no_key_fires_while_somebody_types(comes: Comes, quarter: Quarter, work: Work) -> None:
    resting = work.given(PARACETAMOL, lot="A1")
    assert resting["lines"]
    work.given(MASK, lot="A1")
    mate = comes(quarter.mate, DESK)
    mate.go("/release?mine=true")
    mate.main.locator("#f-goods").focus()
    mate.page.keyboard.type("rxu?")
    expect(entries(mate)).to_have_count(1)
    expect(mate.page.locator("[data-fold][open], [data-help][open], [data-told]")).to_have_count(0)
    entries(mate).first.focus()
    mate.page.keyboard.press("?")
    expect(mate.page.locator("[data-help][open]")).to_have_count(1)


def test_on_a_phone_without_scripts_it_is_forms_and_every_button_is_wide_enough(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    work.given(MASK, lot="A1")
    plain = comes(quarter.mate, PHONE, java_script_enabled=False)
    plain.go("/release")
    for button in entries(plain).first.locator("button:visible, label.choice:visible, summary:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 48, button.inner_text()
    plain.press("release.release")
    plain.sees("release.told.release", done=1)
