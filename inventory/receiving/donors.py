"""The donor of a line that is handed in: which donation it belongs to, and what else the same donor gave of late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.base.columns import table
from app.base.errors import NotFound
from app.base.permissions import Actor
from app.base.prepared import Prepared
from inventory.cataloguing import catalogue
from inventory.errors import SittingOver
from inventory.models import Donation, DonationLine
from inventory.receiving.donations import SITTING
from inventory.receiving.intake_facts import ItemFacts, Kind, Verdict
from inventory.receiving.intake_policy import IntakePolicy


class Donor(NamedTuple):
    """The donation a line is added to (``id`` None: a new one), what was declared, and the donor's blind index."""

    id: UUID | None
    declared: bool
    blind: bytes | None


def donor_of(session: Session, donation: UUID, station: UUID, actor: Actor, now: datetime) -> Donor:
    """Who gave a donation that a line is added to; raises NotFound for one of another station, and SittingOver."""
    row = session.execute(
        select(Donation.station, Donation.received_by, Donation.at, Donation.declared, Donation.phone_blind).where(
            Donation.id == donation
        )
    ).first()
    if row is None or row.station != station:
        raise NotFound
    if row.received_by != actor.account or now - row.at > SITTING:
        raise SittingOver
    return Donor(donation, row.declared, row.phone_blind)


_D, _N = table(Donation).columns, table(DonationLine).columns
_UNITS_HERE = Prepared(
    select(func.sum(_N.quantity)).where(
        _N.donation == bindparam("of_donation"),
        _N.item == bindparam("of_item"),
        _N.taken_back_at.is_(None),
        _N.verdict != Verdict.REJECT.value,
    )
)
_UNITS_BY_PHONE = Prepared(
    select(func.sum(_N.quantity))
    .select_from(table(DonationLine).join(table(Donation), _D.id == _N.donation))
    .where(
        _D.phone_blind == bindparam("of_phone"),
        _D.at > bindparam("since"),
        _N.item == bindparam("of_item"),
        _N.taken_back_at.is_(None),
        _N.verdict != Verdict.REJECT.value,
    )
)


class Given(NamedTuple):
    """What the same donor gave before that counts for this line: ephedrine-class packs, units of the same item."""

    ephedrine_packs: int
    same_item: int


def given(
    session: Session, item: UUID, facts: ItemFacts | None, units: int, donor: Donor, rules: IntakePolicy, now: datetime
) -> Given:
    """IN11, IN20: by phone over all stations, of an anonymous donor in this donation.

    ``units`` are handed in now, all of them. It is asked only where the answer can matter.
    """
    if facts is None or facts.kind is not Kind.MEDICINE or (donor.id is None and donor.blind is None):
        return Given(0, 0)
    since = now - timedelta(days=rules.donor_days)
    ephedrine = _ephedrine_before(session, donor, since) if facts.ephedrine_class else 0
    if units > rules.bulk_max_packs:
        return Given(ephedrine, 0)
    if donor.blind:
        before = _UNITS_BY_PHONE.value(session, of_item=item, of_phone=donor.blind, since=since)
    else:
        before = _UNITS_HERE.value(session, of_item=item, of_donation=donor.id)
    return Given(ephedrine, int(before or 0))


def _ephedrine_before(session: Session, donor: Donor, since: datetime) -> int:
    same_donor = Donation.phone_blind == donor.blind if donor.blind else Donation.id == donor.id
    rows = session.execute(
        select(DonationLine.item, DonationLine.quantity)
        .join(Donation, Donation.id == DonationLine.donation)
        .where(
            same_donor,
            Donation.at > since,
            DonationLine.item.is_not(None),
            DonationLine.taken_back_at.is_(None),
            DonationLine.verdict != Verdict.REJECT.value,
        )
    ).all()
    of_class = {item for item in {row.item for row in rows} if catalogue.item_facts(session, item).ephedrine_class}
    return sum(row.quantity for row in rows if row.item in of_class)
