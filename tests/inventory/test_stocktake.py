"""A stocktake is right even when goods move during it, stays blind, and corrects only what another person approved."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, KeyReused, NotFound
from app.base.ids import new_id
from inventory import ledger, packs, stations
from inventory.counting import stocktake
from inventory.counting.comparing import entries_of
from inventory.counting.stocktake_errors import (
    CounterCannotApprove,
    CountGone,
    CountOpen,
    CountOver,
    CountPromised,
    CountStale,
    LinesOpen,
    NotCounted,
    NothingCounted,
    OtherCounter,
    RecountNotStarted,
    WrongLine,
)
from inventory.counting.stocktake_models import LineState, StocktakeState
from inventory.releasing import hold
from labels import registry
from tests.conftest import Hands
from tests.inventory import world as worlds
from tests.inventory.count_world import Hall
from tests.inventory.world import MASKS, PARACETAMOL

SHELF, OTHER, CABINET, HELD, QUARANTINE = "货架A", "货架B", "药品柜", "留存箱", "待检箱"


@pytest.fixture
def hall(db: Database, clock: Clock, hands: Hands, tmp_path: Path) -> Hall:
    return Hall(worlds.build(db, clock, tmp_path / "keys"), hands)


def bag(hall: Hall, units: int = 10) -> UUID:
    return hall.world.shelved(MASKS, quantity=units)


def differing(hall: Hall, pack: UUID, units: int) -> UUID:
    """A line about a bag on the shelf of which two people counted so many units."""
    hall.open(SHELF)
    hall.scan(pack, SHELF, units)
    hall.finish()
    line = hall.line().id
    hall.recount(line, (pack, SHELF, units))
    return line


# ---------------------------------------------------------------- right even when goods move


def test_a_count_that_agrees_with_the_books_is_over_at_once(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 10)
    hall.finish()
    assert (hall.lines(), hall.state()) == ([], StocktakeState.CLOSED)


def test_what_leaves_after_its_scan_is_not_missing(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 10)
    hall.give_out(pack, 4, SHELF)
    hall.finish()
    assert hall.lines() == []


def test_what_left_before_its_scan_is_not_missing(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.give_out(pack, 4, SHELF)
    hall.scan(pack, SHELF, 6)
    hall.finish()
    assert hall.lines() == []


def test_what_arrives_after_the_counter_has_passed_is_not_missing(hall: Hall) -> None:
    first = bag(hall)
    hall.open(SHELF)
    hall.scan(first, SHELF, 10)
    hall.later()
    bag(hall)
    hall.finish()
    assert hall.lines() == []


def test_what_nobody_saw_is_missing_only_as_far_as_it_stood_there_throughout(hall: Hall) -> None:
    pack, seen = bag(hall), bag(hall, 2)
    hall.open(SHELF)
    hall.scan(seen, SHELF, 2)
    hall.give_out(pack, 3, SHELF)
    hall.finish()
    (entry,) = entries_of(hall.line())
    assert (entry.pack, entry.counted, entry.rest) == (pack, None, -7)


def test_a_whole_pack_that_left_during_the_count_is_not_missing(hall: Hall) -> None:
    pack, seen = bag(hall), bag(hall, 2)
    hall.open(SHELF)
    hall.scan(seen, SHELF, 2)
    hall.give_out(pack, 10, SHELF)
    hall.finish()
    assert hall.lines() == []


def test_promised_packs_still_stand_on_the_shelf(hall: Hall) -> None:
    pack = bag(hall)
    hall.reserve(pack, 6, SHELF)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 10)
    hall.finish()
    assert hall.lines() == []


def test_goods_on_another_shelf_are_moved_not_lost_and_found(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF, OTHER)
    hall.scan(pack, OTHER, 10)
    hall.finish()
    line = hall.line()
    assert (line.place, line.state) == (hall.place(OTHER), LineState.DECIDE)
    hall.approve(line.id)
    assert hall.where(pack) == {OTHER: 10}
    assert hall.state() is StocktakeState.CLOSED


def test_goods_that_a_count_finds_elsewhere_are_moved_though_their_own_place_is_not_counted(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(OTHER)
    hall.scan(pack, OTHER, 10)
    hall.finish()
    hall.approve(hall.line().id)
    assert hall.where(pack) == {OTHER: 10}


def test_a_bag_seen_half_here_and_half_there_is_nowhere_counted_twice(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF, OTHER)
    hall.scan(pack, SHELF, 6)
    hall.scan(pack, OTHER, 4)
    hall.finish()
    hall.approve(hall.line().id)
    assert hall.where(pack) == {SHELF: 6, OTHER: 4}


def test_a_count_never_releases_what_waits_in_hold(hall: Hall) -> None:
    pack = hall.world.pack(PARACETAMOL)
    hall.open(CABINET)
    hall.scan(pack, CABINET)
    hall.finish()
    hall.approve(hall.line().id)
    assert list(hall.where(pack)) == [HELD]


def test_a_scan_that_a_phone_sends_late_speaks_of_its_own_moment_whatever_the_phone_s_clock_says(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.later(minutes=10)
    hall.give_out(pack, 4, SHELF)
    phone = hall.now - timedelta(days=900)
    hall.scan(pack, SHELF, 10, scanned_at=phone, sent_at=phone + timedelta(minutes=5))
    hall.finish()
    assert hall.lines() == []


def test_a_phone_cannot_date_a_scan_before_the_stocktake_or_into_the_future(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    opened = hall.now
    hall.scan(pack, SHELF, 10, scanned_at=hall.now - timedelta(days=3), sent_at=hall.now)
    hall.scan(pack, SHELF, 10, scanned_at=hall.now + timedelta(days=3), sent_at=hall.now)
    made = hall.db.read_now(stocktake.scans, hall.take)
    assert [one.at for one in made] == [opened, hall.now]


# ---------------------------------------------------------------- blind, by several, again by another


def test_several_count_at_once_and_the_last_count_of_a_bag_stands(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    assert not hall.scan(pack, SHELF, 9).again
    assert hall.scan(pack, SHELF, 10, by="second").again
    hall.finish()
    assert hall.lines() == []


def test_a_scan_sent_twice_counts_once_and_with_another_number_is_refused(hall: Hall) -> None:
    pack, key = bag(hall), new_id()
    hall.open(SHELF)
    first = hall.scan(pack, SHELF, 10, key=key)
    assert hall.scan(pack, SHELF, 10, key=key) == first
    with pytest.raises(KeyReused):
        hall.scan(pack, SHELF, 9, key=key)


def test_a_scan_taken_back_is_as_if_it_had_not_been(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 10)
    wrong = hall.scan(pack, SHELF, 3).scan
    assert wrong is not None
    with pytest.raises(NotFound):
        hall.withdraw(wrong, by="second")
    hall.withdraw(wrong)
    hall.withdraw(wrong)
    hall.finish()
    assert hall.lines() == []


def test_the_answer_to_a_scan_is_the_same_whatever_the_books_say(hall: Hall) -> None:
    there, elsewhere, gone = (hall.world.shelved(MASKS) for _ in range(3))
    hall.move(elsewhere, OTHER)
    hall.give_out(gone, 1, SHELF)
    hall.open(SHELF)
    told = {str(msgspec.structs.replace(hall.scan(pack, SHELF), scan=None)) for pack in (there, elsewhere, gone)}
    assert len(told) == 1


def test_a_bag_asks_how_many_are_in_it_and_writes_nothing_down_before(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    asked = hall.scan(pack, SHELF)
    assert (asked.ask, asked.scan) == (True, None)
    assert hall.db.read_now(stocktake.scans, hall.take) == []


def test_a_difference_is_counted_again_by_another_person(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 9)
    hall.finish()
    line = hall.line().id
    with pytest.raises(OtherCounter):
        hall.start(line, by="volunteer")
    with pytest.raises(RecountNotStarted):
        hall.scan(pack, SHELF, 9, by="second", line=line)
    hall.recount(line, (pack, SHELF, 9))
    assert hall.line().state is LineState.DECIDE


def test_two_counts_that_disagree_need_a_third_and_the_third_stands(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 9)
    hall.finish()
    line = hall.line().id
    hall.recount(line, (pack, SHELF, 8))
    assert hall.line().state is LineState.RECOUNT
    with pytest.raises(OtherCounter):
        hall.start(line, by="second")
    hall.recount(line, (pack, SHELF, 8), by="third")
    hall.approve(line)
    assert hall.where(pack) == {SHELF: 8}


def test_a_miscount_that_the_third_count_clears_needs_nobody_s_word(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 9)
    hall.finish()
    line = hall.line().id
    hall.recount(line, (pack, SHELF, 10))
    hall.recount(line, (pack, SHELF, 10), by="third")
    assert (hall.line().state, hall.state()) == (LineState.RIGHT, StocktakeState.CLOSED)


def test_two_counts_agree_by_the_difference_though_goods_left_in_between(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 9)
    hall.finish()
    hall.give_out(pack, 5, SHELF)
    line = hall.line().id
    hall.recount(line, (pack, SHELF, 4))
    hall.approve(line)
    assert hall.where(pack) == {SHELF: 4}


def test_a_recount_takes_only_the_goods_it_is_about(hall: Hall) -> None:
    pack, other = bag(hall), hall.world.shelved(MASKS, lot_number="C1")
    hall.open(SHELF)
    hall.scan(pack, SHELF, 9)
    hall.scan(other, SHELF)
    hall.finish()
    line = hall.line().id
    hall.start(line)
    with pytest.raises(WrongLine):
        hall.scan(other, SHELF, by="second", line=line)


def test_a_person_counts_several_lines_of_a_place_again_in_one_go(hall: Hall) -> None:
    first, second = bag(hall), hall.world.shelved(MASKS, quantity=5, lot_number="C1")
    hall.open(SHELF)
    hall.scan(first, SHELF, 9)
    hall.scan(second, SHELF, 4)
    hall.finish()
    with pytest.raises(CountOver):
        hall.scan(first, SHELF, 9, by="second")
    for line in hall.lines():
        hall.start(line.id)
    hall.scan(first, SHELF, 9, by="second")
    hall.scan(second, SHELF, 5, by="second")
    with pytest.raises(WrongLine):
        hall.scan(hall.world.shelved(MASKS, lot_number="D1"), SHELF, by="second")
    for line in hall.lines():
        hall.end_recount(line.id)
    assert {line.state for line in hall.lines()} == {LineState.DECIDE, LineState.RECOUNT}


def test_a_pack_that_is_missing_twice_goes_off_the_books(hall: Hall) -> None:
    pack, seen = hall.world.shelved(MASKS), hall.world.shelved(MASKS)
    hall.open(SHELF)
    hall.scan(seen, SHELF)
    hall.finish()
    line = hall.line().id
    hall.recount(line, (seen, SHELF, None))
    hall.approve(line)
    assert (hall.where(pack), hall.where(seen)) == ({}, {SHELF: 1})


# ---------------------------------------------------------------- approved by another, all or nothing


def test_whoever_counted_cannot_approve_nor_can_a_volunteer(hall: Hall) -> None:
    line = differing(hall, bag(hall), 9)
    with pytest.raises(Forbidden):
        hall.approve(line, by="third")
    counter = hall.world.people["volunteer"]
    hall.world.people["promoted"] = type(counter)(
        account=counter.account,
        role=hall.world.people["coordinator"].role,
        communities=frozenset({hall.world.community}),
    )
    with pytest.raises(CounterCannotApprove):
        hall.approve(line, by="promoted")


def test_an_approval_sent_twice_corrects_once(hall: Hall) -> None:
    pack, key = bag(hall), new_id()
    line = differing(hall, pack, 9)
    assert hall.approve(line, key=key) == hall.approve(line, key=key)
    assert hall.where(pack) == {SHELF: 9}
    assert hall.faults() == []


def test_surplus_of_a_known_label_waits_for_its_release_and_stands_on_no_shelf(hall: Hall) -> None:
    pack = bag(hall)
    hall.approve(differing(hall, pack, 12))
    assert hall.where(pack) == {SHELF: 10, HELD: 2}


def test_a_refused_variance_is_counted_once_more(hall: Hall) -> None:
    pack = bag(hall)
    line = differing(hall, pack, 9)
    hall.refuse(line)
    assert hall.line().state is LineState.RECOUNT
    with pytest.raises(OtherCounter):
        hall.start(line, by="second")
    hall.recount(line, (pack, SHELF, 10), by="third")
    assert hall.line().state is LineState.RIGHT


def test_goods_that_have_gone_meanwhile_leave_the_line_open_and_nothing_corrected(hall: Hall) -> None:
    gone, other = bag(hall), hall.world.shelved(MASKS, quantity=5, lot_number="C1")
    hall.open(SHELF)
    hall.scan(gone, SHELF, 7)
    hall.scan(other, SHELF, 4)
    hall.finish()
    lines = {entries_of(line)[0].pack: line.id for line in hall.lines()}
    hall.recount(lines[gone], (gone, SHELF, 7))
    hall.recount(lines[other], (other, SHELF, 4))
    hall.give_out(gone, 9, SHELF)
    with pytest.raises(CountGone):
        hall.approve(*lines.values())
    assert (hall.where(gone), hall.where(other)) == ({SHELF: 1}, {SHELF: 5})
    assert len(hall.lines(LineState.DECIDE)) == 2
    hall.approve(lines[other])
    assert hall.where(other) == {SHELF: 4}


def test_what_is_missing_but_promised_says_so(hall: Hall) -> None:
    pack = bag(hall)
    hall.reserve(pack, 8, SHELF)
    line = differing(hall, pack, 5)
    with pytest.raises(CountPromised):
        hall.approve(line)
    assert hall.line().state is LineState.DECIDE


def test_unlabelled_goods_become_a_pack_of_their_own_in_quarantine_and_wait_for_another_person(hall: Hall) -> None:
    item = hall.world.items[PARACETAMOL]
    hall.open(CABINET)
    hall.found(CABINET, 2, item=item, lot_number="b 77", expiry="2028-05")
    hall.finish()
    line = hall.line().id
    hall.start(line)
    hall.found(CABINET, 2, by="second", line=line, item=item, lot_number="B77", expiry="2028-05")
    hall.end_recount(line)
    (pack,) = hall.approve(line).found
    assert hall.where(pack) == {QUARANTINE: 2}
    assert hall.db.read_now(registry.code_of, pack) is not None
    case = hall.db.read_now(hold.held, pack, hall.world.today)
    assert case is not None
    assert case.own(hall.world.people["second"])
    assert case.own(hall.world.people["coordinator"])


def test_unknown_goods_without_a_label_keep_what_people_call_them(hall: Hall) -> None:
    hall.open(SHELF)
    hall.found(SHELF, 1, called="旧血压计")
    hall.finish()
    line = hall.line().id
    hall.start(line)
    hall.found(SHELF, 1, by="second", line=line, called="旧血压计")
    hall.end_recount(line)
    (pack,) = hall.approve(line).found
    story = hall.db.read_now(packs.pack_history, pack, hall.world.people["medic"], hall.world.today)
    assert (story.called, story.donation) == ("旧血压计", None)


# ---------------------------------------------------------------- opening and ending


def test_a_place_is_in_one_open_stocktake_at_a_time(hall: Hall) -> None:
    hall.open(SHELF)
    with pytest.raises(CountOpen):
        hall.open(SHELF, OTHER)
    hall.open(OTHER)


def test_a_place_of_another_station_or_kind_is_not_counted(hall: Hall) -> None:
    theirs = hall.place(SHELF, hall.world.other_station)
    order = stocktake.OpenStocktake(key=new_id(), station=hall.world.station, places=(theirs,))
    with pytest.raises(NotCounted):
        hall.do(stocktake.open_stocktake, order, "volunteer")
    with pytest.raises(NotFound):
        hall.do(stocktake.open_stocktake, order, "elsewhere")


def test_an_empty_place_is_said_to_be_empty(hall: Hall) -> None:
    hall.open(OTHER)
    with pytest.raises(NothingCounted):
        hall.finish()
    hall.finish(empty=True)
    assert hall.state() is StocktakeState.CLOSED


def test_a_scan_that_comes_after_the_count_ended_is_told_so(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    hall.scan(pack, SHELF, 9)
    hall.finish()
    with pytest.raises(CountOver):
        hall.scan(pack, SHELF, 10)


def test_open_differences_are_left_only_on_purpose(hall: Hall) -> None:
    pack = bag(hall)
    differing(hall, pack, 9)
    with pytest.raises(LinesOpen):
        hall.end()
    hall.end(leave=True)
    assert (hall.line().state, hall.state(), hall.where(pack)) == (
        LineState.LEFT,
        StocktakeState.CLOSED,
        {SHELF: 10},
    )


def test_somebody_from_another_station_sees_no_stocktake(hall: Hall) -> None:
    pack = bag(hall)
    hall.open(SHELF)
    with pytest.raises(NotFound):
        hall.scan(pack, SHELF, 10, by="elsewhere")


def test_books_put_right_after_the_count_make_it_stale(hall: Hall) -> None:
    pack = bag(hall)
    line = differing(hall, pack, 9)
    own = hall.db.read_now(stations.places, hall.world.station)
    args = (pack, 1, own.shelf, ledger.BY_CORRECTION, "lost", hall.world.people["volunteer"])
    hall.db.write_now(ledger.move, *args, hall.later())
    with pytest.raises(CountStale):
        hall.approve(line)
    assert hall.where(pack) == {SHELF: 9}
