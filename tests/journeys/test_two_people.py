"""Nobody lets onto the shelf what they received themselves, and a medicine nobody but a medic."""

from __future__ import annotations

from uuid import uuid4

from tests.journeys.town import MASKS, PARACETAMOL, Hand, Side, Town


def available(hand: Hand, town: Town, code: str) -> int:
    count: int = hand.see(f"/api/levels/items/{town.items[code]}")["total"]["units"]["available"]
    return count


def test_who_received_it_does_not_release_it_and_a_second_volunteer_does(town: Town) -> None:
    near, got = town.near, town.receive(MASKS)
    assert near.volunteer.refused("/api/held/release", pack=got["pack"]) == "SECOND_PERSON"
    assert available(near.volunteer, town, MASKS) == 0
    assert near.second.do("/api/held/release", pack=got["pack"])["outcome"] == "released"
    assert available(near.volunteer, town, MASKS) == 1
    town.agrees()


def test_a_batch_does_not_let_through_what_one_by_one_is_refused(town: Town) -> None:
    near, got = town.near, town.receive(MASKS)
    answer = near.volunteer.post("/api/held/release-many", packs=[{"key": uuid4(), "pack": got["pack"]}])
    assert [(one["outcome"], one["code"]) for one in answer.json()] == [("no", "SECOND_PERSON")]
    assert available(near.volunteer, town, MASKS) == 0


def test_a_medicine_waits_for_a_medic_whoever_else_signs(town: Town) -> None:
    near, got = town.near, town.receive(PARACETAMOL)
    for hand in (near.volunteer, near.second, near.coordinator, town.office):
        hand.post("/api/held/release", key=uuid4(), pack=got["pack"])
        assert available(near.volunteer, town, PARACETAMOL) == 0
    assert near.medic.do("/api/held/release", pack=got["pack"])["outcome"] == "released"
    assert available(near.volunteer, town, PARACETAMOL) == 1
    town.agrees()


def test_a_coordinator_who_stood_at_the_counter_does_not_release_it_either(town: Town) -> None:
    near = town.near
    receipt = near.coordinator.do("/api/donations", station=near.station, declared=True, line=town.line(MASKS))
    (line,) = receipt["lines"]
    assert near.coordinator.refused("/api/held/release", pack=line["pack"]) == "SECOND_PERSON"
    assert near.second.do("/api/held/release", pack=line["pack"])["outcome"] == "released"


def test_what_came_back_is_not_released_by_who_took_it_back(town: Town) -> None:
    near = town.near
    parcel = town.promise(MASKS)
    code = town.out(parcel)
    brought_back(near, town, parcel, code)
    (held,) = near.volunteer.see("/api/held")
    assert near.volunteer.refused("/api/held/release", pack=held["pack"]) == "SECOND_PERSON"
    assert near.second.do("/api/held/release", pack=held["pack"])["outcome"] == "released"
    town.agrees()


def brought_back(near: Side, town: Town, parcel: object, code: str) -> None:
    near.member.do("/api/parcels/fail", parcel=parcel, reason="no_answer", phone_at=town.clock.now())
    near.volunteer.do("/api/parcels/take-back", code=code, sealed=True)
