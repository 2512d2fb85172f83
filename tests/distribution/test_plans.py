"""Matching and approval: who gets what and why, and that the last unit has exactly one taker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from app.base import policy
from app.base.db import Database
from app.base.errors import Conflict, Forbidden, NotFound
from distribution import plans, policies
from distribution.errors import PlanClosed
from distribution.models import LineState
from distribution.safety import DispensingPolicy
from distribution.snapshot import DecisionOutcome
from distribution.urgency import Urgency
from tests.distribution.world import (
    IBUPROFEN,
    LORATADINE,
    MASK,
    PARACETAMOL,
    TODAY,
    Streets,
    answers,
)

KIT = {"sup-001": 2, "sup-003": 1, "sup-005": 2, "sup-006": 1, "sup-007": 1, "sup-008": 1, "med-037": 1}


@pytest.fixture
def streets(db: Database, tmp_path: Path) -> Streets:
    return Streets(db, tmp_path / "keys")


def outcomes(streets: Streets, plan: object) -> list[str]:
    return [one.outcome.value for one in streets.decisions(plan)]  # type: ignore[arg-type]


def test_an_approved_plan_sets_the_goods_aside_in_a_parcel_for_the_door(streets: Streets) -> None:
    pack = streets.shelve(MASK, units=5)
    need = streets.need(streets.register(), MASK, quantity=2)
    done = streets.match()
    assert (done.parcels, done.promised, done.dropped, done.left) == (1, 1, 0, 0)
    assert streets.where(pack) == {"shelf": 3, "reserved": 2}
    assert streets.need_state(need.need) == "promised"
    assert streets.parcel_states() == ["planned"]
    streets.agrees()


def test_a_proposal_promises_nothing(streets: Streets) -> None:
    pack = streets.shelve(MASK)
    need = streets.need(streets.register(), MASK)
    streets.propose()
    assert streets.where(pack) == {"shelf": 1}
    assert streets.need_state(need.need) == "open"


def test_a_need_of_unknown_amount_gets_one(streets: Streets) -> None:
    pack = streets.shelve(MASK, units=5)
    streets.need(streets.register(), MASK)
    streets.match()
    assert streets.where(pack) == {"shelf": 4, "reserved": 1}


def test_the_more_urgent_need_gets_the_last_unit_and_the_other_learns_why_not(streets: Streets) -> None:
    streets.shelve(MASK)
    first = streets.need(streets.register(streets.world.doors[0]), MASK)
    streets.later(hours=1)
    urgent = streets.need(streets.register(streets.world.doors[1]), MASK, urgency=Urgency.URGENT)
    plan = streets.propose()
    assert [(one.need, one.outcome) for one in streets.decisions(plan)] == [
        (urgent.need, DecisionOutcome.ALLOTTED),
        (first.need, DecisionOutcome.REFUSED),
    ]
    assert "OUTRANKED" in streets.codes(plan)[1]


def test_the_lot_that_expires_first_goes_first(streets: Streets) -> None:
    late = streets.shelve(MASK, lot="B", expiry=date(2029, 1, 31))
    early = streets.shelve(MASK, lot="A", expiry=date(2027, 6, 30))
    streets.need(streets.register(), MASK)
    streets.match()
    assert streets.where(early) == {"reserved": 1}
    assert streets.where(late) == {"shelf": 1}


def test_goods_of_another_station_are_not_promised(streets: Streets) -> None:
    streets.shelve(MASK, station=streets.world.far_station)
    streets.need(streets.register(), MASK)
    plan = streets.propose()
    assert streets.codes(plan) == [{"NO_STOCK_OF_CLASS"}]


def test_unknown_allergies_keep_medicine_away_and_not_masks(streets: Streets) -> None:
    streets.shelve(LORATADINE)
    streets.shelve(MASK)
    unasked = streets.register(health=answers(allergies=None))
    streets.need(unasked, LORATADINE)
    streets.need(unasked, MASK)
    plan = streets.propose()
    assert sorted(outcomes(streets, plan)) == ["allotted", "refused"]
    refused = next(one for one in streets.decisions(plan) if one.outcome is DecisionOutcome.REFUSED)
    assert {reason["code"] for reason in refused.reasons} >= {"NO_SAFE_ITEM", "DS07_ALLERGY_UNKNOWN"}


def test_a_refusal_does_not_tell_the_coordinator_what_the_allergy_is(streets: Streets) -> None:
    streets.shelve(IBUPROFEN)
    streets.need(streets.register(health=answers(allergies=("布洛芬",))), IBUPROFEN)
    plan = streets.propose()
    assert outcomes(streets, plan) == ["refused"]
    assert streets.codes(plan)[0] == {"NO_SAFE_ITEM", "ASK_MEDIC"}


def test_without_rules_in_force_no_medicine_is_promised(streets: Streets) -> None:
    empty = DispensingPolicy(version="empty", rules=frozenset())
    streets.db.write_now(policy.enact, policies.DISPENSING, empty, TODAY, streets.now)
    streets.shelve(LORATADINE)
    streets.shelve(MASK)
    resident = streets.register()
    streets.need(resident, LORATADINE)
    streets.need(resident, MASK)
    plan = streets.propose()
    assert sorted(outcomes(streets, plan)) == ["allotted", "refused"]
    assert any("RULES_MISSING" in codes for codes in streets.codes(plan))


def test_a_policy_that_cannot_be_read_bars_every_medicine(streets: Streets) -> None:
    class Broken(msgspec.Struct):
        version: int = 1

    streets.db.write_now(policy.enact, policies.DISPENSING, Broken(), TODAY, streets.now)
    streets.shelve(LORATADINE)
    streets.need(streets.register(), LORATADINE)
    plan = streets.propose()
    assert outcomes(streets, plan) == ["refused"]


def test_two_antipyretics_never_go_to_one_person_in_one_plan(streets: Streets) -> None:
    streets.shelve(PARACETAMOL)
    streets.shelve(IBUPROFEN)
    resident = streets.register()
    streets.need(resident, PARACETAMOL)
    streets.need(resident, IBUPROFEN)
    plan = streets.propose()
    assert sorted(outcomes(streets, plan)) == ["allotted", "refused"]
    assert any("CLASHES" in codes for codes in streets.codes(plan))


def test_what_is_on_its_way_to_a_person_counts_as_given(streets: Streets) -> None:
    streets.shelve(PARACETAMOL, units=2)
    resident = streets.register()
    streets.need(resident, PARACETAMOL)
    assert streets.match().promised == 1
    streets.later(days=2)
    streets.need(resident, PARACETAMOL)
    plan = streets.propose()
    assert outcomes(streets, plan) == ["refused"]
    assert "NO_SAFE_ITEM" in streets.codes(plan)[0]


def test_approving_twice_is_one_effect(streets: Streets) -> None:
    pack = streets.shelve(MASK, units=5)
    streets.need(streets.register(), MASK)
    plan, key = streets.propose(), uuid4()
    first = streets.approve(plan, key=key)
    assert streets.approve(plan, key=key) == first
    with pytest.raises(PlanClosed):
        streets.approve(plan)
    assert streets.where(pack) == {"shelf": 4, "reserved": 1}
    assert len(streets.parcel_states()) == 1


def test_two_approvals_wanting_the_last_unit_make_one_promise(streets: Streets) -> None:
    world = streets.world
    pack = streets.shelve(MASK)
    near = streets.need(streets.register(world.doors[0]), MASK)
    plan = streets.propose()
    other_need = streets.need(streets.register(world.doors[1]), MASK)
    seen = streets.read(plans.snapshot, streets.vault, world.office, None, streets.today)
    second = only_need(seen, other_need.need)
    proposal = plans.ProposePlan(key=uuid4(), community=None)
    rival = streets.keep(second, plans.work_out(second, "other"), proposal, world.office)
    with ThreadPoolExecutor(2) as pool:
        done = [
            pool.submit(streets.approve, plan),
            pool.submit(streets.approve, rival, world.office),
        ]
        results = [one.result() for one in done]
    assert sorted((one.promised, one.dropped) for one in results) == [(0, 1), (1, 0)]
    assert streets.where(pack) == {"reserved": 1}
    states = sorted((streets.need_state(near.need), streets.need_state(other_need.need)))
    assert states == ["open", "promised"]
    streets.agrees()


def only_need(seen: plans.Snapshot, only: object) -> plans.Snapshot:
    """The snapshot with one need in it alone: another coordinator's view of the same shelf."""
    return msgspec.structs.replace(seen, wanted=tuple(one for one in seen.wanted if one.need == only))


def test_what_no_longer_holds_at_approval_is_dropped_with_its_reason(streets: Streets) -> None:
    streets.shelve(LORATADINE, units=2)
    resident = streets.register()
    need = streets.need(resident, LORATADINE)
    plan = streets.propose()
    streets.later(minutes=5)
    streets.correct(resident, health=answers(allergies=("氯雷他定",)))
    done = streets.approve(plan)
    assert (done.promised, done.dropped, done.parcels) == (0, 1, 0)
    assert streets.codes(plan)[0] >= {"NOT_SAFE_NOW", "ASK_MEDIC"}
    assert streets.need_state(need.need) == "open"
    streets.agrees()


def test_a_newer_proposal_takes_the_place_of_the_older(streets: Streets) -> None:
    streets.shelve(MASK)
    streets.need(streets.register(), MASK)
    older = streets.propose()
    streets.propose()
    with pytest.raises(PlanClosed):
        streets.approve(older)


def test_a_kit_goes_whole(streets: Streets) -> None:
    packs = {code: streets.shelve(code, units=units) for code, units in KIT.items()}
    need = streets.need(streets.register(), "kit")
    done = streets.match()
    assert (done.promised, done.parcels) == (len(KIT), 1)
    assert all(streets.where(pack) == {"reserved": KIT[code]} for code, pack in packs.items())
    assert streets.need_state(need.need) == "promised"
    streets.agrees()


def test_a_kit_that_lacks_one_thing_takes_nothing_and_frees_it_for_others(streets: Streets) -> None:
    mask = streets.shelve("sup-001", units=2)
    for code, units in KIT.items():
        if code not in {"sup-001", "sup-008"}:
            streets.shelve(code, units=units)
    streets.need(streets.register(streets.world.doors[0]), "kit")
    streets.later(hours=1)
    alone = streets.need(streets.register(streets.world.doors[1]), "sup-001", quantity=2)
    plan = streets.propose()
    assert streets.approve(plan).promised == 1
    assert streets.where(mask) == {"reserved": 2}
    assert streets.need_state(alone.need) == "promised"
    (refused,) = [one for one in streets.decisions(plan) if one.outcome is DecisionOutcome.REFUSED]
    assert {"KIT_LACKS", "NO_STOCK_OF_CLASS"} <= {reason["code"] for reason in refused.reasons}
    assert "sup-008" in {reason["params"].get("other") for reason in refused.reasons}


def test_a_medicine_that_may_not_go_is_left_out_of_the_kit(streets: Streets) -> None:
    syrup = streets.shelve("med-037")
    for code, units in KIT.items():
        if code != "med-037":
            streets.shelve(code, units=units)
    streets.need(streets.register(health=answers(allergies=None)), "kit")
    plan = streets.propose()
    assert sorted(outcomes(streets, plan)) == ["allotted"] * 6 + ["left_out"]
    assert streets.approve(plan).promised == 6
    assert streets.where(syrup) == {"shelf": 1}
    streets.agrees()


def test_the_same_snapshot_and_seed_give_the_same_plan(streets: Streets) -> None:
    streets.shelve(MASK, units=2)
    for door in streets.world.doors[:4]:
        streets.need(streets.register(door), MASK)
    seen = streets.read(plans.snapshot, streets.vault, streets.world.coordinator, streets.world.community, TODAY)
    one, again = plans.work_out(seen, "a"), plans.work_out(seen, "a")
    assert one == again
    assert plans.work_out(seen, "b").digest != one.digest


def test_many_households_are_approved_in_steps_that_all_count(streets: Streets) -> None:
    world = streets.world
    pack = streets.shelve(MASK, units=40)
    for door in (*world.doors, world.other_door):
        for name in ("张一", "李二", "王三"):
            streets.need(streets.register(door, name), "sup-006")
            streets.later(days=1)
    streets.shelve("sup-006", units=30)
    done = streets.match()
    assert (done.promised, done.parcels) == (21, 7)
    assert streets.where(pack) == {"shelf": 40}
    assert {line.state for line in streets.lines()} == {LineState.RESERVED}
    streets.agrees()


def test_another_communitys_plan_is_not_there(streets: Streets) -> None:
    streets.shelve(MASK)
    streets.need(streets.register(), MASK)
    plan = streets.propose()
    with pytest.raises(NotFound):
        streets.approve(plan, streets.world.far_coordinator)
    with pytest.raises(NotFound):
        streets.read(plans.read_plan, plan, streets.world.far_coordinator)
    with pytest.raises(NotFound):
        streets.propose(streets.world.far_coordinator, streets.world.community)
    with pytest.raises(Forbidden):
        streets.propose(streets.world.medic)


def test_a_plan_tells_its_counts_by_outcome_and_group(streets: Streets) -> None:
    streets.shelve(MASK)
    streets.need(streets.register(streets.world.doors[0], groups=("maternity",)), MASK)
    streets.need(streets.register(streets.world.doors[1]), MASK)
    plan = streets.propose()
    view = streets.read(plans.read_plan, plan, streets.world.coordinator)
    assert (view.plan.counts["allotted"], view.plan.counts["refused"]) == (1, 1)
    assert [(one.group, one.needs, one.served) for one in view.groups] == [("maternity", 1, 1), ("none", 1, 0)]
    assert view.policies == {"dispensing": "starter", "matching": "starter", "urgency": "starter"}
    page = streets.read(plans.read_plan, plan, streets.world.coordinator, after=view.decisions[0].id)
    assert page.decisions == view.decisions[1:]
    assert streets.read(plans.explain, view.decisions[1].id, streets.world.coordinator) == view.decisions[1]


def test_too_few_masks_make_the_better_ranked_kits_whole_and_the_rest_nothing(streets: Streets) -> None:
    for code, units in KIT.items():
        streets.shelve(code, units=4 if code == "sup-001" else units * 6)
    wanted = []
    for door in streets.world.doors[:5]:
        wanted.append(streets.need(streets.register(door), "kit").need)
        streets.later(hours=1)
    streets.match()
    assert [streets.need_state(need) for need in wanted] == ["promised", "promised", "open", "open", "open"]
    streets.agrees()


def test_what_a_given_up_kit_held_makes_another_whole(streets: Streets) -> None:
    for code, units in KIT.items():
        streets.shelve(code, units={"sup-008": 1, "sup-001": 2}.get(code, units * 6))
    first = streets.need(streets.register(streets.world.doors[0]), "kit").need
    streets.later(hours=1)
    second = streets.need(streets.register(streets.world.doors[1]), "kit").need
    streets.match()
    assert [streets.need_state(need) for need in (first, second)] == ["promised", "open"]
    streets.agrees()


def test_a_plan_is_seen_only_once_it_is_written_to_the_end(streets: Streets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "PART", 1)
    world = streets.world
    streets.shelve(MASK, units=3)
    for door in world.doors[:3]:
        streets.need(streets.register(door), MASK)
    seen = streets.read(plans.snapshot, streets.vault, world.coordinator, world.community, TODAY)
    worked, proposal = plans.work_out(seen, "s"), plans.ProposePlan(key=uuid4(), community=world.community)
    keep = (plans.keep, seen, worked, proposal, world.coordinator, streets.now)
    half = streets.db.write_now(*keep)
    assert half.left == 2
    assert streets.read(plans.plans_of, world.coordinator) == []
    with pytest.raises(NotFound):
        streets.approve(half.plan)
    other = plans.work_out(seen, "another")
    with pytest.raises(Conflict):
        streets.db.write_now(plans.keep, seen, other, proposal, world.coordinator, streets.now)
    assert streets.keep(seen, worked, proposal, world.coordinator) == half.plan
    assert streets.keep(seen, other, proposal, world.coordinator) == half.plan
    (listed,) = streets.read(plans.plans_of, world.coordinator)
    assert listed.counts["allotted"] == 3


@pytest.mark.parametrize(
    ("recorded", "days"),
    [
        (datetime(2026, 11, 22, 15, 30, tzinfo=UTC), 1),
        (datetime(2026, 11, 22, 16, 30, tzinfo=UTC), 0),
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), 0),
    ],
    ids=["half past eleven last night", "half past midnight", "half past seven this morning"],
)
def test_waiting_is_counted_in_the_sub_district_s_own_days(streets: Streets, recorded: datetime, days: int) -> None:
    resident = streets.register()
    streets.shelve(MASK)
    this_morning, streets.now = streets.now, recorded
    streets.need(resident, MASK)
    streets.now = this_morning
    (decision,) = streets.decisions(streets.propose())
    (place,) = (reason for reason in decision.reasons if reason["code"] == "MATCH_RANK")
    assert place["params"]["days"] == days


def test_a_place_earned_by_waiting_comes_on_the_local_day_not_on_that_of_utc(streets: Streets) -> None:
    half_past_midnight = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
    resident, streets.now = streets.register(), half_past_midnight
    streets.need(resident, MASK)
    tiers = []
    for days in (13, 14):
        today = TODAY + timedelta(days=days)
        seen = streets.read(plans.snapshot, streets.vault, streets.world.coordinator, streets.world.community, today)
        tiers.append(seen.wanted[0].tier)
    assert tiers[1] == tiers[0] - 1
