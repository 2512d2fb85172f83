"""A donated pack reaches the door of somebody who comes first, and every book tells the same story of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from distribution.models import Given, Need
from tests.journeys.town import ELDER, OF_EIGHTY, PARACETAMOL, Hand, Town

WAY = ["receive", "release", "reserve", "pack", "depart", "hand-over"]


def units(hand: Hand, town: Town) -> dict[str, int]:
    """What the levels say of the item, without what is zero."""
    level = hand.see(f"/api/levels/items/{town.items[PARACETAMOL]}")
    found: dict[str, int] = {name: count for name, count in level["total"]["units"].items() if count}
    return found


def test_a_donated_pack_reaches_an_elder_s_door_and_every_book_agrees(town: Town) -> None:
    near = town.near

    # Somebody brings a sealed pack; what is received is not there to be given yet.
    got = town.receive(PARACETAMOL, donor_phone="13900139000")
    assert got["verdict"] == "accept"
    assert units(near.volunteer, town) == {"on_hand": 1, "held": 1}

    # A second person, who must be a medic, lets it onto the shelf.
    assert near.medic.do("/api/held/release", pack=got["pack"])["outcome"] == "released"
    assert units(near.volunteer, town) == {"on_hand": 1, "available": 1}

    # Two ask for it: the elder who lives alone comes before the neighbour who asked first.
    neighbour = town.need(town.register(door=1), PARACETAMOL)
    elder = town.register(groups=ELDER, health=OF_EIGHTY)
    need = town.need(elder, PARACETAMOL)
    plan = town.plan()
    outcomes = {one["need"]: one["outcome"] for one in plan["decisions"]}
    assert outcomes == {str(need): "allotted", str(neighbour): "refused"}
    assert all(one["reasons"] for one in plan["decisions"])
    near.coordinator.do("/api/plans/approve", plan=plan["plan"]["id"])
    assert units(near.volunteer, town) == {"on_hand": 1, "reserved": 1}

    # It is a medicine for somebody of eighty: nobody packs it before a medic has looked.
    (parcel,) = (one["id"] for one in town.to_pack())
    assert [answer.json()["code"] for answer in town.scan(parcel)] == ["AWAITS_MEDIC"]
    (case,) = near.medic.see("/api/medic/cases")["cases"]
    assert case["resident"] == str(elder)
    near.medic.do("/api/medic/decide", line=case["line"], released=True)

    # It is packed, labelled, taken along, and handed over with the counselling.
    code = town.pack(parcel)
    assert units(near.volunteer, town) == {"on_hand": 1, "in_parcels": 1}
    town.plan_round(parcel)
    near.member.do("/api/parcels/take-over", code=code)
    assert units(near.volunteer, town) == {"with_members": 1}
    assert near.member.do("/api/parcels/hand-over", **town.door(parcel, code=code))["effective"]
    assert units(near.volunteer, town) == {}

    the_books_agree(town, got, str(need), parcel)


def the_books_agree(town: Town, got: dict[str, Any], need: str, parcel: str) -> None:
    near = town.near
    assert town.column(Need.state, Need.id == UUID(need)) == ["met"]
    assert need not in {row["id"] for row in near.leader.see("/api/needs")["needs"]}
    assert town.column(Given.quantity) == [1]

    history = near.volunteer.see(f"/api/packs/{got['pack']}")
    assert [step["reason"] for step in history["steps"]] == WAY
    assert history["where"] == []

    journey = near.leader.see(f"/api/parcels/{parcel}")
    assert [step["event"] for step in journey["steps"]] == ["promise", "pack", "label", "assign", "depart", "deliver"]
    assert [(one["outcome"], one["effective"]) for one in journey["told"]] == [("delivered", True)]

    receipt = near.volunteer.see(f"/api/donations/{got['donation']}")
    assert [(line["pack"], line["quantity"], line["verdict"]) for line in receipt["lines"]] == [
        (got["pack"], 1, "accept")
    ]
    town.agrees()
