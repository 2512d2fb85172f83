"""Ranges and shapes that fields of input structs share; each refuses NUL, control and bidi characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args
from uuid import UUID

import msgspec

from app.base.errors import Invalid, Params

# Tab and line breaks are allowed in notes only; bidi controls could make a name or batch read as another.
PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]*\Z"
_LINES = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]*\Z"
_SCANNED = r"^[^\x00\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]*\Z"

_SOMETHING = r"^(?=[\s\S]*\S)"
"""In front of a pattern: blanks alone say nothing."""

Plain = Annotated[str, msgspec.Meta(pattern=PLAIN)]
"""One line of any length: the field that uses it adds its own."""
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=_SOMETHING + PLAIN[1:])]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=_SOMETHING + PLAIN[1:])]
OptionalLine = Annotated[str, msgspec.Meta(max_length=120, pattern=PLAIN)]
Note = Annotated[str, msgspec.Meta(max_length=1000, pattern=_LINES)]
ScannedText = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=_SOMETHING + _SCANNED[1:])]
"""A scanned text may hold group separators; it is classified, never stored or shown as it came."""
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
"""A PIN or passphrase: any characters, untrimmed."""
Phone = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9][0-9 -]{5,19}\Z")]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Key = UUID
"""An idempotency key, made on the phone before sending."""


class Between(NamedTuple):
    """The first and the last day that a field takes; of an instant, its day as written."""

    first: date
    last: date


Day = Annotated[date, Between(date(2020, 1, 1), date(2099, 12, 31))]
"""A day of this programme's life."""
PastDay = Annotated[date, Between(date(1900, 1, 1), date(2099, 12, 31))]
"""A day on which something may have begun to hold long before."""
Instant = Annotated[datetime, msgspec.Meta(tz=True), Between(date(2020, 1, 1), date(2099, 12, 31))]
"""A moment of this programme's life."""
PhoneTime = Annotated[datetime, msgspec.Meta(tz=True), Between(date(1900, 1, 1), date(2099, 12, 31))]
"""What a phone's clock says, however wrong: its record counts, and the server judges whether to believe the time."""


class Dated(msgspec.Struct, frozen=True):
    """An input struct with dates: each is refused outside the range of its field, by the field's name."""

    def __post_init__(self) -> None:
        for name, range_of in ranges(type(self)).items():
            for value in _days(getattr(self, name)):
                if not range_of.first <= value <= range_of.last:
                    raise ValueError(f"Date outside {range_of.first} to {range_of.last}: `{name}`")


@cache
def ranges(kind: type[msgspec.Struct]) -> dict[str, Between]:
    """The fields of an input struct that hold dates, each with its range."""
    found = {field.encode_name: _range_in(field.type) for field in msgspec.structs.fields(kind)}
    return {name: range_of for name, range_of in found.items() if range_of is not None}


def _range_in(annotation: Any) -> Between | None:
    inside = (*getattr(annotation, "__metadata__", ()), *(_range_in(part) for part in get_args(annotation)))
    return next((one for one in inside if isinstance(one, Between)), None)


def _days(value: Any) -> Iterator[date]:
    if isinstance(value, datetime):
        yield value.date()
    elif isinstance(value, date):
        yield value
    elif isinstance(value, dict):
        yield from value.values()
    else:
        yield from value or ()


_AT = re.compile(r"^(?P<text>.*?)(?: - at `(?:key in )?\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_SHAPES = (
    (re.compile(r"^Object missing required field `(?P<field>[^`]+)`"), "missing"),
    (re.compile(r"^Object contains unknown field `(?P<field>[^`]+)`"), "unknown_field"),
    (re.compile(r"^Expected `(?:int|float|Decimal)` >= (?P<low>-?[\d.]+)"), "at_least"),
    (re.compile(r"^Expected `(?:int|float|Decimal)` <= (?P<high>-?[\d.]+)"), "at_most"),
    (re.compile(r"^Expected `[^`]+` of length >= (?P<low>\d+)"), "too_short"),
    (re.compile(r"^Expected `[^`]+` of length <= (?P<high>\d+)"), "too_long"),
    (re.compile(r"^Expected `str` matching regex '\^\(\?=\[\\+s\\+S\]"), "legible"),
    (re.compile(r"^Expected `str` matching regex"), "characters"),
    (re.compile(r"^Invalid enum value"), "choice"),
    (re.compile(r"^Invalid UUID|^Expected `uuid"), "identifier"),
    (re.compile(r"^Date outside (?P<first>\d{4})\S* to (?P<last>\d{4})\S*: `(?P<field>\w+)`"), "year"),
    (re.compile(r"^Invalid RFC3339 encoded date|^Expected `date"), "date"),
    (re.compile(r"^(?:Integer value|Number) out of range"), "range"),
    (re.compile(r"^Expected `int(?: \| null)?`"), "whole_number"),
    (re.compile(r"^Expected `float(?: \| null)?`"), "number"),
    (re.compile(r"^Expected `bool(?: \| null)?`"), "yes_or_no"),
    (re.compile(r"^Expected `str(?: \| null)?`"), "text"),
    (re.compile(r"^Expected `(?:array|tuple|list|object)(?: \| null)?`"), "structure"),
)


def fault_of(error: Exception) -> Invalid:
    """msgspec's complaint as a fault: field, stable message code (``fault.<code>``), values. Echoes no input."""
    match = _AT.match(str(error))
    text, path = (match["text"], match["path"] or "") if match else (str(error), "")
    for shape, code in _SHAPES:
        if found := shape.match(text):
            values = found.groupdict()
            field = values.pop("field", None)
            return Invalid((".".join(part for part in (path, field) if part), code, _numbers(values)))
    return Invalid((path, "wrong", {}))


def _numbers(values: dict[str, Any]) -> Params:
    return {name: int(float(value)) for name, value in values.items()}
