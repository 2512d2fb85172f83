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


def away(work: Work) -> tuple[str, str]:
    """A bag on its way to another station and a sealed waste box; their ids."""
    hand, station = work.quarter.volunteer, work.quarter.station
    sent, damaged, spare = work.shelved(MASK, 3, lot="T1", packs=3)
    target = next(one.station for one in work.town.quarters if one.station != station)
    bag = work.phone.do(hand, "/api/transfers", source=station, target=target)["transfer"]
    work.phone.do(hand, "/api/transfers/send", transfer=bag, code=sent)
    waste = {"station": station, "why": "damaged"}
    work.phone.do(hand, "/api/bins/set-aside", code=damaged, **waste)
    packs = len(work.phone.get(hand, f"/api/bins/{station}")["inside"])
    made = work.phone.do(hand, "/api/disposals", station=station, packs=packs, grams=120, seal="F-1")
    work.phone.do(hand, "/api/bins/set-aside", code=spare, **waste)
    lost = {"quantity": 1, "why": "given_back", "note": "还给捐赠人"}
    work.phone.do(hand, "/api/losses", station=station, code=work.shelved(MASK, lot="T2")[0], **lost)
    return str(bag), str(made["disposal"])


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
    kit_bag = _assembled(work)
    phone.do(
        quarter.coordinator,
        "/api/appeals",
        community=quarter.community,
        title_zh="家有余药，邻里共享",
        title_en="Share your spare medicine",
        until=f"{work.today.year + 1}-01-15",
        wanted=[{"item": town.items[MASK], "roughly": 50}, {"item": town.items[PARACETAMOL]}],
        bring_to=[{"station": quarter.station, "address": "和平路 12 号", "hours": "8:30–18:00"}],
    )
    line = held["lines"][0]
    paracetamol = town.gtins[PARACETAMOL]

    bag, box = away(work)

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

    def upload(visitor: Visitor) -> None:
        goods = "品名,批准文号,规格,条码\n测试止咳糖浆,国药准字Z20000002,100ml,\n坏批文片,国药准字H2,1g,690000000001\n"
        visitor.main.locator("#f-file").set_input_files(
            [{"name": "goods.csv", "mimeType": "text/csv", "buffer": goods.encode()}]
        )
        visitor.main.locator("#upload button[type=submit]").click()
        visitor.main.locator("#columns").wait_for()

    def checked(visitor: Visitor) -> None:
        upload(visitor)
        visitor.page.locator(".actions button").click()
        visitor.main.locator("#apply").wait_for()

    return (
        MainPage("sign-in", None, "/sign-in"),
        MainPage("join", None, f"/join/{town.invitations[quarter.name]}"),
        MainPage("label-found", None, f"/L/{line['label']}"),
        MainPage("leaflet", None, f"/leaflet/{PARACETAMOL}"),
        MainPage("gift", None, f"/gift/{held['code']}"),
        MainPage("gift-paper", None, f"/gift/{held['code']}/paper"),
        MainPage("give", None, "/give"),
        MainPage("give-poster", None, "/give/poster"),
        MainPage("appeals", quarter.coordinator, "/appeals"),
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
        MainPage("kits", quarter.volunteer, "/kits"),
        MainPage("kit-assemble", quarter.volunteer, "/kits/kit-001/assemble"),
        MainPage("kit-bag", quarter.volunteer, f"/kits/bags/{kit_bag}"),
        MainPage("kit-sheet", quarter.volunteer, f"/kits/bags/{kit_bag}/sheet"),
        MainPage("kit", quarter.coordinator, "/kits/kit-001"),
        MainPage("kit-edit", quarter.coordinator, "/kits/kit-001/edit"),
        MainPage("forms", quarter.coordinator, "/forms"),
        MainPage("form", quarter.coordinator, "/forms/show?form=stock"),
        MainPage("opening", quarter.coordinator, "/opening"),
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
        MainPage("recalls", quarter.coordinator, "/recalls"),
        MainPage("recall-new", quarter.medic, "/recalls/new?q=口罩"),
        MainPage("recall", quarter.medic, f"/recalls/{_recalled(work)}"),
        MainPage("incidents", quarter.coordinator, "/incidents", open_first),
        MainPage("import", quarter.coordinator, "/catalogue/import"),
        MainPage("import-columns", quarter.coordinator, "/catalogue/import", upload),
        MainPage("import-preview", quarter.coordinator, "/catalogue/import", checked),
        MainPage("stock", quarter.coordinator, "/stock"),
        MainPage("stock-alerts", quarter.coordinator, "/stock/alerts"),
        MainPage("stock-balance", quarter.coordinator, "/stock/balance"),
        MainPage("stock-expiring", quarter.coordinator, "/stock/expiring"),
        MainPage("stock-levels", quarter.coordinator, "/stock/levels"),
        MainPage("stock-history", quarter.coordinator, f"/stock/history/item/{town.items[MASK]}"),
        MainPage("catalogue", quarter.coordinator, "/catalogue"),
        MainPage("catalogue-item", quarter.medic, f"/catalogue/{town.items[PARACETAMOL]}"),
        MainPage("catalogue-edit", quarter.coordinator, f"/catalogue/{town.items[PARACETAMOL]}/edit"),
        MainPage("ingredients", quarter.medic, "/catalogue/ingredients"),
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
        MainPage("transfers", quarter.volunteer, "/transfers"),
        MainPage("transfer-new", quarter.volunteer, "/transfers/new"),
        MainPage("transfer", quarter.volunteer, f"/transfers/{bag}"),
        MainPage("transfer-slip", quarter.volunteer, f"/transfers/{bag}/slip"),
        MainPage("waste", quarter.volunteer, "/disposals"),
        MainPage("waste-box", quarter.volunteer, f"/disposals/{box}"),
        MainPage("waste-record", quarter.medic, f"/disposals/{box}/record"),
        MainPage("losses", quarter.coordinator, "/losses"),
        MainPage("audit", town.auditor, "/audit"),
        MainPage("not-found", quarter.coordinator, "/nowhere"),
    )


def _recalled(work: Work) -> str:
    """A recall with a pack in quarantine and one in a care parcel."""
    quarter, phone = work.quarter, work.phone
    lines = [{"item": work.town.items[MASK], "quantity": 1}]
    said = {"name_zh": "口罩包", "name_en": "Masks", "valid_from": work.today, "lines": lines}
    kit = phone.do(quarter.coordinator, "/api/kits/recipes", **said)["id"]
    label = work.shelved(MASK, 3, lot="Q9")[0]
    pack = phone.post(quarter.volunteer, "/api/scan", text=label)["meaning"]["subject"]
    phone.do(quarter.volunteer, "/api/kits/assemble", kit=kit, station=quarter.station, packs=[pack])
    named = [{"item": work.town.items[MASK], "lot_number": "Q9"}]
    made = phone.do(quarter.medic, "/api/recalls", title="口罩 Q9 批召回", severity=2, criteria=named)
    return str(made["recall"])


def _assembled(work: Work) -> str:
    """A care parcel with bleach and a mask in it."""
    quarter, phone = work.quarter, work.phone
    lines = [{"item": work.town.items[code], "quantity": 1} for code in (MASK, BLEACH)]
    said = {"name_zh": "防护包", "name_en": "Protection", "valid_from": work.today, "lines": lines}
    kit = phone.do(quarter.coordinator, "/api/kits/recipes", **said)["id"]
    codes_of = [work.shelved(code, 3, lot="K1")[0] for code in (MASK, BLEACH)]
    packs = [phone.post(quarter.volunteer, "/api/scan", text=code)["meaning"]["subject"] for code in codes_of]
    made = phone.do(quarter.volunteer, "/api/kits/assemble", kit=kit, station=quarter.station, packs=packs)
    return str(made["bags"][0])


def _type(visitor: Visitor, text: str) -> None:
    visitor.fill("ui.scan.type", text)
    visitor.press("ui.scan.go")
    visitor.main.locator("[data-outcome=wrong]").wait_for()
