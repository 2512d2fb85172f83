"""The afternoon: parcels are packed by scanning, teams walk their rounds, and what found nobody at home comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from app.demo.phone import Phone, all_at_once
from app.demo.town import Hand, StationCast, Step, TeamCast, Town
from distribution.journey import Counsel, Failure, Receiver
from distribution.models import LineState

SHOWN = 2
LEFT_TO_DO = 2
"""Parcels that wait for whoever looks at the first two stations and teams."""
PRINTED = 1
_FAILS = 0.14
_COMES_BACK = 0.7
_RECEIVERS = {Receiver.SELF: 68, Receiver.FAMILY: 22, Receiver.NEIGHBOUR: 6, Receiver.SAFE_PLACE: 4}
_FAILURES = {
    Failure.NO_ANSWER: 8,
    Failure.AWAY: 4,
    Failure.REFUSED: 2,
    Failure.BAD_ADDRESS: 2,
    Failure.MOVED: 1,
    Failure.UNSUITABLE: 1,
    Failure.DAMAGED: 1,
}


def pack(phone: Phone, town: Town, files: Path, step: Step) -> None:
    """Every station packs what no medic holds back: scan by scan, a wrong pack refused, then label and leaflet."""

    def bench(number: int) -> None:
        volunteer = town.stations[number].volunteers[0]
        waiting = phone.get(volunteer, "/api/parcels/to-pack")["parcels"]
        free = [one["id"] for one in waiting if not one["for_medic"]]
        views = [phone.get(volunteer, f"/api/parcels/{parcel}") for parcel in free]
        _scan_a_wrong_pack(phone, volunteer, views)
        for place, view in enumerate(views[: len(views) - (LEFT_TO_DO if number < SHOWN else 0)]):
            _pack(phone, volunteer, view)
            if place < PRINTED:
                _print(phone, volunteer, view["id"], files, f"{number + 1:02d}-{place + 1}")
            step(1)

    all_at_once(bench, range(len(town.stations)))


def _scan_a_wrong_pack(phone: Phone, volunteer: Hand, views: list[Any]) -> None:
    """Somebody takes the wrong box from the shelf: the scan says no and nothing moves."""
    for view in views:
        inside = {line["item"] for line in view["lines"]}
        lines = (line for other in views for line in other["lines"])
        others = (line["pack"] for line in lines if line["ends"] and line["item"] not in inside)
        if wrong := next(others, None):
            phone.refused(volunteer, "/api/parcels/scan", parcel=view["id"], code=_label(phone, volunteer, wrong))
            return


def _label(phone: Phone, volunteer: Hand, pack: str) -> str:
    """What stands on the box: the list tells only how it ends."""
    return str(phone.get(volunteer, f"/api/packs/{pack}")["label"])


def _pack(phone: Phone, volunteer: Hand, view: Any) -> None:
    for line in view["lines"]:
        if line["state"] != LineState.RESERVED:
            continue  # a medic said no: it is on the list and not in the bag
        phone.do(volunteer, "/api/parcels/scan", parcel=view["id"], code=_label(phone, volunteer, line["pack"]))
    phone.do(volunteer, "/api/parcels/label", parcel=view["id"])


def _print(phone: Phone, volunteer: Hand, parcel: str, files: Path, name: str) -> None:
    for paper in ("label", "leaflet"):
        (files / f"parcel-{paper}-{name}.pdf").write_bytes(phone.file(volunteer, f"/api/parcels/{parcel}/{paper}"))


def plan_rounds(phone: Phone, town: Town, files: Path, today: date, step: Step) -> None:
    """Every leader puts what is ready on today's round; the first two print theirs."""

    def plan(number: int) -> None:
        team = town.teams[number]
        ready = phone.get(team.leader, "/api/parcels/ready")["parcels"]
        if ready:
            parcels = [one["parcel"] for one in ready]
            made = phone.do(team.leader, "/api/rounds", team=team.id, day=today, parcels=parcels)
            if number < SHOWN:
                sheet = phone.file(team.leader, f"/api/rounds/{made['round']}/sheet")
                (files / f"round-{number + 1:02d}.pdf").write_bytes(sheet)
        step(1)

    all_at_once(plan, range(len(town.teams)))


def walk(phone: Phone, town: Town, seed: int, now: Callable[[], datetime], step: Step) -> None:
    """A member of every team takes the parcels over and goes from door to door."""

    def go(number: int) -> None:
        team = town.teams[number]
        trip = _Trip(phone, team, town.stations[team.station], Random(f"doors {number} {seed}"), now)  # noqa: S311
        for stop in _stops(phone, team)[: -LEFT_TO_DO if number < SHOWN else None]:
            trip.take_over(UUID(stop["parcel"]))
        trip.deliver(step)

    all_at_once(go, range(len(town.teams)))


def _stops(phone: Phone, team: TeamCast) -> list[Any]:
    rounds = phone.get(team.members[0], "/api/rounds")["rounds"]
    return [stop for one in rounds for stop in one["stops"]]


class _Trip:
    """One member on the way, with the parcels in the bag by id and label."""

    def __init__(
        self, phone: Phone, team: TeamCast, station: StationCast, random: Random, now: Callable[[], datetime]
    ) -> None:
        self.phone, self.random, self.now = phone, random, now
        self.member, self.volunteer = team.members[0], station.volunteers[1]
        self.bag: dict[UUID, str] = {}

    def take_over(self, parcel: UUID) -> None:
        """Scan the parcel at the station: custody passes."""
        code = self.phone.get(self.member, f"/api/parcels/{parcel}")["label"]
        self.phone.do(self.member, "/api/parcels/take-over", code=code)
        self.bag[parcel] = code

    def deliver(self, step: Step) -> None:
        """Hand over, or fail for a reason and bring back what found nobody."""
        for parcel, code in self.bag.items():
            if self.random.random() < _FAILS:
                self._fail(parcel, code)
            else:
                self._hand_over(parcel, code)
            step(1)

    def _hand_over(self, parcel: UUID, code: str) -> None:
        receiver = self.random.choices(list(_RECEIVERS), list(_RECEIVERS.values()))[0]
        absent = receiver in {Receiver.NEIGHBOUR, Receiver.SAFE_PLACE}
        self.phone.do(
            self.member,
            "/api/parcels/hand-over",
            parcel=parcel,
            code=code,
            receiver=receiver,
            phone_at=self.now(),
            ticks=list(Counsel),
            agreed_by_phone=absent,
            counselled_by_phone=absent,
        )

    def _fail(self, parcel: UUID, code: str) -> None:
        reason = self.random.choices(list(_FAILURES), list(_FAILURES.values()))[0]
        self.phone.do(self.member, "/api/parcels/fail", parcel=parcel, reason=reason, phone_at=self.now())
        if self.random.random() < _COMES_BACK:
            self.phone.do(self.volunteer, "/api/parcels/take-back", code=code, sealed=reason is not Failure.DAMAGED)
