"""Whatever the people of a station do, with every verb there is: nothing is lost, invented or counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import select

from inventory.models import Movement
from inventory.moving.arrivals import How
from tests.inventory.ledger_words import reasons_in_source
from tests.inventory.station_verbs import Store
from tests.inventory.world import MASKS


def test_the_books_hold_whatever_a_station_does(migrated_sqlite: Path) -> None:
    Store.template = migrated_sqlite
    run_state_machine_as_test(
        Store,
        settings=settings(
            max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.fixture
def store(migrated_sqlite: Path) -> Iterator[Store]:
    Store.template = migrated_sqlite
    machine = Store()
    machine.open()
    yield machine
    machine.every_unit_that_came_is_somewhere_or_has_left()
    machine.the_books_agree_and_nothing_is_below_zero()
    machine.every_record_agrees_with_the_ledger()
    machine.teardown()


def test_the_machine_uses_every_verb_that_moves_goods(store: Store) -> None:
    """By the words in the source: a new verb that the machine does not know fails here."""
    masks = lambda units=4: store.receive(MASKS, units, False, "A", True).values[0]  # noqa: E731 - a word of this test
    held = store.receive(MASKS, 1, False, "A", False).values[0]
    store.refuse(held, "second")
    store.receive_boxes(2, False)
    store.take_the_last_line_back()
    store.record_opening_stock()
    bag = masks()
    store.move_pack(bag, "货架B")
    store.move_back()
    store.take_a_release_back(masks())
    for pack in (masks(), masks(), masks()):
        store.send(pack, None)
    store.send(masks(), 1)
    store.take_out_of_the_transfer()
    store.depart()
    store.arrive(How.ARRIVED, True)
    store.come_back()
    store.arrive_though_it_was_not_sent(masks())
    store.write_off_what_never_came()
    store.lose(bag, 1, False)
    store.find_again(bag)
    store.lose(bag, 1, True)
    store.decide_a_loss(False)
    store.set_aside(masks())
    store.put_back_from_the_bin()
    store.set_aside(masks())
    store.seal_the_bin()
    store.open_the_bin_again()
    store.seal_the_bin()
    store.destroy()
    store.assemble(masks())
    store.take_apart()
    store.put_together()
    store.count_and_correct(bag, "shelf", -1, 1, True)
    store.undo(masks(), 0, "coordinator")
    store.recall(masks(), True)
    used = store.db.read_now(lambda session: set(session.execute(select(Movement.reason)).scalars()))
    assert reasons_in_source("inventory") - used == set()
