"""What labels refuse."""

from __future__ import annotations

from app.base.errors import Refusal


class UnknownLabel(Refusal):
    """No such code was ever issued here."""

    code = "LABEL_UNKNOWN"
    status = 404


class LabelTaken(Refusal):
    """The label already stands for something else."""

    code = "LABEL_TAKEN"


class LabelEnded(Refusal):
    """The label was voided; a code is never used again."""

    code = "LABEL_VOID"


class LabelReplaced(LabelEnded):
    """The label was replaced: the thing carries a newer one, of which ``tail`` are the last four characters."""

    code = "LABEL_REPLACED"


class BlankLabel(Refusal):
    """The label is on nothing yet."""

    code = "BLANK_LABEL"


class NotBlank(Refusal):
    """The label is on something: it is replaced, not ended."""

    code = "LABEL_IN_USE"


class NotBadge(Refusal):
    """The scanned text is no living badge."""

    code = "NOT_BADGE"


class AlreadyLabelled(Refusal):
    """The thing carries another living label; a second one would make it look like two."""

    code = "LABEL_SECOND"


class NoneLeft(Refusal):
    """Every label of the batch is in use or void: printed again, it would make twins."""

    code = "LABELS_USED_UP"


class BadAddress(Refusal):
    """The installation's address cannot stand in a label's QR."""

    code = "LABEL_ADDRESS"
