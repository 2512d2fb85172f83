"""Takes in donations: every pack is screened, booked, labelled and told back with reasons, or kindly refused."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.orm import Session

from app.base import audit, policy, replay
from app.base.columns import Day, Id, table
from app.base.errors import Invalid, NotFound
from app.base.fields import Key, OptionalLine, Phone, Plain, Quantity
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.prepared import Prepared
from app.base.reasons import Reason
from app.base.vault import Vault
from inventory import catalogue, ledger, stations
from inventory.donations import SITTING, Receipt, receipt
from inventory.errors import ItemChoice, SittingOver, UnknownItem
from inventory.intake_facts import DonationFacts, ItemFacts, Look, PackFacts, Verdict
from inventory.models import Donation, DonationLine, Lot, Pack
from inventory.screening import LAW, IntakePolicy, Screening, found, last_day_of, screen
from inventory.stations import StationPlaces
from labels import codes, registry

POLICY = "intake"
DONOR_DAYS = timedelta(days=7)
MOST_PACKS = 100
NO_POLICY = found("POLICY_MISSING", Verdict.QUARANTINE)

Expiry = Annotated[Plain, msgspec.Meta(max_length=12)]
LotNumber = OptionalLine
LabelText = Annotated[Plain, msgspec.Meta(max_length=200)]


class NewLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of goods that are handed in: the same item, batch and expiry.

    What it is: ``item``, or the product code ``gtin``, or what people call it (``called``: not in the catalogue). With
    both ``item`` and an unknown ``gtin`` the product code is remembered. ``quantity`` counts base units altogether;
    ``packs`` is 1 for one labelled box or bag, or equals ``quantity`` for a label on each. ``label`` is the blank label
    that was stuck on (one pack only); without it a fresh code is issued, to be printed. ``expiry`` is YYYY-MM or
    YYYY-MM-DD as printed, empty where there is none. ``look`` None: nobody looked, so the pack waits in quarantine.
    """

    item: UUID | None = None
    gtin: catalogue.Gtin | None = None
    called: OptionalLine = ""
    lot_number: LotNumber = ""
    expiry: Expiry = ""
    quantity: Quantity = 1
    packs: Annotated[int, msgspec.Meta(ge=1, le=MOST_PACKS)] = 1
    label: LabelText | None = None
    approval_number: OptionalLine | None = None
    look: Look | None = None


class NewDonation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of goods from a donor: of a new donation, or one more line of ``donation`` in the same sitting.

    ``declared``: the donor said that they are an adult, that the goods are their own and lawfully got, kept as the
    label says, a free gift and not for resale (IN13). A phone number is sealed; without one the donor is anonymous.
    """

    key: Key
    station: UUID
    line: NewLine
    donation: UUID | None = None
    declared: bool = False
    donor_phone: Phone | None = None


class Goods(NamedTuple):
    """What a line is of: the item it is booked under, and what the rules know of it (None: not in the catalogue)."""

    item: UUID
    facts: ItemFacts | None


def receive(session: Session, vault: Vault, new: NewDonation, actor: Actor, today: date, now: datetime) -> Receipt:
    """Screen a line and book it: accepted goods to hold, doubtful ones to quarantine, refused ones not at all.

    Nothing received is available before a second person released it. Raises NotFound (station or donation out of
    scope), Invalid, UnknownItem, ItemChoice, SittingOver, and the label registry's refusals.
    """
    places = stations.in_scope(session, actor, new.station, lock=True)
    made = replay.made_by(session, actor, new.key, "donation.receive", new)
    if made is not None:
        return receipt(session, UUID(made["donation"]), actor, fresh=tuple(UUID(line) for line in made["lines"]))
    line, expires_on = new.line, expiry_day(new.line.expiry)
    _packs_fit(line)
    goods = _goods(session, line, actor, now)
    before = _donor_of(session, new, vault, actor, now)
    seen = PackFacts(
        lot=lot_number(line.lot_number),
        expires_on=expires_on,
        quantity=line.quantity,
        look=line.look,
        approval_number=line.approval_number or None,
    )
    said = _declared(new.declared or before.declared, places, _ephedrine_before(session, goods, before, now))
    judged = judge(session, seen, goods, said, today)
    donation = before.id or _donation(session, vault, new, before, actor, now)
    case = _Case(donation, new.line, seen, said, goods, judged, places)
    lines = [_line(session, case, actor, now) for _ in range(line.packs)]
    made = {"donation": str(donation), "lines": [str(one) for one in lines]}
    replay.keep(session, actor, new.key, "donation.receive", new, made, now)
    audit.note(
        session, actor, "donation.receive", donation, now,
        lines=made["lines"], verdict=judged.verdict.value, codes=[reason.code for reason in judged.reasons],
    )  # fmt: skip
    return receipt(session, donation, actor, fresh=tuple(lines))


def expiry_day(text: str) -> date | None:
    """The last good day in what is printed: YYYY-MM (the month's last day) or YYYY-MM-DD; None for an empty text.

    Also reads 2027.05, 2027/5, 202705, 20270531 and 2027年5月31日. Raises Invalid.
    """
    plain = codes.half_width(text).replace(" ", "")
    if not plain:
        return None
    match = _COMPACT.fullmatch(plain) or _PARTED.fullmatch(plain)
    if match is None:
        raise Invalid(("line.expiry", "expiry", {}))
    year, month, day = int(match[1]), int(match[2]), match[3]
    try:
        return date(year, month, int(day)) if day else last_day_of(year, month)
    except ValueError:
        raise Invalid(("line.expiry", "expiry", {})) from None


_COMPACT = re.compile(r"(20[0-9]{2})(0[1-9]|1[0-2])([0-9]{2})?")
_PARTED = re.compile(r"(20[0-9]{2})[-./年](0?[1-9]|1[0-2])(?:[-./月]([0-3]?[0-9])日?|月)?")


def lot_number(text: str) -> str:
    """A batch number in the form that equal ones share: half width, no blanks, capitals."""
    return re.sub(r"\s", "", codes.half_width(text)).upper()


def _packs_fit(line: NewLine) -> None:
    if line.packs not in (1, line.quantity):
        raise Invalid(("line.packs", "packs", {}))
    if line.packs > 1 and line.label:
        raise Invalid(("line.label", "label_for_one", {}))


def _goods(session: Session, line: NewLine, actor: Actor, now: datetime) -> Goods:
    if line.item is not None:
        facts = catalogue.item_facts(session, line.item)
        if facts.code == catalogue.UNKNOWN_CODE:
            return Goods(line.item, None)
        if line.gtin:
            catalogue.learn_barcode(session, line.gtin, line.item, actor, now)
        return Goods(line.item, facts)
    named = catalogue.facts_by_gtin(session, line.gtin) if line.gtin else ()
    if len(named) > 1:
        raise ItemChoice
    if named:
        return Goods(*named[0])
    if line.called.strip():
        return Goods(catalogue.unknown_item(session), None)
    raise UnknownItem


class _Donor(NamedTuple):
    """The donation a line is added to (``id`` None: a new one), what was declared, and the donor's blind index."""

    id: UUID | None
    declared: bool
    blind: bytes | None


def _donor_of(session: Session, new: NewDonation, vault: Vault, actor: Actor, now: datetime) -> _Donor:
    if new.donation is None:
        return _Donor(None, False, vault.blind(new.donor_phone) if new.donor_phone else None)
    row = session.execute(
        select(Donation.station, Donation.received_by, Donation.at, Donation.declared, Donation.phone_blind).where(
            Donation.id == new.donation
        )
    ).first()
    if row is None or row.station != new.station:
        raise NotFound
    if row.received_by != actor.account or now - row.at > SITTING:
        raise SittingOver
    return _Donor(new.donation, row.declared, row.phone_blind)


def _declared(declared: bool, places: StationPlaces, ephedrine_packs: int) -> DonationFacts:
    return DonationFacts(
        adult=declared,
        own=declared,
        lawful=declared,
        stored_per_label=declared,
        free_gift=declared,
        no_resale=declared,
        station_has_cool_cabinet=places.cool_cabinet,
        ephedrine_packs_before=ephedrine_packs,
    )


def _ephedrine_before(session: Session, goods: Goods, donor: _Donor, now: datetime) -> int:
    """IN11: packs of ephedrine-class goods taken from this donor in seven days, over all stations."""
    if goods.facts is None or not goods.facts.ephedrine_class or (donor.id is None and donor.blind is None):
        return 0
    same_donor = Donation.phone_blind == donor.blind if donor.blind else Donation.id == donor.id
    rows = session.execute(
        select(DonationLine.item, DonationLine.quantity)
        .join(Donation, Donation.id == DonationLine.donation)
        .where(
            same_donor,
            Donation.at > now - DONOR_DAYS,
            DonationLine.item.is_not(None),
            DonationLine.taken_back_at.is_(None),
            DonationLine.verdict != Verdict.REJECT.value,
        )
    ).all()
    of_class = {item for item in {row.item for row in rows} if catalogue.item_facts(session, item).ephedrine_class}
    return sum(row.quantity for row in rows if row.item in of_class)


def judge(session: Session, seen: PackFacts, goods: Goods, said: DonationFacts, today: date) -> Screening:
    """Screen under the policy of the day. Without a valid one only the law's refusals are sure: all else waits."""
    rules = intake_policy(session, today)
    judged = screen(seen, goods.facts, said, rules or IntakePolicy(version="none", rules=LAW), today)
    more = []
    if rules is None:
        more.append(NO_POLICY)
    if _recalled(session, goods.item, seen):
        more.append(found("IN17_RECALLED", Verdict.QUARANTINE))
    if not more:
        return judged
    reasons = sorted((*judged.reasons, *more), key=lambda reason: reason.outcome != Verdict.REJECT)
    verdict = Verdict.REJECT if judged.verdict is Verdict.REJECT else Verdict.QUARANTINE
    return Screening(verdict, tuple(reasons), judged.ruleset)


def intake_policy(session: Session, today: date) -> IntakePolicy | None:
    """The intake policy of the day; None where there is none or it does not fit."""
    try:
        return policy.current(session, POLICY, IntakePolicy, today)
    except msgspec.ValidationError:
        return None


def _recalled(session: Session, item: UUID, seen: PackFacts) -> bool:
    if not seen.lot:
        return False
    return _RECALLED.first(session, of_item=item, of_number=seen.lot) is not None


def _donation(session: Session, vault: Vault, new: NewDonation, donor: _Donor, actor: Actor, now: datetime) -> UUID:
    made, person, phone = new_id(), None, None
    if new.donor_phone:
        person = new_id()
        phone = vault.admit(session, person).seal("donations.phone", new.donor_phone)
    code = registry.bind_new(session, "receipt", made, now)
    _ADD_DONATION.run(
        session, id=made, station=new.station, donor=person, phone=phone, phone_blind=donor.blind,
        declared=new.declared, receipt=code, received_by=actor.account, at=now,
    )  # fmt: skip
    return made


class _Case(NamedTuple):
    """A screened line on its way into the books."""

    donation: UUID
    line: NewLine
    seen: PackFacts
    said: DonationFacts
    goods: Goods
    judged: Screening
    places: StationPlaces


def _line(session: Session, case: _Case, actor: Actor, now: datetime) -> UUID:
    """Write down one pack of the line; a refused one has no pack."""
    seen, judged, quantity = case.seen, case.judged, case.line.quantity // case.line.packs
    pack = None if judged.verdict is Verdict.REJECT else _book(session, case, quantity, actor, now)
    line = new_id()
    _ADD_LINE.run(
        session, id=line, donation=case.donation, item=case.goods.item if case.goods.facts else None,
        called=case.line.called.strip(), lot_number=seen.lot or "", expiry=seen.expires_on,
        quantity=quantity, verdict=judged.verdict.value, reasons=judged.reasons, ruleset=judged.ruleset, pack=pack,
        facts={"pack": seen, "donation": case.said},
    )  # fmt: skip
    return line


def _book(session: Session, case: _Case, quantity: int, actor: Actor, now: datetime) -> UUID:
    """Make the pack with its lot and label, and bring it to hold or quarantine."""
    pack, item, places = new_id(), case.goods.item, case.places
    lot = lot_of(session, item, case.seen.lot or "", case.seen.expires_on)
    _ADD_PACK.run(
        session, id=pack, lot=lot, item=item, station=places.station, quantity=quantity,
        received_by=actor.account, received_at=now,
    )  # fmt: skip
    place = places.hold if case.judged.verdict is Verdict.ACCEPT else places.quarantine
    ledger.move(session, pack, quantity, ledger.FROM_DONOR, place, "receive", actor, now, subject=case.donation)
    if case.line.label:
        registry.bind(session, _label(case.line.label), "pack", pack, actor, now)
    else:
        registry.bind_new(session, "pack", pack, now)
    return pack


def _label(text: str) -> str:
    try:
        return codes.parse(text)
    except codes.MistypedCode:
        raise Invalid(("line.label", "label_code", {})) from None


_L = table(Lot).columns
_LOT = Prepared(select(_L.id).where(_L.item == bindparam("of_item"), _L.key == bindparam("of_key")))
_RECALLED = Prepared(
    select(_L.id)
    .where(_L.item == bindparam("of_item"), _L.number == bindparam("of_number"), _L.recalled_on.is_not(None))
    .limit(1)
)
_ADD_DONATION, _ADD_LINE = Prepared(insert(table(Donation))), Prepared(insert(table(DonationLine)))
_ADD_PACK = Prepared(insert(table(Pack)))
_NEW_LOT = Prepared(
    text(
        "INSERT INTO lots (id, item, key, number, expiry) VALUES (:id, :item, :key, :number, :expiry) "
        "ON CONFLICT (item, key) DO NOTHING"
    ).bindparams(bindparam("id", type_=Id), bindparam("item", type_=Id), bindparam("expiry", type_=Day))
)


def lot_of(session: Session, item: UUID, number: str, expiry: date | None) -> UUID:
    """The lot of an item with this batch number (``lot_number``) and expiry, made where it is new."""
    key = f"{number}|{expiry.isoformat() if expiry else ''}"
    there: UUID | None = _LOT.value(session, of_item=item, of_key=key)
    if there is not None:
        return there
    made = new_id()
    if _NEW_LOT.run(session, id=made, item=item, key=key, number=number, expiry=expiry) == 1:
        return made
    # Another station has made the same lot meanwhile: whoever comes second finds the first one's row.
    found: UUID = _LOT.value(session, of_item=item, of_key=key)
    return found


def refused_by_catalogue(session: Session, item: UUID, today: date) -> tuple[Reason, ...]:
    """Why even a perfect pack of this item is refused, so that nobody fills in a form for it; empty: it depends."""
    perfect = PackFacts(lot="1", expires_on=today + timedelta(days=730), look=Look(volume_ml=1))
    said = DonationFacts(
        adult=True, own=True, lawful=True, stored_per_label=True, free_gift=True, no_resale=True,
        station_has_cool_cabinet=True,
    )  # fmt: skip
    rules = intake_policy(session, today) or IntakePolicy(version="none", rules=LAW)
    judged = screen(perfect, catalogue.item_facts(session, item), said, rules, today)
    return judged.reasons if judged.verdict is Verdict.REJECT else ()
