"""Which dated policies hold on a day for dispensing, matching and urgency, and those that a new store starts with."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from app.base import policy
from distribution.matching import MatchingPolicy
from distribution.safety import ALL_RULES, DispensingPolicy
from distribution.urgency import UrgencyPolicy

DISPENSING = "dispensing"
MATCHING = "matching"
URGENCY = "urgency"
STARTER_VERSION = "starter"

T = TypeVar("T", bound=msgspec.Struct)


def dispensing(session: Session, today: date) -> DispensingPolicy | None:
    """The dispensing rules in force; None where there are none or they cannot be read: then no medicine moves."""
    return _readable(session, DISPENSING, DispensingPolicy, today)


def matching(session: Session, today: date) -> MatchingPolicy:
    """The sharing rules in force, else those that a new store starts with: they order people, they endanger nobody."""
    return _readable(session, MATCHING, MatchingPolicy, today) or MatchingPolicy(version=STARTER_VERSION)


def urgency(session: Session, today: date) -> UrgencyPolicy:
    """The published tiers in force, else those that a new store starts with."""
    return _readable(session, URGENCY, UrgencyPolicy, today) or UrgencyPolicy(version=STARTER_VERSION)


def enact_starters(session: Session, signed_by: UUID, valid_from: date, now: datetime) -> None:
    """Put the starter policies in force from a day, in the name of the pharmacist who read and signed them."""
    for name, body in (
        (DISPENSING, DispensingPolicy(version=STARTER_VERSION, rules=ALL_RULES)),
        (MATCHING, MatchingPolicy(version=STARTER_VERSION)),
        (URGENCY, UrgencyPolicy(version=STARTER_VERSION)),
    ):
        policy.enact(session, name, body, valid_from, now, signed_by=signed_by)


def _readable(session: Session, name: str, kind: type[T], today: date) -> T | None:
    try:
        return policy.current(session, name, kind, today)
    except msgspec.ValidationError:
        return None
