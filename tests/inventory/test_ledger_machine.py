"""Whatever people do in whatever order: what came in is somewhere, no place is below zero, reversal restores."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from app.base.clock import Clock
from app.base.db import SqliteDatabase
from app.base.errors import Refusal
from app.base.ids import new_id
from inventory import ledger, stations
from inventory.errors import NotReleasable
from inventory.ledger import Spot
from inventory.models import Holding, Movement, Pack
from inventory.receiving import donations, intake
from inventory.receiving.donations import TakeBack
from inventory.receiving.intake import NewDonation
from inventory.releasing import release
from inventory.releasing.release import RefusePack, ReleasePack, Why
from tests.inventory import world as worlds
from tests.inventory.world import MASKS, PARACETAMOL, World

Sums = dict[UUID, int]
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Station(RuleBasedStateMachine):
    """A station's day in any order, with a plain sum per pack kept beside it as the model."""

    template: Path
    packs = Bundle("packs")
    sent = Bundle("sent")
    movements = Bundle("movements")

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nuanxin-machine-"))
        file = self.folder / "nuanxin.sqlite3"
        shutil.copy(self.template, file)
        self.db = SqliteDatabase(file, synchronous="OFF")
        self.world: World = worlds.build(self.db, Clock("Asia/Shanghai", lambda: NOW), self.folder / "keys")
        found = self.db.read_now(stations.places, self.world.station)
        assert found.cabinet is not None
        self.spots = {"shelf": found.shelf, "cabinet": found.cabinet, "reserved": found.reserved, "hold": found.hold}
        self.came: Sums = {}
        self.left: Counter[UUID] = Counter()

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.folder)

    # ------------------------------------------------------------ what people do

    @rule(
        target=packs,
        code=st.sampled_from([MASKS, PARACETAMOL]),
        quantity=st.integers(1, 4),
        each=st.sampled_from([False, False, True]),
        lot=st.sampled_from("AB"),
        shelved=st.booleans(),
    )
    def receive(self, code: str, quantity: int, each: bool, lot: str, shelved: bool) -> Any:
        new = self.world.donation(code, quantity=quantity, packs=quantity if each else 1, lot_number=lot)
        packs = self._receive(new)
        for pack in packs if shelved else ():
            with suppress(NotReleasable):  # the lot was recalled meanwhile
                self._release(ReleasePack(key=new_id(), pack=pack), "medic" if code == PARACETAMOL else "second")
        return multiple(*packs)

    def _receive(self, new: NewDonation) -> list[UUID]:
        actor = self.world.people["volunteer"]
        got = self.db.write_now(intake.receive, self.world.vault, new, actor, self.world.today, NOW)
        self.last = new, got
        booked = [line for line in got.lines if line.pack is not None]
        self.came.update({line.pack: line.quantity for line in booked if line.pack is not None})
        return [line.pack for line in booked if line.pack is not None]

    @rule()
    def send_the_last_donation_again(self) -> None:
        if hasattr(self, "last"):
            new, got = self.last
            before = self.db.read_now(ledger.count)
            actor = self.world.people["volunteer"]
            again = self.db.write_now(intake.receive, self.world.vault, new, actor, self.world.today, NOW)
            assert (again.donation, again.fresh) == (got.donation, got.fresh)
            assert self.db.read_now(ledger.count) == before

    @rule(target=sent, pack=packs, by=st.sampled_from(["second", "medic", "coordinator", "volunteer"]))
    def release(self, pack: UUID, by: str) -> Any:
        order = ReleasePack(key=new_id(), pack=pack)
        try:
            self._release(order, by)
        except Refusal:
            return multiple()
        return order, by

    def _release(self, order: ReleasePack, by: str) -> release.Decision:
        return self.db.write_now(release.release, order, self.world.people[by], self.world.today, NOW)

    @rule(earlier=sent)
    def send_a_release_again(self, earlier: tuple[ReleasePack, str]) -> None:
        before = self._holdings()
        self._release(*earlier)
        assert self._holdings() == before

    @rule(pack=packs, by=st.sampled_from(["second", "medic"]))
    def refuse(self, pack: UUID, by: str) -> None:
        order, held = RefusePack(key=new_id(), pack=pack, reason=Why.OTHER), self._units(pack)
        try:
            self.db.write_now(release.refuse, order, self.world.people[by], self.world.today, NOW)
        except Refusal:
            assert self._units(pack) == held
        else:
            self.left[pack] += held - self._units(pack)

    @rule(
        target=movements,
        pack=packs,
        way=st.lists(
            st.tuples(
                st.sampled_from(["here", "here", "here", "shelf", "reserved"]),
                st.sampled_from(["residents", "shelf", "cabinet", "reserved", "hold"]),
                st.integers(1, 5),
                st.sampled_from([False, False, True]),
            ),
            min_size=1,
            max_size=5,
        ),
    )
    def move(self, pack: UUID, way: list[tuple[str, str, int, bool]]) -> Any:
        made = [self._try_move(pack, *step) for step in way]
        return multiple(*(movement for movement in made if movement is not None))

    def _try_move(self, pack: UUID, source: str, goal: str, quantity: int, greedy: bool) -> UUID | None:
        start, target = self._spot(source, pack), self.spots.get(goal, ledger.TO_RESIDENTS)
        if start is None or start.id == target.id:
            return None
        held, before = self.db.read_now(ledger.held, start.id, pack), self._holdings()
        quantity = quantity if greedy else max(1, min(quantity, held))
        try:
            movement = self._move(pack, quantity, start, target)
        except Refusal:
            assert held < quantity
            assert self._holdings() == before
            return None
        assert held >= quantity
        self.left[pack] += 0 if target.real else quantity
        return movement

    def _spot(self, source: str, pack: UUID) -> Spot | None:
        if source != "here":
            return self.spots[source]
        places = self.db.read_now(ledger.whereabouts, pack)
        return Spot(places[0][0].id, places[0][0].kind) if places else None

    def _move(self, pack: UUID, quantity: int, source: Spot, target: Spot) -> UUID:
        args = (pack, quantity, source, target, "move", self.world.people["volunteer"], NOW)
        return self.db.write_now(ledger.move, *args)

    @rule(movement=movements, again=st.booleans())
    def reverse(self, movement: UUID, again: bool) -> None:
        for _ in range(2 if again else 1):
            self._reverse(movement)

    def _reverse(self, movement: UUID) -> None:
        before = self._holdings()
        try:
            back = self.db.write_now(ledger.reverse, movement, "mistake", self.world.people["volunteer"], NOW)
        except Refusal:
            assert self._holdings() == before
            return
        made, undone = self.db.read_now(self._lines, movement, back)
        assert (made.source, made.target, made.quantity) == (undone.target, undone.source, undone.quantity)
        after = self._holdings()
        for place, sign in ((made.source, 1), (made.target, -1)):
            if place != ledger.RESIDENTS:
                assert after[place, made.pack] == before[place, made.pack] + sign * made.quantity
        self.left[made.pack] -= made.quantity if made.target == ledger.RESIDENTS else 0

    @rule()
    def take_the_last_line_back(self) -> None:
        if not hasattr(self, "last"):
            return
        line = self.last[1].lines[-1]
        undo = TakeBack(key=new_id(), line=line.line)
        try:
            self.db.write_now(donations.take_back, undo, self.world.people["volunteer"], NOW)
        except Refusal:
            return
        assert line.pack is not None
        self.left[line.pack] += line.quantity

    # ------------------------------------------------------------ what always holds

    @invariant()
    def every_unit_that_came_is_somewhere_or_has_left(self) -> None:
        for pack, came in getattr(self, "came", {}).items():
            assert self._units(pack) == came - self.left[pack]

    @invariant()
    def every_lot_adds_up(self) -> None:
        if not hasattr(self, "db"):
            return
        for real, booked in self.db.read_now(self._by_lot).values():
            assert real == booked

    @invariant()
    def the_books_agree_and_nothing_is_below_zero(self) -> None:
        if hasattr(self, "db"):
            assert self.db.read_now(lambda session: list(ledger.faults(session))) == []
            assert min(self._holdings().values(), default=0) >= 0

    def _units(self, pack: UUID) -> int:
        return sum(quantity for (_, held), quantity in self._holdings().items() if held == pack)

    def _holdings(self) -> Counter[tuple[UUID, UUID]]:
        rows = self.db.read_now(lambda session: session.execute(select(Holding)).scalars().all())
        return Counter({(row.place, row.pack): row.quantity for row in rows})

    @staticmethod
    def _lines(session: Any, *ids: UUID) -> list[Movement]:
        return [session.execute(select(Movement).where(Movement.id == one)).scalar_one() for one in ids]

    @staticmethod
    def _by_lot(session: Any) -> dict[UUID, tuple[int, int]]:
        """By lot: units in real places, and units in less units out by the movements over the virtual places."""
        virtual = (ledger.DONOR, ledger.RESIDENTS, ledger.DISPOSAL, ledger.CORRECTION)
        real = session.execute(
            select(Pack.lot, func.sum(Holding.quantity)).join(Pack, Pack.id == Holding.pack).group_by(Pack.lot)
        )
        booked: Counter[UUID] = Counter()
        moved = select(Pack.lot, Movement.quantity, Movement.source, Movement.target)
        for lot, quantity, source, target in session.execute(moved.join(Pack, Pack.id == Movement.pack)):
            booked[lot] += quantity * ((source in virtual) - (target in virtual))
        return {lot: (units, booked[lot]) for lot, units in real}


def test_the_books_hold_whatever_people_do(migrated_sqlite: Path) -> None:
    Station.template = migrated_sqlite
    run_state_machine_as_test(
        Station,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
