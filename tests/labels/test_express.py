"""The short way from a label to what it stands for says what the page says, to everybody, of every label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.base.clock import Clock
from app.base.db import Database
from labels import codes
from labels.express import Express
from tests.journeys.town import MASKS, PARACETAMOL, Hand, Side, Town, opened

NEVER_ISSUED = "7K3M9PQ4RTX" + codes.check_character("7K3M9PQ4RTX")


@pytest.fixture
def town(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Town]:
    with opened(db, clock, tmp_path) as made:
        yield made


def label(side: Side, pack: str) -> str:
    return str(side.volunteer.see(f"/api/packs/{pack}")["label"])


def state(hand: Hand, code: str) -> Any:
    return hand.browser.get(f"/L/{code}", headers={**hand.headers, "accept": "application/json"})


def test_a_label_is_answered_with_what_it_is_on_and_where_every_unit_is(town: Town) -> None:
    pack = town.shelve(MASKS, town.near)["pack"]
    told = state(town.near.volunteer, label(town.near, pack)).json()
    assert (told["kind"], told["subject"], told["page"]) == ("pack", pack, f"/packs/{pack}")
    assert (told["state"]["item"], told["state"]["usable"]) == (MASKS, True)
    story = town.near.volunteer.see(f"/api/packs/{pack}")
    assert [(one["kind"], one["quantity"]) for one in told["state"]["where"]] == [
        (one["kind"], one["quantity"]) for one in story["where"]
    ]


def test_another_station_s_volunteer_learns_nothing_of_what_it_is_on(town: Town) -> None:
    pack = town.shelve(MASKS, town.near)["pack"]
    told = state(town.far.volunteer, label(town.near, pack)).json()
    assert told["state"] is None


def test_a_held_medicine_is_told_as_held(town: Town) -> None:
    pack = town.receive(PARACETAMOL, town.near)["pack"]
    told = state(town.near.medic, label(town.near, pack)).json()
    assert told["state"]["where"][0]["kind"] in {"hold", "quarantine"}
    assert told["state"]["lot_number"] == "B2401"


def test_the_short_way_and_the_page_say_the_same(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = town.near, town.far
    batch = near.volunteer.do("/api/labels", sheets=1)
    on_pack = label(near, town.shelve(MASKS, near)["pack"])
    asked = [on_pack, on_pack.lower(), codes.shown(on_pack), batch["codes"][0], NEVER_ISSUED, "7K3M9PQ4RTX7"]
    people = [near.volunteer, far.volunteer, near.member, near.medic, near.coordinator, town.office]

    def everything() -> list[tuple[int, bytes, str | None]]:
        answers = []
        for hand in people:
            for code in asked:
                for accept in ("application/json", "text/html"):
                    answer = hand.browser.get(f"/L/{code}", headers={**hand.headers, "accept": accept},
                                              follow_redirects=False)  # fmt: skip
                    told = (
                        answer.content
                        if "json" in answer.headers.get("content-type", "") and answer.is_success
                        else b""
                    )
                    answers.append((answer.status_code, told, answer.headers.get("location")))
        return answers

    short = everything()

    async def declined(*_: object) -> bool:
        return False

    monkeypatch.setattr(Express, "_answered", declined)
    assert short == everything()
    assert {status for status, _, _ in short} == {200, 303, 404}
