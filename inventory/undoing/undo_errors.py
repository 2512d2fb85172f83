"""What an undo refuses, each with what to do instead."""

from __future__ import annotations

from app.base.errors import Refusal


class UndoAfterCount(Refusal):
    """A stocktake corrected these goods since: taking the older act back would make the count wrong. Count again."""

    code = "UNDO_AFTER_COUNT"


class UndoNotKnown(Refusal):
    """Nobody has said what else this kind of act changed, so it is not half undone."""

    code = "UNDO_NOT_KNOWN"


class UndoOnParcel(Refusal):
    """It belongs to a parcel or a plan, whose own page takes it back."""

    code = "UNDO_ON_PARCEL"


class UndoOnTransfer(Refusal):
    """It belongs to a transfer, whose own page takes it back."""

    code = "UNDO_ON_TRANSFER"


class UndoOnKit(Refusal):
    """It belongs to a bag of a kit, whose own page takes it apart or puts it together."""

    code = "UNDO_ON_KIT"


class UndoOnDisposal(Refusal):
    """It belongs to a sealed waste box, whose own page opens it again; what was destroyed does not come back."""

    code = "UNDO_ON_DISPOSAL"


class UndoOnRecall(Refusal):
    """It belongs to a recall or an incident, whose own page closes it."""

    code = "UNDO_ON_RECALL"
