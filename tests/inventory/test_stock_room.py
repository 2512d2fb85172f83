"""Thresholds, shortages, what runs out, alerts and histories: always the present ledger's word."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from app.base import policy
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Invalid, NotFound
from app.base.ids import new_id
from inventory import ledger, stations
from inventory.errors import AlertOver
from inventory.ledger import Spot
from inventory.models import Lot, Place, PlaceKind
from inventory.moving.transfer_models import Transfer, TransferState
from inventory.stock import alerts, histories, horizon, levels, shortages, thresholds
from inventory.stock.alerts import Sign, StockAlert, TakeAlert
from inventory.stock.histories import Of
from inventory.stock.horizon import Todo
from inventory.stock.thresholds import LevelPolicy, SetLevel, SetLevels
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def typed(world: World, code: str, low: int | None, enough: int | None, **more: Any) -> SetLevel:
    return SetLevel(item=world.items[code], low=low, enough=enough, **more)


def set_levels(world: World, *lines: SetLevel, by: str = "coordinator", key: UUID | None = None) -> int:
    order = SetLevels(key=key or new_id(), levels=lines)
    return world.db.write_now(thresholds.set_levels, order, world.people[by], world.now).changed


def at(world: World, code: str, station: UUID) -> levels.Level:
    found = world.db.read_now(levels.levels, world.people["coordinator"], world.today).by_station
    return next(one for one in found if (one.code, one.station) == (code, station))


def give(world: World, pack: UUID, quantity: int, to: Spot = ledger.TO_RESIDENTS, reason: str = "hand-over") -> None:
    def verb(session: Any) -> None:
        place = ledger.whereabouts(session, pack)[0][0]
        source = Spot(place.id, place.kind)
        ledger.move(session, pack, quantity, source, to, reason, world.people["volunteer"], world.now)

    world.db.write_now(verb)


def found(world: World, by: str = "coordinator") -> list[StockAlert]:
    return list(world.db.read_now(alerts.alerts, world.people[by], world.today))


def signs(world: World, by: str = "coordinator") -> set[Sign]:
    return {one.sign for one in found(world, by)}


def look(world: World, by: str = "coordinator") -> dict[Sign, bool]:
    return {one.sign: one.new for one in world.db.write_now(alerts.look, world.people[by], world.today, world.now)}


# ---------------------------------------------------------------- thresholds


def test_a_station_s_own_figures_go_before_the_item_s_and_these_before_the_policy_s(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    world.db.write_now(policy.enact, "levels", LevelPolicy(version="1", low=1, enough=2), world.today, world.now)
    assert (at(world, MASKS, world.station).low, at(world, MASKS, world.station).surplus) == (1, 3)
    assert set_levels(world, typed(world, MASKS, 4, 8), by="office") == 1
    assert (at(world, MASKS, world.station).low, at(world, MASKS, world.station).short) == (4, False)
    assert set_levels(world, typed(world, MASKS, 5, 8, station=world.station)) == 1
    assert at(world, MASKS, world.station).short


def test_figures_taken_back_leave_the_general_ones_and_every_row_stays(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    set_levels(world, typed(world, MASKS, 5, 8, station=world.station))
    assert set_levels(world, typed(world, MASKS, 5, 8, station=world.station)) == 0
    assert set_levels(world, typed(world, MASKS, None, None, station=world.station)) == 1
    assert not at(world, MASKS, world.station).short
    last = world.db.read_now(thresholds.typed_last)[world.items[MASKS], world.station]
    assert (last.low, last.by) == (None, world.people["coordinator"].account)


def test_an_item_that_ran_out_where_it_should_be_is_listed_there_as_short(world: World) -> None:
    set_levels(world, typed(world, MASKS, 5, 8, station=world.other_station))
    assert at(world, MASKS, world.other_station).short
    assert signs(world) == {Sign.OUT}


def test_a_coordinator_sets_the_own_stations_figures_only_and_the_office_everybody_s(world: World) -> None:
    with pytest.raises(NotFound):
        set_levels(world, typed(world, MASKS, 1, 2))
    with pytest.raises(NotFound):
        set_levels(world, typed(world, MASKS, 1, 2, station=new_id()))


def test_wrong_figures_are_named_by_line_and_nothing_is_kept(world: World) -> None:
    lines = (
        typed(world, MASKS, 3, 2, station=world.station),
        typed(world, PARACETAMOL, 3, None, station=world.station),
        typed(world, PARACETAMOL, 3, 4, station=world.station),
    )
    with pytest.raises(Invalid) as no:
        set_levels(world, *lines)
    assert [(field, code) for field, code, _ in no.value.faults] == [
        ("levels.0", "at_least"), ("levels.1", "both"), ("levels.2", "repeated"),
    ]  # fmt: skip
    assert world.db.read_now(thresholds.typed_last) == {}


def test_figures_sent_twice_are_kept_once(world: World) -> None:
    key, line = new_id(), typed(world, MASKS, 5, 8, station=world.station)
    assert [set_levels(world, line, key=key), set_levels(world, line, key=key)] == [1, 1]


# ---------------------------------------------------------------- balance


def test_the_station_with_more_than_enough_is_asked_to_help_the_one_that_is_short(world: World) -> None:
    world.shelved(MASKS, quantity=5, expiry="2027-06", lot_number="EARLY")
    world.shelved(MASKS, quantity=20, expiry="2029-01", lot_number="LATE")
    set_levels(world, *(typed(world, MASKS, 2, 10, station=one) for one in (world.station, world.other_station)))
    (one,) = world.db.read_now(shortages.balance, world.people["coordinator"], world.today).suggestions
    assert (one.source, one.target, one.quantity, one.source_left, one.target_then) == (
        world.station, world.other_station, 10, 15, 10,
    )  # fmt: skip
    assert [(lot.lot_number, lot.quantity) for lot in one.lots] == [("EARLY", 5), ("LATE", 5)]
    assert world.db.read_now(shortages.balance, world.people["elsewhere"], world.today).suggestions == ()


def test_expired_stock_masks_no_shortage_and_is_never_suggested(world: World, hands: Any) -> None:
    soon = (world.today + timedelta(days=200)).isoformat()
    world.shelved(MASKS, quantity=30, expiry=soon)
    set_levels(world, *(typed(world, MASKS, 2, 10, station=one) for one in (world.station, world.other_station)))
    assert not at(world, MASKS, world.station).short
    hands.at += timedelta(days=201)
    here = at(world, MASKS, world.station)
    assert (here.short, here.surplus, here.units.available, here.units.expired) == (True, 0, 0, 30)
    assert world.db.read_now(shortages.balance, world.people["coordinator"], world.today).suggestions == ()


def test_what_is_on_the_way_belongs_to_the_sender_until_it_is_received(world: World) -> None:
    pack = world.shelved(MASKS, quantity=5)
    place, transfer = new_id(), new_id()

    def verb(session: Any) -> None:
        on_way = {"id": place, "kind": PlaceKind.TRANSIT, "name": "", "station": world.other_station}
        session.execute(insert(Place).values(**on_way, holder=transfer))
        session.execute(
            insert(Transfer).values(
                id=transfer, source=world.station, target=world.other_station, place=place,
                state=TransferState.SENT, made_by=new_id(), made_at=world.now,
            )
        )  # fmt: skip

    world.db.write_now(verb)
    give(world, pack, 5, Spot(place, PlaceKind.TRANSIT), "transfer-send")
    units = at(world, MASKS, world.station).units
    assert (units.in_transit, units.on_hand, units.available) == (5, 0, 0)


# ---------------------------------------------------------------- what runs out


def lines(world: World, by: str = "coordinator", **more: Any) -> list[tuple[str, int, Todo]]:
    told = world.db.read_now(horizon.horizon, world.people[by], world.today, **more)
    return [(one.step, one.days, one.todo) for one in told]


def test_the_horizon_tells_90_60_and_30_days_and_what_is_over(world: World, hands: Any) -> None:
    first = world.today
    for days in (230, 260, 290, 291):
        world.shelved(MASKS, expiry=(first + timedelta(days=days)).isoformat(), lot_number=f"L{days}")
    assert lines(world) == []
    hands.at += timedelta(days=200)
    steps = [("30", 30, Todo.USE_FIRST), ("60", 60, Todo.USE_FIRST), ("90", 90, Todo.USE_FIRST)]
    assert lines(world) == steps
    assert lines(world, within=60) == steps[:2]
    assert lines(world, "elsewhere") == []
    hands.at += timedelta(days=31)
    assert lines(world)[0] == ("expired", -1, Todo.DISPOSE)


def test_what_goes_faster_elsewhere_is_better_there(world: World) -> None:
    used = {world.station: 1, world.other_station: 9}
    assert horizon.todo(30, 20, world.station, used) == (Todo.TRANSFER, world.other_station)
    assert horizon.todo(30, 20, world.other_station, used) == (Todo.USE_FIRST, None)
    assert horizon.todo(30, 20, world.station, {world.station: 60, world.other_station: 90}) == (Todo.USE_FIRST, None)


# ---------------------------------------------------------------- alerts


def test_an_alert_is_new_once_for_each_reader_and_goes_with_its_condition(world: World) -> None:
    pack = world.shelved(MASKS, quantity=5)
    set_levels(world, typed(world, MASKS, 5, 50, station=world.station))
    assert look(world) == {Sign.SHORT: True}
    assert look(world) == {Sign.SHORT: False}
    assert look(world, "volunteer") == {Sign.SHORT: True}
    world.shelved(MASKS, quantity=1)
    assert look(world) == {}
    give(world, pack, 1)
    assert look(world) == {Sign.SHORT: True}


def test_an_alert_that_went_and_came_back_unseen_is_new_again_and_nobody_s(world: World, hands: Any) -> None:
    set_levels(world, typed(world, MASKS, 5, 50, station=world.station))
    world.shelved(MASKS, quantity=5)
    assert look(world) == {Sign.SHORT: True}
    (one,) = found(world)
    world.db.write_now(
        alerts.take, TakeAlert(condition=one.condition), world.people["volunteer"], world.today, world.now
    )
    hands.at += timedelta(hours=1)
    more = world.shelved(MASKS, quantity=3)
    hands.at += timedelta(hours=1)
    give(world, more, 3)
    (back,) = found(world)
    assert (back.new, back.taken_at) == (True, None), "nobody looked while there was enough"
    assert world.db.read_now(alerts.waiting, world.people["coordinator"], world.today) == 1
    taken = world.db.write_now(
        alerts.take, TakeAlert(condition=one.condition), world.people["volunteer"], world.today, world.now
    )
    assert [other.taken_at for other in found(world)] == [taken.taken_at] == [world.now]
    assert look(world) == {Sign.SHORT: True}
    assert look(world) == {Sign.SHORT: False}


def test_an_alert_that_only_changed_its_number_is_not_new(world: World, hands: Any) -> None:
    set_levels(world, typed(world, MASKS, 5, 50, station=world.station))
    pack = world.shelved(MASKS, quantity=4)
    assert look(world) == {Sign.SHORT: True}
    hands.at += timedelta(hours=1)
    give(world, pack, 1)
    world.shelved(MASKS, quantity=2)
    assert look(world) == {Sign.SHORT: False}


def test_what_was_out_got_some_and_is_out_again_unseen_is_new_again(world: World, hands: Any) -> None:
    set_levels(world, typed(world, MASKS, 5, 8, station=world.station))
    assert look(world) == {Sign.OUT: True}
    hands.at += timedelta(hours=1)
    give(world, world.shelved(MASKS, quantity=2), 2)
    assert look(world) == {Sign.OUT: True}
    assert look(world) == {Sign.OUT: False}


def test_an_alert_that_was_taken_on_is_so_for_everybody_in_its_scope_and_counted_no_more(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    set_levels(world, typed(world, MASKS, 5, 50, station=world.station))
    (one,) = found(world)
    taken = world.db.write_now(
        alerts.take, TakeAlert(condition=one.condition), world.people["volunteer"], world.today, world.now
    )
    assert [other.taken_at for other in found(world)] == [taken.taken_at]
    assert world.db.read_now(alerts.waiting, world.people["coordinator"], world.today) == 0
    again = TakeAlert(condition=one.condition)
    assert world.db.write_now(alerts.take, again, world.people["coordinator"], world.today, world.now) == taken
    with pytest.raises(AlertOver):
        world.db.write_now(alerts.take, again, world.people["elsewhere"], world.today, world.now)


def test_each_step_towards_the_last_day_is_an_alert_of_its_own(world: World, hands: Any) -> None:
    world.shelved(MASKS, quantity=500, expiry=(world.today + timedelta(days=200)).isoformat())
    for days, sign in ((110, Sign.EXPIRING_90), (30, Sign.EXPIRING_60), (30, Sign.EXPIRING_30), (31, Sign.EXPIRED)):
        hands.at += timedelta(days=days)
        assert sign in look(world)
        assert look(world)[sign] is False


def test_what_waits_for_a_decision_too_long_raises_an_alert(world: World, hands: Any) -> None:
    world.db.write_now(policy.enact, "levels", LevelPolicy(version="1", quarantine_days=2), world.today, world.now)
    world.pack(PARACETAMOL, look=None)
    hands.at += timedelta(days=2)
    assert Sign.WAITING not in signs(world)
    hands.at += timedelta(days=1)
    assert Sign.WAITING in signs(world)
    assert signs(world, "elsewhere") == set()


# ---------------------------------------------------------------- what is kept


def test_a_recall_counts_at_once_also_where_facts_were_kept(world: World) -> None:
    world.shelved(MASKS, quantity=5)
    assert at(world, MASKS, world.station).units.available == 5
    world.db.write_now(lambda session: session.execute(update(Lot).values(recalled_on=world.today)) and None)
    assert at(world, MASKS, world.station).units.available == 0


def test_a_change_that_was_undone_leaves_nothing_behind(world: World) -> None:
    world.shelved(MASKS, quantity=5)

    def change_and_fail(session: Any, day: date) -> None:
        session.execute(update(Lot).values(recalled_on=day))
        assert levels.levels(session, world.people["office"], day).everything.available == 0
        raise NotFound

    with pytest.raises(NotFound):
        world.db.write_now(change_and_fail, world.today)
    assert at(world, MASKS, world.station).units.available == 5


# ---------------------------------------------------------------- histories


def told(world: World, of: Of, subject: UUID, by: str = "coordinator", **more: Any) -> list[tuple[str, str]]:
    page = world.db.read_now(histories.history, of, subject, world.people[by], world.now, **more)
    return [(one.reason, one.opens.partition("/")[2].partition("/")[0]) for one in page.lines]


def test_the_history_of_an_item_a_lot_and_a_place_is_told_newest_first(world: World) -> None:
    pack = world.shelved(MASKS, quantity=2)
    give(world, pack, 1)
    whole = [("hand-over", ""), ("release", ""), ("receive", "donations")]
    assert told(world, Of.ITEM, world.items[MASKS]) == whole
    lot = world.db.read_now(lambda session: session.query(Lot.id).scalar())
    assert told(world, Of.LOT, lot) == whole
    shelf = world.db.read_now(stations.places, world.station).shelf.id
    assert told(world, Of.PLACE, shelf) == whole[:2]
    assert told(world, Of.ITEM, world.items[PARACETAMOL]) == []
    with pytest.raises(NotFound):
        told(world, Of.PLACE, shelf, "elsewhere")
    assert told(world, Of.ITEM, world.items[MASKS], "elsewhere") == []


def test_somebody_s_doings_are_theirs_and_the_auditor_s_to_read(world: World) -> None:
    world.shelved(MASKS)
    mine = world.people["volunteer"].account
    assert told(world, Of.PERSON, mine, "volunteer") == [("receive", "donations")]
    assert told(world, Of.PERSON, mine, "auditor") == [("receive", "donations")]
    for other in ("coordinator", "office", "second"):
        with pytest.raises(NotFound):
            told(world, Of.PERSON, mine, other)


def test_a_history_goes_on_from_page_to_page_and_within_its_days(world: World, hands: Any) -> None:
    pack = world.shelved(MASKS, quantity=100)
    for _ in range(60):
        give(world, pack, 1)
    first = world.db.read_now(histories.history, Of.ITEM, world.items[MASKS], world.people["coordinator"], world.now)
    rest = world.db.read_now(
        histories.history, Of.ITEM, world.items[MASKS], world.people["coordinator"], world.now, before=first.before
    )
    assert (len(first.lines), len(rest.lines), rest.before) == (50, 12, None)
    assert len({one.movement for one in (*first.lines, *rest.lines)}) == 62
    hands.at += timedelta(days=31)
    assert told(world, Of.ITEM, world.items[MASKS]) == []
    assert len(told(world, Of.ITEM, world.items[MASKS], days=0)) == 50
