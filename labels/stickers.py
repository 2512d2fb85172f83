"""Which labels are to be printed for things that carry a code: the code each carries now, and its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from app.base import audit
from app.base.permissions import Actor
from labels import codes, registry
from labels.errors import NoneLeft, UnknownLabel
from labels.printing import Paper
from labels.templates import LabelText, Printable, PrintedLabel, Say, donation_mark

MOST = 480

What = Literal["pack", "parcel", "kit", "place", "batch", "mark", "supply_mark"]

Wording = Mapping[str, Callable[[Session, tuple[UUID, ...], Actor, Say], list[LabelText]]]
"""By kind: the words on the label of each thing, in the order asked; raises NotFound for one out of scope."""


class PrintOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to print, and on what.

    ``what``: labels of packs, parcels, kits or places (``subjects`` are those things); the labels of one batch
    (``subjects``) that are still blank; or ``count`` stickers «donated, not for sale» without any code, for medicine
    or supplies.
    """

    what: What
    subjects: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=MOST)] = ()
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 24
    on: Paper | None = None


def to_print(
    session: Session, order: PrintOrder, words: Wording, actor: Actor, base_url: str, say: Say, now: datetime
) -> list[Printable]:
    """``shown``, to be printed: noted for each thing, as a code printed twice makes twins."""
    found = shown(session, order, words, actor, base_url, say)
    for subject in dict.fromkeys(order.subjects):
        audit.note(session, actor, "label.print", subject, now, kind=order.what, count=len(found))
    return found


def shown(
    session: Session, order: PrintOrder, words: Wording, actor: Actor, base_url: str, say: Say
) -> list[Printable]:
    """The labels of an order.

    Raises NotFound out of scope, UnknownLabel for a thing without a living code, NoneLeft, codes.BadLabelAddress.
    """
    if order.what in ("mark", "supply_mark"):
        return [donation_mark(say, medicine=order.what == "mark")] * order.count
    if not order.subjects:
        raise NoneLeft
    address = codes.address(base_url)
    if order.what == "batch":
        lines = (say("print.blank.instruction"), say("print.blank.found"))
        blank = LabelText(title=say("print.programme"), lines=lines)
        found = [(code, blank) for code in registry.still_blank(session, order.subjects[0], actor)]
    else:
        texts = words[order.what](session, order.subjects, actor, say)
        carried = registry.codes_of(session, set(order.subjects))
        if len(carried) < len(set(order.subjects)):
            raise UnknownLabel
        found = [(carried[subject], text) for subject, text in zip(order.subjects, texts, strict=True)]
    return [PrintedLabel(payload=address + code, code=codes.shown(code), text=text) for code, text in found]
