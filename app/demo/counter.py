"""The morning at the stations: labels are printed, gifts come in, and a second person lets them onto the shelf."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from app.demo import invented
from app.demo.invented import Bag, Gift
from app.demo.phone import Phone, all_at_once
from app.demo.town import CommunityCast, Hand, StationCast, Step, Town


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much happens in the day: packs handed in (some by partner units), needs written down."""

    packs: int = 330
    partners: int = 12
    needs: int = 200


SHEETS = 2
LEFT_TO_DO = 4
"""Packs that wait for whoever looks at the first two stations."""
SHOWN = 2
_BATCH = 50
_PLAN = "本月内发完"
_REFUSED_BY_MEDICS = 0.08
_DECLARED = 0.97


def print_labels(phone: Phone, town: Town, files: Path, step: Step) -> dict[int, Iterator[str]]:
    """Every station issues blank labels and keeps the sheets as PDF; returns the codes by the station's number."""
    codes: dict[int, Iterator[str]] = {}

    def issue(number: int) -> None:
        printer = town.stations[number].volunteers[0]
        batch = phone.do(printer, "/api/labels", sheets=SHEETS)
        paper = phone.file(printer, f"/api/labels/{batch['id']}/pdf")
        (files / f"labels-{number + 1:02d}.pdf").write_bytes(paper)
        codes[number] = iter(batch["codes"])
        step(1)

    all_at_once(issue, range(len(town.stations)))
    return codes


def receive(
    phone: Phone, town: Town, codes: dict[int, Iterator[str]], seed: int, size: Size, today: date, step: Step
) -> None:
    """Donors come to the stations; everything is screened, and what is kept gets a label."""
    queues = _queues(len(town.stations), seed, size, today)

    def serve(number: int) -> None:
        counter = _Counter(phone, town.stations[number], town.gtins, codes[number])
        for place, bag in enumerate(queues[number]):
            counter.take_in(bag, place)
            step(len(bag.gifts))

    all_at_once(serve, queues)


def _queues(stations: int, seed: int, size: Size, today: date) -> dict[int, list[Bag]]:
    """Who comes to which station: first the partner units, then residents, until all packs are handed in."""
    random = Random(f"stations {seed}")  # noqa: S311 - invented gifts, no secret
    queues: dict[int, list[Bag]] = {number: [] for number in range(stations)}
    for number in range(min(size.partners, stations)):
        queues[number].append(invented.partner_bag(seed, number, today))
    brought = sum(len(bag.gifts) for bags in queues.values() for bag in bags)
    for bag in invented.bags(seed, size.packs - brought, today):
        queues[random.randrange(stations)].append(bag)
    return queues


class _Counter:
    """One station's counter with its roll of blank labels."""

    def __init__(self, phone: Phone, station: StationCast, gtins: dict[str, str], codes: Iterator[str]) -> None:
        self.phone, self.station, self.gtins, self.codes = phone, station, gtins, codes
        self.label = next(codes, None)

    def take_in(self, bag: Bag, place: int) -> None:
        """One donor's bag, line by line; the third volunteer never receives, so that there is a second person."""
        volunteer = self.station.volunteers[place % 2]
        declared = Random(f"{bag.phone} {place}").random() < _DECLARED  # noqa: S311 - invented gifts, no secret
        donation = None
        for gift in bag.gifts:
            donation = self._line(volunteer, gift, donation, bag.phone, declared=declared)

    def _line(self, volunteer: Hand, gift: Gift, donation: str | None, donor: str | None, *, declared: bool) -> str:
        first = {"declared": declared, "donor_phone": donor} if donation is None else {"donation": donation}
        receipt = self.phone.do(volunteer, "/api/donations", station=self.station.id, line=self._as_seen(gift), **first)
        if any(line["label"] for line in receipt["lines"] if line["line"] in receipt["fresh"]):
            self.label = next(self.codes, None)
        return str(receipt["donation"])

    def _as_seen(self, gift: Gift) -> dict[str, Any]:
        return {
            "gtin": self.gtins.get(gift.item),
            "called": gift.called,
            "lot_number": gift.lot_number,
            "expiry": gift.expiry,
            "quantity": gift.quantity,
            "label": self.label,
            "look": {"seal": gift.seal, "volume_ml": gift.volume_ml},
        }


def release(phone: Phone, town: Town, seed: int, step: Step) -> None:
    """A second volunteer releases supplies, medics what is medicine; what needs two signatures the coordinator ends."""

    def volunteers(number: int) -> None:
        station = town.stations[number]
        _release(phone, station.volunteers[2], LEFT_TO_DO if number < SHOWN else 0, step)

    def professionals(community: CommunityCast) -> None:
        random = Random(f"release {community.name} {seed}")  # noqa: S311 - invented decisions, no secret
        left = LEFT_TO_DO if community in town.communities[:SHOWN] else 0
        medic = community.medics[1]
        _refuse_some(phone, medic, random, step)
        _release(phone, medic, left, step)
        _release(phone, community.coordinators[0], left, step)

    all_at_once(volunteers, range(len(town.stations)))
    all_at_once(professionals, town.communities)


def _release(phone: Phone, hand: Hand, left: int, step: Step) -> None:
    waiting = [row["pack"] for row in phone.pages(hand, "/api/held", "pack") if row["can_release"]]
    for start in range(0, len(waiting) - left, _BATCH):
        some = waiting[start : min(start + _BATCH, len(waiting) - left)]
        # All is well in the demonstration: whoever has to say why lets it out, looked at it.
        orders = [{"key": phone.key(), "pack": pack, "grounds": "checked", "note": _PLAN} for pack in some]
        phone.post(hand, "/api/held/release-many", packs=orders)
        step(len(some))


def _refuse_some(phone: Phone, medic: Hand, random: Random, step: Step) -> None:
    for row in list(phone.pages(medic, "/api/held", "pack")):
        if row["can_refuse"] and row["kind"] == "medicine" and random.random() < _REFUSED_BY_MEDICS:
            phone.do(medic, "/api/held/refuse", pack=row["pack"], reason="doubtful")
            step(1)
