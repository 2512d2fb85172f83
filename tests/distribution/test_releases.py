"""The medic's queue: what waits, who may decide, and what a refusal gives back."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from app.base.db import Database
from app.base.errors import Forbidden, NotFound
from distribution import releases, standing
from distribution.errors import DoctorNeeded, LineClosed, MayNotGo
from distribution.models import LineState, MedicDecision, ParcelLine
from distribution.safety import Outcome
from inventory.cataloguing.starter import starter_items
from inventory.models import Item
from tests.distribution.world import IBUPROFEN, LORATADINE, MASK, PARACETAMOL, Streets, answers


@pytest.fixture
def streets(db: Database, tmp_path: Path) -> Streets:
    return Streets(db, tmp_path / "keys")


def waiting(streets: Streets, code: str = LORATADINE, **health: object) -> releases.Case:
    """A medicine that waits for a medic, for a person with hypertension."""
    streets.shelve(code)
    person = streets.register(health=answers(**{"conditions": ("hypertension",)} | health))
    streets.need(person, code)
    streets.match()
    (case,) = streets.queue()
    return case


def test_medicine_for_a_person_without_any_flag_does_not_wait(streets: Streets) -> None:
    streets.shelve(PARACETAMOL)
    streets.need(streets.register(), PARACETAMOL)
    streets.match()
    (line,) = streets.lines()
    judged = streets.read(standing.judge_parcel, streets.vault, line.parcel, streets.today)
    assert (judged.cleared, judged.ruleset) == (True, "starter")
    assert streets.queue() == []
    assert streets.read(releases.outstanding, line.parcel) == []


def test_medicine_for_a_flagged_person_waits_and_masks_do_not(streets: Streets) -> None:
    streets.shelve(LORATADINE)
    streets.shelve(MASK)
    person = streets.register(groups=("serious_illness",))
    streets.need(person, LORATADINE)
    streets.need(person, MASK)
    streets.match()
    (case,) = streets.queue()
    assert (case.name_en, case.release_by, case.age_band) == ("Loratadine tablets", "medic", "40_64")
    assert [other.name_en for other in case.others] == [row_name(streets, MASK)]
    assert streets.read(releases.outstanding, case.parcel) == [case.line]
    judged = streets.read(standing.judge_parcel, streets.vault, case.parcel, streets.today)
    assert not judged.cleared


def row_name(streets: Streets, code: str) -> str:
    return streets.column(Item.name_en, Item.code == code)[0]


def test_a_released_line_may_go(streets: Streets) -> None:
    case = waiting(streets)
    assert streets.decide(case.line, released=True).state == "reserved"
    assert streets.queue() == []
    assert streets.read(releases.outstanding, case.parcel) == []
    assert streets.read(standing.judge_parcel, streets.vault, case.parcel, streets.today).cleared
    streets.agrees()


def test_a_refused_line_returns_the_goods_and_opens_the_need(streets: Streets) -> None:
    case = waiting(streets)
    (line,) = streets.lines()
    assert streets.where(line.pack) == {"reserved": 1}
    assert streets.decide(case.line, released=False).state == "dropped"
    assert streets.where(line.pack) == {"shelf": 1}
    assert streets.need_state(line.need) == "open"
    assert streets.parcel_states() == ["cancelled"]
    streets.agrees()


def test_what_a_medic_refused_is_not_proposed_to_that_person_again(streets: Streets) -> None:
    case = waiting(streets)
    streets.decide(case.line, released=False)
    plan = streets.propose()
    assert streets.codes(plan)[0] == {"NO_SAFE_ITEM", "MEDIC_REFUSED"}
    streets.need(streets.register(streets.world.doors[1]), LORATADINE)
    assert streets.match().promised == 1


def test_the_rest_of_a_parcel_stands_when_one_line_is_refused(streets: Streets) -> None:
    streets.shelve(MASK)
    person = streets.register(groups=("maternity",))
    mask = streets.need(person, MASK)
    streets.shelve(LORATADINE)
    streets.need(person, LORATADINE)
    streets.match()
    (case,) = streets.queue()
    streets.decide(case.line, released=False)
    assert sorted(line.state for line in streets.lines()) == [LineState.DROPPED, LineState.RESERVED]
    assert streets.need_state(mask.need) == "promised"
    assert streets.parcel_states() == ["planned"]
    streets.agrees()


def test_a_doctors_case_is_not_a_medics(streets: Streets) -> None:
    case = waiting(streets, sex="female", pregnancy="pregnant")
    assert case.release_by == "doctor"
    with pytest.raises(DoctorNeeded):
        streets.decide(case.line, released=True)
    streets.decide(case.line, released=True, actor=streets.world.doctor)
    assert streets.queue() == []


def test_a_block_is_nobodys_to_lift(streets: Streets) -> None:
    case = waiting(streets, IBUPROFEN)
    (line,) = streets.lines()
    streets.later(minutes=1)
    streets.correct(line.resident, health=answers(allergies=("布洛芬",)))
    (blocked,) = streets.queue()
    assert blocked.release_by is None
    for actor in (streets.world.medic, streets.world.doctor):
        with pytest.raises(MayNotGo) as refused:
            streets.decide(case.line, released=True, actor=actor)
        assert {reason.code for reason in refused.value.reasons} == {"DS07_ALLERGY"}
    streets.decide(case.line, released=False)
    streets.agrees()


def test_a_release_does_not_cover_what_became_known_later(streets: Streets) -> None:
    case = waiting(streets)
    streets.decide(case.line, released=True)
    (line,) = streets.lines()
    streets.later(minutes=1)
    streets.correct(line.resident, health=answers(conditions=("hypertension",), liver="impaired"))
    assert not streets.read(standing.judge_parcel, streets.vault, case.parcel, streets.today).cleared
    (again,) = streets.queue()
    assert again.line == case.line
    streets.decide(again.line, released=True)
    assert streets.read(standing.judge_parcel, streets.vault, case.parcel, streets.today).cleared


def test_deciding_twice_is_one_effect(streets: Streets) -> None:
    case, key = waiting(streets), uuid4()
    streets.decide(case.line, released=False, key=key)
    assert streets.decide(case.line, released=False, key=key).state == "dropped"
    assert len(streets.column(MedicDecision.id)) == 1
    with pytest.raises(LineClosed):
        streets.decide(case.line, released=True)


def test_the_queue_and_its_lines_are_the_own_communitys(streets: Streets) -> None:
    case = waiting(streets)
    assert streets.queue(streets.world.far_medic) == []
    with pytest.raises(NotFound):
        streets.decide(case.line, released=True, actor=streets.world.far_medic)
    with pytest.raises(Forbidden):
        streets.queue(streets.world.coordinator)
    with pytest.raises(Forbidden):
        streets.decide(case.line, released=True, actor=streets.world.coordinator)


def test_showing_the_queue_is_written_down(streets: Streets) -> None:
    case = waiting(streets)
    streets.db.write_now(releases.queue_opened, [case, case], streets.world.medic, streets.now)
    assert [(note.subject, note.detail) for note in streets.notes("resident.read-health")] == [
        (case.resident, {"purpose": "medic-case"})
    ]


def test_what_the_medic_saw_is_sealed(streets: Streets) -> None:
    case = waiting(streets, liver="impaired")
    assert {reason.code for reason in case.reasons} >= {"DS08_IMPAIRED", "RELEASE_FLAGGED"}
    streets.decide(case.line, released=True)
    (stored,) = streets.column(MedicDecision.seen)
    with streets.db.engine.connect() as connection:
        reasons = "".join(connection.execute(text("SELECT reasons FROM decisions")).scalars())
    assert b"DS08" not in stored
    assert "DS08" not in reasons
    assert "ASK_MEDIC" in reasons


def test_a_batch_decides_each_for_itself(streets: Streets) -> None:
    streets.shelve(LORATADINE, units=3)
    for door in streets.world.doors[:3]:
        streets.need(streets.register(door, groups=("maternity",)), LORATADINE)
    streets.match()
    cases = streets.queue()
    lines = (cases[0].line, uuid4(), cases[2].line)
    words = tuple(releases.DecideLine(key=uuid4(), line=line, released=place != 2) for place, line in enumerate(lines))
    batch = releases.DecideLines(decisions=words)
    done = streets.db.write_now(
        releases.decide_many, streets.vault, batch, streets.world.medic, streets.today, streets.now
    )
    assert [(one.state, one.refused) for one in done] == [
        ("reserved", None),
        ("", "NOT_FOUND"),
        ("dropped", None),
    ]
    assert [case.line for case in streets.queue()] == [cases[1].line]
    streets.agrees()


def test_two_people_at_one_door_are_judged_each_for_themselves(streets: Streets) -> None:
    streets.shelve(PARACETAMOL, units=2)
    for name in ("张三", "李四"):
        streets.need(streets.register(name=name), PARACETAMOL)
    assert streets.match().parcels == 1
    (parcel,) = {line.parcel for line in streets.lines()}
    judged = streets.read(standing.judge_parcel, streets.vault, parcel, streets.today)
    assert {(line.outcome, line.reasons[0].code) for line in judged.lines} == {(Outcome.WARN, "DS01_HOUSEHOLD")}
    assert judged.cleared


def test_a_later_no_ends_an_earlier_yes_even_when_the_bag_is_closed(streets: Streets) -> None:
    case = waiting(streets)
    streets.decide(case.line, released=True)
    assert streets.read(standing.judge_parcel, streets.vault, case.parcel, streets.today).cleared
    streets.db.write_now(
        lambda session: session.execute(
            update(ParcelLine).where(ParcelLine.id == case.line).values(state=LineState.PACKED)
        )
    )
    said = streets.decide(case.line, released=False)
    assert (said.state, said.refused) == ("packed", "LINE_PACKED")
    assert not streets.read(standing.judge_parcel, streets.vault, case.parcel, streets.today).cleared
    streets.decide(case.line, released=True)
    assert streets.read(standing.judge_parcel, streets.vault, case.parcel, streets.today).cleared


def test_a_no_holds_even_where_the_rules_would_need_no_medic(streets: Streets) -> None:
    streets.shelve(PARACETAMOL)
    streets.need(streets.register(), PARACETAMOL)
    streets.match()
    (line,) = streets.lines()
    streets.db.write_now(
        lambda session: session.execute(
            update(ParcelLine).where(ParcelLine.id == line.id).values(state=LineState.PACKED)
        )
    )
    streets.decide(line.id, released=False)
    judged = streets.read(standing.judge_parcel, streets.vault, line.parcel, streets.today)
    assert not judged.cleared
    assert judged.outcome >= Outcome.MEDIC


def test_every_fact_of_the_catalogue_that_a_rule_asks_for_reaches_it(streets: Streets) -> None:
    rows = {item.code: item for item in starter_items()}
    aged = next(item for item in rows.values() if item.max_age_months)
    flagged = next(item for item in rows.values() if item.flags)
    ids = streets.read(
        lambda session: dict(
            session.execute(select(Item.code, Item.id).where(Item.code.in_((aged.code, flagged.code)))).all()
        )
    )
    known = streets.read(standing.products, list(ids.values()))
    assert known[ids[aged.code]].max_age_months == aged.max_age_months
    assert known[ids[flagged.code]].barred_from == min(flagged.flags.values())
