"""Every date that can be sent has a range that is checked, and every text that must say something refuses blanks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, get_args, get_origin
from uuid import uuid4

import msgspec
import pytest

import app.main
from app.base import fields
from app.base.edges import _kinds
from app.base.errors import Invalid
from app.base.fields import Dated, fault_of, ranges
from distribution.residents import Consent
from distribution.rounds import NewRound

OURS = {"app", "inventory", "distribution", "labels"}
BLANKS = ("", " ", "    ", "\u3000", "\u00a0 \u3000")
assert app.main


def inputs() -> list[type[msgspec.Struct]]:
    """Every struct of ours that is read from outside."""
    found, waiting = set(), [msgspec.Struct]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.split(".")[0] in OURS and kind.__struct_config__.forbid_unknown_fields:
                found.add(kind)
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


INPUTS = inputs()


def dates() -> list[tuple[type[msgspec.Struct], str]]:
    """(struct, field) of every date and instant that an input struct holds, in whatever it is wrapped."""
    return [
        (kind, field.name)
        for kind in INPUTS
        for field in msgspec.structs.fields(kind)
        if _kinds(field.type) & {date, datetime}
    ]


def texts(annotation: Any) -> Iterator[Any]:
    """The annotations of single texts in a field's annotation that must hold at least one letter."""
    if get_origin(annotation) is Annotated:
        kind, *metas = get_args(annotation)
        if kind is str and any(isinstance(meta, msgspec.Meta) and meta.min_length for meta in metas):
            yield annotation
            return
    for part in get_args(annotation):
        yield from texts(part)


def takes(value: str, annotation: Any) -> bool:
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        return False
    return True


def test_there_are_inputs_with_dates() -> None:
    assert {"Consent.given_on", "NewRound.day", "HandOver.phone_at", "StarterItem.flags"} <= {
        f"{kind.__name__}.{field}" for kind, field in dates()
    }


@pytest.mark.parametrize(("kind", "field"), dates(), ids=lambda one: getattr(one, "__name__", one))
def test_every_date_has_a_range_and_its_struct_checks_it(kind: type[msgspec.Struct], field: str) -> None:
    assert issubclass(kind, Dated)
    assert kind.__post_init__ is Dated.__post_init__
    span = ranges(kind)[field]
    assert 1900 <= span.first.year < span.last.year <= 2100


ROUND = {"key": str(uuid4()), "team": str(uuid4()), "day": "2026-11-23", "parcels": [str(uuid4())]}
CONSENT = {"basis": "consent", "version": "2026-01", "given_on": "2026-11-23", "health": True}


@pytest.mark.parametrize(
    ("day", "taken"),
    [
        ("0001-01-01", False),
        ("2019-12-31", False),
        ("2020-01-01", True),
        ("2099-12-31", True),
        ("2100-01-01", False),
        ("9999-12-31", False),
    ],
)
def test_a_day_outside_its_range_is_refused_by_the_name_of_its_field(day: str, taken: bool) -> None:
    for kind, good, field in ((NewRound, ROUND, "day"), (Consent, CONSENT, "given_on")):
        if taken:
            assert getattr(msgspec.convert(good | {field: day}, kind), field) == date.fromisoformat(day)
            continue
        with pytest.raises(msgspec.ValidationError) as no:
            msgspec.convert(good | {field: day}, kind)
        assert fault_of(no.value).faults == ((field, "year", {"first": 2020, "last": 2099}),)


def test_a_struct_within_another_names_the_whole_way() -> None:
    class Outer(msgspec.Struct):
        consents: list[Consent]

    with pytest.raises(msgspec.ValidationError) as no:
        msgspec.convert({"consents": [CONSENT, CONSENT | {"given_on": "1926-11-23"}]}, Outer)
    assert fault_of(no.value).faults[0][0] == "consents[1].given_on"


def test_an_instant_and_a_table_of_days_are_checked_too() -> None:
    class Both(Dated, frozen=True, kw_only=True):
        at: fields.Instant
        since: dict[str, fields.PastDay] = {}  # noqa: RUF012 - a struct copies its defaults

    good = datetime(2026, 11, 23, tzinfo=UTC)
    assert Both(at=good, since={"rx": date(1900, 1, 1)})
    for wrong in ({"at": good - timedelta(days=3000)}, {"at": good, "since": {"rx": date(1899, 12, 31)}}):
        with pytest.raises(ValueError, match="outside"):
            Both(**wrong)


def test_texts_that_must_say_something_refuse_blanks() -> None:
    found = 0
    for kind in INPUTS:
        for field in msgspec.structs.fields(kind):
            for text in texts(field.type):
                if text == fields.Secret:
                    continue
                found += 1
                taken = [blank for blank in BLANKS if takes(blank, text)]
                assert taken == [], f"{kind.__name__}.{field.name}"
    assert found > 10


def test_a_name_with_blanks_inside_and_around_is_still_a_name() -> None:
    for name in ("欧阳 娜", " 王", "O'Neill Jr.", "阿依古丽·买买提"):
        assert msgspec.convert(name, fields.Word) == name


def test_blanks_are_told_as_such() -> None:
    with pytest.raises(msgspec.ValidationError) as no:
        msgspec.convert({"version": " "} | {k: v for k, v in CONSENT.items() if k != "version"}, Consent)
    told: Invalid = fault_of(no.value)
    assert told.faults == (("version", "legible", {}),)
