"""The span within which each whole-number threshold of a policy may be set, read from its struct (pure)."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import msgspec

MOST = 1_000_000
"""Where a struct names no upper limit."""


class Span(NamedTuple):
    """The least and the greatest value, both allowed."""

    low: int
    high: int

    def holds(self, value: int) -> bool:
        return self.low <= value <= self.high


@cache
def limits(kind: type[msgspec.Struct]) -> dict[str, Span]:
    """The whole-number fields of a struct with their spans; without limits of its own a field takes 0 to a million."""
    found = ((field.encode_name, _span(field.type)) for field in msgspec.structs.fields(kind))
    return {name: span for name, span in found if span is not None}


def _span(annotation: Any) -> Span | None:
    if get_origin(annotation) is not Annotated:
        return Span(0, MOST) if annotation is int else None
    inner, *said = get_args(annotation)
    span = _span(inner)
    if span is None:
        return None
    for meta in said:
        span = Span(span.low if meta.ge is None else meta.ge, span.high if meta.le is None else meta.le)
    return span
