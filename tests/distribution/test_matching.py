"""Who gets which lot and why, in prose; and the promises that hold for any needs and any stock."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.matching import (
    CODES,
    REFUSALS,
    Allocation,
    Lot,
    MatchingPolicy,
    Need,
    Pick,
    Plan,
    Refusal,
    Snapshot,
    Verdict,
    in_order,
    match,
)
from distribution.matching_proof import proof

TODAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)


def need(key: str, tier: int = 3, waited: int = 0, **changes: object) -> Need:
    plain = Need(
        id=key,
        resident=f"r-{key}",
        household=f"h-{key}",
        klass="fever",
        tier=tier,
        since=NOON - timedelta(days=waited),
    )
    return msgspec.structs.replace(plain, **changes)


def lot(key: str, available: int = 1, days: int | None = 100, **changes: object) -> Lot:
    plain = Lot(
        key=key,
        item="paracetamol-500",
        klass="fever",
        station="north",
        expiry=None if days is None else TODAY + timedelta(days=days),
        available=available,
        released=True,
        course_days=3,
    )
    return msgspec.structs.replace(plain, **changes)


def snapshot(needs: list[Need], lots: list[Lot], **changes: object) -> Snapshot:
    plain = Snapshot(
        needs=tuple(needs),
        lots=tuple(lots),
        verdicts={(one.id, other.item): Verdict(ok=True) for one in needs for other in lots},
        policy=MatchingPolicy(version="2026-01"),
        today=TODAY,
        delivery_day=TODAY,
        seed="round-1",
    )
    return msgspec.structs.replace(plain, **changes)


def decided(needs: list[Need], lots: list[Lot], **changes: object) -> dict[str, Allocation | Refusal]:
    """The decisions by need, after an independent check that the plan is sound."""
    shot = snapshot(needs, lots, **changes)
    plan = match(shot)
    assert proof(plan, shot) == []
    return {one.need: one for one in plan.decisions}


def refusal(needs: list[Need], lots: list[Lot], **changes: object) -> str:
    one = decided(needs, lots, **changes)[needs[0].id]
    assert isinstance(one, Refusal)
    return one.code


def picks(one: Allocation | Refusal) -> list[tuple[str, int]]:
    assert isinstance(one, Allocation)
    return [(pick.lot, pick.quantity) for pick in one.picks]


def test_the_better_tier_goes_first_however_long_the_other_has_waited() -> None:
    result = decided([need("long", tier=3, waited=90), need("urgent", tier=1)], [lot("a")])
    assert picks(result["urgent"]) == [("a", 1)]
    assert isinstance(result["long"], Refusal)


def test_within_a_tier_the_longest_waiting_goes_first() -> None:
    result = decided([need("new", waited=1), need("old", waited=2)], [lot("a")])
    assert picks(result["old"]) == [("a", 1)]


def test_a_tie_is_drawn_by_the_seed_and_not_by_the_name() -> None:
    needs = [need(f"n{number}") for number in range(20)]
    orders = {tuple(one.id for one in in_order(needs, seed)) for seed in ("a", "b", "c")}
    assert len(orders) == 3
    assert in_order(needs, "a") == in_order(reversed(needs), "a")


def test_what_expires_first_goes_first() -> None:
    result = decided([need("n")], [lot("late", days=300), lot("soon", days=30), lot("later", days=200)])
    assert picks(result["n"]) == [("soon", 1)]


def test_a_durable_item_without_expiry_goes_last_and_a_medicine_without_one_never() -> None:
    result = decided([need("n", quantity=2)], [lot("durable", days=None, durable=True), lot("dated", days=300)])
    assert picks(result["n"]) == [("dated", 1), ("durable", 1)]
    assert refusal([need("n")], [lot("undated", days=None)]) == "NO_STOCK_OF_CLASS"


@pytest.mark.parametrize(("days", "served"), [(9, False), (10, True)])
def test_a_pack_outlasts_its_course_by_the_margin(days: int, served: bool) -> None:
    result = decided([need("n")], [lot("a", days=days)])["n"]
    assert isinstance(result, Allocation) is served
    if isinstance(result, Refusal):
        assert result.code == "EXPIRES_TOO_SOON"


def test_a_need_may_wish_for_more_life_than_the_course() -> None:
    assert refusal([need("n", min_life_days=60)], [lot("a", days=59)]) == "EXPIRES_TOO_SOON"
    assert picks(decided([need("n", min_life_days=60)], [lot("a", days=60)])["n"]) == [("a", 1)]


def test_a_pack_expiring_on_the_day_of_delivery_counts_as_too_short_not_as_expired() -> None:
    plan = match(snapshot([need("n")], [lot("today", days=0), lot("yesterday", days=-1)]))
    assert [(one.lot, one.code) for one in plan.excluded] == [("yesterday", "LOT_EXPIRED")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"released": False}, "LOT_NOT_RELEASED"),
        ({"held": True}, "LOT_HELD"),
        ({"recalled": True}, "LOT_RECALLED"),
        ({"available": 0}, "LOT_PROMISED"),
        ({"available": -2}, "LOT_PROMISED"),
        ({"expiry": None}, "LOT_UNDATED"),
    ],
)
def test_stock_that_may_not_move_serves_nobody_and_says_why(changes: dict[str, object], code: str) -> None:
    shot = snapshot([need("n")], [lot("a", **changes)])
    plan = match(shot)
    assert [one.code for one in plan.excluded] == [code]
    assert plan.decisions == (Refusal(need="n", rank=1, code="NO_STOCK_OF_CLASS", details={}),)
    assert proof(plan, shot) == []


def test_a_lot_that_expires_before_the_day_of_delivery_is_excluded_as_expired() -> None:
    later = TODAY + timedelta(days=3)
    plan = match(snapshot([need("n")], [lot("a", days=2), lot("b", days=3)], delivery_day=later))
    assert [(one.lot, one.code) for one in plan.excluded] == [("a", "LOT_EXPIRED")]


@pytest.mark.parametrize(("days", "given"), [(9, False), (10, True)])
def test_a_planned_day_that_has_passed_does_not_make_old_stock_young(days: int, given: bool) -> None:
    shot = snapshot([need("n")], [lot("a", days=days)], delivery_day=TODAY - timedelta(days=4))
    (decision,) = match(shot).decisions
    assert isinstance(decision, Allocation) is given
    gives = Allocation(need="n", rank=1, picks=(Pick("a", "paracetamol-500", 1),), release_by="volunteer", reasons=())
    assert (proof(msgspec.structs.replace(match(shot), decisions=(gives,)), shot) == []) is given


def test_an_unsafe_item_is_never_given_and_a_safe_one_of_the_class_is() -> None:
    unsafe = {("n", "paracetamol-500"): Verdict(ok=False, release_by=None)}
    assert refusal([need("n")], [lot("a")], verdicts=unsafe) == "NO_SAFE_ITEM"
    both = unsafe | {("n", "ibuprofen-300"): Verdict(ok=True, release_by="medic")}
    result = decided([need("n")], [lot("a"), lot("b", item="ibuprofen-300")], verdicts=both)["n"]
    assert picks(result) == [("b", 1)]
    assert isinstance(result, Allocation)
    assert result.release_by == "medic"


def test_an_item_that_is_not_ok_is_not_given_whoever_might_release_it() -> None:
    verdicts = {("n", "paracetamol-500"): Verdict(ok=False, release_by="volunteer")}
    assert refusal([need("n")], [lot("a")], verdicts=verdicts) == "NO_SAFE_ITEM"


def test_what_nobody_may_release_is_not_given_even_if_called_ok() -> None:
    assert refusal([need("n")], [lot("a")], verdicts={("n", "paracetamol-500"): Verdict(ok=True, release_by=None)}) == (
        "NO_SAFE_ITEM"
    )


def test_an_item_that_was_not_judged_is_not_safe() -> None:
    assert refusal([need("n")], [lot("a")], verdicts={}) == "RULES_MISSING"


def test_only_acceptable_items_are_given() -> None:
    lots = [lot("a"), lot("b", item="ibuprofen-300")]
    chosen = decided([need("n", items=frozenset({"ibuprofen-300"}))], lots)["n"]
    assert picks(chosen) == [("b", 1)]
    assert refusal([need("n", items=frozenset({"loratadine"}))], lots) == "NO_STOCK_OF_CLASS"


def test_a_station_out_of_reach_gives_nothing_and_a_nearer_one_wins_only_a_tie() -> None:
    assert refusal([need("n", stations=("south",))], [lot("a")]) == "OUT_OF_REACH"
    lots = [lot("a-north"), lot("b-south", station="south"), lot("c-south", station="south", days=50)]
    assert picks(decided([need("n", stations=("south", "north"))], lots)["n"]) == [("c-south", 1)]
    assert picks(decided([need("n", stations=("south", "north"))], lots[:2])["n"]) == [("b-south", 1)]


def test_a_household_stops_at_its_cap_and_what_it_received_counts() -> None:
    cap = MatchingPolicy(version="2026-01", household_caps={"paracetamol-500": 1})
    needs = [need("n", household="h", quantity=3), need("m", household="h", waited=-1)]
    result = decided(needs, [lot("a", 9)], policy=cap)
    assert picks(result["n"]) == [("a", 1)]
    assert isinstance(result["m"], Refusal)
    assert result["m"].code == "HOUSEHOLD_CAP"
    assert refusal(needs, [lot("a", 9)], policy=cap, received={("h", "paracetamol-500"): 1}) == "HOUSEHOLD_CAP"


@pytest.mark.parametrize(("one", "other"), [("paracetamol-500", "ganmaoling"), ("ganmaoling", "paracetamol-500")])
def test_two_needs_of_one_person_do_not_combine_to_what_clashes(one: str, other: str) -> None:
    cold = need("cold", resident="r", klass="cold", waited=1)
    lots = [lot("a"), lot("b", item="ganmaoling", klass="cold")]
    clashes = {one: frozenset({other})}
    result = decided([need("n", resident="r"), cold], lots, clashes=clashes)
    assert picks(result["cold"]) == [("b", 1)]
    assert isinstance(result["n"], Refusal)
    assert result["n"].code == "CLASHES"
    apart = decided([need("n"), cold], lots, clashes=clashes)
    assert picks(apart["n"]) == [("a", 1)]


def test_an_item_that_clashes_with_itself_goes_to_a_person_once() -> None:
    once = {"paracetamol-500": frozenset({"paracetamol-500"})}
    result = decided([need("n", quantity=5)], [lot("a", 9)], clashes=once)["n"]
    assert picks(result) == [("a", 1)]


def test_an_unknown_quantity_is_one_pack() -> None:
    assert picks(decided([need("n", quantity=None)], [lot("a", 9)])["n"]) == [("a", 1)]


def test_everybodys_first_pack_comes_before_anybodys_second_in_a_tier() -> None:
    needs = [need("first", waited=9, quantity=5), need("second", waited=1), need("third")]
    result = decided(needs, [lot("a", 4)])
    assert [picks(result[key]) for key in ("first", "second", "third")] == [[("a", 2)], [("a", 1)], [("a", 1)]]


def test_a_second_pack_of_a_better_tier_comes_before_a_first_of_a_worse_one() -> None:
    result = decided([need("urgent", tier=1, quantity=2), need("plain")], [lot("a", 2)])
    assert picks(result["urgent"]) == [("a", 2)]
    assert isinstance(result["plain"], Refusal)


def test_a_need_may_be_met_from_two_lots_and_a_short_one_says_so() -> None:
    result = decided([need("n", quantity=4)], [lot("a", 1, days=30), lot("b", 2, days=60)])["n"]
    assert picks(result) == [("a", 1), ("b", 2)]
    assert isinstance(result, Allocation)
    assert [reason.code for reason in result.reasons] == ["MATCH_RANK", "MATCH_LOT", "MATCH_LOT", "MATCH_SHORT"]
    assert result.reasons[-1].params == {"got": 3, "wanted": 4}


def test_a_yes_tells_its_rank_its_tier_and_why_this_lot() -> None:
    result = decided([need("n", waited=12), need("m", tier=0)], [lot("a", 2, days=30), lot("b")])["n"]
    assert isinstance(result, Allocation)
    assert result.reasons[0].params == {"rank": 2, "of": 2, "tier": 3, "days": 12}
    assert result.reasons[1].params == {"expiry": (TODAY + timedelta(days=30)).isoformat(), "fitting": 2}


def test_a_no_tells_the_cut_off_once_enough_people_stand_behind_it() -> None:
    served = [need(f"s{number}", tier=1, waited=10 - number) for number in range(5)]
    result = decided([*served, need("late")], [lot("a", 5)])["late"]
    assert result == Refusal(
        need="late",
        rank=6,
        code="OUTRANKED",
        details={"cutoff_rank": 5, "cutoff_tier": 1, "cutoff_days": 6, "served": 5},
    )
    few = decided([*served[:4], need("late")], [lot("a", 4)])["late"]
    assert few == Refusal(need="late", rank=5, code="OUTRANKED", details={})


def test_the_same_need_or_lot_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="need n stands twice"):
        match(snapshot([need("n"), need("n")], []))
    with pytest.raises(ValueError, match="lot a stands twice"):
        match(snapshot([], [lot("a"), lot("a")]))


def test_no_needs_and_no_stock_make_an_empty_plan() -> None:
    assert match(snapshot([], [])) == Plan(policy="2026-01", seed="round-1", decisions=(), excluded=())


def test_a_plan_can_be_written_down_and_read_again() -> None:
    plan = match(snapshot([need("n"), need("m", klass="cough")], [lot("a")]))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


# The proof finds what is wrong


def broken(plan: Plan, shot: Snapshot, change: Allocation | Refusal) -> list[str]:
    rest = tuple(one for one in plan.decisions if one.need != change.need)
    return proof(msgspec.structs.replace(plan, decisions=(*rest, change)), shot)


def test_the_proof_names_each_kind_of_fault() -> None:
    needs = [need("n", tier=0, household="h"), need("m", waited=1, household="h"), need("k", resident="r-m")]
    lots = [lot("a"), lot("b", item="ibuprofen-300"), lot("held", held=True)]
    shot = snapshot(
        needs,
        lots,
        policy=MatchingPolicy(version="1", household_caps={"ibuprofen-300": 1}),
        clashes={"ibuprofen-300": frozenset({"paracetamol-500"})},
    )
    plan = match(shot)

    def gives(key: str, *chosen: Pick) -> Allocation:
        return Allocation(need=key, rank=1, picks=chosen, release_by="volunteer", reasons=())

    def refuses(key: str) -> Refusal:
        return Refusal(need=key, rank=1, code="OUTRANKED", details={})

    assert proof(plan, shot) == []
    assert proof(msgspec.structs.replace(plan, decisions=plan.decisions[1:]), shot) == ["need n: 0 decisions"]
    assert broken(plan, shot, gives("ghost")) == ["need ghost: not in the snapshot"]
    assert broken(plan, shot, gives("k", Pick("lost", "x", 1))) == ["lot lost: unknown"]
    assert "lot a: 2 drawn of 1" in broken(plan, shot, gives("k", Pick("a", "paracetamol-500", 1)))
    assert "need k: lot held must not go there" in broken(plan, shot, gives("k", Pick("held", "paracetamol-500", 1)))
    assert "need k: takes 2" in broken(plan, shot, gives("k", Pick("a", "paracetamol-500", 2)))
    assert "item ibuprofen-300: a household gets more than 1" in broken(
        plan, shot, gives("n", Pick("b", "ibuprofen-300", 1))
    )
    assert "item ibuprofen-300: a resident gets what clashes with it" in broken(
        plan, shot, gives("k", Pick("a", "paracetamol-500", 1))
    )
    assert {"need n: passed over for m", "need n: refused while lot a is free"} <= set(broken(plan, shot, refuses("n")))


def test_the_proof_sees_a_second_pack_that_somebody_of_the_same_tier_lacks() -> None:
    shot = snapshot([need("n", waited=1, quantity=2), need("m")], [lot("a", 2)])
    greedy = Allocation(need="n", rank=1, picks=(Pick("a", "paracetamol-500", 2),), release_by="volunteer", reasons=())
    lacking = Refusal(need="m", rank=2, code="OUTRANKED", details={})
    plan = msgspec.structs.replace(match(shot), decisions=(greedy, lacking))
    assert proof(plan, shot) == ["need m: refused while n gets a second pack"]


# Promises over any needs and any stock

ITEMS = ["paracetamol-500", "ibuprofen-300", "ganmaoling"]
NEEDS = st.lists(
    st.builds(
        lambda tier, waited, klass, items, quantity, home, stations, life: need(
            "n",
            tier,
            waited,
            klass=klass,
            items=frozenset(items),
            quantity=quantity,
            household=f"h{home}",
            resident=f"r{home}",
            stations=tuple(stations),
            min_life_days=life,
        ),
        st.integers(0, 2),
        st.integers(0, 3),
        st.sampled_from(["fever", "cough"]),
        st.sets(st.sampled_from(ITEMS)),
        st.sampled_from([None, 1, 1, 2, 4]),
        st.integers(0, 5),
        st.lists(st.sampled_from(["north", "south"]), unique=True),
        st.sampled_from([0, 30]),
    ),
    max_size=10,
).map(lambda needs: [msgspec.structs.replace(one, id=f"n{place}") for place, one in enumerate(needs)])
LOTS = st.lists(
    st.builds(
        lambda available, days, item, klass, station, released, held, recalled: lot(
            "l",
            available,
            days,
            item=item,
            klass=klass,
            station=station,
            released=released,
            held=held,
            recalled=recalled,
        ),
        st.integers(0, 4),
        st.sampled_from([-1, 0, 9, 10, 29, 30, 200, None]),
        st.sampled_from(ITEMS),
        st.sampled_from(["fever", "cough"]),
        st.sampled_from(["north", "south"]),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([False, False, True]),
        st.sampled_from([False, False, True]),
    ),
    max_size=8,
).map(lambda lots: [msgspec.structs.replace(one, key=f"l{place}") for place, one in enumerate(lots)])
VERDICTS = st.sampled_from(
    [Verdict(ok=True), Verdict(ok=True, release_by="doctor"), Verdict(ok=False, release_by=None), None]
)


@st.composite
def situations(draw: st.DrawFn) -> Snapshot:
    needs, lots = draw(NEEDS), draw(LOTS)
    verdicts = {(one.id, item): draw(VERDICTS) for one in needs for item in ITEMS}
    caps = draw(st.dictionaries(st.sampled_from(ITEMS), st.integers(0, 3), max_size=2))
    clashes = draw(st.dictionaries(st.sampled_from(ITEMS), st.frozensets(st.sampled_from(ITEMS)), max_size=2))
    return snapshot(
        needs,
        lots,
        verdicts={pair: verdict for pair, verdict in verdicts.items() if verdict},
        policy=MatchingPolicy(version="2026-01", household_caps=caps),
        clashes=clashes,
    )


@settings(max_examples=300, deadline=None)
@given(situations())
def test_any_plan_is_sound_and_decides_every_need_once(shot: Snapshot) -> None:
    plan = match(shot)
    assert proof(plan, shot) == []
    assert sorted(one.need for one in plan.decisions) == sorted(one.id for one in shot.needs)
    assert [one.rank for one in plan.decisions] == list(range(1, len(shot.needs) + 1))
    for one in plan.decisions:
        assert one.reasons if isinstance(one, Allocation) else one.code in REFUSALS


@settings(max_examples=150, deadline=None)
@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_entry_changes_nothing(shot: Snapshot, chance: random.Random) -> None:
    needs, lots = list(shot.needs), list(shot.lots)
    chance.shuffle(needs)
    chance.shuffle(lots)
    shuffled = msgspec.structs.replace(
        shot, needs=tuple(needs), lots=tuple(lots), verdicts=dict(reversed(shot.verdicts.items()))
    )
    assert msgspec.json.encode(match(shuffled)) == msgspec.json.encode(match(shot))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.sets(st.sampled_from(ITEMS), min_size=1)), max_size=12),
    st.lists(st.tuples(st.sampled_from(ITEMS), st.integers(1, 2)), max_size=5),
)
def test_nobody_refused_could_have_had_what_a_worse_placed_need_got(
    wants: list[tuple[int, int, set[str]]], stock: list[tuple[str, int]]
) -> None:
    needs = [
        need(f"n{place}", tier, waited, items=frozenset(items)) for place, (tier, waited, items) in enumerate(wants)
    ]
    lots = [lot(f"l{place}", available, item=item) for place, (item, available) in enumerate(stock)]
    plan = match(snapshot(needs, lots))
    by_id = {one.id: one for one in needs}
    got = {one.need: one.picks[0].item for one in plan.decisions if isinstance(one, Allocation)}
    for one in plan.decisions:
        if isinstance(one, Refusal):
            worse = [other for other in plan.decisions if other.rank > one.rank and other.need in got]
            assert all(got[other.need] not in by_id[one.need].items for other in worse)


def test_the_hash_seed_of_the_process_changes_nothing() -> None:
    program = (
        "import msgspec, random; from tests.distribution.test_matching import *;"
        "needs = [need(f'n{i}', i % 3, i % 5, quantity=i % 3 + 1) for i in range(60)];"
        "lots = [lot(f'l{i}', i % 4, 20 + i, item=ITEMS[i % 3]) for i in range(30)];"
        "print(msgspec.json.encode(match(snapshot(needs, lots))).decode())"
    )
    root = Path(__file__).parents[2]
    plans = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=root,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1")
    }
    assert len(plans) == 1
    assert b"Allocation" in plans.pop()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_code_has_a_sentence(language: str) -> None:
    path = Path(__file__).parents[2] / "distribution" / "messages" / f"{language}.toml"
    texts = tomllib.loads(path.read_text(encoding="utf-8"))["matching"]
    assert set(texts) == {*CODES, "CUTOFF"}
    result = decided([need("n", quantity=2, waited=3)], [lot("a"), lot("z", days=None, durable=True, available=0)])
    reasons = result["n"].reasons if isinstance(result["n"], Allocation) else ()
    for reason in reasons:
        assert "{" not in texts[reason.code].format(**reason.params)
