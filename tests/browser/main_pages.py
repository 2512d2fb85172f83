"""Every main page, with something on it: a quarter in the middle of its day, and who looks at what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from app.demo.town import Hand
from labels import codes
from tests.browser.town import BLEACH, ISATIS, MASK, PARACETAMOL, Work
from tests.browser.visitor import Visitor


class MainPage(NamedTuple):
    """Who looks at it, where it is, and what is done there first."""

    name: str
    hand: Hand | None
    path: str
    first: Callable[[Visitor], Any] | None = None


def day(work: Work) -> tuple[MainPage, ...]:
    """Let half a day pass in the quarter, and list its pages."""
    quarter, town, phone = work.quarter, work.town, work.phone
    for code in (PARACETAMOL, MASK, BLEACH):
        work.shelved(code, 6, packs=6)
    people = [work.old("王测试", 0), work.old("李测试", 1), work.resident("张测试", 2), work.resident("赵测试", 3)]
    work.need(people[0], PARACETAMOL, MASK)
    work.need(people[2], MASK, BLEACH)
    work.matched()
    work.decided()
    labels = work.packed()
    tour = work.planned()
    phone.do(quarter.member, "/api/parcels/take-over", code=labels[0])
    carried = phone.get(quarter.member, "/api/rounds")["rounds"][0]["stops"]
    out = next(stop["parcel"] for stop in carried if stop["state"] == "out")
    work.need(people[1], PARACETAMOL, MASK)
    work.need(people[3], MASK)
    work.matched()
    packing = next(one for one in work.parcels() if not any(line["for_medic"] for line in one["lines"]))
    held = work.given(PARACETAMOL, lot="B7", hand=quarter.mate)
    work.given(MASK, lot="B8")
    unknown = {
        "called": "止咳糖浆（外地牌子）",
        "lot_number": "X1",
        "expiry": f"{work.today.year + 1}-08",
        "quantity": 1,
    }
    phone.do(
        quarter.volunteer,
        "/api/donations",
        station=quarter.station,
        declared=True,
        line={**unknown, "look": {"seal": "sealed"}},
    )
    work.need(people[0], ISATIS)
    work.need(people[2], PARACETAMOL)
    plan = phone.do(quarter.coordinator, "/api/plans", community=quarter.community)["plan"]
    batch = phone.do(quarter.volunteer, "/api/labels", sheets=1)
    phone.refused(quarter.mate, "/api/parcels/label", parcel=packing["id"], code=labels[-1])
    line = held["lines"][0]
    paracetamol = town.gtins[PARACETAMOL]

    def fill(visitor: Visitor, gtin: str) -> None:
        visitor.scan(gtin)
        visitor.page.locator("#receive").wait_for()

    def refuse(visitor: Visitor) -> None:
        visitor.scan(f"]d201{paracetamol.zfill(14)}1725010110OLD1")
        visitor.choose("receive.declared")
        visitor.press("receive.submit")
        visitor.verdict("bad")

    def open_first(visitor: Visitor) -> None:
        visitor.main.locator("summary").first.click()

    return (
        MainPage("sign-in", None, "/sign-in"),
        MainPage("join", None, f"/join/{town.invitations[quarter.name]}"),
        MainPage("label-found", None, f"/L/{line['label']}"),
        MainPage("leaflet", None, f"/leaflet/{PARACETAMOL}"),
        MainPage("home-volunteer", quarter.volunteer, "/"),
        MainPage("scan", quarter.volunteer, "/scan"),
        MainPage(
            "scan-wrong",
            quarter.volunteer,
            "/scan",
            lambda visitor: _type(visitor, codes.shown("O" + line["label"][1:])),
        ),
        MainPage("receive", quarter.volunteer, "/receive"),
        MainPage("receive-form", quarter.volunteer, "/receive", lambda visitor: fill(visitor, paracetamol)),
        MainPage("received", quarter.mate, f"/receive/{held['donation']}/{line['line']}"),
        MainPage("received-refused", quarter.volunteer, "/receive", refuse),
        MainPage("donation", quarter.volunteer, f"/donations/{held['donation']}"),
        MainPage("release", quarter.medic, "/release"),
        MainPage("release-volunteer", quarter.mate, "/release"),
        MainPage("packing", quarter.volunteer, "/packing"),
        MainPage("pack-parcel", quarter.volunteer, f"/packing/{packing['id']}"),
        MainPage("returns", quarter.volunteer, "/returns"),
        MainPage("pack", quarter.volunteer, f"/packs/{line['pack']}"),
        MainPage("labels", quarter.volunteer, "/labels"),
        MainPage("label-batch", quarter.volunteer, f"/labels/{batch['id']}"),
        MainPage("home-member", quarter.member, "/"),
        MainPage("tasks", quarter.member, "/rounds"),
        MainPage("door", quarter.member, f"/parcels/{out}"),
        MainPage("rounds", quarter.leader, "/rounds"),
        MainPage("round", quarter.leader, f"/rounds/{tour}"),
        MainPage("parcel", quarter.leader, f"/parcels/{out}"),
        MainPage("medic", quarter.medic, "/medic"),
        MainPage("policy", quarter.medic, "/policy"),
        MainPage("own-pin", quarter.volunteer, "/secret"),
        MainPage("own-passphrase", quarter.medic, "/secret"),
        MainPage("home-coordinator", quarter.coordinator, "/"),
        MainPage("incidents", quarter.coordinator, "/incidents", open_first),
        MainPage("stock", quarter.coordinator, "/stock"),
        MainPage("stock-item", quarter.coordinator, f"/stock/items/{town.items[MASK]}"),
        MainPage("needs", quarter.coordinator, "/needs"),
        MainPage("need-who", quarter.coordinator, "/needs/new"),
        MainPage("need-what", quarter.coordinator, f"/needs/new?resident={people[0]}"),
        MainPage("residents", quarter.coordinator, "/residents"),
        MainPage("resident", quarter.coordinator, f"/residents/{people[0]}"),
        MainPage("resident-new", quarter.coordinator, "/residents/new"),
        MainPage("plans", quarter.coordinator, "/plans"),
        MainPage(
            "plan",
            quarter.coordinator,
            f"/plans/{plan}",
            lambda visitor: visitor.main.locator("td summary").first.click(),
        ),
        MainPage("people", quarter.coordinator, "/people", open_first),
        MainPage("audit", town.auditor, "/audit"),
        MainPage("not-found", quarter.coordinator, "/nowhere"),
    )


def _type(visitor: Visitor, text: str) -> None:
    visitor.fill("ui.scan.type", text)
    visitor.press("ui.scan.go")
    visitor.main.locator("[data-outcome=wrong]").wait_for()
