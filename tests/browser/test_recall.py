"""A batch is called back: stopped at once wherever it is, every door called, and closed only when nothing is left."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, expect

from distribution.journey import Counsel
from tests.browser.conftest import Comes, Served
from tests.browser.town import BLEACH, MASK, Quarter, Work
from tests.browser.visitor import DESK, Visitor

pytestmark = pytest.mark.browser
LOT, TITLE, SUMMARY = "R7", "外科口罩 R7 批召回", "已全部追回。"


class Reached(NamedTuple):
    """Where the batch is: a pack on a shelf, a care parcel, a packed parcel, and one that was handed over."""

    shelf: str
    bag: str
    parcel: str
    door: int


def reached(served: Served, work: Work, quarter: Quarter) -> Reached:
    """The batch on a shelf, in an assembled care parcel, in a parcel at the station, and behind a door."""
    handed_over(served, work, quarter)
    promised(work, "李测试", 1)
    work.packed()
    (waiting,) = work.phone.get(quarter.leader, "/api/parcels/ready")["parcels"]
    bag = care_parcel(work, quarter)
    shelf = pack_of(work, quarter, work.shelved(MASK, 3, lot=LOT)[0])
    return Reached(shelf=shelf, bag=bag, parcel=waiting["parcel"], door=quarter.doors[0].serial)


def promised(work: Work, name: str, door: int) -> None:
    work.shelved(MASK, 1, lot=LOT)
    work.need(work.resident(name, door), MASK)
    work.matched()


def handed_over(served: Served, work: Work, quarter: Quarter) -> None:
    promised(work, "王测试", 0)
    (label,) = work.packed()
    work.planned()
    work.phone.do(quarter.member, "/api/parcels/take-over", code=label)
    (parcel,) = [stop["parcel"] for stop in work.phone.get(quarter.member, "/api/rounds")["rounds"][0]["stops"]]
    told = {"ticks": list(Counsel), "receiver": "self", "phone_at": served.clock.now()}
    work.phone.do(quarter.member, "/api/parcels/hand-over", parcel=parcel, **told)


def pack_of(work: Work, quarter: Quarter, label: str) -> str:
    return str(work.phone.post(quarter.volunteer, "/api/scan", text=label)["meaning"]["subject"])


def care_parcel(work: Work, quarter: Quarter) -> str:
    lines = [{"item": work.town.items[code], "quantity": 1} for code in (MASK, BLEACH)]
    said = {"name_zh": "召回包", "name_en": "Recall kit", "valid_from": work.today, "lines": lines}
    kit = work.phone.do(quarter.coordinator, "/api/kits/recipes", **said)["id"]
    labels = work.shelved(MASK, 1, lot=LOT) + work.shelved(BLEACH, 1)
    packs = [pack_of(work, quarter, label) for label in labels]
    made = work.phone.do(quarter.volunteer, "/api/kits/assemble", kit=kit, station=quarter.station, packs=packs)
    return str(made["bags"][0])


def opens(medic: Visitor, served: Served) -> str:
    """A medic finds the item by name, adds the batch, and stops it."""
    medic.go("/recalls")
    medic.press("recall.open")
    medic.fill("recall.find", "外科口罩")
    medic.press("recall.find_go")
    medic.tap(medic.main.locator(f"a[href$='lines={MASK}']"))
    medic.fill("recall.field.lines", f"{MASK} {LOT}")
    medic.page.locator("input[name=title]").fill(TITLE)
    medic.choose("recall.severity.1")
    medic.fill("recall.field.advice", "请不要再用，放在一边，我们来取。")
    medic.press("recall.stop_now")
    medic.arrives("/recalls/[0-9a-f-]{36}")
    return medic.path


def row(visitor: Visitor, place: str) -> Locator:
    return visitor.main.locator("tr", has_text=place)


def test_a_recalled_batch_is_stopped_everywhere_called_after_and_closed_when_nothing_is_left(
    comes: Comes, served: Served, quarter: Quarter, work: Work
) -> None:
    there = reached(served, work, quarter)
    medic = comes(quarter.medic, size=DESK)
    page = opens(medic, served)

    # Every pack, place, parcel and door, on one screen.
    expect(medic.main.locator(f"a[href='/packs/{there.shelf}']")).to_be_visible()
    expect(row(medic, medic.say("place.kind.quarantine"))).to_contain_text(medic.say("recall.safe"))
    kit = medic.main.locator("tr", has=medic.page.locator(f"a[href='/kits/bags/{there.bag}']"))
    expect(kit).to_contain_text(medic.say("recall.in_kit"))
    medic.sees("recall.parcel_closed")
    medic.sees("parcel.door", serial=there.door)

    # It cannot be closed yet, and says what is left.
    medic.fill("recall.summary", SUMMARY)
    medic.press("recall.close_go")
    medic.sees("refusal.RECALL_UNFINISHED.detail", loose=1, kits=1, parcels=1, doors=1)

    expect(medic.main.locator("textarea[name=summary]")).to_have_value(SUMMARY)

    # One tap takes the care parcel apart.
    medic.tap(kit.locator("button"))
    medic.arrives(page + "#packs")
    expect(medic.main.locator(f"a[href='/kits/bags/{there.bag}']")).to_have_count(0)

    # The parcel at the station is opened there.
    volunteer = comes(quarter.volunteer)
    volunteer.go(page)
    volunteer.tap(volunteer.main.locator(f"a[href='/packing/{there.parcel}']"))
    volunteer.verdict("bad")
    volunteer.press("packing.unpack_do")
    volunteer.sees("journey.state.unpacked")

    # The door is called by those who serve it: no answer first, then reached.
    coordinator = comes(quarter.coordinator)
    for outcome in ("no_answer", "not_taken"):
        coordinator.go(page)
        coordinator.press("recall.show_door")
        coordinator.reads("王测试")
        coordinator.press(f"recall.outcome.{outcome}")
        coordinator.arrives(page + "#calls")
    coordinator.sees("recall.settled")

    medic.go(page)
    medic.fill("recall.summary", SUMMARY)
    medic.press("recall.close_go")
    medic.arrives(page)
    medic.sees("recall.report")
    medic.reads(SUMMARY)
    medic.page.emulate_media(media="print")
    expect(medic.main.get_by_role("heading", name=medic.say("recall.report"))).to_be_visible()
    expect(medic.main.locator("form")).to_have_count(0)
    assert medic.faults == []
