"""Says the policies in force in the reader's words: thresholds with units, rules and ingredients by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base import policy
from app.base.edges import Call
from app.base.models import Account, PolicyVersion
from app.base.policy import InForce
from distribution import wording
from distribution.matching import MatchingPolicy
from distribution.safety import DispensingPolicy
from distribution.safety_rules import RULES as DISPENSING_RULES
from distribution.urgency import UrgencyPolicy
from distribution.wording import Names
from inventory.receiving.screening import RULES as INTAKE_RULES
from inventory.receiving.screening import IntakePolicy
from inventory.stock.levels import LevelPolicy

RULES = {"intake": [rule for rule, _ in INTAKE_RULES], "dispensing": [rule.id for rule in DISPENSING_RULES]}
"""The ids of all rules that a policy of this name can switch on."""
KINDS: dict[str, type[msgspec.Struct]] = {
    "intake": IntakePolicy,
    "dispensing": DispensingPolicy,
    "matching": MatchingPolicy,
    "urgency": UrgencyPolicy,
    "levels": LevelPolicy,
}
"""What each policy holds, in the order in which it is read."""
# A threshold's unit is the last word of its name, unless it stands here.
_UNIT_OF = {
    "low": "units",
    "low_by_item": "units",
    "enough": "units",
    "enough_by_item": "units",
    "supply_quota": "units",
    "household_caps": "units",
    "packs_per_item": "packs",
    "cutoff_shown_from": "people",
}
TO_SIGN = "–"
"""Whose signature an easing bears while it is only proposed."""
_LARGER = {"months": (12, "years"), "ug": (1000, "mg")}


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold: what it is, and its value in one line or several."""

    label: str
    lines: tuple[str, ...]


class ToldPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy in the reader's words; ``signed_by`` is a staff number, empty where nobody signed."""

    slug: str
    name: str
    version: int
    valid_from: date
    signed_by: str
    facts: tuple[Fact, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a proposal changes: what it is, and its value before and after, each in one line or several."""

    label: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class Rulebook(msgspec.Struct, frozen=True, kw_only=True):
    """The policies that hold today, who signed each, and the names that their values need."""

    policies: tuple[InForce, ...]
    signers: dict[tuple[str, int], str]
    names: Names


def rulebook(session: Session, today: date) -> Rulebook:
    """Everything that the page of policies shows."""
    signed = select(PolicyVersion.name, PolicyVersion.version, Account.handle).join(
        Account, Account.id == PolicyVersion.signed_by
    )
    return Rulebook(
        policies=tuple(policy.in_force(session, today)),
        signers={(row.name, row.version): row.handle for row in session.execute(signed)},
        names=wording.names(session),
    )


def told(call: Call, book: Rulebook) -> list[ToldPolicy]:
    """Every policy in the reader's words."""
    return [
        ToldPolicy(
            slug=found.name,
            name=name_of(call, found.name),
            version=found.version,
            valid_from=found.valid_from,
            signed_by=book.signers.get((found.name, found.version), ""),
            facts=tuple(_facts(_Reader(call, book.names), found)),
        )
        for found in book.policies
    ]


def name_of(call: Call, slug: str) -> str:
    """What a policy is called."""
    return _worded(call, "policy.name", slug)


def field_of(call: Call, field: str) -> str:
    """What a threshold or switch is called."""
    return _worded(call, "policy.field", field)


def amount(call: Call, names: Names, field: str, value: int) -> str:
    """A threshold's value with its unit."""
    return _Reader(call, names).amount(unit_of(field), value)


def rule_of(call: Call, rule: str) -> str:
    """What a rule looks at."""
    return _worded(call, "policy.rule", rule, "")


def changes(
    call: Call, names: Names, of: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[Change, ...]:
    """What differs between two versions of a policy, field by field; of the rules only those that were switched."""
    reader = _Reader(call, names)
    found = []
    for field in sorted({*before, *after} - {"version"}, key=lambda one: _place(of, one)):
        old, new = before.get(field), after.get(field)
        if field == "rules":
            old, new = frozenset(old or ()), frozenset(new or ())
            switched = sorted(old ^ new)
            said = [[_rule(reader, rule, on=rule in on) for rule in switched] for on in (old, new)]
        else:
            said = [list(_lines(reader, field, value)) for value in (old, new)]
        if old != new:
            label = field_of(call, field)
            found.append(Change(label=label, before=tuple(said[0]), after=tuple(said[1])))
    return tuple(found)


class _Reader:
    """Who reads, and what things are called."""

    def __init__(self, call: Call, names: Names) -> None:
        self.call, self.names = call, names

    def say(self, key: str, /, **params: object) -> str:
        return self.call.say(key, **params)

    def amount(self, unit: str, value: int) -> str:
        """5 → «5 days»; 168 months are 14 years."""
        step, larger = _LARGER.get(unit, (0, ""))
        if step and value and value % step == 0:
            return self.amount(larger, value // step)
        return self.say(f"policy.unit.{unit}.{'one' if value == 1 else 'many'}", value=value)

    def goods(self, slug: str) -> str:
        """An ingredient, a class of them, or an item, by its name."""
        family = f"policy.class.{slug}"
        has_family = self.call.tools.messages.has(family)
        return self.say(family) if has_family else self.names.call_it(slug, self.call.language)

    def among(self, words: list[str]) -> str:
        return self.say("policy.comma").join(words)


def _facts(reader: _Reader, found: InForce) -> list[Fact]:
    facts = []
    for name, value in sorted(found.body.items(), key=lambda entry: _place(found.name, entry[0])):
        lines = tuple(_rules(reader, found.name, value) if name == "rules" else _lines(reader, name, value))
        facts.append(Fact(label=_worded(reader.call, "policy.field", name), lines=lines))
    return facts


def _place(of: str, field: str) -> int:
    """Where a field stands in its policy; one that is unknown here comes last."""
    fields = KINDS[of].__struct_fields__ if of in KINDS else ()
    return fields.index(field) if field in fields else len(fields)


def _rules(reader: _Reader, of: str, on: list[str]) -> list[str]:
    """Each rule by id and what it looks at; those switched off say so."""
    known = RULES.get(of, [])
    return [_rule(reader, rule, on=rule in on) for rule in [*known, *sorted(set(on) - set(known))]]


def _rule(reader: _Reader, rule: str, *, on: bool) -> str:
    said = reader.say("policy.rule_on" if on else "policy.rule_off", rule=rule, what=rule_of(reader.call, rule))
    return said.strip()


def _lines(reader: _Reader, name: str, value: Any) -> list[str]:
    """A stored value, one line or several; none where nothing is set."""
    if value is None or value in ([], {}):
        return []
    if name in _FORMS:
        return _FORMS[name](reader, value)
    if isinstance(value, bool):
        return [reader.say("ui.word.yes" if value else "ui.word.no")]
    if isinstance(value, int):
        return [reader.amount(unit_of(name), value)]
    if isinstance(value, dict):
        return [f"{reader.goods(key)}{reader.say('policy.colon')}{_lines(reader, name, of)[0]}"
                for key, of in sorted(value.items())]  # fmt: skip
    return [str(value)]


def unit_of(field: str) -> str:
    """The unit of a threshold: the last word of its name says it, or the table of exceptions."""
    return _UNIT_OF.get(field) or field.rsplit("_", 1)[-1]


def _goods(reader: _Reader, slugs: list[str]) -> list[str]:
    return [reader.among([reader.goods(slug) for slug in sorted(slugs)])]


def _dates(reader: _Reader, days: list[str]) -> list[str]:
    return [reader.among(sorted(days))]


def _interactions(reader: _Reader, pairs: list[Mapping[str, Any]]) -> list[str]:
    return [
        reader.say(
            "policy.pair_never" if pair.get("never") else "policy.pair_medic",
            own=reader.goods(pair["own"]),
            line=reader.goods(pair["line"]),
        )
        for pair in pairs
    ]


def _tiers(reader: _Reader, rows: list[Mapping[str, Any]]) -> list[str]:
    return [
        reader.say("policy.tier", place=row["rank"] + 1, what=_tier(reader, row))
        for row in sorted(rows, key=lambda row: int(row["rank"]))
    ]


def _tier(reader: _Reader, row: Mapping[str, Any]) -> str:
    group = str(row["group"])
    whom = _worded(reader.call, "policy.whom", group, _worded(reader.call, "group", group))
    return reader.say(f"urgency.{row['urgency']}") + reader.say("policy.colon") + whom


def _limits(reader: _Reader, rows: list[Mapping[str, Any]]) -> list[str]:
    return [
        reader.say(
            "policy.limit",
            urgency=reader.say(f"urgency.{row['urgency']}"),
            level=reader.say(f"urgency.level.{row['level']}"),
            amount=reader.amount(row["unit"], row["amount"]) if row["amount"] else reader.say("policy.at_once"),
        )
        for row in rows
    ]


def _percents(reader: _Reader, parts: list[int]) -> list[str]:
    return [reader.among([reader.amount("percent", part) for part in parts])]


def _from_utc(_reader: _Reader, minutes: int) -> list[str]:
    hours, rest = divmod(abs(minutes), 60)
    return [f"UTC{'-' if minutes < 0 else '+'}{hours}:{rest:02}"]


def _emergency(reader: _Reader, one: Mapping[str, Any]) -> list[str]:
    days = reader.amount("days", one.get("min_days", 30))
    eased = reader.say("policy.emergency_days", start=one["from_day"], end=one["until_day"], days=days)
    signed = reader.say("policy.emergency_signed", who=one["signed_by"])
    return [eased] if one["signed_by"] == TO_SIGN else [eased, signed]


def _edition(reader: _Reader, name: str) -> list[str]:
    return [_worded(reader.call, "policy.edition", name)]


_FORMS: dict[str, Callable[[_Reader, Any], list[str]]] = {
    "version": _edition,
    "mixtures": _goods,
    "cross_allergy_classes": _goods,
    "first_trimester_barred": _goods,
    "interactions": _interactions,
    "tiers": _tiers,
    "limits": _limits,
    "remind_percent": _percents,
    "holidays": _dates,
    "workdays": _dates,
    "utc_offset_minutes": _from_utc,
    "emergency": _emergency,
}


def _worded(call: Call, family: str, name: str, otherwise: str | None = None) -> str:
    key = f"{family}.{name}"
    return call.say(key) if call.tools.messages.has(key) else name if otherwise is None else otherwise
