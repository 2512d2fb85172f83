"""Nothing leaves hold without a second person; medicine not without a medic; recalled or expired goods never."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from app.base import policy
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, KeyReused, NotFound
from app.base.ids import new_id
from inventory import ledger, stations
from inventory.errors import AlreadyKnown, NotHeld, NotReleasable, SecondPersonNeeded, Unidentified
from inventory.ledger import Spot
from inventory.models import Lot, PlaceKind, ReleaseDecision
from inventory.receiving.intake_facts import Look, PersonalData, Verdict
from inventory.receiving.screening import IntakePolicy
from inventory.releasing import hold, release
from inventory.releasing.hold import HeldPack
from inventory.releasing.release import Decision, IdentifyPack, RefusePack, ReleaseMany, ReleasePack, Why
from labels import registry
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World

PROLONGED = "med-002"


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def waiting(world: World, by: str) -> dict[UUID, HeldPack]:
    return {held.pack: held for held in world.db.read_now(hold.queue, world.people[by], world.today)}


def place_of(world: World, pack: UUID) -> str | None:
    found = world.db.read_now(ledger.whereabouts, pack)
    return found[0][0].name if found else None


def refuse(world: World, pack: UUID, by: str, why: Why = Why.DAMAGED) -> Decision:
    order = RefusePack(key=new_id(), pack=pack, reason=why)
    return world.db.write_now(release.refuse, order, world.people[by], world.today, world.now)


def identify(world: World, pack: UUID, code: str, by: str = "medic") -> Decision:
    order = IdentifyPack(key=new_id(), pack=pack, item=world.items[code])
    return world.db.write_now(release.identify, order, world.people[by], world.today, world.now)


def test_a_second_volunteer_lets_supplies_onto_the_shelf(world: World) -> None:
    pack = world.pack(MASKS)
    done = world.release(pack, "second")
    assert (done.pack, done.outcome, done.waits_for) == (pack, "released", ())
    assert place_of(world, pack) == "货架A"
    assert waiting(world, "second") == {}


@pytest.mark.parametrize("by", ["coordinator", "office"])
def test_coordinator_and_office_let_supplies_out_too(world: World, by: str) -> None:
    assert world.release(world.pack(MASKS), by).outcome == "released"


def test_whoever_received_a_pack_never_releases_it(world: World) -> None:
    pack = world.pack(MASKS)
    with pytest.raises(SecondPersonNeeded) as no:
        world.release(pack, "volunteer")
    assert no.value.reasons[0].code == "IN26_SAME_PERSON"
    own = world.pack(MASKS, by="coordinator")
    with pytest.raises(SecondPersonNeeded):
        world.release(own, "coordinator")


def test_medicine_is_released_by_a_medic_into_the_medicine_cabinet(world: World) -> None:
    pack = world.pack(PARACETAMOL)
    for lay in ("second", "coordinator", "office"):
        with pytest.raises(SecondPersonNeeded) as no:
            world.release(pack, lay)
        assert no.value.reasons[0].code == "IN26_NOT_MEDIC"
    assert world.release(pack, "medic").outcome == "released"
    assert place_of(world, pack) == "药品柜"


def test_a_medic_alone_does_not_release_supplies(world: World) -> None:
    with pytest.raises(SecondPersonNeeded):
        world.release(world.pack(MASKS), "medic")


def test_what_a_medic_may_override_leaves_quarantine_by_the_medics_word(world: World) -> None:
    pack = world.pack(PROLONGED)
    assert place_of(world, pack) == "待检箱"
    assert world.release(pack, "medic").outcome == "released"


def test_short_dated_medicine_needs_medic_and_coordinator_in_either_order(world: World) -> None:
    soon = (world.today + timedelta(days=100)).isoformat()
    for first, last in (("medic", "coordinator"), ("coordinator", "medic")):
        pack = world.pack(PARACETAMOL, expiry=soon)
        assert world.release(pack, first) == Decision(pack=pack, outcome="signed", waits_for=(last,))
        assert place_of(world, pack) == "待检箱"
        assert waiting(world, last)[pack].signed == (first,)
        with pytest.raises(SecondPersonNeeded):
            world.release(pack, first)
        assert world.release(pack, last).outcome == "released"
        assert place_of(world, pack) == "药品柜"


def test_a_personal_label_is_redacted_before_a_coordinator_and_a_medic_let_it_out(world: World) -> None:
    pack = world.pack(PARACETAMOL, look=Look(personal_data=PersonalData.REDACTABLE))
    assert waiting(world, "medic")[pack].waits_for == ("coordinator", "medic")


def test_what_nobody_may_override_stays_and_says_why(world: World) -> None:
    pack = world.pack(PARACETAMOL, look=None)
    held = waiting(world, "medic")[pack]
    assert not held.can_release
    assert [reason.code for reason in held.stuck] == ["IN14_NOT_LOOKED"]
    with pytest.raises(NotReleasable) as no:
        world.release(pack, "medic")
    assert no.value.reasons == held.stuck


def test_a_pack_that_expired_while_it_waited_is_never_released(world: World, hands: Any) -> None:
    pack = world.pack(MASKS, expiry=(world.today + timedelta(days=31)).isoformat())
    hands.at += timedelta(days=31)
    assert waiting(world, "second")[pack].can_release
    hands.at += timedelta(days=1)
    held = waiting(world, "second")[pack]
    assert (held.verdict, held.stuck[0].code) == (Verdict.REJECT, "IN01_EXPIRED")
    with pytest.raises(NotReleasable):
        world.release(pack, "second")
    assert refuse(world, pack, "second", Why.EXPIRED).outcome == "refused"


def test_a_recalled_pack_is_never_released(world: World) -> None:
    pack = world.pack(MASKS)
    world.db.write_now(lambda session: session.execute(update(Lot).values(recalled_on=world.today)) and None)
    with pytest.raises(NotReleasable) as no:
        world.release(pack, "second")
    assert no.value.reasons[0].code == "IN17_RECALLED"


def test_goods_taken_in_without_a_policy_are_judged_anew_once_there_is_one(
    db: Database, clock: Clock, tmp_path: Path
) -> None:
    world = worlds.build(db, clock, tmp_path / "keys", with_policy=False)
    pack = world.pack(MASKS)
    with pytest.raises(NotReleasable):
        world.release(pack, "second")
    db.write_now(policy.enact, "intake", IntakePolicy(version="1"), clock.today(), clock.now())
    assert world.release(pack, "second").outcome == "released"


def test_a_refused_pack_goes_into_the_waste_box_and_its_label_ends(world: World) -> None:
    pack = world.pack(PARACETAMOL)
    code = world.db.read_now(registry.code_of, pack)
    assert refuse(world, pack, "medic").outcome == "refused"
    assert place_of(world, pack) == "废弃箱"
    assert world.db.read_now(ledger.history, pack)[-1].reason == "refuse"
    label = world.db.read_now(registry.look_up, code)
    assert label is not None
    assert label.state.value == "void"
    with pytest.raises(NotHeld):
        world.release(pack, "medic")


def test_nobody_refuses_what_they_received_and_no_lay_person_good_medicine(world: World) -> None:
    with pytest.raises(SecondPersonNeeded):
        refuse(world, world.pack(MASKS), "volunteer")
    with pytest.raises(SecondPersonNeeded):
        refuse(world, world.pack(PARACETAMOL), "second")


def test_the_same_release_twice_moves_once(world: World) -> None:
    order = ReleasePack(key=new_id(), pack=world.pack(MASKS))
    args = (order, world.people["second"], world.today, world.now)
    assert world.db.write_now(release.release, *args) == world.db.write_now(release.release, *args)
    assert world.db.read_now(ledger.count) == 2
    other = RefusePack(key=order.key, pack=order.pack, reason=Why.OTHER)
    with pytest.raises(KeyReused):
        world.db.write_now(release.refuse, other, world.people["second"], world.today, world.now)


def test_a_pack_of_another_station_is_as_good_as_absent(world: World) -> None:
    pack = world.pack(MASKS)
    for no_pack in (pack, new_id()):
        with pytest.raises(NotFound):
            world.release(no_pack, "elsewhere")
    assert waiting(world, "elsewhere") == {}
    assert set(waiting(world, "auditor")) == {pack}


def test_a_batch_releases_what_it_can_and_names_what_it_cannot(world: World) -> None:
    good, own, gone = world.pack(MASKS), world.pack(MASKS, by="second"), world.shelved(MASKS)
    orders = ReleaseMany(packs=tuple(ReleasePack(key=new_id(), pack=pack) for pack in (good, own, gone)))
    done = world.db.write_now(release.release_many, orders, world.people["second"], world.today, world.now)
    assert [(one.pack, one.outcome, one.code) for one in done] == [
        (good, "released", ""),
        (own, "no", "SECOND_PERSON"),
        (gone, "no", "NOT_HELD"),
    ]


def test_unknown_goods_are_released_only_after_a_medic_said_what_they_are(world: World) -> None:
    pack = world.pack(item=None, called="一盒口罩")
    held = waiting(world, "medic")[pack]
    assert (held.unknown, held.can_release, held.can_identify) == (True, False, True)
    with pytest.raises(Unidentified):
        world.release(pack, "medic")
    with pytest.raises(Forbidden):
        identify(world, pack, MASKS, by="coordinator")
    assert identify(world, pack, MASKS).outcome == "identified"
    held = waiting(world, "second")[pack]
    assert (held.item, held.unknown, held.verdict, held.can_release) == (
        world.items[MASKS],
        False,
        Verdict.ACCEPT,
        True,
    )
    with pytest.raises(AlreadyKnown):
        identify(world, pack, MASKS)
    assert world.release(pack, "second").outcome == "released"


def test_unknown_goods_that_turn_out_to_be_prescription_medicine_never_reach_a_shelf(world: World) -> None:
    pack = world.pack(item=None, called="阿莫西林")
    identify(world, pack, "med-091")
    with pytest.raises(NotReleasable) as no:
        world.release(pack, "medic")
    assert no.value.reasons[0].code.startswith("IN08")


def test_goods_that_came_back_are_not_released_by_whoever_took_them_back(world: World) -> None:
    pack = world.shelved(MASKS)
    world.db.write_now(_back_to_hold, world, pack, "second")
    with pytest.raises(SecondPersonNeeded):
        world.release(pack, "second")
    assert world.release(pack, "coordinator").outcome == "released"


def test_signatures_from_before_a_return_do_not_count(world: World, hands: Any) -> None:
    soon = (world.today + timedelta(days=100)).isoformat()
    pack = world.pack(PARACETAMOL, expiry=soon)
    world.release(pack, "coordinator")
    world.release(pack, "medic")
    hands.at += timedelta(hours=1)
    world.db.write_now(_back_to_hold, world, pack, "second")
    assert waiting(world, "medic")[pack].waits_for == ("coordinator", "medic")


def test_the_longest_waiting_comes_first_and_the_list_goes_on_behind_any_pack(world: World) -> None:
    packs = [world.pack(MASKS) for _ in range(5)]
    assert list(waiting(world, "second")) == packs
    args = (world.people["second"], world.today)
    rest = world.db.read_now(lambda session: hold.queue(session, *args, after=packs[1], limit=2))
    assert [held.pack for held in rest] == packs[2:4]
    assert world.db.read_now(hold.waiting, world.people["second"]) == 5


def test_a_refusal_writes_nothing(world: World) -> None:
    pack = world.pack(MASKS)
    with pytest.raises(SecondPersonNeeded):
        world.release(pack, "volunteer")
    decisions = select(func.count()).select_from(ReleaseDecision)
    assert world.db.read_now(lambda session: session.execute(decisions).scalar()) == 0
    assert list(world.db.read_now(lambda session: list(ledger.faults(session)))) == []


def _back_to_hold(session: Any, world: World, pack: UUID, by: str) -> None:
    places = stations.places(session, world.station)
    ((here, units),) = ledger.whereabouts(session, pack)
    source = Spot(here.id, PlaceKind.SHELF)
    ledger.move(session, pack, units, source, places.hold, "return", world.people[by], world.now)
