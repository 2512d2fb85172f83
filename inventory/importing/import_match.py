"""Judges rows of a goods file against the catalogue: new, changed, the same, faulty, or against what a person said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.cataloguing.catalogue import UNKNOWN_CODE
from inventory.cataloguing.catalogue_models import ItemChange
from inventory.cataloguing.catalogue_rows import NEW, Current, current, with_barcodes, with_codes, with_numbers
from inventory.cataloguing.item_faults import Fault
from inventory.cataloguing.item_names import plain
from inventory.cataloguing.stricter import FREE
from inventory.importing.import_models import ImportEdition
from inventory.importing.import_rows import Said, as_new, row_faults, wishes
from inventory.models import Item

Outcome = Literal["new", "changes", "same", "conflict", "faulty"]
OUTCOMES: tuple[Outcome, ...] = ("new", "changes", "same", "conflict", "faulty")
_CODES = ("approvals", "drug_codes", "barcodes")
EVERYTHING = "*"


class Difference(msgspec.Struct, frozen=True, array_like=True):
    """A field, what stands in the catalogue, and what the file says."""

    field: str
    ours: str
    theirs: str


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a row would do. ``kept``: what a person corrected or verified, which therefore stays as it is.

    ``twin``: an earlier row of the file that says the same. ``edition``: the item's, as it was when judged.
    """

    number: int
    outcome: Outcome
    name: str = ""
    item: UUID | None = None
    edition: int | None = None
    code: str = ""
    changes: tuple[Difference, ...] = ()
    kept: tuple[Difference, ...] = ()
    faults: tuple[Fault, ...] = ()
    twin: int | None = None


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every row of a file that does not say it itself."""

    source: str
    wanted: bool


class _Found(msgspec.Struct, frozen=True):
    item: Current | None = None
    by_number: bool = False
    fault: Fault | None = None


class Seen:
    """The rows of the file so far, by what tells them apart, so that the file does not contradict itself."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, ...], tuple[int, int]] = {}

    def twin(self, said: Said) -> tuple[int, bool] | None:
        """The number of an earlier row about the same goods, and whether it says the very same; else None."""
        keys = list(_identities(said))
        digest = hash((said.code, said.approvals, said.drug_codes, said.barcodes, repr(sorted(said.facts.items()))))
        earlier = next((self._first[key] for key in keys if key in self._first), None)
        for key in keys:
            self._first.setdefault(key, (said.number, digest))
        return None if earlier is None else (earlier[0], earlier[1] == digest)


def _identities(said: Said) -> Iterable[tuple[str, ...]]:
    """What tells goods apart, most telling kind only; several codes of one kind are each enough."""
    if said.code:
        return [("code", said.code)]
    if said.drug_codes:
        return [("drug_code", one) for one in said.drug_codes]
    if said.approvals:
        return [("approval", one, plain(said.strength)) for one in said.approvals]
    if said.barcodes:
        return [("barcode", one, plain(said.name), plain(said.strength)) for one in said.barcodes]
    return [("name", plain(said.name), plain(said.strength))]


def judge(session: Session, rows: Sequence[Said], given: Given, seen: Seen) -> tuple[Judged, ...]:
    """Judge some hundred rows in a handful of queries; nothing is written."""
    sound = [said for said in rows if not said.faults]
    there = _There(session, sound)
    return tuple(
        Judged(number=said.number, outcome="faulty", name=said.name, faults=said.faults)
        if said.faults
        else _judged(said, there, given, seen)
        for said in rows
    )


def _judged(said: Said, there: _There, given: Given, seen: Seen) -> Judged:
    twin = seen.twin(said)
    if twin is not None and not twin[1]:
        return _faulty(said, Fault("row", "TWIN", str(twin[0])))
    if twin is not None:
        return Judged(number=said.number, outcome="same", name=said.name, twin=twin[0])
    found = there.find(said)
    if found.fault is not None:
        return _faulty(said, found.fault)
    if found.item is None:
        wrong = row_faults(said, as_new(said, said.code or NEW, given.source, given.wanted))
        return _faulty(said, *wrong) if wrong else Judged(
            number=said.number, outcome="new", name=said.name, code=said.code
        )  # fmt: skip
    return _compared(said, found.item, there.corrected.get(found.item.item, set()), by_number=found.by_number)


def _faulty(said: Said, *wrong: Fault) -> Judged:
    return Judged(number=said.number, outcome="faulty", name=said.name, faults=wrong)


def _compared(said: Said, ours: Current, corrected: Collection[str], *, by_number: bool) -> Judged:
    changes: list[Difference] = []
    kept: list[Difference] = []
    for field, value in wishes(ours.facts, said).items():
        stays = (
            field in corrected
            or (EVERYTHING in corrected and field not in FREE)
            or (ours.verified and field not in FREE)
        )
        (kept if stays else changes).append(Difference(field, shown(getattr(ours.facts, field)), shown(value)))
    for field in _CODES:
        fresh = set(getattr(said, field) or ()) - getattr(ours, field)
        if fresh:
            stays = (ours.verified or EVERYTHING in corrected) and not by_number
            had = ", ".join(sorted(getattr(ours, field)))
            (kept if stays else changes).append(Difference(field, had, ", ".join(sorted(fresh))))
    wrong = row_faults(said, ours.facts)
    if wrong and changes:
        return _faulty(said, *wrong)
    outcome: Outcome = "changes" if changes else "conflict" if kept else "same"
    return Judged(
        number=said.number,
        outcome=outcome,
        name=said.name,
        item=ours.item,
        edition=ours.edition,
        code=ours.facts.code,
        changes=tuple(changes),
        kept=tuple(kept),
    )


def shown(value: Any) -> str:
    """A field's value as one line: lists with commas, enumerations by their word."""
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(getattr(value, "value", value))


class _There:
    """What the catalogue has under the codes and names of these rows."""

    def __init__(self, session: Session, rows: Sequence[Said]) -> None:
        self.codes = with_codes(session, {said.code for said in rows if said.code} - {UNKNOWN_CODE})
        self.numbers = with_numbers(
            session, {one for said in rows for one in (said.approvals or ()) + (said.drug_codes or ())}
        )
        self.gtins = with_barcodes(session, {one for said in rows for one in said.barcodes or ()})
        self.names = _with_names(session, {said.name for said in rows if not (said.approvals or said.drug_codes)})
        ids = {
            *self.codes.values(),
            *(item for items in (*self.numbers.values(), *self.gtins.values(), *self.names.values()) for item in items),
        }
        self.items = current(session, ids)
        self.corrected = corrected(session, ids)

    def find(self, said: Said) -> _Found:
        """The item that a row speaks of: by our code, 本位码, approval number and strength, barcode, name."""
        if said.code:
            if said.code == UNKNOWN_CODE:
                return _Found(fault=Fault("code", "OUR_CODE", said.code))
            known = self.codes.get(said.code)
            return _Found(self.items[known] if known else None)
        return self._by_number(said) or self._by_barcode(said) or self._by_name(said) or _Found()

    def _by_number(self, said: Said) -> _Found | None:
        found = self._of(self.numbers, said.drug_codes)
        if found:
            return _only(found, Fault("drug_code", "SEVERAL"), by_number=True)
        alike = [
            one
            for one in self._of(self.numbers, said.approvals)
            if plain(one.facts.strength) == plain(said.strength) and not (said.drug_codes and one.drug_codes)
        ]
        return _only(alike, Fault("approval", "SEVERAL"), by_number=True) if alike else None

    def _by_barcode(self, said: Said) -> _Found | None:
        found = self._of(self.gtins, said.barcodes)
        if not found:
            return None
        named = [one for one in found if _is_named(one, said)]
        if named:
            return _only(named, Fault("barcode", "SEVERAL"))
        if said.approvals or said.drug_codes:
            return None  # another product with a number of its own under a barcode that is used twice
        return _Found(fault=Fault("barcode", "OTHER_NAME", found[0].facts.name_zh[:60]))

    def _by_name(self, said: Said) -> _Found | None:
        """By name and strength alone only where neither the row nor the item has a number to be told apart by."""
        if said.approvals or said.drug_codes:
            return None
        alike = [
            one
            for one in self._of(self.names, (said.name,))
            if plain(one.facts.strength) == plain(said.strength)
            and not (one.approvals or one.drug_codes)
            and not (said.barcodes and (one.barcodes or not one.edition))
        ]
        return _only(alike, Fault("name_zh", "SEVERAL")) if alike else None

    def _of(self, table: dict[str, tuple[UUID, ...]], keys: Sequence[str] | None) -> list[Current]:
        ids = dict.fromkeys(item for key in keys or () for item in table.get(key, ()))
        return [self.items[item] for item in ids if item in self.items]


def _only(found: Sequence[Current], several: Fault, *, by_number: bool = False) -> _Found:
    return _Found(found[0], by_number) if len(found) == 1 else _Found(fault=several)


def _is_named(ours: Current, said: Said) -> bool:
    names = {plain(text) for text in (ours.facts.name_zh, ours.facts.name_en, *ours.facts.aliases)}
    return plain(said.name) in names and (not said.strength or plain(ours.facts.strength) in ("", plain(said.strength)))


def _with_names(session: Session, names: Collection[str]) -> dict[str, tuple[UUID, ...]]:
    found: dict[str, tuple[UUID, ...]] = {}
    if names:
        for name, item in session.execute(
            select(Item.name_zh, Item.id).where(Item.name_zh.in_(names)).order_by(Item.code)
        ):
            found[name] = (*found.get(name, ()), item)
    return found


def corrected(session: Session, ids: Collection[UUID]) -> dict[UUID, set[str]]:
    """Which fields of these items a person wrote last; ``EVERYTHING`` of an item that a person added."""
    if not ids:
        return {}
    rows = session.execute(
        select(ItemChange.item, ItemChange.verb, ItemChange.changes, ImportEdition.edition)
        .outerjoin(ImportEdition, ImportEdition.edition == ItemChange.edition)
        .where(ItemChange.item.in_(ids))
        .order_by(ItemChange.id)
    )
    found: dict[UUID, set[str]] = {}
    for row in rows:
        mine = found.setdefault(row.item, set())
        fields = [change[0] for change in row.changes]
        if row.edition is not None:
            mine.difference_update(fields)
        elif row.verb == "added":
            mine.add(EVERYTHING)
        else:
            mine.update(fields)
    return found


def gone_since(session: Session, rows: Sequence[Said]) -> set[int]:
    """Of rows judged new: the numbers of those whose goods came into the catalogue meanwhile."""
    there = _There(session, rows)
    return {said.number for said in rows if (found := there.find(said)).item is not None or found.fault is not None}
