"""A transfer between two stations while it is open: its state, its contents, its steps, and where its goods land."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.base import audit
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.permissions import Actor
from inventory import ledger, stations
from inventory.ledger import Spot
from inventory.models import Holding, Movement, PlaceKind, Station
from inventory.moving.transfer_errors import TransferStep
from inventory.moving.transfer_models import OPEN, Transfer, TransferState
from inventory.moving.transfer_models import TransferStep as Step
from inventory.moving.transfer_rules import How, Journey, Lands, landing
from inventory.receiving import labelled
from inventory.stations import StationPlaces

SEND, TAKE_OUT, RECEIVE, BACK = "transfer-send", "transfer-take-out", "transfer-receive", "transfer-back"
LOST, SURPLUS = "transfer-lost", "transfer-surplus"
"""The ledger's words for what a transfer does; the ``subject`` is the transfer."""


def locked(session: Session, transfer: UUID) -> Transfer:
    """The transfer, its row locked; raises NotFound. Its scope is the caller's to judge."""
    found = session.execute(
        select(Transfer).where(Transfer.id == transfer).with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def in_reach(session: Session, transfer: UUID, actor: Actor) -> None:
    """Go on for those in whose scope one of the two stations is; raises NotFound."""
    rows = session.execute(
        select(Station.id)
        .join(Transfer, (Transfer.source == Station.id) | (Transfer.target == Station.id))
        .where(Transfer.id == transfer, stations.visible(actor))
    )
    if rows.first() is None:
        raise NotFound


def at_state(transfer: Transfer, *states: TransferState) -> None:
    """Go on only at one of these points; raises TransferStep."""
    if transfer.state not in states:
        raise TransferStep(state=transfer.state.value)


def spot(transfer: Transfer) -> Spot:
    """The transfer's own place, where goods are while they are on the way."""
    return Spot(transfer.place, PlaceKind.TRANSIT)


def contents(session: Session, transfer: Transfer) -> dict[UUID, int]:
    """What is on the way now: units by pack."""
    rows = session.execute(
        select(Holding.pack, Holding.quantity)
        .where(Holding.place == transfer.place, Holding.quantity > 0)
        .order_by(Holding.pack)
    )
    return {row.pack: row.quantity for row in rows}


def arrived(session: Session, transfer: Transfer) -> bool:
    """Whether anything of it was received."""
    received = select(Movement.id).where(Movement.subject == transfer.id, Movement.reason == RECEIVE)
    return session.execute(received.limit(1)).first() is not None


def land(
    session: Session,
    transfer: Transfer,
    pack: UUID,
    units: int,
    own: StationPlaces,
    how: How,
    sealed: bool,
    reason: str,
    actor: Actor,
    today: date,
    now: datetime,
) -> tuple[str, Spot]:
    """Move units of the transfer into a station, where the rules want them; returns the word for why, and the place."""
    about = labelled.about(session, {pack}, today)[pack]
    way = Journey(
        sealed=sealed,
        out_for=now - (transfer.sent_at or now),
        cool=about.cool,
        cool_cabinet=own.cool_cabinet,
        good=about.good,
    )
    found = landing(how, way)
    targets = {
        Lands.SHELF: own.shelf_for(about.medicine),
        Lands.HOLD: own.hold,
        Lands.QUARANTINE: own.quarantine,
        Lands.BIN: own.bin,
    }
    target = targets[found.where]
    ledger.move(session, pack, units, spot(transfer), target, reason, actor, now, subject=transfer.id)
    return found.why, target


def change(session: Session, transfer: Transfer, **values: Any) -> None:
    """Write the transfer's next state."""
    session.execute(update(Transfer).where(Transfer.id == transfer.id).values(**values))


def settled(session: Session, transfer: Transfer, now: datetime) -> TransferState:
    """The state after goods came out of it: over as soon as nothing is on the way, open again if something is.

    Also what an undo of one of its movements calls, so that no transfer is over with goods in it.
    """
    left = bool(contents(session, transfer))
    state = TransferState(transfer.state)
    if not left:
        state = TransferState.CLOSED if state is not TransferState.CANCELLED else state
    elif state not in OPEN:
        state = TransferState.DIFFERS
    change(session, transfer, state=state, over_at=None if left else now)
    return state


def step(
    session: Session,
    transfer: Transfer,
    event: str,
    actor: Actor,
    now: datetime,
    *,
    pack: UUID | None = None,
    quantity: int = 0,
    reason: str = "",
    note: str = "",
) -> None:
    """Write down what happened to a transfer, with its explanation."""
    session.execute(
        insert(Step).values(
            id=new_id(), transfer=transfer.id, event=event, pack=pack, quantity=quantity, reason=reason, note=note,
            by=actor.account, at=now,
        )
    )  # fmt: skip
    audit.note(session, actor, f"transfer.{event}", transfer.id, now, quantity=quantity)
