"""Many boxes in one sitting: a line of the scan page is taken in whole or not at all, and undone the same way."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID, uuid5

import msgspec
from sqlalchemy.orm import Session

from app.base import replay
from app.base.errors import Invalid
from app.base.fields import Key, ScannedText
from app.base.permissions import Actor
from app.base.vault import Vault
from inventory import stations
from inventory.cataloguing import catalogue
from inventory.receiving import donations, intake, traces
from inventory.receiving.donations import Receipt, TakeBack
from inventory.receiving.intake import Expiry, LabelText, LotNumber, NewDonation, NewLine
from inventory.receiving.intake_facts import Look

MOST_BOXES = 24
"""As many labels as a sheet has; more of one kind go into one bag, or onto another line."""

Units = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class NewBoxes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the scan page: boxes of one item, batch and expiry.

    ``labels``: the blank labels stuck on, one a box; boxes beyond them get a fresh code to be printed. ``bag``: all go
    into one bag with one label. ``trace_codes``: of the boxes in the order of their labels, then of the others.
    ``looked``: somebody looked at every box and found it in order; else they wait in quarantine. ``declared`` as in
    ``NewDonation``; ``donation``: one more line of the same sitting.
    """

    key: Key
    station: UUID
    donation: UUID | None = None
    declared: bool = False
    looked: bool = False
    item: UUID
    gtin: catalogue.Gtin | None = None
    lot_number: LotNumber = ""
    expiry: Expiry = ""
    boxes: Units = 1
    labels: Annotated[tuple[LabelText, ...], msgspec.Meta(max_length=MOST_BOXES)] = ()
    trace_codes: Annotated[tuple[ScannedText, ...], msgspec.Meta(max_length=MOST_BOXES)] = ()
    bag: bool = False


class TakeBackLines(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Undo what was received together."""

    key: Key
    lines: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=MOST_BOXES)]


def receive_boxes(session: Session, vault: Vault, new: NewBoxes, actor: Actor, today: date, now: datetime) -> Receipt:
    """Take in every box of a line, or none; ``fresh`` are the lines made. Raises as ``intake.receive``."""
    stations.in_scope(session, actor, new.station, lock=True)
    made = replay.made_by(session, actor, new.key, "donation.receive-boxes", new)
    if made is not None:
        return donations.receipt(
            session, UUID(made["donation"]), actor, fresh=tuple(UUID(line) for line in made["lines"])
        )
    fresh: tuple[UUID, ...] = ()
    donation, left = new.donation, new.boxes
    for part in _parts(new):
        left -= part.line.quantity
        part = msgspec.structs.replace(part, donation=donation)
        got = intake.receive(session, vault, part, actor, today, now, apart=left)
        donation, fresh = got.donation, (*fresh, *got.fresh)
    told = {"donation": str(got.donation), "lines": [str(line) for line in fresh]}
    replay.keep(session, actor, new.key, "donation.receive-boxes", new, told, now)
    return msgspec.structs.replace(got, fresh=fresh)


def _parts(new: NewBoxes) -> list[NewDonation]:
    """A donation line for each labelled box, and one for all the others; for a bag just one."""
    most = 1 if new.bag else new.boxes
    if len(new.labels) > most:
        raise Invalid(("labels", "at_most", {"high": most}))
    if len(new.trace_codes) > new.boxes:
        raise Invalid(("trace_codes", "at_most", {"high": new.boxes}))
    traces.read_codes(new.trace_codes, "trace_codes")
    if new.bag:
        return [_part(new, "bag", quantity=new.boxes, label=next(iter(new.labels), None), traced=new.trace_codes)]
    if new.boxes > MOST_BOXES:
        raise Invalid(("boxes", "at_most", {"high": MOST_BOXES}))
    stuck = len(new.labels)
    parts = [_part(new, label, label=label, traced=new.trace_codes[at : at + 1]) for at, label in enumerate(new.labels)]
    left = new.boxes - stuck
    return [*parts, _part(new, "others", quantity=left, packs=left, traced=new.trace_codes[stuck:])] if left else parts


def _part(
    new: NewBoxes,
    name: str,
    *,
    quantity: int = 1,
    packs: int = 1,
    label: str | None = None,
    traced: tuple[str, ...] = (),
) -> NewDonation:
    line = NewLine(
        item=new.item, gtin=new.gtin, lot_number=new.lot_number, expiry=new.expiry, quantity=quantity, packs=packs,
        label=label, look=Look() if new.looked else None, trace_codes=traced,
    )  # fmt: skip
    return NewDonation(key=uuid5(new.key, name), station=new.station, declared=new.declared, line=line)


def take_back_lines(session: Session, undo: TakeBackLines, actor: Actor, now: datetime) -> Receipt:
    """Undo the receiving of all these lines, or of none; raises as ``donations.take_back``."""
    for line in sorted(set(undo.lines)):
        told = donations.take_back(session, TakeBack(key=uuid5(undo.key, line.hex), line=line), actor, now)
    return told
