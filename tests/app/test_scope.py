"""Two communities that do not see each other: what is the other's looks absent, and no list, search or count tells."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import insert, update

from app.base.clock import Clock
from app.base.db import Database, SqliteDatabase
from app.base.models import AccountScope
from app.base.permissions import SYSTEM, ScopeKind
from app.base.settings import Settings
from app.main import document
from distribution.models import Household
from inventory import stations
from tests.app.test_authorisation import ANYONE, TABLE
from tests.app.test_bad_input import row_counts
from tests.journeys.town import ELDER, HEALTHY, MASKS, OF_EIGHTY, PARACETAMOL, Hand, Side, Town, opened

DOCUMENT = document(Settings())
LETTERS = {"V": "volunteer", "M": "member", "L": "leader", "P": "medic", "C": "coordinator"}
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
Ids = dict[str, Any]


def day(town: Town, side: Side) -> Ids:
    """A day at one side, with something at every stage; the ids and codes of it all."""
    held, batch = town.receive(PARACETAMOL, side), side.volunteer.do("/api/labels", sheets=1)
    out, assigned = town.promise(MASKS, side), town.promise(MASKS, side, door=1)
    out_code = town.out(out, side)
    assigned_code = town.pack(assigned, side)
    round_id = town.plan_round(assigned, side=side)
    ready = town.promise(MASKS, side, door=2)
    town.pack(ready, side)
    planned = town.promise(MASKS, side, door=3)
    for_medic = town.promise(PARACETAMOL, side, groups=ELDER, health=OF_EIGHTY)
    (case,) = side.medic.see("/api/medic/cases")["cases"]
    resident = town.register(side)
    need = town.need(resident, MASKS, side)
    (line,) = side.volunteer.see(f"/api/parcels/{planned}")["lines"]
    label = side.volunteer.see(f"/api/packs/{line['pack']}")["label"]
    incident = suspect(town, side, batch["codes"][0])
    shelf, moved = another_shelf(side), town.shelve(MASKS, side)["pack"]
    move = side.volunteer.do("/api/packs/move", pack=moved, place=shelf)["move"]
    return {
        "station": side.station, "team": side.team, "community": side.community, "household": side.doors[0],
        "held": held["pack"], "donation": held["donation"], "line_given": held["line"], "batch": batch["id"],
        "out": out, "out_code": out_code, "assigned": assigned, "assigned_code": assigned_code, "round": round_id,
        "ready": ready, "planned": planned, "line": line["id"], "pack_code": label, "for_medic": for_medic,
        "case": case["line"], "resident": resident, "need": need, "plan": town.plan(side)["plan"]["id"],
        "account": side.member.account, "incident": incident, "place": shelf, "moved": moved, "move": move,
        "kit_bag": kit_bag(town, side), "released": released(town, side), "appeal": appealed(town, side),
        **leaving(town, side), **counted(town, side),
    }  # fmt: skip


def released(town: Town, side: Side) -> str:
    """A release that could be undone."""
    got = town.receive(MASKS, side)
    return str(side.second.do("/api/held/release", pack=got["pack"])["batch"])


def appealed(town: Town, side: Side) -> str:
    """The appeal of the side's community."""
    body = appeal_of({"community": side.community, "station": side.station, "masks": town.items[MASKS]})
    return str(side.coordinator.do("/api/appeals", **body)["appeal"])


def appeal_of(ids: Ids) -> dict[str, Any]:
    """An appeal for masks."""
    return {
        "key": uuid4(), "community": ids["community"], "title_zh": "缺口罩", "title_en": "Masks", "until": DAY,
        "wanted": [{"item": ids["masks"]}], "bring_to": [{"station": ids["station"], "address": "和平路 12 号"}],
    }  # fmt: skip


def own_but(ids: Ids, reached: str) -> Ids:
    """The caller's own, but for one thing."""
    mine = {name: ids[f"own {name}"] for name in ("community", "station", "masks")}
    return mine | {reached: ids[reached]}


def leaving(town: Town, side: Side) -> Ids:
    """Goods on the way to a second station of the side, lost, and in a sealed waste box."""
    packs = [town.shelve(MASKS, side)["pack"] for _ in range(4)]
    codes = [side.volunteer.see(f"/api/packs/{pack}")["label"] for pack in packs]
    there = second_station(town, side)
    way = side.volunteer.do("/api/transfers", source=side.station, target=there)["transfer"]
    side.volunteer.do("/api/transfers/send", transfer=way, code=codes[0])
    damaged = {"station": side.station, "why": "damaged"}
    side.volunteer.do("/api/bins/set-aside", code=codes[1], **damaged)
    sealed = side.volunteer.do("/api/disposals", station=side.station, packs=1, grams=90, seal="F1")["disposal"]
    aside = side.volunteer.do("/api/bins/set-aside", code=codes[2], **damaged)["aside"]
    gone = {"station": side.station, "quantity": 1, "why": "given_back", "note": "还给捐赠人"}
    loss = side.volunteer.do("/api/losses", pack=packs[3], **gone)["loss"]
    return {"station2": there, "transfer": way, "disposal": sealed, "aside": aside, "loss": loss}


def counted(town: Town, side: Side) -> Ids:
    """A stocktake that is over, with what was found in it; and a receipt that could be taken back."""
    found = side.coordinator.see("/api/places")["stations"]
    own = next(one["places"] for one in found if one["station"]["id"] == str(side.station))
    place = next(one["id"] for one in own if one["kind"] == "quarantine")
    take = side.volunteer.do("/api/stocktakes", station=side.station, places=[place])["stocktake"]
    seen = {"stocktake": take, "place": place, "item": town.items[MASKS], "quantity": 1}
    scan = side.volunteer.do("/api/stocktakes/found", **seen)["scan"]
    side.volunteer.do("/api/stocktakes/finish", stocktake=take)
    line = side.coordinator.see(f"/api/stocktakes/{take}/variances")["lines"][-1]["line"]
    side.coordinator.do("/api/stocktakes/end", stocktake=take, leave=True)
    act = side.volunteer.see("/api/stock/acts?mine=true")["acts"][0]["movement"]
    return {"stocktake": take, "count_line": line, "count_scan": scan, "act": act}


def second_station(town: Town, side: Side) -> str:
    """Another station of the side, at which its volunteer works too."""
    made = town.db.write_now(stations.open_station, f"{side.station} 二站", side.community, SYSTEM, NOW)
    scope = insert(AccountScope).values(account=side.volunteer.account, kind=ScopeKind.STATION, scope=made)
    town.db.write_now(lambda session: session.execute(scope).close())
    return str(made)


def another_shelf(side: Side) -> str:
    """A shelf of the side's station on which nothing stands yet."""
    (station,) = side.volunteer.see("/api/places")["stations"]
    return str(next(place["id"] for place in station["places"] if place["name"] == "货架B"))


def kit_bag(town: Town, side: Side) -> str:
    """An assembled care parcel with nothing but masks in it."""
    pack = town.shelve(MASKS, side)["pack"]
    made = side.volunteer.do("/api/kits/assemble", kit=recipe(town, side), station=side.station, packs=[pack])
    return str(made["bags"][0])


def recipe(town: Town, side: Side) -> str:
    """The one recipe of the town for it; all communities share the recipes."""
    for known in side.volunteer.see("/api/kits"):
        if known["name_en"] == "Masks":
            return str(known["id"])
    lines = [{"item": town.items[MASKS], "quantity": 1}]
    said = {"name_zh": "口罩包", "name_en": "Masks", "valid_from": DAY, "lines": lines}
    return str(side.coordinator.do("/api/kits/recipes", **said)["id"])


def suspect(town: Town, side: Side, code: str) -> str:
    """Two volunteers stick one label on two boxes; the incident that this opens."""
    town.receive(MASKS, side, line={"label": code})
    line = town.line(MASKS, label=code)
    assert side.second.refused("/api/donations", station=side.station, declared=True, line=line) == "LABEL_TAKEN"
    (incident,) = side.coordinator.see("/api/incidents")["incidents"]
    return str(incident["id"])


class Both(NamedTuple):
    """The town after a day on each side."""

    town: Town
    near: Ids
    far: Ids


@pytest.fixture(scope="module")
def both(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("scope")
    (folder / "data").mkdir()
    shutil.copy(migrated_sqlite, folder / "data" / "nuanxin.sqlite3")
    database = SqliteDatabase(folder / "data" / "nuanxin.sqlite3")
    with opened(database, Clock("Asia/Shanghai", lambda: NOW), folder) as town:
        yield Both(town, day(town, town.near), day(town, town.far))
    database.close()


class Reach(NamedTuple):
    """A request that names a thing: of which field, and how it is asked with a thing's id in that place."""

    operation: str
    thing: str
    body: Callable[[Ids], dict[str, Any]] | None
    """None: the thing stands in the address."""


def put(operation: str, thing: str, field: str, **others: str | object) -> Reach:
    """A write whose ``field`` names the thing; ``others`` that begin with @ name things of the caller's own."""

    def body(ids: Ids) -> dict[str, Any]:
        filled = {name: ids[f"own {str(value)[1:]}"] if _is_own(value) else value for name, value in others.items()}
        return {"key": uuid4(), **filled, field: ids[thing]}

    return Reach(operation, thing, body)


def _is_own(value: object) -> bool:
    return isinstance(value, str) and value.startswith("@")


def inside(operation: str, thing: str, body: Callable[[Ids], dict[str, Any]]) -> Reach:
    """A write that names the thing deeper in its body."""
    return Reach(operation, thing, body)


def level(item: object, station: object) -> dict[str, Any]:
    """Figures of an item at a station."""
    return {"key": uuid4(), "levels": [{"item": item, "station": station, "low": 1, "enough": 2}]}


def at(operation: str, thing: str) -> Reach:
    """An operation whose address names the thing."""
    return Reach(operation, thing, None)


LINE = {"called": "口罩", "lot_number": "B1", "expiry": "2028-05", "look": {}}
DAY = NOW.date().isoformat()
SAID = {"phone_at": NOW.isoformat()}
PERSON: dict[str, Any] = {
    "name": "测试",
    "address": "测试路",
    "phone": None,
    "groups": [],
    "consent": {"basis": "consent", "version": "1", "given_on": DAY, "health": True},
    "health": HEALTHY,
}


def decided(ids: Ids, line: object) -> dict[str, Any]:
    """A word on one line of a stocktake."""
    return {"key": uuid4(), "stocktake": ids["stocktake"], "lines": [line]}


GONE: dict[str, Any] = {"quantity": 1, "why": "missing", "note": "不在货架上"}


def newcomer(role: str, kind: str, ids: Ids) -> dict[str, Any]:
    """Somebody new whose role is to hold at the thing."""
    return {"key": uuid4(), "role": role, "handle": uuid4().hex, "scopes": [[kind, ids[kind]]]}


REACHES = [
    put("receiveDonation", "station", "station", line=LINE),
    put("receiveDonation", "donation", "donation", station="@station", line=LINE),
    at("readDonation", "donation"),
    put("takeBackLine", "line_given", "line"),
    put("receiveBoxes", "station", "station", item="@masks"),
    put("receiveBoxes", "donation", "donation", station="@station", item="@masks"),
    inside("takeBackBoxes", "line_given", lambda ids: {"key": uuid4(), "lines": [ids["line_given"]]}),
    inside("scanLine", "station", lambda ids: {"station": ids["station"], "beside": {"item": ids["own masks"]}}),
    put("draftTransfer", "station", "source", target="@station2"),
    at("readTransfer", "transfer"),
    put("sendPack", "transfer", "transfer", code="@pack_code"),
    put("takeOutPack", "transfer", "transfer", pack="@moved"),
    put("departTransfer", "transfer", "transfer"),
    put("receiveTransfer", "transfer", "transfer", code="@pack_code", sealed=True),
    put("receiveSurplus", "transfer", "transfer", code="@pack_code", why="unknown", note="多出来"),
    put("reportMissing", "transfer", "transfer", why="unknown", note="没有到"),
    put("receiveBack", "transfer", "transfer", code="@pack_code", sealed=True),
    put("writeOffMissing", "transfer", "transfer", pack="@moved", note="找过"),
    put("callOffTransfer", "transfer", "transfer"),
    put("reportLoss", "station", "station", pack="@moved", **GONE),
    put("reportLoss", "moved", "pack", station="@station", **GONE),
    put("decideLoss", "loss", "loss", confirmed=True),
    put("findAgain", "station", "station", code="@pack_code", quantity=1, note="找到"),
    at("readBin", "station"),
    put("setAside", "station", "station", code="@pack_code", why="damaged"),
    put("putBackFromBin", "aside", "aside"),
    put("clearExpired", "station", "station"),
    put("sealBin", "station", "station", packs=1, grams=90, seal="F2"),
    at("readDisposal", "disposal"),
    put("witnessDisposal", "disposal", "disposal"),
    put("reopenBin", "disposal", "disposal", note="封错"),
    put("handBinOver", "disposal", "disposal", taker="处置中心", receipt="1", taken_on=DAY),
    put("movePackBack", "move", "move"),
    put("movePack", "moved", "pack", place="@place"),
    put("movePack", "place", "place", pack="@moved"),
    put("assembleKits", "station", "station", kit="@kit", packs="@[moved]"),
    at("readKitBag", "kit_bag"),
    inside("takeKitsApart", "kit_bag", lambda ids: {"key": uuid4(), "bags": [ids["kit_bag"]]}),
    put("putKitTogether", "kit_bag", "bag"),
    inside("countPlace", "place", lambda ids: {"place": ids["place"]}),
    inside("printThings", "moved", lambda ids: {"what": "pack", "subjects": [ids["moved"]]}),
    put("reprintLabel", "moved", "subject", why="lost"),
    put("releasePack", "held", "pack"),
    put("refusePack", "held", "pack", reason="doubtful"),
    put("unreleasePacks", "released", "batch"),
    put("withdrawAppeal", "appeal", "appeal"),
    inside("publishAppeal", "community", lambda ids: appeal_of(own_but(ids, "community"))),
    inside("publishAppeal", "station", lambda ids: appeal_of(own_but(ids, "station"))),
    put("lookAtPack", "held", "pack", look={}),
    put("identifyPack", "held", "pack", item=str(uuid4())),
    put("issueLabels", "station", "station", sheets=1),
    at("printLabels", "batch"),
    at("readPlace", "place"),
    at("readPlaceHistory", "place"),
    at("readDoings", "account"),
    inside("setLevels", "station", lambda ids: level(ids["own masks"], ids["station"])),
    inside("printThings", "place", lambda ids: {"what": "place", "subjects": [ids["place"]]}),
    inside("printThings", "batch", lambda ids: {"what": "batch", "subjects": [ids["batch"]]}),
    at("readPack", "held"),
    put("registerResident", "household", "household", **PERSON),
    put("correctResident", "resident", "resident", version=NOW.isoformat()),
    put("recordNeed", "resident", "resident", urgency="ordinary", item="@masks"),
    put("closeNeed", "need", "need", why="mistake"),
    put("proposePlan", "community", "community"),
    put("approvePlan", "plan", "plan"),
    at("readPlan", "plan"),
    put("decideMedicCase", "case", "line", released=False),
    at("readParcel", "planned"),
    put("packScan", "planned", "parcel", code="@pack_code"),
    put("dropParcelLine", "planned", "parcel", line="@line", reason="other"),
    put("dropParcelLine", "line", "line", parcel="@planned", reason="other"),
    put("unpackParcel", "planned", "parcel", reason="other"),
    put("claimParcelLabel", "for_medic", "parcel"),
    at("parcelLabel", "ready"),
    at("parcelLeaflet", "for_medic"),
    at("readRound", "round"),
    at("roundSheet", "round"),
    put("assignToRound", "round", "round", parcel="@ready"),
    put("assignToRound", "ready", "parcel", round="@round"),
    put("withdrawFromRound", "round", "round", parcel="@assigned"),
    put("withdrawFromRound", "ready", "parcel", round="@round"),
    put("planRound", "team", "team", day=DAY, parcels="@[ready]"),
    inside(
        "planRound",
        "ready",
        lambda ids: {"key": uuid4(), "team": ids["own team"], "day": DAY, "parcels": [ids["ready"]]},
    ),
    put("closeIncident", "incident", "incident", outcome="all_right"),
    put("takeOverParcel", "assigned", "parcel"),
    put("handOverParcel", "out", "parcel", receiver="self", **SAID),
    put("failDelivery", "out", "parcel", reason="no_answer", **SAID),
    inside("createAccount", "station", lambda ids: newcomer("volunteer", "station", ids)),
    inside("createAccount", "team", lambda ids: newcomer("member", "team", ids)),
    at("inviteAccount", "account"),
    at("endSignIns", "account"),
    at("endAccount", "account"),
    at("readStocktake", "stocktake"),
    put("countScan", "stocktake", "stocktake", place="@place", text="@pack_code"),
    put("countFound", "stocktake", "stocktake", place="@place", item="@masks", quantity=1),
    put("withdrawScan", "count_scan", "scan"),
    put("finishCount", "stocktake", "stocktake"),
    put("startRecount", "count_line", "line"),
    put("finishRecount", "count_line", "line"),
    at("readVariances", "stocktake"),
    inside("approveVariances", "stocktake", lambda ids: decided(ids, {"line": ids["own count_line"], "why": "taken"})),
    inside("refuseVariances", "stocktake", lambda ids: decided(ids, ids["own count_line"])),
    put("endStocktake", "stocktake", "stocktake"),
    at("readStocktakeReport", "stocktake"),
    at("readAct", "act"),
    put("undoAct", "act", "movement", why="twice"),
    put("openStocktake", "station", "station"),
]  # fmt: skip

ONE_BY_ONE = {"releasePacks": "releasePack", "refusePacks": "refusePack", "decideMedicCases": "decideMedicCase"}
"""Batches, whose answer tells of each for itself; tested below."""
BY_CODE = {"takeBackParcel", "lookUp", "endLabel", "readPhoto"}
"""What names its thing by a scanned code; tested below."""
BEFORE_TWO = {"reprintLabel"}
"""What a second person must look on at: alone, the own thing is found and refused."""
BY_RECALL = {"openRecallDoor", "recordRecallCall", "takeRecalledKitApart"}
"""What names a line that somebody was given, or a care parcel; tried from out of scope in the tests of recalls."""
RECALLS = {"readRecall", "closeRecall", "withdrawRecall"}
"""A recall is the whole sub-district's; what each reader sees of it is tried in the tests of recalls."""
NOBODY_S_OWN = {
    "uploadGoods",
    "readImport",
    "listImportRows",
    "chooseImportColumns",
    "applyImport",
    "readItemLevel",
    "readItemHistory",
    "readLotHistory",
    "readPolicy",
    "exportForm",
    "readKitStock",
    "listKitVersions",
    "enactRecipe",
    "listPolicyVersions",
    "signPolicy",
    "declinePolicy",
    "withdrawPolicy",
    "readItem",
    "editItem",
    "verifyItem",
    "withdrawItemChange",
    "judgeBarcode",
}
"""What names a thing that all communities share: an item of the catalogue, a policy, a proposal of one."""


def addresses() -> dict[str, tuple[str, str]]:
    """(method, path) of every operation of the document."""
    return {
        operation["operationId"]: (method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def test_every_operation_that_names_a_thing_is_tried_here() -> None:
    names = set()
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            of = DOCUMENT["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], {})
            things = {field for field, kind in of.get("properties", {}).items() if "uuid" in str(kind)} - {"key"}
            if things or "{" in path:
                names.add(operation["operationId"])
    tried = {reach.operation for reach in REACHES}
    assert names <= tried | set(ONE_BY_ONE) | BY_CODE | NOBODY_S_OWN | BY_RECALL | RECALLS


def own(both: Both) -> Ids:
    """What the caller's own request is filled with beside the thing it reaches for."""
    ids = {f"own {name}": value for name, value in both.near.items()}
    shared = {"own masks": both.town.items[MASKS], "own kit": recipe(both.town, both.town.near)}
    return ids | shared | {"own [ready]": [both.near["ready"]], "own [moved]": [both.near["moved"]]}


def ask(hand: Hand, reach: Reach, ids: Ids) -> httpx.Response:
    method, path = addresses()[reach.operation]
    if reach.body is not None:
        return hand.post(path, **reach.body(ids))
    return hand.browser.request(method, re.sub(r"\{\w+\}", str(ids[reach.thing]), path), headers=hand.headers)


def callers(side: Side, reach: Reach) -> dict[str, Hand]:
    """Those of a side whose role has the verb; a leader lets in nobody but members."""
    letters = "C" if (reach.operation, reach.thing) == ("createAccount", "station") else TABLE[reach.operation]
    return {role: side.hands[role] for letter, role in LETTERS.items() if letter in letters}


@pytest.mark.parametrize("reach", REACHES, ids=[f"{one.operation}-{one.thing}" for one in REACHES])
def test_the_other_s_thing_looks_exactly_like_none(both: Both, reach: Reach) -> None:
    tried = callers(both.town.near, reach)
    assert tried
    before = both.town.db.read_now(row_counts)
    for role, hand in tried.items():
        foreign = ask(hand, reach, both.far | own(both))
        absent = ask(hand, reach, {**own(both), reach.thing: uuid4()})
        assert (foreign.status_code, foreign.json()["code"]) == (404, "NOT_FOUND"), (role, foreign.text)
        assert foreign.content == absent.content, role
        assert foreign.headers.keys() == absent.headers.keys(), role
    assert both.town.db.read_now(row_counts) == before


def test_the_own_side_finds_all_of_it(sqlite_db: Database, clock: Clock, tmp_path: Path) -> None:
    """Else the test above could pass on misspelt requests. In the order of the table, as each changes something."""
    with opened(sqlite_db, clock, tmp_path) as town:
        both = Both(town, day(town, town.near), {})
        lost = {}
        for reach in REACHES:
            hands = callers(town.near, reach).values()
            told = [ask(hand, reach, both.near | own(both)).status_code for hand in hands]
            found = {403} if reach.operation in BEFORE_TWO else set()
            if all(status in {400, 401, 403, 404} - found for status in told):
                lost[f"{reach.operation} {reach.thing}"] = told
        assert lost == {}


def test_a_batch_refuses_the_other_s_things_one_by_one(both: Both) -> None:
    near = both.town.near
    (released,) = near.medic.post("/api/held/release-many", packs=[{"key": uuid4(), "pack": both.far["held"]}]).json()
    assert (released["outcome"], released["code"]) == ("no", "NOT_FOUND")
    decision = {"key": uuid4(), "line": both.far["case"], "released": True}
    (decided,) = near.medic.post("/api/medic/decide-many", decisions=[decision]).json()["decisions"]
    assert (decided["state"], decided["refused"]) == ("", "NOT_FOUND")


def test_the_other_s_label_opens_nothing(both: Both) -> None:
    near, far = both.town.near, both.far
    assert near.member.refused("/api/parcels/take-over", code=far["assigned_code"]) == "NOT_FOUND"
    assert near.volunteer.refused("/api/parcels/take-back", code=far["out_code"], sealed=True) == "NOT_FOUND"
    wrong = near.volunteer.refused("/api/parcels/scan", parcel=both.near["planned"], code=far["pack_code"])
    assert wrong == "PACK_ELSEWHERE"
    # The scan itself tells whoever holds the label what it is on; the page that it opens is not for the finder.
    told = near.volunteer.post("/api/scan", text=far["pack_code"]).json()
    assert near.volunteer.get(told["page"]).status_code == 404


EVERY_STATION = {"/transfers/new"}
"""Where goods may be sent: the stations are public, and a transfer may go to any."""
OWN_DOINGS = {"/audit", "/api/audit/own", "/api/openapi.json"}
"""The reader's own doings, which grow with each look, and the description of the service."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NONCE = re.compile(r'nonce="[^"]+"')


APPEALS = {"/give", "/GIVE", "/give/poster", "/api/appeals"}
"""What is asked of everybody, with the stations to bring it to, is public."""


def looks(town: Town, hand: Hand, *searches: str) -> dict[str, str]:
    """Every list, count and page that needs no id, and the searches: what somebody sees of them."""
    paths = (
        {route.path for route in town.browser.app.routes if "{" not in route.path}
        - OWN_DOINGS
        - EVERY_STATION
        - APPEALS
    )
    shared = [f"{page}/items/{town.items[MASKS]}" for page in ("/api/levels", "/stock")]
    seen = {}
    for path in (*sorted(paths), *shared, *searches):
        answer = hand.get(path)
        if answer.status_code == 200:
            seen[path] = _NONCE.sub("", answer.text)
    return seen


def doors(town: Town, side: Side) -> list[int]:
    """The numbers of a side's doors."""
    return town.column(Household.serial, Household.community == side.community)


MORE = tuple(f"/api/{name}?limit=200" for name in ("held", "needs", "plans", "labels", "accounts"))


def test_no_list_holds_anything_of_the_other(both: Both) -> None:
    town, far = both.town, both.far
    telling = {str(value) for value in far.values()} | {str(hand.account) for hand in town.far.hands.values()}
    telling |= {"胜南"} | {str(serial) for serial in doors(town, town.far)}
    seen = {role: looks(town, hand, *MORE) for role, hand in town.near.hands.items()}
    found = {
        f"{role} {path}": told
        for role, pages in seen.items()
        for path, text in pages.items()
        if (told := sorted(one for one in telling if one in text))
    }
    assert found == {}
    # The own things do stand in them.
    whole = " ".join(text for pages in seen.values() for text in pages.values())
    assert all(
        str(both.near[name]) in whole for name in ("held", "planned", "round", "need", "plan", "case", "account")
    )


@pytest.mark.parametrize("role", ["member", "leader", "coordinator"])
def test_a_search_for_the_other_s_door_is_answered_like_one_for_no_door(both: Both, role: str) -> None:
    hand = both.town.near.hands[role]
    (door, *_), nowhere = doors(both.town, both.town.far), 999_999
    searches = [(f"{path}?serial=", str(door), str(nowhere)) for path in ("/api/residents", "/residents", "/needs/new")]
    searches.append(("/needs/new?resident=", str(both.far["resident"]), str(uuid4())))
    for path, theirs, none in searches:
        found, absent = hand.get(path + theirs), hand.get(path + none)
        assert (found.status_code, cleaned(found, theirs)) == (absent.status_code, cleaned(absent, none)), path


def cleaned(answer: httpx.Response, asked: str) -> str:
    """A page without what differs at each look, and without what was asked for."""
    return _ID.sub("", _NONCE.sub("", answer.text.replace(asked, "")))


def test_no_list_and_no_count_changes_with_the_other_s_day(sqlite_db: Database, clock: Clock, tmp_path: Path) -> None:
    with opened(sqlite_db, clock, tmp_path) as town:
        day(town, town.near)
        for hand in town.near.hands.values():
            looks(town, hand)  # an alert is new to whoever sees it first
        before = {role: looks(town, hand) for role, hand in town.near.hands.items()}
        day(town, town.far)
        for role, hand in town.near.hands.items():
            after = looks(town, hand)
            changed = {path for path in after if _ID.sub("", after[path]) != _ID.sub("", before[role][path])}
            assert changed == set(), role


def test_an_ended_sign_in_opens_nothing_from_the_next_request_on(db: Database, clock: Clock, tmp_path: Path) -> None:
    with opened(db, clock, tmp_path) as town:
        for hand in town.near.hands.values():
            assert hand.get("/api/me").status_code == 200
            town.browser.delete(f"/api/accounts/{hand.account}/sign-ins", headers=town.administrator.headers)
            assert opened_still(hand) == []
            assert str(hand.account) not in hand.get("/").text
            assert hand.get("/needs").headers["location"].startswith("/sign-in")


def opened_still(hand: Hand) -> list[str]:
    """The operations that still answer somebody otherwise than that nobody is signed in."""
    still = []
    for name, (method, path) in addresses().items():
        body: Any = {} if method == "POST" else None
        filled = re.sub(r"\{\w+\}", str(uuid4()), path)
        told = hand.browser.request(method, filled, headers=hand.headers, json=body)
        if TABLE[name] != ANYONE and (told.status_code, told.json()["code"]) != (401, "SIGN_IN_NEEDED"):
            still.append(name)
    return still


def test_who_was_let_go_is_out_at_once_and_who_moved_sees_the_new_side_only(
    db: Database, clock: Clock, tmp_path: Path
) -> None:
    with opened(db, clock, tmp_path) as town:
        near, far = town.near, town.far
        got = town.receive(MASKS)
        assert near.volunteer.get(f"/api/packs/{got['pack']}").status_code == 200
        moved = update(AccountScope).where(AccountScope.account == near.volunteer.account).values(scope=far.station)
        town.db.write_now(lambda session: session.execute(moved))
        assert near.volunteer.get(f"/api/packs/{got['pack']}").status_code == 404
        assert [row["id"] for row in near.volunteer.see("/api/stations")] == [str(far.station)]
        ended = town.browser.delete(f"/api/accounts/{near.member.account}", headers=near.coordinator.headers)
        assert ended.status_code == 204
        assert near.member.get("/api/me").status_code == 401
