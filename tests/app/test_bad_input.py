"""Bad input: whatever is wrong with a body is told by field and in the reader's language, and nothing is written."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.columns import Base
from app.base.db import Database, SqliteDatabase
from app.base.settings import Settings
from app.main import document
from tests.app.test_authorisation import ANYONE, TABLE
from tests.journeys.town import MASKS, PARACETAMOL, Hand, Town, opened

Path_ = tuple[str | int, ...]
Schema = dict[str, Any]

DOCUMENT = document(Settings())
SCHEMAS: dict[str, Schema] = DOCUMENT["components"]["schemas"]
JSON = {"content-type": "application/json"}
WRITTEN_ON_THE_SIDE = {"attempts", "audit_notes", "audit_links"}
"""Tables that may grow without anything having happened: tries, and the chain over earlier notes."""


PICTURES = {"readPhoto", "uploadGoods"}
"""What takes a picture or a file as its body; its hostile ones have tests of their own."""


class Operation(NamedTuple):
    """A POST of the document: its path and the schema of its body."""

    name: str
    path: str
    schema: Schema


def operations() -> list[Operation]:
    found = []
    for path, methods in DOCUMENT["paths"].items():
        body = methods.get("post", {}).get("requestBody")
        if body:
            if "application/json" not in body["content"]:
                assert methods["post"]["operationId"] in PICTURES
                continue
            schema = body["content"]["application/json"]["schema"]
            found.append(Operation(methods["post"]["operationId"], path, schema))
    return found


OPERATIONS = operations()
NAMES = [operation.name for operation in OPERATIONS]


def plain(schema: Schema) -> Schema:
    """A schema with its reference followed and, where null is allowed, with ``nullable`` beside the other's parts."""
    if "$ref" in schema:
        return plain(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "oneOf" in schema:
        others = [one for one in schema["oneOf"] if one != {"type": "null"}]
        assert len(others) == 1, f"one type and null: {schema}"
        around = {name: value for name, value in schema.items() if name != "oneOf"}
        return plain(others[0]) | around | {"nullable": True}
    if isinstance(schema.get("type"), list):
        (kind,) = (one for one in schema["type"] if one != "null")
        return schema | {"type": kind, "nullable": True}
    return schema


TEXTS = ("甲乙丙", "12345678", "1986-03", "13800138000", "A-17", "tablet", "N02BE01", "kit-001", "06901234567892")


def good(schema: Schema, ids: dict[str, UUID], name: str = "") -> Any:
    """A value that fits; ids are those of real things, by the name of their field."""
    schema = plain(schema)
    if "enum" in schema:
        return next(value for value in schema["enum"] if value is not None)
    match schema["type"]:
        case "object":
            return {field: good(of, ids, field) for field, of in schema.get("properties", {}).items()}
        case "array" if "prefixItems" in schema:
            return [good(one, ids) for one in schema["prefixItems"]]
        case "array":
            return [good(schema["items"], ids, name)]
        case "integer" | "number":
            return int(schema.get("minimum", 1))
        case "boolean":
            return False
    return _good_text(schema, ids, name)


def _good_text(schema: Schema, ids: dict[str, UUID], name: str) -> str:
    match schema.get("format"):
        case "uuid":
            return str(ids.get(name) or uuid4())
        case "date":
            return "2026-11-23"
        case "date-time":
            return "2026-11-23T02:00:00Z"
    pattern = re.compile(schema.get("pattern", "").replace("$", r"\Z"))
    return next(text for text in TEXTS if pattern.search(text))


def test_the_document_s_patterns_are_read_alike_in_every_language() -> None:
    patterns = set(re.findall(r'"pattern": "((?:[^"\\\\]|\\\\.)*)"', json.dumps(DOCUMENT)))
    assert len(patterns) > 5
    assert [pattern for pattern in patterns if pattern.endswith("Z")] == []


class Wrong(NamedTuple):
    """A wrong value somewhere in a body; ``field`` is how the answer must name the place."""

    field: str
    path: Path_
    value: Any


class Raw(NamedTuple):
    """JSON as it is sent, for what a Python value cannot say."""

    text: str


class Times(NamedTuple):
    """So many of what a list holds."""

    many: int


MISSING = object()


def told_as(path: Path_) -> str:
    """How an answer names a place in a body."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def wrongs(schema: Schema, path: Path_ = ()) -> Iterator[Wrong]:
    """Every way in which a body can be wrong: types, ranges, characters, and fields too few or too many."""
    schema = plain(schema)
    for value in wrong_values(schema):
        yield Wrong(told_as(path), path, value)
    if "properties" in schema:
        unknown = (*path, "status")
        yield Wrong(told_as(unknown), unknown, "released")
        for field, of in schema["properties"].items():
            if field in schema["required"]:
                yield Wrong(told_as((*path, field)), (*path, field), MISSING)
            yield from wrongs(of, (*path, field))
    elif schema["type"] == "array" and "items" in schema:
        yield from wrongs(schema["items"], (*path, 0))
        if "maxItems" in schema:
            yield Wrong(told_as(path), path, Times(schema["maxItems"] + 1))
        if schema.get("minItems"):
            yield Wrong(told_as(path), path, Times(0))


def wrong_values(schema: Schema) -> Iterator[Any]:
    """Values that do not fit a schema, its parts left aside."""
    if not schema.get("nullable"):
        yield None
    yield from ({"object": ([], "x", 5), "array": ({}, "x", 5), "boolean": ("true", 1, 0, [])}).get(schema["type"], ())
    if schema["type"] == "integer" and "enum" in schema:
        yield from ("5", True, Raw("5.0"), 7)
    elif schema["type"] == "integer":
        yield from ("5", Raw("5.0"), Raw("1e3"), True, [], Raw(str(2**63)), Raw(str(10**22)), Raw(f"-{2**63 + 1}"))
        yield from (int(schema["minimum"]) - 1, int(schema["maximum"]) + 1)
    if schema["type"] == "number":
        yield from ("5", True, [], Raw("1e400"), schema["minimum"] - 1, schema["maximum"] + 1)
    if schema["type"] == "string":
        yield from (5, True, ["x"], {"x": 1})
        yield from _wrong_texts(schema)


def _wrong_texts(schema: Schema) -> Iterator[str]:
    if "enum" in schema or "format" in schema:
        yield from ("", "x", "zz\u202ezz", "NaN", "9999999999", "2026-13-41", "2026-02-30T25:61:00Z")
        if schema.get("format") == "date-time":
            yield from ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z")
            yield "2026-11-23T10:00:00"  # nobody knows where
        if schema.get("format") == "date":
            yield from ("0001-01-01", "1899-12-31", "9999-12-31")
        return
    yield "甲" * (schema.get("maxLength", 200) + 1)
    if schema.get("minLength"):
        yield ""
        if "pattern" in schema:
            yield from ("  ", "\u3000")
    yield from (f"甲{control}乙" for control in CONTROLS)


CONTROLS = ("\x00", "\u202e", "\u2066", "\u200f")
SECRETS = {"secret"}
"""A PIN or passphrase may hold any character: it is hashed, never stored nor shown."""


def with_wrong(body: Any, wrong: Wrong) -> bytes:
    """The body as JSON with one wrong value."""
    marks = count(1)
    raws: dict[str, str] = {}

    def put(value: Any) -> Any:
        if not isinstance(value, Raw):
            return value
        mark = f"\u0001raw{next(marks)}"
        raws[json.dumps(mark)] = value.text
        return mark

    made = json.loads(json.dumps(body))
    if not wrong.path:
        made = put(wrong.value)
    else:
        inside = made
        for step in wrong.path[:-1]:
            inside = inside[step]
        last = wrong.path[-1]
        if wrong.value is MISSING:
            del inside[last]
        elif isinstance(wrong.value, Times):
            inside[last] = inside[last] * wrong.value.many
        else:
            inside[last] = put(wrong.value)
    text = json.dumps(made)
    for mark, raw in raws.items():
        text = text.replace(mark, raw)
    return text.encode()


def row_counts(session: Session) -> dict[str, int]:
    return {
        name: session.execute(select(func.count()).select_from(table)).scalar_one()
        for name, table in Base.metadata.tables.items()
        if name not in WRITTEN_ON_THE_SIDE
    }


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock("Asia/Shanghai")


@pytest.fixture(scope="module")
def town(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Town]:
    """One town for all: nothing that is sent here may change it."""
    folder = tmp_path_factory.mktemp("bad-input")
    (folder / "data").mkdir()
    shutil.copy(migrated_sqlite, folder / "data" / "nuanxin.sqlite3")
    database = SqliteDatabase(folder / "data" / "nuanxin.sqlite3")
    with opened(database, clock, folder) as made:
        yield made
    database.close()


def real_ids(town: Town) -> dict[str, UUID]:
    """Ids of things that are there, by the name of the field that asks for them."""
    near = town.near
    resident = town.register()
    parcel = town.promise(MASKS)
    (line,) = near.volunteer.see(f"/api/parcels/{parcel}")["lines"]
    held = town.receive(PARACETAMOL)
    return {
        "station": near.station, "community": near.community, "team": near.team, "household": near.doors[0],
        "resident": resident, "item": town.items[MASKS], "need": town.need(resident, MASKS), "parcel": parcel,
        "parcels": parcel, "line": UUID(line["id"]), "pack": UUID(held["pack"]),
        "donation": UUID(held["donation"]),
    }  # fmt: skip


@pytest.fixture(scope="module")
def ids(town: Town) -> dict[str, UUID]:
    return real_ids(town)


@pytest.fixture(params=OPERATIONS, ids=NAMES)
def operation(request: pytest.FixtureRequest) -> Operation:
    made: Operation = request.param
    return made


def sender(town: Town, operation: Operation) -> dict[str, str]:
    """The headers of somebody whose role has the verb."""
    near = town.near
    hands: dict[str, Hand] = {
        "V": near.volunteer, "C": near.coordinator, "M": near.member, "L": near.leader, "P": near.medic,
        "O": town.office, "A": town.administrator,
    }  # fmt: skip
    letters = TABLE[operation.name]
    return {} if letters == ANYONE else next(hand.headers for letter, hand in hands.items() if letter in letters)


def send(town: Town, operation: Operation, body: bytes, **headers: str) -> httpx.Response:
    given = {**sender(town, operation), **JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return town.browser.post(operation.path, content=body, headers=given)


def test_every_wrong_field_is_named_in_chinese_and_in_english_and_nothing_is_written(
    town: Town, ids: dict[str, UUID], operation: Operation
) -> None:
    body, before = good(operation.schema, ids), town.db.read_now(row_counts)
    unlike: dict[str, Any] = {}
    for wrong in wrongs(operation.schema):
        if wrong.path and wrong.path[-1] in SECRETS and isinstance(wrong.value, str) and len(wrong.value) == 3:
            continue
        sent = with_wrong(body, wrong)
        zh = send(town, operation, sent, accept_language="zh")
        en = send(town, operation, sent, accept_language="en")
        if not (named(zh, wrong.field) and named(en, wrong.field) and in_both(zh, en)):
            unlike[f"{wrong.field} = {str(wrong.value)[:40]!r}"] = (zh.status_code, zh.text[-160:], en.text[-120:])
    assert unlike == {}
    assert town.db.read_now(row_counts) == before


def named(answer: httpx.Response, field: str) -> bool:
    """A 400 that names the field, with a reason that says more than that it is wrong."""
    if answer.status_code != 400 or answer.json()["code"] != "INVALID":
        return False
    first = answer.json()["errors"][0]
    return (first["field"], first["code"] == "wrong") == (field, False)


def in_both(zh: httpx.Response, en: httpx.Response) -> bool:
    """The same fault told to each reader in the own language."""
    chinese, english = zh.json()["errors"][0], en.json()["errors"][0]
    return (
        chinese["code"] == english["code"]
        and re.search(r"[\u4e00-\u9fff]", chinese["reason"]) is not None
        and re.search(r"[\u4e00-\u9fff]", english["reason"]) is None
    )


DEEP = 1_000
SHAPELESS: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"5",
    "a text": b'"x"',
    "half": b'{"key": "',
    "not UTF-8": b'{"key": "\xff\xfe"}',
    "a lone surrogate": b'{"key": "\\ud800"}',
    "UTF-16": '{"key": 1}'.encode("utf-16"),
    "two documents": b"{}{}",
    "NaN": b'{"key": NaN}',
    "lists in lists": b"[" * DEEP + b"]" * DEEP,
    "objects in objects": b'{"key":' * DEEP + b"1" + b"}" * DEEP,
    "an unknown field's depth": b'{"zzz":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "as deep as fits": b"[" * 200_000,
}


def test_what_is_no_body_of_ours_is_refused_whole(town: Town, operation: Operation) -> None:
    before = town.db.read_now(row_counts)
    wrong = {}
    for name, body in SHAPELESS.items():
        answer = send(town, operation, body)
        if answer.status_code != 400 or answer.json()["code"] not in {"INVALID", "TOO_DEEP"}:
            wrong[name] = (answer.status_code, answer.text[:160])
    assert wrong == {}
    assert town.db.read_now(row_counts) == before


@pytest.mark.parametrize("media", ["text/plain", "text/plain; charset=utf-8", "application/x-www-form-urlencoded", ""])
def test_a_body_that_does_not_say_that_it_is_json_is_not_read(
    town: Town, ids: dict[str, UUID], operation: Operation, media: str
) -> None:
    before = town.db.read_now(row_counts)
    body = json.dumps(good(operation.schema, ids)).encode()
    answer = send(town, operation, body, content_type=media)
    assert (answer.status_code, answer.json()["code"]) == (415, "MEDIA_TYPE")
    assert town.db.read_now(row_counts) == before


def test_a_megabyte_is_too_much_wherever_it_stands(town: Town, ids: dict[str, UUID], operation: Operation) -> None:
    before, body = town.db.read_now(row_counts), good(operation.schema, ids)
    for field in body:
        answer = send(town, operation, json.dumps(body | {field: "x" * 2**20}).encode())
        assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE"), field
    assert town.db.read_now(row_counts) == before


def test_a_field_that_comes_twice_is_refused(town: Town, ids: dict[str, UUID], operation: Operation) -> None:
    before, body = town.db.read_now(row_counts), good(operation.schema, ids)
    name = next(iter(body))
    twice = b'{"%b": %b, ' % (name.encode(), json.dumps(body[name]).encode()) + json.dumps(body).encode()[1:]
    answer = send(town, operation, twice)
    assert (answer.status_code, answer.json()["errors"][0]) == (
        400,
        {"field": name, "code": "repeated", "reason": "同一项出现了两次。"},
    )
    assert town.db.read_now(row_counts) == before


HARMLESS = ("𠮷", "'; DROP TABLE packs; --", "%_\\", "{{7*7}}", "${jndi:x}", "</script>", "=1+1", "null", "-0")
MOMENTS = {
    "date": ("0001-01-01", "9999-12-31"),
    "date-time": ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-11-23T02:00:00+00:00"),
    "uuid": (str(UUID(int=0)), str(UUID(int=2**128 - 1))),
}


def edges(schema: Schema, path: Path_ = ()) -> Iterator[Wrong]:
    """Values that a body may have, though nobody expects them."""
    schema = plain(schema)
    if schema["type"] == "object":
        for field, of in schema.get("properties", {}).items():
            if field != "key":
                yield from edges(of, (*path, field))
        return
    if schema["type"] == "array" and "items" in schema:
        yield from edges(schema["items"], (*path, 0))
        yield Wrong(told_as(path), path, Times(schema["maxItems"]))
    yield from (Wrong(told_as(path), path, value) for value in edge_values(schema))


def edge_values(schema: Schema) -> Iterator[Any]:
    """The least, the most, and what looks like something else."""
    if schema.get("nullable"):
        yield None
    if "enum" in schema:
        yield from (value for value in schema["enum"] if value is not None)
    elif schema["type"] in {"integer", "number"}:
        yield from (int(schema["minimum"]), int(schema["maximum"]))
    elif schema["type"] == "boolean":
        yield True
    elif schema["type"] == "string":
        longest = schema.get("maxLength", 20)
        yield from MOMENTS.get(schema.get("format", ""), (*HARMLESS, "𠮷" * longest, "9" * longest))


@pytest.fixture
def fresh(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Town]:
    with opened(db, clock, tmp_path) as made:
        yield made


def test_what_stands_at_the_edge_of_its_range_is_taken_or_refused_but_never_falls_over(fresh: Town) -> None:
    ids, fallen = real_ids(fresh), {}
    for operation in OPERATIONS:
        for edge in edges(operation.schema):
            body = json.loads(with_wrong(good(operation.schema, ids), edge))
            with_new_keys(body)
            answer = send(fresh, operation, json.dumps(body).encode())
            if answer.status_code >= 500:
                fallen[f"{operation.name} {edge.field} = {str(edge.value)[:40]!r}"] = answer.status_code
    assert fallen == {}
    fresh.agrees()


def with_new_keys(body: Any) -> None:
    """An own idempotency key for this sending and each of its parts."""
    if isinstance(body, dict):
        for field, value in body.items():
            if field == "key":
                body[field] = str(uuid4())
            else:
                with_new_keys(value)
    elif isinstance(body, list):
        for one in body:
            with_new_keys(one)


def parameters() -> list[tuple[str, str, str]]:
    """(path with its own ids left open, name, where) of every parameter of a GET."""
    return [
        (path, one["name"], one["in"])
        for path, methods in DOCUMENT["paths"].items()
        for one in methods.get("get", {}).get("parameters", ())
    ]


STRANGE = ("x", "%00", "-1", str(2**63), str(10**22), "true", "%F0%A0%AE%B7" * 90, "%ff", "%E2%80%AE")
TEXTS_OF_ITS_OWN = {"findItem q", "listItems after", "listAccounts after", "readPolicy name"}
"""Parameters that are plain text, where much that looks strange is only unknown."""
SWITCHES = {"listIncidents closed", "listActs mine", "listRecalls closed", "listPolicyProposals waiting"}
"""Parameters that say yes or no."""


def test_a_strange_parameter_is_named_or_finds_nothing(fresh: Town) -> None:
    wrong = {}
    for path, name, where in parameters():
        operation = DOCUMENT["paths"][path]["get"]["operationId"]
        headers = sender(fresh, Operation(operation, path, {}))
        for value in STRANGE:
            filled = re.sub(r"\{\w+\}", value if where == "path" else str(uuid4()), path)
            answer = fresh.browser.get(filled + (f"?{name}={value}" if where == "query" else ""), headers=headers)
            at_fault = answer.status_code == 400 and answer.json()["errors"][0]["field"] == name
            text = f"{operation} {name}" in TEXTS_OF_ITS_OWN and answer.status_code < 400
            text |= f"{operation} {name}" in SWITCHES and value == "true" and answer.status_code == 200
            if not (at_fault or answer.status_code == 404 or text):
                wrong[f"{operation} {name}={value[:30]}"] = (answer.status_code, answer.text[:120])
    assert wrong == {}
