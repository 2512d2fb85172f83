"""The intake rules IN01–IN27: is this pack accepted to hold, quarantined or refused, and for which reasons.

Pure: plain values in, a value with every reason out. *Accept* means fit to be held for a second person's
check, never available. A rule that raises is not caught here: nothing is screened rather than half screened.
The rules restate the Drug Administration Law (药品管理法) arts 49, 83, 98, the rules on classes of medicine
(分类管理办法) arts 2, 8, the 2012 notice on ephedrine-class compounds, and what recovery schemes abroad do.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Literal

import msgspec

from app.base.reasons import Reason
from inventory.receiving.intake_facts import (
    CONTROLLED,
    DonationFacts,
    Flag,
    ItemFacts,
    Kind,
    Look,
    OtcClass,
    PackFacts,
    PersonalData,
    Registration,
    Seal,
    Storage,
    Verdict,
)
from inventory.receiving.intake_policy import LAW as LAW
from inventory.receiving.intake_policy import IntakePolicy as IntakePolicy
from labels.barcodes import APPROVAL_PATTERNS, normalise_approval

STRICTNESS = tuple(Verdict)


class Screening(msgspec.Struct, frozen=True):
    """The strictest outcome, every reason (strictest first), and under which rule set it was found."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    ruleset: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that a rule may look at."""

    pack: PackFacts
    look: Look
    item: ItemFacts
    known: bool
    donation: DonationFacts
    policy: IntakePolicy
    today: date

    @property
    def medicine(self) -> bool:
        return self.item.kind is Kind.MEDICINE

    @property
    def days_left(self) -> int | None:
        """Expiry − today: 0 on the last good day, negative afterwards."""
        return (self.pack.expires_on - self.today).days if self.pack.expires_on else None

    def holds(self, flag: Flag) -> bool:
        """Whether the catalogue's flag stands against the item today."""
        since = self.item.flags.get(flag)
        return since is not None and self.today >= since


Rule = Callable[[Case], Iterable[Reason]]


def found(code: str, outcome: Verdict, **params: str | int) -> Reason:
    return Reason(rule=code.partition("_")[0], code=code, outcome=outcome, params=params)


def in01_expiry(case: Case) -> Iterable[Reason]:
    """Durable goods that carry no expiry are outside; a pack is good through its expiry day."""
    expires_on, left, made = case.pack.expires_on, case.days_left, case.pack.made_on
    if case.look.expiry_altered:
        yield found("IN01_ALTERED", Verdict.REJECT)
    if expires_on is None or left is None:
        if not case.item.durable:
            yield found("IN01_MISSING", Verdict.REJECT)
        if made and made > case.today:
            yield found("IN01_MADE", Verdict.QUARANTINE, made_on=made.isoformat())
        return
    if left < 0:
        yield found("IN01_EXPIRED", Verdict.REJECT, expires_on=expires_on.isoformat())
    if left > case.policy.longest_life_days:
        yield found("IN01_IMPLAUSIBLE", Verdict.QUARANTINE, expires_on=expires_on.isoformat())
    if made and (made >= expires_on or made > case.today):
        yield found("IN01_MADE", Verdict.QUARANTINE, made_on=made.isoformat())


def in02_batch(case: Case) -> Iterable[Reason]:
    if case.look.lot_altered:
        yield found("IN02_ALTERED", Verdict.REJECT)
    if not case.item.durable and not (case.pack.lot or "").strip():
        yield found("IN02_MISSING", Verdict.REJECT)


def in03_approved(case: Case) -> Iterable[Reason]:
    """Medicines only; what supplies lack in numbers is IN22–IN24."""
    if not case.medicine:
        return
    if case.look.foreign_label_only:
        yield found("IN03_FOREIGN_LABEL", Verdict.REJECT)
    if not case.look.number_printed:
        yield found("IN03_NO_NUMBER", Verdict.REJECT)


_STANDARD = re.compile(r"(?:GB|YY)(?:/T)?[0-9]{3,6}(?:[.][0-9]+)?(?:-[0-9]{4})?")
_PATTERNS = {
    Registration.DRUG: (APPROVAL_PATTERNS["drug"], APPROVAL_PATTERNS["old_import"]),
    Registration.DEVICE: (APPROVAL_PATTERNS["device"],),
    Registration.MASK: (APPROVAL_PATTERNS["device"], _STANDARD),
    Registration.DISINFECTANT: (APPROVAL_PATTERNS["disinfectant"],),
}


def in04_number(case: Case) -> Iterable[Reason]:
    """A number that was typed has the form of its kind of goods; of an unknown item, any of the forms."""
    if case.pack.approval_number is None or case.item.carries is Registration.NONE:
        return
    number = normalise_approval(case.pack.approval_number[:100])
    patterns = _PATTERNS[case.item.carries] if case.known else APPROVAL_PATTERNS.values()
    if not any(pattern.fullmatch(number) for pattern in patterns):
        yield found("IN04_FORM", Verdict.QUARANTINE)


def in05_shelf_life(case: Case) -> Iterable[Reason]:
    """Medicines only; expired is IN01's, whatever the emergency."""
    left, policy, item = case.days_left, case.policy, case.item
    if not case.medicine or left is None or not 0 <= left < policy.accept_from_days:
        return
    emergency = policy.emergency
    if emergency and emergency.from_day <= case.today <= emergency.until_day:
        course = policy.usual_course_days if item.course_days is None else item.course_days
        if left >= emergency.min_days + course:
            yield found("IN05_EMERGENCY", Verdict.ACCEPT, days_left=left)
            return
    if left < policy.refuse_below_days:
        yield found("IN05_TOO_SHORT", Verdict.REJECT, days_left=left, days=policy.refuse_below_days)
    else:
        yield found("IN05_SHORT_DATED", Verdict.QUARANTINE, days_left=left, days=policy.accept_from_days)


def in06_seal(case: Case) -> Iterable[Reason]:
    """Medicines; and goods that bear no number (a thermometer out of its box is looked at, not refused)."""
    seal = case.look.seal
    if case.medicine and seal is Seal.OPENED:
        yield found("IN06_OPENED", Verdict.REJECT)
    elif case.medicine and seal is Seal.OUTER_OPEN:
        yield found("IN06_OUTER_OPEN", Verdict.QUARANTINE)
    elif case.item.carries is Registration.NONE and seal is Seal.OPENED:
        yield found("IN06_USED", Verdict.QUARANTINE)


def in07_insert(case: Case) -> Iterable[Reason]:
    if case.medicine and not case.look.insert_present:
        yield found("IN07_NO_INSERT", Verdict.QUARANTINE)


def in08_prescription(case: Case) -> Iterable[Reason]:
    """The mark on the pack, or the catalogue: from its day, or always where the class has no day."""
    if case.look.rx_mark:
        yield found("IN08_RX_MARK", Verdict.REJECT)
    always = case.item.otc_class is OtcClass.RX and Flag.RX not in case.item.flags
    if always or case.holds(Flag.RX):
        yield found("IN08_RX", Verdict.REJECT)


def in09_class(case: Case) -> Iterable[Reason]:
    """A patent compound counts as one active, its chemical actives beside it. Prescription is IN08's."""
    item = case.item
    if not case.medicine or not case.known:
        return
    if item.otc_class not in (OtcClass.OTC_B, OtcClass.RX):
        yield found("IN09_CLASS", Verdict.QUARANTINE)
    chemical = {active.ingredient for active in item.actives if not active.herb}
    if len(chemical) + item.patent_compound > 1:
        yield found("IN09_COMBINATION", Verdict.QUARANTINE)


def in10_controlled(case: Case) -> Iterable[Reason]:
    held = {flag for flag in CONTROLLED if case.holds(flag)}
    if held & {Flag.INJECTION, Flag.BIOLOGIC}:
        yield found("IN10_INJECTION", Verdict.REJECT)
    if held - {Flag.INJECTION, Flag.BIOLOGIC}:
        yield found("IN10_CONTROLLED", Verdict.REJECT)


def in11_ephedrine(case: Case) -> Iterable[Reason]:
    """The herb 麻黄 is none: ``ephedrine_class`` is of the chemical drugs."""
    item, most = case.item, case.policy.ephedrine_max_packs
    if not item.ephedrine_class:
        return
    if item.ephedrine_ug_per_unit is None:
        yield found("IN11_AMOUNT_UNKNOWN", Verdict.QUARANTINE)
    elif item.ephedrine_ug_per_unit > case.policy.ephedrine_max_ug:
        yield found("IN11_TOO_STRONG", Verdict.REJECT, mg=case.policy.ephedrine_max_ug // 1000)
    else:
        yield found("IN11_LOCKED", Verdict.QUARANTINE)
    if case.donation.ephedrine_packs_before + case.pack.quantity > most:
        yield found("IN11_PACKS", Verdict.REJECT, packs=most)


def in12_storage(case: Case) -> Iterable[Reason]:
    if not case.medicine:
        return
    if case.item.storage is Storage.COLD:
        yield found("IN12_COLD", Verdict.REJECT)
    elif case.item.storage is Storage.COOL20 and not case.donation.station_has_cool_cabinet:
        yield found("IN12_COOL", Verdict.QUARANTINE)


def in13_declaration(case: Case) -> Iterable[Reason]:
    said = case.donation
    if not (said.adult and said.own and said.lawful and said.stored_per_label and said.free_gift and said.no_resale):
        yield found("IN13_DECLARATION", Verdict.QUARANTINE)


def in14_appearance(case: Case) -> Iterable[Reason]:
    if case.pack.look is None:
        yield found("IN14_NOT_LOOKED", Verdict.QUARANTINE)
    if not case.look.appearance_ok:
        yield found("IN14_APPEARANCE", Verdict.REJECT)


def in15_personal_data(case: Case) -> Iterable[Reason]:
    if case.look.personal_data is PersonalData.REDACTABLE:
        yield found("IN15_REDACT", Verdict.QUARANTINE)
    elif case.look.personal_data is PersonalData.HIDES:
        yield found("IN15_HIDES", Verdict.REJECT)


def in16_sample(case: Case) -> Iterable[Reason]:
    if case.look.sample_marking:
        yield found("IN16_SAMPLE", Verdict.REJECT)


def in18_trace(case: Case) -> Iterable[Reason]:
    """One code for each pack ever made: the same code twice is a copy, or medicine that was handed out before."""
    if case.pack.trace_seen:
        yield found("IN18_SEEN_BEFORE", Verdict.QUARANTINE)


def in19_wanted(case: Case) -> Iterable[Reason]:
    """What nobody asked for is kindly left with the donor, unless a coordinator at the counter knows a use for it."""
    if case.item.wanted:
        return
    if case.donation.taken_anyway:
        yield found("IN19_TAKEN_ANYWAY", Verdict.ACCEPT)
    else:
        yield found("IN19_NOT_WANTED", Verdict.REJECT)


def in20_bulk(case: Case) -> Iterable[Reason]:
    """Of one medicine by one donor; supplies are welcome by the box."""
    most = case.policy.bulk_max_packs
    if case.medicine and case.known and case.pack.quantity + case.donation.same_item_besides > most:
        yield found("IN20_BULK", Verdict.QUARANTINE, packs=most, days=case.policy.donor_days)


def in21_unknown(case: Case) -> Iterable[Reason]:
    if not case.known:
        yield found("IN21_UNKNOWN", Verdict.QUARANTINE)


def in22_device(case: Case) -> Iterable[Reason]:
    """Antigen kits and other devices; of goods that bear no number only the days are asked."""
    if case.item.carries is Registration.DEVICE:
        yield from _as_supply(case, "IN22")
    elif case.item.carries is Registration.NONE:
        yield from _long_enough(case, "IN22")


def in23_mask(case: Case) -> Iterable[Reason]:
    if case.item.carries is Registration.MASK:
        yield from _as_supply(case, "IN23")


def in24_disinfectant(case: Case) -> Iterable[Reason]:
    if case.item.carries is not Registration.DISINFECTANT:
        return
    yield from _as_supply(case, "IN24")
    if case.look.decanted:
        yield found("IN24_DECANTED", Verdict.REJECT)
    if not case.item.alcohol:
        return
    volume, most = case.look.volume_ml, case.policy.alcohol_max_ml
    if volume is None:
        yield found("IN24_VOLUME_UNKNOWN", Verdict.QUARANTINE, ml=most)
    elif volume > most:
        yield found("IN24_TOO_LARGE", Verdict.REJECT, ml=most)


def _as_supply(case: Case, rule: str) -> Iterable[Reason]:
    look = case.look
    if look.seal is Seal.OPENED:
        yield found(f"{rule}_OPENED", Verdict.REJECT)
    elif look.seal is Seal.OUTER_OPEN:
        yield found(f"{rule}_OUTER_OPEN", Verdict.QUARANTINE)
    if not look.number_printed or look.foreign_label_only:
        yield found(f"{rule}_NO_NUMBER", Verdict.QUARANTINE)
    yield from _long_enough(case, rule)


def _long_enough(case: Case, rule: str) -> Iterable[Reason]:
    left, least = case.days_left, case.policy.supplies_min_days
    if not case.medicine and left is not None and 0 <= left < least:
        yield found(f"{rule}_TOO_SHORT", Verdict.REJECT, days_left=left, days=least)


def in25_mercury(case: Case) -> Iterable[Reason]:
    if case.holds(Flag.MERCURY) or (case.look.mercury and case.today >= case.policy.mercury_from):
        yield found("IN25_MERCURY", Verdict.REJECT)


RULES: tuple[tuple[str, Rule], ...] = (
    ("IN01", in01_expiry),
    ("IN02", in02_batch),
    ("IN03", in03_approved),
    ("IN04", in04_number),
    ("IN05", in05_shelf_life),
    ("IN06", in06_seal),
    ("IN07", in07_insert),
    ("IN08", in08_prescription),
    ("IN09", in09_class),
    ("IN10", in10_controlled),
    ("IN11", in11_ephedrine),
    ("IN12", in12_storage),
    ("IN13", in13_declaration),
    ("IN14", in14_appearance),
    ("IN15", in15_personal_data),
    ("IN16", in16_sample),
    ("IN18", in18_trace),
    ("IN19", in19_wanted),
    ("IN20", in20_bulk),
    ("IN21", in21_unknown),
    ("IN22", in22_device),
    ("IN23", in23_mask),
    ("IN24", in24_disinfectant),
    ("IN25", in25_mercury),
)
# Every code that a reason can bear, intake's and hold's own at the end; each has a sentence for volunteer and donor.
CODES = (
    *("IN01_MISSING", "IN01_EXPIRED", "IN01_ALTERED", "IN01_IMPLAUSIBLE", "IN01_MADE", "IN02_MISSING", "IN02_ALTERED"),
    *("IN03_FOREIGN_LABEL", "IN03_NO_NUMBER", "IN04_FORM", "IN05_TOO_SHORT", "IN05_SHORT_DATED", "IN05_EMERGENCY"),
    *("IN06_OPENED", "IN06_OUTER_OPEN", "IN06_USED", "IN07_NO_INSERT", "IN08_RX_MARK", "IN08_RX"),
    *("IN09_CLASS", "IN09_COMBINATION", "IN10_INJECTION", "IN10_CONTROLLED"),
    *("IN11_AMOUNT_UNKNOWN", "IN11_TOO_STRONG", "IN11_LOCKED", "IN11_PACKS", "IN12_COLD", "IN12_COOL"),
    *("IN13_DECLARATION", "IN14_NOT_LOOKED", "IN14_APPEARANCE", "IN15_REDACT", "IN15_HIDES", "IN16_SAMPLE"),
    *(f"{rule}_{fault}" for rule in ("IN22", "IN23", "IN24") for fault in ("OPENED", "OUTER_OPEN")),
    *(f"{rule}_{fault}" for rule in ("IN22", "IN23", "IN24") for fault in ("NO_NUMBER", "TOO_SHORT")),
    *("IN18_SEEN_BEFORE", "IN19_NOT_WANTED", "IN19_TAKEN_ANYWAY", "IN20_BULK"),
    *("IN21_UNKNOWN", "IN24_DECANTED", "IN24_TOO_LARGE", "IN24_VOLUME_UNKNOWN", "IN25_MERCURY"),
    *("IN26_REFUSED", "IN26_SAME_PERSON", "IN26_NOT_MEDIC", "CATALOGUE_QUARANTINE", "CATALOGUE_REJECT"),
    *("IN17_RECALLED", "IN26_OTHER_ROLE", "POLICY_MISSING"),
)
EDITION = "IN-2026.1"
_UNKNOWN_ITEM = ItemFacts(code="", kind=Kind.MEDICINE)


def screen(
    pack: PackFacts, item: ItemFacts | None, donation: DonationFacts, policy: IntakePolicy, today: date
) -> Screening:
    """Judge one line. ``item`` None is a free-text item: read as a medicine of which nothing is known."""
    case = Case(
        pack=pack,
        look=pack.look or Look(),
        item=item or _UNKNOWN_ITEM,
        known=item is not None,
        donation=donation,
        policy=policy,
        today=today,
    )
    reasons = [reason for rule, judge in RULES if rule in policy.rules for reason in judge(case)]
    reasons += _said_by_catalogue(case.item, reasons)
    reasons.sort(key=_strictness, reverse=True)
    verdict = Verdict(reasons[0].outcome) if reasons else Verdict.ACCEPT
    return Screening(verdict, tuple(reasons), f"{EDITION}/{policy.version}")


def _strictness(reason: Reason) -> int:
    return STRICTNESS.index(Verdict(reason.outcome))


def _said_by_catalogue(item: ItemFacts, reasons: list[Reason]) -> list[Reason]:
    # Where a catalogue row and a rule differ, the stricter wins (B1); what the rule said is not repeated.
    rule, outcome = item.intake_rule or "CATALOGUE", item.intake_default
    least = STRICTNESS.index(outcome)
    if outcome is Verdict.ACCEPT or any(r.rule == rule and _strictness(r) >= least for r in reasons):
        return []
    return [Reason(rule=rule, code=f"CATALOGUE_{outcome.upper()}", outcome=outcome)]


def ageing(expires_on: date, today: date, steps: tuple[int, ...] = (90, 60, 30)) -> int | Literal["expired"] | None:
    """IN27: the narrowest alert step (days left, inclusive) that stock has reached."""
    left = (expires_on - today).days
    if left < 0:
        return "expired"
    return min((step for step in steps if left <= step), default=None)


def last_day_of(year: int, month: int) -> date:
    """The expiry that a pack printed with year and month only has: good through that month's last day."""
    return date(year, month, calendar.monthrange(year, month)[1])
