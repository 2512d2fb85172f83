"""Approving a plan turns it into promises: parcels, lines and reserved goods, each checked again as it is made.

It goes on in small steps, so that nobody else waits for the writer; every step is whole by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, replay
from app.base.errors import NotFound
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Actor, Permission
from app.base.reasons import Reason
from app.base.vault import Vault
from distribution import policies, standing
from distribution.background import Background
from distribution.errors import PlanClosed
from distribution.journey import State
from distribution.models import (
    Decision,
    Household,
    LineState,
    Need,
    NeedState,
    Parcel,
    ParcelLine,
    ParcelStep,
    Plan,
    PlanState,
    Resident,
)
from distribution.safety import DispensingPolicy, LineJudgement, judge
from distribution.snapshot import DecisionOutcome, plain
from inventory import fefo, ledger, stations
from inventory.fefo import OnShelf
from inventory.ledger import Spot
from inventory.models import Holding, Lot, Pack, Place, PlaceKind

STEP = 6
"""Households in one step: well under the 50 ms that a verb may hold the writer."""


class ApprovePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a proposed plan's promises."""

    key: Key
    plan: UUID


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is: parcels made, decisions promised and dropped, and decisions still to come (call again)."""

    plan: UUID
    parcels: int
    promised: int
    dropped: int
    left: int


def approve(
    session: Session, vault: Vault, approval: ApprovePlan, actor: Actor, today: date, now: datetime
) -> Approved:
    """One step of the approval; while ``left`` is above 0 the caller sends the same approval again.

    Every allotment is checked as of now: need still open, lot good, goods still there, rules judged again. What no
    longer holds is dropped with its reason, never forced. Raises NotFound out of scope, PlanClosed.
    """
    actor.need(Permission.APPROVE)
    plan = _locked(session, approval.plan, actor)
    known = replay.made_by(session, actor, approval.key, "plan.approve", approval) is not None
    if plan.state is PlanState.PROPOSED:
        _open(session, plan, actor, now)
    elif not known and (plan.state is PlanState.SUPERSEDED or not _waiting(session, plan.id)):
        raise PlanClosed
    if not known:
        replay.keep(session, actor, approval.key, "plan.approve", approval, {}, now)
    homes = _next_homes(session, plan.id)
    if homes:
        _Step(session, vault, plan, homes, actor, today, now).take()
    return _so_far(session, plan.id)


def _locked(session: Session, plan: UUID, actor: Actor) -> Plan:
    row = session.execute(
        select(Plan).where(Plan.id == plan).with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if row is None or row.state is PlanState.WORKING or (row.community is None and not actor.everywhere):
        raise NotFound
    if row.community is not None:
        actor.in_community(row.community)
    return row


def _open(session: Session, plan: Plan, actor: Actor, now: datetime) -> None:
    session.execute(
        update(Plan)
        .where(Plan.id == plan.id)
        .values(state=PlanState.APPROVED, approved_by=actor.account, approved_at=now)
    )
    audit.note(session, actor, "plan.approve", plan.id, now)


def _waiting(session: Session, plan: UUID) -> int:
    waiting = select(func.count()).where(Decision.plan == plan, Decision.outcome == DecisionOutcome.ALLOTTED)
    return session.execute(waiting).scalar_one()


def _next_homes(session: Session, plan: UUID) -> list[UUID]:
    rows = session.execute(
        select(Need.household)
        .join(Decision, Decision.need == Need.id)
        .where(Decision.plan == plan, Decision.outcome == DecisionOutcome.ALLOTTED)
        .group_by(Need.household)
        .order_by(func.min(Decision.rank), Need.household)
        .limit(STEP)
    )
    return list(rows.scalars())


def _so_far(session: Session, plan: UUID) -> Approved:
    rows = session.execute(
        select(Decision.outcome, func.count()).where(Decision.plan == plan).group_by(Decision.outcome)
    )
    counts = {row[0]: row[1] for row in rows}
    parcels = session.execute(select(func.count()).where(Parcel.plan == plan)).scalar_one()
    return Approved(
        plan=plan,
        parcels=parcels,
        promised=counts.get(DecisionOutcome.PROMISED, 0),
        dropped=counts.get(DecisionOutcome.DROPPED, 0),
        left=counts.get(DecisionOutcome.ALLOTTED, 0),
    )


class Allotted(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that is about to become a promise."""

    id: UUID
    need: UUID
    resident: UUID
    household: UUID
    item: UUID
    lot: UUID
    station: UUID
    quantity: int
    expiry: date | None
    recalled_on: date | None
    need_state: NeedState
    reasons: list[dict[str, object]]


class _Step:
    """One step of an approval: some households, every row of theirs held until it is whole."""

    def __init__(
        self,
        session: Session,
        vault: Vault,
        plan: Plan,
        homes: Collection[UUID],
        actor: Actor,
        today: date,
        now: datetime,
    ) -> None:
        self.session, self.plan, self.actor, self.today, self.now = session, plan, actor, today, now
        self.rows = self._allotted(homes)
        self.policy: DispensingPolicy | None = policies.dispensing(session, today)
        self.behind: Background = standing.background(
            session,
            vault,
            {row.resident for row in self.rows},
            {row.item for row in self.rows},
            self.policy,
            today,
            today,
        )
        self.parcels: dict[tuple[UUID, UUID], UUID] = {}
        self.reserved: dict[UUID, Spot] = {}

    def _allotted(self, homes: Collection[UUID]) -> list[Allotted]:
        """The decisions of these households. Residents, then needs, are held in the order of their ids."""
        session = self.session
        session.execute(
            select(Resident.id).where(Resident.household.in_(homes)).order_by(Resident.id).with_for_update()
        )
        mine = (Decision.plan == self.plan.id, Decision.outcome == DecisionOutcome.ALLOTTED)
        session.execute(
            select(Need.id)
            .where(Need.household.in_(homes), Need.id.in_(select(Decision.need).where(*mine)))
            .order_by(Need.id)
            .with_for_update()
        )
        rows = session.execute(
            select(
                Decision.id, Decision.need, Need.resident, Need.household, Decision.item, Decision.lot,
                Decision.station, Decision.quantity, Lot.expiry, Lot.recalled_on, Need.state.label("need_state"),
                Decision.reasons,
            )
            .join(Need, Need.id == Decision.need)
            .join(Lot, Lot.id == Decision.lot)
            .where(*mine, Need.household.in_(homes))
            .order_by(Decision.rank, Decision.id)
        )  # fmt: skip
        return [Allotted(**row._asdict()) for row in rows]

    def take(self) -> None:
        for resident in dict.fromkeys(row.resident for row in self.rows):
            mine = [row for row in self.rows if row.resident == resident]
            holding = [row for row in mine if self._still_wanted(row)]
            judged = self._judge(resident, holding)
            safe = [row for row in holding if self._still_safe(row, judged[row.id])]
            for need in dict.fromkeys(row.need for row in safe):
                self._promise([row for row in safe if row.need == need], judged)
        audit.note(self.session, self.actor, "plan.promise", self.plan.id, self.now, parcels=len(self.parcels))

    def _still_wanted(self, row: Allotted) -> bool:
        if row.need_state is not NeedState.OPEN:
            return self._drop(row, "NEED_GONE")
        if row.recalled_on is not None:
            return self._drop(row, "LOT_RECALLED")
        if row.expiry is not None and row.expiry < self.today:
            return self._drop(row, "LOT_EXPIRED")
        return True

    def _judge(self, resident: UUID, rows: Iterable[Allotted]) -> dict[UUID, LineJudgement]:
        lines = [self.behind.line(row.id, row.item, row.quantity, row.expiry) for row in rows]
        judgement = judge(self.behind.check(resident, lines), self.policy)
        return {UUID(line.line): line for line in judgement.lines}

    def _still_safe(self, row: Allotted, judged: LineJudgement) -> bool:
        return judged.release_by is not None or self._drop(row, "NOT_SAFE_NOW", *plain(judged.reasons))

    def _promise(self, rows: Sequence[Allotted], judged: dict[UUID, LineJudgement]) -> None:
        """Promise a need's rows: all of a kit's, or none."""
        picked = {row.id: self._pick(row) for row in rows}
        if not all(picked.values()):
            for row in rows:
                self._drop(row, "STOCK_GONE" if not picked[row.id] else "KIT_NOT_WHOLE")
            return
        for row in rows:
            release_by = judged[row.id].release_by
            for on_shelf, units in picked[row.id]:
                self._line(row, on_shelf, units, release_by)
            done = {"outcome": DecisionOutcome.PROMISED, "release_by": release_by}
            self.session.execute(update(Decision).where(Decision.id == row.id).values(**done))
        self.session.execute(update(Need).where(Need.id == rows[0].need).values(state=NeedState.PROMISED))

    def _pick(self, row: Allotted) -> list[tuple[OnShelf, int]]:
        """The lot's packs to take from the station's shelves, held; empty where there is not enough any more."""
        rows = self.session.execute(
            select(Holding.pack, Holding.place, Holding.quantity)
            .join(Pack, Pack.id == Holding.pack)
            .join(Place, Place.id == Holding.place)
            .where(
                Pack.lot == row.lot,
                Place.station == row.station,
                Place.kind == PlaceKind.SHELF,
                Holding.quantity > 0,
            )
            .order_by(Holding.pack, Holding.place)
            .with_for_update(of=Holding)
        )
        there = [OnShelf(pack=one.pack, place=one.place, quantity=one.quantity, expiry=row.expiry) for one in rows]
        picked = fefo.pick(there, row.quantity, self.today)
        return picked if sum(units for _, units in picked) == row.quantity else []

    def _line(self, row: Allotted, on_shelf: OnShelf, units: int, release_by: str | None) -> None:
        parcel = self._parcel(row.household, row.station)
        self.session.execute(
            insert(ParcelLine).values(
                id=new_id(),
                parcel=parcel,
                need=row.need,
                resident=row.resident,
                decision=row.id,
                item=row.item,
                lot=row.lot,
                pack=on_shelf.pack,
                quantity=units,
                state=LineState.RESERVED,
                release_by=release_by,
            )
        )
        shelf = Spot(on_shelf.place, PlaceKind.SHELF)
        if row.station not in self.reserved:
            self.reserved[row.station] = stations.places(self.session, row.station).reserved
        reserved = self.reserved[row.station]
        ledger.move(
            self.session, on_shelf.pack, units, shelf, reserved, "reserve", self.actor, self.now, subject=parcel
        )

    def _parcel(self, household: UUID, station: UUID) -> UUID:
        if (household, station) not in self.parcels:
            self.parcels[household, station] = self._new_parcel(household, station)
        return self.parcels[household, station]

    def _new_parcel(self, household: UUID, station: UUID) -> UUID:
        parcel, place = new_id(), new_id()
        home = self.session.execute(
            select(Household.community, Household.team, Household.serial).where(Household.id == household)
        ).one()
        name = str(home.serial)
        self.session.execute(
            insert(Place).values(id=place, kind=PlaceKind.PARCEL, name=name, station=station, holder=parcel)
        )
        self.session.execute(
            insert(Parcel).values(
                id=parcel,
                household=household,
                community=home.community,
                station=station,
                team=home.team,
                plan=self.plan.id,
                place=place,
                state=State.PLANNED.value,
                made_at=self.now,
            )
        )
        self.session.execute(
            insert(ParcelStep).values(
                id=new_id(),
                parcel=parcel,
                event="promise",
                state=State.PLANNED.value,
                by=self.actor.account,
                at=self.now,
                detail={},
            )
        )
        return parcel

    def _drop(self, row: Allotted, code: str, *more: Reason) -> bool:
        """Drop a decision with its reason; its need stays open for the next plan. Always False."""
        reasons = [*row.reasons, *(msgspec.to_builtins(reason) for reason in (Reason("PLAN", code, ""), *more))]
        self.session.execute(
            update(Decision).where(Decision.id == row.id).values(outcome=DecisionOutcome.DROPPED, reasons=reasons)
        )
        return False
