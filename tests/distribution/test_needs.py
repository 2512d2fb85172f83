"""Needs: recorded within the own scope, merged when said twice, closed with a reason."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from app.base.db import Database
from app.base.errors import Forbidden, Invalid, NotFound
from distribution import needs
from distribution.errors import NeedClosed, NeedPromised
from distribution.models import Need
from distribution.needs import CloseNeed, NewNeed, WhyClosed
from distribution.urgency import Urgency
from tests.distribution.world import LORATADINE, MASK, Streets


@pytest.fixture
def streets(db: Database, tmp_path: Path) -> Streets:
    return Streets(db, tmp_path / "keys")


def close(streets: Streets, need: object, who: str = "coordinator") -> None:
    closing = CloseNeed(key=uuid4(), need=need, why=WhyClosed.NO_LONGER)  # type: ignore[arg-type]
    streets.db.write_now(needs.close, closing, getattr(streets.world, who), streets.now)


def test_a_member_records_for_the_own_teams_doors_only(streets: Streets) -> None:
    mine, others = streets.register(), streets.register(streets.world.other_door)
    streets.need(mine, MASK, streets.world.member)
    with pytest.raises(NotFound):
        streets.need(others, MASK, streets.world.member)
    with pytest.raises(NotFound):
        streets.need(uuid4(), MASK, streets.world.member)
    with pytest.raises(NotFound):
        streets.need(mine, MASK, streets.world.far_coordinator)
    with pytest.raises(Forbidden):
        streets.need(mine, MASK, streets.world.volunteer)


def test_the_same_need_sent_twice_is_one(streets: Streets) -> None:
    resident, key = streets.register(), uuid4()
    assert streets.need(resident, MASK, key=key) == streets.need(resident, MASK, key=key)
    assert len(streets.column(Need.id)) == 1


def test_a_household_asking_again_within_a_day_is_one_need_the_more_urgent_and_larger(streets: Streets) -> None:
    husband, wife = streets.register(name="张三"), streets.register(name="李四")
    first = streets.need(husband, MASK, quantity=2)
    streets.later(hours=23)
    second = streets.need(wife, MASK, urgency=Urgency.URGENT, quantity=1)
    assert (second.need, second.merged) == (first.need, True)
    (row,) = streets.read(needs.open_needs, streets.world.coordinator)
    assert (row.urgency, row.quantity) == (Urgency.URGENT, 2)
    assert [note.subject for note in streets.notes("need.merge")] == [first.need]


def test_after_a_day_it_is_a_need_of_its_own(streets: Streets) -> None:
    resident = streets.register()
    first = streets.need(resident, MASK)
    streets.later(hours=24)
    assert streets.need(resident, MASK).need != first.need


def test_medicine_is_never_merged_over_two_people(streets: Streets) -> None:
    husband, wife = streets.register(name="张三"), streets.register(name="李四")
    first = streets.need(husband, LORATADINE)
    assert not streets.need(wife, LORATADINE).merged
    assert streets.need(husband, LORATADINE).need == first.need


def test_other_things_and_other_doors_are_not_merged(streets: Streets) -> None:
    one, other = streets.register(), streets.register(streets.world.doors[1])
    made = {streets.need(one, MASK).need, streets.need(one, "kit").need, streets.need(other, MASK).need}
    assert len(made) == 3


def test_a_need_is_for_an_item_or_a_kit_not_for_neither_or_both(streets: Streets) -> None:
    resident = streets.register()
    for more in ({}, {"item": streets.item(MASK), "kit": streets.kit()}):
        new = NewNeed(key=uuid4(), resident=resident, urgency=Urgency.ORDINARY, **more)
        with pytest.raises(Invalid):
            streets.db.write_now(needs.record, new, streets.world.coordinator, streets.now)
    new = NewNeed(key=uuid4(), resident=resident, urgency=Urgency.ORDINARY, item=uuid4())
    with pytest.raises(NotFound):
        streets.db.write_now(needs.record, new, streets.world.coordinator, streets.now)


def test_a_closed_need_is_gone_and_stays_closed(streets: Streets) -> None:
    need = streets.need(streets.register(), MASK).need
    close(streets, need, "member")
    assert streets.need_state(need) == "cancelled"
    assert streets.read(needs.open_needs, streets.world.coordinator) == []
    with pytest.raises(NeedClosed):
        close(streets, need)


def test_a_promised_need_cannot_be_closed_and_anothers_is_not_there(streets: Streets) -> None:
    streets.shelve(MASK)
    need = streets.need(streets.register(), MASK).need
    with pytest.raises(NotFound):
        close(streets, need, "other_member")
    streets.match()
    with pytest.raises(NeedPromised):
        close(streets, need)


def test_the_list_is_by_urgency_then_waiting_and_turns_pages(streets: Streets) -> None:
    order = []
    for door, urgency in zip(
        streets.world.doors, (Urgency.OTHER, Urgency.URGENT, Urgency.ORDINARY, Urgency.URGENT), strict=False
    ):
        order.append(streets.need(streets.register(door), MASK, urgency=urgency).need)
        streets.later(minutes=1)
    wanted = [order[1], order[3], order[2], order[0]]
    assert [row.id for row in streets.read(needs.open_needs, streets.world.coordinator)] == wanted
    page = streets.read(needs.open_needs, streets.world.coordinator, limit=2)
    rest = streets.read(needs.open_needs, streets.world.coordinator, after=page[-1].id)
    assert [row.id for row in (*page, *rest)] == wanted
    assert streets.read(needs.open_needs, streets.world.far_coordinator) == []
    with pytest.raises(NotFound):
        streets.read(needs.open_needs, streets.world.far_coordinator, after=page[-1].id)
