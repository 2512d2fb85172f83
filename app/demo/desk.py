"""Noon at the desks: needs are written down, matched and promised, and medics decide on what waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from app.demo.phone import Phone, all_at_once
from app.demo.town import CommunityCast, Hand, Step, Town
from distribution.urgency import Urgency

SHOWN = 2
LEFT_TO_DO = 3
"""Cases that wait for the medics of the first two communities, for whoever looks there."""
MORE = 6
"""Needs on top for the two teams that are shown, so that something is left on their rounds."""
_WISHES = {
    "kit-001": 11,
    "sup-001": 8,
    "sup-003": 8,
    "sup-005": 10,
    "sup-006": 5,
    "sup-008": 4,
    "sup-012": 3,
    "med-001": 14,
    "med-017": 5,
    "med-005": 5,
    "med-070": 4,
    "med-071": 3,
    "med-060": 3,
    "med-006": 2,
}
_URGENCIES = {Urgency.ORDINARY: 70, Urgency.URGENT: 24, Urgency.EMERGENCY: 2, Urgency.OTHER: 4}
_RELEASED = 0.93


def record(phone: Phone, town: Town, seed: int, needs: int, step: Step) -> None:
    """Every leader asks at the team's own doors what is missing."""
    first = town.teams[0].leader
    items = {item["code"]: item["id"] for item in phone.get(first, "/api/items")}
    kits = {kit["code"]: kit["id"] for kit in phone.get(first, "/api/kits")}

    def ask(number: int) -> None:
        leader, random = town.teams[number].leader, Random(f"needs {number} {seed}")  # noqa: S311 - invented wishes
        residents = list(_residents(phone, leader))
        share = needs // len(town.teams) + (number < needs % len(town.teams)) + (MORE if number < SHOWN else 0)
        for resident in random.choices(residents, k=share) if residents else ():
            wish = _drawn(random, _WISHES)
            what = {"kit": kits[wish]} if wish in kits else {"item": items[wish], "quantity": random.choice((None, 1))}
            urgency = _drawn(random, _URGENCIES)
            phone.do(leader, "/api/needs", resident=resident["id"], urgency=urgency, **what)
        step(share)

    all_at_once(ask, range(len(town.teams)))


def _residents(phone: Phone, leader: Hand) -> Iterator[Any]:
    after: int | None = 0
    while after is not None:
        page = phone.get(leader, "/api/residents", after=after)
        yield from page["residents"]
        after = page["next"]


def match(phone: Phone, town: Town, step: Step) -> None:
    """Every coordinator has a plan worked out; the community's second one looks at it and approves."""

    def plan(community: CommunityCast) -> None:
        proposer, approver = community.coordinators[:2]
        made = phone.do(proposer, "/api/plans", community=community.id)["plan"]
        phone.get(approver, f"/api/plans/{made}")
        phone.do(approver, "/api/plans/approve", plan=made)
        step(1)

    all_at_once(plan, town.communities)


def decide(phone: Phone, town: Town, seed: int, step: Step) -> None:
    """The pharmacist decides on what a medic may, the doctor on the rest; what is barred is refused."""

    def clear(number: int) -> None:
        community = town.communities[number]
        random = Random(f"medics {number} {seed}")  # noqa: S311 - invented decisions, no secret
        left = LEFT_TO_DO if number < SHOWN else 0
        doctor, pharmacist = community.medics[:2]
        waiting = [case for case in _cases(phone, pharmacist) if case["release_by"] == "medic"]
        _decide(phone, pharmacist, waiting[left:], random, step)
        while len(waiting := _cases(phone, doctor)) > left:
            _decide(phone, doctor, waiting[left:], random, step)

    all_at_once(clear, range(len(town.communities)))


def _cases(phone: Phone, medic: Hand) -> list[Any]:
    return list(phone.get(medic, "/api/medic/cases")["cases"])


def _decide(phone: Phone, medic: Hand, cases: list[Any], random: Random, step: Step) -> None:
    decisions = [
        {
            "key": phone.key(),
            "line": case["line"],
            "released": case["release_by"] is not None and random.random() < _RELEASED,
        }
        for case in cases
    ]
    if decisions:
        phone.post(medic, "/api/medic/decide-many", decisions=decisions)
        step(len(decisions))


def _drawn(random: Random, shares: dict[Any, int]) -> Any:
    return random.choices(list(shares), list(shares.values()))[0]
