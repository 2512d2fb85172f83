"""Checks a plan afresh, sharing no code with the matching: whatever it finds is a reason to throw the plan away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

from distribution.matching import Allocation, Lot, Need, Pick, Plan, Refusal, Snapshot

Taken = list[tuple[Need, Pick]]


def proof(plan: Plan, snapshot: Snapshot) -> list[str]:
    """Everything that is wrong with a plan, in plain words for the log; empty when it is sound.

    No lot overdrawn, nothing unsafe, expired, held, recalled or out of reach, no cap and no clash broken, one decision
    a need, and nobody passed over for a worse-placed need.
    """
    needs = {need.id: need for need in snapshot.needs}
    keys = {lot.key for lot in snapshot.lots}
    counts = Counter(decision.need for decision in plan.decisions)
    faults = [f"need {key}: {counts[key]} decisions" for key in needs.keys() | counts.keys() if counts[key] != 1]
    faults += [f"need {key}: not in the snapshot" for key in counts if key not in needs]
    allocations = [one for one in plan.decisions if isinstance(one, Allocation)]
    faults += [f"lot {pick.lot}: unknown" for one in allocations for pick in one.picks if pick.lot not in keys]
    if faults:
        return sorted(faults)
    taken = [(needs[one.need], pick) for one in allocations for pick in one.picks]
    return sorted(
        [
            *_wrong_amounts(allocations, needs),
            *_overdrawn(taken, snapshot),
            *_wrong_lots(taken, snapshot),
            *_caps_broken(taken, snapshot),
            *_clashes_broken(taken, snapshot),
            *_passed_over(plan, taken, snapshot),
        ]
    )


def _wrong_amounts(allocations: list[Allocation], needs: dict[str, Need]) -> Iterator[str]:
    for one in allocations:
        total = sum(pick.quantity for pick in one.picks)
        if min((pick.quantity for pick in one.picks), default=0) < 1 or total > (needs[one.need].quantity or 1):
            yield f"need {one.need}: takes {total}"


def _overdrawn(taken: Taken, snapshot: Snapshot) -> Iterator[str]:
    drawn: Counter[str] = Counter()
    for _, pick in taken:
        drawn[pick.lot] += pick.quantity
    for lot in snapshot.lots:
        if drawn[lot.key] > max(lot.available, 0):
            yield f"lot {lot.key}: {drawn[lot.key]} drawn of {lot.available}"


def _wrong_lots(taken: Taken, snapshot: Snapshot) -> Iterator[str]:
    lots = {lot.key: lot for lot in snapshot.lots}
    for need, pick in taken:
        if pick.item != lots[pick.lot].item or not _could_take(need, lots[pick.lot], snapshot):
            yield f"need {need.id}: lot {pick.lot} must not go there"


def _could_take(need: Need, lot: Lot, snapshot: Snapshot) -> bool:
    verdict = snapshot.verdicts.get((need.id, lot.item))
    if verdict is None or not verdict.ok or verdict.release_by is None:
        return False
    if lot.held or lot.recalled or not lot.released or lot.klass != need.klass:
        return False
    if (need.items and lot.item not in need.items) or (need.stations and lot.station not in need.stations):
        return False
    return _lasts_long_enough(need, lot, snapshot)


def _lasts_long_enough(need: Need, lot: Lot, snapshot: Snapshot) -> bool:
    if lot.expiry is None:
        return lot.durable
    first: date = max(snapshot.delivery_day, snapshot.today)
    course_over = first + timedelta(days=lot.course_days + snapshot.policy.margin_days)
    return lot.expiry >= course_over and lot.expiry >= first + timedelta(days=need.min_life_days)


def _caps_broken(taken: Taken, snapshot: Snapshot) -> Iterator[str]:
    got: Counter[tuple[str, str]] = Counter()
    for need, pick in taken:
        got[need.household, pick.item] += pick.quantity
    for (household, item), quantity in got.items():
        cap = snapshot.policy.household_caps.get(item)
        if cap is not None and quantity + snapshot.received.get((household, item), 0) > cap:
            yield f"item {item}: a household gets more than {cap}"


def _clashes_broken(taken: Taken, snapshot: Snapshot) -> Iterator[str]:
    bags: dict[str, Counter[str]] = {}
    for need, pick in taken:
        bags.setdefault(need.resident, Counter())[pick.item] += pick.quantity
    for bag in bags.values():
        for item, quantity in bag.items():
            partners = snapshot.clashes.get(item, frozenset())
            if (item in partners and quantity > 1) or (partners & bag.keys()) - {item}:
                yield f"item {item}: a resident gets what clashes with it"


def _passed_over(plan: Plan, taken: Taken, snapshot: Snapshot) -> Iterator[str]:
    """Whoever is refused for want of stock must find no free pack, none with somebody worse placed, no second one."""
    needs = {need.id: need for need in snapshot.needs}
    takers: dict[str, list[tuple[Need, Pick]]] = {}
    for need, pick in taken:
        takers.setdefault(pick.lot, []).append((need, pick))
    empty = {lot.key for lot in snapshot.lots if lot.available < 1}
    for decision in plan.decisions:
        if not isinstance(decision, Refusal) or decision.code in {"HOUSEHOLD_CAP", "CLASHES"}:
            continue
        need = needs[decision.need]
        for lot in snapshot.lots:
            if lot.klass == need.klass and lot.key not in empty and _could_take(need, lot, snapshot):
                yield from _better_claim(need, lot, takers.get(lot.key, []))


def _better_claim(need: Need, lot: Lot, takers: list[tuple[Need, Pick]]) -> Iterator[str]:
    if sum(pick.quantity for _, pick in takers) < lot.available:
        yield f"need {need.id}: refused while lot {lot.key} is free"
    for other, pick in takers:
        if (other.tier, other.since) > (need.tier, need.since):
            yield f"need {need.id}: passed over for {other.id}"
        elif other.tier == need.tier and pick.quantity > 1:
            yield f"need {need.id}: refused while {other.id} gets a second pack"
