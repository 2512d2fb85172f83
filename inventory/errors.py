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


class ItemChoice(Refusal):
    """The product code stands on several items; a person must say which."""

    code = "ITEM_CHOICE"


class SittingOver(Refusal):
    """Only what was received in the same sitting, by the same person, can be added to or taken back in one tap."""

    code = "SITTING_OVER"


class AlreadyTakenBack(Refusal):
    """The line was taken back before."""

    code = "ALREADY_TAKEN_BACK"


class NotReleasable(Refusal):
    """Nobody may put this pack on the shelf; the reasons say why."""

    code = "NOT_RELEASABLE"


class Unidentified(Refusal):
    """A medic must first say what the goods are."""

    code = "UNIDENTIFIED"


class AlreadyKnown(Refusal):
    """The pack stands under an item of the catalogue already."""

    code = "ALREADY_KNOWN"


class NotOnShelf(Refusal):
    """Nothing of the pack stands on a shelf of the station: it waits for a release, is promised, or is not there."""

    code = "NOT_ON_SHELF"


class AlreadyThere(Refusal):
    """The pack stands in that place already."""

    code = "ALREADY_THERE"


class WrongShelf(Refusal):
    """Medicine goes into the medicine cabinet and nothing else does; other boxes of a station are for other steps."""

    code = "WRONG_SHELF"


class OnlyQuarantine(Refusal):
    """What is expired or recalled goes into quarantine, and not onto a shelf again."""

    code = "ONLY_QUARANTINE"


class RecallOver(Refusal):
    """The recall is closed or withdrawn."""

    code = "RECALL_OVER"


class RecallUnfinished(Refusal):
    """Some of what is called back lies somewhere else than in quarantine, or somebody who has it was not called yet."""

    code = "RECALL_UNFINISHED"


class GroundsNeeded(Refusal):
    """Whoever lets a pack out against a finding says why (B1); «other» is said in words."""

    code = "GROUNDS_NEEDED"
    status = 422


class PlanNeeded(Refusal):
    """Whoever first lets short-dated medicine out names the plan by which it is used in time (IN05)."""

    code = "PLAN_NEEDED"
    status = 422


class AlreadyLooked(Refusal):
    """Somebody has looked at these goods before; what was found stands."""

    code = "ALREADY_LOOKED"


class NotWanted(Refusal):
    """The public is not asked for what the counter would turn away."""

    code = "NOT_WANTED"


class StaleItem(Refusal):
    """Somebody changed this item of the catalogue since it was read; both readings are shown, a person chooses."""

    code = "STALE_ITEM"


class AlertOver(Refusal):
    """What the alert said no longer holds, or is not in the own scope."""

    code = "ALERT_OVER"
