"""What is known from before: a trace code seen elsewhere (IN18), goods nobody asked for (IN19), too much (IN20)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, Invalid
from app.base.ids import new_id
from inventory.models import DonationLine, Item
from inventory.receiving import donations, sitting, traces
from inventory.receiving.donations import Receipt, ReceivedLine, TakeBack
from inventory.receiving.intake_facts import Look, Verdict
from inventory.receiving.printed_days import expiry_day, made_day
from inventory.receiving.sitting import NewBoxes
from inventory.receiving.trace_models import TraceSighting
from inventory.releasing.release import Grounds
from labels import registry
from tests.inventory import world as worlds
from tests.inventory.world import AMOXICILLIN, IBUPROFEN, LONG, MASKS, PARACETAMOL, World
from tests.inventory.world import THERMOMETER as DURABLE

CODE = "81234567890123456789"
SERIAL = "(01)06901234567892(21)XK77"
PHONE = "13800138000"


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def fresh(receipt: Receipt) -> list[ReceivedLine]:
    return [line for line in receipt.lines if line.line in receipt.fresh]


def found(receipt: Receipt) -> set[str]:
    return {reason.code for line in fresh(receipt) for reason in line.reasons}


def sightings(world: World) -> int:
    return world.db.read_now(
        lambda session: session.execute(select(func.count()).select_from(TraceSighting)).scalar_one()
    )


# ---------------------------------------------------------------- IN18


@pytest.mark.parametrize("code", [CODE, SERIAL, "ZB.2024/000017X"])
def test_a_trace_code_is_taken_once_and_the_second_time_stops_the_pack_at_any_station(world: World, code: str) -> None:
    assert "IN18_SEEN_BEFORE" not in found(world.receive(MASKS, trace_codes=(code,)))
    again = world.receive(MASKS, trace_codes=(code,), by="elsewhere", station=world.other_station)
    assert found(again) >= {"IN18_SEEN_BEFORE"}
    assert fresh(again)[0].verdict is Verdict.QUARANTINE
    assert sightings(world) == 2


def test_without_a_trace_code_nothing_is_looked_up_or_kept(world: World) -> None:
    world.receive(MASKS)
    world.receive(MASKS)
    assert sightings(world) == 0


def test_one_code_in_two_spellings_is_one_code(world: World) -> None:
    world.receive(MASKS, trace_codes=(CODE,))
    assert "IN18_SEEN_BEFORE" in found(world.receive(MASKS, trace_codes=(" 81234 56789 01234 56789 ",)))


def test_the_same_phone_sending_twice_is_no_second_sighting(world: World) -> None:
    key = new_id()
    assert world.receive(MASKS, key=key, trace_codes=(CODE,)) == world.receive(MASKS, key=key, trace_codes=(CODE,))
    assert sightings(world) == 1


def test_what_was_taken_back_may_be_received_again(world: World) -> None:
    got = world.receive(MASKS, trace_codes=(CODE,))
    undo = TakeBack(key=new_id(), line=got.fresh[0])
    world.db.write_now(donations.take_back, undo, world.people["volunteer"], world.now)
    assert "IN18_SEEN_BEFORE" not in found(world.receive(MASKS, trace_codes=(CODE,)))


def test_a_refused_pack_is_known_at_the_next_station_and_may_be_typed_anew_at_this_one(world: World) -> None:
    refused = world.receive(PARACETAMOL, expiry="2020-01", trace_codes=(CODE,))
    assert fresh(refused)[0].verdict is Verdict.REJECT
    assert "IN18_SEEN_BEFORE" not in found(world.receive(PARACETAMOL, expiry="2020-01", trace_codes=(CODE,)))
    there = world.receive(PARACETAMOL, trace_codes=(CODE,), by="elsewhere", station=world.other_station)
    assert "IN18_SEEN_BEFORE" in found(there)


@pytest.mark.parametrize(
    "text", ["12345678", "6901234567892", "690123456789", "https://example.cn/x", "国药准字H20041234", "短"]
)
def test_what_is_no_trace_code_is_refused_by_name(world: World, text: str) -> None:
    with pytest.raises(Invalid) as no:
        world.receive(MASKS, trace_codes=(text,))
    assert no.value.faults == (("line.trace_codes[0]", "trace_code", {}),)


def test_there_are_no_more_codes_than_boxes_and_none_twice(world: World) -> None:
    other = CODE[:-1] + "0"
    with pytest.raises(Invalid):
        world.receive(MASKS, trace_codes=(CODE, other))
    with pytest.raises(Invalid):
        world.receive(MASKS, quantity=2, trace_codes=(CODE, CODE))
    world.receive(MASKS, quantity=2, packs=2, trace_codes=(CODE, other))
    assert sightings(world) == 2


def test_a_repeated_code_is_an_alert_until_the_pack_is_decided(world: World) -> None:
    world.receive(MASKS, trace_codes=(CODE,))
    pack = fresh(world.receive(MASKS, trace_codes=(CODE,), by="elsewhere", station=world.other_station))[0].pack
    (alert,) = world.db.read_now(traces.alerts, world.people["medic"])
    assert (alert.pack, alert.code, alert.station) == (pack, CODE, world.other_station)
    assert [one.station_name for one in alert.before] == ["胜华一站"]
    assert world.db.read_now(traces.alerts, world.people["volunteer"]) == ()
    (blind,) = world.db.read_now(traces.alerts, world.people["elsewhere"])
    assert [one.station_name for one in blind.before] == [""]
    for who in ("medic", "coordinator"):
        world.release(pack, who, grounds=Grounds.CHECKED)
    assert world.db.read_now(traces.alerts, world.people["medic"]) == ()


def test_of_boxes_scanned_together_only_the_repeated_one_waits(world: World) -> None:
    world.receive(MASKS, trace_codes=(CODE,))
    got = boxes(world, MASKS, 3, trace_codes=(CODE[:-1] + "1", CODE, CODE[:-1] + "2"), labels=labels(world, 3))
    assert ["IN18_SEEN_BEFORE" in {reason.code for reason in line.reasons} for line in fresh(got)] == [
        False,
        True,
        False,
    ]


# ---------------------------------------------------------------- IN19


def unwant(world: World, code: str) -> None:
    def off(session: Any) -> None:
        facts = session.execute(select(Item.facts).where(Item.code == code)).scalar_one()
        session.execute(update(Item).where(Item.code == code).values(wanted=False, facts={**facts, "wanted": False}))

    world.db.write_now(off)


def test_what_nobody_asked_for_is_declined(world: World) -> None:
    unwant(world, MASKS)
    got = world.receive(MASKS)
    assert fresh(got)[0].verdict is Verdict.REJECT
    assert found(got) == {"IN19_NOT_WANTED"}


@pytest.mark.parametrize("who", ["coordinator", "office"])
def test_a_coordinator_at_the_counter_takes_it_all_the_same_and_says_why(world: World, who: str) -> None:
    unwant(world, MASKS)
    got = world.receive(MASKS, by=who, take_anyway="义诊点要用")
    assert (fresh(got)[0].verdict, found(got)) == (Verdict.ACCEPT, {"IN19_TAKEN_ANYWAY"})
    facts = world.db.read_now(
        lambda session: session.execute(select(DonationLine.facts).where(DonationLine.id == got.fresh[0])).scalar_one()
    )
    assert facts["donation"]["taken_anyway"] == "义诊点要用"


def test_a_volunteer_cannot_and_nobody_takes_what_the_law_forbids(world: World) -> None:
    unwant(world, MASKS)
    with pytest.raises(Forbidden):
        world.receive(MASKS, take_anyway="我想收")
    unwant(world, AMOXICILLIN)
    got = world.receive(AMOXICILLIN, by="coordinator", take_anyway="有人要")
    assert fresh(got)[0].verdict is Verdict.REJECT


# ---------------------------------------------------------------- IN20


@pytest.mark.parametrize(("quantity", "waits"), [(9, False), (10, False), (11, True)])
def test_more_than_ten_of_one_medicine_at_once_wait(world: World, quantity: int, waits: bool) -> None:
    assert ("IN20_BULK" in found(world.receive(PARACETAMOL, quantity=quantity))) is waits


def test_an_anonymous_donor_s_packs_count_within_the_donation_only(world: World) -> None:
    first = world.receive(PARACETAMOL, quantity=6)
    assert "IN20_BULK" not in found(world.receive(PARACETAMOL, quantity=4, donation=first.donation))
    assert "IN20_BULK" in found(world.receive(PARACETAMOL, quantity=1, donation=first.donation))
    assert "IN20_BULK" not in found(world.receive(PARACETAMOL, quantity=10))


def test_a_phone_s_packs_count_over_all_stations(world: World) -> None:
    world.receive(PARACETAMOL, quantity=6, donor_phone=PHONE)
    there = {"by": "elsewhere", "station": world.other_station, "donor_phone": "+86 138-0013-8000"}
    assert "IN20_BULK" not in found(world.receive(PARACETAMOL, quantity=4, **there))
    assert "IN20_BULK" in found(world.receive(PARACETAMOL, **there))
    assert "IN20_BULK" not in found(world.receive(IBUPROFEN, quantity=10, **there))
    assert "IN20_BULK" not in found(world.receive(PARACETAMOL, quantity=10, donor_phone="13900139000"))


@pytest.mark.parametrize(("days", "waits"), [(6, True), (7, False), (8, False)])
def test_a_phone_s_packs_count_for_seven_days(world: World, days: int, waits: bool) -> None:
    world.receive(PARACETAMOL, quantity=10, donor_phone=PHONE)
    now = world.now + timedelta(days=days)
    new = world.donation(PARACETAMOL, donor_phone=PHONE)
    got = world.db.write_now(
        worlds.intake.receive, world.vault, new, world.people["volunteer"], world.clock.day(now), now
    )
    assert ("IN20_BULK" in found(got)) is waits


def test_what_was_refused_or_taken_back_does_not_count(world: World) -> None:
    world.receive(PARACETAMOL, quantity=10, donor_phone=PHONE, expiry="2020-01")
    back = world.receive(PARACETAMOL, quantity=10, donor_phone=PHONE)
    undo = TakeBack(key=new_id(), line=back.fresh[0])
    world.db.write_now(donations.take_back, undo, world.people["volunteer"], world.now)
    assert "IN20_BULK" not in found(world.receive(PARACETAMOL, quantity=10, donor_phone=PHONE))


def labels(world: World, count: int) -> tuple[str, ...]:
    return world.db.write_now(registry.issue, count, world.station, world.people["volunteer"], world.now).codes


def boxes(world: World, code: str, count: int, **more: Any) -> Receipt:
    new = NewBoxes(
        key=new_id(), station=world.station, declared=True, looked=True, item=world.items[code], lot_number="B1",
        expiry=LONG, boxes=count, **more,
    )  # fmt: skip
    return world.db.write_now(
        sitting.receive_boxes, world.vault, new, world.people["volunteer"], world.today, world.now
    )


def test_twelve_boxes_with_a_label_each_are_as_many_as_twelve_in_a_bag(world: World) -> None:
    for got in (boxes(world, PARACETAMOL, 11, labels=labels(world, 3)), boxes(world, PARACETAMOL, 11, bag=True)):
        assert all("IN20_BULK" in {reason.code for reason in line.reasons} for line in fresh(got))
    ten = boxes(world, PARACETAMOL, 10, labels=labels(world, 4))
    assert "IN20_BULK" not in found(ten)


# ---------------------------------------------------------------- days


@pytest.mark.parametrize(
    "printed",
    ["2027-02-30", "2027-13", "2027-00", "27-05", "27/5/1", "2027-05-00", "2027", "20270532", "5/2027", "1e3"],
)
def test_a_day_that_cannot_be_is_named_in_its_field(printed: str) -> None:
    for read, field in ((expiry_day, "line.expiry"), (made_day, "line.made_on")):
        with pytest.raises(Invalid) as no:
            read(printed)
        assert no.value.faults[0][:2] == (field, "expiry")


def test_a_month_of_making_is_its_first_day_and_one_of_expiry_its_last(world: World) -> None:
    assert str(made_day("2026-02")) == "2026-02-01"
    assert str(expiry_day("2028年2月")) == "2028-02-29"
    assert "IN01_MADE" in found(world.receive(MASKS, made_on="2028-06"))
    assert "IN01_MADE" not in found(world.receive(MASKS, made_on="2025-01"))
    assert "IN01_MADE" in found(world.receive(DURABLE, made_on="2030-01", expiry="", lot_number="", look=Look()))
