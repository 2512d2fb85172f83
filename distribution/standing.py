"""What the dispensing rules must know of a parcel, read from the store as it stands: person, goods, what was given.

Judged at plan, packing, departure and hand-over, each time from the store: facts change on the way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.base.vault import Vault
from distribution import policies, residents
from distribution.background import Background, Had
from distribution.models import Given, LineState, MedicDecision, Parcel, ParcelLine
from distribution.safety import (
    Active,
    DispensingPolicy,
    Judgement,
    Outcome,
    Product,
    Release,
    judge,
)
from distribution.safety import Given as GivenFact
from inventory.cataloguing.starter import StarterItem
from inventory.models import Ingredient, Item, Lot

LIVE = (LineState.RESERVED, LineState.PACKED)
"""Lines that are on their way: promised or in the bag."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was before a medic's eyes at a decision; kept sealed under the resident's key."""

    reasons: list[dict[str, Any]]
    asks: list[str]
    note: str = ""


def judge_parcel(
    session: Session, vault: Vault, parcel: UUID, today: date, delivery_day: date | None = None
) -> Judgement:
    """Judge every line of a parcel that is still on its way, person by person, by the rules in force today.

    The ids of its lines are ``str(ParcelLine.id)``; ``cleared`` is true when every line may go now. Without rules in
    force every medicine is blocked. Raises NotFound where a resident was erased.
    """
    return judge_parcels(session, vault, [parcel], today, delivery_day)[parcel]


def judge_parcels(
    session: Session, vault: Vault, parcels: Collection[UUID], today: date, delivery_day: date | None = None
) -> dict[UUID, Judgement]:
    """``judge_parcel`` for many parcels at once."""
    policy = policies.dispensing(session, today)
    lines = _lines(session, parcels)
    behind = background(
        session,
        vault,
        {line.resident for line in lines},
        {line.item for line in lines},
        policy,
        today,
        delivery_day or today,
    )
    releases, refused = _decisions(session, vault, lines)
    inside: dict[UUID, list[Standing]] = {parcel: [] for parcel in parcels}
    for line in lines:
        inside[line.parcel].append(line)
    return {parcel: _without(_judge(behind, inside[parcel], releases, policy), refused) for parcel in parcels}


def _judge(
    behind: Background, lines: list[Standing], releases: tuple[Release, ...], policy: DispensingPolicy | None
) -> Judgement:
    judged = [
        judge(
            behind.check(
                resident,
                [behind.line(one.id, one.item, one.quantity, one.expiry) for one in lines if one.resident == resident],
                near=[behind.on_the_way(one.item, one.quantity) for one in lines if one.resident != resident],
                releases=releases,
                parcel=lines[0].parcel,
            ),
            policy,
        )
        for resident in sorted({one.resident for one in lines})
    ]
    return Judgement(
        outcome=max((one.outcome for one in judged), default=Outcome.ALLOW),
        lines=tuple(line for one in judged for line in one.lines),
        ruleset=policy.version if policy else "none",
        cleared=all(one.cleared for one in judged),
    )


def _without(judged: Judgement, refused: Collection[str]) -> Judgement:
    """A line to which a medic said no goes nowhere, whatever the rules would allow, until a medic says yes again."""
    lines = tuple(
        msgspec.structs.replace(
            line,
            cleared=False,
            outcome=max(line.outcome, Outcome.MEDIC),
            release_by="medic" if line.release_by == "volunteer" else line.release_by,
        )
        if line.line in refused
        else line
        for line in judged.lines
    )
    return msgspec.structs.replace(
        judged,
        lines=lines,
        outcome=max((line.outcome for line in lines), default=Outcome.ALLOW),
        cleared=judged.cleared and all(line.cleared for line in lines),
    )


class Standing(msgspec.Struct, frozen=True):
    """A line of a parcel with what the rules ask of it."""

    id: UUID
    parcel: UUID
    resident: UUID
    item: UUID
    quantity: int
    expiry: date | None


def _lines(session: Session, parcels: Collection[UUID]) -> list[Standing]:
    line = ParcelLine
    rows = session.execute(
        select(line.id, line.parcel, line.resident, line.item, line.quantity, Lot.expiry)
        .join(Lot, Lot.id == line.lot)
        .where(line.parcel.in_(parcels), line.state.in_(LIVE))
        .order_by(ParcelLine.id)
    )
    return [Standing(*row) for row in rows]


def _decisions(session: Session, vault: Vault, lines: Iterable[Standing]) -> tuple[tuple[Release, ...], frozenset[str]]:
    """The medics' standing yes to these lines, with the questions each had seen, and the lines whose last word was no.

    The latest decision counts: a no ends every yes before it.
    """
    wanted = select(Item.id, Item.code).where(Item.id.in_({line.item for line in lines}))
    codes = {row.id: row.code for row in session.execute(wanted)}
    rows = session.execute(
        select(MedicDecision).where(MedicDecision.line.in_({line.id for line in lines})).order_by(MedicDecision.id)
    ).scalars()
    standing: dict[str, list[Release]] = {}
    refused: set[str] = set()
    for row in rows:
        line = str(row.line)
        if not row.released:
            standing.pop(line, None)
            refused.add(line)
            continue
        refused.discard(line)
        seen = open_seen(vault.person(session, row.resident).open("medic_decisions.seen", row.seen))
        yes = Release(
            line=line, item=codes[row.item], by="doctor" if row.doctor else "medic", asks=frozenset(seen.asks)
        )
        standing.setdefault(line, []).append(yes)
    return tuple(yes for all_of_it in standing.values() for yes in all_of_it), frozenset(refused)


def open_seen(text: str) -> Seen:
    """The opened record of what a medic saw."""
    return msgspec.json.decode(text, type=Seen)


def background(
    session: Session,
    vault: Vault,
    people: Collection[UUID],
    items: Collection[UUID],
    policy: DispensingPolicy | None,
    today: date,
    delivery_day: date,
) -> Background:
    """Everything the rules need for these residents and items."""
    homes = residents.households_of(session, people)
    window = policy.window_days if policy else 1
    rows = _had(session, homes, delivery_day - timedelta(days=window), delivery_day)
    goods = products(session, {*items, *(row[3] for row in rows)})
    had: dict[UUID, list[Had]] = {}
    for household, resident, parcel, item, quantity, day in rows:
        fact = GivenFact(item=goods[item].item, actives=goods[item].actives, on=day, quantity=quantity)
        had.setdefault(household, []).append(Had(resident, parcel, fact))
    return Background(
        people=residents.facts_for_rules(session, vault, people, today),
        homes=homes,
        products=goods,
        classes=classes(session),
        had={household: tuple(all_of_it) for household, all_of_it in had.items()},
        today=today,
        delivery_day=delivery_day,
    )


Row = tuple[UUID, UUID, UUID | None, UUID, int, date]


def _had(session: Session, homes: Mapping[UUID, UUID], after: date, delivery_day: date) -> list[Row]:
    """(household, resident, parcel, item, quantity, day): what was handed over after a day, and what is on its way.

    Goods on their way are nobody's yet; they count as handed over on the delivery day. What somebody got before
    moving house goes with the person.
    """
    doors = set(homes.values())
    given = select(Given.household, Given.resident, Given.item, Given.quantity, Given.day).where(
        or_(Given.household.in_(doors), Given.resident.in_(homes.keys())), Given.day > after
    )
    coming = (
        select(Parcel.household, ParcelLine.resident, Parcel.id, ParcelLine.item, ParcelLine.quantity)
        .join(Parcel, Parcel.id == ParcelLine.parcel)
        .where(or_(Parcel.household.in_(doors), ParcelLine.resident.in_(homes.keys())), ParcelLine.state.in_(LIVE))
    )
    before: list[Row] = [
        (homes.get(one.resident, one.household), one.resident, None, one.item, one.quantity, one.day)
        for one in session.execute(given)
    ]
    return [
        *before,
        *(
            (homes.get(resident, household), resident, parcel, item, quantity, delivery_day)
            for household, resident, parcel, item, quantity in session.execute(coming)
        ),
    ]


def classes(session: Session) -> dict[str, frozenset[str]]:
    """The classes of every ingredient that the catalogue knows."""
    rows = session.execute(select(Ingredient.slug, Ingredient.classes))
    return {row.slug: frozenset(row.classes) for row in rows}


def products(session: Session, items: Collection[UUID]) -> dict[UUID, Product]:
    """Catalogue rows as the rules read them. One that cannot be read is a medicine of unknown content: blocked."""
    rows = session.execute(select(Item.id, Item.code, Item.facts).where(Item.id.in_(items)))
    return {row.id: _product(row.code, row.facts) for row in rows}


def _product(code: str, facts: dict[str, Any]) -> Product:
    try:
        row = msgspec.convert(facts, StarterItem)
    except msgspec.ValidationError:
        return Product(item=code, kind="unreadable", actives=(), otc_class="", release_by="none", min_age_months=None)
    return Product(
        item=code,
        kind=row.kind.value,
        actives=tuple(
            Active(
                ingredient=active.ingredient,
                amount_ug=active.amount_ug,
                daily_max_mg=row.daily_max_mg.get(active.ingredient),
            )
            for active in row.actives
        ),
        otc_class=row.otc_class.value,
        release_by=row.release_by,
        min_age_months=row.min_age_months,
        max_age_months=row.max_age_months,
        below_min_age=Outcome(row.below_min_age),
        doctor_below_months=row.doctor_below_months,
        medic_below_months=row.medic_below_months,
        prolonged_release=row.prolonged_release,
        liquid=row.liquid,
        pregnancy=row.pregnancy,
        first_trimester=row.first_trimester or row.pregnancy,
        lactation=row.lactation,
        contra={flag: Outcome(outcome) for flag, outcome in row.contra.items()},
        sugar=row.sugar,
        alcohol=row.alcohol,
        course_days=row.course_days,
        barred_from=min(row.flags.values(), default=None),
    )
