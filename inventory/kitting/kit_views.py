"""What is in an assembled care parcel, where it is, whether it may go out; and what its label says."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.base.columns import table
from app.base.db import Asking
from app.base.errors import NotFound
from app.base.permissions import Actor, Permission
from inventory import stations
from inventory.cataloguing.starter import StarterItem
from inventory.kitting import kit_bags, kit_going, kit_making, kits
from inventory.kitting.kit_bags import ASSEMBLE
from inventory.kitting.kit_going import Whereabouts
from inventory.kitting.kit_models import BagState, KitBag
from inventory.kitting.kits import Recipe
from inventory.models import Holding, Item, Kit, Lot, Movement, Pack, Station
from inventory.releasing import stops
from labels import registry
from labels.basket import Act, Outcome, Told
from labels.templates import LabelText, Say

MOST = 200


class InBag(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a pack in a bag. ``stands_in``: the recipe has it in place of something else."""

    pack: UUID
    item: UUID
    name_zh: str
    name_en: str
    strength: str
    unit_zh: str
    unit_en: str
    lot_number: str
    expiry: date | None
    quantity: int
    hazard: str
    stands_in: bool
    expired: bool
    recalled: bool
    stopped: bool


class BagView(msgspec.Struct, frozen=True, kw_only=True):
    """A bag: what was made of which recipe, where, when, and its contents now (or, of one that is no more, as it was).

    ``unsafe``: something in it is expired, recalled or stopped: it must not go out and is taken apart. ``own_end``: the
    reader took it apart here. ``went``: the parcel that it was packed into.
    """

    bag: UUID
    batch: UUID
    label: str | None
    recipe: Recipe
    station: UUID
    station_name: str
    state: BagState
    expiry: date | None
    made_at: datetime
    ended_at: datetime | None
    apart: bool
    unsafe: bool
    contents: tuple[InBag, ...]
    own_end: bool
    went: Whereabouts | None


class BagRow(msgspec.Struct, frozen=True, kw_only=True):
    """A bag in a list."""

    bag: UUID
    label: str | None
    code: str
    name_zh: str
    name_en: str
    version: int
    station: UUID
    station_name: str
    expiry: date | None
    made_at: datetime
    state: BagState


def bags(session: Session, actor: Actor, *, code: str | None = None, batch: UUID | None = None) -> tuple[BagRow, ...]:
    """Assembled bags in the actor's scope, of one recipe or of one batch (then in any state), first expired first; at
    most 200."""
    query = (
        select(
            KitBag.id, Kit.code, Kit.name_zh, Kit.name_en, Kit.version, KitBag.station,
            Station.name.label("station_name"), KitBag.expiry, KitBag.made_at, KitBag.state,
        )
        .join(Kit, Kit.id == KitBag.kit)
        .join(Station, Station.id == KitBag.station)
        .where(stations.visible(actor))
        .order_by(KitBag.expiry.is_(None), KitBag.expiry, KitBag.id)
        .limit(MOST)
    )  # fmt: skip
    query = query.where(KitBag.state == BagState.ASSEMBLED) if batch is None else query.where(KitBag.batch == batch)
    rows = session.execute(query if code is None else query.where(Kit.code == code)).all()
    labels = registry.codes_of(session, {row.id for row in rows})
    return tuple(
        BagRow(
            bag=row.id, label=labels.get(row.id), code=row.code, name_zh=row.name_zh, name_en=row.name_en,
            version=row.version, station=row.station, station_name=row.station_name, expiry=row.expiry,
            made_at=row.made_at, state=row.state,
        )
        for row in rows
    )  # fmt: skip


def bag(session: Session, wanted: UUID, actor: Actor, today: date) -> BagView:
    """A bag with its contents; raises NotFound out of scope."""
    found = _found(session, wanted, actor)
    recipe = kits.recipe(session, found.kit)
    contents = _contents(session, found, recipe, today)
    station_name = session.execute(select(Station.name).where(Station.id == found.station)).scalar_one()
    standing = found.state is BagState.ASSEMBLED
    return BagView(
        bag=found.id, batch=found.batch, label=registry.code_of(session, found.id), recipe=recipe,
        station=found.station, station_name=station_name, state=found.state, expiry=found.expiry,
        made_at=found.made_at, ended_at=found.ended_at,
        apart=kit_making.to_keep_apart({one.hazard for one in contents}),
        unsafe=standing and any(one.expired or one.recalled or one.stopped for one in contents),
        contents=contents, own_end=found.ended_by == actor.account and kit_bags.came_apart(session, found.id),
        went=kit_going.where(session, found),
    )  # fmt: skip


def in_reach(session: Session, wanted: UUID, actor: Actor) -> None:
    """Go on for those in whose scope a bag's station is; raises NotFound."""
    _found(session, wanted, actor)


def _found(session: Session, wanted: UUID, actor: Actor) -> KitBag:
    row = session.execute(
        select(KitBag, Station.community).join(Station, Station.id == KitBag.station).where(KitBag.id == wanted)
    ).first()
    if row is None:
        raise NotFound
    actor.at_station(row.KitBag.station, row.community)
    found: KitBag = row.KitBag
    return found


_WHAT = (
    Pack.id.label("pack"), Pack.item, Item.name_zh, Item.name_en, Item.strength, Item.facts, Item.code,
    Lot.number, Lot.expiry, Lot.recalled_on,
)  # fmt: skip


def _contents(session: Session, found: KitBag, recipe: Recipe, today: date) -> tuple[InBag, ...]:
    if found.state is BagState.ASSEMBLED:
        query = select(*_WHAT, Holding.quantity).join(Holding, Holding.pack == Pack.id)
        query = query.where(Holding.place == found.place, Holding.quantity > 0)
    else:
        query = select(*_WHAT, Movement.quantity).join(Movement, Movement.pack == Pack.id)
        query = query.where(Movement.subject == found.id, Movement.reason == ASSEMBLE)
    rows = session.execute(
        query.join(Lot, Lot.id == Pack.lot).join(Item, Item.id == Pack.item).order_by(Item.code.desc(), Pack.id)
    ).all()
    stopped = stops.stopped(session, {row.pack for row in rows})
    own = {line.item for line in recipe.lines}
    seen = []
    for row in rows:
        facts = msgspec.convert(row.facts, StarterItem)
        seen.append(
            InBag(
                pack=row.pack,
                item=row.item,
                name_zh=row.name_zh,
                name_en=row.name_en,
                strength=row.strength,
                unit_zh=facts.unit_zh,
                unit_en=facts.unit_en,
                lot_number=row.number,
                expiry=row.expiry,
                quantity=row.quantity,
                hazard=kit_making.hazard(facts),
                stands_in=row.item not in own,
                expired=row.expiry is not None and row.expiry < today,
                recalled=row.recalled_on is not None,
                stopped=row.pack in stopped,
            )
        )
    return tuple(seen)


# ---------------------------------------------------------------- labels and scans

_M, _P, _L = table(Movement).columns, table(Pack).columns, table(Lot).columns
_RECALLED = (
    select(_L.id)
    .join(table(Pack), _P.lot == _L.id)
    .join(table(Movement), _M.pack == _P.id)
    .where(_M.subject == bindparam("of_bag"), _M.reason == ASSEMBLE, _L.recalled_on.is_not(None))
    .limit(1)
)


def bag_is_recalled(asking: Asking, wanted: UUID) -> bool:
    """Whether something that went into the bag is called back, delivered or not; False for a bag that is not there."""
    return asking.execute(_RECALLED, {"of_bag": wanted}).first() is not None


def words(session: Session, wanted: tuple[UUID, ...], actor: Actor, say: Say) -> list[LabelText]:
    """The words of each bag's label: which parcel it is and until when it is good; nobody's name, nothing of health."""
    found = {one: _found(session, one, actor) for one in dict.fromkeys(wanted)}
    recipes = kits.by_id(session, {one.kit for one in found.values()})
    return [_words(recipes[found[one].kit], found[one].expiry, say) for one in wanted]


def _words(recipe: Recipe, expiry: date | None, say: Say) -> LabelText:
    return LabelText(
        title=say("print.kit.title"),
        big=recipe.name_zh,
        lines=(say("print.kit.expiry", expiry=expiry.isoformat()),) if expiry else (),
        warning=say("print.kit.apart") if recipe.apart else "",
    )


_TOLD = {BagState.ASSEMBLED: "here", BagState.PACKED: "packed", BagState.TAKEN_APART: "ended"}


def told(session: Session, wanted: UUID, actor: Actor, today: date) -> Told:
    """What the scan page says of a bag; raises NotFound out of scope."""
    found = bag(session, wanted, actor, today)
    unsafe = found.unsafe or any(one.recalled for one in found.contents)
    state = "unsafe" if unsafe else _TOLD[found.state]
    return Told(
        outcome=Outcome.KNOWN if state == "here" else Outcome.WRONG,
        state=state,
        params={"station": found.station_name, "door": found.went.serial if found.went else ""},
        name_zh=found.recipe.name_zh,
        name_en=found.recipe.name_en,
        expiry=found.expiry,
        fits=_fits(found, state, actor),
    )


def _fits(found: BagView, state: str, actor: Actor) -> tuple[Act, ...]:
    """What can be done with a bag from the scan page; each verb judges again."""
    packs = (Act.PACK,) if state == "here" and actor.may(Permission.PACK) else ()
    prints = (Act.PRINT,) if found.label and actor.may(Permission.PRINT_LABELS) else ()
    return packs + prints
