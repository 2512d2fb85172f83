"""What the scan page tells of goods: a pack of ours with where it is, or a box that is handed in, judged at once."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from app.base.permissions import Actor, Permission
from inventory import packs, places, stations
from inventory.cataloguing import catalogue
from inventory.cataloguing.catalogue import CatalogueItem
from inventory.counting import blind
from inventory.errors import UnknownItem
from inventory.models import PlaceKind
from inventory.receiving import intake
from inventory.receiving.intake_facts import DonationFacts, Look, PackFacts, Verdict
from inventory.receiving.screening import Screening
from labels.basket import Act, Choice, Goods, Outcome, Told

_WAITING = frozenset({PlaceKind.HOLD, PlaceKind.QUARANTINE})


def pack(session: Session, wanted: UUID, actor: Actor, today: date) -> Told:
    """A pack: what it is, where it is, what is wrong with it; raises NotFound out of scope."""
    story = packs.pack_history(session, wanted, actor, today)
    kinds = frozenset(one.kind for one in story.where)
    wrong = "recalled" if story.recalled else "expired" if story.expired else "" if kinds else "gone"
    fits = _fits(kinds, bool(wrong), actor)
    here = story.where[0] if story.where else None
    if blind.stands_unseen(session, wanted, actor):
        return Told(
            outcome=Outcome.KNOWN, state="counting", name_zh=story.called or story.name_zh,
            name_en=story.called or story.name_en, strength=story.strength, lot=story.lot_number, expiry=story.expiry,
            fits=fits,
        )  # fmt: skip
    return Told(
        outcome=Outcome.WRONG if wrong else Outcome.KNOWN,
        state=wrong or (here.kind.value if here else "gone"),
        params={
            "place": here.name if here else "",
            "station": here.station_name or story.station_name if here else story.station_name,
            "quantity": sum(one.quantity for one in story.where),
        },
        name_zh=story.called or story.name_zh,
        name_en=story.called or story.name_en,
        strength=story.strength,
        lot=story.lot_number,
        expiry=story.expiry,
        fits=fits,
    )


def _fits(kinds: frozenset[PlaceKind], wrong: bool, actor: Actor) -> tuple[Act, ...]:
    """What can be done with a pack in these places; each verb judges again."""
    fits = []
    if PlaceKind.SHELF in kinds and actor.may(Permission.MOVE_STOCK):
        fits.append(Act.MOVE)
    if kinds & {PlaceKind.SHELF, PlaceKind.RESERVED} and not wrong and actor.may(Permission.PACK):
        fits.append(Act.PACK)
    if kinds & {PlaceKind.SHELF, PlaceKind.RESERVED, *_WAITING} and actor.may(Permission.READ_STOCK):
        fits.append(Act.COUNT)
    if kinds and actor.may(Permission.PRINT_LABELS):
        fits.append(Act.PRINT)
    return tuple(fits)


def place(session: Session, wanted: UUID, actor: Actor, _today: date) -> Told:
    """A shelf or box of a station; raises NotFound out of scope."""
    found = places.named(session, wanted, actor)
    return Told(outcome=Outcome.KNOWN, state="here", name_zh=found.name, name_en=found.name)


def goods(session: Session, said: Goods, station: UUID | None, actor: Actor, today: date) -> Told:
    """A box that is handed in, as the intake rules would judge it today if all else is in order.

    Raises Invalid for an expiry that cannot be read, UnknownItem for an item that is not there.
    """
    until = intake.expiry_day(said.expiry)
    said = msgspec.structs.replace(
        said, lot=intake.lot_number(said.lot), expiry=until.isoformat() if until else said.expiry
    )
    found, choices = _item(session, said)
    if found is None:
        asked = bool(said.gtin or choices)
        state = "choose" if choices else "unknown" if asked else "no_product"
        return Told(
            outcome=Outcome.NEW, state=state, lot=said.lot, expiry=until, goods=said, choices=choices,
            lacks=() if asked else ("item",),
        )  # fmt: skip
    said = msgspec.structs.replace(said, item=found.id)
    lacks = () if found.durable else tuple(name for name in ("lot", "expiry") if not getattr(said, name))
    judged = _judged(session, said, found, station, actor, today)
    refused = judged.verdict is Verdict.REJECT
    alone = found.alcohol and not refused  # how much is in the bottle is asked on a form of its own
    return Told(
        outcome=Outcome.WRONG if refused else Outcome.KNOWN,
        state="refused" if refused else "alone" if alone else "guessed" if found.guessed else "product",
        name_zh=found.name_zh,
        name_en=found.name_en,
        strength=found.strength,
        lot=said.lot,
        expiry=until,
        fits=() if refused or alone or not actor.may(Permission.RECEIVE) else (Act.RECEIVE,),
        goods=said,
        lacks=() if refused or alone else lacks,
        reasons=judged.reasons,
    )


def _item(session: Session, said: Goods) -> tuple[CatalogueItem | None, tuple[Choice, ...]]:
    if said.item is not None:
        found = catalogue.item(session, said.item)
        if found.code == catalogue.UNKNOWN_CODE:
            raise UnknownItem
        return found, ()
    named = catalogue.by_gtin(session, said.gtin) if said.gtin else ()
    if len(named) == 1:
        return named[0], ()
    return None, tuple(
        Choice(item=one.id, name_zh=one.name_zh, name_en=one.name_en, strength=one.strength) for one in named
    )


def _judged(
    session: Session, said: Goods, found: CatalogueItem, station: UUID | None, actor: Actor, today: date
) -> Screening:
    """The screening's word on what is known; what is not known yet is taken to be in order."""
    cool = station is None or stations.in_scope(session, actor, station).cool_cabinet
    until = intake.expiry_day(said.expiry)
    seen = PackFacts(
        lot=said.lot or "1",
        expires_on=until or date(today.year + 2, 1, 1),
        look=Look(volume_ml=1 if found.alcohol else None),
        approval_number=said.approval_number or None,
    )
    declared = DonationFacts(
        adult=True, own=True, lawful=True, stored_per_label=True, free_gift=True, no_resale=True,
        station_has_cool_cabinet=cool,
    )  # fmt: skip
    return intake.judge(session, seen, intake.Goods(found.id, catalogue.item_facts(session, found.id)), declared, today)
