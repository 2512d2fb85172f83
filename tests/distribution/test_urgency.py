"""Tiers from the published table, rising with waiting, and deadlines with a working-day calendar."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from distribution.urgency import (
    CODES,
    DEFAULT_TIERS,
    RED_FLAGS,
    Level,
    NeedFacts,
    Signs,
    TierRow,
    Urgency,
    UrgencyPolicy,
    ageing_cap,
    classify,
    due,
    progress,
    tier,
)

TODAY = date(2026, 3, 10)
POLICY = UrgencyPolicy(version="2026-01")
# A Friday, 16:30 in China.
FRIDAY = datetime(2026, 3, 6, 8, 30, tzinfo=UTC)


def facts(urgency: Urgency, *groups: str, waited: int = 0) -> NeedFacts:
    return NeedFacts(urgency=urgency, groups=frozenset(groups), since=TODAY - timedelta(days=waited))


@pytest.mark.parametrize(
    ("need", "rank", "code"),
    [
        (facts(Urgency.EMERGENCY), 0, "EMERGENCY"),
        (facts(Urgency.URGENT, "serious_illness"), 1, "URGENT_PRIORITY"),
        (facts(Urgency.URGENT), 2, "URGENT"),
        (facts(Urgency.ORDINARY, "child_in_difficulty"), 3, "ORDINARY_PRIORITY"),
        (facts(Urgency.ORDINARY), 4, "ORDINARY"),
        (facts(Urgency.OTHER, "maternity"), 5, "OTHER"),
    ],
)
def test_the_published_table_gives_each_need_its_tier(need: NeedFacts, rank: int, code: str) -> None:
    place = tier(need, POLICY, TODAY)
    assert (place.rank, place.code) == (rank, code)


def test_the_five_groups_stand_in_one_tier_by_default() -> None:
    groups = ("living_alone_elder", "child_in_difficulty", "maternity", "severe_disability", "serious_illness")
    assert {tier(facts(Urgency.URGENT, group), POLICY, TODAY).rank for group in groups} == {1}


@pytest.mark.parametrize(("waited", "rank"), [(0, 5), (13, 5), (14, 4), (27, 4), (28, 3), (42, 3), (4000, 3), (-3, 5)])
def test_waiting_lifts_a_need_by_one_tier_a_fortnight_but_never_to_the_urgent_ones(waited: int, rank: int) -> None:
    assert tier(facts(Urgency.OTHER, waited=waited), POLICY, TODAY).rank == rank


def test_a_need_that_starts_among_the_urgent_stays_where_it_is() -> None:
    assert tier(facts(Urgency.URGENT, waited=100), POLICY, TODAY).rank == 2
    emergency = tier(facts(Urgency.EMERGENCY, waited=100), POLICY, TODAY)
    assert (emergency.rank, [part.code for part in emergency.parts]) == (0, ["URGENCY_SYMPTOM"])


def test_each_part_of_the_place_is_told() -> None:
    risen = tier(facts(Urgency.ORDINARY, waited=15), POLICY, TODAY)
    assert [part.code for part in risen.parts] == ["URGENCY_SYMPTOM", "URGENCY_WAITING"]
    assert risen.parts[1].params == {"days": 15, "steps": 1}
    capped = tier(facts(Urgency.ORDINARY, "maternity", waited=15), POLICY, TODAY)
    assert [part.code for part in capped.parts] == ["URGENCY_SYMPTOM", "URGENCY_GROUP", "URGENCY_CAPPED"]


def test_another_table_gives_another_order_without_a_change_of_code() -> None:
    first = TierRow(urgency=Urgency.ORDINARY, group="maternity", rank=0, code="MOTHERS_FIRST")
    policy = msgspec.structs.replace(POLICY, tiers=(*DEFAULT_TIERS, first))
    assert tier(facts(Urgency.ORDINARY, "maternity"), policy, TODAY).code == "MOTHERS_FIRST"
    assert ageing_cap(policy) == 3


def test_a_need_that_the_table_forgot_stands_last_and_says_so() -> None:
    policy = msgspec.structs.replace(POLICY, tiers=DEFAULT_TIERS[:5])
    place = tier(facts(Urgency.OTHER), policy, TODAY)
    assert (place.rank, place.code) == (5, "UNLISTED")
    assert "URGENCY_UNLISTED" in [part.code for part in place.parts]


@pytest.mark.parametrize("flag", RED_FLAGS)
def test_any_red_flag_is_an_emergency(flag: str) -> None:
    assert classify(Signs(red_flags=frozenset({flag}), wants_goods=False)) is Urgency.EMERGENCY


@pytest.mark.parametrize(
    ("signs", "urgency"),
    [
        (Signs(severe_without_medicine=True), Urgency.EMERGENCY),
        (Signs(fever=True, high_risk=True, has_antipyretic=False), Urgency.URGENT),
        (Signs(fever=True, high_risk=True), Urgency.URGENT),
        (Signs(fever=True, high_risk=True, has_antipyretic=True), Urgency.ORDINARY),
        (Signs(fever=True), Urgency.ORDINARY),
        (Signs(wants_goods=False), Urgency.OTHER),
    ],
)
def test_signs_make_the_urgency(signs: Signs, urgency: Urgency) -> None:
    assert classify(signs) is urgency


@pytest.mark.parametrize(
    ("urgency", "level", "later"),
    [
        (Urgency.EMERGENCY, Level.TEAM, timedelta(minutes=15)),
        (Urgency.EMERGENCY, Level.OFFICE, timedelta(0)),
        (Urgency.URGENT, Level.TEAM, timedelta(hours=2)),
        (Urgency.URGENT, Level.OFFICE, timedelta(hours=12)),
        (Urgency.ORDINARY, Level.TEAM, timedelta(days=1)),
        # Working days jump the weekend.
        (Urgency.ORDINARY, Level.COMMUNITY, timedelta(days=4)),
        (Urgency.OTHER, Level.OFFICE, timedelta(days=7)),
    ],
)
def test_each_level_has_its_time(urgency: Urgency, level: Level, later: timedelta) -> None:
    assert due(urgency, level, FRIDAY, POLICY) == FRIDAY + later


def test_a_holiday_is_jumped_and_a_worked_saturday_counts() -> None:
    policy = msgspec.structs.replace(
        POLICY, holidays=frozenset({date(2026, 3, 9)}), workdays=frozenset({date(2026, 3, 7)})
    )
    # Saturday the 7th and Tuesday the 10th.
    assert due(Urgency.ORDINARY, Level.COMMUNITY, FRIDAY, policy) == FRIDAY + timedelta(days=4)


def test_a_working_day_is_counted_in_local_time() -> None:
    # Still Thursday in UTC, already Friday at the station: two working days later is Tuesday there.
    late = datetime(2026, 3, 5, 17, 0, tzinfo=UTC)
    assert due(Urgency.ORDINARY, Level.COMMUNITY, late, POLICY) == late + timedelta(days=4)


def test_time_on_hold_moves_the_deadline() -> None:
    paused = timedelta(hours=5)
    assert due(Urgency.URGENT, Level.TEAM, FRIDAY, POLICY, paused) == FRIDAY + timedelta(hours=7)


def test_a_level_without_a_limit_is_an_error_not_a_silence() -> None:
    with pytest.raises(LookupError):
        due(Urgency.URGENT, Level.TEAM, FRIDAY, msgspec.structs.replace(POLICY, limits=()))


@pytest.mark.parametrize(
    ("minutes", "state"),
    [(0, "running"), (59, "running"), (60, "remind"), (95, "remind"), (96, "remind_again"), (120, "overdue")],
)
def test_reminders_come_at_half_and_at_four_fifths(minutes: int, state: str) -> None:
    end = due(Urgency.URGENT, Level.TEAM, FRIDAY, POLICY)
    assert progress(FRIDAY, end, FRIDAY + timedelta(minutes=minutes), POLICY) == state


@pytest.mark.parametrize("language", ["zh", "en"])
def test_tiers_parts_and_red_flags_have_words(language: str) -> None:
    path = Path(__file__).parents[2] / "distribution" / "messages" / f"{language}.toml"
    texts = tomllib.loads(path.read_text(encoding="utf-8"))["urgency"]
    assert set(texts["tier"]) == {row.code for row in DEFAULT_TIERS} | {"UNLISTED"}
    assert set(texts["red_flag"]) == set(RED_FLAGS)
    assert set(texts["level"]) == set(Level)
    assert set(texts["progress"]) == {"running", "remind", "remind_again", "overdue"}
    assert {key for key, text in texts.items() if isinstance(text, str)} == {*CODES, *Urgency}
