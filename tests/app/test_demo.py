"""The demonstration: whole or not at all, marked as invented, opened again unharmed, never upon real people."""

import argparse
import json
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from app.base import store
from app.base.clock import Clock
from app.base.db import SqliteDatabase
from app.base.settings import Settings
from app.demo import command, invented, making
from app.demo.counter import Size
from app.migrations.run import migrate

SMALL = Size(packs=90, partners=3, needs=60)
TODAY = date(2026, 11, 23)
EACH = {
    "volunteer": 2,
    "member": 2,
    "leader": 2,
    "medic": 2,
    "coordinator": 2,
    "office": 1,
    "administrator": 1,
    "auditor": 1,
}


def options(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return parser.parse_args(given)


def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "own", keys=tmp_path / "own-keys")


def nobody_serves(_: Settings) -> None:
    raise AssertionError("--no-serve serves nothing")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def played(tmp_path: Path, capfd: pytest.CaptureFixture[str], *given: str) -> dict[str, Any]:
    """One run of the command; its JSON line."""
    here = options("--data", str(tmp_path / "demo"), "--residents", "150", "--no-serve", "--json", *given)
    assert command.run(settings(tmp_path), here, nobody_serves, SMALL) == 0
    last: dict[str, Any] = json.loads(capfd.readouterr().out.splitlines()[-1])
    return last


def believable(report: dict[str, Any]) -> None:
    assert report["ledger_ok"]
    assert report["audit_ok"]
    donations, deliveries = report["donations"], report["deliveries"]
    assert donations["accepted"] + donations["quarantined"] + donations["refused"] == SMALL.packs
    assert donations["accepted"] > donations["quarantined"] > 0 < donations["refused"]
    assert donations["released"] > 0
    assert report["needs"]["met"] > 0 < report["needs"]["open"]
    assert report["parcels"] >= deliveries["delivered"] + deliveries["failed"] > 0 < deliveries["delivered"]
    assert report["movements"] > donations["released"] * 2
    assert report["labels"] > report["parcels"] + donations["accepted"]
    assert (report["teams"], report["members"], report["stations"], report["residents"]) == (41, 292, 12, 150)
    scopes = {login["role"]: set() for login in report["accounts"]}
    for login in report["accounts"]:
        scopes[login["role"]].add(login["scope"])
    assert {role: len(found) for role, found in scopes.items()} == EACH
    assert all(Path(file).read_bytes().startswith(b"%PDF") for file in report["files"])


@pytest.mark.slow
def test_a_day_is_played_and_opened_again_with_nothing_lost(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = played(tmp_path, capfd)
    believable(first)
    again = played(tmp_path, capfd, "--seed", "7", "--residents", "20")
    links = [{**login, "sign_in": ""} for login in first["accounts"]]
    assert [{**login, "sign_in": ""} for login in again["accounts"]] == links
    assert {**again, "accounts": [], "labels": 0} == {**first, "accounts": [], "labels": 0}

    served: list[Settings] = []
    run = options("--data", str(tmp_path / "demo"), "--port", str(free_port()))
    assert command.run(settings(tmp_path), run, served.append) == 0
    said = capfd.readouterr()
    assert "已经在这里" in said.err
    assert f"http://127.0.0.1:{run.port}/join/" in said.out
    assert [(one.data, one.port) for one in served] == [(tmp_path / "demo", run.port)]


@pytest.mark.slow
@pytest.mark.postgres
def test_a_day_is_played_on_postgresql(
    tmp_path: Path, postgres: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    database = postgres()
    first = played(tmp_path, capfd, "--database", database)
    believable(first)
    assert played(tmp_path, capfd, "--database", database)["movements"] == first["movements"]
    elsewhere = options("--data", str(tmp_path / "elsewhere"), "--database", database, "--no-serve")
    with pytest.raises(ValueError, match="没有做完"):
        command.run(settings(tmp_path), elsewhere, nobody_serves)


def test_real_people_are_never_touched(tmp_path: Path) -> None:
    data = tmp_path / "real"
    database = SqliteDatabase(data / "nuanxin.sqlite3")
    migrate(database.engine)
    database.write_now(store.found, tmp_path / "real-keys", Clock().now())
    database.close()
    before = {file: file.stat().st_mtime_ns for file in data.iterdir()}
    with pytest.raises(ValueError, match="真实的数据"):
        command.run(settings(tmp_path), options("--data", str(data), "--no-serve"), nobody_serves)
    assert (data / "nuanxin.sqlite3").stat().st_mtime_ns == before[data / "nuanxin.sqlite3"]
    assert list((tmp_path / "real-keys").iterdir()) != []


@pytest.mark.postgres
def test_a_database_with_somebody_else_s_tables_is_never_touched(tmp_path: Path, postgres: Callable[[], str]) -> None:
    database = postgres()
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        connection.execute(text("CREATE TABLE cakes (name text)"))
    engine.dispose()
    with pytest.raises(ValueError, match="别的程序"):
        command.run(
            settings(tmp_path),
            options("--data", str(tmp_path / "d"), "--database", database, "--no-serve"),
            nobody_serves,
        )


def test_the_installation_s_own_database_and_folders_are_left_alone(tmp_path: Path) -> None:
    own = Settings(data=tmp_path / "own", keys=tmp_path / "own-keys", database="postgresql://real/people")
    here = command.wanted(own, options())
    assert here.database == ""
    assert here.data == tmp_path / "own" / "demo"
    assert here.keys == tmp_path / "own" / "demo-keys"


def test_another_demonstration_s_folder_is_not_taken_over(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    demo.mkdir()
    (demo / making.MARK).write_text("the mark of a demonstration in a database")
    with pytest.raises(ValueError, match="另一个演示"):
        command.run(settings(tmp_path), options("--data", str(demo), "--no-serve"), nobody_serves)
    assert [file.name for file in demo.iterdir()] == [making.MARK]


def test_of_two_that_make_a_demonstration_at_once_the_first_one_stays(tmp_path: Path) -> None:
    here = command.wanted(settings(tmp_path), options("--data", str(tmp_path / "demo")))

    def the_second() -> None:
        with making.workshop(here) as bench:
            (bench.data / "nuanxin.sqlite3").write_text("the second")
            here.sqlite_file.write_text("the first")

    with pytest.raises(FileExistsError):
        the_second()
    assert [file.read_text() for file in here.data.iterdir()] == ["the first"]


def test_an_interrupted_day_leaves_nothing_behind(tmp_path: Path) -> None:
    here = command.wanted(settings(tmp_path), options("--data", str(tmp_path / "demo")))
    here.keys.mkdir(parents=True)
    (here.keys / "mine.key").write_text("mine")

    def half_a_day() -> None:
        with making.workshop(here) as bench:
            (bench.data / "nuanxin.sqlite3").write_text("half")
            (here.keys / "new.key").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_a_day()
    assert list(here.data.iterdir()) == []
    assert [file.name for file in here.keys.iterdir()] == ["mine.key"]


def test_a_taken_port_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(ValueError, match=port):
            command.run(settings(tmp_path), options("--data", str(tmp_path / "demo"), "--port", port), nobody_serves)
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="file"):
        command.run(settings(tmp_path), options("--data", str(tmp_path / "file" / "demo"), "--no-serve"), nobody_serves)


@pytest.mark.parametrize("wrong", [("--residents", "0"), ("--port", "70000"), ("--residents", "many")])
def test_a_wrong_number_is_refused(wrong: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        options(*wrong)


def test_everybody_is_marked_as_invented() -> None:
    doors = list(invented.doors(1, 500, TODAY))
    people = [person for door in doors for person in door.people]
    assert len(people) == 500
    assert all("样例" in person.name for person in people)
    assert all("虚构" in door.address for door in doors)
    assert all(person.phone is None or person.phone.startswith("154") for person in people)
    assert len({person.phone for person in people if person.phone}) == sum(bool(person.phone) for person in people)


def test_the_same_seed_invents_the_same_town() -> None:
    assert list(invented.doors(5, 200, TODAY)) == list(invented.doors(5, 200, TODAY))
    assert list(invented.doors(5, 200, TODAY)) != list(invented.doors(6, 200, TODAY))
    assert list(invented.bags(5, 50, TODAY)) == list(invented.bags(5, 50, TODAY))


def test_all_five_priority_groups_live_there_and_some_questions_were_never_asked() -> None:
    people = [person for door in invented.doors(1, 1_000, TODAY) for person in door.people]
    groups = [group for person in people for group in person.groups]
    assert len(set(groups)) == 5
    assert all(groups.count(group) >= 30 for group in set(groups))
    assert any(person.health.allergies is None for person in people)
    assert any(not person.health_consent for person in people)


def test_no_child_lives_alone() -> None:
    alone = [door.people[0] for door in invented.doors(1, 2_000, TODAY) if len(door.people) == 1]
    assert alone
    assert all("child_in_difficulty" not in person.groups for person in alone)


def test_the_teams_are_forty_one_with_292_members_each_led_by_a_grid_head_and_with_a_medic() -> None:
    teams = [invented.parts(number) for number in range(invented.TEAMS)]
    assert len(teams) == 41
    assert sum(map(len, teams)) == 292
    assert all(parts.count("grid_head") == 1 == parts.count("medic") for parts in teams)
