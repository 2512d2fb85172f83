"""What may be told of deliveries: a group and a day only where enough members were reached, else one sentence."""

from __future__ import annotations

from datetime import date

import pytest

from app.gift_journey import FEW, Arrived, Delivery, Hidden, coarse

DAY, NEXT = date(2026, 12, 1), date(2026, 12, 2)


def gave(*groups: str, units: int = 1, day: date = DAY) -> Delivery:
    return Delivery(day=day, units=units, groups=frozenset(groups))


@pytest.mark.parametrize(("members", "named"), [(FEW - 1, False), (FEW, True), (FEW + 1, True)])
def test_a_group_is_named_from_five_members_on(members: int, named: bool) -> None:
    arrived, hidden = coarse([gave("elder")], {DAY: {"elder": members}})
    assert (arrived == (Arrived(day=DAY, group="elder", units=1),)) is named
    assert hidden == Hidden(priority=not named)


def test_units_of_a_group_and_day_are_one_number() -> None:
    arrived, _ = coarse([gave("elder"), gave("elder", units=3)], {DAY: {"elder": 7}})
    assert arrived == (Arrived(day=DAY, group="elder", units=4),)


def test_of_several_groups_the_largest_that_day_stands_for_all() -> None:
    arrived, _ = coarse([gave("elder", "child")], {DAY: {"elder": 6, "child": 9}})
    assert [one.group for one in arrived] == ["child"]
    arrived, _ = coarse([gave("elder", "pregnant")], {DAY: {"elder": 6, "pregnant": 1}})
    assert [one.group for one in arrived] == ["elder"], "the small group is never named beside a large one"


def test_another_day_s_members_do_not_hide_anybody() -> None:
    arrived, hidden = coarse([gave("elder", day=NEXT)], {DAY: {"elder": 50}, NEXT: {"elder": 1}})
    assert arrived == ()
    assert hidden.priority


def test_who_is_of_no_group_is_told_as_a_resident() -> None:
    assert coarse([gave()], {DAY: {"elder": 50}}) == ((), Hidden(other=True))
    assert coarse([], {}) == ((), Hidden())
