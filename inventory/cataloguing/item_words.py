"""Says a field of a catalogue row in the reader's words (pure): for the item's page, its history, and two readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Say = Callable[..., str]
Names = Mapping[str, tuple[str, str]]
_FAMILY = {
    "kind": "kind",
    "otc_class": "class",
    "storage": "storage",
    "form": "form",
    "intake_default": "item_page.intake",
    "release_by": "item_page.release",
    "pregnancy": "item_page.answer",
    "first_trimester": "item_page.answer",
    "lactation": "item_page.answer",
    "below_min_age": "item_page.answer",
}
_DAYS = frozenset({"course_days", "max_days"})
_STILL = frozenset(
    {"aliases", "atc", "strength", "note", "intake_rule", "approvals", "drug_codes", "barcodes", "flags"}
)
"""Fields that are empty because there is nothing, not because nobody knows."""
HIDDEN = frozenset({"leaflet", "unverified", "confidence", "verified_by", "verified_on", "source", "code"})


def told(say: Say, field: str, value: Any, names: Names, language: str) -> str:
    """A field's value as a line of text; ``value`` may be a struct's or what became of it in JSON."""
    plain = msgspec.to_builtins(value)
    if plain is None or plain in ("", [], (), {}):
        return say("item_page.none" if field in _STILL else "item_page.unknown")
    if isinstance(plain, bool):
        return say("item_page.yes" if plain else "item_page.no")
    if field in _FAMILY:
        return say(f"{_FAMILY[field]}.{plain}")
    return _composed(say, field, plain, names, language)


def _composed(say: Say, field: str, plain: Any, names: Names, language: str) -> str:
    if field.endswith("_months"):
        return say("item_page.years", years=plain // 12) if plain % 12 == 0 else say("item_page.months", months=plain)
    if field in _DAYS:
        return say("item_page.days", days=plain)
    if field == "ephedrine_ug_per_unit":
        return f"{milligrams(plain)} mg"
    if isinstance(plain, dict):
        return _listed(language, [_pair(say, field, name, one, names, language) for name, one in plain.items()])
    if field == "actives":
        return _listed(language, [_active(say, one, names, language) for one in plain])
    if field == "barcodes":
        plain = [printed(one) for one in plain]
    return _listed(language, [str(one) for one in plain]) if isinstance(plain, list | tuple) else str(plain)


def _listed(language: str, parts: list[str]) -> str:
    return ("；" if language == "zh" else "; ").join(parts)


def _pair(say: Say, field: str, name: str, one: Any, names: Names, language: str) -> str:
    if field == "flags":
        return say("item_page.flag_from", flag=say(f"item_page.flag.{name}"), day=one)
    if field == "contra":
        return f"{say(f'item_leaflet.who.{name}')}: {say(f'item_page.answer.{one}')}"
    return f"{named(name, names, language)} {one} mg"


def _active(say: Say, one: Mapping[str, Any], names: Names, language: str) -> str:
    amount, per = one.get("amount_ug"), say(f"item_page.per.{one['per']}")
    much = f"{milligrams(amount)} mg / {per}" if amount else say("item_page.amount_unknown")
    return f"{named(one['ingredient'], names, language)} {much}"


def printed(gtin: str) -> str:
    """A GTIN-14 as it stands on the box: 8 or 13 digits, or all 14 where the first tells of a bigger pack."""
    return gtin[6:] if gtin.startswith("000000") else gtin.removeprefix("0")


def named(slug: str, names: Names, language: str) -> str:
    """An ingredient's name."""
    zh, en = names.get(slug, (slug, slug))
    return zh if language == "zh" else en


def milligrams(micrograms: int) -> str:
    """Micrograms as milligrams without needless noughts."""
    whole, rest = divmod(micrograms, 1000)
    return f"{whole}.{rest:03}".rstrip("0") if rest else str(whole)
