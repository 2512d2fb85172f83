"""What makes people give up on such software elsewhere, one test a pain; most others have theirs beside their verb."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select
from sqlalchemy.orm import Session

from labels.models import Label, LabelState
from tests.journeys.town import MASKS, PARACETAMOL, Hand, Town


def units(hand: Hand, town: Town, code: str) -> dict[str, int]:
    found: dict[str, int] = hand.see(f"/api/levels/items/{town.items[code]}")["total"]["units"]
    return found


def test_many_people_sort_and_no_single_record_until_the_truck_is_loaded(town: Town) -> None:
    """Each box is on record, for everybody, the moment it was looked at; nobody types a list afterwards."""
    near, far = town.near, town.far
    for count in range(1, 4):
        town.receive(MASKS, near)
        town.receive(MASKS, far)
        told = units(town.office, town, MASKS)
        assert (told["held"], told["available"]) == (2 * count, 0)
    town.agrees()


def test_line_by_line_entry_fails_at_volume(town: Town) -> None:
    """A carton of twenty-four boxes is one line and one answer, each box with a label of its own."""
    near = town.near
    told = near.volunteer.do(
        "/api/donations/boxes", station=near.station, declared=True, looked=True, item=town.items[MASKS],
        lot_number="K1", expiry="2029-05", boxes=24,
    )  # fmt: skip
    labels = {near.coordinator.see(f"/api/packs/{pack}")["label"] for pack in told["packs"]}
    assert len(labels) == 24
    assert units(near.coordinator, town, MASKS)["held"] == 24


def test_numbers_drift_because_two_people_count_the_same_box(town: Town) -> None:
    """The same tap sent twice, and the same label by two people at once, are one box."""
    near = town.near
    (label,) = near.volunteer.do("/api/labels", sheets=1)["codes"][:1]
    line = town.line(MASKS, label=label)

    def take_in(hand: Hand) -> int:
        return hand.post(
            "/api/donations", key="0192f3aa-0000-7000-8000-00000000000" + ("1" if hand is near.volunteer else "2"),
            station=near.station, declared=True, line=line,
        ).status_code  # fmt: skip

    with ThreadPoolExecutor(2) as people:
        answers = sorted(people.map(take_in, (near.volunteer, near.second, near.volunteer)))
    # Whoever comes second is told that the label is taken, and the box waits until somebody has looked at it.
    assert answers in ([201, 201, 409], [201, 409, 409])
    told = units(near.coordinator, town, MASKS)
    assert told["held"] + told["quarantine"] == 1
    town.agrees()


def test_one_duplicate_freezes_the_entry_of_a_whole_station(town: Town) -> None:
    """A label that is on something already is refused by itself; the next box, by anybody, goes in."""
    near = town.near
    used = town.receive(MASKS, near)["label"]
    refusal = near.volunteer.refused(
        "/api/donations", station=near.station, declared=True, line=town.line(MASKS, label=used)
    )
    assert refusal == "LABEL_TAKEN"
    town.receive(MASKS, near)
    near.second.do("/api/donations", station=near.station, declared=True, line=town.line(MASKS))
    assert units(near.coordinator, town, MASKS)["held"] == 3
    town.agrees()


def test_people_scan_the_paper_because_the_pick_list_carries_the_code_of_the_goods(town: Town) -> None:
    """The list names the label's end for the eye; nothing on the paper is the code of a pack or opens one."""
    near = town.near
    parcel = town.promise(MASKS)
    page = near.volunteer.get(f"/packing/{parcel}").text
    bound = town.db.read_now(_codes)
    assert bound
    assert [code for code in bound if code in page.replace("-", "")] == []
    assert [code for code in bound if code[-4:] in page] != []


def test_stock_that_is_promised_is_promised_to_somebody_else(town: Town) -> None:
    """What is set aside for a door is available to nobody."""
    near = town.near
    town.promise(PARACETAMOL)
    told = units(near.coordinator, town, PARACETAMOL)
    assert (told["available"], told["reserved"]) == (0, 1)


def _codes(session: Session) -> list[str]:
    of_packs = select(Label.code).where(Label.state == LabelState.BOUND, Label.kind == "pack")
    return list(session.execute(of_packs).scalars())
