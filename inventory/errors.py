"""What inventory refuses."""

from __future__ import annotations

from app.base.errors import Refusal


class NotEnough(Refusal):
    """A place does not hold that many of a pack (any more)."""

    code = "NOT_ENOUGH"


class AlreadyReversed(Refusal):
    """A movement can be taken back once."""

    code = "ALREADY_REVERSED"


class Moved(Refusal):
    """The goods have moved on since, so this movement cannot be taken back."""

    code = "MOVED_ON"


class UnknownItem(Refusal):
    """No item of the catalogue fits what was named."""

    code = "UNKNOWN_ITEM"
    status = 404


class SecondPersonNeeded(Refusal):
    """Whoever received a pack cannot release it; a medicine is released by a medic (IN26)."""

    code = "SECOND_PERSON"
    status = 403


class NotHeld(Refusal):
    """The pack is not waiting for a decision (any more)."""

    code = "NOT_HELD"
