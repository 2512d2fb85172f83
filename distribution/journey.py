"""The steps a parcel may take from plan to door and back, what each failure leads to, and when hand-over is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from app.base.reasons import Reason


class State(StrEnum):
    PLANNED = "planned"
    PACKED = "packed"
    READY = "ready"
    ASSIGNED = "assigned"
    OUT = "out"
    DELIVERED = "delivered"
    FAILED = "failed"
    RETURNED = "returned"
    UNPACKED = "unpacked"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What is done to a parcel; ``LABEL`` makes it ready for a round, ``ASSIGN`` puts it on one."""

    PACK = "pack"
    LABEL = "label"
    ASSIGN = "assign"
    WITHDRAW = "withdraw"
    DEPART = "depart"
    DELIVER = "deliver"
    FAIL = "fail"
    RETURN = "return"
    UNPACK = "unpack"
    CANCEL = "cancel"


# A parcel that came back is never sent again as it is: medicine that was out is judged anew (DS20).
TRANSITIONS: dict[State, dict[Event, State]] = {
    State.PLANNED: {Event.PACK: State.PACKED, Event.CANCEL: State.CANCELLED},
    State.PACKED: {Event.LABEL: State.READY, Event.UNPACK: State.UNPACKED},
    State.READY: {Event.ASSIGN: State.ASSIGNED, Event.UNPACK: State.UNPACKED},
    State.ASSIGNED: {Event.DEPART: State.OUT, Event.WITHDRAW: State.READY},
    State.OUT: {Event.DELIVER: State.DELIVERED, Event.FAIL: State.FAILED},
    State.FAILED: {Event.RETURN: State.RETURNED},
    State.RETURNED: {Event.UNPACK: State.UNPACKED},
    State.DELIVERED: {},
    State.UNPACKED: {},
    State.CANCELLED: {},
}


class WrongStep(ValueError):
    """A step that the parcel's state does not allow; ``code`` and ``params`` name it for the message."""

    def __init__(self, state: State, event: Event) -> None:
        self.code = "JOURNEY_OVER" if not TRANSITIONS[state] else "JOURNEY_WRONG_STEP"
        self.params = {"state": state.value, "event": event.value}
        super().__init__(f"{self.code}: {state.value} → {event.value}")


def advance(state: State, event: Event) -> State:
    """The state after the step. Raises WrongStep."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise WrongStep(state, event) from None


def steps_from(state: State) -> tuple[Event, ...]:
    return tuple(TRANSITIONS[state])


class Failure(StrEnum):
    """地址错误, 无人应答, 拒收, 住院/外出, 迁出, 去世, 药品不合适, 包裹破损, 不安全, 其他."""

    BAD_ADDRESS = "bad_address"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    AWAY = "away"
    MOVED = "moved"
    DIED = "died"
    UNSUITABLE = "unsuitable"
    DAMAGED = "damaged"
    UNSAFE = "unsafe"
    OTHER = "other"


class NextStep(Struct, frozen=True):
    """What must follow a failure, and within how many hours."""

    code: str
    hours: int


NEXT_STEPS: dict[Failure, NextStep] = {
    Failure.BAD_ADDRESS: NextStep("CHECK_ADDRESS", 24),
    Failure.NO_ANSWER: NextStep("PHONE_AND_RETRY", 4),
    Failure.REFUSED: NextStep("ASK_WHY", 24),
    Failure.AWAY: NextStep("AGREE_NEW_DAY", 24),
    Failure.MOVED: NextStep("UPDATE_LEDGER", 48),
    Failure.DIED: NextStep("CLOSE_QUIETLY", 24),
    Failure.UNSUITABLE: NextStep("ASK_MEDIC", 2),
    Failure.DAMAGED: NextStep("PACK_AGAIN", 4),
    Failure.UNSAFE: NextStep("TELL_LEADER", 1),
    Failure.OTHER: NextStep("LEADER_DECIDES", 24),
}


class Receiver(StrEnum):
    SELF = "self"
    FAMILY = "family"
    NEIGHBOUR = "neighbour"
    SAFE_PLACE = "safe_place"


class Counsel(StrEnum):
    """核对姓名, 问过敏, 问怀孕哺乳, 问慢病与在用药, 家中已有感冒退烧药?, 复述一遍."""

    NAME = "name"
    ALLERGY = "allergy"
    PREGNANCY = "pregnancy"
    CONDITIONS = "conditions"
    HOME_MEDICINE = "home_medicine"
    TEACH_BACK = "teach_back"


class HandOver(Struct, frozen=True, kw_only=True):
    """What the member records at the door; the two phone answers are given by who made the call."""

    receiver: Receiver
    has_medicine: bool
    counselled: frozenset[Counsel] = frozenset()
    agreed_by_phone: bool = False
    counselled_by_phone: bool = False


HAND_OVER_CODES = ("DS17_COUNSELLING", "DOOR_SAFE_PLACE_NOT_AGREED", "DOOR_MEDICINE_NEEDS_CALL")


def hand_over_problems(hand_over: HandOver) -> tuple[Reason, ...]:
    """Why the parcel may not count as delivered yet; empty when it may.

    Medicine needs the whole counselling (DS17). Where the person is not at the door to hear it (a neighbour, a safe
    place) it was done by phone with the person. A safe place is always agreed by phone first.
    """
    problems = []
    if hand_over.receiver is Receiver.SAFE_PLACE and not hand_over.agreed_by_phone:
        problems.append(Reason("DOOR", "DOOR_SAFE_PLACE_NOT_AGREED", "block"))
    if hand_over.has_medicine:
        missing = uncounselled(hand_over.counselled)
        if missing:
            problems.append(Reason("DS17", "DS17_COUNSELLING", "block", {"missing": len(missing)}))
        unheard = hand_over.receiver in {Receiver.NEIGHBOUR, Receiver.SAFE_PLACE}
        if unheard and not hand_over.counselled_by_phone:
            problems.append(Reason("DOOR", "DOOR_MEDICINE_NEEDS_CALL", "block"))
    return tuple(problems)


def uncounselled(done: Iterable[Counsel]) -> tuple[Counsel, ...]:
    """The items of the checklist that are still open, in its order."""
    ticked = frozenset(done)
    return tuple(item for item in Counsel if item not in ticked)


RESTOCK_LIMIT = timedelta(hours=24)
Restock = Literal["dispose", "hold_for_medic", "hold_for_volunteer", "quarantine"]


def restock(
    kind: Literal["medicine", "supply"], *, sealed_bag: bool, out_for: timedelta, cool: bool, handed_over: bool
) -> Restock:
    """Where returned goods go (DS20): ``out_for`` since they left custody, ``cool`` for what must stay at ≤ 20 ℃.

    Anything but a supply is treated as medicine. Nothing goes back to a shelf without a second person.
    """
    if kind == "supply":
        return "hold_for_volunteer"
    if handed_over or cool or not sealed_bag or not timedelta(0) <= out_for <= RESTOCK_LIMIT:
        return "dispose"
    return "hold_for_medic"
