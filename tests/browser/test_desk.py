"""What is decided at a desk: releases by keyboard, needs, plans and their reasons, the medic's queue, access, audit."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Comes, Served
from tests.browser.town import ISATIS, MASK, PARACETAMOL, Quarter, Work
from tests.browser.visitor import DESK, Visitor

pytestmark = pytest.mark.browser


def waiting(visitor: Visitor, count: int) -> None:
    """So many cases stand on the page, and the first of them has the focus."""
    expect(visitor.page.locator("[data-queue-item]")).to_have_count(count)
    if count:
        expect(visitor.page.locator("[data-queue-item]").first).to_be_focused()


def test_who_took_it_in_is_told_why_somebody_else_must_release_it(comes: Comes, quarter: Quarter, work: Work) -> None:
    work.given(MASK)
    volunteer = comes(quarter.volunteer)
    volunteer.go("/release")
    volunteer.sees("release.own")
    expect(volunteer.named(volunteer.say("release.release"))).to_have_count(0)


def test_a_coordinator_records_a_need_matches_and_sees_why_yes_and_why_no(
    comes: Comes, quarter: Quarter, work: Work
) -> None:
    work.shelved(MASK, 5)
    resident = work.old()
    work.need(resident, ISATIS)
    coordinator = comes(quarter.coordinator, DESK)
    coordinator.go("/stock")
    masks = coordinator.main.locator("tr", has=coordinator.page.locator(f"a[href*='{work.town.items[MASK]}']")).first
    expect(masks).to_contain_text("5")

    coordinator.go("/needs")
    coordinator.press("need.new")
    coordinator.fill("need.door", str(quarter.doors[0].serial))
    coordinator.press("ui.word.search")
    coordinator.tap(coordinator.main.locator("a.tile"))
    coordinator.tap(coordinator.main.locator(f"label.choice:has([value='item:{work.town.items[MASK]}'])"))
    coordinator.press("need.record")
    coordinator.sees("need.done.recorded")

    coordinator.go("/plans")
    coordinator.press("plan.run", community=f"{quarter.name}社区")
    coordinator.arrives("/plans/.+")
    coordinator.sees("plan.said.proposed")
    for outcome, words in (
        ("allotted", coordinator.say("matching.MATCH_LOT", fitting=1, expiry=f"{work.today.year + 2}-05-31")),
        ("refused", coordinator.say("matching.NO_STOCK_OF_CLASS")),
    ):
        row = coordinator.main.locator("tr", has_text=coordinator.say(f"plan.outcome.{outcome}")).last
        if outcome == "allotted":
            coordinator.tap(row.locator("summary"))
        expect(row.get_by_text(words)).to_be_visible()
    coordinator.press("plan.approve")
    coordinator.sees("plan.said.approved")
    coordinator.sees("plan.outcome.promised")


def test_a_medic_clears_the_queue_of_resident_medicines_by_keyboard(comes: Comes, quarter: Quarter, work: Work) -> None:
    work.shelved(PARACETAMOL)
    work.shelved(ISATIS)
    work.need(work.old(), PARACETAMOL, ISATIS)
    work.matched()
    medic = comes(quarter.medic, DESK)
    medic.go("/medic")
    waiting(medic, 2)
    medic.sees("flag.hypertension")
    assert "王测试" not in medic.page.content()
    medic.page.keyboard.press("f")
    waiting(medic, 1)
    medic.page.keyboard.press("x")
    medic.sees("medic.empty")
    assert medic.taps == 0


def test_an_auditor_reads_who_did_what_in_words(comes: Comes, served: Served, quarter: Quarter, work: Work) -> None:
    work.given(MASK)
    auditor = comes(served.town.auditor, DESK)
    auditor.go("/audit")
    auditor.reads(quarter.volunteer.handle)
    auditor.sees("audit.verb.donation.receive")
    assert "13800138000" not in auditor.page.content()


def test_ending_an_account_signs_the_other_phone_out_at_its_next_tap(
    comes: Comes, served: Served, quarter: Quarter
) -> None:
    administrator = comes(served.town.administrator, DESK)
    administrator.go("/people")
    administrator.press("account.people.add")
    administrator.choose("role.volunteer")
    administrator.fill("account.handle", "V-900")
    administrator.main.locator("[name=place]").select_option(label=f"{quarter.name}服务站")
    administrator.press("account.people.invite")
    link = administrator.main.locator("a[href*='/join/']")
    expect(administrator.main.locator("figure.qr svg")).to_be_visible()

    newcomer = comes()
    newcomer.go(str(link.get_attribute("href")).removeprefix(served.address))
    newcomer.fill("account.join.pin", "5382")
    newcomer.press("account.join.go")
    newcomer.arrives("/")

    administrator.press("ui.word.done")
    administrator.arrives("/people")
    administrator.go("/people?after=V-8")
    row = administrator.main.locator("tr", has_text="V-900")
    administrator.tap(row.locator("summary"))
    administrator.tap(row.get_by_role("button", name=administrator.say("account.people.end")))
    expect(administrator.main.locator("tr", has_text="V-900")).to_contain_text(administrator.say("account.is.ended"))
    newcomer.press("home.stock")
    newcomer.arrives("/sign-in")
