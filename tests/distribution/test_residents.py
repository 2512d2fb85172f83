"""The ledger of people: sealed on disk, opened for a purpose by those who may, never seen from elsewhere."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.orm import Session

from app.base.db import Database
from app.base.errors import Conflict, Forbidden, KeyReused, NotFound
from app.base.vault import Unreadable
from distribution import residents, standing
from distribution.errors import AlreadyRegistered, GuardianNeeded, NoPhone
from distribution.health import UNASKED, age_band, age_in_months, as_slugs
from distribution.models import Parcel, Resident, Round
from distribution.names import masked_name, masked_phone, surname_of
from distribution.residents import Basis, Consent, Purpose
from distribution.safety import Outcome
from tests.distribution.world import MASK, TODAY, Streets, answers

NAME, ADDRESS, PHONE, OWN = "欧阳金丝雀", "金丝雀路 77 号 801", "13912345678", "金丝雀降压片"


@pytest.fixture
def streets(db: Database, tmp_path: Path) -> Streets:
    return Streets(db, tmp_path / "keys")


def raw_bytes(db: Database, folder: Path) -> bytes:
    """Everything that lies on disk or in the tables: files with their log, or each row as text."""
    if db.engine.dialect.name == "sqlite":
        return b"".join(file.read_bytes() for file in sorted(folder.rglob("*.sqlite3*")))
    with db.engine.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        rows = [connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars() for table in tables]
        return "\n".join(row for found in rows for row in found).encode()


def test_nothing_that_names_a_person_lies_readable_in_the_store(streets: Streets, tmp_path: Path) -> None:
    streets.register(name=NAME, address=ADDRESS, phone=PHONE, health=answers(own_medicines=(OWN,)))
    stored = raw_bytes(streets.db, tmp_path)
    assert b"community" in stored or b"communities" in stored
    for canary in (NAME, "金丝雀", ADDRESS, PHONE, OWN):
        assert canary.encode() not in stored
        assert canary.encode("utf-16-le") not in stored
        assert canary.encode().hex().encode() not in stored


def test_a_registered_person_is_called_by_surname_and_honorific(streets: Streets) -> None:
    resident = streets.register(name=NAME, health=answers(sex="female", pregnancy="no"))
    called = open_name(streets, resident, "coordinator")
    assert (called.surname, called.honorific, called.name) == ("欧阳", "female", NAME)
    assert [note.detail["purpose"] for note in streets.notes("resident.read-name")] == ["register"]


def open_name(streets: Streets, resident: UUID, who: str) -> residents.Called:
    actor = getattr(streets.world, who)
    return streets.db.write_now(
        residents.open_name, streets.vault, resident, Purpose.REGISTER, actor, streets.today, streets.now
    )


def open_phone(streets: Streets, resident: UUID, who: str) -> str:
    actor = getattr(streets.world, who)
    return streets.db.write_now(
        residents.open_phone, streets.vault, resident, Purpose.DELIVERY, actor, streets.today, streets.now
    )


def on_todays_round(streets: Streets, day: date = TODAY, carrier: UUID | None = None) -> None:
    """A parcel for the first door on a round of the first team."""

    def put(session: object) -> None:
        world, run = streets.world, uuid4()
        session.execute(  # type: ignore[attr-defined]
            residents.insert(Round).values(
                id=run, team=world.team, community=world.community, station=world.station, day=day, state="planned",
                planned_by=world.leader.account, planned_at=streets.now,
            )
        )  # fmt: skip
        session.execute(update(Parcel).values(round=run, carrier=carrier))  # type: ignore[attr-defined]

    streets.db.write_now(put)


def test_a_member_learns_a_name_only_for_an_own_stop_of_today(streets: Streets) -> None:
    resident = streets.register(name=NAME)
    with pytest.raises(NotFound):
        open_name(streets, resident, "member")
    streets.shelve(MASK)
    streets.need(resident, MASK)
    streets.match()
    on_todays_round(streets, TODAY + timedelta(days=1))
    with pytest.raises(NotFound):
        open_name(streets, resident, "member")
    on_todays_round(streets)
    called = open_name(streets, resident, "member")
    assert (called.surname, called.name) == ("欧阳", None)
    assert open_phone(streets, resident, "member") == "13800138000"
    with pytest.raises(NotFound):
        open_name(streets, resident, "other_member")
    on_todays_round(streets, carrier=streets.world.other_member.account)
    with pytest.raises(NotFound):
        open_name(streets, resident, "member")
    assert open_name(streets, resident, "leader").name is None


def test_one_opened_phone_number_is_one_note(streets: Streets) -> None:
    resident = streets.register(phone=PHONE)
    assert open_phone(streets, resident, "coordinator") == PHONE
    noted = streets.notes("resident.read-phone")
    assert [(note.subject, note.actor) for note in noted] == [(resident, streets.world.coordinator.account)]
    assert PHONE not in str([note.detail for note in noted])


def test_somebody_without_a_phone_says_so(streets: Streets) -> None:
    with pytest.raises(NoPhone):
        open_phone(streets, streets.register(phone=None), "coordinator")


@pytest.mark.parametrize("who", ["far_coordinator", "other_member"])
def test_out_of_scope_is_the_same_as_absent(streets: Streets, who: str) -> None:
    resident = streets.register()
    for asked in (resident, uuid4()):
        with pytest.raises(NotFound):
            open_name(streets, asked, who)
        with pytest.raises(NotFound):
            open_phone(streets, asked, who)


@pytest.mark.parametrize("who", ["volunteer", "medic", "auditor"])
def test_a_role_without_the_permission_is_turned_away(streets: Streets, who: str) -> None:
    with pytest.raises(Forbidden):
        open_name(streets, streets.register(), who)


def test_health_is_opened_by_medics_of_the_community_only(streets: Streets) -> None:
    resident = streets.register(health=answers(allergies=("布洛芬",)))

    def opened(who: str) -> object:
        actor = getattr(streets.world, who)
        return streets.db.write_now(
            residents.open_health, streets.vault, resident, Purpose.MEDIC_CASE, actor, streets.now
        )

    assert opened("medic") == answers(allergies=("ibuprofen",))
    assert len(streets.notes("resident.read-health")) == 1
    with pytest.raises(NotFound):
        opened("far_medic")
    with pytest.raises(Forbidden):
        opened("coordinator")


def test_a_door_of_another_community_is_not_there_to_register_at(streets: Streets) -> None:
    with pytest.raises(NotFound):
        streets.register(streets.world.far_door)
    with pytest.raises(Forbidden):
        streets.register(actor=streets.world.member)


def test_a_name_is_registered_at_a_door_once(streets: Streets) -> None:
    streets.register(name="张 三")
    with pytest.raises(AlreadyRegistered):
        streets.register(name="张三")
    streets.register(name="张四")
    streets.register(streets.world.doors[1], name="张三")


def test_sending_the_form_twice_registers_one_person(streets: Streets) -> None:
    new = streets.new_resident()
    send = (residents.register, streets.vault, new, streets.world.coordinator, streets.now)
    assert streets.db.write_now(*send) == streets.db.write_now(*send)
    other = streets.new_resident(key=new.key, name="别人")
    with pytest.raises(KeyReused):
        streets.db.write_now(residents.register, streets.vault, other, streets.world.coordinator, streets.now)
    assert len(streets.column(Resident.id)) == 1


@pytest.mark.parametrize(("born", "allowed"), [("2012-10", True), ("2012-11", False), ("2024-01", False)])
def test_a_child_under_fourteen_needs_a_guardians_consent(streets: Streets, born: str, allowed: bool) -> None:
    child = answers(born=born)
    if allowed:
        streets.register(health=child)
    else:
        with pytest.raises(GuardianNeeded):
            streets.register(health=child)
    by_guardian = Consent(basis=Basis.GUARDIAN, version="2026-01", given_on=TODAY, health=True)
    streets.register(name="另一个", health=child, consent=by_guardian)


def test_without_consent_no_health_fact_is_kept(streets: Streets) -> None:
    no_health = Consent(basis=Basis.PUBLIC_DUTY, version="2026-01", given_on=TODAY, health=False)
    resident = streets.register(health=answers(), consent=no_health)
    opened = streets.db.write_now(
        residents.open_health, streets.vault, resident, Purpose.MEDIC_CASE, streets.world.medic, streets.now
    )
    assert opened == UNASKED


def test_allergies_are_kept_as_ingredients_however_they_are_named(streets: Streets) -> None:
    for name, said in enumerate(("ibuprofen", "布洛芬", "布洛芬缓释胶囊", " Ibuprofen ")):
        resident = streets.register(name=f"人{name}", health=answers(allergies=(said,)))
        facts = streets.read(residents.facts_for_rules, streets.vault, [resident], TODAY)
        assert "ibuprofen" in facts[resident].allergies


def test_what_the_catalogue_does_not_know_is_kept_as_it_was_said() -> None:
    known = {"布洛芬": frozenset({"ibuprofen"})}
    assert as_slugs(("青霉素",), known) == ("青霉素",)
    assert as_slugs(("青霉素和布洛芬",), known) == ("ibuprofen", "青霉素和布洛芬")


def test_a_correction_against_an_older_version_is_a_conflict(streets: Streets) -> None:
    resident = streets.register(phone=PHONE)
    seen = streets.column(Resident.changed_at)[0]
    streets.later(minutes=1)
    streets.correct(resident, phone="13700000000", groups=("maternity",))
    assert open_phone(streets, resident, "coordinator") == "13700000000"
    assert streets.column(Resident.groups) == [["maternity"]]
    with pytest.raises(Conflict):
        streets.correct(resident, version=seen, phone=PHONE)


def test_the_list_masks_names_and_keeps_groups_from_who_may_not_read_them(streets: Streets) -> None:
    streets.register(name=NAME, groups=("serious_illness",))
    streets.register(streets.world.other_door, name="张三")
    for who, count in (("coordinator", 2), ("office", 2), ("member", 1), ("far_coordinator", 0), ("volunteer", 0)):
        rows = streets.read(residents.listed, streets.vault, getattr(streets.world, who))
        assert len(rows) == count
    (mine,) = streets.read(residents.listed, streets.vault, streets.world.member)
    assert (mine.name, mine.groups) == ("欧*", None)
    (kept,) = streets.read(residents.listed, streets.vault, streets.world.coordinator, serial=mine.serial)
    assert kept.groups == ("serious_illness",)


def test_an_erased_person_cannot_be_judged_or_read(streets: Streets) -> None:
    resident = streets.register()
    streets.db.write_now(_erase, streets, resident)
    with pytest.raises(NotFound):
        open_name(streets, resident, "coordinator")
    with pytest.raises(NotFound):
        streets.read(residents.facts_for_rules, streets.vault, [resident], TODAY)


def _erase(session: object, streets: Streets, resident: UUID) -> None:
    streets.vault.erase(session, resident, streets.now)  # type: ignore[arg-type]


def test_sealed_bytes_moved_to_another_person_do_not_open(streets: Streets) -> None:
    one, other = streets.register(name="张三"), streets.register(name="李四")
    sealed = streets.column(Resident.name, Resident.id == one)[0]

    def swap(session: object) -> None:
        session.execute(update(Resident).where(Resident.id == other).values(name=sealed))  # type: ignore[attr-defined]

    streets.db.write_now(swap)
    with pytest.raises(Unreadable):
        open_name(streets, other, "coordinator")


def test_an_empty_parcel_harms_nobody(streets: Streets) -> None:
    judged = streets.read(standing.judge_parcel, streets.vault, uuid4(), TODAY)
    assert (judged.outcome, judged.lines, judged.cleared) == (Outcome.ALLOW, (), True)


@pytest.mark.parametrize(
    ("name", "surname"),
    [("张三", "张"), ("欧阳某", "欧阳"), ("欧阳", "欧"), ("阿依古丽·买买提", "阿依古丽"), ("Smith John", "Smith")],
)
def test_a_surname_is_found(name: str, surname: str) -> None:
    assert surname_of(name) == surname


def test_names_and_phones_are_masked() -> None:
    assert masked_name("张三丰") == "张*"
    assert masked_phone("138 0013 8000") == "138****8000"
    assert masked_phone("+86 13800138000") == "138****8000"
    assert masked_phone("0546-8123456") == "054****3456"
    assert masked_phone("110") == "****10"


@pytest.mark.parametrize(
    ("born", "months", "band"),
    [
        (None, None, "unknown"),
        ("2024-11", 23, "under_2"),
        ("2024-10", 24, "2_5"),
        ("1961-11", 780, "65_79"),
        ("1961-12", 779, "40_64"),
        ("1930-01", 1162, "80_up"),
    ],
)
def test_age_errs_on_the_strict_side(born: str | None, months: int | None, band: str) -> None:
    assert age_in_months(born, TODAY) == months
    assert age_band(months) == band


def test_the_catalogue_is_read_once_for_all_who_are_registered_together(streets: Streets) -> None:
    read: list[str] = []

    def watch(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "FROM ingredients" in statement:
            read.append(statement)

    people = [
        streets.new_resident(door, health=answers(own_medicines=("泰诺林",), allergies=("青霉素",)))
        for door in streets.world.doors[:3]
    ]

    def register_all(session: Session) -> list[UUID]:
        known = residents.names_known(session)
        keep = streets.vault, streets.world.coordinator, streets.now
        return [residents.register(session, keep[0], new, keep[1], keep[2], known) for new in people]

    event.listen(streets.db.engine, "before_cursor_execute", watch)
    made = streets.db.write_now(register_all)
    event.remove(streets.db.engine, "before_cursor_execute", watch)
    assert len(read) == 1
    facts = streets.read(residents.facts_for_rules, streets.vault, set(made), TODAY)
    assert {"paracetamol"} == set.union(*(set(facts[one].own_medicines) for one in made))
