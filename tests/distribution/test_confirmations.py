"""Records of the door: sent again they count once; of two that disagree the first has effect and both are kept."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.base.db import Database
from app.base.errors import KeyReused
from distribution import deliveries, picking, rounds
from distribution.confirmations import Recorded
from distribution.journey import Failure, Receiver, State
from distribution.models import Confirmation, Given, ParcelStep
from tests.distribution.door_world import MASK, NOW, PARACETAMOL, Door


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Door:
    return Door(db, tmp_path / "keys")


def fail(door: Door, parcel: Any, actor: Any = None, key: Any = None) -> Recorded:
    failed = deliveries.FailDelivery(
        key=key or uuid4(), parcel=parcel, reason=Failure.NO_ANSWER, phone_at=door.now - timedelta(minutes=3)
    )
    return door.db.write_now(deliveries.fail, failed, actor or door.world.member, door.now)


def test_the_same_record_three_times_has_one_effect(door: Door) -> None:
    made, key = door.out(PARACETAMOL), uuid4()
    told = {door.hand_over(made.parcel, key=key, phone_at=NOW) for _ in range(3)}
    assert told == {Recorded(parcel=made.parcel, effective=True, state=State.DELIVERED)}
    assert len(door.column(Given.id)) == 1
    assert door.column(Confirmation.id) == [key]
    assert door.column(ParcelStep.event, ParcelStep.event == "deliver") == ["deliver"]
    door.agrees()


def test_a_failure_sent_again_answers_with_the_same_next_step(door: Door) -> None:
    made, key = door.out(MASK), uuid4()
    first = fail(door, made.parcel, key=key)
    door.later(minutes=0)
    assert fail(door, made.parcel, key=key) == first
    assert first.due == NOW + timedelta(hours=4)


def test_the_first_record_wins_and_another_members_is_kept_without_effect(door: Door) -> None:
    made = door.out(PARACETAMOL)
    assert door.hand_over(made.parcel).effective
    second = fail(door, made.parcel, door.world.mate)
    assert (second.effective, second.state) == (False, State.DELIVERED)
    assert sorted(door.column(Confirmation.effective)) == [False, True]
    assert door.where(made.packs[0]) == {}
    door.agrees()


def test_a_hand_over_after_a_failure_is_kept_and_somebody_must_look(door: Door) -> None:
    made = door.out(MASK)
    fail(door, made.parcel)
    late = door.hand_over(made.parcel, door.world.mate)
    assert (late.effective, late.state) == (False, State.FAILED)
    assert door.where(made.packs[0]) == {"member": 1}
    view = door.read(picking.pick_list, made.parcel, door.world.leader)
    assert view.to_check
    assert [(one.outcome, one.effective) for one in view.told] == [("failed", True), ("delivered", False)]
    (today,) = door.read(rounds.rounds_today, door.world.coordinator, door.today)
    assert [stop.to_check for stop in today.stops] == [True]
    door.agrees()


def test_a_record_without_effect_sent_again_is_kept_once(door: Door) -> None:
    made, key = door.out(MASK), uuid4()
    door.hand_over(made.parcel)
    told = {door.hand_over(made.parcel, door.world.mate, key=key) for _ in range(3)}
    assert [one.effective for one in told] == [False]
    assert len(door.column(Confirmation.id)) == 2


def test_a_key_speaks_for_one_record_of_one_person(door: Door) -> None:
    made, key = door.out(MASK), uuid4()
    door.hand_over(made.parcel, key=key)
    with pytest.raises(KeyReused):
        door.hand_over(made.parcel, key=key, receiver=Receiver.FAMILY)
    with pytest.raises(KeyReused):
        door.hand_over(made.parcel, door.world.mate, key=key)


def test_the_phones_own_time_is_kept_beside_the_servers(door: Door) -> None:
    made = door.out(MASK)
    fail(door, made.parcel)
    row = door.read(lambda session: session.query(Confirmation).one())
    assert (row.phone_at, row.at) == (NOW - timedelta(minutes=3), NOW)


def test_a_phone_whose_clock_is_years_wrong_can_still_record(door: Door) -> None:
    made = door.out(MASK)
    assert door.hand_over(made.parcel, phone_at=datetime(1970, 1, 1, tzinfo=UTC)).effective
    assert door.column(Confirmation.phone_at) == [NOW]


def test_of_many_hand_overs_at_once_exactly_one_has_effect(door: Door) -> None:
    made = door.out(PARACETAMOL)
    told: list[Recorded] = []

    def record(actor: Any) -> None:
        told.append(door.hand_over(made.parcel, actor))

    threads = [
        threading.Thread(target=record, args=(actor,))
        for actor in (door.world.member, door.world.mate)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.effective for one in told) == [False] * 7 + [True]
    assert len(door.column(Given.id)) == 1
    door.agrees()
