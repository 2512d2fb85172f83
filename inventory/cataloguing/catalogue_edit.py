"""Changes the catalogue by hand: an item is written by the office, verified by a medic who did not write it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.columns import table
from app.base.errors import Conflict, Invalid, Params, SamePerson
from app.base.fields import Key, Line
from app.base.permissions import Actor, Permission
from inventory.cataloguing import catalogue_rows
from inventory.cataloguing.catalogue_models import ItemChange
from inventory.cataloguing.catalogue_rows import NEW, Current, ItemRow
from inventory.cataloguing.item_body import ItemBody, facts_of
from inventory.cataloguing.item_faults import Fault
from inventory.cataloguing.starter import UNKNOWN_CODE, Slug, StarterItem, starter_ingredients
from inventory.errors import StaleItem, UnknownItem
from inventory.models import Ingredient, Item

Edition = Annotated[int, msgspec.Meta(ge=1, le=10**15)]


class NewItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Add an item to the catalogue."""

    key: Key
    body: ItemBody


class EditItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change an item; ``edition`` is the one that was on the page from which it is changed."""

    key: Key
    item: UUID
    edition: Edition
    body: ItemBody


class LookedAt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A medic's word over an item in the edition that was looked at: verified, or what was proposed is dropped."""

    key: Key
    item: UUID
    edition: Edition


class NewIngredient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Add an active ingredient with the classes that the rules ask for."""

    key: Key
    slug: Slug
    name_zh: Line
    name_en: Line
    classes: Annotated[tuple[Line, ...], msgspec.Meta(max_length=20)] = ()


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it was written. ``waits``: the fields that hold only once a medic has verified the item."""

    item: UUID
    code: str
    edition: int
    waits: tuple[str, ...] = ()


def new_item(session: Session, order: NewItem, actor: Actor, now: datetime) -> Written:
    """Add an item; until a medic has verified it, it is kept in quarantine and given to nobody (IN21).

    Raises Invalid with every fault of the row (a medicine counted by the tablet, a wrong check digit …).
    """
    actor.need(Permission.EDIT_CATALOGUE)
    if (made := replay.made_by(session, actor, order.key, "catalogue.new", order)) is not None:
        return msgspec.convert(made, Written)
    row = _row(facts_of(order.body, None, NEW), order.body)
    return _written(session, row, order, "catalogue.new", actor, now)


def edit_item(session: Session, order: EditItem, actor: Actor, now: datetime) -> Written:
    """Change an item: what is stricter holds at once, what is looser once a medic has verified it.

    Raises UnknownItem, Invalid, and StaleItem where it was changed since the edition that was edited.
    """
    actor.need(Permission.EDIT_CATALOGUE)
    catalogue_rows.next_edition(session)
    if (made := replay.made_by(session, actor, order.key, "catalogue.edit", order)) is not None:
        return msgspec.convert(made, Written)
    was = _there(session, order.item, order.edition)
    row = _row(facts_of(order.body, was.facts, was.facts.code), order.body)
    return _written(
        session, replace(row, item=order.item, edition=order.edition), order, "catalogue.edit", actor, now
    )  # fmt: skip


def verify(session: Session, order: LookedAt, actor: Actor, today: date, now: datetime) -> Written:
    """A medic has compared the row with label and insert: what was proposed holds, nothing of it is unverified.

    Raises UnknownItem, StaleItem, SamePerson for whoever changed it since it was last verified.
    """
    actor.need(Permission.VERIFY_ITEM)
    edition = catalogue_rows.next_edition(session)
    if (made := replay.made_by(session, actor, order.key, "catalogue.verify", order)) is not None:
        return msgspec.convert(made, Written)
    was = _there(session, order.item, order.edition)
    if actor.account in _writers(session, order.item):
        raise SamePerson
    seen = replace(
        was.facts, unverified=(), confidence="seen", verified_by=actor.handle or actor.role.value, verified_on=today
    )
    columns = {**catalogue_rows.row_of(seen), "verified_by": actor.account, "verified_on": today}
    _keep(session, was, columns, "verified", edition, actor, now)
    written = Written(item=order.item, code=seen.code, edition=edition)
    replay.keep(session, actor, order.key, "catalogue.verify", order, msgspec.to_builtins(written), now)
    return written


def withdraw(session: Session, order: LookedAt, actor: Actor, now: datetime) -> Written:
    """Drop what was proposed: the stricter row that holds stays. Raises UnknownItem, StaleItem, Conflict."""
    actor.need(Permission.VERIFY_ITEM, Permission.EDIT_CATALOGUE)
    edition = catalogue_rows.next_edition(session)
    if (made := replay.made_by(session, actor, order.key, "catalogue.withdraw", order)) is not None:
        return msgspec.convert(made, Written)
    was = _there(session, order.item, order.edition)
    if was.facts == was.held:
        raise Conflict
    _keep(session, was, catalogue_rows.row_of(was.held), "withdrawn", edition, actor, now)
    written = Written(item=order.item, code=was.held.code, edition=edition)
    replay.keep(session, actor, order.key, "catalogue.withdraw", order, msgspec.to_builtins(written), now)
    return written


def known_classes() -> tuple[str, ...]:
    """The classes of ingredients that a rule can ask for."""
    return tuple(sorted({name for row in starter_ingredients() for name in row.classes}))


def add_ingredient(session: Session, order: NewIngredient, actor: Actor, now: datetime) -> str:
    """Add an ingredient; a medic does, as its classes are what the rules ask for. Raises Invalid."""
    actor.need(Permission.VERIFY_ITEM)
    if replay.made_by(session, actor, order.key, "catalogue.ingredient", order) is not None:
        return order.slug
    if set(order.classes) - set(known_classes()):
        raise Invalid(("classes", "choice", {}))
    if session.execute(select(Ingredient.slug).where(Ingredient.slug == order.slug)).scalar() is not None:
        raise Invalid(("slug", "item_slug_taken", {}))
    session.execute(
        insert(Ingredient).values(
            slug=order.slug, name_zh=order.name_zh, name_en=order.name_en, classes=sorted(order.classes)
        )
    )  # fmt: skip
    audit.note(session, actor, "catalogue.ingredient", None, now, slug=order.slug, classes=sorted(order.classes))
    replay.keep(session, actor, order.key, "catalogue.ingredient", order, {"slug": order.slug}, now)
    return order.slug


def _row(facts: StarterItem, body: ItemBody) -> ItemRow:
    return ItemRow(
        facts=facts, approvals=body.approvals, drug_codes=body.drug_codes, barcodes=body.barcodes, exact=True
    )  # fmt: skip


def _written(
    session: Session, row: ItemRow, order: NewItem | EditItem, verb: str, actor: Actor, now: datetime
) -> Written:
    (put,) = catalogue_rows.put_items(session, [row], actor, now)
    if put.faults:
        raise Invalid(*(said_of(fault) for fault in put.faults))
    if put.item is None or put.edition is None:
        raise StaleItem
    written = Written(item=put.item, code=put.code, edition=put.edition, waits=put.waits)
    replay.keep(session, actor, order.key, verb, order, msgspec.to_builtins(written), now)
    return written


def said_of(fault: Fault) -> tuple[str, str, Params]:
    """A fault as a refusal names it."""
    return fault.field, fault.code, {"value": fault.value[:60]}


def _there(session: Session, item: UUID, edition: int) -> Current:
    was = catalogue_rows.current(session, [item]).get(item)
    if was is None or was.facts.code == UNKNOWN_CODE:
        raise UnknownItem
    if was.edition != edition:
        raise StaleItem
    return was


def _writers(session: Session, item: UUID) -> set[UUID]:
    """Who changed an item since it was last verified."""
    last = select(func.max(ItemChange.edition)).where(ItemChange.item == item, ItemChange.verb == "verified")
    since = session.execute(last).scalar() or -1
    rows = select(ItemChange.by).where(ItemChange.item == item, ItemChange.edition > since)
    return set(session.execute(rows).scalars())


def _keep(
    session: Session, was: Current, columns: dict[str, Any], verb: str, edition: int, actor: Actor, now: datetime
) -> None:
    session.execute(
        update(table(Item)).where(table(Item).c.id == was.item).values(**columns, proposed=None, edition=edition)
    )
    after = msgspec.convert(columns["facts"], StarterItem)
    changes = catalogue_rows.changes_between(was.held if verb == "verified" else was.facts, after)
    line = catalogue_rows.change(was.item, verb, changes, edition, actor, now)
    session.execute(insert(table(ItemChange)).values(line))
    audit.note(session, actor, f"catalogue.{verb}", was.item, now, edition=edition)
