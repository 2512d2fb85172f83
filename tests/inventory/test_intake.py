"""What happens to donated goods at the counter, from the donor's hands to hold, quarantine or a kind refusal."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.base import policy
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Invalid, KeyReused, NotFound
from app.base.ids import new_id
from inventory import ledger, stations
from inventory.errors import AlreadyTakenBack, ItemChoice, Moved, SittingOver, UnknownItem
from inventory.models import Donation, Movement, Pack, PlaceKind
from inventory.recalling import recalls
from inventory.receiving import donations, intake
from inventory.receiving.donations import Receipt, ReceivedLine, TakeBack
from inventory.receiving.intake import NewLine, expiry_day
from inventory.receiving.intake_facts import Look, Seal, Verdict
from labels import registry
from labels.codes import new_code
from labels.errors import LabelTaken, UnknownLabel
from tests.inventory import world as worlds
from tests.inventory.world import AMOXICILLIN, MASKS, PARACETAMOL, THERMOMETER, World

EPHEDRINE = "med-011"


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def only(receipt: Receipt) -> ReceivedLine:
    (fresh,) = receipt.fresh
    return next(line for line in receipt.lines if line.line == fresh)


def places_of(world: World, line: ReceivedLine) -> list[tuple[PlaceKind, int]]:
    found = world.db.read_now(ledger.whereabouts, line.pack)
    return [(place.kind, units) for place, units in found]


def test_a_good_pack_is_held_for_a_second_person(world: World) -> None:
    line = only(world.receive(MASKS, approval_number="国械注准20192140001"))
    assert line.verdict is Verdict.ACCEPT
    assert places_of(world, line) == [(PlaceKind.HOLD, 1)]


def test_a_doubtful_pack_waits_in_quarantine(world: World) -> None:
    line = only(world.receive(PARACETAMOL, look=Look(insert_present=False)))
    assert line.verdict is Verdict.QUARANTINE
    assert "IN07_NO_INSERT" in {reason.code for reason in line.reasons}
    assert places_of(world, line) == [(PlaceKind.QUARANTINE, 1)]


def test_a_refused_pack_is_written_down_with_its_reasons_and_gets_no_pack_and_no_label(world: World) -> None:
    line = only(world.receive(AMOXICILLIN))
    assert line.verdict is Verdict.REJECT
    assert line.reasons[0].code.startswith("IN08")
    assert (line.pack, line.label) == (None, None)
    assert world.db.read_now(ledger.count) == 0


def test_a_refusal_leaves_the_blank_label_blank(world: World) -> None:
    (code,) = _issue(world, 1)
    world.receive(AMOXICILLIN, label=code)
    assert only(world.receive(PARACETAMOL, label=code)).label == code


def test_an_expired_pack_is_refused_and_one_expiring_today_is_not_expired(world: World) -> None:
    today = world.today
    assert only(world.receive(expiry=(today - timedelta(days=1)).isoformat())).reasons[0].code == "IN01_EXPIRED"
    codes = {reason.code for reason in only(world.receive(expiry=today.isoformat())).reasons}
    assert "IN01_EXPIRED" not in codes


def test_what_nobody_looked_at_is_never_accepted(world: World) -> None:
    assert only(world.receive(PARACETAMOL, look=None)).verdict is Verdict.QUARANTINE


def test_without_the_donors_word_a_pack_waits(world: World) -> None:
    codes = {reason.code for reason in only(world.receive(declared=False)).reasons}
    assert "IN13_DECLARATION" in codes


@pytest.mark.parametrize("broken", [False, True])
def test_without_a_valid_policy_nothing_is_accepted_but_the_law_still_refuses(
    db: Database, clock: Clock, tmp_path: Path, broken: bool
) -> None:
    world = worlds.build(db, clock, tmp_path / "keys", with_policy=False)
    if broken:
        db.write_now(policy.enact, "intake", Look(), clock.today(), clock.now())
    line = only(world.receive(MASKS))
    assert (line.verdict, line.reasons[0].code) == (Verdict.QUARANTINE, "POLICY_MISSING")
    expired = only(world.receive(PARACETAMOL, expiry="2020-01"))
    assert (expired.verdict, expired.reasons[0].code) == (Verdict.REJECT, "IN01_EXPIRED")


def test_a_blank_label_that_was_stuck_on_is_bound_in_any_spelling(world: World) -> None:
    (code,) = _issue(world, 1)
    line = only(world.receive(label=f" {code[:4]}-{code[4:8]}-{code[8:]} ".lower()))
    assert line.label == code
    label = world.db.read_now(registry.look_up, code)
    assert label is not None
    assert (label.kind, label.subject) == ("pack", line.pack)


def test_without_a_label_a_fresh_code_is_issued_to_be_printed(world: World) -> None:
    line = only(world.receive())
    assert line.label is not None
    assert world.db.read_now(registry.code_of, line.pack) == line.label


def test_a_label_goes_on_one_pack_only_and_nothing_is_half_written(world: World) -> None:
    (code,) = _issue(world, 1)
    world.receive(label=code)
    before = world.db.read_now(_counts)
    with pytest.raises(LabelTaken):
        world.receive(label=code)
    with pytest.raises(UnknownLabel):
        world.receive(label=new_code())
    with pytest.raises(Invalid):
        world.receive(label="0000-0000-0000")
    assert world.db.read_now(_counts) == before


def test_twelve_equal_boxes_are_one_bag_or_twelve_labels(world: World) -> None:
    bag = world.receive(quantity=12)
    assert [line.quantity for line in bag.lines] == [12]
    each = world.receive(quantity=12, packs=12)
    assert [line.quantity for line in each.lines] == [1] * 12
    assert len({line.label for line in each.lines}) == 12
    with pytest.raises(Invalid):
        world.receive(quantity=12, packs=5)
    with pytest.raises(Invalid):
        world.receive(quantity=2, packs=2, label=_issue(world, 1)[0])


def test_packs_of_one_batch_and_expiry_are_one_lot_however_it_was_typed(world: World) -> None:
    first, second = world.pack(lot_number="ab 12"), world.pack(lot_number="ＡＢ12")
    third = world.pack(lot_number="AB12", expiry="2028-06")
    lots = world.db.read_now(lambda session: dict(session.execute(select(Pack.id, Pack.lot)).all()))
    assert lots[first] == lots[second] != lots[third]


def test_a_thermometer_needs_neither_batch_nor_expiry(world: World) -> None:
    line = only(world.receive(THERMOMETER, lot_number="", expiry=""))
    assert line.verdict is not Verdict.REJECT
    assert (line.lot_number, line.expiry) == ("", None)


def test_goods_outside_the_catalogue_wait_for_a_medic_under_the_name_the_volunteer_gave(world: World) -> None:
    line = only(world.receive(item=None, called="外用膏药"))
    assert (line.verdict, line.item, line.called) == (Verdict.QUARANTINE, None, "外用膏药")
    assert "IN21_UNKNOWN" in {reason.code for reason in line.reasons}
    with pytest.raises(UnknownItem):
        world.receive(item=None)


def test_an_unknown_barcode_is_remembered_once_somebody_said_what_it_is(world: World) -> None:
    gtin = "6901234567892"
    with pytest.raises(UnknownItem):
        world.receive(item=None, gtin=gtin)
    world.receive(PARACETAMOL, gtin=gtin)
    assert only(world.receive(item=None, gtin=gtin)).item == world.items[PARACETAMOL]
    world.receive(MASKS, gtin=gtin)
    with pytest.raises(ItemChoice):
        world.receive(item=None, gtin=gtin)


def test_the_same_sending_twice_has_one_effect(world: World) -> None:
    new = world.donation(PARACETAMOL, donor_phone="13800000000")
    args = (world.vault, new, world.people["volunteer"], world.today, world.now)
    first, second = world.db.write_now(intake.receive, *args), world.db.write_now(intake.receive, *args)
    assert first == second
    assert world.db.read_now(ledger.count) == 1


def test_a_key_with_another_body_is_refused(world: World) -> None:
    key = new_id()
    world.receive(key=key)
    with pytest.raises(KeyReused):
        world.receive(MASKS, key=key)


def test_more_lines_join_the_donation_of_the_sitting(world: World) -> None:
    first = world.receive(donor_phone="138 0000 0000")
    joined = world.receive(MASKS, donation=first.donation)
    assert joined.donation == first.donation
    assert joined.code == first.code
    assert len(joined.lines) == 2
    assert len(joined.fresh) == 1


def test_the_declaration_of_the_sitting_holds_for_its_later_lines(world: World) -> None:
    first = world.receive(MASKS)
    codes = {reason.code for reason in only(world.receive(MASKS, donation=first.donation, declared=False)).reasons}
    assert "IN13_DECLARATION" not in codes


def test_nobody_else_adds_to_a_donation_and_nobody_after_the_sitting(world: World, hands: Any) -> None:
    first = world.receive()
    with pytest.raises(SittingOver):
        world.receive(donation=first.donation, by="second")
    hands.at += timedelta(hours=13)
    with pytest.raises(SittingOver):
        world.receive(donation=first.donation)


def test_another_station_is_as_good_as_absent(world: World) -> None:
    with pytest.raises(NotFound):
        world.receive(station=world.other_station)
    with pytest.raises(NotFound):
        world.receive(station=new_id())
    first = world.receive()
    with pytest.raises(NotFound):
        world.db.read_now(donations.receipt, first.donation, world.people["elsewhere"])


def test_the_donors_phone_is_sealed_and_in_no_answer(world: World) -> None:
    got = world.receive(donor_phone="13812345678")
    row = world.db.read_now(lambda session: session.execute(select(Donation.phone, Donation.phone_blind)).one())
    assert b"13812345678" not in row.phone
    assert row.phone_blind == world.vault.blind("+86 138 1234 5678")
    assert "1381234" not in repr(got)


def test_a_third_ephedrine_pack_of_one_donor_within_a_week_is_refused_over_all_stations(
    world: World, hands: Any
) -> None:
    phone = "13800000001"
    assert only(world.receive(EPHEDRINE, donor_phone=phone)).verdict is Verdict.QUARANTINE
    there = {"station": world.other_station, "by": "elsewhere", "donor_phone": phone}
    assert only(world.receive(EPHEDRINE, **there)).verdict is Verdict.QUARANTINE
    third = only(world.receive(EPHEDRINE, donor_phone=phone))
    assert (third.verdict, third.reasons[0].code) == (Verdict.REJECT, "IN11_PACKS")
    assert only(world.receive(EPHEDRINE, donor_phone="13800000002")).verdict is Verdict.QUARANTINE
    hands.at += timedelta(days=7, minutes=1)
    assert only(world.receive(EPHEDRINE, donor_phone=phone)).verdict is Verdict.QUARANTINE


def test_an_anonymous_donors_ephedrine_packs_count_within_the_donation(world: World) -> None:
    first = world.receive(EPHEDRINE, quantity=2)
    assert only(world.receive(EPHEDRINE, donation=first.donation)).reasons[0].code == "IN11_PACKS"


def test_a_line_is_taken_back_in_one_tap_and_its_label_ends(world: World) -> None:
    line = only(world.receive())
    undone = _take_back(world, line)
    assert undone.lines[0].taken_back
    assert undone.lines[0].label is None
    assert places_of(world, line) == []
    label = world.db.read_now(registry.look_up, line.label)
    assert label is not None
    assert label.state.value == "void"
    with pytest.raises(AlreadyTakenBack):
        _take_back(world, line)
    assert list(world.db.read_now(lambda session: list(ledger.faults(session)))) == []


def test_taking_back_twice_with_one_key_is_one_reversal(world: World) -> None:
    undo = TakeBack(key=new_id(), line=only(world.receive()).line)
    args = (undo, world.people["volunteer"], world.now)
    assert world.db.write_now(donations.take_back, *args) == world.db.write_now(donations.take_back, *args)
    assert world.db.read_now(ledger.count) == 2


def test_a_refused_line_can_be_taken_back_too(world: World) -> None:
    assert _take_back(world, only(world.receive(AMOXICILLIN))).lines[0].taken_back


def test_only_the_receiver_takes_back_in_the_sitting_and_a_coordinator_later(world: World, hands: Any) -> None:
    line = only(world.receive())
    with pytest.raises(SittingOver):
        _take_back(world, line, by="second")
    with pytest.raises(NotFound):
        _take_back(world, line, by="elsewhere")
    hands.at += timedelta(days=1)
    with pytest.raises(SittingOver):
        _take_back(world, line)
    assert _take_back(world, line, by="coordinator").lines[0].taken_back


def test_what_was_released_cannot_be_taken_back(world: World) -> None:
    line = only(world.receive(MASKS))
    world.release(line.pack, "second")  # type: ignore[arg-type]
    with pytest.raises(Moved):
        _take_back(world, line)


@pytest.mark.parametrize("by", ["batch", "code", "number"])
def test_goods_that_are_called_back_wait_in_quarantine(world: World, by: str) -> None:
    number = "国械注准20192140001"
    said: dict[str, dict[str, Any]] = {
        "batch": {"item": world.items[MASKS], "lot_number": "r1"},
        "code": {"gtin": "06901234567892"},
        "number": {"approval": number},
    }
    new = recalls.NewRecall(key=new_id(), title="召回", severity=1, criteria=(recalls.Criterion(**said[by]),))
    world.db.write_now(recalls.open_recall, new, world.people["medic"], world.today, world.now)
    line = only(world.receive(MASKS, lot_number="R1", gtin="6901234567892", approval_number=number))
    assert (line.verdict, line.reasons[0].code) == (Verdict.QUARANTINE, "IN17_RECALLED")
    other = only(world.receive(MASKS, lot_number="R2"))
    assert "IN17_RECALLED" not in {reason.code for reason in other.reasons}


@pytest.mark.parametrize(
    ("printed", "last_good_day"),
    [
        ("2027-05", date(2027, 5, 31)),
        ("2027-5", date(2027, 5, 31)),
        ("2028.02", date(2028, 2, 29)),
        ("202705", date(2027, 5, 31)),
        ("20270512", date(2027, 5, 12)),
        ("2027/05/12", date(2027, 5, 12)),
        ("２０２７年５月", date(2027, 5, 31)),
        ("2027年5月12日", date(2027, 5, 12)),
        ("", None),
    ],
)
def test_an_expiry_is_read_as_it_is_printed(printed: str, last_good_day: date | None) -> None:
    assert expiry_day(printed) == last_good_day


@pytest.mark.parametrize("printed", ["2027", "2027-13", "2027-02-30", "05-2027", "20275", "1999-01", "soon", "2027-00"])
def test_a_date_that_is_none_is_asked_for_again(printed: str) -> None:
    with pytest.raises(Invalid) as no:
        expiry_day(printed)
    assert no.value.faults == (("line.expiry", "expiry", {}),)


def test_a_new_station_opens_with_its_places(world: World) -> None:
    found = world.db.read_now(stations.places, world.station)
    kinds = {found.hold.kind, found.quarantine.kind, found.reserved.kind, found.shelf.kind}
    assert kinds == {PlaceKind.HOLD, PlaceKind.QUARANTINE, PlaceKind.RESERVED, PlaceKind.SHELF}
    assert found.cabinet is not None
    assert found.shelf_for(True) == found.cabinet != found.shelf_for(False)


def _take_back(world: World, line: ReceivedLine, *, by: str = "volunteer") -> Receipt:
    undo = TakeBack(key=new_id(), line=line.line)
    return world.db.write_now(donations.take_back, undo, world.people[by], world.now)


def _issue(world: World, count: int) -> tuple[str, ...]:
    return world.db.write_now(registry.issue, count, world.station, world.people["volunteer"], world.now).codes


def _counts(session: Any) -> tuple[int, ...]:
    return tuple(
        session.execute(select(func.count()).select_from(table)).scalar() for table in (Pack, Donation, Movement)
    )


def test_a_new_line_has_the_safe_answers_by_default() -> None:
    assert NewLine().look is None
    assert Look().seal is Seal.SEALED
