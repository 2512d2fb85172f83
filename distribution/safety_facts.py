"""What the dispensing rules look at: plain facts of a product, a person, a parcel, and the words for what is found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.base.reasons import Reason

Positive = Annotated[int, Meta(ge=1)]


class Outcome(StrEnum):
    """How grave a finding is; members compare by gravity, ``max`` is the strictest."""

    ALLOW = "allow"
    WARN = "warn"
    MEDIC = "medic"
    DOCTOR = "doctor"
    BLOCK = "block"

    @property
    def rank(self) -> int:
        return _GRAVITY.index(self.value)

    def __lt__(self, other: str) -> bool:
        return self.rank < Outcome(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Outcome(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Outcome(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Outcome(other).rank


_GRAVITY = ("allow", "warn", "medic", "doctor", "block")
ALLOW, WARN, MEDIC, DOCTOR, BLOCK = Outcome

ReleaseBy = Literal["volunteer", "medic", "doctor"]
RowAnswer = Literal["allow", "medic", "doctor", "block", "unknown"]
Pregnancy = Literal["no", "pregnant", "first_trimester", "lactating", "unknown", "not_applicable"]

EXPECTING = frozenset({"pregnant", "first_trimester", "lactating"})
FLAGS = (
    "severe_liver",
    "liver",
    "severe_kidney",
    "kidney",
    "hypertension",
    "heart",
    "thyroid",
    "glaucoma",
    "prostate",
    "diabetes",
    "asthma",
    "peptic_ulcer",
    "bleeding",
    "epilepsy",
    "g6pd",
    "immobile",
    "cognitive",
)
GROUPS = ("living_alone_elder", "child_in_difficulty", "maternity", "severe_disability", "serious_illness")

# Anything that is not surely a supply is judged as a medicine, anything not surely OTC as a prescription.
SUPPLY_KINDS = frozenset({"supply", "device", "ppe", "ivd", "disinfectant"})
OTC_CLASSES = frozenset({"甲", "乙", "甲类", "乙类", "a", "b", "otc", "otc_a", "otc_b", "otc_unseen", "unknown"})

# Held by name too, so that a table of classes with a gap cannot hide them.
NSAIDS = ("nsaid", "ibuprofen", "aspirin")
ANTIPYRETICS = ("antipyretic", "paracetamol", *NSAIDS)

CODES: dict[str, Outcome | None] = {
    # None: the catalogue row says how grave it is.
    "RULES_MISSING": BLOCK,
    "RULES_UNCLASSED": BLOCK,
    "RULE_FAILED": BLOCK,
    "ROW_PRESCRIPTION": BLOCK,
    "ROW_NEVER": BLOCK,
    "ROW_BARRED": BLOCK,
    "ROW_INGREDIENTS_UNKNOWN": BLOCK,
    "ROW_CONTRAINDICATED": None,
    "ROW_UNANSWERED": None,
    "DS01_IN_PARCEL": BLOCK,
    "DS01_GIVEN": BLOCK,
    "DS01_AT_HOME": BLOCK,
    "DS01_HOUSEHOLD": WARN,
    "DS01_MIXTURE": MEDIC,
    "DS01_OWN_UNKNOWN": BLOCK,
    "DS01_OWN_UNLISTED": MEDIC,
    "DS02_OVER_CAP": BLOCK,
    "DS02_MAX_UNKNOWN": MEDIC,
    "DS02_CHILD": MEDIC,
    "DS02_CHILD_WEIGHT_UNKNOWN": BLOCK,
    "DS03_TWO_ANTIPYRETICS": BLOCK,
    "DS03_HOUSEHOLD": WARN,
    "DS03_LOW_DOSE_ASPIRIN": MEDIC,
    "DS04_COLD_REMEDY": DOCTOR,
    "DS04_AMANTADINE_INFANT": BLOCK,
    "DS04_AMANTADINE_CHILD": DOCTOR,
    "DS05_AGE_UNKNOWN": BLOCK,
    "DS05_BELOW_AGE": None,
    "DS05_ABOVE_AGE": BLOCK,
    "DS05_DOCTOR_BELOW_AGE": DOCTOR,
    "DS05_MEDIC_BELOW_AGE": MEDIC,
    "DS05_NO_CHILD_DOSE": DOCTOR,
    "DS05_ASPIRIN": BLOCK,
    "DS05_PROLONGED": BLOCK,
    "DS05_WEIGHT_UNKNOWN": BLOCK,
    "DS06_UNKNOWN": BLOCK,
    "DS06_NSAID": BLOCK,
    "DS06_FIRST_TRIMESTER": BLOCK,
    "DS06_ROW": None,
    "DS06_ROW_UNKNOWN": DOCTOR,
    "DS06_PREGNANT": DOCTOR,
    "DS06_LACTATING": MEDIC,
    "DS07_ALLERGY": BLOCK,
    "DS07_ALLERGY_CLASS": BLOCK,
    "DS07_ALLERGY_RELATED": MEDIC,
    "DS07_ALLERGY_UNKNOWN": BLOCK,
    "DS08_UNKNOWN": BLOCK,
    "DS08_SEVERE_ANTIPYRETIC": BLOCK,
    "DS08_SEVERE": DOCTOR,
    "DS08_IMPAIRED": MEDIC,
    "DS09_CONDITION": MEDIC,
    "DS10_SUGAR": MEDIC,
    "DS11_ASTHMA": BLOCK,
    "DS12_INTERACTION": MEDIC,
    "DS12_NOT_TOGETHER": BLOCK,
    "DS12_ALCOHOL_UNREAD": MEDIC,
    "DS13_SEDATING_ALONE": MEDIC,
    "DS13_SEDATING": WARN,
    "DS14_COUGH_PAIR": MEDIC,
    "DS15_OVER_LIMIT": BLOCK,
    "DS16_EXPIRES_TOO_SOON": BLOCK,
    "DS16_UNDATED": BLOCK,
    "DS21_APART": WARN,
    "DS21_CARER": WARN,
    "RELEASE_FLAGGED": MEDIC,
    "RELEASE_UNANSWERED": MEDIC,
    "RELEASE_ROW": None,
    "RELEASE_UNDER_TWO": DOCTOR,
    "RELEASE_ASPIRIN": DOCTOR,
}

# Codes whose sentence tells a person's health: shown to medics; others read `safety.ASK_MEDIC` in their place.
TELLS_HEALTH = frozenset(
    code
    for code in CODES
    if code.startswith(("DS06_", "DS07_", "DS08_", "DS09_", "DS10_", "DS11_", "DS12_"))
    or code
    in {"ROW_CONTRAINDICATED", "DS01_AT_HOME", "DS01_OWN_UNLISTED", "DS03_LOW_DOSE_ASPIRIN", "DS13_SEDATING_ALONE"}
) - {"DS06_UNKNOWN", "DS07_ALLERGY_UNKNOWN", "DS08_UNKNOWN"}


class Active(Struct, frozen=True, kw_only=True):
    """One active ingredient by its slug, per unit in µg and the label's daily maximum in mg; None is unknown."""

    ingredient: str
    amount_ug: int | None = None
    daily_max_mg: int | None = None


class Product(Struct, frozen=True, kw_only=True):
    """What the rules need of a catalogue row; ages in months, ``contra`` maps a condition flag to its outcome.

    From ``max_age_months`` on the label has no dose. ``barred_from`` is the first day on which a flag of the catalogue
    (prescription, controlled) holds.
    """

    item: str
    kind: str
    actives: tuple[Active, ...]
    otc_class: str
    release_by: Literal["volunteer", "pharmacist", "doctor", "none"]
    min_age_months: int | None
    below_min_age: Outcome = BLOCK
    doctor_below_months: int | None = None
    medic_below_months: int | None = None
    max_age_months: int | None = None
    barred_from: date | None = None
    prolonged_release: bool = False
    liquid: bool = False
    pregnancy: RowAnswer = "unknown"
    first_trimester: RowAnswer = "unknown"
    lactation: RowAnswer = "unknown"
    contra: dict[str, Outcome] = {}
    sugar: bool | None = None
    alcohol: bool | None = None
    course_days: int | None = None

    @property
    def is_medicine(self) -> bool:
        return self.kind not in SUPPLY_KINDS

    @property
    def ingredients(self) -> frozenset[str]:
        return frozenset(active.ingredient for active in self.actives)


class Person(Struct, frozen=True, kw_only=True):
    """What the rules need of a person, and nothing that names them.

    None means "not answered" everywhere, and so does a condition flag that is absent from ``conditions`` or None in it.
    ``allergies`` holds ingredient slugs or class names, ``own_medicines`` ingredient slugs taken at home.
    """

    age_months: int | None
    sex: Literal["female", "male"] | None
    in_priority_group: bool
    allergies: frozenset[str] | None
    pregnancy: Pregnancy
    conditions: dict[str, bool | None]
    own_medicines: frozenset[str] | None
    low_dose_aspirin: bool = False
    weight_kg: int | None = None
    living_alone: bool | None = None

    def has(self, flag: str) -> bool | None:
        """Whether the condition is there; a severe liver or kidney disease is also one of the liver or kidney."""
        if self.conditions.get(flag) or self.conditions.get(f"severe_{flag}"):
            return True
        base = flag.removeprefix("severe_")
        if base != flag and self.conditions.get(base) is False:
            return False
        return self.conditions.get(flag)


class Given(Struct, frozen=True, kw_only=True):
    """A medicine or supply given on a day; one on its way in another open parcel counts on its planned day."""

    item: str
    actives: tuple[Active, ...]
    on: date
    quantity: Positive = 1


class Line(Struct, frozen=True, kw_only=True):
    id: str
    product: Product
    quantity: Positive
    expiry: date | None


class Release(Struct, frozen=True, kw_only=True):
    """A medic's recorded yes to an item on a line, and what was asked when it was given (``LineJudgement.asks``)."""

    line: str
    item: str
    by: Literal["medic", "doctor"]
    asks: frozenset[str]


class Check(Struct, frozen=True, kw_only=True):
    """A parcel for a person on a day; ``classes`` maps every ingredient slug in use to its classes."""

    person: Person
    parcel: tuple[Line, ...]
    classes: dict[str, frozenset[str]]
    delivery_day: date
    today: date
    given: tuple[Given, ...] = ()
    household_given: tuple[Given, ...] = ()
    releases: tuple[Release, ...] = ()


class Interaction(Struct, frozen=True):
    """A pair asked at the door: a medicine at home with something in the parcel, each a slug or a class.

    ``never``: a label forbids the two together; otherwise a medic decides.
    """

    own: str
    line: str
    never: bool = False


class DispensingPolicy(Struct, frozen=True, kw_only=True):
    """The dated thresholds; a medicine moves only if ``rules`` holds every required id and no id unknown here.

    What labels and notices say can be made stricter, never looser: such a policy raises ValueError.
    """

    version: str
    rules: frozenset[str]
    paracetamol_cap_mg: Annotated[int, Meta(ge=500, le=4000)] = 2000
    window_days: Annotated[int, Meta(ge=1, le=90)] = 7
    packs_per_item: Annotated[int, Meta(ge=1, le=10)] = 1
    use_margin_days: Annotated[int, Meta(ge=1, le=90)] = 7
    default_course_days: Annotated[int, Meta(ge=1, le=30)] = 7
    child_below_months: Annotated[int, Meta(ge=168, le=216)] = 14 * 12
    elder_from_months: Annotated[int, Meta(ge=600, le=780)] = 65 * 12
    infant_below_months: Annotated[int, Meta(ge=24, le=72)] = 2 * 12
    aspirin_from_months: Annotated[int, Meta(ge=192, le=240)] = 16 * 12
    prolonged_from_months: Annotated[int, Meta(ge=144, le=216)] = 12 * 12
    amantadine_never_below_months: Annotated[int, Meta(ge=12, le=60)] = 12
    amantadine_doctor_below_months: Annotated[int, Meta(ge=60, le=168)] = 5 * 12
    fertile_from_months: Annotated[int, Meta(ge=96, le=144)] = 12 * 12
    fertile_below_months: Annotated[int, Meta(ge=672, le=720)] = 56 * 12
    supply_quota: dict[str, int] = {}
    mixtures: frozenset[str] = frozenset({"herbs"})
    cross_allergy_classes: frozenset[str] = frozenset({"nsaid", "penicillin", "piperazine_antihistamine"})
    first_trimester_barred: frozenset[str] = frozenset({"dextromethorphan"})
    interactions: tuple[Interaction, ...] = (
        Interaction("disulfiram_like", "ethanol", never=True),
        Interaction("maoi", "ephedrine_class", never=True),
        Interaction("maoi", "strong_antitussive", never=True),
        Interaction("antidepressant", "strong_antitussive"),
        Interaction("anticoagulant", "antipyretic"),
        Interaction("anticoagulant", "nsaid"),
    )

    def __post_init__(self) -> None:
        if self.paracetamol_cap_mg > 4000 or self.child_below_months < 14 * 12 or self.elder_from_months > 65 * 12:
            raise ValueError("paracetamol at most 4000 mg a day; under 14 and from 65 years a medic looks")
        if self.infant_below_months < 2 * 12 or self.aspirin_from_months < 16 * 12:
            raise ValueError("cold remedies under 2 years are a doctor's, aspirin is never for those under 16")
        if self.amantadine_never_below_months < 12 or self.amantadine_doctor_below_months < 5 * 12:
            raise ValueError("amantadine is never for infants under 1 year, and a doctor's under 5")
        if self.prolonged_from_months < 12 * 12:
            raise ValueError("prolonged-release forms are not for children under 12")
        if self.fertile_from_months > 12 * 12 or self.fertile_below_months < 56 * 12:
            raise ValueError("women of 12 to 55 are asked about pregnancy")


class LineJudgement(Struct, frozen=True, kw_only=True):
    """One line's findings; ``release_by`` None means that nobody may release it.

    ``asks`` are the questions that a release must have seen; like the reasons it tells of a person's health and is
    kept as such. ``cleared`` is true when the line may go now.
    """

    line: str
    item: str
    outcome: Outcome
    reasons: tuple[Reason, ...]
    release_by: ReleaseBy | None
    release_reasons: tuple[Reason, ...]
    asks: frozenset[str]
    cleared: bool


class Judgement(Struct, frozen=True, kw_only=True):
    outcome: Outcome
    lines: tuple[LineJudgement, ...]
    ruleset: str
    cleared: bool


def conditions(present: Iterable[str] = (), unanswered: Iterable[str] = ()) -> dict[str, bool | None]:
    """The whole list of condition questions as answered: those present, those left open, no to the rest."""
    answers: dict[str, bool | None] = dict.fromkeys(FLAGS, False)
    return answers | dict.fromkeys(unanswered) | dict.fromkeys(present, True)
