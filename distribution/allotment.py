"""Works out who gets what, from a snapshot alone: kits taken apart, each line judged for its person, matched (pure).

A kit goes whole or not at all as far as stock is concerned; a medicine in it that this person may not have is left out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import TypeGuard
from uuid import UUID

import msgspec

from app.base.reasons import Reason
from distribution import matching
from distribution.matching import Verdict
from distribution.matching_proof import proof
from distribution.pairs import never_together, stand_ins
from distribution.safety import LineJudgement, Outcome, Product, judge
from distribution.snapshot import Decided, DecisionOutcome, Plan, Snapshot, Stock, Wanted, plain

MEDIC_REFUSED = Reason("MEDIC", "MEDIC_REFUSED", Outcome.BLOCK.value)
PERSONAL = frozenset({"NO_SAFE_ITEM", "RULES_MISSING", "CLASHES"})
"""Refusals that lie with the person: of a kit's medicine they leave the line out, of the rest they refuse the kit."""


class UnsoundPlan(RuntimeError):
    """A plan did not stand its proof, so it is thrown away; the text names ids only."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a need: the need itself, or a line of a kit."""

    id: str
    wanted: Wanted
    items: tuple[UUID, ...]
    quantity: int | None


Dropped = dict[UUID, list[matching.Refusal]]
"""Kits that go to nobody, with the refusals of the lines that failed."""


def work_out(snapshot: Snapshot, seed: str) -> Plan:
    """Decide every need of the snapshot, with a reason for every yes and no. The same input gives the same plan."""
    return _Run(snapshot, seed).plan()


class _Run:
    def __init__(self, snapshot: Snapshot, seed: str) -> None:
        self.snapshot, self.seed, self.behind = snapshot, seed, snapshot.background
        self.item_of = {product.item: item for item, product in self.behind.products.items()}
        self.stock = {one.key: one for one in snapshot.stock}
        self.parts = {part.id: part for wanted in snapshot.wanted for part in self._parts(wanted)}
        self.lines: dict[UUID, list[Part]] = {}
        for part in self.parts.values():
            self.lines.setdefault(part.wanted.need, []).append(part)
        self.klass = stand_ins(part.items for part in self.parts.values())
        self.best_expiry = self._best_expiry()
        self.judged: dict[tuple[UUID, UUID], LineJudgement] = {}
        self.rank = self._ranks()
        self.order: list[str] = []

    def plan(self) -> Plan:
        dropped: Dropped = {}
        run, found = self._settle(dropped)
        again = self._could_go_after_all(dropped, found)
        if again:
            for need in again:
                del dropped[need]
            run, found = self._settle(dropped)
        faults = proof(found, run)
        if faults:
            raise UnsoundPlan("; ".join(faults))
        decisions = [*self._decisions(found), *self._kits_refused(dropped)]
        order = sorted(decisions, key=lambda one: (one.rank, str(one.item), str(one.lot)))
        return Plan(seed=self.seed, digest=self._digest(run), decisions=tuple(order))

    def _digest(self, run: matching.Snapshot) -> bytes:
        seen = [
            sorted(run.needs, key=lambda need: need.id),
            sorted(run.lots, key=lambda lot: lot.key),
            sorted(run.verdicts.items(), key=lambda one: one[0]),
            sorted(run.received.items()),
            run.clashes,
            run.policy,
            (run.today, run.delivery_day, run.seed),
            self.snapshot.versions,
        ]
        return hashlib.sha256(msgspec.json.encode(seen, order="deterministic")).digest()

    def _parts(self, wanted: Wanted) -> list[Part]:
        if not wanted.lines:
            quantity = self._within_quota(wanted, wanted.items[0], wanted.quantity)
            return [Part(id=str(wanted.need), wanted=wanted, items=wanted.items, quantity=quantity)]
        times = wanted.quantity or 1
        return [
            Part(
                id=f"{wanted.need}/{item}", wanted=wanted, items=(item,), quantity=self._kit_units(item, units * times)
            )
            for item, units in wanted.lines
        ]

    def _kit_units(self, item: UUID, units: int) -> int:
        """One box of a medicine a person, however many kits are asked for (DS15)."""
        return 1 if self.behind.products[item].is_medicine else units

    def _within_quota(self, wanted: Wanted, item: UUID, quantity: int | None) -> int | None:
        product, policy = self.behind.products[item], self.snapshot.dispensing
        limit = policy.supply_quota.get(product.item) if policy and not product.is_medicine else None
        if limit is None or quantity is None:
            return quantity
        return max(1, min(quantity, limit - self._had(wanted, product)))

    def _had(self, wanted: Wanted, product: Product) -> int:
        had = self.behind.had.get(wanted.household, ())
        return sum(
            one.fact.quantity for one in had if one.resident == wanted.resident and one.fact.item == product.item
        )

    def _best_expiry(self) -> dict[UUID, date | None]:
        best: dict[UUID, date | None] = {}
        for one in self.snapshot.stock:
            known = best.get(one.item)
            best[one.item] = one.expiry if known is None or (one.expiry and one.expiry > known) else known
        return best

    def _ranks(self) -> dict[UUID, int]:
        needs = [self._as_need(str(one.need), one, (), None) for one in self.snapshot.wanted]
        return {UUID(need.id): place for place, need in enumerate(matching.in_order(needs, self.seed), start=1)}

    def _as_need(self, key: str, wanted: Wanted, items: tuple[UUID, ...], quantity: int | None) -> matching.Need:
        return matching.Need(
            id=key,
            resident=str(wanted.resident),
            household=str(wanted.household),
            klass=self.klass[items[0]] if items else "",
            tier=wanted.tier,
            since=wanted.since,
            items=frozenset(self.behind.products[item].item for item in items),
            quantity=quantity,
            stations=(str(wanted.station),),
        )

    def _match(self, dropped: Mapping[UUID, object]) -> tuple[matching.Snapshot, matching.Plan]:
        parts = [part for part in self.parts.values() if part.wanted.need not in dropped]
        goods = [self.behind.products[item] for item in self.klass]
        mixtures = self.snapshot.dispensing.mixtures if self.snapshot.dispensing else frozenset()
        run = matching.Snapshot(
            needs=tuple(self._as_need(part.id, part.wanted, part.items, part.quantity) for part in parts),
            lots=tuple(self._as_lot(one) for one in self.snapshot.stock if one.item in self.klass),
            verdicts={
                (part.id, self.behind.products[item].item): verdict
                for part in parts
                for item in part.items
                if item in self.best_expiry and (verdict := self._verdict(part.wanted, item)) is not None
            },
            policy=self.snapshot.matching,
            today=self.behind.today,
            delivery_day=self.behind.delivery_day,
            seed=self.seed,
            received=self._received(),
            clashes=never_together(goods, self.behind.classes, mixtures),
        )
        self.order = [need.id for need in matching.in_order(run.needs, self.seed)]
        return run, matching.match(run)

    def _as_lot(self, one: Stock) -> matching.Lot:
        product, policy = self.behind.products[one.item], self.snapshot.dispensing
        default = policy.default_course_days if policy else 0
        course = product.course_days if product.course_days is not None else default
        return matching.Lot(
            key=one.key,
            item=product.item,
            klass=self.klass[one.item],
            station=str(one.station),
            expiry=one.expiry,
            available=one.units,
            released=True,
            recalled=one.recalled,
            durable=one.durable,
            course_days=course if product.is_medicine else 0,
        )

    def _judge(self, wanted: Wanted, item: UUID) -> LineJudgement:
        place = wanted.resident, item
        if place not in self.judged:
            line = self.behind.line("one", item, 1, self.best_expiry.get(item))
            check = self.behind.check(wanted.resident, [line])
            self.judged[place] = judge(check, self.snapshot.dispensing).lines[0]
        return self.judged[place]

    def _verdict(self, wanted: Wanted, item: UUID) -> Verdict | None:
        if (wanted.resident, item) in self.snapshot.refused:
            return Verdict(ok=False, release_by=None)
        judged = self._judge(wanted, item)
        if any(reason.code == "RULES_MISSING" for reason in judged.reasons):
            return None
        return Verdict(ok=judged.release_by is not None, release_by=judged.release_by)

    def _may_have(self, part: Part) -> bool:
        verdict = self._verdict(part.wanted, part.items[0])
        return verdict is not None and verdict.ok

    def _received(self) -> dict[tuple[str, str], int]:
        received: dict[tuple[str, str], int] = {}
        for household, had in self.behind.had.items():
            for one in had:
                place = str(household), one.fact.item
                received[place] = received.get(place, 0) + one.fact.quantity
        return received

    def _failing_kits(self, found: matching.Plan) -> Dropped:
        """The kits that stock does not make whole, best ranked first, with the refusals of their lines."""
        failing: Dropped = {}
        for decision in found.decisions:
            part = self.parts[decision.need]
            if part.wanted.lines and not self._fits(decision, part):
                refusal = self._own_rank(decision) if isinstance(decision, matching.Refusal) else _short(decision)
                failing.setdefault(part.wanted.need, []).append(refusal)
        return dict(sorted(failing.items(), key=lambda one: self.rank[one[0]]))

    def _own_rank(self, refusal: matching.Refusal) -> matching.Refusal:
        """The refusal with its cut-off counted in needs, not in the lines of kits."""
        if "cutoff_rank" not in refusal.details:
            return refusal
        last = self.parts[self.order[refusal.details["cutoff_rank"] - 1]].wanted.need
        return msgspec.structs.replace(refusal, details=refusal.details | {"cutoff_rank": self.rank[last]})

    def _fits(self, decision: matching.Decision, part: Part) -> bool:
        if isinstance(decision, matching.Refusal):
            return decision.code in PERSONAL and self.behind.products[part.items[0]].is_medicine
        return decision.quantity >= (part.quantity or 1)

    def _settle(self, dropped: Dropped) -> tuple[matching.Snapshot, matching.Plan]:
        """Match, drop kits that do not come whole, match again, until every kit left is whole."""
        while True:
            run, found = self._match(dropped)
            failing = self._failing_kits(found)
            if not failing:
                return run, found
            dropped |= self._given_up(failing, found)

    def _given_up(self, failing: Dropped, found: matching.Plan) -> Dropped:
        """The worst ranked of the failing kits, as many as it takes to make the better ranked whole by what they hold.

        The worst one always is among them, so the run comes to an end.
        """
        got = {decision.need: decision.quantity for decision in found.decisions if _is_yes(decision)}
        lacking = {need: self._lacking(refusals, got) for need, refusals in failing.items()}
        short = sum(lacking.values(), Counter[UUID]())
        freed: Counter[UUID] = Counter()
        gone: Dropped = {}
        for need in reversed(failing):
            if all(freed[item] >= short[item] for item in lacking[need]):
                continue
            gone[need] = failing[need]
            short.subtract(lacking[need])
            freed.update({part.items[0]: got.get(part.id, 0) for part in self.lines[need]})
        return gone

    def _lacking(self, refusals: list[matching.Refusal], got: Mapping[str, int]) -> Counter[UUID]:
        """Units of each item that a kit is short of."""
        parts = [self.parts[refusal.need] for refusal in refusals]
        return Counter({part.items[0]: (part.quantity or 1) - got.get(part.id, 0) for part in parts})

    def _could_go_after_all(self, dropped: Dropped, found: matching.Plan) -> list[UUID]:
        """Kits that were given up but would come whole from what is left in the end, best ranked first."""
        left: Counter[tuple[UUID, UUID]] = Counter()
        for one in self.snapshot.stock:
            left[one.station, one.item] += one.units
        for decision in found.decisions:
            for pick in decision.picks if isinstance(decision, matching.Allocation) else ():
                stock = self.stock[pick.lot]
                left[stock.station, stock.item] -= pick.quantity
        again = []
        for need in sorted(dropped, key=self.rank.__getitem__):
            lines = [part for part in self.lines[need] if self._may_have(part)]
            wants = {(part.wanted.station, part.items[0]): part.quantity or 1 for part in lines}
            if all(left[place] >= units for place, units in wants.items()):
                left.subtract(wants)
                again.append(need)
        return again

    def _decisions(self, found: matching.Plan) -> list[Decided]:
        judged = self._judged_together(found)
        decided: list[Decided] = []
        for decision in found.decisions:
            part = self.parts[decision.need]
            if isinstance(decision, matching.Allocation):
                decided += self._yes(decision, part, judged)
            else:
                decided.append(self._no(self._own_rank(decision), part))
        return self._nothing_left(decided)

    def _judged_together(self, found: matching.Plan) -> dict[str, LineJudgement]:
        """Everything that one person would get, judged as one parcel: by part and lot."""
        lines: dict[UUID, list[tuple[str, UUID, int, date | None]]] = {}
        for decision in found.decisions:
            if isinstance(decision, matching.Allocation):
                for pick in decision.picks:
                    stock = self.stock[pick.lot]
                    wanted = self.parts[decision.need].wanted
                    row = f"{decision.need}|{pick.lot}", stock.item, pick.quantity, stock.expiry
                    lines.setdefault(wanted.resident, []).append(row)
        return {
            line.line: line
            for resident, rows in lines.items()
            for line in judge(
                self.behind.check(resident, [self.behind.line(*row) for row in rows]), self.snapshot.dispensing
            ).lines
        }

    def _yes(self, decision: matching.Allocation, part: Part, judged: dict[str, LineJudgement]) -> list[Decided]:
        rank = self.rank[part.wanted.need]
        waited = (self.behind.today - part.wanted.since.date()).days
        place = Reason(
            "MATCH", "MATCH_RANK", "", {"rank": rank, "of": len(self.rank), "tier": part.wanted.tier, "days": waited}
        )
        rest = [reason for reason in decision.reasons if reason.code not in {"MATCH_RANK"}]
        by_lot = [reason for reason in rest if reason.code.startswith("MATCH_LOT")]
        others = [reason for reason in rest if reason not in by_lot]
        rows = []
        for pick, why in zip(decision.picks, by_lot, strict=True):
            stock, line = self.stock[pick.lot], judged[f"{decision.need}|{pick.lot}"]
            allowed = line.release_by is not None
            rows.append(
                Decided(
                    need=part.wanted.need,
                    outcome=DecisionOutcome.ALLOTTED if allowed else self._refused(part),
                    rank=rank,
                    tier=part.wanted.tier,
                    item=stock.item,
                    lot=stock.lot if allowed else None,
                    station=stock.station if allowed else None,
                    quantity=pick.quantity if allowed else 0,
                    release_by=line.release_by,
                    reasons=(place, why, *others, *plain((*line.reasons, *line.release_reasons))),
                )
            )
        return rows

    def _refused(self, part: Part) -> DecisionOutcome:
        return DecisionOutcome.LEFT_OUT if part.wanted.lines else DecisionOutcome.REFUSED

    def _no(self, refusal: matching.Refusal, part: Part) -> Decided:
        return Decided(
            need=part.wanted.need,
            outcome=self._refused(part),
            rank=self.rank[part.wanted.need],
            tier=part.wanted.tier,
            item=part.items[0],
            reasons=self._why_not(refusal, part),
        )

    def _why_not(self, refusal: matching.Refusal, part: Part) -> tuple[Reason, ...]:
        reasons = [Reason("MATCH", refusal.code, "", dict(refusal.details))]
        if "cutoff_rank" in refusal.details:
            reasons.append(Reason("MATCH", "CUTOFF", "", dict(refusal.details)))
        if refusal.code in {"NO_SAFE_ITEM", "RULES_MISSING"}:
            for item in part.items:
                if (part.wanted.resident, item) in self.snapshot.refused:
                    reasons.append(MEDIC_REFUSED)
                elif item in self.best_expiry:
                    found = self._judge(part.wanted, item).reasons
                    reasons += [reason for reason in found if reason.outcome == Outcome.BLOCK]
        return plain(reasons)

    def _nothing_left(self, decided: list[Decided]) -> list[Decided]:
        """A kit of which every line was left out is a refusal."""
        served = {one.need for one in decided if one.outcome is DecisionOutcome.ALLOTTED}
        return [
            msgspec.structs.replace(one, outcome=DecisionOutcome.REFUSED)
            if one.outcome is DecisionOutcome.LEFT_OUT and one.need not in served
            else one
            for one in decided
        ]

    def _kits_refused(self, dropped: Dropped) -> list[Decided]:
        return [self._kit_refused(need, refusals) for need, refusals in dropped.items()]

    def _kit_refused(self, need: UUID, refusals: list[matching.Refusal]) -> Decided:
        """One no for the whole kit, naming each item that it lacks and why."""
        reasons: list[Reason] = []
        for refusal in refusals:
            part = self.parts[refusal.need]
            reasons.append(Reason("PLAN", "KIT_LACKS", "", {"other": self.behind.products[part.items[0]].item}))
            reasons += [why for why in self._why_not(refusal, part) if why not in reasons]
        tier = self.lines[need][0].wanted.tier
        return Decided(
            need=need, outcome=DecisionOutcome.REFUSED, rank=self.rank[need], tier=tier, reasons=tuple(reasons)
        )


def _is_yes(decision: matching.Decision) -> TypeGuard[matching.Allocation]:
    return isinstance(decision, matching.Allocation)


def _short(decision: matching.Allocation) -> matching.Refusal:
    """A kit's line that would be there in part: as good as not at all."""
    return matching.Refusal(need=decision.need, rank=decision.rank, code="OUTRANKED", details={})
