"""Takes in donations: every pack is screened, booked, labelled and told back with reasons, or kindly refused."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.orm import Session

from app.base import audit, policy, replay
from app.base.columns import Day, Id, table
from app.base.errors import Forbidden, Invalid
from app.base.fields import Key, OptionalLine, Phone, Plain, Quantity, ScannedText
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.prepared import Prepared
from app.base.reasons import Reason
from app.base.vault import Vault
from inventory import ledger, stations
from inventory.cataloguing import catalogue
from inventory.errors import ItemChoice, UnknownItem
from inventory.lots import lot_number as lot_number
from inventory.models import Donation, DonationLine, Lot, Pack
from inventory.recalling import recalls
from inventory.receiving import donors, traces
from inventory.receiving.donations import Receipt, receipt, receipt_of
from inventory.receiving.donors import Donor, Given
from inventory.receiving.intake_facts import DonationFacts, ItemFacts, Look, PackFacts, Verdict
from inventory.receiving.printed_days import expiry_day as expiry_day
from inventory.receiving.printed_days import made_day
from inventory.receiving.screening import LAW, IntakePolicy, Screening, found, screen
from inventory.releasing.signatures import TAKES_ANYWAY
from inventory.stations import StationPlaces
from labels import codes, registry

POLICY = "intake"
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
    YYYY-MM-DD as printed, empty where there is none; ``made_on`` likewise. ``look`` None: nobody looked, so the pack
    waits in quarantine. ``trace_codes``: one of a box as scanned, as many as there are at hand (IN18).
    ``take_anyway``: why a coordinator or the office takes goods that are not asked for (IN19).
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
    made_on: Expiry = ""
    trace_codes: Annotated[tuple[ScannedText, ...], msgspec.Meta(max_length=MOST_PACKS)] = ()
    take_anyway: OptionalLine = ""


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
    """What a line is of: the item it is booked under, and what the rules know of it (None: not in the catalogue).

    ``gtin``: the product code on it, where one was scanned.
    """

    item: UUID
    facts: ItemFacts | None
    gtin: str | None = None


def receive(
    session: Session, vault: Vault, new: NewDonation, actor: Actor, today: date, now: datetime, *, apart: int = 0
) -> Receipt:
    """Screen a line and book it: accepted goods to hold, doubtful ones to quarantine, refused ones not at all.

    Nothing received is available before a second person released it. ``apart``: further units of the same kind that
    are being handed in with it and booked on their own. Raises NotFound (station or donation out of scope), Forbidden
    (``take_anyway``), Invalid, UnknownItem, ItemChoice, SittingOver, and the label registry's refusals.
    """
    places = stations.in_scope(session, actor, new.station, lock=True)
    made = replay.made_by(session, actor, new.key, "donation.receive", new)
    if made is not None:
        return receipt(session, UUID(made["donation"]), actor, fresh=tuple(UUID(line) for line in made["lines"]))
    line, read = new.line, traces.read_codes(new.line.trace_codes) if new.line.trace_codes else ()
    _fits(line, actor)
    expires_on, made_on = expiry_day(line.expiry), made_day(line.made_on) if line.made_on else None
    goods = _goods(session, line, actor, now)
    donor = _donor(session, new, vault, actor, now)
    seen = PackFacts(
        lot=lot_number(line.lot_number),
        expires_on=expires_on,
        quantity=line.quantity,
        look=line.look,
        made_on=made_on,
        approval_number=line.approval_number or None,
        trace_seen=bool(read) and traces.seen_before(session, read, goods.item, new.station),
    )
    rules = intake_policy(session, today)
    given = donors.given(session, goods.item, goods.facts, line.quantity + apart, donor, rules or _LAW_ONLY, now)
    said = _declared(new, donor, places, given, apart)
    judged = _judged(session, rules, seen, goods, said, today)
    donation = donor.id or _donation(session, vault, new, donor, actor, now)
    case = _Case(donation, new.line, seen, said, goods, judged, places)
    lines = [_line(session, case, actor, now) for _ in range(line.packs)]
    if read:
        traces.keep(session, read, lines, new.station, seen.trace_seen, actor, now)
    made = {"donation": str(donation), "lines": [str(one) for one in lines]}
    replay.keep(session, actor, new.key, "donation.receive", new, made, now)
    audit.note(
        session, actor, "donation.receive", donation, now,
        lines=made["lines"], verdict=judged.verdict.value, codes=[reason.code for reason in judged.reasons],
    )  # fmt: skip
    return receipt_of(session, donation, places.name, fresh=tuple(lines))


def _fits(line: NewLine, actor: Actor) -> None:
    if line.take_anyway and actor.role.value not in TAKES_ANYWAY:
        raise Forbidden
    if len(line.trace_codes) > line.quantity:
        raise Invalid(("line.trace_codes", "at_most", {"high": line.quantity}))
    if line.packs not in (1, line.quantity):
        raise Invalid(("line.packs", "packs", {}))
    if line.packs > 1 and line.label:
        raise Invalid(("line.label", "label_for_one", {}))


def _goods(session: Session, line: NewLine, actor: Actor, now: datetime) -> Goods:
    if line.item is not None:
        facts = catalogue.item_facts(session, line.item)
        if facts.code == catalogue.UNKNOWN_CODE:
            return Goods(line.item, None, line.gtin)
        if line.gtin:
            catalogue.learn_barcode(session, line.gtin, line.item, actor, now)
        return Goods(line.item, facts, line.gtin)
    named = catalogue.facts_by_gtin(session, line.gtin) if line.gtin else ()
    if len(named) > 1:
        raise ItemChoice
    if named:
        return Goods(*named[0], line.gtin)
    if line.called.strip():
        return Goods(catalogue.unknown_item(session), None, line.gtin)
    raise UnknownItem


def _donor(session: Session, new: NewDonation, vault: Vault, actor: Actor, now: datetime) -> Donor:
    if new.donation is None:
        return Donor(None, False, vault.blind(new.donor_phone) if new.donor_phone else None)
    return donors.donor_of(session, new.donation, new.station, actor, now)


def _declared(new: NewDonation, donor: Donor, places: StationPlaces, given: Given, apart: int) -> DonationFacts:
    declared = new.declared or donor.declared
    return DonationFacts(
        adult=declared,
        own=declared,
        lawful=declared,
        stored_per_label=declared,
        free_gift=declared,
        no_resale=declared,
        station_has_cool_cabinet=places.cool_cabinet,
        ephedrine_packs_before=given.ephedrine_packs,
        same_item_besides=given.same_item + apart,
        taken_anyway=new.line.take_anyway.strip(),
    )


def judge(session: Session, seen: PackFacts, goods: Goods, said: DonationFacts, today: date) -> Screening:
    """Screen under the policy of the day. Without a valid one only the law's refusals are sure: all else waits."""
    return _judged(session, intake_policy(session, today), seen, goods, said, today)


_LAW_ONLY = IntakePolicy(version="none", rules=LAW)


def _judged(
    session: Session, rules: IntakePolicy | None, seen: PackFacts, goods: Goods, said: DonationFacts, today: date
) -> Screening:
    judged = screen(seen, goods.facts, said, rules or _LAW_ONLY, today)
    more = []
    if rules is None:
        more.append(NO_POLICY)
    if _recalled(session, goods, seen):
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


def _recalled(session: Session, goods: Goods, seen: PackFacts) -> bool:
    return recalls.is_called_back(session, goods.item, seen.lot or "", goods.gtin, seen.approval_number or "")


def _donation(session: Session, vault: Vault, new: NewDonation, donor: Donor, actor: Actor, now: datetime) -> UUID:
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
    rules = intake_policy(session, today) or _LAW_ONLY
    judged = screen(perfect, catalogue.item_facts(session, item), said, rules, today)
    return judged.reasons if judged.verdict is Verdict.REJECT else ()
