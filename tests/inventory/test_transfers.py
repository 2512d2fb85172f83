"""Goods between stations: on the way they are nobody's to promise, and what does not arrive is never simply gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app import check
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, Invalid, KeyReused, NotFound, Refusal
from app.base.ids import new_id
from inventory import agreement, ledger, packs
from inventory.errors import NotEnough, NotOnShelf
from inventory.models import Lot, Pack, Place, PlaceKind
from inventory.moving import arrivals, transfer_lists, transfers, under_way
from inventory.moving.arrivals import Arrive, Arrived, ComeBack, Lost, Missing, Surplus, WhyMissing, WhySurplus
from inventory.moving.transfer_errors import (
    AlreadyArrived,
    AlreadySent,
    NoCoolCabinet,
    NothingSent,
    NotInTransfer,
    NotSendable,
    OtherPersonNeeded,
    SameStation,
    SealNeeded,
    TransferStep,
)
from inventory.moving.transfer_models import TransferState
from inventory.moving.transfer_rules import How
from inventory.moving.transfers import CallOff, Depart, NewTransfer, SendPack, Sent, TakeOut, Wish
from inventory.releasing import hold, stops
from inventory.stock import levels
from labels import registry
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


class Way:
    """A transfer from the first station to the other, step by step."""

    def __init__(self, world: World, **more: Any) -> None:
        self.world = world
        new = NewTransfer(**{"key": new_id(), "source": world.station, "target": world.other_station, **more})
        self.id = world.db.write_now(transfers.draft, new, world.people["volunteer"], world.now)

    def send(self, pack: UUID, *, by: str = "volunteer", **more: Any) -> Sent:
        order = SendPack(**{"key": new_id(), "transfer": self.id, "code": self.code(pack), **more})
        return self.world.db.write_now(transfers.send, order, self.world.people[by], self.world.today, self.world.now)

    def depart(self, by: str = "volunteer", key: UUID | None = None) -> UUID:
        order = Depart(key=key or new_id(), transfer=self.id)
        return self.world.db.write_now(transfers.depart, order, self.world.people[by], self.world.today, self.world.now)

    def arrive(self, pack: UUID, *, by: str = "elsewhere", hours: int = 1, **more: Any) -> Arrived:
        order = Arrive(**{"key": new_id(), "transfer": self.id, "code": self.code(pack), "sealed": True, **more})
        now = self.world.now + timedelta(hours=hours)
        return self.world.db.write_now(arrivals.receive, order, self.world.people[by], self.world.today, now)

    def back(self, pack: UUID, *, by: str = "volunteer", sealed: bool = True) -> Arrived:
        order = ComeBack(key=new_id(), transfer=self.id, code=self.code(pack), sealed=sealed)
        return self.world.db.write_now(
            arrivals.come_back, order, self.world.people[by], self.world.today, self.world.now
        )

    def missing(self, by: str = "elsewhere") -> int:
        order = Missing(key=new_id(), transfer=self.id, why=WhyMissing.UNKNOWN, note="袋里没有")
        return self.world.db.write_now(arrivals.report_missing, order, self.world.people[by], self.world.now)

    def lost(self, pack: UUID, by: str = "coordinator") -> TransferState:
        order = Lost(key=new_id(), transfer=self.id, pack=pack, note="两站都找过")
        return self.world.db.write_now(arrivals.write_off, order, self.world.people[by], self.world.now)

    def call_off(self, by: str = "volunteer", sealed: bool | None = None) -> UUID:
        order = CallOff(key=new_id(), transfer=self.id, sealed=sealed)
        return self.world.db.write_now(
            transfers.call_off, order, self.world.people[by], self.world.today, self.world.now
        )

    def take_out(self, pack: UUID, by: str = "volunteer") -> UUID:
        order = TakeOut(key=new_id(), transfer=self.id, pack=pack)
        return self.world.db.write_now(transfers.take_out, order, self.world.people[by], self.world.now)

    def code(self, pack: UUID) -> str:
        return str(self.world.db.read_now(registry.code_of, pack))

    def seen(self, by: str = "volunteer") -> transfer_lists.TransferView:
        return self.world.db.read_now(transfer_lists.transfer, self.id, self.world.people[by], self.world.today)

    @property
    def state(self) -> TransferState:
        return self.seen("office").row.state


def where(world: World, pack: UUID) -> dict[str, int]:
    return {place.kind.value: units for place, units in world.db.read_now(ledger.whereabouts, pack)}


def stands(world: World, pack: UUID) -> list[tuple[UUID | None, str, int]]:
    found = world.db.read_now(ledger.whereabouts, pack)
    return [(place.station, place.kind.value, units) for place, units in found]


def units(world: World, code: str, station: UUID) -> levels.Units:
    found = world.db.read_now(levels.levels, world.people["office"], world.today, station=station)
    return next((one.units for one in found.by_station if one.item == world.items[code]), levels.Units())


def agrees(world: World) -> None:
    assert world.db.read_now(lambda session: list(ledger.faults(session))) == []
    assert world.db.read_now(lambda session: list(agreement.faults(session))) == []
    assert world.db.read_now(lambda session: list(check.faults(session, world.now))) == []


def change_lot(world: World, pack: UUID, **values: Any) -> None:
    lot = select(Pack.lot).where(Pack.id == pack).scalar_subquery()
    world.db.write_now(lambda session: session.execute(update(Lot).where(Lot.id == lot).values(**values)).close())


# ---------------------------------------------------------------- there


def test_a_pack_goes_from_one_station_s_shelf_to_the_other_s(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    assert way.send(pack).quantity == 6
    way.depart()
    done = way.arrive(pack)
    assert (done.why, done.place_kind, done.left, done.state) == ("kept", PlaceKind.SHELF, 0, TransferState.CLOSED)
    assert stands(world, pack) == [(world.other_station, "shelf", 6)]
    agrees(world)


def test_what_is_on_the_way_is_available_to_neither_station(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    way.send(pack)
    for departed in (False, True):
        if departed:
            way.depart()
        here, there = units(world, MASKS, world.station), units(world, MASKS, world.other_station)
        assert (here.available, here.on_hand, there.available, there.on_hand) == (0, 0, 0, 0)
        assert here.in_transit + there.in_transit == 6


def test_scheduled_is_not_handed_over(world: World) -> None:
    """human-essentials #5667: what was only drawn up or is on the way does not stand in the other station's stock."""
    pack, way = world.shelved(MASKS, quantity=6), Way(world, wishes=())
    way.send(pack)
    way.depart()
    assert units(world, MASKS, world.other_station).available == 0
    way.arrive(pack, quantity=2)
    assert units(world, MASKS, world.other_station).available == 2


def test_nothing_is_lost_between_sending_and_receiving(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    way.send(pack)
    way.depart()
    way.arrive(pack, quantity=4)
    assert way.missing() == 2
    assert way.state is TransferState.DIFFERS
    assert where(world, pack) == {"shelf": 4, "transit": 2}
    assert way.arrive(pack, quantity=1).state is TransferState.DIFFERS
    assert way.lost(pack) is TransferState.CLOSED
    assert where(world, pack) == {"shelf": 5}
    line = way.seen().lines[0]
    assert (line.sent, line.arrived, line.lost, line.left) == (6, 5, 1, 0)
    assert [step.note for step in way.seen().steps if step.event in ("missing", "lost")] == ["袋里没有", "两站都找过"]
    agrees(world)


def test_a_transfer_is_received_in_several_goes(world: World) -> None:
    first, second, way = world.shelved(MASKS, quantity=3), world.shelved(MASKS, quantity=2), Way(world)
    way.send(first)
    way.send(second)
    way.depart()
    assert way.arrive(first).state is TransferState.SENT
    assert way.arrive(second).state is TransferState.CLOSED
    agrees(world)


def test_sent_twice_each_step_is_one_step(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    out, on, came = new_id(), new_id(), new_id()
    assert way.send(pack, key=out) == way.send(pack, key=out)
    assert way.depart(key=on) == way.depart(key=on)
    assert way.arrive(pack, key=came, quantity=2) == way.arrive(pack, key=came, quantity=2)
    with pytest.raises(KeyReused):
        way.arrive(pack, key=came, quantity=3)
    assert where(world, pack) == {"shelf": 2, "transit": 4}
    agrees(world)


# ---------------------------------------------------------------- sending


def test_only_the_sending_station_sends_and_only_the_receiving_one_receives(world: World) -> None:
    pack, way = world.shelved(MASKS), Way(world)
    with pytest.raises(NotFound):
        way.send(pack, by="elsewhere")
    way.send(pack)
    with pytest.raises(NotFound):
        way.depart(by="elsewhere")
    way.depart()
    with pytest.raises(NotFound):
        way.arrive(pack, by="volunteer")


def test_a_coordinator_suggests_and_the_station_sees_where_to_take_it_from(world: World) -> None:
    pack = world.shelved(MASKS, quantity=6)
    new = NewTransfer(
        key=new_id(), source=world.station, target=world.other_station,
        wishes=(Wish(item=world.items[MASKS], quantity=5),),
    )  # fmt: skip
    made = world.db.write_now(transfers.draft, new, world.people["coordinator"], world.now)
    seen = world.db.read_now(transfer_lists.transfer, made, world.people["volunteer"], world.today)
    (wish,) = seen.wishes
    assert (wish.quantity, wish.sent) == (5, 0)
    assert "×6" in wish.shelves[0]
    assert seen.row.sends
    assert where(world, pack) == {"shelf": 6}
    with pytest.raises(Forbidden):
        world.db.write_now(transfers.draft, new, world.people["medic"], world.now)


def test_a_transfer_goes_to_another_station_that_is_there(world: World) -> None:
    with pytest.raises(SameStation):
        Way(world, target=world.station)
    with pytest.raises(NotFound):
        Way(world, target=new_id())
    with pytest.raises(NotFound):
        Way(world, source=world.other_station)
    with pytest.raises(NotFound):
        Way(world, wishes=(Wish(item=new_id(), quantity=1),))


def test_what_is_expired_recalled_or_stopped_is_not_sent(world: World) -> None:
    way = Way(world)
    expired, recalled, stopped = world.shelved(MASKS), world.shelved(PARACETAMOL), world.shelved(MASKS, lot_number="S")
    change_lot(world, recalled, recalled_on=world.today)
    world.db.write_now(stops.stop, [stopped], "twin", world.people["office"], world.now)
    for pack in (recalled, stopped):
        with pytest.raises(NotSendable):
            way.send(pack)
    change_lot(world, expired, expiry=world.today - timedelta(days=1))
    with pytest.raises(NotSendable):
        way.send(expired)
    change_lot(world, expired, expiry=world.today)
    assert way.send(expired).quantity == 1


def test_what_is_recalled_in_the_bag_does_not_leave(world: World) -> None:
    pack, way = world.shelved(PARACETAMOL), Way(world)
    way.send(pack)
    change_lot(world, pack, recalled_on=world.today)
    with pytest.raises(NotSendable):
        way.depart()
    way.take_out(pack)
    assert where(world, pack) == {"shelf": 1}
    with pytest.raises(NothingSent):
        way.depart()


def test_what_is_held_or_promised_is_not_sent(world: World) -> None:
    held, way = world.pack(MASKS), Way(world)
    with pytest.raises(NotOnShelf):
        way.send(held)


def test_goods_for_a_cool_cabinet_go_only_where_there_is_one(world: World) -> None:
    pack = world.shelved(PARACETAMOL, station=world.other_station, by="elsewhere")
    item = select(Pack.item).where(Pack.id == pack).scalar_subquery()

    def must_stay_cool(session: Any) -> None:
        from inventory.models import Item

        row = session.execute(select(Item).where(Item.id == item)).scalar_one()
        facts = {**row.facts, "storage": "cool"}
        session.execute(update(Item).where(Item.id == row.id).values(facts=facts))

    world.db.write_now(must_stay_cool)
    new = NewTransfer(key=new_id(), source=world.other_station, target=world.station)
    made = world.db.write_now(transfers.draft, new, world.people["elsewhere"], world.now)
    code = str(world.db.read_now(registry.code_of, pack))
    order = SendPack(key=new_id(), transfer=made, code=code)
    with pytest.raises(NoCoolCabinet):
        world.db.write_now(transfers.send, order, world.people["elsewhere"], world.today, world.now)


def test_scanned_twice_it_says_so(world: World) -> None:
    pack, way = world.shelved(MASKS), Way(world)
    way.send(pack)
    with pytest.raises(AlreadySent):
        way.send(pack)
    way.depart()
    with pytest.raises(TransferStep):
        way.send(pack)
    way.arrive(pack)
    with pytest.raises(AlreadyArrived):
        way.arrive(pack)


# ---------------------------------------------------------------- parts of a bag


def test_a_part_of_a_bag_goes_with_a_label_of_its_own(world: World) -> None:
    pack, way = world.shelved(PARACETAMOL, quantity=9), Way(world)
    sent = way.send(pack, quantity=5)
    assert sent.pack != pack
    assert sent.label
    assert (where(world, pack), where(world, sent.pack)) == ({"shelf": 4}, {"transit": 5})
    way.depart()
    assert way.arrive(sent.pack).why == "kept"
    assert stands(world, sent.pack) == [(world.other_station, "shelf", 5)]
    story = world.db.read_now(packs.pack_history, sent.pack, world.people["elsewhere"], world.today)
    assert story.donation is not None
    agrees(world)


def test_a_blank_label_is_stuck_on_the_part(world: World) -> None:
    blank = world.db.write_now(registry.issue, 1, world.station, world.people["volunteer"], world.now).codes[0]
    pack, way = world.shelved(MASKS, quantity=12), Way(world)
    sent = way.send(pack, quantity=5, label=blank)
    assert (sent.label, way.code(sent.pack)) == (blank, blank)
    with pytest.raises(Refusal):
        way.send(pack, quantity=2, label=blank)
    assert where(world, pack) == {"shelf": 7}
    agrees(world)


def test_more_than_there_is_is_not_sent(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=3), Way(world)
    with pytest.raises(NotEnough):
        way.send(pack, quantity=4)
    assert way.send(pack, quantity=3).pack == pack


def test_a_part_that_must_be_released_anew_keeps_what_was_found_at_intake(world: World) -> None:
    pack, way = world.shelved(PARACETAMOL, quantity=9), Way(world)
    sent = way.send(pack, quantity=5)
    way.depart()
    way.arrive(sent.pack, sealed=False)
    case = world.db.read_now(hold.held, sent.pack, world.today)
    assert case is not None
    assert case.row.seen is not None


# ---------------------------------------------------------------- arriving


@pytest.mark.parametrize(
    ("hours", "sealed", "where_to", "why"),
    [
        (23, True, "shelf", "kept"),
        (24, True, "shelf", "kept"),
        (25, True, "hold", "late"),
        (1, False, "hold", "opened"),
    ],
)
def test_a_sealed_bag_of_a_day_keeps_its_release_and_any_other_waits_for_a_medic(
    world: World, hours: int, sealed: bool, where_to: str, why: str
) -> None:
    pack, way = world.shelved(PARACETAMOL), Way(world)
    way.send(pack)
    way.depart()
    order = Arrive(key=new_id(), transfer=way.id, code=way.code(pack), sealed=sealed)
    left = next(step.at for step in way.seen().steps if step.event == "depart")
    done = world.db.write_now(
        arrivals.receive, order, world.people["elsewhere"], world.today, left + timedelta(hours=hours)
    )
    assert (done.place_kind.value, done.why) == (where_to, why)
    case = world.db.read_now(hold.held, pack, world.today)
    assert (case is None) == (where_to == "shelf")
    if case is not None:
        assert case.waits_for() == {"medic"}


def test_what_was_recalled_on_the_way_lands_in_quarantine(world: World) -> None:
    pack, way = world.shelved(PARACETAMOL), Way(world)
    way.send(pack)
    way.depart()
    change_lot(world, pack, recalled_on=world.today)
    assert way.arrive(pack).place_kind is PlaceKind.QUARANTINE


def test_damaged_goods_go_into_the_waste_box_and_doubtful_ones_into_quarantine(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    way.send(pack)
    way.depart()
    with pytest.raises(Invalid):
        way.arrive(pack, quantity=1, how=How.DAMAGED)
    way.arrive(pack, quantity=1, how=How.DAMAGED, note="压扁")
    done = way.arrive(pack, how=How.WRONG_LABEL, note="盒上写的是别的")
    assert done.state is TransferState.CLOSED
    assert where(world, pack) == {"bin": 1, "quarantine": 5}
    assert world.db.read_now(stops.stopped, {pack}) == {pack}
    agrees(world)


def test_what_came_along_unscanned_is_booked_and_waits(world: World) -> None:
    pack, extra, way = world.shelved(MASKS), world.shelved(MASKS, lot_number="X"), Way(world)
    way.send(pack)
    way.depart()
    with pytest.raises(NotInTransfer):
        way.arrive(extra)
    order = Surplus(key=new_id(), transfer=way.id, code=way.code(extra), why=WhySurplus.NOT_SCANNED, note="漏扫")
    verb, who = arrivals.surplus, world.people["elsewhere"]
    done = world.db.write_now(verb, order, who, world.today, world.now)
    assert world.db.write_now(verb, order, who, world.today, world.now) == done
    assert stands(world, extra) == [(world.other_station, "hold", 1)]
    assert {line.pack: (line.sent, line.surplus) for line in way.seen().lines} == {pack: (1, 0), extra: (0, 1)}
    agrees(world)


def test_what_was_left_behind_comes_back_to_its_sender(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    way.send(pack)
    way.depart()
    way.arrive(pack, quantity=4)
    way.missing()
    assert way.back(pack).state is TransferState.CLOSED
    assert sorted(stands(world, pack), key=lambda one: one[2]) == [
        (world.station, "shelf", 2),
        (world.other_station, "shelf", 4),
    ]
    agrees(world)


def test_a_loss_is_settled_by_a_coordinator_and_only_once_it_was_reported(world: World) -> None:
    pack, way = world.shelved(MASKS), Way(world)
    way.send(pack)
    way.depart()
    with pytest.raises(TransferStep):
        way.lost(pack)
    way.missing()
    with pytest.raises(Forbidden):
        way.lost(pack, by="volunteer")
    assert way.lost(pack) is TransferState.CLOSED
    assert where(world, pack) == {}
    agrees(world)


def test_whoever_had_a_hand_in_it_does_not_settle_it(world: World) -> None:
    from msgspec.structs import replace

    from app.base.permissions import Role

    pack, way = world.shelved(MASKS), Way(world)
    way.send(pack)
    way.depart()
    way.missing()
    world.people["promoted"] = replace(
        world.people["volunteer"], role=Role.COORDINATOR, communities=frozenset({world.community})
    )
    with pytest.raises(OtherPersonNeeded):
        way.lost(pack, by="promoted")


# ---------------------------------------------------------------- called off


def test_called_off_before_it_left_everything_stands_as_before(world: World) -> None:
    pack, way = world.shelved(PARACETAMOL, quantity=6), Way(world)
    before = stands(world, pack)
    way.send(pack)
    way.call_off()
    assert stands(world, pack) == before
    assert way.state is TransferState.CANCELLED
    agrees(world)


def test_called_off_on_the_way_its_bag_is_looked_at(world: World) -> None:
    pack, way = world.shelved(PARACETAMOL, quantity=6), Way(world)
    way.send(pack)
    way.depart()
    with pytest.raises(SealNeeded):
        way.call_off()
    way.call_off(sealed=False)
    assert stands(world, pack) == [(world.station, "hold", 6)]
    agrees(world)


def test_once_something_arrived_it_is_not_called_off(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    way.send(pack)
    way.depart()
    way.arrive(pack, quantity=1)
    with pytest.raises(TransferStep):
        way.call_off(sealed=True)


# ---------------------------------------------------------------- at once


def at_once(world: World, *verbs: Any) -> list[Any]:
    def run(verb: Any) -> Any:
        try:
            return verb()
        except Refusal as no:
            return no.code

    with ThreadPoolExecutor(len(verbs)) as hands:
        return [done.result() for done in [hands.submit(run, verb) for verb in verbs]]


def test_two_phones_send_the_same_pack_at_once(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    done = at_once(world, lambda: way.send(pack), lambda: way.send(pack, by="second"))
    assert sorted(isinstance(one, Sent) for one in done) == [False, True]
    assert where(world, pack) == {"transit": 6}
    agrees(world)


def test_two_phones_receive_the_same_pack_at_once(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    way.send(pack)
    way.depart()
    done = at_once(world, lambda: way.arrive(pack), lambda: way.arrive(pack))
    assert sorted(str(one) for one in done if not isinstance(one, Arrived)) == ["ALREADY_ARRIVED"]
    assert stands(world, pack) == [(world.other_station, "shelf", 6)]
    agrees(world)


def test_received_and_called_off_at_once_it_is_one_of_the_two(world: World) -> None:
    pack, way = world.shelved(MASKS, quantity=6), Way(world)
    way.send(pack)
    way.depart()
    at_once(world, lambda: way.arrive(pack), lambda: way.call_off(sealed=True))
    assert [held for _, _, held in stands(world, pack)] == [6]
    assert way.state in (TransferState.CLOSED, TransferState.CANCELLED)
    agrees(world)


# ---------------------------------------------------------------- seen


def test_both_stations_see_it_and_nobody_else(world: World) -> None:
    pack, way = world.shelved(MASKS), Way(world)
    way.send(pack)
    here, there = way.seen("volunteer").row, way.seen("elsewhere").row
    assert (here.sends, here.receives, there.sends, there.receives) == (True, False, False, True)
    for by in ("volunteer", "elsewhere", "coordinator", "office"):
        assert [one.id for one in world.db.read_now(transfer_lists.transfers, world.people[by])] == [way.id]
    with pytest.raises(NotFound):
        way.seen("member")
    assert world.db.read_now(transfer_lists.transfers, world.people["member"]) == ()
    world.db.read_now(under_way.in_reach, way.id, world.people["elsewhere"])


def test_the_agreement_names_goods_on_the_way_for_nothing(world: World) -> None:
    pack, way = world.shelved(MASKS), Way(world)
    way.send(pack)

    def close_by_hand(session: Any) -> None:
        from inventory.moving.transfer_models import Transfer

        session.execute(update(Transfer).values(state=TransferState.CLOSED))

    world.db.write_now(close_by_hand)
    (fault,) = world.db.read_now(lambda session: list(agreement.faults(session)))
    assert "on the way" in fault
    assert world.db.read_now(lambda s: s.execute(select(Place.id).where(Place.kind == "transit")).scalars().all())
