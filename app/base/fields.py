"""Ranges and shapes that fields of input structs share; each refuses NUL, control and bidi characters."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

import msgspec

from app.base.errors import Invalid, Params

# Tab and line breaks are allowed in notes only; bidi controls could make a name or batch read as another.
PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]*\Z"
_LINES = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]*\Z"
_SCANNED = r"^[^\x00\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]*\Z"

Plain = Annotated[str, msgspec.Meta(pattern=PLAIN)]
"""One line of any length: the field that uses it adds its own."""
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=PLAIN)]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=PLAIN)]
OptionalLine = Annotated[str, msgspec.Meta(max_length=120, pattern=PLAIN)]
Note = Annotated[str, msgspec.Meta(max_length=1000, pattern=_LINES)]
ScannedText = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=_SCANNED)]
"""A scanned text may hold group separators; it is classified, never stored or shown as it came."""
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
"""A PIN or passphrase: any characters, untrimmed."""
Phone = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9][0-9 -]{5,19}\Z")]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Key = UUID
"""An idempotency key, made on the phone before sending."""

_AT = re.compile(r"^(?P<text>.*?)(?: - at `(?:key in )?\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_SHAPES = (
    (re.compile(r"^Object missing required field `(?P<field>[^`]+)`"), "missing"),
    (re.compile(r"^Object contains unknown field `(?P<field>[^`]+)`"), "unknown_field"),
    (re.compile(r"^Expected `(?:int|float|Decimal)` >= (?P<low>-?[\d.]+)"), "at_least"),
    (re.compile(r"^Expected `(?:int|float|Decimal)` <= (?P<high>-?[\d.]+)"), "at_most"),
    (re.compile(r"^Expected `[^`]+` of length >= (?P<low>\d+)"), "too_short"),
    (re.compile(r"^Expected `[^`]+` of length <= (?P<high>\d+)"), "too_long"),
    (re.compile(r"^Expected `str` matching regex"), "characters"),
    (re.compile(r"^Invalid enum value"), "choice"),
    (re.compile(r"^Invalid UUID|^Expected `uuid"), "identifier"),
    (re.compile(r"^Invalid RFC3339 encoded date|^Expected `date"), "date"),
    (re.compile(r"^Integer value out of range"), "range"),
    (re.compile(r"^Expected `int(?: \| null)?`"), "whole_number"),
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
