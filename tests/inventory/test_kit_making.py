"""How many kits the goods make, and which units go into which bag."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.fefo import OnShelf
from inventory.kitting.kit_making import Line, Portion, fill, good_units, makeable, makes, shares

N95, SURGICAL, SYRUP, CLOTH = (UUID(int=number) for number in (11, 12, 13, 14))
TODAY, LATER = date(2026, 11, 23), date(2027, 6, 30)


def line(item: UUID, quantity: int = 1, *instead: tuple[UUID, int]) -> Line:
    return Line(item=item, quantity=quantity, instead=tuple(Portion(*one) for one in instead))


def shelf(pack: int, units: int, expiry: date | None = LATER) -> OnShelf:
    return OnShelf(pack=UUID(int=pack), place=UUID(int=99), quantity=units, expiry=expiry)


def test_the_scarcest_line_says_how_many_kits_there_can_be() -> None:
    found = makeable([line(N95, 2), line(SYRUP)], {N95: 7, SYRUP: 9})
    assert (found.kits, found.own) == (3, 3)
    first = found.lines[0]
    assert (first.item, first.bottleneck, first.missing) == (N95, True, 1)
    assert not found.lines[1].bottleneck


def test_what_is_missing_is_counted_for_the_number_that_is_wanted() -> None:
    found = makeable([line(N95, 2), line(SYRUP)], {N95: 7, SYRUP: 9}, wanted=10)
    assert {one.item: one.missing for one in found.lines} == {N95: 13, SYRUP: 1}


def test_a_substitute_of_another_amount_stands_in_for_a_whole_line() -> None:
    recipe = [line(N95, 1, (SURGICAL, 5)), line(SYRUP)]
    found = makeable(recipe, {N95: 2, SURGICAL: 14, SYRUP: 9})
    assert (found.kits, found.own) == (4, 2)
    assert shares(recipe, {N95: 2, SURGICAL: 14, SYRUP: 9}, 4) == [[2, 2], [4]]


def test_the_first_substitute_is_used_up_before_the_second() -> None:
    recipe = [line(N95, 1, (SURGICAL, 5), (CLOTH, 1))]
    assert shares(recipe, {SURGICAL: 12, CLOTH: 9}, 5) == [[0, 2, 3]]


def test_goods_that_have_a_line_of_their_own_are_not_promised_twice() -> None:
    recipe = [line(N95, 1, (SURGICAL, 1)), line(SURGICAL, 1)]
    assert makes(recipe, {SURGICAL: 5}) == 2
    assert makes(recipe, {N95: 1, SURGICAL: 5}) == 3


def test_a_recipe_without_lines_makes_nothing() -> None:
    assert makes([], {}) == 0


def test_what_runs_out_too_soon_is_not_counted_and_the_last_day_is() -> None:
    held = {SYRUP: [shelf(1, 4, date(2026, 12, 22)), shelf(2, 3, date(2026, 12, 23)), shelf(3, 2, None)]}
    assert good_units(held, date(2026, 12, 23)) == {SYRUP: 5}


def test_a_pack_is_shared_out_over_the_bags_first_expired_first() -> None:
    held = {N95: [shelf(1, 5, date(2028, 1, 31)), shelf(2, 3)]}
    filled = fill([line(N95, 2)], held, 4, TODAY)
    taken = [[(take.pack.int, take.quantity) for take in bag] for bag in filled.bags]
    assert taken == [[(2, 2)], [(2, 1), (1, 1)], [(1, 2)], [(1, 2)]]


def test_where_it_is_not_enough_no_bag_is_filled_and_the_lack_is_named() -> None:
    filled = fill([line(N95, 2), line(SYRUP)], {N95: [shelf(1, 3)], SYRUP: [shelf(2, 9)]}, 2, TODAY)
    assert filled.bags == ()
    assert filled.missing == {N95: 2}


ITEMS = [N95, SURGICAL, SYRUP]
Raw = tuple[tuple[UUID, int, list[tuple[UUID, int]]], ...]
RECIPES = st.lists(st.sampled_from(ITEMS), min_size=1, max_size=3, unique=True).flatmap(
    lambda own: st.tuples(
        *(
            st.tuples(
                st.just(item),
                st.integers(1, 3),
                st.lists(
                    st.tuples(st.sampled_from([one for one in ITEMS if one != item]), st.integers(1, 3)),
                    max_size=1,
                ),
            )
            for item in own
        )
    )
)


@given(RECIPES, st.tuples(*(st.integers(0, 12) for _ in ITEMS)))
@settings(max_examples=150, deadline=None)
def test_what_is_said_to_be_possible_can_be_filled_and_nothing_is_used_twice(raw: Raw, units: tuple[int, ...]) -> None:
    recipe = [line(item, quantity, *instead) for item, quantity, instead in raw]
    stock = dict(zip(ITEMS, units, strict=True))
    kits = makes(recipe, stock)
    held = {item: [shelf(number, stock[item])] for number, item in enumerate(ITEMS, start=1)}
    filled = fill(recipe, held, kits, TODAY) if kits else None
    used = dict.fromkeys(ITEMS, 0)
    for bag in filled.bags if filled else ():
        assert {take.line for take in bag} == {one.item for one in recipe}
        for take in bag:
            used[take.item] += take.quantity
    assert filled is None or len(filled.bags) == kits
    assert all(used[item] <= stock[item] for item in ITEMS)
    if not any(one.instead for one in recipe):
        assert kits == min(stock[one.item] // one.quantity for one in recipe)
