"""A parcel's steps, the ten failures, the hand-over and what becomes of returned goods."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from distribution.journey import (
    HAND_OVER_CODES,
    NEXT_STEPS,
    TRANSITIONS,
    Counsel,
    Event,
    Failure,
    HandOver,
    Receiver,
    State,
    WrongStep,
    advance,
    hand_over_problems,
    restock,
    steps_from,
    uncounselled,
)

ALL = frozenset(Counsel)


def walk(*events: Event) -> State:
    state = State.PLANNED
    for event in events:
        state = advance(state, event)
    return state


def test_a_parcel_goes_from_plan_to_door() -> None:
    assert walk(Event.PACK, Event.LABEL, Event.ASSIGN, Event.DEPART, Event.DELIVER) is State.DELIVERED


def test_a_parcel_that_fails_comes_back_and_is_unpacked() -> None:
    out = (Event.PACK, Event.LABEL, Event.ASSIGN, Event.DEPART)
    assert walk(*out, Event.FAIL, Event.RETURN, Event.UNPACK) is State.UNPACKED


def test_a_parcel_taken_off_a_round_is_ready_again() -> None:
    assert walk(Event.PACK, Event.LABEL, Event.ASSIGN, Event.WITHDRAW) is State.READY


# Written by hand, so that the table of steps is held by something other than itself.
STEPS = {
    ("planned", "pack"): "packed",
    ("planned", "cancel"): "cancelled",
    ("packed", "label"): "ready",
    ("packed", "unpack"): "unpacked",
    ("ready", "assign"): "assigned",
    ("ready", "unpack"): "unpacked",
    ("assigned", "depart"): "out",
    ("assigned", "withdraw"): "ready",
    ("out", "deliver"): "delivered",
    ("out", "fail"): "failed",
    ("failed", "return"): "returned",
    ("returned", "unpack"): "unpacked",
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_only_the_allowed_steps_are_taken(state: State, event: Event) -> None:
    if (state, event) in STEPS:
        assert advance(state, event) == STEPS[state, event]
        return
    with pytest.raises(WrongStep) as refused:
        advance(state, event)
    over = state in {"delivered", "unpacked", "cancelled"}
    assert refused.value.code == ("JOURNEY_OVER" if over else "JOURNEY_WRONG_STEP")
    assert refused.value.params == {"state": state.value, "event": event.value}


def test_every_state_can_be_reached_and_knows_its_steps() -> None:
    reached = {State.PLANNED} | {after for steps in TRANSITIONS.values() for after in steps.values()}
    assert reached == set(State) == set(TRANSITIONS)
    assert steps_from(State.OUT) == (Event.DELIVER, Event.FAIL)


def test_each_of_the_ten_failures_has_its_next_step_and_time() -> None:
    assert len(NEXT_STEPS) == 10
    assert set(NEXT_STEPS) == set(Failure)
    assert all(step.hours > 0 for step in NEXT_STEPS.values())
    assert NEXT_STEPS[Failure.UNSUITABLE].code == "ASK_MEDIC"


def problems(receiver: Receiver, **changes: object) -> list[str]:
    record = HandOver(receiver=receiver, **({"has_medicine": True, "counselled": ALL} | changes))
    return [reason.code for reason in hand_over_problems(record)]


@pytest.mark.parametrize("receiver", [Receiver.SELF, Receiver.FAMILY])
def test_medicine_explained_at_the_door_is_delivered(receiver: Receiver) -> None:
    assert problems(receiver) == []


@pytest.mark.parametrize("missing", list(Counsel))
def test_one_open_point_of_the_counselling_holds_the_medicine(missing: Counsel) -> None:
    assert problems(Receiver.SELF, counselled=ALL - {missing}) == ["DS17_COUNSELLING"]
    assert uncounselled(ALL - {missing}) == (missing,)


def test_supplies_need_no_counselling() -> None:
    assert problems(Receiver.NEIGHBOUR, has_medicine=False, counselled=frozenset()) == []


def test_medicine_is_never_left_at_the_door_unless_agreed_and_explained_by_phone() -> None:
    assert problems(Receiver.SAFE_PLACE) == ["DOOR_SAFE_PLACE_NOT_AGREED", "DOOR_MEDICINE_NEEDS_CALL"]
    assert problems(Receiver.SAFE_PLACE, agreed_by_phone=True) == ["DOOR_MEDICINE_NEEDS_CALL"]
    assert problems(Receiver.SAFE_PLACE, counselled_by_phone=True) == ["DOOR_SAFE_PLACE_NOT_AGREED"]
    assert problems(Receiver.SAFE_PLACE, agreed_by_phone=True, counselled_by_phone=True) == []
    ticks = {"agreed_by_phone": True, "counselled_by_phone": True, "counselled": frozenset()}
    assert problems(Receiver.SAFE_PLACE, **ticks) == ["DS17_COUNSELLING"]


def test_a_bag_of_supplies_in_a_safe_place_is_agreed_by_phone() -> None:
    assert problems(Receiver.SAFE_PLACE, has_medicine=False) == ["DOOR_SAFE_PLACE_NOT_AGREED"]
    assert problems(Receiver.SAFE_PLACE, has_medicine=False, agreed_by_phone=True) == []


def test_medicine_given_to_a_neighbour_is_explained_to_the_person_by_phone() -> None:
    assert problems(Receiver.NEIGHBOUR) == ["DOOR_MEDICINE_NEEDS_CALL"]
    assert problems(Receiver.NEIGHBOUR, counselled_by_phone=True) == []


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        ({}, "hold_for_medic"),
        ({"out_for": timedelta(hours=24)}, "hold_for_medic"),
        ({"out_for": timedelta(hours=24, seconds=1)}, "dispose"),
        ({"out_for": timedelta(seconds=-1)}, "dispose"),
        ({"sealed_bag": False}, "dispose"),
        ({"cool": True}, "dispose"),
        ({"handed_over": True}, "dispose"),
    ],
)
def test_returned_medicine_is_held_for_a_medic_or_disposed_of(changes: dict[str, object], fate: str) -> None:
    plain = {"sealed_bag": True, "out_for": timedelta(hours=3), "cool": False, "handed_over": False}
    assert restock("medicine", **(plain | changes)) == fate
    assert restock("supply", **(plain | changes)) == "hold_for_volunteer"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_word_of_the_journey_has_its_text(language: str) -> None:
    path = Path(__file__).parents[2] / "distribution" / "messages" / f"{language}.toml"
    texts = tomllib.loads(path.read_text(encoding="utf-8"))["journey"]
    words = {"state": State, "event": Event, "failure": Failure, "receiver": Receiver, "counsel": Counsel}
    # A parcel's story begins with the plan's promise, which is no step of the journey.
    assert texts["event"].pop("promise")
    for table, members in words.items():
        assert set(texts[table]) == set(members)
    assert set(texts["next"]) == {step.code for step in NEXT_STEPS.values()}
    assert set(texts["restock"]) == {"dispose", "hold_for_medic", "hold_for_volunteer", "quarantine"}
    flat = {key for key, text in texts.items() if isinstance(text, str)}
    assert flat == {"JOURNEY_WRONG_STEP", "JOURNEY_OVER", *HAND_OVER_CODES}
