"""The rules' findings in the reader's words: codes become sentences, slugs and item codes become names."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.edges import Call
from app.base.errors import Invalid, Refusal
from app.base.reasons import Reason
from distribution.door_errors import WrongStep
from inventory.models import Ingredient, Item

_FAMILIES = ("safety", "matching", "plan.reason", "urgency", "journey", "incident.todo")
_NAMED = frozenset({"ingredient", "other", "other_ingredient"})


class Names(msgspec.Struct, frozen=True):
    """What ingredients and items are called, by slug or code: (zh, en)."""

    known: dict[str, tuple[str, str]]

    def call_it(self, slug: str, language: str) -> str:
        """The name in a language; what is not known stays as it was said."""
        return self.known.get(slug, (slug, slug))[language != "zh"]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal in words: what happened, why, what to do now; ``faults`` are (field, sentence) pairs."""

    title: str
    detail: str
    reasons: tuple[str, ...]
    todo: str
    faults: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """All of it in one breath, for the scan panel."""
        return " ".join([self.detail, *(words for _, words in self.faults), *self.reasons, self.todo]).strip()


def names(session: Session) -> Names:
    """The names that findings may need."""
    known = {
        row.slug: (row.name_zh, row.name_en)
        for row in session.execute(select(Ingredient.slug, Ingredient.name_zh, Ingredient.name_en))
    }
    for row in session.execute(select(Item.code, Item.name_zh, Item.name_en)):
        known[row.code] = (row.name_zh, row.name_en)
    return Names(known)


def sentence(call: Call, found: Reason, called: Names) -> str:
    """One finding as a sentence."""
    code = "MATCH_LOT_DURABLE" if found.code == "MATCH_LOT" and not found.params.get("expiry") else found.code
    has = call.tools.messages.has
    key = next((key for family in _FAMILIES if has(key := f"{family}.{code}")), code)
    return call.say(key, **{name: _value(call, name, value, called) for name, value in found.params.items()})


def sentences(call: Call, findings: Iterable[Reason], called: Names) -> tuple[tuple[str, str], ...]:
    """(rule, sentence) pairs, each once."""
    return tuple(dict.fromkeys((found.rule, sentence(call, found, called)) for found in findings))


async def told(call: Call, no: Refusal) -> Told:
    """A refusal in the reader's words."""
    called = await call.read(names) if no.reasons else Names({})
    own = f"refusal.{no.code}.todo"
    faults = no.faults if isinstance(no, Invalid) else ()
    return Told(
        title=call.say(f"refusal.{no.code}.title", **no.params),
        detail=_detail(call, no),
        reasons=tuple(sentence(call, found, called) for found in no.reasons),
        todo=call.say(own, **no.params) if call.tools.messages.has(own) and not _suspect(no) else "",
        faults=tuple((field.rpartition(".")[2], call.say(f"fault.{code}", **params)) for field, code, params in faults),
    )


def _suspect(no: Refusal) -> bool:
    """Whether a sign of a copy was found: what to do then is the sign's to say, the usual advice would be wrong."""
    return any(found.rule == "CUSTODY" for found in no.reasons)


def _detail(call: Call, no: Refusal) -> str:
    if isinstance(no, WrongStep):
        words = {kind: call.say(f"journey.{kind}.{no.params[kind]}") for kind in ("state", "event")}
        return call.say("journey.JOURNEY_WRONG_STEP", **words)
    return call.say(f"refusal.{no.code}.detail", **no.params)


def _value(call: Call, name: str, value: str | int, called: Names) -> str | int:
    if name == "flag":
        return call.say(f"flag.{value}")
    return called.call_it(str(value), call.language) if name in _NAMED else value
