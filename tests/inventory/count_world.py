"""A station that counts: what people do in a stocktake, in a line each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.base.ids import new_id
from app.base.permissions import Role, ScopeKind
from inventory import ledger, stations
from inventory.counting import comparing, stocktake, variance
from inventory.counting.comparing import Finish, Recount
from inventory.counting.stocktake import CountFound, CountScan, OpenStocktake, Tally, Withdraw
from inventory.counting.stocktake_models import LineState, Stocktake, StocktakeLine, StocktakeState
from inventory.counting.variance import ApproveCount, Approved, EndStocktake, LineWord, RefuseCount, WhyVariance
from inventory.models import Place
from inventory.moving import moves
from inventory.moving.moves import MovePack
from labels import registry
from tests.conftest import Hands
from tests.inventory import world as worlds
from tests.inventory.world import World


class Hall:
    """A world with a third volunteer, and a stocktake that its people work at. Time goes on with every act."""

    def __init__(self, world: World, hands: Hands) -> None:
        self.world, self.db, self.hands = world, world.db, hands
        self.take: UUID = new_id()
        here = (ScopeKind.STATION, world.station)
        world.people["third"] = self.db.write_now(
            worlds._account, world.vault, "third", Role.VOLUNTEER, (here,), world.now
        )

    @property
    def now(self) -> datetime:
        return self.hands.at

    def later(self, **more: Any) -> datetime:
        self.hands.at += timedelta(**(more or {"seconds": 1}))
        return self.hands.at

    def place(self, name: str, station: UUID | None = None) -> UUID:
        wanted = select(Place.id).where(Place.station == (station or self.world.station), Place.name == name)
        found: UUID = self.db.read_now(lambda session: session.execute(wanted).scalar_one())
        return found

    def do(self, verb: Any, order: Any, by: str, *more: Any) -> Any:
        return self.db.write_now(verb, order, self.world.people[by], *more, self.later())

    # ------------------------------------------------------------ the count

    def open(self, *places: str, by: str = "volunteer") -> UUID:
        order = OpenStocktake(
            key=new_id(), station=self.world.station, places=tuple(self.place(name) for name in places)
        )
        self.take = self.do(stocktake.open_stocktake, order, by)
        return self.take

    def scan(
        self, pack: UUID, place: str, units: int | None = None, *, by: str = "volunteer", line: UUID | None = None,
        **more: Any,
    ) -> Tally:  # fmt: skip
        code = self.db.read_now(registry.code_of, pack)
        assert code is not None
        order = CountScan(
            **{
                "key": new_id(), "stocktake": self.take, "place": self.place(place), "line": line, "text": code,
                "quantity": units, **more,
            }
        )  # fmt: skip
        told: Tally = self.do(stocktake.scan, order, by)
        return told

    def found(self, place: str, quantity: int, *, by: str = "volunteer", **more: Any) -> Tally:
        order = CountFound(key=new_id(), stocktake=self.take, place=self.place(place), quantity=quantity, **more)
        told: Tally = self.do(stocktake.found, order, by)
        return told

    def withdraw(self, scan: UUID, by: str = "volunteer") -> None:
        self.do(stocktake.withdraw, Withdraw(key=new_id(), scan=scan), by)

    def finish(self, by: str = "volunteer", *, empty: bool = False) -> None:
        self.do(comparing.finish, Finish(key=new_id(), stocktake=self.take, empty=empty), by)

    def start(self, line: UUID, by: str = "second") -> None:
        self.do(comparing.start_recount, Recount(key=new_id(), line=line), by)

    def end_recount(self, line: UUID, by: str = "second") -> None:
        self.do(comparing.finish_recount, Recount(key=new_id(), line=line), by)

    def recount(self, line: UUID, *seen: tuple[UUID, str, int | None], by: str = "second") -> None:
        """Count a line again: these packs, each in its place and with its units."""
        self.start(line, by)
        for pack, place, units in seen:
            self.scan(pack, place, units, by=by, line=line)
        self.end_recount(line, by)

    # ------------------------------------------------------------ the decision

    def approve(self, *lines: UUID, by: str = "coordinator", key: UUID | None = None) -> Approved:
        words = tuple(LineWord(line=line, why=WhyVariance.UNKNOWN) for line in lines)
        order = ApproveCount(key=key or new_id(), stocktake=self.take, lines=words)
        done: Approved = self.do(variance.approve, order, by, self.world.today)
        return done

    def refuse(self, *lines: UUID, by: str = "coordinator") -> None:
        self.do(variance.refuse, RefuseCount(key=new_id(), stocktake=self.take, lines=lines), by)

    def end(self, *, leave: bool = False, by: str = "coordinator") -> None:
        self.do(variance.end, EndStocktake(key=new_id(), stocktake=self.take, leave=leave), by)

    # ------------------------------------------------------------ what is so

    def lines(self, *states: LineState) -> list[StocktakeLine]:
        wanted = select(StocktakeLine).where(StocktakeLine.stocktake == self.take).order_by(StocktakeLine.id)
        if states:
            wanted = wanted.where(StocktakeLine.state.in_(states))
        return self.db.read_now(lambda session: list(session.execute(wanted).scalars()))

    def line(self) -> StocktakeLine:
        (one,) = self.lines()
        return one

    def state(self) -> StocktakeState:
        return self.db.read_now(lambda session: session.get_one(Stocktake, self.take).state)

    def where(self, pack: UUID) -> dict[str, int]:
        return {one.name: units for one, units in self.db.read_now(ledger.whereabouts, pack)}

    def faults(self) -> list[str]:
        return self.db.read_now(lambda session: list(ledger.faults(session)))

    # ------------------------------------------------------------ goods that move meanwhile

    def move(self, pack: UUID, to: str, by: str = "volunteer") -> UUID:
        order = MovePack(key=new_id(), pack=pack, place=self.place(to))
        moved = self.db.write_now(moves.move_pack, order, self.world.people[by], self.world.today, self.later())
        return moved.move

    def reserve(self, pack: UUID, units: int, place: str) -> None:
        self.ledger(pack, units, place, "reserve")

    def give_out(self, pack: UUID, units: int, place: str) -> None:
        """Goods leave a shelf for good."""
        own = self.db.read_now(stations.places, self.world.station)
        source = own.shelf if place != "reserved" else own.reserved
        args = (pack, units, source, ledger.TO_RESIDENTS, "hand-over", self.world.people["volunteer"])
        self.db.write_now(ledger.move, *args, self.later())

    def ledger(self, pack: UUID, units: int, place: str, reason: str) -> None:
        own = self.db.read_now(stations.places, self.world.station)
        source = self.db.read_now(ledger.spot, self.place(place))
        args = (pack, units, source, own.reserved, reason, self.world.people["volunteer"])
        self.db.write_now(ledger.move, *args, self.later())
