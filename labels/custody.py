"""The steps in which a scan lets goods change hands: a look never accuses anybody, these may (pure)."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import msgspec


class Step(StrEnum):
    """What a label was scanned for."""

    RECEIVE = "receive"
    PICK = "pick"
    LABEL = "label"
    TAKE_OVER = "take_over"
    HAND_OVER = "hand_over"
    TAKE_BACK = "take_back"


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan in one of the steps: its text, the key that the phone made for it, and the parcel that it was for."""

    step: Step
    text: str
    key: UUID
    parcel: UUID | None = None
