"""No medicine goes to somebody it may harm, however late the reason becomes known."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from distribution.models import Given, Need
from tests.journeys.town import HEALTHY, PARACETAMOL, Town

ALLERGIC = {"allergies": ["对乙酰氨基酚"]}


def asked_for(town: Town) -> tuple[UUID, UUID]:
    """Somebody healthy to whom a pack on the shelf is promised: (resident, parcel)."""
    town.shelve(PARACETAMOL)
    resident = town.register()
    town.need(resident, PARACETAMOL)
    (waiting,) = town.match()
    return resident, UUID(waiting["id"])


def nothing_was_given(town: Town) -> None:
    assert town.column(Given.id) == []
    town.agrees()


def test_a_question_that_nobody_asked_blocks_at_the_plan(town: Town) -> None:
    town.shelve(PARACETAMOL)
    town.need(town.register(health=HEALTHY | {"allergies": None}), PARACETAMOL)
    (decision,) = town.plan()["decisions"]
    assert decision["outcome"] == "refused"
    assert "DS07_ALLERGY_UNKNOWN" in {reason["code"] for reason in decision["reasons"]}
    assert town.match() == []
    nothing_was_given(town)


def test_an_allergy_that_is_known_blocks_at_the_plan_and_the_plan_does_not_tell_of_it(town: Town) -> None:
    town.shelve(PARACETAMOL)
    town.need(town.register(health=HEALTHY | ALLERGIC), PARACETAMOL)
    (decision,) = town.plan()["decisions"]
    assert decision["outcome"] == "refused"
    assert "ASK_MEDIC" in {reason["code"] for reason in decision["reasons"]}
    assert "DS07" not in str(decision["reasons"])
    assert town.match() == []
    nothing_was_given(town)


def test_an_allergy_that_becomes_known_between_plan_and_approval_drops_the_promise(town: Town) -> None:
    town.shelve(PARACETAMOL)
    resident = town.register()
    town.need(resident, PARACETAMOL)
    plan = town.plan()["plan"]["id"]
    town.answers(resident, **ALLERGIC)
    done = town.near.coordinator.do("/api/plans/approve", plan=plan)
    assert (done["promised"], done["dropped"]) == (0, 1)
    nothing_was_given(town)


def test_an_allergy_that_becomes_known_after_the_approval_blocks_at_packing(town: Town) -> None:
    resident, parcel = asked_for(town)
    town.answers(resident, **ALLERGIC)
    assert [(answer.status_code, answer.json()["code"]) for answer in town.scan(parcel)] == [(409, "UNSAFE_PARCEL")]
    nothing_was_given(town)


def test_an_allergy_that_becomes_known_after_packing_blocks_at_the_departure(town: Town) -> None:
    resident, parcel = asked_for(town)
    code = town.pack(parcel)
    town.plan_round(parcel)
    town.answers(resident, **ALLERGIC)
    assert town.near.member.refused("/api/parcels/take-over", code=code) == "UNSAFE_PARCEL"
    nothing_was_given(town)


def test_an_allergy_that_becomes_known_on_the_way_blocks_at_the_door_and_it_comes_back(town: Town) -> None:
    resident, parcel = asked_for(town)
    code = town.out(parcel)
    town.answers(resident, **ALLERGIC)
    member = town.near.member
    answer = member.post("/api/parcels/hand-over", key=uuid4(), **town.door(parcel))
    assert (answer.status_code, answer.json()["code"]) == (409, "UNSAFE_PARCEL")
    # The member learns that a medic must be asked, and nothing of the resident's health.
    assert {reason["code"] for reason in answer.json()["reasons"]} == {"ASK_MEDIC"}
    member.do("/api/parcels/fail", parcel=parcel, reason="unsuitable", phone_at=town.clock.now())
    back = town.near.volunteer.do("/api/parcels/take-back", code=code, sealed=True)
    assert [line["goes"] for line in back["lines"]] == ["hold_for_medic"]
    assert town.column(Need.state) == ["open"]
    nothing_was_given(town)


def test_a_medic_s_release_does_not_outlive_an_allergy(town: Town) -> None:
    town.shelve(PARACETAMOL)
    old = HEALTHY | {"born": "1946-02"}
    resident = town.register(health=old)
    town.need(resident, PARACETAMOL)
    (waiting,) = town.match()
    (case,) = town.near.medic.see("/api/medic/cases")["cases"]
    town.near.medic.do("/api/medic/decide", line=case["line"], released=True)
    town.answers(resident, **old | ALLERGIC)
    assert [answer.json()["code"] for answer in town.scan(waiting["id"])] == ["UNSAFE_PARCEL"]
    nothing_was_given(town)


@pytest.mark.parametrize(
    "fact",
    [{"pregnancy": "unknown", "sex": "female"}, {"born": None}, {"own_medicines": None}, {"liver": "unknown"}],
    ids=lambda fact: next(iter(fact)),
)
def test_what_is_no_longer_known_blocks_like_what_was_never_asked(town: Town, fact: dict[str, object]) -> None:
    resident, parcel = asked_for(town)
    town.answers(resident, **fact)
    assert [answer.json()["code"] for answer in town.scan(parcel)] in (["UNSAFE_PARCEL"], ["AWAITS_MEDIC"])
    nothing_was_given(town)
