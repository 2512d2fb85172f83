"""The way of a parcel: packed by scanning, carried, handed over at the door or brought back."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Comes, Served
from tests.browser.town import BLEACH, ISATIS, MASK, PARACETAMOL, Quarter, Work
from tests.browser.visitor import DESK

pytestmark = pytest.mark.browser


def test_a_volunteer_packs_by_scanning_and_a_wrong_pack_is_refused_in_red_and_words(
    comes: Comes, quarter: Quarter, work: Work
) -> None:
    right = [work.shelved(MASK)[0], work.shelved(BLEACH)[0]]
    wrong = work.shelved(ISATIS)[0]
    blank = work.blank_labels()[0]
    work.need(work.old(), MASK, BLEACH)
    work.matched()

    volunteer = comes(quarter.volunteer)
    volunteer.go("/packing")
    volunteer.press("packing.go")
    volunteer.arrives("/packing/.+")
    answer = volunteer.main.locator("[data-outcome]")
    volunteer.scan(wrong)
    expect(answer).to_have_attribute("data-outcome", "wrong")
    expect(answer).to_have_class(re.compile(r"\bbad\b"))
    expect(answer).to_contain_text(volunteer.say("refusal.WRONG_PACK.title"))
    volunteer.scan(right[0])
    expect(answer).to_have_attribute("data-outcome", "ok")
    volunteer.scan(right[0])
    expect(answer).to_have_attribute("data-outcome", "duplicate")
    volunteer.scan(right[1])
    expect(answer).to_have_attribute("data-outcome", "ok")
    volunteer.press("packing.to_label")
    volunteer.sees("packing.packed_title")
    volunteer.scan(blank)
    volunteer.sees("packing.ready_title")

    for paper in ("packing.print_label", "packing.print_leaflet"):
        href = str(volunteer.named(volunteer.say(paper)).get_attribute("href"))
        file = volunteer.context.request.get(volunteer.address + href)
        assert file.headers["content-type"] == "application/pdf"
        assert file.body().startswith(b"%PDF")


def test_a_parcel_with_a_medicine_for_an_old_woman_waits_for_the_medic(
    comes: Comes, quarter: Quarter, work: Work
) -> None:
    work.shelved(PARACETAMOL)
    work.need(work.old(), PARACETAMOL)
    work.matched()
    volunteer = comes(quarter.volunteer)
    volunteer.go("/packing")
    volunteer.press("packing.look")
    volunteer.sees("packing.medic_title")
    expect(volunteer.main.locator("[data-scan]")).to_have_count(0)


def test_a_round_is_planned_walked_and_what_found_nobody_comes_back(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    for code in (PARACETAMOL, MASK):
        work.shelved(code, 2, packs=2)
    for name, door in (("王测试", 0), ("李测试", 2)):
        work.need(work.old(name, door), PARACETAMOL, MASK)
    work.matched()
    work.decided()
    labels = work.packed()
    assert len(labels) == 2

    leader = comes(quarter.leader, DESK)
    leader.go("/rounds")
    leader.press("round.make")
    leader.arrives("/rounds/.+")
    expect(leader.main.locator("tbody tr")).to_have_count(2)
    assert "王测试" not in leader.page.content()

    member = comes(quarter.member)
    member.go("/rounds")
    for label in labels:
        member.scan(label)
        expect(member.main.locator("[data-outcome=ok]")).to_be_visible()
    member.press("door.taken.go")
    expect(member.main.locator("article.card")).to_have_count(2)

    member.taps = 0
    member.tap(member.main.locator("article.card a.button.primary").first)
    member.arrives("/parcels/.+")
    for tick in ("name", "allergy", "pregnancy", "conditions", "home_medicine", "teach_back"):
        member.choose(f"journey.counsel.{tick}")
    counselled = member.taps
    member.choose("journey.receiver.self")
    member.press("door.hand_over")
    member.verdict("ok")
    member.sees("door.delivered")
    assert member.taps - counselled + 1 <= 5
    delivered = member.path

    member.press("door.next")
    other = member.main.locator("article.card a.button.primary")
    expect(other).to_have_count(1)
    member.tap(other)
    failed = member.path
    assert failed != delivered
    member.press("door.cannot")
    member.choose("journey.failure.no_answer")
    member.press("door.fail")
    member.verdict("hold")
    member.sees("journey.next.PHONE_AND_RETRY")

    volunteer = comes(quarter.volunteer)
    volunteer.go("/returns")
    volunteer.scan(work.phone.get(quarter.volunteer, f"/api{failed}")["label"])
    volunteer.sees("returns.question")
    volunteer.press("returns.sealed")
    volunteer.verdict("ok")
    volunteer.sees("journey.restock.hold_for_medic")


def test_a_hand_over_without_counselling_is_refused_and_what_was_ticked_stays(
    comes: Comes, quarter: Quarter, work: Work
) -> None:
    work.shelved(PARACETAMOL)
    work.need(work.old(), PARACETAMOL)
    work.matched()
    work.decided()
    label = work.packed()[0]
    work.planned()
    work.phone.do(quarter.member, "/api/parcels/take-over", code=label)
    member = comes(quarter.member)
    member.go("/rounds")
    member.tap(member.main.locator("article.card a.button.primary").first)
    member.choose("journey.counsel.name")
    member.choose("journey.receiver.self")
    member.press("door.hand_over")
    member.sees("refusal.HAND_OVER_INCOMPLETE.title")
    expect(member.main.locator("input[value=name]")).to_be_checked()
    expect(member.main.locator("input[name=receiver][value=self]")).to_be_checked()
