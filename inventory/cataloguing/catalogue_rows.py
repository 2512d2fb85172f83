"""Writes rows of the catalogue, one or hundreds at once: what loosens a rule waits for a medic, what is stale is told.

Every change has an ``edition``, one for each call of ``put_items``; an item carries that of its last change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.base import audit
from app.base.columns import table
from app.base.ids import new_id
from app.base.permissions import Actor
from inventory.cataloguing.catalogue_models import ItemChange, ItemNumber
from inventory.cataloguing.item_faults import Fault, digits, faults
from inventory.cataloguing.item_names import searchable, sounds
from inventory.cataloguing.starter import UNKNOWN_CODE, StarterItem
from inventory.cataloguing.stricter import asks_again, different, loosened, strict_reading, stricter
from inventory.models import Barcode, Ingredient, Item
from inventory.receiving.intake_facts import Kind, Verdict
from labels.barcodes import normalise_approval

NEW = "new-000"
"""The code of a row that has none yet: ``put_items`` gives it the next one."""
_FIRST = 10_001
_PG_WRITER = 0x6E7578_06  # any fixed number: the advisory lock under which editions are given in the order of commits
_OURS = frozenset({"code", "unverified", "confidence", "verified_by", "verified_on"})
"""Fields that follow from who wrote and who looked, never from what was typed."""


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row to be written. ``item`` and ``edition`` are those that the change was made from; both None: a new item.

    ``facts.code`` of a new item is ``NEW``, or its own code. Codes may be written in any usual way; they are added to
    those that the item has, with ``exact`` they replace them. None leaves them alone.
    """

    facts: StarterItem
    item: UUID | None = None
    edition: int | None = None
    approvals: tuple[str, ...] | None = None
    drug_codes: tuple[str, ...] | None = None
    barcodes: tuple[str, ...] | None = None
    exact: bool = False


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a row. ``waits``: the fields that stay as strict as they were until a medic has verified them.

    ``stale``: the item was changed since ``edition`` (or its code is taken) and nothing of the row was written;
    ``faulty``: nothing was written because of ``faults``.
    """

    outcome: Literal["added", "changed", "unchanged", "stale", "faulty"]
    item: UUID | None = None
    code: str = ""
    edition: int | None = None
    waits: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it stands: what was last written (``facts``), what the rules read (``held``), and its codes."""

    item: UUID
    edition: int
    facts: StarterItem
    held: StarterItem
    verified: bool
    approvals: frozenset[str]
    drug_codes: frozenset[str]
    barcodes: frozenset[str]


class NewItem(NamedTuple):
    """What follows from a new row alone, its code left open: the columns as the rules read it until it is verified."""

    columns: dict[str, Any]
    proposed: dict[str, Any] | None
    waits: tuple[str, ...]

    def coded(self, code: str) -> dict[str, Any]:
        """The columns with this code."""
        facts = {**self.columns["facts"], "code": code}
        search = f"{searchable([code])}\n{self.columns['search']}"
        proposed = {**self.proposed, "code": code} if self.proposed else None
        return {**self.columns, "code": code, "search": search, "facts": facts, "proposed": proposed}


class Thought(NamedTuple):
    """What can be said of a row without looking into the catalogue; ``new`` where it is new and without a fault."""

    faults: tuple[Fault, ...]
    new: NewItem | None


Change = tuple[str, Any, Any]


def thought(row: ItemRow) -> Thought:
    """Most of the work on a row: whoever puts many does it before the write, for which all others wait (pure)."""
    wrong = tuple(faults(row.facts, row.approvals or (), row.drug_codes or (), row.barcodes or ()))
    if wrong or row.item is not None:
        return Thought(wrong, None)
    facts = replace(row.facts, confidence="unverified", verified_by="", verified_on=None)
    held = strict_reading(facts)
    waits = loosened(held, facts)
    columns = row_of(held) | {"search": searchable((held.name_zh, held.name_en, *held.aliases))}
    return Thought((), NewItem(columns, msgspec.to_builtins(facts) if waits else None, waits))


def put_items(
    session: Session, rows: Sequence[ItemRow], actor: Actor, now: datetime, thoughts: Sequence[Thought] = ()
) -> tuple[Put, ...]:
    """Add and change items in a handful of statements; one answer for every row, in their order.

    A new row and a looser one are read strictly until ``catalogue_verify.verify`` (see ``stricter``). Sent again, the
    same row is ``unchanged``: nothing is written, no edition is given. Some hundred rows fit into one write.
    ``thoughts``: those of the rows, where somebody had them before.
    """
    edition = next_edition(session)
    there = current(session, [row.item for row in rows if row.item is not None])
    batch = _Batch(session, there, edition, actor, now)
    known = thoughts or [thought(row) for row in rows]
    puts = tuple(batch.put(row, of) for row, of in zip(rows, known, strict=True))
    batch.write()
    written = [one for one in puts if one.outcome in {"added", "changed"}]
    if written:
        subject = written[0].item if len(written) == 1 else None
        added = sum(one.outcome == "added" for one in written)
        audit.note(session, actor, "catalogue.put", subject, now, added=added, changed=len(written) - added)
    return puts


def next_edition(session: Session) -> int:
    """The catalogue's next edition; whoever asked for one keeps all others from writing the catalogue until commit.

    So editions are committed in their order, and a reader that has seen one has seen all before it.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _PG_WRITER})
    return (session.execute(select(func.max(Item.edition))).scalar() or 0) + 1


def current(session: Session, ids: Collection[UUID]) -> dict[UUID, Current]:
    """These items as they stand; ids that are not in the catalogue are left out. At most some thousand at once."""
    if not ids:
        return {}
    rows = session.execute(
        select(Item.id, Item.edition, Item.facts, Item.proposed, Item.verified_on).where(Item.id.in_(ids))
    ).all()
    numbers: dict[tuple[UUID, str], set[str]] = {}
    for row in session.execute(select(ItemNumber).where(ItemNumber.item.in_(ids))).scalars():
        numbers.setdefault((row.item, row.kind), set()).add(row.number)
    for gtin, item in session.execute(select(Barcode.gtin, Barcode.item).where(Barcode.item.in_(ids))):
        numbers.setdefault((item, "barcode"), set()).add(gtin)
    return {
        row.id: Current(
            item=row.id,
            edition=row.edition,
            facts=msgspec.convert(row.proposed or row.facts, StarterItem),
            held=msgspec.convert(row.facts, StarterItem),
            verified=row.verified_on is not None,
            approvals=frozenset(numbers.get((row.id, "approval"), ())),
            drug_codes=frozenset(numbers.get((row.id, "drug_code"), ())),
            barcodes=frozenset(numbers.get((row.id, "barcode"), ())),
        )
        for row in rows
    }


def with_numbers(session: Session, numbers: Collection[str]) -> dict[str, tuple[UUID, ...]]:
    """The items on which each approval number or 本位码 stands, by the number in its normal form."""
    normal = {normalise_approval(number) for number in numbers}
    found: dict[str, tuple[UUID, ...]] = {}
    if normal:
        for row in session.execute(select(ItemNumber).where(ItemNumber.number.in_(normal)).order_by(ItemNumber.item)):
            found[row[0].number] = (*found.get(row[0].number, ()), row[0].item)
    return found


def with_barcodes(session: Session, gtins: Collection[str]) -> dict[str, tuple[UUID, ...]]:
    """The items on which each barcode stands, by GTIN-14."""
    found: dict[str, tuple[UUID, ...]] = {}
    wanted = {gtin.zfill(14) for gtin in gtins}
    if wanted:
        rows = session.execute(
            select(Barcode.gtin, Barcode.item).where(Barcode.gtin.in_(wanted)).order_by(Barcode.item)
        )
        for gtin, item in rows:
            found[gtin] = (*found.get(gtin, ()), item)
    return found


def with_codes(session: Session, item_codes: Collection[str]) -> dict[str, UUID]:
    """The items with these codes of ours."""
    if not item_codes:
        return {}
    return {row.code: row.id for row in session.execute(select(Item.code, Item.id).where(Item.code.in_(item_codes)))}


def row_of(facts: StarterItem) -> dict[str, Any]:
    """The columns of an item that follow from its facts."""
    search = searchable((facts.code, facts.name_zh, facts.name_en, *facts.aliases))
    return {
        "code": facts.code,
        "kind": facts.kind.value,
        "name_zh": facts.name_zh,
        "name_en": facts.name_en,
        "strength": facts.strength,
        # Rows that are there to be refused are asked for by nobody.
        "wanted": facts.wanted and facts.intake_default is not Verdict.REJECT,
        "search": search,
        "sounds": sounds(search),
        "facts": msgspec.to_builtins(facts),
    }


def change(
    item: UUID, verb: str, changes: Iterable[Change], edition: int, actor: Actor, now: datetime
) -> dict[str, Any]:
    """A line of an item's history, to be inserted."""
    return {
        "id": new_id(), "item": item, "at": now, "by": actor.account, "verb": verb, "edition": edition,
        "changes": msgspec.to_builtins(list(changes)),
    }  # fmt: skip


def changes_between(old: StarterItem, new: StarterItem) -> list[Change]:
    """Every field that was changed, from what to what."""
    return [(name, getattr(old, name), getattr(new, name)) for name in different(old, new) if name not in _OURS]


_KEPT = ("kind", "name_zh", "name_en", "strength", "wanted", "search", "sounds", "facts", "proposed", "edition")
_I = table(Item)
_UPDATE = update(_I).where(_I.c.id == bindparam("at_item")).values({name: bindparam(f"to_{name}") for name in _KEPT})
_UNVERIFY = _UPDATE.values(verified_by=None, verified_on=None)


class _Batch:
    """What one call of ``put_items`` writes, gathered row by row and written in bulk."""

    def __init__(
        self, session: Session, there: Mapping[UUID, Current], edition: int, actor: Actor, now: datetime
    ) -> None:
        self.session, self.there, self.edition, self.actor, self.now = session, dict(there), edition, actor, now
        self.next: dict[str, int] = {}
        self.ingredients = set(session.execute(select(Ingredient.slug)).scalars())
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _WRITES}

    def put(self, row: ItemRow, of: Thought) -> Put:
        found = (*of.faults, *(Fault("actives", "item_ingredient", one) for one in self._unknown(row.facts)))
        if found:
            return Put(outcome="faulty", item=row.item, code=row.facts.code, faults=found)
        if of.new is not None:
            return self._add(row, of.new)
        if row.item is None:
            raise ValueError("the thought is of another row")
        was = self.there.get(row.item)
        if was is None or was.edition != row.edition or was.facts.code == UNKNOWN_CODE:
            return Put(outcome="stale", item=row.item, code=was.facts.code if was else "")
        return self._change(row, was)

    def _unknown(self, facts: StarterItem) -> list[str]:
        """The actives of which no class is known: the rules could take an ephedrine-class drug for another."""
        return sorted({active.ingredient for active in facts.actives} - self.ingredients)

    def write(self) -> None:
        connection = self.session.connection()
        for name, statement in _WRITES.items():
            if self.rows[name]:
                connection.execute(statement, self.rows[name])

    def _add(self, row: ItemRow, new: NewItem) -> Put:
        code, item = row.facts.code, new_id()
        if code == NEW:
            code = self._next_code(row.facts.kind)
        elif code in {one["code"] for one in self.rows["add"]} or with_codes(self.session, [code]):
            return Put(outcome="stale", code=code)
        self.rows["add"].append({"id": item, **new.coded(code), "edition": self.edition})
        self._history(item, "added", self._codes(item, row, None))
        return Put(outcome="added", item=item, code=code, edition=self.edition, waits=new.waits)

    def _change(self, row: ItemRow, was: Current) -> Put:
        new = replace(row.facts, **{name: getattr(was.facts, name) for name in _OURS})
        relied_on = asks_again(was.facts, new)
        if relied_on:
            unseen = tuple(sorted({*was.facts.unverified, *relied_on}))
            new = replace(new, unverified=unseen, verified_by="", verified_on=None)
        changes = [*changes_between(was.facts, new), *self._codes(was.item, row, was)]
        if not changes:
            return Put(outcome="unchanged", item=was.item, code=new.code, edition=was.edition)
        held = stricter(was.held, new)
        waits = loosened(held, new)
        columns = {**row_of(held), "proposed": msgspec.to_builtins(new) if waits else None, "edition": self.edition}
        values = {f"to_{name}": columns[name] for name in _KEPT}
        self.rows["unverify" if relied_on else "change"].append({"at_item": was.item, **values})
        self._history(was.item, "edited", changes)
        self.there[was.item] = replace(was, edition=self.edition)
        return Put(outcome="changed", item=was.item, code=new.code, edition=self.edition, waits=waits)

    def _history(self, item: UUID, verb: str, changes: list[Change]) -> None:
        self.rows["history"].append(change(item, verb, changes, self.edition, self.actor, self.now))

    def _codes(self, item: UUID, row: ItemRow, was: Current | None) -> list[Change]:
        """What becomes of the codes that stand on the item's boxes."""
        changes: list[Change] = []
        for field, normal in _NORMAL.items():
            given = getattr(row, field)
            if given is None:
                continue
            there: frozenset[str] = getattr(was, field) if was else frozenset()
            said = {normal(one) for one in given}
            self._add_codes(item, field, said - there)
            gone = there - said if row.exact else frozenset()
            self.rows[f"drop {field}"] += [{"of_item": item, "of_number": number} for number in sorted(gone)]
            if said - there or gone:
                changes.append((field, sorted(there), sorted((there - gone) | said)))
        return changes

    def _add_codes(self, item: UUID, field: str, fresh: Collection[str]) -> None:
        for number in sorted(fresh):
            if field == "barcodes":
                self.rows["barcodes"].append({"gtin": number, "item": item, "learned_by": None})
            else:
                self.rows["numbers"].append({"number": number, "item": item, "kind": field[:-1]})

    def _next_code(self, kind: Kind) -> str:
        prefix = "med" if kind is Kind.MEDICINE else "sup"
        if prefix not in self.next:
            last = self.session.execute(
                select(func.max(Item.code)).where(Item.code.like(f"{prefix}-{'_' * len(str(_FIRST))}"))
            ).scalar()
            self.next[prefix] = max(int(last.partition("-")[2]) + 1 if last else 0, _FIRST)
        self.next[prefix] += 1
        return f"{prefix}-{self.next[prefix] - 1}"


def _gtin14(text: str) -> str:
    return digits(text).zfill(14)


_NORMAL = {"approvals": normalise_approval, "drug_codes": digits, "barcodes": _gtin14}
_N, _B = table(ItemNumber), table(Barcode)
_DROP_NUMBER = delete(_N).where(_N.c.item == bindparam("of_item"), _N.c.number == bindparam("of_number"))
_WRITES: dict[str, Any] = {
    "add": insert(_I),
    "change": _UPDATE,
    "unverify": _UNVERIFY,
    "drop approvals": _DROP_NUMBER,
    "drop drug_codes": _DROP_NUMBER,
    "drop barcodes": delete(_B).where(_B.c.item == bindparam("of_item"), _B.c.gtin == bindparam("of_number")),
    "numbers": insert(_N),
    "barcodes": insert(_B),
    "history": insert(table(ItemChange)),
}
"""The statements of a batch, in their order."""
