"""First expired, first out."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from inventory.fefo import OnShelf, pick

TODAY = date(2026, 11, 23)


def shelf(pack: int, quantity: int, expiry: date | None, place: int = 1) -> OnShelf:
    return OnShelf(pack=UUID(int=pack), place=UUID(int=place), quantity=quantity, expiry=expiry)


EARLY, LATE, EVER = shelf(3, 2, date(2027, 1, 31)), shelf(1, 5, date(2028, 1, 31)), shelf(2, 5, None)


def test_what_expires_first_goes_first_and_what_never_expires_last() -> None:
    assert pick([EVER, LATE, EARLY], 9, TODAY) == [(EARLY, 2), (LATE, 5), (EVER, 2)]


def test_no_more_is_taken_than_asked() -> None:
    assert pick([LATE, EARLY], 1, TODAY) == [(EARLY, 1)]
    assert pick([LATE, EARLY], 0, TODAY) == []


def test_what_is_there_is_returned_where_it_is_not_enough() -> None:
    assert pick([EARLY], 3, TODAY) == [(EARLY, 2)]
    assert pick([], 3, TODAY) == []


def test_the_last_good_day_still_counts_and_the_day_after_does_not() -> None:
    expiry = date(2027, 1, 31)
    assert pick([EARLY], 1, expiry) == [(EARLY, 1)]
    assert pick([EARLY], 1, date(2027, 2, 1)) == []


def test_of_equal_expiries_the_pack_received_first_goes_first() -> None:
    day = date(2027, 5, 31)
    first, second = shelf(10, 1, day), shelf(11, 1, day)
    assert pick([second, first], 2, TODAY) == [(first, 1), (second, 1)]


def test_an_empty_place_is_passed_over() -> None:
    assert pick([shelf(1, 0, None), EVER], 1, TODAY) == [(EVER, 1)]
