"""Care parcels: recipes keep their versions, bags are filled from scanned packs, and come apart without a loss."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import KeyReused, NotFound
from app.base.ids import new_id
from app.main import messages
from inventory import ledger
from inventory.errors import Moved, OnlyQuarantine, SittingOver, UnknownItem
from inventory.kitting import kit_bags, kit_picking, kit_recipes, kit_stock, kit_views, kits
from inventory.kitting.kit_bags import Assemble, Assembled, PutTogether, TakeApart, TakenApart
from inventory.kitting.kit_errors import (
    KitApart,
    KitDay,
    KitEnded,
    KitNotDraft,
    KitNotInForce,
    KitShort,
    KitStale,
    KitTwice,
)
from inventory.kitting.kit_recipes import EnactRecipe, Instead, RecipeLine, RetireRecipe, SaveRecipe
from inventory.kitting.kits import Recipe, RecipeState
from inventory.models import Lot, Pack, Place, PlaceKind
from inventory.moving import moves
from inventory.receiving.intake_facts import Look
from inventory.stock import levels
from labels import registry
from labels.models import LabelState
from labels.scan import Outside, for_outsider
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, THERMOMETER, World

N95, KN95, ANTIGEN, SANITISER, BLEACH, SYRUP = "sup-001", "sup-002", "sup-005", "sup-006", "sup-007", "med-037"


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def write(world: World, *lines: RecipeLine, by: str = "coordinator", **more: Any) -> Recipe:
    said: dict[str, Any] = {"key": new_id(), "name_zh": "小礼包", "name_en": "Small kit", "valid_from": world.today}
    order = SaveRecipe(lines=lines, **(said | more))
    return world.db.write_now(kit_recipes.save, order, world.people[by], world.today, world.now)


def line(world: World, code: str, quantity: int = 1, *instead: tuple[str, int]) -> RecipeLine:
    others = tuple(Instead(world.items[one], units) for one, units in instead)
    return RecipeLine(item=world.items[code], quantity=quantity, instead=others)


def small(world: World) -> Recipe:
    """Two N95 masks (or a bag of surgical ones) and a test."""
    return write(world, line(world, N95, 2, (MASKS, 1)), line(world, ANTIGEN))


def assemble(world: World, recipe: Recipe, *packs: UUID, by: str = "volunteer", **more: Any) -> Assembled:
    order = Assemble(**{"key": new_id(), "kit": recipe.id, "station": world.station, "packs": packs, **more})
    return world.db.write_now(kit_bags.assemble, order, world.people[by], world.today, world.now)


def apart(world: World, *bags: UUID, by: str = "volunteer", key: UUID | None = None) -> TakenApart:
    order = TakeApart(key=key or new_id(), bags=bags)
    return world.db.write_now(kit_bags.take_apart, order, world.people[by], world.today, world.now)


def together(world: World, bag: UUID, *, by: str = "volunteer", late: bool = False) -> UUID:
    now = world.now + (timedelta(hours=13) if late else timedelta())
    undo = PutTogether(key=new_id(), bag=bag)
    return world.db.write_now(kit_bags.together, undo, world.people[by], world.today, now)


def where(world: World, pack: UUID) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, units in world.db.read_now(ledger.whereabouts, pack):
        found[place.kind.value] = found.get(place.kind.value, 0) + units
    return found


def view(world: World, bag: UUID) -> kit_views.BagView:
    return world.db.read_now(kit_views.bag, bag, world.people["volunteer"], world.today)


def recall(world: World, pack: UUID) -> None:
    lot = select(Pack.lot).where(Pack.id == pack).scalar_subquery()
    called_back = update(Lot).where(Lot.id == lot).values(recalled_on=world.today)
    world.db.write_now(lambda session: session.execute(called_back).close())


def clean(world: World) -> bool:
    return world.db.read_now(lambda session: [*ledger.faults(session), *registry.faults(session)]) == []


# ---------------------------------------------------------------- recipes


def test_the_care_parcel_of_the_programme_is_there_from_the_start(world: World) -> None:
    (found,) = world.db.read_now(kits.recipes, world.today)
    assert found.name_zh == "爱心礼包"
    assert {one.code for one in found.lines} == {N95, MASKS, ANTIGEN, SANITISER, BLEACH, THERMOMETER, SYRUP}
    masks = next(one for one in found.lines if one.code == N95)
    assert [(one.code, one.quantity) for one in masks.instead] == [(KN95, 2), (MASKS, 1)]


def test_its_84_and_its_alcohol_are_to_be_kept_apart(world: World) -> None:
    (found,) = world.db.read_now(kits.recipes, world.today)
    assert {one.code: one.hazard for one in found.lines if one.hazard} == {SANITISER: "alcohol", BLEACH: "bleach"}
    assert found.apart
    assert not small(world).apart


def test_an_edit_is_a_new_version_and_the_old_one_stays_as_it_was(world: World) -> None:
    first = small(world)
    second = write(world, line(world, N95, 3), code=first.code, base=1, name_zh="大礼包")
    assert (second.version, second.name_zh) == (2, "大礼包")
    assert world.db.read_now(kits.recipe, first.id) == first
    states = [one.state for one in world.db.read_now(kits.versions, first.code, world.today)]
    assert states == [RecipeState.IN_FORCE, RecipeState.REPLACED]
    held = world.db.read_now(kits.in_force, first.code, world.today)
    assert held is not None
    assert held.id == second.id


def test_a_draft_holds_only_once_it_is_put_into_force_and_from_its_day(world: World) -> None:
    first = small(world)
    draft = write(world, line(world, N95), code=first.code, base=1, valid_from=None)
    held = world.db.read_now(kits.in_force, first.code, world.today)
    assert held is not None
    assert held.id == first.id
    tomorrow = world.today + timedelta(days=1)
    order = EnactRecipe(key=new_id(), kit=draft.id, valid_from=tomorrow)
    for _ in range(2):
        world.db.write_now(kit_recipes.enact, order, world.people["office"], world.today, world.now)
    again = EnactRecipe(key=new_id(), kit=draft.id, valid_from=tomorrow)
    with pytest.raises(KitNotDraft):
        world.db.write_now(kit_recipes.enact, again, world.people["office"], world.today, world.now)
    for day, version in ((world.today, 1), (tomorrow, 2)):
        held = world.db.read_now(kits.in_force, first.code, day)
        assert held is not None
        assert held.version == version


def test_a_retired_recipe_is_not_assembled_and_a_new_version_revives_it(world: World) -> None:
    recipe = small(world)
    packs = world.shelved(N95, quantity=4), world.shelved(ANTIGEN, quantity=2)
    order = RetireRecipe(key=new_id(), code=recipe.code, retired_from=world.today)
    world.db.write_now(kit_recipes.retire, order, world.people["office"], world.today, world.now)
    with pytest.raises(KitNotInForce):
        assemble(world, recipe, *packs)
    revived = write(world, line(world, N95, 2), line(world, ANTIGEN), code=recipe.code, base=1)
    assert len(assemble(world, revived, *packs).bags) == 1


def test_the_second_of_two_who_edit_one_recipe_is_told_and_overwrites_nothing(world: World) -> None:
    recipe = small(world)
    write(world, line(world, N95, 3), code=recipe.code, base=1)
    with pytest.raises(KitStale):
        write(world, line(world, N95, 4), code=recipe.code, base=1, by="office")
    assert len(world.db.read_now(kits.versions, recipe.code, world.today)) == 2


def test_a_recipe_cannot_hold_an_item_twice_begin_in_the_past_or_name_what_is_not_there(world: World) -> None:
    with pytest.raises(KitTwice):
        write(world, line(world, N95), line(world, N95, 2))
    with pytest.raises(KitTwice):
        write(world, line(world, N95, 1, (N95, 2)))
    with pytest.raises(KitDay):
        write(world, line(world, N95), valid_from=world.today - timedelta(days=1))
    with pytest.raises(UnknownItem):
        write(world, RecipeLine(item=new_id(), quantity=1))
    with pytest.raises(NotFound):
        write(world, line(world, N95), code="kit-900", base=1)


# ---------------------------------------------------------------- how many


def test_only_what_is_free_and_good_long_enough_counts(world: World) -> None:
    recipe = small(world)
    world.shelved(ANTIGEN, quantity=2)
    world.shelved(N95, quantity=4)
    world.pack(N95, quantity=10)  # waits in hold
    recalled = world.shelved(N95, quantity=10, lot_number="R1")
    recall(world, recalled)
    found = world.db.read_now(kit_stock.stock_of, recipe, world.people["coordinator"], world.today)
    assert found.apart == 2
    here = next(one for one in found.stations if one.station == world.station)
    assert (here.makes.kits, here.makes.own) == (2, 2)
    assert {one.item for one in here.makes.lines if one.bottleneck} == {world.items[N95], world.items[ANTIGEN]}


def test_goods_of_two_stations_make_more_kits_when_brought_together(world: World) -> None:
    recipe = small(world)
    world.shelved(ANTIGEN, quantity=3)
    world.shelved(N95, quantity=2)
    elsewhere = world.pack(N95, quantity=4, by="elsewhere", station=world.other_station)
    world.release(elsewhere, "coordinator")
    found = world.db.read_now(kit_stock.stock_of, recipe, world.people["coordinator"], world.today)
    assert (found.apart, found.together.kits) == (1, 3)
    own = world.db.read_now(kit_stock.stock_of, recipe, world.people["volunteer"], world.today)
    assert [one.station for one in own.stations] == [world.station]
    with pytest.raises(NotFound):
        world.db.read_now(
            kit_stock.stock_of, recipe, world.people["volunteer"], world.today, station=world.other_station
        )


def test_what_runs_out_within_the_days_of_the_recipe_makes_no_kit(world: World) -> None:
    packs = world.shelved(N95, quantity=2), world.shelved(ANTIGEN)
    left = (date(2028, 5, 31) - world.today).days
    for days, kits_made in ((left, 1), (left + 1, 0)):
        recipe = write(world, line(world, N95, 2), line(world, ANTIGEN), least_days=days)
        found = world.db.read_now(kit_stock.stock_of, recipe, world.people["volunteer"], world.today)
        assert found.apart == kits_made
    with pytest.raises(KitShort):
        assemble(world, recipe, *packs)


# ---------------------------------------------------------------- assembling


def test_of_twenty_masks_two_go_into_each_kit_and_nothing_is_lost(world: World) -> None:
    recipe = small(world)
    masks, tests = world.shelved(N95, quantity=20), world.shelved(ANTIGEN, quantity=5)
    done = assemble(world, recipe, masks, tests, count=3)
    assert len(done.bags) == 3
    assert where(world, masks) == {"shelf": 14, "kit": 6}
    for bag in done.bags:
        assert sorted((one.pack, one.quantity) for one in view(world, bag).contents) == sorted([(masks, 2), (tests, 1)])
    assert clean(world)


def test_what_is_in_a_kit_is_on_hand_and_promised_to_nobody_else(world: World) -> None:
    recipe = small(world)
    masks, tests = world.shelved(N95, quantity=20), world.shelved(ANTIGEN, quantity=5)
    assemble(world, recipe, masks, tests, count=3)
    found = world.db.read_now(levels.item_levels, world.people["volunteer"], world.items[N95], world.today)
    assert (found.total.units.on_hand, found.total.units.available, found.total.units.in_kits) == (20, 14, 6)
    free = world.db.read_now(levels.available, world.station, world.today)
    assert sum(one.quantity for one in free[world.items[N95]]) == 14


def test_each_bag_has_a_label_of_its_own_that_names_no_person(world: World) -> None:
    recipe = small(world)
    done = assemble(world, recipe, world.shelved(N95, quantity=4), world.shelved(ANTIGEN, quantity=2), count=2)
    labels = world.db.read_now(registry.codes_of, set(done.bags))
    assert len(set(labels.values())) == 2

    def say(key: str, **params: object) -> str:
        return messages().say("zh", key, **params)

    words = world.db.read_now(kit_views.words, done.bags, world.people["volunteer"], say)
    assert [one.big for one in words] == ["小礼包", "小礼包"]
    assert words[0].lines == ("最早到期 2028-05-31",)
    with pytest.raises(NotFound):
        world.db.read_now(kit_views.words, done.bags, world.people["elsewhere"], say)


def test_a_substitute_goes_in_as_a_whole_and_is_shown_as_one(world: World) -> None:
    recipe = small(world)
    one_left, bags = world.shelved(N95, quantity=3), world.shelved(MASKS, quantity=5)
    done = assemble(world, recipe, one_left, bags, world.shelved(ANTIGEN, quantity=2), count=2)
    assert where(world, one_left) == {"shelf": 1, "kit": 2}
    stands_in = [[one.item for one in view(world, bag).contents if one.stands_in] for bag in done.bags]
    assert stands_in == [[], [world.items[MASKS]]]


def test_only_scanned_packs_are_used_and_too_few_of_them_make_nothing(world: World) -> None:
    recipe = small(world)
    scanned, other = world.shelved(N95, quantity=2), world.shelved(N95, quantity=9, lot_number="C2")
    tests = world.shelved(ANTIGEN, quantity=9)
    with pytest.raises(KitShort):
        assemble(world, recipe, scanned, tests, count=2)
    assert where(world, scanned) == {"shelf": 2}
    assemble(world, recipe, scanned, tests)
    assert (where(world, scanned), where(world, other)) == ({"kit": 2}, {"shelf": 9})


def test_the_list_takes_what_expires_first_and_another_pack_where_that_is_not_found(world: World) -> None:
    recipe = small(world)
    late, early = world.shelved(N95, expiry="2029-01", quantity=2), world.shelved(N95, quantity=2)
    tests = world.shelved(ANTIGEN, quantity=2)

    def picked(*without: UUID) -> set[UUID]:
        found = world.db.read_now(
            kit_picking.picking, recipe.code, world.people["volunteer"], world.today,
            station=None, count=1, without=frozenset(without),
        )  # fmt: skip
        return {row.pack for row in found.rows}

    assert picked() == {early, tests}
    assert picked(early) == {late, tests}
    assert picked(early, late) == set()


def test_84_and_alcohol_go_in_only_once_somebody_says_that_they_are_apart(world: World) -> None:
    recipe = write(world, line(world, BLEACH), line(world, SANITISER))
    packs = world.shelved(BLEACH), world.shelved(SANITISER, look=Look(volume_ml=250))
    with pytest.raises(KitApart):
        assemble(world, recipe, *packs)
    assert where(world, packs[0]) == {"shelf": 1}
    (bag,) = assemble(world, recipe, *packs, apart=True).bags
    assert view(world, bag).apart
    alone = write(world, line(world, BLEACH))
    assert not alone.apart
    assemble(world, alone, world.shelved(BLEACH))


def test_sent_twice_the_bags_are_made_once(world: World) -> None:
    recipe = small(world)
    packs, key = (world.shelved(N95, quantity=8), world.shelved(ANTIGEN, quantity=8)), new_id()
    assert assemble(world, recipe, *packs, key=key) == assemble(world, recipe, *packs, key=key)
    with pytest.raises(KeyReused):
        assemble(world, recipe, *packs, key=key, count=2)
    assert where(world, packs[0]) == {"shelf": 6, "kit": 2}


def test_somebody_of_another_station_assembles_and_takes_apart_nothing_here(world: World) -> None:
    recipe = small(world)
    packs = world.shelved(N95, quantity=8), world.shelved(ANTIGEN, quantity=8)
    with pytest.raises(NotFound):
        assemble(world, recipe, *packs, by="elsewhere")
    done = assemble(world, recipe, *packs)
    with pytest.raises(NotFound):
        apart(world, *done.bags, by="elsewhere")
    with pytest.raises(NotFound):
        world.db.read_now(kit_views.bag, done.bags[0], world.people["elsewhere"], world.today)


def test_two_phones_want_the_last_units_and_one_kit_is_made(world: World) -> None:
    recipe = small(world)
    packs = world.shelved(N95, quantity=2), world.shelved(ANTIGEN)
    orders = [Assemble(key=new_id(), kit=recipe.id, station=world.station, packs=packs) for _ in range(20)]

    async def everyone() -> list[Any]:
        wanted = (
            world.db.write(kit_bags.assemble, order, world.people["volunteer"], world.today, world.now)
            for order in orders
        )
        return await asyncio.gather(*wanted, return_exceptions=True)

    results = asyncio.run(everyone())
    assert sum(isinstance(one, Assembled) for one in results) == 1
    assert sum(isinstance(one, KitShort) for one in results) == 19
    assert where(world, packs[0]) == {"kit": 2}
    assert clean(world)


# ---------------------------------------------------------------- taking apart


def made(world: World) -> tuple[UUID, UUID, UUID]:
    """A bag, its masks' pack, its test's pack."""
    recipe = small(world)
    masks, tests = world.shelved(N95, quantity=4), world.shelved(ANTIGEN, quantity=2)
    return assemble(world, recipe, masks, tests).bags[0], masks, tests


def test_taken_apart_everything_is_back_on_its_shelf_and_the_label_ends(world: World) -> None:
    bag, masks, tests = made(world)
    code = world.db.read_now(registry.code_of, bag)
    assert code is not None
    assert apart(world, bag).shelved == 3
    assert (where(world, masks), where(world, tests)) == ({"shelf": 4}, {"shelf": 2})
    label = world.db.read_now(registry.look_up, code)
    assert label is not None
    assert label.state == LabelState.VOID
    assert view(world, bag).state.value == "taken_apart"
    assert len(view(world, bag).contents) == 2
    assert clean(world)


def test_goods_follow_their_pack_to_where_it_stands_now(world: World) -> None:
    bag, masks, _ = made(world)
    shelf = select(Place.id).where(Place.station == world.station, Place.name == "货架B")
    target = world.db.read_now(lambda session: session.execute(shelf).scalar_one())
    order = moves.MovePack(key=new_id(), pack=masks, place=target)
    world.db.write_now(moves.move_pack, order, world.people["volunteer"], world.today, world.now)
    apart(world, bag)
    assert [(place.name, units) for place, units in world.db.read_now(ledger.whereabouts, masks)] == [("货架B", 4)]


def test_what_was_recalled_meanwhile_comes_out_into_quarantine(world: World) -> None:
    bag, masks, tests = made(world)
    recall(world, masks)
    done = apart(world, bag)
    assert (done.shelved, done.quarantined) == (1, 2)
    assert where(world, masks) == {"shelf": 2, "quarantine": 2}
    assert where(world, tests) == {"shelf": 2}


def test_a_batch_comes_apart_as_a_whole_or_not_at_all(world: World) -> None:
    recipe = small(world)
    masks, tests = world.shelved(N95, quantity=8), world.shelved(ANTIGEN, quantity=8)
    first, second = assemble(world, recipe, masks, tests, count=2).bags
    apart(world, first)
    with pytest.raises(KitEnded):
        apart(world, first, second)
    assert where(world, masks) == {"shelf": 6, "kit": 2}
    key = new_id()
    assert apart(world, second, key=key) == apart(world, second, key=key)
    assert where(world, masks) == {"shelf": 8}


def test_taking_apart_is_undone_by_whoever_did_it_and_the_bag_gets_a_fresh_label(world: World) -> None:
    bag, masks, _ = made(world)
    before = world.db.read_now(registry.code_of, bag)
    apart(world, bag)
    with pytest.raises(SittingOver):
        together(world, bag, by="second")
    with pytest.raises(SittingOver):
        together(world, bag, late=True)
    together(world, bag)
    assert where(world, masks) == {"shelf": 2, "kit": 2}
    after = world.db.read_now(registry.code_of, bag)
    assert after not in {None, before}
    with pytest.raises(KitEnded):
        together(world, bag)
    apart(world, bag)
    together(world, bag)
    assert where(world, masks) == {"shelf": 2, "kit": 2}
    assert clean(world)


def test_a_bag_whose_goods_went_on_or_went_bad_is_not_put_together_again(world: World) -> None:
    bag, masks, tests = made(world)
    apart(world, bag)
    recipe = world.db.read_now(kits.recipe, view(world, bag).recipe.id)
    assemble(world, recipe, masks, tests, count=2)
    with pytest.raises(Moved):
        together(world, bag)
    other, other_masks, _ = made(world)
    apart(world, other)
    recall(world, other_masks)
    with pytest.raises(OnlyQuarantine):
        together(world, other)


# ---------------------------------------------------------------- what is wrong inside


def test_anyone_who_scans_a_bag_with_something_recalled_in_it_reads_do_not_take(world: World) -> None:
    bag, masks, _ = made(world)
    code = world.db.read_now(registry.code_of, bag)
    assert code is not None
    unsafe = {"kit": kit_views.bag_is_recalled}
    assert world.db.read_now(for_outsider, code, unsafe) is Outside.OURS
    recall(world, masks)
    assert world.db.read_now(for_outsider, code, unsafe) is Outside.REFUSED
    found = view(world, bag)
    assert found.unsafe
    assert [one.item for one in found.contents if one.recalled] == [world.items[N95]]
    told = world.db.read_now(kit_views.told, bag, world.people["volunteer"], world.today)
    assert told.state == "unsafe"


def test_a_bag_in_which_something_ran_out_says_stop(world: World) -> None:
    bag, _, _ = made(world)
    late = world.today.replace(year=2030)
    found = world.db.read_now(kit_views.bag, bag, world.people["volunteer"], late)
    assert found.unsafe
    assert all(one.expired for one in found.contents)


def test_a_kit_place_is_a_real_place(world: World) -> None:
    bag, masks, _ = made(world)
    place = next(place for place, _ in world.db.read_now(ledger.whereabouts, masks) if place.kind is PlaceKind.KIT)
    assert place.station == world.station
    assert ledger.Spot(place.id, place.kind).real
    assert bag
