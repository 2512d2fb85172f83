"""The form in which a policy is changed: each threshold with its unit and limits, each rule with its switch."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from app.base.edges import Call, Form
from app.base.errors import Invalid
from app.base.fields import Line
from app.base.limits import Span, limits
from app.policy_making import BY_LAW, DATES, LOCKED, Easing, Name, NewProposal
from app.rulebook import KINDS, RULES, amount, field_of, rule_of, unit_of
from distribution.wording import Names

_APART = frozenset({"utc_offset_minutes"})
"""Whole numbers that no one changes for a reason of the trade."""
_WHOLE = re.compile(r"-?[0-9]{1,9}\Z")


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """A number to be set: its value in its own unit, and how the value and its limits read."""

    field: str
    label: str
    unit: str
    value: int
    low: int
    high: int
    now: str
    least: str
    most: str
    by_law: bool


class Date(msgspec.Struct, frozen=True, kw_only=True):
    """A day from which something holds."""

    field: str
    label: str
    value: str
    first: str
    last: str
    by_law: bool


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is on or off; ``locked``: nobody switches it off."""

    rule: str
    what: str
    on: bool
    locked: bool


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """All of a policy that can be changed here; ``left`` are the names of what cannot."""

    thresholds: tuple[Threshold, ...]
    dates: tuple[Date, ...]
    switches: tuple[Switch, ...]
    easing: dict[str, Any] | None
    left: tuple[str, ...]


def fields(call: Call, name: str, body: dict[str, Any], names: Names) -> Fields:
    """The form's fields, filled with a policy's values."""
    spans, days = _spans(name), DATES.get(name, {})
    shown = {*spans, *days, "rules", "emergency", "version"}
    return Fields(
        thresholds=tuple(
            Threshold(
                field=field, label=field_of(call, field), unit=_unit(call, field), value=body[field],
                low=span.low, high=span.high,
                now=amount(call, names, field, body[field]), least=amount(call, names, field, span.low),
                most=amount(call, names, field, span.high), by_law=field in BY_LAW,
            )
            for field, span in spans.items()
        ),
        dates=tuple(
            Date(
                field=field, label=field_of(call, field), value=body[field], first=first.isoformat(),
                last=last.isoformat(), by_law=field in BY_LAW,
            )
            for field, (first, last) in days.items()
        ),
        switches=tuple(
            Switch(
                rule=rule, what=rule_of(call, rule), on=rule in body.get("rules", ()),
                locked=rule in LOCKED.get(name, ()),
            )
            for rule in RULES.get(name, ())
        ),
        easing=body.get("emergency"),
        left=tuple(field_of(call, field) for field in body if field not in shown),
    )  # fmt: skip


def _unit(call: Call, field: str) -> str:
    return call.say(f"policy.unit.{unit_of(field)}.many", value="").strip()


def _spans(name: str) -> dict[str, Span]:
    return {field: span for field, span in limits(KINDS[name]).items() if field not in _APART}


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The form's fields that every policy has."""

    key: UUID
    valid_from: date
    reason: Line


class Eased(msgspec.Struct, frozen=True, kw_only=True):
    """The easing as the form asks it."""

    easing_change: str = "keep"
    from_day: date | None = None
    until_day: date | None = None
    min_days: int = 30


def proposal_of(call: Call, name: Name, form: Form, body: dict[str, Any]) -> NewProposal:
    """The submitted form as the verb's order: only what differs from ``body``; raises Invalid naming the field."""
    head, eased = call.filled(Head, form), call.filled(Eased, form)
    thresholds = {field: _whole(form, field) for field in _spans(name) if form.get(field)}
    easing = None
    if name == "intake" and eased.easing_change == "new":
        if eased.from_day is None or eased.until_day is None:
            raise Invalid(("from_day" if eased.from_day is None else "until_day", "missing", {}))
        easing = call.filled(Easing, {}, from_day=eased.from_day, until_day=eased.until_day, min_days=eased.min_days)
    if set(body.get("rules", ())) - set(LOCKED.get(name, ())) and not form.get("rule"):
        raise Invalid(("rules", "all_off", {}))  # a form without one tick is a mishap, never a decision
    return call.filled(
        NewProposal,
        {},
        key=head.key,
        name=name,
        valid_from=head.valid_from,
        reason=head.reason,
        thresholds={field: value for field, value in thresholds.items() if value != body[field]},
        dates=_days(name, form, body),
        rules=tuple({*form.get("rule", []), *LOCKED.get(name, ())}) if RULES.get(name) else None,
        easing=easing,
        end_easing=eased.easing_change == "end",
    )  # fmt: skip


def _days(name: str, form: Form, body: dict[str, Any]) -> dict[str, str]:
    typed = {field: form.get(field, [""])[0] for field in DATES.get(name, {})}
    return {field: text for field, text in typed.items() if text not in ("", body[field])}


def _whole(form: Form, field: str) -> int:
    text = form[field][0].strip()
    if len(form[field]) > 1 or not _WHOLE.match(text):
        raise Invalid((field, "whole_number", {}))
    return int(text)
