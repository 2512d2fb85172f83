"""What transfers, losses and disposal refuse."""

from __future__ import annotations

from app.base.errors import Refusal


class NotAPack(Refusal):
    """What was scanned is not the label of a pack of ours."""

    code = "NOT_OUR_PACK"
    status = 400


class SameStation(Refusal):
    """A transfer goes from one station to another; within a station goods are moved."""

    code = "SAME_STATION"
    status = 400


class TransferStep(Refusal):
    """The transfer is not at the point where this can be done (any more)."""

    code = "TRANSFER_STEP"


class NotSendable(Refusal):
    """What is expired, recalled or being looked into stays where it is."""

    code = "NOT_SENDABLE"


class NoCoolCabinet(Refusal):
    """The other station cannot keep this at 20 ℃ or below (IN12)."""

    code = "NO_COOL_CABINET"


class NothingSent(Refusal):
    """A transfer leaves with at least one pack."""

    code = "NOTHING_SENT"


class AlreadySent(Refusal):
    """The pack is in this transfer already."""

    code = "ALREADY_SENT"


class NotInTransfer(Refusal):
    """The pack was not sent with this transfer."""

    code = "NOT_IN_TRANSFER"


class AlreadyArrived(Refusal):
    """Everything that was sent of the pack has arrived before."""

    code = "ALREADY_ARRIVED"


class SealNeeded(Refusal):
    """Goods that were on the way come back: somebody must say whether the bag is still sealed."""

    code = "SEAL_NEEDED"
    status = 400


class OtherPersonNeeded(Refusal):
    """Whoever sent, counted or reported the goods cannot confirm their loss."""

    code = "OTHER_PERSON"
    status = 403


class NeverLost(Refusal):
    """Not that many units of the pack were ever written off."""

    code = "NEVER_LOST"


class LossDecided(Refusal):
    """The loss was decided before, or was small enough to need no decision."""

    code = "LOSS_DECIDED"


class NotForTheBin(Refusal):
    """Good stock, what is promised, and what a second person must judge is not thrown away by one."""

    code = "NOT_FOR_THE_BIN"


class NotInBin(Refusal):
    """The pack does not lie in the open waste box, or was put there by somebody's decision that stands."""

    code = "NOT_IN_BIN"


class BinEmpty(Refusal):
    """There is nothing to put into the waste box, or nothing in it to seal."""

    code = "BIN_EMPTY"


class CountDiffers(Refusal):
    """The packs counted by hand are not as many as were put into the box."""

    code = "COUNT_DIFFERS"


class DisposalStep(Refusal):
    """The sealed box is not at the point where this can be done (any more)."""

    code = "DISPOSAL_STEP"
