"""What a stocktake refuses."""

from __future__ import annotations

from app.base.errors import Refusal


class CountOpen(Refusal):
    """The place is being counted: until that is over, nobody who counts sees what the books say of it."""

    code = "COUNT_OPEN"


class CountOver(Refusal):
    """The counting of this round is over; what is still to be settled is counted again line by line."""

    code = "COUNT_OVER"


class NotCounted(Refusal):
    """The place is not part of this stocktake, or is of a kind that is not counted."""

    code = "NOT_COUNTED"


class NothingCounted(Refusal):
    """Nothing was scanned yet: an empty place is said to be empty, not left out."""

    code = "NOTHING_COUNTED"


class OtherCounter(Refusal):
    """Differences are counted again by another person than the one who counted before."""

    code = "OTHER_COUNTER"
    status = 403


class RecountTaken(Refusal):
    """Somebody else has begun to count this line again."""

    code = "RECOUNT_TAKEN"


class RecountNotStarted(Refusal):
    """A recount is begun first, so that the moves since then can be told from what is missing."""

    code = "RECOUNT_NOT_STARTED"


class WrongLine(Refusal):
    """The scanned pack is of another item or lot than the one that is counted again."""

    code = "WRONG_LINE"


class CounterCannotApprove(Refusal):
    """Whoever counted cannot approve what came out."""

    code = "COUNTER_CANNOT_APPROVE"
    status = 403


class LineNotReady(Refusal):
    """The line does not wait for a decision (any more)."""

    code = "LINE_NOT_READY"


class CountStale(Refusal):
    """The books of these goods were put right since the count: they must be counted again."""

    code = "COUNT_STALE"


class CountGone(Refusal):
    """The goods have gone on since the count, so that the correction is no longer possible: count again."""

    code = "COUNT_GONE"


class CountPromised(Refusal):
    """What is missing is promised to somebody: its parcel's line must be dropped first."""

    code = "COUNT_PROMISED"


class LinesOpen(Refusal):
    """Some differences are neither corrected nor left on purpose."""

    code = "LINES_OPEN"
