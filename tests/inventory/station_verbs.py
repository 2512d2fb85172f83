"""Every verb that moves goods in a station, as rules of the state machine: moved, sent, lost, counted, undone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, multiple, rule
from sqlalchemy import select

from app.base import spreadsheets
from app.base.errors import Refusal
from app.base.ids import new_id
from app.base.workbooks import Sheet, workbook
from inventory import agreement, ledger, stations
from inventory.counting import comparing, stocktake, variance
from inventory.counting.stocktake_models import LineState, StocktakeLine
from inventory.counting.stocktake_rules import Moment, at_moment
from inventory.kitting import kit_bags, kit_recipes
from inventory.kitting.kit_recipes import RecipeLine, SaveRecipe
from inventory.models import Movement, Pack, Place, PlaceKind
from inventory.moving import arrivals, moves, transfers
from inventory.papers import opening
from inventory.papers.opening import ApplyOpening
from inventory.recalling import recalls
from inventory.receiving import sitting
from inventory.releasing import unrelease
from inventory.undoing import undo
from inventory.wasting import bin as waste
from inventory.wasting import disposal, losses
from labels import registry
from tests.inventory.test_ledger_machine import NOW, Station
from tests.inventory.test_opening import GOOD, HEADS
from tests.inventory.world import MASKS, PARACETAMOL

AT_HAND = st.sampled_from(["shelf", "cabinet", "hold"])


class Store(Station):
    """A station of which every verb is used, in any order; the model beside it stays a plain sum per pack."""

    @initialize(target=Station.packs)
    def open(self) -> Any:
        super().open()
        line = RecipeLine(item=self.world.items[MASKS], quantity=1)
        order = SaveRecipe(key=new_id(), lines=(line,), name_zh="口罩包", name_en="Masks", valid_from=self.world.today)
        self.recipe = self._write(kit_recipes.save, order, "coordinator", self.world.today).id
        self.way: UUID | None = None
        self.sealed: UUID | None = None
        self.bag: UUID | None = None
        self.loss: UUID | None = None
        self.aside: UUID | None = None
        self.moved: UUID | None = None
        shelf = [(MASKS, 4), (MASKS, 2), (PARACETAMOL, 3), (PARACETAMOL, 1)]
        made = [self.receive(code, units, False, "A", True).values[0] for code, units in shelf]
        return multiple(*made)

    # ------------------------------------------------------------ how a verb is done

    def _write(self, verb: Any, order: Any, by: str, *more: Any, later: timedelta = timedelta()) -> Any:
        return self.db.write_now(verb, order, self.world.people[by], *more, NOW + later)

    def _do(self, verb: Any, order: Any, by: str, *more: Any, out: Counter[UUID] | None = None) -> Any:
        """Do it and note what left (below zero: came back); a refusal has changed nothing."""
        before = self._holdings()
        try:
            done = self._write(verb, order, by, *more)
        except Refusal:
            assert self._holdings() == before
            return None
        self.left.update(out or Counter())
        return done

    def _code(self, pack: UUID | None) -> str:
        code = self.db.read_now(registry.code_of, pack) if pack is not None else None
        return code or "AAAA-AAAA-AAAA"

    def _held(self, place: UUID) -> dict[UUID, int]:
        return {pack: units for (at, pack), units in self._holdings().items() if at == place and units}

    def _known(self, pack: UUID) -> UUID:
        self.came.setdefault(pack, 0)
        return pack

    def _spot(self, source: str, pack: UUID) -> ledger.Spot | None:
        """Plain movements touch no place that a transfer, a waste box or a kit keeps its own record of."""
        spot = super()._spot(source, pack)
        kept = {PlaceKind.TRANSIT, PlaceKind.BIN, PlaceKind.KIT}
        return None if spot is not None and spot.kind in kept else spot

    # ------------------------------------------------------------ take in

    @rule(target=Station.packs, boxes=st.integers(1, 3), bag=st.booleans())
    def receive_boxes(self, boxes: int, bag: bool) -> Any:
        new = sitting.NewBoxes(
            key=new_id(), station=self.world.station, declared=True, looked=True, item=self.world.items[MASKS],
            lot_number="A", expiry="2028-05", boxes=boxes, bag=bag,
        )  # fmt: skip
        args = (self.world.vault, new, self.world.people["volunteer"], self.world.today, NOW)
        got = self.db.write_now(sitting.receive_boxes, *args)
        fresh = [line for line in got.lines if line.line in got.fresh and line.pack is not None]
        self.came.update({line.pack: line.quantity for line in fresh if line.pack is not None})
        return multiple(*(line.pack for line in fresh))

    @rule(target=Station.packs)
    def record_opening_stock(self) -> Any:
        data = workbook(
            [Sheet(title=new_id().hex[:20], headings=HEADS, rows=[(*GOOD[:3], new_id().hex[:9], *GOOD[4:])])]
        )
        coordinator, today = self.world.people["coordinator"], self.world.today
        draft = opening.draft(data, spreadsheets.read(data))
        run = self.db.write_now(opening.begin, new_id(), self.world.station, draft, coordinator, NOW).id
        self.db.write_now(opening.apply, run, ApplyOpening(looked=True), coordinator, today, NOW)
        while self.db.write_now(opening.apply_part, run, coordinator, today, NOW):
            continue
        (row,) = self.db.read_now(opening.view, run, coordinator, today).rows
        assert row.pack is not None
        self.came[row.pack] = row.quantity
        return multiple(row.pack)

    # ------------------------------------------------------------ put elsewhere

    @rule(pack=Station.packs, to=st.sampled_from(["货架A", "货架B", "药品柜", "待检箱"]))
    def move_pack(self, pack: UUID, to: str) -> None:
        place = self.db.read_now(self._place, to)
        order = moves.MovePack(key=new_id(), pack=pack, place=place)
        moved = self._do(moves.move_pack, order, "volunteer", self.world.today)
        self.moved = moved.move if moved else self.moved

    def _place(self, session: Any, name: str) -> UUID:
        wanted = select(Place.id).where(Place.station == self.world.station, Place.name == name)
        found: UUID = session.execute(wanted).scalar_one()
        return found

    @rule()
    def move_back(self) -> None:
        if self.moved is not None:
            self._do(moves.move_back, moves.MoveBack(key=new_id(), move=self.moved), "volunteer", self.world.today)

    @rule(pack=Station.packs)
    def take_a_release_back(self, pack: UUID) -> None:
        last = select(Movement.subject).where(Movement.pack == pack, Movement.reason == "release")
        batch = self.db.read_now(lambda session: session.execute(last).scalars().first())
        if batch is not None:
            self._do(unrelease.unrelease, unrelease.Unrelease(key=new_id(), batch=batch), "second")

    # ------------------------------------------------------------ transfers

    @rule(pack=Station.packs, units=st.sampled_from([None, 1]))
    def send(self, pack: UUID, units: int | None) -> None:
        if self.way is None:
            new = transfers.NewTransfer(key=new_id(), source=self.world.station, target=self.world.other_station)
            self.way = self._write(transfers.draft, new, "volunteer")
        order = transfers.SendPack(key=new_id(), transfer=self.way, code=self._code(pack), quantity=units)
        sent = self._do(transfers.send, order, "volunteer", self.world.today)
        if sent and sent.split is not None:
            self.left.update({pack: sent.quantity, self._known(sent.pack): -sent.quantity})

    def _on_the_way(self) -> list[UUID]:
        if self.way is None:
            return []
        place = self.db.read_now(lambda session: session.get_one(transfers.Transfer, self.way).place)
        return sorted(self._held(place))

    @rule()
    def take_out_of_the_transfer(self) -> None:
        for pack in self._on_the_way()[:1]:
            order = transfers.TakeOut(key=new_id(), transfer=self.way or new_id(), pack=pack)
            self._do(transfers.take_out, order, "volunteer")

    @rule()
    def depart(self) -> None:
        if self.way is not None:
            self._do(transfers.depart, transfers.Depart(key=new_id(), transfer=self.way), "volunteer", self.world.today)

    @rule(how=st.sampled_from(list(arrivals.How)), sealed=st.booleans())
    def arrive(self, how: arrivals.How, sealed: bool) -> None:
        for pack in self._on_the_way()[:1]:
            order = arrivals.Arrive(
                key=new_id(), transfer=self.way or new_id(), code=self._code(pack), sealed=sealed, quantity=1, how=how,
                note="到了",
            )  # fmt: skip
            self._do(arrivals.receive, order, "elsewhere", self.world.today)

    @rule(pack=Station.packs)
    def arrive_though_it_was_not_sent(self, pack: UUID) -> None:
        if self.way is not None:
            order = arrivals.Surplus(
                key=new_id(), transfer=self.way, code=self._code(pack), why=arrivals.WhySurplus.UNKNOWN, note="多的"
            )
            self._do(arrivals.surplus, order, "elsewhere", self.world.today)

    @rule()
    def come_back(self) -> None:
        for pack in self._on_the_way()[:1]:
            order = arrivals.ComeBack(
                key=new_id(), transfer=self.way or new_id(), code=self._code(pack), sealed=True, note="没带走"
            )
            self._do(arrivals.come_back, order, "volunteer", self.world.today)

    @rule()
    def write_off_what_never_came(self) -> None:
        for pack in self._on_the_way()[:1]:
            way, why = self.way or new_id(), arrivals.WhyMissing.UNKNOWN
            units = sum(u for (at, one), u in self._holdings().items() if one == pack and at == self._way_place())
            missing = arrivals.Missing(key=new_id(), transfer=way, why=why, note="没有到")
            self._do(arrivals.report_missing, missing, "elsewhere")
            lost = arrivals.Lost(key=new_id(), transfer=way, pack=pack, note="找过了")
            self._do(arrivals.write_off, lost, "coordinator", out=Counter({pack: units}))

    def _way_place(self) -> UUID:
        return self.db.read_now(lambda session: session.get_one(transfers.Transfer, self.way).place)

    @rule()
    def begin_another_transfer(self) -> None:
        if not self._on_the_way():
            self.way = None

    # ------------------------------------------------------------ losses and waste

    @rule(pack=Station.packs, units=st.integers(1, 2), given_back=st.booleans())
    def lose(self, pack: UUID, units: int, given_back: bool) -> None:
        why = losses.WhyLost.GIVEN_BACK if given_back else losses.WhyLost.MISSING
        order = losses.ReportLoss(
            key=new_id(), station=self.world.station, pack=pack, quantity=units, why=why, note="不见了"
        )
        gone = self._do(losses.report, order, "volunteer", self.world.today, out=Counter({pack: units}))
        self.loss = gone.loss if gone else self.loss

    @rule(confirmed=st.booleans())
    def decide_a_loss(self, confirmed: bool) -> None:
        if self.loss is None:
            return
        loss = self.db.read_now(lambda session: session.get_one(losses.Loss, self.loss))
        back = Counter() if confirmed else Counter({loss.pack: -loss.quantity})
        self._do(
            losses.decide, losses.DecideLoss(key=new_id(), loss=loss.id, confirmed=confirmed), "coordinator", out=back
        )

    @rule(pack=Station.packs)
    def find_again(self, pack: UUID) -> None:
        order = losses.FindAgain(
            key=new_id(), station=self.world.station, code=self._code(pack), quantity=1, note="找到了"
        )
        self._do(losses.find, order, "volunteer", self.world.today, out=Counter({pack: -1}))

    @rule(pack=Station.packs)
    def set_aside(self, pack: UUID) -> None:
        order = waste.SetAside(
            key=new_id(), station=self.world.station, code=self._code(pack), why=waste.WhyWaste.DAMAGED
        )
        done = self._do(waste.set_aside, order, "volunteer", self.world.today)
        self.aside = done.aside if done else self.aside

    @rule()
    def put_back_from_the_bin(self) -> None:
        if self.aside is not None:
            self._do(waste.put_back, waste.PutBack(key=new_id(), aside=self.aside), "volunteer")

    @rule()
    def seal_the_bin(self) -> None:
        own = self.db.read_now(stations.places, self.world.station)
        inside = len(self._held(own.bin.id))
        if inside and self.sealed is None:
            order = disposal.SealBin(key=new_id(), station=self.world.station, packs=inside, grams=10, seal="F1")
            self.sealed = self._do(disposal.seal, order, "volunteer")

    @rule()
    def open_the_bin_again(self) -> None:
        if self.sealed is not None:
            self._do(disposal.reopen, disposal.Reopen(key=new_id(), disposal=self.sealed, note="封错"), "volunteer")
            self.sealed = None

    @rule()
    def destroy(self) -> None:
        if self.sealed is None:
            return
        place = self.db.read_now(lambda session: session.get_one(disposal.Disposal, self.sealed).place)
        inside = Counter(self._held(place))
        self._do(disposal.witness, disposal.Witness(key=new_id(), disposal=self.sealed), "coordinator")
        order = disposal.HandBinOver(
            key=new_id(), disposal=self.sealed, taker="处置中心", receipt="1", taken_on=self.world.today
        )
        self._do(disposal.hand_over, order, "volunteer", self.world.today, out=inside)
        self.sealed = None

    # ------------------------------------------------------------ kits, recalls

    @rule(pack=Station.packs)
    def assemble(self, pack: UUID) -> None:
        order = kit_bags.Assemble(key=new_id(), kit=self.recipe, station=self.world.station, packs=(pack,))
        made = self._do(kit_bags.assemble, order, "volunteer", self.world.today)
        self.bag = made.bags[0] if made else self.bag

    @rule()
    def take_apart(self) -> None:
        if self.bag is not None:
            self._do(
                kit_bags.take_apart, kit_bags.TakeApart(key=new_id(), bags=(self.bag,)), "volunteer", self.world.today
            )

    @rule()
    def put_together(self) -> None:
        if self.bag is not None:
            order = kit_bags.PutTogether(key=new_id(), bag=self.bag)
            self._do(kit_bags.together, order, "volunteer", self.world.today)

    @rule(pack=Station.packs, really=st.sampled_from([False] * 9 + [True]))
    def recall(self, pack: UUID, really: bool) -> None:
        number = select(recalls.Lot.number).join(Pack, Pack.lot == recalls.Lot.id).where(Pack.id == pack)
        if really:
            lot = self.db.read_now(lambda session: session.execute(number).scalar_one())
            order = recalls.NewRecall(
                key=new_id(),
                title="召回",
                severity=2,
                criteria=(recalls.Criterion(lot_number=lot, item=self._item(pack)),),
            )
            opened = self._do(recalls.open_recall, order, "medic", self.world.today)
            while opened and self.db.write_now(recalls.pull, opened, self.world.people["medic"], NOW):
                continue

    def _item(self, pack: UUID) -> UUID:
        return self.db.read_now(lambda session: session.get_one(Pack, pack).item)

    # ------------------------------------------------------------ stocktake

    @rule(
        target=Station.packs,
        pack=Station.packs,
        where=AT_HAND,
        off=st.integers(-2, 2),
        found=st.sampled_from([0, 0, 1]),
        goes_on=st.booleans(),
    )
    def count_and_correct(self, pack: UUID, where: str, off: int, found: int, goes_on: bool) -> Any:
        """Everything in a place is counted twice, one pack with ``off`` units more or less than the books say."""
        place = self.spots[where].id
        try:
            take = self._open(place)
            self._count_all(take, place, pack, off, found, by="volunteer")
            self._write(comparing.finish, comparing.Finish(key=new_id(), stocktake=take, empty=True), "volunteer")
        except Refusal:
            return multiple()
        if goes_on:
            self._try_move(pack, where, "residents", 1, False)
        for line in self._lines_in(take, LineState.RECOUNT):
            self._write(comparing.start_recount, comparing.Recount(key=new_id(), line=line.id), "second")
            self._count_all(take, place, pack, off, found, by="second", line=line)
            self._write(comparing.finish_recount, comparing.Recount(key=new_id(), line=line.id), "second")
        fresh = self._approve_all(take)
        end = variance.EndStocktake(key=new_id(), stocktake=take, leave=True)
        self._write(variance.end, end, "coordinator")
        return multiple(*fresh)

    def _open(self, place: UUID) -> UUID:
        order = stocktake.OpenStocktake(key=new_id(), station=self.world.station, places=(place,))
        take: UUID = self._write(stocktake.open_stocktake, order, "volunteer")
        return take

    def _count_all(
        self, take: UUID, place: UUID, pack: UUID, off: int, found: int, *, by: str, line: StocktakeLine | None = None
    ) -> None:
        for one in sorted(set(self.came) | {pack}):
            stands = self.db.read_now(self._stands, one, place) + (off if one == pack else 0)
            lot = self.db.read_now(lambda session, one=one: session.get_one(Pack, one).lot)
            if stands <= 0 or self.db.read_now(registry.code_of, one) is None or (line is not None and lot != line.lot):
                continue
            order = stocktake.CountScan(
                key=new_id(), stocktake=take, place=place, line=line.id if line else None, text=self._code(one),
                quantity=stands,
            )  # fmt: skip
            self._write(stocktake.scan, order, by)
        if found and (line is None or line.lot == self._lot_of_finds(line)):
            order = stocktake.CountFound(
                key=new_id(), stocktake=take, place=place, line=line.id if line else None, quantity=found,
                item=self.world.items[MASKS], lot_number="F", expiry="2028-05",
            )  # fmt: skip
            self._write(stocktake.found, order, by)

    def _lot_of_finds(self, line: StocktakeLine) -> UUID | None:
        lot = self.db.read_now(lambda session: session.get_one(recalls.Lot, line.lot))
        return lot.id if lot.number == "F" else None

    @staticmethod
    def _stands(session: Any, pack: UUID, place: UUID) -> int:
        way = comparing.ways(session, [pack])[pack]
        return at_moment(way, Moment(NOW, UUID(int=2**128 - 1))).units[place]

    def _lines_in(self, take: UUID, state: LineState) -> list[StocktakeLine]:
        wanted = select(StocktakeLine).where(StocktakeLine.stocktake == take, StocktakeLine.state == state)
        return self.db.read_now(lambda session: list(session.execute(wanted).scalars()))

    def _approve_all(self, take: UUID) -> list[UUID]:
        """Approve line by line: one that has become impossible must not keep the others; the packs that were found."""
        fresh: list[UUID] = []
        for line in self._lines_in(take, LineState.DECIDE):
            out: Counter[UUID] = Counter()
            for entry in comparing.entries_of(line):
                if entry.pack is not None:
                    out[self._known(entry.pack)] -= entry.rest
            words = (variance.LineWord(line=line.id, why=variance.WhyVariance.UNKNOWN),)
            order = variance.ApproveCount(key=new_id(), stocktake=take, lines=words)
            done = self._do(variance.approve, order, "coordinator", self.world.today, out=out)
            for pack in done.found if done else ():
                self.came[pack] = self.db.read_now(lambda session, pack=pack: session.get_one(Pack, pack).quantity)
                fresh.append(pack)
        return fresh

    # ------------------------------------------------------------ undo

    @rule(pack=Station.packs, nth=st.integers(0, 5), by=st.sampled_from(["volunteer", "coordinator"]))
    def undo(self, pack: UUID, nth: int, by: str) -> None:
        rows = (
            select(Movement.id).where(Movement.pack == pack, Movement.reverses.is_(None)).order_by(Movement.id.desc())
        )
        made = self.db.read_now(lambda session: session.execute(rows).scalars().all())
        if not made:
            return
        movement = made[nth % len(made)]
        out: Counter[UUID] = Counter()
        for step in self.db.read_now(undo.act, movement).steps:
            out[self._known(step.pack)] += step.quantity * self._leaves(step)
        order = undo.Undo(key=new_id(), movement=movement, why=undo.Why.WRONG_THING)
        self._do(undo.undo, order, by, self.world.today, out=out)

    @staticmethod
    def _leaves(step: undo.Step) -> int:
        """1 where the reversal takes goods out of the real places, -1 where it brings them back."""
        real = [ledger.Spot(*end).real for end in ((step.source, step.source_kind), (step.target, step.target_kind))]
        return {(False, True): 1, (True, False): -1}.get((real[0], real[1]), 0)

    # ------------------------------------------------------------ what always holds

    @invariant()
    def every_record_agrees_with_the_ledger(self) -> None:
        if hasattr(self, "db"):
            assert self.db.read_now(lambda session: list(agreement.faults(session))) == []
            assert self.db.read_now(lambda session: list(registry.faults(session))) == []
