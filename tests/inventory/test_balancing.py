"""Stations help each other out in few trips, with what runs out first, and none gives away what it needs itself."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.balancing import LotUnits, Supply, balance

TODAY = date(2026, 11, 23)
A, B, C, D = (UUID(int=number) for number in range(1, 5))


def lot(number: int, quantity: int, days: int | None = 100) -> LotUnits:
    return LotUnits(UUID(int=1_000 + number), None if days is None else TODAY + timedelta(days=days), quantity)


def supply(station: UUID, *lots: LotUnits, low: int = 3, enough: int = 10) -> Supply:
    return Supply(station=station, low=low, enough=enough, lots=lots)


def moved(*supplies: Supply) -> list[tuple[UUID, UUID, int]]:
    return [(one.source, one.target, one.quantity) for one in balance(supplies)]


def test_a_short_station_is_filled_to_enough_by_one_that_has_more() -> None:
    assert moved(supply(A, lot(1, 2)), supply(B, lot(2, 30))) == [(B, A, 8)]


def test_at_the_threshold_is_short_and_just_above_it_is_not() -> None:
    assert moved(supply(A, lot(1, 3)), supply(B, lot(2, 30))) == [(B, A, 7)]
    assert moved(supply(A, lot(1, 4)), supply(B, lot(2, 30))) == []


def test_nobody_gives_below_its_own_enough() -> None:
    assert moved(supply(A), supply(B, lot(1, 12))) == [(B, A, 2)]
    assert moved(supply(A), supply(B, lot(1, 10))) == []


def test_where_nobody_said_how_many_are_enough_nothing_is_given_and_one_above_short_is_asked() -> None:
    assert moved(supply(A, enough=0), supply(B, lot(1, 100), enough=0)) == []
    assert moved(supply(A, enough=0), supply(B, lot(1, 100))) == [(B, A, 4)]


def test_one_giver_that_can_do_it_alone_goes_before_two_that_cannot() -> None:
    halves = supply(B, lot(1, 15, 5)), supply(C, lot(2, 15, 6))
    assert moved(supply(A), *halves, supply(D, lot(3, 20))) == [(D, A, 10)]


def test_of_those_that_can_do_it_alone_the_one_whose_goods_run_out_first_gives() -> None:
    assert moved(supply(A), supply(B, lot(1, 30, 200)), supply(C, lot(2, 30, 40))) == [(C, A, 10)]


def test_what_runs_out_first_travels_first() -> None:
    (one,) = balance([supply(A), supply(B, lot(1, 10, None), lot(2, 6, 90), lot(3, 6, 20))])
    assert [(part.lot, part.quantity) for part in one.lots] == [(UUID(int=1_003), 6), (UUID(int=1_002), 4)]


def test_the_emptiest_is_helped_first_where_there_is_not_enough_for_all() -> None:
    assert moved(supply(A, lot(1, 2)), supply(B), supply(C, lot(2, 20))) == [(C, B, 10)]


lots = st.lists(st.builds(lot, st.integers(1, 9), st.integers(1, 40), st.integers(0, 99) | st.none()), max_size=3)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 12), lots), min_size=1, max_size=7))
def test_whatever_the_stock_no_unit_is_invented_and_no_giver_becomes_short(
    rows: list[tuple[int, int, list[LotUnits]]],
) -> None:
    all_of = [
        supply(UUID(int=at), *of, low=low, enough=low + more if more else 0)
        for at, (low, more, of) in enumerate(rows, start=1)
    ]
    before = {one.station: one for one in all_of}
    left = {one.station: one.available for one in all_of}
    found = balance(all_of)
    for one in found:
        assert one.quantity == sum(part.quantity for part in one.lots) > 0
        left[one.source] -= one.quantity
        left[one.target] += one.quantity
        assert before[one.source].spare
        assert before[one.target].missing
    assert all(left[one.source] >= before[one.source].enough for one in found)
    assert all(left[one.target] <= max(before[one.target].enough, before[one.target].low + 1) for one in found)
    assert len(found) <= max(0, len({one.source for one in found}) + len({one.target for one in found}) - 1)
