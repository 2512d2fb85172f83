"""The catalogue: what kinds of goods there are, found by code, name, alias or barcode."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Text, bindparam, insert, select, type_coerce
from sqlalchemy.orm import Session

from app.base import audit
from app.base.columns import table
from app.base.ids import new_id
from app.base.permissions import Actor
from app.base.prepared import Prepared
from inventory.cataloguing import catalogue_rows, catalogue_search, starter
from inventory.cataloguing.catalogue_models import ItemNumber
from inventory.cataloguing.item_faults import digits
from inventory.cataloguing.starter import StarterItem, intake_facts, starter_ingredients, starter_items
from inventory.errors import UnknownItem
from inventory.models import Barcode, Ingredient, Item
from inventory.receiving.intake_facts import ItemFacts, Kind, OtcClass, Storage, Verdict
from labels.barcodes import is_approval_number, normalise_approval

UNKNOWN_CODE = starter.UNKNOWN_CODE
"""The item under which goods stand that no line of the catalogue fits, until a medic says what they are (IN21).

It is read as a prescription-strict medicine of which nothing is known, it is never listed or wanted, and no pack of it
leaves quarantine for a shelf.
"""

FEW = 20
MANY = 200

Gtin = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{8,14}\Z")]


class CatalogueItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the catalogue as lists and search show it. ``guessed``: a volunteer told what this barcode is."""

    id: UUID
    code: str
    kind: Kind
    name_zh: str
    name_en: str
    strength: str
    otc_class: OtcClass
    storage: Storage
    unit_zh: str
    unit_en: str
    wanted: bool
    durable: bool
    verified: bool
    alcohol: bool = False
    guessed: bool = False


def load_starter(session: Session, actor: Actor, now: datetime) -> int:
    """Add what the starter catalogue has and the store lacks; returns how many items were added.

    Rows that are there already stay as they are: people may have corrected them.
    """
    known = set(session.execute(select(Ingredient.slug)).scalars())
    fresh = [row for row in starter_ingredients() if row.slug not in known]
    if fresh:
        session.execute(
            insert(Ingredient),
            [{"slug": row.slug, "name_zh": row.zh, "name_en": row.en, "classes": list(row.classes)} for row in fresh],
        )
    edition = catalogue_rows.next_edition(session)
    there = set(session.execute(select(Item.code)).scalars())
    added = [
        {"id": new_id(), **catalogue_rows.row_of(item), "edition": edition}
        for item in (*starter_items(), _unknown())
        if item.code not in there
    ]
    if added:
        session.execute(insert(Item), added)
        audit.note(session, actor, "catalogue.load-starter", None, now, items=len(added))
    return len(added)


def _unknown() -> StarterItem:
    return StarterItem(
        code=UNKNOWN_CODE,
        kind=Kind.MEDICINE,
        name_zh="目录外物品",
        name_en="Not in the catalogue",
        form="unknown",
        otc_class=OtcClass.OTC_UNSEEN,
        storage=Storage.ROOM,
        release_by="none",
        intake_default=Verdict.QUARANTINE,
        intake_rule="IN21",
        unit_zh="件",
        unit_en="piece",
        confidence="unverified",
        source="IN21",
        wanted=False,
    )


_COLUMNS = (Item.id, Item.code, Item.kind, Item.name_zh, Item.name_en, Item.strength, Item.wanted, Item.facts)
_SHOWN = (*_COLUMNS, Item.verified_on)


def items(session: Session, after: str = "", limit: int = MANY) -> tuple[CatalogueItem, ...]:
    """The catalogue in the order of its codes, from behind ``after``; at most 200 at once."""
    rows = session.execute(
        select(*_SHOWN).where(Item.code > after, Item.code != UNKNOWN_CODE).order_by(Item.code).limit(min(limit, MANY))
    )
    return tuple(_shown(row) for row in rows)


def find(session: Session, text: str) -> tuple[CatalogueItem, ...]:
    """The 20 items that a text fits best; asked in a read, never in the midst of a write.

    A text is a barcode, an approval number, a 本位码, one of our codes, part of a name or alias in either language, the
    pinyin of one or its initials; where nothing fits, a name with one sign wrong, missing, or swapped with the next.
    """
    named = by_number(session, text)
    if named is not None:
        return named
    ids = catalogue_search.best(session, text, FEW)
    return these(session, ids)


def these(session: Session, ids: Sequence[UUID]) -> tuple[CatalogueItem, ...]:
    """These lines of the catalogue in the order given; what is not in it, or stands for unknown goods, is left out."""
    found = select(*_SHOWN).where(Item.id.in_(ids), Item.code != UNKNOWN_CODE)
    rows = {row.id: row for row in session.execute(found)} if ids else {}
    return tuple(_shown(rows[item]) for item in ids if item in rows)


def by_number(session: Session, text: str) -> tuple[CatalogueItem, ...] | None:
    """The items on whose boxes a barcode, approval number or 本位码 stands; None: the text is no such number."""
    number = digits(text)
    if number.isascii() and number.isdigit() and 8 <= len(number) <= 14:
        return by_gtin(session, number) or _by_item_number(session, number)
    return _by_item_number(session, normalise_approval(text)) if is_approval_number(text) else None


def _by_item_number(session: Session, number: str) -> tuple[CatalogueItem, ...]:
    rows = session.execute(
        select(*_SHOWN)
        .join(ItemNumber, ItemNumber.item == Item.id)
        .where(ItemNumber.number == number)
        .order_by(Item.wanted.desc(), Item.code)
        .limit(FEW)
    )
    return tuple(_shown(row) for row in rows)


# Statements of the receiving counter are built once.
_BY_GTIN = (
    select(*_SHOWN, Barcode.learned_by)
    .join(Barcode, Barcode.item == Item.id)
    .where(Barcode.gtin == bindparam("of_gtin"))
    .order_by(Item.code)
    .limit(FEW)
)
_I, _N, _B = table(Item).columns, table(Ingredient).columns, table(Barcode).columns
_TEXT = type_coerce(_I.facts, Text).label("facts")
_FACTS = Prepared(select(_TEXT).where(_I.id == bindparam("of_item")))
_FACTS_BY_GTIN = Prepared(
    select(_I.id, _TEXT).join(table(Barcode), _B.item == _I.id).where(_B.gtin == bindparam("of_gtin")).limit(FEW)
)
_CLASSES = select(_N.slug, _N.classes)
_CLASSES_OF = Prepared(select(_N.classes).where(_N.slug == bindparam("of_slug")))


def by_gtin(session: Session, gtin: str) -> tuple[CatalogueItem, ...]:
    """The items a product code stands on: none, one, or several, of which a person chooses."""
    rows = session.execute(_BY_GTIN, {"of_gtin": gtin.zfill(14)})
    return tuple(_shown(row, guessed=row.learned_by is not None) for row in rows)


def item(session: Session, item_id: UUID) -> CatalogueItem:
    """One line of the catalogue; raises UnknownItem."""
    row = session.execute(select(*_SHOWN).where(Item.id == item_id)).first()
    if row is None:
        raise UnknownItem
    return _shown(row)


def _shown(row: Row[Any], *, guessed: bool = False) -> CatalogueItem:
    facts = row.facts
    return CatalogueItem(
        id=row.id,
        code=row.code,
        kind=Kind(row.kind),
        name_zh=row.name_zh,
        name_en=row.name_en,
        strength=row.strength,
        otc_class=OtcClass(facts["otc_class"]),
        storage=Storage(facts["storage"]),
        unit_zh=facts["unit_zh"],
        unit_en=facts["unit_en"],
        wanted=row.wanted,
        durable=bool(facts.get("durable")),
        alcohol=bool(facts.get("alcohol")) and row.kind == Kind.DISINFECTANT,
        verified=row.verified_on is not None,
        guessed=guessed,
    )


def facts(session: Session, item_ids: Collection[UUID]) -> dict[UUID, StarterItem]:
    """All that the rules may ask of these items; ids that are not in the catalogue are left out."""
    found = {item: _FACTS.value(session, of_item=item) for item in item_ids}
    return {item: _read(text) for item, text in found.items() if text is not None}


@lru_cache(maxsize=4_096)
def _read(facts: str) -> StarterItem:
    return msgspec.json.decode(facts, type=StarterItem)


def item_facts(session: Session, item_id: UUID) -> ItemFacts:
    """What the intake rules ask of an item; raises UnknownItem, and KeyError for an ingredient without classes."""
    found = facts(session, [item_id]).get(item_id)
    if found is None:
        raise UnknownItem
    return _for_intake(session, found)


def facts_by_gtin(session: Session, gtin: str) -> list[tuple[UUID, ItemFacts]]:
    """The items a product code stands on, each with what the intake rules ask of it; raises as ``item_facts``."""
    rows = _FACTS_BY_GTIN.all(session, of_gtin=gtin.zfill(14))
    return [(row.id, _for_intake(session, _read(row.facts))) for row in rows]


def _for_intake(session: Session, item: StarterItem) -> ItemFacts:
    return intake_facts(item, classes(session, {active.ingredient for active in item.actives}))


def classes(session: Session, slugs: Collection[str] | None = None) -> dict[str, tuple[str, ...]]:
    """The classes of ingredients by slug: of all, or of these."""
    if slugs is None:
        return {row.slug: tuple(row.classes) for row in session.execute(_CLASSES)}
    found = {slug: _CLASSES_OF.value(session, of_slug=slug) for slug in slugs}
    return {slug: tuple(named) for slug, named in found.items() if named is not None}


def unknown_item(session: Session) -> UUID:
    """The item that unknown goods are booked under; raises UnknownItem before the starter catalogue was loaded."""
    found = session.execute(select(Item.id).where(Item.code == UNKNOWN_CODE)).scalar()
    if found is None:
        raise UnknownItem
    return found


def learn_barcode(session: Session, gtin: str, item_id: UUID, actor: Actor, now: datetime) -> bool:
    """Remember that a volunteer said which item a product code stands on; returns whether that was new.

    Pages show such an answer as a guess to be compared with the box.
    """
    gtin14 = gtin.zfill(14)
    there = session.execute(select(Barcode.item).where(Barcode.gtin == gtin14)).scalars().all()
    if item_id in there:
        return False
    session.execute(insert(Barcode).values(gtin=gtin14, item=item_id, learned_by=actor.account))
    audit.note(session, actor, "catalogue.learn-barcode", item_id, now, gtin=gtin14)
    return True
