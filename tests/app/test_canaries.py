"""Canaries in every personal field: after a whole journey nobody meets one who should not, on paper, screen or disk."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import logging
import re
import shutil
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
import pypdfium2
import pytest
from litestar.routes import HTTPRoute

from app import backup
from app.base import accounts
from app.base.accounts import NewAccount
from app.base.clock import Clock
from app.base.db import Database, SqliteDatabase
from app.base.permissions import SYSTEM, Role, ScopeKind
from tests.journeys.town import ELDER, MASKS, OF_EIGHTY, PARACETAMOL, Hand, Town, opened

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
CANARIES = {
    "name": "金丝雀甲",
    "address": "金丝雀巷九号",
    "phone": "13812348765",
    "allergy": "金丝雀素",
    "own medicine": "金丝雀丸",
    "donor's phone": "13998761234",
    "member's name": "金丝雀员",
    "medic's note": "金丝雀说明",
}
ENTITLED: dict[str, set[tuple[str, str]]] = {
    "name": {("coordinator", "/residents/{resident:uuid}"), ("office", "/residents/{resident:uuid}")},
    "address": {
        ("coordinator", "/residents/{resident:uuid}"),
        ("office", "/residents/{resident:uuid}"),
        ("member", "/parcels/{parcel:uuid}"),
        ("member", "/rounds"),
    },
    "phone": set(),
    "allergy": {("medic", "/api/medic/cases"), ("medic", "/medic")},
    "own medicine": {("medic", "/api/medic/cases"), ("medic", "/medic")},
    "donor's phone": set(),
    "member's name": set(),
    "medic's note": set(),
}
"""Who may meet what where, by hand from the programme's table. A phone number is read by asking for it, one by one."""


class Met(NamedTuple):
    """A text that somebody was shown: when, who, at which address."""

    when: str
    who: str
    route: str
    text: str


class Journey(NamedTuple):
    """What was shown, refused, asked and logged from the register to the door; and where it is kept."""

    town: Town
    shown: list[Met]
    refused: list[str]
    addresses: set[str]
    logged: list[str]
    asked_for: list[str]


def in_text(text: str) -> set[str]:
    """The canaries in a text, however a phone number is spaced."""
    close = re.sub(r"[\s\u00a0-]", "", text)
    return {name for name, canary in CANARIES.items() if canary in close}


def in_bytes(raw: bytes) -> set[str]:
    """The canaries in bytes, as UTF-8, UTF-16 or escaped JSON."""
    found = set()
    for name, canary in CANARIES.items():
        escaped = canary.encode("ascii", "backslashreplace")
        forms = (canary.encode(), canary.encode("utf-16-le"), canary.encode("utf-16-be"), escaped, escaped.upper())
        if any(form in raw for form in forms):
            found.add(name)
    return found


class Listener(logging.Handler):
    """Keeps what anybody logs, with whatever is attached to it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record) + repr(record.args))


def read(answer: httpx.Response) -> str:
    """An answer's text; of a PDF what is printed on it."""
    if answer.headers.get("content-type") != "application/pdf":
        return answer.text
    with contextlib.closing(pypdfium2.PdfDocument(answer.content)) as document:
        return "".join(page.get_textpage().get_text_range() for page in document)


PAPERS = ("pdf", "png", "/label", "/leaflet", "/sheet")
"""What is printed is looked at once, on the way: it takes long to draw."""


class Walk:
    """The journey of one person's parcel, with everybody looking at everything on the way."""

    def __init__(self, town: Town) -> None:
        self.town, self.shown, self.refused = town, list[Met](), list[str]()
        self.addresses: set[str] = set()
        self.ids: dict[str, object] = {"name": "intake", "account": town.near.member.account, "item": town.items[MASKS]}
        self.hands = {**town.near.hands, "office": town.office, "auditor": town.auditor,
                      "administrator": town.administrator}  # fmt: skip
        self.far = {f"far {role}": hand for role, hand in town.far.hands.items()}

    def everybody_looks(self, when: str, *, far: bool = False) -> None:
        """Everybody, on the way also of the other community, opens every address there is, with this journey's ids."""
        routes = [route for route in self.town.browser.app.routes if isinstance(route, HTTPRoute)]
        if not far:
            routes = [route for route in routes if not route.path.endswith(PAPERS)]
        for who, hand in (self.hands | self.far if far else self.hands).items():
            for route in routes:
                if "GET" in route.methods and not route.path.startswith("/static"):
                    path = re.sub(r"\{(\w+):\w+\}", lambda found: str(self.ids.get(found[1], uuid4())), route.path)
                    answer = hand.get(path)
                    self.addresses |= {str(answer.request.url), answer.headers.get("location", "")}
                    self.addresses |= set(re.findall(r'(?:href|action|src)="([^"]*)"', answer.text))
                    self.shown.append(Met(when, who, route.path, read(answer)))

    def nobody_is_told(self, hand: Hand, path: str, **body: object) -> None:
        """A write that must be refused; its answer is kept."""
        answer = hand.post(path, **body)
        assert answer.is_client_error, answer.text
        self.refused.append(answer.text)

    def go(self) -> list[str]:
        """From the register to the door; returns what was answered to those who asked for a phone number."""
        town, near = self.town, self.town.near
        got = town.shelve(PARACETAMOL, donor_phone=CANARIES["donor's phone"])
        person = self.register()
        town.need(UUID(str(person)), PARACETAMOL)
        (parcel,) = town.match()
        plan = near.coordinator.see("/api/plans")["plans"][0]["id"]
        self.ids |= {"pack": got["pack"], "donation": got["donation"], "line": got["line"], "resident": person,
                     "parcel": parcel["id"], "plan": plan, "code": got["label"]}  # fmt: skip
        self.everybody_looks("a medic is asked")
        (case,) = near.medic.see("/api/medic/cases")["cases"]
        near.medic.do("/api/medic/decide", line=case["line"], released=True, note=CANARIES["medic's note"])
        code = town.pack(parcel["id"])
        self.ids |= {"round_id": town.plan_round(parcel["id"]), "code": code}
        near.member.do("/api/parcels/take-over", code=code)
        self.everybody_looks("on the way", far=True)
        asked = [
            near.member.browser.post(f"/parcels/{parcel['id']}/phone", data={"resident": person}, headers=hand.headers)
            for hand in (near.member, town.far.member, near.volunteer)
        ]
        near.member.do("/api/parcels/hand-over", **town.door(parcel["id"]))
        self.everybody_looks("delivered")
        return [answer.text for answer in asked]

    def register(self) -> str:
        """Somebody is registered, first with one thing or another wrong."""
        town, near = self.town, self.town.near
        person: dict[str, Any] = {
            "household": near.doors[0], "name": CANARIES["name"], "address": CANARIES["address"],
            "phone": CANARIES["phone"], "groups": ELDER,
            "consent": {"basis": "consent", "version": "1", "given_on": "2026-11-01", "health": True},
            "health": OF_EIGHTY
            | {"allergies": [CANARIES["allergy"]], "own_medicines": [CANARIES["own medicine"]]},
        }  # fmt: skip
        for field in ("name", "address", "phone"):
            for wrong in (f"{person[field]}\x00", person[field] * 40, [person[field]]):
                self.nobody_is_told(near.coordinator, "/api/residents", **{"key": uuid4(), **person, field: wrong})
        health = person["health"] | {"allergies": [f"{CANARIES['allergy']}\u202e"]}
        self.nobody_is_told(near.coordinator, "/api/residents", **{"key": uuid4(), **person, "health": health})
        self.nobody_is_told(town.far.coordinator, "/api/residents", key=uuid4(), **person)
        self.nobody_is_told(near.member, "/api/residents", key=uuid4(), **person)
        key = uuid4()
        made: str = near.coordinator.do("/api/residents", key=key, **person)["resident"]
        self.nobody_is_told(near.coordinator, "/api/residents", key=uuid4(), **person)
        self.nobody_is_told(near.coordinator, "/api/residents", **{"key": key, **person, "groups": []})
        gift = {"station": near.station, "line": town.line(MASKS), "donor_phone": CANARIES["donor's phone"] + "x"}
        self.nobody_is_told(near.volunteer, "/api/donations", key=uuid4(), **gift)
        return made


def named_member(town: Town) -> None:
    """A member whose own name is known to the programme, as an account's sealed field."""
    new = NewAccount(
        role=Role.MEMBER,
        handle="M-9",
        scopes=((ScopeKind.TEAM, town.near.team),),
        name=CANARIES["member's name"],
    )
    town.db.write_now(accounts.create, town.vault, new, SYSTEM, NOW)


@pytest.fixture(scope="module")
def journey(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "data").mkdir()
    shutil.copy(migrated_sqlite, folder / "data" / "nuanxin.sqlite3")
    database, listener, root = SqliteDatabase(folder / "data" / "nuanxin.sqlite3"), Listener(), logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        with opened(database, Clock("Asia/Shanghai", lambda: NOW), folder) as town:
            named_member(town)
            walk = Walk(town)
            asked = walk.go()
            yield Journey(town, walk.shown, walk.refused, walk.addresses, listener.lines, asked)
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
        database.close()


def test_each_canary_is_met_where_it_is_needed_and_nowhere_else(journey: Journey) -> None:
    met: dict[str, set[tuple[str, str]]] = {name: set() for name in CANARIES}
    for one in journey.shown:
        for name in in_text(one.text):
            met[name].add((one.who, one.route))
    assert met == ENTITLED


def test_a_member_knows_the_door_only_while_the_stop_runs_and_a_medic_only_while_asked(journey: Journey) -> None:
    when = {
        (one.who, name): {other.when for other in journey.shown if other.who == one.who and name in in_text(other.text)}
        for one in journey.shown
        for name in in_text(one.text)
    }
    assert when["member", "address"] == {"on the way"}
    assert when["medic", "allergy"] == {"a medic is asked"}


def test_a_phone_number_is_told_to_who_carries_the_parcel_and_nobody_else(journey: Journey) -> None:
    assert [in_text(text) & {"phone", "donor's phone"} for text in journey.asked_for] == [{"phone"}, set(), set()]


def test_no_refusal_repeats_what_was_sent(journey: Journey) -> None:
    assert journey.refused
    assert [in_text(text) for text in journey.refused if in_text(text)] == []


def test_no_address_and_no_link_holds_one(journey: Journey) -> None:
    assert journey.addresses
    assert {address for address in journey.addresses if in_text(unquote(address))} == set()


def test_no_log_holds_one(journey: Journey) -> None:
    assert journey.logged
    assert [line for line in journey.logged if in_text(line)] == []


def test_neither_the_database_file_nor_its_log_holds_one(journey: Journey) -> None:
    engine_file = Path(str(journey.town.db.engine.url.database))
    files = sorted(engine_file.parent.iterdir())
    assert {file.suffix for file in files} >= {".sqlite3", ".sqlite3-wal"}
    assert {file.name: in_bytes(file.read_bytes()) for file in files if in_bytes(file.read_bytes())} == {}
    # What is no secret is found there, so the search would find what is.
    assert any("胜华".encode() in file.read_bytes() for file in files)


def test_no_backup_holds_one_packed_or_unpacked(journey: Journey, tmp_path: Path) -> None:
    journey.town.db.read_now(backup.back_up, tmp_path / "b.zip", NOW)
    assert unpacked(tmp_path / "b.zip") == {}


def unpacked(file: Path) -> dict[str, set[str]]:
    """The canaries in a backup, by the table they are in."""
    found = {"whole": in_bytes(file.read_bytes())}
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
        assert "胜华".encode() in archive.read("communities.jsonl")
        found |= {name: in_bytes(_laid_open(archive.read(name))) for name in archive.namelist()}
    return {name: canaries for name, canaries in found.items() if canaries}


def _laid_open(lines: bytes) -> bytes:
    """A table's lines, and behind them what stands in them as base64."""
    found = [lines]
    for word in re.findall(rb'"([A-Za-z0-9+/]{8,}={0,2})"', lines):
        with contextlib.suppress(binascii.Error):
            found.append(base64.b64decode(word, validate=True))
    return b"\n".join(found)


@pytest.mark.postgres
def test_no_backup_of_a_postgresql_holds_one(postgres_db: Database, clock: Clock, tmp_path: Path) -> None:
    with opened(postgres_db, clock, tmp_path) as town:
        Walk(town).register()
        town.shelve(PARACETAMOL, donor_phone=CANARIES["donor's phone"])
        postgres_db.read_now(backup.back_up, tmp_path / "b.zip", NOW)
    assert unpacked(tmp_path / "b.zip") == {}
