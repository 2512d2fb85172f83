"""What the intake rules look at: the plain facts of a pack, of its item and of its donation."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec


class Verdict(StrEnum):
    """Mildest first."""

    ACCEPT = "accept"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Kind(StrEnum):
    MEDICINE = "medicine"
    DEVICE = "device"
    PPE = "ppe"
    DISINFECTANT = "disinfectant"
    OTHER = "other"


class OtcClass(StrEnum):
    """甲, 乙, class not seen (counts as 甲), prescription, not a medicine."""

    OTC_A = "otc_a"
    OTC_B = "otc_b"
    OTC_UNSEEN = "otc_unseen"
    RX = "rx"
    NONE = "none"


class Storage(StrEnum):
    """Room temperature; 阴凉, at most 20 ℃; 2–8 or 2–10 ℃."""

    ROOM = "room"
    COOL20 = "cool20"
    COLD = "cold"


class Registration(StrEnum):
    """Which number a pack must carry: 国药准字, 国械注 or 械备, that or a GB/YY standard, 卫消证字, none."""

    DRUG = "drug"
    DEVICE = "device"
    MASK = "mask"
    DISINFECTANT = "disinfectant"
    NONE = "none"


class Seal(StrEnum):
    SEALED = "sealed"
    OUTER_OPEN = "outer_open_blister_whole"
    OPENED = "opened_or_loose"


class PersonalData(StrEnum):
    NONE = "none"
    REDACTABLE = "redactable"
    HIDES = "hides_batch_or_expiry"


class Flag(StrEnum):
    """What the catalogue says against an item, each from a day on."""

    RX = "rx"
    PSYCHOTROPIC = "psychotropic"
    OPIUM = "opium"
    POPPY_HUSK = "poppy_husk"
    CODEINE = "codeine"
    INJECTION = "injection"
    BIOLOGIC = "biologic"
    MERCURY = "mercury"


CONTROLLED = frozenset({Flag.PSYCHOTROPIC, Flag.OPIUM, Flag.POPPY_HUSK, Flag.CODEINE, Flag.INJECTION, Flag.BIOLOGIC})


class Active(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One active of an item: micrograms in one ``per`` (tablet, sachet, ml …); None: the amount is unknown.

    ``herb`` marks what a patent compound is made of beside its chemical actives (麻黄, 甘草 …).
    """

    ingredient: str
    amount_ug: int | None = None
    per: str
    herb: bool = False


class ItemFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue knows of an item; the defaults are the strict reading.

    ``flags`` maps each flag to the day from which it holds. ``ephedrine_ug_per_unit``: micrograms in one
    tablet, capsule, sachet or, of a liquid, in one labelled adult dose; None is unknown. ``durable``: carries
    no batch and no expiry (thermometer). ``registration`` None: what its kind usually carries.
    ``intake_rule``: the rule in whose name ``intake_default`` speaks.
    """

    code: str
    kind: Kind
    otc_class: OtcClass = OtcClass.OTC_UNSEEN
    registration: Registration | None = None
    actives: tuple[Active, ...] = ()
    patent_compound: bool = False
    storage: Storage = Storage.ROOM
    wanted: bool = True
    durable: bool = False
    alcohol: bool = False
    ephedrine_class: bool = False
    ephedrine_ug_per_unit: int | None = None
    flags: dict[Flag, date] = {}
    course_days: int | None = None
    intake_default: Verdict = Verdict.ACCEPT
    intake_rule: str = ""

    def __post_init__(self) -> None:
        # Either would let goods slip between the rules of medicines and those of supplies.
        medicine = self.kind is Kind.MEDICINE
        if medicine and self.durable:
            raise ValueError("a medicine has a batch and an expiry")
        if self.registration is not None and medicine is not (self.registration is Registration.DRUG):
            raise ValueError("国药准字 is the number of medicines, and of nothing else")

    @property
    def carries(self) -> Registration:
        if self.registration is not None:
            return self.registration
        return Registration.NONE if self.durable else _USUALLY[self.kind]


_USUALLY = {
    Kind.MEDICINE: Registration.DRUG,
    Kind.DEVICE: Registration.DEVICE,
    Kind.PPE: Registration.MASK,
    Kind.DISINFECTANT: Registration.DISINFECTANT,
    Kind.OTHER: Registration.NONE,
}


class Look(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the eye found on the pack. The defaults are exactly what the receive page's one tick asserts.

    That is: whole and dry, with its insert, printed in Chinese with its number, nothing altered, written on,
    sampled or poured over. Whoever cannot tick it answers these one by one. Volume is asked of alcohol only.
    """

    seal: Seal = Seal.SEALED
    insert_present: bool = True
    number_printed: bool = True
    rx_mark: bool = False
    foreign_label_only: bool = False
    lot_altered: bool = False
    expiry_altered: bool = False
    appearance_ok: bool = True
    personal_data: PersonalData = PersonalData.NONE
    sample_marking: bool = False
    decanted: bool = False
    mercury: bool = False
    volume_ml: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None


class PackFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a donation. ``look`` None: nobody ticked or answered, so the pack waits in quarantine.

    ``approval_number`` is asked only where the catalogue does not know the product; None is "not asked",
    while ``look.number_printed`` False is "there is none". ``trace_seen``: a trace code on it was on another pack
    before, at any station.
    """

    lot: str | None
    expires_on: date | None
    quantity: int = 1
    look: Look | None = None
    made_on: date | None = None
    approval_number: str | None = None
    trace_seen: bool = False


class DonationFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the donor declared, and what the station can keep.

    ``ephedrine_packs_before``: packs with an ephedrine-class active that the same donor gave, over all
    stations, in the policy's ``donor_days`` and earlier in this donation. ``same_item_besides``: units of this very
    item counted the same way, and those of the same line that are booked apart. ``taken_anyway``: why a
    coordinator or the office takes goods that nobody asked for; empty: nobody does.
    """

    adult: bool = False
    own: bool = False
    lawful: bool = False
    stored_per_label: bool = False
    free_gift: bool = False
    no_resale: bool = False
    station_has_cool_cabinet: bool = False
    ephedrine_packs_before: int = 0
    same_item_besides: int = 0
    taken_anyway: str = ""


class Emergency(msgspec.Struct, frozen=True, kw_only=True):
    """A dated, signed time of shortage in which shorter shelf life is taken (both days included)."""

    from_day: date
    until_day: date
    signed_by: str
    min_days: Annotated[int, msgspec.Meta(ge=30, le=180)] = 30

    def __post_init__(self) -> None:
        if self.until_day < self.from_day or not self.signed_by or self.min_days < 30:
            raise ValueError("an emergency needs its first and last day, a signature and at least 30 days left")
