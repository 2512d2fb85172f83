"""What is read out at the door and printed in large type for the resident, from the catalogue's own facts (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from inventory.cataloguing import item_leaflets
from inventory.cataloguing.starter import Leaflet, StarterItem
from inventory.receiving.intake_facts import Kind
from labels.sheets import Block, Heading, PageBreak, Qr, Text, Tick

FACTS = ("purpose", "dose", "days", "not_with", "not_for", "keep")
"""The card's questions in the order in which they are read out (domain.md C1)."""
_QR_MM = 24
_BLEACH, _SPIRIT = "sodium_hypochlorite", "ethanol"


class Say(Protocol):
    """A message by its key, in one language."""

    def __call__(self, key: str, /, **params: object) -> str: ...


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of an item in the bag, until when they are good, and for whom: 1 for the door's first person."""

    item: StarterItem
    quantity: int
    expiry: str
    person: int = 1


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One item as it is explained: (question, answer) pairs. A ``medicine`` is handed over with counselling only."""

    code: str
    name: str
    strength: str
    amount: str
    expiry: str
    person: int
    medicine: bool
    facts: tuple[tuple[str, str], ...]


def card(portion: Portion, language: str, say: Say) -> Card:
    """The item in a language. What our sources do not say is left to the insert in the box, never guessed."""
    item = portion.item
    medicine = item.kind is Kind.MEDICINE
    leaflet = getattr(item.leaflet, language) if item.leaflet else Leaflet()
    unknown = say("starter.note.see_insert")
    told = {fact: getattr(leaflet, fact) for fact in FACTS}
    if medicine:
        told["dose"] = item_leaflets.told_dose(item, leaflet, checked=item.verified_on is not None)
    facts = [(say(f"starter.leaflet.{fact}"), told[fact] or unknown) for fact in FACTS]
    if not medicine:
        facts = [(question, answer) for question, answer in facts if answer != unknown]
    return Card(
        code=item.code,
        name=item.name_zh if language == "zh" else item.name_en,
        strength=item.strength,
        amount=f"{portion.quantity} {item.unit_zh if language == 'zh' else item.unit_en}",
        expiry=portion.expiry,
        person=portion.person,
        medicine=medicine,
        facts=tuple(facts),
    )


def warnings(items: Iterable[StarterItem], say: Say) -> tuple[str, ...]:
    """The warning card of bleach and alcohol, and that the two stay apart (DS21)."""
    hazards = {active.ingredient for item in items if item.kind is Kind.DISINFECTANT for active in item.actives} & {
        _BLEACH,
        _SPIRIT,
    }
    said = [say(f"leaflet.warning.{hazard}") for hazard in sorted(hazards)]
    if len(hazards) == 2:
        said.append(say("leaflet.warning.apart"))
    return tuple(said)


def paper(
    portions: Sequence[Portion], language: str, say: Say, *, ticks: Sequence[str], contact: str, base_url: str = ""
) -> list[Block]:
    """A bag's leaflet: each medicine in full, then supplies, warnings, what to tick at the door, when to call for help.

    With a ``base_url``, a QR beside each medicine leads to the item's own leaflet, which a phone reads aloud. The paper
    names no one: where several people share the bag, their part begins with a line to write on at the door.
    """
    cards = [card(portion, language, say) for portion in portions]
    people = sorted({one.person for one in cards})
    call = say("leaflet.call", phone=contact) if contact else say("leaflet.write_phone")
    blocks: list[Block] = [Text(call, bold=True), Text(say("leaflet.by_insert"), bold=True)]
    for person in people:
        if len(people) > 1:
            blocks += [PageBreak()] if person != people[0] else []
            blocks.append(Text(say("leaflet.for_person", number=person), bold=True))
        blocks += _cards([one for one in cards if one.person == person], say, base_url)
    warned = warnings((portion.item for portion in portions), say)
    if warned:
        blocks.append(Heading(say("leaflet.warning.title")))
        blocks += [Text(sentence, bold=True) for sentence in warned]
    if any(one.medicine for one in cards):
        blocks += _counselling(ticks, say)
    return blocks


def _cards(cards: Sequence[Card], say: Say, base_url: str) -> list[Block]:
    blocks: list[Block] = []
    for one in sorted(cards, key=lambda one: not one.medicine):
        blocks.append(Heading(" ".join(part for part in (one.name, one.strength, one.amount) if part)))
        if one.expiry:
            blocks.append(Text(say("leaflet.expiry", expiry=one.expiry)))
        blocks += [Text(say("leaflet.fact", question=question, answer=answer)) for question, answer in one.facts]
        if one.medicine and base_url:
            caption = say("item_leaflet.by_qr", name=one.name)
            blocks.append(Qr(payload=item_leaflets.address(base_url, one.code), caption=caption, side_mm=_QR_MM))
    return blocks


def _counselling(ticks: Sequence[str], say: Say) -> list[Block]:
    return [
        Heading(say("leaflet.help")),
        Text(say("leaflet.help_signs"), bold=True),
        Heading(say("leaflet.ticks")),
        *(Tick(say(f"journey.counsel.{tick}")) for tick in ticks),
    ]
