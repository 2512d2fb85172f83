"""A parcel that found nobody comes back, its needs are open again, and its goods may be given to another."""

from __future__ import annotations

from uuid import UUID

from distribution.models import Given, Need
from tests.journeys.town import PARACETAMOL, Town


def test_what_found_nobody_is_given_to_another(town: Town) -> None:
    near = town.near
    got = town.shelve(PARACETAMOL)
    away, at_home = town.register(), town.register(door=1)
    missed = town.need(away, PARACETAMOL)
    (waiting,) = town.match()
    code = town.out(UUID(waiting["id"]))

    # Nobody opens. The member says so, and the answer says what follows.
    failed = near.member.do("/api/parcels/fail", parcel=waiting["id"], reason="no_answer", phone_at=town.clock.now())
    assert (failed["next_step"], failed["state"]) == ("PHONE_AND_RETRY", "failed")
    back = near.volunteer.do("/api/parcels/take-back", code=code, sealed=True)
    assert [line["goes"] for line in back["lines"]] == ["hold_for_medic"]
    assert town.column(Need.state, Need.id == missed) == ["open"]
    town.agrees()

    # Out of the house it was nobody's shelf: it is free again only after a medic looked at it.
    near.leader.do("/api/needs/close", need=missed, why="away")
    second = town.need(at_home, PARACETAMOL)
    assert town.match() == []
    assert near.medic.do("/api/held/release", pack=got["pack"])["outcome"] == "released"
    (again,) = town.match()
    town.out(UUID(again["id"]))
    near.member.do("/api/parcels/hand-over", **town.door(again["id"]))

    assert town.column(Need.state, Need.id == second) == ["met"]
    assert town.column(Given.resident) == [at_home]
    steps = [step["reason"] for step in near.volunteer.see(f"/api/packs/{got['pack']}")["steps"]]
    there, back_again = ["reserve", "pack", "depart"], ["return-hold", "release"]
    assert steps == ["receive", "release", *there, *back_again, *there, "hand-over"]
    town.agrees()


def test_an_opened_bag_s_medicine_is_disposed_of_and_nobody_gets_it(town: Town) -> None:
    near = town.near
    parcel = town.promise(PARACETAMOL)
    code = town.out(parcel)
    back = near.volunteer.do("/api/parcels/take-back", code=code, sealed=False)
    assert [line["goes"] for line in back["lines"]] == ["dispose"]
    assert near.medic.see("/api/held") == []
    assert town.match() == []
    town.agrees()


def test_the_label_of_what_came_back_opens_no_second_journey(town: Town) -> None:
    near = town.near
    parcel = town.promise(PARACETAMOL)
    code = town.out(parcel)
    near.volunteer.do("/api/parcels/take-back", code=code, sealed=True)
    assert near.member.refused("/api/parcels/take-over", code=code) == "WRONG_STEP"
    assert near.volunteer.refused("/api/parcels/take-back", code=code, sealed=True) == "WRONG_STEP"
    day = town.clock.today()
    assert near.leader.refused("/api/rounds", team=near.team, day=day, parcels=[parcel]) == "PARCEL_NOT_READY"
    # The member's record from the street comes late: it is kept, and moves nothing.
    late = near.member.do("/api/parcels/hand-over", **town.door(parcel))
    assert not late["effective"]
    assert town.column(Given.id) == []
    town.agrees()
