"""Rounds: a team's labelled parcels in walking order, for the day, without a name on paper."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pypdfium2
import pytest
import zxingcpp

from app.base.db import Database
from app.base.errors import NotFound
from app.base.permissions import Actor, Role
from distribution import rounds
from distribution.door_errors import NotReady, NotYet, WrongStep
from distribution.journey import State
from distribution.models import Parcel
from labels import registry
from labels.sheets import Table, text_pdf
from tests.distribution.door_world import BLEACH, MASK, PARACETAMOL, TODAY, Door


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Door:
    return Door(db, tmp_path / "keys")


def plan(door: Door, *parcels: UUID, actor: Actor | None = None, key: UUID | None = None, days: int = 0) -> UUID:
    new = rounds.NewRound(key=key or uuid4(), team=door.world.team, day=TODAY + timedelta(days=days), parcels=parcels)
    return door.db.write_now(rounds.plan_round, new, actor or door.world.leader, door.now)


def labelled(door: Door, *codes: str, side: int = 0) -> UUID:
    made = door.packed(*codes, door=side)
    door.label(made.parcel)
    return made.parcel


def test_stops_follow_the_buildings_usual_walk(door: Door) -> None:
    second, first = labelled(door, MASK), labelled(door, PARACETAMOL, side=1)
    view = door.read(rounds.read_round, plan(door, second, first), door.world.leader)
    assert [(stop.position, stop.building, stop.parcel) for stop in view.stops] == [
        (1, "一号楼", first),
        (2, "二号楼", second),
    ]
    assert [stop.ask_medic for stop in view.stops] == [True, False]
    assert {door.state(first), door.state(second)} == {State.ASSIGNED}


def test_the_same_plan_sent_twice_is_one_round(door: Door) -> None:
    parcel, key = labelled(door, MASK), uuid4()
    assert plan(door, parcel, key=key) == plan(door, parcel, key=key)
    assert len(door.read(rounds.rounds_today, door.world.leader, TODAY)) == 1


@pytest.mark.parametrize("how_far", ["planned", "packed", "assigned"])
def test_only_a_labelled_parcel_without_a_round_can_go_on_one(door: Door, how_far: str) -> None:
    made = door.promise(MASK)
    if how_far != "planned":
        door.scan(made.parcel, made.codes[0])
    if how_far == "assigned":
        door.planned(made)
    before = len(door.column(rounds.Round.id))
    with pytest.raises(NotReady):
        plan(door, made.parcel)
    assert len(door.column(rounds.Round.id)) == before


@pytest.mark.parametrize("who", ["leader", "coordinator"])
def test_the_own_leader_and_the_communitys_coordinator_plan(door: Door, who: str) -> None:
    assert plan(door, labelled(door, MASK), actor=getattr(door.world, who))


def test_another_teams_people_find_neither_team_nor_round(door: Door) -> None:
    parcel = labelled(door, MASK)
    with pytest.raises(NotFound):
        plan(door, parcel, actor=door.world.stranger)
    made = plan(door, parcel)
    with pytest.raises(NotFound):
        door.read(rounds.read_round, made, door.world.stranger)
    assert door.read(rounds.rounds_today, door.world.stranger, TODAY) == ()
    assert door.read(rounds.ready, door.world.stranger) == ()


def test_ready_parcels_are_offered_until_a_round_takes_them(door: Door) -> None:
    parcel = labelled(door, MASK)
    assert [one.parcel for one in door.read(rounds.ready, door.world.coordinator)] == [parcel]
    plan(door, parcel)
    assert door.read(rounds.ready, door.world.coordinator) == ()


def test_a_parcel_is_withdrawn_before_it_is_taken_over_and_put_on_another_round(door: Door) -> None:
    kept, other = labelled(door, MASK), labelled(door, BLEACH, side=1)
    made = plan(door, kept, other)
    out = rounds.ChangeRound(key=uuid4(), round=made, parcel=other)
    for _ in range(2):
        door.db.write_now(rounds.withdraw, out, door.world.leader, door.now)
    assert door.state(other) == State.READY
    assert door.column(Parcel.position, Parcel.id == kept) == [1]
    back = rounds.ChangeRound(key=uuid4(), round=made, parcel=other)
    for _ in range(2):
        door.db.write_now(rounds.assign, back, door.world.leader, door.now)
    assert door.column(Parcel.position, Parcel.id == kept) == [2]
    door.take_over(other)
    out = rounds.ChangeRound(key=uuid4(), round=made, parcel=other)
    with pytest.raises(WrongStep):
        door.db.write_now(rounds.withdraw, out, door.world.leader, door.now)


def test_a_round_of_tomorrow_is_seen_today_and_not_taken_over_yet(door: Door) -> None:
    parcel = labelled(door, MASK)
    plan(door, parcel, days=1)
    assert len(door.read(rounds.rounds_today, door.world.member, TODAY)) == 1
    with pytest.raises(NotYet):
        door.take_over(parcel)
    door.later(days=1)
    assert door.take_over(parcel).state == State.OUT


def test_a_round_runs_from_the_first_parcel_and_is_done_with_the_last(door: Door) -> None:
    first, second = labelled(door, MASK), labelled(door, BLEACH, side=1)
    made = plan(door, first, second)

    def state() -> str:
        return str(door.read(rounds.read_round, made, door.world.leader).state)

    assert state() == rounds.PLANNED
    taken = door.take_over(first)
    assert (taken.taken, taken.left, state()) == (1, 1, rounds.RUNNING)
    door.take_over(second)
    door.hand_over(first)
    assert state() == rounds.RUNNING
    door.hand_over(second)
    assert state() == rounds.DONE


def test_an_unfinished_round_is_still_there_the_next_day(door: Door) -> None:
    parcel = labelled(door, MASK)
    plan(door, parcel)
    door.take_over(parcel)
    assert len(door.read(rounds.rounds_today, door.world.member, TODAY + timedelta(days=1))) == 1


def say(key: str, /, **params: object) -> str:
    return f"{key} {' '.join(str(value) for value in params.values())}".strip()


def test_the_printed_sheet_has_doors_and_floors_and_no_names(door: Door) -> None:
    made = plan(door, labelled(door, MASK), labelled(door, PARACETAMOL, side=1))
    view = door.read(rounds.read_round, made, door.world.leader)
    blocks = rounds.sheet(view, say)
    (table,) = [block for block in blocks if isinstance(block, Table)]
    assert [row[1] for row in table.rows] == [str(stop.serial) for stop in view.stops]
    assert not any(secret in str(blocks) for secret in ("欧阳", "张测", "测试路", "13800"))
    assert text_pdf("sheet", blocks, size_pt=12, landscape=True).startswith(b"%PDF")


def test_the_sheet_opens_the_round_by_its_own_code_and_shows_no_parcel_s(door: Door) -> None:
    parcel = labelled(door, MASK)
    made = plan(door, parcel)
    code = door.read(rounds.code_of, made, door.world.leader)
    found = door.read(registry.look_up, code)
    assert found is not None
    assert (found.kind, found.subject) == ("round", made)
    pdf = text_pdf(
        "sheet",
        rounds.sheet(
            door.read(rounds.read_round, made, door.world.leader), lambda key, **_: key, f"HTTPS://A.B/L/{code}"
        ),
    )
    seen = set()
    for page in pypdfium2.PdfDocument(pdf):
        seen |= {one.text for one in zxingcpp.read_barcodes(page.render(scale=4).to_pil())}
    assert seen == {f"HTTPS://A.B/L/{code}"}
    with pytest.raises(NotFound):
        door.read(rounds.code_of, made, Actor(account=uuid4(), role=Role.LEADER))
